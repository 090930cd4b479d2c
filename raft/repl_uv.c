/* repl_uv: libraft's files on libuv.
 *
 * libraft's libuv back end keeps the log; the transport that it insists on does
 * nothing (raft/repl_io.c says why). Here is what is checked before it is let loose
 * on a directory. */
#include "raft/repl_uv.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* --- the transport that libraft insists on --- */

static int transport_init(struct raft_uv_transport *t, raft_id id,
                          const char *address) {
    (void)t;
    (void)id;
    (void)address;
    return 0;
}

static int transport_listen(struct raft_uv_transport *t, raft_uv_accept_cb cb) {
    (void)t;
    (void)cb;
    return 0;
}

static int transport_connect(struct raft_uv_transport *t, struct raft_uv_connect *req,
                             raft_id id, const char *address, raft_uv_connect_cb cb) {
    (void)t;
    (void)req;
    (void)id;
    (void)address;
    (void)cb;
    return RAFT_NOCONNECTION; /* never called: our send does not use it */
}

static void transport_close(struct raft_uv_transport *t,
                            raft_uv_transport_close_cb cb) {
    cb(t);
}

/* --- the directory --- */

enum dir_state { DIR_PRISTINE, DIR_HALF_BOOTSTRAPPED, DIR_USED, DIR_UNREADABLE };

static enum dir_state dir_look(const char *path) {
    DIR *dir = opendir(path);
    bool metadata = false;
    bool log = false;
    if (dir == NULL) {
        return DIR_UNREADABLE;
    }
    for (const struct dirent *entry = readdir(dir); entry != NULL;
         entry = readdir(dir)) {
        const char *name = entry->d_name;
        metadata = metadata || strncmp(name, "metadata", 8) == 0;
        log = log || strncmp(name, "open-", 5) == 0 ||
              strncmp(name, "snapshot-", 9) == 0 || (name[0] >= '0' && name[0] <= '9');
    }
    (void)closedir(dir);
    if (log) {
        return DIR_USED;
    }
    return metadata ? DIR_HALF_BOOTSTRAPPED : DIR_PRISTINE;
}

/* A crash between the two files that bootstrapping writes leaves term 1 without
 * a vote or an entry: such a node has promised nothing, so it may begin again. */
static void dir_forget_half(const char *path) {
    for (int i = 1; i <= 2; i++) {
        char file[1100];
        snprintf(file, sizeof(file), "%s/metadata%d", path, i);
        (void)unlink(file);
    }
}

enum err repl_uv_check_dir(const char *raft_dir, uint64_t applied_index, bool bootstrap,
                           bool *ret_bootstrap, char why[256]) {
    enum dir_state state = dir_look(raft_dir);
    if (state == DIR_UNREADABLE) {
        snprintf(why, 256, "the raft directory %.150s cannot be read", raft_dir);
        return ERR_IO;
    }
    *ret_bootstrap = false;
    if (state == DIR_USED) {
        return OK;
    }
    if (applied_index > 0) {
        snprintf(
            why, 256,
            "the raft directory %.80s holds no log, but the store has applied entry "
            "%llu: the log was lost, so this node must not vote again under its id",
            raft_dir, (unsigned long long)applied_index);
        return ERR_CORRUPT;
    }
    if (!bootstrap) {
        snprintf(why, 256,
                 "the raft directory %.100s is empty: start a new cluster's nodes with "
                 "bootstrap once, or restore this node's directory",
                 raft_dir);
        return ERR_CONFIG;
    }
    if (state == DIR_HALF_BOOTSTRAPPED) {
        dir_forget_half(raft_dir);
    }
    *ret_bootstrap = true;
    return OK;
}

enum err repl_uv_init(struct repl_uv *uv, uv_loop_t *loop, const char *raft_dir,
                      char why[256]) {
    uv->transport = (struct raft_uv_transport){.version = 1,
                                               .init = transport_init,
                                               .listen = transport_listen,
                                               .connect = transport_connect,
                                               .close = transport_close};
    int rv = raft_uv_init(&uv->io, loop, raft_dir, &uv->transport);
    if (rv != 0) {
        snprintf(why, 256, "the raft directory %.100s cannot be used: %.100s", raft_dir,
                 uv->io.errmsg);
        return ERR_IO;
    }
    raft_uv_set_tracer(&uv->io, NULL); /* as in repl_io.c */
    raft_uv_set_auto_recovery(&uv->io, false);
    return OK;
}

void repl_uv_close(struct repl_uv *uv) {
    if (uv->io.impl != NULL) {
        raft_uv_close(&uv->io);
    }
}
