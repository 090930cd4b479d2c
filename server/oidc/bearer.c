#include "server/oidc/bearer.h"

static struct oidc_verdict refuse(enum oidc_error error, const char *description) {
    return (struct oidc_verdict){error, description};
}

/* RFC 6750 §2.1: b64token = 1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" )
 * *"=" */
static bool b64token_valid(struct span token) {
    size_t len = token.len;

    while (len > 0 && token.data[len - 1] == '=')
        len--;
    if (len == 0 || token.len > BEARER_TOKEN_MAX)
        return false;
    for (size_t i = 0; i < len; i++) {
        uint8_t c = token.data[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
              (c >= '0' && c <= '9') || (c != 0 && strchr("-._~+/", c))))
            return false;
    }
    return true;
}

/* The token of a header of the scheme (its name in any case, here in lower case); an
 * empty span when it is another scheme. */
static struct span header_token(struct span header, const char *scheme) {
    size_t at = strlen(scheme);

    if (header.len <= at)
        return span_of(NULL, 0);
    for (size_t i = 0; i < at; i++)
        if ((header.data[i] | 0x20) != scheme[i])
            return span_of(NULL, 0);
    if (header.data[at] != ' ')
        return span_of(NULL, 0);
    while (at < header.len && header.data[at] == ' ')
        at++;
    return span_of(header.data + at, header.len - at);
}

struct oidc_verdict bearer_parse(struct span authorization, const struct params *params,
                                 bool token_in_query, struct span *ret_token,
                                 bool *ret_missing, bool *ret_dpop) {
    bool duplicate = false;
    struct span form = {NULL, 0};
    struct span token;

    *ret_missing = false;
    *ret_dpop = header_token(authorization, "dpop").len > 0;
    if (params)
        form = params_get(params, "access_token", &duplicate);
    if (token_in_query)
        return refuse(OIDC_INVALID_REQUEST, "access_token must not be in the URL");
    if (duplicate)
        return refuse(OIDC_INVALID_REQUEST, "parameter access_token is repeated");
    if (authorization.len > 0 && form.data)
        return refuse(OIDC_INVALID_REQUEST, "access_token is sent in two places");
    if (authorization.len > 0) {
        token = header_token(authorization, *ret_dpop ? "dpop" : "bearer");
        if (token.len == 0) {
            *ret_missing = true;
            return refuse(
                OIDC_INVALID_TOKEN,
                "the Authorization header is of neither scheme, Bearer and DPoP");
        }
    } else if (form.len > 0) {
        token = form;
    } else {
        *ret_missing = true;
        return refuse(OIDC_INVALID_TOKEN, "access_token is missing");
    }
    if (!b64token_valid(token))
        return refuse(OIDC_INVALID_TOKEN, "access_token is malformed");
    *ret_token = token;
    return (struct oidc_verdict){OIDC_OK, NULL};
}
