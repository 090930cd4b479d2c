/* svc_recover: a new password for who has forgotten it: a link is mailed to the account
 * ID, and whoever opens it sets the password. The answer to the first is the same for
 * every account ID (SECURITY D02); reading the link changes nothing (E08). */
#include "server/crypto/password.h"
#include "server/domain/account_id.h"
#include "server/svc_device.h"
#include "server/svc_internal.h"
#include "server/svc_message.h"
#include "server/svc_notice.h"
#include "server/svc_password.h"
#include "server/svc_profile.h"
#include "store/base/codec.h"
#include "store/base/secret.h"
#include "store/store_recovery.h"

#define LINK_SECRET 32
#define LINK_LEN (16 + LINK_SECRET)
#define LINK_TTL_MS (30u * 60 * 1000)
#define LINK_PATH "/oauth/reset?token="

static struct key_hash hash_secret(struct svc *svc, struct span secret) {
    return svc_hash(svc, HASH_RECOVERY, secret);
}

/* ---- asking for a link */

struct recover_op {
    struct svc_state base; /* first */
    struct svc_recover *recover;
    struct account_id id;
    struct cmd_recovery_ask cmd;
};

static void recover_finish(struct svc_state *state) {
    struct recover_op *op = (struct recover_op *)state;

    op->recover->done(op->recover);
}

/* The link's path, with a secret that is drawn for it. */
static enum err make_link(struct recover_op *op, struct span *ret_path) {
    struct svc *svc = op->base.svc;
    struct arena *arena = &op->recover->op.arena;
    uint8_t plain[LINK_LEN];
    struct span token;
    enum err err;

    memcpy(plain, op->cmd.sub.b, 16);
    svc_random(svc, plain + 16, LINK_SECRET);
    op->cmd.secret = hash_secret(svc, span_of(plain + 16, LINK_SECRET));
    err = svc_seal_text(svc, SEAL_RECOVERY, span_of(plain, sizeof plain), arena, &token);
    secret_wipe(plain, sizeof plain);
    return err ? err : svc_message_link(arena, LINK_PATH, token, ret_path);
}

static enum err find(struct recover_op *op) {
    struct svc *svc = op->base.svc;
    struct account account;
    enum err err;

    op->cmd.login_index = svc_hash(svc, HASH_ACCOUNT_ID, account_id_span(&op->id));
    err = svc_read_begin(svc);
    if (err)
        return err;
    err = store_account_find(svc->read, &op->recover->op.arena, op->cmd.login_index,
                             &account);
    svc_read_end(svc);
    op->cmd.known = err == OK;
    op->cmd.sub = err == OK ? account.sub : svc_random_id(svc);
    op->cmd.generation = err == OK ? account.generation : 0;
    return err == ERR_NOT_FOUND ? OK : err;
}

static enum err make_command(struct recover_op *op) {
    struct span none = {NULL, 0};
    struct message_draft draft = {
        .template = MESSAGE_PASSWORD_RESET,
        .english = op->recover->english,
        .to = account_id_span(&op->id),
        .ttl_ms = LINK_TTL_MS,
        .sub = op->cmd.known ? &op->cmd.sub : NULL,
        .source = op->recover->op.from.address,
    };
    struct span path = none;
    enum err err = make_link(op, &path);

    if (err)
        return err;
    message_draft_put(&draft, "link", path);
    op->cmd.ttl_ms = LINK_TTL_MS;
    return svc_message_make(op->base.svc, &op->recover->op.arena, &draft,
                            &op->cmd.message);
}

void svc_recover(struct svc *svc, struct svc_recover *recover) {
    struct recover_op *op =
        svc_op_begin(svc, &recover->op, sizeof *op, recover_finish);
    struct command command = {.type = CMD_RECOVERY_ASK};
    enum err err;

    if (!op) {
        recover->done(recover);
        return;
    }
    op->recover = recover;
    if (!account_id_parse(recover->account_id, &op->id, NULL)) {
        recover_finish(&op->base); /* nobody has such an ID */
        return;
    }
    if (!svc_within_limit(svc, recover->op.from.address)) {
        svc_fail(&op->base, ERR_BUSY);
        return;
    }
    if (!svc_fresh(&op->base))
        return;
    err = find(op);
    if (!err)
        err = make_command(op);
    if (err) {
        svc_fail(&op->base, err);
        return;
    }
    command.recovery_ask = op->cmd;
    if (!op->cmd.known)
        memset(&command.recovery_ask.sub, 0, sizeof command.recovery_ask.sub);
    svc_submit(&op->base, &command, svc_asked);
}

