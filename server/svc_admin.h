/* svc_admin: the operator's use cases, reached through the operator port alone.
 *
 * Input is the JSON of a request body, parsed here with named errors; output is
 * JSON text for the CLI (ops/cli). Unknown and doubled members are errors.
 *
 * ADMIN_ACCOUNT_ADD  account_id, password (domain/password_rule.h), type entry|prime|member,
 *                    parent (account ID of a Prime: members only), profile {corp_type
 *                    1|2, and the members of server/domain/profile.h; email is the
 *                    account ID when left out}
 *                    -> sub, account_id
 * ADMIN_FACTOR       account_id, action list|add|remove; add: phone, or totp_seed (20
 *                    bytes as base32); remove: factor
 *                    -> list: factors [factor, kind, label, created_ms, used_ms]
 * ADMIN_CLIENT_ADD   client_id, name, ministry?, start_month? yyyy-mm, environment?
 *                    (the cluster's), profile? gbizid|standard|fapi2, auth?
 *                    basic|post|none|private_key_jwt|self_signed_tls (both with
 *                    jwks, a JWK Set)|tls_client_auth (with tls_subject),
 *                    alg? RS256|ES256|PS256, native?, government?, scopes [with
 * openid], account_types? [all], redirect_uris [1 to 16], post_logout_uris? [up to 16],
 * backchannel_logout_uri?, initiate_login_uri?, logo_uri?, policy_uri?, tos_uri?,
 * contacts?, sector? (host, of pairwise subjects), features? [svc_rp_operator.c],
 * client_secret? (32 characters and more), replace? (the whole row, secret
 * too)
 *                    -> client_id, client_secret when one was drawn. dry_run? (true):
 *                    nothing is written -> client_id, name, exists, secret given|drawn|
 *                    kept|none; of one that exists, revision and changes [{member,
 *                    before, after}], null for what is not there
 * ADMIN_CLIENT_LIST  -> clients [{as above, without secrets; created_ms}]
 * ADMIN_REGISTRATION profile? standard|gbizid|fapi2, stage? applied|in_verification,
 *                    scopes? (else the profile's usual ones), account_types? [all],
 *                    hours? (1 to 720; default 24): what an RP may register by itself
 *                    -> token (good once), expires_ms, and what was decided
 * ADMIN_STAFF_ADD    name (3 to 64 of a-z 0-9 . _ -), password (15 to 512 bytes), roles
 *                    [rp-admin|operator|auditor|staff-admin|intake|reviewer|approver|
 *                    supervisor|help-desk]
 *                    -> id, name, totp_secret and totp_uri (both told once)
 * ADMIN_STAFF_LIST   -> staff [{id, name, roles, active, locked, generation, created_ms}]
 * ADMIN_STAFF_CHANGE id, generation, and of these what is to change: roles, state
 *                    active|disabled, password, new_secret (true). Ends its sessions,
 *                    lifts a lock
 *                    -> id, name, and totp_secret and totp_uri with new_secret
 * ADMIN_USAGE        -> usage [{month yyyy-mm (of Japan), client_id (empty: of none),
 *                    logins, userinfo, top, sms}], by month: this one and 36 before
 * ADMIN_OUTBOX_LIST  -> waiting, dead, dropped, clients [{client_id and these three}],
 *                    messages [{id, kind backchannel_logout|mail|sms, client_id (of
 *                    people's: @mail, @sms), state
 *                    pending|leased|dead, reason (of the last failure, empty: none;
 *                    store_outbox_reason), attempts, created_ms, at_ms (due; of a dead
 *                    one: removed)}]: dead ones first, at most 1000 of both kinds each,
 *                    50 a client
 * ADMIN_OUTBOX_RETRY id (32 hex digits) -> id. Tried now, and counted anew
 * ADMIN_OUTBOX_TEST  one of mail and sms (address, number), english? -> id: a message
 *                    that says that it is a test. Not in production also: template
 *                    (its name), values? {name: text} (samples for the others), source?
 *                    (the address that is taken to have asked), valid_s? (true so long)
 *                    dry_run: only say what is wrong with it
 * ADMIN_CLIENT_CHANGE client_id, and stage (applied|in_verification|approved|live|
 *                    suspended|retired), or rotate_secret true with client_secret?
 *                    (else drawn) and overlap_s? (0 to 45 days; default 7 days)
 *                    -> client_id, and stage or client_secret
 * ADMIN_KEY_LIST     -> keys [{kid, alg RS256|ES256|PS256, state
 * published|active|retired, activates_ms, retires_ms, ends_ms (0: has no successor)}]
 * ADMIN_KEY_ROTATE   alg -> kid, alg, replaces. Signs after key_publish_s
 * ADMIN_KEY_REVOKE   kid -> kid (of what took its place), alg, revoked
 * ADMIN_NODE_LIST    -> node_id, leader_id, applied_index, configuration_index,
 *                    member_change (what is waited for, empty: nothing),
 *                    leader_regions, nodes [as in the status]
 * ADMIN_NODE_ADD     id, address IPv4:port, region -> id, changed_index
 * ADMIN_NODE_PROMOTE id -> id, changed_index; ADMIN_NODE_REMOVE likewise. Taken, not
 *                    done: done once a list that has applied changed_index shows the
 *                    node settled, or not at all
 * ADMIN_AUDIT_HEAD   -> cluster_id, node_id, head {seq, hash, pruned_seq, pruned_hash,
 *                    pruned_ms} of this node's audit (store/store_audit.h)
 * ADMIN_AUDIT        account? (ID, or sub), client_id?, staff?, operator?, event?
 *                    ("signin.*"), address?, from_ms?, to_ms?, upward?, at? (seq to go
 *                    on from), limit? (1 to 500; default 100), sealed?, purpose? (for
 *                    the record that the search leaves)
 *                    -> as above, next (`at` of the next page; 0: none), records
 *                    [svc_audit_put]
 * ADMIN_APPLICATION_ADD kind corporation|sole_proprietor|public_body|other_body,
 *                    profile {as with ADMIN_ACCOUNT_ADD}, application_id?, received_on?
 *                    -> application_id. Not in production
 * ADMIN_APPLICATION_LIST -> stocks [{kind, state, count}], jobs {waiting, leased, done,
 *                    poison}, blobs, blobs_short (with fewer copies than there should be;
 *                    null: not known now, a node is doubted or they are sorted anew)
 * ADMIN_BATCH_ADD    id (32 hex digits), label, received_on yyyy-mm-dd -> result added
 * ADMIN_BUNDLE_ADD   batch, position, files [1 to 16 {sha256, size, format
 *                    tiff|pdf|jpeg|png, name}] -> result added|known
 * ADMIN_BATCH_PROGRESS batch -> bundles, sorted, pages, open_pages, open [{bundle, page,
 *                    file, number, state unreadable|unknown|surplus|duplicate,
 *                    application_id}]
 * ADMIN_PAGE_PLACE   bundle, page, application_id? (none: nobody's) -> result added
 * ADMIN_DECISIONS    from_ms?, to_ms? -> decisions [{application_id, result OK|NG, defects
 *                    [name]}]: what people decided then
 * ADMIN_DECISIONS_IMPORT csv (UTF-8), staff? (name of who stands for it; without it the
 *                    file is only checked), sound_only? (lines that are wrong are left
 *                    out; else nothing is brought in when one is) -> count, ready,
 *                    proposed, lines [{number, application_id, result, problem}] (those
 *                    that cannot take effect), brought_in, known (it was before)
 * ADMIN_EVIDENCE     application_id -> application_id, state, verdict OK|NG|REVIEW or
 *                    empty, reasons [text], evidence (as tasuki-ocr read; null: none, or
 *                    at another node). Not in production
 * ADMIN_LEADER_REGIONS regions? [at most 8, best first; none: no preference]
 *                    -> changed_index
 * ADMIN_TRANSFER     to? (0: any voter) -> leader_id
 * ADMIN_STATUS       -> members of struct repl_status and repl_node_status, digests
 *                    as 32 hex digits, staleness_ms and seen_age_ms null for never; a
 *                    node's role voter|standby|joining|promoting|leaving; digest and
 *                    digest_index of this node's store, rows {table: count}, outbox
 * {waiting, dead, dropped} */
