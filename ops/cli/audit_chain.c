#include "ops/cli/audit_chain.h"

#include <inttypes.h>
#include <string.h>

#include "store/base/codec.h"

bool audit_hash_read(const char *text, struct audit_hash *ret_hash) {
    return text && hex_decode(span_str(text), ret_hash->b, sizeof ret_hash->b) == OK;
}

void audit_hash_print(const struct audit_hash *hash, char out[2 * AUDIT_HASH_LEN + 1]) {
    hex_encode(span_of(hash->b, sizeof hash->b), out);
}

static bool same(const struct audit_hash *a, const struct audit_hash *b) {
    return memcmp(a->b, b->b, sizeof a->b) == 0;
}

/* --- a record's members --- */

struct parts {
    const json_t *json;
    uint8_t actor[LIMIT_AUDIT_ACTOR];
    uint8_t sealed[LIMIT_SEALED_ORIGIN];
    bool bad;
};

static uint64_t number_of(struct parts *p, const char *name) {
    const json_t *value = json_object_get(p->json, name);

    p->bad = p->bad || !json_is_integer(value) || json_integer_value(value) < 0;
    return p->bad ? 0 : (uint64_t)json_integer_value(value);
}

/* Absent: empty. */
static struct span text_of(struct parts *p, const char *name, size_t max) {
    const json_t *value = json_object_get(p->json, name);
    struct span text = {NULL, 0};

    if (value) {
        p->bad = p->bad || !json_is_string(value) || json_string_length(value) > max;
        if (!p->bad)
            text = span_of(json_string_value(value), json_string_length(value));
    }
    return text;
}

static bool id_of(struct parts *p, const char *name, uint8_t out[AUDIT_ID_LEN]) {
    struct span text = text_of(p, name, 2 * AUDIT_ID_LEN);

    if (text.len == 0)
        return false;
    p->bad = p->bad || hex_decode(text, out, AUDIT_ID_LEN) != OK;
    return true;
}

static void take_actor(struct parts *p, struct audit_record *record) {
    struct span kind = text_of(p, "actor_kind", 16);
    struct span actor = text_of(p, "actor", LIMIT_AUDIT_ACTOR);
    bool is_id;
    int at = AUDIT_ACTOR_LAST;

    while (at >= 0 && !span_is(kind, audit_actor_str((enum audit_actor)at)))
        at--;
    if (at < 0) {
        p->bad = true;
        return;
    }
    record->actor_kind = (enum audit_actor)at;
    is_id = at == AUDIT_ACCOUNT || at == AUDIT_STAFF;
    record->actor = actor;
    if (is_id) {
        p->bad = p->bad || hex_decode(actor, p->actor, AUDIT_ID_LEN) != OK;
        record->actor = span_of(p->actor, AUDIT_ID_LEN);
    }
}

static void take_sealed(struct parts *p, struct audit_record *record) {
    struct span text = text_of(p, "sealed", base64url_len(LIMIT_SEALED_ORIGIN));
    size_t len = 0;

    if (text.len > 0)
        p->bad = p->bad ||
                 base64url_decode(text, p->sealed, sizeof p->sealed, &len) != OK;
    record->sealed = span_of(p->sealed, len);
}

/* Spans borrow from `p` and its JSON. */
static bool record_read(struct parts *p, struct audit_record *record) {
    uint64_t event = number_of(p, "event_number"), outcome = number_of(p, "outcome");
    uint64_t count = number_of(p, "count");
    const char *previous =
        json_string_value(json_object_get(p->json, "previous"));

    memset(record, 0, sizeof *record);
    record->seq = number_of(p, "seq");
    record->time_ms = number_of(p, "time_ms");
    record->event = (enum audit_event)(event <= AUDIT_EVENT_MAX ? event : 0);
    record->outcome = (uint16_t)outcome;
    record->count = (uint32_t)count;
    take_actor(p, record);
    record->has_sub = id_of(p, "sub", record->sub);
    record->has_login = id_of(p, "login", record->login);
    record->has_staff = id_of(p, "staff", record->staff);
    record->has_source = id_of(p, "source", record->source);
    record->client_id = text_of(p, "client_id", LIMIT_CLIENT_ID);
    record->note = text_of(p, "note", LIMIT_AUDIT_NOTE);
    take_sealed(p, record);
    return audit_hash_read(previous, &record->previous) && !p->bad &&
           record->event != 0 && outcome <= UINT16_MAX && count <= UINT32_MAX;
}

/* The event's name is not hashed, its number is. One that this command is too old for
 * may have any name. */
