/* Histories that must pass, planted violations that must be found, and verdicts on
 * small random histories compared with all orders tried one by one. */
#include <stdlib.h>
#include <string.h>

#include "chaos/checker/history_file.h"
#include "chaos/checker/linear.h"
#include "tests/unit/store/unit.h"

#define U HISTORY_UNKNOWN

struct row {
    enum history_kind kind;
    uint64_t argument, call_us, return_us, result;
};

static enum history_verdict judge_rows(enum history_model model, const struct row *rows,
                                       size_t count) {
    struct history history;
    struct linear_report report = {0};
    history_init(&history);
    for (size_t i = 0; i < count; i++) {
        struct history_op op = {.model = model,
                                .kind = rows[i].kind,
                                .argument = rows[i].argument,
                                .call_us = rows[i].call_us};
        size_t at = history_call(&history, &op);
        if (rows[i].return_us != U) {
            history_return(&history, at, rows[i].result, rows[i].return_us);
        }
    }
    enum history_verdict verdict = linear_check(&history, &report);
    history_free(&history);
    return verdict;
}

#define JUDGE(model, ...)                                                              \
    judge_rows(model, (const struct row[]){__VA_ARGS__},                               \
               sizeof((const struct row[]){__VA_ARGS__}) / sizeof(struct row))
#define GOOD(model, ...) assert_int_equal(JUDGE(model, __VA_ARGS__), HISTORY_LINEAR)
#define BAD(model, ...) assert_int_equal(JUDGE(model, __VA_ARGS__), HISTORY_BROKEN)

static void test_register(void **state) {
    (void)state;
    GOOD(HISTORY_REGISTER, {HISTORY_READ, 0, 1, 2, 0});
    GOOD(HISTORY_REGISTER, {HISTORY_WRITE, 7, 1, 9, 1}, {HISTORY_READ, 0, 2, 3, 0},
         {HISTORY_READ, 0, 4, 5, 7});
    /* Without an answer: happened late, or never. */
    GOOD(HISTORY_REGISTER, {HISTORY_WRITE, 7, 1, U, 0}, {HISTORY_READ, 0, 2, 3, 0},
         {HISTORY_READ, 0, 90, 91, 7});
    GOOD(HISTORY_REGISTER, {HISTORY_WRITE, 7, 1, U, 0}, {HISTORY_READ, 0, 2, 3, 0});
    /* Stale read. */
    BAD(HISTORY_REGISTER, {HISTORY_WRITE, 7, 1, 2, 1}, {HISTORY_READ, 0, 3, 4, 0});
    /* Lost write. */
    BAD(HISTORY_REGISTER, {HISTORY_WRITE, 7, 1, 2, 1}, {HISTORY_WRITE, 8, 3, 4, 1},
        {HISTORY_READ, 0, 5, 6, 7});
    /* Two readers, one after the other, see time run backwards. */
    BAD(HISTORY_REGISTER, {HISTORY_WRITE, 7, 1, 9, 1}, {HISTORY_READ, 0, 2, 3, 7},
        {HISTORY_READ, 0, 4, 5, 0});
    /* What was seen to have happened does not un-happen. */
    BAD(HISTORY_REGISTER, {HISTORY_WRITE, 7, 1, U, 0}, {HISTORY_READ, 0, 2, 3, 7},
        {HISTORY_READ, 0, 4, 5, 0});
    /* A value that nobody wrote. */
    BAD(HISTORY_REGISTER, {HISTORY_WRITE, 7, 1, 2, 1}, {HISTORY_READ, 0, 3, 4, 9});
    /* Before its call. */
    BAD(HISTORY_REGISTER, {HISTORY_READ, 0, 1, 2, 7}, {HISTORY_WRITE, 7, 3, 4, 1});
}

static void test_once(void **state) {
    (void)state;
    GOOD(HISTORY_ONCE, {HISTORY_TAKE, 0, 1, 9, 0}, {HISTORY_TAKE, 0, 2, 8, 1});
    GOOD(HISTORY_ONCE, {HISTORY_TAKE, 0, 1, U, 0}, {HISTORY_TAKE, 0, 2, 8, 0});
    BAD(HISTORY_ONCE, {HISTORY_TAKE, 0, 1, 2, 1},
        {HISTORY_TAKE, 0, 3, 4, 1});               /* twice */
    BAD(HISTORY_ONCE, {HISTORY_TAKE, 0, 1, 2, 0}); /* refused, and nobody took it */
    BAD(HISTORY_ONCE, {HISTORY_TAKE, 0, 1, 2, 0}, {HISTORY_TAKE, 0, 3, 4, 1});
}

