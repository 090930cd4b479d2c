/* frame_decode and envelope_decode: what libraft and peers hand to the state
 * machine. The input is taken once as a whole frame, and once as the envelopes of
 * a frame with a good checksum, which the fuzzer could not find by itself. */
#include "raft/command.h"
#include "store/base/check.h"
#include "store/base/limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void walk(struct span frame) {
    struct frame_header header;
    struct reader envelopes;
    struct envelope envelope;

    if (frame_decode(frame, &header, &envelopes) != OK) {
        return;
    }
    CHECK(header.count > 0 && header.count <= LIMIT_FRAME_COMMANDS);
    for (uint16_t i = 0; i < header.count; i++) {
        CHECK(envelope_decode(&envelopes, &envelope) == OK);
        CHECK(envelope.payload.len <= LIMIT_COMMAND);
    }
    CHECK(reader_left(&envelopes) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct buf frame;

    walk(span_of(data, size));
    if (size > 0) {
        buf_init(&frame, LIMIT_FRAME);
        if (frame_encode(1, 2, data[0], span_of(data + 1, size - 1), &frame) == OK) {
            walk(buf_span(&frame));
        }
        buf_free(&frame);
    }
    return 0;
}
