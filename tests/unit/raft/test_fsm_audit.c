/* The audit: what is recorded, by whom, chained, capped, found and let go. */
#include "tests/unit/store/unit.h"

#include <stdlib.h>

#include "raft/fsm_limits.h"
#include "store/store_audit.h"
#include "store/store_write.h"
#include "tests/unit/raft/fsm_fixture.h"

static int setup(void **state) {
    struct fsm_fixture *fx = calloc(1, sizeof *fx);

    assert_non_null(fx);
    fsm_fixture_open(fx);
    *state = fx;
    return 0;
}

static int teardown(void **state) {
    assert_chain_sound(*state);
    fsm_fixture_close(*state);
    free(*state);
    return 0;
}

/* What a walk found. */
struct found {
    struct fsm_fixture *fx;
    struct audit_record records[64];
    size_t count;
};

static struct span keep_span(struct found *found, struct span from) {
    struct span copy = arena_dup(&found->fx->arena, from);

    assert_true(from.len == 0 || copy.data != NULL);
    return copy;
}

static bool keep(void *arg, const struct audit_record *record,
                 const struct audit_hash *hash) {
    struct found *found = arg;
    struct audit_record *copy = &found->records[found->count++];

    (void)hash;
    *copy = *record;
    copy->actor = keep_span(found, record->actor);
    copy->client_id = keep_span(found, record->client_id);
    copy->note = keep_span(found, record->note);
    copy->sealed = keep_span(found, record->sealed);
    return found->count < 64;
}

static void find(struct fsm_fixture *fx, enum audit_by by, struct span key, bool down,
                 struct found *found) {
    struct store_read *read;

    *found = (struct found){.fx = fx};
    assert_ok(store_read_new(fx->store.store, &read));
    assert_ok(store_read_begin(read));
    assert_ok(
        store_audit_walk(read, by, key, down ? UINT64_MAX : 0, down, keep, found));
    store_read_end(read);
    store_read_free(read);
}

static struct audit_head head_of(struct fsm_fixture *fx) {
    struct audit_head head;
    struct store_read *read;

    assert_ok(store_read_new(fx->store.store, &read));
    assert_ok(store_read_begin(read));
    assert_ok(store_audit_head(read, &head));
    store_read_end(read);
    store_read_free(read);
    return head;
}

static const struct audit_record *last_of(struct fsm_fixture *fx, struct found *found) {
    find(fx, AUDIT_BY_SEQ, span_of(NULL, 0), true, found);
    assert_true(found->count > 0);
    return &found->records[0];
}

static void every_cause_leaves_its_record(void **state) {
    struct fsm_fixture *fx = *state;
    struct found found;
    struct command c = command_account(1);
    const struct audit_record *last;

    command_by(&c, AUDIT_OPERATOR);
    assert_code(fsm_fixture_do(fx, &c), OUT_OK);
    last = last_of(fx, &found);
    assert_int_equal(last->event, AUDIT_ACCOUNT_CREATED);
    assert_int_equal(last->actor_kind, AUDIT_OPERATOR);
    assert_true(span_is(last->actor, "運用 一郎"));
    assert_true(last->has_sub && last->has_source);
    assert_memory_equal(last->sub, id_of(1).b, AUDIT_ID_LEN);
    assert_int_equal(last->source[0], 7);
    assert_true(span_is(last->sealed, "sealed origin"));
    assert_int_equal(last->time_ms, fx->now_ms);
    assert_int_equal(last->count, 1);

    c.account_put.replace = true;
    c.account_put.account.state = ACCOUNT_SUSPENDED;
    assert_code(fsm_fixture_do(fx, &c), OUT_OK);
    last = last_of(fx, &found);
    assert_int_equal(last->event, AUDIT_ACCOUNT_STATE);
    assert_true(span_is(last->note, "suspended"));
    c.account_put.account.state = ACCOUNT_ACTIVE;
    assert_code(fsm_fixture_do(fx, &c), OUT_OK);
    c.account_put.account.password_hash = span_str("$argon2id$other");
    assert_code(fsm_fixture_do(fx, &c), OUT_OK);
    assert_int_equal(last_of(fx, &found)->event, AUDIT_PASSWORD_CHANGED);
    c.account_put.account.login_index = key_of(5999);
    assert_code(fsm_fixture_do(fx, &c), OUT_OK);
    assert_int_equal(last_of(fx, &found)->event, AUDIT_ID_CHANGED);

    c = command_client("rp");
    assert_code(fsm_fixture_do(fx, &c), OUT_OK);
    last = last_of(fx, &found);
    assert_int_equal(last->event, AUDIT_CLIENT_CREATED);
    assert_true(span_is(last->client_id, "rp"));
    c = command_stage("rp", CLIENT_SUSPENDED);
    c.client_change.has_secret = true;
    assert_code(fsm_fixture_do(fx, &c), OUT_OK);
    find(fx, AUDIT_BY_SEQ, span_of(NULL, 0), true, &found);
    assert_int_equal(found.records[0].event, AUDIT_CLIENT_SECRET);
    assert_int_equal(found.records[1].event, AUDIT_CLIENT_STAGE);
    assert_true(span_is(found.records[1].note, "suspended"));
    c = command_seed(1);
    assert_code(fsm_fixture_do(fx, &c), OUT_OK);
    c = command_member_add(9);
    assert_code(fsm_fixture_do(fx, &c), OUT_OK);
    last = last_of(fx, &found);
    assert_int_equal(last->event, AUDIT_MEMBER_ADDED);
    assert_true(span_is(last->note, "node 9 at 127.0.0.1:7009"));
}

