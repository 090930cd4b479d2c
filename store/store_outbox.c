/* store_outbox: messages by id, and an index with two kinds of keys:
 *
 *   part | length of client_id | client_id | at_ms | id -> nothing
 *   PART_COUNTS | length of client_id | client_id -> counts
 *
 * A client's messages stand together, so that one client's queue is passed over in one
 * step, however long it is. */
#include "store/store_outbox.h"

#include <sodium/crypto_hash_sha256.h>

#include "store/base/check.h"
#include "store/store_expiry.h"
#include "store/store_table.h"

#define ROW_VERSION 1
#define COUNTS_VERSION 1

enum part { PART_WAITING = 1, PART_DEAD = 2, PART_COUNTS = 3 };

#define TAIL_LEN (8 + 16) /* at_ms, id */
#define KEY_MAX (2 + LIMIT_CLIENT_ID + TAIL_LEN)

struct id128 store_outbox_id(enum outbox_kind kind, struct span cause,
                             struct span client_id) {
    static const uint8_t domain[] = "tasuki outbox 1";
    crypto_hash_sha256_state state;
    uint8_t hash[crypto_hash_sha256_BYTES];
    uint8_t lengths[3] = {(uint8_t)kind, (uint8_t)cause.len, (uint8_t)client_id.len};
    struct id128 id;

    CHECK(cause.len <= UINT8_MAX && client_id.len <= LIMIT_CLIENT_ID);
    crypto_hash_sha256_init(&state);
    crypto_hash_sha256_update(&state, domain, sizeof domain);
    crypto_hash_sha256_update(&state, lengths, sizeof lengths);
    crypto_hash_sha256_update(&state, cause.data, cause.len);
    crypto_hash_sha256_update(&state, client_id.data, client_id.len);
    crypto_hash_sha256_final(&state, hash);
    memcpy(id.b, hash, sizeof id.b);
    return id;
}

/* --- rows --- */

static struct span id_key(const struct id128 *id) {
    return span_of(id->b, sizeof id->b);
}

bool store_outbox_to_person(enum outbox_kind kind) {
    return kind >= OUTBOX_MAIL && kind <= OUTBOX_PUSH;
}

struct span store_outbox_queue(enum outbox_kind kind) {
    static const char *const queues[] = {
        [OUTBOX_MAIL] = "@mail", [OUTBOX_SMS] = "@sms", [OUTBOX_PUSH] = "@push"};

    CHECK(store_outbox_to_person(kind));
    return span_str(queues[kind]);
}

static bool person_sound(const struct outbox_message *message) {
    return span_equal(message->client_id, store_outbox_queue(message->kind)) &&
           message->sealed.len <= LIMIT_SEALED_MESSAGE &&
           (message->sealed.len > 0 || message->state == OUTBOX_DEAD);
}

static bool message_sound(const struct outbox_message *message) {
    return message->kind >= OUTBOX_BACKCHANNEL_LOGOUT && message->kind <= OUTBOX_PUSH &&
           message->state >= OUTBOX_PENDING && message->state <= OUTBOX_DEAD &&
           message->reason <= OUTBOX_REASON_LAST && message->client_id.len > 0 &&
           message->client_id.len <= LIMIT_CLIENT_ID &&
           (!store_outbox_to_person(message->kind) || person_sound(message));
}

static void person_read(struct reader *in, struct outbox_message *message) {
    message->expires_ms = read_u64(in);
    store_row_read(in, message->recipient.b, sizeof message->recipient.b);
    message->sealed = read_bytes(in, read_u32(in));
}

