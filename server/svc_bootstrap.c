#include "server/svc_bootstrap.h"

#include <stdio.h>
#include <stdlib.h>

#include "raft/command.h"
#include "server/message_text.h"
#include "server/oidc/scope.h"
#include "server/svc_account.h"
#include "server/svc_keys.h"
#include "server/worker.h"
#include "store/base/log.h"

#define LOOK_EVERY_MS 100  /* while something is missing */
#define LOOK_LATER_MS 1000 /* for keys that are due to be replaced */
#define SUBMIT_WAIT_MS 5000
#define KEY_ARENA_MAX (256u * 1024)

struct svc_bootstrap {
    struct svc_shared *shared;
    struct store_read *read;
    struct sealer *sealer;
    struct worker *self;   /* the thread's own view of it */
    struct worker *worker; /* the owner's */
};

/* What the cluster needs now. */
struct missing {
    bool cluster;
    bool account_client; /* of the account's pages (svc_account.h) */
    struct wanted_key {
        bool due;
        bool exists;                  /* there is one, which it succeeds: */
        char replaces[LIMIT_KID + 1]; /* "": none */
    } key[KEY_ALG_LAST + 1];          /* by enum key_alg */
    uint64_t now_ms, rotate_ms;
};

/* The key of each algorithm that has no successor. */
static bool see_key(void *arg, const struct signing_key *key) {
    struct missing *missing = arg;
    struct wanted_key *wanted = &missing->key[key->alg];

    if (key->retires_ms != 0)
        return true;
    wanted->exists = true;
    wanted->due = missing->rotate_ms > 0 &&
                  missing->now_ms >= key->activates_ms + missing->rotate_ms;
    memcpy(wanted->replaces, key->kid, strlen(key->kid) + 1);
    return true;
}

static enum err look(struct svc_bootstrap *boot, struct missing *ret_missing) {
    struct missing missing = {
        .now_ms = repl_now_ms(boot->shared->repl),
        .rotate_ms = (uint64_t)boot->shared->config->key_rotate_s * 1000,
    };
    struct store_meta meta;
    struct id128 none = {{0}};
    struct client client;
    struct arena arena;
    bool has_client;
    enum err err;

    err = store_read_begin(boot->read);
    if (err)
        return err;
    arena_init(&arena, KEY_ARENA_MAX);
    err = store_read_meta(boot->read, &meta);
    if (!err)
        err = store_key_walk(boot->read, &arena, see_key, &missing);
    if (!err)
        err = store_client_get(boot->read, &arena, span_str(SELF_CLIENT_ID), &client);
    has_client = err == OK;
    if (err == ERR_NOT_FOUND)
        err = OK;
    store_read_end(boot->read);
    arena_close(&arena);
    if (err)
        return err;
    for (int alg = KEY_RS256; alg <= KEY_ALG_LAST; alg++)
        missing.key[alg].due |= !missing.key[alg].exists;
    missing.account_client = !has_client;
    missing.cluster = memcmp(&meta.cluster_id, &none, sizeof none) == 0;
    *ret_missing = missing;
    return OK;
}

/* OK also when another node was first. */
static enum err submit(struct svc_bootstrap *boot, const struct command *command) {
    enum outcome_code code;
    enum err err = worker_submit(boot->self, command, SUBMIT_WAIT_MS, &code);

    if (!err && code != OUT_OK && code != OUT_EXISTS)
        err = ERR_NO_LEADER; /* not now: looked at again */
    return err;
}

static enum err add_key(struct svc_bootstrap *boot, enum key_alg alg,
                        const char *replaces) {
    struct command command = {.type = CMD_KEY_ADD};
    struct arena arena;
    enum err err;

    arena_init(&arena, KEY_ARENA_MAX);
    err = jwt_key_generate(alg, boot->sealer, &arena, &command.key_add.key);
    if (!err) {
        command.key_add.replaces = replaces;
        command.key_add.delay_ms = boot->shared->config->key_publish_s * 1000;
        command.key_add.keep_ms = SVC_KEY_KEEP_MS;
        err = submit(boot, &command);
    }
    if (!err)
        log_event(LOG_INFO, "cluster.key_added",
                  log_str("kid", command.key_add.key.kid),
                  log_str("replaces", replaces), log_end());
    arena_close(&arena);
    return err;
}

