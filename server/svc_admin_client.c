/* svc_admin_client: an operator registers relying parties, or lists them. */
#include <stdio.h>
#include <stdlib.h>

#include "server/crypto/client_cert.h"
#include "server/crypto/client_keys.h"
#include "server/oidc/client_auth.h"
#include "server/oidc/redirect_uri.h"
#include "server/oidc/scope.h"
#include "server/svc_admin_internal.h"
#include "store/base/codec.h"
#include "store/base/secret.h"

#define CLIENT_NAME_MAX 300 /* bytes: 100 characters of Japanese */
#define CLIENT_SECRET_MIN 32
#define CLIENT_LIST_MAX (8u * 1024 * 1024)

/* In the order of the enums' numbers, which begin at 1. */
static const char *const environments[] = {"demo", "verification", "production", NULL};
static const char *const profiles[] = {"gbizid", "standard", "fapi2", NULL};
static const char *const auths[] = {
    "none", "basic", "post", "private_key_jwt", "tls_client_auth", "self_signed_tls",
    NULL};
const char *const svc_admin_stages[] = {"applied",   "in_verification", "approved", "live",
                                     "suspended", "retired",         NULL};
static const char *const algs[] = {"RS256", "ES256", "PS256", NULL};
static const char *const features[] = {
    "logout_session", "require_par",   "dpop_bound", "tls_bound", "require_signed",
    "credentials",    "introspection", "jwt_access", "pairwise",  NULL};
static const uint64_t feature_bits[] = {
    CLIENT_LOGOUT_SESSION, CLIENT_REQUIRE_PAR, CLIENT_DPOP_BOUND,    CLIENT_TLS_BOUND,
    CLIENT_REQUIRE_SIGNED, CLIENT_CREDENTIALS, CLIENT_INTROSPECTION, CLIENT_JWT_ACCESS,
    CLIENT_PAIRWISE};
static const char *const account_types[] = {"entry", "prime", "member", NULL};

struct client_op {
    struct admin_op admin; /* first */
    struct client client;
    struct span secret; /* given; empty: drawn */
    char drawn[CLIENT_SECRET_TEXT + 1];
    bool replace;
    bool dry_run; /* say what is wrong, and do nothing */
};

size_t svc_admin_client_size(void) {
    return sizeof(struct client_op);
}

static const char *keep(struct client_op *op, struct span text) {
    const char *copy = arena_strndup(&op->admin.admin->op.arena,
                                     text.len ? (const void *)text.data : "", text.len);

    if (!copy)
        svc_json_fail(&op->admin.json, "the request is too large");
    return copy;
}

/* Shown to people (SECURITY F10): no control characters. */
static const char *read_label(struct client_op *op, const char *name, bool required) {
    struct span text = svc_json_text(&op->admin.json, name, required, required ? 1 : 0,
                                     CLIENT_NAME_MAX);

    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < 0x20 || text.data[i] == 0x7f)
            svc_json_fail(&op->admin.json, "%s: control characters are not allowed",
                          name);
    }
    return keep(op, text);
}

static void read_scopes(struct client_op *op) {
    struct svc_json *json = &op->admin.json;
    size_t count = svc_json_array(json, "scopes", true, 16);

    for (size_t i = 0; i < count && !json->failed; i++) {
        struct span text = svc_json_item(json, "scopes", i, LIMIT_SCOPE);
        uint64_t bit = 0;

        if (json->failed)
            return;
        /* Unknown names give no bit; two names in one item give two. */
        if (!scope_parse(text, &bit) || bit == 0 || (bit & (bit - 1)) != 0)
            svc_json_fail(json, "scopes[%zu]: there is no such scope", i);
        op->client.scopes |= bit;
    }
    if (!json->failed && op->client.profile == CLIENT_GBIZID &&
        (op->client.scopes & ~SCOPE_GBIZID))
        svc_json_fail(json, "scopes: address and phone are not of profile gbizid");
    if (!json->failed && !(op->client.scopes & SCOPE_OPENID))
        svc_json_fail(json, "scopes: openid must be among them");
}

static void read_account_types(struct client_op *op) {
    struct svc_json *json = &op->admin.json;
    size_t count = svc_json_array(json, "account_types", false, 3);

    if (count == 0)
        op->client.account_types =
            1u << ACCOUNT_ENTRY | 1u << ACCOUNT_PRIME | 1u << ACCOUNT_MEMBER;
    for (size_t i = 0; i < count && !json->failed; i++) {
        struct span text = svc_json_item(json, "account_types", i, 16);
        int type = svc_json_find(account_types, text);

        if (type == 0)
            svc_json_fail(json,
                          "account_types[%zu]: entry, prime or member is expected", i);
        else
            op->client.account_types |= 1u << type;
    }
}

