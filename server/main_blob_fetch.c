#include "server/main_blob_fetch.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "raft/peer_image.h"
#include "store/base/check.h"

#define HEARD_MS 2000 /* who was heard of in that time is up */

/* Each copy on its way has a file of its own. */
static atomic_uint_fast64_t copies;

struct fetching {
    struct blob_dir *dir;
    const struct blob_id *id;
    uint64_t writer, at;
    enum err err; /* ours, not the holder's */
};

static enum err feed(void *arg, struct span bytes, char why[256]) {
    struct fetching *fetching = arg;

    fetching->err = blob_copy_put(fetching->dir, fetching->id, fetching->writer,
                                  fetching->at, bytes);
    if (fetching->err)
        snprintf(why, 256, "it cannot be written here: %s", err_str(fetching->err));
    fetching->at += bytes.len;
    return fetching->err;
}

enum err main_blob_take(const struct config *config, struct port_clock clock,
                        struct blob_dir *dir, struct sealer *sealer,
                        const struct blob_id *id, uint64_t size, uint64_t holder,
                        const char *address, char why[256]) {
    struct peer_image_take take = {
        .cluster_id = config->cluster_id,
        .node_id = config->node_id,
        .tls = {.ca = config->ca, .cert = config->peer_cert, .key = config->peer_key},
        .donors_count = 1,
        .donors = {{.id = holder}},
        .clock = clock,
        .blob = id->b,
    };
    struct fetching fetching = {dir, id, atomic_fetch_add(&copies, 1), 0, OK};
    enum err err;

    snprintf(take.donors[0].address, sizeof take.donors[0].address, "%s", address);
    err = peer_image_take_to(&take, 0, feed, &fetching, why);
    if (err) {
        blob_copy_drop(dir, id, fetching.writer);
        return fetching.err ? fetching.err : err;
    }
    err = blob_copy_commit(dir, sealer, id, size, fetching.writer);
    if (err)
        snprintf(why, 256, "what node %llu has of it cannot be used: %s",
                 (unsigned long long)holder, err_str(err));
    return err == ERR_NOT_FOUND ? ERR_FORGED : err;
}

/* NULL: it is down, this node itself, or no member. */
static const char *address_of(const struct repl_status *status, uint64_t node) {
    for (size_t i = 0; i < status->nodes_count; i++)
        if (status->nodes[i].id == node && !status->nodes[i].self &&
            (status->nodes[i].connected || status->nodes[i].seen_age_ms < HEARD_MS))
            return status->nodes[i].address;
    return NULL;
}

/* ---- one at a time: a holder takes what is asked for again for a taker that has begun
 * anew, and gives up what it was giving. */

/* Threads of one process that fetch: pools of two and two, the keeper. */
#define FETCHES_MAX 16

static struct {
    pthread_mutex_t mutex;
    pthread_cond_t ended;
    size_t count;
    struct blob_id at[FETCHES_MAX];
} under_way = {.mutex = PTHREAD_MUTEX_INITIALIZER, .ended = PTHREAD_COND_INITIALIZER};

/* By the mutex. FETCHES_MAX: nobody fetches it. */
static size_t place_of(const struct blob_id *id) {
    for (size_t i = 0; i < under_way.count; i++)
        if (memcmp(under_way.at[i].b, id->b, sizeof id->b) == 0)
            return i;
    return FETCHES_MAX;
}

/* False: another thread fetched it, and that has ended. */
static bool fetch_begin(const struct blob_id *id) {
    bool other;

    CHECK(pthread_mutex_lock(&under_way.mutex) == 0);
    other = place_of(id) != FETCHES_MAX;
    while (place_of(id) != FETCHES_MAX)
        CHECK(pthread_cond_wait(&under_way.ended, &under_way.mutex) == 0);
    if (!other) {
        CHECK(under_way.count < FETCHES_MAX);
        under_way.at[under_way.count++] = *id;
    }
    CHECK(pthread_mutex_unlock(&under_way.mutex) == 0);
    return !other;
}

static void fetch_end(const struct blob_id *id) {
    CHECK(pthread_mutex_lock(&under_way.mutex) == 0);
    under_way.at[place_of(id)] = under_way.at[under_way.count - 1];
    under_way.count--;
    CHECK(pthread_cond_broadcast(&under_way.ended) == 0);
    CHECK(pthread_mutex_unlock(&under_way.mutex) == 0);
}

static enum err fetch(struct svc_shared *shared, struct sealer *sealer,
                      const struct blob_row *row, char why[256]) {
    struct repl_status status;
    enum err err = ERR_NOT_FOUND;

    snprintf(why, 256, "no node that holds it is up");
    repl_status(shared->repl, &status);
    for (size_t i = 0; i < row->holders_count && err && err != ERR_NO_SPACE; i++) {
        const char *address = address_of(&status, row->holders[i]);
        if (address)
            err = main_blob_take(shared->config, shared->clock, shared->blobs, sealer,
                                 &row->id, row->size, row->holders[i], address, why);
    }
    return err;
}

enum err main_blob_fetch(struct svc_shared *shared, struct sealer *sealer,
                         const struct blob_row *row, char why[256]) {
    enum err err;

    while (!fetch_begin(&row->id))
        if (blob_has(shared->blobs, &row->id))
            return OK; /* what somebody else has brought */
    err = fetch(shared, sealer, row, why);
    fetch_end(&row->id);
    return err;
}
