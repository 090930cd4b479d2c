#include "chaos/sim/sim_outbox.h"

#include <stdlib.h>
#include <string.h>

#include "chaos/sim/sim_command.h"
#include "chaos/sim/sim_errand.h"
#include "chaos/sim/sim_world.h"
#include "raft/fsm_limits.h"
#include "store/base/check.h"
#include "store/store_outbox.h"

#define VISITS_MAX 300
#define CLAIM_MAX 4
#define VISIT_EVERY_US (300 * SIM_US_PER_MS)
#define CLAIM_EVERY_US (100 * SIM_US_PER_MS)

enum errand_kind {
    /* A visit's steps, one after another. */
    ERRAND_LOGIN,
    ERRAND_ISSUE,
    ERRAND_REDEEM,
    ERRAND_END,
    ERRAND_CLAIM,
    ERRAND_SETTLE,
};

struct errand {
    struct sim_errand base; /* first */
    struct sim_outbox *outbox;
    enum errand_kind kind;
    size_t visit; /* ERRAND_CLAIM: none */
    bool delivered;
};

struct visit {
    struct id128 message;
    uint32_t attempt;    /* the newest lease that a sender knows; 0: none */
    uint64_t leased_ms;  /* replicated time before it was given */
    bool let_go;         /* and its sender has told how it went */
    bool owed;           /* the session's end was acknowledged */
    bool delivered;      /* the receiver has it */
    uint64_t settled_us; /* that was acknowledged; 0: not yet */
};

struct sim_outbox {
    struct sim *sim;
    struct sim_rng rng;
    struct sim_errands errands;
    struct visit visit[VISITS_MAX];
    size_t visits;
    bool active;
};

static struct key_hash session_of(size_t visit) {
    return sim_key(NAME_SESSION, 1, visit);
}

static struct visit *visit_of(struct sim_outbox *outbox, struct id128 message) {
    for (size_t i = 0; i < outbox->visits; i++) {
        if (memcmp(&outbox->visit[i].message, &message, sizeof(message)) == 0) {
            return &outbox->visit[i];
        }
    }
    return NULL;
}

/* --- errands --- */

static struct errand *errand_new(struct sim_outbox *outbox, enum errand_kind kind,
                                 size_t visit) {
    struct errand *errand = sim_errand_new(&outbox->errands, sizeof(*errand));
    errand->outbox = outbox;
    errand->kind = kind;
    errand->visit = visit;
    return errand;
}

static void submit(struct errand *errand, const struct command *command) {
    sim_errand_submit(&errand->base, command, 0);
}

/* --- visits --- */

static void begin_step(struct sim_outbox *outbox, size_t visit, enum errand_kind kind) {
    struct errand *errand = errand_new(outbox, kind, visit);
    struct key_hash session = session_of(visit), code = sim_key(NAME_CODE, 1, visit);
    struct command command;
    switch (kind) {
    case ERRAND_LOGIN:
        command = sim_login_command(0, sim_key(NAME_LOGIN, 0, 0), session,
                                    sim_id(1u << 21 | visit), true);
        break;
    case ERRAND_ISSUE:
        command = sim_issue_command(session, code);
        break;
    case ERRAND_REDEEM:
        command = sim_redeem_command(code, 1u << 20 | visit, 1, 1);
        break;
    default:
        command = (struct command){.type = CMD_SESSION_END,
                                   .session_end = {.session = session}};
    }
    submit(errand, &command);
}

static void begin_visit(struct sim_outbox *outbox) {
    size_t n = outbox->visits;
    struct key_hash session = session_of(n);
    if (n == VISITS_MAX) {
        return;
    }
    outbox->visit[outbox->visits++] = (struct visit){
        .message = store_outbox_id(OUTBOX_BACKCHANNEL_LOGOUT,
                                   span_of(session.b, sizeof(session.b)), sim_rp)};
    begin_step(outbox, n, ERRAND_LOGIN);
}

/* --- senders --- */

struct due {
    struct sim_outbox *outbox;
    struct cmd_outbox_claim *cmd;
};

