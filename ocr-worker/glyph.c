#include "ocr-worker/glyph.h"

#include <fcntl.h>
#include <iconv.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <ft2build.h>
#include FT_FREETYPE_H

#include "ocr-worker/glyph_font.h"

#define RENDER_SIDE 48
#define PART_LEVEL 0.3f /* of the most in which two characters differ */
#define SAME_FONT 0.006f /* as like the ink as the font that is most like it */
#define BETWEEN_FONTS 3 /* those that fit best */
#define RENDER_EDGE 4
#define RENDER_LEVEL 70 /* PAGE_INK_LEVEL_CUT */
#define RENDER_BLUR 3 /* passes: a scan of 300 dpi and its turning */
#define COARSE_UNIT 4096.0f
#define FINE_UNIT 16384.0f
#define SHIFT 2 /* pixels of the fine grid, each way */
#define CACHE_SLOTS 8192 /* a power of two */
#define CACHE_MAX 1400   /* characters, about 35 KB each */

struct shape {
    int16_t v[GLYPH_FINE * GLYPH_FINE];
    float soft; /* length of its softened form */
    size_t font;
};

struct cached {
    uint32_t ch;
    size_t count;         /* fonts that have it */
    struct shape *shapes; /* count */
    struct glyph_coarse *coarse; /* count, behind shapes */
};

struct glyphs {
    FT_Library library;
    struct glyph_font fonts[GLYPH_FONTS_MAX];
    size_t font_count;
    struct cached *cache; /* CACHE_SLOTS, open addressing */
    size_t cached;
};

/* ---- descriptions */

/* Area average of a run of source pixels onto `to` cells; at least one pixel wide. */
static void shrink_weights(int from, int to, double *start, double *width) {
    *width = (double)from / to;
    *start = 0;
    if (*width < 1) {
        *start = -(1 - *width) / 2;
        *width = 1;
    }
}

/* The source pixels [first, last) of a cell; those at its ends count in part. */
struct part {
    int first, last;
    double head, tail; /* what the first and the last of them count */
};

static struct part part_at(double from, double to, int count) {
    struct part p = {int_max(0, (int)floor(from)), int_min(count, (int)ceil(to)), 1, 1};
    double left = p.first > from ? p.first : from;
    double right = p.last < to ? p.last : to;

    if (p.last - p.first == 1) {
        p.head = right - left;
    } else {
        p.head = p.first + 1 - left;
        p.tail = right - (p.last - 1);
    }
    return p;
}

static float row_part(const uint8_t *row, const struct part *p, double width) {
    double sum = 0;
    int inner = 0;

    if (p->first >= p->last)
        return 0;
    sum = row[p->first] * p->head;
    if (p->last - p->first == 1)
        return (float)(sum / width);
    for (int x = p->first + 1; x < p->last - 1; x++)
        inner += row[x];
    return (float)((sum + inner + row[p->last - 1] * p->tail) / width);
}

/* Stretch `box` onto w x h cells of `out` (side x side, at ox, oy). */
static void stretch(const struct plane *ink, struct box box, int w, int h, int side,
                    float *out) {
    int bw = box_width(&box), bh = box_height(&box);
    int ox = (side - w) / 2, oy = (side - h) / 2;
    double sx, wx, sy, wy;
    struct part parts[GLYPH_FINE];
    float *across = malloc((size_t)bh * (size_t)w * sizeof *across);

    if (across == NULL)
        return;
    shrink_weights(bw, w, &sx, &wx);
    shrink_weights(bh, h, &sy, &wy);
    for (int x = 0; x < w; x++) {
        double x0 = (double)x * bw / w + sx;

        parts[x] = part_at(x0, x0 + wx, bw);
    }
    for (int y = 0; y < bh; y++) {
        const uint8_t *row = plane_row(ink, box.y0 + y) + box.x0;

        for (int x = 0; x < w; x++)
            across[y * w + x] = row_part(row, &parts[x], wx);
    }
    for (int y = 0; y < h; y++) {
        double y0 = (double)y * bh / h + sy, y1 = y0 + wy;
        int first = int_max(0, (int)floor(y0)), last = int_min(bh, (int)ceil(y1));

        for (int r = first; r < last; r++) {
            double top = r > y0 ? r : y0, low = r + 1 < y1 ? r + 1 : y1;
            float weight = (float)((low - top) / wy);

            for (int x = 0; x < w; x++)
                out[(oy + y) * side + ox + x] += across[r * w + x] * weight;
        }
    }
    free(across);
}

