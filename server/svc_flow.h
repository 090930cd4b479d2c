/* svc_flow: an authorization request from its check to its redirect, as the three
 * use cases share it: svc_authorize begins it, svc_login and svc_consent take it up
 * again from a sealed login_state.
 *
 *   svc_flow_resume (login, consent) ──┐
 *   svc_authorize ── checked request ──┴─> svc_flow_session ─> svc_flow_decide
 *        ├─> login page or login_required    sign-in missing, too old, of another
 *        ├─> access_denied                   kind of account not permitted
 *        ├─> the second step (svc_factor.h)  more is asked for than the sign-in had
 *        ├─> consent page or consent_required
 *        └─> the code, sealed (svc_code.h), or stored by CMD_GRANT_ISSUE
 *              ─> redirect with code
 *
 * Invariants:
 *   W1  nothing is sent to a redirect URI that authorize_check has not proven;
 *   W2  a sealed request is bound to the browser that began it (SECURITY D09), and
 *       names the account when the account is known already;
 *   W3  whether the sign-in is fresh enough is decided by auth_after_ms, here and
 *       once more by the state machine when the code is issued.
 * Thread: the svc's. */
#ifndef SERVER_SVC_FLOW_H
#define SERVER_SVC_FLOW_H

#include "server/oidc/authorize_check.h"
#include "server/oidc/login_state.h"
#include "server/svc_internal.h"

#define SVC_LOGIN_STATE_AGE_MS (30u * 60 * 1000)

/* login_state.flags */
#define FLOW_STATE_CONSENT 1u /* it was shown with the consent page */
#define FLOW_STATE_HINTED 2u  /* `subject` is what an id_token_hint asked for */
#define FLOW_STATE_FACTOR 4u  /* it was shown with the page of the second step */
#define FLOW_STATE_PAGES (FLOW_STATE_CONSENT | FLOW_STATE_FACTOR)

/* DOMAIN §2.1 for its own profile: log2(62^22) = 130.9 bits. Certification measures the
 * frequency of characters, by which 22 of them never reach 96 bits: others get 43. */
#define FLOW_CODE_LEN_GBIZID 22
#define FLOW_CODE_LEN 43

struct svc_flow {
    struct svc_state base; /* first */
    struct svc_authorize *out;
    struct span session_cookie, browser_cookie;

    struct authorize_request request;
    struct client client;
    struct oidc_client view;
    uint64_t auth_after_ms;
    bool is_pushed; /* the request was pushed, under this key */
    struct key_hash pushed;
    struct span subject; /* `sub` that the session must have; empty: any */
    bool hinted;         /* by the RP; otherwise the one that a consent page asked */

    void (*next)(struct svc_flow *flow);
    bool has_stamp; /* the cookie is ours */
    struct stamped_token stamp;
    bool has_session; /* and stands for a live session */
    struct session session;
    uint64_t epoch, clock_ms; /* of the snapshot that it was read in */
    enum account_type account_type;

    struct stamped_token signin;     /* that a page of the second step belongs to */
    struct svc_factor_state *factor; /* svc_factor.h; NULL: no second step goes on */
    bool has_browser;                /* `browser` is what sealed requests are bound to */
    uint8_t browser[32];

    bool signed_in_now; /* in this very call: never ask again */
    bool consent_given;
    uint64_t consent_scopes;
    char drawn[FLOW_CODE_LEN]; /* a code that is stored */
    struct span code;
};

/* Answers. Each of them ends the operation. */
void svc_flow_refuse(struct svc_flow *flow, enum oidc_error error,
                     const char *description);
void svc_flow_redirect_error(struct svc_flow *flow, enum oidc_error error,
                             const char *description);
void svc_flow_login_page(struct svc_flow *flow);

/* Where a refusal of authorize_check goes. */
void svc_flow_verdict(struct svc_flow *flow, const struct authorize_verdict *verdict);

/* Take up the request inside a form: seal, age, browser, kind of page (0 or one of
 * FLOW_STATE_PAGES), and the client, which must still be there and have the redirect
 * URI; scopes that it has no more are dropped. OK; ERR_FORGED: not to be taken up. */
enum err svc_flow_resume(struct svc_flow *flow, struct span login_state, uint32_t page);
/* Names and origin of the client for the pages. ERR_NOMEM. */
enum err svc_flow_describe(struct svc_flow *flow);

/* What the account's holder consents to: the scopes, and those that open the claims
 * which were asked for one by one. */
uint64_t svc_flow_scopes(const struct svc_flow *flow);

/* Find the session of the cookie, if it lives; then `next`. */
void svc_flow_session(struct svc_flow *flow, void (*next)(struct svc_flow *flow));
/* Is the session the one that the request asks for, and its sign-in new enough? */
bool svc_flow_session_serves(const struct svc_flow *flow);
/* Somebody has just signed in; the cookie is in out->set_session_cookie. Goes on with
 * svc_flow_decide. */
void svc_flow_signed_in(struct svc_flow *flow, uint64_t auth_time_ms);
/* What now? Issues the code, or answers with the page or error that is due. */
void svc_flow_decide(struct svc_flow *flow);

#endif
