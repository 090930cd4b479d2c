/* svc_passkey: a whole sign-in by a passkey, from the login page: POST /oauth/passkey.
 *
 * The page's challenge is a keyed hash of its sealed request (login_state), so a page
 * writes nothing; it is bound to the browser and its age as the request is, and used up
 * in the state machine (CMD_PASSKEY_LOGIN), on whatever node. Thread: the svc's own. */
#ifndef SERVER_SVC_PASSKEY_H
#define SERVER_SVC_PASSKEY_H

#include "server/svc.h"

struct svc_passkey {
    struct svc_op op;
    void (*done)(struct svc_passkey *passkey);
    void *arg;
    /* in: login_state, credential, client_data, auth_data, signature, user_handle */
    const struct params *params;
    struct span login_state;
    struct span session_cookie, browser_cookie, device_cookie;
    /* out */
    enum svc_login_kind kind;
    struct svc_authorize next;
};
void svc_passkey(struct svc *svc, struct svc_passkey *passkey);

/* Of a login page, as base64url in `arena`; ERR_NOMEM. */
enum err svc_passkey_challenge(struct svc *svc, struct arena *arena,
                               struct span login_state, struct span *ret_challenge);
/* The relying party's id (a host). Borrows from the configuration. */
struct span svc_passkey_rp_id(const struct svc *svc);

#endif
