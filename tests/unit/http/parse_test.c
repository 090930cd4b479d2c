/* The pure parsers of http/: request head, form, cookies, language. */
#include "tests/unit/http/unit.h"

#include <stdio.h>

#include <stdlib.h>

#include "http/http_cookie.h"
#include "http/http_form.h"
#include "http/http_head.h"
#include "http/http_lang.h"
#include "http/http_multipart.h"
#include "store/base/limits.h"

#define GET "GET /oauth/jwks HTTP/1.1\r\n"
#define HOST "Host: a.test\r\n"

struct head_case {
    const char *raw;
    enum http_head_verdict verdict;
};

static const struct head_case heads[] = {
    {GET HOST "\r\n", HEAD_OK},
    {"GET / HTTP/1.0\r\n\r\n", HEAD_OK},
    {"POST /t HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhello", HEAD_OK},
    {GET HOST "X: \t a \t\r\n\r\n", HEAD_OK},
    {GET HOST "Content-Length: 5\r\nContent-Length: 5\r\n\r\n", HEAD_BAD},
    {GET HOST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", HEAD_BAD},
    {GET HOST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
     HEAD_BAD},
    {GET HOST "Transfer-Encoding: chunked\r\n\r\n", HEAD_CHUNKED},
    {GET HOST "transfer-encoding: xchunked\r\n\r\n", HEAD_BAD},
    {GET HOST "Transfer-Encoding:\x0b"
              "chunked\r\n\r\n",
     HEAD_BAD},
    {GET HOST "Transfer-Encoding: identity\r\n\r\n", HEAD_BAD},
    {GET HOST "Content-Length: +5\r\n\r\n", HEAD_BAD},
    {GET HOST "Content-Length: 5,5\r\n\r\n", HEAD_BAD},
    {GET HOST "Content-Length:\r\n\r\n", HEAD_BAD},
    {GET HOST "Content-Length : 5\r\n\r\n", HEAD_BAD},
    {GET HOST "X: a\n\r\n", HEAD_BAD},
    {GET HOST "X: a\r\n b\r\n\r\n", HEAD_BAD},
    {GET HOST "X: a\rb\r\n\r\n", HEAD_BAD},
    {GET HOST ": a\r\n\r\n", HEAD_BAD},
    {GET HOST "no colon\r\n\r\n", HEAD_BAD},
    {GET HOST "X: \x01\r\n\r\n", HEAD_BAD},
    {GET HOST "X: a\x7f\r\n\r\n", HEAD_BAD},
    {GET HOST HOST "\r\n", HEAD_BAD},
    {GET HOST "Authorization: Basic a\r\nauthorization: Basic b\r\n\r\n", HEAD_BAD},
    {GET "\r\n", HEAD_BAD},
    {"GET  / HTTP/1.1\r\n" HOST "\r\n", HEAD_BAD},
    {"GET /\x80 HTTP/1.1\r\n" HOST "\r\n", HEAD_BAD},
    {"GET / HTTP/1.1 \r\n" HOST "\r\n", HEAD_HTTP_VERSION},
    {"GET / HTTP/2.0\r\n" HOST "\r\n", HEAD_HTTP_VERSION},
    {"G@T / HTTP/1.1\r\n" HOST "\r\n", HEAD_BAD},
    {"\r\n" GET HOST "\r\n", HEAD_BAD},
    {GET HOST "X: cut", HEAD_BAD},
    {"", HEAD_BAD},
};

static void test_heads(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
        struct http_head head;
        const char *why = NULL;
        enum http_head_verdict got =
            http_head_check(span_str(heads[i].raw), &head, &why);
        if (got != heads[i].verdict) {
            fail_msg("head %zu: %d, not %d: %s", i, (int)got, (int)heads[i].verdict,
                     heads[i].raw);
        }
        assert_true(got == HEAD_OK || why != NULL);
    }
}

