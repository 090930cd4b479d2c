/* load: a closed-loop load generator for one flow; see --help.
 *
 * One thread: users (load_flow) over connections (load_conn), latencies in a
 * histogram (load_hist). Bounded in time. Prints one JSON object. */
#include <arpa/inet.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "ops/bench.d/load_flow.h"

#define NODES_MAX 16
#define USERS_MAX 1024
#define EVENTS_MAX 256
#define POLL_MS 2

static const char usage[] =
    "bench_load --node https://IPv4:PORT [--node ...] --ca FILE [options]\n"
    "  --flow get|code|refresh|login|client   what each user repeats (default get)\n"
    "  --path PATH        get: what\n"
    "  --bearer           get: with an access token\n"
    "  --client ID, --secret S, --redirect URI, --scope LIST\n"
    "  --resource URI     client: what the token is for\n"
    "  --key FILE         a P-256 key (PEM), with one of these or both:\n"
    "  --assert AUDIENCE  private_key_jwt instead of the secret, key id \"bench\"\n"
    "  --dpop URL         DPoP proofs for the token endpoint of this name\n"
    "  --account ID       and the password in the environment's LOAD_PASSWORD\n"
    "  --host NAME        Host header and TLS name (default: as in --node)\n"
    "  --users N          at once (default 32); each has a connection to two nodes\n"
    "  --sessions N       of them sign in, the others share their sessions (default "
    "4)\n"
    "  --seconds S        measured (default 5), after --warmup S (default 1)\n"
    "  --count N          end earlier, after N repetitions\n"
    "  --setup S          how long signing in may take (default 30)\n"
    "Prints one JSON object. Exit code 0; 2: wrong usage; 3: the users could not be\n"
    "set up, or nothing succeeded.\n";

struct run {
    struct load_options options;
    struct load_stats stats;
    struct load_node nodes[NODES_MAX];
    unsigned nodes_count, users_count;
    const char *ca, *host;
    unsigned seconds, warmup, setup;
    uint64_t count;
    struct load_user *users;
    SSL_CTX *tls;
    int epoll;
    uint64_t began_us, ended_us;
};

static _Noreturn void refuse(const char *what, const char *value) {
    fprintf(stderr, "bench_load: %s%s%s\n%s", what, value ? ": " : "",
            value ? value : "", usage);
    exit(2);
}

static unsigned number(const char *text, unsigned max) {
    char *end;
    unsigned long value = strtoul(text, &end, 10);
    if (end == text || *end != '\0' || value > max) {
        refuse("a number is expected, and not too large a one", text);
    }
    return (unsigned)value;
}

static void add_node(struct run *run, const char *url) {
    char host[101];
    unsigned port;
    int len = 0;
    if (run->nodes_count == NODES_MAX ||
        sscanf(url, "https://%100[0-9.]:%5u%n", host, &port, &len) != 2 ||
        (url[len] != '\0' && strcmp(url + len, "/") != 0) || port > 65535) {
        refuse("not https://IPv4:PORT, or too many", url);
    }
    struct load_node *node = &run->nodes[run->nodes_count++];
    node->address.sin_family = AF_INET;
    node->address.sin_port = htons((uint16_t)port);
    if (inet_pton(AF_INET, host, &node->address.sin_addr) != 1) {
        refuse("not an IPv4 address", url);
    }
    snprintf(node->host, sizeof(node->host), "%s:%u", host, port);
}

static enum load_flow flow_of(const char *name) {
    static const char *const names[] = {"get", "code", "refresh", "login",
                                        "client"};
    for (unsigned i = 0; i < LOAD_FLOWS; i++) {
        if (strcmp(name, names[i]) == 0) {
            return (enum load_flow)i;
        }
    }
    refuse("no such flow", name);
}

static void take_text_option(struct run *run, int option, const char *value) {
    switch (option) {
    case 'p':
        run->options.path = value;
        break;
    case 'i':
        run->options.client_id = value;
        break;
    case 's':
        run->options.client_secret = value;
        break;
    case 'r':
        run->options.redirect_uri = value;
        break;
    case 'o':
        run->options.scope = value;
        break;
    case 'R':
        run->options.resource = value;
        break;
    case 'k':
        run->options.signer = load_signer_new(value);
        if (run->options.signer == NULL) {
            refuse("not a P-256 key in PEM", value);
        }
        break;
    case 'j':
        run->options.audience = value;
        break;
    case 'D':
        run->options.endpoint = value;
        break;
    case 'a':
        run->options.account = value;
        break;
    case 'H':
        run->host = value;
        break;
    case 'A':
        run->ca = value;
        break;
    default:
        refuse("wrong usage", NULL);
    }
}

