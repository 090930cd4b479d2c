/* fsm_fixture: a state machine over a store of its own, fed one command at a time
 * or whole frames. Every frame is kept, so that it can be fed to another one. */
#ifndef TESTS_UNIT_RAFT_FSM_FIXTURE_H
#define TESTS_UNIT_RAFT_FSM_FIXTURE_H

#include "raft/fsm.h"
#include "store/base/limits.h"
#include "tests/unit/store/store_fixture.h"

#define FIXTURE_NODE 1
#define FIXTURE_BOOT 100

struct fsm_fixture {
    struct store_fixture store;
    struct fsm *fsm;
    struct arena arena;
    uint64_t index, now_ms, seq, low;
    struct outcome outcome; /* of the last command */
    uint8_t detail[4096];
    size_t told; /* outcomes of the last frame */
    struct buf *frames;
    size_t frames_count;
};

/* Opens with boot FIXTURE_BOOT of FIXTURE_NODE registered. */
void fsm_fixture_open(struct fsm_fixture *fx);
void fsm_fixture_reopen(struct fsm_fixture *fx);
/* Checks the digest first. */
void fsm_fixture_close(struct fsm_fixture *fx);

/* A frame of one envelope, as it stands; gives the outcome's code. */
enum outcome_code fsm_fixture_send(struct fsm_fixture *fx,
                                   const struct envelope *envelope);
/* One command under the next sequence. */
enum outcome_code fsm_fixture_do(struct fsm_fixture *fx, const struct command *command);
enum outcome_code fsm_fixture_tick(struct fsm_fixture *fx);
/* Apply a frame's bytes at the next index. */
enum err fsm_fixture_apply(struct fsm_fixture *fx, struct span frame);
/* The payload's bytes live in fx->arena. */
struct span fsm_fixture_payload(struct fsm_fixture *fx, const struct command *command);

/* Commands with sound values; tests change what they are about. */
struct command command_account(uint64_t n);
struct command command_client(const char *client_id);
/* `n`: the batch; one userinfo request of "rp", one visit to the TOP page. */
/* Every record names the hash of the one before, from the anchor to the head. */
void assert_chain_sound(struct fsm_fixture *fx);
struct command command_usage(uint64_t n);
/* By account `n`'s session of that number. */
struct command command_self(enum self_act act, uint64_t n, uint64_t session);
struct command command_note(enum audit_event event, uint64_t about);
/* With `kind` and an id that fits it, from a network address. */
void command_by(struct command *command, enum audit_actor kind);
struct command command_stage(const char *client_id, enum client_stage stage);
struct command command_login(uint64_t account, uint64_t session);
struct command command_issue(uint64_t session, uint64_t code);
struct command command_redeem(uint64_t code, uint64_t tokens);
/* The same of a sealed code, issued at `now_ms`, before any epoch; it needs a consent. */
struct command command_opened(uint64_t session, uint64_t code, uint64_t tokens,
                              uint64_t now_ms);
struct command command_refresh(uint64_t from, uint64_t to);
struct command command_end(uint64_t session);
/* `count` proofs from 7000 + n on, for a minute; request 8000 + n of "rp", likewise. */
struct command command_proofs(uint64_t n, size_t count);
struct command command_push(uint64_t n);
/* Tokens of command_redeem and command_refresh, by "rp". */
struct command command_revoke(bool refresh, uint64_t tokens);
/* Members 1 to `count` at 127.0.0.1:7001 and up, in osaka, tokyo, nagoya by turns. */
struct command command_seed(size_t count);
struct command command_member_add(uint64_t id);
struct command command_member_role(uint64_t id, enum member_role role);
struct command command_backup(uint64_t index, uint64_t donor);
struct command command_member_settle(uint64_t id, uint64_t changed_index);
/* A right password of an account that needs a second step; browsers go by account. */
struct command command_second(uint64_t account, uint64_t signin);
/* `code`: of FACTOR_SMS what was sent, of FACTOR_TOTP the step. */
struct command command_challenge(uint64_t account, uint64_t signin,
                                 enum factor_kind kind, uint64_t code);
struct command command_pass(uint64_t account, uint64_t signin, enum factor_kind kind,
                            uint64_t code, uint64_t session);
