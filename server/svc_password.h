/* svc_password: a password that somebody chooses, from what was typed to what is hashed.
 * Thread: the svc's. */
#ifndef SERVER_SVC_PASSWORD_H
#define SERVER_SVC_PASSWORD_H

#include "server/domain/password_rule.h"
#include "store/base/arena.h"

/* *ret_password is as it is compared and hashed, in `arena`, and *ret_refusal what the
 * rule says of it; `words` are the account's own. ERR_NOMEM, ERR_TOO_BIG: typed was not
 * held against LIMIT_PASSWORD before. */
enum err svc_password_take(struct arena *arena, struct span typed, size_t len_min,
                           const struct span *words, size_t words_count,
                           struct span *ret_password,
                           enum password_refusal *ret_refusal);

#endif
