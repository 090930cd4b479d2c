/* svc_await: what was signed with a key, or names a client, that this node has not
 * heard of.
 *
 * After an emergency (key revoke) another node signs with the new key as soon as it has
 * applied it, and the RP brings the token here a moment later. A probe goes round, so
 * that this node has applied what was committed before, and then it judges. A probe
 * costs an entry of the log and anybody can name a key: those that come together share
 * one, and each thread begins so many a second. */
#include "server/svc_internal.h"

#define AWAIT_PER_S 20u

bool svc_await_ask(struct svc *svc) {
    const struct port_clock *clock = &svc->shared->clock;
    uint64_t now_ms = clock->mono_ms(clock->impl);

    if (now_ms >= svc->await_since_ms + 1000) {
        svc->await_since_ms = now_ms;
        svc->await_count = 0;
    }
    return svc->await_count++ < AWAIT_PER_S;
}

static bool known(struct svc_state *state, struct span token, const char *typ) {
    struct svc *svc = state->svc;

    if (svc_read_begin(svc))
        return true;
    (void)svc_keys(svc); /* the judge finds out by itself */
    svc_read_end(svc);
    return jwt_keys_know(svc->keys.keys, token, typ, &state->op->arena);
}

void svc_keys_await(struct svc_state *state, struct span token, const char *typ,
                    void (*next)(struct svc_state *state)) {
    if (token.len == 0 || !memchr(token.data, '.', token.len) ||
        known(state, token, typ) || !svc_await_ask(state->svc))
        next(state);
    else
        svc_settle(state, next);
}
