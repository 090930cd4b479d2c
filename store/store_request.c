/* store_request: a head of fixed layout, then client_id and form. */
#include "store/store_request.h"

#include "store/base/limits.h"
#include "store/store_expiry.h"
#include "store/store_table.h"

#define REQUEST_ROW_VERSION 1

static struct span request_key(const struct key_hash *key) {
    return span_of(key->b, sizeof key->b);
}

enum err store_request_get(struct store_read *read, struct key_hash key,
                           struct pushed_request *ret_request) {
    struct pushed_request request = {.key = key};
    struct reader in;
    struct span row;
    uint8_t client_id_len;
    enum err err = store_table_get(read, TABLE_REQUEST, request_key(&key), &row);

    if (err != OK) {
        return err;
    }
    in = reader_of(row);
    if (read_u8(&in) != REQUEST_ROW_VERSION) {
        return ERR_CORRUPT;
    }
    request.expires_ms = read_u64(&in);
    request.keep_until_ms = read_u64(&in);
    client_id_len = read_u8(&in);
    request.client_id = read_bytes(&in, client_id_len);
    request.form = read_bytes(&in, reader_left(&in));
    if (in.bad || request.form.len > LIMIT_PUSHED_REQUEST) {
        return ERR_CORRUPT;
    }
    *ret_request = request;
    return OK;
}

/* 0: no row. */
static enum err request_was(struct store_write *write, struct key_hash key,
                            uint64_t *ret_ms) {
    struct pushed_request old;
    enum err err = store_request_get(store_write_reader(write), key, &old);

    *ret_ms = err == OK ? old.keep_until_ms : 0;
    return err == ERR_NOT_FOUND ? OK : err;
}

enum err store_request_put(struct store_write *write,
                           const struct pushed_request *request) {
    struct buf *row;
    uint64_t was_ms;
    enum err err;

    if (request->client_id.len == 0 || request->client_id.len > LIMIT_CLIENT_ID ||
        request->form.len > LIMIT_PUSHED_REQUEST) {
        return ERR_INVALID;
    }
    err = request_was(write, request->key, &was_ms);
    if (err == OK) {
        err = store_expiry_move(write, EXPIRY_REQUEST, request->key, was_ms,
                                request->keep_until_ms);
    }
    if (err != OK) {
        return err;
    }
    row = store_table_row(write);
    put_u8(row, REQUEST_ROW_VERSION);
    put_u64(row, request->expires_ms);
    put_u64(row, request->keep_until_ms);
    put_u8(row, (uint8_t)request->client_id.len);
    buf_put(row, request->client_id.data, request->client_id.len);
    buf_put(row, request->form.data, request->form.len);
    return store_table_put_row(write, TABLE_REQUEST, request_key(&request->key), row);
}

enum err store_request_del(struct store_write *write, struct key_hash key) {
    uint64_t was_ms;
    enum err err = request_was(write, key, &was_ms);

    if (err == OK) {
        err = store_expiry_move(write, EXPIRY_REQUEST, key, was_ms, 0);
    }
    return err == OK ? store_table_del(write, TABLE_REQUEST, request_key(&key)) : err;
}
