/* store_application: rows by id, and an index with these keys:
 *
 *   PART_STATE | kind | state | state_ms | id -> nothing
 *   PART_ACCOUNT, PART_PERSON, PART_PAIR | hash | id -> nothing
 *   PART_TOKEN | hash -> id
 *   PART_COUNT | kind | state -> count
 *   PART_AGE | kind | state | tenth of an hour -> count (P8) */
#include "store/store_application.h"

#include "store/base/check.h"
#include "store/base/fields.h"
#include "store/store_expiry.h"
#include "store/store_table.h"

#define ROW_VERSION 1

enum part {
    PART_STATE = 1,
    PART_ACCOUNT = 2,
    PART_PERSON = 3,
    PART_PAIR = 4,
    PART_TOKEN = 5,
    PART_COUNT = 6,
    PART_AGE = 7,
};

#define AGE_MS (6u * 60 * 1000)
/* Rows of the tenth that the moment lies in: more come in one when a batch is sorted. */
#define AGE_EDGE_MAX 4096

#define ID_LEN 16
#define KEY_MAX (3 + 8 + ID_LEN + 16)

/* --- the table of moves --- */

#define TO(state) (1u << (state))

bool store_application_may_move(enum application_state from,
                                enum application_state to) {
    static const uint32_t moves[APPLICATION_STATE_LAST + 1] = {
        [APPLICATION_SUBMITTED] =
            TO(APPLICATION_AWAITING) | TO(APPLICATION_WITHDRAWN),
        [APPLICATION_AWAITING] = TO(APPLICATION_RECEIVED) | TO(APPLICATION_WAITING) |
                                 TO(APPLICATION_STAFF) | TO(APPLICATION_DEFECT) |
                                 TO(APPLICATION_WITHDRAWN),
        [APPLICATION_RECEIVED] = TO(APPLICATION_WAITING) | TO(APPLICATION_STAFF) |
                                 TO(APPLICATION_DEFECT) | TO(APPLICATION_WITHDRAWN),
        [APPLICATION_WAITING] = TO(APPLICATION_OCR) | TO(APPLICATION_STAFF) |
                                TO(APPLICATION_DEFECT) | TO(APPLICATION_WITHDRAWN),
        [APPLICATION_OCR] = TO(APPLICATION_STAFF) | TO(APPLICATION_WAITING) |
                            TO(APPLICATION_DEFECT) | TO(APPLICATION_WITHDRAWN),
        [APPLICATION_STAFF] = TO(APPLICATION_HELD) | TO(APPLICATION_WAITING) |
                              TO(APPLICATION_APPROVED) | TO(APPLICATION_DENIED) |
                              TO(APPLICATION_WITHDRAWN),
        [APPLICATION_HELD] = TO(APPLICATION_STAFF) | TO(APPLICATION_WAITING) |
                             TO(APPLICATION_DENIED) | TO(APPLICATION_WITHDRAWN),
        [APPLICATION_APPROVED] =
            TO(APPLICATION_ACTIVATED) | TO(APPLICATION_WITHDRAWN) |
            TO(APPLICATION_LAPSED),
        [APPLICATION_DENIED] = TO(APPLICATION_RETURNED),
        [APPLICATION_DEFECT] = TO(APPLICATION_RETURNED),
    };

    CHECK(from >= APPLICATION_SUBMITTED && from <= APPLICATION_STATE_LAST);
    return to >= APPLICATION_SUBMITTED && to <= APPLICATION_STATE_LAST &&
           (moves[from] & TO(to)) != 0;
}

bool store_application_open(enum application_state state) {
    return state < APPLICATION_ACTIVATED;
}

bool store_application_indexed(enum application_state state) {
    return state != APPLICATION_SUBMITTED && state <= APPLICATION_ACTIVATED;
}

uint64_t store_application_token_ends_ms(const struct application *application,
                                         struct key_hash token) {
    for (size_t i = 0; i < application->tokens_count; i++) {
        if (memcmp(application->tokens[i].hash.b, token.b, sizeof token.b) == 0) {
            return application->tokens[i].ends_ms;
        }
    }
    return 0;
}

uint64_t store_application_lapses_ms(const struct application *application) {
    for (size_t i = 0; i < application->mails.count; i++) {
        if (application->mails.at[i].kind == APPLICATION_MAIL_EXPIRED) {
            return application->mails.at[i].at_ms;
        }
    }
    return 0;
}

