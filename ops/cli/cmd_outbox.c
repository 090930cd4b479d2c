/* cmd_outbox: `tasuki outbox [list]`, `tasuki outbox retry ID...|--rp CLIENT_ID` and
 * `tasuki outbox test --mail ADDRESS|--sms NUMBER|--push DEVICE`. */
#include <stdio.h>
#include <string.h>

#include "ops/cli/cmd.h"
#include "ops/cli/conn.h"
#include "ops/cli/table.h"
#include "store/base/japan.h"

#define BODY_MAX 1024
/* An answer lists 50 messages of an RP, of which 1000 at most are given up. */
#define PASSES_MAX 20

static const char usage_text[] =
    "usage: tasuki outbox [list] [OPTION...]\n"
    "       tasuki outbox retry ID... [OPTION...]\n"
    "       tasuki outbox retry --rp CLIENT_ID [OPTION...]\n"
    "       tasuki outbox test --mail ADDRESS|--sms NUMBER|--push DEVICE\n"
    "                          [--english] [--template NAME] [OPTION...]\n"
    "\n"
    "list   what must still reach relying parties (RPs): logout tokens that wait, and\n"
    "       those that were given up after a day or 20 attempts. These are kept for 7\n"
    "       days. WHY is what the last attempt came to: unreachable, timeout, tls,\n"
    "       address (of a network that must not be called), status, unmade, lapsed,\n"
    "       full. What goes to people stands under @mail, @sms and @push, never with\n"
    "       what it says or to whom; of that also: expired (true no more), refused (no\n"
    "       such mail box, number or device), no_provider (none is configured). SINCE\n"
    "       is of Japan (JST)\n"
    "retry  try messages again now, by the IDs that list shows, given up or not;\n"
    "       --rp: all that were given up or failed for this RP, @mail, @sms, @push\n"
    "test   send a message that says that it is a test, as people's are sent; DEVICE is\n"
    "       an app's address as its push gateway knows it (fcm:..., apns:...);\n"
    "       --template: another one of server/messages, with samples for its values\n"
    "       (not in production)\n"
    "\n";

static long long number_of(const json_t *object, const char *name) {
    return (long long)json_integer_value(json_object_get(object, name));
}

static void put_time(struct table *table, long long ms) {
    char text[JAPAN_TEXT_MAX];

    japan_print(ms > 0 ? (uint64_t)ms : 0, JAPAN_SECOND, text);
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
    table_begin(&table, heads, sizeof heads / sizeof heads[0]);
    for (size_t i = 0; i < count; i++) {
        const json_t *message = json_array_get(messages, i);

        table_cell(&table, "%s", conn_text(message, "id"));
        table_cell(&table, "%s", conn_text(message, "client_id"));
        table_cell(&table, "%s", conn_text(message, "state"));
        table_cell(&table, "%s", conn_text(message, "reason"));
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

    conn_read(conn, "/v1/outbox", &answer);
    return conn_tell(conn, &answer, NULL, print_list);
}

/* `gone_ok`: that it was delivered meanwhile is as good. */
static int retry_one(struct conn *conn, const char *id, bool gone_ok) {
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
        bool gone = gone_ok && answer.status == 404;

        code = gone ? EXIT_DONE : conn_verdict(&answer, id);
        if (!gone && code == EXIT_DONE && conn->json)
            conn_print_json(answer.json);
        else if (!gone && code == EXIT_DONE)
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
        int one = retry_one(conn, words->items[i], false);

        if (code == EXIT_DONE)
            code = one;
    }
    return code;
}

/* Those of the RP that an answer lists. *ret_dead: how many were given up. */
static int retry_listed(struct conn *conn, const json_t *answer, const char *rp,
                        bool dead_only, size_t *ret_dead) {
    const json_t *messages = json_object_get(answer, "messages");
    int code = EXIT_DONE;

    for (size_t i = 0; i < json_array_size(messages) && code == EXIT_DONE; i++) {
        const json_t *message = json_array_get(messages, i);
        const char *state = conn_text(message, "state");
        bool dead = strcmp(state, "dead") == 0;
        bool failed =
            strcmp(state, "pending") == 0 && number_of(message, "attempts") > 0;

        if (strcmp(conn_text(message, "client_id"), rp) != 0 ||
            !(dead || (failed && !dead_only)))
            continue;
        *ret_dead += dead;
        code = retry_one(conn, conn_text(message, "id"), true);
    }
    return code;
}