/* A client that nobody can be: it has no secret and no key. */
static enum err add_account_client(struct svc_bootstrap *boot) {
    const struct config *config = boot->shared->config;
    struct message_place place = message_place(config->issuer, config->environment);
    struct command command = {.type = CMD_CLIENT_PUT};
    struct client *client = &command.client_put.client;
    char uri[LIMIT_REDIRECT_URI];

    snprintf(uri, sizeof uri, "%.*s/account/signed-in", (int)place.origin.len,
             (const char *)place.origin.data);
    *client = (struct client){
        .client_id = SELF_CLIENT_ID,
        .name = message_product(config->environment, false),
        .ministry = "",
        .start_month = "",
        .environment = config->environment,
        .profile = CLIENT_STANDARD,
        .auth = CLIENT_AUTH_PRIVATE_KEY_JWT,
        .id_token_alg = CLIENT_ES256,
        .government = true, /* nobody is asked whether they consent to themselves */
        .stage = CLIENT_LIVE,
        .scopes = SCOPE_OPENID,
        .account_types =
            1u << ACCOUNT_ENTRY | 1u << ACCOUNT_PRIME | 1u << ACCOUNT_MEMBER,
        .redirect_uris = {uri},
        .redirect_uris_count = 1,
    };
    return submit(boot, &command);
}

static enum err supply(struct svc_bootstrap *boot, const struct missing *missing) {
    static const enum key_alg order[] = {KEY_ES256, KEY_RS256, KEY_PS256};
    struct command init = {.type = CMD_CLUSTER_INIT};
    enum err err = OK;

    if (missing->cluster) {
        init.cluster_init.cluster_id = boot->shared->config->cluster_id;
        err = submit(boot, &init);
        if (!err)
            log_event(LOG_INFO, "cluster.initialized", log_end());
    }
    /* The quick one first: nodes with ES256 clients can serve a second earlier. */
    for (size_t i = 0; i < sizeof order / sizeof order[0] && !err; i++)
        if (missing->key[order[i]].due)
            err = add_key(boot, order[i], missing->key[order[i]].replaces);
    if (!err && missing->account_client)
        err = add_account_client(boot);
    return err;
}

static bool leads(struct svc_bootstrap *boot) {
    struct repl_status status;

    repl_status(boot->shared->repl, &status);
    return status.leader_id == status.node_id;
}

static bool complete(const struct missing *missing) {
    bool all = !missing->cluster && !missing->account_client;

    for (int alg = KEY_RS256; alg <= KEY_ALG_LAST; alg++)
        all = all && !missing->key[alg].due;
    return all;
}

static void run(struct worker *worker, void *arg) {
    struct svc_bootstrap *boot = arg;
    struct missing missing;
    enum err err, logged = OK;
    bool rest;

    boot->self = worker;
    do {
        err = look(boot, &missing);
        rest = !err && complete(&missing);
        if (!err && !rest && leads(boot))
            err = supply(boot, &missing);
        /* Ten a second: only what is new is worth a line. */
        if (err && err != logged)
            log_event(LOG_WARN, "cluster.bootstrap_retry", log_str("why", err_str(err)),
                      log_end());
        logged = err;
    } while (!worker_sleep(worker, rest ? LOOK_LATER_MS : LOOK_EVERY_MS));
}

static void release(struct svc_bootstrap *boot) {
    if (boot->read)
        store_read_free(boot->read);
    if (boot->sealer)
        sealer_free(boot->sealer);
    free(boot);
}

enum err svc_bootstrap_start(struct svc_shared *shared,
                             struct svc_bootstrap **ret_bootstrap) {
    struct svc_bootstrap *boot = calloc(1, sizeof *boot);
    enum err err;

    if (!boot)
        return ERR_NOMEM;
    boot->shared = shared;
    err = store_read_new(shared->store, &boot->read);
    if (!err)
        err = sealer_new(shared->keyring, &shared->random, &boot->sealer);
    if (!err)
        err = worker_start(shared, run, boot, &boot->worker);
    if (err) {
        release(boot);
        return err;
    }
    *ret_bootstrap = boot;
    return OK;
}

void svc_bootstrap_stop(struct svc_bootstrap *boot) {
    if (!boot)
        return;
    worker_stop(boot->worker);
    release(boot);
}
