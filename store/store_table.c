/* store_table: rows of bytes, cursors, and the digest over all rows. */
#include "store/store_table.h"

#include <sodium/crypto_shorthash_siphash24.h>

#include "store/base/check.h"
#include "store/base/codec.h"
#include "store/store_lmdb.h"

/* Known to all on purpose: the digest finds divergence, it authenticates nothing. */
static const unsigned char digest_key[crypto_shorthash_siphashx24_KEYBYTES] =
    "tasuki digest 1";

static MDB_val val_of(struct span s) {
    return (MDB_val){s.len, (void *)(uintptr_t)s.data};
}

static struct span span_of_val(MDB_val v) {
    return span_of(v.mv_data, v.mv_size);
}

struct store_digest store_row_sum(struct span bytes) {
    unsigned char out[crypto_shorthash_siphashx24_BYTES];
    struct reader in = reader_of(span_of(out, sizeof out));
    struct store_digest sum;

    crypto_shorthash_siphashx24(out, bytes.data, bytes.len, digest_key);
    sum.lo = read_u64(&in);
    sum.hi = read_u64(&in);
    return sum;
}

/* hash(table, key, value); the key's length keeps the two apart. */
static enum err row_hash(struct buf *scratch, enum store_table table, struct span key,
                         struct span value, struct store_digest *ret_hash) {
    buf_reset(scratch);
    put_u8(scratch, (uint8_t)table);
    put_u16(scratch, (uint16_t)key.len);
    buf_put(scratch, key.data, key.len);
    buf_put(scratch, value.data, value.len);
    if (buf_err(scratch) != OK) {
        return buf_err(scratch);
    }
    *ret_hash = store_row_sum(buf_span(scratch));
    return OK;
}

static void digest_add(struct store_digest *sum, struct store_digest hash) {
    sum->lo += hash.lo;
    sum->hi += hash.hi + (sum->lo < hash.lo ? 1 : 0);
}

enum err store_digest_row(struct buf *scratch, enum store_table table, struct span key,
                          struct span value, struct store_digest *sum) {
    struct store_digest hash;
    enum err err = row_hash(scratch, table, key, value, &hash);
    if (err == OK) {
        digest_add(sum, hash);
    }
    return err;
}

static void digest_sub(struct store_digest *sum, struct store_digest hash) {
    uint64_t borrow = sum->lo < hash.lo ? 1 : 0;
    sum->lo -= hash.lo;
    sum->hi -= hash.hi + borrow;
}

/* The table's cursor in the write transaction: it finds a key on the page that it
 * stands on without going down the tree, which is where a row is put that was just
 * looked for, and the next one of those that come in order. */
static int table_cursor(struct store_write *write, enum store_table table,
                        MDB_cursor **ret_cursor) {
    MDB_cursor **at = &write->at[table];
    int rc = MDB_SUCCESS;

    if (*at == NULL) {
        rc = mdb_cursor_open(write->read.txn, write->read.store->dbi[table], at);
    }
    *ret_cursor = *at;
    return rc;
}

static int row_find(struct store_read *read, enum store_table table, MDB_val *k,
                    MDB_val *v) {
    MDB_cursor *cursor;
    int rc;

    if (!read->of_write) {
        return mdb_get(read->txn, read->store->dbi[table], k, v);
    }
    rc = table_cursor(store_write_of(read), table, &cursor);
    return rc == MDB_SUCCESS ? mdb_cursor_get(cursor, k, v, MDB_SET) : rc;
}

enum err store_table_get(struct store_read *read, enum store_table table,
                         struct span key, struct span *ret_value) {
    MDB_val k = val_of(key);
    MDB_val v;
    int rc;

    CHECK(read->active);
    rc = row_find(read, table, &k, &v);
    if (rc != MDB_SUCCESS) {
        return store_lmdb_err(rc);
    }
    *ret_value = span_of_val(v);
    return OK;
}

/* A row comes into the digest, or goes. */
static enum err digest_move(struct store_write *write, enum store_table table,
                            struct span key, struct span value, bool comes) {
    struct store_digest hash;
    enum err err;

    if (table == TABLE_META) {
        return OK;
    }
    err = row_hash(&write->read.store->hashed, table, key, value, &hash);
    if (err == OK && comes) {
        digest_add(&write->digest, hash);
    } else if (err == OK) {
        digest_sub(&write->digest, hash);
    }
    return err;
}

/* Most rows are new: then one way down the tree does, and LMDB shows the one that
 * stands there if they are not. */
