/* sh: programs that a drill runs: to their end, or beside it.
 *
 * Each is given as a list of arguments; no shell reads it. `net` is the network
 * namespace in which it runs, as an open file; -1: the drill's own. All that is started
 * ends when the drill does (PR_SET_PDEATHSIG), so call from the main thread alone: the
 * signal is for the thread that started it. */
#ifndef CHAOS_DRILL_SH_H
#define CHAOS_DRILL_SH_H

#include <stdbool.h>
#include <sys/types.h>

#include "store/base/buf.h"

#define SH_OUTPUT_MAX (1024 * 1024)
#define SH_ARGS_MAX 40

/* Arguments, the last of them NULL. */
struct sh_command {
    const char *argv[SH_ARGS_MAX];
    int net;
    const char *const *env; /* NAME=value, NULL at the end; added. NULL: nothing */
    const char *log;        /* sh_spawn: file that output is appended to; NULL: none */
    bool outlives;          /* sh_spawn: it does not end with the drill */
};

/* Run to the end, at most `seconds`; what it says on both outputs is appended to
 * `out` (may be NULL). Returns its exit code, 128 + signal, or -1 (not started, or time
 * is up: `out` says so). */
int sh_run(const struct sh_command *command, unsigned seconds, struct buf *out);
/* -1: not started. */
pid_t sh_spawn(const struct sh_command *command);
/* Reap it: true when it has ended; ret_status as of waitpid (may be NULL). */
bool sh_ended(pid_t pid, int *ret_status);
/* Until it has ended or time is up; false: it runs. */
bool sh_wait(pid_t pid, unsigned ms, int *ret_status);

#endif
