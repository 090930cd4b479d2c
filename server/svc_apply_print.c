/* svc_apply_print: an application's form, as a PDF, for who has its ticket (svc_apply.h).
 *
 * Drawn on the view pool, whose queue is bounded, so that no sign-in waits for a page of
 * paper. What is posted already is not printed again: a form is good once. */
#include "server/paper.h"
#include "server/svc_apply_internal.h"
#include "store/base/japan.h"

struct print_op {
    struct svc_state base; /* first */
    struct svc_apply_print *print;
    struct application_id id;
    struct profile profile;
    struct paper paper;
    struct buf pdf;
    enum err err;
    bool settled;
};

static void print_finish(struct svc_state *state) {
    struct print_op *op = (struct print_op *)state;

    buf_free(&op->pdf);
    op->print->done(op->print);
}

static void end(struct print_op *op, enum svc_apply_print_kind kind) {
    op->print->kind = kind;
    print_finish(&op->base);
}

static void drawn(struct svc_state *state) {
    struct print_op *op = (struct print_op *)state;
    enum err err = op->err;

    if (!err)
        err = svc_take(&op->print->op.arena, &op->pdf, &op->print->pdf);
    if (err)
        svc_fail(state, err);
    else
        end(op, PRINT_DONE);
}

/* On a thread of the view pool: touches nothing of the svc. */
static void draw(struct svc_state *state) {
    struct print_op *op = (struct print_op *)state;

    op->err = paper_print(&op->paper, &op->pdf);
}

static struct date day_of(uint64_t ms) {
    struct japan_time time = japan_time(ms);

    return (struct date){time.year, time.month, time.day};
}

static const char *environment_text(enum client_environment environment) {
    switch (environment) {
    case ENV_DEMO:
        return "デモ環境の申請書です。郵送しないでください。";
    case ENV_VERIFICATION:
        return "検証環境の申請書です。郵送しないでください。";
    default:
        return "";
    }
}

static void print_it(struct print_op *op, const struct application *application) {
    const struct config *config = op->base.svc->shared->config;

    op->print->application_id =
        arena_dup(&op->print->op.arena, span_str(application->id.text));
    op->paper = (struct paper){
        .kind = (enum applicant_kind)application->kind,
        .application_id = op->print->application_id,
        .profile = &op->profile,
        .applied = day_of(application->created_ms),
        .environment = environment_text(application->environment),
        .other_documents = span_str(config->other_documents),
        .intake_address = span_str(config->intake_address),
    };
    svc_view_pool(&op->base, draw, drawn);
}

static void look(struct svc_state *state) {
    struct print_op *op = (struct print_op *)state;
    struct arena *arena = &op->print->op.arena;
    struct application application;
    enum err err = svc_read_begin(state->svc);

    if (!err) {
        err = store_application_get(state->svc->read, arena, &op->id, &application);
        svc_read_end(state->svc);
    }
    if (!err && !svc_apply_printable(application.state) && op->settled) {
        end(op, PRINT_OVER);
        return;
    }
    if ((err == ERR_NOT_FOUND || (!err && !svc_apply_printable(application.state))) &&
        !op->settled) {
        op->settled = true; /* it was confirmed at another node, a moment ago */
        svc_settle(state, look);
        return;
    }
    if (!err)
        err = svc_application_open(state->svc, arena, &application, &op->profile);
    if (err == ERR_NOT_FOUND)
        end(op, PRINT_REFUSED);
    else if (err)
        svc_fail(state, err);
    else
        print_it(op, &application);
}

void svc_apply_print(struct svc *svc, struct svc_apply_print *print) {
    struct print_op *op = svc_op_begin(svc, &print->op, sizeof *op, print_finish);
    enum err err;

    if (!op) {
        print->done(print);
        return;
    }
    op->print = print;
    buf_init(&op->pdf, PAPER_BYTES_MAX);
    err = svc_apply_ticket_read(svc, SEAL_TICKET, print->ticket, &op->id);
    if (err == ERR_FORGED)
        end(op, PRINT_REFUSED);
    else if (err)
        svc_fail(&op->base, err);
    else if (!svc_apply_limit(svc, "print", print->op.from.address))
        svc_fail(&op->base, ERR_BUSY);
    else if (svc_fresh(&op->base))
        look(&op->base);
}
