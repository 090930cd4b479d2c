/* svc_staff_login: the staff sign in with name, password and one-time code at once. One
 * attempt is one command, whoever it is; what was wrong is told to nobody (S3).
 *
 *   form of this browser -> limits -> account row -> hash pool -> CMD_STAFF_LOGIN */
#include "server/crypto/digest.h"
#include "server/crypto/password.h"
#include "server/domain/totp.h"
#include "server/svc_internal.h"
#include "server/svc_staff.h"
#include "store/base/codec.h"
#include "store/base/secret.h"
#include "store/store_staff.h"

#define BROWSER_LEN 22 /* base64url of 16 random bytes */
#define CSRF_LEN 43

struct login_op {
    struct svc_state base; /* first */
    struct svc_staff_login *login;
    struct staff account;
    bool known, password_ok, has_step;
    uint64_t step;
    uint8_t secret[SVC_SESSION_SECRET];
};

static void finish(struct svc_state *state) {
    struct login_op *op = (struct login_op *)state;

    secret_wipe(op->secret, sizeof op->secret);
    op->login->done(op->login);
}

/* ---- the form */

static void form_token(struct svc *svc, struct span browser, char text[CSRF_LEN + 1]) {
    uint8_t hash[32];

    sealer_hash(svc->sealer, HASH_STAFF_FORM, browser, hash);
    base64url_encode(span_of(hash, sizeof hash), text);
}

/* Length tells it from a session's key, which has a token of its own. */
static bool is_browser(struct span cookie) {
    uint8_t bytes[16];
    size_t len = 0;

    return cookie.len == BROWSER_LEN &&
           base64url_decode(cookie, bytes, sizeof bytes, &len) == OK &&
           len == sizeof bytes;
}

enum err svc_staff_form(struct svc *svc, struct arena *arena, struct span browser_cookie,
                        struct span *ret_set_cookie, struct span *ret_csrf) {
    char browser[BROWSER_LEN + 1], token[CSRF_LEN + 1];
    uint8_t bytes[16];

    *ret_set_cookie = span_of("", 0);
    if (!is_browser(browser_cookie)) {
        svc_random(svc, bytes, sizeof bytes);
        base64url_encode(span_of(bytes, sizeof bytes), browser);
        *ret_set_cookie = arena_dup(arena, span_of(browser, BROWSER_LEN));
        browser_cookie = *ret_set_cookie;
        if (!browser_cookie.data)
            return ERR_NOMEM;
    }
    form_token(svc, browser_cookie, token);
    *ret_csrf = arena_dup(arena, span_of(token, CSRF_LEN));
    return ret_csrf->data ? OK : ERR_NOMEM;
}

static bool form_ok(struct svc *svc, const struct svc_staff_login *login) {
    char token[CSRF_LEN + 1];

    if (!is_browser(login->browser_cookie))
        return false;
    form_token(svc, login->browser_cookie, token);
    return secret_equal(login->csrf, span_of(token, CSRF_LEN));
}

/* ---- the attempt */

static void attempted(struct svc_state *state) {
    struct login_op *op = (struct login_op *)state;
    struct svc_staff_login *login = op->login;
    enum err err;

    switch (state->request.outcome.code) {
    case OUT_OK:
        err = svc_stamp_make(state->svc, SEAL_STAFF_COOKIE,
                             state->request.outcome.index,
                             span_of(op->secret, sizeof op->secret), &login->op.arena,
                             &login->set_session_cookie);
        if (err) {
            svc_fail(state, err);
            return;
        }
        svc_count(state->svc->shared->counters, COUNT_LOGIN_OK);
        login->kind = STAFF_LOGIN_OK;
        break;
    case OUT_LOCKED:
        svc_count(state->svc->shared->counters, COUNT_LOGIN_LOCKED);
        login->kind = STAFF_LOGIN_FAILED;
        break;
    case OUT_BAD_CREDENTIALS:
    case OUT_EXPIRED:
    case OUT_REPLAYED:
    case OUT_ACCOUNT_STATE:
        svc_count(state->svc->shared->counters, COUNT_LOGIN_FAILED);
        login->kind = STAFF_LOGIN_FAILED;
        break;
    default:
        svc_fail(state, ERR_CORRUPT);
        return;
    }
    finish(state);
}

