/* The operator's use cases: what is wrong is named; what is right is there after. */
#include "tests/unit/server/svc_fixture.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

struct mistake {
    const char *body, *message; /* `message`: how it begins */
};

static void expect(struct fixture *f, enum svc_admin_action action, const char *body,
                   enum svc_admin_kind kind, const char *message) {
    struct svc_admin got;
    unsigned submits = f->repl.submits;

    run_admin(f, action, body, &got);
    if (got.kind != kind || got.message.len < strlen(message) ||
        memcmp(got.message.data, message, strlen(message)) != 0)
        fail_msg("%s\nkind %d, message %.*s", body, (int)got.kind, (int)got.message.len,
                 (const char *)got.message.data);
    if (kind == ADMIN_INVALID)
        assert_int_equal(f->repl.submits, submits);
    svc_op_close(&got.op);
}

#define ACCOUNT(rest) "{\"account_id\":\"a@example.jp\"," rest "}"
#define GOOD_PASSWORD "\"password\":\"" FIXTURE_PASSWORD "\""

static void test_account_mistakes(void **state) {
    static const struct mistake mistakes[] = {
        {"", "a JSON object is expected"},
        {"[]", "a JSON object is expected"},
        {"{\"account_id\":", "not JSON: "},
        {"{\"type\":\"prime\",\"type\":\"entry\"}", "not JSON: "},
        {"{}", "account_id: is missing"},
        {"{\"account_id\":7}", "account_id: a string is expected"},
        {"{\"account_id\":\"no address\"}", "account_id: "},
        {ACCOUNT("\"colour\":1"), "colour: there is no such member"},
        {ACCOUNT("\"type\":\"entry\""), "password: is missing"},
        {ACCOUNT("\"password\":\"too short\",\"type\":\"entry\""),
         "password: it is too short (15 characters are the least)"},
        {ACCOUNT(GOOD_PASSWORD), "type: is missing"},
        {ACCOUNT(GOOD_PASSWORD ",\"type\":\"king\""),
         "type: entry, prime or member is expected"},
        {ACCOUNT(GOOD_PASSWORD ",\"type\":\"member\""), "parent: is missing"},
        {ACCOUNT(GOOD_PASSWORD ",\"type\":\"member\",\"parent\":\"x@example.jp\""),
         "parent: there is no such active prime account"},
        {ACCOUNT(GOOD_PASSWORD ",\"type\":\"entry\",\"parent\":\"x@example.jp\""),
         "parent: only a member has one"},
        {ACCOUNT(GOOD_PASSWORD ",\"type\":\"entry\",\"profile\":[]"),
         "profile: an object is expected"},
        {ACCOUNT(GOOD_PASSWORD ",\"type\":\"entry\",\"profile\":{\"shoe\":\"x\"}"),
         "profile.shoe: there is no such member"},
        {ACCOUNT(GOOD_PASSWORD ",\"type\":\"entry\",\"profile\":{\"name\":1}"),
         "profile.name: a string is expected"},
        {ACCOUNT(GOOD_PASSWORD
                 ",\"type\":\"entry\",\"profile\":{\"birthday_ymd\":\"20230231\"}"),
         "profile.birthday_ymd: "},
        {ACCOUNT(GOOD_PASSWORD ",\"type\":\"entry\",\"profile\":{\"corp_type\":3}"),
         "profile.corp_type: 1 (corporation) or 2"},
    };

    for (size_t i = 0; i < sizeof mistakes / sizeof mistakes[0]; i++)
        expect(*state, ADMIN_ACCOUNT_ADD, mistakes[i].body, ADMIN_INVALID,
               mistakes[i].message);
}

static void test_account_conflict(void **state) {
    static const char body[] = ACCOUNT(
        GOOD_PASSWORD ",\"type\":\"entry\",\"profile\":{\"name\":\"国税商事\"}");
    static const char other_case[] =
        "{\"account_id\":\" A@EXAMPLE.JP\"," GOOD_PASSWORD ",\"type\":\"entry\"}";
    struct svc_admin got;
    char text[4096];

    run_admin(*state, ADMIN_ACCOUNT_ADD, body, &got);
    assert_int_equal(got.kind, ADMIN_OK);
    json_text(got.body, "account_id", text);
    assert_string_equal(text, "a@example.jp");
    json_text(got.body, "sub", text);
    assert_int_equal(strlen(text), 32);
    svc_op_close(&got.op);
    expect(*state, ADMIN_ACCOUNT_ADD, body, ADMIN_CONFLICT, "account_id: ");
    expect(*state, ADMIN_ACCOUNT_ADD, other_case, ADMIN_CONFLICT, "account_id: ");
}

