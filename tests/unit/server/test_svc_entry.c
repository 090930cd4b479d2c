/* An Entry account that its holder registers: how long the mailed link is good, that it
 * is used once, and that nothing of the address is stored before. */
#include "tests/unit/server/svc_fixture.h"

#include <string.h>

#include "server/svc_message.h"
#include "store/store_outbox.h"

#define NEW "new@example.jp"
#define DAY_MS (24ull * 3600 * 1000)
#define PHRASE "seven lamps over the quay"

static void on_ask(struct svc_entry_ask *ask) {
    *(bool *)ask->arg = true;
}

static void on_entry(struct svc_entry *entry) {
    *(bool *)entry->arg = true;
}

struct newest {
    struct fixture *f;
    struct arena *arena;
    struct message_draft draft;
    unsigned count;
};

static enum outbox_walk see(void *arg, struct span client_id, struct id128 id) {
    struct newest *newest = arg;
    struct outbox_message row;

    (void)client_id;
    assert_int_equal(store_outbox_get(newest->f->svc->read, newest->arena, id, &row), OK);
    assert_int_equal(svc_message_open(newest->f->svc->sealer, id, row.sealed,
                                      newest->arena, &newest->draft),
                     OK);
    newest->count++;
    return OUTBOX_NEXT;
}

/* Ask, and read the only message that waits; the link's token, or "" for another mail. */
static enum message_template ask(struct fixture *f, const char *address,
                                 char token[1024]) {
    static const char path[] = "/register/confirm?token=";
    struct arena arena;
    struct newest newest = {.f = f, .arena = &arena};
    struct svc_entry_ask op = {.done = on_ask, .account_id = span_str(address)};
    bool done = false;

    op.arg = &done;
    svc_entry_ask(f->svc, &op);
    fixture_until(f, &done);
    assert_int_equal(op.op.err, OK);
    assert_false(op.bad);
    svc_op_close(&op.op);
    arena_init(&arena, 1u << 20);
    assert_int_equal(svc_read_begin(f->svc), OK);
    assert_int_equal(store_outbox_walk_due(f->svc->read, f->repl.now_ms, see, &newest),
                     OK);
    svc_read_end(f->svc);
    assert_int_equal(newest.count, 1);
    assert_int_equal(newest.draft.values_count, 1);
    token[0] = '\0';
    if (newest.draft.template == MESSAGE_ENTRY_CONFIRM) {
        struct span link = newest.draft.values[0].text;
        assert_true(link.len > sizeof path && link.len < 1024);
        assert_memory_equal(link.data, path, sizeof path - 1);
        memcpy(token, link.data + sizeof path - 1, link.len - (sizeof path - 1));
        token[link.len - (sizeof path - 1)] = '\0';
    }
    arena_close(&arena);
    return newest.draft.template;
}

static enum svc_entry_kind follow(struct fixture *f, const char *token, bool creates) {
    bool done = false;
    struct svc_entry op = {
        .done = on_entry,
        .arg = &done,
        .token = span_str(token),
        .creates = creates,
        .last_name = span_str("登録"),
        .first_name = span_str("花子"),
        .last_kana = span_str("トウロク"),
        .first_kana = span_str("ハナコ"),
        .password = span_str(PHRASE),
        .again = span_str(PHRASE),
    };

    svc_entry(f->svc, &op);
    fixture_until(f, &done);
    assert_int_equal(op.op.err, OK);
    assert_int_equal(op.notices_count, 0);
    svc_op_close(&op.op);
    return op.kind;
}

static void sign_in_with(struct fixture *f, struct browser *browser,
                         const struct params *params) {
    struct svc_authorize page;
    struct svc_login login;

    run_authorize(f, browser, params, &page);
    svc_op_close(&page.op);
    run_login(f, browser, NEW, PHRASE, &login);
    assert_int_equal(login.op.err, OK);
    assert_int_equal(login.kind, LOGIN_CONTINUE);
    svc_op_close(&login.op);
}

