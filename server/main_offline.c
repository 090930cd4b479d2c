#include "server/main_offline.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "raft/repl_exit.h"
#include "server/main_check.h"
#include "server/main_dirs.h"
#include "server/main_manifest.h"
#include "server/main_seed.h"
#include "store/base/buf.h"

#define RESULT_MAX 4096

struct offline {
    const struct config *config;
    const struct options *options;
    struct dirs dirs;
    struct seeding seeding;
    char cluster[33];
    char why[512];
};

bool offline_asked(const struct options *options) {
    return options->reseed || options->restore || options->recover;
}

static int failed(const struct offline *o, const char *what, int code, enum err err) {
    fprintf(stderr, "tasukid: %s: %s\n", what, o->why[0] ? o->why : err_str(err));
    return code;
}

static int code_of(enum err err) {
    switch (err) {
    case ERR_BUSY:
    case ERR_IO:
    case ERR_NO_SPACE:
    case ERR_NOMEM:
    case ERR_TIMEOUT:
        return EX_TEMPFAIL;
    case ERR_CONFIG:
    case ERR_EXISTS:
    case ERR_NOT_FOUND:
        return EX_CONFIG;
    case ERR_DENIED:
    case ERR_CORRUPT:
        return REPL_EXIT_ROTTEN;
    default:
        return EX_SOFTWARE;
    }
}

/* What is wrong with the file, and not with this node. */
static int restore_code(enum err err) {
    switch (err) {
    case ERR_INVALID:
    case ERR_CORRUPT:
    case ERR_VERSION:
    case ERR_DENIED:
    case ERR_NOT_FOUND:
        return EX_DATAERR;
    default:
        return code_of(err);
    }
}

static int print(const struct buf *result) {
    struct span out = buf_span(result);

    if (buf_err(result) || fwrite(out.data, 1, out.len, stdout) != out.len ||
        putchar('\n') == EOF || fflush(stdout) != 0) {
        fputs("tasukid: the result cannot be written to standard output\n", stderr);
        return EX_IOERR;
    }
    return EX_OK;
}

/* ---- reseed */

static int reseed(struct offline *o, enum repl_seed_need need) {
    char *why = o->why;
    uint64_t floor_index = 0;
    struct buf result;
    enum err err;
    int code;

    if (need == SEED_BLANK) {
        snprintf(why, sizeof o->why, "%.400s holds no data: start tasukid with --join",
                 o->config->data_dir);
        return failed(o, "reseed", EX_CONFIG, ERR_NOT_FOUND);
    }
    /* Before the mark is made: a node that must not be seeded stays as it is. */
    err = repl_seed_floor(&o->seeding.seed, &floor_index, why);
    if (!err)
        err = repl_seed_ask(o->config->data_dir, o->options->reseed);
    if (!err)
        err = seeding_pull(&o->seeding, floor_index, false, why);
    if (err) {
        code = failed(o, "reseed",
                      err == ERR_NOT_FOUND ? REPL_EXIT_REMOVED : code_of(err), err);
        if (code == REPL_EXIT_ROTTEN)
            fprintf(
                stderr,
                "tasukid: put a node with a new id in its place: tasuki node replace "
                "%" PRIu64 " NEW ADDRESS REGION\n",
                o->config->node_id);
        return code;
    }
    buf_init(&result, RESULT_MAX);
    if (o->options->json) {
        buf_str(&result, "{\"reseeded\":true");
        buf_json_u64(&result, "node_id", o->config->node_id);
        buf_json_u64(&result, "donor", o->seeding.donor);
        buf_json_u64(&result, "rows", o->seeding.progress.rows);
        buf_json_u64(&result, "bytes", o->seeding.progress.bytes);
        buf_str(&result, "}");
    } else {
        buf_printf(&result,
                   "node %" PRIu64 " has the state as node %" PRIu64 " had it: %" PRIu64
                   " rows. Start tasukid.",
                   o->config->node_id, o->seeding.donor, o->seeding.progress.rows);
    }
    code = print(&result);
    buf_free(&result);
    return code;
}

/* ---- restore */

