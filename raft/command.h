/* command: the replicated commands, their outcomes, and the frames that carry
 * them. Encoding and bounds only; what a command does stands in raft/fsm_*.c.
 *
 *   service -> command_encode -> repl_submit -> frame -> libraft -> fsm_apply
 *           <- outcome_*_decode <----------------------- outcome
 *
 * Invariants:
 *   C1  a command carries every random value and keyed hash that it needs, and
 *       no time: time is the frame's (DESIGN §3, time and chance);
 *   C2  encoding is canonical: equal commands have equal bytes;
 *   C3  type numbers and field numbers (raft/command.proto) are never reused;
 *   C4  decoding bounds everything before it allocates; what it gives lives in
 *       the caller's arena or borrows from the input.
 * Thread: any (pure). */
#ifndef RAFT_COMMAND_H
#define RAFT_COMMAND_H

#include "store/store_backup.h"
#include "store/audit_record.h"
#include "store/base/arena.h"
#include "store/base/buf.h"
#include "store/base/codec.h"
#include "store/base/err.h"
#include "store/base/limits.h"
#include "store/store_account.h"
#include "store/store_app.h"
#include "store/store_client.h"
#include "store/store_grant.h"
#include "store/store_key.h"
#include "store/store_member.h"
#include "store/store_outbox.h"
#include "store/store_proof.h"
#include "store/store_request.h"
#include "store/store_session.h"
#include "store/store_signin.h"
#include "store/store_staff.h"
#include "store/store_usage.h"

/* Newest behaviour of the state machine that this binary has. */
#define FSM_VERSION_MAX 1

enum command_type {
    CMD_BOOT_REGISTER = 1, /* a node's start: opens its sequence numbers */
    CMD_CLUSTER_INIT = 2,  /* first leader: cluster id and epoch 1 */
    CMD_FSM_VERSION = 3,
    CMD_KEY_ADD = 4,
    CMD_ACCOUNT_PUT = 5,
    CMD_CLIENT_PUT = 6,
    CMD_LOGIN = 7,
    CMD_SESSION_END = 8,
    CMD_GRANT_ISSUE = 9,
    CMD_GRANT_REDEEM = 10,
    CMD_TOKEN_REFRESH = 11,
    CMD_TICK = 12,          /* nothing but the frame's time: proves freshness, sweeps */
    CMD_MEMBER_SEED = 13,   /* the members of a cluster that has none stored */
    CMD_MEMBER_ADD = 14,    /* a new node, as a standby */
    CMD_MEMBER_ROLE = 15,   /* promote, or remove */
    CMD_MEMBER_SETTLE = 16, /* leader: libraft's configuration has the change */
    CMD_LEADER_REGIONS = 17, /* where leadership is preferred */
    CMD_PROOF_USE = 18,      /* what may be used once, without any other effect */
    CMD_REQUEST_PUSH = 19,   /* a pushed authorization request (RFC 9126) */
    CMD_TOKEN_REVOKE = 21,   /* a client gives a token up (RFC 7009) */
    CMD_OUTBOX_CLAIM = 22,   /* a node is about to send messages */
    CMD_OUTBOX_SETTLE = 23,  /* how that went */
    CMD_OUTBOX_RETRY = 24,   /* an operator: once more, now */
    CMD_KEY_REVOKE = 26,     /* an operator: out of the JWKS at once */
    CMD_CLIENT_CHANGE = 30,  /* an operator: a relying party's stage, or its secret */
    CMD_USAGE_ADD = 31,      /* what a node has counted */
    CMD_BACKUP_NOTE = 32,    /* a donor: what it gave is verified and kept */
    CMD_STAFF_PUT = 27,
    CMD_STAFF_LOGIN = 28,
    CMD_STAFF_SESSION_END = 29,
    CMD_MESSAGE_SEND = 50, /* mail or a text message to a person */
    CMD_SELF = 56,       /* the holder of an account changes it */
    CMD_AUDIT_NOTE = 55, /* nothing but a record in the audit */
    CMD_FACTOR_BEGIN = 40,     /* a session is to be raised by a second step */
    CMD_FACTOR_CHALLENGE = 41, /* what the person is asked for, a code that was sent */
    CMD_FACTOR_PASS = 42,      /* the answer */
    CMD_FACTOR_PUT = 43,       /* a factor is enrolled outside of a sign-in */
    CMD_FACTOR_DEL = 44,
    CMD_RECOVERY_ASK = 45, /* a link for a new password is mailed */
    CMD_PASSWORD_SET = 46, /* a new password, by such a link or by its holder */
    CMD_APP_ENROL = 58,     /* a code to register a device of the smartphone app with */
    CMD_APP_REGISTER = 59,  /* the device */
    CMD_APP_ANSWER = 60,    /* of a device to a question */
    CMD_APP_ADDRESS = 33,   /* where a device is told that there is one */
    CMD_PASSKEY_LOGIN = 61, /* a sign-in by a passkey alone */
    CMD_STAFF_TOUCH = 65, /* a session is in use: its idle end moves on */
    /* raft/command_intake.h */
    CMD_APPLICATION_SUBMIT = 70,
    CMD_APPLICATION_CONFIRM = 71, /* its mail address */
    CMD_APPLICATION_MOVE = 72,    /* by a person: received, a defect, returned */
    CMD_BLOB_ADD = 73,
    CMD_BLOB_HOLD = 74, /* what a node holds, or lost */
    CMD_BATCH_ADD = 75,
    CMD_BUNDLE_ADD = 76,
    CMD_PAGE_PLACE = 77, /* by a person: whose a page is */
    CMD_JOB_LEASE = 78,
    CMD_JOB_RESULT = 79,
    CMD_REVIEW_CLAIM = 80,
    CMD_REVIEW_RELEASE = 81,
    CMD_REVIEW_DECIDE = 82,
    CMD_ACTIVATION_RENEW = 83,
    CMD_ACTIVATE = 84,
    CMD_IMPORT_PROPOSE = 85,
    CMD_IMPORT_APPROVE = 86,
    CMD_IMPORT_LINE = 87,
    CMD_BLOB_NODE = 110, /* a node is there, and keeps what it holds */
    CMD_ACTIVATION_CODE = 111, /* a code goes to an applicant's telephone */
    CMD_CORRECTION_PROPOSE = 112, /* another telephone number of an applicant's */
    CMD_CORRECTION_SETTLE = 113,
};
#define CMD_LAST CMD_CORRECTION_SETTLE
/* For switches over all types. */
#define CMD_INTAKE_CASES                                                               \
    case CMD_APPLICATION_SUBMIT:                                                       \
    case CMD_APPLICATION_CONFIRM:                                                      \
    case CMD_APPLICATION_MOVE:                                                         \
    case CMD_BLOB_ADD:                                                                 \
    case CMD_BLOB_HOLD:                                                                \
    case CMD_BLOB_NODE:                                                                \
    case CMD_BATCH_ADD:                                                                \
    case CMD_BUNDLE_ADD:                                                               \
    case CMD_PAGE_PLACE:                                                               \
    case CMD_JOB_LEASE:                                                                \
    case CMD_JOB_RESULT:                                                               \
    case CMD_REVIEW_CLAIM:                                                             \
    case CMD_REVIEW_RELEASE:                                                           \
    case CMD_REVIEW_DECIDE:                                                            \
    case CMD_ACTIVATION_RENEW:                                                         \
    case CMD_ACTIVATION_CODE:                                                          \
    case CMD_ACTIVATE:                                                                 \
    case CMD_CORRECTION_PROPOSE:                                                       \
    case CMD_CORRECTION_SETTLE:                                                        \
    case CMD_IMPORT_PROPOSE:                                                           \
    case CMD_IMPORT_APPROVE:                                                           \
    case CMD_IMPORT_LINE
