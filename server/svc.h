/* svc: the use cases as the HTTP layer calls them.
 *
 * One `struct svc` per HTTP thread; it owns the thread's read handle, sealer and
 * copy of the signing keys. Routes translate bytes to these structs and results to
 * responses; services decide; nothing here knows a status code, a header or a page.
 *
 * Every operation is asynchronous: it takes a caller-owned request struct that
 * stays alive until its `done`, which runs exactly once, on the svc's own loop,
 * and possibly before the call returns (when no command or wait is needed).
 * Spans in the input must live until `done`; spans in the result live in the
 * operation's `op.arena` until svc_op_close.
 *
 * Cancelling: when the client goes away, the route keeps the struct until `done`
 * and then drops the result. */
#ifndef SERVER_SVC_H
#define SERVER_SVC_H

#include "server/oidc/oidc_error.h"
#include "server/oidc/params.h"
#include "store/base/arena.h"
#include "store/base/buf.h"
#include "store/base/err.h"
#include "store/base/limits.h"
#include "store/base/port.h"
#include "store/base/span.h"

struct svc;
struct svc_shared; /* server/svc_shared.h: what all threads use */

enum err svc_new(struct svc_shared *shared, struct port_loop *loop,
                 struct svc **ret_svc);
void svc_free(struct svc *svc);

/* Where a request came from, for the audit. Set by the route; lives until `done`. */
struct svc_origin {
    struct span address; /* textual IP; empty: not told */
    struct span browser; /* User-Agent; empty: none */
    struct span operator_cert; /* DER, through the operator's door; empty: not that */
};

/* The part that all operations share. */
struct svc_op {
    struct svc_origin from;
    struct arena arena;
    enum err err;            /* other than OK: unavailable (503), see below */
    struct svc_state *state; /* private */
};
/* ERR_BUSY, ERR_TIMEOUT, ERR_STALE, ERR_NO_LEADER, ERR_CLOSED, ERR_NO_SPACE:
 * nothing is known to have happened, try again (503, Retry-After). Others: a
 * fault of this server (500), logged already. */
void svc_op_close(struct svc_op *op);

/* ---- authorize: GET or POST /oauth/authorize (RFC 6749 §4.1, OIDC Core §3.1.2).
 * Also used to go on after a sign-in or a consent, by `login_state`. */
enum svc_authorize_kind {
    AUTHORIZE_REDIRECT, /* to `location` (code or error, with iss and state) */
    AUTHORIZE_POST,     /* the same as `fields` of a form to `location` */
    AUTHORIZE_LOGIN,    /* show the login page */
    AUTHORIZE_FACTOR,   /* show the page of the second step, `factor` */
    AUTHORIZE_CONSENT,  /* show the consent page */
    AUTHORIZE_REFUSED,  /* error page of our own: never a redirect */
};
#define SVC_FIELDS_MAX 4 /* error, error_description, iss, state */

/* Why a page of the sign-in is shown again. */
enum svc_login_notice {
    NOTICE_NONE,
    NOTICE_BAD_CREDENTIALS, /* unknown account and wrong password alike */
    NOTICE_LOCKED,          /* too many attempts: wait */
    NOTICE_ACCOUNT_STATE,   /* right password, but the account is suspended */
    NOTICE_NOT_PERMITTED,   /* this kind of account may not use this service */
    NOTICE_LIMITED,         /* too many attempts from this address */
    NOTICE_SIGNIN_OVER,     /* the second step took too long: begin again */
    NOTICE_CODE_WRONG,
    NOTICE_CODE_USED,
    NOTICE_CODE_EXPIRED,
    NOTICE_CODE_LOCKED,  /* too many wrong ones today */
    NOTICE_CODE_UNSENT,  /* no more of them can be sent now */
    NOTICE_PHONE,        /* not a number that can be sent to */
    NOTICE_APP_WAITING,  /* not approved yet */
    NOTICE_APP_EXPIRED,  /* nobody has answered in time */
    NOTICE_APP_UNREGISTERED, /* no device has come yet */
    NOTICE_APP_DENIED,
    NOTICE_PASSKEY,      /* not what was asked for */
    NOTICE_PASSWORD_SHORT, /* domain/password_rule.h */
    NOTICE_PASSWORD_LONG,
    NOTICE_PASSWORD_FORM,
    NOTICE_PASSWORD_COMMON,
    NOTICE_PASSWORD_CONTEXT,
};

/* A page of the second step. What a method's own part shows stands in `values`, by the
 * names that its part of http/pages/factor.mustache has. */
