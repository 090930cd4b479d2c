/* store: the environment, its transactions and the state's head.
 *
 * A write transaction goes: store_write_begin -> puts and dels of the table
 * families -> store_write_commit (which writes the meta row) or _abort. */
#include "store/store.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "store/base/check.h"
#include "store/base/codec.h"
#include "store/base/limits.h"
#include "store/store_lmdb.h"
#include "store/store_write.h"

/* Of the tables' layout. Raised when an older binary could not read it. */
/* 2: commits may stand behind a restart point (store/store_point.h). A release that does
 * not know of it would open a torn file, so a store of format 1 becomes one of 2. */
#define STORE_FORMAT 2
#define META_ROW_VERSION 2
/* Without a check sum; replaced by the next commit. */
#define META_ROW_UNCHECKED 1
#define META_ROW_SUM 8u
/* Snapshots that restart points hold. */
#define POINT_READERS 3u

static const char *const table_names[TABLE_COUNT] = {
    [TABLE_META] = "meta",
    [TABLE_ACCOUNT] = "account",
    [TABLE_LOGIN] = "login",
    [TABLE_ATTEMPTS] = "attempts",
    [TABLE_CLIENT] = "client",
    [TABLE_SESSION] = "session",
    [TABLE_CONSENT] = "consent",
    [TABLE_GRANT] = "grant",
    [TABLE_SESSION_GRANT] = "session_grant",
    [TABLE_ACCESS] = "access",
    [TABLE_REFRESH] = "refresh",
    [TABLE_KEY] = "key",
    [TABLE_BOOT] = "boot",
    [TABLE_OUTCOME] = "outcome",
    [TABLE_EXPIRY] = "expiry",
    [TABLE_MEMBER] = "member",
    [TABLE_CLUSTER] = "cluster",
    [TABLE_PROOF] = "proof",
    [TABLE_REQUEST] = "request",
    [TABLE_OUTBOX] = "outbox",
    [TABLE_OUTBOX_INDEX] = "outbox_index",
    [TABLE_STAFF] = "staff",
    [TABLE_STAFF_LOGIN] = "staff_login",
    [TABLE_STAFF_SESSION] = "staff_session",
    [TABLE_USAGE] = "usage",
    [TABLE_COUNTER] = "counter",
    [TABLE_AUDIT] = "audit",
    [TABLE_AUDIT_INDEX] = "audit_index",
    [TABLE_FACTOR] = "factor",
    [TABLE_SIGNIN] = "signin",
    [TABLE_FACTOR_GUARD] = "factor_guard",
    [TABLE_FACTOR_INDEX] = "factor_index",
    [TABLE_APP_ENROLMENT] = "app_enrolment",
    [TABLE_APP_CHALLENGE] = "app_challenge",
    [TABLE_APPLICATION] = "application",
    [TABLE_APPLICATION_INDEX] = "application_index",
    [TABLE_REVIEW] = "review",
    [TABLE_IMPORT] = "import",
    [TABLE_BATCH] = "batch",
    [TABLE_BUNDLE] = "bundle",
    [TABLE_INTAKE_INDEX] = "intake_index",
    [TABLE_JOB] = "job",
    [TABLE_JOB_INDEX] = "job_index",
    [TABLE_BLOB] = "blob",
    [TABLE_BLOB_SHORT] = "blob_short",
    [TABLE_ACCOUNT_SESSION] = "account_session",
    [TABLE_ID_CHANGE] = "id_change",
    [TABLE_RECOVERY] = "recovery",
    [TABLE_BLOB_NODE] = "blob_node",
    [TABLE_IMPORT_TIME] = "import_time",
    [TABLE_CORRECTION] = "correction",
};

enum err store_lmdb_err(int rc) {
    switch (rc) {
    case MDB_SUCCESS:
        return OK;
    case MDB_NOTFOUND:
        return ERR_NOT_FOUND;
    case MDB_KEYEXIST:
        return ERR_EXISTS;
    case MDB_MAP_FULL:
    case ENOSPC:
    case EDQUOT:
        return ERR_NO_SPACE;
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_INVALID:
    case MDB_INCOMPATIBLE:
    case MDB_BAD_DBI:
    case MDB_MAP_RESIZED: /* pages beyond the map that the file itself names */
    case MDB_CURSOR_FULL:
    case MDB_PAGE_FULL:
        return ERR_CORRUPT;
    case MDB_VERSION_MISMATCH:
        return ERR_VERSION;
    case MDB_TXN_FULL:
        return ERR_TOO_BIG;
    case MDB_READERS_FULL:
        return ERR_BUSY;
    case ENOMEM:
        return ERR_NOMEM;
    default:
        return ERR_IO;
    }
}

