/* main_backup: `tasukid --backup` and `--verify`, what `tasuki backup` runs.
 *
 * A backup is the image that a node would be seeded with (store/store_image.h): state,
 * index, term, configuration, digest, cluster and epoch, each block with its hash. It
 * is asked for over mutual TLS like one (raft/peer_image.h), under this node's name,
 * from the nodes of the peer lines in turn and at last from this node itself; so it is
 * bounded in rate and captured behind a probe. Written beside its place as NAME.part,
 * verified from the disk, synced, then moved: what has the name is whole.
 * With --blobs the blobs that it names follow it into a folder (main_manifest.h); the
 * backup stands, whatever becomes of them.
 * One result on standard output, progress on standard error. */
#ifndef SERVER_MAIN_BACKUP_H
#define SERVER_MAIN_BACKUP_H

#include <stdbool.h>

#include "server/config.h"
#include "server/main_options.h"

bool backup_asked(const struct options *options);
/* The exit code. */
int backup_run(const struct config *config, const struct options *options);

#endif
