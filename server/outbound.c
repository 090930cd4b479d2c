#include "server/outbound.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "raft/command.h"
#include "server/outbound_internal.h"
#include "server/svc_metrics.h"
#include "store/base/check.h"
#include "store/base/codec.h"
#include "store/base/log.h"
#include "store/base/mailbox.h"

#define LOOK_EVERY_MS 100
#define COMMAND_WAIT_MS 2000
/* How long a delivery is told of, to a cluster that does not take commands: its lease
 * has run out by then, but nobody sends it again who has learned of it. */
#define SETTLE_TRY_MS 60000
#define SETTLE_AGAIN_MS 500
#define LOG_EVERY_MS 1000
#define ARENA_MAX (1u * 1024 * 1024)

/* O1 */
enum slot_state { SLOT_FREE, SLOT_CLAIMING, SLOT_SENDING, SLOT_ENDED, SLOT_SETTLING };

struct slot {
    enum slot_state state;
    struct id128 id;
    char client_id[LIMIT_CLIENT_ID + 1];
    uint32_t attempt;
    enum outbox_reason reason; /* from SLOT_ENDED on */
    uint64_t ended_mono_ms;
};

/* One command that is under way; its slots are in the state that goes with it. */
struct errand {
    struct repl_request request;
    struct buf payload;
    bool open;
    struct outbound *outbound;
};

struct outbound {
    struct port_loop loop; /* first: repl posts completions to it */
    struct mailbox mailbox;
    /* Held by whoever posts: the thread may have done the task, and ended, before the
     * wake that goes with it. */
    pthread_mutex_t posting;
    struct svc_shared *shared;
    struct outbound_maker maker;
    struct outbound_calls *calls;
    struct outbound_fair fair;
    struct slot slots[OUTBOUND_SLOTS];
    struct errand claim, settle;
    uint64_t looked_mono_ms,
        settled_mono_ms; /* the last look; the last failed settle */
    uint64_t logged_mono_ms, unlogged;
    pthread_t thread;
    atomic_bool stopping;
};

static uint64_t mono_ms(const struct outbound *out) {
    return out->shared->clock.mono_ms(out->shared->clock.impl);
}

static void post(struct port_loop *loop, struct port_task *task) {
    struct outbound *out = (struct outbound *)loop;

    pthread_mutex_lock(&out->posting);
    out->mailbox.loop.post(&out->mailbox.loop, task);
    outbound_calls_wake(out->calls);
    pthread_mutex_unlock(&out->posting);
}

/* ---- commands */

static enum err errand_send(struct outbound *out, struct errand *errand,
                            const struct command *command,
                            void (*done)(struct repl_request *request)) {
    enum err err;

    CHECK(!errand->open);
    buf_reset(&errand->payload);
    err = command_encode(command, &errand->payload);
    if (err)
        return err;
    errand->request = (struct repl_request){
        .type = command->type,
        .payload = buf_span(&errand->payload),
        .deadline_mono_ms = mono_ms(out) + COMMAND_WAIT_MS,
        .loop = &out->loop,
        .done = done,
    };
    err = repl_submit(out->shared->repl, &errand->request);
    errand->open = err == OK;
    return err;
}

static struct outbound *errand_done(struct repl_request *request) {
    struct errand *errand = (struct errand *)(void *)request; /* the first member */

    errand->open = false;
    return errand->outbound;
}

/* ---- results */

/* A receiver that is down would fill the log. */
static void log_failure(struct outbound *out, const struct slot *slot, int status) {
    uint64_t now = mono_ms(out);
    char id[33];

    if (out->logged_mono_ms != 0 && now - out->logged_mono_ms < LOG_EVERY_MS) {
        out->unlogged++;
        return;
    }
    hex_encode(span_of(slot->id.b, sizeof slot->id.b), id);
    log_event(LOG_WARN, "outbound.failed", log_str("client", slot->client_id),
              log_str("message", id), log_u64("attempt", slot->attempt),
              log_str("why", store_outbox_reason(slot->reason)),
              log_u64("status", (uint64_t)status), log_u64("more", out->unlogged),
              log_end());
    out->logged_mono_ms = now;
    out->unlogged = 0;
}

