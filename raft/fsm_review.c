/* fsm_review: the desk. Claims and decisions.
 *
 * Here because two people could take the same application, decide it twice, or be one
 * person: 相互牽制 asks for two different ones, and the state machine alone sees both.
 * A machine never approves and never denies (DESIGN §5): only fsm_review_settle moves an
 * application to APPROVED or DENIED, and only a person's command calls it. */
#include "raft/fsm_audit.h"
#include "raft/fsm_internal.h"
#include "store/base/check.h"
#include "store/store_staff.h"

static bool same(struct id128 a, struct id128 b) {
    return memcmp(a.b, b.b, sizeof a.b) == 0;
}

static bool is_none(struct id128 id) {
    const struct id128 none = {{0}};

    return same(id, none);
}

enum err fsm_review_staff(struct fsm_tx *tx, struct id128 staff, bool may_be_none,
                          uint32_t roles, enum outcome_code *ret_code) {
    struct staff person;
    enum err err;

    *ret_code = OUT_OK;
    if (is_none(staff)) {
        *ret_code = may_be_none ? OUT_OK : OUT_ACCOUNT_STATE;
        return OK;
    }
    arena_reset(tx->scratch);
    err = store_staff_get(tx->read, tx->scratch, staff, &person);
    if (err == ERR_NOT_FOUND || (err == OK && person.state != STAFF_ACTIVE)) {
        *ret_code = OUT_ACCOUNT_STATE;
        return OK;
    }
    if (err == OK && (person.roles & roles) == 0) {
        *ret_code = OUT_ROLE;
    }
    return err;
}

bool fsm_review_needs_two(const struct application *application,
                          enum review_decision decision) {
    if (decision == REVIEW_HOLD) {
        return false;
    }
    if (application->kind != APPLICATION_CORPORATION) {
        return true;
    }
    return !(decision == REVIEW_APPROVE && application->ocr == FARM_OK) &&
           !(decision == REVIEW_DENY && application->ocr == FARM_NG);
}

static bool at_desk(const struct application *application) {
    return application->state == APPLICATION_STAFF ||
           application->state == APPLICATION_HELD;
}

/* Application and review, when the person may act on them. */
static enum err open_review(struct fsm_tx *tx, const struct application_id *id,
                            struct id128 staff, struct application *ret_application,
                            struct review *ret_review, enum outcome_code *ret_code) {
    enum err err = fsm_review_staff(tx, staff, false, FSM_ROLES_REVIEW, ret_code);

    if (err != OK || *ret_code != OUT_OK) {
        return err;
    }
    err = store_application_get(tx->read, tx->arena, id, ret_application);
    if (err != OK) {
        *ret_code = OUT_NOT_FOUND;
        return err == ERR_NOT_FOUND ? OK : err;
    }
    if (!at_desk(ret_application)) {
        *ret_code = OUT_APPLICATION_STATE;
        return OK;
    }
    err = store_review_get(tx->read, tx->arena, id, ret_review);
    /* The second person's say is an approver's. */
    return err == OK && ret_review->pending
               ? fsm_review_staff(tx, staff, false, FSM_ROLES_SECOND, ret_code)
               : err;
}

static bool held(const struct fsm_tx *tx, const struct review *review) {
    return review->claimed && tx->now_ms < review->until_ms;
}

/* The decision that waits for a second person is this one's own (V2). */
static bool is_first_person(const struct review *review, struct id128 staff) {
    return review->pending && review->count > 0 &&
           same(review->entries[review->count - 1].staff, staff);
}

enum err fsm_review_claim(struct fsm_tx *tx, const struct cmd_review_claim *cmd,
                          enum outcome_code *ret_code) {
    struct application application;
    struct review review;
    struct outcome_claimed claimed;
    enum err err =
        open_review(tx, &cmd->id, cmd->staff, &application, &review, ret_code);

    if (err != OK || *ret_code != OUT_OK) {
        return err;
    }
    if (is_first_person(&review, cmd->staff)) {
        *ret_code = OUT_SAME_PERSON;
        return OK;
    }
    if (held(tx, &review) && !same(review.holder, cmd->staff)) {
        *ret_code = OUT_CLAIMED;
        return OK;
    }
    if (!held(tx, &review)) {
        review.claim++;
    }
    review.claimed = true;
    review.holder = cmd->staff;
    review.until_ms = tx->now_ms + (cmd->lease_ms < FSM_CLAIM_MAX_MS ? cmd->lease_ms
                                                                     : FSM_CLAIM_MAX_MS);
    claimed = (struct outcome_claimed){review.claim, review.until_ms};
    err = store_review_put(tx->write, &review);
    if (err == OK) {
        err = fsm_application_tell(tx, AUDIT_REVIEW_CLAIMED, &cmd->id, cmd->staff, "");
    }
    return err == OK ? outcome_claimed_encode(&claimed, tx->detail) : err;
}

