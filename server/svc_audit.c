#include "server/svc_audit.h"

#include "server/domain/account_id.h"
#include "server/svc_application.h"
#include "server/svc_origin.h"
#include "store/base/codec.h"
#include "store/store_staff.h"

/* The query, read. */
struct criteria {
    enum audit_by by;
    uint8_t key[LIMIT_AUDIT_ACTOR];
    size_t key_len;
    bool has_sub, has_login, has_staff, has_source;
    uint8_t sub[AUDIT_ID_LEN], login[AUDIT_ID_LEN], staff[AUDIT_ID_LEN];
    uint8_t source[AUDIT_ID_LEN];
    struct application_id application; /* empty: of any */
    struct span client_id, operator_name;
    struct span event; /* a name; with `event_begins` its beginning */
    bool event_begins;
    uint64_t low, high; /* seqs, both included */
    bool nothing;       /* nothing can be found */
};

struct search {
    struct svc *svc;
    struct arena *arena;
    const struct svc_audit_query *query;
    struct criteria criteria;
    struct svc_audit_page *page;
    size_t looked;
    enum err err;
};

/* --- the query --- */

static bool is_hex_id(struct span text, uint8_t out[AUDIT_ID_LEN]) {
    return text.len == 2 * AUDIT_ID_LEN && hex_decode(text, out, AUDIT_ID_LEN) == OK;
}

static bool event_begins(struct span event) {
    return event.len > 1 && event.data[event.len - 1] == '*';
}

const char *svc_audit_check(const struct svc_audit_query *query) {
    struct application_id application;

    if (query->account.len > LIMIT_ACCOUNT_ID)
        return "account: an account ID, or the 32 hex digits of a sub";
    if (query->client_id.len > LIMIT_CLIENT_ID)
        return "client_id: a client_id is expected";
    if (query->staff.len > LIMIT_STAFF_NAME)
        return "staff: the name of a staff account is expected";
    if (query->application.len > 0 &&
        !svc_application_id_read(query->application, &application))
        return "application: the number of an application is expected";
    if (query->operator_name.len > LIMIT_AUDIT_ACTOR)
        return "operator: the name in an operator's certificate is expected";
    if (query->address.len > ORIGIN_ADDRESS_MAX)
        return "address: an IP address is expected";
    if (query->event.len > 0 && !event_begins(query->event) &&
        !audit_event_find(query->event))
        return "event: there is no such event; 'signin.*' finds all that begin so";
    if (query->to_ms > 0 && query->to_ms < query->from_ms)
        return "to: is before from";
    if (query->limit < 1 || query->limit > AUDIT_PAGE_MAX)
        return "limit: 1 to 500 is expected";
    return NULL;
}

static enum err read_account(struct search *s) {
    struct criteria *c = &s->criteria;
    struct key_hash index;
    struct account_id id;
    struct account account;
    enum err err;

    if (is_hex_id(s->query->account, c->sub)) {
        c->has_sub = true;
        return OK;
    }
    index = account_id_parse(s->query->account, &id, NULL)
                ? svc_hash(s->svc, HASH_ACCOUNT_ID, account_id_span(&id))
                : svc_hash(s->svc, HASH_ACCOUNT_ID, s->query->account);
    err = store_account_find(s->svc->read, s->arena, index, &account);
    if (err && err != ERR_NOT_FOUND)
        return err;
    if (err) { /* nobody's: what was tried with it may stand there all the same */
        c->has_login = true;
        memcpy(c->login, index.b, sizeof c->login);
        return OK;
    }
    c->has_sub = true;
    memcpy(c->sub, account.sub.b, sizeof c->sub);
    return OK;
}

static enum err read_staff(struct search *s) {
    struct criteria *c = &s->criteria;
    struct staff staff;
    enum err err;

    c->has_staff = true;
    if (is_hex_id(s->query->staff, c->staff))
        return OK;
    err = store_staff_find(s->svc->read, s->arena,
                           svc_hash(s->svc, HASH_STAFF_NAME, s->query->staff), &staff);
    if (!err)
        memcpy(c->staff, staff.id.b, sizeof c->staff);
    c->nothing = c->nothing || err == ERR_NOT_FOUND;
    return err == ERR_NOT_FOUND ? OK : err;
}

static enum err read_times(struct search *s, const struct audit_head *head) {
    const struct svc_audit_query *query = s->query;
    struct criteria *c = &s->criteria;
    enum err err = OK;

    c->low = head->pruned_seq + 1;
    c->high = head->seq;
    if (query->from_ms > 0)
        err = store_audit_since(s->svc->read, query->from_ms, &c->low);
    if (!err && query->to_ms > 0) {
        err = store_audit_since(s->svc->read, query->to_ms + 1, &c->high);
        c->high = c->high > 0 ? c->high - 1 : 0;
    }
    if (query->at > 0 && query->upward && query->at > c->low)
        c->low = query->at;
    if (query->at > 0 && !query->upward && query->at < c->high)
        c->high = query->at;
    return err;
}

static void walk_by(struct criteria *c, enum audit_by by, const void *key, size_t len) {
    c->by = by;
    memcpy(c->key, key, len);
    c->key_len = len;
}

