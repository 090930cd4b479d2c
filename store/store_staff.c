/* store_staff: fixed layouts; every text is behind its u16 length. */
#include "store/store_staff.h"

#include "store/store_expiry.h"
#include "store/store_table.h"

#define STAFF_ROW_VERSION 1
#define SESSION_ROW_VERSION 1

static struct span id_key(const struct id128 *id) {
    return span_of(id->b, sizeof id->b);
}

static struct span hash_key(const struct key_hash *key) {
    return span_of(key->b, sizeof key->b);
}

/* --- accounts --- */

/* A text of at most `max` bytes, copied (T2). */
static enum err read_text(struct reader *in, struct arena *arena, size_t max,
                          struct span *ret_text) {
    size_t len = read_u16(in);
    struct span text = read_bytes(in, len);

    if (in->bad || len > max) {
        return ERR_CORRUPT;
    }
    *ret_text = arena_dup(arena, text);
    return ret_text->data == NULL ? ERR_NOMEM : OK;
}

static bool staff_sound(const struct staff *staff) {
    return (staff->roles & ~STAFF_ROLES_ALL) == 0 &&
           (staff->state == STAFF_ACTIVE || staff->state == STAFF_DISABLED);
}

static enum err staff_decode(struct span row, struct arena *arena, struct id128 id,
                             struct staff *ret_staff) {
    struct staff staff = {.id = id};
    struct reader in = reader_of(row);
    enum err err;

    if (read_u8(&in) != STAFF_ROW_VERSION) {
        return ERR_CORRUPT;
    }
    store_row_read(&in, staff.login_index.b, sizeof staff.login_index.b);
    staff.roles = read_u32(&in);
    staff.state = (enum staff_state)read_u8(&in);
    staff.generation = read_u64(&in);
    staff.last_step = read_u64(&in);
    staff.failures = read_u32(&in);
    staff.locked_until_ms = read_u64(&in);
    staff.created_ms = read_u64(&in);
    err = read_text(&in, arena, LIMIT_STAFF_NAME, &staff.name);
    if (err == OK) {
        err = read_text(&in, arena, LIMIT_PASSWORD_HASH, &staff.password_hash);
    }
    if (err == OK) {
        err = read_text(&in, arena, LIMIT_SEALED_SEED, &staff.sealed_seed);
    }
    if (err != OK) {
        return err;
    }
    if (in.bad || reader_left(&in) != 0 || !staff_sound(&staff)) {
        return ERR_CORRUPT;
    }
    *ret_staff = staff;
    return OK;
}

enum err store_staff_get(struct store_read *read, struct arena *arena, struct id128 id,
                         struct staff *ret_staff) {
    struct span row;
    enum err err = store_table_get(read, TABLE_STAFF, id_key(&id), &row);

    return err == OK ? staff_decode(row, arena, id, ret_staff) : err;
}

enum err store_staff_find(struct store_read *read, struct arena *arena,
                          struct key_hash login_index, struct staff *ret_staff) {
    struct id128 id;
    struct span row;
    enum err err =
        store_table_get(read, TABLE_STAFF_LOGIN, hash_key(&login_index), &row);

    if (err != OK) {
        return err;
    }
    if (row.len != sizeof id.b) {
        return ERR_CORRUPT;
    }
    memcpy(id.b, row.data, sizeof id.b);
    err = store_staff_get(read, arena, id, ret_staff);
    return err == ERR_NOT_FOUND ? ERR_CORRUPT : err;
}

enum err store_staff_next(struct store_read *read, struct arena *arena,
                          struct id128 from, struct staff *ret_staff) {
    struct store_cursor cursor;
    struct span key, row;
    struct id128 id;
    enum err err =
        store_cursor_open(read, TABLE_STAFF, id_key(&from), &cursor, &key, &row);

    if (err != OK) {
        return err;
    }
    if (key.len == sizeof id.b) {
        memcpy(id.b, key.data, sizeof id.b);
        err = staff_decode(row, arena, id, ret_staff);
    } else {
        err = ERR_CORRUPT;
    }
    store_cursor_close(&cursor);
    return err;
}

uint64_t store_staff_count(struct store_read *read) {
    return store_table_rows(read, TABLE_STAFF);
}

/* W1: free the account's old log-in index, and take the new one. */
static enum err login_index_put(struct store_write *write, const struct staff *staff) {
    struct store_read *read = store_write_reader(write);
    struct staff old;
    struct span owner;
    enum err err =
        store_table_get(read, TABLE_STAFF_LOGIN, hash_key(&staff->login_index), &owner);

