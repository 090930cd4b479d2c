/* svc_enrol_internal: what the files svc_enrol*.c of one page share. */
#ifndef SERVER_SVC_ENROL_INTERNAL_H
#define SERVER_SVC_ENROL_INTERNAL_H

#include "server/domain/app_code.h"
#include "server/domain/phone.h"
#include "server/svc_credential.h"
#include "server/svc_enrol.h"
#include "server/svc_factor.h"
#include "server/svc_internal.h"

#define SVC_ENROL_SECRET 32

/* What the page waits for a code of, in its sealed state: an authenticator app (`secret`
 * begins with its seed) or a telephone (`secret` is the sign-in's, store_signin.h). */
struct enrol_waiting {
    uint8_t kind; /* enum factor_kind; 0: nothing */
    struct id128 id;
    struct id128 replaces; /* all zero: none */
    uint8_t secret[SVC_ENROL_SECRET];
    struct phone phone;
};

struct enrol_op {
    struct svc_state base; /* first */
    struct svc_enrol *enrol;
    struct stamped_token stamp;
    struct session session;
    struct account account;
    bool has_factor;
    struct id128 replaces; /* the telephone that the form or the query names; zero: none */
    struct span user_name;
    uint8_t challenge[WEBAUTHN_CHALLENGE]; /* of the form that came */
    uint8_t code[APP_CODE_BYTES];
    struct enrol_waiting waiting; /* of the form that came, and of the page */
    struct cmd_factor_challenge asked;
};

/* Each ends the operation. */
void svc_enrol_show(struct enrol_op *op, enum enrol_notice notice);
void svc_enrol_end(struct enrol_op *op, enum enrol_kind kind);

struct span svc_enrol_field(const struct enrol_op *op, const char *name);
/* The rows as they are now, then the page. */
void svc_enrol_reload(struct enrol_op *op, enum enrol_notice notice);
struct gate svc_enrol_gate(const struct enrol_op *op);
/* What the holder is told of the factor, whoever has the session. */
enum err svc_enrol_tell(struct enrol_op *op, const struct factor *factor,
                        struct message_out *ret_message);
/* Send it as CMD_FACTOR_PUT; then the page. */
void svc_enrol_put(struct enrol_op *op, const struct factor *factor, enum err err);

/* ---- svc_enrol_code.c: what is enrolled when a code of it has come back. */

/* An action of the page; false: none of these. */
bool svc_enrol_code(struct enrol_op *op, struct span action);
/* What the page shows of op->waiting. */
enum err svc_enrol_code_show(struct enrol_op *op);

#endif