static enum err open_tables(struct store *store, MDB_txn *txn, unsigned flags) {
    for (size_t i = 0; i < TABLE_COUNT; i++) {
        int rc = mdb_dbi_open(txn, table_names[i], flags, &store->dbi[i]);
        if (rc != MDB_SUCCESS) {
            return store_lmdb_err(rc);
        }
    }
    return OK;
}

/* Write the format into an empty store, or an older one; check the one that stands. */
static enum err check_format(struct store *store, MDB_txn *txn, bool read_only) {
    uint8_t bytes[4] = {STORE_FORMAT, 0, 0, 0};
    MDB_val key = {6, (void *)(uintptr_t) "format"};
    MDB_val value;
    struct reader in;
    uint32_t format;
    int rc = mdb_get(txn, store->dbi[TABLE_META], &key, &value);

    if (rc != MDB_SUCCESS && rc != MDB_NOTFOUND) {
        return store_lmdb_err(rc);
    }
    if (rc == MDB_SUCCESS) {
        in = reader_of(span_of(value.mv_data, value.mv_size));
        format = read_u32(&in);
        if (in.bad || reader_left(&in) != 0 || format == 0) {
            return ERR_CORRUPT;
        }
        if (format >= STORE_FORMAT || read_only) {
            return format > STORE_FORMAT ? ERR_VERSION : OK;
        }
    } else if (read_only) {
        return ERR_NOT_FOUND;
    }
    value = (MDB_val){sizeof bytes, bytes};
    return store_lmdb_err(mdb_put(txn, store->dbi[TABLE_META], &key, &value, 0));
}

/* LMDB takes a file without a byte for a new store: what was in it would be gone
 * without a word. */
static enum err check_not_emptied(const char *dir) {
    char path[PATH_MAX];
    struct stat st;

    if (snprintf(path, sizeof path, "%s/data.mdb", dir) >= (int)sizeof path) {
        return ERR_TOO_BIG;
    }
    return stat(path, &st) == 0 && st.st_size == 0 ? ERR_CORRUPT : OK;
}

/* Tables and format, in one transaction. */
static enum err open_rows(struct store *store, bool read_only) {
    MDB_txn *txn;
    enum err err;
    int rc = mdb_txn_begin(store->env, NULL, read_only ? MDB_RDONLY : 0, &txn);

    if (rc != MDB_SUCCESS) {
        return store_lmdb_err(rc);
    }
    err = open_tables(store, txn, read_only ? 0 : MDB_CREATE);
    if (err == OK) {
        err = check_format(store, txn, read_only);
    }
    if (err != OK) {
        mdb_txn_abort(txn);
        /* Whoever only reads comes after a writer, which has made all of them. */
        return err == ERR_NOT_FOUND ? ERR_CORRUPT : err;
    }
    return store_lmdb_err(mdb_txn_commit(txn));
}

static enum err open_env(struct store *store, const struct store_config *config) {
    enum err err = check_not_emptied(config->dir);
    int dead;
    int rc;

    if (err == OK && !config->read_only) {
        err = store_point_restore(&store->point, config->dir);
    }
    if (err != OK) {
        return err;
    }
    rc = mdb_env_create(&store->env);
    if (rc == MDB_SUCCESS && !config->read_only) {
        rc = mdb_env_set_mapsize(store->env, config->map_bytes);
    }
    if (rc == MDB_SUCCESS && !config->read_only) {
        rc = mdb_env_set_maxreaders(store->env, config->readers_max + POINT_READERS);
    }
    if (rc == MDB_SUCCESS) {
        rc = mdb_env_set_maxdbs(store->env, TABLE_COUNT);
    }
    if (rc == MDB_SUCCESS) {
        unsigned mode = config->read_only ? MDB_RDONLY : MDB_NOMETASYNC;
        rc = mdb_env_open(store->env, config->dir, MDB_NOTLS | mode, 0600);
    }
    if (rc == MDB_SUCCESS) {
        rc = mdb_reader_check(store->env, &dead);
    }
    err = rc == MDB_SUCCESS ? open_rows(store, config->read_only) : store_lmdb_err(rc);
    if (err == OK && config->deferred) {
        CHECK(!config->read_only);
        err = store_point_begin(&store->point, store->env);
    }
    return err;
}

