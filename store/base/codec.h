/* codec: bounded little-endian reading and writing, hex, base64url, UTF-8.
 *
 * A reader never runs past its end: after the first short read `bad` is set and
 * every further read gives zero, so a parser checks once, at its end. */
#ifndef BASE_CODEC_H
#define BASE_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/base/buf.h"
#include "store/base/err.h"
#include "store/base/span.h"

struct reader {
    const uint8_t *at;
    const uint8_t *end;
    bool bad;
};

struct reader reader_of(struct span in);
uint8_t read_u8(struct reader *r);
uint16_t read_u16(struct reader *r);
uint32_t read_u32(struct reader *r);
uint64_t read_u64(struct reader *r);
/* Borrow `len` bytes of the input; empty span and `bad` when short. */
struct span read_bytes(struct reader *r, size_t len);
/* Copy `len` bytes of the input; `out` stays as it is when short. */
void read_fixed(struct reader *r, uint8_t *out, size_t len);
/* What put_span wrote; borrows. NULL when it is empty. */
struct span read_span(struct reader *r);
static inline size_t reader_left(const struct reader *r)
{
    return (size_t)(r->end - r->at);
}

void put_u8(struct buf *out, uint8_t v);
void put_u16(struct buf *out, uint16_t v);
void put_u32(struct buf *out, uint32_t v);
void put_u64(struct buf *out, uint64_t v);
/* A u16 length and the bytes, fewer than 65536. */
void put_span(struct buf *out, struct span bytes);

/* `out` holds 2 * in.len + 1 bytes. Lower case, terminated. */
void hex_encode(struct span in, char *out);
/* Exactly 2 * len digits, lower or upper case. ERR_INVALID otherwise. */
enum err hex_decode(struct span in, uint8_t *out, size_t len);

/* RFC 4648 §5, no padding. `out` holds base64url_len(in.len) + 1 bytes. */
static inline size_t base64url_len(size_t len)
{
    return (len * 4 + 2) / 3;
}
size_t base64url_encode(struct span in, char *out);
/* Strict: no padding, no foreign character, unused bits zero. At most out_max
 * bytes (ERR_TOO_BIG). */
enum err base64url_decode(struct span in, uint8_t *out, size_t out_max,
                          size_t *ret_len);

/* Length of the well-formed UTF-8 sequence that `text` begins with; 0 when there
 * is none, or when it is NUL. */
size_t utf8_sequence(struct span text);
/* Well-formed UTF-8 (no surrogate, no overlong form) without NUL. */
bool utf8_valid(struct span text);

#endif
