/* svc_staff_desk: the operation center's stocks, as rows of applications: how many are
 * where and for how long, one of them, and who has it on the desk. What the applicant
 * typed is not opened here. Claims are decided by raft/fsm_review.c. */
#include <stdio.h>

#include "server/svc_staff_review.h"

#define SHOWN 100
/* What waits for longer is shown as such: a working day, and three. */
#define DUE_MS (24ull * 3600 * 1000)
#define LATE_MS (3 * DUE_MS)
#define AGED_MAX 10000 /* are counted */

/* ---- stocks */

struct listing {
    json_t *list;
    uint64_t oldest_ms;
    size_t max;
};

static bool list_one(void *arg, const struct application_id *id, uint64_t since_ms) {
    struct listing *listing = arg;

    if (listing->oldest_ms == 0)
        listing->oldest_ms = since_ms;
    json_array_append_new(listing->list, json_pack("{s:s, s:I}", "id", id->text,
                                                   "since_ms", (json_int_t)since_ms));
    return json_array_size(listing->list) < listing->max;
}

/* How long they wait: those that are older than a day, and than three. In order of age,
 * so the walk ends where the young begin. */
struct ages {
    uint64_t now_ms;
    uint64_t oldest_ms;
    size_t due, late;
};

static bool age_one(void *arg, const struct application_id *id, uint64_t since_ms) {
    struct ages *ages = arg;

    (void)id;
    if (ages->oldest_ms == 0)
        ages->oldest_ms = since_ms;
    if (since_ms + DUE_MS > ages->now_ms)
        return false;
    ages->due++;
    ages->late += since_ms + LATE_MS <= ages->now_ms;
    return ages->due < AGED_MAX;
}

/* The states in which it is the center that is waited for. */
static bool is_backlog(enum application_state state) {
    return state == APPLICATION_RECEIVED || state == APPLICATION_WAITING ||
           state == APPLICATION_OCR || state == APPLICATION_STAFF ||
           state == APPLICATION_HELD;
}

/* In the open snapshot: a state of a kind, its number and since when they wait. */
static enum err put_stock(struct svc *svc, enum application_kind kind,
                          enum application_state state, json_t *stocks) {
    struct ages ages = {.now_ms = repl_now_ms(svc->shared->repl)};
    bool backlog = is_backlog(state);
    uint64_t count = 0;
    enum err err = store_application_count(svc->read, kind, state, &count);

    if (!err && count > 0)
        err = store_application_walk(svc->read, kind, state, 0, NULL, age_one, &ages);
    if (!err && count > 0)
        json_array_append_new(
            stocks,
            json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:b, s:s, s:b}", "kind",
                      store_application_kind_name(kind), "state",
                      store_application_state_name(state), "count", (json_int_t)count,
                      "oldest_ms", (json_int_t)ages.oldest_ms, "due",
                      (json_int_t)ages.due, "late", (json_int_t)ages.late, "backlog",
                      backlog, "age",
                      !backlog         ? "none"
                      : ages.late > 0  ? "late"
                      : ages.due > 0   ? "due"
                                       : "fresh",
                      "queue", state == APPLICATION_STAFF));
    return err;
}

static enum err put_stocks(struct svc *svc, json_t *stocks) {
    enum err err = OK;

    for (int kind = 1; kind <= APPLICATION_KIND_LAST && !err; kind++) {
        for (int state = 1; state <= APPLICATION_STATE_LAST && !err; state++)
            err = put_stock(svc, (enum application_kind)kind,
                            (enum application_state)state, stocks);
    }
    return err;
}

/* The stock that the query names, when it does. */
static enum err put_chosen(struct staff_op *op, json_t *view) {
    struct span kind = svc_staff_field(op, "kind"), state = svc_staff_field(op, "state");
    struct listing listing = {.list = json_array(), .max = SHOWN};
    enum err err = OK;

    for (int i = 1; i <= APPLICATION_KIND_LAST && !err; i++) {
        for (int j = 1; j <= APPLICATION_STATE_LAST && !err; j++) {
            if (span_is(kind, store_application_kind_name((enum application_kind)i)) &&
                span_is(state, store_application_state_name((enum application_state)j)))
                err = store_application_walk(
                    op->base.svc->read, (enum application_kind)i,
                    (enum application_state)j, 0, NULL, list_one, &listing);
        }
    }
    json_object_set_new(view, "chosen", json_boolean(kind.len > 0));
    json_object_set_new(view, "kind_chosen", svc_staff_text(kind));
    json_object_set_new(view, "state_chosen", svc_staff_text(state));
    json_object_set_new(view, "applications", listing.list);
    return err;
}

void svc_staff_desk(struct staff_op *op) {
    struct svc *svc = op->base.svc;
    json_t *view = json_object(), *stocks = json_array();
    enum err err = svc_read_begin(svc);

    json_object_set_new(view, "stocks", stocks);
    if (!err) {
        err = put_stocks(svc, stocks);
        if (!err)
            err = put_chosen(op, view);
        svc_read_end(svc);
    }
    if (err) {
        json_decref(view);
        svc_fail(&op->base, err);
        return;
    }
    svc_staff_view(op, view);
}

/* ---- the claim */

static void claimed(struct svc_state *state) {
    struct staff_op *op = (struct staff_op *)state;
    struct application_id id;

    if (state->request.outcome.code != OUT_OK) {
        svc_staff_review_refused(op, state->request.outcome.code);
        return;
    }
    (void)svc_staff_application_id(op, &id);
    svc_staff_done(op, "/staff/application?id=%s", id.text);
}

void svc_staff_claim(struct staff_op *op) {
    struct command command = {.type = CMD_REVIEW_CLAIM};
    struct cmd_review_claim *cmd = &command.review_claim;

    if (!svc_staff_application_id(op, &cmd->id)) {
        svc_staff_no_application(op);
        return;
    }
    cmd->staff = op->account.id;
    cmd->lease_ms = op->base.svc->shared->config->review_claim_s * 1000;
    svc_submit(&op->base, &command, claimed);
}

void svc_staff_release(struct staff_op *op) {
    struct command command = {.type = CMD_REVIEW_RELEASE};

    if (!svc_staff_application_id(op, &command.review_release.id)) {
        svc_staff_no_application(op);
        return;
    }
    command.review_release.staff = op->account.id;
    svc_submit(&op->base, &command, claimed);
}
