/* svc_staff_desk: the operation center's stocks, as rows of applications: how many are
 * where and for how long, one of them, and who has it on the desk. What the applicant
 * typed is not opened here. Claims are decided by raft/fsm_review.c. */
#include <stdlib.h>

#include "server/svc_staff_review.h"

#define SHOWN 100 /* rows of a page */
/* What waits for longer is shown as such: a working day, and three. */
#define DUE_MS (24ull * 3600 * 1000)
#define LATE_MS (3 * DUE_MS)

/* ---- stocks */

static bool first_each(void *arg, const struct application_id *id, uint64_t since_ms) {
    (void)id;
    *(uint64_t *)arg = since_ms;
    return false;
}

struct stock {
    uint64_t count, due, late; /* longer than DUE_MS, than LATE_MS */
    uint64_t oldest_ms;
};

/* In the open snapshot. */
static enum err read_stock(struct svc *svc, enum application_kind kind,
                           enum application_state state, struct stock *ret) {
    uint64_t now_ms = repl_now_ms(svc->shared->repl);
    enum err err = store_application_count(svc->read, kind, state, &ret->count);

    if (err || ret->count == 0)
        return err;
    err = store_application_walk(svc->read, kind, state, 0, NULL, first_each,
                                 &ret->oldest_ms);
    if (!err && store_application_backlog(state) && now_ms > LATE_MS) {
        err = store_application_older(svc->read, kind, state, now_ms - DUE_MS, &ret->due);
        if (!err && ret->due > 0)
            err = store_application_older(svc->read, kind, state, now_ms - LATE_MS,
                                          &ret->late);
    }
    return err;
}

/* A state of a kind, its number and since when they wait. */
static enum err put_stock(struct svc *svc, enum application_kind kind,
                          enum application_state state, json_t *stocks) {
    struct stock stock = {.count = 0};
    bool backlog = store_application_backlog(state);
    enum err err = read_stock(svc, kind, state, &stock);

    if (!err && stock.count > 0)
        json_array_append_new(
            stocks,
            json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:b, s:s, s:b}", "kind",
                      store_application_kind_name(kind), "state",
                      store_application_state_name(state), "count",
                      (json_int_t)stock.count, "oldest_ms", (json_int_t)stock.oldest_ms,
                      "due", (json_int_t)stock.due, "late", (json_int_t)stock.late,
                      "backlog", backlog, "age",
                      !backlog         ? "none"
                      : stock.late > 0 ? "late"
                      : stock.due > 0  ? "due"
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

/* ---- the list of one */

struct listing {
    json_t *list;
    struct application_id last;
    uint64_t last_ms;
    bool more;
};

static bool list_one(void *arg, const struct application_id *id, uint64_t since_ms) {
    struct listing *listing = arg;

    listing->more = json_array_size(listing->list) == SHOWN;
    if (listing->more)
        return false;
    listing->last = *id;
    listing->last_ms = since_ms;
    json_array_append_new(listing->list, json_pack("{s:s, s:I}", "id", id->text,
                                                   "since_ms", (json_int_t)since_ms));
    return true;
}

/* Where the page before ended: `after` (an id) and `since` (its time). False: the list is
 * shown from its begin. */
static bool read_after(const struct staff_op *op, struct application_id *ret_id,
                       uint64_t *ret_ms) {
    struct span id = svc_staff_field(op, "after"), ms = svc_staff_field(op, "since");

    *ret_ms = 0;
    for (size_t i = 0; i < ms.len; i++) {
        if (ms.data[i] < '0' || ms.data[i] > '9' || i == 15)
            return false;
        *ret_ms = *ret_ms * 10 + (uint64_t)(ms.data[i] - '0');
    }
    memset(ret_id, 0, sizeof *ret_id);
    if (ms.len == 0 || id.len > APPLICATION_ID_MAX)
        return false;
    memcpy(ret_id->text, id.data, id.len);
    return store_application_id_ok(ret_id);
}

/* The stock that the query names, when it does. */
static enum err put_chosen(struct staff_op *op, json_t *view) {
    struct span kind = svc_staff_field(op, "kind"), state = svc_staff_field(op, "state");
    struct listing listing = {.list = json_array()};
    struct application_id after;
    uint64_t after_ms;
    bool later = read_after(op, &after, &after_ms);
    enum err err = OK;

    for (int i = 1; i <= APPLICATION_KIND_LAST && !err; i++) {
        for (int j = 1; j <= APPLICATION_STATE_LAST && !err; j++) {
            if (span_is(kind, store_application_kind_name((enum application_kind)i)) &&
                span_is(state, store_application_state_name((enum application_state)j)))
                err = store_application_walk(
                    op->base.svc->read, (enum application_kind)i,
                    (enum application_state)j, later ? after_ms : 0,
                    later ? &after : NULL, list_one, &listing);
        }
    }
    json_object_set_new(view, "chosen", json_boolean(kind.len > 0));
    json_object_set_new(view, "kind_chosen", svc_staff_text(kind));
    json_object_set_new(view, "state_chosen", svc_staff_text(state));
    json_object_set_new(view, "applications", listing.list);
    json_object_set_new(view, "later", json_boolean(later));
    json_object_set_new(view, "more",
                        listing.more ? json_pack("{s:s, s:I}", "after", listing.last.text,
                                                 "since", (json_int_t)listing.last_ms)
                                     : json_false());
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

    struct span claim = svc_staff_field(op, "claim");
    char number[12] = "";

    if (!svc_staff_application_id(op, &command.review_release.id)) {
        svc_staff_no_application(op);
        return;
    }
    if (claim.len < sizeof number)
        memcpy(number, claim.data, claim.len);
    command.review_release.claim = (uint32_t)strtoul(number, NULL, 10);
    command.review_release.staff = op->account.id;
    svc_submit(&op->base, &command, claimed);
}
