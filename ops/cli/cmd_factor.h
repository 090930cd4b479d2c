/* cmd_factor: what `tasuki account add --phone` shares with `tasuki account factor`. */
#ifndef CLI_CMD_FACTOR_H
#define CLI_CMD_FACTOR_H

#include "ops/cli/conn.h"

/* One request about the account's factors; `member` NULL: without one. An exit code,
 * after a sentence on stderr when it is not EXIT_DONE. */
int factor_ask(struct conn *conn, const char *action, const char *id, const char *member,
               struct span value, struct conn_answer *ret_answer);

#endif
