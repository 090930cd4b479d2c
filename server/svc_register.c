/* svc_register: relying parties that register themselves (RFC 7591), and look after
 * what they registered (RFC 7592).
 *
 * An initial access token is good for one registration: CMD_CLIENT_PUT uses it up, so
 * no two nodes can take it. What is registered stands at the beginning of its
 * onboarding; everything that an operator decides stays his. An update replaces what it
 * was made from, by revision; removal retires the client, for ever. */
#include <stdio.h>

#include "server/oidc/bearer.h"
#include "server/oidc/registration_token.h"
#include "server/oidc/scope.h"
#include "server/svc_caller.h"
#include "server/svc_json.h"
#include "server/svc_rp.h"
#include "store/base/codec.h"

#define SECRET_BYTES 32
#define SECRET_TEXT 43 /* base64url */
#define CLIENT_ID_BYTES 16

struct register_op {
    struct svc_state base; /* first */
    struct svc_register *in;
    struct svc_json json;
    struct span token; /* as it was sent */
    struct stamped_token stamp;
    struct client client; /* that is registered */
    char client_id[2 * CLIENT_ID_BYTES + 1];
    char secret[SECRET_TEXT + 1];           /* drawn; empty: none */
    uint8_t access[SECRET_BYTES];           /* of a new registration access token */
};

static void finish(struct svc_state *state) {
    struct register_op *op = (struct register_op *)state;

    svc_json_close(&op->json);
    op->in->done(op->in);
}

static void refuse(struct register_op *op, enum oidc_error error,
                   const char *description) {
    struct span text = span_str(description);

    op->in->error = error;
    op->in->description =
        arena_strndup(&op->base.op->arena, text.data, text.len);
    op->in->body = span_of(NULL, 0);
    finish(&op->base);
}

static void refuse_token(struct register_op *op) {
    refuse(op, OIDC_INVALID_TOKEN, "the token is expired, used, revoked or unknown");
}

/* RFC 7591 §3.2.2. The message begins with the member's name. */
static void refuse_metadata(struct register_op *op) {
    static const char uris[] = "redirect_uris";
    bool redirect = strncmp(op->json.message, uris, sizeof uris - 1) == 0;

    refuse(op, redirect ? OIDC_INVALID_REDIRECT_URI : OIDC_INVALID_CLIENT_METADATA,
           op->json.message);
}

/* ---- answers */

/* `access`: the registration access token. */
static enum err write_body(struct register_op *op, struct span access) {
    struct svc *svc = op->base.svc;
    struct buf *out = &svc->scratch;
    char uri[sizeof svc->shared->config->issuer + LIMIT_CLIENT_ID + 32];

    snprintf(uri, sizeof uri, "%sregister?client_id=%s", svc->shared->config->issuer,
             op->client.client_id);
    buf_reset(out);
    buf_str(out, "{");
    svc_rp_write_metadata(&op->client, out);
    if (op->secret[0]) { /* told now or never: only its keyed hash is stored */
        buf_json_member(out, "client_secret", span_str(op->secret));
        buf_json_u64(out, "client_secret_expires_at", 0);
    }
    buf_json_member(out, "registration_access_token", access);
    buf_json_member(out, "registration_client_uri", span_str(uri));
    buf_str(out, "}");
    return svc_take(&op->base.op->arena, out, &op->in->body);
}

static void answer(struct register_op *op, struct span access) {
    enum err err = write_body(op, access);

    if (err)
        svc_fail(&op->base, err);
    else
        finish(&op->base);
}

/* ---- what is registered */

static void draw_secret(struct register_op *op) {
    struct svc *svc = op->base.svc;
    uint8_t bytes[SECRET_BYTES];

    svc_random(svc, bytes, sizeof bytes);
    base64url_encode(span_of(bytes, sizeof bytes), op->secret);
    secret_wipe(bytes, sizeof bytes);
    sealer_hash(svc->sealer, HASH_CLIENT_SECRET, span_str(op->secret),
                op->client.secret_hash);
}

/* False: refused, and over. */
static bool read_body(struct register_op *op, const struct rp_terms *terms) {
    struct rp_reader reader = {.json = &op->json,
                               .arena = &op->base.op->arena,
                               .config = op->base.svc->shared->config,
                               .client = &op->client};

    svc_rp_read_metadata(&reader, terms);
    if (!op->json.failed)
        return true;
    refuse_metadata(op);
    return false;
}

/* ---- create */

