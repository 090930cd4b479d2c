/* The HTTP server over real sockets and TLS, with doubles of the services. */
#include <stdbool.h>

#include "tests/unit/http/unit.h"

#include <arpa/inet.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http/http_server.h"
#include "server/svc_metrics.h"
#include "tests/unit/http/certs.h"
#include "tests/unit/http/doubles.h"

#define CLUSTER "00000000000000000000000000000000"
#define HOST "Host: id.test\r\n"
#define FORM "Content-Type: application/x-www-form-urlencoded\r\n"
#define LAST "Connection: close\r\n"

static char folder[] = "/tmp/tasuki-http-XXXXXX";
static struct config config;
static struct svc_shared shared;
static struct svc_counters counters;
static struct http_server *server;
static char response[256 * 1024];

/* A port that was free a moment ago. */
static void choose_port(char address[64]) {
    struct sockaddr_in in = {.sin_family = AF_INET,
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(in);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&in, sizeof(in)), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&in, &len), 0);
    close(fd);
    snprintf(address, 64, "127.0.0.1:%u", ntohs(in.sin_port));
}

static SSL *dial(const char *address, SSL_CTX *ctx, int receive_buffer) {
    struct sockaddr_in in = {.sin_family = AF_INET,
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    in.sin_port = htons((uint16_t)strtoul(strchr(address, ':') + 1, NULL, 10));
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (receive_buffer > 0) {
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof(receive_buffer));
    }
    assert_int_equal(connect(fd, (struct sockaddr *)&in, sizeof(in)), 0);
    struct timeval limit = {.tv_sec = 20};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    SSL *ssl = SSL_new(ctx);
    SSL_set_fd(ssl, fd);
    return ssl;
}

static void hang_up(SSL *ssl) {
    int fd = SSL_get_fd(ssl);
    SSL_free(ssl);
    close(fd);
}

/* Send, and read until the server closes. In TLS 1.3 a refused certificate shows at
 * the first read. Returns false then, or when the handshake fails. */
static bool exchange_by(const char *address, SSL_CTX *ctx, const char *request) {
    SSL *ssl = dial(address, ctx, 0);
    size_t len = 0;
    response[0] = '\0';
    if (SSL_connect(ssl) == 1) {
        SSL_write(ssl, request, (int)strlen(request));
        int n;
        while ((n = SSL_read(ssl, response + len, (int)(sizeof(response) - 1 - len))) >
               0) {
            len += (size_t)n;
        }
        response[len] = '\0';
    }
    hang_up(ssl);
    return len > 0;
}

static void exchange(const char *request) {
    SSL_CTX *ctx = certs_client(NULL, false);
    assert_true(exchange_by(config.http.address, ctx, request));
    SSL_CTX_free(ctx);
}

static int status(void) {
    assert_memory_equal(response, "HTTP/1.1 ", 9);
    return (int)strtol(response + 9, NULL, 10);
}

static unsigned responses(void) {
    unsigned count = 0;
    for (const char *p = response; (p = strstr(p, "HTTP/1.1 ")) != NULL; p++) {
        count++;
    }
    return count;
}

static bool has(const char *text) {
    return strcasestr(response, text) != NULL;
}

/* First of all tests: no request before has set anything. */
static void test_first_request_is_refused_in_a_language(void **state) {
    (void)state;
    exchange("GET /?a=% HTTP/1.1\r\n" HOST LAST "\r\n");
    assert_int_equal(status(), 400);
    assert_true(has("<html lang=\"ja\">"));
    exchange("GET /oauth/authorize?a=%zz HTTP/1.1\r\n" HOST LAST
             "Accept-Language: en\r\n\r\n");
    assert_int_equal(status(), 400);
    assert_true(has("<html lang=\"en\">"));
}