#define STAFF(rest) "{\"name\":\"hanako\"," rest "}"

static void test_staff_mistakes(void **state) {
    static const struct mistake mistakes[] = {
        {"{}", "name: is missing"},
        {"{\"name\":\"ab\"}", "name: 3 to 64 bytes"},
        {"{\"name\":\"Hanako\"}", "name: lower-case letters"},
        {"{\"name\":\"花子\"}", "name: lower-case letters"},
        {STAFF("\"colour\":1"), "colour: there is no such member"},
        {STAFF("\"roles\":[\"auditor\"]"), "password: is missing"},
        {STAFF("\"password\":\"too short\""), "password: 15 to 512 bytes"},
        {STAFF(GOOD_PASSWORD), "roles: is missing"},
        {STAFF(GOOD_PASSWORD ",\"roles\":[]"), "roles: "},
        {STAFF(GOOD_PASSWORD ",\"roles\":[\"auditor\",\"king\"]"),
         "roles[1]: there is no such role"},
    };

    for (size_t i = 0; i < sizeof mistakes / sizeof mistakes[0]; i++)
        expect(*state, ADMIN_STAFF_ADD, mistakes[i].body, ADMIN_INVALID,
               mistakes[i].message);
}

static void test_staff_seed_once(void **state) {
    static const char body[] =
        STAFF(GOOD_PASSWORD ",\"roles\":[\"staff-admin\",\"auditor\"]");
    struct svc_admin got;
    char secret[4096], uri[4096];

    run_admin(*state, ADMIN_STAFF_ADD, body, &got);
    assert_int_equal(got.kind, ADMIN_OK);
    json_text(got.body, "totp_secret", secret);
    json_text(got.body, "totp_uri", uri);
    assert_int_equal(strlen(secret), 32);
    assert_non_null(strstr(uri, "otpauth://totp/Tasuki:hanako?secret="));
    assert_non_null(strstr(uri, secret));
    svc_op_close(&got.op);
    expect(*state, ADMIN_STAFF_ADD, body, ADMIN_CONFLICT, "name: ");
}

#define CLIENT(rest) "{\"client_id\":\"c1\",\"name\":\"C\"," rest "}"
#define OPENID "\"scopes\":[\"openid\"]"
#define LOGOUT(rest) CLIENT(OPENID "," REDIRECT "," rest)
#define REDIRECT "\"redirect_uris\":[\"https://c1.test/cb\"]"

