/* secret: owned secret bytes, wiping, and comparison in constant time. */
#include "store/base/secret.h"

#include <stdlib.h>

enum err secret_new(struct span from, size_t len_max, struct secret *ret_secret) {
    uint8_t *data;

    if (from.len > len_max) {
        return ERR_TOO_BIG;
    }
    data = malloc(from.len + 1);
    if (data == NULL) {
        return ERR_NOMEM;
    }
    if (from.len > 0) {
        memcpy(data, from.data, from.len);
    }
    data[from.len] = 0;
    *ret_secret = (struct secret){data, from.len};
    return OK;
}

void secret_free(struct secret *secret) {
    if (secret->data != NULL) {
        secret_wipe(secret->data, secret->len);
        free(secret->data);
    }
    *secret = (struct secret){NULL, 0};
}

void secret_wipe(void *data, size_t len) {
    if (len > 0) {
        explicit_bzero(data, len);
    }
}

bool secret_equal(struct span a, struct span b) {
    /* volatile: the compiler may not turn this into an early exit. */
    volatile uint8_t differs = 0;

    if (a.len != b.len) {
        return false;
    }
    for (size_t i = 0; i < a.len; i++) {
        differs = (uint8_t)(differs | (a.data[i] ^ b.data[i]));
    }
    return differs == 0;
}
