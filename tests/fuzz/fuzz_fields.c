/* fuzz_fields: rows of the intake as a damaged store would have them: what is read is
 * written again alike. */
#include <stddef.h>
#include <stdint.h>

#include "store/base/check.h"
#include "store/base/fields.h"

struct thing {
    uint8_t kind;
    bool flag;
    uint64_t number;
    char text[17];
    struct span bytes;
    size_t count;
    uint16_t items[8];
};

static void each(struct fields *f, struct thing *thing) {
    FIELD_ENUM(f, thing->kind, 1, 4);
    field_bool(f, &thing->flag);
    field_u64(f, &thing->number);
    field_text(f, thing->text, sizeof thing->text);
    field_bytes(f, &thing->bytes, 100);
    field_count(f, &thing->count, 8);
    for (size_t i = 0; i < thing->count; i++)
        field_u16(f, &thing->items[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct fields f = fields_from(span_of(data, size));
    struct thing thing = {.kind = 0};
    struct buf again;

    each(&f, &thing);
    if (fields_end(&f) != OK)
        return 0;
    buf_init(&again, 4096);
    f = fields_to(&again);
    each(&f, &thing);
    CHECK(fields_end(&f) == OK);
    CHECK(span_equal(buf_span(&again), span_of(data, size)));
    buf_free(&again);
    return 0;
}