enum err store_outbox_get(struct store_read *read, struct arena *arena, struct id128 id,
                          struct outbox_message *ret_message) {
    struct outbox_message message = {.id = id};
    struct reader in;
    struct span row;
    uint8_t version;
    enum err err = store_table_get(read, TABLE_OUTBOX, id_key(&id), &row);

    if (err != OK) {
        return err;
    }
    in = reader_of(row);
    version = read_u8(&in);
    message.kind = (enum outbox_kind)read_u8(&in);
    message.state = (enum outbox_state)read_u8(&in);
    message.reason = (enum outbox_reason)read_u8(&in);
    store_row_read(&in, message.sub.b, sizeof message.sub.b);
    store_row_read(&in, message.sid.b, sizeof message.sid.b);
    message.created_ms = read_u64(&in);
    message.give_up_ms = read_u64(&in);
    message.at_ms = read_u64(&in);
    message.attempts = read_u32(&in);
    message.node = read_u64(&in);
    message.client_id = read_bytes(&in, read_u8(&in));
    if (store_outbox_to_person(message.kind)) {
        person_read(&in, &message);
    }
    if (in.bad || reader_left(&in) != 0 || version != ROW_VERSION ||
        !message_sound(&message)) {
        return ERR_CORRUPT;
    }
    message.client_id = arena_dup(arena, message.client_id);
    if (message.sealed.len > 0) {
        message.sealed = arena_dup(arena, message.sealed);
        if (message.sealed.data == NULL) {
            return ERR_NOMEM;
        }
    }
    if (message.client_id.data == NULL) {
        return ERR_NOMEM;
    }
    *ret_message = message;
    return OK;
}

static enum err row_put(struct store_write *write,
                        const struct outbox_message *message) {
    struct buf *row = store_table_row(write);

    put_u8(row, ROW_VERSION);
    put_u8(row, (uint8_t)message->kind);
    put_u8(row, (uint8_t)message->state);
    put_u8(row, (uint8_t)message->reason);
    buf_put(row, message->sub.b, sizeof message->sub.b);
    buf_put(row, message->sid.b, sizeof message->sid.b);
    put_u64(row, message->created_ms);
    put_u64(row, message->give_up_ms);
    put_u64(row, message->at_ms);
    put_u32(row, message->attempts);
    put_u64(row, message->node);
    put_u8(row, (uint8_t)message->client_id.len);
    buf_put(row, message->client_id.data, message->client_id.len);
    if (store_outbox_to_person(message->kind)) {
        put_u64(row, message->expires_ms);
        buf_put(row, message->recipient.b, sizeof message->recipient.b);
        put_u32(row, (uint32_t)message->sealed.len);
        buf_put(row, message->sealed.data, message->sealed.len);
    }
    return store_table_put_row(write, TABLE_OUTBOX, id_key(&message->id), row);
}

/* --- index --- */

static size_t head_write(uint8_t out[KEY_MAX], enum part part, struct span client_id) {
    CHECK(client_id.len <= LIMIT_CLIENT_ID);
    out[0] = (uint8_t)part;
    out[1] = (uint8_t)client_id.len;
    if (client_id.len > 0) {
        memcpy(out + 2, client_id.data, client_id.len);
    }
    return 2 + client_id.len;
}

static struct span entry_key(const struct outbox_message *message,
                             uint8_t out[KEY_MAX]) {
    enum part part = message->state == OUTBOX_DEAD ? PART_DEAD : PART_WAITING;
    size_t len = head_write(out, part, message->client_id);

    store_key_u64(out + len, message->at_ms);
    memcpy(out + len + 8, message->id.b, sizeof message->id.b);
    return span_of(out, len + TAIL_LEN);
}

static struct span counts_key(struct span client_id, uint8_t out[KEY_MAX]) {
    return span_of(out, head_write(out, PART_COUNTS, client_id));
}

/* The client_id of an index key; false: no such key. */
static bool head_read(struct span key, size_t tail, struct span *ret_client_id) {
    if (key.len < 2 || key.len != 2u + key.data[1] + tail ||
        key.data[1] > LIMIT_CLIENT_ID) {
        return false;
    }
    *ret_client_id = span_of(key.data + 2, key.data[1]);
    return true;
}

