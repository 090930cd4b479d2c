/* Base code: buffers, arenas, codecs, secrets, logging. */
#include "tests/unit/store/unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "store/base/arena.h"
#include "store/base/buf.h"
#include "store/base/codec.h"
#include "store/base/log.h"
#include "store/base/port.h"
#include "store/base/secret.h"

static void assert_text(const struct buf *buf, const char *want) {
    assert_int_equal(buf->len, strlen(want));
    assert_memory_equal(buf->data, want, buf->len);
}

static void err_names_are_distinct(void **state) {
    (void)state;
    for (int a = OK; a <= ERR_CONFIG; a++) {
        for (int b = OK; b < a; b++) {
            assert_string_not_equal(err_str((enum err)a), err_str((enum err)b));
        }
    }
    assert_string_equal(err_str((enum err)9999), "unknown error");
}

static void buf_grows_to_its_cap_and_stays_bad(void **state) {
    struct buf buf;
    (void)state;

    buf_init(&buf, 1000);
    for (int i = 0; i < 1000; i++) {
        buf_put(&buf, "x", 1);
    }
    assert_ok(buf_err(&buf));
    buf_put(&buf, "y", 1);
    assert_err(buf_err(&buf), ERR_TOO_BIG);
    assert_int_equal(buf.len, 1000);
    buf_str(&buf, "");
    buf_printf(&buf, "%d", 7);
    assert_int_equal(buf.len, 1000);
    buf_reset(&buf);
    assert_ok(buf_err(&buf));
    buf_printf(&buf, "%0300d", 7);
    assert_int_equal(buf.len, 300);
    assert_int_equal(buf.data[299], '7');
    buf_put(&buf, "x", SIZE_MAX - 4);
    assert_err(buf_err(&buf), ERR_TOO_BIG);
    buf_free(&buf);
}

static void json_is_safe_inside_html(void **state) {
    struct buf buf;
    (void)state;

    buf_init(&buf, 4096);
    buf_json(&buf, span_of("</script>&'\"\\\n\x01\x7f", 16));
    assert_text(&buf,
                "\"\\u003c/script\\u003e\\u0026\\u0027\\\"\\\\\\n\\u0001\\u007f\"");
    buf_reset(&buf);
    buf_json(&buf, span_str("株式会社 \xe2\x80\xa8 \xf0\x9f\x8e\x8b"));
    assert_text(&buf, "\"株式会社 \\u2028 \xf0\x9f\x8e\x8b\"");
    buf_reset(&buf);
    buf_json(&buf, span_of("a\0b\xff\xc0\xaf\xed\xa0\x80z", 10));
    assert_text(&buf, "\"a\\u0000b\\ufffd\\ufffd\\ufffd\\ufffd\\ufffd\\ufffdz\"");
    buf_free(&buf);
}

static void json_members_are_separated(void **state) {
    struct buf buf;
    (void)state;

    buf_init(&buf, 4096);
    buf_str(&buf, "{");
    buf_json_member(&buf, "a", span_str("{"));
    buf_json_u64(&buf, "b", UINT64_MAX);
    buf_json_bool(&buf, "c", true);
    buf_str(&buf, "}");
    assert_text(&buf, "{\"a\":\"{\",\"b\":18446744073709551615,\"c\":true}");
    buf_free(&buf);
}

static void arena_is_zeroed_aligned_and_capped(void **state) {
    struct arena arena;
    (void)state;

    arena_init(&arena, 64 * 1024);
    for (int round = 0; round < 3; round++) {
        size_t got = 0;
        uint8_t *p;
        while ((p = arena_alloc(&arena, 1000)) != NULL) {
            assert_int_equal((uintptr_t)p % 16, 0);
            for (size_t i = 0; i < 1000; i++) {
                assert_int_equal(p[i], 0);
            }
            memset(p, 0xee, 1000);
            got++;
        }
        assert_int_equal(got, 64 * 1024 / 1008);
        arena_reset(&arena);
    }
    assert_null(arena_alloc(&arena, SIZE_MAX));
    assert_null(arena_alloc(&arena, 64 * 1024 + 1));
    assert_null(arena_strndup(&arena, "", SIZE_MAX));
    assert_non_null(arena_alloc(&arena, 0));
    assert_non_null(arena_alloc(&arena, 40 * 1024));
    assert_string_equal(arena_strndup(&arena, "abcdef", 3), "abc");
    assert_true(span_is(arena_dup(&arena, span_str("xyz")), "xyz"));
    assert_non_null(arena_dup(&arena, span_str("")).data);
    arena_close(&arena);
    assert_int_equal(arena.used, 0);
}

