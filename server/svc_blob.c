/* svc_blob: uploads, and reading back. */
#include "server/svc_blob.h"

#include "server/blob.h"
#include "server/oidc/params.h"
#include "server/svc_internal.h"
#include "store/base/check.h"
#include "store/base/codec.h"
#include "store/store_blob_node.h"

/* A second copy takes a turn of server/main_blobs; then the sender asks again. For one in
 * another region the wait is a little shorter: it may be out of reach. */
#define COPY_WAIT_MS 5000
#define REGION_WAIT_MS 4000

struct blob_op {
    struct svc_state base; /* first */
    struct svc_blob *blob;
    enum err done; /* of the work on the disk */
    uint64_t size; /* BLOB_CHUNK: of the blob */
    struct buf out; /* BLOB_CHUNK */
};

static void finish(struct svc_state *state) {
    struct blob_op *op = (struct blob_op *)state;

    buf_free(&op->out);
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

enum err svc_blob_sealer(struct svc_shared *shared, struct sealer **ret_sealer) {
    return sealer_new(shared->keyring, &shared->random, ret_sealer);
}

/* --- parts --- */

static void part_work(struct svc_state *state) {
    struct blob_op *op = (struct blob_op *)state;
    const struct svc_blob *blob = op->blob;
    struct svc_shared *shared = state->svc->shared;
    struct sealer *sealer;

    op->done = svc_blob_sealer(shared, &sealer);
    if (op->done)
        return;
    op->done = blob_part_put(shared->blobs, sealer, &blob->id, blob->size, blob->writer,
                             blob->index, blob->chunk);
    sealer_free(sealer);
}

static void worked(struct svc_state *state) {
    struct blob_op *op = (struct blob_op *)state;

    if (op->done)
        refuse(op, op->done);
    else
        end(op, BLOB_DONE, "");
}

/* --- two copies --- */

/* Enough of them, `waited_ms` after there was one. */
static bool copied(struct svc_state *state, uint64_t waited_ms) {
    struct svc *svc = state->svc;
    struct blob_row row = {.size = 0};
    struct blob_places places;
    struct repl_status status;
    size_t copies, regions;
    bool is_short = true;
    enum err err;

    repl_status(svc->shared->repl, &status);
    if (status.nodes_count < 2)
        return true; /* marked as short; repaired when a second node comes */
    if (svc_read_begin(svc) != OK)
        return false;
    err = store_blob_get(svc->read, &state->copies.blob, &row);
    if (!err)
        err = store_blob_places(svc->read, &places);
    svc_read_end(svc);
    if (err)
        return false;
    is_short = store_blob_is_short(&places, &row);
    copies = store_blob_copies(&places, &row, &regions);
    return !is_short || (copies >= BLOB_COPIES && waited_ms >= REGION_WAIT_MS);
}

/* The other node fetches it. A probe that goes round is the pause between two looks. */
static void look_again(struct svc_state *state) {
    const struct port_clock *clock = &state->svc->shared->clock;
    uint64_t now_ms = clock->mono_ms(clock->impl), waited_ms;

    if (state->copies.begun_ms == 0)
        state->copies.begun_ms = now_ms;
    waited_ms = now_ms - state->copies.begun_ms;
    if (state->wait.err) { /* no probe, no pause: the sender's own is the next one */
        state->copies.next(state);
    } else if (copied(state, waited_ms)) {
        state->copies.next(state);
    } else if (waited_ms >= COPY_WAIT_MS) {
        state->wait.err = ERR_TIMEOUT;
        state->copies.next(state);
    } else {
        svc_settle(state, look_again);
    }
}

void svc_blob_await(struct svc_state *state, const struct blob_id *blob,
                    void (*next)(struct svc_state *state)) {
    state->copies = (struct svc_copies){.blob = *blob, .next = next};
    state->wait.err = OK;
    if (copied(state, 0))
        next(state);
    else
        svc_settle(state, look_again);
}

/* --- commit --- */

static void commit_work(struct svc_state *state) {
    struct blob_op *op = (struct blob_op *)state;
    const struct svc_blob *blob = op->blob;
    struct svc_shared *shared = state->svc->shared;
    struct sealer *sealer;

    op->done = svc_blob_sealer(shared, &sealer);
    if (op->done)
        return;
    op->done =
        blob_commit(shared->blobs, sealer, &blob->id, blob->size, blob->writer);
    sealer_free(sealer);
}

static void two_copies(struct svc_state *state) {
    struct blob_op *op = (struct blob_op *)state;
    struct buf *out = &state->svc->scratch;
    char text[65];
    enum err err;

    if (state->wait.err) { /* it is here, and will be repaired: asked again */
        svc_fail(state, state->wait.err);
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
}

static void known(struct svc_state *state) {
    struct blob_op *op = (struct blob_op *)state;

    switch (state->request.outcome.code) {
    case OUT_OK:
        svc_blob_await(state, &op->blob->id, two_copies);
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

    if (op->done)
        refuse(op, op->done);
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

static void chunk_work(struct svc_state *state) {
    struct blob_op *op = (struct blob_op *)state;
    struct svc_shared *shared = state->svc->shared;
    struct sealer *sealer;

    op->done = svc_blob_sealer(shared, &sealer);
    if (op->done)
        return;
    op->done = blob_chunk_get(shared->blobs, sealer, &op->blob->id, op->size,
                              op->blob->index, &op->out);
    sealer_free(sealer);
}

static void chunk_read(struct svc_state *state) {
    struct blob_op *op = (struct blob_op *)state;
    enum err err = op->done;

    if (!err)
        err = svc_take(&op->blob->op.arena, &op->out, &op->blob->body);
    if (err)
        refuse(op, err);
    else
        end(op, BLOB_DONE, "");
}

static void chunk(struct blob_op *op) {
    enum err err = size_of(op->base.svc, &op->blob->id, &op->size);

    if (err)
        refuse(op, err);
    else
        svc_disk(&op->base, chunk_work, chunk_read);
}

static void known_work(struct svc_state *state) {
    struct blob_op *op = (struct blob_op *)state;

    op->done = blob_has(state->svc->shared->blobs, &op->blob->id) ? OK : ERR_NOT_FOUND;
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
             store_blob_held_by(&row, svc->shared->config->node_id))
        svc_disk(&op->base, known_work, worked);
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
    buf_init(&op->out, BLOB_CHUNK_MAX);
    switch (blob->action) {
    case BLOB_PART:
        svc_disk(&op->base, part_work, worked);
        return;
    case BLOB_COMMIT:
        svc_disk(&op->base, commit_work, committed);
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

/* Hex digits; none: 0. */
static bool writer_of(struct span text, uint64_t *ret_writer) {
    uint8_t bytes[8] = {0};
    char padded[17];

    if (text.len > 16)
        return false;
    memset(padded, '0', 16);
    padded[16] = '\0';
    if (text.len > 0)
        memcpy(padded + 16 - text.len, text.data, text.len);
    if (hex_decode(span_str(padded), bytes, sizeof bytes) != OK)
        return false;
    *ret_writer = 0;
    for (size_t i = 0; i < sizeof bytes; i++)
        *ret_writer = *ret_writer << 8 | bytes[i];
    return true;
}

bool svc_blob_read(const struct params *params, struct svc_blob *blob,
                   const char **ret_message) {
    static const char *const names[] = {"sha256", "size", "index", "kind",
                                        "writer", NULL};
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
    *ret_message = "writer: at most 16 hex digits are expected, once";
    if (!writer_of(params_get(params, "writer", NULL), &blob->writer))
        return false;
    *ret_message = "kind: scan, evidence or crop is expected";
    blob->blob_kind = span_is(kind, "evidence") ? BLOB_EVIDENCE
                      : span_is(kind, "crop")   ? BLOB_CROP
                                                : BLOB_SCAN;
    return kind.len == 0 || span_is(kind, "scan") || blob->blob_kind != BLOB_SCAN;
}
