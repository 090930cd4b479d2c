/* message_text: every template in both languages, and values that would be more than
 * text. */
#include "tests/unit/server/unit.h"

#include "server/message_text.h"
#include "store/base/codec.h"

struct fixture {
    struct message_place place;
    struct buf subject, body;
};

static int setup(void **state) {
    struct fixture *f = calloc(1, sizeof *f);

    assert_non_null(f);
    f->place = message_place("https://id.example:8443/oauth/", ENV_PRODUCTION);
    buf_init(&f->subject, 1024);
    buf_init(&f->body, 64 * 1024);
    *state = f;
    return 0;
}

static int teardown(void **state) {
    struct fixture *f = *state;

    buf_free(&f->subject);
    buf_free(&f->body);
    free(f);
    return 0;
}

static bool has(const struct buf *buf, const char *text) {
    return buf->len > 0 && memmem(buf->data, buf->len, text, strlen(text)) != NULL;
}

static const char *sample(enum message_value_kind kind) {
    return kind == VALUE_LINK ? "/reset?t=abc" : kind == VALUE_LINES ? "a\nb" : "sample";
}

/* The values that the template's row names, with samples. */
static size_t samples(const struct message_spec *spec,
                      struct message_value out[MESSAGE_VALUES_MAX]) {
    size_t count = 0;

    for (; spec->values[count].name; count++)
        out[count] = (struct message_value){spec->values[count].name,
                                            span_str(sample(spec->values[count].kind))};
    return count;
}

static enum err make(struct fixture *f, enum message_template template, bool english,
                     const struct message_value *values, size_t count) {
    buf_reset(&f->subject);
    buf_reset(&f->body);
    return message_text(template, english, &f->place, 30 * 60 * 1000, values, count,
                        &f->subject, &f->body);
}

static void every_template_is_whole(void **state) {
    struct fixture *f = *state;

    for (int t = 1; t <= MESSAGE_TEMPLATE_LAST; t++) {
        const struct message_spec *spec = message_spec((enum message_template)t);
        struct message_value values[MESSAGE_VALUES_MAX];
        size_t count;

        assert_non_null(spec);
        count = samples(spec, values);
        for (int english = 0; english < 2; english++) {
            assert_int_equal(make(f, (enum message_template)t, english, values, count),
                             OK);
            assert_false(has(&f->body, "{{"));
            assert_false(has(&f->subject, "{{"));
            assert_true(has(&f->body, "Tasuki"));
            assert_int_equal(f->subject.len > 0, spec->kind == OUTBOX_MAIL);
            assert_false(has(&f->subject, "\n"));
            assert_true(utf8_valid(buf_span(&f->body)));
            /* None of the values is for nothing. */
            for (size_t i = 0; i < count; i++) {
                struct message_value without[MESSAGE_VALUES_MAX];
                memcpy(without, values, sizeof without);
                without[i] = values[count - 1];
                assert_int_equal(make(f, (enum message_template)t, english, without,
                                      count - 1),
                                 ERR_INVALID);
            }
        }
    }
    assert_null(message_spec((enum message_template)0));
    assert_null(message_spec((enum message_template)(MESSAGE_TEMPLATE_LAST + 1)));
}

static void links_stand_on_our_origin(void **state) {
    static const char *const bad[] = {
        "",          "reset",       "https://evil.example/", "//evil.example/",
        "/a b",      "/a\r\nX: y",  "/a#b",                  "/a\"b",
        "/a<b",      "/a@evil",     "/\\evil.example",       "/日本",
    };
    struct fixture *f = *state;
    struct message_value link = {"link", span_str("/password/reset?t=AbC-_1.2~3%20")};

    assert_int_equal(make(f, MESSAGE_PASSWORD_RESET, false, &link, 1), OK);
    assert_true(has(&f->body, "\nhttps://id.example:8443/password/reset?t=AbC-_1.2~3%20\n"));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        link.text = span_str(bad[i]);
        assert_int_equal(make(f, MESSAGE_PASSWORD_RESET, false, &link, 1), ERR_INVALID);
    }
}

static void make_invitation(struct fixture *f, const char *company,
                            const char *inviter) {
    const struct message_value values[] = {{"company", span_str(company)},
                                           {"inviter", span_str(inviter)},
                                           {"link", span_str("/member/join?t=1")}};

    assert_int_equal(make(f, MESSAGE_MEMBER_INVITED, true, values, 3), OK);
}

