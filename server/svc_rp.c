/* svc_rp: the members and rules that both forms of a registration share. */
#include "server/svc_rp.h"

#include <stdlib.h>

#include "server/crypto/client_keys.h"
#include "server/oidc/redirect_uri.h"
#include "store/base/limits.h"

#define NAME_MAX_BYTES 300 /* 100 characters of Japanese */
#define CONTACTS_MAX 8

bool svc_rp_has_secret(const struct client *client) {
    return client->auth == CLIENT_AUTH_BASIC || client->auth == CLIENT_AUTH_POST;
}

const char *svc_rp_keep(struct rp_reader *r, struct span text) {
    const char *copy =
        arena_strndup(r->arena, text.len ? (const void *)text.data : "", text.len);

    if (copy)
        return copy;
    svc_json_fail(r->json, "the request is too large");
    return "";
}

static void refuse_controls(struct rp_reader *r, const char *name, struct span text) {
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < 0x20 || text.data[i] == 0x7f)
            svc_json_fail(r->json, "%s: control characters are not allowed", name);
    }
}

const char *svc_rp_label(struct rp_reader *r, const char *name, bool required) {
    struct span text =
        svc_json_text(r->json, name, required, required ? 1 : 0, NAME_MAX_BYTES);

    refuse_controls(r, name, text);
    return svc_rp_keep(r, text);
}

/* redirect_uri_check of each, none twice; how many there are, in `out`. */
static size_t read_uris(struct rp_reader *r, const char *name, bool required,
                   const char *out[CLIENT_REDIRECTS_MAX]) {
    struct svc_json *json = r->json;
    size_t count = svc_json_array(json, name, required, CLIENT_REDIRECTS_MAX);
    const char *why;

    for (size_t i = 0; i < count && !json->failed; i++) {
        struct span uri = svc_json_item(json, name, i, LIMIT_REDIRECT_URI);

        if (!json->failed && !redirect_uri_check(uri, r->client->native, &why))
            svc_json_fail(json, "%s[%zu]: %s", name, i, why);
        for (size_t j = 0; j < i && !json->failed; j++) {
            if (span_is(uri, out[j]))
                svc_json_fail(json, "%s[%zu]: stands there twice", name, i);
        }
        out[i] = svc_rp_keep(r, uri);
    }
    return json->failed ? 0 : count;
}

/* One address over TLS, "" when absent. */
static const char *read_uri(struct rp_reader *r, const char *name) {
    struct span uri = svc_json_text(r->json, name, false, 1, LIMIT_REDIRECT_URI);
    const char *why;

    if (uri.len > 0 && !redirect_uri_check(uri, false, &why))
        svc_json_fail(r->json, "%s: %s", name, why);
    return svc_rp_keep(r, uri);
}

/* Kept as lines. */
static void read_contacts(struct rp_reader *r) {
    static const char name[] = "contacts";
    size_t count = svc_json_array(r->json, name, false, CONTACTS_MAX);
    struct buf lines;

    buf_init(&lines, LIMIT_CLIENT_NAME);
    for (size_t i = 0; i < count && !r->json->failed; i++) {
        struct span text = svc_json_item(r->json, name, i, LIMIT_ACCOUNT_ID);

        refuse_controls(r, name, text);
        buf_str(&lines, i > 0 ? "\n" : "");
        buf_put(&lines, text.data, text.len);
    }
    if (buf_err(&lines))
        svc_json_fail(r->json, "%s: at most %d bytes in all", name, LIMIT_CLIENT_NAME);
    r->client->contacts = svc_rp_keep(r, r->json->failed ? span_str("")
                                                         : buf_span(&lines));
    buf_free(&lines);
}

void svc_rp_jwks(struct rp_reader *r) {
    struct svc_json *json = r->json;
    json_t *set = json->failed ? NULL : json_object_get(json->root, "jwks");
    char *text = set ? json_dumps(set, JSON_COMPACT) : NULL;
    const char *why = "out of memory";
    struct client_keys *keys = NULL;
    unsigned usable =
        r->client->profile == CLIENT_FAPI2 ? JWS_ALGS_FAPI2 : JWS_ALGS_STANDARD;

    r->client->jwks = "";
    if (set && (!text || client_keys_parse(span_str(text), &keys, &why) != OK))
        svc_json_fail(json, "jwks: %s", why);
    else if (set)
        r->client->jwks = svc_rp_keep(r, span_str(text));
    if (r->client->auth == CLIENT_AUTH_PRIVATE_KEY_JWT &&
        (!keys || client_keys_count(keys, usable) == 0))
        svc_json_fail(json, "jwks: a key that can verify is needed with "
                            "private_key_jwt");
    if (r->client->auth == CLIENT_AUTH_SELF_SIGNED_TLS && !keys)
        svc_json_fail(json, "jwks: certificates (x5c) are needed with self-signed "
                            "certificates");
    client_keys_free(keys);
    free(text);
}

