/* cmd_rp_change: `tasuki rp stage` and `tasuki rp rotate-secret`. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ops/cli/cmd.h"
#include "ops/cli/conn.h"
#include "ops/cli/input.h"

#define OVERLAP_MAX_H (45 * 24)

static const char stage_usage[] =
    "usage: tasuki rp stage CLIENT_ID STAGE [OPTION...]\n"
    "\n"
    "Takes a relying party a step further, or stops it:\n"
    "\n"
    "  applied -> in_verification -> approved -> live\n"
    "  suspended  from any but applied; goes back to what it was\n"
    "  retired    for ever\n"
    "\n"
    "Only a live one is signed in to, and one in verification outside of production.\n"
    "\n";

static const char rotate_usage[] =
    "usage: tasuki rp rotate-secret CLIENT_ID [OPTION...]\n"
    "\n"
    "Gives a relying party another secret, and prints it: once, it is not stored. The\n"
    "one before stays good for a while, so that the RP can change without a pause.\n"
    "\n"
    "  --overlap-hours N   how long: 0 (not at all) to 1080; default 168, a week\n"
    "  --secret-file FILE  use this secret (32 characters or more) instead of a\n"
    "                      drawn one (\"-\": standard input)\n"
    "\n";

static void print_change(const struct conn *conn, const json_t *answer) {
    const char *stage = json_string_value(json_object_get(answer, "stage"));
    const char *secret = json_string_value(json_object_get(answer, "client_secret"));

    if (conn->json)
        conn_print_json(answer);
    else if (stage)
        printf("stage          %s\n", stage);
    else if (secret)
        printf("client_secret  %s\n"
               "Give it to the RP now: it is not stored and cannot be shown again.\n",
               secret);
    else
        puts("the secret is changed");
}

static int send(const struct conn_options *options, json_t *change, const char *id) {
    struct conn_answer answer = {0};
    struct conn conn;
    int code = conn_open(options, &conn);
    char *body;

    if (code != EXIT_DONE)
        return code;
    body = json_dumps(change, JSON_COMPACT);
    if (!body) {
        fputs("tasuki: the arguments must be UTF-8\n", stderr);
        conn_close(&conn);
        return EXIT_USAGE;
    }
    conn_write(&conn, "/v1/clients/change", span_str(body), &answer);
    secret_wipe(body, strlen(body));
    free(body);
    code = conn_verdict(&answer, id);
    if (code == EXIT_DONE)
        print_change(&conn, answer.json);
    conn_answer_free(&answer);
    conn_close(&conn);
    return code;
}

int cmd_rp_stage(int argc, char *const argv[]) {
    struct conn_options options = {0};
    struct args_list words;
    json_t *change;
    int code;

    if (!conn_args(argc, argv, NULL, stage_usage, &options, &words, &code))
        return code;
    if (words.count != 2) {
        fputs("tasuki: a CLIENT_ID and a STAGE are expected; see tasuki rp stage "
              "--help\n",
              stderr);
        return EXIT_USAGE;
    }
    change = json_pack("{s:s, s:s}", "client_id", words.items[0], "stage",
                       words.items[1]);
    code = send(&options, change, words.items[0]);
    json_decref(change);
    return code;
}

/* False after a sentence on stderr. */
static bool hours_of(const char *text, long *ret_hours) {
    char *end;
    long hours = text ? strtol(text, &end, 10) : 0;

    if (!text)
        return true;
    if (text[0] < '0' || text[0] > '9' || *end || hours > OVERLAP_MAX_H) {
        fprintf(stderr, "tasuki: --overlap-hours: 0 to %d are expected\n",
                OVERLAP_MAX_H);
        return false;
    }
    *ret_hours = hours;
    return true;
}

int cmd_rp_rotate_secret(int argc, char *const argv[]) {
    struct conn_options options = {0};
    const char *overlap = NULL, *file = NULL;
    const struct args_option own[] = {{"overlap-hours", ARGS_TEXT, &overlap},
                                      {"secret-file", ARGS_TEXT, &file},
                                      {NULL, ARGS_FLAG, NULL}};
    struct secret secret = {0};
    struct args_list words;
    long hours = -1;
    json_t *change;
    int code;

    if (!conn_args(argc, argv, own, rotate_usage, &options, &words, &code))
        return code;
    if (words.count != 1) {
        fputs("tasuki: a CLIENT_ID is expected; see tasuki rp rotate-secret --help\n",
              stderr);
        return EXIT_USAGE;
    }
    if (!hours_of(overlap, &hours) || (file && !input_secret(file, "secret", &secret)))
        return EXIT_USAGE;
    change = json_pack("{s:s, s:b}", "client_id", words.items[0], "rotate_secret", 1);
    if (hours >= 0)
        json_object_set_new(change, "overlap_s", json_integer(hours * 3600));
    if (secret.data)
        json_object_set_new(change, "client_secret",
                            json_string((const char *)secret.data));
    code = send(&options, change, words.items[0]);
    json_decref(change);
    secret_free(&secret);
    return code;
}
