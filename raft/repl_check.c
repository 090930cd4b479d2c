#include "raft/repl_check.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/base/codec.h"
#include "store/base/log.h"

#define FORMAT_LEN 8u
#define BATCH_HEAD 16u /* two checksums and the count */
#define ENTRY_HEAD 16u
#define SEGMENT_MAX (64u * 1024 * 1024) /* libraft makes them of 8 MiB */

/* --- one segment --- */

static uint32_t crc_of(const uint8_t *at, size_t len) {
    static uint32_t table[256];
    uint32_t crc = 0;
    if (table[1] == 0) {
        for (uint32_t i = 0; i < 256; i++) {
            uint32_t value = i << 24;
            for (int bit = 0; bit < 8; bit++) {
                value = value >> 31 ? value << 1 ^ UINT32_C(0x04c11db7) : value << 1;
            }
            table[i] = value;
        }
    }
    for (size_t i = 0; i < len; i++) {
        crc = crc << 8 ^ table[(crc >> 24 ^ at[i]) & 0xff];
    }
    return crc;
}

/* Is there a whole batch at `offset`? Then how long, with how many entries. */
static bool batch_at(struct span bytes, size_t offset, size_t *ret_len,
                     uint64_t *ret_entries) {
    if (bytes.len - offset < BATCH_HEAD) {
        return false;
    }
    struct reader r = reader_of(span_of(bytes.data + offset, bytes.len - offset));
    uint32_t head_crc = read_u32(&r);
    uint32_t data_crc = read_u32(&r);
    uint64_t count = read_u64(&r);
    uint64_t left = bytes.len - offset - BATCH_HEAD;
    uint64_t data = 0;
    if (count == 0 || count > left / ENTRY_HEAD) {
        return false;
    }
    size_t heads = (size_t)count * ENTRY_HEAD;
    if (crc_of(bytes.data + offset + 8, 8 + heads) != head_crc) {
        return false;
    }
    for (uint64_t i = 0; i < count; i++) {
        (void)read_bytes(&r, 12);
        data += read_u32(&r); /* count is bounded: it cannot overflow */
    }
    left -= heads;
    if (r.bad || data > left ||
        crc_of(bytes.data + offset + BATCH_HEAD + heads, (size_t)data) != data_crc) {
        return false;
    }
    *ret_len = BATCH_HEAD + heads + (size_t)data;
    *ret_entries = count;
    return true;
}

/* Lengths are a multiple of 8, so a batch begins at one. */
static bool whole_follows(struct span bytes, size_t offset, size_t end) {
    size_t len;
    uint64_t entries;
    for (size_t at = offset + 8; at < end; at += 8) {
        if (batch_at(bytes, at, &len, &entries)) {
            return true;
        }
    }
    return false;
}

void repl_check_segment(struct span bytes, bool open, struct repl_check *ret_check) {
    struct repl_check check = {.verdict = SEGMENT_WHOLE};
    size_t end = bytes.len, len = 0;
    uint64_t entries = 0;
    while (open && end > 0 && bytes.data[end - 1] == 0) {
        end--;
    }
    if (open && end == 0) { /* never written */
        *ret_check = check;
        return;
    }
    struct reader r = reader_of(bytes);
    if (read_u64(&r) != 1 || r.bad) {
        check.verdict = SEGMENT_DAMAGED;
        *ret_check = check;
        return;
    }
    check.offset = FORMAT_LEN;
    while (check.offset < bytes.len && batch_at(bytes, check.offset, &len, &entries)) {
        check.offset += len;
        check.entries += entries;
    }
    if (check.offset < end || (!open && check.entries == 0)) {
        bool damaged = !open || whole_follows(bytes, check.offset, end);
        check.verdict = damaged ? SEGMENT_DAMAGED : SEGMENT_TORN;
        check.cut = end > check.offset ? end - check.offset : 0;
    }
    *ret_check = check;
}

/* --- a directory --- */

