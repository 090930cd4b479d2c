/* store_audit: records by number, and an index with these keys (numbers big-endian):
 *
 *   PART_HEAD -> head
 *   PART_BUCKET | minute | class | event | about | subject -> counts
 *   PART_FIND + by | length of key | key | seq -> nothing */
#include "store/store_audit.h"

#include "store/base/check.h"
#include "store/store_lmdb.h"
#include "store/store_table.h"

#define HEAD_VERSION 1
#define BUCKET_VERSION 1

enum part { PART_HEAD = 1, PART_BUCKET = 2, PART_FIND = 16 };

#define FIND_KEY_MAX (2 + LIMIT_AUDIT_ACTOR + 8)
#define BUCKET_KEY (1 + 8 + 1 + 2 + 1 + AUDIT_ID_LEN)

_Static_assert(AUDIT_APPLICATION_MAX <= LIMIT_AUDIT_ACTOR, "keys of the index");
_Static_assert(LIMIT_CLIENT_ID <= LIMIT_AUDIT_ACTOR, "keys of the index");

/* --- head --- */

static struct span head_key(void) {
    static const uint8_t key[] = {PART_HEAD};

    return span_of(key, sizeof key);
}

static enum err head_get(struct store_read *read, struct audit_head *ret_head) {
    struct audit_head head = {0};
    struct reader in;
    struct span row;
    enum err err = store_table_get(read, TABLE_AUDIT_INDEX, head_key(), &row);

    if (err != OK && err != ERR_NOT_FOUND) {
        return err;
    }
    if (err == OK) {
        in = reader_of(row);
        if (read_u8(&in) != HEAD_VERSION) {
            return ERR_CORRUPT;
        }
        head.seq = read_u64(&in);
        store_row_read(&in, head.hash.b, sizeof head.hash.b);
        head.pruned_seq = read_u64(&in);
        store_row_read(&in, head.pruned_hash.b, sizeof head.pruned_hash.b);
        head.pruned_ms = read_u64(&in);
        for (size_t i = 0; i < AUDIT_CLASSES; i++) {
            head.buckets[i] = read_u32(&in);
        }
        if (in.bad || reader_left(&in) != 0 || head.pruned_seq > head.seq) {
            return ERR_CORRUPT;
        }
    }
    *ret_head = head;
    return OK;
}

static enum err head_put(struct store_write *write, const struct audit_head *head) {
    struct buf *row = store_table_row(write);

    put_u8(row, HEAD_VERSION);
    put_u64(row, head->seq);
    buf_put(row, head->hash.b, sizeof head->hash.b);
    put_u64(row, head->pruned_seq);
    buf_put(row, head->pruned_hash.b, sizeof head->pruned_hash.b);
    put_u64(row, head->pruned_ms);
    for (size_t i = 0; i < AUDIT_CLASSES; i++) {
        put_u32(row, head->buckets[i]);
    }
    return store_table_put_row(write, TABLE_AUDIT_INDEX, head_key(), row);
}

/* --- records --- */

enum err store_audit_get_bytes(struct store_read *read, uint64_t seq,
                               struct span *ret_encoded, struct audit_hash *ret_hash) {
    uint8_t key[8];
    struct span row;
    enum err err;

    store_key_u64(key, seq);
    err = store_table_get(read, TABLE_AUDIT, span_of(key, sizeof key), &row);
    if (err != OK) {
        return err;
    }
    if (row.len < AUDIT_HASH_LEN) {
        return ERR_CORRUPT;
    }
    *ret_encoded = span_of(row.data, row.len - AUDIT_HASH_LEN);
    memcpy(ret_hash->b, row.data + ret_encoded->len, sizeof ret_hash->b);
    return OK;
}

enum err store_audit_get(struct store_read *read, uint64_t seq,
                         struct audit_record *ret_record, struct audit_hash *ret_hash) {
    struct span encoded;
    enum err err = store_audit_get_bytes(read, seq, &encoded, ret_hash);

    if (err == OK && (audit_record_decode(encoded, ret_record) != OK ||
                      ret_record->seq != seq)) {
        err = ERR_CORRUPT;
    }
    return err;
}

/* --- the chain in a write transaction --- */

