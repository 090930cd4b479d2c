/* child_end: what the end of a process that read a store says about the store.
 *
 * Shared by server/main_check (at the start) and server/scrub (meanwhile). Pure. */
#ifndef SERVER_CHILD_END_H
#define SERVER_CHILD_END_H

#include <signal.h>
#include <stdbool.h>
#include <sys/wait.h>

/* `status` is waitpid's. True: by what LMDB does with a rotten page. Other signals come
 * from people, from the service manager and from a machine without memory, and say
 * nothing about the store. */
static inline bool child_died_of_data(int status) {
    return WIFSIGNALED(status) &&
           (WTERMSIG(status) == SIGSEGV || WTERMSIG(status) == SIGBUS ||
            WTERMSIG(status) == SIGABRT || WTERMSIG(status) == SIGFPE);
}

#endif
