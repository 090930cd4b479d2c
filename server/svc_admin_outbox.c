/* svc_admin_outbox: what waits for other systems, what was given up, and trying that
 * again (store/store_outbox.h). */
#include "server/svc_admin_internal.h"
#include "store/base/codec.h"
#include "store/store_outbox.h"

#define LIST_MAX (2u * 1024 * 1024)
/* Shown in one answer: of each state, and of these of each client, so that one that
 * is full does not hide the others. The counts tell of all. */
#define SHOWN 1000
#define SHOWN_CLIENT 50

struct listing {
    struct store_read *read;
    struct arena *arena;
    struct buf *out;
    enum err err;
    bool comma;
    size_t shown, shown_client;
    char client_id[LIMIT_CLIENT_ID + 1]; /* of the message before */
};

static void put_message(const struct outbox_message *message, struct buf *out) {
    static const char *const states[] = {
        [OUTBOX_PENDING] = "pending",
        [OUTBOX_LEASED] = "leased",
        [OUTBOX_DEAD] = "dead",
    };
    static const char *const kinds[] = {
        [OUTBOX_BACKCHANNEL_LOGOUT] = "backchannel_logout",
        [OUTBOX_MAIL] = "mail",
        [OUTBOX_SMS] = "sms",
        [OUTBOX_PUSH] = "push",
    };
    char id[33];

    hex_encode(span_of(message->id.b, sizeof message->id.b), id);
    buf_str(out, "{");
    buf_json_member(out, "id", span_str(id));
    buf_json_member(out, "kind", span_str(kinds[message->kind]));
    buf_json_member(out, "client_id", message->client_id);
    buf_json_member(out, "state", span_str(states[message->state]));
    buf_json_member(out, "reason", span_str(store_outbox_reason(message->reason)));
    buf_json_u64(out, "attempts", message->attempts);
    buf_json_u64(out, "created_ms", message->created_ms);
    buf_json_u64(out, "at_ms", message->at_ms);
    buf_str(out, "}");
}

static enum outbox_walk list_one(void *arg, struct span client_id, struct id128 id) {
    struct listing *listing = arg;
    struct outbox_message message;

    if (!span_is(client_id, listing->client_id)) {
        memcpy(listing->client_id, client_id.data, client_id.len);
        listing->client_id[client_id.len] = '\0';
        listing->shown_client = 0;
    }
    if (listing->shown == SHOWN)
        return OUTBOX_STOP;
    if (listing->shown_client == SHOWN_CLIENT)
        return OUTBOX_NEXT_CLIENT;
    listing->err = store_outbox_get(listing->read, listing->arena, id, &message);
    if (listing->err)
        return OUTBOX_STOP;
    buf_str(listing->out, listing->comma ? "," : "");
    put_message(&message, listing->out);
    listing->comma = true;
    listing->shown++;
    listing->shown_client++;
    return OUTBOX_NEXT;
}

static void put_counts(const struct outbox_counts *counts, struct buf *out) {
    buf_json_u64(out, "waiting", counts->waiting);
    buf_json_u64(out, "dead", counts->dead);
    buf_json_u64(out, "dropped", counts->dropped);
}

static bool count_one(void *arg, struct span client_id,
                      const struct outbox_counts *counts) {
    struct listing *listing = arg;
    struct buf *out = listing->out;

    buf_str(out, listing->comma ? ",{" : "{");
    buf_json_member(out, "client_id", client_id);
    put_counts(counts, out);
    buf_str(out, "}");
    listing->comma = true;
    return buf_err(out) == OK;
}

enum err svc_admin_put_outbox(struct svc *svc, struct buf *out) {
    struct outbox_counts counts;
    enum err err = store_outbox_counts(svc->read, span_of(NULL, 0), &counts);

    if (err)
        return err;
    buf_str(out, ",\"outbox\":{");
    put_counts(&counts, out);
    buf_str(out, "}");
    return OK;
}

static enum err put_list(struct svc *svc, struct listing *listing) {
    struct outbox_counts counts;
    enum err err;

    listing->read = svc->read;
    err = store_outbox_counts(svc->read, span_of(NULL, 0), &counts);
    if (err)
        return err;
    buf_str(listing->out, "{");
    put_counts(&counts, listing->out);
    buf_str(listing->out, ",\"clients\":[");
    err = store_outbox_walk_counts(svc->read, count_one, listing);
    buf_str(listing->out, "],\"messages\":[");
    listing->comma = false;
    if (!err)
        err = store_outbox_walk_dead(svc->read, list_one, listing);
    listing->shown = 0;
    listing->client_id[0] = '\0';
    if (!err && !listing->err)
        err = store_outbox_walk_due(svc->read, UINT64_MAX, list_one, listing);
    buf_str(listing->out, "]}");
    return err ? err : listing->err;
}

void svc_admin_outbox_list(struct admin_op *op) {
    struct svc *svc = op->base.svc;
    struct buf out;
    struct listing listing = {.arena = &op->admin->op.arena, .out = &out};
    enum err err;

    buf_init(&out, LIST_MAX);
    err = svc_read_begin(svc);
    if (!err) {
        err = put_list(svc, &listing);
        svc_read_end(svc);
    }
    if (err)
        svc_fail(&op->base, err);
    else
        svc_admin_answer(op, &out);
    buf_free(&out);
}

/* ---- retry */

static void retried(struct svc_state *state) {
    struct admin_op *op = (struct admin_op *)state;
    struct buf *out = &state->svc->scratch;

    switch (state->request.outcome.code) {
    case OUT_OK:
        buf_reset(out);
        buf_str(out, "{");
        buf_json_member(out, "id", svc_json_text(&op->json, "id", true, 32, 32));
        buf_str(out, "}");
        svc_admin_answer(op, out);
        return;
    case OUT_NOT_FOUND:
        svc_admin_refuse(op, ADMIN_NOT_FOUND,
                         "id: there is no such message; delivered ones are gone");
        return;
    case OUT_EXPIRED:
        svc_admin_refuse(op, ADMIN_CONFLICT,
                         "id: what it says is true no more; it cannot be sent again");
        return;
    case OUT_FULL:
        svc_admin_refuse(op, ADMIN_CONFLICT,
                         "id: too many messages wait for this client, or for all");
        return;
    default:
        svc_fail(state, ERR_CORRUPT);
    }
}

void svc_admin_outbox_retry(struct admin_op *op) {
    static const char *const members[] = {"id", NULL};
    struct command command = {.type = CMD_OUTBOX_RETRY};
    struct svc_json *json = &op->json;
    struct span text;

    svc_json_parse(json, op->admin->body_in, members);
    text = svc_json_text(json, "id", true, 1, 64);
    if (!json->failed && hex_decode(text, command.outbox_retry.id.b,
                                    sizeof command.outbox_retry.id.b) != OK)
        svc_json_fail(json, "id: 32 hex digits of a message's id are expected");
    if (json->failed)
        svc_admin_invalid(op);
    else
        svc_submit(&op->base, &command, retried);
}
