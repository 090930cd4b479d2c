/* svc_admin_decisions: the CSV of decisions (server/svc_import.h) for the command line:
 * what people decided, and files that are checked, or brought in for a person of the
 * staff who stands for them. Another person confirms them in the console: nothing takes
 * effect from here. */
#include <stdlib.h>

#include "server/domain/defect.h"
#include "server/svc_admin_internal.h"
#include "server/svc_import.h"
#include "store/base/codec.h"
#include "store/store_staff.h"

#define ANSWER_MAX (12u * 1024 * 1024)
#define EXPORT_ROWS_MAX (256u * 1024) /* applications that an export looks at */

struct decisions_op {
    struct admin_op admin; /* first */
    struct svc_import import;
    struct id128 staff;
    struct command command; /* too large for the stack of a step */
    size_t part, fresh;
    struct exporting { /* svc_admin_decisions */
        struct store *store;
        uint64_t from_ms, to_ms;
        struct buf json;
        bool more;
        enum err err;
    } exporting;
};

size_t svc_admin_decisions_size(void) {
    return sizeof(struct decisions_op);
}

/* Steals `json`. */
static void answer(struct admin_op *op, json_t *json) {
    char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;
    struct buf out;

    json_decref(json);
    buf_init(&out, ANSWER_MAX);
    buf_str(&out, text ? text : "");
    free(text);
    if (out.len == 0)
        svc_fail(&op->base, ERR_NOMEM);
    else
        svc_admin_answer(op, &out);
    buf_free(&out);
}

/* ---- what people decided */

static uint64_t moment(struct svc_json *json, const char *name, uint64_t absent) {
    json_t *value = json->failed ? NULL : json_object_get(json->root, name);

    if (!value)
        return absent;
    if (!json_is_integer(value) || json_integer_value(value) < 0) {
        svc_json_fail(json, "%s: milliseconds since 1970 are expected", name);
        return absent;
    }
    return (uint64_t)json_integer_value(value);
}

/* One element of the list. */
static enum err put_decision(void *arg, const struct decision_line *line) {
    struct exporting *e = arg;
    struct buf *json = &e->json;
    bool more = false;

    buf_str(json, e->more ? ",{" : "{");
    e->more = true;
    buf_json_member(json, "application_id", span_str(line->id));
    buf_json_member(json, "result", span_str(line->ok ? "OK" : "NG"));
    buf_json_name(json, "defects");
    buf_str(json, "[");
    for (size_t i = 0; i < DEFECTS; i++) {
        if (line->defects & (1u << i)) {
            buf_str(json, more ? "," : "");
            buf_json(json, span_str(defect_name(i)));
            more = true;
        }
    }
    buf_str(json, "]}");
    return buf_err(json);
}

/* On a pool's thread: touches nothing of the svc. */
static void collect(struct svc_state *state) {
    struct exporting *e = &((struct decisions_op *)state)->exporting;

    buf_str(&e->json, "{\"decisions\":[");
    e->err = svc_import_export(e->store, e->from_ms, e->to_ms, EXPORT_ROWS_MAX,
                               put_decision, e);
    buf_str(&e->json, "]}");
    if (!e->err)
        e->err = buf_err(&e->json);
}

static void collected(struct svc_state *state) {
    struct decisions_op *op = (struct decisions_op *)state;
    struct buf json = op->exporting.json; /* outlives the operation */
    enum err err = op->exporting.err;

    if (!err)
        svc_admin_answer(&op->admin, &json);
    else if (err == ERR_TOO_BIG)
        svc_admin_refuse(&op->admin, ADMIN_INVALID,
                         "from_ms: too many decisions: choose fewer days");
    else
        svc_fail(state, err);
    buf_free(&json);
}

void svc_admin_decisions(struct admin_op *op) {
    static const char *const members[] = {"from_ms", "to_ms", NULL};
    struct exporting *e = &((struct decisions_op *)op)->exporting;

    svc_json_parse(&op->json, op->admin->body_in, members);
    e->from_ms = moment(&op->json, "from_ms", 0);
    e->to_ms = moment(&op->json, "to_ms", UINT64_MAX);
    if (op->json.failed) {
        svc_admin_invalid(op);
        return;
    }
    e->store = op->base.svc->shared->store;
    buf_init(&e->json, ANSWER_MAX);
    svc_view_pool(&op->base, collect, collected);
}

