#include "store/base/mailbox.h"

#include <errno.h>
#include <time.h>

#include "store/base/check.h"

static void post(struct port_loop *loop, struct port_task *task) {
    struct mailbox *mailbox = (struct mailbox *)loop;
    task->next = NULL;
    pthread_mutex_lock(&mailbox->mutex);
    *mailbox->last = task;
    mailbox->last = &task->next;
    /* Under the mutex: once it is free the owner may close the mailbox. */
    pthread_cond_signal(&mailbox->filled);
    pthread_mutex_unlock(&mailbox->mutex);
}

void mailbox_init(struct mailbox *mailbox) {
    pthread_condattr_t attr;
    *mailbox = (struct mailbox){.loop = {post}};
    mailbox->last = &mailbox->first;
    CHECK(pthread_mutex_init(&mailbox->mutex, NULL) == 0);
    CHECK(pthread_condattr_init(&attr) == 0);
    CHECK(pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) == 0);
    CHECK(pthread_cond_init(&mailbox->filled, &attr) == 0);
    pthread_condattr_destroy(&attr);
}

void mailbox_close(struct mailbox *mailbox) {
    CHECK(mailbox->first == NULL);
    pthread_cond_destroy(&mailbox->filled);
    pthread_mutex_destroy(&mailbox->mutex);
}

bool mailbox_run(struct mailbox *mailbox, uint32_t timeout_ms) {
    struct timespec until;
    int rv = 0;
    CHECK(clock_gettime(CLOCK_MONOTONIC, &until) == 0);
    until.tv_sec += timeout_ms / 1000;
    until.tv_nsec += (long)(timeout_ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    pthread_mutex_lock(&mailbox->mutex);
    while (mailbox->first == NULL && rv == 0) {
        rv = pthread_cond_timedwait(&mailbox->filled, &mailbox->mutex, &until);
        CHECK(rv == 0 || rv == ETIMEDOUT);
    }
    struct port_task *task = mailbox->first;
    mailbox->first = NULL;
    mailbox->last = &mailbox->first;
    pthread_mutex_unlock(&mailbox->mutex);
    bool came = task != NULL;
    while (task != NULL) {
        struct port_task *next = task->next;
        task->run(task);
        task = next;
    }
    return came;
}
