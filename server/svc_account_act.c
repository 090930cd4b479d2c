/* svc_account_act: the forms of the account's pages, and what became of them. */
#include "server/oidc/acr.h"
#include "server/svc_account_internal.h"
#include "server/svc_device.h"
#include "server/svc_notice.h"
#include "server/svc_password.h"
#include "store/base/codec.h"
#include "store/base/secret.h"
#include "store/store_factor.h"

enum err svc_account_tell(struct account_op *op, enum message_template what,
                          const struct message_value *more,
                          struct message_out *ret_message) {
    struct svc_notice notice = {.what = what,
                                .english = op->out->english,
                                .sub = op->account.sub,
                                .to = op->profile.fields[PROFILE_EMAIL],
                                .source = op->out->op.from.address};

    if (more)
        notice.more = *more;
    return svc_notice_make(op->base.svc, &op->out->op.arena, &notice, ret_message);
}

/* The rows were read before: they are shown as they are now. */
static void reload(struct account_op *op, enum account_notice notice) {
    struct svc *svc = op->base.svc;
    enum err err = svc_read_begin(svc);

    if (!err) {
        op->out->rows_count = 0;
        op->out->new_id = span_of(NULL, 0);
        err = store_account_get(svc->read, &op->out->op.arena, op->session.sub,
                                &op->account);
        if (!err)
            err = svc_account_load(op);
        if (!err)
            err = svc_device_renew(svc, op->out->device_cookie, &op->session,
                                   &op->out->op.arena, &op->out->set_device_cookie);
        svc_read_end(svc);
    }
    if (err)
        svc_fail(&op->base, err);
    else
        svc_account_show(op, notice);
}

static void acted(struct svc_state *state) {
    struct account_op *op = (struct account_op *)state;
    bool asked = op->command.self.act == SELF_ID_ASK;

    switch (state->request.outcome.code) {
    case OUT_OK:
        if (op->command.self.act == SELF_CLOSE) {
            op->out->signed_out = true;
            svc_account_show(op, ACCOUNT_DONE);
        } else {
            reload(op, asked ? ACCOUNT_MAILED : ACCOUNT_DONE);
        }
        return;
    case OUT_REAUTH:
    case OUT_SESSION_ENDED:
        svc_account_sign_in(op, true);
        return;
    case OUT_SECOND_STEP:
        svc_account_sign_in(op, false);
        return;
    case OUT_NOT_FOUND:
        reload(op, ACCOUNT_GONE);
        return;
    case OUT_ACCOUNT_STATE:
    case OUT_EXISTS:
        svc_account_show(op, ACCOUNT_CHANGED);
        return;
    case OUT_LIMITED:
    case OUT_FULL:
        svc_account_show(op, ACCOUNT_LIMITED);
        return;
    default:
        svc_fail(state, ERR_CORRUPT);
    }
}

static void begin(struct account_op *op, enum self_act act) {
    op->command = (struct command){.type = CMD_SELF};
    op->command.self = (struct cmd_self){.act = act,
                                         .sub = op->session.sub,
                                         .has_session = true,
                                         .session = op->session.key,
                                         .fresh_ms = SELF_FORM_MS,
                                         .second = ACR_SECOND,
                                         .generation = op->session.generation};
}

static void submit(struct account_op *op, enum err err) {
    if (err)
        svc_fail(&op->base, err);
    else
        svc_submit(&op->base, &op->command, acted);
}

/* ---- password */

static void hash_work(struct svc_state *state) {
    struct account_op *op = (struct account_op *)state;

    op->hash_err = password_hash(op->password, op->hash);
}

static void hashed(struct svc_state *state) {
    struct account_op *op = (struct account_op *)state;
    enum err err = op->hash_err;

    begin(op, SELF_PASSWORD);
    op->command.self.password_hash = span_str(op->hash);
    if (!err)
        err = svc_account_tell(op, MESSAGE_PASSWORD_CHANGED, NULL,
                               &op->command.self.message);
    submit(op, err);
}

