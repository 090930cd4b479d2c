/* An image's way between two nodes, over loopback: what arrives, and that no taker or
 * donor, however it behaves, makes the other hang or leak. repl_capture, the image's
 * source and its sink are doubles. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <ftw.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "raft/peer_image.h"
#include "raft/peer_image_channel.h"
#include "raft/peer_image_pace.h"
#include "raft/repl_note.h"
#include "store/base/check.h"
#include "store/base/codec.h"
#include "tests/unit/raft/repl_pki.h"

#define TAKER 1
#define DONOR 2
#define BLOCK (256u * 1024)

/* --- doubles --- */

static struct {
    /* what happens */
    _Atomic int busy;          /* so many captures find a change under way */
    _Atomic enum err capture;  /* what capturing gives at once */
    _Atomic enum err captured; /* what it completes with */
    _Atomic int blocks;        /* of the image */
    _Atomic bool corrupt;      /* at its last block */
    _Atomic enum err feed;     /* what the sink says */
    _Atomic enum err keep;     /* what keeping a backup gives */
    _Atomic enum err note;     /* what noting it completes with */
    _Atomic uint64_t log_step, log_write_ms; /* log writes between two looks, and of one */
    /* what has happened */
    _Atomic int captures, releases, sources, reads_ended;
    _Atomic int notes;
    _Atomic uint64_t log_writes;
    _Atomic uint64_t floor_index;
    uint64_t fed, differs; /* by the taker's thread */
} world;

struct repl {
    int unused;
};
struct store_read {
    int unused;
};
struct image_source {
    int next;
    uint64_t rows;
    struct image_head head;
    uint8_t block[BLOCK + 100]; /* longer than a message may be */
};
static struct store_read snapshot;

static void complete(struct port_task *task) {
    struct repl_wait *wait =
        (struct repl_wait *)((char *)task - offsetof(struct repl_wait, task));
    wait->done(wait);
}

/* The raft thread's answer: from another thread, after a moment. */
static void *answer(void *arg) {
    struct repl_capture *capture = arg;
    usleep(2000);
    capture->wait.err = atomic_load(&world.captured);
    if (atomic_load(&world.busy) > 0) {
        atomic_fetch_sub(&world.busy, 1);
        capture->wait.err = ERR_BUSY;
    }
    if (capture->wait.err == OK) {
        capture->read = &snapshot;
        capture->head =
            (struct image_head){.meta = {.applied_index = 77}, .node = DONOR};
        atomic_fetch_add(&world.captures, 1);
    }
    capture->wait.task.run = complete;
    capture->wait.loop->post(capture->wait.loop, &capture->wait.task);
    return NULL;
}

enum err repl_capture(struct repl *repl, struct repl_capture *capture) {
    pthread_t thread;
    (void)repl;
    atomic_store(&world.floor_index, capture->floor_index);
    if (atomic_load(&world.capture) != OK) {
        return atomic_load(&world.capture);
    }
    CHECK(pthread_create(&thread, NULL, answer, capture) == 0);
    CHECK(pthread_detach(thread) == 0);
    return OK;
}

void repl_log_load(const struct repl *repl, struct repl_log_load *ret_load) {
    (void)repl;
    ret_load->writes = atomic_fetch_add(&world.log_writes, atomic_load(&world.log_step));
    ret_load->write_ms = ret_load->writes * atomic_load(&world.log_write_ms);
}

void repl_capture_release(struct repl_capture *capture) {
    (void)capture;
    atomic_fetch_add(&world.releases, 1);
}

static void noted(struct port_task *task) {
    struct repl_request *request =
        (struct repl_request *)((char *)task - offsetof(struct repl_request, task));
    request->done(request);
}

enum err repl_note_begin(struct repl *repl, struct repl_note *note,
                         const struct store_backup *backup, uint64_t deadline_mono_ms,
                         struct port_loop *loop,
                         void (*done)(struct repl_request *request)) {
    (void)repl;
    (void)deadline_mono_ms;
    CHECK(backup->index == 77 && backup->donor == DONOR && backup->taker == TAKER &&
          backup->bytes == 12 * (BLOCK + 100));
    atomic_fetch_add(&world.notes, 1);
    note->request.loop = loop;
    note->request.done = done;
    note->request.task.run = noted;
    loop->post(loop, &note->request.task);
    return OK;
}