static enum outbox_walk collect(void *arg, struct span client_id, struct id128 id) {
    struct due *due = arg;
    CHECK(span_equal(client_id, sim_rp));
    if (sim_percent(&due->outbox->rng, 70)) {
        due->cmd->ids[due->cmd->count++] = id;
    }
    return due->cmd->count < CLAIM_MAX ? OUTBOX_NEXT : OUTBOX_STOP;
}

static void begin_claim(struct sim_outbox *outbox) {
    struct command command = {.type = CMD_OUTBOX_CLAIM};
    struct due due = {outbox, &command.outbox_claim};
    unsigned id = sim_errands_any_node(&outbox->errands);
    if (id == 0) {
        return;
    }
    const struct sim_node *node = outbox->sim->node[id];
    uint64_t clock_ms = sim_clock_of(node);
    CHECK(store_read_begin(node->read) == OK);
    CHECK(store_outbox_walk_due(node->read, clock_ms, collect, &due) == OK);
    store_read_end(node->read);
    command.outbox_claim.node = id;
    if (command.outbox_claim.count > 0) {
        struct errand *errand = errand_new(outbox, ERRAND_CLAIM, VISITS_MAX);
        submit(errand, &command);
    }
}

static void begin_settle(struct sim_outbox *outbox, size_t visit, uint32_t attempt,
                         bool delivered) {
    struct errand *errand = errand_new(outbox, ERRAND_SETTLE, visit);
    struct command command = {.type = CMD_OUTBOX_SETTLE};
    command.outbox_settle.messages[command.outbox_settle.count++] =
        (struct outbox_settled){outbox->visit[visit].message, attempt,
                                delivered ? OUTBOX_NO_REASON : OUTBOX_TIMEOUT};
    errand->delivered = delivered;
    outbox->visit[visit].let_go = true;
    submit(errand, &command);
}

/* `now_ms`: replicated time that the node knows with the answer. */
static void send_one(const struct errand *errand, const struct outbox_claimed *claimed,
                     uint64_t now_ms) {
    struct sim_outbox *outbox = errand->outbox;
    struct visit *visit = visit_of(outbox, claimed->id);
    uint64_t dice = sim_below(&outbox->rng, 100);
    CHECK(visit != NULL);
    size_t n = (size_t)(visit - outbox->visit);
    if (claimed->attempt == visit->attempt) {
        sim_violation(outbox->sim, "message %zu: attempt %u was leased twice", n,
                      claimed->attempt);
    }
    if (claimed->attempt > visit->attempt && visit->attempt > 0 && !visit->let_go &&
        now_ms < visit->leased_ms + FSM_OUTBOX_LEASE_MS) {
        sim_violation(outbox->sim, "message %zu: attempt %u while another is leased", n,
                      claimed->attempt);
    }
    if (visit->settled_us != 0 && visit->settled_us < errand->base.begun_us) {
        sim_violation(outbox->sim,
                      "message %zu: leased after its delivery was acknowledged", n);
    }
    if (claimed->attempt > visit->attempt) {
        visit->attempt = claimed->attempt;
        visit->leased_ms = errand->base.clock_ms;
        visit->let_go = false;
    }
    visit->delivered = visit->delivered || dice < 60;
    if (dice < 90) { /* else the sender ends before it tells */
        begin_settle(outbox, n, claimed->attempt, dice < 50);
    }
}

/* --- answers --- */

static void answer_claim(struct errand *errand) {
    const struct sim *sim = errand->outbox->sim;
    bool lives = sim->loop.life[errand->base.node] == errand->base.life;
    const struct sim_node *node = sim->node[errand->base.node];
    uint64_t now_ms = lives && node->repl != NULL ? sim_clock_of(node) : UINT64_MAX;
    struct outcome_claim claim;
    CHECK(outcome_claim_decode(errand->base.request.outcome.detail, &claim) == OK);
    for (size_t i = 0; i < claim.count; i++) {
        send_one(errand, &claim.messages[i], now_ms);
    }
}

