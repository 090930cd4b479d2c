/* svc_staff_import: decisions as a file in the console (server/svc_import.h). One person
 * brings the file in and sees how each line stands; another one confirms it; then its
 * lines are settled one by one, and may be gone on with by whoever opens the page when
 * the node ends in the middle of it. Who the two are is decided by raft/fsm_import.c. */
#include <stdio.h>
#include <stdlib.h>

#include "server/svc_import.h"
#include "server/svc_application_mail.h"
#include "server/svc_staff_review.h"
#include "store/base/codec.h"
#include "store/base/japan.h"

#define SHOWN 50 /* files of a page */
#define PARTS_MAX (DECISION_CSV_LINES_MAX / LIMIT_IMPORT_LINES)
/* A request settles lines for so long; then the page is shown, and goes on from there. */
#define SETTLE_MS 5000
#define EXPORT_MAX (8u * 1024 * 1024)
#define EXPORT_ROWS_MAX (256u * 1024) /* EXPORT_MAX holds about as many lines */

static const char *const states[] = {"", "proposed", "approved", "rejected"};

/* ---- the list: a file a row */

struct row {
    struct id128 file;
    enum import_state state;
    struct id128 proposer;
    uint64_t created_ms;
    size_t parts, count, open, done;
};

static void add_part(const struct review_import *part, struct row *row) {
    row->parts++;
    row->count += part->count;
    row->state = part->state;
    for (size_t i = 0; i < part->count; i++) {
        row->open += part->lines[i].state == IMPORT_LINE_OPEN;
        row->done += part->lines[i].state == IMPORT_LINE_DONE;
    }
}

static json_t *row_json(struct staff_op *op, const struct row *row) {
    struct staff person;
    enum err err = store_staff_get(op->base.svc->read, &op->staff->op.arena,
                                   row->proposer, &person);

    return json_pack("{s:o, s:s, s:o, s:I, s:i, s:i, s:i}", "id", svc_staff_id(row->file),
                     "import_state", states[row->state], "who",
                     err ? svc_staff_id(row->proposer) : svc_staff_text(person.name),
                     "at_ms", (json_int_t)row->created_ms, "count", (int)row->count,
                     "done", (int)row->done, "open", (int)row->open);
}

/* Where the page before ended: `since` and `after`. */
static struct import_at read_at(const struct staff_op *op) {
    struct span id = svc_staff_field(op, "after"), ms = svc_staff_field(op, "since");
    struct import_at at = {.created_ms = 0};
    uint64_t created_ms = 0;

    for (size_t i = 0; i < ms.len && i < 15; i++) {
        if (ms.data[i] < '0' || ms.data[i] > '9')
            return at;
        created_ms = created_ms * 10 + (uint64_t)(ms.data[i] - '0');
    }
    if (id.len == 2 * sizeof at.id.b && hex_decode(id, at.id.b, sizeof at.id.b) == OK)
        at.created_ms = created_ms;
    return at;
}

/* All parts that there are of the file. ERR_NOT_FOUND: `id` is not the first of them, by
 * which it stands in the list. */
static enum err read_file(struct staff_op *op, struct id128 id,
                          struct review_import *part, struct row *ret_row) {
    size_t number = (size_t)id.b[12] << 8 | id.b[13];
    size_t parts = (size_t)id.b[14] << 8 | id.b[15];
    enum err err = OK;

    *ret_row = (struct row){.file = id};
    for (size_t i = 0; i < parts && i <= PARTS_MAX && !err; i++) {
        err = store_import_get(op->base.svc->read, svc_import_part_id(id, i, parts), part);
        if (!err && i < number)
            return ERR_NOT_FOUND;
        if (!err && i == number) {
            ret_row->proposer = part->proposer;
            ret_row->created_ms = part->created_ms;
        }
        if (!err)
            add_part(part, ret_row);
        err = err == ERR_NOT_FOUND ? OK : err;
    }
    return err;
}

/* In the open snapshot: the latest first. */
static enum err put_list(struct staff_op *op, json_t *list, json_t *view) {
    struct review_import *part = malloc(sizeof *part);
    struct import_at at = read_at(op), last = at;
    struct row row;
    bool more = false;
    enum err err = part ? OK : ERR_NOMEM;

    json_object_set_new(view, "later", json_boolean(at.created_ms > 0));
    while (!err && !more) {
        err = store_import_before(op->base.svc->read, &at);
        if (err)
            break;
        err = read_file(op, at.id, part, &row);
        if (err == ERR_NOT_FOUND) { /* a further part */
            err = OK;
            continue;
        }
        more = !err && json_array_size(list) == SHOWN;
        if (!err && !more) {
            json_array_append_new(list, row_json(op, &row));
            last = at;
        }
    }
    json_object_set_new(view, "more",
                        more ? json_pack("{s:o, s:I}", "after", svc_staff_id(last.id),
                                         "since", (json_int_t)last.created_ms)
                             : json_false());
    free(part);
    return err == ERR_NOT_FOUND ? OK : err;
}