static void let_go(struct review *review) {
    review->claimed = false;
    memset(review->holder.b, 0, sizeof review->holder.b);
    review->until_ms = 0;
}

enum err fsm_review_release(struct fsm_tx *tx, const struct cmd_review_release *cmd,
                            enum outcome_code *ret_code) {
    struct application application;
    struct review review;
    enum err err =
        open_review(tx, &cmd->id, cmd->staff, &application, &review, ret_code);

    if (err != OK || *ret_code != OUT_OK) {
        return err;
    }
    if (!held(tx, &review) || review.claim != cmd->claim) {
        *ret_code = OUT_CLAIMED;
        return OK;
    }
    if (!same(review.holder, cmd->staff)) {
        err = fsm_review_staff(tx, cmd->staff, false, STAFF_SUPERVISOR, ret_code);
        if (err != OK || *ret_code != OUT_OK) {
            *ret_code = OUT_CLAIMED;
            return err;
        }
    }
    let_go(&review);
    err = store_review_put(tx->write, &review);
    return err == OK ? fsm_application_tell(tx, AUDIT_REVIEW_RELEASED, &cmd->id,
                                            cmd->staff, "")
                     : err;
}

enum err fsm_review_void(struct fsm_tx *tx, const struct application_id *id) {
    struct review review;
    enum err err = store_review_get(tx->read, tx->arena, id, &review);

    if (err != OK || (!review.claimed && !review.pending)) {
        return err;
    }
    let_go(&review);
    review.pending = false;
    return store_review_put(tx->write, &review);
}

/* --- the decision --- */

/* Has an account taken the ID since the application came? */
static enum err id_taken(struct fsm_tx *tx, const struct application *application,
                         bool *ret_taken) {
    struct account account;
    enum err err;

    arena_reset(tx->scratch);
    err = store_account_find(tx->read, tx->scratch, application->account_index,
                             &account);
    /* An Entry of the address becomes the Prime when the address's owner sets it up. */
    *ret_taken = err == OK && account.type != ACCOUNT_ENTRY;
    return err == ERR_NOT_FOUND ? OK : err;
}

/* An approval that would never lapse is none: its service did not see that there was
 * somebody to be told. */
static bool lapses(const struct application_mails *later) {
    for (size_t i = 0; i < later->count; i++) {
        if (later->at[i].kind == APPLICATION_MAIL_EXPIRED) {
            return true;
        }
    }
    return false;
}

enum err fsm_review_settle(struct fsm_tx *tx, struct application *application,
                           enum review_decision decision, uint32_t defects,
                           const struct fsm_activation *activation,
                           enum outcome_code *ret_code) {
    bool taken = false;
    enum err err = OK;

    CHECK(decision == REVIEW_APPROVE || decision == REVIEW_DENY);
    *ret_code = OUT_OK;
    application->decided_ms = tx->now_ms;
    if (decision == REVIEW_DENY) {
        application->defects |= defects;
        return fsm_application_enter(tx, application, APPLICATION_DENIED);
    }
    err = id_taken(tx, application, &taken);
    if (err != OK || taken) {
        *ret_code = OUT_DUPLICATE_ACCOUNT;
        return err;
    }
    err = fsm_activation_taken(tx, application, activation->token, &taken);
    if (err != OK || taken || !lapses(activation->later)) {
        *ret_code = OUT_EXISTS;
        return err;
    }
    if (application->state == APPLICATION_HELD) {
        application->state = APPLICATION_STAFF; /* on its way, in the same step */
    }
    fsm_activation_give(tx, application, activation);
    return fsm_application_enter(tx, application, APPLICATION_APPROVED);
}

