#include "tests/unit/server/unit.h"

#include "server/oidc/redirect_uri.h"
#include "store/base/limits.h"

static void accepts_registrations(void **state) {
    static const struct {
        const char *uri;
        bool native;
    } good[] = {
        {"https://rp.example", false},
        {"https://rp.example/", false},
        {"https://rp.example/cb", false},
        {"https://rp.example:8443/cb", false},
        {"https://rp.example/cb?tenant=1&x=%E3%81%82", false},
        {"https://rp.example?x=1", false},
        {"https://192.0.2.7/cb", false},
        {"https://[2001:db8::1]:8443/cb", false},
        {"https://xn--wgv71a119e.example/cb", false},
        {"https://rp.example/a.b/..c/d..", false},
        {"https://rp.example/cb?next=/a/../b", false},
        {"http://127.0.0.1/cb", true},
        {"http://127.0.0.1:51004/cb", true},
        {"http://[::1]:51004/cb", true},
        {"https://rp.example/cb", true},
    };
    const char *why;

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        if (!redirect_uri_check(span_str(good[i].uri), good[i].native, &why))
            fail_msg("%s: %s", good[i].uri, why);
}

static const struct {
    const char *uri;
    bool native;
} bad_registrations[] = {
    {"", false},
    {"rp.example/cb", false},
    {"//rp.example/cb", false},
    {"javascript:alert(1)", false},
    {"data:text/html,x", false},
    {"com.example.app:/cb", true},
    {"http://rp.example/cb", false},
    {"http://127.0.0.1/cb", false},
    {"http://localhost:8080/cb", true},
    {"http://127.0.0.1.evil.test/cb", true},
    {"http://127.0.0.2/cb", true},
    {"http://0x7f.1/cb", true},
    {"http://[::ffff:127.0.0.1]/cb", true},
    {"HTTPS://rp.example/cb", false},
    {"https://RP.example/cb", false},
    {"https://rp.example./cb", false},
    {"https://rp..example/cb", false},
    {"https://-rp.example/cb", false},
    {"https://rp-.example/cb", false},
    {"https://rp_x.example/cb", false},
    {"https:///cb", false},
    {"https://?x", false},
    {"https://:8443/cb", false},
    {"https://user@rp.example/cb", false},
    {"https://user:pass@rp.example/cb", false},
    {"https://rp.example@evil.test/cb", false},
    {"https://rp.example#f", false},
    {"https://rp.example/cb#", false},
    {"https://rp.example\\@evil.test/cb", false},
    {"https://rp.example/c\\b", false},
    {"https://*.example/cb", false},
    {"https://rp.example/*", false},
    {"https://rp.example:443/cb", false},
    {"http://127.0.0.1:80/cb", true},
    {"https://rp.example:/cb", false},
    {"https://rp.example:0/cb", false},
    {"https://rp.example:0443/cb", false},
    {"https://rp.example:65536/cb", false},
    {"https://rp.example:8443x/cb", false},
    {"https://[2001:db8::1/cb", false},
    {"https://[2001:db8::1]x/cb", false},
    {"https://[]/cb", false},
    {"https://[::g]/cb", false},
    {"https://rp.example/../cb", false},
    {"https://rp.example/a/./cb", false},
    {"https://rp.example/a/..", false},
    {"https://rp.example/a/..?x=1", false},
    {"https://rp.example/%2e%2e/cb", false},
    {"https://rp.example/a%2Fb", false},
    {"https://rp.example/a%5cb", false},
    {"https://rp.example/a%00", false},
    {"https://rp.example/a%0d%0aLocation:x", false},
    {"https://rp.example/a%", false},
    {"https://rp.example/a%2", false},
    {"https://rp.example/a%zz", false},
    {"https://rp.example/c b", false},
    {"https://rp.example/cb\n", false},
    {"https://rp.example/\tcb", false},
    {"https://rp.example/<cb>", false},
    {"https://rp.example/\"cb", false},
    {"https://r\xd1\x80.example/cb", false},
    {"https://rp.example/\xe3\x81\x82", false},
};

static void refuses_registrations(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof(bad_registrations) / sizeof(bad_registrations[0]);
         i++) {
        const char *why = NULL;

        if (redirect_uri_check(span_str(bad_registrations[i].uri),
                               bad_registrations[i].native, &why))
            fail_msg("accepted: %s", bad_registrations[i].uri);
        assert_non_null(why);
    }
}

static void bounds_registrations(void **state) {
    char uri[LIMIT_REDIRECT_URI + 2];
    const char *why = NULL;

    (void)state;
    memset(uri, 'a', sizeof(uri));
    memcpy(uri, "https://rp.example/", 19);
    assert_true(redirect_uri_check(span_of(uri, LIMIT_REDIRECT_URI), false, &why));
    assert_false(redirect_uri_check(span_of(uri, LIMIT_REDIRECT_URI + 1), false, &why));
    /* A NUL inside is no end. */
    assert_false(
        redirect_uri_check(span_of("https://rp.example/\0x", 21), false, &why));
}

