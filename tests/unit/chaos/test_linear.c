/* Histories that must pass, planted violations that must be found, and verdicts on
 * small random histories compared with all orders tried one by one. */
#include <stdlib.h>
#include <string.h>

#include "chaos/checker/history_file.h"
#include "chaos/checker/linear.h"
#include "tests/unit/store/unit.h"

#define U HISTORY_UNKNOWN

#define PAIR(first, second) ((first) | (uint64_t)(second) << 32)

struct row {
    enum history_kind kind;
    uint64_t argument, call_us, return_us, result; /* argument: or PAIR */
};

static enum history_verdict judge_rows(enum history_model model, const struct row *rows,
                                       size_t count) {
    struct history history;
    struct linear_report report = {0};
    history_init(&history);
    for (size_t i = 0; i < count; i++) {
        struct history_op op = {.model = model,
                                .kind = rows[i].kind,
                                .argument = rows[i].argument & UINT32_MAX,
                                .second = rows[i].argument >> 32,
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

static void test_compare_and_set(void **state) {
    (void)state;
    GOOD(HISTORY_REGISTER, {HISTORY_CAS, PAIR(0, 5), 1, 9, 1},
         {HISTORY_CAS, PAIR(0, 6), 2, 8, 0}, {HISTORY_READ, 0, 10, 11, 5});
    /* Without an answer, and the only one that explains what another one saw. */
    GOOD(HISTORY_REGISTER, {HISTORY_CAS, PAIR(0, 5), 1, U, 0},
         {HISTORY_CAS, PAIR(5, 6), 3, 4, 1});
    GOOD(HISTORY_REGISTER, {HISTORY_CAS, PAIR(0, 5), 1, U, 0},
         {HISTORY_CAS, PAIR(0, 6), 3, 4, 0});
    /* Both of two that exclude each other. */
    BAD(HISTORY_REGISTER, {HISTORY_CAS, PAIR(0, 5), 1, 9, 1},
        {HISTORY_CAS, PAIR(0, 6), 2, 8, 1});
    /* Refused although nothing else was ever there; it happened all the same. */
    BAD(HISTORY_REGISTER, {HISTORY_CAS, PAIR(0, 5), 1, 2, 0});
    BAD(HISTORY_REGISTER, {HISTORY_WRITE, 7, 1, 2, 1},
        {HISTORY_CAS, PAIR(8, 5), 3, 4, 0}, {HISTORY_READ, 0, 5, 6, 5});
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
    /* After the time of grace a retry ends it as well. */
    GOOD(HISTORY_FAMILY, {HISTORY_ROTATE, 1, 1, 2, 2},
         {HISTORY_ROTATE, PAIR(1, 1), 3, 4, 0}, {HISTORY_ROTATE, 2, 5, 6, 0});
    BAD(HISTORY_FAMILY, {HISTORY_ROTATE, 1, 1, 2, 2},
        {HISTORY_ROTATE, PAIR(1, 1), 3, 4, 2});
    BAD(HISTORY_FAMILY, {HISTORY_ROTATE, 1, 1, 2, 2}, {HISTORY_ROTATE, 1, 3, 4, 0});
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

static void test_job(void **state) {
    (void)state;
    GOOD(HISTORY_JOB, {HISTORY_LEASE, 1, 1, 2, 1}, {HISTORY_VERDICT, 1, 3, 4, 1},
         {HISTORY_VERDICT, 1, 5, 6, 1});
    /* The first one's lease ran out; one lease's answer was lost. */
    GOOD(HISTORY_JOB, {HISTORY_LEASE, 1, 1, 2, 1}, {HISTORY_LEASE, 3, 3, 4, 1},
         {HISTORY_LATE, 1, 5, 6, 1}, {HISTORY_VERDICT, 3, 7, 8, 1});
    /* Late, though nobody is known to have it: a lease whose answer was lost. */
    GOOD(HISTORY_JOB, {HISTORY_LEASE, 1, 1, 2, 1}, {HISTORY_LATE, 1, 3, 4, 1},
         {HISTORY_LEASE, 3, 5, 6, 1}, {HISTORY_VERDICT, 3, 7, 8, 1});
    /* Its verdict had no answer, and had counted. */
    GOOD(HISTORY_JOB, {HISTORY_LEASE, 1, 1, 2, 1}, {HISTORY_VERDICT, 1, 3, U, 0},
         {HISTORY_VERDICT, 1, 5, 6, 1});
    GOOD(HISTORY_JOB, {HISTORY_LEASE, 1, 1, 2, 1}, {HISTORY_VERDICT, 1, 3, U, 0},
         {HISTORY_LEASE, 2, 5, 6, 1}, {HISTORY_VERDICT, 2, 7, 8, 1},
         {HISTORY_LATE, 1, 9, 10, 1});
    /* The same attempt to two; one that is older than what was given out. */
    BAD(HISTORY_JOB, {HISTORY_LEASE, 1, 1, 9, 1}, {HISTORY_LEASE, 1, 2, 8, 1});
    BAD(HISTORY_JOB, {HISTORY_LEASE, 2, 1, 2, 1}, {HISTORY_LEASE, 1, 3, 4, 1});
    /* Judged twice; given out after its verdict. */
    BAD(HISTORY_JOB, {HISTORY_LEASE, 1, 1, 2, 1}, {HISTORY_LEASE, 2, 3, 4, 1},
        {HISTORY_VERDICT, 2, 5, 6, 1}, {HISTORY_VERDICT, 1, 7, 8, 1});
    BAD(HISTORY_JOB, {HISTORY_LEASE, 1, 1, 2, 1}, {HISTORY_LEASE, 2, 3, 4, 1},
        {HISTORY_VERDICT, 1, 5, 6, 1});
    BAD(HISTORY_JOB, {HISTORY_LEASE, 1, 1, 2, 1}, {HISTORY_VERDICT, 1, 3, 4, 1},
        {HISTORY_LEASE, 2, 5, 6, 1});
    /* A verdict that counted was lost; one that was late counted after all. */
    BAD(HISTORY_JOB, {HISTORY_LEASE, 1, 1, 2, 1}, {HISTORY_VERDICT, 1, 3, 4, 1},
        {HISTORY_LATE, 1, 5, 6, 1});
    BAD(HISTORY_JOB, {HISTORY_LEASE, 1, 1, 2, 1}, {HISTORY_LATE, 1, 3, 4, 1},
        {HISTORY_VERDICT, 1, 5, 6, 1});
    /* Of nobody. */
    BAD(HISTORY_JOB, {HISTORY_VERDICT, 1, 1, 2, 1});
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

static struct history_op op_at(enum history_model model, const uint64_t *seed_state,
                               uint64_t *seed) {
    struct history_op op = random_op(model, seed);
    if (model == HISTORY_FAMILY) { /* mostly the live one */
        op.argument = *seed_state - (*seed_state > 1 && chance(seed, 4) == 0 ? 1 : 0);
        op.second = 0;
    }
    return op;
}

static int by_return_us(const void *a, const void *b) {
    const struct history_op *x = a, *y = b;
    return x->return_us < y->return_us ? -1 : x->return_us > y->return_us;
}

/* A real object used by 8 processes at once: operation i takes effect at 1000 i, within
 * a call and a return that reach over its neighbours'; one in 20 has no answer. */
static void overlap(enum history_model model, uint64_t *seed, struct history_op *op,
                    size_t count) {
    struct history_state state = history_initial(model);
    for (size_t i = 0; i < count; i++) {
        op[i] = op_at(model, &state.value, seed);
        op[i].call_us = 8000 + 1000 * i - chance(seed, 4000);
        op[i].return_us = 8000 + 1000 * i + chance(seed, 4000);
        if (chance(seed, 20) == 0) {
            op[i].return_us = U;
        }
        if (op[i].return_us != U || chance(seed, 2)) {
            op[i].result = history_apply(&op[i], &state);
        }
    }
    qsort(op, count, sizeof(*op), by_return_us);
}

static enum history_verdict judge(const struct history_op *op, size_t count) {
    struct history history;
    struct linear_report report = {0};
    history_init(&history);
    for (size_t i = 0; i < count; i++) {
        add(&history, op[i], op[i].result);
    }
    enum history_verdict verdict = linear_check(&history, &report);
    history_free(&history);
    return verdict;
}

static void test_real_objects(void **state) {
    (void)state;
    for (uint64_t round = 0; round < 250; round++) {
        uint64_t seed = round;
        enum history_model model = (enum history_model)(round % HISTORY_MODELS);
        struct history_op op[120];
        overlap(model, &seed, op, 120);
        if (judge(op, 120) != HISTORY_LINEAR) {
            fail_msg("seed %llu: a real object's history", (unsigned long long)round);
        }
        op[chance(&seed, 60)].result = 99; /* no operation has this answer */
        if (judge(op, 120) != HISTORY_BROKEN) {
            fail_msg("seed %llu: a wrong answer", (unsigned long long)round);
        }
    }
}

/* What every later one shows, in the midst of wide overlap. */
static void test_wide_overlap(void **state) {
    (void)state;
    struct history_op op[64];
    for (size_t i = 0; i < 64; i++) {
        op[i] = (struct history_op){.model = HISTORY_ONCE,
                                    .kind = HISTORY_TAKE,
                                    .call_us = i,
                                    .return_us = i % 7 ? 1000 + i : U,
                                    .result = i == 40};
    }
    assert_int_equal(judge(op, 64), HISTORY_LINEAR);
    op[3].result = 1; /* a second taker */
    assert_int_equal(judge(op, 64), HISTORY_BROKEN);
    for (size_t i = 0; i < 64; i++) {
        op[i] = (struct history_op){.model = HISTORY_COUNTER,
                                    .kind = HISTORY_INCREMENT,
                                    .argument = 40,
                                    .call_us = i,
                                    .return_us = 1000 + i,
                                    .result = i < 40};
    }
    assert_int_equal(judge(op, 64), HISTORY_LINEAR);
    op[39].result = 0; /* refused at 39 */
    assert_int_equal(judge(op, 64), HISTORY_BROKEN);
}

/* The search gives up: that is no "linearizable"; what can be counted is still found.
 */
static void test_undecided(void **state) {
    (void)state;
    size_t count = LINEAR_OPS_MAX + 1;
    struct history_op *op = calloc(count, sizeof(*op));
    assert_non_null(op);
    for (size_t i = 0; i < count; i++) {
        op[i] = (struct history_op){.model = HISTORY_ONCE,
                                    .kind = HISTORY_TAKE,
                                    .call_us = 2 * i,
                                    .return_us = 2 * i + 1,
                                    .result = i == 0};
    }
    assert_int_equal(judge(op, count), HISTORY_UNDECIDED);
    op[9].result = 1;
    assert_int_equal(judge(op, count), HISTORY_BROKEN);
    free(op);

    /* Thirty writers at once, then two readers that saw two of them: no order explains
     * both, but 2^30 sets of writes come before that is known. */
    struct history_op many[32];
    for (size_t i = 0; i < 32; i++) {
        bool reads = i >= 30;
        many[i] = (struct history_op){.kind = reads ? HISTORY_READ : HISTORY_WRITE,
                                      .argument = 1 + i,
                                      .call_us = reads ? 1000 * i : i,
                                      .return_us = reads ? 1000 * i + 1 : 999,
                                      .result = reads ? i - 29 : 1};
    }
    assert_int_equal(judge(many, 32), HISTORY_UNDECIDED);
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
            .kind = HISTORY_READ, .key = 50, .call_us = 15000, .return_us = 15001},
        99999);
    assert_int_equal(linear_check(&history, &report), HISTORY_BROKEN);
    assert_int_equal(told.count, 1);
    assert_int_equal(report.broken, 1);
    assert_non_null(strstr(told.text, "up to 0.015001 s"));
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
    /* What the reader would refuse is not written. */
    history.op[0].key = UINT64_MAX;
    file = fopen("/dev/null", "w");
    assert_int_equal(history_write(&history, file), ERR_INVALID);
    fclose(file);
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
        "{\"model\":\"once\",\"op\":\"take\",\"key\":1,\"call_us\":1,\"process\":"
        "4294967296}",
        "{\"model\":\"once\",\"op\":\"take\",\"key\":1,\"call_us\":1,\"retrun_us\":2}",
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
        cmocka_unit_test(test_compare_and_set),
        cmocka_unit_test(test_once),
        cmocka_unit_test(test_set),
        cmocka_unit_test(test_family),
        cmocka_unit_test(test_counter),
        cmocka_unit_test(test_job),
        cmocka_unit_test(test_against_all_orders),
        cmocka_unit_test(test_many_operations),
        cmocka_unit_test(test_real_objects),
        cmocka_unit_test(test_wide_overlap),
        cmocka_unit_test(test_undecided),
        cmocka_unit_test(test_forgotten),
        cmocka_unit_test(test_file),
        cmocka_unit_test(test_bad_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
