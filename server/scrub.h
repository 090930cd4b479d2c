/* scrub: the background check of a running node's store.
 *
 * From time to time a child process of the lowest priority opens the store beside the
 * node, for reading alone, walks every row of one snapshot, adds up the digest and
 * compares it with the one that the state machine keeps. A rotten page can make LMDB
 * crash: in the child that is an answer like any other. The child is this program with
 * --scrub PARENT:DIR; it prints a line of progress now and then, and one with the result.
 * Invariants:
 *   S1  one child at a time; it ends with the node, and after an hour;
 *   S2  a store that was found rotten is named by `rotten`, once; the caller ends the
 *       node.
 * Thread: one of its own; scrub_status from any. */
#ifndef SERVER_SCRUB_H
#define SERVER_SCRUB_H

#include <stdbool.h>
#include <stdint.h>

#include "store/base/err.h"
#include "store/base/port.h"

struct scrub;

struct scrub_config {
    const char *program; /* what is run; /proc/self/exe in the server */
    const char *dir;     /* the store's */
    uint32_t interval_s; /* between the end of one and the begin of the next */
    uint32_t first_s;    /* before the first */
    struct port_clock clock;
    void (*rotten)(void *arg, const char *why); /* on scrub's thread */
    void *arg;
};

struct scrub_status {
    bool running;
    uint64_t rows, rows_total; /* of the one that runs, else of the last */
    bool done, whole;          /* the last one's result, if there was one */
    bool failed;               /* it could not be made: neither good nor bad */
    uint64_t ended_wall_ms, took_ms, index;
};

/* Strings are copied. ERR_NOMEM. */
enum err scrub_start(const struct scrub_config *config, struct scrub **ret_scrub);
void scrub_status(struct scrub *scrub, struct scrub_status *ret_status);
/* NULL-safe. Ends the child. */
void scrub_stop(struct scrub *scrub);

/* The child: `of` is PARENT:DIR, the number of the process that waits for it and the
 * store's folder. Walks the store and prints. The exit code: 0 whole, 2 it could not be
 * looked at (or the parent is gone), any other: damaged, and how. */
int scrub_child(const char *of);

#endif
