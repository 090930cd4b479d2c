/* cmd_key: `tasuki key list`, `tasuki key rotate ALG`, `tasuki key revoke KID`. */
#include <stdio.h>
#include <string.h>

#include "ops/cli/cmd.h"
#include "ops/cli/conn.h"
#include "ops/cli/table.h"
#include "store/base/japan.h"

#define BODY_MAX 1024

static const char usage_text[] =
    "usage: tasuki key list [OPTION...]\n"
    "       tasuki key rotate ALG [OPTION...]\n"
    "       tasuki key revoke KID [OPTION...]\n"
    "\n"
    "list    the cluster's signing keys: published (in the JWKS, does not sign yet),\n"
    "        active (signs), retired (verifies alone, until it is removed). Times are\n"
    "        Japan's (JST)\n"
    "rotate  a new key for RS256, ES256 or PS256. It is published at once, and signs\n"
    "        after key_publish_s of the nodes' configuration, when every RP has read\n"
    "        the JWKS anew. Nodes do this by themselves every key_rotate_s\n"
    "revoke  a key that others may have: it leaves the JWKS at once, so that what it\n"
    "        has signed is not believed any more, and another one signs at once.\n"
    "        RPs must read the JWKS anew to go on\n"
    "\n";

static void put_time(struct table *table, const json_t *key, const char *name) {
    long long ms = (long long)json_integer_value(json_object_get(key, name));
    char text[JAPAN_TEXT_MAX] = "-";

    if (ms > 0)
        japan_print((uint64_t)ms, JAPAN_SECOND, text);
    table_cell(table, "%s", text);
}

static void print_list(const json_t *answer) {
    static const char *const heads[] = {"KID",   "ALG",     "STATE",
                                        "SIGNS", "RETIRES", "REMOVED"};
    const json_t *keys = json_object_get(answer, "keys");
    struct table table;

    table_begin(&table, heads, sizeof heads / sizeof heads[0]);
    for (size_t i = 0; i < json_array_size(keys); i++) {
        const json_t *key = json_array_get(keys, i);

        table_cell(&table, "%s", conn_text(key, "kid"));
        table_cell(&table, "%s", conn_text(key, "alg"));
        table_cell(&table, "%s", conn_text(key, "state"));
        put_time(&table, key, "activates_ms");
        put_time(&table, key, "retires_ms");
        put_time(&table, key, "ends_ms");
    }
    table_print(&table);
    table_free(&table);
}

static int list(struct conn *conn) {
    struct conn_answer answer;

    conn_read(conn, "/v1/keys", &answer);
    return conn_tell(conn, &answer, NULL, print_list);
}

static int change(struct conn *conn, const char *path, const char *member,
                  const char *value) {
    struct conn_answer answer = {0};
    struct buf body;
    int code = EXIT_USAGE;

    buf_init(&body, BODY_MAX);
    buf_str(&body, "{");
    buf_json_member(&body, member, span_str(value));
    buf_str(&body, "}");
    if (buf_err(&body)) {
        fprintf(stderr, "tasuki: the %s is too long\n", member);
    } else {
        conn_write(conn, path, buf_span(&body), &answer);
        code = conn_verdict(&answer, value);
        if (code == EXIT_DONE && conn->json)
            conn_print_json(answer.json);
        else if (code == EXIT_DONE)
            printf("%s %s is published\n", conn_text(answer.json, "alg"),
                   conn_text(answer.json, "kid"));
    }
    conn_answer_free(&answer);
    buf_free(&body);
    return code;
}

int cmd_key(int argc, char *const argv[]) {
    struct conn_options options = {0};
    struct args_list words;
    struct conn conn;
    const char *verb;
    int code;

    if (!conn_args(argc, argv, NULL, usage_text, &options, &words, &code))
        return code;
    verb = words.count > 0 ? words.items[0] : "list";
    if (!(strcmp(verb, "list") == 0 && words.count <= 1) &&
        !((strcmp(verb, "rotate") == 0 || strcmp(verb, "revoke") == 0) &&
          words.count == 2)) {
        fputs("tasuki: list, rotate ALG or revoke KID is expected; see tasuki key "
              "--help\n",
              stderr);
        return EXIT_USAGE;
    }
    code = conn_open(&options, &conn);
    if (code != EXIT_DONE)
        return code;
    if (verb[0] == 'l')
        code = list(&conn);
    else if (strcmp(verb, "rotate") == 0)
        code = change(&conn, "/v1/keys", "alg", words.items[1]);
    else
        code = change(&conn, "/v1/keys/revoke", "kid", words.items[1]);
    conn_close(&conn);
    return code;
}
