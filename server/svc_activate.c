/* svc_activate: an approved application becomes a Prime account (svc_apply.h): the link
 * of the approval's mail, a code that goes to the telephone of the application, and the
 * password that its reader sets. That telephone is the account's second step from then
 * on; who has the mailbox alone gets nowhere (raft/fsm_activation.c, N1).
 *
 * An Entry account of the address becomes the Prime and keeps its `sub`, so relying
 * parties know it again; its sessions end. */
#include <stdio.h>
#include <time.h>

#include "server/crypto/password.h"
#include "server/domain/phone.h"
#include "server/svc_apply_internal.h"
#include "server/svc_password.h"
#include "server/svc_profile.h"
#include "server/svc_sms_code.h"
#include "store/base/check.h"

/* The account ID may come to be an Entry's, or change its password, while this is done. */
#define TRIES_MAX 3

struct activate_op {
    struct svc_state base; /* first */
    struct svc_activate *activate;
    struct application application;
    struct profile profile;
    struct phone phone;
    struct command command;
    char code[SVC_FACTOR_CODE];
    struct span password; /* as it is hashed */
    char hash[PASSWORD_HASH_MAX];
    enum err hash_err;
    bool settled;
    unsigned tries;
};

static void activate_finish(struct svc_state *state) {
    struct activate_op *op = (struct activate_op *)state;

    op->activate->done(op->activate);
}

static void end(struct activate_op *op, enum svc_activate_kind kind) {
    op->activate->kind = kind;
    activate_finish(&op->base);
}

static void tell(struct activate_op *op, enum svc_activate_kind kind,
                 enum svc_activate_notice notice) {
    op->activate->notice = notice;
    end(op, kind);
}

/* Is there a code that may be typed? As this node knows it. */
static bool code_lives(const struct activate_op *op) {
    return op->application.code_ends_ms > repl_now_ms(op->base.svc->shared->repl);
}

/* After an outcome, which this node has applied. */
static enum err look_again(struct activate_op *op) {
    struct svc *svc = op->base.svc;
    struct application_id id = op->application.id;
    enum err err = svc_read_begin(svc);

    if (err)
        return err;
    err = store_application_get(svc->read, &op->activate->op.arena, &id,
                                &op->application);
    svc_read_end(svc);
    return err;
}

static void look(struct svc_state *state);

/* The number was put right meanwhile: by the one that holds (Y2 of raft/fsm_correction.c). */
static void again(struct activate_op *op) {
    if (++op->tries < TRIES_MAX)
        svc_settle(&op->base, look);
    else
        svc_fail(&op->base, ERR_BUSY);
}

/* ---- the code */

/* A code is bound to its application, and good for nothing else (E02). */
static void code_names(const struct activate_op *op, struct key_hash *ret_signin,
                       struct id128 *ret_factor) {
    *ret_factor = store_application_key(&op->application.id);
    memcpy(ret_signin->b, ret_factor->b, sizeof ret_signin->b);
}

static void sent(struct svc_state *state) {
    struct activate_op *op = (struct activate_op *)state;

    switch (state->request.outcome.code) {
    case OUT_OK:
        tell(op, ACTIVATE_FORM, ACTIVATE_SENT);
        return;
    case OUT_NOT_FOUND:
    case OUT_EXPIRED:
        end(op, ACTIVATE_REFUSED);
        return;
    case OUT_CHANGING:
        again(op);
        return;
    case OUT_LOCKED:
        tell(op, ACTIVATE_ASK, ACTIVATE_LOCKED);
        return;
    case OUT_LIMITED:
    case OUT_FULL: /* the last one may have come */
        tell(op, code_lives(op) ? ACTIVATE_FORM : ACTIVATE_ASK, ACTIVATE_UNSENT);
        return;
    default:
        svc_fail(state, ERR_CORRUPT);
    }
}

static void send_code(struct activate_op *op, struct key_hash token) {
    struct svc *svc = op->base.svc;
    struct cmd_activation_code *cmd = &op->command.activation_code;
    const struct svc_sms_to to = {
        .english = op->activate->english,
        .number = phone_span(&op->phone),
        .source = op->activate->op.from.address,
    };
    struct cmd_factor_challenge made = {.has_code = false};
    enum err err;

    code_names(op, &made.signin, &made.factor);
    err = svc_sms_code_make(svc, &op->activate->op.arena, &to, &made);
    op->command.type = CMD_ACTIVATION_CODE;
    *cmd = (struct cmd_activation_code){
        .token = token,
        .corrections = op->application.corrections,
        .code = made.code,
        .code_ttl_ms = made.code_ttl_ms,
        .message = made.message,
    };
    if (err)
        svc_fail(&op->base, err);
    else
        svc_submit(&op->base, &op->command, sent);
}

/* ---- the account */

