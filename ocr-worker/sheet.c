#include "ocr-worker/sheet.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ocr-worker/streak.h"

#define EM_MIN_MM 0.3
#define EM_MAX_MM 9.5
#define SURE_WEIGHT 14.0f /* of labels: no other turn needs to be tried */
#define KIND_WEIGHT 3.5f
#define BLANK_ATOMS 40
#define BLANK_BLOBS 2000 /* dirt, holes and what shines through leave 600 at most */
#define DITHER_BLOBS 2000 /* marks that no printed page has: a tint that fell into dots */
#define DITHER_SOFTEN 2   /* passes: dots melt into the tint, print does not */
#define WHOLE_PROOF 10.0f /* both halves of これは提出されている印鑑の写しに相違ないことを証明する */

static double mm(const struct page *page, double millimetres) {
    return page->dpi * millimetres / 25.4;
}

static bool find_text(struct label_reader *reader, struct sheet *s) {
    struct page *page = &s->page;
    struct text_blob *blobs = malloc((page->blob_count + 1) * sizeof *blobs);
    bool good;

    if (blobs == NULL)
        return false;
    for (size_t i = 0; i < page->blob_count; i++)
        blobs[i] = (struct text_blob){.box = page->blobs[i].box,
                                      .area = page->blobs[i].area};
    good = text_find(&page->ink, blobs, page->blob_count,
                     int_max(2, (int)mm(page, EM_MIN_MM)), (int)mm(page, EM_MAX_MM),
                     &s->text);
    free(blobs);
    if (!good)
        return false;
    labels_find(reader, &s->text, &s->labels);
    s->weight = 0;
    for (size_t i = 0; i < s->labels.count; i++)
        s->weight += s->labels.hits[i].score * (float)s->labels.hits[i].length;
    return true;
}

static void sheet_part_free(struct sheet *s) {
    text_free(&s->text);
    page_free(&s->page);
}

/* Try one turn; keep it if it is the best so far. */
static bool try_turn(struct label_reader *reader, const struct reduced *reduced,
                     int turn, double skew, struct sheet *best) {
    struct sheet *s = calloc(1, sizeof *s);

    if (s == NULL)
        return false;
    if (!page_build(&best->raster, reduced, turn, skew, &s->page)) {
        free(s);
        return false;
    }
    if (!find_text(reader, s)) {
        sheet_part_free(s);
        free(s);
        return false;
    }
    if (best->page.ink.px == NULL || s->weight > best->weight) {
        sheet_part_free(best);
        best->page = s->page;
        best->text = s->text;
        best->text.ink = &best->page.ink;
        best->labels = s->labels;
        best->weight = s->weight;
    } else {
        sheet_part_free(s);
    }
    free(s);
    return true;
}

static bool orient(struct label_reader *reader, const struct reduced *reduced,
                   struct sheet *s) {
    struct plane ink;
    uint8_t paper, black;
    bool quarter;
    double skew;
    int first;

    if (!page_ink(&reduced->tone, &ink, &paper, &black))
        return false;
    skew = deskew_angle(&ink, &quarter);
    plane_free(&ink);
    first = quarter ? 90 : 0;
    for (int i = 0; i < 4; i++) {
        static const int order[] = {0, 180, 90, 270};

        if (!try_turn(reader, reduced, (first + order[i]) % 360, skew, s))
            return false;
        if (s->weight >= SURE_WEIGHT)
            break;
    }
    return true;
}

/* ---- kind */

static size_t atoms_of(const struct text *text) {
    size_t count = 0;

    for (size_t i = 0; i < text->count; i++)
        if (text->lines[i].count > 1)
            count += text->lines[i].count;
    return count;
}

/* Two papers on one sheet, side by side: neither can be taken for missing. Forms speak of
 * the certificate, too, so it is its certification that counts, all of it or with its
 * registrar. */
static bool is_both(const struct sheet *s) {
    const struct labels *l = &s->labels;

    return labels_weight(l, LABEL_FORM_TITLE) > 0 &&
           (labels_weight(l, LABEL_FORM_NUMBER) > 0 || s->qr.found) &&
           labels_weight(l, LABEL_CERT_TITLE) > 0 &&
           (labels_weight(l, LABEL_PROOF) > WHOLE_PROOF ||
            (labels_weight(l, LABEL_PROOF) > 0 && labels_weight(l, LABEL_REGISTRAR) > 0));
}

static bool has_form_fields(const struct labels *l) {
    return labels_weight(l, LABEL_FORM_NUMBER) + labels_weight(l, LABEL_NAME) +
               labels_weight(l, LABEL_BIRTH) + labels_weight(l, LABEL_FORM) >
           0;
}

/* Dithered print of few dots falls apart into marks that are no text either. */
static bool is_blank(const struct sheet *s) {
    return atoms_of(&s->text) < BLANK_ATOMS && s->page.blob_count < BLANK_BLOBS;
}

