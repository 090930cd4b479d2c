#include "raft/peer_image_channel.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

/* The clock is looked at so often: it need not be the one that poll goes by. */
#define SLICE_MS 250

void peer_channel_init(struct peer_channel *channel, int fd,
                       struct peer_tls_session *session, const atomic_bool *cancelled,
                       struct port_clock clock) {
    channel->fd = fd;
    channel->session = session;
    channel->cancelled = cancelled;
    channel->clock = clock;
    channel->rest = span_of(NULL, 0);
    peer_framer_init(&channel->framer, PEER_CHANNEL_DATA_MAX);
    buf_init(&channel->out, PEER_HEADER_LEN + PEER_CHANNEL_DATA_MAX);
}

void peer_channel_close(struct peer_channel *channel) {
    peer_tls_session_free(channel->session);
    peer_framer_close(&channel->framer);
    buf_free(&channel->out);
    close(channel->fd);
}

uint64_t peer_channel_now(const struct peer_channel *channel) {
    return channel->clock.mono_ms(channel->clock.impl);
}

/* Until `events` or the deadline. OK: try again (also after an error of the socket,
 * which the next call on it tells). */
static enum err wait_for(struct peer_channel *channel, short events,
                         uint64_t deadline_ms) {
    for (;;) {
        if (channel->cancelled != NULL && atomic_load(channel->cancelled)) {
            return ERR_CLOSED;
        }
        uint64_t now = peer_channel_now(channel);
        if (now >= deadline_ms) {
            return ERR_TIMEOUT;
        }
        uint64_t left = deadline_ms - now;
        struct pollfd entry = {.fd = channel->fd, .events = events};
        int rv = poll(&entry, 1, left < SLICE_MS ? (int)left : SLICE_MS);
        if (rv > 0) {
            return OK;
        }
        if (rv < 0 && errno != EINTR) {
            return ERR_IO;
        }
    }
}

static enum err socket_error(void) {
    return errno == ECONNRESET || errno == EPIPE ? ERR_CLOSED : ERR_IO;
}

/* Ciphertext out. Dropped at once at the end: part by part would copy it each time. */
static enum err flush(struct peer_channel *channel, uint64_t deadline_ms) {
    struct span pending = peer_tls_pending(channel->session);
    size_t done = 0;
    while (done < pending.len) {
        ssize_t n =
            send(channel->fd, pending.data + done, pending.len - done, MSG_NOSIGNAL);
        if (n >= 0) {
            done += (size_t)n;
        } else if (errno == EAGAIN) {
            enum err err = wait_for(channel, POLLOUT, deadline_ms);
            if (err != OK) {
                return err;
            }
        } else if (errno != EINTR) {
            return socket_error();
        }
    }
    if (done > 0) {
        peer_tls_drop(channel->session, done);
    }
    return OK;
}

/* Ciphertext in: at least a byte. */
static enum err fill(struct peer_channel *channel, uint64_t deadline_ms) {
    uint8_t cipher[16 * 1024];
    for (;;) {
        enum err err = wait_for(channel, POLLIN, deadline_ms);
        if (err != OK) {
            return err;
        }
        ssize_t n = recv(channel->fd, cipher, sizeof(cipher), 0);
        if (n > 0) {
            return peer_tls_feed(channel->session, span_of(cipher, (size_t)n));
        }
        if (n == 0) {
            return ERR_CLOSED;
        }
        if (errno != EAGAIN && errno != EINTR) {
            return socket_error();
        }
    }
}

enum err peer_channel_handshake(struct peer_channel *channel, uint64_t deadline_ms,
                                uint64_t *ret_peer, char why[256]) {
    for (;;) {
        enum err err = peer_tls_handshake(channel->session, ret_peer, why);
        enum err sent = flush(channel, deadline_ms); /* an alert too */
        if (err != ERR_BUSY) {
            return err != OK ? err : sent;
        }
        err = sent == OK ? fill(channel, deadline_ms) : sent;
        if (err != OK) {
            return err;
        }
    }
}

enum err peer_channel_send(struct peer_channel *channel,
                           const struct peer_message *message, uint64_t deadline_ms) {
    buf_reset(&channel->out);
    peer_message_encode(message, &channel->out);
    enum err err = buf_err(&channel->out);
    if (err == OK) {
        err = peer_tls_write(channel->session, buf_span(&channel->out));
    }
    return err == OK ? flush(channel, deadline_ms) : err;
}

enum err peer_channel_receive(struct peer_channel *channel, uint64_t deadline_ms,
                              struct peer_message *ret_message) {
    for (;;) {
        enum peer_type type;
        struct span body;
        bool whole;
        enum err err =
            peer_framer_next(&channel->framer, &channel->rest, &type, &body, &whole);
        if (err != OK) {
            return err;
        }
        if (whole) {
            return peer_message_decode(type, body, ret_message);
        }
        size_t len = 0;
        err = peer_tls_read(channel->session, channel->plain, sizeof(channel->plain),
                            &len);
        if (err == OK && len == 0) {
            err = fill(channel, deadline_ms);
        } else if (err == OK) {
            channel->rest = span_of(channel->plain, len);
        }
        if (err != OK) {
            return err;
        }
    }
}

enum err peer_channel_pause(struct peer_channel *channel, uint64_t ms) {
    enum err err =
        wait_for(channel, POLLIN | POLLRDHUP, peer_channel_now(channel) + ms);
    return err == ERR_TIMEOUT ? OK : err == OK ? ERR_CLOSED : err;
}
