#include "server/usage.h"

#include <pthread.h>
#include <stdlib.h>

#include "server/worker.h"
#include "store/base/check.h"
#include "store/base/log.h"

#define FLUSH_EVERY_MS 10000
#define AGAIN_MS 500
#define SUBMIT_WAIT_MS 5000
#define LAST_WAIT_MS 2000
#define SLOTS (2 * USAGE_CLIENTS_MAX) /* a power of two */
/* As long as a batch may be on its way: then its thread has asked or ended. */
#define ONCE_TTL_MS (24u * 3600 * 1000)

struct slot {
    bool used;
    uint8_t client_id[LIMIT_CLIENT_ID];
    size_t client_id_len;
    uint64_t counts[USAGE_KINDS];
};

struct usage {
    struct svc_shared *shared;
    struct worker *worker;
    pthread_mutex_t mutex;
    struct slot *slots; /* guarded by mutex, as the next two: open addressing */
    size_t used;
    uint64_t dropped;
    /* The worker's: the batch under way, with copies of the names. */
    struct cmd_usage_add batch;
    uint8_t names[LIMIT_USAGE_BATCH][LIMIT_CLIENT_ID];
};

/* FNV-1a: names are those of registered clients, not chosen by who asks. */
static size_t place_of(struct span client_id) {
    uint64_t hash = 14695981039346656037ull;

    for (size_t i = 0; i < client_id.len; i++)
        hash = (hash ^ client_id.data[i]) * 1099511628211ull;
    return (size_t)(hash ^ hash >> 32) & (SLOTS - 1);
}

/* Its slot, or a free one; NULL: the table is full. Under the mutex. */
static struct slot *slot_of(struct usage *usage, struct span client_id) {
    for (size_t at = place_of(client_id);; at = (at + 1) & (SLOTS - 1)) {
        struct slot *slot = &usage->slots[at];

        if (!slot->used && usage->used == USAGE_CLIENTS_MAX)
            return NULL;
        if (!slot->used) {
            usage->used++;
            *slot = (struct slot){.used = true, .client_id_len = client_id.len};
            if (client_id.len > 0)
                memcpy(slot->client_id, client_id.data, client_id.len);
            return slot;
        }
        if (span_equal(span_of(slot->client_id, slot->client_id_len), client_id))
            return slot;
    }
}

void usage_count(struct usage *usage, struct span client_id, enum usage_kind kind) {
    struct slot *slot;

    if (!usage)
        return;
    CHECK(client_id.len <= LIMIT_CLIENT_ID);
    pthread_mutex_lock(&usage->mutex);
    slot = slot_of(usage, client_id);
    if (slot)
        slot->counts[kind]++;
    else
        usage->dropped++;
    pthread_mutex_unlock(&usage->mutex);
}

/* ---- the worker's */

/* An empty table takes the place of the full one, so that nobody waits for commands. */
static struct slot *take(struct usage *usage) {
    struct slot *fresh = calloc(SLOTS, sizeof *fresh), *full;
    uint64_t dropped;

    if (!fresh)
        return NULL; /* later */
    pthread_mutex_lock(&usage->mutex);
    full = usage->slots;
    dropped = usage->dropped;
    usage->slots = fresh;
    usage->used = 0;
    usage->dropped = 0;
    pthread_mutex_unlock(&usage->mutex);
    if (dropped > 0)
        log_event(LOG_WARN, "usage.dropped", log_u64("counts", dropped), log_end());
    return full;
}

/* Sent until its fate is known; true: it is. `last`: one attempt. */
static bool send_batch(struct usage *usage, struct worker *worker, bool last) {
    struct command command = {.type = CMD_USAGE_ADD, .usage_add = usage->batch};
    enum outcome_code code;
    enum err err;

    do {
        err = worker_submit(worker, &command, last ? LAST_WAIT_MS : SUBMIT_WAIT_MS,
                            &code);
        /* OUT_PROOF_REPLAYED: an attempt without an answer had been taken. */
        if (!err && (code == OUT_OK || code == OUT_PROOF_REPLAYED))
            return true;
        last = last || worker_sleep(worker, AGAIN_MS);
    } while (!last);
    log_event(LOG_WARN, "usage.not_sent", log_str("why", err_str(err)),
              log_u64("clients", usage->batch.count), log_end());
    return false;
}

static void begin_batch(struct usage *usage) {
    const struct port_random *random = &usage->shared->random;

    usage->batch.count = 0;
    usage->batch.once.ttl_ms = ONCE_TTL_MS;
    random->fill(random->impl, &usage->batch.once.key, sizeof usage->batch.once.key);
}

static void put_item(struct usage *usage, const struct slot *slot) {
    size_t i = usage->batch.count++;
    struct usage_item *item = &usage->batch.items[i];

    memcpy(usage->names[i], slot->client_id, slot->client_id_len);
    item->client_id = span_of(usage->names[i], slot->client_id_len);
    memcpy(item->counts, slot->counts, sizeof item->counts);
}

static void flush(struct usage *usage, struct worker *worker, bool last) {
    struct slot *slots = take(usage);
    bool known = true;

    if (!slots)
        return;
    begin_batch(usage);
    for (size_t i = 0; i < SLOTS && known; i++) {
        if (slots[i].used)
            put_item(usage, &slots[i]);
        if (usage->batch.count == LIMIT_USAGE_BATCH ||
            (i == SLOTS - 1 && usage->batch.count > 0)) {
            known = send_batch(usage, worker, last);
            begin_batch(usage);
        }
    }
    free(slots);
}

static void run(struct worker *worker, void *arg) {
    while (!worker_sleep(worker, FLUSH_EVERY_MS))
        flush(arg, worker, false);
    flush(arg, worker, true);
}

enum err usage_start(struct svc_shared *shared, struct usage **ret_usage) {
    struct usage *usage = calloc(1, sizeof *usage);
    enum err err;

    if (!usage)
        return ERR_NOMEM;
    usage->shared = shared;
    usage->slots = calloc(SLOTS, sizeof *usage->slots);
    CHECK(pthread_mutex_init(&usage->mutex, NULL) == 0);
    err = usage->slots ? worker_start(shared, run, usage, &usage->worker) : ERR_NOMEM;
    if (err) {
        pthread_mutex_destroy(&usage->mutex);
        free(usage->slots);
        free(usage);
        return err;
    }
    *ret_usage = usage;
    return OK;
}

void usage_stop(struct usage *usage) {
    if (!usage)
        return;
    worker_stop(usage->worker);
    pthread_mutex_destroy(&usage->mutex);
    free(usage->slots);
    free(usage);
}