static void slot_end(struct outbound *out, struct slot *slot,
                     enum outbox_reason reason) {
    slot->state = SLOT_ENDED;
    slot->reason = reason;
    slot->ended_mono_ms = mono_ms(out);
}

/* Back-Channel Logout §2.8: 200 and 204 are a success; 400 says that the receiver could
 * not, which sending it again does not change. */
static void call_ended(void *arg, size_t tag, const struct outbound_result *result) {
    static const enum outbox_reason reasons[] = {
        [OUTBOUND_ANSWERED] = OUTBOX_STATUS,
        [OUTBOUND_END_UNREACHABLE] = OUTBOX_UNREACHABLE,
        [OUTBOUND_END_TIMEOUT] = OUTBOX_TIMEOUT,
        [OUTBOUND_END_TLS] = OUTBOX_TLS,
        [OUTBOUND_END_ADDRESS] = OUTBOX_ADDRESS,
        [OUTBOUND_END_BROKEN] = OUTBOX_UNREACHABLE,
    };
    struct outbound *out = arg;
    struct slot *slot = &out->slots[tag];
    struct svc_counters *counters = out->shared->counters;
    bool answered = result->end == OUTBOUND_ANSWERED;
    bool taken = answered && (result->status == 200 || result->status == 204);
    bool refused = answered && result->status == 400;

    CHECK(slot->state == SLOT_SENDING);
    slot_end(out, slot, taken || refused ? OUTBOX_NO_REASON : reasons[result->end]);
    outbound_fair_note(&out->fair, slot->client_id, !taken && !refused);
    svc_count(counters, taken     ? COUNT_OUTBOUND_DELIVERED
                        : refused ? COUNT_OUTBOUND_REFUSED
                                  : COUNT_OUTBOUND_FAILED);
    if (refused)
        log_event(LOG_WARN, "outbound.refused", log_str("client", slot->client_id),
                  log_end());
    else if (!taken)
        log_failure(out, slot, result->status);
}

/* ---- settling */

static void settled(struct repl_request *request) {
    struct outbound *out = errand_done(request);
    bool good = !request->err && request->outcome.code == OUT_OK;

    for (size_t i = 0; i < OUTBOUND_SLOTS; i++) {
        if (out->slots[i].state == SLOT_SETTLING)
            out->slots[i].state = good ? SLOT_FREE : SLOT_ENDED;
    }
    if (good)
        out->looked_mono_ms = 0; /* there are free slots */
    else
        out->settled_mono_ms = mono_ms(out);
    repl_request_close(request);
}

static void settle(struct outbound *out) {
    struct command command = {.type = CMD_OUTBOX_SETTLE};
    struct cmd_outbox_settle *cmd = &command.outbox_settle;
    uint64_t now = mono_ms(out);

    if (out->settle.open ||
        (out->settled_mono_ms != 0 && now - out->settled_mono_ms < SETTLE_AGAIN_MS))
        return;
    for (size_t i = 0; i < OUTBOUND_SLOTS && cmd->count < LIMIT_OUTBOX_BATCH; i++) {
        struct slot *slot = &out->slots[i];

        if (slot->state != SLOT_ENDED)
            continue;
        if (now - slot->ended_mono_ms > SETTLE_TRY_MS) {
            slot->state = SLOT_FREE;
            continue;
        }
        cmd->messages[cmd->count++] =
            (struct outbox_settled){slot->id, slot->attempt, slot->reason};
        slot->state = SLOT_SETTLING;
    }
    if (cmd->count == 0)
        return;
    out->settled_mono_ms = 0;
    if (errand_send(out, &out->settle, &command, settled)) {
        for (size_t i = 0; i < OUTBOUND_SLOTS; i++) {
            if (out->slots[i].state == SLOT_SETTLING)
                out->slots[i].state = SLOT_ENDED;
        }
        out->settled_mono_ms = now;
    }
}

