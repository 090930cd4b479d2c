/* intake_files: the scans of a folder, as the intake takes them: which there are, which
 * belong together, and their SHA-256.
 *
 * Files STEM-1.jpg, STEM-2.jpg ... of one folder are one stack of paper (a bundle); any
 * other file is one by itself. The order is that of the names, so the same folder gives
 * the same batch. */
#ifndef CLI_INTAKE_FILES_H
#define CLI_INTAKE_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define INTAKE_BUNDLE_FILES 16
#define INTAKE_FILE_MAX (64u * 1024 * 1024)

struct intake_scan {
    char *path;
    char *name;         /* within the folder */
    const char *format; /* tiff, pdf, jpeg */
    uint64_t size;
    uint8_t sha256[32];
    char hex[65];
    size_t bundle; /* number of its bundle */
};

struct intake_folder {
    struct intake_scan *scans; /* in order */
    size_t count, bundles;
    char **others; /* what is no scan, or cannot be taken; with the reason */
    size_t others_count;
    char batch[33]; /* of all hashes */
};

/* false: a sentence on stderr. */
bool intake_files_read(const char *path, struct intake_folder *ret_folder);
void intake_files_free(struct intake_folder *folder);

#endif
