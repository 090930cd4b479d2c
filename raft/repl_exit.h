/* repl_exit: why a node ended itself.
 *
 * "Fatal means exit": whatever leaves the state of the log or of the store in
 * doubt ends the process, and the supervisor starts it again. The codes are for
 * supervisors and operators. A supervisor restarts after each of them but
 * REPL_EXIT_REMOVED and REPL_EXIT_ROTTEN, which a restart cannot mend: after
 * REPL_EXIT_BEYOND_LOG the next start re-seeds the node by itself. */
#ifndef RAFT_REPL_EXIT_H
#define RAFT_REPL_EXIT_H

enum repl_exit {
    REPL_EXIT_STALLED = 70,    /* watchdog: the loop or the disk stood still */
    REPL_EXIT_LOG = 71,        /* the log, term or vote could not be written */
    REPL_EXIT_STATE = 72,      /* the state machine or the store failed */
    REPL_EXIT_RAFT = 73,       /* libraft is unavailable or out of memory */
    REPL_EXIT_BEYOND_LOG = 74, /* the leader no longer has what this node lacks */
    REPL_EXIT_REMOVED = 76,    /* this node is no member any more */
    REPL_EXIT_ROTTEN = 77,     /* the store or the log is damaged on the disk */
};

#endif
