/* store_grant: grants by code, and the index of grants by session. */
#include "store/store_grant.h"

#include "store/base/check.h"
#include "store/base/limits.h"
#include "store/record.h"
#include "store/record.pb-c.h"
#include "store/store_expiry.h"
#include "store/store_table.h"

#define SESSION_GRANT_KEY_LEN 32
/* Keys taken per look into the index, so that no cursor stays open. */
#define SESSION_GRANT_BATCH 64

static struct span grant_key(const struct key_hash *code) {
    return span_of(code->b, sizeof code->b);
}

static struct span index_key(const struct key_hash *session,
                             const struct key_hash *code,
                             uint8_t out[SESSION_GRANT_KEY_LEN]) {
    memcpy(out, session->b, sizeof session->b);
    memcpy(out + sizeof session->b, code->b, sizeof code->b);
    return span_of(out, SESSION_GRANT_KEY_LEN);
}

static bool record_sound(const Tasuki__Record__GrantRecord *record) {
    return record->state >= GRANT_ISSUED && record->state <= GRANT_REVOKED &&
           record->client_id.len > 0 && record->client_id.len <= LIMIT_CLIENT_ID &&
           record->challenge_method <= CHALLENGE_S256 &&
           (record->challenge_method == CHALLENGE_NONE) == (record->challenge.len == 0);
}

static enum err grant_of_record(const Tasuki__Record__GrantRecord *record,
                                struct grant *grant) {
    if (!record_sound(record) ||
        !record_fixed(record->sub, grant->sub.b, sizeof grant->sub.b) ||
        !record_fixed(record->session, grant->session.b, sizeof grant->session.b) ||
        !record_fixed(record->sid, grant->sid.b, sizeof grant->sid.b) ||
        (record->challenge.len > 0 &&
         !record_fixed(record->challenge, grant->challenge, sizeof grant->challenge)) ||
        (record->dpop_key.len > 0 &&
         !record_fixed(record->dpop_key, grant->dpop_key, sizeof grant->dpop_key))) {
        return ERR_CORRUPT;
    }
    grant->state = (enum grant_state)record->state;
    grant->generation = record->generation;
    grant->client_id = record_span(record->client_id);
    grant->redirect_uri = record_span(record->redirect_uri);
    grant->scopes = record->scopes;
    grant->nonce = record_span(record->nonce);
    grant->challenge_method = (enum challenge_method)record->challenge_method;
    grant->auth_time_ms = record->auth_time_ms;
    grant->methods = record->methods;
    grant->id_token_claims = record->id_token_claims;
    grant->userinfo_claims = record->userinfo_claims;
    grant->has_dpop_key = record->dpop_key.len > 0;
    grant->code_expires_ms = record->code_expires_ms;
    grant->expires_ms = record->expires_ms;
    return OK;
}

enum err store_grant_get(struct store_read *read, struct arena *arena,
                         struct key_hash code, struct grant *ret_grant) {
    struct grant grant = {.code = code};
    ProtobufCMessage *message;
    struct span row;
    enum err err = store_table_get(read, TABLE_GRANT, grant_key(&code), &row);

    if (err != OK) {
        return err;
    }
    err =
        record_unpack(&tasuki__record__grant_record__descriptor, row, arena, &message);
    if (err != OK) {
        return err == ERR_INVALID ? ERR_CORRUPT : err;
    }
    err = grant_of_record((const Tasuki__Record__GrantRecord *)(const void *)message,
                          &grant);
    if (err == OK) {
        *ret_grant = grant;
    }
    return err;
}

/* Expiry entry and session index of the row about to be written. */
static enum err grant_index(struct store_write *write, const struct grant *grant) {
    uint8_t key[SESSION_GRANT_KEY_LEN];
    struct grant old = {0};
    enum err err = store_grant_get(store_write_reader(write),
                                   store_table_scratch(write), grant->code, &old);

    if (err == ERR_NOT_FOUND) {
        err = store_table_put(write, TABLE_SESSION_GRANT,
                              index_key(&grant->session, &grant->code, key),
                              span_str(""));
    } else if (err == OK) {
        /* A grant never moves to another session. */
        CHECK(memcmp(old.session.b, grant->session.b, sizeof old.session.b) == 0);
    }
    if (err != OK) {
        return err;
    }
    return store_expiry_move(write, EXPIRY_GRANT, grant->code, old.expires_ms,
                             grant->expires_ms);
}