static void refusals_leave_none(void **state) {
    struct fsm_fixture *fx = *state;
    struct command c = command_account(1);
    uint64_t seq;

    assert_code(fsm_fixture_do(fx, &c), OUT_OK);
    seq = head_of(fx).seq;
    assert_code(fsm_fixture_do(fx, &c), OUT_EXISTS);
    c = command_stage("nobody", CLIENT_LIVE);
    assert_code(fsm_fixture_do(fx, &c), OUT_NOT_FOUND);
    c = command_end(99);
    assert_code(fsm_fixture_do(fx, &c), OUT_NOT_FOUND);
    assert_int_equal(head_of(fx).seq, seq);
}

static void signing_in_is_its_holders_act(void **state) {
    struct fsm_fixture *fx = *state;
    struct found found;
    struct command login = command_login(1, 2), out = command_end(2);
    const struct audit_record *last;

    fsm_fixture_sign_in(fx);
    command_by(&login, AUDIT_SOMEBODY);
    login.login.password_ok = false;
    assert_code(fsm_fixture_do(fx, &login), OUT_BAD_CREDENTIALS);
    last = last_of(fx, &found);
    assert_int_equal(last->event, AUDIT_SIGNIN_FAILED);
    assert_int_equal(last->actor_kind, AUDIT_SOMEBODY);
    assert_int_equal(last->outcome, OUT_BAD_CREDENTIALS);
    assert_true(last->has_sub && !last->has_login);
    login.login.password_ok = true;
    assert_code(fsm_fixture_do(fx, &login), OUT_OK);
    last = last_of(fx, &found);
    assert_int_equal(last->event, AUDIT_SIGNIN);
    assert_int_equal(last->actor_kind, AUDIT_ACCOUNT);
    assert_memory_equal(last->actor.data, id_of(1).b, AUDIT_ID_LEN);
    assert_true(span_is(last->sealed, "sealed origin"));
    assert_code(fsm_fixture_do(fx, &out), OUT_OK);
    assert_int_equal(last_of(fx, &found)->event, AUDIT_SIGNOUT);

    for (uint32_t i = 0; i < FSM_LOGIN_FAILURES_MAX; i++) {
        login.login.password_ok = false;
        fx->now_ms += MINUTE_MS;
        assert_code(fsm_fixture_do(fx, &login), OUT_BAD_CREDENTIALS);
    }
    assert_int_equal(last_of(fx, &found)->event, AUDIT_SIGNIN_LOCKED);
    assert_code(fsm_fixture_do(fx, &login), OUT_LOCKED);
    last = last_of(fx, &found);
    assert_int_equal(last->event, AUDIT_SIGNIN_REFUSED);
    assert_int_equal(last->outcome, OUT_LOCKED);
}

static void a_replay_is_told_once(void **state) {
    struct fsm_fixture *fx = *state;
    struct command redeem = command_redeem(10, 3);
    const struct audit_record *last;
    struct found found;
    uint64_t seq;

    fsm_fixture_sign_in(fx);
    fsm_fixture_redeemed(fx, 10, 1);
    seq = head_of(fx).seq;
    assert_code(fsm_fixture_do(fx, &redeem), OUT_REPLAYED);
    last = last_of(fx, &found);
    assert_int_equal(last->event, AUDIT_CODE_REPLAYED);
    assert_int_equal(last->actor_kind, AUDIT_CLIENT);
    assert_true(span_is(last->actor, "rp"));
    assert_true(last->has_sub);
    assert_code(fsm_fixture_do(fx, &redeem), OUT_REPLAYED);
    assert_int_equal(head_of(fx).seq, seq + 1);
}

