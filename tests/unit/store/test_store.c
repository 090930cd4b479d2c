/* Tables, transactions, digest, expiry and their survival of a reopening. */
#include "tests/unit/store/unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/store_account.h"
#include "store/store_audit.h"
#include "store/store_client.h"
#include "store/store_expiry.h"
#include "store/store_grant.h"
#include "store/store_key.h"
#include "store/store_outcome.h"
#include "store/store_session.h"
#include "store/store_table.h"
#include "tests/unit/store/store_fixture.h"

struct fixture {
    struct store_fixture store;
    struct arena arena;
    struct store_write *write;
    struct store_read *read; /* of `write` */
};

static int setup(void **state) {
    struct fixture *fx = calloc(1, sizeof *fx);
    assert_non_null(fx);
    store_fixture_open(&fx->store);
    arena_init(&fx->arena, 1 << 20);
    *state = fx;
    return 0;
}

static int teardown(void **state) {
    struct fixture *fx = *state;
    store_fixture_close(&fx->store);
    arena_close(&fx->arena);
    free(fx);
    return 0;
}

static void begin(struct fixture *fx) {
    assert_ok(store_write_begin(fx->store.store, &fx->write));
    fx->read = store_write_reader(fx->write);
}

static void commit(struct fixture *fx, uint64_t index) {
    struct store_meta meta = {.applied_index = index, .applied_term = 1};
    assert_ok(store_write_commit(fx->write, &meta));
    assert_digest_sound(fx->store.store);
}

static struct account account_of(uint64_t n) {
    return (struct account){
        .sub = id_of(n),
        .login_index = key_of(n + 1000),
        .type = ACCOUNT_PRIME,
        .state = ACCOUNT_ACTIVE,
        .generation = 3,
        .password_hash = span_str("$argon2id$v=19$"),
        .sealed_profile = span_of("\0\1\2", 3),
        .created_ms = 5,
    };
}

static struct grant grant_of(uint64_t n, uint64_t session) {
    return (struct grant){
        .code = key_of(n),
        .state = GRANT_ISSUED,
        .sub = id_of(1),
        .generation = 1,
        .session = key_of(session),
        .sid = id_of(session),
        .client_id = span_str("rp"),
        .redirect_uri = span_str("https://rp.example/cb"),
        .scopes = 3,
        .nonce = span_str("n"),
        .challenge_method = CHALLENGE_S256,
        .challenge = {1, 2, 3},
        .auth_time_ms = 10,
        .code_expires_ms = 20,
        .expires_ms = 100 + n,
    };
}

static void an_empty_store_has_an_empty_head(void **state) {
    struct fixture *fx = *state;
    struct store_meta meta = meta_of(fx->store.store);
    static const struct store_meta zero;

    assert_memory_equal(&meta, &zero, sizeof meta);
    assert_digest_sound(fx->store.store);
    assert_true(store_used_bytes(fx->store.store) > 0);
    assert_ok(store_sync(fx->store.store));
}

static void the_head_survives_a_reopening(void **state) {
    struct fixture *fx = *state;
    struct store_meta meta = {.applied_index = 7,
                              .applied_term = 2,
                              .clock_ms = 99,
                              .fsm_version = 1,
                              .epoch = 4,
                              .cluster_id = id_of(3)};
    struct store_meta got;

    begin(fx);
    assert_ok(store_consent_put(fx->write, id_of(1), span_str("rp"), 5));
    assert_ok(store_write_commit(fx->write, &meta));
    store_fixture_reopen(&fx->store);
    got = meta_of(fx->store.store);
    assert_int_equal(got.applied_index, 7);
    assert_int_equal(got.applied_term, 2);
    assert_int_equal(got.clock_ms, 99);
    assert_int_equal(got.fsm_version, 1);
    assert_int_equal(got.epoch, 4);
    assert_memory_equal(got.cluster_id.b, meta.cluster_id.b, 16);
    assert_true(got.digest.lo != 0 || got.digest.hi != 0);
    assert_digest_sound(fx->store.store);
}

static void an_abort_leaves_nothing(void **state) {
    struct fixture *fx = *state;
    uint64_t scopes = 9;

    begin(fx);
    assert_ok(store_consent_put(fx->write, id_of(1), span_str("rp"), 5));
    store_write_abort(fx->write);
    store_write_abort(NULL);
    begin(fx);
    assert_ok(store_consent_get(fx->read, id_of(1), span_str("rp"), &scopes));
    assert_int_equal(scopes, 0);
    commit(fx, 1);
}

