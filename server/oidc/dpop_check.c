#include "server/oidc/dpop_check.h"

#include <string.h>

static struct oidc_verdict refuse(const char *description) {
    return (struct oidc_verdict){OIDC_INVALID_DPOP_PROOF, description};
}

static uint8_t lower(uint8_t c) {
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 'a' - 'A') : c;
}

/* Where the path begins; the length when there is none. */
static size_t path_at(struct span url) {
    size_t slashes = 0;

    for (size_t i = 0; i < url.len; i++)
        if (url.data[i] == '/' && ++slashes == 3)
            return i;
    return url.len;
}

/* RFC 9449 §4.3 (9): query and fragment are ignored; scheme and host have no case
 * (RFC 3986 §6.2.2.1), and a port of 443 says nothing (§6.2.3). */
static bool same_url(struct span given, struct span ours) {
    static const char port[] = ":443";
    size_t at = 0, ours_at, skip = 0;

    while (at < given.len && given.data[at] != '?' && given.data[at] != '#')
        at++;
    given.len = at;
    at = path_at(given);
    ours_at = path_at(ours);
    if (at == ours_at + sizeof port - 1 &&
        memcmp(given.data + ours_at, port, sizeof port - 1) == 0)
        skip = sizeof port - 1;
    if (at - skip != ours_at || given.len - at != ours.len - ours_at)
        return false;
    for (size_t i = 0; i < ours_at; i++)
        if (lower(given.data[i]) != lower(ours.data[i]))
            return false;
    return memcmp(given.data + at, ours.data + ours_at, ours.len - ours_at) == 0;
}

struct oidc_verdict dpop_check(const struct dpop_claims *claims,
                               const struct dpop_request *request) {
    if (claims->jti.len == 0 || claims->jti.len > DPOP_JTI_MAX)
        return refuse("the DPoP proof must have a jti of 1 to 256 bytes");
    if (!span_is(claims->htm, request->method))
        return refuse("htm of the DPoP proof is not the method of the request");
    if (!same_url(claims->htu, request->url))
        return refuse("htu of the DPoP proof is not the URL of this endpoint");
    if (!claims->has_iat)
        return refuse("the DPoP proof has no iat");
    if (claims->iat_s < request->now_s - DPOP_WINDOW_S ||
        claims->iat_s > request->now_s + DPOP_WINDOW_S)
        return refuse("iat of the DPoP proof is more than a minute away");
    if (request->token_hash.len > 0 && !span_equal(claims->ath, request->token_hash))
        return refuse("ath of the DPoP proof is not of the access token");
    return (struct oidc_verdict){OIDC_OK, NULL};
}