#define SVC_FACTOR_CHOICES_MAX 12
#define SVC_FACTOR_VALUES_MAX 10
struct svc_factor_page {
    const char *method; /* whose part is shown: "sms"; NULL: one is to be chosen */
    bool enrols;        /* the account has none: one is made */
    bool raises;        /* somebody is signed in, and a service asks for more */
    bool may_remember;  /* offer to trust this browser */
    size_t choices_count;
    struct svc_factor_choice {
        char value[33];     /* of the form field `choice` */
        const char *method; /* the message that names it: factor_<method> */
        struct span label;  /* its holder's; empty: none */
        bool current;
    } choices[SVC_FACTOR_CHOICES_MAX];
    size_t values_count;
    struct svc_factor_value {
        const char *name;
        struct span text; /* empty: a switch that is on */
    } values[SVC_FACTOR_VALUES_MAX];
};
struct svc_authorize {
    struct svc_op op;
    void (*done)(struct svc_authorize *authorize);
    void *arg;
    /* in */
    const struct params *params;
    struct span session_cookie; /* raw values; empty: none */
    struct span browser_cookie;
    /* out */
    enum svc_authorize_kind kind;
    struct span location;
    struct svc_field {
        const char *name;
        struct span value;
    } fields[SVC_FIELDS_MAX];
    size_t fields_count;
    enum oidc_error refusal;        /* AUTHORIZE_REFUSED, with `description` */
    const char *description;        /* static English */
    struct span login_state;        /* sealed; hidden form field */
    struct span login_hint;         /* AUTHORIZE_LOGIN: to pre-fill; checked UTF-8 */
    struct span set_browser_cookie; /* empty: leave as it is */
    struct span client_name;
    struct span redirect_host;   /* host[:port] of the redirect URI: CSP form-action */
    struct span redirect_origin; /* scheme://host[:port] */
    /* What the service says of itself, empty: nothing. Addresses over TLS. */
    struct span logo_uri, policy_uri, tos_uri;
    uint64_t consent_scopes;     /* AUTHORIZE_CONSENT */
    struct span passkey_challenge, passkey_rp_id; /* AUTHORIZE_LOGIN */
    struct svc_factor_page *factor; /* AUTHORIZE_FACTOR */
    enum svc_login_notice notice;   /* AUTHORIZE_LOGIN, AUTHORIZE_FACTOR */
    uint64_t notice_wait_ms; /* of NOTICE_LIMITED, _LOCKED; 0: about a minute */
    struct span set_session_cookie; /* empty: leave as it is */
    struct span set_device_cookie;
};
void svc_authorize(struct svc *svc, struct svc_authorize *authorize);

/* ---- login: POST /oauth/login with fields account_id, password, login_state. */
enum svc_login_kind {
    LOGIN_CONTINUE, /* as `next` says: redirect, second step, or consent page */
    LOGIN_AGAIN,    /* show the page again with its notice */
    LOGIN_REFUSED,  /* login_state missing, forged, expired, of another browser */
};
struct svc_login {
    struct svc_op op;
    void (*done)(struct svc_login *login);
    void *arg;
    /* in */
    struct span account_id, password, login_state;
    struct span session_cookie, browser_cookie, device_cookie;
    struct span client_address; /* textual IP, for the local limit */
    bool english;               /* what is sent to the person */
    /* out */
    enum svc_login_kind kind;
    struct svc_authorize next; /* LOGIN_CONTINUE and LOGIN_AGAIN: filled */
};
void svc_login(struct svc *svc, struct svc_login *login);

/* ---- second step: POST /oauth/factor with login_state, and either `choice` (another
 * factor, or the same once more), or what the method's part of the page asks for. */
struct svc_factor {
    struct svc_op op;
    void (*done)(struct svc_factor *factor);
    void *arg;
    /* in */
    const struct params *params;
    struct span login_state;
    struct span session_cookie, browser_cookie, device_cookie;
    bool english;
    /* out */
    enum svc_login_kind kind;
    struct svc_authorize next;
};
void svc_factor(struct svc *svc, struct svc_factor *factor);

/* ---- a forgotten password: POST /oauth/recover mails a link, if there is such an account;
 * the answer does not say. */
struct svc_recover {
    struct svc_op op;
    void (*done)(struct svc_recover *recover);
    void *arg;
    struct span account_id;
    bool english;
};
void svc_recover(struct svc *svc, struct svc_recover *recover);

