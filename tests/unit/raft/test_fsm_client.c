/* The state machine: relying parties, their onboarding and their secrets. */
#include "tests/unit/store/unit.h"

#include <stdio.h>

#include "store/store_client.h"
#include "tests/unit/raft/fsm_fixture.h"

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

static struct client row(struct fsm_fixture *fx) {
    struct store_read *read;
    struct client client;
    assert_ok(store_read_new(fx->store.store, &read));
    assert_ok(store_read_begin(read));
    assert_ok(store_client_get(read, &fx->arena, span_str("rp"), &client));
    store_read_end(read);
    store_read_free(read);
    return client;
}

static enum outcome_code put(struct fsm_fixture *fx, enum client_stage stage,
                             uint8_t secret, bool replace) {
    struct command command = command_client("rp");
    command.client_put.client.stage = stage;
    command.client_put.client.secret_hash[0] = secret;
    command.client_put.replace = replace;
    return fsm_fixture_do(fx, &command);
}

static enum outcome_code go(struct fsm_fixture *fx, enum client_stage stage) {
    struct command command = {
        .type = CMD_CLIENT_CHANGE,
        .client_change = {.client_id = "rp", .stage = stage}};
    return fsm_fixture_do(fx, &command);
}

static enum outcome_code rotate(struct fsm_fixture *fx, uint8_t secret,
                                uint32_t overlap_ms) {
    struct command command = {.type = CMD_CLIENT_CHANGE,
                              .client_change = {.client_id = "rp",
                                                .has_secret = true,
                                                .secret_hash = {secret},
                                                .overlap_ms = overlap_ms}};
    return fsm_fixture_do(fx, &command);
}

/* Every pair of stages. */
static void only_these_steps(void **state) {
    static const struct {
        enum client_stage from, to;
    } steps[] = {
        {CLIENT_APPLIED, CLIENT_IN_VERIFICATION},
        {CLIENT_IN_VERIFICATION, CLIENT_APPROVED},
        {CLIENT_APPROVED, CLIENT_LIVE},
        {CLIENT_IN_VERIFICATION, CLIENT_SUSPENDED},
        {CLIENT_APPROVED, CLIENT_SUSPENDED},
        {CLIENT_LIVE, CLIENT_SUSPENDED},
        {CLIENT_SUSPENDED, CLIENT_IN_VERIFICATION}, /* it was registered so */
    };
    struct fsm_fixture *fx = *state;
    for (int from = CLIENT_APPLIED; from <= CLIENT_RETIRED; from++) {
        for (int to = CLIENT_APPLIED; to <= CLIENT_RETIRED; to++) {
            bool good = to == CLIENT_RETIRED && from != CLIENT_RETIRED;
            for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
                good = good || ((int)steps[i].from == from && (int)steps[i].to == to);
            }
            char id[16];
            snprintf(id, sizeof id, "rp-%d-%d", from, to);
            struct command made = command_client(id);
            made.client_put.client.stage = (enum client_stage)from;
            assert_code(fsm_fixture_do(fx, &made), OUT_OK);
            struct command command = {
                .type = CMD_CLIENT_CHANGE,
                .client_change = {.client_id = id, .stage = (enum client_stage)to}};
            assert_code(fsm_fixture_do(fx, &command), good ? OUT_OK : OUT_CLIENT_STATE);
        }
    }
}

static void a_suspended_one_goes_back_to_what_it_was(void **state) {
    struct fsm_fixture *fx = *state;
    assert_code(put(fx, CLIENT_APPROVED, 1, false), OUT_OK);
    assert_code(go(fx, CLIENT_SUSPENDED), OUT_OK);
    assert_code(go(fx, CLIENT_LIVE), OUT_CLIENT_STATE);
    assert_code(go(fx, CLIENT_IN_VERIFICATION), OUT_CLIENT_STATE);
    assert_code(go(fx, CLIENT_APPROVED), OUT_OK);
    assert_int_equal(row(fx).suspended_from, 0);
    assert_code(go(fx, CLIENT_LIVE), OUT_OK);
    struct command nobody = {
        .type = CMD_CLIENT_CHANGE,
        .client_change = {.client_id = "nobody", .stage = CLIENT_LIVE}};
    assert_code(fsm_fixture_do(fx, &nobody), OUT_NOT_FOUND);
}

static void a_replacement_keeps_stage_and_secret(void **state) {
    struct fsm_fixture *fx = *state;
    assert_code(put(fx, CLIENT_LIVE, 0, true), OUT_CLIENT_STATE); /* whose secret? */
    assert_code(put(fx, CLIENT_LIVE, 1, true), OUT_OK);
    assert_code(put(fx, CLIENT_LIVE, 1, false), OUT_EXISTS);
    assert_code(go(fx, CLIENT_SUSPENDED), OUT_OK);
    assert_code(rotate(fx, 2, HOUR_MS), OUT_OK);
    assert_code(put(fx, CLIENT_LIVE, 0, true), OUT_OK);
    struct client client = row(fx);
    assert_int_equal(client.stage, CLIENT_SUSPENDED);
    assert_int_equal(client.suspended_from, CLIENT_LIVE);
    assert_int_equal(client.secret_hash[0], 2);
    assert_int_equal(client.old_secret_hash[0], 1);
    assert_code(put(fx, CLIENT_LIVE, 9, true), OUT_OK);
    client = row(fx);
    assert_int_equal(client.secret_hash[0], 9);
    assert_int_equal(client.old_secret_until_ms, 0);
    assert_code(go(fx, CLIENT_RETIRED), OUT_OK);
    assert_code(put(fx, CLIENT_LIVE, 9, true), OUT_CLIENT_STATE);
    assert_code(rotate(fx, 3, 0), OUT_CLIENT_STATE);
}

