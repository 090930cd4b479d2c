/* svc_rp_metadata: a registration as its RP writes it (RFC 7591 §2, OpenID Connect
 * Registration 1.0 §2, RFC 8705 §2.1.2, RFC 9126 §6, RFC 9449 §5.2, Back-Channel Logout
 * 1.0 §2.2). What it does not know it leaves alone (RFC 7591 §2); what it knows and
 * does not do it refuses, so that nobody relies on it. */
#include <stdio.h>

#include "server/crypto/client_cert.h"
#include "server/oidc/redirect_uri.h"
#include "server/oidc/scope.h"
#include "server/svc_rp.h"
#include "store/base/limits.h"

/* In the order of the enums' numbers, which begin at 1. */
static const char *const auths[] = {"none",
                                    "client_secret_basic",
                                    "client_secret_post",
                                    "private_key_jwt",
                                    "tls_client_auth",
                                    "self_signed_tls_client_auth",
                                    NULL};
static const char *const algs[] = {"RS256", "ES256", "PS256", NULL};
static const char *const application_types[] = {"web", "native", NULL};
static const char *const subject_types[] = {"public", "pairwise", NULL};
static const char *const grants[] = {"authorization_code", "refresh_token",
                                     "client_credentials", NULL};
enum grant_bit { GRANT_CODE = 1, GRANT_REFRESH = 2, GRANT_CREDENTIALS = 4 };

static const struct rp_names metadata_names = {
    .name = "client_name",
    .auth = "token_endpoint_auth_method",
    .alg = "id_token_signed_response_alg",
    .redirect_uris = "redirect_uris",
    .post_logout_uris = "post_logout_redirect_uris",
    .bound = "dpop_bound_access_tokens",
    .pairwise = "subject_type pairwise",
};

/* True or false, each a bit of `features`. */
static const struct {
    const char *name;
    uint64_t feature;
} switches[] = {
    {"dpop_bound_access_tokens", CLIENT_DPOP_BOUND},
    {"tls_client_certificate_bound_access_tokens", CLIENT_TLS_BOUND},
    {"require_pushed_authorization_requests", CLIENT_REQUIRE_PAR},
    {"require_signed_request_object", CLIENT_REQUIRE_SIGNED},
    {"backchannel_logout_session_required", CLIENT_LOGOUT_SESSION},
};
#define SWITCHES (sizeof switches / sizeof switches[0])

/* RFC 8705 §2.1.2, with the kind that `tls_subject` gives to each. */
static const struct {
    const char *name, *kind;
} subjects[] = {
    {"tls_client_auth_subject_dn", "dn:"}, {"tls_client_auth_san_dns", "dns:"},
    {"tls_client_auth_san_uri", "uri:"},   {"tls_client_auth_san_ip", "ip:"},
    {"tls_client_auth_san_email", "email:"},
};
#define SUBJECTS (sizeof subjects / sizeof subjects[0])

static void refuse_unsupported(struct rp_reader *r) {
    static const struct {
        const char *name, *why;
    } members[] = {
        {"jwks_uri", "keys are taken by value alone (jwks)"},
        {"sector_identifier_uri", "is not fetched; register one host in redirect_uris"},
        {"request_uris", "requests by reference are not taken; push them (RFC 9126)"},
        {"id_token_encrypted_response_alg", "nothing is encrypted"},
        {"userinfo_encrypted_response_alg", "nothing is encrypted"},
        {"request_object_encryption_alg", "nothing is decrypted"},
        {"default_max_age", "is not kept; send max_age"},
    };

    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        if (!r->json->failed && json_object_get(r->json->root, members[i].name))
            svc_json_fail(r->json, "%s: %s", members[i].name, members[i].why);
    }
}

