/* Rules of membership: one change at a time, ids once, never without a voter. */
#include "tests/unit/store/unit.h"

#include "store/store_table.h"
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

static enum outcome_code give(struct fsm_fixture *fx, struct command command) {
    return fsm_fixture_do(fx, &command);
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

static struct member member(struct fsm_fixture *fx, uint64_t id) {
    struct store_read *read = look(fx);
    struct member found;
    assert_ok(store_member_get(read, id, &found));
    look_end(read);
    return found;
}

static size_t listed(struct fsm_fixture *fx, struct member members[LIMIT_NODES]) {
    struct store_read *read = look(fx);
    size_t count;
    assert_ok(store_member_list(read, members, &count));
    look_end(read);
    return count;
}

static void settle(struct fsm_fixture *fx, uint64_t id) {
    assert_code(give(fx, command_member_settle(id, member(fx, id).changed_index)),
                OUT_OK);
    assert_true(member(fx, id).settled);
}

static void a_cluster_is_seeded_once(void **state) {
    struct fsm_fixture *fx = *state;
    struct member members[LIMIT_NODES];

    assert_int_equal(listed(fx, members), 0);
    assert_code(give(fx, command_member_add(4)), OUT_MEMBER_STATE);
    assert_code(give(fx, command_seed(3)), OUT_OK);
    assert_int_equal(listed(fx, members), 3);
    for (uint64_t id = 1; id <= 3; id++) {
        const struct member *m = &members[id - 1];
        assert_int_equal(m->id, id);
        assert_int_equal(m->role, MEMBER_VOTER);
        assert_int_equal(m->was, MEMBER_VOTER);
        assert_true(m->settled);
    }
    assert_string_equal(members[1].address, "127.0.0.1:7002");
    assert_string_equal(members[1].region, "nagoya");
    assert_code(give(fx, command_seed(5)), OUT_EXISTS);
    assert_int_equal(listed(fx, members), 3);
}

static void a_node_is_added_promoted_and_removed(void **state) {
    struct fsm_fixture *fx = *state;
    struct member members[LIMIT_NODES];
    struct member m;

    assert_code(give(fx, command_seed(3)), OUT_OK);
    assert_code(give(fx, command_member_add(4)), OUT_OK);
    m = member(fx, 4);
    assert_int_equal(m.role, MEMBER_STANDBY);
    assert_int_equal(m.was, MEMBER_GONE);
    assert_false(m.settled);
    assert_int_equal(m.changed_index, fx->outcome.index);
    settle(fx, 4);
    assert_int_equal(member(fx, 4).was, MEMBER_STANDBY);

    assert_code(give(fx, command_member_role(4, MEMBER_VOTER)), OUT_OK);
    m = member(fx, 4);
    assert_int_equal(m.role, MEMBER_VOTER);
    assert_int_equal(m.was, MEMBER_STANDBY);
    assert_false(m.settled);
    settle(fx, 4);
    assert_code(give(fx, command_member_role(4, MEMBER_VOTER)), OUT_MEMBER_STATE);

    assert_code(give(fx, command_member_role(4, MEMBER_GONE)), OUT_OK);
    m = member(fx, 4);
    assert_int_equal(m.was, MEMBER_VOTER);
    assert_int_equal(listed(fx, members), 4); /* leaving */
    assert_int_equal(members[3].role, MEMBER_GONE);
    assert_code(give(fx, command_member_role(4, MEMBER_GONE)), OUT_MEMBER_STATE);
    settle(fx, 4);
    assert_int_equal(listed(fx, members), 3);
    assert_int_equal(member(fx, 4).role, MEMBER_GONE);
    assert_code(give(fx, command_member_add(4)), OUT_EXISTS); /* B2 */
    assert_code(give(fx, command_member_role(4, MEMBER_VOTER)), OUT_MEMBER_STATE);
    assert_code(give(fx, command_member_role(5, MEMBER_VOTER)), OUT_NOT_FOUND);
}

static void one_change_at_a_time(void **state) {
    struct fsm_fixture *fx = *state;

    assert_code(give(fx, command_seed(3)), OUT_OK);
    assert_code(give(fx, command_member_add(4)), OUT_OK);
    assert_code(give(fx, command_member_add(5)), OUT_CHANGING);
    assert_code(give(fx, command_member_role(4, MEMBER_VOTER)), OUT_CHANGING);
    assert_code(give(fx, command_member_role(1, MEMBER_GONE)), OUT_CHANGING);
    settle(fx, 4);
    assert_code(give(fx, command_member_role(1, MEMBER_GONE)), OUT_OK);
    assert_code(give(fx, command_member_role(4, MEMBER_VOTER)), OUT_CHANGING);
    assert_code(give(fx, command_member_role(2, MEMBER_GONE)), OUT_CHANGING);
    assert_code(give(fx, command_member_add(5)), OUT_CHANGING);
}

static void a_removal_takes_the_place_of_the_nodes_own_change(void **state) {
    struct fsm_fixture *fx = *state;
    struct member m;
    uint64_t added, promoted;

    assert_code(give(fx, command_seed(1)), OUT_OK);
    assert_code(give(fx, command_member_add(4)), OUT_OK);
    added = fx->outcome.index;
    assert_code(give(fx, command_member_role(4, MEMBER_GONE)), OUT_OK);
    m = member(fx, 4);
    assert_int_equal(m.was, MEMBER_GONE);
    assert_int_equal(m.changed_index, fx->outcome.index);
    /* The leader's word about the replaced change comes too late. */
    assert_code(give(fx, command_member_settle(4, added)), OUT_MEMBER_STATE);
    assert_false(member(fx, 4).settled);
    settle(fx, 4);

    assert_code(give(fx, command_member_add(5)), OUT_OK);
    settle(fx, 5);
    assert_code(give(fx, command_member_role(5, MEMBER_VOTER)), OUT_OK);
    promoted = fx->outcome.index;
    assert_code(give(fx, command_member_role(5, MEMBER_GONE)), OUT_OK);
    assert_int_equal(member(fx, 5).was, MEMBER_STANDBY);
    assert_code(give(fx, command_member_settle(5, promoted)), OUT_MEMBER_STATE);
    settle(fx, 5);
    assert_code(give(fx, command_member_settle(5, member(fx, 5).changed_index)),
                OUT_OK); /* twice is harmless */
    assert_code(give(fx, command_member_settle(6, 1)), OUT_NOT_FOUND);
}

static void the_last_voter_stays(void **state) {
    struct fsm_fixture *fx = *state;

    assert_code(give(fx, command_seed(2)), OUT_OK);
    assert_code(give(fx, command_member_role(1, MEMBER_GONE)), OUT_OK);
    settle(fx, 1);
    assert_code(give(fx, command_member_role(2, MEMBER_GONE)), OUT_LAST_VOTER);
    assert_code(give(fx, command_member_add(3)), OUT_OK);
    settle(fx, 3);
    assert_code(give(fx, command_member_role(2, MEMBER_GONE)), OUT_LAST_VOTER);
    assert_code(give(fx, command_member_role(3, MEMBER_GONE)), OUT_OK); /* a standby */
}

static void there_is_room_for_so_many(void **state) {
    struct fsm_fixture *fx = *state;
    uint64_t id = LIMIT_NODES;

    assert_code(give(fx, command_seed(LIMIT_NODES)), OUT_OK);
    assert_code(give(fx, command_member_add(id + 1)), OUT_FULL);
    assert_code(give(fx, command_member_role(id, MEMBER_GONE)), OUT_OK);
    settle(fx, id);
    while (fsm_fixture_rows(fx, "member") < STORE_MEMBERS_MAX) {
        assert_code(give(fx, command_member_add(++id)), OUT_OK);
        assert_code(give(fx, command_member_role(id, MEMBER_GONE)), OUT_OK);
        assert_code(give(fx, command_member_settle(id, fx->outcome.index)), OUT_OK);
        fx->low = fx->seq;
    }
    assert_code(give(fx, command_member_add(id + 1)), OUT_FULL);
}

static void regions_are_kept_in_their_order(void **state) {
    struct fsm_fixture *fx = *state;
    struct leader_regions regions;
    struct store_read *read = look(fx);

    assert_ok(store_leader_regions_get(read, &regions));
    assert_int_equal(regions.count, 0);
    look_end(read);
    assert_code(give(fx, command_regions("tokyo", "osaka")), OUT_OK);
    read = look(fx);
    assert_ok(store_leader_regions_get(read, &regions));
    look_end(read);
    assert_int_equal(regions.count, 2);
    assert_string_equal(regions.region[0], "tokyo");
    assert_string_equal(regions.region[1], "osaka");
    assert_code(give(fx, command_regions(NULL, NULL)), OUT_OK);
    read = look(fx);
    assert_ok(store_leader_regions_get(read, &regions));
    look_end(read);
    assert_int_equal(regions.count, 0);
}

static void put_raw(struct fsm_fixture *fx, enum store_table table, struct span key,
                    struct span row) {
    struct store_write *write;
    assert_ok(store_write_begin(fx->store.store, &write));
    assert_ok(store_table_put(write, table, key, row));
    assert_ok(store_write_commit(write, fsm_meta(fx->fsm)));
}

/* A row with any byte cut off, or a field out of its bounds, is corrupt. */
static void damaged_rows_are_corrupt(void **state) {
    struct fsm_fixture *fx = *state;
    struct member m = {.id = 7,
                       .address = "127.0.0.1:7007",
                       .region = "tokyo",
                       .role = MEMBER_VOTER,
                       .was = MEMBER_VOTER,
                       .settled = true,
                       .changed_index = 9};
    uint8_t key[STORE_MEMBER_KEY];
    struct store_read *read;
    struct member got;
    struct buf row;

    buf_init(&row, 512);
    assert_ok(store_member_encode(&m, key, &row));
    for (size_t len = 0; len < row.len; len++) {
        put_raw(fx, TABLE_MEMBER, span_of(key, 8), span_of(row.data, len));
        read = look(fx);
        assert_err(store_member_get(read, 7, &got), ERR_CORRUPT);
        look_end(read);
    }
    for (size_t at = 0; at < 4; at++) { /* version, role, settled, was */
        row.data[at] ^= 4;
        put_raw(fx, TABLE_MEMBER, span_of(key, 8), buf_span(&row));
        row.data[at] ^= 4;
        read = look(fx);
        assert_err(store_member_get(read, 7, &got), ERR_CORRUPT);
        look_end(read);
    }
    put_raw(fx, TABLE_MEMBER, span_of(key, 8), buf_span(&row));
    read = look(fx);
    assert_ok(store_member_get(read, 7, &got));
    look_end(read);
    assert_string_equal(got.address, m.address);
    assert_string_equal(got.region, m.region);
    assert_int_equal(got.role, m.role);
    assert_int_equal(got.changed_index, m.changed_index);
    buf_free(&row);
    m.was = MEMBER_STANDBY;
    assert_err(store_member_encode(&m, key, &row), ERR_INVALID);
    m.was = m.role;
    m.id = 0;
    assert_err(store_member_encode(&m, key, &row), ERR_INVALID);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

/* The newest counts, whoever says it last; its time is the frame's. */
static void backups_are_noted(void **state) {
    struct fsm_fixture *fx = *state;
    struct store_backup backup;
    struct store_read *read;
    uint64_t kept_ms;

    assert_ok(store_read_new(fx->store.store, &read));
    assert_ok(store_read_begin(read));
    assert_err(store_backup_get(read, &backup), ERR_NOT_FOUND);
    store_read_end(read);
    assert_code(give(fx, command_backup(70, 2)), OUT_OK);
    kept_ms = fx->now_ms;
    assert_code(give(fx, command_backup(69, 1)), OUT_EXISTS);
    assert_ok(store_read_begin(read));
    assert_ok(store_backup_get(read, &backup));
    store_read_end(read);
    assert_int_equal(backup.index, 70);
    assert_int_equal(backup.donor, 2);
    assert_int_equal(backup.taker, 3);
    assert_int_equal(backup.rows, 700);
    assert_int_equal(backup.digest.hi, ~UINT64_C(70));
    assert_int_equal(backup.kept_ms, kept_ms);
    assert_code(give(fx, command_backup(70, 1)), OUT_OK); /* the same state, again */
    assert_code(give(fx, command_backup(90, 3)), OUT_OK);
    assert_ok(store_read_begin(read));
    assert_ok(store_backup_get(read, &backup));
    store_read_end(read);
    store_read_free(read);
    assert_int_equal(backup.index, 90);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_cluster_is_seeded_once),
        TEST(a_node_is_added_promoted_and_removed),
        TEST(one_change_at_a_time),
        TEST(a_removal_takes_the_place_of_the_nodes_own_change),
        TEST(the_last_voter_stays),
        TEST(there_is_room_for_so_many),
        TEST(regions_are_kept_in_their_order),
        TEST(backups_are_noted),
        TEST(damaged_rows_are_corrupt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