static void test_refused_heads_end_the_connection(void **state) {
    (void)state;
    static const struct {
        const char *head;
        int status;
    } cases[] = {
        {"POST /oauth/token HTTP/1.1\r\n" HOST
         "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
         400},
        {"POST /oauth/token HTTP/1.1\r\n" HOST
         "Content-Length: 0\r\nContent-Length: 5\r\n\r\n",
         400},
        {"POST /oauth/token HTTP/1.1\r\n" HOST
         "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
         411},
        {"POST /oauth/token HTTP/1.1\r\n" HOST "Content-Length: 70000\r\n\r\n", 413},
        {"GET /health HTTP/1.1\r\n" HOST "X: a\n\r\n", 400},
        {"GET /health HTTP/1.1\r\n" HOST "X: a\r\n b\r\n\r\n", 400},
        {"GET /health HTTP/1.1\r\n" HOST HOST "\r\n", 400},
        {"GET /health HTTP/1.1\r\n\r\n", 400},
        {"GET health HTTP/1.1\r\n" HOST "\r\n", 400},
        {"GET /health HTTP/1.1\r\nHost: other.test\r\n\r\n", 421},
        {"GET /health HTTP/1.1\r\nHost: id.test:80a\r\n\r\n", 421},
        {"GET https://other.test/health HTTP/1.1\r\n" HOST "\r\n", 421},
        {"GET /health HTTP/1.0\r\n\r\n", 421},
        {"GET /nothing HTTP/1.1\r\n" HOST "Content-Length: x\r\n\r\n", 400},
        {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char request[1024];
        snprintf(request, sizeof(request), "%sGET /health HTTP/1.1\r\n" HOST "\r\n",
                 cases[i].head);
        exchange(request);
        if (status() != cases[i].status || responses() != 1) {
            fail_msg("case %zu: %u responses: %s", i, responses(), response);
        }
    }
}

static void test_hosts_and_targets(void **state) {
    (void)state;
    static const char *const good[] = {
        "GET /health HTTP/1.1\r\nHost: ID.test:8443\r\n" LAST "\r\n",
        "GET https://id.test/health?x=1 HTTP/1.1\r\nHost: other.test\r\n" LAST "\r\n",
        "GET /health HTTP/1.0\r\n" HOST "\r\n",
    };
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        exchange(good[i]);
        assert_int_equal(status(), 200);
        assert_true(has("\r\n\r\nok\n"));
    }
    static const char *const bad[] = {
        "//health", "/./health",  "/x/../health", "/healt%68",  "/health;x", "/health/",
        "/HEALTH",  "/v1/status", "/metrics",     "/health%00", "/assets/x"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        char request[256];
        snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\n" HOST LAST "\r\n",
                 bad[i]);
        exchange(request);
        assert_int_equal(status(), 404);
        assert_false(has("<html"));
    }
    exchange("GET /nothing?x=%zz HTTP/1.1\r\n" HOST LAST
             "Accept: text/html,*/*\r\nAccept-Language: en\r\n\r\n");
    assert_int_equal(status(), 404);
    assert_true(has("<h1>Page not found</h1>"));
    assert_true(has("frame-ancestors 'none'"));
}

static void test_methods(void **state) {
    (void)state;
    exchange("GET /oauth/token HTTP/1.1\r\n" HOST LAST "\r\n");
    assert_int_equal(status(), 405);
    assert_true(has("\r\nallow: POST\r\n"));
    exchange("DELETE /oauth/userinfo HTTP/1.1\r\n" HOST LAST "\r\n");
    assert_true(has("\r\nallow: GET, HEAD, POST\r\n"));
    exchange("HEAD /oauth/.well-known/openid-configuration HTTP/1.1\r\n" HOST LAST
             "\r\n");
    assert_int_equal(status(), 200);
    assert_true(has("\r\ncontent-length: "));
    assert_true(has("\r\ncache-control: public, max-age=300\r\n"));
    assert_false(has("issuer"));
}

