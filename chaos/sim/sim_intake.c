#include "chaos/sim/sim_intake.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chaos/sim/sim_command.h"
#include "chaos/sim/sim_errand.h"
#include "chaos/sim/sim_world.h"
#include "store/base/check.h"
#include "store/store_application.h"
#include "store/store_intake.h"
#include "store/store_staff.h"

#define PAPERS_MAX 200
#define LEASE_MS 3000
#define CLAIM_MS 3000
#define PAPER_EVERY_US (300 * SIM_US_PER_MS)
#define WORK_EVERY_US (60 * SIM_US_PER_MS)
#define DESK_EVERY_US (100 * SIM_US_PER_MS)
#define STAFF 3u
#define STAFF_IDS (1u << 23)
#define MAIL_IDS (1u << 24)

enum errand_kind {
    ERRAND_STAFF,
    ERRAND_BATCH,
    /* A paper's steps, one after another. */
    ERRAND_APPLY,
    ERRAND_BLOB,
    ERRAND_BUNDLE,
    ERRAND_LEASE,
    ERRAND_RESULT,
    ERRAND_CLAIM,
    ERRAND_DECIDE,
};

struct errand {
    struct sim_errand base; /* first */
    struct sim_intake *intake;
    enum errand_kind kind;
    size_t paper;
    unsigned person;
    struct job_key key;
    char worker[65];
    size_t operation; /* ERRAND_RESULT: in the history; SIZE_MAX: none */
};

/* What is known of a job. */
struct known_job {
    uint32_t attempt;   /* the newest lease that a worker knows */
    uint64_t leased_ms; /* replicated time before it was given */
    bool let_go;        /* its worker has told */
    unsigned taken;     /* results that were answered as taken */
};

struct paper {
    bool applied, bundled; /* acknowledged */
    struct known_job sort, read;
    unsigned decided; /* decisions that were answered as final */
};

struct sim_intake {
    struct sim *sim;
    struct sim_rng rng;
    struct sim_errands errands;
    struct sim_history *history;
    struct paper paper[PAPERS_MAX];
    size_t papers;
    uint64_t workers;
    bool active;
};

static struct application_id application_of(size_t n) {
    struct application_id id = {{0}};
    snprintf(id.text, sizeof(id.text), "S%06u", (unsigned)(n % 1000000));
    return id;
}

static struct intake_file file_of(size_t n) {
    struct intake_file file = {.size = 1000 + n, .format = SCAN_TIFF, .name = "s.tif"};
    memcpy(file.blob.b, &n, sizeof(n));
    file.blob.b[31] = 1;
    return file;
}

static struct id128 bundle_of(size_t n) {
    struct intake_file file = file_of(n);
    return store_intake_bundle_id(&file, 1);
}

static struct job_key key_of(size_t n, enum job_kind kind) {
    struct application_id id = application_of(n);
    return (struct job_key){kind, kind == JOB_SORT ? bundle_of(n)
                                                   : store_application_key(&id)};
}

/* --- errands --- */

static struct errand *errand_new(struct sim_intake *intake, enum errand_kind kind,
                                 size_t paper) {
    struct errand *errand = sim_errand_new(&intake->errands, sizeof(*errand));
    errand->intake = intake;
    errand->kind = kind;
    errand->paper = paper;
    return errand;
}

static void submit(struct errand *errand, const struct command *command) {
    sim_errand_submit(&errand->base, command, 0);
}

/* --- papers --- */

static void put_staff(struct sim_intake *intake, unsigned person) {
    struct command command = {
        .type = CMD_STAFF_PUT,
        .staff_put = {.staff = {.id = sim_id(STAFF_IDS | person),
                                .login_index = sim_key(NAME_LOGIN, 2, person),
                                .name = span_str("staff"),
                                .roles = STAFF_ROLES_ALL,
                                .state = STAFF_ACTIVE,
                                .password_hash = span_str("x"),
                                .sealed_seed = span_str("x")}}};
    submit(errand_new(intake, ERRAND_STAFF, 0), &command);
}

