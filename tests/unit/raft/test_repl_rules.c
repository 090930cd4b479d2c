/* The rules of replication that need no cluster: time, digests, the watchdog, the pace of
 * images. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "raft/peer_image_pace.h"
#include "raft/repl_clock.h"
#include "raft/repl_digest.h"
#include "raft/repl_internal.h"
#include "raft/repl_trail.h"
#include "raft/repl_watchdog.h"

#define SKEW 2000
#define T0 UINT64_C(1800000000000)

static const struct repl_offsets alone = {.voters = 1};

static void test_time_follows_monotonic_time(void **state) {
    (void)state;
    struct repl_clock clock;
    struct repl_offsets agree = {.offset_ms = {10, -20}, .count = 2, .voters = 3};
    repl_clock_init(&clock, SKEW, 1000);
    repl_clock_applied(&clock, T0, 1000, false);
    assert_int_equal(repl_clock_now(&clock, 1500), T0 + 500);
    /* The wall clock is right: time and wall go together. */
    for (uint64_t t = 1; t <= 1000; t++) {
        assert_int_equal(repl_clock_stamp(&clock, T0 + t, 1000 + t, &agree), T0 + t);
    }
}

static void test_small_difference_is_slewed(void **state) {
    (void)state;
    struct repl_clock clock;
    struct repl_offsets agree = {.offset_ms = {0, 0}, .count = 2, .voters = 3};
    uint64_t last = T0;
    repl_clock_init(&clock, SKEW, 0);
    repl_clock_applied(&clock, T0, 0, false);
    /* The wall clock is 1 s ahead: caught up at a sixteenth, never in a step. */
    for (uint64_t t = 1; t <= 20000; t++) {
        uint64_t stamp = repl_clock_stamp(&clock, T0 + 1000 + t, t, &agree);
        assert_true(stamp >= last && stamp - last <= 2);
        last = stamp;
    }
    assert_int_equal(last, T0 + 1000 + 20000);
    /* It is 1 s behind: time slows down and never falls. */
    for (uint64_t t = 20001; t <= 40000; t++) {
        uint64_t stamp = repl_clock_stamp(&clock, T0 + t, t, &agree);
        assert_true(stamp >= last);
        last = stamp;
    }
    assert_int_equal(last, T0 + 40000);
}

static void test_large_step_needs_a_majority(void **state) {
    (void)state;
    struct repl_clock clock;
    const uint64_t hour = 3600000;
    struct repl_offsets unknown = {.count = 0, .voters = 3};
    struct repl_offsets disagree = {
        .offset_ms = {-(int64_t)hour, -(int64_t)hour}, .count = 2, .voters = 3};
    struct repl_offsets one = {.offset_ms = {5}, .count = 1, .voters = 3};
    repl_clock_init(&clock, SKEW, 0);
    repl_clock_applied(&clock, T0, 0, false);
    assert_true(repl_clock_must_wait(&clock, T0 + hour, 10, &unknown));
    assert_int_equal(repl_clock_stamp(&clock, T0 + hour, 10, &unknown), T0 + 10);
    assert_int_equal(repl_clock_stamp(&clock, T0 + hour, 1010, &disagree), T0 + 1010);
    /* Two of three agree: the step is made at once. */
    assert_false(repl_clock_must_wait(&clock, T0 + hour, 1020, &one));
    assert_int_equal(repl_clock_stamp(&clock, T0 + hour, 1020, &one), T0 + hour);
    /* And is not taken back when the wall clock is. */
    assert_true(repl_clock_stamp(&clock, T0 + 1030, 1030, &one) >= T0 + hour);
}

static void test_alone_the_own_clock_counts(void **state) {
    (void)state;
    struct repl_clock clock;
    repl_clock_init(&clock, SKEW, 0);
    assert_false(repl_clock_must_wait(&clock, T0, 5, &alone));
    assert_int_equal(repl_clock_stamp(&clock, T0, 5, &alone), T0);
}

static void test_applied_frames_and_time(void **state) {
    (void)state;
    struct repl_clock clock;
    repl_clock_init(&clock, SKEW, 0);
    repl_clock_applied(&clock, T0, 0, false);
    /* The leader's own frame comes back 5 ms after it was stamped. */
    repl_clock_applied(&clock, T0 + 100, 105, true);
    assert_int_equal(repl_clock_now(&clock, 105), T0 + 105);
    /* A follower takes the state's time as it is. */
    repl_clock_applied(&clock, T0 + 100, 105, false);
    assert_int_equal(repl_clock_now(&clock, 105), T0 + 100);
}

