/* svc_staff_decide: 承認, 否認, 保留 by who has the application on the desk, and the next
 * one of a queue. That there are two people where 相互牽制 asks for them is decided by
 * raft/fsm_review.c; here the decision is made up: the note is sealed, the letter that is
 * sent when it stands is written. */
#include <stdio.h>
#include <stdlib.h>

#include "server/domain/defect.h"
#include "server/svc_application_mail.h"
#include "server/svc_staff_review.h"
#include "store/base/codec.h"

#define NOTE_BYTES_MAX 1500 /* sealed it is within LIMIT_REVIEW_NOTE */
#define NEXT_TRIES 16
#define NEXT_LOOKS 5000 /* at rows of one kind that others have */
#define ROWS_MAX (256u * 1024)

/* ---- the decision */

static enum review_decision decision_of(struct span text) {
    return span_is(text, "approve") ? REVIEW_APPROVE
           : span_is(text, "deny")  ? REVIEW_DENY
           : span_is(text, "hold")  ? REVIEW_HOLD
                                    : (enum review_decision)0;
}

uint32_t svc_staff_read_defects(const struct staff_op *op) {
    uint32_t defects = 0;
    char name[40];

    for (size_t i = 0; i < DEFECTS; i++) {
        snprintf(name, sizeof name, "defect_%s", defect_name(i));
        if (svc_staff_field(op, name).len > 0)
            defects |= 1u << i;
    }
    return defects;
}

static bool refused(struct staff_op *op, const char *reason, const char *message) {
    op->staff->reason = reason;
    svc_staff_refuse(op, STAFF_INVALID, span_str(message));
    return false;
}

/* False: the operation has ended. */
static bool sound(struct staff_op *op, const struct cmd_review_decide *cmd) {
    size_t note = svc_staff_field(op, "note").len;

    if (cmd->decision == 0)
        return refused(op, NULL, "decision: approve, deny or hold is expected");
    if (cmd->decision == REVIEW_DENY && cmd->defects == 0)
        return refused(op, "no_defect", "defects: a denial names one at least");
    if (cmd->decision == REVIEW_APPROVE && cmd->defects != 0)
        return refused(op, "defects", "defects: what has defects is not approved");
    if (note > NOTE_BYTES_MAX)
        return refused(op, "note_long", "note: 1500 bytes at most");
    if (cmd->decision == REVIEW_HOLD && note == 0)
        return refused(op, "no_note", "note: say why it is on hold");
    return true;
}

static enum err seal_note(struct staff_op *op, struct cmd_review_decide *cmd) {
    struct svc *svc = op->base.svc;
    struct id128 key = store_application_key(&cmd->id);
    struct span note = svc_staff_field(op, "note");
    struct buf sealed;
    enum err err = OK;

    if (note.len == 0)
        return OK;
    buf_init(&sealed, LIMIT_REVIEW_NOTE);
    err = sealer_seal(svc->sealer, SEAL_REVIEW_NOTE, span_of(key.b, sizeof key.b), note,
                      &sealed);
    if (!err)
        err = svc_take(&op->staff->op.arena, &sealed, &cmd->note);
    buf_free(&sealed);
    return err;
}

/* What the applicant is told if the decision stands. */
static enum err write_letter(struct staff_op *op, struct cmd_review_decide *cmd) {
    struct svc *svc = op->base.svc;
    struct arena *arena = &op->staff->op.arena;
    struct application application;
    struct svc_activation_out activation;
    enum err err = svc_read_begin(svc);

    if (err)
        return err;
    err = store_application_get(svc->read, arena, &cmd->id, &application);
    svc_read_end(svc);
    if (err || cmd->decision == REVIEW_HOLD)
        return err;
    if (cmd->decision == REVIEW_DENY)
        return svc_application_refusal(svc, arena, MESSAGE_APPLICATION_DENIED,
                                       &application, cmd->defects, span_of("", 0),
                                       &cmd->message);
    err = svc_activation_out(svc, arena, &application, NULL, &activation);
    if (err)
        return err;
    cmd->token = activation.token;
    cmd->token_ttl_ms = activation.token_ttl_ms;
    cmd->message = activation.message;
    cmd->later = activation.later;
    return OK;
}

static void next_claim(struct staff_op *op);

static void decided(struct svc_state *state) {
    struct staff_op *op = (struct staff_op *)state;
    struct outcome_decided outcome;
    struct application_id id;

    if (state->request.outcome.code != OUT_OK) {
        svc_staff_review_refused(op, state->request.outcome.code);
        return;
    }
    if (outcome_decided_decode(state->request.outcome.detail, &outcome) != OK) {
        svc_fail(state, ERR_CORRUPT);
        return;
    }
    (void)svc_staff_application_id(op, &id);
    if (svc_staff_field(op, "next").len > 0)
        svc_staff_next(op);
    else
        svc_staff_done(op, "/staff/application?id=%s&notice=%s", id.text,
                       outcome.needs_second ? "second_due"
                       : outcome.state == APPLICATION_APPROVED ? "approved"
                       : outcome.state == APPLICATION_DENIED   ? "denied"
                                                               : "on_hold");
}

