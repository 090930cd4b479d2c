/* fuzz_login_state: the decoder of a login in progress. What it takes is within
 * the bounds of the authorization request's rules, and encodes to the same bytes. */
#include <stddef.h>
#include <stdint.h>

#include "server/oidc/login_state.h"
#include "store/base/check.h"
#include "store/base/limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct login_state state;
    struct buf out;

    if (login_state_decode(span_of(data, size), &state) != OK)
        return 0;
    CHECK(state.request.redirect_uri.len <= LIMIT_REDIRECT_URI);
    CHECK(state.request.state.len <= LIMIT_STATE);
    CHECK(state.request.display <= DISPLAY_WAP);
    buf_init(&out, LOGIN_STATE_MAX);
    CHECK(login_state_encode(&state, &out) == OK);
    CHECK(span_equal(buf_span(&out), span_of(data, size)));
    buf_free(&out);
    return 0;
}