static void begin_step(struct sim_intake *intake, size_t n, enum errand_kind kind) {
    struct intake_file file = file_of(n);
    struct command command = {.type = CMD_BATCH_ADD};
    if (kind == ERRAND_APPLY) {
        command.type = CMD_APPLICATION_SUBMIT;
        command.application_submit = (struct cmd_application_submit){
            .id = application_of(n),
            .kind = APPLICATION_CORPORATION,
            .environment = ENV_DEMO,
            .account_index = sim_key(NAME_LOGIN, 3, n),
            .person_index = sim_key(NAME_LOGIN, 4, n),
            .confirmed = true,
        };
    } else if (kind == ERRAND_BLOB) {
        command.type = CMD_BLOB_ADD;
        command.blob_add = (struct cmd_blob_add){.id = file.blob,
                                                 .kind = BLOB_SCAN,
                                                 .size = file.size,
                                                 .nodes_count = 2,
                                                 .nodes = {1, 2}};
    } else if (kind == ERRAND_BUNDLE) {
        command.type = CMD_BUNDLE_ADD;
        command.bundle_add = (struct cmd_bundle_add){
            .batch = sim_id(STAFF_IDS | 99), .count = 1, .files = {file}};
    } else {
        command.batch_add = (struct cmd_batch_add){.id = sim_id(STAFF_IDS | 99),
                                                   .label = "batch",
                                                   .environment = ENV_DEMO,
                                                   .received_day = 1};
    }
    submit(errand_new(intake, kind, n), &command);
}

/* --- workers --- */

static void begin_lease(struct sim_intake *intake) {
    struct errand *errand = errand_new(intake, ERRAND_LEASE, 0);
    struct command command = {.type = CMD_JOB_LEASE};
    struct cmd_job_lease *lease = &command.job_lease;
    lease->environment = ENV_DEMO;
    lease->lease_ms = LEASE_MS;
    lease->count = (uint8_t)(1 + sim_below(&intake->rng, 3));
    snprintf(lease->worker, sizeof(lease->worker), "w%llu",
             (unsigned long long)intake->workers++);
    memcpy(errand->worker, lease->worker, sizeof(errand->worker));
    submit(errand, &command);
}

/* Its number for the checker. */
static uint64_t object_of(size_t n, enum job_kind kind) {
    return 2 * (uint64_t)n + (kind == JOB_READ ? 1 : 0);
}

static void begin_result(struct errand *lease, size_t n, const struct leased *leased) {
    struct sim_intake *intake = lease->intake;
    struct errand *errand = errand_new(intake, ERRAND_RESULT, n);
    struct command *command = calloc(1, sizeof(*command));
    struct cmd_job_result *result = &command->job_result;
    CHECK(command != NULL);
    command->type = CMD_JOB_RESULT;
    result->key = errand->key = leased->key;
    result->attempt = leased->attempt;
    memcpy(result->worker, lease->worker, sizeof(result->worker));
    if (sim_percent(&intake->rng, 10)) {
        result->failed = true;
    } else if (leased->key.kind == JOB_READ) {
        result->verdict = (enum farm_verdict)(1 + sim_below(&intake->rng, 3));
    } else {
        result->pages_count = 2;
        result->pages[0] = (struct intake_page){
            .kind = PAGE_FORM, .how = PAGE_BY_QR, .id = application_of(n)};
        result->pages[1] = (struct intake_page){.number = 1, .kind = PAGE_CERTIFICATE};
    }
    errand->operation =
        result->failed ? SIZE_MAX
                       : sim_history_call(intake->history, HISTORY_JOB,
                                          object_of(n, leased->key.kind),
                                          HISTORY_VERDICT, leased->attempt, 0,
                                          intake->sim->loop.now_us);
    submit(errand, command);
    free(command);
}

