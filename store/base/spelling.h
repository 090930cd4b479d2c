/* spelling: characters of names that are spelt in several ways, by an explicit table.
 *
 * One table for who reads scans (ocr-worker/variant.h) and for who looks for a person
 * (server/domain/name_fold.h): what the one takes for the same name the other finds. What
 * is in no group is another character: 斎 and 斉 are. Thread: any (pure). */
#ifndef BASE_SPELLING_H
#define BASE_SPELLING_H

#include <stddef.h>
#include <stdint.h>

/* Group i: its members, ended by 0; the first one stands for all. NULL: no more. */
const uint32_t *spelling_group(size_t i);
/* The character that stands for ch's group; ch when it is in none. */
uint32_t spelling_fold(uint32_t ch);

#endif
