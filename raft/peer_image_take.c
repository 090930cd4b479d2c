/* peer_image_take: the taker's side of raft/peer_image.h. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "raft/peer_image.h"
#include "raft/peer_image_channel.h"
#include "store/base/check.h"

#define DIAL_MS 5000
/* The donor gives up before; a little more is for the way. */
#define WAIT_MAX_MS (PEER_IMAGE_CAPTURE_MS + PEER_IMAGE_SILENCE_MS)
#define PROGRESS_MS 500

struct taking {
    const struct peer_image_take *take;
    const struct repl_peer_config *donor;
    struct peer_channel channel;
    uint64_t begun_ms, told_ms;
    const char *state;
    bool data; /* some has come */
    enum err (*feed)(void *arg, struct span bytes, char why[256]);
    void *feed_arg;
};

static uint64_t now_ms(const struct peer_image_take *take) {
    return take->clock.mono_ms(take->clock.impl);
}

static void tell(struct taking *t, const char *state) {
    uint64_t now = now_ms(t->take);
    if (t->take->progress != NULL &&
        (t->state != state || now >= t->told_ms + PROGRESS_MS)) {
        t->told_ms = now;
        t->take->progress(t->take->arg, t->donor->id, state);
    }
    t->state = state;
}

/* A connected socket. */
static enum err dial(const struct taking *t, int *ret_fd, char why[256]) {
    struct sockaddr_in address;
    struct pollfd entry = {.events = POLLOUT};
    int failure = 0;
    socklen_t len = sizeof(failure);
    if (peer_address_parse(t->donor->address, &address) != OK) {
        snprintf(why, 256, "%.60s is not IPv4:port", t->donor->address);
        return ERR_CONFIG;
    }
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        snprintf(why, 256, "no socket: %s", strerror(errno));
        return ERR_IO;
    }
    int rv = connect(fd, (const struct sockaddr *)&address, sizeof(address));
    if (rv != 0 && errno == EINPROGRESS) {
        entry.fd = fd;
        uint64_t deadline = now_ms(t->take) + DIAL_MS, now = now_ms(t->take);
        do {
            rv = poll(&entry, 1, (int)(deadline - now));
            now = now_ms(t->take);
        } while (rv < 0 && errno == EINTR && now < deadline);
        if (rv > 0) {
            rv = getsockopt(fd, SOL_SOCKET, SO_ERROR, &failure, &len);
            errno = rv == 0 ? failure : errno;
            rv = rv == 0 && failure == 0 ? 0 : -1;
        } else {
            errno = rv == 0 ? ETIMEDOUT : errno;
            rv = -1;
        }
    }
    if (rv != 0) {
        snprintf(why, 256, "cannot connect to %.60s: %s", t->donor->address,
                 strerror(errno));
        enum err err = errno == ETIMEDOUT ? ERR_TIMEOUT : ERR_IO;
        close(fd);
        return err;
    }
    *ret_fd = fd;
    return OK;
}

/* Channel errors as the caller knows them: what a peer does wrong is ERR_IO. */
static enum err explain(enum err err, const char *doing, char why[256]) {
    switch (err) {
    case ERR_NOMEM:
        snprintf(why, 256, "out of memory");
        return err;
    case ERR_TIMEOUT:
        snprintf(why, 256, "%s: no whole message within %d seconds", doing,
                 PEER_IMAGE_SILENCE_MS / 1000);
        return err;
    case ERR_CLOSED:
        snprintf(why, 256, "%s: the donor closed the connection", doing);
        return ERR_IO;
    default:
        snprintf(why, 256, "%s: what the donor sent cannot be used: %s", doing,
                 err_str(err));
        return ERR_IO;
    }
}

static enum err greet(struct taking *t, char why[256]) {
    uint64_t peer = 0;
    uint64_t deadline = now_ms(t->take) + PEER_IMAGE_SILENCE_MS;
    struct peer_message fetch = {.type = PEER_FETCH,
                                 .fetch = {.cluster_id = t->take->cluster_id,
                                           .from = t->take->node_id,
                                           .to = t->donor->id,
                                           .floor_index = t->take->floor_index}};
    if (t->take->blob != NULL) {
        memcpy(fetch.fetch.blob, t->take->blob, sizeof(fetch.fetch.blob));
    }
    enum err err = peer_channel_handshake(&t->channel, deadline, &peer, why);
    if (err == ERR_DENIED) {
        return ERR_IO; /* `why` is said; whether this node may come, the donor says */
    }
    if (err != OK) {
        return explain(err, "TLS handshake", why);
    }
    if (peer != t->donor->id) {
        snprintf(why, 256, "at %.60s answers node %llu instead of node %llu",
                 t->donor->address, (unsigned long long)peer,
                 (unsigned long long)t->donor->id);
        return ERR_IO;
    }
    err = peer_channel_send(&t->channel, &fetch, deadline);
    return err == OK ? OK : explain(err, "asking for an image", why);
}

