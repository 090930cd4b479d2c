/* The staff console's services: signing in, the gate before every action, the actions. */
#include "tests/unit/server/staff_fixture.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "store/store_staff.h"

/* ---- signing in */

static void whatever_is_wrong_has_one_answer(void **state) {
    struct fixture *f = *state;
    struct person hana;
    char code[8], other[8];
    unsigned before;

    add_person(f, "hana", "\"auditor\"", &hana);
    open_form(f, &hana);
    code_now(f, &hana, code);
    snprintf(other, sizeof other, "%s", code);
    other[5] = (char)(code[5] == '9' ? '0' : code[5] + 1);
    const struct {
        const char *name, *password, *code;
    } wrong[] = {
        {"nobody", PASSWORD, code},
        {"hana", "another long password", code},
        {"hana", PASSWORD, other},
        {"hana", PASSWORD, "12345"},
        {"HANA", PASSWORD, code},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        before = f->repl.submits;
        assert_int_equal(attempt(f, &hana, wrong[i].name, wrong[i].password,
                                 wrong[i].code, hana.csrf),
                         STAFF_LOGIN_FAILED);
        /* The same path, for who is not there too. */
        assert_int_equal(f->repl.submits, before + 1);
    }
    assert_int_equal(attempt(f, &hana, "hana", PASSWORD, code, hana.csrf),
                     STAFF_LOGIN_OK);
    assert_int_equal(attempt(f, &hana, "hana", PASSWORD, code, hana.csrf),
                     STAFF_LOGIN_FAILED); /* it was used */
}

static void the_form_belongs_to_the_browser(void **state) {
    struct fixture *f = *state;
    struct person hana, other = {.name = "other"};
    char code[8];

    add_person(f, "hana", "\"auditor\"", &hana);
    code_now(f, &hana, code);
    unsigned before = f->repl.submits;
    assert_int_equal(attempt(f, &hana, "hana", PASSWORD, code, ""), STAFF_LOGIN_FORM);
    open_form(f, &hana);
    open_form(f, &other);
    assert_string_not_equal(hana.csrf, other.csrf);
    assert_int_equal(attempt(f, &hana, "hana", PASSWORD, code, other.csrf),
                     STAFF_LOGIN_FORM);
    assert_int_equal(f->repl.submits, before);
    assert_int_equal(attempt(f, &hana, "hana", PASSWORD, code, hana.csrf),
                     STAFF_LOGIN_OK);
}

static void many_failures_lock_and_say_nothing(void **state) {
    struct fixture *f = *state;
    struct person hana;
    char code[8];

    add_person(f, "hana", "\"auditor\"", &hana);
    open_form(f, &hana);
    for (int i = 0; i < 10; i++)
        assert_int_equal(
            attempt(f, &hana, "hana", "another long password", "000000", hana.csrf),
            STAFF_LOGIN_FAILED);
    code_now(f, &hana, code);
    assert_int_equal(attempt(f, &hana, "hana", PASSWORD, code, hana.csrf),
                     STAFF_LOGIN_FAILED);
    f->repl.now_ms += 15 * 60 * 1000;
    code_now(f, &hana, code);
    assert_int_equal(attempt(f, &hana, "hana", PASSWORD, code, hana.csrf),
                     STAFF_LOGIN_OK);
}

/* ---- the gate */

/* SECURITY G12: all actions by all roles, by the service itself. Where the table says
 * no, nothing is read or written. */
static void the_table_decides_for_every_action(void **state) {
    struct fixture *f = *state;

    for (unsigned role = 0; staff_role_names[role]; role++) {
        char quoted[64], name[32];
        struct person person;

        snprintf(quoted, sizeof quoted, "\"%s\"", staff_role_names[role]);
        snprintf(name, sizeof name, "person-%u", role);
        add_person(f, name, quoted, &person);
        enter(f, &person);
        for (int i = 0; i < STAFF_ACTIONS_COUNT; i++) {
            enum staff_action action = (enum staff_action)i;
            struct params params = params_make("csrf", person.token, NULL);
            unsigned before = f->repl.submits;

            if (action == STAFF_DO_SIGN_OUT)
                continue;
            enum svc_staff_kind kind = act(f, &person, action, &params);
            if ((kind == STAFF_FORBIDDEN) == staff_permission(1u << role, action))
                fail_msg("%s by %s: %d", staff_permission_name(action),
                         staff_role_names[role], (int)kind);
            if (kind == STAFF_FORBIDDEN) /* and of that there is a record */
                assert_int_equal(f->repl.submits, before + 1);
        }
    }
}

