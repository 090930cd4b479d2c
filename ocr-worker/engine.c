#include "ocr-worker/engine.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ocr-worker/field.h"
#include "ocr-worker/judge.h"
#include "ocr-worker/locate.h"
#include "ocr-worker/original.h"
#include "ocr-worker/seal_match.h"
#include "ocr-worker/variant.h"

#define TEXT_POOL 4096
#define FORM_VALUES_MAX 4
#define CERT_NAMES_MAX 8

struct engine {
    struct reader_core core;
    struct label_reader *labels;
    char texts[TEXT_POOL];
    size_t texts_len;
};

/* One reading under way. */
struct reading {
    struct engine *engine;
    const struct job_record *record;
    struct field_expected expected;
    uint32_t name[TEXT_CHARS_MAX], title[TEXT_CHARS_MAX];
    char id[QR_ID_MAX + 1];
    struct sheet form, cert;
    bool has_form, has_cert;
    uint8_t form_page, cert_page; /* index into the evidence's pages */
    struct findings f;
    bool sorting; /* a bundle: whose pages are these? */
    struct ocr_evidence *out;
};

enum err engine_open(const char *without, struct engine **ret) {
    struct engine *e = calloc(1, sizeof *e);
    enum err err;

    if (e == NULL)
        return ERR_NOMEM;
    err = reader_core_open(without, &e->core);
    if (err == OK)
        err = label_reader_open(e->core.glyphs, &e->labels);
    if (err != OK) {
        engine_close(e);
        return err;
    }
    *ret = e;
    return OK;
}

void engine_close(struct engine *e) {
    if (e == NULL)
        return;
    label_reader_close(e->labels);
    if (e->core.glyphs != NULL)
        reader_core_close(&e->core);
    free(e);
}

static size_t fold_name(struct span name, uint32_t *chars, size_t max) {
    const char *at = (const char *)name.data, *end = at + name.len;
    size_t count = 0;

    while (at < end && count < max) {
        uint32_t ch = variant_fold(glyph_next(&at, end));

        if (ch != 0)
            chars[count++] = ch;
    }
    return count;
}

void engine_prepare(struct engine *e, const struct job_record *record) {
    uint32_t name[TEXT_CHARS_MAX];
    size_t count = fold_name(record->name, name, TEXT_CHARS_MAX);

    reading_prepare(&e->core, name, count);
}

/* ---- evidence */

static struct span keep_text(struct engine *e, const char *text, size_t len) {
    char *at = e->texts + e->texts_len;

    if (len > TEXT_POOL - e->texts_len)
        return (struct span){0};
    memcpy(at, text, len);
    e->texts_len += len;
    return span_of(at, len);
}

static void add_field(struct reading *r, unsigned kind, uint8_t verdict, double confidence,
                      uint8_t page, const struct page *on, struct box box,
                      struct span text) {
    struct ocr_field *field;

    if (r->out->field_count == EVIDENCE_FIELDS_MAX)
        return;
    field = &r->out->fields[r->out->field_count++];
    *field = (struct ocr_field){.kind = (uint8_t)kind, .verdict = verdict, .page = page};
    confidence = confidence < 0 ? 0 : confidence > 1 ? 1 : confidence;
    field->confidence = (uint16_t)(confidence * 1000 + 0.5);
    field->text = text;
    sheet_quad(on, box, field->quad);
}

static void add_read(struct reading *r, unsigned kind, const struct field_read *read,
                     bool cert) {
    add_field(r, kind, read->verdict, read->confidence,
              cert ? r->cert_page : r->form_page, cert ? &r->cert.page : &r->form.page,
              read->box, keep_text(r->engine, read->text, read->text_len));
}

/* ---- pages */

static void count_kind(struct findings *f, enum ocr_page_kind kind) {
    unsigned *const counts[OCR_PAGE_KIND_END] = {
        &f->unknowns, &f->forms, &f->certificates, &f->registries,
        &f->personals, &f->covers, &f->blanks};

    ++*counts[kind];
}

static void add_page(struct reading *r, const struct sheet *s, uint8_t scan,
                     uint8_t index) {
    struct ocr_page *p = &r->out->pages[r->out->page_count++];

    *p = (struct ocr_page){
        .scan = scan,
        .index = index,
        .kind = (uint8_t)s->kind,
        .turn = (uint16_t)s->page.turn,
        .skew = (int16_t)(s->page.skew * 100),
        .width = (uint16_t)s->raster.scan_width,
        .height = (uint16_t)s->raster.scan_height,
        .dpi = (uint16_t)int_min(s->raster.scan_dpi, 9999),
        .gray = s->raster.cr.px == NULL,
    };
}