static void take_option(struct run *run, int option, const char *value) {
    switch (option) {
    case 'n':
        add_node(run, value);
        break;
    case 'f':
        run->options.flow = flow_of(value);
        break;
    case 'b':
        run->options.bearer = true;
        break;
    case 'u':
        run->users_count = number(value, USERS_MAX);
        break;
    case 'S':
        run->options.sessions = number(value, USERS_MAX);
        break;
    case 't':
        run->seconds = number(value, 3600);
        break;
    case 'w':
        run->warmup = number(value, 600);
        break;
    case 'c':
        run->count = number(value, 1000000000);
        break;
    case 'U':
        run->setup = number(value, 600);
        break;
    case 'h':
        fputs(usage, stdout);
        exit(0);
    default:
        take_text_option(run, option, value);
    }
}

static const struct option long_options[] = {
    {"node", required_argument, NULL, 'n'},
    {"ca", required_argument, NULL, 'A'},
    {"flow", required_argument, NULL, 'f'},
    {"path", required_argument, NULL, 'p'},
    {"bearer", no_argument, NULL, 'b'},
    {"client", required_argument, NULL, 'i'},
    {"secret", required_argument, NULL, 's'},
    {"redirect", required_argument, NULL, 'r'},
    {"scope", required_argument, NULL, 'o'},
    {"resource", required_argument, NULL, 'R'},
    {"key", required_argument, NULL, 'k'},
    {"assert", required_argument, NULL, 'j'},
    {"dpop", required_argument, NULL, 'D'},
    {"account", required_argument, NULL, 'a'},
    {"host", required_argument, NULL, 'H'},
    {"users", required_argument, NULL, 'u'},
    {"sessions", required_argument, NULL, 'S'},
    {"seconds", required_argument, NULL, 't'},
    {"warmup", required_argument, NULL, 'w'},
    {"count", required_argument, NULL, 'c'},
    {"setup", required_argument, NULL, 'U'},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

static void parse_options(struct run *run, int argc, char **argv) {
    int option;
    while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
        take_option(run, option, optarg);
    }
    const char *password = getenv("LOAD_PASSWORD");
    run->options.password = password == NULL ? "" : password;
    if (run->nodes_count == 0 || run->ca == NULL || optind != argc ||
        run->users_count == 0 || run->options.sessions == 0) {
        refuse("--node and --ca are needed, and users and sessions above 0", NULL);
    }
    for (unsigned i = 0; i < run->nodes_count && run->host != NULL; i++) {
        snprintf(run->nodes[i].host, sizeof(run->nodes[i].host), "%s", run->host);
    }
}

