/* The state machine: the life of signing keys (store/store_key.h). */
#include "tests/unit/store/unit.h"

#include <stdio.h>

#include "store/store_key.h"
#include "tests/unit/raft/fsm_fixture.h"

#define DELAY_MS (10 * MINUTE_MS)
#define KEEP_MS HOUR_MS

static int setup(void **state) {
    struct fsm_fixture *fx = calloc(1, sizeof *fx);
    assert_non_null(fx);
    fsm_fixture_open(fx);
    *state = fx;
    return 0;
}

static int teardown(void **state) {
    struct fsm_fixture *fx = *state;
    fsm_fixture_close(fx);
    free(fx);
    return 0;
}

static struct command add(const char *kid, const char *replaces) {
    return (struct command){.type = CMD_KEY_ADD,
                            .key_add = {.key = {.kid = kid,
                                                .alg = KEY_ES256,
                                                .public_jwk = span_str("{}"),
                                                .sealed_private = span_str("x")},
                                        .replaces = replaces,
                                        .delay_ms = DELAY_MS,
                                        .keep_ms = KEEP_MS}};
}

static enum outcome_code do_add(struct fsm_fixture *fx, const char *kid,
                                const char *replaces) {
    struct command command = add(kid, replaces);
    return fsm_fixture_do(fx, &command);
}

static enum outcome_code do_revoke(struct fsm_fixture *fx, const char *kid,
                                   const char *replacement) {
    struct command command = {
        .type = CMD_KEY_REVOKE,
        .key_revoke = {.revoked = kid, .replacement = add(replacement, "").key_add}};
    return fsm_fixture_do(fx, &command);
}

struct seen {
    const char *kid;
    uint64_t now_ms;
    size_t active; /* keys that sign at now_ms */
    enum key_state state;
    bool found;
};

static bool see(void *arg, const struct signing_key *key) {
    struct seen *seen = arg;
    enum key_state state = store_key_state(key, seen->now_ms);

    seen->active += state == KEY_ACTIVE ? 1 : 0;
    if (strcmp(key->kid, seen->kid) == 0) {
        seen->found = true;
        seen->state = state;
    }
    return true;
}

/* The key's state now; 0: it is gone. One key signs at every moment (K2). */
static enum key_state state_of(struct fsm_fixture *fx, const char *kid) {
    struct seen seen = {.kid = kid, .now_ms = fx->now_ms};
    struct store_read *read;

    assert_ok(store_read_new(fx->store.store, &read));
    assert_ok(store_read_begin(read));
    assert_ok(store_key_walk(read, &fx->arena, see, &seen));
    store_read_end(read);
    store_read_free(read);
    assert_int_equal(seen.active, 1);
    return seen.found ? seen.state : (enum key_state)0;
}

static void a_key_is_published_before_it_signs(void **state) {
    struct fsm_fixture *fx = *state;

    assert_code(do_add(fx, "a", ""), OUT_OK);
    assert_int_equal(state_of(fx, "a"), KEY_ACTIVE);
    assert_code(do_add(fx, "b", "a"), OUT_OK);
    fx->now_ms += DELAY_MS - 1;
    assert_int_equal(state_of(fx, "a"), KEY_ACTIVE);
    assert_int_equal(state_of(fx, "b"), KEY_PUBLISHED);
    fx->now_ms += 1;
    assert_int_equal(state_of(fx, "a"), KEY_RETIRED);
    assert_int_equal(state_of(fx, "b"), KEY_ACTIVE);
    fx->now_ms += KEEP_MS - 1;
    (void)fsm_fixture_tick(fx);
    assert_int_equal(state_of(fx, "a"), KEY_RETIRED);
    fx->now_ms += 1;
    (void)fsm_fixture_tick(fx);
    assert_int_equal(state_of(fx, "a"), 0);
    assert_int_equal(fsm_fixture_rows(fx, "key"), 1);
    assert_int_equal(fsm_fixture_rows(fx, "expiry"), 0);
}

/* Two nodes rotate at once: the first is the successor. */
static void one_successor_wins(void **state) {
    struct fsm_fixture *fx = *state;

    assert_code(do_add(fx, "a", ""), OUT_OK);
    assert_code(do_add(fx, "a2", ""), OUT_EXISTS);
    assert_code(do_add(fx, "b", "a"), OUT_OK);
    assert_code(do_add(fx, "b2", "a"), OUT_EXISTS);
    assert_code(do_add(fx, "c", "b"), OUT_CHANGING);
    fx->now_ms += DELAY_MS;
    assert_code(do_add(fx, "b", "b"), OUT_EXISTS); /* the kid is taken */
    assert_code(do_add(fx, "c", "b"), OUT_OK);
    assert_int_equal(fsm_fixture_rows(fx, "key"), 3);
}

