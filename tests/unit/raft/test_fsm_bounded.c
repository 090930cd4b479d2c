/* The state machine under a constant load for days: it stops growing. */
#include "tests/unit/store/unit.h"

#include <stdlib.h>

#include "tests/unit/raft/fsm_fixture.h"

#define STEP_MS (2 * MINUTE_MS)
#define STEPS_A_DAY (24 * HOUR_MS / STEP_MS)
#define DAYS 4 /* refresh tokens, the longest of all, live for one */

static const char *const tables[] = {"session", "session_grant", "grant",   "access",
                                     "refresh", "proof",         "request", "attempts",
                                     "outcome", "expiry"};
#define TABLES (sizeof tables / sizeof tables[0])

static void add(struct fsm_fixture *fx, struct buf *envelopes, uint16_t *count,
                struct command command) {
    struct envelope envelope = {.node = FIXTURE_NODE,
                                .boot = FIXTURE_BOOT,
                                .seq = fx->seq,
                                .low = fx->seq > 20 ? fx->seq - 20 : 0,
                                .type = command.type,
                                .payload = fsm_fixture_payload(fx, &command)};

    fx->seq++;
    envelope_encode(&envelope, envelopes);
    (*count)++;
}

/* What one step brings: `n` is new in each. */
static void one_step(struct fsm_fixture *fx, uint64_t n) {
    struct command login = command_login(1, n), issue = command_issue(n, n);
    struct command redeem = command_redeem(n, n), refresh = command_refresh(n, n + 1);
    struct command wrong = command_login(1, n), push = command_push(n);
    struct buf envelopes, frame;
    uint16_t count = 0;

    arena_reset(&fx->arena);
    buf_init(&envelopes, LIMIT_FRAME);
    buf_init(&frame, LIMIT_FRAME);
    /* Beside the next step's tokens, which have numbers of their own. */
    refresh.token_refresh.next_refresh.b[15] = 1;
    refresh.token_refresh.next_access.b[15] = 1;
    redeem.grant_redeem.proofs = command_proofs(10 * n, 2).proof_use.proofs;
    wrong.login.known = wrong.login.password_ok = false;
    wrong.login.sub = (struct id128){{0}};
    wrong.login.login_index.b[0] = (uint8_t)n; /* strangers, by the hundred */
    wrong.login.login_index.b[1] = (uint8_t)(n >> 8);
    add(fx, &envelopes, &count, login);
    add(fx, &envelopes, &count, wrong);
    add(fx, &envelopes, &count, push);
    add(fx, &envelopes, &count, issue);
    add(fx, &envelopes, &count, redeem);
    add(fx, &envelopes, &count, refresh);
    add(fx, &envelopes, &count, (struct command){.type = CMD_TICK});
    assert_ok(frame_encode(1, fx->now_ms, count, buf_span(&envelopes), &frame));
    fx->told = 0;
    assert_ok(fsm_apply(fx->fsm, ++fx->index, buf_span(&frame), NULL, NULL));
    buf_free(&envelopes);
    buf_free(&frame);
    fx->now_ms += STEP_MS;
}

struct size {
    uint64_t rows[TABLES], audit, bytes;
};

/* A record and its places in the index, without a sealed origin. */
#define AUDIT_RECORD_BYTES 300

static struct size measure(struct fsm_fixture *fx) {
    struct size size = {.audit = fsm_fixture_rows(fx, "audit"),
                        .bytes = store_used_bytes(fx->store.store)};

    for (size_t i = 0; i < TABLES; i++) {
        size.rows[i] = fsm_fixture_rows(fx, tables[i]);
    }
    return size;
}

static void a_constant_load_fills_nothing(void **state) {
    struct fsm_fixture *fx = calloc(1, sizeof *fx);
    struct size day[DAYS] = {{{0}, 0, 0}};
    uint64_t kept;
    (void)state;

    assert_non_null(fx);
    fsm_fixture_open(fx);
    fsm_fixture_sign_in(fx);
    for (uint64_t step = 0; step < DAYS * STEPS_A_DAY; step++) {
        one_step(fx, 2 + step);
        if ((step + 1) % STEPS_A_DAY == 0) {
            day[step / STEPS_A_DAY] = measure(fx);
        }
    }
    for (size_t i = 0; i < TABLES; i++) {
        print_message("%-14s", tables[i]);
        for (size_t d = 0; d < DAYS; d++) {
            print_message(" %8llu", (unsigned long long)day[d].rows[i]);
        }
        print_message("\n");
    }
    for (size_t d = 0; d < DAYS; d++) {
        print_message("day %zu: %llu bytes\n", d, (unsigned long long)day[d].bytes);
    }
    for (size_t i = 0; i < TABLES; i++) {
        assert_true(day[1].rows[i] > 0);
        assert_true(day[DAYS - 1].rows[i] <= day[1].rows[i] + day[1].rows[i] / 20 + 4);
    }
    /* The audit is kept for years; what it takes is known (raft/fsm_limits.h). */
    kept = (day[DAYS - 1].audit - day[1].audit) * AUDIT_RECORD_BYTES;
    assert_int_equal(day[DAYS - 1].audit - day[DAYS - 2].audit, 2 * STEPS_A_DAY);
    assert_true(day[DAYS - 1].bytes <= day[1].bytes + day[1].bytes / 10 + kept);
    fsm_fixture_close(fx);
    free(fx);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_constant_load_fills_nothing)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
