#include "server/oidc/authorize_check.h"

#include "server/oidc/client_auth.h"
#include "server/oidc/pkce.h"
#include "server/oidc/redirect_uri.h"
#include "server/oidc/scope.h"
#include "store/base/codec.h"

struct check {
    const struct params *params;
    const struct oidc_client *client;
    struct authorize_request request; /* filled by the rules */
};

/* A rule fills its part of the request, or refuses. */
typedef struct oidc_verdict rule_fn(struct check *check);

static struct oidc_verdict pass(void) {
    return (struct oidc_verdict){OIDC_OK, NULL};
}

static struct oidc_verdict refuse(enum oidc_error error, const char *description) {
    return (struct oidc_verdict){error, description};
}

static struct span value_of(const struct check *check, const char *name) {
    return params_get(check->params, name, NULL);
}

/* Text that may be sent back, logged or shown: UTF-8 without controls. */
static bool text_valid(struct span text, size_t len_max) {
    if (text.len > len_max)
        return false;
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] < 0x20 || text.data[i] == 0x7f)
            return false;
    return text.len == 0 || utf8_valid(text);
}

#define REPEATED(name)                                                                 \
    { name, "parameter " name " is repeated" }
static const struct {
    const char *name;
    const char *description;
} known_params[] = {
    REPEATED("response_type"),
    REPEATED("response_mode"),
    REPEATED("scope"),
    REPEATED("state"),
    REPEATED("nonce"),
    REPEATED("code_challenge"),
    REPEATED("prompt"),
    REPEATED("max_age"),
    REPEATED("code_challenge_method"),
    REPEATED("display"),
    REPEATED("login_hint"),
    REPEATED("id_token_hint"),
    REPEATED("ui_locales"),
    REPEATED("acr_values"),
    REPEATED("claims_locales"),
    REPEATED("claims"),
    REPEATED("request"),
    REPEATED("request_uri"),
    REPEATED("registration"),
    REPEATED("dpop_jkt"),
};
#define KNOWN_PARAMS (sizeof(known_params) / sizeof(known_params[0]))

/* RFC 6749 §3.1: parameters must not be included more than once. */
static struct oidc_verdict rule_duplicates(struct check *check) {
    bool duplicate;

    for (size_t i = 0; i < KNOWN_PARAMS; i++) {
        params_get(check->params, known_params[i].name, &duplicate);
        if (duplicate)
            return refuse(OIDC_INVALID_REQUEST, known_params[i].description);
    }
    return pass();
}

/* RFC 9700 §2.1.2: no token ever travels through the front channel. */
static struct oidc_verdict rule_response_type(struct check *check) {
    struct span value = value_of(check, "response_type");

    if (value.len == 0)
        return refuse(OIDC_INVALID_REQUEST, "response_type is missing");
    if (!span_is(value, "code"))
        return refuse(OIDC_UNSUPPORTED_RESPONSE_TYPE, "response_type must be code");
    return pass();
}

static struct oidc_verdict rule_response_mode(struct check *check) {
    struct span value = value_of(check, "response_mode");

    check->request.form_post = span_is(value, "form_post");
    if (value.len > 0 && !check->request.form_post && !span_is(value, "query"))
        return refuse(OIDC_INVALID_REQUEST, "response_mode must be query or form_post");
    return pass();
}

/* OpenID Connect Core §6.1, §6.2, §7.2.1: refused by name, never fetched. A `request`
 * is still here when the client has no keys to sign one with (svc_request_object). */
static struct oidc_verdict rule_not_supported(struct check *check) {
    if (value_of(check, "request").len > 0)
        return refuse(OIDC_REQUEST_NOT_SUPPORTED,
                      "request is not supported: this client has no keys");
    if (value_of(check, "request_uri").len > 0)
        return refuse(OIDC_REQUEST_URI_NOT_SUPPORTED, "request_uri is not supported");
    if (value_of(check, "registration").len > 0)
        return refuse(OIDC_REGISTRATION_NOT_SUPPORTED, "registration is not supported");
    return pass();
}

static struct oidc_verdict rule_scope(struct check *check) {
    struct span value = value_of(check, "scope");
    uint64_t scopes;

