/* sim_epoch: the end of an epoch, and what follows: an operator restores a backup, or
 * recovers from what one node still has, and a cluster of one node begins (raft/repl_seed.h,
 * server/main_offline).
 *
 * Takes place after the first part of a run was judged, in a cluster at rest:
 *
 *   restore   an image is captured, more is written, all nodes are lost; one that is blank
 *             begins with the image
 *   recover   all nodes end at once, under writes; one of a minority that is left begins
 *             with its store, with its log's tail applied
 *
 * The other nodes come back as they were, perhaps as a majority of the old epoch. Two new
 * nodes join the new one, clients work in it while faults are made, and it is judged.
 * Checked:
 *   E1  what was in the image, or on the node, is there; what was not, is not;
 *   E2  every session, code and refresh token of before is dead, those in use as well;
 *   E3  nodes of two epochs never have a link, none goes to another epoch, and nothing
 *       that the old one acknowledges is seen in the new one;
 *   E4  the new epoch works as the first one did: all other promises hold in it. */
#ifndef CHAOS_SIM_EPOCH_H
#define CHAOS_SIM_EPOCH_H

#include <stdbool.h>

struct sim;

enum sim_epoch_way { EPOCH_STAYS, EPOCH_RESTORED, EPOCH_RECOVERED };

/* What this run's seed or scenario asks for. */
enum sim_epoch_way sim_epoch_wanted(const struct sim *sim);
/* False: there is no new epoch; the violation says why. From here on `sim->work` is the
 * new epoch's, whose clients have begun. */
bool sim_epoch_change(struct sim *sim, enum sim_epoch_way way);
/* E2 and E3 once more, when all has been judged. */
void sim_epoch_judge(struct sim *sim);

#endif
