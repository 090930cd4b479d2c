/* svc_staff_desk: the operation center's stocks, as rows of applications: how many are
 * where and for how long, one of them, and who has it on the desk. What the applicant
 * typed is not opened here. Claims are decided by raft/fsm_review.c. */
#include <stdio.h>

#include "ocr-worker/wire/evidence_wire.h"
#include "server/svc_staff_internal.h"
#include "store/store_application.h"
#include "store/store_review.h"

#define SHOWN 100

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

/* In the open snapshot: a state of a kind, its number and since when the oldest waits. */
static enum err put_stock(struct svc *svc, enum application_kind kind,
                          enum application_state state, json_t *stocks) {
    struct listing listing = {.list = json_array(), .max = 1};
    uint64_t count = 0;
    enum err err = store_application_count(svc->read, kind, state, &count);

    if (!err)
        err = store_application_walk(svc->read, kind, state, 0, NULL, list_one,
                                     &listing);
    json_decref(listing.list);
    if (!err && count > 0)
        json_array_append_new(
            stocks, json_pack("{s:s, s:s, s:I, s:I}", "kind",
                              store_application_kind_name(kind), "state",
                              store_application_state_name(state), "count",
                              (json_int_t)count, "oldest_ms",
                              (json_int_t)listing.oldest_ms));
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

/* ---- one */

static const char *const verdicts[] = {"none", "ok", "ng", "review"};
static const char *const decisions[] = {"", "approve", "deny", "hold"};
static const char *const defects[] = {"cert_expired",      "cert_missing", "cert_copy",
                                      "form_differs",      "form_invalid",
                                      "account_duplicate", "no_documents", NULL};

static json_t *defect_names(uint32_t bits) {
    json_t *list = json_array();

    for (size_t i = 0; defects[i]; i++) {
        if (bits & (1u << i))
            json_array_append_new(list, json_string(defects[i]));
    }
    return list;
}

static json_t *reason_names(uint64_t bits) {
    json_t *list = json_array();

    for (unsigned bit = 0; bit < 64; bit++) {
        const char *name = bits >> bit & 1 ? ocr_reason_str(bit) : NULL;
        if (name)
            json_array_append_new(list, json_string(name));
    }
    return list;
}

static json_t *entry_json(struct staff_op *op, const struct review_entry *entry) {
    struct staff person;
    enum err err = store_staff_get(op->base.svc->read, &op->staff->op.arena, entry->staff,
                                   &person);

    return json_pack("{s:o, s:s, s:o, s:I}", "who",
                     err ? svc_staff_id(entry->staff) : svc_staff_text(person.name),
                     "decision", decisions[entry->decision], "defects",
                     defect_names(entry->defects), "at_ms", (json_int_t)entry->at_ms);
}

/* In the open snapshot. */
static enum err put_review(struct staff_op *op, const struct application *application,
                           json_t *view) {
    uint64_t now_ms = repl_now_ms(op->base.svc->shared->repl);
    json_t *entries = json_array();
    struct review review;
    enum err err = store_review_get(op->base.svc->read, &op->staff->op.arena,
                                    &application->id, &review);
    bool held, mine;

    json_object_set_new(view, "entries", entries);
    if (err)
        return err;
    for (size_t i = 0; i < review.count; i++)
        json_array_append_new(entries, entry_json(op, &review.entries[i]));
    held = review.claimed && now_ms < review.until_ms;
    mine = held && memcmp(review.holder.b, op->account.id.b, sizeof review.holder.b) == 0;
    json_object_set_new(view, "pending", json_boolean(review.pending));
    json_object_set_new(view, "held", json_boolean(held));
    json_object_set_new(view, "mine", json_boolean(mine));
    json_object_set_new(view, "until_ms",
                        json_integer(held ? (json_int_t)review.until_ms : 0));
    json_object_set_new(view, "at_desk",
                        json_boolean(application->state == APPLICATION_STAFF ||
                                     application->state == APPLICATION_HELD));
    return OK;
}

/* The field `id`. False: no application can have it. */
static bool read_id(const struct staff_op *op, struct application_id *ret_id) {
    struct span text = svc_staff_field(op, "id");

    memset(ret_id, 0, sizeof *ret_id);
    if (text.len > APPLICATION_ID_MAX)
        return false;
    memcpy(ret_id->text, text.data, text.len);
    return store_application_id_ok(ret_id);
}

static void unknown(struct staff_op *op) {
    svc_staff_refuse(op, STAFF_MISSING, span_str("id: there is no such application"));
}

static enum err put_application(struct staff_op *op, const struct application_id *id,
                                json_t **ret_view) {
    struct application a;
    enum err err =
        store_application_get(op->base.svc->read, &op->staff->op.arena, id, &a);

    if (err)
        return err;
    *ret_view = json_pack(
        "{s:s, s:s, s:s, s:I, s:I, s:s, s:o, s:o, s:i, s:s, s:b, s:i}", "id", a.id.text,
        "kind", store_application_kind_name(a.kind), "state",
        store_application_state_name(a.state), "created_ms", (json_int_t)a.created_ms,
        "state_ms", (json_int_t)a.state_ms, "verdict", verdicts[a.ocr & 3], "reasons",
        reason_names(a.ocr_reasons), "defects", defect_names(a.defects), "pages",
        (int)a.pages, "tracking", a.tracking, "alike", a.alike, "reminders",
        (int)a.reminders);
    return put_review(op, &a, *ret_view);
}

void svc_staff_application(struct staff_op *op) {
    struct application_id id;
    json_t *view = NULL;
    enum err err;

    if (!read_id(op, &id)) {
        unknown(op);
        return;
    }
    err = svc_read_begin(op->base.svc);
    if (!err) {
        err = put_application(op, &id, &view);
        svc_read_end(op->base.svc);
    }
    if (!err) {
        svc_staff_view(op, view);
        return;
    }
    json_decref(view);
    if (err == ERR_NOT_FOUND)
        unknown(op);
    else
        svc_fail(&op->base, err);
}

/* ---- the claim */

static void claimed(struct svc_state *state) {
    struct staff_op *op = (struct staff_op *)state;
    struct application_id id;

    switch (state->request.outcome.code) {
    case OUT_OK:
        (void)read_id(op, &id);
        svc_staff_done(op, "/staff/application?id=%s", id.text);
        return;
    case OUT_NOT_FOUND:
        unknown(op);
        return;
    case OUT_CLAIMED:
        svc_staff_refuse(op, STAFF_CONFLICT, span_str("id: another person has it"));
        return;
    case OUT_SAME_PERSON:
        svc_staff_refuse(op, STAFF_CONFLICT,
                         span_str("id: a second person is waited for, and you were the "
                                  "first"));
        return;
    case OUT_APPLICATION_STATE:
    case OUT_ACCOUNT_STATE:
        svc_staff_refuse(op, STAFF_CONFLICT, span_str("id: it is not at the desk"));
        return;
    default:
        svc_fail(state, ERR_CORRUPT);
    }
}

void svc_staff_claim(struct staff_op *op) {
    struct command command = {.type = CMD_REVIEW_CLAIM};
    struct cmd_review_claim *cmd = &command.review_claim;

    if (!read_id(op, &cmd->id)) {
        unknown(op);
        return;
    }
    cmd->staff = op->account.id;
    cmd->lease_ms = op->base.svc->shared->config->review_claim_s * 1000;
    svc_submit(&op->base, &command, claimed);
}

void svc_staff_release(struct staff_op *op) {
    struct command command = {.type = CMD_REVIEW_RELEASE};

    if (!read_id(op, &command.review_release.id)) {
        unknown(op);
        return;
    }
    command.review_release.staff = op->account.id;
    svc_submit(&op->base, &command, claimed);
}
