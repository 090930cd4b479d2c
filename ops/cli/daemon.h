/* daemon: `tasukid` run by `tasuki`, for what is done to a node that is stopped.
 *
 * Only tasukid knows the formats of a data_dir, so restore, recover and reseed are
 * options of it. Which one is run: --tasukid, else $TASUKID, else the one beside this
 * program. Its messages and its exit code are passed on as they are. */
#ifndef CLI_DAEMON_H
#define CLI_DAEMON_H

#include <stdbool.h>

#include "ops/cli/args.h"

#define DAEMON_PATH_MAX 4096

struct daemon_options {
    const char *config, *tasukid;
    bool json;
    struct args_option table[4]; /* filled by daemon_options_init */
};
void daemon_options_init(struct daemon_options *options);
extern const char daemon_help[];

/* As conn_args, of a command that runs tasukid. */
bool daemon_args(int argc, char *const argv[], const struct args_option *own,
                 const char *usage, struct daemon_options *options,
                 struct args_list *ret_words, int *ret_code);

/* The program's path. False: a sentence is on stderr. */
bool daemon_find(const struct daemon_options *options, char ret_path[DAEMON_PATH_MAX]);

/* Become tasukid. `arguments` ends with NULL; --config and --json are put before it.
 * Returns only when that failed, with an exit code after a sentence on stderr. */
int daemon_exec(const struct daemon_options *options, const char *const arguments[]);

/* Run it as a child that prints to stderr, and wait. Its exit code, 128 + signal, or
 * a code after a sentence on stderr. --json is not passed: people read this. */
int daemon_run(const struct daemon_options *options, const char *const arguments[]);

#endif
