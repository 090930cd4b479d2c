/* repl_seed_raft: raft directories read and made through libraft's own files.
 *
 * Nothing of libraft's formats is known here: a raft_io runs on a private loop until
 * what was asked for is on the disk. Used by raft/repl_seed*.c alone. Blocks; any
 * thread, one at a time. */
#ifndef RAFT_REPL_SEED_RAFT_H
#define RAFT_REPL_SEED_RAFT_H

#include "raft/repl.h"

struct seed_log {
    uint64_t term, vote; /* 0, 0: none yet */
    uint64_t last_index; /* 0: empty */
    uint64_t last_term;  /* of the entry there; 0: empty, or not known */
    uint64_t snapshot_index;
    uint64_t voters; /* of the newest configuration that it holds */
};

/* A log's command entries, in order. What it returns ends the walk. */
typedef enum err (*seed_log_entry)(void *arg, uint64_t index, struct span frame);

/* Load a directory as the node would at its start: its segments are checked first
 * (raft/repl_check: libraft would cut a damaged open one without a word), then it is
 * finalised on the way, as at every start. `each` may be NULL. ERR_CORRUPT: damaged, or
 * libraft refuses it; `why` says which file, and nothing was changed. ERR_IO, ERR_NOMEM;
 * else what `each` gave. */
enum err seed_log_read(const char *raft_dir, struct seed_log *ret_log,
                       seed_log_entry each, void *arg, char why[256]);
/* Term and vote alone, from a copy of the metadata in `scratch_dir` (empty): works
 * though segments are damaged. ERR_CORRUPT: they are not readable. */
enum err seed_vote_read(const char *raft_dir, const char *scratch_dir,
                        struct seed_log *ret_log, char why[256]);

struct seed_marker {
    uint64_t node_id;
    uint64_t term, vote;        /* the node's own */
    uint64_t index, index_term; /* where the marker stands */
    struct id128 cluster_id;
    const struct image_member *members; /* the configuration */
    size_t members_count;
    uint64_t configuration_index;
};

/* Fill an empty directory: term, vote and a snapshot marker without entries. Synced. */
enum err seed_log_make(const char *raft_dir, const struct seed_marker *marker,
                       char why[256]);

#endif
