#include "server/main_blobs.h"

#include <stdio.h>
#include <stdlib.h>

#include "server/blob.h"
#include "server/main_blob_fetch.h"
#include "server/worker.h"
#include "store/base/codec.h"
#include "store/base/log.h"

#define TURN_MS 100
#define SHORT_A_TURN 8  /* are fetched */
#define SHORT_LOOKS 256 /* at rows of which most may not be this node's to fetch */
/* Looks at the whole list until a node takes the turn of one before it. */
#define TURN_LOOKS 20
/* Turns between two rounds of blobs that are read whole, between two folders that are
 * compared with the state, and between two looks at forgotten uploads. */
#define SCRUB_TURNS 10
/* A round ends when one of these is used up: a second's share of the disk, of the
 * processor (a twentieth), and of the rows that are others'. */
#define SCRUB_BYTES (8u * 1024 * 1024)
#define SCRUB_MS 50
#define SCRUB_ROWS 512
#define STOCK_TURNS 50
#define PARTS_TURNS 600
#define STOCK_AT_START 8 /* folders a turn, until all were looked at */
#define STOCK_ROWS 256   /* in one snapshot */
#define MISSING_MAX 32   /* likewise: of those whose files are not there */
#define SUBMIT_WAIT_MS 5000
#define WORD_MAX_MS (60u * 1000) /* between two words */
#define WORD_AGAIN_MS 1000       /* after one that was not heard */
#define HEARD_MS 2000            /* who was heard of in that time is up */
#define LOG_EVERY_MS 5000

struct main_blobs {
    struct svc_shared *shared;
    struct worker *worker;
    struct store_read *read;
    struct sealer *sealer;
    struct repl_status status;
    struct blob_places places;
    struct blob_id short_from; /* the next turn begins here, not at those that fail */
    uint64_t looks;            /* at the end of the list of short ones */
    struct blob_id scrubbed;   /* the last one that was read */
    unsigned folder;           /* whose stock is taken next */
    unsigned folders;          /* that were looked at since the start */
    uint64_t turn, word_ms, logged_ms;
    struct cmd_blob_hold news; /* to be told */
    struct blob_id found[LIMIT_BLOB_BATCH]; /* files that are not in the state */
    size_t found_count;
};

static uint64_t now_ms(const struct main_blobs *blobs) {
    const struct port_clock *clock = &blobs->shared->clock;

    return clock->mono_ms(clock->impl);
}

static uint64_t self(const struct main_blobs *blobs) {
    return blobs->shared->config->node_id;
}

/* --- telling --- */

static void tell_all(struct main_blobs *blobs) {
    struct command command = {.type = CMD_BLOB_HOLD, .blob_hold = blobs->news};
    enum outcome_code code;

    command.blob_hold.node = self(blobs);
    /* Without an answer: the next look finds it as it is. */
    if (blobs->news.count > 0)
        (void)worker_submit(blobs->worker, &command, SUBMIT_WAIT_MS, &code);
    blobs->news.count = 0;
}

static void tell(struct main_blobs *blobs, const struct blob_id *id, bool holds) {
    blobs->news.blobs[blobs->news.count++] = (struct blob_held){*id, holds};
    if (blobs->news.count == LIMIT_BLOB_BATCH)
        tell_all(blobs);
}

static void log_blob(enum log_level level, const char *event, const struct blob_id *id,
                     const char *why) {
    char text[65];

    hex_encode(span_of(id->b, sizeof id->b), text);
    log_event(level, event, log_str("blob", text), log_str("why", why), log_end());
}

/* What may fail ten times a second is said now and then. */
static void log_now_and_then(struct main_blobs *blobs, const char *event,
                             const struct blob_id *id, const char *why) {
    if (blobs->logged_ms != 0 && now_ms(blobs) < blobs->logged_ms + LOG_EVERY_MS)
        return;
    blobs->logged_ms = now_ms(blobs);
    log_blob(LOG_WARN, event, id, why);
}

/* This node is there. A quarter of its word's time is left for it to be heard again. */
static void say_word(struct main_blobs *blobs) {
    uint64_t lease_ms = (uint64_t)blobs->shared->config->blob_lost_after_s * 1000;
    struct command command = {.type = CMD_BLOB_NODE,
                              .blob_node = {self(blobs), (uint32_t)lease_ms}};
    uint64_t every_ms = lease_ms / 4 < WORD_MAX_MS ? lease_ms / 4 : WORD_MAX_MS;
    enum outcome_code code = OUT_NOT_FOUND;
    enum err err;

    if (now_ms(blobs) < blobs->word_ms)
        return;
    err = worker_submit(blobs->worker, &command, SUBMIT_WAIT_MS, &code);
    blobs->word_ms =
        now_ms(blobs) + (err == OK && code == OUT_OK ? every_ms : WORD_AGAIN_MS);
}

