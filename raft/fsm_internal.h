/* fsm_internal: what fsm.c hands to the files that hold the rules.
 *
 * Each rule takes one decoded command and gives an outcome code. An enum err
 * other than OK stops the node (F5). What a rule writes before it refuses is
 * kept, so it refuses before it writes, unless the refusal itself has an effect
 * (a replay revokes, a failed sign-in counts). */
#ifndef RAFT_FSM_INTERNAL_H
#define RAFT_FSM_INTERNAL_H

#include "raft/command.h"
#include "raft/fsm_limits.h"
#include "store/store.h"
#include "store/store_outcome.h"

/* The frame being applied. */
struct fsm_tx {
    struct store_write *write;
    struct store_read *read; /* of `write` */
    struct arena *arena;     /* lives for one command */
    struct arena *scratch;   /* lives for one step of a loop; reset by its user */
    struct store_meta *meta; /* as the frame will leave it */
    uint64_t now_ms;         /* meta->clock_ms */
    struct buf *detail;      /* the outcome's detail, empty at first */
    const struct actor *actor; /* of the command; NULL: none */
    bool members_changed;    /* some command of the frame did */
    bool early; /* no command of the frame asks for a commit before it is told (F6) */
};

/* fsm_cluster.c */
enum err fsm_cluster_init(struct fsm_tx *tx, const struct cmd_cluster_init *cmd,
                          enum outcome_code *ret_code);
/* ERR_VERSION: a version that this binary does not have. */
enum err fsm_cluster_backup(struct fsm_tx *tx, const struct cmd_backup_note *cmd,
                            enum outcome_code *ret_code);
enum err fsm_cluster_version(struct fsm_tx *tx, const struct cmd_fsm_version *cmd,
                             enum outcome_code *ret_code);
/* fsm_key.c */
enum err fsm_key_add(struct fsm_tx *tx, const struct cmd_key_add *cmd,
                     enum outcome_code *ret_code);
enum err fsm_key_revoke(struct fsm_tx *tx, const struct cmd_key_revoke *cmd,
                        enum outcome_code *ret_code);
/* fsm_account.c */
enum err fsm_account_put(struct fsm_tx *tx, const struct cmd_account_put *cmd,
                         enum outcome_code *ret_code);
/* OUT_OK: the account is active and of this generation; OUT_ACCOUNT_STATE. */
enum err fsm_account_usable(struct fsm_tx *tx, struct id128 sub, uint64_t generation,
                            enum outcome_code *ret_code);
/* fsm_self.c */
enum err fsm_self(struct fsm_tx *tx, const struct cmd_self *cmd,
                  enum outcome_code *ret_code);
/* fsm_client.c */
enum err fsm_client_put(struct fsm_tx *tx, const struct cmd_client_put *cmd,
                        enum outcome_code *ret_code);
enum err fsm_client_change(struct fsm_tx *tx, const struct cmd_client_change *cmd,
                           enum outcome_code *ret_code);
/* fsm_session.c */
enum err fsm_session_login(struct fsm_tx *tx, const struct cmd_login *cmd,
                           enum outcome_code *ret_code);
enum err fsm_session_end(struct fsm_tx *tx, struct key_hash session,
                         enum outcome_code *ret_code);
/* The same, as its holder's wish. */
enum err fsm_session_sign_out(struct fsm_tx *tx, struct key_hash session,
                              enum outcome_code *ret_code);
/* Put a session that has just begun, or has a new key, and where that was. */
enum err fsm_session_begin(struct fsm_tx *tx, const struct session *session);
/* A sign-in's session, in the place of the one that its browser had (NULL: none), and the
 * outcome that tells of it. */
enum err fsm_session_make(struct fsm_tx *tx, const struct session *session,
                          const struct key_hash *replaced, enum outcome_code *ret_code);
/* N2 but for the generation: now before both ends. */
bool fsm_session_timely(const struct fsm_tx *tx, const struct session *session);
/* The session and all that it granted, from now on under `key`, which is also set in
 * *session. The row itself is the caller's to put. */
enum err fsm_session_rename(struct fsm_tx *tx, struct session *session,
                            struct key_hash key);
/* How long so many failures in a row lock, FSM_LOGIN_FAILURES_MAX at least. */
uint64_t fsm_session_lock_ms(uint32_t failures);
/* fsm_factor.c */
enum err fsm_factor_begin(struct fsm_tx *tx, const struct cmd_factor_begin *cmd,
                          enum outcome_code *ret_code);
enum err fsm_factor_challenge(struct fsm_tx *tx, const struct cmd_factor_challenge *cmd,
                              enum outcome_code *ret_code);
