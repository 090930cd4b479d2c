#include "server/oidc/client_auth.h"

#include "store/base/secret.h"

/* Longest decoded `id:secret`, every byte of both escaped, and its base64. */
#define BASIC_DECODED_MAX (3 * LIMIT_CLIENT_ID + 1 + 3 * CLIENT_SECRET_MAX)
#define BASIC_ENCODED_MAX ((BASIC_DECODED_MAX + 2) / 3 * 4)

static struct oidc_verdict pass(void) {
    return (struct oidc_verdict){OIDC_OK, NULL};
}

static struct oidc_verdict refuse(enum oidc_error error, const char *description) {
    return (struct oidc_verdict){error, description};
}

struct oidc_verdict client_auth_failed(void) {
    return refuse(OIDC_INVALID_CLIENT, "client authentication failed");
}

bool client_auth_id_valid(struct span client_id) {
    if (client_id.len == 0 || client_id.len > LIMIT_CLIENT_ID)
        return false;
    for (size_t i = 0; i < client_id.len; i++) {
        uint8_t c = client_id.data[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
              (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-'))
            return false;
    }
    return true;
}

static int base64_value(uint8_t c) {
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == '+')
        return 62;
    return c == '/' ? 63 : -1;
}

/* RFC 4648 §4 with its padding, spare bits zero. `out` holds in.len / 4 * 3. */
static bool base64_decode(struct span in, uint8_t *out, size_t *ret_len) {
    size_t pad = 0;
    size_t len = 0;

    if (in.len == 0 || in.len % 4 != 0)
        return false;
    while (pad < 2 && in.data[in.len - 1 - pad] == '=')
        pad++;
    for (size_t i = 0; i < in.len; i += 4) {
        size_t have = i + 4 == in.len ? 4 - pad : 4;
        uint32_t group = 0;

        for (size_t j = 0; j < 4; j++) {
            int value = j < have ? base64_value(in.data[i + j]) : 0;

            if (value < 0)
                return false;
            group = group << 6 | (uint32_t)value;
        }
        for (size_t j = 0; j + 1 < have; j++)
            out[len++] = (uint8_t)(group >> (16 - 8 * j));
        if ((have == 2 && (group & 0xffff)) || (have == 3 && (group & 0xff)))
            return false;
    }
    *ret_len = len;
    return true;
}

static int hex_value(uint8_t c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* application/x-www-form-urlencoded (RFC 6749 Appendix B): what must be escaped
 * and is not, is refused, so that one secret has one reading. */
static bool form_decode(struct span in, uint8_t *out, size_t out_max, size_t *ret_len) {
    size_t len = 0;

    for (size_t i = 0; i < in.len; i++) {
        uint8_t c = in.data[i];

        if (c == '%') {
            int high = i + 2 < in.len ? hex_value(in.data[i + 1]) : -1;
            int low = i + 2 < in.len ? hex_value(in.data[i + 2]) : -1;

            if (high < 0 || low < 0)
                return false;
            c = (uint8_t)(high * 16 + low);
            i += 2;
        } else if (c == ':' || c == '&' || c == '=') {
            return false;
        } else if (c == '+') {
            c = ' ';
        }
        if (c < 0x20 || c > 0x7e || len == out_max)
            return false; /* RFC 6749 Appendix A.2: VSCHAR */
        out[len++] = c;
    }
    *ret_len = len;
    return true;
}

/* The credentials after the scheme's name; false when it is another scheme. */
static bool basic_scheme(struct span header, struct span *ret_rest) {
    static const char name[] = "basic";
    size_t at = sizeof(name) - 1;

    if (header.len <= at)
        return false;
    for (size_t i = 0; i < at; i++)
        if ((header.data[i] | 0x20) != name[i])
            return false;
    if (header.data[at] != ' ')
        return false;
    while (at < header.len && header.data[at] == ' ')
        at++;
    *ret_rest = span_of(header.data + at, header.len - at);
    return true;
}

static bool basic_parse(struct span header, struct client_credentials *credentials) {
    uint8_t decoded[BASIC_ENCODED_MAX / 4 * 3];
    struct span text, id, secret;
    const uint8_t *colon;
    size_t len, id_len, secret_len;
    bool good = false;

    if (!basic_scheme(header, &text) || text.len > BASIC_ENCODED_MAX)
        return false;
    if (!base64_decode(text, decoded, &len))
        goto done;
    colon = memchr(decoded, ':', len);
    if (!colon)
        goto done;
    id = span_of(decoded, (size_t)(colon - decoded));
    secret = span_of(colon + 1, len - id.len - 1);
    if (!form_decode(id, credentials->id_bytes, LIMIT_CLIENT_ID, &id_len) ||
        !form_decode(secret, credentials->secret_bytes, CLIENT_SECRET_MAX, &secret_len))
        goto done;
    credentials->client_id = span_of(credentials->id_bytes, id_len);
    credentials->secret = span_of(credentials->secret_bytes, secret_len);
    good = client_auth_id_valid(credentials->client_id) && secret_len > 0;
done:
    secret_wipe(decoded, sizeof(decoded));
    return good;
}

static struct oidc_verdict post_parse(struct span client_id, struct span secret,
                                      struct client_credentials *credentials) {
    if (!client_auth_id_valid(client_id))
        return client_auth_failed();
    if (secret.len > CLIENT_SECRET_MAX)
        return client_auth_failed();
    memcpy(credentials->id_bytes, client_id.data, client_id.len);
    credentials->client_id = span_of(credentials->id_bytes, client_id.len);
    credentials->method = OIDC_AUTH_NONE;
    credentials->secret = span_of(credentials->secret_bytes, 0);
    if (secret.len > 0) {
        memcpy(credentials->secret_bytes, secret.data, secret.len);
        credentials->secret = span_of(credentials->secret_bytes, secret.len);
        credentials->method = OIDC_AUTH_POST;
    }
    return pass();
}

#define ASSERTION_TYPE "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

/* RFC 7521 §4.2. client_id is optional there. */
static struct oidc_verdict assertion_parse(const struct params *params,
                                           struct span client_id,
                                           struct client_credentials *credentials) {
    struct span type = params_get(params, "client_assertion_type", NULL);

    if (!span_is(type, ASSERTION_TYPE))
        return refuse(OIDC_INVALID_CLIENT,
                      "client_assertion_type must be " ASSERTION_TYPE);
    if (client_id.len > 0) {
        if (!client_auth_id_valid(client_id))
            return client_auth_failed();
        memcpy(credentials->id_bytes, client_id.data, client_id.len);
        credentials->client_id = span_of(credentials->id_bytes, client_id.len);
    }
    credentials->method = OIDC_AUTH_PRIVATE_KEY_JWT;
    credentials->assertion = params_get(params, "client_assertion", NULL);
    return pass();
}

/* What can stand there once; NULL: nothing does twice. */
static const char *repeated(const struct params *params) {
    static const struct {
        const char *name, *description;
    } once[] = {
        {"client_id", "parameter client_id is repeated"},
        {"client_secret", "parameter client_secret is repeated"},
        {"client_assertion", "parameter client_assertion is repeated"},
        {"client_assertion_type", "parameter client_assertion_type is repeated"},
    };
    bool twice;

    for (size_t i = 0; i < sizeof once / sizeof once[0]; i++) {
        params_get(params, once[i].name, &twice);
        if (twice)
            return once[i].description;
    }
    return NULL;
}

struct oidc_verdict client_auth_parse(struct span authorization,
                                      const struct params *params,
                                      struct client_credentials *ret_credentials) {
    struct span client_id = params_get(params, "client_id", NULL);
    struct span secret = params_get(params, "client_secret", NULL);
    bool asserted = params_get(params, "client_assertion", NULL).len > 0;
    const char *twice = repeated(params);
    struct oidc_verdict verdict;

    memset(ret_credentials, 0, sizeof(*ret_credentials));
    ret_credentials->basic_used = authorization.len > 0;
    if (twice)
        return refuse(OIDC_INVALID_REQUEST, twice);
    if ((authorization.len > 0) + (secret.len > 0) + (asserted ? 1 : 0) > 1)
        return refuse(OIDC_INVALID_CLIENT,
                      "two methods of client authentication at once");
    if (authorization.len > 0) {
        verdict =
            basic_parse(authorization, ret_credentials) ? pass() : client_auth_failed();
        ret_credentials->method = OIDC_AUTH_BASIC;
        if (verdict.error == OIDC_OK && client_id.len > 0 &&
            !span_equal(client_id, ret_credentials->client_id))
            verdict = refuse(OIDC_INVALID_REQUEST,
                             "client_id contradicts the Authorization header");
    } else if (asserted) {
        verdict = assertion_parse(params, client_id, ret_credentials);
    } else if (client_id.len == 0) {
        verdict = refuse(OIDC_INVALID_CLIENT, "client authentication is missing");
    } else {
        verdict = post_parse(client_id, secret, ret_credentials);
    }
    if (verdict.error != OIDC_OK) {
        client_auth_wipe(ret_credentials);
        ret_credentials->basic_used = authorization.len > 0;
    }
    return verdict;
}

struct oidc_verdict client_auth_check(const struct oidc_client *client,
                                      const struct client_credentials *credentials) {
    if (client->auth != credentials->method)
        return client_auth_failed();
    return pass();
}

void client_auth_wipe(struct client_credentials *credentials) {
    secret_wipe(credentials, sizeof(*credentials));
}
