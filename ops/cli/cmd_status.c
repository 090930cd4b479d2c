/* cmd_status: asks every node, and shows each by its own word; a node that does not
 * answer is shown as the others see it. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ops/cli/cmd.h"
#include "ops/cli/conn.h"
#include "ops/cli/table.h"
#include "store/base/japan.h"
#include "store/base/port.h"

static const char usage_text[] =
    "usage: tasuki status [--watch [--every S]] [OPTION...]\n"
    "\n"
    "Asks every node that is known and prints one line a node: its region, its role\n"
    "(leader, follower; standby, joining, promoting, leaving), its term, the index it\n"
    "has applied, how old its data can be at most (staleness), a digest of its data,\n"
    "and how far its clock is from the asked node's; then the log that is retained "
    "for\n"
    "nodes that were away, what waits for other systems, the last backup that was "
    "kept,\n"
    "images on their way to nodes, and a change of nodes that is under way. Exit code "
    "0 when\n"
    "every node answers and is ready, 1 when one is not.\n"
    "\n"
    "  --watch    again and again, until it is interrupted\n"
    "  --every S  seconds between two looks (default 2)\n"
    "\n";

struct view {
    struct conn_answer answers[CONN_NODES_MAX];
    size_t count;
};

static json_int_t number_of(const json_t *object, const char *name) {
    return json_integer_value(json_object_get(object, name));
}

static bool is_true(const json_t *object, const char *name) {
    return json_is_true(json_object_get(object, name));
}

static bool answered(const struct conn_answer *answer) {
    return answer->status == 200 && json_is_object(answer->json);
}

static void look(struct conn *conn, struct view *view) {
    view->count = conn->urls_count;
    for (size_t i = 0; i < view->count; i++)
        conn_ask(conn, i, "/v1/status", span_of(NULL, 0), &view->answers[i]);
}

static void view_free(struct view *view) {
    for (size_t i = 0; i < view->count; i++)
        conn_answer_free(&view->answers[i]);
}

/* The answer of node `id` itself; NULL: it gave none. */
static const json_t *own_answer(const struct view *view, json_int_t id) {
    for (size_t i = 0; i < view->count; i++)
        if (answered(&view->answers[i]) &&
            number_of(view->answers[i].json, "node_id") == id)
            return view->answers[i].json;
    return NULL;
}

static const json_t *entry_of(const json_t *answer, json_int_t id) {
    const json_t *nodes = json_object_get(answer, "nodes");

    for (size_t i = 0; i < json_array_size(nodes); i++)
        if (number_of(json_array_get(nodes, i), "id") == id)
            return json_array_get(nodes, i);
    return NULL;
}

static void put_staleness(struct table *table, const json_t *source) {
    const json_t *value = json_object_get(source, "staleness_ms");

    if (json_is_integer(value))
        table_cell(table, "%lld ms", (long long)json_integer_value(value));
    else
        table_cell(table, "never proven");
}

static void put_digest(struct table *table, const json_t *node, const json_t *source) {
    const char *digest = conn_text(source, "digest");

    table_cell(table, "%.12s at %lld%s", digest[0] ? digest : "-",
               (long long)number_of(source, "digest_index"),
               is_true(node, "digest_differs") ? " DIFFERS" : "");
}

static void put_role(struct table *table, const json_t *node, bool leads) {
    const char *role = conn_text(node, "role");
    bool plain = role[0] == '\0' || strcmp(role, "voter") == 0;

    if (leads)
        table_cell(table, "leader%s%s", plain ? "" : ", ", plain ? "" : role);
    else if (plain)
        table_cell(table, "%s", is_true(node, "voter") ? "follower" : "-");
    else
        table_cell(table, "%s", role);
}