/* The index that has the fewest records, as a rule. */
static void choose_index(struct criteria *c) {
    enum audit_event event = audit_event_find(c->event);
    uint8_t event_key[2] = {(uint8_t)(event >> 8), (uint8_t)event};

    if (c->application.text[0] != '\0')
        walk_by(c, AUDIT_BY_APPLICATION, c->application.text, strlen(c->application.text));
    else if (c->has_sub)
        walk_by(c, AUDIT_BY_ACCOUNT, c->sub, sizeof c->sub);
    else if (c->has_login)
        walk_by(c, AUDIT_BY_LOGIN, c->login, sizeof c->login);
    else if (c->has_staff)
        walk_by(c, AUDIT_BY_STAFF, c->staff, sizeof c->staff);
    else if (c->operator_name.len > 0)
        walk_by(c, AUDIT_BY_OPERATOR, c->operator_name.data, c->operator_name.len);
    else if (c->client_id.len > 0)
        walk_by(c, AUDIT_BY_CLIENT, c->client_id.data, c->client_id.len);
    else if (c->event.len > 0 && !c->event_begins)
        walk_by(c, AUDIT_BY_EVENT, event_key, sizeof event_key);
    else
        c->by = AUDIT_BY_SEQ;
}

static enum err read_query(struct search *s) {
    const struct svc_audit_query *query = s->query;
    struct criteria *c = &s->criteria;
    enum err err = store_audit_head(s->svc->read, &s->page->head);

    c->client_id = query->client_id;
    c->operator_name = query->operator_name;
    c->event = query->event;
    if (query->application.len > 0) /* it was checked */
        (void)svc_application_id_read(query->application, &c->application);
    c->event_begins = event_begins(query->event);
    if (c->event_begins)
        c->event.len--;
    if (query->address.len > 0) {
        c->has_source = true;
        svc_origin_hash(s->svc, query->address, c->source);
    }
    if (!err && query->account.len > 0)
        err = read_account(s);
    if (!err && query->staff.len > 0)
        err = read_staff(s);
    if (!err)
        err = read_times(s, &s->page->head);
    choose_index(c);
    return err;
}

/* --- matching --- */

static bool is_actor(const struct audit_record *record, enum audit_actor kind,
                     struct span id) {
    return record->actor_kind == kind && span_equal(record->actor, id);
}

/* About it, or by it. */
static bool concerns(const struct audit_record *record, bool has, const uint8_t *of,
                     enum audit_actor kind, const uint8_t wanted[AUDIT_ID_LEN]) {
    return (has && memcmp(of, wanted, AUDIT_ID_LEN) == 0) ||
           is_actor(record, kind, span_of(wanted, AUDIT_ID_LEN));
}

static bool event_matches(const struct criteria *c, const struct audit_record *record) {
    struct span name = span_str(audit_event_str(record->event));

    if (c->event_begins)
        return name.len >= c->event.len &&
               memcmp(name.data, c->event.data, c->event.len) == 0;
    return c->event.len == 0 || span_equal(name, c->event);
}

static bool matches(const struct criteria *c, const struct audit_record *record) {
    if (c->has_sub &&
        !concerns(record, record->has_sub, record->sub, AUDIT_ACCOUNT, c->sub))
        return false;
    if (c->has_login &&
        !(record->has_login && memcmp(record->login, c->login, AUDIT_ID_LEN) == 0))
        return false;
    if (c->has_staff &&
        !concerns(record, record->has_staff, record->staff, AUDIT_STAFF, c->staff))
        return false;
    if (c->has_source &&
        !(record->has_source && memcmp(record->source, c->source, AUDIT_ID_LEN) == 0))
        return false;
    if (c->client_id.len > 0 && !span_equal(record->client_id, c->client_id) &&
        !is_actor(record, AUDIT_CLIENT, c->client_id))
        return false;
    if (c->application.text[0] != '\0' &&
        !span_is(audit_record_application(record), c->application.text))
        return false;
    if (c->operator_name.len > 0 && !is_actor(record, AUDIT_OPERATOR, c->operator_name))
        return false;
    return event_matches(c, record);
}

/* --- rows --- */

static bool copy_span(struct arena *arena, struct span *text) {
    *text = arena_dup(arena, *text);
    return text->data != NULL;
}

static enum err copy_row(struct search *s, const struct audit_record *record,
                         const struct audit_hash *hash) {
    struct svc_audit_row *row = &s->page->rows[s->page->count];
    struct audit_record *copy = &row->record;

    *row = (struct svc_audit_row){.record = *record, .hash = *hash};
    if (!copy_span(s->arena, &copy->actor) || !copy_span(s->arena, &copy->client_id) ||
        !copy_span(s->arena, &copy->note) || !copy_span(s->arena, &copy->sealed))
        return ERR_NOMEM;
    s->page->count++;
    return OK;
}