static void reader_never_runs_past_its_end(void **state) {
    static const uint8_t in[] = {1, 2, 0, 3, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 9};
    struct reader r = reader_of(span_of(in, sizeof in));
    (void)state;

    assert_int_equal(read_u8(&r), 1);
    assert_int_equal(read_u16(&r), 2);
    assert_int_equal(read_u32(&r), 3);
    assert_int_equal(read_u64(&r), 4);
    assert_int_equal(reader_left(&r), 1);
    assert_false(r.bad);
    assert_int_equal(read_u16(&r), 0);
    assert_true(r.bad);
    assert_int_equal(read_u8(&r), 0); /* though one byte is left */
    assert_null(read_bytes(&r, 1).data);
    r = reader_of(span_of(in, sizeof in));
    assert_null(read_bytes(&r, SIZE_MAX).data);
    assert_true(r.bad);
}

static void numbers_round_trip(void **state) {
    struct buf buf;
    struct reader r;
    (void)state;

    buf_init(&buf, 64);
    put_u8(&buf, 0xfe);
    put_u16(&buf, 0xfedc);
    put_u32(&buf, 0xfedcba98);
    put_u64(&buf, 0xfedcba9876543210);
    r = reader_of(buf_span(&buf));
    assert_int_equal(read_u8(&r), 0xfe);
    assert_int_equal(read_u16(&r), 0xfedc);
    assert_int_equal(read_u32(&r), 0xfedcba98);
    assert_int_equal(read_u64(&r), 0xfedcba9876543210);
    assert_false(r.bad);
    assert_int_equal(buf.data[1], 0xdc); /* little-endian */
    buf_free(&buf);
}

static void spans_round_trip(void **state) {
    uint8_t three[3] = {9, 9, 9};
    struct buf buf;
    struct reader r;
    (void)state;

    buf_init(&buf, 64);
    put_span(&buf, span_str("abc"));
    put_span(&buf, span_of(NULL, 0));
    put_u16(&buf, 4); /* and three follow */
    buf_put(&buf, "xyz", 3);
    r = reader_of(buf_span(&buf));
    assert_true(span_is(read_span(&r), "abc"));
    assert_null(read_span(&r).data);
    assert_false(r.bad);
    assert_null(read_span(&r).data);
    assert_true(r.bad);
    read_fixed(&r, three, sizeof three);
    assert_memory_equal(three, "\x09\x09\x09", 3);
    r = reader_of(span_str("xyz"));
    read_fixed(&r, three, sizeof three);
    assert_memory_equal(three, "xyz", 3);
    assert_false(r.bad);
    buf_free(&buf);
}

static void hex_is_exact(void **state) {
    uint8_t out[2] = {7, 7};
    char text[5];
    (void)state;

    hex_encode(span_of("\x0f\xa0", 2), text);
    assert_string_equal(text, "0fa0");
    assert_err(hex_decode(span_str("0fa"), out, 2), ERR_INVALID);
    assert_err(hex_decode(span_str("0fa000"), out, 2), ERR_INVALID);
    assert_err(hex_decode(span_str("0fag"), out, 2), ERR_INVALID);
    assert_int_equal(out[0], 7);
    assert_ok(hex_decode(span_str("0FA0"), out, 2));
    assert_memory_equal(out, "\x0f\xa0", 2);
}

static void base64url_is_strict(void **state) {
    static const char *const bad[] = {"A",  "A===", "QUI=", "Q+==", "Q/",   "QQ\n",
                                      "QR", "QUJ",  " QQ",  "Qé",   "QUJD="};
    uint8_t out[64];
    char text[64];
    size_t len;
    (void)state;

    for (size_t n = 0; n <= 40; n++) {
        uint8_t in[40];
        for (size_t i = 0; i < n; i++) {
            in[i] = (uint8_t)(i * 37 + n);
        }
        assert_int_equal(base64url_encode(span_of(in, n), text), base64url_len(n));
        assert_int_equal(strlen(text), base64url_len(n));
        assert_ok(base64url_decode(span_str(text), out, n, &len));
        assert_int_equal(len, n);
        assert_memory_equal(out, in, n);
        if (n > 0) {
            assert_err(base64url_decode(span_str(text), out, n - 1, &len), ERR_TOO_BIG);
        }
    }
    (void)base64url_encode(span_of("\xfb\xff", 2), text);
    assert_string_equal(text, "-_8"); /* RFC 4648 §5 */
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_err(base64url_decode(span_str(bad[i]), out, sizeof out, &len),
                   ERR_INVALID);
    }
}