static void settled(struct svc_state *state) {
    end((struct activate_op *)state, ACTIVATE_DONE);
}

/* The sign-in that comes next may reach any node. */
static void visible(struct svc_state *state) {
    svc_settle(state, settled);
}

static void make(struct svc_state *state);

static void activated(struct svc_state *state) {
    struct activate_op *op = (struct activate_op *)state;

    switch (state->request.outcome.code) {
    case OUT_OK:
        svc_wait_index(state, state->request.outcome.index, visible);
        return;
    case OUT_NOT_FOUND:
    case OUT_EXPIRED:
        end(op, ACTIVATE_REFUSED);
        return;
    case OUT_BAD_CREDENTIALS:
        tell(op, ACTIVATE_FORM,
             look_again(op) == OK && !code_lives(op) ? ACTIVATE_CODE_EXPIRED
                                                     : ACTIVATE_CODE_WRONG);
        return;
    case OUT_CHANGING:
        again(op);
        return;
    case OUT_LOCKED:
        tell(op, ACTIVATE_ASK, ACTIVATE_LOCKED);
        return;
    case OUT_DUPLICATE_ACCOUNT:
    case OUT_EXISTS: /* of the drawn `sub` */
        if (++op->tries < TRIES_MAX)
            svc_settle(state, make); /* by what stands there now; the code is good yet */
        else
            end(op, ACTIVATE_TAKEN);
        return;
    default:
        svc_fail(state, ERR_CORRUPT);
    }
}

/* The account that is there already. ERR_NOT_FOUND: none is. */
static enum err find_account(struct activate_op *op, struct account *ret_account) {
    struct svc *svc = op->base.svc;
    enum err err = svc_read_begin(svc);

    if (err)
        return err;
    err = store_account_find(svc->read, &op->activate->op.arena,
                             op->application.account_index, ret_account);
    svc_read_end(svc);
    return err;
}

/* How it was proven, and when: what makes it ial2 (DOMAIN §2.1). */
static enum err prove(struct activate_op *op) {
    struct span *of = op->profile.fields;
    time_t seconds = (time_t)(op->application.decided_ms / 1000);
    char text[32];
    struct tm tm;

    CHECK(gmtime_r(&seconds, &tm));
    CHECK(strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm) > 0);
    of[PROFILE_PROCEDURE] = span_str(op->application.kind == APPLICATION_SOLE
                                         ? "jp_gbizid_document_sole_proprietorship"
                                         : "jp_gbizid_document_corporation");
    of[PROFILE_VERIFIED_AT] = arena_dup(&op->activate->op.arena, span_str(text));
    return of[PROFILE_VERIFIED_AT].data ? OK : ERR_NOMEM;
}

static enum err welcome(struct activate_op *op, struct message_out *ret_message) {
    struct svc *svc = op->base.svc;
    struct message_draft draft =
        svc_application_draft(&op->activate->op.arena, MESSAGE_APPLICATION_ACTIVATED,
                              &op->application, &op->profile);
    char when[MESSAGE_TIME_MAX];

    message_time(repl_now_ms(svc->shared->repl), draft.english, when);
    message_draft_put(&draft, "when", span_str(when));
    return svc_message_make(svc, &op->activate->op.arena, &draft, ret_message);
}

/* The code as it is compared, and the telephone as it is kept. */
static enum err put_phone(struct activate_op *op, struct cmd_activate *cmd) {
    struct svc *svc = op->base.svc;
    struct key_hash signin;
    struct id128 factor;

    code_names(op, &signin, &factor);
    cmd->code = svc_sms_code_hash(svc, signin, factor, op->code);
    cmd->phone = (struct factor){.id = svc_random_id(svc)};
    return svc_sms_factor(svc, &op->activate->op.arena, cmd->sub, cmd->phone.id,
                          phone_span(&op->phone), &cmd->phone);
}

static void make(struct svc_state *state) {
    struct activate_op *op = (struct activate_op *)state;
    struct cmd_activate *cmd = &op->command.activate;
    struct account account;
    enum err err = svc_application_token_read(state->svc, op->activate->token, &cmd->token);

    op->command.type = CMD_ACTIVATE;
    cmd->sub = svc_random_id(state->svc);
    cmd->generation = 0;
    cmd->corrections = op->application.corrections;
    cmd->password_hash = span_str(op->hash);
    if (!err)
        err = find_account(op, &account);
    if (!err) {
        cmd->sub = account.sub;
        cmd->generation = account.generation;
    } else if (err == ERR_NOT_FOUND) {
        err = OK;
    }
    if (!err)
        err = put_phone(op, cmd);
    if (!err)
        err = prove(op);
    if (!err)
        err = svc_profile_seal(state->svc, cmd->sub, &op->profile,
                               &op->activate->op.arena, &cmd->sealed_profile);
    if (!err)
        err = welcome(op, &cmd->message);
    if (err)
        svc_fail(state, err);
    else
        svc_submit(state, &op->command, activated);
}

