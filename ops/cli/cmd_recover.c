/* cmd_recover: `tasuki recover`, when most nodes are lost for good.
 *
 * It gives up what only the lost nodes had, so it is asked for twice: what would be
 * kept is shown first, then the cluster's id must be typed. tasukid compares it. */
#include <stdio.h>
#include <string.h>

#include "ops/cli/cmd.h"
#include "ops/cli/conn.h"
#include "ops/cli/daemon.h"

static const char usage_text[] =
    "usage: tasuki recover --config CONF [--confirm CLUSTER_ID] [OPTION...]\n"
    "\n"
    "Makes this node the only one of a new epoch of the cluster, from its own data. "
    "For\n"
    "when so many nodes are lost for good that no majority will come back. What was\n"
    "acknowledged by the lost nodes alone is lost; sessions, codes and tokens are "
    "dead,\n"
    "signing keys are made anew. Run it on the node with the highest last index: give\n"
    "it on each that is left without confirming, and compare. Afterwards: start\n"
    "tasukid, delete the other nodes' data, add them again under new ids.\n"
    "\n"
    "Shows what is kept, then asks for the cluster's id to be typed.\n"
    "\n"
    "  --confirm ID    do not ask: this is the cluster's id\n";

/* False: end of input, or a line that cannot be an id. */
static bool ask(char *ret_line, size_t max) {
    size_t len;

    fputs("Type the cluster's id (cluster_id) to give the lost nodes up: ", stderr);
    if (!fgets(ret_line, (int)max, stdin)) {
        fputs("\ntasuki: nothing was typed; nothing was changed\n", stderr);
        return false;
    }
    len = strcspn(ret_line, "\r\n");
    if (len == 0 || ret_line[len] == 0) {
        fputs("tasuki: that is no cluster's id; nothing was changed\n", stderr);
        return false;
    }
    ret_line[len] = 0;
    return true;
}

int cmd_recover(int argc, char *const argv[]) {
    struct daemon_options options = {0};
    const char *confirm = NULL;
    const struct args_option own[] = {{"confirm", ARGS_TEXT, &confirm},
                                      {NULL, ARGS_FLAG, NULL}};
    struct args_list words;
    char line[64], option[128];
    int code;

    if (!daemon_args(argc, argv, own, usage_text, &options, &words, &code))
        return code;
    if (words.count != 0 || !options.config || (confirm && strlen(confirm) > 63)) {
        fputs(
            "tasuki: --config CONF is expected, and a cluster's id for --confirm; see "
            "tasuki recover --help\n",
            stderr);
        return EXIT_USAGE;
    }
    code = daemon_run(&options, (const char *const[]){"--recover", NULL});
    if (code != EXIT_DONE)
        return code;
    if (!confirm && !ask(line, sizeof line))
        return EXIT_REFUSED;
    snprintf(option, sizeof option, "--yes-lose-data=%s", confirm ? confirm : line);
    return daemon_exec(&options, (const char *const[]){"--recover", option, NULL});
}