/* ---- a file */

static void done(struct decisions_op *op) {
    json_t *report = svc_import_report(&op->import, false);
    bool proposed = op->part > 0;

    json_object_set_new(report, "brought_in", json_boolean(proposed));
    json_object_set_new(report, "known", json_boolean(proposed && op->fresh == 0));
    svc_import_free(&op->import);
    answer(&op->admin, report);
}

static void refuse(struct decisions_op *op, enum svc_admin_kind kind, const char *message) {
    svc_import_free(&op->import);
    svc_admin_refuse(&op->admin, kind, message);
}

static void propose(struct decisions_op *op);

static void proposed(struct svc_state *state) {
    struct decisions_op *op = (struct decisions_op *)state;

    switch (state->request.outcome.code) {
    case OUT_OK:
        op->fresh++;
        op->part++;
        propose(op);
        return;
    case OUT_EXISTS:
        op->part++;
        propose(op);
        return;
    case OUT_FULL:
        refuse(op, ADMIN_CONFLICT, "csv: there are as many files as may be");
        return;
    case OUT_ROLE:
    case OUT_ACCOUNT_STATE:
        refuse(op, ADMIN_INVALID, "staff: an active reviewer, approver or supervisor is "
                                  "expected");
        return;
    default:
        svc_import_free(&op->import);
        svc_fail(state, ERR_CORRUPT);
    }
}

static void propose(struct decisions_op *op) {
    if (op->part == op->import.parts) {
        done(op);
        return;
    }
    op->command.type = CMD_IMPORT_PROPOSE;
    svc_import_part(&op->import, op->part, op->staff, &op->command.import_propose);
    svc_submit(&op->admin.base, &op->command, proposed);
}

/* In a snapshot of its own. ERR_NOT_FOUND. */
static enum err find_staff(struct decisions_op *op, struct span name) {
    struct svc *svc = op->admin.base.svc;
    struct staff person;
    enum err err = svc_read_begin(svc);

    if (err)
        return err;
    err = store_staff_find(svc->read, &op->admin.admin->op.arena,
                           svc_hash(svc, HASH_STAFF_NAME, name), &person);
    svc_read_end(svc);
    if (!err)
        op->staff = person.id;
    return err;
}

static bool has_unsound(const struct svc_import *import) {
    for (size_t i = 0; i < import->count; i++) {
        if (import->standings[i] == IMPORT_UNSOUND ||
            import->standings[i] == IMPORT_WANTS_DEFECT)
            return true;
    }
    return false;
}

void svc_admin_decisions_import(struct admin_op *admin) {
    static const char *const members[] = {"csv", "staff", "sound_only", NULL};
    struct decisions_op *op = (struct decisions_op *)admin;
    struct svc_json *json = &admin->json;
    struct span csv, staff;
    bool sound_only;
    enum err err;

    svc_json_parse(json, admin->admin->body_in, members);
    csv = svc_json_text(json, "csv", true, 1, DECISION_CSV_BYTES_MAX);
    staff = svc_json_text(json, "staff", false, 1, LIMIT_STAFF_NAME);
    sound_only = svc_json_bool(json, "sound_only", false);
    if (json->failed) {
        svc_admin_invalid(admin);
        return;
    }
    err = svc_import_read(admin->base.svc, csv, TEXT_UTF8, &op->import);
    if (err == ERR_INVALID || err == ERR_TOO_BIG) {
        svc_admin_refuse(admin, ADMIN_INVALID,
                         "csv: lines of 申請書ID,OK or NG are expected, 6000 at most");
        return;
    }
    if (!err && staff.len > 0) {
        err = find_staff(op, staff);
        if (err == ERR_NOT_FOUND) {
            refuse(op, ADMIN_NOT_FOUND, "staff: there is no such account");
            return;
        }
    }
    if (err) {
        svc_import_free(&op->import);
        svc_fail(&admin->base, err);
        return;
    }
    if (staff.len == 0 || (has_unsound(&op->import) && !sound_only))
        op->import.parts = 0; /* the report alone */
    propose(op);
}