static void add_code(struct reading *r, const struct sheet *s) {
    struct box whole = {0, 0, s->page.ink.width, s->page.ink.height};

    if (!s->qr.found || s->kind != OCR_PAGE_FORM)
        return;
    r->out->form_version = s->qr.form_version;
    add_field(r, OCR_FIELD_APPLICATION_ID, OCR_FIELD_AGREES, 1,
              (uint8_t)(r->out->page_count - 1), &s->page, whole,
              keep_text(r->engine, s->qr.application_id, strlen(s->qr.application_id)));
}

/* The number that is printed beside the code, where the code is spoilt. What it names is
 * looked up, and held against form and record when the application is read. */
static void add_printed(struct reading *r, const struct sheet *s) {
    const struct label_hit *label = labels_best(&s->labels, LABEL_APPLICATION);
    const struct field_expected nothing = {.digits = ""};
    char id[QR_ID_MAX + 1];
    struct field_read read;
    struct box box;

    if (label == NULL || !locate_value(s, label, &box))
        return;
    field_number(&r->engine->core, s, box, &nothing, &read);
    if (!qr_printed_id(read.digits, read.digit_count, read.digits_sure, id))
        return;
    add_field(r, OCR_FIELD_APPLICATION_ID, OCR_FIELD_AGREES, read.confidence,
              (uint8_t)(r->out->page_count - 1), &s->page, box,
              keep_text(r->engine, id, strlen(id)));
}

/* Keep the pixels of the first form and the first certificate. */
static void take_sheet(struct reading *r, struct sheet *s) {
    uint8_t page = (uint8_t)(r->out->page_count - 1);
    struct sheet *to = NULL;

    count_kind(&r->f, s->kind);
    if (s->kind == OCR_PAGE_FORM && !r->has_form) {
        r->has_form = true;
        r->form_page = page;
        to = &r->form;
    } else if (s->kind == OCR_PAGE_CERTIFICATE && !r->has_cert) {
        r->has_cert = true;
        r->cert_page = page;
        to = &r->cert;
    }
    if (to == NULL) {
        sheet_free(s);
        return;
    }
    *to = *s;
    to->text.ink = &to->page.ink;
    to->page.raster = &to->raster;
}

/* A page that could not be opened has its place among the others all the same: no page
 * of a bundle is lost for what stands after it. */
static void add_unread(struct reading *r, uint8_t scan, uint8_t index) {
    if (r->out->page_count < EVIDENCE_PAGES_MAX)
        r->out->pages[r->out->page_count++] =
            (struct ocr_page){.scan = scan, .index = index, .kind = OCR_PAGE_UNKNOWN};
}

static uint64_t fault_reason(enum decode_fault fault) {
    switch (fault) {
    case DECODE_OK:
        return 0;
    case DECODE_UNKNOWN:
        return OCR_REASON(OCR_IMAGE_UNKNOWN);
    case DECODE_TOO_LARGE:
        return OCR_REASON(OCR_IMAGE_TOO_LARGE);
    case DECODE_MEMORY:
        return OCR_REASON(OCR_READER_MEMORY);
    case DECODE_BROKEN:
        break;
    }
    return OCR_REASON(OCR_IMAGE_BROKEN);
}

static void read_file(struct reading *r, struct span file, uint8_t scan) {
    struct decode *decode;
    enum decode_fault fault = decode_open(file, &decode);

    if (fault != DECODE_OK) {
        r->f.faults |= fault_reason(fault);
        add_unread(r, scan, 0);
        return;
    }
    for (uint8_t index = 0;; index++) {
        struct raster raster = {0};
        struct sheet *s;
        bool more;

        fault = decode_next(decode, &more, &raster);
        r->f.faults |= fault_reason(fault);
        if (fault != DECODE_OK)
            add_unread(r, scan, index);
        if (fault != DECODE_OK || !more)
            break;
        s = calloc(1, sizeof *s);
        if (r->out->page_count == EVIDENCE_PAGES_MAX) {
            r->f.faults |= OCR_REASON(OCR_TOO_MANY_PAGES);
            raster_free(&raster);
        } else if (s == NULL || !sheet_open(r->engine->labels, &raster, s)) {
            r->f.faults |= OCR_REASON(OCR_READER_MEMORY);
            raster_free(&raster);
        } else {
            add_page(r, s, scan, index);
            add_code(r, s);
            if (r->sorting && s->kind == OCR_PAGE_FORM && !s->qr.found)
                add_printed(r, s);
            take_sheet(r, s);
        }
        free(s);
    }
    decode_close(decode);
}

