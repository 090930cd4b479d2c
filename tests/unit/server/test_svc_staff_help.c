/* The applicants' desk: what a clerk sees, and how a number comes to be another one. */
#include "tests/unit/server/desk_fixture.h"
#include "tests/unit/server/staff_fixture.h"

#include <jansson.h>

#define ID "P271000"
#define OTHER_PHONE "+818098765432"

struct desk {
    struct person clerk, second;
};

static void open_desk(struct fixture *f, struct desk *desk) {
    add_person(f, "dai", "\"help-desk\"", &desk->clerk);
    add_person(f, "emi", "\"approver\"", &desk->second);
    enter(f, &desk->clerk);
    enter(f, &desk->second);
}

static json_t *view_of(struct fixture *f, const struct person *person) {
    struct params params = params_make("id", ID, NULL);
    struct svc_staff staff = run(f, person, STAFF_DO_HELP, &params);
    json_t *view = json_loadb((const char *)staff.view.data, staff.view.len, 0, NULL);

    assert_int_equal(staff.kind, STAFF_VIEW);
    assert_null(memmem(staff.view.data, staff.view.len, "9012345678", 10));
    svc_op_close(&staff.op);
    return view;
}

static void found(struct fixture *f, const struct person *person, const char *who,
                  const char *where) {
    struct params params = params_make("csrf", person->token, "who", who, NULL);
    struct svc_staff staff = run(f, person, STAFF_DO_HELP_FIND, &params);
    char text[256];

    assert_int_equal(staff.kind, STAFF_DONE);
    text_of(staff.location, text, sizeof text);
    assert_string_equal(text, where);
    svc_op_close(&staff.op);
}

/* The page comes again with what was typed. */
static void not_found(struct fixture *f, const struct person *person, const char *who) {
    struct params params = params_make("csrf", person->token, "who", who, NULL);
    struct svc_staff staff = run(f, person, STAFF_DO_HELP_FIND, &params);
    json_t *view = json_loadb((const char *)staff.view.data, staff.view.len, 0, NULL);
    json_t *typed = json_object_get(view, "typed");

    assert_int_equal(staff.kind, STAFF_INVALID);
    assert_string_equal(staff.reason, "help_none");
    assert_string_equal(json_string_value(json_object_get(typed, "who")), who);
    assert_null(json_object_get(typed, "csrf"));
    assert_non_null(json_object_get(view, "waiting"));
    json_decref(view);
    svc_op_close(&staff.op);
}

/* The look at the page again is recorded; where it cannot be, what was refused stays so. */
static void a_refusal_stands_whether_or_not_its_page_can_be_made(void **state) {
    static const enum err submits[] = {OK, ERR_NO_LEADER};
    struct fixture *f = *state;
    struct desk desk;

    desk_put(f, ID, APPLICATION_STAFF);
    open_desk(f, &desk);
    for (size_t i = 0; i < 2; i++) {
        struct params params = params_make("csrf", desk.clerk.token, "id", ID, "tel", "12",
                                           "basis", "written", NULL);
        f->repl.submit = submits[i];
        struct svc_staff staff = run(f, &desk.clerk, STAFF_DO_CORRECT, &params);
        assert_int_equal(staff.op.err, OK);
        assert_int_equal(staff.kind, STAFF_INVALID);
        assert_string_equal(staff.reason, "correction_phone");
        assert_int_equal(staff.view.len > 0, submits[i] == OK);
        svc_op_close(&staff.op);
    }
    f->repl.submit = OK;
}

static void an_application_is_found_by_number_or_account(void **state) {
    struct fixture *f = *state;
    struct desk desk;

    desk_put(f, ID, APPLICATION_STAFF);
    open_desk(f, &desk);
    found(f, &desk.clerk, ID, "/staff/help?id=" ID);
    found(f, &desk.clerk, " p27-1000 ", "/staff/help?id=" ID);
    found(f, &desk.clerk, "Applicant@EXAMPLE.jp", "/staff/help?id=" ID);
    not_found(f, &desk.clerk, "nobody@example.jp");
    not_found(f, &desk.clerk, "");
    not_found(f, &desk.clerk, "a@b@c");
}

static void every_look_is_recorded_and_shows_no_number(void **state) {
    struct fixture *f = *state;
    unsigned before;
    struct desk desk;
    json_t *view, *application;

    desk_put(f, ID, APPLICATION_APPROVED);
    open_desk(f, &desk);
    before = f->repl.submits;
    view = view_of(f, &desk.clerk);
    assert_int_equal(f->repl.submits, before + 1);
    application = json_object_get(view, "application");
    assert_string_equal(json_string_value(json_object_get(application, "number")),
                        "+81******5678");
    assert_string_equal(json_string_value(json_object_get(application, "company")),
                        DESK_COMPANY);
    assert_true(json_is_true(json_object_get(application, "may_correct")));
    json_decref(view);
    json_decref(view_of(f, &desk.second));
    assert_int_equal(f->repl.submits, before + 2);
}

static enum svc_staff_kind ask(struct fixture *f, const struct person *person,
                               const char *tel, const char *basis) {
    struct params params = params_make("csrf", person->token, "id", ID, "tel", tel,
                                       "basis", basis, NULL);

    return act(f, person, STAFF_DO_CORRECT, &params);
}

