#include "server/crypto/keyring.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/base/check.h"
#include "store/base/codec.h"

#define KEY_SIZE 32
#define NONCE_SIZE 12
#define TAG_SIZE 16

_Static_assert(NONCE_SIZE + TAG_SIZE == SEAL_OVERHEAD, "SEAL_OVERHEAD is wrong");

/* HKDF's info: part of every derived key, so never changed after a release. */
static const char *const seal_labels[SEAL_PURPOSES] = {
    [SEAL_SESSION_COOKIE] = "tasuki seal session-cookie",
    [SEAL_BROWSER_COOKIE] = "tasuki seal browser-cookie",
    [SEAL_ACCESS_TOKEN] = "tasuki seal access-token",
    [SEAL_LOGIN_STATE] = "tasuki seal login-state",
    [SEAL_PROFILE] = "tasuki seal profile",
    [SEAL_ACCOUNT_ID] = "tasuki seal account-id",
    [SEAL_SIGNING_KEY] = "tasuki seal signing-key",
    [SEAL_STAFF_SEED] = "tasuki seal staff-seed",
    [SEAL_ENROL] = "tasuki seal enrol",
    [SEAL_REQUEST_URI] = "tasuki seal request-uri",
    [SEAL_DPOP_NONCE] = "tasuki seal dpop-nonce",
    [SEAL_INITIAL_ACCESS] = "tasuki seal initial-access",
    [SEAL_REGISTRATION] = "tasuki seal registration",
    [SEAL_MESSAGE] = "tasuki seal message",
    [SEAL_ORIGIN] = "tasuki seal origin",
    [SEAL_FACTOR] = "tasuki seal factor",
    [SEAL_SIGNIN] = "tasuki seal signin",
    [SEAL_DEVICE_COOKIE] = "tasuki seal device-cookie",
    [SEAL_STAFF_COOKIE] = "tasuki seal staff-cookie",
    [SEAL_APPLICATION] = "tasuki seal application",
    [SEAL_BLOB] = "tasuki seal blob",
    [SEAL_RECOVERY] = "tasuki seal recovery",
    [SEAL_ENTRY] = "tasuki seal entry",
    [SEAL_REVIEW_NOTE] = "tasuki seal review note",
    [SEAL_TICKET] = "tasuki seal ticket",
    [SEAL_WITHDRAWAL] = "tasuki seal withdrawal",
    [SEAL_CODE] = "tasuki seal code",
};
static const char *const hash_labels[HASH_PURPOSES] = {
    [HASH_ACCOUNT_ID] = "tasuki hash account-id",
    [HASH_ACCOUNT_TOKEN] = "tasuki hash account-token",
    [HASH_SESSION] = "tasuki hash session",
    [HASH_CODE] = "tasuki hash code",
    [HASH_ACCESS] = "tasuki hash access",
    [HASH_REFRESH] = "tasuki hash refresh",
    [HASH_CLIENT_SECRET] = "tasuki hash client-secret",
    [HASH_NEXT_REFRESH] = "tasuki hash next-refresh",
    [HASH_NEXT_ACCESS] = "tasuki hash next-access",
    [HASH_PASSKEY_PAGE] = "tasuki hash passkey-page",
    [HASH_CSRF] = "tasuki hash csrf",
    [HASH_STAFF_NAME] = "tasuki hash staff-name",
    [HASH_PROOF] = "tasuki hash proof",
    [HASH_REQUEST] = "tasuki hash request",
    [HASH_SUBJECT] = "tasuki hash subject",
    [HASH_REGISTRATION] = "tasuki hash registration",
    [HASH_RECIPIENT] = "tasuki hash recipient",
    [HASH_COUNTER] = "tasuki hash counter",
    [HASH_ORIGIN] = "tasuki hash origin",
    [HASH_APP_CODE] = "tasuki hash app-code",
    [HASH_APP_DEVICE] = "tasuki hash app-device",
    [HASH_APP_NUMBER] = "tasuki hash app-number",
    [HASH_CREDENTIAL] = "tasuki hash credential",
    [HASH_PASSKEY] = "tasuki hash passkey",
    [HASH_SIGNIN] = "tasuki hash signin",
    [HASH_FACTOR] = "tasuki hash factor",
    [HASH_OTP] = "tasuki hash otp",
    [HASH_DEVICE] = "tasuki hash device",
    [HASH_STAFF_SESSION] = "tasuki hash staff-session",
    [HASH_STAFF_FORM] = "tasuki hash staff-form",
    [HASH_APPLICANT] = "tasuki hash applicant",
    [HASH_APPLICATION_TOKEN] = "tasuki hash application-token",
    [HASH_RECOVERY] = "tasuki hash recovery",
    [HASH_ENTRY] = "tasuki hash entry",
};