static void show_list(struct staff_op *op, json_t *report) {
    json_t *view = json_object(), *list = json_array();
    enum err err = svc_read_begin(op->base.svc);

    if (!err) {
        err = put_list(op, list, view);
        svc_read_end(op->base.svc);
    }
    json_object_set_new(view, "imports", list);
    if (report && !json_is_true(json_object_get(report, "was_proposed")))
        json_object_set_new(view, "typed", svc_staff_typed(op));
    json_object_set_new(view, "report", report ? report : json_false());
    if (err) {
        json_decref(view);
        svc_fail(&op->base, err);
    } else {
        svc_staff_view(op, view);
    }
}

void svc_staff_imports(struct staff_op *op) {
    show_list(op, NULL);
}

/* The role was given back meanwhile, or is of another kind. */
static void role_wrong(struct staff_op *op) {
    op->staff->reason = "role";
    svc_staff_refuse(op, STAFF_CONFLICT,
                     span_str("id: an approver or a supervisor confirms it"));
}

/* ---- bringing a file in */

struct proposing {
    struct svc_import import;
    struct command command; /* too large for the stack of a step */
    size_t part, fresh;
};

static void proposing_free(void *work) {
    struct proposing *p = work;

    svc_import_free(&p->import);
    free(p);
}

static bool unreadable(struct staff_op *op, enum err err) {
    op->staff->reason = err == ERR_TOO_BIG ? "import_large" : "import_unreadable";
    svc_staff_refuse(op, STAFF_INVALID,
                     span_str(err == ERR_TOO_BIG
                                  ? "file: 6000 lines at most"
                                  : "file: lines of 申請書ID,OK or NG are expected, in "
                                    "UTF-8 or CP932"));
    return false;
}

static void propose_part(struct staff_op *op);

static void proposed(struct svc_state *state) {
    struct staff_op *op = (struct staff_op *)state;
    struct proposing *p = op->work;
    enum outcome_code code = state->request.outcome.code;

    if (code == OUT_FULL) {
        op->staff->reason = "import_full";
        svc_staff_refuse(op, STAFF_CONFLICT, span_str("file: too many imports"));
    } else if (code == OUT_ROLE || code == OUT_ACCOUNT_STATE) {
        svc_staff_role_refused(op, role_wrong);
    } else if (code != OUT_OK && code != OUT_EXISTS) {
        svc_fail(state, ERR_CORRUPT);
    } else {
        p->fresh += code == OUT_OK;
        p->part++;
        propose_part(op);
    }
}

static void propose_part(struct staff_op *op) {
    struct proposing *p = op->work;
    json_t *report;

    if (p->part < p->import.parts) {
        p->command.type = CMD_IMPORT_PROPOSE;
        svc_import_part(&p->import, p->part, op->account.id, &p->command.import_propose);
        svc_submit(&op->base, &p->command, proposed);
        return;
    }
    report = svc_import_report(&p->import, false);
    json_object_set_new(report, "was_proposed", json_boolean(p->import.parts > 0));
    json_object_set_new(report, "known",
                        json_boolean(p->import.parts > 0 && p->fresh == 0));
    json_object_set_new(report, "file_id", svc_staff_id(svc_import_part_id(
                                               p->import.file, 0, p->import.parts)));
    show_list(op, report);
}

static enum text_encoding encoding_of(const struct staff_op *op) {
    struct span text = svc_staff_field(op, "encoding");

    return span_is(text, "utf-8") ? TEXT_UTF8
           : span_is(text, "cp932") ? TEXT_CP932
                                    : TEXT_AUTO;
}

/* Lines that are unsound are left out only when the person said so. */
void svc_staff_import_propose(struct staff_op *op) {
    struct proposing *p = calloc(1, sizeof *p);
    bool unsound = false;
    enum err err;

    if (!p) {
        svc_fail(&op->base, ERR_NOMEM);
        return;
    }
    op->work = p;
    op->work_free = proposing_free;
    err = svc_import_read(op->base.svc, op->staff->upload, encoding_of(op), &p->import);
    if (err == ERR_INVALID || err == ERR_TOO_BIG) {
        (void)unreadable(op, err);
        return;
    }
    if (err) {
        svc_fail(&op->base, err);
        return;
    }
    for (size_t i = 0; i < p->import.count; i++)
        unsound = unsound || p->import.standings[i] == IMPORT_UNSOUND ||
                  p->import.standings[i] == IMPORT_WANTS_DEFECT;
    if ((unsound && svc_staff_field(op, "sound_only").len == 0) ||
        svc_staff_field(op, "check").len > 0)
        p->import.parts = 0; /* the report alone */
    propose_part(op);
}