/* [1 2 1] both ways; beyond the sides there is nothing. */
__attribute__((optimize("O3"))) static void soften(float *v, int side) {
    float before[GLYPH_FINE] = {0}, keep[GLYPH_FINE];
    float line[GLYPH_FINE + 2] = {0};

    for (int y = 0; y < side; y++) {
        float *row = v + y * side;

        memcpy(line + 1, row, (size_t)side * sizeof *line);
        line[side + 1] = 0;
        for (int x = 0; x < side; x++)
            row[x] = (line[x] + 2 * line[x + 1] + line[x + 2]) / 4;
    }
    for (int y = 0; y < side; y++) {
        float *row = v + y * side;

        memcpy(keep, row, (size_t)side * sizeof *keep);
        if (y + 1 < side)
            for (int x = 0; x < side; x++)
                row[x] = (before[x] + 2 * keep[x] + row[side + x]) / 4;
        else
            for (int x = 0; x < side; x++)
                row[x] = (before[x] + 2 * keep[x]) / 4;
        memcpy(before, keep, sizeof before);
    }
}

static bool unit(float *v, size_t count) {
    float mean = 0, norm = 0;

    for (size_t i = 0; i < count; i++)
        mean += v[i];
    mean /= (float)count;
    for (size_t i = 0; i < count; i++) {
        v[i] -= mean;
        norm += v[i] * v[i];
    }
    if (norm < 1)
        return false;
    norm = 1 / sqrtf(norm);
    for (size_t i = 0; i < count; i++)
        v[i] *= norm;
    return true;
}

/* Inner side: what the longer side of the box gets. */
static bool describe(const struct plane *ink, struct box box, int side, int inner,
                     float *out) {
    int bw = box_width(&box), bh = box_height(&box);
    double ratio, kept;
    int w, h;

    if (bw < 1 || bh < 1 || box.x0 < 0 || box.y0 < 0 || box.x1 > ink->width ||
        box.y1 > ink->height)
        return false;
    ratio = bw < bh ? (double)bw / bh : (double)bh / bw;
    kept = sqrt(sin(M_PI / 2 * ratio));
    w = bw < bh ? int_max(1, (int)(inner * kept + 0.5)) : inner;
    h = bw < bh ? inner : int_max(1, (int)(inner * kept + 0.5));
    memset(out, 0, (size_t)(side * side) * sizeof *out);
    stretch(ink, box, w, h, side, out);
    soften(out, side);
    return unit(out, (size_t)(side * side));
}

bool glyph_coarse_of(const struct plane *ink, struct box box, struct glyph_coarse *ret) {
    float v[GLYPH_COARSE * GLYPH_COARSE];

    if (!describe(ink, box, GLYPH_COARSE, GLYPH_COARSE - 2, v))
        return false;
    for (int i = 0; i < GLYPH_COARSE * GLYPH_COARSE; i++)
        ret->v[i] = (int16_t)lrintf(v[i] * COARSE_UNIT);
    return true;
}

bool glyph_fine_of(const struct plane *ink, struct box box, struct glyph_fine *ret) {
    float v[GLYPH_FINE * GLYPH_FINE];

    if (!describe(ink, box, GLYPH_FINE, GLYPH_FINE - 4, v))
        return false;
    for (int i = 0; i < GLYPH_FINE * GLYPH_FINE; i++)
        ret->v[i] = (int16_t)lrintf(v[i] * FINE_UNIT);
    ret->blurred = false;
    soften(v, GLYPH_FINE);
    for (int i = 0; i < GLYPH_FINE * GLYPH_FINE; i++)
        ret->soft[i] = (int16_t)lrintf(v[i] * FINE_UNIT);
    return true;
}

