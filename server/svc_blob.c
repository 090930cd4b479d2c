/* svc_blob: uploads, and reading back. */
#include "server/svc_blob.h"

#include "server/blob.h"
#include "server/oidc/params.h"
#include "server/svc_internal.h"
#include "store/base/check.h"
#include "store/base/codec.h"

/* A second copy takes a turn of server/main_blobs; then the sender asks again. */
#define COPY_WAIT_MS 5000

struct blob_op {
    struct svc_state base; /* first */
    struct svc_blob *blob;
    enum err committed;
    uint64_t until_ms; /* a second copy is waited for */
};

static void finish(struct svc_state *state) {
    struct blob_op *op = (struct blob_op *)state;

    op->blob->done(op->blob);
}

static void end(struct blob_op *op, enum svc_blob_kind kind, const char *message) {
    op->blob->kind = kind;
    op->blob->message = message;
    finish(&op->base);
}

/* What an error of the files means to whoever sent the request. */
static void refuse(struct blob_op *op, enum err err) {
    switch (err) {
    case ERR_INVALID:
        end(op, BLOB_REFUSED, "size, index and the body's length do not fit together");
        break;
    case ERR_NOT_FOUND:
        end(op, op->blob->action == BLOB_COMMIT ? BLOB_UNSOUND : BLOB_NOT_HERE,
            op->blob->action == BLOB_COMMIT ? "parts are missing: send it anew"
                                            : "this node does not hold it");
        break;
    case ERR_FORGED:
        end(op, op->blob->action == BLOB_COMMIT ? BLOB_UNSOUND : BLOB_NOT_HERE,
            "the bytes have another hash");
        break;
    case ERR_NO_SPACE:
        end(op, BLOB_UNPLACED, "no room is left on the node's device");
        break;
    default:
        svc_fail(&op->base, err);
    }
}

/* --- parts --- */

static void part(struct blob_op *op) {
    struct svc *svc = op->base.svc;
    enum err err = blob_part_put(svc->shared->blobs, svc->sealer, &op->blob->id,
                                 op->blob->size, op->blob->index, op->blob->chunk);

    if (err)
        refuse(op, err);
    else
        end(op, BLOB_DONE, "");
}

/* --- commit --- */

static void commit_work(struct svc_state *state) {
    struct blob_op *op = (struct blob_op *)state;
    struct svc_shared *shared = state->svc->shared;
    struct sealer *sealer; /* the svc's own belongs to its thread */
    enum err err = sealer_new(shared->keyring, &shared->random, &sealer);

    if (!err) {
        err = blob_commit(shared->blobs, sealer, &op->blob->id, op->blob->size);
        sealer_free(sealer);
    }
    op->committed = err;
}

/* Two nodes hold it, or there is no second one. */
static bool copied(struct blob_op *op) {
    struct svc *svc = op->base.svc;
    struct repl_status status;
    struct blob_row row = {.size = 0};

    repl_status(svc->shared->repl, &status);
    if (status.nodes_count < 2)
        return true; /* marked as short; repaired when a second node comes */
    if (svc_read_begin(svc) != OK)
        return false;
    if (store_blob_get(svc->read, &op->blob->id, &row) != OK)
        row.holders_count = 0;
    svc_read_end(svc);
    return row.holders_count >= BLOB_COPIES;
}

/* The other node fetches it. A probe that goes round is the pause between two looks. */
static void known(struct svc_state *state);

static void known_again(struct svc_state *state) {
    struct blob_op *op = (struct blob_op *)state;
    const struct port_clock *clock = &state->svc->shared->clock;

    if (state->wait.err) { /* no probe, no pause: the sender's own is the next one */
        svc_fail(state, state->wait.err);
        return;
    }
    if (op->until_ms == 0)
        op->until_ms = clock->mono_ms(clock->impl) + COPY_WAIT_MS;
    if (clock->mono_ms(clock->impl) >= op->until_ms)
        svc_fail(state, ERR_TIMEOUT); /* it is here, and will be repaired: asked again */
    else
        known(state);
}

static void known(struct svc_state *state) {
    struct blob_op *op = (struct blob_op *)state;
    struct buf *out = &state->svc->scratch;
    char text[65];
    enum err err;

    switch (state->request.outcome.code) {
    case OUT_OK:
        if (!copied(op)) {
            svc_settle(state, known_again);
            return;
        }
        hex_encode(span_of(op->blob->id.b, sizeof op->blob->id.b), text);
        buf_reset(out);
        buf_str(out, "{");
        buf_json_member(out, "sha256", span_str(text));
        buf_str(out, "}");
        err = svc_take(&op->blob->op.arena, out, &op->blob->body);
        if (err)
            svc_fail(state, err);
        else
            end(op, BLOB_DONE, "");
        return;
    case OUT_EXISTS:
        end(op, BLOB_REFUSED, "a blob of this hash has another size");
        return;
    default:
        svc_fail(state, ERR_CORRUPT);
    }
}

