#include "server/svc_import.h"

#include <stdlib.h>

#include "ocr-worker/wire/evidence_wire.h"
#include "server/crypto/digest.h"
#include "server/domain/defect.h"
#include "server/svc_internal.h"
#include "store/base/codec.h"

#define ROWS_MAX (64u * 1024)
#define PART_AT 12

/* ---- what the farm found, as a defect of the report's categories */

static uint32_t defects_of_reasons(uint64_t reasons) {
    static const struct {
        uint64_t reasons;
        uint32_t defect;
    } table[] = {
        {OCR_REASON(OCR_CERT_EXPIRED), DEFECT_CERT_EXPIRED},
        {OCR_REASON(OCR_CERT_MISSING) | OCR_REASON(OCR_WRONG_DOCUMENT) |
             OCR_REASON(OCR_BLANK_PAGE),
         DEFECT_CERT_MISSING},
        {OCR_REASON(OCR_CERT_PHOTOCOPY), DEFECT_CERT_COPY},
        {OCR_REASON(OCR_CORP_NUMBER_MISMATCH) | OCR_REASON(OCR_NAME_MISMATCH) |
             OCR_REASON(OCR_BIRTHDATE_MISMATCH) | OCR_REASON(OCR_RECORD_MISMATCH) |
             OCR_REASON(OCR_SEAL_MISMATCH),
         DEFECT_FORM_DIFFERS},
        {OCR_REASON(OCR_FORM_PHOTOCOPY) | OCR_REASON(OCR_HAND_CORRECTED) |
             OCR_REASON(OCR_FORM_MISSING),
         DEFECT_FORM_INVALID},
    };
    uint32_t defects = 0;

    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (reasons & table[i].reasons)
            defects |= table[i].defect;
    }
    return defects;
}

/* ---- reading */

/* In the open snapshot. */
static enum err stand(struct svc *svc, struct arena *rows, struct decision_line *line,
                      enum import_standing *ret) {
    struct application_id id = {{0}};
    struct application application;
    enum err err;

    *ret = IMPORT_UNSOUND;
    if (line->fault)
        return OK;
    memcpy(id.text, line->id, sizeof line->id);
    arena_reset(rows);
    err = store_application_get(svc->read, rows, &id, &application);
    *ret = IMPORT_UNKNOWN;
    if (err)
        return err == ERR_NOT_FOUND ? OK : err;
    *ret = IMPORT_NOT_AT_DESK;
    if (application.state != APPLICATION_STAFF)
        return OK;
    if (!line->ok && line->defects == 0)
        line->defects = defects_of_reasons(application.ocr_reasons);
    *ret = line->ok || line->defects ? IMPORT_READY : IMPORT_WANTS_DEFECT;
    return OK;
}

/* What can be proposed at all: the state machine says how it stands then. */
static bool may_propose(const struct svc_import *import, size_t i) {
    const struct decision_line *line = &import->lines[i];

    return import->standings[i] != IMPORT_UNSOUND && (line->ok || line->defects);
}

static enum err stand_all(struct svc *svc, struct svc_import *import) {
    struct arena rows;
    enum err err = svc_read_begin(svc);

    if (err)
        return err;
    arena_init(&rows, ROWS_MAX);
    for (size_t i = 0; i < import->count && !err; i++) {
        err = stand(svc, &rows, &import->lines[i], &import->standings[i]);
        import->ready += import->standings[i] == IMPORT_READY;
        import->taken += may_propose(import, i);
    }
    arena_close(&rows);
    svc_read_end(svc);
    import->parts = (import->taken + LIMIT_IMPORT_LINES - 1) / LIMIT_IMPORT_LINES;
    return err;
}

static enum err parse(struct span text, struct svc_import *import) {
    struct decision_csv csv = {.max = DECISION_CSV_LINES_MAX};
    enum err err;

    csv.lines = calloc(DECISION_CSV_LINES_MAX, sizeof csv.lines[0]);
    import->lines = csv.lines;
    import->standings = calloc(DECISION_CSV_LINES_MAX, sizeof import->standings[0]);
    if (!import->lines || !import->standings)
        return ERR_NOMEM;
    err = decision_csv_parse(text, &csv);
    import->count = csv.count;
    return err ? err : csv.count > 0 ? OK : ERR_INVALID;
}

enum err svc_import_read(struct svc *svc, struct span file, enum text_encoding encoding,
                         struct svc_import *ret_import) {
    uint8_t hash[32];
    struct buf text;
    enum err err;

    memset(ret_import, 0, sizeof *ret_import);
    if (file.len > DECISION_CSV_BYTES_MAX)
        return ERR_TOO_BIG;
    buf_init(&text, DECISION_CSV_BYTES_MAX);
    err = text_decode(encoding, file, &text);
    if (!err) {
        digest_sha256(buf_span(&text), hash);
        memcpy(ret_import->file.b, hash, PART_AT);
        err = parse(buf_span(&text), ret_import);
    }
    buf_free(&text);
    if (!err)
        err = stand_all(svc, ret_import);
    if (err)
        svc_import_free(ret_import);
    return err;
}

void svc_import_free(struct svc_import *import) {
    free(import->lines);
    free(import->standings);
    import->lines = NULL;
    import->standings = NULL;
}

/* ---- proposals */

struct id128 svc_import_part_id(struct id128 file, size_t part, size_t parts) {
    file.b[PART_AT] = (uint8_t)(part >> 8);
    file.b[PART_AT + 1] = (uint8_t)part;
    file.b[PART_AT + 2] = (uint8_t)(parts >> 8);
    file.b[PART_AT + 3] = (uint8_t)parts;
    return file;
}

