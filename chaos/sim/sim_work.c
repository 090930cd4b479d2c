#include "chaos/sim/sim_work.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chaos/sim/sim_blob.h"
#include "chaos/sim/sim_command.h"
#include "chaos/sim/sim_history.h"
#include "chaos/sim/sim_intake.h"
#include "chaos/sim/sim_outbox.h"
#include "chaos/sim/sim_world.h"
#include "store/base/check.h"

#define DEADLINE_MS 5000
#define STALENESS_MS 3000
#define ACCOUNTS 6     /* registers; the last of them are signed in */
#define LOGIN_NAMES 40 /* account IDs that clients fight for */
#define LOCKED_NAMES 8 /* whose lock-out they run into */
#define FAMILIES_MAX 400
#define CODES_MAX 4000
#define GUESSES_MAX 10 /* then the account is locked */

enum op_kind {
    OP_SETUP,
    OP_PUT,
    OP_READ,
    OP_FRESH_READ,
    OP_ADD,
    OP_GUESS, /* a wrong password */
    OP_LOGIN,
    OP_ISSUE,
    OP_REDEEM,
    OP_REFRESH,
    OP_COUNT_READ,
};

struct op {
    struct op *next;
    struct sim_work *work;
    struct repl_request request;
    struct repl_wait wait;
    struct buf payload;
    enum op_kind kind;
    unsigned node;
    uint64_t life;
    size_t history; /* SIM_NO_HISTORY: not recorded */
    size_t client;
    uint64_t key, value;
    uint64_t must_have; /* reads: index acknowledged before */
    bool waits;
};

struct family {
    uint64_t grant; /* number of its code */
    uint64_t live;  /* newest member that a client holds */
    bool dead;      /* some client was refused */
};

struct visitor {
    uint64_t session; /* number; 0: none yet */
    bool busy;
    bool has_turn; /* its next one is in the loop's queue */
};

struct acked { /* highest index acknowledged up to then */
    uint64_t at_us, index;
};

struct sim_work {
    struct sim *sim;
    struct sim_rng rng;
    struct port_loop loop;
    struct visitor *client;
    size_t clients;
    uint64_t mean_us;
    bool active, ready;
    uint64_t epoch; /* in which it began */
    struct op *ops; /* outstanding */
    size_t ops_count;
    uint64_t next_value, next_session, next_code, next_sub;
    struct family family[FAMILIES_MAX];
    size_t families;
    struct acked *acked;
    size_t acked_count, acked_cap;
    struct sim_history *history;
    struct sim_outbox *outbox;
    struct sim_intake *intake;
    struct sim_blob *blob;
    struct arena arena;
    uint64_t done, unknown, refused_busy;
};

/* --- commands --- */

static struct command login_command(uint64_t account, struct key_hash login,
                                    uint64_t session, bool good) {
    return sim_login_command(account, login, sim_key(NAME_SESSION, 0, session),
                             sim_id(1u << 20 | session), good);
}

/* Every other code is a sealed one: no command has issued it. */
static bool is_sealed(uint64_t code) {
    return code % 2 == 1;
}

static struct command redeem_command(const struct sim_work *work, size_t client,
                                     uint64_t code, uint64_t member) {
    struct command command =
        sim_redeem_command(sim_key(NAME_CODE, 0, code), code, member, member);

    if (is_sealed(code)) {
        sim_seal_command(&command, work->epoch,
                         sim_key(NAME_SESSION, 0, work->client[client].session),
                         sim_wall_ms(work->sim));
    }
    return command;
}

/* --- operations --- */

static struct op *op_new(struct sim_work *work, enum op_kind kind, size_t client) {
    struct op *op = calloc(1, sizeof(*op));
    CHECK(op != NULL);
    op->work = work;
    op->kind = kind;
    op->client = client;
    op->history = SIM_NO_HISTORY;
    op->next = work->ops;
    work->ops = op;
    work->ops_count++;
    buf_init(&op->payload, LIMIT_COMMAND);
    if (client < work->clients) {
        work->client[client].busy = true;
    }
    return op;
}

static void client_later(struct sim_work *work, size_t client);

static void op_free(struct op *op) {
    struct sim_work *work = op->work;
    struct op **at = &work->ops;
    while (*at != op) {
        at = &(*at)->next;
    }
    *at = op->next;
    work->ops_count--;
    buf_free(&op->payload);
    if (op->client < work->clients) {
        work->client[op->client].busy = false;
        client_later(work, op->client);
    }
    free(op);
}