static void answer(struct sim_errand *base) {
    struct errand *errand = (struct errand *)base;
    struct sim_outbox *outbox = errand->outbox;
    enum outcome_code code = errand->base.request.outcome.code;
    if (code != OUT_OK) {
        sim_violation(outbox->sim, "node %u answers an errand of kind %d with '%s'",
                      errand->base.node, (int)errand->kind, outcome_str(code));
        return;
    }
    switch (errand->kind) {
    case ERRAND_LOGIN:
    case ERRAND_ISSUE:
    case ERRAND_REDEEM:
        begin_step(outbox, errand->visit, errand->kind + 1);
        return;
    case ERRAND_END:
        outbox->visit[errand->visit].owed = true;
        return;
    case ERRAND_CLAIM:
        answer_claim(errand);
        return;
    case ERRAND_SETTLE:
        if (errand->delivered && outbox->visit[errand->visit].settled_us == 0) {
            outbox->visit[errand->visit].settled_us = outbox->sim->loop.now_us;
        }
        return;
    }
}

/* --- turns --- */

static void on_visit(struct sim *sim, unsigned owner, void *arg);
static void on_claim(struct sim *sim, unsigned owner, void *arg);

struct turn {
    struct sim_outbox *outbox;
};

static void later(struct sim_outbox *outbox, uint64_t mean_us, const char *name,
                  void (*run)(struct sim *, unsigned, void *)) {
    struct turn *turn = malloc(sizeof(*turn));
    CHECK(turn != NULL);
    turn->outbox = outbox;
    sim_after(&outbox->sim->loop, sim_between(&outbox->rng, 1, 2 * mean_us), 0, name,
              run, turn);
}

static void on_visit(struct sim *sim, unsigned owner, void *arg) {
    struct sim_outbox *outbox = ((struct turn *)arg)->outbox;
    (void)sim;
    (void)owner;
    if (outbox->active) {
        begin_visit(outbox);
        later(outbox, VISIT_EVERY_US, "outbox.visit", on_visit);
    }
}

static void on_claim(struct sim *sim, unsigned owner, void *arg) {
    struct sim_outbox *outbox = ((struct turn *)arg)->outbox;
    (void)sim;
    (void)owner;
    if (outbox->active) {
        begin_claim(outbox);
        later(outbox, CLAIM_EVERY_US, "outbox.claim", on_claim);
    }
}

struct sim_outbox *sim_outbox_new(struct sim *sim, struct port_loop *loop,
                                  uint64_t seed) {
    struct sim_outbox *outbox = calloc(1, sizeof(*outbox));
    CHECK(outbox != NULL);
    outbox->sim = sim;
    sim_rng_seed(&outbox->rng, seed, 7);
    outbox->errands = (struct sim_errands){
        .sim = sim, .loop = loop, .rng = &outbox->rng, .answer = answer};
    return outbox;
}

void sim_outbox_free(struct sim_outbox *outbox) {
    sim_errands_close(&outbox->errands);
    free(outbox);
}

void sim_outbox_begin(struct sim_outbox *outbox) {
    outbox->active = true;
    later(outbox, VISIT_EVERY_US, "outbox.visit", on_visit);
    later(outbox, CLAIM_EVERY_US, "outbox.claim", on_claim);
}

void sim_outbox_pause(struct sim_outbox *outbox) {
    outbox->active = false;
}

bool sim_outbox_idle(const struct sim_outbox *outbox) {
    return outbox->errands.count == 0;
}

void sim_outbox_lost(struct sim_outbox *outbox, unsigned node, uint64_t life) {
    sim_errands_lost(&outbox->errands, node, life);
}

/* --- the end --- */

static bool is_there(struct sim_node *node, struct id128 message) {
    struct outbox_message row;
    struct arena arena;
    arena_init(&arena, 1u << 16);
    CHECK(store_read_begin(node->read) == OK);
    enum err err = store_outbox_get(node->read, &arena, message, &row);
    store_read_end(node->read);
    arena_close(&arena);
    CHECK(err == OK || err == ERR_NOT_FOUND);
    return err == OK;
}

void sim_outbox_judge(struct sim_outbox *outbox) {
    struct sim *sim = outbox->sim;
    for (unsigned id = 1; id <= sim->nodes_count; id++) {
        struct sim_node *node = sim->node[id];
        if (node->repl == NULL || node->removed) {
            continue;
        }
        for (size_t i = 0; i < outbox->visits; i++) {
            const struct visit *visit = &outbox->visit[i];
            if (visit->owed && !visit->delivered && !is_there(node, visit->message)) {
                sim_violation(sim, "message %zu: neither delivered nor on node %u", i,
                              id);
            }
        }
    }
}
