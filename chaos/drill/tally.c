#include "chaos/drill/tally.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define STEADY_US 1000000u
/* A new password, a registration, an application with its paper, a job's answer, a
 * decision: several requests, with hashes and copies of files. */
#define STEADY_STEPS_US 5000000u

uint64_t tally_now_us(void) {
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

void tally_init(struct tally *tally) {
    *tally = (struct tally){0};
    pthread_mutex_init(&tally->lock, NULL);
}

void tally_free(struct tally *tally) {
    free(tally->events);
    pthread_mutex_destroy(&tally->lock);
}

void tally_add(struct tally *tally, const struct tally_event *event) {
    pthread_mutex_lock(&tally->lock);
    if (tally->count == tally->cap && tally->cap < TALLY_MAX) {
        size_t cap = tally->cap == 0 ? 4096 : tally->cap * 2;
        struct tally_event *more = realloc(tally->events, cap * sizeof(*more));
        if (more != NULL) {
            tally->events = more;
            tally->cap = cap;
        }
    }
    if (tally->count < tally->cap) {
        tally->events[tally->count++] = *event;
    } else {
        tally->dropped++;
    }
    pthread_mutex_unlock(&tally->lock);
}

static int by_value(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static void slice_of(struct tally *tally, uint64_t from_us, uint64_t to_us, int kind,
                     struct tally_slice *ret_slice) {
    *ret_slice = (struct tally_slice){.from_us = from_us};
    pthread_mutex_lock(&tally->lock);
    uint64_t *times = calloc(tally->count + 1, sizeof(*times));
    size_t count = 0;
    for (size_t i = 0; i < tally->count; i++) {
        const struct tally_event *event = &tally->events[i];
        if (event->start_us < from_us || event->start_us >= to_us ||
            (kind >= 0 && (int)event->kind != kind)) {
            continue;
        }
        ret_slice->good += event->good;
        ret_slice->bad += !event->good;
        if (event->good && times != NULL) {
            times[count++] = event->end_us - event->start_us;
        }
    }
    pthread_mutex_unlock(&tally->lock);
    if (count > 0) {
        qsort(times, count, sizeof(*times), by_value);
        ret_slice->p50_us = times[count / 2];
        ret_slice->p99_us = times[(count * 99) / 100];
    }
    free(times);
}

void tally_slice(struct tally *tally, uint64_t from_us, uint64_t to_us,
                 struct tally_slice *ret_slice) {
    slice_of(tally, from_us, to_us, -1, ret_slice);
}

void tally_kind(struct tally *tally, enum load_kind kind, struct tally_slice *ret_slice) {
    slice_of(tally, 0, UINT64_MAX, (int)kind, ret_slice);
}

size_t tally_failed(struct tally *tally, uint64_t from_us, uint64_t to_us) {
    size_t count = 0;
    pthread_mutex_lock(&tally->lock);
    for (size_t i = 0; i < tally->count; i++) {
        const struct tally_event *event = &tally->events[i];
        count += !event->good && event->start_us >= from_us && event->start_us < to_us;
    }
    pthread_mutex_unlock(&tally->lock);
    return count;
}

static int by_count(const void *a, const void *b) {
    const struct tally_way *x = a, *y = b;
    return x->count < y->count ? 1 : x->count > y->count ? -1 : x->status - y->status;
}

size_t tally_ways(struct tally *tally, enum load_kind kind,
                  struct tally_way ret_ways[TALLY_WAYS]) {
    size_t count = 0;

    pthread_mutex_lock(&tally->lock);
    for (size_t i = 0; i < tally->count; i++) {
        const struct tally_event *event = &tally->events[i];
        size_t at = 0;
        if (event->kind != kind || event->good) {
            continue;
        }
        while (at < count && ret_ways[at].status != event->status) {
            at++;
        }
        if (at == count && count < TALLY_WAYS) {
            ret_ways[count++] = (struct tally_way){.status = event->status};
        }
        if (at < count) {
            ret_ways[at].count++;
        }
    }
    pthread_mutex_unlock(&tally->lock);
    qsort(ret_ways, count, sizeof(*ret_ways), by_count);
    return count;
}

static int by_start(const void *a, const void *b) {
    const struct tally_event *x = a, *y = b;
    return x->start_us < y->start_us ? -1 : x->start_us > y->start_us;
}

/* A copy in order of beginning; NULL: none, or no memory. */
static struct tally_event *in_order(struct tally *tally, size_t *ret_count) {
    pthread_mutex_lock(&tally->lock);
    size_t count = tally->count;
    struct tally_event *copy = calloc(count + 1, sizeof(*copy));
    if (copy != NULL && count > 0) {
        memcpy(copy, tally->events, count * sizeof(*copy));
    }
    pthread_mutex_unlock(&tally->lock);
    if (copy != NULL) {
        qsort(copy, count, sizeof(*copy), by_start);
    }
    *ret_count = copy != NULL ? count : 0;
    return copy;
}

/* Who waits longer than that calls it an outage, whatever comes of it. */
static bool prompt(const struct tally_event *event) {
    bool steps = event->kind == LOAD_PASSWORD || event->kind == LOAD_REGISTER ||
                 event->kind == LOAD_INTAKE || event->kind == LOAD_OCR_JOB ||
                 event->kind == LOAD_DECISION;
    uint64_t most_us = steps ? STEADY_STEPS_US : STEADY_US;
    return event->good && event->end_us - event->start_us <= most_us;
}

uint64_t tally_recovery_us(struct tally *tally, uint64_t fault_us) {
    size_t count;
    struct tally_event *events = in_order(tally, &count);
    uint64_t longest = 0, began = 0, last = 0, end = 0;
    bool proven = true; /* something was prompt since `last` */

    /* An outage lasts from the first that was not prompt to the last one behind which,
     * for a second, all are. While everybody hangs and nobody asks, it is not over: it
     * lasts until somebody is served again. */
    for (size_t i = 0; i < count; i++) {
        const struct tally_event *event = &events[i];
        end = event->end_us > end ? event->end_us : end;
        if (event->start_us < fault_us) {
            continue;
        }
        if (prompt(event)) {
            if (!proven && event->start_us > last + STEADY_US) {
                last = event->start_us;
                longest = last - began > longest ? last - began : longest;
            }
            proven = true;
            continue;
        }
        if (began == 0 || (proven && event->start_us > last + STEADY_US)) {
            began = event->start_us;
        }
        proven = false;
        last = event->start_us;
        /* What was answered late had its answer then. */
        uint64_t over = event->good ? event->end_us : event->start_us;
        last = over > last ? over : last;
        longest = last - began > longest ? last - began : longest;
    }
    /* Not over yet when the load ended. */
    if (began != 0 && end < last + STEADY_US) {
        longest = UINT64_MAX;
    }
    free(events);
    return longest;
}

uint64_t tally_outage_us(struct tally *tally, uint64_t from_us, uint64_t to_us) {
    uint64_t *ends = NULL, longest = 0, last = from_us;
    size_t count = 0;

    pthread_mutex_lock(&tally->lock);
    ends = calloc(tally->count + 1, sizeof(*ends));
    for (size_t i = 0; i < tally->count && ends != NULL; i++) {
        const struct tally_event *event = &tally->events[i];
        if (event->good && event->end_us >= from_us && event->end_us < to_us) {
            ends[count++] = event->end_us;
        }
    }
    pthread_mutex_unlock(&tally->lock);
    if (count > 0) {
        qsort(ends, count, sizeof(*ends), by_value);
    }
    for (size_t i = 0; i < count; i++) {
        longest = ends[i] - last > longest ? ends[i] - last : longest;
        last = ends[i];
    }
    longest = to_us - last > longest ? to_us - last : longest;
    free(ends);
    return longest;
}
