/* store_app: enrolments and challenges in fixed layouts. */
#include "store/store_app.h"

#include "store/base/check.h"
#include "store/base/limits.h"
#include "store/store_expiry.h"
#include "store/store_table.h"

#define ENROLMENT_ROW_VERSION 1
#define CHALLENGE_ROW_VERSION 1

static struct span key_span(const struct key_hash *key) {
    return span_of(key->b, sizeof key->b);
}

/* ---- enrolments */

enum err store_app_enrolment_get(struct store_read *read, struct key_hash code,
                                 struct app_enrolment *ret_enrolment) {
    struct app_enrolment enrolment = {.code = code};
    struct reader in;
    struct span row;
    uint8_t version, of;
    enum err err = store_table_get(read, TABLE_APP_ENROLMENT, key_span(&code), &row);

    if (err != OK) {
        return err;
    }
    in = reader_of(row);
    version = read_u8(&in);
    store_row_read(&in, enrolment.sub.b, sizeof enrolment.sub.b);
    enrolment.generation = read_u64(&in);
    of = read_u8(&in);
    store_row_read(&in, enrolment.of_key.b, sizeof enrolment.of_key.b);
    enrolment.expires_ms = read_u64(&in);
    if (in.bad || reader_left(&in) != 0 || version != ENROLMENT_ROW_VERSION ||
        of > APP_OF_SESSION) {
        return ERR_CORRUPT;
    }
    enrolment.of = of;
    *ret_enrolment = enrolment;
    return OK;
}

/* 0: no row. */
static enum err enrolment_was(struct store_write *write, struct key_hash code,
                              uint64_t *ret_ms) {
    struct app_enrolment old;
    enum err err = store_app_enrolment_get(store_write_reader(write), code, &old);

    *ret_ms = err == OK ? old.expires_ms : 0;
    return err == ERR_NOT_FOUND ? OK : err;
}

enum err store_app_enrolment_put(struct store_write *write,
                                 const struct app_enrolment *enrolment) {
    struct buf *row;
    uint64_t was_ms;
    enum err err = enrolment_was(write, enrolment->code, &was_ms);

    if (err == OK) {
        err = store_expiry_move(write, EXPIRY_APP_ENROLMENT, enrolment->code, was_ms,
                                enrolment->expires_ms);
    }
    if (err != OK) {
        return err;
    }
    row = store_table_row(write);
    put_u8(row, ENROLMENT_ROW_VERSION);
    buf_put(row, enrolment->sub.b, sizeof enrolment->sub.b);
    put_u64(row, enrolment->generation);
    put_u8(row, (uint8_t)enrolment->of);
    buf_put(row, enrolment->of_key.b, sizeof enrolment->of_key.b);
    put_u64(row, enrolment->expires_ms);
    return store_table_put_row(write, TABLE_APP_ENROLMENT, key_span(&enrolment->code),
                               row);
}

enum err store_app_enrolment_del(struct store_write *write, struct key_hash code) {
    uint64_t was_ms;
    enum err err = enrolment_was(write, code, &was_ms);

    if (err == OK) {
        err = store_expiry_move(write, EXPIRY_APP_ENROLMENT, code, was_ms, 0);
    }
    return err == OK ? store_table_del(write, TABLE_APP_ENROLMENT, key_span(&code))
                     : err;
}

/* ---- challenges */

static struct span id_span(const struct id128 *id) {
    return span_of(id->b, sizeof id->b);
}

static enum err challenge_decode(struct span key, struct span row, struct arena *arena,
                                 struct app_challenge *ret_challenge) {
    struct app_challenge challenge;
    struct reader in = reader_of(row);
    uint8_t version = read_u8(&in), state = read_u8(&in), len;
    struct span client_id;

    if (key.len != sizeof challenge.id.b) {
        return ERR_CORRUPT;
    }
    memcpy(challenge.id.b, key.data, sizeof challenge.id.b);
    store_row_read(&in, challenge.sub.b, sizeof challenge.sub.b);
    store_row_read(&in, challenge.signin.b, sizeof challenge.signin.b);
    challenge.created_ms = read_u64(&in);
    challenge.expires_ms = read_u64(&in);
    challenge.wrong = read_u32(&in);
    store_row_read(&in, challenge.device.b, sizeof challenge.device.b);
    len = read_u8(&in);
    client_id = read_bytes(&in, len);
    if (in.bad || reader_left(&in) != 0 || version != CHALLENGE_ROW_VERSION ||
        state < APP_WAITING || state > APP_DENIED || len > LIMIT_CLIENT_ID) {
        return ERR_CORRUPT;
    }
    challenge.state = (enum app_state)state;
    challenge.client_id = arena_dup(arena, client_id);
    if (len > 0 && challenge.client_id.data == NULL) {
        return ERR_NOMEM;
    }
    *ret_challenge = challenge;
    return OK;
}

