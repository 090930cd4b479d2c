/* err: the operational error codes of every layer.
 *
 * An `enum err` says that an operation could not be carried out. It never says
 * that a request was refused by a rule: refusals are outcomes (raft/command.h)
 * or protocol errors (server/oidc/oidc_error.h). Foreign codes (LMDB, libuv,
 * libraft, OpenSSL) are mapped to these at the edge of the file that owns the
 * library. */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#define ERR_LIST(X)                                                            \
    X(OK, "ok")                                                                \
    X(ERR_NOMEM, "out of memory")                                              \
    X(ERR_NOT_FOUND, "not found")                                              \
    X(ERR_EXISTS, "exists already")                                            \
    X(ERR_INVALID, "invalid input")                                            \
    X(ERR_TOO_BIG, "larger than its limit")                                    \
    X(ERR_CORRUPT, "stored data is corrupt")                                   \
    X(ERR_VERSION, "written by a version that this one does not know")         \
    X(ERR_IO, "input/output error")                                            \
    X(ERR_NO_SPACE, "no space left")                                           \
    X(ERR_BUSY, "queue is full")                                               \
    X(ERR_TIMEOUT, "deadline passed")                                          \
    X(ERR_STALE, "this node's data is older than the staleness bound")         \
    X(ERR_NO_LEADER, "no leader is known")                                     \
    X(ERR_NOT_LEADER, "this node is not the leader")                           \
    X(ERR_CLOSED, "shutting down")                                             \
    X(ERR_DENIED, "not authorized")                                            \
    X(ERR_CRYPTO, "cryptographic operation failed")                            \
    X(ERR_FORGED, "seal or signature does not verify")                         \
    X(ERR_CONFIG, "configuration is wrong")

enum err {
#define X(name, text) name,
    ERR_LIST(X)
#undef X
};

/* Static English text, for logs and command lines. Never NULL. */
const char *err_str(enum err err);

#endif