static void put_meta(struct buf *result, const struct image_head *head) {
    const struct store_meta *meta = &head->meta;
    char digest[33];

    snprintf(digest, sizeof digest, "%016" PRIx64 "%016" PRIx64, meta->digest.hi,
             meta->digest.lo);
    buf_json_u64(result, "index", meta->applied_index);
    buf_json_u64(result, "term", meta->applied_term);
    buf_json_u64(result, "epoch", meta->epoch);
    buf_json_u64(result, "rows", head->rows);
    buf_json_u64(result, "created_ms", head->created_ms);
    buf_json_u64(result, "from_node", head->node);
    buf_json_member(result, "digest", span_str(digest));
}

static void print_blobs(const struct offline *o, const struct manifest *manifest,
                        struct buf *result) {
    if (o->options->blobs)
        buf_printf(result, "\n%zu blobs were brought with it.", manifest->brought);
    else if (manifest->count > 0)
        buf_printf(result,
                   "\nIt names %zu blobs (scans, evidence) that are not in it, and none "
                   "were brought: restore with --blobs FOLDER for those.",
                   manifest->count);
}

/* Blobs come first: a state whose scans could not be brought is not restored. Nothing is
 * written before all of them were read. */
static enum err bring_blobs(struct offline *o, struct manifest *manifest,
                            struct blob_dir **ret_dir) {
    struct manifest_folder folder;
    enum err err =
        manifest_folder_open(o->config, o->options->blobs, false, &folder, o->why);

    if (err)
        return err;
    err = manifest_check(manifest, &folder, o->why);
    if (!err)
        err = blob_open(o->config->data_dir, 2 * o->config->free_bytes_min, ret_dir,
                        o->why);
    if (!err)
        err = manifest_copy(manifest, &folder, *ret_dir, o->why);
    manifest_folder_close(&folder);
    return err;
}

static int restore_all(struct offline *o, struct manifest *manifest,
                       struct image_head *ret_head) {
    struct blob_dir *dir = NULL;
    enum err err = OK;

    if (o->options->blobs)
        err = bring_blobs(o, manifest, &dir);
    if (!err) {
        err = repl_seed_restore(&o->seeding.seed, o->options->restore, ret_head, o->why);
        if (err && dir)
            manifest_uncopy(manifest, dir);
    }
    blob_close(dir);
    if (err)
        return failed(o, "restore", restore_code(err), err);
    err = dirs_mark(&o->dirs, o->why);
    return err ? failed(o, "restore", code_of(err), err) : EX_OK;
}

static int restore(struct offline *o) {
    struct manifest manifest;
    struct image_head head;
    struct buf result;
    enum err err;
    int code;

    err = repl_seed_blank(&o->seeding.seed, o->why);
    if (err)
        return failed(o, "restore", code_of(err), err);
    err = manifest_read(o->config, o->options->restore, &manifest, o->why);
    if (err)
        return failed(o, "restore", restore_code(err), err);
    code = restore_all(o, &manifest, &head);
    if (code != EX_OK) {
        manifest_free(&manifest);
        return code;
    }
    buf_init(&result, RESULT_MAX);
    if (o->options->json) {
        buf_str(&result, "{\"restored\":true");
        buf_json_u64(&result, "node_id", o->config->node_id);
        buf_json_member(&result, "cluster_id", span_str(o->cluster));
        put_meta(&result, &head);
        buf_json_u64(&result, "blobs", manifest.count);
        buf_json_u64(&result, "blobs_brought", manifest.brought);
        buf_str(&result, "}");
    } else {
        buf_printf(&result,
                   "restored: index %" PRIu64 ", epoch %" PRIu64 ", %" PRIu64
                   " rows. Node %" PRIu64
                   " is the only node of cluster %s now. Start tasukid, then add the "
                   "others: tasuki node add.",
                   head.meta.applied_index, head.meta.epoch, head.rows,
                   o->config->node_id, o->cluster);
        print_blobs(o, &manifest, &result);
    }
    code = print(&result);
    buf_free(&result);
    manifest_free(&manifest);
    return code;
}

/* ---- recover */