enum err store_app_challenge_get(struct store_read *read, struct arena *arena,
                                 struct id128 id,
                                 struct app_challenge *ret_challenge) {
    struct span row;
    enum err err = store_table_get(read, TABLE_APP_CHALLENGE, id_span(&id), &row);

    return err == OK ? challenge_decode(id_span(&id), row, arena, ret_challenge) : err;
}

enum err store_app_challenge_next(struct store_read *read, struct arena *arena,
                                  struct id128 sub, const struct id128 *after,
                                  struct app_challenge *ret_challenge) {
    uint8_t from[sizeof sub.b + 1] = {0};
    size_t len = APP_CHALLENGE_PREFIX;
    struct store_cursor cursor;
    struct span key, row;
    enum err err;

    memcpy(from, sub.b, APP_CHALLENGE_PREFIX);
    if (after != NULL) { /* the first key behind it is one zero byte longer */
        memcpy(from, after->b, sizeof after->b);
        len = sizeof from;
    }
    err = store_cursor_open(read, TABLE_APP_CHALLENGE, span_of(from, len), &cursor, &key,
                            &row);
    if (err != OK) {
        return err;
    }
    for (;;) {
        if (key.len < APP_CHALLENGE_PREFIX ||
            memcmp(key.data, sub.b, APP_CHALLENGE_PREFIX) != 0) {
            err = ERR_NOT_FOUND;
            break;
        }
        err = challenge_decode(key, row, arena, ret_challenge);
        if (err != OK || memcmp(ret_challenge->sub.b, sub.b, sizeof sub.b) == 0) {
            break;
        }
        err = store_cursor_next(&cursor, &key, &row);
        if (err != OK) {
            break;
        }
    }
    store_cursor_close(&cursor);
    return err;
}

static struct key_hash expiry_key(struct id128 id) {
    struct key_hash key;

    memcpy(key.b, id.b, sizeof key.b);
    return key;
}

/* 0: no row. */
static enum err challenge_was(struct store_write *write, struct id128 id,
                              uint64_t *ret_ms) {
    struct app_challenge old;
    enum err err = store_app_challenge_get(store_write_reader(write),
                                           store_table_scratch(write), id, &old);

    *ret_ms = err == OK ? old.expires_ms : 0;
    return err == ERR_NOT_FOUND ? OK : err;
}

enum err store_app_challenge_put(struct store_write *write,
                                 const struct app_challenge *challenge) {
    struct buf *row;
    uint64_t was_ms;
    enum err err = challenge_was(write, challenge->id, &was_ms);

    CHECK(challenge->client_id.len <= LIMIT_CLIENT_ID &&
          memcmp(challenge->id.b, challenge->sub.b, APP_CHALLENGE_PREFIX) == 0);
    if (err == OK) {
        err = store_expiry_move(write, EXPIRY_APP_CHALLENGE, expiry_key(challenge->id),
                                was_ms, challenge->expires_ms);
    }
    if (err != OK) {
        return err;
    }
    row = store_table_row(write);
    put_u8(row, CHALLENGE_ROW_VERSION);
    put_u8(row, (uint8_t)challenge->state);
    buf_put(row, challenge->sub.b, sizeof challenge->sub.b);
    buf_put(row, challenge->signin.b, sizeof challenge->signin.b);
    put_u64(row, challenge->created_ms);
    put_u64(row, challenge->expires_ms);
    put_u32(row, challenge->wrong);
    buf_put(row, challenge->device.b, sizeof challenge->device.b);
    put_u8(row, (uint8_t)challenge->client_id.len);
    buf_put(row, challenge->client_id.data, challenge->client_id.len);
    return store_table_put_row(write, TABLE_APP_CHALLENGE, id_span(&challenge->id), row);
}

enum err store_app_challenge_del(struct store_write *write, struct id128 id) {
    uint64_t was_ms;
    enum err err = challenge_was(write, id, &was_ms);

    if (err == OK) {
        err = store_expiry_move(write, EXPIRY_APP_CHALLENGE, expiry_key(id), was_ms, 0);
    }
    return err == OK ? store_table_del(write, TABLE_APP_CHALLENGE, id_span(&id)) : err;
}