/* One line: `node` is the entry in the list of the node asked. True: all is well. */
static bool put_node(struct table *table, const struct view *view, const json_t *node) {
    json_int_t id = number_of(node, "id");
    const json_t *own = own_answer(view, id);
    const json_t *source = own ? own : node;
    bool leads = own ? number_of(own, "leader_id") == id : is_true(node, "leader");
    bool ready = own && is_true(own, "ready") && !is_true(node, "digest_differs");

    table_cell(table, "%lld", (long long)id);
    table_cell(table, "%s", conn_text(node, "region"));
    put_role(table, node, leads);
    table_cell(table, "%lld", (long long)number_of(source, "term"));
    table_cell(table, "%lld", (long long)number_of(source, "applied_index"));
    put_staleness(table, source);
    put_digest(table, node, source);
    table_cell(table, "%+lld ms", (long long)number_of(node, "clock_offset_ms"));
    if (!own && !is_true(node, "connected") &&
        !json_is_integer(json_object_get(node, "seen_age_ms")))
        table_cell(table, "no (down, or cut off: never seen)");
    else if (!own && !is_true(node, "connected"))
        table_cell(table, "no (down, or cut off: seen %.1f s ago)",
                   (double)number_of(node, "seen_age_ms") / 1000.0);
    else if (!own)
        table_cell(table, "? (its operator port was not asked)");
    else if (is_true(own, "ready"))
        table_cell(table, "yes");
    else
        table_cell(table, "no (%s)", conn_text(own, "why_not_ready"));
    return ready || (!own && is_true(node, "connected"));
}

static void put_head(struct table *table) {
    static const char *const names[] = {"NODE",   "REGION",  "ROLE",
                                        "TERM",   "APPLIED", "STALENESS",
                                        "DIGEST", "CLOCK",   "READY"};

    table_begin(table, names, sizeof names / sizeof names[0]);
}

/* "12 min 3 s" */
static void print_span(json_int_t ms) {
    long long s = (long long)ms / 1000;

    if (s >= 86400)
        printf("%lld d %lld h", s / 86400, s % 86400 / 3600);
    else if (s >= 3600)
        printf("%lld h %lld min", s / 3600, s % 3600 / 60);
    else if (s >= 60)
        printf("%lld min %lld s", s / 60, s % 60);
    else
        printf("%lld s", s);
}

/* How long an outage the log covers: what it has, or once it is full if that is far off. */
static void print_log(const json_t *answer) {
    json_int_t bytes = number_of(answer, "trailing_bytes");
    json_int_t bytes_max = number_of(answer, "trailing_bytes_max");
    json_int_t covers_ms = number_of(answer, "trailing_covers_ms");

    printf("\nretained log: %lld frames, %.1f of %.0f MiB; ",
           (long long)number_of(answer, "trailing_frames"), (double)bytes / 1048576.0,
           (double)bytes_max / 1048576.0);
    if (bytes > 0 && bytes < bytes_max / 2) {
        double full_ms = (double)covers_ms * (double)bytes_max / (double)bytes;
        printf("reaches back ");
        print_span(covers_ms);
        printf(", full it ");
        covers_ms = full_ms < 1e15 ? (json_int_t)full_ms : (json_int_t)1e15;
    }
    printf("covers an outage of ");
    print_span(covers_ms);
    printf(" at this load\n");
}

/* About the cluster as a whole, by the leader's word if there is one. */
static void print_cluster(const json_t *answer) {
    const json_t *regions = json_object_get(answer, "leader_regions");
    const json_t *outbox = json_object_get(answer, "outbox");

    if (json_is_integer(json_object_get(answer, "trailing_bytes")))
        print_log(answer);
    printf("outbox: %lld waiting, %lld given up%s\n",
           (long long)number_of(outbox, "waiting"),
           (long long)number_of(outbox, "dead"),
           number_of(outbox, "dead") > 0 ? ": see tasuki outbox" : "");
    if (number_of(outbox, "dropped") > 0)
        printf("outbox: %lld dropped for want of room\n",
               (long long)number_of(outbox, "dropped"));
    if (conn_text(answer, "member_change")[0])
        printf("change: %s\n", conn_text(answer, "member_change"));
    for (size_t i = 0; i < json_array_size(regions); i++)
        printf("%s%s", i ? ", " : "leadership is preferred in: ",
               json_string_value(json_array_get(regions, i)));
    if (json_array_size(regions) > 0)
        putchar('\n');
}