enum err store_table_put(struct store_write *write, enum store_table table,
                         struct span key, struct span value) {
    MDB_cursor *cursor;
    MDB_val k = val_of(key);
    MDB_val v = val_of(value);
    enum err err;
    int rc;

    CHECK(write->read.active);
    err = digest_move(write, table, key, value, true);
    if (err != OK) {
        return err;
    }
    rc = table_cursor(write, table, &cursor);
    if (rc == MDB_SUCCESS) {
        rc = mdb_cursor_put(cursor, &k, &v, MDB_NOOVERWRITE);
    }
    if (rc != MDB_KEYEXIST) {
        return store_lmdb_err(rc);
    }
    err = digest_move(write, table, key, span_of_val(v), false);
    if (err != OK) {
        return err;
    }
    v = val_of(value);
    return store_lmdb_err(mdb_cursor_put(cursor, &k, &v, MDB_CURRENT));
}

enum err store_table_put_row(struct store_write *write, enum store_table table,
                             struct span key, const struct buf *row) {
    if (buf_err(row) != OK) {
        return buf_err(row);
    }
    return store_table_put(write, table, key, buf_span(row));
}

enum err store_table_append_row(struct store_write *write, enum store_table table,
                                struct span key, const struct buf *row) {
    MDB_cursor *cursor;
    MDB_val k = val_of(key);
    MDB_val v = val_of(buf_span(row));
    enum err err = buf_err(row);
    int rc;

    CHECK(write->read.active);
    if (err == OK) {
        err = digest_move(write, table, key, buf_span(row), true);
    }
    if (err != OK) {
        return err;
    }
    rc = table_cursor(write, table, &cursor);
    if (rc == MDB_SUCCESS) {
        rc = mdb_cursor_put(cursor, &k, &v, MDB_APPEND);
    }
    return store_lmdb_err(rc);
}

enum err store_table_del(struct store_write *write, enum store_table table,
                         struct span key) {
    MDB_cursor *cursor;
    MDB_val k = val_of(key);
    MDB_val v;
    enum err err;
    int rc;

    CHECK(write->read.active);
    rc = table_cursor(write, table, &cursor);
    if (rc != MDB_SUCCESS) {
        return store_lmdb_err(rc);
    }
    err = store_lmdb_err(mdb_cursor_get(cursor, &k, &v, MDB_SET));
    if (err == OK) {
        err = digest_move(write, table, key, span_of_val(v), false);
    }
    return err == OK ? store_lmdb_err(mdb_cursor_del(cursor, 0)) : err;
}

enum err store_table_trim(struct store_write *write, enum store_table table,
                          struct span from, struct span end) {
    MDB_dbi dbi = write->read.store->dbi[table];
    MDB_cursor *cursor;
    MDB_val k = val_of(from);
    MDB_val last = val_of(end);
    MDB_val v;
    enum err err;
    int rc;

    CHECK(write->read.active && end.len > 0);
    rc = table_cursor(write, table, &cursor);
    if (rc != MDB_SUCCESS) {
        return store_lmdb_err(rc);
    }
    err = store_lmdb_err(mdb_cursor_get(cursor, &k, &v, MDB_SET_RANGE));
    while (err == OK && mdb_cmp(write->read.txn, dbi, &k, &last) < 0) {
        err = digest_move(write, table, span_of_val(k), span_of_val(v), false);
        if (err == OK) {
            err = store_lmdb_err(mdb_cursor_del(cursor, 0));
        }
        if (err == OK) {
            err = store_lmdb_err(mdb_cursor_get(cursor, &k, &v, MDB_NEXT));
        }
    }
    return err == ERR_NOT_FOUND ? OK : err;
}

uint64_t store_table_rows(struct store_read *read, enum store_table table) {
    MDB_stat stat;

    CHECK(read->active);
    CHECK(mdb_stat(read->txn, read->store->dbi[table], &stat) == MDB_SUCCESS);
    return stat.ms_entries;
}

enum err store_cursor_open(struct store_read *read, enum store_table table,
                           struct span from, struct store_cursor *ret_cursor,
                           struct span *ret_key, struct span *ret_value) {
    MDB_cursor *cursor;
    MDB_val k = val_of(from);
    MDB_val v;
    int rc;

    CHECK(read->active);
    rc = mdb_cursor_open(read->txn, read->store->dbi[table], &cursor);
    if (rc != MDB_SUCCESS) {
        return store_lmdb_err(rc);
    }
    rc = mdb_cursor_get(cursor, &k, &v, from.len > 0 ? MDB_SET_RANGE : MDB_FIRST);
    if (rc != MDB_SUCCESS) {
        mdb_cursor_close(cursor);
        return store_lmdb_err(rc);
    }
    *ret_key = span_of_val(k);
    *ret_value = span_of_val(v);
    ret_cursor->lmdb = cursor;
    return OK;
}