__attribute__((target_clones("avx2", "default"))) static int32_t
dot_coarse(const int16_t *a, const int16_t *b) {
    int32_t sum = 0;

    for (int i = 0; i < GLYPH_COARSE * GLYPH_COARSE; i++)
        sum += (int32_t)a[i] * b[i];
    return sum;
}

float glyph_coarse_match(const struct glyph_coarse *a, const struct glyph_coarse *b) {
    return (float)dot_coarse(a->v, b->v) / (COARSE_UNIT * COARSE_UNIT);
}

/* ---- fonts */

/* The ink that a scan would show: above the level that counts. */
static struct box ink_box(const struct plane *ink) {
    struct box box = {ink->width, -1, -1, -1};

    for (int y = 0; y < ink->height; y++) {
        const uint8_t *row = plane_row(ink, y);
        int first = 0, last = ink->width;

        while (first < last && row[first] <= RENDER_LEVEL)
            first++;
        while (last > first && row[last - 1] <= RENDER_LEVEL)
            last--;
        if (first == last)
            continue;
        box.x0 = int_min(box.x0, first);
        box.x1 = int_max(box.x1, last);
        box.y0 = box.y0 < 0 ? y : box.y0;
        box.y1 = y + 1;
    }
    return box;
}

/* A glyph as a scanner sees it: a little blurred, in the box that its ink then has. So
 * thin strokes are as faint, and boxes as wide, as they are on paper. False: the font
 * does not have it, or it is blank. */
static bool render(struct glyph_font *font, uint32_t ch, struct plane *ret_ink,
                   struct box *ret_box) {
    FT_UInt index = FT_Get_Char_Index(font->face, ch);
    const FT_Bitmap *map;

    if (index == 0 || FT_Load_Glyph(font->face, index,
                                    FT_LOAD_RENDER | FT_LOAD_NO_HINTING |
                                        FT_LOAD_NO_BITMAP) != 0)
        return false;
    map = &font->face->glyph->bitmap;
    if (map->width < 1 || map->rows < 1 || map->pixel_mode != FT_PIXEL_MODE_GRAY ||
        !plane_new(ret_ink, (int)map->width + 2 * RENDER_EDGE,
                   (int)map->rows + 2 * RENDER_EDGE))
        return false;
    memset(ret_ink->px, 0, (size_t)ret_ink->width * (size_t)ret_ink->height);
    for (int y = 0; y < (int)map->rows; y++)
        memcpy(plane_row(ret_ink, y + RENDER_EDGE) + RENDER_EDGE,
               map->buffer + y * map->pitch, map->width);
    for (int i = 0; i < RENDER_BLUR; i++)
        if (!plane_soften(ret_ink)) {
            plane_free(ret_ink);
            return false;
        }
    *ret_box = ink_box(ret_ink);
    if (ret_box->x1 > ret_box->x0)
        return true;
    plane_free(ret_ink);
    return false;
}

enum err glyphs_open(const char *without, struct glyphs **ret_glyphs) {
    struct glyphs *g = calloc(1, sizeof *g);

    if (g == NULL)
        return ERR_NOMEM;
    g->cache = calloc(CACHE_SLOTS, sizeof *g->cache);
    if (g->cache == NULL || FT_Init_FreeType(&g->library) != 0) {
        free(g->cache);
        free(g);
        return ERR_NOMEM;
    }
    g->font_count =
        glyph_fonts_open(g->library, without, RENDER_SIDE, g->fonts, GLYPH_FONTS_MAX);
    if (g->font_count < 3) {
        glyphs_close(g);
        return ERR_NOT_FOUND;
    }
    *ret_glyphs = g;
    return OK;
}

void glyphs_close(struct glyphs *g) {
    if (g == NULL)
        return;
    for (size_t i = 0; i < CACHE_SLOTS; i++)
        free(g->cache[i].shapes);
    free(g->cache);
    glyph_fonts_close(g->fonts, g->font_count);
    FT_Done_FreeType(g->library);
    free(g);
}

