/* svc_application: what an applicant typed, sealed and opened.
 *
 * The typed data of an application are a profile (server/domain/profile.h) under
 * SEAL_APPLICATION, bound to the application's id. What is searched for in them are
 * keyed hashes, made here alone. Thread: the svc's. */
#ifndef SERVER_SVC_APPLICATION_H
#define SERVER_SVC_APPLICATION_H

#include "ocr-worker/wire/job_wire.h"
#include "raft/command.h"
#include "server/domain/profile.h"
#include "server/svc.h"

/* Seal the profile, and make the indexes: the command's account, person and pair, and
 * `sealed`, which lives in `arena`. The profile's EMAIL is the account ID. ERR_INVALID:
 * it has none. */
enum err svc_application_seal(struct svc *svc, struct arena *arena,
                              const struct profile *profile,
                              struct cmd_application_submit *cmd);
/* The profile of an application that there is, as a whole, in the place of what it has;
 * what is searched for stays as it is. *ret_sealed lives in `arena`. */
enum err svc_application_seal_again(struct svc *svc, struct arena *arena,
                                    const struct application_id *id,
                                    const struct profile *profile,
                                    struct span *ret_sealed);
/* The number as people type it: small letters, spaces and hyphens are passed over. False:
 * it is none. */
bool svc_application_id_read(struct span typed, struct application_id *ret_id);
/* *ret_profile lives in `arena`. ERR_FORGED. */
enum err svc_application_open(struct svc *svc, struct arena *arena,
                              const struct application *application,
                              struct profile *ret_profile);
/* The same as a worker is to see it. */
enum err svc_application_record(struct svc *svc, struct arena *arena,
                                const struct application *application,
                                struct job_record *ret_record);
#endif
