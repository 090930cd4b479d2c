#include "tests/unit/server/unit.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/config.h"

/* Line 1 to 17 of a good file; rows of the tables replace or add lines. */
static const char *const good_lines[] = {
    "node_id = 1",
    "cluster_id = 00112233445566778899aabbccddeeff",
    "data_dir = /var/lib/tasuki",
    "peer = 1 127.0.0.1:7101 tokyo",
    "peer = 2 127.0.0.1:7102 osaka",
    "issuer = https://id.example:8443/oauth/",
    "host = id.example:8443",
    "host = localhost",
    "environment = demo",
    "http_listen = 127.0.0.1:8443",
    "http_cert = /etc/tasuki/http.pem",
    "http_key = /etc/tasuki/http.key",
    "peer_cert = /etc/tasuki/peer.pem",
    "peer_key = /etc/tasuki/peer.key",
    "ca = /etc/tasuki/ca.pem",
    "cluster_key = /etc/tasuki/cluster.key",
};
#define GOOD_LINES (sizeof(good_lines) / sizeof(good_lines[0]))

/* The good file without line `without` (1-based; 0: all), then `extra`. */
static struct span text_of(size_t without, const char *extra) {
    static char text[128 * 1024];
    size_t len = 0;

    for (size_t i = 0; i < GOOD_LINES; i++)
        if (i + 1 != without)
            len +=
                (size_t)snprintf(text + len, sizeof(text) - len, "%s\n", good_lines[i]);
    len += (size_t)snprintf(text + len, sizeof(text) - len, "%s", extra);
    assert_true(len < sizeof(text));
    return span_of(text, len);
}

static void takes_a_good_file(void **state) {
    struct config config;
    char why[512] = "";

    (void)state;
    if (config_parse("f", text_of(0, ""), &config, why) != OK)
        fail_msg("%s", why);
    assert_int_equal(config.node_id, 1);
    assert_int_equal(config.cluster_id.b[15], 0xff);
    assert_string_equal(config.data_dir, "/var/lib/tasuki");
    assert_int_equal(config.peers_count, 2);
    assert_int_equal(config.peers[1].id, 2);
    assert_string_equal(config.peers[1].address, "127.0.0.1:7102");
    assert_string_equal(config.peers[1].region, "osaka");
    assert_string_equal(config.region, "tokyo");
    assert_string_equal(config.issuer, "https://id.example:8443/oauth/");
    assert_int_equal(config.hosts_count, 2);
    assert_string_equal(config.hosts[1], "localhost");
    assert_int_equal(config.environment, ENV_DEMO);
    assert_string_equal(config.http.address, "127.0.0.1:8443");
    assert_string_equal(config.balancer.address, "");
    assert_string_equal(config.operator_.address, "");
    assert_string_equal(config.cluster_key, "/etc/tasuki/cluster.key");
}

static void has_defaults(void **state) {
    struct config config;
    char why[512] = "";

    (void)state;
    assert_int_equal(config_parse("f", text_of(0, ""), &config, why), OK);
    assert_int_equal(config.http_threads, 2);
    assert_int_equal(config.hash_threads, 2);
    assert_true(config.map_bytes == (uint64_t)64 << 30);
    assert_int_equal(config.free_bytes_min, 256 << 20);
    assert_int_equal(config.blob_lost_after_s, 3600);
    assert_int_equal(config.election_timeout_ms, 300);
    assert_int_equal(config.heartbeat_ms, 20);
    assert_int_equal(config.staleness_bound_ms, 3000);
    assert_int_equal(config.clock_skew_max_ms, 2000);
    assert_int_equal(config.stall_limit_ms, 4000);
    assert_int_equal(config.drain_ms, 3000);
    assert_int_equal(config.session_idle_s, 1800);
    assert_int_equal(config.session_lifetime_s, 43200);
    assert_int_equal(config.login_limit_per_minute, 60);
    assert_int_equal(config.log_retained_bytes, 64 << 20);
    assert_int_equal(config.image_bytes_per_s, 64 << 20);
    assert_string_equal(config.outbound_ca, "");
}

/* Private networks are called where nothing real is, or where it is said. */
static void calls_private_networks_in_demos_alone(void **state) {
    static const struct {
        const char *extra;
        bool private;
    } rows[] = {
        {"environment = demo", true},
        {"environment = verification", false},
        {"environment = production", false},
        {"environment = demo\noutbound_private = no", false},
        {"outbound_private = yes\nenvironment = production", true},
    };
    struct config config;
    char why[512] = "";

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (config_parse("f", text_of(9, rows[i].extra), &config, why) != OK)
            fail_msg("%s", why);
        assert_int_equal(config.outbound_private, rows[i].private);
    }
}

