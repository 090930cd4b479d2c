/* peer_wire and peer_raft: what goes over the wire comes back, and nothing else
 * is taken. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "raft/peer_raft.h"
#include "raft/peer_wire.h"

static const struct peer_message samples[] = {
    {.type = PEER_HELLO, .hello = {.cluster_id = {{1, 2, 3}}, .from = 1, .to = 2}},
    {.type = PEER_HELLO,
     .hello = {.cluster_id = {{1, 2, 3}},
               .from = 1,
               .to = 2,
               .address = "192.168.100.200:65535"}},
    {.type = PEER_FORWARD,
     .forward = {.term = 3,
                 .boot = 4,
                 .after = 5,
                 .count = 1,
                 .envelopes = {(const uint8_t *)"envelope", 8}}},
    {.type = PEER_AGAIN, .again = {.term = 3, .boot = 4, .pause_ms = 50}},
    {.type = PEER_PROBE, .probe = {.term = 3, .id = 9, .urgent = true}},
    {.type = PEER_PROVEN, .proven = {.term = 3, .id = 9, .index = 77}},
    {.type = PEER_STATUS,
     .status = {.term = 3, .wall_ms = 1, .digest = {5, 6}, .ready = true}},
    {.type = PEER_BEYOND, .beyond = {.term = 3, .first_index = 1000}},
    {.type = PEER_FETCH,
     .fetch = {.cluster_id = {{1, 2, 3}}, .from = 4, .to = 2, .floor_index = 9}},
    {.type = PEER_IMAGE_WAIT},
    {.type = PEER_IMAGE_END},
    {.type = PEER_IMAGE_KEPT},
    {.type = PEER_IMAGE_REFUSED,
     .refused = {.reason = PEER_IMAGE_BUSY, .why = {(const uint8_t *)"busy", 4}}},
    {.type = PEER_TURNED_AWAY, .turned = PEER_TURNED_EPOCH},
};
#define SAMPLES (sizeof(samples) / sizeof(samples[0]))

/* Cut one whole message out of `in`, fed `step` bytes at a time. */
static enum err cut(struct peer_framer *framer, struct span in, size_t step,
                    enum peer_type *ret_type, struct span *ret_body, bool *ret_whole) {
    *ret_whole = false;
    while (in.len > 0 && !*ret_whole) {
        struct span part = span_of(in.data, in.len < step ? in.len : step);
        size_t given = part.len;
        enum err err = peer_framer_next(framer, &part, ret_type, ret_body, ret_whole);
        if (err != OK) {
            return err;
        }
        in = span_of(in.data + (given - part.len), in.len - (given - part.len));
    }
    return OK;
}

static void test_messages_come_back(void **state) {
    (void)state;
    for (size_t i = 0; i < SAMPLES; i++) {
        for (size_t step = 1; step < 40; step += 7) {
            struct buf out, again;
            struct peer_framer framer;
            struct peer_message got;
            enum peer_type type;
            struct span body;
            bool whole;
            buf_init(&out, 4096);
            buf_init(&again, 4096);
            peer_framer_init(&framer, LIMIT_PEER_MESSAGE);
            peer_message_encode(&samples[i], &out);
            assert_int_equal(buf_err(&out), OK);
            assert_int_equal(cut(&framer, buf_span(&out), step, &type, &body, &whole),
                             OK);
            assert_true(whole);
            assert_int_equal(peer_message_decode(type, body, &got), OK);
            peer_message_encode(&got, &again);
            assert_true(span_equal(buf_span(&out), buf_span(&again)));
            peer_framer_close(&framer);
            buf_free(&out);
            buf_free(&again);
        }
    }
}

/* Every shorter and every longer body is refused. FORWARD and RAFT take any
 * length: their inside is checked by others. */
static void test_lengths_are_exact(void **state) {
    (void)state;
    for (size_t i = 0; i < SAMPLES; i++) {
        struct buf out;
        struct peer_message got;
        buf_init(&out, 4096);
        peer_message_encode(&samples[i], &out);
        struct span body =
            span_of(out.data + PEER_HEADER_LEN, out.len - PEER_HEADER_LEN);
        size_t fixed = samples[i].type == PEER_FORWARD ? 26 : body.len;
        for (size_t len = 0; len < fixed; len++) {
            /* On the heap, so that a read beyond is seen. */
            uint8_t *copy = malloc(len + 1);
            assert_non_null(copy);
            memcpy(copy, body.data, len);
            assert_int_equal(
                peer_message_decode(samples[i].type, span_of(copy, len), &got),
                ERR_INVALID);
            free(copy);
        }
        if (samples[i].type != PEER_FORWARD) {
            buf_put(&out, "x", 1);
            assert_int_equal(
                peer_message_decode(samples[i].type,
                                    span_of(out.data + PEER_HEADER_LEN, body.len + 1),
                                    &got),
                ERR_INVALID);
        }
        buf_free(&out);
    }
}

