/* cmd_rp: `tasuki rp add` and `tasuki rp list`. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ops/cli/cmd.h"
#include "ops/cli/conn.h"
#include "ops/cli/input.h"
#include "ops/cli/table.h"

static const char add_usage[] =
    "usage: tasuki rp add CLIENT_ID --name NAME --redirect-uri URI... [OPTION...]\n"
    "\n"
    "Registers a relying party (RP), and prints its secret: once, it is not stored.\n"
    "\n"
    "  --name NAME          shown to people (Japanese)\n"
    "  --redirect-uri URI   https; native clients also http on 127.0.0.1 or [::1]\n"
    "  --scope SCOPES       openid profile user email address phone mandate\n"
    "                       jp_gbizid_v1_ida role delegation_info offline_access\n"
    "                       (default openid; address, phone: not with gbizid)\n"
    "  --auth METHOD        basic (default), post, none (public client, PKCE), or\n"
    "                       private_key_jwt or self_signed_tls (with --jwks-file),\n"
    "                       tls_client_auth (with --tls-subject)\n"
    "  --jwks-file FILE     the RP's public keys, a JWK Set (\"-\": standard input)\n"
    "  --alg ALG            of ID tokens: RS256 (default), ES256 or PS256\n"
    "  --tls-subject NAME   of the RP's certificate: dn:, dns:, uri:, ip: or email:\n"
    "  --profile PROFILE    gbizid (default), standard, or fapi2 (FAPI 2.0)\n"
    "  --post-logout-uri URI  where people may be sent after signing out\n"
    "  --backchannel-logout-uri URI  https; is told when a session ends\n"
    "  --feature NAME       logout_session (logout tokens must name the session),\n"
    "                       require_par (requests must be pushed), dpop_bound (tokens\n"
    "                       are bound to the RP's key), tls_bound (to its "
    "certificate),\n"
    "                       require_signed (requests must be signed), credentials\n"
    "                       (tokens for itself), introspection (may ask about all\n"
    "                       tokens), jwt_access (access tokens are JWTs),\n"
    "                       pairwise (another sub for each sector),\n"
    "                       userinfo_signed (userinfo answers with a JWT)\n"
    "  --sector HOST        pairwise: services of one sector share the sub\n"
    "  --audience URI       of its JWT access tokens (default: the issuer)\n"
    "  --account-type TYPE  who may sign in: entry, prime, member (default: all)\n"
    "  --contact TEXT       who answers for it; for staff alone\n"
    "  --logo-uri URI       --policy-uri URI     --tos-uri URI\n"
    "                       https; shown where people sign in\n"
    "  --initiate-login-uri URI  https; where a third party may begin a sign-in\n"
    "  --ministry NAME      --start-month YYYY-MM    shown in lists\n"
    "  --environment ENV    demo, verification, production: must be the cluster's\n"
    "  --native             an installed application (RFC 8252)\n"
    "  --government         a government service: consent is not asked\n"
    "  --secret-file FILE   use this secret (32 characters or more) instead of a\n"
    "                       drawn one (\"-\": standard input)\n"
    "  --replace            an RP with this CLIENT_ID is replaced; it keeps its stage,\n"
    "                       and its secret unless another one is given\n"
    "\n";

static const char list_usage[] = "usage: tasuki rp list [OPTION...]\n"
                                 "\n"
                                 "Prints the registered relying parties.\n"
                                 "\n";

struct rp_options {
    struct conn_options conn;
    struct args_list redirect_uris, scopes, account_types, post_logout_uris, features,
        contacts;
    const char *name, *ministry, *start_month, *environment;
    const char *auth, *alg, *profile, *secret_file, *backchannel_logout_uri, *jwks_file,
        *tls_subject, *audience, *sector, *logo_uri, *policy_uri, *tos_uri,
        *initiate_login_uri;
    bool native, government, replace;
};

static void set_text(json_t *object, const char *name, const char *value) {
    if (value)
        json_object_set_new(object, name, json_string(value));
}

static void set_flag(json_t *object, const char *name, bool value) {
    if (value)
        json_object_set_new(object, name, json_true());
}

static json_t *array_of(const struct args_list *list) {
    json_t *array = json_array();

    for (size_t i = 0; i < list->count; i++)
        json_array_append_new(array, json_string(list->items[i]));
    return array;
}

/* --scope "openid profile" --scope email: words and repetitions alike. */
static json_t *scopes_of(const struct args_list *list) {
    json_t *array = json_array();

    for (size_t i = 0; i < list->count; i++) {
        const char *text = list->items[i];

        while (*text) {
            size_t len = strcspn(text, " ,");

            if (len > 0)
                json_array_append_new(array, json_stringn(text, len));
            text += len + (text[len] != 0);
        }
    }
    if (json_array_size(array) == 0)
        json_array_append_new(array, json_string("openid"));
    return array;
}

