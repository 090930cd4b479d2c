#include "server/svc_factor.h"

#include "server/svc_answer.h"
#include "server/svc_device.h"
#include "server/svc_notice.h"
#include "server/svc_profile.h"
#include "store/base/codec.h"
#include "store/base/secret.h"

/* In the order in which they are offered. */
static const struct factor_method *const methods[] = {
    &factor_method_app,
    &factor_method_passkey,
    &factor_method_totp,
    &factor_method_sms,
};
#define METHODS (sizeof methods / sizeof methods[0])

static const struct factor_method *method_of(enum factor_kind kind) {
    for (size_t i = 0; i < METHODS; i++)
        if (methods[i]->kind == kind)
            return methods[i];
    return NULL;
}

static const struct factor_method *method_named(struct span name) {
    for (size_t i = 0; i < METHODS; i++)
        if (span_is(name, methods[i]->name))
            return methods[i];
    return NULL;
}

/* ---- the sign-in's rows */

enum err svc_factor_new(struct svc_flow *flow) {
    struct svc_factor_state *factor =
        arena_alloc(&flow->base.op->arena, sizeof *factor);

    if (!factor)
        return ERR_NOMEM;
    memset(factor, 0, sizeof *factor);
    factor->stamp.secret_len = SVC_SIGNIN_SECRET;
    svc_random(flow->base.svc, factor->stamp.secret, SVC_SIGNIN_SECRET);
    flow->factor = factor;
    return OK;
}

struct key_hash svc_factor_key(struct svc_flow *flow) {
    return svc_hash(flow->base.svc, HASH_SIGNIN,
                    token_format_secret(&flow->factor->stamp));
}

/* ERR_NOT_FOUND: the sign-in is over. */
static enum err read_rows(struct svc_flow *flow) {
    struct svc_factor_state *factor = flow->factor;
    struct svc *svc = flow->base.svc;
    struct arena *arena = &flow->base.op->arena;
    struct account account;
    struct factor *one = NULL;
    enum err err = svc_stamp_current(svc, &factor->stamp);

    if (!err)
        err = store_signin_get(svc->read, arena, svc_factor_key(flow), &factor->signin);
    if (!err)
        err = store_account_get(svc->read, arena, factor->signin.sub, &account);
    if (err)
        return err;
    if (repl_now_ms(svc->shared->repl) >= factor->signin.expires_ms ||
        account.state != ACCOUNT_ACTIVE ||
        account.generation != factor->signin.generation)
        return ERR_NOT_FOUND;
    factor->generation = account.generation;
    factor->factors_count = 0;
    while (!err && factor->factors_count < LIMIT_FACTORS) {
        err = store_factor_next(svc->read, arena, account.sub, one ? &one->id : NULL,
                                &factor->factors[factor->factors_count]);
        if (!err)
            one = &factor->factors[factor->factors_count++];
    }
    return err == ERR_NOT_FOUND ? OK : err;
}

/* False: the operation has been ended. */
static bool load(struct svc_flow *flow) {
    struct svc *svc = flow->base.svc;
    enum err err = svc_read_begin(svc);

    if (!err) {
        err = read_rows(flow);
        svc_read_end(svc);
    }
    if (!err && flow->factor->signin.denied) {
        flow->out->notice = NOTICE_APP_DENIED;
        svc_flow_login_page(flow);
        return false;
    }
    if (err == ERR_NOT_FOUND) {
        flow->out->notice = NOTICE_SIGNIN_OVER;
        svc_flow_login_page(flow);
    } else if (err) {
        svc_fail(&flow->base, err);
    }
    return err == OK;
}

/* ---- the page */

struct span svc_factor_field(const struct svc_flow *flow, const char *name) {
    bool twice = false;
    struct span value = {NULL, 0};

    if (flow->factor->params)
        value = params_get(flow->factor->params, name, &twice);
    return twice || !value.data ? span_of("", 0) : value;
}

void svc_factor_value(struct svc_flow *flow, const char *name, struct span text) {
    struct svc_factor_page *page = flow->out->factor;

    if (page->values_count < SVC_FACTOR_VALUES_MAX)
        page->values[page->values_count++] = (struct svc_factor_value){name, text};
}

