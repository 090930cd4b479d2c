/* intake_files: walking a folder, hashing, grouping. */
#include "ops/cli/intake_files.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "store/base/check.h"
#include "store/base/codec.h"

#define FILES_MAX 20000
#define DEPTH_MAX 8

static const char *format_of(const char *name) {
    static const struct {
        const char *ending, *format;
    } formats[] = {{".tif", "tiff"}, {".tiff", "tiff"}, {".pdf", "pdf"},
                   {".jpg", "jpeg"}, {".jpeg", "jpeg"}};
    const char *dot = strrchr(name, '.');

    for (size_t i = 0; dot && i < sizeof formats / sizeof formats[0]; i++)
        if (strcasecmp(dot, formats[i].ending) == 0)
            return formats[i].format;
    return NULL;
}

static const char *why_not(const char *name) {
    const char *dot = strrchr(name, '.');

    return dot && strcasecmp(dot, ".png") == 0
               ? "PNG is not read: save it as TIFF, PDF or JPEG"
               : "no TIFF, PDF or JPEG file";
}

static char *printed(const char *format, const char *a, const char *b) {
    size_t len = strlen(format) + strlen(a) + strlen(b) + 1;
    char *text = malloc(len);

    CHECK(text != NULL);
    snprintf(text, len, "%s%s%s", a, format, b);
    return text;
}

static void *grown(void *list, size_t count, size_t size) {
    void *more = count % 64 == 0 ? realloc(list, (count + 64) * size) : list;

    CHECK(more != NULL);
    return more;
}

static void add_other(struct intake_folder *folder, const char *name,
                      const char *why) {
    folder->others =
        grown(folder->others, folder->others_count, sizeof *folder->others);
    folder->others[folder->others_count++] = printed(": ", name, why);
}

static void add_scan(struct intake_folder *folder, const char *path, const char *name) {
    folder->scans = grown(folder->scans, folder->count, sizeof *folder->scans);
    folder->scans[folder->count] = (struct intake_scan){
        .path = printed("", path, ""),
        .name = printed("", name, ""),
        .format = format_of(name),
    };
    folder->count++;
}

/* `prefix`: the names of the folders above, with a slash; or "". */
static bool walk(struct intake_folder *folder, const char *path, const char *prefix,
                 int depth) {
    struct dirent **entries;
    int count = scandir(path, &entries, NULL, alphasort);
    bool good = true;

    if (count < 0) {
        fprintf(stderr, "tasuki: %s: %s\n", path, strerror(errno));
        return false;
    }
    for (int i = 0; i < count; i++) {
        const char *entry = entries[i]->d_name;
        char *below = printed("/", path, entry), *name = printed("", prefix, entry);
        struct stat info;
        if (entry[0] == '.' || !good) {
            /* nothing that a scanner writes */
        } else if (stat(below, &info) != 0) {
            add_other(folder, name, strerror(errno));
        } else if (S_ISDIR(info.st_mode) && depth < DEPTH_MAX) {
            char *deeper = printed("/", name, "");
            good = walk(folder, below, deeper, depth + 1);
            free(deeper);
        } else if (!S_ISREG(info.st_mode) || !format_of(entry)) {
            add_other(folder, name, why_not(entry));
        } else if (folder->count == FILES_MAX) {
            add_other(folder, name, "more files than one batch takes");
        } else {
            add_scan(folder, below, name);
        }
        free(below);
        free(name);
        free(entries[i]);
    }
    free(entries);
    return good;
}

/* false: the reason is among the others. */
static bool hash_scan(struct intake_folder *folder, struct intake_scan *scan) {
    static uint8_t chunk[256 * 1024];
    crypto_hash_sha256_state state;
    FILE *file = fopen(scan->path, "rb");
    size_t n;

    if (!file) {
        add_other(folder, scan->name, strerror(errno));
        return false;
    }
    crypto_hash_sha256_init(&state);
    while ((n = fread(chunk, 1, sizeof chunk, file)) > 0 &&
           scan->size <= INTAKE_FILE_MAX) {
        crypto_hash_sha256_update(&state, chunk, n);
        scan->size += n;
    }
    n = ferror(file) ? 1 : 0;
    fclose(file);
    crypto_hash_sha256_final(&state, scan->sha256);
    hex_encode(span_of(scan->sha256, sizeof scan->sha256), scan->hex);
    if (n != 0 || scan->size == 0 || scan->size > INTAKE_FILE_MAX) {
        add_other(folder, scan->name,
                  n != 0            ? "cannot be read"
                  : scan->size == 0 ? "empty"
                                    : "larger than 64 MiB");
        return false;
    }
    return true;
}

/* The length of STEM in STEM-N.ext; 0: the name has no such form. */
static size_t stem_len(const char *name) {
    const char *dot = strrchr(name, '.'), *at = dot;

    while (at && at > name && isdigit((unsigned char)at[-1]))
        at--;
    return at && at < dot && at > name + 1 && at[-1] == '-' ? (size_t)(at - name - 1)
                                                            : 0;
}

static void group(struct intake_folder *folder) {
    size_t in_bundle = 0;

    for (size_t i = 0; i < folder->count; i++) {
        struct intake_scan *scan = &folder->scans[i];
        size_t len = stem_len(scan->name);
        bool joins = i > 0 && len > 0 && in_bundle < INTAKE_BUNDLE_FILES &&
                     stem_len(scan[-1].name) == len &&
                     strncmp(scan[-1].name, scan->name, len) == 0;
        in_bundle = joins ? in_bundle + 1 : 1;
        folder->bundles += joins ? 0 : 1;
        scan->bundle = folder->bundles - 1;
    }
}

static void name_batch(struct intake_folder *folder) {
    static const uint8_t domain[] = "tasuki batch 1";
    crypto_hash_sha256_state state;
    uint8_t hash[crypto_hash_sha256_BYTES];

    crypto_hash_sha256_init(&state);
    crypto_hash_sha256_update(&state, domain, sizeof domain);
    for (size_t i = 0; i < folder->count; i++)
        crypto_hash_sha256_update(&state, folder->scans[i].sha256,
                                  sizeof folder->scans[i].sha256);
    crypto_hash_sha256_final(&state, hash);
    hex_encode(span_of(hash, 16), folder->batch);
}

bool intake_files_read(const char *path, struct intake_folder *ret_folder) {
    struct intake_folder folder = {.scans = NULL};
    size_t kept = 0;

    if (!walk(&folder, path, "", 0)) {
        intake_files_free(&folder);
        return false;
    }
    for (size_t i = 0; i < folder.count; i++) {
        struct intake_scan scan = folder.scans[i];
        if (hash_scan(&folder, &scan)) {
            folder.scans[kept++] = scan;
        } else {
            free(scan.path);
            free(scan.name);
        }
    }
    folder.count = kept;
    group(&folder);
    name_batch(&folder);
    *ret_folder = folder;
    return true;
}

void intake_files_free(struct intake_folder *folder) {
    for (size_t i = 0; i < folder->count; i++) {
        free(folder->scans[i].path);
        free(folder->scans[i].name);
    }
    for (size_t i = 0; i < folder->others_count; i++)
        free(folder->others[i]);
    free(folder->scans);
    free(folder->others);
}
