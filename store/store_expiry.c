/* store_expiry: keys in the order (table, time, row), without values. */
#include "store/store_expiry.h"

#include "store/base/check.h"
#include "store/store_lmdb.h"
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
    uint64_t *quiet_ms = &write->read.store->expiry_quiet_ms[expiry->table];
    uint8_t key[EXPIRY_KEY_LEN];

    if (expiry->at_ms < *quiet_ms) {
        *quiet_ms = expiry->at_ms;
    }
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

enum err store_expiry_due(struct store_write *write, uint64_t now_ms,
                          struct expiry *ret_expiry) {
    uint64_t *quiet_ms = write->read.store->expiry_quiet_ms;
    bool found = false;

    for (int table = EXPIRY_SESSION; table <= EXPIRY_LAST; table++) {
        struct expiry one = {.at_ms = UINT64_MAX};
        enum err err = OK;
        if (now_ms < quiet_ms[table]) {
            continue;
        }
        err = store_expiry_first_of(&write->read, (enum expiry_table)table, &one);
        if (err != OK && err != ERR_NOT_FOUND) {
            return err;
        }
        quiet_ms[table] = one.at_ms;
        if (one.at_ms <= now_ms && (!found || one.at_ms < ret_expiry->at_ms)) {
            *ret_expiry = one;
            found = true;
        }
    }
    return found ? OK : ERR_NOT_FOUND;
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
