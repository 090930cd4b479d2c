/* cmd_audit: `tasuki audit list|show|search|export|verify`. */
#include "ops/cli/cmd_audit.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ops/cli/cmd.h"
#include "ops/cli/table.h"
#include "store/base/japan.h"

#define BODY_MAX 4096
#define PAGE 500
#define LIST_DEFAULT 50

static const char usage_text[] =
    "usage: tasuki audit [list] [--limit N] [OPTION...]\n"
    "       tasuki audit show SEQ [OPTION...]\n"
    "       tasuki audit search [WHAT...] [--limit N] [OPTION...]\n"
    "       tasuki audit export [--out FILE] [OPTION...]\n"
    "       tasuki audit verify [--known SEQ:HASH] [--remember FILE] [OPTION...]\n"
    "       tasuki audit verify --file EXPORT [--known SEQ:HASH] [--remember FILE]\n"
    "       tasuki audit lost --file EXPORT [OPTION...]\n"
    "\n"
    "list     the newest security events\n"
    "show     one of them, with everything that is known of it\n"
    "search   those that fit all of\n"
    "           --account ID    about this account, or by its holder: its account ID\n"
    "                           (also one that nobody has), or its sub\n"
    "           --rp CLIENT_ID  about, or by, this relying party\n"
    "           --staff NAME    about, or by, this staff account\n"
    "           --operator NAME by the operator of this certificate\n"
    "           --application ID\n"
    "                           about this application: all that was done with it, and\n"
    "                           who looked at it\n"
    "           --event NAME    signin.failed; 'signin.*' for all that begin so\n"
    "           --address IP    from this network address\n"
    "           --from, --to    2027-04-01 or '2027-04-01 09:30', of Japan (JST), or\n"
    "                           2027-04-01T09:30:00Z of UTC; what is named is included,\n"
    "                           to its end\n"
    "export   all of them as JSON lines, origins sealed, for an archive and for verify\n"
    "verify   prove that nothing was changed, taken out, put in or cut off: every\n"
    "         record's hash is made again, and each names the one before it. The heads\n"
    "         of all nodes that answer have to be in the chain, and so has what --known\n"
    "         gives. --remember reads the head that the last verify wrote into FILE, and\n"
    "         writes the new one. Exit code 1 and a sentence when it does not hold\n"
    "lost     after a restore or a recovery: the changes that an export of the cluster as\n"
    "         it was has, and the cluster has not: suspensions, passwords, RPs, staff\n"
    "\n"
    "Times are printed as Japan's (JST), with --json as ms since 1970. To read the audit\n"
    "is an event of its own.\n"
    "\n";

/* --- the question --- */

static void put_text(struct buf *body, const char *name, const char *value) {
    if (value)
        buf_json_member(body, name, span_str(value));
}

static bool put_time(struct buf *body, const char *name, const char *text, bool end) {
    uint64_t first_ms, last_ms;

    if (!text)
        return true;
    if (!japan_read(span_str(text), &first_ms, &last_ms)) {
        fprintf(stderr,
                "tasuki: '%s' is no time: 2027-04-01, '2027-04-01 09:30' and "
                "2027-04-01T09:30:00Z are\n",
                text);
        return false;
    }
    buf_json_u64(body, name, end ? last_ms : first_ms);
    return true;
}

static bool put_query(struct buf *body, const struct audit_options *o) {
    put_text(body, "account", o->account);
    put_text(body, "client_id", o->rp);
    put_text(body, "staff", o->staff);
    put_text(body, "operator", o->operator_name);
    put_text(body, "application", o->application);
    put_text(body, "event", o->event);
    put_text(body, "address", o->address);
    return put_time(body, "from_ms", o->from, false) &&
           put_time(body, "to_ms", o->to, true);
}

/* --- the answer --- */

static uint64_t number_of(const json_t *object, const char *name) {
    json_int_t value = json_integer_value(json_object_get(object, name));

    return value > 0 ? (uint64_t)value : 0;
}

static const char *first_text(const json_t *record, const char *const names[]) {
    for (size_t i = 0; names[i]; i++)
        if (conn_text(record, names[i])[0])
            return conn_text(record, names[i]);
    return "";
}

