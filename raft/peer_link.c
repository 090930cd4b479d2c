#include "raft/peer_link.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "raft/peer_conn.h"
#include "store/base/check.h"
#include "store/base/log.h"

#define HANDSHAKE_MAX_MS 3000
#define HANDSHAKES_MAX 64 /* accepted connections that are not proven yet */
#define PAUSE_MIN_MS 50
#define PAUSE_MAX_MS 1000
/* A link that stood for less was none: one that breaks at once each time is not dialled
 * again and again. */
#define STOOD_MS 500
/* A peer that turned this node away may only be behind: the pause grows. */
#define TURNED_PAUSE_MAX_MS 5000
#define BACKLOG 128

struct link {
    struct peer_links *links;
    uint64_t id;
    struct sockaddr_in address;
    struct peer_conn *out; /* dialled */
    struct peer_conn *in;  /* accepted, after HELLO */
    uint64_t dial_at_ms;
    uint64_t up_at_ms; /* of `out`; 0: it is not open */
    uint32_t pause_ms;
    bool complained;    /* the present trouble was logged */
    uint32_t turned_ms; /* pause since the peer turns this node away; 0: it does not */
    bool turned;        /* `out` was */
    bool dropped;       /* being forgotten: nobody is told */
};

struct peer_links {
    uv_loop_t *loop;
    uv_tcp_t listener;
    struct peer_tls *tls;
    struct peer_link_handlers handlers;
    struct id128 cluster_id;
    uint64_t self, epoch;
    char address[PEER_ADDRESS_MAX]; /* where this node listens */
    uint64_t now_ms;
    struct link link[LIMIT_NODES]; /* id 0: free */
    size_t count;                  /* places ever used */
    struct peer_conn *strangers;   /* accepted, no HELLO yet */
    size_t strangers_count;
    bool closing;
};

static struct link *link_find(struct peer_links *links, uint64_t id) {
    for (size_t i = 0; i < links->count && id != 0; i++) {
        if (links->link[i].id == id) {
            return &links->link[i];
        }
    }
    return NULL;
}

/* --- links that this node dials --- */

static bool out_opened(struct peer_conn *conn, uint64_t peer) {
    struct link *link = conn->owner;
    struct peer_links *links = link->links;
    if (peer != link->id) {
        return false;
    }
    struct peer_message hello = {.type = PEER_HELLO,
                                 .hello = {.cluster_id = links->cluster_id,
                                           .from = links->self,
                                           .to = link->id,
                                           .epoch = links->epoch}};
    struct buf out;
    memcpy(hello.hello.address, links->address, sizeof(hello.hello.address));
    buf_init(&out, 256);
    peer_message_encode(&hello, &out);
    enum err err = buf_err(&out);
    if (err == OK) {
        err = peer_conn_send(conn, buf_span(&out));
    }
    buf_free(&out);
    if (err != OK) {
        return false;
    }
    link->up_at_ms = links->now_ms;
    link->turned = false;
    link->complained = link->turned_ms != 0;
    log_event(LOG_INFO, "peer.up", log_u64("peer", link->id), log_end());
    links->handlers.up(links->handlers.arg, link->id);
    return true;
}

static bool out_message(struct peer_conn *conn, enum peer_type type, struct span body) {
    struct link *link = conn->owner;
    struct peer_message message;
    if (type != PEER_TURNED_AWAY || peer_message_decode(type, body, &message) != OK) {
        return false; /* a link is one-way but for this */
    }
    if (link->turned_ms == 0) {
        log_event(
            LOG_ERROR, "peer.turned_away", log_u64("peer", link->id),
            log_str("why", message.turned == PEER_TURNED_EPOCH
                               ? "it is of another epoch of this cluster"
                               : "to it this node is no member of the cluster: it "
                                 "was removed, or is not added yet"),
            log_end());
    }
    link->turned = true;
    return false;
}

/* When to dial again. One that worked at once: a refused connection says early that the
 * peer's process has ended. */
static uint32_t pause_of(struct link *link) {
    bool stood = link->up_at_ms != 0 && link->links->now_ms >= link->up_at_ms + STOOD_MS;
    uint32_t pause = stood ? 0 : link->pause_ms;
    if (stood) {
        link->pause_ms = PAUSE_MIN_MS / 2; /* the next one, when this is refused */
    }
    if (link->turned) {
        pause = link->turned_ms == 0 ? PAUSE_MIN_MS : link->turned_ms * 2;
        pause = pause > TURNED_PAUSE_MAX_MS ? TURNED_PAUSE_MAX_MS : pause;
    }
    link->turned_ms = link->turned ? pause : 0;
    return pause;
}