enum err repl_note_end(struct repl_note *note) {
    (void)note;
    return atomic_load(&world.note);
}

void store_read_end(struct store_read *read) {
    CHECK(read == &snapshot);
    atomic_fetch_add(&world.reads_ended, 1);
}

void store_read_free(struct store_read *read) {
    CHECK(read == &snapshot);
}

enum err store_image_source_new(struct store_read *read, const struct image_head *head,
                                struct image_source **ret_source) {
    CHECK(read == &snapshot);
    struct image_source *source = calloc(1, sizeof(*source));
    CHECK(source != NULL);
    source->head = *head;
    source->head.rows = (uint64_t)atomic_load(&world.blocks);
    atomic_fetch_add(&world.sources, 1);
    *ret_source = source;
    return OK;
}

void store_image_source_free(struct image_source *source) {
    atomic_fetch_sub(&world.sources, 1);
    atomic_fetch_add(&world.reads_ended, 1);
    free(source);
}

const struct image_head *store_image_source_head(const struct image_source *source) {
    return &source->head;
}

uint64_t store_image_source_rows(const struct image_source *source) {
    return source->rows;
}

static uint8_t byte_at(uint64_t at) {
    return (uint8_t)(at * 131 + (at >> 8) * 7 + (at >> 16));
}

enum err store_image_source_next(struct image_source *source, struct span *ret_bytes) {
    int blocks = atomic_load(&world.blocks);
    if (source->next == blocks) {
        *ret_bytes = span_of(NULL, 0);
        return OK;
    }
    if (atomic_load(&world.corrupt) && source->next == blocks - 1) {
        return ERR_CORRUPT;
    }
    uint64_t from = (uint64_t)source->next++ * sizeof(source->block);
    for (size_t i = 0; i < sizeof(source->block); i++) {
        source->block[i] = byte_at(from + i);
    }
    source->rows++;
    *ret_bytes = span_of(source->block, sizeof(source->block));
    return OK;
}

enum err store_image_sink_feed(struct image_sink *sink, struct span in, char why[256]) {
    (void)sink;
    if (atomic_load(&world.feed) != OK) {
        snprintf(why, 256, "block 3 is not what it was");
        return atomic_load(&world.feed);
    }
    for (size_t i = 0; i < in.len; i++) {
        world.differs += in.data[i] != byte_at(world.fed + i) ? 1 : 0;
    }
    world.fed += in.len;
    return OK;
}

/* --- a node that gives images: listens, and hands connections over --- */

static struct repl_pki *pki;
static char dir[64];
static const struct id128 cluster = {{7, 7, 7}};
static const struct id128 other_cluster = {{8}};

static struct {
    int fd;
    char address[64];
    pthread_t thread;
    struct peer_tls *tls;
    struct peer_image_donor *donor; /* NULL: `behave` plays the donor */
    void (*behave)(struct peer_channel *channel);
    bool member;
} node;
static struct repl repl;

static struct peer_tls_files files_of(const char *name) {
    static char text[6][128];
    static int turn;
    char *cert = text[turn % 6], *key = text[(turn + 1) % 6],
         *ca = text[(turn + 2) % 6];
    turn = (turn + 3) % 6;
    snprintf(ca, 128, "%s/ca.pem", dir);
    snprintf(cert, 128, "%s/%s.pem", dir, name);
    snprintf(key, 128, "%s/%s.key", dir, name);
    return (struct peer_tls_files){.ca = ca, .cert = cert, .key = key};
}

static void issue(struct id128 of, uint64_t id, const char *name) {
    static char issued[3][128];
    char is[128];
    char *was = issued[name[0] == 'd' ? 0 : name[0] == 't' ? 1 : 2];
    struct peer_tls_files files = files_of(name);
    snprintf(is, sizeof(is), "%d %d %s", of.b[0], (int)id, name);
    if (strcmp(is, was) != 0) { /* making one is slow */
        memcpy(was, is, sizeof(is));
        repl_pki_issue(pki, of, id, 30, files.cert, files.key);
    }
}

static uint64_t now_ms(void) {
    return port_system_clock.mono_ms(NULL);
}

