/* drill: an experiment, run from its beginning to its verdict.
 *
 *   lab up -> load prepared -> steady state? -> load -> method -> rollbacks
 *          -> all faults ended -> load ends -> steady state? -> read back -> check
 *
 * Nothing is hurt when the steady state does not hold before (the cluster is degraded
 * already). Rollbacks and the ends of faults happen whatever went before. Thread: main. */
#ifndef CHAOS_DRILL_DRILL_H
#define CHAOS_DRILL_DRILL_H

#include "chaos/checker/linear.h"
#include "chaos/drill/center.h"
#include "chaos/drill/fault.h"
#include "chaos/drill/load.h"
#include "chaos/drill/tally.h"

#define DRILL_NOTES_MAX 64

enum drill_verdict {
    DRILL_PASSED,
    DRILL_MISSED,   /* an objective of time or of the error budget */
    DRILL_BROKEN,   /* something acknowledged was lost, done twice, or differs */
    DRILL_ABORTED,  /* a guard, an action that failed, an interruption */
    DRILL_DEGRADED, /* the steady state did not hold before; nothing was hurt */
};
const char *drill_verdict_name(enum drill_verdict verdict);

struct drill_line { /* one sentence of the verdict */
    char name[96], text[256];
    bool good;
    bool hard; /* an invariant; else an objective */
};

struct drill {
    const struct experiment *experiment;
    char file[LAB_PATH], dir[LAB_PATH], bin[LAB_PATH], root[LAB_PATH];
    uint64_t seed;
    bool quiet; /* no progress on standard error */
    struct lab lab;
    struct guardian guardian;
    struct tally tally;
    struct load load;
    struct fault_ctx faults;
    struct linear_report checked;
    struct center_report centers;
    uint64_t began_us, load_us, fault_us, ended_us;
    char stopped[256]; /* why it was broken off; empty: it was not */
    struct drill_line lines[DRILL_NOTES_MAX];
    size_t lines_count;
    enum drill_verdict verdict;
    uint64_t recovery_us, outage_us, good, bad;
    size_t in_hand, later; /* that failed: begun before the first fault was made, after */
    char versions[256];
};

/* Fills in the rest and runs it. The lab is down when it returns. */
enum drill_verdict drill_run(struct drill *drill);
/* Asked for by a signal: the drill ends its faults and stops. */
void drill_interrupt(void);
void drill_free(struct drill *drill);

#endif
