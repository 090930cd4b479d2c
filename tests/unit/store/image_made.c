#include "tests/unit/store/image_made.h"

#include "store/base/check.h"

#define IMAGE_MADE_MAX (8u * 1024 * 1024)

void image_made_row(struct buf *rows, uint8_t table, struct span key,
                    struct span value) {
    put_u8(rows, table);
    put_u16(rows, (uint16_t)key.len);
    put_u32(rows, (uint32_t)value.len);
    buf_put(rows, key.data, key.len);
    buf_put(rows, value.data, value.len);
}

/* The part that began at `start` is complete. */
static void close_part(struct image_made *made, size_t start) {
    uint8_t hash[IMAGE_HASH];
    CHECK(buf_err(&made->bytes) == OK);
    image_hash(span_of(made->bytes.data + start, made->bytes.len - start), hash);
    crypto_hash_sha256_update(&made->all, hash, sizeof(hash));
    buf_put(&made->bytes, hash, sizeof(hash));
    CHECK(buf_err(&made->bytes) == OK);
}

void image_made_head(struct image_made *made, struct span body) {
    *made = (struct image_made){0};
    buf_init(&made->bytes, IMAGE_MADE_MAX);
    crypto_hash_sha256_init(&made->all);
    buf_put(&made->bytes, "TASUKIIM", 8);
    put_u32(&made->bytes, STORE_IMAGE_VERSION);
    put_u32(&made->bytes, (uint32_t)body.len);
    buf_put(&made->bytes, body.data, body.len);
    close_part(made, 0);
}

void image_made_block(struct image_made *made, struct span rows) {
    size_t start = made->bytes.len;
    put_u32(&made->bytes, (uint32_t)rows.len);
    put_u32(&made->bytes, ++made->block);
    buf_put(&made->bytes, rows.data, rows.len);
    close_part(made, start);
}

void image_made_end(struct image_made *made, uint64_t rows,
                    struct store_digest digest) {
    uint8_t hash[crypto_hash_sha256_BYTES];
    size_t start = made->bytes.len;
    put_u32(&made->bytes, 0);
    put_u32(&made->bytes, ++made->block);
    put_u64(&made->bytes, rows);
    put_u64(&made->bytes, digest.lo);
    put_u64(&made->bytes, digest.hi);
    CHECK(buf_err(&made->bytes) == OK);
    crypto_hash_sha256_update(&made->all, made->bytes.data + start,
                              made->bytes.len - start);
    crypto_hash_sha256_final(&made->all, hash);
    buf_put(&made->bytes, hash, sizeof(hash));
    CHECK(buf_err(&made->bytes) == OK);
}

void image_made_free(struct image_made *made) {
    buf_free(&made->bytes);
}

struct reading {
    struct span left;
};

static int64_t read_some(void *arg, uint8_t *out, size_t max, char why[256]) {
    struct reading *reading = arg;
    size_t take = reading->left.len < max ? reading->left.len : max;
    (void)why;
    if (take > 0) {
        memcpy(out, reading->left.data, take);
    }
    reading->left = span_of(reading->left.data + take, reading->left.len - take);
    return (int64_t)take;
}

enum err image_made_verify(const struct image_made *made, char why[256]) {
    struct reading reading = {buf_span(&made->bytes)};
    struct image_head head;
    return store_image_verify(read_some, &reading, &head, why);
}