static void test_client_mistakes(void **state) {
    static const struct mistake mistakes[] = {
        {"{}", "client_id: is missing"},
        {"{\"client_id\":\"a b\",\"name\":\"x\"}", "client_id: letters, digits"},
        {"{\"client_id\":\"a\"}", "name: is missing"},
        {"{\"client_id\":\"a\",\"name\":\"x\\u0007\"}", "name: control characters"},
        {CLIENT(REDIRECT), "scopes: is missing"},
        {LOGOUT("\"backchannel_logout_uri\":\"http://c1.test/bc\""),
         "backchannel_logout_uri: "},
        {LOGOUT("\"backchannel_logout_uri\":\"file:///etc/passwd\""),
         "backchannel_logout_uri: "},
        {LOGOUT("\"backchannel_logout_uri\":\"https://c1.test/bc#f\""),
         "backchannel_logout_uri: "},
        {LOGOUT("\"backchannel_logout_uri\":\"https://u@c1.test/bc\""),
         "backchannel_logout_uri: "},
        {LOGOUT("\"backchannel_logout_uri\":[]"),
         "backchannel_logout_uri: a string is expected"},
        {LOGOUT("\"post_logout_uris\":[\"http://c1.test/out\"]"),
         "post_logout_uris[0]: "},
        {LOGOUT("\"features\":[\"telepathy\"]"), "features[0]: "},
        {CLIENT("\"scopes\":[]"), "scopes: 1 to 16 items"},
        {CLIENT("\"scopes\":\"openid\""), "scopes: an array of strings"},
        {CLIENT("\"scopes\":[\"openid\",\"gold\"]"),
         "scopes[1]: there is no such scope"},
        {CLIENT("\"scopes\":[\"email\"]"), "scopes: openid must be among them"},
        {CLIENT(OPENID), "redirect_uris: is missing"},
        {CLIENT(OPENID ",\"redirect_uris\":[7]"), "redirect_uris[0]: a string"},
        {CLIENT(OPENID ",\"redirect_uris\":[\"https://c1.test/cb#f\"]"),
         "redirect_uris[0]: "},
        {CLIENT(OPENID ",\"redirect_uris\":[\"http://c1.test/cb\"]"),
         "redirect_uris[0]: "},
        {CLIENT(OPENID ",\"redirect_uris\":[\"http://127.0.0.1/cb\"]"),
         "redirect_uris[0]: "},
        {CLIENT(OPENID ",\"redirect_uris\":[\"javascript:alert(1)\"]"),
         "redirect_uris[0]: "},
        {CLIENT(OPENID
                ",\"redirect_uris\":[\"https://c1.test/cb\",\"https://c1.test/cb\"]"),
         "redirect_uris[1]: stands there twice"},
        {CLIENT(OPENID "," REDIRECT ",\"environment\":\"production\""),
         "environment: this cluster's is demo"},
        {CLIENT(OPENID "," REDIRECT ",\"auth\":\"magic\""),
         "auth: none, basic, post, private_key_jwt, tls_client_auth or self_signed_tls "
         "is expected"},
        {CLIENT(OPENID "," REDIRECT ",\"alg\":\"none\""),
         "alg: RS256, ES256 or PS256 is expected"},
        {CLIENT(OPENID "," REDIRECT ",\"native\":\"yes\""),
         "native: true or false is expected"},
        {CLIENT(OPENID "," REDIRECT ",\"start_month\":\"2020-13\""),
         "start_month: yyyy-mm is expected"},
        {CLIENT(OPENID "," REDIRECT ",\"account_types\":[\"king\"]"),
         "account_types[0]: entry, prime or member is expected"},
        {CLIENT(OPENID "," REDIRECT ",\"client_secret\":\"short\""),
         "client_secret: 32 to "},
        {CLIENT(OPENID "," REDIRECT ",\"auth\":\"none\",\"client_secret\":"
                       "\"" FIXTURE_SECRET "\""),
         "client_secret: only auth basic and post have one"},
    };

    for (size_t i = 0; i < sizeof mistakes / sizeof mistakes[0]; i++)
        expect(*state, ADMIN_CLIENT_ADD, mistakes[i].body, ADMIN_INVALID,
               mistakes[i].message);
}

static void test_client_secret_once(void **state) {
    static const char body[] = CLIENT(OPENID "," REDIRECT);
    static const char replace[] =
        CLIENT(OPENID "," REDIRECT ",\"replace\":true,\"start_month\":\"2019-12\"");
    static const char public[] =
        "{\"client_id\":\"p\",\"name\":\"P\",\"auth\":\"none\","
        "\"native\":true," OPENID ",\"redirect_uris\":"
        "[\"http://127.0.0.1/cb\"]}";
    struct svc_admin got;
    char first[4096];
    json_t *root, *client;

    run_admin(*state, ADMIN_CLIENT_ADD, body, &got);
    assert_int_equal(got.kind, ADMIN_OK);
    json_text(got.body, "client_secret", first);
    assert_int_equal(strlen(first), 43);
    svc_op_close(&got.op);
    expect(*state, ADMIN_CLIENT_ADD, body, ADMIN_CONFLICT, "client_id: ");
    run_admin(*state, ADMIN_CLIENT_ADD, replace, &got);
    assert_int_equal(got.kind, ADMIN_OK);
    assert_false(json_has(got.body, "client_secret")); /* it keeps its own */
    svc_op_close(&got.op);
    run_admin(*state, ADMIN_CLIENT_ADD, public, &got);
    assert_int_equal(got.kind, ADMIN_OK);
    assert_false(json_has(got.body, "client_secret"));
    svc_op_close(&got.op);

    run_admin(*state, ADMIN_CLIENT_LIST, "", &got);
    assert_int_equal(got.kind, ADMIN_OK);
    root = json_loadb((const char *)got.body.data, got.body.len, 0, NULL);
    assert_int_equal(json_array_size(json_object_get(root, "clients")), 2);
    client = json_array_get(json_object_get(root, "clients"), 0);
    assert_string_equal(json_string_value(json_object_get(client, "start_month")),
                        "2019-12");
    assert_string_equal(json_string_value(json_object_get(client, "auth")), "basic");
    assert_int_equal(json_array_size(json_object_get(client, "account_types")), 3);
    json_decref(root);
    assert_null(memmem(got.body.data, got.body.len, "secret", 6));
    svc_op_close(&got.op);
}

