/* main_seed: a node's data from another node, before it runs (raft/repl_seed.h).
 *
 * For a blank node that joins, and for one that is marked for re-seeding. Asks the
 * nodes of the peer lines one after the other, with growing pauses, for as long as it
 * takes. Signals do what they do by default meanwhile: whenever the process ends,
 * repl_seed_resume at its next start makes order. Thread: main, before all others. */
#ifndef SERVER_MAIN_SEED_H
#define SERVER_MAIN_SEED_H

#include "raft/repl_seed.h"
#include "server/config.h"

struct seeding {
    struct repl_seed seed;
    const struct config *config;
    const char *config_path;
    bool people; /* progress as sentences for people; else as log events */

    /* of the transfer under way, and of the one that succeeded */
    uint64_t donor;
    struct image_progress progress;
    const char *step;
    struct image_sink *sink;
    uint64_t begun_ms, told_ms;
};

/* Borrows all of it. */
void seeding_init(struct seeding *seeding, const struct config *config,
                  const char *config_path, bool people);

/* Make this node's data out of an image from a peer, not older than `floor_index`.
 * Returns once that is done, or for a reason that another try cannot change:
 * ERR_CONFIG (the peer lines, the certificate), ERR_DENIED (it must not be seeded
 * under this id), ERR_NOT_FOUND (most nodes of the peer lines say that it is no member;
 * one that `joins` may be added yet, and goes on asking), ERR_NO_SPACE, ERR_NOMEM, ERR_IO (its own disk). */
enum err seeding_pull(struct seeding *seeding, uint64_t floor_index, bool joins,
                      char why[512]);

/* What to do about a store or a log that is damaged, as one sentence. */
void seeding_advise(const struct seeding *seeding, char ret_advice[512]);

#endif