/* Numbers below CMD_LAST may be unknown: they are given away in blocks. */
bool command_known(enum command_type type);

/* Who sends a command, and from where (raft/fsm_audit.h). Zeroed: the cluster itself. */
struct actor {
    enum audit_actor kind;
    struct span id; /* ACCOUNT, STAFF: 16 bytes; CLIENT, OPERATOR: its name; else empty */
    bool has_source;
    uint8_t source[AUDIT_ID_LEN]; /* keyed hash of the network address */
    struct span sealed;           /* server/svc_origin.h; may be empty */
    struct span at; /* client_id of the relying party that sent them here; or empty */
};
/* Has its message a place for one? */
bool command_takes_actor(enum command_type type);

struct cmd_boot_register {
    uint64_t node;
    uint64_t boot; /* must be above the registered one */
};
struct cmd_cluster_init {
    struct id128 cluster_id;
};
struct cmd_fsm_version {
    uint64_t version;
};
/* The successor of `replaces`, which must have none, or an algorithm's first key: so
 * of two that are made at once for the same place one is taken (OUT_EXISTS). It signs
 * after delay_ms, the first one at once; that long it is published before, and what it
 * succeeds verifies for keep_ms more. OUT_CHANGING: `replaces` does not sign yet
 * itself; OUT_FULL. */
struct cmd_key_add {
    struct signing_key key; /* times are set by the state machine */
    const char *replaces;   /* kid; "": none. NULL likewise on its way in */
    uint32_t delay_ms, keep_ms;
};
/* The key `revoked` is gone at once. The replacement takes its place: it signs at once
 * if the other one did, and after its delay if the other one did not yet; for a retired
 * one nothing takes its place. OUT_NOT_FOUND: no such key of the replacement's
 * algorithm; OUT_EXISTS: the replacement's kid is taken. */
struct cmd_key_revoke {
    const char *revoked;
    struct cmd_key_add replacement; /* `replaces` is not used */
};
/* OUT_NOT_FOUND. OUT_CLIENT_STATE: not from the stage that it is in; a secret for a
 * client that has none; or it is of another revision. */
struct cmd_client_change {
    const char *client_id;
    enum client_stage stage; /* 0: as it is */
    bool has_secret;
    uint8_t secret_hash[32];
    uint32_t overlap_ms; /* the one before is good so long; 0: no more */
    uint64_t revision;   /* that is changed; 0: any */
};

/* Counters that a command is held against: how often something was done, with each of
 * the keys, since the key's window began; a window begins with the first. The bounds
 * are the service's, so that they are one configuration's; the counting is the state's.
 * Beyond one of them the command refuses with OUT_LIMITED, and has no effect. */
struct caps {
    size_t count;
    struct cap {
        struct key_hash key; /* of what is counted, and of whom */
        uint32_t max;        /* in one window; 0: never */
        uint32_t window_ms;
        bool shared; /* everybody's: one that reaches nobody takes nothing from it */
        bool yields; /* of whom it reaches: gives way to the last that is good (R4 of
                        raft/fsm_recovery.c) */
    } at[LIMIT_MESSAGE_CAPS];
};
/* What a person is told by the command that carries it (raft/fsm_message.c); all zero:
 * nothing. Made by server/svc_message.h alone. */
