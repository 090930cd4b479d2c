/* svc_step: the asynchronous steps of an operation (svc_internal.h). */
#include <stddef.h>

#include "server/svc_internal.h"
#include "server/svc_origin.h"
#include "store/base/check.h"

#define STATE_OF(member, pointer)                                                      \
    ((struct svc_state *)(void *)((char *)(pointer)-offsetof(struct svc_state, member)))

static uint64_t deadline_in(const struct svc_state *state, uint64_t ms) {
    const struct port_clock *clock = &state->svc->shared->clock;

    return clock->mono_ms(clock->impl) + ms;
}

bool svc_fresh(struct svc_state *state) {
    enum err err = repl_fresh(state->svc->shared->repl);

    if (!err)
        return true;
    svc_fail(state, err);
    return false;
}

bool svc_within_limit(struct svc *svc, struct span address) {
    struct rate_limit *limit = svc->shared->login_limit;
    char network[SVC_NETWORK_MAX];

    return !limit || rate_limit_take(limit, svc_network_of(address, network));
}

void svc_asked(struct svc_state *state) {
    switch (state->request.outcome.code) {
    case OUT_OK:
    case OUT_LIMITED:
    case OUT_FULL:
        state->finish(state);
        return;
    default:
        svc_fail(state, ERR_CORRUPT);
    }
}

static void wait_done(struct repl_wait *wait) {
    struct svc_state *state = STATE_OF(wait, wait);

    if (wait->err)
        svc_fail(state, wait->err);
    else
        state->next(state);
}

void svc_wait_index(struct svc_state *state, uint64_t index,
                    void (*next)(struct svc_state *state)) {
    struct repl *repl = state->svc->shared->repl;
    enum err err;

    CHECK(!state->svc->reading);
    if (repl_applied(repl, index)) {
        next(state);
        return;
    }
    state->next = next;
    state->wait = (struct repl_wait){
        .index = index,
        .deadline_mono_ms = deadline_in(state, SVC_INDEX_WAIT_MS),
        .loop = state->svc->loop,
        .done = wait_done,
    };
    err = repl_wait_index(repl, &state->wait);
    if (err)
        svc_fail(state, err);
}

/* However it went. */
static void wait_over(struct repl_wait *wait) {
    struct svc_state *state = STATE_OF(wait, wait);

    state->next(state);
}

void svc_transfer(struct svc_state *state, uint64_t to,
                  void (*next)(struct svc_state *state)) {
    enum err err;

    state->next = next;
    state->wait = (struct repl_wait){
        .deadline_mono_ms = deadline_in(state, SVC_TRANSFER_WAIT_MS),
        .loop = state->svc->loop,
        .done = wait_over,
    };
    err = repl_transfer(state->svc->shared->repl, to, &state->wait);
    if (err) { /* `done` will not run: the struct is ours again */
        state->wait.err = err;
        next(state);
    }
}

void svc_settle(struct svc_state *state, void (*next)(struct svc_state *state)) {
    enum err err;

    state->next = next;
    state->wait = (struct repl_wait){
        .deadline_mono_ms = deadline_in(state, SVC_INDEX_WAIT_MS),
        .loop = state->svc->loop,
        .done = wait_over,
    };
    err = repl_read(state->svc->shared->repl, &state->wait);
    if (err) { /* `done` will not run: the struct is ours again */
        state->wait.err = err;
        next(state);
    }
}

static void submit_done(struct repl_request *request) {
    struct svc_state *state = STATE_OF(request, request);

    state->request_open = true;
    if (request->err) {
        svc_fail(state, request->err);
        return;
    }
    switch (request->outcome.code) {
    case OUT_UNKNOWN_BOOT: /* repl's own affair: the command was not applied */
    case OUT_OLD_SEQUENCE:
        svc_fail(state, ERR_NO_LEADER);
        return;
    case OUT_NOT_SUPPORTED:
        svc_fail(state, ERR_VERSION);
        return;
    default:
        state->next(state);
    }
}

/* Codes are issued by the thousand, and recorded when somebody consents alone. */
static bool wants_actor(const struct command *command) {
    return command->actor.kind == AUDIT_SYSTEM && command_takes_actor(command->type) &&
           (command->type != CMD_GRANT_ISSUE ||
            command->grant_issue.consent_scopes != 0);
}

/* The command's bytes, and who sends it. */
static enum err encode(struct svc_state *state, const struct command *command) {
    struct command signed_off;
    enum err err;

    buf_reset(&state->payload);
    if (!wants_actor(command))
        return command_encode(command, &state->payload);
    signed_off = *command;
    err = svc_origin_actor(state, &signed_off.actor);
    return err ? err : command_encode(&signed_off, &state->payload);
}

void svc_submit(struct svc_state *state, const struct command *command,
                void (*next)(struct svc_state *state)) {
    enum err err;

    CHECK(!state->svc->reading);
    if (state->request_open)
        repl_request_close(&state->request);
    state->request_open = false;
    err = encode(state, command);
    if (err) {
        svc_fail(state, err);
        return;
    }
    state->next = next;
    state->request = (struct repl_request){
        .type = command->type,
        .payload = buf_span(&state->payload),
        .deadline_mono_ms = deadline_in(state, SVC_COMMAND_WAIT_MS),
        .loop = state->svc->loop,
        .done = submit_done,
    };
    err = repl_submit(state->svc->shared->repl, &state->request);
    if (err)
        svc_fail(state, err);
}

static void pool_work(struct hash_job *job) {
    struct svc_state *state = STATE_OF(job, job);

    state->work(state);
}

static void pool_done(struct hash_job *job) {
    struct svc_state *state = STATE_OF(job, job);

    state->next(state);
}

static void pool_submit(struct svc_state *state, struct hash_pool *pool,
                        void (*work)(struct svc_state *state),
                        void (*next)(struct svc_state *state)) {
    enum err err;

    CHECK(!state->svc->reading);
    state->work = work;
    state->next = next;
    state->job = (struct hash_job){
        .work = pool_work, .done = pool_done, .loop = state->svc->loop};
    err = hash_pool_submit(pool, &state->job);
    if (err)
        svc_fail(state, err);
}

void svc_pool(struct svc_state *state, void (*work)(struct svc_state *state),
              void (*next)(struct svc_state *state)) {
    pool_submit(state, state->svc->shared->hash_pool, work, next);
}

void svc_view_pool(struct svc_state *state, void (*work)(struct svc_state *state),
                   void (*next)(struct svc_state *state)) {
    struct svc_shared *shared = state->svc->shared;

    pool_submit(state, shared->view_pool ? shared->view_pool : shared->hash_pool, work,
                next);
}

void svc_disk(struct svc_state *state, void (*work)(struct svc_state *state),
              void (*next)(struct svc_state *state)) {
    pool_submit(state, state->svc->shared->disk_pool, work, next);
}