/* How many there are, in `out`. */
static size_t read_uris(struct client_op *op, const char *name, bool required,
                        const char *out[CLIENT_REDIRECTS_MAX]) {
    struct svc_json *json = &op->admin.json;
    size_t count = svc_json_array(json, name, required, CLIENT_REDIRECTS_MAX);
    const char *why;

    for (size_t i = 0; i < count && !json->failed; i++) {
        struct span uri = svc_json_item(json, name, i, LIMIT_REDIRECT_URI);

        if (!json->failed && !redirect_uri_check(uri, op->client.native, &why))
            svc_json_fail(json, "%s[%zu]: %s", name, i, why);
        for (size_t j = 0; j < i && !json->failed; j++) {
            if (span_is(uri, out[j]))
                svc_json_fail(json, "%s[%zu]: stands there twice", name, i);
        }
        out[i] = keep(op, uri);
    }
    return count;
}

/* Back-Channel Logout 1.0 §2.2: absolute, without a fragment; over TLS alone here. */
static void read_logout(struct client_op *op) {
    static const char name[] = "backchannel_logout_uri";
    struct svc_json *json = &op->admin.json;
    struct span uri = svc_json_text(json, name, false, 1, LIMIT_REDIRECT_URI);
    const char *why;

    op->client.post_logout_uris_count =
        read_uris(op, "post_logout_uris", false, op->client.post_logout_uris);
    if (uri.len > 0 && !redirect_uri_check(uri, false, &why))
        svc_json_fail(json, "%s: %s", name, why);
    op->client.backchannel_logout_uri = keep(op, uri);
}

static void read_features(struct client_op *op) {
    struct svc_json *json = &op->admin.json;
    size_t count = svc_json_array(json, "features", false, 16);

    for (size_t i = 0; i < count && !json->failed; i++) {
        int feature = svc_json_find(features, svc_json_item(json, "features", i, 32));

        if (!json->failed && feature == 0)
            svc_json_fail(json, "features[%zu]: there is no such feature", i);
        else if (feature > 0)
            op->client.features |= feature_bits[feature - 1];
    }
}

static void read_start_month(struct client_op *op) {
    struct svc_json *json = &op->admin.json;
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
    op->client.start_month = keep(op, text);
}

/* RFC 7517 §5. Kept as it is written, without spaces. */
static void read_jwks(struct client_op *op) {
    struct svc_json *json = &op->admin.json;
    json_t *set = json->failed ? NULL : json_object_get(json->root, "jwks");
    char *text = set ? json_dumps(set, JSON_COMPACT) : NULL;
    const char *why = "out of memory";
    struct client_keys *keys = NULL;
    unsigned usable =
        op->client.profile == CLIENT_FAPI2 ? JWS_ALGS_FAPI2 : JWS_ALGS_STANDARD;

    op->client.jwks = "";
    if (set && (!text || client_keys_parse(span_str(text), &keys, &why) != OK))
        svc_json_fail(json, "jwks: %s", why);
    else if (set)
        op->client.jwks = keep(op, span_str(text));
    if (op->client.auth == CLIENT_AUTH_PRIVATE_KEY_JWT &&
        (!keys || client_keys_count(keys, usable) == 0))
        svc_json_fail(json, "jwks: a key that can verify is needed with auth "
                            "private_key_jwt");
    if (op->client.auth == CLIENT_AUTH_SELF_SIGNED_TLS && !keys)
        svc_json_fail(json, "jwks: certificates (x5c) are needed with auth "
                            "self_signed_tls");
    client_keys_free(keys);
    free(text);
}

/* FAPI 2.0 Security Profile §5.3.2.1, §5.4. */
static void check_fapi2(struct client_op *op) {
    const struct client *client = &op->client;

    if (client->profile != CLIENT_FAPI2)
        return;
    if (client->auth < CLIENT_AUTH_PRIVATE_KEY_JWT)
        svc_json_fail(&op->admin.json,
                      "auth: profile fapi2 takes keys and certificates alone");
    if (client->id_token_alg == CLIENT_RS256)
        svc_json_fail(&op->admin.json, "alg: profile fapi2 does not take RS256");
    if (!(client->features & (CLIENT_DPOP_BOUND | CLIENT_TLS_BOUND)))
        svc_json_fail(&op->admin.json,
                      "features: profile fapi2 needs dpop_bound or tls_bound");
}

