/* image_made: images that are sound in every hash and may be wrong in all else, for
 * the tests and the fuzz target of what lies behind the hashes. */
#ifndef TESTS_UNIT_STORE_IMAGE_MADE_H
#define TESTS_UNIT_STORE_IMAGE_MADE_H

#include "store/store_image_wire.h"

struct image_made {
    struct buf bytes; /* the image */
    crypto_hash_sha256_state all;
    uint32_t block;
};

/* A row's framing. */
void image_made_row(struct buf *rows, uint8_t table, struct span key,
                    struct span value);

/* The parts, in the order of a stream. `body` is what lies between the head's length
 * and its hash. */
void image_made_head(struct image_made *made, struct span body);
void image_made_block(struct image_made *made, struct span rows);
void image_made_end(struct image_made *made, uint64_t rows, struct store_digest digest);
void image_made_free(struct image_made *made);

/* What store_image_verify says of it. */
enum err image_made_verify(const struct image_made *made, char why[256]);

#endif