static void out_closed(struct peer_conn *conn, const char *why, bool refused) {
    struct link *link = conn->owner;
    struct peer_links *links = link->links;
    CHECK(link->out == conn);
    link->out = NULL;
    if (links->closing || link->dropped) {
        return;
    }
    link->dial_at_ms = links->now_ms + pause_of(link);
    link->up_at_ms = 0;
    link->turned = false;
    link->pause_ms =
        link->pause_ms * 2 > PAUSE_MAX_MS ? PAUSE_MAX_MS : link->pause_ms * 2;
    if (!link->complained) {
        link->complained = true;
        log_event(LOG_WARN, "peer.down", log_u64("peer", link->id), log_str("why", why),
                  log_end());
    }
    if (refused) {
        links->handlers.refused(links->handlers.arg, link->id);
    }
}

static const struct peer_conn_handlers out_handlers = {out_opened, out_message,
                                                       out_closed};

static void dial(struct link *link) {
    struct peer_links *links = link->links;
    enum err err = peer_conn_dial(links->loop, (const struct sockaddr *)&link->address,
                                  links->tls, &out_handlers, link, &link->out);
    if (err != OK) {
        link->out = NULL;
        link->dial_at_ms = links->now_ms + PAUSE_MAX_MS;
        return;
    }
    link->out->peer = link->id;
    link->out->deadline_ms = links->now_ms + HANDSHAKE_MAX_MS;
}

/* --- links that peers dial --- */

static void stranger_drop(struct peer_links *links, struct peer_conn *conn) {
    for (struct peer_conn **at = &links->strangers; *at != NULL; at = &(*at)->next) {
        if (*at == conn) {
            *at = conn->next;
            links->strangers_count--;
            return;
        }
    }
    CHECK(!"stranger is not in the list");
}

/* Those that are no peers may stay for one message: a node that is no member (yet)
 * is told so when it asks for an image, and this node's own operator for a backup. */
static bool in_opened(struct peer_conn *conn, uint64_t peer) {
    conn->peer = peer; /* by certificate; HELLO or FETCH must say the same */
    return true;
}

/* It cannot know that it only has to wait, or to end (peer_wire.h). Best effort. */
static bool turn_caller_away(struct peer_conn *conn, enum peer_turned why) {
    struct peer_message message = {.type = PEER_TURNED_AWAY, .turned = (uint8_t)why};
    struct buf out;
    buf_init(&out, 64);
    peer_message_encode(&message, &out);
    if (buf_err(&out) == OK && peer_conn_send(conn, buf_span(&out)) == OK) {
        peer_conn_flush(conn);
    }
    buf_free(&out);
    return false;
}

static bool in_hello(struct peer_links *links, struct peer_conn *conn,
                     const struct peer_hello *hello) {
    if (hello->from != conn->peer || hello->to != links->self ||
        memcmp(&hello->cluster_id, &links->cluster_id, sizeof(struct id128)) != 0) {
        return false;
    }
    if (hello->epoch != 0 && links->epoch != 0 && hello->epoch != links->epoch) {
        log_event(LOG_ERROR, "peer.epoch", log_u64("peer", conn->peer),
                  log_u64("its_epoch", hello->epoch), log_u64("epoch", links->epoch),
                  log_str("why",
                          "it belongs to another epoch of this cluster: the older "
                          "one was given up and needs re-seeding"),
                  log_end());
        return turn_caller_away(conn, PEER_TURNED_EPOCH); /* K3 */
    }
    if (link_find(links, conn->peer) == NULL &&
        !links->handlers.stranger(links->handlers.arg, conn->peer, hello->address)) {
        return turn_caller_away(conn, PEER_TURNED_NO_MEMBER);
    }
    struct link *link = link_find(links, conn->peer);
    CHECK(link != NULL);
    stranger_drop(links, conn);
    if (link->in != NULL) {
        peer_conn_close(link->in, "replaced by a newer connection", false);
    }
    link->in = conn;
    peer_conn_trust(conn);
    return true;
}

static bool in_fetch(struct peer_links *links, struct peer_conn *conn,
                     const struct peer_fetch *fetch) {
    struct peer_image_call call = {.peer = conn->peer,
                                   .member = conn->peer == links->self ||
                                             link_find(links, conn->peer) != NULL,
                                   .floor_index = fetch->floor_index};
    memcpy(call.blob, fetch->blob, sizeof(call.blob));
    if (links->handlers.fetch == NULL || fetch->from != conn->peer ||
        fetch->to != links->self ||
        memcmp(&fetch->cluster_id, &links->cluster_id, sizeof(struct id128)) != 0 ||
        peer_conn_detach(conn, &call.fd, &call.session) != OK) {
        return false;
    }
    stranger_drop(links, conn);
    links->handlers.fetch(links->handlers.arg, &call);
    return true;
}

