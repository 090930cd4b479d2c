/* store_outbox: what must still reach another system: back-channel logout tokens
 * (OpenID Connect Back-Channel Logout 1.0), mail and text messages to people, and word to
 * their smartphone apps that a question waits.
 *
 * A message is a row written by the same command as its cause, so it survives every
 * node that might have sent it. Written by raft/fsm_outbox.c; read by
 * server/outbound.c, which sends, and by server/svc_*.c, which show.
 * Invariants:
 *   B1  a message moves PENDING -> LEASED -> gone (delivered), PENDING (again later)
 *       or DEAD; an operator moves DEAD -> PENDING. Who holds a lease alone sends;
 *   B2  `id` is the idempotency key that the receiver sees: equal on each repetition;
 *   B3  the counts of a client, and of all, are those of the rows. A count of dropped
 *       messages only grows;
 *   B4  a DEAD row alone has an expiry entry (EXPIRY_OUTBOX), at `at_ms`;
 *   B5  what a message to a person says, and to whom, is sealed (SEAL_MESSAGE, bound to
 *       `id`); what can be sent no more (`expires_ms`) keeps no content.
 * Thread: the transaction's. */
#ifndef STORE_STORE_OUTBOX_H
#define STORE_STORE_OUTBOX_H

#include "store/base/limits.h"
#include "store/store.h"

/* Numbers are stored; never reuse one. */
enum outbox_kind { OUTBOX_BACKCHANNEL_LOGOUT = 1, OUTBOX_MAIL = 2, OUTBOX_SMS = 3,
                   OUTBOX_PUSH = 4 };
enum outbox_state { OUTBOX_PENDING = 1, OUTBOX_LEASED = 2, OUTBOX_DEAD = 3 };
/* Why the last attempt failed. */
enum outbox_reason {
    OUTBOX_NO_REASON = 0,
    OUTBOX_UNREACHABLE = 1, /* name or connection */
    OUTBOX_TIMEOUT = 2,
    OUTBOX_TLS = 3,     /* certificate or handshake */
    OUTBOX_ADDRESS = 4, /* of a network that must not be called */
    OUTBOX_STATUS = 5,  /* an answer that means no delivery */
    OUTBOX_UNMADE = 6,  /* this side could not make the message */
    OUTBOX_LAPSED = 7,  /* its senders ended before they told */
    OUTBOX_FULL = 8,    /* more waits for the client, or for all, than may */
    OUTBOX_EXPIRED = 9, /* what it says is true no more */
    OUTBOX_REFUSED = 10, /* the receiver never will: no such number or mail box */
    OUTBOX_NO_PROVIDER = 11, /* none is configured for its kind */
};
#define OUTBOX_REASON_LAST OUTBOX_NO_PROVIDER
/* One word for people and logs; "" for OUTBOX_NO_REASON. */
const char *store_outbox_reason(enum outbox_reason reason);

struct outbox_message {
    struct id128 id;
    enum outbox_kind kind;
    enum outbox_state state;
    enum outbox_reason reason;
    struct span client_id; /* the receiver; of a person's: store_outbox_queue */
    struct id128 sub, sid;
    uint64_t created_ms;
    uint64_t give_up_ms; /* the first failure from then on is the last */
    uint64_t at_ms;      /* PENDING: due; LEASED: due again; DEAD: may be swept */
    uint32_t attempts;   /* begun; names the lease */
    uint64_t node;       /* LEASED: who sends; else 0 */
    /* Of messages to people alone. */
    uint64_t expires_ms;       /* never sent from then on; 0: it stays true */
    struct key_hash recipient; /* of the address or number */
    struct span sealed;        /* LIMIT_SEALED_MESSAGE; empty: it can be sent no more */
};

struct outbox_counts {
    uint64_t waiting; /* PENDING or LEASED */
    uint64_t dead;
    uint64_t dropped; /* neither sent nor kept */
};

bool store_outbox_to_person(enum outbox_kind kind);
/* All messages of the kind wait in one queue of this name, which no client has: what
 * they have in common is who delivers them. Requires a kind to people. */
struct span store_outbox_queue(enum outbox_kind kind);

/* One id for each pair of cause and receiver: SHA-256, cut. */
struct id128 store_outbox_id(enum outbox_kind kind, struct span cause,
                             struct span client_id);

/* client_id and sealed are copied into `arena`. ERR_NOT_FOUND, ERR_CORRUPT, ERR_NOMEM. */
enum err store_outbox_get(struct store_read *read, struct arena *arena, struct id128 id,
                          struct outbox_message *ret_message);
/* Insert or replace, with indexes, counts and expiry. client_id never changes. */
enum err store_outbox_put(struct store_write *write,
                          const struct outbox_message *message);
/* ERR_NOT_FOUND. */
enum err store_outbox_del(struct store_write *write, struct id128 id);
/* Count one that is dropped. */
enum err store_outbox_count_dropped(struct store_write *write, struct span client_id);

/* An empty client_id: of all. Zeroes when there are none. */
enum err store_outbox_counts(struct store_read *read, struct span client_id,
                             struct outbox_counts *ret_counts);

enum outbox_walk { OUTBOX_NEXT, OUTBOX_NEXT_CLIENT, OUTBOX_STOP };
/* Messages that are due (a lease that ran out is), client by client, the one that is
 * due for longest first. `client_id` borrows until `each` returns. */
enum err store_outbox_walk_due(struct store_read *read, uint64_t now_ms,
                               enum outbox_walk (*each)(void *arg,
                                                        struct span client_id,
                                                        struct id128 id),
                               void *arg);
/* Dead letters alike, the oldest of each client first. */
enum err store_outbox_walk_dead(struct store_read *read,
                                enum outbox_walk (*each)(void *arg,
                                                         struct span client_id,
                                                         struct id128 id),
                                void *arg);
/* Clients that have counts. */
enum err store_outbox_walk_counts(struct store_read *read,
                                  bool (*each)(void *arg, struct span client_id,
                                               const struct outbox_counts *counts),
                                  void *arg);

#endif
