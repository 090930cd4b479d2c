/* The state machine: where copies of a blob stand, and which of them count.
 *
 * Members 1 and 4 are of Tokyo, 2 and 5 of Nagoya, 3 of Osaka. */
#include "tests/unit/store/unit.h"

#include "raft/fsm_limits.h"
#include "store/store_blob_node.h"
#include "tests/unit/raft/intake_fixture.h"

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

static enum outcome_code give(struct fsm_fixture *fx, struct command command) {
    return fsm_fixture_do(fx, &command);
}

static void past(struct fsm_fixture *fx, uint64_t ms) {
    fx->now_ms += ms;
    fsm_fixture_tick(fx);
}

static struct store_read *look(struct fsm_fixture *fx) {
    struct store_read *read;
    assert_ok(store_read_new(fx->store.store, &read));
    assert_ok(store_read_begin(read));
    return read;
}

static void look_end(struct store_read *read) {
    store_read_end(read);
    store_read_free(read);
}

static bool is_short(struct fsm_fixture *fx, uint64_t n) {
    struct store_read *read = look(fx);
    struct blob_id id = blob_id_of(n);
    bool found = false;
    assert_ok(store_blob_short(read, &id, &found));
    look_end(read);
    return found;
}

static size_t holders(struct fsm_fixture *fx, uint64_t n) {
    struct blob_row blob;
    assert_true(fixture_blob(fx, n, &blob));
    return blob.holders_count;
}

/* Until no walk is under way. */
static void walked(struct fsm_fixture *fx) {
    for (int i = 0; i < 100; i++) {
        struct store_read *read = look(fx);
        struct blob_walk walk;
        enum err err = store_blob_walk_get(read, &walk);
        look_end(read);
        if (err == ERR_NOT_FOUND) {
            return;
        }
        past(fx, 2);
    }
    fail_msg("the walk does not end");
}

static void gone(struct fsm_fixture *fx, uint64_t id) {
    struct store_read *read;
    struct member member;
    assert_code(give(fx, command_member_role(id, MEMBER_GONE)), OUT_OK);
    read = look(fx);
    assert_ok(store_member_get(read, id, &member));
    look_end(read);
    assert_code(give(fx, command_member_settle(id, member.changed_index)), OUT_OK);
}

static void two_copies_in_one_region_are_short_while_there_is_another(void **state) {
    struct fsm_fixture *fx = *state;

    assert_code(give(fx, command_seed(5)), OUT_OK);
    assert_code(give(fx, command_blob(1, 4)), OUT_OK); /* 1 and 4: Tokyo */
    assert_true(is_short(fx, 1));
    assert_code(give(fx, command_hold(5, 1, true)), OUT_OK);
    assert_false(is_short(fx, 1));
    assert_code(give(fx, command_blob(2, 3)), OUT_OK); /* Tokyo and Osaka */
    assert_false(is_short(fx, 2));
    assert_code(give(fx, command_hold(3, 2, false)), OUT_OK);
    assert_true(is_short(fx, 2));
}

static void two_nodes_of_one_region_alone_do(void **state) {
    struct fsm_fixture *fx = *state;
    struct command seed = command_seed(1);

    seed.member_seed.members[1] = seed.member_seed.members[0];
    seed.member_seed.members[1].id = 4;
    memcpy(seed.member_seed.members[1].address, "127.0.0.1:7004", 15);
    seed.member_seed.count = 2;
    assert_code(give(fx, seed), OUT_OK);
    assert_code(give(fx, command_blob(1, 0)), OUT_OK);
    assert_true(is_short(fx, 1));
    assert_code(give(fx, command_hold(4, 1, true)), OUT_OK);
    assert_false(is_short(fx, 1));
}

static void who_is_no_member_holds_nothing(void **state) {
    struct fsm_fixture *fx = *state;

    assert_code(give(fx, command_seed(3)), OUT_OK);
    assert_code(give(fx, command_blob(1, 9)), OUT_OK);
    assert_int_equal(holders(fx, 1), 1);
    assert_code(give(fx, command_hold(9, 1, true)), OUT_OK);
    assert_int_equal(holders(fx, 1), 1);
    assert_true(is_short(fx, 1));
    assert_code(give(fx, command_blob_node(9, 1000)), OUT_NOT_FOUND);
}

