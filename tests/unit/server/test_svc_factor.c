/* The second step, its page and its answer, over the real state machine: who is asked by
 * what, what a GET may send, and of what the holder hears. */
#include "tests/unit/server/svc_fixture.h"

#include <stdio.h>
#include <string.h>

#include "server/svc_message.h"
#include "store/store_outbox.h"

#define PHONE "+819012345678"
#define TWO "urn:tasuki:acr:two-factors"

struct waiting {
    struct fixture *f;
    struct arena *arena;
    enum message_template template;
    unsigned count;
    char value[64]; /* the first one of the last that was seen */
};

static enum outbox_walk see(void *arg, struct span client_id, struct id128 id) {
    struct waiting *waiting = arg;
    struct message_draft draft;
    struct outbox_message row;

    (void)client_id;
    assert_int_equal(store_outbox_get(waiting->f->svc->read, waiting->arena, id, &row), OK);
    assert_int_equal(svc_message_open(waiting->f->svc->sealer, id, row.sealed,
                                      waiting->arena, &draft),
                     OK);
    if (draft.template != waiting->template)
        return OUTBOX_NEXT;
    waiting->count++;
    assert_true(draft.values[0].text.len < sizeof waiting->value);
    memcpy(waiting->value, draft.values[0].text.data, draft.values[0].text.len);
    waiting->value[draft.values[0].text.len] = '\0';
    return OUTBOX_NEXT;
}

/* How many messages of the template wait, and the first value of one of them. */
static unsigned waiting(struct fixture *f, enum message_template template,
                        char value[64]) {
    struct arena arena;
    struct waiting all = {.f = f, .arena = &arena, .template = template};

    arena_init(&arena, 1u << 20);
    assert_int_equal(svc_read_begin(f->svc), OK);
    assert_int_equal(store_outbox_walk_due(f->svc->read, f->repl.now_ms, see, &all), OK);
    svc_read_end(f->svc);
    arena_close(&arena);
    if (value)
        memcpy(value, all.value, sizeof all.value);
    return all.count;
}

static void add_phone(struct fixture *f, const char *account) {
    struct svc_admin got;
    char body[256];

    snprintf(body, sizeof body,
             "{\"account_id\":\"%s\",\"action\":\"add\",\"phone\":\"" PHONE "\"}", account);
    run_admin(f, ADMIN_FACTOR, body, &got);
    assert_int_equal(got.kind, ADMIN_OK);
    svc_op_close(&got.op);
}

static void on_factor(struct svc_factor *factor) {
    *(bool *)factor->arg = true;
}

/* The form of the page. */
static void post(struct fixture *f, struct browser *browser, const struct params *params,
                 struct svc_factor *ret) {
    bool done = false;

    memset(ret, 0, sizeof *ret);
    ret->done = on_factor;
    ret->arg = &done;
    ret->params = params;
    ret->login_state = span_str(browser->login_state);
    ret->session_cookie = span_str(browser->session);
    ret->browser_cookie = span_str(browser->binding);
    svc_factor(f->svc, ret);
    fixture_until(f, &done);
    assert_int_equal(ret->op.err, OK);
    assert_true(ret->next.login_state.len < sizeof browser->login_state);
    if (ret->next.login_state.len > 0) {
        memcpy(browser->login_state, ret->next.login_state.data,
               ret->next.login_state.len);
        browser->login_state[ret->next.login_state.len] = '\0';
    }
}

/* The same with one field. */
static void answer(struct fixture *f, struct browser *browser, const char *name,
                   const char *value, struct svc_factor *ret) {
    struct params params = params_make(name, value, NULL);

    post(f, browser, &params, ret);
}

static struct params asking_for_two(void) {
    return params_make("response_type", "code", "client_id", "conf", "redirect_uri",
                       redirect_of("conf"), "scope", "openid", "state", "s", "nonce", "n",
                       "code_challenge", CHALLENGE, "code_challenge_method", "S256",
                       "acr_values", TWO, NULL);
}