static void changes_carry_the_sessions_token(void **state) {
    struct fixture *f = *state;
    struct person hana, taro;

    add_person(f, "hana",
               "\"rp-admin\",\"staff-admin\",\"operator\",\"supervisor\"", &hana);
    add_person(f, "taro", "\"rp-admin\"", &taro);
    enter(f, &hana);
    enter(f, &taro);
    assert_string_not_equal(hana.token, taro.token);
    for (int i = 0; i < STAFF_ACTIONS_COUNT; i++) {
        enum staff_action action = (enum staff_action)i;
        struct params without = params_make("id", "x", NULL);
        struct params others = params_make("csrf", taro.token, NULL);
        struct params doubled =
            params_make("csrf", hana.token, "csrf", hana.token, NULL);
        unsigned before = f->repl.submits;

        if (!staff_permission_writes(action))
            continue;
        assert_int_equal(act(f, &hana, action, &without), STAFF_CSRF);
        assert_int_equal(act(f, &hana, action, &others), STAFF_CSRF);
        assert_int_equal(act(f, &hana, action, &doubled), STAFF_CSRF);
        assert_int_equal(f->repl.submits, before);
    }
}

static void what_needs_care_needs_a_fresh_sign_in(void **state) {
    struct fixture *f = *state;
    struct person hana;
    struct params params;

    add_person(f, "hana", "\"staff-admin\"", &hana);
    enter(f, &hana);
    params = params_make("csrf", hana.token, NULL);
    f->repl.now_ms += 5 * 60 * 1000 - 1;
    assert_int_equal(act(f, &hana, STAFF_DO_PEOPLE_FORM, NULL), STAFF_VIEW);
    f->repl.now_ms += 1;
    assert_int_equal(act(f, &hana, STAFF_DO_PEOPLE_FORM, NULL), STAFF_AGAIN);
    assert_int_equal(act(f, &hana, STAFF_DO_PEOPLE_LIST, NULL), STAFF_VIEW);
    /* Who has the form open may send it. */
    assert_int_equal(act(f, &hana, STAFF_DO_PEOPLE_ADD, &params), STAFF_INVALID);
    f->repl.now_ms += 10 * 60 * 1000;
    assert_int_equal(act(f, &hana, STAFF_DO_PEOPLE_ADD, &params), STAFF_AGAIN);
    enter(f, &hana);
    assert_int_equal(act(f, &hana, STAFF_DO_PEOPLE_FORM, NULL), STAFF_VIEW);
}

static void a_session_ends_when_idle_and_at_the_latest(void **state) {
    struct fixture *f = *state;
    struct person hana;
    uint64_t begun;

    add_person(f, "hana", "\"auditor\"", &hana);
    enter(f, &hana);
    f->repl.now_ms += 900 * 1000;
    assert_int_equal(act(f, &hana, STAFF_DO_HOME, NULL), STAFF_SIGN_IN);
    enter(f, &hana);
    begun = f->repl.now_ms;
    while (f->repl.now_ms + 600 * 1000 < begun + 36000ull * 1000) {
        f->repl.now_ms += 600 * 1000;
        assert_int_equal(act(f, &hana, STAFF_DO_HOME, NULL), STAFF_VIEW);
    }
    f->repl.now_ms = begun + 36000ull * 1000;
    assert_int_equal(act(f, &hana, STAFF_DO_HOME, NULL), STAFF_SIGN_IN);
}

static void cookies_of_others_are_none(void **state) {
    struct fixture *f = *state;
    struct person hana, nobody = {.cookie = "AAAA"};
    struct browser browser = {0};
    char code[FIXTURE_CODE];
    struct params params;

    fixture_world(f);
    add_person(f, "hana", "\"auditor\"", &hana);
    enter(f, &hana);
    assert_int_equal(act(f, &nobody, STAFF_DO_HOME, NULL), STAFF_SIGN_IN);
    hana.cookie[10] = hana.cookie[10] == 'A' ? 'B' : 'A';
    assert_int_equal(act(f, &hana, STAFF_DO_HOME, NULL), STAFF_SIGN_IN);
    /* A business's session is nothing here. */
    params = usual("conf", "openid");
    sign_in(f, &browser, ALICE, &params, code);
    snprintf(nobody.cookie, sizeof nobody.cookie, "%s", browser.session);
    assert_int_equal(act(f, &nobody, STAFF_DO_HOME, NULL), STAFF_SIGN_IN);
}

/* ---- the own sessions, the own account */