struct keyring {
    uint8_t seal_keys[SEAL_PURPOSES][KEY_SIZE];
    uint8_t hash_keys[HASH_PURPOSES][KEY_SIZE];
};

/* One context a purpose and direction, keyed once: a call sets the nonce only. */
struct sealer {
    struct port_random random;
    EVP_CIPHER_CTX *seal[SEAL_PURPOSES];
    EVP_CIPHER_CTX *open[SEAL_PURPOSES];
    EVP_MAC_CTX *hash[HASH_PURPOSES];
};

/* RFC 5869 with an empty salt. */
static enum err derive(EVP_KDF *kdf, const uint8_t key[KEY_SIZE], const char *label,
                       uint8_t out[KEY_SIZE]) {
    EVP_KDF_CTX *ctx = EVP_KDF_CTX_new(kdf);
    OSSL_PARAM params[4];
    uint8_t key_copy[KEY_SIZE];
    char label_copy[64];
    size_t label_len = strlen(label);
    int ok;

    if (!ctx)
        return ERR_NOMEM;
    CHECK(label_len < sizeof(label_copy));
    memcpy(key_copy, key, KEY_SIZE);
    memcpy(label_copy, label, label_len);
    params[0] =
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char[]){"SHA256"}, 0);
    params[1] =
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, key_copy, KEY_SIZE);
    params[2] =
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, label_copy, label_len);
    params[3] = OSSL_PARAM_construct_end();
    ok = EVP_KDF_derive(ctx, out, KEY_SIZE, params);
    EVP_KDF_CTX_free(ctx);
    secret_wipe(key_copy, sizeof(key_copy));
    return ok == 1 ? OK : ERR_CRYPTO;
}

enum err keyring_from_bytes(const uint8_t key[32], struct keyring **ret_keyring) {
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
    struct keyring *keyring = calloc(1, sizeof(*keyring));
    enum err err = kdf ? OK : ERR_CRYPTO;

    if (!keyring)
        err = ERR_NOMEM;
    for (size_t i = 0; i < SEAL_PURPOSES && err == OK; i++)
        err = derive(kdf, key, seal_labels[i], keyring->seal_keys[i]);
    for (size_t i = 0; i < HASH_PURPOSES && err == OK; i++)
        err = derive(kdf, key, hash_labels[i], keyring->hash_keys[i]);
    EVP_KDF_free(kdf);
    if (err == OK)
        *ret_keyring = keyring;
    else
        keyring_free(keyring);
    return err;
}

/* 64 hex digits and at most one line end. */
static bool key_parse(const char *text, size_t len, uint8_t key[KEY_SIZE]) {
    if (len > 0 && text[len - 1] == '\n')
        len--;
    if (len > 0 && text[len - 1] == '\r')
        len--;
    return len == KEY_SIZE * 2 && hex_decode(span_of(text, len), key, KEY_SIZE) == OK;
}

static enum err key_file_check(int fd, const char *path, char why[256]) {
    struct stat st;

