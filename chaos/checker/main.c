/* tasuki-check: judges recorded histories (chaos/checker/linear.h). */
#include <getopt.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "chaos/checker/history_file.h"
#include "chaos/checker/linear.h"

#define EXIT_BROKEN 1
#define EXIT_UNDECIDED 2

static void usage(FILE *to) {
    fprintf(
        to,
        "usage: tasuki-check [--json] FILE\n"
        "\n"
        "Says whether a recorded history (JSON lines, - for standard input) is\n"
        "linearizable: whether some order of the operations, one at a time and each\n"
        "between its call and its return, explains all answers.\n"
        "\n"
        "  --json  the result as one JSON object\n"
        "  --help  this text\n"
        "\n"
        "Exit 0: it is; 1: it is not; 2: undecided; 64: usage; 65: bad input;\n"
        "66: no such file; 71, 74: no memory, or the result cannot be written.\n");
}

static const char *const words[] = {"linearizable", "undecided", "not linearizable"};

static void tell(void *arg, enum history_verdict verdict, enum history_model model,
                 uint64_t key, const char *text) {
    json_t *objects = arg;
    json_t *object =
        json_pack("{s:s, s:I, s:s, s:s}", "model", history_model_name(model), "key",
                  (json_int_t)key, "verdict", words[verdict], "text", text);
    fprintf(stderr, "%s %llu: %s: %s\n", history_model_name(model),
            (unsigned long long)key, words[verdict], text);
    if (json_array_append_new(objects, object) != 0) {
        fprintf(stderr, "tasuki-check: out of memory\n");
        exit(EX_OSERR);
    }
}

static int print(enum history_verdict verdict, const struct linear_report *report,
                 json_t *objects, bool json) {
    if (!json) {
        json_decref(objects);
        return printf("%s: %zu operations (%zu without answer) on %zu objects\n",
                      words[verdict], report->operations, report->unknown,
                      report->objects) < 0;
    }
    json_t *all =
        json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:o}", "verdict", words[verdict],
                  "objects", (json_int_t)report->objects, "operations",
                  (json_int_t)report->operations, "unknown",
                  (json_int_t)report->unknown, "broken", (json_int_t)report->broken,
                  "undecided", (json_int_t)report->undecided, "steps",
                  (json_int_t)report->steps, "findings", objects);
    int failed = all == NULL || json_dumpf(all, stdout, JSON_COMPACT) != 0 ||
                 putchar('\n') == EOF;
    json_decref(all);
    return failed;
}

static int load(struct history *history, const char *path) {
    char why[256];
    FILE *from = strcmp(path, "-") == 0 ? stdin : fopen(path, "r");
    if (from == NULL) {
        fprintf(stderr, "tasuki-check: %s cannot be opened\n", path);
        return EX_NOINPUT;
    }
    enum err err = history_read(history, from, why);
    if (from != stdin) {
        fclose(from);
    }
    if (err != OK) {
        fprintf(stderr, "tasuki-check: %s: %s\n", path, why);
        return EX_DATAERR;
    }
    return EX_OK;
}

static int check(const char *path, bool json) {
    struct history history;
    history_init(&history);
    int code = load(&history, path);
    if (code == EX_OK) {
        struct linear_report report = {.object = tell, .arg = json_array()};
        enum history_verdict verdict = linear_check(&history, &report);
        code = verdict == HISTORY_LINEAR   ? EX_OK
               : verdict == HISTORY_BROKEN ? EXIT_BROKEN
                                           : EXIT_UNDECIDED;
        if (print(verdict, &report, report.arg, json) != 0 || fflush(stdout) != 0) {
            fprintf(stderr, "tasuki-check: the result cannot be written\n");
            code = EX_IOERR;
        }
    }
    history_free(&history);
    return code;
}

int main(int argc, char **argv) {
    static const struct option longs[] = {
        {"json", no_argument, NULL, 'j'}, {"help", no_argument, NULL, 'h'}, {0}};
    bool json = false;
    int c;
    while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
        if (c == 'h') {
            usage(stdout);
            return EX_OK;
        }
        if (c != 'j') {
            fprintf(stderr, "tasuki-check: see tasuki-check --help\n");
            return EX_USAGE;
        }
        json = true;
    }
    if (optind + 1 != argc) {
        fprintf(stderr, "tasuki-check: see tasuki-check --help\n");
        return EX_USAGE;
    }
    return check(argv[optind], json);
}
