/* svc_caller: client authentication (RFC 6749 §2.3, OpenID Connect Core §9). */
#include "server/svc_caller.h"

#include "server/crypto/client_cert.h"
#include "server/crypto/digest.h"
#include "server/oidc/client_auth.h"
#include "server/svc_assertion.h"
#include "server/svc_dpop.h"
#include "store/base/check.h"
#include "store/base/codec.h"
#include "store/base/secret.h"

static struct svc_refusal refusal_of(struct oidc_verdict verdict) {
    return (struct svc_refusal){.error = verdict.error,
                                .description = verdict.description};
}

static bool by_certificate(const struct svc_caller *caller) {
    return caller->client.auth == CLIENT_AUTH_TLS ||
           caller->client.auth == CLIENT_AUTH_SELF_SIGNED_TLS;
}

/* RFC 8705 §2: client_id alone in the request, and the certificate beside it. */
static struct oidc_verdict judge_certificate(struct svc *svc,
                                             const struct svc_caller *caller,
                                             const struct client_credentials *given,
                                             const struct svc_caller_in *in) {
    const struct client *client = &caller->client;
    int64_t now_s = (int64_t)(repl_now_ms(svc->shared->repl) / 1000);
    bool good = client->auth == CLIENT_AUTH_TLS
                    ? client_cert_issued(svc->shared->client_ca, in->certificate,
                                         in->certificate_chain, client->tls_subject,
                                         now_s)
                    : client_cert_registered(in->certificate, span_str(client->jwks));

    if (given->method != OIDC_AUTH_NONE || !good)
        return client_auth_failed();
    return (struct oidc_verdict){OIDC_OK, NULL};
}

/* RFC 8705 §3: x5t#S256 of what the client has shown. */
static void bind_certificate(struct svc_caller *caller, struct span certificate) {
    if (!(caller->client.features & CLIENT_TLS_BOUND) || certificate.len == 0)
        return;
    caller->binding.kind = BINDING_TLS;
    digest_sha256(certificate, caller->binding.thumbprint);
}

/* One of its two secrets, as long as the older one is good; both are compared always. */
static bool secret_good(struct svc *svc, const struct client *client,
                        struct span secret) {
    uint8_t hash[32];
    bool now, before, still;

    sealer_hash(svc->sealer, HASH_CLIENT_SECRET, secret, hash);
    now = secret_equal(span_of(hash, sizeof hash), span_of(client->secret_hash, 32));
    before =
        secret_equal(span_of(hash, sizeof hash), span_of(client->old_secret_hash, 32));
    still = repl_now_ms(svc->shared->repl) < client->old_secret_until_ms;
    secret_wipe(hash, sizeof hash);
    return now || (before && still);
}

/* The same work for a known and an unknown client (L1). */
static struct oidc_verdict judge(struct svc *svc, const struct svc_caller *caller,
                                 bool known, const struct client_credentials *given,
                                 const struct svc_caller_in *in) {
    static const struct client nobody;
    bool equal = secret_good(svc, known ? &caller->client : &nobody, given->secret);
    struct oidc_verdict verdict;

    if (!known)
        return client_auth_failed();
    if (by_certificate(caller))
        return judge_certificate(svc, caller, given, in);
    verdict = client_auth_check(&caller->view, given);
    if (verdict.error)
        return verdict;
    if ((given->method == OIDC_AUTH_BASIC || given->method == OIDC_AUTH_POST) && !equal)
        return client_auth_failed();
    return verdict;
}

static enum err read_client(struct svc_state *state, struct span client_id,
                            struct svc_caller *caller, bool *ret_known) {
    struct svc *svc = state->svc;
    enum err err = svc_read_begin(svc);

    if (err)
        return err;
    err = svc_keys_needed(svc);
    if (!err) {
        err = svc_client_read(svc, &state->op->arena, client_id, &caller->client,
                              &caller->view);
        *ret_known = err == OK;
        if (err == ERR_NOT_FOUND)
            err = OK;
    }
    svc_read_end(svc);
    return err;
}

/* What the client sent, against its row. */
static struct oidc_verdict judge_given(struct svc_state *state, bool known,
                                       const struct svc_caller_in *in,
                                       const struct client_credentials *given,
                                       struct svc_caller *caller) {
    struct oidc_verdict verdict =
        judge(state->svc, caller, known, given, in);

    if (verdict.error)
        return verdict;
    bind_certificate(caller, in->certificate);
    if (given->method != OIDC_AUTH_PRIVATE_KEY_JWT)
        return verdict;
    return svc_assertion_judge(state, caller, in->endpoint, given->assertion);
}

