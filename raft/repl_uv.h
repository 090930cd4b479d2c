/* repl_uv: libraft's files on libuv, and a look at them before they are opened.
 *
 * Used by the node (raft/repl.c) and by what makes raft directories
 * (raft/repl_seed.c). Thread: the loop's. */
#ifndef RAFT_REPL_UV_H
#define RAFT_REPL_UV_H

#include <raft.h>
#include <raft/uv.h>
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "store/base/err.h"

struct repl_uv {
    struct raft_io io; /* files only: it neither sends nor receives */
    struct raft_uv_transport transport;
};

/* May a node whose store stands at `applied_index` run on this directory?
 * *ret_bootstrap: it is new and `bootstrap` was asked for. ERR_CONFIG, ERR_IO;
 * ERR_CORRUPT: there was a log, and it is lost. */
enum err repl_uv_check_dir(const char *raft_dir, uint64_t applied_index, bool bootstrap,
                           bool *ret_bootstrap, char why[256]);

/* raft_init or raft_io.init is the caller's next step. ERR_IO. */
enum err repl_uv_init(struct repl_uv *uv, uv_loop_t *loop, const char *raft_dir,
                      char why[256]);
/* After raft_close has finished and the loop has run out. Safe when init failed. */
void repl_uv_close(struct repl_uv *uv);

#endif
