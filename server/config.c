#include "server/config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/domain/account_id.h"
#include "store/base/check.h"
#include "store/base/codec.h"

#define CONFIG_FILE_MAX (64 * 1024)
#define WHY_MAX 512
#define CAP_MAX 1000000000 /* a day */

struct parser {
    const char *name; /* the file, for messages */
    unsigned line;    /* 0: the message is about the file as a whole */
    const char *key;  /* NULL: about the line */
    struct config *config;
    char *why;
};

struct key_spec;
typedef enum err value_fn(struct parser *parser, const struct key_spec *spec,
                          struct span value);

struct key_spec {
    const char *name;
    value_fn *parse;
    size_t offset;
    uint64_t min, max; /* numbers: the value; texts: the size of the member */
    enum { ONCE, OPTIONAL, REPEATED, ANY_NUMBER } presence;
};

/* One sentence: file:line, key, what is expected. */
__attribute__((format(printf, 2, 3))) static enum err fail(struct parser *parser,
                                                           const char *format, ...) {
    size_t at = 0;
    va_list args;

    at += (size_t)snprintf(parser->why, WHY_MAX, "%.200s:", parser->name);
    if (parser->line > 0)
        at += (size_t)snprintf(parser->why + at, WHY_MAX - at, "%u:", parser->line);
    if (parser->key)
        at += (size_t)snprintf(parser->why + at, WHY_MAX - at, " %s:", parser->key);
    at += (size_t)snprintf(parser->why + at, WHY_MAX - at, " ");
    va_start(args, format);
    vsnprintf(parser->why + at, WHY_MAX - at, format, args);
    va_end(args);
    return ERR_CONFIG;
}

static void *member(struct parser *parser, const struct key_spec *spec) {
    return (char *)parser->config + spec->offset;
}

static bool is_blank(uint8_t c) {
    return c == ' ' || c == '\t';
}

static struct span trim(struct span text) {
    while (text.len > 0 && is_blank(text.data[0]))
        text = span_of(text.data + 1, text.len - 1);
    while (text.len > 0 && is_blank(text.data[text.len - 1]))
        text.len--;
    return text;
}

/* The next word of `text`, which is cut off it. */
static struct span next_word(struct span *text) {
    struct span rest = trim(*text);
    size_t len = 0;

    while (len < rest.len && !is_blank(rest.data[len]))
        len++;
    *text = span_of(rest.data + len, rest.len - len);
    return span_of(rest.data, len);
}

/* Decimal digits, no sign, no leading zero. */
static bool number_parse(struct span text, uint64_t *ret) {
    uint64_t value = 0;

    if (text.len == 0 || text.len > 19 || (text.len > 1 && text.data[0] == '0'))
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
        value = value * 10 + (uint64_t)(text.data[i] - '0');
    }
    *ret = value;
    return true;
}

static enum err number_value(struct parser *parser, const struct key_spec *spec,
                             struct span value, uint64_t *ret) {
    uint64_t number;

    if (!number_parse(value, &number) || number < spec->min || number > spec->max)
        return fail(parser, "a number from %llu to %llu is expected",
                    (unsigned long long)spec->min, (unsigned long long)spec->max);
    *ret = number;
    return OK;
}

static enum err value_u64(struct parser *parser, const struct key_spec *spec,
                          struct span value) {
    return number_value(parser, spec, value, member(parser, spec));
}

static enum err value_u32(struct parser *parser, const struct key_spec *spec,
                          struct span value) {
    uint64_t number = 0;
    enum err err = number_value(parser, spec, value, &number);

    if (err == OK)
        *(uint32_t *)member(parser, spec) = (uint32_t)number;
    return err;
}

static enum err value_map_bytes(struct parser *parser, const struct key_spec *spec,
                                struct span value) {
    enum err err = value_u64(parser, spec, value);

    if (err == OK && parser->config->map_bytes % 4096 != 0)
        return fail(parser, "a multiple of 4096 is expected");
    return err;
}

static enum err value_cluster_id(struct parser *parser, const struct key_spec *spec,
                                 struct span value) {
    struct id128 id;
    struct id128 zero = {{0}};

    if (hex_decode(value, id.b, sizeof(id.b)) != OK ||
        memcmp(id.b, zero.b, sizeof(id.b)) == 0)
        return fail(parser, "32 hex digits, not all zero, are expected");
    *(struct id128 *)member(parser, spec) = id;
    return OK;
}

/* Copy into a char array of spec->max bytes. */
static void text_store(struct parser *parser, const struct key_spec *spec,
                       struct span value) {
    char *out = member(parser, spec);

    CHECK(value.len < spec->max);
    memcpy(out, value.data, value.len);
    out[value.len] = 0;
}

static enum err value_path(struct parser *parser, const struct key_spec *spec,
                           struct span value) {
    if (value.len == 0 || value.len >= spec->max || value.data[0] != '/')
        return fail(parser, "an absolute path of at most %llu bytes is expected",
                    (unsigned long long)spec->max - 1);
    for (size_t i = 0; i < value.len; i++)
        if (value.data[i] < 0x20 || value.data[i] == 0x7f)
            return fail(parser, "a path without control characters is expected");
    text_store(parser, spec, value);
    return OK;
}