static void test_status(void **state) {
    struct command kept = {
        .type = CMD_BACKUP_NOTE,
        .backup_note.backup = {.index = 7, .donor = 2, .taker = 3, .digest = {10, 11}}};
    struct svc_admin got;
    char text[4096];
    json_t *root, *backup, *image;

    run_admin(*state, ADMIN_STATUS, "", &got);
    root = json_loadb((const char *)got.body.data, got.body.len, 0, NULL);
    assert_true(json_is_null(json_object_get(root, "last_backup")));
    json_decref(root);
    svc_op_close(&got.op);
    fixture_apply(*state, &kept);
    run_admin(*state, ADMIN_STATUS, "", &got);
    assert_int_equal(got.kind, ADMIN_OK);
    json_text(got.body, "term", text);
    assert_string_equal(text, "7");
    json_text(got.body, "digest", text);
    assert_int_equal(strlen(text), 32);
    root = json_loadb((const char *)got.body.data, got.body.len, 0, NULL);
    assert_true(json_is_null(json_object_get(root, "staleness_ms")));
    assert_int_equal(json_array_size(json_object_get(root, "nodes")), 2);
    backup = json_object_get(root, "last_backup");
    assert_int_equal(json_integer_value(json_object_get(backup, "index")), 7);
    assert_int_equal(json_integer_value(json_object_get(backup, "by_node")), 3);
    assert_string_equal(json_string_value(json_object_get(backup, "digest")),
                        "000000000000000b000000000000000a");
    image = json_array_get(json_object_get(root, "images"), 0);
    assert_int_equal(json_integer_value(json_object_get(image, "to")), 3);
    assert_int_equal(json_integer_value(json_object_get(image, "rows_total")), 10);
    json_decref(root);
    svc_op_close(&got.op);
}

static void submit_seed(struct fixture *f) {
    struct command seed = {.type = CMD_MEMBER_SEED, .member_seed.count = 2};

    for (size_t i = 0; i < 2; i++) {
        struct member_at *at = &seed.member_seed.members[i];
        at->id = i + 1;
        snprintf(at->address, sizeof at->address, "127.0.0.1:710%zu", i + 1);
        snprintf(at->region, sizeof at->region, "tokyo");
    }
    fixture_apply(f, &seed);
}

#define NODE(id, address, region)                                                      \
    "{\"id\":" id ",\"address\":\"" address "\",\"region\":\"" region "\"}"
#define NODE_4 NODE("4", "192.0.2.14:7101", "osaka")

static void test_node_mistakes(void **state) {
    static const struct mistake mistakes[] = {
        {"{}", "id: is missing"},
        {"{\"id\":0}", "id: a node's id"},
        {"{\"id\":\"4\"}", "id: a node's id"},
        {"{\"id\":1000000000000000000}", "id: a node's id"},
        {"{\"id\":4}", "address: is missing"},
        {"{\"id\":4,\"address\":\"192.0.2.14:7101\"}", "region: is missing"},
        {NODE("4", "node4:7101", "osaka"), "address: IPv4:port"},
        {NODE("4", "192.0.2.14", "osaka"), "address: IPv4:port"},
        {NODE("4", "192.0.2.14:0", "osaka"), "address: IPv4:port"},
        {NODE("4", "192.0.2.14:7101", "Osaka"), "region: 1 to 31 of"},
        {"{\"id\":4,\"role\":1}", "role: there is no such member"},
    };
    static const struct mistake regions[] = {
        {"{\"regions\":\"osaka\"}", "regions: an array"},
        {"{\"regions\":[\"osaka\",7]}", "regions[1]: a string"},
        {"{\"regions\":[\"osaka\",\"a/b\"]}", "regions[1]: 1 to 31 of"},
        {"{\"regions\":[\"osaka\",\"osaka\"]}", "regions[1]: stands there twice"},
        {"{\"regions\":[\"1\",\"2\",\"3\",\"4\",\"5\",\"6\",\"7\",\"8\",\"9\"]}",
         "regions: 1 to 8 items"},
    };

    for (size_t i = 0; i < sizeof mistakes / sizeof mistakes[0]; i++)
        expect(*state, ADMIN_NODE_ADD, mistakes[i].body, ADMIN_INVALID,
               mistakes[i].message);
    expect(*state, ADMIN_NODE_PROMOTE, "{}", ADMIN_INVALID, "id: is missing");
    expect(*state, ADMIN_NODE_REMOVE, "{\"id\":-1}", ADMIN_INVALID, "id: a node's");
    for (size_t i = 0; i < sizeof regions / sizeof regions[0]; i++)
        expect(*state, ADMIN_LEADER_REGIONS, regions[i].body, ADMIN_INVALID,
               regions[i].message);
}

