/* fuzz_scope: the texts of an authorization request that have a grammar of their
 * own: scope, redirect URI, PKCE values. First byte chooses, the rest is the text. */
#include <stddef.h>
#include <stdint.h>

#include "server/oidc/pkce.h"
#include "server/oidc/redirect_uri.h"
#include "server/oidc/scope.h"
#include "store/base/check.h"
#include "store/base/limits.h"

/* What was parsed prints, and parses again to the same. */
static void scope(struct span text) {
    uint64_t scopes, again;
    struct buf out;

    if (!scope_parse(text, &scopes))
        return;
    CHECK(text.len <= LIMIT_SCOPE && (scopes & ~SCOPE_ALL) == 0);
    buf_init(&out, LIMIT_SCOPE);
    scope_print(scopes, &out);
    CHECK(scopes == 0 || scope_parse(buf_span(&out), &again));
    CHECK(scopes == 0 || again == scopes);
    buf_free(&out);
}

/* What may be registered is safe to put into a header, and has an origin. Nothing
 * but the registered URI itself matches a client that is not native. */
static void redirect_uri(struct span text, bool native) {
    static const char *const registered[] = {"https://rp.example/cb",
                                             "http://127.0.0.1/cb"};
    struct oidc_client client = {
        .native = native, .redirect_uris = registered, .redirect_uris_count = 2};
    struct span origin, host;
    const char *why = NULL;
    bool exact = span_is(text, registered[0]) || span_is(text, registered[1]);

    if (redirect_uri_registered(&client, text) && !exact) {
        CHECK(native && text.len > 17);
        CHECK(memcmp(text.data, "http://127.0.0.1:", 17) == 0);
    }
    if (!redirect_uri_check(text, native, &why)) {
        CHECK(why != NULL);
        return;
    }
    for (size_t i = 0; i < text.len; i++)
        CHECK(text.data[i] > 0x20 && text.data[i] < 0x7f && text.data[i] != '#');
    redirect_uri_origin(text, &origin, &host);
    CHECK(host.len > 0 && memchr(host.data, '@', host.len) == NULL);
    CHECK(origin.len <= text.len);
}

static void pkce(struct span text) {
    uint8_t challenge[32];

    if (pkce_challenge_parse(text, challenge))
        CHECK(text.len == 43 && pkce_verifier_valid(text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct span rest;

    if (size == 0)
        return 0;
    rest = span_of(data + 1, size - 1);
    switch (data[0] % 4) {
    case 0:
        scope(rest);
        break;
    case 1:
        redirect_uri(rest, false);
        break;
    case 2:
        redirect_uri(rest, true);
        break;
    default:
        pkce(rest);
        break;
    }
    return 0;
}
