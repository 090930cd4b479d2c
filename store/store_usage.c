/* store_usage: counters by month and client. */
#include "store/store_usage.h"

#include <stdio.h>

#include "store/base/check.h"
#include "store/base/japan.h"
#include "store/base/limits.h"
#include "store/store_table.h"

#define USAGE_ROW_VERSION 1

uint32_t store_usage_month(uint64_t ms) {
    struct japan_time time = japan_time(ms);

    return (time.year - 1970u) * 12u + time.month - 1u;
}

void store_usage_month_print(uint32_t month, char out[STORE_USAGE_MONTH_TEXT]) {
    snprintf(out, STORE_USAGE_MONTH_TEXT, "%04u-%02u", (1970 + month / 12) % 10000,
             1 + month % 12);
}

/* Big-endian, so that months sort. */
static struct span usage_key(uint32_t month, struct span client_id,
                             uint8_t out[4 + LIMIT_CLIENT_ID]) {
    CHECK(client_id.len <= LIMIT_CLIENT_ID);
    for (int i = 0; i < 4; i++) {
        out[i] = (uint8_t)(month >> (24 - 8 * i));
    }
    if (client_id.len > 0) {
        memcpy(out + 4, client_id.data, client_id.len);
    }
    return span_of(out, 4 + client_id.len);
}

static enum err usage_decode(struct span key, struct span value,
                             struct usage_row *ret_row) {
    struct reader in = reader_of(value);
    struct usage_row row = {.month = 0};

    if (key.len < 4 || key.len > 4 + LIMIT_CLIENT_ID ||
        read_u8(&in) != USAGE_ROW_VERSION) {
        return ERR_CORRUPT;
    }
    for (int i = 0; i < 4; i++) {
        row.month = row.month << 8 | key.data[i];
    }
    row.client_id = span_of(key.data + 4, key.len - 4);
    for (size_t i = 0; i < USAGE_KINDS; i++) {
        row.counts[i] = read_u64(&in);
    }
    if (in.bad || reader_left(&in) != 0) {
        return ERR_CORRUPT;
    }
    *ret_row = row;
    return OK;
}

enum err store_usage_get(struct store_read *read, uint32_t month, struct span client_id,
                         struct usage_row *ret_row) {
    uint8_t bytes[4 + LIMIT_CLIENT_ID];
    struct span key = usage_key(month, client_id, bytes), value;
    enum err err = store_table_get(read, TABLE_USAGE, key, &value);

    if (err == OK) {
        err = usage_decode(key, value, ret_row);
    }
    if (err == OK) {
        ret_row->client_id = client_id; /* `bytes` ends here */
    }
    return err;
}

enum err store_usage_first(struct store_read *read, struct usage_row *ret_row) {
    struct store_cursor cursor;
    struct span key, value;
    enum err err = store_cursor_open(read, TABLE_USAGE, span_of(NULL, 0), &cursor, &key,
                                     &value);

    if (err != OK) {
        return err;
    }
    err = usage_decode(key, value, ret_row);
    store_cursor_close(&cursor);
    return err;
}

enum err store_usage_put(struct store_write *write, const struct usage_row *row) {
    uint8_t bytes[4 + LIMIT_CLIENT_ID];
    struct buf *out = store_table_row(write);

    put_u8(out, USAGE_ROW_VERSION);
    for (size_t i = 0; i < USAGE_KINDS; i++) {
        put_u64(out, row->counts[i]);
    }
    return store_table_put_row(write, TABLE_USAGE,
                               usage_key(row->month, row->client_id, bytes), out);
}

enum err store_usage_del(struct store_write *write, uint32_t month,
                         struct span client_id) {
    uint8_t bytes[4 + LIMIT_CLIENT_ID];

    return store_table_del(write, TABLE_USAGE, usage_key(month, client_id, bytes));
}

enum err store_usage_walk(struct store_read *read,
                          bool (*each)(void *arg, const struct usage_row *row),
                          void *arg) {
    struct store_cursor cursor;
    struct usage_row row;
    struct span key, value;
    enum err err = store_cursor_open(read, TABLE_USAGE, span_of(NULL, 0), &cursor, &key,
                                     &value);
    bool more = true;

    if (err != OK) {
        return err == ERR_NOT_FOUND ? OK : err;
    }
    while (err == OK && more) {
        err = usage_decode(key, value, &row);
        if (err == OK) {
            more = each(arg, &row);
            err = more ? store_cursor_next(&cursor, &key, &value) : OK;
        }
    }
    store_cursor_close(&cursor);
    return err == ERR_NOT_FOUND ? OK : err;
}
