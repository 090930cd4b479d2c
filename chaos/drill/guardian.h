/* guardian: a process beside the drill that ends faults when their time is over.
 *
 * Each fault that outlives the call that made it is entrusted to it before it is made:
 * a command that ends it, and a time to live. The command is run when the time is over,
 * when the drill asks for it, or when the drill's process has ended, however that came:
 * then for all that is open, newest first. So nothing stays hurt because the controller
 * died. Thread: the main one. */
#ifndef CHAOS_DRILL_GUARDIAN_H
#define CHAOS_DRILL_GUARDIAN_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define GUARDIAN_FAULTS_MAX 64

struct guardian {
    int to;
    pid_t pid;
    unsigned last;
};

/* Before any thread is started. False: no process. */
bool guardian_start(struct guardian *guardian);
/* A number, or 0: it could not be entrusted, so the fault must not be made. */
unsigned guardian_arm(struct guardian *guardian, unsigned ttl_ms,
                      const char *const heal[]);
/* Run its command now. True: it is over (by this, or before). False: the command
 * failed; it is tried again at the end. */
bool guardian_heal(struct guardian *guardian, unsigned number);
/* Is the time of this one over, and its command run? */
bool guardian_over(struct guardian *guardian, unsigned number);
/* Ends all that is open, and the process. False: some command failed. */
bool guardian_stop(struct guardian *guardian);

#endif
