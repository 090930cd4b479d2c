#include "server/svc_claims_request.h"

#include <jansson.h>

#include "server/oidc/acr.h"
#include "server/oidc/authorize_check.h"
#include "server/oidc/claims.h"

static struct span text_of(const json_t *value) {
    return span_of(json_string_value(value), json_string_length(value));
}

/* Is `text` the value that is asked for, or one of the values? */
static bool wanted_value(const json_t *wish, const char *text) {
    const json_t *values = json_object_get(wish, "values");

    if (span_is(text_of(json_object_get(wish, "value")), text))
        return true;
    for (size_t i = 0; i < json_array_size(values); i++)
        if (span_is(text_of(json_array_get(values, i)), text))
            return true;
    return false;
}

/* §5.5.1: null, or an object whose `essential` is a boolean. */
static bool wish_valid(const json_t *wish) {
    const json_t *essential = json_object_get(wish, "essential");
    const json_t *values = json_object_get(wish, "values");

    return json_is_null(wish) ||
           (json_is_object(wish) && (!essential || json_is_boolean(essential)) &&
            (!values || json_is_array(values)));
}

/* §5.5.1.1: the lowest of the classes that are insisted on will do. */
static struct oidc_verdict take_acr(const json_t *wish, enum acr_level *acr) {
    bool named = json_object_get(wish, "value") || json_object_get(wish, "values");
    enum acr_level level = ACR_LEVEL_NONE;

    if (!named)
        return (struct oidc_verdict){OIDC_OK, NULL};
    if (wanted_value(wish, ACR_PASSWORD))
        level = ACR_LEVEL_PASSWORD;
    else if (wanted_value(wish, ACR_TWO_FACTORS))
        level = ACR_LEVEL_TWO_FACTORS;
    if (level == ACR_LEVEL_NONE && json_is_true(json_object_get(wish, "essential")))
        return (struct oidc_verdict){OIDC_UNMET_AUTHENTICATION,
                                     "claims: there is no such acr here"};
    if (level > *acr)
        *acr = level;
    return (struct oidc_verdict){OIDC_OK, NULL};
}

static struct oidc_verdict take_sub(const json_t *wish, struct span *sub) {
    struct oidc_verdict other = {OIDC_INVALID_REQUEST,
                                 "claims: sub is too long, or there are two"};
    struct span value = text_of(json_object_get(wish, "value"));

    if (value.len == 0)
        return (struct oidc_verdict){OIDC_OK, NULL};
    if (value.len > AUTHORIZE_SUB_MAX || (sub->len > 0 && !span_equal(*sub, value)))
        return other;
    *sub = value;
    return (struct oidc_verdict){OIDC_OK, NULL};
}

/* One of the two lists, into the set. */
static struct oidc_verdict take_list(json_t *list, uint64_t *claims,
                                     struct claims_request *request, struct span *sub) {
    struct oidc_verdict verdict = {OIDC_OK, NULL};
    const char *name;
    json_t *wish;

    if (list && !json_is_null(list) && !json_is_object(list))
        return (struct oidc_verdict){OIDC_INVALID_REQUEST,
                                     "claims: userinfo and id_token must be objects"};
    json_object_foreach(list, name, wish) {
        if (!wish_valid(wish))
            return (struct oidc_verdict){OIDC_INVALID_REQUEST,
                                         "claims: null or an object is expected of "
                                         "each claim"};
        if (span_is(span_str(name), "acr"))
            verdict = take_acr(wish, &request->acr);
        else if (span_is(span_str(name), "sub"))
            verdict = take_sub(wish, sub);
        else
            *claims |= claims_find(span_str(name));
        if (verdict.error)
            return verdict;
    }
    return verdict;
}

enum err svc_claims_request(struct span text, struct arena *arena,
                            struct claims_request *ret_request,
                            struct oidc_verdict *ret_verdict) {
    json_t *root =
        json_loadb((const char *)text.data, text.len, JSON_REJECT_DUPLICATES, NULL);
    struct claims_request request = {0};
    struct span sub = {NULL, 0};
    enum err err = OK;

    if (!json_is_object(root))
        *ret_verdict = (struct oidc_verdict){OIDC_INVALID_REQUEST,
                                             "claims must be one JSON object"};
    else
        *ret_verdict =
            take_list(json_object_get(root, "id_token"), &request.id_token, &request, &sub);
    if (!ret_verdict->error)
        *ret_verdict =
            take_list(json_object_get(root, "userinfo"), &request.userinfo, &request, &sub);
    if (sub.len > 0) {
        request.sub = arena_dup(arena, sub);
        err = request.sub.data ? OK : ERR_NOMEM;
    }
    json_decref(root);
    if (!err)
        *ret_request = request;
    return err;
}