static int tell_recovery(const struct offline *o, const struct repl_recovery *r,
                         bool done) {
    struct buf result;
    int code;

    buf_init(&result, RESULT_MAX);
    if (o->options->json) {
        buf_str(&result, done ? "{\"recovered\":true" : "{\"recovered\":false");
        buf_json_u64(&result, "node_id", o->config->node_id);
        buf_json_member(&result, "cluster_id", span_str(o->cluster));
        buf_json_u64(&result, "applied_index", r->applied_index);
        buf_json_u64(&result, "last_index", r->last_index);
        buf_json_u64(&result, "last_term", r->last_term);
        buf_json_u64(&result, "replayed", r->replayed);
        if (done)
            buf_json_u64(&result, "epoch", r->epoch);
        buf_json_u64(&result, "voters", r->voters);
        buf_str(&result, "}");
    } else if (done) {
        buf_printf(&result,
                   "recovered: node %" PRIu64 " is the only node of cluster %s, epoch "
                   "%" PRIu64
                   ". Start tasukid, delete the data of the other nodes, add "
                   "them again under new ids: tasuki node add.",
                   o->config->node_id, o->cluster, r->epoch);
    } else {
        buf_printf(
            &result,
            "node %" PRIu64 " of cluster %s, which has %" PRIu64 " voting nodes\n"
            "  kept     everything up to index %" PRIu64
            ", the last of its log, where\n"
            "           accounts and relying parties are concerned; %" PRIu64
            " entries of it\n"
            "           are applied first and may never have been acknowledged\n"
            "  lost     what other nodes acknowledged after index %" PRIu64
            "; every session,\n"
            "           code and token; signing keys are made anew\n"
            "  changed  the cluster is of this node alone, in a new epoch; other "
            "nodes'\n"
            "           data are worth nothing from then on\n"
            "  compare  last term %" PRIu64 ", last index %" PRIu64 "\n"
            "If another node that is left has a higher last term, or the same and a "
            "higher last\n"
            "index, recover from that one.",
            o->config->node_id, o->cluster, r->voters, r->last_index, r->replayed,
            r->last_index, r->last_term, r->last_index);
    }
    code = print(&result);
    buf_free(&result);
    return code;
}

static int recover(struct offline *o) {
    const char *confirm = o->options->confirm;
    struct repl_recovery recovery;
    enum err err;

    if (confirm && strcmp(confirm, o->cluster) != 0) {
        snprintf(o->why, sizeof o->why,
                 "--yes-lose-data: '%.40s' is not this cluster's id; nothing was "
                 "changed",
                 confirm);
        return failed(o, "recover", EX_USAGE, ERR_INVALID);
    }
    /* A rotten page could end this process without a word. */
    err = check_store(&o->dirs, o->config->map_bytes, o->why);
    if (err)
        return failed(o, "recover", code_of(err), err);
    if (confirm)
        err = repl_seed_recover(&o->seeding.seed, &recovery, o->why);
    else
        err = repl_seed_recovery_look(&o->seeding.seed, &recovery, o->why);
    if (!err && confirm)
        err = dirs_mark(&o->dirs, o->why);
    if (err)
        return failed(o, "recover", code_of(err), err);
    return tell_recovery(o, &recovery, confirm != NULL);
}

/* ---- all of them */

static int run(struct offline *o) {
    enum repl_seed_need need;
    char reason[256] = "";
    enum err err;

    err = repl_seed_resume(&o->seeding.seed, &need, reason);
    if (err) {
        snprintf(o->why, sizeof o->why, "%s", reason);
        return failed(o, o->config->data_dir, code_of(err), err);
    }
    if (o->options->reseed)
        return reseed(o, need);
    return o->options->restore ? restore(o) : recover(o);
}

int offline_run(const struct config *config, const struct options *options) {
    static struct offline o;
    enum err err;
    int code;

    o.config = config;
    o.options = options;
    for (size_t i = 0; i < sizeof config->cluster_id.b; i++)
        snprintf(o.cluster + 2 * i, 3, "%02x", config->cluster_id.b[i]);
    seeding_init(&o.seeding, config, options->config_path, true);
    err = dirs_open(config, &o.dirs, o.why);
    if (err)
        return failed(&o, "data_dir", code_of(err), err);
    code = run(&o);
    dirs_close(&o.dirs);
    return code;
}
