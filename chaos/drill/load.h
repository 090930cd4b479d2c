/* load: people and services that use the cluster while it is hurt.
 *
 * Each person is a thread with a browser and an account of their own, and does one thing
 * at a time: sign-ins, codes, refreshes, sign-outs, registrations, new passwords, papers
 * that come in, at the rates that the experiment asks for. Beside them the operation
 * centers work on what came in (center.h). What they do goes to the tally (was it
 * answered well, when), and as a history to the checker (chaos/checker/history.h):
 *
 *   session      set       add by a sign-in, remove by a sign-out, contains at any node
 *   code         once      take by a redemption; a second one for some
 *   refresh      family    rotate; the same again when the answer was lost
 *   account      set       an address asks for mailed links at two balancers; with both at
 *                          once somebody adds the account: one may succeed. On hosts,
 *                          whose mail goes elsewhere, operators add it at two nodes
 *   password     register  cas by a change; a sign-in is a cas of a version to itself
 *   application  set       add, as accounts
 *   OCR job      job       lease, verdict, late
 *   review       job       a claim is a lease, a decision a verdict
 *
 * A node may answer with data that are as old as the staleness bound: what it says of a
 * session counts as asked that much earlier (LOAD_STALE_US). At the end all that was
 * acknowledged is asked for once more. Thread: the main one calls. */
#ifndef CHAOS_DRILL_LOAD_H
#define CHAOS_DRILL_LOAD_H

#include <stdatomic.h>

#include "chaos/checker/history.h"
#include "chaos/drill/experiment.h"
#include "chaos/drill/tally.h"

#define LOAD_PEOPLE_MAX 128
#define LOAD_SESSIONS_MAX 4096
#define LOAD_STALE_US 3200000u
#define LOAD_TIMEOUT_MS 4000
#define LOAD_COOKIES_MAX 4096
#define LOAD_PASSWORDS 4
#define LOAD_VERSIONS_MAX 6
#define LOAD_REGISTRATIONS_MAX 1024
#define LOAD_LINKS 2

struct load_session {
    uint64_t key;
    char *cookies; /* lines of libcurl's cookie list */
    bool ended;    /* signed out, or it is not known whether */
};

/* An account that several people share, to change its password in each other's way. */
struct load_password {
    char account[64];
    uint64_t key;
    uint64_t versions[LOAD_VERSIONS_MAX]; /* that may be it, the likeliest first; 0: the
                                             one that it was made with */
    size_t count;
};

/* Somebody who wants an Entry account; links come by mail. */
struct load_registration {
    char account[64];
    uint64_t key;
    unsigned links;   /* asked for, and acknowledged */
    bool taken, used; /* somebody is at it; the forms have been sent */
};

struct center;

struct load {
    struct lab *lab;
    const struct experiment *experiment;
    struct tally *tally;
    struct history history;
    pthread_mutex_t lock; /* of history and sessions */
    struct load_session sessions[LOAD_SESSIONS_MAX];
    size_t sessions_count;
    struct load_session before[LOAD_SESSIONS_MAX]; /* of the epoch that is over */
    size_t before_count;
    struct load_password passwords[2][LOAD_PASSWORDS]; /* by epoch, under the lock */
    struct load_registration registrations[LOAD_REGISTRATIONS_MAX]; /* of this epoch */
    size_t registrations_count;
    size_t links_asked, links_missing; /* of the mail, by the end */
    struct center *center;
    atomic_ullong next_key;
    atomic_uint epoch;
    atomic_bool stop;
    char client_secret[64], password[64];
    /* Of this drill alone where the cluster stays: "drill", "drill-1a2b"; "", "-1a2b". */
    char client_id[40], suffix[24];
    pthread_t threads[LOAD_PEOPLE_MAX];
    size_t threads_count;
    uint64_t seed;
    size_t wrong_accepts; /* codes taken whose time was over */
    char why[1024];
};

/* The relying party and the accounts. False: load->why. */
bool load_prepare(struct load *load, struct lab *lab,
                  const struct experiment *experiment, struct tally *tally,
                  uint64_t seed);
struct http;
/* An Entry account with the load's password, at the operators' door of one node; status as
 * of http_json. */
int load_add_account(const struct load *load, struct http *operator, const char *id,
                     unsigned node);
bool load_start(struct load *load);
/* The state begins anew: what is recorded is void, and what was open is to be dead. */
void load_new_epoch(struct load *load);
/* Ends the threads. */
void load_stop(struct load *load);
/* Asks for all that was acknowledged. How many sessions of an epoch that is over live.
 * Ends at once when `go_on` says so. */
size_t load_read_back(struct load *load, bool (*go_on)(void));
void load_free(struct load *load);

/* Who asks, for the history. An operation of an epoch that is over is dropped. */
struct load_actor {
    struct load *load;
    unsigned process, epoch;
};
/* The operation's number. op->process is filled in. Thread: any. */
size_t load_called(const struct load_actor *actor, struct history_op op);
/* `result` LOAD_UNKNOWN: no answer that tells; LOAD_NOT_DONE: it is known not to have
 * happened. */
#define LOAD_UNKNOWN (-1)
#define LOAD_NOT_DONE (-2)
void load_returned(const struct load_actor *actor, size_t number, int64_t result);
/* As load_returned, of an operation that turned out to be another one. */
void load_turned_out(const struct load_actor *actor, size_t number,
                     enum history_kind kind, int64_t result);

/* ---- journey.c: what a person does */

struct load_late {
    char code[128];
    uint64_t due_us;
};

struct person {
    struct load *load;
    unsigned number, epoch;
    struct http *browser, *back;
    char account[64];
    uint64_t random;
    uint64_t aside_us; /* of the operation: spent on what no browser would do */
    bool aside;        /* all of it was that: a node was asked directly */
    bool signed_in;
    size_t session; /* index in load->sessions; LOAD_SESSIONS_MAX: not kept */
    uint64_t session_key;
    bool has_refresh;
    char refresh[512];
    uint64_t family, generation, lost_us; /* lost_us: an answer was, then */
    struct load_late late[8];
    size_t late_count;
};

/* One thing; true: it went as it should. `ret_status`: of the last answer. */
bool journey_do(struct person *person, enum load_kind kind, int *ret_status);
/* Is the session of these cookies alive? 1, 0, -1: no answer that tells. */
int journey_alive(const struct load *load, struct http *browser, const char *direct);
/* Account ID and password on the sign-in page. 1: signed in; 0: they are none of the
 * account's; LOAD_UNKNOWN, LOAD_NOT_DONE. */
int journey_sign_in(struct person *person, struct http *browser, const char *account,
                    const char *password, int *ret_status);
uint64_t journey_draw(struct person *person, uint64_t below);
size_t journey_called(struct person *person, enum history_model model,
                      enum history_kind kind, uint64_t key, uint64_t argument,
                      uint64_t at_us);
void journey_returned(struct person *person, size_t number, int64_t result);
/* journey_password.c */
bool journey_password(struct person *person, int *ret_status);
void journey_passwords_read_back(struct load *load, struct http *browser,
                                 bool (*go_on)(void));
/* journey_register.c */
bool journey_register(struct person *person, int *ret_status);
/* Waits for mail that is on its way, and asks for every account. */
void journey_registrations_read_back(struct load *load, struct http *browser,
                                     bool (*go_on)(void));
/* journey_intake.c: an application and its paper. */
bool journey_intake(struct person *person, int *ret_status);

#endif
