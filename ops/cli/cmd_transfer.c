/* cmd_transfer: `tasuki transfer`. Only the leader can hand leadership over, so the
 * node that leads is looked for first. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "ops/cli/cmd.h"
#include "ops/cli/conn.h"

static const char usage_text[] =
    "usage: tasuki transfer [--to N] [OPTION...]\n"
    "\n"
    "Hands leadership from the node that has it to node N (default: to any other that\n"
    "is up to date), as before work on a machine. Sign-ins go on meanwhile.\n"
    "\n";

static json_int_t number_of(const json_t *object, const char *name) {
    return json_integer_value(json_object_get(object, name));
}

/* The URL of the node that leads, by its own word. */
static int find_leader(struct conn *conn, size_t *ret_node, json_int_t *ret_id) {
    struct conn_answer answer;
    json_int_t leader = 0;
    bool any = false;

    for (size_t i = 0; i < conn->urls_count; i++) {
        json_int_t id;

        conn_ask(conn, i, "/v1/status", span_of(NULL, 0), &answer);
        id = number_of(answer.json, "node_id");
        any = any || answer.status == 200;
        leader = answer.status == 200 && leader == 0
                     ? number_of(answer.json, "leader_id")
                     : leader;
        if (answer.status == 200 && id != 0 &&
            number_of(answer.json, "leader_id") == id) {
            conn_answer_free(&answer);
            *ret_node = i;
            *ret_id = id;
            return EXIT_DONE;
        }
        if (!any && i + 1 == conn->urls_count) {
            int code = conn_verdict(&answer, NULL);

            conn_answer_free(&answer);
            return code;
        }
        conn_answer_free(&answer);
    }
    if (leader == 0)
        fputs("tasuki: no node leads at present; try again in a second\n", stderr);
    else
        fprintf(stderr, "tasuki: node %lld leads: give its --url too\n",
                (long long)leader);
    return leader == 0 ? EXIT_AGAIN : EXIT_REFUSED;
}

static int transfer(struct conn *conn, unsigned long to) {
    struct conn_answer answer;
    json_int_t leader = 0;
    size_t node = 0;
    char body[64];
    int code = find_leader(conn, &node, &leader);

    if (code != EXIT_DONE)
        return code;
    if ((json_int_t)to == leader) {
        fprintf(stderr, "tasuki: node %lu leads already\n", to);
        return EXIT_DONE;
    }
    snprintf(body, sizeof body, "{\"to\":%lu}", to);
    conn_ask(conn, node, "/v1/transfer", span_str(body), &answer);
    code = conn_verdict(&answer, "transfer");
    if (code == EXIT_DONE && conn->json)
        conn_print_json(answer.json);
    else if (code == EXIT_DONE)
        printf("node %lld leads now (before: node %lld)\n",
               (long long)number_of(answer.json, "leader_id"), (long long)leader);
    conn_answer_free(&answer);
    return code;
}

int cmd_transfer(int argc, char *const argv[]) {
    struct conn_options options = {0};
    const char *to_text = NULL;
    const struct args_option own[] = {{"to", ARGS_TEXT, &to_text},
                                      {NULL, ARGS_FLAG, NULL}};
    struct args_list words;
    unsigned long to = 0;
    struct conn conn;
    int code;

    if (!conn_args(argc, argv, own, usage_text, &options, &words, &code))
        return code;
    if (words.count > 0 || (to_text && !args_number(to_text, 0x7fffffff, &to))) {
        fputs("tasuki: --to N with a node's number is expected; see tasuki transfer "
              "--help\n",
              stderr);
        return EXIT_USAGE;
    }
    code = conn_open(&options, &conn);
    if (code != EXIT_DONE)
        return code;
    code = transfer(&conn, to);
    conn_close(&conn);
    return code;
}