static void test_outliers(void **state) {
    (void)state;
    static const struct {
        struct repl_offsets offsets;
        bool outlier;
    } rows[] = {
        {{.count = 0, .voters = 1}, false},
        {{.count = 0, .voters = 3}, false},
        {{.offset_ms = {90000}, .count = 1, .voters = 3}, false}, /* one against one */
        {{.offset_ms = {90000, 90500}, .count = 2, .voters = 3}, true},
        {{.offset_ms = {90000, -90000}, .count = 2, .voters = 3}, false},
        {{.offset_ms = {90000, 100}, .count = 2, .voters = 3}, false},
        {{.offset_ms = {5000, 5100, 5200, 0}, .count = 4, .voters = 5}, true},
        {{.offset_ms = {5000, 5100, 0, 0}, .count = 4, .voters = 5}, false},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(repl_clock_is_outlier(&rows[i].offsets, SKEW),
                         rows[i].outlier);
    }
}

static void test_a_peers_clock(void **state) {
    (void)state;
    int64_t ahead;
    /* Round trip of 40 ms: 20 ms on the way back. */
    assert_true(repl_clock_ahead(T0 + 480, 1100, 1000, 60, &ahead));
    assert_int_equal(ahead, T0 + 500 - 1100);
    assert_true(repl_clock_ahead(T0 - 1000, 1000, 1000, 0, &ahead));
    assert_int_equal(ahead, T0 - 2000);
    assert_false(repl_clock_ahead(T0, 1000, 0, 0, &ahead));     /* no echo */
    assert_false(repl_clock_ahead(T0, 1000, 1001, 0, &ahead));  /* future */
    assert_false(repl_clock_ahead(T0, 1000, 900, 101, &ahead)); /* held too long */
    assert_false(repl_clock_ahead(T0, 10000, 1000, 0, &ahead)); /* 9 s */
    assert_false(repl_clock_ahead(UINT64_MAX, 1000, 990, 0, &ahead));
}

static const struct store_digest da = {1, 1}, db = {2, 2};

static void test_digests(void **state) {
    (void)state;
    struct repl_digests *d = calloc(1, sizeof(*d));
    assert_non_null(d);
    d->peers_count = 3; /* number 0 is this node */
    d->votes = true;
    d->peer[1].votes = true;
    d->peer[2].votes = true;
    repl_digests_applied(d, 10, da);
    repl_digests_heard(d, 1, 10, da);
    assert_int_equal(d->peer[1].view, DIGEST_AGREES);
    assert_false(repl_digests_in_doubt(d, 3));
    /* One of three differs, one agrees: it is the other one's trouble. */
    repl_digests_heard(d, 2, 10, db);
    assert_int_equal(d->peer[2].view, DIGEST_DIFFERS);
    assert_false(repl_digests_in_doubt(d, 3));
    /* Met first, it puts this node in doubt, but not for good. */
    d->peer[1].view = DIGEST_UNKNOWN;
    assert_true(repl_digests_in_doubt(d, 3));
    assert_false(repl_digests_lost(d, 3));
    d->peer[1].view = DIGEST_AGREES;
    assert_false(repl_digests_lost(d, 3));
    /* Both differ: ours. */
    repl_digests_applied(d, 11, da);
    repl_digests_heard(d, 1, 11, db);
    assert_true(repl_digests_in_doubt(d, 3));
    assert_true(repl_digests_lost(d, 3));
    /* One that does not vote, and agrees, saves nothing. */
    d->peers_count = 4;
    repl_digests_heard(d, 3, 11, da);
    assert_int_equal(d->peer[3].view, DIGEST_AGREES);
    assert_true(repl_digests_in_doubt(d, 3));
    d->peer[3].votes = true;
    assert_false(repl_digests_in_doubt(d, 3));
    /* Nor does its difference put a voter in doubt. */
    d->peer[1].view = DIGEST_AGREES;
    d->peer[2].view = DIGEST_UNKNOWN;
    d->peer[3] = (struct repl_digest_peer){.view = DIGEST_DIFFERS};
    assert_false(repl_digests_in_doubt(d, 5));
    free(d);
}

