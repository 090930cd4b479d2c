/* Messages to people, from a draft to the outbox: sealed, capped by the state machine,
 * opened by the sender alone. */
#include "tests/unit/server/svc_fixture.h"

#include <stdio.h>

#include "server/svc_message.h"
#include "store/store_outbox.h"

#define NUMBER "+819012345678"

static struct message_draft code_to(const char *number) {
    struct message_draft draft = {.template = MESSAGE_SMS_CODE, .to = span_str(number)};

    message_draft_put(&draft, "code", span_str("123456"));
    return draft;
}

static enum outcome_code send_draft(struct fixture *f, const struct message_draft *draft,
                                    struct message_out *ret_message) {
    struct command command = {.type = CMD_MESSAGE_SEND};
    enum outcome_code code;
    struct arena arena;
    struct buf payload;

    arena_init(&arena, 1u << 20);
    assert_int_equal(svc_message_make(f->svc, &arena, draft,
                                      &command.message_send.message),
                     OK);
    if (ret_message)
        *ret_message = command.message_send.message;
    buf_init(&payload, LIMIT_COMMAND);
    assert_int_equal(command_encode(&command, &payload), OK);
    /* The number stands nowhere in what is replicated. */
    assert_null(memmem(payload.data, payload.len, draft->to.data, draft->to.len));
    assert_null(memmem(payload.data, payload.len, "123456", 6));
    code = fixture_outcome(f, &command);
    buf_free(&payload);
    arena_close(&arena);
    return code;
}

static void a_message_is_sealed_under_its_id(void **state) {
    struct fixture *f = *state;
    struct message_draft draft = code_to(NUMBER);
    struct message_draft opened;
    struct outbox_message row;
    struct message_out sent;
    struct id128 other = {{0}};
    struct arena arena;

    draft.english = true;
    arena_init(&arena, 1u << 20);
    assert_int_equal(send_draft(f, &draft, &sent), OUT_OK);
    assert_int_equal(svc_read_begin(f->svc), OK);
    assert_int_equal(store_outbox_get(f->svc->read, &arena, sent.id, &row), OK);
    svc_read_end(f->svc);
    assert_int_equal(row.kind, OUTBOX_SMS);
    assert_int_equal(row.expires_ms, f->repl.now_ms + 5 * 60 * 1000);
    assert_int_equal(
        svc_message_open(f->svc->sealer, sent.id, row.sealed, &arena, &opened), OK);
    assert_int_equal(opened.template, MESSAGE_SMS_CODE);
    assert_true(opened.english);
    assert_true(span_is(opened.to, NUMBER));
    assert_int_equal(opened.ttl_ms, 5 * 60 * 1000);
    assert_int_equal(opened.values_count, 1);
    assert_string_equal(opened.values[0].name, "code");
    assert_true(span_is(opened.values[0].text, "123456"));
    assert_int_equal(
        svc_message_open(f->svc->sealer, other, row.sealed, &arena, &opened),
        ERR_FORGED);
    arena_close(&arena);
}

static void caps_are_the_configurations(void **state) {
    struct fixture *f = *state;
    struct message_draft draft = code_to(NUMBER);

    f->config.sms_cap_number = 3;
    for (int i = 0; i < 3; i++)
        assert_int_equal(send_draft(f, &draft, NULL), OUT_OK);
    assert_int_equal(send_draft(f, &draft, NULL), OUT_LIMITED);
    /* Its neighbour has a counter of its own, until the prefix is full. */
    draft = code_to("+819012345679");
    f->config.sms_cap_prefix = 5;
    assert_int_equal(send_draft(f, &draft, NULL), OUT_OK);
    assert_int_equal(send_draft(f, &draft, NULL), OUT_OK);
    draft = code_to("+819012340000");
    assert_int_equal(send_draft(f, &draft, NULL), OUT_LIMITED);
    draft = code_to("+818012345678");
    f->config.sms_cap_all = 5;
    assert_int_equal(send_draft(f, &draft, NULL), OUT_LIMITED);
    f->repl.now_ms += 24ull * 3600 * 1000;
    assert_int_equal(send_draft(f, &draft, NULL), OUT_OK);
}

static void one_source_is_one_network(void **state) {
    struct fixture *f = *state;
    struct message_draft draft = code_to(NUMBER);

    f->config.sms_cap_source = 2;
    draft.source = span_str("2001:db8::1");
    assert_int_equal(send_draft(f, &draft, NULL), OUT_OK);
    draft.source = span_str("2001:db8::ffff:2");
    assert_int_equal(send_draft(f, &draft, NULL), OUT_OK);
    draft.source = span_str("2001:db8:0:0:1234::");
    assert_int_equal(send_draft(f, &draft, NULL), OUT_LIMITED);
    draft.source = span_str("2001:db8:0:1::1");
    assert_int_equal(send_draft(f, &draft, NULL), OUT_OK);
    draft.source = span_str("192.0.2.1");
    assert_int_equal(send_draft(f, &draft, NULL), OUT_OK);
}

