/* load_flow: simulated users, each walking one flow over and over.
 *
 *   AUTHORIZE -> LOGIN -> (CONSENT) -> TOKEN -> what the flow repeats:
 *     get      GET of one path, without or with an access token
 *     code     AUTHORIZE with the session's cookie, TOKEN
 *     refresh  REFRESH, each time with the newest refresh token
 *     login    AUTHORIZE, LOGIN, (CONSENT), TOKEN, all cookies forgotten before
 *     client   CLIENT alone: client_credentials, nobody signs in
 *
 * A user has two connections, to two different nodes: the browser's and the RP's.
 * One repetition is a unit; its latency runs from its first byte out to its last
 * byte in. Whatever does not answer as expected is an error: it is counted, the
 * first one is kept in words, and the user begins anew after a pause.
 * One thread. */
#ifndef BENCH_LOAD_FLOW_H
#define BENCH_LOAD_FLOW_H

#include "ops/bench.d/load_conn.h"
#include "ops/bench.d/load_hist.h"
#include "ops/bench.d/load_sign.h"

#define LOAD_TEXT 2048
#define LOAD_COOKIES 8

enum load_flow { LOAD_GET, LOAD_CODE, LOAD_REFRESH, LOAD_LOGIN, LOAD_CLIENT };
#define LOAD_FLOWS 5
enum load_step {
    LOAD_STEP_AUTHORIZE,
    LOAD_STEP_LOGIN,
    LOAD_STEP_CONSENT,
    LOAD_STEP_TOKEN,
    LOAD_STEP_REFRESH,
    LOAD_STEP_GET,
    LOAD_STEP_CLIENT,
    LOAD_STEPS,
};

struct load_options {
    enum load_flow flow;
    bool bearer;      /* LOAD_GET: send an access token */
    const char *path; /* LOAD_GET */
    const char *client_id;
    const char *client_secret; /* empty: a public client */
    const char *redirect_uri;
    const char *scope;
    const char *resource; /* LOAD_CLIENT: RFC 8707; empty: none */
    struct load_signer *signer; /* NULL: none */
    const char *audience; /* signer: an assertion instead of a secret; empty: not so */
    const char *endpoint; /* signer: DPoP proofs for this token endpoint; empty: none */
    const char *account, *password;
    unsigned sessions; /* so many users sign in, the others take over their cookies */
    uint64_t request_timeout_ms;
};

struct load_stats {
    bool measuring;
    uint64_t units, errors;
    struct load_hist unit;
    struct load_hist steps[LOAD_STEPS];
    char first_error[512];
};

struct load_cookie {
    char name[64];
    char value[1024];
};

struct load_user {
    const struct load_options *options;
    struct load_stats *stats;
    struct load_conn browser, back;
    struct load_user *teacher; /* whose cookies to take over; NULL: signs in itself */
    enum load_step step;
    bool ready;   /* set up: what it does now counts */
    bool waiting; /* for resume_ms, or for its teacher */
    uint64_t resume_ms;
    uint64_t unit_us, step_us; /* when they began */
    uint64_t serial;
    struct load_cookie cookies[LOAD_COOKIES];
    char login_state[12 * 1024];
    char code[513]; /* TOKEN_CODE_MAX */
    char access[LOAD_TEXT];
    char refresh[LOAD_TEXT];
    char verifier[44], challenge[44];
    char nonce[256]; /* for DPoP, as the server gave it last */
};

const char *load_step_name(enum load_step step);

/* False: no memory. `nodes` are those of the browser and of the RP. */
bool load_user_init(struct load_user *user, unsigned number,
                    const struct load_options *options, struct load_stats *stats,
                    int epoll, SSL_CTX *tls, const struct load_node *browser,
                    const struct load_node *back, struct load_user *teacher);
void load_user_close(struct load_user *user);
/* Begin, or go on when it is time. Call every few milliseconds. */
void load_user_poll(struct load_user *user);

uint64_t load_now_us(void);

#endif
