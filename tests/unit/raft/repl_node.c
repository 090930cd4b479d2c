/* repl_node: one replica as a process, driven over its standard input by
 * repl_cluster.c, so that tests can kill it like the real thing.
 *
 *   repl_node DIR ID RUN CLUSTER_HEX PORT1,PORT2,...
 *
 * DIR holds ca.pem, node<ID>.pem, node<ID>.key; node<ID>/{raft,store} are its data.
 * Commands, one a line; each is answered with one line:
 *   load N    keep N writes outstanding; prints "ack SUB MONO_US" for each
 *   pause     stop, wait for what is outstanding: "paused ACKS FAILS TWICE"
 *   bench S N load for S seconds without ack lines: "bench ACKS P50_US P99_US"
 *   push S N  the same with pushed requests of 256 bytes instead of accounts
 *   one       a single write: "one ERR US"
 *   read      a linearizable read: "read ERR US"
 *   status    "status READY LEADER TERM APPLIED LO HI FRESH DIFFERS CLOCK"
 *   verify F  subs in file F, hex, one a line: "missing N"
 *   transfer T "transfer ERR US"
 *   add ID ADDRESS REGION | promote ID | remove ID | prefer REGION  a change of
 *             members: "changed ERR CODE"
 *   members   "members CONFIGURATION_INDEX CHANGE|", then for each node
 *             " ID:WANTED:SETTLED:ROLE" (voter, standby or none)
 *   stall     block the raft thread: the watchdog's business; no answer
 *   quit      stop in good order and exit 0
 *
 * From the environment: REPL_VERBOSE; REPL_STALENESS_MS, REPL_STALL_MS,
 * REPL_TRAILING_BYTES, REPL_MARKER_ENTRIES, REPL_FREE_MIN for the configuration;
 * REPL_NO_BOOTSTRAP;
 * REPL_WALL_OFFSET_S, added to the wall clock; REPL_SPOIL: change a row of the
 * store first, behind the state machine's back. */
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "raft/repl.h"
#include "store/base/check.h"
#include "store/base/codec.h"
#include "store/base/log.h"
#include "store/store_account.h"
#include "store/store_write.h"

#define WRITERS_MAX 1024
#define SAMPLES_MAX 2000000
#define DEADLINE_MS 8000

struct writer {
    struct repl_request request;
    struct buf payload;
    struct id128 sub;
    uint64_t begun_us;
};

#define PUSHED_BYTES 256
#define PUSHED_MS (24u * 3600 * 1000)
static const char push_client[] = "push";

static struct {
    struct repl *repl;
    struct store *store;
    struct port_loop loop;
    pthread_mutex_t mutex;
    struct port_task *head, **end;
    int event;
    uint64_t id, run, counter;
    struct writer writer[WRITERS_MAX];
    unsigned wanted, outstanding;
    uint64_t acks, fails, twice;
    bool quiet;
    bool pushes; /* writers push requests; else they make accounts */
    uint32_t *samples;
    size_t samples_count;
} me;