static void only_own_sessions_are_seen_and_ended(void **state) {
    struct fixture *f = *state;
    struct person hana, again, taro;
    struct svc_staff list;
    struct params params;
    json_t *view, *sessions;
    char id[80] = "";
    size_t i;
    json_t *session;

    add_person(f, "hana", "\"auditor\"", &hana);
    add_person(f, "taro", "\"staff-admin\"", &taro);
    again = hana;
    enter(f, &hana);
    enter(f, &again);
    enter(f, &taro);
    list = run(f, &hana, STAFF_DO_SESSIONS, NULL);
    view = json_loadb((const char *)list.view.data, list.view.len, 0, NULL);
    sessions = json_object_get(view, "sessions");
    assert_int_equal(json_array_size(sessions), 2);
    json_array_foreach(sessions, i, session) {
        if (!json_is_true(json_object_get(session, "here")))
            snprintf(id, sizeof id, "%s",
                     json_string_value(json_object_get(session, "id")));
    }
    json_decref(view);
    svc_op_close(&list.op);

    params = params_make("csrf", taro.token, "id", id, NULL);
    assert_int_equal(act(f, &taro, STAFF_DO_SESSION_END, &params), STAFF_MISSING);
    assert_int_equal(act(f, &again, STAFF_DO_HOME, NULL), STAFF_VIEW);
    params = params_make("csrf", hana.token, "id", id, NULL);
    assert_int_equal(act(f, &hana, STAFF_DO_SESSION_END, &params), STAFF_DONE);
    assert_int_equal(act(f, &again, STAFF_DO_HOME, NULL), STAFF_SIGN_IN);
    assert_int_equal(act(f, &hana, STAFF_DO_HOME, NULL), STAFF_VIEW);
    params = params_make("csrf", hana.token, NULL);
    assert_int_equal(act(f, &hana, STAFF_DO_SIGN_OUT, &params), STAFF_DONE);
    assert_int_equal(act(f, &hana, STAFF_DO_HOME, NULL), STAFF_SIGN_IN);
}

static void a_new_password_ends_all_sessions(void **state) {
    struct fixture *f = *state;
    struct person hana, again;
    struct params params;

    add_person(f, "hana", "\"auditor\"", &hana);
    again = hana;
    enter(f, &hana);
    enter(f, &again);
    params = params_make("csrf", hana.token, "password", "short", "password_again",
                         "short", NULL);
    assert_int_equal(act(f, &hana, STAFF_DO_PASSWORD, &params), STAFF_INVALID);
    params = params_make("csrf", hana.token, "password", "another long password",
                         "password_again", "another long passworD", NULL);
    assert_int_equal(act(f, &hana, STAFF_DO_PASSWORD, &params), STAFF_INVALID);
    params = params_make("csrf", hana.token, "password", "another long password",
                         "password_again", "another long password", NULL);
    assert_int_equal(act(f, &hana, STAFF_DO_PASSWORD, &params), STAFF_DONE);
    assert_int_equal(act(f, &hana, STAFF_DO_HOME, NULL), STAFF_SIGN_IN);
    assert_int_equal(act(f, &again, STAFF_DO_HOME, NULL), STAFF_SIGN_IN);
}

/* ---- the staff */

static void administrators_change_others_alone(void **state) {
    struct fixture *f = *state;
    struct person boss, hana;
    struct params params;
    struct svc_staff seed;

    add_person(f, "boss", "\"staff-admin\"", &boss);
    add_person(f, "hana", "\"auditor\"", &hana);
    enter(f, &boss);
    enter(f, &hana);
    /* Role escalation by the own id, and by one who may not (G12). */
    params = params_make("csrf", boss.token, "id", boss.id, "generation", "1", "what",
                         "roles", "role", "rp-admin", NULL);
    assert_int_equal(act(f, &boss, STAFF_DO_PEOPLE_CHANGE, &params), STAFF_CONFLICT);
    params = params_make("csrf", hana.token, "id", hana.id, "generation", "1", "what",
                         "roles", "role", "staff-admin", NULL);
    assert_int_equal(act(f, &hana, STAFF_DO_PEOPLE_CHANGE, &params), STAFF_FORBIDDEN);

    params = params_make("csrf", boss.token, "id", hana.id, "generation", "1", "what",
                         "roles", "role", "auditor", "role", "operator", NULL);
    assert_int_equal(act(f, &boss, STAFF_DO_PEOPLE_CHANGE, &params), STAFF_DONE);
    assert_int_equal(act(f, &hana, STAFF_DO_HOME, NULL), STAFF_SIGN_IN);
    /* Of the form that was open meanwhile nothing is taken. */
    assert_int_equal(act(f, &boss, STAFF_DO_PEOPLE_CHANGE, &params), STAFF_CONFLICT);
    enter(f, &hana);
    assert_int_equal(act(f, &hana, STAFF_DO_OPERATION, NULL), STAFF_VIEW);
    params = params_make("csrf", boss.token, "id", hana.id, "generation", "2", "what",
                         "disable", NULL);
    assert_int_equal(act(f, &boss, STAFF_DO_PEOPLE_CHANGE, &params), STAFF_DONE);
    assert_int_equal(act(f, &hana, STAFF_DO_OPERATION, NULL), STAFF_SIGN_IN);

    params = params_make("csrf", boss.token, "id", hana.id, "generation", "3", "what",
                         "secret", NULL);
    seed = run(f, &boss, STAFF_DO_PEOPLE_CHANGE, &params);
    assert_int_equal(seed.kind, STAFF_VIEW);
    assert_true(json_has(seed.view, "totp_secret") && json_has(seed.view, "qr_path"));
    svc_op_close(&seed.op);
}

