/* cmd_staff: `tasuki staff add`, `list` and `change`. A password never stands in argv,
 * and is wiped after it was sent. */
#include <stdio.h>
#include <string.h>

#include "ops/cli/cmd.h"
#include "ops/cli/conn.h"
#include "ops/cli/input.h"
#include "ops/cli/table.h"
#include "store/base/limits.h"

static const char add_usage[] =
    "usage: tasuki staff add NAME --roles ROLE[,ROLE...] [OPTION...]\n"
    "\n"
    "Adds a staff account. NAME is 3 to 64 of a-z, 0-9, '.', '_' and '-'. Roles are\n"
    "rp-admin, operator, auditor, staff-admin, intake, reviewer, approver, supervisor\n"
    "and help-desk. The password (15 characters or more) is read from standard input;\n"
    "on a terminal it is asked for. The secret of the one-time codes is printed, once:\n"
    "enter it into an authenticator app.\n"
    "\n"
    "  --roles ROLES         separated by commas\n"
    "  --password-file FILE  read the password there\n"
    "\n";

struct staff_options {
    struct conn_options conn;
    const char *roles, *password_file;
};

static void put_roles(const char *roles, struct buf *out) {
    buf_str(out, ",\"roles\":[");
    for (bool first = true;; first = false) {
        size_t len = strcspn(roles, ",");
        if (!first)
            buf_str(out, ",");
        buf_json(out, span_of(roles, len));
        if (roles[len] == '\0')
            break;
        roles += len + 1;
    }
    buf_str(out, "]");
}

static bool fits(const struct buf *out) {
    if (buf_err(out))
        fprintf(stderr, "tasuki: the request is larger than %d bytes\n",
                LIMIT_REQUEST_BODY);
    return buf_err(out) == OK;
}

static bool build(const struct staff_options *options, const char *name,
                  const struct secret *password, struct buf *out) {
    buf_str(out, "{");
    buf_json_member(out, "name", span_str(name));
    buf_json_member(out, "password", span_of(password->data, password->len));
    put_roles(options->roles, out);
    buf_str(out, "}");
    return fits(out);
}

