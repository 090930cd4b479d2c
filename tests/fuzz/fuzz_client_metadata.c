/* fuzz_client_metadata: a registration, in the operator's form (first byte even) or its
 * RP's. What is taken can be stored and written again, and reads the same then. */
#include <stddef.h>
#include <stdint.h>

#include "server/oidc/scope.h"
#include "server/svc_rp.h"
#include "store/base/check.h"
#include "store/base/limits.h"

static const struct rp_terms terms = {.profile = CLIENT_STANDARD,
                                      .stage = CLIENT_IN_VERIFICATION,
                                      .scopes = SCOPE_ALL,
                                      .account_types = 14};

static bool read(struct span text, bool operators, struct arena *arena,
                 struct client *ret) {
    static const struct config config = {.environment = ENV_DEMO,
                                         .mtls_url = "https://m.test/oauth/",
                                         .client_ca = "ca.pem"};
    struct svc_json json;
    struct rp_reader reader = {
        .json = &json, .arena = arena, .config = &config, .client = ret};
    bool good;

    *ret = (struct client){.client_id = "fuzz"};
    svc_json_parse(&json, text, operators ? svc_rp_members : NULL);
    if (operators)
        svc_rp_read_operator(&reader);
    else
        svc_rp_read_metadata(&reader, &terms);
    good = !json.failed;
    CHECK(good || json.message[0] != '\0');
    svc_json_close(&json);
    return good;
}

/* The row that it makes; through the store's own bytes. */
static void row(const struct client *client, struct buf *out) {
    buf_init(out, LIMIT_COMMAND);
    store_client_encode(client, out);
}

static void again(const struct client *client, struct arena *arena) {
    struct client second;
    struct buf text, one, two;

    buf_init(&text, 4 * LIMIT_COMMAND);
    buf_str(&text, "{");
    svc_rp_write_metadata(client, &text);
    buf_str(&text, "}");
    CHECK(buf_err(&text) == OK);
    CHECK(read(buf_span(&text), false, arena, &second));
    row(client, &one);
    row(&second, &two);
    CHECK(span_equal(buf_span(&one), buf_span(&two)));
    buf_free(&text);
    buf_free(&one);
    buf_free(&two);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct client client;
    struct arena arena;

    if (size == 0 || size > LIMIT_REQUEST_BODY)
        return 0;
    arena_init(&arena, 1 << 20);
    if (read(span_of(data + 1, size - 1), data[0] % 2 == 0, &arena, &client)) {
        CHECK(client.redirect_uris_count <= CLIENT_REDIRECTS_MAX);
        CHECK(client.scopes & SCOPE_OPENID);
        if (data[0] % 2 == 1)
            again(&client, &arena);
    }
    arena_close(&arena);
    return 0;
}