/* ---- sending */

static void send_one(struct outbound *out, size_t tag) {
    struct slot *slot = &out->slots[tag];
    const char *url = NULL;
    struct arena arena;
    struct buf form;
    enum err err;

    arena_init(&arena, ARENA_MAX);
    buf_init(&form, 2 * LIMIT_JWT);
    err = outbound_make(&out->maker, slot->id, &arena, &url, &form);
    if (!err)
        err = outbound_calls_post(out->calls, tag, url, buf_span(&form));
    if (!err) {
        slot->state = SLOT_SENDING;
    } else if (err == ERR_NOT_FOUND) {
        svc_count(out->shared->counters, COUNT_OUTBOUND_NEEDLESS);
        slot_end(out, slot, OUTBOX_NO_REASON);
    } else {
        svc_count(out->shared->counters, COUNT_OUTBOUND_FAILED);
        slot_end(out, slot, OUTBOX_UNMADE);
        log_failure(out, slot, 0);
    }
    buf_free(&form);
    arena_close(&arena);
}

/* What was leased is sent, the rest was somebody else's. */
static void claimed(struct repl_request *request) {
    struct outbound *out = errand_done(request);
    struct outcome_claim claim = {0};

    if (!request->err && request->outcome.code == OUT_OK)
        CHECK(outcome_claim_decode(request->outcome.detail, &claim) == OK);
    for (size_t i = 0; i < OUTBOUND_SLOTS; i++) {
        struct slot *slot = &out->slots[i];

        if (slot->state != SLOT_CLAIMING)
            continue;
        slot->state = SLOT_FREE;
        for (size_t j = 0; j < claim.count; j++) {
            if (memcmp(&claim.messages[j].id, &slot->id, sizeof slot->id) != 0)
                continue;
            slot->attempt = claim.messages[j].attempt;
            send_one(out, i);
            break;
        }
    }
    repl_request_close(request);
}

/* ---- choosing */

struct choice {
    struct outbound *out;
    struct cmd_outbox_claim *cmd;
    size_t round; /* slots a client may have so far: everybody's first, then more */
    bool any;     /* is due */
};

static size_t slots_of(const struct outbound *out, const char *client_id) {
    size_t count = 0;

    for (size_t i = 0; i < OUTBOUND_SLOTS; i++)
        count += out->slots[i].state != SLOT_FREE &&
                 strcmp(out->slots[i].client_id, client_id) == 0;
    return count;
}

static bool is_held(const struct outbound *out, struct id128 id) {
    for (size_t i = 0; i < OUTBOUND_SLOTS; i++)
        if (out->slots[i].state != SLOT_FREE &&
            memcmp(&out->slots[i].id, &id, sizeof id) == 0)
            return true;
    return false;
}

static struct slot *free_slot(struct outbound *out) {
    for (size_t i = 0; i < OUTBOUND_SLOTS; i++)
        if (out->slots[i].state == SLOT_FREE)
            return &out->slots[i];
    return NULL;
}

static enum outbox_walk choose(void *arg, struct span client_id, struct id128 id) {
    struct choice *choice = arg;
    struct outbound *out = choice->out;
    struct slot *slot = free_slot(out);
    char name[LIMIT_CLIENT_ID + 1] = "";
    size_t max;

    choice->any = true;
    if (client_id.data[0] == '@')
        return OUTBOX_NEXT_CLIENT; /* people's: nothing sends them yet */
    if (!slot || choice->cmd->count == LIMIT_OUTBOX_BATCH)
        return OUTBOX_STOP;
    memcpy(name, client_id.data, client_id.len);
    max = outbound_fair_slots(&out->fair, name);
    if (slots_of(out, name) >= (max < choice->round ? max : choice->round))
        return OUTBOX_NEXT_CLIENT;
    if (is_held(out, id))
        return OUTBOX_NEXT;
    *slot = (struct slot){.state = SLOT_CLAIMING, .id = id};
    memcpy(slot->client_id, name, sizeof name);
    choice->cmd->ids[choice->cmd->count++] = id;
    return OUTBOX_NEXT;
}