static struct known_job *job_of(struct sim_intake *intake, const struct job_key *key,
                                size_t *ret_paper) {
    for (size_t n = 0; n < intake->papers; n++) {
        struct job_key own = key_of(n, key->kind);
        if (memcmp(&own.subject, &key->subject, sizeof(own.subject)) == 0) {
            *ret_paper = n;
            return key->kind == JOB_SORT ? &intake->paper[n].sort
                                         : &intake->paper[n].read;
        }
    }
    return NULL;
}

/* `now_ms`: replicated time that the node knows with the answer. */
static void work_on(struct errand *errand, const struct leased *leased,
                    uint64_t now_ms) {
    struct sim_intake *intake = errand->intake;
    size_t n = 0;
    struct known_job *job = job_of(intake, &leased->key, &n);
    CHECK(job != NULL);
    sim_history_return(intake->history,
                       sim_history_call(intake->history, HISTORY_JOB,
                                        object_of(n, leased->key.kind), HISTORY_LEASE,
                                        leased->attempt, errand->base.node,
                                        errand->base.begun_us),
                       1, intake->sim->loop.now_us);
    if (leased->attempt == job->attempt) {
        sim_violation(intake->sim, "paper %zu: attempt %u was leased twice", n,
                      leased->attempt);
    }
    if (leased->attempt > job->attempt && job->attempt > 0 && !job->let_go &&
        now_ms < job->leased_ms + LEASE_MS) {
        sim_violation(intake->sim, "paper %zu: attempt %u while another is leased", n,
                      leased->attempt);
    }
    /* An older lease's answer may come after a newer one's result. */
    if (job->taken > 0 && leased->attempt > job->attempt) {
        sim_violation(intake->sim, "paper %zu: leased after its result was taken", n);
    }
    if (leased->attempt > job->attempt) {
        job->attempt = leased->attempt;
        job->leased_ms = errand->base.clock_ms;
        job->let_go = false;
    }
    uint64_t dice = sim_below(&intake->rng, 100);
    if (dice < 80) { /* else the worker dies with it */
        job->let_go = true;
        begin_result(errand, n, leased);
        if (dice < 20) { /* said twice, the second time perhaps otherwise */
            begin_result(errand, n, leased);
        }
    }
}

/* --- the desk --- */

static void begin_claim(struct sim_intake *intake) {
    if (intake->papers == 0) {
        return;
    }
    size_t n = sim_below(&intake->rng, intake->papers);
    struct errand *errand = errand_new(intake, ERRAND_CLAIM, n);
    errand->person = (unsigned)sim_below(&intake->rng, STAFF);
    struct command command = {
        .type = CMD_REVIEW_CLAIM,
        .review_claim = {.id = application_of(n),
                         .staff = sim_id(STAFF_IDS | errand->person),
                         .lease_ms = CLAIM_MS}};
    submit(errand, &command);
}

static void begin_decide(struct errand *claim, uint32_t number) {
    struct sim_intake *intake = claim->intake;
    struct errand *errand = errand_new(intake, ERRAND_DECIDE, claim->paper);
    bool approve = sim_percent(&intake->rng, 60);
    struct command command = {
        .type = CMD_REVIEW_DECIDE,
        .review_decide = {.id = application_of(claim->paper),
                          .staff = sim_id(STAFF_IDS | claim->person),
                          .claim = number,
                          .decision = approve ? REVIEW_APPROVE : REVIEW_DENY,
                          .defects = approve ? 0 : DEFECT_CERT_COPY}};
    if (approve) {
        command.review_decide.token = sim_key(NAME_LOGIN, 5, claim->paper);
        command.review_decide.token_ttl_ms = 1u << 30;
        command.review_decide.later.count = 1;
        command.review_decide.later.at[0] = (struct application_mail){
            .kind = APPLICATION_MAIL_EXPIRED,
            .after_s = 30u * 86400,
            .id = sim_id(MAIL_IDS | claim->paper),
            .sealed = span_str("mail"),
        };
    }
    errand->person = claim->person;
    submit(errand, &command);
}