/* Combinations by which no token could ever be had. */
static void check_binding(struct client_op *op) {
    const struct config *config = op->admin.base.svc->shared->config;
    const struct client *client = &op->client;
    struct svc_json *json = &op->admin.json;
    bool tls = client->auth >= CLIENT_AUTH_TLS;

    if ((client->features & CLIENT_DPOP_BOUND) && (client->features & CLIENT_TLS_BOUND))
        svc_json_fail(json, "features: dpop_bound or tls_bound, not both");
    if ((client->features & CLIENT_TLS_BOUND) && client->auth == CLIENT_AUTH_NONE)
        svc_json_fail(json, "features: tls_bound needs another auth than none");
    if ((tls || (client->features & CLIENT_TLS_BOUND)) && !config->mtls_url[0])
        svc_json_fail(json, "auth: this cluster takes no certificates (mtls_url)");
    if (client->auth == CLIENT_AUTH_TLS && !config->client_ca[0])
        svc_json_fail(json, "auth: this cluster has no client_ca");
}

/* OpenID Connect Core §8.1: one sector has one host. */
static void check_sector(struct client_op *op) {
    const struct client *client = &op->client;
    struct span origin, first, host;

    if (!(client->features & CLIENT_PAIRWISE) || op->admin.json.failed)
        return;
    redirect_uri_origin(span_str(client->redirect_uris[0]), &origin, &first);
    for (size_t i = 1; i < client->redirect_uris_count; i++) {
        redirect_uri_origin(span_str(client->redirect_uris[i]), &origin, &host);
        if (!span_equal(host, first))
            svc_json_fail(&op->admin.json,
                          "redirect_uris[%zu]: pairwise needs one host for all", i);
    }
}

/* RFC 9068 §3: of its JWT access tokens. */
static void read_audience(struct client_op *op) {
    struct svc_json *json = &op->admin.json;
    struct span text = svc_json_text(json, "audience", false, 1, LIMIT_REDIRECT_URI);
    const char *why;

    if (text.len > 0 && !redirect_uri_check(text, false, &why))
        svc_json_fail(json, "audience: %s", why);
    op->client.audience = keep(op, text);
}

static void read_tls_subject(struct client_op *op) {
    struct svc_json *json = &op->admin.json;
    bool needed = op->client.auth == CLIENT_AUTH_TLS;
    struct span text =
        svc_json_text(json, "tls_subject", needed, 1, LIMIT_CLIENT_SUBJECT);

    if (text.len > 0 && !client_cert_subject_valid(text))
        svc_json_fail(json, "tls_subject: dn:, dns:, uri:, ip: or email: and a name is "
                            "expected");
    op->client.tls_subject = keep(op, text);
}

static bool has_secret(const struct client *client) {
    return client->auth == CLIENT_AUTH_BASIC || client->auth == CLIENT_AUTH_POST;
}

struct span svc_admin_secret(struct svc_json *json) {
    struct span secret = svc_json_text(json, "client_secret", false, CLIENT_SECRET_MIN,
                                       CLIENT_SECRET_MAX);

    for (size_t i = 0; i < secret.len; i++) {
        if (secret.data[i] <= 0x20 || secret.data[i] >= 0x7f)
            svc_json_fail(json, "client_secret: printable ASCII without spaces is "
                                "expected");
    }
    return secret;
}

static void read_secret(struct client_op *op) {
    op->secret = svc_admin_secret(&op->admin.json);
    if (op->secret.len > 0 && !has_secret(&op->client))
        svc_json_fail(&op->admin.json,
                      "client_secret: only auth basic and post have one");
}