static enum err walk(struct outbound *out, struct cmd_outbox_claim *cmd) {
    uint64_t now_ms = repl_now_ms(out->shared->repl);
    struct choice choice = {.out = out, .cmd = cmd};
    enum err err;

    err = store_read_begin(out->maker.read);
    if (err)
        return err;
    for (choice.round = 1; choice.round <= OUTBOUND_CLIENT_SLOTS && !err;
         choice.round++) {
        err = store_outbox_walk_due(out->maker.read, now_ms, choose, &choice);
        if (!choice.any)
            break;
    }
    store_read_end(out->maker.read);
    return err;
}

static bool leads(struct outbound *out) {
    struct repl_status status;

    repl_status(out->shared->repl, &status);
    return status.leader_id == status.node_id;
}

static void claim(struct outbound *out) {
    struct command command = {.type = CMD_OUTBOX_CLAIM};
    uint64_t now = mono_ms(out);
    enum err err;

    if (out->claim.open || now - out->looked_mono_ms < LOOK_EVERY_MS)
        return;
    out->looked_mono_ms = now;
    if (!leads(out))
        return;
    command.outbox_claim.node = out->shared->config->node_id;
    err = walk(out, &command.outbox_claim);
    if (!err && command.outbox_claim.count > 0)
        err = errand_send(out, &out->claim, &command, claimed);
    if (err || command.outbox_claim.count == 0) {
        for (size_t i = 0; i < OUTBOUND_SLOTS; i++) {
            if (out->slots[i].state == SLOT_CLAIMING)
                out->slots[i].state = SLOT_FREE;
        }
    }
    /* More may be due than one command claims. */
    if (!err && command.outbox_claim.count == LIMIT_OUTBOX_BATCH)
        out->looked_mono_ms = 0;
}

/* ---- the thread */

static void *run(void *arg) {
    struct outbound *out = arg;

    while (!atomic_load(&out->stopping) || out->claim.open || out->settle.open) {
        outbound_calls_run(out->calls, LOOK_EVERY_MS, call_ended, out);
        mailbox_run(&out->mailbox, 0);
        settle(out);
        if (!atomic_load(&out->stopping))
            claim(out);
    }
    return NULL;
}

static void release(struct outbound *out) {
    outbound_calls_free(out->calls);
    outbound_maker_close(&out->maker);
    buf_free(&out->claim.payload);
    buf_free(&out->settle.payload);
    mailbox_close(&out->mailbox);
    pthread_mutex_destroy(&out->posting);
    free(out);
}

enum err outbound_start(struct svc_shared *shared, struct outbound **ret_outbound) {
    struct outbound *out = calloc(1, sizeof *out);
    struct outbound_calls_config calls = {
        .ca_file = shared->config->outbound_ca,
        .private_allowed = shared->config->outbound_private,
        .max = OUTBOUND_SLOTS,
    };
    enum err err;

    if (!out)
        return ERR_NOMEM;
    out->loop.post = post;
    out->shared = shared;
    out->claim.outbound = out->settle.outbound = out;
    mailbox_init(&out->mailbox);
    pthread_mutex_init(&out->posting, NULL);
    buf_init(&out->claim.payload, LIMIT_COMMAND);
    buf_init(&out->settle.payload, LIMIT_COMMAND);
    err = outbound_maker_open(shared, &out->maker);
    if (!err)
        err = outbound_calls_new(&calls, &out->calls);
    if (!err && pthread_create(&out->thread, NULL, run, out) != 0)
        err = ERR_IO;
    if (err) {
        release(out);
        return err;
    }
    *ret_outbound = out;
    return OK;
}

void outbound_stop(struct outbound *out) {
    if (!out)
        return;
    atomic_store(&out->stopping, true);
    outbound_calls_wake(out->calls);
    pthread_join(out->thread, NULL);
    pthread_mutex_lock(&out->posting); /* the last post is over */
    pthread_mutex_unlock(&out->posting);
    release(out);
}
