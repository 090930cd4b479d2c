/* repl_seed: making a node's data directory out of an image (RAFT.md, rules, 8).
 *
 * One way for a blank node that joins, a node beyond the trailing log, one whose
 * store or log is rotten, a restore, and a forced recovery. The layout:
 *
 *   data_dir/store/  raft/         what the node runs on
 *   data_dir/reseed                a text file: this node must be re-seeded, and why
 *   data_dir/staging/store raft/   the copy being made
 *   data_dir/staging/complete      the copy is whole and synced; only the swap is left
 *   data_dir/discarded/            the old store and raft while they are swapped
 *
 * Steps: (1) staging is emptied; (2) the image goes into staging/store; (3) a raft
 * directory is written whose marker snapshot stands at the image's index, with this
 * node's own term and vote carried over; (4) everything is synced, then `complete`;
 * (5) swap by renames; (6) reseed, discarded and staging are deleted.
 * Invariants:
 *   Z1  killed at any moment, repl_seed_resume at the next start either finishes the
 *       swap (from 4 on) or leaves store and raft as they were;
 *   Z2  under its own id a node is seeded only with its term and vote (raft/metadata*)
 *       intact, or when it never had any, and with an image that is not older than its
 *       own last log index as far as that can be read, and that was captured
 *       behind a probe which the leader answered after the request. Otherwise
 *       ERR_DENIED: it must join under a new id;
 *   Z3  nothing of an image that was refused is left.
 * Runs before repl_start, on the main thread; it blocks. */
#ifndef RAFT_REPL_SEED_H
#define RAFT_REPL_SEED_H

#include "raft/repl.h"
#include "store/store_image.h"

struct repl_seed {
    const char *data_dir; /* exists, mode 0700 */
    uint64_t node_id;
    struct id128 cluster_id;
    uint64_t map_bytes;
    char address[64], region[32]; /* this node's */
    uint32_t epoch_chance;        /* random bits for a new epoch (store_epoch_next) */
    /* Called about twice a second while it works; may be NULL. */
    void (*progress)(void *arg, const char *step,
                     const struct image_progress *progress);
    void *arg;
};

/* Why this node must be seeded before it may start. */
enum repl_seed_need {
    SEED_NOT_NEEDED,
    SEED_BLANK, /* neither store nor log: it joins (or is bootstrapped) */
    SEED_ASKED, /* data_dir/reseed stands there */
};

/* At every start: finish or undo what a crash left. Then say what is needed; for
 * SEED_ASKED `why` gets the reason that the file holds. ERR_IO. */
enum err repl_seed_resume(const struct repl_seed *seed, enum repl_seed_need *ret_need,
                          char why[256]);
/* Write data_dir/reseed, synced. Any thread. */
enum err repl_seed_ask(const char *data_dir, const char *reason);

/* The lowest image index that Z2 allows (0: any). ERR_DENIED: it must not be seeded
 * under this id; `why` says why and what to do. */
enum err repl_seed_floor(const struct repl_seed *seed, uint64_t *ret_index,
                         char why[256]);

/* Steps 1 and 2: an image is fed into the sink that this returns. */
enum err repl_seed_begin(const struct repl_seed *seed, enum image_use use,
                         struct image_sink **ret_sink, char why[256]);
/* Steps 3 to 6. For IMAGE_COPY the marker has the head's configuration; for
 * a new epoch: a configuration of this node alone, term one more than both the
 * image's and this node's own. Frees the sink in any case. */
enum err repl_seed_finish(const struct repl_seed *seed, enum image_use use,
                          struct image_sink *sink, char why[256]);
/* Give up: staging is deleted. Frees the sink. NULL-safe. */
void repl_seed_abort(const struct repl_seed *seed, struct image_sink *sink);

/* ERR_EXISTS: data_dir holds a state. */
enum err repl_seed_blank(const struct repl_seed *seed, char why[256]);
/* From an image file, on a blank data_dir (else ERR_EXISTS, nothing is touched).
 * The file is verified as a whole before anything is written. */
enum err repl_seed_restore(const struct repl_seed *seed, const char *file,
                           struct image_head *ret_head, char why[256]);

/* Forced recovery of a lost majority from this node's own store and log. Of several
 * nodes the one is to be recovered whose (last_term, last_index) is the highest, the
 * term first (Raft 5.4.1): a longer log of an older term holds what was given up. */
struct repl_recovery {
    uint64_t applied_index, last_index; /* entries in between are applied first: */
    uint64_t last_term;                 /* of the entry at last_index */
    uint64_t replayed;                  /* so many; the last ones were perhaps never
                                         * acknowledged */
    uint64_t epoch;                     /* the new one; 0: only looked */
    uint64_t voters;                    /* of the configuration that is given up */
};
/* Look only: what would be kept. */
enum err repl_seed_recovery_look(const struct repl_seed *seed,
                                 struct repl_recovery *ret_recovery, char why[256]);
enum err repl_seed_recover(const struct repl_seed *seed,
                           struct repl_recovery *ret_recovery, char why[256]);

#endif