void svc_staff_decide(struct staff_op *op) {
    struct command command = {.type = CMD_REVIEW_DECIDE};
    struct cmd_review_decide *cmd = &command.review_decide;
    struct span claim = svc_staff_field(op, "claim");
    char number[12] = "";
    enum err err;

    if (!svc_staff_application_id(op, &cmd->id)) {
        svc_staff_no_application(op);
        return;
    }
    if (claim.len < sizeof number)
        memcpy(number, claim.data, claim.len);
    cmd->staff = op->account.id;
    cmd->claim = (uint32_t)strtoul(number, NULL, 10);
    cmd->decision = decision_of(svc_staff_field(op, "decision"));
    cmd->defects = svc_staff_read_defects(op);
    if (!sound(op, cmd))
        return;
    err = seal_note(op, cmd);
    if (!err)
        err = write_letter(op, cmd);
    if (err == ERR_NOT_FOUND)
        svc_staff_no_application(op);
    else if (err)
        svc_fail(&op->base, err);
    else
        svc_submit(&op->base, &command, decided);
}

/* ---- the next one of a queue: the one that waits longest, and that nobody has */

struct queue {
    struct staff_op *op;
    struct arena rows;
    size_t looks; /* left, of this kind */
    size_t count, at;
    struct candidate {
        struct application_id id;
        uint64_t since_ms;
    } best[NEXT_TRIES]; /* the oldest first */
    enum err err;
};

static bool may_take(struct queue *queue, const struct application_id *id) {
    struct staff_op *op = queue->op;
    uint64_t now_ms = repl_now_ms(op->base.svc->shared->repl);
    bool second = (op->account.roles & (STAFF_APPROVER | STAFF_SUPERVISOR)) != 0;
    struct review review;

    arena_reset(&queue->rows);
    queue->err = store_review_get(op->base.svc->read, &queue->rows, id, &review);
    if (queue->err || (review.claimed && now_ms < review.until_ms))
        return false;
    return !review.pending ||
           (second && memcmp(review.entries[review.count - 1].staff.b, op->account.id.b,
                             sizeof op->account.id.b) != 0);
}

/* Rows come in order of age: the first NEXT_TRIES of each kind are enough. */
static bool queue_each(void *arg, const struct application_id *id, uint64_t since_ms) {
    struct queue *queue = arg;
    size_t at = queue->count;

    if (queue->looks-- == 0)
        return false;
    if (!may_take(queue, id))
        return !queue->err;
    while (at > 0 && queue->best[at - 1].since_ms > since_ms)
        at--;
    if (at == NEXT_TRIES)
        return false;
    if (queue->count < NEXT_TRIES)
        queue->count++;
    memmove(queue->best + at + 1, queue->best + at,
            (queue->count - 1 - at) * sizeof queue->best[0]);
    queue->best[at] = (struct candidate){*id, since_ms};
    return true;
}

static void next_claimed(struct svc_state *state) {
    struct staff_op *op = (struct staff_op *)state;
    struct queue *queue = op->work;
    enum outcome_code code = state->request.outcome.code;

    if (code == OUT_OK)
        svc_staff_done(op, "/staff/application?id=%s", queue->best[queue->at].id.text);
    else if (code == OUT_CLAIMED || code == OUT_SAME_PERSON || code == OUT_ROLE ||
             code == OUT_APPLICATION_STATE || code == OUT_NOT_FOUND) {
        queue->at++; /* somebody was faster */
        next_claim(op);
    } else
        svc_staff_review_refused(op, code);
}

static void next_claim(struct staff_op *op) {
    struct queue *queue = op->work;
    struct command command = {.type = CMD_REVIEW_CLAIM};

    if (queue->at == queue->count) {
        svc_staff_done(op, "/staff/desk?notice=desk_empty");
        return;
    }
    command.review_claim.id = queue->best[queue->at].id;
    command.review_claim.staff = op->account.id;
    command.review_claim.lease_ms =
        op->base.svc->shared->config->review_claim_s * 1000;
    svc_submit(&op->base, &command, next_claimed);
}

static void queue_free(void *work) {
    struct queue *queue = work;

    arena_close(&queue->rows);
    free(queue);
}

/* Of the kind that the form names, or of any. */
void svc_staff_next(struct staff_op *op) {
    struct span wanted = svc_staff_field(op, "kind");
    struct queue *queue = calloc(1, sizeof *queue);
    enum err err;

    if (!queue) {
        svc_fail(&op->base, ERR_NOMEM);
        return;
    }
    arena_init(&queue->rows, ROWS_MAX);
    queue->op = op;
    op->work = queue;
    op->work_free = queue_free;
    err = svc_read_begin(op->base.svc);
    if (err) {
        svc_fail(&op->base, err);
        return;
    }
    for (int kind = 1; kind <= APPLICATION_KIND_LAST && !err; kind++) {
        const char *name = store_application_kind_name((enum application_kind)kind);
        queue->looks = NEXT_LOOKS;
        if (wanted.len == 0 || span_is(wanted, name))
            err = store_application_walk(op->base.svc->read, (enum application_kind)kind,
                                         APPLICATION_STAFF, 0, NULL, queue_each, queue);
        err = err ? err : queue->err;
    }
    svc_read_end(op->base.svc);
    if (err)
        svc_fail(&op->base, err);
    else
        next_claim(op);
}
