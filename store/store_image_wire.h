/* store_image_wire: the bytes of an image (store/store_image.h), cut into their parts
 * and put together. Internal to the store. Pure. */
#ifndef STORE_STORE_IMAGE_WIRE_H
#define STORE_STORE_IMAGE_WIRE_H

#include <sodium/crypto_hash_sha256.h>

#include "store/store_image.h"
#include "store/store_table.h"

#define IMAGE_HASH 16
#define IMAGE_ROW_HEAD 7u
/* A row's value: no command, and so no row, is larger. */
#define IMAGE_VALUE_MAX LIMIT_COMMAND
#define IMAGE_KEY_MAX 511u

void image_head_encode(const struct image_head *head, struct buf *out);
/* ERR_INVALID with `why`. */
enum err image_head_decode(struct span in, struct image_head *ret_head, char why[256]);
/* SHA-256, cut. */
void image_hash(struct span bytes, uint8_t out[IMAGE_HASH]);

/* Cuts a stream into its rows. What it hands out is checked: hashes, order, bounds, and
 * at the end rows and digest. */
struct image_parser {
    enum image_part {
        IMAGE_PREFIX,
        IMAGE_HEAD,
        IMAGE_BLOCK_HEAD,
        IMAGE_BLOCK,
        IMAGE_END,
        IMAGE_DONE
    } part;
    struct buf part_bytes;        /* of the part that is being read */
    size_t need;                  /* its length */
    crypto_hash_sha256_state all; /* of the parts' hashes */
    struct image_head head;
    uint32_t block; /* number of the latest */
    uint64_t bytes, rows;
    struct store_digest digest;
    struct buf hashed;
    uint8_t last_table;
    uint8_t last_key[IMAGE_KEY_MAX];
    size_t last_key_len;
    /* ERR_OK goes on; what these return ends the parsing. */
    enum err (*on_head)(void *arg, const struct image_head *head, char why[256]);
    enum err (*on_row)(void *arg, enum store_table table, struct span key,
                       struct span value, char why[256]);
    void *arg;
};

void image_parser_init(struct image_parser *parser);
void image_parser_close(struct image_parser *parser);
/* Bytes in pieces of any size. */
enum err image_parser_feed(struct image_parser *parser, struct span in, char why[256]);
/* ERR_INVALID: the stream was cut short. */
enum err image_parser_end(const struct image_parser *parser, char why[256]);

#endif