/* ---- one file */

/* The field `id`: any part of it. */
static bool read_file_id(const struct staff_op *op, struct id128 *ret_id, size_t *ret_parts) {
    struct span text = svc_staff_field(op, "id");

    if (text.len != 32 || hex_decode(text, ret_id->b, sizeof ret_id->b) != OK)
        return false;
    *ret_parts = (size_t)ret_id->b[14] << 8 | ret_id->b[15];
    return *ret_parts > 0 && *ret_parts <= PARTS_MAX + 1;
}

static void missing(struct staff_op *op) {
    svc_staff_refuse(op, STAFF_MISSING, span_str("id: there is no such file"));
}

static json_t *line_json(const struct import_line *line) {
    return json_pack("{s:s, s:s, s:o, s:s, s:b}", "application_id", line->id.text,
                     "result", line->decision == REVIEW_APPROVE ? "OK" : "NG",
                     "line_defects", svc_staff_defects(line->defects), "line_state",
                     svc_import_line_name(line->state), "settled",
                     line->state == IMPORT_LINE_DONE);
}

/* In the open snapshot: all parts. ERR_NOT_FOUND: one is missing that was never brought
 * in; of a file that was confirmed, the parts that are settled go first. */
static enum err put_file(struct staff_op *op, struct id128 id, size_t parts, json_t *view) {
    struct review_import *part = malloc(sizeof *part);
    json_t *lines = json_array();
    struct row row = {.parts = 0};
    enum err err = part ? OK : ERR_NOMEM;

    for (size_t i = 0; i < parts && !err; i++) {
        err = store_import_get(op->base.svc->read, svc_import_part_id(id, i, parts), part);
        if (err == ERR_NOT_FOUND) {
            err = OK;
            continue;
        }
        if (err)
            break;
        row.file = part->id;
        row.proposer = part->proposer;
        row.created_ms = part->created_ms;
        add_part(part, &row);
        for (size_t j = 0; j < part->count; j++)
            json_array_append_new(lines, line_json(&part->lines[j]));
    }
    free(part);
    if (!err && (row.parts == 0 || (row.parts < parts && row.state == IMPORT_PROPOSED)))
        err = ERR_NOT_FOUND;
    if (!err) {
        json_t *head = row_json(op, &row);
        json_object_update(view, head);
        json_decref(head);
        json_object_set_new(view, "waits", json_boolean(row.state == IMPORT_PROPOSED));
        json_object_set_new(view, "goes_on", json_boolean(row.state == IMPORT_APPROVED &&
                                                          row.open > 0));
        json_object_set_new(view, "yours",
                            json_boolean(memcmp(row.proposer.b, op->account.id.b,
                                                sizeof row.proposer.b) == 0));
    }
    json_object_set_new(view, "lines", lines);
    return err;
}

void svc_staff_import_show(struct staff_op *op) {
    json_t *view = json_object();
    struct id128 id;
    size_t parts;
    enum err err = read_file_id(op, &id, &parts) ? svc_read_begin(op->base.svc)
                                                 : ERR_NOT_FOUND;

    if (!err) {
        err = put_file(op, id, parts, view);
        svc_read_end(op->base.svc);
    }
    if (!err) {
        svc_staff_view(op, view);
        return;
    }
    json_decref(view);
    if (err == ERR_NOT_FOUND)
        missing(op);
    else
        svc_fail(&op->base, err);
}

/* ---- the second person, and then the lines */

struct settling {
    struct id128 file;
    size_t parts, part, found;
    size_t line;
    bool approve;
    uint64_t until_ms;
    struct review_import import; /* the part that is worked on */
    struct arena arena;          /* of one line's letter */
};

static void settling_free(void *work) {
    struct settling *s = work;

    arena_close(&s->arena);
    free(s);
}

/* NULL: the operation has ended. */
static struct settling *settling_new(struct staff_op *op) {
    const struct port_clock *clock = &op->base.svc->shared->clock;
    struct settling *s = calloc(1, sizeof *s);

    if (!s) {
        svc_fail(&op->base, ERR_NOMEM);
        return NULL;
    }
    arena_init(&s->arena, 256 * 1024);
    op->work = s;
    op->work_free = settling_free;
    s->until_ms = clock->mono_ms(clock->impl) + SETTLE_MS;
    if (!read_file_id(op, &s->file, &s->parts)) {
        missing(op);
        return NULL;
    }
    return s;
}