static void test_doors(void **state) {
    (void)state;
    static const char request[] = "GET /v1/status HTTP/1.1\r\nHost: x\r\n" LAST "\r\n";
    static const struct {
        const char *uri;
        bool foreign, taken;
    } cases[] = {
        {NULL, false, false},
        {"tasuki://" CLUSTER "/balancer", false, false},
        {"tasuki://" CLUSTER "/operator2", false, false},
        {"tasuki://10000000000000000000000000000000/operator", false, false},
        {"tasuki://" CLUSTER "/operator", true, false},
        {"tasuki://" CLUSTER "/operator", false, true},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        SSL_CTX *ctx = certs_client(cases[i].uri, cases[i].foreign);
        bool taken = exchange_by(config.operator_.address, ctx, request);
        SSL_CTX_free(ctx);
        if (taken != cases[i].taken) {
            fail_msg("certificate %zu: %s", i, response);
        }
    }
    assert_true(has("{\"admin\":true}"));
    SSL_CTX *ctx = certs_client("tasuki://" CLUSTER "/operator", false);
    assert_true(exchange_by(config.operator_.address, ctx,
                            "GET /oauth/jwks HTTP/1.1\r\nHost: x\r\n" LAST "\r\n"));
    assert_int_equal(status(), 404);
    SSL_CTX_free(ctx);
}

#define LOGIN(headers, length, body)                                                   \
    "POST /oauth/login HTTP/1.1\r\n" HOST LAST FORM headers "Content-Length: " length  \
    "\r\n\r\n" body

static void test_client_address(void **state) {
    (void)state;
    SSL_CTX *ctx = certs_client("tasuki://" CLUSTER "/balancer", false);
    static const struct {
        const char *request, *address;
    } cases[] = {
        {LOGIN("X-Forwarded-For: 198.51.100.1, 192.0.2.7\r\n", "0", ""), "192.0.2.7"},
        {LOGIN("X-Forwarded-For: 198.51.100.1\r\nX-Forwarded-For: 192.0.2.8\r\n", "0",
               ""),
         "192.0.2.8"},
        {LOGIN("X-Forwarded-For: 2001:db8::1\r\n", "0", ""), "2001:db8::1"},
        {LOGIN("X-Forwarded-For: not an address\r\n", "0", ""), "127.0.0.1"},
        {LOGIN("", "0", ""), "127.0.0.1"},
    };
    answer.login.kind = LOGIN_REFUSED;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_true(exchange_by(config.balancer.address, ctx, cases[i].request));
        assert_int_equal(status(), 400);
        assert_string_equal(asked.client_address, cases[i].address);
    }
    exchange(cases[0].request);
    assert_string_equal(asked.client_address, "127.0.0.1");
    SSL_CTX_free(ctx);
}

static void test_forms_of_other_sites(void **state) {
    (void)state;
    answer.login.kind = LOGIN_REFUSED;
    static const struct {
        const char *request;
        int status;
    } cases[] = {
        {LOGIN("Sec-Fetch-Site: cross-site\r\n", "0", ""), 403},
        {LOGIN("Sec-Fetch-Site: same-site\r\n", "0", ""), 403},
        {LOGIN("Origin: https://evil.test\r\n", "0", ""), 403},
        {LOGIN("Origin: http://id.test\r\n", "0", ""), 403},
        {LOGIN("Origin: https://id.test.evil\r\n", "0", ""), 403},
        {LOGIN("Origin: https://id.test\r\n", "0", ""), 400},
        {LOGIN("Sec-Fetch-Site: same-origin\r\nOrigin: null\r\n", "0", ""), 400},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        exchange(cases[i].request);
        if (status() != cases[i].status) {
            fail_msg("case %zu: %s", i, response);
        }
    }
}