const char *store_application_state_name(enum application_state state) {
    static const char *const names[APPLICATION_STATE_LAST + 1] = {
        [APPLICATION_SUBMITTED] = "submitted", [APPLICATION_AWAITING] = "awaiting",
        [APPLICATION_RECEIVED] = "received",   [APPLICATION_WAITING] = "waiting",
        [APPLICATION_OCR] = "ocr",             [APPLICATION_STAFF] = "staff",
        [APPLICATION_HELD] = "held",           [APPLICATION_APPROVED] = "approved",
        [APPLICATION_ACTIVATED] = "activated", [APPLICATION_DENIED] = "denied",
        [APPLICATION_RETURNED] = "returned",   [APPLICATION_DEFECT] = "defect",
        [APPLICATION_WITHDRAWN] = "withdrawn", [APPLICATION_LAPSED] = "lapsed",
    };

    CHECK(state >= APPLICATION_SUBMITTED && state <= APPLICATION_STATE_LAST);
    return names[state];
}

const char *store_application_kind_name(enum application_kind kind) {
    static const char *const names[APPLICATION_KIND_LAST + 1] = {
        [APPLICATION_CORPORATION] = "corporation",
        [APPLICATION_SOLE] = "sole_proprietor",
        [APPLICATION_PUBLIC] = "public_body",
        [APPLICATION_OTHER] = "other_body",
    };

    CHECK(kind >= APPLICATION_CORPORATION && kind <= APPLICATION_KIND_LAST);
    return names[kind];
}

bool store_application_mail_fits(enum application_mail_kind kind,
                                 enum application_state state) {
    return state == (kind >= APPLICATION_MAIL_ACTIVATE ? APPLICATION_APPROVED
                                                       : APPLICATION_AWAITING);
}

/* --- ids --- */