static void read_request(struct client_op *op) {
    static const char *const members[] = {"client_id",
                                          "name",
                                          "ministry",
                                          "environment",
                                          "profile",
                                          "auth",
                                          "alg",
                                          "stage",
                                          "native",
                                          "government",
                                          "scopes",
                                          "replace",
                                          "dry_run",
                                          "client_secret",
                                          "account_types",
                                          "redirect_uris",
                                          "start_month",
                                          "post_logout_uris",
                                          "backchannel_logout_uri",
                                          "features",
                                          "jwks",
                                          "tls_subject",
                                          "audience",
                                          NULL};
    const struct config *config = op->admin.base.svc->shared->config;
    struct svc_json *json = &op->admin.json;
    struct client *client = &op->client;
    struct span id;

    svc_json_parse(json, op->admin.admin->body_in, members);
    id = svc_json_text(json, "client_id", true, 1, LIMIT_CLIENT_ID);
    if (!json->failed && !client_auth_id_valid(id))
        svc_json_fail(json,
                      "client_id: letters, digits, '.', '_' and '-' are expected");
    client->client_id = keep(op, id);
    client->name = read_label(op, "name", true);
    client->ministry = read_label(op, "ministry", false);
    client->environment = (enum client_environment)svc_json_choice(
        json, "environment", environments, (int)config->environment);
    if (!json->failed && client->environment != config->environment)
        svc_json_fail(json, "environment: this cluster's is %s",
                      environments[config->environment - 1]);
    client->profile =
        (enum client_profile)svc_json_choice(json, "profile", profiles, CLIENT_GBIZID);
    client->auth =
        (enum client_auth)svc_json_choice(json, "auth", auths, CLIENT_AUTH_BASIC);
    client->id_token_alg =
        (enum client_alg)svc_json_choice(json, "alg", algs, CLIENT_RS256);
    client->stage =
        (enum client_stage)svc_json_choice(json, "stage", svc_admin_stages, CLIENT_LIVE);
    client->native = svc_json_bool(json, "native", false);
    client->government = svc_json_bool(json, "government", false);
    op->replace = svc_json_bool(json, "replace", false);
    op->dry_run = svc_json_bool(json, "dry_run", false);
    read_scopes(op);
    read_account_types(op);
    client->redirect_uris_count =
        read_uris(op, "redirect_uris", true, client->redirect_uris);
    read_logout(op);
    read_features(op);
    read_start_month(op);
    read_jwks(op);
    read_tls_subject(op);
    read_audience(op);
    check_fapi2(op);
    check_binding(op);
    check_sector(op);
    read_secret(op);
}

static void added(struct svc_state *state) {
    struct client_op *op = (struct client_op *)state;
    struct buf *out = &state->svc->scratch;

    if (state->request.outcome.code == OUT_EXISTS) {
        svc_admin_refuse(&op->admin, ADMIN_CONFLICT,
                         "client_id: there is a client with this ID already");
        return;
    }
    if (state->request.outcome.code == OUT_CLIENT_STATE) {
        svc_admin_refuse(&op->admin, ADMIN_CONFLICT,
                         "client_id: this client is retired, or has changed meanwhile");
        return;
    }
    if (state->request.outcome.code != OUT_OK) {
        svc_fail(state, ERR_CORRUPT);
        return;
    }
    buf_reset(out);
    buf_str(out, "{");
    buf_json_member(out, "client_id", span_str(op->client.client_id));
    /* Shown now or never: only its keyed hash is stored. */
    if (op->drawn[0])
        buf_json_member(out, "client_secret", span_str(op->drawn));
    buf_str(out, "}");
    svc_admin_answer(&op->admin, out);
}

struct span svc_admin_secret_draw(struct svc *svc, char text[CLIENT_SECRET_TEXT + 1]) {
    uint8_t bytes[32];

    svc_random(svc, bytes, sizeof bytes);
    base64url_encode(span_of(bytes, sizeof bytes), text);
    secret_wipe(bytes, sizeof bytes);
    return span_of(text, CLIENT_SECRET_TEXT);
}

/* The row that there is. ERR_NOT_FOUND. */
static enum err read_old(struct client_op *op, struct client *ret_old) {
    struct svc *svc = op->admin.base.svc;
    enum err err = svc_read_begin(svc);

    if (err)
        return err;
    err = store_client_get(svc->read, &op->admin.admin->op.arena,
                           span_str(op->client.client_id), ret_old);
    svc_read_end(svc);
    return err;
}

/* What the state machine would say now. */
static void answer_dry(struct client_op *op, const struct client *old) {
    struct buf *out = &op->admin.base.svc->scratch;

    if (old && !op->replace) {
        svc_admin_refuse(&op->admin, ADMIN_CONFLICT,
                         "client_id: there is a client with this ID already");
        return;
    }
    if (old && old->stage == CLIENT_RETIRED) {
        svc_admin_refuse(&op->admin, ADMIN_CONFLICT,
                         "client_id: this client is retired");
        return;
    }
    buf_reset(out);
    buf_str(out, "{");
    buf_json_member(out, "client_id", span_str(op->client.client_id));
    buf_str(out, "}");
    svc_admin_answer(&op->admin, out);
}

