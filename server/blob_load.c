#include "server/blob_load.h"

#include "store/base/codec.h"
#include "store/base/log.h"

static enum err read_all(struct svc_shared *shared, struct sealer *sealer,
                         const struct blob_row *row, struct buf *out) {
    enum err err = OK;

    buf_reset(out);
    for (uint32_t i = 0; !err && i < blob_chunks(row->size); i++)
        err = blob_chunk_get(shared->blobs, sealer, &row->id, row->size, i, out);
    return err ? err : buf_err(out);
}

static enum err bring(struct svc_shared *shared, struct sealer *sealer,
                      const struct blob_row *row) {
    char why[256] = "there is no other node", id[65];
    enum err err = shared->blob_fetch ? shared->blob_fetch(shared, sealer, row, why)
                                      : ERR_NOT_FOUND;

    if (err) {
        hex_encode(span_of(row->id.b, sizeof row->id.b), id);
        log_event(LOG_WARN, "blob.not_read", log_str("blob", id), log_str("why", why),
                  log_end());
    }
    return err;
}

enum err blob_load(struct svc_shared *shared, const struct blob_row *row,
                   struct buf *out) {
    struct sealer *sealer; /* a thread's own */
    enum err err = sealer_new(shared->keyring, &shared->random, &sealer);

    if (err)
        return err;
    err = read_all(shared, sealer, row, out);
    if (err == ERR_NOT_FOUND || err == ERR_FORGED) {
        /* Whichever way bringing it fails: it cannot be read now. */
        err = bring(shared, sealer, row) ? ERR_NOT_FOUND
                                         : read_all(shared, sealer, row, out);
    }
    sealer_free(sealer);
    return err;
}