static void a_new_account_can_sign_in(void **state) {
    struct fixture *f = *state;
    struct person boss, hana = {.name = "hana"};
    struct params params;
    struct svc_staff seed;
    char text[4096];

    add_person(f, "boss", "\"staff-admin\"", &boss);
    enter(f, &boss);
    params = params_make("csrf", boss.token, "name", "hana", "password", PASSWORD, "role",
                         "supervisor", "role", "king", NULL);
    assert_int_equal(act(f, &boss, STAFF_DO_PEOPLE_ADD, &params), STAFF_INVALID);
    params = params_make("csrf", boss.token, "name", "hana", "password", PASSWORD, "role",
                         "supervisor", "role", "reviewer", NULL);
    seed = run(f, &boss, STAFF_DO_PEOPLE_ADD, &params);
    assert_int_equal(seed.kind, STAFF_VIEW);
    json_text(seed.view, "totp_secret", text);
    snprintf(hana.secret, sizeof hana.secret, "%.63s", text);
    svc_op_close(&seed.op);
    assert_int_equal(act(f, &boss, STAFF_DO_PEOPLE_ADD, &params), STAFF_CONFLICT);
    enter(f, &hana);
}

/* ---- relying parties */

#define RP_FIELDS                                                                      \
    "name", "省エネ法定期報告書", "ministry", "資源エネルギー庁", "scopes", "openid",  \
        "scopes", "profile", "account_types", "prime", "profile", "standard", "alg",   \
        "ES256", "auth", "basic", "stage", "applied"

static void a_form_registers_and_changes(void **state) {
    struct fixture *f = *state;
    struct person hana;
    struct params params;
    struct svc_staff got;
    char text[4096];

    add_person(f, "hana", "\"rp-admin\"", &hana);
    enter(f, &hana);
    params = params_make("csrf", hana.token, "client_id", "enecho", RP_FIELDS,
                         "redirect_uris", "https://rp.example/cb\r\nhttp://rp.example/",
                         NULL);
    got = run(f, &hana, STAFF_DO_RP_SAVE, &params);
    assert_int_equal(got.kind, STAFF_INVALID);
    text_of(got.message, text, sizeof text);
    assert_non_null(strstr(text, "redirect_uris[1]"));
    json_text(got.view, "redirect_uris", text); /* as it was typed */
    assert_string_equal(text, "https://rp.example/cb\nhttp://rp.example/");
    svc_op_close(&got.op);

    params = params_make("csrf", hana.token, "client_id", "enecho", RP_FIELDS,
                         "redirect_uris", " https://rp.example/cb \r\n\r\n", NULL);
    got = run(f, &hana, STAFF_DO_RP_SAVE, &params);
    assert_int_equal(got.kind, STAFF_VIEW);
    assert_true(json_has(got.view, "client_secret"));
    svc_op_close(&got.op);
    assert_int_equal(act(f, &hana, STAFF_DO_RP_SAVE, &params), STAFF_CONFLICT);

    params = params_make("csrf", hana.token, "client_id", "enecho", RP_FIELDS, "revision",
                         "1", "redirect_uris", "https://rp.example/other", NULL);
    assert_int_equal(act(f, &hana, STAFF_DO_RP_SAVE, &params), STAFF_DONE);
    /* The second of two people that had it open. */
    assert_int_equal(act(f, &hana, STAFF_DO_RP_SAVE, &params), STAFF_CONFLICT);
    params = params_make("id", "enecho", NULL);
    got = run(f, &hana, STAFF_DO_RP_SHOW, &params);
    assert_int_equal(got.kind, STAFF_VIEW);
    json_text(got.view, "stage", text);
    assert_string_equal(text, "applied");
    json_text(got.view, "revision", text);
    assert_string_equal(text, "2");
    svc_op_close(&got.op);
}

static enum svc_staff_kind stage(struct fixture *f, struct person *person,
                                 enum staff_action action, const char *to,
                                 const char *revision) {
    struct params params = params_make("csrf", person->token, "id", "enecho", "to", to,
                                       "revision", revision, NULL);

    return act(f, person, action, &params);
}

/* S4: a node that has not applied the change waits for it; another would show the old. */
static void the_next_page_shows_the_change(void **state) {
    struct fixture *f = *state;
    struct person hana;
    struct params params;
    struct svc_staff got;
    unsigned waits;

    add_person(f, "hana", "\"rp-admin\"", &hana);
    enter(f, &hana);
    params = params_make("csrf", hana.token, "client_id", "enecho", RP_FIELDS,
                         "redirect_uris", "https://rp.example/cb", NULL);
    got = run(f, &hana, STAFF_DO_RP_SAVE, &params);
    assert_int_equal(got.kind, STAFF_VIEW);
    text_of(got.set_session_cookie, hana.cookie, sizeof hana.cookie);
    svc_op_close(&got.op);
    waits = f->repl.waits;
    f->repl.hide_above = f->repl.index - 1;
    got = run(f, &hana, STAFF_DO_RP_LIST, NULL);
    assert_int_equal(got.op.err, ERR_TIMEOUT);
    assert_int_equal(f->repl.waits, waits + 1);
    svc_op_close(&got.op);
    f->repl.hide_above = UINT64_MAX;
    assert_int_equal(act(f, &hana, STAFF_DO_RP_LIST, NULL), STAFF_VIEW);
}

