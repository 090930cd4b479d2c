/* store_review: reviews by application id, imports by id. */
#include "store/store_review.h"

#include "store/base/fields.h"
#include "store/store_expiry.h"
#include "store/store_table.h"

#define REVIEW_ROW_VERSION 1
#define IMPORT_ROW_VERSION 1

static struct span id_key(const struct id128 *id) {
    return span_of(id->b, sizeof id->b);
}

static void review_fields(struct fields *f, struct review *review) {
    uint8_t version = REVIEW_ROW_VERSION;

    field_u8(f, &version);
    field_rule(f, version == REVIEW_ROW_VERSION);
    field_bool(f, &review->claimed);
    field_fixed(f, review->holder.b, sizeof review->holder.b);
    field_u64(f, &review->until_ms);
    field_u32(f, &review->claim);
    field_bool(f, &review->pending);
    field_count(f, &review->count, LIMIT_REVIEW_ENTRIES);
    for (size_t i = 0; i < review->count; i++) {
        struct review_entry *entry = &review->entries[i];
        field_fixed(f, entry->staff.b, sizeof entry->staff.b);
        FIELD_ENUM(f, entry->decision, REVIEW_APPROVE, REVIEW_HOLD);
        field_u32(f, &entry->defects);
        field_u64(f, &entry->at_ms);
        field_bytes(f, &entry->note, LIMIT_REVIEW_NOTE);
    }
}

enum err store_review_get(struct store_read *read, struct arena *arena,
                          const struct application_id *id, struct review *ret_review) {
    struct id128 key = store_application_key(id);
    struct fields f;
    struct span row;
    enum err err = store_table_get(read, TABLE_REVIEW, id_key(&key), &row);

    memset(ret_review, 0, sizeof *ret_review);
    ret_review->id = *id;
    if (err != OK) {
        return err == ERR_NOT_FOUND ? OK : err;
    }
    f = fields_from(row);
    review_fields(&f, ret_review);
    if (fields_end(&f) != OK) {
        return ERR_CORRUPT;
    }
    for (size_t i = 0; i < ret_review->count; i++) {
        struct span *note = &ret_review->entries[i].note;
        if (note->len > 0) {
            *note = arena_dup(arena, *note);
            if (note->data == NULL) {
                return ERR_NOMEM;
            }
        }
    }
    return OK;
}

enum err store_review_put(struct store_write *write, const struct review *review) {
    struct id128 key = store_application_key(&review->id);
    struct buf *out = store_table_row(write);
    struct fields f = fields_to(out);
    struct review row = *review;
    enum err err;

    review_fields(&f, &row);
    err = fields_end(&f);
    return err == OK ? store_table_put_row(write, TABLE_REVIEW, id_key(&key), out)
                     : err;
}

enum err store_review_del(struct store_write *write, const struct application_id *id) {
    struct id128 key = store_application_key(id);

    return store_table_del(write, TABLE_REVIEW, id_key(&key));
}

/* --- imports --- */

static void import_fields(struct fields *f, struct review_import *import) {
    uint8_t version = IMPORT_ROW_VERSION;

    field_u8(f, &version);
    field_rule(f, version == IMPORT_ROW_VERSION);
    field_u64(f, &import->drop_ms); /* import_head: these come first */
    field_u64(f, &import->created_ms);
    FIELD_ENUM(f, import->state, IMPORT_PROPOSED, IMPORT_REJECTED);
    field_fixed(f, import->proposer.b, sizeof import->proposer.b);
    field_fixed(f, import->approver.b, sizeof import->approver.b);
    field_count(f, &import->count, LIMIT_IMPORT_LINES);
    for (size_t i = 0; i < import->count; i++) {
        struct import_line *line = &import->lines[i];
        field_text(f, line->id.text, sizeof line->id.text);
        FIELD_ENUM(f, line->decision, REVIEW_APPROVE, REVIEW_DENY);
        field_u32(f, &line->defects);
        field_u64(f, &line->revision);
        FIELD_ENUM(f, line->state, IMPORT_LINE_OPEN, IMPORT_LINE_LAST);
    }
}

static enum err import_decode(struct span row, struct id128 id,
                              struct review_import *ret_import) {
    struct fields f = fields_from(row);

    memset(ret_import, 0, sizeof *ret_import);
    ret_import->id = id;
    import_fields(&f, ret_import);
    return fields_end(&f) == OK ? OK : ERR_CORRUPT;
}

enum err store_import_get(struct store_read *read, struct id128 id,
                          struct review_import *ret_import) {
    struct span row;
    enum err err = store_table_get(read, TABLE_IMPORT, id_key(&id), &row);

    return err == OK ? import_decode(row, id, ret_import) : err;
}