static void submit(struct client_op *op, const struct client *old) {
    struct svc *svc = op->admin.base.svc;
    struct command command = {.type = CMD_CLIENT_PUT};
    /* A replaced client keeps its secret unless another one is given. */
    bool keeps = old && op->replace && op->secret.len == 0 && has_secret(old);

    if (has_secret(&op->client) && !keeps) {
        if (op->secret.len == 0)
            op->secret = svc_admin_secret_draw(svc, op->drawn);
        sealer_hash(svc->sealer, HASH_CLIENT_SECRET, op->secret,
                    op->client.secret_hash);
    }
    command.client_put.client = op->client;
    command.client_put.replace = op->replace;
    svc_submit(&op->admin.base, &command, added);
}

void svc_admin_client_add(struct admin_op *admin) {
    struct client_op *op = (struct client_op *)admin;
    struct client old;
    enum err err;

    read_request(op);
    if (admin->json.failed) {
        svc_admin_invalid(admin);
        return;
    }
    err = read_old(op, &old);
    if (err && err != ERR_NOT_FOUND)
        svc_fail(&admin->base, err);
    else if (op->dry_run)
        answer_dry(op, err ? NULL : &old);
    else
        submit(op, err ? NULL : &old);
}

/* ---- list */

static void put_strings(struct buf *out, const char *name, const char *const items[],
                        size_t count) {
    buf_printf(out, ",\"%s\":[", name);
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            buf_str(out, ",");
        buf_json(out, span_str(items[i]));
    }
    buf_str(out, "]");
}

static void put_scopes(struct buf *out, uint64_t scopes) {
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

    for (size_t i = 0; features[i]; i++) {
        if (mask & feature_bits[i])
            names[count++] = features[i];
    }
    put_strings(out, "features", names, count);
}

static void put_account_types(struct buf *out, uint32_t mask) {
    const char *names[3];
    size_t count = 0;

    for (unsigned i = 0; i < 3; i++) {
        if (mask & (1u << (i + 1)))
            names[count++] = account_types[i];
    }
    put_strings(out, "account_types", names, count);
}

/* Left out when there is none: a registration would not take an empty one. */
static void put_text(struct buf *out, const char *name, const char *text) {
    if (text[0])
        buf_json_member(out, name, span_str(text));
}

static bool put_client(void *arg, const struct client *client) {
    struct buf *out = arg;

    if (out->len > 0 && out->data[out->len - 1] == '}')
        buf_str(out, ",");
    buf_str(out, "{");
    buf_json_member(out, "client_id", span_str(client->client_id));
    buf_json_member(out, "name", span_str(client->name));
    put_text(out, "ministry", client->ministry);
    put_text(out, "start_month", client->start_month);
    buf_json_member(out, "environment",
                    span_str(environments[client->environment - 1]));
    buf_json_member(out, "profile", span_str(profiles[client->profile - 1]));
    buf_json_member(out, "auth", span_str(auths[client->auth - 1]));
    buf_json_member(out, "alg", span_str(algs[client->id_token_alg - 1]));
    buf_json_bool(out, "native", client->native);
    buf_json_bool(out, "government", client->government);
    buf_json_member(out, "stage", span_str(svc_admin_stages[client->stage - 1]));
    put_scopes(out, client->scopes);
    put_account_types(out, client->account_types);
    put_strings(out, "redirect_uris", client->redirect_uris,
                client->redirect_uris_count);
    put_strings(out, "post_logout_uris", client->post_logout_uris,
                client->post_logout_uris_count);
    put_text(out, "backchannel_logout_uri", client->backchannel_logout_uri);
    put_features(out, client->features);
    put_text(out, "audience", client->audience);
    put_text(out, "tls_subject", client->tls_subject);
    if (client->jwks[0])
        buf_printf(out, ",\"jwks\":%s", client->jwks);
    if (client->old_secret_until_ms > 0)
        buf_json_u64(out, "old_secret_until_ms", client->old_secret_until_ms);
    buf_json_u64(out, "created_ms", client->created_ms);
    buf_str(out, "}");
    return buf_err(out) == OK;
}

void svc_admin_client_list(struct admin_op *op) {
    struct svc *svc = op->base.svc;
    struct buf out;
    enum err err;

    buf_init(&out, CLIENT_LIST_MAX);
    err = svc_read_begin(svc);
    if (!err) {
        buf_str(&out, "{\"clients\":[");
        err = store_client_walk(svc->read, &op->admin->op.arena, put_client, &out);
        svc_read_end(svc);
        buf_str(&out, "]}");
    }
    if (err)
        svc_fail(&op->base, err);
    else
        svc_admin_answer(op, &out);
    buf_free(&out);
}
