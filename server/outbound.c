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
/* People's queues get so many slots a round, clients one. */
#define QUEUE_ROUND 8
/* Messages that are passed over in one look, in search of one that is over. */
#define PASSED_MAX 64
#define ARENA_MAX (1u * 1024 * 1024)
#define LETTER_MAX (256u * 1024)
/* A provider that says no at once leaves time for the other one: with the longest call
 * it is less than a lease. */
#define OTHER_WITHIN_MS 3000

/* O1 */
enum slot_state { SLOT_FREE, SLOT_CLAIMING, SLOT_SENDING, SLOT_ENDED, SLOT_SETTLING };

struct slot {
    enum slot_state state;
    struct id128 id;
    char client_id[LIMIT_CLIENT_ID + 1];
    uint32_t attempt;
    struct provider *provider; /* taken for it; NULL: a client's, or there is none */
    uint64_t claimed_mono_ms;
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
    struct providers providers;
    struct slot slots[OUTBOUND_SLOTS];
    struct errand claim, settle;
    uint64_t looked_mono_ms,
        settled_mono_ms; /* the last look; the last failed settle */
    uint64_t logged_mono_ms, unlogged;
    pthread_t thread;
    atomic_bool stopping;
};

static bool is_persons(const char *client_id) {
    return client_id[0] == '@'; /* store_outbox_queue; no client's id */
}

static enum outbox_kind kind_of(const char *client_id) {
    enum outbox_kind kind = OUTBOX_MAIL;

    CHECK(is_persons(client_id));
    while (kind < OUTBOX_PUSH && !span_is(store_outbox_queue(kind), client_id))
        kind++;
    return kind;
}

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
              log_str("provider",
                      slot->provider ? svc_provider_name(slot->provider->which) : ""),
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

enum outbox_reason outbound_end_reason(enum outbound_end end) {
    static const enum outbox_reason reasons[] = {
        [OUTBOUND_ANSWERED] = OUTBOX_STATUS,
        [OUTBOUND_END_UNREACHABLE] = OUTBOX_UNREACHABLE,
        [OUTBOUND_END_TIMEOUT] = OUTBOX_TIMEOUT,
        [OUTBOUND_END_TLS] = OUTBOX_TLS,
        [OUTBOUND_END_ADDRESS] = OUTBOX_ADDRESS,
        [OUTBOUND_END_BROKEN] = OUTBOX_UNREACHABLE,
    };
    return reasons[end];
}

/* Back-Channel Logout §2.8: 200 and 204 are a success; 400 says that the receiver could
 * not, which sending it again does not change. */
