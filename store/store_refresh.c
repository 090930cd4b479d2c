/* store_refresh: refresh tokens (store_grant.h), in a fixed layout. */
#include "store/store_expiry.h"
#include "store/store_grant.h"
#include "store/store_table.h"

#define REFRESH_ROW_VERSION 1

static struct span refresh_key(const struct key_hash *key) {
    return span_of(key->b, sizeof key->b);
}

enum err store_refresh_get(struct store_read *read, struct key_hash key,
                           struct refresh_token *ret_token) {
    struct refresh_token token = {.key = key};
    struct reader in;
    struct span row;
    uint8_t state;
    enum err err = store_table_get(read, TABLE_REFRESH, refresh_key(&key), &row);

    if (err != OK) {
        return err;
    }
    in = reader_of(row);
    if (read_u8(&in) != REFRESH_ROW_VERSION) {
        return ERR_CORRUPT;
    }
    store_row_read(&in, token.grant.b, sizeof token.grant.b);
    state = read_u8(&in);
    token.scopes = read_u64(&in);
    token.expires_ms = read_u64(&in);
    token.rotated_ms = read_u64(&in);
    store_row_read(&in, token.next_key.b, sizeof token.next_key.b);
    store_row_read(&in, token.next_access.b, sizeof token.next_access.b);
    if (in.bad || reader_left(&in) != 0 ||
        (state != REFRESH_LIVE && state != REFRESH_ROTATED)) {
        return ERR_CORRUPT;
    }
    token.state = (enum refresh_state)state;
    *ret_token = token;
    return OK;
}

enum err store_refresh_put(struct store_write *write,
                           const struct refresh_token *token) {
    struct buf *row;
    struct refresh_token old;
    uint64_t was_ms = 0;
    enum err err = store_refresh_get(store_write_reader(write), token->key, &old);

    if (err == OK) {
        was_ms = old.expires_ms;
    } else if (err != ERR_NOT_FOUND) {
        return err;
    }
    err =
        store_expiry_move(write, EXPIRY_REFRESH, token->key, was_ms, token->expires_ms);
    if (err != OK) {
        return err;
    }
    row = store_table_row(write);
    put_u8(row, REFRESH_ROW_VERSION);
    buf_put(row, token->grant.b, sizeof token->grant.b);
    put_u8(row, (uint8_t)token->state);
    put_u64(row, token->scopes);
    put_u64(row, token->expires_ms);
    put_u64(row, token->rotated_ms);
    buf_put(row, token->next_key.b, sizeof token->next_key.b);
    buf_put(row, token->next_access.b, sizeof token->next_access.b);
    return store_table_put_row(write, TABLE_REFRESH, refresh_key(&token->key), row);
}

enum err store_refresh_del(struct store_write *write, struct key_hash key) {
    struct refresh_token old;
    enum err err = store_refresh_get(store_write_reader(write), key, &old);

    if (err == OK) {
        err = store_expiry_move(write, EXPIRY_REFRESH, key, old.expires_ms, 0);
    }
    return err == OK ? store_table_del(write, TABLE_REFRESH, refresh_key(&key)) : err;
}