static void takes_its_syntax(void **state) {
    struct config config;
    char why[512] = "";

    (void)state;
    if (config_parse("f",
                     text_of(0, "\n# 説明\n  # indented\r\n\thttp_threads\t=\t8\t\r\n"
                                "hash_threads=3 # comment\nlogin_limit_per_minute = 0\n"
                                "store_map_bytes = 16777216\nsession_idle_s = 60\n"
                                "operator_listen = 127.0.0.1:9000\n"
                                "log_retained_bytes = 65536\n"
                                "outbound_ca = /etc/tasuki/outbound.pem\n"
                                "image_bytes_per_s = 16384"),
                     &config, why) != OK)
        fail_msg("%s", why);
    assert_int_equal(config.http_threads, 8);
    assert_int_equal(config.hash_threads, 3);
    assert_int_equal(config.login_limit_per_minute, 0);
    assert_true(config.map_bytes == 16777216);
    assert_int_equal(config.log_retained_bytes, 65536);
    assert_int_equal(config.image_bytes_per_s, 16384);
    assert_string_equal(config.outbound_ca, "/etc/tasuki/outbound.pem");
    assert_string_equal(config.operator_.address, "127.0.0.1:9000");
}

static void takes_providers(void **state) {
    struct config config;
    char why[512] = "";

    (void)state;
    if (config_parse("f",
                     text_of(0, "smtp_url = smtp://mail.example:587\n"
                                "smtp_credentials = /etc/tasuki/mail\n"
                                "smtp_url_2 = smtp+plain://127.0.0.1:25\n"
                                "smtp_from = no-reply@id.example\n"
                                "sms_url = https://sms.example/v1/messages\n"
                                "sms_url_2 = http://localhost:8080/\n"
                                "sms_timeout_ms = 3000\n"
                                "sms_country = 81\nsms_country = 1\n"
                                "sms_cap_number = 3"),
                     &config, why) != OK)
        fail_msg("%s", why);
    assert_string_equal(config.providers[0].url, "smtp://mail.example:587");
    assert_string_equal(config.providers[0].credentials, "/etc/tasuki/mail");
    assert_string_equal(config.providers[1].url, "smtp+plain://127.0.0.1:25");
    assert_string_equal(config.providers[2].url, "https://sms.example/v1/messages");
    assert_string_equal(config.providers[3].url, "http://localhost:8080/");
    assert_string_equal(config.smtp_from, "no-reply@id.example");
    assert_int_equal(config.sms_timeout_ms, 3000);
    assert_int_equal(config.smtp_timeout_ms, 8000);
    assert_int_equal(config.sms_country.count, 2);
    assert_int_equal(config.sms_cap_number, 3);
    assert_int_equal(config.sms_cap_all, 50000);
}

/* Every key that is asked for, when it is missing. */
static void names_missing_keys(void **state) {
    static const size_t lines[] = {1, 2, 3, 6, 9, 11, 12, 13, 14, 15, 16};
    struct config config;

    (void)state;
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        char why[512] = "";
        char expected[128];
        const char *line = good_lines[lines[i] - 1];

        snprintf(expected, sizeof(expected), "f: %.*s: the key is missing",
                 (int)strcspn(line, " "), line);
        assert_int_equal(config_parse("f", text_of(lines[i], ""), &config, why),
                         ERR_CONFIG);
        assert_string_equal(why, expected);
    }
}

