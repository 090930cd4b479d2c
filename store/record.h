/* record: protobuf-c messages in an arena, for the codecs of stored rows and of
 * commands.
 *
 * Generated structs never leave the file that decodes them; what they point to
 * lives in the arena, so there is nothing to free. Thread: the arena's. */
#ifndef STORE_RECORD_H
#define STORE_RECORD_H

#include <protobuf-c/protobuf-c.h>

#include "store/base/arena.h"
#include "store/base/buf.h"
#include "store/base/err.h"

/* ERR_INVALID: not a message of this type. ERR_NOMEM: the arena is exhausted. */
enum err record_unpack(const ProtobufCMessageDescriptor *type, struct span in,
                       struct arena *arena, ProtobufCMessage **ret_message);
/* Append. The error is the buffer's, sticky. */
void record_pack(const ProtobufCMessage *message, struct buf *out);

static inline struct span record_span(ProtobufCBinaryData data) {
    return span_of(data.data, data.len);
}

/* For packing only: protobuf-c does not write through it. */
static inline ProtobufCBinaryData record_bytes(struct span s) {
    return (ProtobufCBinaryData){s.len, (uint8_t *)(uintptr_t)s.data};
}

/* Exactly `len` bytes into `out`; false (and nothing written) otherwise. */
static inline bool record_fixed(ProtobufCBinaryData data, uint8_t *out, size_t len) {
    if (data.len != len) {
        return false;
    }
    memcpy(out, data.data, len);
    return true;
}

#endif
