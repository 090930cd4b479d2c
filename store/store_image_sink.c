/* store_image_sink: an image becomes a store, or is only verified.
 *
 * Rows come in order, so each table is filled by appending (MDB_APPEND), in
 * transactions of bounded size; the digest is added up on the way and stands in the
 * meta row that is written last (I2). */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store/store_audit.h"
#include "store/store_blob.h"
#include "store/store_expiry.h"
#include "store/store_image_wire.h"
#include "store/store_lmdb.h"
#include "store/store_member.h"

/* Rows and bytes in one transaction while loading. */
#define LOAD_ROWS 20000u
#define LOAD_BYTES (8u * 1024 * 1024)

struct image_sink {
    struct image_sink_config config;
    char dir[1024];
    struct store *store;
    MDB_txn *txn; /* loading; NULL between two */
    uint64_t txn_rows, txn_bytes, kept;
    struct store_digest digest; /* of the rows that were kept, if not all were */
    struct buf hashed, row;
    struct image_parser parser;
    bool has_head;
};

static enum err say(enum err err, char why[256], const char *what) {
    if (err != OK) {
        snprintf(why, 256, "%s: %s", what, err_str(err));
    }
    return err;
}

/* --- loading --- */

static enum err load_commit(struct image_sink *sink, char why[256]) {
    if (sink->txn == NULL) {
        return OK;
    }
    int rc = mdb_txn_commit(sink->txn);
    sink->txn = NULL;
    sink->txn_rows = 0;
    sink->txn_bytes = 0;
    return say(store_lmdb_err(rc), why, "writing the copy of the state");
}

/* Entries of the tables that are. */
static bool expiry_is_kept(int table) {
    switch (table) {
    case EXPIRY_ATTEMPTS:
    case EXPIRY_COUNTER:
    case EXPIRY_FACTOR_GUARD:
    case EXPIRY_APPLICATION:
    case EXPIRY_JOB:
    case EXPIRY_BLOB:
    case EXPIRY_RECOVERY:
    case EXPIRY_IMPORT:
    case EXPIRY_CORRECTION:
        return true;
    default:
        return false;
    }
}

static bool is_kept(const struct image_sink *sink, enum store_table table,
                    struct span key) {
    if (sink->config.use == IMAGE_COPY) {
        return true;
    }
    switch (table) {
    case TABLE_SESSION:
    case TABLE_SESSION_GRANT:
    case TABLE_ACCOUNT_SESSION:
    case TABLE_ID_CHANGE:
    case TABLE_GRANT:
    case TABLE_ACCESS:
    case TABLE_REFRESH:
    case TABLE_BOOT:
    case TABLE_OUTCOME:
    case TABLE_MEMBER:
    case TABLE_STAFF_SESSION:
    /* Sent long ago, or late enough to end sessions that were begun since. */
    case TABLE_OUTBOX:
    case TABLE_OUTBOX_INDEX:
    /* Whoever has the old epoch's keys must not be believed: every row of the table is
     * published. The first leader makes new ones. */
    case TABLE_KEY:
    case TABLE_PROOF:
    case TABLE_REQUEST:
    case TABLE_SIGNIN:
    case TABLE_APP_ENROLMENT:
    case TABLE_APP_CHALLENGE:
    case TABLE_BLOB_NODE:
    case TABLE_BLOB_SHORT: /* made anew: on_blob */
        return false;
    case TABLE_EXPIRY:
        return expiry_is_kept(store_expiry_table_of(key));
    default:
        return true;
    }
}

/* Tables may be appended to in turns, as long as each goes upward. */
static enum err append(struct image_sink *sink, enum store_table table, struct span key,
                       struct span value) {
    MDB_val k = {key.len, (void *)(uintptr_t)key.data};
    MDB_val v = {value.len, (void *)(uintptr_t)value.data};
    int rc = MDB_SUCCESS;
    if (sink->txn == NULL) {
        rc = mdb_txn_begin(sink->store->env, NULL, 0, &sink->txn);
    }
    if (rc == MDB_SUCCESS) {
        rc = mdb_put(sink->txn, sink->store->dbi[table], &k, &v, MDB_APPEND);
    }
    enum err err = store_lmdb_err(rc);
    if (err == OK && sink->config.use != IMAGE_COPY) {
        err = store_digest_row(&sink->hashed, table, key, value, &sink->digest);
    }
    if (err == OK) {
        sink->txn_bytes += key.len + value.len;
        sink->txn_rows++;
        sink->kept++;
    }
    return err;
}