/* Tokens are counted, not recorded: a code and its redemption leave nothing. */
static void tokens_leave_none(void **state) {
    struct fsm_fixture *fx = *state;
    struct command refresh = command_refresh(1, 2);
    uint64_t seq;

    fsm_fixture_sign_in(fx);
    seq = head_of(fx).seq;
    fsm_fixture_redeemed(fx, 10, 1);
    assert_code(fsm_fixture_do(fx, &refresh), OUT_OK);
    assert_int_equal(head_of(fx).seq, seq);
}

/* A sign-in is about no relying party, but begins at one. */
static void sign_ins_are_found_by_where_they_began(void **state) {
    struct fsm_fixture *fx = *state;
    struct command c = command_account(1), wrong;
    struct found found;

    assert_code(fsm_fixture_do(fx, &c), OUT_OK);
    wrong = command_login(1, 1);
    wrong.login.password_ok = false;
    command_by(&wrong, AUDIT_SOMEBODY);
    assert_code(fsm_fixture_do(fx, &wrong), OUT_BAD_CREDENTIALS);
    c = command_login(1, 2);
    command_by(&c, AUDIT_SOMEBODY);
    assert_code(fsm_fixture_do(fx, &c), OUT_OK);
    find(fx, AUDIT_BY_CLIENT, span_str("rp-of-origin"), false, &found);
    assert_int_equal(found.count, 2);
    assert_int_equal(found.records[0].event, AUDIT_SIGNIN_FAILED);
    assert_int_equal(found.records[1].event, AUDIT_SIGNIN);
    assert_int_equal(found.records[1].actor_kind, AUDIT_ACCOUNT);
}

static void records_are_found_by_what_they_are_about(void **state) {
    struct fsm_fixture *fx = *state;
    struct command c = command_staff(3, 0), note = command_note(AUDIT_STAFF_READ, 1);
    struct found found;
    uint8_t event[2] = {0, AUDIT_SIGNIN};

    fsm_fixture_sign_in(fx);
    command_by(&c, AUDIT_OPERATOR);
    assert_code(fsm_fixture_do(fx, &c), OUT_OK);
    c = command_staff_login(3, 7, fx->now_ms / 30000);
    assert_code(fsm_fixture_do(fx, &c), OUT_OK);
    note.actor = (struct actor){.kind = AUDIT_STAFF,
                                .id = span_of(id_of(3).b, AUDIT_ID_LEN)};
    struct id128 staff = id_of(3), account = id_of(1);
    note.actor.id = span_of(staff.b, sizeof staff.b);
    assert_code(fsm_fixture_do(fx, &note), OUT_OK);

    find(fx, AUDIT_BY_ACCOUNT, span_of(account.b, 16), false, &found);
    assert_int_equal(found.count, 3);
    assert_int_equal(found.records[0].event, AUDIT_ACCOUNT_CREATED);
    assert_int_equal(found.records[1].event, AUDIT_SIGNIN);
    assert_int_equal(found.records[2].event, AUDIT_STAFF_READ);
    find(fx, AUDIT_BY_STAFF, span_of(staff.b, 16), true, &found);
    assert_int_equal(found.count, 3);
    assert_int_equal(found.records[0].event, AUDIT_STAFF_READ);
    assert_int_equal(found.records[1].event, AUDIT_STAFF_SIGNIN);
    assert_int_equal(found.records[2].event, AUDIT_STAFF_CREATED);
    find(fx, AUDIT_BY_OPERATOR, span_str("運用 一郎"), true, &found);
    assert_int_equal(found.count, 1);
    find(fx, AUDIT_BY_CLIENT, span_str("rp"), true, &found);
    assert_int_equal(found.count, 1);
    find(fx, AUDIT_BY_CLIENT, span_str("r"), true, &found);
    assert_int_equal(found.count, 0);
    find(fx, AUDIT_BY_EVENT, span_of(event, 2), true, &found);
    assert_int_equal(found.count, 1);
}

