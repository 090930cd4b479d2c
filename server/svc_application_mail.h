/* svc_application_mail: what an applicant is written, from the first link to the account.
 *
 * Each is made by the service whose command is its cause; those of a later time are made
 * at once, sealed, and sent by the state machine (store_application.h). All are in the
 * language that the application was made in. Thread: the svc's. */
#ifndef SERVER_SVC_APPLICATION_MAIL_H
#define SERVER_SVC_APPLICATION_MAIL_H

#include "server/svc_application.h"
#include "server/svc_internal.h"
#include "server/svc_message.h"

/* The token of a mailed link, and its path (`head`, then the token) in `arena`. */
#define APPLICATION_TOKEN_LEN 32
enum err svc_application_token(struct svc *svc, struct arena *arena, const char *head,
                               struct key_hash *ret_hash, struct span *ret_path);
/* ERR_FORGED: it cannot be one. */
enum err svc_application_token_read(struct svc *svc, struct span text,
                                    struct key_hash *ret_hash);

/* A draft to the account ID of the profile, with `company` (or, of who has none, the
 * name of the person) and `application_id`. Values live in `arena`. */
struct message_draft svc_application_draft(struct arena *arena,
                                           enum message_template template,
                                           const struct application *application,
                                           const struct profile *profile);
/* Make one of a later time and add it. */
enum err svc_application_later(struct svc *svc, struct arena *arena,
                               enum application_mail_kind kind, uint32_t after_s,
                               const struct message_draft *draft,
                               struct application_mails *later);
/* Those of AWAITING. */
enum err svc_application_awaiting(struct svc *svc, struct arena *arena,
                                  const struct application *application,
                                  const struct profile *profile,
                                  struct application_mails *ret_later);

#define SVC_ACTIVATION_TTL_MS (7u * 24 * 3600 * 1000)
/* What an approval brings with it (CMD_REVIEW_DECIDE, CMD_IMPORT_LINE) or a renewal. */
struct svc_activation_out {
    struct key_hash token;
    uint32_t token_ttl_ms;
    struct message_out message;
    struct application_mails later;
};
/* `asked_from`: the applicant's address, who asked for it: mail caps hold; NULL: it is a
 * decision's. */
enum err svc_activation_out(struct svc *svc, struct arena *arena,
                            const struct application *application,
                            const struct span *asked_from,
                            struct svc_activation_out *ret_out);

/* A mail of a DENIED or DEFECT application, with a line for each defect and, below them,
 * what the person wrote who decided (may be empty). */
enum err svc_application_refusal(struct svc *svc, struct arena *arena,
                                 enum message_template template,
                                 const struct application *application,
                                 uint32_t defects, struct span words,
                                 struct message_out *ret_message);
/* The lines alone, for pages and letters: "・証明書の..." in `arena`. */
enum err svc_application_defects(struct arena *arena, uint32_t defects, bool english,
                                 struct span *ret_lines);

#endif
