/* sim_work: what clients do to the simulated cluster, and what they may see.
 *
 * Clients sit behind no balancer: each request goes to any node that is up, as the
 * services of that node would send it (repl_submit, repl_read, repl_fresh). Every
 * operation is recorded in a history, which chaos/checker judges at the end:
 *
 *   register   an account's password, replaced and read behind a proof
 *   set        account IDs: taken once, by whoever came first
 *   counter    failed sign-ins of an account, up to the lock-out
 *   once       a code that several RPs' servers redeem at the same time, on nodes of
 *              their own
 *   family     refresh tokens: rotated, asked for again, replayed by a thief
 *
 * Beside the history, what is cheap is checked at once: a read that calls itself
 * fresh must know all that was acknowledged a staleness bound ago, a linearizable
 * read all that was acknowledged before it began. */
#ifndef CHAOS_SIM_WORK_H
#define CHAOS_SIM_WORK_H

#include "chaos/sim/sim_rng.h"
#include "raft/repl.h"

struct sim;
struct sim_work;
struct sim_result;

struct sim_work *sim_work_new(struct sim *sim, uint64_t seed, unsigned clients);
void sim_work_free(struct sim_work *work);
/* Clients begin, of all kinds or those of this file alone; they stop asking for new
 * things; nodes' own work for them ends as well. */
void sim_work_begin(struct sim_work *work);
void sim_work_begin_plain(struct sim_work *work);
void sim_work_pause(struct sim_work *work);
void sim_work_stop(struct sim_work *work);
/* Mean time between two operations of one client. */
void sim_work_pace(struct sim_work *work, uint64_t mean_us);
bool sim_work_idle(const struct sim_work *work);
/* A node's process has ended: what it owed its clients will not come. */
void sim_work_lost(struct sim_work *work, unsigned node);
/* Read everything once more from `node`, which is ready. */
void sim_work_read_all(struct sim_work *work, unsigned node);
/* Judge the history. */
void sim_work_judge(struct sim_work *work, struct sim_result *result);
/* All nodes' readers see what the judge reads at them. */
bool sim_work_visible(const struct sim_work *work);
/* Where answers to the clients' side arrive. */
struct port_loop *sim_work_loop(struct sim_work *work);
uint64_t sim_work_acked(const struct sim_work *work);

#endif