/* --- fetching --- */

static bool is_up(void *arg, uint64_t node) {
    const struct repl_status *status = &((const struct main_blobs *)arg)->status;

    for (size_t i = 0; i < status->nodes_count; i++)
        if (status->nodes[i].id == node)
            return status->nodes[i].self || status->nodes[i].seen_age_ms < HEARD_MS;
    return false;
}

static void fetch(struct main_blobs *blobs, const struct blob_row *row) {
    char why[256];

    if (main_blob_fetch(blobs->shared, blobs->sealer, row, why))
        log_now_and_then(blobs, "blob.not_fetched", &row->id, why);
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
    if (!err)
        err = store_blob_places(blobs->read, &blobs->places);
    store_read_end(blobs->read);
    return err;
}

/* Its turn, or that of one that has let some time pass. */
static bool is_mine(struct main_blobs *blobs, const struct blob_row *row) {
    size_t turn = 0;

    if (blobs->places.any) /* no members yet: there is nobody to choose from */
        return !store_blob_held_by(row, self(blobs));
    return store_blob_turn(&blobs->places, row, self(blobs), is_up, blobs, &turn) &&
           (turn == 0 || blobs->looks % (turn * TURN_LOOKS) == TURN_LOOKS - 1);
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
            if (is_mine(blobs, &row)) {
                fetch(blobs, &row);
                fetched++;
            }
        }
        if (err == ERR_NOT_FOUND || (err == OK && !store_blob_after(from))) {
            memset(from, 0, sizeof *from);
            blobs->looks++;
            return;
        }
        if (err != OK)
            return;
    }
}

/* --- what this node holds --- */

/* Told, and then fetched from another holder at once: its place was here. Is none up, it
 * is one of the short ones. */
static void replace(struct main_blobs *blobs, const struct blob_row *row) {
    tell(blobs, &row->id, false);
    tell_all(blobs);
    fetch(blobs, row);
}

/* More copies than wanted (a node came back that was taken for lost): whether this one
 * may go is decided by raft/fsm_blob.c, so two nodes never both give theirs. */
static void give_back(struct main_blobs *blobs, const struct blob_row *row) {
    struct command command = {.type = CMD_BLOB_HOLD,
                              .blob_hold = {.node = self(blobs), .give_back = true,
                                            .count = 1, .blobs = {{row->id, false}}}};
    enum outcome_code code = OUT_NOT_FOUND;
    struct blob_row now;

    if (worker_submit(blobs->worker, &command, SUBMIT_WAIT_MS, &code) != OK ||
        code != OUT_OK || next_row(blobs, &row->id, false, &now) != OK ||
        memcmp(now.id.b, row->id.b, sizeof now.id.b) != 0 ||
        store_blob_held_by(&now, self(blobs)))
        return; /* wanted after all, or not known */
    if (blob_delete(blobs->shared->blobs, &row->id) == OK)
        log_blob(LOG_INFO, "blob.given_back", &row->id, "enough nodes hold it");
}

/* One row: the bytes that were read; *ret_end: it was the last. */
static uint64_t scrub_next(struct main_blobs *blobs, bool *ret_end) {
    struct blob_id from = blobs->scrubbed;
    struct blob_row row;
    enum err err = store_blob_after(&from) ? next_row(blobs, &from, false, &row)
                                           : ERR_NOT_FOUND;

    *ret_end = err != OK;
    if (err) { /* from the beginning again */
        memset(&blobs->scrubbed, 0, sizeof blobs->scrubbed);
        return 0;
    }
    blobs->scrubbed = row.id;
    if (!store_blob_held_by(&row, self(blobs)))
        return 0;
    err = blob_verify(blobs->shared->blobs, blobs->sealer, &row.id, row.size);
    if (!err && store_blob_spare(&blobs->places, &row, self(blobs)))
        give_back(blobs, &row);
    if (err != ERR_NOT_FOUND && err != ERR_FORGED)
        return row.size;
    log_blob(LOG_ERROR, "blob.rotten", &row.id, err_str(err));
    if (row.holders_count < 2)
        return row.size; /* the only copy that is known: a part may still be read */
    if (blob_delete(blobs->shared->blobs, &row.id) == OK)
        replace(blobs, &row);
    return row.size;
}

static void scrub_round(struct main_blobs *blobs) {
    uint64_t until_ms = now_ms(blobs) + SCRUB_MS, bytes = 0;
    bool end = false;

    for (int i = 0; i < SCRUB_ROWS && bytes < SCRUB_BYTES && !end; i++) {
        bytes += scrub_next(blobs, &end);
        if (now_ms(blobs) >= until_ms)
            return;
    }
}

