/* svc_internal: what the files svc_*.c share. Included by them alone.
 *
 * Every operation is a `struct svc_state` (the first member of the operation's own
 * state) and a chain of continuations. A step either calls the continuation at once
 * or later, on the svc's loop; whoever calls a step returns right after it, because
 * the operation may be over and its memory gone by then.
 *
 * Invariants:
 *   V1  `finish` runs exactly once, and nothing touches the state after it;
 *   V2  a snapshot (svc_read_begin) never stays open across a step;
 *   V3  what a client sent is judged by rows only after the node has applied the
 *       index in its seal and proved that it is fresh (DESIGN §3, reads 1 and 3).
 * Thread: the svc's own. */
#ifndef SERVER_SVC_INTERNAL_H
#define SERVER_SVC_INTERNAL_H

#include "raft/command.h"
#include "raft/repl.h"
#include "server/crypto/keyring.h"
#include "server/hash_pool.h"
#include "server/oidc/oidc_client.h"
#include "server/oidc/token_format.h"
#include "server/svc.h"
#include "server/svc_keys.h"
#include "server/svc_metrics.h"
#include "server/svc_shared.h"
#include "store/store_blob.h"

/* Waiting for an index that another node has written already: peers are
 * milliseconds apart, so longer means that this node is cut off. */
#define SVC_INDEX_WAIT_MS 2000
#define SVC_COMMAND_WAIT_MS 5000
#define SVC_TRANSFER_WAIT_MS 10000

#define SVC_SESSION_SECRET 32
#define SVC_ACCESS_TTL_MS (3600u * 1000)
#define SVC_REFRESH_TTL_MS (30u * 24 * 3600 * 1000)
#define SVC_REFRESH_GRACE_MS (10u * 1000) /* DESIGN §4 */
#define SVC_CODE_TTL_GBIZID_MS (5u * 60 * 1000)
#define SVC_CODE_TTL_STANDARD_MS (60u * 1000)

/* Looks at applications that are in the audit: a page's images need not record them
 * again. The latest ones; one that was forgotten is recorded once more. */
#define SVC_LOOKS 64
struct svc_looks {
    size_t next;
    struct svc_look {
        struct key_hash session; /* of the staff */
        struct application_id id;
    } at[SVC_LOOKS];
};

struct svc {
    struct svc_shared *shared;
    struct port_loop *loop;
    struct store_read *read;
    bool reading;
    struct sealer *sealer;
    struct svc_keys keys;
    struct buf scratch; /* within one synchronous stretch only */
    struct buf plain;   /* likewise; holds what was unsealed */
    struct buf discovery;
    char why[96];
    uint64_t await_since_ms; /* svc_keys_await's second, and its probes in it */
    unsigned await_count;
    struct svc_looks looks; /* svc_staff_look's */
};

struct svc_state {
    struct svc *svc;
    struct svc_op *op;
    void (*finish)(struct svc_state *state); /* runs the operation's `done` */
    void (*next)(struct svc_state *state);   /* continuation of the step under way */
    void (*after_wait)(struct svc_state *state); /* svc_stamp_await's */
    struct repl_wait wait;
    struct repl_request request;
    bool request_open;
    struct actor actor; /* svc_origin.h */
    struct hash_job job;
    void (*work)(struct svc_state *state); /* on a pool's thread */
    struct buf payload;
    struct svc_copies { /* svc_blob_await's */
        struct blob_id blob;
        uint64_t begun_ms;
        void (*next)(struct svc_state *state);
    } copies;
};

/* ---- svc.c */

/* Make the state (zeroed, `size` bytes, a svc_state first) in a new op.arena. NULL:
 * no memory, op->err is set; the caller runs `done`. */
void *svc_op_begin(struct svc *svc, struct svc_op *op, size_t size,
                   void (*finish)(struct svc_state *state));
/* End the operation with `err` (other than OK). Logs what is a fault of ours. */
void svc_fail(struct svc_state *state, enum err err);

/* One snapshot at a time, closed within the same stretch (V2). */
enum err svc_read_begin(struct svc *svc);
void svc_read_end(struct svc *svc);

/* The signing keys of the snapshot that stands open, reloaded when changed. A new
 * cluster has none: svc->keys has none, and _needed says ERR_NO_LEADER (503). */
enum err svc_keys(struct svc *svc);
enum err svc_keys_needed(struct svc *svc);

struct key_hash svc_hash(struct svc *svc, enum hash_purpose purpose, struct span in);
void svc_random(struct svc *svc, void *out, size_t len);
struct id128 svc_random_id(struct svc *svc);
/* Lower-case hex in `arena`, as the claims sub and sid are written. NULL data: no
 * memory. */
struct span svc_id_text(struct arena *arena, struct id128 id);
/* Copy into `arena` what `out` holds; ERR_NOMEM, or the buffer's sticky error. */
enum err svc_take(struct arena *arena, const struct buf *out, struct span *ret_text);

/* Seal `plain` and write it as base64url into `arena`. */
enum err svc_seal_text(struct svc *svc, enum seal_purpose purpose, struct span plain,
                       struct arena *arena, struct span *ret_text);
/* The same, to be opened under the same `aad` alone. */
enum err svc_seal_text_for(struct svc *svc, enum seal_purpose purpose, struct span aad,
                           struct span plain, struct arena *arena,
                           struct span *ret_text);
/* The opposite; *ret_plain borrows from svc->plain until the next call. `plain_max`
 * bounds the work before anything is decoded. ERR_FORGED for whatever was not made
 * by svc_seal_text. */
