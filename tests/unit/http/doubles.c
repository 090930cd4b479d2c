#include "tests/unit/http/doubles.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "server/svc_account.h"
#include "server/svc_enrol.h"
#include "server/svc_passkey.h"
#include "server/svc_admin.h"
#include "server/svc_app.h"
#include "server/svc_apply.h"
#include "server/svc_blob.h"
#include "server/svc_job.h"
#include "server/svc_staff.h"
#include "store/base/check.h"

struct answer answer;
struct asked asked;

struct svc {
    struct port_loop *loop;
};

enum err svc_new(struct svc_shared *shared, struct port_loop *loop,
                 struct svc **ret_svc) {
    (void)shared;
    *ret_svc = calloc(1, sizeof(**ret_svc));
    (*ret_svc)->loop = loop;
    return OK;
}

void svc_free(struct svc *svc) {
    free(svc);
}

void svc_op_close(struct svc_op *op) {
    arena_close(&op->arena);
}

static void note(char *out, size_t cap, struct span value) {
    snprintf(out, cap, "%.*s", (int)value.len, (const char *)value.data);
}

/* The answer of a test, in the place of the outputs that the caller left empty. */
#define ANSWER(op_, with)                                                              \
    do {                                                                               \
        void *arg_ = (op_)->arg;                                                       \
        void *done_ = (void *)(op_)->done;                                             \
        *(op_) = (with);                                                               \
        (op_)->arg = arg_;                                                             \
        memcpy(&(op_)->done, &done_, sizeof(done_));                                   \
    } while (0)

void svc_authorize(struct svc *svc, struct svc_authorize *authorize) {
    (void)svc;
    note(asked.session_cookie, sizeof(asked.session_cookie), authorize->session_cookie);
    ANSWER(authorize, answer.authorize);
    authorize->done(authorize);
}

void svc_passkey(struct svc *svc, struct svc_passkey *passkey) {
    (void)svc;
    passkey->kind = LOGIN_REFUSED;
    passkey->done(passkey);
}

void svc_enrol(struct svc *svc, struct svc_enrol *enrol) {
    (void)svc;
    enrol->kind = ENROL_SIGN_IN;
    enrol->done(enrol);
}

void svc_login(struct svc *svc, struct svc_login *login) {
    (void)svc;
    note(asked.client_address, sizeof(asked.client_address), login->client_address);
    note(asked.password, sizeof(asked.password), login->password);
    ANSWER(login, answer.login);
    login->done(login);
}

void svc_factor(struct svc *svc, struct svc_factor *factor) {
    (void)svc;
    factor->kind = answer.login.kind;
    factor->next = answer.login.next;
    factor->done(factor);
}

void svc_recover(struct svc *svc, struct svc_recover *recover) {
    (void)svc;
    recover->done(recover);
}

void svc_reset(struct svc *svc, struct svc_reset *reset) {
    (void)svc;
    reset->done(reset);
}

void svc_entry_ask(struct svc *svc, struct svc_entry_ask *ask) {
    (void)svc;
    ask->done(ask);
}

void svc_entry(struct svc *svc, struct svc_entry *entry) {
    (void)svc;
    entry->done(entry);
}

void svc_apply(struct svc *svc, struct svc_apply *apply) {
    (void)svc;
    apply->kind = APPLY_CLOSED;
    apply->done(apply);
}

bool svc_apply_open(struct svc *svc, enum applicant_kind kind) {
    (void)svc;
    return kind != 0;
}

struct span svc_apply_documents(struct svc *svc, bool english) {
    (void)svc;
    return span_str(english ? "papers" : "書類");
}

void svc_apply_confirm(struct svc *svc, struct svc_apply_confirm *confirm) {
    (void)svc;
    confirm->kind = CONFIRM_REFUSED;
    confirm->done(confirm);
}

void svc_apply_print(struct svc *svc, struct svc_apply_print *print) {
    (void)svc;
    print->kind = PRINT_REFUSED;
    print->done(print);
}

void svc_apply_withdraw(struct svc *svc, struct svc_apply_withdraw *withdraw) {
    (void)svc;
    withdraw->kind = WITHDRAW_REFUSED;
    withdraw->done(withdraw);
}

void svc_apply_status(struct svc *svc, struct svc_apply_status *status) {
    (void)svc;
    status->kind = STATUS_MISSING;
    status->done(status);
}

void svc_activate(struct svc *svc, struct svc_activate *activate) {
    (void)svc;
    activate->kind = ACTIVATE_REFUSED;
    activate->done(activate);
}

void svc_consent(struct svc *svc, struct svc_consent *consent) {
    (void)svc;
    consent->next = answer.authorize;
    consent->done(consent);
}

void svc_token(struct svc *svc, struct svc_token *token) {
    (void)svc;
    ANSWER(token, answer.token);
    token->done(token);
}