    if (fstat(fd, &st) != 0) {
        snprintf(why, 256, "cluster key %s: %s", path, strerror(errno));
        return ERR_CONFIG;
    }
    if (!S_ISREG(st.st_mode)) {
        snprintf(why, 256, "cluster key %s: a regular file is expected", path);
        return ERR_CONFIG;
    }
    if (st.st_mode & 077) {
        snprintf(why, 256, "cluster key %s: mode is %04o; 0600 or stricter is expected",
                 path, (unsigned)(st.st_mode & 07777));
        return ERR_CONFIG;
    }
    if (st.st_uid != geteuid() && st.st_uid != 0) {
        snprintf(why, 256, "cluster key %s: owner must be this process's user or root",
                 path);
        return ERR_CONFIG;
    }
    return OK;
}

enum err keyring_open(const char *path, struct keyring **ret_keyring, char why[256]) {
    char text[KEY_SIZE * 2 + 3];
    uint8_t key[KEY_SIZE];
    ssize_t len;
    enum err err;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    if (fd < 0) {
        snprintf(why, 256, "cluster key %s: %s", path, strerror(errno));
        return ERR_CONFIG;
    }
    err = key_file_check(fd, path, why);
    if (err != OK)
        goto done;
    len = read(fd, text, sizeof(text));
    if (len < 0 || !key_parse(text, (size_t)len, key)) {
        snprintf(why, 256, "cluster key %s: 64 hex digits (32 bytes) are expected",
                 path);
        err = ERR_CONFIG;
        goto done;
    }
    err = keyring_from_bytes(key, ret_keyring);
    if (err != OK)
        snprintf(why, 256, "cluster key %s: %s", path, err_str(err));
done:
    close(fd);
    secret_wipe(text, sizeof(text));
    secret_wipe(key, sizeof(key));
    return err;
}

void keyring_free(struct keyring *keyring) {
    if (!keyring)
        return;
    secret_wipe(keyring, sizeof(*keyring));
    free(keyring);
}

static bool cipher_keyed(EVP_CIPHER *cipher, const uint8_t key[KEY_SIZE], int encrypt,
                         EVP_CIPHER_CTX **ret_ctx) {
    *ret_ctx = EVP_CIPHER_CTX_new();
    return *ret_ctx &&
           EVP_CipherInit_ex2(*ret_ctx, cipher, key, NULL, encrypt, NULL) == 1;
}

static bool mac_keyed(EVP_MAC *mac, const uint8_t key[KEY_SIZE],
                      EVP_MAC_CTX **ret_ctx) {
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char[]){"SHA256"}, 0),
        OSSL_PARAM_construct_end()};

    *ret_ctx = EVP_MAC_CTX_new(mac);
    return *ret_ctx && EVP_MAC_init(*ret_ctx, key, KEY_SIZE, params) == 1;
}

enum err sealer_new(const struct keyring *keyring, const struct port_random *random,
                    struct sealer **ret_sealer) {
    struct sealer *sealer = calloc(1, sizeof(*sealer));
    EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
    EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    bool good = sealer && cipher && mac;

    for (size_t i = 0; i < SEAL_PURPOSES && good; i++)
        good = cipher_keyed(cipher, keyring->seal_keys[i], 1, &sealer->seal[i]) &&
               cipher_keyed(cipher, keyring->seal_keys[i], 0, &sealer->open[i]);
    for (size_t i = 0; i < HASH_PURPOSES && good; i++)
        good = mac_keyed(mac, keyring->hash_keys[i], &sealer->hash[i]);
    EVP_CIPHER_free(cipher);
    EVP_MAC_free(mac);
    if (!good) {
        sealer_free(sealer);
        return sealer ? ERR_CRYPTO : ERR_NOMEM;
    }
    sealer->random = *random;
    *ret_sealer = sealer;
    return OK;
}

void sealer_free(struct sealer *sealer) {
    if (!sealer)
        return;
    for (size_t i = 0; i < SEAL_PURPOSES; i++) {
        EVP_CIPHER_CTX_free(sealer->seal[i]);
        EVP_CIPHER_CTX_free(sealer->open[i]);
    }
    for (size_t i = 0; i < HASH_PURPOSES; i++)
        EVP_MAC_CTX_free(sealer->hash[i]);
    free(sealer);
}