size_t glyphs_font_count(const struct glyphs *g) {
    return g->font_count;
}

/* ---- banks */

enum err glyph_bank_of(struct glyphs *g, const uint32_t *chars, size_t count,
                       size_t fonts, struct glyph_bank *ret) {
    struct glyph_bank bank = {0};
    size_t max = count * (fonts < g->font_count ? fonts : g->font_count);

    bank.chars = malloc(max * sizeof *bank.chars);
    bank.coarse = malloc(max * sizeof *bank.coarse);
    if (bank.chars == NULL || bank.coarse == NULL) {
        glyph_bank_free(&bank);
        return ERR_NOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        for (size_t f = 0, had = 0; f < g->font_count && had < fonts; f++) {
            struct plane ink;
            struct box box;

            if (!render(&g->fonts[f], chars[i], &ink, &box))
                continue;
            if (glyph_coarse_of(&ink, box, &bank.coarse[bank.count])) {
                bank.chars[bank.count++] = chars[i];
                had++;
            }
            plane_free(&ink);
        }
    }
    *ret = bank;
    return OK;
}

void glyph_bank_free(struct glyph_bank *bank) {
    free(bank->chars);
    free(bank->coarse);
    *bank = (struct glyph_bank){0};
}

/* Parts of characters that are no name, but look like many a piece of one. */
static bool is_radical(uint32_t ch) {
    static const uint32_t list[] = U"丨丶丿亅亠冂冖冫几凵勹匕匚匸卩厂厶囗夂夊宀尢尸屮"
                                   U"巛广廴廾弋彐彡彳戈攴无歹殳爻爿疒癶禸";

    for (const uint32_t *at = list; *at != 0; at++)
        if (*at == ch)
            return true;
    return false;
}

/* Append what a two-byte encoding has in these rows. */
static size_t add_rows(const char *encoding, int first, int last, int low, int high,
                       uint32_t *chars, size_t count, size_t max) {
    iconv_t conv = iconv_open("UTF-32LE", encoding);

    if (conv == (iconv_t)-1)
        return count;
    for (int row = first; row <= last; row++) {
        for (int cell = low; cell <= high && count < max; cell++) {
            char in[2] = {(char)row, (char)cell}, *from = in, out[4], *to = out;
            size_t in_left = 2, out_left = 4;
            uint32_t ch;

            if (iconv(conv, &from, &in_left, &to, &out_left) == (size_t)-1 ||
                out_left != 0) {
                iconv(conv, NULL, NULL, NULL, NULL);
                continue;
            }
            memcpy(&ch, out, 4);
            if (!is_radical(ch))
                chars[count++] = ch;
        }
    }
    iconv_close(conv);
    return count;
}

#define ALL_MAX 9000

enum err glyph_bank_all(struct glyphs *g, struct glyph_bank *ret) {
    static const uint32_t more[] = {0x20bb7, 0x6804, 0x5fb7, 0x9089, 0x908a, 0x6ff5,
                                    0x67f3, 0x6801, 0x9ad9, 0xfa11, 0xfa10, 0x6ea7};
    uint32_t *chars = malloc(ALL_MAX * sizeof *chars);
    size_t count = 0;
    enum err err;

    if (chars == NULL)
        return ERR_NOMEM;
    count = add_rows("EUC-JP", 0xa4, 0xa5, 0xa1, 0xf6, chars, count, ALL_MAX);
    count = add_rows("EUC-JP", 0xb0, 0xf4, 0xa1, 0xfe, chars, count, ALL_MAX);
    count = add_rows("CP932", 0xed, 0xee, 0x40, 0xec, chars, count, ALL_MAX);
    for (size_t i = 0; i < sizeof more / sizeof *more && count < ALL_MAX; i++)
        chars[count++] = more[i];
    if (count < 6000) { /* no conversion tables here: kanji by their block */
        count = 0;
        for (uint32_t ch = 0x3041; ch < 0x30fd; ch++)
            chars[count++] = ch;
        for (uint32_t ch = 0x4e00; ch < 0x4e00 + 8000; ch++)
            chars[count++] = ch;
    }
    err = glyph_bank_of(g, chars, count, GLYPH_BANK_FONTS, ret);
    free(chars);
    return err;
}

