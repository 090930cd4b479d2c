/* experiment: a drill as its file describes it, in the layout of the Chaos Toolkit.
 *
 *   title, description, tags     for people
 *   x-lab                        the cluster: nodes by region, disks, delays, clocks
 *   x-load                       what people and services do meanwhile, per second
 *   x-objectives                 rto_ms, rpo (records lost), error_budget (share),
 *                                failed_later (operations that began after the first
 *                                fault and failed: what was in hand may)
 *   x-guards                     when to break off: success below a share for so long
 *   steady-state-hypothesis      probes that hold before and after
 *   method                       actions, one after the other
 *   rollbacks                    actions that are done whatever happened
 *
 * Probes and actions name a function of this program (`provider: {type: tasuki, func:
 * kill, arguments: {target: leader}}`); fault.h and probe.h list them. A fault has a
 * time to live (`x-ttl-s`), after which it ends by itself. Files are read as hostile:
 * bounded, unknown keys and functions refused with their line. Thread: any. */
#ifndef CHAOS_DRILL_EXPERIMENT_H
#define CHAOS_DRILL_EXPERIMENT_H

#include "chaos/drill/lab.h"
#include "store/base/span.h"

#define EXPERIMENT_BYTES_MAX (64 * 1024)
#define EXPERIMENT_ACTIONS_MAX 32
#define EXPERIMENT_PROBES_MAX 16
#define EXPERIMENT_GUARDS_MAX 4
#define EXPERIMENT_TTL_MAX_S 600

enum load_kind {
    LOAD_SIGN_IN, /* page, password, session, code */
    LOAD_CODE,    /* a code by the session, redeemed; some of them twice */
    LOAD_REFRESH,
    LOAD_SESSION, /* does the session live? asked of any node */
    LOAD_SIGN_OUT,
    LOAD_REGISTER, /* an account ID, by two at once */
    LOAD_LATE_CODE, /* a code is redeemed when its time is over */
    LOAD_PASSWORD,  /* a new password, on an account that several share */
    LOAD_INTAKE,    /* an application and its paper come in */
    LOAD_RATED,     /* those above have a rate; those below follow from what comes in */
    LOAD_OCR_JOB = LOAD_RATED,
    LOAD_DECISION,
    LOAD_KINDS
};
const char *load_kind_name(enum load_kind kind);

struct experiment_action {
    char name[128], func[32], target[48], to[48];
    unsigned ttl_s;    /* 0: it is no fault, or lasts until something ends it */
    unsigned pause_s;  /* waited after it */
    int64_t amount;    /* of clock_step: seconds */
    bool both;         /* of cut: both ways */
    struct lab_way way; /* of slow */
    unsigned line;
};

struct experiment_probe {
    char name[128], func[32];
    uint64_t tolerance; /* what it must say: 1 true, 0 false, or a number */
    unsigned line;
};

struct experiment {
    char title[160], description[1024];
    struct lab_plan lab;
    double rate[LOAD_RATED]; /* per second, all together */
    unsigned people;         /* who do it, each one thing at a time */
    unsigned centers;        /* operation centers: of the first so many regions */
    unsigned workers, reviewers; /* of each center */
    unsigned before_s, after_s; /* load before the method, and after the rollbacks */
    uint64_t rto_ms, rpo;       /* objectives; rto_ms 0: none */
    double error_budget;        /* of all operations; negative: none */
    uint64_t failed_later;      /* UINT64_MAX: any number */
    struct {
        double success_below;
        unsigned for_s;
    } guards[EXPERIMENT_GUARDS_MAX];
    size_t guards_count;
    struct experiment_probe probes[EXPERIMENT_PROBES_MAX];
    size_t probes_count;
    struct experiment_action method[EXPERIMENT_ACTIONS_MAX];
    size_t method_count;
    struct experiment_action rollbacks[EXPERIMENT_ACTIONS_MAX];
    size_t rollbacks_count;
    bool new_epoch; /* the method restores a backup: what was open before must be dead */
};

/* ERR_INVALID, ERR_TOO_BIG, ERR_NOMEM; `why` names line and key. */
enum err experiment_parse(struct span text, struct experiment *ret, char why[256]);
/* The same of a file; also ERR_NOT_FOUND, ERR_IO. */
enum err experiment_load(const char *path, struct experiment *ret, char why[256]);

#endif
