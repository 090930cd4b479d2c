/* cmd_restore: `tasuki restore`, a new cluster of one node out of a backup. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "ops/cli/cmd.h"
#include "ops/cli/conn.h"
#include "ops/cli/daemon.h"

static const char usage_text[] =
    "usage: tasuki restore FILE --config CONF [--blobs FOLDER] [OPTION...]\n"
    "\n"
    "Makes this node's data out of a backup, as the only node of a new epoch of the\n"
    "cluster: accounts and relying parties are there; every session, code and token\n"
    "from before is dead; the node makes new signing keys when it starts. The whole\n"
    "file is checked before anything is written, and data_dir must hold no data.\n"
    "Afterwards: start tasukid, then add the other nodes (tasuki node add), which\n"
    "start on empty folders with tasukid --join. Nodes of the epoch before must not\n"
    "run on; they cannot talk to those of this one.\n"
    "\n"
    "  --blobs FOLDER   the blobs (scans, evidence) that the backup names, as tasuki\n"
    "                   backup --blobs brought them. Each is read first; one that is\n"
    "                   missing or damaged is named, and nothing is restored\n";

int cmd_restore(int argc, char *const argv[]) {
    struct daemon_options options = {0};
    const char *blobs = NULL;
    const struct args_option own[] = {{"blobs", ARGS_TEXT, &blobs}, {0}};
    struct args_list words;
    char file[4096], folder[4096] = "";
    int code;

    if (!daemon_args(argc, argv, own, usage_text, &options, &words, &code))
        return code;
    if (words.count != 1 || !options.config) {
        fputs("tasuki: a backup's FILE and --config CONF are expected; see tasuki "
              "restore --help\n",
              stderr);
        return EXIT_USAGE;
    }
    /* A name that begins with a dash is no option of tasukid's. */
    if (snprintf(file, sizeof file, "--restore=%s", words.items[0]) >=
            (int)sizeof file ||
        snprintf(folder, sizeof folder, "--blobs=%s", blobs ? blobs : "") >=
            (int)sizeof folder) {
        fputs("tasuki: a name is too long\n", stderr);
        return EXIT_USAGE;
    }
    return daemon_exec(&options, (const char *const[]){file, blobs ? folder : NULL, NULL});
}