/* One line for people; may be empty. */
static enum err value_text(struct parser *parser, const struct key_spec *spec,
                           struct span value) {
    if (value.len >= spec->max)
        return fail(parser, "a text of at most %llu bytes is expected",
                    (unsigned long long)spec->max - 1);
    for (size_t i = 0; i < value.len; i++)
        if (value.data[i] < 0x20 || value.data[i] == 0x7f)
            return fail(parser, "a text without control characters is expected");
    text_store(parser, spec, value);
    return OK;
}

static bool port_valid(struct span text) {
    uint64_t port;

    return number_parse(text, &port) && port >= 1 && port <= 65535;
}

/* Members' form (store_member) for every address and region, so that none is taken
 * here which the replicated state refuses. */
static bool address_valid(struct span text) {
    char copy[sizeof(((struct config_listener *)0)->address)] = "";

    if (text.len == 0 || text.len >= sizeof(copy))
        return false;
    memcpy(copy, text.data, text.len);
    return strlen(copy) == text.len && store_member_address_ok(copy);
}

static bool region_valid(struct span text) {
    char copy[sizeof(((struct config *)0)->region)] = "";

    if (text.len == 0 || text.len >= sizeof(copy))
        return false;
    memcpy(copy, text.data, text.len);
    return strlen(copy) == text.len && store_member_region_ok(copy);
}

static enum err value_listener(struct parser *parser, const struct key_spec *spec,
                               struct span value) {
    if (!address_valid(value))
        return fail(parser, "an IPv4 address and port as 127.0.0.1:8443 are expected");
    text_store(parser, spec, value);
    return OK;
}

/* Lower-case name or IPv4 literal, with or without :port. */
static bool host_valid(struct span text) {
    const uint8_t *colon = text.len > 0 ? memchr(text.data, ':', text.len) : NULL;
    size_t len = colon ? (size_t)(colon - text.data) : text.len;

    if (len == 0 || len > 253 || text.data[0] == '.' || text.data[len - 1] == '.' ||
        text.data[0] == '-' || text.data[len - 1] == '-')
        return false;
    for (size_t i = 0; i < len; i++) {
        uint8_t c = text.data[i];

        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-'))
            return false;
        if (c == '.' && text.data[i - 1] == '.')
            return false;
    }
    return !colon || port_valid(span_of(colon + 1, text.len - len - 1));
}

static enum err value_host(struct parser *parser, const struct key_spec *spec,
                           struct span value) {
    struct config *config = parser->config;

    if (config->hosts_count == CONFIG_HOSTS_MAX)
        return fail(parser, "at most %d hosts are possible", CONFIG_HOSTS_MAX);
    if (!host_valid(value) || value.len >= spec->max)
        return fail(parser,
                    "a lower-case host name, with or without :port, is expected");
    for (size_t i = 0; i < config->hosts_count; i++)
        if (span_is(value, config->hosts[i]))
            return fail(parser, "this host is listed already");
    memcpy(config->hosts[config->hosts_count++], value.data, value.len);
    return OK;
}

static enum err value_country(struct parser *parser, const struct key_spec *spec,
                              struct span value) {
    struct phone_countries *countries =
        (struct phone_countries *)member(parser, spec);
    char *code = countries->code[countries->count];

    if (countries->count == PHONE_COUNTRIES_MAX)
        return fail(parser, "at most %d countries are possible", PHONE_COUNTRIES_MAX);
    if (value.len == 0 || value.len >= sizeof(countries->code[0]) ||
        value.data[0] == '0')
        return fail(parser, "a country calling code is expected, as 81");
    for (size_t i = 0; i < value.len; i++)
        if (value.data[i] < '0' || value.data[i] > '9')
            return fail(parser, "a country calling code is expected, as 81");
    for (size_t i = 0; i < countries->count; i++)
        if (span_is(value, countries->code[i]))
            return fail(parser, "this country is listed already");
    memcpy(code, value.data, value.len);
    countries->count++;
    return OK;
}

/* The issuer's host[:port]; empty when it has another form. */
static struct span issuer_host(struct span issuer) {
    static const char scheme[] = "https://";
    static const char path[] = "/oauth/";
    size_t head = sizeof(scheme) - 1;
    size_t tail = sizeof(path) - 1;

    if (issuer.len <= head + tail || memcmp(issuer.data, scheme, head) != 0 ||
        memcmp(issuer.data + issuer.len - tail, path, tail) != 0)
        return span_of(NULL, 0);
    return span_of(issuer.data + head, issuer.len - head - tail);
}

static enum err value_issuer(struct parser *parser, const struct key_spec *spec,
                             struct span value) {
    struct span host = issuer_host(value);

    if (value.len >= spec->max || !host_valid(host) ||
        (host.len > 4 && memcmp(host.data + host.len - 4, ":443", 4) == 0))
        return fail(parser, "https://host/oauth/ or https://host:port/oauth/ in lower "
                            "case is expected, without the default port");
    text_store(parser, spec, value);
    return OK;
}