static void hashed(struct svc_state *state) {
    struct activate_op *op = (struct activate_op *)state;

    if (op->hash_err)
        svc_fail(state, op->hash_err);
    else
        make(state);
}

/* On a thread of the hash pool: touches nothing of the svc. */
static void hash(struct svc_state *state) {
    struct activate_op *op = (struct activate_op *)state;

    op->hash_err = password_hash(op->password, op->hash);
}

/* ---- the link */

/* A Prime signs in with a second step: the password is not alone. */
static enum err check_password(struct activate_op *op) {
    struct svc_activate *in = op->activate;
    const struct span words[] = {
        op->profile.fields[PROFILE_EMAIL],          op->profile.fields[PROFILE_NAME],
        op->profile.fields[PROFILE_REP_LAST_NAME],  op->profile.fields[PROFILE_REP_FIRST_NAME],
        op->profile.fields[PROFILE_REP_LAST_KANA],  op->profile.fields[PROFILE_REP_FIRST_KANA],
    };

    in->refusal = PASSWORD_LONG;
    if (in->password.len > LIMIT_PASSWORD) /* before any work (D06) */
        return OK;
    return svc_password_take(&in->op.arena, in->password, in->password_len_min, words,
                             sizeof words / sizeof words[0], &op->password,
                             &in->refusal);
}

static void set_password(struct activate_op *op) {
    struct svc_activate *in = op->activate;
    enum err err;

    if (!svc_factor_digits(in->code, op->code)) {
        tell(op, ACTIVATE_FORM, ACTIVATE_CODE_WRONG);
        return;
    }
    err = check_password(op);
    if (err)
        svc_fail(&op->base, err);
    else if (!span_equal(in->password, in->again))
        tell(op, ACTIVATE_FORM, ACTIVATE_DIFFERS);
    else if (in->refusal != PASSWORD_OK)
        tell(op, ACTIVATE_FORM, ACTIVATE_PASSWORD);
    else
        svc_pool(&op->base, hash, hashed);
}

static void act(struct activate_op *op) {
    struct svc *svc = op->base.svc;
    struct svc_activate *in = op->activate;
    char masked[1 + PHONE_DIGITS_MAX + 1];
    struct key_hash token;

    if (phone_parse(op->profile.fields[PROFILE_USER_TEL],
                    &svc->shared->config->sms_country, &op->phone) != PHONE_OK) {
        end(op, ACTIVATE_PHONELESS);
        return;
    }
    phone_mask(phone_span(&op->phone), masked);
    in->number = arena_dup(&in->op.arena, span_str(masked));
    if (in->act == ACTIVATE_SET)
        set_password(op);
    else if (in->act == ACTIVATE_LOOK)
        end(op, code_lives(op) ? ACTIVATE_FORM : ACTIVATE_ASK);
    else if (svc_application_token_read(svc, in->token, &token) == OK)
        send_code(op, token);
    else
        end(op, ACTIVATE_REFUSED);
}

static void look(struct svc_state *state) {
    struct activate_op *op = (struct activate_op *)state;
    struct svc_activate *in = op->activate;
    enum err err = svc_apply_by_token(state->svc, &in->op.arena, in->token,
                                      APPLICATION_APPROVED, &op->application,
                                      &op->profile);

    if (err == ERR_NOT_FOUND && !op->settled && svc_await_ask(state->svc)) {
        op->settled = true; /* the mail may be faster than this node */
        svc_settle(state, look);
        return;
    }
    if (err == ERR_NOT_FOUND || err == ERR_FORGED) {
        end(op, ACTIVATE_REFUSED);
        return;
    }
    if (err) {
        svc_fail(state, err);
        return;
    }
    in->application_id = arena_dup(&in->op.arena, span_str(op->application.id.text));
    in->company = op->profile.fields[PROFILE_NAME];
    in->account_id = op->profile.fields[PROFILE_EMAIL];
    act(op);
}

void svc_activate(struct svc *svc, struct svc_activate *in) {
    struct activate_op *op = svc_op_begin(svc, &in->op, sizeof *op, activate_finish);

    if (!op) {
        in->done(in);
        return;
    }
    op->activate = in;
    in->notice = ACTIVATE_NO_NOTICE;
    in->refusal = PASSWORD_OK;
    in->password_len_min = svc->shared->config->second_factor_enrolled
                               ? PASSWORD_LEN_MIN_ALONE
                               : PASSWORD_LEN_MIN_BESIDE;
    if (!svc_apply_limit(svc, "activate", in->op.from.address))
        svc_fail(&op->base, ERR_BUSY);
    else if (svc_fresh(&op->base))
        look(&op->base);
}
