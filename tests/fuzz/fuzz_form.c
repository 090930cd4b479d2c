/* fuzz_form: a form that is taken is bounded, UTF-8, and survives being written and
 * read again. */
#include <stddef.h>
#include <stdint.h>

#include "http/http_form.h"
#include "store/base/buf.h"
#include "store/base/check.h"
#include "store/base/codec.h"

static void check_again(const struct params *params, struct arena *arena) {
    static struct params again;
    const char *why;
    struct buf text;

    buf_init(&text, 64u * 1024 * 1024);
    for (size_t i = 0; i < params->count; i++) {
        http_form_escape(params->items[i].name, &text);
        buf_str(&text, "=");
        http_form_escape(params->items[i].value, &text);
        buf_str(&text, "&");
    }
    CHECK(http_form_parse(buf_span(&text), arena, &again, &why) == OK);
    CHECK(again.count == params->count);
    for (size_t i = 0; i < params->count; i++)
        CHECK(span_equal(again.items[i].value, params->items[i].value));
    buf_free(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct params params;
    struct arena arena;
    const char *why = NULL;

    arena_init(&arena, 8u * 1024 * 1024);
    if (http_form_parse(span_of(data, size), &arena, &params, &why) == OK) {
        CHECK(params.count <= LIMIT_FORM_FIELDS);
        for (size_t i = 0; i < params.count; i++) {
            CHECK(params.items[i].name.len <= LIMIT_FORM_NAME);
            CHECK(params.items[i].value.len <= LIMIT_FORM_VALUE);
            CHECK(utf8_valid(params.items[i].value));
        }
        check_again(&params, &arena);
    } else {
        CHECK(why != NULL);
    }
    arena_close(&arena);
    return 0;
}