/* As raft/peer_link does it: handshake and FETCH, then it is the donor's. */
static void hand_over(struct peer_channel *channel, uint64_t peer,
                      const struct peer_fetch *fetch) {
    struct peer_image_call call = {.fd = channel->fd,
                                   .session = channel->session,
                                   .peer = peer,
                                   .member = node.member,
                                   .floor_index = fetch->floor_index};
    memcpy(call.blob, fetch->blob, sizeof(call.blob));
    peer_framer_close(&channel->framer);
    buf_free(&channel->out);
    peer_image_donor_serve(node.donor, &call);
}

static void greet(int fd) {
    struct peer_channel channel;
    struct peer_tls_session *session;
    struct peer_message fetch;
    uint64_t peer, deadline = now_ms() + 10000;
    char why[256];
    CHECK(peer_tls_session_new(node.tls, false, &session) == OK);
    peer_channel_init(&channel, fd, session, NULL, port_system_clock);
    if (peer_channel_handshake(&channel, deadline, &peer, why) != OK ||
        peer_channel_receive(&channel, deadline, &fetch) != OK ||
        fetch.type != PEER_FETCH) {
        peer_channel_close(&channel);
        return;
    }
    if (node.donor != NULL) {
        hand_over(&channel, peer, &fetch.fetch);
        return;
    }
    node.behave(&channel);
    peer_channel_close(&channel);
}

static void *listen_on(void *arg) {
    (void)arg;
    for (;;) {
        int fd = accept4(node.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) {
            return NULL;
        }
        greet(fd);
    }
}

static void node_start(struct id128 of, uint64_t bytes_per_s,
                       void (*behave)(struct peer_channel *)) {
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    struct peer_tls_files files = files_of("donor");
    char why[256];
    memset(&world, 0, sizeof(world));
    atomic_store(&world.blocks, 12);
    issue(of, DONOR, "donor");
    assert_int_equal(peer_tls_load(&files, of, DONOR, &node.tls, why), OK);
    node.behave = behave;
    node.donor = NULL;
    node.member = true;
    if (behave == NULL) {
        assert_int_equal(
            peer_image_donor_new(&repl, bytes_per_s, port_system_clock, &node.donor),
            OK);
    }
    node.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(node.fd >= 0);
    assert_int_equal(bind(node.fd, (struct sockaddr *)&address, len), 0);
    assert_int_equal(listen(node.fd, 16), 0);
    assert_int_equal(getsockname(node.fd, (struct sockaddr *)&address, &len), 0);
    snprintf(node.address, sizeof(node.address), "127.0.0.1:%d",
             ntohs(address.sin_port));
    assert_int_equal(pthread_create(&node.thread, NULL, listen_on, NULL), 0);
}

/* Ends everything, and nothing may be left of it. */
static void node_stop(void) {
    if (node.donor != NULL) {
        peer_image_donor_close(node.donor);
    }
    shutdown(node.fd, SHUT_RDWR);
    assert_int_equal(pthread_join(node.thread, NULL), 0);
    close(node.fd);
    peer_image_donor_free(node.donor);
    peer_tls_free(node.tls);
    assert_int_equal(atomic_load(&world.releases), atomic_load(&world.captures));
    assert_int_equal(atomic_load(&world.reads_ended), atomic_load(&world.captures));
    assert_int_equal(atomic_load(&world.sources), 0);
}

/* --- a taker that keeps to the protocol, and one that need not --- */

static char why[256];
static char states[256];
static bool fast_clock; /* a hundred times */

static uint64_t taker_mono(void *impl) {
    (void)impl;
    return now_ms() * (fast_clock ? 100 : 1);
}

static void on_progress(void *arg, uint64_t donor, const char *state) {
    (void)arg;
    assert_int_equal(donor, DONOR);
    if (strstr(states, state) == NULL) {
        size_t len = strlen(states);
        snprintf(states + len, sizeof(states) - len, "%s ", state);
    }
}

static enum err take_as(struct id128 of, uint64_t id) {
    struct peer_image_take take = {
        .cluster_id = of,
        .node_id = id,
        .donors = {{.id = TAKER, .address = "127.0.0.1:1"}, {.id = DONOR}},
        .donors_count = 2,
        .floor_index = 55,
        .clock = {.mono_ms = taker_mono},
        .progress = on_progress};
    issue(of, id, "taker");
    take.tls = files_of("taker");
    snprintf(take.donors[1].address, sizeof(take.donors[1].address), "%s",
             node.address);
    world.fed = world.differs = 0;
    states[0] = why[0] = '\0';
    return peer_image_take(&take, 1, NULL, why);
}