void svc_rp_addresses(struct rp_reader *r, const struct rp_names *names) {
    struct client *client = r->client;

    client->redirect_uris_count =
        read_uris(r, names->redirect_uris, true, client->redirect_uris);
    client->post_logout_uris_count =
        read_uris(r, names->post_logout_uris, false, client->post_logout_uris);
    client->backchannel_logout_uri = read_uri(r, "backchannel_logout_uri");
    client->initiate_login_uri = read_uri(r, "initiate_login_uri");
    client->logo_uri = read_uri(r, "logo_uri");
    client->policy_uri = read_uri(r, "policy_uri");
    client->tos_uri = read_uri(r, "tos_uri");
    read_contacts(r);
}

/* FAPI 2.0 Security Profile §5.3.2.1, §5.4. */
static void check_fapi2(struct rp_reader *r, const struct rp_names *names) {
    const struct client *client = r->client;

    if (client->profile != CLIENT_FAPI2)
        return;
    if (client->auth < CLIENT_AUTH_PRIVATE_KEY_JWT)
        svc_json_fail(r->json, "%s: profile fapi2 takes keys and certificates alone",
                      names->auth);
    if (client->id_token_alg == CLIENT_RS256)
        svc_json_fail(r->json, "%s: profile fapi2 does not take RS256", names->alg);
    if (!(client->features & (CLIENT_DPOP_BOUND | CLIENT_TLS_BOUND)))
        svc_json_fail(r->json, "%s: profile fapi2 needs dpop_bound or tls_bound",
                      names->bound);
}

/* Combinations by which no token could ever be had. */
static void check_binding(struct rp_reader *r, const struct rp_names *names) {
    const struct client *client = r->client;
    bool tls = client->auth >= CLIENT_AUTH_TLS;

    if ((client->features & CLIENT_DPOP_BOUND) && (client->features & CLIENT_TLS_BOUND))
        svc_json_fail(r->json, "%s: dpop_bound or tls_bound, not both", names->bound);
    if ((client->features & CLIENT_TLS_BOUND) && client->auth == CLIENT_AUTH_NONE)
        svc_json_fail(r->json, "%s: tls_bound needs another auth than none",
                      names->bound);
    if ((tls || (client->features & CLIENT_TLS_BOUND)) && !r->config->mtls_url[0])
        svc_json_fail(r->json, "%s: this cluster takes no certificates (mtls_url)",
                      names->auth);
    if (client->auth == CLIENT_AUTH_TLS && !r->config->client_ca[0])
        svc_json_fail(r->json, "%s: this cluster has no client_ca", names->auth);
}

/* OpenID Connect Core §8.1: one sector has one host. */
static void check_sector(struct rp_reader *r, const struct rp_names *names) {
    const struct client *client = r->client;
    struct span origin, first, host;

    if (!(client->features & CLIENT_PAIRWISE) || client->sector[0] || r->json->failed ||
        client->redirect_uris_count == 0)
        return;
    redirect_uri_origin(span_str(client->redirect_uris[0]), &origin, &first);
    for (size_t i = 1; i < client->redirect_uris_count; i++) {
        redirect_uri_origin(span_str(client->redirect_uris[i]), &origin, &host);
        if (!span_equal(host, first))
            svc_json_fail(r->json, "%s[%zu]: %s needs one host for all",
                          names->redirect_uris, i, names->pairwise);
    }
}

void svc_rp_check(struct rp_reader *r, const struct rp_names *names) {
    check_fapi2(r, names);
    check_binding(r, names);
    check_sector(r, names);
}

void svc_rp_put_strings(struct buf *out, const char *name, const char *const items[],
                        size_t count) {
    buf_printf(out, ",\"%s\":[", name);
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            buf_str(out, ",");
        buf_json(out, span_str(items[i]));
    }
    buf_str(out, "]");
}

void svc_rp_put_text(struct buf *out, const char *name, const char *text) {
    if (text[0])
        buf_json_member(out, name, span_str(text));
}

static void put_contacts(const struct client *client, struct buf *out) {
    const char *text = client->contacts;

    if (!text[0])
        return;
    buf_str(out, ",\"contacts\":[");
    for (const char *at = text; *at;) {
        size_t len = strcspn(at, "\n");

        buf_str(out, at == text ? "" : ",");
        buf_json(out, span_of(at, len));
        at += len + (at[len] != '\0');
    }
    buf_str(out, "]");
}

void svc_rp_put_addresses(const struct client *client, const struct rp_names *names,
                          struct buf *out) {
    svc_rp_put_strings(out, names->redirect_uris, client->redirect_uris,
                       client->redirect_uris_count);
    if (client->post_logout_uris_count > 0)
        svc_rp_put_strings(out, names->post_logout_uris, client->post_logout_uris,
                           client->post_logout_uris_count);
    svc_rp_put_text(out, "backchannel_logout_uri", client->backchannel_logout_uri);
    svc_rp_put_text(out, "initiate_login_uri", client->initiate_login_uri);
    svc_rp_put_text(out, "logo_uri", client->logo_uri);
    svc_rp_put_text(out, "policy_uri", client->policy_uri);
    svc_rp_put_text(out, "tos_uri", client->tos_uri);
    put_contacts(client, out);
}
