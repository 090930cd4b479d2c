/* fsm: the replicated state machine. Every rule on which two racing requests
 * could disagree is decided here and nowhere else.
 *
 *   repl_fsm (libraft's callback) -> fsm_apply -> fsm_{boot,key,account,client,
 *   session,grant,token,sweep} -> store_*, one LMDB transaction a frame.
 *
 * Invariants:
 *   F1  no clock, chance, environment, locale, float, thread, I/O or log here:
 *       same frames, same bytes on every node;
 *   F2  frames at or below applied_index are skipped (replay after a restart);
 *   F3  clock_ms = max(clock_ms, frame.now_ms);
 *   F4  an envelope is applied once: a known (node, boot, seq) gets its stored
 *       outcome again; an unknown boot or an old sequence is refused;
 *   F5  other than OK from fsm_apply means that this node must end: corruption,
 *       an unknown command, or a failed disk. A refusal is an outcome.
 * Thread: raft. */
#ifndef RAFT_FSM_H
#define RAFT_FSM_H

#include "raft/command.h"
#include "store/store.h"

struct fsm;

/* Called for each envelope once its frame is committed to LMDB. The outcome
 * borrows until the callback returns. */
typedef void (*fsm_outcome_cb)(void *arg, const struct envelope *envelope,
                               const struct outcome *outcome);

enum err fsm_new(struct store *store, struct fsm **ret_fsm);
void fsm_free(struct fsm *fsm);

/* Apply one frame at `index`. `on_outcome` may be NULL. */
enum err fsm_apply(struct fsm *fsm, uint64_t index, struct span frame,
                   fsm_outcome_cb on_outcome, void *arg);

/* The last frame, since fsm_new, that changed members or preferred regions: 0, none. */
uint64_t fsm_members_index(const struct fsm *fsm);

/* The state's head as of the last applied frame (no transaction needed). */
const struct store_meta *fsm_meta(const struct fsm *fsm);

#endif