static int send(struct conn *conn, const char *path, const char *name, const char *done,
                struct span body) {
    struct conn_answer answer;
    const char *secret;
    int code;

    conn_write(conn, path, body, &answer);
    code = conn_verdict(&answer, name);
    secret = json_string_value(json_object_get(answer.json, "totp_secret"));
    if (code == EXIT_DONE && conn->json)
        conn_print_json(answer.json);
    else if (code == EXIT_DONE)
        printf("staff account %s %s\n", name, done);
    if (code == EXIT_DONE && !conn->json && secret)
        printf("secret of the one-time codes (shown once): %s\n%s\n", secret,
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
        code = send(&conn, "/v1/staff", name, "added", buf_span(&body));
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
    struct args_list words;
    int code;

    if (!conn_args(argc, argv, own, add_usage, &options.conn, &words, &code))
        return code;
    if (words.count != 1 || !options.roles) {
        fputs("tasuki: a NAME and --roles are expected; see tasuki staff add --help\n",
              stderr);
        return EXIT_USAGE;
    }
    return add(&options, words.items[0]);
}

/* --- list */

static const char list_usage[] =
    "usage: tasuki staff list [OPTION...]\n"
    "\n"
    "The staff accounts, with their roles. A locked one had too many wrong passwords or\n"
    "codes, and is let in again by itself after a while.\n"
    "\n";

static void put_row(const json_t *staff, struct table *table) {
    const json_t *roles = json_object_get(staff, "roles");
    char text[TABLE_CELL_MAX] = "";
    size_t len = 0;

    for (size_t i = 0; i < json_array_size(roles) && len < sizeof text; i++)
        len += (size_t)snprintf(text + len, sizeof text - len, "%s%s", i > 0 ? "," : "",
                                json_string_value(json_array_get(roles, i)));
    table_cell(table, "%s", json_string_value(json_object_get(staff, "name")));
    table_cell(table, "%s", text);
    table_cell(table, "%s%s",
               json_is_true(json_object_get(staff, "active")) ? "active" : "disabled",
               json_is_true(json_object_get(staff, "locked")) ? ", locked" : "");
}

static void print_list(const json_t *answer) {
    const json_t *all = json_object_get(answer, "staff");
    static const char *const heads[] = {"NAME", "ROLES", "STATE"};
    struct table table;

    table_begin(&table, heads, sizeof heads / sizeof heads[0]);
    for (size_t i = 0; i < json_array_size(all); i++)
        put_row(json_array_get(all, i), &table);
    table_print(&table);
    table_free(&table);
}

int cmd_staff_list(int argc, char *const argv[]) {
    struct conn_options options = {0};
    struct args_list words;
    int code;

    if (!conn_args(argc, argv, NULL, list_usage, &options, &words, &code))
        return code;
    if (words.count > 0) {
        fputs("tasuki: staff list takes no argument; see tasuki staff list --help\n",
              stderr);
        return EXIT_USAGE;
    }
    return conn_show(&options, "/v1/staff", print_list);
}

/* --- change */

static const char change_usage[] =
    "usage: tasuki staff change NAME CHANGE... [OPTION...]\n"
    "\n"
    "Changes a staff account; whoever is signed in with it is signed out.\n"
    "\n"
    "  --roles ROLES         these in place of the ones that it has\n"
    "  --disable, --enable   no sign-in with it any more; again\n"
    "  --password            another one (15 characters or more), read from standard\n"
    "                        input\n"
    "  --password-file FILE  another one, read from there\n"
    "  --new-secret          another secret of the one-time codes; it is printed, once\n"
    "\n";

struct change_options {
    struct conn_options conn;
    const char *roles, *password_file;
    bool disable, enable, password, new_secret;
};

/* By its name. NULL after a sentence on stderr. Borrows from the answer. */
static const json_t *find(const json_t *all, const char *name) {
    for (size_t i = 0; i < json_array_size(all); i++) {
        const json_t *staff = json_array_get(all, i);
        const char *its = json_string_value(json_object_get(staff, "name"));

        if (its && strcmp(its, name) == 0)
            return staff;
    }
    fprintf(stderr, "tasuki: there is no staff account %s; see tasuki staff list\n",
            name);
    return NULL;
}

/* The generation is the one that was listed: who changed it meanwhile is not undone. */
static bool build_change(const struct change_options *options, const json_t *staff,
                         const struct secret *password, struct buf *out) {
    buf_str(out, "{");
    buf_json_member(out, "id",
                    span_str(json_string_value(json_object_get(staff, "id"))));
    buf_json_u64(
        out, "generation",
        (uint64_t)json_integer_value(json_object_get(staff, "generation")));
    if (options->roles)
        put_roles(options->roles, out);
    if (options->disable || options->enable)
        buf_json_member(out, "state",
                        span_str(options->disable ? "disabled" : "active"));
    if (password->len > 0)
        buf_json_member(out, "password", span_of(password->data, password->len));
    if (options->new_secret)
        buf_json_bool(out, "new_secret", true);
    buf_str(out, "}");
    return fits(out);
}

static int change_with(const struct change_options *options, struct conn *conn,
                       const char *name, const struct secret *password) {
    struct conn_answer list;
    const json_t *staff;
    struct buf body;
    int code;

    conn_read(conn, "/v1/staff", &list);
    code = conn_verdict(&list, NULL);
    buf_init(&body, LIMIT_REQUEST_BODY);
    if (code == EXIT_DONE) {
        staff = find(json_object_get(list.json, "staff"), name);
        code = staff && build_change(options, staff, password, &body)
                   ? send(conn, "/v1/staff/change", name, "changed", buf_span(&body))
                   : EXIT_USAGE;
    }
    conn_answer_free(&list);
    buf_free(&body);
    return code;
}

static int change(const struct change_options *options, const char *name) {
    struct secret password = {0};
    struct conn conn;
    int code = conn_open(&options->conn, &conn);

    if (code != EXIT_DONE)
        return code;
    if ((options->password || options->password_file) &&
        !input_secret(options->password_file, "new password", &password))
        code = EXIT_USAGE;
    else
        code = change_with(options, &conn, name, &password);
    secret_free(&password);
    conn_close(&conn);
    return code;
}

int cmd_staff_change(int argc, char *const argv[]) {
    struct change_options o = {0};
    const struct args_option own[] = {
        {"roles", ARGS_TEXT, &o.roles},
        {"disable", ARGS_FLAG, &o.disable},
        {"enable", ARGS_FLAG, &o.enable},
        {"password", ARGS_FLAG, &o.password},
        {"password-file", ARGS_TEXT, &o.password_file},
        {"new-secret", ARGS_FLAG, &o.new_secret},
        {NULL, ARGS_FLAG, NULL},
    };
    struct args_list words;
    int code;

    if (!conn_args(argc, argv, own, change_usage, &o.conn, &words, &code))
        return code;
    if (words.count != 1 || (o.disable && o.enable) ||
        !(o.roles || o.disable || o.enable || o.password || o.password_file ||
          o.new_secret)) {
        fputs("tasuki: a NAME and a change are expected; see tasuki staff change "
              "--help\n",
              stderr);
        return EXIT_USAGE;
    }
    return change(&o, words.items[0]);
}
