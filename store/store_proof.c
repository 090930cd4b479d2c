/* store_proof: one time stamp a row. */
#include "store/store_proof.h"

#include "store/store_expiry.h"
#include "store/store_table.h"

#define PROOF_ROW_VERSION 1

static struct span proof_key(const struct key_hash *key) {
    return span_of(key->b, sizeof key->b);
}

enum err store_proof_get(struct store_read *read, struct key_hash key,
                         uint64_t *ret_until_ms) {
    struct reader in;
    struct span row;
    uint64_t until_ms;
    enum err err = store_table_get(read, TABLE_PROOF, proof_key(&key), &row);

    if (err != OK) {
        return err;
    }
    in = reader_of(row);
    if (read_u8(&in) != PROOF_ROW_VERSION) {
        return ERR_CORRUPT;
    }
    until_ms = read_u64(&in);
    if (in.bad || reader_left(&in) != 0) {
        return ERR_CORRUPT;
    }
    *ret_until_ms = until_ms;
    return OK;
}

/* 0: no row. */
static enum err proof_was(struct store_write *write, struct key_hash key,
                          uint64_t *ret_ms) {
    enum err err = store_proof_get(store_write_reader(write), key, ret_ms);

    if (err == ERR_NOT_FOUND) {
        *ret_ms = 0;
        err = OK;
    }
    return err;
}

enum err store_proof_put(struct store_write *write, struct key_hash key,
                         uint64_t until_ms) {
    struct buf *row;
    uint64_t was_ms;
    enum err err = proof_was(write, key, &was_ms);

    if (err == OK) {
        err = store_expiry_move(write, EXPIRY_PROOF, key, was_ms, until_ms);
    }
    if (err != OK) {
        return err;
    }
    row = store_table_row(write);
    put_u8(row, PROOF_ROW_VERSION);
    put_u64(row, until_ms);
    return store_table_put_row(write, TABLE_PROOF, proof_key(&key), row);
}

enum err store_proof_del(struct store_write *write, struct key_hash key) {
    uint64_t was_ms;
    enum err err = proof_was(write, key, &was_ms);

    if (err == OK) {
        err = store_expiry_move(write, EXPIRY_PROOF, key, was_ms, 0);
    }
    return err == OK ? store_table_del(write, TABLE_PROOF, proof_key(&key)) : err;
}