/* ---- sorting */

#define QUICK_PAGES 3 /* a stack of one application: form, certificate, one more */

static bool quick_page(struct reading *r, struct raster *raster, uint8_t scan,
                       uint8_t index, size_t *codes) {
    struct sheet s = {.kind = OCR_PAGE_UNKNOWN, .raster = *raster};
    struct reduced reduced = {0};
    bool good = r->out->page_count < QUICK_PAGES && page_reduce(raster, &reduced);

    if (good) {
        if (*codes == 0) /* few lines find most; a second code must not be overlooked */
            s.qr = qr_find(&reduced.tone, 4);
        if (!s.qr.found)
            s.qr = qr_find(&reduced.tone, 2);
        s.kind = s.qr.found ? OCR_PAGE_FORM : OCR_PAGE_UNKNOWN;
        s.page.raster = &s.raster;
        s.page.to_raster = (struct affine){1, 0, 0, 0, 1, 0};
        s.page.ink.width = raster->y.width;
        s.page.ink.height = raster->y.height;
        add_page(r, &s, scan, index);
        add_code(r, &s);
        *codes += s.qr.found;
    }
    reduced_free(&reduced);
    raster_free(raster);
    return good;
}

static bool quick_file(struct reading *r, struct span file, uint8_t scan, size_t *codes) {
    struct decode *decode;
    bool more = true, good = decode_open(file, &decode) == DECODE_OK;

    if (!good)
        return false;
    decode_halve(decode);
    for (uint8_t index = 0; good; index++) {
        struct raster raster = {0};

        good = decode_next(decode, &more, &raster) == DECODE_OK;
        if (!good || !more)
            break;
        good = quick_page(r, &raster, scan, index, codes);
    }
    decode_close(decode);
    return good;
}

/* A small stack with one code is one application's: which pages are what is found out
 * when it is read. False: it has to be looked at in earnest. */
static bool sort_quickly(struct reading *r, const struct span *files, size_t count) {
    size_t codes = 0;
    bool good = true;

    for (size_t i = 0; good && i < count; i++)
        good = quick_file(r, files[i], (uint8_t)i, &codes);
    if (good && codes == 1)
        return true;
    *r->out = (struct ocr_evidence){.verdict = OCR_REVIEW};
    r->engine->texts_len = 0;
    return false;
}

/* ---- the form */

/* The number printed under the code, where the code could not be read. */
static void printed_id(struct reading *r) {
    const struct label_hit *label = labels_best(&r->form.labels, LABEL_APPLICATION);
    struct field_expected expected = {.digits = r->id};
    struct field_read read;
    struct box box;

    while (*expected.digits != '\0' && (*expected.digits < '0' || *expected.digits > '9'))
        expected.digits++;
    expected.digit_count = strlen(expected.digits);
    if (label == NULL || !locate_value(&r->form, label, &box)) {
        r->f.faults |= OCR_REASON(OCR_DOUBT_PAGE);
        return;
    }
    field_number(&r->engine->core, &r->form, box, &expected, &read);
    /* The letter before the digits is no digit: compare what ends the line. */
    read.verdict = read.digit_count >= expected.digit_count && expected.digit_count > 0 &&
                           memcmp(read.digits + read.digit_count - expected.digit_count,
                                  expected.digits, expected.digit_count) == 0
                       ? OCR_FIELD_AGREES
                       : OCR_FIELD_DOUBTFUL;
    add_read(r, OCR_FIELD_APPLICATION_ID, &read, false);
    if (read.verdict != OCR_FIELD_AGREES)
        r->f.faults |= OCR_REASON(OCR_DOUBT_PAGE);
}

static void which_application(struct reading *r) {
    if (!r->form.qr.found) {
        printed_id(r);
        return;
    }
    r->out->form_version = r->form.qr.form_version;
    if (strcmp(r->form.qr.application_id, r->id) != 0)
        r->f.other_application = true;
}

