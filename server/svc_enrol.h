/* svc_enrol: a further passkey, device of the smartphone app, authenticator app or telephone,
 * for an account whose holder is signed in: /account/enrol. A telephone may take the place
 * of another one, which goes when the new one's code has come back.
 *
 *   GET ─ session, fresh ─ the page, with a sealed state (session, challenge)
 *   POST passkey ─ webauthn ─ CMD_FACTOR_PUT;  POST app ─ CMD_APP_ENROL ─ code and QR code
 *   POST totp, totp_code, sms, sms_code: svc_enrol_code.c
 *
 * Invariants:
 *   N1  a sign-in that is older than SVC_ENROL_FRESH_MS, or that had no second step
 *       though the account has a factor, is not enough (SECURITY D14): to the sign-in;
 *   N2  a form's state is of this session, account and generation, and ten minutes old
 *       at most: it is what proves that the form is our page's;
 *   N3  a challenge may be answered once: a passkey is registered once (store_factor.h,
 *       Y5). Thread: the svc's. */
#ifndef SERVER_SVC_ENROL_H
#define SERVER_SVC_ENROL_H

#include "server/svc.h"

#define SVC_ENROL_FRESH_MS (15u * 60 * 1000)
#define SVC_ENROL_FORM_MS (10u * 60 * 1000)

enum enrol_kind {
    ENROL_SHOW,
    ENROL_SIGN_IN, /* nobody is signed in here, or not freshly enough */
    ENROL_FORGED,  /* the form is not of this session, or too old */
};
enum enrol_notice {
    ENROL_NO_NOTICE,
    ENROL_DONE,    /* the passkey is registered */
    ENROL_PASSKEY, /* it could not be confirmed, or is registered already */
    ENROL_FULL,    /* the account has as many methods as it may have */
    ENROL_ADDED,   /* the authenticator app or the number is registered */
    ENROL_CHANGED, /* the number has taken the place of the other one */
    ENROL_PHONE,   /* not a number that messages can be sent to */
    ENROL_CODE_WRONG,
    ENROL_EXPIRED, /* the code, or what it was for */
    ENROL_UNSENT,  /* as many messages were sent as may be */
    ENROL_LOCKED,  /* as many codes were wrong today as may be */
};
struct svc_enrol {
    struct svc_op op;
    void (*done)(struct svc_enrol *enrol);
    void *arg;
    /* in */
    bool post;
    bool english;
    const struct params *params;
    struct span session_cookie, device_cookie;
    /* out */
    enum enrol_kind kind;
    enum enrol_notice notice;
    struct span set_device_cookie; /* empty: leave as it is */
    struct span state; /* sealed; hidden form field */
    struct span challenge, rp_id, user, user_name; /* for a passkey */
    struct span app_code, qr_path, qr_size;        /* empty: no code was asked for */
    struct span seed, totp_path, totp_size;        /* of an authenticator app that is added */
    struct span number;                   /* masked: to which a code was sent */
    struct span replaces, replaced_label; /* id in hex: the telephone that is to go */
};
void svc_enrol(struct svc *svc, struct svc_enrol *enrol);

#endif