static void created(struct svc_state *state) {
    struct register_op *op = (struct register_op *)state;
    struct span access;
    enum err err = svc_stamp_make(state->svc, SEAL_REGISTRATION,
                                  state->request.outcome.index,
                                  span_of(op->access, sizeof op->access),
                                  &state->op->arena, &access);

    op->client.created_ms = repl_now_ms(state->svc->shared->repl);
    if (err)
        svc_fail(state, err);
    else
        answer(op, access);
}

static void put(struct svc_state *state) {
    struct register_op *op = (struct register_op *)state;

    switch (state->request.outcome.code) {
    case OUT_OK:
        svc_settle(state, created); /* it goes to any node next */
        return;
    case OUT_PROOF_REPLAYED:
        refuse_token(op);
        return;
    default: /* a drawn client_id that exists: chance does not do that */
        svc_fail(state, ERR_CORRUPT);
    }
}

static void draw(struct register_op *op) {
    struct svc *svc = op->base.svc;
    uint8_t id[CLIENT_ID_BYTES];

    svc_random(svc, id, sizeof id);
    hex_encode(span_of(id, sizeof id), op->client_id);
    op->client.client_id = op->client_id;
    op->client.features |= CLIENT_DYNAMIC;
    svc_random(svc, op->access, sizeof op->access);
    sealer_hash(svc->sealer, HASH_REGISTRATION,
                span_of(op->access, sizeof op->access), op->client.registration_hash);
    if (svc_rp_has_secret(&op->client))
        draw_secret(op);
}

static void submit_create(struct register_op *op, const struct registration_token *token,
                          uint64_t now_ms) {
    struct command command = {.type = CMD_CLIENT_PUT};
    struct svc *svc = op->base.svc;
    uint8_t use[1 + sizeof token->id] = {PROOF_INITIAL_ACCESS};

    memcpy(use + 1, token->id, sizeof token->id);
    draw(op);
    command.client_put.client = op->client;
    command.client_put.proofs.count = 1;
    command.client_put.proofs.at[0] = (struct proof){
        .key = svc_hash(svc, HASH_PROOF, span_of(use, sizeof use)),
        .ttl_ms = (uint32_t)(token->expires_ms - now_ms),
    };
    svc_submit(&op->base, &command, put);
}

/* ERR_FORGED: not one, or no more. */
static enum err open_initial(struct register_op *op, uint64_t now_ms,
                             struct registration_token *ret) {
    struct svc *svc = op->base.svc;
    struct span plain;
    uint64_t epoch;
    enum err err =
        svc_open_text(svc, SEAL_INITIAL_ACCESS, op->token, REGISTRATION_TOKEN_LEN, &plain);

    if (err)
        return err;
    if (registration_token_decode(plain, ret))
        return ERR_FORGED; /* of another release */
    err = svc_epoch(svc, &epoch);
    if (!err && (ret->epoch != epoch || now_ms >= ret->expires_ms))
        err = ERR_FORGED;
    return err;
}

static void create(struct register_op *op) {
    uint64_t now_ms = repl_now_ms(op->base.svc->shared->repl);
    struct registration_token token;
    struct rp_terms terms;
    enum err err;

    if (!svc_fresh(&op->base))
        return;
    err = open_initial(op, now_ms, &token);
    if (err == ERR_FORGED) {
        refuse_token(op);
        return;
    }
    if (err) {
        svc_fail(&op->base, err);
        return;
    }
    terms = (struct rp_terms){.profile = (enum client_profile)token.profile,
                              .stage = (enum client_stage)token.stage,
                              .scopes = token.scopes,
                              .account_types = token.account_types};
    svc_json_parse(&op->json, op->in->body_in, NULL);
    if (read_body(op, &terms))
        submit_create(op, &token, now_ms);
}

/* ---- read, update, delete */

static void updated(struct svc_state *state) {
    answer((struct register_op *)state, ((struct register_op *)state)->token);
}

static void deleted(struct svc_state *state) {
    finish(state);
}

/* A row that changed meanwhile: the RP tries again, from what it is now. */
static void settled(struct svc_state *state) {
    struct register_op *op = (struct register_op *)state;

    if (state->request.outcome.code == OUT_OK)
        svc_settle(state, op->in->action == REGISTER_DELETE ? deleted : updated);
    else if (state->request.outcome.code == OUT_CLIENT_STATE)
        svc_fail(state, ERR_BUSY);
    else
        svc_fail(state, ERR_CORRUPT);
}