static void to_file(struct staff_op *op, const char *notice) {
    struct settling *s = op->work;
    struct id128 id = svc_import_part_id(s->file, 0, s->parts);
    char text[33];

    hex_encode(span_of(id.b, sizeof id.b), text);
    svc_staff_done(op, "/staff/import?id=%s&notice=%s", text, notice);
}

static void settle_next(struct staff_op *op);

static void line_settled(struct svc_state *state) {
    struct staff_op *op = (struct staff_op *)state;
    struct settling *s = op->work;

    switch (state->request.outcome.code) {
    case OUT_OK:
        s->line++;
        settle_next(op);
        return;
    case OUT_EXISTS: /* of the token: drawn again */
        settle_next(op);
        return;
    case OUT_APPLICATION_STATE: /* not approved, or not any more */
        to_file(op, "import_waits");
        return;
    default:
        svc_fail(state, ERR_CORRUPT);
    }
}

/* The letter, where there is somebody to be told. */
static enum err line_letter(struct staff_op *op, struct settling *s,
                            const struct import_line *line, struct cmd_import_line *cmd) {
    struct svc *svc = op->base.svc;
    struct svc_activation_out activation;
    struct application application;
    enum err err = svc_read_begin(svc);

    if (err)
        return err;
    err = store_application_get(svc->read, &s->arena, &line->id, &application);
    svc_read_end(svc);
    cmd->token_ttl_ms = SVC_ACTIVATION_TTL_MS;
    svc_random(svc, cmd->token.b, sizeof cmd->token.b); /* where none is mailed */
    if (err == ERR_NOT_FOUND || (!err && application.state != APPLICATION_STAFF))
        return OK; /* the state machine says so of the line */
    if (!err && line->decision == REVIEW_DENY)
        return svc_application_refusal(svc, &s->arena, MESSAGE_APPLICATION_DENIED,
                                       &application, line->defects, span_of("", 0),
                                       &cmd->message);
    if (!err)
        err = svc_activation_out(svc, &s->arena, &application, NULL, &activation);
    if (err)
        return err;
    cmd->token = activation.token;
    cmd->message = activation.message;
    cmd->later = activation.later;
    return OK;
}

/* The next open line. False: the part has none. */
static bool find_open(struct settling *s) {
    while (s->line < s->import.count &&
           s->import.lines[s->line].state != IMPORT_LINE_OPEN)
        s->line++;
    return s->line < s->import.count;
}

static enum err load_part(struct staff_op *op, struct settling *s) {
    enum err err = svc_read_begin(op->base.svc);

    if (err)
        return err;
    err = store_import_get(op->base.svc->read,
                           svc_import_part_id(s->file, s->part, s->parts), &s->import);
    svc_read_end(op->base.svc);
    return err;
}

static void settle_part(struct staff_op *op) {
    struct settling *s = op->work;
    enum err err;

    s->line = 0;
    do { /* a part that is settled may be gone */
        err = s->part < s->parts ? load_part(op, s) : OK;
        s->part += err == ERR_NOT_FOUND;
    } while (err == ERR_NOT_FOUND);
    s->found += !err && s->part < s->parts;
    if (err)
        svc_fail(&op->base, err);
    else if (s->part < s->parts)
        settle_next(op);
    else if (s->found > 0)
        to_file(op, "import_settled");
    else
        missing(op);
}

static void settle_next(struct staff_op *op) {
    const struct port_clock *clock = &op->base.svc->shared->clock;
    struct settling *s = op->work;
    struct command command = {.type = CMD_IMPORT_LINE};
    enum err err;

    if (!find_open(s)) {
        s->part++;
        settle_part(op);
        return;
    }
    if (clock->mono_ms(clock->impl) >= s->until_ms) {
        to_file(op, "import_goes_on");
        return;
    }
    arena_reset(&s->arena);
    command.import_line.id = s->import.id;
    command.import_line.line = (uint16_t)s->line;
    err = line_letter(op, s, &s->import.lines[s->line], &command.import_line);
    if (err)
        svc_fail(&op->base, err);
    else
        svc_submit(&op->base, &command, line_settled);
}

void svc_staff_import_settle(struct staff_op *op) {
    if (settling_new(op))
        settle_part(op);
}

static void judge_part(struct staff_op *op);