static bool look(void *arg, const struct audit_record *record,
                 const struct audit_hash *hash) {
    struct search *s = arg;
    struct criteria *c = &s->criteria;

    if (record->seq < c->low || record->seq > c->high)
        return false;
    if (s->page->count == s->query->limit || ++s->looked > AUDIT_LOOK_MAX) {
        s->page->next = record->seq;
        return false;
    }
    if (matches(c, record))
        s->err = copy_row(s, record, hash);
    return s->err == OK;
}

/* Sealed under a key that this cluster does not have any more: shown as unknown. */
static enum err open_origins(struct search *s) {
    for (size_t i = 0; i < s->page->count && !s->query->sealed; i++) {
        struct svc_audit_row *row = &s->page->rows[i];
        enum err err = svc_origin_open(s->svc, row->record.sealed, s->arena,
                                       &row->address, &row->browser);
        if (err && err != ERR_FORGED)
            return err;
    }
    return OK;
}

enum err svc_audit_find(struct svc *svc, struct arena *arena,
                        const struct svc_audit_query *query,
                        struct svc_audit_page *ret_page) {
    struct search s = {
        .svc = svc, .arena = arena, .query = query, .page = ret_page, .err = OK};
    struct criteria *c = &s.criteria;
    enum err err;

    *ret_page = (struct svc_audit_page){
        .rows = arena_alloc(arena, query->limit * sizeof *ret_page->rows)};
    if (!ret_page->rows)
        return ERR_NOMEM;
    err = svc_read_begin(svc);
    if (err)
        return err;
    err = read_query(&s);
    if (!err && !c->nothing && c->low <= c->high)
        err = store_audit_walk(svc->read, c->by, span_of(c->key, c->key_len),
                               query->upward ? c->low : c->high, !query->upward, look,
                               &s);
    svc_read_end(svc);
    if (!err)
        err = s.err;
    return err ? err : open_origins(&s);
}

enum err svc_audit_account(struct svc *svc, struct arena *arena,
                           const struct svc_audit_query *query, bool *ret_known,
                           struct id128 *ret_sub) {
    struct search s = {.svc = svc, .arena = arena, .query = query};
    struct account account;
    enum err err;

    *ret_known = false;
    if (query->account.len == 0)
        return OK;
    err = svc_read_begin(svc);
    if (err)
        return err;
    err = read_account(&s);
    if (!err && s.criteria.has_sub) {
        memcpy(ret_sub->b, s.criteria.sub, sizeof ret_sub->b);
        err = store_account_get(svc->read, arena, *ret_sub, &account);
        *ret_known = err == OK;
    }
    svc_read_end(svc);
    return err == ERR_NOT_FOUND ? OK : err;
}

/* --- JSON --- */

static void put_hex(struct buf *out, const char *name, const uint8_t *bytes,
                    size_t len) {
    char text[2 * AUDIT_HASH_LEN + 1];

    hex_encode(span_of(bytes, len), text);
    buf_json_member(out, name, span_str(text));
}

static void put_actor(struct buf *out, const struct audit_record *record) {
    bool is_id =
        record->actor_kind == AUDIT_ACCOUNT || record->actor_kind == AUDIT_STAFF;

    buf_json_member(out, "actor_kind", span_str(audit_actor_str(record->actor_kind)));
    if (is_id && record->actor.len == AUDIT_ID_LEN)
        put_hex(out, "actor", record->actor.data, record->actor.len);
    else
        buf_json_member(out, "actor", record->actor);
}

static void put_sealed(struct buf *out, struct span sealed) {
    char text[(LIMIT_SEALED_ORIGIN * 4 + 2) / 3 + 1];

    if (sealed.len > 0 && sealed.len <= LIMIT_SEALED_ORIGIN)
        buf_json_member(out, "sealed", span_of(text, base64url_encode(sealed, text)));
}

void svc_audit_put(struct buf *out, const struct svc_audit_row *row) {
    const struct audit_record *record = &row->record;

    buf_str(out, "{");
    buf_json_u64(out, "seq", record->seq);
    buf_json_u64(out, "time_ms", record->time_ms);
    buf_json_member(out, "event", span_str(audit_event_str(record->event)));
    buf_json_u64(out, "event_number", record->event);
    put_actor(out, record);
    buf_json_u64(out, "outcome", record->outcome);
    buf_json_u64(out, "count", record->count);
    if (record->has_sub)
        put_hex(out, "sub", record->sub, sizeof record->sub);
    if (record->has_login)
        put_hex(out, "login", record->login, sizeof record->login);
    if (record->has_staff)
        put_hex(out, "staff", record->staff, sizeof record->staff);
    if (record->has_source)
        put_hex(out, "source", record->source, sizeof record->source);
    if (record->client_id.len > 0)
        buf_json_member(out, "client_id", record->client_id);
    if (record->note.len > 0)
        buf_json_member(out, "note", record->note);
    put_sealed(out, record->sealed);
    if (row->address.len > 0)
        buf_json_member(out, "address", row->address);
    if (row->browser.len > 0)
        buf_json_member(out, "browser", row->browser);
    put_hex(out, "previous", record->previous.b, sizeof record->previous.b);
    put_hex(out, "hash", row->hash.b, sizeof row->hash.b);
    buf_str(out, "}");
}
