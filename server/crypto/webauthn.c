#include "server/crypto/webauthn.h"

#include <jansson.h>

#include "server/crypto/cbor_read.h"
#include "server/crypto/digest.h"
#include "store/base/codec.h"

#define RP_ID_HASH 32
#define AUTH_DATA_MIN 37 /* rpIdHash, flags, signCount */
#define FORMAT_MAX 32    /* §8.1: registered names of statements */

const char *webauthn_fault_str(enum webauthn_fault fault) {
    static const char *const texts[] = {
#define X(name, text) text,
        WEBAUTHN_FAULTS(X)
#undef X
    };
    return texts[fault];
}

/* ---- client data (§5.8.1) */

static bool json_is(const json_t *object, const char *name, struct span value) {
    const json_t *text = json_object_get(object, name);

    return json_is_string(text) &&
           span_equal(span_of(json_string_value(text), json_string_length(text)),
                      value);
}

static enum webauthn_fault client_data_judge(const json_t *data,
                                             enum webauthn_ceremony ceremony,
                                             const struct webauthn_expect *expect) {
    const json_t *cross = json_object_get(data, "crossOrigin");
    char challenge[WEBAUTHN_CHALLENGE * 4 / 3 + 3];
    size_t len = base64url_encode(span_of(expect->challenge, sizeof expect->challenge),
                                  challenge);

    if (!json_is_string(json_object_get(data, "type")) ||
        !json_is_string(json_object_get(data, "challenge")) ||
        !json_is_string(json_object_get(data, "origin")) ||
        (cross && !json_is_boolean(cross)))
        return WEBAUTHN_BAD_CLIENT_DATA;
    if (!json_is(data, "type",
                 span_str(ceremony == WEBAUTHN_CREATE ? "webauthn.create"
                                                      : "webauthn.get")))
        return WEBAUTHN_BAD_TYPE;
    if (!json_is(data, "challenge", span_of(challenge, len)))
        return WEBAUTHN_BAD_CHALLENGE;
    if (!json_is(data, "origin", expect->origin))
        return WEBAUTHN_BAD_ORIGIN;
    /* Our pages are never framed (CSP frame-ancestors), so neither is a ceremony. */
    if (json_is_true(cross) || json_object_get(data, "topOrigin"))
        return WEBAUTHN_CROSS_ORIGIN;
    return WEBAUTHN_FINE;
}

enum webauthn_fault webauthn_client_data(struct span json,
                                         enum webauthn_ceremony ceremony,
                                         const struct webauthn_expect *expect) {
    enum webauthn_fault fault = WEBAUTHN_BAD_CLIENT_DATA;
    json_t *data;

    if (json.len == 0 || json.len > WEBAUTHN_CLIENT_DATA_MAX)
        return fault;
    data = json_loadb((const char *)json.data, json.len, JSON_REJECT_DUPLICATES, NULL);
    if (json_is_object(data))
        fault = client_data_judge(data, ceremony, expect);
    json_decref(data);
    return fault;
}

/* ---- authenticator data (§6.1) */

static uint32_t big_endian(struct span in) {
    uint32_t v = 0;

    for (size_t i = 0; i < in.len; i++)
        v = v << 8 | in.data[i];
    return v;
}

/* Attested credential data (§6.5.2) off the front of what `in` has left. */
static bool attested(struct reader *in, struct webauthn_credential *ret) {
    struct span aaguid = read_bytes(in, WEBAUTHN_AAGUID);
    size_t id_len = big_endian(read_bytes(in, 2));
    struct span rest, key;
    struct cose_key parsed;

    ret->id = read_bytes(in, id_len);
    if (in->bad || id_len == 0 || id_len > WEBAUTHN_CREDENTIAL_ID_MAX)
        return false;
    memcpy(ret->aaguid, aaguid.data, sizeof ret->aaguid);
    rest = span_of(in->at, reader_left(in));
    key = rest;
    if (!cose_key_read(&rest, &parsed))
        return false;
    ret->key = read_bytes(in, key.len - rest.len);
    ret->alg = parsed.alg;
    return ret->key.len <= COSE_KEY_MAX && cose_key_sound(&parsed);
}

/* Outputs of extensions: none was asked for, so they are passed over (§9.5). */
static bool extensions(struct reader *in) {
    struct span rest = span_of(in->at, reader_left(in));
    struct span before = rest;
    struct cbor_item item;

    if (!cbor_read(&rest, &item) || item.kind != CBOR_READ_MAP)
        return false;
    rest = before;
    if (!cbor_read_skip(&rest))
        return false;
    read_bytes(in, before.len - rest.len);
    return true;
}

bool webauthn_auth_data(struct span in, struct webauthn_auth_data *ret_data) {
    struct webauthn_auth_data data = {.flags = 0};
    struct reader reader = reader_of(in);

    if (in.len < AUTH_DATA_MIN || in.len > WEBAUTHN_AUTH_DATA_MAX)
        return false;
    data.rp_id_hash = read_bytes(&reader, RP_ID_HASH);
    data.flags = read_u8(&reader);
    data.sign_count = big_endian(read_bytes(&reader, 4));
    if (data.flags & WEBAUTHN_ATTESTED && !attested(&reader, &data.credential))
        return false;
    if (data.flags & WEBAUTHN_EXTENDED && !extensions(&reader))
        return false;
    if (reader.bad || reader_left(&reader) != 0)
        return false;
    data.credential.flags = data.flags;
    data.credential.sign_count = data.sign_count;
    *ret_data = data;
    return true;
}

