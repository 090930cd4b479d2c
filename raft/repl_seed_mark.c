/* repl_seed_mark: data_dir/reseed, the mark that a node must be re-seeded. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "raft/repl_seed.h"

static enum err sync_dir(const char *path) {
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return ERR_IO;
    }
    int rv = fsync(fd);
    (void)close(fd);
    return rv == 0 ? OK : ERR_IO;
}

enum err repl_seed_ask(const char *data_dir, const char *reason) {
    char path[1100];
    size_t len = strlen(reason);
    if (snprintf(path, sizeof(path), "%s/reseed", data_dir) >= (int)sizeof(path)) {
        return ERR_CONFIG;
    }
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) {
        return errno == ENOSPC ? ERR_NO_SPACE : ERR_IO;
    }
    bool written = write(fd, reason, len) == (ssize_t)len && write(fd, "\n", 1) == 1 &&
                   fsync(fd) == 0;
    (void)close(fd);
    return written ? sync_dir(data_dir) : ERR_IO;
}