/* --- answers --- */

static void answer_lease(struct errand *errand) {
    const struct sim *sim = errand->intake->sim;
    bool lives = sim->loop.life[errand->base.node] == errand->base.life;
    const struct sim_node *node = sim->node[errand->base.node];
    uint64_t now_ms = lives && node->repl != NULL ? sim_clock_of(node) : UINT64_MAX;
    struct outcome_leases leases;
    CHECK(outcome_leases_decode(errand->base.request.outcome.detail, &leases) == OK);
    for (size_t i = 0; i < leases.count; i++) {
        work_on(errand, &leases.jobs[i], now_ms);
    }
}

static void answer_result(struct errand *errand) {
    struct sim_intake *intake = errand->intake;
    size_t n = 0;
    struct known_job *job = job_of(intake, &errand->key, &n);
    struct command result;
    struct arena arena;
    arena_init(&arena, 1u << 16);
    CHECK(command_decode(CMD_JOB_RESULT, buf_span(&errand->base.payload), &arena, &result) ==
          OK);
    if (!result.job_result.failed && ++job->taken > 1) {
        sim_violation(intake->sim, "paper %zu: judged twice", n);
    }
    arena_close(&arena);
}

/* What its worker heard; without an answer it may have counted. */
static void answer_verdict(struct errand *errand) {
    struct sim_intake *intake = errand->intake;
    enum outcome_code code = errand->base.request.outcome.code;
    if (errand->operation == SIZE_MAX) {
        return;
    }
    if (code == OUT_JOB_LATE || code == OUT_NOT_FOUND) {
        sim_history_turned_out(intake->history, errand->operation, HISTORY_LATE);
    }
    if (code == OUT_OK || code == OUT_REPLAYED || code == OUT_JOB_LATE ||
        code == OUT_NOT_FOUND) {
        sim_history_return(intake->history, errand->operation, 1,
                           intake->sim->loop.now_us);
    }
}

static void answer_decide(struct errand *errand) {
    struct sim_intake *intake = errand->intake;
    struct outcome_decided decided;
    CHECK(outcome_decided_decode(errand->base.request.outcome.detail, &decided) == OK);
    if (!decided.needs_second && ++intake->paper[errand->paper].decided > 1) {
        sim_violation(intake->sim, "paper %zu: decided twice", errand->paper);
    }
}

static void answer_ok(struct errand *errand) {
    struct sim_intake *intake = errand->intake;
    struct outcome_claimed claimed;
    switch (errand->kind) {
    case ERRAND_APPLY:
        intake->paper[errand->paper].applied = true;
        begin_step(intake, errand->paper, ERRAND_BLOB);
        return;
    case ERRAND_BLOB:
        begin_step(intake, errand->paper, ERRAND_BUNDLE);
        return;
    case ERRAND_BUNDLE:
        intake->paper[errand->paper].bundled = true;
        return;
    case ERRAND_LEASE:
        answer_lease(errand);
        return;
    case ERRAND_RESULT:
        answer_result(errand);
        return;
    case ERRAND_CLAIM:
        CHECK(outcome_claimed_decode(errand->base.request.outcome.detail, &claimed) == OK);
        if (sim_percent(&intake->rng, 85)) { /* else the person goes home with it */
            begin_decide(errand, claimed.claim);
        }
        return;
    case ERRAND_DECIDE:
        answer_decide(errand);
        return;
    case ERRAND_STAFF:
    case ERRAND_BATCH:
        return;
    }
}

static void answer(struct sim_errand *base) {
    if (((struct errand *)base)->kind == ERRAND_RESULT) {
        answer_verdict((struct errand *)base);
    }
    if (base->request.outcome.code == OUT_OK) {
        answer_ok((struct errand *)base);
    }
}

/* --- turns --- */

struct turn {
    struct sim_intake *intake;
    uint64_t mean_us;
    void (*begin)(struct sim_intake *intake);
};