static void committed(struct svc_state *state) {
    struct blob_op *op = (struct blob_op *)state;
    struct command command = {
        .type = CMD_BLOB_ADD,
        .blob_add = {.id = op->blob->id,
                     .kind = op->blob->blob_kind,
                     .size = op->blob->size,
                     .nodes_count = 1,
                     .nodes = {state->svc->shared->config->node_id}},
    };

    if (op->committed)
        refuse(op, op->committed);
    else
        svc_submit(state, &command, known);
}

/* --- reading --- */

static enum err size_of(struct svc *svc, const struct blob_id *id, uint64_t *ret_size) {
    struct blob_row row;
    enum err err = svc_read_begin(svc);

    if (err)
        return err;
    err = store_blob_get(svc->read, id, &row);
    svc_read_end(svc);
    if (!err)
        *ret_size = row.size;
    return err;
}

static void chunk(struct blob_op *op) {
    struct svc *svc = op->base.svc;
    struct buf out;
    uint64_t size = 0;
    enum err err = size_of(svc, &op->blob->id, &size);

    buf_init(&out, BLOB_CHUNK_MAX);
    if (!err)
        err = blob_chunk_get(svc->shared->blobs, svc->sealer, &op->blob->id, size,
                             op->blob->index, &out);
    if (!err)
        err = svc_take(&op->blob->op.arena, &out, &op->blob->body);
    buf_free(&out);
    if (err)
        refuse(op, err);
    else
        end(op, BLOB_DONE, "");
}

static void ask_known(struct blob_op *op) {
    struct svc *svc = op->base.svc;
    struct blob_row row = {.size = 0};
    enum err err = svc_read_begin(svc);

    if (!err) {
        err = store_blob_get(svc->read, &op->blob->id, &row);
        svc_read_end(svc);
    }
    if (err && err != ERR_NOT_FOUND)
        svc_fail(&op->base, err);
    else if (!err && row.size == op->blob->size &&
             store_blob_held_by(&row, svc->shared->config->node_id) &&
             blob_has(svc->shared->blobs, &op->blob->id))
        end(op, BLOB_DONE, "");
    else
        end(op, BLOB_NOT_HERE, "this node does not hold it");
}

void svc_blob(struct svc *svc, struct svc_blob *blob) {
    struct blob_op *op = svc_op_begin(svc, &blob->op, sizeof *op, finish);

    blob->kind = BLOB_DONE;
    blob->message = "";
    blob->body = span_of(NULL, 0);
    if (!op) {
        blob->done(blob);
        return;
    }
    op->blob = blob;
    switch (blob->action) {
    case BLOB_PART:
        part(op);
        return;
    case BLOB_COMMIT:
        svc_pool(&op->base, commit_work, committed);
        return;
    case BLOB_CHUNK:
        chunk(op);
        return;
    case BLOB_KNOWN:
        ask_known(op);
        return;
    }
    CHECK(false);
}

/* --- the query --- */

/* Decimal digits alone, below 10^10. */
static bool number_of(struct span text, uint64_t *ret_number) {
    uint64_t number = 0;

    if (text.len == 0 || text.len > 10)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
        number = number * 10 + (uint64_t)(text.data[i] - '0');
    }
    *ret_number = number;
    return true;
}

bool svc_blob_read(const struct params *params, struct svc_blob *blob,
                   const char **ret_message) {
    static const char *const names[] = {"sha256", "size", "index", "kind", NULL};
    struct span kind = params_get(params, "kind", NULL);
    uint64_t number = 0;

    *ret_message = "sha256: 64 hex digits are expected, once";
    if (params_duplicate(params, names) != NULL ||
        hex_decode(params_get(params, "sha256", NULL), blob->id.b,
                   sizeof blob->id.b) != OK)
        return false;
    *ret_message = "index: a number is expected";
    if (blob->action != BLOB_COMMIT) {
        if (!number_of(params_get(params, "index", NULL), &number) ||
            number > UINT32_MAX)
            return false;
        blob->index = (uint32_t)number;
    }
    *ret_message = "size: 1 to 67108864 bytes are expected";
    if (blob->action != BLOB_CHUNK &&
        (!number_of(params_get(params, "size", NULL), &blob->size) || blob->size == 0 ||
         blob->size > LIMIT_BLOB))
        return false;
    *ret_message = "kind: scan, evidence or crop is expected";
    blob->blob_kind = span_is(kind, "evidence") ? BLOB_EVIDENCE
                      : span_is(kind, "crop")   ? BLOB_CROP
                                                : BLOB_SCAN;
    return kind.len == 0 || span_is(kind, "scan") || blob->blob_kind != BLOB_SCAN;
}
