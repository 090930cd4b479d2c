/* svc_staff: the staff console's use cases, reached through the staff's listener alone.
 *
 *   cookie -> live session, account -> permission table -> (CSRF, fresh) -> the action
 *
 * What an action shows is a JSON object (`view`), for the page to be made of; codes in
 * it are translated by the page. What is typed is read from `params` by the action.
 * The realm is the staff's own: no account of a business is anything here.
 *
 * Invariants:
 *   S1  nothing of an action is done before the table has been asked (staff_permission);
 *   S2  what changes something carries the session's token, and is judged by data that
 *       are proven to be the newest (svc_settle): who was disabled on another node a
 *       moment ago does nothing more here;
 *   S3  an unknown name and a wrong factor have one answer, by one path;
 *   S4  the cookie of who has changed something names the index of that, so that the
 *       next page shows it, whichever node makes it. */
#ifndef SERVER_SVC_STAFF_H
#define SERVER_SVC_STAFF_H

#include "server/staff_permission.h"
#include "server/svc.h"

enum svc_staff_kind {
    STAFF_VIEW,      /* `view` */
    STAFF_DONE,      /* go to `location` */
    STAFF_FILE,      /* `file`, JSON or CSV under the name `file_name` */
    STAFF_IMAGE,     /* `file`, a JPEG */
    STAFF_TAKEN,     /* done, and there is nothing to be shown: a script sent it */
    STAFF_SIGN_IN,   /* there is no live session */
    STAFF_AGAIN,     /* there is, but both factors have to be shown again first */
    STAFF_FORBIDDEN, /* not with these roles */
    STAFF_CSRF,      /* the form is of another session */
    STAFF_MISSING,   /* what is named is not there */
    STAFF_INVALID,   /* `message`; `view` has what was typed */
    STAFF_CONFLICT,  /* likewise: things are not as the form has them any more */
};

struct svc_staff {
    struct svc_op op;
    void (*done)(struct svc_staff *staff);
    void *arg;
    /* in */
    enum staff_action action;
    const struct params *params; /* of the query, or of the form */
    struct span session_cookie;
    struct span upload; /* the bytes of the file that came with the form; empty: none */
    /* out */
    enum svc_staff_kind kind;
    struct span me;   /* JSON: name, roles, may {action: bool}, csrf; empty: nobody */
    struct span view; /* JSON */
    struct span message; /* "member: what is wrong", English */
    const char *reason;  /* the console's message that says it to people; NULL: none */
    struct span location;
    struct span file, file_name;
    bool signed_out;  /* the session is over: drop the cookie */
    struct span set_session_cookie; /* S4; empty: leave it */
};
void svc_staff(struct svc *svc, struct svc_staff *staff);

/* ---- signing in: a form with name, password and code, for a browser that has
 * `browser_cookie`. */
struct svc_staff_login {
    struct svc_op op;
    void (*done)(struct svc_staff_login *login);
    void *arg;
    /* in */
    struct span name, password, code, csrf;
    struct span browser_cookie, session_cookie;
    struct span client_address;
    /* out */
    enum {
        STAFF_LOGIN_OK,
        STAFF_LOGIN_FAILED,  /* whatever it was */
        STAFF_LOGIN_LIMITED, /* too many from this address */
        STAFF_LOGIN_FORM,    /* the form is not of this browser */
    } kind;
    struct span set_session_cookie;
};
void svc_staff_login(struct svc *svc, struct svc_staff_login *login);

/* For the form: the token that belongs to the browser's cookie, and the cookie to set
 * when it has none of ours (empty: leave it). In `arena`; ERR_NOMEM. */
enum err svc_staff_form(struct svc *svc, struct arena *arena, struct span browser_cookie,
                        struct span *ret_set_cookie, struct span *ret_csrf);

#endif