enum err store_grant_put(struct store_write *write, const struct grant *grant) {
    Tasuki__Record__GrantRecord record = TASUKI__RECORD__GRANT_RECORD__INIT;
    struct buf *row;
    enum err err;

    CHECK(grant->expires_ms >= grant->code_expires_ms); /* G5 */
    err = grant_index(write, grant);

    if (err != OK) {
        return err;
    }
    record.state = grant->state;
    record.sub = record_bytes(span_of(grant->sub.b, sizeof grant->sub.b));
    record.generation = grant->generation;
    record.session = record_bytes(span_of(grant->session.b, sizeof grant->session.b));
    record.sid = record_bytes(span_of(grant->sid.b, sizeof grant->sid.b));
    record.client_id = record_bytes(grant->client_id);
    record.redirect_uri = record_bytes(grant->redirect_uri);
    record.scopes = grant->scopes;
    record.nonce = record_bytes(grant->nonce);
    record.challenge_method = grant->challenge_method;
    if (grant->challenge_method != CHALLENGE_NONE) {
        record.challenge =
            record_bytes(span_of(grant->challenge, sizeof grant->challenge));
    }
    record.auth_time_ms = grant->auth_time_ms;
    record.methods = grant->methods;
    record.id_token_claims = grant->id_token_claims;
    record.userinfo_claims = grant->userinfo_claims;
    if (grant->has_dpop_key) {
        record.dpop_key =
            record_bytes(span_of(grant->dpop_key, sizeof grant->dpop_key));
    }
    record.code_expires_ms = grant->code_expires_ms;
    record.expires_ms = grant->expires_ms;
    row = store_table_row(write);
    record_pack(&record.base, row);
    return store_table_put_row(write, TABLE_GRANT, grant_key(&grant->code), row);
}

enum err store_grant_del(struct store_write *write, struct key_hash code) {
    uint8_t key[SESSION_GRANT_KEY_LEN];
    struct grant old;
    enum err err = store_grant_get(store_write_reader(write),
                                   store_table_scratch(write), code, &old);

    if (err == OK) {
        err = store_expiry_move(write, EXPIRY_GRANT, code, old.expires_ms, 0);
    }
    if (err == OK) {
        err = store_table_del(write, TABLE_SESSION_GRANT,
                              index_key(&old.session, &code, key));
    }
    return err == OK ? store_table_del(write, TABLE_GRANT, grant_key(&code)) : err;
}

/* Up to SESSION_GRANT_BATCH codes of the session, from `from` on. */
static enum err collect(struct store_read *read, const struct key_hash *session,
                        const struct key_hash *from,
                        struct key_hash codes[SESSION_GRANT_BATCH], size_t *ret_count) {
    uint8_t start[SESSION_GRANT_KEY_LEN];
    struct store_cursor cursor;
    struct span key, value;
    size_t n = 0;
    enum err err =
        store_cursor_open(read, TABLE_SESSION_GRANT, index_key(session, from, start),
                          &cursor, &key, &value);

    *ret_count = 0;
    if (err != OK) {
        return err == ERR_NOT_FOUND ? OK : err;
    }
    while (err == OK && n < SESSION_GRANT_BATCH) {
        if (key.len != SESSION_GRANT_KEY_LEN) {
            err = ERR_CORRUPT;
        } else if (memcmp(key.data, session->b, sizeof session->b) != 0) {
            err = ERR_NOT_FOUND;
        } else {
            memcpy(codes[n++].b, key.data + sizeof session->b, sizeof codes[0].b);
            err = store_cursor_next(&cursor, &key, &value);
        }
    }
    store_cursor_close(&cursor);
    *ret_count = n;
    return err == ERR_NOT_FOUND ? OK : err;
}

/* The next key in order; false at the last. */
static bool key_after(struct key_hash *key) {
    for (size_t i = sizeof key->b; i > 0; i--) {
        if (++key->b[i - 1] != 0) {
            return true;
        }
    }
    return false;
}

enum err store_grant_of_session(struct store_write *write, struct key_hash session,
                                enum err (*each)(void *arg, struct key_hash code),
                                void *arg) {
    struct key_hash codes[SESSION_GRANT_BATCH];
    struct key_hash from = {{0}};
    size_t n;
    enum err err;

    do {
        err = collect(store_write_reader(write), &session, &from, codes, &n);
        for (size_t i = 0; i < n && err == OK; i++) {
            err = each(arg, codes[i]);
        }
        if (err == OK && n > 0) {
            from = codes[n - 1];
        }
    } while (err == OK && n == SESSION_GRANT_BATCH && key_after(&from));
    return err;
}