static enum err newest_ms(struct store_read *read, const struct audit_head *head,
                          uint64_t *ret_ms) {
    struct audit_record newest;
    struct audit_hash hash;
    enum err err;

    *ret_ms = head->pruned_ms;
    if (head->seq == head->pruned_seq) {
        return OK;
    }
    err = store_audit_get(read, head->seq, &newest, &hash);
    *ret_ms = err == OK ? newest.time_ms : 0;
    return err == ERR_NOT_FOUND ? ERR_CORRUPT : err;
}

static enum err chain_of(struct store_write *write, struct audit_chain **ret_chain) {
    struct audit_chain *chain = &write->audit;
    struct store_read *read = store_write_reader(write);
    enum err err = OK;

    if (!chain->known) {
        err = head_get(read, &chain->head);
        if (err == OK) {
            err = newest_ms(read, &chain->head, &chain->newest_ms);
        }
        chain->known = err == OK;
    }
    *ret_chain = chain;
    return err;
}

enum err store_audit_settle(struct store_write *write) {
    struct audit_chain *chain = &write->audit;

    if (!chain->changed) {
        return OK;
    }
    chain->changed = false;
    return head_put(write, &chain->head);
}

enum err store_audit_head(struct store_read *read, struct audit_head *ret_head) {
    struct audit_chain *chain;
    enum err err;

    if (!read->of_write) {
        return head_get(read, ret_head);
    }
    err = chain_of(store_write_of(read), &chain);
    if (err == OK) {
        *ret_head = chain->head;
    }
    return err;
}

enum err store_audit_oldest_ms(struct store_write *write, uint64_t *ret_ms) {
    struct audit_chain *chain;
    struct audit_record oldest;
    struct audit_hash hash;
    enum err err = chain_of(write, &chain);

    if (err == OK && chain->head.seq == chain->head.pruned_seq) {
        return ERR_NOT_FOUND;
    }
    if (err == OK && !chain->oldest_known) {
        err = store_audit_get(store_write_reader(write), chain->head.pruned_seq + 1,
                              &oldest, &hash);
        err = err == ERR_NOT_FOUND ? ERR_CORRUPT : err;
        chain->oldest_known = err == OK;
        chain->oldest_ms = err == OK ? oldest.time_ms : 0;
    }
    *ret_ms = chain->oldest_ms;
    return err;
}

/* --- index --- */

struct find_key {
    uint8_t b[FIND_KEY_MAX];
    size_t len;
};

static void find_key(enum audit_by by, struct span key, uint64_t seq,
                     struct find_key *out) {
    CHECK(key.len <= LIMIT_AUDIT_ACTOR);
    out->b[0] = (uint8_t)(PART_FIND + by);
    out->b[1] = (uint8_t)key.len;
    if (key.len > 0) {
        memcpy(out->b + 2, key.data, key.len);
    }
    store_key_u64(out->b + 2 + key.len, seq);
    out->len = 2 + key.len + 8;
}

#define FIND_MAX 8

struct find_list {
    struct find_key keys[FIND_MAX];
    size_t count;
};

/* Each once: who did it is often whom it is about. */
static void find_add(struct find_list *list, enum audit_by by, struct span key,
                     uint64_t seq) {
    struct find_key *next = &list->keys[list->count];

    if (key.len == 0) {
        return;
    }
    CHECK(list->count < FIND_MAX);
    find_key(by, key, seq, next);
    for (size_t i = 0; i < list->count; i++) {
        if (list->keys[i].len == next->len &&
            memcmp(list->keys[i].b, next->b, next->len) == 0) {
            return;
        }
    }
    list->count++;
}

static struct span id_if(bool has, const uint8_t id[AUDIT_ID_LEN]) {
    return span_of(id, has ? AUDIT_ID_LEN : 0);
}