static void test_sign_in(void **state) {
    (void)state;
    answer.login.kind = LOGIN_CONTINUE;
    answer.login.next.set_session_cookie = span_str("sealed");
    answer.login.next.kind = AUTHORIZE_REDIRECT;
    answer.login.next.location = span_str("https://rp.test/cb?code=x");
    exchange(LOGIN("", "16", "password=a%20b+c"));
    assert_int_equal(status(), 303);
    assert_string_equal(asked.password, "a b c");
    assert_true(has("\r\nlocation: https://rp.test/cb?code=x\r\n"));
    assert_true(has("\r\nset-cookie: __Host-tasuki_session=sealed; Path=/; Secure; "
                    "HttpOnly; SameSite=Lax\r\n"));
    assert_true(has("\r\ncache-control: no-store\r\n"));
    /* A page that answers a form speaks the language that the form was shown in. */
    answer.login.kind = LOGIN_AGAIN;
    answer.login.next.notice = NOTICE_BAD_CREDENTIALS;
    answer.login.next.set_session_cookie = span_of("", 0);
    answer.login.next.kind = AUTHORIZE_LOGIN;
    answer.login.next.redirect_origin = span_str("https://rp.test");
    exchange(LOGIN("Accept-Language: ja\r\n", "13", "ui_locales=en"));
    assert_int_equal(status(), 200);
    assert_true(has("<html lang=\"en\">"));
    assert_true(has("name=\"ui_locales\" value=\"en\""));
    assert_true(has("role=\"alert\""));
    assert_true(has("form-action 'self' https://rp.test; frame-ancestors 'none'"));
    assert_true(has("\r\nx-frame-options: DENY\r\n"));
    assert_true(has("\r\nreferrer-policy: no-referrer\r\n"));
    memset(&answer, 0, sizeof(answer));
}

static void test_cookies(void **state) {
    (void)state;
    answer.authorize.kind = AUTHORIZE_REFUSED;
    answer.authorize.refusal = OIDC_INVALID_REQUEST;
    answer.authorize.description = "client_id is missing";
    exchange("GET /oauth/authorize HTTP/1.1\r\n" HOST LAST
             "Cookie: a=b; __Host-tasuki_session=one\r\n\r\n");
    assert_int_equal(status(), 400);
    assert_string_equal(asked.session_cookie, "one");
    exchange("GET /oauth/authorize HTTP/1.1\r\n" HOST LAST
             "Cookie: __Host-tasuki_session=one; __Host-tasuki_session=two\r\n\r\n");
    assert_string_equal(asked.session_cookie, "");
    exchange("GET /oauth/authorize HTTP/1.1\r\n" HOST LAST
             "Cookie: __Host-tasuki_session=one\r\nCookie: a=b\r\n\r\n");
    assert_string_equal(asked.session_cookie, "");
    memset(&answer, 0, sizeof(answer));
}

#define TOKEN                                                                          \
    "POST /oauth/token HTTP/1.1\r\n" HOST LAST FORM "Content-Length: 0\r\n\r\n"
#define USERINFO "GET /oauth/userinfo HTTP/1.1\r\n" HOST LAST "\r\n"

static void test_errors_of_the_protocol(void **state) {
    (void)state;
    answer.token.refusal.error = OIDC_INVALID_CLIENT;
    answer.token.refusal.challenge_basic = true;
    exchange(TOKEN);
    assert_int_equal(status(), 401);
    assert_true(has("\r\nwww-authenticate: Basic realm="));
    assert_true(has("{\"error\":\"invalid_client\"}"));
    answer.token.refusal.error = OIDC_INVALID_GRANT;
    exchange(TOKEN);
    assert_int_equal(status(), 400);
    assert_false(has("\r\nwww-authenticate"));
    answer.token.op.err = ERR_NO_LEADER;
    exchange(TOKEN);
    assert_int_equal(status(), 503);
    assert_true(has("\r\nretry-after: 1\r\n"));
    exchange("POST /oauth/token HTTP/1.1\r\n" HOST LAST
             "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}");
    assert_int_equal(status(), 400);
    assert_true(has("\"error\":\"invalid_request\""));
    exchange("GET /oauth/jwks HTTP/1.1\r\n" HOST LAST "\r\n");
    assert_int_equal(status(), 503);
    memset(&answer, 0, sizeof(answer));
}