enum err fsm_factor_pass(struct fsm_tx *tx, const struct cmd_factor_pass *cmd,
                         enum outcome_code *ret_code);
enum err fsm_factor_put(struct fsm_tx *tx, const struct cmd_factor_put *cmd,
                        enum outcome_code *ret_code);
enum err fsm_factor_del(struct fsm_tx *tx, const struct cmd_factor_del *cmd,
                        enum outcome_code *ret_code);
/* fsm_factor_passkey.c: a whole sign-in by a passkey that has verified its holder. */
enum err fsm_factor_passkey_login(struct fsm_tx *tx, const struct cmd_passkey_login *cmd,
                                  enum outcome_code *ret_code);
/* fsm_app.c */
enum err fsm_app_enrol(struct fsm_tx *tx, const struct cmd_app_enrol *cmd,
                       enum outcome_code *ret_code);
enum err fsm_app_register(struct fsm_tx *tx, const struct cmd_app_register *cmd,
                          enum outcome_code *ret_code);
enum err fsm_app_answer(struct fsm_tx *tx, const struct cmd_app_answer *cmd,
                        enum outcome_code *ret_code);
enum err fsm_app_address(struct fsm_tx *tx, const struct cmd_app_address *cmd,
                         enum outcome_code *ret_code);
/* fsm_gate.c: may the account be changed by this session? OUT_OK, and *ret_session is
 * it; or as struct gate says. */
enum err fsm_gate_pass(struct fsm_tx *tx, const struct gate *gate,
                       const struct account *account, struct session *ret_session,
                       enum outcome_code *ret_code);
/* fsm_self.c: the account's generation ends, and every session of it but this one, which
 * goes over into the next. */
enum err fsm_self_renew(struct fsm_tx *tx, struct account *account,
                        struct session *session);
/* fsm_self.c: all by which somebody came into the account, or was about to: sessions and
 * what they gave, factors, an account ID that is asked for, a recovery. */
enum err fsm_self_forget(struct fsm_tx *tx, struct id128 sub);
/* How many the account has, at most FSM_FACTORS_MAX. */
enum err fsm_factor_count(struct fsm_tx *tx, struct id128 sub, size_t *ret_count);
/* fsm_recovery.c */
enum err fsm_recovery_ask(struct fsm_tx *tx, const struct cmd_recovery_ask *cmd,
                          enum outcome_code *ret_code);
enum err fsm_password_set(struct fsm_tx *tx, const struct cmd_password_set *cmd,
                          enum outcome_code *ret_code);
/* fsm_staff.c */
enum err fsm_staff_put(struct fsm_tx *tx, const struct cmd_staff_put *cmd,
                       enum outcome_code *ret_code);
enum err fsm_staff_login(struct fsm_tx *tx, const struct cmd_staff_login *cmd,
                         enum outcome_code *ret_code);
enum err fsm_staff_session_end(struct fsm_tx *tx, struct key_hash session,
                               enum outcome_code *ret_code);
enum err fsm_staff_touch(struct fsm_tx *tx, const struct cmd_staff_touch *cmd,
                         enum outcome_code *ret_code);
/* fsm_proof.c: OUT_OK: none was used before, all are now. OUT_PROOF_REPLAYED: nothing
 * was written. */
enum err fsm_proof_use(struct fsm_tx *tx, const struct proofs *proofs,
                       enum outcome_code *ret_code);
/* fsm_request.c */
enum err fsm_request_push(struct fsm_tx *tx, const struct cmd_request_push *cmd,
                          enum outcome_code *ret_code);
/* Is the request there, and this client's? OUT_REPLAYED. */
enum err fsm_request_open(struct fsm_tx *tx, struct key_hash key, struct span client_id,
                          enum outcome_code *ret_code);
/* fsm_outbox.c */
/* Put a message on its way: kind, id, client_id, sub, sid, and what people's messages
 * have, are the caller's, all else is set here. One that is there already stays as it
 * is; one for which there is no room is a dead letter. Nothing of it borrows from the
 * transaction. */
enum err fsm_outbox_add(struct fsm_tx *tx, const struct outbox_message *message);
enum err fsm_outbox_claim(struct fsm_tx *tx, const struct cmd_outbox_claim *cmd,
                          enum outcome_code *ret_code);
enum err fsm_outbox_settle(struct fsm_tx *tx, const struct cmd_outbox_settle *cmd,
                           enum outcome_code *ret_code);
enum err fsm_outbox_retry(struct fsm_tx *tx, const struct cmd_outbox_retry *cmd,
                          enum outcome_code *ret_code);