/* Who has a /48 has 65536 networks, and must not have as many budgets. */
static void networks_of_one_site_share_a_bound(void **state) {
    struct fixture *f = *state;
    struct message_draft draft = code_to(NUMBER), mail = {.template = MESSAGE_TEST_MAIL,
                                                          .to = span_str("a@b.example")};

    message_draft_put(&mail, "when", span_str("123456"));
    f->config.sms_cap_site = f->config.mail_cap_site = 2;
    draft.source = mail.source = span_str("2001:db8:0:1::1");
    assert_int_equal(send_draft(f, &draft, NULL), OUT_OK);
    assert_int_equal(send_draft(f, &mail, NULL), OUT_OK);
    draft.source = mail.source = span_str("2001:db8:0:2::1");
    assert_int_equal(send_draft(f, &draft, NULL), OUT_OK);
    assert_int_equal(send_draft(f, &mail, NULL), OUT_OK);
    draft.source = mail.source = span_str("2001:db8:0:3::1");
    assert_int_equal(send_draft(f, &draft, NULL), OUT_LIMITED);
    assert_int_equal(send_draft(f, &mail, NULL), OUT_LIMITED);
    draft.source = mail.source = span_str("2001:db8:1::1");
    assert_int_equal(send_draft(f, &draft, NULL), OUT_OK);
    assert_int_equal(send_draft(f, &mail, NULL), OUT_OK);
    draft.source = span_str("192.0.2.1");
    assert_int_equal(send_draft(f, &draft, NULL), OUT_OK);
    draft.source = span_str("192.0.2.2");
    assert_int_equal(send_draft(f, &draft, NULL), OUT_OK);
    draft.source = span_str("192.0.2.3");
    assert_int_equal(send_draft(f, &draft, NULL), OUT_LIMITED);
}

/* Registrations of strangers leave the mail of holders alone. */
static void strangers_have_a_budget_of_their_own(void **state) {
    struct fixture *f = *state;
    const struct id128 sub = {{1}};
    struct message_draft entry = {.template = MESSAGE_ENTRY_CONFIRM,
                                  .to = span_str("a@b.example")};
    struct message_draft reset = {.template = MESSAGE_PASSWORD_RESET,
                                  .to = span_str("c@b.example"),
                                  .sub = &sub};

    message_draft_put(&entry, "link", span_str("/e?t=123456"));
    message_draft_put(&reset, "link", span_str("/r?t=123456"));
    f->config.mail_cap_all = 1;
    assert_int_equal(send_draft(f, &entry, NULL), OUT_OK);
    assert_int_equal(send_draft(f, &entry, NULL), OUT_LIMITED);
    assert_int_equal(send_draft(f, &reset, NULL), OUT_OK);
    assert_int_equal(send_draft(f, &reset, NULL), OUT_LIMITED);
}

static void mail_that_anybody_causes_is_capped(void **state) {
    struct fixture *f = *state;
    struct message_draft reset = {.template = MESSAGE_PASSWORD_RESET,
                                  .to = span_str(ALICE)};
    struct message_draft changed = {.template = MESSAGE_PASSWORD_CHANGED,
                                    .to = span_str(ALICE)};

    message_draft_put(&reset, "link", span_str("/password/reset?t=1"));
    message_draft_put(&changed, "when", span_str("now"));
    f->config.mail_cap_address = 1;
    assert_int_equal(send_draft(f, &reset, NULL), OUT_OK);
    assert_int_equal(send_draft(f, &reset, NULL), OUT_LIMITED);
    /* Word of a change reaches its owner all the same. */
    assert_int_equal(send_draft(f, &changed, NULL), OUT_OK);
}

static void one_network_has_half_of_an_address(void **state) {
    struct fixture *f = *state;
    struct message_draft reset = {.template = MESSAGE_PASSWORD_RESET,
                                  .to = span_str(ALICE),
                                  .source = span_str("192.0.2.1")};

    message_draft_put(&reset, "link", span_str("/r?t=1"));
    f->config.mail_cap_address = 5;
    for (int i = 0; i < 3; i++)
        assert_int_equal(send_draft(f, &reset, NULL), OUT_OK);
    assert_int_equal(send_draft(f, &reset, NULL), OUT_LIMITED);
    reset.source = span_str("192.0.2.200"); /* the same network */
    assert_int_equal(send_draft(f, &reset, NULL), OUT_LIMITED);
    reset.to = span_str(BOB);
    assert_int_equal(send_draft(f, &reset, NULL), OUT_OK);
    reset.to = span_str(ALICE);
    reset.source = span_str("198.51.100.1");
    assert_int_equal(send_draft(f, &reset, NULL), OUT_OK);
    assert_int_equal(send_draft(f, &reset, NULL), OUT_OK);
    assert_int_equal(send_draft(f, &reset, NULL), OUT_LIMITED);
}

