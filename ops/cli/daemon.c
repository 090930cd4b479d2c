#include "ops/cli/daemon.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ops/cli/conn.h"
#include "store/base/check.h"

#define ARGUMENTS_MAX 16

const char daemon_help[] =
    "  --config FILE   the node's configuration file (required)\n"
    "  --tasukid PATH  the program to run (default: $TASUKID, or the tasukid beside\n"
    "                  this program)\n"
    "  --json          the result as JSON on standard output\n"
    "\n"
    "Run it on the node's own machine, as the user whom data_dir belongs to, while\n"
    "tasukid is stopped. Messages and progress go to standard error.\n"
    "\n"
    "Exit codes: 0 done, 1 recover: not confirmed, 64 wrong command line, 65 restore:\n"
    "the file is no whole backup of this cluster, 75 not now (it runs, no room, no\n"
    "memory), 77 this node cannot be mended under its id, 78 refused: the message "
    "says\n"
    "what is wrong with the configuration or the data.\n";

void daemon_options_init(struct daemon_options *options) {
    const struct args_option table[] = {
        {"config", ARGS_TEXT, &options->config},
        {"tasukid", ARGS_TEXT, &options->tasukid},
        {"json", ARGS_FLAG, &options->json},
        {NULL, ARGS_FLAG, NULL},
    };

    memcpy(options->table, table, sizeof table);
}

bool daemon_args(int argc, char *const argv[], const struct args_option *own,
                 const char *usage, struct daemon_options *options,
                 struct args_list *ret_words, int *ret_code) {
    const struct args_option *const tables[] = {own, options->table, NULL};
    bool help;

    daemon_options_init(options);
    *ret_code = EXIT_USAGE;
    if (!args_parse(argc, argv, tables, ret_words, &help))
        return false;
    if (help) {
        printf("%s%s", usage, daemon_help);
        *ret_code = EXIT_DONE;
    }
    return !help;
}

static bool beside(char ret_path[DAEMON_PATH_MAX]) {
    static const char name[] = "tasukid";
    ssize_t len = readlink("/proc/self/exe", ret_path, DAEMON_PATH_MAX - sizeof name);
    char *slash;

    if (len < 0 || (size_t)len >= DAEMON_PATH_MAX - sizeof name) {
        fprintf(stderr, "tasuki: this program's own path cannot be read: %s\n",
                len < 0 ? strerror(errno) : "it is too long");
        return false;
    }
    ret_path[len] = 0;
    slash = strrchr(ret_path, '/');
    CHECK(slash);
    memcpy(slash + 1, name, sizeof name);
    return true;
}

bool daemon_find(const struct daemon_options *options, char ret_path[DAEMON_PATH_MAX]) {
    const char *given = options->tasukid ? options->tasukid : getenv("TASUKID");
    bool is_given = given && given[0];

    if (is_given &&
        snprintf(ret_path, DAEMON_PATH_MAX, "%s", given) >= DAEMON_PATH_MAX) {
        fputs("tasuki: the path of tasukid is too long\n", stderr);
        return false;
    }
    if (!is_given && !beside(ret_path))
        return false;
    if (access(ret_path, X_OK) != 0) {
        fprintf(stderr, "tasuki: %s: %s; give --tasukid PATH\n", ret_path,
                strerror(errno));
        return false;
    }
    return true;
}

/* execv's strings are not written to; C has no way to say so. */
static void put(char *argv[], size_t *count, const char *text) {
    union {
        const char *in;
        char *out;
    } argument = {text};

    CHECK(*count + 1 < ARGUMENTS_MAX);
    argv[(*count)++] = argument.out;
    argv[*count] = NULL;
}

static int become(const char *path, const struct daemon_options *options, bool json,
                  const char *const arguments[]) {
    char *argv[ARGUMENTS_MAX];
    size_t count = 0;

    put(argv, &count, "tasukid");
    put(argv, &count, "--config");
    put(argv, &count, options->config);
    if (json)
        put(argv, &count, "--json");
    for (size_t i = 0; arguments[i]; i++)
        put(argv, &count, arguments[i]);
    execv(path, argv);
    fprintf(stderr, "tasuki: %s: %s\n", path, strerror(errno));
    return EXIT_AGAIN;
}

int daemon_exec(const struct daemon_options *options, const char *const arguments[]) {
    char path[DAEMON_PATH_MAX];

    if (!daemon_find(options, path))
        return EXIT_USAGE;
    return become(path, options, options->json, arguments);
}

int daemon_run(const struct daemon_options *options, const char *const arguments[]) {
    char path[DAEMON_PATH_MAX];
    int status = 0;
    pid_t child, ended;

    if (!daemon_find(options, path))
        return EXIT_USAGE;
    fflush(NULL);
    child = fork();
    if (child == 0) {
        if (dup2(STDERR_FILENO, STDOUT_FILENO) < 0) /* stdout is the result's alone */
            _exit(EXIT_AGAIN);
        _exit(become(path, options, false, arguments));
    }
    if (child < 0) {
        fprintf(stderr, "tasuki: %s cannot be started: %s\n", path, strerror(errno));
        return EXIT_AGAIN;
    }
    do
        ended = waitpid(child, &status, 0);
    while (ended < 0 && errno == EINTR);
    if (ended != child) {
        fprintf(stderr, "tasuki: %s: %s\n", path, strerror(errno));
        return EXIT_AGAIN;
    }
    if (WIFSIGNALED(status)) {
        fprintf(stderr, "tasuki: %s was ended by signal %d\n", path, WTERMSIG(status));
        return 128 + WTERMSIG(status);
    }
    return WEXITSTATUS(status);
}