static enum err refused(const struct peer_image_refused *refusal, char why[256]) {
    snprintf(why, 256, "the donor refuses: %.*s", (int)refusal->why.len,
             (const char *)refusal->why.data);
    return refusal->reason == PEER_IMAGE_DENIED ? ERR_DENIED : ERR_BUSY;
}

/* One message. *ret_end: it was the last. */
static enum err step(struct taking *t, bool *ret_end, char why[256]) {
    struct peer_message message;
    uint64_t now = now_ms(t->take);
    uint64_t longest = t->data ? PEER_IMAGE_TOTAL_MS : WAIT_MAX_MS;
    if (now >= t->begun_ms + longest) {
        snprintf(why, 256, "no %simage within %u seconds", t->data ? "whole " : "",
                 (unsigned)(longest / 1000));
        return ERR_TIMEOUT;
    }
    enum err err =
        peer_channel_receive(&t->channel, now + PEER_IMAGE_SILENCE_MS, &message);
    if (err != OK) {
        return explain(err, "receiving the image", why);
    }
    switch (message.type) {
    case PEER_IMAGE_REFUSED:
        return refused(&message.refused, why);
    case PEER_IMAGE_WAIT:
        tell(t, t->data ? "receiving" : "waiting");
        return OK;
    case PEER_IMAGE_DATA:
        tell(t, "receiving");
        t->data = true;
        return t->feed(t->feed_arg, message.image_data, why);
    case PEER_IMAGE_END:
        *ret_end = true;
        return OK;
    default:
        return explain(ERR_INVALID, "receiving the image", why);
    }
}

/* Behind END. What was kept is kept, whether it is noted or not. */
static enum err keep(struct taking *t, char why[256]) {
    struct peer_message kept = {.type = PEER_IMAGE_KEPT}, answer;
    enum err err = t->take->keep(t->take->arg, why);
    if (err != OK) {
        return err;
    }
    uint64_t deadline = now_ms(t->take) + PEER_IMAGE_SILENCE_MS;
    *t->take->ret_noted =
        peer_channel_send(&t->channel, &kept, deadline) == OK &&
        peer_channel_receive(&t->channel, deadline, &answer) == OK &&
        answer.type == PEER_IMAGE_END;
    return OK;
}

enum err peer_image_take_to(const struct peer_image_take *take, size_t donor,
                            enum err (*feed)(void *arg, struct span bytes,
                                             char why[256]),
                            void *arg, char why[256]) {
    CHECK(donor < take->donors_count);
    struct taking t = {
        .take = take, .donor = &take->donors[donor], .feed = feed, .feed_arg = arg};
    struct peer_tls *tls = NULL;
    struct peer_tls_session *session = NULL;
    int fd = -1;
    bool end = false;
    enum err err =
        peer_tls_load(&take->tls, take->cluster_id, take->node_id, &tls, why);
    if (err != OK) {
        return err;
    }
    tell(&t, "dialling");
    err = dial(&t, &fd, why);
    if (err == OK) {
        err = peer_tls_session_new(tls, true, &session);
        if (err != OK) {
            snprintf(why, 256, "out of memory");
            close(fd);
        }
    }
    peer_tls_free(tls); /* sessions keep what they need */
    if (err != OK) {
        return err;
    }
    peer_channel_init(&t.channel, fd, session, NULL, take->clock);
    err = greet(&t, why);
    t.begun_ms = now_ms(take);
    while (err == OK && !end) {
        err = step(&t, &end, why);
    }
    if (err == OK && take->keep != NULL) {
        err = keep(&t, why);
    }
    peer_channel_close(&t.channel);
    return err;
}

static enum err feed_sink(void *arg, struct span bytes, char why[256]) {
    return store_image_sink_feed(arg, bytes, why);
}

enum err peer_image_take(const struct peer_image_take *take, size_t donor,
                         struct image_sink *sink, char why[256]) {
    CHECK(donor < take->donors_count);
    if (take->donors[donor].id == take->node_id) {
        snprintf(why, 256, "node %llu is this node itself",
                 (unsigned long long)take->node_id);
        return ERR_BUSY;
    }
    return peer_image_take_to(take, donor, feed_sink, sink, why);
}