static void test_digests_ahead_and_behind(void **state) {
    (void)state;
    struct repl_digests *d = calloc(1, sizeof(*d));
    assert_non_null(d);
    d->peers_count = 2;
    /* A peer that is ahead is compared when we get there; not its later ones. */
    repl_digests_heard(d, 1, 12, db);
    repl_digests_heard(d, 1, 50, da);
    assert_int_equal(d->peer[1].view, DIGEST_UNKNOWN);
    repl_digests_applied(d, 11, da);
    repl_digests_applied(d, 12, da);
    assert_int_equal(d->peer[1].view, DIGEST_DIFFERS);
    assert_int_equal(d->peer[1].compared_index, 12);
    /* Index 12 has left the ring: nothing can be said about it. */
    repl_digests_applied(d, 12 + REPL_DIGEST_RING, da);
    repl_digests_heard(d, 1, 12, da);
    assert_int_equal(d->peer[1].compared_index, 12);
    assert_int_equal(d->peer[1].view, DIGEST_DIFFERS);
    repl_digests_heard(d, 1, 12 + REPL_DIGEST_RING, da);
    assert_int_equal(d->peer[1].view, DIGEST_AGREES);
    free(d);
}

static enum repl_stall_verdict stall_tick(struct repl_stall *stall, uint64_t loop,
                                          uint64_t appended, uint32_t appending) {
    struct repl_progress now = {
        .loop = loop, .appended = appended, .appending = appending};
    return repl_stall_tick(stall, &now, 5);
}

static void test_watchdog_verdicts(void **state) {
    (void)state;
    struct repl_stall stall = {.loop_ticks = 0};
    for (uint64_t i = 1; i < 100; i++) {
        assert_int_equal(stall_tick(&stall, i, 0, 0), STALL_NONE);
    }
    for (int i = 0; i < 4; i++) {
        assert_int_equal(stall_tick(&stall, 99, 0, 0), STALL_NONE);
    }
    assert_int_equal(stall_tick(&stall, 99, 0, 0), STALL_LOOP);
    /* A write that hangs while the loop goes on. */
    stall = (struct repl_stall){.loop_ticks = 0};
    for (uint64_t i = 1; i < 5; i++) {
        assert_int_equal(stall_tick(&stall, i, 0, 1), STALL_NONE);
    }
    assert_int_equal(stall_tick(&stall, 5, 0, 1), STALL_APPEND);
    /* Writes that finish are progress, however many wait. */
    stall = (struct repl_stall){.loop_ticks = 0};
    for (uint64_t i = 1; i < 100; i++) {
        assert_int_equal(stall_tick(&stall, i, i / 2, 7), STALL_NONE);
    }
}

/* The store's device is given longer, but not for ever. */
static void test_watchdog_sees_a_store_that_hangs(void **state) {
    (void)state;
    struct repl_stall stall = {.loop_ticks = 0};
    struct repl_progress now = {.syncing = 1};
    for (uint64_t i = 1; i < 5 * REPL_STALL_SYNC; i++) {
        now.loop = i;
        assert_int_equal(repl_stall_tick(&stall, &now, 5), STALL_NONE);
    }
    now.loop++;
    assert_int_equal(repl_stall_tick(&stall, &now, 5), STALL_SYNC);
    stall = (struct repl_stall){.loop_ticks = 0};
    for (uint64_t i = 1; i < 200; i++) { /* slow, and getting on */
        now.loop = i;
        now.synced = i / 12;
        assert_int_equal(repl_stall_tick(&stall, &now, 5), STALL_NONE);
    }
}

/* What waits for the store's device is bounded by each of three measures alone. */
static void test_a_store_that_is_behind(void **state) {
    (void)state;
    const struct repl_point_mark done = {1000000, 5 * REPL_POINT_BEHIND_BYTES,
                                         3 * REPL_POINT_BEHIND_FILE};
    struct repl_point_mark now = done;
    assert_false(repl_point_behind(&done, &now));
    now.commands += REPL_POINT_BEHIND - 1;
    now.log_bytes += REPL_POINT_BEHIND_BYTES - 1;
    now.file_bytes += REPL_POINT_BEHIND_FILE - 1;
    assert_false(repl_point_behind(&done, &now));
    now.commands++;
    assert_true(repl_point_behind(&done, &now));
    now.commands--;
    now.log_bytes++;
    assert_true(repl_point_behind(&done, &now));
    now.log_bytes--;
    now.file_bytes++;
    assert_true(repl_point_behind(&done, &now));
}

