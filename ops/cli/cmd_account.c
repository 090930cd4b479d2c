/* cmd_account: `tasuki account add`. The password never stands in argv, and is wiped
 * after it was sent. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ops/cli/cmd.h"
#include "ops/cli/cmd_factor.h"
#include "ops/cli/conn.h"
#include "ops/cli/input.h"
#include "store/base/limits.h"

static const char usage_text[] =
    "usage: tasuki account add ACCOUNT_ID --type entry|prime|member [OPTION...]\n"
    "\n"
    "Adds an account. ACCOUNT_ID is the holder's e-mail address. The password (15\n"
    "characters or more; 8 where a second factor is always asked for; not one that is\n"
    "tried first) is read from standard input; on a terminal it is asked for.\n"
    "\n"
    "  --type TYPE           entry, prime or member\n"
    "  --parent ACCOUNT_ID   of a member: the prime account it belongs to\n"
    "  --profile FILE        a JSON object of attributes: corp_type (1 or 2),\n"
    "                        corporate_number, name, address1, user_last_nm, ...\n"
    "                        (\"-\": standard input, then with --password-file)\n"
    "  --password-file FILE  read the password there\n"
    "  --phone NUMBER        enrol it: codes are sent to it at each sign-in\n"
    "  --totp-file FILE      enrol an authenticator app: its key, 20 bytes as base32\n"
    "\n";

struct account_options {
    struct conn_options conn;
    const char *type, *parent, *profile, *password_file, *phone, *totp_file;
};

static bool read_profile(const char *path, json_t **ret_profile) {
    json_error_t error;
    struct buf text;
    bool good;

    buf_init(&text, LIMIT_REQUEST_BODY);
    good = input_file(path, &text);
    if (good) {
        *ret_profile = json_loadb(text.len ? (const char *)text.data : "", text.len,
                                  JSON_REJECT_DUPLICATES, &error);
        good = *ret_profile != NULL;
        if (!good)
            fprintf(stderr, "tasuki: %s:%d: %s\n", path, error.line, error.text);
    }
    buf_free(&text);
    return good;
}

/* The request's body; jansson's own copies of the password are short-lived and on
 * this process's heap alone, so the text is built here instead. */
static bool build(const struct account_options *options, const char *id,
                  const struct secret *password, struct buf *out) {
    json_t *profile = NULL;
    char *profile_text;

    buf_str(out, "{");
    buf_json_member(out, "account_id", span_str(id));
    buf_json_member(out, "type", span_str(options->type));
    if (options->parent)
        buf_json_member(out, "parent", span_str(options->parent));
    buf_json_member(out, "password", span_of(password->data, password->len));
    if (options->profile) {
        if (!read_profile(options->profile, &profile))
            return false;
        profile_text = json_dumps(profile, JSON_COMPACT | JSON_ENCODE_ANY);
        json_decref(profile);
        if (!profile_text)
            return false;
        buf_str(out, ",\"profile\":");
        buf_str(out, profile_text);
        free(profile_text);
    }
    buf_str(out, "}");
    if (buf_err(out))
        fprintf(stderr, "tasuki: the request is larger than %d bytes\n",
                LIMIT_REQUEST_BODY);
    return buf_err(out) == OK;
}

static int send(struct conn *conn, const char *id, struct span body) {
    struct conn_answer answer;
    int code;

    conn_write(conn, "/v1/accounts", body, &answer);
    code = conn_verdict(&answer, id);
    if (code == EXIT_DONE && conn->json)
        conn_print_json(answer.json);
    else if (code == EXIT_DONE)
        printf("account %s added; sub %s\n", id,
               json_string_value(json_object_get(answer.json, "sub")));
    conn_answer_free(&answer);
    return code;
}

/* The account is there; its factors come after it. */
static int enrol(struct conn *conn, const char *id, const char *member,
                 struct span value) {
    struct conn_answer answer = {0};
    int code = factor_ask(conn, "add", id, member, value, &answer);

    if (code != EXIT_DONE)
        fprintf(stderr,
                "tasuki: the account was added without its second factor: tasuki "
                "account factor add %s\n",
                id);
    conn_answer_free(&answer);
    return code;
}

static int enrol_all(const struct account_options *options, struct conn *conn,
                     const char *id) {
    struct secret key = {0};
    int code = EXIT_DONE;

    if (options->phone)
        code = enrol(conn, id, "phone", span_str(options->phone));
    if (code == EXIT_DONE && options->totp_file)
        code = input_secret(options->totp_file, "key", &key)
                   ? enrol(conn, id, "totp_seed", span_of(key.data, key.len))
                   : EXIT_USAGE;
    secret_free(&key);
    return code;
}

static int add(const struct account_options *options, const char *id) {
    struct secret password = {0};
    struct conn conn;
    struct buf body;
    int code;

    code = conn_open(&options->conn, &conn);
    if (code != EXIT_DONE)
        return code;
    buf_init(&body, LIMIT_REQUEST_BODY);
    if (!input_secret(options->password_file, "password", &password) ||
        !build(options, id, &password, &body))
        code = EXIT_USAGE;
    else
        code = send(&conn, id, buf_span(&body));
    if (code == EXIT_DONE)
        code = enrol_all(options, &conn, id);
    secret_free(&password);
    buf_free(&body);
    conn_close(&conn);
    return code;
}

int cmd_account_add(int argc, char *const argv[]) {
    struct account_options options = {0};
    const struct args_option own[] = {
        {"type", ARGS_TEXT, &options.type},
        {"parent", ARGS_TEXT, &options.parent},
        {"profile", ARGS_TEXT, &options.profile},
        {"password-file", ARGS_TEXT, &options.password_file},
        {"phone", ARGS_TEXT, &options.phone},
        {"totp-file", ARGS_TEXT, &options.totp_file},
        {NULL, ARGS_FLAG, NULL},
    };
    struct args_list words;
    int code;

    if (!conn_args(argc, argv, own, usage_text, &options.conn, &words, &code))
        return code;
    if (words.count != 1 || !options.type) {
        fputs("tasuki: an ACCOUNT_ID and --type are expected; see tasuki account add "
              "--help\n",
              stderr);
        return EXIT_USAGE;
    }
    if (options.profile && strcmp(options.profile, "-") == 0 &&
        !options.password_file) {
        fputs("tasuki: --profile - takes standard input: give --password-file too\n",
              stderr);
        return EXIT_USAGE;
    }
    return add(&options, words.items[0]);
}