size_t glyph_bank_find(const struct glyph_bank *bank, const struct glyph_coarse *ink,
                       struct glyph_hit *hits, size_t max) {
    size_t count = 0;

    for (size_t i = 0; i < bank->count; i++) {
        float score = glyph_coarse_match(ink, &bank->coarse[i]);
        size_t at = 0, end;

        if (count == max && score <= hits[max - 1].score)
            continue;
        while (at < count && hits[at].ch != bank->chars[i])
            at++;
        if (at < count && hits[at].score >= score)
            continue;
        end = at < count ? at : count < max ? count++ : max - 1;
        for (; end > 0 && hits[end - 1].score < score; end--)
            hits[end] = hits[end - 1];
        hits[end] = (struct glyph_hit){bank->chars[i], score};
    }
    return count;
}

/* ---- fine comparison */

static void shape_of(const struct glyph_fine *fine, struct shape *ret) {
    float sum = 0;

    memcpy(ret->v, fine->v, sizeof ret->v);
    for (int i = 0; i < GLYPH_FINE * GLYPH_FINE; i++) {
        float v = fine->soft[i] / FINE_UNIT;

        sum += v * v;
    }
    ret->soft = sqrtf(sum);
}

static struct cached *fine_shapes(struct glyphs *g, uint32_t ch) {
    size_t at = (ch * 2654435761u) % CACHE_SLOTS;
    struct cached *slot;

    while (g->cache[at].shapes != NULL && g->cache[at].ch != ch)
        at = (at + 1) % CACHE_SLOTS;
    slot = &g->cache[at];
    if (slot->shapes != NULL)
        return slot;
    if (g->cached + 1 >= CACHE_SLOTS)
        return NULL;
    slot->shapes = malloc(g->font_count * (sizeof *slot->shapes + sizeof *slot->coarse));
    if (slot->shapes == NULL)
        return NULL;
    slot->coarse = (struct glyph_coarse *)(slot->shapes + g->font_count);
    slot->ch = ch;
    slot->count = 0;
    g->cached++;
    for (size_t f = 0; f < g->font_count; f++) {
        struct glyph_fine fine;
        struct plane ink;
        struct box box;

        if (!render(&g->fonts[f], ch, &ink, &box))
            continue;
        if (glyph_fine_of(&ink, box, &fine) &&
            glyph_coarse_of(&ink, box, &slot->coarse[slot->count])) {
            shape_of(&fine, &slot->shapes[slot->count]);
            slot->shapes[slot->count++].font = f;
        }
        plane_free(&ink);
    }
    return slot;
}

float glyph_coarse_best(struct glyphs *g, const struct glyph_coarse *ink, uint32_t ch) {
    struct cached *slot = fine_shapes(g, ch);
    float best = -1;

    for (size_t i = 0; slot != NULL && i < slot->count; i++) {
        float score = glyph_coarse_match(ink, &slot->coarse[i]);

        best = score > best ? score : best;
    }
    return best;
}

bool glyph_coarse_get(struct glyphs *g, uint32_t ch, size_t font,
                      struct glyph_coarse *ret) {
    struct cached *slot = fine_shapes(g, ch);

    if (slot == NULL || font >= slot->count)
        return false;
    *ret = slot->coarse[font];
    return true;
}

/* Names of a day repeat, and to start anew is cheap. */
void glyphs_trim(struct glyphs *g) {
    if (g->cached < CACHE_MAX)
        return;
    for (size_t i = 0; i < CACHE_SLOTS; i++) {
        free(g->cache[i].shapes);
        g->cache[i].shapes = NULL;
    }
    g->cached = 0;
}