static void add_choice(struct svc_factor_page *page, const char *value,
                       const struct factor_method *method, struct span label,
                       bool current) {
    struct svc_factor_choice *choice;

    if (page->choices_count == SVC_FACTOR_CHOICES_MAX)
        return;
    choice = &page->choices[page->choices_count++];
    *choice = (struct svc_factor_choice){
        .method = method->name, .label = label, .current = current};
    memcpy(choice->value, value, strlen(value) + 1);
}

/* What else there is: the account's factors, or the methods that one may enrol. */
static void list_choices(struct svc_flow *flow, struct svc_factor_page *page) {
    struct svc_factor_state *factor = flow->factor;
    char id[33];

    for (size_t i = 0; i < factor->factors_count; i++) {
        const struct factor *one = &factor->factors[i];
        const struct factor_method *method = method_of(one->kind);

        if (!method)
            continue;
        hex_encode(span_of(one->id.b, sizeof one->id.b), id);
        add_choice(page, id, method, one->label, one == factor->chosen);
    }
    for (size_t i = 0; factor->factors_count == 0 && i < METHODS; i++)
        if (methods[i]->enrols_at_signin)
            add_choice(page, methods[i]->name, methods[i], span_of("", 0),
                       methods[i] == factor->method);
}

void svc_factor_show(struct svc_flow *flow, enum svc_login_notice notice) {
    struct svc_factor_state *factor = flow->factor;
    struct svc_factor_page *page =
        arena_alloc(&flow->base.op->arena, sizeof *page);
    enum err err = OK;

    if (!page) {
        svc_fail(&flow->base, ERR_NOMEM);
        return;
    }
    memset(page, 0, sizeof *page);
    flow->out->factor = page;
    flow->out->notice = notice;
    if (notice == NOTICE_CODE_LOCKED) /* nothing was sent, and no answer is taken */
        factor->method = NULL;
    page->method = factor->method ? factor->method->name : NULL;
    page->enrols = factor->factors_count == 0;
    page->raises = factor->signin.raises;
    page->may_remember = flow->base.svc->shared->config->remember_device_s > 0 &&
                         factor->method && !page->raises;
    list_choices(flow, page);
    if (factor->method)
        err = factor->method->show(flow);
    if (err)
        svc_fail(&flow->base, err);
    else
        svc_answer_factor_page(flow);
}

bool svc_factor_code(const struct svc_flow *flow, char out[SVC_FACTOR_CODE]) {
    return svc_factor_digits(svc_factor_field(flow, "code"), out);
}

bool svc_factor_digits(struct span typed, char out[SVC_FACTOR_CODE]) {
    size_t len = 0;

    for (size_t i = 0; i < typed.len; i++) {
        uint8_t c = typed.data[i];

        /* U+FF10 to U+FF19 */
        if (c == 0xef && i + 2 < typed.len && typed.data[i + 1] == 0xbc &&
            typed.data[i + 2] >= 0x90 && typed.data[i + 2] <= 0x99) {
            c = (uint8_t)('0' + typed.data[i + 2] - 0x90);
            i += 2;
        }
        if (c == ' ' || c == '-')
            continue;
        if (c < '0' || c > '9' || len == SVC_FACTOR_CODE)
            return false;
        out[len++] = (char)c;
    }
    return len == SVC_FACTOR_CODE;
}

/* ---- asking */

static void ask(struct svc_flow *flow, const struct factor_method *method,
                const struct factor *chosen) {
    flow->factor->method = method;
    flow->factor->chosen = chosen;
    if (method)
        method->ask(flow);
    else
        svc_factor_show(flow, NOTICE_NONE);
}

/* The one that was used last; one that this release knows. NULL: none. */
static const struct factor *preferred(const struct svc_factor_state *factor) {
    const struct factor *best = NULL;

    for (size_t i = 0; i < factor->factors_count; i++) {
        const struct factor *one = &factor->factors[i];

        if (method_of(one->kind) && (!best || one->used_ms > best->used_ms))
            best = one;
    }
    return best;
}

