/* svc_login: POST /oauth/login. One attempt is one command, whether the account is
 * known or not: both take the same path and leave the same trace (SECURITY D01).
 *
 *   sealed request -> limits -> account row -> hash pool -> CMD_LOGIN -> svc_flow */
#include "server/crypto/password.h"
#include "server/domain/account_id.h"
#include "server/domain/password_rule.h"
#include "server/oidc/acr.h"
#include "server/svc_device.h"
#include "server/svc_answer.h"
#include "server/svc_factor.h"
#include "server/svc_origin.h"
#include "store/base/codec.h"
#include "store/base/secret.h"

#define HOUR_MS (60u * 60 * 1000)
#define BURST_MS (10u * 60 * 1000)

struct login_op {
    struct svc_flow flow; /* first */
    struct svc_login *login;
    struct key_hash login_index;
    bool known, password_ok;
    struct id128 sub;
    uint64_t generation;
    enum account_type type;
    struct span password;      /* as it is compared (password_rule.h) */
    struct span password_hash; /* empty: unknown account */
    uint8_t secret[SVC_SESSION_SECRET];
};

static void finish(struct svc_state *state) {
    struct login_op *op = (struct login_op *)state;

    secret_wipe(op->secret, sizeof op->secret);
    op->login->done(op->login);
}

/* The login page again, with the same sealed request. */
static void again(struct login_op *op, enum svc_login_notice notice) {
    struct svc_login *login = op->login;
    struct arena *arena = &login->op.arena;
    enum err err = svc_flow_describe(&op->flow);

    login->next.kind = AUTHORIZE_LOGIN;
    login->next.login_state = arena_dup(arena, login->login_state);
    if (!err && !login->next.login_state.data)
        err = ERR_NOMEM;
    if (!err && login->account_id.len <= LIMIT_ACCOUNT_ID &&
        utf8_valid(login->account_id))
        login->next.login_hint = arena_dup(arena, login->account_id);
    if (!err)
        err = svc_answer_passkey(op->flow.base.svc, arena, &login->next);
    if (err) {
        svc_fail(&op->flow.base, err);
        return;
    }
    login->kind = LOGIN_AGAIN;
    login->next.notice = notice;
    op->flow.base.finish(&op->flow.base);
}

/* The password was all that was asked for. */
static void sign_in(struct login_op *op) {
    struct svc_flow *flow = &op->flow;
    struct svc *svc = flow->base.svc;
    struct arena *arena = &op->login->op.arena;
    struct outcome_login result;
    enum err err;

    err = outcome_login_decode(flow->base.request.outcome.detail, &result);
    if (!err)
        err = svc_stamp_make(svc, SEAL_SESSION_COOKIE, flow->base.request.outcome.index,
                             span_of(op->secret, sizeof op->secret), arena,
                             &flow->out->set_session_cookie);
    if (!err)
        err = svc_device_add(svc, op->login->device_cookie, op->sub, op->generation,
                             false, 0, arena, &flow->out->set_device_cookie);
    if (err) {
        svc_fail(&flow->base, err);
        return;
    }
    svc_count(svc->shared->counters, COUNT_LOGIN_OK);
    op->login->kind = LOGIN_CONTINUE;
    svc_flow_signed_in(flow, result.auth_time_ms);
}

/* It is one step of two. */
static void ask_second(struct login_op *op) {
    op->login->kind = LOGIN_CONTINUE;
    op->flow.factor->device_cookie = op->login->device_cookie;
    op->flow.factor->english = op->login->english;
    svc_factor_start(&op->flow);
}

/* Too often: the page says for how long. */
static void wait_again(struct login_op *op, enum svc_login_notice notice) {
    const struct outcome *outcome = &op->flow.base.request.outcome;
    struct outcome_wait wait;

    if (outcome_wait_decode(outcome->detail, &wait)) {
        svc_fail(&op->flow.base, ERR_CORRUPT);
        return;
    }
    if (wait.until_ms > outcome->clock_ms)
        op->login->next.notice_wait_ms = wait.until_ms - outcome->clock_ms;
    again(op, notice);
}