static enum svc_staff_kind settle(struct fixture *f, const struct person *person,
                                  const char *name, const char *decision) {
    struct params params = params_make("csrf", person->token, "id", ID, "name", name,
                                       "decision", decision, NULL);

    return act(f, person, STAFF_DO_CORRECT_SETTLE, &params);
}

static void waiting_name(struct fixture *f, const struct person *person, bool may_agree,
                         char name[40]) {
    json_t *view = view_of(f, person), *correction;

    assert_int_equal(json_array_size(json_object_get(view, "waiting")), 1);
    correction =
        json_object_get(json_object_get(view, "application"), "correction");
    assert_true(json_is_true(json_object_get(correction, "may_agree")) == may_agree);
    assert_string_equal(json_string_value(json_object_get(correction, "to")),
                        OTHER_PHONE);
    snprintf(name, 40, "%s",
             json_string_value(json_object_get(correction, "correction_name")));
    json_decref(view);
}

static void a_number_is_changed_by_two(void **state) {
    struct fixture *f = *state;
    struct desk desk;
    char name[40];
    json_t *view;

    desk_put(f, ID, APPLICATION_APPROVED);
    open_desk(f, &desk);
    assert_int_equal(ask(f, &desk.clerk, "03-1234-5678", "written"), STAFF_INVALID);
    assert_int_equal(ask(f, &desk.clerk, "080-9876-5432", ""), STAFF_INVALID);
    assert_int_equal(ask(f, &desk.clerk, "090-1234-5678", "written"), STAFF_INVALID);
    assert_int_equal(ask(f, &desk.second, "080-9876-5432", "written"), STAFF_FORBIDDEN);
    assert_int_equal(ask(f, &desk.clerk, "080-9876-5432", "written"), STAFF_DONE);
    assert_int_equal(ask(f, &desk.clerk, "080-1111-2222", "form"), STAFF_CONFLICT);
    waiting_name(f, &desk.clerk, false, name);
    waiting_name(f, &desk.second, true, name);
    assert_int_equal(settle(f, &desk.clerk, name, "agree"), STAFF_CONFLICT);
    assert_int_equal(settle(f, &desk.second, name, ""), STAFF_INVALID);
    assert_int_equal(settle(f, &desk.second, "00", "agree"), STAFF_MISSING);
    assert_int_equal(settle(f, &desk.second, "00000000000000000000000000000000", "agree"),
                     STAFF_MISSING);
    assert_int_equal(settle(f, &desk.second, name, "agree"), STAFF_DONE);
    assert_int_equal(settle(f, &desk.second, name, "agree"), STAFF_MISSING);
    view = view_of(f, &desk.clerk);
    assert_string_equal(json_string_value(json_object_get(
                            json_object_get(view, "application"), "number")),
                        "+81******5432");
    assert_int_equal(json_array_size(json_object_get(view, "waiting")), 0);
    json_decref(view);
}

static void who_agrees_has_just_signed_in(void **state) {
    struct fixture *f = *state;
    struct desk desk;
    char name[40];

    desk_put(f, ID, APPLICATION_STAFF);
    open_desk(f, &desk);
    assert_int_equal(ask(f, &desk.clerk, OTHER_PHONE, "called_back"), STAFF_DONE);
    waiting_name(f, &desk.second, true, name);
    for (int i = 0; i < 4; i++) { /* awake, but not fresh */
        f->repl.now_ms += 5 * 60 * 1000;
        assert_int_equal(act(f, &desk.second, STAFF_DO_HOME, NULL), STAFF_VIEW);
    }
    assert_int_equal(settle(f, &desk.second, name, "agree"), STAFF_AGAIN);
    enter(f, &desk.second);
    assert_int_equal(settle(f, &desk.second, name, "refuse"), STAFF_DONE);
}

static void the_mail_of_approval_is_of_what_was_approved(void **state) {
    struct fixture *f = *state;
    struct desk desk;

    f->config.activation_remind_s = 7 * 86400;
    f->config.activation_lapse_s = 60 * 86400;
    desk_put(f, ID, APPLICATION_STAFF);
    open_desk(f, &desk);
    struct params params = params_make("csrf", desk.clerk.token, "id", ID, NULL);
    assert_int_equal(act(f, &desk.clerk, STAFF_DO_HELP_RESEND, &params), STAFF_CONFLICT);
    desk_put(f, ID, APPLICATION_APPROVED);
    assert_int_equal(act(f, &desk.clerk, STAFF_DO_HELP_RESEND, &params), STAFF_DONE);
    params = params_make("csrf", desk.clerk.token, "id", "P999999", NULL);
    assert_int_equal(act(f, &desk.clerk, STAFF_DO_HELP_RESEND, &params), STAFF_MISSING);
}

#define TEST(name)                                                                     \
    cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(an_application_is_found_by_number_or_account),
        TEST(a_refusal_stands_whether_or_not_its_page_can_be_made),
        TEST(every_look_is_recorded_and_shows_no_number),
        TEST(a_number_is_changed_by_two),
        TEST(who_agrees_has_just_signed_in),
        TEST(the_mail_of_approval_is_of_what_was_approved),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