struct message_out {
    bool present;
    struct id128 id;       /* idempotency key; random */
    enum outbox_kind kind; /* of those to people */
    bool has_sub;
    struct id128 sub;          /* whose account it is about */
    struct key_hash recipient; /* of the address or number */
    struct span sealed;        /* LIMIT_SEALED_MESSAGE */
    uint32_t ttl_ms;           /* not sent from then on; 0: it stays true */
    struct span client_id;     /* an SMS is counted as this client's; empty: nobody's */
    struct caps caps;
};
#include "raft/command_intake.h"

/* A message whose cause is no command. OUT_LIMITED, OUT_FULL. */
struct cmd_message_send {
    struct message_out message;
};

/* What may be used once: the `jti` of an assertion or of a DPoP proof (RFC 7523 §3,
 * RFC 9449 §11.1). A command that carries some refuses with OUT_PROOF_REPLAYED, and has
 * no effect, when any was used before; else all of them are used by it, whatever
 * becomes of the rest. */
#define COMMAND_PROOFS_MAX 3
struct proofs {
    size_t count;
    struct proof {
        struct key_hash key;
        uint32_t ttl_ms; /* as long as it would be believed */
    } at[COMMAND_PROOFS_MAX];
};
struct cmd_proof_use {
    struct proofs proofs; /* one at least */
};
struct cmd_account_put {
    struct account account; /* created_ms likewise */
    bool replace;           /* false: OUT_EXISTS when sub or login_index is taken */
    struct proofs proofs;   /* the link that a registration was confirmed with, or none */
};
/* `replace`: what it is like, not where it stands: the row keeps its stage, and its
 * secrets and registration where no other ones are carried. OUT_CLIENT_STATE: it is
 * retired, is of another revision, or there is none to take the secret from. */
struct cmd_client_put {
    struct client client; /* created_ms and revision likewise, and are not carried */
    bool replace;
    uint64_t revision; /* that is replaced; 0: any */
    struct proofs proofs;
};
/* OUT_EXISTS: the key is taken. OUT_CLIENT_STATE. */
struct cmd_request_push {
    struct key_hash key;
    struct span client_id;
    struct span form; /* the request, checked; LIMIT_PUSHED_REQUEST */
    uint32_t ttl_ms;  /* it may be begun */
    uint32_t keep_ms; /* and be finished, not shorter */
    struct proofs proofs;
};
enum second_step {
    SECOND_ENROLLED = 0, /* asked of an account that has a factor */
    SECOND_REQUIRED = 1, /* and of one that has none: it enrols one */
    SECOND_TRUSTED = 2,  /* not asked: the browser is a remembered one */
};
#define SECOND_LAST SECOND_TRUSTED
/* One attempt to sign in, after the password was compared. OUT_OK: outcome_login.
 * OUT_SECOND_STEP: the password was right, and `signin` waits for the second step;
 * there is no session yet. */
struct cmd_login {
    struct key_hash login_index;
    bool known; /* an account was found */
    bool password_ok;
    struct id128 sub; /* when known */
    uint64_t generation;
    struct key_hash session; /* the session to make */
    struct id128 sid;
    bool has_replaced; /* the browser's earlier session: it ends */
    struct key_hash replaced;
    uint32_t idle_ms, lifetime_ms;
    uint32_t methods; /* of this step: bits of server/oidc/acr.h */
    enum second_step second;
    struct key_hash signin; /* to begin if a second step is due */
    uint8_t browser[32];
    uint32_t signin_ttl_ms;
    bool has_device; /* known of this account: its failures count apart from those */
    struct key_hash device; /* of strangers, under this counter */
    struct caps caps;       /* of attempts, whatever comes of them: OUT_LIMITED */
};
/* The session with which somebody changes an account, which the state machine looks at
 * when it decides: OUT_SESSION_ENDED: it is over, or another account's; OUT_REAUTH: its
 * sign-in is not so new; OUT_SECOND_STEP: the account has a factor, and the session was
 * begun without one. */
struct gate {
    bool present;
    struct key_hash session;
    uint32_t fresh_ms;
    uint32_t second; /* bits of server/oidc/acr.h, one of which is a second step */
};
/* A live session is to be raised: `signin` waits for its second step. With a gate the
 * session stays what it is, and its account gets one factor more, in the place of
 * `replaces` if that is one. OUT_SESSION_ENDED, OUT_ACCOUNT_STATE, OUT_EXISTS; of the
 * gate; OUT_NOT_FOUND: there is no such factor to be replaced. */
struct cmd_factor_begin {
    struct key_hash session;
    struct key_hash signin;
    uint8_t browser[32];
    uint32_t ttl_ms;
    struct gate gate; /* its session is `session` */
    bool has_replaces;
    struct id128 replaces;
};
/* The person is asked by this method from now on, for this code if there is one; what
 * was asked before counts no more. OUT_NOT_FOUND: the sign-in is over, or another
 * browser's, or the account has no such factor. OUT_EXISTS: it has a factor already, so
 * it cannot enrol one before the second step. OUT_FULL: too many codes were sent, or
 * wait to be; OUT_LIMITED. OUT_LOCKED: too many were wrong, so nobody is bothered. */