static enum err feed_backup(void *arg, struct span bytes, char reason[256]) {
    (void)arg;
    return store_image_sink_feed(NULL, bytes, reason);
}

static enum err keep_backup(void *arg, char reason[256]) {
    (void)arg;
    snprintf(reason, 256, "it cannot be kept");
    return atomic_load(&world.keep);
}

static enum err take_backup(bool *ret_noted) {
    struct peer_image_take take = {
        .cluster_id = cluster,
        .node_id = TAKER,
        .donors = {{.id = DONOR}},
        .donors_count = 1,
        .clock = port_system_clock,
        .keep = keep_backup,
        .ret_noted = ret_noted};
    issue(cluster, TAKER, "taker");
    take.tls = files_of("taker");
    snprintf(take.donors[0].address, sizeof(take.donors[0].address), "%s",
             node.address);
    world.fed = world.differs = 0;
    *ret_noted = false;
    return peer_image_take_to(&take, 0, feed_backup, NULL, why);
}

static enum err take(void) {
    return take_as(cluster, TAKER);
}

static void say(struct peer_channel *channel, struct peer_message message) {
    (void)peer_channel_send(channel, &message, now_ms() + 10000);
}

/* Connected, shaken hands, FETCH sent. */
static void raw_taker_of(struct peer_channel *channel, uint64_t id, uint8_t blob) {
    struct sockaddr_in address;
    struct peer_tls *tls;
    struct peer_tls_session *session;
    uint64_t peer;
    issue(cluster, id, "raw");
    struct peer_tls_files files = files_of("raw");
    assert_int_equal(peer_address_parse(node.address, &address), OK);
    assert_int_equal(peer_tls_load(&files, cluster, id, &tls, why), OK);
    assert_int_equal(peer_tls_session_new(tls, true, &session), OK);
    peer_tls_free(tls);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    peer_channel_init(channel, fd, session, NULL, port_system_clock);
    assert_int_equal(peer_channel_handshake(channel, now_ms() + 10000, &peer, why), OK);
    say(channel, (struct peer_message){
                     .type = PEER_FETCH,
                     .fetch = {.cluster_id = cluster,
                               .from = id,
                               .to = DONOR,
                               .blob = {blob}}});
}

static void raw_taker(struct peer_channel *channel, uint64_t id) {
    raw_taker_of(channel, id, 0);
}

static bool await_count(size_t count) {
    struct repl_image_status jobs[PEER_IMAGE_JOBS];
    for (int i = 0; i < 2000; i++) {
        if (peer_image_donor_status(node.donor, jobs) == count) {
            return true;
        }
        usleep(5000);
    }
    return false;
}

/* --- tests --- */

static void test_an_image_arrives(void **state) {
    (void)state;
    node_start(cluster, 1u << 30, NULL);
    assert_int_equal(take(), OK);
    assert_int_equal(world.fed, 12 * (BLOCK + 100));
    assert_int_equal(world.differs, 0);
    assert_int_equal(atomic_load(&world.floor_index), 55);
    assert_string_equal(states, "dialling waiting receiving ");
    assert_true(await_count(0));
    assert_int_equal(take(), OK); /* and again */
    node_stop();
    assert_int_equal(atomic_load(&world.captures), 2);
}

/* What the taker keeps is noted; what it cannot keep, or nobody can note, is not. */
static void test_a_backup_is_noted(void **state) {
    (void)state;
    bool is_noted;
    node_start(cluster, 1u << 30, NULL);
    assert_int_equal(take_backup(&is_noted), OK);
    assert_true(is_noted);
    assert_int_equal(world.fed, 12 * (BLOCK + 100));
    assert_int_equal(atomic_load(&world.notes), 1);
    atomic_store(&world.note, ERR_TIMEOUT); /* no leader */
    assert_int_equal(take_backup(&is_noted), OK);
    assert_false(is_noted);
    assert_int_equal(atomic_load(&world.notes), 2);
    atomic_store(&world.keep, ERR_NO_SPACE);
    assert_int_equal(take_backup(&is_noted), ERR_NO_SPACE);
    assert_false(is_noted);
    assert_true(await_count(0));
    node_stop();
    assert_int_equal(atomic_load(&world.notes), 2);
    assert_int_equal(atomic_load(&world.releases), 3);
}