/* Each node reads its own rows now and then. */
static void print_scrub(const json_t *answer) {
    const json_t *scrub = json_object_get(answer, "scrub");

    if (!is_true(scrub, "on"))
        return;
    printf("scrub of node %lld: ", (long long)number_of(answer, "node_id"));
    if (is_true(scrub, "running"))
        printf("running, %lld of %lld rows\n", (long long)number_of(scrub, "rows"),
               (long long)number_of(scrub, "rows_total"));
    else if (is_true(scrub, "failed"))
        printf("could not be made: see the node's log\n");
    else if (is_true(scrub, "done"))
        printf("%s at index %lld, %lld rows in %lld ms\n",
               is_true(scrub, "whole") ? "whole" : "ROTTEN",
               (long long)number_of(scrub, "index"),
               (long long)number_of(scrub, "rows"),
               (long long)number_of(scrub, "took_ms"));
    else
        printf("whole when it started, not due yet\n");
}

/* A node that takes one does not answer yet: its donor tells. */
static void print_images(const json_t *answer) {
    const json_t *images = json_object_get(answer, "images");

    for (size_t i = 0; i < json_array_size(images); i++) {
        const json_t *image = json_array_get(images, i);

        printf("image of node %lld for node %lld: ",
               (long long)number_of(answer, "node_id"),
               (long long)number_of(image, "to"));
        if (number_of(image, "rows_total") == 0)
            printf("being captured\n");
        else
            printf("%lld of %lld rows, %.1f MiB, at index %lld\n",
                   (long long)number_of(image, "rows"),
                   (long long)number_of(image, "rows_total"),
                   (double)number_of(image, "bytes") / 1048576.0,
                   (long long)number_of(image, "index"));
    }
}

static void print_backup(const json_t *answer) {
    const json_t *backup = json_object_get(answer, "last_backup");
    json_int_t ago_ms = number_of(answer, "clock_ms") - number_of(backup, "kept_ms");

    if (!json_is_object(backup)) {
        printf("last backup: none\n");
        return;
    }
    printf("last backup: ");
    print_span(ago_ms > 0 ? ago_ms : 0);
    printf(" ago, index %lld, digest %.12s, %.1f MiB, taken by node %lld of node "
           "%lld\n",
           (long long)number_of(backup, "index"), conn_text(backup, "digest"),
           (double)number_of(backup, "bytes") / 1048576.0,
           (long long)number_of(backup, "by_node"),
           (long long)number_of(backup, "from_node"));
}

static void print_blobs(const json_t *answer) {
    const json_t *nodes = json_object_get(answer, "blob_nodes");

    if (!json_is_integer(json_object_get(answer, "blobs")))
        return;
    printf("blobs: %lld, ", (long long)number_of(answer, "blobs"));
    if (json_is_integer(json_object_get(answer, "blobs_short")))
        printf("%lld of them with too few copies",
               (long long)number_of(answer, "blobs_short"));
    else
        printf("how many have too few copies is not known yet");
    for (size_t i = 0; i < json_array_size(nodes); i++) {
        const json_t *node = json_array_get(nodes, i);
        const char *state = conn_text(node, "state");

        if (strcmp(state, "keeps") != 0)
            printf("; node %lld: %s", (long long)number_of(node, "id"),
                   strcmp(state, "lost") == 0 ? "lost, its copies do not count"
                                              : "silent");
    }
    printf("\n");
}

static void print_failures(const struct conn *conn, const struct view *view) {
    for (size_t i = 0; i < view->count; i++) {
        const struct conn_answer *answer = &view->answers[i];

        if (answer->status == 0)
            printf("%s: cannot be reached: %s\n", conn->urls[i], answer->why);
        else if (!answered(answer))
            printf("%s: answers %ld\n", conn->urls[i], answer->status);
    }
}