static void attempt(struct svc_state *state) {
    struct login_op *op = (struct login_op *)state;
    struct svc *svc = state->svc;
    const struct config *config = svc->shared->config;
    struct command command = {.type = CMD_STAFF_LOGIN};
    struct cmd_staff_login *cmd = &command.staff_login;
    struct stamped_token earlier;

    svc_random(svc, op->secret, sizeof op->secret);
    *cmd = (struct cmd_staff_login){
        .known = op->known,
        .password_ok = op->password_ok,
        .has_step = op->has_step,
        .id = op->account.id,
        .generation = op->account.generation,
        .step = op->step,
        .session =
            svc_hash(svc, HASH_STAFF_SESSION, span_of(op->secret, sizeof op->secret)),
        .idle_ms = config->staff_idle_s * 1000,
        .lifetime_ms = config->staff_lifetime_s * 1000,
    };
    if (!svc_stamp_open(svc, SEAL_STAFF_COOKIE, op->login->session_cookie, &earlier)) {
        cmd->has_replaced = true;
        cmd->replaced =
            svc_hash(svc, HASH_STAFF_SESSION, token_format_secret(&earlier));
    }
    svc_submit(state, &command, attempted);
}

/* On a thread of the hash pool: touches nothing of the svc. */
static void compare_password(struct svc_state *state) {
    struct login_op *op = (struct login_op *)state;

    op->password_ok =
        password_verify(op->login->password, op->account.password_hash) && op->known;
}

/* Is the code one of now? Nobody's is compared with a seed too. */
static enum err read_code(struct login_op *op) {
    static const struct totp_mac mac = {digest_hmac_sha1};
    struct svc *svc = op->base.svc;
    uint8_t seed[TOTP_SEED_LEN] = {0};
    struct staff *account = &op->account;
    enum err err = OK;
    bool fits;

    if (op->known) {
        buf_reset(&svc->plain);
        err = sealer_open(svc->sealer, SEAL_STAFF_SEED,
                          span_of(account->id.b, sizeof account->id.b),
                          account->sealed_seed, &svc->plain);
        if (err || svc->plain.len != sizeof seed)
            return err ? err : ERR_CORRUPT;
        memcpy(seed, svc->plain.data, sizeof seed);
        secret_wipe(svc->plain.data, svc->plain.len);
    }
    fits = totp_check(&mac, span_of(seed, sizeof seed),
                      repl_now_ms(svc->shared->repl), op->login->code, &op->step);
    secret_wipe(seed, sizeof seed);
    op->has_step = fits && op->known;
    if (!op->has_step)
        op->step = 0;
    return OK;
}

static enum err find_account(struct login_op *op) {
    struct svc *svc = op->base.svc;
    struct key_hash index = svc_hash(svc, HASH_STAFF_NAME, op->login->name);
    enum err err = svc_read_begin(svc);

    if (err)
        return err;
    err = store_staff_find(svc->read, &op->login->op.arena, index, &op->account);
    svc_read_end(svc);
    op->known = !err;
    if (err == ERR_NOT_FOUND)
        op->account = (struct staff){.generation = 0};
    else if (err)
        return err;
    return read_code(op);
}

static void refuse(struct login_op *op, int kind) {
    svc_count(op->base.svc->shared->counters, kind == STAFF_LOGIN_LIMITED
                                                  ? COUNT_LOGIN_LIMITED
                                                  : COUNT_LOGIN_FAILED);
    op->login->kind = kind;
    finish(&op->base);
}

void svc_staff_login(struct svc *svc, struct svc_staff_login *login) {
    struct login_op *op = svc_op_begin(svc, &login->op, sizeof *op, finish);
    enum err err;

    login->set_session_cookie = span_of(NULL, 0);
    if (!op) {
        login->done(login);
        return;
    }
    op->login = login;
    if (!form_ok(svc, login)) {
        refuse(op, STAFF_LOGIN_FORM);
    } else if (!svc_within_limit(svc, op->login->client_address)) {
        refuse(op, STAFF_LOGIN_LIMITED);
    } else if (login->password.len == 0 || login->password.len > LIMIT_PASSWORD ||
               login->name.len == 0 || login->name.len > LIMIT_STAFF_NAME) {
        refuse(op, STAFF_LOGIN_FAILED); /* before any hashing (SECURITY D06) */
    } else if (svc_fresh(&op->base)) {
        err = find_account(op);
        if (err)
            svc_fail(&op->base, err);
        else
            svc_pool(&op->base, compare_password, attempt);
    }
}