/* Whatever else it says behind END is the end of it, and it may not keep its place. */
static void test_a_taker_that_says_more(void **state) {
    (void)state;
    struct peer_channel channel;
    struct peer_message message = {.type = PEER_IMAGE_WAIT};
    node_start(cluster, 1u << 30, NULL);
    raw_taker(&channel, TAKER);
    while (message.type != PEER_IMAGE_END) {
        assert_int_equal(peer_channel_receive(&channel, now_ms() + 10000, &message),
                         OK);
    }
    say(&channel, (struct peer_message){.type = PEER_IMAGE_WAIT});
    assert_true(await_count(0));
    assert_int_equal(atomic_load(&world.notes), 0);
    peer_channel_close(&channel);
    node_stop();
}

static void test_a_capture_that_has_to_wait(void **state) {
    (void)state;
    node_start(cluster, 1u << 30, NULL);
    atomic_store(&world.busy, 2);
    assert_int_equal(take(), OK);
    assert_int_equal(atomic_load(&world.busy), 0);
    assert_int_equal(world.fed, 12 * (BLOCK + 100));
    node_stop();
}

static void assert_take(enum err err, const char *says) {
    assert_int_equal(take(), err);
    if (strstr(why, says) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", why, says);
    }
}

static void test_refusals(void **state) {
    (void)state;
    node_start(cluster, 1u << 30, NULL);
    node.member = false;
    assert_take(ERR_DENIED, "no member");
    node.member = true;
    atomic_store(&world.capture, ERR_STALE);
    assert_take(ERR_BUSY, "not proven fresh");
    atomic_store(&world.capture, OK);
    atomic_store(&world.captured, ERR_NOMEM);
    assert_take(ERR_BUSY, "out of memory");
    atomic_store(&world.captured, OK);
    atomic_store(&world.corrupt, true);
    assert_take(ERR_BUSY, "does not add up");
    atomic_store(&world.corrupt, false);
    atomic_store(&world.feed, ERR_INVALID);
    assert_true(await_count(0)); /* or it is told that the one before is given up first */
    assert_take(ERR_INVALID, "block 3");
    atomic_store(&world.feed, OK);
    assert_true(await_count(0));
    assert_take(OK, "");
    peer_image_donor_close(node.donor);
    assert_take(ERR_BUSY, "under way");
    node_stop();
}

static void test_who_is_talked_to(void **state) {
    (void)state;
    node_start(cluster, 1u << 30, NULL);
    assert_int_equal(take_as(other_cluster, TAKER), ERR_IO);
    assert_non_null(strstr(why, "another cluster"));
    assert_int_equal(take_as(cluster, DONOR), ERR_BUSY); /* itself */
    char address[64];
    memcpy(address, node.address, sizeof(address));
    snprintf(node.address, sizeof(node.address), "127.0.0.1:x");
    assert_take(ERR_CONFIG, "IPv4:port");
    memcpy(node.address, address, sizeof(address));
    node_stop();
    assert_take(ERR_IO, "cannot connect"); /* nobody listens any more */
    node_start(other_cluster, 1u << 30, NULL);
    assert_take(ERR_IO, "another cluster");
    node_stop();
    assert_int_equal(atomic_load(&world.captures), 0);
}

/* The node at the donor's address is another one. */
static void test_an_impostor(void **state) {
    (void)state;
    node_start(cluster, 1u << 30, NULL);
    struct peer_image_take wrong = {.cluster_id = cluster,
                                    .node_id = TAKER,
                                    .donors = {{.id = 9}},
                                    .donors_count = 1,
                                    .clock = port_system_clock};
    issue(cluster, TAKER, "taker");
    wrong.tls = files_of("taker");
    memcpy(wrong.donors[0].address, node.address, sizeof(node.address));
    assert_int_equal(peer_image_take(&wrong, 0, NULL, why), ERR_IO);
    assert_non_null(strstr(why, "answers node 2 instead of node 9"));
    node_stop();
    assert_int_equal(atomic_load(&world.captures), 0);
}

