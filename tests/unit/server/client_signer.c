#include "tests/unit/server/client_signer.h"

#include <stdio.h>

#include "store/base/codec.h"
#include "tests/unit/server/unit.h"

struct signer signer_ec(const char *kid) {
    struct signer signer = {.kid = kid};

    signer.jwk = cjose_jwk_create_EC_random(CJOSE_JWK_EC_P_256, NULL);
    assert_non_null(signer.jwk);
    return signer;
}

struct signer signer_rsa(const char *kid, size_t bits) {
    static const uint8_t e[] = {1, 0, 1};
    struct signer signer = {.kid = kid};

    signer.jwk = cjose_jwk_create_RSA_random(bits, e, sizeof e, NULL);
    assert_non_null(signer.jwk);
    return signer;
}

struct signer signer_confused(const struct signer *of) {
    struct signer signer = {.kid = of->kid};
    char *text = signer_jwk(of);

    signer.jwk = cjose_jwk_create_oct_spec((const uint8_t *)text, strlen(text), NULL);
    assert_non_null(signer.jwk);
    free(text);
    return signer;
}

void signer_close(struct signer *signer) {
    cjose_jwk_release(signer->jwk);
    signer->jwk = NULL;
}

char *signer_jwk(const struct signer *signer) {
    char *json = cjose_jwk_to_json(signer->jwk, false, NULL);
    size_t size;
    char *text;

    assert_non_null(json);
    size = strlen(json) + 128;
    text = malloc(size);
    assert_non_null(text);
    json[strlen(json) - 1] = '\0'; /* the brace */
    if (signer->kid)
        snprintf(text, size, "%s,\"kid\":\"%s\"", json, signer->kid);
    else
        snprintf(text, size, "%s", json);
    free(json);
    return text;
}

char *signer_jwks(const struct signer *signers, size_t count) {
    struct buf out;
    char *text;

    buf_init(&out, 64 * 1024);
    buf_str(&out, "{\"keys\":[");
    for (size_t i = 0; i < count; i++) {
        text = signer_jwk(&signers[i]);
        buf_printf(&out, "%s%s}", i ? "," : "", text);
        free(text);
    }
    buf_str(&out, "]}");
    assert_int_equal(buf_err(&out), OK);
    text = strndup((const char *)out.data, out.len);
    buf_free(&out);
    return text;
}

/* Releases the header. */
static char *export(const struct signer *signer, cjose_header_t *header,
                    const char *claims) {
    cjose_jws_t *jws = cjose_jws_sign(signer->jwk, header, (const uint8_t *)claims,
                                      strlen(claims), NULL);
    const char *text = NULL;
    char *copy;

    assert_non_null(jws);
    assert_true(cjose_jws_export(jws, &text, NULL));
    copy = strdup(text);
    cjose_jws_release(jws);
    cjose_header_release(header);
    return copy;
}

char *signer_sign(const struct signer *signer, const char *alg, const char *name,
                  const char *value, const char *claims) {
    cjose_header_t *header = cjose_header_new(NULL);

    assert_true(cjose_header_set(header, CJOSE_HDR_ALG, alg, NULL));
    if (signer->kid)
        assert_true(cjose_header_set(header, CJOSE_HDR_KID, signer->kid, NULL));
    if (name)
        assert_true(cjose_header_set(header, name, value, NULL));
    return export(signer, header, claims);
}

char *signer_proof(const struct signer *signer, const char *alg, const char *typ,
                   const char *jwk, const char *claims) {
    cjose_header_t *header = cjose_header_new(NULL);

    assert_true(cjose_header_set(header, CJOSE_HDR_ALG, alg, NULL));
    assert_true(cjose_header_set(header, "typ", typ, NULL));
    assert_true(cjose_header_set_raw(header, "jwk", jwk, NULL));
    return export(signer, header, claims);
}

static void put_part(struct buf *out, const char *part) {
    char *text = malloc(base64url_len(strlen(part)) + 1);

    assert_non_null(text);
    buf_put(out, text, base64url_encode(span_str(part), text));
    free(text);
}

char *signer_forge(const char *header, const char *claims, const char *signature) {
    struct buf out;
    char *text;

    buf_init(&out, 64 * 1024);
    put_part(&out, header);
    buf_str(&out, ".");
    put_part(&out, claims);
    buf_printf(&out, ".%s", signature);
    assert_int_equal(buf_err(&out), OK);
    text = strndup((const char *)out.data, out.len);
    buf_free(&out);
    return text;
}