/* How much a reading of one of several places tells. */
static int worth(const struct field_read *read) {
    switch (read->verdict) {
    case OCR_FIELD_AGREES:
        return 4;
    case OCR_FIELD_VARIANT:
        return 3;
    case OCR_FIELD_DIFFERS:
        return 2;
    default:
        return read->text_len > 0 ? 1 : 0;
    }
}

static void read_value(struct reading *r, enum label label, struct box box,
                       struct field_read *ret) {
    if (label == LABEL_FORM_NUMBER)
        field_number(&r->engine->core, &r->form, box, &r->expected, ret);
    else if (label == LABEL_NAME)
        field_name(&r->engine->core, &r->form, box, &r->expected, ret);
    else
        field_date(&r->engine->core, &r->form, box, true, &r->expected, ret);
}

static uint8_t read_form_field(struct reading *r, enum label label, unsigned kind,
                               struct field_read *ret) {
    struct box boxes[FORM_VALUES_MAX];
    size_t count = locate_form_values(&r->form, label, boxes, FORM_VALUES_MAX);

    if (count == 0 && label == LABEL_FORM_NUMBER)
        count = locate_form_number(&r->engine->core, &r->form, &boxes[0]);
    *ret = (struct field_read){.verdict = OCR_FIELD_ABSENT};
    for (size_t i = 0; i < count; i++) {
        struct field_read here;

        read_value(r, label, boxes[i], &here);
        if (i == 0 || worth(&here) > worth(ret))
            *ret = here;
    }
    if (count == 0)
        return OCR_FIELD_DOUBTFUL;
    add_read(r, kind, ret, false);
    r->f.correction |= ret->strike;
    r->f.correction_doubt |= ret->strike_doubt;
    if (ret->strike)
        add_field(r, OCR_FIELD_CORRECTION, OCR_FIELD_DIFFERS, 1, r->form_page,
                  &r->form.page, ret->box, (struct span){0});
    return ret->verdict;
}

/* ---- both */

struct texts {
    struct field_read form_number, form_name, form_birth;
    struct field_read cert_number, cert_name, cert_birth, issued;
};

static void read_form(struct reading *r, struct texts *t) {
    which_application(r);
    r->f.form_number = read_form_field(r, LABEL_FORM_NUMBER, OCR_FIELD_FORM_NUMBER,
                                       &t->form_number);
    r->f.form_name = read_form_field(r, LABEL_NAME, OCR_FIELD_FORM_NAME, &t->form_name);
    r->f.form_birth =
        read_form_field(r, LABEL_BIRTH, OCR_FIELD_FORM_BIRTH, &t->form_birth);
    r->f.form_gray = r->form.raster.cr.px == NULL;
}

/* Where no line of the reduced page gave a date: those below the certification, at full
 * resolution. */
static void find_issued(struct reading *r, struct texts *t) {
    const struct label_hit *proof = labels_best(&r->cert.labels, LABEL_PROOF);
    const struct text *text = &r->cert.text;

    for (size_t i = 0; proof != NULL && i < text->count; i++) {
        const struct line *line = &text->lines[i];
        struct field_read read;

        if (line->box.y0 < proof->box.y1 || line->count < 6 || line->count > 24 ||
            line->box.y0 > proof->box.y1 + r->cert.page.dpi * 3)
            continue;
        field_date(&r->engine->core, &r->cert, line->box, false, &r->expected, &read);
        if (!read.has_date)
            continue;
        t->issued = read;
        r->f.issued = read.verdict;
        r->f.issued_on = read.date;
        add_read(r, OCR_FIELD_CERT_ISSUED, &t->issued, true);
        return;
    }
}

/* The reduced page did not show where the name is, and what was taken for it is not it:
 * is one of the other lines? As a whole, or it does not count. */
static void look_for_name(struct reading *r, const struct located_want *want,
                          const struct located_cert *at, struct field_read *ret) {
    struct box names[CERT_NAMES_MAX];
    size_t count;

    if (field_agrees(ret))
        return;
    count = locate_cert_names(&r->engine->core, &r->cert, want, at, names,
                              CERT_NAMES_MAX);
    for (size_t i = 0; i < count && !field_agrees(ret); i++) {
        struct field_read here;

        if (field_has_name(&r->engine->core, &r->cert, names[i], &r->expected, &here))
            *ret = here;
    }
}