static void find_all(const struct audit_record *record, struct find_list *list) {
    static const enum audit_by by_actor[AUDIT_ACTOR_LAST + 1] = {
        [AUDIT_ACCOUNT] = AUDIT_BY_ACCOUNT,
        [AUDIT_CLIENT] = AUDIT_BY_CLIENT,
        [AUDIT_STAFF] = AUDIT_BY_STAFF,
        [AUDIT_OPERATOR] = AUDIT_BY_OPERATOR,
    };
    uint8_t event[2] = {(uint8_t)(record->event >> 8), (uint8_t)record->event};
    uint64_t seq = record->seq;

    list->count = 0;
    find_add(list, AUDIT_BY_ACCOUNT, id_if(record->has_sub, record->sub), seq);
    find_add(list, AUDIT_BY_LOGIN, id_if(record->has_login, record->login), seq);
    find_add(list, AUDIT_BY_STAFF, id_if(record->has_staff, record->staff), seq);
    find_add(list, AUDIT_BY_CLIENT, record->client_id, seq);
    find_add(list, AUDIT_BY_EVENT, span_of(event, sizeof event), seq);
    find_add(list, AUDIT_BY_APPLICATION, audit_record_application(record), seq);
    if (by_actor[record->actor_kind] != 0) {
        find_add(list, by_actor[record->actor_kind], record->actor, seq);
    }
}

static enum err find_put(struct store_write *write, const struct find_list *list) {
    enum err err = OK;

    for (size_t i = 0; i < list->count && err == OK; i++) {
        err = store_table_put(write, TABLE_AUDIT_INDEX,
                              span_of(list->keys[i].b, list->keys[i].len),
                              span_str(""));
    }
    return err;
}

static enum err find_del(struct store_write *write, const struct find_list *list) {
    enum err err = OK;

    for (size_t i = 0; i < list->count && err == OK; i++) {
        err = store_table_del(write, TABLE_AUDIT_INDEX,
                              span_of(list->keys[i].b, list->keys[i].len));
    }
    return err == ERR_NOT_FOUND ? ERR_CORRUPT : err;
}

/* --- the chain --- */

enum err store_audit_add(struct store_write *write, struct audit_record *record) {
    struct audit_chain *chain;
    struct find_list list;
    struct audit_hash hash;
    struct buf *row;
    uint8_t key[8];
    enum err err = chain_of(write, &chain);

    if (err != OK) {
        return err;
    }
    record->seq = chain->head.seq + 1;
    record->previous = chain->head.hash;
    if (record->time_ms < chain->newest_ms) {
        record->time_ms = chain->newest_ms; /* J3 */
    }
    store_key_u64(key, record->seq);
    row = store_table_row(write);
    audit_record_encode(record, row);
    if (buf_err(row) != OK) {
        return buf_err(row);
    }
    hash = audit_record_hash(buf_span(row));
    buf_put(row, hash.b, sizeof hash.b);
    err = store_table_append_row(write, TABLE_AUDIT, span_of(key, sizeof key), row);
    if (err == OK) {
        find_all(record, &list);
        err = find_put(write, &list);
    }
    if (err != OK) {
        return err == ERR_EXISTS ? ERR_CORRUPT : err; /* J1 */
    }
    chain->head.seq = record->seq;
    chain->head.hash = hash;
    chain->newest_ms = record->time_ms;
    chain->changed = true;
    return OK;
}

enum err store_audit_prune(struct store_write *write) {
    struct audit_chain *chain;
    struct audit_record record;
    struct find_list list;
    struct audit_hash hash;
    uint8_t key[8];
    enum err err = chain_of(write, &chain);

    if (err == OK && chain->head.pruned_seq == chain->head.seq) {
        return ERR_NOT_FOUND;
    }
    if (err == OK) {
        err = store_audit_get(store_write_reader(write), chain->head.pruned_seq + 1,
                              &record, &hash);
        err = err == ERR_NOT_FOUND ? ERR_CORRUPT : err;
    }
    if (err != OK) {
        return err;
    }
    chain->head.pruned_seq = record.seq;
    chain->head.pruned_hash = hash;
    chain->head.pruned_ms = record.time_ms;
    chain->oldest_known = false;
    chain->changed = true;
    find_all(&record, &list); /* the record ends with the first of the dels */
    err = find_del(write, &list);
    store_key_u64(key, chain->head.pruned_seq);
    return err == OK ? store_table_del(write, TABLE_AUDIT, span_of(key, sizeof key))
                     : err;
}

