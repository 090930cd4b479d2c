/* outbound_token: logout tokens (OpenID Connect Back-Channel Logout 1.0 §2.4, §2.5),
 * signed anew for each attempt, under the message's id. */
#include "server/oidc/claims.h"
#include "server/outbound_internal.h"
#include "server/svc_subject.h"
#include "store/base/codec.h"

/* §2.4 recommends at most two minutes. */
#define TOKEN_LIFE_S 120
#define TOKEN_TYPE "logout+jwt"

enum err outbound_maker_open(struct svc_shared *shared, struct outbound_maker *maker) {
    enum err err;

    *maker = (struct outbound_maker){.shared = shared};
    err = store_read_new(shared->store, &maker->read);
    if (!err)
        err = sealer_new(shared->keyring, &shared->random, &maker->sealer);
    return err;
}

void outbound_maker_close(struct outbound_maker *maker) {
    svc_keys_drop(&maker->keys);
    if (maker->sealer)
        sealer_free(maker->sealer);
    if (maker->read)
        store_read_free(maker->read);
}

static enum err sign(struct outbound_maker *maker, const struct outbox_message *message,
                     const struct client *client, struct buf *out) {
    uint64_t now_s = repl_now_ms(maker->shared->repl) / 1000;
    char sub[SVC_SUBJECT_LEN + 1], sid[SVC_SUBJECT_LEN + 1], jti[33];
    struct logout_token_claims claims = {
        .issuer = span_str(maker->shared->config->issuer),
        .client_id = message->client_id,
        .issued_s = now_s,
        .expires_s = now_s + TOKEN_LIFE_S,
    };
    struct buf text;
    enum err err;

    (void)svc_subject(maker->sealer, client, message->sub, sub);
    (void)svc_subject(maker->sealer, client, message->sid, sid);
    hex_encode(span_of(message->id.b, sizeof message->id.b), jti);
    claims.sub = span_str(sub);
    claims.sid = span_str(sid);
    claims.jti = span_str(jti);
    buf_init(&text, LIMIT_JWT);
    claims_logout_token(&claims, &text);
    err = buf_err(&text);
    if (!err)
        err = jwt_sign(maker->keys.keys, svc_keys_alg(client),
                       repl_now_ms(maker->shared->repl), TOKEN_TYPE, buf_span(&text),
                       out);
    buf_free(&text);
    return err;
}

/* In the open snapshot. ERR_NOT_FOUND: nobody is to be told any more. */
static enum err look_up(struct outbound_maker *maker, struct id128 id,
                        struct arena *arena, struct outbox_message *ret_message,
                        struct client *ret_client) {
    const struct config *config = maker->shared->config;
    enum err err;

    err = store_outbox_get(maker->read, arena, id, ret_message);
    if (!err)
        err = store_client_get(maker->read, arena, ret_message->client_id, ret_client);
    if (!err &&
        (!store_client_usable(ret_client) || !ret_client->backchannel_logout_uri[0] ||
         ret_client->environment != config->environment))
        return ERR_NOT_FOUND;
    return err;
}

enum err outbound_make(struct outbound_maker *maker, struct id128 id,
                       struct arena *arena, const char **ret_url, struct buf *form) {
    struct outbox_message message;
    struct client client;
    enum err err;

    err = store_read_begin(maker->read);
    if (err)
        return err;
    err = look_up(maker, id, arena, &message, &client);
    if (!err) {
        err = svc_keys_load(&maker->keys, maker->read, maker->sealer);
        if (!err && !maker->keys.keys)
            err = ERR_NO_LEADER; /* a first leader is about to make them */
    }
    store_read_end(maker->read);
    if (err)
        return err;
    buf_str(form, "logout_token="); /* base64url and dots need no escape */
    err = sign(maker, &message, &client, form);
    if (!err)
        err = buf_err(form);
    if (!err)
        *ret_url = client.backchannel_logout_uri;
    return err == ERR_NOT_FOUND ? ERR_NO_LEADER : err;
}