static void judged(struct svc_state *state) {
    struct staff_op *op = (struct staff_op *)state;
    struct settling *s = op->work;

    switch (state->request.outcome.code) {
    case OUT_OK:
    case OUT_APPLICATION_STATE: /* this part was decided before */
        s->part++;
        judge_part(op);
        return;
    case OUT_SAME_PERSON:
        op->staff->reason = "import_same_person";
        svc_staff_refuse(op, STAFF_CONFLICT,
                         span_str("id: who brought the file in cannot confirm it"));
        return;
    case OUT_ROLE:
    case OUT_ACCOUNT_STATE:
        svc_staff_role_refused(op, role_wrong);
        return;
    case OUT_NOT_FOUND:
        op->staff->reason = "import_partial";
        svc_staff_refuse(op, STAFF_CONFLICT,
                         span_str("id: a part of the file is missing: send it again"));
        return;
    default:
        svc_fail(state, ERR_CORRUPT);
    }
}

static void judge_part(struct staff_op *op) {
    struct settling *s = op->work;
    struct command command = {.type = CMD_IMPORT_APPROVE};

    if (s->part == s->parts) {
        s->part = 0;
        if (s->approve)
            settle_part(op);
        else
            to_file(op, "import_rejected");
        return;
    }
    command.import_approve.id = svc_import_part_id(s->file, s->part, s->parts);
    command.import_approve.staff = op->account.id;
    command.import_approve.approve = s->approve;
    svc_submit(&op->base, &command, judged);
}

/* In the open snapshot: are all parts there? */
static enum err complete(struct staff_op *op, struct settling *s) {
    enum err err = OK;

    for (size_t i = 0; i < s->parts && !err; i++)
        err = store_import_get(op->base.svc->read, svc_import_part_id(s->file, i, s->parts),
                               &s->import);
    return err;
}

void svc_staff_import_judge(struct staff_op *op) {
    struct span what = svc_staff_field(op, "decision");
    struct settling *s = settling_new(op);
    enum err err;

    if (!s)
        return;
    s->approve = span_is(what, "approve");
    if (!s->approve && !span_is(what, "reject")) {
        svc_staff_refuse(op, STAFF_INVALID, span_str("decision: approve or reject"));
        return;
    }
    err = svc_read_begin(op->base.svc);
    if (!err) {
        err = complete(op, s);
        svc_read_end(op->base.svc);
    }
    if (err == ERR_NOT_FOUND)
        missing(op);
    else if (err)
        svc_fail(&op->base, err);
    else
        judge_part(op);
}

/* ---- what people decided, as a file */

struct exporting {
    struct store *store;
    uint64_t from_ms, to_ms;
    enum text_encoding encoding;
    struct buf out; /* outlives the operation's arena */
    enum err err;
};

static void exporting_free(void *work) {
    struct exporting *e = work;

    buf_free(&e->out);
    free(e);
}

static void exported(struct svc_state *state) {
    struct staff_op *op = (struct staff_op *)state;
    struct exporting *e = op->work;

    if (e->err == ERR_TOO_BIG) {
        op->staff->reason = "export_large";
        svc_staff_refuse(op, STAFF_INVALID, span_str("from: choose fewer days"));
        return;
    }
    if (e->err) {
        svc_fail(state, e->err);
        return;
    }
    op->staff->file = buf_span(&e->out);
    op->staff->file_name = span_str("decisions.csv");
    svc_staff_file(op);
}

/* On a pool's thread: touches nothing of the svc. */
static void export(struct svc_state *state) {
    struct exporting *e = ((struct staff_op *)state)->work;

    e->err = svc_import_export_csv(e->store, e->from_ms, e->to_ms, EXPORT_ROWS_MAX,
                                   e->encoding, &e->out);
}

void svc_staff_decisions(struct staff_op *op) {
    struct span from = svc_staff_field(op, "from"), to = svc_staff_field(op, "to");
    uint64_t from_ms = 0, to_ms = UINT64_MAX, other_ms;
    struct exporting *e;

    if ((from.len > 0 && !japan_read_day(from, &from_ms, &other_ms)) ||
        (to.len > 0 && !japan_read_day(to, &other_ms, &to_ms))) {
        svc_staff_refuse(op, STAFF_INVALID, span_str("from: yyyy-mm-dd is expected"));
        return;
    }
    e = calloc(1, sizeof *e);
    if (!e) {
        svc_fail(&op->base, ERR_NOMEM);
        return;
    }
    buf_init(&e->out, EXPORT_MAX);
    op->work = e;
    op->work_free = exporting_free;
    e->store = op->base.svc->shared->store;
    e->from_ms = from_ms;
    e->to_ms = to_ms;
    e->encoding = encoding_of(op);
    svc_view_pool(&op->base, export, exported);
}
