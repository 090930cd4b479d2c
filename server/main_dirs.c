#include "server/main_dirs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* Exists afterwards, is a directory, ours alone (mode 0700). */
static enum err make_dir(const char *path, char why[512]) {
    struct stat st;

    if (mkdir(path, 0700) != 0 && errno != EEXIST) {
        snprintf(why, 512, "%.400s: %s", path, strerror(errno));
        return errno == ENOSPC ? ERR_NO_SPACE : ERR_CONFIG;
    }
    if (stat(path, &st) != 0 || !S_ISDIR(st.st_mode)) {
        snprintf(why, 512, "%.400s: is not a directory", path);
        return ERR_CONFIG;
    }
    if (st.st_uid != geteuid() || (st.st_mode & 077) != 0) {
        snprintf(why, 512, "%.400s: must belong to this process's user with mode 0700",
                 path);
        return ERR_CONFIG;
    }
    return OK;
}

enum err dirs_open(const struct config *config, struct dirs *ret_dirs, char why[512]) {
    enum err err;

    ret_dirs->data = config->data_dir;
    ret_dirs->lock = -1;
    snprintf(ret_dirs->store, sizeof ret_dirs->store, "%s/store", config->data_dir);
    snprintf(ret_dirs->raft, sizeof ret_dirs->raft, "%s/raft", config->data_dir);
    snprintf(ret_dirs->marker, sizeof ret_dirs->marker, "%s/" DIRS_MARKER,
             config->data_dir);
    err = make_dir(config->data_dir, why);
    if (err)
        return err;
    ret_dirs->lock = open(config->data_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (ret_dirs->lock < 0) {
        snprintf(why, 512, "%.400s: %s", config->data_dir, strerror(errno));
        return ERR_CONFIG;
    }
    if (flock(ret_dirs->lock, LOCK_EX | LOCK_NB) != 0) {
        snprintf(why, 512, "%.400s: %s", config->data_dir,
                 errno == EWOULDBLOCK ? "another tasukid works on this folder: stop it "
                                        "first"
                                      : strerror(errno));
        dirs_close(ret_dirs);
        return ERR_BUSY;
    }
    return OK;
}

void dirs_close(struct dirs *dirs) {
    if (dirs->lock >= 0)
        close(dirs->lock);
    dirs->lock = -1;
}

enum err dirs_make_inner(const struct dirs *dirs, char why[512]) {
    enum err err = make_dir(dirs->store, why);

    return err ? err : make_dir(dirs->raft, why);
}

/* A folder that is not there is empty too. */
static enum err dir_empty(const char *path, bool *ret_empty) {
    DIR *dir = opendir(path);
    struct dirent *entry;
    bool empty = true;

    if (!dir && errno != ENOENT)
        return ERR_IO;
    while (dir && (entry = readdir(dir)))
        empty = empty &&
                (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0);
    if (dir)
        closedir(dir);
    *ret_empty = empty;
    return OK;
}

enum err dirs_look(const struct dirs *dirs, bool *ret_log, char why[512]) {
    bool empty;
    enum err err = dir_empty(dirs->raft, &empty);

    if (err) {
        snprintf(why, 512, "%.400s: cannot be read", dirs->raft);
        return err;
    }
    if (empty && access(dirs->marker, F_OK) == 0) {
        snprintf(why, 512,
                 "this node was a member before (%.160s), but its log in %.160s is "
                 "gone: delete the folder; a node in its place needs a new id (tasuki "
                 "node replace)",
                 dirs->marker, dirs->raft);
        return ERR_CONFIG;
    }
    *ret_log = !empty;
    return OK;
}

enum err dirs_mark(const struct dirs *dirs, char why[512]) {
    int fd = open(dirs->marker, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    int synced = -1;

    if (fd >= 0) {
        synced = fsync(fd);
        close(fd);
    }
    if (synced == 0) /* its name, too */
        synced = fsync(dirs->lock);
    if (synced != 0) {
        snprintf(why, 512, "%.400s: cannot be written: %s", dirs->marker,
                 strerror(errno));
        return ERR_IO;
    }
    return OK;
}
