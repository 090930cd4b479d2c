/* tally: every operation of the load, when it began and ended, and whether it did what
 * it should; and what follows from that: rates, outages, time to recover.
 *
 * Thread: any (locked). */
#ifndef CHAOS_DRILL_TALLY_H
#define CHAOS_DRILL_TALLY_H

#include <pthread.h>

#include "chaos/drill/experiment.h"

#define TALLY_MAX (1024 * 1024)

struct tally_event {
    enum load_kind kind;
    bool good;
    int status; /* of the last answer; 0, -1: none (http.h) */
    uint64_t start_us, end_us;
};

struct tally {
    pthread_mutex_t lock;
    struct tally_event *events;
    size_t count, cap;
    size_t dropped; /* beyond TALLY_MAX */
};

/* One slice of time, for charts and guards. Latencies of what was good. */
struct tally_slice {
    uint64_t from_us;
    unsigned good, bad;
    uint64_t p50_us, p99_us;
};

uint64_t tally_now_us(void);
void tally_init(struct tally *tally);
void tally_free(struct tally *tally);
void tally_add(struct tally *tally, const struct tally_event *event);

/* What began in [from, to). */
void tally_slice(struct tally *tally, uint64_t from_us, uint64_t to_us,
                 struct tally_slice *ret_slice);
/* The same of one kind, from the beginning to the end. */
void tally_kind(struct tally *tally, enum load_kind kind, struct tally_slice *ret_slice);
/* How operations of a kind failed: statuses as in tally_event, the commonest first. How
 * many there are of them, at most TALLY_WAYS. */
#define TALLY_WAYS 8
struct tally_way {
    int status;
    unsigned count;
};
size_t tally_ways(struct tally *tally, enum load_kind kind,
                  struct tally_way ret_ways[TALLY_WAYS]);
/* What began in [from, to) and failed. */
size_t tally_failed(struct tally *tally, uint64_t from_us, uint64_t to_us);
/* The longest outage since `fault_us`: from the beginning of the first operation that
 * failed, or took more than a second (five, if it is one of many steps), to the last of
 * those between which no whole second was good. UINT64_MAX: it was not over when the load
 * ended. */
uint64_t tally_recovery_us(struct tally *tally, uint64_t fault_us);
/* The longest time in [from, to) in which nothing good ended. */
uint64_t tally_outage_us(struct tally *tally, uint64_t from_us, uint64_t to_us);

#endif
