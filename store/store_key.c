/* store_key: signing keys by kid. */
#include "store/store_key.h"

#include "store/base/limits.h"
#include "store/record.h"
#include "store/record.pb-c.h"
#include "store/store_expiry.h"
#include "store/store_table.h"

enum key_state store_key_state(const struct signing_key *key, uint64_t now_ms) {
    if (now_ms < key->activates_ms) {
        return KEY_PUBLISHED;
    }
    return key->retires_ms == 0 || now_ms < key->retires_ms ? KEY_ACTIVE : KEY_RETIRED;
}

struct key_hash store_key_mark(const char *kid) {
    struct key_hash mark = {{0}};

    memcpy(mark.b, kid, strnlen(kid, sizeof mark.b));
    return mark;
}

static enum err key_decode(struct span kid, struct span row, struct arena *arena,
                           struct signing_key *ret_key) {
    ProtobufCMessage *message;
    const Tasuki__Record__KeyRecord *record;
    char *name;
    enum err err =
        record_unpack(&tasuki__record__key_record__descriptor, row, arena, &message);

    if (err != OK) {
        return err == ERR_INVALID ? ERR_CORRUPT : err;
    }
    record = (const Tasuki__Record__KeyRecord *)(const void *)message;
    if (record->alg < KEY_RS256 || record->alg > KEY_ALG_LAST ||
        (record->retires_ms == 0) != (record->ends_ms == 0)) {
        return ERR_CORRUPT;
    }
    name = arena_strndup(arena, kid.data, kid.len);
    if (name == NULL) {
        return ERR_NOMEM;
    }
    *ret_key = (struct signing_key){
        .kid = name,
        .alg = (enum key_alg)record->alg,
        .public_jwk = record_span(record->public_jwk),
        .sealed_private = record_span(record->sealed_private),
        .created_ms = record->created_ms,
        .activates_ms = record->activates_ms,
        .retires_ms = record->retires_ms,
        .ends_ms = record->ends_ms,
    };
    return OK;
}

/* Local to the node's caches, so it stands in meta and outside the digest. */
static enum err version_raise(struct store_write *write) {
    uint64_t version;
    struct buf *row;
    enum err err = store_key_version(store_write_reader(write), &version);

    if (err != OK) {
        return err;
    }
    row = store_table_row(write);
    put_u64(row, version + 1);
    return store_table_put_row(write, TABLE_META, span_str("key_version"), row);
}

/* The row's entry for the sweep. ERR_NOT_FOUND: there is no row. */
static enum err ends_move(struct store_write *write, struct span kid,
                          uint64_t ends_ms) {
    struct signing_key old;
    struct span row;
    enum err err =
        store_table_get(store_write_reader(write), TABLE_KEY, kid, &row);

    if (err == OK) {
        err = key_decode(kid, row, store_table_scratch(write), &old);
    }
    if (err != OK) {
        return err;
    }
    return store_expiry_move(write, EXPIRY_KEY, store_key_mark(old.kid), old.ends_ms,
                             ends_ms);
}

enum err store_key_put(struct store_write *write, const struct signing_key *key) {
    Tasuki__Record__KeyRecord record = TASUKI__RECORD__KEY_RECORD__INIT;
    struct span kid = span_str(key->kid);
    struct buf *row;
    enum err err;

    if (kid.len == 0 || kid.len > LIMIT_KID) {
        return ERR_INVALID;
    }
    err = ends_move(write, kid, key->ends_ms);
    if (err == ERR_NOT_FOUND) {
        err = store_expiry_move(write, EXPIRY_KEY, store_key_mark(key->kid), 0,
                                key->ends_ms);
    }
    if (err == OK) {
        err = version_raise(write);
    }
    if (err != OK) {
        return err;
    }
    record.alg = key->alg;
    record.public_jwk = record_bytes(key->public_jwk);
    record.sealed_private = record_bytes(key->sealed_private);
    record.created_ms = key->created_ms;
    record.activates_ms = key->activates_ms;
    record.retires_ms = key->retires_ms;
    record.ends_ms = key->ends_ms;
    row = store_table_row(write);
    record_pack(&record.base, row);
    return store_table_put_row(write, TABLE_KEY, kid, row);
}

enum err store_key_del(struct store_write *write, const char *kid) {
    enum err err = ends_move(write, span_str(kid), 0);

    if (err == OK) {
        err = version_raise(write);
    }
    return err == OK ? store_table_del(write, TABLE_KEY, span_str(kid)) : err;
}

enum err store_key_by_mark(struct store_read *read, struct arena *arena,
                           struct key_hash mark, struct signing_key *ret_key) {
    struct store_cursor cursor;
    struct span kid, row;
    struct span from = span_of(mark.b, strnlen((const char *)mark.b, sizeof mark.b));
    enum err err = store_cursor_open(read, TABLE_KEY, from, &cursor, &kid, &row);

    if (err != OK) {
        return err;
    }
    err = kid.len < from.len || memcmp(kid.data, from.data, from.len) != 0 ||
                  (from.len < sizeof mark.b && kid.len > from.len)
              ? ERR_NOT_FOUND
              : key_decode(kid, row, arena, ret_key);
    store_cursor_close(&cursor);
    return err;
}

enum err store_key_walk(struct store_read *read, struct arena *arena,
                        bool (*each)(void *arg, const struct signing_key *key),
                        void *arg) {
    struct store_cursor cursor;
    struct signing_key key;
    struct span kid, row;
    bool more = true;
    enum err err =
        store_cursor_open(read, TABLE_KEY, span_of(NULL, 0), &cursor, &kid, &row);

    if (err != OK) {
        return err == ERR_NOT_FOUND ? OK : err;
    }
    while (err == OK && more) {
        err = key_decode(kid, row, arena, &key);
        if (err == OK) {
            more = each(arg, &key);
            err = more ? store_cursor_next(&cursor, &kid, &row) : OK;
        }
    }
    store_cursor_close(&cursor);
    return err == ERR_NOT_FOUND ? OK : err;
}

enum err store_key_version(struct store_read *read, uint64_t *ret_version) {
    struct span row;
    struct reader in;
    uint64_t version;
    enum err err = store_table_get(read, TABLE_META, span_str("key_version"), &row);

    if (err == ERR_NOT_FOUND) {
        *ret_version = 0;
        return OK;
    }
    if (err != OK) {
        return err;
    }
    in = reader_of(row);
    version = read_u64(&in);
    if (in.bad || reader_left(&in) != 0) {
        return ERR_CORRUPT;
    }
    *ret_version = version;
    return OK;
}
