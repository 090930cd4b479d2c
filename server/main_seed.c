#include "server/main_seed.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "raft/peer_image.h"
#include "store/base/log.h"

#define TELL_MS 2000
#define PAUSE_FIRST_MS 125
#define PAUSE_MAX_MS 2000

static uint64_t mono_ms(void) {
    return port_system_clock.mono_ms(port_system_clock.impl);
}

static void pause_ms(uint64_t ms) {
    struct timespec time = {.tv_sec = (time_t)(ms / 1000),
                            .tv_nsec = (long)(ms % 1000) * 1000000L};

    while (nanosleep(&time, &time) != 0)
        continue;
}

/* ---- progress */

static void tell(struct seeding *s) {
    const struct image_progress *p = &s->progress;
    uint64_t now = mono_ms();
    char from[40] = ""; /* a file, and this node itself, are no donors */

    if (now < s->told_ms + TELL_MS)
        return;
    s->told_ms = now;
    if (!s->people)
        log_event(LOG_INFO, "node.seeding", log_u64("donor", s->donor),
                  log_str("step", s->step), log_u64("rows", p->rows),
                  log_u64("rows_total", p->rows_total), log_u64("bytes", p->bytes),
                  log_end());
    if (s->people && s->donor != 0)
        (void)snprintf(from, sizeof from, "node %llu: ", (unsigned long long)s->donor);
    if (s->people && p->rows_total == 0)
        fprintf(stderr, "tasukid: %s%s\n", from, s->step);
    else if (s->people)
        fprintf(stderr, "tasukid: %s%s, %llu of %llu rows, %llu MiB\n", from, s->step,
                (unsigned long long)p->rows, (unsigned long long)p->rows_total,
                (unsigned long long)(p->bytes >> 20));
}

static void on_take(void *arg, uint64_t donor, const char *state) {
    struct seeding *s = arg;

    s->donor = donor;
    s->step = state;
    if (s->sink)
        s->progress = store_image_sink_progress(s->sink);
    tell(s);
}

static void on_seed(void *arg, const char *step,
                    const struct image_progress *progress) {
    struct seeding *s = arg;

    s->step = step;
    if (progress && progress->bytes > 0) /* later steps copy nothing */
        s->progress = *progress;
    tell(s);
}

static void tell_failed(const struct seeding *s, uint64_t donor, const char *why) {
    if (s->people)
        fprintf(stderr, "tasukid: node %llu: %s\n", (unsigned long long)donor, why);
    else
        log_event(LOG_WARN, "node.seeding_failed", log_u64("donor", donor),
                  log_str("why", why), log_end());
}

static void tell_done(const struct seeding *s, uint64_t ms) {
    const struct image_progress *p = &s->progress;

    if (s->people)
        fprintf(stderr, "tasukid: node %llu gave %llu rows, %llu bytes, in %llu ms\n",
                (unsigned long long)s->donor, (unsigned long long)p->rows,
                (unsigned long long)p->bytes, (unsigned long long)ms);
    else
        log_event(LOG_INFO, "node.seeded", log_u64("donor", s->donor),
                  log_u64("rows", p->rows), log_u64("bytes", p->bytes),
                  log_u64("ms", ms), log_end());
}

/* ---- one node after the other */

void seeding_init(struct seeding *s, const struct config *config,
                  const char *config_path, bool people) {
    memset(s, 0, sizeof *s);
    s->config = config;
    s->config_path = config_path;
    s->people = people;
    s->step = "beginning";
    s->seed.data_dir = config->data_dir;
    s->seed.node_id = config->node_id;
    s->seed.cluster_id = config->cluster_id;
    s->seed.map_bytes = config->map_bytes;
    port_system_random.fill(port_system_random.impl, &s->seed.epoch_chance,
                            sizeof s->seed.epoch_chance);
    s->seed.progress = on_seed;
    s->seed.arg = s;
    for (size_t i = 0; i < config->peers_count; i++) {
        const struct repl_peer_config *peer = &config->peers[i];

        if (peer->id != config->node_id)
            continue;
        memcpy(s->seed.address, peer->address, sizeof s->seed.address);
        memcpy(s->seed.region, peer->region, sizeof s->seed.region);
    }
}

