#include "server/main_options.h"

#include <getopt.h>
#include <stddef.h>
#include <stdio.h>
#include <sysexits.h>

#include "server/main_dirs.h"

#ifndef TASUKI_VERSION
#define TASUKI_VERSION "0.1.0"
#endif

static const char usage_text[] =
    "usage: tasukid --config FILE [--bootstrap | --join]\n"
    "       tasukid --config FILE --check\n"
    "       tasukid --config FILE --reseed[=REASON] [--json]\n"
    "       tasukid --config FILE --restore=BACKUP [--blobs=FOLDER] [--json]\n"
    "       tasukid --config FILE --recover [--yes-lose-data=CLUSTER_ID] [--json]\n"
    "       tasukid --config FILE --backup=BACKUP [--blobs=FOLDER] [--force]\n"
    "               [--json]\n"
    "       tasukid --config FILE --verify=BACKUP [--blobs=FOLDER] [--json]\n"
    "       tasukid --help | --version\n"
    "\n"
    "  --config FILE  the node's configuration\n"
    "  --check        read the configuration and the files it names, then end\n"
    "  --bootstrap    first start of a new cluster: give it to every first node once.\n"
    "                 Without effect on a node that has a log. Refused on a node that\n"
    "                 had one before and lost it (the marker file\n"
    "                 \"" DIRS_MARKER "\" in data_dir tells): an empty log must\n"
    "                 not vote for a new history.\n"
    "  --join         first start of a node that was added to a running cluster: get\n"
    "                 an image of the state from the nodes of the peer lines, one\n"
    "                 after the other, until one gives it. Without effect and refused\n"
    "                 as --bootstrap is.\n"
    "\n"
    "A node that is marked for re-seeding (the file \"reseed\" in data_dir) gets an\n"
    "image in the same way before it runs.\n"
    "\n"
    "While the cluster runs (`tasuki backup` asks for these):\n"
    "  --backup       the state into a file, taken from this node or another, then "
    "end\n"
    "  --force        with --backup: replace a file that is there\n"
    "  --verify       read a whole backup, say what it holds, then end\n"
    "  --blobs        the folder in which the blobs (scans) stand that backups name: it\n"
    "                 is brought up to date, or read, or restored from\n"
    "\n"
    "On a node that is stopped (`tasuki reseed`, `restore`, `recover` ask for these):\n"
    "  --reseed       a new image in the place of this node's data, then end\n"
    "  --restore      a cluster of one node in a new epoch out of a backup, then end\n"
    "  --recover      say what a recovery from this node alone would keep. With\n"
    "                 --yes-lose-data and the cluster's id: do it, then end\n"
    "  --json         the result as JSON on standard output\n"
    "\n"
    "SIGTERM and SIGINT end a running node in order; a second one ends it at once, "
    "and\n"
    "so does the first while its store is checked or an image is fetched: the next\n"
    "start goes on from there.\n"
    "Exit codes: 0 ended in order, 64 usage, 65 the backup cannot be used, 70 "
    "internal\n"
    "error, 75 try again later (a port is in use, the disk is full), 76 removed from\n"
    "the cluster, 77 the node's data are damaged, 78 configuration.\n";

static int usage_error(const char *message, const char *what) {
    fprintf(stderr, "tasukid: %s%s\n%s", message, what, usage_text);
    return EX_USAGE;
}

static int check_together(const struct options *o) {
    int modes = o->check + o->recover + (o->reseed != NULL) + (o->restore != NULL) +
                (o->backup != NULL) + (o->verify != NULL) + o->bootstrap + o->join;

    if (modes > 1)
        return usage_error("one at a time of --bootstrap, --join, --check, --reseed, "
                           "--restore, --recover, --backup and --verify",
                           "");
    if (o->confirm && !o->recover)
        return usage_error("--yes-lose-data belongs to --recover", "");
    if (o->blobs && !o->backup && !o->verify && !o->restore)
        return usage_error("--blobs belongs to --backup, --verify and --restore", "");
    if (o->force && !o->backup)
        return usage_error("--force belongs to --backup", "");
    if (o->json && !o->recover && !o->reseed && !o->restore && !o->backup && !o->verify)
        return usage_error("--json belongs to --reseed, --restore, --recover, --backup "
                           "and --verify",
                           "");
    if (!o->config_path && !o->scrub)
        return usage_error("--config FILE is missing", "");
    return -1;
}

/* False: it stood there before. */
static bool take(const char **text, const char *value) {
    if (*text)
        return false;
    *text = value;
    return true;
}

/* -1, or an exit code. */
static int take_option(int option, struct options *o) {
    bool once = true;

    switch (option) {
    case 'c':
        once = take(&o->config_path, optarg);
        break;
    case 'b':
        o->bootstrap = true;
        break;
    case 'j':
        o->join = true;
        break;
    case 'k':
        o->check = true;
        break;
    case 'e':
        once = take(&o->reseed, optarg ? optarg : "an operator asked for it");
        break;
    case 'r':
        once = take(&o->restore, optarg);
        break;
    case 'R':
        o->recover = true;
        break;
    case 'y':
        once = take(&o->confirm, optarg);
        break;
    case 's':
        once = take(&o->scrub, optarg);
        break;
    case 'B':
        once = take(&o->backup, optarg);
        break;
    case 'D':
        once = take(&o->blobs, optarg);
        break;
    case 'F':
        o->force = true;
        break;
    case 'V':
        once = take(&o->verify, optarg);
        break;
    case 'J':
        o->json = true;
        break;
    default:
        return usage_error("unknown or incomplete option", "");
    }
    return once ? -1 : usage_error("an option stands there twice", "");
}

int options_parse(int argc, char **argv, struct options *ret_options) {
    static const struct option longs[] = {
        {"config", required_argument, NULL, 'c'},
        {"bootstrap", no_argument, NULL, 'b'},
        {"join", no_argument, NULL, 'j'},
        {"check", no_argument, NULL, 'k'},
        {"reseed", optional_argument, NULL, 'e'},
        {"restore", required_argument, NULL, 'r'},
        {"recover", no_argument, NULL, 'R'},
        {"yes-lose-data", required_argument, NULL, 'y'},
        {"scrub", required_argument, NULL, 's'}, /* server/scrub.h */
        {"backup", required_argument, NULL, 'B'},
        {"blobs", required_argument, NULL, 'D'},
        {"force", no_argument, NULL, 'F'},
        {"verify", required_argument, NULL, 'V'},
        {"json", no_argument, NULL, 'J'},
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'v'},
        {NULL, 0, NULL, 0},
    };
    int option, code;

    opterr = 0;
    while ((option = getopt_long(argc, argv, "", longs, NULL)) != -1) {
        if (option == 'h') {
            fputs(usage_text, stdout);
            return EX_OK;
        }
        if (option == 'v') {
            puts("tasukid " TASUKI_VERSION);
            return EX_OK;
        }
        if (option == '?' || option == ':')
            return usage_error("unknown or incomplete option ", argv[optind - 1]);
        code = take_option(option, ret_options);
        if (code >= 0)
            return code;
    }
    if (optind < argc)
        return usage_error("unexpected argument ", argv[optind]);
    return check_together(ret_options);
}