void svc_factor_start(struct svc_flow *flow) {
    struct svc_factor_state *factor = flow->factor;
    const struct factor *chosen;
    enum err err;

    factor->stamp.index = flow->base.request.outcome.index;
    err = svc_epoch(flow->base.svc, &factor->stamp.epoch);
    if (err) {
        svc_fail(&flow->base, err);
        return;
    }
    if (!load(flow))
        return;
    chosen = preferred(factor);
    /* What raises a session may have been begun by a GET: a button first. */
    if (chosen && factor->signin.raises && method_of(chosen->kind)->reaches)
        chosen = NULL;
    ask(flow, chosen ? method_of(chosen->kind) : NULL, chosen);
}

static void challenged(struct svc_state *state) {
    struct svc_flow *flow = (struct svc_flow *)state;
    struct svc_factor_state *factor = flow->factor;

    switch (state->request.outcome.code) {
    case OUT_OK:
        /* As the row says now. */
        factor->signin.kind = (uint8_t)factor->challenge.kind;
        factor->signin.enrols = factor->challenge.enrols;
        factor->signin.factor = factor->challenge.factor;
        factor->signin.data = factor->challenge.data;
        factor->stamp.index = state->request.outcome.index;
        svc_factor_show(flow, NOTICE_NONE);
        return;
    case OUT_FULL:
    case OUT_LIMITED:
        /* Nothing was sent: what was asked for before, if anything was, still holds. */
        svc_factor_show(flow, NOTICE_CODE_UNSENT);
        return;
    case OUT_LOCKED:
        svc_factor_show(flow, NOTICE_CODE_LOCKED);
        return;
    case OUT_DENIED:
        flow->out->notice = NOTICE_APP_DENIED;
        svc_flow_login_page(flow);
        return;
    case OUT_EXISTS: /* another window has enrolled one: it is asked for now */
        svc_factor_start(flow);
        return;
    case OUT_NOT_FOUND:
    case OUT_ACCOUNT_STATE:
    case OUT_SESSION_ENDED:
        flow->out->notice = NOTICE_SIGNIN_OVER;
        svc_flow_login_page(flow);
        return;
    default:
        svc_fail(state, ERR_CORRUPT);
    }
}

/* The counter of wrong answers where the account has passed a second step before. */
static bool known_device(struct svc_flow *flow, struct key_hash *ret_counter) {
    struct svc_factor_state *factor = flow->factor;
    struct svc *svc = flow->base.svc;
    struct svc_device_entry device;

    if (!svc_device_find(svc, factor->device_cookie, factor->signin.sub,
                         factor->generation, &device) ||
        !svc_device_proven(&device))
        return false;
    *ret_counter = svc_device_counter(svc, &device);
    return true;
}

void svc_factor_challenge(struct svc_flow *flow) {
    struct svc_factor_state *factor = flow->factor;
    struct command command = {.type = CMD_FACTOR_CHALLENGE};
    struct cmd_factor_challenge *cmd = &factor->challenge;

    cmd->signin = factor->signin.key;
    memcpy(cmd->browser, factor->signin.browser, sizeof cmd->browser);
    cmd->kind = factor->method->kind;
    cmd->enrols = factor->chosen == NULL;
    if (factor->chosen)
        cmd->factor = factor->chosen->id;
    cmd->has_device = known_device(flow, &cmd->device);
    command.factor_challenge = *cmd;
    svc_submit(&flow->base, &command, challenged);
}

/* ---- the answer */

/* The browser is known from now on, and trusted if its holder wants it. */
static enum err set_cookies(struct svc_flow *flow) {
    struct svc_factor_state *factor = flow->factor;
    struct svc *svc = flow->base.svc;
    struct arena *arena = &flow->base.op->arena;
    uint64_t trusted_ms = 0;
    enum err err;

    if (factor->remember)
        trusted_ms = repl_now_ms(svc->shared->repl) +
                     (uint64_t)svc->shared->config->remember_device_s * 1000;
    err = svc_stamp_make(svc, SEAL_SESSION_COOKIE, flow->base.request.outcome.index,
                         span_of(factor->session_secret, sizeof factor->session_secret),
                         arena, &flow->out->set_session_cookie);
    if (!err)
        err = svc_device_add(svc, factor->device_cookie, factor->signin.sub,
                             factor->generation, true, trusted_ms, arena,
                             &flow->out->set_device_cookie);
    secret_wipe(factor->session_secret, sizeof factor->session_secret);
    return err;
}

