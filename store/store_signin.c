/* store_signin: sign-ins in progress, in a fixed layout. */
#include "store/store_signin.h"

#include "store/base/check.h"
#include "store/base/limits.h"
#include "store/store_expiry.h"
#include "store/store_table.h"

#define SIGNIN_ROW_VERSION 1

enum { IS_RAISING = 1, IS_ENROLLING = 2, IS_DENIED = 4, IS_ADDING = 8, IS_ALL = 15 };

static struct span signin_key(const struct key_hash *key) {
    return span_of(key->b, sizeof key->b);
}

static void read_row(struct reader *in, struct signin *signin, uint8_t *ret_is) {
    store_row_read(in, signin->browser, sizeof signin->browser);
    store_row_read(in, signin->sub.b, sizeof signin->sub.b);
    signin->generation = read_u64(in);
    signin->methods = read_u32(in);
    signin->auth_time_ms = read_u64(in);
    signin->expires_ms = read_u64(in);
    *ret_is = read_u8(in);
    store_row_read(in, signin->session.b, sizeof signin->session.b);
    store_row_read(in, signin->replaces.b, sizeof signin->replaces.b);
    signin->kind = read_u8(in);
    store_row_read(in, signin->factor.b, sizeof signin->factor.b);
    store_row_read(in, signin->code.b, sizeof signin->code.b);
    signin->code_expires_ms = read_u64(in);
    signin->sent = read_u32(in);
}

enum err store_signin_get(struct store_read *read, struct arena *arena,
                          struct key_hash key, struct signin *ret_signin) {
    struct signin signin = {.key = key};
    struct span row, data;
    struct reader in;
    uint8_t version, is;
    uint16_t len;
    enum err err = store_table_get(read, TABLE_SIGNIN, signin_key(&key), &row);

    if (err != OK) {
        return err;
    }
    in = reader_of(row);
    version = read_u8(&in);
    read_row(&in, &signin, &is);
    len = read_u16(&in);
    data = read_bytes(&in, len);
    if (in.bad || reader_left(&in) != 0 || version != SIGNIN_ROW_VERSION ||
        (is & ~IS_ALL) != 0 || signin.kind > FACTOR_KIND_LAST ||
        len > LIMIT_SIGNIN_DATA) {
        return ERR_CORRUPT;
    }
    signin.raises = (is & IS_RAISING) != 0;
    signin.enrols = (is & IS_ENROLLING) != 0;
    signin.denied = (is & IS_DENIED) != 0;
    signin.adds = (is & IS_ADDING) != 0;
    signin.data = arena_dup(arena, data);
    if (len > 0 && signin.data.data == NULL) {
        return ERR_NOMEM;
    }
    *ret_signin = signin;
    return OK;
}

/* 0: no row. */
static enum err signin_was(struct store_write *write, struct key_hash key,
                           uint64_t *ret_ms) {
    struct signin old;
    enum err err = store_signin_get(store_write_reader(write),
                                    store_table_scratch(write), key, &old);

    *ret_ms = err == OK ? old.expires_ms : 0;
    return err == ERR_NOT_FOUND ? OK : err;
}

enum err store_signin_put(struct store_write *write, const struct signin *signin) {
    struct buf *row;
    uint64_t was_ms;
    enum err err = signin_was(write, signin->key, &was_ms);

    CHECK(signin->data.len <= LIMIT_SIGNIN_DATA);
    if (err == OK) {
        err = store_expiry_move(write, EXPIRY_SIGNIN, signin->key, was_ms,
                                signin->expires_ms);
    }
    if (err != OK) {
        return err;
    }
    row = store_table_row(write);
    put_u8(row, SIGNIN_ROW_VERSION);
    buf_put(row, signin->browser, sizeof signin->browser);
    buf_put(row, signin->sub.b, sizeof signin->sub.b);
    put_u64(row, signin->generation);
    put_u32(row, signin->methods);
    put_u64(row, signin->auth_time_ms);
    put_u64(row, signin->expires_ms);
    put_u8(row, (uint8_t)((signin->raises ? IS_RAISING : 0) |
                          (signin->enrols ? IS_ENROLLING : 0) |
                          (signin->denied ? IS_DENIED : 0) |
                          (signin->adds ? IS_ADDING : 0)));
    buf_put(row, signin->session.b, sizeof signin->session.b);
    buf_put(row, signin->replaces.b, sizeof signin->replaces.b);
    put_u8(row, signin->kind);
    buf_put(row, signin->factor.b, sizeof signin->factor.b);
    buf_put(row, signin->code.b, sizeof signin->code.b);
    put_u64(row, signin->code_expires_ms);
    put_u32(row, signin->sent);
    put_u16(row, (uint16_t)signin->data.len);
    buf_put(row, signin->data.data, signin->data.len);
    return store_table_put_row(write, TABLE_SIGNIN, signin_key(&signin->key), row);
}

enum err store_signin_del(struct store_write *write, struct key_hash key) {
    uint64_t was_ms;
    enum err err = signin_was(write, key, &was_ms);

    if (err == OK) {
        err = store_expiry_move(write, EXPIRY_SIGNIN, key, was_ms, 0);
    }
    return err == OK ? store_table_del(write, TABLE_SIGNIN, signin_key(&key)) : err;
}