static void client_ended(struct outbound *out, struct slot *slot,
                         const struct outbound_result *result) {
    struct svc_counters *counters = out->shared->counters;
    bool answered = result->end == OUTBOUND_ANSWERED;
    bool taken = answered && (result->status == 200 || result->status == 204);
    bool refused = answered && result->status == 400;

    slot_end(out, slot,
             taken || refused ? OUTBOX_NO_REASON : outbound_end_reason(result->end));
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

/* The provider's part is over: counted, and its place given back. */
static void provider_ended(struct outbound *out, struct slot *slot,
                           enum outbox_reason reason) {
    struct provider *provider = slot->provider;
    struct svc_provider_counters *counters =
        &out->shared->counters->providers[provider->which];
    bool good = reason == OUTBOX_NO_REASON || reason == OUTBOX_REFUSED;
    uint64_t now = mono_ms(out);

    outbound_provider_end(provider, good, now);
    atomic_fetch_add_explicit(reason == OUTBOX_NO_REASON ? &counters->delivered
                              : good                     ? &counters->refused
                                                         : &counters->failed,
                              1, memory_order_relaxed);
}

/* It has not the message, and said so at once: not lost, and not sent twice. */
static bool other_may(const struct outbound *out, const struct slot *slot,
                      const struct outbound_result *result) {
    bool definite = result->end == OUTBOUND_ANSWERED ||
                    result->end == OUTBOUND_END_UNREACHABLE ||
                    result->end == OUTBOUND_END_TLS;

    return definite && mono_ms(out) - slot->claimed_mono_ms < OTHER_WITHIN_MS;
}

static void send_to_person(struct outbound *out, size_t tag);

static void person_ended(struct outbound *out, struct slot *slot,
                         const struct outbound_result *result) {
    struct provider *provider = slot->provider;
    struct provider *other;
    enum outbox_reason reason = outbound_letter_reason(provider->kind, result);
    bool failed = reason != OUTBOX_NO_REASON && reason != OUTBOX_REFUSED;

    provider_ended(out, slot, reason);
    slot_end(out, slot, reason);
    if (reason != OUTBOX_NO_REASON)
        log_failure(out, slot, result->status);
    slot->provider = NULL;
    if (!failed || !other_may(out, slot, result))
        return;
    other = outbound_provider_choose(&out->providers, provider->kind, provider,
                                     mono_ms(out));
    if (!other)
        return;
    outbound_provider_take(other, mono_ms(out));
    slot->provider = other;
    send_to_person(out, (size_t)(slot - out->slots));
}

static void call_ended(void *arg, size_t tag, const struct outbound_result *result) {
    struct outbound *out = arg;
    struct slot *slot = &out->slots[tag];

    CHECK(slot->state == SLOT_SENDING);
    if (is_persons(slot->client_id))
        person_ended(out, slot, result);
    else
        client_ended(out, slot, result);
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

/* Its content, as the slot's provider wants it. */
static enum err send_letter(struct outbound *out, size_t tag) {
    struct slot *slot = &out->slots[tag];
    struct letter letter;
    struct arena arena;
    struct buf body;
    enum err err;

    arena_init(&arena, ARENA_MAX);
    buf_init(&body, LETTER_MAX);
    err = outbound_letter_make(&out->maker, slot->id, &arena, &letter, &body);
    if (!err)
        err = outbound_letter_send(out->calls, tag, out->shared->config, slot->provider,
                                   &letter, buf_span(&body));
    buf_free(&body);
    arena_close(&arena);
    return err;
}

static void send_to_person(struct outbound *out, size_t tag) {
    struct slot *slot = &out->slots[tag];
    enum err err;

    if (!slot->provider) {
        slot_end(out, slot, OUTBOX_NO_PROVIDER);
        log_failure(out, slot, 0);
        return;
    }
    err = send_letter(out, tag);
    if (!err) {
        slot->state = SLOT_SENDING;
        return;
    }
    outbound_provider_cancel(slot->provider);
    slot->provider = NULL;
    slot_end(out, slot, err == ERR_NOT_FOUND ? OUTBOX_NO_REASON : OUTBOX_UNMADE);
    if (err != ERR_NOT_FOUND)
        log_failure(out, slot, 0);
}

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

static void begin(struct outbound *out, size_t tag, uint32_t attempt) {
    struct slot *slot = &out->slots[tag];

    slot->attempt = attempt;
    slot->claimed_mono_ms = mono_ms(out);
    if (!is_persons(slot->client_id)) {
        send_one(out, tag);
        return;
    }
    if (slot->provider)
        slot->provider = outbound_provider_turn(&out->providers, slot->provider, attempt,
                                                slot->claimed_mono_ms);
    send_to_person(out, tag);
}

/* It is not to be sent from here. */
static void slot_drop(struct slot *slot) {
    if (slot->provider)
        outbound_provider_cancel(slot->provider);
    slot->provider = NULL;
    slot->state = SLOT_FREE;
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
        for (size_t j = 0; j < claim.count; j++) {
            if (memcmp(&claim.messages[j].id, &slot->id, sizeof slot->id) != 0)
                continue;
            begin(out, i, claim.messages[j].attempt);
            break;
        }
        if (slot->state == SLOT_CLAIMING)
            slot_drop(slot);
    }
    repl_request_close(request);
}

/* ---- choosing */

struct choice {
    struct outbound *out;
    struct cmd_outbox_claim *cmd;
    size_t round; /* slots a client may have so far: everybody's first, then more */
    bool any;     /* is due */
    size_t passed; /* people's, for which there is no provider now */
};

static size_t slots_of(const struct outbound *out, const char *client_id) {
    size_t count = 0;

    for (size_t i = 0; i < OUTBOUND_SLOTS; i++)
        count += out->slots[i].state != SLOT_FREE &&
                 strcmp(out->slots[i].client_id, client_id) == 0;
    return count;
}

static size_t slots_of_clients(const struct outbound *out) {
    size_t count = 0;

    for (size_t i = 0; i < OUTBOUND_SLOTS; i++)
        count += out->slots[i].state != SLOT_FREE &&
                 !is_persons(out->slots[i].client_id);
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

static void hold(struct choice *choice, const char *name, struct id128 id,
                 struct provider *provider) {
    struct outbound *out = choice->out;
    struct slot *slot = free_slot(out);

    *slot = (struct slot){.state = SLOT_CLAIMING, .id = id, .provider = provider};
    memcpy(slot->client_id, name, strlen(name) + 1);
    if (provider)
        outbound_provider_take(provider, mono_ms(out));
    choice->cmd->ids[choice->cmd->count++] = id;
}

/* What can be sent no more is claimed all the same: it is buried by that (O3). */
static bool is_over(struct outbound *out, struct id128 id) {
    struct outbox_message message;
    struct arena arena;
    bool over;

    arena_init(&arena, ARENA_MAX);
    over = store_outbox_get(out->maker.read, &arena, id, &message) == OK &&
           message.expires_ms != 0 &&
           message.expires_ms <= repl_now_ms(out->shared->repl);
    arena_close(&arena);
    return over;
}

static enum outbox_walk choose_persons(struct choice *choice, const char *name,
                                       struct id128 id) {
    struct outbound *out = choice->out;
    enum outbox_kind kind = kind_of(name);
    struct provider *provider =
        outbound_provider_choose(&out->providers, kind, NULL, mono_ms(out));

    if (slots_of(out, name) >= QUEUE_ROUND * choice->round)
        return OUTBOX_NEXT_CLIENT;
    if (is_held(out, id))
        return OUTBOX_NEXT;
    if (!provider && outbound_provider_there(&out->providers, kind) && !is_over(out, id))
        return ++choice->passed < PASSED_MAX ? OUTBOX_NEXT : OUTBOX_NEXT_CLIENT;
    hold(choice, name, id, provider);
    return OUTBOX_NEXT;
}

static enum outbox_walk choose(void *arg, struct span client_id, struct id128 id) {
    struct choice *choice = arg;
    struct outbound *out = choice->out;
    char name[LIMIT_CLIENT_ID + 1] = "";
    size_t max;

    choice->any = true;
    if (!free_slot(out) || choice->cmd->count == LIMIT_OUTBOX_BATCH)
        return OUTBOX_STOP;
    memcpy(name, client_id.data, client_id.len);
    if (is_persons(name))
        return choose_persons(choice, name, id);
    max = outbound_fair_slots(&out->fair, name);
    if (slots_of(out, name) >= (max < choice->round ? max : choice->round))
        return OUTBOX_NEXT_CLIENT;
    if (is_held(out, id))
        return OUTBOX_NEXT;
    if (slots_of_clients(out) >= OUTBOUND_CLIENTS_SLOTS)
        return OUTBOX_STOP; /* people's queues come before all clients */
    hold(choice, name, id, NULL);
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
                slot_drop(&out->slots[i]);
        }
    }
    /* More may be due than one command claims. */
    if (!err && command.outbox_claim.count == LIMIT_OUTBOX_BATCH)
        out->looked_mono_ms = 0;
}

