/* blob: the bytes of scans and evidence on this node, as files by SHA-256 below
 * data_dir/blobs, sealed at rest in chunks (AES-256-GCM).
 *
 *   blobs/ab/abcd…         header, then one sealed chunk after another
 *   blobs/tmp/abcd….part   an upload: chunks come in any order, each as often as it likes
 *
 * An upload has no state but its file: its name is what its bytes must hash to, and a
 * chunk that comes again is written again. A node that ends in the middle of it loses
 * nothing that was acknowledged, and the sender begins anew.
 * Invariants:
 *   K1  a file under its hash is whole, was read back and hashed, and is on the device
 *       (file, then folder, synced) before blob_commit returns;
 *   K2  nothing of a blob stands on the disk in the clear; a chunk is bound to blob,
 *       size and place, so that none can be moved, cut off or exchanged;
 *   K3  who holds what is not known here: store_blob.h is.
 * Thread: any; a sealer is one thread's. */
#ifndef SERVER_BLOB_H
#define SERVER_BLOB_H

#include "server/crypto/keyring.h"
#include "store/base/buf.h"
#include "store/store_blob.h"

/* All chunks but the last one have this length. One fits into a request. */
#define BLOB_CHUNK_MAX (48u * 1024)

struct blob_dir;

/* Make the folders, and forget uploads of before. ERR_IO with a sentence in `why`. */
enum err blob_open(const char *data_dir, struct blob_dir **ret_dir, char why[256]);
void blob_close(struct blob_dir *dir);

uint32_t blob_chunks(uint64_t size);

/* One chunk of an upload. ERR_INVALID: not of the length that its place asks for;
 * ERR_NO_SPACE, ERR_IO. */
enum err blob_part_put(struct blob_dir *dir, struct sealer *sealer,
                       const struct blob_id *id, uint64_t size, uint32_t index,
                       struct span chunk);
/* All chunks are there (K1). ERR_NOT_FOUND: some are not; ERR_FORGED: the bytes have
 * another hash, and are gone. Slow: not for an event loop. */
enum err blob_commit(struct blob_dir *dir, struct sealer *sealer,
                     const struct blob_id *id, uint64_t size);

bool blob_has(const struct blob_dir *dir, const struct blob_id *id);
/* Append one chunk to `out`. ERR_NOT_FOUND: no such blob or chunk; ERR_FORGED: it is
 * rotten. */
enum err blob_chunk_get(const struct blob_dir *dir, struct sealer *sealer,
                        const struct blob_id *id, uint64_t size, uint32_t index,
                        struct buf *out);
/* Read and hash it all. ERR_NOT_FOUND, ERR_FORGED, ERR_IO. Slow. */
enum err blob_verify(const struct blob_dir *dir, struct sealer *sealer,
                     const struct blob_id *id, uint64_t size);
/* Bytes of another node's file of this blob, as that node has it, from `at` on; `at` 0
 * begins anew. Then blob_commit, which reads all of it back. */
enum err blob_copy_put(struct blob_dir *dir, const struct blob_id *id, uint64_t at,
                       struct span bytes);
/* Delete the files of one of the 256 folders that `known` does not know, and that have
 * been there for an hour: one that just came may not be known yet. */
void blob_sweep(struct blob_dir *dir, uint8_t folder,
                bool (*known)(void *arg, const struct blob_id *id), void *arg);
/* OK likewise when there is none. */
enum err blob_delete(struct blob_dir *dir, const struct blob_id *id);

#endif