static void test_head_limits(void **state) {
    (void)state;
    static char raw[64 * 1024];
    struct http_head head;
    const char *why = NULL;
    size_t len = (size_t)snprintf(raw, sizeof(raw), GET HOST);
    for (int i = 0; i < LIMIT_HEADERS; i++) {
        len += (size_t)snprintf(raw + len, sizeof(raw) - len, "X%d: a\r\n", i);
    }
    len += (size_t)snprintf(raw + len, sizeof(raw) - len, "\r\n");
    assert_int_equal(http_head_check(span_of(raw, len), &head, &why),
                     HEAD_FIELDS_TOO_MANY);
    len = (size_t)snprintf(raw, sizeof(raw), "GET /%0*d HTTP/1.1\r\n" HOST "\r\n",
                           LIMIT_URL, 0);
    assert_int_equal(http_head_check(span_of(raw, len), &head, &why),
                     HEAD_URL_TOO_LONG);
    len = (size_t)snprintf(raw, sizeof(raw), GET HOST "Cookie: a=%0*d\r\n\r\n",
                           LIMIT_COOKIE, 0);
    assert_int_equal(http_head_check(span_of(raw, len), &head, &why),
                     HEAD_FIELDS_TOO_MANY);
}

static enum err parse_form(const char *text, struct arena *arena,
                           struct params *params) {
    const char *why = NULL;
    enum err err = http_form_parse(span_str(text), arena, params, &why);
    assert_true(err == OK || why != NULL);
    return err;
}

static void test_form(void **state) {
    (void)state;
    struct arena arena;
    struct params params;
    arena_init(&arena, 1024 * 1024);
    assert_int_equal(parse_form("a=1&b=%e3%81%82+x&&c&a=2&=v", &arena, &params), OK);
    bool twice = false;
    assert_true(span_is(params_get(&params, "a", &twice), "1"));
    assert_true(twice);
    assert_true(span_is(params_get(&params, "b", &twice), "\xe3\x81\x82 x"));
    assert_true(span_is(params_get(&params, "c", NULL), ""));
    assert_null(params_get(&params, "d", NULL).data);
    static const char *const bad[] = {"a=%",      "a=%4",     "a=%zz", "a=%00",
                                      "a=%ff%fe", "a=%c0%80", "%80=a", "a=%ed%a0%80"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(parse_form(bad[i], &arena, &params), ERR_INVALID);
    }
    static char many[4 * (LIMIT_FORM_FIELDS + 2)];
    size_t len = 0;
    for (int i = 0; i <= LIMIT_FORM_FIELDS; i++) {
        len += (size_t)snprintf(many + len, sizeof(many) - len, "a=&");
    }
    assert_int_equal(parse_form(many, &arena, &params), ERR_TOO_BIG);
    static char longer[LIMIT_FORM_VALUE + 8] = "a=";
    memset(longer + 2, 'x', LIMIT_FORM_VALUE + 1);
    assert_int_equal(parse_form(longer, &arena, &params), ERR_TOO_BIG);
    arena_close(&arena);
}

static void test_cookies(void **state) {
    (void)state;
    const struct {
        const char *header, *value;
    } cases[] = {
        {"s=abc", "abc"},
        {"a=1; s=abc; b=2", "abc"},
        {"s=abc; s=abd", ""},
        {"xs=abc", ""},
        {"s", ""},
        {"s=a\"b", ""},
        {"S=abc", ""},
        {"  s=abc  ", "abc"},
        {";;s=x;", "x"},
        {"s=a=b", "a=b"},
        {"", ""},
        {"s=a\x01", ""},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct span got = http_cookie_get(span_str(cases[i].header), "s");
        if (!span_is(got, cases[i].value)) {
            fail_msg("cookie %zu: %.*s", i, (int)got.len, (const char *)got.data);
        }
    }
    struct buf out;
    buf_init(&out, 256);
    http_cookie_write(COOKIE_SESSION, span_str("v"), -1, &out);
    assert_true(span_is(buf_span(&out), "__Host-tasuki_session=v; Path=/; Secure; "
                                        "HttpOnly; SameSite=Lax"));
    buf_free(&out);
}