static void test_set(void **state) {
    (void)state;
    GOOD(HISTORY_SET, {HISTORY_ADD, 0, 1, 2, 1}, {HISTORY_ADD, 0, 3, 4, 0},
         {HISTORY_REMOVE, 0, 5, 6, 1}, {HISTORY_CONTAINS, 0, 7, 8, 0},
         {HISTORY_ADD, 0, 9, 10, 1});
    BAD(HISTORY_SET, {HISTORY_ADD, 0, 1, 9, 1}, {HISTORY_ADD, 0, 2, 8, 1});
    BAD(HISTORY_SET, {HISTORY_ADD, 0, 1, 2, 1}, {HISTORY_CONTAINS, 0, 3, 4, 0});
    BAD(HISTORY_SET, {HISTORY_REMOVE, 0, 1, 2, 1});
    BAD(HISTORY_SET, {HISTORY_ADD, 0, 1, 2, 0});
}

static void test_family(void **state) {
    (void)state;
    GOOD(HISTORY_FAMILY, {HISTORY_ROTATE, 1, 1, 2, 2}, {HISTORY_ROTATE, 2, 3, 4, 3},
         {HISTORY_ROTATE, 2, 5, 6, 3}, {HISTORY_ROTATE, 3, 7, 8, 4});
    /* Two servers of one RP at the same time. */
    GOOD(HISTORY_FAMILY, {HISTORY_ROTATE, 1, 1, 9, 2}, {HISTORY_ROTATE, 1, 2, 8, 2});
    /* A thief's ends it, for the thief and for the owner. */
    GOOD(HISTORY_FAMILY, {HISTORY_ROTATE, 1, 1, 2, 2}, {HISTORY_ROTATE, 2, 3, 4, 3},
         {HISTORY_ROTATE, 1, 5, 6, 0}, {HISTORY_ROTATE, 3, 7, 8, 0});
    /* Another successor on retry. */
    BAD(HISTORY_FAMILY, {HISTORY_ROTATE, 1, 1, 2, 2}, {HISTORY_ROTATE, 1, 3, 4, 3});
    /* Two live members: the older one is still good. */
    BAD(HISTORY_FAMILY, {HISTORY_ROTATE, 1, 1, 2, 2}, {HISTORY_ROTATE, 2, 3, 4, 3},
        {HISTORY_ROTATE, 1, 5, 6, 2});
    /* Revived after its end. */
    BAD(HISTORY_FAMILY, {HISTORY_ROTATE, 1, 1, 2, 2}, {HISTORY_ROTATE, 2, 3, 4, 3},
        {HISTORY_ROTATE, 1, 5, 6, 0}, {HISTORY_ROTATE, 3, 7, 8, 4});
    /* Refused although it was the live one. */
    BAD(HISTORY_FAMILY, {HISTORY_ROTATE, 1, 1, 2, 0});
    /* A rotation that was answered has been forgotten. */
    BAD(HISTORY_FAMILY, {HISTORY_ROTATE, 1, 1, 2, 2}, {HISTORY_ROTATE, 2, 3, 4, 0});
}

static void test_counter(void **state) {
    (void)state;
    GOOD(HISTORY_COUNTER, {HISTORY_INCREMENT, 2, 1, 9, 1},
         {HISTORY_INCREMENT, 2, 2, 8, 1}, {HISTORY_INCREMENT, 2, 10, 11, 0},
         {HISTORY_READ, 0, 12, 13, 2}, {HISTORY_RESET, 0, 14, 15, 1},
         {HISTORY_READ, 0, 16, 17, 0});
    /* Over its bound. */
    BAD(HISTORY_COUNTER, {HISTORY_INCREMENT, 1, 1, 2, 1},
        {HISTORY_INCREMENT, 1, 3, 4, 1});
    /* One increment lost; one counted twice. */
    BAD(HISTORY_COUNTER, {HISTORY_INCREMENT, 9, 1, 2, 1},
        {HISTORY_INCREMENT, 9, 3, 4, 1}, {HISTORY_READ, 0, 5, 6, 1});
    BAD(HISTORY_COUNTER, {HISTORY_INCREMENT, 9, 1, 2, 1}, {HISTORY_READ, 0, 5, 6, 2});
    /* Refused below the bound. */
    BAD(HISTORY_COUNTER, {HISTORY_INCREMENT, 2, 1, 2, 1},
        {HISTORY_INCREMENT, 2, 3, 4, 0});
    /* One without an answer explains one more, not two. */
    GOOD(HISTORY_COUNTER, {HISTORY_INCREMENT, 9, 1, U, 0}, {HISTORY_READ, 0, 5, 6, 1});
    BAD(HISTORY_COUNTER, {HISTORY_INCREMENT, 9, 1, U, 0}, {HISTORY_READ, 0, 5, 6, 2});
}