static void signed_in(struct svc_flow *flow) {
    struct svc_state *state = &flow->base;
    struct outcome_login result;
    enum err err = outcome_login_decode(state->request.outcome.detail, &result);

    if (!err)
        err = set_cookies(flow);
    if (err) {
        svc_fail(state, err);
        return;
    }
    svc_count(state->svc->shared->counters, COUNT_LOGIN_OK);
    svc_flow_signed_in(flow, result.auth_time_ms);
}

static enum svc_login_notice notice_of(enum outcome_code code) {
    switch (code) {
    case OUT_BAD_CREDENTIALS:
        return NOTICE_CODE_WRONG;
    case OUT_REPLAYED:
        return NOTICE_CODE_USED;
    case OUT_EXPIRED:
        return NOTICE_CODE_EXPIRED;
    default:
        return NOTICE_CODE_LOCKED;
    }
}

static void passed(struct svc_state *state) {
    struct svc_flow *flow = (struct svc_flow *)state;
    enum outcome_code code = state->request.outcome.code;

    switch (code) {
    case OUT_OK:
        signed_in(flow);
        return;
    case OUT_BAD_CREDENTIALS:
    case OUT_REPLAYED:
    case OUT_EXPIRED:
    case OUT_LOCKED:
        svc_count(state->svc->shared->counters,
                  code == OUT_LOCKED ? COUNT_LOGIN_LOCKED : COUNT_LOGIN_FAILED);
        svc_factor_show(flow, flow->factor->method->kind == FACTOR_PASSKEY
                                  ? NOTICE_PASSKEY
                                  : notice_of(code));
        return;
    case OUT_WAITING: /* this node is ahead of the frame that decides */
        svc_factor_show(flow, NOTICE_APP_WAITING);
        return;
    case OUT_DENIED:
        flow->out->notice = NOTICE_APP_DENIED;
        svc_flow_login_page(flow);
        return;
    case OUT_EXISTS: /* the passkey is registered already */
        svc_factor_show(flow, NOTICE_PASSKEY);
        return;
    case OUT_NOT_FOUND:
    case OUT_ACCOUNT_STATE:
    case OUT_SESSION_ENDED:
        flow->out->notice = NOTICE_SIGNIN_OVER;
        svc_flow_login_page(flow);
        return;
    default:
        svc_fail(state, ERR_CORRUPT);
    }
}

/* What the holder hears of: a factor that is enrolled; else that somebody has the
 * password, when this answer is wrong once too often. */
static enum err tell(struct svc_flow *flow) {
    struct svc_factor_state *factor = flow->factor;
    struct arena *arena = &flow->base.op->arena;
    struct svc_notice notice = {.what = MESSAGE_CODES_WRONG,
                                .english = factor->english,
                                .sub = factor->signin.sub,
                                .source = flow->base.op->from.address};
    enum err err = svc_factor_account(flow, &notice.to);

    if (!err && !factor->chosen) {
        notice.what = MESSAGE_FACTOR_ADDED;
        notice.more.name = "factor";
        err = svc_notice_factor(arena, factor->method->kind, factor->pass.enrolled.label,
                                notice.english, &notice.more.text);
    }
    return err ? err
               : svc_notice_make(flow->base.svc, arena, &notice, &factor->pass.message);
}

void svc_factor_pass(struct svc_flow *flow) {
    struct svc_factor_state *factor = flow->factor;
    struct svc *svc = flow->base.svc;
    const struct config *config = svc->shared->config;
    struct command command = {.type = CMD_FACTOR_PASS};
    struct cmd_factor_pass *cmd = &factor->pass;
    struct stamped_token earlier;
    enum err err;

    svc_random(svc, factor->session_secret, sizeof factor->session_secret);
    cmd->signin = factor->signin.key;
    memcpy(cmd->browser, factor->signin.browser, sizeof cmd->browser);
    cmd->kind = factor->method->kind;
    cmd->factor = factor->signin.factor;
    cmd->methods = cmd->methods ? cmd->methods : factor->method->auth;
    cmd->session = svc_hash(
        svc, HASH_SESSION, span_of(factor->session_secret, sizeof factor->session_secret));
    cmd->sid = svc_random_id(svc);
    cmd->idle_ms = config->session_idle_s * 1000;
    cmd->lifetime_ms = config->session_lifetime_s * 1000;
    cmd->has_device = known_device(flow, &cmd->device);
    /* The session that the browser had ends with the new sign-in (D08, A14). */
    if (!factor->signin.raises && !svc_stamp_open(svc, SEAL_SESSION_COOKIE,
                                                  flow->session_cookie, &earlier)) {
        cmd->has_replaced = true;
        cmd->replaced = svc_hash(svc, HASH_SESSION, token_format_secret(&earlier));
    }
    factor->remember = config->remember_device_s > 0 && !factor->signin.raises &&
                       span_is(svc_factor_field(flow, "remember"), "yes");
    err = tell(flow);
    if (err) {
        svc_fail(&flow->base, err);
        return;
    }
    command.factor_pass = *cmd;
    svc_submit(&flow->base, &command, passed);
}