/* Nobody will ever know what became of it. */
static void op_unknown(struct op *op) {
    op->work->unknown++;
    if (op->kind == OP_REFRESH && op->value == 0) {
        op->work->family[op->key].dead = true; /* its first member never came */
    }
    op_free(op);
}

static unsigned any_node(struct sim_work *work) {
    struct sim *sim = work->sim;
    unsigned up[SIM_OWNERS], count = 0;
    for (unsigned id = 1; id <= sim->nodes_count; id++) {
        const struct sim_node *node = sim->node[id];
        if (node->repl != NULL && !node->quitting && !node->old) {
            up[count++] = id;
        }
    }
    return count == 0 ? 0 : up[sim_below(&work->rng, count)];
}

static uint64_t acked_index(const struct sim_work *work, uint64_t at_us) {
    size_t low = 0, high = work->acked_count;
    while (low < high) { /* the first that is later than at_us */
        size_t middle = (low + high) / 2;
        if (work->acked[middle].at_us > at_us) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return low == 0 ? 0 : work->acked[low - 1].index;
}

static void note_acked(struct sim_work *work, uint64_t index) {
    size_t count = work->acked_count;
    if (count > 0 && work->acked[count - 1].index >= index) {
        return;
    }
    if (count == work->acked_cap) {
        work->acked_cap = work->acked_cap == 0 ? 1024 : 2 * work->acked_cap;
        work->acked = realloc(work->acked, work->acked_cap * sizeof(*work->acked));
        CHECK(work->acked != NULL);
    }
    work->acked[work->acked_count++] = (struct acked){work->sim->loop.now_us, index};
}

/* --- submitting --- */

static void on_done(struct repl_request *request);

struct submission {
    struct op *op;
    struct repl_request *request;
    enum err err;
};

static void submit_call(struct sim_node *node, void *arg) {
    struct submission *submission = arg;
    struct op *op = submission->op;
    submission->request->deadline_mono_ms =
        node->mono_origin_ms + sim_ms(&node->sim->loop) + DEADLINE_MS;
    submission->request->loop = &op->work->loop;
    submission->request->done = on_done;
    submission->err = repl_submit(node->repl, submission->request);
}

/* A planted fault: the same command under another sequence number, as a client
 * would that forgot the idempotency key. Its answer goes nowhere. */
struct echo {
    struct repl_request request;
    struct buf payload;
};

static void on_echo(struct repl_request *request) {
    struct echo *echo = (struct echo *)request;
    repl_request_close(request);
    buf_free(&echo->payload);
    free(echo);
}

static void echo_call(struct sim_node *node, void *arg) {
    struct submission *submission = arg;
    submission->request->deadline_mono_ms =
        node->mono_origin_ms + sim_ms(&node->sim->loop) + DEADLINE_MS;
    submission->request->loop = &submission->op->work->loop;
    submission->request->done = on_echo;
    submission->err = repl_submit(node->repl, submission->request);
}

static void submit_echo(struct op *op) {
    struct echo *echo = calloc(1, sizeof(*echo));
    CHECK(echo != NULL);
    buf_init(&echo->payload, LIMIT_COMMAND);
    buf_put(&echo->payload, op->payload.data, op->payload.len);
    echo->request.type = op->request.type;
    echo->request.payload = buf_span(&echo->payload);
    struct submission submission = {op, &echo->request, ERR_CLOSED};
    struct sim_node *node = op->work->sim->node[op->node];
    if (node->repl == NULL || !sim_node_enter(node, echo_call, &submission) ||
        submission.err != OK) {
        buf_free(&echo->payload);
        free(echo);
    }
}

static void submit(struct op *op, const struct command *command) {
    struct sim_work *work = op->work;
    op->node = any_node(work);
    if (op->node == 0) {
        op_free(op);
        return;
    }
    struct sim_node *node = work->sim->node[op->node];
    CHECK(command_encode(command, &op->payload) == OK);
    op->request.type = command->type;
    op->request.payload = buf_span(&op->payload);
    op->life = work->sim->loop.life[op->node];
    struct submission submission = {op, &op->request, ERR_CLOSED};
    if (!sim_node_enter(node, submit_call, &submission)) {
        return; /* it ended: sim_work_lost has the op */
    }
    if (submission.err != OK) {
        work->refused_busy++;
        sim_history_drop(work->history, op->history);
        if (op->kind == OP_REFRESH && op->value == 0) {
            work->family[op->key].dead = true;
        }
        op_free(op);
    } else if (work->sim->config.planted == PLANTED_DOUBLE_SUBMIT) {
        submit_echo(op);
    }
}

static size_t record(struct sim_work *work, enum history_model model, uint64_t key,
                     enum history_kind kind, uint64_t argument) {
    return sim_history_call(work->history, model, key, kind, argument, 0,
                            work->sim->loop.now_us);
}

/* --- the kinds of operations --- */

static void begin_put(struct sim_work *work, size_t client) {
    struct op *op = op_new(work, OP_PUT, client);
    char password[32];
    op->key = sim_below(&work->rng, ACCOUNTS);
    op->value = ++work->next_value;
    int len =
        snprintf(password, sizeof(password), "%llu", (unsigned long long)op->value);
    op->history = record(work, HISTORY_REGISTER, op->key, HISTORY_WRITE, op->value);
    struct command command =
        sim_put_command(op->key, sim_key(NAME_LOGIN, 0, op->key), true,
                        span_of((const uint8_t *)password, (size_t)len));
    submit(op, &command);
}

static void begin_add(struct sim_work *work, size_t client) {
    struct op *op = op_new(work, OP_ADD, client);
    op->key = sim_below(&work->rng, LOGIN_NAMES);
    op->value = 1000 + ++work->next_sub;
    op->history = record(work, HISTORY_SET, op->key, HISTORY_ADD, 0);
    struct command command = sim_put_command(op->value, sim_key(NAME_LOGIN, 1, op->key),
                                             false, span_of("x", 1));
    submit(op, &command);
}

static void begin_guess(struct sim_work *work, size_t client) {
    struct op *op = op_new(work, OP_GUESS, client);
    op->key = sim_below(&work->rng, LOCKED_NAMES);
    op->history =
        record(work, HISTORY_COUNTER, op->key, HISTORY_INCREMENT, GUESSES_MAX);
    struct command command =
        login_command(op->key, sim_key(NAME_LOGIN, 2, op->key), 0, false);
    submit(op, &command);
}

static void begin_login(struct sim_work *work, size_t client) {
    struct op *op = op_new(work, OP_LOGIN, client);
    op->value = ++work->next_session;
    struct command command =
        login_command(0, sim_key(NAME_LOGIN, 0, 0), op->value, true);
    submit(op, &command);
}

/* Nobody's turn: these belong to no client, so that several run at a time. */
static void begin_redeem(struct sim_work *work, size_t client, uint64_t code,
                         uint64_t who) {
    struct op *op = op_new(work, OP_REDEEM, SIZE_MAX);
    op->key = code;
    op->history = record(work, HISTORY_ONCE, code, HISTORY_TAKE, who);
    struct command command = redeem_command(work, client, code, 1 + who);
    submit(op, &command);
}

/* Member 1 comes from the code itself, by a single redemption. */
static void begin_family(struct sim_work *work, size_t client, uint64_t code) {
    struct op *op;
    if (work->families == FAMILIES_MAX) {
        return;
    }
    op = op_new(work, OP_REFRESH, SIZE_MAX);
    op->key = work->families++;
    work->family[op->key] = (struct family){.grant = code};
    struct command command = redeem_command(work, client, code, 1);
    submit(op, &command);
}

static void use_code(struct sim_work *work, size_t client, uint64_t code,
                     bool for_family) {
    if (for_family) {
        begin_family(work, client, code);
        return;
    }
    uint64_t racers = sim_between(&work->rng, 2, 3);
    for (uint64_t who = 1; who <= racers; who++) {
        begin_redeem(work, client, code, who);
    }
}

/* `value` 1: its code begins a family of refresh tokens. */
static void begin_issue(struct sim_work *work, size_t client, bool for_family) {
    uint64_t code = ++work->next_code;
    struct op *op;

    if (is_sealed(code)) {
        use_code(work, client, code, for_family);
        return;
    }
    op = op_new(work, OP_ISSUE, client);
    op->key = code;
    op->value = for_family ? 1 : 0;
    struct command command =
        sim_issue_command(sim_key(NAME_SESSION, 0, work->client[client].session),
                          sim_key(NAME_CODE, 0, op->key));
    submit(op, &command);
}

static bool begin_refresh(struct sim_work *work, size_t client) {
    if (work->families == 0) {
        return false;
    }
    uint64_t n = sim_below(&work->rng, work->families);
    struct family *family = &work->family[n];
    if (family->live == 0 || family->dead) {
        return false;
    }
    struct op *op = op_new(work, OP_REFRESH, client);
    op->key = n;
    op->value = family->live;
    if (sim_percent(&work->rng, 3) && family->live > 2) {
        op->value = sim_between(&work->rng, 1, family->live - 2); /* a thief's */
    } else if (sim_percent(&work->rng, 10) && family->live > 1) {
        op->value = family->live - 1; /* its answer was lost: asked again */
    }
    op->history = record(work, HISTORY_FAMILY, n, HISTORY_ROTATE, op->value);
    struct command command = sim_refresh_command(family->grant, op->value);
    submit(op, &command);
    return true;
}

/* --- reads --- */

/* What the row of a read says now. */
static uint64_t look(struct op *op) {
    struct sim_node *node = op->work->sim->node[op->node];
    struct account account;
    struct login_attempts attempts;
    uint64_t value = 0;
    arena_reset(&op->work->arena);
    CHECK(store_read_begin(node->read) == OK);
    if (op->kind == OP_COUNT_READ) {
        CHECK(store_attempts_get(node->read, sim_key(NAME_LOGIN, 2, op->key),
                                 &attempts) == OK);
        value = attempts.failures;
    } else {
        enum err err =
            store_account_get(node->read, &op->work->arena, sim_id(op->key), &account);
        CHECK(err == OK || err == ERR_NOT_FOUND);
        for (size_t i = 0; err == OK && i < account.password_hash.len; i++) {
            value = 10 * value + (uint64_t)(account.password_hash.data[i] - '0');
        }
    }
    store_read_end(node->read);
    return value;
}

static void check_covers(struct op *op, uint64_t index, const char *what) {
    struct sim_node *node = op->work->sim->node[op->node];
    if (!repl_applied(node->repl, index)) {
        sim_violation(op->work->sim,
                      "a %s read on node %u does not know index %llu, acknowledged "
                      "before",
                      what, op->node, (unsigned long long)index);
    }
}

static void finish_read(struct op *op) {
    op->work->done++;
    sim_history_return(op->work->history, op->history, look(op),
                       op->work->sim->loop.now_us);
    op_free(op);
}

static void on_read(struct repl_wait *wait) {
    struct op *op = (struct op *)((char *)wait - offsetof(struct op, wait));
    const struct sim_node *node = op->work->sim->node[op->node];
    if (wait->err != OK || node->repl == NULL ||
        op->work->sim->loop.life[op->node] != op->life) {
        sim_history_drop(op->work->history, op->history);
        op_free(op);
        return;
    }
    check_covers(op, op->must_have, "linearizable");
    finish_read(op);
}

static void read_call(struct sim_node *node, void *arg) {
    struct op *op = arg;
    op->wait.deadline_mono_ms =
        node->mono_origin_ms + sim_ms(&node->sim->loop) + DEADLINE_MS;
    op->wait.loop = &op->work->loop;
    op->wait.done = on_read;
    op->wait.err = repl_read(node->repl, &op->wait);
}

static void begin_read(struct sim_work *work, size_t client, enum op_kind kind,
                       uint64_t key, unsigned on_node) {
    struct op *op = op_new(work, kind, client);
    op->node = on_node != 0 ? on_node : any_node(work);
    op->key = key;
    op->waits = true;
    if (op->node == 0) {
        op_free(op);
        return;
    }
    op->life = work->sim->loop.life[op->node];
    op->must_have = acked_index(work, work->sim->loop.now_us);
    op->history = kind == OP_COUNT_READ
                      ? record(work, HISTORY_COUNTER, key, HISTORY_READ, 0)
                      : record(work, HISTORY_REGISTER, key, HISTORY_READ, 0);
    if (work->sim->config.planted == PLANTED_STALE_READ) {
        finish_read(op);
        return;
    }
    if (sim_node_enter(work->sim->node[op->node], read_call, op) &&
        op->wait.err != OK) {
        sim_history_drop(work->history, op->history);
        op_free(op);
    }
}

/* Not linearizable, and not in the history: it may be as old as the bound. */
static void fresh_read(struct sim_work *work) {
    unsigned id = any_node(work);
    struct sim_node *node = id == 0 ? NULL : work->sim->node[id];
    uint64_t now_us = work->sim->loop.now_us;
    if (node == NULL || now_us < STALENESS_MS * SIM_US_PER_MS ||
        work->sim->loop.paused_until_us[id] > now_us || repl_fresh(node->repl) != OK) {
        return;
    }
    struct op op = {.work = work, .node = id};
    work->done++;
    check_covers(&op, acked_index(work, now_us - STALENESS_MS * SIM_US_PER_MS),
                 "fresh");
}

/* --- answers --- */

static void answer_issue(struct op *op, enum outcome_code code) {
    if (code == OUT_OK) {
        use_code(op->work, op->client, op->key, op->value == 1);
    }
}

static void answer_refresh(struct op *op, enum outcome_code code) {
    struct sim_work *work = op->work;
    struct family *family = &work->family[op->key];
    uint64_t given = code == OUT_OK ? op->value + 1 : 0;
    if (given > family->live) {
        family->live = given;
    }
    family->dead = family->dead || code != OUT_OK;
    if (op->value > 0) {
        sim_history_return(work->history, op->history, given, work->sim->loop.now_us);
    }
}

/* What no fault may cause: these accounts, sessions and families are as they were. */
static bool is_expected(const struct op *op, enum outcome_code code) {
    switch (op->kind) {
    case OP_PUT:
    case OP_LOGIN:
        return code == OUT_OK;
    case OP_ADD:
        return code == OUT_OK || code == OUT_EXISTS;
    case OP_REDEEM:
        return code == OUT_OK || code == OUT_REPLAYED;
    case OP_GUESS:
        return code == OUT_BAD_CREDENTIALS || code == OUT_LOCKED;
    case OP_REFRESH:
        return code == OUT_OK || code == OUT_REPLAYED || code == OUT_REVOKED;
    default:
        return true;
    }
}

static void answer(struct op *op, enum outcome_code code) {
    struct sim_work *work = op->work;
    uint64_t now_us = work->sim->loop.now_us;
    switch (op->kind) {
    case OP_PUT:
        sim_history_return(work->history, op->history, code == OUT_OK, now_us);
        return;
    case OP_ADD:
    case OP_REDEEM:
        sim_history_return(work->history, op->history, code == OUT_OK, now_us);
        return;
    case OP_GUESS: /* counted, or refused at the bound */
        sim_history_return(work->history, op->history, code == OUT_BAD_CREDENTIALS,
                           now_us);
        return;
    case OP_LOGIN:
        if (code == OUT_OK) {
            work->client[op->client].session = op->value;
        }
        return;
    case OP_ISSUE:
        answer_issue(op, code);
        return;
    case OP_REFRESH:
        answer_refresh(op, code);
        return;
    case OP_SETUP:
    case OP_READ:
    case OP_FRESH_READ:
    case OP_COUNT_READ:
        return;
    }
}

static void on_done(struct repl_request *request) {
    struct op *op = (struct op *)((char *)request - offsetof(struct op, request));
    struct sim_work *work = op->work;
    if (request->err != OK) {
        repl_request_close(request);
        op_unknown(op);
        return;
    }
    work->done++;
    note_acked(work, request->outcome.index);
    if (!is_expected(op, request->outcome.code)) {
        sim_violation(work->sim, "node %u answers an operation of kind %d with '%s'",
                      op->node, (int)op->kind, outcome_str(request->outcome.code));
    }
    answer(op, request->outcome.code);
    repl_request_close(request);
    op_free(op);
}

/* --- clients --- */

static void turn(struct sim_work *work, size_t n) {
    struct visitor *client = &work->client[n];
    uint64_t dice = sim_below(&work->rng, 100);
    if (client->session == 0 || dice < 2) {
        begin_login(work, n);
    } else if (dice < 25) {
        begin_put(work, n);
    } else if (dice < 40) {
        begin_read(work, n, OP_READ, sim_below(&work->rng, ACCOUNTS), 0);
    } else if (dice < 48) {
        begin_add(work, n);
    } else if (dice < 54) {
        begin_guess(work, n);
    } else if (dice < 58) {
        begin_read(work, n, OP_COUNT_READ, sim_below(&work->rng, LOCKED_NAMES), 0);
    } else if (dice < 68 && work->next_code < CODES_MAX) {
        begin_issue(work, n, false);
    } else if (dice < 72 && work->next_code < CODES_MAX) {
        begin_issue(work, n, true);
    } else if (dice < 92) {
        (void)begin_refresh(work, n);
    } else {
        fresh_read(work);
    }
}

struct turn_of {
    size_t client;
};

static void on_turn(struct sim *sim, unsigned owner, void *arg) {
    struct sim_work *work = sim->work;
    size_t n = ((struct turn_of *)arg)->client;
    (void)owner;
    work->client[n].has_turn = false;
    if (!work->active || work->client[n].busy) {
        return;
    }
    if (work->ready) {
        turn(work, n);
    }
    if (!work->client[n].busy) {
        client_later(work, n);
    }
}

static void client_later(struct sim_work *work, size_t client) {
    if (!work->active || work->client[client].has_turn) {
        return;
    }
    work->client[client].has_turn = true;
    struct turn_of *of = malloc(sizeof(*of));
    CHECK(of != NULL);
    of->client = client;
    sim_after(&work->sim->loop, sim_between(&work->rng, 1, 2 * work->mean_us), 0,
              "client.turn", on_turn, of);
}

/* --- setting up --- */

static void on_setup(struct repl_request *request) {
    struct op *op = (struct op *)((char *)request - offsetof(struct op, request));
    CHECK(request->err == OK);
    op->work->ready =
        request->outcome.code == OUT_OK || request->outcome.code == OUT_EXISTS;
    repl_request_close(request);
    op_free(op);
}

static void setup_call(struct sim_node *node, void *arg) {
    struct submission *submission = arg;
    submission->request->deadline_mono_ms =
        node->mono_origin_ms + sim_ms(&node->sim->loop) + 4 * DEADLINE_MS;
    submission->request->loop = &submission->op->work->loop;
    submission->request->done = on_setup;
    submission->err = repl_submit(node->repl, submission->request);
}

static void setup(struct sim_work *work, const struct command *command) {
    struct op *op = op_new(work, OP_SETUP, SIZE_MAX);
    unsigned leader = sim_leader(work->sim);
    CHECK(leader != 0 && command_encode(command, &op->payload) == OK);
    op->node = leader;
    op->life = work->sim->loop.life[leader];
    op->request.type = command->type;
    op->request.payload = buf_span(&op->payload);
    struct submission submission = {op, &op->request, ERR_CLOSED};
    CHECK(sim_node_enter(work->sim->node[leader], setup_call, &submission) &&
          submission.err == OK);
}

static bool no_ops(struct sim *sim, void *arg) {
    (void)arg;
    return sim->work->ops_count == 0;
}

static uint64_t newest_epoch(const struct sim *sim) {
    uint64_t newest = 0;
    for (unsigned id = 1; id <= sim->nodes_count; id++) {
        uint64_t epoch = sim->node[id]->seen_epoch;
        newest = epoch > newest ? epoch : newest;
    }
    return newest;
}

/* The RP, and the account of those that sign in. No faults yet. */
void sim_work_begin_plain(struct sim_work *work) {
    struct command command = sim_client_command();
    setup(work, &command);
    CHECK(sim_until(work->sim, 20000, no_ops, NULL) && work->ready);
    for (uint64_t n = 0; n < ACCOUNTS; n++) {
        command = sim_put_command(n, sim_key(NAME_LOGIN, 0, n), false, span_of("0", 1));
        setup(work, &command);
        CHECK(sim_until(work->sim, 20000, no_ops, NULL) && work->ready);
    }
    work->epoch = newest_epoch(work->sim);
    work->active = true;
    for (size_t n = 0; n < work->clients; n++) {
        client_later(work, n);
    }
}

void sim_work_begin(struct sim_work *work) {
    sim_work_begin_plain(work);
    sim_outbox_begin(work->outbox);
    sim_intake_begin(work->intake);
    sim_blob_begin(work->blob);
}

/* --- tasks of the clients' side --- */

struct posted {
    struct port_task *task;
};

static void on_posted(struct sim *sim, unsigned owner, void *arg) {
    struct posted *posted = arg;
    (void)sim;
    (void)owner;
    posted->task->run(posted->task);
}

static struct sim *posting; /* one simulation runs at a time */

static void post(struct port_loop *loop, struct port_task *task) {
    struct posted *posted = malloc(sizeof(*posted));
    (void)loop;
    CHECK(posted != NULL);
    posted->task = task;
    sim_after(&posting->loop, 20, 0, "client.answer", on_posted, posted);
}

struct sim_work *sim_work_new(struct sim *sim, uint64_t seed, unsigned clients) {
    struct sim_work *work = calloc(1, sizeof(*work));
    CHECK(work != NULL);
    work->sim = sim;
    work->loop.post = post;
    work->clients = clients;
    work->client = calloc(clients, sizeof(*work->client));
    work->mean_us = 100 * SIM_US_PER_MS;
    work->history = sim_history_new();
    work->outbox = sim_outbox_new(sim, &work->loop, seed);
    work->intake = sim_intake_new(sim, &work->loop, seed, work->history);
    work->blob = sim_blob_new(sim, &work->loop, seed, work->history);
    CHECK(work->client != NULL);
    arena_init(&work->arena, 1u << 20);
    sim_rng_seed(&work->rng, seed, 2);
    posting = sim;
    return work;
}

void sim_work_free(struct sim_work *work) {
    while (work->ops != NULL) {
        op_free(work->ops);
    }
    sim_history_free(work->history);
    sim_outbox_free(work->outbox);
    sim_intake_free(work->intake);
    sim_blob_free(work->blob);
    arena_close(&work->arena);
    free(work->acked);
    free(work->client);
    free(work);
}

void sim_work_pause(struct sim_work *work) {
    work->active = false;
    sim_outbox_pause(work->outbox);
    sim_intake_pause(work->intake);
    sim_blob_pause(work->blob);
}

void sim_work_stop(struct sim_work *work) {
    sim_work_pause(work);
    sim_blob_stop(work->blob);
}

void sim_work_pace(struct sim_work *work, uint64_t mean_us) {
    work->mean_us = mean_us;
}

bool sim_work_idle(const struct sim_work *work) {
    return work->ops_count == 0 && sim_outbox_idle(work->outbox) &&
           sim_intake_idle(work->intake) && sim_blob_idle(work->blob);
}

struct lost {
    unsigned node;
    uint64_t life;
};

static void on_lost(struct sim *sim, unsigned owner, void *arg) {
    struct sim_work *work = sim->work;
    const struct lost *lost = arg;
    struct op *next;
    (void)owner;
    for (struct op *op = work->ops; op != NULL; op = next) {
        next = op->next;
        if (op->node != lost->node || op->life != lost->life) {
            continue;
        }
        if (op->waits) {
            sim_history_drop(work->history, op->history);
            op_free(op);
        } else {
            op_unknown(op);
        }
    }
    sim_outbox_lost(work->outbox, lost->node, lost->life);
    sim_intake_lost(work->intake, lost->node, lost->life);
    sim_blob_lost(work->blob, lost->node, lost->life);
}

void sim_work_lost(struct sim_work *work, unsigned node) {
    struct lost *lost = malloc(sizeof(*lost));
    CHECK(lost != NULL);
    *lost = (struct lost){node, work->sim->loop.lives[node]};
    /* What it had answered already is still on its way. */
    sim_after(&work->sim->loop, SIM_US_PER_MS, 0, "client.lost", on_lost, lost);
}

void sim_work_read_all(struct sim_work *work, unsigned node) {
    for (uint64_t key = 0; key < ACCOUNTS; key++) {
        begin_read(work, SIZE_MAX, OP_READ, key, node);
    }
    for (uint64_t key = 0; key < LOCKED_NAMES; key++) {
        begin_read(work, SIZE_MAX, OP_COUNT_READ, key, node);
    }
}

bool sim_work_visible(const struct sim_work *work) {
    return sim_blob_visible(work->blob);
}

void sim_work_judge(struct sim_work *work, struct sim_result *result) {
    result->operations += work->done;
    result->unknown += work->unknown;
    sim_outbox_judge(work->outbox);
    sim_intake_judge(work->intake);
    sim_blob_judge(work->blob);
    sim_history_judge(work->history, work->sim);
}

uint64_t sim_work_acked(const struct sim_work *work) {
    return work->acked_count == 0 ? 0 : work->acked[work->acked_count - 1].index;
}

struct port_loop *sim_work_loop(struct sim_work *work) {
    return &work->loop;
}