static void test_the_rate_is_kept(void **state) {
    (void)state;
    node_start(cluster, 8u << 20, NULL); /* 3 MiB: 375 ms, 100 of which are a burst */
    uint64_t begun = now_ms();
    assert_int_equal(take(), OK);
    assert_true(now_ms() - begun >= 250);
    node_stop();
}

/* While others wait for the log, it is listened to before the first byte. */
static void test_the_log_is_listened_to(void **state) {
    (void)state;
    node_start(cluster, 1u << 30, NULL);
    atomic_store(&world.log_step, 5);
    atomic_store(&world.log_write_ms, 2);
    uint64_t begun = now_ms();
    assert_int_equal(take(), OK);
    assert_int_equal(world.fed, 12 * (BLOCK + 100));
    assert_true(now_ms() - begun >= PACE_LISTEN_MS);
    node_stop();
}

static void test_jobs_are_bounded(void **state) {
    (void)state;
    struct peer_channel slow[2];
    node_start(cluster, 1000, NULL);
    raw_taker(&slow[0], 5);
    raw_taker(&slow[1], 6);
    assert_true(await_count(2));
    assert_take(ERR_BUSY, "at a time");
    /* One that begins again ends what it asked for before. */
    struct peer_channel again;
    raw_taker(&again, 6);
    assert_true(await_count(1));
    peer_channel_close(&again);
    peer_channel_close(&slow[0]);
    peer_channel_close(&slow[1]);
    assert_true(await_count(0));
    node_stop();
}

/* A node that is being given an image asks for a scan besides. */
static void test_a_blob_leaves_the_image_alone(void **state) {
    (void)state;
    struct peer_channel image, blob;
    struct peer_message message = {.type = PEER_IMAGE_WAIT};
    node_start(cluster, 1u << 20, NULL); /* three seconds */
    raw_taker(&image, 5);
    assert_true(await_count(1));
    raw_taker_of(&blob, 5, 1);
    assert_int_equal(peer_channel_receive(&blob, now_ms() + 10000, &message), OK);
    assert_int_equal(message.type, PEER_IMAGE_REFUSED); /* it has none */
    peer_channel_close(&blob);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(peer_channel_receive(&image, now_ms() + 10000, &message), OK);
        assert_int_not_equal(message.type, PEER_IMAGE_REFUSED);
    }
    assert_true(await_count(1));
    peer_channel_close(&image);
    node_stop();
}

/* A file that takes minutes at the rate of the test. */
static void put_blob_file(const char *data, uint8_t blob) {
    static const uint8_t bytes[256 * 1024];
    uint8_t id[32] = {blob};
    char name[65], path[300];
    FILE *file;
    hex_encode(span_of(id, sizeof(id)), name);
    snprintf(path, sizeof(path), "%s/blobs/%.2s", data, name);
    assert_int_equal(mkdir(path, 0700), 0);
    snprintf(path, sizeof(path), "%s/blobs/%.2s/%s", data, name, name);
    file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, sizeof(bytes), 1, file), 1);
    fclose(file);
}

static enum peer_type first_word(struct peer_channel *channel) {
    struct peer_message message = {.type = PEER_IMAGE_END};
    assert_int_equal(peer_channel_receive(channel, now_ms() + 10000, &message), OK);
    return message.type;
}

static int drop(const char *path, const struct stat *info, int type, struct FTW *at) {
    (void)info;
    (void)type;
    (void)at;
    return remove(path);
}

