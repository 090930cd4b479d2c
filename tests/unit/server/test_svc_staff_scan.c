/* Scans in the console: who may see which page, and that a look which has to leave a
 * record has left it before anything is shown. The bytes are nowhere here, so that what
 * may be seen is told by "it cannot be read", and what may not by "there is no such
 * page", just as what is not there. */
#include "tests/unit/server/desk_fixture.h"
#include "tests/unit/server/staff_fixture.h"

#include "server/blob.h"

#define ID "P271000"

static const struct id128 bundle = {{7}};
#define BUNDLE "07000000000000000000000000000000"

static int setup(void **state) {
    struct fixture *f;

    fixture_setup_blobs(state);
    f = *state;
    desk_put(f, ID, APPLICATION_STAFF);
    desk_put_pages(f, bundle, ID);
    return 0;
}

/* The look, as it is answered. */
static bool seen(struct fixture *f, const struct person *person, struct params params) {
    struct svc_staff staff = run(f, person, STAFF_DO_SCAN, &params);
    char text[256];
    bool read;

    assert_int_equal(staff.op.err, OK);
    assert_int_equal(staff.kind, STAFF_MISSING);
    text_of(staff.message, text, sizeof text);
    read = strcmp(text, "page: it cannot be read") == 0;
    if (!read)
        assert_string_equal(text, "page: there is no such page");
    svc_op_close(&staff.op);
    return read;
}

static struct params of_page(const char *page) {
    return params_make("id", ID, "page", page, NULL);
}

static void a_reviewer_sees_what_is_on_the_own_desk(void **state) {
    struct fixture *f = *state;
    struct person anna, ben;

    add_person(f, "anna", "\"reviewer\"", &anna);
    add_person(f, "ben", "\"reviewer\",\"approver\",\"intake\"", &ben);
    enter(f, &anna);
    enter(f, &ben);
    assert_false(seen(f, &anna, of_page("1")));
    desk_claim(f, ID, anna.id);
    assert_true(seen(f, &anna, of_page("1")));
    assert_false(seen(f, &ben, of_page("1")));
    f->repl.now_ms += 3600 * 1000; /* the claim is over */
    enter(f, &anna);
    assert_false(seen(f, &anna, of_page("1")));
}

static void a_page_is_one_of_the_applications(void **state) {
    static const char *const none[] = {"0", "2", "99999", "-1", "x", "", "1x", "01x"};
    struct fixture *f = *state;
    struct person anna;

    add_person(f, "anna", "\"reviewer\"", &anna);
    enter(f, &anna);
    desk_claim(f, ID, anna.id);
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++)
        assert_false(seen(f, &anna, of_page(none[i])));
    assert_false(seen(f, &anna, params_make("page", "1", NULL)));
    assert_false(seen(f, &anna, params_make("id", "P999999", "page", "1", NULL)));
    assert_false(seen(f, &anna, params_make("id", "../etc", "page", "1", NULL)));
    /* The farm has found nothing of it: there is no field to be cut out. */
    assert_false(seen(f, &anna, params_make("id", ID, "field", "0", NULL)));
    assert_true(seen(f, &anna, params_make("id", ID, "page", "1", "zoom", "77", "turn",
                                           "9", NULL)));
}

/* Once a session and application: the page that shows them has recorded it, or this. */
static void a_look_from_outside_the_desk_is_recorded_first(void **state) {
    struct fixture *f = *state;
    struct person hana, chie;
    unsigned before;

    add_person(f, "hana", "\"auditor\"", &hana);
    add_person(f, "chie", "\"supervisor\"", &chie);
    enter(f, &hana);
    enter(f, &chie);
    before = f->repl.submits;
    assert_true(seen(f, &hana, of_page("1")));
    assert_int_equal(f->repl.submits, before + 1);
    assert_true(seen(f, &hana, of_page("1")));
    assert_int_equal(f->repl.submits, before + 1);
    assert_true(seen(f, &chie, of_page("1")));
    assert_int_equal(f->repl.submits, before + 2);
    /* What is not there leaves none; what cannot be recorded is not shown. */
    assert_false(seen(f, &hana, of_page("9")));
    assert_int_equal(f->repl.submits, before + 2);
    enter(f, &hana);
    f->repl.submit = ERR_NO_LEADER;
    struct params params = of_page("1");
    struct svc_staff staff = run(f, &hana, STAFF_DO_SCAN, &params);
    assert_int_equal(staff.op.err, ERR_NO_LEADER);
    assert_int_equal(staff.file.len, 0);
    svc_op_close(&staff.op);
    f->repl.submit = OK;
}

static void a_page_that_is_nobodys_is_the_intakes(void **state) {
    struct fixture *f = *state;
    struct person ida, anna, hana;
    struct params open = params_make("bundle", BUNDLE, "page", "1", NULL);
    struct params assigned = params_make("bundle", BUNDLE, "page", "0", NULL);

    add_person(f, "ida", "\"intake\"", &ida);
    add_person(f, "anna", "\"reviewer\"", &anna);
    add_person(f, "hana", "\"auditor\"", &hana);
    enter(f, &ida);
    enter(f, &anna);
    enter(f, &hana);
    assert_true(seen(f, &ida, open));
    assert_false(seen(f, &ida, assigned)); /* it has an owner: not by this way */
    assert_false(seen(f, &anna, open));
    assert_false(seen(f, &hana, open));
    assert_false(seen(f, &ida, params_make("bundle", BUNDLE, "page", "2", NULL)));
    assert_false(seen(f, &ida, params_make("bundle", "07", "page", "1", NULL)));
    assert_false(
        seen(f, &ida, params_make("bundle", "zz000000000000000000000000000000", "page",
                                  "1", NULL)));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_reviewer_sees_what_is_on_the_own_desk),
        TEST(a_page_is_one_of_the_applications),
        TEST(a_look_from_outside_the_desk_is_recorded_first),
        TEST(a_page_that_is_nobodys_is_the_intakes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