/* A birth date that no line of the reduced page gave: at full resolution, and only where
 * it is the one that should be there. */
static bool find_birth(struct reading *r, struct located_cert *at) {
    const struct label_hit *proof = labels_best(&r->cert.labels, LABEL_PROOF);
    const struct text *text = &r->cert.text;

    for (size_t i = 0; proof != NULL && i < text->count; i++) {
        const struct line *line = &text->lines[i];
        struct field_read read;

        if (line->box.y1 > proof->box.y0 || line->count < 7 || line->count > 40 ||
            line->box.y0 < proof->box.y0 - r->cert.page.dpi * 5)
            continue;
        field_date(&r->engine->core, &r->cert, line->box, true, &r->expected, &read);
        if (read.verdict != OCR_FIELD_AGREES)
            continue;
        at->birth = line->box;
        at->has_birth = true;
        return true;
    }
    return false;
}

static void read_cert(struct reading *r, struct texts *t) {
    struct reader_core *core = &r->engine->core;
    struct field_expected twelve = r->expected;
    struct located_want want = {r->expected.name, r->expected.title,
                                r->expected.name_count, r->expected.title_count};
    struct located_cert at;

    locate_cert(core, &r->cert, &want, &at);
    if (!at.has_birth && find_birth(r, &at))
        locate_cert_name(core, &r->cert, &want, &at);
    r->f.cert_number = r->f.cert_name = r->f.cert_birth = r->f.issued =
        OCR_FIELD_DOUBTFUL;
    twelve.digits++;
    twelve.digit_count--;
    if (at.has_number) {
        field_number(core, &r->cert, at.number, &twelve, &t->cert_number);
        add_read(r, OCR_FIELD_CERT_NUMBER, &t->cert_number, true);
        r->f.cert_number = t->cert_number.verdict;
    }
    if (at.has_name) {
        field_name(core, &r->cert, at.name, &r->expected, &t->cert_name);
        if (!at.name_by_content)
            look_for_name(r, &want, &at, &t->cert_name);
        add_read(r, OCR_FIELD_CERT_NAME, &t->cert_name, true);
        r->f.cert_name = t->cert_name.verdict;
    }
    if (at.has_birth) {
        field_date(core, &r->cert, at.birth, true, &r->expected, &t->cert_birth);
        add_read(r, OCR_FIELD_CERT_BIRTH, &t->cert_birth, true);
        r->f.cert_birth = t->cert_birth.verdict;
    }
    if (at.has_issued) {
        field_date(core, &r->cert, at.issued, false, &r->expected, &t->issued);
        add_read(r, OCR_FIELD_CERT_ISSUED, &t->issued, true);
        r->f.issued = t->issued.verdict;
        r->f.issued_on = t->issued.date;
    } else {
        find_issued(r, t);
    }
    r->f.cert_gray = r->cert.raster.cr.px == NULL;
}

static void compare_papers(struct reading *r, const struct texts *t) {
    r->f.numbers_equal = t->form_number.digit_count == 13 &&
                         t->cert_number.digit_count == 12 &&
                         memcmp(t->form_number.digits + 1, t->cert_number.digits, 12) == 0;
    r->f.names_equal = t->form_name.text_len > 0 &&
                       t->form_name.text_len == t->cert_name.text_len &&
                       memcmp(t->form_name.text, t->cert_name.text,
                              t->form_name.text_len) == 0;
    r->f.births_equal = t->form_birth.has_date && t->cert_birth.has_date &&
                        date_days(t->form_birth.date) == date_days(t->cert_birth.date);
}

/* Dirt beside an impression makes its box longer, and what is compared another one: too
 * little to hold anything against anybody. */
static bool is_round(const struct box *box) {
    int w = box_width(box), h = box_height(box);

    return w * 100 <= h * 107 && h * 100 <= w * 107;
}

