/* fsm_factor_app: the smartphone app as a second step. Being asked writes what a device
 * will find (a question, or the enrolment of a first device); the device's own command
 * (raft/fsm_app.c) answers it; the browser's is good when that answer was yes.
 *
 * The number that is compared is the device's to give: nothing that a browser sends can
 * be guessed, so a browser that asks too early counts as nothing. */
#include "raft/fsm_factor.h"

static struct id128 challenge_of(const struct signin *signin) {
    struct id128 id = {{0}};

    if (signin->data.len >= sizeof id.b) {
        memcpy(id.b, signin->data.data, sizeof id.b);
    }
    return id;
}

/* Rows of challenges that the account has; they last two minutes each, answered or
 * not. */
static enum err count_challenges(struct fsm_tx *tx, struct id128 sub,
                                 size_t *ret_count) {
    struct app_challenge challenge;
    struct id128 after;
    size_t count = 0;
    enum err err;

    arena_reset(tx->scratch);
    err = store_app_challenge_next(tx->read, tx->scratch, sub, NULL, &challenge);
    while (err == OK && ++count < FSM_APP_CHALLENGES_MAX) {
        after = challenge.id;
        arena_reset(tx->scratch);
        err = store_app_challenge_next(tx->read, tx->scratch, sub, &after, &challenge);
    }
    *ret_count = count;
    return err == ERR_NOT_FOUND ? OK : err;
}

static enum err ask(struct fsm_tx *tx, const struct signin *signin,
                    const struct cmd_factor_challenge *cmd,
                    enum outcome_code *ret_code) {
    struct app_challenge challenge = {
        .sub = signin->sub,
        .state = APP_WAITING,
        .signin = signin->key,
        .created_ms = tx->now_ms,
        .expires_ms = tx->now_ms + FSM_APP_CHALLENGE_MS,
    }, old;
    size_t count;
    enum err err;

    if (cmd->data.len < sizeof challenge.id.b ||
        cmd->data.len - sizeof challenge.id.b > LIMIT_CLIENT_ID) {
        *ret_code = OUT_NOT_FOUND;
        return OK;
    }
    memcpy(challenge.id.b, cmd->data.data, sizeof challenge.id.b);
    if (memcmp(challenge.id.b, signin->sub.b, APP_CHALLENGE_PREFIX) != 0) {
        *ret_code = OUT_NOT_FOUND;
        return OK;
    }
    challenge.client_id = span_of(cmd->data.data + sizeof challenge.id.b,
                                  cmd->data.len - sizeof challenge.id.b);
    err = store_app_challenge_get(tx->read, tx->arena, challenge.id, &old);
    if (err != ERR_NOT_FOUND) {
        *ret_code = OUT_EXISTS;
        return err;
    }
    err = count_challenges(tx, signin->sub, &count);
    if (err == OK && count >= FSM_APP_CHALLENGES_MAX) {
        *ret_code = OUT_FULL;
        return OK;
    }
    return err == OK ? store_app_challenge_put(tx->write, &challenge) : err;
}

/* A device may be registered with this code while the sign-in waits. */
static enum err offer(struct fsm_tx *tx, const struct signin *signin,
                      const struct cmd_factor_challenge *cmd,
                      enum outcome_code *ret_code) {
    struct app_enrolment enrolment = {
        .code = cmd->code,
        .sub = signin->sub,
        .generation = signin->generation,
        .of = APP_OF_SIGNIN,
        .of_key = signin->key,
        .expires_ms = tx->now_ms + cmd->code_ttl_ms,
    }, old;
    enum err err;

    if (!cmd->has_code) {
        *ret_code = OUT_NOT_FOUND;
        return OK;
    }
    err = store_app_enrolment_get(tx->read, cmd->code, &old);
    if (err != ERR_NOT_FOUND) {
        *ret_code = OUT_EXISTS;
        return err;
    }
    return store_app_enrolment_put(tx->write, &enrolment);
}

enum err fsm_factor_app_asked(struct fsm_tx *tx, const struct signin *signin,
                              const struct cmd_factor_challenge *cmd,
                              enum outcome_code *ret_code) {
    return cmd->enrols ? offer(tx, signin, cmd, ret_code)
                       : ask(tx, signin, cmd, ret_code);
}

enum err fsm_factor_app(struct fsm_tx *tx, const struct signin *signin,
                        const struct cmd_factor_pass *cmd, struct factor *factor,
                        enum outcome_code *ret_code) {
    struct app_challenge challenge;
    enum err err;

    (void)cmd;
    (void)factor;
    /* The first device is enrolled by its own command; then it is asked. */
    if (signin->enrols) {
        *ret_code = OUT_WAITING;
        return OK;
    }
    err = store_app_challenge_get(tx->read, tx->arena, challenge_of(signin), &challenge);
    if (err == ERR_NOT_FOUND ||
        (err == OK &&
         (tx->now_ms >= challenge.expires_ms ||
          memcmp(challenge.signin.b, signin->key.b, sizeof signin->key.b) != 0))) {
        *ret_code = OUT_EXPIRED;
        return OK;
    }
    if (err == OK) {
        *ret_code = challenge.state == APP_APPROVED  ? OUT_OK
                    : challenge.state == APP_WAITING ? OUT_WAITING
                                                     : OUT_DENIED;
    }
    return err;
}
