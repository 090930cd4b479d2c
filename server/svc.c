#include "server/svc_internal.h"

#include <stdlib.h>

#include "server/oidc/metadata.h"
#include "store/base/check.h"
#include "store/base/codec.h"
#include "store/base/log.h"

/* Most that one operation may take. Requests are bounded far below it; the operator's
 * list of all clients is what needs so much. */
#define OP_ARENA_MAX (16u * 1024 * 1024)
#define SCRATCH_MAX (256u * 1024)

enum err svc_new(struct svc_shared *shared, struct port_loop *loop,
                 struct svc **ret_svc) {
    struct svc *svc = calloc(1, sizeof *svc);
    enum err err;

    if (!svc)
        return ERR_NOMEM;
    svc->shared = shared;
    svc->loop = loop;
    buf_init(&svc->scratch, SCRATCH_MAX);
    buf_init(&svc->plain, SCRATCH_MAX);
    buf_init(&svc->discovery, SCRATCH_MAX);
    metadata_discovery(span_str(shared->config->issuer),
                       span_str(shared->config->mtls_url),
                       shared->config->client_ca[0] != '\0', &svc->discovery);
    err = buf_err(&svc->discovery);
    if (!err)
        err = store_read_new(shared->store, &svc->read);
    if (!err)
        err = sealer_new(shared->keyring, &shared->random, &svc->sealer);
    if (err) {
        svc_free(svc);
        return err;
    }
    *ret_svc = svc;
    return OK;
}

void svc_free(struct svc *svc) {
    if (!svc)
        return;
    CHECK(!svc->reading);
    svc_keys_drop(&svc->keys);
    if (svc->sealer)
        sealer_free(svc->sealer);
    if (svc->read)
        store_read_free(svc->read);
    buf_free(&svc->scratch);
    buf_free(&svc->plain);
    buf_free(&svc->discovery);
    free(svc);
}

void *svc_op_begin(struct svc *svc, struct svc_op *op, size_t size,
                   void (*finish)(struct svc_state *state)) {
    struct svc_state *state;

    arena_init(&op->arena, OP_ARENA_MAX);
    op->err = OK;
    op->state = NULL;
    state = arena_alloc(&op->arena, size);
    if (!state) {
        op->err = ERR_NOMEM;
        return NULL;
    }
    state->svc = svc;
    state->op = op;
    state->finish = finish;
    buf_init(&state->payload, LIMIT_COMMAND);
    op->state = state;
    return state;
}

void svc_op_close(struct svc_op *op) {
    if (op->state) {
        if (op->state->request_open)
            repl_request_close(&op->state->request);
        buf_free(&op->state->payload);
    }
    arena_close(&op->arena);
    op->state = NULL;
}

/* The errors that svc.h promises to mean "try again". */
static bool is_unavailable(enum err err) {
    switch (err) {
    case ERR_BUSY:
    case ERR_TIMEOUT:
    case ERR_STALE:
    case ERR_NO_LEADER:
    case ERR_NOT_LEADER:
    case ERR_CLOSED:
    case ERR_NO_SPACE:
        return true;
    default:
        return false;
    }
}

void svc_fail(struct svc_state *state, enum err err) {
    CHECK(err != OK);
    /* The leader moved while the command was under way: the same to a client. */
    if (err == ERR_NOT_LEADER)
        err = ERR_NO_LEADER;
    if (is_unavailable(err))
        svc_count(state->svc->shared->counters, COUNT_UNAVAILABLE);
    else
        log_event(LOG_ERROR, "svc.failed", log_str("why", err_str(err)), log_end());
    state->op->err = err;
    state->finish(state);
}

enum err svc_read_begin(struct svc *svc) {
    enum err err;

    CHECK(!svc->reading);
    err = store_read_begin(svc->read);
    svc->reading = err == OK;
    return err;
}

void svc_read_end(struct svc *svc) {
    CHECK(svc->reading);
    store_read_end(svc->read);
    svc->reading = false;
}

enum err svc_keys(struct svc *svc) {
    CHECK(svc->reading);
    return svc_keys_load(&svc->keys, svc->read, svc->sealer);
}

enum err svc_keys_needed(struct svc *svc) {
    enum err err = svc_keys(svc);

    /* A cluster, or an epoch, in its first seconds: its leader is about to make them,
     * one after the other. What is redeemed before a token can be signed is lost. */
    for (int alg = KEY_RS256; !err && alg <= KEY_ALG_LAST; alg++)
        if (!svc->keys.keys || !jwt_keys_can_sign(svc->keys.keys, (enum key_alg)alg,
                                                  repl_now_ms(svc->shared->repl)))
            err = ERR_NO_LEADER;
    return err;
}

struct key_hash svc_hash(struct svc *svc, enum hash_purpose purpose, struct span in) {
    struct key_hash hash;
    uint8_t full[32];

    sealer_hash(svc->sealer, purpose, in, full);
    memcpy(hash.b, full, sizeof hash.b);
    return hash;
}

