/* peer_raft: libraft's messages as the body of PEER_RAFT.
 *
 * libraft's own stream decoder trusts every length and count that it reads, so
 * its bytes never meet it: this file encodes and decodes `struct raft_message`
 * itself and refuses whatever libraft's (compiled-out) assertions would have
 * caught. InstallSnapshot has no encoding on purpose (RAFT.md: that path is
 * never taken); raft/repl_uv.c turns it into PEER_BEYOND. Pure; fuzzed
 * (tests/fuzz/fuzz_raft_stream.c). Invariants:
 *   M1  whatever decodes has terms, counts and lengths that libraft may rely on;
 *   M2  entries are non-empty, multiples of 8, at most LIMIT_FRAME;
 *   M3  a decoded message owns raft_malloc'ed `entries` and one batch for their
 *       bytes, which libraft's receive callback takes over;
 *   M4  a configuration entry is the first of its message: a follower's libraft
 *       takes it for one at the index of the first new entry, and one elsewhere
 *       would never be committed there. */
#ifndef RAFT_PEER_RAFT_H
#define RAFT_PEER_RAFT_H

#include <raft.h>

#include "raft/peer_wire.h"

/* Payload bytes in one message; a larger AppendEntries is split. */
#define PEER_RAFT_BYTES (1024 * 1024)
#define PEER_RAFT_ENTRIES 4096

/* Append one whole PEER_RAFT message. For AppendEntries: entries from `first`
 * on, as many as fit (at least one, if any is left); *ret_next is the first one
 * that was not taken. Others set it to 1. ERR_VERSION: a type without encoding.
 * ERR_TOO_BIG, ERR_NOMEM. */
enum err peer_raft_encode(const struct raft_message *message, unsigned first,
                          struct buf *out, unsigned *ret_next);

/* Decode a body sent by node `from`. server_id and server_address are left for
 * the caller. ERR_INVALID, ERR_VERSION, ERR_NOMEM. */
enum err peer_raft_decode(struct span body, uint64_t from,
                          struct raft_message *ret_message);
/* Free what a decoded message owns, when libraft does not get it. */
void peer_raft_free(struct raft_message *message);

#endif
