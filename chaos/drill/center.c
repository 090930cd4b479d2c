#include "chaos/drill/center.h"

#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- what came in */

/* Its row, a new one if need be; NULL: the table is full. Under the lock. */
static struct center_case *case_of(struct center *center, const char *id) {
    for (size_t i = center->cases_count; i-- > 0;) {
        if (strcmp(center->cases[i].id, id) == 0) {
            return &center->cases[i];
        }
    }
    if (center->cases_count == CENTER_CASES_MAX) {
        return NULL;
    }
    struct center_case *one = &center->cases[center->cases_count++];
    *one = (struct center_case){.read = false};
    snprintf(one->id, sizeof(one->id), "%s", id);
    return one;
}

void center_came(struct center *center, const char *id) {
    pthread_mutex_lock(&center->lock);
    struct center_case *one = case_of(center, id);
    if (one != NULL) {
        one->acknowledged = true;
    }
    pthread_mutex_unlock(&center->lock);
}

void center_case_read(struct center *center, const char *id) {
    pthread_mutex_lock(&center->lock);
    struct center_case *one = case_of(center, id);
    if (one != NULL) {
        one->read = true;
    }
    pthread_mutex_unlock(&center->lock);
}

void center_case_decided(struct center *center, const char *id) {
    pthread_mutex_lock(&center->lock);
    struct center_case *one = case_of(center, id);
    if (one != NULL) {
        one->decided = true;
    }
    pthread_mutex_unlock(&center->lock);
}

/* ---- what is given out */

uint64_t center_key(const char *name, bool review) {
    uint64_t hash = UINT64_C(1469598103934665603) + review;
    for (; *name != '\0'; name++) {
        hash = (hash ^ (uint8_t)*name) * UINT64_C(1099511628211);
    }
    /* History files hold numbers that every reader of JSON can hold. */
    hash = (hash ^ hash >> 29) & UINT64_C(0x1fffffffffffff);
    return hash != 0 ? hash : 1;
}

/* NULL: the table is full. Under the lock. */
static struct center_work *work_of(struct center *center, uint64_t key) {
    size_t at = key % CENTER_WORKS_MAX;
    while (center->works[at].key != 0 && center->works[at].key != key) {
        at = (at + 1) % CENTER_WORKS_MAX;
    }
    if (center->works[at].key == 0) {
        if (center->works_count + 1 >= CENTER_WORKS_MAX) {
            return NULL;
        }
        center->works_count++;
        center->works[at].key = key;
    }
    return &center->works[at];
}

static uint64_t lease_us(const struct center_person *person) {
    const struct lab_plan *plan = &person->center->load->lab->plan;
    unsigned job = plan->job_lease_s > 0 ? plan->job_lease_s : 120;
    unsigned claim = plan->review_claim_s > 0 ? plan->review_claim_s : 1200;
    return (person->reviewer ? claim : job) * 1000000ull;
}

void center_wrong(struct center *center, size_t *counter, const char *format, ...) {
    va_list args;
    (*counter)++;
    va_start(args, format);
    if (center->example[0] == '\0') {
        vsnprintf(center->example, sizeof(center->example), format, args);
    }
    va_end(args);
}

bool center_given(struct center_person *person, const char *name, uint32_t attempt,
                  uint64_t called_us) {
    struct center *center = person->center;
    uint64_t now = tally_now_us();
    bool new = true;

    pthread_mutex_lock(&center->lock);
    struct center_work *work = work_of(center, center_key(name, person->reviewer));
    if (work != NULL) {
        /* The one before it had it from its call at the earliest, and this one from now
         * at the latest. */
        if (work->attempt != 0 && attempt == work->attempt + 1 && !work->done &&
            !work->let_go && now + CENTER_SLACK_US < work->called_us + lease_us(person)) {
            center_wrong(center, &center->twice,
                         "%s: attempt %u given out %.1f s after attempt %u", name,
                         attempt, (double)(now - work->called_us) / 1e6, work->attempt);
        }
        new = work->attempt != attempt || work->holder != person->number;
        work->review = person->reviewer;
        work->attempt = attempt;
        work->region = person->region;
        work->holder = person->number;
        work->let_go = false;
        work->called_us = called_us;
    }
    pthread_mutex_unlock(&center->lock);
    return new;
}

