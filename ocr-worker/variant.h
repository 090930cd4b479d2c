/* variant: which characters are spellings of one another, and which look alike.
 *
 * Explicit tables, no rule by code points: what is in no table is another character.
 * A variant is the same name, marked as such in the evidence; a look-alike is another
 * name that print alone may not tell apart. Pure. */
#ifndef OCR_WORKER_VARIANT_H
#define OCR_WORKER_VARIANT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VARIANT_MAX 12

/* Other spellings of ch (without itself). Returns how many. */
size_t variant_of(uint32_t ch, uint32_t others[VARIANT_MAX]);
bool variant_same(uint32_t a, uint32_t b);

/* Related, but not the same: neither accepted nor held against anybody by machine. */
bool variant_kin(uint32_t a, uint32_t b);

/* Characters of one shape, told apart by their neighbours alone (ロ and 口). */
bool variant_one_shape(uint32_t a, uint32_t b);

/* Characters that differ by a stroke or by a length: always compared. */
size_t variant_alike(uint32_t ch, uint32_t others[VARIANT_MAX]);

/* Full-width letters and digits to ASCII, the dashes to one, U+FA10 to its usual code;
 * 0 for a space of any kind. */
uint32_t variant_fold(uint32_t ch);

#endif