static void onboarding_goes_step_by_step(void **state) {
    struct fixture *f = *state;
    struct person hana;
    struct params params;
    struct svc_staff got;

    add_person(f, "hana", "\"rp-admin\"", &hana);
    enter(f, &hana);
    params = params_make("csrf", hana.token, "client_id", "enecho", RP_FIELDS,
                         "redirect_uris", "https://rp.example/cb", NULL);
    assert_int_equal(act(f, &hana, STAFF_DO_RP_SAVE, &params), STAFF_VIEW);
    assert_int_equal(stage(f, &hana, STAFF_DO_RP_STAGE, "live", "1"), STAFF_CONFLICT);
    assert_int_equal(stage(f, &hana, STAFF_DO_RP_STAGE, "in_verification", "1"),
                     STAFF_DONE);
    assert_int_equal(stage(f, &hana, STAFF_DO_RP_STAGE, "approved", "1"), STAFF_CONFLICT);
    assert_int_equal(stage(f, &hana, STAFF_DO_RP_STAGE, "approved", "2"), STAFF_DONE);
    assert_int_equal(stage(f, &hana, STAFF_DO_RP_STAGE, "live", "3"), STAFF_DONE);
    assert_int_equal(stage(f, &hana, STAFF_DO_RP_STAGE, "retired", "4"), STAFF_INVALID);
    params = params_make("csrf", hana.token, "id", "enecho", "revision", "4",
                         "overlap_days", "7", NULL);
    got = run(f, &hana, STAFF_DO_RP_SECRET, &params);
    assert_int_equal(got.kind, STAFF_VIEW);
    assert_true(json_has(got.view, "client_secret"));
    svc_op_close(&got.op);
    params = params_make("csrf", hana.token, "id", "enecho", "revision", "5",
                         "overlap_days", "46", NULL);
    assert_int_equal(act(f, &hana, STAFF_DO_RP_SECRET, &params), STAFF_INVALID);
    assert_int_equal(stage(f, &hana, STAFF_DO_RP_RETIRE, "", "5"), STAFF_DONE);
    assert_int_equal(stage(f, &hana, STAFF_DO_RP_STAGE, "live", "6"), STAFF_CONFLICT);
}

#define ENTRY(id, uri)                                                                 \
    "{\"client_id\":\"" id "\",\"name\":\"" id                                         \
    "\",\"scopes\":[\"openid\"],\"redirect_uris\":[\"" uri "\"]}"

/* `how`: confirm, replace, or a field that says nothing. `kept`: what the page sends on. */
static struct svc_staff import_file(struct fixture *f, const struct person *person,
                                    const char *text, const char *how, char kept[4096]) {
    struct params params = params_make("csrf", person->token, how, "1", NULL);
    struct svc_staff got =
        run_with(f, person, STAFF_DO_RP_IMPORT, &params, span_str(text));

    assert_int_equal(got.op.err, OK);
    if (kept)
        json_text(got.view, "list", kept);
    return got;
}

static bool json_is(struct span view, const char *name, json_int_t number) {
    json_t *json = json_loadb((const char *)view.data, view.len, 0, NULL);
    bool is = json && json_integer_value(json_object_get(json, name)) == number;

    json_decref(json);
    return is;
}

