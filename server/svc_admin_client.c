/* svc_admin_client: an operator registers relying parties, or lists them. */
#include <stdio.h>
#include <stdlib.h>

#include "server/oidc/client_auth.h"
#include "server/svc_admin_internal.h"
#include "server/svc_rp.h"
#include "store/base/codec.h"
#include "store/base/secret.h"

#define MEMBERS_MAX 40
#define CLIENT_SECRET_MIN 32
#define CLIENT_LIST_MAX (8u * 1024 * 1024)

struct client_op {
    struct admin_op admin; /* first */
    struct client client;
    struct span secret; /* given; empty: drawn */
    char drawn[CLIENT_SECRET_TEXT + 1];
    bool replace;
    bool dry_run; /* say what is wrong, and do nothing */
    uint64_t revision; /* that is replaced; 0: any */
};

size_t svc_admin_client_size(void) {
    return sizeof(struct client_op);
}

struct span svc_admin_secret(struct svc_json *json) {
    struct span secret = svc_json_text(json, "client_secret", false, CLIENT_SECRET_MIN,
                                       CLIENT_SECRET_MAX);

    for (size_t i = 0; i < secret.len; i++) {
        if (secret.data[i] <= 0x20 || secret.data[i] >= 0x7f)
            svc_json_fail(json, "client_secret: printable ASCII without spaces is "
                                "expected");
    }
    return secret;
}

uint64_t svc_admin_revision(struct svc_json *json) {
    json_t *value = json->failed ? NULL : json_object_get(json->root, "revision");

    if (!value)
        return 0;
    if (!json_is_integer(value) || json_integer_value(value) < 1) {
        svc_json_fail(json, "revision: the number that the list shows is expected");
        return 0;
    }
    return (uint64_t)json_integer_value(value);
}

static void read_secret(struct client_op *op) {
    op->secret = svc_admin_secret(&op->admin.json);
    if (op->secret.len > 0 && !svc_rp_has_secret(&op->client))
        svc_json_fail(&op->admin.json,
                      "client_secret: only auth basic and post have one");
}

static void read_request(struct client_op *op) {
    const char *members[MEMBERS_MAX];
    struct svc_json *json = &op->admin.json;
    struct rp_reader reader = {.json = json,
                               .arena = &op->admin.admin->op.arena,
                               .config = op->admin.base.svc->shared->config,
                               .client = &op->client};
    size_t count = 0;

    for (; svc_rp_members[count]; count++)
        members[count] = svc_rp_members[count];
    members[count++] = "replace";
    members[count++] = "dry_run";
    members[count++] = "revision";
    members[count++] = "client_secret";
    members[count] = NULL;
    svc_json_parse(json, op->admin.admin->body_in, members);
    op->replace = svc_json_bool(json, "replace", false);
    op->dry_run = svc_json_bool(json, "dry_run", false);
    op->revision = svc_admin_revision(json);
    svc_rp_read_operator(&reader);
    read_secret(op);
}

static void added(struct svc_state *state) {
    struct client_op *op = (struct client_op *)state;
    struct buf *out = &state->svc->scratch;

    if (state->request.outcome.code == OUT_EXISTS) {
        svc_admin_refuse(&op->admin, ADMIN_CONFLICT,
                         "client_id: there is a client with this ID already");
        return;
    }
    if (state->request.outcome.code == OUT_CLIENT_STATE) {
        svc_admin_refuse(&op->admin, ADMIN_CONFLICT,
                         "client_id: this client is retired, or has changed meanwhile");
        return;
    }
    if (state->request.outcome.code != OUT_OK) {
        svc_fail(state, ERR_CORRUPT);
        return;
    }
    buf_reset(out);
    buf_str(out, "{");
    buf_json_member(out, "client_id", span_str(op->client.client_id));
    /* Shown now or never: only its keyed hash is stored. */
    if (op->drawn[0])
        buf_json_member(out, "client_secret", span_str(op->drawn));
    buf_str(out, "}");
    svc_admin_answer(&op->admin, out);
}

struct span svc_admin_secret_draw(struct svc *svc, char text[CLIENT_SECRET_TEXT + 1]) {
    uint8_t bytes[32];

    svc_random(svc, bytes, sizeof bytes);
    base64url_encode(span_of(bytes, sizeof bytes), text);
    secret_wipe(bytes, sizeof bytes);
    return span_of(text, CLIENT_SECRET_TEXT);
}

/* The row that there is. ERR_NOT_FOUND. */
static enum err read_old(struct client_op *op, struct client *ret_old) {
    struct svc *svc = op->admin.base.svc;
    enum err err = svc_read_begin(svc);

    if (err)
        return err;
    err = store_client_get(svc->read, &op->admin.admin->op.arena,
                           span_str(op->client.client_id), ret_old);
    svc_read_end(svc);
    return err;
}