/* By the whole id alone, of those events whose note begins with one. */
static void records_are_found_by_their_application(void **state) {
    static const struct {
        enum audit_event event;
        const char *note;
    } notes[] = {
        {AUDIT_STAFF_READ, "P271000"},        {AUDIT_STAFF_READ, "P2710001"},
        {AUDIT_STAFF_READ, "p271000"},        {AUDIT_STAFF_READ, "P271000-"},
        {AUDIT_SEARCHED, "P271000"},          {AUDIT_STAFF_READ, "P271000 page 2"},
        {AUDIT_STAFF_READ, "P2710000000000000"},
        {AUDIT_STAFF_READ, ""},
    };
    struct fsm_fixture *fx = *state;
    struct found found;

    for (size_t i = 0; i < sizeof notes / sizeof notes[0]; i++) {
        struct command note = command_note(notes[i].event, 1);
        note.audit_note.note = span_str(notes[i].note);
        assert_code(fsm_fixture_do(fx, &note), OUT_OK);
    }
    find(fx, AUDIT_BY_APPLICATION, span_str("P271000"), false, &found);
    assert_int_equal(found.count, 2);
    assert_true(span_is(found.records[0].note, "P271000"));
    assert_true(span_is(found.records[1].note, "P271000 page 2"));
    find(fx, AUDIT_BY_APPLICATION, span_str("P2710001"), false, &found);
    assert_int_equal(found.count, 1);
    find(fx, AUDIT_BY_APPLICATION, span_str("P2710000000000000"), false, &found);
    assert_int_equal(found.count, 0);
}

static void strangers_are_found_by_what_they_gave(void **state) {
    struct fsm_fixture *fx = *state;
    struct command wrong = command_login(8, 2);
    struct key_hash given = key_of(5008);
    struct found found;

    wrong.login.known = wrong.login.password_ok = false;
    wrong.login.sub = (struct id128){{0}};
    assert_code(fsm_fixture_do(fx, &wrong), OUT_BAD_CREDENTIALS);
    find(fx, AUDIT_BY_LOGIN, span_of(given.b, sizeof given.b), true, &found);
    assert_int_equal(found.count, 1);
    assert_false(found.records[0].has_sub);
}

/* The number of records and the sum of what they count. */
static uint64_t counted(struct fsm_fixture *fx, enum audit_by by, struct span key,
                        size_t *ret_records) {
    struct found found;
    uint64_t sum = 0;

    find(fx, by, key, true, &found);
    for (size_t i = 0; i < found.count; i++) {
        sum += found.records[i].count;
    }
    *ret_records = found.count;
    return sum;
}

static void a_flood_about_one_account_leaves_its_size(void **state) {
    struct fsm_fixture *fx = *state;
    struct command login = command_login(1, 2);
    struct id128 sub = id_of(1);
    uint8_t event[2] = {0, AUDIT_SIGNIN_REFUSED};
    struct found found;
    size_t records;

    fsm_fixture_sign_in(fx);
    login.login.password_ok = false;
    for (int i = 0; i < 300; i++) {
        fsm_fixture_do(fx, &login);
    }
    (void)counted(fx, AUDIT_BY_EVENT, span_of(event, 2), &records);
    assert_int_equal(records, FSM_AUDIT_MINUTE_SUBJECT);
    fx->now_ms += MINUTE_MS;
    fsm_fixture_tick(fx);
    assert_int_equal(counted(fx, AUDIT_BY_EVENT, span_of(event, 2), &records), 290);
    assert_int_equal(records, FSM_AUDIT_MINUTE_SUBJECT + 1);
    find(fx, AUDIT_BY_ACCOUNT, span_of(sub.b, sizeof sub.b), true, &found);
    assert_int_equal(found.records[0].count, 280);
    assert_true(found.records[0].note.len > 6);
    for (int i = 0; i < (int)sizeof head_of(fx).buckets / 4; i++) {
        assert_int_equal(head_of(fx).buckets[i], 0);
    }
}

static void held_since(struct fsm_fixture *fx, uint64_t seq, struct found *found) {
    struct store_read *read;

    *found = (struct found){.fx = fx};
    assert_ok(store_read_new(fx->store.store, &read));
    assert_ok(store_read_begin(read));
    assert_ok(store_audit_walk(read, AUDIT_BY_SEQ, span_of(NULL, 0), seq, false, keep,
                               found));
    store_read_end(read);
    store_read_free(read);
}