static void two_secrets_and_never_three(void **state) {
    struct fsm_fixture *fx = *state;
    assert_code(put(fx, CLIENT_LIVE, 1, false), OUT_OK);
    assert_code(rotate(fx, 2, HOUR_MS), OUT_OK);
    struct client client = row(fx);
    assert_int_equal(client.old_secret_hash[0], 1);
    assert_true(client.old_secret_until_ms > fx->now_ms);
    assert_code(rotate(fx, 3, MINUTE_MS), OUT_OK);
    client = row(fx);
    assert_int_equal(client.secret_hash[0], 3);
    assert_int_equal(client.old_secret_hash[0], 2);
    assert_code(rotate(fx, 4, 0), OUT_OK);
    client = row(fx);
    assert_int_equal(client.old_secret_hash[0], 0);
    assert_int_equal(client.old_secret_until_ms, 0);
    struct command keys = command_client("keys");
    keys.client_put.client.auth = CLIENT_AUTH_PRIVATE_KEY_JWT;
    assert_code(fsm_fixture_do(fx, &keys), OUT_OK);
    struct command command = {
        .type = CMD_CLIENT_CHANGE,
        .client_change = {.client_id = "keys", .has_secret = true, .secret_hash = {1}}};
    assert_code(fsm_fixture_do(fx, &command), OUT_CLIENT_STATE);
}

/* Two that were made from one state cannot both be taken. */
static void a_change_of_what_is_no_more_is_refused(void **state) {
    struct fsm_fixture *fx = *state;
    struct command command = command_client("rp");
    command.client_put.replace = true;
    command.client_put.revision = 1;
    assert_code(fsm_fixture_do(fx, &command), OUT_CLIENT_STATE); /* there is none */
    assert_code(put(fx, CLIENT_LIVE, 1, false), OUT_OK);
    assert_int_equal(row(fx).revision, 1);
    assert_code(fsm_fixture_do(fx, &command), OUT_OK);
    assert_code(fsm_fixture_do(fx, &command), OUT_CLIENT_STATE);
    assert_int_equal(row(fx).revision, 2);
    struct command change = {.type = CMD_CLIENT_CHANGE,
                             .client_change = {.client_id = "rp",
                                               .stage = CLIENT_SUSPENDED,
                                               .revision = 1}};
    assert_code(fsm_fixture_do(fx, &change), OUT_CLIENT_STATE);
    change.client_change.revision = 2;
    assert_code(fsm_fixture_do(fx, &change), OUT_OK);
    assert_int_equal(row(fx).revision, 3);
    assert_code(put(fx, CLIENT_LIVE, 1, true), OUT_OK); /* any */
    assert_int_equal(row(fx).revision, 4);
}

static void what_lets_it_register_is_used_up(void **state) {
    struct fsm_fixture *fx = *state;
    struct command one = command_client("one"), two = command_client("two");
    one.client_put.client.registration_hash[0] = 7;
    one.client_put.client.features = CLIENT_DYNAMIC;
    one.client_put.proofs.count = two.client_put.proofs.count = 1;
    one.client_put.proofs.at[0] = two.client_put.proofs.at[0] =
        (struct proof){.key = key_of(1), .ttl_ms = HOUR_MS};
    assert_code(fsm_fixture_do(fx, &one), OUT_OK);
    assert_code(fsm_fixture_do(fx, &two), OUT_PROOF_REPLAYED);
    /* An operator's replacement leaves it to its registrant. */
    one = command_client("one");
    one.client_put.replace = true;
    assert_code(fsm_fixture_do(fx, &one), OUT_OK);
    struct store_read *read;
    struct client client;
    assert_ok(store_read_new(fx->store.store, &read));
    assert_ok(store_read_begin(read));
    assert_ok(store_client_get(read, &fx->arena, span_str("one"), &client));
    assert_int_equal(store_client_get(read, &fx->arena, span_str("two"), &client),
                     ERR_NOT_FOUND);
    store_read_end(read);
    store_read_free(read);
    assert_int_equal(client.registration_hash[0], 7);
    assert_int_equal(client.features, CLIENT_DYNAMIC);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(only_these_steps),
        TEST(a_suspended_one_goes_back_to_what_it_was),
        TEST(a_replacement_keeps_stage_and_secret),
        TEST(two_secrets_and_never_three),
        TEST(a_change_of_what_is_no_more_is_refused),
        TEST(what_lets_it_register_is_used_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
