/* record: protobuf-c over arena and buf. */
#include "store/record.h"

struct arena_allocator {
    ProtobufCAllocator base;
    struct arena *arena;
    bool exhausted;
};

static void *allocator_alloc(void *data, size_t size) {
    struct arena_allocator *allocator = data;
    void *out = arena_alloc(allocator->arena, size);

    if (out == NULL) {
        allocator->exhausted = true;
    }
    return out;
}

static void allocator_free(void *data, void *pointer) {
    (void)data; /* the arena releases everything at once */
    (void)pointer;
}

enum err record_unpack(const ProtobufCMessageDescriptor *type, struct span in,
                       struct arena *arena, ProtobufCMessage **ret_message) {
    struct arena_allocator allocator = {.arena = arena, .exhausted = false};
    ProtobufCMessage *message;

    allocator.base.alloc = allocator_alloc;
    allocator.base.free = allocator_free;
    allocator.base.allocator_data = &allocator;
    message = protobuf_c_message_unpack(type, &allocator.base, in.len, in.data);
    if (message == NULL) {
        return allocator.exhausted ? ERR_NOMEM : ERR_INVALID;
    }
    *ret_message = message;
    return OK;
}

struct buf_writer {
    ProtobufCBuffer base;
    struct buf *out;
};

static void writer_append(ProtobufCBuffer *base, size_t len, const uint8_t *data) {
    buf_put(((struct buf_writer *)(void *)base)->out, data, len);
}

void record_pack(const ProtobufCMessage *message, struct buf *out) {
    struct buf_writer writer = {.base = {.append = writer_append}, .out = out};
    (void)protobuf_c_message_pack_to_buffer(message, &writer.base);
}
