/* scale_fill: rows for `ops/bench scale`, and certificates for its nodes.
 *
 *   scale_fill certs DIR CLUSTER_HEX COUNT   ca<N>.pem, node<N>.pem, node<N>.key
 *   scale_fill rows STORE FROM TO MAP_GIB    accounts FROM to TO - 1 with all they own
 *   scale_fill take DIR NODE CLUSTER_HEX DONOR ADDRESS OUT MAP_GIB
 *                                            an image from a node that runs, as a node
 *                                            with NODE's certificate takes it; OUT "-":
 *                                            kept nowhere, the donor's work alone
 *
 * `rows` leaves index, term and clock as they are, so that the store still stands
 * where its node's log stands; the digest follows the rows. The rows depend on the
 * numbers FROM to TO and on the store's clock alone. No node may run on the store
 * meanwhile. Each account has one session, grant, access token and refresh token,
 * all of them live for an hour at least, so that nothing is swept in a run. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "raft/peer_image.h"
#include "store/base/check.h"
#include "store/base/codec.h"
#include "store/store_account.h"
#include "store/store_grant.h"
#include "store/store_image.h"
#include "store/store_session.h"
#include "store/store_write.h"
#include "tests/unit/raft/repl_pki.h"

#define ACCOUNTS_A_COMMIT 20000u
#define HOUR_MS UINT64_C(3600000)

enum kind { SUB = 1, LOGIN, SESSION, SID, CODE, ACCESS, REFRESH, TIMES };

static _Noreturn void fail(const char *what, enum err err) {
    fprintf(stderr, "scale_fill: %s: %s\n", what, err_str(err));
    exit(1);
}

static void must(const char *what, enum err err) {
    if (err != OK) {
        fail(what, err);
    }
}

/* splitmix64: what it gives for different numbers is as good as random. */
static uint64_t mix(uint64_t x) {
    x += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

static struct key_hash key_of(uint64_t number, enum kind kind) {
    uint64_t parts[2] = {mix(number * 16 + kind), mix(~(number * 16 + kind))};
    struct key_hash key;
    memcpy(key.b, parts, sizeof(key.b));
    return key;
}

static struct id128 id_of(uint64_t number, enum kind kind) {
    struct key_hash key = key_of(number, kind);
    struct id128 id;
    memcpy(id.b, key.b, sizeof(id.b));
    return id;
}

/* From `hours` to twice as many after the clock. */
static uint64_t end_of(uint64_t clock_ms, uint64_t number, uint64_t hours) {
    return clock_ms + hours * HOUR_MS +
           mix(number * 16 + TIMES + hours) % (hours * HOUR_MS);
}

static void put_account(struct store_write *write, uint64_t n, uint64_t clock_ms) {
    static const char hash[] = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0$"
                               "aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNoaGFzaA";
    uint8_t profile[200]; /* sealed: name, address, telephone, corporate number */
    for (size_t i = 0; i < sizeof(profile); i += 8) {
        uint64_t random = mix(n * 64 + i);
        memcpy(profile + i, &random, 8);
    }
    struct account account = {.sub = id_of(n, SUB),
                              .login_index = key_of(n, LOGIN),
                              .type = ACCOUNT_ENTRY,
                              .state = ACCOUNT_ACTIVE,
                              .generation = 1,
                              .password_hash = span_str(hash),
                              .sealed_profile = span_of(profile, sizeof(profile)),
                              .created_ms = clock_ms};
    must("account", store_account_put(write, &account));
}

static void put_session(struct store_write *write, uint64_t n, uint64_t clock_ms) {
    struct session session = {.key = key_of(n, SESSION),
                              .sid = id_of(n, SID),
                              .sub = id_of(n, SUB),
                              .generation = 1,
                              .auth_time_ms = clock_ms,
                              .idle_at_ms = end_of(clock_ms, n, 2),
                              .expires_ms = end_of(clock_ms, n, 8)};
    must("session", store_session_put(write, &session));
}

static void put_grant(struct store_write *write, uint64_t n, uint64_t clock_ms) {
    struct grant grant = {.code = key_of(n, CODE),
                          .state = GRANT_REDEEMED,
                          .sub = id_of(n, SUB),
                          .generation = 1,
                          .session = key_of(n, SESSION),
                          .sid = id_of(n, SID),
                          .client_id = span_str("grants-portal"),
                          .redirect_uri = span_str("https://rp.example/callback"),
                          .scopes = 7,
                          .nonce = span_str("n-0S6_WzA2Mjn-0S6_WzA2Mj"),
                          .challenge_method = CHALLENGE_S256,
                          .auth_time_ms = clock_ms,
                          .code_expires_ms = clock_ms,
                          .expires_ms = end_of(clock_ms, n, 720)};
    must("grant", store_grant_put(write, &grant));
    struct access_token access = {.key = key_of(n, ACCESS),
                                  .grant = grant.code,
                                  .sub = grant.sub,
                                  .scopes = grant.scopes,
                                  .expires_ms = end_of(clock_ms, n, 1)};
    must("access token", store_access_put(write, &access));
    struct refresh_token refresh = {.key = key_of(n, REFRESH),
                                    .grant = grant.code,
                                    .state = REFRESH_LIVE,
                                    .scopes = grant.scopes,
                                    .expires_ms = grant.expires_ms};
    must("refresh token", store_refresh_put(write, &refresh));
}

static struct store *open_store(const char *dir, const char *map_gib) {
    struct store_config config = {
        .dir = dir, .map_bytes = strtoull(map_gib, NULL, 10) << 30, .readers_max = 64};
    struct store *store;
    must(dir, store_open(&config, &store));
    return store;
}

static struct store_meta meta_of(struct store *store) {
    struct store_read *read;
    struct store_meta meta;
    must("reader", store_read_new(store, &read));
    must("snapshot", store_read_begin(read));
    must("meta", store_read_meta(read, &meta));
    store_read_end(read);
    store_read_free(read);
    return meta;
}

static int do_rows(char **argv) {
    struct store *store = open_store(argv[2], argv[5]);
    uint64_t from = strtoull(argv[3], NULL, 10), to = strtoull(argv[4], NULL, 10);
    struct store_meta meta = meta_of(store);
    struct store_write *write;
    for (uint64_t n = from; n < to;) {
        must("begin", store_write_begin(store, &write));
        for (uint64_t stop = n + ACCOUNTS_A_COMMIT; n < to && n < stop; n++) {
            put_account(write, n, meta.clock_ms);
            put_session(write, n, meta.clock_ms);
            put_grant(write, n, meta.clock_ms);
        }
        must("commit", store_write_commit(write, &meta));
        fprintf(stderr, "\r%" PRIu64 " of %" PRIu64 " accounts", n, to);
    }
    fprintf(stderr, "\n");
    must("sync", store_sync(store));
    printf("{\"used_bytes\": %" PRIu64 "}\n", store_used_bytes(store));
    store_close(store);
    return 0;
}

static int do_certs(char **argv) {
    struct id128 cluster;
    struct repl_pki *pki = repl_pki_new();
    uint64_t count = strtoull(argv[4], NULL, 10);
    must("cluster id", hex_decode(span_str(argv[3]), cluster.b, sizeof(cluster.b)));
    for (uint64_t id = 1; id <= count; id++) {
        char ca[512], cert[512], key[512];
        snprintf(ca, sizeof(ca), "%s/ca%" PRIu64 ".pem", argv[2], id);
        snprintf(cert, sizeof(cert), "%s/node%" PRIu64 ".pem", argv[2], id);
        snprintf(key, sizeof(key), "%s/node%" PRIu64 ".key", argv[2], id);
        repl_pki_write_ca(pki, ca);
        repl_pki_issue(pki, cluster, id, 30, cert, key);
    }
    repl_pki_free(pki);
    return 0;
}

static double mono_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

struct taking {
    struct image_sink *sink; /* NULL: kept nowhere */
    uint64_t bytes;
};

static enum err feed(void *arg, struct span bytes, char why[256]) {
    struct taking *taking = arg;
    taking->bytes += bytes.len;
    return taking->sink != NULL ? store_image_sink_feed(taking->sink, bytes, why) : OK;
}

static void take_image(char **argv, struct taking *taking) {
    char ca[1024], cert[1024], key[1024], why[256] = "";
    struct peer_image_take take = {.node_id = strtoull(argv[3], NULL, 10),
                                   .tls = {ca, cert, key},
                                   .donors_count = 1,
                                   .clock = port_system_clock};
    must("cluster id", hex_decode(span_str(argv[4]), take.cluster_id.b,
                                  sizeof(take.cluster_id.b)));
    snprintf(ca, sizeof(ca), "%s/ca%s.pem", argv[2], argv[3]);
    snprintf(cert, sizeof(cert), "%s/node%s.pem", argv[2], argv[3]);
    snprintf(key, sizeof(key), "%s/node%s.key", argv[2], argv[3]);
    take.donors[0].id = strtoull(argv[5], NULL, 10);
    snprintf(take.donors[0].address, sizeof(take.donors[0].address), "%s", argv[6]);
    enum err err = peer_image_take_to(&take, 0, feed, taking, why);
    struct image_head head;
    if (err == OK && taking->sink != NULL) {
        err = store_image_sink_finish(taking->sink, &head, why);
    }
    if (err != OK) {
        fail(why, err);
    }
}

static int do_take(char **argv) {
    struct taking taking = {0};
    struct image_sink_config config = {.dir = argv[7],
                                       .map_bytes = strtoull(argv[8], NULL, 10) << 30,
                                       .use = IMAGE_COPY};
    char why[256] = "";
    double begun = mono_s();
    must("cluster id", hex_decode(span_str(argv[4]), config.cluster_id.b,
                                  sizeof(config.cluster_id.b)));
    if (strcmp(argv[7], "-") != 0 &&
        store_image_sink_new(&config, &taking.sink, why) != OK) {
        fail(why, ERR_IO);
    }
    take_image(argv, &taking);
    store_image_sink_free(taking.sink);
    printf("{\"bytes\": %" PRIu64 ", \"seconds\": %.3f}\n", taking.bytes,
           mono_s() - begun);
    return 0;
}

int main(int argc, char **argv) {
    if (argc == 5 && strcmp(argv[1], "certs") == 0) {
        return do_certs(argv);
    }
    if (argc == 6 && strcmp(argv[1], "rows") == 0) {
        return do_rows(argv);
    }
    if (argc == 9 && strcmp(argv[1], "take") == 0) {
        return do_take(argv);
    }
    fprintf(stderr, "scale_fill certs|rows|take ...: see its source\n");
    return 64;
}
