#include "server/svc_credential.h"

#include "store/base/codec.h"
#include "store/base/log.h"
#include "store/base/secret.h"

#define PACKED_VERSION 1

/* The issuer is https://host[:port]/oauth/ (server/config.c). */
struct webauthn_expect
svc_credential_expect(const struct svc *svc,
                      const uint8_t challenge[WEBAUTHN_CHALLENGE]) {
    static const size_t head = sizeof "https://" - 1, tail = sizeof "/oauth/" - 1;
    struct span issuer = span_str(svc->shared->config->issuer);
    struct span host = span_of(issuer.data + head, issuer.len - head - tail);
    const uint8_t *colon = memchr(host.data, ':', host.len);
    struct webauthn_expect expect = {
        .origin = span_of(issuer.data, issuer.len - tail),
        .rp_id = colon ? span_of(host.data, (size_t)(colon - host.data)) : host,
        .verified = true,
    };

    memcpy(expect.challenge, challenge, sizeof expect.challenge);
    return expect;
}

struct key_hash svc_credential_index(struct svc *svc, struct span id) {
    return svc_hash(svc, HASH_CREDENTIAL, id);
}

/* Challenges are 32 bytes, accounts 16: no input is of two kinds. */
struct key_hash svc_credential_code(struct svc *svc,
                                    const uint8_t challenge[WEBAUTHN_CHALLENGE]) {
    return svc_hash(svc, HASH_PASSKEY, span_of(challenge, WEBAUTHN_CHALLENGE));
}

struct key_hash svc_credential_user(struct svc *svc, struct id128 sub) {
    return svc_hash(svc, HASH_PASSKEY, span_of(sub.b, sizeof sub.b));
}

uint32_t svc_credential_methods(uint8_t flags) {
    /* One that may leave its device is a key in software (RFC 8176 §2). */
    return flags & WEBAUTHN_BACKUP_ELIGIBLE ? ACR_BY_SYNCED_PASSKEY : ACR_BY_PASSKEY;
}

bool svc_credential_field(const struct params *params, const char *name, size_t max,
                          struct arena *arena, struct span *ret_bytes) {
    bool twice = false;
    struct span text = params ? params_get(params, name, &twice) : span_of(NULL, 0);
    uint8_t *bytes;
    size_t len;

    if (twice || !text.data || text.len == 0 || text.len > base64url_len(max))
        return false;
    bytes = arena_alloc(arena, max);
    if (!bytes || base64url_decode(text, bytes, max, &len))
        return false;
    *ret_bytes = span_of(bytes, len);
    return true;
}

struct span svc_credential_text(struct arena *arena, struct span bytes) {
    char *text = arena_alloc(arena, base64url_len(bytes.len) + 1);

    return text ? span_of(text, base64url_encode(bytes, text)) : span_of(NULL, 0);
}

enum err svc_credential_pack(const struct svc_credential *credential, struct buf *out) {
    put_u8(out, PACKED_VERSION);
    put_u8(out, credential->flags);
    put_u16(out, (uint16_t)credential->id.len);
    buf_put(out, credential->id.data, credential->id.len);
    buf_put(out, credential->key.data, credential->key.len);
    return buf_err(out);
}

enum err svc_credential_unpack(struct span in, struct svc_credential *ret_credential) {
    struct reader reader = reader_of(in);
    uint8_t version = read_u8(&reader);
    struct svc_credential credential = {.flags = read_u8(&reader)};
    uint16_t len = read_u16(&reader);

    credential.id = read_bytes(&reader, len);
    credential.key = read_bytes(&reader, reader_left(&reader));
    if (reader.bad || version != PACKED_VERSION || credential.id.len == 0 ||
        credential.key.len == 0)
        return ERR_CORRUPT;
    *ret_credential = credential;
    return OK;
}

enum webauthn_fault svc_credential_assert(struct arena *arena,
                                          const struct params *params,
                                          const struct webauthn_expect *expect,
                                          const struct svc_credential *credential,
                                          uint32_t *ret_sign_count,
                                          uint8_t *ret_flags) {
    struct webauthn_assertion assertion;
    enum webauthn_fault fault = WEBAUTHN_BAD_CLIENT_DATA;

    if (svc_credential_field(params, "client_data", WEBAUTHN_CLIENT_DATA_MAX, arena,
                             &assertion.client_data) &&
        svc_credential_field(params, "auth_data", WEBAUTHN_AUTH_DATA_MAX, arena,
                             &assertion.auth_data) &&
        svc_credential_field(params, "signature", WEBAUTHN_SIGNATURE_MAX, arena,
                             &assertion.signature))
        fault = webauthn_assert(expect, credential->key, credential->flags, &assertion,
                                ret_sign_count, ret_flags);
    if (fault != WEBAUTHN_FINE)
        log_event(LOG_INFO, "passkey_refused", log_str("why", webauthn_fault_str(fault)),
                  log_end());
    return fault;
}

enum webauthn_fault svc_credential_create(struct arena *arena,
                                          const struct params *params,
                                          const struct webauthn_expect *expect,
                                          struct webauthn_credential *ret_credential) {
    struct webauthn_attestation attestation;
    enum webauthn_fault fault = WEBAUTHN_BAD_CLIENT_DATA;

    if (svc_credential_field(params, "client_data", WEBAUTHN_CLIENT_DATA_MAX, arena,
                             &attestation.client_data) &&
        svc_credential_field(params, "attestation", WEBAUTHN_ATTESTATION_MAX, arena,
                             &attestation.object))
        fault = webauthn_register(expect, &attestation, ret_credential);
    if (fault != WEBAUTHN_FINE)
        log_event(LOG_INFO, "passkey_unregistered",
                  log_str("why", webauthn_fault_str(fault)), log_end());
    return fault;
}