/* `text` behind one of the schemes; data NULL: it begins with none. */
static struct span behind_scheme(struct span text, const char *const schemes[]) {
    for (; *schemes; schemes++) {
        size_t len = strlen(*schemes);
        if (text.len > len && memcmp(text.data, *schemes, len) == 0)
            return span_of(text.data + len, text.len - len);
    }
    return span_of(NULL, 0);
}

static enum err value_smtp_url(struct parser *parser, const struct key_spec *spec,
                               struct span value) {
    static const char *const schemes[] = {"smtp://", "smtps://", "smtp+plain://", NULL};
    struct span host = behind_scheme(value, schemes);

    if (!host.data || !host_valid(host) || value.len >= spec->max)
        return fail(parser, "smtp://host (with STARTTLS), smtps://host or "
                            "smtp+plain://host, with or without :port, is expected");
    text_store(parser, spec, value);
    return OK;
}

static bool path_valid(struct span path) {
    for (size_t i = 0; i < path.len; i++)
        if (path.data[i] <= 0x20 || path.data[i] >= 0x7f || path.data[i] == '"' ||
            path.data[i] == '#' || path.data[i] == '@')
            return false;
    return true;
}

static enum err value_gateway_url(struct parser *parser, const struct key_spec *spec,
                              struct span value) {
    static const char *const schemes[] = {"https://", "http://", NULL};
    struct span rest = behind_scheme(value, schemes);
    const uint8_t *slash = rest.data ? memchr(rest.data, '/', rest.len) : NULL;
    size_t host_len = slash ? (size_t)(slash - rest.data) : 0;

    if (!slash || !host_valid(span_of(rest.data, host_len)) ||
        !path_valid(span_of(slash, rest.len - host_len)) || value.len >= spec->max)
        return fail(parser, "https://host/path or http://host/path, with or without "
                            ":port, is expected");
    text_store(parser, spec, value);
    return OK;
}

static enum err value_mail_address(struct parser *parser, const struct key_spec *spec,
                                   struct span value) {
    struct account_id id;
    const char *why = "";

    if (!account_id_parse(value, &id, &why) || !span_equal(account_id_span(&id), value))
        return fail(parser, "one mail address in lower case is expected; %s", why);
    text_store(parser, spec, value);
    return OK;
}

static const char *const environment_names[] = {[ENV_DEMO] = "demo",
                                                [ENV_VERIFICATION] = "verification",
                                                [ENV_PRODUCTION] = "production"};

const char *config_environment_name(enum client_environment environment) {
    return environment_names[environment];
}

static enum err value_environment(struct parser *parser, const struct key_spec *spec,
                                  struct span value) {
    for (int i = ENV_DEMO; i <= ENV_PRODUCTION; i++) {
        if (span_is(value, environment_names[i])) {
            *(enum client_environment *)member(parser, spec) = (enum client_environment)i;
            return OK;
        }
    }
    return fail(parser, "demo, verification or production is expected");
}

static enum err value_flag(struct parser *parser, const struct key_spec *spec,
                           struct span value) {
    if (!span_is(value, "yes") && !span_is(value, "no"))
        return fail(parser, "yes or no is expected");
    *(bool *)member(parser, spec) = span_is(value, "yes");
    return OK;
}

static enum err value_peer(struct parser *parser, const struct key_spec *spec,
                           struct span value) {
    struct config *config = parser->config;
    struct repl_peer_config peer = {0};
    struct span id = next_word(&value);
    struct span address = next_word(&value);
    struct span region = next_word(&value);

    if (config->peers_count == LIMIT_NODES)
        return fail(parser, "at most %d peers are possible", LIMIT_NODES);
    if (!number_parse(id, &peer.id) || peer.id < spec->min || peer.id > spec->max ||
        !address_valid(address) || !region_valid(region) || trim(value).len > 0)
        return fail(parser, "a node id, IPv4:port and region as in "
                            "'1 127.0.0.1:7101 tokyo' are expected");
    memcpy(peer.address, address.data, address.len);
    memcpy(peer.region, region.data, region.len);
    for (size_t i = 0; i < config->peers_count; i++) {
        if (config->peers[i].id == peer.id)
            return fail(parser, "node id %llu is listed already",
                        (unsigned long long)peer.id);
        if (strcmp(config->peers[i].address, peer.address) == 0)
            return fail(parser, "address %s is listed already", peer.address);
    }
    config->peers[config->peers_count++] = peer;
    return OK;
}

static enum err value_second_factor(struct parser *parser, const struct key_spec *spec,
                                    struct span value) {
    bool enrolled = span_is(value, "enrolled");

    if (!enrolled && !span_is(value, "required"))
        return fail(parser, "required or enrolled is expected");
    *(bool *)member(parser, spec) = enrolled;
    return OK;
}

#define AT(name) offsetof(struct config, name)
#define TEXT(name) AT(name), 0, sizeof(((struct config *)0)->name)