/* A process that ends between its puts and the commit. */
static void a_crash_before_the_commit_leaves_nothing(void **state) {
    struct fixture *fx = *state;
    struct store_config config = {
        .dir = fx->store.dir, .map_bytes = 256u * 1024 * 1024, .readers_max = 16};
    uint64_t scopes = 9;
    int status;
    pid_t child;

    begin(fx);
    assert_ok(store_consent_put(fx->write, id_of(1), span_str("rp"), 5));
    commit(fx, 1);
    store_close(fx->store.store);
    fx->store.store = NULL;
    child = fork();
    if (child == 0) {
        struct store *store;
        struct store_write *write;
        if (store_open(&config, &store) != OK ||
            store_write_begin(store, &write) != OK ||
            store_consent_put(write, id_of(1), span_str("rp"), 6) != OK) {
            _exit(1);
        }
        _exit(0);
    }
    assert_true(child > 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_ok(store_open(&config, &fx->store.store));
    assert_int_equal(meta_of(fx->store.store).applied_index, 1);
    begin(fx);
    assert_ok(store_consent_get(fx->read, id_of(1), span_str("rp"), &scopes));
    assert_int_equal(scopes, 5);
    commit(fx, 2);
}

static void a_snapshot_does_not_see_later_commits(void **state) {
    struct fixture *fx = *state;
    struct store_read *read;
    uint64_t scopes = 9;

    assert_ok(store_read_new(fx->store.store, &read));
    assert_ok(store_read_begin(read));
    begin(fx);
    assert_ok(store_consent_put(fx->write, id_of(1), span_str("rp"), 5));
    commit(fx, 1);
    assert_ok(store_consent_get(read, id_of(1), span_str("rp"), &scopes));
    assert_int_equal(scopes, 0);
    store_read_end(read);
    assert_ok(store_read_begin(read));
    assert_ok(store_consent_get(read, id_of(1), span_str("rp"), &scopes));
    assert_int_equal(scopes, 5);
    store_read_end(read);
    store_read_free(read);
    store_read_free(NULL);
}

static void equal_states_have_equal_digests(void **state) {
    struct fixture *fx = *state;
    struct store_digest first;

    begin(fx);
    assert_ok(store_consent_put(fx->write, id_of(1), span_str("a"), 1));
    assert_ok(store_consent_put(fx->write, id_of(1), span_str("b"), 2));
    first = store_write_digest(fx->write);
    store_write_abort(fx->write);

    begin(fx);
    assert_ok(store_consent_put(fx->write, id_of(1), span_str("b"), 7));
    assert_ok(store_consent_put(fx->write, id_of(2), span_str("a"), 1));
    assert_ok(store_consent_put(fx->write, id_of(1), span_str("a"), 1));
    assert_ok(store_consent_put(fx->write, id_of(1), span_str("b"), 2));
    assert_int_not_equal(first.lo, store_write_digest(fx->write).lo);
    struct id128 two = id_of(2);
    uint8_t key[17];
    memcpy(key, two.b, 16);
    key[16] = 'a';
    assert_ok(store_table_del(fx->write, TABLE_CONSENT, span_of(key, 17)));
    assert_int_equal(first.lo, store_write_digest(fx->write).lo);
    assert_int_equal(first.hi, store_write_digest(fx->write).hi);
    assert_err(store_table_del(fx->write, TABLE_CONSENT, span_of(key, 17)),
               ERR_NOT_FOUND);
    commit(fx, 1);
}

static void accounts_keep_their_login_index(void **state) {
    struct fixture *fx = *state;
    struct account account = account_of(1), got;
    struct account other = account_of(2);

    begin(fx);
    assert_err(store_account_get(fx->read, &fx->arena, id_of(1), &got), ERR_NOT_FOUND);
    assert_err(store_account_find(fx->read, &fx->arena, key_of(1001), &got),
               ERR_NOT_FOUND);
    account.has_parent = true;
    account.parent_sub = id_of(77);
    assert_ok(store_account_put(fx->write, &account));
    assert_ok(store_account_find(fx->read, &fx->arena, key_of(1001), &got));
    assert_memory_equal(got.sub.b, account.sub.b, 16);
    assert_memory_equal(got.login_index.b, account.login_index.b, 16);
    assert_int_equal(got.type, ACCOUNT_PRIME);
    assert_int_equal(got.state, ACCOUNT_ACTIVE);
    assert_int_equal(got.generation, 3);
    assert_int_equal(got.created_ms, 5);
    assert_true(got.has_parent);
    assert_memory_equal(got.parent_sub.b, account.parent_sub.b, 16);
    assert_true(span_equal(got.password_hash, account.password_hash));
    assert_true(span_equal(got.sealed_profile, account.sealed_profile));

    other.login_index = account.login_index;
    assert_err(store_account_put(fx->write, &other), ERR_EXISTS);
    assert_err(store_account_get(fx->read, &fx->arena, id_of(2), &got), ERR_NOT_FOUND);

    account.login_index = key_of(5);
    assert_ok(store_account_put(fx->write, &account));
    assert_err(store_account_find(fx->read, &fx->arena, key_of(1001), &got),
               ERR_NOT_FOUND);
    assert_ok(store_account_put(fx->write, &other)); /* the old one is free again */
    commit(fx, 1);
}

static void clients_come_back_whole_and_in_order(void **state) {
    struct fixture *fx = *state;
    struct client client = {
        .client_id = "b",
        .name = "補助金電子申請",
        .ministry = "",
        .start_month = "2026-04",
        .environment = ENV_DEMO,
        .profile = CLIENT_GBIZID,
        .auth = CLIENT_AUTH_BASIC,
        .id_token_alg = CLIENT_ES256,
        .native = true,
        .stage = CLIENT_RETIRED,
        .secret_hash = {9, 8, 7},
        .scopes = UINT64_MAX,
        .account_types = 6,
        .redirect_uris = {"https://a/", "https://b/"},
        .redirect_uris_count = 2,
        .post_logout_uris = {"https://c/"},
        .post_logout_uris_count = 1,
        .created_ms = 3,
    };
    struct client got;

    begin(fx);
    assert_ok(store_client_put(fx->write, &client));
    assert_ok(store_client_get(fx->read, &fx->arena, span_str("b"), &got));
    assert_string_equal(got.client_id, "b");
    assert_string_equal(got.name, client.name);
    assert_string_equal(got.ministry, "");
    assert_string_equal(got.start_month, "2026-04");
    assert_int_equal(got.environment, ENV_DEMO);
    assert_int_equal(got.profile, CLIENT_GBIZID);
    assert_int_equal(got.auth, CLIENT_AUTH_BASIC);
    assert_int_equal(got.id_token_alg, CLIENT_ES256);
    assert_true(got.native && got.stage == CLIENT_RETIRED && !got.government);
    assert_memory_equal(got.secret_hash, client.secret_hash, 32);
    assert_int_equal(got.scopes, UINT64_MAX);
    assert_int_equal(got.account_types, 6);
    assert_int_equal(got.redirect_uris_count, 2);
    assert_string_equal(got.redirect_uris[1], "https://b/");
    assert_int_equal(got.post_logout_uris_count, 1);
    assert_int_equal(got.created_ms, 3);
    assert_err(store_client_get(fx->read, &fx->arena, span_str("nobody"), &got),
               ERR_NOT_FOUND);
    assert_err(store_client_get(fx->read, &fx->arena, span_str(""), &got),
               ERR_NOT_FOUND);
    static const char longer[600] = {'x'};
    assert_err(store_client_get(fx->read, &fx->arena, span_of(longer, 600), &got),
               ERR_NOT_FOUND);
    commit(fx, 1);
}

static bool collect_client(void *arg, const struct client *client) {
    char *seen = arg;
    seen[strlen(seen)] = client->client_id[0];
    return strlen(seen) < 2;
}

static void a_walk_over_clients_stops_when_told(void **state) {
    struct fixture *fx = *state;
    struct client client = {.name = "",
                            .ministry = "",
                            .start_month = "",
                            .environment = ENV_DEMO,
                            .stage = CLIENT_LIVE,
                            .profile = CLIENT_STANDARD,
                            .auth = CLIENT_AUTH_NONE,
                            .id_token_alg = CLIENT_RS256};
    char seen[8] = "";

    begin(fx);
    assert_ok(store_client_walk(fx->read, &fx->arena, collect_client, seen));
    assert_string_equal(seen, "");
    for (const char *id = "cab"; *id != '\0'; id++) {
        char name[2] = {*id, '\0'};
        client.client_id = name;
        assert_ok(store_client_put(fx->write, &client));
    }
    assert_ok(store_client_walk(fx->read, &fx->arena, collect_client, seen));
    assert_string_equal(seen, "ab");
    commit(fx, 1);
}

static bool count_key(void *arg, const struct signing_key *key) {
    assert_true(key->alg == KEY_ES256);
    assert_true(span_is(key->public_jwk, "{}"));
    assert_true(span_is(key->sealed_private, "sealed"));
    (*(int *)arg)++;
    return true;
}

static void keys_raise_their_version(void **state) {
    struct fixture *fx = *state;
    struct signing_key key = {.kid = "k1",
                              .alg = KEY_ES256,
                              .public_jwk = span_str("{}"),
                              .sealed_private = span_str("sealed"),
                              .created_ms = 1};
    uint64_t before, after;
    int count = 0;

    begin(fx);
    assert_ok(store_key_version(fx->read, &before));
    assert_ok(store_key_put(fx->write, &key));
    assert_ok(store_key_version(fx->read, &after));
    assert_int_not_equal(before, after);
    key.retires_ms = 5;
    key.ends_ms = 6;
    before = after;
    assert_ok(store_key_put(fx->write, &key));
    assert_ok(store_key_version(fx->read, &after));
    assert_int_not_equal(before, after);
    assert_ok(store_key_walk(fx->read, &fx->arena, count_key, &count));
    assert_int_equal(count, 1);
    commit(fx, 1);
}

static uint64_t rows(struct fixture *fx, enum store_table table) {
    return store_table_rows(fx->read, table);
}

static void sessions_keep_one_expiry_entry(void **state) {
    struct fixture *fx = *state;
    struct session session = {.key = key_of(1),
                              .sid = id_of(2),
                              .sub = id_of(3),
                              .generation = 4,
                              .auth_time_ms = 5,
                              .idle_at_ms = 60,
                              .expires_ms = 100};
    struct session got;
    struct expiry entry;

    begin(fx);
    assert_ok(store_session_put(fx->write, &session));
    assert_ok(store_session_get(fx->read, key_of(1), &got));
    assert_memory_equal(&got, &session, sizeof got);
    assert_err(store_expiry_due(fx->write, 59, &entry), ERR_NOT_FOUND);
    assert_ok(store_expiry_due(fx->write, 60, &entry));
    assert_int_equal(entry.table, EXPIRY_SESSION);
    assert_int_equal(entry.at_ms, 60);
    session.idle_at_ms = 500; /* now the absolute end comes first */
    assert_ok(store_session_put(fx->write, &session));
    assert_int_equal(rows(fx, TABLE_EXPIRY), 1);
    assert_ok(store_expiry_due(fx->write, 1000, &entry));
    assert_int_equal(entry.at_ms, 100);
    assert_ok(store_session_del(fx->write, key_of(1)));
    assert_int_equal(rows(fx, TABLE_EXPIRY), 0);
    assert_err(store_session_del(fx->write, key_of(1)), ERR_NOT_FOUND);
    commit(fx, 1);
}

/* The store remembers that nothing is due: not for longer than that is so. */
static void expiry_notices_what_comes_sooner(void **state) {
    struct fixture *fx = *state;
    struct login_attempts late = {.failures = 1, .forget_at_ms = 90};
    struct login_attempts soon = {.failures = 1, .forget_at_ms = 40};
    struct expiry entry;

    begin(fx);
    assert_ok(store_attempts_put(fx->write, key_of(1), &late));
    commit(fx, 1);
    begin(fx);
    assert_err(store_expiry_due(fx->write, 50, &entry), ERR_NOT_FOUND);
    assert_ok(store_attempts_put(fx->write, key_of(2), &soon));
    assert_ok(store_expiry_due(fx->write, 50, &entry));
    assert_memory_equal(entry.key.b, key_of(2).b, sizeof entry.key.b);
    assert_ok(store_attempts_del(fx->write, key_of(2)));
    assert_ok(store_attempts_del(fx->write, key_of(1)));
    assert_err(store_expiry_due(fx->write, 100, &entry), ERR_NOT_FOUND);
    store_write_abort(fx->write); /* so the late one is there again */
    begin(fx);
    assert_ok(store_expiry_due(fx->write, 100, &entry));
    assert_memory_equal(entry.key.b, key_of(1).b, sizeof entry.key.b);
    store_write_abort(fx->write);
}

static void expiry_is_in_order_over_tables(void **state) {
    struct fixture *fx = *state;
    struct access_token access = {.key = key_of(1),
                                  .grant = key_of(9),
                                  .sub = id_of(1),
                                  .scopes = 1,
                                  .expires_ms = 30};
    struct refresh_token refresh = {.key = key_of(2),
                                    .grant = key_of(9),
                                    .state = REFRESH_LIVE,
                                    .scopes = 1,
                                    .expires_ms = 20};
    struct login_attempts attempts = {
        .failures = 3, .locked_until_ms = 11, .forget_at_ms = 10};
    struct access_token access_got;
    struct refresh_token refresh_got;
    struct login_attempts attempts_got;
    struct expiry entry;
    uint64_t count;

    begin(fx);
    assert_ok(store_access_put(fx->write, &access));
    assert_ok(store_refresh_put(fx->write, &refresh));
    assert_ok(store_attempts_put(fx->write, key_of(3), &attempts));
    assert_ok(store_attempts_count(fx->read, &count));
    assert_int_equal(count, 1);
    assert_ok(store_access_get(fx->read, key_of(1), &access_got));
    assert_memory_equal(&access_got, &access, sizeof access);
    assert_ok(store_refresh_get(fx->read, key_of(2), &refresh_got));
    assert_int_equal(refresh_got.state, REFRESH_LIVE);
    assert_int_equal(refresh_got.expires_ms, 20);
    assert_ok(store_attempts_get(fx->read, key_of(3), &attempts_got));
    assert_int_equal(attempts_got.failures, 3);
    assert_ok(store_attempts_get(fx->read, key_of(4), &attempts_got));
    assert_int_equal(attempts_got.failures, 0);

    assert_ok(store_expiry_due(fx->write, 100, &entry));
    assert_int_equal(entry.table, EXPIRY_ATTEMPTS);
    assert_ok(store_attempts_del(fx->write, key_of(3)));
    assert_ok(store_expiry_due(fx->write, 100, &entry));
    assert_int_equal(entry.table, EXPIRY_REFRESH);
    refresh.state = REFRESH_ROTATED;
    refresh.expires_ms = 40;
    assert_ok(store_refresh_put(fx->write, &refresh));
    assert_ok(store_expiry_due(fx->write, 100, &entry));
    assert_int_equal(entry.table, EXPIRY_ACCESS);
    assert_memory_equal(entry.key.b, access.key.b, 16);
    assert_ok(store_access_del(fx->write, key_of(1)));
    assert_ok(store_refresh_del(fx->write, key_of(2)));
    assert_err(store_expiry_due(fx->write, 100, &entry), ERR_NOT_FOUND);
    assert_int_equal(rows(fx, TABLE_EXPIRY), 0);
    commit(fx, 1);
}

struct revoker {
    struct fixture *fx;
    uint64_t count;
};

static enum err revoke_grant(void *arg, struct key_hash code) {
    struct revoker *revoker = arg;
    struct grant grant;

    arena_reset(&revoker->fx->arena);
    assert_ok(store_grant_get(revoker->fx->read, &revoker->fx->arena, code, &grant));
    assert_int_equal(grant.state, GRANT_ISSUED);
    grant.state = GRANT_REVOKED;
    assert_ok(store_grant_put(revoker->fx->write, &grant));
    revoker->count++;
    return OK;
}

static void grants_are_found_by_session(void **state) {
    struct fixture *fx = *state;
    struct revoker revoker = {fx, 0};
    struct grant grant = grant_of(1, 7), got;

    begin(fx);
    assert_ok(store_grant_put(fx->write, &grant));
    assert_ok(store_grant_get(fx->read, &fx->arena, key_of(1), &got));
    assert_int_equal(got.state, GRANT_ISSUED);
    assert_memory_equal(got.session.b, grant.session.b, 16);
    assert_memory_equal(got.sid.b, grant.sid.b, 16);
    assert_true(span_equal(got.client_id, grant.client_id));
    assert_true(span_equal(got.redirect_uri, grant.redirect_uri));
    assert_true(span_equal(got.nonce, grant.nonce));
    assert_memory_equal(got.challenge, grant.challenge, 32);
    assert_int_equal(got.code_expires_ms, 20);
    assert_int_equal(got.expires_ms, 101);
    for (uint64_t n = 2; n <= 200; n++) { /* more than one batch */
        grant = grant_of(n, n % 2 == 0 ? 7 : 8);
        assert_ok(store_grant_put(fx->write, &grant));
    }
    assert_ok(store_grant_of_session(fx->write, key_of(7), revoke_grant, &revoker));
    assert_int_equal(revoker.count, 101);
    revoker.count = 0;
    assert_ok(store_grant_of_session(fx->write, key_of(8), revoke_grant, &revoker));
    assert_int_equal(revoker.count, 99);
    assert_int_equal(rows(fx, TABLE_EXPIRY), 200);
    for (uint64_t n = 1; n <= 200; n++) {
        assert_ok(store_grant_del(fx->write, key_of(n)));
    }
    assert_int_equal(rows(fx, TABLE_EXPIRY), 0);
    assert_int_equal(rows(fx, TABLE_SESSION_GRANT), 0);
    assert_int_equal(rows(fx, TABLE_GRANT), 0);
    commit(fx, 1);
}

static void outcomes_are_trimmed_by_node(void **state) {
    struct fixture *fx = *state;
    struct boot boot = {.node = 2, .boot = 5, .low = 1}, got;
    struct store_digest again, kept;
    struct span outcome;
    static const uint8_t big[20000];

    begin(fx);
    assert_err(store_boot_get(fx->read, 2, &got), ERR_NOT_FOUND);
    assert_ok(store_boot_put(fx->write, &boot));
    assert_ok(store_boot_get(fx->read, 2, &got));
    assert_memory_equal(&got, &boot, sizeof got);
    for (uint64_t node = 1; node <= 3; node++) {
        for (uint64_t seq = 250; seq < 260; seq++) {
            assert_ok(store_outcome_put(fx->write, node, seq, span_str("out")));
        }
    }
    assert_err(store_outcome_put(fx->write, 1, 1, span_of(big, sizeof big)),
               ERR_TOO_BIG);
    assert_ok(store_outcome_trim(fx->write, 2, 257));
    assert_err(store_outcome_get(fx->read, 2, 256, &outcome), ERR_NOT_FOUND);
    assert_ok(store_outcome_get(fx->read, 2, 257, &outcome));
    assert_true(span_is(outcome, "out"));
    assert_ok(store_outcome_trim(fx->write, 2, UINT64_MAX));
    assert_int_equal(rows(fx, TABLE_OUTCOME), 20);
    for (uint64_t seq = 1; seq <= 2000; seq++) { /* over many pages */
        assert_ok(store_outcome_put(fx->write, 2, seq, span_str("a longer outcome")));
    }
    assert_ok(store_outcome_trim(fx->write, 2, 1900));
    assert_int_equal(rows(fx, TABLE_OUTCOME), 121);
    assert_err(store_outcome_get(fx->read, 2, 1899, &outcome), ERR_NOT_FOUND);
    assert_ok(store_outcome_get(fx->read, 2, 1900, &outcome));
    assert_ok(store_digest_recompute(fx->read, &again));
    kept = store_write_digest(fx->write);
    assert_memory_equal(&again, &kept, sizeof again);
    commit(fx, 1);
}

static void audit_add(struct fixture *fx, uint64_t ms) {
    struct audit_record record = {
        .time_ms = ms, .event = AUDIT_ACCOUNT_CREATED, .count = 1};

    assert_ok(store_audit_add(fx->write, &record));
}

static void assert_heads_equal(const struct audit_head *a, const struct audit_head *b) {
    assert_memory_equal(a, b, offsetof(struct audit_head, buckets));
    assert_memory_equal(a->buckets, b->buckets, sizeof a->buckets);
}

/* What a transaction remembers of the chain is what a later one finds in the rows. */
static void the_audit_chain_is_remembered_as_it_stands(void **state) {
    struct fixture *fx = *state;
    struct audit_bucket bucket = {.minute = 7, .event = AUDIT_ACCOUNT_CREATED};
    struct audit_bucket found;
    struct audit_head kept, stored;
    uint64_t ms;

    begin(fx);
    assert_err(store_audit_oldest_ms(fx->write, &ms), ERR_NOT_FOUND);
    audit_add(fx, 100);
    audit_add(fx, 200);
    assert_ok(store_audit_oldest_ms(fx->write, &ms));
    assert_int_equal(ms, 100);
    assert_ok(store_audit_prune(fx->write));
    assert_ok(store_audit_oldest_ms(fx->write, &ms));
    assert_int_equal(ms, 200);

    assert_err(store_audit_bucket_before(fx->write, 10, &found), ERR_NOT_FOUND);
    assert_ok(store_audit_bucket_put(fx->write, &bucket));
    assert_err(store_audit_bucket_before(fx->write, 7, &found), ERR_NOT_FOUND);
    assert_ok(store_audit_bucket_before(fx->write, 8, &found));
    assert_int_equal(found.minute, 7);
    assert_ok(store_audit_head(fx->read, &kept));
    assert_int_equal(kept.buckets[0], 1);
    commit(fx, 1);

    begin(fx);
    assert_ok(store_audit_head(fx->read, &stored));
    assert_heads_equal(&kept, &stored);
    audit_add(fx, 50); /* time does not fall over a commit either */
    assert_ok(store_audit_prune(fx->write));
    assert_ok(store_audit_oldest_ms(fx->write, &ms));
    assert_int_equal(ms, 200);
    assert_ok(store_audit_settle(fx->write));
    store_write_abort(fx->write);

    begin(fx);
    assert_ok(store_audit_head(fx->read, &stored));
    assert_heads_equal(&kept, &stored);
    store_write_abort(fx->write);
}

static void appended_keys_rise(void **state) {
    struct fixture *fx = *state;
    struct buf *row;

    begin(fx);
    row = store_table_row(fx->write);
    put_u8(row, 1);
    assert_ok(store_table_append_row(fx->write, TABLE_AUDIT, span_str("b"), row));
    assert_ok(store_table_append_row(fx->write, TABLE_AUDIT, span_str("c"), row));
    assert_err(store_table_append_row(fx->write, TABLE_AUDIT, span_str("c"), row),
               ERR_EXISTS);
    assert_err(store_table_append_row(fx->write, TABLE_AUDIT, span_str("a"), row),
               ERR_EXISTS);
    store_write_abort(fx->write);
}

static void damaged_rows_are_corrupt(void **state) {
    struct fixture *fx = *state;
    struct key_hash key = key_of(1);
    struct id128 sub = id_of(1);
    struct span k = span_of(key.b, 16), s = span_of(sub.b, 16);
    struct session session;
    struct access_token access;
    struct refresh_token refresh;
    struct login_attempts attempts;
    struct account account;
    struct grant grant;
    uint64_t scopes;
    static const uint8_t junk[] = {1, 0xff, 0xff, 0xff, 7};

    for (size_t len = 0; len <= sizeof junk; len++) {
        struct span value = span_of(junk, len);
        begin(fx);
        assert_ok(store_table_put(fx->write, TABLE_SESSION, k, value));
        assert_ok(store_table_put(fx->write, TABLE_ACCESS, k, value));
        assert_ok(store_table_put(fx->write, TABLE_REFRESH, k, value));
        assert_ok(store_table_put(fx->write, TABLE_ATTEMPTS, k, value));
        assert_ok(store_table_put(fx->write, TABLE_GRANT, k, value));
        assert_ok(store_table_put(fx->write, TABLE_ACCOUNT, s, value));
        assert_ok(store_table_put(fx->write, TABLE_LOGIN, k, value));
        assert_err(store_session_get(fx->read, key, &session), ERR_CORRUPT);
        assert_err(store_access_get(fx->read, key, &access), ERR_CORRUPT);
        assert_err(store_refresh_get(fx->read, key, &refresh), ERR_CORRUPT);
        assert_err(store_attempts_get(fx->read, key, &attempts), ERR_CORRUPT);
        assert_err(store_grant_get(fx->read, &fx->arena, key, &grant), ERR_CORRUPT);
        assert_err(store_account_get(fx->read, &fx->arena, sub, &account), ERR_CORRUPT);
        assert_err(store_account_find(fx->read, &fx->arena, key, &account),
                   ERR_CORRUPT);
        uint8_t consent[18];
        memcpy(consent, sub.b, 16);
        memcpy(consent + 16, "rp", 2);
        assert_ok(
            store_table_put(fx->write, TABLE_CONSENT, span_of(consent, 18), value));
        assert_err(store_consent_get(fx->read, sub, span_str("rp"), &scopes),
                   ERR_CORRUPT);
        commit(fx, len + 1);
    }
}

static void a_small_arena_is_an_error_not_corruption(void **state) {
    struct fixture *fx = *state;
    struct account account = account_of(1), got;
    struct arena tiny;

    arena_init(&tiny, 64);
    begin(fx);
    assert_ok(store_account_put(fx->write, &account));
    assert_err(store_account_get(fx->read, &tiny, id_of(1), &got), ERR_NOMEM);
    store_write_abort(fx->write);
    arena_close(&tiny);
}

static void counts_name_every_table(void **state) {
    struct fixture *fx = *state;
    const char *names[STORE_TABLES_MAX];
    uint64_t counts[STORE_TABLES_MAX];
    size_t n;

    begin(fx);
    assert_ok(store_consent_put(fx->write, id_of(1), span_str("rp"), 5));
    n = store_table_counts(fx->read, names, counts, STORE_TABLES_MAX);
    assert_int_equal(n, TABLE_COUNT - 1);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(counts[i], strcmp(names[i], "consent") == 0 ? 1 : 0);
    }
    assert_int_equal(store_table_counts(fx->read, names, counts, 3), 3);
    store_write_abort(fx->write);
}

