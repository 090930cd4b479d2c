#include "server/worker.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "raft/repl.h"
#include "store/base/check.h"

struct worker {
    struct port_loop loop; /* first: repl posts completions to it */
    struct svc_shared *shared;
    void (*run)(struct worker *worker, void *arg);
    void *arg;
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    bool stopping, woken;     /* guarded by mutex */
    struct port_task *posted; /* guarded by mutex */
};

static void post(struct port_loop *loop, struct port_task *task) {
    struct worker *worker = (struct worker *)loop;

    pthread_mutex_lock(&worker->mutex);
    task->next = worker->posted;
    worker->posted = task;
    pthread_cond_signal(&worker->changed);
    pthread_mutex_unlock(&worker->mutex);
}

static void submit_done(struct repl_request *request) {
    (void)request; /* its err and outcome say it all; wait_posted has seen the task */
}

/* One command at a time is under way, so at most one task is ever posted. */
static void wait_posted(struct worker *worker) {
    struct port_task *task;

    pthread_mutex_lock(&worker->mutex);
    while (!worker->posted)
        pthread_cond_wait(&worker->changed, &worker->mutex);
    task = worker->posted;
    worker->posted = NULL;
    pthread_mutex_unlock(&worker->mutex);
    task->run(task);
}

bool worker_sleep(struct worker *worker, unsigned ms) {
    struct timespec until;
    bool stopping;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += (long)(ms % 1000) * 1000000L;
    until.tv_sec += ms / 1000 + until.tv_nsec / 1000000000L;
    until.tv_nsec %= 1000000000L;
    pthread_mutex_lock(&worker->mutex);
    while (!worker->stopping && !worker->woken &&
           pthread_cond_timedwait(&worker->changed, &worker->mutex, &until) == 0)
        continue;
    stopping = worker->stopping;
    worker->woken = false;
    pthread_mutex_unlock(&worker->mutex);
    return stopping;
}

enum err worker_submit(struct worker *worker, const struct command *command,
                       unsigned wait_ms, enum outcome_code *ret_code) {
    const struct port_clock *clock = &worker->shared->clock;
    struct repl_request request = {
        .type = command->type,
        .deadline_mono_ms = clock->mono_ms(clock->impl) + wait_ms,
        .loop = &worker->loop,
        .done = submit_done,
    };
    struct buf payload;
    enum err err;

    buf_init(&payload, LIMIT_COMMAND);
    err = command_encode(command, &payload);
    request.payload = buf_span(&payload);
    if (!err)
        err = repl_submit(worker->shared->repl, &request);
    if (!err) {
        wait_posted(worker);
        err = request.err;
        *ret_code = request.outcome.code;
        repl_request_close(&request);
    }
    buf_free(&payload);
    return err;
}

static void *run_thread(void *arg) {
    struct worker *worker = arg;

    worker->run(worker, worker->arg);
    return NULL;
}

static void release(struct worker *worker) {
    pthread_cond_destroy(&worker->changed);
    pthread_mutex_destroy(&worker->mutex);
    free(worker);
}

enum err worker_start(struct svc_shared *shared,
                      void (*run)(struct worker *worker, void *arg), void *arg,
                      struct worker **ret_worker) {
    struct worker *worker = calloc(1, sizeof *worker);
    pthread_condattr_t attr;

    if (!worker)
        return ERR_NOMEM;
    worker->loop.post = post;
    worker->shared = shared;
    worker->run = run;
    worker->arg = arg;
    CHECK(pthread_mutex_init(&worker->mutex, NULL) == 0);
    CHECK(pthread_condattr_init(&attr) == 0);
    CHECK(pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) == 0);
    CHECK(pthread_cond_init(&worker->changed, &attr) == 0);
    pthread_condattr_destroy(&attr);
    if (pthread_create(&worker->thread, NULL, run_thread, worker) != 0) {
        release(worker);
        return ERR_IO;
    }
    *ret_worker = worker;
    return OK;
}

void worker_wake(struct worker *worker) {
    pthread_mutex_lock(&worker->mutex);
    worker->woken = true;
    pthread_cond_signal(&worker->changed);
    pthread_mutex_unlock(&worker->mutex);
}

void worker_stop(struct worker *worker) {
    if (!worker)
        return;
    pthread_mutex_lock(&worker->mutex);
    worker->stopping = true;
    pthread_cond_signal(&worker->changed);
    pthread_mutex_unlock(&worker->mutex);
    pthread_join(worker->thread, NULL);
    release(worker);
}
