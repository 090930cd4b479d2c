/* locate: where on an upright page the fields are, by labels, rules and content.
 *
 * Nothing here knows a position. A form's value stands beside its label, or under it;
 * a certificate's birth date ends in 生, its name stands by the birth date, its date of
 * issue below the words of certification. Boxes are of the reduced upright page. */
#ifndef OCR_WORKER_LOCATE_H
#define OCR_WORKER_LOCATE_H

#include "ocr-worker/reading.h"
#include "ocr-worker/sheet.h"

/* Ink to the right of a label in its row, or below it. False: there is none. */
bool locate_value(const struct sheet *sheet, const struct label_hit *label,
                  struct box *ret_box);

/* Values of a form's label, from top to bottom; of a number also what follows words that
 * go on behind its label (法人番号（13桁）). Names skip readings (フリガナ) where their
 * label could be read. Returns how many. */
size_t locate_form_values(const struct sheet *sheet, enum label label,
                          struct box *values, size_t max);

/* A number of thirteen digits on a form whose label could not be read. */
bool locate_form_number(struct reader_core *core, struct sheet *sheet,
                        struct box *ret_box);

struct located_cert {
    bool has_number, has_name, has_birth, has_issued;
    struct box number, name, birth, issued;
    bool name_by_content; /* the expected name stands there, more or less */
};
/* What is looked for, folded. */
struct located_want {
    const uint32_t *name, *title;
    size_t name_count, title_count;
};
void locate_cert(struct reader_core *core, struct sheet *sheet,
                 const struct located_want *want, struct located_cert *ret);

/* The name by a birth date that was found otherwise. */
void locate_cert_name(struct reader_core *core, struct sheet *sheet,
                      const struct located_want *want, struct located_cert *at);
/* Where else the name may stand: lines near the birth date, without the office before
 * them. Returns how many. */
size_t locate_cert_names(struct reader_core *core, struct sheet *sheet,
                         const struct located_want *want, const struct located_cert *at,
                         struct box *names, size_t max);

/* Square frames of rules, at least `min_mm` a side, largest `max_mm`. */
size_t locate_frames(const struct page *page, double min_mm, double max_mm,
                     struct box *frames, size_t max);

#endif