/* SECURITY E05 */
static void words_of_people_are_only_words(void **state) {
    struct fixture *f = *state;

    make_invitation(f, "ACME", "a\r\nBcc: victim@example.jp\r\n\r\nhttps://evil.example/x");
    assert_true(has(&f->body, "a  Bcc: victim＠example．jp    https：//evil．example/x of"));
    assert_false(has(&f->body, "evil.example"));
    assert_false(has(&f->body, "\r"));
    /* Reordering, zero width, controls. */
    make_invitation(f, "a\xe2\x80\xae" "b\xe2\x81\xa6" "c\xe2\x80\x8b" "d\x01" "e\x7f" "f", "x");
    assert_true(has(&f->body, "x of a b c d e f invites"));
    make_invitation(f, "<img src=x onerror=alert(1)>", "x");
    assert_true(has(&f->body, "<img src=x onerror=alert(1)>")); /* text is text */
    make_invitation(f, "Tea Co., Ltd.", "A. B: (No.1)");
    assert_true(has(&f->body, "A. B: (No．1) of Tea Co., Ltd. invites"));
    make_invitation(f, "mailto:a@b.c tel:03 www.x.みんな", "x");
    assert_true(has(&f->body, "mailto：a＠b．c tel：03 www．x．みんな invites"));
    make_invitation(f, "{{origin}}{{code}}", "x"); /* and no template */
    assert_true(has(&f->body, "{{origin}}{{code}}"));
    /* A long one is cut between characters. */
    make_invitation(f,
                    "株株株株株株株株株株株株株株株株株株株株株株株株株株株株株株株株株"
                    "株株株株株株株株株株株株株株株株株株株株株株株株株株株株株株株株株",
                    "x");
    assert_true(has(&f->body, "株… invites"));
    assert_true(utf8_valid(buf_span(&f->body)));
}

static void lines_are_a_few_lines(void **state) {
    struct fixture *f = *state;
    struct message_value values[] = {{"company", span_str("A\nB")},
                                     {"application_id", span_str("E\r\nX")},
                                     {"reasons", span_str("1. 印影\r\n2. http://x.y\n")}};
    char many[400];

    assert_int_equal(make(f, MESSAGE_APPLICATION_DENIED, false, values, 3), OK);
    assert_true(has(&f->body, "A B\n"));
    assert_true(has(&f->body, "1. 印影 \n2. http：//x．y\n"));
    assert_true(has(&f->body, "申請書ID: E  X\n"));
    assert_false(has(&f->subject, "\n"));
    memset(many, '\n', sizeof many);
    values[2].text = span_of(many, sizeof many);
    assert_int_equal(make(f, MESSAGE_APPLICATION_DENIED, false, values, 3), OK);
    assert_true(f->body.len < 1000);
    values[2].text = span_str("\xff");
    assert_int_equal(make(f, MESSAGE_APPLICATION_DENIED, false, values, 3), ERR_INVALID);
}

static void a_code_is_bound_to_the_host(void **state) {
    struct fixture *f = *state;
    const struct message_value code = {"code", span_str("123456")};

    assert_int_equal(make(f, MESSAGE_SMS_CODE, false, &code, 1), OK);
    assert_true(has(&f->body, "認証コード: 123456\n有効期限は30分です。"));
    assert_true(has(&f->body, "\n@id.example #123456\n"));
    f->place.environment = ENV_DEMO;
    assert_int_equal(make(f, MESSAGE_SMS_CODE, true, &code, 1), OK);
    assert_true(has(&f->body, "[Tasuki (demo)] Your code is 123456.\n"));
    assert_true(has(&f->body, "It is good for 30 minutes."));
}

static void validity_is_in_whole_units(void **state) {
    static const struct {
        uint32_t minutes;
        const char *text;
    } rows[] = {
        {5, " 5 minutes"},         {60, " 60 minutes"},       {90, " 90 minutes"},
        {120, " 2 hours"},         {24 * 60, " 24 hours"},    {36 * 60, " 36 hours"},
        {7 * 24 * 60, " 7 days"},
    };
    struct fixture *f = *state;
    const struct message_value link = {"link", span_str("/x")};

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        buf_reset(&f->subject);
        buf_reset(&f->body);
        assert_int_equal(message_text(MESSAGE_ENTRY_CONFIRM, true, &f->place,
                                      rows[i].minutes * 60000, &link, 1, &f->subject,
                                      &f->body),
                         OK);
        if (!has(&f->body, rows[i].text))
            fail_msg("%s", rows[i].text);
    }
}

static void time_is_japans(void **state) {
    char out[MESSAGE_TIME_MAX];

    (void)state;
    message_time(1795532399999, false, out);
    assert_string_equal(out, "2026年11月24日 23:59");
    message_time(1795532400000, true, out);
    assert_string_equal(out, "25 Nov 2026 00:00 (JST)");
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(every_template_is_whole),
        TEST(links_stand_on_our_origin),
        TEST(words_of_people_are_only_words),
        TEST(lines_are_a_few_lines),
        TEST(a_code_is_bound_to_the_host),
        TEST(validity_is_in_whole_units),
        TEST(time_is_japans),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
