/* center: the operation centers that work on a cluster while it is hurt.
 *
 *   journey_intake  application, scan, bundle  ->  center_came
 *   workers         lease a job, fetch its scans, read, answer      (worker_listen)
 *   reviewers       look at the desk, claim, look, decide           (the staff console)
 *
 * Each center is a region's: its workers ask the nodes of that region first, its
 * reviewers go by that region's balancer. When the region is lost (lab->lost) its people
 * stand still where they are, with the jobs and claims that they hold; when it comes back
 * they go on from there, and say what they would have said: nothing of it may count any
 * more if the other center has done it meanwhile.
 *
 * The worker is a stand-in for tasuki-ocr: it reads what the drill "printed" on the scan,
 * which is the application's ID, after it has held the bytes against their SHA-256.
 *
 * Invariants that are judged (center_report):
 *   every application that was acknowledged comes to its end, within CENTER_DRAIN_S after
 *   the load; no job is with two workers at a time; a scan that was acknowledged can be
 *   fetched. That nothing is judged twice is the checker's (HISTORY_JOB).
 * Thread: the main one, and those started here. */
#ifndef CHAOS_DRILL_CENTER_H
#define CHAOS_DRILL_CENTER_H

#include "chaos/drill/load.h"

#define CENTER_PEOPLE_MAX 48
#define CENTER_WORKS_MAX 16384
#define CENTER_CASES_MAX 8192
#define CENTER_DRAIN_S 60
#define CENTER_ID_MAX 32
/* Clocks of leaders that follow one another, and the way of an answer. */
#define CENTER_SLACK_US 700000u

/* Something that is given out: a job, or a review. By its key in the history. */
struct center_work {
    uint64_t key; /* 0: free */
    bool review;
    uint32_t attempt;
    unsigned region, holder; /* whose it is */
    bool let_go;             /* it may be nobody's before its time is over */
    uint64_t called_us;
    bool done;
    unsigned done_region;
    uint64_t done_us;
    uint64_t lost_us; /* its holder's center was lost then; 0: not */
    unsigned lost_region;
};

/* An application that came in. */
struct center_case {
    char id[CENTER_ID_MAX];
    bool acknowledged; /* to those who brought it */
    bool read, decided;
};

struct center {
    struct load *load;
    pthread_mutex_t lock; /* of what follows */
    struct center_work works[CENTER_WORKS_MAX];
    size_t works_count;
    struct center_case cases[CENTER_CASES_MAX];
    size_t cases_count;
    size_t jobs, decisions; /* that counted */
    size_t late;            /* refused, since another one had it meanwhile */
    size_t twice;           /* given out while another one had it */
    size_t scans_missing;   /* no node had it */
    size_t stood;           /* still, at least once: their center was lost */
    char example[256];      /* of what is wrong, for people */
    atomic_bool stop;
    struct center_person {
        struct center *center;
        unsigned number, region;
        bool reviewer;
        char name[48], password[64], seed[64]; /* seed: base32 */
        uint64_t code_step; /* of the last one-time code */
        uint64_t random;
        pthread_t thread;
        bool started;
        bool stood; /* still, in the middle of what it does */
    } people[CENTER_PEOPLE_MAX];
    size_t people_count;
    uint8_t batch[16];
};

/* What a drill says of them in the end. */
struct center_report {
    size_t cases, ended, jobs, decisions, late, twice, scans_missing;
    size_t stood;             /* people whose center was lost */
    size_t held, held_left;   /* by a center when it was lost; not done since */
    size_t held_by_others;    /* done by another center */
    uint64_t takeover_us;     /* the longest time from the loss to the end of such a one */
    char example[256];
};

/* Certificates, staff accounts, the batch. False: load->why. */
bool center_prepare(struct load *load);
bool center_start(struct load *load);
/* Until all that came has come to its end, or time is up. */
void center_drain(struct load *load, bool (*go_on)(void));
void center_stop(struct load *load);
void center_judge(struct load *load, struct center_report *ret_report);
void center_free(struct load *load);
/* center_prepare.c */
bool center_prepare_people(struct center *center);

/* ---- for center_*.c and journey_intake.c */

/* An application has been acknowledged, with its paper. */
void center_came(struct center *center, const char *id);
/* Its verdict counted; its decision did. It may be before center_came. */
void center_case_read(struct center *center, const char *id);
void center_case_decided(struct center *center, const char *id);
uint64_t center_key(const char *name, bool review);
/* Attempt `attempt` has been given to the person: notes it, and whether it was early.
 * False: the person had it already. */
bool center_given(struct center_person *person, const char *name, uint32_t attempt,
                  uint64_t called_us);
/* The person may have let go of it, from now on: who gets it next is not early. */
void center_let_go(struct center_person *person, const char *name);
/* One that came and is not known to be decided, by number; false: there is none. */
bool center_undecided(struct center *center, uint64_t number, char id[CENTER_ID_MAX]);
/* Its verdict counted, or was refused as late. */
void center_done(struct center_person *person, const char *name);
void center_late(struct center_person *person);
void center_wrong(struct center *center, size_t *counter, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* False: it is over. While the center is lost the person stands here; `held`: the job or
 * review that the person has then, NULL: none. */
bool center_going(struct center_person *person, const char *held);
/* About so long, drawn; as center_going. */
bool center_pause(struct center_person *person, unsigned ms, const char *held);
uint64_t center_draw(struct center_person *person, uint64_t below);
struct load_actor center_actor(const struct center_person *person);
/* Not of who stood still meanwhile: that was no wait for an answer. */
void center_tally(struct center_person *person, enum load_kind kind, bool good,
                  int status, uint64_t began_us);
void *center_worker_main(void *person);
void *center_reviewer_main(void *person);
/* The paper of an application, as bytes of a scan; and what stands on it. */
#define CENTER_PAPER_LEN 2048
void center_paper(const char *id, uint64_t random, uint8_t paper[CENTER_PAPER_LEN]);
bool center_paper_read(struct span scan, char id[CENTER_ID_MAX]);

#endif
