/* Pages: every page renders in both languages, and shows nothing unescaped. */
#include "tests/unit/http/unit.h"

#include <stdlib.h>
#include <string.h>

#include "http/http_page.h"

static char *render(enum http_page page, enum http_lang lang,
                    struct http_page_data *data) {
    struct buf out;
    buf_init(&out, 256 * 1024);
    assert_int_equal(http_page_render(page, lang, "demo", data, &out), OK);
    char *text = strndup((const char *)out.data, out.len);
    buf_free(&out);
    http_page_data_free(data);
    return text;
}

static void test_all_render(void **state) {
    (void)state;
    for (int page = 0; page < PAGES; page++) {
        for (int lang = 0; lang < LANGS; lang++) {
            struct http_page_data *data = http_page_data_new();
            http_page_set_bool(data, "refused", true);
            http_page_set_bool(data, "ask", true);
            http_page_set_bool(data, "is_home", true);
            char *html = render((enum http_page)page, (enum http_lang)lang, data);
            assert_non_null(strstr(html, lang == LANG_JA ? "<html lang=\"ja\">"
                                                         : "<html lang=\"en\">"));
            assert_non_null(strstr(html, "<h1>"));
            assert_null(strstr(html, "<h1></h1>"));
            char *script = strstr(html, "<script");
            if (page == PAGE_POST) {
                assert_non_null(strstr(script, "<script>document.forms[0].submit()"));
            } else if (http_page_has_script((enum http_page)page)) {
                /* One file of ours, and nothing in the page itself. */
                assert_non_null(strstr(script, page == PAGE_APPLY
                                               ? "<script src=\"/assets/apply-"
                                               : "<script src=\"/assets/factor-"));
                assert_null(strstr(script + 1, "<script"));
            } else {
                assert_null(script);
            }
            assert_null(strstr(html, "{{"));
            free(html);
        }
    }
}

static void test_escaping(void **state) {
    (void)state;
    struct http_page_data *data = http_page_data_new();
    http_page_set(data, "client_name", span_str("\"><script>alert(1)</script>&{{x}}"));
    http_page_set(data, "account_id", span_str("\" onfocus=\"x"));
    char *html = render(PAGE_LOGIN, LANG_EN, data);
    assert_null(strstr(html, "<script>"));
    assert_null(strstr(html, "value=\"\" onfocus"));
    assert_non_null(strstr(html, "&lt;script&gt;"));
    free(html);
}

static void test_deceptive_characters_go(void **state) {
    (void)state;
    struct http_page_data *data = http_page_data_new();
    /* A right-to-left override, a zero-width space, an Arabic letter mark, a Hangul
     * filler, a tag, a newline, a broken end. */
    http_page_set(data, "client_name",
                  span_str("evil\xe2\x80\xae"
                           "knab\xe2\x80\x8b\xd8\x9c\xe3\x85\xa4\xf3\xa0\x81\x81"
                           "x\ny\xe3\x81"));
    char *html = render(PAGE_CONSENT, LANG_JA, data);
    assert_non_null(strstr(html, "evilknabxy<"));
    free(html);
}

static void test_messages_and_switch(void **state) {
    (void)state;
    struct http_page_data *data = http_page_data_new();
    http_page_set_bool(data, "has_notice", true);
    http_page_add_message(data, "notices", LANG_EN, "notice_locked");
    http_page_add_message(data, "notices", LANG_EN, "notice_limited");
    http_page_set_bool(data, "switch", true);
    http_page_set(data, "switch_ja", span_str("/?ui=ja"));
    char *html = render(PAGE_LOGIN, LANG_EN, data);
    assert_non_null(strstr(html, "Sign-in is paused"));
    assert_non_null(strstr(html, "Too many attempts"));
    assert_non_null(strstr(html, "role=\"alert\""));
    assert_non_null(strstr(html, "href=\"/?ui=ja\""));
    free(html);
}

static void test_style(void **state) {
    (void)state;
    assert_memory_equal(http_page_style_path(), "/assets/style-", 14);
    assert_true(http_page_style().len > 1000);
}

static int setup(void **state) {
    (void)state;
    return http_page_init() == OK ? 0 : -1;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_render),
        cmocka_unit_test(test_escaping),
        cmocka_unit_test(test_deceptive_characters_go),
        cmocka_unit_test(test_messages_and_switch),
        cmocka_unit_test(test_style),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
