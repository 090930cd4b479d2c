#include "server/svc_origin.h"

#include <arpa/inet.h>

#include "server/crypto/client_cert.h"
#include "store/base/codec.h"

void svc_act_as(struct svc_state *state, enum audit_actor kind, struct span id) {
    state->actor.kind = kind;
    state->actor.id = id;
}

void svc_act_at(struct svc_state *state, struct span client_id) {
    state->actor.at = client_id;
}

enum err svc_act_as_account(struct svc_state *state, struct id128 sub) {
    struct span id = arena_dup(&state->op->arena, span_of(sub.b, sizeof sub.b));

    if (!id.data)
        return ERR_NOMEM;
    svc_act_as(state, AUDIT_ACCOUNT, id);
    return OK;
}

/* At most `max` bytes of whole characters; nothing from the first that is none on. */
static struct span cut(struct span text, size_t max) {
    size_t len = 0;

    while (len < text.len) {
        size_t step = utf8_sequence(span_of(text.data + len, text.len - len));
        if (step == 0 || text.data[len] < ' ' || len + step > max)
            break;
        len += step;
    }
    return span_of(text.data, len);
}

void svc_origin_hash(struct svc *svc, struct span address, uint8_t out[AUDIT_ID_LEN]) {
    struct key_hash hash = svc_hash(svc, HASH_ORIGIN, address);

    _Static_assert(sizeof hash.b == AUDIT_ID_LEN, "a source is a key hash");
    memcpy(out, hash.b, AUDIT_ID_LEN);
}

static enum err seal(struct svc_state *state, struct actor *actor) {
    const struct svc_origin *from = &state->op->from;
    struct span address = cut(from->address, ORIGIN_ADDRESS_MAX);
    struct span browser = cut(from->browser, ORIGIN_BROWSER_MAX);
    struct span none = {NULL, 0};
    struct buf plain, sealed;
    enum err err;

    buf_init(&plain, 2 + ORIGIN_ADDRESS_MAX + ORIGIN_BROWSER_MAX);
    buf_init(&sealed, LIMIT_SEALED_ORIGIN);
    put_u8(&plain, (uint8_t)address.len);
    buf_put(&plain, address.data, address.len);
    put_u8(&plain, (uint8_t)browser.len);
    buf_put(&plain, browser.data, browser.len);
    err = buf_err(&plain);
    if (!err)
        err = sealer_seal(state->svc->sealer, SEAL_ORIGIN, none, buf_span(&plain),
                          &sealed);
    if (!err)
        err = svc_take(&state->op->arena, &sealed, &actor->sealed);
    buf_free(&plain);
    buf_free(&sealed);
    svc_origin_hash(state->svc, address, actor->source);
    actor->has_source = true;
    return err;
}

static enum err name_operator(struct svc_state *state, struct actor *actor) {
    char name[LIMIT_AUDIT_ACTOR + 1];

    client_cert_name(state->op->from.operator_cert, name);
    actor->kind = AUDIT_OPERATOR;
    actor->id = arena_dup(&state->op->arena, span_str(name));
    return actor->id.data ? OK : ERR_NOMEM;
}

enum err svc_origin_actor(struct svc_state *state, struct actor *ret_actor) {
    const struct svc_origin *from = &state->op->from;
    struct actor *actor = &state->actor; /* made once an operation */
    enum err err = OK;

    if (actor->kind == AUDIT_SYSTEM && from->operator_cert.len > 0)
        err = name_operator(state, actor);
    else if (actor->kind == AUDIT_SYSTEM && from->address.len > 0)
        actor->kind = AUDIT_SOMEBODY;
    if (!err && from->address.len > 0 && actor->sealed.len == 0)
        err = seal(state, actor);
    if (actor->kind == AUDIT_SYSTEM) /* nobody, who comes from nowhere */
        actor->at = span_of(NULL, 0);
    if (!err)
        *ret_actor = *actor;
    return err;
}

enum err svc_origin_open(struct svc *svc, struct span sealed, struct arena *arena,
                         struct span *ret_address, struct span *ret_browser) {
    struct span none = {NULL, 0}, address, browser;
    struct reader in;
    enum err err;

    *ret_address = *ret_browser = span_of("", 0);
    if (sealed.len == 0)
        return OK;
    buf_reset(&svc->plain);
    err = sealer_open(svc->sealer, SEAL_ORIGIN, none, sealed, &svc->plain);
    if (err)
        return err;
    in = reader_of(buf_span(&svc->plain));
    address = read_bytes(&in, read_u8(&in));
    browser = read_bytes(&in, read_u8(&in));
    if (in.bad || reader_left(&in) != 0)
        return ERR_FORGED;
    *ret_address = arena_dup(arena, address);
    *ret_browser = arena_dup(arena, browser);
    return ret_address->data && ret_browser->data ? OK : ERR_NOMEM;
}

/* The address without the bits of an IPv6 address beyond `v6` bytes, and of an IPv4
 * address beyond `v4`. */
static struct span cut_address(struct span address, size_t v4, size_t v6,
                               char out[SVC_NETWORK_MAX]) {
    uint8_t bytes[sizeof(struct in6_addr)];

    _Static_assert(SVC_NETWORK_MAX == INET6_ADDRSTRLEN, "textual IPv6");
    if (address.len >= SVC_NETWORK_MAX)
        return address;
    if (address.len > 0)
        memcpy(out, address.data, address.len);
    out[address.len] = '\0';
    if (inet_pton(AF_INET6, out, bytes) == 1) {
        memset(bytes + v6, 0, sizeof(struct in6_addr) - v6);
        return inet_ntop(AF_INET6, bytes, out, SVC_NETWORK_MAX) ? span_str(out) : address;
    }
    if (inet_pton(AF_INET, out, bytes) == 1) {
        memset(bytes + v4, 0, sizeof(struct in_addr) - v4);
        return inet_ntop(AF_INET, bytes, out, SVC_NETWORK_MAX) ? span_str(out) : address;
    }
    return address;
}

struct span svc_network_of(struct span address, char out[SVC_NETWORK_MAX]) {
    return cut_address(address, 4, 8, out);
}

struct span svc_site_of(struct span address, char out[SVC_NETWORK_MAX]) {
    return cut_address(address, 3, 6, out);
}
