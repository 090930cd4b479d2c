/* The state machine: from the application to the activated Prime. Nothing is lost,
 * nothing is judged twice, no machine decides, two people are two people. */
#include "tests/unit/store/unit.h"

#include <stdio.h>

#include "raft/fsm_limits.h"
#include "store/base/codec.h"
#include "store/store_audit.h"
#include "tests/unit/raft/intake_fixture.h"

static int setup(void **state) {
    struct fsm_fixture *fx = calloc(1, sizeof *fx);
    assert_non_null(fx);
    fsm_fixture_open(fx);
    for (uint64_t n = 1; n <= 3; n++) {
        struct command staff = command_staff(n, 0);
        assert_code(fsm_fixture_do(fx, &staff), OUT_OK);
    }
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

static void in_state(struct fsm_fixture *fx, uint64_t n, enum application_state state) {
    struct application application;
    assert_true(fixture_application(fx, n, &application));
    assert_string_equal(store_application_state_name(application.state),
                        store_application_state_name(state));
}

static void past(struct fsm_fixture *fx, uint64_t ms) {
    fx->now_ms += ms;
    fsm_fixture_tick(fx);
}

/* Scans of application `n`: blobs 10n and on, one bundle, leased by "w". */
static void scanned(struct fsm_fixture *fx, uint64_t n, size_t pages) {
    struct command sorted;
    struct id128 bundle = bundle_id_of(10 * n, 1);

    assert_code(give(fx, command_blob(10 * n, 2)), OUT_OK);
    assert_code(give(fx, command_batch(1)), OUT_OK);
    assert_code(give(fx, command_bundle(10 * n, 1)), OUT_OK);
    assert_code(give(fx, command_lease("w", 1)), OUT_OK);
    sorted = command_sorted(bundle, 1, "w", pages);
    sorted.job_result.pages[0].id = application_id_of(n);
    sorted.job_result.pages[0].how = PAGE_BY_QR;
    sorted.job_result.pages[0].kind = PAGE_FORM;
    assert_code(give(fx, sorted), OUT_OK);
}

/* At the desk with the verdict of the farm. */
static void read_papers(struct fsm_fixture *fx, uint64_t n, enum farm_verdict verdict) {
    scanned(fx, n, 2);
    assert_code(give(fx, command_lease("w", 1)), OUT_OK);
    in_state(fx, n, APPLICATION_OCR);
    assert_code(give(fx, command_read(n, 1, "w", verdict)), OUT_OK);
    in_state(fx, n, APPLICATION_STAFF);
}

static void at_desk(struct fsm_fixture *fx, uint64_t n, enum farm_verdict verdict) {
    assert_code(give(fx, command_apply(n)), OUT_OK);
    read_papers(fx, n, verdict);
}

static uint32_t claim(struct fsm_fixture *fx, uint64_t n, uint64_t staff) {
    struct outcome_claimed claimed;
    assert_code(give(fx, command_review_claim(n, staff)), OUT_OK);
    assert_ok(outcome_claimed_decode(fx->outcome.detail, &claimed));
    return claimed.claim;
}

static struct outcome_decided decide(struct fsm_fixture *fx, uint64_t n, uint64_t staff,
                                     enum review_decision decision) {
    struct outcome_decided decided;
    uint32_t number = claim(fx, n, staff);
    assert_code(give(fx, command_decide(n, staff, number, decision)), OUT_OK);
    assert_ok(outcome_decided_decode(fx->outcome.detail, &decided));
    return decided;
}

static void every_move_is_in_the_table(void **state) {
    (void)state;
    /* From where nothing leads away again (P3). */
    for (int to = 1; to <= APPLICATION_STATE_LAST; to++) {
        enum application_state end = (enum application_state)to;
        assert_false(store_application_may_move(APPLICATION_ACTIVATED, end));
        assert_false(store_application_may_move(APPLICATION_RETURNED, end));
        assert_false(store_application_may_move(APPLICATION_WITHDRAWN, end));
        assert_int_equal(store_application_may_move(APPLICATION_DENIED, end),
                         end == APPLICATION_RETURNED);
        /* Nothing but the desk approves or denies. */
        enum application_state from = end;
        if (store_application_may_move(from, APPLICATION_APPROVED)) {
            assert_int_equal(from, APPLICATION_STAFF);
        }
        if (store_application_may_move(from, APPLICATION_DENIED)) {
            assert_true(from == APPLICATION_STAFF || from == APPLICATION_HELD);
        }
    }
}

static void whoever_applied_does_not_apply_again(void **state) {
    struct fsm_fixture *fx = *state;
    struct command c = command_apply(1);
    struct application application;

    assert_code(give(fx, c), OUT_OK);
    assert_code(give(fx, c), OUT_EXISTS);
    c = command_apply(2);
    c.application_submit.account_index = command_apply(1).application_submit.account_index;
    assert_code(give(fx, c), OUT_DUPLICATE_ACCOUNT);
    c = command_apply(2);
    c.application_submit.person_index = command_apply(1).application_submit.person_index;
    assert_code(give(fx, c), OUT_DUPLICATE_PERSON);
    /* The same corporation and birth date with another name: a person looks. */
    c = command_apply(2);
    c.application_submit.pair_index = command_apply(1).application_submit.pair_index;
    assert_code(give(fx, c), OUT_OK);
    assert_true(fixture_application(fx, 2, &application));
    assert_true(application.alike);
    /* What was withdrawn stands in nobody's way. */
    assert_code(
        give(fx, command_move(1, APPLICATION_AWAITING, APPLICATION_WITHDRAWN, 0)),
        OUT_OK);
    c = command_apply(3);
    c.application_submit.person_index = command_apply(1).application_submit.person_index;
    assert_code(give(fx, c), OUT_OK);
}

static void an_account_id_of_a_prime_is_taken_and_of_an_entry_its_own(void **state) {
    struct fsm_fixture *fx = *state;
    struct command account = command_account(1), c = command_apply(1);

    account.account_put.account.type = ACCOUNT_ENTRY;
    account.account_put.account.login_index = c.application_submit.account_index;
    assert_code(give(fx, account), OUT_OK);
    assert_code(give(fx, c), OUT_DUPLICATE_ACCOUNT);
    c.application_submit.has_entry = true;
    c.application_submit.entry = id_of(2);
    assert_code(give(fx, c), OUT_DUPLICATE_ACCOUNT);
    c.application_submit.entry = id_of(1);
    assert_code(give(fx, c), OUT_OK);
}

static void who_did_not_confirm_stands_in_nobodys_way(void **state) {
    struct fsm_fixture *fx = *state;
    struct command c = command_apply(1), other = command_apply(2);
    struct application application;

    c.application_submit.confirmed = false;
    c.application_submit.token = key_of(77);
    c.application_submit.token_ttl_ms = HOUR_MS;
    assert_code(give(fx, c), OUT_OK);
    other.application_submit.person_index = c.application_submit.person_index;
    other.application_submit.account_index = c.application_submit.account_index;
    assert_code(give(fx, other), OUT_OK);
    assert_code(give(fx, command_confirm(77)), OUT_DUPLICATE_ACCOUNT);
    assert_code(give(fx, command_confirm(78)), OUT_NOT_FOUND);
    past(fx, HOUR_MS);
    past(fx, 1);
    assert_false(fixture_application(fx, 1, &application)); /* swept */
    assert_code(give(fx, command_confirm(77)), OUT_NOT_FOUND);
    /* One whose token is used in time waits for its documents. */
    c = command_apply(3);
    c.application_submit.confirmed = false;
    c.application_submit.token = key_of(79);
    c.application_submit.token_ttl_ms = HOUR_MS;
    assert_code(give(fx, c), OUT_OK);
    assert_code(give(fx, command_confirm(79)), OUT_OK);
    in_state(fx, 3, APPLICATION_AWAITING);
    assert_code(give(fx, command_confirm(79)), OUT_NOT_FOUND);
    past(fx, 2 * HOUR_MS);
    in_state(fx, 3, APPLICATION_AWAITING);
}

static void stocks_are_the_rows(void **state) {
    struct fsm_fixture *fx = *state;

    at_desk(fx, 1, FARM_OK);
    assert_code(give(fx, command_apply(2)), OUT_OK);
    assert_int_equal(fixture_stock(fx, APPLICATION_STAFF), 1);
    assert_int_equal(fixture_stock(fx, APPLICATION_AWAITING), 1);
    decide(fx, 1, 1, REVIEW_APPROVE);
    assert_int_equal(fixture_stock(fx, APPLICATION_STAFF), 0);
    assert_int_equal(fixture_stock(fx, APPLICATION_APPROVED), 1); /* 未完了 */
    assert_code(give(fx, command_code(50001, 700)), OUT_OK);
    assert_code(give(fx, command_activate(50001, 900, 700)), OUT_OK);
    assert_int_equal(fixture_stock(fx, APPLICATION_APPROVED), 0);
    assert_int_equal(fixture_stock(fx, APPLICATION_ACTIVATED), 1);
}

static void a_batch_that_comes_twice_changes_nothing(void **state) {
    struct fsm_fixture *fx = *state;
    struct store_digest before;

    assert_code(give(fx, command_apply(1)), OUT_OK);
    scanned(fx, 1, 3);
    before = fsm_meta(fx->fsm)->digest;
    (void)before;
    assert_int_equal(fsm_fixture_rows(fx, "bundle"), 1);
    uint64_t jobs = fsm_fixture_rows(fx, "job");
    assert_code(give(fx, command_batch(1)), OUT_OK);
    assert_code(give(fx, command_bundle(10, 1)), OUT_EXISTS);
    assert_int_equal(fsm_fixture_rows(fx, "bundle"), 1);
    assert_int_equal(fsm_fixture_rows(fx, "job"), jobs);
    struct application application;
    assert_true(fixture_application(fx, 1, &application));
    assert_int_equal(application.pages, 3);
}

static void pages_without_an_id_go_with_their_form(void **state) {
    struct fsm_fixture *fx = *state;
    struct intake_bundle *bundle = calloc(1, sizeof *bundle);
    struct command sorted;
    struct id128 id = bundle_id_of(70, 1);

    assert_non_null(bundle);
    for (uint64_t n = 1; n <= 3; n++) {
        assert_code(give(fx, command_apply(n)), OUT_OK);
    }
    assert_code(give(fx, command_blob(70, 2)), OUT_OK);
    assert_code(give(fx, command_batch(1)), OUT_OK);
    assert_code(give(fx, command_bundle(70, 1)), OUT_OK);
    assert_code(give(fx, command_lease("w", 1)), OUT_OK);
    sorted = command_sorted(id, 1, "w", 7);
    /* form 1, certificate, form 2, certificate, cover, form of nobody, certificate */
    static const uint64_t ids[7] = {1, 0, 2, 0, 0, 999, 0};
    for (size_t i = 0; i < 7; i++) {
        if (ids[i] != 0) {
            sorted.job_result.pages[i].id = application_id_of(ids[i]);
            sorted.job_result.pages[i].how = PAGE_BY_QR;
        }
    }
    assert_code(give(fx, sorted), OUT_OK);
    assert_true(fixture_bundle(fx, id, bundle));
    static const uint64_t got[7] = {1, 1, 2, 2, 2, 999, 999};
    for (size_t i = 0; i < 7; i++) {
        assert_string_equal(bundle->pages[i].id.text,
                            application_id_of(got[i]).text);
        assert_int_equal(bundle->pages[i].state,
                         i < 5 ? PAGE_ASSIGNED : PAGE_OPEN_UNMATCHED);
    }
    in_state(fx, 1, APPLICATION_WAITING);
    in_state(fx, 2, APPLICATION_WAITING);
    in_state(fx, 3, APPLICATION_AWAITING);
    free(bundle);
}

static void what_comes_later_or_again_waits_for_a_person(void **state) {
    struct fsm_fixture *fx = *state;
    struct intake_bundle *bundle = calloc(1, sizeof *bundle);
    struct application application;
    struct command sorted;
    struct id128 id = bundle_id_of(10, 2); /* the file of before, and a new one */

    assert_non_null(bundle);
    assert_code(give(fx, command_apply(1)), OUT_OK);
    scanned(fx, 1, 1);
    assert_code(give(fx, command_blob(11, 2)), OUT_OK);
    assert_code(give(fx, command_bundle(10, 2)), OUT_OK);
    assert_code(give(fx, command_lease("w", 2)), OUT_OK); /* the read job, too */
    sorted = command_sorted(id, 1, "w", 2);
    sorted.job_result.pages[1].file = 1;
    sorted.job_result.pages[1].id = application_id_of(1);
    sorted.job_result.pages[1].how = PAGE_BY_PRINT;
    assert_code(give(fx, sorted), OUT_OK);
    assert_true(fixture_bundle(fx, id, bundle));
    assert_int_equal(bundle->pages[0].state, PAGE_OPEN_DUPLICATE);
    assert_int_equal(bundle->pages[1].state, PAGE_OPEN_SURPLUS);
    /* A person says that it belongs there: what is being read is void. */
    assert_code(give(fx, command_place(id, 1, "P00001", 1)), OUT_OK);
    assert_true(fixture_application(fx, 1, &application));
    assert_int_equal(application.pages, 2);
    in_state(fx, 1, APPLICATION_WAITING);
    assert_code(give(fx, command_read(1, 1, "w", FARM_OK)), OUT_JOB_LATE);
    assert_code(give(fx, command_lease("w", 1)), OUT_OK);
    assert_code(give(fx, command_read(1, 2, "w", FARM_OK)), OUT_OK);
    in_state(fx, 1, APPLICATION_STAFF);
    assert_code(give(fx, command_place(id, 0, "", 1)), OUT_OK); /* nobody's */
    assert_code(give(fx, command_place(id, 0, "P77777", 1)), OUT_NOT_FOUND);
    assert_code(give(fx, command_place(id, 9, "P00001", 1)), OUT_NOT_FOUND);
    free(bundle);
}

static void a_dead_workers_job_is_offered_again_and_its_result_is_late(void **state) {
    struct fsm_fixture *fx = *state;
    struct outcome_leases leases;
    struct application application;

    assert_code(give(fx, command_apply(1)), OUT_OK);
    scanned(fx, 1, 2);
    assert_code(give(fx, command_lease("dies", 8)), OUT_OK);
    assert_ok(outcome_leases_decode(fx->outcome.detail, &leases));
    assert_int_equal(leases.count, 1);
    assert_code(give(fx, command_lease("lives", 8)), OUT_OK);
    assert_ok(outcome_leases_decode(fx->outcome.detail, &leases));
    assert_int_equal(leases.count, 0);
    past(fx, MINUTE_MS);
    assert_code(give(fx, command_lease("lives", 8)), OUT_OK);
    assert_ok(outcome_leases_decode(fx->outcome.detail, &leases));
    assert_int_equal(leases.count, 1);
    assert_int_equal(leases.jobs[0].attempt, 2);
    assert_code(give(fx, command_read(1, 1, "dies", FARM_NG)), OUT_JOB_LATE);
    assert_code(give(fx, command_read(1, 2, "dies", FARM_NG)), OUT_JOB_LATE);
    assert_code(give(fx, command_read(1, 2, "lives", FARM_OK)), OUT_OK);
    assert_code(give(fx, command_read(1, 2, "lives", FARM_NG)), OUT_REPLAYED);
    assert_code(give(fx, command_read(1, 1, "dies", FARM_NG)), OUT_JOB_LATE);
    assert_true(fixture_application(fx, 1, &application));
    assert_int_equal(application.ocr, FARM_OK);
    assert_int_equal(application.pages, 2);
}

static void what_kills_every_worker_comes_to_a_person(void **state) {
    struct fsm_fixture *fx = *state;
    struct application application;

    assert_code(give(fx, command_apply(1)), OUT_OK);
    scanned(fx, 1, 2);
    for (unsigned i = 0; i <= FSM_JOB_FAILURES_MAX; i++) {
        assert_code(give(fx, command_lease("w", 1)), OUT_OK);
        past(fx, MINUTE_MS);
    }
    assert_true(fixture_application(fx, 1, &application));
    assert_int_equal(application.state, APPLICATION_STAFF);
    assert_int_equal(application.ocr, FARM_REVIEW);
    assert_true((application.ocr_reasons & FSM_OCR_REASON_POISON) != 0);
}

static void a_bundle_that_cannot_be_sorted_is_listed(void **state) {
    struct fsm_fixture *fx = *state;
    struct intake_bundle *bundle = calloc(1, sizeof *bundle);
    struct id128 id = bundle_id_of(70, 2);

    assert_non_null(bundle);
    assert_code(give(fx, command_blob(70, 2)), OUT_OK);
    assert_code(give(fx, command_blob(71, 2)), OUT_OK);
    assert_code(give(fx, command_batch(1)), OUT_OK);
    assert_code(give(fx, command_bundle(70, 2)), OUT_OK);
    for (unsigned i = 0; i < FSM_JOB_FAILURES_MAX; i++) {
        struct command failed = command_sorted(id, i + 1, "w", 0);
        failed.job_result.failed = true;
        memcpy(failed.job_result.error, "bomb", sizeof "bomb");
        assert_code(give(fx, command_lease("w", 1)), OUT_OK);
        assert_code(give(fx, failed), OUT_OK);
        past(fx, MINUTE_MS);
    }
    assert_true(fixture_bundle(fx, id, bundle));
    assert_int_equal(bundle->state, BUNDLE_SORTED);
    assert_int_equal(bundle->pages_count, 2);
    assert_int_equal(bundle->pages[1].state, PAGE_OPEN_UNREADABLE);
    /* A person can still say whose it is. */
    assert_code(give(fx, command_apply(1)), OUT_OK);
    assert_code(give(fx, command_place(id, 0, "P00001", 2)), OUT_OK);
    in_state(fx, 1, APPLICATION_WAITING);
    free(bundle);
}

static void farms_of_two_environments_do_not_meet(void **state) {
    struct fsm_fixture *fx = *state;
    struct outcome_leases leases;
    struct command lease = command_lease("w", 1);

    assert_code(give(fx, command_apply(1)), OUT_OK);
    scanned(fx, 1, 1);
    lease.job_lease.environment = ENV_PRODUCTION;
    assert_code(give(fx, lease), OUT_OK);
    assert_ok(outcome_leases_decode(fx->outcome.detail, &leases));
    assert_int_equal(leases.count, 0);
}

static void one_person_does_where_the_farm_agrees_and_two_elsewhere(void **state) {
    struct fsm_fixture *fx = *state;
    struct outcome_decided decided;
    struct application application;

    at_desk(fx, 1, FARM_OK);
    decided = decide(fx, 1, 1, REVIEW_APPROVE);
    assert_false(decided.needs_second);
    in_state(fx, 1, APPLICATION_APPROVED);

    at_desk(fx, 2, FARM_NG);
    decided = decide(fx, 2, 1, REVIEW_DENY);
    assert_false(decided.needs_second);
    in_state(fx, 2, APPLICATION_DENIED);
    assert_true(fixture_application(fx, 2, &application));
    assert_int_equal(application.defects, DEFECT_CERT_COPY | DEFECT_FORM_DIFFERS);

    at_desk(fx, 3, FARM_REVIEW);
    decided = decide(fx, 3, 1, REVIEW_APPROVE);
    assert_true(decided.needs_second);
    in_state(fx, 3, APPLICATION_STAFF);
    assert_code(give(fx, command_review_claim(3, 1)), OUT_SAME_PERSON);
    decided = decide(fx, 3, 2, REVIEW_DENY); /* they disagree */
    assert_true(decided.needs_second);
    in_state(fx, 3, APPLICATION_STAFF);
    decided = decide(fx, 3, 3, REVIEW_DENY);
    assert_false(decided.needs_second);
    in_state(fx, 3, APPLICATION_DENIED);
    assert_code(give(fx, command_review_claim(3, 2)), OUT_APPLICATION_STATE);
}

static void a_claim_is_one_persons_and_ends(void **state) {
    struct fsm_fixture *fx = *state;
    struct command staff = command_staff(1, 1);
    uint32_t first, second;

    at_desk(fx, 1, FARM_OK);
    staff.staff_put.staff.roles = STAFF_REVIEWER;
    assert_code(give(fx, staff), OUT_OK);
    first = claim(fx, 1, 1);
    assert_code(give(fx, command_review_claim(1, 2)), OUT_CLAIMED);
    assert_code(give(fx, command_decide(1, 2, first, REVIEW_APPROVE)), OUT_CLAIMED);
    assert_int_equal(claim(fx, 1, 1), first); /* extended */
    past(fx, MINUTE_MS);
    second = claim(fx, 1, 2);
    assert_int_not_equal(first, second);
    assert_code(give(fx, command_decide(1, 1, first, REVIEW_APPROVE)), OUT_CLAIMED);
    assert_code(give(fx, command_review_release(1, 1, second)), OUT_CLAIMED);
    assert_code(give(fx, command_review_release(1, 2, second)), OUT_OK);
    first = claim(fx, 1, 1);
    assert_code(give(fx, command_decide(1, 1, first, REVIEW_HOLD)), OUT_OK);
    in_state(fx, 1, APPLICATION_HELD);
    decide(fx, 1, 1, REVIEW_APPROVE);
    in_state(fx, 1, APPLICATION_APPROVED);
}

static void who_is_no_active_staff_decides_nothing(void **state) {
    struct fsm_fixture *fx = *state;
    struct command staff = command_staff(2, 1);

    at_desk(fx, 1, FARM_OK);
    assert_code(give(fx, command_review_claim(1, 99)), OUT_ACCOUNT_STATE);
    claim(fx, 1, 2);
    staff.staff_put.staff.state = STAFF_DISABLED;
    assert_code(give(fx, staff), OUT_OK);
    assert_code(give(fx, command_decide(1, 2, 1, REVIEW_APPROVE)), OUT_ACCOUNT_STATE);
}

/* Roles are looked at where the decision is made: who lost one on another node a moment
 * ago does nothing more with it. */
static void a_decision_takes_the_role_for_it(void **state) {
    struct fsm_fixture *fx = *state;
    struct outcome_decided decided;
    struct command staff = command_staff(2, 1);

    at_desk(fx, 1, FARM_REVIEW);
    staff.staff_put.staff.roles = STAFF_INTAKE | STAFF_AUDITOR;
    assert_code(give(fx, staff), OUT_OK);
    assert_code(give(fx, command_review_claim(1, 2)), OUT_ROLE);
    decided = decide(fx, 1, 1, REVIEW_APPROVE);
    assert_true(decided.needs_second);
    staff = command_staff(2, 2);
    staff.staff_put.staff.roles = STAFF_REVIEWER;
    assert_code(give(fx, staff), OUT_OK);
    assert_code(give(fx, command_review_claim(1, 2)), OUT_ROLE); /* the second is not his */
    staff = command_staff(2, 3);
    staff.staff_put.staff.roles = STAFF_REVIEWER | STAFF_APPROVER;
    assert_code(give(fx, staff), OUT_OK);
    decided = decide(fx, 1, 2, REVIEW_APPROVE);
    assert_int_equal(decided.state, APPLICATION_APPROVED);
}

static void a_supervisor_takes_an_item_from_another(void **state) {
    struct fsm_fixture *fx = *state;
    struct command staff = command_staff(2, 1);
    uint32_t seen, now;

    at_desk(fx, 1, FARM_OK);
    staff.staff_put.staff.roles = STAFF_REVIEWER | STAFF_APPROVER;
    assert_code(give(fx, staff), OUT_OK);
    seen = claim(fx, 1, 1);
    assert_code(give(fx, command_review_release(1, 2, seen)), OUT_CLAIMED);
    staff = command_staff(2, 2);
    staff.staff_put.staff.roles = STAFF_SUPERVISOR;
    assert_code(give(fx, staff), OUT_OK);
    /* The page was looked at when another one had it: who has it by now keeps it. */
    assert_code(give(fx, command_review_release(1, 1, seen)), OUT_OK);
    now = claim(fx, 1, 3);
    assert_int_not_equal(now, seen);
    assert_code(give(fx, command_review_release(1, 2, seen)), OUT_CLAIMED);
    assert_code(give(fx, command_review_release(1, 2, now)), OUT_OK);
    assert_code(give(fx, command_decide(1, 3, now, REVIEW_APPROVE)), OUT_CLAIMED);
    assert_code(give(fx, command_review_release(1, 2, now)), OUT_CLAIMED); /* nobody's */
}

static void papers_are_the_intakes(void **state) {
    struct fsm_fixture *fx = *state;
    struct command staff = command_staff(2, 1), bundle = command_bundle(10, 1);

    assert_code(give(fx, command_apply(1)), OUT_OK);
    staff.staff_put.staff.roles = STAFF_REVIEWER;
    assert_code(give(fx, staff), OUT_OK);
    assert_code(give(fx, command_move(1, APPLICATION_AWAITING, APPLICATION_RECEIVED, 2)),
                OUT_ROLE);
    assert_code(give(fx, command_blob(10, 2)), OUT_OK);
    assert_code(give(fx, command_batch(1)), OUT_OK);
    bundle.bundle_add.staff = id_of(2);
    assert_code(give(fx, bundle), OUT_ROLE);
    bundle.bundle_add.staff = id_of(99);
    assert_code(give(fx, bundle), OUT_ACCOUNT_STATE);
    bundle.bundle_add.staff = id_of(1);
    assert_code(give(fx, bundle), OUT_OK);
    assert_code(give(fx, command_move(1, APPLICATION_AWAITING, APPLICATION_WITHDRAWN, 2)),
                OUT_ROLE);
    assert_code(give(fx, command_move(1, APPLICATION_AWAITING, APPLICATION_RECEIVED, 1)),
                OUT_OK);
}

/* Approved, with the link 50000 + n, which ends after an hour; it lapses in 30 days. */
static void approved(struct fsm_fixture *fx, uint64_t n) {
    at_desk(fx, n, FARM_OK);
    decide(fx, n, 1, REVIEW_APPROVE);
}

static void activation_is_once_and_makes_a_prime(void **state) {
    struct fsm_fixture *fx = *state;
    struct application application;

    approved(fx, 1);
    assert_code(give(fx, command_renew(1, 88)), OUT_OK);
    past(fx, HOUR_MS);
    assert_code(give(fx, command_code(88, 700)), OUT_EXPIRED);
    assert_code(give(fx, command_activate(88, 900, 700)), OUT_EXPIRED);
    assert_code(give(fx, command_renew(1, 89)), OUT_OK);
    assert_code(give(fx, command_activate(88, 900, 700)), OUT_NOT_FOUND);
    assert_code(give(fx, command_code(89, 700)), OUT_OK);
    assert_code(give(fx, command_activate(89, 900, 700)), OUT_OK);
    assert_code(give(fx, command_activate(89, 900, 700)), OUT_NOT_FOUND);
    assert_code(give(fx, command_code(89, 700)), OUT_NOT_FOUND);
    assert_code(give(fx, command_renew(1, 90)), OUT_APPLICATION_STATE);
    assert_true(fixture_application(fx, 1, &application));
    assert_int_equal(application.state, APPLICATION_ACTIVATED);
    assert_true(application.has_sub);
    assert_int_equal(application.reminders, 3);
    assert_int_equal(application.tokens_count, 0);
    assert_int_equal(fsm_fixture_rows(fx, "factor"), 1); /* the telephone */
    /* The person has a Prime now. */
    struct command again = command_apply(2);
    again.application_submit.person_index =
        command_apply(1).application_submit.person_index;
    assert_code(give(fx, again), OUT_DUPLICATE_PERSON);
}

/* Whoever made the Entry need not be whom the papers name. */
static void a_prime_inherits_no_way_in_from_its_entry(void **state) {
    struct fsm_fixture *fx = *state;
    struct command account = command_account(1), c = command_apply(1);
    struct command activate = command_activate(50001, 1, 700);

    account.account_put.account.type = ACCOUNT_ENTRY;
    account.account_put.account.login_index = c.application_submit.account_index;
    assert_code(give(fx, account), OUT_OK);
    struct command login = command_login(1, 20);
    login.login.login_index = c.application_submit.account_index;
    assert_code(give(fx, login), OUT_OK);
    assert_code(give(fx, command_factor(1, FACTOR_TOTP)), OUT_OK);
    assert_int_equal(fsm_fixture_rows(fx, "factor"), 1);
    c.application_submit.has_entry = true;
    c.application_submit.entry = id_of(1);
    assert_code(give(fx, c), OUT_OK);
    read_papers(fx, 1, FARM_OK);
    decide(fx, 1, 1, REVIEW_APPROVE);
    assert_code(give(fx, command_code(50001, 700)), OUT_OK);
    assert_code(give(fx, activate), OUT_DUPLICATE_ACCOUNT); /* not as it is now */
    activate.activate.generation = 1;
    assert_code(give(fx, activate), OUT_OK); /* the code is good yet */
    assert_int_equal(fsm_fixture_rows(fx, "factor"), 1); /* but not the Entry's */
    assert_int_equal(fsm_fixture_rows(fx, "session"), 0);
}

/* N1 of raft/fsm_activation.c. */
static void a_mailbox_alone_sets_nothing_up(void **state) {
    struct fsm_fixture *fx = *state;

    approved(fx, 1);
    assert_code(give(fx, command_activate(50001, 900, 700)), OUT_BAD_CREDENTIALS);
    assert_code(give(fx, command_code(50001, 700)), OUT_OK);
    past(fx, MINUTE_MS);
    assert_code(give(fx, command_activate(50001, 900, 700)), OUT_BAD_CREDENTIALS);
    assert_code(give(fx, command_code(50001, 701)), OUT_OK);
    assert_code(give(fx, command_code(50001, 702)), OUT_OK);
    assert_code(give(fx, command_activate(50001, 900, 701)), OUT_BAD_CREDENTIALS);
    /* So many guesses, however many links and codes there are. */
    for (unsigned i = 1; i < FSM_FACTOR_FAILURES_MAX; i++) {
        assert_code(give(fx, command_renew(1, 500 + i)), OUT_OK);
        assert_code(give(fx, command_code(500 + i, 702)), OUT_OK);
        assert_code(give(fx, command_activate(500 + i, 900, 703)),
                    i + 1 < FSM_FACTOR_FAILURES_MAX ? OUT_BAD_CREDENTIALS : OUT_LOCKED);
    }
    assert_code(give(fx, command_activate(501 + 8, 900, 702)), OUT_LOCKED);
    assert_code(give(fx, command_code(501 + 8, 702)), OUT_LOCKED);
    in_state(fx, 1, APPLICATION_APPROVED);
    assert_int_equal(fsm_fixture_rows(fx, "account"), 0);
    past(fx, FSM_FACTOR_DAY_MS);
    assert_code(give(fx, command_renew(1, 600)), OUT_OK);
    assert_code(give(fx, command_code(600, 702)), OUT_OK);
    assert_code(give(fx, command_activate(600, 900, 702)), OUT_OK);
}

/* N2. */
static void a_new_link_leaves_the_one_in_use_and_one_use_ends_all(void **state) {
    struct fsm_fixture *fx = *state;
    struct application application;

    approved(fx, 1);
    assert_code(give(fx, command_renew(1, 501)), OUT_OK);
    assert_code(give(fx, command_renew(1, 502)), OUT_OK);
    assert_code(give(fx, command_code(50001, 700)), OUT_OK);
    assert_code(give(fx, command_renew(1, 503)), OUT_OK); /* the oldest makes room */
    assert_code(give(fx, command_activate(50001, 900, 700)), OUT_NOT_FOUND);
    assert_true(fixture_application(fx, 1, &application));
    assert_int_equal(application.tokens_count, APPLICATION_TOKENS_MAX);
    assert_code(give(fx, command_activate(501, 900, 700)), OUT_OK);
    assert_code(give(fx, command_activate(502, 901, 700)), OUT_NOT_FOUND);
    assert_code(give(fx, command_activate(503, 901, 700)), OUT_NOT_FOUND);
    /* Of another application's no link can be given. */
    approved(fx, 2);
    approved(fx, 3);
    assert_code(give(fx, command_renew(3, 50002)), OUT_EXISTS);
}

/* Y1 of raft/fsm_correction.c. */
static void a_number_is_put_right_by_two_people(void **state) {
    struct fsm_fixture *fx = *state;
    struct command staff = command_staff(2, 1);
    struct application application;
    struct correction correction;

    assert_code(give(fx, command_apply(1)), OUT_OK);
    staff.staff_put.staff.roles = STAFF_HELP_DESK;
    assert_code(give(fx, staff), OUT_OK);
    assert_code(give(fx, command_correct(1, 70, 2)), OUT_OK);
    assert_code(give(fx, command_correct(1, 71, 1)), OUT_EXISTS);
    assert_code(give(fx, command_correct_settle(1, 70, 2, true)), OUT_SAME_PERSON);
    assert_code(give(fx, command_correct_settle(1, 71, 1, true)), OUT_NOT_FOUND);
    assert_true(fixture_correction(fx, 1, &correction));
    assert_int_equal(correction.basis, CORRECTION_CALLED_BACK);
    assert_memory_equal(correction.by.b, id_of(2).b, sizeof correction.by.b);
    assert_code(give(fx, command_correct_settle(1, 70, 1, true)), OUT_OK);
    assert_true(fixture_application(fx, 1, &application));
    assert_memory_equal(application.sealed.data, "other number", 12);
    assert_int_equal(application.corrections, 1);
    assert_int_equal(application.state, APPLICATION_AWAITING);
    assert_int_equal(fsm_fixture_rows(fx, "correction"), 0);
    assert_code(give(fx, command_correct_settle(1, 70, 1, true)), OUT_NOT_FOUND);
    /* What was made of the number before is not taken. */
    assert_code(give(fx, command_correct(1, 72, 2)), OUT_CHANGING);
    struct command next = command_correct(1, 72, 2);
    next.correction_propose.corrections = 1;
    assert_code(give(fx, next), OUT_OK);
    /* Who asked may take it back, who is of the help desk alone judges no other's. */
    staff = command_staff(3, 1);
    staff.staff_put.staff.roles = STAFF_HELP_DESK;
    assert_code(give(fx, staff), OUT_OK);
    assert_code(give(fx, command_correct_settle(1, 72, 3, false)), OUT_ROLE);
    assert_code(give(fx, command_correct_settle(1, 72, 3, true)), OUT_ROLE);
    assert_code(give(fx, command_correct_settle(1, 72, 2, false)), OUT_OK);
    assert_true(fixture_application(fx, 1, &application));
    assert_int_equal(application.corrections, 1);
    staff = command_staff(3, 2);
    staff.staff_put.staff.roles = STAFF_REVIEWER | STAFF_INTAKE | STAFF_APPROVER;
    assert_code(give(fx, staff), OUT_OK);
    assert_code(give(fx, command_correct(1, 73, 3)), OUT_ROLE);
}

/* Y2, Y3. */
static void the_old_numbers_code_is_dead(void **state) {
    struct fsm_fixture *fx = *state;
    struct command code = command_code(50001, 701);
    struct command activate = command_activate(50001, 900, 700);
    struct correction correction;

    approved(fx, 1);
    assert_code(give(fx, command_code(50001, 700)), OUT_OK);
    assert_code(give(fx, command_activate(50001, 900, 702)), OUT_BAD_CREDENTIALS);
    assert_code(give(fx, command_correct(1, 70, 2)), OUT_OK);
    assert_code(give(fx, command_correct_settle(1, 70, 1, true)), OUT_OK);
    /* By a node that has not heard of it: nothing goes to the old number, nothing comes
     * of what did. */
    assert_code(give(fx, activate), OUT_CHANGING);
    assert_code(give(fx, code), OUT_CHANGING);
    activate.activate.corrections = code.activation_code.corrections = 1;
    assert_code(give(fx, activate), OUT_BAD_CREDENTIALS);
    assert_code(give(fx, code), OUT_OK);
    for (unsigned i = 2; i < FSM_FACTOR_FAILURES_MAX; i++) { /* one before */
        activate.activate.code = key_of(702);
        assert_code(give(fx, activate), OUT_BAD_CREDENTIALS);
    }
    activate.activate.code = key_of(701);
    struct command pending = command_correct(1, 71, 2);
    pending.correction_propose.corrections = 1;
    assert_code(give(fx, pending), OUT_OK);
    assert_code(give(fx, activate), OUT_OK);
    in_state(fx, 1, APPLICATION_ACTIVATED);
    /* It is of no use any more. */
    assert_false(fixture_correction(fx, 1, &correction));
    assert_code(give(fx, command_correct_settle(1, 71, 1, true)), OUT_NOT_FOUND);
    assert_code(give(fx, pending), OUT_APPLICATION_STATE);
}

static void corrections_that_nobody_judges_go(void **state) {
    struct fsm_fixture *fx = *state;
    struct command unconfirmed = command_apply(2);
    uint64_t expiries;

    unconfirmed.application_submit.confirmed = false;
    unconfirmed.application_submit.token = key_of(77);
    unconfirmed.application_submit.token_ttl_ms = HOUR_MS;
    assert_code(give(fx, unconfirmed), OUT_OK);
    assert_code(give(fx, command_correct(2, 70, 2)), OUT_APPLICATION_STATE);
    assert_code(give(fx, command_correct(3, 70, 2)), OUT_NOT_FOUND);
    past(fx, HOUR_MS);
    assert_code(give(fx, command_apply(1)), OUT_OK);
    expiries = fsm_fixture_rows(fx, "expiry");
    assert_code(give(fx, command_correct(1, 70, 2)), OUT_OK);
    assert_int_equal(fsm_fixture_rows(fx, "expiry"), expiries + 1);
    past(fx, FSM_CORRECTION_WAIT_MS - 1);
    assert_int_equal(fsm_fixture_rows(fx, "correction"), 1);
    past(fx, 1);
    assert_int_equal(fsm_fixture_rows(fx, "correction"), 0);
    assert_code(give(fx, command_correct(1, 71, 2)), OUT_OK);
    assert_code(
        give(fx, command_move(1, APPLICATION_AWAITING, APPLICATION_WITHDRAWN, 0)),
        OUT_OK);
    assert_int_equal(fsm_fixture_rows(fx, "correction"), 0);
}

static void an_import_is_of_two_people_and_each_line_once(void **state) {
    struct fsm_fixture *fx = *state;
    struct outcome_import_line line;

    at_desk(fx, 1, FARM_REVIEW);
    at_desk(fx, 2, FARM_REVIEW);
    assert_code(give(fx, command_import(1, 1, 3)), OUT_OK);
    assert_code(give(fx, command_import(1, 2, 3)), OUT_EXISTS);
    assert_code(give(fx, command_import_line(1, 0)), OUT_APPLICATION_STATE);
    assert_code(give(fx, command_import_approve(1, 1)), OUT_SAME_PERSON);
    assert_code(give(fx, command_import_approve(1, 2)), OUT_OK);
    assert_code(give(fx, command_import_approve(1, 3)), OUT_APPLICATION_STATE);
    static const enum import_line_state want[3] = {IMPORT_LINE_DONE, IMPORT_LINE_DONE,
                                                   IMPORT_LINE_UNKNOWN};
    for (int round = 0; round < 2; round++) {
        for (uint16_t i = 0; i < 3; i++) {
            assert_code(give(fx, command_import_line(1, i)), OUT_OK);
            assert_ok(outcome_import_line_decode(fx->outcome.detail, &line));
            assert_int_equal(line.state, want[i]);
        }
    }
    assert_code(give(fx, command_import_line(1, 3)), OUT_NOT_FOUND);
    in_state(fx, 1, APPLICATION_APPROVED);
    in_state(fx, 2, APPLICATION_DENIED);
}

/* The line's state, once it is settled. */
static enum import_line_state settle_line(struct fsm_fixture *fx, uint64_t n,
                                          uint16_t line) {
    struct outcome_import_line settled;
    assert_code(give(fx, command_import_line(n, line)), OUT_OK);
    assert_ok(outcome_import_line_decode(fx->outcome.detail, &settled));
    return settled.state;
}

/* What two people stand for are the papers that they saw. */
static void an_import_decides_nothing_that_changed_since(void **state) {
    struct fsm_fixture *fx = *state;

    at_desk(fx, 1, FARM_REVIEW);
    assert_code(give(fx, command_import(1, 1, 3)), OUT_OK);
    assert_code(give(fx, command_blob(50, 2)), OUT_OK); /* another page of it */
    assert_code(give(fx, command_bundle(50, 1)), OUT_OK);
    assert_code(give(fx, command_lease("w", 1)), OUT_OK);
    assert_code(give(fx, command_sorted(bundle_id_of(50, 1), 1, "w", 1)), OUT_OK);
    assert_code(give(fx, command_place(bundle_id_of(50, 1), 0, "P00001", 2)), OUT_OK);
    assert_code(give(fx, command_lease("w", 1)), OUT_OK);
    assert_code(give(fx, command_read(1, 2, "w", FARM_NG)), OUT_OK);
    in_state(fx, 1, APPLICATION_STAFF);
    at_desk(fx, 2, FARM_NG); /* it was unknown when the file came */
    assert_code(give(fx, command_import_approve(1, 2)), OUT_OK);
    assert_int_equal(settle_line(fx, 1, 0), IMPORT_LINE_STATE);
    assert_int_equal(settle_line(fx, 1, 1), IMPORT_LINE_UNKNOWN);
    in_state(fx, 1, APPLICATION_STAFF);
    in_state(fx, 2, APPLICATION_STAFF);
    assert_code(give(fx, command_import(2, 1, 3)), OUT_OK); /* with the papers of now */
    assert_code(give(fx, command_import_approve(2, 2)), OUT_OK);
    assert_int_equal(settle_line(fx, 2, 0), IMPORT_LINE_DONE);
    in_state(fx, 1, APPLICATION_APPROVED);
}

static bool note_each(void *arg, const struct audit_record *record,
                      const struct audit_hash *hash) {
    char (*notes)[LIMIT_AUDIT_NOTE + 1] = arg;
    size_t at = record->event == AUDIT_IMPORT_PROPOSED   ? 0
                : record->event == AUDIT_IMPORT_APPROVED ? 1
                : record->event == AUDIT_APPLICATION_APPROVED ? 2
                                                              : 3;
    (void)hash;
    if (at < 3) {
        snprintf(notes[at], sizeof notes[at], "%.*s", (int)record->note.len,
                 (const char *)record->note.data);
    }
    return true;
}

static void an_import_names_its_file_and_both_people(void **state) {
    struct fsm_fixture *fx = *state;
    char notes[3][LIMIT_AUDIT_NOTE + 1] = {"", "", ""}, want[LIMIT_AUDIT_NOTE + 1], id[33];
    struct id128 file = id_of(1), first = id_of(1), second = id_of(2);
    struct store_read *read;
    struct review review;

    at_desk(fx, 1, FARM_REVIEW);
    assert_code(give(fx, command_import(1, 1, 1)), OUT_OK);
    assert_code(give(fx, command_import_approve(1, 2)), OUT_OK);
    assert_int_equal(settle_line(fx, 1, 0), IMPORT_LINE_DONE);
    fixture_review(fx, 1, &review);
    assert_int_equal(review.count, 2);
    assert_memory_equal(review.entries[0].staff.b, first.b, sizeof first.b);
    assert_memory_equal(review.entries[1].staff.b, second.b, sizeof second.b);
    assert_int_equal(review.entries[1].decision, REVIEW_APPROVE);
    assert_false(review.pending);

    assert_ok(store_read_new(fx->store.store, &read));
    assert_ok(store_read_begin(read));
    assert_ok(store_audit_walk(read, AUDIT_BY_SEQ, span_of(NULL, 0), 0, false, note_each,
                               notes));
    store_read_end(read);
    store_read_free(read);
    hex_encode(span_of(file.b, sizeof file.b), id);
    assert_string_equal(notes[0], id);
    snprintf(want, sizeof want, "%s approved", id);
    assert_string_equal(notes[1], want);
    snprintf(want, sizeof want, "P00001 import %s", id);
    assert_string_equal(notes[2], want);
}

/* A month after nothing is left to be done with them; a file that waits stays. */
static void imports_that_are_over_make_room(void **state) {
    struct fsm_fixture *fx = *state;
    struct command rejected = command_import_approve(2, 2);

    at_desk(fx, 1, FARM_REVIEW);
    for (uint64_t n = 1; n <= 4; n++) { /* 3 waits, 4 is settled in part */
        assert_code(give(fx, command_import(n, 1, n == 4 ? 2 : 1)), OUT_OK);
    }
    rejected.import_approve.approve = false;
    assert_code(give(fx, rejected), OUT_OK);
    assert_code(give(fx, command_import_approve(1, 2)), OUT_OK);
    assert_code(give(fx, command_import_approve(4, 2)), OUT_OK);
    settle_line(fx, 1, 0);
    settle_line(fx, 4, 0);
    past(fx, FSM_IMPORT_KEEP_MS - 1);
    assert_int_equal(fsm_fixture_rows(fx, "import"), 4);
    past(fx, 1);
    past(fx, 1);
    assert_int_equal(fsm_fixture_rows(fx, "import"), 2);
    assert_code(give(fx, command_import(1, 1, 1)), OUT_OK); /* it may come again */
    assert_code(give(fx, command_import(3, 1, 1)), OUT_EXISTS);
    settle_line(fx, 4, 1);
    past(fx, FSM_IMPORT_KEEP_MS);
    past(fx, 1);
    assert_code(give(fx, command_import(4, 1, 1)), OUT_OK);
}

/* Nor does one stay for ever that nobody judges, or whose lines nobody goes on with. */
static void imports_that_nobody_cares_for_go_in_the_end(void **state) {
    struct fsm_fixture *fx = *state;

    at_desk(fx, 1, FARM_REVIEW);
    assert_code(give(fx, command_import(1, 1, 1)), OUT_OK);
    assert_code(give(fx, command_import(2, 1, 1)), OUT_OK);
    past(fx, FSM_IMPORT_WAIT_MS - HOUR_MS);
    assert_int_equal(fsm_fixture_rows(fx, "import"), 2);
    assert_code(give(fx, command_import_approve(2, 2)), OUT_OK); /* it has time anew */
    past(fx, HOUR_MS);
    past(fx, 1);
    assert_int_equal(fsm_fixture_rows(fx, "import"), 1);
    assert_int_equal(fsm_fixture_rows(fx, "import_time"), 1);
    past(fx, FSM_IMPORT_WAIT_MS);
    past(fx, 1);
    assert_int_equal(fsm_fixture_rows(fx, "import"), 0);
    assert_int_equal(fsm_fixture_rows(fx, "import_time"), 0);
    in_state(fx, 1, APPLICATION_STAFF);
}

static void imports_are_listed_by_time(void **state) {
    struct fsm_fixture *fx = *state;
    const uint64_t order[] = {7, 3, 9, 1}; /* ids say nothing of the time */
    struct import_at at = {.created_ms = 0};
    struct store_read *read;

    for (size_t i = 0; i < 4; i++) {
        past(fx, i == 2 ? 0 : 10); /* two of one moment */
        assert_code(give(fx, command_import(order[i], 1, 1)), OUT_OK);
    }
    assert_code(give(fx, command_import_approve(3, 2)), OUT_OK); /* it stays where it is */
    assert_ok(store_read_new(fx->store.store, &read));
    assert_ok(store_read_begin(read));
    for (size_t i = 4; i-- > 0;) {
        uint64_t before_ms = at.created_ms;
        assert_ok(store_import_before(read, &at));
        assert_true(i == 3 || at.created_ms <= before_ms);
        if (i == 3 || i == 0) {
            struct id128 want = id_of(order[i]);
            assert_memory_equal(at.id.b, want.b, sizeof want.b);
        }
    }
    assert_int_equal(store_import_before(read, &at), ERR_NOT_FOUND);
    store_read_end(read);
    store_read_free(read);
}

static uint64_t older(struct fsm_fixture *fx, enum application_state state,
                      uint64_t before_ms) {
    struct store_read *read;
    uint64_t count = 0;

    assert_ok(store_read_new(fx->store.store, &read));
    assert_ok(store_read_begin(read));
    assert_ok(store_application_older(read, APPLICATION_CORPORATION, state, before_ms,
                                      &count));
    store_read_end(read);
    store_read_free(read);
    return count;
}

/* To the millisecond, wherever the tenths of an hour lie. */
static void ages_are_counted_exactly(void **state) {
    struct fsm_fixture *fx = *state;
    uint64_t entered[12];

    for (uint64_t n = 1; n <= 12; n++) {
        struct application application;
        assert_code(give(fx, command_apply(n)), OUT_OK);
        past(fx, n % 3 == 0 ? 17 * MINUTE_MS : 1 + n);
        assert_code(give(fx, command_move(n, APPLICATION_AWAITING, APPLICATION_RECEIVED,
                                          1)),
                    OUT_OK);
        assert_true(fixture_application(fx, n, &application));
        entered[n - 1] = application.state_ms;
    }
    for (size_t i = 0; i < 12; i++) {
        for (int64_t by = -1; by <= 1; by++) {
            uint64_t before_ms = (uint64_t)((int64_t)entered[i] + by), want = 0;
            for (size_t j = 0; j < 12; j++) {
                want += entered[j] < before_ms ? 1 : 0;
            }
            assert_int_equal(older(fx, APPLICATION_RECEIVED, before_ms), want);
        }
    }
    for (uint64_t n = 1; n <= 12; n++) { /* and nothing is left of what has gone on */
        assert_code(give(fx, command_move(n, APPLICATION_RECEIVED, APPLICATION_WITHDRAWN,
                                          0)),
                    OUT_OK);
    }
    assert_int_equal(older(fx, APPLICATION_RECEIVED, UINT64_MAX), 0);
}

/* The applicant is told the defects: both people have to have found the same. */
static void a_denial_is_confirmed_with_its_defects(void **state) {
    struct fsm_fixture *fx = *state;
    struct outcome_decided decided;
    struct application application;
    struct command other;

    at_desk(fx, 1, FARM_REVIEW);
    decided = decide(fx, 1, 1, REVIEW_DENY);
    assert_true(decided.needs_second);
    other = command_decide(1, 2, claim(fx, 1, 2), REVIEW_DENY);
    other.review_decide.defects = DEFECT_CERT_EXPIRED;
    assert_code(give(fx, other), OUT_OK);
    assert_ok(outcome_decided_decode(fx->outcome.detail, &decided));
    assert_true(decided.needs_second);
    in_state(fx, 1, APPLICATION_STAFF);
    other = command_decide(1, 3, claim(fx, 1, 3), REVIEW_DENY);
    other.review_decide.defects = DEFECT_CERT_EXPIRED;
    assert_code(give(fx, other), OUT_OK);
    in_state(fx, 1, APPLICATION_DENIED);
    assert_true(fixture_application(fx, 1, &application));
    assert_int_equal(application.defects, DEFECT_CERT_EXPIRED);
}

static void a_blob_that_nothing_names_goes_and_a_short_one_is_known(void **state) {
    struct fsm_fixture *fx = *state;
    struct blob_row blob;

    assert_code(give(fx, command_blob(1, 0)), OUT_OK);
    assert_int_equal(fsm_fixture_rows(fx, "blob_short"), 1);
    assert_code(give(fx, command_hold(3, 1, true)), OUT_OK);
    assert_int_equal(fsm_fixture_rows(fx, "blob_short"), 0);
    assert_code(give(fx, command_hold(1, 1, false)), OUT_OK);
    assert_int_equal(fsm_fixture_rows(fx, "blob_short"), 1);
    assert_true(fixture_blob(fx, 1, &blob));
    assert_int_equal(blob.holders_count, 1);
    assert_int_equal(blob.holders[0], 3);
    assert_code(give(fx, command_blob(10, 2)), OUT_OK);
    assert_code(give(fx, command_batch(1)), OUT_OK);
    assert_code(give(fx, command_bundle(10, 1)), OUT_OK);
    assert_code(give(fx, command_bundle(12, 1)), OUT_NOT_FOUND);
    past(fx, FSM_BLOB_KEEP_MS);
    past(fx, 1);
    assert_false(fixture_blob(fx, 1, &blob));
    assert_true(fixture_blob(fx, 10, &blob));
    assert_int_equal(fsm_fixture_rows(fx, "blob_short"), 0);
}

static void a_machine_never_approves(void **state) {
    struct fsm_fixture *fx = *state;

    at_desk(fx, 1, FARM_OK);
    past(fx, 30ull * 24 * HOUR_MS);
    in_state(fx, 1, APPLICATION_STAFF);
    at_desk(fx, 2, FARM_NG);
    past(fx, 30ull * 24 * HOUR_MS);
    in_state(fx, 2, APPLICATION_STAFF);
}

/* --- mails for later --- */

static void mail(struct application_mails *later, enum application_mail_kind kind,
                 uint32_t after_s, uint64_t n) {
    later->at[later->count++] = (struct application_mail){
        .kind = kind,
        .after_s = after_s,
        .id = id_of(n),
        .recipient = key_of(n),
        .sealed = span_str("mail"),
    };
}

static bool mailed(struct fsm_fixture *fx, uint64_t n) {
    struct outbox_message message;

    return fsm_fixture_message(fx, id_of(n), &message);
}

/* Confirmed, with the mails 901 to 903 of AWAITING. */
static void awaits(struct fsm_fixture *fx, uint64_t n) {
    struct command c = command_apply(n), confirm = command_confirm(77);

    c.application_submit.confirmed = false;
    c.application_submit.token = key_of(77);
    c.application_submit.token_ttl_ms = HOUR_MS;
    assert_code(give(fx, c), OUT_OK);
    mail(&confirm.application_confirm.later, APPLICATION_MAIL_ARRIVED, 0, 901);
    mail(&confirm.application_confirm.later, APPLICATION_MAIL_DOCUMENTS, 100, 902);
    mail(&confirm.application_confirm.later, APPLICATION_MAIL_LAPSED, 300, 903);
    assert_code(give(fx, confirm), OUT_OK);
}

static void who_sends_nothing_is_reminded_and_then_given_up(void **state) {
    struct fsm_fixture *fx = *state;
    struct application application;

    awaits(fx, 1);
    past(fx, 99999);
    assert_false(mailed(fx, 902));
    past(fx, 1);
    assert_true(mailed(fx, 902));
    in_state(fx, 1, APPLICATION_AWAITING);
    assert_false(mailed(fx, 903));
    past(fx, 200000);
    assert_true(mailed(fx, 903));
    in_state(fx, 1, APPLICATION_DEFECT);
    assert_true(fixture_application(fx, 1, &application));
    assert_int_equal(application.defects, DEFECT_NO_DOCUMENTS);
    assert_int_equal(application.mails.count, 0);
    assert_false(mailed(fx, 901));
}

static void documents_that_come_are_told_of_once(void **state) {
    struct fsm_fixture *fx = *state;
    struct application application;

    awaits(fx, 1);
    scanned(fx, 1, 2);
    assert_true(mailed(fx, 901));
    assert_true(fixture_application(fx, 1, &application));
    assert_int_equal(application.mails.count, 0);
    past(fx, 1000000);
    assert_false(mailed(fx, 902));
    assert_false(mailed(fx, 903));
}

static void who_withdraws_hears_no_more(void **state) {
    struct fsm_fixture *fx = *state;

    awaits(fx, 1);
    assert_code(
        give(fx, command_move(1, APPLICATION_AWAITING, APPLICATION_WITHDRAWN, 0)),
        OUT_OK);
    past(fx, 1000000);
    assert_false(mailed(fx, 901));
    assert_false(mailed(fx, 902));
    assert_false(mailed(fx, 903));
}

/* N3: whatever is sent again. */
static void an_approval_lapses_and_is_counted(void **state) {
    struct fsm_fixture *fx = *state;
    struct command renew = command_renew(1, 501);
    struct application_mails *later = &renew.activation_renew.later;
    struct application application;

    approved(fx, 1);
    past(fx, 29ull * 24 * HOUR_MS);
    mail(later, APPLICATION_MAIL_ACTIVATE, 3600, 911);
    mail(later, APPLICATION_MAIL_ACTIVATE, 2u * 86400, 912);
    assert_code(give(fx, renew), OUT_OK);
    assert_true(fixture_application(fx, 1, &application));
    assert_int_equal(application.mails.count, 2); /* none after its end */
    past(fx, HOUR_MS);
    assert_true(mailed(fx, 911));
    past(fx, 23 * HOUR_MS - 1);
    in_state(fx, 1, APPLICATION_APPROVED);
    assert_false(mailed(fx, 70001));
    past(fx, 1);
    in_state(fx, 1, APPLICATION_LAPSED);
    assert_true(mailed(fx, 70001));
    assert_int_equal(fixture_stock(fx, APPLICATION_APPROVED), 0);
    assert_int_equal(fixture_stock(fx, APPLICATION_LAPSED), 1);
    assert_code(give(fx, command_activate(501, 900, 700)), OUT_NOT_FOUND);
    assert_code(give(fx, command_renew(1, 502)), OUT_APPLICATION_STATE);
    past(fx, 3ull * 24 * HOUR_MS);
    assert_false(mailed(fx, 912));
    /* It stands in nobody's way. */
    struct command again = command_apply(2);
    again.application_submit.person_index =
        command_apply(1).application_submit.person_index;
    again.application_submit.account_index =
        command_apply(1).application_submit.account_index;
    assert_code(give(fx, again), OUT_OK);
}

static void a_reminder_brings_a_link_of_its_own(void **state) {
    struct fsm_fixture *fx = *state;
    struct command renew = command_renew(1, 501);
    struct application_mails *later = &renew.activation_renew.later;

    approved(fx, 1);
    approved(fx, 2);
    mail(later, APPLICATION_MAIL_ACTIVATE, 12u * 86400, 911);
    later->at[0].token = key_of(601);
    later->at[0].token_ttl_ms = HOUR_MS;
    mail(later, APPLICATION_MAIL_ACTIVATE, 13u * 86400, 912);
    later->at[1].token = key_of(602); /* will be another's by then */
    later->at[1].token_ttl_ms = HOUR_MS;
    assert_code(give(fx, renew), OUT_OK);
    assert_code(give(fx, command_code(601, 700)), OUT_NOT_FOUND); /* not sent yet */
    past(fx, 12ull * 24 * HOUR_MS);
    assert_code(give(fx, command_code(501, 700)), OUT_NOT_FOUND);
    assert_code(give(fx, command_code(601, 700)), OUT_OK);
    past(fx, 24 * HOUR_MS - MINUTE_MS);
    struct command other = command_renew(2, 602);
    assert_code(give(fx, other), OUT_OK);
    past(fx, MINUTE_MS);
    assert_true(mailed(fx, 912));
    assert_code(give(fx, command_code(602, 700)), OUT_OK);
    assert_code(give(fx, command_activate(602, 902, 700)), OUT_OK);
    in_state(fx, 2, APPLICATION_ACTIVATED);
    in_state(fx, 1, APPLICATION_APPROVED);
}

/* --- what is told, and what is looked through --- */

/* L2 of SECURITY: one command and one outcome, whether there is somebody or not. */
static void who_applies_hears_the_same_of_a_person_who_is_known(void **state) {
    struct fsm_fixture *fx = *state;
    struct command c = command_apply(2);
    struct message_out *known = &c.application_submit.known;

    assert_code(give(fx, command_apply(1)), OUT_OK);
    c.application_submit.confirmed = false;
    c.application_submit.token = key_of(77);
    c.application_submit.token_ttl_ms = HOUR_MS;
    c.application_submit.person_index =
        command_apply(1).application_submit.person_index;
    *known = command_message(5, OUTBOX_MAIL, 1).message_send.message;
    known->id = id_of(921);
    known->caps = (struct caps){0};
    c.application_submit.message = *known;
    c.application_submit.message.id = id_of(922);
    assert_code(give(fx, c), OUT_OK);
    assert_true(mailed(fx, 921));
    assert_false(mailed(fx, 922));
    assert_int_equal(fsm_fixture_rows(fx, "application"), 1);
    c.application_submit.person_index = key_of(31000);
    known->id = id_of(923);
    assert_code(give(fx, c), OUT_OK);
    assert_true(mailed(fx, 922));
    assert_false(mailed(fx, 923));
    in_state(fx, 2, APPLICATION_SUBMITTED);
}

static bool count_each(void *arg, const struct application_id *id, uint64_t since_ms) {
    size_t *count = arg;

    (void)id;
    (void)since_ms;
    ++*count;
    return true;
}

static size_t found(struct fsm_fixture *fx, enum application_index index,
                    struct key_hash key) {
    struct store_read *read;
    size_t count = 0;

    assert_ok(store_read_new(fx->store.store, &read));
    assert_ok(store_read_begin(read));
    assert_ok(store_application_find(read, index, key, count_each, &count));
    store_read_end(read);
    store_read_free(read);
    return count;
}

/* P7 of store_application.h: what anybody can send without end is not looked through. */
static void unconfirmed_forms_of_a_person_are_not_looked_through(void **state) {
    struct fsm_fixture *fx = *state;
    struct cmd_application_submit first = command_apply(1).application_submit;

    for (uint64_t n = 1; n <= 20; n++) {
        struct command c = command_apply(n);
        c.application_submit.confirmed = false;
        c.application_submit.token = key_of(100 + n);
        c.application_submit.token_ttl_ms = HOUR_MS;
        c.application_submit.account_index = first.account_index;
        c.application_submit.person_index = first.person_index;
        c.application_submit.pair_index = first.pair_index;
        assert_code(give(fx, c), OUT_OK);
    }
    assert_int_equal(found(fx, APPLICATION_BY_ACCOUNT, first.account_index), 0);
    assert_int_equal(found(fx, APPLICATION_BY_PERSON, first.person_index), 0);
    assert_int_equal(found(fx, APPLICATION_BY_PAIR, first.pair_index), 0);
    assert_code(give(fx, command_confirm(103)), OUT_OK);
    assert_int_equal(found(fx, APPLICATION_BY_PERSON, first.person_index), 1);
    assert_code(give(fx, command_confirm(104)), OUT_DUPLICATE_ACCOUNT);
    assert_code(
        give(fx, command_move(3, APPLICATION_AWAITING, APPLICATION_WITHDRAWN, 0)),
        OUT_OK);
    assert_int_equal(found(fx, APPLICATION_BY_PAIR, first.pair_index), 0);
    assert_code(give(fx, command_confirm(104)), OUT_OK);
    past(fx, HOUR_MS); /* the others go, and nothing of an index with them */
    assert_int_equal(fsm_fixture_rows(fx, "application"), 2);
    assert_int_equal(found(fx, APPLICATION_BY_ACCOUNT, first.account_index), 1);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(every_move_is_in_the_table),
        TEST(whoever_applied_does_not_apply_again),
        TEST(an_account_id_of_a_prime_is_taken_and_of_an_entry_its_own),
        TEST(who_did_not_confirm_stands_in_nobodys_way),
        TEST(who_sends_nothing_is_reminded_and_then_given_up),
        TEST(documents_that_come_are_told_of_once),
        TEST(who_withdraws_hears_no_more),
        TEST(stocks_are_the_rows),
        TEST(a_batch_that_comes_twice_changes_nothing),
        TEST(pages_without_an_id_go_with_their_form),
        TEST(what_comes_later_or_again_waits_for_a_person),
        TEST(a_dead_workers_job_is_offered_again_and_its_result_is_late),
        TEST(what_kills_every_worker_comes_to_a_person),
        TEST(a_bundle_that_cannot_be_sorted_is_listed),
        TEST(farms_of_two_environments_do_not_meet),
        TEST(one_person_does_where_the_farm_agrees_and_two_elsewhere),
        TEST(a_claim_is_one_persons_and_ends),
        TEST(who_is_no_active_staff_decides_nothing),
        TEST(a_decision_takes_the_role_for_it),
        TEST(papers_are_the_intakes),
        TEST(a_supervisor_takes_an_item_from_another),
        TEST(activation_is_once_and_makes_a_prime),
        TEST(a_prime_inherits_no_way_in_from_its_entry),
        TEST(a_mailbox_alone_sets_nothing_up),
        TEST(a_new_link_leaves_the_one_in_use_and_one_use_ends_all),
        TEST(an_approval_lapses_and_is_counted),
        TEST(a_reminder_brings_a_link_of_its_own),
        TEST(who_applies_hears_the_same_of_a_person_who_is_known),
        TEST(unconfirmed_forms_of_a_person_are_not_looked_through),
        TEST(a_number_is_put_right_by_two_people),
        TEST(the_old_numbers_code_is_dead),
        TEST(corrections_that_nobody_judges_go),
        TEST(an_import_is_of_two_people_and_each_line_once),
        TEST(an_import_decides_nothing_that_changed_since),
        TEST(an_import_names_its_file_and_both_people),
        TEST(imports_that_are_over_make_room),
        TEST(imports_that_nobody_cares_for_go_in_the_end),
        TEST(imports_are_listed_by_time),
        TEST(ages_are_counted_exactly),
        TEST(a_denial_is_confirmed_with_its_defects),
        TEST(a_blob_that_nothing_names_goes_and_a_short_one_is_known),
        TEST(a_machine_never_approves),
    };
    return cmocka_run_group_tests_name("fsm_intake", tests, NULL, NULL);
}
