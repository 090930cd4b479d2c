/* main_offline: what tasukid does to a node's data while the node is stopped, and then
 * ends: --reseed, --restore, --recover (raft/repl_seed.h). One result on standard
 * output, for people or as JSON; messages and progress on standard error.
 * Killed at any moment it leaves data that the next start puts in order. */
#ifndef SERVER_MAIN_OFFLINE_H
#define SERVER_MAIN_OFFLINE_H

#include "server/config.h"
#include "server/main_options.h"

/* True when the options ask for one of these. */
bool offline_asked(const struct options *options);
/* The exit code. */
int offline_run(const struct config *config, const struct options *options);

#endif
