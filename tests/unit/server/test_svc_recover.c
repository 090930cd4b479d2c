/* A forgotten password: what its link is good for, and that nothing is hashed for one that
 * is no good. */
#include "tests/unit/server/svc_fixture.h"

#include <string.h>

#include "server/svc_message.h"
#include "store/store_outbox.h"

#define PHRASE "seven lamps over the quay"
#define PATH "/oauth/reset?token="

static void on_recover(struct svc_recover *recover) {
    *(bool *)recover->arg = true;
}

static void on_reset(struct svc_reset *reset) {
    *(bool *)reset->arg = true;
}

struct newest {
    struct fixture *f;
    struct arena *arena;
    char *token; /* of the mail that was not seen before */
    const char *not;
    unsigned count, told; /* links, and words of a change */
};

static enum outbox_walk see(void *arg, struct span client_id, struct id128 id) {
    struct newest *newest = arg;
    struct message_draft draft;
    struct outbox_message row;
    struct span link;

    (void)client_id;
    assert_int_equal(store_outbox_get(newest->f->svc->read, newest->arena, id, &row), OK);
    assert_int_equal(svc_message_open(newest->f->svc->sealer, id, row.sealed,
                                      newest->arena, &draft),
                     OK);
    newest->told += draft.template == MESSAGE_PASSWORD_CHANGED;
    if (draft.template != MESSAGE_PASSWORD_RESET)
        return OUTBOX_NEXT;
    newest->count++;
    link = draft.values[0].text;
    assert_memory_equal(link.data, PATH, sizeof PATH - 1);
    link = span_of(link.data + sizeof PATH - 1, link.len - (sizeof PATH - 1));
    assert_true(link.len < 1024);
    if (newest->token && !(newest->not && span_is(link, newest->not))) {
        memcpy(newest->token, link.data, link.len);
        newest->token[link.len] = '\0';
    }
    return OUTBOX_NEXT;
}

static struct newest look(struct fixture *f, char *token, const char *not) {
    struct arena arena;
    struct newest newest = {.f = f, .arena = &arena, .token = token, .not = not};

    arena_init(&arena, 1u << 20);
    assert_int_equal(svc_read_begin(f->svc), OK);
    assert_int_equal(store_outbox_walk_due(f->svc->read, f->repl.now_ms, see, &newest),
                     OK);
    svc_read_end(f->svc);
    arena_close(&arena);
    return newest;
}

static void ask(struct fixture *f, const char *account) {
    bool done = false;
    struct svc_recover op = {
        .done = on_recover, .arg = &done, .account_id = span_str(account)};

    svc_recover(f->svc, &op);
    fixture_until(f, &done);
    assert_int_equal(op.op.err, OK);
    svc_op_close(&op.op);
}

static enum svc_reset_kind reset(struct fixture *f, const char *token,
                                 const char *password, enum svc_login_notice *ret_notice) {
    bool done = false;
    struct svc_reset op = {.done = on_reset,
                           .arg = &done,
                           .token = span_str(token),
                           .password = span_str(password ? password : ""),
                           .sets = password != NULL};

    svc_reset(f->svc, &op);
    fixture_until(f, &done);
    assert_int_equal(op.op.err, OK);
    if (ret_notice)
        *ret_notice = op.notice;
    svc_op_close(&op.op);
    return op.kind;
}

static void a_link_sets_one_password(void **state) {
    struct fixture *f = *state;
    enum svc_login_notice notice;
    char token[1024];

    fixture_world(f);
    ask(f, ALICE);
    assert_int_equal(look(f, token, NULL).count, 1);
    assert_int_equal(reset(f, token, NULL, NULL), RESET_FORM);
    assert_int_equal(reset(f, token, "short", &notice), RESET_AGAIN);
    assert_int_equal(notice, NOTICE_PASSWORD_SHORT);
    assert_int_equal(reset(f, token, "takahashi19800101", &notice), RESET_AGAIN);
    assert_int_equal(notice, NOTICE_PASSWORD_COMMON);
    assert_int_equal(look(f, NULL, NULL).told, 0);
    assert_int_equal(reset(f, token, PHRASE, NULL), RESET_DONE);
    assert_int_equal(look(f, NULL, NULL).told, 1);
    assert_int_equal(reset(f, token, PHRASE " too", NULL), RESET_REFUSED);
    assert_int_equal(look(f, NULL, NULL).told, 1);
}

/* A probe goes round, for a node that is behind; then no hash and no command is made. */
static void a_link_that_is_no_good_costs_no_hash(void **state) {
    struct fixture *f = *state;
    char first[1024], second[1024];
    unsigned submits, reads;

    fixture_world(f);
    ask(f, ALICE);
    look(f, first, NULL);
    ask(f, ALICE); /* the newer one takes its place */
    look(f, second, first);
    assert_string_not_equal(first, second);
    submits = f->repl.submits;
    reads = f->repl.reads;
    assert_int_equal(reset(f, first, PHRASE, NULL), RESET_REFUSED);
    assert_int_equal(f->repl.submits, submits);
    assert_int_equal(f->repl.reads, reads + 1);
    f->repl.now_ms += 30ull * 60 * 1000;
    assert_int_equal(reset(f, second, PHRASE, NULL), RESET_REFUSED);
    assert_int_equal(f->repl.submits, submits);
    assert_int_equal(reset(f, "no-link-of-ours", PHRASE, NULL), RESET_REFUSED);
}

static void nobody_is_mailed_who_has_no_account(void **state) {
    struct fixture *f = *state;

    fixture_world(f);
    f->config.mail_cap_all = 1;
    for (int i = 0; i < 5; i++)
        ask(f, "nobody@example.jp");
    assert_int_equal(look(f, NULL, NULL).count, 0);
    ask(f, ALICE); /* strangers have taken nothing from everybody's bound */
    assert_int_equal(look(f, NULL, NULL).count, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
        T(a_link_sets_one_password),
        T(a_link_that_is_no_good_costs_no_hash),
        T(nobody_is_mailed_who_has_no_account),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
