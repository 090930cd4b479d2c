/* logout_check: the rules of a request to end the session (end_session_endpoint).
 *
 * Source: OpenID Connect RP-Initiated Logout 1.0 §2, §3, §4, §6. In their order:
 *
 *   logout_check     form and bounds of the parameters
 *   [the service verifies id_token_hint: struct logout_hint]
 *   logout_client    whose request it is
 *   [the service reads that client]
 *   logout_target    may the person be sent to post_logout_redirect_uri?
 *   [the service reads the session]
 *   logout_asks      must the person be asked first?
 *
 * Every refusal is shown on a page of our own: nobody is ever sent to an address that
 * was not proven. An empty value counts as an absent one. Pure. */
#ifndef OIDC_LOGOUT_CHECK_H
#define OIDC_LOGOUT_CHECK_H

#include "server/oidc/oidc_error.h"
#include "server/oidc/params.h"
#include "store/base/span.h"

/* Spans borrow from the parameters; an empty one means absent. */
struct logout_request {
    struct span id_token_hint; /* a compact JWT by its looks; not verified here */
    struct span client_id;
    struct span post_logout_redirect_uri; /* exactly as sent */
    struct span state;
};

/* What a verified id_token_hint says; all empty when none was sent. */
struct logout_hint {
    struct span client_id; /* aud */
    struct span sub, sid;
};

/* The names of the parameters that a request may have, ended by NULL. */
extern const char *const logout_params[];

struct oidc_verdict logout_check(const struct params *params,
                                 struct logout_request *ret_request);

/* *ret_client_id is empty when the request names no client: it may be answered here
 * alone then. */
struct oidc_verdict logout_client(const struct logout_request *request,
                                  const struct logout_hint *hint,
                                  struct span *ret_client_id);
/* The refusal for a client that is not registered, retired or of another environment.
 */
struct oidc_verdict logout_unknown_client(void);

/* Comparison is of bytes. `uris`: what the client has registered; none without one. */
struct oidc_verdict logout_target(const struct logout_request *request,
                                  const char *const uris[], size_t uris_count);

/* §2: the person is asked unless the hint is of the very session, and of the very
 * person, that this browser has. */
bool logout_asks(const struct logout_hint *hint, struct span session_sub,
                 struct span session_sid);

#endif