static bool set_up(struct run *run) {
    run->tls = SSL_CTX_new(TLS_client_method());
    run->epoll = epoll_create1(EPOLL_CLOEXEC);
    run->users = calloc(run->users_count, sizeof(*run->users));
    if (run->tls == NULL || run->epoll < 0 || run->users == NULL) {
        return false;
    }
    if (SSL_CTX_load_verify_file(run->tls, run->ca) != 1) {
        refuse("no certificates in", run->ca);
    }
    SSL_CTX_set_verify(run->tls, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_read_ahead(run->tls, 1); /* a record's head and body in one read */
    SSL_CTX_set_mode(run->tls, SSL_MODE_ENABLE_PARTIAL_WRITE |
                                   SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    for (unsigned i = 0; i < run->users_count; i++) {
        unsigned teacher = i % run->options.sessions;
        if (!load_user_init(&run->users[i], i, &run->options, &run->stats, run->epoll,
                            run->tls, &run->nodes[(i + 1) % run->nodes_count],
                            &run->nodes[i % run->nodes_count],
                            teacher == i ? NULL : &run->users[teacher])) {
            return false;
        }
    }
    return true;
}

static void turn(struct run *run) {
    struct epoll_event events[EVENTS_MAX];
    int n = epoll_wait(run->epoll, events, EVENTS_MAX, POLL_MS);
    for (int i = 0; i < n; i++) {
        load_conn_event(events[i].data.ptr, events[i].events);
    }
}

static void poll_users(struct run *run) {
    for (unsigned i = 0; i < run->users_count; i++) {
        load_user_poll(&run->users[i]);
    }
}

static bool all_ready(const struct run *run) {
    for (unsigned i = 0; i < run->users_count; i++) {
        if (!run->users[i].ready) {
            return false;
        }
    }
    return true;
}

/* Turn the loop until `end_us`, or until `done` says so. */
static void turn_until(struct run *run, uint64_t end_us,
                       bool (*done)(const struct run *)) {
    uint64_t poll_us = 0;
    for (;;) {
        uint64_t now_us = load_now_us();
        if (now_us >= end_us || (done != NULL && done(run))) {
            return;
        }
        if (now_us >= poll_us) {
            poll_users(run);
            poll_us = now_us + POLL_MS * 1000;
        }
        turn(run);
    }
}

static bool counted(const struct run *run) {
    return run->count > 0 && run->stats.units >= run->count;
}

static void print_json_string(const char *text) {
    putchar('"');
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        if (c < 0x20 || c == '"' || c == '\\') {
            printf("\\u%04x", c);
        } else {
            putchar(c);
        }
    }
    putchar('"');
}

static void print_hist(const struct load_hist *hist) {
    static const struct {
        const char *name;
        unsigned permille;
    } points[] = {{"p50", 500}, {"p90", 900}, {"p99", 990}, {"p999", 999}};
    printf("{\"count\":%" PRIu64, hist->total);
    for (size_t i = 0; i < sizeof(points) / sizeof(points[0]); i++) {
        printf(",\"%s_ms\":%.3f", points[i].name,
               (double)load_hist_at(hist, points[i].permille) / 1000);
    }
    printf(",\"max_ms\":%.3f}", (double)hist->max_us / 1000);
}

static void print_result(const struct run *run) {
    double seconds = (double)(run->ended_us - run->began_us) / 1e6;
    uint64_t dials = 0;
    for (unsigned i = 0; i < run->users_count; i++) {
        dials += run->users[i].browser.dials + run->users[i].back.dials;
    }
    printf("{\"units\":%" PRIu64 ",\"errors\":%" PRIu64 ",\"seconds\":%.3f"
           ",\"per_second\":%.1f,\"users\":%u,\"connections_dialled\":%" PRIu64
           ",\"latency\":",
           run->stats.units, run->stats.errors, seconds,
           seconds > 0 ? (double)run->stats.units / seconds : 0, run->users_count,
           dials);
    print_hist(&run->stats.unit);
    printf(",\"steps\":{");
    bool first = true;
    for (int i = 0; i < LOAD_STEPS; i++) {
        if (run->stats.steps[i].total > 0) {
            printf("%s\"%s\":", first ? "" : ",", load_step_name((enum load_step)i));
            print_hist(&run->stats.steps[i]);
            first = false;
        }
    }
    printf("},\"first_error\":");
    print_json_string(run->stats.first_error);
    printf("}\n");
}

int main(int argc, char **argv) {
    static struct run run = {
        .options = {.path = "/",
                    .client_id = "",
                    .client_secret = "",
                    .redirect_uri = "",
                    .scope = "openid",
                    .resource = "",
                    .audience = "",
                    .endpoint = "",
                    .account = "",
                    .sessions = 4,
                    .request_timeout_ms = 10000},
        .users_count = 32,
        .seconds = 5,
        .warmup = 1,
        .setup = 30,
    };
    signal(SIGPIPE, SIG_IGN);
    parse_options(&run, argc, argv);
    if (!set_up(&run)) {
        fprintf(stderr, "bench_load: out of memory or descriptors\n");
        return 3;
    }
    turn_until(&run, load_now_us() + run.setup * UINT64_C(1000000), all_ready);
    if (!all_ready(&run)) {
        fprintf(stderr, "bench_load: not all users are set up after %u s: %s\n",
                run.setup, run.stats.first_error);
        return 3;
    }
    turn_until(&run, load_now_us() + run.warmup * UINT64_C(1000000), NULL);
    run.stats.errors = 0;
    run.stats.first_error[0] = '\0';
    run.stats.measuring = true;
    run.began_us = load_now_us();
    turn_until(&run, run.began_us + run.seconds * UINT64_C(1000000), counted);
    run.ended_us = load_now_us();
    print_result(&run);
    for (unsigned i = 0; i < run.users_count; i++) {
        load_user_close(&run.users[i]);
    }
    free(run.users);
    load_signer_free(run.options.signer);
    SSL_CTX_free(run.tls);
    close(run.epoll);
    return run.stats.units > 0 ? 0 : 3;
}