void svc_random(struct svc *svc, void *out, size_t len) {
    const struct port_random *random = &svc->shared->random;

    random->fill(random->impl, out, len);
}

struct id128 svc_random_id(struct svc *svc) {
    struct id128 id;

    svc_random(svc, id.b, sizeof id.b);
    return id;
}

struct span svc_id_text(struct arena *arena, struct id128 id) {
    char *text = arena_alloc(arena, 2 * sizeof id.b + 1);

    if (!text)
        return span_of(NULL, 0);
    hex_encode(span_of(id.b, sizeof id.b), text);
    return span_of(text, 2 * sizeof id.b);
}

enum err svc_take(struct arena *arena, const struct buf *out, struct span *ret_text) {
    struct span copy;

    if (buf_err(out))
        return buf_err(out);
    copy = arena_dup(arena, buf_span(out));
    if (!copy.data)
        return ERR_NOMEM;
    *ret_text = copy;
    return OK;
}

enum err svc_seal_text_for(struct svc *svc, enum seal_purpose purpose, struct span aad,
                           struct span plain, struct arena *arena,
                           struct span *ret_text) {
    enum err err;
    char *text;

    buf_reset(&svc->scratch);
    err = sealer_seal(svc->sealer, purpose, aad, plain, &svc->scratch);
    if (!err)
        err = buf_err(&svc->scratch);
    if (err)
        return err;
    text = arena_alloc(arena, base64url_len(svc->scratch.len) + 1);
    if (!text)
        return ERR_NOMEM;
    *ret_text = span_of(text, base64url_encode(buf_span(&svc->scratch), text));
    return OK;
}

enum err svc_seal_text(struct svc *svc, enum seal_purpose purpose, struct span plain,
                       struct arena *arena, struct span *ret_text) {
    return svc_seal_text_for(svc, purpose, span_of(NULL, 0), plain, arena, ret_text);
}

enum err svc_open_text_for(struct svc *svc, enum seal_purpose purpose, struct span aad,
                           struct span text, size_t plain_max, struct span *ret_plain) {
    uint8_t small[128];
    uint8_t *sealed = small;
    size_t sealed_max = plain_max + SEAL_OVERHEAD;
    size_t len = 0;
    enum err err;

    if (text.len == 0 || text.len > base64url_len(sealed_max))
        return ERR_FORGED;
    if (sealed_max > sizeof small && !(sealed = malloc(sealed_max)))
        return ERR_NOMEM;
    err = base64url_decode(text, sealed, sealed_max, &len);
    if (err) {
        err = ERR_FORGED;
    } else {
        buf_reset(&svc->plain);
        err =
            sealer_open(svc->sealer, purpose, aad, span_of(sealed, len), &svc->plain);
    }
    if (!err)
        err = buf_err(&svc->plain);
    if (!err)
        *ret_plain = buf_span(&svc->plain);
    if (sealed != small)
        free(sealed);
    return err == ERR_INVALID ? ERR_FORGED : err;
}

enum err svc_open_text(struct svc *svc, enum seal_purpose purpose, struct span text,
                       size_t plain_max, struct span *ret_plain) {
    return svc_open_text_for(svc, purpose, span_of(NULL, 0), text, plain_max, ret_plain);
}

/* The state machine's row and the rules' view have the same numbers. */
_Static_assert((int)CLIENT_AUTH_POST == (int)OIDC_AUTH_POST &&
                   (int)CLIENT_AUTH_BASIC == (int)OIDC_AUTH_BASIC &&
                   (int)CLIENT_AUTH_NONE == (int)OIDC_AUTH_NONE,
               "client authentication");
_Static_assert((int)CLIENT_STANDARD == (int)OIDC_STANDARD &&
                   (int)CLIENT_GBIZID == (int)OIDC_GBIZID,
               "profile");
_Static_assert((int)CLIENT_ES256 == (int)OIDC_ES256 &&
                   (int)CLIENT_RS256 == (int)OIDC_RS256,
               "algorithm");

enum err svc_client_read(struct svc *svc, struct arena *arena, struct span client_id,
                         struct client *ret_client, struct oidc_client *ret_view) {
    struct client client;
    enum err err;

    CHECK(svc->reading);
    if (client_id.len == 0 || client_id.len > LIMIT_CLIENT_ID)
        return ERR_NOT_FOUND;
    err = store_client_get(svc->read, arena, client_id, &client);
    if (err)
        return err;
    if (!store_client_usable(&client) ||
        client.environment != svc->shared->config->environment)
        return ERR_NOT_FOUND;
    *ret_client = client;
    *ret_view = (struct oidc_client){
        .client_id = span_str(client.client_id),
        .profile = (enum oidc_profile)client.profile,
        .auth = (enum oidc_auth)client.auth,
        .id_token_alg = (enum oidc_alg)client.id_token_alg,
        .native = client.native,
        .features = client.features,
        .scopes = client.scopes,
        .redirect_uris = ret_client->redirect_uris,
        .redirect_uris_count = client.redirect_uris_count,
    };
    return OK;
}
