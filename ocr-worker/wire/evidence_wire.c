#include "ocr-worker/wire/evidence_wire.h"

#include "ocr-worker/wire/job_wire.h"
#include "store/base/codec.h"

#define MAGIC 0x45524f54u /* "TORE" */

static uint64_t known_reasons(void) {
    uint64_t known = 0;

#define X(name, bit, text) known |= OCR_REASON(bit);
    OCR_REASON_LIST(X)
#undef X
    return known;
}

static bool verdict_fits(const struct ocr_evidence *e) {
    if ((e->reasons & ~known_reasons()) != 0)
        return false;
    switch (e->verdict) {
    case OCR_OK:
        return e->reasons == 0;
    case OCR_NG:
        return (e->reasons & OCR_REASONS_NG) != 0;
    case OCR_REVIEW:
        return e->reasons != 0;
    default:
        return false;
    }
}

static bool page_fits(const struct ocr_page *p) {
    return p->kind < OCR_PAGE_KIND_END && p->turn < 360 && p->turn % 90 == 0 &&
           p->skew > -9000 && p->skew < 9000 && p->width <= EVIDENCE_SIDE_MAX &&
           p->height <= EVIDENCE_SIDE_MAX && p->scan < JOB_SCANS_MAX;
}

static bool field_fits(const struct ocr_field *f, uint32_t page_count) {
    if (f->kind < 1 || f->kind >= OCR_FIELD_KIND_END || f->verdict < 1 ||
        f->verdict >= OCR_FIELD_VERDICT_END || f->confidence > 1000 ||
        f->page >= page_count || f->text.len > EVIDENCE_TEXT_MAX ||
        !utf8_valid(f->text))
        return false;
    for (int i = 0; i < 4; i++)
        if (f->quad[i].x < -EVIDENCE_SIDE_MAX || f->quad[i].x > 2 * EVIDENCE_SIDE_MAX ||
            f->quad[i].y < -EVIDENCE_SIDE_MAX || f->quad[i].y > 2 * EVIDENCE_SIDE_MAX)
            return false;
    return true;
}

static bool evidence_fits(const struct ocr_evidence *e) {
    if (e->job_id.len > JOB_ID_MAX || e->page_count > EVIDENCE_PAGES_MAX ||
        e->field_count > EVIDENCE_FIELDS_MAX || !verdict_fits(e))
        return false;
    for (uint32_t i = 0; i < e->page_count; i++)
        if (!page_fits(&e->pages[i]))
            return false;
    for (uint32_t i = 0; i < e->field_count; i++)
        if (!field_fits(&e->fields[i], e->page_count))
            return false;
    return true;
}

static void put_page(struct buf *out, const struct ocr_page *p) {
    put_u8(out, p->scan);
    put_u8(out, p->index);
    put_u8(out, p->kind);
    put_u16(out, p->turn);
    put_u16(out, (uint16_t)p->skew);
    put_u16(out, p->width);
    put_u16(out, p->height);
    put_u16(out, p->dpi);
    put_u8(out, p->gray);
}

static void put_field(struct buf *out, const struct ocr_field *f) {
    put_u8(out, f->kind);
    put_u8(out, f->verdict);
    put_u16(out, f->confidence);
    put_u8(out, f->page);
    for (int i = 0; i < 4; i++) {
        put_u32(out, (uint32_t)f->quad[i].x);
        put_u32(out, (uint32_t)f->quad[i].y);
    }
    put_u16(out, (uint16_t)f->text.len);
    buf_put(out, f->text.data, f->text.len);
}

enum err evidence_encode(const struct ocr_evidence *e, struct buf *out) {
    if (!evidence_fits(e))
        return ERR_INVALID;
    put_u32(out, MAGIC);
    put_u16(out, EVIDENCE_WIRE_VERSION);
    put_u8(out, (uint8_t)e->job_id.len);
    buf_put(out, e->job_id.data, e->job_id.len);
    put_u32(out, e->attempt);
    put_u8(out, e->verdict);
    put_u64(out, e->reasons);
    put_u32(out, e->elapsed_ms);
    put_u32(out, e->form_version);
    put_u8(out, (uint8_t)e->page_count);
    for (uint32_t i = 0; i < e->page_count; i++)
        put_page(out, &e->pages[i]);
    put_u8(out, (uint8_t)e->field_count);
    for (uint32_t i = 0; i < e->field_count; i++)
        put_field(out, &e->fields[i]);
    return buf_err(out);
}

static void read_page(struct reader *in, struct ocr_page *p) {
    uint8_t gray;

    p->scan = read_u8(in);
    p->index = read_u8(in);
    p->kind = read_u8(in);
    p->turn = read_u16(in);
    p->skew = (int16_t)read_u16(in);
    p->width = read_u16(in);
    p->height = read_u16(in);
    p->dpi = read_u16(in);
    gray = read_u8(in);
    if (gray > 1)
        in->bad = true;
    p->gray = gray == 1;
}

static void read_field(struct reader *in, struct ocr_field *f) {
    f->kind = read_u8(in);
    f->verdict = read_u8(in);
    f->confidence = read_u16(in);
    f->page = read_u8(in);
    for (int i = 0; i < 4; i++) {
        f->quad[i].x = (int32_t)read_u32(in);
        f->quad[i].y = (int32_t)read_u32(in);
    }
    f->text = read_bytes(in, read_u16(in));
}

