/* svc_notice: word to an account's holder of what was done to the account, for the command
 * that does it: so there is none of what did not happen, and none is missing.
 * Thread: the svc's. */
#ifndef SERVER_SVC_NOTICE_H
#define SERVER_SVC_NOTICE_H

#include "raft/command.h"
#include "server/message_text.h"
#include "store/base/arena.h"

struct svc;

struct svc_notice {
    enum message_template what; /* that wants `when`, and `more` if it is given */
    bool english;
    struct id128 sub;
    struct span to;     /* the holder's address; empty: there is none, so nobody is told */
    struct span source; /* textual address of who did it; empty: an operator */
    struct message_value more; /* name NULL: none */
};

/* *ret_message lives in `arena`. Fails as svc_message_make does. */
enum err svc_notice_make(struct svc *svc, struct arena *arena,
                         const struct svc_notice *notice,
                         struct message_out *ret_message);

/* A factor as people call it, with its label if it has one. ERR_NOMEM. */
enum err svc_notice_factor(struct arena *arena, enum factor_kind kind, struct span label,
                           bool english, struct span *ret_text);

#endif
