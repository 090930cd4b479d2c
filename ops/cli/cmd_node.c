/* cmd_node: `tasuki node ...` and `tasuki leader prefer`.
 *
 * A change that a node took is carried out by the leader afterwards; these commands
 * wait until it is, and show meanwhile what it waits for. Interrupting them changes
 * nothing: the change goes on, and the same command may be given again. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ops/cli/cmd.h"
#include "ops/cli/conn.h"
#include "ops/cli/table.h"

#define ID_MAX 999999999999999999ul
#define WITHIN_S_DEFAULT 600
#define WITHIN_S_MAX 86400
#define LOOK_MS 100

static const char usage_text[] =
    "usage: tasuki node list [OPTION...]\n"
    "       tasuki node add ID ADDRESS REGION [OPTION...]\n"
    "       tasuki node promote ID [OPTION...]\n"
    "       tasuki node remove ID [OPTION...]\n"
    "       tasuki node replace OLD NEW ADDRESS REGION [OPTION...]\n"
    "       tasuki leader prefer [REGION...] [OPTION...]\n"
    "\n"
    "list     every node: its address, region and role, and the change under way.\n"
    "add      a new node as a standby, which does not vote. ADDRESS is IPv4:port of\n"
    "         its peer listener. Start it with the same id before or after, on an empty\n"
    "         folder, with tasukid --join. An id is used once in a cluster's life.\n"
    "promote  make a standby a voter, once it has caught up.\n"
    "remove   take a node out; its process ends by itself. Also ends an addition or\n"
    "         promotion of it that does not get done.\n"
    "replace  add NEW, promote it if OLD votes, remove OLD, each once the one before "
    "is\n"
    "         done. Give the same command again if it was interrupted.\n"
    "prefer   leadership goes to the first of these regions that has a node for it;\n"
    "         without a region there is no preference.\n"
    "\n"
    "  --no-wait   end once the change is taken, not when it is done\n"
    "  --within S  wait S seconds for each change (default 600), then end with 75; "
    "the\n"
    "              change itself goes on\n"
    "\n";

struct node_run {
    struct conn_options options;
    const char *within;
    bool no_wait;
    unsigned long within_s;
    struct args_list words;
    struct conn conn;
    char said[512]; /* what was shown last of what is waited for */
};

/* Open the connection, or give the code to end with in *ret_code. */
static bool begin(struct node_run *run, int argc, char *const argv[], size_t words_min,
                  size_t words_max, int *ret_code) {
    const struct args_option own[] = {{"no-wait", ARGS_FLAG, &run->no_wait},
                                      {"within", ARGS_TEXT, &run->within},
                                      {NULL, ARGS_FLAG, NULL}};

    run->within_s = WITHIN_S_DEFAULT;
    if (!conn_args(argc, argv, own, usage_text, &run->options, &run->words, ret_code))
        return false;
    *ret_code = EXIT_USAGE;
    if (run->words.count < words_min || run->words.count > words_max) {
        fputs("tasuki: wrong number of arguments; see tasuki node --help\n", stderr);
        return false;
    }
    if (run->within && (!args_number(run->within, WITHIN_S_MAX, &run->within_s) ||
                        run->within_s == 0)) {
        fprintf(stderr, "tasuki: --within: a number from 1 to %d is expected\n",
                WITHIN_S_MAX);
        return false;
    }
    *ret_code = conn_open(&run->options, &run->conn);
    return *ret_code == EXIT_DONE;
}

static int end(struct node_run *run, int code) {
    conn_close(&run->conn);
    return code;
}

static bool read_id(const char *text, unsigned long *ret_id) {
    if (args_number(text, ID_MAX, ret_id) && *ret_id > 0)
        return true;
    fprintf(stderr, "tasuki: %s: a node's id is expected, a number of 1 to 18 digits\n",
            text);
    return false;
}

/* ---- looking */

static json_int_t number_of(const json_t *object, const char *name) {
    return json_integer_value(json_object_get(object, name));
}

static bool answered(const struct conn_answer *answer) {
    return answer->status == 200 && json_is_object(answer->json);
}

/* The leader's word if it can be had, since it knows what is waited for; else that of
 * the first node that answers, or the last failure. */
static void look(struct conn *conn, struct conn_answer *ret_answer) {
    struct conn_answer other;
    bool have = false;

    for (size_t i = 0; i < conn->urls_count; i++) {
        size_t node = (conn->first + i) % conn->urls_count;

        conn_ask(conn, node, "/v1/nodes", span_of(NULL, 0), &other);
        if (have && !answered(&other)) {
            conn_answer_free(&other);
            continue;
        }
        if (have &&
            number_of(other.json, "node_id") != number_of(other.json, "leader_id")) {
            conn_answer_free(&other);
            continue;
        }
        if (i > 0)
            conn_answer_free(ret_answer);
        *ret_answer = other;
        have = answered(&other);
        if (have &&
            number_of(other.json, "node_id") == number_of(other.json, "leader_id"))
            return;
    }
}

