#include "server/crypto/cbor_read.h"

#include <cbor.h>

static void on_number(void *item, uint64_t number) {
    struct cbor_item *it = item;

    if (number <= INT64_MAX) {
        it->kind = CBOR_READ_INT;
        it->number = (int64_t)number;
    }
}

static void on_uint8(void *item, uint8_t number) {
    on_number(item, number);
}

static void on_uint16(void *item, uint16_t number) {
    on_number(item, number);
}

static void on_uint32(void *item, uint32_t number) {
    on_number(item, number);
}

/* `number` stands for -1 - number. */
static void on_negative(void *item, uint64_t number) {
    struct cbor_item *it = item;

    on_number(item, number);
    if (it->kind == CBOR_READ_INT)
        it->number = -1 - it->number;
}

static void on_negative8(void *item, uint8_t number) {
    on_negative(item, number);
}

static void on_negative16(void *item, uint16_t number) {
    on_negative(item, number);
}

static void on_negative32(void *item, uint32_t number) {
    on_negative(item, number);
}

static void on_bytes(void *item, cbor_data data, size_t len) {
    *(struct cbor_item *)item =
        (struct cbor_item){.kind = CBOR_READ_BYTES, .text = span_of(data, len)};
}

static void on_text(void *item, cbor_data data, size_t len) {
    *(struct cbor_item *)item =
        (struct cbor_item){.kind = CBOR_READ_TEXT, .text = span_of(data, len)};
}

static void on_array(void *item, size_t count) {
    *(struct cbor_item *)item =
        (struct cbor_item){.kind = CBOR_READ_ARRAY, .count = count};
}

static void on_map(void *item, size_t count) {
    *(struct cbor_item *)item =
        (struct cbor_item){.kind = CBOR_READ_MAP, .count = count};
}

static void on_null(void *item) {
    ((struct cbor_item *)item)->kind = CBOR_READ_SIMPLE;
}

static void on_boolean(void *item, bool value) {
    (void)value;
    on_null(item);
}

/* What has no callback leaves `kind` at zero, and so is refused. */
static struct cbor_callbacks callbacks(void) {
    struct cbor_callbacks them = cbor_empty_callbacks;

    them.uint8 = on_uint8;
    them.uint16 = on_uint16;
    them.uint32 = on_uint32;
    them.uint64 = on_number;
    them.negint8 = on_negative8;
    them.negint16 = on_negative16;
    them.negint32 = on_negative32;
    them.negint64 = on_negative;
    them.byte_string = on_bytes;
    them.string = on_text;
    them.array_start = on_array;
    them.map_start = on_map;
    them.null = on_null;
    them.boolean = on_boolean;
    return them;
}

bool cbor_read(struct span *in, struct cbor_item *ret_item) {
    struct cbor_callbacks them = callbacks();
    struct cbor_item item = {.kind = 0};
    struct cbor_decoder_result result;

    if (in->len == 0)
        return false;
    result = cbor_stream_decode(in->data, in->len, &them, &item);
    if (result.status != CBOR_DECODER_FINISHED || item.kind == 0 || result.read == 0 ||
        result.read > in->len)
        return false;
    *in = span_of(in->data + result.read, in->len - result.read);
    /* Every item takes a byte at least, and a pair two. */
    if (item.count > in->len)
        return false;
    *ret_item = item;
    return true;
}

bool cbor_read_skip(struct span *in) {
    size_t left[CBOR_READ_DEPTH_MAX + 1] = {1}; /* items to come, by depth */
    size_t depth = 0;
    struct cbor_item item;

    for (;;) {
        while (left[depth] == 0) {
            if (depth == 0)
                return true;
            depth--;
        }
        left[depth]--;
        if (!cbor_read(in, &item))
            return false;
        if (item.kind != CBOR_READ_ARRAY && item.kind != CBOR_READ_MAP)
            continue;
        if (depth == CBOR_READ_DEPTH_MAX)
            return false;
        left[++depth] = item.kind == CBOR_READ_MAP ? 2 * item.count : item.count;
    }
}
