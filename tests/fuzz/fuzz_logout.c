/* fuzz_logout: a logout request that is taken is bounded, fit to be sent back, and goes
 * to a registered address or nowhere. */
#include "http/http_form.h"
#include "server/oidc/logout_check.h"
#include "store/base/check.h"
#include "store/base/codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void judge(const struct logout_request *request) {
    static const char *const uris[] = {"https://rp.test/out", "https://rp.test/o?a=1"};
    const struct logout_hint hint = {.client_id = span_str("rp")};
    struct span client_id;

    if (logout_client(request, &hint, &client_id).error == OIDC_OK)
        CHECK(span_is(client_id, "rp"));
    if (logout_target(request, uris, 2).error == OIDC_OK &&
        request->post_logout_redirect_uri.len > 0)
        CHECK(span_is(request->post_logout_redirect_uri, uris[0]) ||
              span_is(request->post_logout_redirect_uri, uris[1]));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct params params;
    struct logout_request request;
    struct oidc_verdict verdict;
    struct arena arena;
    const char *why;

    arena_init(&arena, 8u * 1024 * 1024);
    if (http_form_parse(span_of(data, size), &arena, &params, &why) == OK) {
        verdict = logout_check(&params, &request);
        if (verdict.error == OIDC_OK) {
            CHECK(request.id_token_hint.len <= LIMIT_JWT);
            CHECK(request.post_logout_redirect_uri.len <= LIMIT_REDIRECT_URI);
            CHECK(request.state.len <= LIMIT_STATE);
            for (size_t i = 0; i < request.state.len; i++)
                CHECK(request.state.data[i] >= 0x20 && request.state.data[i] != 0x7f);
            judge(&request);
        } else {
            CHECK(verdict.description != NULL);
        }
    }
    arena_close(&arena);
    return 0;
}
