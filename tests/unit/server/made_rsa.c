/* made_rsa: the first RSA keys that a test process asks OpenSSL for are at hand already:
 * made once a build (svc_tests.cmake), since making one takes longer than most tests.
 * Whoever wants more than RSA_MADE has them made. Linked with --wrap. */
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "store/base/check.h"

EVP_PKEY *__wrap_EVP_PKEY_Q_keygen(OSSL_LIB_CTX *lib, const char *query, const char *type,
                                   ...);
EVP_PKEY *__real_EVP_PKEY_Q_keygen(OSSL_LIB_CTX *lib, const char *query, const char *type,
                                   ...);

/* In order: a process never gets one twice. */
static EVP_PKEY *next_made(size_t bits) {
    static unsigned taken;
    char path[sizeof(RSA_MADE_DIR) + 32];
    EVP_PKEY *key;
    FILE *file;

    if (bits != 2048 || taken == RSA_MADE) {
        return NULL;
    }
    snprintf(path, sizeof(path), "%s/made_rsa_%u.pem", RSA_MADE_DIR, ++taken);
    file = fopen(path, "r");
    CHECK(file != NULL);
    key = PEM_read_PrivateKey(file, NULL, NULL, NULL);
    CHECK(key != NULL && fclose(file) == 0);
    return key;
}

EVP_PKEY *__wrap_EVP_PKEY_Q_keygen(OSSL_LIB_CTX *lib, const char *query, const char *type,
                                   ...) {
    EVP_PKEY *key = NULL;
    va_list args;

    va_start(args, type);
    if (strcmp(type, "RSA") == 0) {
        size_t bits = va_arg(args, size_t);
        key = next_made(bits);
        if (key == NULL) {
            key = __real_EVP_PKEY_Q_keygen(lib, query, type, bits);
        }
    } else {
        CHECK(strcmp(type, "EC") == 0);
        key = __real_EVP_PKEY_Q_keygen(lib, query, type, va_arg(args, char *));
    }
    va_end(args);
    return key;
}
