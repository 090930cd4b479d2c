#include "store/store_backup.h"

#include "store/base/codec.h"
#include "store/store_table.h"
#include "store/store_write.h"

#define KEY "last_backup"
#define VERSION 1

static enum err decode(struct span row, struct store_backup *ret_backup) {
    struct reader in = reader_of(row);
    struct store_backup backup;

    if (read_u8(&in) != VERSION) {
        return ERR_CORRUPT;
    }
    backup.index = read_u64(&in);
    backup.digest.lo = read_u64(&in);
    backup.digest.hi = read_u64(&in);
    backup.rows = read_u64(&in);
    backup.bytes = read_u64(&in);
    backup.donor = read_u64(&in);
    backup.taker = read_u64(&in);
    backup.kept_ms = read_u64(&in);
    if (in.bad || reader_left(&in) != 0) {
        return ERR_CORRUPT;
    }
    *ret_backup = backup;
    return OK;
}

enum err store_backup_get(struct store_read *read, struct store_backup *ret_backup) {
    struct span row;
    enum err err = store_table_get(read, TABLE_CLUSTER, span_str(KEY), &row);

    return err == OK ? decode(row, ret_backup) : err;
}

enum err store_backup_put(struct store_write *write,
                          const struct store_backup *backup) {
    struct buf *row = store_table_row(write);

    put_u8(row, VERSION);
    put_u64(row, backup->index);
    put_u64(row, backup->digest.lo);
    put_u64(row, backup->digest.hi);
    put_u64(row, backup->rows);
    put_u64(row, backup->bytes);
    put_u64(row, backup->donor);
    put_u64(row, backup->taker);
    put_u64(row, backup->kept_ms);
    return store_table_put_row(write, TABLE_CLUSTER, span_str(KEY), row);
}
