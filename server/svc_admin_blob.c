/* svc_admin_blob: how the blobs stand: how many there are, which are short of copies and
 * who holds those, and whose copies count. */
#include "server/svc_admin_internal.h"
#include "store/base/codec.h"
#include "store/store_blob_node.h"

#define SHORT_SHOWN 50

static enum err put_nodes(struct store_read *read, const struct blob_places *places,
                          struct buf *out) {
    static const char *const words[] = {
        "keeps", [BLOB_NODE_KEEPS] = "keeps", [BLOB_NODE_DOUBTED] = "doubted",
        [BLOB_NODE_LOST] = "lost"};
    enum err err = OK;

    buf_str(out, ",\"blob_nodes\":[");
    for (size_t i = 0; i < places->count && !err; i++) {
        struct blob_node node = {.state = BLOB_NODE_KEEPS};
        err = store_blob_node_get(read, places->at[i].node, &node);
        err = err == ERR_NOT_FOUND ? OK : err;
        buf_str(out, i ? ",{" : "{");
        buf_json_u64(out, "id", places->at[i].node);
        buf_json_member(out, "state", span_str(words[node.state]));
        buf_str(out, "}");
    }
    buf_str(out, "]");
    return err;
}

static void put_one(const struct blob_places *places, const struct blob_row *blob,
                    struct buf *out) {
    static const char *const kinds[] = {
        "", [BLOB_SCAN] = "scan", [BLOB_EVIDENCE] = "evidence", [BLOB_CROP] = "crop"};
    size_t regions, copies = store_blob_copies(places, blob, &regions);
    char id[65];

    hex_encode(span_of(blob->id.b, sizeof blob->id.b), id);
    buf_str(out, "{");
    buf_json_member(out, "sha256", span_str(id));
    buf_json_member(out, "kind", span_str(kinds[blob->kind]));
    buf_json_u64(out, "size", blob->size);
    buf_json_u64(out, "copies", copies);
    buf_json_u64(out, "regions", regions);
    buf_str(out, ",\"holders\":[");
    for (size_t i = 0; i < blob->holders_count; i++)
        buf_printf(out, "%s%llu", i ? "," : "", (unsigned long long)blob->holders[i]);
    buf_str(out, "]}");
}

static enum err put_short(struct store_read *read, const struct blob_places *places,
                          struct buf *out) {
    struct blob_id from = {{0}};
    struct blob_row blob;
    enum err err = OK;
    bool more = true;

    buf_str(out, ",\"short_blobs\":[");
    for (int i = 0; i < SHORT_SHOWN && more && !err; i++) {
        err = store_blob_next(read, &from, true, &blob);
        if (err)
            break;
        buf_str(out, i ? "," : "");
        put_one(places, &blob, out);
        from = blob.id;
        more = store_blob_after(&from);
    }
    buf_str(out, "]");
    return err == ERR_NOT_FOUND ? OK : err;
}

enum err svc_admin_put_blobs(struct svc *svc, struct buf *out, bool list) {
    struct blob_places places;
    struct blob_walk walk;
    bool known;
    uint64_t shorts = 0;
    enum err err = store_blob_places(svc->read, &places);

    if (!err)
        err = store_blob_short_count(svc->read, &shorts);
    if (err)
        return err;
    err = store_blob_walk_get(svc->read, &walk);
    if (err && err != ERR_NOT_FOUND)
        return err;
    known = err == ERR_NOT_FOUND && !places.doubted;
    buf_json_u64(out, "blobs", store_blob_count(svc->read));
    /* While a node is doubted, or the blobs are sorted anew, the index is late. */
    if (known)
        buf_json_u64(out, "blobs_short", shorts);
    else
        buf_str(out, ",\"blobs_short\":null");
    err = put_nodes(svc->read, &places, out);
    return !err && list ? put_short(svc->read, &places, out) : err;
}
