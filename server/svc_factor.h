/* svc_factor: the second step of a sign-in, from its page to the session.
 *
 *   svc_login ── OUT_SECOND_STEP ──┐
 *   svc_flow_decide ── acr too low ┴─> svc_factor_start ─> the rows ─> a method's `ask`
 *        POST /oauth/factor: svc_flow_resume ─> the rows ─┬─> `ask` of another choice
 *                                                         └─> `verify` ─> CMD_FACTOR_PASS
 *        ─> the session's cookie, svc_flow_decide; or the page again with a notice
 *
 * A method is a row of the table in svc_factor.c and a file svc_factor_<method>.c with
 * the functions of struct factor_method; its part of the page stands in
 * http/pages/factor.mustache between {{#is_<method>}} and {{/is_<method>}}, its name is
 * the message factor_<method>; its rule stands in raft/fsm_factor_<method>.c.
 *
 * Invariants:
 *   Z1  the page and its form tell nothing but what who has the password may know: the
 *       kinds of the account's factors and their labels (SECURITY D01);
 *   Z2  the sign-in's secret stands in the sealed request alone;
 *   Z3  what an answer is worth is decided by the state machine. Thread: the svc's. */
#ifndef SERVER_SVC_FACTOR_H
#define SERVER_SVC_FACTOR_H

#include "server/oidc/acr.h"
#include "server/svc_flow.h"

#define SVC_SIGNIN_TTL_MS (10u * 60 * 1000)
#define SVC_SIGNIN_SECRET 32
/* A session's password is fresh so long: no need to ask for it again before a second
 * step that a service asks for. */
#define SVC_RAISE_AGE_MS (15u * 60 * 1000)

struct factor_method {
    enum factor_kind kind;
    const char *name;   /* in forms, pages and messages */
    uint32_t auth;      /* enum acr_method: what it adds to the session */
    bool enrols_at_signin;
    bool reaches; /* asking sends something to a person: never by a GET, which another
                   * site's page can cause */
    /* The person is asked by it from now on: factor->chosen, or to enrol one when that is
     * NULL. Goes on with svc_factor_challenge, or with svc_factor_show. */
    void (*ask)(struct svc_flow *flow);
    /* Fill its part of the page, from the rows. */
    enum err (*show)(struct svc_flow *flow);
    /* The answer that stands in factor->params: fill in factor->pass and go on with
     * svc_factor_pass; or with svc_factor_show. */
    void (*verify)(struct svc_flow *flow);
};

struct svc_factor_state {
    struct stamped_token stamp; /* of the sign-in: where it stands, and its secret */
    struct signin signin;
    uint64_t generation;
    struct factor factors[LIMIT_FACTORS];
    size_t factors_count;
    const struct params *params; /* that came with the page; NULL: nothing yet */
    struct span device_cookie;
    bool english;

    const struct factor_method *method; /* that is asked now; NULL: none yet */
    const struct factor *chosen;        /* NULL: one is enrolled */
    struct cmd_factor_challenge challenge;
    struct cmd_factor_pass pass;
    uint8_t session_secret[SVC_SESSION_SECRET];
    bool remember;
};

/* Make flow->factor, with a new secret of a sign-in: before the command that begins it
 * (factor->stamp.secret, svc_factor_key). ERR_NOMEM. */
enum err svc_factor_new(struct svc_flow *flow);
struct key_hash svc_factor_key(struct svc_flow *flow);
/* After that command, whose outcome is in flow->base.request: the page. */
void svc_factor_start(struct svc_flow *flow);
/* The session is live, but of too low a class for the request: raise it. */
void svc_factor_raise(struct svc_flow *flow);

/* ---- for methods */

/* The page, with a notice that may be NOTICE_NONE. */
void svc_factor_show(struct svc_flow *flow, enum svc_login_notice notice);
/* Send factor->challenge (kind, enrols and factor are set here from method and chosen,
 * but for the id of one that is enrolled); then the page. */
void svc_factor_challenge(struct svc_flow *flow);
/* Send factor->pass, of which the method has set right, code, step and enrolled. */
void svc_factor_pass(struct svc_flow *flow);
/* A value for the page. */
void svc_factor_value(struct svc_flow *flow, const char *name, struct span text);
/* A field of the form; empty: none, or twice. */
struct span svc_factor_field(const struct svc_flow *flow, const char *name);
/* The field `code` as six ASCII digits, whatever keyboard they came from: full-width ones
 * are folded, spaces and hyphens dropped. False: it is not six digits. */
#define SVC_FACTOR_CODE 6
bool svc_factor_code(const struct svc_flow *flow, char out[SVC_FACTOR_CODE]);
bool svc_factor_digits(struct span typed, char out[SVC_FACTOR_CODE]);
/* Who gives the codes of an authenticator app, as the app shows it. */
#define SVC_TOTP_ISSUER "Tasuki"
/* What the sign-in keeps for the method: sealed into factor->challenge.data, and opened
 * from the row into the arena. Opening: ERR_FORGED. */
enum err svc_factor_keep(struct svc_flow *flow, struct span plain);
enum err svc_factor_kept(struct svc_flow *flow, struct span *ret_plain);
/* What a factor's row has sealed; opened into the arena. */
enum err svc_factor_seal(struct svc *svc, struct id128 sub, struct id128 id,
                         struct span plain, struct arena *arena, struct span *ret_sealed);
enum err svc_factor_open(struct svc *svc, const struct factor *factor,
                         struct arena *arena, struct span *ret_plain);
/* The account ID of the sign-in's account, for messages and apps. Empty: not known. */
enum err svc_factor_account(struct svc_flow *flow, struct span *ret_account_id);

extern const struct factor_method factor_method_sms, factor_method_totp,
    factor_method_passkey, factor_method_app;

#endif
