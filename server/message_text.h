/* message_text: what a message to a person says: a template of server/messages in one
 * language, with values put in.
 *
 * A value may be what an attacker chose for a name, in a message that is sent to
 * somebody else (SECURITY E05). Invariants:
 *   X1  text is text: there is no markup to break out of, and no value can end a line
 *       that it stands in, reorder what surrounds it, or hide a part of it;
 *   X2  the links of a message are those of the template, on this server's own origin
 *       (E07): what a person wrote does not look like one.
 * Pure. */
#ifndef SERVER_MESSAGE_TEXT_H
#define SERVER_MESSAGE_TEXT_H

#include "store/base/buf.h"
#include "store/base/err.h"
#include "store/store_client.h"
#include "store/store_outbox.h"

/* Numbers stand in sealed messages; never reuse one. What each wants is in the table
 * of message_text.c. */
enum message_template {
    MESSAGE_SMS_CODE = 1,
    MESSAGE_MAIL_CODE = 2,
    MESSAGE_PASSWORD_RESET = 3,
    MESSAGE_PASSWORD_CHANGED = 4,
    MESSAGE_FACTOR_ADDED = 5,
    MESSAGE_FACTOR_REMOVED = 6,
    MESSAGE_SMS_NUMBER_CHANGED = 7,
    MESSAGE_ACCOUNT_ID_CHANGE_CONFIRM = 8, /* to the new address */
    MESSAGE_ACCOUNT_ID_CHANGED = 9,        /* to the old one */
    MESSAGE_ACCOUNT_CLOSED = 10,
    MESSAGE_MEMBER_INVITED = 11,
    MESSAGE_ENTRY_CONFIRM = 12,
    MESSAGE_APPLICATION_RECEIVED = 13,
    MESSAGE_APPLICATION_APPROVED = 14,
    MESSAGE_APPLICATION_DENIED = 15,
    MESSAGE_APPLICATION_REMINDER = 16,
    MESSAGE_TEST_MAIL = 17, /* an operator's */
    MESSAGE_TEST_SMS = 18,
    MESSAGE_ENTRY_KNOWN = 19, /* in the place of 12: there is an account already */
    MESSAGE_ACCOUNT_ID_CHANGE_ASKED = 20, /* to the old one */
    MESSAGE_PUSH_QUESTION = 21,           /* to the app: a sign-in waits */
    MESSAGE_APPLICATION_CONFIRM = 22,
    MESSAGE_APPLICATION_KNOWN = 23, /* in the place of 22: somebody stands in its way */
    MESSAGE_APPLICATION_INCOMPLETE = 24, /* before the review: it is a DEFECT */
    MESSAGE_APPLICATION_ARRIVED = 25,    /* its documents did */
    MESSAGE_APPLICATION_ACTIVATE = 26,   /* reminds of 14 */
    MESSAGE_APPLICATION_ACTIVATED = 27,
    MESSAGE_CODES_WRONG = 28, /* so often that somebody must have the password */
    MESSAGE_TEST_PUSH = 29,   /* an operator's */
    MESSAGE_SESSIONS_ENDED = 30, /* by the holder: one, or all but one */
    MESSAGE_APPLICATION_EXPIRED = 31,   /* approved, and never set up: it lapsed */
    MESSAGE_APPLICATION_WITHDRAW = 32,  /* asks whether to give it up */
    MESSAGE_APPLICATION_WITHDRAWN = 33,
    MESSAGE_APPLICATION_PHONE = 34, /* its number is another one */
};
#define MESSAGE_TEMPLATE_LAST MESSAGE_APPLICATION_PHONE

enum message_value_kind {
    VALUE_PLAIN = 1, /* the server's own words, and what it has checked: one line */
    VALUE_TEXT,      /* a person's words: one line, no link, not long */
    VALUE_LINES,     /* likewise, a few lines */
    VALUE_LINK,      /* a path on this server, "/..." : printed with the origin */
};

#define MESSAGE_VALUES_MAX 6
#define MESSAGE_TO_MAX LIMIT_ACCOUNT_ID

struct message_spec {
    const char *name; /* of the template's files */
    enum outbox_kind kind;
    bool asked;      /* anybody may cause it, so caps hold; else the owner is told of
                        what has happened */
    uint32_t ttl_ms; /* what it says is true so long; 0: it stays true */
    struct message_value_spec {
        const char *name; /* NULL: no more */
        enum message_value_kind kind;
    } values[MESSAGE_VALUES_MAX + 1];
};
/* NULL: there is no such template. */
const struct message_spec *message_spec(enum message_template template);

struct message_value {
    const char *name;
    struct span text;
};

/* Where the server stands. */
struct message_place {
    struct span origin, host; /* "https://host:port", "host" */
    enum client_environment environment;
};
/* The origin and host of an issuer (config.h); they borrow from it. */
struct message_place message_place(const char *issuer,
                                   enum client_environment environment);

/* The name that people know the service by, in this environment. */
const char *message_product(enum client_environment environment, bool english);

/* Append subject (mail alone; one line) and body (lines end with LF). ERR_INVALID: the
 * values are not those that the template wants, or one is not what its kind says.
 * ERR_TOO_BIG, ERR_NOMEM of the buffers. `validity` is `ttl_ms` in words. */
enum err message_text(enum message_template template, bool english,
                      const struct message_place *place, uint32_t ttl_ms,
                      const struct message_value *values, size_t count,
                      struct buf *subject, struct buf *body);

/* A moment as people read it, in Japan's time, and its end. */
#define MESSAGE_TIME_MAX 64
void message_time(uint64_t ms, bool english, char out[MESSAGE_TIME_MAX]);

#endif