/* False: the operation is over. */
static bool read_and_judge(struct svc_state *state, const struct svc_caller_in *in,
                           const struct client_credentials *given,
                           struct svc_caller *caller, struct svc_refusal *ret_refusal) {
    struct span client_id = given->client_id;
    bool known = false;
    enum err err;

    if (given->method == OIDC_AUTH_PRIVATE_KEY_JWT && client_id.len == 0)
        client_id = svc_assertion_subject(&state->op->arena, given->assertion);
    if (!svc_fresh(state))
        return false;
    err = read_client(state, client_id, caller, &known);
    if (err) {
        svc_fail(state, err);
        return false;
    }
    *ret_refusal = refusal_of(judge_given(state, known, in, given, caller));
    return true;
}

/* False: the operation is over. */
static bool authenticate(struct svc_state *state, const struct svc_caller_in *in,
                         struct client_credentials *given, struct svc_caller *caller,
                         struct svc_refusal *ret_refusal) {
    struct oidc_verdict verdict =
        client_auth_parse(in->authorization, in->params, given);

    if (verdict.error) {
        *ret_refusal = refusal_of(verdict);
        return true;
    }
    return read_and_judge(state, in, given, caller, ret_refusal);
}

enum err svc_caller_prove(struct svc_state *state, struct svc_caller *caller,
                          enum proof_kind kind, struct span text, uint32_t ttl_s) {
    struct svc *svc = state->svc;
    struct proofs *proofs = &caller->proofs;

    CHECK(proofs->count < COMMAND_PROOFS_MAX);
    buf_reset(&svc->scratch);
    put_u8(&svc->scratch, (uint8_t)kind);
    buf_put(&svc->scratch, caller->client.client_id,
            strlen(caller->client.client_id) + 1);
    buf_put(&svc->scratch, text.data, text.len);
    if (buf_err(&svc->scratch))
        return buf_err(&svc->scratch);
    proofs->at[proofs->count++] =
        (struct proof){.key = svc_hash(svc, HASH_PROOF, buf_span(&svc->scratch)),
                       .ttl_ms = ttl_s * 1000};
    return OK;
}

/* Has the client proven the key that its tokens shall be bound to? */
static void judge_dpop(struct svc_state *state, const struct svc_caller_in *in,
                       struct svc_caller *caller, struct svc_refusal *refusal) {
    struct svc_dpop_in dpop = {.proof = in->dpop,
                               .twice = in->dpop_twice,
                               .method = "POST",
                               .base = in->base,
                               .endpoint = in->endpoint};
    struct span none = {NULL, 0};
    struct oidc_verdict verdict;
    struct proof proof;

    verdict = svc_dpop_judge(state, &dpop, none, &caller->binding, &proof);
    if (verdict.error == OIDC_OK)
        caller->proofs.at[caller->proofs.count++] = proof;
    *refusal = refusal_of(verdict);
    /* Without memory for it the client only asks once more. */
    (void)svc_dpop_nonce(state->svc, &state->op->arena, &refusal->dpop_nonce);
}

bool svc_caller_read(struct svc_state *state, const struct svc_caller_in *in,
                     struct svc_caller *ret_caller, struct svc_refusal *ret_refusal) {
    struct client_credentials given = {0};
    bool going;

    if (in->query_present) {
        *ret_refusal =
            (struct svc_refusal){.error = OIDC_INVALID_REQUEST,
                                 .description = "parameters belong into the body, "
                                                "not the URL"};
        return true;
    }
    going = authenticate(state, in, &given, ret_caller, ret_refusal);
    if (going && !ret_refusal->error && (in->dpop.len > 0 || in->dpop_twice))
        judge_dpop(state, in, ret_caller, ret_refusal);
    if (going)
        ret_refusal->challenge_basic = given.basic_used;
    client_auth_wipe(&given);
    return going;
}

struct svc_refusal svc_caller_replayed(const struct svc_caller *caller) {
    /* An assertion that is used again, or a DPoP proof: the command does not tell
     * which. A client that signs its assertions draws a new one for each call anyway.
     */
    if (caller->view.auth == OIDC_AUTH_PRIVATE_KEY_JWT)
        return refusal_of(client_auth_failed());
    return (struct svc_refusal){.error = OIDC_INVALID_DPOP_PROOF,
                                .description = "the DPoP proof was used before"};
}