void glyphs_prepare(struct glyphs *g, const uint32_t *chars, size_t count) {
    for (size_t i = 0; i < count; i++)
        fine_shapes(g, chars[i]);
}

#define PADDED (GLYPH_FINE + 2 * SHIFT)

/* Ink with room around it, for templates to be moved in. */
static void pad_ink(const struct glyph_fine *ink, int16_t *padded) {
    const int16_t *v = ink->blurred ? ink->soft : ink->v;

    memset(padded, 0, PADDED * PADDED * sizeof *padded);
    for (int y = 0; y < GLYPH_FINE; y++)
        memcpy(padded + (y + SHIFT) * PADDED + SHIFT, v + y * GLYPH_FINE,
               GLYPH_FINE * sizeof *v);
}

/* Correlation of padded ink with `b` moved by (dx, dy). Sums fit 32 bits: both have length
 * one. */
__attribute__((target_clones("avx2", "default"), optimize("O3"))) static float
dot_fine(const int16_t *padded, const int16_t *b, int dx, int dy) {
    int32_t sum = 0;

    padded += (SHIFT + dy) * PADDED + SHIFT + dx;
    for (int y = 0; y < GLYPH_FINE; y++, padded += PADDED, b += GLYPH_FINE)
        for (int x = 0; x < GLYPH_FINE; x++)
            sum += (int32_t)padded[x] * b[x];
    return (float)sum / (FINE_UNIT * FINE_UNIT);
}

struct placed {
    const struct shape *shape;
    float score;
    int dx, dy;
};

/* Climb from the middle: the surface is smooth at this size. */
static struct placed place(const int16_t *padded, bool blurred,
                           const struct shape *shape) {
    float length = blurred ? shape->soft : 1;
    struct placed best = {shape, dot_fine(padded, shape->v, 0, 0) / length, 0, 0};
    bool moved = true;

    while (moved) {
        static const int step[4][2] = {{1, 0}, {-1, 0}, {0, 1}, {0, -1}};
        struct placed from = best;

        moved = false;
        for (int i = 0; i < 4; i++) {
            int dx = from.dx + step[i][0], dy = from.dy + step[i][1];
            float score;

            if (abs(dx) > SHIFT || abs(dy) > SHIFT)
                continue;
            score = dot_fine(padded, shape->v, dx, dy) / length;
            if (score > best.score) {
                best = (struct placed){shape, score, dx, dy};
                moved = true;
            }
        }
    }
    return best;
}

static struct placed place_best(struct glyphs *g, const struct glyph_fine *ink,
                                uint32_t ch) {
    struct cached *slot = fine_shapes(g, ch);
    struct placed best = {NULL, -1, 0, 0};
    int16_t padded[PADDED * PADDED];

    pad_ink(ink, padded);
    for (size_t i = 0; slot != NULL && i < slot->count; i++) {
        struct placed here = place(padded, ink->blurred, &slot->shapes[i]);

        if (here.score > best.score)
            best = here;
    }
    return best;
}

void glyph_fine_focus(struct glyphs *g, struct glyph_fine *ink, uint32_t ch) {
    float sharp;

    ink->blurred = false;
    sharp = place_best(g, ink, ch).score;
    ink->blurred = true;
    if (place_best(g, ink, ch).score <= sharp)
        ink->blurred = false;
}

float glyph_fine_match(struct glyphs *g, const struct glyph_fine *ink, uint32_t ch) {
    return place_best(g, ink, ch).score;
}

/* A template where it was placed, as blurred as the ink, of length one. */
static void lay(const struct placed *p, bool blurred, float *ret) {
    memset(ret, 0, GLYPH_FINE * GLYPH_FINE * sizeof *ret);
    for (int y = int_max(0, p->dy); y < int_min(GLYPH_FINE, GLYPH_FINE + p->dy); y++)
        for (int x = int_max(0, p->dx); x < int_min(GLYPH_FINE, GLYPH_FINE + p->dx); x++)
            ret[y * GLYPH_FINE + x] =
                p->shape->v[(y - p->dy) * GLYPH_FINE + x - p->dx] / FINE_UNIT;
    if (!blurred)
        return;
    soften(ret, GLYPH_FINE);
    for (int i = 0; i < GLYPH_FINE * GLYPH_FINE; i++)
        ret[i] /= p->shape->soft;
}