/* --- counts (B3) --- */

static enum err counts_decode(struct span row, struct outbox_counts *ret_counts) {
    struct outbox_counts counts;
    struct reader in = reader_of(row);
    uint8_t version = read_u8(&in);

    counts.waiting = read_u64(&in);
    counts.dead = read_u64(&in);
    counts.dropped = read_u64(&in);
    if (in.bad || reader_left(&in) != 0 || version != COUNTS_VERSION) {
        return ERR_CORRUPT;
    }
    *ret_counts = counts;
    return OK;
}

enum err store_outbox_counts(struct store_read *read, struct span client_id,
                             struct outbox_counts *ret_counts) {
    uint8_t key[KEY_MAX];
    struct span row;
    enum err err =
        store_table_get(read, TABLE_OUTBOX_INDEX, counts_key(client_id, key), &row);

    if (err == ERR_NOT_FOUND) {
        *ret_counts = (struct outbox_counts){0};
        return OK;
    }
    return err == OK ? counts_decode(row, ret_counts) : err;
}

static enum err counts_put(struct store_write *write, struct span client_id,
                           const struct outbox_counts *counts) {
    uint8_t key[KEY_MAX];
    struct buf *row;

    if (counts->waiting == 0 && counts->dead == 0 && counts->dropped == 0) {
        return store_table_del(write, TABLE_OUTBOX_INDEX, counts_key(client_id, key));
    }
    row = store_table_row(write);
    put_u8(row, COUNTS_VERSION);
    put_u64(row, counts->waiting);
    put_u64(row, counts->dead);
    put_u64(row, counts->dropped);
    return store_table_put_row(write, TABLE_OUTBOX_INDEX, counts_key(client_id, key),
                               row);
}

struct change {
    int waiting, dead, dropped;
};

static bool counts_move(uint64_t *count, int by) {
    if (by < 0 && *count == 0) {
        return false;
    }
    *count = by < 0 ? *count - 1 : *count + (by > 0 ? 1 : 0);
    return true;
}

static enum err counts_change(struct store_write *write, struct span client_id,
                              const struct change *change) {
    const struct span of[] = {client_id, {NULL, 0}};
    enum err err = OK;

    if (change->waiting == 0 && change->dead == 0 && change->dropped == 0) {
        return OK;
    }
    for (size_t i = 0; i < 2 && err == OK; i++) {
        struct outbox_counts counts;
        err = store_outbox_counts(store_write_reader(write), of[i], &counts);
        if (err == OK && (!counts_move(&counts.waiting, change->waiting) ||
                          !counts_move(&counts.dead, change->dead) ||
                          !counts_move(&counts.dropped, change->dropped))) {
            err = ERR_CORRUPT;
        }
        if (err == OK) {
            err = counts_put(write, of[i], &counts);
        }
    }
    return err == ERR_NOT_FOUND ? ERR_CORRUPT : err;
}

static void change_add(struct change *change, const struct outbox_message *message,
                       int by) {
    if (message->state == OUTBOX_DEAD) {
        change->dead += by;
    } else {
        change->waiting += by;
    }
}

/* --- changing --- */

/* Take what stands under `id` out of index and expiry. ERR_NOT_FOUND: nothing does. */
static enum err forget(struct store_write *write, struct id128 id,
                       struct outbox_message *ret_old) {
    uint8_t key[KEY_MAX];
    enum err err = store_outbox_get(store_write_reader(write),
                                    store_table_scratch(write), id, ret_old);

    if (err != OK) {
        return err;
    }
    err = store_table_del(write, TABLE_OUTBOX_INDEX, entry_key(ret_old, key));
    return err == ERR_NOT_FOUND ? ERR_CORRUPT : err;
}

/* B4. When the entry of a message is due; 0: it has none. */
static uint64_t expiry_ms(const struct outbox_message *message) {
    return message->state == OUTBOX_DEAD ? message->at_ms : 0;
}

