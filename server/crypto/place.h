/* place: keys by which rows of one moment stand beside each other.
 *
 * The key of a secret's row is a keyed hash. That alone would scatter the rows of a
 * moment over their table, and each would cost the store a page of its own. So a secret
 * has 16 bits beside its chance that say when it was drawn, its mark; the key of its row
 * is the place, which is that moment, and 112 bits of the hash.
 *
 *   drawn:      rest = chance, mark = place_mark(rest, now), shown together
 *   presented:  place_key(rest, mark)
 *
 * Invariants:
 *   L1  a mark is the place under a mask, bits of the same hash that no key has: secrets
 *       of one moment have nothing in common that can be seen;
 *   L2  another mark is another key: it finds nothing. Of a mark that is written in more
 *       than one way, the bits above its 16 say in which.
 * A secret that is derived instead of drawn has bits like any others there: its row stands
 * somewhere, and is found all the same. Pure, but for the sealer's keys. */
#ifndef CRYPTO_PLACE_H
#define CRYPTO_PLACE_H

#include "server/crypto/keyring.h"

/* Secrets drawn within so many milliseconds share a place; places come round after
 * 65,536 of them, 4.7 hours, which costs a little nearness and nothing else. */
#define PLACE_MS 256
/* Bytes of a key. */
#define PLACE_KEY 16

uint16_t place_mark(struct sealer *sealer, enum hash_purpose purpose, struct span rest,
                    uint64_t now_ms);
void place_key(struct sealer *sealer, enum hash_purpose purpose, struct span rest,
               uint32_t mark, uint8_t out[PLACE_KEY]);

#endif