static bool in_message(struct peer_conn *conn, enum peer_type type, struct span body) {
    struct peer_links *links = conn->owner;
    struct peer_message message;
    struct link *link = link_find(links, conn->peer);
    enum err err = peer_message_decode(type, body, &message);
    bool linked = link != NULL && link->in == conn;
    if (err == OK && type == PEER_FETCH && !linked) {
        return in_fetch(links, conn, &message.fetch);
    }
    if (err == OK && type == PEER_HELLO && !linked) {
        return in_hello(links, conn, &message.hello);
    }
    if (err != OK || type == PEER_HELLO || !linked) {
        return false;
    }
    return links->handlers.message(links->handlers.arg, conn->peer, &message);
}

static void in_closed(struct peer_conn *conn, const char *why, bool refused) {
    struct peer_links *links = conn->owner;
    struct link *link = link_find(links, conn->peer);
    (void)refused;
    if (link != NULL && link->in == conn) {
        link->in = NULL;
        if (!links->closing && !link->dropped) {
            links->handlers.lost(links->handlers.arg, link->id);
        }
        return;
    }
    stranger_drop(links, conn);
    if (!links->closing) {
        log_event(LOG_WARN, "peer.refused", log_u64("peer", conn->peer),
                  log_str("why", why), log_end());
    }
}

static const struct peer_conn_handlers in_handlers = {in_opened, in_message, in_closed};

/* Accept and close: leaving it in the backlog would block those behind it. */
static void turn_away(uv_stream_t *listener) {
    uv_tcp_t *tcp = malloc(sizeof(*tcp));
    if (tcp == NULL) {
        return;
    }
    CHECK(uv_tcp_init(listener->loop, tcp) == 0);
    (void)uv_accept(listener, (uv_stream_t *)tcp);
    uv_close((uv_handle_t *)tcp, (uv_close_cb)free);
}

static void on_connection(uv_stream_t *listener, int status) {
    struct peer_links *links = listener->data;
    if (status != 0 || links->closing) {
        return; /* such as EMFILE: libuv tries again */
    }
    if (links->strangers_count >= HANDSHAKES_MAX) {
        turn_away(listener);
        return;
    }
    struct peer_conn *conn;
    if (peer_conn_accept(listener, links->tls, &in_handlers, links, &conn) != OK) {
        return;
    }
    conn->deadline_ms = links->now_ms + HANDSHAKE_MAX_MS;
    conn->next = links->strangers;
    links->strangers = conn;
    links->strangers_count++;
}

/* --- all of them --- */

static enum err start_listening(struct peer_links *links, const char *text,
                                char why[256]) {
    struct sockaddr_in address;
    if (peer_address_parse(text, &address) != OK) {
        snprintf(why, 256, "peer address %.60s is not IPv4:port", text);
        return ERR_CONFIG;
    }
    CHECK(uv_tcp_init(links->loop, &links->listener) == 0);
    links->listener.data = links;
    int rv = uv_tcp_bind(&links->listener, (const struct sockaddr *)&address, 0);
    if (rv == 0) {
        rv = uv_listen((uv_stream_t *)&links->listener, BACKLOG, on_connection);
    }
    if (rv != 0) {
        snprintf(why, 256, "cannot listen for peers on %.60s: %s", text,
                 uv_strerror(rv));
        uv_close((uv_handle_t *)&links->listener, NULL);
        return ERR_IO;
    }
    return OK;
}

enum err peer_links_new(uv_loop_t *loop, const struct repl_config *config,
                        struct peer_tls *tls, const struct peer_link_handlers *handlers,
                        struct peer_links **ret_links, char why[256]) {
    const char *own_address = NULL;
    struct peer_links *links = calloc(1, sizeof(*links));
    if (links == NULL) {
        snprintf(why, 256, "out of memory");
        return ERR_NOMEM;
    }
    links->loop = loop;
    links->handlers = *handlers;
    links->cluster_id = config->cluster_id;
    links->self = config->node_id;
    links->now_ms = config->clock.mono_ms(config->clock.impl);
    for (size_t i = 0; i < config->peers_count; i++) {
        if (config->peers[i].id == config->node_id) {
            own_address = config->peers[i].address;
        }
    }
    CHECK(own_address != NULL);
    (void)snprintf(links->address, sizeof(links->address), "%s", own_address);
    enum err err = start_listening(links, own_address, why);
    if (err != OK) {
        /* The listener's handle may still be closing inside *links. */
        (void)uv_run(loop, UV_RUN_NOWAIT);
        free(links);
        return err;
    }
    links->tls = tls;
    *ret_links = links;
    return OK;
}