#define JWKS_FILE_MAX (64u * 1024)

/* NULL after a sentence on stderr. */
static json_t *read_jwks(const char *path) {
    json_error_t error;
    struct buf text;
    json_t *jwks;

    buf_init(&text, JWKS_FILE_MAX);
    if (!input_file(path, &text)) {
        buf_free(&text);
        return NULL;
    }
    jwks =
        json_loadb((const char *)text.data, text.len, JSON_REJECT_DUPLICATES, &error);
    if (!jwks)
        fprintf(stderr, "tasuki: %s: line %d: %s\n", path, error.line, error.text);
    buf_free(&text);
    return jwks;
}

/* NULL after a sentence on stderr. */
static json_t *describe(const struct rp_options *options, const char *id,
                        const struct secret *secret) {
    json_t *jwks = options->jwks_file ? read_jwks(options->jwks_file) : NULL;
    json_t *rp = json_object();

    if (options->jwks_file && !jwks) {
        json_decref(rp);
        return NULL;
    }
    if (jwks)
        json_object_set_new(rp, "jwks", jwks);

    set_text(rp, "client_id", id);
    set_text(rp, "name", options->name);
    set_text(rp, "ministry", options->ministry);
    set_text(rp, "start_month", options->start_month);
    set_text(rp, "environment", options->environment);
    set_text(rp, "auth", options->auth);
    set_text(rp, "tls_subject", options->tls_subject);
    set_text(rp, "audience", options->audience);
    set_text(rp, "alg", options->alg);
    set_text(rp, "sector", options->sector);
    set_text(rp, "logo_uri", options->logo_uri);
    set_text(rp, "policy_uri", options->policy_uri);
    set_text(rp, "tos_uri", options->tos_uri);
    set_text(rp, "initiate_login_uri", options->initiate_login_uri);
    if (options->contacts.count > 0)
        json_object_set_new(rp, "contacts", array_of(&options->contacts));
    set_text(rp, "profile", options->profile);
    set_flag(rp, "native", options->native);
    set_flag(rp, "government", options->government);
    set_flag(rp, "replace", options->replace);
    json_object_set_new(rp, "redirect_uris", array_of(&options->redirect_uris));
    json_object_set_new(rp, "scopes", scopes_of(&options->scopes));
    if (options->account_types.count > 0)
        json_object_set_new(rp, "account_types", array_of(&options->account_types));
    if (options->post_logout_uris.count > 0)
        json_object_set_new(rp, "post_logout_uris",
                            array_of(&options->post_logout_uris));
    set_text(rp, "backchannel_logout_uri", options->backchannel_logout_uri);
    if (options->features.count > 0)
        json_object_set_new(rp, "features", array_of(&options->features));
    if (secret->data)
        set_text(rp, "client_secret", (const char *)secret->data);
    return rp;
}

static void print_added(const struct conn *conn, const json_t *answer, const char *id) {
    const char *secret = json_string_value(json_object_get(answer, "client_secret"));

    if (conn->json) {
        conn_print_json(answer);
        return;
    }
    printf("client_id      %s\n", id);
    if (secret)
        printf("client_secret  %s\n"
               "Give it to the RP now: it is not stored and cannot be shown again.\n",
               secret);
}

static int send(struct conn *conn, const json_t *rp, const char *id) {
    struct conn_answer answer = {0};
    char *body = json_dumps(rp, JSON_COMPACT);
    int code;

    if (!body) {
        fputs("tasuki: the arguments must be UTF-8\n", stderr);
        return EXIT_USAGE;
    }
    conn_write(conn, "/v1/clients", span_str(body), &answer);
    secret_wipe(body, strlen(body));
    free(body);
    code = conn_verdict(&answer, id);
    if (code == EXIT_DONE)
        print_added(conn, answer.json, id);
    conn_answer_free(&answer);
    return code;
}

static int add(const struct rp_options *options, const char *id) {
    struct secret secret = {0};
    struct conn conn;
    json_t *rp;
    int code;

    if (options->secret_file && !input_secret(options->secret_file, "secret", &secret))
        return EXIT_USAGE;
    rp = describe(options, id, &secret);
    code = rp ? conn_open(&options->conn, &conn) : EXIT_USAGE;
    if (code == EXIT_DONE) {
        code = send(&conn, rp, id);
        conn_close(&conn);
    }
    json_decref(rp);
    secret_free(&secret);
    return code;
}