void sealer_hash(struct sealer *sealer, enum hash_purpose purpose, struct span in,
                 uint8_t out[32]) {
    EVP_MAC_CTX *ctx = sealer->hash[purpose];
    size_t len = 0;

    /* No key: the context's own is used again. A hash that cannot be made would
     * make every lookup wrong, so the process ends. */
    CHECK(EVP_MAC_init(ctx, NULL, 0, NULL) == 1);
    CHECK(in.len == 0 || EVP_MAC_update(ctx, in.data, in.len) == 1);
    CHECK(EVP_MAC_final(ctx, out, &len, 32) == 1 && len == 32);
}

/* Set the nonce and feed the associated data. */
static bool gcm_begin(EVP_CIPHER_CTX *ctx, const uint8_t nonce[NONCE_SIZE],
                      struct span aad) {
    int len;

    return EVP_CipherInit_ex2(ctx, NULL, NULL, nonce, -1, NULL) == 1 &&
           (aad.len == 0 ||
            EVP_CipherUpdate(ctx, NULL, &len, aad.data, (int)aad.len) == 1);
}

enum err sealer_seal(struct sealer *sealer, enum seal_purpose purpose, struct span aad,
                     struct span plain, struct buf *out) {
    EVP_CIPHER_CTX *ctx = sealer->seal[purpose];
    uint8_t nonce[NONCE_SIZE], tag[TAG_SIZE];
    size_t start = out->len;
    int len = 0;
    int tail = 0;

    CHECK(aad.len <= INT32_MAX);
    if (plain.len > INT32_MAX)
        return ERR_TOO_BIG;
    sealer->random.fill(sealer->random.impl, nonce, sizeof(nonce));
    buf_put(out, nonce, sizeof(nonce));
    buf_put(out, plain.data, plain.len); /* encrypted where it stands */
    if (buf_err(out) != OK)
        goto fail;
    if (!gcm_begin(ctx, nonce, aad))
        goto fail;
    if (plain.len > 0 && EVP_CipherUpdate(ctx, out->data + start + NONCE_SIZE, &len,
                                          plain.data, (int)plain.len) != 1)
        goto fail;
    if (EVP_CipherFinal_ex(ctx, tag, &tail) != 1 || tail != 0 ||
        EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, TAG_SIZE, tag) != 1)
        goto fail;
    buf_put(out, tag, sizeof(tag));
    if (buf_err(out) == OK)
        return OK;
fail:
    if (out->len > start) {
        secret_wipe(out->data + start, out->len - start);
        out->len = start;
    }
    return buf_err(out) != OK ? buf_err(out) : ERR_CRYPTO;
}

enum err sealer_open(struct sealer *sealer, enum seal_purpose purpose, struct span aad,
                     struct span sealed, struct buf *out) {
    EVP_CIPHER_CTX *ctx = sealer->open[purpose];
    size_t start = out->len;
    size_t plain_len;
    uint8_t tag[TAG_SIZE];
    int len = 0;
    int tail = 0;

    CHECK(aad.len <= INT32_MAX);
    if (sealed.len < SEAL_OVERHEAD || sealed.len > INT32_MAX)
        return ERR_FORGED;
    plain_len = sealed.len - SEAL_OVERHEAD;
    memcpy(tag, sealed.data + NONCE_SIZE + plain_len, TAG_SIZE);
    buf_put(out, sealed.data + NONCE_SIZE, plain_len); /* room, overwritten below */
    if (buf_err(out) != OK)
        return buf_err(out);
    if (gcm_begin(ctx, sealed.data, aad) &&
        (plain_len == 0 ||
         EVP_CipherUpdate(ctx, out->data + start, &len, sealed.data + NONCE_SIZE,
                          (int)plain_len) == 1) &&
        EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, TAG_SIZE, tag) == 1 &&
        EVP_CipherFinal_ex(ctx, tag, &tail) == 1)
        return OK;
    if (plain_len > 0)
        secret_wipe(out->data + start, plain_len);
    out->len = start;
    return ERR_FORGED;
}