void center_let_go(struct center_person *person, const char *name) {
    struct center *center = person->center;
    pthread_mutex_lock(&center->lock);
    struct center_work *work = work_of(center, center_key(name, person->reviewer));
    if (work != NULL && work->holder == person->number) {
        work->let_go = true;
    }
    pthread_mutex_unlock(&center->lock);
}

bool center_undecided(struct center *center, uint64_t number, char id[CENTER_ID_MAX]) {
    bool found = false;
    pthread_mutex_lock(&center->lock);
    for (size_t i = 0; i < center->cases_count && !found; i++) {
        const struct center_case *one =
            &center->cases[(i + number) % center->cases_count];
        found = one->acknowledged && one->read && !one->decided;
        if (found) {
            memcpy(id, one->id, CENTER_ID_MAX);
        }
    }
    pthread_mutex_unlock(&center->lock);
    return found;
}

void center_done(struct center_person *person, const char *name) {
    struct center *center = person->center;
    pthread_mutex_lock(&center->lock);
    struct center_work *work = work_of(center, center_key(name, person->reviewer));
    if (work != NULL && !work->done) {
        work->done = true;
        work->done_us = tally_now_us();
        work->done_region = person->region;
        *(person->reviewer ? &center->decisions : &center->jobs) += 1;
    }
    pthread_mutex_unlock(&center->lock);
}

void center_late(struct center_person *person) {
    pthread_mutex_lock(&person->center->lock);
    person->center->late++;
    pthread_mutex_unlock(&person->center->lock);
}

/* ---- standing still */

static void note_lost(struct center_person *person, const char *held) {
    struct center *center = person->center;
    pthread_mutex_lock(&center->lock);
    center->stood++;
    struct center_work *work =
        held != NULL ? work_of(center, center_key(held, person->reviewer)) : NULL;
    if (work != NULL && !work->done) {
        work->lost_us = tally_now_us();
        work->lost_region = person->region;
    }
    pthread_mutex_unlock(&center->lock);
}

bool center_going(struct center_person *person, const char *held) {
    struct center *center = person->center;
    atomic_bool *lost = &center->load->lab->lost[person->region];
    bool noted = false;

    while (atomic_load(lost) && !atomic_load(&center->stop)) {
        if (!noted) {
            note_lost(person, held);
            noted = true;
            person->stood = true;
        }
        poll(NULL, 0, 20);
    }
    return !atomic_load(&center->stop);
}

bool center_pause(struct center_person *person, unsigned ms, const char *held) {
    uint64_t end = tally_now_us() + (ms / 2 + center_draw(person, ms)) * 1000;
    while (center_going(person, held)) {
        uint64_t now = tally_now_us();
        if (now >= end) {
            return true;
        }
        poll(NULL, 0, end - now > 20000 ? 20 : 1);
    }
    return false;
}

uint64_t center_draw(struct center_person *person, uint64_t below) {
    uint64_t z = person->random += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (z ^ (z >> 31)) % below;
}

struct load_actor center_actor(const struct center_person *person) {
    struct load *load = person->center->load;
    return (struct load_actor){load, person->number, atomic_load(&load->epoch)};
}

void center_tally(struct center_person *person, enum load_kind kind, bool good,
                  int status, uint64_t began_us) {
    struct tally_event event = {.kind = kind,
                                .good = good,
                                .status = status,
                                .start_us = began_us,
                                .end_us = tally_now_us()};
    if (!person->stood) {
        tally_add(person->center->load->tally, &event);
    }
}

/* ---- from the beginning to the end */

