/* cbor_read: CBOR from authenticators, one item at a time (RFC 8949, as CTAP2 §8
 * narrows it). Private to server/crypto.
 *
 * libcbor's streaming decoder reads each head; it allocates nothing, so a length is
 * compared with the bytes that are there and never believed. Indefinite lengths, tags
 * and floating-point numbers are refused: CTAP2 has none. Thread: any (pure). */
#ifndef CRYPTO_CBOR_READ_H
#define CRYPTO_CBOR_READ_H

#include <stdbool.h>
#include <stdint.h>

#include "store/base/span.h"

/* CTAP2 §8: nesting of maps and arrays. */
#define CBOR_READ_DEPTH_MAX 4

enum cbor_read_kind {
    CBOR_READ_INT = 1, /* -2^63 to 2^63-1 */
    CBOR_READ_BYTES,
    CBOR_READ_TEXT,
    CBOR_READ_ARRAY, /* `count` items follow */
    CBOR_READ_MAP,   /* `count` pairs follow */
    CBOR_READ_SIMPLE, /* true, false, null */
};
struct cbor_item {
    enum cbor_read_kind kind;
    int64_t number;
    struct span text; /* of bytes and text; borrows */
    size_t count;
};

/* The next item, off the front of `in`. false: none, or one that is refused; `in` is
 * where it was. */
bool cbor_read(struct span *in, struct cbor_item *ret_item);
/* One item with all that is in it. false likewise, but `in` may have moved. */
bool cbor_read_skip(struct span *in);

#endif
