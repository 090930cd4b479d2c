/* svc_admin_status: this node's view of the cluster, as JSON for `tasuki status`. */
#include <inttypes.h>

#include "server/svc_admin_internal.h"
#include "store/base/codec.h"

static void put_i64(struct buf *out, const char *name, int64_t value) {
    buf_printf(out, ",\"%s\":%" PRId64, name, value);
}

/* null: never. */
static void put_age(struct buf *out, const char *name, uint64_t age_ms) {
    if (age_ms == UINT64_MAX)
        buf_printf(out, ",\"%s\":null", name);
    else
        buf_json_u64(out, name, age_ms);
}

static const char *role_of(const struct repl_node_status *node) {
    switch (node->wanted) {
    case MEMBER_STANDBY:
        return node->settled ? "standby" : "joining";
    case MEMBER_VOTER:
        return node->settled ? "voter" : "promoting";
    case MEMBER_GONE:
        return "leaving";
    }
    return node->voter ? "voter" : "standby";
}

static void put_digest(struct buf *out, const struct store_digest *digest) {
    buf_printf(out, ",\"digest\":\"%016" PRIx64 "%016" PRIx64 "\"", digest->hi,
               digest->lo);
}

static void put_node(struct buf *out, const struct repl_node_status *node) {
    buf_str(out, "{");
    buf_json_u64(out, "id", node->id);
    buf_json_member(out, "address", span_str(node->address));
    buf_json_member(out, "region", span_str(node->region));
    buf_json_bool(out, "self", node->self);
    buf_json_bool(out, "leader", node->leader);
    buf_json_bool(out, "connected", node->connected);
    buf_json_bool(out, "voter", node->voter);
    buf_json_bool(out, "standby", node->standby);
    buf_json_member(out, "role", span_str(role_of(node)));
    buf_json_bool(out, "settled", node->settled);
    put_age(out, "seen_age_ms", node->seen_age_ms);
    buf_json_u64(out, "term", node->term);
    buf_json_u64(out, "applied_index", node->applied_index);
    put_age(out, "staleness_ms", node->staleness_ms);
    put_i64(out, "clock_offset_ms", node->clock_offset_ms);
    put_digest(out, &node->digest);
    buf_json_u64(out, "digest_index", node->digest_index);
    buf_json_bool(out, "digest_differs", node->digest_differs);
    buf_str(out, "}");
}

void svc_admin_put_members(struct buf *out, const struct repl_status *status) {
    const struct leader_regions *regions = &status->leader_regions;

    buf_json_u64(out, "configuration_index", status->configuration_index);
    buf_json_member(out, "member_change", span_str(status->member_change));
    buf_str(out, ",\"leader_regions\":[");
    for (size_t i = 0; i < regions->count; i++) {
        if (i > 0)
            buf_str(out, ",");
        buf_json(out, span_str(regions->region[i]));
    }
    buf_str(out, "],\"nodes\":[");
    for (size_t i = 0; i < status->nodes_count; i++) {
        if (i > 0)
            buf_str(out, ",");
        put_node(out, &status->nodes[i]);
    }
    buf_str(out, "]");
}

static void put_head(struct buf *out, const struct repl_status *status) {
    buf_json_u64(out, "node_id", status->node_id);
    buf_json_u64(out, "leader_id", status->leader_id);
    buf_json_u64(out, "term", status->term);
    buf_json_u64(out, "applied_index", status->applied_index);
    buf_json_u64(out, "commit_index", status->commit_index);
    buf_json_u64(out, "last_index", status->last_index);
    put_age(out, "staleness_ms", status->staleness_ms);
    buf_json_u64(out, "clock_ms", status->clock_ms);
    buf_json_u64(out, "fsm_version", status->fsm_version);
    buf_json_u64(out, "epoch", status->epoch);
    buf_json_u64(out, "queue_len", status->queue_len);
    buf_json_u64(out, "frames_applied", status->frames_applied);
    buf_json_u64(out, "commands_applied", status->commands_applied);
    buf_json_u64(out, "trailing_frames", status->trailing_frames);
    buf_json_u64(out, "trailing_bytes", status->trailing_bytes);
    buf_json_u64(out, "trailing_bytes_max", status->trailing_bytes_max);
    buf_json_u64(out, "trailing_covers_ms", status->trailing_covers_ms);
    buf_json_bool(out, "ready", status->ready);
    buf_json_member(out, "why_not_ready", span_str(status->why_not_ready));
}