bool center_prepare(struct load *load) {
    const struct experiment *e = load->experiment;
    if (e->rate[LOAD_INTAKE] == 0 && e->workers + e->reviewers == 0) {
        return true;
    }
    struct center *center = calloc(1, sizeof(*center));
    if (center == NULL) {
        snprintf(load->why, sizeof(load->why), "no memory");
        return false;
    }
    center->load = load;
    load->center = center;
    pthread_mutex_init(&center->lock, NULL);
    for (unsigned region = 0;
         region < e->centers && region < load->lab->plan.regions_count; region++) {
        for (unsigned i = 0; i < e->workers + e->reviewers &&
                             center->people_count < CENTER_PEOPLE_MAX;
             i++) {
            struct center_person *person = &center->people[center->people_count];
            *person = (struct center_person){.center = center, .region = region};
            person->number = e->people + 1 + (unsigned)center->people_count++;
            person->reviewer = i >= e->workers;
            person->random = load->seed * 7919u + person->number;
            snprintf(person->name, sizeof(person->name), "%s-%.20s-%u",
                     person->reviewer ? "reviewer" : "worker",
                     load->lab->plan.regions[region], i + 1);
        }
    }
    return center_prepare_people(center);
}

bool center_start(struct load *load) {
    struct center *center = load->center;
    for (size_t i = 0; center != NULL && i < center->people_count; i++) {
        struct center_person *person = &center->people[i];
        person->started =
            pthread_create(&person->thread, NULL,
                           person->reviewer ? center_reviewer_main : center_worker_main,
                           person) == 0;
        if (!person->started) {
            return false;
        }
    }
    return true;
}

static bool is_over(const struct center *center, const struct center_case *one) {
    const struct experiment *e = center->load->experiment;
    return e->reviewers > 0 ? one->decided : e->workers > 0 ? one->read : true;
}

/* How many of what came have come to their end. */
static size_t ended(struct center *center, size_t *ret_all) {
    size_t count = 0;
    *ret_all = 0;
    pthread_mutex_lock(&center->lock);
    for (size_t i = 0; i < center->cases_count; i++) {
        const struct center_case *one = &center->cases[i];
        *ret_all += one->acknowledged;
        count += one->acknowledged && is_over(center, one);
    }
    pthread_mutex_unlock(&center->lock);
    return count;
}

void center_drain(struct load *load, bool (*go_on)(void)) {
    struct center *center = load->center;
    uint64_t end = tally_now_us() + CENTER_DRAIN_S * 1000000ull;
    size_t all;
    while (center != NULL && ended(center, &all) < all && go_on() &&
           tally_now_us() < end) {
        poll(NULL, 0, 50);
    }
}

void center_stop(struct load *load) {
    struct center *center = load->center;
    if (center == NULL) {
        return;
    }
    atomic_store(&center->stop, true);
    for (size_t i = 0; i < center->people_count; i++) {
        if (center->people[i].started) {
            pthread_join(center->people[i].thread, NULL);
            center->people[i].started = false;
        }
    }
}

static void judge_held(const struct center_work *work, struct center_report *report) {
    report->held++;
    report->held_left += !work->done;
    if (work->done) {
        report->held_by_others += work->done_region != work->lost_region;
        uint64_t took = work->done_us - work->lost_us;
        report->takeover_us = took > report->takeover_us ? took : report->takeover_us;
    }
}

void center_judge(struct load *load, struct center_report *report) {
    struct center *center = load->center;
    *report = (struct center_report){0};
    if (center == NULL) {
        return;
    }
    report->ended = ended(center, &report->cases);
    report->jobs = center->jobs;
    report->decisions = center->decisions;
    report->late = center->late;
    report->stood = center->stood;
    report->twice = center->twice;
    report->scans_missing = center->scans_missing;
    memcpy(report->example, center->example, sizeof(report->example));
    for (size_t i = 0; i < CENTER_WORKS_MAX; i++) {
        if (center->works[i].lost_us != 0) {
            judge_held(&center->works[i], report);
        }
    }
    /* The first that did not come to its end, for those who look. */
    for (size_t i = 0; i < center->cases_count && report->example[0] == '\0'; i++) {
        if (center->cases[i].acknowledged && !is_over(center, &center->cases[i])) {
            snprintf(report->example, sizeof(report->example), "%s is %s",
                     center->cases[i].id, center->cases[i].read ? "read" : "not read");
        }
    }
}

void center_free(struct load *load) {
    if (load->center != NULL) {
        center_stop(load);
        pthread_mutex_destroy(&load->center->lock);
        free(load->center);
        load->center = NULL;
    }
}