/* SECURITY: a table of look-alikes of https://rp.example/cb. */
static void matches_exactly(void **state) {
    static const char *const registered[] = {"https://rp.example/cb",
                                             "https://rp.example/q?a=1"};
    static const char *const bad[] = {
        "https://rp.example/cb/",
        "https://rp.example/cb/x",
        "https://rp.example/cb/../x",
        "https://rp.example/cb//x",
        "https://rp.example//cb",
        "https://rp.example/cb?",
        "https://rp.example/cb?x=1",
        "https://rp.example/cb#",
        "https://rp.example/cb#f",
        "https://rp.example/%63b",
        "https://rp.example/%2e%2e/cb",
        "https://rp.example/./cb",
        "https://rp.example/CB",
        "https://rp.example/cb%00",
        "https://rp.example/cb%20",
        "https://rp.example/cb;x",
        "https://rp.example/cb\\",
        "https://rp.example/cb\r\n",
        "https://rp.example/cb\t",
        " https://rp.example/cb",
        "https://rp.example/cb ",
        "https://RP.example/cb",
        "HTTPS://rp.example/cb",
        "http://rp.example/cb",
        "https://rp.example:443/cb",
        "https://rp.example:8443/cb",
        "https://rp@evil.test/cb",
        "https://rp.example@evil.test/cb",
        "https://rp.example\\@evil.test/cb",
        "https://rp.example.evil.test/cb",
        "https://rp.example./cb",
        "https://evil.test/https://rp.example/cb",
        "https://r\xd1\x80.example/cb",
        "https://xn--r-otb.example/cb",
        "https://rp.example\xe3\x80\x82test/cb",
        "//rp.example/cb",
        "/cb",
        "https:rp.example/cb",
        "https:///rp.example/cb",
        "https://rp.example/q?a=1&b=2",
        "https://rp.example/q",
        "https://rp.example/q?a=2",
        "javascript://rp.example/cb",
        "",
    };
    struct oidc_client client = {.redirect_uris = registered, .redirect_uris_count = 2};

    (void)state;
    for (int native = 0; native < 2; native++) {
        client.native = native;
        assert_true(redirect_uri_registered(&client, span_str(registered[0])));
        assert_true(redirect_uri_registered(&client, span_str(registered[1])));
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
            if (redirect_uri_registered(&client, span_str(bad[i])))
                fail_msg("matched: %s", bad[i]);
        assert_false(
            redirect_uri_registered(&client, span_of("https://rp.example/cb\0", 22)));
    }
}

static void native_loopback_takes_any_port(void **state) {
    static const char *const registered[] = {
        "http://127.0.0.1/cb", "http://[::1]:5000/cb?x=1", "https://app.example/cb"};
    static const char *const good[] = {
        "http://127.0.0.1/cb", "http://127.0.0.1:1/cb", "http://127.0.0.1:65535/cb",
        "http://[::1]/cb?x=1", "http://[::1]:49152/cb?x=1"};
    static const char *const bad[] = {
        "http://localhost:5000/cb",    "http://127.0.0.1.evil.test/cb",
        "http://127.0.0.1:5000/cb2",   "http://127.0.0.1:5000/cb?x=1",
        "http://127.0.0.1:5000",       "http://127.0.0.1:65536/cb",
        "http://127.0.0.1:/cb",        "http://127.0.0.1:05000/cb",
        "http://127.0.0.1:5000/cb#f",  "http://127.0.0.1:5000@evil.test/cb",
        "http://u@127.0.0.1:5000/cb",  "https://127.0.0.1:5000/cb",
        "http://127.1:5000/cb",        "http://2130706433:5000/cb",
        "http://[::1]:5000/cb",        "http://[::0001]:5000/cb?x=1",
        "https://app.example:5000/cb", "http://127.0.0.1:5000/x/../cb",
        "http://127.0.0.1:5000/%63b",
    };
    struct oidc_client client = {
        .native = true, .redirect_uris = registered, .redirect_uris_count = 3};

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        if (!redirect_uri_registered(&client, span_str(good[i])))
            fail_msg("not matched: %s", good[i]);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        if (redirect_uri_registered(&client, span_str(bad[i])))
            fail_msg("matched: %s", bad[i]);
    client.native = false; /* then the port is exact, too */
    assert_true(redirect_uri_registered(&client, span_str("http://127.0.0.1/cb")));
    assert_false(redirect_uri_registered(&client, span_str("http://127.0.0.1:1/cb")));
}

static void builds_responses(void **state) {
    struct span origin, host;
    struct buf out;
    char separator;

    (void)state;
    buf_init(&out, 4096);
    redirect_uri_begin(span_str("https://rp.example:8443/cb?a=1"), &out, &separator);
    redirect_uri_param(&out, &separator, "code", span_str("abc-._~"));
    redirect_uri_param(&out, &separator, "state",
                       span_str("\"><script>\r\n&=% +\xe3\x81\x82"));
    assert_int_equal(buf_err(&out), OK);
    assert_span(
        buf_span(&out),
        "https://rp.example:8443/cb?a=1&code=abc-._~&state=%22%3E%3Cscript%3E%0D"
        "%0A%26%3D%25%20%2B%E3%81%82");
    buf_reset(&out);
    redirect_uri_begin(span_str("https://rp.example/cb"), &out, &separator);
    redirect_uri_param(&out, &separator, "error", span_str("access_denied"));
    assert_span(buf_span(&out), "https://rp.example/cb?error=access_denied");
    buf_free(&out);

    redirect_uri_origin(span_str("https://rp.example:8443/cb?a=1"), &origin, &host);
    assert_span(origin, "https://rp.example:8443");
    assert_span(host, "rp.example:8443");
    redirect_uri_origin(span_str("http://[::1]:5000?x"), &origin, &host);
    assert_span(origin, "http://[::1]:5000");
    assert_span(host, "[::1]:5000");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepts_registrations),
        cmocka_unit_test(refuses_registrations),
        cmocka_unit_test(bounds_registrations),
        cmocka_unit_test(matches_exactly),
        cmocka_unit_test(native_loopback_takes_any_port),
        cmocka_unit_test(builds_responses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