static enum ocr_page_kind kind_of(const struct sheet *s) {
    const struct labels *l = &s->labels;
    float weight[OCR_PAGE_KIND_END] = {0};
    enum ocr_page_kind best = OCR_PAGE_UNKNOWN;

    weight[OCR_PAGE_FORM] = 2 * labels_weight(l, LABEL_FORM_TITLE) +
                            labels_weight(l, LABEL_FORM);
    /* A code that shines through a blank page or a cover letter is read, too, mirrored as
     * it is: it needs the company of a form's fields, and more than one word that looks
     * like a label by chance. */
    if (weight[OCR_PAGE_FORM] > 0 && l->count > 1 && has_form_fields(l) && s->qr.found)
        weight[OCR_PAGE_FORM] += 20;
    weight[OCR_PAGE_CERTIFICATE] =
        2 * labels_weight(l, LABEL_CERT_TITLE) + labels_weight(l, LABEL_PROOF) +
        (labels_weight(l, LABEL_CERT_TITLE) + labels_weight(l, LABEL_PROOF) > 0
             ? labels_weight(l, LABEL_REGISTRAR)
             : 0);
    weight[OCR_PAGE_REGISTRY] =
        2 * labels_weight(l, LABEL_REGISTRY_TITLE) + labels_weight(l, LABEL_REGISTRY);
    weight[OCR_PAGE_PERSONAL] = 2 * labels_weight(l, LABEL_PERSONAL_TITLE) +
                                labels_weight(l, LABEL_PERSONAL);
    /* A person's certificate names no company: its words were read by chance, in a copy
     * whose 複写 runs through the title. */
    if (labels_weight(l, LABEL_CERT_NUMBER) > 0)
        weight[OCR_PAGE_PERSONAL] = 0;
    weight[OCR_PAGE_COVER] = 2 * labels_weight(l, LABEL_COVER);
    if (is_both(s))
        return OCR_PAGE_UNKNOWN;
    for (int k = 1; k < OCR_PAGE_KIND_END; k++)
        if (weight[k] > weight[best] && weight[k] >= KIND_WEIGHT)
            best = (enum ocr_page_kind)k;
    if (best == OCR_PAGE_UNKNOWN && l->count == 0 && is_blank(s))
        return OCR_PAGE_BLANK;
    return best;
}

/* In a tint that was dithered there are more dots than can be told from print, and they
 * stand beside its characters: what is unknown then is looked at again with dots melted
 * together. The raster stays as it is. */
static bool look_again(struct label_reader *reader, struct reduced *reduced,
                       struct sheet *s) {
    for (int i = 0; i < DITHER_SOFTEN; i++)
        if (!plane_soften(&reduced->tone))
            return false;
    return orient(reader, reduced, s);
}

/* Only what is a form, or may be one, has its code looked for: most codes are found with
 * few lines, at half the time, and what has a form's word and is another paper is not
 * looked at line by line. */
static void find_code(const struct reduced *reduced, struct sheet *s) {
    if (labels_weight(&s->labels, LABEL_FORM_TITLE) +
            labels_weight(&s->labels, LABEL_FORM) <=
        0)
        return;
    for (int density = 4; density > 1 && !s->qr.found; density /= 2)
        s->qr = qr_find(&reduced->tone, density);
    if (s->qr.found || (kind_of(s) != OCR_PAGE_FORM && kind_of(s) != OCR_PAGE_UNKNOWN))
        return;
    s->qr = qr_find(&reduced->tone, 1);
    if (!s->qr.found)
        s->qr = qr_find(&s->raster.y, 1);
}

bool sheet_open(struct label_reader *reader, struct raster *raster, struct sheet *ret) {
    struct reduced reduced = {0};
    bool good;

    ret->raster = *raster;
    *raster = (struct raster){0};
    streak_remove(&ret->raster.y);
    good = page_reduce(&ret->raster, &reduced) && orient(reader, &reduced, ret);
    if (good)
        find_code(&reduced, ret);
    if (good && ret->page.blob_count >= DITHER_BLOBS && kind_of(ret) == OCR_PAGE_UNKNOWN) {
        good = look_again(reader, &reduced, ret);
        if (good && !ret->qr.found)
            find_code(&reduced, ret);
    }
    if (good)
        ret->kind = kind_of(ret);
    else
        sheet_free(ret);
    reduced_free(&reduced);
    return good;
}

void sheet_free(struct sheet *s) {
    sheet_part_free(s);
    raster_free(&s->raster);
}

void sheet_quad(const struct page *page, struct box box, struct ocr_point quad[4]) {
    const int corner[4][2] = {
        {box.x0, box.y0}, {box.x1, box.y0}, {box.x1, box.y1}, {box.x0, box.y1}};

    for (int i = 0; i < 4; i++) {
        double x, y;

        affine_apply(&page->to_raster, corner[i][0] - 0.5, corner[i][1] - 0.5, &x, &y);
        quad[i].x = (int32_t)lround((x + 0.5) * page->raster->shrink);
        quad[i].y = (int32_t)lround((y + 0.5) * page->raster->shrink);
    }
}