static void link_close(struct link *link, const char *why) {
    if (link->in != NULL) {
        peer_conn_close(link->in, why, false);
    }
    if (link->out != NULL) {
        peer_conn_close(link->out, why, false);
    }
}

enum err peer_links_set(struct peer_links *links, const struct repl_peer_config *peer) {
    struct sockaddr_in address;
    struct link *link = link_find(links, peer->id);
    if (peer_address_parse(peer->address, &address) != OK) {
        return ERR_CONFIG;
    }
    for (size_t i = 0; i < LIMIT_NODES && link == NULL; i++) {
        if (links->link[i].id == 0) {
            link = &links->link[i];
            links->count = i >= links->count ? i + 1 : links->count;
            *link =
                (struct link){.links = links, .id = peer->id, .pause_ms = PAUSE_MIN_MS};
        }
    }
    if (link == NULL) {
        return ERR_CONFIG;
    }
    bool moved = memcmp(&link->address, &address, sizeof(address)) != 0;
    link->address = address;
    if (moved && link->out != NULL) {
        peer_conn_close(link->out, "it has a new address", false);
    }
    return OK;
}

void peer_links_drop(struct peer_links *links, uint64_t peer) {
    struct link *link = link_find(links, peer);
    if (link != NULL) {
        link->dropped = true;
        link_close(link, "no member any more");
        *link = (struct link){0};
    }
}

void peer_links_epoch(struct peer_links *links, uint64_t epoch) {
    links->epoch = epoch;
}

void peer_links_close(struct peer_links *links) {
    if (links->closing) {
        return;
    }
    links->closing = true;
    uv_close((uv_handle_t *)&links->listener, NULL);
    while (links->strangers != NULL) {
        peer_conn_close(links->strangers, "shutting down", false);
    }
    for (size_t i = 0; i < links->count; i++) {
        struct link *link = &links->link[i];
        if (link->in != NULL) {
            peer_conn_close(link->in, "shutting down", false);
        }
        if (link->out != NULL) {
            peer_conn_flush(link->out);
        }
        if (link->out != NULL) {
            peer_conn_close(link->out, "shutting down", false);
        }
    }
}

void peer_links_free(struct peer_links *links) {
    if (links != NULL) {
        peer_tls_free(links->tls);
        free(links);
    }
}

void peer_links_renew(struct peer_links *links, struct peer_tls *tls) {
    peer_tls_free(links->tls);
    links->tls = tls;
}

void peer_links_tick(struct peer_links *links, uint64_t mono_ms) {
    links->now_ms = mono_ms;
    if (links->closing) {
        return;
    }
    for (struct peer_conn *conn = links->strangers, *next; conn != NULL; conn = next) {
        next = conn->next;
        if (mono_ms >= conn->deadline_ms) {
            peer_conn_close(conn, "no HELLO in time", false);
        }
    }
    for (size_t i = 0; i < links->count; i++) {
        struct link *link = &links->link[i];
        if (link->id == 0) {
            continue;
        }
        if (link->out == NULL && mono_ms >= link->dial_at_ms) {
            dial(link);
        } else if (link->out != NULL && !link->out->open &&
                   mono_ms >= link->out->deadline_ms) {
            peer_conn_close(link->out, "no answer in time", false);
        }
    }
}

void peer_links_flush(struct peer_links *links) {
    for (size_t i = 0; i < links->count; i++) {
        if (links->link[i].out != NULL) {
            peer_conn_flush(links->link[i].out);
        }
    }
}

enum err peer_links_send(struct peer_links *links, uint64_t to, struct span messages) {
    struct link *link = link_find(links, to);
    if (link == NULL || link->out == NULL) {
        return ERR_CLOSED;
    }
    return peer_conn_send(link->out, messages);
}

bool peer_links_is_up(const struct peer_links *links, uint64_t peer) {
    for (size_t i = 0; i < links->count && peer != 0; i++) {
        if (links->link[i].id == peer) {
            return links->link[i].out != NULL && links->link[i].out->open;
        }
    }
    return false;
}

void peer_links_redial(struct peer_links *links, uint64_t peer) {
    struct link *link = link_find(links, peer);
    if (link != NULL && link->out == NULL && link->turned_ms == 0 && !links->closing) {
        link->pause_ms = PAUSE_MIN_MS;
        dial(link);
    }
}
