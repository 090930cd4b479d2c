/* blob: the bytes of scans and evidence on this node, as files by SHA-256 below
 * data_dir/blobs, sealed at rest in chunks (AES-256-GCM).
 *
 *   blobs/ab/abcd…             header, then one sealed chunk after another
 *   blobs/tmp/abcd…-WRITER.part an upload: chunks come in any order, as often as they like
 *   blobs/tmp/abcd…-N.copy     what comes from another node
 *
 * An upload has no state but its file: its name is what its bytes must hash to, and who
 * writes it (a number of the sender's choice), so two senders of one blob do not meet in
 * one file. A chunk that comes again is written again. A node that ends in the middle of
 * it loses nothing that was acknowledged, and the sender begins anew; what nobody goes on
 * with is swept after an hour, and at the start.
 * Invariants:
 *   K1  a file under its hash is whole, was read back and hashed, and is on the device
 *       (file, then folder, synced) before blob_commit returns;
 *   K2  nothing of a blob stands on the disk in the clear; a chunk is bound to blob,
 *       size and place, so that none can be moved, cut off or exchanged;
 *   K3  who holds what is not known here: store_blob_node.h is;
 *   K4  nothing is written once less room would be left on the device than `reserve`:
 *       the log's own reserve (repl_config.free_bytes_min) is below it, so scans never
 *       cost the node its log.
 * It reads and writes the disk: not for an event loop. Thread: any; a sealer is one
 * thread's. */
#ifndef SERVER_BLOB_H
#define SERVER_BLOB_H

#include "server/crypto/keyring.h"
#include "store/base/buf.h"
#include "store/store_blob_node.h"

/* All chunks but the last one have this length. One fits into a request. */
#define BLOB_CHUNK_MAX (48u * 1024)

struct blob_dir;

/* Make the folders below `data_dir`, and forget uploads of before. ERR_IO, ERR_CONFIG,
 * with a sentence in `why`. */
enum err blob_open(const char *data_dir, uint64_t reserve, struct blob_dir **ret_dir,
                   char why[256]);
/* To read from alone: nothing is made or deleted. ERR_NOT_FOUND: no blobs are there. */
enum err blob_open_reading(const char *data_dir, struct blob_dir **ret_dir,
                           char why[256]);
void blob_close(struct blob_dir *dir);

uint32_t blob_chunks(uint64_t size);

/* One chunk of `writer`'s upload. ERR_INVALID: not of the length that its place asks
 * for; ERR_NO_SPACE (K4), ERR_IO. */
enum err blob_part_put(struct blob_dir *dir, struct sealer *sealer,
                       const struct blob_id *id, uint64_t size, uint64_t writer,
                       uint32_t index, struct span chunk);
/* All chunks are there (K1). ERR_NOT_FOUND: some are not; ERR_FORGED: the bytes have
 * another hash, and are gone. */
enum err blob_commit(struct blob_dir *dir, struct sealer *sealer,
                     const struct blob_id *id, uint64_t size, uint64_t writer);

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
 * begins anew. Copies that are made at once have numbers of their own. ERR_NO_SPACE. */
enum err blob_copy_put(struct blob_dir *dir, const struct blob_id *id, uint64_t number,
                       uint64_t at, struct span bytes);
/* As blob_commit; nothing is left of one that fails. */
enum err blob_copy_commit(struct blob_dir *dir, struct sealer *sealer,
                          const struct blob_id *id, uint64_t size, uint64_t number);
void blob_copy_drop(struct blob_dir *dir, const struct blob_id *id, uint64_t number);
/* From another folder's file, as a copy; read back here. ERR_NOT_FOUND, ERR_FORGED. */
enum err blob_copy_from(struct blob_dir *dir, const struct blob_dir *from,
                        struct sealer *sealer, const struct blob_id *id, uint64_t size);

#define BLOB_FOLDERS 256
/* Look at the files of one of the folders. `old`: it has been there for an hour; one
 * that just came may not be known to the cluster yet. false: it is to be deleted. */
void blob_walk(struct blob_dir *dir, uint8_t folder,
               bool (*keep)(void *arg, const struct blob_id *id, bool old), void *arg);
/* Uploads and copies that nobody went on with for an hour. */
void blob_sweep_parts(struct blob_dir *dir);
/* OK likewise when there is none. */
enum err blob_delete(struct blob_dir *dir, const struct blob_id *id);

#endif
