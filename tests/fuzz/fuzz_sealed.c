/* fuzz_sealed: what comes back from browsers and relying parties as sealed text.
 *
 * First byte: 0 a session cookie or access token, 1 a login state, 2 a profile, 3
 * the bytes as they are (not sealed by us: must be refused), 4 base64url text of
 * sealed bytes. The rest is the plain content, which is sealed here, so that the
 * decoders behind the seal are reached. Whatever decodes encodes to the same. */
#include <stddef.h>
#include <stdint.h>

#include "server/crypto/keyring.h"
#include "server/domain/profile.h"
#include "server/oidc/login_state.h"
#include "server/oidc/token_format.h"
#include "store/base/check.h"
#include "store/base/codec.h"

static struct sealer *sealer;

static void once(void) {
    uint8_t key[32];
    struct keyring *keyring;

    port_system_random.fill(port_system_random.impl, key, sizeof(key));
    CHECK(keyring_from_bytes(key, &keyring) == OK);
    CHECK(sealer_new(keyring, &port_system_random, &sealer) == OK);
    keyring_free(keyring);
}

static void token(struct span plain) {
    struct stamped_token in;
    uint8_t out[TOKEN_FORMAT_MAX];

    if (token_format_decode(plain, &in) == OK)
        CHECK(span_equal(span_of(out, token_format_encode(&in, out)), plain));
}

static void login(struct span plain) {
    struct login_state in;
    struct buf out;

    buf_init(&out, LOGIN_STATE_MAX);
    if (login_state_decode(plain, &in) == OK) {
        CHECK(login_state_encode(&in, &out) == OK);
        CHECK(span_equal(buf_span(&out), plain));
    }
    buf_free(&out);
}

static void profile(struct span plain) {
    struct profile in;
    struct buf out;
    enum profile_field field;
    const char *why;

    buf_init(&out, PROFILE_ENCODED_MAX);
    if (profile_decode(plain, &in) == OK) {
        CHECK(profile_encode(&in, &out) == OK);
        CHECK(span_equal(buf_span(&out), plain));
        profile_check(&in, &field, &why);
    }
    buf_free(&out);
}

static void forged(struct span bytes) {
    struct buf out;

    buf_init(&out, 1 << 16);
    for (int purpose = 0; purpose < SEAL_PURPOSES; purpose++)
        CHECK(sealer_open(sealer, (enum seal_purpose)purpose, span_of(NULL, 0), bytes,
                          &out) == ERR_FORGED);
    CHECK(out.len == 0);
    buf_free(&out);
}

static void sealed_text(struct span text) {
    uint8_t bytes[8192];
    size_t len;

    if (base64url_decode(text, bytes, sizeof(bytes), &len) == OK)
        forged(span_of(bytes, len));
}

static void with_seal(enum seal_purpose purpose, struct span content,
                      void (*decode)(struct span plain)) {
    struct buf sealed, plain;

    buf_init(&sealed, 1 << 16);
    buf_init(&plain, 1 << 16);
    if (sealer_seal(sealer, purpose, span_of(NULL, 0), content, &sealed) == OK) {
        CHECK(sealer_open(sealer, purpose, span_of(NULL, 0), buf_span(&sealed),
                          &plain) == OK);
        CHECK(span_equal(buf_span(&plain), content));
        decode(buf_span(&plain));
    }
    buf_free(&sealed);
    buf_free(&plain);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct span rest;

    if (!sealer)
        once();
    if (size == 0)
        return 0;
    rest = span_of(data + 1, size - 1);
    switch (data[0] % 5) {
    case 0:
        with_seal(SEAL_ACCESS_TOKEN, rest, token);
        break;
    case 1:
        with_seal(SEAL_LOGIN_STATE, rest, login);
        break;
    case 2:
        with_seal(SEAL_PROFILE, rest, profile);
        break;
    case 3:
        forged(rest);
        break;
    default:
        sealed_text(rest);
        break;
    }
    return 0;
}
