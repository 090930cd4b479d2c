/* peer_wire: the messages between nodes, as bytes.
 *
 * A connection that begins with HELLO carries messages one way, from the node that
 * dialled to the one that accepted, inside TLS (raft/peer_conn.h); one that begins
 * with FETCH brings an image back (raft/peer_image.h). Each is a header and a body,
 * little-endian:
 *
 *   u32 body length | u8 type | u8 0 | u16 0 | body
 *
 * Pure: no I/O, no clock; fuzzed
 * (tests/fuzz/fuzz_peer_message.c). Invariants:
 *   W1  a length is compared with its bound before anything is allocated;
 *   W2  a body is accepted only when every byte of it is accounted for;
 *   W3  decoded spans borrow from the body. */
#ifndef RAFT_PEER_WIRE_H
#define RAFT_PEER_WIRE_H

#include <netinet/in.h>
#include <stdbool.h>

#include "store/base/buf.h"
#include "store/base/limits.h"
#include "store/store.h"

#define PEER_HEADER_LEN 8
#define PEER_VERSION 1
/* Before HELLO or FETCH nothing longer is taken. */
#define PEER_HELLO_MAX 128
#define PEER_WHY_MAX 200
/* With its NUL. The receiver checks the form. */
#define PEER_ADDRESS_MAX 64
/* Envelopes in one FORWARD, in bytes; one more command may exceed it. */
#define PEER_FORWARD_BYTES (256 * 1024)

/* Numbers go over the wire; never reuse one. */
enum peer_type {
    PEER_HELLO = 1,
    PEER_RAFT = 2,    /* one message of libraft (raft/peer_raft.h) */
    PEER_FORWARD = 3, /* commands, follower to leader */
    PEER_AGAIN = 4,   /* leader: not taken, send again from the start */
    PEER_PROBE = 5,   /* follower: prove that you lead, later than now */
    PEER_PROVEN = 6,  /* leader: an index that was submitted after the probe */
    PEER_STATUS = 7,
    PEER_BEYOND = 8, /* leader: what you lack is no longer in my log */
    /* On a connection of its own (raft/peer_image.h): */
    PEER_FETCH = 9,       /* taker: an image, please */
    PEER_IMAGE_WAIT = 10, /* donor: still there, nothing to send yet */
    PEER_IMAGE_DATA = 11,
    PEER_IMAGE_END = 12,
    PEER_IMAGE_REFUSED = 13,
    PEER_IMAGE_KEPT = 15, /* taker, behind END: verified, and kept as a backup */
    /* The one answer on a connection that began with HELLO; it is closed behind it. */
    PEER_TURNED_AWAY = 14,
};

struct peer_hello {
    struct id128 cluster_id;
    uint64_t from, to;
    uint64_t epoch; /* 0: not known yet. Nodes of two epochs do not talk */
    /* Where the caller listens, for a node that was away while the caller became a
     * member; empty: not said. */
    char address[PEER_ADDRESS_MAX];
};
/* Envelopes of one boot, in the order of their sequence numbers. `after` is the
 * sequence sent before on this stream, 0 at its start: the leader takes no
 * batch that leaves a hole. */
struct peer_forward {
    uint64_t term, boot, after;
    uint16_t count;
    struct span envelopes;
};
struct peer_again {
    uint64_t term, boot;
    uint32_t pause_ms;
};
struct peer_probe {
    uint64_t term, id;
    bool urgent; /* somebody waits: do not wait for the next tick */
};
struct peer_proven {
    uint64_t term, id, index;
};
struct peer_status {
    uint64_t term, leader_id;
    uint64_t applied_index, commit_index, last_index;
    uint64_t clock_ms, wall_ms;
    uint64_t sent_mono_ms; /* sender's clock */
    uint64_t echo_mono_ms; /* receiver's: sent_mono_ms of its latest status, or 0 */
    uint64_t echo_held_ms; /* how long ago that one arrived */
    uint64_t staleness_ms; /* UINT64_MAX: never proven */
    uint64_t digest_index;
    struct store_digest digest;
    bool ready, no_space, digest_differs;
    uint64_t configuration_index; /* of the committed configuration here */
    /* For a node that was away while the leader became a member; empty: none known. */
    char leader_address[PEER_ADDRESS_MAX];
    uint64_t hold_index; /* somebody is being seeded from here: keep the log above; 0 */
};
struct peer_beyond {
    uint64_t term, first_index;
};

struct peer_fetch {
    struct id128 cluster_id;
    uint64_t from, to;
    uint64_t floor_index; /* an older image is of no use */
    uint8_t blob[32];     /* SHA-256 of a blob that is asked for; zero: an image */
};
enum peer_image_refusal {
    PEER_IMAGE_BUSY = 1,   /* come again, or ask another */
    PEER_IMAGE_DENIED = 2, /* no member, or of another cluster */
    PEER_IMAGE_FAILED = 3, /* this donor's own state is in doubt */
};
struct peer_image_refused {
    uint8_t reason;
    struct span why; /* at most PEER_WHY_MAX bytes of printable ASCII */
};

enum peer_turned {
    PEER_TURNED_NO_MEMBER = 1, /* as far as the accepting node has applied */
    PEER_TURNED_EPOCH = 2,     /* the two are of different epochs */
};

struct peer_message {
    enum peer_type type;
    union {
        struct peer_hello hello;
        struct span raft;
        struct peer_forward forward;
        struct peer_again again;
        struct peer_probe probe;
        struct peer_proven proven;
        struct peer_status status;
        struct peer_beyond beyond;
        struct peer_fetch fetch;
        struct span image_data;
        struct peer_image_refused refused;
        uint8_t turned; /* enum peer_turned */
    };
};

/* Append header and body. Errors stay in the buffer (buf_err). For PEER_RAFT
 * `raft` is an already encoded body. */
void peer_message_encode(const struct peer_message *message, struct buf *out);
/* Append a header whose length is filled in by peer_message_end. */
size_t peer_message_begin(enum peer_type type, struct buf *out);
void peer_message_end(size_t start, struct buf *out);

/* ERR_VERSION: unknown type, or a HELLO of another version. ERR_INVALID: not
 * exactly one well-formed body. The envelopes of FORWARD are not looked into. */
enum err peer_message_decode(enum peer_type type, struct span body,
                             struct peer_message *ret_message);

/* Cuts a byte stream into messages. Owned: `data`. */
struct peer_framer {
    uint8_t *data;
    size_t len, cap;
    size_t body_max; /* of the next message */
};

void peer_framer_init(struct peer_framer *framer, size_t body_max);
void peer_framer_close(struct peer_framer *framer);
/* Take bytes from *in until one message is whole or *in is empty. *ret_whole
 * says which; the body borrows from the framer or from the input, until the
 * next call. ERR_TOO_BIG, ERR_INVALID (reserved bytes), ERR_NOMEM: the stream
 * cannot be continued. */
enum err peer_framer_next(struct peer_framer *framer, struct span *in,
                          enum peer_type *ret_type, struct span *ret_body,
                          bool *ret_whole);

/* `tasuki://<cluster id, 32 lower-case hex digits>/node/<decimal id>`: the name
 * in a node's certificate. ERR_INVALID unless exactly of this form. */
enum err peer_name_parse(struct span uri, struct id128 *ret_cluster_id,
                         uint64_t *ret_node_id);
/* "IPv4:port", a port other than 0. ERR_INVALID unless exactly of this form. */
enum err peer_address_parse(const char *text, struct sockaddr_in *ret_address);

#endif