struct cmd_factor_challenge {
    struct key_hash signin;
    uint8_t browser[32];
    enum factor_kind kind;
    bool enrols;         /* `factor` is the id of one that is to be */
    struct id128 factor;
    bool has_code;
    struct key_hash code;
    uint32_t code_ttl_ms; /* 0 without a code */
    struct span data;     /* LIMIT_SIGNIN_DATA */
    struct message_out message; /* that brings the code */
    bool has_device;            /* as of cmd_factor_pass */
    struct key_hash device;
};
/* The answer to what was asked. OUT_OK: outcome_login, of the session that was made, or
 * that is raised under its new key. OUT_NOT_FOUND: as above, or something else was
 * asked. OUT_EXPIRED: the code's time is over. OUT_BAD_CREDENTIALS, OUT_REPLAYED: wrong,
 * or used before; each counts. OUT_LOCKED: too many that were wrong. OUT_ACCOUNT_STATE,
 * OUT_SESSION_ENDED, OUT_EXISTS (of the session). */
struct cmd_factor_pass {
    struct key_hash signin;
    uint8_t browser[32];
    enum factor_kind kind;
    struct id128 factor;
    bool right;           /* what a service can judge was right */
    struct key_hash code; /* of methods that send one */
    uint64_t step;        /* of methods that count */
    uint32_t methods;     /* of this step */
    bool has_device;      /* proven by a second step: it has a counter of its own */
    struct key_hash device;
    struct factor enrolled; /* kind, label, sealed, index: of one that is enrolled */
    struct key_hash session;
    struct id128 sid;
    bool has_replaced;
    struct key_hash replaced;
    uint32_t idle_ms, lifetime_ms;
    /* The holder is told of one that is enrolled; else of codes that were wrong once too
     * often. */
    struct message_out message;
};
/* `factor`: without its times. OUT_NOT_FOUND: no such account; OUT_ACCOUNT_STATE: of
 * another generation (0: any); OUT_EXISTS; OUT_FULL; of the gate. */
struct cmd_factor_put {
    struct factor factor;
    uint64_t generation;
    struct gate gate;           /* absent: an operator's */
    struct message_out message; /* the holder is told */
};
/* All sessions of the account, and what they gave, end with it. OUT_NOT_FOUND. */
struct cmd_factor_del {
    struct id128 sub, id;
    struct message_out message; /* the holder is told */
};
/* `code` registers one device for the account, while it is of this generation and the
 * session lives. OUT_ACCOUNT_STATE, OUT_EXISTS; of the gate. */
struct cmd_app_enrol {
    struct key_hash code;
    struct id128 sub;
    uint64_t generation;
    uint32_t ttl_ms;
    struct gate gate;
};
/* Numbers enter counters; never reuse one. */
enum app_platform { APP_ANDROID = 1, APP_IOS = 2 };
/* OUT_NOT_FOUND: no such code, or not any more; OUT_EXISTS: the device is registered
 * already, or the account has another factor by now; OUT_ACCOUNT_STATE, OUT_FULL,
 * OUT_SESSION_ENDED. */
struct cmd_app_register {
    struct key_hash code;
    struct factor device; /* id, index, label, sealed */
    enum app_platform platform;
    struct proofs proofs;
    struct message_out message; /* the holder is told */
};
/* The device has another address for push messages, or none. OUT_NOT_FOUND. */
struct cmd_app_address {
    struct key_hash device; /* its factor's index */
    struct span sealed;     /* what its row has from now on */
    struct proofs proofs;
};
enum app_answer {
    APP_APPROVE = 1,
    APP_DENY = 2,
    APP_NOT_ME = 3, /* and it was somebody else who asked */
};
/* OUT_NOT_FOUND: no such device, or no such question to its account. OUT_EXPIRED,
 * OUT_REPLAYED: it was answered. OUT_BAD_CREDENTIALS: the number was wrong. */
struct cmd_app_answer {
    struct key_hash device; /* its factor's index */
    struct id128 challenge;
    enum app_answer answer;
    bool right; /* of APP_APPROVE: the number is the browser's */
    struct proofs proofs;
};
/* The challenge is used up by its proof. OUT_OK: outcome_login. OUT_NOT_FOUND: there is
 * no such passkey any more; OUT_REPLAYED: its counter did not rise; OUT_PROOF_REPLAYED,
 * OUT_ACCOUNT_STATE, OUT_EXISTS (of the session). */
struct cmd_passkey_login {
    struct key_hash credential; /* its factor's index */
    uint64_t generation;
    uint64_t step; /* its counter */
    uint32_t methods;
    struct proofs proofs;
    struct key_hash session; /* the session to make */
    struct id128 sid;
    bool has_replaced;
    struct key_hash replaced;
    uint32_t idle_ms, lifetime_ms;
};
/* OUT_OK whether there is such an account or not; OUT_LIMITED, OUT_FULL likewise. */
struct cmd_recovery_ask {
    bool known;
    struct key_hash login_index;
    struct id128 sub; /* when known */
    uint64_t generation;
    struct key_hash secret; /* of the link */
    uint32_t ttl_ms;
    struct message_out message; /* that brings it; its caps hold for unknown IDs too */
};
/* OUT_ACCOUNT_STATE: not active, or of another generation. OUT_EXPIRED: the link was
 * used, is too old, or a newer one was sent. The generation rises. */
