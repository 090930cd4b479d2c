/* svc_admin_client_change: an operator takes a relying party a step further, stops it, or
 * gives it another secret (raft/fsm_client.c decides). */
#include "server/svc_admin_internal.h"
#include "server/svc_rp.h"

#define OVERLAP_MAX_S (45u * 24 * 3600)
#define OVERLAP_S (7u * 24 * 3600)

struct change_op {
    struct admin_op admin; /* first */
    char client_id[LIMIT_CLIENT_ID + 1];
    enum client_stage stage;
    char drawn[CLIENT_SECRET_TEXT + 1];
};

size_t svc_admin_client_change_size(void) {
    return sizeof(struct change_op);
}

static void changed(struct svc_state *state) {
    struct change_op *op = (struct change_op *)state;
    struct buf *out = &state->svc->scratch;

    switch (state->request.outcome.code) {
    case OUT_OK:
        break;
    case OUT_NOT_FOUND:
        svc_admin_refuse(&op->admin, ADMIN_NOT_FOUND,
                         "client_id: there is no such client");
        return;
    case OUT_CLIENT_STATE:
        svc_admin_refuse(&op->admin, ADMIN_CONFLICT,
                         op->stage ? "stage: not from the stage that the client is "
                                     "in, or it has changed meanwhile"
                                   : "client_id: this client is retired, has no "
                                     "secret, or has changed meanwhile");
        return;
    default:
        svc_fail(state, ERR_CORRUPT);
        return;
    }
    buf_reset(out);
    buf_str(out, "{");
    buf_json_member(out, "client_id", span_str(op->client_id));
    if (op->stage)
        buf_json_member(out, "stage", span_str(svc_rp_stages[op->stage - 1]));
    if (op->drawn[0]) /* shown now or never */
        buf_json_member(out, "client_secret", span_str(op->drawn));
    buf_str(out, "}");
    svc_admin_answer(&op->admin, out);
}

static uint32_t read_overlap_s(struct svc_json *json) {
    json_t *value = json->failed ? NULL : json_object_get(json->root, "overlap_s");
    json_int_t seconds = json_is_integer(value) ? json_integer_value(value) : -1;

    if (!value)
        return OVERLAP_S;
    if (seconds < 0 || seconds > OVERLAP_MAX_S)
        svc_json_fail(json, "overlap_s: 0 to %u seconds are expected", OVERLAP_MAX_S);
    return (uint32_t)seconds;
}

void svc_admin_client_change(struct admin_op *admin) {
    static const char *const members[] = {"client_id",     "stage",     "rotate_secret",
                                          "client_secret", "overlap_s", "revision",
                                          NULL};
    struct change_op *op = (struct change_op *)admin;
    struct command command = {.type = CMD_CLIENT_CHANGE};
    struct cmd_client_change *cmd = &command.client_change;
    struct svc_json *json = &admin->json;
    struct span id, secret;
    uint32_t overlap_s;

    svc_json_parse(json, admin->admin->body_in, members);
    id = svc_json_text(json, "client_id", true, 1, LIMIT_CLIENT_ID);
    cmd->has_secret = svc_json_bool(json, "rotate_secret", false);
    secret = svc_admin_secret(json);
    overlap_s = read_overlap_s(json);
    cmd->revision = svc_admin_revision(json);
    if (!cmd->has_secret)
        op->stage = (enum client_stage)svc_json_choice(json, "stage",
                                                       svc_rp_stages, 0);
    else if (!json->failed && json_object_get(json->root, "stage"))
        svc_json_fail(json, "stage: one change at a time");
    if (json->failed) {
        svc_admin_invalid(admin);
        return;
    }
    memcpy(op->client_id, id.data, id.len);
    cmd->client_id = op->client_id;
    cmd->stage = op->stage;
    if (cmd->has_secret) {
        if (secret.len == 0)
            secret = svc_admin_secret_draw(admin->base.svc, op->drawn);
        sealer_hash(admin->base.svc->sealer, HASH_CLIENT_SECRET, secret,
                    cmd->secret_hash);
        cmd->overlap_ms = overlap_s * 1000;
    }
    svc_submit(&admin->base, &command, changed);
}