static unsigned read_grants(struct rp_reader *r) {
    struct svc_json *json = r->json;
    size_t count = svc_json_array(json, "grant_types", false, 8);
    unsigned mask = count > 0 ? 0 : GRANT_CODE;

    for (size_t i = 0; i < count && !json->failed; i++) {
        int grant = svc_json_find(grants, svc_json_item(json, "grant_types", i, 64));

        if (!json->failed && grant == 0)
            svc_json_fail(json, "grant_types[%zu]: authorization_code, refresh_token "
                                "or client_credentials is expected", i);
        else if (grant > 0)
            mask |= 1u << (grant - 1);
    }
    if (!json->failed && !(mask & GRANT_CODE))
        svc_json_fail(json, "grant_types: authorization_code must be among them");
    count = svc_json_array(json, "response_types", false, 8);
    for (size_t i = 0; i < count && !json->failed; i++) {
        if (!span_is(svc_json_item(json, "response_types", i, 64), "code") &&
            !json->failed)
            svc_json_fail(json, "response_types[%zu]: code is expected", i);
    }
    return mask;
}

/* At most the terms'; offline_access goes with the grant that it leads to. */
static void read_scope(struct rp_reader *r, const struct rp_terms *terms,
                       unsigned grant_mask) {
    struct span text = svc_json_text(r->json, "scope", false, 1, LIMIT_SCOPE);
    uint64_t scopes = terms->scopes;

    if (!(grant_mask & GRANT_REFRESH))
        scopes &= ~(uint64_t)SCOPE_OFFLINE_ACCESS;
    if (text.len > 0 && (!scope_parse(text, &scopes) || !(scopes & SCOPE_OPENID)))
        svc_json_fail(r->json, "scope: openid must be in it");
    if (scopes & ~terms->scopes)
        svc_json_fail(r->json, "scope: more than this client may be given");
    r->client->scopes = scopes;
}

static void read_features(struct rp_reader *r, unsigned grant_mask) {
    struct client *client = r->client;
    struct svc_json *json = r->json;

    for (size_t i = 0; i < SWITCHES; i++) {
        if (svc_json_bool(json, switches[i].name, false))
            client->features |= switches[i].feature;
    }
    if (svc_json_choice(json, "subject_type", subject_types, 1) == 2)
        client->features |= CLIENT_PAIRWISE;
    if (grant_mask & GRANT_CREDENTIALS)
        client->features |= CLIENT_CREDENTIALS;
    if ((grant_mask & GRANT_CREDENTIALS) && client->auth == CLIENT_AUTH_NONE)
        svc_json_fail(json, "grant_types: client_credentials needs another "
                            "token_endpoint_auth_method than none");
}

/* One algorithm for all that it is given. What it signs itself is judged by its keys,
 * so the algorithms of that are only looked at. */
static void read_algs(struct rp_reader *r) {
    static const char *const own[] = {"request_object_signing_alg",
                                      "token_endpoint_auth_signing_alg", NULL};
    struct client *client = r->client;
    struct svc_json *json = r->json;
    int userinfo;

    client->id_token_alg =
        (enum client_alg)svc_json_choice(json, metadata_names.alg, algs, CLIENT_RS256);
    if (!json->failed && json_object_get(json->root, "userinfo_signed_response_alg")) {
        client->features |= CLIENT_USERINFO_SIGNED;
        userinfo = svc_json_choice(json, "userinfo_signed_response_alg", algs, 0);
        if (!json->failed && userinfo != (int)client->id_token_alg)
            svc_json_fail(json, "userinfo_signed_response_alg: that of ID tokens is "
                                "expected (%s)", algs[client->id_token_alg - 1]);
    }
    for (size_t i = 0; own[i]; i++) {
        if (!json->failed && json_object_get(json->root, own[i]))
            svc_json_choice(json, own[i], algs, 0);
    }
}

static void read_subject(struct rp_reader *r) {
    char text[LIMIT_CLIENT_SUBJECT + 8];
    size_t given = 0;

    r->client->tls_subject = "";
    for (size_t i = 0; i < SUBJECTS; i++) {
        struct span value =
            svc_json_text(r->json, subjects[i].name, false, 1, LIMIT_CLIENT_SUBJECT - 8);
        int len;

        if (value.len == 0)
            continue;
        len = snprintf(text, sizeof text, "%s%.*s", subjects[i].kind, (int)value.len,
                       (const char *)value.data);
        if (!client_cert_subject_valid(span_of(text, (size_t)len)))
            svc_json_fail(r->json, "%s: is not of its form", subjects[i].name);
        r->client->tls_subject = svc_rp_keep(r, span_of(text, (size_t)len));
        given++;
    }
    if (given != (r->client->auth == CLIENT_AUTH_TLS ? 1 : 0))
        svc_json_fail(r->json, "%s: one is expected with tls_client_auth, and none "
                               "without", subjects[0].name);
}