void svc_import_part(const struct svc_import *import, size_t part, struct id128 staff,
                     struct cmd_import_propose *ret_cmd) {
    size_t from = part * LIMIT_IMPORT_LINES, at = 0;

    ret_cmd->id = svc_import_part_id(import->file, part, import->parts);
    ret_cmd->staff = staff;
    ret_cmd->count = 0;
    for (size_t i = 0; i < import->count && ret_cmd->count < LIMIT_IMPORT_LINES; i++) {
        const struct decision_line *line = &import->lines[i];
        struct import_proposed *to = &ret_cmd->lines[ret_cmd->count];
        if (!may_propose(import, i) || at++ < from)
            continue;
        memset(to, 0, sizeof *to);
        memcpy(to->id.text, line->id, sizeof line->id);
        to->decision = line->ok ? REVIEW_APPROVE : REVIEW_DENY;
        to->defects = line->defects;
        ret_cmd->count++;
    }
}

/* ---- reports */

static const char *problem_of(const struct svc_import *import, size_t i) {
    static const char *const words[] = {[IMPORT_READY] = "",
                                        [IMPORT_UNKNOWN] = "unknown",
                                        [IMPORT_NOT_AT_DESK] = "not_at_desk",
                                        [IMPORT_WANTS_DEFECT] = "wants_defect"};

    return import->standings[i] == IMPORT_UNSOUND
               ? decision_fault_name(import->lines[i].fault)
               : words[import->standings[i]];
}

json_t *svc_import_report(const struct svc_import *import, bool all) {
    json_t *lines = json_array();

    for (size_t i = 0; i < import->count; i++) {
        if (!all && import->standings[i] == IMPORT_READY)
            continue;
        json_array_append_new(
            lines, json_pack("{s:I, s:s, s:s, s:s}", "number",
                             (json_int_t)import->lines[i].number, "application_id",
                             import->lines[i].id, "result",
                             import->lines[i].ok ? "OK" : "NG", "problem",
                             problem_of(import, i)));
    }
    return json_pack("{s:I, s:I, s:I, s:o}", "count", (json_int_t)import->count, "ready",
                     (json_int_t)import->ready, "proposed", (json_int_t)import->taken,
                     "lines", lines);
}

const char *svc_import_line_name(enum import_line_state state) {
    static const char *const names[] = {"open", "done", "unknown", "not_at_desk", "same"};

    return state <= IMPORT_LINE_LAST ? names[state] : "";
}

/* ---- what people decided */

struct exporting {
    struct store_read *read;
    struct arena rows;
    uint64_t from_ms, to_ms;
    size_t rows_left;
    svc_decision_each *each;
    void *arg;
    enum err err;
};

static bool is_ok(enum application_state state) {
    return state == APPLICATION_APPROVED || state == APPLICATION_ACTIVATED ||
           state == APPLICATION_LAPSED;
}

static bool export_each(void *arg, const struct application_id *id, uint64_t since_ms) {
    struct exporting *e = arg;
    struct decision_line line = {.fault = DECISION_GOOD};
    struct application a;

    (void)since_ms; /* of its present state: it may have been set up since */
    if (e->rows_left-- == 0) {
        e->err = ERR_TOO_BIG;
        return false;
    }
    arena_reset(&e->rows);
    e->err = store_application_get(e->read, &e->rows, id, &a);
    if (e->err || a.decided_ms < e->from_ms || a.decided_ms > e->to_ms)
        return !e->err;
    if (a.before_review) /* no reviewer's decision */
        return true;
    _Static_assert(sizeof line.id == sizeof a.id.text, "an id is an id");
    memcpy(line.id, a.id.text, sizeof line.id);
    line.ok = is_ok(a.state);
    line.defects = line.ok ? 0 : a.defects;
    e->err = e->each(e->arg, &line);
    return !e->err;
}

/* In the open snapshot. */
static enum err export_all(struct exporting *e) {
    static const enum application_state states[] = {
        APPLICATION_APPROVED, APPLICATION_ACTIVATED, APPLICATION_LAPSED,
        APPLICATION_DENIED, APPLICATION_RETURNED};
    enum err err = OK;

    for (int kind = 1; kind <= APPLICATION_KIND_LAST && !err && !e->err; kind++) {
        for (size_t i = 0; i < sizeof states / sizeof states[0] && !err && !e->err; i++)
            err = store_application_walk(e->read, (enum application_kind)kind, states[i],
                                         e->from_ms, NULL, export_each, e);
    }
    return err ? err : e->err;
}

enum err svc_import_export(struct store *store, uint64_t from_ms, uint64_t to_ms,
                           size_t rows_max, svc_decision_each *each, void *arg) {
    struct exporting e = {.from_ms = from_ms,
                          .to_ms = to_ms,
                          .rows_left = rows_max,
                          .each = each,
                          .arg = arg};
    enum err err = store_read_new(store, &e.read);

    if (err)
        return err;
    err = store_read_begin(e.read);
    if (!err) {
        arena_init(&e.rows, ROWS_MAX);
        err = export_all(&e);
        arena_close(&e.rows);
        store_read_end(e.read);
    }
    store_read_free(e.read);
    return err;
}

static enum err csv_each(void *arg, const struct decision_line *line) {
    struct buf *csv = arg;

    decision_csv_put(line->id, line->ok, line->defects, csv);
    return buf_err(csv);
}

enum err svc_import_export_csv(struct store *store, uint64_t from_ms, uint64_t to_ms,
                               size_t rows_max, enum text_encoding encoding,
                               struct buf *out) {
    struct buf csv;
    enum err err;

    buf_init(&csv, out->max);
    buf_str(&csv, DECISION_CSV_HEAD);
    err = svc_import_export(store, from_ms, to_ms, rows_max, csv_each, &csv);
    if (!err)
        err = text_encode(encoding, buf_span(&csv), out);
    buf_free(&csv);
    return err;
}
