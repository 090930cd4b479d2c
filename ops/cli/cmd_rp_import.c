/* cmd_rp_import: `tasuki rp import`, two requests a relying party: all are checked before
 * the first is written. And `tasuki rp export`. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ops/cli/cmd.h"
#include "ops/cli/conn.h"
#include "ops/cli/input.h"

#define IMPORT_FILE_MAX (8u * 1024 * 1024)

static const char usage_text[] =
    "usage: tasuki rp import FILE [--replace] [--dry-run] [OPTION...]\n"
    "\n"
    "Registers the relying parties of FILE (\"-\": standard input): a JSON array of\n"
    "objects, or one object a line. Members: client_id, name, redirect_uris, scopes\n"
    "(arrays); and as wanted ministry, start_month, environment, profile, auth, alg,\n"
    "native, government, account_types, post_logout_uris, backchannel_logout_uri,\n"
    "features, jwks, tls_subject, audience, sector, contacts, logo_uri, policy_uri,\n"
    "tos_uri, initiate_login_uri, stage, client_secret, replace.\n"
    "All of them are checked first: if one is refused, none is registered.\n"
    "Prints what was done with each, and each secret that was drawn: once, it is not\n"
    "stored.\n"
    "\n"
    "  --replace  those that exist are replaced\n"
    "  --dry-run  only check, and print what each would change\n"
    "\n";

/* An array, or objects one after another. NULL after a sentence on stderr. */
static json_t *parse(const char *path, struct span text) {
    json_t *list = NULL;
    size_t at = 0;

    while (at < text.len) {
        json_error_t error;
        json_t *value;

        if (strchr(" \r\n", text.data[at])) {
            at++;
            continue;
        }
        value = json_loadb((const char *)text.data + at, text.len - at,
                           JSON_DISABLE_EOF_CHECK | JSON_REJECT_DUPLICATES, &error);
        if (!value) {
            fprintf(stderr, "tasuki: %s: at byte %zu: %s\n", path,
                    at + (size_t)error.position, error.text);
            json_decref(list);
            return NULL;
        }
        at += (size_t)error.position;
        if (json_is_array(value) && !list) {
            list = value;
            continue;
        }
        if (!list)
            list = json_array();
        json_array_append_new(list, value);
    }
    if (!list)
        fprintf(stderr, "tasuki: %s: there is nothing in it\n", path);
    return list;
}

/* What a dry run says of one: new, unchanged, or the members that would change. */
static void print_dry(const char *id, const json_t *answer) {
    const json_t *changes = json_object_get(answer, "changes");
    const char *secret = json_string_value(json_object_get(answer, "secret"));
    bool sets = secret && (strcmp(secret, "given") == 0 || strcmp(secret, "drawn") == 0);

    printf("%s: ", id);
    if (!json_is_true(json_object_get(answer, "exists")))
        printf("new");
    else if (json_array_size(changes) == 0 && !sets)
        printf("unchanged");
    else
        printf("changed:");
    for (size_t i = 0; i < json_array_size(changes); i++) {
        const json_t *change = json_array_get(changes, i);
        const char *member = json_string_value(json_object_get(change, "member"));
        printf("%s %s", i > 0 ? "," : "", member ? member : "?");
    }
    printf("%s%s\n", sets ? "; secret " : "", sets ? secret : "");
}

/* The answer for one, with what --json prints about it. `results` NULL: print nothing. */
static int import_one(struct conn *conn, json_t *rp, bool replace, json_t *results) {
    const char *id = json_string_value(json_object_get(rp, "client_id"));
    struct conn_answer answer;
    const char *secret;
    char *body;
    int code;

    id = id ? id : "an entry without client_id";
    if (replace && json_is_object(rp))
        json_object_set_new(rp, "replace", json_true());
    body = json_dumps(rp, JSON_COMPACT | JSON_ENCODE_ANY);
    if (!body)
        return EXIT_USAGE;
    conn_write(conn, "/v1/clients", span_str(body), &answer);
    secret_wipe(body, strlen(body));
    free(body);
    code = conn_verdict(&answer, id);
    secret = json_string_value(json_object_get(answer.json, "client_secret"));
    if (code == EXIT_DONE && results && conn->json)
        json_array_append(results, answer.json);
    else if (code == EXIT_DONE && results && json_object_get(answer.json, "exists"))
        print_dry(id, answer.json);
    else if (code == EXIT_DONE && results)
        printf("%s%s%s\n", id, secret ? "  client_secret " : "", secret ? secret : "");
    conn_answer_free(&answer);
    return code;
}

/* One by the other: two entries of one ID, or what a node refuses. `results`: what each
 * would change, printed; NULL: it is not asked for. */