static const struct key_spec keys[] = {
    {"node_id", value_u64, AT(node_id), 1, STORE_MEMBER_ID_MAX, ONCE},
    {"cluster_id", value_cluster_id, AT(cluster_id), 0, 0, ONCE},
    {"data_dir", value_path, TEXT(data_dir), ONCE},
    {"peer", value_peer, AT(peers), 1, STORE_MEMBER_ID_MAX, REPEATED},
    {"issuer", value_issuer, TEXT(issuer), ONCE},
    {"host", value_host, AT(hosts), 0, 256, REPEATED},
    {"environment", value_environment, AT(environment), 0, 0, ONCE},
    {"http_listen", value_listener, TEXT(http.address), OPTIONAL},
    {"balancer_listen", value_listener, TEXT(balancer.address), OPTIONAL},
    {"operator_listen", value_listener, TEXT(operator_.address), OPTIONAL},
    {"worker_listen", value_listener, TEXT(worker.address), OPTIONAL},
    {"staff_listen", value_listener, TEXT(staff.address), OPTIONAL},
    {"mtls_listen", value_listener, TEXT(mtls.address), OPTIONAL},
    {"mtls_url", value_issuer, TEXT(mtls_url), OPTIONAL},
    {"http_cert", value_path, TEXT(http_cert), ONCE},
    {"http_key", value_path, TEXT(http_key), ONCE},
    {"peer_cert", value_path, TEXT(peer_cert), ONCE},
    {"peer_key", value_path, TEXT(peer_key), ONCE},
    {"ca", value_path, TEXT(ca), ONCE},
    {"cluster_key", value_path, TEXT(cluster_key), ONCE},
    {"http_threads", value_u32, AT(http_threads), 1, 256, OPTIONAL},
    {"hash_threads", value_u32, AT(hash_threads), 1, 64, OPTIONAL},
    {"free_bytes_min", value_u64, AT(free_bytes_min), 16u << 20, 1ull << 44, OPTIONAL},
    {"store_map_bytes", value_map_bytes, AT(map_bytes), 16u << 20, 1ull << 44,
     OPTIONAL},
    {"election_timeout_ms", value_u32, AT(election_timeout_ms), 50, 60000, OPTIONAL},
    {"heartbeat_ms", value_u32, AT(heartbeat_ms), 5, 10000, OPTIONAL},
    {"staleness_bound_ms", value_u32, AT(staleness_bound_ms), 500, 60000, OPTIONAL},
    {"clock_skew_max_ms", value_u32, AT(clock_skew_max_ms), 100, 60000, OPTIONAL},
    {"stall_limit_ms", value_u32, AT(stall_limit_ms), 500, 60000, OPTIONAL},
    {"drain_ms", value_u32, AT(drain_ms), 0, 60000, OPTIONAL},
    {"blob_lost_after_s", value_u32, AT(blob_lost_after_s), 2, 2592000, OPTIONAL},
    {"scrub_interval_s", value_u32, AT(scrub_interval_s), 0, 31536000, OPTIONAL},
    {"key_rotate_s", value_u32, AT(key_rotate_s), 0, 315360000, OPTIONAL},
    {"key_publish_s", value_u32, AT(key_publish_s), 4, 2592000, OPTIONAL},
    {"session_idle_s", value_u32, AT(session_idle_s), 60, 86400, OPTIONAL},
    {"session_lifetime_s", value_u32, AT(session_lifetime_s), 60, 604800, OPTIONAL},
    {"second_factor", value_second_factor, AT(second_factor_enrolled), 0, 0, OPTIONAL},
    {"remember_device_s", value_u32, AT(remember_device_s), 0, 31536000, OPTIONAL},
    {"staff_idle_s", value_u32, AT(staff_idle_s), 60, 3600, OPTIONAL},
    {"staff_lifetime_s", value_u32, AT(staff_lifetime_s), 60, 86400, OPTIONAL},
    {"review_claim_s", value_u32, AT(review_claim_s), 5, 7200, OPTIONAL},
    {"job_lease_s", value_u32, AT(job_lease_s), 5, 600, OPTIONAL},
    {"login_cap_account", value_u32, AT(login_cap_account), 0, CAP_MAX, OPTIONAL},
    {"login_cap_source", value_u32, AT(login_cap_source), 0, CAP_MAX, OPTIONAL},
    {"login_cap_client", value_u32, AT(login_cap_client), 0, CAP_MAX, OPTIONAL},
    {"login_limit_per_minute", value_u32, AT(login_limit_per_minute), 0, 100000,
     OPTIONAL},
    {"log_retained_bytes", value_u64, AT(log_retained_bytes), 64u << 10, 1ull << 40,
     OPTIONAL},
    {"outbound_ca", value_path, TEXT(outbound_ca), OPTIONAL},
    {"client_ca", value_path, TEXT(client_ca), OPTIONAL},
    {"scan_viewer", value_path, TEXT(scan_viewer), OPTIONAL},
    {"outbound_private", value_flag, AT(outbound_private), 0, 0, OPTIONAL},
    {"smtp_url", value_smtp_url, TEXT(providers[0].url), OPTIONAL},
    {"smtp_url_2", value_smtp_url, TEXT(providers[1].url), OPTIONAL},
    {"smtp_credentials", value_path, TEXT(providers[0].credentials), OPTIONAL},
    {"smtp_credentials_2", value_path, TEXT(providers[1].credentials), OPTIONAL},
    {"smtp_from", value_mail_address, TEXT(smtp_from), OPTIONAL},
    {"smtp_timeout_ms", value_u32, AT(smtp_timeout_ms), 1000, 10000, OPTIONAL},
    {"sms_url", value_gateway_url, TEXT(providers[2].url), OPTIONAL},
    {"sms_url_2", value_gateway_url, TEXT(providers[3].url), OPTIONAL},
    {"sms_credentials", value_path, TEXT(providers[2].credentials), OPTIONAL},
    {"sms_credentials_2", value_path, TEXT(providers[3].credentials), OPTIONAL},
    {"push_url", value_gateway_url, TEXT(providers[4].url), OPTIONAL},
    {"push_url_2", value_gateway_url, TEXT(providers[5].url), OPTIONAL},
    {"push_credentials", value_path, TEXT(providers[4].credentials), OPTIONAL},
    {"push_credentials_2", value_path, TEXT(providers[5].credentials), OPTIONAL},
    {"push_timeout_ms", value_u32, AT(push_timeout_ms), 1000, 10000, OPTIONAL},
    {"sms_timeout_ms", value_u32, AT(sms_timeout_ms), 1000, 10000, OPTIONAL},
    {"sms_country", value_country, AT(sms_country), 0, 0, ANY_NUMBER},
    {"sms_cap_number", value_u32, AT(sms_cap_number), 1, CAP_MAX, OPTIONAL},
    {"sms_cap_burst", value_u32, AT(sms_cap_burst), 1, CAP_MAX, OPTIONAL},
    {"sms_cap_prefix", value_u32, AT(sms_cap_prefix), 1, CAP_MAX, OPTIONAL},
    {"sms_cap_source", value_u32, AT(sms_cap_source), 1, CAP_MAX, OPTIONAL},
    {"sms_cap_site", value_u32, AT(sms_cap_site), 1, CAP_MAX, OPTIONAL},
    {"sms_cap_client", value_u32, AT(sms_cap_client), 1, CAP_MAX, OPTIONAL},
    {"sms_cap_foreign", value_u32, AT(sms_cap_foreign), 1, CAP_MAX, OPTIONAL},
    {"sms_cap_all", value_u32, AT(sms_cap_all), 1, CAP_MAX, OPTIONAL},
    {"mail_cap_address", value_u32, AT(mail_cap_address), 1, CAP_MAX, OPTIONAL},
    {"mail_cap_source", value_u32, AT(mail_cap_source), 1, CAP_MAX, OPTIONAL},
    {"mail_cap_site", value_u32, AT(mail_cap_site), 1, CAP_MAX, OPTIONAL},
    {"mail_cap_all", value_u32, AT(mail_cap_all), 1, CAP_MAX, OPTIONAL},
    {"application_remind_s", value_u32, AT(application_remind_s), 1, 31536000, OPTIONAL},
    {"application_lapse_s", value_u32, AT(application_lapse_s), 1, 31536000, OPTIONAL},
    {"activation_remind_s", value_u32, AT(activation_remind_s), 1, 31536000, OPTIONAL},
    {"activation_lapse_s", value_u32, AT(activation_lapse_s), 1, 31536000, OPTIONAL},
    {"other_documents", value_text, TEXT(other_documents), OPTIONAL},
    {"other_documents_en", value_text, TEXT(other_documents_en), OPTIONAL},
    {"intake_address", value_text, TEXT(intake_address), OPTIONAL},
    {"image_bytes_per_s", value_u64, AT(image_bytes_per_s), 16u << 10, 1ull << 40,
     OPTIONAL},
};
#define KEYS (sizeof(keys) / sizeof(keys[0]))

