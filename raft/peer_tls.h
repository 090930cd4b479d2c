/* peer_tls: who a node is to its peers, and TLS over memory.
 *
 * TLS 1.3 only; both sides show a certificate of the cluster's own CA, whose one
 * `tasuki://` URI name says cluster and node (raft/peer_wire.h). No resumption,
 * so each connection is checked anew. Nothing here does network I/O: bytes go in
 * and come out of memory, raft/peer_conn.c moves them. Thread: an identity may be
 * loaded on any thread, then belongs to the raft thread; sessions likewise. */
#ifndef RAFT_PEER_TLS_H
#define RAFT_PEER_TLS_H

#include <stdbool.h>

#include "store/base/buf.h"
#include "store/base/err.h"
#include "store/store.h"

struct peer_tls; /* CA, certificate and key, ready for use */
struct peer_tls_session;

struct peer_tls_files {
    const char *ca, *cert, *key; /* PEM */
};

/* Load, and check that the certificate names this cluster and node. ERR_CONFIG
 * with one sentence in `why`. */
enum err peer_tls_load(const struct peer_tls_files *files, struct id128 cluster_id,
                       uint64_t node_id, struct peer_tls **ret_tls, char why[256]);
/* Sessions keep what they need. NULL-safe. */
void peer_tls_free(struct peer_tls *tls);

/* Changes whenever one of the files does; 0 when one cannot be read. Disk I/O. */
uint64_t peer_tls_stamp(const struct peer_tls_files *files);

enum err peer_tls_session_new(struct peer_tls *tls, bool dial,
                              struct peer_tls_session **ret_session);
void peer_tls_session_free(struct peer_tls_session *session);

/* Ciphertext from the peer. ERR_NOMEM. */
enum err peer_tls_feed(struct peer_tls_session *session, struct span in);
/* Go on with the handshake. OK: established, *ret_peer is the node that the
 * peer's certificate names. ERR_BUSY: more bytes are needed. ERR_DENIED: the
 * certificate is not one of this cluster, or it is not TLS 1.3; `why` says. */
enum err peer_tls_handshake(struct peer_tls_session *session, uint64_t *ret_peer,
                            char why[256]);
/* Plain text, at most `max` bytes. *ret_len 0: nothing now. ERR_CLOSED: the peer
 * ended the session. ERR_CRYPTO: the stream is broken. */
enum err peer_tls_read(struct peer_tls_session *session, uint8_t *out, size_t max,
                       size_t *ret_len);
/* Encrypt all of `in`. ERR_CRYPTO, ERR_NOMEM. Established sessions only. */
enum err peer_tls_write(struct peer_tls_session *session, struct span in);
/* Ciphertext that waits to be sent; `drop` removes the first `len` bytes. The
 * span is valid until the next call on the session. */
struct span peer_tls_pending(struct peer_tls_session *session);
void peer_tls_drop(struct peer_tls_session *session, size_t len);

#endif