static void test_languages(void **state) {
    (void)state;
    const struct {
        const char *header;
        enum http_lang lang;
    } cases[] = {
        {"", LANG_JA},
        {"en", LANG_EN},
        {"en-US,en;q=0.9,ja;q=0.8", LANG_EN},
        {"ja,en;q=0.9", LANG_JA},
        {"fr;q=1, en;q=0.5", LANG_EN},
        {"en;q=0", LANG_JA},
        {"en;q=0.5, ja;q=0.5", LANG_JA},
        {"en;q=9, ja", LANG_JA},
        {"english", LANG_JA},
        {"*", LANG_JA},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (http_lang_accept(span_str(cases[i].header)) != cases[i].lang) {
            fail_msg("language %zu: %s", i, cases[i].header);
        }
    }
    enum http_lang lang = LANG_JA;
    assert_true(http_lang_locales(span_str("fr en-GB ja"), &lang));
    assert_int_equal(lang, LANG_EN);
    assert_false(http_lang_locales(span_str("fr de"), &lang));
}

#define PART(name) "--b\r\nContent-Disposition: form-data; name=\"" name "\"\r\n\r\n"
#define FILE_PART "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.json\"\r\n\r\n"

static void test_multipart(void **state) {
    (void)state;
    static const struct {
        const char *body;
        enum err err;
        size_t fields;
        const char *file; /* NULL: none */
    } cases[] = {
        {PART("csrf") "x\r\n--b--\r\n", OK, 1, NULL},
        {PART("csrf") "x\r\n" FILE_PART "[1]\r\n--b--\r\n", OK, 1, "[1]"},
        {FILE_PART "\r\n--b--\r\n", OK, 0, ""},
        /* what a page sends on in a hidden field */
        {PART("confirm") "1\r\n" PART("file") "[2]\r\n--b--\r\n", OK, 1, "[2]"},
        {PART("file") "[1]\r\n" FILE_PART "[2]\r\n--b--\r\n", ERR_INVALID, 0, NULL},
        {FILE_PART "[1]\r\n" FILE_PART "[2]\r\n--b--\r\n", ERR_INVALID, 0, NULL},
        {PART("a") "\xff\r\n--b--\r\n", ERR_INVALID, 0, NULL},
        {PART("") "x\r\n--b--\r\n", ERR_INVALID, 0, NULL},
        {PART("a") "x\r\n--c--\r\n", ERR_INVALID, 0, NULL},
        {PART("a") "x", ERR_INVALID, 0, NULL},
        {"", ERR_INVALID, 0, NULL},
    };
    struct http_multipart_file file;
    struct params params;
    const char *why = NULL;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        enum err err = http_multipart_parse(span_str(cases[i].body), span_str("b"), &params,
                                            &file, &why);
        if (err != cases[i].err) {
            fail_msg("case %zu: %s", i, err_str(err));
        }
        if (err == OK) {
            assert_int_equal(params.count, cases[i].fields);
            assert_int_equal(file.name.len > 0, cases[i].file != NULL);
            assert_true(cases[i].file == NULL || span_is(file.bytes, cases[i].file));
        }
    }
}

/* A field is bounded; the file is not by that, in either of its forms. */
static void test_multipart_bounds(void **state) {
    (void)state;
    struct http_multipart_file file;
    struct params params;
    const char *why = NULL;

    for (int i = 0; i < 3; i++) {
        static const char *const begins[] = {PART("other"), PART("file"), FILE_PART};
        struct buf body;
        buf_init(&body, 4 * LIMIT_FORM_VALUE);
        buf_str(&body, begins[i]);
        for (size_t n = 0; n <= LIMIT_FORM_VALUE; n++) {
            buf_str(&body, "x");
        }
        buf_str(&body, "\r\n--b--\r\n");
        assert_int_equal(buf_err(&body), OK);
        assert_int_equal(
            http_multipart_parse(buf_span(&body), span_str("b"), &params, &file, &why),
            i == 0 ? ERR_TOO_BIG : OK);
        buf_free(&body);
    }
    assert_true(span_is(
        http_multipart_boundary(span_str("multipart/form-data; boundary=b-1; x=y")), "b-1"));
    assert_int_equal(http_multipart_boundary(span_str("text/plain; boundary=b")).len, 0);
    assert_int_equal(
        http_multipart_boundary(span_str("multipart/form-data; boundary=a b")).len, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_heads),     cmocka_unit_test(test_head_limits),
        cmocka_unit_test(test_form),      cmocka_unit_test(test_cookies),
        cmocka_unit_test(test_languages), cmocka_unit_test(test_multipart),
        cmocka_unit_test(test_multipart_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