static void algorithms_have_keys_of_their_own(void **state) {
    struct fsm_fixture *fx = *state;
    struct command other = add("rs", "");

    assert_code(do_add(fx, "a", ""), OUT_OK);
    other.key_add.key.alg = KEY_RS256;
    assert_code(fsm_fixture_do(fx, &other), OUT_OK);
    other = add("ps", "rs");
    other.key_add.key.alg = KEY_PS256;
    assert_code(fsm_fixture_do(fx, &other), OUT_EXISTS); /* has none to replace */
    other.key_add.replaces = "";
    assert_code(fsm_fixture_do(fx, &other), OUT_OK);
    assert_int_equal(fsm_fixture_rows(fx, "key"), 3);
}

static void a_revoked_key_is_gone_and_another_signs(void **state) {
    struct fsm_fixture *fx = *state;

    assert_code(do_add(fx, "a", ""), OUT_OK);
    assert_code(do_revoke(fx, "z", "b"), OUT_NOT_FOUND);
    assert_code(do_revoke(fx, "a", "a"), OUT_EXISTS);
    assert_code(do_revoke(fx, "a", "b"), OUT_OK);
    assert_int_equal(state_of(fx, "a"), 0);
    assert_int_equal(state_of(fx, "b"), KEY_ACTIVE);
}

static void a_published_key_is_revoked(void **state) {
    struct fsm_fixture *fx = *state;

    assert_code(do_add(fx, "a", ""), OUT_OK);
    assert_code(do_add(fx, "b", "a"), OUT_OK);
    fx->now_ms += DELAY_MS / 2;
    assert_code(do_revoke(fx, "b", "c"), OUT_OK);
    assert_int_equal(state_of(fx, "b"), 0);
    fx->now_ms += DELAY_MS - 1;
    assert_int_equal(state_of(fx, "a"), KEY_ACTIVE);
    fx->now_ms += 1;
    assert_int_equal(state_of(fx, "c"), KEY_ACTIVE);
    assert_int_equal(state_of(fx, "a"), KEY_RETIRED);
}

/* The one that signs goes while its successor waits: the replacement keeps its end. */
static void the_active_one_of_two_is_revoked(void **state) {
    struct fsm_fixture *fx = *state;

    assert_code(do_add(fx, "a", ""), OUT_OK);
    assert_code(do_add(fx, "b", "a"), OUT_OK);
    assert_code(do_revoke(fx, "a", "c"), OUT_OK);
    assert_int_equal(state_of(fx, "c"), KEY_ACTIVE);
    assert_int_equal(state_of(fx, "b"), KEY_PUBLISHED);
    fx->now_ms += DELAY_MS;
    assert_int_equal(state_of(fx, "c"), KEY_RETIRED);
    assert_int_equal(state_of(fx, "b"), KEY_ACTIVE);
    assert_code(do_revoke(fx, "c", "d"), OUT_OK); /* nothing takes its place */
    assert_int_equal(state_of(fx, "c"), 0);
    assert_int_equal(state_of(fx, "d"), 0);
    assert_int_equal(fsm_fixture_rows(fx, "key"), 1);
}

static void keys_are_bounded(void **state) {
    struct fsm_fixture *fx = *state;
    char kid[16], last[16] = "";
    enum outcome_code code = OUT_OK;
    size_t count = 0;

    while (code == OUT_OK && count < 100) {
        struct command command;

        snprintf(kid, sizeof kid, "k%zu", count);
        command = add(kid, last);
        command.key_add.delay_ms = 1;
        command.key_add.keep_ms = UINT32_MAX;
        fx->now_ms += 2;
        code = fsm_fixture_do(fx, &command);
        count += code == OUT_OK ? 1 : 0;
        memcpy(last, kid, sizeof last);
    }
    assert_code(code, OUT_FULL);
    assert_int_equal(count, LIMIT_SIGNING_KEYS);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_key_is_published_before_it_signs),
        TEST(one_successor_wins),
        TEST(algorithms_have_keys_of_their_own),
        TEST(a_revoked_key_is_gone_and_another_signs),
        TEST(a_published_key_is_revoked),
        TEST(the_active_one_of_two_is_revoked),
        TEST(keys_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
