/* secret: bytes that must not be logged, compared early-out, or left behind.
 *
 * Passwords, codes, tokens, keys and one-time codes live in this type from the
 * moment they are parsed or drawn. There is no printf for it on purpose. */
#ifndef BASE_SECRET_H
#define BASE_SECRET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/base/err.h"
#include "store/base/span.h"

/* Owned; `data` is malloc'ed and NUL-terminated beyond `len`. */
struct secret {
    uint8_t *data;
    size_t len;
};

/* Copy `from` (at most len_max bytes, else ERR_TOO_BIG). */
enum err secret_new(struct span from, size_t len_max, struct secret *ret_secret);

/* Wipe and free. Safe on a zeroed struct; leaves it zeroed. */
void secret_free(struct secret *secret);

/* Wipe memory in a way that the compiler keeps. */
void secret_wipe(void *data, size_t len);

/* True when both runs are equal; time depends on the lengths only. */
bool secret_equal(struct span a, struct span b);

#endif
