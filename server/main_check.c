#include "server/main_check.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "server/child_end.h"
#include "store/base/log.h"
#include "store/store.h"

/* What the child says by its exit code; any other code means damage as well. */
enum verdict {
    VERDICT_WHOLE = 0,
    VERDICT_DIFFERS = 1,
    VERDICT_CORRUPT = 2,
    VERDICT_FAILED = 3,
    VERDICT_NEWER = 4
};

static enum err digest_of(struct store_read *read, bool *ret_same) {
    struct store_digest digest;
    struct store_meta meta;
    enum err err = store_read_begin(read);

    if (err)
        return err;
    err = store_read_meta(read, &meta);
    if (!err)
        err = store_digest_recompute(read, &digest);
    store_read_end(read);
    if (!err)
        *ret_same = digest.lo == meta.digest.lo && digest.hi == meta.digest.hi;
    return err;
}

static enum verdict look(const struct store_config *config) {
    struct store_read *read;
    struct store *store;
    bool same = false;
    enum err err;

    err = store_open(config, &store);
    if (!err) {
        err = store_read_new(store, &read);
        if (!err) {
            err = digest_of(read, &same);
            store_read_free(read);
        }
        store_close(store);
    }
    if (err == ERR_VERSION)
        return VERDICT_NEWER;
    if (err)
        return err == ERR_CORRUPT || err == ERR_TOO_BIG ? VERDICT_CORRUPT
                                                        : VERDICT_FAILED;
    return same ? VERDICT_WHOLE : VERDICT_DIFFERS;
}

static enum err explain(int status, const char *file, char why[512]) {
    if (WIFSIGNALED(status) && !child_died_of_data(status)) {
        snprintf(
            why, 512,
            "the check of %.300s was ended with signal %d (by a person, or for want "
            "of memory?): that says nothing about it",
            file, WTERMSIG(status));
        return ERR_IO;
    }
    if (WIFSIGNALED(status)) {
        snprintf(why, 512, "%.400s is damaged: reading it ended with signal %d", file,
                 WTERMSIG(status));
        return ERR_CORRUPT;
    }
    switch (WEXITSTATUS(status)) {
    case VERDICT_WHOLE:
        return OK;
    case VERDICT_DIFFERS:
        snprintf(why, 512, "%.400s is damaged: its rows do not add up to its digest",
                 file);
        return ERR_CORRUPT;
    case VERDICT_FAILED:
        snprintf(why, 512, "%.400s cannot be read", file);
        return ERR_IO;
    case VERDICT_NEWER:
        snprintf(why, 512,
                 "%.400s has the format of a newer release, or its head is damaged",
                 file);
        return ERR_VERSION;
    default:
        snprintf(why, 512, "%.400s is damaged: it is no whole store", file);
        return ERR_CORRUPT;
    }
}

enum err check_store(const struct dirs *dirs, uint64_t map_bytes, char why[512]) {
    struct store_config config = {
        .dir = dirs->store, .map_bytes = map_bytes, .readers_max = 4};
    uint64_t begun_ms = port_system_clock.mono_ms(port_system_clock.impl);
    int status = 0;
    char file[1200];
    pid_t child, ended;

    snprintf(file, sizeof file, "%s/data.mdb", dirs->store);
    if (access(file, F_OK) != 0 && errno == ENOENT)
        return OK;
    child = fork();
    if (child == 0)
        _exit((int)look(&config));
    if (child < 0) {
        snprintf(why, 512, "no process to check the store: %s", strerror(errno));
        return ERR_NOMEM;
    }
    do
        ended = waitpid(child, &status, 0);
    while (ended < 0 && errno == EINTR);
    if (ended != child) {
        snprintf(why, 512, "the check of the store was lost: %s", strerror(errno));
        return ERR_IO;
    }
    log_event(
        LOG_INFO, "node.store_checked",
        log_u64("ms", port_system_clock.mono_ms(port_system_clock.impl) - begun_ms),
        log_bool("whole", WIFEXITED(status) && WEXITSTATUS(status) == 0), log_end());
    return explain(status, file, why);
}
