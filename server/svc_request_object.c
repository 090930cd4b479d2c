#include "server/svc_request_object.h"

#include <stdio.h>
#include <stdlib.h>

#include "server/crypto/client_keys.h"
#include "server/oidc/claims.h"
#include "server/oidc/request_object.h"
#include "server/svc_claims.h"
#include "server/svc_claims_request.h"

static struct oidc_verdict refuse(enum oidc_error error, const char *description) {
    return (struct oidc_verdict){error, description};
}

/* Parameters are texts: numbers in decimal (max_age), objects as JSON (claims), as
 * RFC 9101 §4 and OpenID Connect Core §6.1 write them the other way. */
static enum err value_of(const json_t *value, struct arena *arena,
                         struct span *ret_text) {
    char number[32];
    char *dump;

    switch (json_typeof(value)) {
    case JSON_STRING:
        *ret_text = arena_dup(
            arena, span_of(json_string_value(value), json_string_length(value)));
        break;
    case JSON_INTEGER:
        snprintf(number, sizeof number, "%lld", (long long)json_integer_value(value));
        *ret_text = arena_dup(arena, span_str(number));
        break;
    case JSON_TRUE:
    case JSON_FALSE:
        *ret_text = span_str(json_is_true(value) ? "true" : "false");
        break;
    case JSON_OBJECT:
    case JSON_ARRAY:
        dump = json_dumps(value, JSON_COMPACT);
        *ret_text = dump ? arena_dup(arena, span_str(dump)) : span_of(NULL, 0);
        free(dump);
        break;
    default:
        return ERR_INVALID;
    }
    if (!ret_text->data)
        return ERR_NOMEM;
    return ret_text->len <= LIMIT_FORM_VALUE ? OK : ERR_INVALID;
}

static enum err add_param(struct params *params, struct arena *arena, struct span name,
                          const json_t *value) {
    struct param *param = &params->items[params->count];

    if (params->count == LIMIT_FORM_FIELDS || name.len > LIMIT_FORM_NAME)
        return ERR_INVALID;
    param->name = arena_dup(arena, name);
    if (!param->name.data)
        return ERR_NOMEM;
    params->count++;
    return value_of(value, arena, &param->value);
}

enum err svc_request_object_params(json_t *object, struct arena *arena,
                                   struct params *ret_params) {
    enum err err = OK;
    const char *name;
    json_t *value;

    ret_params->count = 0;
    json_object_foreach(object, name, value) {
        enum request_object_member kind = request_object_member(span_str(name));

        if (kind == REQUEST_OBJECT_REFUSED)
            err = ERR_INVALID;
        else if (kind == REQUEST_OBJECT_PARAM)
            err = add_param(ret_params, arena, span_str(name), value);
        if (err)
            break;
    }
    return err;
}

/* ERR_INVALID, ERR_FORGED: not signed by the client. */
static enum err verify(struct arena *arena, const struct client *client,
                       struct span token, json_t **ret_object) {
    static const char *const types[] = {"oauth-authz-req+jwt", "jwt", NULL};
    struct client_jws_rules rules = {
        .algs = client->profile == CLIENT_FAPI2 ? JWS_ALGS_FAPI2 : JWS_ALGS_STANDARD,
        .types = types};
    struct client_keys *keys;
    enum err err = client_keys_parse(span_str(client->jwks), &keys, NULL);

    if (err)
        return err;
    err = client_keys_verify(keys, token, &rules, arena, ret_object);
    client_keys_free(keys);
    return err;
}

/* ERR_INVALID, ERR_FORGED: *ret_verdict says so. */
static enum err open_object(struct svc_state *state, const struct client *client,
                            const struct oidc_client *view, struct span token,
                            struct params *params, struct oidc_verdict *ret_verdict) {
    struct svc *svc = state->svc;
    struct arena *arena = &state->op->arena;
    struct jwt_claims claims;
    json_t *object = NULL;
    enum err err = verify(arena, client, token, &object);

    if (!err)
        err = svc_claims_read(object, &claims);
    if (err) {
        json_decref(object);
        *ret_verdict =
            refuse(OIDC_INVALID_REQUEST_OBJECT,
                   "the request object is malformed, or not signed with a key and an "
                   "algorithm of this client");
        return err;
    }
    *ret_verdict =
        request_object_check(&claims, view, span_str(svc->shared->config->issuer),
                             repl_now_ms(svc->shared->repl) / 1000);
    if (!ret_verdict->error)
        err = svc_request_object_params(object, arena, params);
    json_decref(object);
    if (err == ERR_INVALID)
        *ret_verdict = refuse(OIDC_INVALID_REQUEST_OBJECT,
                              "the request object has members that are no parameters");
    return err;
}

enum err svc_request_params(struct svc_state *state, const struct client *client,
                            const struct oidc_client *view, const struct params *given,
                            const struct params **ret_params,
                            struct oidc_verdict *ret_verdict) {
    bool twice;
    struct span token = params_get(given, "request", &twice);
    struct params *params;
    enum err err;

    *ret_verdict = refuse(OIDC_OK, NULL);
    *ret_params = given;
    if (twice)
        *ret_verdict = refuse(OIDC_INVALID_REQUEST, "parameter request is repeated");
    else if (token.len == 0 && (client->features & CLIENT_REQUIRE_SIGNED))
        *ret_verdict = refuse(OIDC_INVALID_REQUEST,
                              "this client must sign its requests (RFC 9101)");
    if (ret_verdict->error || token.len == 0 || client->jwks[0] == '\0')
        return OK;
    params = arena_alloc(&state->op->arena, sizeof *params);
    if (!params)
        return ERR_NOMEM;
    *ret_params = params;
    err = open_object(state, client, view, token, params, ret_verdict);
    return err == ERR_INVALID || err == ERR_FORGED ? OK : err;
}

static enum err take_claims(struct svc_state *state, const struct client *client,
                            struct authorize_request *request,
                            struct authorize_verdict *verdict) {
    uint64_t may = claims_of_scopes(client->scopes, true);
    struct claims_request asked;
    struct oidc_verdict word;
    enum err err;

    if (request->claims.len == 0)
        return OK;
    err = svc_claims_request(request->claims, &state->op->arena, &asked, &word);
    if (err)
        return err;
    verdict->error = word.error;
    verdict->description = word.description;
    if (!word.error) {
        if (asked.acr > request->acr)
            request->acr = asked.acr;
        request->id_token_claims = asked.id_token & may;
        request->userinfo_claims = asked.userinfo & may;
        request->claims_sub = asked.sub;
    }
    return OK;
}

enum err svc_request_check(struct svc_state *state, const struct client *client,
                           const struct oidc_client *view, const struct params *given,
                           struct authorize_request *ret_request,
                           struct authorize_verdict *ret_verdict) {
    const struct params *params;
    struct oidc_verdict word;
    enum err err = svc_request_params(state, client, view, given, &params, &word);

    if (err)
        return err;
    if (word.error) {
        *ret_verdict = authorize_refusal(given, view, word);
        return OK;
    }
    *ret_verdict = authorize_check(params, view, ret_request);
    return ret_verdict->error ? OK
                              : take_claims(state, client, ret_request, ret_verdict);
}