/* Rows of the folder that name this node, and whose file is not there. */
static size_t missing_files(struct main_blobs *blobs, struct blob_id *from,
                            struct blob_row missing[MISSING_MAX], bool *ret_more) {
    uint8_t folder = from->b[0];
    struct blob_row row;
    size_t count = 0;

    *ret_more = store_read_begin(blobs->read) == OK;
    if (!*ret_more)
        return 0;
    for (int i = 0; i < STOCK_ROWS && count < MISSING_MAX && *ret_more; i++) {
        *ret_more = store_blob_next(blobs->read, from, false, &row) == OK &&
                    row.id.b[0] == folder;
        if (!*ret_more)
            break;
        if (store_blob_held_by(&row, self(blobs)) &&
            !blob_has(blobs->shared->blobs, &row.id))
            missing[count++] = row;
        *from = row.id;
        *ret_more = store_blob_after(from);
    }
    store_read_end(blobs->read);
    return count;
}

static void miss_files(struct main_blobs *blobs, uint8_t folder) {
    struct blob_row missing[MISSING_MAX];
    struct blob_id from = {{folder}};
    bool more = true;

    while (more && !worker_sleep(blobs->worker, 0)) {
        size_t count = missing_files(blobs, &from, missing, &more);
        for (size_t i = 0; i < count; i++) {
            log_blob(LOG_ERROR, "blob.lost", &missing[i].id, "its file is not there");
            replace(blobs, &missing[i]);
        }
    }
}

/* Of files: false: nothing names it any more. */
static bool keep(void *arg, const struct blob_id *id, bool old) {
    struct main_blobs *blobs = arg;
    struct blob_row row;
    enum err err = store_blob_get(blobs->read, id, &row);

    if (err == OK && !store_blob_held_by(&row, self(blobs)) &&
        blobs->found_count < LIMIT_BLOB_BATCH)
        blobs->found[blobs->found_count++] = *id;
    return err != ERR_NOT_FOUND || !old;
}

/* A file that the state knows, but not as this node's: read whole before it is told. */
static void claim(struct main_blobs *blobs, const struct blob_id *id) {
    struct blob_row row;
    enum err err = next_row(blobs, id, false, &row);

    if (err || memcmp(row.id.b, id->b, sizeof id->b) != 0 ||
        store_blob_held_by(&row, self(blobs)))
        return;
    err = blob_verify(blobs->shared->blobs, blobs->sealer, id, row.size);
    if (err == OK)
        tell(blobs, id, true);
    else if (err == ERR_FORGED)
        (void)blob_delete(blobs->shared->blobs, id);
}

/* true: it was more than fits into one look. */
static bool take_stock_of(struct main_blobs *blobs, uint8_t folder) {
    bool more;

    blobs->found_count = 0;
    if (store_read_begin(blobs->read) != OK)
        return false;
    blob_walk(blobs->shared->blobs, folder, keep, blobs);
    store_read_end(blobs->read);
    for (size_t i = 0; i < blobs->found_count; i++)
        claim(blobs, &blobs->found[i]);
    miss_files(blobs, folder);
    more = blobs->found_count == LIMIT_BLOB_BATCH;
    tell_all(blobs);
    return more;
}

static void take_stock(struct main_blobs *blobs) {
    bool quickly = blobs->folders < BLOB_FOLDERS;
    int count = quickly ? STOCK_AT_START : 1;

    /* Nothing can be told of a state that is behind, or yet to be made. */
    if ((!quickly && blobs->turn % STOCK_TURNS != 0) ||
        repl_fresh(blobs->shared->repl) != OK)
        return;
    for (int i = 0; i < count; i++) {
        if (take_stock_of(blobs, (uint8_t)blobs->folder))
            return; /* the same again in the next turn */
        blobs->folder = (blobs->folder + 1) % BLOB_FOLDERS;
        blobs->folders += quickly ? 1 : 0;
    }
}

static void run(struct worker *worker, void *arg) {
    struct main_blobs *blobs = arg;

    blobs->worker = worker;
    while (!worker_sleep(worker, TURN_MS)) {
        blobs->turn++;
        repl_status(blobs->shared->repl, &blobs->status);
        say_word(blobs);
        take_stock(blobs);
        fetch_short(blobs);
        if (blobs->turn % SCRUB_TURNS == 0)
            scrub_round(blobs);
        if (blobs->turn % PARTS_TURNS == 0)
            blob_sweep_parts(blobs->shared->blobs);
        tell_all(blobs);
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
