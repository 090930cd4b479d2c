/* cmd_decisions: `tasuki decisions export` and `import`: the CSV of 申請書ID and OK or NG. */
#include <errno.h>
#include <iconv.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ops/cli/cmd.h"
#include "ops/cli/conn.h"
#include "ops/cli/input.h"
#include "store/base/codec.h"
#include "store/base/japan.h"
#include "store/base/limits.h"

static const char export_usage[] =
    "usage: tasuki decisions export [--from YYYY-MM-DD] [--to YYYY-MM-DD]\n"
    "                               [--encoding utf-8|cp932] [OPTION...]\n"
    "\n"
    "Prints what people have decided, one application a line: its ID, OK or NG, and the\n"
    "defects of an NG. What the OCR farm alone says is not in it.\n"
    "\n"
    "  --from, --to         days of Japan, both included (default: all)\n"
    "  --encoding ENCODING  of the CSV (default: utf-8)\n"
    "\n";
static const char import_usage[] =
    "usage: tasuki decisions import FILE [--staff NAME] [--sound-only]\n"
    "                               [--encoding utf-8|cp932] [OPTION...]\n"
    "\n"
    "Checks a CSV of decisions line by line, and prints each line that cannot take effect\n"
    "with the reason. With --staff it is brought in too, for that person; another one (an\n"
    "approver or a supervisor) confirms it in the console, before which nothing takes\n"
    "effect. FILE may be - for standard input, and has 6000 lines at most.\n"
    "Exit code 1: some lines are wrong, and nothing was brought in.\n"
    "\n"
    "  --staff NAME         who stands for the file\n"
    "  --sound-only         bring it in without the lines that are wrong\n"
    "  --encoding ENCODING  of FILE (default: UTF-8 if it is valid, else CP932)\n"
    "\n";

struct decision_options {
    struct conn_options conn;
    const char *from, *to, *encoding, *staff;
    bool sound_only;
};

/* Append `in` in another encoding; false after a sentence on stderr. */
static bool convert(const char *to, const char *from, struct span in, struct buf *out) {
    iconv_t handle = iconv_open(to, from);
    char *at = (char *)(uintptr_t)in.data; /* iconv does not write there */
    size_t left = in.len;
    bool good = handle != (iconv_t)-1;

    while (good && left > 0) {
        char part[4096], *end = part;
        size_t room = sizeof part;
        size_t rc = iconv(handle, &at, &left, &end, &room);
        buf_put(out, part, (size_t)(end - part));
        good = rc != (size_t)-1 || errno == E2BIG;
    }
    if (handle != (iconv_t)-1)
        iconv_close(handle);
    if (!good)
        fprintf(stderr, "tasuki: the text is not %s\n", from);
    return good && buf_err(out) == OK;
}

static bool encoding_known(const char *encoding) {
    if (!encoding || strcmp(encoding, "utf-8") == 0 || strcmp(encoding, "cp932") == 0)
        return true;
    fputs("tasuki: --encoding: utf-8 or cp932 is expected\n", stderr);
    return false;
}

/* The first or the last moment of a day; false after a sentence on stderr. */
static bool read_day(const char *text, const char *option, bool end, json_int_t *ret_ms) {
    uint64_t first_ms, last_ms;

    if (!japan_read_day(span_str(text), &first_ms, &last_ms)) {
        fprintf(stderr, "tasuki: %s: a day as 2026-04-01 is expected\n", option);
        return false;
    }
    *ret_ms = (json_int_t)(end ? last_ms : first_ms);
    return true;
}

/* ---- export */

static bool print_csv(const json_t *answer, const char *encoding) {
    struct buf csv, out;
    json_t *decision, *defect;
    size_t i, j;
    bool good;

    buf_init(&csv, CONN_BODY_MAX);
    buf_init(&out, CONN_BODY_MAX);
    buf_str(&csv, "申請書ID,審査結果,不備区分\r\n");
    json_array_foreach(json_object_get(answer, "decisions"), i, decision) {
        buf_printf(&csv, "%s,%s,",
                   json_string_value(json_object_get(decision, "application_id")),
                   json_string_value(json_object_get(decision, "result")));
        json_array_foreach(json_object_get(decision, "defects"), j, defect)
            buf_printf(&csv, "%s%s", j > 0 ? ";" : "", json_string_value(defect));
        buf_str(&csv, "\r\n");
    }
    if (encoding && strcmp(encoding, "cp932") == 0)
        good = convert("CP932", "UTF-8", buf_span(&csv), &out);
    else
        good = (buf_put(&out, csv.data, csv.len), buf_err(&out) == OK);
    good = good && fwrite(out.data, 1, out.len, stdout) == out.len && fflush(stdout) == 0;
    buf_free(&csv);
    buf_free(&out);
    return good;
}

static json_t *describe_export(const struct decision_options *o) {
    json_t *body = json_object();
    json_int_t ms;

    if (o->from) {
        if (!read_day(o->from, "--from", false, &ms))
            goto wrong;
        json_object_set_new(body, "from_ms", json_integer(ms));
    }
    if (o->to) {
        if (!read_day(o->to, "--to", true, &ms))
            goto wrong;
        json_object_set_new(body, "to_ms", json_integer(ms));
    }
    return body;
wrong:
    json_decref(body);
    return NULL;
}