/* §7.1 steps 13 to 17, §7.2 steps 15 to 19. */
static enum webauthn_fault auth_data_judge(const struct webauthn_auth_data *data,
                                           const struct webauthn_expect *expect) {
    uint8_t hash[RP_ID_HASH];

    digest_sha256(expect->rp_id, hash);
    if (!span_equal(data->rp_id_hash, span_of(hash, sizeof hash)))
        return WEBAUTHN_BAD_RP;
    if (!(data->flags & WEBAUTHN_PRESENT))
        return WEBAUTHN_NOT_PRESENT;
    if (expect->verified && !(data->flags & WEBAUTHN_VERIFIED))
        return WEBAUTHN_NOT_VERIFIED;
    if (data->flags & WEBAUTHN_BACKED_UP && !(data->flags & WEBAUTHN_BACKUP_ELIGIBLE))
        return WEBAUTHN_BAD_BACKUP;
    return WEBAUTHN_FINE;
}

/* ---- attestation object (§6.5) */

struct attestation_parts {
    struct span format, auth_data;
    bool has_statement;
    size_t statement_members;
};

static bool take_statement(struct span *in, struct attestation_parts *parts) {
    struct span whole = *in;
    struct cbor_item map;

    if (parts->has_statement || !cbor_read(in, &map) || map.kind != CBOR_READ_MAP)
        return false;
    *in = whole;
    parts->has_statement = true;
    parts->statement_members = map.count;
    return cbor_read_skip(in);
}

static bool take_member(struct span *in, struct attestation_parts *parts) {
    struct cbor_item name, value;

    if (!cbor_read(in, &name) || name.kind != CBOR_READ_TEXT)
        return false;
    if (span_is(name.text, "attStmt"))
        return take_statement(in, parts);
    if (!cbor_read(in, &value))
        return false;
    if (span_is(name.text, "fmt") && value.kind == CBOR_READ_TEXT &&
        parts->format.len == 0 && value.text.len > 0 && value.text.len <= FORMAT_MAX) {
        parts->format = value.text;
        return true;
    }
    if (span_is(name.text, "authData") && value.kind == CBOR_READ_BYTES &&
        parts->auth_data.len == 0 && value.text.len > 0) {
        parts->auth_data = value.text;
        return true;
    }
    return false;
}

bool webauthn_attestation_object(struct span in, struct span *ret_auth_data) {
    struct attestation_parts parts = {.has_statement = false};
    struct cbor_item map;

    if (in.len > WEBAUTHN_ATTESTATION_MAX || !cbor_read(&in, &map) ||
        map.kind != CBOR_READ_MAP || map.count != 3)
        return false;
    for (size_t i = 0; i < map.count; i++) {
        if (!take_member(&in, &parts))
            return false;
    }
    if (in.len != 0 || (span_is(parts.format, "none") && parts.statement_members != 0))
        return false;
    *ret_auth_data = parts.auth_data;
    return true;
}

/* ---- ceremonies */

enum webauthn_fault webauthn_register(const struct webauthn_expect *expect,
                                      const struct webauthn_attestation *attestation,
                                      struct webauthn_credential *ret_credential) {
    struct webauthn_auth_data data;
    struct span auth_data;
    enum webauthn_fault fault =
        webauthn_client_data(attestation->client_data, WEBAUTHN_CREATE, expect);

    if (fault != WEBAUTHN_FINE)
        return fault;
    if (!webauthn_attestation_object(attestation->object, &auth_data))
        return WEBAUTHN_BAD_ATTESTATION;
    if (!webauthn_auth_data(auth_data, &data))
        return WEBAUTHN_BAD_AUTH_DATA;
    fault = auth_data_judge(&data, expect);
    if (fault != WEBAUTHN_FINE)
        return fault;
    if (!(data.flags & WEBAUTHN_ATTESTED))
        return WEBAUTHN_BAD_AUTH_DATA;
    *ret_credential = data.credential;
    return WEBAUTHN_FINE;
}

static enum webauthn_fault signature_judge(struct span key,
                                           const struct webauthn_assertion *a) {
    uint8_t message[WEBAUTHN_AUTH_DATA_MAX + 32];

    if (a->signature.len == 0 || a->signature.len > WEBAUTHN_SIGNATURE_MAX)
        return WEBAUTHN_BAD_SIGNATURE;
    memcpy(message, a->auth_data.data, a->auth_data.len);
    digest_sha256(a->client_data, message + a->auth_data.len);
    switch (cose_key_verify(key, span_of(message, a->auth_data.len + 32),
                            a->signature)) {
    case OK:
        return WEBAUTHN_FINE;
    case ERR_INVALID:
        return WEBAUTHN_BAD_KEY;
    default:
        return WEBAUTHN_BAD_SIGNATURE;
    }
}

enum webauthn_fault webauthn_assert(const struct webauthn_expect *expect,
                                    struct span key, uint8_t flags,
                                    const struct webauthn_assertion *assertion,
                                    uint32_t *ret_sign_count, uint8_t *ret_flags) {
    struct webauthn_auth_data data;
    enum webauthn_fault fault =
        webauthn_client_data(assertion->client_data, WEBAUTHN_GET, expect);

    if (fault != WEBAUTHN_FINE)
        return fault;
    if (!webauthn_auth_data(assertion->auth_data, &data))
        return WEBAUTHN_BAD_AUTH_DATA;
    fault = auth_data_judge(&data, expect);
    if (fault != WEBAUTHN_FINE)
        return fault;
    /* §7.2 step 18: a credential stays what it was born as. */
    if ((data.flags ^ flags) & WEBAUTHN_BACKUP_ELIGIBLE)
        return WEBAUTHN_BAD_BACKUP;
    fault = signature_judge(key, assertion);
    if (fault != WEBAUTHN_FINE)
        return fault;
    *ret_sign_count = data.sign_count;
    *ret_flags = data.flags;
    return WEBAUTHN_FINE;
}
