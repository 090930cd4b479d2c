/* sim_intake: applications, scans, workers of the OCR farm, and people at the desk.
 *
 * Each application comes with one bundle; workers on all nodes race for the jobs, some
 * end with a lease in their hands; three people race for the desk.
 *
 * Checked: an attempt is leased once, and no other beside it until it lapses or its
 * worker has told (and, by the checker's model "job", each job's history); one verdict is
 * taken for a job, and one decision for an application,
 * whoever says it again; two people where two are due; at the end nothing that was
 * acknowledged is lost: an application is there, and so is each of its pages.
 */
#ifndef CHAOS_SIM_INTAKE_H
#define CHAOS_SIM_INTAKE_H

#include "chaos/sim/sim_history.h"
#include "raft/repl.h"

struct sim;
struct sim_intake;

/* `loop`: where answers arrive. What workers hear of each job goes into `history`. All
 * three outlive the intake. */
struct sim_intake *sim_intake_new(struct sim *sim, struct port_loop *loop,
                                  uint64_t seed, struct sim_history *history);
void sim_intake_free(struct sim_intake *intake);
void sim_intake_begin(struct sim_intake *intake);
void sim_intake_pause(struct sim_intake *intake);
bool sim_intake_idle(const struct sim_intake *intake);
/* That life of the node is over: answers that it owed will not come. */
void sim_intake_lost(struct sim_intake *intake, unsigned node, uint64_t life);
void sim_intake_judge(struct sim_intake *intake);

#endif