    if (value.len == 0 && check->client->profile == OIDC_GBIZID) {
        /* DOMAIN §2.1: the base set (deprecated); offline_access must be asked for. */
        scopes = SCOPE_GBIZID & ~(uint64_t)SCOPE_OFFLINE_ACCESS;
        check->request.scope_omitted = true;
    } else if (value.len == 0) {
        return refuse(OIDC_INVALID_SCOPE, "scope is missing");
    } else if (!scope_parse(value, &scopes)) {
        return refuse(OIDC_INVALID_SCOPE, "scope is malformed or too long");
    }
    if (!(scopes & SCOPE_OPENID))
        return refuse(OIDC_INVALID_SCOPE, "scope must contain openid");
    scopes &= check->client->scopes;
    if (!(scopes & SCOPE_OPENID))
        return refuse(OIDC_INVALID_SCOPE, "scope openid is not granted to this client");
    check->request.scopes = scopes;
    return pass();
}

static struct oidc_verdict rule_state(struct check *check) {
    struct span value = value_of(check, "state");

    if (!text_valid(value, LIMIT_STATE))
        return refuse(OIDC_INVALID_REQUEST,
                      "state is too long or has control characters");
    check->request.state = value;
    return pass();
}

static struct oidc_verdict rule_nonce(struct check *check) {
    struct span value = value_of(check, "nonce");

    if (!text_valid(value, LIMIT_NONCE))
        return refuse(OIDC_INVALID_REQUEST,
                      "nonce is too long or has control characters");
    check->request.nonce = value;
    return pass();
}

/* RFC 7636 §4.3, §4.4.1; RFC 9700 §2.1.1: S256 alone, and an absent method would
 * mean plain. */
static struct oidc_verdict rule_pkce(struct check *check) {
    struct span challenge = value_of(check, "code_challenge");
    struct span method = value_of(check, "code_challenge_method");

    if (challenge.len == 0) {
        if (method.len > 0)
            return refuse(OIDC_INVALID_REQUEST, "code_challenge is missing");
        if (check->client->auth == OIDC_AUTH_NONE)
            return refuse(OIDC_INVALID_REQUEST,
                          "code_challenge is required of public clients");
        if (check->client->profile == OIDC_FAPI2) /* FAPI 2.0 §5.3.2.2 */
            return refuse(OIDC_INVALID_REQUEST,
                          "code_challenge is required by FAPI 2.0");
        return pass();
    }
    if (!span_is(method, "S256"))
        return refuse(OIDC_INVALID_REQUEST, "code_challenge_method must be S256");
    if (!pkce_challenge_parse(challenge, check->request.challenge))
        return refuse(OIDC_INVALID_REQUEST,
                      "code_challenge must be 43 characters of base64url");
    check->request.has_challenge = true;
    return pass();
}

static unsigned prompt_bit(struct span word) {
    if (span_is(word, "none"))
        return PROMPT_NONE;
    if (span_is(word, "login"))
        return PROMPT_LOGIN;
    if (span_is(word, "consent"))
        return PROMPT_CONSENT;
    if (span_is(word, "select_account"))
        return PROMPT_SELECT_ACCOUNT;
    return 0;
}

/* OpenID Connect Core §3.1.2.1. */
static struct oidc_verdict rule_prompt(struct check *check) {
    struct span value = value_of(check, "prompt");
    unsigned prompt = 0;
    size_t start = 0;

    if (value.len == 0)
        return pass();
    for (size_t i = 0; i <= value.len; i++) {
        unsigned bit;

        if (i < value.len && value.data[i] != ' ')
            continue;
        bit = prompt_bit(span_of(value.data + start, i - start));
        if (bit == 0)
            return refuse(OIDC_INVALID_REQUEST, "prompt has an unknown value");
        prompt |= bit;
        start = i + 1;
    }
    if ((prompt & PROMPT_NONE) && prompt != PROMPT_NONE)
        return refuse(OIDC_INVALID_REQUEST, "prompt none must stand alone");
    check->request.prompt = prompt;
    return pass();
}

