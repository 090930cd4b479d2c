/* svc_staff_receive: what the post brings, before anything of it is scanned: an envelope
 * whose label names its application (未開封), and what is wrong with an application before
 * any review (審査前不備). Which of two moves comes first is raft/fsm_application.c's. */
#include <stdio.h>

#include "server/svc_application_mail.h"
#include "server/svc_staff_review.h"
#include "store/base/japan.h"

static void answer(struct staff_op *op, const char *notice) {
    static const struct staff_refusal refusals[] = {
        {OUT_APPLICATION_STATE, "move_state", "id: not from the state that it is in"},
    };
    enum outcome_code code = op->base.request.outcome.code;
    struct application_id id;

    if (code == OUT_OK) {
        (void)svc_staff_application_id(op, &id);
        svc_staff_done(op, "/staff/application?id=%s&notice=%s", id.text, notice);
    } else if (!svc_staff_refuse_by(op, code, refusals, 1)) {
        svc_staff_review_refused(op, code);
    }
}

static void received(struct svc_state *state) {
    answer((struct staff_op *)state, "received");
}

void svc_staff_receive(struct staff_op *op) {
    struct command command = {.type = CMD_APPLICATION_MOVE};
    struct cmd_application_move *move = &command.application_move;

    if (!svc_staff_application_id(op, &move->id)) {
        svc_staff_no_application(op);
        return;
    }
    move->from = APPLICATION_AWAITING;
    move->to = APPLICATION_RECEIVED;
    move->staff = op->account.id;
    move->received_day = japan_day(repl_now_ms(op->base.svc->shared->repl));
    svc_submit(&op->base, &command, received);
}

static void refused(struct svc_state *state) {
    answer((struct staff_op *)state, "defect");
}

/* What the applicant is told; `from` is the state that this node knows. */
static enum err write_mail(struct staff_op *op, struct cmd_application_move *move) {
    struct svc *svc = op->base.svc;
    struct arena *arena = &op->staff->op.arena;
    struct application application;
    enum err err = svc_read_begin(svc);

    if (err)
        return err;
    err = store_application_get(svc->read, arena, &move->id, &application);
    svc_read_end(svc);
    if (err)
        return err;
    move->from = application.state;
    return svc_application_refusal(svc, arena, MESSAGE_APPLICATION_INCOMPLETE,
                                   &application, move->defects, span_of("", 0),
                                   &move->message);
}

void svc_staff_defect(struct staff_op *op) {
    struct command command = {.type = CMD_APPLICATION_MOVE};
    struct cmd_application_move *move = &command.application_move;
    enum err err;

    if (!svc_staff_application_id(op, &move->id)) {
        svc_staff_no_application(op);
        return;
    }
    move->to = APPLICATION_DEFECT;
    move->staff = op->account.id;
    move->defects = svc_staff_read_defects(op);
    if (move->defects == 0) {
        op->staff->reason = "no_defect";
        svc_staff_refuse(op, STAFF_INVALID, span_str("defects: name one at least"));
        return;
    }
    err = write_mail(op, move);
    if (err == ERR_NOT_FOUND)
        svc_staff_no_application(op);
    else if (err)
        svc_fail(&op->base, err);
    else
        svc_submit(&op->base, &command, refused);
}
