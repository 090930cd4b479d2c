/* cmd_reseed: `tasuki reseed`, a node's data anew from the other nodes. */
#include <stdio.h>

#include "ops/cli/cmd.h"
#include "ops/cli/conn.h"
#include "ops/cli/daemon.h"

static const char usage_text[] =
    "usage: tasuki reseed --config CONF [--reason TEXT] [OPTION...]\n"
    "\n"
    "Gives a node whose store or log is damaged an image of the state from another\n"
    "node, in the place of its own data, then ends: start tasukid afterwards. Asks "
    "the\n"
    "nodes of the peer lines one after the other until one gives it. May be\n"
    "interrupted: what stands there stays as it was, and the node's next start goes "
    "on\n"
    "with it. Refused when the node's term and vote are damaged too: then it might\n"
    "vote twice, and another node must take its place (tasuki node replace).\n"
    "\n"
    "  --reason TEXT   kept with the request, shown in the log\n";

int cmd_reseed(int argc, char *const argv[]) {
    struct daemon_options options = {0};
    const char *reason = NULL;
    const struct args_option own[] = {{"reason", ARGS_TEXT, &reason},
                                      {NULL, ARGS_FLAG, NULL}};
    struct args_list words;
    char option[256];
    int code;

    if (!daemon_args(argc, argv, own, usage_text, &options, &words, &code))
        return code;
    if (words.count != 0 || !options.config) {
        fputs("tasuki: --config CONF alone is expected; see tasuki reseed --help\n",
              stderr);
        return EXIT_USAGE;
    }
    if (snprintf(option, sizeof option, "--reseed=%s",
                 reason ? reason : "an operator asked for it") >= (int)sizeof option) {
        fputs("tasuki: --reason: a shorter text is expected\n", stderr);
        return EXIT_USAGE;
    }
    return daemon_exec(&options, (const char *const[]){option, NULL});
}