/* However many account IDs are tried, and then another account still has its record. */
static void a_flood_about_strangers_is_bounded(void **state) {
    struct fsm_fixture *fx = *state;
    struct command wrong = command_login(9, 2), login = command_login(1, 3);
    struct found found;
    uint64_t before;

    fsm_fixture_sign_in(fx);
    before = head_of(fx).seq;
    wrong.login.known = wrong.login.password_ok = false;
    wrong.login.sub = (struct id128){{0}};
    for (uint64_t i = 0; i < 1000; i++) {
        wrong.login.login_index = key_of(100000 + i);
        assert_code(fsm_fixture_do(fx, &wrong), OUT_BAD_CREDENTIALS);
    }
    assert_int_equal(head_of(fx).seq - before, FSM_AUDIT_UNKNOWN_RECORDS);
    assert_true(head_of(fx).buckets[0] <= FSM_AUDIT_UNKNOWN_BUCKETS + 2);
    login.login.password_ok = false;
    assert_code(fsm_fixture_do(fx, &login), OUT_BAD_CREDENTIALS);
    assert_int_equal(last_of(fx, &found)->event, AUDIT_SIGNIN_FAILED);
    assert_true(last_of(fx, &found)->has_sub);
    before = head_of(fx).seq;
    fx->now_ms += MINUTE_MS;
    fsm_fixture_tick(fx);
    fsm_fixture_tick(fx);
    /* Those that had a bucket, and one for all that had none. */
    assert_true(head_of(fx).seq - before <= FSM_AUDIT_UNKNOWN_BUCKETS);
    assert_int_equal(head_of(fx).buckets[0], 0);
    held_since(fx, before + 1, &found);
    assert_true(found.records[0].count + FSM_AUDIT_UNKNOWN_RECORDS +
                    FSM_AUDIT_UNKNOWN_BUCKETS >=
                1000);
    assert_false(found.records[0].has_login);
}

/* What operators do is written, however often. */
static void operators_are_never_capped(void **state) {
    struct fsm_fixture *fx = *state;
    struct command c = command_note(AUDIT_SEARCHED, 1);
    uint64_t before = head_of(fx).seq;

    command_by(&c, AUDIT_OPERATOR);
    for (int i = 0; i < 50; i++) {
        assert_code(fsm_fixture_do(fx, &c), OUT_OK);
    }
    assert_int_equal(head_of(fx).seq - before, 50);
}

/* Whoever may do nothing at all cannot push out what others did. */
static void what_staff_try_is_capped(void **state) {
    struct fsm_fixture *fx = *state;
    struct command note = command_note(AUDIT_STAFF_REFUSED, 0);
    struct id128 one = id_of(3), other = id_of(4);
    uint8_t event[2] = {0, AUDIT_STAFF_REFUSED};
    size_t records;

    note.actor = (struct actor){.kind = AUDIT_STAFF, .id = span_of(one.b, sizeof one.b)};
    for (uint64_t i = 0; i < 100; i++) {
        note.audit_note.has_sub = i % 2 == 1;
        note.audit_note.sub = id_of(1000 + i);
        if (!note.audit_note.has_sub) {
            note.audit_note.sub = (struct id128){{0}};
        }
        assert_code(fsm_fixture_do(fx, &note), OUT_OK);
    }
    (void)counted(fx, AUDIT_BY_EVENT, span_of(event, 2), &records);
    assert_int_equal(records, FSM_AUDIT_MINUTE_SUBJECT);
    note.actor.id = span_of(other.b, sizeof other.b);
    assert_code(fsm_fixture_do(fx, &note), OUT_OK);
    (void)counted(fx, AUDIT_BY_EVENT, span_of(event, 2), &records);
    assert_int_equal(records, FSM_AUDIT_MINUTE_SUBJECT + 1);
    fx->now_ms += MINUTE_MS;
    fsm_fixture_tick(fx);
    assert_int_equal(counted(fx, AUDIT_BY_EVENT, span_of(event, 2), &records), 101);
    assert_int_equal(records, FSM_AUDIT_MINUTE_SUBJECT + 2);
}