uint64_t store_epoch_next(uint64_t epoch, uint32_t chance) {
    return ((epoch >> 32) + 1) << 32 | chance;
}

bool store_epoch_ahead(uint64_t epoch, uint64_t other) {
    return other >> 32 > epoch >> 32;
}

enum err store_open(const struct store_config *config, struct store **ret_store) {
    struct store *store = calloc(1, sizeof *store);
    enum err err;

    if (store == NULL) {
        return ERR_NOMEM;
    }
    buf_init(&store->row, LIMIT_COMMAND);
    buf_init(&store->hashed, LIMIT_COMMAND + 1024);
    arena_init(&store->scratch, 4 * LIMIT_COMMAND);
    store_point_init(&store->point);
    store->write.read = (struct store_read){.store = store, .of_write = true};
    err = open_env(store, config);
    if (err != OK) {
        store_close(store);
        return err;
    }
    *ret_store = store;
    return OK;
}

static void close_store(struct store *store, bool in_order) {
    if (store == NULL) {
        return;
    }
    if (store->write.read.active) {
        store_write_abort(&store->write);
    }
    store_point_close(&store->point, store->env, in_order);
    if (store->env != NULL) {
        mdb_env_close(store->env);
    }
    buf_free(&store->row);
    buf_free(&store->hashed);
    arena_close(&store->scratch);
    free(store);
}

void store_close(struct store *store) {
    close_store(store, true);
}

void store_abandon(struct store *store) {
    close_store(store, false);
}

enum err store_sync(struct store *store) {
    if (store->point.on) {
        return store_point_force(&store->point, store->env);
    }
    return store_lmdb_err(mdb_env_sync(store->env, 1));
}

uint64_t store_used_bytes(const struct store *store) {
    MDB_envinfo info;
    MDB_stat stat;

    CHECK(mdb_env_info(store->env, &info) == MDB_SUCCESS);
    CHECK(mdb_env_stat(store->env, &stat) == MDB_SUCCESS);
    return ((uint64_t)info.me_last_pgno + 1) * stat.ms_psize;
}

enum err store_read_new(struct store *store, struct store_read **ret_read) {
    struct store_read *read = calloc(1, sizeof *read);

    if (read == NULL) {
        return ERR_NOMEM;
    }
    read->store = store;
    *ret_read = read;
    return OK;
}

void store_read_free(struct store_read *read) {
    if (read == NULL) {
        return;
    }
    CHECK(!read->of_write);
    if (read->txn != NULL) {
        mdb_txn_abort(read->txn);
    }
    free(read);
}

enum err store_read_begin(struct store_read *read) {
    int rc;

    CHECK(!read->of_write && !read->active);
    if (read->txn == NULL) {
        rc = mdb_txn_begin(read->store->env, NULL, MDB_RDONLY, &read->txn);
    } else {
        rc = mdb_txn_renew(read->txn);
    }
    read->active = rc == MDB_SUCCESS;
    return store_lmdb_err(rc);
}

void store_read_end(struct store_read *read) {
    CHECK(!read->of_write && read->active);
    mdb_txn_reset(read->txn);
    read->active = false;
}

uint64_t store_read_commit(struct store_read *read) {
    CHECK(read->active);
    return mdb_txn_id(read->txn);
}

/* The digest over the rows says nothing of this one: it has a check sum at its end. */
static bool meta_row_sound(struct span row) {
    struct store_digest sum;
    struct reader in;

    if (row.len > 0 && row.data[0] == META_ROW_UNCHECKED) {
        return true;
    }
    if (row.len < META_ROW_SUM || row.data[0] != META_ROW_VERSION) {
        return false;
    }
    sum = store_row_sum(span_of(row.data, row.len - META_ROW_SUM));
    in = reader_of(span_of(row.data + row.len - META_ROW_SUM, META_ROW_SUM));
    return read_u64(&in) == sum.lo;
}

static enum err meta_decode(struct span row, struct store_meta *ret_meta) {
    struct reader in = reader_of(row);
    struct store_meta meta;
    struct span cluster_id;