static void a_right_password_sends_a_code_and_the_code_signs_in(void **state) {
    struct fixture *f = *state;
    struct browser browser = {0};
    struct params params = usual("conf", NULL);
    struct svc_authorize authorize;
    struct svc_factor factor;
    struct svc_login login;
    char code[FIXTURE_CODE];

    fixture_world(f);
    add_phone(f, BOB);
    assert_int_equal(waiting(f, MESSAGE_FACTOR_ADDED, NULL), 1); /* an operator's, told */
    run_authorize(f, &browser, &params, &authorize);
    svc_op_close(&authorize.op);
    run_login(f, &browser, BOB, FIXTURE_PASSWORD, &login);
    assert_int_equal(login.next.kind, AUTHORIZE_FACTOR);
    assert_string_equal(login.next.factor->method, "sms");
    assert_int_equal(login.next.set_session_cookie.len, 0);
    svc_op_close(&login.op);
    assert_int_equal(waiting(f, MESSAGE_SMS_CODE, code), 1);
    answer(f, &browser, "code", "12345x", &factor);
    assert_int_equal(factor.next.notice, NOTICE_CODE_WRONG);
    svc_op_close(&factor.op);
    answer(f, &browser, "code", code, &factor);
    assert_int_equal(factor.next.kind, AUTHORIZE_REDIRECT);
    assert_true(factor.next.set_session_cookie.len > 0);
    svc_op_close(&factor.op);
}

/* Another site's page can have a signed-in browser get this page, as often as it likes. */
static void a_get_that_raises_a_session_sends_nothing(void **state) {
    struct fixture *f = *state;
    struct browser browser = {0};
    struct params params = usual("conf", NULL), two = asking_for_two();
    struct svc_authorize authorize;
    struct svc_factor factor;
    char choice[33], text[FIXTURE_CODE];

    fixture_world(f);
    sign_in(f, &browser, BOB, &params, text);
    add_phone(f, BOB);
    for (int i = 0; i < 3; i++) {
        run_authorize(f, &browser, &two, &authorize);
        assert_int_equal(authorize.kind, AUTHORIZE_FACTOR);
        assert_null(authorize.factor->method);
        assert_true(authorize.factor->raises);
        assert_int_equal(authorize.factor->choices_count, 1);
        memcpy(choice, authorize.factor->choices[0].value, sizeof choice);
        svc_op_close(&authorize.op);
        assert_int_equal(waiting(f, MESSAGE_SMS_CODE, NULL), 0);
    }
    answer(f, &browser, "choice", choice, &factor);
    assert_int_equal(factor.next.kind, AUTHORIZE_FACTOR);
    assert_string_equal(factor.next.factor->method, "sms");
    svc_op_close(&factor.op);
    assert_int_equal(waiting(f, MESSAGE_SMS_CODE, text), 1);
    answer(f, &browser, "code", text, &factor);
    assert_int_equal(factor.next.kind, AUTHORIZE_REDIRECT);
    svc_op_close(&factor.op);
}

/* Who has none enrols one, and hears of it. */
static void the_first_factor_is_told_to_its_holder(void **state) {
    struct fixture *f = *state;
    struct browser browser = {0};
    struct params params = usual("conf", NULL), two = asking_for_two(), number;
    struct svc_authorize authorize;
    struct svc_factor factor;
    char text[FIXTURE_CODE];

    fixture_world(f);
    sign_in(f, &browser, BOB, &params, text);
    run_authorize(f, &browser, &two, &authorize);
    assert_true(authorize.factor->enrols);
    svc_op_close(&authorize.op);
    answer(f, &browser, "choice", "sms", &factor);
    svc_op_close(&factor.op);
    number = params_make("enrol", "sms", "phone", "090-1234-5678", NULL);
    post(f, &browser, &number, &factor);
    svc_op_close(&factor.op);
    assert_int_equal(waiting(f, MESSAGE_SMS_CODE, text), 1);
    assert_int_equal(waiting(f, MESSAGE_FACTOR_ADDED, NULL), 0);
    answer(f, &browser, "code", text, &factor);
    assert_int_equal(factor.next.kind, AUTHORIZE_REDIRECT);
    svc_op_close(&factor.op);
    assert_int_equal(waiting(f, MESSAGE_FACTOR_ADDED, text), 1);
    assert_non_null(strstr(text, "5678"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
        T(a_right_password_sends_a_code_and_the_code_signs_in),
        T(a_get_that_raises_a_session_sends_nothing),
        T(the_first_factor_is_told_to_its_holder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