static struct key_hash expiry_of(struct id128 id) {
    struct key_hash key;

    _Static_assert(sizeof key.b == sizeof id.b, "ids stand in expiry entries");
    memcpy(key.b, id.b, sizeof key.b);
    return key;
}

enum err store_outbox_put(struct store_write *write,
                          const struct outbox_message *message) {
    struct outbox_message old;
    struct change change = {0};
    uint8_t key[KEY_MAX];
    uint64_t was_ms = 0;
    enum err err;

    if (!message_sound(message)) {
        return ERR_INVALID;
    }
    err = forget(write, message->id, &old);
    if (err == OK) {
        CHECK(span_equal(old.client_id, message->client_id));
        was_ms = expiry_ms(&old);
        change_add(&change, &old, -1);
    } else if (err != ERR_NOT_FOUND) {
        return err;
    }
    change_add(&change, message, 1);
    err = store_expiry_move(write, EXPIRY_OUTBOX, expiry_of(message->id), was_ms,
                            expiry_ms(message));
    if (err == OK) {
        err = counts_change(write, message->client_id, &change);
    }
    if (err == OK) {
        err = store_table_put(write, TABLE_OUTBOX_INDEX, entry_key(message, key),
                              span_str(""));
    }
    return err == OK ? row_put(write, message) : err;
}

enum err store_outbox_del(struct store_write *write, struct id128 id) {
    struct outbox_message old;
    struct change change = {0};
    enum err err = forget(write, id, &old);

    if (err != OK) {
        return err;
    }
    change_add(&change, &old, -1);
    err = store_expiry_move(write, EXPIRY_OUTBOX, expiry_of(id), expiry_ms(&old), 0);
    if (err == OK) {
        err = counts_change(write, old.client_id, &change);
    }
    return err == OK ? store_table_del(write, TABLE_OUTBOX, id_key(&id)) : err;
}

enum err store_outbox_count_dropped(struct store_write *write, struct span client_id) {
    const struct change change = {.dropped = 1};

    return counts_change(write, client_id, &change);
}

/* --- words --- */

const char *store_outbox_reason(enum outbox_reason reason) {
    static const char *const words[] = {
        [OUTBOX_NO_REASON] = "",      [OUTBOX_UNREACHABLE] = "unreachable",
        [OUTBOX_TIMEOUT] = "timeout", [OUTBOX_TLS] = "tls",
        [OUTBOX_ADDRESS] = "address", [OUTBOX_STATUS] = "status",
        [OUTBOX_UNMADE] = "unmade",   [OUTBOX_LAPSED] = "lapsed",
        [OUTBOX_FULL] = "full",       [OUTBOX_EXPIRED] = "expired",
        [OUTBOX_REFUSED] = "refused", [OUTBOX_NO_PROVIDER] = "no_provider",
    };

    _Static_assert(sizeof words / sizeof words[0] == OUTBOX_REASON_LAST + 1,
                   "a word for each");
    CHECK(reason <= OUTBOX_REASON_LAST);
    return words[reason];
}

/* --- walks --- */

struct walk {
    struct store_read *read;
    enum part part;
    uint64_t until_ms; /* later ones are passed over, with the client's rest */
    enum outbox_walk (*each)(void *arg, struct span client_id, struct id128 id);
    void *arg;
};

/* Behind all keys of the client. */
static struct span after_client(struct span client_id, enum part part,
                                uint8_t out[KEY_MAX]) {
    size_t len = head_write(out, part, client_id);

    memset(out + len, 0xff, TAIL_LEN);
    return span_of(out, len + TAIL_LEN);
}

/* One client's entries, from where the cursor stands. `key` is its first. *ret_more
 * false: the walk is over, and so is the cursor; true: it goes on at *ret_from. */