static void an_account_is_made_once(void **state) {
    struct fixture *f = *state;
    struct browser browser = {.session = ""};
    struct params params;
    char token[1024];

    fixture_world(f);
    assert_int_equal(ask(f, " New@Example.JP ", token), MESSAGE_ENTRY_CONFIRM);
    assert_int_equal(follow(f, token, false), ENTRY_FORM);
    assert_int_equal(follow(f, token, false), ENTRY_FORM);
    assert_int_equal(follow(f, token, true), ENTRY_DONE);
    assert_int_equal(follow(f, token, true), ENTRY_KNOWN);
    assert_int_equal(follow(f, token, false), ENTRY_KNOWN);
    params = usual("conf", NULL);
    sign_in_with(f, &browser, &params);
}

static void a_link_is_good_for_a_day(void **state) {
    struct fixture *f = *state;
    char token[1024];

    assert_int_equal(ask(f, NEW, token), MESSAGE_ENTRY_CONFIRM);
    f->repl.now_ms += DAY_MS - 1;
    assert_int_equal(follow(f, token, false), ENTRY_FORM);
    f->repl.now_ms += 1;
    assert_int_equal(follow(f, token, false), ENTRY_REFUSED);
    assert_int_equal(follow(f, token, true), ENTRY_REFUSED);
    assert_int_equal(follow(f, "", true), ENTRY_REFUSED);
}

static void who_has_an_account_is_told_by_mail(void **state) {
    struct fixture *f = *state;
    char token[1024];

    fixture_world(f);
    assert_int_equal(ask(f, BOB, token), MESSAGE_ENTRY_KNOWN);
}

static void caps_are_not_told_apart(void **state) {
    struct fixture *f = *state;
    char token[1024];

    f->config.mail_cap_address = 1;
    assert_int_equal(ask(f, NEW, token), MESSAGE_ENTRY_CONFIRM);
    /* It says the same, and there is no second mail. */
    assert_int_equal(ask(f, NEW, token), MESSAGE_ENTRY_CONFIRM);
}

/* A link is good for a day: what it may cost is bounded by address, before any hash; of
 * IPv6 a whole network is one (D06). */
static void one_address_registers_so_often(void **state) {
    struct fixture *f = *state;
    char token[1024];
    bool done = false;
    struct svc_entry op = {.done = on_entry, .arg = &done, .creates = true};
    struct svc_entry_ask asks = {
        .done = on_ask, .arg = &done, .account_id = span_str(NEW)};

    assert_int_equal(ask(f, NEW, token), MESSAGE_ENTRY_CONFIRM);
    assert_int_equal(
        rate_limit_new(1, 1, 16, port_system_clock, &f->shared.login_limit), OK);
    asks.op.from.address = span_str("2001:db8::1");
    svc_entry_ask(f->svc, &asks);
    fixture_until(f, &done);
    assert_int_equal(asks.op.err, OK);
    svc_op_close(&asks.op);
    done = false;
    op.token = span_str(token);
    op.op.from.address = span_str("2001:db8::2");
    svc_entry(f->svc, &op);
    fixture_until(f, &done);
    assert_int_equal(op.op.err, ERR_BUSY);
    svc_op_close(&op.op);
    done = false;
    asks.op.from.address = span_str("2001:db8::3");
    svc_entry_ask(f->svc, &asks);
    fixture_until(f, &done);
    assert_int_equal(asks.op.err, ERR_BUSY);
    svc_op_close(&asks.op);
    assert_int_equal(follow(f, token, false), ENTRY_FORM); /* looking costs nothing */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(an_account_is_made_once),
        TEST(a_link_is_good_for_a_day),
        TEST(who_has_an_account_is_told_by_mail),
        TEST(caps_are_not_told_apart),
        TEST(one_address_registers_so_often),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