/* What is retried is given up no more, so that each list shows others. */
static int retry_all(struct conn *conn, const char *rp) {
    size_t dead = 1;
    int code = EXIT_DONE;

    for (int pass = 0; pass < PASSES_MAX && dead > 0 && code == EXIT_DONE; pass++) {
        struct conn_answer answer;

        dead = 0;
        conn_read(conn, "/v1/outbox", &answer);
        code = conn_verdict(&answer, NULL);
        if (code == EXIT_DONE)
            code = retry_listed(conn, answer.json, rp, pass > 0, &dead);
        conn_answer_free(&answer);
    }
    return code;
}

struct test_options {
    const char *mail, *sms, *push, *template;
    bool english;
};

static int test(struct conn *conn, const struct test_options *options) {
    const char *how = options->mail ? "mail" : options->sms ? "sms" : "push";
    const char *to = options->mail  ? options->mail
                     : options->sms ? options->sms
                                    : options->push;
    struct conn_answer answer = {0};
    struct buf body;
    int code = EXIT_USAGE;

    buf_init(&body, BODY_MAX);
    buf_str(&body, "{");
    buf_json_member(&body, how, span_str(to));
    buf_json_bool(&body, "english", options->english);
    if (options->template)
        buf_json_member(&body, "template", span_str(options->template));
    buf_str(&body, "}");
    if (buf_err(&body)) {
        fputs("tasuki: the address, number or device is too long\n", stderr);
    } else {
        conn_write(conn, "/v1/outbox/test", buf_span(&body), &answer);
        code = conn_verdict(&answer, to);
        if (code == EXIT_DONE && conn->json)
            conn_print_json(answer.json);
        else if (code == EXIT_DONE)
            printf("%s is on its way; tasuki outbox list shows it while it is\n",
                   conn_text(answer.json, "id"));
    }
    conn_answer_free(&answer);
    buf_free(&body);
    return code;
}

int cmd_outbox(int argc, char *const argv[]) {
    struct conn_options options = {0};
    const char *rp = NULL;
    struct test_options tested = {0};
    const struct args_option own[] = {{"rp", ARGS_TEXT, &rp},
                                      {"mail", ARGS_TEXT, &tested.mail},
                                      {"sms", ARGS_TEXT, &tested.sms},
                                      {"push", ARGS_TEXT, &tested.push},
                                      {"template", ARGS_TEXT, &tested.template},
                                      {"english", ARGS_FLAG, &tested.english},
                                      {NULL, ARGS_FLAG, NULL}};
    struct args_list words;
    struct conn conn;
    bool listing, retrying, testing;
    int code;

    if (!conn_args(argc, argv, own, usage_text, &options, &words, &code))
        return code;
    listing = !rp && (words.count == 0 ||
                      (words.count == 1 && strcmp(words.items[0], "list") == 0));
    /* IDs, or an RP. */
    retrying = words.count > 0 && strcmp(words.items[0], "retry") == 0 &&
               (words.count == 1) == (rp != NULL);
    testing = !rp && words.count == 1 && strcmp(words.items[0], "test") == 0 &&
              (tested.mail != NULL) + (tested.sms != NULL) + (tested.push != NULL) == 1;
    if (!testing && (tested.mail || tested.sms || tested.push || tested.template ||
                     tested.english))
        listing = retrying = false;
    if (!listing && !retrying && !testing) {
        fputs("tasuki: list, retry and IDs or --rp, or test and --mail, --sms or --push, "
              "are expected; see tasuki outbox "
              "--help\n",
              stderr);
        return EXIT_USAGE;
    }
    code = conn_open(&options, &conn);
    if (code != EXIT_DONE)
        return code;
    code = listing   ? list(&conn)
           : testing ? test(&conn, &tested)
           : rp      ? retry_all(&conn, rp)
                     : retry(&conn, &words);
    conn_close(&conn);
    return code;
}
