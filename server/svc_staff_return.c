/* svc_staff_return: 書類返送: the letter that goes back with an applicant's papers, of a 否認
 * or of a 審査前不備, and that they were sent, with the carrier's number. What was refused
 * stays so: what follows is a new application (DOMAIN §1.1). */
#include <stdio.h>
#include <stdlib.h>

#include "server/denial_letter.h"
#include "server/svc_application.h"
#include "server/svc_staff_review.h"
#include "store/base/japan.h"

struct lettering {
    struct application application;
    struct profile profile;
    struct denial_letter letter;
    char day[64], name[64];
    struct buf pdf;
    enum err err;
};

static void lettering_free(void *work) {
    struct lettering *l = work;

    buf_free(&l->pdf);
    free(l);
}

static void drawn(struct svc_state *state) {
    struct staff_op *op = (struct staff_op *)state;
    struct lettering *l = op->work;

    if (l->err) {
        svc_fail(state, l->err);
        return;
    }
    op->staff->file = buf_span(&l->pdf);
    op->staff->file_name = span_str(l->name);
    svc_staff_file(op);
}

/* On a pool's thread: touches nothing of the svc. */
static void draw(struct svc_state *state) {
    struct lettering *l = ((struct staff_op *)state)->work;

    l->err = denial_letter_print(&l->letter, &l->pdf);
}

static void recorded(struct svc_state *state) {
    svc_view_pool(state, draw, drawn);
}

static void record(struct staff_op *op, const struct application_id *id) {
    struct command command = {.type = CMD_AUDIT_NOTE};

    command.audit_note.event = AUDIT_STAFF_READ;
    command.audit_note.has_staff = true;
    command.audit_note.staff = op->account.id;
    command.audit_note.note = span_str(id->text);
    svc_submit(&op->base, &command, recorded);
}

static const char *environment_text(enum client_environment environment) {
    return environment == ENV_PRODUCTION     ? ""
           : environment == ENV_VERIFICATION ? "検証環境の通知です。郵送しないでください。"
                                             : "デモ環境の通知です。郵送しないでください。";
}

static void write_letter(struct lettering *l) {
    struct japan_time time = japan_time(l->application.decided_ms);

    snprintf(l->day, sizeof l->day, "%d年%d月%d日", time.year, time.month, time.day);
    snprintf(l->name, sizeof l->name, "letter-%s.pdf", l->application.id.text);
    l->letter = (struct denial_letter){
        .application_id = span_str(l->application.id.text),
        .profile = &l->profile,
        .before_review = l->application.state == APPLICATION_DEFECT ||
                         l->application.before_review,
        .defects = l->application.defects,
        .day = l->day,
        .environment = environment_text(l->application.environment),
    };
}

void svc_staff_letter(struct staff_op *op) {
    struct lettering *l = calloc(1, sizeof *l);
    struct arena *arena = &op->staff->op.arena;
    struct application_id id;
    enum err err = l ? OK : ERR_NOMEM;

    if (err) {
        svc_fail(&op->base, err);
        return;
    }
    buf_init(&l->pdf, DENIAL_LETTER_BYTES_MAX);
    op->work = l;
    op->work_free = lettering_free;
    if (!svc_staff_application_id(op, &id)) {
        svc_staff_no_application(op);
        return;
    }
    err = svc_read_begin(op->base.svc);
    if (!err) {
        err = store_application_get(op->base.svc->read, arena, &id, &l->application);
        svc_read_end(op->base.svc);
    }
    if (!err && l->application.state != APPLICATION_DENIED &&
        l->application.state != APPLICATION_DEFECT &&
        l->application.state != APPLICATION_RETURNED)
        err = ERR_NOT_FOUND; /* there is nothing to be sent back */
    if (!err)
        err = svc_application_open(op->base.svc, arena, &l->application, &l->profile);
    if (err == ERR_NOT_FOUND) {
        svc_staff_no_application(op);
    } else if (err) {
        svc_fail(&op->base, err);
    } else {
        write_letter(l);
        record(op, &id);
    }
}

/* ---- sent back */

static void returned(struct svc_state *state) {
    struct staff_op *op = (struct staff_op *)state;
    struct application_id id;

    if (state->request.outcome.code != OUT_OK) {
        svc_staff_review_refused(op, state->request.outcome.code);
        return;
    }
    (void)svc_staff_application_id(op, &id);
    svc_staff_done(op, "/staff/application?id=%s&notice=returned", id.text);
}

/* A carrier's number: letters, digits and hyphens. */
static bool is_tracking(struct span text) {
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.data[i];
        if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
              c == '-'))
            return false;
    }
    return text.len > 0 && text.len <= 32;
}

/* Of the two from which papers go back, the one that this node knows it to be in. */
static enum err read_from(struct staff_op *op, struct cmd_application_move *move) {
    struct application application;
    enum err err = svc_read_begin(op->base.svc);

    if (err)
        return err;
    err = store_application_get(op->base.svc->read, &op->staff->op.arena, &move->id,
                                &application);
    svc_read_end(op->base.svc);
    move->from = !err && application.state == APPLICATION_DEFECT ? APPLICATION_DEFECT
                                                                 : APPLICATION_DENIED;
    return err == ERR_NOT_FOUND ? OK : err; /* the state machine says so */
}

void svc_staff_return(struct staff_op *op) {
    struct command command = {.type = CMD_APPLICATION_MOVE};
    struct cmd_application_move *move = &command.application_move;
    enum err err;
    struct span tracking = svc_staff_field(op, "tracking");

    if (!svc_staff_application_id(op, &move->id)) {
        svc_staff_no_application(op);
        return;
    }
    if (!is_tracking(tracking)) {
        op->staff->reason = "tracking";
        svc_staff_refuse(op, STAFF_INVALID,
                         span_str("tracking: the carrier's number is expected"));
        return;
    }
    memcpy(move->tracking, tracking.data, tracking.len);
    move->to = APPLICATION_RETURNED;
    move->staff = op->account.id;
    err = read_from(op, move);
    if (err)
        svc_fail(&op->base, err);
    else
        svc_submit(&op->base, &command, returned);
}
