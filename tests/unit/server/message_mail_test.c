/* message_mail: what a mail looks like, byte by byte, and what it cannot be made to. */
#include "tests/unit/server/unit.h"

#include "server/message_mail.h"

static struct mail mail_of(const char *to, const char *subject, const char *body) {
    return (struct mail){
        .from = span_str("noreply@id.example"),
        .to = span_str(to),
        .from_name = span_str("Tasuki"),
        .subject = span_str(subject),
        .body = span_str(body),
        .host = span_str("id.example"),
        .id = {{0xab, 0xcd}},
        .now_ms = 1795532399999,
    };
}

static void a_mail_is_just_this(void **state) {
    struct mail mail = mail_of("a@b.example", "件名 x", "本文\nx\n");
    struct buf out;

    (void)state;
    buf_init(&out, 65536);
    assert_int_equal(message_mail(&mail, &out), OK);
    assert_span(buf_span(&out),
                "Date: Tue, 24 Nov 2026 14:59:59 +0000\r\n"
                "From: =?UTF-8?B?VGFzdWtp?= <noreply@id.example>\r\n"
                "To: <a@b.example>\r\n"
                "Subject: =?UTF-8?B?5Lu25ZCNIHg=?=\r\n"
                "Message-ID: <abcd0000000000000000000000000000@id.example>\r\n"
                "Auto-Submitted: auto-generated\r\n"
                "MIME-Version: 1.0\r\n"
                "Content-Type: text/plain; charset=UTF-8\r\n"
                "Content-Transfer-Encoding: base64\r\n"
                "Content-Language: ja\r\n"
                "\r\n"
                "5pys5paHDQp4DQo=\r\n");
    buf_free(&out);
}

/* RFC 5322 §2.1.1, RFC 2047 §2: no line is long, no word is, and none is cut within a
 * character. */
static void long_parts_are_folded(void **state) {
    struct mail mail = mail_of("a@b.example",
                               "長い件名長い件名長い件名長い件名長い件名長い件名長い件名",
                               "長い本文長い本文長い本文長い本文長い本文長い本文長い本文長い本文\n");
    struct span rest;
    size_t words = 0;
    struct buf out;

    (void)state;
    buf_init(&out, 65536);
    assert_int_equal(message_mail(&mail, &out), OK);
    for (rest = buf_span(&out); rest.len > 0;) {
        const uint8_t *end = memmem(rest.data, rest.len, "\r\n", 2);
        const uint8_t *word;
        size_t len;

        assert_non_null(end);
        len = (size_t)(end - rest.data);
        assert_true(len <= 100);
        word = len > 0 ? memmem(rest.data, len, "=?UTF-8?B?", 10) : NULL;
        if (word) {
            words++;
            assert_true(memmem(word, len - (size_t)(word - rest.data), "?=", 2) != NULL);
        }
        rest = span_of(end + 2, rest.len - len - 2);
    }
    assert_int_equal(words, 3); /* the name, and two of the subject */
    buf_free(&out);
}

/* SECURITY E05 */
static void nothing_adds_a_header_or_a_recipient(void **state) {
    static const char *const to[] = {
        "",
        "a@b.example, c@d.example",
        "a@b.example\r\nBcc: c@d.example",
        "a@b.example>\r\nBcc: <c@d.example",
        "\"a b\"@c.example",
        "A@b.example",
        "a@b.example\n",
    };
    struct buf out;

    (void)state;
    buf_init(&out, 65536);
    for (size_t i = 0; i < sizeof to / sizeof to[0]; i++) {
        struct mail mail = mail_of(to[i], "x", "x");
        assert_int_equal(message_mail(&mail, &out), ERR_INVALID);
        assert_int_equal(out.len, 0);
    }
    struct mail mail = mail_of("a@b.example", "x\r\nBcc: c@d.example", "\r\n.\r\nBcc: y\r\n");
    assert_int_equal(message_mail(&mail, &out), OK);
    assert_null(memmem(out.data, out.len, "Bcc", 3));
    mail = mail_of("a@b.example", "\xff", "x");
    buf_reset(&out);
    assert_int_equal(message_mail(&mail, &out), ERR_INVALID);
    mail = mail_of("a@b.example", "x", "x");
    mail.host = span_str("id.example>\r\nX: y");
    assert_int_equal(message_mail(&mail, &out), ERR_INVALID);
    buf_free(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_mail_is_just_this),
        cmocka_unit_test(long_parts_are_folded),
        cmocka_unit_test(nothing_adds_a_header_or_a_recipient),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
