/* svc_activate: an approved application becomes a Prime account (svc_apply.h): the link
 * of the approval's mail, and the password that its reader sets. The second step is
 * chosen with the first sign-in (svc_factor.h).
 *
 * An Entry account of the address becomes the Prime and keeps its `sub`, so relying
 * parties know it again; its sessions end (raft/fsm_review). */
#include <stdio.h>
#include <time.h>

#include "server/crypto/password.h"
#include "server/svc_apply_internal.h"
#include "server/svc_password.h"
#include "server/svc_profile.h"
#include "store/base/check.h"

struct activate_op {
    struct svc_state base; /* first */
    struct svc_activate *activate;
    struct application application;
    struct profile profile;
    struct command command;
    struct span password; /* as it is hashed */
    char hash[PASSWORD_HASH_MAX];
    enum err hash_err;
    bool settled;
};

static void activate_finish(struct svc_state *state) {
    struct activate_op *op = (struct activate_op *)state;

    op->activate->done(op->activate);
}

static void end(struct activate_op *op, enum svc_activate_kind kind) {
    op->activate->kind = kind;
    activate_finish(&op->base);
}

/* ---- the account */

static void settled(struct svc_state *state) {
    end((struct activate_op *)state, ACTIVATE_DONE);
}

/* The sign-in that comes next may reach any node. */
static void visible(struct svc_state *state) {
    svc_settle(state, settled);
}

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
    case OUT_DUPLICATE_ACCOUNT:
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

static void hashed(struct svc_state *state) {
    struct activate_op *op = (struct activate_op *)state;
    struct cmd_activate *cmd = &op->command.activate;
    struct account account;
    enum err err = op->hash_err;

    op->command.type = CMD_ACTIVATE;
    *cmd = (struct cmd_activate){
        .token = op->application.token,
        .sub = svc_random_id(state->svc),
        .password_hash = span_str(op->hash),
    };
    if (!err)
        err = find_account(op, &account);
    if (!err) {
        cmd->sub = account.sub;
        cmd->generation = account.generation;
    } else if (err == ERR_NOT_FOUND) {
        err = OK;
    }
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

/* On a thread of the hash pool: touches nothing of the svc. */
static void hash(struct svc_state *state) {
    struct activate_op *op = (struct activate_op *)state;

    op->hash_err = password_hash(op->password, op->hash);
}

/* ---- the link */

/* A Prime signs in with a second step: the password is not alone. */
static void activate(struct activate_op *op) {
    struct svc_activate *in = op->activate;
    const struct span words[] = {
        op->profile.fields[PROFILE_EMAIL],          op->profile.fields[PROFILE_NAME],
        op->profile.fields[PROFILE_REP_LAST_NAME],  op->profile.fields[PROFILE_REP_FIRST_NAME],
        op->profile.fields[PROFILE_REP_LAST_KANA],  op->profile.fields[PROFILE_REP_FIRST_KANA],
    };
    size_t len_min = op->base.svc->shared->config->second_factor_enrolled
                         ? PASSWORD_LEN_MIN_ALONE
                         : PASSWORD_LEN_MIN_BESIDE;
    enum err err = OK;

    in->differs = !span_equal(in->password, in->again);
    in->refusal = PASSWORD_LONG;
    if (in->password.len <= LIMIT_PASSWORD) /* before any work (D06) */
        err = svc_password_take(&in->op.arena, in->password, len_min, words,
                                sizeof words / sizeof words[0], &op->password,
                                &in->refusal);
    if (err)
        svc_fail(&op->base, err);
    else if (in->differs || in->refusal != PASSWORD_OK)
        end(op, ACTIVATE_FORM);
    else
        svc_pool(&op->base, hash, hashed);
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
    if (in->activates)
        activate(op);
    else
        end(op, ACTIVATE_FORM);
}

void svc_activate(struct svc *svc, struct svc_activate *in) {
    struct activate_op *op = svc_op_begin(svc, &in->op, sizeof *op, activate_finish);

    if (!op) {
        in->done(in);
        return;
    }
    op->activate = in;
    in->differs = false;
    in->refusal = PASSWORD_OK;
    if (!svc_apply_limit(svc, "activate", in->op.from.address))
        svc_fail(&op->base, ERR_BUSY);
    else if (svc_fresh(&op->base))
        look(&op->base);
}
