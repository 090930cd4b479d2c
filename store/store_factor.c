/* store_factor: second factors in a fixed layout, and the counters of wrong codes. */
#include "store/store_factor.h"

#include "store/base/check.h"
#include "store/base/limits.h"
#include "store/store_expiry.h"
#include "store/store_table.h"

#define FACTOR_ROW_VERSION 1
#define GUARD_ROW_VERSION 1
#define FACTOR_KEY_LEN 32
#define INDEX_KEY_LEN 17

static struct span factor_key(struct id128 sub, struct id128 id,
                              uint8_t out[FACTOR_KEY_LEN]) {
    memcpy(out, sub.b, sizeof sub.b);
    memcpy(out + sizeof sub.b, id.b, sizeof id.b);
    return span_of(out, FACTOR_KEY_LEN);
}

static enum err take(struct arena *arena, struct reader *in, size_t max,
                     struct span *ret_text) {
    uint16_t len = read_u16(in);
    struct span text = read_bytes(in, len);

    if (in->bad || len > max) {
        return ERR_CORRUPT;
    }
    *ret_text = arena_dup(arena, text);
    return len > 0 && ret_text->data == NULL ? ERR_NOMEM : OK;
}

static enum err factor_decode(struct span row, struct arena *arena, struct id128 sub,
                              struct id128 id, struct factor *ret_factor) {
    struct factor factor = {.sub = sub, .id = id};
    struct reader in = reader_of(row);
    uint8_t version = read_u8(&in);
    uint8_t kind = read_u8(&in);
    enum err err;

    factor.created_ms = read_u64(&in);
    factor.used_ms = read_u64(&in);
    factor.step = read_u64(&in);
    store_row_read(&in, factor.index.b, sizeof factor.index.b);
    if (in.bad || version != FACTOR_ROW_VERSION || kind < FACTOR_SMS ||
        kind > FACTOR_KIND_LAST) {
        return ERR_CORRUPT;
    }
    factor.kind = (enum factor_kind)kind;
    err = take(arena, &in, LIMIT_FACTOR_LABEL, &factor.label);
    if (err == OK) {
        err = take(arena, &in, LIMIT_FACTOR_SEALED, &factor.sealed);
    }
    if (err == OK && reader_left(&in) != 0) {
        err = ERR_CORRUPT;
    }
    if (err == OK) {
        *ret_factor = factor;
    }
    return err;
}

enum err store_factor_get(struct store_read *read, struct arena *arena, struct id128 sub,
                          struct id128 id, struct factor *ret_factor) {
    uint8_t key[FACTOR_KEY_LEN];
    struct span row;
    enum err err = store_table_get(read, TABLE_FACTOR, factor_key(sub, id, key), &row);

    return err == OK ? factor_decode(row, arena, sub, id, ret_factor) : err;
}

enum err store_factor_next(struct store_read *read, struct arena *arena,
                           struct id128 sub, const struct id128 *after,
                           struct factor *ret_factor) {
    uint8_t from[FACTOR_KEY_LEN + 1] = {0};
    size_t len = sizeof sub.b;
    struct store_cursor cursor;
    struct span key, row;
    struct id128 id;
    enum err err;

    memcpy(from, sub.b, sizeof sub.b);
    if (after != NULL) { /* the first key behind it is one zero byte longer */
        memcpy(from + sizeof sub.b, after->b, sizeof after->b);
        len = sizeof from;
    }
    err = store_cursor_open(read, TABLE_FACTOR, span_of(from, len), &cursor, &key, &row);
    if (err != OK) {
        return err;
    }
    if (key.len != FACTOR_KEY_LEN) {
        err = ERR_CORRUPT;
    } else if (memcmp(key.data, sub.b, sizeof sub.b) != 0) {
        err = ERR_NOT_FOUND;
    } else {
        memcpy(id.b, key.data + sizeof sub.b, sizeof id.b);
        err = factor_decode(row, arena, sub, id, ret_factor);
    }
    store_cursor_close(&cursor);
    return err;
}

bool store_factor_indexed(enum factor_kind kind) {
    return kind == FACTOR_PASSKEY || kind == FACTOR_APP;
}

static struct span index_key(enum factor_kind kind, const struct key_hash *index,
                             uint8_t out[INDEX_KEY_LEN]) {
    out[0] = (uint8_t)kind;
    memcpy(out + 1, index->b, sizeof index->b);
    return span_of(out, INDEX_KEY_LEN);
}

