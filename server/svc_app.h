/* svc_app: what a device of the smartphone app asks of the server: POST with JSON at
 * /oauth/app/register, /oauth/app/challenges, /oauth/app/answer and /oauth/app/push.
 *
 * Every request is signed by the device with the key that it made for itself: its DPoP
 * header (RFC 9449) covers method, URL, time, a nonce of ours, and by `ath` the SHA-256
 * of the body. So what a person approves (the question, the number, the name of the
 * service that was shown) is signed as it stands, is fresh, and serves once, on
 * whatever node; and a key is all that a device is: whoever registers shows that they
 * have it. The thumbprint of the key is how the device is found.
 *
 *   register   {"code", "platform": "android" | "ios", "name", "push"}   -> 201
 *   push       {"push"}                  -> {"push": true | false}
 *   challenges {}                        -> {"challenges": [{"challenge", "service",
 *                                            "created_at", "expires_at"}]}
 *   answer     {"challenge", "answer": "approve" | "deny" | "not_me", "number",
 *               "service"}               -> {"result": "approved" | "denied"}
 *
 * `push` is where the device is told that a question waits, in the words of the push
 * gateway; empty or left out: nowhere, then the app asks by itself, as it always may.
 *
 * Refusals: {"error", "error_description"}. Thread: the svc's own. */
#ifndef SERVER_SVC_APP_H
#define SERVER_SVC_APP_H

#include "server/svc.h"

#define SVC_APP_BODY_MAX 4096
#define SVC_APP_NAME_MAX 64
#define SVC_APP_ADDRESS_MAX 512

enum svc_app_action { APP_REGISTER, APP_CHALLENGES, APP_ANSWER, APP_PUSH };
enum svc_app_refusal {
    APP_SERVED,
    APP_BAD_REQUEST,    /* the body is not what the action takes */
    APP_BAD_PROOF,      /* the DPoP header is not good */
    APP_NEEDS_NONCE,    /* it needs the nonce of this answer */
    APP_UNKNOWN_DEVICE, /* not registered, or not any more */
    APP_BAD_CODE,       /* to register with: unknown, used, or its time is over */
    APP_REGISTERED,     /* this key is already */
    APP_FULL,           /* the account has no room for one more */
    APP_NO_CHALLENGE,   /* no such question to this account, or not any more */
    APP_ANSWERED,       /* before */
    APP_WRONG_NUMBER,   /* not the browser's: it counts */
};

struct svc_app {
    struct svc_op op;
    void (*done)(struct svc_app *app);
    void *arg;
    /* in */
    enum svc_app_action action;
    struct span body_in;
    bool english; /* what its holder reads */
    struct span dpop; /* header's value; empty: none */
    bool dpop_twice;
    /* out */
    enum svc_app_refusal refusal;
    const char *description; /* English, in op.arena or static */
    struct span dpop_nonce;  /* for the next request */
    struct span body;        /* JSON when it was served */
};
void svc_app(struct svc *svc, struct svc_app *app);

#endif