static int check_all(struct conn *conn, json_t *list, bool replace, json_t *results) {
    json_t *seen = json_object();
    int worst = EXIT_DONE;

    for (size_t i = 0; i < json_array_size(list); i++) {
        json_t *rp = json_deep_copy(json_array_get(list, i));
        const char *id = json_string_value(json_object_get(rp, "client_id"));
        int code = EXIT_REFUSED;

        if (id && json_object_get(seen, id)) {
            fprintf(stderr, "tasuki: %s: stands there twice\n", id);
        } else {
            if (id)
                json_object_set_new(seen, id, json_true());
            if (json_is_object(rp))
                json_object_set_new(rp, "dry_run", json_true());
            code = import_one(conn, rp, replace, results);
        }
        json_decref(rp);
        if (code != EXIT_DONE)
            worst = code;
        if (code == EXIT_UNREACHABLE || code == EXIT_AGAIN)
            break;
    }
    json_decref(seen);
    return worst;
}

static int import(struct conn *conn, json_t *list, bool replace) {
    json_t *results = json_array();
    int worst = EXIT_DONE;
    size_t done = 0;

    for (size_t i = 0; i < json_array_size(list); i++) {
        int code = import_one(conn, json_array_get(list, i), replace, results);

        done += code == EXIT_DONE;
        if (code != EXIT_DONE)
            worst = code;
        if (code == EXIT_UNREACHABLE || code == EXIT_AGAIN)
            break; /* the rest would only fail alike */
    }
    if (conn->json)
        conn_print_json(results);
    json_decref(results);
    fprintf(stderr, "tasuki: %zu of %zu registered\n", done, json_array_size(list));
    return worst;
}

static int run(const struct conn_options *options, const char *path, bool replace,
               bool dry_run) {
    struct conn conn;
    struct buf text;
    json_t *list, *results;
    int code;

    code = conn_open(options, &conn);
    if (code != EXIT_DONE)
        return code;
    buf_init(&text, IMPORT_FILE_MAX);
    list = input_file(path, &text) ? parse(path, buf_span(&text)) : NULL;
    results = dry_run ? json_array() : NULL;
    code = list ? check_all(&conn, list, replace, results) : EXIT_USAGE;
    if (code == EXIT_DONE && dry_run && conn.json)
        conn_print_json(results);
    json_decref(results);
    if (list && code != EXIT_DONE)
        fputs("tasuki: nothing was registered\n", stderr);
    else if (list && dry_run)
        fprintf(stderr, "tasuki: %zu are good\n", json_array_size(list));
    else if (list)
        code = import(&conn, list, replace);
    json_decref(list);
    buf_free(&text);
    conn_close(&conn);
    return code;
}

int cmd_rp_import(int argc, char *const argv[]) {
    struct conn_options options = {0};
    bool replace = false, dry_run = false;
    const struct args_option own[] = {{"replace", ARGS_FLAG, &replace},
                                      {"dry-run", ARGS_FLAG, &dry_run},
                                      {NULL, ARGS_FLAG, NULL}};
    struct args_list words;
    int code;

    if (!conn_args(argc, argv, own, usage_text, &options, &words, &code))
        return code;
    if (words.count != 1) {
        fputs("tasuki: a FILE is expected; see tasuki rp import --help\n", stderr);
        return EXIT_USAGE;
    }
    return run(&options, words.items[0], replace, dry_run);
}

/* ---- export */

static const char export_usage[] =
    "usage: tasuki rp export [OPTION...]\n"
    "\n"
    "Prints the relying parties as a JSON array that rp import takes. Secrets are not in\n"
    "it: nobody knows them. An import draws others for those that are new.\n"
    "\n";

int cmd_rp_export(int argc, char *const argv[]) {
    /* What a registration does not tell. */
    static const char *const own[] = {"created_ms", "old_secret_until_ms", "revision",
                                      "dynamic", "suspended_from"};
    struct conn_options options = {0};
    struct conn_answer answer;
    struct args_list words;
    struct conn conn;
    json_t *clients;
    int code;

    if (!conn_args(argc, argv, NULL, export_usage, &options, &words, &code))
        return code;
    if (words.count > 0) {
        fputs("tasuki: rp export takes no argument\n", stderr);
        return EXIT_USAGE;
    }
    code = conn_open(&options, &conn);
    if (code != EXIT_DONE)
        return code;
    conn_read(&conn, "/v1/clients", &answer);
    code = conn_verdict(&answer, NULL);
    clients = json_object_get(answer.json, "clients");
    for (size_t i = 0; i < json_array_size(clients); i++)
        for (size_t j = 0; j < sizeof own / sizeof own[0]; j++)
            json_object_del(json_array_get(clients, i), own[j]);
    if (code == EXIT_DONE)
        conn_print_json(clients);
    conn_answer_free(&answer);
    conn_close(&conn);
    return code;
}