static void on_turn(struct sim *sim, unsigned owner, void *arg);

static void later(struct sim_intake *intake, uint64_t mean_us,
                  void (*begin)(struct sim_intake *intake)) {
    struct turn *turn = malloc(sizeof(*turn));
    CHECK(turn != NULL);
    *turn = (struct turn){intake, mean_us, begin};
    sim_after(&intake->sim->loop, sim_between(&intake->rng, 1, 2 * mean_us), 0,
              "intake.turn", on_turn, turn);
}

static void on_turn(struct sim *sim, unsigned owner, void *arg) {
    struct turn turn = *(struct turn *)arg;
    (void)sim;
    (void)owner;
    if (turn.intake->active) {
        turn.begin(turn.intake);
        later(turn.intake, turn.mean_us, turn.begin);
    }
}

static void begin_paper(struct sim_intake *intake) {
    /* The first ones may come before there is a leader: said again. */
    for (unsigned person = 0; person < STAFF && intake->papers < 8; person++) {
        put_staff(intake, person);
    }
    if (intake->papers < 8) {
        begin_step(intake, 0, ERRAND_BATCH);
    }
    if (intake->papers < PAPERS_MAX) {
        begin_step(intake, intake->papers++, ERRAND_APPLY);
    }
}

struct sim_intake *sim_intake_new(struct sim *sim, struct port_loop *loop,
                                  uint64_t seed, struct sim_history *history) {
    struct sim_intake *intake = calloc(1, sizeof(*intake));
    CHECK(intake != NULL);
    intake->sim = sim;
    intake->history = history;
    sim_rng_seed(&intake->rng, seed, 8);
    intake->errands = (struct sim_errands){
        .sim = sim, .loop = loop, .rng = &intake->rng, .answer = answer};
    return intake;
}

void sim_intake_free(struct sim_intake *intake) {
    sim_errands_close(&intake->errands);
    free(intake);
}

void sim_intake_begin(struct sim_intake *intake) {
    intake->active = true;
    later(intake, PAPER_EVERY_US, begin_paper);
    later(intake, WORK_EVERY_US, begin_lease);
    later(intake, DESK_EVERY_US, begin_claim);
}

void sim_intake_pause(struct sim_intake *intake) {
    intake->active = false;
}

bool sim_intake_idle(const struct sim_intake *intake) {
    return intake->errands.count == 0;
}

void sim_intake_lost(struct sim_intake *intake, unsigned node, uint64_t life) {
    sim_errands_lost(&intake->errands, node, life);
}

/* --- the end --- */

static void judge_paper(struct sim_intake *intake, struct sim_node *node, size_t n) {
    const struct paper *paper = &intake->paper[n];
    struct application_id id = application_of(n);
    struct application application = {.pages = 0};
    static struct intake_bundle bundle;
    struct arena arena;
    arena_init(&arena, 1u << 16);
    CHECK(store_read_begin(node->read) == OK);
    enum err err = store_application_get(node->read, &arena, &id, &application);
    enum err there = store_intake_bundle_get(node->read, bundle_of(n), &bundle);
    store_read_end(node->read);
    arena_close(&arena);
    if (paper->applied && err != OK) {
        sim_violation(intake->sim, "paper %zu: its application is lost", n);
    }
    if (paper->bundled && there != OK) {
        sim_violation(intake->sim, "paper %zu: its scans are lost", n);
    }
    if (paper->sort.taken > 0 && application.pages != 2) {
        sim_violation(intake->sim, "paper %zu: %u pages of 2", n, application.pages);
    }
}

void sim_intake_judge(struct sim_intake *intake) {
    struct sim *sim = intake->sim;
    for (unsigned id = 1; id <= sim->nodes_count; id++) {
        struct sim_node *node = sim->node[id];
        if (node->repl == NULL || node->removed) {
            continue;
        }
        for (size_t n = 0; n < intake->papers; n++) {
            judge_paper(intake, node, n);
        }
    }
}
