/* fuzz_basic_auth: the Authorization header of token and userinfo requests. */
#include <stddef.h>
#include <stdint.h>

#include "server/oidc/bearer.h"
#include "server/oidc/client_auth.h"
#include "store/base/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct client_credentials credentials;
    struct params params = {.count = 0};
    struct span header = span_of(data, size);
    struct span token = {NULL, 0};
    bool missing, dpop;

    if (client_auth_parse(header, &params, &credentials).error == OIDC_OK) {
        CHECK(credentials.method == OIDC_AUTH_BASIC);
        CHECK(client_auth_id_valid(credentials.client_id));
        CHECK(credentials.secret.len > 0 &&
              credentials.secret.len <= CLIENT_SECRET_MAX);
    } else {
        CHECK(credentials.secret.len == 0);
    }
    client_auth_wipe(&credentials);
    if (bearer_parse(header, &params, false, &token, &missing, &dpop).error == OIDC_OK)
        CHECK(!missing && token.len > 0 && token.len <= BEARER_TOKEN_MAX);
    return 0;
}
