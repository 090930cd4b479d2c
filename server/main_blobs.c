#include "server/main_blobs.h"

#include <stdio.h>
#include <stdlib.h>

#include "server/blob.h"
#include "server/main_blob_fetch.h"
#include "server/worker.h"
#include "store/base/codec.h"
#include "store/base/log.h"

#define TURN_MS 100
#define SHORT_A_TURN 8    /* are fetched */
#define SHORT_LOOKS 256   /* at rows of which most may stand here */
/* Turns between two blobs that are read whole, and between two folders that are
 * compared with the state. */
#define SCRUB_TURNS 10
#define SWEEP_TURNS 50
#define SUBMIT_WAIT_MS 5000

struct main_blobs {
    struct svc_shared *shared;
    struct worker *worker;
    struct store_read *read;
    struct sealer *sealer;
    struct blob_id short_from; /* the next turn begins here, not at those that fail */
    struct blob_id scrubbed;   /* the last one that was read */
    unsigned folder;           /* that is swept next */
    uint64_t turn;
};

/* --- telling --- */

static void tell(struct main_blobs *blobs, const struct blob_id *id, bool holds) {
    struct command command = {
        .type = CMD_BLOB_HOLD,
        .blob_hold = {.node = blobs->shared->config->node_id,
                      .count = 1,
                      .blobs = {{*id, holds}}},
    };
    enum outcome_code code;

    /* Without an answer: the next turn finds it as it is. */
    (void)worker_submit(blobs->worker, &command, SUBMIT_WAIT_MS, &code);
}

static void log_blob(enum log_level level, const char *event, const struct blob_id *id,
                     const char *why) {
    char text[65];

    hex_encode(span_of(id->b, sizeof id->b), text);
    log_event(level, event, log_str("blob", text), log_str("why", why), log_end());
}

/* --- fetching --- */

static void fetch(struct main_blobs *blobs, const struct blob_row *row) {
    char why[256];
    enum err err = main_blob_fetch(blobs->shared, blobs->sealer, row, why);

    if (err)
        log_blob(LOG_WARN, "blob.not_fetched", &row->id, why);
    else
        tell(blobs, &row->id, true);
}

/* The next one from `from` on, in a snapshot of its own. */
static enum err next_row(struct main_blobs *blobs, const struct blob_id *from,
                         bool of_short, struct blob_row *ret_row) {
    enum err err = store_read_begin(blobs->read);

    if (err)
        return err;
    err = store_blob_next(blobs->read, from, of_short, ret_row);
    store_read_end(blobs->read);
    return err;
}

/* To the end of the list at most; the next turn goes on from there, or from the first. */
static void fetch_short(struct main_blobs *blobs) {
    struct blob_id *from = &blobs->short_from;
    struct blob_row row;
    int fetched = 0;

    for (int i = 0; i < SHORT_LOOKS && fetched < SHORT_A_TURN; i++) {
        enum err err = next_row(blobs, from, true, &row);
        if (err == OK) {
            *from = row.id;
            if (!store_blob_held_by(&row, blobs->shared->config->node_id)) {
                fetch(blobs, &row);
                fetched++;
            }
        }
        if (err == ERR_NOT_FOUND || (err == OK && !store_blob_after(from)))
            memset(from, 0, sizeof *from);
        if (err != OK)
            return;
    }
}

/* --- what this node holds --- */

static void scrub_next(struct main_blobs *blobs) {
    struct blob_id from = blobs->scrubbed;
    struct blob_row row;
    enum err err = store_blob_after(&from) ? next_row(blobs, &from, false, &row)
                                           : ERR_NOT_FOUND;

    if (err) { /* from the beginning again */
        memset(&blobs->scrubbed, 0, sizeof blobs->scrubbed);
        return;
    }
    blobs->scrubbed = row.id;
    if (!store_blob_held_by(&row, blobs->shared->config->node_id))
        return;
    err = blob_verify(blobs->shared->blobs, blobs->sealer, &row.id, row.size);
    if (err != ERR_NOT_FOUND && err != ERR_FORGED)
        return;
    log_blob(LOG_ERROR, "blob.rotten", &row.id, err_str(err));
    if (blob_delete(blobs->shared->blobs, &row.id) != OK)
        return;
    tell(blobs, &row.id, false);
    fetch(blobs, &row); /* from the others, at once */
}

static bool is_known(void *arg, const struct blob_id *id) {
    struct main_blobs *blobs = arg;
    struct blob_row row;

    return store_blob_get(blobs->read, id, &row) != ERR_NOT_FOUND;
}

static void sweep_next(struct main_blobs *blobs) {
    if (store_read_begin(blobs->read) != OK)
        return;
    blob_sweep(blobs->shared->blobs, (uint8_t)blobs->folder, is_known, blobs);
    store_read_end(blobs->read);
    blobs->folder = (blobs->folder + 1) % 256;
}

static void run(struct worker *worker, void *arg) {
    struct main_blobs *blobs = arg;

    blobs->worker = worker;
    while (!worker_sleep(worker, TURN_MS)) {
        fetch_short(blobs);
        if (++blobs->turn % SCRUB_TURNS == 0)
            scrub_next(blobs);
        if (blobs->turn % SWEEP_TURNS == 0)
            sweep_next(blobs);
    }
}

enum err main_blobs_start(struct svc_shared *shared, struct main_blobs **ret_blobs) {
    struct main_blobs *blobs = calloc(1, sizeof *blobs);
    enum err err;

    if (!blobs)
        return ERR_NOMEM;
    blobs->shared = shared;
    err = store_read_new(shared->store, &blobs->read);
    if (!err)
        err = sealer_new(shared->keyring, &shared->random, &blobs->sealer);
    if (!err)
        err = worker_start(shared, run, blobs, &blobs->worker);
    if (err) {
        sealer_free(blobs->sealer);
        store_read_free(blobs->read);
        free(blobs);
        return err;
    }
    *ret_blobs = blobs;
    return OK;
}

void main_blobs_stop(struct main_blobs *blobs) {
    if (!blobs)
        return;
    worker_stop(blobs->worker);
    sealer_free(blobs->sealer);
    store_read_free(blobs->read);
    free(blobs);
}