struct cmd_password_set {
    struct id128 sub;
    uint64_t generation;
    struct span password_hash;
    bool has_secret; /* of the link; without one: OUT_EXPIRED */
    struct key_hash secret;
    struct message_out message; /* the holder is told */
};
struct cmd_session_end {
    struct key_hash session;
};
struct cmd_grant_issue {
    struct key_hash code;
    struct key_hash session;
    struct span client_id;
    struct span redirect_uri;
    uint64_t scopes;
    uint64_t consent_scopes; /* newly consented; 0: nothing to record */
    struct span nonce;
    enum challenge_method challenge_method;
    uint8_t challenge[32];
    uint32_t code_ttl_ms;
    uint32_t grant_ttl_ms;  /* longest life of anything it may give */
    uint32_t idle_ms;       /* the session's idle end moves (store_session_idle_due) */
    uint64_t auth_after_ms; /* the session's auth_time must not be earlier; 0: any */
    uint64_t id_token_claims, userinfo_claims; /* store_grant.h */
    bool has_dpop_key;
    uint8_t dpop_key[32];
    bool
        has_pushed; /* the pushed request that this answers: OUT_REPLAYED when it was */
    struct key_hash pushed; /* answered before */
};
/* What a sealed code carries (server/svc_code.h): the grant that no command has stored,
 * and that the redemption of its code opens (raft/fsm_grant.c). Of a code that was stored
 * there is none. */
struct grant_opened {
    uint64_t epoch; /* sealed in it; OUT_NOT_FOUND in any other */
    struct key_hash session;
    uint64_t generation; /* the account's, at issue */
    uint64_t code_expires_ms;
    uint32_t code_ttl_ms; /* and no code lives longer than that from now on */
    uint32_t idle_ms; /* the session's idle end moves, as by CMD_GRANT_ISSUE */
    uint64_t auth_after_ms;
    struct span redirect_uri;
    uint64_t scopes;
    uint64_t consented; /* scopes that need the account's consent, if the client does */
    struct span nonce;
    enum challenge_method challenge_method;
    uint8_t challenge[32];
    uint64_t id_token_claims, userinfo_claims;
    bool has_dpop_key;
    uint8_t dpop_key[32];
};
struct cmd_grant_redeem {
    struct key_hash code;
    struct span client_id;
    bool has_redirect_uri;
    struct span redirect_uri;
    bool has_verifier;
    uint8_t verifier_hash[32]; /* SHA-256 of code_verifier */
    struct key_hash access;
    uint32_t access_ttl_ms;
    uint64_t refresh_scope_mask; /* a refresh token is given if scopes meet it */
    struct key_hash refresh;
    uint32_t refresh_ttl_ms;
    struct proofs proofs;
    struct binding binding; /* of the access token; OUT_BINDING_MISMATCH */
    bool bind_refresh;      /* and of the family, with BINDING_DPOP (RFC 9449 §5) */
    bool opens;             /* the code was a sealed one; else `opened` is all zero */
    struct grant_opened opened;
};
struct cmd_token_refresh {
    struct key_hash refresh; /* the one presented */
    struct span client_id;
    uint64_t scopes;              /* asked for; 0: as before */
    struct key_hash next_refresh; /* both derived from the presented one, so */
    struct key_hash next_access;  /* that an honest retry names the same */
    uint32_t access_ttl_ms, refresh_ttl_ms;
    uint32_t grace_ms; /* within it a repeated call gets the same successor */
    struct proofs proofs;
    struct binding binding;
};

/* A refresh token takes its family along, an access token goes alone (RFC 7009 §2.1).
 * OUT_NOT_FOUND; OUT_CLIENT_MISMATCH: nothing was revoked. */
struct cmd_token_revoke {
    bool refresh; /* `key` is a refresh token's, else an access token's */
    struct key_hash key;
    struct span client_id;
    struct proofs proofs;
};

/* All of them voters and settled, ids ascending. OUT_EXISTS once there are members. */
struct cmd_member_seed {
    size_t count;
    struct member_at {
        uint64_t id;
        char address[64], region[32];
    } members[LIMIT_NODES];
};
/* OUT_EXISTS: the id was a member before; OUT_CHANGING: another change is not settled;
 * OUT_FULL: LIMIT_NODES or STORE_MEMBERS_MAX; OUT_MEMBER_STATE: the cluster has no
 * members yet. */
struct cmd_member_add {
    struct member_at member;
};
/* MEMBER_VOTER: promote a settled standby. MEMBER_GONE: remove, which also takes the
 * place of an unsettled change of the same node. OUT_NOT_FOUND, OUT_CHANGING,
 * OUT_LAST_VOTER, OUT_MEMBER_STATE (it is so already, or must be added first). */
struct cmd_member_role {
    uint64_t id;
    enum member_role role;
};
/* `changed_index` names the change: OUT_MEMBER_STATE when it was replaced since; OUT_OK
 * when it is settled already. OUT_NOT_FOUND. */
struct cmd_member_settle {
    uint64_t id, changed_index;
};
/* Takes the place of what is stored; none: no preference. Each at most once. */
/* `backup` without its time. OUT_EXISTS: a newer one is noted already. */
struct cmd_backup_note {
    struct store_backup backup;
};
struct cmd_leader_regions {
    struct leader_regions regions;
};