#ifndef SERVER_SVC_ADMIN_H
#define SERVER_SVC_ADMIN_H

#include "server/svc.h"

enum svc_admin_kind {
    ADMIN_OK,       /* `body` is the result */
    ADMIN_INVALID,  /* `message` names the member and what is wrong with it */
    ADMIN_CONFLICT, /* exists already */
    ADMIN_NOT_FOUND,
};
enum svc_admin_action {
    ADMIN_STATUS,         /* GET  /v1/status: this node's view of the cluster */
    ADMIN_ACCOUNT_ADD,    /* POST /v1/accounts */
    ADMIN_FACTOR,         /* POST /v1/accounts/factors */
    ADMIN_CLIENT_ADD,     /* POST /v1/clients: answers the secret, once */
    ADMIN_CLIENT_LIST,    /* GET  /v1/clients */
    ADMIN_CLIENT_CHANGE,  /* POST /v1/clients/change */
    ADMIN_REGISTRATION,   /* POST /v1/registration-tokens */
    ADMIN_STAFF_ADD,      /* POST /v1/staff: answers the seed, once */
    ADMIN_STAFF_LIST,     /* GET  /v1/staff */
    ADMIN_STAFF_CHANGE,   /* POST /v1/staff/change */
    ADMIN_USAGE,          /* GET  /v1/usage */
    ADMIN_OUTBOX_LIST,    /* GET  /v1/outbox */
    ADMIN_OUTBOX_RETRY,   /* POST /v1/outbox/retry */
    ADMIN_OUTBOX_TEST,    /* POST /v1/outbox/test */
    ADMIN_KEY_LIST,       /* GET  /v1/keys */
    ADMIN_KEY_ROTATE,     /* POST /v1/keys */
    ADMIN_KEY_REVOKE,     /* POST /v1/keys/revoke */
    ADMIN_NODE_LIST,      /* GET  /v1/nodes */
    ADMIN_AUDIT_HEAD,     /* GET  /v1/audit */
    ADMIN_AUDIT,          /* POST /v1/audit */
    ADMIN_NODE_ADD,       /* POST /v1/nodes */
    ADMIN_NODE_PROMOTE,   /* POST /v1/nodes/promote */
    ADMIN_NODE_REMOVE,    /* POST /v1/nodes/remove */
    ADMIN_LEADER_REGIONS, /* POST /v1/leader-regions */
    ADMIN_APPLICATION_ADD,  /* POST /v1/applications */
    ADMIN_APPLICATION_LIST, /* GET  /v1/applications */
    ADMIN_BATCH_ADD,        /* POST /v1/intake/batches */
    ADMIN_BUNDLE_ADD,       /* POST /v1/intake/bundles */
    ADMIN_BATCH_PROGRESS,   /* POST /v1/intake/progress */
    ADMIN_PAGE_PLACE,       /* POST /v1/intake/place */
    ADMIN_EVIDENCE,         /* POST /v1/applications/evidence */
    ADMIN_DECISIONS,        /* POST /v1/decisions */
    ADMIN_DECISIONS_IMPORT, /* POST /v1/decisions/import */
    ADMIN_TRANSFER,       /* POST /v1/transfer {"to": id or 0} */
};
struct svc_admin {
    struct svc_op op;
    void (*done)(struct svc_admin *admin);
    void *arg;
    enum svc_admin_action action;
    struct span body_in;
    struct span by_staff; /* id: whose act it is; empty: the operator's */
    enum svc_admin_kind kind;
    struct span body;
    struct span message;
};
void svc_admin(struct svc *svc, struct svc_admin *admin);

/* Prometheus text (version 0.0.4) of this node. Appends to `out`. */
void svc_metrics(struct svc *svc, struct buf *out);

#endif