static struct oidc_verdict rule_max_age(struct check *check) {
    struct span value = value_of(check, "max_age");
    uint64_t seconds = 0;

    if (value.len == 0)
        return pass();
    for (size_t i = 0; i < value.len; i++) {
        if (i == 10 || value.data[i] < '0' || value.data[i] > '9')
            return refuse(OIDC_INVALID_REQUEST, "max_age must be a number of seconds");
        seconds = seconds * 10 + (uint64_t)(value.data[i] - '0');
    }
    if (seconds > AUTHORIZE_MAX_AGE_MAX)
        return refuse(OIDC_INVALID_REQUEST, "max_age is too large");
    check->request.has_max_age = true;
    check->request.max_age_s = (uint32_t)seconds;
    return pass();
}

static struct oidc_verdict rule_id_token_hint(struct check *check) {
    struct span value = value_of(check, "id_token_hint");

    if (value.len > LIMIT_JWT)
        return refuse(OIDC_INVALID_REQUEST, "id_token_hint is too long");
    for (size_t i = 0; i < value.len; i++) {
        uint8_t c = value.data[i];
        bool good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                    (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';

        if (!good)
            return refuse(OIDC_INVALID_REQUEST, "id_token_hint is not a compact JWT");
    }
    check->request.id_token_hint = value;
    return pass();
}

static struct oidc_verdict rule_login_hint(struct check *check) {
    struct span value = value_of(check, "login_hint");

    if (!text_valid(value, AUTHORIZE_HINT_MAX))
        return refuse(OIDC_INVALID_REQUEST,
                      "login_hint is too long or has control characters");
    check->request.login_hint = value;
    return pass();
}

/* Language tags (RFC 5646) separated by spaces. */
static struct oidc_verdict rule_ui_locales(struct check *check) {
    struct span value = value_of(check, "ui_locales");

    if (value.len > AUTHORIZE_LOCALES_MAX)
        return refuse(OIDC_INVALID_REQUEST, "ui_locales is too long");
    for (size_t i = 0; i < value.len; i++) {
        uint8_t c = value.data[i];
        bool good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                    (c >= '0' && c <= '9') || c == '-' || c == ' ';

        if (!good)
            return refuse(OIDC_INVALID_REQUEST, "ui_locales is malformed");
    }
    check->request.ui_locales = value;
    return pass();
}

static struct oidc_verdict rule_acr_values(struct check *check) {
    struct span value = value_of(check, "acr_values");

    if (!text_valid(value, AUTHORIZE_ACR_MAX))
        return refuse(OIDC_INVALID_REQUEST,
                      "acr_values is too long or has control characters");
    check->request.acr_values = value;
    check->request.acr = acr_wanted(value);
    return pass();
}

/* OpenID Connect Core §5.5. The platform knows no such parameter: there it is one of
 * those that are ignored. */
static struct oidc_verdict rule_claims(struct check *check) {
    struct span value = value_of(check, "claims");

    if (check->client->profile == OIDC_GBIZID)
        return pass();
    if (value.len > AUTHORIZE_CLAIMS_MAX)
        return refuse(OIDC_INVALID_REQUEST, "claims is too long");
    check->request.claims = value;
    return pass();
}

static struct oidc_verdict rule_display(struct check *check) {
    static const char *const names[] = {
        [DISPLAY_PAGE] = "page",
        [DISPLAY_POPUP] = "popup",
        [DISPLAY_TOUCH] = "touch",
        [DISPLAY_WAP] = "wap",
    };
    struct span value = value_of(check, "display");

    if (value.len == 0)
        return pass();
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (span_is(value, names[i])) {
            check->request.display = (enum authorize_display)i;
            return pass();
        }
    }
    return refuse(OIDC_INVALID_REQUEST, "display has an unknown value");
}

/* RFC 9449 §10: a thumbprint is a SHA-256 as base64url, as a challenge is. */
static struct oidc_verdict rule_dpop_key(struct check *check) {
    struct span value = value_of(check, "dpop_jkt");

    if (value.len == 0)
        return pass();
    if (!pkce_challenge_parse(value, check->request.dpop_key))
        return refuse(OIDC_INVALID_REQUEST,
                      "dpop_jkt must be 43 characters of base64url");
    check->request.has_dpop_key = true;
    return pass();
}