/* The times of its row alone. */
static enum err import_head(struct store_read *read, const struct id128 *id,
                            uint64_t *ret_drop_ms, uint64_t *ret_created_ms) {
    struct fields f;
    struct span row;
    uint8_t version = 0;
    enum err err = store_table_get(read, TABLE_IMPORT, id_key(id), &row);

    *ret_drop_ms = *ret_created_ms = 0;
    if (err != OK) {
        return err;
    }
    f = fields_from(row);
    field_u8(&f, &version);
    field_rule(&f, version == IMPORT_ROW_VERSION);
    field_u64(&f, ret_drop_ms);
    field_u64(&f, ret_created_ms);
    return f.bad || f.in.bad ? ERR_CORRUPT : OK;
}

enum err store_import_drop_ms(struct store_read *read, struct id128 id,
                              uint64_t *ret_ms) {
    uint64_t created_ms;

    return import_head(read, &id, ret_ms, &created_ms);
}

static struct key_hash import_mark(const struct id128 *id) {
    struct key_hash mark;

    memcpy(mark.b, id->b, sizeof mark.b);
    return mark;
}

/* Its expiry entry, for the time that it has from now on. */
static enum err import_expiry(struct store_write *write, const struct id128 *id,
                              uint64_t drop_ms) {
    uint64_t was_ms;
    enum err err = store_import_drop_ms(store_write_reader(write), *id, &was_ms);

    return err == OK || err == ERR_NOT_FOUND
               ? store_expiry_move(write, EXPIRY_IMPORT, import_mark(id), was_ms, drop_ms)
               : err;
}

/* The latest first: its time counted down, then its id. */
static struct span import_time(uint64_t created_ms, const struct id128 *id,
                               uint8_t out[25]) {
    store_key_u64(out, UINT64_MAX - created_ms);
    memcpy(out + 8, id->b, sizeof id->b);
    return span_of(out, 24);
}

/* The index by time follows: rows never change when they came. */
static enum err import_index(struct store_write *write, const struct id128 *id,
                             uint64_t created_ms, bool put) {
    uint8_t bytes[25];
    struct span key = import_time(created_ms, id, bytes);

    return put ? store_table_put(write, TABLE_IMPORT_TIME, key, span_str(""))
               : store_table_del(write, TABLE_IMPORT_TIME, key);
}

enum err store_import_del(struct store_write *write, struct id128 id) {
    uint64_t drop_ms, created_ms;
    enum err err = import_head(store_write_reader(write), &id, &drop_ms, &created_ms);

    if (err == OK) {
        err = import_expiry(write, &id, 0);
    }
    if (err == OK) {
        err = import_index(write, &id, created_ms, false);
    }
    return err == OK ? store_table_del(write, TABLE_IMPORT, id_key(&id)) : err;
}

enum err store_import_put(struct store_write *write,
                          const struct review_import *import) {
    /* Fields are named for both directions; writing changes none. */
    struct review_import *row = (struct review_import *)(uintptr_t)import;
    struct buf *out;
    struct fields f;
    enum err err = import_expiry(write, &import->id, import->drop_ms);

    if (err == OK) {
        err = import_index(write, &import->id, import->created_ms, true);
    }
    if (err != OK) {
        return err;
    }
    out = store_table_row(write);
    f = fields_to(out);
    import_fields(&f, row);
    err = fields_end(&f);
    return err == OK ? store_table_put_row(write, TABLE_IMPORT, id_key(&row->id), out)
                     : err;
}

uint64_t store_import_count(struct store_read *read) {
    return store_table_rows(read, TABLE_IMPORT);
}

enum err store_import_before(struct store_read *read, struct import_at *at) {
    const struct id128 none = {{0}};
    struct store_cursor cursor;
    struct span key, value, from;
    uint8_t bytes[25];
    bool first = at->created_ms == 0 && memcmp(&at->id, &none, sizeof none) == 0;
    enum err err;

    from = import_time(first ? UINT64_MAX : at->created_ms, &at->id, bytes);
    if (!first) { /* behind it */
        bytes[from.len++] = 0;
    }
    err = store_cursor_open(read, TABLE_IMPORT_TIME, from, &cursor, &key, &value);
    if (err != OK) {
        return err;
    }
    if (key.len == 24) {
        at->created_ms = UINT64_MAX - store_key_u64_of(key.data);
        memcpy(at->id.b, key.data + 8, sizeof at->id.b);
    } else {
        err = ERR_CORRUPT;
    }
    store_cursor_close(&cursor);
    return err;
}