/* People must be told something: where they will be sent. */
static void read_name(struct rp_reader *r) {
    struct client *client = r->client;
    struct span origin, host;

    client->name = svc_rp_label(r, metadata_names.name, false);
    if (client->name[0] || client->redirect_uris_count == 0)
        return;
    redirect_uri_origin(span_str(client->redirect_uris[0]), &origin, &host);
    client->name = svc_rp_keep(r, host);
}

void svc_rp_read_metadata(struct rp_reader *r, const struct rp_terms *terms) {
    struct client *client = r->client;
    struct svc_json *json = r->json;
    unsigned grant_mask;

    client->environment = r->config->environment;
    client->profile = terms->profile;
    client->stage = terms->stage;
    client->account_types = terms->account_types;
    client->ministry = client->start_month = client->sector = client->audience = "";
    refuse_unsupported(r);
    client->native =
        svc_json_choice(json, "application_type", application_types, 1) == 2;
    client->auth = (enum client_auth)svc_json_choice(json, metadata_names.auth, auths,
                                                     CLIENT_AUTH_BASIC);
    grant_mask = read_grants(r);
    read_scope(r, terms, grant_mask);
    read_features(r, grant_mask);
    read_algs(r);
    svc_rp_addresses(r, &metadata_names);
    read_name(r);
    svc_rp_jwks(r);
    read_subject(r);
    svc_rp_check(r, &metadata_names);
}

/* ---- write */

static void put_grants(const struct client *client, struct buf *out) {
    const char *items[3] = {grants[0]};
    size_t count = 1;

    if (client->scopes & SCOPE_OFFLINE_ACCESS)
        items[count++] = "refresh_token";
    if (client->features & CLIENT_CREDENTIALS)
        items[count++] = "client_credentials";
    svc_rp_put_strings(out, "grant_types", items, count);
    items[0] = "code";
    svc_rp_put_strings(out, "response_types", items, 1);
}

static void put_subject(const struct client *client, struct buf *out) {
    for (size_t i = 0; i < SUBJECTS; i++) {
        size_t len = strlen(subjects[i].kind);

        if (strncmp(client->tls_subject, subjects[i].kind, len) == 0)
            buf_json_member(out, subjects[i].name, span_str(client->tls_subject + len));
    }
}

void svc_rp_write_metadata(const struct client *client, struct buf *out) {
    buf_json_member(out, "client_id", span_str(client->client_id));
    if (client->created_ms > 0)
        buf_json_u64(out, "client_id_issued_at", client->created_ms / 1000);
    buf_json_member(out, metadata_names.name, span_str(client->name));
    buf_json_member(out, "application_type",
                    span_str(application_types[client->native ? 1 : 0]));
    buf_json_member(out, metadata_names.auth, span_str(auths[client->auth - 1]));
    put_grants(client, out);
    buf_str(out, ",\"scope\":\"");
    scope_print(client->scopes, out); /* names of scopes need no escape */
    buf_str(out, "\"");
    buf_json_member(out, "subject_type",
                    span_str(subject_types[client->features & CLIENT_PAIRWISE ? 1 : 0]));
    buf_json_member(out, metadata_names.alg, span_str(algs[client->id_token_alg - 1]));
    if (client->features & CLIENT_USERINFO_SIGNED)
        buf_json_member(out, "userinfo_signed_response_alg",
                        span_str(algs[client->id_token_alg - 1]));
    for (size_t i = 0; i < SWITCHES; i++) {
        if (client->features & switches[i].feature)
            buf_json_bool(out, switches[i].name, true);
    }
    svc_rp_put_addresses(client, &metadata_names, out);
    put_subject(client, out);
    if (client->jwks[0])
        buf_printf(out, ",\"jwks\":%s", client->jwks);
}