static void attempted(struct svc_state *state) {
    struct login_op *op = (struct login_op *)state;
    struct svc_counters *counters = state->svc->shared->counters;

    switch (state->request.outcome.code) {
    case OUT_OK:
        sign_in(op);
        return;
    case OUT_SECOND_STEP:
        ask_second(op);
        return;
    case OUT_NOT_FOUND:
    case OUT_BAD_CREDENTIALS:
        svc_count(counters, COUNT_LOGIN_FAILED);
        again(op, NOTICE_BAD_CREDENTIALS);
        return;
    case OUT_LIMITED:
        svc_count(counters, COUNT_LOGIN_LIMITED);
        wait_again(op, NOTICE_LIMITED);
        return;
    case OUT_LOCKED:
        svc_count(counters, COUNT_LOGIN_LOCKED);
        wait_again(op, NOTICE_LOCKED);
        return;
    case OUT_ACCOUNT_STATE:
        svc_count(counters, COUNT_LOGIN_FAILED);
        again(op, NOTICE_ACCOUNT_STATE);
        return;
    default:
        svc_fail(state, ERR_CORRUPT);
    }
}

/* What the account, the configuration and the service ask for beside the password. */
static enum second_step second_step(struct login_op *op, bool known_device,
                                    const struct svc_device_entry *device) {
    struct svc_shared *shared = op->flow.base.svc->shared;
    const struct config *config = shared->config;

    if (op->flow.request.acr >= ACR_LEVEL_TWO_FACTORS)
        return SECOND_REQUIRED;
    if (config->remember_device_s > 0 && known_device &&
        svc_device_trusted(device, repl_now_ms(shared->repl)))
        return SECOND_TRUSTED;
    return op->known && op->type != ACCOUNT_ENTRY && !config->second_factor_enrolled
               ? SECOND_REQUIRED
               : SECOND_ENROLLED;
}

static enum err second_fill(struct login_op *op, struct cmd_login *cmd) {
    struct svc_flow *flow = &op->flow;
    struct svc *svc = flow->base.svc;
    struct svc_device_entry device = {.trusted_until_ms = 0};
    enum err err = svc_factor_new(flow);

    if (!err)
        err = svc_flow_browser(flow, cmd->browser);
    if (err)
        return err;
    cmd->signin = svc_factor_key(flow);
    cmd->signin_ttl_ms = SVC_SIGNIN_TTL_MS;
    cmd->has_device = op->known && svc_device_find(svc, op->login->device_cookie,
                                                   op->sub, op->generation, &device);
    if (cmd->has_device)
        cmd->device = svc_device_counter(svc, &device);
    cmd->second = second_step(op, cmd->has_device, &device);
    return OK;
}

static void add_cap(struct login_op *op, struct cmd_login *cmd, const char *what,
                    struct span whom, uint32_t max, uint32_t window_ms) {
    struct svc *svc = op->flow.base.svc;

    if (max == 0 || whom.len == 0)
        return;
    buf_reset(&svc->scratch);
    buf_str(&svc->scratch, what);
    buf_put(&svc->scratch, whom.data, whom.len);
    cmd->caps.at[cmd->caps.count++] = (struct cap){
        svc_hash(svc, HASH_COUNTER, buf_span(&svc->scratch)), max, window_ms, false,
        false};
}

/* Strangers are held by account, network and service, on all nodes together (D03, D04);
 * who signs in where the account has signed in with the present password is not kept
 * out by them. */
static void fill_caps(struct login_op *op, struct cmd_login *cmd) {
    const struct config *config = op->flow.base.svc->shared->config;
    char network[SVC_NETWORK_MAX];

    if (cmd->has_device)
        return;
    add_cap(op, cmd, "login account ",
            span_of(op->login_index.b, sizeof op->login_index.b),
            config->login_cap_account, HOUR_MS);
    add_cap(op, cmd, "login source ",
            svc_network_of(op->login->client_address, network),
            config->login_cap_source, BURST_MS);
    add_cap(op, cmd, "login client ", op->flow.request.client_id,
            config->login_cap_client, BURST_MS);
}

