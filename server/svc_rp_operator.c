/* svc_rp_operator: a registration in the operator's form (svc_admin.h). */
#include <stdio.h>

#include "server/crypto/client_cert.h"
#include "server/oidc/client_auth.h"
#include "server/oidc/redirect_uri.h"
#include "server/oidc/scope.h"
#include "server/svc_rp.h"
#include "store/base/limits.h"

/* In the order of the enums' numbers, which begin at 1. */
static const char *const environments[] = {"demo", "verification", "production", NULL};
const char *const svc_rp_profiles[] = {"gbizid", "standard", "fapi2", NULL};
const char *const svc_rp_auths[] = {
    "none", "basic", "post", "private_key_jwt", "tls_client_auth", "self_signed_tls",
    NULL};
const char *const svc_rp_stages[] = {"applied",   "in_verification", "approved", "live",
                                     "suspended", "retired",         NULL};
const char *const svc_rp_algs[] = {"RS256", "ES256", "PS256", NULL};
const char *const svc_rp_features[] = {
    "logout_session", "require_par",   "dpop_bound", "tls_bound", "require_signed",
    "credentials",    "introspection", "jwt_access", "pairwise",  "userinfo_signed", NULL};
static const uint64_t feature_bits[] = {
    CLIENT_LOGOUT_SESSION, CLIENT_REQUIRE_PAR, CLIENT_DPOP_BOUND,    CLIENT_TLS_BOUND,
    CLIENT_REQUIRE_SIGNED, CLIENT_CREDENTIALS, CLIENT_INTROSPECTION, CLIENT_JWT_ACCESS,
    CLIENT_PAIRWISE,       CLIENT_USERINFO_SIGNED};
const char *const svc_rp_account_types[] = {"entry", "prime", "member", NULL};

const char *const svc_rp_members[] = {
    "client_id",     "name",         "ministry",         "environment",
    "profile",       "auth",         "alg",              "stage",
    "native",        "government",   "scopes",           "account_types",
    "redirect_uris", "start_month",  "post_logout_uris", "backchannel_logout_uri",
    "features",      "jwks",         "tls_subject",      "audience",
    "sector",        "contacts",     "logo_uri",         "policy_uri",
    "tos_uri",       "initiate_login_uri", NULL};

static const struct rp_names operator_names = {
    .name = "name",
    .auth = "auth",
    .alg = "alg",
    .redirect_uris = "redirect_uris",
    .post_logout_uris = "post_logout_uris",
    .bound = "features",
    .pairwise = "pairwise",
};

void svc_rp_read_scopes(struct rp_reader *r) {
    struct svc_json *json = r->json;
    size_t count = svc_json_array(json, "scopes", true, 16);

    for (size_t i = 0; i < count && !json->failed; i++) {
        struct span text = svc_json_item(json, "scopes", i, LIMIT_SCOPE);
        uint64_t bit = 0;

        if (json->failed)
            return;
        /* Unknown names give no bit; two names in one item give two. */
        if (!scope_parse(text, &bit) || bit == 0 || (bit & (bit - 1)) != 0)
            svc_json_fail(json, "scopes[%zu]: there is no such scope", i);
        r->client->scopes |= bit;
    }
    if (!json->failed && r->client->profile == CLIENT_GBIZID &&
        (r->client->scopes & ~SCOPE_GBIZID))
        svc_json_fail(json, "scopes: address and phone are not of profile gbizid");
    if (!json->failed && !(r->client->scopes & SCOPE_OPENID))
        svc_json_fail(json, "scopes: openid must be among them");
}

void svc_rp_read_account_types(struct rp_reader *r) {
    struct svc_json *json = r->json;
    size_t count = svc_json_array(json, "account_types", false, 3);

    if (count == 0)
        r->client->account_types =
            1u << ACCOUNT_ENTRY | 1u << ACCOUNT_PRIME | 1u << ACCOUNT_MEMBER;
    for (size_t i = 0; i < count && !json->failed; i++) {
        struct span text = svc_json_item(json, "account_types", i, 16);
        int type = svc_json_find(svc_rp_account_types, text);

        if (type == 0)
            svc_json_fail(json,
                          "account_types[%zu]: entry, prime or member is expected", i);
        else
            r->client->account_types |= 1u << type;
    }
}

