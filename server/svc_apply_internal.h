/* svc_apply_internal: what the files svc_apply*.c and svc_activate.c share. */
#ifndef SERVER_SVC_APPLY_INTERNAL_H
#define SERVER_SVC_APPLY_INTERNAL_H

#include "server/svc_application_mail.h"
#include "server/svc_apply.h"

/* What names an application to who is mailed it, for so long: SEAL_TICKET opens its form,
 * SEAL_WITHDRAWAL gives it up. `arena` holds it. */
enum err svc_apply_ticket(struct svc *svc, struct arena *arena,
                          enum seal_purpose purpose, const struct application_id *id,
                          uint64_t ttl_ms, struct span *ret_ticket);
/* ERR_FORGED: none of ours, or too old. */
enum err svc_apply_ticket_read(struct svc *svc, enum seal_purpose purpose,
                               struct span ticket, struct application_id *ret_id);
/* Its form may be sent in: nothing has come yet, or is not looked at. */
bool svc_apply_printable(enum application_state state);

/* One more request of this address, or of the key `what`:`of`. False: too many. */
bool svc_apply_limit(struct svc *svc, const char *what, struct span of);

/* The application of the token, opened, in a snapshot of its own. ERR_NOT_FOUND: this
 * node knows none, or it is of another state; ERR_FORGED. */
enum err svc_apply_by_token(struct svc *svc, struct arena *arena, struct span token,
                            enum application_state state,
                            struct application *ret_application,
                            struct profile *ret_profile);

#endif