/* May one more of the kind wait? A kind to people. */
enum err fsm_outbox_has_room(struct fsm_tx *tx, enum outbox_kind kind, bool *ret_room);
/* From the failure of so many attempts to the next one. */
uint64_t fsm_outbox_pause_ms(uint32_t attempts);
/* fsm_counter.c: OUT_OK: every counter was below its bound, and has one more now.
 * OUT_LIMITED: nothing was written. */
enum err fsm_counter_take(struct fsm_tx *tx, const struct caps *caps,
                          enum outcome_code *ret_code);
/* The same for what reaches nobody: but for those that are everybody's, which a stranger
 * would use up with account IDs that nobody has. */
enum err fsm_counter_take_own(struct fsm_tx *tx, const struct caps *caps,
                              enum outcome_code *ret_code);
/* fsm_message.c: what a person is told, by the command that is its cause. */
/* Call it before anything is written: nothing is, unless *ret_code is OUT_OK. Both reset
 * tx->scratch.
 * OUT_LIMITED: beyond a cap; OUT_FULL: too many wait. Absent: OUT_OK. */
enum err fsm_message_add(struct fsm_tx *tx, const struct message_out *message,
                         enum outcome_code *ret_code);
/* What must not be refused, as word of a change to its owner: without caps, and a dead
 * letter when too many wait. At any time of the command. */
enum err fsm_message_tell(struct fsm_tx *tx, const struct message_out *message);
enum err fsm_message_send(struct fsm_tx *tx, const struct cmd_message_send *cmd,
                          enum outcome_code *ret_code);
/* fsm_grant.c */
enum err fsm_grant_issue(struct fsm_tx *tx, const struct cmd_grant_issue *cmd,
                         enum outcome_code *ret_code);
enum err fsm_grant_redeem(struct fsm_tx *tx, const struct cmd_grant_redeem *cmd,
                          enum outcome_code *ret_code);
/* End the family. `grant` may be revoked already. */
enum err fsm_grant_revoke(struct fsm_tx *tx, struct grant *grant);
/* The same because something was used twice, which is recorded the first time. */
enum err fsm_grant_replayed(struct fsm_tx *tx, enum audit_event what,
                            struct grant *grant, struct span client_id);
/* fsm_token.c */
enum err fsm_token_refresh(struct fsm_tx *tx, const struct cmd_token_refresh *cmd,
                           enum outcome_code *ret_code);
enum err fsm_token_revoke(struct fsm_tx *tx, const struct cmd_token_revoke *cmd,
                          enum outcome_code *ret_code);
/* OUT_OK: the family is bound to no key, or to this one. OUT_BINDING_MISMATCH. */
enum outcome_code fsm_token_bound(const struct grant *grant,
                                  const struct binding *binding);
/* New tokens to be stored, with the longer life of the grant that they need. */
struct fsm_tokens {
    struct access_token access;
    bool has_refresh;
    struct refresh_token refresh;
};
/* OUT_EXISTS when a key is taken; nothing is written then. OUT_OK: tokens and
 * grant are stored, and the detail is written. */
enum err fsm_token_store(struct fsm_tx *tx, struct grant *grant,
                         const struct fsm_tokens *tokens, enum outcome_code *ret_code);
/* fsm_usage.c */
/* A person was sent to the client with a code. */
enum err fsm_usage_login(struct fsm_tx *tx, struct span client_id);
/* A text message was put on its way; client_id empty: on behalf of none. */
enum err fsm_usage_sms(struct fsm_tx *tx, struct span client_id);
enum err fsm_usage_add(struct fsm_tx *tx, const struct cmd_usage_add *cmd,
                       enum outcome_code *ret_code);
/* A device of the smartphone app was registered. */
enum err fsm_usage_app(struct fsm_tx *tx, enum app_platform platform);
/* fsm_member.c */
enum err fsm_member_seed(struct fsm_tx *tx, const struct cmd_member_seed *cmd,
                         enum outcome_code *ret_code);
enum err fsm_member_add(struct fsm_tx *tx, const struct cmd_member_add *cmd,
                        enum outcome_code *ret_code);
enum err fsm_member_role(struct fsm_tx *tx, const struct cmd_member_role *cmd,
                         enum outcome_code *ret_code);
enum err fsm_member_settle(struct fsm_tx *tx, const struct cmd_member_settle *cmd,
                           enum outcome_code *ret_code);
enum err fsm_member_regions(struct fsm_tx *tx, const struct cmd_leader_regions *cmd,
                            enum outcome_code *ret_code);
