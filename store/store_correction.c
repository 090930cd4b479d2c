/* store_correction: rows by application id. */
#include "store/store_correction.h"

#include "store/base/check.h"
#include "store/base/fields.h"
#include "store/store_expiry.h"
#include "store/store_table.h"

#define ROW_VERSION 1

static struct span id_key(const struct id128 *id) {
    return span_of(id->b, sizeof id->b);
}

bool store_correction_fits(enum application_state state) {
    return state != APPLICATION_SUBMITTED && store_application_open(state);
}

const char *store_correction_basis_name(enum correction_basis basis) {
    static const char *const names[] = {"", "called_back", "written", "form"};

    CHECK(basis >= CORRECTION_CALLED_BACK && basis <= CORRECTION_BASIS_LAST);
    return names[basis];
}

static void each_field(struct fields *f, struct correction *c) {
    uint8_t version = ROW_VERSION;

    field_u8(f, &version);
    field_rule(f, version == ROW_VERSION);
    field_fixed(f, c->name.b, sizeof c->name.b);
    field_fixed(f, c->by.b, sizeof c->by.b);
    FIELD_ENUM(f, c->basis, CORRECTION_CALLED_BACK, CORRECTION_BASIS_LAST);
    field_u64(f, &c->made_ms);
    field_u64(f, &c->ends_ms);
    field_bytes(f, &c->sealed, LIMIT_SEALED_PROFILE);
}

static enum err decode(struct span row, struct correction *ret_correction) {
    struct fields f = fields_from(row);

    each_field(&f, ret_correction);
    return fields_end(&f) == OK ? OK : ERR_CORRUPT;
}

/* Borrows from the transaction. */
static enum err look(struct store_read *read, const struct application_id *id,
                     struct correction *ret_correction) {
    struct id128 key = store_application_key(id);
    struct span row;
    enum err err = store_table_get(read, TABLE_CORRECTION, id_key(&key), &row);

    memset(ret_correction, 0, sizeof *ret_correction);
    ret_correction->id = *id;
    return err == OK ? decode(row, ret_correction) : err;
}

enum err store_correction_get(struct store_read *read, struct arena *arena,
                              const struct application_id *id,
                              struct correction *ret_correction) {
    struct correction correction;
    enum err err = look(read, id, &correction);

    if (err == OK) {
        correction.sealed = arena_dup(arena, correction.sealed);
        err = correction.sealed.data == NULL ? ERR_NOMEM : OK;
    }
    if (err == OK) {
        *ret_correction = correction;
    }
    return err;
}

enum err store_correction_ends_ms(struct store_read *read,
                                  const struct application_id *id, uint64_t *ret_ms) {
    struct correction correction;
    enum err err = look(read, id, &correction);

    *ret_ms = err == OK ? correction.ends_ms : 0;
    return err;
}

/* Its expiry entry is now that of `ends_ms`; 0: it goes. */
static enum err expiry(struct store_write *write, const struct application_id *id,
                       uint64_t ends_ms) {
    struct id128 key = store_application_key(id);
    struct key_hash mark;
    uint64_t was_ms;
    enum err err = store_correction_ends_ms(store_write_reader(write), id, &was_ms);

    memcpy(mark.b, key.b, sizeof mark.b);
    return err == OK || err == ERR_NOT_FOUND
               ? store_expiry_move(write, EXPIRY_CORRECTION, mark, was_ms, ends_ms)
               : err;
}

enum err store_correction_put(struct store_write *write,
                              const struct correction *correction) {
    struct id128 key = store_application_key(&correction->id);
    struct correction row = *correction;
    struct buf *out;
    struct fields f;
    enum err err = expiry(write, &correction->id, correction->ends_ms);

    if (err != OK) {
        return err;
    }
    out = store_table_row(write);
    f = fields_to(out);
    each_field(&f, &row);
    err = fields_end(&f);
    return err == OK ? store_table_put_row(write, TABLE_CORRECTION, id_key(&key), out)
                     : err;
}

enum err store_correction_del(struct store_write *write,
                              const struct application_id *id) {
    struct id128 key = store_application_key(id);
    uint64_t was_ms;
    enum err err = store_correction_ends_ms(store_write_reader(write), id, &was_ms);

    if (err != OK) {
        return err == ERR_NOT_FOUND ? OK : err;
    }
    err = expiry(write, id, 0);
    return err == OK ? store_table_del(write, TABLE_CORRECTION, id_key(&key)) : err;
}

uint64_t store_correction_count(struct store_read *read) {
    return store_table_rows(read, TABLE_CORRECTION);
}

enum err store_correction_walk(struct store_read *read, store_correction_each *each,
                               void *arg) {
    struct store_cursor cursor;
    struct span key, value;
    enum err err = store_cursor_open(read, TABLE_CORRECTION, span_str(""), &cursor, &key,
                                     &value);

    if (err != OK) {
        return err == ERR_NOT_FOUND ? OK : err;
    }
    while (err == OK) {
        struct correction correction = {.basis = CORRECTION_CALLED_BACK};
        if (key.len != APPLICATION_ID_MAX) {
            err = ERR_CORRUPT;
            break;
        }
        memcpy(correction.id.text, key.data, key.len);
        err = decode(value, &correction);
        if (err != OK || !each(arg, &correction)) {
            break;
        }
        err = store_cursor_next(&cursor, &key, &value);
    }
    store_cursor_close(&cursor);
    return err == ERR_NOT_FOUND ? OK : err;
}