static void read_features(struct rp_reader *r) {
    struct svc_json *json = r->json;
    size_t count = svc_json_array(json, "features", false, 16);

    for (size_t i = 0; i < count && !json->failed; i++) {
        int feature = svc_json_find(svc_rp_features, svc_json_item(json, "features", i, 32));

        if (!json->failed && feature == 0)
            svc_json_fail(json, "features[%zu]: there is no such feature", i);
        else if (feature > 0)
            r->client->features |= feature_bits[feature - 1];
    }
}

static void read_start_month(struct rp_reader *r) {
    struct svc_json *json = r->json;
    struct span text = svc_json_text(json, "start_month", false, 7, 7);
    bool good = true;
    int month;

    for (size_t i = 0; i < text.len; i++)
        good = good && (i == 4 ? text.data[i] == '-'
                               : text.data[i] >= '0' && text.data[i] <= '9');
    if (text.len > 0 && good) {
        month = (text.data[5] - '0') * 10 + text.data[6] - '0';
        good = month >= 1 && month <= 12;
    }
    if (!good)
        svc_json_fail(json, "start_month: yyyy-mm is expected");
    r->client->start_month = svc_rp_keep(r, text);
}

/* RFC 9068 §3: of its JWT access tokens. */
static void read_audience(struct rp_reader *r) {
    struct svc_json *json = r->json;
    struct span text = svc_json_text(json, "audience", false, 1, LIMIT_REDIRECT_URI);
    const char *why;

    if (text.len > 0 && !redirect_uri_check(text, false, &why))
        svc_json_fail(json, "audience: %s", why);
    r->client->audience = svc_rp_keep(r, text);
}

static void read_tls_subject(struct rp_reader *r) {
    struct svc_json *json = r->json;
    bool needed = r->client->auth == CLIENT_AUTH_TLS;
    struct span text =
        svc_json_text(json, "tls_subject", needed, 1, LIMIT_CLIENT_SUBJECT);

    if (text.len > 0 && !client_cert_subject_valid(text))
        svc_json_fail(json, "tls_subject: dn:, dns:, uri:, ip: or email: and a name is "
                            "expected");
    r->client->tls_subject = svc_rp_keep(r, text);
}

/* OpenID Connect Core §8.1: services of one sector know an account by one name. A host,
 * for the operator to say of those that have several. */
static void read_sector(struct rp_reader *r) {
    struct span host = svc_json_text(r->json, "sector", false, 1, 253);
    char uri[8 + 253 + 1];
    const char *why;
    int len = snprintf(uri, sizeof uri, "https://%.*s", (int)host.len,
                       host.len ? (const char *)host.data : "");

    if (host.len > 0 && (memchr(host.data, '/', host.len) ||
                         memchr(host.data, '?', host.len) ||
                         !redirect_uri_check(span_of(uri, (size_t)len), false, &why)))
        svc_json_fail(r->json, "sector: a host name is expected");
    r->client->sector = svc_rp_keep(r, host);
}

static void read_kind(struct rp_reader *r) {
    struct svc_json *json = r->json;
    struct client *client = r->client;

    client->environment = (enum client_environment)svc_json_choice(
        json, "environment", environments, (int)r->config->environment);
    if (!json->failed && client->environment != r->config->environment)
        svc_json_fail(json, "environment: this cluster's is %s",
                      environments[r->config->environment - 1]);
    client->profile =
        (enum client_profile)svc_json_choice(json, "profile", svc_rp_profiles, CLIENT_GBIZID);
    client->auth =
        (enum client_auth)svc_json_choice(json, "auth", svc_rp_auths, CLIENT_AUTH_BASIC);
    client->id_token_alg =
        (enum client_alg)svc_json_choice(json, "alg", svc_rp_algs, CLIENT_RS256);
    client->stage =
        (enum client_stage)svc_json_choice(json, "stage", svc_rp_stages, CLIENT_LIVE);
    client->native = svc_json_bool(json, "native", false);
    client->government = svc_json_bool(json, "government", false);
}

