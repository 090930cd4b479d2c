/* 書類返送: a letter is of what was denied, its look is recorded before it is drawn, and
 * that papers were sent back is written down once, with the carrier's number. */
#include "tests/unit/server/desk_fixture.h"
#include "tests/unit/server/staff_fixture.h"

#include <stdio.h>

/* fontconfig keeps what it has read until the process ends. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void) {
    return "leak:libfontconfig";
}

static void a_letter_is_of_what_was_denied(void **state) {
    static const struct {
        enum application_state state;
        bool letter;
    } cases[] = {{APPLICATION_AWAITING, false}, {APPLICATION_STAFF, false},
                 {APPLICATION_APPROVED, false}, {APPLICATION_DENIED, true},
                 {APPLICATION_RETURNED, true},  {APPLICATION_DEFECT, true}};
    struct fixture *f = *state;
    struct person ida;

    add_person(f, "ida", "\"intake\"", &ida);
    enter(f, &ida);
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char id[16], name[64];
        snprintf(id, sizeof id, "P27100%u", i);
        desk_put(f, id, cases[i].state);
        struct params params = params_make("id", id, NULL);
        unsigned before = f->repl.submits;
        struct svc_staff staff = run(f, &ida, STAFF_DO_LETTER, &params);
        assert_int_equal(staff.op.err, OK);
        assert_int_equal(staff.kind, cases[i].letter ? STAFF_FILE : STAFF_MISSING);
        assert_int_equal(f->repl.submits, before + cases[i].letter);
        if (cases[i].letter) {
            assert_true(staff_file.len > 1000);
            assert_string_equal(staff_file.head, "%PDF-");
            snprintf(name, sizeof name, "letter-%s.pdf", id);
            assert_string_equal(staff_file.name, name);
        }
        svc_op_close(&staff.op);
    }
    assert_int_equal(act(f, &ida, STAFF_DO_LETTER, NULL), STAFF_MISSING);
}

static void a_letter_that_cannot_be_recorded_is_not_given(void **state) {
    struct fixture *f = *state;
    struct person ida;
    struct params params = params_make("id", "P271000", NULL);
    struct svc_staff staff;

    desk_put(f, "P271000", APPLICATION_DENIED);
    add_person(f, "ida", "\"intake\"", &ida);
    enter(f, &ida);
    f->repl.submit = ERR_NO_LEADER;
    staff = run(f, &ida, STAFF_DO_LETTER, &params);
    assert_int_equal(staff.op.err, ERR_NO_LEADER);
    assert_int_equal(staff.file.len, 0);
    svc_op_close(&staff.op);
    f->repl.submit = OK;
}

static enum svc_staff_kind send_back(struct fixture *f, const struct person *person,
                                     const char *id, const char *tracking) {
    struct params params =
        params_make("csrf", person->token, "id", id, "tracking", tracking, NULL);

    return act(f, person, STAFF_DO_RETURN, &params);
}

static void papers_go_back_once_with_a_number(void **state) {
    static const char *const wrong[] = {
        "", "1234 5678", "12_34", "１２３４", "<b>", "123456789012345678901234567890123"};
    struct fixture *f = *state;
    struct application application;
    struct person ida;
    struct arena arena;

    desk_put(f, "P271000", APPLICATION_DENIED);
    add_person(f, "ida", "\"intake\"", &ida);
    enter(f, &ida);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        unsigned before = f->repl.submits;
        assert_int_equal(send_back(f, &ida, "P271000", wrong[i]), STAFF_INVALID);
        assert_int_equal(f->repl.submits, before);
    }
    assert_int_equal(desk_state(f, "P271000"), APPLICATION_DENIED);
    assert_int_equal(send_back(f, &ida, "P271000", "1234-5678-90Ab"), STAFF_DONE);
    assert_int_equal(send_back(f, &ida, "P271000", "9999"), STAFF_CONFLICT);
    arena_init(&arena, 1 << 20);
    desk_get(f, &arena, "P271000", &application);
    assert_int_equal(application.state, APPLICATION_RETURNED);
    assert_string_equal(application.tracking, "1234-5678-90Ab");
    assert_int_equal(application.defects, DEFECT_CERT_EXPIRED);
    arena_close(&arena);
}

/* Who is told, and an export of decisions, have to tell it from a denial ever after. */
static void papers_of_a_defect_go_back_and_are_told_from_a_denial(void **state) {
    static const enum application_state from[] = {APPLICATION_DEFECT, APPLICATION_DENIED};
    struct fixture *f = *state;
    struct application application;
    struct person ida;
    struct arena arena;

    add_person(f, "ida", "\"intake\"", &ida);
    enter(f, &ida);
    for (unsigned i = 0; i < 2; i++) {
        char id[16];
        snprintf(id, sizeof id, "P27100%u", i);
        desk_put(f, id, from[i]);
        assert_int_equal(send_back(f, &ida, id, "1234-5678"), STAFF_DONE);
        assert_int_equal(send_back(f, &ida, id, "9999"), STAFF_CONFLICT);
        arena_init(&arena, 1 << 20);
        desk_get(f, &arena, id, &application);
        assert_int_equal(application.state, APPLICATION_RETURNED);
        assert_int_equal(application.before_review, from[i] == APPLICATION_DEFECT);
        assert_string_equal(application.tracking, "1234-5678");
        arena_close(&arena);
    }
}

static void what_was_not_denied_does_not_go_back(void **state) {
    struct fixture *f = *state;
    struct person ida;

    desk_put(f, "P271001", APPLICATION_APPROVED);
    add_person(f, "ida", "\"intake\"", &ida);
    enter(f, &ida);
    assert_int_equal(send_back(f, &ida, "P271001", "1234"), STAFF_CONFLICT);
    assert_int_equal(desk_state(f, "P271001"), APPLICATION_APPROVED);
    assert_int_equal(send_back(f, &ida, "P999999", "1234"), STAFF_MISSING);
    assert_int_equal(send_back(f, &ida, "../x", "1234"), STAFF_MISSING);
}

#define TEST(name)                                                                     \
    cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_letter_is_of_what_was_denied),
        TEST(a_letter_that_cannot_be_recorded_is_not_given),
        TEST(papers_go_back_once_with_a_number),
        TEST(papers_of_a_defect_go_back_and_are_told_from_a_denial),
        TEST(what_was_not_denied_does_not_go_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
