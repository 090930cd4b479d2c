/* audit_tamper: what somebody with a node's disk could do to its audit, for the test that
 * finds it (tests/integration/audit.test.mjs).
 *
 *   audit_tamper STORE MAP_BYTES note SEQ TEXT   another note in a record
 *   audit_tamper STORE MAP_BYTES rehash SEQ TEXT the same, with a fitting hash
 *   audit_tamper STORE MAP_BYTES cut SEQ         the records from SEQ on are gone
 *
 * The digest follows the rows, so that the node itself finds nothing. No node may run on
 * the store meanwhile. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/base/check.h"
#include "store/store_audit.h"
#include "store/store_table.h"
#include "store/store_write.h"

static void must(const char *what, enum err err) {
    if (err != OK) {
        fprintf(stderr, "audit_tamper: %s: %s\n", what, err_str(err));
        exit(1);
    }
}

static void change(struct store_write *write, uint64_t seq, const char *text,
                   bool rehash) {
    struct audit_record record;
    struct audit_hash hash;
    struct buf row;
    uint8_t key[8];

    must("get", store_audit_get(store_write_reader(write), seq, &record, &hash));
    record.note = span_str(text);
    buf_init(&row, AUDIT_RECORD_MAX + AUDIT_HASH_LEN);
    audit_record_encode(&record, &row);
    if (rehash) {
        hash = audit_record_hash(buf_span(&row));
    }
    buf_put(&row, hash.b, sizeof hash.b);
    must("row", buf_err(&row));
    store_key_u64(key, seq);
    must("put", store_table_put(write, TABLE_AUDIT, span_of(key, sizeof key),
                                buf_span(&row)));
    buf_free(&row);
}

/* The head is put back as it was before `seq`: its bytes, by the rules of
 * store_audit.c, are seq and hash behind the version. */
static void cut(struct store_write *write, uint64_t seq) {
    static const uint8_t head_key[] = {1};
    struct store_read *read = store_write_reader(write);
    struct audit_record record;
    struct audit_head head;
    struct audit_hash hash;
    struct span row;
    uint8_t copy[256];
    size_t len;

    must("head", store_audit_head(read, &head));
    for (uint64_t at = seq; at <= head.seq; at++) {
        uint8_t key[8];
        store_key_u64(key, at);
        must("del", store_table_del(write, TABLE_AUDIT, span_of(key, sizeof key)));
    }
    must("last", store_audit_get(read, seq - 1, &record, &hash));
    must("head row", store_table_get(read, TABLE_AUDIT_INDEX,
                                     span_of(head_key, sizeof head_key), &row));
    len = row.len;
    CHECK(len <= sizeof copy);
    memcpy(copy, row.data, len);
    for (int i = 0; i < 8; i++) {
        copy[1 + i] = (uint8_t)((seq - 1) >> (8 * i));
    }
    memcpy(copy + 9, hash.b, sizeof hash.b);
    must("put head", store_table_put(write, TABLE_AUDIT_INDEX,
                                     span_of(head_key, sizeof head_key),
                                     span_of(copy, len)));
}

int main(int argc, char *argv[]) {
    struct store_config config = {.readers_max = 8};
    struct store_write *write;
    struct store_meta meta;
    struct store *store;
    uint64_t seq;

    if (argc < 5) {
        fputs("usage: audit_tamper STORE MAP_BYTES note|rehash|cut SEQ [TEXT]\n", stderr);
        return 64;
    }
    config.dir = argv[1];
    config.map_bytes = strtoull(argv[2], NULL, 10);
    seq = strtoull(argv[4], NULL, 10);
    must("open", store_open(&config, &store));
    must("begin", store_write_begin(store, &write));
    must("meta", store_read_meta(store_write_reader(write), &meta));
    if (strcmp(argv[3], "cut") == 0) {
        cut(write, seq);
    } else {
        change(write, seq, argc > 5 ? argv[5] : "", strcmp(argv[3], "rehash") == 0);
    }
    must("commit", store_write_commit(write, &meta));
    must("sync", store_sync(store));
    store_close(store);
    return 0;
}
