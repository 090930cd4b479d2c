/* LMDB calls that fail, one after the other: an apply that meets a fault says so,
 * changes nothing, and succeeds once the fault is gone. */
#include "tests/unit/store/unit.h"

#include <errno.h>
#include <lmdb.h>

#include "tests/unit/raft/fsm_fixture.h"

/* Calls until one fails; negative: none does. */
static long countdown = -1;
static int fault;

static bool strike(void) {
    return countdown >= 0 && countdown-- == 0;
}

/* The linker's names (-Wl,--wrap). */
int __real_mdb_txn_begin(MDB_env *env, MDB_txn *parent, unsigned flags, MDB_txn **txn);
int __wrap_mdb_txn_begin(MDB_env *env, MDB_txn *parent, unsigned flags, MDB_txn **txn);
int __real_mdb_txn_commit(MDB_txn *txn);
int __wrap_mdb_txn_commit(MDB_txn *txn);
int __real_mdb_get(MDB_txn *txn, MDB_dbi dbi, MDB_val *key, MDB_val *data);
int __wrap_mdb_get(MDB_txn *txn, MDB_dbi dbi, MDB_val *key, MDB_val *data);
int __real_mdb_put(MDB_txn *txn, MDB_dbi dbi, MDB_val *key, MDB_val *data, unsigned f);
int __wrap_mdb_put(MDB_txn *txn, MDB_dbi dbi, MDB_val *key, MDB_val *data, unsigned f);
int __real_mdb_cursor_del(MDB_cursor *cursor, unsigned f);
int __wrap_mdb_cursor_del(MDB_cursor *cursor, unsigned f);
int __real_mdb_cursor_open(MDB_txn *txn, MDB_dbi dbi, MDB_cursor **cursor);
int __wrap_mdb_cursor_open(MDB_txn *txn, MDB_dbi dbi, MDB_cursor **cursor);
int __real_mdb_cursor_get(MDB_cursor *cursor, MDB_val *key, MDB_val *data,
                          MDB_cursor_op op);
int __wrap_mdb_cursor_get(MDB_cursor *cursor, MDB_val *key, MDB_val *data,
                          MDB_cursor_op op);

int __wrap_mdb_txn_begin(MDB_env *env, MDB_txn *parent, unsigned flags, MDB_txn **txn) {
    return strike() ? fault : __real_mdb_txn_begin(env, parent, flags, txn);
}

int __wrap_mdb_txn_commit(MDB_txn *txn) {
    if (strike()) {
        mdb_txn_abort(txn); /* a failed commit frees the transaction */
        return fault;
    }
    return __real_mdb_txn_commit(txn);
}

int __wrap_mdb_get(MDB_txn *txn, MDB_dbi dbi, MDB_val *key, MDB_val *data) {
    return strike() ? fault : __real_mdb_get(txn, dbi, key, data);
}

int __wrap_mdb_put(MDB_txn *txn, MDB_dbi dbi, MDB_val *key, MDB_val *data, unsigned f) {
    return strike() ? fault : __real_mdb_put(txn, dbi, key, data, f);
}

int __wrap_mdb_cursor_del(MDB_cursor *cursor, unsigned f) {
    return strike() ? fault : __real_mdb_cursor_del(cursor, f);
}

int __wrap_mdb_cursor_open(MDB_txn *txn, MDB_dbi dbi, MDB_cursor **cursor) {
    return strike() ? fault : __real_mdb_cursor_open(txn, dbi, cursor);
}

int __wrap_mdb_cursor_get(MDB_cursor *cursor, MDB_val *key, MDB_val *data,
                          MDB_cursor_op op) {
    return strike() ? fault : __real_mdb_cursor_get(cursor, key, data, op);
}

static void add(struct fsm_fixture *fx, struct buf *envelopes, struct command command) {
    struct envelope envelope = {.node = FIXTURE_NODE,
                                .boot = FIXTURE_BOOT,
                                .seq = fx->seq++,
                                .low = fx->seq - 2,
                                .type = command.type,
                                .payload = fsm_fixture_payload(fx, &command)};
    envelope_encode(&envelope, envelopes);
}

/* One frame that reaches every family of tables. */
static void rich_frame(struct fsm_fixture *fx, struct buf *frame) {
    struct command key = {.type = CMD_KEY_ADD,
                          .key_add = {.key = {.kid = "k",
                                              .alg = KEY_RS256,
                                              .public_jwk = span_str("{}"),
                                              .sealed_private = span_str("x")}}};
    struct command wrong = command_login(2, 9);
    struct command issue = command_issue(2, 11);
    struct buf envelopes;

    wrong.login.password_ok = false;
    issue.grant_issue.consent_scopes = SCOPE_A;
    buf_init(&envelopes, LIMIT_FRAME);
    add(fx, &envelopes, key);
    add(fx, &envelopes, command_account(2));
    add(fx, &envelopes, wrong);
    add(fx, &envelopes, command_login(2, 2));
    add(fx, &envelopes, issue);
    add(fx, &envelopes, command_redeem(11, 7));
    add(fx, &envelopes, command_refresh(7, 8));
    add(fx, &envelopes, command_end(1)); /* revokes code 10 */
    add(fx, &envelopes, (struct command){.type = CMD_TICK});
    assert_ok(frame_encode(1, fx->now_ms, 9, buf_span(&envelopes), frame));
    buf_free(&envelopes);
}

static void a_fault_changes_nothing(int code, enum err want) {
    struct fsm_fixture *fx = calloc(1, sizeof *fx);
    struct command proofs = command_proofs(1, 3);
    struct buf frame;
    struct store_meta before;
    enum err err = ERR_IO;
    long n = 0;

    assert_non_null(fx);
    fsm_fixture_open(fx);
    fsm_fixture_sign_in(fx);
    fsm_fixture_redeemed(fx, 10, 1);
    assert_code(fsm_fixture_do(fx, &proofs), OUT_OK);
    fx->now_ms += 2 * 60 * 1000; /* so that they are due in the frame */
    buf_init(&frame, LIMIT_FRAME);
    rich_frame(fx, &frame);
    before = *fsm_meta(fx->fsm);
    fault = code;
    while (err != OK) {
        countdown = n++;
        err = fsm_apply(fx->fsm, fx->index + 1, buf_span(&frame), NULL, NULL);
        if (err != OK) {
            assert_err(err, want);
            assert_memory_equal(&before, fsm_meta(fx->fsm), sizeof before);
            countdown = -1;
            assert_int_equal(meta_of(fx->store.store).applied_index, fx->index);
        }
    }
    countdown = -1;
    assert_true(n > 150); /* every one of the frame's calls had its turn */
    assert_int_equal(fsm_meta(fx->fsm)->applied_index, fx->index + 1);
    assert_int_equal(fsm_fixture_rows(fx, "access"), 3);
    assert_int_equal(fsm_fixture_rows(fx, "proof"), 0); /* swept, as if nothing had been */
    buf_free(&frame);
    fsm_fixture_close(fx); /* checks the digest */
    free(fx);
}

static void an_io_error_changes_nothing(void **state) {
    (void)state;
    a_fault_changes_nothing(EIO, ERR_IO);
}

static void a_full_map_changes_nothing(void **state) {
    (void)state;
    a_fault_changes_nothing(MDB_MAP_FULL, ERR_NO_SPACE);
}

static void corruption_changes_nothing(void **state) {
    (void)state;
    a_fault_changes_nothing(MDB_PAGE_NOTFOUND, ERR_CORRUPT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_io_error_changes_nothing),
        cmocka_unit_test(a_full_map_changes_nothing),
        cmocka_unit_test(corruption_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
