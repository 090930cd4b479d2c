#include "server/svc_assertion.h"

#include <jansson.h>

#include "server/crypto/client_keys.h"
#include "server/oidc/assertion_check.h"
#include "server/oidc/client_auth.h"

static struct span text_of(const json_t *claims, const char *name) {
    const json_t *value = json_object_get(claims, name);

    return json_is_string(value)
               ? span_of(json_string_value(value), json_string_length(value))
               : span_of(NULL, 0);
}

/* RFC 7519 §2, NumericDate: fractions are cut off. */
static bool time_of(const json_t *claims, const char *name, int64_t *ret_s) {
    const json_t *value = json_object_get(claims, name);
    double seconds = json_number_value(value);

    if (!json_is_number(value) || seconds < 0 || seconds > 1e11)
        return false;
    *ret_s = (int64_t)seconds;
    return true;
}

/* The issuer, or the URL of the token endpoint or of the endpoint that was called. */
static bool is_ours(const struct svc *svc, const json_t *value, const char *endpoint) {
    const char *issuer = svc->shared->config->issuer;
    const char *text = json_string_value(value);
    size_t len = strlen(issuer);

    if (!text || strncmp(text, issuer, len) != 0)
        return false;
    return text[len] == '\0' || strcmp(text + len, "token") == 0 ||
           strcmp(text + len, endpoint) == 0;
}

static enum assertion_audience audience_of(const struct svc *svc, const json_t *claims,
                                           const char *endpoint) {
    const json_t *aud = json_object_get(claims, "aud");

    if (json_is_string(aud) &&
        strcmp(json_string_value(aud), svc->shared->config->issuer) == 0)
        return ASSERTION_AUD_ISSUER;
    if (is_ours(svc, aud, endpoint))
        return ASSERTION_AUD_ACCEPTED;
    for (size_t i = 0; i < json_array_size(aud); i++)
        if (is_ours(svc, json_array_get(aud, i), endpoint))
            return ASSERTION_AUD_ACCEPTED;
    return ASSERTION_AUD_OTHER;
}

static struct assertion_claims claims_of(const struct svc *svc, const json_t *json,
                                         const char *endpoint) {
    struct assertion_claims claims = {
        .iss = text_of(json, "iss"),
        .sub = text_of(json, "sub"),
        .jti = text_of(json, "jti"),
        .audience = audience_of(svc, json, endpoint),
    };

    claims.has_exp = time_of(json, "exp", &claims.exp_s);
    claims.has_nbf = time_of(json, "nbf", &claims.nbf_s);
    claims.has_iat = time_of(json, "iat", &claims.iat_s);
    return claims;
}

struct span svc_assertion_subject(struct arena *arena, struct span assertion) {
    struct span none = {NULL, 0}, text, sub;
    json_t *claims;

    if (client_keys_peek(assertion, arena, &text) != OK)
        return none;
    claims =
        json_loadb((const char *)text.data, text.len, JSON_REJECT_DUPLICATES, NULL);
    sub = arena_dup(arena, text_of(claims, "sub"));
    json_decref(claims);
    return sub.data ? sub : none;
}

/* The claims, as text in the arena. Other than OK: not signed by the client. */
static enum err verify(struct svc_state *state, const struct svc_caller *caller,
                       struct span assertion, struct span *ret_text) {
    static const char *const types[] = {"jwt", "client-authentication+jwt", NULL};
    struct client_jws_rules rules = {
        .algs = caller->view.profile == OIDC_FAPI2 ? JWS_ALGS_FAPI2 : JWS_ALGS_STANDARD,
        .types = types};
    struct client_keys *keys;
    enum err err = client_keys_parse(span_str(caller->client.jwks), &keys, NULL);

    if (err)
        return err;
    err = client_keys_verify(keys, assertion, &rules, &state->op->arena, ret_text);
    client_keys_free(keys);
    return err;
}

struct oidc_verdict svc_assertion_judge(struct svc_state *state,
                                        struct svc_caller *caller, const char *endpoint,
                                        struct span assertion) {
    struct svc *svc = state->svc;
    int64_t now_s = (int64_t)(repl_now_ms(svc->shared->repl) / 1000);
    struct assertion_claims claims;
    struct oidc_verdict verdict;
    uint32_t ttl_s = 0;
    struct span text;
    json_t *json;

    if (verify(state, caller, assertion, &text) != OK)
        return client_auth_failed();
    json = json_loadb((const char *)text.data, text.len, JSON_REJECT_DUPLICATES, NULL);
    claims = claims_of(svc, json, endpoint);
    verdict = assertion_check(&claims, &caller->view, now_s, &ttl_s);
    if (verdict.error == OIDC_OK &&
        svc_caller_prove(state, caller, PROOF_ASSERTION, claims.jti, ttl_s) != OK)
        verdict = (struct oidc_verdict){OIDC_SERVER_ERROR, "out of memory"};
    json_decref(json);
    return verdict;
}