static void an_import_is_taken_whole_or_not(void **state) {
    struct fixture *f = *state;
    struct person hana;
    struct svc_staff got;
    const char *bad = "[" ENTRY("one", "https://a.example/") "," ENTRY(
        "two", "http://a.example/") "]";
    const char *good = "[" ENTRY("one", "https://a.example/") "," ENTRY(
        "two", "https://b.example/") "]";
    const char *twice = "[" ENTRY("one", "https://a.example/") "," ENTRY(
        "one", "https://b.example/") "]";
    char text[4096];

    add_person(f, "hana", "\"rp-admin\",\"auditor\"", &hana);
    enter(f, &hana);
    const char *refused[] = {bad, twice, "[]", "{}", "[", ""};
    unsigned before = f->repl.submits;
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        got = import_file(f, &hana, refused[i], "confirm", NULL);
        assert_int_equal(got.kind, STAFF_INVALID);
        svc_op_close(&got.op);
    }
    got = import_file(f, &hana, good, "check", text);
    assert_int_equal(got.kind, STAFF_VIEW);
    assert_true(json_is(got.view, "fresh", 2));
    svc_op_close(&got.op);
    assert_int_equal(f->repl.submits, before);
    got = import_file(f, &hana, text, "confirm", NULL);
    assert_int_equal(got.kind, STAFF_VIEW);
    assert_true(json_is(got.view, "count", 2));
    svc_op_close(&got.op);
    got = import_file(f, &hana, good, "confirm", NULL); /* they are there */
    assert_int_equal(got.kind, STAFF_INVALID);
    svc_op_close(&got.op);

    got = run(f, &hana, STAFF_DO_RP_EXPORT, NULL);
    assert_int_equal(got.kind, STAFF_FILE);
    text_of(got.file, text, sizeof text);
    svc_op_close(&got.op);
    before = f->repl.submits;
    got = import_file(f, &hana, text, "replace", NULL);
    assert_int_equal(got.kind, STAFF_VIEW);
    assert_true(json_is(got.view, "same", 2)); /* what is exported changes nothing */
    svc_op_close(&got.op);
    assert_int_equal(f->repl.submits, before);
}

/* What was shown is written only when nobody was quicker. */
static void an_import_undoes_nobodys_change(void **state) {
    struct fixture *f = *state;
    const char *first = "[" ENTRY("one", "https://a.example/") "]";
    const char *mine = "[" ENTRY("one", "https://b.example/") "]";
    const char *theirs = "[" ENTRY("one", "https://c.example/") "]";
    char kept[4096], others[4096];
    struct person hana;
    struct svc_staff got;

    add_person(f, "hana", "\"rp-admin\"", &hana);
    enter(f, &hana);
    got = import_file(f, &hana, first, "confirm", NULL);
    svc_op_close(&got.op);
    got = import_file(f, &hana, mine, "replace", kept);
    assert_true(json_is(got.view, "changed", 1));
    svc_op_close(&got.op);
    got = import_file(f, &hana, theirs, "replace", others);
    svc_op_close(&got.op);
    got = import_file(f, &hana, others, "confirm", NULL);
    assert_true(json_is(got.view, "count", 1));
    svc_op_close(&got.op);
    got = import_file(f, &hana, kept, "confirm", NULL);
    assert_int_equal(got.kind, STAFF_INVALID);
    assert_true(json_is(got.view, "wrong", 1));
    svc_op_close(&got.op);
}

/* Far more than stand on one stack. */
static void a_long_import_is_taken(void **state) {
    struct fixture *f = *state;
    struct person hana;
    struct svc_staff got;
    struct buf text;

    add_person(f, "hana", "\"rp-admin\"", &hana);
    enter(f, &hana);
    buf_init(&text, 1 << 20);
    for (int i = 0; i < 500; i++)
        buf_printf(&text,
                   "%s{\"client_id\":\"rp%d\",\"name\":\"rp\",\"scopes\":[\"openid\"],"
                   "\"redirect_uris\":[\"https://rp.example/%d\"],\"auth\":\"none\"}",
                   i > 0 ? "," : "[", i, i);
    buf_str(&text, "]");
    buf_put(&text, "", 1);
    got = import_file(f, &hana, (const char *)text.data, "confirm", NULL);
    assert_int_equal(got.kind, STAFF_VIEW);
    assert_true(json_is(got.view, "count", 500));
    svc_op_close(&got.op);
    buf_free(&text);
}

/* The desk: stocks by kind and state, one application, and its claim. */
static void the_desk_shows_stocks_and_claims_what_is_there(void **state) {
    struct fixture *f = *state;
    struct command submit = {.type = CMD_APPLICATION_SUBMIT};
    struct cmd_application_submit *cmd = &submit.application_submit;
    struct person hana;
    struct params params;
    struct svc_staff got;
    char text[4096];

    add_person(f, "hana", "\"reviewer\"", &hana);
    enter(f, &hana);
    snprintf(cmd->id.text, sizeof cmd->id.text, "A2B3C4D5");
    cmd->kind = APPLICATION_PUBLIC;
    cmd->environment = ENV_DEMO;
    cmd->form_version = 1;
    memset(cmd->account_index.b, 1, sizeof cmd->account_index.b);
    cmd->confirmed = true;
    cmd->sealed = span_str("sealed");
    fixture_apply(f, &submit);

    params = params_make("kind", "public_body", "state", "awaiting", NULL);
    got = run(f, &hana, STAFF_DO_DESK, &params);
    assert_int_equal(got.kind, STAFF_VIEW);
    text_of(got.view, text, sizeof text);
    assert_non_null(strstr(text, "\"kind\":\"public_body\",\"state\":\"awaiting\","
                                 "\"count\":1"));
    assert_non_null(strstr(text, "\"id\":\"A2B3C4D5\""));
    svc_op_close(&got.op);
    params = params_make("id", "A2B3C4D5", NULL);
    got = run(f, &hana, STAFF_DO_APPLICATION, &params);
    assert_int_equal(got.kind, STAFF_VIEW);
    json_text(got.view, "state", text);
    assert_string_equal(text, "awaiting");
    svc_op_close(&got.op);
    const char *unknown[] = {"Z9Y8X7W6", "", "no application", "A2B3C4D5A2B3C4D5A"};
    for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++) {
        params = params_make("csrf", hana.token, "id", unknown[i], NULL);
        assert_int_equal(act(f, &hana, STAFF_DO_APPLICATION, &params), STAFF_MISSING);
        assert_int_equal(act(f, &hana, STAFF_DO_CLAIM, &params), STAFF_MISSING);
        assert_int_equal(act(f, &hana, STAFF_DO_RELEASE, &params), STAFF_MISSING);
    }
    params = params_make("csrf", hana.token, "id", "A2B3C4D5", NULL);
    assert_int_equal(act(f, &hana, STAFF_DO_CLAIM, &params), STAFF_CONFLICT);
}