static void test_framer_bounds(void **state) {
    (void)state;
    static const struct {
        uint8_t header[8];
        enum err err;
    } rows[] = {
        {{0xff, 0xff, 0xff, 0xff, PEER_STATUS, 0, 0, 0}, ERR_TOO_BIG},
        {{0x01, 0x00, 0x20, 0x00, PEER_STATUS, 0, 0, 0}, ERR_TOO_BIG},
        {{1, 0, 0, 0, PEER_STATUS, 1, 0, 0}, ERR_INVALID},
        {{1, 0, 0, 0, PEER_STATUS, 0, 0, 9}, ERR_INVALID},
        {{0x00, 0x00, 0x20, 0x00, PEER_STATUS, 0, 0, 0}, OK}, /* exactly the limit */
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        for (size_t step = 1; step <= 8; step += 7) {
            struct peer_framer framer;
            enum peer_type type;
            struct span body;
            bool whole;
            peer_framer_init(&framer, LIMIT_PEER_MESSAGE);
            assert_int_equal(
                cut(&framer, span_of(rows[i].header, 8), step, &type, &body, &whole),
                rows[i].err);
            assert_false(whole);
            peer_framer_close(&framer);
        }
    }
}

static void test_hello_of_another_version(void **state) {
    (void)state;
    struct buf out;
    struct peer_message got;
    buf_init(&out, 4096);
    peer_message_encode(&samples[0], &out);
    out.data[PEER_HEADER_LEN + 8]++; /* the version's low byte */
    assert_int_equal(peer_message_decode(
                         PEER_HELLO,
                         span_of(out.data + PEER_HEADER_LEN, out.len - PEER_HEADER_LEN),
                         &got),
                     ERR_VERSION);
    assert_int_equal(peer_message_decode((enum peer_type)99, span_of("", 0), &got),
                     ERR_VERSION);
    buf_free(&out);
}

static void test_names(void **state) {
    (void)state;
    static const char good[] = "tasuki://000102030405060708090a0b0c0d0e0f/node/42";
    static const char *bad[] = {
        "",
        "tasuki://000102030405060708090a0b0c0d0e0f/node/",
        "tasuki://000102030405060708090a0b0c0d0e0f/node/0",
        "tasuki://000102030405060708090a0b0c0d0e0f/node/042",
        "tasuki://000102030405060708090a0b0c0d0e0f/node/42x",
        "tasuki://000102030405060708090a0b0c0d0e0f/node/42/",
        "tasuki://000102030405060708090a0b0c0d0e0f/node/1234567890123456789",
        "tasuki://000102030405060708090A0B0C0D0E0F/node/42",
        "tasuki://000102030405060708090a0b0c0d0e/node/42",
        "https://000102030405060708090a0b0c0d0e0f/node/42",
        "tasuki://000102030405060708090a0b0c0d0e0f/nodes/42",
    };
    struct id128 cluster;
    uint64_t node;
    assert_int_equal(peer_name_parse(span_str(good), &cluster, &node), OK);
    assert_int_equal(node, 42);
    assert_int_equal(cluster.b[15], 15);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(peer_name_parse(span_str(bad[i]), &cluster, &node),
                         ERR_INVALID);
    }
}

/* --- libraft's messages --- */

static struct raft_message vote(void) {
    struct raft_message m;
    memset(&m, 0, sizeof(m));
    m.type = RAFT_REQUEST_VOTE;
    m.request_vote.version = 2;
    m.request_vote.term = 7;
    m.request_vote.candidate_id = 2;
    m.request_vote.last_log_index = 10;
    m.request_vote.last_log_term = 6;
    m.request_vote.pre_vote = true;
    return m;
}

static struct span body_of(const struct buf *out) {
    return span_of(out->data + PEER_HEADER_LEN, out->len - PEER_HEADER_LEN);
}