enum err store_audit_since(struct store_read *read, uint64_t ms, uint64_t *ret_seq) {
    struct audit_head head;
    uint64_t low, high;
    enum err err = store_audit_head(read, &head);

    if (err != OK) {
        return err;
    }
    low = head.pruned_seq + 1;
    high = head.seq + 1;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        struct audit_record record;
        struct audit_hash hash;
        err = store_audit_get(read, middle, &record, &hash);
        if (err != OK) {
            return err == ERR_NOT_FOUND ? ERR_CORRUPT : err;
        }
        if (record.time_ms < ms) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    *ret_seq = low;
    return OK;
}

/* --- walks --- */

static enum err walk_one(struct store_read *read, uint64_t seq, audit_each each,
                         void *arg, bool *ret_more) {
    struct audit_record record;
    struct audit_hash hash;
    enum err err = store_audit_get(read, seq, &record, &hash);

    if (err == OK) {
        *ret_more = each(arg, &record, &hash);
    }
    return err == ERR_NOT_FOUND ? ERR_CORRUPT : err;
}

static enum err walk_all(struct store_read *read, uint64_t from, bool downward,
                         audit_each each, void *arg) {
    struct audit_head head;
    bool more = true;
    enum err err = store_audit_head(read, &head);

    if (err != OK) {
        return err;
    }
    if (downward && from > head.seq) {
        from = head.seq;
    } else if (!downward && from <= head.pruned_seq) {
        from = head.pruned_seq + 1;
    }
    while (err == OK && more && from > head.pruned_seq && from <= head.seq) {
        err = walk_one(read, from, each, arg, &more);
        from += downward ? (uint64_t)-1 : 1;
    }
    return err;
}

/* Is it an entry of the same list? Its seq. */
static bool same_list(struct span entry, const struct find_key *like,
                      uint64_t *ret_seq) {
    if (entry.len != like->len || memcmp(entry.data, like->b, like->len - 8) != 0) {
        return false;
    }
    *ret_seq = store_key_u64_of(entry.data + entry.len - 8);
    return true;
}

enum err store_audit_walk(struct store_read *read, enum audit_by by, struct span key,
                          uint64_t from, bool downward, audit_each each, void *arg) {
    struct store_cursor cursor;
    struct find_key at;
    struct span entry, value;
    uint64_t seq;
    bool more = true;
    enum err err;

    if (by == AUDIT_BY_SEQ) {
        return walk_all(read, from, downward, each, arg);
    }
    if (key.len == 0 || key.len > LIMIT_AUDIT_ACTOR) {
        return OK;
    }
    find_key(by, key, from, &at);
    err = downward ? store_cursor_open_last(read, TABLE_AUDIT_INDEX,
                                            span_of(at.b, at.len), &cursor, &entry,
                                            &value)
                   : store_cursor_open(read, TABLE_AUDIT_INDEX, span_of(at.b, at.len),
                                       &cursor, &entry, &value);
    if (err != OK) {
        return err == ERR_NOT_FOUND ? OK : err;
    }
    while (err == OK && more && same_list(entry, &at, &seq)) {
        err = walk_one(read, seq, each, arg, &more);
        if (err == OK && more) {
            err = downward ? store_cursor_prev(&cursor, &entry, &value)
                           : store_cursor_next(&cursor, &entry, &value);
        }
    }
    store_cursor_close(&cursor);
    return err == ERR_NOT_FOUND ? OK : err;
}

/* --- buckets --- */

static struct span bucket_key(const struct audit_bucket *bucket,
                              uint8_t out[BUCKET_KEY]) {
    out[0] = PART_BUCKET;
    store_key_u64(out + 1, bucket->minute);
    out[9] = bucket->class;
    out[10] = (uint8_t)(bucket->event >> 8);
    out[11] = (uint8_t)bucket->event;
    out[12] = (uint8_t)bucket->about;
    memcpy(out + 13, bucket->subject, AUDIT_ID_LEN);
    return span_of(out, BUCKET_KEY);
}