/* Lease those of the messages that are due. OUT_OK: outcome_claim. */
struct cmd_outbox_claim {
    uint64_t node; /* the sender, for those who look */
    size_t count;
    struct id128 ids[LIMIT_OUTBOX_BATCH];
};
/* OUT_OK. Who tells of a failure must hold the lease still; what is not there any
 * more, or not so any more, is passed over. */
struct cmd_outbox_settle {
    size_t count;
    struct outbox_settled {
        struct id128 id;
        uint32_t attempt;
        enum outbox_reason reason; /* OUTBOX_NO_REASON: delivered, or needless now */
    } messages[LIMIT_OUTBOX_BATCH];
};
/* Also for one that waits for its time. OUT_NOT_FOUND, OUT_FULL; OUT_EXPIRED: what it
 * says is true no more. */
struct cmd_outbox_retry {
    struct id128 id;
};

/* `staff.generation` 0: a new account (OUT_EXISTS: id or login_index is taken;
 * OUT_FULL). Else the generation that the change was made from: OUT_NOT_FOUND, or
 * OUT_ACCOUNT_STATE when it is another by now, or when no active administrator would
 * be left. A change raises the generation, so all its sessions end, and lifts a lock.
 * last_step, failures, locked_until_ms and created_ms are not carried. */
struct cmd_staff_put {
    struct staff staff;
};
/* One attempt to sign in, after the password was compared and the code was read.
 * OUT_OK: outcome_login. OUT_BAD_CREDENTIALS, OUT_EXPIRED (the code's step is not
 * now), OUT_REPLAYED (it was used): each counts. OUT_LOCKED, OUT_ACCOUNT_STATE and
 * OUT_EXISTS (of the session) do not. */
struct cmd_staff_login {
    bool known; /* an account was found */
    bool password_ok;
    bool has_step;   /* the code fitted a step */
    struct id128 id; /* when known */
    uint64_t generation;
    uint64_t step;
    struct key_hash session; /* the session to make */
    bool has_replaced;       /* the browser's earlier session: it ends */
    struct key_hash replaced;
    uint32_t idle_ms, lifetime_ms;
};
struct cmd_staff_session_end { /* OUT_NOT_FOUND */
    struct key_hash session;
};
/* OUT_SESSION_ENDED: there is none, or it has ended. Never beyond its lifetime. */
struct cmd_staff_touch {
    struct key_hash session;
    uint32_t idle_ms;
};

/* A batch of counters, once (OUT_PROOF_REPLAYED). Clients that there are not are passed
 * over; an empty client_id stands for none. */
struct cmd_usage_add {
    struct proof once;
    size_t count; /* 1 to LIMIT_USAGE_BATCH */
    struct usage_item {
        struct span client_id;
        uint64_t counts[USAGE_KINDS];
    } items[LIMIT_USAGE_BATCH];
};

/* What is worth a record though nothing changes: that data were looked at, or that a
 * node was restored. OUT_OK. */
struct cmd_audit_note {
    enum audit_event event; /* of those that command_encode takes */
    bool has_sub, has_staff;
    struct id128 sub, staff; /* whom it is about */
    struct span client_id;
    struct span note; /* LIMIT_AUDIT_NOTE */
};

/* What a holder does with the own account (raft/fsm_self.c). All but SELF_ID_CONFIRM
 * need the session, which must be as struct gate says, and `generation` as the account
 * was read. OUT_SESSION_ENDED, OUT_REAUTH, OUT_SECOND_STEP, OUT_ACCOUNT_STATE; and as
 * below. */
enum self_act {
    SELF_PASSWORD = 1,    /* password_hash */
    SELF_END_SESSION = 2, /* target: its sid. OUT_NOT_FOUND */
    SELF_END_OTHERS = 3,
    SELF_FACTOR_DEL = 4, /* target: its id. OUT_NOT_FOUND */
    SELF_ID_ASK = 5,     /* login_index, token, ttl_ms, sealed: the new ID; the message
                          * goes to the new address, unless somebody has the ID: nobody
                          * is told which (SECURITY D02). OUT_LIMITED, OUT_FULL */
    SELF_ID_CONFIRM = 6, /* token, sealed: the profile with it. OUT_NOT_FOUND,
                          * OUT_EXPIRED, OUT_EXISTS: somebody has it by now */
    SELF_ID_CANCEL = 7,  /* OUT_NOT_FOUND */
    SELF_CLOSE = 8,      /* the account is deleted, its ID free, its sub never */
};
struct cmd_self {
    enum self_act act;
    struct id128 sub;
    bool has_session;
    struct key_hash session;
    uint32_t fresh_ms;
    uint32_t second;
    uint64_t generation; /* 0: any */
    struct span password_hash;
    bool has_target;
    struct id128 target;
    bool has_login_index;
    struct key_hash login_index;
    bool has_token;
    struct key_hash token;
    uint32_t ttl_ms;
    struct span sealed;
    struct message_out message; /* to the address that has to know */
    struct message_out notice;  /* SELF_ID_ASK: to the address that the account has */
};

