/* svc_letter: what an applicant is told when the review is over, and the link that an
 * approval brings. The letter travels in the command of the decision and is sent when
 * the decision stands. Thread: the svc's. */
#ifndef SERVER_SVC_LETTER_H
#define SERVER_SVC_LETTER_H

#include "raft/command.h"
#include "server/domain/profile.h"
#include "server/svc.h"

#define SVC_ACTIVATION_TTL_MS (168u * 3600 * 1000)
/* Where the link leads: the page that sets the account up. */
#define SVC_ACTIVATION_PATH "/activate?token="

/* A fresh token's hash (HASH_APPLICATION_TOKEN of its text), and the mail with its link;
 * the mail lives in `arena`. ERR_INVALID: the profile has no address. */
enum err svc_letter_approved(struct svc *svc, struct arena *arena,
                             const struct application *application,
                             const struct profile *profile, struct key_hash *ret_token,
                             struct message_out *ret_message);
/* With the defects, a line each. */
enum err svc_letter_denied(struct svc *svc, struct arena *arena,
                           const struct application *application,
                           const struct profile *profile, uint32_t defects,
                           struct message_out *ret_message);

#endif
