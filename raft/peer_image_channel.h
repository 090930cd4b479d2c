/* peer_image_channel: one end of a connection that carries an image; it blocks.
 *
 * Both ends of raft/peer_image.h talk through this: whole messages, each with a
 * deadline, over a non-blocking socket and poll. One thread at a time; another one
 * ends it by setting `*cancelled` and shutting the socket down.
 * Errors: ERR_TIMEOUT; ERR_CLOSED: the peer has closed, or it is cancelled; ERR_IO;
 * ERR_CRYPTO: the TLS stream is broken; ERR_INVALID, ERR_TOO_BIG, ERR_VERSION: the
 * peer sent no message that is known here; ERR_NOMEM. None can be gone on from. */
#ifndef RAFT_PEER_IMAGE_CHANNEL_H
#define RAFT_PEER_IMAGE_CHANNEL_H

#include <stdatomic.h>

#include "raft/peer_tls.h"
#include "raft/peer_wire.h"
#include "store/base/port.h"

/* In one DATA message; a longer one is refused. */
#define PEER_CHANNEL_DATA_MAX (256u * 1024)

struct peer_channel {
    int fd;                           /* non-blocking; owned */
    struct peer_tls_session *session; /* owned */
    const atomic_bool *cancelled;     /* may be NULL */
    struct port_clock clock;

    /* private */
    struct peer_framer framer;
    struct buf out;
    uint8_t plain[32 * 1024];
    struct span rest; /* of `plain`: not looked at yet */
};

/* Takes the socket and the session. */
void peer_channel_init(struct peer_channel *channel, int fd,
                       struct peer_tls_session *session, const atomic_bool *cancelled,
                       struct port_clock clock);
void peer_channel_close(struct peer_channel *channel);
uint64_t peer_channel_now(const struct peer_channel *channel);

/* Deadlines are monotonic times of the channel's clock. */
enum err peer_channel_handshake(struct peer_channel *channel, uint64_t deadline_ms,
                                uint64_t *ret_peer, char why[256]);
/* All of it is with the kernel when this returns OK. */
enum err peer_channel_send(struct peer_channel *channel,
                           const struct peer_message *message, uint64_t deadline_ms);
/* The message borrows from the channel until the next call. */
enum err peer_channel_receive(struct peer_channel *channel, uint64_t deadline_ms,
                              struct peer_message *ret_message);
/* Do nothing for `ms`. ERR_CLOSED: meanwhile the peer has closed, or spoken, which
 * it must not. */
enum err peer_channel_pause(struct peer_channel *channel, uint64_t ms);

#endif