struct command {
    enum command_type type;
    struct actor actor;
    union {
        struct cmd_boot_register boot_register;
        struct cmd_cluster_init cluster_init;
        struct cmd_fsm_version fsm_version;
        struct cmd_key_add key_add;
        struct cmd_key_revoke key_revoke;
        struct cmd_account_put account_put;
        struct cmd_client_put client_put;
        struct cmd_client_change client_change;
        struct cmd_login login;
        struct cmd_session_end session_end;
        struct cmd_grant_issue grant_issue;
        struct cmd_grant_redeem grant_redeem;
        struct cmd_token_refresh token_refresh;
        struct cmd_member_seed member_seed;
        struct cmd_member_add member_add;
        struct cmd_member_role member_role;
        struct cmd_member_settle member_settle;
        struct cmd_leader_regions leader_regions;
        struct cmd_backup_note backup_note;
        struct cmd_proof_use proof_use;
        struct cmd_request_push request_push;
        struct cmd_token_revoke token_revoke;
        struct cmd_outbox_claim outbox_claim;
        struct cmd_outbox_settle outbox_settle;
        struct cmd_outbox_retry outbox_retry;
        struct cmd_staff_put staff_put;
        struct cmd_staff_login staff_login;
        struct cmd_staff_session_end staff_session_end;
        struct cmd_staff_touch staff_touch;
        struct cmd_usage_add usage_add;
        struct cmd_message_send message_send;
        struct cmd_audit_note audit_note;
        struct cmd_self self;
        struct cmd_factor_begin factor_begin;
        struct cmd_factor_challenge factor_challenge;
        struct cmd_factor_pass factor_pass;
        struct cmd_factor_put factor_put;
        struct cmd_factor_del factor_del;
        struct cmd_recovery_ask recovery_ask;
        struct cmd_password_set password_set;
        struct cmd_app_enrol app_enrol;
        struct cmd_app_register app_register;
        struct cmd_app_answer app_answer;
        struct cmd_app_address app_address;
        struct cmd_passkey_login passkey_login;
        struct cmd_application_submit application_submit;
        struct cmd_application_confirm application_confirm;
        struct cmd_application_move application_move;
        struct cmd_blob_add blob_add;
        struct cmd_blob_hold blob_hold;
        struct cmd_blob_node blob_node;
        struct cmd_batch_add batch_add;
        struct cmd_bundle_add bundle_add;
        struct cmd_page_place page_place;
        struct cmd_job_lease job_lease;
        struct cmd_job_result job_result;
        struct cmd_review_claim review_claim;
        struct cmd_review_release review_release;
        struct cmd_review_decide review_decide;
        struct cmd_activation_renew activation_renew;
        struct cmd_activation_code activation_code;
        struct cmd_activate activate;
        struct cmd_correction_propose correction_propose;
        struct cmd_correction_settle correction_settle;
        struct cmd_import_propose import_propose;
        struct cmd_import_approve import_approve;
        struct cmd_import_line import_line;
    };
};

/* raft/command_intake.c, for raft/command.c. */
bool command_intake_is(enum command_type type);
enum err command_intake_encode(const struct command *command, struct buf *out);
/* `command` is zero but for its type. ERR_INVALID. */
enum err command_intake_decode(struct span payload, struct command *command);

/* Append the payload's bytes to `out` (the type travels in the envelope).
 * ERR_INVALID: what command_decode would refuse, or an fsm_version that this
 * binary does not have; ERR_TOO_BIG beyond LIMIT_COMMAND; ERR_NOMEM. */
enum err command_encode(const struct command *command, struct buf *out);
/* ERR_VERSION: unknown type. ERR_INVALID: not a canonical, bounded payload. */
enum err command_decode(enum command_type type, struct span payload,
                        struct arena *arena, struct command *ret_command);

/* What the state machine decided. Numbers are stored; never reuse one. */
enum outcome_code {
    OUT_OK = 0,
    OUT_EXISTS = 1,
    OUT_NOT_FOUND = 2,
    OUT_EXPIRED = 3,
    OUT_UNKNOWN_BOOT = 4, /* envelope of a boot that is not the registered one */
    OUT_OLD_SEQUENCE = 5, /* below the boot's low mark: its outcome is gone */
    OUT_BAD_CREDENTIALS = 6,
    OUT_LOCKED = 7,
    OUT_ACCOUNT_STATE = 8, /* suspended, deleted, or of another generation */
    OUT_SESSION_ENDED = 9,
    OUT_CLIENT_STATE = 10, /* unknown, or not usable in its stage */
    OUT_CLIENT_MISMATCH = 11,
    OUT_REDIRECT_MISMATCH = 12,
    OUT_PKCE_MISMATCH = 13,
    OUT_REPLAYED = 14, /* used before: the family is revoked */
    OUT_REVOKED = 15,
    OUT_SCOPE = 16,         /* more than was granted */
    OUT_NOT_SUPPORTED = 17, /* beyond the replicated fsm_version */
    OUT_REAUTH = 18,        /* the session's sign-in is older than asked for */
    OUT_CHANGING = 19,      /* another change, of members or keys, is not settled */
    OUT_LAST_VOTER = 20,
    OUT_MEMBER_STATE = 21,
    OUT_FULL = 22, /* no room for one more */
    OUT_PROOF_REPLAYED = 23,
    OUT_BINDING_MISMATCH = 24, /* not the key that the family is bound to */
    OUT_LIMITED = 25, /* too often (caps) */
    OUT_SECOND_STEP = 26,      /* the first step is done, the second is due */
    OUT_WAITING = 27,          /* the person has not answered yet */
    OUT_DENIED = 28,           /* the person said no: the sign-in is over */
    OUT_APPLICATION_STATE = 70, /* not from the state that it is in */
    OUT_DUPLICATE_ACCOUNT = 71,
    OUT_DUPLICATE_PERSON = 72,
    OUT_CLAIMED = 73, /* another person has it */
    OUT_SAME_PERSON = 74,
    OUT_JOB_LATE = 75, /* of an attempt that is over */
    OUT_ROLE = 76,     /* the person of the staff has no role for it */
};
#define OUT_LAST OUT_ROLE
const char *outcome_str(enum outcome_code code);

