/* svc_apply_withdraw: an application is given up, by the link that was mailed to its
 * account ID (svc_apply.h, L5). The link is sealed and names the application; it is over
 * when the application's papers are looked at. */
#include "server/svc_apply_internal.h"

struct withdraw_op {
    struct svc_state base; /* first */
    struct svc_apply_withdraw *withdraw;
    struct application application;
    struct profile profile;
    struct command command;
    bool settled;
};

static void withdraw_finish(struct svc_state *state) {
    struct withdraw_op *op = (struct withdraw_op *)state;

    op->withdraw->done(op->withdraw);
}

static void end(struct withdraw_op *op, enum svc_apply_withdraw_kind kind) {
    op->withdraw->kind = kind;
    withdraw_finish(&op->base);
}

static void withdrawn(struct svc_state *state) {
    struct withdraw_op *op = (struct withdraw_op *)state;

    switch (state->request.outcome.code) {
    case OUT_OK:
        end(op, WITHDRAW_DONE);
        return;
    case OUT_APPLICATION_STATE: /* its papers came meanwhile */
    case OUT_NOT_FOUND:
        end(op, WITHDRAW_OVER);
        return;
    default:
        svc_fail(state, ERR_CORRUPT);
    }
}

static enum err notice(struct withdraw_op *op, struct message_out *ret_message) {
    struct svc *svc = op->base.svc;
    struct arena *arena = &op->withdraw->op.arena;
    struct message_draft draft = svc_application_draft(
        arena, MESSAGE_APPLICATION_WITHDRAWN, &op->application, &op->profile);
    char when[MESSAGE_TIME_MAX];

    message_time(repl_now_ms(svc->shared->repl), draft.english, when);
    message_draft_put(&draft, "when", span_str(when));
    return svc_message_make(svc, arena, &draft, ret_message);
}

static void withdraw_now(struct withdraw_op *op) {
    struct cmd_application_move *move = &op->command.application_move;
    enum err err;

    op->command.type = CMD_APPLICATION_MOVE;
    *move = (struct cmd_application_move){
        .id = op->application.id,
        .from = op->application.state,
        .to = APPLICATION_WITHDRAWN,
    };
    err = notice(op, &move->message);
    if (err)
        svc_fail(&op->base, err);
    else
        svc_submit(&op->base, &op->command, withdrawn);
}

/* In a snapshot of its own. */
static enum err read_application(struct withdraw_op *op) {
    struct svc *svc = op->base.svc;
    struct arena *arena = &op->withdraw->op.arena;
    struct application_id id = op->application.id;
    enum err err = svc_read_begin(svc);

    if (err)
        return err;
    err = store_application_get(svc->read, arena, &id, &op->application);
    svc_read_end(svc);
    op->application.id = id;
    return err ? err : svc_application_open(svc, arena, &op->application, &op->profile);
}

static void look(struct svc_state *state) {
    struct withdraw_op *op = (struct withdraw_op *)state;
    struct svc_apply_withdraw *in = op->withdraw;
    enum err err = read_application(op);
    bool open = !err && svc_apply_printable(op->application.state);

    if ((err == ERR_NOT_FOUND || (!err && !open)) && !op->settled) {
        op->settled = true; /* it may be news to this node */
        svc_settle(state, look);
        return;
    }
    if (err == ERR_NOT_FOUND) {
        end(op, WITHDRAW_REFUSED);
        return;
    }
    if (err) {
        svc_fail(state, err);
        return;
    }
    in->application_id = arena_dup(&in->op.arena, span_str(op->application.id.text));
    in->company = op->profile.fields[PROFILE_NAME];
    if (!open)
        end(op, WITHDRAW_OVER);
    else if (in->confirms)
        withdraw_now(op);
    else
        end(op, WITHDRAW_ASK);
}

void svc_apply_withdraw(struct svc *svc, struct svc_apply_withdraw *in) {
    struct withdraw_op *op = svc_op_begin(svc, &in->op, sizeof *op, withdraw_finish);
    enum err err;

    if (!op) {
        in->done(in);
        return;
    }
    op->withdraw = in;
    err = svc_apply_ticket_read(svc, SEAL_WITHDRAWAL, in->token, &op->application.id);
    if (err == ERR_FORGED)
        end(op, WITHDRAW_REFUSED);
    else if (err)
        svc_fail(&op->base, err);
    else if (!svc_apply_limit(svc, "withdraw", in->op.from.address))
        svc_fail(&op->base, ERR_BUSY);
    else if (svc_fresh(&op->base))
        look(&op->base);
}
