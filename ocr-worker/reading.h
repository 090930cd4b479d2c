/* reading: characters of one line, transcribed from an alphabet or verified against
 * what is expected.
 *
 * A transcription divides the line as the alphabet fits it best, then decides each
 * character among its candidates by the fine comparison. A verification lays the
 * expected characters over the line and asks, for each, whether any other character
 * of the whole bank fits better. Thread: the reader's. */
#ifndef OCR_WORKER_READING_H
#define OCR_WORKER_READING_H

#include "ocr-worker/text.h"

struct reader_core {
    struct glyphs *glyphs;
    struct glyph_bank all;
    struct alphabet digits; /* 0-9 in both widths */
    struct alphabet dates;  /* and what stands in dates */
};

enum err reader_core_open(const char *without_fonts, struct reader_core *ret);
void reader_core_close(struct reader_core *core);

struct read_char {
    uint32_t ch;
    float score;  /* fine */
    float margin; /* over the best other */
    uint32_t second; /* that other; transcriptions only */
    struct box box;
    bool cut; /* begins within a piece of ink; transcriptions only */
};

struct read_line {
    size_t count;
    struct read_char chars[TEXT_CHARS_MAX];
    size_t left; /* pieces of ink, larger than dirt, that are no character of it */
};

/* Dashes and dots are dropped from numbers, and are '-' and '.' among dates. */
void reading_transcribe(struct reader_core *core, struct text *text, struct line *line,
                        const struct alphabet *alphabet, struct read_line *ret);

enum name_result { NAME_AGREES, NAME_VARIANT, NAME_DIFFERS, NAME_DOUBTFUL };

struct name_reading {
    enum name_result result;
    size_t count;
    struct read_char chars[TEXT_CHARS_MAX]; /* as read */
    float confidence;                       /* of the weakest character */
    struct box box;
};

/* `expected`: folded, without spaces. `other`: where it is not, what stands there is read
 * from the whole bank, at many times the cost; else the doubt is the answer. */
void reading_name(struct reader_core *core, struct text *text, struct line *line,
                  const uint32_t *expected, size_t count, bool other,
                  struct name_reading *ret);

/* Do characters that were read from the whole bank support another name? Each is legible,
 * most are certain, and two at least certainly others. Not ours with dirt between its
 * characters or an office before it; nor ours without some of them, which were taken for
 * rules of the form (三) or cut off. Pure. */
bool reading_is_other(const struct read_char *chars, size_t n, const uint32_t *expected,
                      size_t count);

/* Katakana where kanji are expected: not the name but its フリガナ. Pure. */
bool reading_is_furigana(const struct read_char *chars, size_t n,
                         const uint32_t *expected, size_t count);

/* Is print clear enough for what differs in it to be held against somebody? By how well
 * the characters are read that are as expected: thin strokes that fade make a 1 of a 4 that
 * looks as good as any. `expected`: n digits. Pure. */
bool reading_is_clear(const struct read_char *chars, size_t n, const char *expected);

/* Coarse place of a name in a line: how sure (mean of the characters' scores). */
struct aligned reading_place(struct reader_core *core, struct text *text,
                             struct line *line, const uint32_t *expected, size_t count);

/* Render what a name's characters, and those that look like them, will need. */
void reading_prepare(struct reader_core *core, const uint32_t *name, size_t count);

/* UTF-8 of read characters. Returns its length. */
size_t reading_utf8(const struct read_char *chars, size_t count, char *out, size_t max);

#endif
