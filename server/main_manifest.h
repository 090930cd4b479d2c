/* main_manifest: the blobs that a backup names, and a folder that has them.
 *
 * A backup's image holds the rows of the blobs (hash, size, who held it), each block with
 * its hash: that is the manifest. The bytes stand beside it, in a folder that any number
 * of backups share, as on a node (server/blob.h): FOLDER/blobs/ab/abcd…, sealed with the
 * cluster's key. A blob never changes, so a further backup brings only what is new.
 * Invariants:
 *   M1  a blob counts as brought when it was read back and hashed after it came, and one
 *       of a backup before as there when it is read and hashed now;
 *   M2  whatever is missing or rotten is named on standard error, LISTED of it one by one;
 *   M3  a folder that is only read from is not written to.
 * Blobs that nothing names any more (they go within a day) are not asked for. */
#ifndef SERVER_MAIN_MANIFEST_H
#define SERVER_MAIN_MANIFEST_H

#include "raft/peer_image.h"
#include "server/blob.h"
#include "server/config.h"

#define MANIFEST_HOLDERS 4

struct manifest {
    struct image_head head;
    size_t count, max;
    uint64_t bytes; /* of the blobs */
    struct manifest_blob {
        struct blob_id id;
        uint64_t size;
        uint64_t holders[MANIFEST_HOLDERS]; /* 0: none */
    } *blobs;
    /* what manifest_fetch, _check and _copy did */
    size_t there, brought, bad;
    uint64_t told_ms;
};

/* Read and verify the image at `file`. Errors as store_image_verify's; ERR_DENIED: of
 * another cluster; ERR_NOT_FOUND: no such file. */
enum err manifest_read(const struct config *config, const char *file,
                       struct manifest *ret_manifest, char why[256]);
void manifest_free(struct manifest *manifest);

/* The folder for blobs of backups. `make`: it may be made, and is kept from others
 * meanwhile. ERR_BUSY, ERR_NOT_FOUND, ERR_IO, ERR_DENIED. */
struct manifest_folder {
    struct blob_dir *dir;
    struct keyring *keyring;
    struct sealer *sealer;
    int lock; /* -1: none */
};
enum err manifest_folder_open(const struct config *config, const char *path, bool make,
                              struct manifest_folder *ret_folder, char why[256]);
void manifest_folder_close(struct manifest_folder *folder);

/* Bring what is not there from the nodes. OK also when some could not be brought: `bad`
 * says how many. ERR_NO_SPACE ends it. */
enum err manifest_fetch(const struct config *config, struct manifest *manifest,
                        struct manifest_folder *folder, char why[256]);
/* Read all of it. ERR_CORRUPT: some are missing or rotten. */
enum err manifest_check(struct manifest *manifest, struct manifest_folder *folder,
                        char why[256]);
/* Into a node's data folder, read back there. An error leaves nothing of it there. */
enum err manifest_copy(struct manifest *manifest, struct manifest_folder *folder,
                       struct blob_dir *to, char why[256]);
/* Take back what manifest_copy brought. */
void manifest_uncopy(const struct manifest *manifest, struct blob_dir *to);

#endif