static void one_recipient_and_no_other(void **state) {
    static const char *const numbers[] = {"",
                                          "09012345678",
                                          "+819012345678,+819087654321",
                                          "+81901234567\r\n",
                                          "+1;ext=1"};
    static const char *const addresses[] = {
        "", "alice", "Alice@example.jp", "a@example.jp,b@example.jp",
        "a@example.jp\r\nBcc: b@example.jp", "<a@example.jp>", "a@example.jp "};
    struct fixture *f = *state;
    struct message_out message;
    struct arena arena;

    arena_init(&arena, 1u << 20);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        struct message_draft draft = code_to(numbers[i]);
        assert_int_equal(svc_message_make(f->svc, &arena, &draft, &message),
                         ERR_INVALID);
    }
    for (size_t i = 0; i < sizeof addresses / sizeof addresses[0]; i++) {
        struct message_draft draft = {.template = MESSAGE_ENTRY_CONFIRM,
                                      .to = span_str(addresses[i])};
        message_draft_put(&draft, "link", span_str("/entry?t=1"));
        assert_int_equal(svc_message_make(f->svc, &arena, &draft, &message),
                         ERR_INVALID);
    }
    arena_close(&arena);
}

/* ---- an operator's */

static void expect_test(struct fixture *f, const char *body, enum svc_admin_kind kind,
                        const char *message) {
    struct svc_admin got;

    run_admin(f, ADMIN_OUTBOX_TEST, body, &got);
    if (got.kind != kind ||
        (message[0] && strncmp((const char *)got.message.data, message,
                               strlen(message)) != 0))
        fail_msg("%s: %.*s", body, (int)got.message.len,
                 (const char *)got.message.data);
    svc_op_close(&got.op);
}

static void an_operators_test_is_capped_and_judged(void **state) {
    static const struct {
        const char *body, *message;
    } rows[] = {
        {"{}", "one of mail, sms and push is expected"},
        {"{\"mail\":\"a@b.example\",\"sms\":\"09012345678\"}", "one of mail, sms"},
        {"{\"sms\":\"09012345678\",\"push\":\"fcm:a\"}", "one of mail, sms"},
        {"{\"push\":\"fcm:a b\"}", "push: not the address of an app"},
        {"{\"push\":\"fcm:a\",\"template\":\"test_sms\"}", "template: there is none"},
        {"{\"mail\":\"a@b.example, c@d.example\"}", "mail: "},
        {"{\"sms\":\"03-1234-5678\"}", "sms: it is not a mobile number"},
        {"{\"sms\":9012345678}", "sms: a string is expected"},
        {"{\"mail\":\"a@b.example\",\"template\":\"none\"}", "template: there is none"},
        {"{\"mail\":\"a@b.example\",\"template\":\"sms_code\"}", "template: there is"},
        {"{\"mail\":\"a@b.example\",\"valid_s\":0}", "valid_s: 1 to 604800"},
        {"{\"mail\":\"a@b.example\",\"values\":[]}", "values: an object is expected"},
        {"{\"mail\":\"a@b.example\",\"template\":\"password_reset\","
         "\"values\":{\"link\":\"//evil.example\"}}",
         "values: one is not what the template takes"},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        expect_test(f, rows[i].body, ADMIN_INVALID, rows[i].message);
    f->config.sms_cap_number = 1;
    expect_test(f, "{\"sms\":\"090-1234-5678\"}", ADMIN_OK, "");
    expect_test(f, "{\"sms\":\"+819012345678\"}", ADMIN_CONFLICT, "as many messages");
    for (int i = 1; i <= MESSAGE_TEMPLATE_LAST; i++) {
        const struct message_spec *spec = message_spec((enum message_template)i);
        char body[256];

        const char *to = spec->kind == OUTBOX_MAIL  ? "mail\":\"a@b.example"
                         : spec->kind == OUTBOX_SMS ? "sms\":\"080-1234-5678"
                                                    : "push\":\"fcm:a";
        snprintf(body, sizeof body, "{\"%s\",\"template\":\"%s\"}", to, spec->name);
        f->config.sms_cap_number = 100;
        expect_test(f, body, ADMIN_OK, "");
    }
}

/* Nobody writes to people in the name of a production. */
static void in_production_a_test_says_that_it_is_one(void **state) {
    struct fixture *f = *state;

    f->config.environment = ENV_PRODUCTION;
    expect_test(f, "{\"mail\":\"a@b.example\"}", ADMIN_OK, "");
    expect_test(f, "{\"mail\":\"a@b.example\",\"template\":\"mail_code\"}", ADMIN_INVALID,
                "template, source, valid_s: not in the environment production");
    expect_test(f, "{\"sms\":\"09012345678\",\"source\":\"192.0.2.1\"}", ADMIN_INVALID,
                "template, source, valid_s: not in the environment production");
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
        TEST(a_message_is_sealed_under_its_id),
        TEST(caps_are_the_configurations),
        TEST(one_source_is_one_network),
        TEST(networks_of_one_site_share_a_bound),
        TEST(strangers_have_a_budget_of_their_own),
        TEST(mail_that_anybody_causes_is_capped),
        TEST(one_network_has_half_of_an_address),
        TEST(one_recipient_and_no_other),
        TEST(an_operators_test_is_capped_and_judged),
        TEST(in_production_a_test_says_that_it_is_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