/* ---- setting the password */

struct reset_op {
    struct svc_state base; /* first */
    struct svc_reset *reset;
    struct id128 sub;
    struct key_hash secret;
    bool settled; /* a probe has gone round for this request */
    struct account account;
    struct span email, company, password; /* in the arena; the last as it is hashed */
    char hash[PASSWORD_HASH_MAX];
    enum err hash_err;
};

static void reset_finish(struct svc_state *state) {
    struct reset_op *op = (struct reset_op *)state;

    op->reset->done(op->reset);
}

static void end(struct reset_op *op, enum svc_reset_kind kind) {
    op->reset->kind = kind;
    reset_finish(&op->base);
}

/* Whoever has the mailbox is no stranger in this browser, so that strangers who go on with
 * wrong passwords do not lock it out (D03). It has passed no second step. */
static void done(struct reset_op *op) {
    struct svc_reset *reset = op->reset;
    enum err err = svc_device_add(op->base.svc, reset->device_cookie, op->sub,
                                  op->account.generation + 1, false, 0, &reset->op.arena,
                                  &reset->set_device_cookie);

    if (err)
        svc_fail(&op->base, err);
    else
        end(op, RESET_DONE);
}

static void set(struct svc_state *state) {
    struct reset_op *op = (struct reset_op *)state;

    switch (state->request.outcome.code) {
    case OUT_OK:
        done(op);
        return;
    case OUT_EXPIRED:
    case OUT_ACCOUNT_STATE:
        end(op, RESET_REFUSED);
        return;
    default:
        svc_fail(state, ERR_CORRUPT);
    }
}

static void hashed(struct svc_state *state) {
    struct reset_op *op = (struct reset_op *)state;
    struct svc *svc = state->svc;
    struct command command = {.type = CMD_PASSWORD_SET};
    struct cmd_password_set *cmd = &command.password_set;
    const struct svc_notice notice = {.what = MESSAGE_PASSWORD_CHANGED,
                                      .english = op->reset->english,
                                      .sub = op->sub,
                                      .to = op->email,
                                      .source = op->reset->op.from.address};
    enum err err = op->hash_err;

    if (!err)
        err = svc_notice_make(svc, &op->reset->op.arena, &notice, &cmd->message);
    if (err) {
        svc_fail(state, err);
        return;
    }
    cmd->sub = op->sub;
    cmd->generation = op->account.generation;
    cmd->password_hash = span_str(op->hash);
    cmd->has_secret = true;
    cmd->secret = op->secret;
    svc_submit(state, &command, set);
}

/* On a thread of the hash pool: touches nothing of the svc. */
static void hash(struct svc_state *state) {
    struct reset_op *op = (struct reset_op *)state;

    op->hash_err = password_hash(op->password, op->hash);
}

/* ERR_NOT_FOUND: no such account. *ret_holds: the link is the last one that was mailed,
 * unused, of the account as it is. The state machine decides; this is before a hash is
 * made for it. */
static enum err read_account(struct reset_op *op, bool *ret_holds) {
    struct svc *svc = op->base.svc;
    struct arena *arena = &op->reset->op.arena;
    struct profile profile;
    struct recovery recovery;
    enum err err = svc_read_begin(svc);

