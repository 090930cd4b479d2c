/* svc_apply_status: how an application stands, told to who knows its number and its
 * account ID (svc_apply.h, L3); the mail of approval again; the mail by which its
 * applicant gives it up (L5). */
#include "server/domain/account_id.h"
#include "server/svc_apply_internal.h"
#include "store/base/secret.h"

#define WITHDRAW_PATH "/apply/withdraw?token="
#define WITHDRAW_TTL_MS (24u * 3600 * 1000)

struct status_op {
    struct svc_state base; /* first */
    struct svc_apply_status *status;
    struct application_id id;
    struct application application;
    struct command command;
    bool settled;
    bool known; /* the number has the form of one */
};

static void status_finish(struct svc_state *state) {
    struct status_op *op = (struct status_op *)state;

    op->status->done(op->status);
}

static void status_end(struct status_op *op, enum svc_apply_status_kind kind) {
    op->status->kind = kind;
    status_finish(&op->base);
}

/* OK: it is there and has this account ID. ERR_NOT_FOUND alike for either. */
static enum err look(struct status_op *op, const struct account_id *account_id) {
    struct svc *svc = op->base.svc;
    struct application *application = &op->application;
    struct key_hash index =
        svc_hash(svc, HASH_ACCOUNT_ID, account_id_span(account_id));
    enum err err = svc_read_begin(svc);

    if (err)
        return err;
    err = store_application_get(svc->read, &op->status->op.arena, &op->id, application);
    svc_read_end(svc);
    if (!err && !secret_equal(span_of(index.b, sizeof index.b),
                              span_of(application->account_index.b, sizeof index.b)))
        err = ERR_NOT_FOUND;
    if (!err && application->state == APPLICATION_SUBMITTED)
        err = ERR_NOT_FOUND; /* nobody was told its number yet */
    return err;
}

static enum err fill(struct status_op *op) {
    struct svc_apply_status *status = op->status;
    struct arena *arena = &status->op.arena;
    enum err err = OK;

    status->state = store_application_state_name(op->application.state);
    status->approved = op->application.state == APPLICATION_APPROVED;
    status->created_ms = op->application.created_ms;
    status->state_ms = op->application.state_ms;
    status->awaited = svc_apply_printable(op->application.state);
    if (op->application.defects != 0)
        err = svc_application_defects(arena, op->application.defects,
                                      status->english, &status->defects);
    return err;
}

static void show(struct status_op *op) {
    enum err err = fill(op);

    if (err)
        svc_fail(&op->base, err);
    else
        status_end(op, STATUS_SHOWN);
}

static void acted(struct svc_state *state) {
    struct status_op *op = (struct status_op *)state;

    switch (state->request.outcome.code) {
    case OUT_OK:
        op->status->acted = true;
        break;
    case OUT_LIMITED:
    case OUT_FULL:
    case OUT_APPLICATION_STATE:
    case OUT_NOT_FOUND:
        op->status->act_failed = true;
        break;
    default:
        svc_fail(state, ERR_CORRUPT);
        return;
    }
    show(op);
}

static void resend(struct status_op *op) {
    struct svc *svc = op->base.svc;
    struct cmd_activation_renew *cmd = &op->command.activation_renew;
    struct svc_activation_out out;
    enum err err = svc_activation_out(svc, &op->status->op.arena,
                                      &op->application,
                                      &op->status->op.from.address, &out);

    if (err) {
        svc_fail(&op->base, err);
        return;
    }
    op->command.type = CMD_ACTIVATION_RENEW;
    *cmd = (struct cmd_activation_renew){
        .id = op->id,
        .token = out.token,
        .token_ttl_ms = out.token_ttl_ms,
        .message = out.message,
        .later = out.later,
    };
    svc_submit(&op->base, &op->command, acted);
}

static enum err make_withdrawal(struct status_op *op, struct message_out *ret_message) {
    struct svc *svc = op->base.svc;
    struct arena *arena = &op->status->op.arena;
    struct message_draft draft;
    struct profile profile;
    struct span token, path;
    enum err err = svc_application_open(svc, arena, &op->application, &profile);

    if (!err)
        err = svc_apply_ticket(svc, arena, SEAL_WITHDRAWAL, &op->id, WITHDRAW_TTL_MS,
                               &token);
    if (!err)
        err = svc_message_link(arena, WITHDRAW_PATH, token, &path);
    if (err)
        return err;
    draft = svc_application_draft(arena, MESSAGE_APPLICATION_WITHDRAW, &op->application,
                                  &profile);
    draft.source = op->status->op.from.address;
    message_draft_put(&draft, "link", path);
    return svc_message_make(svc, arena, &draft, ret_message);
}

static void withdraw(struct status_op *op) {
    enum err err = make_withdrawal(op, &op->command.message_send.message);

    op->command.type = CMD_MESSAGE_SEND;
    if (err)
        svc_fail(&op->base, err);
    else
        svc_submit(&op->base, &op->command, acted);
}

static void act(struct status_op *op) {
    enum application_state state = op->application.state;

    if (op->status->act == STATUS_RESEND && state == APPLICATION_APPROVED) {
        resend(op);
    } else if (op->status->act == STATUS_WITHDRAW && svc_apply_printable(state)) {
        withdraw(op);
    } else {
        op->status->act_failed = op->status->act != STATUS_LOOK;
        show(op);
    }
}

static void look_again(struct svc_state *state) {
    struct status_op *op = (struct status_op *)state;
    struct account_id account_id;
    enum err err = ERR_NOT_FOUND;

    if (op->known && account_id_parse(op->status->account_id, &account_id, NULL))
        err = look(op, &account_id);
    if (err == ERR_NOT_FOUND && !op->settled && svc_await_ask(state->svc)) {
        op->settled = true;
        svc_settle(state, look_again);
    } else if (err == ERR_NOT_FOUND) {
        status_end(op, STATUS_MISSING);
    } else if (err) {
        svc_fail(state, err);
    } else {
        act(op);
    }
}

void svc_apply_status(struct svc *svc, struct svc_apply_status *status) {
    struct status_op *op = svc_op_begin(svc, &status->op, sizeof *op, status_finish);

    if (!op) {
        status->done(status);
        return;
    }
    op->status = status;
    /* By what is meant, not by how it is spelt. */
    op->known = svc_application_id_read(status->application_id, &op->id);
    if (!svc_apply_limit(svc, "status", status->op.from.address) ||
        (op->known && !svc_apply_limit(svc, "status-of", span_str(op->id.text))))
        status_end(op, STATUS_LIMITED);
    else if (svc_fresh(&op->base))
        look_again(&op->base);
}