static void add_row(struct table *table, const json_t *record) {
    static const char *const about[] = {"sub", "staff", "login", NULL};
    uint64_t count = number_of(record, "count");
    char time[JAPAN_TEXT_MAX];

    japan_print(number_of(record, "time_ms"), JAPAN_SECOND, time);
    table_cell(table, "%" PRIu64, number_of(record, "seq"));
    table_cell(table, "%s", time);
    if (count > 1)
        table_cell(table, "%s x%" PRIu64, conn_text(record, "event"), count);
    else
        table_cell(table, "%s", conn_text(record, "event"));
    table_cell(table, "%s %s", conn_text(record, "actor_kind"), conn_text(record, "actor"));
    table_cell(table, "%s", first_text(record, about));
    table_cell(table, "%s", conn_text(record, "client_id"));
    table_cell(table, "%s", conn_text(record, "address"));
    table_cell(table, "%s", conn_text(record, "note"));
}

void audit_print_rows(const json_t *records, bool newest_first) {
    static const char *const heads[] = {"SEQ",   "TIME", "EVENT",   "BY",
                                        "ABOUT", "RP",   "ADDRESS", "NOTE"};
    struct table table;

    table_begin(&table, heads, sizeof heads / sizeof heads[0]);
    for (size_t i = 0; i < json_array_size(records); i++) /* the newest last */
        add_row(&table,
                json_array_get(records, newest_first ? json_array_size(records) - 1 - i
                                                     : i));
    table_print(&table);
    table_free(&table);
}

/* One page. `extra` is what the caller adds to the question. */
static int ask(struct conn *conn, const struct buf *question, uint64_t at,
               unsigned long limit, struct conn_answer *ret_answer) {
    struct buf body;

    buf_init(&body, BODY_MAX);
    buf_put(&body, question->data, question->len);
    if (at > 0)
        buf_json_u64(&body, "at", at);
    buf_json_u64(&body, "limit", limit < PAGE ? limit : PAGE);
    buf_str(&body, "}");
    conn_write(conn, "/v1/audit", buf_span(&body), ret_answer);
    buf_free(&body);
    return conn_verdict(ret_answer, NULL);
}

/* Pages until `limit` records are there, into `records`. */
static int collect(struct conn *conn, const struct buf *question, unsigned long limit,
                   json_t *records) {
    uint64_t at = 0;
    int code;

    do {
        struct conn_answer answer;

        code = ask(conn, question, at, limit - json_array_size(records), &answer);
        if (code == EXIT_DONE) {
            json_array_extend(records, json_object_get(answer.json, "records"));
            at = number_of(answer.json, "next");
        }
        conn_answer_free(&answer);
    } while (code == EXIT_DONE && at > 0 && json_array_size(records) < limit);
    return code;
}

static int list(const struct audit_options *o, struct conn *conn) {
    unsigned long limit = LIST_DEFAULT;
    json_t *records = json_array();
    struct buf question;
    int code = EXIT_USAGE;

    buf_init(&question, BODY_MAX);
    buf_str(&question, "{");
    if (o->limit && (!args_number(o->limit, 1000000, &limit) || limit == 0))
        fputs("tasuki: --limit: 1 to 1000000 is expected\n", stderr);
    else if (put_query(&question, o))
        code = collect(conn, &question, limit, records);
    if (code == EXIT_DONE && conn->json)
        conn_print_json(records);
    else if (code == EXIT_DONE && json_array_size(records) == 0)
        puts("nothing was found");
    else if (code == EXIT_DONE)
        audit_print_rows(records, true);
    buf_free(&question);
    json_decref(records);
    return code;
}

static void print_record(const json_t *record) {
    const char *name;
    const json_t *value;
    char time[JAPAN_TEXT_MAX];

    japan_print(number_of(record, "time_ms"), JAPAN_SECOND, time);
    printf("%-14s %s\n", "time", time);
    json_object_foreach((json_t *)(uintptr_t)record, name, value) {
        if (json_is_string(value))
            printf("%-14s %s\n", name, json_string_value(value));
        else
            printf("%-14s %" JSON_INTEGER_FORMAT "\n", name, json_integer_value(value));
    }
}

