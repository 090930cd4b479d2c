/* main_check: is the store whole, before anything of it is served?
 *
 * Reads every row, adds up the digest and compares it with the state's own. A damaged
 * page can make LMDB itself crash, so a child process looks, and its death is an answer
 * like any other. Runs before the process has a second thread: it forks. Takes as long
 * as reading all rows does (the log says how long: node.store_checked). */
#ifndef SERVER_MAIN_CHECK_H
#define SERVER_MAIN_CHECK_H

#include "server/main_dirs.h"

/* ERR_CORRUPT: the store is damaged, `why` names the file. Another error: it could not
 * be looked at (ERR_IO also when somebody ended the child). An empty folder is whole. */
enum err check_store(const struct dirs *dirs, uint64_t map_bytes, char why[512]);

#endif
