/* tasuki-check: judges recorded histories (chaos/checker/linear.h). */
#include <getopt.h>
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
        "\n"
        "Exit 0: it is; 1: it is not; 2: undecided; 64: usage; 65: bad input;\n"
        "66: no such file.\n");
}

static void tell(void *arg, enum history_verdict verdict, enum history_model model,
                 uint64_t key, const char *text) {
    (void)arg;
    fprintf(stderr, "%s %llu: %s: %s\n", history_model_name(model),
            (unsigned long long)key,
            verdict == HISTORY_BROKEN ? "NOT LINEARIZABLE" : "undecided", text);
}

static int check(const char *path, bool json) {
    static const char *const words[] = {"linearizable", "undecided",
                                        "not linearizable"};
    struct history history;
    struct linear_report report = {.object = tell};
    char why[256];
    FILE *from = strcmp(path, "-") == 0 ? stdin : fopen(path, "r");
    if (from == NULL) {
        fprintf(stderr, "tasuki-check: %s cannot be opened\n", path);
        return EX_NOINPUT;
    }
    history_init(&history);
    enum err err = history_read(&history, from, why);
    if (from != stdin) {
        fclose(from);
    }
    if (err != OK) {
        fprintf(stderr, "tasuki-check: %s: %s\n", path, why);
        history_free(&history);
        return EX_DATAERR;
    }
    enum history_verdict verdict = linear_check(&history, &report);
    history_free(&history);
    if (json) {
        printf("{\"verdict\":\"%s\",\"objects\":%zu,\"operations\":%zu,\"unknown\":%zu,"
               "\"broken\":%zu,\"undecided\":%zu,\"steps\":%llu}\n",
               words[verdict], report.objects, report.operations, report.unknown,
               report.broken, report.undecided, (unsigned long long)report.steps);
    } else {
        printf("%s: %zu operations (%zu without answer) on %zu objects\n",
               words[verdict], report.operations, report.unknown, report.objects);
    }
    return verdict == HISTORY_LINEAR   ? EX_OK
           : verdict == HISTORY_BROKEN ? EXIT_BROKEN
                                       : EXIT_UNDECIDED;
}

int main(int argc, char **argv) {
    static const struct option longs[] = {
        {"json", no_argument, NULL, 'j'}, {"help", no_argument, NULL, 'h'}, {0}};
    bool json = false;
    int c;
    while ((c = getopt_long(argc, argv, "h", longs, NULL)) != -1) {
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