/* ---- what is sealed */

static enum err seal_with(struct svc *svc, enum seal_purpose purpose, struct span aad,
                          struct span plain, struct arena *arena,
                          struct span *ret_sealed) {
    struct buf out;
    enum err err;

    buf_init(&out, LIMIT_FACTOR_SEALED);
    err = sealer_seal(svc->sealer, purpose, aad, plain, &out);
    if (!err)
        err = svc_take(arena, &out, ret_sealed);
    buf_free(&out);
    return err;
}

static enum err open_with(struct svc *svc, enum seal_purpose purpose, struct span aad,
                          struct span sealed, struct arena *arena,
                          struct span *ret_plain) {
    struct buf out;
    enum err err;

    buf_init(&out, LIMIT_FACTOR_SEALED);
    err = sealer_open(svc->sealer, purpose, aad, sealed, &out);
    if (!err)
        err = svc_take(arena, &out, ret_plain);
    buf_free(&out);
    return err;
}

enum err svc_factor_keep(struct svc_flow *flow, struct span plain) {
    struct key_hash key = svc_factor_key(flow);

    return seal_with(flow->base.svc, SEAL_SIGNIN, span_of(key.b, sizeof key.b), plain,
                     &flow->base.op->arena, &flow->factor->challenge.data);
}

enum err svc_factor_kept(struct svc_flow *flow, struct span *ret_plain) {
    struct key_hash key = svc_factor_key(flow);

    return open_with(flow->base.svc, SEAL_SIGNIN, span_of(key.b, sizeof key.b),
                     flow->factor->signin.data, &flow->base.op->arena, ret_plain);
}

static struct span factor_aad(struct id128 sub, struct id128 id, uint8_t out[32]) {
    memcpy(out, sub.b, 16);
    memcpy(out + 16, id.b, 16);
    return span_of(out, 32);
}

enum err svc_factor_seal(struct svc *svc, struct id128 sub, struct id128 id,
                         struct span plain, struct arena *arena,
                         struct span *ret_sealed) {
    uint8_t aad[32];

    return seal_with(svc, SEAL_FACTOR, factor_aad(sub, id, aad), plain, arena,
                     ret_sealed);
}

enum err svc_factor_open(struct svc *svc, const struct factor *factor,
                         struct arena *arena, struct span *ret_plain) {
    uint8_t aad[32];

    return open_with(svc, SEAL_FACTOR, factor_aad(factor->sub, factor->id, aad),
                     factor->sealed, arena, ret_plain);
}

enum err svc_factor_account(struct svc_flow *flow, struct span *ret_account_id) {
    return svc_profile_address(flow->base.svc, &flow->base.op->arena,
                               flow->factor->signin.sub, ret_account_id);
}

/* ---- raising a session */

static void begun(struct svc_state *state) {
    struct svc_flow *flow = (struct svc_flow *)state;

    if (state->request.outcome.code == OUT_OK)
        svc_factor_start(flow);
    else
        svc_flow_login_page(flow); /* it has ended meanwhile */
}

void svc_factor_raise(struct svc_flow *flow) {
    struct command command = {.type = CMD_FACTOR_BEGIN};
    struct cmd_factor_begin *cmd = &command.factor_begin;
    enum err err = svc_factor_new(flow);

    if (!err)
        err = svc_flow_browser(flow, cmd->browser);
    if (err) {
        svc_fail(&flow->base, err);
        return;
    }
    cmd->session = flow->session.key;
    cmd->signin = svc_factor_key(flow);
    cmd->ttl_ms = SVC_SIGNIN_TTL_MS;
    svc_submit(&flow->base, &command, begun);
}

