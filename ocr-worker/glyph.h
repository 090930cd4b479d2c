/* glyph: what characters look like, in every font of the machine that prints Japanese.
 *
 * Two descriptions of a character's ink, both made the same way from a rendered glyph
 * and from a piece of a scan: its bounding box stretched to a square (tall and flat
 * shapes keep some of their proportion), softened, mean taken out, length one.
 *   coarse  16 x 16, kept for every character of a bank: finds candidates
 *   fine    32 x 32, made for a candidate when it is asked for, compared with small
 *           shifts, sharp and softened (fine print, scans of 200 dpi): decides between
 *           candidates
 * Invariants:
 *   G1  fonts are opened, and banks rendered, before the sandbox closes; fine
 *       templates are rendered from memory then (fonts are mapped whole);
 *   G2  a comparison takes the best font, one font for the whole comparison of one
 *       character; which font that is says nothing about the others.
 * Thread: the reader's. */
#ifndef OCR_WORKER_GLYPH_H
#define OCR_WORKER_GLYPH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ocr-worker/image.h"
#include "store/base/err.h"

#define GLYPH_COARSE 16
#define GLYPH_FINE 32
#define GLYPH_FONTS_MAX 24
#define GLYPH_BANK_FONTS 4 /* of the whole set of kanji */

struct glyph_coarse {
    int16_t v[GLYPH_COARSE * GLYPH_COARSE];
};
struct glyph_fine {
    int16_t v[GLYPH_FINE * GLYPH_FINE];
    /* The same, softened once more and not brought to length one again: what ink has in
     * common with a template that is as blurred as a coarse scan. */
    int16_t soft[GLYPH_FINE * GLYPH_FINE];
    bool blurred; /* compare `soft`: see glyph_fine_focus */
};

struct glyphs;

/* Fonts: every file of the built-in list that is installed, without those whose path
 * contains `without` (NULL: all). ERR_NOT_FOUND: fewer than three; *ret_missing then
 * names a package to install. */
enum err glyphs_open(const char *without, struct glyphs **ret_glyphs);
void glyphs_close(struct glyphs *glyphs);
size_t glyphs_font_count(const struct glyphs *glyphs);

/* A bank: coarse templates of a set of characters. */
struct glyph_bank {
    size_t count;
    uint32_t *chars;             /* count; a character appears once a font */
    struct glyph_coarse *coarse; /* count */
};
/* Of these characters in at most `fonts` fonts that have them. */
enum err glyph_bank_of(struct glyphs *glyphs, const uint32_t *chars, size_t count,
                       size_t fonts, struct glyph_bank *ret_bank);
/* Every kanji and kana that a Japanese name may hold (JIS X 0208, the extensions of
 * CP932, and what registers write besides). */
enum err glyph_bank_all(struct glyphs *glyphs, struct glyph_bank *ret_bank);
void glyph_bank_free(struct glyph_bank *bank);

/* Descriptions of ink: `ink` has 255 for black. False: the box holds no ink. */
bool glyph_coarse_of(const struct plane *ink, struct box box, struct glyph_coarse *ret);
bool glyph_fine_of(const struct plane *ink, struct box box, struct glyph_fine *ret);

/* Correlation, -1..1. */
float glyph_coarse_match(const struct glyph_coarse *a, const struct glyph_coarse *b);

/* Candidates, best first; each character once. Returns how many (<= max). */
struct glyph_hit {
    uint32_t ch;
    float score;
};
size_t glyph_bank_find(const struct glyph_bank *bank, const struct glyph_coarse *ink,
                       struct glyph_hit *hits, size_t max);

/* Best coarse correlation of `ch` over all fonts. -1: no font has it. */
float glyph_coarse_best(struct glyphs *glyphs, const struct glyph_coarse *ink,
                        uint32_t ch);
/* Is the ink as sharp as templates, or blurred? By what it is most likely to be; all
 * candidates are then compared alike. */
void glyph_fine_focus(struct glyphs *glyphs, struct glyph_fine *ink, uint32_t ch);
/* Best correlation of `ch` over all fonts and small shifts. -1: no font has it. */
float glyph_fine_match(struct glyphs *glyphs, const struct glyph_fine *ink, uint32_t ch);
/* Which of two characters the ink is, where they differ: 0 is wholly `a`, 1 wholly `b`
 * (beyond both ends possible). The template of each that fits best is used. */
float glyph_between(struct glyphs *glyphs, const struct glyph_fine *ink, uint32_t a,
                    uint32_t b);
/* How much like the ink each of two characters is where they differ, however faint or bold
 * the ink is there: correlations within that part alone, each with a small shift of its
 * own. What the rest of the characters is like does not count. */
struct glyph_local {
    float a, b;
};
struct glyph_local glyph_local(struct glyphs *glyphs, const struct glyph_fine *ink,
                               uint32_t a, uint32_t b);
/* How `ch` itself is described, in the font-th font that has it. */
bool glyph_coarse_get(struct glyphs *glyphs, uint32_t ch, size_t font,
                      struct glyph_coarse *ret);
/* Forget fine templates when there are many: between two readings only. */
void glyphs_trim(struct glyphs *glyphs);
/* Render fine templates now, while the process may still take its time. */
void glyphs_prepare(struct glyphs *glyphs, const uint32_t *chars, size_t count);

/* One code point of UTF-8 at *at; 0 at the end. The text is well-formed. */
uint32_t glyph_next(const char **at, const char *end);
size_t glyph_put(uint32_t ch, char out[4]);

#endif
