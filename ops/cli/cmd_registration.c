/* cmd_registration: `tasuki registration token`. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ops/cli/cmd.h"
#include "ops/cli/conn.h"
#include "store/base/japan.h"
#include "store/base/secret.h"

#define HOURS_MAX 720

static const char usage_text[] =
    "usage: tasuki registration token [OPTION...]\n"
    "\n"
    "Prints an initial access token: with it a relying party registers itself, once, at\n"
    "registration_endpoint (RFC 7591). It begins its onboarding where you say; tasuki\n"
    "rp stage takes it further.\n"
    "\n"
    "  --profile PROFILE    standard (default), gbizid or fapi2\n"
    "  --stage STAGE        applied or in_verification (default: in_verification, in\n"
    "                       production applied)\n"
    "  --scope SCOPE        may be given, repeatedly (default: openid profile user\n"
    "                       email offline_access, and address phone but for gbizid)\n"
    "  --account-type TYPE  who may sign in: entry, prime, member (default: all)\n"
    "  --hours N            good so long: 1 to 720; default 24\n"
    "\n";

struct token_options {
    struct conn_options conn;
    struct args_list scopes, account_types;
    const char *profile, *stage, *hours;
};

static void set_list(json_t *object, const char *name, const struct args_list *list) {
    json_t *array = json_array();

    for (size_t i = 0; i < list->count; i++)
        json_array_append_new(array, json_string(list->items[i]));
    if (list->count > 0)
        json_object_set(object, name, array);
    json_decref(array);
}

/* NULL after a sentence on stderr. */
static json_t *describe(const struct token_options *options) {
    json_t *terms = json_object();
    unsigned long hours;

    if (options->hours &&
        (!args_number(options->hours, HOURS_MAX, &hours) || hours == 0)) {
        fprintf(stderr, "tasuki: --hours: 1 to %d are expected\n", HOURS_MAX);
        json_decref(terms);
        return NULL;
    }
    if (options->hours)
        json_object_set_new(terms, "hours", json_integer((json_int_t)hours));
    if (options->profile)
        json_object_set_new(terms, "profile", json_string(options->profile));
    if (options->stage)
        json_object_set_new(terms, "stage", json_string(options->stage));
    set_list(terms, "scopes", &options->scopes);
    set_list(terms, "account_types", &options->account_types);
    return terms;
}

static void print(const json_t *answer) {
    json_int_t until_ms = json_integer_value(json_object_get(answer, "expires_ms"));
    char text[JAPAN_TEXT_MAX];

    japan_print(until_ms > 0 ? (uint64_t)until_ms : 0, JAPAN_MINUTE, text);
    printf("%s\nGood once, until %s (JST). Give it to the RP over a channel that nobody else "
           "reads.\n",
           json_string_value(json_object_get(answer, "token")), text);
}

static int send(const struct token_options *options, const json_t *terms) {
    struct conn_answer answer = {0};
    struct conn conn;
    int code = conn_open(&options->conn, &conn);
    char *body;

    if (code != EXIT_DONE)
        return code;
    body = json_dumps(terms, JSON_COMPACT);
    if (!body) {
        fputs("tasuki: the arguments must be UTF-8\n", stderr);
        conn_close(&conn);
        return EXIT_USAGE;
    }
    conn_write(&conn, "/v1/registration-tokens", span_str(body), &answer);
    free(body);
    code = conn_tell(&conn, &answer, NULL, print);
    conn_close(&conn);
    return code;
}

int cmd_registration_token(int argc, char *const argv[]) {
    struct token_options o = {0};
    const struct args_option own[] = {
        {"profile", ARGS_TEXT, &o.profile},
        {"stage", ARGS_TEXT, &o.stage},
        {"scope", ARGS_LIST, &o.scopes},
        {"account-type", ARGS_LIST, &o.account_types},
        {"hours", ARGS_TEXT, &o.hours},
        {NULL, ARGS_FLAG, NULL},
    };
    struct args_list words;
    json_t *terms;
    int code;

    if (!conn_args(argc, argv, own, usage_text, &o.conn, &words, &code))
        return code;
    if (words.count > 0) {
        fputs("tasuki: registration token takes no argument; see tasuki registration "
              "token --help\n",
              stderr);
        return EXIT_USAGE;
    }
    terms = describe(&o);
    code = terms ? send(&o, terms) : EXIT_USAGE;
    json_decref(terms);
    return code;
}