/* GET (sets: false) and POST /oauth/reset, what the link leads to. */
enum svc_reset_kind {
    RESET_REFUSED, /* the link was used, is too old, or is none */
    RESET_FORM,    /* ask for the password */
    RESET_AGAIN,   /* the same, with a notice */
    RESET_DONE,
};
struct svc_reset {
    struct svc_op op;
    void (*done)(struct svc_reset *reset);
    void *arg;
    /* in */
    struct span token, password;
    struct span device_cookie;
    bool sets, english;
    /* out */
    enum svc_reset_kind kind;
    struct span set_device_cookie; /* RESET_DONE: the account is known here */
    enum svc_login_notice notice; /* NOTICE_PASSWORD_* */
};
void svc_reset(struct svc *svc, struct svc_reset *reset);

/* ---- an Entry account of one's own: POST /register mails a link to the address. Whether
 * there is an account with it is said in the mail alone. */
struct svc_entry_ask {
    struct svc_op op;
    void (*done)(struct svc_entry_ask *ask);
    void *arg;
    /* in */
    struct span account_id;
    bool english;
    /* out */
    bool bad; /* it is no address; nothing was sent */
};
void svc_entry_ask(struct svc *svc, struct svc_entry_ask *ask);

/* GET (creates: false) and POST /register/confirm, what the link leads to. */
enum svc_entry_kind {
    ENTRY_REFUSED, /* the link was used, is too old, or is none */
    ENTRY_KNOWN,   /* there is an account with this address meanwhile */
    ENTRY_FORM,    /* ask for the rest, with notices if there are any */
    ENTRY_DONE,
};
enum svc_entry_notice {
    ENTRY_BAD_NAME,
    ENTRY_BAD_KANA,
    ENTRY_BAD_PHONE,
    ENTRY_PASSWORD_DIFFERS, /* the second time */
    ENTRY_PASSWORD_SHORT,   /* domain/password_rule.h */
    ENTRY_PASSWORD_LONG,
    ENTRY_PASSWORD_FORM,
    ENTRY_PASSWORD_COMMON,
    ENTRY_PASSWORD_CONTEXT,
};
#define ENTRY_NOTICES_MAX 4
struct svc_entry {
    struct svc_op op;
    void (*done)(struct svc_entry *entry);
    void *arg;
    /* in */
    struct span token;
    struct span last_name, first_name, last_kana, first_kana, phone, password, again;
    bool creates;
    /* out */
    enum svc_entry_kind kind;
    struct span account_id; /* that the link is for */
    size_t notices_count;
    enum svc_entry_notice notices[ENTRY_NOTICES_MAX];
};
void svc_entry(struct svc *svc, struct svc_entry *entry);

/* ---- consent: POST /oauth/consent with login_state and decision=allow|deny. */
struct svc_consent {
    struct svc_op op;
    void (*done)(struct svc_consent *consent);
    void *arg;
    struct span login_state, session_cookie, browser_cookie;
    bool allow;
    struct svc_authorize next; /* REDIRECT, LOGIN (session ended) or REFUSED */
};
void svc_consent(struct svc *svc, struct svc_consent *consent);

/* What comes with a request to an endpoint at which clients authenticate (token, pushed
 * requests, introspection, revocation). Spans live until `done`. */
struct svc_caller_in {
    const struct params *params; /* the body's; the query must be empty */
    bool query_present;
    struct span authorization; /* header's value; empty: none */
    const char *base;          /* the issuer, or the URL of the door for certificates */
    const char *endpoint;      /* below it, "token" */
    struct span certificate;   /* DER, of the TLS client; empty: none */
    struct span certificate_chain; /* DER, end to end: what it sent behind it */
    struct span dpop;          /* header's value; empty: none */
    bool dpop_twice;
};
/* Why a client was not served (RFC 6749 §5.2). */
struct svc_refusal {
    enum oidc_error error;   /* OIDC_OK: it was */
    const char *description; /* static English */
    bool challenge_basic;    /* 401 with WWW-Authenticate: Basic */
    struct span
        dpop_nonce; /* header DPoP-Nonce, also when it was served; empty: none */
};

/* ---- token: POST /oauth/token (RFC 6749 §4.1.3, §6). */
struct svc_token {
    struct svc_op op;
    void (*done)(struct svc_token *token);
    void *arg;
    struct svc_caller_in in;
    /* out */
    struct svc_refusal refusal;
    struct span body; /* JSON of the answer when it was served */
};
void svc_token(struct svc *svc, struct svc_token *token);

/* ---- pushed requests: POST /oauth/par (RFC 9126). */
struct svc_par {
    struct svc_op op;
    void (*done)(struct svc_par *par);
    void *arg;
    struct svc_caller_in in;
    /* out */
    struct svc_refusal refusal;
    struct span body; /* JSON of the answer (201) when it was served */
};
void svc_par(struct svc *svc, struct svc_par *par);

/* ---- registration: /oauth/register (RFC 7591, RFC 7592, OpenID Connect Registration).
 * POST takes an initial access token, once; the others the token that it answered, and
 * the client_id in the query. */