    if (!meta_row_sound(row)) {
        return ERR_CORRUPT;
    }
    if (read_u8(&in) == META_ROW_VERSION) {
        in = reader_of(span_of(row.data + 1, row.len - 1 - META_ROW_SUM));
    }
    meta.applied_index = read_u64(&in);
    meta.applied_term = read_u64(&in);
    meta.clock_ms = read_u64(&in);
    meta.fsm_version = read_u64(&in);
    meta.epoch = read_u64(&in);
    cluster_id = read_bytes(&in, sizeof meta.cluster_id.b);
    meta.digest.lo = read_u64(&in);
    meta.digest.hi = read_u64(&in);
    if (in.bad || reader_left(&in) != 0) {
        return ERR_CORRUPT;
    }
    memcpy(meta.cluster_id.b, cluster_id.data, cluster_id.len);
    *ret_meta = meta;
    return OK;
}

enum err store_read_meta(struct store_read *read, struct store_meta *ret_meta) {
    struct span row;
    enum err err = store_table_get(read, TABLE_META, span_str("meta"), &row);

    if (err == ERR_NOT_FOUND) {
        *ret_meta = (struct store_meta){0};
        return OK;
    }
    return err == OK ? meta_decode(row, ret_meta) : err;
}

/* What a transaction that comes to nothing has learnt of the tables does not hold. */
static void forget_quiet(struct store *store) {
    memset(store->expiry_quiet_ms, 0, sizeof store->expiry_quiet_ms);
}

enum err store_write_begin(struct store *store, struct store_write **ret_write) {
    struct store_write *write = &store->write;
    struct store_meta meta;
    enum err err;
    int rc;

    CHECK(!write->read.active);
    memset(write->at, 0, sizeof write->at);
    write->audit = (struct audit_chain){0};
    rc = mdb_txn_begin(store->env, NULL, 0, &write->read.txn);
    if (rc != MDB_SUCCESS) {
        return store_lmdb_err(rc);
    }
    write->read.active = true;
    write->owner = pthread_self();
    err = store_read_meta(&write->read, &meta);
    if (err != OK) {
        store_write_abort(write);
        return err;
    }
    write->digest = meta.digest;
    *ret_write = write;
    return OK;
}

static enum err meta_put(struct store_write *write, const struct store_meta *meta) {
    struct buf *row = store_table_row(write);

    put_u8(row, META_ROW_VERSION);
    put_u64(row, meta->applied_index);
    put_u64(row, meta->applied_term);
    put_u64(row, meta->clock_ms);
    put_u64(row, meta->fsm_version);
    put_u64(row, meta->epoch);
    buf_put(row, meta->cluster_id.b, sizeof meta->cluster_id.b);
    put_u64(row, write->digest.lo);
    put_u64(row, write->digest.hi);
    if (buf_err(row) == OK) {
        put_u64(row, store_row_sum(buf_span(row)).lo);
    }
    return store_table_put_row(write, TABLE_META, span_str("meta"), row);
}

enum err store_write_commit(struct store_write *write, const struct store_meta *meta) {
    enum err err;
    int rc;

    CHECK(write->read.active);
    CHECK(pthread_equal(write->owner, pthread_self()));
    err = store_audit_settle(write);
    if (err == OK) {
        err = meta_put(write, meta);
    }
    if (err != OK) {
        store_write_abort(write);
        return err;
    }
    rc = mdb_txn_commit(write->read.txn);
    write->read.txn = NULL;
    write->read.active = false;
    if (rc != MDB_SUCCESS) {
        forget_quiet(write->read.store);
        return store_lmdb_err(rc);
    }
    return store_point_applied(&write->read.store->point, meta->applied_index,
                               meta->applied_term);
}

struct store_digest store_write_digest(const struct store_write *write) {
    CHECK(write->read.active && !write->audit.changed);
    return write->digest;
}

void store_write_abort(struct store_write *write) {
    if (write == NULL || !write->read.active) {
        return;
    }
    mdb_txn_abort(write->read.txn);
    write->read.txn = NULL;
    write->read.active = false;
    forget_quiet(write->read.store);
}

struct store_read *store_write_reader(struct store_write *write) {
    CHECK(write->read.active);
    return &write->read;
}

_Static_assert(TABLE_COUNT <= STORE_TABLES_MAX, "callers have too little room");

size_t store_table_counts(struct store_read *read, const char *names[],
                          uint64_t counts[], size_t max) {
    size_t n = 0;

    for (size_t i = TABLE_META + 1; i < TABLE_COUNT && n < max; i++, n++) {
        names[n] = table_names[i];
        counts[n] = store_table_rows(read, (enum store_table)i);
    }
    return n;
}
