/* authorize_check: the rules of an authorization request, in their order.
 *
 * Source: RFC 6749 §3.1, §4.1.1; OpenID Connect Core §3.1.2; OAuth 2.0 Form Post
 * Response Mode; RFC 7636; RFC 9700 §2.1. Two phases, because the client row must be read in between:
 *
 *   authorize_client  which client
 *   [the service reads the client; unknown or retired: authorize_unknown_client; then
 *   opens what it has signed (svc_request_object); not good: authorize_refusal]
 *   authorize_check   redirect URI against the client, then everything else
 *
 * Invariant: `may_redirect` is false until client and redirect URI are proven
 * (RFC 6749 §4.1.2.1): such a refusal is shown on our own page.
 * An empty value counts as an absent one (RFC 6749 §3.1). Pure. */
#ifndef OIDC_AUTHORIZE_CHECK_H
#define OIDC_AUTHORIZE_CHECK_H

#include "server/oidc/acr.h"
#include "server/oidc/oidc_client.h"
#include "server/oidc/oidc_error.h"
#include "server/oidc/params.h"
#include "store/base/span.h"

/* Bounds of the parameters that have none in store/base/limits.h. */
#define AUTHORIZE_HINT_MAX 254
#define AUTHORIZE_LOCALES_MAX 256
#define AUTHORIZE_ACR_MAX 256
#define AUTHORIZE_CLAIMS_MAX 4096
#define AUTHORIZE_SUB_MAX 64
#define AUTHORIZE_MAX_AGE_MAX 2147483647u /* seconds */

enum authorize_prompt { /* bits */
                        PROMPT_NONE = 1 << 0,
                        PROMPT_LOGIN = 1 << 1,
                        PROMPT_CONSENT = 1 << 2,
                        PROMPT_SELECT_ACCOUNT = 1 << 3,
};
enum authorize_display {
    DISPLAY_PAGE, /* the default */
    DISPLAY_POPUP,
    DISPLAY_TOUCH,
    DISPLAY_WAP,
};

/* A checked request. Spans borrow from the parameters (or, when decoded by
 * login_state, from its input); an empty span means absent. */
struct authorize_request {
    struct span client_id;
    struct span redirect_uri; /* exactly as sent */
    struct span state;
    bool form_post; /* response_mode: the answer is posted by a form; else query */
    struct span nonce;
    uint64_t scopes;    /* asked for and permitted to the client */
    bool scope_omitted; /* gbizid: the base set was taken */
    bool has_challenge;
    uint8_t challenge[32]; /* SHA-256 of the verifier; S256 alone is offered */
    unsigned prompt;       /* enum authorize_prompt bits; 0: absent */
    bool has_max_age;
    uint32_t max_age_s;
    enum authorize_display display;
    struct span login_hint;
    struct span ui_locales;
    struct span acr_values;
    enum acr_level acr; /* that acr_values, or `claims`, ask for; NONE: whatever */
    bool has_dpop_key; /* RFC 9449 §10: dpop_jkt */
    uint8_t dpop_key[32];
    struct span id_token_hint; /* a compact JWT by its looks; not verified here */
    struct span claims;        /* JSON, not looked at here; empty for profile gbizid */
    /* What `claims` asks for (svc_claims_request): sets of oidc/claims.h, of scopes
     * that the client may ask for. */
    uint64_t id_token_claims, userinfo_claims;
    struct span claims_sub; /* the `sub` that it insists on; AUTHORIZE_SUB_MAX */
};

struct authorize_verdict {
    enum oidc_error error; /* OIDC_OK: go on */
    const char *description;
    bool may_redirect; /* a refusal may go to `redirect_uri` with `state` */
    bool form_post;    /* and goes so */
    struct span redirect_uri;
    struct span state; /* empty: absent, or not fit to be sent back */
};

/* Phase 1. On OIDC_OK *ret_client_id is set, bounded but not proven. A refusal never
 * may_redirect. */
struct authorize_verdict authorize_client(const struct params *params,
                                          struct span *ret_client_id);

/* The refusal for a client_id that is not registered, retired or of another
 * environment. */
struct authorize_verdict authorize_unknown_client(void);

/* A refusal that was decided elsewhere: goes to the redirect URI of `params` when it is
 * one of the client's. */
struct authorize_verdict authorize_refusal(const struct params *params,
                                           const struct oidc_client *client,
                                           struct oidc_verdict why);

/* Phase 2. `client` is the one that phase 1 named. *ret_request is set on
 * OIDC_OK alone. */
struct authorize_verdict authorize_check(const struct params *params,
                                         const struct oidc_client *client,
                                         struct authorize_request *ret_request);

#endif