static float between(const struct glyph_fine *ink, const struct placed *a,
                     const struct placed *b) {
    float va[GLYPH_FINE * GLYPH_FINE], vb[GLYPH_FINE * GLYPH_FINE], along = 0, whole = 0;

    lay(a, ink->blurred, va);
    lay(b, ink->blurred, vb);
    for (int i = 0; i < GLYPH_FINE * GLYPH_FINE; i++) {
        float d = vb[i] - va[i];

        along += (ink->v[i] / FINE_UNIT - va[i]) * d;
        whole += d * d;
    }
    return whole > 1e-6f ? along / whole : 0.5f;
}

struct pair {
    struct placed a, b;
    float score; /* of the better one */
};

/* Pairs of one font: so what differs is the characters and not the hand that drew them.
 * Those of the fonts that fit best; returns how many. */
static size_t pairs_of(struct glyphs *g, const struct glyph_fine *ink, uint32_t a,
                       uint32_t b, struct pair best[BETWEEN_FONTS]) {
    struct cached *sa = fine_shapes(g, a), *sb = fine_shapes(g, b);
    size_t count = 0, at;
    int16_t padded[PADDED * PADDED];

    pad_ink(ink, padded);
    for (size_t i = 0, k = 0; sa != NULL && sb != NULL && i < sa->count; i++) {
        struct pair here;

        while (k < sb->count && sb->shapes[k].font < sa->shapes[i].font)
            k++;
        if (k == sb->count || sb->shapes[k].font != sa->shapes[i].font)
            continue;
        here.a = place(padded, ink->blurred, &sa->shapes[i]);
        here.b = place(padded, ink->blurred, &sb->shapes[k]);
        here.score = here.a.score > here.b.score ? here.a.score : here.b.score;
        if (count == BETWEEN_FONTS && here.score <= best[count - 1].score)
            continue;
        at = count < BETWEEN_FONTS ? count++ : count - 1;
        for (; at > 0 && best[at - 1].score < here.score; at--)
            best[at] = best[at - 1];
        best[at] = here;
    }
    return count;
}

float glyph_between(struct glyphs *g, const struct glyph_fine *ink, uint32_t a,
                    uint32_t b) {
    struct pair best[BETWEEN_FONTS] = {0};
    size_t count = pairs_of(g, ink, a, b, best);
    float sum = 0;

    for (size_t i = 0; i < count; i++)
        sum += between(ink, &best[i].a, &best[i].b);
    return count > 0 ? sum / (float)count : 0.5f;
}

/* Correlation of `ink` with `v` moved by (dx, dy), in a part; -1: nothing is there. */
static float part_match(const float *ink, const float *v, const bool *part, int dx,
                        int dy) {
    float si = 0, sv = 0, sii = 0, svv = 0, siv = 0, n = 0;

    for (int y = int_max(0, dy); y < int_min(GLYPH_FINE, GLYPH_FINE + dy); y++) {
        for (int x = int_max(0, dx); x < int_min(GLYPH_FINE, GLYPH_FINE + dx); x++) {
            float p = ink[y * GLYPH_FINE + x], q = v[(y - dy) * GLYPH_FINE + x - dx];

            if (!part[y * GLYPH_FINE + x])
                continue;
            si += p;
            sv += q;
            sii += p * p;
            svv += q * q;
            siv += p * q;
            n++;
        }
    }
    if (n < 4)
        return -1;
    sii -= si * si / n;
    svv -= sv * sv / n;
    siv -= si * sv / n;
    return sii > 1e-6f && svv > 1e-6f ? siv / sqrtf(sii * svv) : -1;
}

