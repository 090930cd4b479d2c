#include "ocr-worker/original.h"

#include <stdlib.h>

#include "ocr-worker/locate.h"

#define FRAMES_MAX 12
#define PALE_CHROMA 90    /* hundredths beside the form's: security paper has some hundreds */
#define COPY_PAPER 226    /* of 255: what a copier makes of the paper's pattern */
#define COPY_GRAY 0.06    /* part of the paper that is neither white nor print */

static int mm(const struct page *page, double millimetres) {
    return (int)(page->dpi * millimetres / 25.4);
}

/* ---- seals */

/* Near the label for it, else the largest. */
static double frame_weight(const struct sheet *s, const struct box *frame) {
    double weight = box_width(frame) * (double)box_height(frame);

    for (size_t i = 0; i < s->labels.count; i++) {
        const struct label_hit *h = &s->labels.hits[i];
        int cx = (h->box.x0 + h->box.x1) / 2, gap = frame->y0 - h->box.y1;

        if (h->label == LABEL_SEAL && cx > frame->x0 && cx < frame->x1 &&
            gap < mm(&s->page, 12) && h->box.y0 < frame->y1)
            weight += 1e9;
    }
    return weight;
}

/* Round things of the size of a seal, of any ink: for papers without a frame. */
static struct box loose_seal(const struct sheet *s) {
    const struct page *page = &s->page;
    struct box best = {0};

    for (size_t i = 0; i < page->blob_count; i++) {
        const struct box *b = &page->blobs[i].box;
        int w = box_width(b), h = box_height(b);

        if (w < mm(page, 9) || w > mm(page, 32) || h * 10 < w * 8 || w * 10 < h * 8)
            continue;
        if (best.x1 == 0 || b->y0 < best.y0)
            best = (struct box){b->x0 - 3, b->y0 - 3, b->x1 + 3, b->y1 + 3};
    }
    return best;
}

/* The lowest red thing of that size. */
static struct box loose_red(const struct sheet *s) {
    const struct plane *red = &s->page.red;
    int cell = int_max(4, mm(&s->page, 5));
    struct box best = {0};
    int most = 0;

    if (red->px == NULL)
        return best;
    for (int y = 0; y + 4 * cell < red->height; y += cell) {
        for (int x = 0; x + 4 * cell < red->width; x += cell) {
            int sum = 0;

            for (int v = y; v < y + 4 * cell; v += 3)
                for (int u = x; u < x + 4 * cell; u += 3)
                    sum += plane_at(red, u, v) > 40;
            if (sum * 10 >= most * 9 && sum > cell) {
                most = int_max(most, sum);
                best = (struct box){x - cell, y - cell, x + 5 * cell, y + 5 * cell};
            }
        }
    }
    return best;
}

bool original_seal(const struct sheet *s, bool certificate, struct seal *ret) {
    struct box frames[FRAMES_MAX], best = {0};
    size_t count = locate_frames(&s->page, 17, 80, frames, FRAMES_MAX);
    double weight = 0;

    for (size_t i = 0; i < count; i++) {
        double here = frame_weight(s, &frames[i]);

        if (here > weight) {
            weight = here;
            best = frames[i];
        }
    }
    ret->found = false;
    if (best.x1 > best.x0) {
        int in = mm(&s->page, 0.9);
        struct box inner = {best.x0 + in, best.y0 + in, best.x1 - in, best.y1 - in};

        if (!seal_cut(&s->page, inner, !certificate, ret))
            return false;
    }
    ret->framed = ret->found;
    if (ret->found)
        return true;
    return seal_cut(&s->page, certificate ? loose_seal(s) : loose_red(s), !certificate,
                    ret);
}

/* ---- copies */

bool original_form_copied(const struct sheet *form, const struct seal *seal) {
    return form->raster.cr.px != NULL && seal->found && !seal->red;
}

/* The words that copying makes visible are broad and gray. */
static double gray_part(const struct page *page) {
    const struct plane *ink = &page->ink;
    size_t gray = 0, seen = 0;

    for (int y = ink->height / 20; y < ink->height * 19 / 20; y += 3) {
        const uint8_t *row = plane_row(ink, y);

        for (int x = ink->width / 20; x < ink->width * 19 / 20; x += 3, seen++)
            gray += row[x] > 45 && row[x] < 150;
    }
    return (double)gray / (double)(seen + 1);
}

/* How far the papers' colours lie apart: what the lamp casts, it casts on both. */
static int colour_apart(const struct page *cert, const struct page *form) {
    return abs(cert->cb - form->cb) + abs(cert->cr - form->cr);
}

void original_cert(const struct sheet *cert, const struct sheet *form, struct findings *f) {
    const struct page *page = &cert->page;
    bool in_colour = form != NULL && form->raster.cr.px != NULL;
    bool colourless = cert->raster.cr.px == NULL ||
                      (in_colour && colour_apart(page, &form->page) < PALE_CHROMA);
    bool marks = gray_part(page) > COPY_GRAY;

    f->cert_copy = colourless && in_colour && (marks || page->paper < COPY_PAPER);
    f->cert_copy_doubt = (colourless && in_colour) || marks;
}