static const struct {
    size_t without;
    const char *extra;
    const char *why; /* how the sentence begins */
} wrong_lines[] = {
    {0, "nonsense", "f:17: key = value is expected"},
    {0, "colour = red", "f:17: there is no key 'colour'"},
    {0, "= x", "f:17: there is no key ''"},
    {0, "Node_id = 1", "f:17: there is no key 'Node_id'"},
    {0, "\xff = 1", "f:17: UTF-8 text is expected"},
    {0, "node_id = 1", "f:17: node_id: the key stands here for the second time"},
    {0, "ca = /x", "f:17: ca: the key stands here for the second time"},
    {0, "log_retained_bytes = 65535", "f:17: log_retained_bytes: a number from 65536"},
    {0, "image_bytes_per_s = 16383", "f:17: image_bytes_per_s: a number from 16384"},
    {1, "node_id = 0", "f:16: node_id: a number from 1 to"},
    {1, "node_id = -1", "f:16: node_id: a number from 1 to"},
    {1, "node_id = 01", "f:16: node_id: a number from 1 to"},
    {1, "node_id = 1x", "f:16: node_id: a number from 1 to"},
    {1, "node_id =", "f:16: node_id: a number from 1 to"},
    {1, "node_id = 99999999999999999999", "f:16: node_id: a number from 1 to"},
    {1, "node_id = 3", "f: peer: a peer line for this node (node_id = 3)"},
    {2, "cluster_id = 0011", "f:16: cluster_id: 32 hex digits"},
    {2, "cluster_id = 00000000000000000000000000000000", "f:16: cluster_id: 32 hex"},
    {2, "cluster_id = 00112233445566778899aabbccddeefg", "f:16: cluster_id: 32 hex"},
    {3, "data_dir = var/lib", "f:16: data_dir: an absolute path"},
    {3, "data_dir = /a\x01", "f:16: data_dir: a path without control"},
    {0, "peer = 2 127.0.0.1:7103 x", "f:17: peer: node id 2 is listed already"},
    {0, "peer = 3 127.0.0.1:7101 x", "f:17: peer: address 127.0.0.1:7101 is listed"},
    {0, "peer = 3 127.0.0.1:7103", "f:17: peer: a node id, IPv4:port and region"},
    {0, "peer = 3 127.0.0.1:7103 a b", "f:17: peer: a node id"},
    {0, "peer = 3 localhost:7103 a", "f:17: peer: a node id"},
    {0, "peer = 3 127.0.0.1 a", "f:17: peer: a node id"},
    {0, "peer = 3 127.0.0.256:1 a", "f:17: peer: a node id"},
    {0, "peer = 3 127.0.1:1 a", "f:17: peer: a node id"},
    {0, "peer = 3 127.0.0.1:0 a", "f:17: peer: a node id"},
    {0, "peer = 3 127.0.0.01:7103 a", "f:17: peer: a node id"},
    {0, "peer = 3 127.0.0.1:07103 a", "f:17: peer: a node id"},
    {0, "peer = 1000000000000000000 127.0.0.1:7103 a", "f:17: peer: a node id"},
    {0, "peer = 3 127.0.0.1:65536 a", "f:17: peer: a node id"},
    {0, "peer = 3 127.0.0.1:7103 Tokyo", "f:17: peer: a node id"},
    {0, "peer = 0 127.0.0.1:7103 a", "f:17: peer: a node id"},
    {6, "issuer = http://id.example/oauth/", "f:16: issuer: https://host/oauth/"},
    {6, "issuer = https://id.example/oauth", "f:16: issuer: https://host/oauth/"},
    {6, "issuer = https://ID.example/oauth/", "f:16: issuer: https://host/oauth/"},
    {6, "issuer = https://id.example/x/oauth/", "f:16: issuer: https://host/oauth/"},
    {6, "issuer = https://u@id.example/oauth/", "f:16: issuer: https://host/oauth/"},
    {6, "issuer = https://id.example:443/oauth/", "f:16: issuer: https://host/"},
    {6, "issuer = https:///oauth/", "f:16: issuer: https://host/oauth/"},
    {6, "issuer = https://other.example/oauth/", "f: host: the host other.example of issuer"},
    {0, "host = ID.example", "f:17: host: a lower-case host name"},
    {0, "host = a..b", "f:17: host: a lower-case host name"},
    {0, "host = localhost", "f:17: host: this host is listed already"},
    {9, "environment = test", "f:16: environment: demo, verification or production"},
    {10, "http_listen = 8443", "f:16: http_listen: an IPv4 address and port"},
    {10, "", "f: http_listen: http_listen or balancer_listen is expected"},
    {0, "balancer_listen = 127.0.0.1:8443", "f: balancer_listen: 127.0.0.1:8443 is"},
    {0, "operator_listen = 127.0.0.1:7102", "f: operator_listen: 127.0.0.1:7102 is"},
    {0, "outbound_private = true", "f:17: outbound_private: yes or no is expected"},
    {0, "outbound_private =", "f:17: outbound_private: yes or no is expected"},
    {0, "outbound_ca = ca.pem", "f:17: outbound_ca: an absolute path"},
    {0, "http_threads = 0", "f:17: http_threads: a number from 1 to 256"},
    {0, "http_threads = 257", "f:17: http_threads: a number from 1 to 256"},
    {0, "http_threads = two", "f:17: http_threads: a number from 1 to 256"},
    {0, "store_map_bytes = 16777217", "f:17: store_map_bytes: a multiple of 4096"},
    {0, "store_map_bytes = 1", "f:17: store_map_bytes: a number from 16777216"},
    {0, "smtp_url = mail.example", "f:17: smtp_url: smtp://host (with STARTTLS), smtps"},
    {0, "smtp_url = smtps://u:p@mail.example", "f:17: smtp_url: smtp://host"},
    {0, "smtp_url = smtps://mail.example/x", "f:17: smtp_url: smtp://host"},
    {0, "smtp_url = smtps://mail.example", "f: smtp_from: smtp_url and smtp_from stand"},
    {0, "smtp_from = a@b.example", "f: smtp_from: smtp_url and smtp_from stand together"},
    {0, "smtp_from = A <a@b.example>", "f:17: smtp_from: one mail address in lower"},
    {0, "smtp_from = a@b.example, c@d.example", "f:17: smtp_from: one mail address"},
    {0, "smtp_url_2 = smtps://b.example", "f: smtp_url_2: smtp_url is expected beside it"},
    {0, "smtp_credentials = /x", "f: smtp_credentials: smtp_url is expected beside it"},
    {0, "smtp_credentials = x", "f:17: smtp_credentials: an absolute path"},
    {0, "sms_url = https://sms.example", "f:17: sms_url: https://host/path or http"},
    {0, "sms_url = ftp://sms.example/x", "f:17: sms_url: https://host/path or http"},
    {0, "sms_url = https://sms.example/a b", "f:17: sms_url: https://host/path"},
    {0, "sms_url = https://u@sms.example/", "f:17: sms_url: https://host/path"},
    {9, "environment = production\nsms_url = http://sms.example/x", "f: sms_url: a scheme with TLS is expected"},
    {0, "sms_url_2 = https://b.example/x", "f: sms_url_2: sms_url is expected beside"},
    {0, "push_url = push.example", "f:17: push_url: https://host/path or http"},
    {0, "push_url_2 = https://b.example/x", "f: push_url_2: push_url is expected beside"},
    {9, "environment = production\npush_url = http://push.example/x", "f: push_url: a scheme with TLS is expected"},
    {0, "sms_timeout_ms = 10001", "f:17: sms_timeout_ms: a number from 1000 to 10000"},
    {0, "sms_country = +81", "f:17: sms_country: a country calling code is expected"},
    {0, "sms_country = 0", "f:17: sms_country: a country calling code is expected"},
    {0, "sms_country = 81\nsms_country = 81", "f:18: sms_country: this country is listed"},
    {0, "sms_cap_number = 0", "f:17: sms_cap_number: a number from 1 to"},
    {0, "heartbeat_ms = 200", "f: heartbeat_ms: at most half of election_timeout_ms"},
    {0, "session_idle_s = 50000", "f: session_idle_s: at most session_lifetime_s"},
};