struct torn { /* the first open segment, by number, that is cut */
    unsigned long long number, last_number; /* last: with an entry in it */
    bool any, any_last;
    struct repl_check check;
};

static enum err read_whole(const char *path, struct buf *out, char why[256]) {
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    enum err err = fd < 0 || fstat(fd, &st) != 0 ? ERR_IO : OK;
    if (err == OK && (uint64_t)st.st_size > SEGMENT_MAX) {
        err = ERR_TOO_BIG;
    }
    uint8_t piece[16384];
    ssize_t len = 0;
    while (err == OK && (len = read(fd, piece, sizeof(piece))) > 0) {
        buf_put(out, piece, (size_t)len);
        err = buf_err(out);
    }
    if (err == OK && len < 0) {
        err = ERR_IO;
    }
    if (err != OK) {
        snprintf(why, 256, "the log's segment %.150s cannot be read: %s", path,
                 err == ERR_IO ? strerror(errno) : err_str(err));
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    return err;
}

static enum err damaged(const char *raft_dir, const char *name, size_t offset,
                        char why[256]) {
    snprintf(why, 256, "the log's segment %.130s/%.45s is damaged at byte %zu (%s)",
             raft_dir, name, offset, "not a torn write");
    return ERR_CORRUPT;
}

static enum err check_file(const char *raft_dir, const char *name, struct torn *torn,
                           char why[256]) {
    unsigned long long first, last, number;
    char path[1400], rest;
    struct repl_check check;
    struct buf bytes;
    bool closed = sscanf(name, "%16llu-%16llu%c", &first, &last, &rest) == 2;
    if (!closed && sscanf(name, "open-%llu%c", &number, &rest) != 1) {
        return OK; /* not a segment */
    }
    snprintf(path, sizeof(path), "%s/%s", raft_dir, name);
    buf_init(&bytes, SEGMENT_MAX);
    enum err err = read_whole(path, &bytes, why);
    if (err == OK) {
        repl_check_segment(buf_span(&bytes), !closed, &check);
        bool miscounted = closed && check.verdict == SEGMENT_WHOLE &&
                          check.entries != last - first + 1;
        if (check.verdict == SEGMENT_DAMAGED || miscounted) {
            err = damaged(raft_dir, name, check.offset, why);
        } else if (!closed && check.verdict == SEGMENT_TORN &&
                   (!torn->any || number < torn->number)) {
            torn->any = true;
            torn->number = number;
            torn->check = check;
        }
        if (!closed && check.entries > 0 && number >= torn->last_number) {
            torn->any_last = true;
            torn->last_number = number;
        }
    }
    buf_free(&bytes);
    return err;
}

/* One that is written is finished before the next gets an entry. */
static enum err judge_torn(const char *raft_dir, const struct torn *torn,
                           char why[256]) {
    char name[40];
    if (!torn->any) {
        return OK;
    }
    snprintf(name, sizeof(name), "open-%llu", torn->number);
    if (torn->any_last && torn->last_number > torn->number) {
        return damaged(raft_dir, name, torn->check.offset, why);
    }
    log_event(LOG_WARN, "raft.cut", log_str("file", name),
              log_u64("offset", torn->check.offset), log_u64("bytes", torn->check.cut),
              log_str("why",
                      "the end of the log does not add up: a torn write, or a damaged "
                      "last batch; the leader sends it again"),
              log_end());
    return OK;
}

enum err repl_check_dir(const char *raft_dir, char why[256]) {
    DIR *dir = opendir(raft_dir);
    struct torn torn = {0};
    enum err err = OK;
    if (dir == NULL) {
        snprintf(why, 256, "%.150s: %s", raft_dir, strerror(errno));
        return errno == ENOENT ? OK : ERR_IO;
    }
    for (const struct dirent *entry = readdir(dir); entry != NULL && err == OK;
         entry = readdir(dir)) {
        err = check_file(raft_dir, entry->d_name, &torn, why);
    }
    (void)closedir(dir);
    return err == OK ? judge_torn(raft_dir, &torn, why) : err;
}
