/* repl_seed_internal: what the repl_seed*.c files share. Included by them alone, and by
 * the tests of what a cut of power leaves behind. */
#ifndef RAFT_REPL_SEED_INTERNAL_H
#define RAFT_REPL_SEED_INTERNAL_H

#include "raft/repl_seed.h"

/* Called after each step that changed the disk; NULL: by nobody. A test ends its
 * process here. */
extern void (*repl_seed_step)(const char *step);

struct seed_paths {
    char data[1024], store[1040], raft[1040], mark[1040];
    char staging[1040], complete[1060], staging_store[1060], staging_raft[1060];
    char copy[1060]; /* staging/copy: the state on its way to a recovery */
    char discarded[1040], discarded_store[1060], discarded_raft[1060];
};
enum err seed_paths_of(const char *data_dir, struct seed_paths *ret_paths,
                       char why[256]);
/* Is it a directory without files, or nothing at all? */
bool seed_is_empty(const char *path);
enum err seed_make_dir(const char *path, char why[256]);

/* repl_seed_finish; *ret_head: of the state that was made. */
enum err seed_finish(const struct repl_seed *seed, enum image_use use,
                     struct image_sink *sink, struct image_head *ret_head,
                     char why[256]);
void seed_tell(const struct repl_seed *seed, const char *step,
               const struct image_sink *sink);

#endif