static void names_wrong_lines(void **state) {
    struct config config;

    (void)state;
    for (size_t i = 0; i < sizeof(wrong_lines) / sizeof(wrong_lines[0]); i++) {
        char why[512] = "";

        memset(&config, 0x5a, sizeof(config));
        assert_int_equal(
            config_parse("f", text_of(wrong_lines[i].without, wrong_lines[i].extra),
                         &config, why),
            ERR_CONFIG);
        if (strncmp(why, wrong_lines[i].why, strlen(wrong_lines[i].why)) != 0)
            fail_msg("'%s': %s", wrong_lines[i].extra, why);
        assert_true(config.node_id == 0x5a5a5a5a5a5a5a5a); /* untouched */
    }
}

static void bounds_lists_and_files(void **state) {
    static char extra[80 * 1024];
    struct config config;
    char why[512] = "";
    size_t len = 0;

    (void)state;
    for (int i = 3; i <= LIMIT_NODES + 1; i++)
        len += (size_t)snprintf(extra + len, sizeof(extra) - len,
                                "peer = %d 127.0.0.1:%d x\n", i, 7100 + i);
    assert_int_equal(config_parse("f", text_of(0, extra), &config, why), ERR_CONFIG);
    assert_non_null(strstr(why, "at most 16 peers"));
    len = 0;
    for (int i = 0; i < CONFIG_HOSTS_MAX; i++)
        len += (size_t)snprintf(extra + len, sizeof(extra) - len, "host = h%d\n", i);
    assert_int_equal(config_parse("f", text_of(0, extra), &config, why), ERR_CONFIG);
    assert_non_null(strstr(why, "at most 16 hosts"));
    memset(extra, '#', sizeof(extra) - 1);
    assert_int_equal(config_parse("f", text_of(0, extra), &config, why), ERR_CONFIG);
    assert_string_equal(why, "f: at most 65536 bytes are expected");
    memset(extra, 'a', 4000);
    extra[4000] = 0;
    memcpy(extra, "data_dir = /", 12);
    assert_int_equal(config_parse("f", text_of(3, extra), &config, why), ERR_CONFIG);
    assert_non_null(strstr(why, "data_dir: an absolute path of at most 1023 bytes"));
    assert_int_equal(config_parse("f", span_of("a\0b", 3), &config, why), ERR_CONFIG);
}