enum err svc_open_text(struct svc *svc, enum seal_purpose purpose, struct span text,
                       size_t plain_max, struct span *ret_plain);
enum err svc_open_text_for(struct svc *svc, enum seal_purpose purpose, struct span aad,
                           struct span text, size_t plain_max, struct span *ret_plain);

/* A client that may be used on this node now: registered, not retired, of this
 * environment. In the open snapshot. ERR_NOT_FOUND. The result lives in `arena`. */
enum err svc_client_read(struct svc *svc, struct arena *arena, struct span client_id,
                         struct client *ret_client, struct oidc_client *ret_view);

/* The cluster's epoch, by a snapshot of its own. */
enum err svc_epoch(struct svc *svc, uint64_t *ret_epoch);

/* ---- svc_await.c */

/* Go on once this node knows the key that `token` names, a JWT of the kind `typ` that
 * a node which is a moment ahead may have signed with a new one. Or when it is no such
 * JWT, or there is no such key, or this node was asked so too often: `next` judges. */
void svc_keys_await(struct svc_state *state, struct span token, const char *typ,
                    void (*next)(struct svc_state *state));
/* May a probe be begun (svc_settle) for what anybody can name? So many a second. */
bool svc_await_ask(struct svc *svc);

/* ---- svc_hint.c */

/* What an ID token of this server says, whenever it was issued. */
struct svc_hint {
    struct span client_id; /* aud */
    struct span sub;
    struct span sid; /* empty: it has none */
};
/* ERR_FORGED: not an ID token of ours. The result lives in `arena`. */
enum err svc_hint_verify(struct svc *svc, struct arena *arena, struct span token,
                         struct svc_hint *ret_hint);

/* ---- svc_step.c */

/* OK, or the operation has been ended with ERR_STALE. */
bool svc_fresh(struct svc_state *state);
/* May this address ask for one more thing that costs a hash, a guess or a mail? A bound of
 * this node's own, before any work (D06); the /64 of an IPv6 address is one. */
bool svc_within_limit(struct svc *svc, struct span address);
/* Ends what anybody may ask a mail by: the same whether it was sent or not (D02). */
void svc_asked(struct svc_state *state);
void svc_wait_index(struct svc_state *state, uint64_t index,
                    void (*next)(struct svc_state *state));
/* `next` finds the outcome in state->request.outcome. */
void svc_submit(struct svc_state *state, const struct command *command,
                void (*next)(struct svc_state *state));
/* Go on when a probe has gone round: every node that keeps up has applied what was
 * committed before. Or when there is none to be had, at once even: `next` is not to rely
 * on it, and asks for another only if state->wait.err is OK. */
void svc_settle(struct svc_state *state, void (*next)(struct svc_state *state));
/* Run `work` on the hash pool, then `next` here. */
void svc_pool(struct svc_state *state, void (*work)(struct svc_state *state),
              void (*next)(struct svc_state *state));
/* The same on the threads that read scans: they may wait for the network and for children,
 * which passwords must not. */
void svc_view_pool(struct svc_state *state, void (*work)(struct svc_state *state),
                   void (*next)(struct svc_state *state));
/* The same on the pool of those that read and write blobs' files. */
void svc_disk(struct svc_state *state, void (*work)(struct svc_state *state),
              void (*next)(struct svc_state *state));
/* Hand leadership over; `next` finds how it went in state->wait.err. */
void svc_transfer(struct svc_state *state, uint64_t to,
                  void (*next)(struct svc_state *state));

/* ---- svc_blob.c */

/* Go on once the blob stands on two nodes, of two regions if another one is in reach, or
 * when there is no second node. `next` finds ERR_TIMEOUT, or why there was no waiting,
 * in state->wait.err: it is here, and will be copied; whoever sent it asks again. */
void svc_blob_await(struct svc_state *state, const struct blob_id *blob,
                    void (*next)(struct svc_state *state));
/* This thread's own: an svc's sealer is not for a pool's. */
enum err svc_blob_sealer(struct svc_shared *shared, struct sealer **ret_sealer);

/* ---- svc_stamp.c */

/* A cookie or access token: sealed (epoch, index, secret). Needs no snapshot. */
enum err svc_stamp_make(struct svc *svc, enum seal_purpose purpose, uint64_t index,
                        struct span secret, struct arena *arena, struct span *ret_text);
/* ERR_FORGED: refuse without waiting. */
enum err svc_stamp_open(struct svc *svc, enum seal_purpose purpose, struct span text,
                        struct stamped_token *ret_token);
/* Go on once this node may judge the token: its index is applied here, and data are
 * fresh; or the token is of an ended epoch, which svc_stamp_current tells. */
void svc_stamp_await(struct svc_state *state, const struct stamped_token *token,
                     void (*next)(struct svc_state *state));
/* In the open snapshot: OK; ERR_NOT_FOUND: of an ended epoch, or of another
 * branch of this one, so dead; ERR_STALE: of
 * an epoch that this node has not reached. */
enum err svc_stamp_current(struct svc *svc, const struct stamped_token *token);

/* The live session of the stamp, in the open snapshot: not expired, not idle, its
 * account active and of the same generation. ERR_NOT_FOUND: none.
 * *ret_account borrows from the snapshot and `arena`. */
enum err svc_session_read(struct svc *svc, struct arena *arena,
                          const struct stamped_token *stamp,
                          struct session *ret_session, struct account *ret_account);

#endif
