/* cmd_backup: `tasuki backup`, the state of a running cluster in a file. */
#include <stdio.h>

#include "ops/cli/cmd.h"
#include "ops/cli/conn.h"
#include "ops/cli/daemon.h"

static const char usage_text[] =
    "usage: tasuki backup FILE --config CONF [--blobs FOLDER] [--force] [OPTION...]\n"
    "       tasuki backup --verify FILE --config CONF [--blobs FOLDER] [OPTION...]\n"
    "\n"
    "Writes the whole state of the running cluster to FILE: accounts, relying "
    "parties,\n"
    "sessions and keys, with index, term, members, digest and checksums. Personal "
    "data\n"
    "and keys in it are sealed with the cluster's key, which is not in it: keep that\n"
    "elsewhere. Runs on a node, with its CONF; another node gives the copy if one "
    "can,\n"
    "and goes on serving. FILE appears when it is whole and verified.\n"
    "`tasuki restore` makes a new cluster out of it. Scans and evidence (blobs) are not\n"
    "in the file but named by it; --blobs brings those that FOLDER does not have yet.\n"
    "\n"
    "  --verify FILE    read a backup to its end and say what it holds\n"
    "  --blobs FOLDER   where the blobs stand, sealed, for any number of backups; with\n"
    "                   --verify each one is read, and what is missing or damaged named\n"
    "  --force          replace a FILE that is there\n"
    "  --config FILE    the node's configuration file (required)\n"
    "  --tasukid PATH   the program to run (default: $TASUKID, or the tasukid beside\n"
    "                   this program)\n"
    "  --json           the result as JSON on standard output\n"
    "\n"
    "Run it as the user whom the node's keys belong to. Messages and progress go to\n"
    "standard error.\n"
    "\n"
    "Exit codes: 0 done, 64 wrong command line, 65 the file is no whole backup of this\n"
    "cluster, or blobs of it are missing or damaged, 66 it cannot be opened, 73 it cannot be made, 75 no node gave a\n"
    "copy, or not every blob (the same again with --force goes on), or no room, 78 configuration.\n";

int cmd_backup(int argc, char *const argv[]) {
    struct daemon_options options = {0};
    const char *verify = NULL, *blobs = NULL;
    bool force = false;
    const struct args_option own[] = {{"verify", ARGS_TEXT, &verify},
                                      {"blobs", ARGS_TEXT, &blobs},
                                      {"force", ARGS_FLAG, &force},
                                      {0}};
    const struct args_option *const tables[] = {options.table, own, NULL};
    struct args_list words;
    char file[4096], folder[4096] = "";
    bool help;

    daemon_options_init(&options);
    if (!args_parse(argc, argv, tables, &words, &help))
        return EXIT_USAGE;
    if (help) {
        fputs(usage_text, stdout);
        return EXIT_DONE;
    }
    if (words.count != (verify ? 0u : 1u) || !options.config || (verify && force)) {
        fputs("tasuki: a FILE (or --verify FILE) and --config CONF are expected; see "
              "tasuki backup --help\n",
              stderr);
        return EXIT_USAGE;
    }
    /* A name that begins with a dash is no option of tasukid's. */
    if (snprintf(file, sizeof file, verify ? "--verify=%s" : "--backup=%s",
                 verify ? verify : words.items[0]) >= (int)sizeof file ||
        snprintf(folder, sizeof folder, "--blobs=%s", blobs ? blobs : "") >=
            (int)sizeof folder) {
        fputs("tasuki: a name is too long\n", stderr);
        return EXIT_USAGE;
    }
    return daemon_exec(&options, (const char *const[]){
                                     file, blobs ? folder : force ? "--force" : NULL,
                                     blobs && force ? "--force" : NULL, NULL});
}