enum err store_factor_find(struct store_read *read, struct arena *arena,
                           enum factor_kind kind, struct key_hash index,
                           struct factor *ret_factor) {
    uint8_t key[INDEX_KEY_LEN];
    struct id128 sub, id;
    struct span row;
    enum err err = store_table_get(read, TABLE_FACTOR_INDEX,
                                   index_key(kind, &index, key), &row);

    if (err != OK) {
        return err;
    }
    if (row.len != FACTOR_KEY_LEN) {
        return ERR_CORRUPT;
    }
    memcpy(sub.b, row.data, sizeof sub.b);
    memcpy(id.b, row.data + sizeof sub.b, sizeof id.b);
    err = store_factor_get(read, arena, sub, id, ret_factor);
    return err == ERR_NOT_FOUND ? ERR_CORRUPT : err;
}

enum err store_factor_put(struct store_write *write, const struct factor *factor) {
    uint8_t key[FACTOR_KEY_LEN], index[INDEX_KEY_LEN];
    struct buf *row;
    enum err err = OK;

    CHECK(factor->label.len <= LIMIT_FACTOR_LABEL &&
          factor->sealed.len <= LIMIT_FACTOR_SEALED);
    if (store_factor_indexed(factor->kind)) {
        err = store_table_put(write, TABLE_FACTOR_INDEX,
                              index_key(factor->kind, &factor->index, index),
                              factor_key(factor->sub, factor->id, key));
    }
    if (err != OK) {
        return err;
    }
    row = store_table_row(write);
    put_u8(row, FACTOR_ROW_VERSION);
    put_u8(row, (uint8_t)factor->kind);
    put_u64(row, factor->created_ms);
    put_u64(row, factor->used_ms);
    put_u64(row, factor->step);
    buf_put(row, factor->index.b, sizeof factor->index.b);
    put_u16(row, (uint16_t)factor->label.len);
    buf_put(row, factor->label.data, factor->label.len);
    put_u16(row, (uint16_t)factor->sealed.len);
    buf_put(row, factor->sealed.data, factor->sealed.len);
    return store_table_put_row(write, TABLE_FACTOR,
                               factor_key(factor->sub, factor->id, key), row);
}

enum err store_factor_del(struct store_write *write, struct id128 sub, struct id128 id) {
    uint8_t key[FACTOR_KEY_LEN], index[INDEX_KEY_LEN];
    struct factor old;
    enum err err = store_factor_get(store_write_reader(write),
                                    store_table_scratch(write), sub, id, &old);

    if (err == OK && store_factor_indexed(old.kind)) {
        err = store_table_del(write, TABLE_FACTOR_INDEX,
                              index_key(old.kind, &old.index, index));
        err = err == ERR_NOT_FOUND ? ERR_CORRUPT : err;
    }
    return err == OK ? store_table_del(write, TABLE_FACTOR, factor_key(sub, id, key))
                     : err;
}

static struct span guard_key(const struct key_hash *counter) {
    return span_of(counter->b, sizeof counter->b);
}

enum err store_factor_guard_get(struct store_read *read, struct key_hash counter,
                                struct factor_guard *ret_guard) {
    struct factor_guard guard;
    struct reader in;
    struct span row;
    enum err err = store_table_get(read, TABLE_FACTOR_GUARD, guard_key(&counter), &row);

    if (err == ERR_NOT_FOUND) {
        *ret_guard = (struct factor_guard){0};
        return OK;
    }
    if (err != OK) {
        return err;
    }
    in = reader_of(row);
    if (read_u8(&in) != GUARD_ROW_VERSION) {
        return ERR_CORRUPT;
    }
    guard.failures = read_u32(&in);
    guard.ends_ms = read_u64(&in);
    guard.generation = read_u64(&in);
    if (in.bad || reader_left(&in) != 0) {
        return ERR_CORRUPT;
    }
    *ret_guard = guard;
    return OK;
}

enum err store_factor_guard_put(struct store_write *write, struct key_hash counter,
                                const struct factor_guard *guard) {
    struct factor_guard old;
    struct buf *row;
    enum err err = store_factor_guard_get(store_write_reader(write), counter, &old);

    if (err == OK) {
        err = store_expiry_move(write, EXPIRY_FACTOR_GUARD, counter, old.ends_ms,
                                guard->ends_ms);
    }
    if (err != OK) {
        return err;
    }
    row = store_table_row(write);
    put_u8(row, GUARD_ROW_VERSION);
    put_u32(row, guard->failures);
    put_u64(row, guard->ends_ms);
    put_u64(row, guard->generation);
    return store_table_put_row(write, TABLE_FACTOR_GUARD, guard_key(&counter), row);
}

enum err store_factor_guard_del(struct store_write *write, struct key_hash counter) {
    struct factor_guard old;
    enum err err = store_factor_guard_get(store_write_reader(write), counter, &old);

    if (err != OK || old.ends_ms == 0) {
        return err;
    }
    err = store_expiry_move(write, EXPIRY_FACTOR_GUARD, counter, old.ends_ms, 0);
    return err == OK ? store_table_del(write, TABLE_FACTOR_GUARD, guard_key(&counter))
                     : err;
}
