/* What the post brings: an envelope that has come, what is wrong before any review. */
#include "tests/unit/server/desk_fixture.h"
#include "tests/unit/server/staff_fixture.h"

#define ID "P271000"

static void enter_intake(struct fixture *f, struct person *ida) {
    add_person(f, "ida", "\"intake\"", ida);
    enter(f, ida);
}

static enum svc_staff_kind receive(struct fixture *f, const struct person *person,
                                   const char *id) {
    struct params params = params_make("csrf", person->token, "id", id, NULL);

    return act(f, person, STAFF_DO_RECEIVE, &params);
}

static void an_envelope_is_noted_once_with_its_day(void **state) {
    struct fixture *f = *state;
    struct application application;
    struct person ida;
    struct arena arena;

    f->repl.now_ms = 1795964400000; /* 2026-11-29T15:00:00Z: the 30th of Japan */
    desk_put(f, ID, APPLICATION_AWAITING);
    enter_intake(f, &ida);
    assert_int_equal(receive(f, &ida, "p27-1000"), STAFF_DONE); /* as people type it */
    arena_init(&arena, 1 << 20);
    desk_get(f, &arena, ID, &application);
    assert_int_equal(application.state, APPLICATION_RECEIVED);
    assert_int_equal(application.received_day, 20787);
    arena_close(&arena);
    assert_int_equal(receive(f, &ida, ID), STAFF_CONFLICT);
    assert_int_equal(receive(f, &ida, "P999999"), STAFF_MISSING);
    assert_int_equal(receive(f, &ida, ""), STAFF_MISSING);
}

static enum svc_staff_kind refuse(struct fixture *f, const struct person *person,
                                  const char *id, const char *box) {
    struct params params = params_make("csrf", person->token, "id", id, box, "1", NULL);

    return act(f, person, STAFF_DO_DEFECT, &params);
}

static void a_defect_has_a_name_and_ends_it(void **state) {
    struct fixture *f = *state;
    struct application application;
    struct person ida;
    struct arena arena;

    desk_put(f, ID, APPLICATION_RECEIVED);
    desk_put(f, "P271001", APPLICATION_STAFF);
    enter_intake(f, &ida);
    assert_int_equal(refuse(f, &ida, ID, "defect_nonsense"), STAFF_INVALID);
    assert_int_equal(desk_state(f, ID), APPLICATION_RECEIVED);
    assert_int_equal(refuse(f, &ida, ID, "defect_cert_missing"), STAFF_DONE);
    arena_init(&arena, 1 << 20);
    desk_get(f, &arena, ID, &application);
    assert_int_equal(application.state, APPLICATION_DEFECT);
    assert_int_equal(application.defects, DEFECT_CERT_MISSING);
    assert_true(application.decided_ms > 0);
    arena_close(&arena);
    assert_int_equal(refuse(f, &ida, ID, "defect_cert_missing"), STAFF_CONFLICT);
    /* What is at the desk is the reviewers'. */
    assert_int_equal(refuse(f, &ida, "P271001", "defect_cert_missing"), STAFF_CONFLICT);
    assert_int_equal(desk_state(f, "P271001"), APPLICATION_STAFF);
    assert_int_equal(refuse(f, &ida, "P999999", "defect_cert_missing"), STAFF_MISSING);
}

#define TEST(name)                                                                     \
    cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(an_envelope_is_noted_once_with_its_day),
        TEST(a_defect_has_a_name_and_ends_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
