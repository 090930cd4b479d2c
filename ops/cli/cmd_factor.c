/* cmd_factor: `tasuki account factor list|add|remove`: an account's second factors. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ops/cli/cmd.h"
#include "ops/cli/cmd_factor.h"
#include "ops/cli/input.h"
#include "store/base/japan.h"
#include "store/base/limits.h"

static const char usage_text[] =
    "usage: tasuki account factor list ACCOUNT_ID [OPTION...]\n"
    "       tasuki account factor add ACCOUNT_ID --phone NUMBER [OPTION...]\n"
    "       tasuki account factor add ACCOUNT_ID --totp-file FILE [OPTION...]\n"
    "       tasuki account factor remove ACCOUNT_ID FACTOR [OPTION...]\n"
    "\n"
    "The second factors of an account. A removed one ends all sessions of the account;\n"
    "a Prime or Member without any enrols one at the next sign-in. The list has times of\n"
    "Japan (JST).\n"
    "\n"
    "  --phone NUMBER    codes are sent to it (090-1234-5678, +819012345678)\n"
    "  --totp-file FILE  the key of an authenticator app: 20 bytes as base32\n"
    "                    (\"-\": standard input)\n"
    "\n";

struct factor_options {
    struct conn_options conn;
    const char *phone, *totp_file;
};

int factor_ask(struct conn *conn, const char *action, const char *id, const char *member,
               struct span value, struct conn_answer *ret_answer) {
    struct buf body;
    int code = EXIT_USAGE;

    buf_init(&body, 4096);
    buf_str(&body, "{");
    buf_json_member(&body, "account_id", span_str(id));
    buf_json_member(&body, "action", span_str(action));
    if (member)
        buf_json_member(&body, member, value);
    buf_str(&body, "}");
    if (buf_err(&body)) {
        fputs("tasuki: the request is too long\n", stderr);
    } else {
        conn_write(conn, "/v1/accounts/factors", buf_span(&body), ret_answer);
        code = conn_verdict(ret_answer, id);
    }
    buf_free(&body);
    return code;
}

static void print_time(const json_t *value, char text[JAPAN_TEXT_MAX]) {
    json_int_t ms = json_integer_value(value);

    if (ms > 0)
        japan_print((uint64_t)ms, JAPAN_MINUTE, text);
    else
        snprintf(text, JAPAN_TEXT_MAX, "never");
}

static void print_list(const json_t *answer) {
    const json_t *factors = json_object_get(answer, "factors");

    for (size_t i = 0; i < json_array_size(factors); i++) {
        const json_t *one = json_array_get(factors, i);
        char created[JAPAN_TEXT_MAX], used[JAPAN_TEXT_MAX];

        print_time(json_object_get(one, "created_ms"), created);
        print_time(json_object_get(one, "used_ms"), used);
        printf("%s  %-8s  %-16s  created %s, used %s\n",
               json_string_value(json_object_get(one, "factor")),
               json_string_value(json_object_get(one, "kind")),
               json_string_value(json_object_get(one, "label")), created, used);
    }
    if (json_array_size(factors) == 0)
        puts("none");
}

/* The action's member and its value; false after a sentence on stderr. */
static bool describe(const struct factor_options *o, const struct args_list *words,
                     const char **ret_member, struct secret *value) {
    const char *action = words->items[0], *text = NULL;
    size_t want = strcmp(action, "remove") == 0 ? 3 : 2;

    *ret_member = NULL;
    if (strcmp(action, "list") != 0 && strcmp(action, "add") != 0 && want == 2) {
        fputs("tasuki: list, add or remove is expected after account factor\n", stderr);
        return false;
    }
    if (words->count != want ||
        (strcmp(action, "add") == 0) != (o->phone || o->totp_file) ||
        (o->phone && o->totp_file)) {
        fprintf(stderr, "tasuki: other arguments are expected; see tasuki account "
                        "factor --help\n");
        return false;
    }
    if (o->totp_file) {
        *ret_member = "totp_seed";
        return input_secret(o->totp_file, "key", value);
    }
    if (want == 3) {
        *ret_member = "factor";
        text = words->items[2];
    } else if (o->phone) {
        *ret_member = "phone";
        text = o->phone;
    }
    return !text || secret_new(span_str(text), LIMIT_PASSWORD, value) == OK;
}

static int run(const struct factor_options *o, const struct args_list *words) {
    struct conn_answer answer = {0};
    struct secret value = {0};
    const char *member;
    struct conn conn;
    int code;

    if (!describe(o, words, &member, &value))
        return EXIT_USAGE;
    code = conn_open(&o->conn, &conn);
    if (code == EXIT_DONE) {
        code = factor_ask(&conn, words->items[0], words->items[1], member,
                          span_of(value.data, value.len), &answer);
        if (code == EXIT_DONE && conn.json)
            conn_print_json(answer.json);
        else if (code == EXIT_DONE && strcmp(words->items[0], "list") == 0)
            print_list(answer.json);
        conn_answer_free(&answer);
        conn_close(&conn);
    }
    secret_free(&value);
    return code;
}

int cmd_account_factor(int argc, char *const argv[]) {
    struct factor_options o = {0};
    const struct args_option own[] = {
        {"phone", ARGS_TEXT, &o.phone},
        {"totp-file", ARGS_TEXT, &o.totp_file},
        {NULL, ARGS_FLAG, NULL},
    };
    struct args_list words;
    int code;

    if (!conn_args(argc, argv, own, usage_text, &o.conn, &words, &code))
        return code;
    if (words.count < 2) {
        fputs("tasuki: list, add or remove, and an ACCOUNT_ID are expected; see tasuki "
              "account factor --help\n",
              stderr);
        return EXIT_USAGE;
    }
    return run(&o, &words);
}
