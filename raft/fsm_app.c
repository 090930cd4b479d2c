/* fsm_app: what a device of the smartphone app does: it is registered with a one-time
 * code, and answers a question once. Who sends these commands has proven the device's
 * key (server/svc_app.c); whose device it is, and whether the question still waits, is
 * decided here, so two answers have one outcome on whatever nodes they arrive.
 *
 * A person compares the browser's number with the question and gives it to the device.
 * A wrong one is a sign-in that is not theirs, or a slip: it counts with the account's
 * wrong codes, and so many of them are a no. */
#include "raft/fsm_factor.h"

enum err fsm_app_enrol(struct fsm_tx *tx, const struct cmd_app_enrol *cmd,
                       enum outcome_code *ret_code) {
    struct app_enrolment enrolment = {
        .code = cmd->code,
        .sub = cmd->sub,
        .generation = cmd->generation,
        .of = APP_OF_SESSION,
        .of_key = cmd->gate.session,
        .expires_ms = tx->now_ms + cmd->ttl_ms,
    }, old;
    struct account account;
    struct session session;
    enum err err = fsm_account_usable(tx, cmd->sub, cmd->generation, ret_code);

    if (err == OK && *ret_code == OUT_OK) {
        err = store_account_get(tx->read, tx->arena, cmd->sub, &account);
        err = err == OK ? fsm_gate_pass(tx, &cmd->gate, &account, &session, ret_code)
                        : err;
    }
    if (err != OK || *ret_code != OUT_OK) {
        return err;
    }
    err = store_app_enrolment_get(tx->read, cmd->code, &old);
    if (err != ERR_NOT_FOUND) {
        *ret_code = OUT_EXISTS;
        return err;
    }
    return store_app_enrolment_put(tx->write, &enrolment);
}

/* OUT_OK: the sign-in that the enrolment is a part of still waits for it, and the
 * account has no factor yet: who has the password alone adds none to others. */
static enum err signin_waits(struct fsm_tx *tx, const struct app_enrolment *enrolment,
                             struct signin *ret_signin, enum outcome_code *ret_code) {
    size_t count;
    enum err err =
        store_signin_get(tx->read, tx->arena, enrolment->of_key, ret_signin);

    if (err == ERR_NOT_FOUND ||
        (err == OK && (tx->now_ms >= ret_signin->expires_ms || !ret_signin->enrols ||
                       ret_signin->denied ||
                       ret_signin->kind != (uint8_t)FACTOR_APP ||
                       memcmp(ret_signin->code.b, enrolment->code.b,
                              sizeof enrolment->code.b) != 0))) {
        *ret_code = OUT_NOT_FOUND;
        return OK;
    }
    if (err == OK) {
        err = fsm_factor_session(tx, ret_signin, ret_code);
    }
    if (err != OK || *ret_code != OUT_OK) {
        return err;
    }
    err = fsm_factor_count(tx, enrolment->sub, &count);
    *ret_code = err == OK && count > 0 ? OUT_EXISTS : OUT_OK;
    return err;
}

/* OUT_OK: the session in which the code was shown still lives, as it was then. */
static enum err session_lives(struct fsm_tx *tx, const struct app_enrolment *enrolment,
                              enum outcome_code *ret_code) {
    struct session session;
    enum err err = store_session_get(tx->read, enrolment->of_key, &session);

    *ret_code = err == OK && fsm_session_timely(tx, &session) &&
                        session.generation == enrolment->generation
                    ? OUT_OK
                    : OUT_SESSION_ENDED;
    return err == ERR_NOT_FOUND ? OK : err;
}

/* From here on it is asked, and no more enrolled. */
static enum err signin_goes_on(struct fsm_tx *tx, struct signin *signin) {
    struct id128 none = {{0}};

    signin->enrols = false;
    signin->kind = 0;
    signin->factor = none;
    signin->data = span_of(NULL, 0);
    return store_signin_put(tx->write, signin);
}

