#include "server/crypto/place.h"

#include <string.h>

#include "store/base/secret.h"

#define HASH_LEN 32
#define PLACE_LEN 2

/* L1. The last bits of the hash; a key has the first ones. */
static uint16_t mask_of(const uint8_t hash[HASH_LEN]) {
    return (uint16_t)(hash[HASH_LEN - 2] << 8 | hash[HASH_LEN - 1]);
}

uint16_t place_mark(struct sealer *sealer, enum hash_purpose purpose, struct span rest,
                    uint64_t now_ms) {
    uint8_t hash[HASH_LEN];
    uint16_t mark;

    sealer_hash(sealer, purpose, rest, hash);
    mark = (uint16_t)(now_ms / PLACE_MS) ^ mask_of(hash);
    secret_wipe(hash, sizeof hash);
    return mark;
}

void place_key(struct sealer *sealer, enum hash_purpose purpose, struct span rest,
               uint32_t mark, uint8_t out[PLACE_KEY]) {
    uint8_t hash[HASH_LEN];
    uint16_t place;

    sealer_hash(sealer, purpose, rest, hash);
    place = (uint16_t)mark ^ mask_of(hash);
    out[0] = (uint8_t)(place >> 8); /* so that places sort as time goes */
    out[1] = (uint8_t)place;
    memcpy(out + PLACE_LEN, hash, PLACE_KEY - PLACE_LEN);
    out[PLACE_KEY - 1] ^= (uint8_t)(mark >> 16); /* L2 */
    secret_wipe(hash, sizeof hash);
}
