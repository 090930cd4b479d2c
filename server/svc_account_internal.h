/* svc_account_internal: what the files svc_account*.c of the account's pages share. */
#ifndef SERVER_SVC_ACCOUNT_INTERNAL_H
#define SERVER_SVC_ACCOUNT_INTERNAL_H

#include "server/crypto/password.h"
#include "server/domain/account_id.h"
#include "server/domain/profile.h"
#include "server/message_text.h"
#include "server/svc_account.h"
#include "server/svc_message.h"
#include "server/svc_origin.h"

#define SELF_ID_TTL_MS (24u * 3600 * 1000)
#define SELF_TOKEN_SECRET 32

struct account_op {
    struct svc_state base; /* first */
    struct svc_account *out;
    struct stamped_token stamp;
    struct session session;
    struct account account; /* its spans end with the snapshot */
    bool has_factor;
    struct profile profile; /* in the arena */
    struct command command;
    struct span password;
    char hash[PASSWORD_HASH_MAX];
    enum err hash_err;
    uint8_t secret[16 + SELF_TOKEN_SECRET]; /* of the mailed link: sub, secret */
    struct account_id new_id;
};

/* Each ends the operation. */
void svc_account_show(struct account_op *op, enum account_notice notice);
/* `again`: with the password, whoever is signed in. */
void svc_account_sign_in(struct account_op *op, bool again);

/* A field of the form, or of the query; empty: none, or twice. */
struct span svc_account_field(const struct account_op *op, const char *name);

/* ---- svc_account_load.c: what the page shows, in the open snapshot. */
enum err svc_account_load(struct account_op *op);
/* The profile of op->account. */
enum err svc_account_profile(struct account_op *op);

/* ---- svc_account_act.c: a form of a page. */
void svc_account_act(struct account_op *op);
/* Mail to the holder's address about what is being done. `more` may be NULL. */
enum err svc_account_tell(struct account_op *op, enum message_template what,
                          const struct message_value *more,
                          struct message_out *ret_message);

/* ---- svc_account_id.c: another account ID. */
void svc_account_id_ask(struct account_op *op);
void svc_account_confirm(struct account_op *op);

#endif