static void test_raft_vote(void **state) {
    (void)state;
    struct raft_message m = vote(), got;
    struct buf out;
    unsigned next;
    buf_init(&out, LIMIT_PEER_MESSAGE);
    assert_int_equal(peer_raft_encode(&m, 0, &out, &next), OK);
    assert_int_equal(peer_raft_decode(body_of(&out), 2, &got), OK);
    assert_int_equal(got.request_vote.term, 7);
    assert_int_equal(got.request_vote.last_log_index, 10);
    assert_true(got.request_vote.pre_vote);
    assert_false(got.request_vote.disrupt_leader);
    /* A node stands for election for nobody but itself. */
    assert_int_equal(peer_raft_decode(body_of(&out), 3, &got), ERR_INVALID);
    buf_free(&out);
}

#define ENTRIES 5
#define ENTRY_LEN (400 * 1024)

/* Entries that do not fit one message are split; the parts join seamlessly. */
static void test_raft_append_is_split(void **state) {
    (void)state;
    uint8_t *data = calloc(1, ENTRY_LEN);
    struct raft_entry entries[ENTRIES];
    struct raft_message m;
    struct buf out;
    unsigned next = 0, parts = 0, seen = 0;
    assert_non_null(data);
    memset(&m, 0, sizeof(m));
    memset(entries, 0, sizeof(entries));
    for (unsigned i = 0; i < ENTRIES; i++) {
        entries[i] = (struct raft_entry){.term = 3 + i,
                                         .type = RAFT_COMMAND,
                                         .buf = {.base = data, .len = ENTRY_LEN}};
    }
    m.type = RAFT_APPEND_ENTRIES;
    m.append_entries = (struct raft_append_entries){.term = 9,
                                                    .prev_log_index = 100,
                                                    .prev_log_term = 2,
                                                    .leader_commit = 99,
                                                    .entries = entries,
                                                    .n_entries = ENTRIES};
    buf_init(&out, LIMIT_PEER_MESSAGE);
    while (next < ENTRIES) {
        struct raft_message got;
        buf_reset(&out);
        assert_int_equal(peer_raft_encode(&m, next, &out, &next), OK);
        assert_int_equal(peer_raft_decode(body_of(&out), 1, &got), OK);
        assert_int_equal(got.append_entries.prev_log_index, 100 + seen);
        assert_int_equal(got.append_entries.prev_log_term, 2 + seen);
        for (unsigned i = 0; i < got.append_entries.n_entries; i++) {
            assert_int_equal(got.append_entries.entries[i].term, 3 + seen + i);
            assert_int_equal(got.append_entries.entries[i].buf.len, ENTRY_LEN);
        }
        seen += got.append_entries.n_entries;
        parts++;
        peer_raft_free(&got);
    }
    assert_int_equal(seen, ENTRIES);
    assert_int_equal(parts, 3);
    buf_free(&out);
    free(data);
}

static void test_raft_install_snapshot_has_no_encoding(void **state) {
    (void)state;
    struct raft_message m, got;
    struct buf out;
    unsigned next;
    static const uint8_t body[80] = {RAFT_INSTALL_SNAPSHOT};
    memset(&m, 0, sizeof(m));
    m.type = RAFT_INSTALL_SNAPSHOT;
    buf_init(&out, LIMIT_PEER_MESSAGE);
    assert_int_equal(peer_raft_encode(&m, 0, &out, &next), ERR_VERSION);
    assert_int_equal(peer_raft_decode(span_of(body, sizeof(body)), 1, &got),
                     ERR_VERSION);
    buf_free(&out);
}

/* A small AppendEntries: a configuration and a command. With `middle` another command
 * comes first. Encoded from entry `first`; gives the next one. */
static unsigned encode_append_from(struct buf *out, bool middle, unsigned first) {
    static uint8_t command[16] = {1};
    struct raft_configuration configuration;
    struct raft_buffer encoded;
    struct raft_entry entries[3];
    struct raft_message m;
    unsigned next, count = middle ? 3 : 2;
    raft_configuration_init(&configuration);
    assert_int_equal(raft_configuration_add(&configuration, 1, "127.0.0.1:1", 1), 0);
    assert_int_equal(raft_configuration_add(&configuration, 2, "127.0.0.1:2", 1), 0);
    assert_int_equal(raft_configuration_encode(&configuration, &encoded), 0);
    memset(&m, 0, sizeof(m));
    memset(entries, 0, sizeof(entries));
    for (unsigned i = 0; i < count; i++) {
        entries[i] = (struct raft_entry){
            .term = 3, .type = RAFT_COMMAND, .buf = {.base = command, .len = 16}};
    }
    entries[middle ? 1 : 0] =
        (struct raft_entry){.term = 3, .type = RAFT_CHANGE, .buf = encoded};
    if (middle) {
        entries[2].buf = encoded; /* so that but for its type it could be one too */
    }
    m.type = RAFT_APPEND_ENTRIES;
    m.append_entries = (struct raft_append_entries){.term = 3,
                                                    .prev_log_index = 4,
                                                    .prev_log_term = 2,
                                                    .leader_commit = 4,
                                                    .entries = entries,
                                                    .n_entries = count};
    assert_int_equal(peer_raft_encode(&m, first, out, &next), OK);
    raft_free(encoded.base);
    raft_configuration_close(&configuration);
    return next;
}