struct demotion {
    struct fixture *f;
    const struct person *person;
    uint32_t roles;
    enum staff_state state;
};

/* Somebody else takes the role away, between the page and the command. */
static void demote(void *arg) {
    const struct demotion *to = arg;
    struct command put = {.type = CMD_STAFF_PUT};
    struct staff *staff = &put.staff_put.staff;
    struct arena arena;
    struct id128 id;

    arena_init(&arena, 1 << 16);
    assert_int_equal(hex_decode(span_str(to->person->id), id.b, sizeof id.b), OK);
    assert_int_equal(svc_read_begin(to->f->svc), OK);
    assert_int_equal(store_staff_get(to->f->svc->read, &arena, id, staff), OK);
    svc_read_end(to->f->svc);
    staff->roles = to->roles;
    staff->state = to->state;
    fixture_apply(to->f, &put);
    arena_close(&arena);
}

static void a_role_that_is_lost_meanwhile_is_forbidden(void **state) {
    struct fixture *f = *state;
    struct person hana;
    struct params params;

    const struct {
        enum staff_action action;
        const char *name, *roles;
    } cases[] = {
        {STAFF_DO_CLAIM, "hana", "\"reviewer\""},
        {STAFF_DO_PLACE, "jiro", "\"intake\""},
        {STAFF_DO_IMPORT_PROPOSE, "ken", "\"approver\""},
        {STAFF_DO_RETURN, "mari", "\"intake\""},
    };
    for (size_t i = 0; i < 2 * sizeof cases / sizeof cases[0]; i++) {
        bool disabled = i % 2 == 1;
        char name[32];
        snprintf(name, sizeof name, "%s%d", cases[i / 2].name, disabled);
        add_person(f, name, cases[i / 2].roles, &hana);
        enter(f, &hana);
        struct demotion demotion = {f, &hana, STAFF_AUDITOR,
                                    disabled ? STAFF_DISABLED : STAFF_ACTIVE};
        params = params_make("csrf", hana.token, "id", "A2B3C4D5", "tracking", "1234",
                             "nobody", "1", "bundle",
                             "00000000000000000000000000000001", "page", "0", NULL);
        f->repl.on_submit = demote;
        f->repl.on_submit_arg = &demotion;
        struct svc_staff staff = run_with(f, &hana, cases[i / 2].action, &params,
                                          span_str("P12345678901,OK\r\n"));
        assert_int_equal(staff.op.err, OK);
        assert_null(f->repl.on_submit);
        assert_int_equal(staff.kind, disabled ? STAFF_SIGN_IN : STAFF_FORBIDDEN);
        svc_op_close(&staff.op);
    }
}