int cmd_rp_add(int argc, char *const argv[]) {
    struct rp_options o = {0};
    const struct args_option own[] = {
        {"name", ARGS_TEXT, &o.name},
        {"redirect-uri", ARGS_LIST, &o.redirect_uris},
        {"scope", ARGS_LIST, &o.scopes},
        {"account-type", ARGS_LIST, &o.account_types},
        {"post-logout-uri", ARGS_LIST, &o.post_logout_uris},
        {"backchannel-logout-uri", ARGS_TEXT, &o.backchannel_logout_uri},
        {"feature", ARGS_LIST, &o.features},
        {"ministry", ARGS_TEXT, &o.ministry},
        {"start-month", ARGS_TEXT, &o.start_month},
        {"environment", ARGS_TEXT, &o.environment},
        {"auth", ARGS_TEXT, &o.auth},
        {"alg", ARGS_TEXT, &o.alg},
        {"profile", ARGS_TEXT, &o.profile},
        {"secret-file", ARGS_TEXT, &o.secret_file},
        {"jwks-file", ARGS_TEXT, &o.jwks_file},
        {"tls-subject", ARGS_TEXT, &o.tls_subject},
        {"audience", ARGS_TEXT, &o.audience},
        {"sector", ARGS_TEXT, &o.sector},
        {"logo-uri", ARGS_TEXT, &o.logo_uri},
        {"policy-uri", ARGS_TEXT, &o.policy_uri},
        {"tos-uri", ARGS_TEXT, &o.tos_uri},
        {"initiate-login-uri", ARGS_TEXT, &o.initiate_login_uri},
        {"contact", ARGS_LIST, &o.contacts},
        {"native", ARGS_FLAG, &o.native},
        {"government", ARGS_FLAG, &o.government},
        {"replace", ARGS_FLAG, &o.replace},
        {NULL, ARGS_FLAG, NULL},
    };
    struct args_list words;
    int code;

    if (!conn_args(argc, argv, own, add_usage, &o.conn, &words, &code))
        return code;
    if (words.count != 1 || !o.name || o.redirect_uris.count == 0) {
        fputs("tasuki: a CLIENT_ID, --name and --redirect-uri are expected; see tasuki "
              "rp add --help\n",
              stderr);
        return EXIT_USAGE;
    }
    return add(&o, words.items[0]);
}

/* ---- list */

static void put_joined(struct table *table, const json_t *array) {
    char text[TABLE_CELL_MAX] = "";
    size_t at = 0;

    for (size_t i = 0; i < json_array_size(array) && at < sizeof text - 1; i++) {
        const char *item = json_string_value(json_array_get(array, i));
        int len = snprintf(text + at, sizeof text - at, "%s%s", i ? " " : "",
                           item ? item : "");

        at += len > 0 ? (size_t)len : 0;
    }
    table_cell(table, "%s", text);
}

static void print_clients(const json_t *answer) {
    const json_t *clients = json_object_get(answer, "clients");
    static const char *const heads[] = {"CLIENT_ID", "STAGE", "NAME", "MINISTRY",
                                        "START",     "AUTH",  "ALG",  "SCOPES"};
    struct table table;

    table_begin(&table, heads, sizeof heads / sizeof heads[0]);
    for (size_t i = 0; i < json_array_size(clients); i++) {
        const json_t *client = json_array_get(clients, i);

        table_cell(&table, "%s", conn_text(client, "client_id"));
        table_cell(&table, "%s", conn_text(client, "stage"));
        table_cell(&table, "%s", conn_text(client, "name"));
        table_cell(&table, "%s", conn_text(client, "ministry"));
        table_cell(&table, "%s", conn_text(client, "start_month"));
        table_cell(&table, "%s", conn_text(client, "auth"));
        table_cell(&table, "%s", conn_text(client, "alg"));
        put_joined(&table, json_object_get(client, "scopes"));
    }
    table_print(&table);
    table_free(&table);
}

int cmd_rp_list(int argc, char *const argv[]) {
    struct conn_options options = {0};
    struct args_list words;
    int code;

    if (!conn_args(argc, argv, NULL, list_usage, &options, &words, &code))
        return code;
    if (words.count > 0) {
        fputs("tasuki: rp list takes no argument; see tasuki rp list --help\n", stderr);
        return EXIT_USAGE;
    }
    return conn_show(&options, "/v1/clients", print_clients);
}