static void old_records_go_and_the_rest_is_still_proven(void **state) {
    struct fsm_fixture *fx = *state;
    struct id128 sub = id_of(1);
    struct audit_head head;
    struct found found;

    fsm_fixture_sign_in(fx);
    head = head_of(fx);
    assert_int_equal(head.pruned_seq, 0);
    fx->now_ms += FSM_AUDIT_KEEP_MS + 1;
    struct command c = command_client("rp-2");
    assert_code(fsm_fixture_do(fx, &c), OUT_OK);
    fsm_fixture_tick(fx);
    assert_int_equal(head_of(fx).pruned_seq, head.seq);
    assert_memory_equal(head_of(fx).pruned_hash.b, head.hash.b, AUDIT_HASH_LEN);
    assert_int_equal(head_of(fx).seq, head.seq + 1);
    find(fx, AUDIT_BY_SEQ, span_of(NULL, 0), false, &found);
    assert_int_equal(found.count, 1);
    assert_memory_equal(found.records[0].previous.b, head.hash.b, AUDIT_HASH_LEN);
    find(fx, AUDIT_BY_ACCOUNT, span_of(sub.b, sizeof sub.b), false, &found);
    assert_int_equal(found.count, 0);
}

static void times_are_found_by_halving(void **state) {
    struct fsm_fixture *fx = *state;
    uint64_t start = fx->now_ms, seq, first = head_of(fx).seq + 1;
    struct store_read *read;

    for (int i = 0; i < 20; i++) {
        struct command c = command_note(AUDIT_SEARCHED, 0);
        command_by(&c, AUDIT_OPERATOR);
        fx->now_ms = start + (uint64_t)i / 2 * 1000;
        assert_code(fsm_fixture_do(fx, &c), OUT_OK);
    }
    assert_ok(store_read_new(fx->store.store, &read));
    assert_ok(store_read_begin(read));
    for (uint64_t i = 0; i < 10; i++) {
        assert_ok(store_audit_since(read, start + i * 1000, &seq));
        assert_int_equal(seq, first + 2 * i);
        assert_ok(store_audit_since(read, start + i * 1000 + 1, &seq));
        assert_int_equal(seq, first + 2 * i + 2);
    }
    store_read_end(read);
    store_read_free(read);
}

static void records_are_one_form_only(void **state) {
    struct audit_record record = {.seq = 1,
                                  .time_ms = 5,
                                  .event = AUDIT_SIGNIN,
                                  .count = 1,
                                  .has_sub = true,
                                  .note = span_str("備考")};
    struct audit_record got;
    struct audit_hash hash;
    struct buf out;
    (void)state;

    buf_init(&out, AUDIT_RECORD_MAX);
    audit_record_encode(&record, &out);
    hash = audit_record_hash(buf_span(&out));
    for (size_t i = 0; i < out.len * 8; i++) {
        struct audit_hash other;
        out.data[i / 8] ^= (uint8_t)(1u << i % 8);
        other = audit_record_hash(buf_span(&out));
        assert_memory_not_equal(hash.b, other.b, AUDIT_HASH_LEN);
        if (audit_record_decode(buf_span(&out), &got) == OK) {
            struct buf again;
            buf_init(&again, AUDIT_RECORD_MAX);
            audit_record_encode(&got, &again);
            assert_true(span_equal(buf_span(&again), buf_span(&out)));
            buf_free(&again);
        }
        out.data[i / 8] ^= (uint8_t)(1u << i % 8);
    }
    for (size_t len = 0; len < out.len; len++) {
        assert_err(audit_record_decode(span_of(out.data, len), &got), ERR_INVALID);
    }
    buf_free(&out);
    for (unsigned i = 1; i <= AUDIT_EVENT_MAX; i++) {
        const char *name = audit_event_str((enum audit_event)i);
        enum audit_event found = audit_event_find(span_str(name));
        assert_true(found == (enum audit_event)i || strncmp(name, "event.", 6) == 0);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(every_cause_leaves_its_record),
        TEST(refusals_leave_none),
        TEST(signing_in_is_its_holders_act),
        TEST(a_replay_is_told_once),
        TEST(tokens_leave_none),
        TEST(sign_ins_are_found_by_where_they_began),
        TEST(records_are_found_by_what_they_are_about),
        TEST(records_are_found_by_their_application),
        TEST(strangers_are_found_by_what_they_gave),
        TEST(a_flood_about_one_account_leaves_its_size),
        TEST(a_flood_about_strangers_is_bounded),
        TEST(operators_are_never_capped),
        TEST(what_staff_try_is_capped),
        TEST(old_records_go_and_the_rest_is_still_proven),
        TEST(times_are_found_by_halving),
        cmocka_unit_test(records_are_one_form_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