static int print_view(const struct conn *conn, const struct view *view) {
    const json_t *first = NULL;
    const json_t *nodes, *leader;
    struct table table;
    bool good = true;

    for (size_t i = 0; i < view->count && !first; i++)
        if (answered(&view->answers[i]))
            first = view->answers[i].json;
    if (!first)
        return conn_verdict(&view->answers[0], NULL);
    printf("cluster %s  %s  %s  leader %lld\n\n", conn_text(first, "cluster_id"),
           conn_text(first, "environment"), conn_text(first, "issuer"),
           (long long)number_of(first, "leader_id"));
    nodes = json_object_get(first, "nodes");
    put_head(&table);
    for (size_t i = 0; i < json_array_size(nodes); i++) {
        const json_t *node = json_array_get(nodes, i);
        const json_t *other = entry_of(first, number_of(node, "id"));

        good = put_node(&table, view, other ? other : node) && good;
    }
    table_print(&table);
    table_free(&table);
    leader = own_answer(view, number_of(first, "leader_id"));
    print_cluster(leader ? leader : first);
    print_backup(leader ? leader : first);
    print_blobs(leader ? leader : first);
    for (size_t i = 0; i < view->count; i++)
        if (answered(&view->answers[i]))
            print_images(view->answers[i].json);
    for (size_t i = 0; i < view->count; i++)
        if (answered(&view->answers[i]))
            print_scrub(view->answers[i].json);
    print_failures(conn, view);
    for (size_t i = 0; i < view->count; i++)
        good = good && answered(&view->answers[i]);
    return good ? EXIT_DONE : EXIT_REFUSED;
}

static int print_json(const struct conn *conn, const struct view *view) {
    json_t *list = json_array();
    int code = EXIT_UNREACHABLE;
    bool good = true;

    for (size_t i = 0; i < view->count; i++) {
        const struct conn_answer *answer = &view->answers[i];
        json_t *item = json_pack("{s:s}", "url", conn->urls[i]);

        if (answered(answer)) {
            json_object_set(item, "status", answer->json);
            good = good && is_true(answer->json, "ready");
            code = EXIT_DONE;
        } else {
            json_object_set_new(
                item, "error",
                json_string(answer->status ? "unexpected answer" : answer->why));
            good = false;
        }
        json_array_append_new(list, item);
    }
    list = json_pack("{s:o}", "nodes", list);
    conn_print_json(list);
    json_decref(list);
    return code == EXIT_DONE && !good ? EXIT_REFUSED : code;
}

static int look_once(struct conn *conn) {
    struct view view;
    int code;

    look(conn, &view);
    code = conn->json ? print_json(conn, &view) : print_view(conn, &view);
    view_free(&view);
    return code;
}

static int watch(struct conn *conn, unsigned every_s) {
    const struct port_clock *clock = &port_system_clock;
    char now[JAPAN_TEXT_MAX];

    for (;;) {
        japan_print(clock->wall_ms(clock->impl), JAPAN_SECOND, now);
        if (!conn->json)
            printf("%s%s (JST)  every %u s; Ctrl-C ends it\n",
                   isatty(STDOUT_FILENO) ? "\x1b[H\x1b[J" : "\n", now, every_s);
        look_once(conn);
        if (fflush(stdout) != 0)
            return EXIT_REFUSED;
        sleep(every_s);
    }
}

int cmd_status(int argc, char *const argv[]) {
    struct conn_options options = {0};
    const char *every = NULL;
    bool watching = false;
    const struct args_option own[] = {{"watch", ARGS_FLAG, &watching},
                                      {"every", ARGS_TEXT, &every},
                                      {NULL, ARGS_FLAG, NULL}};
    struct args_list words;
    unsigned long every_s = 2;
    struct conn conn;
    int code;

    if (!conn_args(argc, argv, own, usage_text, &options, &words, &code))
        return code;
    if (words.count > 0 ||
        (every && (!args_number(every, 3600, &every_s) || every_s == 0))) {
        fputs("tasuki: wrong usage; see tasuki status --help\n", stderr);
        return EXIT_USAGE;
    }
    code = conn_open(&options, &conn);
    if (code != EXIT_DONE)
        return code;
    code = watching ? watch(&conn, (unsigned)every_s) : look_once(&conn);
    conn_close(&conn);
    return code;
}