    if (err)
        return err;
    err = store_account_get(svc->read, arena, op->sub, &op->account);
    if (!err)
        err = svc_profile_open(svc, arena, &op->account, &profile);
    if (!err)
        err = store_recovery_get(svc->read, op->sub, &recovery);
    svc_read_end(svc);
    if (err)
        return err;
    *ret_holds = recovery.generation == op->account.generation &&
                 repl_now_ms(svc->shared->repl) < recovery.expires_ms &&
                 secret_equal(span_of(recovery.secret.b, sizeof recovery.secret.b),
                              span_of(op->secret.b, sizeof op->secret.b));
    op->email = profile.fields[PROFILE_EMAIL];
    op->company = profile.fields[PROFILE_NAME];
    return OK;
}

/* As it is compared and hashed; *ret_refusal by the rule. */
static enum err check(struct reset_op *op, enum password_refusal *ret_refusal) {
    const struct config *config = op->base.svc->shared->config;
    const struct span words[] = {op->email, op->company};
    bool alone =
        op->account.type == ACCOUNT_ENTRY || config->second_factor_enrolled;

    return svc_password_take(&op->reset->op.arena, op->reset->password,
                             alone ? PASSWORD_LEN_MIN_ALONE : PASSWORD_LEN_MIN_BESIDE,
                             words, sizeof words / sizeof words[0], &op->password,
                             ret_refusal);
}

static enum svc_login_notice notice_of(enum password_refusal refusal) {
    switch (refusal) {
    case PASSWORD_SHORT:
        return NOTICE_PASSWORD_SHORT;
    case PASSWORD_LONG:
        return NOTICE_PASSWORD_LONG;
    case PASSWORD_COMMON:
        return NOTICE_PASSWORD_COMMON;
    case PASSWORD_CONTEXT:
        return NOTICE_PASSWORD_CONTEXT;
    default:
        return NOTICE_PASSWORD_FORM;
    }
}

static void take_password(struct reset_op *op);

static void settled(struct svc_state *state) {
    take_password((struct reset_op *)state);
}

/* This node may be behind the one that mailed the link: once more when a probe has gone
 * round. */
static void look_again(struct reset_op *op) {
    if (op->settled) {
        end(op, RESET_REFUSED);
        return;
    }
    op->settled = true;
    svc_settle(&op->base, settled);
}

static void take_password(struct reset_op *op) {
    enum password_refusal refusal = PASSWORD_OK;
    bool holds = false;
    enum err err;

    if (op->reset->password.len > LIMIT_PASSWORD) { /* before any work (D06) */
        op->reset->notice = NOTICE_PASSWORD_LONG;
        end(op, RESET_AGAIN);
        return;
    }
    err = read_account(op, &holds);
    if (err == ERR_NOT_FOUND || (!err && !holds)) {
        look_again(op);
        return;
    }
    if (!err)
        err = check(op, &refusal);
    if (err) {
        svc_fail(&op->base, err);
    } else if (refusal != PASSWORD_OK) {
        op->reset->notice = notice_of(refusal);
        end(op, RESET_AGAIN);
    } else {
        svc_pool(&op->base, hash, hashed);
    }
}

/* ERR_FORGED: not a link of ours. */
static enum err open_link(struct reset_op *op) {
    struct span plain;
    enum err err = svc_open_text(op->base.svc, SEAL_RECOVERY, op->reset->token, LINK_LEN,
                                 &plain);

    if (err)
        return err;
    if (plain.len != LINK_LEN)
        return ERR_FORGED;
    memcpy(op->sub.b, plain.data, sizeof op->sub.b);
    op->secret = hash_secret(op->base.svc, span_of(plain.data + 16, LINK_SECRET));
    return OK;
}

void svc_reset(struct svc *svc, struct svc_reset *reset) {
    struct reset_op *op = svc_op_begin(svc, &reset->op, sizeof *op, reset_finish);
    enum err err;

    if (!op) {
        reset->done(reset);
        return;
    }
    op->reset = reset;
    reset->notice = NOTICE_NONE;
    err = open_link(op);
    if (err == ERR_FORGED)
        end(op, RESET_REFUSED);
    else if (err)
        svc_fail(&op->base, err);
    else if (!reset->sets)
        end(op, RESET_FORM);
    else if (!svc_within_limit(svc, reset->op.from.address))
        svc_fail(&op->base, ERR_BUSY);
    else if (svc_fresh(&op->base))
        take_password(op);
}
