/* text: lines of print on a plane of ink, and characters found in them.
 *
 * A line holds atoms: pieces of ink that share columns, from left to right. A
 * character is one atom or a few neighbours (a group). Nothing is segmented for good:
 * every question tries the groups that could be a character, and takes the division
 * that answers it best. Used on whole reduced pages to find labels, and on strips of
 * full resolution to read fields.
 * Ownership: a text owns its lines; it borrows plane and glyphs. */
#ifndef OCR_WORKER_TEXT_H
#define OCR_WORKER_TEXT_H

#include "ocr-worker/glyph.h"
#include "ocr-worker/image.h"

#define TEXT_ATOMS_MAX 240 /* a line */
#define TEXT_LINES_MAX 220
#define TEXT_GROUP_MAX 5 /* atoms to a character */
#define TEXT_CHARS_MAX 48

struct atom {
    struct box box;
    int area;
    bool cut; /* from the atom before: to divide here is a last resort */
};

struct line {
    struct box box;
    double em; /* height of its characters, about */
    size_t count;
    struct atom *atoms;
    /* Descriptions of groups, made when asked: [atom][length - 1]. */
    struct glyph_coarse (*coarse)[TEXT_GROUP_MAX];
    uint8_t *made; /* bit per length: tried; bit 4 + length ... see text.c */
};

struct text {
    const struct plane *ink;
    size_t count;
    struct line lines[TEXT_LINES_MAX];
};

/* Blobs of any order; `em_max` bounds what is a character and not a picture. False:
 * out of memory. */
struct text_blob {
    struct box box;
    int area;
    bool cut; /* from the blob left of it */
};
bool text_find(const struct plane *ink, const struct text_blob *blobs, size_t count,
               int em_min, int em_max, struct text *ret_text);
/* All blobs into one line (a strip that is known to hold one). Wide pieces may be
 * characters that touch: they fall into atoms where they are thin. Digits, and what
 * stands in dates, are narrower, and a dot above or below them is dirt. */
enum text_kind { TEXT_NAME, TEXT_DIGITS };
bool text_single(const struct plane *ink, const struct text_blob *blobs, size_t count,
                 enum text_kind kind, struct text *ret_text);
void text_free(struct text *text);

/* Box of the atoms [at, at + len). */
struct box line_group(const struct line *line, size_t at, size_t len);
/* Its coarse description; NULL: no ink, or too wide or high for a character. */
const struct glyph_coarse *line_coarse(const struct text *text, struct line *line,
                                       size_t at, size_t len);

/* An atom's box has been changed: its groups are described anew. */
void line_forget(struct line *line, size_t at);

/* Take from a side of a box what sticks out of it and is no larger than `most`, both ways,
 * as dirt that touches a character does (and the ends of many strokes: only for a second
 * look at what could not be read). False: nothing does. */
enum text_side { TEXT_LEFT, TEXT_RIGHT, TEXT_TOP, TEXT_BOTTOM };
bool text_trim(const struct plane *ink, struct box *box, enum text_side side, int most);

/* A bank with, for each of its characters, where its templates begin. */
struct alphabet {
    struct glyph_bank bank;
    size_t count;
    uint32_t *chars;
    size_t *first; /* count + 1 */
};
enum err alphabet_of(struct glyphs *glyphs, const uint32_t *chars, size_t count,
                     size_t fonts, struct alphabet *ret_alphabet);
void alphabet_free(struct alphabet *alphabet);
/* Best coarse score of `ch`; -1: not in it. */
float alphabet_score(const struct alphabet *alphabet, const struct glyph_coarse *ink,
                     uint32_t ch);

/* Where a string stands in a line. */
struct aligned {
    bool found;
    float mean, least; /* of the characters' scores */
    size_t start, end; /* atoms [start, end) */
    size_t count;
    struct box box[TEXT_CHARS_MAX]; /* of each character */
    float score[TEXT_CHARS_MAX];
};

/* How well a group is a character; used by alignments. */
typedef float (*text_score)(void *context, struct line *line, size_t at, size_t len,
                            uint32_t ch);

/* Best place of `chars` in the line, beginning at atom `from` or (anywhere) later.
 * `gap_em`: the most that may lie between two characters. */
struct aligned line_align(struct line *line, const uint32_t *chars, size_t count,
                          size_t from, bool anywhere, double gap_em, float least,
                          text_score score, void *context);

#endif