static int show(struct conn *conn, const char *text) {
    struct conn_answer answer;
    struct buf question;
    const json_t *record;
    unsigned long seq = 0;
    int code;

    if (!args_number(text, UINT32_MAX, &seq) || seq == 0) {
        fputs("tasuki: a number of the SEQ column is expected\n", stderr);
        return EXIT_USAGE;
    }
    buf_init(&question, BODY_MAX);
    buf_str(&question, "{\"purpose\":\"show\"");
    code = ask(conn, &question, seq, 1, &answer);
    record = json_array_get(json_object_get(answer.json, "records"), 0);
    if (code == EXIT_DONE && (!record || number_of(record, "seq") != seq)) {
        fprintf(stderr, "tasuki: there is no record %lu: it was pruned, or is not yet\n",
                seq);
        code = EXIT_REFUSED;
    } else if (code == EXIT_DONE && conn->json) {
        conn_print_json(record);
    } else if (code == EXIT_DONE) {
        print_record(record);
    }
    conn_answer_free(&answer);
    buf_free(&question);
    return code;
}

int audit_read_all(struct conn *conn, const char *purpose, audit_page *page, void *arg) {
    struct buf question;
    uint64_t at = 0;
    int code;

    buf_init(&question, BODY_MAX);
    buf_str(&question, "{\"upward\":true,\"sealed\":true");
    buf_json_member(&question, "purpose", span_str(purpose));
    do {
        struct conn_answer answer;

        code = ask(conn, &question, at, PAGE, &answer);
        at = number_of(answer.json, "next");
        if (code == EXIT_DONE && !page(arg, answer.json))
            code = EXIT_REFUSED;
        conn_answer_free(&answer);
    } while (code == EXIT_DONE && at > 0);
    buf_free(&question);
    return code;
}

/* --- the command --- */

static int run(const struct audit_options *o, const struct args_list *words) {
    const char *what = words->count > 0 ? words->items[0] : "list";
    struct conn conn;
    int code;

    if (strcmp(what, "export") == 0 && words->count == 1)
        return audit_export(o);
    if (strcmp(what, "lost") == 0 && words->count == 1)
        return audit_lost(o);
    if (strcmp(what, "verify") == 0 && words->count == 1)
        return audit_verify(o);
    if (!((strcmp(what, "list") == 0 || strcmp(what, "search") == 0) &&
          words->count <= 1) &&
        !(strcmp(what, "show") == 0 && words->count == 2)) {
        fputs("tasuki: list, show SEQ, search, export, verify or lost is expected; see "
              "tasuki audit --help\n",
              stderr);
        return EXIT_USAGE;
    }
    code = conn_open(&o->conn, &conn);
    if (code != EXIT_DONE)
        return code;
    code = words->count == 2 ? show(&conn, words->items[1]) : list(o, &conn);
    conn_close(&conn);
    return code;
}

int cmd_audit(int argc, char *const argv[]) {
    struct audit_options o = {.conn = {.json = false}};
    const struct args_option own[] = {{"account", ARGS_TEXT, &o.account},
                                      {"rp", ARGS_TEXT, &o.rp},
                                      {"staff", ARGS_TEXT, &o.staff},
                                      {"operator", ARGS_TEXT, &o.operator_name},
                                      {"application", ARGS_TEXT, &o.application},
                                      {"event", ARGS_TEXT, &o.event},
                                      {"address", ARGS_TEXT, &o.address},
                                      {"from", ARGS_TEXT, &o.from},
                                      {"to", ARGS_TEXT, &o.to},
                                      {"limit", ARGS_TEXT, &o.limit},
                                      {"out", ARGS_TEXT, &o.out},
                                      {"file", ARGS_TEXT, &o.file},
                                      {"known", ARGS_TEXT, &o.known},
                                      {"remember", ARGS_TEXT, &o.remember},
                                      {NULL, ARGS_FLAG, NULL}};
    struct args_list words;
    int code;

    if (!conn_args(argc, argv, own, usage_text, &o.conn, &words, &code))
        return code;
    return run(&o, &words);
}