static enum err walk_client(struct walk *walk, struct store_cursor *cursor,
                            struct span key, uint8_t from[KEY_MAX],
                            struct span *ret_from, bool *ret_more) {
    struct span client_id, other, value;
    uint8_t head[KEY_MAX];
    enum outbox_walk next = OUTBOX_NEXT;
    enum err err = OK;

    *ret_more = false;
    if (key.len == 0 || key.data[0] != walk->part) {
        return OK;
    }
    if (!head_read(key, TAIL_LEN, &client_id)) {
        return ERR_CORRUPT;
    }
    memcpy(head, client_id.data, client_id.len);
    client_id.data = head;
    *ret_from = after_client(client_id, walk->part, from);
    while (err == OK && next == OUTBOX_NEXT) {
        struct id128 id;
        const uint8_t *tail = key.data + 2 + client_id.len;
        if (key.data[0] != walk->part || !head_read(key, TAIL_LEN, &other) ||
            !span_equal(other, client_id) || store_key_u64_of(tail) > walk->until_ms) {
            next = OUTBOX_NEXT_CLIENT;
            break;
        }
        memcpy(id.b, tail + 8, sizeof id.b);
        next = walk->each(walk->arg, client_id, id);
        err = store_cursor_next(cursor, &key, &value);
    }
    *ret_more = next != OUTBOX_STOP && err == OK;
    return err == ERR_NOT_FOUND ? OK : err;
}

static enum err walk_clients(struct walk *walk) {
    uint8_t start[KEY_MAX] = {(uint8_t)walk->part};
    struct span from = span_of(start, 1);
    bool more = true;
    enum err err = OK;

    while (err == OK && more) {
        struct store_cursor cursor;
        struct span key, value;
        uint8_t next[KEY_MAX];
        err = store_cursor_open(walk->read, TABLE_OUTBOX_INDEX, from, &cursor, &key,
                                &value);
        if (err != OK) {
            break;
        }
        err = walk_client(walk, &cursor, key, next, &from, &more);
        store_cursor_close(&cursor);
        if (more) {
            memcpy(start, next, from.len);
            from.data = start;
        }
    }
    return err == ERR_NOT_FOUND ? OK : err;
}

enum err store_outbox_walk_due(struct store_read *read, uint64_t now_ms,
                               enum outbox_walk (*each)(void *arg,
                                                        struct span client_id,
                                                        struct id128 id),
                               void *arg) {
    struct walk walk = {read, PART_WAITING, now_ms, each, arg};

    return walk_clients(&walk);
}

enum err store_outbox_walk_dead(struct store_read *read,
                                enum outbox_walk (*each)(void *arg,
                                                         struct span client_id,
                                                         struct id128 id),
                                void *arg) {
    struct walk walk = {read, PART_DEAD, UINT64_MAX, each, arg};

    return walk_clients(&walk);
}

enum err store_outbox_walk_counts(struct store_read *read,
                                  bool (*each)(void *arg, struct span client_id,
                                               const struct outbox_counts *counts),
                                  void *arg) {
    /* Behind the counts of all, which have the empty client_id. */
    static const uint8_t from[] = {PART_COUNTS, 1};
    struct store_cursor cursor;
    struct span key, row, client_id;
    bool more = true;
    enum err err = store_cursor_open(read, TABLE_OUTBOX_INDEX,
                                     span_of(from, sizeof from), &cursor, &key, &row);

    if (err != OK) {
        return err == ERR_NOT_FOUND ? OK : err;
    }
    while (err == OK && more) {
        struct outbox_counts counts;
        err = head_read(key, 0, &client_id) ? counts_decode(row, &counts) : ERR_CORRUPT;
        if (err == OK) {
            more = each(arg, client_id, &counts);
            err = more ? store_cursor_next(&cursor, &key, &row) : OK;
        }
    }
    store_cursor_close(&cursor);
    return err == ERR_NOT_FOUND ? OK : err;
}
