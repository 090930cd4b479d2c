/* svc_staff_scan: a page of a scan, or the piece of it that the farm read a field from, as
 * an image (server/scan_view.h).
 *
 *   /staff/scan?id=APPLICATION&page=N     its N-th page, upright, turned and sized
 *   /staff/scan?id=APPLICATION&field=N    the N-th field of its evidence
 *   /staff/scan?bundle=ID&page=N          a page that is nobody's yet, for the intake
 *
 * Who may see an application's scans: svc_staff_review.h. A look that leaves a record has
 * left it before the image is given: at the page which shows it, or here. */
#include "server/scan_view.h"

#include <stdlib.h>

#include "server/blob_load.h"
#include "server/svc_staff_review.h"
#include "store/base/codec.h"
#include "store/base/log.h"

#define IMAGE_MAX (8u * 1024 * 1024)
#define CROP_SIDE 900

struct scanning {
    struct scan_view view;
    struct review_pages pages;
    struct blob_row file, evidence_row;
    bool has_evidence, wants_field;
    bool recorded; /* SIGHT_RECORDED */
    struct application_id id;
    unsigned field, turned; /* by the person, in quarters */
    size_t chosen;          /* of the pages */
    struct buf bytes, image;
    struct ocr_evidence evidence;
    enum err err;
};

static void scanning_free(void *work) {
    struct scanning *s = work;

    buf_free(&s->bytes);
    buf_free(&s->image);
    free(s);
}

/* A small decimal; `absent` when it is none. */
static unsigned number(const struct staff_op *op, const char *name, unsigned absent) {
    struct span text = svc_staff_field(op, name);
    unsigned value = 0;

    if (text.len == 0 || text.len > 4)
        return absent;
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return absent;
        value = value * 10 + (unsigned)(text.data[i] - '0');
    }
    return value;
}

/* ---- what is to be shown, in the open snapshot */

static enum err find_page(struct staff_op *op, struct scanning *s) {
    static const unsigned sides[] = {1400, 2000, 2800, 3600};
    unsigned n = number(op, "page", 0), zoom = number(op, "zoom", 0);

    if (n < 1 || n > s->pages.count)
        return ERR_NOT_FOUND;
    s->chosen = n - 1;
    s->view.page = s->pages.pages[s->chosen].row.number;
    s->view.side = sides[zoom < 4 ? zoom : 0];
    s->turned = number(op, "turn", 0) % 4;
    return store_blob_get(op->base.svc->read, &s->pages.pages[s->chosen].file.blob,
                          &s->file);
}

static enum err find_application(struct staff_op *op, struct scanning *s) {
    static const uint8_t none[32];
    struct svc *svc = op->base.svc;
    struct arena *arena = &op->staff->op.arena;
    struct application application;
    struct application_id id;
    struct blob_id evidence;
    enum review_sight sight;
    struct review review;
    enum err err;

    if (!svc_staff_application_id(op, &id))
        return ERR_NOT_FOUND;
    s->id = id;
    err = store_application_get(svc->read, arena, &id, &application);
    if (!err)
        err = store_review_get(svc->read, arena, &id, &review);
    sight = err ? SIGHT_NONE : svc_staff_sight(op, &review);
    if (!err && sight == SIGHT_NONE)
        err = ERR_NOT_FOUND; /* its page says why */
    s->recorded = sight == SIGHT_RECORDED;
    if (!err)
        err = svc_staff_pages(op, &id, &s->pages);
    if (err)
        return err;
    memcpy(evidence.b, application.evidence, sizeof evidence.b);
    s->has_evidence = memcmp(evidence.b, none, sizeof none) != 0;
    s->wants_field = svc_staff_field(op, "field").len > 0;
    s->field = number(op, "field", EVIDENCE_FIELDS_MAX);
    if (s->has_evidence)
        err = store_blob_get(svc->read, &evidence, &s->evidence_row);
    if (err || s->wants_field)
        return err ? err : s->has_evidence ? OK : ERR_NOT_FOUND;
    return find_page(op, s);
}

/* A page in a list of the intake: it is nobody's, so it is seen by who files it. */
static enum err find_open(struct staff_op *op, struct scanning *s) {
    struct span text = svc_staff_field(op, "bundle");
    struct intake_bundle *bundle = arena_alloc(&op->staff->op.arena, sizeof *bundle);
    unsigned n = number(op, "page", LIMIT_BUNDLE_PAGES);
    struct id128 id;
    enum err err;

    if (!bundle)
        return ERR_NOMEM;
    if (!(op->account.roles & (STAFF_INTAKE | STAFF_SUPERVISOR)) || text.len != 32 ||
        hex_decode(text, id.b, sizeof id.b) != OK)
        return ERR_NOT_FOUND;
    err = store_intake_bundle_get(op->base.svc->read, id, bundle);
    if (err || n >= bundle->pages_count || bundle->pages[n].state == PAGE_ASSIGNED)
        return err ? err : ERR_NOT_FOUND;
    s->view.page = bundle->pages[n].number;
    s->view.side = 1400;
    s->turned = number(op, "turn", 0) % 4;
    return store_blob_get(op->base.svc->read,
                          &bundle->files[bundle->pages[n].file].blob, &s->file);
}