/* What the state machine refuses says what to do next. */
static void test_node_refusals(void **state) {
    struct command settle = {.type = CMD_MEMBER_SETTLE};
    struct svc_admin got;
    uint64_t removed;

    expect(*state, ADMIN_NODE_ADD, NODE_4, ADMIN_CONFLICT,
           "the cluster has no members");
    submit_seed(*state);
    expect(*state, ADMIN_NODE_ADD, NODE("2", "192.0.2.14:7101", "osaka"),
           ADMIN_CONFLICT, "id: node 2 is a member or was one");
    expect(*state, ADMIN_NODE_PROMOTE, "{\"id\":9}", ADMIN_NOT_FOUND,
           "id: there is no node 9");
    run_admin(*state, ADMIN_NODE_ADD, NODE_4, &got);
    assert_int_equal(got.kind, ADMIN_OK);
    assert_true(json_has(got.body, "changed_index"));
    settle.member_settle.id = 4;
    settle.member_settle.changed_index = ((struct fixture *)*state)->repl.index;
    svc_op_close(&got.op);
    expect(*state, ADMIN_NODE_REMOVE, "{\"id\":1}", ADMIN_CONFLICT,
           "another change is not settled: node 4 is being added; wait, or "
           "`tasuki node remove 4`");
    fixture_apply(*state, &settle);
    expect(*state, ADMIN_NODE_PROMOTE, "{\"id\":1}", ADMIN_CONFLICT,
           "id: node 1 is a voter already");
    run_admin(*state, ADMIN_NODE_REMOVE, "{\"id\":1}", &got);
    assert_int_equal(got.kind, ADMIN_OK);
    removed = ((struct fixture *)*state)->repl.index;
    svc_op_close(&got.op);
    expect(*state, ADMIN_NODE_REMOVE, "{\"id\":1}", ADMIN_CONFLICT,
           "id: node 1 leaves already");
    expect(
        *state, ADMIN_NODE_PROMOTE, "{\"id\":4}", ADMIN_CONFLICT,
        "another change is not settled: node 1 is being removed; `tasuki node list`");
    settle.member_settle.id = 1;
    settle.member_settle.changed_index = removed;
    fixture_apply(*state, &settle);
    expect(*state, ADMIN_NODE_REMOVE, "{\"id\":2}", ADMIN_CONFLICT,
           "id: node 2 is the last voter");
}

static void test_node_list(void **state) {
    struct svc_admin got;
    json_t *root;

    run_admin(*state, ADMIN_LEADER_REGIONS, "{\"regions\":[\"osaka\",\"tokyo\"]}",
              &got);
    assert_int_equal(got.kind, ADMIN_OK);
    svc_op_close(&got.op);
    run_admin(*state, ADMIN_LEADER_REGIONS, "{}", &got);
    assert_int_equal(got.kind, ADMIN_OK);
    svc_op_close(&got.op);
    run_admin(*state, ADMIN_NODE_LIST, "", &got);
    assert_int_equal(got.kind, ADMIN_OK);
    root = json_loadb((const char *)got.body.data, got.body.len, 0, NULL);
    assert_int_equal(json_array_size(json_object_get(root, "nodes")), 2);
    assert_string_equal(json_string_value(json_object_get(
                            json_array_get(json_object_get(root, "nodes"), 1), "role")),
                        "joining");
    assert_true(json_is_null(json_object_get(
        json_array_get(json_object_get(root, "nodes"), 1), "seen_age_ms")));
    json_decref(root);
    svc_op_close(&got.op);
}

static void test_transfer(void **state) {
    struct svc_admin got;
    expect(*state, ADMIN_TRANSFER, "{\"to\":-1}", ADMIN_INVALID, "to: a node's id");
    expect(*state, ADMIN_TRANSFER, "{\"to\":\"2\"}", ADMIN_INVALID, "to: a node's id");
    expect(*state, ADMIN_TRANSFER, "{\"to\":9}", ADMIN_NOT_FOUND, "to: there is no");
    expect(*state, ADMIN_TRANSFER, "{\"to\":1}", ADMIN_INVALID, "to: that is the node");
    run_admin(*state, ADMIN_TRANSFER, "{\"to\":2}", &got);
    assert_int_equal(got.kind, ADMIN_OK);
    assert_true(json_has(got.body, "leader_id"));
    svc_op_close(&got.op);
}

