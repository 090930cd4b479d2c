/* forms: invented applications on invented paper, for measuring the reader.
 *
 * Everything follows from a seed: who applies, what is wrong with it, which fonts and
 * layouts it is printed in, what the scanner did to it. Not random by security. */
#ifndef TESTS_OCR_FORMS_H
#define TESTS_OCR_FORMS_H

#include <cairo.h>
#include <pango/pangocairo.h>
#include <stdbool.h>
#include <stdint.h>

#define PAGES_MAX 6

struct chance {
    uint64_t state;
};
uint32_t chance_next(struct chance *c);
int chance_int(struct chance *c, int from, int to); /* both inclusive */
double chance_real(struct chance *c, double from, double to);
bool chance_is(struct chance *c, double part);

struct who {
    char id[16];
    char number[14];
    char company[96], address[128], title[32], name[64];
    int birth[3], received[3];
};

enum fault {
    FAULT_NONE, FAULT_NUMBER, FAULT_NAME, FAULT_BIRTH, FAULT_EXPIRED, FAULT_SEAL,
    FAULT_RECUT, FAULT_CERT_MISSING, FAULT_WRONG_DOCUMENT, FAULT_BLANK, FAULT_CERT_COPY,
    FAULT_FORM_COPY, FAULT_CORRECTED, FAULT_RECORD, FAULT_END
};
extern const char *const fault_names[FAULT_END];

/* What the papers say. */
struct papers {
    struct who record, form;
    char cert_number[13], cert_name[64];
    int cert_birth[3], issued[3];
    enum fault fault;
    bool variant, doubtful;
    bool margin_seal;  /* an impression in the form's margin */
    int overlap;       /* row of the form over which one lies; -1: none */
    uint32_t seal[2]; /* of form and certificate: equal seeds, equal seals */
    bool recut;
};
void who_make(struct chance *c, int index, struct who *ret);
/* Of kanji taken at random: what no list of names has. */
bool who_rename(struct chance *c, struct who *who);
void papers_make(struct chance *c, const struct who *who, enum fault fault,
                 struct papers *ret);
void number_complete(char number[14]);

struct style {
    const char *label_font, *form_font, *cert_font, *seal_font;
    int form_layout, cert_layout, form_birth; /* 0 kanji, 1 slashes, 2 era */
    bool era_padded;
    int tint; /* of the certificate */
    double size; /* of the form's values, pt */
    int wording;   /* of labels and title */
    uint32_t order; /* of the form's rows; 0: as in the first version */
};
void style_make(struct chance *c, const char *fonts, struct style *ret);
/* Layouts, labels and orders of rows that the reader was not made for. */
void style_widen(struct chance *c, struct style *style);

/* Draw in millimetres on A4, upright. */
void draw_form(cairo_t *cr, const struct papers *p, const struct style *s,
               struct chance *c);
void draw_cert(cairo_t *cr, const struct papers *p, const struct style *s,
               struct chance *c, bool copy);
void draw_other(cairo_t *cr, const char *kind, const struct papers *p,
                const struct style *s, struct chance *c);
void draw_seal(cairo_t *cr, double x, double y, uint32_t seed, const char *company,
               const char *font, double turn, bool red, bool square);
void draw_text(cairo_t *cr, double x, double y, double pt, const char *font,
               const char *text, double spacing_pt);
double text_width(cairo_t *cr, double pt, const char *font, const char *text);

/* What people and machines left on the paper, beside what it says. */
struct wear {
    int holes;         /* 0, 2 or 4 along the binding edge */
    bool hole_dark;    /* the lid behind was black */
    bool staple, corner;
    int pen;           /* ticks and notes by hand, in the margins */
    bool stamp;        /* of the day of receipt */
    bool small_seal;   /* 捨印: in the margin, for corrections to come */
    double through;    /* how much of the page behind shines through */
};
void wear_make(struct chance *c, struct wear *ret);
void wear_draw(cairo_t *cr, const struct wear *w, const struct papers *p,
               const struct style *s, struct chance *c);

/* The scanner: an upright page at `dpi`, to a JPEG stream or to bits. */
struct scan {
    int dpi, turn, quality;
    bool gray;
    int bits; /* 0: JPEG; 1: black or white by a threshold, 2: dithered */
    double angle;
    bool folds, streaks, stain, holes, through;
    double blur, noise, shade;
    int specks;
    double edge[4]; /* mm at top, right, bottom, left: bed beside the paper; < 0: cut off */
    bool black_bed;
    double cast[3]; /* what is left of red, green, blue */
    bool fax;       /* lost lines and pepper, of 1 bit */
};
void scan_make(struct chance *c, int hard, struct scan *ret);
/* Habits of scanners that `hard` does not have: bits, resolutions, edges, casts. */
void scan_widen(struct chance *c, struct scan *scan);
/* A person may be asked about what is scanned so badly. */
bool scan_is_poor(const struct scan *scan);

struct scanned {
    unsigned char *data; /* a JPEG stream, or rows of bits, 1 black */
    unsigned long len;
    int w, h, dpi;
    bool gray, bits;
};
bool scan_page(const struct scan *s, cairo_surface_t *page, struct chance *c,
               struct scanned *ret);
void scanned_free(struct scanned *scanned);
/* One page after another, as scanners write them: JPEG or CCITT G4. */
bool scanned_write_tiff(const char *path, const struct scanned *pages, int count);

#endif