/* In a new epoch no node has said yet that it holds a blob: all are short. */
static enum err on_blob(struct image_sink *sink, struct span key, struct span value) {
    buf_reset(&sink->row);
    enum err err = store_blob_forget_holders(key, value, &sink->row);
    if (err == OK) {
        err = append(sink, TABLE_BLOB, key, buf_span(&sink->row));
    }
    return err == OK ? append(sink, TABLE_BLOB_SHORT, key, span_str("")) : err;
}

static enum err on_row(void *arg, enum store_table table, struct span key,
                       struct span value, char why[256]) {
    struct image_sink *sink = arg;
    enum err err;
    if (!is_kept(sink, table, key)) {
        return OK;
    }
    err = table == TABLE_BLOB && sink->config.use != IMAGE_COPY
              ? on_blob(sink, key, value)
              : append(sink, table, key, value);
    if (err != OK) {
        return say(err, why, "writing the copy of the state");
    }
    return sink->txn_rows >= LOAD_ROWS || sink->txn_bytes >= LOAD_BYTES
               ? load_commit(sink, why)
               : OK;
}

static enum err on_head(void *arg, const struct image_head *head, char why[256]) {
    static const struct id128 none;
    struct image_sink *sink = arg;
    sink->has_head = true;
    if (memcmp(&head->meta.cluster_id, &none, sizeof(none)) != 0 &&
        memcmp(&head->meta.cluster_id, &sink->config.cluster_id, sizeof(none)) != 0) {
        snprintf(why, 256, "the image is of another cluster");
        return ERR_DENIED;
    }
    return OK;
}

enum err store_image_sink_new(const struct image_sink_config *config,
                              struct image_sink **ret_sink, char why[256]) {
    struct image_sink *sink = calloc(1, sizeof(*sink));
    if (sink == NULL) {
        return say(ERR_NOMEM, why, "the copy of the state");
    }
    sink->config = *config;
    image_parser_init(&sink->parser);
    buf_init(&sink->hashed, LIMIT_COMMAND + 1024);
    buf_init(&sink->row, LIMIT_COMMAND);
    sink->parser.on_head = on_head;
    sink->parser.on_row = on_row;
    sink->parser.arg = sink;
    enum err err = OK;
    if (snprintf(sink->dir, sizeof(sink->dir), "%s", config->dir) >=
        (int)sizeof(sink->dir)) {
        err = say(ERR_TOO_BIG, why, "the directory's path");
    }
    if (err == OK) {
        struct store_config store = {
            .dir = sink->dir, .map_bytes = config->map_bytes, .readers_max = 8};
        err =
            say(store_open(&store, &sink->store), why, "making the copy of the state");
    }
    if (err != OK) {
        store_image_sink_free(sink);
        return err;
    }
    *ret_sink = sink;
    return OK;
}

enum err store_image_sink_feed(struct image_sink *sink, struct span in, char why[256]) {
    return image_parser_feed(&sink->parser, in, why);
}

struct image_progress store_image_sink_progress(const struct image_sink *sink) {
    return (struct image_progress){.bytes = sink->parser.bytes,
                                   .rows = sink->parser.rows,
                                   .rows_total =
                                       sink->has_head ? sink->parser.head.rows : 0};
}

void store_image_sink_free(struct image_sink *sink) {
    if (sink == NULL) {
        return;
    }
    if (sink->txn != NULL) {
        mdb_txn_abort(sink->txn);
    }
    store_close(sink->store);
    image_parser_close(&sink->parser);
    buf_free(&sink->hashed);
    buf_free(&sink->row);
    free(sink);
}

/* --- finishing --- */

/* The last record of the old epoch is what the new one's first names (J2). */
static enum err tell_audit(struct image_sink *sink, struct store_write *write,
                           const struct store_meta *meta) {
    struct store_read *read = store_write_reader(write);
    struct audit_record record = {
        .time_ms = meta->clock_ms,
        .event = sink->config.use == IMAGE_RECOVERED ? AUDIT_RECOVERED : AUDIT_RESTORED,
        .count = 1,
    };
    char note[LIMIT_AUDIT_NOTE];
    uint64_t rows = store_table_rows(read, TABLE_AUDIT_INDEX);
    int len = snprintf(note, sizeof(note),
                       "epoch %" PRIu64 " from index %" PRIu64 " on node %" PRIu64,
                       meta->epoch, meta->applied_index, sink->config.only_member);
    enum err err;
    record.note = span_of(note, (size_t)len);
    err = store_audit_add(write, &record);
    if (err == OK) {
        err = store_audit_settle(write);
    }
    sink->kept += 1 + store_table_rows(read, TABLE_AUDIT_INDEX) - rows;
    return err;
}