static void set_format(struct store_fixture *fx, uint32_t format) {
    struct store_write *write;
    struct store_meta meta = {0};
    uint8_t bytes[4] = {(uint8_t)format, (uint8_t)(format >> 8), 0, 0};

    assert_ok(store_write_begin(fx->store, &write));
    assert_ok(store_table_put(write, TABLE_META, span_str("format"),
                              span_of(bytes, sizeof bytes)));
    assert_ok(store_write_commit(write, &meta));
}

static void a_newer_format_is_refused(void **state) {
    struct fixture *fx = *state;
    struct store_config config = {
        .dir = fx->store.dir, .map_bytes = 256u * 1024 * 1024, .readers_max = 16};
    struct store *store = NULL;

    set_format(&fx->store, 3);
    store_close(fx->store.store);
    fx->store.store = NULL;
    assert_err(store_open(&config, &store), ERR_VERSION);
    assert_null(store);
    config.dir = "/nonexistent-tasuki";
    assert_err(store_open(&config, &store), ERR_IO);
}

static void a_foreign_file_is_corrupt(void **state) {
    struct fixture *fx = *state;
    struct store_config config = {
        .dir = fx->store.dir, .map_bytes = 256u * 1024 * 1024, .readers_max = 16};
    struct store *store = NULL;
    char path[96];
    char junk[8192];
    int fd;

    store_close(fx->store.store);
    fx->store.store = NULL;
    (void)snprintf(path, sizeof path, "%s/data.mdb", fx->store.dir);
    fd = open(path, O_WRONLY | O_TRUNC);
    assert_true(fd >= 0);
    memset(junk, 'x', sizeof junk);
    assert_int_equal(write(fd, junk, sizeof junk), sizeof junk);
    close(fd);
    assert_err(store_open(&config, &store), ERR_CORRUPT);
}

