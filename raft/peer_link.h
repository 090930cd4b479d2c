/* peer_link: this node's links to and from all its peers.
 *
 * Every node dials every other one and sends on the connection that it dialled;
 * it listens on the ones that it accepted. So a link is one-way, and a link that
 * works one way only is seen as such. What travels: raft/peer_wire.h. A connection
 * that begins with FETCH is no link: it is handed over (raft/peer_image.h).
 * Invariants:
 *   K1  a message handed up came from the node that the certificate named, which
 *       is a peer, and which said in its HELLO that it meant this node;
 *   K2  one link a peer and direction: a newer accepted one replaces the older;
 *   K3  nodes of two epochs do not talk;
 *   K4  handshakes in progress are bounded in number and time.
 * Thread: raft. It logs what happens to links. */
#ifndef RAFT_PEER_LINK_H
#define RAFT_PEER_LINK_H

#include <uv.h>

#include "raft/peer_image.h"
#include "raft/peer_tls.h"
#include "raft/peer_wire.h"
#include "raft/repl.h"

struct peer_links;

struct peer_link_handlers {
    /* False: the sender is at fault, its connection is closed. */
    bool (*message)(void *arg, uint64_t from, const struct peer_message *message);
    /* The link to `peer` is open: messages may be sent. */
    void (*up)(void *arg, uint64_t peer);
    /* The peer's own link to us has ended. */
    void (*lost)(void *arg, uint64_t peer);
    /* Dialling found that nobody listens at the peer's address. */
    void (*refused)(void *arg, uint64_t peer);
    /* A node of this cluster that is no peer dials, and says where it listens. True:
     * it is a peer now (peer_links_set was called from within). */
    bool (*stranger)(void *arg, uint64_t id, const char *address);
    /* Somebody of this cluster asks for an image; `call` takes its connection. NULL:
     * none are given here. */
    void (*fetch)(void *arg, const struct peer_image_call *call);
    void *arg;
};

/* Bind and listen at the address of `config->node_id`; who may be talked to is said
 * by peer_links_set. Takes `tls` on success.
 * ERR_CONFIG, ERR_IO with a sentence in `why`. */
enum err peer_links_new(uv_loop_t *loop, const struct repl_config *config,
                        struct peer_tls *tls, const struct peer_link_handlers *handlers,
                        struct peer_links **ret_links, char why[256]);
/* Close everything; peer_links_free once the loop has run out of handles. */
void peer_links_close(struct peer_links *links);
void peer_links_free(struct peer_links *links);

/* A peer, or its new address: dial it, accept it. ERR_CONFIG: not IPv4:port, or
 * LIMIT_NODES are there. */
enum err peer_links_set(struct peer_links *links, const struct repl_peer_config *peer);
/* No longer. Its connections are closed. */
void peer_links_drop(struct peer_links *links, uint64_t peer);
/* Said in HELLO; a peer that says another one (neither being 0) is refused: it
 * belongs to a history that was given up. */
void peer_links_epoch(struct peer_links *links, uint64_t epoch);

/* Certificates for connections from now on. Takes `tls`. */
void peer_links_renew(struct peer_links *links, struct peer_tls *tls);

/* Dial what is due, give up what is late. Call every few tens of ms. */
void peer_links_tick(struct peer_links *links, uint64_t mono_ms);
/* Write what was sent since. Call once a loop iteration. */
void peer_links_flush(struct peer_links *links);

/* Queue encoded messages. ERR_CLOSED: no open link. ERR_BUSY: too much waits. */
enum err peer_links_send(struct peer_links *links, uint64_t to, struct span messages);
bool peer_links_is_up(const struct peer_links *links, uint64_t peer);
/* Dial now instead of when the pause is over. */
void peer_links_redial(struct peer_links *links, uint64_t peer);

#endif