static void write_file(const char *path, struct span text, mode_t mode) {
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_int_equal(fwrite(text.data, 1, text.len, file), text.len);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path, mode), 0);
}

static void loads_files(void **state) {
    char dir[] = "/tmp/tasuki-config-XXXXXX";
    char path[128];
    struct config config;
    char why[512] = "";

    (void)state;
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/tasukid.conf", dir);
    assert_int_equal(config_load(path, &config, why), ERR_CONFIG);
    assert_non_null(strstr(why, "No such file"));
    assert_int_equal(config_load(dir, &config, why), ERR_CONFIG);
    assert_non_null(strstr(why, "a regular file is expected"));
    write_file(path, text_of(0, ""), 0644);
    assert_int_equal(config_load(path, &config, why), OK);
    assert_int_equal(config.node_id, 1);
    write_file(path, text_of(1, ""), 0644);
    assert_int_equal(config_load(path, &config, why), ERR_CONFIG);
    assert_non_null(strstr(why, path));
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(dir), 0);
}

static void checks_secret_files(void **state) {
    char dir[] = "/tmp/tasuki-config-XXXXXX";
    struct config config = {0};
    struct {
        char *path;
        const char *name;
        bool secret;
    } files[] = {
        {config.http_cert, "http_cert", false},
        {config.http_key, "http_key", true},
        {config.peer_cert, "peer_cert", false},
        {config.peer_key, "peer_key", true},
        {config.ca, "ca", false},
        {config.cluster_key, "cluster_key", true},
        {config.outbound_ca, "outbound_ca", false},
        {config.providers[0].credentials, "smtp_credentials", true},
        {config.providers[1].credentials, "smtp_credentials_2", true},
        {config.providers[2].credentials, "sms_credentials", true},
        {config.providers[3].credentials, "sms_credentials_2", true},
        {config.providers[4].credentials, "push_credentials", true},
        {config.providers[5].credentials, "push_credentials_2", true},
    };
    enum { FILES = sizeof(files) / sizeof(files[0]) };
    char why[512] = "";

    (void)state;
    assert_non_null(mkdtemp(dir));
    for (size_t i = 0; i < FILES; i++) {
        snprintf(files[i].path, 1024, "%s/%s", dir, files[i].name);
        write_file(files[i].path, span_str("x"), 0600);
    }
    assert_int_equal(config_check_files(&config, why), OK);
    config.outbound_ca[0] = '\0'; /* the one that may be left out */
    assert_int_equal(config_check_files(&config, why), OK);
    snprintf(config.outbound_ca, sizeof(config.outbound_ca), "%s/outbound_ca", dir);
    for (size_t i = 0; i < FILES; i++) {
        assert_int_equal(chmod(files[i].path, 0644), 0);
        assert_int_equal(config_check_files(&config, why),
                         files[i].secret ? ERR_CONFIG : OK);
        if (files[i].secret) {
            assert_ptr_equal(strstr(why, files[i].name), why);
            assert_non_null(strstr(why, "mode is 0644; 0600 or stricter is expected"));
        }
        assert_int_equal(chmod(files[i].path, 0400), 0);
        assert_int_equal(config_check_files(&config, why), OK);
        assert_int_equal(unlink(files[i].path), 0);
        assert_int_equal(config_check_files(&config, why), ERR_CONFIG);
        assert_ptr_equal(strstr(why, files[i].name), why);
        assert_non_null(strstr(why, "No such file"));
        write_file(files[i].path, span_str("x"), 0600);
    }
    for (size_t i = 0; i < FILES; i++)
        assert_int_equal(unlink(files[i].path), 0);
    assert_int_equal(rmdir(dir), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calls_private_networks_in_demos_alone),
        cmocka_unit_test(takes_a_good_file),
        cmocka_unit_test(has_defaults),
        cmocka_unit_test(takes_its_syntax),
        cmocka_unit_test(takes_providers),
        cmocka_unit_test(names_missing_keys),
        cmocka_unit_test(names_wrong_lines),
        cmocka_unit_test(bounds_lists_and_files),
        cmocka_unit_test(loads_files),
        cmocka_unit_test(checks_secret_files),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
