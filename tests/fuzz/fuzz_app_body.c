/* fuzz_app_body: svc_app_body_parse over arbitrary bytes, as each of the four actions.
 * What is taken is within its bounds, and a code reads the same once it is printed. */
#include <stddef.h>
#include <stdint.h>

#include "server/svc_app_body.h"
#include "store/base/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    for (int action = APP_REGISTER; action <= APP_PUSH; action++) {
        struct svc_app_body body;
        struct arena arena;

        arena_init(&arena, 1 << 20);
        if (svc_app_body_parse((enum svc_app_action)action, span_of(data, size), &arena,
                               &body) == NULL) {
            uint8_t code[APP_CODE_BYTES];
            char text[APP_CODE_TEXT_SIZE];

            CHECK(body.name.len <= SVC_APP_NAME_MAX && body.number <= 99);
            CHECK(body.service.len <= LIMIT_CLIENT_NAME);
            CHECK(body.push.len <= SVC_APP_ADDRESS_MAX);
            app_code_print(body.code, text);
            CHECK(app_code_parse(span_str(text), code) == OK);
            CHECK(memcmp(code, body.code, sizeof code) == 0);
        }
        arena_close(&arena);
    }
    return 0;
}