/* More blobs than one frame looks at. */
static void a_removed_member_is_no_holder_of_any(void **state) {
    struct fsm_fixture *fx = *state;
    const uint64_t blobs = 2 * FSM_BLOB_WALK_ROWS + 3;

    assert_code(give(fx, command_seed(3)), OUT_OK);
    for (uint64_t n = 1; n <= blobs; n++) {
        assert_code(give(fx, command_blob(n, 2)), OUT_OK);
        assert_code(give(fx, command_hold(3, n, n % 2 == 0)), OUT_OK);
    }
    walked(fx);
    assert_int_equal(fsm_fixture_rows(fx, "blob_short"), 0);
    gone(fx, 2);
    walked(fx);
    assert_int_equal(fsm_fixture_rows(fx, "blob_short"), (blobs + 1) / 2);
    for (uint64_t n = 1; n <= blobs; n++) {
        assert_int_equal(holders(fx, n), n % 2 == 0 ? 2 : 1);
        assert_int_equal(is_short(fx, n), n % 2 != 0);
    }
    assert_code(give(fx, command_hold(3, 1, true)), OUT_OK);
    assert_false(is_short(fx, 1));
}

static void a_node_that_is_silent_for_long_does_not_count_until_it_is_back(void **state) {
    struct fsm_fixture *fx = *state;
    const uint32_t lease = 10000;

    assert_code(give(fx, command_seed(3)), OUT_OK);
    for (uint64_t id = 1; id <= 3; id++) {
        assert_code(give(fx, command_blob_node(id, lease)), OUT_OK);
    }
    assert_code(give(fx, command_blob(1, 2)), OUT_OK);
    past(fx, lease + 1); /* all are doubted: the cluster was down, perhaps */
    walked(fx);
    assert_false(is_short(fx, 1));
    assert_code(give(fx, command_blob_node(1, 10 * lease)), OUT_OK);
    assert_code(give(fx, command_blob_node(3, 10 * lease)), OUT_OK);
    past(fx, lease - 10);
    walked(fx);
    assert_false(is_short(fx, 1));
    past(fx, 11);
    walked(fx);
    assert_true(is_short(fx, 1));
    assert_int_equal(holders(fx, 1), 2); /* what it has is still there, perhaps */
    assert_code(give(fx, command_blob_node(2, lease)), OUT_OK);
    walked(fx);
    assert_false(is_short(fx, 1));
}

static void a_lost_region_is_not_waited_for(void **state) {
    struct fsm_fixture *fx = *state;
    const uint32_t lease = 1000;

    assert_code(give(fx, command_seed(2)), OUT_OK); /* Tokyo, Nagoya */
    assert_code(give(fx, command_member_add(4)), OUT_OK);
    assert_code(give(fx, command_blob_node(1, 100 * lease)), OUT_OK);
    assert_code(give(fx, command_blob_node(4, 100 * lease)), OUT_OK);
    assert_code(give(fx, command_blob_node(2, lease)), OUT_OK);
    assert_code(give(fx, command_blob(1, 4)), OUT_OK);
    assert_true(is_short(fx, 1));
    past(fx, lease + 1);
    past(fx, lease + 1);
    walked(fx);
    assert_false(is_short(fx, 1)); /* nobody elsewhere could take it */
    assert_code(give(fx, command_blob_node(2, lease)), OUT_OK);
    walked(fx);
    assert_true(is_short(fx, 1));
}

static void a_new_member_that_never_comes_up_is_lost(void **state) {
    struct fsm_fixture *fx = *state;

    assert_code(give(fx, command_seed(1)), OUT_OK);
    assert_code(give(fx, command_member_add(2)), OUT_OK);
    assert_code(give(fx, command_blob_node(1, UINT32_MAX)), OUT_OK);
    past(fx, FSM_BLOB_FIRST_MS + 1);
    past(fx, FSM_BLOB_DOUBT_MS + 1);
    struct store_read *read = look(fx);
    struct blob_places places;
    assert_ok(store_blob_places(read, &places));
    look_end(read);
    assert_int_equal(places.count, 2);
    assert_int_equal(store_blob_places_up(&places), 1);
}

static bool is_up(void *arg, uint64_t node) {
    return node != *(uint64_t *)arg;
}

