/* store_blob: rows by SHA-256, and an index of those that are short of copies. */
#include "store/store_blob.h"

#include "store/base/fields.h"
#include "store/store_expiry.h"
#include "store/store_table.h"

#define ROW_VERSION 1

static struct span id_key(const struct blob_id *id) {
    return span_of(id->b, sizeof id->b);
}

static void each_field(struct fields *f, struct blob_row *blob) {
    uint8_t version = ROW_VERSION;

    field_u8(f, &version);
    field_rule(f, version == ROW_VERSION);
    FIELD_ENUM(f, blob->kind, BLOB_SCAN, BLOB_KIND_LAST);
    field_u64(f, &blob->size);
    field_u64(f, &blob->created_ms);
    field_u32(f, &blob->refs);
    field_u64(f, &blob->drop_ms);
    field_count(f, &blob->holders_count, LIMIT_NODES);
    for (size_t i = 0; i < blob->holders_count; i++) {
        field_u64(f, &blob->holders[i]);
        field_rule(f, i == 0 || blob->holders[i] > blob->holders[i - 1]);
    }
}

static enum err decode(struct span row, const struct blob_id *id,
                       struct blob_row *ret_blob) {
    struct blob_row blob = {.id = *id};
    struct fields f = fields_from(row);

    each_field(&f, &blob);
    if (fields_end(&f) != OK) {
        return ERR_CORRUPT;
    }
    *ret_blob = blob;
    return OK;
}

bool store_blob_held_by(const struct blob_row *blob, uint64_t node) {
    for (size_t i = 0; i < blob->holders_count; i++) {
        if (blob->holders[i] == node) {
            return true;
        }
    }
    return false;
}

enum err store_blob_get(struct store_read *read, const struct blob_id *id,
                        struct blob_row *ret_blob) {
    struct span row;
    enum err err = store_table_get(read, TABLE_BLOB, id_key(id), &row);

    return err == OK ? decode(row, id, ret_blob) : err;
}

static struct key_hash mark_of(const struct blob_id *id) {
    struct key_hash mark;

    memcpy(mark.b, id->b, sizeof mark.b);
    return mark;
}

enum err store_blob_short(struct store_read *read, const struct blob_id *id,
                          bool *ret_short) {
    struct span row;
    enum err err = store_table_get(read, TABLE_BLOB_SHORT, id_key(id), &row);

    if (err == OK || err == ERR_NOT_FOUND) {
        *ret_short = err == OK;
        err = OK;
    }
    return err;
}

/* L2. */
static enum err short_move(struct store_write *write, const struct blob_id *id,
                           bool is) {
    bool was = false;
    enum err err = store_blob_short(store_write_reader(write), id, &was);

    if (err != OK || was == is) {
        return err;
    }
    return is ? store_table_put(write, TABLE_BLOB_SHORT, id_key(id), span_str(""))
              : store_table_del(write, TABLE_BLOB_SHORT, id_key(id));
}

enum err store_blob_put(struct store_write *write, const struct blob_row *blob,
                        bool is_short) {
    struct blob_row row = *blob;
    struct blob_row old = {.drop_ms = 0};
    struct fields f;
    struct buf *out;
    enum err err = store_blob_get(store_write_reader(write), &blob->id, &old);

    if (err != OK && err != ERR_NOT_FOUND) {
        return err;
    }
    err = short_move(write, &row.id, is_short);
    if (err == OK) {
        err = store_expiry_move(write, EXPIRY_BLOB, mark_of(&row.id), old.drop_ms,
                                row.drop_ms);
    }
    if (err != OK) {
        return err == ERR_NOT_FOUND ? ERR_CORRUPT : err;
    }
    out = store_table_row(write);
    f = fields_to(out);
    each_field(&f, &row);
    err = fields_end(&f);
    return err == OK ? store_table_put_row(write, TABLE_BLOB, id_key(&row.id), out)
                     : err;
}

enum err store_blob_of_row(struct span key, struct span value,
                           struct blob_row *ret_blob) {
    struct blob_id id;

    if (key.len != sizeof id.b) {
        return ERR_CORRUPT;
    }
    memcpy(id.b, key.data, sizeof id.b);
    return decode(value, &id, ret_blob);
}

enum err store_blob_forget_holders(struct span key, struct span value,
                                   struct buf *out) {
    struct blob_row blob;
    struct fields f;
    enum err err = store_blob_of_row(key, value, &blob);

    if (err != OK) {
        return err;
    }
    blob.holders_count = 0;
    f = fields_to(out);
    each_field(&f, &blob);
    return fields_end(&f);
}

enum err store_blob_del(struct store_write *write, const struct blob_id *id) {
    struct blob_row old;
    enum err err = store_blob_get(store_write_reader(write), id, &old);

    if (err == OK) {
        err = short_move(write, id, false);
    }
    if (err == OK) {
        err = store_expiry_move(write, EXPIRY_BLOB, mark_of(id), old.drop_ms, 0);
    }
    return err == OK ? store_table_del(write, TABLE_BLOB, id_key(id)) : err;
}

enum err store_blob_next(struct store_read *read, const struct blob_id *from,
                         bool of_short, struct blob_row *ret_blob) {
    struct store_cursor cursor;
    struct span key, value;
    struct blob_id id;
    enum err err =
        store_cursor_open(read, of_short ? TABLE_BLOB_SHORT : TABLE_BLOB,
                          id_key(from), &cursor, &key, &value);

    if (err != OK) {
        return err;
    }
    if (key.len != sizeof id.b) {
        err = ERR_CORRUPT;
    } else {
        memcpy(id.b, key.data, sizeof id.b);
        err = of_short ? store_blob_get(read, &id, ret_blob)
                       : decode(value, &id, ret_blob);
        err = err == ERR_NOT_FOUND ? ERR_CORRUPT : err;
    }
    store_cursor_close(&cursor);
    return err;
}

enum err store_blob_by_mark(struct store_read *read, struct key_hash mark,
                            struct blob_row *ret_blob) {
    struct blob_id from = {{0}};
    struct blob_row blob;
    enum err err;

    memcpy(from.b, mark.b, sizeof mark.b);
    err = store_blob_next(read, &from, false, &blob);
    if (err == OK && memcmp(blob.id.b, mark.b, sizeof mark.b) != 0) {
        return ERR_NOT_FOUND;
    }
    if (err == OK) {
        *ret_blob = blob;
    }
    return err;
}

uint64_t store_blob_count(struct store_read *read) {
    return store_table_rows(read, TABLE_BLOB);
}

enum err store_blob_short_count(struct store_read *read, uint64_t *ret_count) {
    *ret_count = store_table_rows(read, TABLE_BLOB_SHORT);
    return OK;
}

bool store_blob_after(struct blob_id *id) {
    for (size_t i = sizeof id->b; i > 0; i--) {
        if (++id->b[i - 1] != 0) {
            return true;
        }
    }
    return false;
}