static bool name_fits(struct parts *p, const struct audit_record *record) {
    const char *known = audit_event_str(record->event);
    struct span name = text_of(p, "event", 64);

    return strncmp(known, "event.", strlen("event.")) == 0 || span_is(name, known);
}

static bool hash_of(const struct audit_record *record, struct audit_hash *ret_hash) {
    struct buf encoded;
    bool ok;

    buf_init(&encoded, AUDIT_RECORD_MAX);
    audit_record_encode(record, &encoded);
    ok = buf_err(&encoded) == OK;
    if (ok)
        *ret_hash = audit_record_hash(buf_span(&encoded));
    buf_free(&encoded);
    return ok;
}

/* --- the chain --- */

bool audit_chain_expect(struct audit_chain *chain, uint64_t seq,
                        const struct audit_hash *hash, const char *whose) {
    struct audit_known *known = &chain->known[chain->known_count];

    if (chain->known_count == AUDIT_KNOWN_MAX)
        return false;
    *known = (struct audit_known){.seq = seq, .hash = *hash};
    snprintf(known->whose, sizeof known->whose, "%s", whose);
    chain->known_count++;
    return true;
}

bool audit_chain_begin(struct audit_chain *chain, const json_t *head,
                       const char *whose) {
    struct parts p = {.json = head};
    struct audit_hash end;
    uint64_t seq = number_of(&p, "seq");
    const char *hash = json_string_value(json_object_get(head, "hash"));
    const char *pruned = json_string_value(json_object_get(head, "pruned_hash"));

    chain->begin_seq = number_of(&p, "pruned_seq");
    chain->seq = chain->begin_seq;
    if (p.bad || !audit_hash_read(hash, &end) ||
        !audit_hash_read(pruned, &chain->hash))
        return false;
    return audit_chain_expect(chain, seq, &end, whose);
}

/* Does the chain, where it stands now, fit what is known of this place? */
static bool meet(struct audit_chain *chain) {
    for (size_t i = 0; i < chain->known_count; i++) {
        struct audit_known *known = &chain->known[i];
        if (known->seq != chain->seq)
            continue;
        known->met = true;
        if (!same(&known->hash, &chain->hash)) {
            snprintf(chain->why, sizeof chain->why,
                     "record %" PRIu64
                     ": its hash is another than that of %s: they differ, here or "
                     "before",
                     chain->seq, known->whose);
            return false;
        }
    }
    return true;
}

bool audit_chain_add(struct audit_chain *chain, const json_t *json) {
    struct parts p = {.json = json};
    struct audit_record record;
    struct audit_hash hash, told;
    const char *text = json_string_value(json_object_get(json, "hash"));

    if (chain->seq == chain->begin_seq && !meet(chain))
        return false;
    if (!record_read(&p, &record) || !audit_hash_read(text, &told)) {
        snprintf(chain->why, sizeof chain->why,
                 "what follows record %" PRIu64 " is no record of an audit", chain->seq);
        return false;
    }
    if (record.seq != chain->seq + 1)
        snprintf(chain->why, sizeof chain->why,
                 record.seq > chain->seq
                     ? "record %" PRIu64 " follows record %" PRIu64
                       ": what was between them is missing"
                     : "record %" PRIu64 " follows record %" PRIu64
                       ": they are not in their order",
                 record.seq, chain->seq);
    else if (!same(&record.previous, &chain->hash))
        snprintf(chain->why, sizeof chain->why,
                 "record %" PRIu64 " does not follow this record %" PRIu64
                 ": one of them was put in another's place",
                 record.seq, chain->seq);
    else if (!hash_of(&record, &hash) || !same(&hash, &told) || !name_fits(&p, &record))
        snprintf(chain->why, sizeof chain->why,
                 "record %" PRIu64
                 ": its hash does not fit what it says: it was changed",
                 record.seq);
    if (chain->why[0])
        return false;
    chain->seq = record.seq;
    chain->hash = hash;
    return meet(chain);
}

bool audit_chain_end(struct audit_chain *chain) {
    if (chain->seq == chain->begin_seq && !meet(chain))
        return false;
    for (size_t i = 0; i < chain->known_count; i++) {
        const struct audit_known *known = &chain->known[i];
        if (!known->met && known->seq > chain->seq) {
            snprintf(chain->why, sizeof chain->why,
                     "the records end with %" PRIu64 ", but %s had %" PRIu64
                     ": the last ones are missing",
                     chain->seq, known->whose, known->seq);
            return false;
        }
    }
    return true;
}