static float part_best(const float *ink, const float *v, const bool *part) {
    float best = -1;

    for (int dy = -1; dy <= 1; dy++)
        for (int dx = -1; dx <= 1; dx++) {
            float here = part_match(ink, v, part, dx, dy);

            best = here > best ? here : best;
        }
    return best;
}

/* Where one of two has what the other lacks, and a cell around it. */
static void part_of(const float *a, const float *b, bool *part) {
    float most = 0;

    for (int i = 0; i < GLYPH_FINE * GLYPH_FINE; i++)
        most = fabsf(a[i] - b[i]) > most ? fabsf(a[i] - b[i]) : most;
    memset(part, 0, GLYPH_FINE * GLYPH_FINE * sizeof *part);
    for (int i = 0; i < GLYPH_FINE * GLYPH_FINE; i++) {
        int x = i % GLYPH_FINE, y = i / GLYPH_FINE;

        if (fabsf(a[i] - b[i]) < most * PART_LEVEL)
            continue;
        for (int v = int_max(0, y - 1); v <= int_min(GLYPH_FINE - 1, y + 1); v++)
            for (int u = int_max(0, x - 1); u <= int_min(GLYPH_FINE - 1, x + 1); u++)
                part[v * GLYPH_FINE + u] = true;
    }
}

/* By the fonts in which the better of the two is most like the whole ink, and the worst of
 * them for `a`: another font's `b` may look like this one's `a`. */
struct glyph_local glyph_local(struct glyphs *g, const struct glyph_fine *ink, uint32_t a,
                               uint32_t b) {
    struct pair best[BETWEEN_FONTS] = {0};
    size_t count = pairs_of(g, ink, a, b, best);
    struct glyph_local ret = {-1, -1};
    float v[GLYPH_FINE * GLYPH_FINE], va[GLYPH_FINE * GLYPH_FINE],
        vb[GLYPH_FINE * GLYPH_FINE];
    bool part[GLYPH_FINE * GLYPH_FINE];

    for (int i = 0; i < GLYPH_FINE * GLYPH_FINE; i++)
        v[i] = (float)ink->v[i] / FINE_UNIT;
    for (size_t i = 0; i < count && best[i].score > best[0].score - SAME_FONT; i++) {
        struct glyph_local here;

        lay(&best[i].a, false, va);
        lay(&best[i].b, false, vb);
        part_of(va, vb, part);
        here = (struct glyph_local){part_best(v, va, part), part_best(v, vb, part)};
        if (i == 0 || (1 - here.a) * (1 - ret.b) > (1 - ret.a) * (1 - here.b))
            ret = here;
    }
    return ret;
}

/* ---- UTF-8 */

uint32_t glyph_next(const char **at, const char *end) {
    const uint8_t *s = (const uint8_t *)*at;
    int more;
    uint32_t ch;

    if (*at >= end)
        return 0;
    more = s[0] < 0x80 ? 0 : s[0] < 0xe0 ? 1 : s[0] < 0xf0 ? 2 : 3;
    ch = more == 0 ? s[0] : s[0] & (0x3fu >> more);
    for (int i = 1; i <= more; i++)
        ch = ch << 6 | (s + i < (const uint8_t *)end ? s[i] & 0x3f : 0);
    *at = *at + more + 1 < end ? *at + more + 1 : end;
    return ch;
}

size_t glyph_put(uint32_t ch, char out[4]) {
    if (ch < 0x80) {
        out[0] = (char)ch;
        return 1;
    }
    if (ch < 0x800) {
        out[0] = (char)(0xc0 | ch >> 6);
        out[1] = (char)(0x80 | (ch & 0x3f));
        return 2;
    }
    if (ch < 0x10000) {
        out[0] = (char)(0xe0 | ch >> 12);
        out[1] = (char)(0x80 | (ch >> 6 & 0x3f));
        out[2] = (char)(0x80 | (ch & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | ch >> 18);
    out[1] = (char)(0x80 | (ch >> 12 & 0x3f));
    out[2] = (char)(0x80 | (ch >> 6 & 0x3f));
    out[3] = (char)(0x80 | (ch & 0x3f));
    return 4;
}