/* Send `body` (stolen); *ret_answer is the caller's to free when EXIT_DONE. */
static int send(struct conn *conn, const char *path, json_t *body,
                struct conn_answer *ret_answer) {
    char *text = json_dumps(body, JSON_COMPACT);
    int code;

    json_decref(body);
    if (!text) {
        fputs("tasuki: the arguments must be UTF-8\n", stderr);
        return EXIT_USAGE;
    }
    conn_write(conn, path, span_str(text), ret_answer);
    free(text);
    code = conn_verdict(ret_answer, NULL);
    if (code != EXIT_DONE)
        conn_answer_free(ret_answer);
    return code;
}

static int run_export(const struct decision_options *o) {
    json_t *body = describe_export(o);
    struct conn_answer answer;
    struct conn conn;
    int code = body ? conn_open(&o->conn, &conn) : EXIT_USAGE;

    if (code != EXIT_DONE) {
        json_decref(body);
        return code;
    }
    code = send(&conn, "/v1/decisions", body, &answer);
    if (code == EXIT_DONE) {
        if (conn.json)
            conn_print_json(answer.json);
        else if (!print_csv(answer.json, o->encoding))
            code = EXIT_REFUSED;
        conn_answer_free(&answer);
    }
    conn_close(&conn);
    return code;
}

/* ---- import */

static void print_report(const json_t *answer, const struct decision_options *o) {
    json_t *line;
    size_t i;

    json_array_foreach(json_object_get(answer, "lines"), i, line)
        printf("line %lld: %s: %s\n",
               (long long)json_integer_value(json_object_get(line, "number")),
               json_string_value(json_object_get(line, "application_id")),
               json_string_value(json_object_get(line, "problem")));
    printf("%lld lines, %lld can take effect\n",
           (long long)json_integer_value(json_object_get(answer, "count")),
           (long long)json_integer_value(json_object_get(answer, "ready")));
    if (json_is_true(json_object_get(answer, "known")))
        puts("This file was brought in before.");
    else if (json_is_true(json_object_get(answer, "brought_in")))
        puts("Brought in. An approver or a supervisor, another person, confirms it in the "
             "console.");
    else if (o->staff)
        puts("Nothing was brought in: mend the lines that are wrong, or say --sound-only.");
}

static bool read_file(const struct decision_options *o, const char *path, struct buf *text) {
    struct buf file;
    bool utf8, cp932, good;

    buf_init(&file, LIMIT_DECISIONS_FILE);
    good = input_file(path, &file);
    utf8 = utf8_valid(buf_span(&file));
    cp932 = o->encoding ? strcmp(o->encoding, "cp932") == 0 : !utf8;
    if (good && cp932) {
        good = convert("UTF-8", "CP932", buf_span(&file), text);
    } else if (good && !utf8) {
        fprintf(stderr, "tasuki: %s is not UTF-8: is it --encoding cp932?\n", path);
        good = false;
    } else if (good) {
        buf_put(text, file.data, file.len);
    }
    buf_free(&file);
    return good && buf_err(text) == OK;
}

static int run_import(const struct decision_options *o, const char *path) {
    struct conn_answer answer;
    struct conn conn;
    struct buf text;
    json_t *body;
    int code;

    buf_init(&text, LIMIT_DECISIONS_FILE);
    if (!read_file(o, path, &text)) {
        buf_free(&text);
        return EXIT_USAGE;
    }
    body = json_pack("{s:o?}", "csv", json_stringn((const char *)text.data, text.len));
    buf_free(&text);
    if (o->staff)
        json_object_set_new(body, "staff", json_string(o->staff));
    if (o->sound_only)
        json_object_set_new(body, "sound_only", json_true());
    code = conn_open(&o->conn, &conn);
    if (code != EXIT_DONE) {
        json_decref(body);
        return code;
    }
    code = send(&conn, "/v1/decisions/import", body, &answer);
    if (code == EXIT_DONE) {
        if (conn.json)
            conn_print_json(answer.json);
        else
            print_report(answer.json, o);
        if (json_array_size(json_object_get(answer.json, "lines")) > 0 &&
            !json_is_true(json_object_get(answer.json, "brought_in")))
            code = EXIT_REFUSED;
        conn_answer_free(&answer);
    }
    conn_close(&conn);
    return code;
}

/* ---- the command line */

static int run(int argc, char *const argv[], bool import) {
    struct decision_options o = {0};
    const struct args_option exports[] = {{"from", ARGS_TEXT, &o.from},
                                          {"to", ARGS_TEXT, &o.to},
                                          {"encoding", ARGS_TEXT, &o.encoding},
                                          {NULL, ARGS_FLAG, NULL}};
    const struct args_option imports[] = {{"staff", ARGS_TEXT, &o.staff},
                                          {"sound-only", ARGS_FLAG, &o.sound_only},
                                          {"encoding", ARGS_TEXT, &o.encoding},
                                          {NULL, ARGS_FLAG, NULL}};
    struct args_list words;
    int code;

    if (!conn_args(argc, argv, import ? imports : exports,
                   import ? import_usage : export_usage, &o.conn, &words, &code))
        return code;
    if (words.count != (import ? 1u : 0u)) {
        fprintf(stderr, "tasuki: %s; see tasuki decisions %s --help\n",
                import ? "a FILE is expected" : "no argument is expected",
                import ? "import" : "export");
        return EXIT_USAGE;
    }
    if (!encoding_known(o.encoding))
        return EXIT_USAGE;
    return import ? run_import(&o, words.items[0]) : run_export(&o);
}

int cmd_decisions_export(int argc, char *const argv[]) {
    return run(argc, argv, false);
}

int cmd_decisions_import(int argc, char *const argv[]) {
    return run(argc, argv, true);
}