static void note_down(struct review *review, const struct review_entry *entry) {
    if (review->count == LIMIT_REVIEW_ENTRIES) { /* the oldest one makes room */
        memmove(review->entries, review->entries + 1,
                (LIMIT_REVIEW_ENTRIES - 1) * sizeof review->entries[0]);
        review->count--;
    }
    review->entries[review->count++] = *entry;
}

enum err fsm_review_close(struct fsm_tx *tx, const struct application_id *id,
                          const struct review_entry both[2]) {
    struct review review;
    enum err err = store_review_get(tx->read, tx->arena, id, &review);

    if (err != OK) {
        return err;
    }
    note_down(&review, &both[0]);
    note_down(&review, &both[1]);
    let_go(&review);
    review.pending = false;
    return store_review_put(tx->write, &review);
}

/* Is it what the other person said? Both have to mean the same: a denial for the same
 * defects, since the applicant is told them. Else it waits for a further person. */
static bool confirms(const struct review *review, const struct cmd_review_decide *cmd) {
    const struct review_entry *first =
        review->pending && review->count > 0 ? &review->entries[review->count - 1] : NULL;

    return first != NULL && first->decision == cmd->decision &&
           (cmd->decision != REVIEW_DENY || first->defects == cmd->defects);
}

/* OUT_OK: what the decision does to the application is done. */
static enum err carry_out(struct fsm_tx *tx, const struct cmd_review_decide *cmd,
                          struct application *application, bool waits,
                          enum outcome_code *ret_code) {
    const struct fsm_activation activation = {cmd->token, cmd->token_ttl_ms,
                                              &cmd->later};

    *ret_code = OUT_OK;
    if (cmd->decision == REVIEW_HOLD) {
        return fsm_application_enter(tx, application, APPLICATION_HELD);
    }
    if (waits) {
        return fsm_application_enter(tx, application, APPLICATION_STAFF);
    }
    return fsm_review_settle(tx, application, cmd->decision, cmd->defects, &activation,
                             ret_code);
}

/* Word of it: to the audit always, to the applicant when it stands. */
static enum err decision_tell(struct fsm_tx *tx, const struct cmd_review_decide *cmd,
                              enum application_state state, bool waits) {
    static const char *const words[] = {
        [REVIEW_APPROVE] = "approve", [REVIEW_DENY] = "deny", [REVIEW_HOLD] = "hold"};
    enum audit_event what = state == APPLICATION_APPROVED ? AUDIT_APPLICATION_APPROVED
                            : state == APPLICATION_DENIED ? AUDIT_APPLICATION_DENIED
                                                          : AUDIT_REVIEW_DECIDED;
    enum err err =
        fsm_application_tell(tx, what, &cmd->id, cmd->staff, words[cmd->decision]);

    if (err == OK && !waits && cmd->decision != REVIEW_HOLD) {
        err = fsm_message_tell(tx, &cmd->message);
    }
    return err;
}

enum err fsm_review_decide(struct fsm_tx *tx, const struct cmd_review_decide *cmd,
                           enum outcome_code *ret_code) {
    struct application application;
    struct outcome_decided decided;
    struct review review;
    const struct review_entry entry = {
        .staff = cmd->staff,
        .decision = cmd->decision,
        .defects = cmd->defects,
        .at_ms = tx->now_ms,
        .note = cmd->note,
    };
    bool waits;
    enum err err =
        open_review(tx, &cmd->id, cmd->staff, &application, &review, ret_code);

    if (err != OK || *ret_code != OUT_OK) {
        return err;
    }
    if (!held(tx, &review) || !same(review.holder, cmd->staff) ||
        review.claim != cmd->claim) {
        *ret_code = OUT_CLAIMED;
        return OK;
    }
    if (is_first_person(&review, cmd->staff)) {
        *ret_code = OUT_SAME_PERSON;
        return OK;
    }
    waits = fsm_review_needs_two(&application, cmd->decision) && !confirms(&review, cmd);
    err = carry_out(tx, cmd, &application, waits, ret_code);
    if (err != OK || *ret_code != OUT_OK) {
        return err;
    }
    note_down(&review, &entry);
    review.pending = waits;
    let_go(&review);
    err = store_review_put(tx->write, &review);
    decided = (struct outcome_decided){application.state, waits};
    if (err == OK) {
        err = decision_tell(tx, cmd, application.state, waits);
    }
    return err == OK ? outcome_decided_encode(&decided, tx->detail) : err;
}