static void test_errors_of_userinfo(void **state) {
    (void)state;
    answer.userinfo.error = OIDC_INVALID_TOKEN;
    answer.userinfo.token_missing = true;
    exchange(USERINFO);
    assert_int_equal(status(), 401);
    assert_true(has("\r\nwww-authenticate: Bearer realm=\"tasuki\"\r\n"));
    answer.userinfo.token_missing = false;
    exchange(USERINFO);
    assert_true(has("error=\"invalid_token\""));
    answer.userinfo.error = OIDC_INSUFFICIENT_SCOPE;
    exchange(USERINFO);
    assert_int_equal(status(), 403);
    assert_true(has("scope=\"openid\""));
    memset(&answer, 0, sizeof(answer));
    exchange("GET /oauth/userinfo?access_token=x HTTP/1.1\r\n" HOST LAST "\r\n");
    assert_int_equal(status(), 400);
}

static void test_answers_from_other_threads(void **state) {
    (void)state;
    answer.userinfo.body = span_str("{\"sub\":\"1\"}");
    answer.later_ms = 50;
    exchange(USERINFO);
    assert_int_equal(status(), 200);
    assert_true(has("{\"sub\":\"1\"}"));
    /* Clients that are gone when their answer comes. */
    unsigned before = atomic_load(&asked.userinfos_done);
    answer.later_ms = 200;
    SSL_CTX *ctx = certs_client(NULL, false);
    for (int i = 0; i < 20; i++) {
        SSL *ssl = dial(config.http.address, ctx, 0);
        assert_int_equal(SSL_connect(ssl), 1);
        SSL_write(ssl, USERINFO, sizeof(USERINFO) - 1);
        hang_up(ssl);
    }
    for (int i = 0; i < 100 && atomic_load(&asked.userinfos_done) < before + 20; i++) {
        usleep(50000);
    }
    assert_int_equal(atomic_load(&asked.userinfos_done), before + 20);
    SSL_CTX_free(ctx);
    memset(&answer, 0, sizeof(answer));
    exchange("GET /health HTTP/1.1\r\n" HOST LAST "\r\n");
    assert_int_equal(status(), 200);
}

static long serial_shown(void) {
    SSL_CTX *ctx = certs_client(NULL, false);
    SSL *ssl = dial(config.http.address, ctx, 0);
    assert_int_equal(SSL_connect(ssl), 1);
    X509 *cert = SSL_get1_peer_certificate(ssl);
    long serial = ASN1_INTEGER_get(X509_get0_serialNumber(cert));
    X509_free(cert);
    hang_up(ssl);
    SSL_CTX_free(ctx);
    return serial;
}

static void test_new_certificate(void **state) {
    (void)state;
    SSL_CTX *ctx = certs_client(NULL, false);
    SSL *silent = dial(config.http.address, ctx, 0); /* says nothing yet */
    assert_int_equal(serial_shown(), 2);
    certs_write_server(folder, 20);
    for (int i = 0; i < 100 && serial_shown() != 20; i++) {
        usleep(50000);
    }
    assert_int_equal(serial_shown(), 20);
    assert_int_equal(SSL_connect(silent), 1);
    hang_up(silent);
    SSL_CTX_free(ctx);
}

static void test_start_says_what_is_wrong(void **state) {
    (void)state;
    char why[256] = "";
    struct http_server *second = NULL;
    assert_int_equal(http_server_start(&config, &shared, &second, why), ERR_IO);
    assert_non_null(strstr(why, "http_listen = 127.0.0.1:"));
    assert_non_null(strstr(why, "choose another port"));
    struct config wrong = config;
    choose_port(wrong.http.address);
    choose_port(wrong.balancer.address);
    choose_port(wrong.operator_.address);
    snprintf(wrong.ca, sizeof(wrong.ca), "%s/absent.pem", folder);
    assert_int_equal(http_server_start(&wrong, &shared, &second, why), ERR_CONFIG);
    assert_non_null(strstr(why, "ca = "));
    snprintf(wrong.http_cert, sizeof(wrong.http_cert), "%s/absent.pem", folder);
    assert_int_equal(http_server_start(&wrong, &shared, &second, why), ERR_CONFIG);
    assert_non_null(strstr(why, "http_cert = "));
    assert_null(second);
}