/* It hangs once it has not answered for twice as long as the log may take for a write,
 * and only while it is asked. */
static void test_a_store_that_hangs(void **state) {
    (void)state;
    struct repl *repl = calloc(1, sizeof(*repl));
    assert_non_null(repl);
    repl->config.stall_limit_ms = 4000;
    repl->point.begun_ms = 10000;
    repl->now_ms = 10000 + REPL_STORE_HANGS * 4000;
    assert_false(repl_store_hangs(repl));
    repl->point.busy = true;
    assert_true(repl_store_hangs(repl));
    repl->now_ms--;
    assert_false(repl_store_hangs(repl));
    free(repl);
}

/* A commit is as large as lets it last no longer than the raft thread may stand still. */
static void test_a_commit_that_lasts(void **state) {
    (void)state;
    const uint64_t most = 4096, long_ms = 3 * REPL_COMMIT_STALL_MS;
    assert_int_equal(repl_fsm_commit_most(2 * most, 2 * most, long_ms), 2 * most / 3);
    assert_int_equal(repl_fsm_commit_most(most, most / 2 - 1, long_ms), most);
    assert_int_equal(repl_fsm_commit_most(most, most, 1000 * long_ms),
                     REPL_COMMIT_COMMANDS_MIN);
    assert_int_equal(repl_fsm_commit_most(most, most, REPL_COMMIT_STALL_MS), most);
    assert_int_equal(repl_fsm_commit_most(most, most, 0), 2 * most);
    assert_int_equal(repl_fsm_commit_most(2 * most, 2 * most, 0),
                     REPL_COMMIT_COMMANDS_MAX);
}

/* A configuration between the frames does not make the log look short. */
static void test_trail_goes_on_over_a_gap(void **state) {
    static struct repl_trail trail;
    uint64_t bytes, covers_ms;
    (void)state;
    for (uint64_t index = 1; index <= 1000; index++) {
        if (index != 990) {
            repl_trail_note(&trail, index, 10, 1000 + index);
        }
    }
    assert_true(repl_trail_entries(&trail, 1 << 20) >= 1000);
    repl_trail_since(&trail, 1, &bytes, &covers_ms);
    assert_int_equal(bytes, 9990);
    assert_int_equal(covers_ms, 999);
    repl_trail_note(&trail, 500, 10, 2000);
    assert_int_equal(repl_trail_entries(&trail, 1 << 20), 1);
}

/* The first frame of a cluster brings no time: the next one's counts for it. */
static void test_trail_of_a_young_cluster(void **state) {
    static struct repl_trail trail;
    uint64_t bytes, covers_ms;
    (void)state;
    repl_trail_note(&trail, 2, 10, 0);
    repl_trail_note(&trail, 3, 10, 5000);
    repl_trail_note(&trail, 4, 10, 9000);
    repl_trail_since(&trail, 1, &bytes, &covers_ms);
    assert_int_equal(bytes, 30);
    assert_int_equal(covers_ms, 4000);
}

/* --- the pace of images --- */

#define MIB (UINT64_C(1) << 20)

/* A window in which so many writes took `ms` each. */
static void pace_window(struct peer_image_pace *pace, struct repl_log_load *load,
                        uint64_t *now_ms, uint64_t writes, uint64_t ms) {
    load->writes += writes;
    load->write_ms += writes * ms;
    *now_ms += PACE_WINDOW_MS;
    peer_image_pace_step(pace, load, *now_ms);
}

/* It has listened: a write takes 4 ms. */
static void pace_begin(struct peer_image_pace *pace, struct repl_log_load *load,
                       uint64_t *now_ms) {
    *load = (struct repl_log_load){.writes = 1000, .write_ms = 50000};
    *now_ms = 5000;
    peer_image_pace_init(pace, 64 * MIB, load, *now_ms);
    assert_int_equal(pace->rate, 64 * MIB);
    load->writes += 50;
    load->write_ms += 200;
    *now_ms += PACE_LISTEN_MS;
    peer_image_pace_listened(pace, load, *now_ms);
    assert_int_equal(pace->rate, 8 * MIB);
}