/* ---- POST /oauth/factor */

struct factor_op {
    struct svc_flow flow; /* first */
    struct svc_factor *factor;
};

static void finish(struct svc_state *state) {
    struct factor_op *op = (struct factor_op *)state;
    struct svc_authorize *next = op->flow.out;

    op->factor->kind = next->notice != NOTICE_NONE ? LOGIN_AGAIN : LOGIN_CONTINUE;
    op->factor->done(op->factor);
}

/* One of the account's factors, or a method to enrol. False: there is no such choice. */
static bool choose(struct svc_flow *flow, struct span choice) {
    struct svc_factor_state *factor = flow->factor;
    const struct factor_method *method;
    char id[33];

    for (size_t i = 0; i < factor->factors_count; i++) {
        hex_encode(span_of(factor->factors[i].id.b, 16), id);
        method = method_of(factor->factors[i].kind);
        if (method && span_is(choice, id)) {
            ask(flow, method, &factor->factors[i]);
            return true;
        }
    }
    method = method_named(choice);
    if (factor->factors_count > 0 || !method || !method->enrols_at_signin)
        return false;
    ask(flow, method, NULL);
    return true;
}

/* What the person was asked for last, by the row. */
static bool resume_asked(struct svc_flow *flow) {
    struct svc_factor_state *factor = flow->factor;

    factor->method = method_of((enum factor_kind)factor->signin.kind);
    factor->chosen = NULL;
    for (size_t i = 0; i < factor->factors_count; i++)
        if (memcmp(factor->factors[i].id.b, factor->signin.factor.b, 16) == 0)
            factor->chosen = &factor->factors[i];
    /* A factor that is gone, or one to be enrolled though there is one by now. */
    return factor->method && factor->signin.enrols == (factor->chosen == NULL) &&
           (!factor->signin.enrols || factor->factors_count == 0);
}

static void answered(struct svc_state *state) {
    struct svc_flow *flow = (struct svc_flow *)state;
    struct svc_factor_state *factor = flow->factor;
    const struct factor_method *method;
    const struct factor *chosen;
    struct span choice;

    if (!load(flow))
        return;
    choice = svc_factor_field(flow, "choice");
    if (choice.len > 0 && choose(flow, choice))
        return;
    method = method_named(svc_factor_field(flow, "enrol"));
    if (factor->factors_count == 0 && method && method->enrols_at_signin) {
        factor->method = method;
        method->verify(flow);
    } else if (choice.len == 0 && resume_asked(flow)) {
        factor->method->verify(flow);
    } else {
        chosen = preferred(factor);
        ask(flow, chosen ? method_of(chosen->kind) : NULL, chosen);
    }
}

static void take_up(struct factor_op *op) {
    struct svc_flow *flow = &op->flow;
    struct stamped_token stamp = flow->signin;
    enum err err = svc_factor_new(flow);

    if (err) {
        svc_fail(&flow->base, err);
        return;
    }
    flow->factor->stamp = stamp;
    flow->factor->params = op->factor->params;
    flow->factor->device_cookie = op->factor->device_cookie;
    flow->factor->english = op->factor->english;
    svc_stamp_await(&flow->base, &flow->factor->stamp, answered);
}

void svc_factor(struct svc *svc, struct svc_factor *factor) {
    struct factor_op *op = svc_op_begin(svc, &factor->op, sizeof *op, finish);
    enum err err;

    if (!op) {
        factor->done(factor);
        return;
    }
    op->factor = factor;
    factor->next = (struct svc_authorize){.kind = AUTHORIZE_REFUSED};
    op->flow.out = &factor->next;
    op->flow.session_cookie = factor->session_cookie;
    op->flow.browser_cookie = factor->browser_cookie;
    err = svc_flow_resume(&op->flow, factor->login_state, FLOW_STATE_FACTOR);
    if (err == ERR_FORGED) {
        factor->kind = LOGIN_REFUSED;
        factor->done(factor);
    } else if (err) {
        svc_fail(&op->flow.base, err);
    } else {
        take_up(op);
    }
}
