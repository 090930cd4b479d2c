/* Messages between nodes, as a byte stream cut at arbitrary places: the first
 * byte says how long the pieces are. What decodes must encode to the same bytes. */
#include <stdlib.h>

#include "raft/command.h"
#include "raft/peer_wire.h"
#include "store/base/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_message(enum peer_type type, struct span body) {
    struct peer_message message;
    struct buf out;
    if (peer_message_decode(type, body, &message) != OK) {
        return;
    }
    buf_init(&out, LIMIT_PEER_MESSAGE + PEER_HEADER_LEN);
    peer_message_encode(&message, &out);
    CHECK(buf_err(&out) == OK);
    CHECK(span_equal(body,
                     span_of(out.data + PEER_HEADER_LEN, out.len - PEER_HEADER_LEN)));
    buf_free(&out);
    if (type == PEER_FORWARD) {
        struct reader in = reader_of(message.forward.envelopes);
        struct envelope envelope;
        while (reader_left(&in) > 0 && envelope_decode(&in, &envelope) == OK) {
            CHECK(envelope.payload.len <= LIMIT_COMMAND);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct peer_framer framer;
    struct id128 cluster;
    uint64_t node;
    if (size == 0) {
        return 0;
    }
    size_t step = (size_t)data[0] + 1;
    struct span rest = span_of(data + 1, size - 1);
    (void)peer_name_parse(rest, &cluster, &node);
    peer_framer_init(&framer, LIMIT_PEER_MESSAGE);
    while (rest.len > 0) {
        struct span part = span_of(rest.data, rest.len < step ? rest.len : step);
        rest = span_of(rest.data + part.len, rest.len - part.len);
        while (part.len > 0) {
            enum peer_type type;
            struct span body;
            bool whole;
            if (peer_framer_next(&framer, &part, &type, &body, &whole) != OK) {
                goto done;
            }
            if (whole) {
                check_message(type, body);
            }
        }
    }
done:
    peer_framer_close(&framer);
    return 0;
}