static void test_an_image_gives_way(void **state) {
    (void)state;
    struct peer_image_pace pace;
    struct repl_log_load load;
    uint64_t now_ms;
    pace_begin(&pace, &load, &now_ms);
    pace_window(&pace, &load, &now_ms, 20, 5); /* a little slower is no matter */
    assert_in_range(pace.rate, 12 * MIB, 13 * MIB);
    pace_window(&pace, &load, &now_ms, 20, 9);
    assert_in_range(pace.rate, 6 * MIB, 6 * MIB + MIB / 2);
    for (int i = 0; i < 10; i++) {
        pace_window(&pace, &load, &now_ms, 20, 9);
    }
    assert_int_equal(pace.rate, PACE_FLOOR);
    for (int i = 0; i < 30; i++) {
        pace_window(&pace, &load, &now_ms, 20, 4);
    }
    assert_int_equal(pace.rate, 64 * MIB);
}

static void test_an_image_alone_takes_its_rate(void **state) {
    (void)state;
    struct peer_image_pace pace;
    struct repl_log_load load;
    uint64_t now_ms;
    pace_begin(&pace, &load, &now_ms);
    peer_image_pace_step(&pace, &load, now_ms + PACE_WINDOW_MS - 1); /* too soon */
    assert_int_equal(pace.rate, 8 * MIB);
    for (int i = 0; i < 20; i++) {
        pace_window(&pace, &load, &now_ms, 0, 0);
    }
    assert_int_equal(pace.rate, 64 * MIB);
    /* Nobody wrote while it listened either. */
    peer_image_pace_init(&pace, 100, &load, now_ms);
    peer_image_pace_listened(&pace, &load, now_ms);
    assert_int_equal(pace.rate, 100);
    pace_window(&pace, &load, &now_ms, 20, 50);
    assert_int_equal(pace.rate, 100); /* below the floor already */
}

/* Few writes in a window are not lost: those that take long are few. */
static void test_few_slow_writes_are_seen(void **state) {
    (void)state;
    struct peer_image_pace pace;
    struct repl_log_load load;
    uint64_t now_ms;
    pace_begin(&pace, &load, &now_ms);
    pace_window(&pace, &load, &now_ms, 2, 60);
    assert_int_equal(pace.rate, 8 * MIB);
    pace_window(&pace, &load, &now_ms, 2, 60);
    assert_int_equal(pace.rate, 4 * MIB);
}

/* Its log has become slower for good, by others. */
static void test_a_busier_node_gives_its_image(void **state) {
    (void)state;
    struct peer_image_pace pace;
    struct repl_log_load load;
    uint64_t now_ms, before = 0;
    pace_begin(&pace, &load, &now_ms);
    for (int i = 0; i < 200; i++) {
        pace_window(&pace, &load, &now_ms, 20, 20);
        before = i == 20 ? pace.rate : before;
    }
    assert_int_equal(before, PACE_FLOOR);
    assert_int_equal(pace.rate, 64 * MIB);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_store_that_is_behind),
        cmocka_unit_test(test_a_store_that_hangs),
        cmocka_unit_test(test_a_commit_that_lasts),
        cmocka_unit_test(test_trail_goes_on_over_a_gap),
        cmocka_unit_test(test_trail_of_a_young_cluster),
        cmocka_unit_test(test_time_follows_monotonic_time),
        cmocka_unit_test(test_small_difference_is_slewed),
        cmocka_unit_test(test_large_step_needs_a_majority),
        cmocka_unit_test(test_alone_the_own_clock_counts),
        cmocka_unit_test(test_applied_frames_and_time),
        cmocka_unit_test(test_outliers),
        cmocka_unit_test(test_a_peers_clock),
        cmocka_unit_test(test_digests),
        cmocka_unit_test(test_digests_ahead_and_behind),
        cmocka_unit_test(test_watchdog_verdicts),
        cmocka_unit_test(test_watchdog_sees_a_store_that_hangs),
        cmocka_unit_test(test_an_image_gives_way),
        cmocka_unit_test(test_an_image_alone_takes_its_rate),
        cmocka_unit_test(test_few_slow_writes_are_seen),
        cmocka_unit_test(test_a_busier_node_gives_its_image),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
