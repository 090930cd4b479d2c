/* store_access: access tokens (store_grant.h), in a fixed layout. */
#include "store/store_expiry.h"
#include "store/store_grant.h"
#include "store/store_table.h"

#define ACCESS_ROW_VERSION 1

static struct span access_key(const struct key_hash *key) {
    return span_of(key->b, sizeof key->b);
}

enum err store_access_get(struct store_read *read, struct key_hash key,
                          struct access_token *ret_token) {
    struct access_token token = {.key = key};
    struct reader in;
    struct span row;
    enum err err = store_table_get(read, TABLE_ACCESS, access_key(&key), &row);

    if (err != OK) {
        return err;
    }
    in = reader_of(row);
    if (read_u8(&in) != ACCESS_ROW_VERSION) {
        return ERR_CORRUPT;
    }
    store_row_read(&in, token.grant.b, sizeof token.grant.b);
    store_row_read(&in, token.sub.b, sizeof token.sub.b);
    token.scopes = read_u64(&in);
    token.expires_ms = read_u64(&in);
    token.binding.kind = (enum binding_kind)read_u8(&in);
    if (token.binding.kind != BINDING_NONE) {
        store_row_read(&in, token.binding.thumbprint, sizeof token.binding.thumbprint);
    }
    if (in.bad || reader_left(&in) != 0 || token.binding.kind > BINDING_TLS) {
        return ERR_CORRUPT;
    }
    *ret_token = token;
    return OK;
}

enum err store_access_put(struct store_write *write, const struct access_token *token) {
    struct buf *row;
    struct access_token old;
    uint64_t was_ms = 0;
    enum err err = store_access_get(store_write_reader(write), token->key, &old);

    if (err == OK) {
        was_ms = old.expires_ms;
    } else if (err != ERR_NOT_FOUND) {
        return err;
    }
    err =
        store_expiry_move(write, EXPIRY_ACCESS, token->key, was_ms, token->expires_ms);
    if (err != OK) {
        return err;
    }
    row = store_table_row(write);
    put_u8(row, ACCESS_ROW_VERSION);
    buf_put(row, token->grant.b, sizeof token->grant.b);
    buf_put(row, token->sub.b, sizeof token->sub.b);
    put_u64(row, token->scopes);
    put_u64(row, token->expires_ms);
    put_u8(row, (uint8_t)token->binding.kind);
    if (token->binding.kind != BINDING_NONE) {
        buf_put(row, token->binding.thumbprint, sizeof token->binding.thumbprint);
    }
    return store_table_put_row(write, TABLE_ACCESS, access_key(&token->key), row);
}

enum err store_access_del(struct store_write *write, struct key_hash key) {
    struct access_token old;
    enum err err = store_access_get(store_write_reader(write), key, &old);

    if (err == OK) {
        err = store_expiry_move(write, EXPIRY_ACCESS, key, old.expires_ms, 0);
    }
    return err == OK ? store_table_del(write, TABLE_ACCESS, access_key(&key)) : err;
}