/* --- against all orders --- */

static uint64_t chance(uint64_t *seed, uint64_t n) {
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (*seed >> 33) % n;
}

/* Is there an order of `left` (a bitset) that explains their answers? */
static bool some_order(const struct history_op *op, size_t count, unsigned left,
                       struct history_state state) {
    bool known_left = false;
    for (size_t i = 0; i < count; i++) {
        known_left = known_left || ((left >> i & 1) && op[i].return_us != U);
    }
    if (!known_left) {
        return true;
    }
    for (size_t i = 0; i < count; i++) {
        bool first = (left >> i & 1) != 0;
        for (size_t j = 0; j < count && first; j++) {
            first = !((left >> j & 1) && op[j].return_us < op[i].call_us);
        }
        if (!first) {
            continue;
        }
        struct history_state after = state;
        uint64_t result = history_apply(&op[i], &after);
        if ((op[i].return_us == U || result == op[i].result) &&
            some_order(op, count, left & ~(1u << i), after)) {
            return true;
        }
    }
    return false;
}

static struct history_op random_op(enum history_model model, uint64_t *seed) {
    struct history_op op = {.model = model};
    do {
        op.kind = (enum history_kind)chance(seed, HISTORY_KINDS);
    } while (!history_kind_of(model, op.kind));
    op.argument = 1 + chance(seed, 3);
    op.second = 1 + chance(seed, 3);
    op.call_us = 10 + chance(seed, 30);
    op.return_us = op.call_us + 1 + chance(seed, 12);
    return op;
}

/* Answers of a real object at random moments, one in three of them then spoiled. */
static void random_history(enum history_model model, uint64_t *seed,
                           struct history_op *op, size_t count) {
    struct history_state state = history_initial(model);
    for (size_t i = 0; i < count; i++) {
        op[i] = random_op(model, seed);
        op[i].result = history_apply(&op[i], &state);
        if (chance(seed, 6) == 0) {
            op[i].return_us = U;
        }
    }
    if (chance(seed, 3) == 0) {
        op[chance(seed, count)].result = chance(seed, 4);
    }
}

static void test_against_all_orders(void **state) {
    (void)state;
    uint64_t seed = 1;
    size_t broken = 0, linear = 0;
    for (size_t round = 0; round < 6000; round++) {
        enum history_model model = (enum history_model)(round % HISTORY_MODELS);
        struct history_op op[7];
        size_t count = 1 + (size_t)chance(&seed, 7);
        struct history history;
        struct linear_report report = {0};
        random_history(model, &seed, op, count);
        history_init(&history);
        for (size_t i = 0; i < count; i++) {
            size_t at = history_call(&history, &op[i]);
            if (op[i].return_us != U) {
                history_return(&history, at, op[i].result, op[i].return_us);
            }
        }
        bool expected =
            some_order(op, count, (1u << count) - 1, history_initial(model));
        enum history_verdict verdict = linear_check(&history, &report);
        if ((verdict == HISTORY_LINEAR) != expected) {
            (void)history_write(&history, stderr);
            fail_msg("round %zu: expected %d", round, expected);
        }
        broken += expected ? 0 : 1;
        linear += expected ? 1 : 0;
        history_free(&history);
    }
    assert_true(broken > 500 && linear > 500);
}

/* --- size, text, files --- */

static void add(struct history *history, struct history_op op, uint64_t result) {
    uint64_t return_us = op.return_us;
    size_t at = history_call(history, &op);
    assert_true(at != SIZE_MAX);
    if (return_us != U) {
        history_return(history, at, result, return_us);
    }
}

/* 8 processes, 100 objects of 300 operations, one in 20 without an answer. */
static void fill(struct history *history) {
    uint64_t seed = 7;
    for (uint64_t key = 0; key < 100; key++) {
        struct history_state state = history_initial(HISTORY_REGISTER);
        for (uint64_t i = 0; i < 300; i++) {
            struct history_op op = {.model = HISTORY_REGISTER,
                                    .kind =
                                        chance(&seed, 2) ? HISTORY_READ : HISTORY_WRITE,
                                    .key = key,
                                    .argument = 1 + i,
                                    .call_us = 100 * i,
                                    .return_us = 100 * i + 800};
            uint64_t result = history_apply(&op, &state);
            if (chance(&seed, 20) == 0) {
                op.return_us = U;
            }
            add(history, op, result);
        }
    }
}