enum svc_register_action {
    REGISTER_CREATE,
    REGISTER_READ,
    REGISTER_UPDATE,
    REGISTER_DELETE, /* the client is retired */
};
struct svc_register {
    struct svc_op op;
    void (*done)(struct svc_register *registration);
    void *arg;
    /* in */
    enum svc_register_action action;
    struct span authorization;
    struct span client_id; /* empty with REGISTER_CREATE */
    struct span body_in;
    /* out */
    enum oidc_error error; /* INVALID_TOKEN, INVALID_REDIRECT_URI, _CLIENT_METADATA */
    const char *description; /* in op.arena */
    bool token_missing;      /* as in svc_userinfo */
    struct span body;        /* JSON; empty after REGISTER_DELETE */
};
void svc_register(struct svc *svc, struct svc_register *registration);

/* The TOP page was shown. */
void svc_top_shown(struct svc *svc);

/* ---- revocation: POST /oauth/revoke (RFC 7009). */
struct svc_revoke {
    struct svc_op op;
    void (*done)(struct svc_revoke *revoke);
    void *arg;
    struct svc_caller_in in;
    struct svc_refusal refusal; /* out */
};
void svc_revoke(struct svc *svc, struct svc_revoke *revoke);

/* ---- introspection: POST /oauth/introspect (RFC 7662, RFC 9701). */
struct svc_introspect {
    struct svc_op op;
    void (*done)(struct svc_introspect *introspect);
    void *arg;
    struct svc_caller_in in;
    bool as_jwt; /* the answer is wanted signed */
    /* out */
    struct svc_refusal refusal;
    struct span body; /* JSON, or the JWT */
};
void svc_introspect(struct svc *svc, struct svc_introspect *introspect);

/* ---- userinfo: GET or POST /oauth/userinfo (OIDC Core §5.3, RFC 6750). */
struct svc_userinfo {
    struct svc_op op;
    void (*done)(struct svc_userinfo *userinfo);
    void *arg;
    /* in */
    struct span authorization;
    const struct params *params; /* POST form body, NULL for GET */
    bool token_in_query;         /* refused (RFC 9700 §4.3.2) */
    struct span dpop;            /* header's value; empty: none */
    bool dpop_twice;
    const char *method;
    const char *base;         /* as in svc_caller_in */
    struct span certificate;
    /* out */
    enum oidc_error error;
    const char *description;
    bool token_missing; /* with OIDC_INVALID_TOKEN: a challenge without error code */
    bool by_dpop;       /* the challenge is DPoP's */
    struct span dpop_nonce; /* header DPoP-Nonce; empty: none */
    struct span body;       /* JSON, or the JWT */
    bool as_jwt;            /* the client has its answers signed (OIDC Core §5.3.2) */
};
void svc_userinfo(struct svc *svc, struct svc_userinfo *userinfo);

/* ---- logout: GET or POST /oauth/logout (RP-Initiated Logout 1.0), and a plain visit.
 * Ends the session at once when the hint is of that very session; else the person is
 * asked, whose answer is a POST with `csrf`. */
struct svc_logout {
    struct svc_op op;
    void (*done)(struct svc_logout *logout);
    void *arg;
    /* in */
    const struct params *params; /* of the request; the answer brings them again */
    bool confirm;                /* the answer to our question, proven by `csrf` */
    struct span session_cookie, csrf;
    /* out */
    enum oidc_error refusal; /* not OIDC_OK: error page of our own, nothing is ended */
    const char *description; /* static English */
    bool signed_in;          /* there was a live session */
    bool ended;              /* it has been ended, on every node */
    bool csrf_refused;
    struct span location; /* not empty, and not asking: send the person there */
    struct span back;     /* nobody is signed in and nobody has asked: a link */
    /* to ask with */
    struct span set_csrf;        /* value for the form's hidden field */
    struct span client_name;     /* empty: no client */
    struct span redirect_origin; /* scheme://host[:port] of the redirect; or empty */
};
void svc_logout(struct svc *svc, struct svc_logout *logout);

/* ---- documents, ready to send; borrowed until the next call on this thread. */
struct span svc_discovery(struct svc *svc); /* the same bytes on every node */
/* How long a document may be kept; the key set for at most half of the time for which a
 * key is published before it signs, and not at all as a node has it that may be behind.
 */
#define SVC_DOCUMENT_AGE_S 300u
/* Empty span: the cluster has no keys yet (503). */
struct span svc_jwks(struct svc *svc, uint32_t *ret_max_age_s);

/* True when this node should get traffic; terse reason otherwise. */
bool svc_ready(struct svc *svc, const char **ret_why);

#endif