static void attempt(struct svc_state *state) {
    struct login_op *op = (struct login_op *)state;
    struct svc *svc = state->svc;
    const struct config *config = svc->shared->config;
    struct command command = {.type = CMD_LOGIN};
    struct cmd_login *cmd = &command.login;
    struct stamped_token earlier;
    enum err err;

    svc_random(svc, op->secret, sizeof op->secret);
    *cmd = (struct cmd_login){
        .login_index = op->login_index,
        .known = op->known,
        .password_ok = op->password_ok,
        .sub = op->sub,
        .generation = op->generation,
        .session = svc_hash(svc, HASH_SESSION, span_of(op->secret, sizeof op->secret)),
        .sid = svc_random_id(svc),
        .idle_ms = config->session_idle_s * 1000,
        .lifetime_ms = config->session_lifetime_s * 1000,
        .methods = ACR_BY_PASSWORD,
    };
    err = second_fill(op, cmd);
    if (err) {
        svc_fail(state, err);
        return;
    }
    fill_caps(op, cmd);
    /* The session that the browser had ends with the new sign-in (D08, A14). */
    if (!svc_stamp_open(svc, SEAL_SESSION_COOKIE, op->login->session_cookie,
                        &earlier)) {
        cmd->has_replaced = true;
        cmd->replaced = svc_hash(svc, HASH_SESSION, token_format_secret(&earlier));
    }
    svc_submit(state, &command, attempted);
}

/* On a thread of the hash pool: touches nothing of the svc. */
static void compare_password(struct svc_state *state) {
    struct login_op *op = (struct login_op *)state;

    op->password_ok = password_verify(op->password, op->password_hash);
}

/* The blind index of the canonical account ID. What is not an account ID has an
 * index too, of its raw bytes, which no account has: it is just unknown. */
static struct key_hash index_of(struct svc *svc, struct span text) {
    struct account_id id;

    if (account_id_parse(text, &id, NULL))
        return svc_hash(svc, HASH_ACCOUNT_ID, account_id_span(&id));
    return svc_hash(svc, HASH_ACCOUNT_ID, text);
}

static enum err find_account(struct login_op *op) {
    struct svc *svc = op->flow.base.svc;
    struct arena *arena = &op->login->op.arena;
    struct account account;
    enum err err;

    op->login_index = index_of(svc, op->login->account_id);
    err = svc_read_begin(svc);
    if (err)
        return err;
    err = store_account_find(svc->read, arena, op->login_index, &account);
    if (!err) {
        op->known = true;
        op->sub = account.sub;
        op->generation = account.generation;
        op->type = account.type;
        op->password_hash = arena_dup(arena, account.password_hash);
        if (!op->password_hash.data)
            err = ERR_NOMEM;
    }
    svc_read_end(svc);
    return err == ERR_NOT_FOUND ? OK : err;
}

/* The same for known and unknown accounts, before anything is looked up. */
static enum err normalize(struct login_op *op) {
    struct buf normal;
    enum err err;

    buf_init(&normal, LIMIT_PASSWORD * 8);
    err = password_normal(op->login->password, &normal);
    if (!err)
        err = svc_take(&op->login->op.arena, &normal, &op->password);
    secret_wipe(normal.data, normal.len);
    buf_free(&normal);
    return err;
}

static void check_attempt(struct login_op *op) {
    struct svc_state *state = &op->flow.base;
    struct svc_counters *counters = state->svc->shared->counters;
    enum err err;

    if (!svc_within_limit(state->svc, op->login->client_address)) {
        svc_count(counters, COUNT_LOGIN_LIMITED);
        again(op, NOTICE_LIMITED);
        return;
    }
    /* Before any hashing (SECURITY D06). */
    if (op->login->password.len == 0 || op->login->password.len > LIMIT_PASSWORD ||
        op->login->account_id.len == 0) {
        svc_count(counters, COUNT_LOGIN_FAILED);
        again(op, NOTICE_BAD_CREDENTIALS);
        return;
    }
    if (!svc_fresh(state))
        return;
    err = normalize(op);
    if (!err)
        err = find_account(op);
    if (err)
        svc_fail(state, err);
    else
        svc_pool(state, compare_password, attempt);
}

void svc_login(struct svc *svc, struct svc_login *login) {
    struct login_op *op;
    enum err err;

    op = svc_op_begin(svc, &login->op, sizeof *op, finish);
    if (!op) {
        login->done(login);
        return;
    }
    op->login = login;
    login->next = (struct svc_authorize){.kind = AUTHORIZE_REFUSED};
    op->flow.out = &login->next;
    op->flow.session_cookie = login->session_cookie;
    op->flow.browser_cookie = login->browser_cookie;
    err = svc_flow_resume(&op->flow, login->login_state, 0);
    if (err == ERR_FORGED) {
        login->kind = LOGIN_REFUSED;
        finish(&op->flow.base);
    } else if (err) {
        svc_fail(&op->flow.base, err);
    } else {
        check_attempt(op);
    }
}
