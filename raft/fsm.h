/* fsm: the replicated state machine. Every rule on which two racing requests
 * could disagree is decided here and nowhere else.
 *
 *   repl_fsm (libraft's callback) -> fsm_apply -> fsm_{boot,key,account,client,
 *   session,grant,token,sweep} -> store_*, a frame never parted by a commit.
 *
 * Invariants:
 *   F1  no clock, chance, environment, locale, float, thread, I/O or log here:
 *       same frames, same bytes on every node;
 *   F2  frames at or below applied_index are skipped (replay after a restart);
 *   F3  clock_ms = max(clock_ms, frame.now_ms);
 *   F4  an envelope is applied once: a known (node, boot, seq) gets its stored
 *       outcome again; an unknown boot or an old sequence is refused;
 *   F5  other than OK from fsm_apply means that this node must end: corruption,
 *       an unknown command, or a failed disk. A refusal is an outcome;
 *   F6  what is applied and not committed to LMDB yet is in the logs of a majority,
 *       this node's among them: it is applied again after a restart, as is what was
 *       committed after the store's restart point (store/store_point.h). Nobody but
 *       the state machine sees it, so that readers meet whole frames only.
 * Thread: raft. */
#ifndef RAFT_FSM_H
#define RAFT_FSM_H

#include "raft/command.h"
#include "store/store.h"

struct fsm;

/* Called for each envelope of a frame, see fsm_apply. The outcome borrows until the
 * callback returns. */
typedef void (*fsm_outcome_cb)(void *arg, const struct envelope *envelope,
                               const struct outcome *outcome);

enum err fsm_new(struct store *store, struct fsm **ret_fsm);
void fsm_free(struct fsm *fsm);

/* Apply one frame at `index`, and commit. Outcomes are told after that. `on_outcome`
 * may be NULL. */
enum err fsm_apply(struct fsm *fsm, uint64_t index, struct span frame,
                   fsm_outcome_cb on_outcome, void *arg);
/* The same, but a frame of nothing but commands whose callers do not read the state
 * next (codes and tokens) is not committed: its outcomes are told at once. So one
 * commit serves many frames. Call fsm_commit before long. */
enum err fsm_apply_early(struct fsm *fsm, uint64_t index, struct span frame,
                         fsm_outcome_cb on_outcome, void *arg);
/* Is there something to be committed? */
bool fsm_uncommitted(const struct fsm *fsm);
/* OK at once when there is nothing. */
enum err fsm_commit(struct fsm *fsm);

/* The last frame, since fsm_new, that changed members or preferred regions: 0, none. */
uint64_t fsm_members_index(const struct fsm *fsm);

/* The state's head as of the last applied frame, committed or not. */
const struct store_meta *fsm_meta(const struct fsm *fsm);

#endif
