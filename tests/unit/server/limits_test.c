/* hash_pool and rate_limit: what keeps overload out. */
#include "tests/unit/server/unit.h"

#include <pthread.h>
#include <stdio.h>

#include "server/hash_pool.h"
#include "server/rate_limit.h"

/* A loop whose thread is the test's: it runs what was posted when asked to. */
struct test_loop {
    struct port_loop loop;
    pthread_mutex_t lock;
    pthread_cond_t posted;
    struct port_task *head;
    struct port_task **tail;
};

static void loop_post(struct port_loop *loop, struct port_task *task) {
    struct test_loop *self = (struct test_loop *)loop;

    pthread_mutex_lock(&self->lock);
    task->next = NULL;
    *self->tail = task;
    self->tail = &task->next;
    pthread_cond_signal(&self->posted);
    pthread_mutex_unlock(&self->lock);
}

static void loop_init(struct test_loop *self) {
    self->loop.post = loop_post;
    pthread_mutex_init(&self->lock, NULL);
    pthread_cond_init(&self->posted, NULL);
    self->head = NULL;
    self->tail = &self->head;
}

static void loop_run_one(struct test_loop *self) {
    struct port_task *task;

    pthread_mutex_lock(&self->lock);
    while (!self->head)
        pthread_cond_wait(&self->posted, &self->lock);
    task = self->head;
    self->head = task->next;
    if (!self->head)
        self->tail = &self->head;
    pthread_mutex_unlock(&self->lock);
    task->run(task);
}

struct gate {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool open;
    unsigned inside;
};

struct test_job {
    struct hash_job job;
    struct gate *gate; /* NULL: does not wait */
    pthread_t worked_on, done_on;
    unsigned worked, done;
};

static void job_work(struct hash_job *job) {
    struct test_job *self = (struct test_job *)job;

    self->worked++;
    self->worked_on = pthread_self();
    if (!self->gate)
        return;
    pthread_mutex_lock(&self->gate->lock);
    self->gate->inside++;
    pthread_cond_broadcast(&self->gate->changed);
    while (!self->gate->open)
        pthread_cond_wait(&self->gate->changed, &self->gate->lock);
    pthread_mutex_unlock(&self->gate->lock);
}

static void job_done(struct hash_job *job) {
    struct test_job *self = (struct test_job *)job;

    self->done++;
    self->done_on = pthread_self();
}

static struct test_job job_of(struct test_loop *loop, struct gate *gate) {
    struct test_job job = {.gate = gate};

    job.job.work = job_work;
    job.job.done = job_done;
    job.job.loop = &loop->loop;
    return job;
}

static void works_elsewhere_and_ends_here(void **state) {
    struct hash_pool *pool;
    struct test_loop loop;
    struct test_job jobs[20];

    (void)state;
    loop_init(&loop);
    assert_int_equal(hash_pool_new(0, &pool), ERR_INVALID);
    assert_int_equal(hash_pool_new(2, &pool), OK);
    for (size_t i = 0; i < 20; i++) {
        jobs[i] = job_of(&loop, NULL);
        assert_int_equal(hash_pool_submit(pool, &jobs[i].job), OK);
    }
    for (size_t i = 0; i < 20; i++)
        loop_run_one(&loop);
    for (size_t i = 0; i < 20; i++) {
        assert_int_equal(jobs[i].worked, 1);
        assert_int_equal(jobs[i].done, 1);
        assert_true(pthread_equal(jobs[i].done_on, pthread_self()));
        assert_false(pthread_equal(jobs[i].worked_on, pthread_self()));
    }
    hash_pool_free(pool);
    hash_pool_free(NULL);
}