/* The order in which a request with several faults is answered. */
static rule_fn *const rules[] = {
    rule_duplicates, rule_response_type, rule_response_mode, rule_not_supported,
    rule_scope,      rule_state,         rule_nonce,         rule_pkce,
    rule_prompt,     rule_max_age,       rule_id_token_hint, rule_login_hint,
    rule_ui_locales, rule_acr_values,    rule_claims,        rule_display,
    rule_dpop_key,
};
#define RULES (sizeof(rules) / sizeof(rules[0]))

static struct authorize_verdict page(enum oidc_error error, const char *description) {
    return (struct authorize_verdict){.error = error, .description = description};
}

struct authorize_verdict authorize_unknown_client(void) {
    return page(OIDC_INVALID_CLIENT, "client_id is not registered");
}

struct authorize_verdict authorize_client(const struct params *params,
                                          struct span *ret_client_id) {
    bool twice;
    struct span client_id = params_get(params, "client_id", &twice);

    if (twice)
        return page(OIDC_INVALID_REQUEST, "parameter client_id is repeated");
    if (client_id.len == 0)
        return page(OIDC_INVALID_REQUEST, "client_id is missing");
    if (!client_auth_id_valid(client_id))
        return authorize_unknown_client();
    *ret_client_id = client_id;
    return page(OIDC_OK, NULL);
}

/* The state to send back with an error: only one that could be used. */
static struct span state_to_return(const struct params *params) {
    bool duplicate;
    struct span state = params_get(params, "state", &duplicate);

    if (duplicate || !text_valid(state, LIMIT_STATE))
        return span_of(NULL, 0);
    return state;
}

/* Who asks, and where the answer may go: with OIDC_OK the verdict may_redirect. */
static struct authorize_verdict target(const struct params *params,
                                       const struct oidc_client *client) {
    bool twice;
    struct span redirect_uri = params_get(params, "redirect_uri", &twice);
    struct span client_id;
    struct authorize_verdict verdict = authorize_client(params, &client_id);

    if (verdict.error != OIDC_OK)
        return verdict;
    if (twice)
        return page(OIDC_INVALID_REQUEST, "parameter redirect_uri is repeated");
    if (redirect_uri.len == 0)
        return page(OIDC_INVALID_REQUEST, "redirect_uri is missing");
    if (redirect_uri.len > LIMIT_REDIRECT_URI)
        return page(OIDC_INVALID_REQUEST, "redirect_uri is too long");
    if (!span_equal(client_id, client->client_id))
        return authorize_unknown_client();
    if (!redirect_uri_registered(client, redirect_uri))
        return page(OIDC_INVALID_REQUEST,
                    "redirect_uri is not registered for this client");
    verdict.may_redirect = true;
    verdict.redirect_uri = redirect_uri;
    verdict.form_post = span_is(params_get(params, "response_mode", &twice), "form_post");
    verdict.form_post = verdict.form_post && !twice;
    verdict.state = state_to_return(params);
    return verdict;
}

struct authorize_verdict authorize_refusal(const struct params *params,
                                           const struct oidc_client *client,
                                           struct oidc_verdict why) {
    struct authorize_verdict verdict = target(params, client);

    if (verdict.error != OIDC_OK)
        return page(why.error, why.description);
    verdict.error = why.error;
    verdict.description = why.description;
    return verdict;
}

struct authorize_verdict authorize_check(const struct params *params,
                                         const struct oidc_client *client,
                                         struct authorize_request *ret_request) {
    struct check check = {.params = params, .client = client};
    struct authorize_verdict verdict = target(params, client);

    if (verdict.error != OIDC_OK)
        return verdict;
    check.request.client_id = client->client_id;
    check.request.redirect_uri = verdict.redirect_uri;
    for (size_t i = 0; i < RULES; i++) {
        struct oidc_verdict word = rules[i](&check);

        if (word.error != OIDC_OK) {
            verdict.error = word.error;
            verdict.description = word.description;
            return verdict;
        }
    }
    *ret_request = check.request;
    return verdict;
}