static void put_config(struct buf *out, const struct config *config) {
    static const char *const environments[] = {"", "demo", "verification",
                                               "production"};
    char cluster_id[33];

    hex_encode(span_of(config->cluster_id.b, sizeof config->cluster_id.b), cluster_id);
    buf_json_member(out, "cluster_id", span_str(cluster_id));
    buf_json_member(out, "issuer", span_str(config->issuer));
    buf_json_member(out, "environment", span_str(environments[config->environment]));
    buf_json_member(out, "region", span_str(config->region));
}

/* null: none was made. */
static enum err put_backup(struct store_read *read, struct buf *out) {
    struct store_backup backup;
    enum err err = store_backup_get(read, &backup);

    buf_str(out, ",\"last_backup\":");
    if (err) {
        buf_str(out, "null");
        return err == ERR_NOT_FOUND ? OK : err;
    }
    buf_str(out, "{\"whole\":true");
    buf_json_u64(out, "index", backup.index);
    put_digest(out, &backup.digest);
    buf_json_u64(out, "rows", backup.rows);
    buf_json_u64(out, "bytes", backup.bytes);
    buf_json_u64(out, "from_node", backup.donor);
    buf_json_u64(out, "by_node", backup.taker);
    buf_json_u64(out, "kept_ms", backup.kept_ms);
    buf_str(out, "}");
    return OK;
}

static enum err put_store(struct svc *svc, struct buf *out) {
    const char *names[STORE_TABLES_MAX];
    uint64_t counts[STORE_TABLES_MAX];
    struct store_meta meta;
    size_t count;
    enum err err;

    err = svc_read_begin(svc);
    if (err)
        return err;
    err = store_read_meta(svc->read, &meta);
    if (!err)
        err = svc_admin_put_outbox(svc, out);
    if (!err)
        err = put_backup(svc->read, out);
    if (!err)
        err = svc_admin_put_blobs(svc, out, false);
    count = store_table_counts(svc->read, names, counts, STORE_TABLES_MAX);
    svc_read_end(svc);
    if (err)
        return err;
    put_digest(out, &meta.digest);
    buf_json_u64(out, "digest_index", meta.applied_index);
    buf_json_u64(out, "store_used_bytes", store_used_bytes(svc->shared->store));
    buf_str(out, ",\"rows\":{");
    for (size_t i = 0; i < count; i++)
        buf_json_u64(out, names[i], counts[i]);
    buf_str(out, "}");
    return OK;
}

static void put_scrub(struct buf *out, const struct svc_shared *shared) {
    struct scrub_status scrub = {0};

    if (shared->scrub)
        scrub_status(shared->scrub, &scrub);
    buf_str(out, ",\"scrub\":{\"on\":");
    buf_str(out, shared->scrub ? "true" : "false");
    buf_json_bool(out, "running", scrub.running);
    buf_json_u64(out, "rows", scrub.rows);
    buf_json_u64(out, "rows_total", scrub.rows_total);
    buf_json_bool(out, "done", scrub.done);
    buf_json_bool(out, "whole", scrub.whole);
    buf_json_bool(out, "failed", scrub.failed);
    buf_json_u64(out, "index", scrub.index);
    buf_json_u64(out, "ended_ms", scrub.ended_wall_ms);
    buf_json_u64(out, "took_ms", scrub.took_ms);
    buf_str(out, "}");
}

static void put_images(struct buf *out, struct repl *repl) {
    struct repl_image_status images[REPL_IMAGES];
    size_t count = repl_images(repl, images);

    buf_str(out, ",\"images\":[");
    for (size_t i = 0; i < count; i++) {
        buf_str(out, i ? ",{\"given\":true" : "{\"given\":true");
        buf_json_u64(out, "to", images[i].peer);
        buf_json_u64(out, "index", images[i].index);
        buf_json_u64(out, "rows", images[i].rows);
        buf_json_u64(out, "rows_total", images[i].rows_total);
        buf_json_u64(out, "bytes", images[i].bytes);
        buf_str(out, "}");
    }
    buf_str(out, "]");
}

void svc_admin_status(struct admin_op *op) {
    struct svc *svc = op->base.svc;
    struct buf *out = &svc->scratch;
    struct repl_status status;
    enum err err;

    repl_status(svc->shared->repl, &status);
    buf_reset(out);
    buf_str(out, "{");
    put_head(out, &status);
    put_config(out, svc->shared->config);
    err = put_store(svc, out);
    if (err) {
        svc_fail(&op->base, err);
        return;
    }
    put_scrub(out, svc->shared);
    put_images(out, svc->shared->repl);
    svc_admin_put_members(out, &status);
    buf_str(out, "}");
    svc_admin_answer(op, out);
}
