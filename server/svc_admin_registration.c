/* svc_admin_registration: an operator gives out an initial access token (RFC 7591
 * §1.2). Sealed, not stored: what is stored is that it was given out, and used
 * (svc_register.c). */
#include "server/oidc/registration_token.h"
#include "server/oidc/scope.h"
#include "server/svc_admin_internal.h"
#include "server/svc_rp.h"
#include "store/base/codec.h"

#define HOURS 24
#define HOURS_MAX (30 * 24)

static uint64_t read_hours(struct svc_json *json) {
    json_t *value = json->failed ? NULL : json_object_get(json->root, "hours");
    json_int_t hours = json_is_integer(value) ? json_integer_value(value) : 0;

    if (!value)
        return HOURS;
    if (hours < 1 || hours > HOURS_MAX)
        svc_json_fail(json, "hours: 1 to %d are expected", HOURS_MAX);
    return (uint64_t)hours;
}

/* What an RP may decide for itself goes in at the beginning of its onboarding. */
static enum client_stage read_stage(struct svc_json *json, const struct config *config) {
    static const char *const stages[] = {"applied", "in_verification", NULL};

    return (enum client_stage)svc_json_choice(
        json, "stage", stages,
        config->environment == ENV_PRODUCTION ? CLIENT_APPLIED
                                              : CLIENT_IN_VERIFICATION);
}

static void read_terms(struct admin_op *op, struct client *client) {
    const struct config *config = op->base.svc->shared->config;
    struct svc_json *json = &op->json;
    struct rp_reader reader = {.json = json,
                               .arena = &op->admin->op.arena,
                               .config = config,
                               .client = client};

    client->profile = (enum client_profile)svc_json_choice(
        json, "profile", svc_rp_profiles, CLIENT_STANDARD);
    client->stage = read_stage(json, config);
    svc_rp_read_account_types(&reader);
    if (!json->failed && json_object_get(json->root, "scopes"))
        svc_rp_read_scopes(&reader);
    else
        client->scopes =
            SCOPE_OPENID | SCOPE_PROFILE | SCOPE_USER | SCOPE_EMAIL |
            SCOPE_OFFLINE_ACCESS |
            (client->profile == CLIENT_GBIZID ? 0 : SCOPE_ADDRESS | SCOPE_PHONE);
}

static enum err make(struct svc *svc, const struct client *client, uint64_t expires_ms,
                     struct arena *arena, struct span *ret_text) {
    uint8_t plain[REGISTRATION_TOKEN_LEN];
    struct registration_token token = {.expires_ms = expires_ms,
                                       .profile = (uint8_t)client->profile,
                                       .stage = (uint8_t)client->stage,
                                       .scopes = client->scopes,
                                       .account_types = client->account_types};
    enum err err = svc_epoch(svc, &token.epoch);

    if (err)
        return err;
    svc_random(svc, token.id, sizeof token.id);
    registration_token_encode(&token, plain);
    return svc_seal_text(svc, SEAL_INITIAL_ACCESS, span_of(plain, sizeof plain), arena,
                         ret_text);
}

struct registration_op {
    struct admin_op admin; /* first */
    struct client terms;
    uint64_t expires_ms;
    struct span token;
};

size_t svc_admin_registration_size(void) {
    return sizeof(struct registration_op);
}

static void noted(struct svc_state *state) {
    struct registration_op *op = (struct registration_op *)state;
    const struct client *terms = &op->terms;
    struct buf *out = &state->svc->scratch;

    if (state->request.outcome.code != OUT_OK) {
        svc_fail(state, ERR_CORRUPT);
        return;
    }
    buf_reset(out);
    buf_str(out, "{");
    buf_json_member(out, "token", op->token);
    buf_json_u64(out, "expires_ms", op->expires_ms);
    buf_json_member(out, "profile", span_str(svc_rp_profiles[terms->profile - 1]));
    buf_json_member(out, "stage", span_str(svc_rp_stages[terms->stage - 1]));
    svc_rp_put_scopes(out, terms->scopes);
    svc_rp_put_account_types(out, terms->account_types);
    buf_str(out, "}");
    svc_admin_answer(&op->admin, out);
}

void svc_admin_registration(struct admin_op *admin) {
    static const char *const members[] = {"profile", "stage",  "scopes",
                                          "account_types", "hours", NULL};
    struct registration_op *op = (struct registration_op *)admin;
    struct command command = {.type = CMD_AUDIT_NOTE};
    struct svc *svc = admin->base.svc;
    enum err err;

    svc_json_parse(&admin->json, admin->admin->body_in, members);
    op->expires_ms =
        repl_now_ms(svc->shared->repl) + read_hours(&admin->json) * 3600 * 1000;
    read_terms(admin, &op->terms);
    if (admin->json.failed) {
        svc_admin_invalid(admin);
        return;
    }
    err = make(svc, &op->terms, op->expires_ms, &admin->admin->op.arena, &op->token);
    if (err) {
        svc_fail(&admin->base, err);
        return;
    }
    command.audit_note.event = AUDIT_REGISTRATION_TOKEN;
    command.audit_note.note = span_str(svc_rp_profiles[op->terms.profile - 1]);
    svc_submit(&admin->base, &command, noted);
}
