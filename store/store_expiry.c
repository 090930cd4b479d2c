/* store_expiry: keys in the order (table, time, row), without values. */
#include "store/store_expiry.h"

#include "store/base/check.h"
#include "store/store_table.h"

#define EXPIRY_KEY_LEN (1 + 8 + 16)

static struct span expiry_key(const struct expiry *expiry,
                              uint8_t out[EXPIRY_KEY_LEN]) {
    out[0] = (uint8_t)expiry->table;
    store_key_u64(out + 1, expiry->at_ms);
    memcpy(out + 9, expiry->key.b, sizeof expiry->key.b);
    return span_of(out, EXPIRY_KEY_LEN);
}

int store_expiry_table_of(struct span key) {
    return key.len == EXPIRY_KEY_LEN ? key.data[0] : 0;
}

enum err store_expiry_add(struct store_write *write, const struct expiry *expiry) {
    uint8_t key[EXPIRY_KEY_LEN];
    return store_table_put(write, TABLE_EXPIRY, expiry_key(expiry, key), span_str(""));
}

enum err store_expiry_del(struct store_write *write, const struct expiry *expiry) {
    uint8_t key[EXPIRY_KEY_LEN];
    return store_table_del(write, TABLE_EXPIRY, expiry_key(expiry, key));
}

static enum err expiry_of(struct span key, struct expiry *ret_expiry) {
    if (key.len != EXPIRY_KEY_LEN) {
        return ERR_CORRUPT;
    }
    ret_expiry->table = (enum expiry_table)key.data[0];
    ret_expiry->at_ms = store_key_u64_of(key.data + 1);
    memcpy(ret_expiry->key.b, key.data + 9, sizeof ret_expiry->key.b);
    return OK;
}

enum err store_expiry_first_of(struct store_read *read, enum expiry_table table,
                               struct expiry *ret_expiry) {
    uint8_t from = (uint8_t)table;
    struct store_cursor cursor;
    struct span key, value;
    struct expiry found;
    enum err err =
        store_cursor_open(read, TABLE_EXPIRY, span_of(&from, 1), &cursor, &key, &value);

    if (err != OK) {
        return err;
    }
    err = expiry_of(key, &found);
    store_cursor_close(&cursor);
    if (err == OK && found.table != table) {
        err = ERR_NOT_FOUND;
    }
    if (err == OK) {
        *ret_expiry = found;
    }
    return err;
}

/* From table to table with one cursor: this is asked in every frame. */
enum err store_expiry_first(struct store_read *read, uint64_t now_ms,
                            struct expiry *ret_expiry) {
    uint8_t from = EXPIRY_SESSION;
    struct store_cursor cursor;
    struct span key, value;
    struct expiry first = {0};
    bool found = false;
    enum err err =
        store_cursor_open(read, TABLE_EXPIRY, span_of(&from, 1), &cursor, &key, &value);

    if (err != OK) {
        return err;
    }
    while (err == OK) {
        struct expiry one;
        err = expiry_of(key, &one);
        if (err != OK || one.table > EXPIRY_LAST) {
            break;
        }
        if (one.at_ms <= now_ms && (!found || one.at_ms < first.at_ms)) {
            first = one;
            found = true;
        }
        from = (uint8_t)(one.table + 1);
        err = store_cursor_seek(&cursor, span_of(&from, 1), &key, &value);
    }
    store_cursor_close(&cursor);
    if (err != OK && err != ERR_NOT_FOUND) {
        return err;
    }
    if (!found) {
        return ERR_NOT_FOUND;
    }
    *ret_expiry = first;
    return OK;
}

enum err store_expiry_move(struct store_write *write, enum expiry_table table,
                           struct key_hash key, uint64_t was_ms, uint64_t at_ms) {
    struct expiry entry = {.at_ms = was_ms, .table = table, .key = key};
    enum err err = OK;

    if (was_ms == at_ms) {
        return OK;
    }
    if (was_ms != 0) {
        err = store_expiry_del(write, &entry);
        /* The sweep drops the entry before the row that it names. */
        if (err == ERR_NOT_FOUND) {
            err = OK;
        }
    }
    entry.at_ms = at_ms;
    if (err == OK && at_ms != 0) {
        err = store_expiry_add(write, &entry);
    }
    return err;
}