enum err fsm_app_register(struct fsm_tx *tx, const struct cmd_app_register *cmd,
                          enum outcome_code *ret_code) {
    struct app_enrolment enrolment;
    struct signin signin;
    struct cmd_factor_put put = {.factor = cmd->device, .message = cmd->message};
    enum err err = fsm_proof_use(tx, &cmd->proofs, ret_code);

    if (err != OK || *ret_code != OUT_OK) {
        return err;
    }
    err = store_app_enrolment_get(tx->read, cmd->code, &enrolment);
    if (err == ERR_NOT_FOUND || (err == OK && tx->now_ms >= enrolment.expires_ms)) {
        *ret_code = OUT_NOT_FOUND;
        return OK;
    }
    if (err == OK && enrolment.of == APP_OF_SIGNIN) {
        err = signin_waits(tx, &enrolment, &signin, ret_code);
    } else if (err == OK && enrolment.of == APP_OF_SESSION) {
        err = session_lives(tx, &enrolment, ret_code);
    }
    if (err == OK && *ret_code == OUT_OK) {
        err = fsm_account_usable(tx, enrolment.sub, enrolment.generation, ret_code);
    }
    if (err != OK || *ret_code != OUT_OK) {
        return err;
    }
    put.factor.sub = enrolment.sub;
    put.factor.kind = FACTOR_APP;
    put.generation = enrolment.generation;
    err = fsm_factor_put(tx, &put, ret_code);
    if (err != OK || *ret_code != OUT_OK) {
        return err;
    }
    err = store_app_enrolment_del(tx->write, cmd->code);
    if (err == OK && enrolment.of == APP_OF_SIGNIN) {
        err = signin_goes_on(tx, &signin);
    }
    if (err == OK) {
        err = fsm_usage_app(tx, cmd->platform);
    }
    return err == OK ? fsm_factor_tell(tx, AUDIT_FACTOR_ADDED, enrolment.sub, FACTOR_APP,
                                       OUT_OK, FSM_AUDIT_BY_SUBJECT)
                     : err;
}

/* The sign-in is over: its holder said no, so no other method may finish it. */
static enum err deny(struct fsm_tx *tx, struct app_challenge *challenge) {
    struct signin signin;
    enum err err =
        store_signin_get(tx->read, tx->arena, challenge->signin, &signin);

    challenge->state = APP_DENIED;
    if (err == OK) {
        signin.denied = true;
        err = store_signin_put(tx->write, &signin);
    }
    return err == ERR_NOT_FOUND ? OK : err;
}

enum err fsm_app_address(struct fsm_tx *tx, const struct cmd_app_address *cmd,
                         enum outcome_code *ret_code) {
    struct factor device;
    enum err err = fsm_proof_use(tx, &cmd->proofs, ret_code);

    if (err != OK || *ret_code != OUT_OK) {
        return err;
    }
    err = store_factor_find(tx->read, tx->arena, FACTOR_APP, cmd->device, &device);
    if (err == ERR_NOT_FOUND) {
        *ret_code = OUT_NOT_FOUND;
        return OK;
    }
    device.sealed = cmd->sealed;
    return err == OK ? store_factor_put(tx->write, &device) : err;
}

/* Somebody has the password: what else they have asked by it is answered too. */
static enum err deny_all(struct fsm_tx *tx, struct id128 sub) {
    struct app_challenge challenge;
    struct id128 after;
    enum err err = store_app_challenge_next(tx->read, tx->arena, sub, NULL, &challenge);

    for (unsigned i = 0; i < FSM_APP_CHALLENGES_MAX && err == OK; i++) {
        after = challenge.id;
        if (challenge.state == APP_WAITING) {
            err = deny(tx, &challenge);
        }
        if (err == OK) {
            err = store_app_challenge_put(tx->write, &challenge);
        }
        if (err == OK) {
            err = store_app_challenge_next(tx->read, tx->arena, sub, &after, &challenge);
        }
    }
    return err == ERR_NOT_FOUND ? OK : err;
}

