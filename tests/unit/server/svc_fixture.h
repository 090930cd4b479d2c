/* svc_fixture: the services over a real store and state machine, with a test double
 * of raft/repl.h that applies each command at once, on a replicated clock that only
 * the test moves. Completions go through a loop, as in the server. */
#ifndef TESTS_SVC_FIXTURE_H
#define TESTS_SVC_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs the above. */
#include <cmocka.h>
#include <pthread.h>

#include "raft/fsm.h"
#include "server/oidc/token_check.h"
#include "server/svc.h"
#include "server/svc_admin.h"
#include "server/svc_internal.h"

/* A code of either form, terminated. */
#define FIXTURE_CODE (TOKEN_CODE_MAX + 1)
#define FIXTURE_ISSUER "https://id.test/oauth/"
#define FIXTURE_START_MS 1700000000000ull
#define FIXTURE_SECRET "0123456789abcdef0123456789abcdef"
#define FIXTURE_PASSWORD "correct horse battery"
#define VERIFIER "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
#define CHALLENGE "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"

/* The double: its knobs stand open. */
struct repl {
    struct store *store;
    struct fsm *fsm;
    uint64_t index, seq, now_ms;
    uint64_t hide_above;    /* indices beyond are "not applied here yet" */
    enum err fresh, submit; /* what repl_fresh and repl_submit say */
    enum err read;          /* other than OK: repl_read refuses, nothing comes */
    unsigned waits, submits, reads;
    void (*on_read)(void *arg); /* what a probe brings here; NULL: nothing */
    void *on_read_arg;
    void (*on_submit)(void *arg); /* what is faster than the next command; then NULL */
    void *on_submit_arg;
    bool ready;
    double apply_us; /* CPU time inside the state machine and the store */
};

/* CPU time of this thread, microseconds. */
double fixture_cpu_us(void);

struct fixture_loop {
    struct port_loop loop; /* first */
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    struct port_task *head, **tail;
};

struct fixture {
    char dir[64];
    struct config config;
    struct repl repl;
    struct fixture_loop loop;
    struct svc_counters counters;
    struct svc_shared shared;
    struct svc *svc;
};

/* One browser's cookies; empty strings: none. */
struct browser {
    char session[1024], binding[1024];
    char login_state[9000]; /* of the page that is shown */
};

int fixture_setup(void **state);
/* A store in which nothing has been applied but the node's boot. */
int fixture_setup_empty(void **state);
/* fixture_setup, on a node that keeps blobs. */
int fixture_setup_blobs(void **state);
int fixture_teardown(void **state);
/* Run tasks until *done. */
void fixture_until(struct fixture *f, const bool *done);

/* Apply a command as if another node had sent it; its outcome must be OUT_OK. */
void fixture_apply(struct fixture *f, const struct command *command);
enum outcome_code fixture_outcome(struct fixture *f, const struct command *command);
void fixture_add_key(struct fixture *f, enum key_alg alg);

/* name, value, ..., NULL. */
struct params params_make(const char *name, ...);

/* Register what the tests use: clients conf (government), shop (consent), pub (public,
 * native), es (ES256, standard), primeonly; accounts below. */
#define ALICE "alice@example.jp" /* Prime */
#define BOB "bob@example.jp"     /* Entry */
#define CAROL "carol@example.jp" /* Member of alice */
void fixture_world(struct fixture *f);

/* Operations, run to their end. Close what is returned with svc_op_close. */
void run_authorize(struct fixture *f, struct browser *browser,
                   const struct params *params, struct svc_authorize *ret);
void run_login(struct fixture *f, struct browser *browser, const char *account,
               const char *password, struct svc_login *ret);
void run_consent(struct fixture *f, struct browser *browser, bool allow,
                 struct svc_consent *ret);
void run_token(struct fixture *f, const char *client, const char *secret,
               const struct params *params, struct svc_token *ret);
void run_userinfo(struct fixture *f, const char *token, struct svc_userinfo *ret);
/* `params` NULL: a plain visit. */
void run_logout(struct fixture *f, struct browser *browser, const struct params *params,
                bool confirm, const char *csrf, struct svc_logout *ret);
void run_admin(struct fixture *f, enum svc_admin_action action, const char *body,
               struct svc_admin *ret);

/* A usual request of the client; scope NULL: "openid". */
struct params usual(const char *client, const char *scope);
/* The redirect URI that `usual` names. */
const char *redirect_of(const char *client);
/* The parameter's decoded value; false when absent. */
bool location_param(struct span location, const char *name, char out[4096]);
/* Sign in through the login page and get a code. */
void sign_in(struct fixture *f, struct browser *browser, const char *account,
             const struct params *params, char code[FIXTURE_CODE]);
/* A code by the session that the browser has. */
void get_code(struct fixture *f, struct browser *browser, const struct params *params,
              char code[FIXTURE_CODE]);

/* Member of a JSON answer; fails the test when absent. */
void json_text(struct span body, const char *name, char out[4096]);
bool json_has(struct span body, const char *name);

#endif
