/* power_cut: notes by inode; calls of the C library that stand in for its own. */
#include "tests/unit/raft/power_cut.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "store/base/check.h"

#define NODES_MAX 1024
#define NAMES_MAX 64

struct name {
    char text[64];
    size_t node;
};

/* A file or directory, as far as it is synced: a new one is empty. */
struct node {
    int fd; /* keeps its number */
    ino_t inode;
    bool is_dir;
    struct name names[NAMES_MAX];
    size_t names_count;
    uint8_t *bytes;
    size_t len;
};

static struct {
    bool on; /* not within a note or a cut */
    char dir[512];
    dev_t device;
    struct node node[NODES_MAX];
    size_t count;
    pthread_t thread; /* whose calls are cut after; others' syncs are noted */
    void (*at)(void *arg, const char *what);
    void *arg;
} watch;

static size_t node_of(int dir_fd, const char *name) {
    int fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    struct stat st;
    CHECK(fd >= 0 && fstat(fd, &st) == 0);
    for (size_t i = 0; i < watch.count; i++) {
        if (watch.node[i].inode == st.st_ino) {
            CHECK(close(fd) == 0);
            return i;
        }
    }
    CHECK(watch.count < NODES_MAX);
    watch.node[watch.count] =
        (struct node){.fd = fd, .inode = st.st_ino, .is_dir = S_ISDIR(st.st_mode)};
    return watch.count++;
}

/* The names that a directory has now. */
static size_t list(const struct node *dir, struct name names[NAMES_MAX]) {
    int fd = openat(dir->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *stream = fd < 0 ? NULL : fdopendir(fd);
    size_t count = 0;
    if (stream == NULL) { /* it is deleted */
        return 0;
    }
    for (const struct dirent *entry = readdir(stream); entry != NULL;
         entry = readdir(stream)) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            CHECK(count < NAMES_MAX);
            snprintf(names[count].text, sizeof(names[count].text), "%.63s",
                     entry->d_name);
            names[count++].node = node_of(dir->fd, entry->d_name);
        }
    }
    closedir(stream);
    return count;
}

static void note_synced(struct node *node) {
    struct stat st;
    if (node->is_dir) {
        node->names_count = list(node, node->names);
        return;
    }
    CHECK(fstat(node->fd, &st) == 0);
    node->len = (size_t)st.st_size;
    node->bytes = realloc(node->bytes, node->len + 1);
    CHECK(node->bytes != NULL &&
          pread(node->fd, node->bytes, node->len, 0) == (ssize_t)node->len);
}

static void note_tree(size_t at) {
    note_synced(&watch.node[at]);
    for (size_t i = 0; i < watch.node[at].names_count; i++) {
        note_tree(watch.node[at].names[i].node);
    }
}

void power_cut_watch(const char *dir, void (*at)(void *arg, const char *what), void *arg) {
    struct stat st;
    CHECK(!watch.on && watch.count == 0 && stat(dir, &st) == 0);
    snprintf(watch.dir, sizeof(watch.dir), "%s", dir);
    watch.device = st.st_dev;
    watch.thread = pthread_self();
    watch.at = at;
    watch.arg = arg;
    note_tree(node_of(AT_FDCWD, dir));
    watch.on = true;
}

static void leave_node(enum power_cut_way way, size_t at, const char *to, bool top) {
    struct name names[NAMES_MAX];
    const struct node *node = &watch.node[at];
    if (!node->is_dir) {
        int fd = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        CHECK(fd >= 0 && write(fd, node->bytes, node->len) == (ssize_t)node->len &&
              close(fd) == 0);
        return;
    }
    size_t count = node->names_count;
    memcpy(names, node->names, sizeof(names));
    if (way == CUT_NAMES || (way == CUT_TOP && top)) {
        count = list(node, names);
    }
    CHECK(mkdir(to, 0700) == 0);
    for (size_t i = 0; i < count; i++) {
        char path[700];
        CHECK(snprintf(path, sizeof(path), "%s/%s", to, names[i].text) <
              (int)sizeof(path));
        leave_node(way, names[i].node, path, false);
    }
}

void power_cut_leave(enum power_cut_way way, const char *to) {
    bool on = watch.on;
    watch.on = false;
    leave_node(way, 0, to, true);
    watch.on = on;
}

void power_cut_end(void) {
    watch.on = false;
    for (size_t i = 0; i < watch.count; i++) {
        free(watch.node[i].bytes);
        close(watch.node[i].fd);
    }
    watch.count = 0;
}

static int happened(int result, const char *what) {
    if (watch.on && result == 0 && pthread_equal(watch.thread, pthread_self())) {
        watch.on = false;
        watch.at(watch.arg, what);
        watch.on = true;
    }
    return result;
}

/* --- what the libraries call --- */

static int sync_call(long number, int fd) {
    /* While it watches, the device need not have anything: what it would have is noted. */
    int result = watch.count > 0 ? 0 : (int)syscall(number, fd);
    struct stat st;
    char path[64];
    if (watch.on && result == 0 && fstat(fd, &st) == 0 && st.st_dev == watch.device) {
        watch.on = false;
        snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
        for (size_t i = 0; i < watch.count; i++) {
            if (watch.node[i].inode == st.st_ino) {
                note_synced(&watch.node[i]);
                fd = -1;
                break;
            }
        }
        if (fd >= 0) { /* not named by a directory that was looked at */
            int own = open(path, O_RDONLY | O_CLOEXEC);
            CHECK(own >= 0 && watch.count < NODES_MAX);
            watch.node[watch.count] = (struct node){
                .fd = own, .inode = st.st_ino, .is_dir = S_ISDIR(st.st_mode)};
            note_synced(&watch.node[watch.count++]);
        }
        watch.on = true;
    }
    return happened(result, "sync");
}

int fsync(int fd) {
    return sync_call(SYS_fsync, fd);
}

int fdatasync(int fd) {
    return sync_call(SYS_fdatasync, fd);
}

int rename(const char *from, const char *to) {
    return happened(renameat(AT_FDCWD, from, AT_FDCWD, to), "rename");
}

int mkdir(const char *path, mode_t mode) {
    return happened(mkdirat(AT_FDCWD, path, mode), "mkdir");
}

int unlink(const char *path) {
    return happened(unlinkat(AT_FDCWD, path, 0), "unlink");
}

int rmdir(const char *path) {
    return happened(unlinkat(AT_FDCWD, path, AT_REMOVEDIR), "rmdir");
}
