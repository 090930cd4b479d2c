#include "store/store_id_change.h"

#include "store/base/check.h"
#include "store/base/limits.h"
#include "store/store_expiry.h"
#include "store/store_table.h"

#define ROW_VERSION 1

static struct span sub_key(const struct id128 *sub) {
    return span_of(sub->b, sizeof sub->b);
}

static struct key_hash expiry_of(struct id128 sub) {
    struct key_hash key;

    _Static_assert(sizeof key.b == sizeof sub.b, "subs stand in expiry entries");
    memcpy(key.b, sub.b, sizeof key.b);
    return key;
}

enum err store_id_change_get(struct store_read *read, struct id128 sub,
                             struct id_change *ret_change) {
    struct id_change change = {.sub = sub};
    struct reader in;
    struct span row;
    enum err err = store_table_get(read, TABLE_ID_CHANGE, sub_key(&sub), &row);

    if (err != OK) {
        return err;
    }
    in = reader_of(row);
    if (read_u8(&in) != ROW_VERSION) {
        return ERR_CORRUPT;
    }
    store_row_read(&in, change.token.b, sizeof change.token.b);
    store_row_read(&in, change.login_index.b, sizeof change.login_index.b);
    change.generation = read_u64(&in);
    change.expires_ms = read_u64(&in);
    change.sealed = read_bytes(&in, read_u16(&in));
    if (in.bad || reader_left(&in) != 0) {
        return ERR_CORRUPT;
    }
    *ret_change = change;
    return OK;
}

enum err store_id_change_put(struct store_write *write,
                             const struct id_change *change) {
    struct id_change old = {.expires_ms = 0};
    struct buf *row;
    enum err err =
        store_id_change_get(store_write_reader(write), change->sub, &old);

    CHECK(change->sealed.len <= LIMIT_SEALED_ACCOUNT_ID);
    if (err != OK && err != ERR_NOT_FOUND) {
        return err;
    }
    err = store_expiry_move(write, EXPIRY_ID_CHANGE, expiry_of(change->sub),
                            old.expires_ms, change->expires_ms);
    if (err != OK) {
        return err;
    }
    row = store_table_row(write);
    put_u8(row, ROW_VERSION);
    buf_put(row, change->token.b, sizeof change->token.b);
    buf_put(row, change->login_index.b, sizeof change->login_index.b);
    put_u64(row, change->generation);
    put_u64(row, change->expires_ms);
    put_u16(row, (uint16_t)change->sealed.len);
    buf_put(row, change->sealed.data, change->sealed.len);
    return store_table_put_row(write, TABLE_ID_CHANGE, sub_key(&change->sub), row);
}

enum err store_id_change_del(struct store_write *write, struct id128 sub) {
    struct id_change old;
    enum err err = store_id_change_get(store_write_reader(write), sub, &old);

    if (err == OK) {
        err = store_expiry_move(write, EXPIRY_ID_CHANGE, expiry_of(sub), old.expires_ms,
                                0);
    }
    return err == OK ? store_table_del(write, TABLE_ID_CHANGE, sub_key(&sub)) : err;
}