/* ---- by the evidence: where a field is, how a page stands */

/* The file of a page of the evidence. ERR_NOT_FOUND: its scans have changed since. */
static enum err file_of(const struct scanning *s, const struct ocr_page *page,
                        const struct blob_id **ret_blob) {
    for (size_t i = 0; i < s->pages.count; i++) {
        if (s->pages.pages[i].scan == page->scan) {
            *ret_blob = &s->pages.pages[i].file.blob;
            return OK;
        }
    }
    return ERR_NOT_FOUND;
}

static enum err find_field(struct scanning *s, const struct blob_id **ret_blob) {
    const struct ocr_field *field;

    if (s->field >= s->evidence.field_count)
        return ERR_NOT_FOUND;
    field = &s->evidence.fields[s->field];
    s->view.page = s->evidence.pages[field->page].index;
    s->view.side = CROP_SIDE;
    s->view.piece = true;
    for (int i = 0; i < 4; i++) {
        s->view.quad[i][0] = field->quad[i].x;
        s->view.quad[i][1] = field->quad[i].y;
    }
    return file_of(s, &s->evidence.pages[field->page], ret_blob);
}

/* Upright, as the farm saw it, before the person turns it. */
static unsigned stands(const struct scanning *s) {
    const struct review_page *chosen = &s->pages.pages[s->chosen];

    for (uint32_t i = 0; i < s->evidence.page_count; i++) {
        const struct ocr_page *page = &s->evidence.pages[i];
        if (page->scan == chosen->scan && page->index == chosen->row.number)
            return page->turn;
    }
    return 0;
}

/* ---- the image, on the view pool */

static enum err load_evidence(struct svc_shared *shared, struct scanning *s) {
    enum err err = blob_load(shared, &s->evidence_row, &s->bytes);

    return err ? err : evidence_decode(buf_span(&s->bytes), &s->evidence);
}

static void image_work(struct svc_state *state) {
    struct staff_op *op = (struct staff_op *)state;
    struct scanning *s = op->work;

    s->err = blob_load(state->svc->shared, &s->file, &s->bytes);
    if (!s->err)
        s->err = scan_view(&s->view, buf_span(&s->bytes), &s->image);
}

static void imaged(struct svc_state *state) {
    struct staff_op *op = (struct staff_op *)state;
    struct scanning *s = op->work;

    if (s->err == ERR_INVALID || s->err == ERR_NOT_FOUND)
        svc_staff_refuse(op, STAFF_MISSING, span_str("page: it cannot be read"));
    else if (s->err) {
        log_event(LOG_ERROR, "staff.scan", log_str("error", err_str(s->err)),
                  log_str("program", s->view.program), log_end());
        svc_fail(state, s->err == ERR_TIMEOUT ? ERR_TIMEOUT : ERR_BUSY);
    } else
        svc_staff_image(op, buf_span(&s->image));
}

static void evidence_work(struct svc_state *state) {
    struct staff_op *op = (struct staff_op *)state;
    struct scanning *s = op->work;

    s->err = load_evidence(state->svc->shared, s);
}

static void evidence_read(struct svc_state *state) {
    struct staff_op *op = (struct staff_op *)state;
    struct scanning *s = op->work;
    const struct blob_id *blob = NULL;

    if (s->wants_field) {
        s->err = s->err ? s->err : find_field(s, &blob);
        if (!s->err)
            s->err = svc_read_begin(state->svc);
        if (!s->err) {
            s->err = store_blob_get(state->svc->read, blob, &s->file);
            svc_read_end(state->svc);
        }
        if (s->err) {
            imaged(state);
            return;
        }
    } else if (!s->err)
        s->view.turn = stands(s);
    s->view.turn = (s->view.turn + 360 - 90 * s->turned) % 360;
    buf_reset(&s->bytes);
    svc_view_pool(state, image_work, imaged);
}

static void looked(struct svc_state *state) {
    struct staff_op *op = (struct staff_op *)state;
    struct scanning *s = op->work;

    if (s->has_evidence)
        svc_view_pool(state, evidence_work, evidence_read);
    else
        evidence_read(state);
}

void svc_staff_scan(struct staff_op *op) {
    struct scanning *s = calloc(1, sizeof *s);
    enum err err;

    if (!s) {
        svc_fail(&op->base, ERR_NOMEM);
        return;
    }
    buf_init(&s->bytes, LIMIT_BLOB);
    buf_init(&s->image, IMAGE_MAX);
    s->view.program = op->base.svc->shared->scan_viewer;
    op->work = s;
    op->work_free = scanning_free;
    err = svc_read_begin(op->base.svc);
    if (!err) {
        err = svc_staff_field(op, "bundle").len > 0 ? find_open(op, s)
                                                    : find_application(op, s);
        svc_read_end(op->base.svc);
    }
    if (err == ERR_NOT_FOUND)
        svc_staff_refuse(op, STAFF_MISSING, span_str("page: there is no such page"));
    else if (err)
        svc_fail(&op->base, err);
    else if (s->recorded)
        svc_staff_look(op, &s->id, true, looked);
    else
        looked(&op->base);
}
