#include "server/svc_assertion.h"

#include "server/crypto/client_keys.h"
#include "server/oidc/assertion_check.h"
#include "server/oidc/client_auth.h"
#include "server/svc_claims.h"

struct span svc_assertion_subject(struct arena *arena, struct span assertion) {
    struct span none = {NULL, 0}, sub = none;
    struct jwt_claims claims;
    json_t *json = NULL;

    if (client_keys_peek(assertion, arena, &json) == OK &&
        svc_claims_read(json, &claims) == OK)
        sub = arena_dup(arena, claims.sub);
    json_decref(json);
    return sub.data ? sub : none;
}

/* Other than OK: not signed by the client. */
static enum err verify(struct svc_state *state, const struct svc_caller *caller,
                       struct span assertion, json_t **ret_claims) {
    static const char *const types[] = {"jwt", "client-authentication+jwt", NULL};
    struct client_jws_rules rules = {
        .algs = caller->view.profile == OIDC_FAPI2 ? JWS_ALGS_FAPI2 : JWS_ALGS_STANDARD,
        .types = types};
    struct client_keys *keys;
    enum err err = client_keys_parse(span_str(caller->client.jwks), &keys, NULL);

    if (err)
        return err;
    err = client_keys_verify(keys, assertion, &rules, &state->op->arena, ret_claims);
    client_keys_free(keys);
    return err;
}

struct oidc_verdict svc_assertion_judge(struct svc_state *state,
                                        struct svc_caller *caller, const char *endpoint,
                                        struct span assertion) {
    struct svc *svc = state->svc;
    struct assertion_rules rules = {
        .issuer = span_str(svc->shared->config->issuer),
        .endpoint = span_str(endpoint),
        .now_s = repl_now_ms(svc->shared->repl) / 1000,
    };
    struct oidc_verdict verdict;
    struct jwt_claims claims;
    uint32_t ttl_s = 0;
    json_t *json = NULL;

    if (verify(state, caller, assertion, &json) != OK ||
        svc_claims_read(json, &claims) != OK) {
        json_decref(json);
        return client_auth_failed();
    }
    verdict = assertion_check(&claims, &caller->view, &rules, &ttl_s);
    if (verdict.error == OIDC_OK &&
        svc_caller_prove(state, caller, PROOF_ASSERTION, claims.jti, ttl_s) != OK)
        verdict = (struct oidc_verdict){OIDC_SERVER_ERROR, "out of memory"};
    json_decref(json);
    return verdict;
}
