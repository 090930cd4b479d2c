/* cmd_rp_usage: `tasuki rp usage`. */
#include <stdio.h>
#include <string.h>

#include "ops/cli/cmd.h"
#include "ops/cli/conn.h"
#include "ops/cli/table.h"

static const char usage_text[] =
    "usage: tasuki rp usage [CLIENT_ID] [--month YYYY-MM] [OPTION...]\n"
    "\n"
    "Prints how often relying parties used the platform, by month of Japan's time: this\n"
    "month and 36 before. Sign-ins are counted exactly. Userinfo requests and the TOP\n"
    "page (in the line \"-\") appear within 10 s; a node that dies loses its last 10 s.\n"
    "\n"
    "  --month YYYY-MM  this month alone\n"
    "\n";

static bool wanted(const json_t *row, const char *client_id, const char *month) {
    const char *id = json_string_value(json_object_get(row, "client_id"));
    const char *of = json_string_value(json_object_get(row, "month"));

    return (!client_id || (id && strcmp(id, client_id) == 0)) &&
           (!month || (of && strcmp(of, month) == 0));
}

static json_t *chosen(const json_t *rows, const char *client_id, const char *month) {
    json_t *list = json_array();

    for (size_t i = 0; i < json_array_size(rows); i++) {
        json_t *row = json_array_get(rows, i);

        if (wanted(row, client_id, month))
            json_array_append(list, row);
    }
    return list;
}

static void print_rows(const json_t *rows) {
    static const char *const heads[] = {"MONTH", "CLIENT_ID", "LOGINS",  "USERINFO",
                                        "TOP",   "SMS",       "ANDROID", "IOS"};
    static const char *const numbers[] = {"logins", "userinfo",    "top",
                                          "sms",    "app_android", "app_ios"};
    struct table table;

    table_begin(&table, heads, sizeof heads / sizeof heads[0]);
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);
        const char *id = json_string_value(json_object_get(row, "client_id"));
        const char *month = json_string_value(json_object_get(row, "month"));

        table_cell(&table, "%s", month ? month : "");
        table_cell(&table, "%s", id && id[0] ? id : "-");
        for (size_t n = 0; n < sizeof numbers / sizeof numbers[0]; n++)
            table_cell(&table, "%lld",
                       (long long)json_integer_value(json_object_get(row, numbers[n])));
    }
    table_print(&table);
    table_free(&table);
}

static int show(const struct conn_options *options, const char *client_id,
                const char *month) {
    struct conn_answer answer;
    struct conn conn;
    json_t *rows;
    int code = conn_open(options, &conn);

    if (code != EXIT_DONE)
        return code;
    conn_read(&conn, "/v1/usage", &answer);
    code = conn_verdict(&answer, NULL);
    rows = chosen(json_object_get(answer.json, "usage"), client_id, month);
    if (code == EXIT_DONE && conn.json)
        conn_print_json(rows);
    else if (code == EXIT_DONE)
        print_rows(rows);
    json_decref(rows);
    conn_answer_free(&answer);
    conn_close(&conn);
    return code;
}

int cmd_rp_usage(int argc, char *const argv[]) {
    struct conn_options options = {0};
    const char *month = NULL;
    const struct args_option own[] = {{"month", ARGS_TEXT, &month},
                                      {NULL, ARGS_FLAG, NULL}};
    struct args_list words;
    int code;

    if (!conn_args(argc, argv, own, usage_text, &options, &words, &code))
        return code;
    if (words.count > 1 || (month && strlen(month) != 7)) {
        fputs("tasuki: at most one CLIENT_ID and a month as 2026-04 are expected; see "
              "tasuki rp usage --help\n",
              stderr);
        return EXIT_USAGE;
    }
    return show(&options, words.count ? words.items[0] : NULL, month);
}
