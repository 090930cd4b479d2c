/* repl_marker: libraft's snapshot, which is a marker and no more (RAFT.md, rules, 7).
 *
 * The state stands in LMDB; the marker says how far it had come when libraft last cut
 * its log. Little-endian:
 *   u8[8] magic | u64 applied index | u64 its term | u8[16] cluster id
 * Pure. */
#ifndef RAFT_REPL_MARKER_H
#define RAFT_REPL_MARKER_H

#include "store/base/span.h"
#include "store/store.h"

#define REPL_MARKER_LEN 40

struct repl_marker {
    uint64_t index, term;
    struct id128 cluster_id; /* zero: from before the first command */
};

void repl_marker_encode(const struct repl_marker *marker, uint8_t out[REPL_MARKER_LEN]);
/* ERR_INVALID: not a marker of this server. */
enum err repl_marker_decode(struct span in, struct repl_marker *ret_marker);

#endif
