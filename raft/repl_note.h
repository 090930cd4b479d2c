/* repl_note: a donor's word that a backup was kept, on its way into the state. */
#ifndef RAFT_REPL_NOTE_H
#define RAFT_REPL_NOTE_H

#include "raft/repl.h"

/* The caller's; whatever it points to outlives `done`. */
struct repl_note {
    struct repl_request request;
    struct buf payload;
};

/* OK: `done` runs on `loop`, and then repl_note_end says how it went. Else it does not,
 * and there is nothing to end. */
enum err repl_note_begin(struct repl *repl, struct repl_note *note,
                         const struct store_backup *backup, uint64_t deadline_mono_ms,
                         struct port_loop *loop,
                         void (*done)(struct repl_request *request));
enum err repl_note_end(struct repl_note *note);

#endif