static void encode_append(struct buf *out) {
    assert_int_equal(encode_append_from(out, false, 0), 2);
}

/* M4: and one that stands elsewhere is refused. */
static void test_raft_configuration_begins_a_message(void **state) {
    (void)state;
    struct raft_message got;
    struct buf out;
    uint8_t *at;
    buf_init(&out, LIMIT_PEER_MESSAGE);
    assert_int_equal(encode_append_from(&out, true, 0), 1);
    buf_reset(&out);
    assert_int_equal(encode_append_from(&out, true, 1), 3);
    assert_int_equal(peer_raft_decode(body_of(&out), 1, &got), OK);
    assert_int_equal(got.append_entries.n_entries, 2);
    assert_int_equal(got.append_entries.prev_log_index, 5);
    assert_int_equal(got.append_entries.entries[0].type, RAFT_CHANGE);
    peer_raft_free(&got);
    /* The second entry's type: type, version, five numbers, one header, its term. */
    at = out.data + PEER_HEADER_LEN + 2 + 4 * 8 + 4 + 16 + 8;
    assert_int_equal(*at, RAFT_COMMAND);
    *at = RAFT_CHANGE;
    assert_int_equal(peer_raft_decode(body_of(&out), 1, &got), ERR_INVALID);
    buf_free(&out);
}

/* Whatever still decodes keeps libraft's assumptions (M1, M2). */
static void check_append(const struct raft_append_entries *args) {
    assert_true(args->term != 0);
    assert_true((args->prev_log_index == 0) == (args->prev_log_term == 0));
    for (unsigned i = 0; i < args->n_entries; i++) {
        assert_true(args->entries[i].term != 0 && args->entries[i].term <= args->term);
        assert_true(args->entries[i].buf.len > 0 && args->entries[i].buf.len % 8 == 0);
        if (args->entries[i].type == RAFT_CHANGE) {
            struct raft_configuration configuration;
            if (raft_configuration_decode(&args->entries[i].buf, &configuration) == 0) {
                raft_configuration_close(&configuration);
            }
        }
    }
}

static void test_raft_append_damaged(void **state) {
    (void)state;
    struct buf out;
    struct raft_message got;
    size_t accepted = 0;
    buf_init(&out, LIMIT_PEER_MESSAGE);
    encode_append(&out);
    size_t len = out.len - PEER_HEADER_LEN;
    uint8_t *copy = malloc(len);
    assert_non_null(copy);
    memcpy(copy, out.data + PEER_HEADER_LEN, len);
    assert_int_equal(peer_raft_decode(span_of(copy, len), 1, &got), OK);
    check_append(&got.append_entries);
    peer_raft_free(&got);
    for (size_t cut_at = 0; cut_at < len; cut_at++) {
        assert_int_not_equal(peer_raft_decode(span_of(copy, cut_at), 1, &got), OK);
    }
    for (size_t bit = 0; bit < 8 * len; bit++) {
        copy[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        if (peer_raft_decode(span_of(copy, len), 1, &got) == OK) {
            accepted++;
            if (got.type == RAFT_APPEND_ENTRIES) {
                check_append(&got.append_entries);
            }
            peer_raft_free(&got);
        }
        copy[bit / 8] ^= (uint8_t)(1u << (bit % 8));
    }
    assert_true(accepted > 0); /* such as one in the command's bytes */
    free(copy);
    buf_free(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_messages_come_back),
        cmocka_unit_test(test_lengths_are_exact),
        cmocka_unit_test(test_framer_bounds),
        cmocka_unit_test(test_hello_of_another_version),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_raft_vote),
        cmocka_unit_test(test_raft_append_is_split),
        cmocka_unit_test(test_raft_install_snapshot_has_no_encoding),
        cmocka_unit_test(test_raft_append_damaged),
        cmocka_unit_test(test_raft_configuration_begins_a_message),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