/* *ret_again: another try may go better. */
static enum err pull_from(struct seeding *s, const struct peer_image_take *take,
                          size_t donor, bool *ret_again, char why[256]) {
    enum err err;

    *ret_again = false;
    memset(&s->progress, 0, sizeof s->progress);
    err = repl_seed_begin(&s->seed, IMAGE_COPY, &s->sink, why);
    if (err)
        return err;
    err = peer_image_take(take, donor, s->sink, why);
    s->progress = store_image_sink_progress(s->sink);
    if (err) {
        /* Its own certificate, disk and memory are the same at the next donor. */
        *ret_again = err != ERR_CONFIG && err != ERR_NO_SPACE && err != ERR_NOMEM;
        repl_seed_abort(&s->seed, s->sink);
        s->sink = NULL;
        return err;
    }
    err = repl_seed_finish(&s->seed, IMAGE_COPY, s->sink, why);
    s->sink = NULL;
    /* What only the end of the stream could tell is the donor's fault. */
    *ret_again = err == ERR_INVALID || err == ERR_STALE;
    return err;
}

static enum err pull(struct seeding *s, const struct peer_image_take *take, bool joins,
                     char why[256]) {
    uint64_t pause = PAUSE_FIRST_MS;

    for (;;) {
        size_t tried = 0, denied = 0;

        for (size_t i = 0; i < take->donors_count; i++) {
            bool again;
            enum err err;

            if (take->donors[i].id == take->node_id)
                continue;
            tried++;
            why[0] = 0;
            err = pull_from(s, take, i, &again, why);
            if (!err || !again)
                return err;
            denied += err == ERR_DENIED ? 1 : 0;
            tell_failed(s, take->donors[i].id, why[0] ? why : err_str(err));
            pause_ms(pause);
        }
        /* Nobody else will say otherwise: it would ask for ever. How much of its log
         * can be read does not matter; a node that joins may be added yet. */
        if (!joins && denied > tried / 2) {
            snprintf(
                why, 256,
                "this node was removed from the cluster: %zu of %zu nodes say that "
                "it is no member. A node in its place needs a new id",
                denied, tried);
            return ERR_NOT_FOUND;
        }
        if (tried == 0) {
            snprintf(why, 256,
                     "there is no peer line but this node's own: nobody can "
                     "give it an image");
            return ERR_CONFIG;
        }
        pause = pause * 2 < PAUSE_MAX_MS ? pause * 2 : PAUSE_MAX_MS;
    }
}

enum err seeding_pull(struct seeding *s, uint64_t floor_index, bool joins,
                      char why[512]) {
    const struct config *config = s->config;
    struct peer_image_take take = {
        .cluster_id = config->cluster_id,
        .node_id = config->node_id,
        .tls = {.ca = config->ca, .cert = config->peer_cert, .key = config->peer_key},
        .donors_count = config->peers_count,
        .floor_index = floor_index,
        .clock = port_system_clock,
        .progress = on_take,
        .arg = s,
    };
    enum err err;

    memcpy(take.donors, config->peers, sizeof take.donors);
    s->begun_ms = mono_ms();
    err = pull(s, &take, joins, why);
    if (!err)
        tell_done(s, mono_ms() - s->begun_ms);
    return err;
}

void seeding_advise(const struct seeding *s, char ret_advice[512]) {
    char why[256] = "";
    uint64_t floor_index;

    if (repl_seed_floor(&s->seed, &floor_index, why) == OK)
        snprintf(ret_advice, 512, "Mend it: tasuki reseed --config %.400s",
                 s->config_path);
    else
        snprintf(ret_advice, 512, "It cannot be mended under this id: %.250s", why);
}
