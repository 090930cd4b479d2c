/* unit: cmocka with the headers that it wants first, and parameters from text. */
#ifndef TESTS_UNIT_SERVER_UNIT_H
#define TESTS_UNIT_SERVER_UNIT_H

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
// clang-format on

#include "server/oidc/params.h"
#include "store/base/buf.h"

/* "name=value" strings, ended by NULL; they must outlive the result. */
static inline struct params params_of(const char *const pairs[]) {
    struct params params = {.count = 0};

    for (; *pairs; pairs++) {
        const char *equals = strchr(*pairs, '=');
        struct param *param = &params.items[params.count++];

        assert_non_null(equals);
        assert_true(params.count <= LIMIT_FORM_FIELDS);
        param->name = span_of(*pairs, (size_t)(equals - *pairs));
        param->value = span_str(equals + 1);
    }
    return params;
}

#define PARAMS(...) params_of((const char *const[]){__VA_ARGS__, NULL})

#define assert_span(got, text) assert_span_at(got, text, __FILE__, __LINE__)

static inline void assert_span_at(struct span got, const char *text, const char *file,
                                  int line) {
    if (span_is(got, text))
        return;
    print_error("'%.*s' instead of '%s'\n", (int)got.len, (const char *)got.data, text);
    _fail(file, line);
}

#endif