static void set_defaults(struct config *config) {
    memset(config, 0, sizeof(*config));
    config->http_threads = 2;
    config->hash_threads = 2;
    config->free_bytes_min = (uint64_t)256 << 20;
    config->map_bytes = (uint64_t)64 << 30;
    config->election_timeout_ms = 300;
    config->heartbeat_ms = 20;
    config->staleness_bound_ms = 3000;
    config->clock_skew_max_ms = 2000;
    config->stall_limit_ms = 4000;
    config->drain_ms = 3000;
    config->scrub_interval_s = 86400;
    config->blob_lost_after_s = 3600;
    config->key_rotate_s = 90 * 86400;
    config->key_publish_s = 86400;
    config->session_idle_s = 1800;
    config->session_lifetime_s = 43200;
    config->staff_idle_s = 900;
    config->staff_lifetime_s = 36000;
    config->review_claim_s = 1200;
    config->job_lease_s = 120;
    config->login_limit_per_minute = 60;
    config->login_cap_account = 60;
    config->login_cap_source = 300;
    config->login_cap_client = 100000;
    config->log_retained_bytes = (uint64_t)64 << 20;
    config->image_bytes_per_s = (uint64_t)64 << 20;
    config->smtp_timeout_ms = 8000;
    config->sms_timeout_ms = 5000;
    config->push_timeout_ms = 5000;
    config->sms_cap_number = 10;
    config->sms_cap_burst = 5;
    config->sms_cap_prefix = 1000;
    config->sms_cap_source = 50;
    config->sms_cap_site = 500;
    config->sms_cap_client = 20000;
    config->sms_cap_foreign = 1000;
    config->sms_cap_all = 50000;
    config->mail_cap_address = 20;
    config->mail_cap_source = 200;
    config->mail_cap_site = 1000;
    config->mail_cap_all = 100000;
    config->application_remind_s = 14 * 86400;
    config->application_lapse_s = 90 * 86400;
    config->activation_remind_s = 3 * 86400;
    config->activation_lapse_s = 60 * 86400;
    snprintf(config->other_documents, sizeof(config->other_documents), "%s",
             "団体の規約または定款の写しと、代表者の印鑑登録証明書（原本、発行から3か月以内）");
    snprintf(config->other_documents_en, sizeof(config->other_documents_en), "%s",
             "a copy of the body's articles, and its representative's certificate of "
             "registered seal (original, not older than three months)");
}

