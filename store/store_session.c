/* store_session: sessions and consents, in fixed layouts. */
#include "store/store_session.h"

#include "store/base/limits.h"
#include "store/store_expiry.h"
#include "store/store_table.h"

#define SESSION_ROW_VERSION 2
#define CONSENT_ROW_VERSION 1
#define CONSENT_KEY_MAX (16 + LIMIT_CLIENT_ID)

static struct span session_key(const struct key_hash *key) {
    return span_of(key->b, sizeof key->b);
}

enum err store_session_get(struct store_read *read, struct key_hash key,
                           struct session *ret_session) {
    struct session session = {.key = key};
    struct reader in;
    struct span row;
    enum err err = store_table_get(read, TABLE_SESSION, session_key(&key), &row);

    if (err != OK) {
        return err;
    }
    in = reader_of(row);
    if (read_u8(&in) != SESSION_ROW_VERSION) {
        return ERR_CORRUPT;
    }
    store_row_read(&in, session.sid.b, sizeof session.sid.b);
    store_row_read(&in, session.sub.b, sizeof session.sub.b);
    session.generation = read_u64(&in);
    session.auth_time_ms = read_u64(&in);
    session.methods = read_u32(&in);
    session.idle_at_ms = read_u64(&in);
    session.expires_ms = read_u64(&in);
    if (in.bad || reader_left(&in) != 0) {
        return ERR_CORRUPT;
    }
    *ret_session = session;
    return OK;
}

#define LIST_KEY 32

static struct span list_key(struct id128 sub, struct key_hash key,
                            uint8_t out[LIST_KEY]) {
    memcpy(out, sub.b, sizeof sub.b);
    memcpy(out + sizeof sub.b, key.b, sizeof key.b);
    return span_of(out, LIST_KEY);
}

enum err store_session_origin_put(struct store_write *write,
                                  const struct session *session, struct span sealed) {
    uint8_t key[LIST_KEY];

    return store_table_put(write, TABLE_ACCOUNT_SESSION,
                           list_key(session->sub, session->key, key), sealed);
}

enum err store_session_next(struct store_read *read, struct id128 sub,
                            const struct key_hash *after, struct session *ret_session,
                            struct span *ret_origin) {
    static const struct key_hash first;
    struct store_cursor cursor;
    struct key_hash found;
    struct span key, value;
    uint8_t bytes[LIST_KEY];
    struct span from = list_key(sub, after == NULL ? first : *after, bytes);
    enum err err = store_cursor_open(read, TABLE_ACCOUNT_SESSION, from, &cursor, &key,
                                     &value);

    if (err != OK) {
        return err;
    }
    if (after != NULL && span_equal(key, from)) {
        err = store_cursor_next(&cursor, &key, &value);
    }
    if (err == OK && (key.len != LIST_KEY || memcmp(key.data, sub.b, sizeof sub.b) != 0)) {
        err = key.len != LIST_KEY ? ERR_CORRUPT : ERR_NOT_FOUND;
    }
    if (err == OK) {
        memcpy(found.b, key.data + sizeof sub.b, sizeof found.b);
        *ret_origin = value;
        err = store_session_get(read, found, ret_session);
        err = err == ERR_NOT_FOUND ? ERR_CORRUPT : err; /* N3 */
    }
    store_cursor_close(&cursor);
    return err;
}

enum err store_session_put(struct store_write *write, const struct session *session) {
    struct buf *row;
    struct session old;
    uint64_t was_ms = 0;
    enum err err = store_session_get(store_write_reader(write), session->key, &old);

    if (err == OK) {
        was_ms = store_session_end_ms(&old);
    } else if (err == ERR_NOT_FOUND) {
        err = store_session_origin_put(write, session, span_str(""));
    }
    if (err != OK) {
        return err;
    }
    err = store_expiry_move(write, EXPIRY_SESSION, session->key, was_ms,
                            store_session_end_ms(session));
    if (err != OK) {
        return err;
    }
    row = store_table_row(write);
    put_u8(row, SESSION_ROW_VERSION);
    buf_put(row, session->sid.b, sizeof session->sid.b);
    buf_put(row, session->sub.b, sizeof session->sub.b);
    put_u64(row, session->generation);
    put_u64(row, session->auth_time_ms);
    put_u32(row, session->methods);
    put_u64(row, session->idle_at_ms);
    put_u64(row, session->expires_ms);
    return store_table_put_row(write, TABLE_SESSION, session_key(&session->key), row);
}

enum err store_session_del(struct store_write *write, struct key_hash key) {
    struct session old;
    enum err err = store_session_get(store_write_reader(write), key, &old);

    if (err == OK) {
        err = store_expiry_move(write, EXPIRY_SESSION, key, store_session_end_ms(&old),
                                0);
    }
    if (err == OK) {
        uint8_t bytes[LIST_KEY];
        err = store_table_del(write, TABLE_ACCOUNT_SESSION,
                              list_key(old.sub, key, bytes));
        err = err == ERR_NOT_FOUND ? ERR_CORRUPT : err;
    }
    return err == OK ? store_table_del(write, TABLE_SESSION, session_key(&key)) : err;
}

/* False when there can be no such client. */
static bool consent_key(struct id128 sub, struct span client_id,
                        uint8_t out[CONSENT_KEY_MAX], struct span *ret_key) {
    if (client_id.len == 0 || client_id.len > LIMIT_CLIENT_ID) {
        return false;
    }
    memcpy(out, sub.b, sizeof sub.b);
    memcpy(out + sizeof sub.b, client_id.data, client_id.len);
    *ret_key = span_of(out, sizeof sub.b + client_id.len);
    return true;
}

enum err store_consent_get(struct store_read *read, struct id128 sub,
                           struct span client_id, uint64_t *ret_scopes) {
    uint8_t bytes[CONSENT_KEY_MAX];
    struct span key, row;
    struct reader in;
    uint64_t scopes;
    enum err err = ERR_NOT_FOUND;

    if (consent_key(sub, client_id, bytes, &key)) {
        err = store_table_get(read, TABLE_CONSENT, key, &row);
    }
    if (err == ERR_NOT_FOUND) {
        *ret_scopes = 0;
        return OK;
    }
    if (err != OK) {
        return err;
    }
    in = reader_of(row);
    if (read_u8(&in) != CONSENT_ROW_VERSION) {
        return ERR_CORRUPT;
    }
    scopes = read_u64(&in);
    if (in.bad || reader_left(&in) != 0) {
        return ERR_CORRUPT;
    }
    *ret_scopes = scopes;
    return OK;
}

enum err store_consent_put(struct store_write *write, struct id128 sub,
                           struct span client_id, uint64_t scopes) {
    uint8_t bytes[CONSENT_KEY_MAX];
    struct span key;
    struct buf *row = store_table_row(write);

    if (!consent_key(sub, client_id, bytes, &key)) {
        return ERR_INVALID;
    }
    put_u8(row, CONSENT_ROW_VERSION);
    put_u64(row, scopes);
    return store_table_put_row(write, TABLE_CONSENT, key, row);
}
