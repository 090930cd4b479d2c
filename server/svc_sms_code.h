/* svc_sms_code: a code that is sent to a telephone, at the second step of a sign-in and
 * when a number is added: drawn, hashed for the state machine, and put into a message.
 * Thread: the svc's. */
#ifndef SERVER_SVC_SMS_CODE_H
#define SERVER_SVC_SMS_CODE_H

#include "server/svc_factor.h"

struct svc_sms_to {
    bool english;
    struct span number; /* E.164 */
    const struct id128 *sub;
    struct span source;    /* textual address of who asked */
    struct span client_id; /* whose page asks; empty: our own */
};

/* Draw a code and fill in cmd->code, its time and cmd->message; cmd->signin and
 * cmd->factor are set. The message lives in `arena`. */
enum err svc_sms_code_make(struct svc *svc, struct arena *arena,
                           const struct svc_sms_to *to,
                           struct cmd_factor_challenge *cmd);

/* Of a code in this sign-in, sent for this factor: good for nothing else (E02). */
struct key_hash svc_sms_code_hash(struct svc *svc, struct key_hash signin,
                                  struct id128 factor, const char code[SVC_FACTOR_CODE]);

/* What is stored of a number: kind, label, index and sealed, in `arena`. */
enum err svc_sms_factor(struct svc *svc, struct arena *arena, struct id128 sub,
                        struct id128 id, struct span number, struct factor *ret_factor);

#endif