/* RFC 7592 §2.2: whole, and of this client; what the server has said stays out. */
static void check_update(struct register_op *op) {
    static const char *const own[] = {"registration_access_token",
                                      "registration_client_uri",
                                      "client_secret_expires_at", "client_id_issued_at",
                                      "client_secret"};
    struct svc_json *json = &op->json;
    struct span id = svc_json_text(json, "client_id", true, 1, LIMIT_CLIENT_ID);

    if (!json->failed && !span_equal(id, op->in->client_id))
        svc_json_fail(json, "client_id: is another one than that of the address");
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++) {
        if (!json->failed && json_object_get(json->root, own[i]))
            svc_json_fail(json, "%s: must not be sent back", own[i]);
    }
}

/* What it was stays where it is not the RP's to say. */
static void update(struct register_op *op, const struct client *old) {
    struct command command = {.type = CMD_CLIENT_PUT};
    struct rp_terms terms = {.profile = old->profile,
                             .stage = old->stage,
                             .scopes = old->scopes,
                             .account_types = old->account_types};
    struct client *client = &op->client;

    svc_json_parse(&op->json, op->in->body_in, NULL);
    check_update(op);
    if (!read_body(op, &terms))
        return;
    client->client_id = old->client_id;
    client->ministry = old->ministry;
    client->start_month = old->start_month;
    client->government = old->government;
    client->sector = old->sector;
    client->audience = old->audience;
    client->created_ms = old->created_ms;
    client->features |= old->features & (CLIENT_INTROSPECTION | CLIENT_JWT_ACCESS);
    if (svc_rp_has_secret(client) && !svc_rp_has_secret(old))
        draw_secret(op);
    command.client_put.client = *client;
    command.client_put.replace = true;
    command.client_put.revision = old->revision;
    svc_submit(&op->base, &command, settled);
}

static void retire(struct register_op *op, const struct client *old) {
    struct command command = {.type = CMD_CLIENT_CHANGE};

    command.client_change = (struct cmd_client_change){.client_id = old->client_id,
                                                       .stage = CLIENT_RETIRED,
                                                       .revision = old->revision};
    svc_submit(&op->base, &command, settled);
}

/* ERR_NOT_FOUND: the token is not this client's, or no more. */
static enum err read_row(struct register_op *op, struct client *ret_client) {
    struct svc *svc = op->base.svc;
    uint8_t hash[32];
    enum err err = svc_read_begin(svc);

    if (err)
        return err;
    err = svc_stamp_current(svc, &op->stamp);
    if (!err)
        err = store_client_get(svc->read, &op->base.op->arena, op->in->client_id,
                               ret_client);
    svc_read_end(svc);
    if (err)
        return err;
    sealer_hash(svc->sealer, HASH_REGISTRATION, token_format_secret(&op->stamp), hash);
    if (!secret_equal(span_of(hash, sizeof hash),
                      span_of(ret_client->registration_hash, 32)) ||
        ret_client->stage == CLIENT_RETIRED)
        return ERR_NOT_FOUND;
    return OK;
}

static void manage(struct svc_state *state) {
    struct register_op *op = (struct register_op *)state;
    struct client client;
    enum err err = read_row(op, &client);

    if (err == ERR_NOT_FOUND) {
        refuse_token(op);
        return;
    }
    if (err) {
        svc_fail(state, err);
        return;
    }
    switch (op->in->action) {
    case REGISTER_UPDATE:
        update(op, &client);
        return;
    case REGISTER_DELETE:
        retire(op, &client);
        return;
    default:
        op->client = client;
        answer(op, op->token);
    }
}

static void begin(struct register_op *op) {
    struct svc_register *in = op->in;
    struct oidc_verdict verdict;
    bool by_dpop;
    enum err err;

    verdict = bearer_parse(in->authorization, NULL, false, &op->token,
                           &in->token_missing, &by_dpop);
    if (verdict.error || by_dpop) {
        refuse(op, OIDC_INVALID_TOKEN,
               verdict.error ? verdict.description : "the scheme Bearer is expected");
        return;
    }
    if (in->action == REGISTER_CREATE) {
        create(op);
        return;
    }
    err = svc_stamp_open(op->base.svc, SEAL_REGISTRATION, op->token, &op->stamp);
    if (err == ERR_FORGED)
        refuse_token(op);
    else if (err)
        svc_fail(&op->base, err);
    else
        svc_stamp_await(&op->base, &op->stamp, manage);
}

void svc_register(struct svc *svc, struct svc_register *registration) {
    struct register_op *op = svc_op_begin(svc, &registration->op, sizeof *op, finish);

    if (!op) {
        registration->done(registration);
        return;
    }
    op->in = registration;
    registration->error = OIDC_OK;
    registration->description = NULL;
    registration->token_missing = false;
    registration->body = span_of(NULL, 0);
    begin(op);
}