static bool read_lists(struct reader *in, struct ocr_evidence *e) {
    e->page_count = read_u8(in);
    if (in->bad || e->page_count > EVIDENCE_PAGES_MAX)
        return false;
    for (uint32_t i = 0; i < e->page_count; i++)
        read_page(in, &e->pages[i]);
    e->field_count = read_u8(in);
    if (in->bad || e->field_count > EVIDENCE_FIELDS_MAX)
        return false;
    for (uint32_t i = 0; i < e->field_count; i++)
        read_field(in, &e->fields[i]);
    return !in->bad && reader_left(in) == 0;
}

enum err evidence_decode(struct span in, struct ocr_evidence *ret_evidence) {
    struct reader r = reader_of(in);
    struct ocr_evidence e = {0};

    if (in.len > EVIDENCE_WIRE_MAX)
        return ERR_TOO_BIG;
    if (read_u32(&r) != MAGIC)
        return ERR_INVALID;
    if (read_u16(&r) != EVIDENCE_WIRE_VERSION)
        return r.bad ? ERR_INVALID : ERR_VERSION;
    e.job_id = read_bytes(&r, read_u8(&r));
    e.attempt = read_u32(&r);
    e.verdict = read_u8(&r);
    e.reasons = read_u64(&r);
    e.elapsed_ms = read_u32(&r);
    e.form_version = read_u32(&r);
    if (!read_lists(&r, &e) || !evidence_fits(&e))
        return ERR_INVALID;
    *ret_evidence = e;
    return OK;
}

/* ---- names */

static const char *name_of(const char *const *names, unsigned count, unsigned at) {
    return at < count && names[at] != NULL ? names[at] : "?";
}

const char *ocr_verdict_str(unsigned verdict) {
    static const char *const names[] = {"NONE", "OK", "NG", "REVIEW"};

    return name_of(names, 4, verdict);
}

const char *ocr_reason_str(unsigned bit) {
    switch (bit) {
#define X(name, number, text)                                                  \
    case number:                                                               \
        return text;
        OCR_REASON_LIST(X)
#undef X
    default:
        return "?";
    }
}

const char *ocr_page_kind_str(unsigned kind) {
    static const char *const names[] = {"unknown",  "form",  "certificate", "registry",
                                        "personal", "cover", "blank"};

    return name_of(names, OCR_PAGE_KIND_END, kind);
}

const char *ocr_field_kind_str(unsigned kind) {
    static const char *const names[] = {
        NULL,          "application_id", "form_number", "form_name",  "form_birth",
        "form_seal",   "cert_number",    "cert_name",   "cert_birth", "cert_issued",
        "cert_seal",   "correction",     "copy_mark",   "cert_company"};

    return name_of(names, OCR_FIELD_KIND_END, kind);
}

const char *ocr_field_verdict_str(unsigned verdict) {
    static const char *const names[] = {NULL,      "agrees",   "variant",
                                        "differs", "doubtful", "absent"};

    return name_of(names, OCR_FIELD_VERDICT_END, verdict);
}

/* ---- JSON */

static void json_page(const struct ocr_page *p, struct buf *out) {
    if (out->len > 0 && out->data[out->len - 1] == '}')
        buf_str(out, ",");
    buf_str(out, "{");
    buf_json_u64(out, "scan", p->scan);
    buf_json_u64(out, "index", p->index);
    buf_json_member(out, "kind", span_str(ocr_page_kind_str(p->kind)));
    buf_json_u64(out, "turn", p->turn);
    buf_json_name(out, "skew_deg");
    buf_printf(out, "%.2f", p->skew / 100.0);
    buf_json_u64(out, "width", p->width);
    buf_json_u64(out, "height", p->height);
    buf_json_u64(out, "dpi", p->dpi);
    buf_json_bool(out, "gray", p->gray);
    buf_str(out, "}");
}

static void json_field(const struct ocr_field *f, struct buf *out) {
    if (out->len > 0 && out->data[out->len - 1] == '}')
        buf_str(out, ",");
    buf_str(out, "{");
    buf_json_member(out, "field", span_str(ocr_field_kind_str(f->kind)));
    buf_json_member(out, "verdict", span_str(ocr_field_verdict_str(f->verdict)));
    buf_json_name(out, "confidence");
    buf_printf(out, "%.3f", f->confidence / 1000.0);
    buf_json_member(out, "text", f->text);
    buf_json_u64(out, "page", f->page);
    buf_json_name(out, "quad");
    buf_printf(out, "[[%d,%d],[%d,%d],[%d,%d],[%d,%d]]", f->quad[0].x, f->quad[0].y,
               f->quad[1].x, f->quad[1].y, f->quad[2].x, f->quad[2].y, f->quad[3].x,
               f->quad[3].y);
    buf_str(out, "}");
}

void evidence_json(const struct ocr_evidence *e, struct buf *out) {
    buf_str(out, "{");
    buf_json_member(out, "verdict", span_str(ocr_verdict_str(e->verdict)));
    buf_json_name(out, "reasons");
    buf_str(out, "[");
    for (unsigned bit = 0, any = 0; bit < 64; bit++) {
        if ((e->reasons & OCR_REASON(bit)) == 0)
            continue;
        buf_printf(out, "%s\"%s\"", any++ ? "," : "", ocr_reason_str(bit));
    }
    buf_str(out, "]");
    buf_json_u64(out, "elapsed_ms", e->elapsed_ms);
    buf_json_u64(out, "form_version", e->form_version);
    buf_json_name(out, "pages");
    buf_str(out, "[");
    for (uint32_t i = 0; i < e->page_count; i++)
        json_page(&e->pages[i], out);
    buf_str(out, "]");
    buf_json_name(out, "fields");
    buf_str(out, "[");
    for (uint32_t i = 0; i < e->field_count; i++)
        json_field(&e->fields[i], out);
    buf_str(out, "]}");
}
