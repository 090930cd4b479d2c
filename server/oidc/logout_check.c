#include "server/oidc/logout_check.h"

#include "server/oidc/client_auth.h"
#include "store/base/codec.h"

#define HINT_MAX 254
#define LOCALES_MAX 256

const char *const logout_params[] = {
    "id_token_hint", "logout_hint", "client_id", "post_logout_redirect_uri",
    "state",         "ui_locales",  NULL,
};

static struct oidc_verdict pass(void) {
    return (struct oidc_verdict){OIDC_OK, NULL};
}

static struct oidc_verdict refuse(const char *description) {
    return (struct oidc_verdict){OIDC_INVALID_REQUEST, description};
}

/* UTF-8 without controls. */
static bool text_valid(struct span text, size_t len_max) {
    if (text.len > len_max)
        return false;
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] < 0x20 || text.data[i] == 0x7f)
            return false;
    return text.len == 0 || utf8_valid(text);
}

static bool jwt_valid(struct span text) {
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.data[i];
        bool good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                    (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';

        if (!good)
            return false;
    }
    return text.len <= LIMIT_JWT;
}

static struct oidc_verdict check_values(const struct logout_request *request,
                                        const struct params *params) {
    if (!jwt_valid(request->id_token_hint))
        return refuse("id_token_hint is not a compact JWT");
    if (request->client_id.len > 0 && !client_auth_id_valid(request->client_id))
        return refuse("client_id is malformed");
    if (!text_valid(request->post_logout_redirect_uri, LIMIT_REDIRECT_URI))
        return refuse("post_logout_redirect_uri is malformed");
    if (!text_valid(request->state, LIMIT_STATE))
        return refuse("state is too long or has control characters");
    if (!text_valid(params_get(params, "logout_hint", NULL), HINT_MAX))
        return refuse("logout_hint is too long or has control characters");
    if (params_get(params, "ui_locales", NULL).len > LOCALES_MAX)
        return refuse("ui_locales is too long");
    return pass();
}

struct oidc_verdict logout_check(const struct params *params,
                                 struct logout_request *ret_request) {
    struct logout_request request = {
        .id_token_hint = params_get(params, "id_token_hint", NULL),
        .client_id = params_get(params, "client_id", NULL),
        .post_logout_redirect_uri =
            params_get(params, "post_logout_redirect_uri", NULL),
        .state = params_get(params, "state", NULL),
    };
    struct oidc_verdict verdict;

    if (params_duplicate(params, logout_params))
        return refuse("a parameter is repeated");
    verdict = check_values(&request, params);
    if (!verdict.error)
        *ret_request = request;
    return verdict;
}

struct oidc_verdict logout_client(const struct logout_request *request,
                                  const struct logout_hint *hint,
                                  struct span *ret_client_id) {
    if (request->client_id.len > 0 && hint->client_id.len > 0 &&
        !span_equal(request->client_id, hint->client_id))
        return refuse("client_id is not the one that id_token_hint was issued to");
    *ret_client_id = hint->client_id.len > 0 ? hint->client_id : request->client_id;
    if (request->post_logout_redirect_uri.len > 0 && ret_client_id->len == 0)
        return refuse("post_logout_redirect_uri needs id_token_hint or client_id");
    return pass();
}

struct oidc_verdict logout_unknown_client(void) {
    return refuse("client_id is not registered here");
}

struct oidc_verdict logout_target(const struct logout_request *request,
                                  const char *const uris[], size_t uris_count) {
    if (request->post_logout_redirect_uri.len == 0)
        return pass();
    for (size_t i = 0; i < uris_count; i++)
        if (span_is(request->post_logout_redirect_uri, uris[i]))
            return pass();
    return refuse("post_logout_redirect_uri is not registered for this client");
}

bool logout_asks(const struct logout_hint *hint, struct span session_sub,
                 struct span session_sid) {
    return hint->sub.len == 0 || hint->sid.len == 0 ||
           !span_equal(hint->sub, session_sub) || !span_equal(hint->sid, session_sid);
}