/* ---- documents and metrics stand beside them */

static void test_documents(void **state) {
    struct fixture *f = *state;
    struct span discovery = svc_discovery(f->svc);
    const char *why;
    char text[4096];
    struct span jwks;
    uint32_t age_s;
    json_t *root;

    json_text(discovery, "issuer", text);
    assert_string_equal(text, FIXTURE_ISSUER);
    f->config.key_publish_s = 86400;
    jwks = svc_jwks(f->svc, &age_s);
    root = json_loadb((const char *)jwks.data, jwks.len, 0, NULL);
    assert_int_equal(json_array_size(json_object_get(root, "keys")), 3);
    json_decref(root);
    assert_null(memmem(jwks.data, jwks.len, "\"d\"", 3));
    assert_int_equal(age_s, SVC_DOCUMENT_AGE_S);
    f->config.key_publish_s = 8; /* never longer than a key stands before it signs */
    (void)svc_jwks(f->svc, &age_s);
    assert_int_equal(age_s, 4);
    assert_true(svc_ready(f->svc, &why));
    f->repl.fresh = ERR_STALE;
    (void)svc_jwks(f->svc, &age_s);
    assert_int_equal(age_s, 0);
    assert_false(svc_ready(f->svc, &why));
    f->repl.fresh = OK;
    f->repl.ready = false;
    assert_false(svc_ready(f->svc, &why));
    assert_string_equal(why, "no proof of freshness");
}

static void test_metrics(void **state) {
    struct fixture *f = *state;
    struct buf out;
    char *text;

    svc_count_http(&f->counters, 200);
    svc_count_http(&f->counters, 404);
    svc_count_http(&f->counters, 42);
    buf_init(&out, 1 << 16);
    svc_metrics(f->svc, &out);
    assert_int_equal(buf_err(&out), OK);
    buf_put(&out, "", 1);
    text = (char *)out.data;
    assert_non_null(strstr(text, "\ntasuki_http_responses_total{class=\"2xx\"} 1\n"));
    assert_non_null(strstr(text, "\ntasuki_http_responses_total{class=\"4xx\"} 1\n"));
    assert_non_null(strstr(text, "\n# TYPE tasuki_logins_total counter\n"));
    assert_non_null(strstr(text, "\ntasuki_staleness_seconds +Inf\n"));
    assert_non_null(
        strstr(text, "\ntasuki_node_clock_offset_seconds{node=\"1\"} -0.005\n"));
    /* One HELP for each metric. */
    assert_null(strstr(strstr(text, "# HELP tasuki_logins_total") + 1,
                       "# HELP tasuki_logins_total"));
    buf_free(&out);
}

/* The day of the post is one of the calendar. */
static void test_batch_days(void **state) {
    static const char *const days[] = {"2027-02-29", "2027-02-30", "2027-04-31",
                                       "2027-13-01", "2027-00-10", "1969-12-31",
                                       "2027-4-001", "20270401xx"};
    struct svc_admin got;
    char body[160];

    for (size_t i = 0; i < sizeof days / sizeof days[0]; i++) {
        snprintf(body, sizeof body,
                 "{\"id\":\"00112233445566778899aabbccddeeff\",\"label\":\"a\","
                 "\"received_on\":\"%s\"}",
                 days[i]);
        expect(*state, ADMIN_BATCH_ADD, body, ADMIN_INVALID,
               "received_on: a day as 2026-04-01 is expected");
    }
    run_admin(*state, ADMIN_BATCH_ADD,
              "{\"id\":\"00112233445566778899aabbccddeeff\",\"label\":\"a\","
              "\"received_on\":\"2028-02-29\"}",
              &got);
    assert_int_equal(got.kind, ADMIN_OK);
    svc_op_close(&got.op);
}

#define ADMIN_TEST(name)                                                               \
    cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        ADMIN_TEST(test_account_mistakes), ADMIN_TEST(test_account_conflict),
        ADMIN_TEST(test_client_mistakes),  ADMIN_TEST(test_client_secret_once),
        ADMIN_TEST(test_status),           ADMIN_TEST(test_transfer),
        ADMIN_TEST(test_documents),        ADMIN_TEST(test_metrics),
        ADMIN_TEST(test_node_mistakes),    ADMIN_TEST(test_node_refusals),
        ADMIN_TEST(test_node_list),        ADMIN_TEST(test_staff_mistakes),
        ADMIN_TEST(test_staff_seed_once),  ADMIN_TEST(test_batch_days),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
