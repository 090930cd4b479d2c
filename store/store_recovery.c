/* store_recovery: one row an account, in a fixed layout. */
#include "store/store_recovery.h"

#include "store/store_expiry.h"
#include "store/store_table.h"

#define RECOVERY_ROW_VERSION 1

static struct span recovery_key(const struct id128 *sub) {
    return span_of(sub->b, sizeof sub->b);
}

static struct key_hash expiry_key(struct id128 sub) {
    struct key_hash key;

    memcpy(key.b, sub.b, sizeof key.b);
    return key;
}

enum err store_recovery_get(struct store_read *read, struct id128 sub,
                            struct recovery *ret_recovery) {
    struct recovery recovery = {.sub = sub};
    struct reader in;
    struct span row;
    enum err err = store_table_get(read, TABLE_RECOVERY, recovery_key(&sub), &row);

    if (err != OK) {
        return err;
    }
    in = reader_of(row);
    if (read_u8(&in) != RECOVERY_ROW_VERSION) {
        return ERR_CORRUPT;
    }
    store_row_read(&in, recovery.secret.b, sizeof recovery.secret.b);
    store_row_read(&in, recovery.login_index.b, sizeof recovery.login_index.b);
    recovery.generation = read_u64(&in);
    recovery.expires_ms = read_u64(&in);
    if (in.bad || reader_left(&in) != 0) {
        return ERR_CORRUPT;
    }
    *ret_recovery = recovery;
    return OK;
}

/* 0: no row. */
static enum err recovery_was(struct store_write *write, struct id128 sub,
                             uint64_t *ret_ms) {
    struct recovery old;
    enum err err = store_recovery_get(store_write_reader(write), sub, &old);

    *ret_ms = err == OK ? old.expires_ms : 0;
    return err == ERR_NOT_FOUND ? OK : err;
}

enum err store_recovery_put(struct store_write *write, const struct recovery *recovery) {
    struct buf *row;
    uint64_t was_ms;
    enum err err = recovery_was(write, recovery->sub, &was_ms);

    if (err == OK) {
        err = store_expiry_move(write, EXPIRY_RECOVERY, expiry_key(recovery->sub), was_ms,
                                recovery->expires_ms);
    }
    if (err != OK) {
        return err;
    }
    row = store_table_row(write);
    put_u8(row, RECOVERY_ROW_VERSION);
    buf_put(row, recovery->secret.b, sizeof recovery->secret.b);
    buf_put(row, recovery->login_index.b, sizeof recovery->login_index.b);
    put_u64(row, recovery->generation);
    put_u64(row, recovery->expires_ms);
    return store_table_put_row(write, TABLE_RECOVERY, recovery_key(&recovery->sub), row);
}

enum err store_recovery_del(struct store_write *write, struct id128 sub) {
    uint64_t was_ms;
    enum err err = recovery_was(write, sub, &was_ms);

    if (err != OK || was_ms == 0) {
        return err;
    }
    err = store_expiry_move(write, EXPIRY_RECOVERY, expiry_key(sub), was_ms, 0);
    return err == OK ? store_table_del(write, TABLE_RECOVERY, recovery_key(&sub)) : err;
}
