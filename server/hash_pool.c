#include "server/hash_pool.h"

#include <pthread.h>
#include <stdlib.h>

#include "store/base/check.h"
#include "store/base/limits.h"

#define THREADS_MAX 64

struct hash_pool {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct hash_job *head;
    struct hash_job **tail;
    unsigned queued; /* waiting, not those being worked on */
    bool closing;
    unsigned threads_count;
    pthread_t threads[THREADS_MAX];
};

static struct hash_job *job_of(struct port_task *task) {
    return (struct hash_job *)((char *)task - offsetof(struct hash_job, task));
}

static void run_done(struct port_task *task) {
    struct hash_job *job = job_of(task);

    job->done(job);
}

/* The next job; NULL once the pool closes and the queue is empty. */
static struct hash_job *take(struct hash_pool *pool) {
    struct hash_job *job;

    CHECK(pthread_mutex_lock(&pool->lock) == 0);
    while (!pool->head && !pool->closing)
        CHECK(pthread_cond_wait(&pool->wake, &pool->lock) == 0);
    job = pool->head;
    if (job) {
        pool->head = job->next;
        if (!pool->head)
            pool->tail = &pool->head;
        pool->queued--;
    }
    CHECK(pthread_mutex_unlock(&pool->lock) == 0);
    return job;
}

static void *worker(void *arg) {
    struct hash_pool *pool = arg;
    struct hash_job *job;

    while ((job = take(pool)) != NULL) {
        struct port_loop *loop = job->loop;

        job->next = NULL;
        job->work(job);
        job->task.run = run_done;
        loop->post(loop, &job->task); /* the job may be gone from here on */
    }
    return NULL;
}

enum err hash_pool_new(unsigned threads, struct hash_pool **ret_pool) {
    struct hash_pool *pool;

    if (threads == 0 || threads > THREADS_MAX)
        return ERR_INVALID;
    pool = calloc(1, sizeof(*pool));
    if (!pool)
        return ERR_NOMEM;
    CHECK(pthread_mutex_init(&pool->lock, NULL) == 0);
    CHECK(pthread_cond_init(&pool->wake, NULL) == 0);
    pool->tail = &pool->head;
    while (pool->threads_count < threads) {
        if (pthread_create(&pool->threads[pool->threads_count], NULL, worker, pool)) {
            hash_pool_free(pool);
            return ERR_NOMEM;
        }
        pool->threads_count++;
    }
    *ret_pool = pool;
    return OK;
}

void hash_pool_free(struct hash_pool *pool) {
    if (!pool)
        return;
    CHECK(pthread_mutex_lock(&pool->lock) == 0);
    pool->closing = true;
    CHECK(pthread_cond_broadcast(&pool->wake) == 0);
    CHECK(pthread_mutex_unlock(&pool->lock) == 0);
    for (unsigned i = 0; i < pool->threads_count; i++)
        CHECK(pthread_join(pool->threads[i], NULL) == 0);
    pthread_cond_destroy(&pool->wake);
    pthread_mutex_destroy(&pool->lock);
    free(pool);
}

enum err hash_pool_submit(struct hash_pool *pool, struct hash_job *job) {
    enum err err = OK;

    CHECK(job->work && job->done && job->loop);
    job->next = NULL;
    CHECK(pthread_mutex_lock(&pool->lock) == 0);
    if (pool->closing) {
        err = ERR_CLOSED;
    } else if (pool->queued >= LIMIT_HASH_QUEUE) {
        err = ERR_BUSY;
    } else {
        *pool->tail = job;
        pool->tail = &job->next;
        pool->queued++;
        CHECK(pthread_cond_signal(&pool->wake) == 0);
    }
    CHECK(pthread_mutex_unlock(&pool->lock) == 0);
    return err;
}