/* ---- the thread */

static void show_breakers(struct outbound *out) {
    uint64_t now = mono_ms(out);

    for (int i = 0; i < SVC_PROVIDERS; i++)
        atomic_store_explicit(&out->shared->counters->providers[i].state,
                              breaker_state(&out->providers.at[i].breaker, now),
                              memory_order_relaxed);
}

static void *run(void *arg) {
    struct outbound *out = arg;

    while (!atomic_load(&out->stopping) || out->claim.open || out->settle.open) {
        outbound_calls_run(out->calls, LOOK_EVERY_MS, call_ended, out);
        show_breakers(out);
        mailbox_run(&out->mailbox, 0);
        settle(out);
        if (!atomic_load(&out->stopping))
            claim(out);
    }
    return NULL;
}

static void release(struct outbound *out) {
    outbound_calls_free(out->calls);
    outbound_providers_close(&out->providers);
    outbound_maker_close(&out->maker);
    buf_free(&out->claim.payload);
    buf_free(&out->settle.payload);
    mailbox_close(&out->mailbox);
    pthread_mutex_destroy(&out->posting);
    free(out);
}

enum err outbound_start(struct svc_shared *shared, struct outbound **ret_outbound,
                        char why[256]) {
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
    why[0] = '\0';
    err = outbound_maker_open(shared, &out->maker);
    if (!err)
        err = outbound_providers_open(&out->providers, shared->config, why);
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
