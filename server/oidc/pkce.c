#include "server/oidc/pkce.h"

#include "store/base/codec.h"

static bool unreserved(uint8_t c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           c == '-' || c == '.' || c == '_' || c == '~';
}

bool pkce_verifier_valid(struct span verifier) {
    if (verifier.len < PKCE_VERIFIER_MIN || verifier.len > PKCE_VERIFIER_MAX)
        return false;
    for (size_t i = 0; i < verifier.len; i++)
        if (!unreserved(verifier.data[i]))
            return false;
    return true;
}

bool pkce_challenge_parse(struct span challenge, uint8_t ret_challenge[32]) {
    uint8_t bytes[32];
    size_t len;

    if (challenge.len != base64url_len(sizeof(bytes)))
        return false;
    if (base64url_decode(challenge, bytes, sizeof(bytes), &len) != OK ||
        len != sizeof(bytes))
        return false;
    memcpy(ret_challenge, bytes, sizeof(bytes));
    return true;
}
