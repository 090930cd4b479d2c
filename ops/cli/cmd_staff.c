/* cmd_staff: `tasuki staff add`. The password never stands in argv, and is wiped after
 * it was sent. */
#include <stdio.h>
#include <string.h>

#include "ops/cli/cmd.h"
#include "ops/cli/conn.h"
#include "ops/cli/input.h"
#include "store/base/limits.h"

static const char usage_text[] =
    "usage: tasuki staff add NAME --roles ROLE[,ROLE...] [OPTION...]\n"
    "\n"
    "Adds a staff account. NAME is 3 to 64 of a-z, 0-9, '.', '_' and '-'. Roles are\n"
    "rp-admin, operator, auditor and staff-admin. The password (15 characters or "
    "more)\n"
    "is read from standard input; on a terminal it is asked for. The secret of the\n"
    "one-time codes is printed, once: enter it into an authenticator app.\n"
    "\n"
    "  --roles ROLES         separated by commas\n"
    "  --password-file FILE  read the password there\n"
    "\n";

struct staff_options {
    struct conn_options conn;
    const char *roles, *password_file;
};

static bool build(const struct staff_options *options, const char *name,
                  const struct secret *password, struct buf *out) {
    const char *at = options->roles;

    buf_str(out, "{");
    buf_json_member(out, "name", span_str(name));
    buf_json_member(out, "password", span_of(password->data, password->len));
    buf_str(out, ",\"roles\":[");
    for (bool first = true;; first = false) {
        size_t len = strcspn(at, ",");
        if (!first)
            buf_str(out, ",");
        buf_json(out, span_of(at, len));
        if (at[len] == '\0')
            break;
        at += len + 1;
    }
    buf_str(out, "]}");
    if (buf_err(out))
        fprintf(stderr, "tasuki: the request is larger than %d bytes\n",
                LIMIT_REQUEST_BODY);
    return buf_err(out) == OK;
}

static int send(struct conn *conn, const char *name, struct span body) {
    struct conn_answer answer;
    int code;

    conn_write(conn, "/v1/staff", body, &answer);
    code = conn_verdict(&answer, name);
    if (code == EXIT_DONE && conn->json)
        conn_print_json(answer.json);
    else if (code == EXIT_DONE)
        printf("staff account %s added\n"
               "secret of the one-time codes (shown once): %s\n%s\n",
               name, json_string_value(json_object_get(answer.json, "totp_secret")),
               json_string_value(json_object_get(answer.json, "totp_uri")));
    conn_answer_free(&answer);
    return code;
}

static int add(const struct staff_options *options, const char *name) {
    struct secret password = {0};
    struct conn conn;
    struct buf body;
    int code = conn_open(&options->conn, &conn);

    if (code != EXIT_DONE)
        return code;
    buf_init(&body, LIMIT_REQUEST_BODY);
    if (!input_secret(options->password_file, "password", &password) ||
        !build(options, name, &password, &body))
        code = EXIT_USAGE;
    else
        code = send(&conn, name, buf_span(&body));
    secret_free(&password);
    buf_free(&body);
    conn_close(&conn);
    return code;
}

int cmd_staff_add(int argc, char *const argv[]) {
    struct staff_options options = {0};
    const struct args_option own[] = {
        {"roles", ARGS_TEXT, &options.roles},
        {"password-file", ARGS_TEXT, &options.password_file},
        {NULL, ARGS_FLAG, NULL},
    };
    const struct args_option *const tables[] = {own, options.conn.table, NULL};
    struct args_list words;
    bool help;

    conn_options_init(&options.conn);
    if (!args_parse(argc, argv, tables, &words, &help))
        return EXIT_USAGE;
    if (help) {
        printf("%s%s", usage_text, conn_help);
        return EXIT_DONE;
    }
    if (words.count != 1 || !options.roles) {
        fputs("tasuki: a NAME and --roles are expected; see tasuki staff add --help\n",
              stderr);
        return EXIT_USAGE;
    }
    return add(&options, words.items[0]);
}
