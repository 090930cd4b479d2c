/* store_application: applications for a Prime account (gBizIDプライム申請), from the web
 * form to the activated account, their states, the stocks of each state and their ages.
 *
 *   SUBMITTED --mail confirmed--> AWAITING --label read--> RECEIVED (未開封)
 *   AWAITING, RECEIVED --pages sorted--> WAITING (審査待ち) --lease--> OCR (OCR審査)
 *   OCR --result, poison--> STAFF (有人審査) <--> HELD (保留)
 *   STAFF --承認--> APPROVED (プライム未完了) --set up--> ACTIVATED
 *                   APPROVED --its time is over--> LAPSED (失効)
 *   STAFF --否認--> DENIED --書類返送--> RETURNED;  before review: DEFECT (審査前不備),
 *                   whose papers go back likewise, when some came
 *
 * Every move that is allowed stands in one table (store_application_may_move); who
 * makes which: raft/fsm_application.c, fsm_intake.c, fsm_job.c, fsm_review.c.
 * Invariants:
 *   P1  what was typed stands only inside `sealed`; what is looked up, only as keyed
 *       hashes (blind indexes);
 *   P2  counts are those of the rows, by kind and state;
 *   P3  a denied, withdrawn or returned application never moves back: what follows is
 *       a new application (DOMAIN §1.1);
 *   P4  a token is stored as a keyed hash, names one application, and all of an
 *       application's are gone once one is used;
 *   P5  a SUBMITTED row has an expiry entry, and one that has a mail for a later time
 *       in its state, which an APPROVED one always has: it lapses;
 *   P6  a mail for later is gone from the row in the transaction that sends it, and
 *       when its state is over;
 *   P7  by account, person and pair those are found that may stand in another's way, no
 *       others (store_application_indexed): anybody can send forms of any person, and
 *       what is looked through for each must not grow by that;
 *   P8  of the backlog's states there are counts by the tenth of an hour that they were
 *       entered in, so that ages are known without a walk over the queue.
 * Thread: the transaction's. */
#ifndef STORE_STORE_APPLICATION_H
#define STORE_STORE_APPLICATION_H

#include "store/base/limits.h"
#include "store/store.h"
#include "store/store_client.h"

/* 申請書ID as printed: 4 to 16 of A-Z and 0-9 (server/domain/application_id.h). */
#define APPLICATION_ID_MAX 16
struct application_id {
    char text[APPLICATION_ID_MAX + 1];
};
bool store_application_id_ok(const struct application_id *id);
/* The id as a key of fixed length, zero-padded. */
struct id128 store_application_key(const struct application_id *id);

/* Numbers are stored; never reuse one. */
enum application_kind {
    APPLICATION_CORPORATION = 1, /* 法人: the kind that the OCR farm reads */
    APPLICATION_SOLE = 2,        /* 個人事業主 */
    APPLICATION_PUBLIC = 3,      /* 国・地方公共団体 */
    APPLICATION_OTHER = 4,       /* その他商業登記をしていない団体 */
};
#define APPLICATION_KIND_LAST APPLICATION_OTHER
enum application_state {
    APPLICATION_SUBMITTED = 1,
    APPLICATION_AWAITING = 2,
    APPLICATION_RECEIVED = 3,
    APPLICATION_WAITING = 4,
    APPLICATION_OCR = 5,
    APPLICATION_STAFF = 6,
    APPLICATION_HELD = 7,
    APPLICATION_APPROVED = 8,
    APPLICATION_ACTIVATED = 9,
    APPLICATION_DENIED = 10,
    APPLICATION_RETURNED = 11,
    APPLICATION_DEFECT = 12,
    APPLICATION_WITHDRAWN = 13,
    APPLICATION_LAPSED = 14, /* approved, and never set up */
};
#define APPLICATION_STATE_LAST APPLICATION_LAPSED

/* Defect categories (DOMAIN §3.5), several at once. Bits are stored. */
enum application_defect {
    DEFECT_CERT_EXPIRED = 1 << 0,      /* 証明書 期限切れ */
    DEFECT_CERT_MISSING = 1 << 1,      /* 証明書 添付漏れ, wrong document included */
    DEFECT_CERT_COPY = 1 << 2,         /* 証明書 コピー添付 */
    DEFECT_FORM_DIFFERS = 1 << 3,      /* 申請書 公的書類との相違 */
    DEFECT_FORM_INVALID = 1 << 4,      /* 申請書 修正・画面コピー・否認済 */
    DEFECT_ACCOUNT_DUPLICATE = 1 << 5, /* アカウントID重複 */
    DEFECT_NO_DOCUMENTS = 1 << 6,      /* nothing was sent */
};
#define DEFECTS_ALL 127u

/* What the OCR farm says; it decides nothing. */
enum farm_verdict { FARM_NONE = 0, FARM_OK = 1, FARM_NG = 2, FARM_REVIEW = 3 };

/* Mails that a service has made and sealed, and that the state machine sends when their
 * cause comes (raft/fsm_application.c). Numbers are stored. */
enum application_mail_kind {
    APPLICATION_MAIL_ARRIVED = 1,   /* AWAITING: when the documents come */
    APPLICATION_MAIL_DOCUMENTS = 2, /* AWAITING: they have not come yet */
    APPLICATION_MAIL_LAPSED = 3,    /* AWAITING: nor will they: it becomes a DEFECT */
    APPLICATION_MAIL_ACTIVATE = 4,  /* APPROVED: it waits to be set up */
    APPLICATION_MAIL_EXPIRED = 5,   /* APPROVED: it was not: it becomes LAPSED */
};
#define APPLICATION_MAIL_LAST APPLICATION_MAIL_EXPIRED
#define APPLICATION_MAILS_MAX 4
#define APPLICATION_MAIL_SEALED 2048
struct application_mails {
    size_t count;
    struct application_mail {
        enum application_mail_kind kind;
        uint32_t after_s; /* in a command: from its frame on; 0 for ARRIVED alone */
        uint64_t at_ms;   /* in a row */
        struct id128 id;  /* of the message */
        struct key_hash recipient;
        struct span sealed;
        /* ACTIVATE: of the link in it, which is good from when it is sent; 0: none. */
        struct key_hash token;
        uint32_t token_ttl_ms;
    } at[APPLICATION_MAILS_MAX];
};
/* Is there still a cause for it? */
bool store_application_mail_fits(enum application_mail_kind kind,
                                 enum application_state state);