static void utf8_is_strict(void **state) {
    static const char *const good[] = {
        "", "a", "é", "日本", "\xf4\x8f\xbf\xbf", "\xed\x9f\xbf"};
    static const char *const bad[] = {"\x80",
                                      "\xc0\x80",
                                      "\xc1\xbf",
                                      "\xe0\x9f\xbf",
                                      "\xed\xa0\x80",
                                      "\xf0\x8f\xbf\xbf",
                                      "\xf4\x90\x80\x80",
                                      "\xf5\x80\x80\x80",
                                      "\xe3\x81",
                                      "a\xff"};
    (void)state;

    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_true(utf8_valid(span_str(good[i])));
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(utf8_valid(span_str(bad[i])));
    }
    assert_false(utf8_valid(span_of("a\0b", 3)));
}

static void secrets_are_owned_and_compared(void **state) {
    struct secret secret = {NULL, 0};
    (void)state;

    assert_err(secret_new(span_str("abcd"), 3, &secret), ERR_TOO_BIG);
    assert_null(secret.data);
    assert_ok(secret_new(span_str("abcd"), 4, &secret));
    assert_int_equal(secret.data[4], 0);
    assert_true(secret_equal(span_of(secret.data, secret.len), span_str("abcd")));
    assert_false(secret_equal(span_of(secret.data, secret.len), span_str("abce")));
    assert_false(secret_equal(span_of(secret.data, secret.len), span_str("abc")));
    assert_true(secret_equal(span_str(""), span_of(NULL, 0)));
    secret_free(&secret);
    secret_free(&secret);
    assert_null(secret.data);
}

static void clock_and_randomness_work(void **state) {
    uint8_t a[32] = {0}, b[32] = {0};
    uint64_t before = port_system_clock.mono_ms(NULL);
    (void)state;

    port_system_random.fill(NULL, a, sizeof a);
    port_system_random.fill(NULL, b, sizeof b);
    assert_memory_not_equal(a, b, sizeof a);
    assert_true(port_system_clock.mono_ms(NULL) >= before);
    assert_true(port_system_clock.wall_ms(NULL) > 1700000000000);
}

/* What log_event prints, NUL-terminated. */
static void capture(void (*say)(void), char *out, size_t max) {
    int ends[2];
    int saved = dup(STDERR_FILENO);
    ssize_t len;

    assert_int_equal(pipe(ends), 0);
    assert_true(dup2(ends[1], STDERR_FILENO) >= 0);
    say();
    assert_true(dup2(saved, STDERR_FILENO) >= 0);
    close(saved);
    close(ends[1]);
    len = read(ends[0], out, max - 1);
    close(ends[0]);
    out[len > 0 ? len : 0] = '\0';
}

static void say_all(void) {
    log_event(LOG_DEBUG, "not.shown", log_end());
    log_event(LOG_WARN, "peer.refused", log_u64("peer", 3), log_i64("by", -5),
              log_bool("known", false), log_str("why", "a\nb\"<"),
              log_str("none", NULL), log_end());
}

static void say_long(void) {
    static char text[5000];
    for (size_t i = 0; i + 3 < sizeof text; i += 3) {
        memcpy(text + i, "\xe3\x81\x82", 4);
    }
    log_event(LOG_ERROR, "long", log_str("text", text), log_end());
}

static void a_log_event_is_one_json_line(void **state) {
    char out[8192];
    char *at;
    (void)state;

    log_init(LOG_INFO, 2);
    capture(say_all, out, sizeof out);
    assert_memory_equal(out, "{\"time\":\"20", 11);
    at = strchr(out, '\n');
    assert_non_null(at);
    assert_int_equal(at[1], '\0');
    assert_non_null(
        strstr(out, "Z\",\"level\":\"warn\",\"node\":2,\"event\":\"peer.refused\","
                    "\"peer\":3,\"by\":-5,\"known\":false,"
                    "\"why\":\"a\\nb\\\"\\u003c\",\"none\":\"\"}\n"));
    capture(say_long, out, sizeof out);
    assert_true(strlen(out) < 1200);
    assert_null(strstr(out, "ufffd")); /* cut between characters */
    assert_non_null(strstr(out, "\xe3\x81\x82\"}\n"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(err_names_are_distinct),
        cmocka_unit_test(buf_grows_to_its_cap_and_stays_bad),
        cmocka_unit_test(json_is_safe_inside_html),
        cmocka_unit_test(json_members_are_separated),
        cmocka_unit_test(arena_is_zeroed_aligned_and_capped),
        cmocka_unit_test(reader_never_runs_past_its_end),
        cmocka_unit_test(numbers_round_trip),
        cmocka_unit_test(spans_round_trip),
        cmocka_unit_test(hex_is_exact),
        cmocka_unit_test(base64url_is_strict),
        cmocka_unit_test(utf8_is_strict),
        cmocka_unit_test(secrets_are_owned_and_compared),
        cmocka_unit_test(clock_and_randomness_work),
        cmocka_unit_test(a_log_event_is_one_json_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