/* A row of the head as it was without a check sum. */
static void a_head_without_a_check_sum_is_read(void **state) {
    struct fixture *fx = *state;
    struct store_meta meta;
    struct buf row;

    begin(fx);
    buf_init(&row, 256);
    put_u8(&row, 1);
    for (uint64_t n = 1; n <= 5; n++) { /* index, term, clock, version, epoch */
        put_u64(&row, n);
    }
    put_u64(&row, 6); /* the cluster's id */
    put_u64(&row, 0);
    put_u64(&row, 7); /* digest */
    put_u64(&row, 8);
    assert_ok(store_table_put_row(fx->write, TABLE_META, span_str("meta"), &row));
    assert_ok(store_read_meta(fx->read, &meta));
    assert_int_equal(meta.applied_index, 1);
    assert_int_equal(meta.epoch, 5);
    assert_int_equal(meta.cluster_id.b[0], 6);
    assert_int_equal(meta.digest.lo, 7);
    assert_int_equal(meta.digest.hi, 8);
    row.data[0] = 2; /* of this release it must have one */
    assert_ok(store_table_put_row(fx->write, TABLE_META, span_str("meta"), &row));
    assert_err(store_read_meta(fx->read, &meta), ERR_CORRUPT);
    buf_free(&row);
    store_write_abort(fx->write);
}

