/* store_counter: a count and the end of its window a row. */
#include "store/store_counter.h"

#include "store/store_expiry.h"
#include "store/store_table.h"

#define COUNTER_ROW_VERSION 1

static struct span counter_key(const struct key_hash *key) {
    return span_of(key->b, sizeof key->b);
}

enum err store_counter_get(struct store_read *read, struct key_hash key,
                           struct counter *ret_counter) {
    struct counter counter;
    struct reader in;
    struct span row;
    uint8_t version;
    enum err err = store_table_get(read, TABLE_COUNTER, counter_key(&key), &row);

    if (err != OK) {
        return err;
    }
    in = reader_of(row);
    version = read_u8(&in);
    counter.count = read_u32(&in);
    counter.until_ms = read_u64(&in);
    if (in.bad || reader_left(&in) != 0 || version != COUNTER_ROW_VERSION) {
        return ERR_CORRUPT;
    }
    *ret_counter = counter;
    return OK;
}

/* When the row that stands there ends; 0: none does. */
static enum err until_now(struct store_write *write, struct key_hash key,
                          uint64_t *ret_ms) {
    struct counter counter = {0};
    enum err err = store_counter_get(store_write_reader(write), key, &counter);

    *ret_ms = counter.until_ms;
    return err == ERR_NOT_FOUND ? OK : err;
}

enum err store_counter_put(struct store_write *write, struct key_hash key,
                           const struct counter *counter) {
    struct buf *row;
    uint64_t was_ms;
    enum err err = until_now(write, key, &was_ms);

    if (err == OK) {
        err = store_expiry_move(write, EXPIRY_COUNTER, key, was_ms, counter->until_ms);
    }
    if (err != OK) {
        return err;
    }
    row = store_table_row(write);
    put_u8(row, COUNTER_ROW_VERSION);
    put_u32(row, counter->count);
    put_u64(row, counter->until_ms);
    return store_table_put_row(write, TABLE_COUNTER, counter_key(&key), row);
}

enum err store_counter_del(struct store_write *write, struct key_hash key) {
    uint64_t was_ms;
    enum err err = until_now(write, key, &was_ms);

    if (err == OK) {
        err = store_expiry_move(write, EXPIRY_COUNTER, key, was_ms, 0);
    }
    return err == OK ? store_table_del(write, TABLE_COUNTER, counter_key(&key)) : err;
}