void svc_rp_read_operator(struct rp_reader *r) {
    struct svc_json *json = r->json;
    struct span id = svc_json_text(json, "client_id", true, 1, LIMIT_CLIENT_ID);

    if (!json->failed && !client_auth_id_valid(id))
        svc_json_fail(json,
                      "client_id: letters, digits, '.', '_' and '-' are expected");
    r->client->client_id = svc_rp_keep(r, id);
    r->client->name = svc_rp_label(r, operator_names.name, true);
    r->client->ministry = svc_rp_label(r, "ministry", false);
    read_kind(r);
    svc_rp_read_scopes(r);
    svc_rp_read_account_types(r);
    svc_rp_addresses(r, &operator_names);
    read_features(r);
    read_start_month(r);
    read_sector(r);
    svc_rp_jwks(r);
    read_tls_subject(r);
    read_audience(r);
    svc_rp_check(r, &operator_names);
}

/* ---- write */

void svc_rp_put_scopes(struct buf *out, uint64_t scopes) {
    bool first = true;

    buf_str(out, ",\"scopes\":[");
    for (uint64_t bit = 1; bit != 0 && bit <= SCOPE_ALL; bit <<= 1) {
        if (!(scopes & bit))
            continue;
        buf_str(out, first ? "\"" : ",\"");
        scope_print(bit, out); /* names of scopes need no escape */
        buf_str(out, "\"");
        first = false;
    }
    buf_str(out, "]");
}

static void put_features(struct buf *out, uint64_t mask) {
    const char *names[sizeof feature_bits / sizeof feature_bits[0]];
    size_t count = 0;

    for (size_t i = 0; svc_rp_features[i]; i++) {
        if (mask & feature_bits[i])
            names[count++] = svc_rp_features[i];
    }
    svc_rp_put_strings(out, "features", names, count);
}

void svc_rp_put_account_types(struct buf *out, uint32_t mask) {
    const char *names[3];
    size_t count = 0;

    for (unsigned i = 0; i < 3; i++) {
        if (mask & (1u << (i + 1)))
            names[count++] = svc_rp_account_types[i];
    }
    svc_rp_put_strings(out, "account_types", names, count);
}

void svc_rp_write_operator(const struct client *client, struct buf *out) {
    buf_str(out, "{");
    buf_json_member(out, "client_id", span_str(client->client_id));
    buf_json_member(out, "name", span_str(client->name));
    svc_rp_put_text(out, "ministry", client->ministry);
    svc_rp_put_text(out, "start_month", client->start_month);
    buf_json_member(out, "environment",
                    span_str(environments[client->environment - 1]));
    buf_json_member(out, "profile", span_str(svc_rp_profiles[client->profile - 1]));
    buf_json_member(out, "auth", span_str(svc_rp_auths[client->auth - 1]));
    buf_json_member(out, "alg", span_str(svc_rp_algs[client->id_token_alg - 1]));
    buf_json_bool(out, "native", client->native);
    buf_json_bool(out, "government", client->government);
    buf_json_member(out, "stage", span_str(svc_rp_stages[client->stage - 1]));
    if (client->suspended_from)
        buf_json_member(out, "suspended_from",
                        span_str(svc_rp_stages[client->suspended_from - 1]));
    svc_rp_put_scopes(out, client->scopes);
    svc_rp_put_account_types(out, client->account_types);
    svc_rp_put_addresses(client, &operator_names, out);
    svc_rp_put_text(out, "sector", client->sector);
    put_features(out, client->features);
    svc_rp_put_text(out, "audience", client->audience);
    svc_rp_put_text(out, "tls_subject", client->tls_subject);
    if (client->jwks[0])
        buf_printf(out, ",\"jwks\":%s", client->jwks);
    if (client->old_secret_until_ms > 0)
        buf_json_u64(out, "old_secret_until_ms", client->old_secret_until_ms);
    buf_json_bool(out, "dynamic", client->features & CLIENT_DYNAMIC);
    buf_json_u64(out, "revision", client->revision);
    buf_json_u64(out, "created_ms", client->created_ms);
    buf_str(out, "}");
}