struct outcome {
    enum outcome_code code;
    uint64_t index;     /* raft index of the frame that applied it */
    uint64_t clock_ms;  /* replicated time at which it was applied */
    struct span detail; /* the type's own result; often empty */
};

/* OUT_OK of CMD_LOGIN. */
struct outcome_login {
    uint64_t auth_time_ms;
    uint64_t expires_ms;
};
/* OUT_OK of CMD_GRANT_REDEEM and CMD_TOKEN_REFRESH: what the tokens say. */
struct outcome_tokens {
    struct id128 sub;
    struct id128 sid;
    struct key_hash grant;
    uint64_t scopes;
    uint64_t auth_time_ms;
    uint32_t methods; /* of the sign-in: bits of server/oidc/acr.h */
    uint64_t access_expires_ms;
    uint64_t id_token_claims;
    struct binding binding;
    bool has_refresh;
    struct span nonce;
};
/* OUT_OK of CMD_OUTBOX_CLAIM: what the node is to send. */
struct outcome_claim {
    size_t count;
    struct outbox_claimed {
        struct id128 id;
        uint32_t attempt; /* names the lease */
    } messages[LIMIT_OUTBOX_BATCH];
};
/* OUT_LIMITED of any command with caps, OUT_LOCKED of CMD_LOGIN: when it may be tried
 * again, in replicated time. */
struct outcome_wait {
    uint64_t until_ms;
};
/* OUT_UNKNOWN_BOOT: the boot that is registered, to be exceeded. */
struct outcome_boot {
    uint64_t registered;
};

enum err outcome_encode(const struct outcome *outcome, struct buf *out);
enum err outcome_decode(struct span in, struct outcome *ret_outcome);
enum err outcome_login_encode(const struct outcome_login *login, struct buf *out);
enum err outcome_login_decode(struct span in, struct outcome_login *ret_login);
enum err outcome_wait_encode(const struct outcome_wait *wait, struct buf *out);
enum err outcome_wait_decode(struct span in, struct outcome_wait *ret_wait);
enum err outcome_tokens_encode(const struct outcome_tokens *tokens, struct buf *out);
enum err outcome_tokens_decode(struct span in, struct outcome_tokens *ret_tokens);
enum err outcome_claim_encode(const struct outcome_claim *claim, struct buf *out);
enum err outcome_claim_decode(struct span in, struct outcome_claim *ret_claim);
enum err outcome_leases_encode(const struct outcome_leases *from, struct buf *out);
enum err outcome_leases_decode(struct span in, struct outcome_leases *ret);
enum err outcome_claimed_encode(const struct outcome_claimed *from, struct buf *out);
enum err outcome_claimed_decode(struct span in, struct outcome_claimed *ret);
enum err outcome_decided_encode(const struct outcome_decided *from, struct buf *out);
enum err outcome_decided_decode(struct span in, struct outcome_decided *ret);
enum err outcome_import_line_encode(const struct outcome_import_line *from,
                                    struct buf *out);
enum err outcome_import_line_decode(struct span in, struct outcome_import_line *ret);
enum err outcome_boot_encode(const struct outcome_boot *boot, struct buf *out);
enum err outcome_boot_decode(struct span in, struct outcome_boot *ret_boot);

/* One command on its way: who sent it, and which of theirs it is. */
struct envelope {
    uint64_t node, boot, seq;
    uint64_t low; /* lowest sequence of (node, boot) that is still outstanding */
    enum command_type type;
    struct span payload;
};

/* A frame is one raft entry: header, then `count` envelopes, zero-padded to a
 * multiple of 8 (RAFT.md §2.2). Little-endian:
 *   u32 length without padding | u8 version = 1 | u8 0 | u16 count | u64 term |
 *   u64 now_ms | u64 checksum of all the others, then per envelope
 *   u64 node | u64 boot | u64 seq | u64 low | u16 type | u16 0 | u32 len | payload
 * The forward message between peers carries the same envelopes. */
struct frame_header {
    uint64_t term;   /* of the leader that built it */
    uint64_t now_ms; /* its stamp; the state machine never lets time fall */
    uint16_t count;
};

void envelope_encode(const struct envelope *envelope, struct buf *out);
/* ERR_INVALID: short, over LIMIT_COMMAND, or reserved bytes set. Borrows. */
enum err envelope_decode(struct reader *in, struct envelope *ret_envelope);

/* Wrap `count` already encoded envelopes (1 to LIMIT_FRAME_COMMANDS), padding
 * included. `out` is empty at first. ERR_INVALID, ERR_TOO_BIG, ERR_NOMEM. */
enum err frame_encode(uint64_t term, uint64_t now_ms, uint16_t count,
                      struct span envelopes, struct buf *out);
/* Checks header, checksum, padding, and that exactly `count` whole envelopes
 * follow; leaves *ret_envelopes at the first. ERR_INVALID, ERR_VERSION. */
enum err frame_decode(struct span in, struct frame_header *ret_header,
                      struct reader *ret_envelopes);

#endif