static const struct key_spec *key_find(struct span name) {
    for (size_t i = 0; i < KEYS; i++)
        if (span_is(name, keys[i].name))
            return &keys[i];
    return NULL;
}

/* Cut a comment: `#` at the start, or after a blank. */
static struct span without_comment(struct span line) {
    for (size_t i = 0; i < line.len; i++)
        if (line.data[i] == '#' && (i == 0 || is_blank(line.data[i - 1])))
            return span_of(line.data, i);
    return line;
}

static enum err parse_line(struct parser *parser, struct span line, bool seen[KEYS]) {
    const struct key_spec *spec;
    const uint8_t *equals;
    struct span name, value;

    line = trim(without_comment(line));
    if (line.len == 0)
        return OK;
    equals = memchr(line.data, '=', line.len);
    if (!equals)
        return fail(parser, "key = value is expected");
    name = trim(span_of(line.data, (size_t)(equals - line.data)));
    value = trim(span_of(equals + 1, line.len - (size_t)(equals - line.data) - 1));
    spec = key_find(name);
    if (!spec)
        return fail(parser, "there is no key '%.*s'",
                    name.len > 64 ? 64 : (int)name.len, (const char *)name.data);
    parser->key = spec->name;
    if (seen[spec - keys] && spec->presence != REPEATED &&
        spec->presence != ANY_NUMBER)
        return fail(parser, "the key stands here for the second time");
    seen[spec - keys] = true;
    return spec->parse(parser, spec, value);
}

static enum err parse_lines(struct parser *parser, struct span text, bool seen[KEYS]) {
    enum err err = OK;

    while (text.len > 0 && err == OK) {
        const uint8_t *end = memchr(text.data, '\n', text.len);
        size_t len = end ? (size_t)(end - text.data) : text.len;
        struct span line = span_of(text.data, len);

        if (len > 0 && line.data[len - 1] == '\r')
            line.len--;
        parser->line++;
        parser->key = NULL;
        if (line.len > 0 && !utf8_valid(line))
            return fail(parser, "UTF-8 text is expected");
        err = parse_line(parser, line, seen);
        len += end ? 1 : 0;
        text = span_of(text.data + len, text.len - len);
    }
    return err;
}

static enum err check_present(struct parser *parser, const bool seen[KEYS]) {
    for (size_t i = 0; i < KEYS; i++) {
        if (seen[i] || keys[i].presence == OPTIONAL || keys[i].presence == ANY_NUMBER)
            continue;
        parser->key = keys[i].name;
        return fail(parser, "the key is missing");
    }
    return OK;
}

/* Defaults that follow from other keys. */
static void set_dependent(struct config *config, const bool seen[KEYS]) {
    if (!seen[key_find(span_str("outbound_private")) - keys])
        config->outbound_private = config->environment == ENV_DEMO;
}

static enum err check_self(struct parser *parser) {
    struct config *config = parser->config;

    for (size_t i = 0; i < config->peers_count; i++) {
        if (config->peers[i].id != config->node_id)
            continue;
        memcpy(config->region, config->peers[i].region, sizeof(config->region));
        return OK;
    }
    parser->key = "peer";
    return fail(parser, "a peer line for this node (node_id = %llu) is expected",
                (unsigned long long)config->node_id);
}

static enum err check_listeners(struct parser *parser) {
    struct config *config = parser->config;
    const struct {
        const char *name;
        const char *address;
    } used[] = {
        {"http_listen", config->http.address},
        {"balancer_listen", config->balancer.address},
        {"operator_listen", config->operator_.address},
        {"worker_listen", config->worker.address},
        {"mtls_listen", config->mtls.address},
        {"staff_listen", config->staff.address},
    };