/* A client that asks and asks and takes nothing is cut off, so that what it wrote and
 * holds is not held for ever. */
static void test_client_that_takes_nothing(void **state) {
    (void)state;
    static const char request[] = "GET / HTTP/1.1\r\n" HOST "\r\n";
    SSL_CTX *ctx = certs_client(NULL, false);
    SSL *ssl = dial(config.http.address, ctx, 4096);
    assert_int_equal(SSL_connect(ssl), 1);
    struct timeval limit = {.tv_sec = 1};
    setsockopt(SSL_get_fd(ssl), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
    /* A write may also time out because the machine is slow: it is tried again. */
    struct pollfd fd = {.fd = SSL_get_fd(ssl), .events = 0};
    int cut = 0;
    for (int i = 0, waits = 0; i < 20000 && waits < 40 && cut == 0; i++) {
        int wrote = SSL_write(ssl, request, sizeof(request) - 1);
        if (wrote <= 0) { /* the server reads no further while a response waits */
            bool late = SSL_get_error(ssl, wrote) == SSL_ERROR_WANT_WRITE;
            cut = late ? poll(&fd, 1, 1000) : 1;
            waits++;
        }
    }
    assert_int_equal(cut != 0 ? cut : poll(&fd, 1, 60000), 1);
    hang_up(ssl);
    SSL_CTX_free(ctx);
}

static int setup(void **state) {
    (void)state;
    signal(SIGPIPE, SIG_IGN);
    assert_non_null(mkdtemp(folder));
    certs_write_server(folder, 2);
    choose_port(config.http.address);
    choose_port(config.balancer.address);
    choose_port(config.operator_.address);
    snprintf(config.http_cert, sizeof(config.http_cert), "%s/server.pem", folder);
    snprintf(config.http_key, sizeof(config.http_key), "%s/server.key", folder);
    snprintf(config.ca, sizeof(config.ca), "%s/ca.pem", folder);
    snprintf(config.hosts[0], sizeof(config.hosts[0]), "id.test");
    config.hosts_count = 1;
    config.http_threads = 1;
    config.environment = ENV_DEMO;
    shared.config = &config;
    shared.clock = port_system_clock;
    shared.random = port_system_random;
    shared.counters = &counters;
    char why[256] = "";
    enum err err = http_server_start(&config, &shared, &server, why);
    if (err != OK) {
        fprintf(stderr, "%s\n", why);
    }
    return err == OK ? 0 : -1;
}

static int teardown(void **state) {
    (void)state;
    static const char *const names[] = {"ca.pem", "server.pem", "server.key"};
    http_server_stop(server);
    certs_forget();
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char path[512];
        snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
        unlink(path);
    }
    return rmdir(folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_first_request_is_refused_in_a_language),
        cmocka_unit_test(test_refused_heads_end_the_connection),
        cmocka_unit_test(test_hosts_and_targets),
        cmocka_unit_test(test_methods),
        cmocka_unit_test(test_doors),
        cmocka_unit_test(test_client_address),
        cmocka_unit_test(test_forms_of_other_sites),
        cmocka_unit_test(test_sign_in),
        cmocka_unit_test(test_cookies),
        cmocka_unit_test(test_errors_of_the_protocol),
        cmocka_unit_test(test_errors_of_userinfo),
        cmocka_unit_test(test_answers_from_other_threads),
        cmocka_unit_test(test_new_certificate),
        cmocka_unit_test(test_start_says_what_is_wrong),
        cmocka_unit_test(test_client_that_takes_nothing),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