static void an_emptied_file_is_corrupt(void **state) {
    struct fixture *fx = *state;
    struct store_config config = {
        .dir = fx->store.dir, .map_bytes = 256u * 1024 * 1024, .readers_max = 16};
    struct store *store = NULL;
    char path[96];

    store_close(fx->store.store);
    fx->store.store = NULL;
    (void)snprintf(path, sizeof path, "%s/data.mdb", fx->store.dir);
    assert_int_equal(truncate(path, 0), 0);
    assert_err(store_open(&config, &store), ERR_CORRUPT);
    config.read_only = true;
    assert_err(store_open(&config, &store), ERR_CORRUPT);
    assert_int_equal(unlink(path), 0); /* a file that is not there yet is made */
    config.read_only = false;
    assert_ok(store_open(&config, &fx->store.store));
}

static void a_full_map_is_no_space(void **state) {
    struct fixture *fx = *state;
    struct store_config config = {
        .dir = fx->store.dir, .map_bytes = 256 * 1024, .readers_max = 16};
    struct store_write *write;
    static const uint8_t value[16000];
    enum err err = OK;

    store_close(fx->store.store);
    fx->store.store = NULL;
    assert_ok(store_open(&config, &fx->store.store));
    assert_ok(store_write_begin(fx->store.store, &write));
    for (uint64_t seq = 0; seq < 100 && err == OK; seq++) {
        err = store_outcome_put(write, 1, seq, span_of(value, sizeof value));
    }
    assert_err(err, ERR_NO_SPACE);
    store_write_abort(write);
    assert_digest_sound(fx->store.store);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(an_empty_store_has_an_empty_head),
        TEST(the_head_survives_a_reopening),
        TEST(an_abort_leaves_nothing),
        TEST(a_crash_before_the_commit_leaves_nothing),
        TEST(a_snapshot_does_not_see_later_commits),
        TEST(equal_states_have_equal_digests),
        TEST(accounts_keep_their_login_index),
        TEST(clients_come_back_whole_and_in_order),
        TEST(a_walk_over_clients_stops_when_told),
        TEST(keys_raise_their_version),
        TEST(sessions_keep_one_expiry_entry),
        TEST(expiry_notices_what_comes_sooner),
        TEST(expiry_is_in_order_over_tables),
        TEST(grants_are_found_by_session),
        TEST(outcomes_are_trimmed_by_node),
        TEST(the_audit_chain_is_remembered_as_it_stands),
        TEST(appended_keys_rise),
        TEST(damaged_rows_are_corrupt),
        TEST(a_small_arena_is_an_error_not_corruption),
        TEST(counts_name_every_table),
        TEST(a_newer_format_is_refused),
        TEST(a_foreign_file_is_corrupt),
        TEST(a_head_without_a_check_sum_is_read),
        TEST(an_emptied_file_is_corrupt),
        TEST(a_full_map_is_no_space),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
