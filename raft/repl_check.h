/* repl_check: the log's segments, looked at before libraft opens them.
 *
 * libraft cuts an open segment at the first batch that does not add up, as after a
 * torn write, and says nothing. A flipped byte looks the same to it, and what this node
 * has acknowledged behind it would be gone. Here the two are told apart: behind a torn
 * write nothing whole follows. A damaged last batch cannot be told from a torn write:
 * it is reported as cut. (A cut of power that kept the end of one write and lost its
 * beginning is taken for damage: the node is re-seeded, nothing is lost.)
 *
 * The format (libraft 0.22, docs/disk-format): u64 1, then batches of
 *   u32 checksum of the header | u32 of the data | u64 n |
 *   n times (u64 term, u8 type, 3 bytes, u32 length) | data
 * little-endian; the checksum is CRC-32 with polynomial 04c11db7, most significant bit
 * first, from 0. Closed segments ("FIRST-LAST") end with their last batch, open ones
 * ("open-N") are followed by zeroes.
 * Thread: any, one at a time; repl_check_dir blocks. */
#ifndef RAFT_REPL_CHECK_H
#define RAFT_REPL_CHECK_H

#include <stdbool.h>

#include "store/base/buf.h"

enum repl_check_verdict {
    SEGMENT_WHOLE,
    SEGMENT_TORN,    /* of an open one: to be cut at `offset` */
    SEGMENT_DAMAGED, /* the batch at `offset`, and whole ones follow; or it is closed */
};

struct repl_check {
    enum repl_check_verdict verdict;
    size_t offset;    /* where what is whole ends */
    size_t cut;       /* SEGMENT_TORN: bytes from there to the last that is not zero */
    uint64_t entries; /* before it */
};

/* Pure; `bytes` are a whole file and hostile. */
void repl_check_segment(struct span bytes, bool open, struct repl_check *ret_check);

/* All segments of a directory; one that is not there is whole. What is about to be cut
 * is logged (raft.cut). ERR_CORRUPT: `why` names file and offset. ERR_IO, ERR_NOMEM. */
enum err repl_check_dir(const char *raft_dir, char why[256]);

#endif