/* Repairs have places of their own: neither keeps the other waiting (G2). */
static void test_blobs_and_images_have_places_of_their_own(void **state) {
    (void)state;
    struct peer_channel blob[PEER_BLOB_JOBS], image[PEER_IMAGE_JOBS], more;
    char data[] = "/tmp/tasuki-donor-XXXXXX", blobs[64];
    assert_non_null(mkdtemp(data));
    snprintf(blobs, sizeof(blobs), "%s/blobs", data);
    assert_int_equal(mkdir(blobs, 0700), 0);
    for (uint8_t i = 1; i <= PEER_BLOB_JOBS + 1; i++) {
        put_blob_file(data, i);
    }
    node_start(cluster, 1000, NULL);
    peer_image_donor_blobs(node.donor, data);
    for (uint8_t i = 0; i < PEER_BLOB_JOBS; i++) { /* two each */
        raw_taker_of(&blob[i], 5 + i / PEER_BLOB_EACH, (uint8_t)(1 + i));
        assert_int_equal(first_word(&blob[i]), PEER_IMAGE_DATA);
    }
    raw_taker_of(&more, 8, PEER_BLOB_JOBS + 1);
    assert_int_equal(first_word(&more), PEER_IMAGE_REFUSED);
    peer_channel_close(&more);
    for (uint8_t i = 0; i < PEER_IMAGE_JOBS; i++) {
        raw_taker(&image[i], 5 + i);
        assert_int_equal(first_word(&image[i]), PEER_IMAGE_WAIT);
    }
    assert_true(await_count(PEER_IMAGE_JOBS));
    peer_channel_close(&blob[0]);
    for (int i = 0; i < 100; i++) { /* its place, once its end is noticed */
        raw_taker_of(&more, 5, PEER_BLOB_JOBS + 1);
        if (first_word(&more) == PEER_IMAGE_DATA) {
            break;
        }
        peer_channel_close(&more);
        assert_true(i < 99);
        usleep(50000);
    }
    peer_channel_close(&more);
    for (size_t i = 0; i < PEER_IMAGE_JOBS; i++) {
        peer_channel_close(&image[i]);
    }
    for (size_t i = 1; i < PEER_BLOB_JOBS; i++) {
        peer_channel_close(&blob[i]);
    }
    node_stop();
    assert_int_equal(nftw(data, drop, 8, FTW_DEPTH | FTW_PHYS), 0);
}

static void test_takers_that_misbehave(void **state) {
    (void)state;
    struct peer_channel channel;
    struct peer_message message;
    node_start(cluster, 1u << 30, NULL);
    atomic_store(&world.blocks, 1000); /* more than sockets buffer */
    raw_taker(&channel, 5);
    peer_channel_close(&channel); /* goes at once */
    assert_true(await_count(0));
    /* Another one: the first, which nobody may have heard yet, must not be its like. */
    raw_taker(&channel, 6); /* goes in the middle */
    for (int i = 0; i < 5; i++) {
        assert_int_equal(peer_channel_receive(&channel, now_ms() + 10000, &message),
                         OK);
    }
    peer_channel_close(&channel);
    assert_true(await_count(0));
    raw_taker(&channel, 7); /* garbage in place of TLS, and silence */
    assert_true(await_count(1));
    assert_int_equal(send(channel.fd, "garbage", 7, MSG_NOSIGNAL), 7);
    usleep(20000);
    uint64_t begun = now_ms();
    node_stop(); /* ends the job at once, not at the end of its patience */
    assert_true(now_ms() - begun < PEER_IMAGE_SILENCE_MS / 2);
    peer_channel_close(&channel);
}

/* While the job waits for its turn, a word of the taker ends it (G5). */
static void test_a_taker_that_speaks_twice(void **state) {
    (void)state;
    struct peer_channel channel;
    node_start(cluster, 1000, NULL);
    raw_taker(&channel, 5);
    assert_true(await_count(1));
    say(&channel, (struct peer_message){.type = PEER_IMAGE_WAIT});
    assert_true(await_count(0));
    peer_channel_close(&channel);
    node_stop();
}

/* --- donors that misbehave --- */

static void be_gone(struct peer_channel *channel) {
    (void)channel;
}
static void be_half(struct peer_channel *channel) {
    static const uint8_t half[] = {100, 0, 0, 0, PEER_IMAGE_DATA, 0, 0, 0, 1, 2};
    CHECK(peer_tls_write(channel->session, span_of(half, sizeof(half))) == OK);
    say(channel, (struct peer_message){.type = PEER_IMAGE_WAIT});
}
static void be_long(struct peer_channel *channel) {
    static const uint8_t big[] = {1, 0, 4, 0, PEER_IMAGE_DATA, 0, 0, 0};
    CHECK(peer_tls_write(channel->session, span_of(big, sizeof(big))) == OK);
    say(channel, (struct peer_message){.type = PEER_IMAGE_WAIT});
}
static void be_unknown(struct peer_channel *channel) {
    static const uint8_t odd[] = {0, 0, 0, 0, 99, 0, 0, 0};
    CHECK(peer_tls_write(channel->session, span_of(odd, sizeof(odd))) == OK);
    say(channel, (struct peer_message){.type = PEER_IMAGE_WAIT});
}
static void be_foreign(struct peer_channel *channel) {
    say(channel, (struct peer_message){.type = PEER_STATUS});
}
static void be_flipped(struct peer_channel *channel) {
    say(channel, (struct peer_message){.type = PEER_IMAGE_WAIT});
    static const uint8_t record[] = {0x17, 3,  3,  0, 20, 1, 2, 3, 4, 5, 6, 7, 8,
                                     9,    10, 11, 1, 2,  3, 4, 5, 6, 7, 8, 9};
    CHECK(send(channel->fd, record, sizeof(record), MSG_NOSIGNAL) > 0);
}
static void be_silent(struct peer_channel *channel) {
    struct pollfd entry = {.fd = channel->fd, .events = POLLIN};
    (void)poll(&entry, 1, 20000); /* until the taker goes */
}
static void be_waiting(struct peer_channel *channel) {
    do {
        say(channel, (struct peer_message){.type = PEER_IMAGE_WAIT});
    } while (peer_channel_pause(channel, 20) == OK);
}