    if (err == OK) {
        return span_equal(owner, id_key(&staff->id)) ? OK : ERR_EXISTS;
    }
    if (err != ERR_NOT_FOUND) {
        return err;
    }
    err = store_staff_get(read, store_table_scratch(write), staff->id, &old);
    if (err == OK) {
        err = store_table_del(write, TABLE_STAFF_LOGIN, hash_key(&old.login_index));
        if (err == ERR_NOT_FOUND) {
            return ERR_CORRUPT;
        }
    }
    if (err != OK && err != ERR_NOT_FOUND) {
        return err;
    }
    return store_table_put(write, TABLE_STAFF_LOGIN, hash_key(&staff->login_index),
                           id_key(&staff->id));
}

static void put_text(struct buf *row, struct span text) {
    put_u16(row, (uint16_t)text.len);
    buf_put(row, text.data, text.len);
}

enum err store_staff_put(struct store_write *write, const struct staff *staff) {
    struct buf *row;
    enum err err;

    if (!staff_sound(staff) || staff->name.len > LIMIT_STAFF_NAME ||
        staff->password_hash.len > LIMIT_PASSWORD_HASH ||
        staff->sealed_seed.len > LIMIT_SEALED_SEED) {
        return ERR_INVALID;
    }
    err = login_index_put(write, staff);
    if (err != OK) {
        return err;
    }
    row = store_table_row(write);
    put_u8(row, STAFF_ROW_VERSION);
    buf_put(row, staff->login_index.b, sizeof staff->login_index.b);
    put_u32(row, staff->roles);
    put_u8(row, (uint8_t)staff->state);
    put_u64(row, staff->generation);
    put_u64(row, staff->last_step);
    put_u32(row, staff->failures);
    put_u64(row, staff->locked_until_ms);
    put_u64(row, staff->created_ms);
    put_text(row, staff->name);
    put_text(row, staff->password_hash);
    put_text(row, staff->sealed_seed);
    return store_table_put_row(write, TABLE_STAFF, id_key(&staff->id), row);
}

/* --- sessions --- */

static enum err session_decode(struct span row, struct key_hash key,
                               struct staff_session *ret_session) {
    struct staff_session session = {.key = key};
    struct reader in = reader_of(row);

    if (read_u8(&in) != SESSION_ROW_VERSION) {
        return ERR_CORRUPT;
    }
    store_row_read(&in, session.staff.b, sizeof session.staff.b);
    session.generation = read_u64(&in);
    session.auth_time_ms = read_u64(&in);
    session.idle_at_ms = read_u64(&in);
    session.expires_ms = read_u64(&in);
    if (in.bad || reader_left(&in) != 0) {
        return ERR_CORRUPT;
    }
    *ret_session = session;
    return OK;
}

enum err store_staff_session_get(struct store_read *read, struct key_hash key,
                                 struct staff_session *ret_session) {
    struct span row;
    enum err err = store_table_get(read, TABLE_STAFF_SESSION, hash_key(&key), &row);

    return err == OK ? session_decode(row, key, ret_session) : err;
}

enum err store_staff_session_next(struct store_read *read, struct key_hash from,
                                  struct staff_session *ret_session) {
    struct store_cursor cursor;
    struct span key, row;
    struct key_hash found;
    enum err err = store_cursor_open(read, TABLE_STAFF_SESSION, hash_key(&from),
                                     &cursor, &key, &row);

    if (err != OK) {
        return err;
    }
    if (key.len == sizeof found.b) {
        memcpy(found.b, key.data, sizeof found.b);
        err = session_decode(row, found, ret_session);
    } else {
        err = ERR_CORRUPT;
    }
    store_cursor_close(&cursor);
    return err;
}

enum err store_staff_session_put(struct store_write *write,
                                 const struct staff_session *session) {
    struct buf *row;
    struct staff_session old;
    uint64_t was_ms = 0;
    enum err err =
        store_staff_session_get(store_write_reader(write), session->key, &old);

    if (err == OK) {
        was_ms = store_staff_session_end_ms(&old);
    } else if (err != ERR_NOT_FOUND) {
        return err;
    }
    err = store_expiry_move(write, EXPIRY_STAFF_SESSION, session->key, was_ms,
                            store_staff_session_end_ms(session));
    if (err != OK) {
        return err;
    }
    row = store_table_row(write);
    put_u8(row, SESSION_ROW_VERSION);
    buf_put(row, session->staff.b, sizeof session->staff.b);
    put_u64(row, session->generation);
    put_u64(row, session->auth_time_ms);
    put_u64(row, session->idle_at_ms);
    put_u64(row, session->expires_ms);
    return store_table_put_row(write, TABLE_STAFF_SESSION, hash_key(&session->key),
                               row);
}

enum err store_staff_session_del(struct store_write *write, struct key_hash key) {
    struct staff_session old;
    enum err err = store_staff_session_get(store_write_reader(write), key, &old);

    if (err == OK) {
        err = store_expiry_move(write, EXPIRY_STAFF_SESSION, key,
                                store_staff_session_end_ms(&old), 0);
    }
    return err == OK ? store_table_del(write, TABLE_STAFF_SESSION, hash_key(&key))
                     : err;
}