/* Links that may be used: an older one goes on while a form that it opened may be open. */
#define APPLICATION_TOKENS_MAX 3
struct application_token {
    struct key_hash hash;
    uint64_t ends_ms;
};

struct application {
    struct application_id id;
    enum application_kind kind;
    enum application_state state;
    enum client_environment environment;
    uint32_t form_version;
    struct key_hash account_index; /* of the account ID: login_index of store_account */
    struct key_hash person_index;  /* corporation, birth date and name */
    struct key_hash pair_index;    /* corporation and birth date */
    bool alike;     /* another application or Prime has the pair, with another name */
    bool has_entry; /* an Entry account that it will make a Prime */
    struct id128 entry;
    uint32_t received_day; /* days since 1970, Japan's; 0: nothing came yet */
    uint64_t created_ms;
    uint64_t state_ms;  /* entered the state */
    uint64_t decided_ms; /* 承認 or 否認; 0: not yet */
    uint64_t revision;  /* raised by each change */
    size_t tokens_count; /* SUBMITTED: one, confirms the mail; APPROVED: activate (P4) */
    struct application_token tokens[APPLICATION_TOKENS_MAX]; /* the newest first */
    struct key_hash code;   /* APPROVED: that was sent to the applicant's telephone; */
    uint64_t code_ends_ms;  /* zero: none was */
    uint32_t corrections; /* of the telephone number in `sealed` */
    uint32_t reminders; /* 承認メール sent, the first one included */
    uint32_t defects;   /* bits of enum application_defect */
    enum farm_verdict ocr;
    uint64_t ocr_reasons;  /* bits of ocr-worker/wire */
    uint8_t evidence[32];  /* blob of the evidence; zero: none */
    uint16_t pages;        /* assigned to it */
    bool has_sub;          /* the account that came of it */
    struct id128 sub;
    char tracking[33]; /* 返送: the carrier's number */
    bool before_review; /* RETURNED: of a 審査前不備, that nobody had reviewed */
    bool english;      /* the language that the applicant is written to in */
    struct application_mails mails;
    struct span sealed;
};

/* When the state machine has something to do about it, if nobody does before: delete a
 * SUBMITTED one, send a mail. 0: never. */
uint64_t store_application_due_ms(const struct application *application);

/* The one table of moves. */
bool store_application_may_move(enum application_state from, enum application_state to);
/* Something may still come of it: it counts as a duplicate. */
bool store_application_open(enum application_state state);
/* It is found by its blind indexes (P7). */
bool store_application_indexed(enum application_state state);
/* When the token ends; 0: it is none of the application's. */
uint64_t store_application_token_ends_ms(const struct application *application,
                                         struct key_hash token);
/* When an APPROVED one lapses; 0: it is none. */
uint64_t store_application_lapses_ms(const struct application *application);
/* One word for people and machines: "awaiting", "corporation". */
const char *store_application_state_name(enum application_state state);
const char *store_application_kind_name(enum application_kind kind);

/* `sealed` is copied into `arena`. ERR_NOT_FOUND, ERR_CORRUPT, ERR_NOMEM. */
enum err store_application_get(struct store_read *read, struct arena *arena,
                               const struct application_id *id,
                               struct application *ret_application);
/* By the hash of one of its tokens. */
enum err store_application_by_token(struct store_read *read, struct arena *arena,
                                    struct key_hash token,
                                    struct application *ret_application);
/* Insert or replace, with indexes, counts and expiry. ERR_INVALID; ERR_EXISTS: another
 * application has the token. */
enum err store_application_put(struct store_write *write,
                               const struct application *application);
enum err store_application_del(struct store_write *write,
                               const struct application_id *id);

/* The states in which it is the operation center that is waited for. */
bool store_application_backlog(enum application_state state);
/* How many are in the state now. */
enum err store_application_count(struct store_read *read, enum application_kind kind,
                                 enum application_state state, uint64_t *ret_count);

/* Of a backlog state (CHECKed): how many entered it before the moment (P8). Reads as many
 * rows as there are tenths of an hour since then with one, and those of one tenth: beyond
 * 4096 of that one they are counted when it is over. */
enum err store_application_older(struct store_read *read, enum application_kind kind,
                                 enum application_state state, uint64_t before_ms,
                                 uint64_t *ret_count);

typedef bool store_application_each(void *arg, const struct application_id *id,
                                    uint64_t since_ms);
/* Those in the state, the one that is in it for longest first; not before `after` (an
 * id and its time: where the last page of a list ended; NULL: from the start). */
enum err store_application_walk(struct store_read *read, enum application_kind kind,
                                enum application_state state, uint64_t after_ms,
                                const struct application_id *after,
                                store_application_each *each, void *arg);
/* Those that share a blind index, in order of their ids; since_ms is 0 (P7). */
enum application_index { APPLICATION_BY_ACCOUNT, APPLICATION_BY_PERSON, APPLICATION_BY_PAIR };
enum err store_application_find(struct store_read *read, enum application_index index,
                                struct key_hash key, store_application_each *each,
                                void *arg);

#endif
