/* power_cut: what a cut of power leaves of a directory: only what was synced.
 *
 * While it watches, every fsync and fdatasync of this process, of the libraries too, is
 * noted: of a file its bytes, of a directory its names. What was there when the watch
 * began is taken for synced. After each call that changes names or syncs, `at` is called
 * and may have the directory made anew as the cut would leave it (power_cut_leave).
 *
 * Stricter than any file system: names that were not synced may be lost while later ones
 * of another directory stay. In the other direction a device may have had more than it
 * was asked to keep, hence the ways. A move itself is done or not done.
 * One watch at a time. `at` runs on the watcher's thread, after its own calls; libraft's
 * workers, for which it waits, only have their syncs noted. Nodes that were seen stay open,
 * so that no number of one is used again. */
#ifndef TESTS_UNIT_RAFT_POWER_CUT_H
#define TESTS_UNIT_RAFT_POWER_CUT_H

#include <stddef.h>

enum power_cut_way {
    CUT_STRICT, /* only what was synced */
    CUT_NAMES,  /* and all names; bytes that were not synced are lost */
    CUT_TOP,    /* and the names in the directory itself alone */
    CUT_WAYS,
};

/* `what`: the call that was made last. */
void power_cut_watch(const char *dir, void (*at)(void *arg, const char *what), void *arg);
/* Makes `to`, which is not there yet. */
void power_cut_leave(enum power_cut_way way, const char *to);
void power_cut_end(void);

#endif