bool store_application_id_ok(const struct application_id *id) {
    size_t len = strnlen(id->text, sizeof id->text);

    if (len < 4 || len > APPLICATION_ID_MAX) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        char c = id->text[i];
        if (!((c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'))) {
            return false;
        }
    }
    return true;
}

struct id128 store_application_key(const struct application_id *id) {
    struct id128 key = {{0}};

    _Static_assert(sizeof key.b == APPLICATION_ID_MAX, "an id fills a key");
    memcpy(key.b, id->text, strnlen(id->text, APPLICATION_ID_MAX));
    return key;
}

static struct application_id id_of(const uint8_t key[ID_LEN]) {
    struct application_id id = {{0}};

    memcpy(id.text, key, ID_LEN);
    return id;
}

static struct span row_key(const struct id128 *key) {
    return span_of(key->b, sizeof key->b);
}

/* --- rows --- */

static void each_mail(struct fields *f, struct application_mails *mails) {
    field_count(f, &mails->count, APPLICATION_MAILS_MAX);
    for (size_t i = 0; i < mails->count; i++) {
        struct application_mail *mail = &mails->at[i];
        FIELD_ENUM(f, mail->kind, APPLICATION_MAIL_ARRIVED, APPLICATION_MAIL_LAST);
        field_u64(f, &mail->at_ms);
        field_fixed(f, mail->id.b, sizeof mail->id.b);
        field_fixed(f, mail->recipient.b, sizeof mail->recipient.b);
        field_bytes(f, &mail->sealed, APPLICATION_MAIL_SEALED);
        field_fixed(f, mail->token.b, sizeof mail->token.b);
        field_u32(f, &mail->token_ttl_ms);
        field_rule(f, (mail->kind == APPLICATION_MAIL_ARRIVED) == (mail->at_ms == 0));
    }
}

static void each_token(struct fields *f, struct application *a) {
    field_count(f, &a->tokens_count, APPLICATION_TOKENS_MAX);
    for (size_t i = 0; i < a->tokens_count; i++) {
        field_fixed(f, a->tokens[i].hash.b, sizeof a->tokens[i].hash.b);
        field_u64(f, &a->tokens[i].ends_ms);
    }
}

static void each_field(struct fields *f, struct application *a) {
    uint8_t version = ROW_VERSION;

    field_u8(f, &version);
    field_rule(f, version == ROW_VERSION);
    FIELD_ENUM(f, a->kind, APPLICATION_CORPORATION, APPLICATION_KIND_LAST);
    FIELD_ENUM(f, a->state, APPLICATION_SUBMITTED, APPLICATION_STATE_LAST);
    FIELD_ENUM(f, a->environment, ENV_DEMO, ENV_PRODUCTION);
    field_u32(f, &a->form_version);
    field_fixed(f, a->account_index.b, sizeof a->account_index.b);
    field_fixed(f, a->person_index.b, sizeof a->person_index.b);
    field_fixed(f, a->pair_index.b, sizeof a->pair_index.b);
    field_bool(f, &a->alike);
    field_bool(f, &a->has_entry);
    field_fixed(f, a->entry.b, sizeof a->entry.b);
    field_u32(f, &a->received_day);
    field_u64(f, &a->created_ms);
    field_u64(f, &a->state_ms);
    field_u64(f, &a->decided_ms);
    field_u64(f, &a->revision);
    each_token(f, a);
    field_fixed(f, a->code.b, sizeof a->code.b);
    field_u64(f, &a->code_ends_ms);
    field_u32(f, &a->corrections);
    field_u32(f, &a->reminders);
    field_u32(f, &a->defects);
    field_rule(f, (a->defects & ~DEFECTS_ALL) == 0);
    FIELD_ENUM(f, a->ocr, FARM_NONE, FARM_REVIEW);
    field_u64(f, &a->ocr_reasons);
    field_fixed(f, a->evidence, sizeof a->evidence);
    field_u16(f, &a->pages);
    field_bool(f, &a->has_sub);
    field_fixed(f, a->sub.b, sizeof a->sub.b);
    field_text(f, a->tracking, sizeof a->tracking);
    field_bool(f, &a->english);
    field_bool(f, &a->before_review);
    each_mail(f, &a->mails);
    field_bytes(f, &a->sealed, LIMIT_SEALED_PROFILE);
}

static enum err copy(struct arena *arena, struct span *bytes) {
    if (bytes->len == 0) {
        return OK;
    }
    *bytes = arena_dup(arena, *bytes);
    return bytes->data == NULL ? ERR_NOMEM : OK;
}

enum err store_application_get(struct store_read *read, struct arena *arena,
                               const struct application_id *id,
                               struct application *ret_application) {
    struct application application = {.kind = 0};
    struct id128 key = store_application_key(id);
    struct fields f;
    struct span row;
    enum err err = store_table_get(read, TABLE_APPLICATION, row_key(&key), &row);

    if (err != OK) {
        return err;
    }
    f = fields_from(row);
    each_field(&f, &application);
    if (fields_end(&f) != OK) {
        return ERR_CORRUPT;
    }
    application.id = *id;
    err = copy(arena, &application.sealed);
    for (size_t i = 0; i < application.mails.count && err == OK; i++) {
        err = copy(arena, &application.mails.at[i].sealed);
    }
    if (err == OK) {
        *ret_application = application;
    }
    return err;
}

/* --- index keys --- */

static struct span hash_part(enum part part, const struct key_hash *hash,
                             const struct id128 *id, uint8_t out[KEY_MAX]) {
    out[0] = (uint8_t)part;
    memcpy(out + 1, hash->b, sizeof hash->b);
    if (id != NULL) {
        memcpy(out + 17, id->b, ID_LEN);
    }
    return span_of(out, id != NULL ? 17 + ID_LEN : 17);
}

static struct span state_part(const struct application *a, const struct id128 *id,
                              uint8_t out[KEY_MAX]) {
    out[0] = PART_STATE;
    out[1] = (uint8_t)a->kind;
    out[2] = (uint8_t)a->state;
    store_key_u64(out + 3, a->state_ms);
    memcpy(out + 11, id->b, ID_LEN);
    return span_of(out, 11 + ID_LEN);
}

static struct span count_part(enum application_kind kind, enum application_state state,
                              uint8_t out[KEY_MAX]) {
    out[0] = PART_COUNT;
    out[1] = (uint8_t)kind;
    out[2] = (uint8_t)state;
    return span_of(out, 3);
}

enum err store_application_by_token(struct store_read *read, struct arena *arena,
                                    struct key_hash token,
                                    struct application *ret_application) {
    uint8_t key[KEY_MAX];
    struct application_id id;
    struct span value;
    enum err err = store_table_get(read, TABLE_APPLICATION_INDEX,
                                   hash_part(PART_TOKEN, &token, NULL, key), &value);

    if (err != OK) {
        return err;
    }
    if (value.len != ID_LEN) {
        return ERR_CORRUPT;
    }
    id = id_of(value.data);
    err = store_application_get(read, arena, &id, ret_application);
    return err == ERR_NOT_FOUND ? ERR_CORRUPT : err;
}

/* --- counts (P2) --- */

/* 0: there is none. */
static enum err count_of(struct store_read *read, struct span key, uint64_t *ret_count) {
    struct reader in;
    struct span value;
    enum err err = store_table_get(read, TABLE_APPLICATION_INDEX, key, &value);

    if (err == ERR_NOT_FOUND) {
        *ret_count = 0;
        return OK;
    }
    if (err != OK || value.len != 8) {
        return err == OK ? ERR_CORRUPT : err;
    }
    in = reader_of(value);
    *ret_count = read_u64(&in);
    return OK;
}

enum err store_application_count(struct store_read *read, enum application_kind kind,
                                 enum application_state state, uint64_t *ret_count) {
    uint8_t key[KEY_MAX];

    return count_of(read, count_part(kind, state, key), ret_count);
}

bool store_application_backlog(enum application_state state) {
    return state == APPLICATION_RECEIVED || state == APPLICATION_WAITING ||
           state == APPLICATION_OCR || state == APPLICATION_STAFF ||
           state == APPLICATION_HELD;
}

static struct span age_part(enum application_kind kind, enum application_state state,
                            uint64_t tenth, uint8_t out[KEY_MAX]) {
    out[0] = PART_AGE;
    out[1] = (uint8_t)kind;
    out[2] = (uint8_t)state;
    store_key_u64(out + 3, tenth);
    return span_of(out, 11);
}

/* `keep`: a row stays when its count is 0. */
static enum err count_add(struct store_write *write, struct span key, int by, bool keep) {
    struct buf *row;
    uint64_t count;
    enum err err = count_of(store_write_reader(write), key, &count);

    if (err != OK || (by < 0 && count == 0)) {
        return err == OK ? ERR_CORRUPT : err;
    }
    count = by < 0 ? count - 1 : count + 1;
    if (count == 0 && !keep) {
        return store_table_del(write, TABLE_APPLICATION_INDEX, key);
    }
    row = store_table_row(write);
    put_u64(row, count);
    return store_table_put_row(write, TABLE_APPLICATION_INDEX, key, row);
}

static enum err count_move(struct store_write *write, const struct application *a,
                           int by) {
    uint8_t key[KEY_MAX];
    enum err err = count_add(write, count_part(a->kind, a->state, key), by, true);

    if (err != OK || !store_application_backlog(a->state)) {
        return err;
    }
    return count_add(write, age_part(a->kind, a->state, a->state_ms / AGE_MS, key), by,
                     false);
}

/* Those of the tenths from `tenth` on. */
static enum err younger(struct store_read *read, enum application_kind kind,
                        enum application_state state, uint64_t tenth,
                        uint64_t *ret_count) {
    uint8_t from[KEY_MAX], head[3] = {PART_AGE, (uint8_t)kind, (uint8_t)state};
    struct store_cursor cursor;
    struct span key, value;
    enum err err = store_cursor_open(read, TABLE_APPLICATION_INDEX,
                                     age_part(kind, state, tenth, from), &cursor, &key,
                                     &value);

    *ret_count = 0;
    if (err != OK) {
        return err == ERR_NOT_FOUND ? OK : err;
    }
    while (err == OK && key.len == 11 && memcmp(key.data, head, sizeof head) == 0) {
        struct reader in = reader_of(value);
        *ret_count += read_u64(&in);
        err = in.bad ? ERR_CORRUPT : store_cursor_next(&cursor, &key, &value);
    }
    store_cursor_close(&cursor);
    return err == ERR_NOT_FOUND ? OK : err;
}

struct edge {
    uint64_t before_ms;
    size_t count, looks;
};

static bool edge_each(void *arg, const struct application_id *id, uint64_t since_ms) {
    struct edge *edge = arg;

    (void)id;
    if (since_ms >= edge->before_ms || edge->looks++ == AGE_EDGE_MAX) {
        return false;
    }
    edge->count++;
    return true;
}

enum err store_application_older(struct store_read *read, enum application_kind kind,
                                 enum application_state state, uint64_t before_ms,
                                 uint64_t *ret_count) {
    struct edge edge = {.before_ms = before_ms};
    uint64_t all = 0, young = 0, tenth = before_ms / AGE_MS;
    enum err err;

    CHECK(store_application_backlog(state));
    err = store_application_count(read, kind, state, &all);
    if (err == OK && all > 0) {
        err = younger(read, kind, state, tenth, &young);
    }
    if (err == OK && young > 0) { /* of this tenth, those before the moment */
        err = store_application_walk(read, kind, state, tenth * AGE_MS, NULL, edge_each,
                                     &edge);
    }
    if (err == OK && young > all) {
        err = ERR_CORRUPT;
    }
    if (err == OK) {
        *ret_count = all - young + edge.count;
    }
    return err;
}

/* --- changing --- */

static struct key_hash expiry_key(const struct id128 *id) {
    struct key_hash key;

    memcpy(key.b, id->b, sizeof key.b);
    return key;
}

/* P5; 0: nothing is to be done at any time. */
static uint64_t expiry_ms(const struct application *a) {
    uint64_t first_ms = 0;

    if (a->state == APPLICATION_SUBMITTED) {
        return a->tokens_count > 0 ? a->tokens[0].ends_ms : 0;
    }
    for (size_t i = 0; i < a->mails.count; i++) {
        uint64_t at_ms = a->mails.at[i].at_ms;
        if (at_ms != 0 && store_application_mail_fits(a->mails.at[i].kind, a->state) &&
            (first_ms == 0 || at_ms < first_ms)) {
            first_ms = at_ms;
        }
    }
    return first_ms;
}

uint64_t store_application_due_ms(const struct application *application) {
    return expiry_ms(application);
}

static enum err index_del(struct store_write *write, struct span key) {
    enum err err = store_table_del(write, TABLE_APPLICATION_INDEX, key);

    return err == ERR_NOT_FOUND ? ERR_CORRUPT : err;
}

static enum err index_put(struct store_write *write, struct span key,
                          struct span value) {
    return store_table_put(write, TABLE_APPLICATION_INDEX, key, value);
}

/* The keys of an application's rows in the index, but for the counts. */
#define KEYS_MAX (1 + 3 + APPLICATION_TOKENS_MAX)
struct index_keys {
    size_t count;
    struct index_key {
        uint8_t bytes[KEY_MAX];
        struct span key, value;
    } at[KEYS_MAX];
};

static void keys_of(const struct application *a, const struct id128 *id,
                    struct index_keys *out) {
    const struct {
        enum part part;
        const struct key_hash *hash;
    } blind[] = {
        {PART_ACCOUNT, &a->account_index},
        {PART_PERSON, &a->person_index},
        {PART_PAIR, &a->pair_index},
    };
    size_t n = 0;

    out->at[n].key = state_part(a, id, out->at[n].bytes);
    out->at[n++].value = span_str("");
    for (size_t i = 0; i < 3 && store_application_indexed(a->state); i++) {
        out->at[n].key = hash_part(blind[i].part, blind[i].hash, id, out->at[n].bytes);
        out->at[n++].value = span_str("");
    }
    for (size_t i = 0; i < a->tokens_count; i++) {
        out->at[n].key =
            hash_part(PART_TOKEN, &a->tokens[i].hash, NULL, out->at[n].bytes);
        out->at[n++].value = row_key(id);
    }
    out->count = n;
}

/* Take what stands under the id out of every index. */
static enum err forget(struct store_write *write, const struct application *old,
                       const struct id128 *id) {
    struct index_keys keys;
    enum err err = OK;

    keys_of(old, id, &keys);
    for (size_t i = 0; i < keys.count && err == OK; i++) {
        err = index_del(write, keys.at[i].key);
    }
    return err == OK ? count_move(write, old, -1) : err;
}

static enum err remember(struct store_write *write, const struct application *a,
                         const struct id128 *id) {
    struct index_keys keys;
    enum err err = OK;

    keys_of(a, id, &keys);
    for (size_t i = 0; i < keys.count && err == OK; i++) {
        err = index_put(write, keys.at[i].key, keys.at[i].value);
    }
    return err == OK ? count_move(write, a, 1) : err;
}

/* ERR_EXISTS: a token is another application's, or there twice. */
static enum err tokens_free(struct store_write *write, const struct application *a,
                            const struct id128 *id) {
    uint8_t key[KEY_MAX];
    struct span value;
    enum err err = OK;

    for (size_t i = 0; i < a->tokens_count && err == OK; i++) {
        for (size_t j = 0; j < i; j++) {
            if (memcmp(a->tokens[i].hash.b, a->tokens[j].hash.b,
                       sizeof a->tokens[i].hash.b) == 0) {
                return ERR_EXISTS;
            }
        }
        err = store_table_get(store_write_reader(write), TABLE_APPLICATION_INDEX,
                              hash_part(PART_TOKEN, &a->tokens[i].hash, NULL, key),
                              &value);
        if (err == OK && !span_equal(value, row_key(id))) {
            return ERR_EXISTS;
        }
        err = err == ERR_NOT_FOUND ? OK : err;
    }
    return err;
}

enum err store_application_put(struct store_write *write,
                               const struct application *application) {
    struct id128 id = store_application_key(&application->id);
    struct application row = *application;
    struct application old;
    struct fields f;
    struct buf *out;
    uint64_t was_ms = 0;
    enum err err;

    if (!store_application_id_ok(&row.id)) {
        return ERR_INVALID;
    }
    err = tokens_free(write, &row, &id);
    if (err != OK) {
        return err;
    }
    err = store_application_get(store_write_reader(write), store_table_scratch(write),
                                &row.id, &old);
    if (err == OK) {
        was_ms = expiry_ms(&old);
        err = forget(write, &old, &id);
    }
    if (err != OK && err != ERR_NOT_FOUND) {
        return err;
    }
    err = store_expiry_move(write, EXPIRY_APPLICATION, expiry_key(&id), was_ms,
                            expiry_ms(&row));
    if (err == OK) {
        err = remember(write, &row, &id);
    }
    if (err != OK) {
        return err;
    }
    out = store_table_row(write);
    f = fields_to(out);
    each_field(&f, &row);
    err = fields_end(&f);
    return err == OK ? store_table_put_row(write, TABLE_APPLICATION, row_key(&id), out)
                     : err;
}

enum err store_application_del(struct store_write *write,
                               const struct application_id *id) {
    struct id128 key = store_application_key(id);
    struct application old;
    enum err err = store_application_get(store_write_reader(write),
                                         store_table_scratch(write), id, &old);

    if (err == OK) {
        err = forget(write, &old, &key);
    }
    if (err == OK) {
        err = store_expiry_move(write, EXPIRY_APPLICATION, expiry_key(&key),
                                expiry_ms(&old), 0);
    }
    return err == OK ? store_table_del(write, TABLE_APPLICATION, row_key(&key)) : err;
}

/* --- walks --- */

/* All keys that begin with `head`, from `from` on; the id is their last bytes. */
static enum err walk(struct store_read *read, struct span head, struct span from,
                     store_application_each *each, void *arg) {
    struct store_cursor cursor;
    struct span key, value;
    enum err err = store_cursor_open(read, TABLE_APPLICATION_INDEX, from, &cursor, &key,
                                     &value);
    bool more = true;

    if (err != OK) {
        return err == ERR_NOT_FOUND ? OK : err;
    }
    while (err == OK && more) {
        struct application_id id;
        uint64_t since_ms = 0;
        if (key.len < head.len || memcmp(key.data, head.data, head.len) != 0) {
            break;
        }
        if (key.len < ID_LEN + 1u) {
            err = ERR_CORRUPT;
            break;
        }
        id = id_of(key.data + key.len - ID_LEN);
        if (key.data[0] == PART_STATE && key.len == 11 + ID_LEN) {
            since_ms = store_key_u64_of(key.data + 3);
        }
        more = each(arg, &id, since_ms);
        err = more ? store_cursor_next(&cursor, &key, &value) : OK;
    }
    store_cursor_close(&cursor);
    return err == ERR_NOT_FOUND ? OK : err;
}

enum err store_application_walk(struct store_read *read, enum application_kind kind,
                                enum application_state state, uint64_t after_ms,
                                const struct application_id *after,
                                store_application_each *each, void *arg) {
    const struct application at = {.kind = kind, .state = state, .state_ms = after_ms};
    struct id128 id = {{0}};
    uint8_t from[KEY_MAX + 1], head[3] = {PART_STATE, (uint8_t)kind, (uint8_t)state};
    struct span start;

    if (after != NULL) {
        id = store_application_key(after);
    }
    start = state_part(&at, &id, from);
    if (after != NULL) { /* behind it */
        from[start.len++] = 0;
    }
    return walk(read, span_of(head, sizeof head), start, each, arg);
}

enum err store_application_find(struct store_read *read, enum application_index index,
                                struct key_hash key, store_application_each *each,
                                void *arg) {
    static const enum part parts[] = {
        [APPLICATION_BY_ACCOUNT] = PART_ACCOUNT,
        [APPLICATION_BY_PERSON] = PART_PERSON,
        [APPLICATION_BY_PAIR] = PART_PAIR,
    };
    uint8_t head[KEY_MAX];
    struct span from = hash_part(parts[index], &key, NULL, head);

    return walk(read, from, from, each, arg);
}
