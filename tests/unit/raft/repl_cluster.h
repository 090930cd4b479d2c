/* repl_cluster: starts, drives, kills and compares repl_node processes. */
#ifndef TESTS_UNIT_RAFT_REPL_CLUSTER_H
#define TESTS_UNIT_RAFT_REPL_CLUSTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "store/store.h"
#include "tests/unit/raft/repl_pki.h"

#define CLUSTER_MAX 5

struct node_process {
    pid_t pid; /* 0: not running */
    int status; /* of the last one that ended, as waitpid gives it */
    int in, out;
    char *text; /* unread output */
    size_t len, cap;
};

struct node_view {
    bool ready, fresh, differs;
    uint64_t leader, term, applied, lo, hi, clock_ms;
};

struct cluster {
    char dir[64];
    size_t count;
    uint16_t port[CLUSTER_MAX + 1];
    unsigned run; /* of the next process */
    struct id128 cluster_id;
    struct repl_pki *pki;
    struct node_process node[CLUSTER_MAX + 1]; /* by id */
    /* Every acknowledged write, and when (monotonic, microseconds). */
    char (*acked)[33];
    uint64_t *acked_us;
    size_t acked_count, acked_cap;
};

uint64_t cluster_mono_us(void);

/* A directory, ports and certificates; nothing is started. */
void cluster_init(struct cluster *c, size_t count);
/* Kill what runs, remove the directory. */
void cluster_close(struct cluster *c);

/* Start a process. False: it refused to start; `why` (may be NULL) is what it
 * said. */
bool cluster_start(struct cluster *c, uint64_t id, char why[256]);
void cluster_kill(struct cluster *c, uint64_t id); /* SIGKILL, reaped */
/* `quit`, and the exit status. */
int cluster_quit(struct cluster *c, uint64_t id);
/* Wait for the process to end by itself: its exit status, or minus the signal. */
int cluster_wait_exit(struct cluster *c, uint64_t id);

/* Send a command and wait for its answer; acks that come before are collected.
 * False: the process ended or said nothing for 20 s. */
bool cluster_ask(struct cluster *c, uint64_t id, const char *command, char answer[256]);
/* The answer to a command that was written before. */
bool cluster_answer(struct cluster *c, uint64_t id, char answer[256]);
/* Collect acks for a while. */
void cluster_collect(struct cluster *c, unsigned ms);

bool cluster_view(struct cluster *c, uint64_t id, struct node_view *ret_view);
/* Wait until all that run are ready and agree on a leader; 0: not in time. */
uint64_t cluster_wait_leader(struct cluster *c, unsigned timeout_ms);
/* Wait until all that run have the same index and digest. */
bool cluster_wait_equal(struct cluster *c, unsigned timeout_ms);
/* Acknowledged writes that `id` does not have. -1: no answer. */
long cluster_missing(struct cluster *c, uint64_t id);

#endif