enum err store_cursor_open_last(struct store_read *read, enum store_table table,
                                struct span to, struct store_cursor *ret_cursor,
                                struct span *ret_key, struct span *ret_value) {
    MDB_cursor *cursor;
    MDB_val k = val_of(to);
    MDB_val v;
    int rc;

    CHECK(read->active && to.len > 0);
    rc = mdb_cursor_open(read->txn, read->store->dbi[table], &cursor);
    if (rc != MDB_SUCCESS) {
        return store_lmdb_err(rc);
    }
    rc = mdb_cursor_get(cursor, &k, &v, MDB_SET_RANGE);
    if (rc == MDB_NOTFOUND) { /* all are below */
        rc = mdb_cursor_get(cursor, &k, &v, MDB_LAST);
    } else if (rc == MDB_SUCCESS && !span_equal(span_of_val(k), to)) {
        rc = mdb_cursor_get(cursor, &k, &v, MDB_PREV);
    }
    if (rc != MDB_SUCCESS) {
        mdb_cursor_close(cursor);
        return store_lmdb_err(rc);
    }
    *ret_key = span_of_val(k);
    *ret_value = span_of_val(v);
    ret_cursor->lmdb = cursor;
    return OK;
}

/* `from`: what MDB_SET_RANGE seeks; nothing for the others. */
static enum err cursor_move(struct store_cursor *cursor, MDB_cursor_op op,
                            struct span from, struct span *ret_key,
                            struct span *ret_value) {
    MDB_val k = val_of(from);
    MDB_val v;
    int rc = mdb_cursor_get(cursor->lmdb, &k, &v, op);

    if (rc != MDB_SUCCESS) {
        return store_lmdb_err(rc);
    }
    *ret_key = span_of_val(k);
    *ret_value = span_of_val(v);
    return OK;
}

enum err store_cursor_next(struct store_cursor *cursor, struct span *ret_key,
                           struct span *ret_value) {
    return cursor_move(cursor, MDB_NEXT, span_of(NULL, 0), ret_key, ret_value);
}

enum err store_cursor_prev(struct store_cursor *cursor, struct span *ret_key,
                           struct span *ret_value) {
    return cursor_move(cursor, MDB_PREV, span_of(NULL, 0), ret_key, ret_value);
}

void store_cursor_close(struct store_cursor *cursor) {
    mdb_cursor_close(cursor->lmdb);
    cursor->lmdb = NULL;
}

struct buf *store_table_row(struct store_write *write) {
    buf_reset(&write->read.store->row);
    return &write->read.store->row;
}

struct arena *store_table_scratch(struct store_write *write) {
    arena_reset(&write->read.store->scratch);
    return &write->read.store->scratch;
}

/* Between two words about the progress of a walk. */
#define TELL_ROWS 65536u

struct walk {
    struct buf scratch; /* the store's own belongs to the raft thread */
    struct store_digest sum;
    uint64_t rows;
    void (*told)(void *arg, uint64_t rows);
    void *arg;
};

static enum err walk_table(struct store_read *read, enum store_table table,
                           struct walk *walk) {
    struct store_cursor cursor;
    struct span key, value;
    uint64_t left = store_table_rows(read, table);
    enum err err =
        store_cursor_open(read, table, span_of(NULL, 0), &cursor, &key, &value);

    if (err != OK) {
        return err == ERR_NOT_FOUND && left == 0 ? OK
               : err == ERR_NOT_FOUND            ? ERR_CORRUPT
                                                 : err;
    }
    while (err == OK) {
        if (left-- == 0) { /* rotten pages can lead in circles */
            err = ERR_CORRUPT;
            break;
        }
        err = store_digest_row(&walk->scratch, table, key, value, &walk->sum);
        if (err == OK) {
            if (++walk->rows % TELL_ROWS == 0 && walk->told != NULL) {
                walk->told(walk->arg, walk->rows);
            }
            err = store_cursor_next(&cursor, &key, &value);
        }
    }
    store_cursor_close(&cursor);
    if (err == ERR_NOT_FOUND) {
        return left == 0 ? OK : ERR_CORRUPT;
    }
    return err;
}

enum err store_digest_walk(struct store_read *read,
                           void (*told)(void *arg, uint64_t rows), void *arg,
                           struct store_digest *ret_digest) {
    struct walk walk = {.told = told, .arg = arg};
    enum err err = OK;

    buf_init(&walk.scratch, read->store->hashed.max);
    for (size_t i = TABLE_META + 1; i < TABLE_COUNT && err == OK; i++) {
        err = walk_table(read, (enum store_table)i, &walk);
    }
    buf_free(&walk.scratch);
    if (err == OK) {
        *ret_digest = walk.sum;
    }
    return err;
}

enum err store_digest_recompute(struct store_read *read,
                                struct store_digest *ret_digest) {
    return store_digest_walk(read, NULL, NULL, ret_digest);
}