/* A yes is recorded when the browser comes to use it. */
static enum err record(struct fsm_tx *tx, const struct cmd_app_answer *cmd,
                       struct id128 sub, enum outcome_code code) {
    const struct fsm_audit_event denied = {
        .event = AUDIT_FACTOR_DENIED,
        .by = FSM_AUDIT_BY_SUBJECT,
        .has_sub = true,
        .sub = sub,
        .note = span_str(cmd->answer == APP_NOT_ME ? "app: not me" : "app"),
    };

    if (code == OUT_BAD_CREDENTIALS) {
        return fsm_factor_tell(tx, AUDIT_FACTOR_FAILED, sub, FACTOR_APP, code,
                               FSM_AUDIT_BY_SUBJECT);
    }
    return cmd->answer == APP_APPROVE ? OK : fsm_audit_add(tx, &denied);
}

/* So many wrong codes of the account as it is. */
static enum err count_wrong(struct fsm_tx *tx, struct id128 sub, uint32_t failures) {
    struct account account;
    enum err err = store_account_get(tx->read, tx->arena, sub, &account);

    return err == OK ? fsm_factor_guard_add(tx, sub, account.generation, failures)
                     : (err == ERR_NOT_FOUND ? ERR_CORRUPT : err);
}

static enum err decide(struct fsm_tx *tx, const struct cmd_app_answer *cmd,
                       struct app_challenge *challenge, enum outcome_code *ret_code) {
    bool wrong = cmd->answer == APP_APPROVE && !cmd->right;
    enum err err = OK;

    if (wrong) {
        *ret_code = OUT_BAD_CREDENTIALS;
        challenge->wrong++;
        err = count_wrong(tx, challenge->sub, 1);
    } else if (cmd->answer == APP_NOT_ME) {
        /* Somebody has the password: nothing more is guessed with it today. */
        err = count_wrong(tx, challenge->sub, FSM_FACTOR_FAILURES_MAX);
        err = err == OK ? deny_all(tx, challenge->sub) : err;
    }
    if (err != OK) {
        return err;
    }
    if (cmd->answer != APP_APPROVE || challenge->wrong >= FSM_APP_WRONG_MAX) {
        err = deny(tx, challenge);
    } else if (!wrong) {
        challenge->state = APP_APPROVED;
    }
    if (err == OK) {
        err = store_app_challenge_put(tx->write, challenge);
    }
    return err == OK ? record(tx, cmd, challenge->sub, *ret_code) : err;
}

enum err fsm_app_answer(struct fsm_tx *tx, const struct cmd_app_answer *cmd,
                        enum outcome_code *ret_code) {
    struct app_challenge challenge;
    struct factor device;
    enum err err = fsm_proof_use(tx, &cmd->proofs, ret_code);

    if (err != OK || *ret_code != OUT_OK) {
        return err;
    }
    err = store_factor_find(tx->read, tx->arena, FACTOR_APP, cmd->device, &device);
    if (err == OK) {
        err = store_app_challenge_get(tx->read, tx->arena, cmd->challenge, &challenge);
    }
    /* Of another account: for this device there is none. */
    if (err == ERR_NOT_FOUND ||
        (err == OK &&
         memcmp(challenge.sub.b, device.sub.b, sizeof device.sub.b) != 0)) {
        *ret_code = OUT_NOT_FOUND;
        return OK;
    }
    if (err != OK) {
        return err;
    }
    if (challenge.state != APP_WAITING) {
        *ret_code = OUT_REPLAYED;
        return OK;
    }
    if (tx->now_ms >= challenge.expires_ms) {
        *ret_code = OUT_EXPIRED;
        return OK;
    }
    challenge.device = device.id;
    device.used_ms = tx->now_ms;
    err = store_factor_put(tx->write, &device);
    return err == OK ? decide(tx, cmd, &challenge, ret_code) : err;
}
