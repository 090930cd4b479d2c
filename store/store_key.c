/* store_key: signing keys by kid. */
#include "store/store_key.h"

#include "store/base/limits.h"
#include "store/record.h"
#include "store/record.pb-c.h"
#include "store/store_table.h"

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
    if (record->alg < KEY_RS256 || record->alg > KEY_ES256 ||
        record->state < KEY_ACTIVE || record->state > KEY_RETIRED) {
        return ERR_CORRUPT;
    }
    name = arena_strndup(arena, kid.data, kid.len);
    if (name == NULL) {
        return ERR_NOMEM;
    }
    *ret_key = (struct signing_key){
        .kid = name,
        .alg = (enum key_alg)record->alg,
        .state = (enum key_state)record->state,
        .public_jwk = record_span(record->public_jwk),
        .sealed_private = record_span(record->sealed_private),
        .created_ms = record->created_ms,
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

enum err store_key_put(struct store_write *write, const struct signing_key *key) {
    Tasuki__Record__KeyRecord record = TASUKI__RECORD__KEY_RECORD__INIT;
    struct span kid = span_str(key->kid);
    struct buf *row;
    enum err err;

    if (kid.len == 0 || kid.len > LIMIT_KID) {
        return ERR_INVALID;
    }
    err = version_raise(write);
    if (err != OK) {
        return err;
    }
    record.alg = key->alg;
    record.state = key->state;
    record.public_jwk = record_bytes(key->public_jwk);
    record.sealed_private = record_bytes(key->sealed_private);
    record.created_ms = key->created_ms;
    row = store_table_row(write);
    record_pack(&record.base, row);
    return store_table_put_row(write, TABLE_KEY, kid, row);
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