    if (config->http.address[0] == 0 && config->balancer.address[0] == 0) {
        parser->key = "http_listen";
        return fail(parser, "http_listen or balancer_listen is expected");
    }
    if ((config->mtls.address[0] == 0) != (config->mtls_url[0] == 0)) {
        parser->key = "mtls_listen";
        return fail(parser, "mtls_listen and mtls_url stand together, or neither does");
    }
    for (size_t i = 0; i < sizeof(used) / sizeof(used[0]); i++) {
        parser->key = used[i].name;
        for (size_t j = 0; used[i].address[0] && j < i; j++)
            if (strcmp(used[i].address, used[j].address) == 0)
                return fail(parser, "%s is taken by %s already", used[i].address,
                            used[j].name);
        for (size_t j = 0; used[i].address[0] && j < config->peers_count; j++)
            if (strcmp(used[i].address, config->peers[j].address) == 0)
                return fail(parser, "%s is taken by peer already", used[i].address);
    }
    return OK;
}

/* What `url` names must be reachable under a host that is answered to. */
static enum err check_url_host(struct parser *parser, const char *what,
                               const char *url) {
    struct config *config = parser->config;
    struct span host = issuer_host(span_str(url));
    const uint8_t *colon = memchr(host.data, ':', host.len);
    struct span name =
        span_of(host.data, colon ? (size_t)(colon - host.data) : host.len);

    for (size_t i = 0; i < config->hosts_count; i++)
        if (span_is(host, config->hosts[i]) || span_is(name, config->hosts[i]))
            return OK;
    parser->key = "host";
    return fail(parser, "the host %.*s of %s is expected among the hosts",
                (int)host.len, (const char *)host.data, what);
}

/* Others may keep the keys for longer than we tell them to; tests cannot wait so long. */
#define KEY_PUBLISH_S_MIN 600u

/* The host of a provider's address. */
static struct span provider_host(const char *url) {
    const char *start = strstr(url, "://");
    size_t len;

    CHECK(start);
    start += 3;
    len = strcspn(start, ":/");
    return span_of(start, len);
}

/* What is not protected on its way must not leave the machine, but in a demo. */
static enum err check_plain(struct parser *parser, const char *key, const char *url) {
    struct span host = provider_host(url);
    bool plain = strncmp(url, "http://", 7) == 0 || strncmp(url, "smtp+plain://", 13) == 0;

    if (!plain || parser->config->environment == ENV_DEMO ||
        span_is(host, "127.0.0.1") || span_is(host, "localhost"))
        return OK;
    parser->key = key;
    return fail(parser, "a scheme with TLS is expected: without it only 127.0.0.1, "
                        "localhost, and the environment demo are possible");
}

static enum err check_providers(struct parser *parser) {
    static const char *const keys_url[] = {"smtp_url", "smtp_url_2", "sms_url",
                                           "sms_url_2", "push_url", "push_url_2"};
    static const char *const keys_credentials[] = {
        "smtp_credentials",  "smtp_credentials_2", "sms_credentials",
        "sms_credentials_2", "push_credentials",   "push_credentials_2"};
    const struct config_provider *at = parser->config->providers;

    for (size_t i = 0; i < CONFIG_PROVIDERS; i++) {
        enum err err = at[i].url[0] ? check_plain(parser, keys_url[i], at[i].url) : OK;

        if (err)
            return err;
        parser->key = i % 2 == 1 ? keys_url[i] : keys_credentials[i];
        if (i % 2 == 1 && at[i].url[0] && !at[i - 1].url[0])
            return fail(parser, "%s is expected beside it", keys_url[i - 1]);
        parser->key = keys_credentials[i];
        if (at[i].credentials[0] && !at[i].url[0])
            return fail(parser, "%s is expected beside it", keys_url[i]);
    }
    parser->key = "smtp_from";
    if ((parser->config->smtp_from[0] != 0) != (at[0].url[0] != 0))
        return fail(parser, "smtp_url and smtp_from stand together, or neither does");
    return OK;
}

static enum err check_times(struct parser *parser) {
    struct config *config = parser->config;

    if (config->heartbeat_ms * 2 > config->election_timeout_ms) {
        parser->key = "heartbeat_ms";
        return fail(parser, "at most half of election_timeout_ms (%u) is expected",
                    (unsigned)config->election_timeout_ms);
    }
    if (config->session_idle_s > config->session_lifetime_s) {
        parser->key = "session_idle_s";
        return fail(parser, "at most session_lifetime_s (%u) is expected",
                    (unsigned)config->session_lifetime_s);
    }
    if (config->key_publish_s < KEY_PUBLISH_S_MIN && config->environment != ENV_DEMO) {
        parser->key = "key_publish_s";
        return fail(parser, "at least %u is expected but in a demo", KEY_PUBLISH_S_MIN);
    }
    if (config->staff_idle_s > config->staff_lifetime_s) {
        parser->key = "staff_idle_s";
        return fail(parser, "at most staff_lifetime_s (%u) is expected",
                    (unsigned)config->staff_lifetime_s);
    }
    return OK;
}