struct told {
    size_t count;
    char text[4096];
};

static void on_object(void *arg, enum history_verdict verdict, enum history_model model,
                      uint64_t key, const char *text) {
    struct told *told = arg;
    (void)verdict;
    (void)model;
    (void)key;
    told->count++;
    snprintf(told->text, sizeof(told->text), "%s", text);
}

static void test_many_operations(void **state) {
    (void)state;
    struct history history;
    struct told told = {0};
    struct linear_report report = {.object = on_object, .arg = &told};
    history_init(&history);
    fill(&history);
    assert_int_equal(linear_check(&history, &report), HISTORY_LINEAR);
    assert_int_equal(report.objects, 100);
    assert_int_equal(report.operations, 30000);
    /* One answer of one object is wrong: that one is named, and the moment. */
    add(&history,
        (struct history_op){
            .kind = HISTORY_READ, .key = 50, .call_us = 40000, .return_us = 40001},
        99999);
    assert_int_equal(linear_check(&history, &report), HISTORY_BROKEN);
    assert_int_equal(told.count, 1);
    assert_int_equal(report.broken, 1);
    assert_non_null(strstr(told.text, "0.040001"));
    history_free(&history);
}

static void test_forgotten(void **state) {
    (void)state;
    struct history history;
    struct linear_report report = {0};
    history_init(&history);
    size_t at = history_call(
        &history, &(struct history_op){.model = HISTORY_ONCE, .kind = HISTORY_TAKE});
    history_return(&history, at, 0, 5); /* refused, though nobody took it */
    assert_int_equal(linear_check(&history, &report), HISTORY_BROKEN);
    history_forget(&history, at);
    assert_int_equal(linear_check(&history, &report), HISTORY_LINEAR);
    history_free(&history);
}

static void test_file(void **state) {
    (void)state;
    struct history history, again;
    char *text = NULL, why[256], *rewritten = NULL;
    size_t len = 0, len_again = 0;
    history_init(&history);
    history_init(&again);
    fill(&history);
    FILE *file = open_memstream(&text, &len);
    assert_int_equal(history_write(&history, file), OK);
    fclose(file);
    file = fmemopen(text, len, "r");
    assert_int_equal(history_read(&again, file, why), OK);
    fclose(file);
    file = open_memstream(&rewritten, &len_again);
    assert_int_equal(history_write(&again, file), OK);
    fclose(file);
    assert_int_equal(len, len_again);
    assert_memory_equal(text, rewritten, len);
    free(text);
    free(rewritten);
    history_free(&history);
    history_free(&again);
}

static void test_bad_lines(void **state) {
    (void)state;
    static const char *const lines[] = {
        "",
        "[]",
        "{",
        "{\"model\":\"register\"}",
        "{\"model\":\"once\",\"op\":\"write\",\"key\":1,\"call_us\":1}",
        "{\"model\":\"once\",\"op\":\"take\",\"key\":-1,\"call_us\":1}",
        "{\"model\":\"once\",\"op\":\"take\",\"key\":1.5,\"call_us\":1}",
        "{\"model\":\"once\",\"op\":\"take\",\"key\":1,\"call_us\":9,\"return_us\":8,"
        "\"result\":1}",
        "{\"model\":\"once\",\"op\":\"take\",\"key\":1,\"call_us\":1,\"return_us\":2}",
        "{\"model\":\"once\",\"op\":\"take\",\"key\":1,\"key\":2,\"call_us\":1}",
        "{\"model\":7,\"op\":\"take\",\"key\":1,\"call_us\":1}",
    };
    struct history_op op;
    char why[256];
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        why[0] = '\0';
        assert_int_equal(history_read_line(span_str(lines[i]), &op, why), ERR_INVALID);
        assert_true(why[0] != '\0');
    }
    assert_int_equal(
        history_read_line(span_str("{\"model\":\"once\",\"op\":\"take\",\"key\":1,"
                                   "\"call_us\":1,\"return_us\":null}"),
                          &op, why),
        OK);
    assert_true(op.return_us == U);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_register),
        cmocka_unit_test(test_once),
        cmocka_unit_test(test_set),
        cmocka_unit_test(test_family),
        cmocka_unit_test(test_counter),
        cmocka_unit_test(test_against_all_orders),
        cmocka_unit_test(test_many_operations),
        cmocka_unit_test(test_forgotten),
        cmocka_unit_test(test_file),
        cmocka_unit_test(test_bad_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
