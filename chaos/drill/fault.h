/* fault: what the actions of an experiment do, by name.
 *
 *   method, rollbacks -> fault_do -> fault_process / fault_net / fault_disk /
 *                                    fault_clock / fault_cluster
 *
 * Targets: leader, follower (the first that does not lead), node-N, region:NAME,
 * region:leader (all nodes of the leader's), region:other (of another one), voters,
 * all, hurt (those that an earlier action named and that are not well yet).
 *
 * A fault is entrusted to the guardian before it is made (guardian.h). Those that are
 * over the drill only notes: `struct fault_band` says from when to when. A node that was
 * killed or lost its current stays down until `start`; one that ends by itself is
 * started again by the lab's supervisor. Thread: the main one. */
#ifndef CHAOS_DRILL_FAULT_H
#define CHAOS_DRILL_FAULT_H

#include "chaos/drill/experiment.h"
#include "chaos/drill/guardian.h"

#define FAULT_BANDS_MAX 64

struct fault_band {
    char name[128];
    uint64_t from_us, to_us; /* to_us 0: it lasts */
    unsigned charge;         /* the guardian's number; 0: none */
    bool fault;              /* else a thing that operators do */
};

struct fault_ctx {
    struct lab *lab;
    struct guardian *guardian;
    /* Waits so long, and meanwhile sees to the lab and to guards. False: break off. */
    bool (*wait)(void *arg, unsigned ms);
    /* The state begins anew from a backup: what was recorded before is void. */
    void (*epoch)(void *arg);
    void *arg;
    struct fault_band bands[FAULT_BANDS_MAX];
    size_t bands_count;
    bool hurt[LAB_NODES_MAX];
    char why[1024]; /* the last failure */
};

/* NULL, or what is wrong with it, seen without a cluster. */
const char *fault_check(const struct experiment_action *action);
/* One line a function, for people: name and what it does. NULL: no more. */
const char *fault_help(size_t i, const char **ret_text);
/* Is it a fault, from which the time to recover counts? */
bool fault_counts(const char *func);

/* Can it be made on hosts of a cluster that stands already (lab_hosts.c)? */
bool fault_on_hosts(const char *func);

/* False: it could not be done (ctx->why). */
bool fault_do(struct fault_ctx *ctx, const struct experiment_action *action);
/* Note what has ended by itself. */
void fault_look(struct fault_ctx *ctx);
/* End all that lasts, start all that is down. False: ctx->why. */
bool fault_end_all(struct fault_ctx *ctx);

/* ---- for the files fault_*.c */

struct fault_targets {
    struct machine *at[LAB_NODES_MAX];
    size_t count;
};
typedef bool fault_fn(struct fault_ctx *ctx, const struct experiment_action *action,
                      const struct fault_targets *targets,
                      const struct fault_targets *to);
fault_fn fault_kill, fault_stop, fault_start, fault_pause, fault_cut, fault_slow, fault_disk_stall,
    fault_disk_full, fault_disk_error, fault_power_cut, fault_clock_step, fault_rolling,
    fault_replace, fault_promote, fault_backup, fault_restore, fault_transfer,
    fault_heal, fault_region_loss, fault_none;

/* Entrust, then do: `make` and `heal` are commands, run on the drill's machine.
 * `make` NULL: the caller makes it after this. */
bool fault_make(struct fault_ctx *ctx, const struct experiment_action *action,
                const char *const make[], const char *const heal[]);
/* Likewise, by the words of a machine that makes them itself (lab.h, hurt). */
bool fault_hurt(struct fault_ctx *ctx, const struct experiment_action *action,
                struct machine *machine, enum lab_hurt what, const char *words);
struct fault_band *fault_begin(struct fault_ctx *ctx, const char *name, bool fault);
bool fault_fail(struct fault_ctx *ctx, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* `tasuki ARGUMENT...`; false: ctx->why has what it said. */
bool fault_tasuki(struct fault_ctx *ctx, const char *const argv[], unsigned seconds);
/* Until the node serves; false: ctx->why. */
bool fault_await(struct fault_ctx *ctx, struct machine *machine, unsigned seconds);

#endif