/* NULL: not a member. */
static const json_t *entry_of(const json_t *view, unsigned long id) {
    const json_t *nodes = json_object_get(view, "nodes");

    for (size_t i = 0; i < json_array_size(nodes); i++)
        if (number_of(json_array_get(nodes, i), "id") == (json_int_t)id)
            return json_array_get(nodes, i);
    return NULL;
}

static bool has_role(const json_t *entry, const char *role) {
    return strcmp(conn_text(entry, "role"), role) == 0;
}

static bool is_settled(const json_t *entry) {
    return json_is_true(json_object_get(entry, "settled"));
}

static uint64_t mono_ms(void) {
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void pause_ms(long ms) {
    struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

    nanosleep(&time, NULL);
}

static void say(struct node_run *run, const char *text) {
    if (text[0] == '\0' || strcmp(run->said, text) == 0)
        return;
    snprintf(run->said, sizeof run->said, "%s", text);
    fprintf(stderr, "tasuki: %s\n", run->said);
}

/* ---- changes */

enum goal { GOAL_STANDBY, GOAL_VOTER, GOAL_GONE };

static const char *goal_text(enum goal goal) {
    switch (goal) {
    case GOAL_STANDBY:
        return "standby";
    case GOAL_VOTER:
        return "voter";
    case GOAL_GONE:
        return "gone";
    }
    return "";
}

/* EXIT_AGAIN: not yet. EXIT_REFUSED: it will not come to it. */
static int reached(const json_t *view, unsigned long id, json_int_t index,
                   enum goal goal) {
    const json_t *entry = entry_of(view, id);

    if (number_of(view, "applied_index") < index)
        return EXIT_AGAIN;
    if (goal == GOAL_GONE)
        return !entry                       ? EXIT_DONE
               : has_role(entry, "leaving") ? EXIT_AGAIN
                                            : EXIT_REFUSED;
    if (!entry || has_role(entry, "leaving"))
        return EXIT_REFUSED;
    if (!is_settled(entry))
        return EXIT_AGAIN;
    return has_role(entry, goal_text(goal)) ? EXIT_DONE : EXIT_REFUSED;
}

/* Until a node that has applied `index` shows the change done. */
static int await(struct node_run *run, unsigned long id, json_int_t index,
                 enum goal goal) {
    uint64_t until = mono_ms() + run->within_s * 1000;
    struct conn_answer answer;
    int code = EXIT_AGAIN;

    while (code == EXIT_AGAIN && mono_ms() < until) {
        look(&run->conn, &answer);
        if (answered(&answer)) {
            code = reached(answer.json, id, index, goal);
            if (code == EXIT_AGAIN)
                say(run, conn_text(answer.json, "member_change"));
        } else {
            say(run, "no node answers at present; still trying");
        }
        conn_answer_free(&answer);
        if (code == EXIT_AGAIN)
            pause_ms(LOOK_MS);
    }
    if (code == EXIT_AGAIN)
        fprintf(stderr,
                "tasuki: node %lu: not %s after %lu s; the change goes on by itself: "
                "`tasuki node list` says how far it is\n",
                id, goal_text(goal), run->within_s);
    if (code == EXIT_REFUSED)
        fprintf(stderr,
                "tasuki: node %lu: another change took the place of this one; look at "
                "`tasuki node list`\n",
                id);
    return code;
}

/* Ask for a change, and wait for it. */
static int change(struct node_run *run, const char *path, json_t *body,
                  unsigned long id, enum goal goal) {
    char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
    struct conn_answer answer;
    char subject[48];
    json_int_t index;
    int code;

    json_decref(body);
    if (!text) {
        fputs("tasuki: the arguments must be UTF-8\n", stderr);
        return EXIT_USAGE;
    }
    snprintf(subject, sizeof subject, "node %lu", id);
    conn_write(&run->conn, path, span_str(text), &answer);
    free(text);
    code = conn_verdict(&answer, subject);
    index = number_of(answer.json, "changed_index");
    conn_answer_free(&answer);
    return code != EXIT_DONE || run->no_wait ? code : await(run, id, index, goal);
}

static json_t *member_body(unsigned long id, const char *address, const char *region) {
    return json_pack("{s:I,s:s,s:s}", "id", (json_int_t)id, "address", address,
                     "region", region);
}

static json_t *id_body(unsigned long id) {
    return json_pack("{s:I}", "id", (json_int_t)id);
}

static int tell(const struct node_run *run, int code, unsigned long id,
                enum goal goal) {
    if (code != EXIT_DONE)
        return code;
    if (run->conn.json) {
        json_t *out = json_pack("{s:I,s:s,s:b}", "id", (json_int_t)id, "goal",
                                goal_text(goal), "done", !run->no_wait);
        conn_print_json(out);
        json_decref(out);
    } else if (run->no_wait) {
        printf("node %lu: taken; `tasuki node list` says how far it is\n", id);
    } else {
        printf("node %lu: %s\n", id, goal == GOAL_GONE ? "removed" : goal_text(goal));
    }
    return EXIT_DONE;
}

int cmd_node_add(int argc, char *const argv[]) {
    struct node_run run = {0};
    unsigned long id;
    int code;

    if (!begin(&run, argc, argv, 3, 3, &code))
        return code;
    code = EXIT_USAGE;
    if (read_id(run.words.items[0], &id)) {
        code = change(&run, "/v1/nodes",
                      member_body(id, run.words.items[1], run.words.items[2]), id,
                      GOAL_STANDBY);
        code = tell(&run, code, id, GOAL_STANDBY);
    }
    return end(&run, code);
}

static int change_one(int argc, char *const argv[], const char *path, enum goal goal) {
    struct node_run run = {0};
    unsigned long id;
    int code;

    if (!begin(&run, argc, argv, 1, 1, &code))
        return code;
    code = EXIT_USAGE;
    if (read_id(run.words.items[0], &id)) {
        code = change(&run, path, id_body(id), id, goal);
        code = tell(&run, code, id, goal);
    }
    return end(&run, code);
}

int cmd_node_promote(int argc, char *const argv[]) {
    return change_one(argc, argv, "/v1/nodes/promote", GOAL_VOTER);
}

int cmd_node_remove(int argc, char *const argv[]) {
    return change_one(argc, argv, "/v1/nodes/remove", GOAL_GONE);
}

/* ---- replace */

struct replacement {
    unsigned long old_id, new_id;
    const char *address, *region;
};

/* What is left to be done, from what the nodes are now. */
struct plan {
    bool add, await_add, promote, await_promote, remove, await_remove;
};

/* EXIT_DONE, or a code after a sentence on stderr. */
static int make_plan(const json_t *view, const struct replacement *r,
                     struct plan *ret_plan) {
    const json_t *from = entry_of(view, r->old_id), *to = entry_of(view, r->new_id);
    bool votes;

    memset(ret_plan, 0, sizeof *ret_plan);
    if (!from && !to) {
        fprintf(stderr, "tasuki: there is no node %lu; see `tasuki node list`\n",
                r->old_id);
        return EXIT_REFUSED;
    }
    if (to && (strcmp(conn_text(to, "address"), r->address) != 0 ||
               strcmp(conn_text(to, "region"), r->region) != 0)) {
        fprintf(stderr,
                "tasuki: node %lu is a member already, at %s in %s; give the new "
                "machine another id\n",
                r->new_id, conn_text(to, "address"), conn_text(to, "region"));
        return EXIT_REFUSED;
    }
    if (to && has_role(to, "leaving")) {
        fprintf(stderr, "tasuki: node %lu is being removed\n", r->new_id);
        return EXIT_REFUSED;
    }
    votes = from && json_is_true(json_object_get(from, "voter"));
    ret_plan->add = !to;
    ret_plan->await_add = to && has_role(to, "joining");
    ret_plan->promote =
        votes && (!to || has_role(to, "joining") || has_role(to, "standby"));
    ret_plan->await_promote = to && has_role(to, "promoting");
    ret_plan->await_remove = from && has_role(from, "leaving");
    ret_plan->remove = from && !ret_plan->await_remove;
    return EXIT_DONE;
}

static int carry_out(struct node_run *run, const struct replacement *r,
                     const struct plan *plan) {
    int code = EXIT_DONE;

    if (plan->add)
        code = change(run, "/v1/nodes", member_body(r->new_id, r->address, r->region),
                      r->new_id, GOAL_STANDBY);
    else if (plan->await_add)
        code = await(run, r->new_id, 0, GOAL_STANDBY);
    if (code == EXIT_DONE && plan->promote)
        code =
            change(run, "/v1/nodes/promote", id_body(r->new_id), r->new_id, GOAL_VOTER);
    else if (code == EXIT_DONE && plan->await_promote)
        code = await(run, r->new_id, 0, GOAL_VOTER);
    if (code == EXIT_DONE && plan->remove)
        code =
            change(run, "/v1/nodes/remove", id_body(r->old_id), r->old_id, GOAL_GONE);
    else if (code == EXIT_DONE && plan->await_remove)
        code = await(run, r->old_id, 0, GOAL_GONE);
    return code;
}

static int replace(struct node_run *run, const struct replacement *r) {
    struct conn_answer answer;
    struct plan plan;
    int code;

    look(&run->conn, &answer);
    code = conn_verdict(&answer, NULL);
    if (code == EXIT_DONE)
        code = make_plan(answer.json, r, &plan);
    conn_answer_free(&answer);
    if (code == EXIT_DONE)
        code = carry_out(run, r, &plan);
    if (code == EXIT_DONE && !run->conn.json)
        printf("node %lu has taken the place of node %lu\n", r->new_id, r->old_id);
    else if (code == EXIT_DONE)
        printf("{\"old\": %lu, \"new\": %lu, \"done\": true}\n", r->old_id, r->new_id);
    else if (code == EXIT_AGAIN)
        fputs("tasuki: give the same command again to go on from there\n", stderr);
    return code;
}

int cmd_node_replace(int argc, char *const argv[]) {
    struct node_run run = {0};
    struct replacement r;
    int code;

    if (!begin(&run, argc, argv, 4, 4, &code))
        return code;
    code = EXIT_USAGE;
    r.address = run.words.items[2];
    r.region = run.words.items[3];
    if (run.no_wait)
        fputs("tasuki: replace waits for each of its changes: --no-wait is not for "
              "it\n",
              stderr);
    else if (read_id(run.words.items[0], &r.old_id) &&
             read_id(run.words.items[1], &r.new_id))
        code = replace(&run, &r);
    return end(&run, code);
}

/* ---- list, prefer */

static void print_regions(const json_t *regions) {
    for (size_t i = 0; i < json_array_size(regions); i++)
        printf("%s%s", i ? ", " : "", json_string_value(json_array_get(regions, i)));
    putchar('\n');
}

static void print_list(const json_t *view) {
    static const char *const heads[] = {"NODE", "ADDRESS", "REGION", "ROLE", "REACHED"};
    const json_t *nodes = json_object_get(view, "nodes");
    const json_t *regions = json_object_get(view, "leader_regions");
    struct table table;

    table_begin(&table, heads, sizeof heads / sizeof heads[0]);
    for (size_t i = 0; i < json_array_size(nodes); i++) {
        const json_t *node = json_array_get(nodes, i);
        bool leads = json_is_true(json_object_get(node, "leader"));

        table_cell(&table, "%lld", (long long)number_of(node, "id"));
        table_cell(&table, "%s", conn_text(node, "address"));
        table_cell(&table, "%s", conn_text(node, "region"));
        table_cell(&table, "%s%s", conn_text(node, "role"), leads ? " (leads)" : "");
        table_cell(&table, "%s",
                   json_is_true(json_object_get(node, "connected")) ? "yes" : "no");
    }
    table_print(&table);
    table_free(&table);
    if (conn_text(view, "member_change")[0])
        printf("\nchange: %s\n", conn_text(view, "member_change"));
    if (json_array_size(regions) > 0) {
        printf("\nleadership is preferred in: ");
        print_regions(regions);
    }
}

int cmd_node_list(int argc, char *const argv[]) {
    struct node_run run = {0};
    struct conn_answer answer;
    int code;

    if (!begin(&run, argc, argv, 0, 0, &code))
        return code;
    look(&run.conn, &answer);
    code = conn_verdict(&answer, NULL);
    if (code == EXIT_DONE && run.conn.json)
        conn_print_json(answer.json);
    else if (code == EXIT_DONE)
        print_list(answer.json);
    conn_answer_free(&answer);
    return end(&run, code);
}

int cmd_leader_prefer(int argc, char *const argv[]) {
    json_t *body = json_object(), *regions = json_array();
    struct node_run run = {0};
    struct conn_answer answer;
    char *text;
    int code;

    if (!begin(&run, argc, argv, 0, ARGS_LIST_MAX, &code)) {
        json_decref(body);
        json_decref(regions);
        return code;
    }
    for (size_t i = 0; i < run.words.count; i++)
        json_array_append_new(regions, json_string(run.words.items[i]));
    if (run.words.count > 0)
        json_object_set(body, "regions", regions);
    text = json_dumps(body, JSON_COMPACT);
    conn_write(&run.conn, "/v1/leader-regions", span_str(text ? text : "{}"), &answer);
    code = conn_verdict(&answer, NULL);
    if (code == EXIT_DONE && run.conn.json) {
        conn_print_json(answer.json);
    } else if (code == EXIT_DONE && run.words.count == 0) {
        puts("leadership has no preferred region");
    } else if (code == EXIT_DONE) {
        printf("leadership is preferred in: ");
        print_regions(regions);
    }
    conn_answer_free(&answer);
    free(text);
    json_decref(body);
    json_decref(regions);
    return end(&run, code);
}