void svc_par(struct svc *svc, struct svc_par *par) {
    (void)svc;
    ANSWER(par, answer.par);
    par->done(par);
}

void svc_revoke(struct svc *svc, struct svc_revoke *revoke) {
    (void)svc;
    ANSWER(revoke, answer.revoke);
    revoke->done(revoke);
}

void svc_introspect(struct svc *svc, struct svc_introspect *introspect) {
    (void)svc;
    ANSWER(introspect, answer.introspect);
    introspect->done(introspect);
}

struct later {
    struct port_task task;
    struct port_loop *loop;
    struct svc_userinfo *userinfo;
    unsigned ms;
};

static void run_later(struct port_task *task) {
    struct later *later = (struct later *)task;
    later->userinfo->done(later->userinfo);
    free(later);
    atomic_fetch_add(&asked.userinfos_done, 1);
}

static void *wait_and_post(void *arg) {
    struct later *later = arg;
    usleep(later->ms * 1000);
    later->loop->post(later->loop, &later->task);
    return NULL;
}

void svc_userinfo(struct svc *svc, struct svc_userinfo *userinfo) {
    ANSWER(userinfo, answer.userinfo);
    if (answer.later_ms == 0) {
        userinfo->done(userinfo);
        return;
    }
    struct later *later = calloc(1, sizeof(*later));
    later->task.run = run_later;
    later->loop = svc->loop;
    later->userinfo = userinfo;
    later->ms = answer.later_ms;
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, wait_and_post, later) == 0);
    pthread_detach(thread);
}

void svc_logout(struct svc *svc, struct svc_logout *logout) {
    (void)svc;
    logout->done(logout);
}

void svc_register(struct svc *svc, struct svc_register *registration) {
    (void)svc;
    registration->body = span_str("{\"registered\":true}");
    registration->done(registration);
}

void svc_app(struct svc *svc, struct svc_app *app) {
    (void)svc;
    app->refusal = APP_UNKNOWN_DEVICE;
    app->description = "the device is not registered";
    app->done(app);
}

void svc_blob(struct svc *svc, struct svc_blob *blob) {
    (void)svc;
    blob->kind = BLOB_NOT_HERE;
    blob->message = "this node does not hold it";
    blob->done(blob);
}

bool svc_blob_read(const struct params *params, struct svc_blob *blob,
                   const char **ret_message) {
    (void)params;
    (void)blob;
    *ret_message = "sha256: 64 hex digits are expected, once";
    return false;
}

void svc_job(struct svc *svc, struct svc_job *job) {
    (void)svc;
    job->kind = JOB_NOTHING;
    job->done(job);
}

void svc_staff(struct svc *svc, struct svc_staff *staff) {
    (void)svc;
    note(asked.session_cookie, sizeof(asked.session_cookie), staff->session_cookie);
    staff->kind = STAFF_SIGN_IN;
    staff->done(staff);
}

void svc_staff_login(struct svc *svc, struct svc_staff_login *login) {
    (void)svc;
    note(asked.client_address, sizeof(asked.client_address), login->client_address);
    note(asked.password, sizeof(asked.password), login->password);
    login->kind = STAFF_LOGIN_FAILED;
    login->done(login);
}

enum err svc_staff_form(struct svc *svc, struct arena *arena, struct span browser_cookie,
                        struct span *ret_set_cookie, struct span *ret_csrf) {
    (void)svc;
    (void)arena;
    *ret_set_cookie = browser_cookie.len > 0 ? span_of("", 0) : span_str("browser");
    *ret_csrf = span_str("csrf");
    return OK;
}

void svc_account(struct svc *svc, struct svc_account *account) {
    (void)svc;
    account->kind = ACCOUNT_SIGN_IN;
    account->location = span_str("/oauth/authorize?client_id=" SELF_CLIENT_ID);
    account->done(account);
}

void svc_top_shown(struct svc *svc) {
    (void)svc;
}

struct span svc_discovery(struct svc *svc) {
    (void)svc;
    return span_str("{\"issuer\":\"https://id.test/oauth/\"}");
}

struct span svc_jwks(struct svc *svc, uint32_t *ret_max_age_s) {
    (void)svc;
    *ret_max_age_s = 0;
    return span_of("", 0);
}

bool svc_ready(struct svc *svc, const char **ret_why) {
    (void)svc;
    (void)ret_why;
    return true;
}

void svc_admin(struct svc *svc, struct svc_admin *admin) {
    (void)svc;
    admin->kind = ADMIN_OK;
    admin->body = span_str("{\"admin\":true}");
    admin->done(admin);
}

void svc_metrics(struct svc *svc, struct buf *out) {
    (void)svc;
    buf_str(out, "tasuki_ready 1\n");
}