/* More than a page of them: each is on one page, and on one only. */
static void a_long_queue_has_pages(void **state) {
    enum { COUNT = 103 };
    struct fixture *f = *state;
    struct person hana;
    struct params params;
    struct svc_staff got;
    char after[4096] = "", since[24] = "";
    size_t seen = 0;
    json_t *ids = json_object();

    add_person(f, "hana", "\"reviewer\"", &hana);
    enter(f, &hana);
    for (int i = 0; i < COUNT; i++) {
        struct command submit = {.type = CMD_APPLICATION_SUBMIT};
        struct cmd_application_submit *cmd = &submit.application_submit;
        snprintf(cmd->id.text, sizeof cmd->id.text, "P%05d", (i * 37) % COUNT);
        cmd->kind = APPLICATION_PUBLIC;
        cmd->environment = ENV_DEMO;
        cmd->form_version = 1;
        memcpy(cmd->account_index.b, &i, sizeof i);
        memcpy(cmd->person_index.b, &i, sizeof i);
        memcpy(cmd->pair_index.b, &i, sizeof i);
        cmd->confirmed = true;
        cmd->sealed = span_str("sealed");
        fixture_apply(f, &submit);
    }
    for (int page = 0; page < 2; page++) {
        json_t *view, *more, *row;
        size_t i;
        params = params_make("kind", "public_body", "state", "awaiting", "after", after,
                             "since", since, NULL);
        got = run(f, &hana, STAFF_DO_DESK, &params);
        assert_int_equal(got.kind, STAFF_VIEW);
        view = json_loadb((const char *)got.view.data, got.view.len, 0, NULL);
        assert_int_equal(json_is_true(json_object_get(view, "later")), page == 1);
        json_array_foreach(json_object_get(view, "applications"), i, row) {
            const char *id = json_string_value(json_object_get(row, "id"));
            assert_null(json_object_get(ids, id));
            json_object_set_new(ids, id, json_true());
            seen++;
        }
        more = json_object_get(view, "more");
        assert_int_equal(json_is_object(more), page == 0);
        if (page == 0) {
            assert_int_equal(seen, 100);
            snprintf(after, sizeof after, "%s",
                     json_string_value(json_object_get(more, "after")));
            snprintf(since, sizeof since, "%lld",
                     (long long)json_integer_value(json_object_get(more, "since")));
        }
        json_decref(view);
        svc_op_close(&got.op);
    }
    assert_int_equal(seen, COUNT);
    json_decref(ids);
}

/* ---- the audit */

/* The events of Hana that a search of these days finds, one a line. */
static void audit_of(struct fixture *f, const struct person *hana, const char *from,
                     const char *to, char out[256]) {
    struct params params =
        params_make("search", "1", "staff", "hana", "from", from, "to", to, NULL);
    struct svc_staff got = run(f, hana, STAFF_DO_AUDIT, &params);
    json_t *view, *record;
    size_t i, len = 0;

    assert_int_equal(got.kind, STAFF_VIEW);
    view = json_loadb((const char *)got.view.data, got.view.len, 0, NULL);
    out[0] = '\0';
    json_array_foreach(json_object_get(view, "records"), i, record) {
        const char *event = json_string_value(json_object_get(record, "event"));
        len += (size_t)snprintf(out + len, 256 - len, "%s\n", event);
        assert_true(len < 256);
    }
    json_decref(view);
    svc_op_close(&got.op);
}

static void the_audits_days_are_japans(void **state) {
    static const uint64_t midnight_ms = 1795964400000; /* 2026-11-29T15:00:00Z */
    static const char *const wrong[] = {"2026-02-29", "2026-11-31", "2026-13-01",
                                        "2026-11-3", "2026-11-30 00:00", "yesterday"};
    struct fixture *f = *state;
    struct person hana;
    char events[256];

    f->repl.now_ms = midnight_ms - 1; /* the last moment of the 29th */
    add_person(f, "hana", "\"auditor\"", &hana);
    f->repl.now_ms = midnight_ms;
    enter(f, &hana);
    audit_of(f, &hana, "2026-11-29", "2026-11-29", events);
    assert_string_equal(events, "staff.created\n");
    audit_of(f, &hana, "2026-11-28", "2026-11-28", events);
    assert_string_equal(events, "");
    audit_of(f, &hana, "2026-12-01", "", events);
    assert_string_equal(events, "");
    audit_of(f, &hana, "2026-11-30", "2026-11-30", events);
    assert_non_null(strstr(events, "staff.signin\n"));
    assert_null(strstr(events, "staff.created\n"));
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        for (int end = 0; end < 2; end++) {
            struct params params = params_make(
                "search", "1", end ? "to" : "from", wrong[i], NULL);
            assert_int_equal(act(f, &hana, STAFF_DO_AUDIT, &params), STAFF_INVALID);
        }
}

#define TEST(name)                                                                     \
    cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(whatever_is_wrong_has_one_answer),
        TEST(the_form_belongs_to_the_browser),
        TEST(many_failures_lock_and_say_nothing),
        TEST(the_table_decides_for_every_action),
        TEST(changes_carry_the_sessions_token),
        TEST(what_needs_care_needs_a_fresh_sign_in),
        TEST(a_session_ends_when_idle_and_at_the_latest),
        TEST(cookies_of_others_are_none),
        TEST(only_own_sessions_are_seen_and_ended),
        TEST(a_new_password_ends_all_sessions),
        TEST(administrators_change_others_alone),
        TEST(a_new_account_can_sign_in),
        TEST(a_form_registers_and_changes),
        TEST(the_next_page_shows_the_change),
        TEST(onboarding_goes_step_by_step),
        TEST(an_import_is_taken_whole_or_not),
        TEST(an_import_undoes_nobodys_change),
        TEST(a_long_import_is_taken),
        TEST(the_desk_shows_stocks_and_claims_what_is_there),
        TEST(a_role_that_is_lost_meanwhile_is_forbidden),
        TEST(a_long_queue_has_pages),
        TEST(the_audits_days_are_japans),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