/* Full: ERR_BUSY at once. Freed: what waits is finished first. */
static void sheds_and_drains(void **state) {
    static struct test_job jobs[LIMIT_HASH_QUEUE + 2];
    struct gate gate = {.open = false};
    struct hash_pool *pool;
    struct test_loop loop;
    size_t last = LIMIT_HASH_QUEUE + 1;

    (void)state;
    loop_init(&loop);
    pthread_mutex_init(&gate.lock, NULL);
    pthread_cond_init(&gate.changed, NULL);
    assert_int_equal(hash_pool_new(1, &pool), OK);
    for (size_t i = 0; i <= last; i++)
        jobs[i] = job_of(&loop, &gate);
    assert_int_equal(hash_pool_submit(pool, &jobs[0].job), OK);
    pthread_mutex_lock(&gate.lock);
    while (gate.inside == 0)
        pthread_cond_wait(&gate.changed, &gate.lock);
    pthread_mutex_unlock(&gate.lock);
    for (size_t i = 1; i < last; i++)
        assert_int_equal(hash_pool_submit(pool, &jobs[i].job), OK);
    assert_int_equal(hash_pool_submit(pool, &jobs[last].job), ERR_BUSY);
    pthread_mutex_lock(&gate.lock);
    gate.open = true;
    pthread_cond_broadcast(&gate.changed);
    pthread_mutex_unlock(&gate.lock);
    hash_pool_free(pool);
    for (size_t i = 0; i < last; i++)
        loop_run_one(&loop);
    for (size_t i = 0; i < last; i++)
        assert_int_equal(jobs[i].done, 1);
    assert_int_equal(jobs[last].worked, 0);
    assert_null(loop.head);
}

static uint64_t clock_ms;

static uint64_t read_clock(void *impl) {
    (void)impl;
    return clock_ms;
}

static const struct port_clock test_clock = {.mono_ms = read_clock,
                                             .wall_ms = read_clock};

static void takes_bursts_and_refills(void **state) {
    struct rate_limit *limit;
    struct span key = span_str("192.0.2.1");

    (void)state;
    clock_ms = 1000;
    assert_int_equal(rate_limit_new(60, 5, 1024, test_clock, &limit), OK);
    for (int i = 0; i < 5; i++)
        assert_true(rate_limit_take(limit, key));
    assert_false(rate_limit_take(limit, key));
    assert_true(rate_limit_take(limit, span_str("192.0.2.2"))); /* its own bucket */
    clock_ms += 999;
    assert_false(rate_limit_take(limit, key));
    clock_ms += 1;
    assert_true(rate_limit_take(limit, key));
    assert_false(rate_limit_take(limit, key));
    clock_ms += UINT64_MAX / 2; /* full again, and no more than full */
    for (int i = 0; i < 5; i++)
        assert_true(rate_limit_take(limit, key));
    assert_false(rate_limit_take(limit, key));
    rate_limit_free(limit);
}

/* Asking often must not lose the fractions of a token. */
static void keeps_fractions(void **state) {
    struct rate_limit *limit;
    unsigned taken = 0;

    (void)state;
    clock_ms = 0;
    assert_int_equal(rate_limit_new(7, 1, 8, test_clock, &limit), OK);
    for (; clock_ms < 600000; clock_ms++)
        taken += rate_limit_take(limit, span_str("k"));
    assert_int_equal(taken, 70);
    rate_limit_free(limit);
}

static void zero_is_off(void **state) {
    struct rate_limit *limit;

    (void)state;
    assert_int_equal(rate_limit_new(0, 0, 8, test_clock, &limit), OK);
    for (int i = 0; i < 1000; i++)
        assert_true(rate_limit_take(limit, span_str("k")));
    rate_limit_free(limit);
    rate_limit_free(NULL);
    assert_int_equal(rate_limit_new(1, 0, 8, test_clock, &limit), ERR_INVALID);
    assert_int_equal(rate_limit_new(1, 1, 0, test_clock, &limit), ERR_INVALID);
}

/* A flood of new keys must not wash out one that is at its limit. */
static void remembers_whoever_is_at_the_limit(void **state) {
    struct rate_limit *limit;
    struct span key = span_str("attacker");

    (void)state;
    clock_ms = 0;
    assert_int_equal(rate_limit_new(60, 4, 64, test_clock, &limit), OK);
    for (int i = 0; i < 4; i++)
        assert_true(rate_limit_take(limit, key));
    for (unsigned i = 0; i < 10000; i++) {
        char other[16];

        snprintf(other, sizeof(other), "o%u", i);
        rate_limit_take(limit, span_str(other));
        assert_false(rate_limit_take(limit, key));
    }
    rate_limit_free(limit);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(works_elsewhere_and_ends_here),
        cmocka_unit_test(sheds_and_drains),
        cmocka_unit_test(takes_bursts_and_refills),
        cmocka_unit_test(keeps_fractions),
        cmocka_unit_test(zero_is_off),
        cmocka_unit_test(remembers_whoever_is_at_the_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
