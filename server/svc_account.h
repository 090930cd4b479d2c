/* svc_account: the account's pages, on which a holder looks after it (/account).
 *
 *   cookie -> stamp -> session, account ─┬─ nobody, not fresh, too weak: to the sign-in
 *                                        ├─ GET: the page
 *                                        └─ POST: `csrf` -> CMD_SELF -> the page
 *
 * The sign-in is the ordinary one: the pages are a client of this server of their own,
 * SELF_CLIENT_ID (svc_bootstrap registers it), whose codes nobody redeems. So a second
 * step, passkeys and whatever else signs people in serve here too.
 *
 * Invariants:
 *   K1  what changes something asks for a sign-in that is not older than SELF_FRESH_MS
 *       (SECURITY D14), and the state machine looks at that again (fsm_self.c);
 *   K2  a form proves by a keyed hash of the session that it comes from our page;
 *   K3  nothing is done by a GET, whatever link was mailed (E08);
 *   K4  what asks for a fresh sign-in asks for a second step too, once the account has a
 *       factor: a session that was begun without one is raised. Thread: the svc's. */
#ifndef SERVER_SVC_ACCOUNT_H
#define SERVER_SVC_ACCOUNT_H

#include "server/svc.h"

#define SELF_CLIENT_ID "tasuki-account"
/* From the sign-in to the page; and as much again to fill in its form. */
#define SELF_FRESH_MS (5u * 60 * 1000)
#define SELF_FORM_MS (15u * 60 * 1000)

enum account_page {
    ACCOUNT_PAGE_HOME,
    ACCOUNT_PAGE_PASSWORD,
    ACCOUNT_PAGE_SESSIONS,
    ACCOUNT_PAGE_FACTORS,
    ACCOUNT_PAGE_ID,
    ACCOUNT_PAGE_CONFIRM, /* of another account ID: needs the mailed token alone */
    ACCOUNT_PAGE_ACTIVITY,
    ACCOUNT_PAGE_CLOSE,
    ACCOUNT_PAGES
};
/* Last part of its path: "password"; "" for the first. */
const char *svc_account_path(enum account_page page);
/* ACCOUNT_PAGES: none has this one. */
enum account_page svc_account_page(struct span path);

enum account_kind {
    ACCOUNT_SHOW,
    ACCOUNT_SIGN_IN, /* to `location` */
    ACCOUNT_FORGED,  /* the form is not of this session */
};
enum account_notice {
    ACCOUNT_NO_NOTICE,
    ACCOUNT_DONE,          /* what the page is for */
    ACCOUNT_MAILED,        /* to the new address, if it can be used */
    ACCOUNT_VOID,          /* the link is used, too old, or the change was given up */
    ACCOUNT_TAKEN,         /* somebody has the account ID by now */
    ACCOUNT_BAD_PASSWORD,  /* too short, too long, or the account ID itself */
    ACCOUNT_DIFFERENT,     /* the two are not equal */
    ACCOUNT_BAD_ID,        /* no account ID, or the present one */
    ACCOUNT_NOT_CONFIRMED, /* what had to be typed was not */
    ACCOUNT_GONE,          /* it was not there any more */
    ACCOUNT_CHANGED,       /* by somebody else meanwhile: look again */
    ACCOUNT_LIMITED,       /* too many mails today */
};

#define ACCOUNT_ROWS_MAX 100
struct svc_account {
    struct svc_op op;
    void (*done)(struct svc_account *account);
    void *arg;
    /* in */
    enum account_page page;
    bool post;
    bool english;
    const struct params *params; /* the form's, or the query's */
    struct span session_cookie, device_cookie;
    /* out */
    enum account_kind kind;
    enum account_notice notice;
    struct span location;
    bool signed_out;        /* the session ended by it */
    struct span set_device_cookie; /* empty: leave as it is */
    struct span account_id; /* of the holder */
    unsigned account_type;  /* 1 Entry, 2 Prime, 3 Member */
    struct span csrf;
    struct span token;  /* ACCOUNT_PAGE_CONFIRM: for its form */
    struct span new_id; /* that waits for its confirmation; empty: none */
    size_t rows_count;
    struct account_row {
        struct span id;      /* sid, or factor id, in hex */
        struct span text;    /* event, kind of factor, or browser */
        struct span detail;  /* address, label */
        uint64_t time_ms, used_ms;
        uint64_t count;
        bool own; /* this very session */
    } rows[ACCOUNT_ROWS_MAX];
};
void svc_account(struct svc *svc, struct svc_account *account);

#endif
