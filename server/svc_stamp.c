/* svc_stamp: cookies and access tokens as sealed stamps, and the sessions behind
 * the cookies (svc_internal.h). */
#include "server/svc_internal.h"

#include "store/base/check.h"
#include "store/base/secret.h"

enum err svc_epoch(struct svc *svc, uint64_t *ret_epoch) {
    struct store_meta meta;
    enum err err = svc_read_begin(svc);

    if (err)
        return err;
    err = store_read_meta(svc->read, &meta);
    svc_read_end(svc);
    if (!err)
        *ret_epoch = meta.epoch;
    return err;
}

enum err svc_stamp_make(struct svc *svc, enum seal_purpose purpose, uint64_t index,
                        struct span secret, struct arena *arena,
                        struct span *ret_text) {
    struct stamped_token token = {.index = index, .secret_len = secret.len};
    uint8_t plain[TOKEN_FORMAT_MAX];
    enum err err;
    size_t len;

    CHECK(secret.len <= sizeof token.secret);
    err = svc_epoch(svc, &token.epoch);
    if (err)
        return err;
    memcpy(token.secret, secret.data, secret.len);
    len = token_format_encode(&token, plain);
    err = svc_seal_text(svc, purpose, span_of(plain, len), arena, ret_text);
    secret_wipe(plain, sizeof plain);
    secret_wipe(&token, sizeof token);
    return err;
}

enum err svc_stamp_open(struct svc *svc, enum seal_purpose purpose, struct span text,
                        struct stamped_token *ret_token) {
    struct span plain;
    enum err err;

    err = svc_open_text(svc, purpose, text, TOKEN_FORMAT_MAX, &plain);
    if (err)
        return err;
    /* Sealed by this cluster, so only a form that this release does not know can
     * fail here: to its holder that is a token that has ended. */
    return token_format_decode(plain, ret_token) ? ERR_FORGED : OK;
}

static void await_applied(struct svc_state *state) {
    if (svc_fresh(state))
        state->after_wait(state);
}

void svc_stamp_await(struct svc_state *state, const struct stamped_token *token,
                     void (*next)(struct svc_state *state)) {
    struct svc *svc = state->svc;
    enum err err;

    state->after_wait = next;
    if (repl_applied(svc->shared->repl, token->index)) {
        await_applied(state);
        return;
    }
    err = svc_read_begin(svc);
    if (!err) {
        err = svc_stamp_current(svc, token);
        svc_read_end(svc);
    }
    if (err == ERR_NOT_FOUND) {
        await_applied(state);
    } else if (err) {
        svc_fail(state, err);
    } else {
        svc_wait_index(state, token->index, await_applied);
    }
}

enum err svc_stamp_current(struct svc *svc, const struct stamped_token *token) {
    struct store_meta meta;
    enum err err;

    CHECK(svc->reading);
    err = store_read_meta(svc->read, &meta);
    if (err)
        return err;
    if (token->epoch == meta.epoch)
        return OK;
    return store_epoch_ahead(meta.epoch, token->epoch) ? ERR_STALE : ERR_NOT_FOUND;
}

enum err svc_session_read(struct svc *svc, struct arena *arena,
                          const struct stamped_token *stamp,
                          struct session *ret_session, struct account *ret_account) {
    uint64_t now_ms = repl_now_ms(svc->shared->repl);
    struct session session;
    struct account account;
    struct key_hash key;
    enum err err;

    err = svc_stamp_current(svc, stamp);
    if (err)
        return err;
    key = svc_hash(svc, HASH_SESSION, token_format_secret(stamp));
    err = store_session_get(svc->read, key, &session);
    if (err)
        return err;
    if (now_ms >= session.expires_ms || now_ms >= session.idle_at_ms)
        return ERR_NOT_FOUND;
    err = store_account_get(svc->read, arena, session.sub, &account);
    if (err)
        return err;
    if (account.state != ACCOUNT_ACTIVE || account.generation != session.generation)
        return ERR_NOT_FOUND;
    *ret_session = session;
    *ret_account = account;
    return OK;
}
