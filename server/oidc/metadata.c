#include "server/oidc/metadata.h"

#include <stdbool.h>
#include <stdio.h>

#include "server/oidc/acr.h"
#include "server/oidc/claims.h"
#include "store/base/check.h"

#define ISSUER_MAX 255

static void member_url(struct buf *out, const char *name, struct span issuer,
                       const char *path) {
    char url[ISSUER_MAX + 64];
    int len = snprintf(url, sizeof(url), "%.*s%s", (int)issuer.len,
                       (const char *)issuer.data, path);

    CHECK(len > 0 && (size_t)len < sizeof(url));
    buf_json_member(out, name, span_of(url, (size_t)len));
}

/* `values` is ended by NULL. */
static void member_list(struct buf *out, const char *name, const char *const values[]) {
    buf_printf(out, ",\"%s\":[", name);
    for (size_t i = 0; values[i]; i++) {
        if (i > 0)
            buf_str(out, ",");
        buf_json(out, span_str(values[i]));
    }
    buf_str(out, "]");
}

static void claims_list(struct buf *out) {
    const char *name;

    buf_str(out, ",\"claims_supported\":[");
    for (size_t i = 0; (name = claims_supported(i)) != NULL; i++) {
        if (i > 0)
            buf_str(out, ",");
        buf_json(out, span_str(name));
    }
    buf_str(out, "]");
}

static void mtls_members(struct span mtls_url, struct buf *out) {
    CHECK(mtls_url.len <= ISSUER_MAX);
    buf_json_bool(out, "tls_client_certificate_bound_access_tokens", true);
    buf_str(out, ",\"mtls_endpoint_aliases\":{");
    member_url(out, "token_endpoint", mtls_url, "token");
    member_url(out, "pushed_authorization_request_endpoint", mtls_url, "par");
    member_url(out, "revocation_endpoint", mtls_url, "revoke");
    member_url(out, "introspection_endpoint", mtls_url, "introspect");
    member_url(out, "userinfo_endpoint", mtls_url, "userinfo");
    buf_str(out, "}");
}

/* How clients authenticate, at each endpoint where they do (OpenID Connect Core §9). */
static void authentication(bool with_tls, bool with_ca, struct buf *out) {
    static const char *const algs[] = {"ES256", "PS256", "RS256", NULL};
    static const struct {
        const char *methods, *algs;
        bool is_public; /* may clients without credentials come too? */
    } endpoints[] = {
        {"token_endpoint_auth_methods_supported",
         "token_endpoint_auth_signing_alg_values_supported", true},
        {"revocation_endpoint_auth_methods_supported",
         "revocation_endpoint_auth_signing_alg_values_supported", true},
        {"introspection_endpoint_auth_methods_supported",
         "introspection_endpoint_auth_signing_alg_values_supported", false},
    };

    for (size_t i = 0; i < sizeof(endpoints) / sizeof(endpoints[0]); i++) {
        const char *names[8] = {"client_secret_basic", "client_secret_post",
                                "private_key_jwt"};
        size_t count = 3;

        if (with_tls)
            names[count++] = "self_signed_tls_client_auth";
        if (with_tls && with_ca)
            names[count++] = "tls_client_auth";
        if (endpoints[i].is_public)
            names[count++] = "none";
        member_list(out, endpoints[i].methods, names);
        member_list(out, endpoints[i].algs, algs);
    }
}

/* What does not depend on the configuration. */
static void constant_lists(struct buf *out) {
    static const struct {
        const char *name;
        const char *values[12];
    } lists[] = {
        {"response_types_supported", {"code"}},
        {"response_modes_supported", {"query", "form_post"}},
        {"grant_types_supported",
         {"authorization_code", "refresh_token", "client_credentials"}},
        {"subject_types_supported", {"public", "pairwise"}},
        {"id_token_signing_alg_values_supported", {"RS256", "ES256", "PS256"}},
        {"userinfo_signing_alg_values_supported", {"RS256", "ES256", "PS256"}},
        {"introspection_signing_alg_values_supported", {"RS256", "ES256", "PS256"}},
        /* RFC 9101 §10.5 */
        {"request_object_signing_alg_values_supported", {"ES256", "PS256", "RS256"}},
        {"code_challenge_methods_supported", {"S256"}},
        {"dpop_signing_alg_values_supported", {"ES256", "PS256", "RS256"}},
        {"scopes_supported",
         {"openid", "profile", "user", "email", "address", "phone", "mandate",
          "jp_gbizid_v1_ida", "role", "delegation_info", "offline_access"}},
        {"acr_values_supported", {ACR_PASSWORD, ACR_TWO_FACTORS}},
        {"prompt_values_supported", {"none", "login", "consent", "select_account"}},
        {"claim_types_supported", {"normal"}},
        {"ui_locales_supported", {"ja", "en"}},
    };

    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
        member_list(out, lists[i].name, lists[i].values);
}

void metadata_discovery(struct span issuer, struct span mtls_url, bool with_ca,
                        struct buf *out) {
    CHECK(issuer.len > 0 && issuer.len <= ISSUER_MAX);
    CHECK(issuer.data[issuer.len - 1] == '/');
    buf_str(out, "{");
    buf_json_member(out, "issuer", issuer);
    member_url(out, "authorization_endpoint", issuer, "authorize");
    member_url(out, "token_endpoint", issuer, "token");
    member_url(out, "pushed_authorization_request_endpoint", issuer, "par");
    member_url(out, "revocation_endpoint", issuer, "revoke");
    member_url(out, "introspection_endpoint", issuer, "introspect");
    member_url(out, "userinfo_endpoint", issuer, "userinfo");
    member_url(out, "jwks_uri", issuer, "jwks");
    member_url(out, "registration_endpoint", issuer, "register");
    /* RP-Initiated Logout 1.0 §2.1 */
    member_url(out, "end_session_endpoint", issuer, "logout");
    constant_lists(out);
    authentication(mtls_url.len > 0, with_ca, out);
    if (mtls_url.len > 0)
        mtls_members(mtls_url, out);
    claims_list(out);
    buf_json_bool(out, "claims_parameter_supported", true);
    buf_json_bool(out, "request_parameter_supported", true);
    buf_json_bool(out, "require_signed_request_object", false);
    buf_json_bool(out, "request_uri_parameter_supported", false);
    buf_json_bool(out, "require_pushed_authorization_requests", false);
    /* Back-Channel Logout 1.0 §2.1 */
    buf_json_bool(out, "backchannel_logout_supported", true);
    buf_json_bool(out, "backchannel_logout_session_supported", true);
    /* RFC 9207 §3 */
    buf_json_bool(out, "authorization_response_iss_parameter_supported", true);
    buf_str(out, "}");
}