/* A link for a new password, and its use. */
struct command command_recover(uint64_t account, uint64_t secret);
struct command command_set(uint64_t account, uint64_t generation, uint64_t secret);
/* The account's one factor, of id 500 + account. */
struct command command_factor(uint64_t account, enum factor_kind kind);
/* The smartphone app. Question n of the account, in the sign-in; a code; the device with
 * index n and id 800 + n; its answer. `proof` is used up by each of the last two. */
struct id128 challenge_of(uint64_t account, uint64_t n);
struct command command_ask(uint64_t account, uint64_t signin, uint64_t n);
/* A sign-in of fifteen minutes at most, and by more than the password (bit 0). */
struct gate gate_of(uint64_t session);
/* By session 80000 + account. */
struct command command_app_enrol(uint64_t account, uint64_t code);
struct command command_app_address(uint64_t device, const char *sealed, uint64_t proof);
/* `signin` is to add a factor, in the place of factor `replaces` (0: of none). */
struct command command_add(uint64_t session, uint64_t signin, uint64_t account,
                           uint64_t replaces);
struct command command_app_register(uint64_t code, uint64_t device, uint64_t proof);
struct command command_app_answer(uint64_t device, struct id128 challenge,
                                  enum app_answer answer, uint64_t proof);
/* Passkey `index` of the account, and a sign-in by it. */
struct command command_passkey(uint64_t account, uint64_t index);
struct command command_passkey_login(uint64_t index, uint64_t step, uint64_t session,
                                     uint64_t proof);
/* Staff 1 up; `generation` 0: new. The first are administrators of everything. */
struct command command_staff(uint64_t n, uint64_t generation);
struct command command_staff_login(uint64_t n, uint64_t session, uint64_t step);
struct command command_staff_end(uint64_t session);
struct command command_staff_touch(uint64_t session);
/* One message each; `reason` OUTBOX_NO_REASON: delivered. */
struct command command_claim(struct id128 id);
struct command command_settle(struct id128 id, uint32_t attempt,
                              enum outbox_reason reason);
struct command command_retry(struct id128 id);
/* Message 6000 + n to number n, with one cap of `max` an hour under key 5000 + n. */
struct command command_message(uint64_t n, enum outbox_kind kind, uint32_t max);
struct command command_regions(const char *first, const char *second); /* or NULL */

/* Account 1 with a client "rp" and session 1; then, with `code`, a code and its
 * tokens (access 1000 + n, refresh 2000 + n). */
void fsm_fixture_sign_in(struct fsm_fixture *fx);
void fsm_fixture_redeemed(struct fsm_fixture *fx, uint64_t code, uint64_t tokens);

/* Rows as they are now; false: no such row. */
bool fsm_fixture_grant(struct fsm_fixture *fx, uint64_t code, struct grant *ret_grant);
bool fsm_fixture_session(struct fsm_fixture *fx, uint64_t n,
                         struct session *ret_session);
bool fsm_fixture_access(struct fsm_fixture *fx, uint64_t n,
                        struct access_token *ret_token);
bool fsm_fixture_refresh(struct fsm_fixture *fx, uint64_t n,
                         struct refresh_token *ret_token);
bool fsm_fixture_staff(struct fsm_fixture *fx, uint64_t n, struct staff *ret_staff);
bool fsm_fixture_staff_session(struct fsm_fixture *fx, uint64_t n,
                               struct staff_session *ret_session);
bool fsm_fixture_message(struct fsm_fixture *fx, struct id128 id,
                         struct outbox_message *ret_message);
/* The messages that are not DEAD, or those that are, at most `max`. Checks that the
 * counts are those of the rows (B3). */
size_t fsm_fixture_messages(struct fsm_fixture *fx, bool dead, struct id128 *ret_ids,
                            size_t max);
uint64_t fsm_fixture_rows(struct fsm_fixture *fx, const char *table);
uint64_t fsm_fixture_attempts(struct fsm_fixture *fx, uint64_t account,
                              struct login_attempts *ret_attempts);

#define SCOPE_A 1u
#define SCOPE_B 2u
#define SCOPE_OFFLINE 4u
#define MINUTE_MS (60u * 1000)
#define HOUR_MS (60u * MINUTE_MS)

#define assert_code(got, want) assert_string_equal(outcome_str(got), outcome_str(want))

#endif