static void change_password(struct account_op *op) {
    struct span typed = svc_account_field(op, "password");
    struct span again = svc_account_field(op, "password_again");
    const struct span words[] = {op->out->account_id, op->profile.fields[PROFILE_NAME]};
    enum password_refusal refusal = PASSWORD_LONG;
    enum err err = OK;

    /* Fifteen, as for a password that may be the only factor: the others can be
     * removed on the page beside this one. */
    if (typed.len <= LIMIT_PASSWORD)
        err = svc_password_take(&op->out->op.arena, typed, PASSWORD_LEN_MIN_ALONE, words,
                                2, &op->password, &refusal);
    if (err)
        svc_fail(&op->base, err);
    else if (refusal != PASSWORD_OK)
        svc_account_show(op, ACCOUNT_BAD_PASSWORD);
    else if (!span_equal(typed, again))
        svc_account_show(op, ACCOUNT_DIFFERENT);
    else
        svc_pool(&op->base, hash_work, hashed);
}

/* ---- sessions and factors */

static bool read_target(struct account_op *op) {
    struct cmd_self *cmd = &op->command.self;

    cmd->has_target =
        hex_decode(svc_account_field(op, "id"), cmd->target.b, sizeof cmd->target.b) ==
        OK;
    return cmd->has_target;
}

static void end_sessions(struct account_op *op) {
    bool all = span_is(svc_account_field(op, "which"), "others");

    begin(op, all ? SELF_END_OTHERS : SELF_END_SESSION);
    if (!all && !read_target(op))
        svc_account_show(op, ACCOUNT_GONE);
    else
        submit(op, svc_account_tell(op, MESSAGE_SESSIONS_ENDED, NULL,
                                    &op->command.self.message));
}

/* The word for the holder of the factor that the form names; none when it is gone. */
static enum err tell_removed(struct account_op *op) {
    struct svc *svc = op->base.svc;
    struct arena *arena = &op->out->op.arena;
    struct message_value value = {"factor", span_str("")};
    struct factor factor;
    enum err err = svc_read_begin(svc);

    if (err)
        return err;
    err = store_factor_get(svc->read, arena, op->account.sub, op->command.self.target,
                           &factor);
    svc_read_end(svc);
    if (!err)
        err = svc_notice_factor(arena, factor.kind, factor.label, op->out->english,
                                &value.text);
    if (!err)
        err = svc_account_tell(op, MESSAGE_FACTOR_REMOVED, &value,
                               &op->command.self.message);
    return err == ERR_NOT_FOUND ? OK : err;
}

static void remove_factor(struct account_op *op) {
    begin(op, SELF_FACTOR_DEL);
    if (!read_target(op))
        svc_account_show(op, ACCOUNT_GONE);
    else
        submit(op, tell_removed(op));
}

/* ---- the account itself */

static void change_id(struct account_op *op) {
    if (span_is(svc_account_field(op, "which"), "cancel")) {
        begin(op, SELF_ID_CANCEL);
        submit(op, OK);
        return;
    }
    begin(op, SELF_ID_ASK);
    svc_account_id_ask(op);
}

static void close_account(struct account_op *op) {
    struct account_id typed;

    if (!account_id_parse(svc_account_field(op, "account_id"), &typed, NULL) ||
        !span_equal(account_id_span(&typed), op->out->account_id)) {
        svc_account_show(op, ACCOUNT_NOT_CONFIRMED);
        return;
    }
    begin(op, SELF_CLOSE);
    submit(op, svc_account_tell(op, MESSAGE_ACCOUNT_CLOSED, NULL,
                                &op->command.self.message));
}

void svc_account_act(struct account_op *op) {
    switch (op->out->page) {
    case ACCOUNT_PAGE_PASSWORD:
        change_password(op);
        return;
    case ACCOUNT_PAGE_SESSIONS:
        end_sessions(op);
        return;
    case ACCOUNT_PAGE_FACTORS:
        remove_factor(op);
        return;
    case ACCOUNT_PAGE_ID:
        change_id(op);
        return;
    case ACCOUNT_PAGE_CLOSE:
        close_account(op);
        return;
    default:
        svc_account_show(op, ACCOUNT_NO_NOTICE);
    }
}
