#include "server/svc_claims.h"

#define TIME_MAX_S 100000000000.0 /* the year 5138: sums of it overflow nowhere */

static bool text_of(const json_t *value, struct span *ret) {
    if (!value)
        return true;
    if (!json_is_string(value))
        return false;
    *ret = span_of(json_string_value(value), json_string_length(value));
    return true;
}

/* NumericDate (RFC 7519 §2): also with a fraction. */
static bool time_of(const json_t *object, const char *name, bool *ret_has,
                    uint64_t *ret_s) {
    const json_t *value = json_object_get(object, name);
    double seconds = json_number_value(value);

    if (!value)
        return true;
    if (!json_is_number(value) || !(seconds >= 0 && seconds < TIME_MAX_S))
        return false;
    *ret_has = true;
    *ret_s = (uint64_t)seconds;
    return true;
}

static bool audiences_of(const json_t *value, struct jwt_claims *claims) {
    size_t count = json_array_size(value);

    if (!value)
        return true;
    claims->aud_list = json_is_array(value);
    if (!claims->aud_list) {
        claims->aud_count = 1;
        return text_of(value, &claims->aud[0]);
    }
    if (count > JWT_AUDIENCES_MAX)
        return false;
    for (size_t i = 0; i < count; i++)
        if (!text_of(json_array_get(value, i), &claims->aud[i]))
            return false;
    claims->aud_count = count;
    return true;
}

enum err svc_claims_read(const json_t *object, struct jwt_claims *ret_claims) {
    struct jwt_claims claims = {.aud_count = 0};

    if (!text_of(json_object_get(object, "iss"), &claims.iss) ||
        !text_of(json_object_get(object, "sub"), &claims.sub) ||
        !text_of(json_object_get(object, "jti"), &claims.jti) ||
        !text_of(json_object_get(object, "client_id"), &claims.client_id) ||
        !audiences_of(json_object_get(object, "aud"), &claims) ||
        !time_of(object, "exp", &claims.has_exp, &claims.exp_s) ||
        !time_of(object, "nbf", &claims.has_nbf, &claims.nbf_s) ||
        !time_of(object, "iat", &claims.has_iat, &claims.iat_s))
        return ERR_INVALID;
    *ret_claims = claims;
    return OK;
}