/* fsm_application.c */
/* One of CMD_INTAKE_CASES. */
enum err fsm_intake_dispatch(struct fsm_tx *tx, const struct command *command,
                             enum outcome_code *ret_code);
enum err fsm_application_submit(struct fsm_tx *tx,
                                const struct cmd_application_submit *cmd,
                                enum outcome_code *ret_code);
enum err fsm_application_confirm(struct fsm_tx *tx,
                                 const struct cmd_application_confirm *cmd,
                                 enum outcome_code *ret_code);
enum err fsm_application_move(struct fsm_tx *tx, const struct cmd_application_move *cmd,
                              enum outcome_code *ret_code);
/* A record in the audit: the id, and a word about it. */
enum err fsm_application_tell(struct fsm_tx *tx, enum audit_event what,
                              const struct application_id *id, struct id128 staff,
                              const char *word);
/* Store it, in a state that it may move to (CHECKed) or is in. */
enum err fsm_application_enter(struct fsm_tx *tx, struct application *application,
                               enum application_state state);
/* The mails of the state that it enters next, or is in; before fsm_application_enter. */
void fsm_application_later(struct fsm_tx *tx, const struct application_mails *later,
                           struct application *application);
/* The time of its expiry entry has come. */
enum err fsm_application_due(struct fsm_tx *tx, const struct application_id *id);
/* fsm_review.c */
/* OUT_OK: an active person of the staff with one of `roles` (enum staff_role);
 * OUT_ACCOUNT_STATE, OUT_ROLE. A zero id: nobody asked. */
enum err fsm_review_staff(struct fsm_tx *tx, struct id128 staff, bool may_be_none,
                          uint32_t roles, enum outcome_code *ret_code);
/* Roles of the operation center: who takes papers in, who decides, who decides as the
 * second person (相互牽制). */
#define FSM_ROLES_INTAKE (STAFF_INTAKE | STAFF_SUPERVISOR)
#define FSM_ROLES_SECOND (STAFF_APPROVER | STAFF_SUPERVISOR)
#define FSM_ROLES_REVIEW (STAFF_REVIEWER | FSM_ROLES_SECOND)
/* 相互牽制: does the decision need two people? One does where the farm said the same. */
bool fsm_review_needs_two(const struct application *application,
                          enum review_decision decision);
enum err fsm_review_claim(struct fsm_tx *tx, const struct cmd_review_claim *cmd,
                          enum outcome_code *ret_code);
enum err fsm_review_release(struct fsm_tx *tx, const struct cmd_review_release *cmd,
                            enum outcome_code *ret_code);
enum err fsm_review_decide(struct fsm_tx *tx, const struct cmd_review_decide *cmd,
                           enum outcome_code *ret_code);
/* What was decided so far no longer stands: its documents changed. */
enum err fsm_review_void(struct fsm_tx *tx, const struct application_id *id);
/* Two people decided it by a file: both are noted, and nobody holds it any more. */
enum err fsm_review_close(struct fsm_tx *tx, const struct application_id *id,
                          const struct review_entry both[2]);
struct fsm_activation {
    struct key_hash token;
    uint32_t ttl_ms;
    const struct application_mails *later;
};
/* OUT_OK: the application is approved or denied. OUT_EXISTS: of the token, or `later` has
 * no end; OUT_DUPLICATE_ACCOUNT. */
enum err fsm_review_settle(struct fsm_tx *tx, struct application *application,
                           enum review_decision decision, uint32_t defects,
                           const struct fsm_activation *activation,
                           enum outcome_code *ret_code);
/* fsm_correction.c */
enum err fsm_correction_propose(struct fsm_tx *tx,
                                const struct cmd_correction_propose *cmd,
                                enum outcome_code *ret_code);
enum err fsm_correction_settle(struct fsm_tx *tx,
                               const struct cmd_correction_settle *cmd,
                               enum outcome_code *ret_code);
/* fsm_activation.c */
/* A link more, and its mails. The application is stored by the caller. */
void fsm_activation_give(struct fsm_tx *tx, struct application *application,
                         const struct fsm_activation *activation);
/* Likewise, of a mail that is sent now. */
enum err fsm_activation_remind(struct fsm_tx *tx, struct application *application,
                               const struct application_mail *mail);
/* No link and no code of it is good any more. */
void fsm_activation_void(struct application *application);
/* Is the token another application's? Uses tx->scratch and does not reset it. */
enum err fsm_activation_taken(struct fsm_tx *tx, const struct application *application,
                              struct key_hash token, bool *ret_taken);
enum err fsm_activation_code(struct fsm_tx *tx, const struct cmd_activation_code *cmd,
                             enum outcome_code *ret_code);
