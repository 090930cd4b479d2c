#include "server/main_blob_fetch.h"

#include <pthread.h>
#include <stdio.h>

#include "raft/peer_image.h"

/* Two that write the same part file would spoil it for one another. */
static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;

struct fetching {
    struct blob_dir *dir;
    const struct blob_id *id;
    uint64_t at;
};

static enum err feed(void *arg, struct span bytes, char why[256]) {
    struct fetching *fetching = arg;
    enum err err =
        blob_copy_put(fetching->dir, fetching->id, fetching->at, bytes);

    if (err)
        snprintf(why, 256, "cannot be written: %s", err_str(err));
    fetching->at += bytes.len;
    return err;
}

/* From this holder. OK: it stands here, whole. */
static enum err fetch_from(struct svc_shared *shared, struct sealer *sealer,
                           const struct blob_row *row, uint64_t holder, char why[256]) {
    const struct config *config = shared->config;
    struct repl_status status;
    struct peer_image_take take = {
        .cluster_id = config->cluster_id,
        .node_id = config->node_id,
        .tls = {.ca = config->ca, .cert = config->peer_cert, .key = config->peer_key},
        .donors_count = 1,
        .clock = shared->clock,
        .blob = row->id.b,
    };
    struct fetching fetching = {shared->blobs, &row->id, 0};
    enum err err = ERR_NOT_FOUND;

    repl_status(shared->repl, &status);
    for (size_t i = 0; i < status.nodes_count; i++)
        if (status.nodes[i].id == holder) {
            take.donors[0].id = holder;
            snprintf(take.donors[0].address, sizeof take.donors[0].address, "%s",
                     status.nodes[i].address);
            err = OK;
        }
    snprintf(why, 256, "no such node");
    if (!err)
        err = peer_image_take_to(&take, 0, feed, &fetching, why);
    if (!err)
        err = blob_commit(shared->blobs, sealer, &row->id, row->size);
    return err;
}

enum err main_blob_fetch(struct svc_shared *shared, struct sealer *sealer,
                         const struct blob_row *row, char why[256]) {
    enum err err = ERR_NOT_FOUND;

    snprintf(why, 256, "nobody holds it");
    pthread_mutex_lock(&one_at_a_time);
    for (size_t i = 0; i < row->holders_count && err; i++)
        if (row->holders[i] != shared->config->node_id)
            err = fetch_from(shared, sealer, row, row->holders[i], why);
    pthread_mutex_unlock(&one_at_a_time);
    return err;
}
