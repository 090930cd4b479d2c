/* svc_message: mail, text messages and push messages to people, from a draft to what a
 * command carries.
 *
 *   service: svc_message_make -> struct message_out in its own command
 *   raft/fsm_message: caps, then a row of the outbox
 *   sender: svc_message_open -> message_text -> provider
 *
 * Who is told what is sealed under the message's id here and opened by the sender alone;
 * the log and the store see neither. The bounds of what may be sent (config.h, sms_cap_*
 * and mail_cap_*) travel with the message and are kept by the state machine (SECURITY
 * E03). Thread: the svc's; svc_message_open: the sealer's. */
#ifndef SERVER_SVC_MESSAGE_H
#define SERVER_SVC_MESSAGE_H

#include "raft/command.h"
#include "server/crypto/keyring.h"
#include "server/message_text.h"
#include "store/base/arena.h"

struct svc;

struct message_draft {
    enum message_template template;
    bool english;    /* else Japanese */
    struct span to;  /* one address (domain/account_id), number (domain/phone, E.164) or
                        device's address (svc_app_device.h); the template says which */
    uint32_t ttl_ms; /* true so long; 0: as the template says */
    size_t values_count;
    struct message_value values[MESSAGE_VALUES_MAX];

    const struct id128 *sub; /* whose account it is about; NULL: none's */
    bool asked; /* by somebody, this time: caps hold though the template has none */
    struct span source;      /* textual address of who asked; empty: nobody did */
    struct span client_id;   /* the relying party whose sign-in it belongs to; empty */
};

static inline void message_draft_put(struct message_draft *draft, const char *name,
                                     struct span text) {
    if (draft->values_count < MESSAGE_VALUES_MAX)
        draft->values[draft->values_count] = (struct message_value){name, text};
    draft->values_count++; /* beyond the maximum: svc_message_make refuses */
}

/* *ret_message lives in `arena`. ERR_INVALID: the recipient is none, or the values are
 * not those of the template. ERR_TOO_BIG, ERR_NOMEM, ERR_CRYPTO. */
enum err svc_message_make(struct svc *svc, struct arena *arena,
                          const struct message_draft *draft,
                          struct message_out *ret_message);

/* The path of a link, in `arena`: `path` up to its token. ERR_TOO_BIG, ERR_NOMEM. */
enum err svc_message_link(struct arena *arena, const char *path, struct span token,
                          struct span *ret_link);

/* What svc_message_make sealed; template, english, to, ttl_ms and values are given, in
 * `arena`. ERR_FORGED: it is not this message's; ERR_NOMEM. */
enum err svc_message_open(struct sealer *sealer, struct id128 id, struct span sealed,
                          struct arena *arena, struct message_draft *ret_draft);

#endif