enum err fsm_activation_renew(struct fsm_tx *tx, const struct cmd_activation_renew *cmd,
                              enum outcome_code *ret_code);
enum err fsm_activate(struct fsm_tx *tx, const struct cmd_activate *cmd,
                      enum outcome_code *ret_code);
/* fsm_import.c */
enum err fsm_import_propose(struct fsm_tx *tx, const struct cmd_import_propose *cmd,
                            enum outcome_code *ret_code);
enum err fsm_import_approve(struct fsm_tx *tx, const struct cmd_import_approve *cmd,
                            enum outcome_code *ret_code);
enum err fsm_import_line(struct fsm_tx *tx, const struct cmd_import_line *cmd,
                         enum outcome_code *ret_code);
/* fsm_blob.c */
enum err fsm_blob_add(struct fsm_tx *tx, const struct cmd_blob_add *cmd,
                      enum outcome_code *ret_code);
enum err fsm_blob_hold(struct fsm_tx *tx, const struct cmd_blob_hold *cmd,
                       enum outcome_code *ret_code);
enum err fsm_blob_node(struct fsm_tx *tx, const struct cmd_blob_node *cmd,
                       enum outcome_code *ret_code);
/* A member's row was written: who is gone is forgotten, the rest is walked over (P3 of
 * store/store_blob_node.h). */
enum err fsm_blob_member(struct fsm_tx *tx, const struct member *member);
/* For the sweep: when the row ends that the mark names, and what is due then. */
enum err fsm_blob_due_ms(struct fsm_tx *tx, struct key_hash mark, uint64_t *ret_ms);
enum err fsm_blob_due(struct fsm_tx *tx, struct key_hash mark);
/* One row more names it, or one less. ERR_NOT_FOUND: no such blob. */
enum err fsm_blob_ref(struct fsm_tx *tx, const struct blob_id *id, int by);
/* fsm_intake.c */
enum err fsm_intake_batch(struct fsm_tx *tx, const struct cmd_batch_add *cmd,
                          enum outcome_code *ret_code);
enum err fsm_intake_bundle(struct fsm_tx *tx, const struct cmd_bundle_add *cmd,
                           enum outcome_code *ret_code);
enum err fsm_intake_place(struct fsm_tx *tx, const struct cmd_page_place *cmd,
                          enum outcome_code *ret_code);
/* The bundle's pages are known. OUT_NOT_FOUND: the bundle is gone, or sorted. */
enum err fsm_intake_sorted(struct fsm_tx *tx, struct id128 bundle,
                           const struct intake_page *pages, size_t count,
                           enum outcome_code *ret_code);
/* Nobody could sort it: every file is a page for a person. */
enum err fsm_intake_unsorted(struct fsm_tx *tx, struct id128 bundle);
/* fsm_job.c */
enum err fsm_job_lease(struct fsm_tx *tx, const struct cmd_job_lease *cmd,
                       enum outcome_code *ret_code);
enum err fsm_job_result(struct fsm_tx *tx, const struct cmd_job_result *cmd,
                        enum outcome_code *ret_code);
/* A new round: what is under way for it does not count any more. */
enum err fsm_job_start(struct fsm_tx *tx, struct job_key key,
                       enum client_environment environment);
/* Nothing is left to do; there may be no such job. */
enum err fsm_job_cancel(struct fsm_tx *tx, struct job_key key);
struct job_key fsm_job_of(const struct application_id *id);

/* fsm_sweep.c: at most `rows_max` expired rows, oldest first. */
enum err fsm_sweep(struct fsm_tx *tx, uint64_t rows_max);

/* fsm_boot.c: registered boots and stored outcomes (O1, O2), kept in memory
 * during a frame and written at its end. */
struct fsm_boots {
    struct fsm_boot_slot {
        struct boot boot;
        bool known; /* registered */
        bool dirty;
    } slots[LIMIT_NODES];
    size_t count;
    size_t next; /* the slot to give up when all are taken */
};
/* Valid until the next call. */
enum err fsm_boot_find(struct fsm_tx *tx, struct fsm_boots *boots, uint64_t node,
                       struct fsm_boot_slot **ret_slot);
enum err fsm_boot_register(struct fsm_tx *tx, struct fsm_boots *boots,
                           const struct cmd_boot_register *cmd,
                           enum outcome_code *ret_code);
/* Raise the low mark for an envelope of the registered boot; false: its sequence
 * is below it. */
bool fsm_boot_admit(struct fsm_boot_slot *slot, const struct envelope *envelope);
enum err fsm_boot_flush(struct fsm_tx *tx, struct fsm_boots *boots);

#endif