enum err config_parse(const char *name, struct span text, struct config *ret_config,
                      char why[512]) {
    struct config *config = malloc(sizeof(*config));
    struct parser parser = {.name = name, .config = config, .why = why};
    bool seen[KEYS] = {false};
    enum err err;

    if (!config) {
        snprintf(why, WHY_MAX, "%.200s: out of memory", name);
        return ERR_NOMEM;
    }
    set_defaults(config);
    err = text.len <= CONFIG_FILE_MAX
              ? parse_lines(&parser, text, seen)
              : fail(&parser, "at most %d bytes are expected", CONFIG_FILE_MAX);
    if (err == OK) {
        parser.line = 0;
        parser.key = NULL;
        err = check_present(&parser, seen);
        set_dependent(config, seen);
    }
    if (err == OK)
        err = check_self(&parser);
    if (err == OK)
        err = check_listeners(&parser);
    if (err == OK)
        err = check_url_host(&parser, "issuer", config->issuer);
    if (err == OK && config->mtls_url[0])
        err = check_url_host(&parser, "mtls_url", config->mtls_url);
    if (err == OK)
        err = check_providers(&parser);
    if (err == OK)
        err = check_times(&parser);
    if (err == OK)
        *ret_config = *config;
    free(config);
    return err;
}

static enum err read_file(const char *path, char *out, size_t max, size_t *ret_len,
                          char *why) {
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat st;
    size_t len = 0;
    ssize_t got = 1;

    if (fd < 0 || fstat(fd, &st) != 0) {
        snprintf(why, WHY_MAX, "%.200s: %s", path, strerror(errno));
        if (fd >= 0)
            close(fd);
        return ERR_CONFIG;
    }
    if (!S_ISREG(st.st_mode)) {
        snprintf(why, WHY_MAX, "%.200s: a regular file is expected", path);
        close(fd);
        return ERR_CONFIG;
    }
    while (len < max && (got = read(fd, out + len, max - len)) > 0)
        len += (size_t)got;
    if (got < 0)
        snprintf(why, WHY_MAX, "%.200s: %s", path, strerror(errno));
    close(fd);
    *ret_len = len;
    return got < 0 ? ERR_CONFIG : OK;
}

enum err config_load(const char *path, struct config *ret_config, char why[512]) {
    char *text = malloc(CONFIG_FILE_MAX + 1);
    size_t len = 0;
    enum err err;

    if (!text) {
        snprintf(why, WHY_MAX, "%.200s: out of memory", path);
        return ERR_NOMEM;
    }
    err = read_file(path, text, CONFIG_FILE_MAX + 1, &len, why);
    if (err == OK)
        err = config_parse(path, span_of(text, len), ret_config, why);
    free(text);
    return err;
}

static enum err check_file(const char *key, const char *path, bool secret, char *why) {
    struct stat st;

    if (stat(path, &st) != 0) {
        snprintf(why, WHY_MAX, "%s: %.300s: %s", key, path, strerror(errno));
        return ERR_CONFIG;
    }
    if (!S_ISREG(st.st_mode)) {
        snprintf(why, WHY_MAX, "%s: %.300s: a regular file is expected", key, path);
        return ERR_CONFIG;
    }
    if (access(path, R_OK) != 0) {
        snprintf(why, WHY_MAX, "%s: %.300s: %s", key, path, strerror(errno));
        return ERR_CONFIG;
    }
    if (secret && (st.st_mode & 077)) {
        snprintf(why, WHY_MAX, "%s: %.300s: mode is %04o; 0600 or stricter is expected",
                 key, path, (unsigned)(st.st_mode & 07777));
        return ERR_CONFIG;
    }
    if (secret && st.st_uid != geteuid() && st.st_uid != 0) {
        snprintf(why, WHY_MAX, "%s: %.300s: owner must be this process's user or root",
                 key, path);
        return ERR_CONFIG;
    }
    return OK;
}

enum err config_check_files(const struct config *config, char why[512]) {
    const struct {
        const char *key;
        const char *path;
        bool secret;
    } files[] = {
        {"http_cert", config->http_cert, false},
        {"http_key", config->http_key, true},
        {"peer_cert", config->peer_cert, false},
        {"peer_key", config->peer_key, true},
        {"ca", config->ca, false},
        {"cluster_key", config->cluster_key, true},
        {"outbound_ca", config->outbound_ca, false},
        {"client_ca", config->client_ca, false},
        {"smtp_credentials", config->providers[0].credentials, true},
        {"smtp_credentials_2", config->providers[1].credentials, true},
        {"sms_credentials", config->providers[2].credentials, true},
        {"sms_credentials_2", config->providers[3].credentials, true},
        {"push_credentials", config->providers[4].credentials, true},
        {"push_credentials_2", config->providers[5].credentials, true},
    };

    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        enum err err = OK;

        if (files[i].path[0])
            err = check_file(files[i].key, files[i].path, files[i].secret, why);
        if (err != OK)
            return err;
    }
    return OK;
}
