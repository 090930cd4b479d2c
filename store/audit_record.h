/* audit_record: one security event as bytes, and the hash that chains it to the one
 * before. Pure: the store writes these bytes, the operator's command checks them.
 *
 * The bytes, little-endian, and nothing else:
 *   u8 version = 1 | u64 seq | u64 time_ms | u16 event | u8 actor kind | u16 outcome |
 *   u32 count | u8 flags (1 sub, 2 login, 4 staff, 8 source; others 0) |
 *   u8 length, actor | sub 16 | login 16 | staff 16 | source 16 (each if flagged) |
 *   u8 length, client_id | u8 length, note | u16 length, sealed | previous hash 32
 * hash = SHA-256("tasuki audit 1", a NUL, those bytes). The first record's previous hash
 * is all zero.
 *
 * Invariants:
 *   R1  equal records have equal bytes, and every bit of them is hashed;
 *   R2  no personal data in the clear: addresses of the network and browsers stand in
 *       `sealed` and as a keyed hash, account IDs that were never registered as a keyed
 *       hash; texts are names of things, not of persons. */
#ifndef STORE_AUDIT_RECORD_H
#define STORE_AUDIT_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "store/base/arena.h"
#include "store/base/buf.h"
#include "store/base/err.h"
#include "store/base/limits.h"
#include "store/base/span.h"

#define AUDIT_HASH_LEN 32

/* Who did it. Numbers are stored; never reuse one. */
enum audit_actor {
    AUDIT_SYSTEM = 0,   /* the cluster itself */
    AUDIT_ACCOUNT = 1,  /* the holder of an account, signed in; actor = sub */
    AUDIT_CLIENT = 2,   /* a relying party that proved who it is; actor = client_id */
    AUDIT_STAFF = 3,    /* actor = staff id */
    AUDIT_OPERATOR = 4, /* actor = name in the certificate */
    AUDIT_SOMEBODY = 5, /* nobody that is known, as before a sign-in */
};
#define AUDIT_ACTOR_LAST AUDIT_SOMEBODY

/* What happened. Numbers are stored and never reused; blocks of ten are given to one
 * concern each. Names (audit_event_str) are what operators search for. */
enum audit_event {
    /* a person's sign-in */
    AUDIT_SIGNIN = 1,        /* a session began */
    AUDIT_SIGNIN_FAILED = 2, /* wrong password, or no such account */
    AUDIT_SIGNIN_LOCKED = 3, /* that failure locked */
    AUDIT_SIGNIN_REFUSED = 4, /* locked, suspended, limited: not even tried */
    AUDIT_SIGNOUT = 5,
    AUDIT_SESSION_ENDED = 6,  /* by its holder from elsewhere, by staff, by a change */
    AUDIT_SESSIONS_ENDED = 7, /* all others of the account */
    AUDIT_STEP_UP = 8,
    AUDIT_LIMITED = 9, /* a replicated rate limit */
    /* second factors */
    AUDIT_FACTOR_SENT = 10, /* a text message, or a question to the app */
    AUDIT_FACTOR_OK = 11,
    AUDIT_FACTOR_FAILED = 12,
    AUDIT_FACTOR_LOCKED = 13,
    AUDIT_FACTOR_ADDED = 14,
    AUDIT_FACTOR_REMOVED = 15,
    AUDIT_FACTOR_CHANGED = 16,
    AUDIT_DEVICE_REMEMBERED = 17,
    AUDIT_DEVICE_FORGOTTEN = 18,
    AUDIT_FACTOR_DENIED = 19, /* its holder said no in the app */
    /* what services get */
    AUDIT_CONSENT = 20,
    AUDIT_CONSENT_WITHDRAWN = 21,
    AUDIT_CODE_REPLAYED = 22,    /* its family of tokens is revoked */
    AUDIT_REFRESH_REPLAYED = 23, /* likewise */
    /* accounts */
    AUDIT_ACCOUNT_CREATED = 30,
    AUDIT_ACCOUNT_CHANGED = 31,
    AUDIT_ACCOUNT_STATE = 32, /* suspended, deleted, active again */
    AUDIT_PASSWORD_CHANGED = 33,
    AUDIT_RESET_ASKED = 34,
    AUDIT_PASSWORD_RESET = 35,
    AUDIT_ID_CHANGE_ASKED = 36,
    AUDIT_ID_CHANGED = 37,
    AUDIT_ID_CHANGE_VOID = 38, /* cancelled, expired, or void by another change */
    AUDIT_ACCOUNT_CLOSED = 39, /* by its holder */
    /* relying parties */
    AUDIT_CLIENT_CREATED = 50,
    AUDIT_CLIENT_CHANGED = 51,
    AUDIT_CLIENT_STAGE = 52,
    AUDIT_CLIENT_SECRET = 53,
    AUDIT_REGISTRATION_TOKEN = 54,
    /* signing keys */
    AUDIT_KEY_ADDED = 60,
    AUDIT_KEY_REVOKED = 61,
    /* staff */
    AUDIT_STAFF_CREATED = 70,
    AUDIT_STAFF_CHANGED = 71,
    AUDIT_STAFF_SIGNIN = 72,
    AUDIT_STAFF_SIGNIN_FAILED = 73,
    AUDIT_STAFF_LOCKED = 74,
    AUDIT_STAFF_SIGNOUT = 75,
    AUDIT_STAFF_READ = 76, /* personal data were looked at */
    /* the cluster */
    AUDIT_CLUSTER_INIT = 80,
    AUDIT_CLUSTER_VERSION = 81,
    AUDIT_MEMBER_ADDED = 82,
    AUDIT_MEMBER_PROMOTED = 83,
    AUDIT_MEMBER_REMOVED = 84,
    AUDIT_LEADER_REGIONS = 85,
    AUDIT_RESTORED = 86,  /* from a backup: a new epoch */
    AUDIT_RECOVERED = 87, /* from one node: a new epoch */
    AUDIT_OUTBOX_RETRY = 90,
    AUDIT_SEARCHED = 95, /* the audit itself was read */
    AUDIT_EXPORTED = 96,
    /* note: the application's id, and what became of it */
    AUDIT_APPLICATION_SUBMITTED = 120,
    AUDIT_APPLICATION_CONFIRMED = 121,
    AUDIT_APPLICATION_MOVED = 122,
    AUDIT_APPLICATION_APPROVED = 123,
    AUDIT_APPLICATION_DENIED = 124,
    AUDIT_APPLICATION_ACTIVATED = 125,
    AUDIT_ACTIVATION_RENEWED = 126,
    AUDIT_APPLICATION_REMINDED = 127, /* when its time came */
    AUDIT_ACTIVATION_CODE_SENT = 128, /* to the applicant's telephone */
    AUDIT_ACTIVATION_CODE_WRONG = 129,
    AUDIT_REVIEW_CLAIMED = 130,
    AUDIT_REVIEW_RELEASED = 131,
    AUDIT_REVIEW_DECIDED = 132, /* by one person: another one is due, or 保留 */
    AUDIT_IMPORT_PROPOSED = 133,
    AUDIT_IMPORT_APPROVED = 134, /* or rejected */
    AUDIT_BATCH_ADDED = 140,
    AUDIT_PAGE_PLACED = 141, /* by a person */
    AUDIT_OCR_RESULT = 142,
    AUDIT_PHONE_PROPOSED = 143, /* an applicant's number, by the help desk */
    AUDIT_PHONE_CHANGED = 144,  /* a second person agreed */
    AUDIT_PHONE_REFUSED = 145,  /* or did not, or who asked took it back */
    /* the staff's console */
    AUDIT_STAFF_REFUSED = 160, /* the roles do not give what was tried */
    /* 100 to 119: devices; 120 to 159: applications, reviews and OCR; 160 to 179: the
     * staff's console; 180 to 199: members and delegation */
};
#define AUDIT_EVENT_MAX 255

