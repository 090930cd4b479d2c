/* main_dirs: a node's data folder: whose it is, who has it, and what stands in it.
 *
 *   data_dir/store/ raft/       what the node runs on
 *   data_dir/bootstrapped       this folder has held a log
 *   data_dir/reseed staging/... are raft/repl_seed's
 * Thread: main, before and after all others run. */
#ifndef SERVER_MAIN_DIRS_H
#define SERVER_MAIN_DIRS_H

#include "server/config.h"

#define DIRS_MARKER "bootstrapped"

struct dirs {
    const char *data;
    char store[1100], raft[1100], marker[1100];
    int lock; /* -1: not held */
};

/* Make data_dir when it is missing, see that it is this user's alone, and keep every
 * other tasukid out of it until the process ends. ERR_CONFIG, ERR_NO_SPACE; ERR_BUSY:
 * another one has it. */
enum err dirs_open(const struct config *config, struct dirs *ret_dirs, char why[512]);
void dirs_close(struct dirs *dirs);

/* store/ and raft/ inside: after repl_seed_resume, to which an empty folder is one. */
enum err dirs_make_inner(const struct dirs *dirs, char why[512]);

/* *ret_log: whether this node has a log; without one it may begin (--bootstrap,
 * --join). ERR_CONFIG: it had one and lost it; it must not vote for a new history. */
enum err dirs_look(const struct dirs *dirs, bool *ret_log, char why[512]);
/* After the log exists, and at each start that finds one: a crash in between leaves a
 * log without the mark. Synced. */
enum err dirs_mark(const struct dirs *dirs, char why[512]);

#endif