static void compare_seals(struct reading *r) {
    struct seal *pair = calloc(2, sizeof *pair);
    struct seal_likeness like;
    uint8_t verdict = OCR_FIELD_DOUBTFUL;

    if (pair == NULL || !original_seal(&r->form, false, &pair[0]) ||
        !original_seal(&r->cert, true, &pair[1])) {
        r->f.faults |= OCR_REASON(OCR_READER_MEMORY);
        free(pair);
        return;
    }
    r->f.seal_found[0] = pair[0].found;
    r->f.seal_found[1] = pair[1].found;
    r->f.form_seal_red = pair[0].red;
    r->f.seals_framed = pair[0].framed && pair[1].framed && is_round(&pair[0].box) &&
                        is_round(&pair[1].box) && !pair[0].uneven;
    r->f.seal_score = -1;
    if (pair[0].found && pair[1].found) {
        seal_match(&pair[0], &pair[1], &like);
        r->f.seal_score = like.score;
        r->f.seal_weight = like.weight;
        r->f.seal_stray = like.stray;
        verdict = like.score < SEAL_DIFFERENT     ? OCR_FIELD_DIFFERS
                  : judge_seal_consistent(&r->f) ? OCR_FIELD_AGREES
                                                 : OCR_FIELD_DOUBTFUL;
    }
    if (pair[0].found)
        add_field(r, OCR_FIELD_FORM_SEAL, verdict, r->f.seal_score, r->form_page,
                  &r->form.page, pair[0].box, (struct span){0});
    if (pair[1].found)
        add_field(r, OCR_FIELD_CERT_SEAL, verdict, r->f.seal_score, r->cert_page,
                  &r->cert.page, pair[1].box, (struct span){0});
    r->f.form_copy = original_form_copied(&r->form, &pair[0]);
    free(pair);
}

static uint32_t ms_since(const struct timespec *from) {
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint32_t)((now.tv_sec - from->tv_sec) * 1000 +
                      (now.tv_nsec - from->tv_nsec) / 1000000);
}

static void read_papers(struct reading *r) {
    struct texts *t = calloc(1, sizeof *t);

    if (t == NULL) {
        r->f.faults |= OCR_REASON(OCR_READER_MEMORY);
        return;
    }
    if (r->has_form)
        read_form(r, t);
    if (r->has_cert) {
        read_cert(r, t);
        original_cert(&r->cert, r->has_form ? &r->form : NULL, &r->f);
    }
    compare_papers(r, t);
    if (r->has_form && r->has_cert)
        compare_seals(r);
    free(t);
}

static bool reading_begin(struct reading *r) {
    const struct job_record *rec = r->record;

    if (rec->application_id.len > QR_ID_MAX || rec->corporate_number.len != 13 ||
        !date_parse_iso((const char *)rec->birth_date.data, rec->birth_date.len,
                        &r->expected.date) ||
        !date_parse_iso((const char *)rec->received_on.data, rec->received_on.len,
                        &r->f.received_on))
        return false;
    memcpy(r->id, rec->application_id.data, rec->application_id.len);
    r->expected.digits = (const char *)rec->corporate_number.data;
    r->expected.digit_count = 13;
    r->expected.name = r->name;
    r->expected.name_count = fold_name(rec->name, r->name, TEXT_CHARS_MAX);
    r->expected.title = r->title;
    r->expected.title_count = fold_name(rec->title, r->title, TEXT_CHARS_MAX);
    return r->expected.name_count > 0;
}

void engine_read(struct engine *e, const struct job_record *record,
                 const struct span *files, size_t count, struct ocr_evidence *ret) {
    struct reading *r = calloc(1, sizeof *r);
    struct timespec start;

    clock_gettime(CLOCK_MONOTONIC, &start);
    *ret = (struct ocr_evidence){.verdict = OCR_REVIEW};
    e->texts_len = 0;
    if (r == NULL) {
        ret->reasons = OCR_REASON(OCR_READER_MEMORY);
        return;
    }
    r->engine = e;
    r->record = record;
    r->out = ret;
    if (span_is(record->application_id, "-")) {
        r->sorting = true;
        if (!sort_quickly(r, files, count))
            for (size_t i = 0; i < count; i++)
                read_file(r, files[i], (uint8_t)i);
        ret->reasons = r->f.faults | OCR_REASON(OCR_DOUBT_PAGE);
    } else if (reading_begin(r)) {
        for (size_t i = 0; i < count; i++)
            read_file(r, files[i], (uint8_t)i);
        read_papers(r);
        judge(&r->f, ret);
    } else {
        ret->reasons = OCR_REASON(OCR_RECORD_MISMATCH);
    }
    if (r->has_form)
        sheet_free(&r->form);
    if (r->has_cert)
        sheet_free(&r->cert);
    free(r);
    ret->elapsed_ms = ms_since(&start);
}