struct audit_hash {
    uint8_t b[AUDIT_HASH_LEN];
};

#define AUDIT_ID_LEN 16

struct audit_record {
    uint64_t seq; /* 1 and up, without a gap */
    uint64_t time_ms;
    enum audit_event event;
    enum audit_actor actor_kind;
    struct span actor; /* by its kind; LIMIT_AUDIT_ACTOR */
    uint16_t outcome;  /* enum outcome_code of the command that was its cause */
    /* 1. Otherwise so many more of the kind, in the minute before time_ms, of which no
     * record was kept (raft/fsm_audit.h). */
    uint32_t count;
    bool has_sub, has_login, has_staff, has_source;
    uint8_t sub[AUDIT_ID_LEN];    /* the account that it is about */
    uint8_t login[AUDIT_ID_LEN];  /* keyed hash of the account ID that was given */
    uint8_t staff[AUDIT_ID_LEN];  /* the staff account that it is about */
    uint8_t source[AUDIT_ID_LEN]; /* keyed hash of the network address */
    struct span client_id;        /* empty: none */
    struct span note;             /* UTF-8; names what changed. LIMIT_AUDIT_NOTE */
    struct span sealed;           /* address and browser; server/svc_origin.h */
    struct audit_hash previous;
};

/* The longest record. */
#define AUDIT_RECORD_MAX                                                               \
    (28u + 4 * AUDIT_ID_LEN + 3 + LIMIT_AUDIT_ACTOR + LIMIT_CLIENT_ID +                \
     LIMIT_AUDIT_NOTE + 2 + LIMIT_SEALED_ORIGIN + AUDIT_HASH_LEN)

/* Append the bytes. Bounds are CHECKed. */
void audit_record_encode(const struct audit_record *record, struct buf *out);
/* ERR_INVALID: not one record, whole and canonical. Spans borrow from `in`. */
enum err audit_record_decode(struct span in, struct audit_record *ret_record);
struct audit_hash audit_record_hash(struct span encoded);

/* "signin.failed"; "event.N" for one that this binary does not know (static, or of the
 * calling thread until its next call). */
const char *audit_event_str(enum audit_event event);
#define AUDIT_APPLICATION_MAX 16
/* The application's id that the note begins with, of the events that name one there; empty:
 * it is about none. Borrows from the record. */
struct span audit_record_application(const struct audit_record *record);
/* 0: no event has this name. */
enum audit_event audit_event_find(struct span name);
const char *audit_actor_str(enum audit_actor actor);

#endif
