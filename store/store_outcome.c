/* store_outcome: boots by node, outcomes by (node, sequence). */
#include "store/store_outcome.h"

#include "store/base/limits.h"
#include "store/store_table.h"

#define BOOT_ROW_VERSION 1
#define OUTCOME_KEY_LEN 16

enum err store_boot_get(struct store_read *read, uint64_t node, struct boot *ret_boot) {
    uint8_t key[8];
    struct boot boot = {.node = node};
    struct reader in;
    struct span row;
    enum err err;

    store_key_u64(key, node);
    err = store_table_get(read, TABLE_BOOT, span_of(key, sizeof key), &row);
    if (err != OK) {
        return err;
    }
    in = reader_of(row);
    if (read_u8(&in) != BOOT_ROW_VERSION) {
        return ERR_CORRUPT;
    }
    boot.boot = read_u64(&in);
    boot.low = read_u64(&in);
    if (in.bad || reader_left(&in) != 0) {
        return ERR_CORRUPT;
    }
    *ret_boot = boot;
    return OK;
}

enum err store_boot_put(struct store_write *write, const struct boot *boot) {
    uint8_t key[8];
    struct buf *row = store_table_row(write);

    store_key_u64(key, boot->node);
    put_u8(row, BOOT_ROW_VERSION);
    put_u64(row, boot->boot);
    put_u64(row, boot->low);
    return store_table_put_row(write, TABLE_BOOT, span_of(key, sizeof key), row);
}

static struct span outcome_key(uint64_t node, uint64_t seq,
                               uint8_t out[OUTCOME_KEY_LEN]) {
    store_key_u64(out, node);
    store_key_u64(out + 8, seq);
    return span_of(out, OUTCOME_KEY_LEN);
}

enum err store_outcome_get(struct store_read *read, uint64_t node, uint64_t seq,
                           struct span *ret_outcome) {
    uint8_t key[OUTCOME_KEY_LEN];
    return store_table_get(read, TABLE_OUTCOME, outcome_key(node, seq, key),
                           ret_outcome);
}

enum err store_outcome_put(struct store_write *write, uint64_t node, uint64_t seq,
                           struct span outcome) {
    uint8_t key[OUTCOME_KEY_LEN];

    if (outcome.len > LIMIT_OUTCOME) {
        return ERR_TOO_BIG;
    }
    return store_table_put(write, TABLE_OUTCOME, outcome_key(node, seq, key), outcome);
}

enum err store_outcome_trim(struct store_write *write, uint64_t node, uint64_t low) {
    uint8_t from[OUTCOME_KEY_LEN], end[OUTCOME_KEY_LEN];

    return store_table_trim(write, TABLE_OUTCOME, outcome_key(node, 0, from),
                            outcome_key(node, low, end));
}