static void each_blob_has_its_turns_and_other_regions_come_first(void **state) {
    struct fsm_fixture *fx = *state;
    size_t firsts[6] = {0};
    struct store_read *read;
    struct blob_places places;
    struct blob_row blob;

    assert_code(give(fx, command_seed(5)), OUT_OK);
    read = look(fx);
    assert_ok(store_blob_places(read, &places));
    look_end(read);
    for (uint64_t n = 1; n <= 300; n++) {
        bool seen[4] = {false};
        size_t turn = 9;
        blob = (struct blob_row){.id = blob_id_of(n * 0x9e3779b97f4a7c15ull),
                                 .size = 1, .holders_count = 1, .holders = {1}};
        assert_false(store_blob_turn(&places, &blob, 1, NULL, NULL, &turn));
        for (uint64_t node = 2; node <= 5; node++) {
            assert_true(store_blob_turn(&places, &blob, node, NULL, NULL, &turn));
            assert_true(turn < 4 && !seen[turn]);
            seen[turn] = true;
            firsts[node] += turn == 0 ? 1 : 0;
            if (turn > 0) { /* the first one is down: one is up in its place */
                uint64_t down = 0;
                size_t without;
                for (uint64_t other = 2; other <= 5; other++) {
                    size_t theirs;
                    assert_true(store_blob_turn(&places, &blob, other, NULL, NULL,
                                                &theirs));
                    down = theirs == 0 ? other : down;
                }
                assert_true(store_blob_turn(&places, &blob, node, is_up, &down,
                                            &without));
                assert_int_equal(without, turn - 1);
            }
        }
        blob.holders_count = 2; /* two of Tokyo: only others are asked */
        blob.holders[1] = 4;
        assert_true(store_blob_turn(&places, &blob, 3, NULL, NULL, &turn));
        blob.holders[1] = 3;
        assert_false(store_blob_turn(&places, &blob, 4, NULL, NULL, &turn));
    }
    assert_int_equal(firsts[4], 0); /* Tokyo has it already */
    for (uint64_t node = 2; node <= 5; node++) {
        assert_true(node == 4 || firsts[node] > 50);
    }
}

static struct command give_back(uint64_t node, uint64_t n) {
    struct command c = command_hold(node, n, false);
    c.blob_hold.give_back = true;
    return c;
}

/* A node that was lost is back: one copy may go, whoever asks first. */
static void a_copy_too_many_is_given_back_once(void **state) {
    struct fsm_fixture *fx = *state;
    struct blob_row blob;

    assert_code(give(fx, command_seed(3)), OUT_OK);
    assert_code(give(fx, command_blob(1, 2)), OUT_OK);
    walked(fx);
    assert_code(give(fx, give_back(2, 1)), OUT_OK);
    assert_int_equal(holders(fx, 1), 2); /* it is wanted */
    assert_code(give(fx, command_hold(3, 1, true)), OUT_OK);
    assert_code(give(fx, give_back(9, 1)), OUT_OK);
    assert_int_equal(holders(fx, 1), 3);
    assert_code(give(fx, give_back(1, 1)), OUT_OK);
    assert_code(give(fx, give_back(2, 1)), OUT_OK);
    assert_int_equal(holders(fx, 1), 2);
    assert_true(fixture_blob(fx, 1, &blob));
    assert_false(store_blob_held_by(&blob, 1));
    assert_false(is_short(fx, 1));
}

static void a_copy_is_kept_for_its_region_or_in_doubt(void **state) {
    struct fsm_fixture *fx = *state;
    const uint32_t lease = 10000;
    struct blob_row blob;

    assert_code(give(fx, command_seed(5)), OUT_OK);
    for (uint64_t id = 1; id <= 5; id++) {
        assert_code(give(fx, command_blob_node(id, id == 5 ? lease : 100 * lease)), OUT_OK);
    }
    assert_code(give(fx, command_blob(1, 4)), OUT_OK); /* Tokyo twice */
    assert_code(give(fx, command_hold(3, 1, true)), OUT_OK);
    walked(fx);
    past(fx, lease + 1); /* node 5 is silent: nobody knows what is wanted */
    assert_code(give(fx, give_back(4, 1)), OUT_OK);
    assert_int_equal(holders(fx, 1), 3);
    assert_code(give(fx, command_blob_node(5, lease)), OUT_OK);
    assert_code(give(fx, give_back(3, 1)), OUT_OK); /* Osaka's only one */
    assert_int_equal(holders(fx, 1), 3);
    assert_code(give(fx, give_back(4, 1)), OUT_OK);
    assert_true(fixture_blob(fx, 1, &blob));
    assert_int_equal(blob.holders_count, 2);
    assert_false(store_blob_held_by(&blob, 4));
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(two_copies_in_one_region_are_short_while_there_is_another),
        TEST(two_nodes_of_one_region_alone_do),
        TEST(who_is_no_member_holds_nothing),
        TEST(a_removed_member_is_no_holder_of_any),
        TEST(a_node_that_is_silent_for_long_does_not_count_until_it_is_back),
        TEST(a_lost_region_is_not_waited_for),
        TEST(a_new_member_that_never_comes_up_is_lost),
        TEST(each_blob_has_its_turns_and_other_regions_come_first),
        TEST(a_copy_too_many_is_given_back_once),
        TEST(a_copy_is_kept_for_its_region_or_in_doubt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
