/* intake_fixture: commands of the intake with sound values, and rows as they are. */
#ifndef TESTS_UNIT_RAFT_INTAKE_FIXTURE_H
#define TESTS_UNIT_RAFT_INTAKE_FIXTURE_H

#include "tests/unit/raft/fsm_fixture.h"

/* Application `n` (its id: P followed by five digits), a corporation's that is
 * confirmed; person and account are of the same number. */
struct application_id application_id_of(uint64_t n);
struct command command_apply(uint64_t n);
struct command command_confirm(uint64_t token);
struct command command_move(uint64_t n, enum application_state from,
                            enum application_state to, uint64_t staff);
struct blob_id blob_id_of(uint64_t n);
/* Blob `n`, of 100 + n bytes, held by node 1 (and by `other`, unless 0). */
struct command command_blob(uint64_t n, uint64_t other);
struct command command_hold(uint64_t node, uint64_t n, bool holds);
struct command command_blob_node(uint64_t node, uint32_t lease_ms);
struct command command_batch(uint64_t n);
/* A bundle of batch 1 with `count` files from blob `first` on. */
struct command command_bundle(uint64_t first, size_t count);
struct id128 bundle_id_of(uint64_t first, size_t count);
struct command command_place(struct id128 bundle, uint16_t page, const char *id,
                             uint64_t staff);
struct command command_lease(const char *worker, uint8_t count);
/* One page a file, without ids; tests name them. */
struct command command_sorted(struct id128 bundle, uint32_t attempt, const char *worker,
                              size_t pages);
struct command command_read(uint64_t n, uint32_t attempt, const char *worker,
                            enum farm_verdict verdict);
struct command command_review_claim(uint64_t n, uint64_t staff);
struct command command_review_release(uint64_t n, uint64_t staff, uint32_t claim);
struct command command_decide(uint64_t n, uint64_t staff, uint32_t claim,
                              enum review_decision decision);
struct command command_renew(uint64_t n, uint64_t token);
/* Code `code` is sent by the link; the account is set up with it. */
struct command command_code(uint64_t token, uint64_t code);
struct command command_activate(uint64_t token, uint64_t sub, uint64_t code);
/* The mail with which an approval lapses after so long, message `n`. */
struct application_mail mail_expired(uint32_t after_s, uint64_t n);
/* Lines 1 to `count`: application n is approved if n is odd, else denied. */
/* By staff member `staff`, named `name`; of an application that was not corrected yet. */
struct command command_correct(uint64_t n, uint64_t name, uint64_t staff);
struct command command_correct_settle(uint64_t n, uint64_t name, uint64_t staff,
                                      bool approve);
struct command command_import(uint64_t n, uint64_t staff, size_t count);
struct command command_import_approve(uint64_t n, uint64_t staff);
struct command command_import_line(uint64_t n, uint16_t line);

/* Every type, as test_command wants it; how many (at most 32). */
size_t intake_commands(struct command *out);

bool fixture_application(struct fsm_fixture *fx, uint64_t n,
                         struct application *ret_application);
uint64_t fixture_stock(struct fsm_fixture *fx, enum application_state state);
bool fixture_correction(struct fsm_fixture *fx, uint64_t n,
                        struct correction *ret_correction);
void fixture_review(struct fsm_fixture *fx, uint64_t n, struct review *ret_review);
bool fixture_blob(struct fsm_fixture *fx, uint64_t n, struct blob_row *ret_blob);
bool fixture_job(struct fsm_fixture *fx, struct job_key key, struct ocr_job *ret_job);
bool fixture_bundle(struct fsm_fixture *fx, struct id128 id,
                    struct intake_bundle *ret_bundle);

#endif