static enum err begin_epoch(struct image_sink *sink, struct store_write *write,
                            struct store_meta *meta) {
    struct member self = {.id = sink->config.only_member,
                          .role = MEMBER_VOTER,
                          .settled = true,
                          .was = MEMBER_VOTER};
    snprintf(self.address, sizeof(self.address), "%s", sink->config.only_address);
    snprintf(self.region, sizeof(self.region), "%s", sink->config.only_region);
    meta->epoch = store_epoch_next(meta->epoch, sink->config.epoch_chance);
    sink->kept++;
    enum err err = store_member_put(write, &self);
    return err == OK ? tell_audit(sink, write, meta) : err;
}

static enum err write_meta(struct image_sink *sink, struct store_meta *meta) {
    struct store_write *write;
    enum err err = store_write_begin(sink->store, &write);
    if (err != OK) {
        return err;
    }
    write->digest = sink->config.use == IMAGE_COPY ? sink->parser.digest : sink->digest;
    *meta = sink->parser.head.meta;
    if (sink->config.use != IMAGE_COPY) {
        err = begin_epoch(sink, write, meta);
    }
    if (err != OK) {
        store_write_abort(write);
        return err;
    }
    meta->digest = store_write_digest(write);
    return store_write_commit(write, meta);
}

static enum err sync_dir(const char *path) {
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return ERR_IO;
    }
    int rv = fsync(fd);
    close(fd);
    return rv == 0 ? OK : ERR_IO;
}

enum err store_image_sink_finish(struct image_sink *sink, struct image_head *ret_head,
                                 char why[256]) {
    struct store_meta meta;
    enum err err = image_parser_end(&sink->parser, why);
    if (err == OK) {
        err = load_commit(sink, why);
    }
    if (err != OK) {
        return err;
    }
    err = write_meta(sink, &meta);
    if (err == OK) {
        err = store_sync(sink->store);
    }
    store_close(sink->store);
    sink->store = NULL;
    if (err == OK) {
        err = sync_dir(sink->dir);
    }
    if (err == OK) {
        *ret_head = sink->parser.head;
        ret_head->meta = meta;
        ret_head->rows = sink->kept;
    }
    return say(err, why, "finishing the copy of the state");
}

/* --- verifying alone --- */

static enum err ignore_head(void *arg, const struct image_head *head, char why[256]) {
    (void)arg;
    (void)head;
    (void)why;
    return OK;
}

struct rows {
    enum err (*each)(void *arg, const struct blob_row *blob); /* NULL: none is asked for */
    void *arg;
};

static enum err on_checked_row(void *arg, enum store_table table, struct span key,
                               struct span value, char why[256]) {
    const struct rows *rows = arg;
    struct blob_row blob;
    if (table != TABLE_BLOB || rows->each == NULL) {
        return OK;
    }
    if (store_blob_of_row(key, value, &blob) != OK) {
        snprintf(why, 256, "the row of a blob is malformed");
        return ERR_INVALID;
    }
    return say(rows->each(rows->arg, &blob), why, "the list of blobs");
}

enum err store_image_blobs(int64_t (*read)(void *arg, uint8_t *out, size_t max,
                                           char why[256]),
                           void *read_arg,
                           enum err (*each)(void *arg, const struct blob_row *blob),
                           void *arg, struct image_head *ret_head, char why[256]) {
    struct rows rows = {each, arg};
    struct image_parser parser;
    uint8_t *piece = malloc(STORE_IMAGE_BLOCK);
    int64_t got = 0;
    enum err err = piece == NULL ? say(ERR_NOMEM, why, "verifying the image") : OK;
    image_parser_init(&parser);
    parser.on_head = ignore_head;
    parser.on_row = on_checked_row;
    parser.arg = &rows;
    while (err == OK && (got = read(read_arg, piece, STORE_IMAGE_BLOCK, why)) > 0) {
        err = image_parser_feed(&parser, span_of(piece, (size_t)got), why);
    }
    if (err == OK) {
        err = got < 0 ? ERR_IO : image_parser_end(&parser, why);
    }
    if (err == OK) {
        *ret_head = parser.head;
    }
    image_parser_close(&parser);
    free(piece);
    return err;
}

enum err store_image_verify(int64_t (*read)(void *arg, uint8_t *out, size_t max,
                                            char why[256]),
                            void *arg, struct image_head *ret_head, char why[256]) {
    return store_image_blobs(read, arg, NULL, NULL, ret_head, why);
}