static enum err bucket_decode(struct span key, struct span row,
                              struct audit_bucket *ret_bucket) {
    struct audit_bucket bucket = {0};
    struct reader in = reader_of(row);

    if (key.len != BUCKET_KEY || key.data[0] != PART_BUCKET ||
        read_u8(&in) != BUCKET_VERSION) {
        return ERR_CORRUPT;
    }
    bucket.minute = store_key_u64_of(key.data + 1);
    bucket.class = key.data[9];
    bucket.event = (enum audit_event)(key.data[10] << 8 | key.data[11]);
    bucket.about = (enum audit_subject)key.data[12];
    memcpy(bucket.subject, key.data + 13, AUDIT_ID_LEN);
    bucket.written = read_u32(&in);
    bucket.held = read_u32(&in);
    if (in.bad || reader_left(&in) != 0 || bucket.class >= AUDIT_CLASSES) {
        return ERR_CORRUPT;
    }
    *ret_bucket = bucket;
    return OK;
}

enum err store_audit_bucket_get(struct store_read *read, struct audit_bucket *bucket) {
    uint8_t bytes[BUCKET_KEY];
    struct span key = bucket_key(bucket, bytes), row;
    enum err err = store_table_get(read, TABLE_AUDIT_INDEX, key, &row);

    bucket->written = bucket->held = 0;
    return err == OK ? bucket_decode(key, row, bucket) : err;
}

static enum err buckets_move(struct store_write *write, uint8_t class, bool more) {
    struct audit_chain *chain;
    enum err err = chain_of(write, &chain);

    if (err != OK) {
        return err;
    }
    if (!more && chain->head.buckets[class] == 0) {
        return ERR_CORRUPT;
    }
    chain->head.buckets[class] += more ? 1u : UINT32_MAX;
    chain->changed = true;
    return OK;
}

enum err store_audit_bucket_put(struct store_write *write,
                                const struct audit_bucket *bucket) {
    struct audit_bucket old = *bucket;
    uint64_t *quiet_minute = &write->audit.quiet_minute;
    uint8_t key[BUCKET_KEY];
    struct buf *row;
    enum err err = store_audit_bucket_get(store_write_reader(write), &old);

    if (err == ERR_NOT_FOUND) {
        err = buckets_move(write, bucket->class, true);
    }
    if (err != OK) {
        return err;
    }
    if (bucket->minute < *quiet_minute) {
        *quiet_minute = bucket->minute;
    }
    row = store_table_row(write);
    put_u8(row, BUCKET_VERSION);
    put_u32(row, bucket->written);
    put_u32(row, bucket->held);
    return store_table_put_row(write, TABLE_AUDIT_INDEX, bucket_key(bucket, key), row);
}

static enum err bucket_first(struct store_read *read, struct audit_bucket *ret_bucket) {
    static const uint8_t from[] = {PART_BUCKET};
    struct store_cursor cursor;
    struct span key, row;
    enum err err = store_cursor_open(read, TABLE_AUDIT_INDEX,
                                     span_of(from, sizeof from), &cursor, &key, &row);

    if (err != OK) {
        return err;
    }
    err = key.data[0] == PART_BUCKET ? bucket_decode(key, row, ret_bucket)
                                     : ERR_NOT_FOUND;
    store_cursor_close(&cursor);
    return err;
}

enum err store_audit_bucket_before(struct store_write *write, uint64_t minute,
                                   struct audit_bucket *ret_bucket) {
    uint64_t *quiet_minute = &write->audit.quiet_minute;
    struct audit_bucket first = {.minute = UINT64_MAX};
    enum err err;

    if (minute <= *quiet_minute) {
        return ERR_NOT_FOUND;
    }
    err = bucket_first(store_write_reader(write), &first);
    if (err != OK && err != ERR_NOT_FOUND) {
        return err;
    }
    *quiet_minute = first.minute;
    if (first.minute >= minute) {
        return ERR_NOT_FOUND;
    }
    *ret_bucket = first;
    return OK;
}

enum err store_audit_bucket_del(struct store_write *write,
                                const struct audit_bucket *bucket) {
    uint8_t key[BUCKET_KEY];
    enum err err =
        store_table_del(write, TABLE_AUDIT_INDEX, bucket_key(bucket, key));

    return err == OK ? buckets_move(write, bucket->class, false) : err;
}
