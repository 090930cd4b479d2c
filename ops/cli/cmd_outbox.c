/* cmd_outbox: `tasuki outbox [list]` and `tasuki outbox retry ID...`. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "ops/cli/cmd.h"
#include "ops/cli/conn.h"
#include "ops/cli/table.h"

#define BODY_MAX 1024

static const char usage_text[] =
    "usage: tasuki outbox [list] [OPTION...]\n"
    "       tasuki outbox retry ID... [OPTION...]\n"
    "\n"
    "list   what must still reach relying parties (RPs): logout tokens that wait, and\n"
    "       those that were given up after a day or 20 attempts. These are kept for 7\n"
    "       days. WHY is what the last attempt came to: unreachable, timeout, tls,\n"
    "       address (of a network that must not be called), status, unmade, lapsed,\n"
    "       full\n"
    "retry  try messages again now, by the IDs that list shows, given up or not\n"
    "\n";

static const char *text_of(const json_t *object, const char *name) {
    const char *text = json_string_value(json_object_get(object, name));

    return text ? text : "";
}

static long long number_of(const json_t *object, const char *name) {
    return (long long)json_integer_value(json_object_get(object, name));
}

static void put_time(struct table *table, long long ms) {
    time_t t = (time_t)(ms / 1000);
    char text[32];
    struct tm tm;

    localtime_r(&t, &tm);
    strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &tm);
    table_cell(table, "%s", text);
}

static void print_list(const json_t *answer) {
    static const char *const heads[] = {"ID",  "RP",       "STATE",
                                        "WHY", "ATTEMPTS", "SINCE"};
    const json_t *messages = json_object_get(answer, "messages");
    size_t count = json_array_size(messages);
    struct table table;

    printf("%lld waiting, %lld given up, %lld dropped for want of room\n",
           number_of(answer, "waiting"), number_of(answer, "dead"),
           number_of(answer, "dropped"));
    if (count == 0)
        return;
    putchar('\n');
    table_init(&table, sizeof heads / sizeof heads[0]);
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++)
        table_cell(&table, "%s", heads[i]);
    for (size_t i = 0; i < count; i++) {
        const json_t *message = json_array_get(messages, i);

        table_cell(&table, "%s", text_of(message, "id"));
        table_cell(&table, "%s", text_of(message, "client_id"));
        table_cell(&table, "%s", text_of(message, "state"));
        table_cell(&table, "%s", text_of(message, "reason"));
        table_cell(&table, "%lld", number_of(message, "attempts"));
        put_time(&table, number_of(message, "created_ms"));
    }
    table_print(&table);
    table_free(&table);
    if ((long long)count < number_of(answer, "waiting") + number_of(answer, "dead"))
        puts("(not all are shown)");
}

static int list(struct conn *conn) {
    struct conn_answer answer;
    int code;

    conn_read(conn, "/v1/outbox", &answer);
    code = conn_verdict(&answer, NULL);
    if (code == EXIT_DONE && conn->json)
        conn_print_json(answer.json);
    else if (code == EXIT_DONE)
        print_list(answer.json);
    conn_answer_free(&answer);
    return code;
}

static int retry_one(struct conn *conn, const char *id) {
    struct conn_answer answer = {0};
    struct buf body;
    int code = EXIT_USAGE;

    buf_init(&body, BODY_MAX);
    buf_str(&body, "{");
    buf_json_member(&body, "id", span_str(id));
    buf_str(&body, "}");
    if (buf_err(&body)) {
        fputs("tasuki: an ID is too long\n", stderr);
    } else {
        conn_write(conn, "/v1/outbox/retry", buf_span(&body), &answer);
        code = conn_verdict(&answer, id);
        if (code == EXIT_DONE && conn->json)
            conn_print_json(answer.json);
        else if (code == EXIT_DONE)
            printf("%s is tried again\n", id);
    }
    conn_answer_free(&answer);
    buf_free(&body);
    return code;
}

/* The first failure's code; the others are tried all the same. */
static int retry(struct conn *conn, const struct args_list *words) {
    int code = EXIT_DONE;

    for (size_t i = 1; i < words->count; i++) {
        int one = retry_one(conn, words->items[i]);

        if (code == EXIT_DONE)
            code = one;
    }
    return code;
}

int cmd_outbox(int argc, char *const argv[]) {
    struct conn_options options = {0};
    const struct args_option *const tables[] = {options.table, NULL};
    struct args_list words;
    struct conn conn;
    bool help, listing;
    int code;

    conn_options_init(&options);
    if (!args_parse(argc, argv, tables, &words, &help))
        return EXIT_USAGE;
    if (help) {
        printf("%s%s", usage_text, conn_help);
        return EXIT_DONE;
    }
    listing =
        words.count == 0 || (words.count == 1 && strcmp(words.items[0], "list") == 0);
    if (!listing && (words.count < 2 || strcmp(words.items[0], "retry") != 0)) {
        fputs(
            "tasuki: list, or retry and IDs, are expected; see tasuki outbox --help\n",
            stderr);
        return EXIT_USAGE;
    }
    code = conn_open(&options, &conn);
    if (code != EXIT_DONE)
        return code;
    code = listing ? list(&conn) : retry(&conn, &words);
    conn_close(&conn);
    return code;
}
