/* svc_admin_audit: the operator's view of the audit. Reading leaves a record: each page
 * that opens origins, and the first of those that leave them sealed. */
#include "server/svc_admin_internal.h"
#include "server/svc_application.h"
#include "server/svc_audit.h"
#include "store/base/codec.h"

#define ANSWER_MAX (4u * 1024 * 1024)
#define LIMIT_DEFAULT 100
#define PURPOSE_MAX 64

struct audit_op {
    struct admin_op admin; /* first */
    struct svc_audit_query query;
};

size_t svc_admin_audit_size(void) {
    return sizeof(struct audit_op);
}

static void put_hash(struct buf *out, const char *name, const struct audit_hash *hash) {
    char text[2 * AUDIT_HASH_LEN + 1];

    hex_encode(span_of(hash->b, sizeof hash->b), text);
    buf_json_member(out, name, span_str(text));
}

/* "head":{...}: where the chain ends, and what it begins behind. */
static void put_head(struct buf *out, const struct audit_head *head) {
    buf_json_name(out, "head");
    buf_str(out, "{");
    buf_json_u64(out, "seq", head->seq);
    put_hash(out, "hash", &head->hash);
    buf_json_u64(out, "pruned_seq", head->pruned_seq);
    put_hash(out, "pruned_hash", &head->pruned_hash);
    buf_json_u64(out, "pruned_ms", head->pruned_ms);
    buf_str(out, "}");
}

static void put_cluster(struct svc *svc, struct buf *out) {
    const struct config *config = svc->shared->config;
    char cluster[33];

    hex_encode(span_of(config->cluster_id.b, sizeof config->cluster_id.b), cluster);
    buf_json_member(out, "cluster_id", span_str(cluster));
    buf_json_u64(out, "node_id", config->node_id);
}

void svc_admin_audit_head(struct admin_op *op) {
    struct svc *svc = op->base.svc;
    struct buf *out = &svc->scratch;
    struct audit_head head;
    enum err err = svc_read_begin(svc);

    if (!err) {
        err = store_audit_head(svc->read, &head);
        svc_read_end(svc);
    }
    if (err) {
        svc_fail(&op->base, err);
        return;
    }
    buf_reset(out);
    buf_str(out, "{");
    put_cluster(svc, out);
    put_head(out, &head);
    buf_str(out, "}");
    svc_admin_answer(op, out);
}

static uint64_t read_number(struct svc_json *json, const char *name, uint64_t absent) {
    json_t *value = json->failed ? NULL : json_object_get(json->root, name);

    if (!value)
        return absent;
    if (!json_is_integer(value) || json_integer_value(value) < 0) {
        svc_json_fail(json, "%s: a whole number is expected", name);
        return absent;
    }
    return (uint64_t)json_integer_value(value);
}

static void read_query(struct audit_op *op) {
    static const char *const members[] = {
        "account", "client_id", "staff",  "operator", "application", "event", "address",
        "from_ms", "to_ms",     "upward", "at",       "limit",       "sealed", "purpose", NULL};
    struct svc_json *json = &op->admin.json;
    struct svc_audit_query *query = &op->query;
    const char *why;
    uint64_t limit;

    svc_json_parse(json, op->admin.admin->body_in, members);
    query->account = svc_json_text(json, "account", false, 1, LIMIT_ACCOUNT_ID);
    query->client_id = svc_json_text(json, "client_id", false, 1, LIMIT_CLIENT_ID);
    query->staff = svc_json_text(json, "staff", false, 1, LIMIT_STAFF_NAME);
    query->operator_name =
        svc_json_text(json, "operator", false, 1, LIMIT_AUDIT_ACTOR);
    query->application =
        svc_json_text(json, "application", false, 1, 4 * APPLICATION_ID_MAX);
    query->event = svc_json_text(json, "event", false, 1, 64);
    query->address = svc_json_text(json, "address", false, 1, 45);
    query->from_ms = read_number(json, "from_ms", 0);
    query->to_ms = read_number(json, "to_ms", 0);
    query->upward = svc_json_bool(json, "upward", false);
    query->at = read_number(json, "at", 0);
    query->sealed = svc_json_bool(json, "sealed", false);
    limit = read_number(json, "limit", LIMIT_DEFAULT);
    query->limit = limit > AUDIT_PAGE_MAX ? AUDIT_PAGE_MAX + 1 : (unsigned)limit;
    svc_json_text(json, "purpose", false, 1, PURPOSE_MAX);
    why = json->failed ? NULL : svc_audit_check(query);
    if (why)
        svc_json_fail(json, "%s", why);
}

static void answer(struct audit_op *op) {
    struct svc *svc = op->admin.base.svc;
    struct svc_audit_page page;
    struct buf out;
    enum err err =
        svc_audit_find(svc, &op->admin.admin->op.arena, &op->query, &page);

    if (err) {
        svc_fail(&op->admin.base, err);
        return;
    }
    buf_init(&out, ANSWER_MAX);
    buf_str(&out, "{");
    put_cluster(svc, &out);
    put_head(&out, &page.head);
    buf_json_u64(&out, "next", page.next);
    buf_str(&out, ",\"records\":[");
    for (size_t i = 0; i < page.count; i++) {
        buf_str(&out, i > 0 ? "," : "");
        svc_audit_put(&out, &page.rows[i]);
    }
    buf_str(&out, "]}");
    svc_admin_answer(&op->admin, &out);
    buf_free(&out);
}

static void noted(struct svc_state *state) {
    if (state->request.outcome.code == OUT_OK)
        answer((struct audit_op *)state);
    else
        svc_fail(state, ERR_CORRUPT);
}

/* The record that this search leaves: what was looked for, unless it is of a person,
 * whose account the record names instead. */
static enum err note(struct audit_op *op, struct command *command) {
    struct cmd_audit_note *cmd = &command->audit_note;
    const struct svc_audit_query *query = &op->query;
    struct buf *text = &op->admin.base.svc->scratch;
    struct span purpose =
        svc_json_text(&op->admin.json, "purpose", false, 1, PURPOSE_MAX);
    struct application_id application;

    command->type = CMD_AUDIT_NOTE;
    cmd->event = query->sealed ? AUDIT_EXPORTED : AUDIT_SEARCHED;
    cmd->client_id = query->client_id;
    buf_reset(text);
    buf_put(text, purpose.data, purpose.len);
    if (query->event.len > 0) {
        buf_str(text, text->len > 0 ? " event " : "event ");
        buf_put(text, query->event.data, query->event.len < 40 ? query->event.len : 40);
    }
    if (query->application.len > 0) {
        (void)svc_application_id_read(query->application, &application);
        buf_printf(text, "%sapplication %s", text->len > 0 ? " " : "", application.text);
    }
    cmd->note = buf_span(text);
    if (buf_err(text))
        return buf_err(text);
    return svc_audit_account(op->admin.base.svc, &op->admin.admin->op.arena, query,
                             &cmd->has_sub, &cmd->sub);
}

void svc_admin_audit(struct admin_op *admin) {
    struct audit_op *op = (struct audit_op *)admin;
    struct command command = {0};
    enum err err;

    read_query(op);
    if (admin->json.failed) {
        svc_admin_invalid(admin);
        return;
    }
    if (op->query.at > 0 && op->query.sealed) {
        answer(op); /* a page further on, which shows nobody's address */
        return;
    }
    err = note(op, &command);
    if (err)
        svc_fail(&admin->base, err);
    else
        svc_submit(&admin->base, &command, noted);
}