static json_t *as_json(const struct client *client) {
    struct buf text;
    json_t *json;

    buf_init(&text, CLIENT_LIST_MAX);
    svc_rp_write_operator(client, &text);
    json = json_loadb((const char *)text.data, text.len, 0, NULL);
    buf_free(&text);
    return json;
}

/* [{member, before, after}] of what the registration would change; null: not there. */
static json_t *changes_of(struct client_op *op, const struct client *old) {
    json_t *list = json_array(), *was = as_json(old), *will;

    op->client.stage = old->stage; /* as raft/fsm_client.c keeps it */
    will = as_json(&op->client);
    for (size_t i = 0; svc_rp_members[i]; i++) {
        json_t *before = json_object_get(was, svc_rp_members[i]);
        json_t *after = json_object_get(will, svc_rp_members[i]);

        if (before != after && !(before && after && json_equal(before, after)))
            json_array_append_new(list, json_pack("{s:s, s:O?, s:O?}", "member",
                                                  svc_rp_members[i], "before", before,
                                                  "after", after));
    }
    json_decref(was);
    json_decref(will);
    return list;
}

static void put_json(struct buf *out, json_t *json) {
    char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;

    buf_str(out, text ? text : "null");
    free(text);
    json_decref(json);
}

static void put_dry(struct client_op *op, const struct client *old, struct buf *out) {
    bool had = old && svc_rp_has_secret(old), has = svc_rp_has_secret(&op->client);

    buf_str(out, "{");
    buf_json_member(out, "client_id", span_str(op->client.client_id));
    buf_json_member(out, "name", span_str(op->client.name));
    buf_json_bool(out, "exists", old != NULL);
    buf_json_member(out, "secret",
                    span_str(op->secret.len > 0 ? "given"
                             : !has             ? "none"
                             : had              ? "kept"
                                                : "drawn"));
    if (old) {
        buf_json_u64(out, "revision", old->revision);
        buf_json_name(out, "changes");
        put_json(out, changes_of(op, old));
    }
    buf_str(out, "}");
}

/* What the state machine would say now. */
static void answer_dry(struct client_op *op, const struct client *old) {
    struct buf *out = &op->admin.base.svc->scratch;

    if (old && !op->replace) {
        svc_admin_refuse(&op->admin, ADMIN_CONFLICT,
                         "client_id: there is a client with this ID already");
        return;
    }
    if (op->revision && (!old || old->revision != op->revision)) {
        svc_admin_refuse(&op->admin, ADMIN_CONFLICT,
                         "client_id: this client has changed meanwhile");
        return;
    }
    if (old && old->stage == CLIENT_RETIRED) {
        svc_admin_refuse(&op->admin, ADMIN_CONFLICT,
                         "client_id: this client is retired");
        return;
    }
    buf_reset(out);
    put_dry(op, old, out);
    svc_admin_answer(&op->admin, out);
}

static void submit(struct client_op *op, const struct client *old) {
    struct svc *svc = op->admin.base.svc;
    struct command command = {.type = CMD_CLIENT_PUT};
    /* A replaced client keeps its secret unless another one is given. */
    bool keeps = old && op->replace && op->secret.len == 0 && svc_rp_has_secret(old);

    if (svc_rp_has_secret(&op->client) && !keeps) {
        if (op->secret.len == 0)
            op->secret = svc_admin_secret_draw(svc, op->drawn);
        sealer_hash(svc->sealer, HASH_CLIENT_SECRET, op->secret,
                    op->client.secret_hash);
    }
    command.client_put.client = op->client;
    command.client_put.replace = op->replace;
    command.client_put.revision = op->revision;
    svc_submit(&op->admin.base, &command, added);
}

void svc_admin_client_add(struct admin_op *admin) {
    struct client_op *op = (struct client_op *)admin;
    struct client old;
    enum err err;

    read_request(op);
    if (admin->json.failed) {
        svc_admin_invalid(admin);
        return;
    }
    err = read_old(op, &old);
    if (err && err != ERR_NOT_FOUND)
        svc_fail(&admin->base, err);
    else if (op->dry_run)
        answer_dry(op, err ? NULL : &old);
    else
        submit(op, err ? NULL : &old);
}

/* ---- list */

static bool put_client(void *arg, const struct client *client) {
    struct buf *out = arg;

    if (out->len > 0 && out->data[out->len - 1] == '}')
        buf_str(out, ",");
    svc_rp_write_operator(client, out);
    return buf_err(out) == OK;
}

void svc_admin_client_list(struct admin_op *op) {
    struct svc *svc = op->base.svc;
    struct buf out;
    enum err err;

    buf_init(&out, CLIENT_LIST_MAX);
    err = svc_read_begin(svc);
    if (!err) {
        buf_str(&out, "{\"clients\":[");
        err = store_client_walk(svc->read, &op->admin->op.arena, put_client, &out);
        svc_read_end(svc);
        buf_str(&out, "]}");
    }
    if (err)
        svc_fail(&op->base, err);
    else
        svc_admin_answer(op, &out);
    buf_free(&out);
}