static uint64_t mono_us(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static void loop_post(struct port_loop *loop, struct port_task *task) {
    uint64_t one = 1;
    (void)loop;
    task->next = NULL;
    pthread_mutex_lock(&me.mutex);
    bool wake = me.head == NULL;
    *me.end = task;
    me.end = &task->next;
    pthread_mutex_unlock(&me.mutex);
    if (wake) {
        CHECK(write(me.event, &one, sizeof(one)) == sizeof(one));
    }
}

static void loop_run(void) {
    uint64_t count;
    (void)!read(me.event, &count, sizeof(count));
    pthread_mutex_lock(&me.mutex);
    struct port_task *task = me.head;
    me.head = NULL;
    me.end = &me.head;
    pthread_mutex_unlock(&me.mutex);
    while (task != NULL) {
        struct port_task *next = task->next;
        task->run(task);
        task = next;
    }
}

static void loop_wait(int timeout_ms) {
    struct pollfd fd = {.fd = me.event, .events = POLLIN};
    if (poll(&fd, 1, timeout_ms) > 0) {
        loop_run();
    }
}

static void write_begin(struct writer *w);

static void write_done(struct repl_request *request) {
    struct writer *w = (struct writer *)request;
    uint64_t now = mono_us();
    char hex[33];
    me.outstanding--;
    if (request->err != OK) {
        me.fails++;
    } else if (request->outcome.code != OUT_OK) {
        me.twice++; /* OUT_EXISTS: it was applied before */
    } else {
        me.acks++;
        if (!me.quiet) {
            hex_encode(span_of(w->sub.b, sizeof(w->sub.b)), hex);
            printf("ack %s %llu\n", hex, (unsigned long long)now);
        } else if (me.samples_count < SAMPLES_MAX) {
            me.samples[me.samples_count++] = (uint32_t)(now - w->begun_us);
        }
    }
    repl_request_close(request);
    if (me.outstanding < me.wanted) {
        write_begin(w);
    }
}

/* splitmix64's finish, a bijection: other numbers, and all of them different. */
static uint64_t scatter(uint64_t x) {
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

/* A key that no other write has. */
static struct id128 next_key(void) {
    uint64_t parts[2] = {me.id << 32 | me.run, ++me.counter};
    if (getenv("REPL_SCATTER") != NULL) { /* keys all over the tables, as real ones */
        parts[0] = scatter(parts[1] << 16 | (parts[0] >> 32) << 12 | me.run);
        parts[1] = scatter(parts[1]);
    }
    struct id128 key;
    memcpy(key.b, parts, sizeof(key.b));
    return key;
}

static void make_account(struct writer *w) {
    struct command command = {.type = CMD_ACCOUNT_PUT};
    struct account *account = &command.account_put.account;
    static const char hash[] = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0$"
                               "aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNoaGFzaA";
    static const uint8_t profile[100] = {1};
    w->sub = next_key();
    account->sub = w->sub;
    memcpy(account->login_index.b, w->sub.b, sizeof(w->sub.b));
    account->type = ACCOUNT_ENTRY;
    account->state = ACCOUNT_ACTIVE;
    account->generation = 1;
    account->password_hash = span_str(hash);
    account->sealed_profile = span_of(profile, sizeof(profile));
    CHECK(command_encode(&command, &w->payload) == OK);
}

static void make_push(struct writer *w) {
    static const uint8_t form[PUSHED_BYTES] = {1};
    struct command command = {
        .type = CMD_REQUEST_PUSH,
        .request_push = {.client_id = span_str(push_client),
                         .form = span_of(form, sizeof(form)),
                         .ttl_ms = PUSHED_MS,
                         .keep_ms = PUSHED_MS}};
    w->sub = next_key();
    memcpy(command.request_push.key.b, w->sub.b, sizeof(w->sub.b));
    CHECK(command_encode(&command, &w->payload) == OK);
}

static void make_command(struct writer *w) {
    w->request.type = me.pushes ? CMD_REQUEST_PUSH : CMD_ACCOUNT_PUT;
    buf_reset(&w->payload);
    if (me.pushes) {
        make_push(w);
    } else {
        make_account(w);
    }
    w->request.payload = buf_span(&w->payload);
}

static void write_begin(struct writer *w) {
    make_command(w);
    w->begun_us = mono_us();
    w->request.deadline_mono_ms =
        port_system_clock.mono_ms(port_system_clock.impl) + DEADLINE_MS;
    w->request.loop = &me.loop;
    w->request.done = write_done;
    me.outstanding++;
    enum err err = repl_submit(me.repl, &w->request);
    if (err != OK) {
        me.outstanding--;
        me.fails++;
        fprintf(stderr, "submit: %s\n", err_str(err));
    }
}

static void do_load(unsigned n) {
    CHECK(n <= WRITERS_MAX);
    me.wanted = n;
    for (unsigned i = me.outstanding; i < n; i++) {
        write_begin(&me.writer[i]);
    }
}

static void do_pause(void) {
    me.wanted = 0;
    while (me.outstanding > 0) {
        loop_wait(1000);
    }
}

static int by_value(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

static void do_bench(unsigned seconds, unsigned n) {
    uint64_t until = mono_us() + (uint64_t)seconds * 1000000;
    uint64_t before = me.acks;
    me.quiet = true;
    me.samples_count = 0;
    do_load(n);
    while (mono_us() < until) {
        loop_wait(10);
    }
    uint64_t done = me.acks - before;
    do_pause();
    me.quiet = false;
    qsort(me.samples, me.samples_count, sizeof(uint32_t), by_value);
    size_t count = me.samples_count;
    printf("bench %llu %u %u\n", (unsigned long long)done,
           count ? me.samples[count / 2] : 0, count ? me.samples[count * 99 / 100] : 0);
}

static bool one_is_done;
static enum err one_err;

static void one_done(struct repl_request *request) {
    one_is_done = true;
    one_err = request->err;
    repl_request_close(request);
}

static void do_one(void) {
    struct writer w = {0};
    buf_init(&w.payload, LIMIT_COMMAND);
    make_command(&w);
    uint64_t begun = mono_us();
    w.request.deadline_mono_ms =
        port_system_clock.mono_ms(port_system_clock.impl) + DEADLINE_MS;
    w.request.loop = &me.loop;
    w.request.done = one_done;
    one_is_done = false;
    one_err = repl_submit(me.repl, &w.request);
    while (one_err == OK && !one_is_done) {
        loop_wait(1000);
    }
    printf("one %d %llu\n", one_err, (unsigned long long)(mono_us() - begun));
    buf_free(&w.payload);
}

static enum outcome_code one_code;

static void change_done(struct repl_request *request) {
    one_is_done = true;
    one_err = request->err;
    one_code = request->outcome.code;
    repl_request_close(request);
}

static void change(const struct command *command) {
    struct repl_request request = {.type = command->type, .loop = &me.loop};
    struct buf payload;
    buf_init(&payload, LIMIT_COMMAND);
    CHECK(command_encode(command, &payload) == OK);
    request.payload = buf_span(&payload);
    request.deadline_mono_ms =
        port_system_clock.mono_ms(port_system_clock.impl) + DEADLINE_MS;
    request.done = change_done;
    one_is_done = false;
    one_code = OUT_OK;
    one_err = repl_submit(me.repl, &request);
    while (one_err == OK && !one_is_done) {
        loop_wait(1000);
    }
    buf_free(&payload);
}

static void do_change(const struct command *command) {
    change(command);
    printf("changed %d %d\n", one_err, one_code);
}

static void do_push(unsigned seconds, unsigned n) {
    struct client client = {.client_id = push_client,
                            .name = "",
                            .environment = ENV_VERIFICATION,
                            .profile = CLIENT_STANDARD,
                            .auth = CLIENT_AUTH_NONE,
                            .id_token_alg = CLIENT_ES256,
                            .stage = CLIENT_IN_VERIFICATION};
    struct command command = {.type = CMD_CLIENT_PUT, .client_put = {.client = client}};
    change(&command);
    CHECK(one_err == OK && (one_code == OUT_OK || one_code == OUT_EXISTS));
    me.pushes = true;
    do_bench(seconds, n);
    me.pushes = false;
}

static void do_members(void) {
    struct repl_status s;
    repl_status(me.repl, &s);
    printf("members %llu %s|", (unsigned long long)s.configuration_index,
           s.member_change);
    for (size_t i = 0; i < s.nodes_count; i++) {
        const struct repl_node_status *node = &s.nodes[i];
        printf(" %llu:%d:%d:%s", (unsigned long long)node->id, (int)node->wanted,
               node->settled,
               node->voter     ? "voter"
               : node->standby ? "standby"
                               : "none");
    }
    printf("\n");
}

/* A change of members. False: not one. */
static bool do_member_line(const char *line) {
    struct command c = {.type = CMD_MEMBER_ADD};
    struct member_at *at = &c.member_add.member;
    unsigned long long id;
    char region[32];
    if (sscanf(line, "add %llu %63s %31s", &id, at->address, at->region) == 3) {
        at->id = id;
    } else if (sscanf(line, "promote %llu", &id) == 1) {
        c = (struct command){.type = CMD_MEMBER_ROLE,
                             .member_role = {id, MEMBER_VOTER}};
    } else if (sscanf(line, "remove %llu", &id) == 1) {
        c = (struct command){.type = CMD_MEMBER_ROLE, .member_role = {id, MEMBER_GONE}};
    } else if (sscanf(line, "prefer %31s", region) == 1) {
        struct leader_regions *regions = &c.leader_regions.regions;
        c = (struct command){.type = CMD_LEADER_REGIONS};
        regions->count = 1;
        snprintf(regions->region[0], sizeof(regions->region[0]), "%s", region);
    } else {
        return false;
    }
    do_change(&c);
    return true;
}

static void wait_done(struct repl_wait *wait) {
    one_is_done = true;
    one_err = wait->err;
}

static void wait_for(bool transfer, uint64_t to) {
    struct repl_wait wait = {
        .deadline_mono_ms = port_system_clock.mono_ms(port_system_clock.impl) + 3000,
        .loop = &me.loop,
        .done = wait_done};
    one_is_done = false;
    one_err = transfer ? repl_transfer(me.repl, to, &wait) : repl_read(me.repl, &wait);
    while (one_err == OK && !one_is_done) {
        loop_wait(1000);
    }
}

static void do_wait(const char *name, bool transfer, uint64_t to) {
    uint64_t begun = mono_us();
    wait_for(transfer, to);
    printf("%s %d %llu\n", name, one_err, (unsigned long long)(mono_us() - begun));
}

static void block(struct port_loop *loop, struct port_task *task) {
    (void)loop;
    (void)task;
    sleep(60);
}

static void do_stall(void) {
    static struct port_loop blocking = {block};
    static struct repl_wait wait;
    wait = (struct repl_wait){.loop = &blocking, .done = wait_done};
    CHECK(repl_wait_index(me.repl, &wait) == OK);
}

static void do_status(void) {
    struct repl_status s;
    repl_status(me.repl, &s);
    const struct repl_node_status *self = &s.nodes[0];
    bool differs = false;
    for (size_t i = 0; i < s.nodes_count; i++) {
        differs = differs || s.nodes[i].digest_differs;
        if (s.nodes[i].self) {
            self = &s.nodes[i];
        }
    }
    printf("status %d %llu %llu %llu %llx %llx %d %d %llu\n", s.ready,
           (unsigned long long)s.leader_id, (unsigned long long)s.term,
           (unsigned long long)s.applied_index, (unsigned long long)self->digest.lo,
           (unsigned long long)self->digest.hi, repl_fresh(me.repl) == OK, differs,
           (unsigned long long)s.clock_ms);
}

static void do_verify(const char *path) {
    FILE *file = fopen(path, "r");
    struct store_read *read;
    struct arena arena;
    char line[64];
    unsigned missing = 0;
    wait_for(false, 0); /* what was answered may wait for its commit (F6 of fsm.h) */
    CHECK(one_err == OK);
    CHECK(file != NULL && store_read_new(me.store, &read) == OK);
    CHECK(store_read_begin(read) == OK);
    arena_init(&arena, 1 << 20);
    while (fgets(line, sizeof(line), file) != NULL) {
        struct id128 sub;
        struct account account;
        CHECK(hex_decode(span_of(line, 32), sub.b, sizeof(sub.b)) == OK);
        missing += store_account_get(read, &arena, sub, &account) == OK ? 0 : 1;
        arena_reset(&arena);
    }
    arena_close(&arena);
    store_read_end(read);
    store_read_free(read);
    fclose(file);
    printf("missing %u\n", missing);
}

/* False: quit. */
static bool do_line(char *line) {
    unsigned a = 0, b = 0;
    line[strcspn(line, "\n")] = '\0';
    if (sscanf(line, "load %u", &a) == 1) {
        do_load(a);
        printf("loading\n");
    } else if (strcmp(line, "pause") == 0) {
        do_pause();
        printf("paused %llu %llu %llu\n", (unsigned long long)me.acks,
               (unsigned long long)me.fails, (unsigned long long)me.twice);
    } else if (sscanf(line, "bench %u %u", &a, &b) == 2) {
        do_bench(a, b);
    } else if (sscanf(line, "push %u %u", &a, &b) == 2) {
        do_push(a, b);
    } else if (strcmp(line, "one") == 0) {
        do_one();
    } else if (strcmp(line, "read") == 0) {
        do_wait("read", false, 0);
    } else if (sscanf(line, "transfer %u", &a) == 1) {
        do_wait("transfer", true, a);
    } else if (strcmp(line, "stall") == 0) {
        do_stall();
    } else if (strcmp(line, "status") == 0) {
        do_status();
    } else if (strncmp(line, "verify ", 7) == 0) {
        do_verify(line + 7);
    } else if (strcmp(line, "members") == 0) {
        do_members();
    } else {
        return do_member_line(line);
    }
    return true;
}

static uint64_t number_from_env(const char *name, uint64_t otherwise) {
    const char *text = getenv(name);
    return text != NULL ? strtoull(text, NULL, 10) : otherwise;
}

static uint64_t system_mono_ms(void *impl) {
    (void)impl;
    return port_system_clock.mono_ms(port_system_clock.impl);
}

static uint64_t offset_wall_ms(void *impl) {
    (void)impl;
    return port_system_clock.wall_ms(port_system_clock.impl) +
           1000 * number_from_env("REPL_WALL_OFFSET_S", 0);
}

/* A row that no command made. */
static void spoil(struct store *store) {
    struct store_write *write;
    struct store_read *read;
    struct store_meta meta;
    struct login_attempts attempts = {.failures = 7, .forget_at_ms = UINT64_MAX / 2};
    struct key_hash key = {{0xee}};
    CHECK(store_read_new(store, &read) == OK && store_read_begin(read) == OK);
    CHECK(store_read_meta(read, &meta) == OK);
    store_read_end(read);
    store_read_free(read);
    CHECK(store_write_begin(store, &write) == OK);
    CHECK(store_attempts_put(write, key, &attempts) == OK);
    CHECK(store_write_commit(write, &meta) == OK);
}

static void start(char **argv) {
    static char raft_dir[600], store_dir[600], ca[600], cert[600], key[600];
    char why[256];
    const char *dir = argv[1];
    me.id = strtoull(argv[2], NULL, 10);
    me.run = strtoull(argv[3], NULL, 10);
    snprintf(store_dir, sizeof(store_dir), "%s/node%llu", dir,
             (unsigned long long)me.id);
    (void)mkdir(store_dir, 0700);
    snprintf(raft_dir, sizeof(raft_dir), "%s/node%llu/raft", dir,
             (unsigned long long)me.id);
    (void)mkdir(raft_dir, 0700);
    snprintf(store_dir, sizeof(store_dir), "%s/node%llu/store", dir,
             (unsigned long long)me.id);
    (void)mkdir(store_dir, 0700);
    snprintf(ca, sizeof(ca), "%s/ca%llu.pem", dir, (unsigned long long)me.id);
    snprintf(cert, sizeof(cert), "%s/node%llu.pem", dir, (unsigned long long)me.id);
    snprintf(key, sizeof(key), "%s/node%llu.key", dir, (unsigned long long)me.id);
    struct store_config store = {.dir = store_dir,
                                 .map_bytes = number_from_env("REPL_MAP_GIB", 4) << 30,
                                 .readers_max = 64,
                                 .deferred = true};
    CHECK(store_open(&store, &me.store) == OK);
    struct repl_config config = {.node_id = me.id,
                                 .raft_dir = raft_dir,
                                 .image_bytes_per_s =
                                     number_from_env("REPL_IMAGE_MIB", 64) << 20,
                                 .bootstrap = getenv("REPL_NO_BOOTSTRAP") == NULL,
                                 .ca_file = ca,
                                 .cert_file = cert,
                                 .key_file = key,
                                 .free_bytes_min = number_from_env("REPL_FREE_MIN", 1),
                                 .trailing_bytes =
                                     number_from_env("REPL_TRAILING_BYTES", 0),
                                 .store = me.store,
                                 .clock = {system_mono_ms, offset_wall_ms, NULL},
                                 .random = port_system_random};
    config.marker_entries = (uint32_t)number_from_env("REPL_MARKER_ENTRIES", 0);
    config.staleness_bound_ms = (uint32_t)number_from_env("REPL_STALENESS_MS", 0);
    config.stall_limit_ms = (uint32_t)number_from_env("REPL_STALL_MS", 0);
    if (getenv("REPL_SPOIL") != NULL) {
        spoil(me.store);
    }
    CHECK(hex_decode(span_str(argv[4]), config.cluster_id.b,
                     sizeof(config.cluster_id.b)) == OK);
    for (char *port = strtok_r(argv[5], ",", &argv[5]); port != NULL;
         port = strtok_r(NULL, ",", &argv[5])) {
        struct repl_peer_config *peer = &config.peers[config.peers_count++];
        peer->id = config.peers_count;
        snprintf(peer->address, sizeof(peer->address), "127.0.0.1:%s", port);
        snprintf(peer->region, sizeof(peer->region), "r%zu", config.peers_count);
    }
    if (repl_start(&config, &me.repl, why) != OK) {
        printf("refused %s\n", why);
        fflush(stdout);
        store_close(me.store);
        exit(9);
    }
}

int main(int argc, char **argv) {
    static char out[1 << 20];
    char line[700];
    CHECK(argc == 6);
    signal(SIGPIPE, SIG_IGN);
    setvbuf(stdout, out, _IOFBF, sizeof(out));
    setvbuf(stdin, NULL, _IONBF, 0);
    me.end = &me.head;
    me.loop.post = loop_post;
    me.event = eventfd(0, EFD_NONBLOCK);
    pthread_mutex_init(&me.mutex, NULL);
    me.samples = malloc(SAMPLES_MAX * sizeof(uint32_t));
    CHECK(me.event >= 0 && me.samples != NULL);
    for (size_t i = 0; i < WRITERS_MAX; i++) {
        buf_init(&me.writer[i].payload, LIMIT_COMMAND);
    }
    log_init(getenv("REPL_VERBOSE") != NULL ? LOG_DEBUG : LOG_ERROR,
             strtoull(argv[2], NULL, 10));
    start(argv);
    printf("started\n");
    for (bool go = true; go;) {
        struct pollfd fds[2] = {{.fd = 0, .events = POLLIN},
                                {.fd = me.event, .events = POLLIN}};
        fflush(stdout);
        CHECK(poll(fds, 2, -1) > 0);
        if (fds[1].revents != 0) {
            loop_run();
        }
        if (fds[0].revents != 0) {
            go = fgets(line, sizeof(line), stdin) != NULL && do_line(line);
        }
    }
    me.wanted = 0;
    repl_stop(me.repl);
    while (me.outstanding > 0) {
        loop_wait(1000);
    }
    store_close(me.store);
    for (size_t i = 0; i < WRITERS_MAX; i++) {
        buf_free(&me.writer[i].payload);
    }
    free(me.samples);
    return 0;
}
