/* main_options: tasukid's command line.
 *
 * One mode at a time: run a node (with --bootstrap or --join at its first start), or
 * one of the offline ones. Strings borrow from argv. */
#ifndef SERVER_MAIN_OPTIONS_H
#define SERVER_MAIN_OPTIONS_H

#include <stdbool.h>

struct options {
    const char *config_path;
    bool bootstrap, join, json;

    /* Offline: at most one of these. */
    bool check, recover;
    const char *reseed;  /* the reason; NULL: not asked for */
    const char *restore; /* the backup's file */

    const char *scrub; /* what a node runs beside itself (server/scrub.h) */

    /* While the cluster runs, in the same way. */
    const char *backup; /* the file to be made */
    const char *blobs;  /* with backup, verify, restore: the folder of the blobs */
    bool force;         /* with `backup`: replace one that is there */
    const char *verify; /* a backup's file */

    const char *confirm; /* --yes-lose-data, with `recover` alone */
};

/* -1: go on. Else the exit code, after what there is to say. */
int options_parse(int argc, char **argv, struct options *ret_options);

#endif
