/* libraft's messages as they come from a peer: the first byte is the sender's id.
 * What decodes must be safe for libraft, and encode to the same bytes. */
#include <stdlib.h>

#include "raft/peer_raft.h"
#include "store/base/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_entries(const struct raft_append_entries *args) {
    volatile uint8_t last = 0;
    CHECK((args->prev_log_index == 0) == (args->prev_log_term == 0));
    for (unsigned i = 0; i < args->n_entries; i++) {
        const struct raft_entry *entry = &args->entries[i];
        const uint8_t *bytes = entry->buf.base;
        CHECK(entry->term != 0 && entry->buf.len > 0 && entry->buf.len % 8 == 0);
        for (size_t j = 0; j < entry->buf.len; j++) {
            last = bytes[j]; /* all of it can be read */
        }
        if (entry->type == RAFT_CHANGE) {
            struct raft_configuration configuration;
            if (raft_configuration_decode(&entry->buf, &configuration) == 0) {
                CHECK(configuration.n <= LIMIT_NODES);
                raft_configuration_close(&configuration);
            }
        }
    }
    (void)last;
}

static void check_same(const struct raft_message *message, struct span body) {
    struct buf out;
    unsigned next = 0;
    buf_init(&out, LIMIT_PEER_MESSAGE + PEER_HEADER_LEN);
    CHECK(peer_raft_encode(message, 0, &out, &next) == OK);
    /* Beyond PEER_RAFT_BYTES the encoder splits where the decoder need not. */
    if (message->type != RAFT_APPEND_ENTRIES ||
        next == message->append_entries.n_entries) {
        CHECK(span_equal(
            body, span_of(out.data + PEER_HEADER_LEN, out.len - PEER_HEADER_LEN)));
    }
    buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct raft_message message;
    if (size == 0) {
        return 0;
    }
    struct span body = span_of(data + 1, size - 1);
    if (peer_raft_decode(body, data[0], &message) == OK) {
        if (message.type == RAFT_APPEND_ENTRIES) {
            check_entries(&message.append_entries);
        }
        check_same(&message, body);
        peer_raft_free(&message);
    }
    return 0;
}