static void test_donors_that_misbehave(void **state) {
    (void)state;
    struct {
        void (*behave)(struct peer_channel *);
        enum err err;
        const char *says;
        bool fast;
    } cases[] = {{be_gone, ERR_IO, "closed the connection", false},
                 {be_half, ERR_IO, "closed the connection", false},
                 {be_long, ERR_IO, "larger than its limit", false},
                 {be_unknown, ERR_IO, "does not know", false},
                 {be_foreign, ERR_IO, "invalid input", false},
                 {be_flipped, ERR_IO, "cryptographic", false},
                 {be_silent, ERR_TIMEOUT, "no whole message within 10 seconds", true},
                 {be_waiting, ERR_TIMEOUT, "no image within 40 seconds", true}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        node_start(cluster, 1, cases[i].behave);
        fast_clock = cases[i].fast;
        assert_take(cases[i].err, cases[i].says);
        fast_clock = false;
        node_stop();
        assert_int_equal(world.fed, 0);
    }
}

static void test_addresses(void **state) {
    (void)state;
    struct sockaddr_in address;
    static const char *const bad[] = {"",
                                      "127.0.0.1",
                                      "127.0.0.1:",
                                      ":1",
                                      "127.0.0.1:0",
                                      "127.0.0.1:65536",
                                      "a.b:1",
                                      "127.0.0.1:+1",
                                      "127.0.0.1:1 ",
                                      "[::1]:443",
                                      "127.0.0.1:99999999999999999999"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(peer_address_parse(bad[i], &address), ERR_INVALID);
    }
    assert_int_equal(peer_address_parse("10.1.2.3:65535", &address), OK);
    assert_int_equal(ntohs(address.sin_port), 65535);
    assert_int_equal(ntohl(address.sin_addr.s_addr), 0x0a010203);
}

static int setup(void **state) {
    (void)state;
    char path[96];
    snprintf(dir, sizeof(dir), "/tmp/tasuki-image-XXXXXX");
    if (mkdtemp(dir) == NULL) {
        return -1;
    }
    pki = repl_pki_new();
    snprintf(path, sizeof(path), "%s/ca.pem", dir);
    repl_pki_write_ca(pki, path);
    return 0;
}

static int teardown(void **state) {
    static const char *const names[] = {"ca.pem",    "donor.pem", "donor.key",
                                        "taker.pem", "taker.key", "raw.pem",
                                        "raw.key"};
    char path[96];
    (void)state;
    repl_pki_free(pki);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
        (void)unlink(path);
    }
    return rmdir(dir);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_an_image_arrives),
        cmocka_unit_test(test_a_backup_is_noted),
        cmocka_unit_test(test_a_taker_that_says_more),
        cmocka_unit_test(test_a_capture_that_has_to_wait),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_who_is_talked_to),
        cmocka_unit_test(test_an_impostor),
        cmocka_unit_test(test_the_rate_is_kept),
        cmocka_unit_test(test_the_log_is_listened_to),
        cmocka_unit_test(test_jobs_are_bounded),
        cmocka_unit_test(test_a_blob_leaves_the_image_alone),
        cmocka_unit_test(test_blobs_and_images_have_places_of_their_own),
        cmocka_unit_test(test_takers_that_misbehave),
        cmocka_unit_test(test_a_taker_that_speaks_twice),
        cmocka_unit_test(test_donors_that_misbehave),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
