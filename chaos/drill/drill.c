#include "chaos/drill/drill.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "chaos/checker/history_file.h"
#include "chaos/drill/probe.h"

#define STEADY_BEFORE_S 20
#define STEADY_AFTER_S 60
#define WAIT_STEP_MS 50
#define MAKING_US 100000u /* from the beginning of a fault until all see it */

static volatile sig_atomic_t interrupted;

void drill_interrupt(void) {
    interrupted = 1;
}

const char *drill_verdict_name(enum drill_verdict verdict) {
    static const char *const names[] = {"passed", "missed", "broken", "aborted",
                                        "degraded"};
    return names[verdict];
}

__attribute__((format(printf, 2, 3))) static void say(const struct drill *drill,
                                                      const char *format, ...) {
    va_list args;
    if (drill->quiet) {
        return;
    }
    uint64_t ms = (tally_now_us() - drill->began_us) / 1000;
    fprintf(stderr, "%4llu.%llu s  ", (unsigned long long)ms / 1000,
            (unsigned long long)ms % 1000 / 100);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
}

__attribute__((format(printf, 5, 6))) static void judge(struct drill *drill, bool hard,
                                                        bool good, const char *name,
                                                        const char *format, ...) {
    va_list args;
    if (drill->lines_count == DRILL_NOTES_MAX) {
        return;
    }
    struct drill_line *line = &drill->lines[drill->lines_count++];
    line->good = good;
    line->hard = hard;
    snprintf(line->name, sizeof(line->name), "%s", name);
    va_start(args, format);
    vsnprintf(line->text, sizeof(line->text), format, args);
    va_end(args);
    say(drill, "%s %s: %s", good ? "ok  " : hard ? "BAD " : "late", line->name,
        line->text);
}

/* ---- waiting, and what is seen to meanwhile */

static bool guard_trips(struct drill *drill) {
    const struct experiment *e = drill->experiment;
    uint64_t now = tally_now_us();
    for (size_t i = 0; i < e->guards_count; i++) {
        struct tally_slice slice;
        uint64_t span = e->guards[i].for_s * 1000000ull;
        if (drill->load_us == 0 || now < drill->load_us + span) {
            continue;
        }
        tally_slice(&drill->tally, now - span, now, &slice);
        unsigned all = slice.good + slice.bad;
        if (all > 0 && slice.good < e->guards[i].success_below * all) {
            snprintf(drill->stopped, sizeof(drill->stopped),
                     "guard: %u of %u succeeded in the last %u s, below %.2f",
                     slice.good, all, e->guards[i].for_s, e->guards[i].success_below);
            return true;
        }
    }
    return false;
}

static bool wait_ms(void *arg, unsigned ms) {
    struct drill *drill = arg;
    uint64_t end = tally_now_us() + ms * 1000ull;
    do {
        lab_supervise(&drill->lab);
        fault_look(&drill->faults);
        if (interrupted && drill->stopped[0] == '\0') {
            snprintf(drill->stopped, sizeof(drill->stopped), "interrupted");
        }
        if (drill->stopped[0] != '\0' || guard_trips(drill)) {
            return false;
        }
        uint64_t now = tally_now_us(), rest = end > now ? (end - now) / 1000 : 0;
        struct timespec step = {
            .tv_nsec = (long)(rest < WAIT_STEP_MS ? rest : WAIT_STEP_MS) * 1000000};
        nanosleep(&step, NULL);
    } while (tally_now_us() < end);
    return true;
}

static void on_epoch(void *arg) {
    struct drill *drill = arg;
    load_new_epoch(&drill->load);
}

static bool go_on(void) {
    return !interrupted;
}

/* ---- the phases */

/* Every probe says what it should, at some moment within `seconds`. */
static bool steady(struct drill *drill, unsigned seconds, const char *when) {
    const struct experiment *e = drill->experiment;
    char why[256] = "";
    uint64_t end = tally_now_us() + seconds * 1000000ull;
    size_t i = 0;

    do {
        lab_supervise(&drill->lab);
        for (i = 0; i < e->probes_count; i++) {
            if (probe_ask(&drill->lab, e->probes[i].func, why) !=
                e->probes[i].tolerance) {
                break;
            }
        }
        struct timespec step = {.tv_nsec = 60000000};
        nanosleep(&step, NULL);
    } while (i < e->probes_count && tally_now_us() < end && !interrupted);
    bool good = i == e->probes_count;
    judge(drill, true, good, when, "%s%s%s",
          good ? "every probe says what it should" : e->probes[i].name,
          good || why[0] == '\0' ? "" : ": ", good ? "" : why);
    return good;
}

static bool act(struct drill *drill, const struct experiment_action *action) {
    say(drill, "%s%s%s", action->name, action->target[0] ? " -> " : "", action->target);
    if (fault_counts(action->func) && drill->fault_us == 0) {
        drill->fault_us = tally_now_us();
    }
    if (!fault_do(&drill->faults, action)) {
        if (drill->stopped[0] == '\0') {
            snprintf(drill->stopped, sizeof(drill->stopped), "%.100s: %.140s",
                     action->name, drill->faults.why);
        }
        return false;
    }
    return wait_ms(drill, action->pause_s * 1000);
}

static void method(struct drill *drill) {
    const struct experiment *e = drill->experiment;
    bool going = wait_ms(drill, e->before_s * 1000);

    for (size_t i = 0; i < e->method_count && going; i++) {
        going = act(drill, &e->method[i]);
    }
    /* From here on nothing stops: what was hurt is mended. */
    char kept[sizeof(drill->stopped)];
    memcpy(kept, drill->stopped, sizeof(kept));
    drill->stopped[0] = '\0';
    for (size_t i = 0; i < e->rollbacks_count; i++) {
        drill->stopped[0] = '\0';
        act(drill, &e->rollbacks[i]);
    }
    char rollback[sizeof(drill->stopped)];
    memcpy(rollback, drill->stopped, sizeof(rollback));
    drill->stopped[0] = '\0';
    if (!fault_end_all(&drill->faults)) {
        snprintf(rollback, sizeof(rollback), "%.250s", drill->faults.why);
    }
    if (kept[0] == '\0' && rollback[0] == '\0') {
        wait_ms(drill, e->after_s * 1000);
    }
    snprintf(drill->stopped, sizeof(drill->stopped), "%s",
             kept[0] != '\0' ? kept : rollback[0] != '\0' ? rollback : drill->stopped);
}

/* ---- the verdict */

static void judge_history(struct drill *drill, size_t revived) {
    const struct experiment *e = drill->experiment;
    char path[LAB_PATH + 32];

    snprintf(path, sizeof(path), "%s/history.jsonl", drill->dir);
    FILE *to = fopen(path, "w");
    bool kept = to != NULL && history_write(&drill->load.history, to) == OK;
    kept = to != NULL && fclose(to) == 0 && kept;
    judge(drill, true, kept, "history kept", "%s", kept ? path : "it cannot be written");
    enum history_verdict verdict = linear_check(&drill->load.history, &drill->checked);
    judge(drill, true,
          verdict == HISTORY_LINEAR ||
              (verdict == HISTORY_BROKEN && drill->checked.undecided == 0 &&
               drill->checked.broken <= e->rpo),
          "records lost or done twice (RPO)",
          "%zu of %zu (allowed %llu), %zu undecided; %zu operations, %zu without answer",
          drill->checked.broken, drill->checked.objects, (unsigned long long)e->rpo,
          drill->checked.undecided, drill->checked.operations, drill->checked.unknown);
    if (e->rate[LOAD_LATE_CODE] > 0) {
        judge(drill, true, drill->load.wrong_accepts == 0, "wrong accepts",
              "%zu codes were taken after their time", drill->load.wrong_accepts);
    }
    if (drill->load.links_asked > 0) {
        judge(drill, true, drill->load.links_missing == 0, "mail that was promised",
              "%zu of %zu links came",
              drill->load.links_asked - drill->load.links_missing, drill->load.links_asked);
    }
    if (e->new_epoch) {
        judge(drill, true, revived == 0, "sessions of the epoch before",
              "%zu of %zu live", revived, drill->load.before_count);
    }
}

/* What came in for the operation centers has come to its end, once. */
static void judge_centers(struct drill *drill) {
    struct center_report *report = &drill->centers;
    if (drill->load.center == NULL) {
        return;
    }
    center_judge(&drill->load, report);
    judge(drill, true, report->ended == report->cases && report->cases > 0,
          "applications received and done",
          "%zu of %zu; %zu verdicts, %zu decisions, %zu refused as late%s%s",
          report->ended, report->cases, report->jobs, report->decisions, report->late,
          report->ended == report->cases ? "" : "; ",
          report->ended == report->cases ? "" : report->example);
    judge(drill, true, report->twice == 0, "work with two people at a time",
          "%zu times%s%s", report->twice, report->twice > 0 ? "; " : "",
          report->twice > 0 ? report->example : "");
    judge(drill, true, report->scans_missing == 0, "scans that no node has", "%zu%s%s",
          report->scans_missing, report->scans_missing > 0 ? "; " : "",
          report->scans_missing > 0 ? report->example : "");
    /* A drill in which nobody held anything has shown nothing of that. */
    if (report->stood > 0) {
        judge(drill, false,
              report->held > 0 && report->held_left == 0 &&
                  (drill->experiment->rto_ms == 0 ||
                   report->takeover_us <= drill->experiment->rto_ms * 1000),
              "work of the lost center taken over",
              "%zu people stood still, who held %zu jobs and claims: %zu done by the other "
              "center, the last after %.1f s; %zu not done",
              report->stood, report->held, report->held_by_others,
              (double)report->takeover_us / 1e6, report->held_left);
    }
}

/* When the first fault had been made; who began a moment before had a node that lived. */
static uint64_t made_us(const struct drill *drill) {
    for (size_t i = 0; i < drill->faults.bands_count; i++) {
        if (drill->faults.bands[i].fault) {
            return drill->faults.bands[i].from_us + MAKING_US;
        }
    }
    return UINT64_MAX;
}

static void judge_later(struct drill *drill) {
    const struct experiment *e = drill->experiment;
    uint64_t made = made_us(drill);

    drill->in_hand = tally_failed(&drill->tally, drill->load_us, made);
    drill->later = tally_failed(&drill->tally, made, UINT64_MAX);
    if (e->failed_later != UINT64_MAX && drill->fault_us != 0) {
        judge(drill, false, drill->later <= e->failed_later, "failed beside what was in hand",
              "%zu that began after the fault (allowed %llu); %zu were under way",
              drill->later, (unsigned long long)e->failed_later, drill->in_hand);
    }
}

static void judge_times(struct drill *drill) {
    const struct experiment *e = drill->experiment;
    struct tally_slice all;

    tally_slice(&drill->tally, drill->load_us, drill->ended_us, &all);
    drill->good = all.good;
    drill->bad = all.bad;
    drill->outage_us = tally_outage_us(&drill->tally, drill->load_us, drill->ended_us);
    judge(drill, true, all.good > 0, "load", "%u good, %u failed; p50 %.1f ms, p99 %.1f "
                                             "ms; longest silence %.2f s",
          all.good, all.bad, (double)all.p50_us / 1000, (double)all.p99_us / 1000,
          (double)drill->outage_us / 1e6);
    if (drill->fault_us != 0) {
        drill->recovery_us = tally_recovery_us(&drill->tally, drill->fault_us);
    }
    if (drill->fault_us != 0 && drill->recovery_us == UINT64_MAX) {
        judge(drill, false, false, "time to recover (RTO)",
              "not recovered: operations still failed, or were slow, when the load ended "
              "(allowed %.2f s)",
              (double)e->rto_ms / 1000);
    } else if (e->rto_ms > 0 && drill->fault_us != 0) {
        judge(drill, false, drill->recovery_us <= e->rto_ms * 1000,
              "time to recover (RTO)", "%.2f s (allowed %.2f s)",
              (double)drill->recovery_us / 1e6, (double)e->rto_ms / 1000);
    }
    judge_later(drill);
    if (e->error_budget >= 0) {
        double share = all.good + all.bad > 0
                           ? (double)all.bad / (double)(all.good + all.bad)
                           : 1;
        judge(drill, false, share <= e->error_budget, "error budget",
              "%.3f %% failed (allowed %.3f %%)", share * 100, e->error_budget * 100);
    }
}

static void judge_nodes(struct drill *drill) {
    for (size_t i = 0; i < drill->lab.count; i++) {
        struct machine *machine = &drill->lab.machines[i];
        struct buf report;
        char path[LAB_PATH + 8];
        if (drill->lab.attached) {
            break; /* their logs are on their hosts */
        }
        buf_init(&report, 4096);
        snprintf(path, sizeof(path), "%s", machine->log);
        const char *argv[] = {"grep", "-m1", "-E",
                              "AddressSanitizer|runtime error|CHECK failed", path, NULL};
        struct sh_command command = {.net = -1};
        memcpy(command.argv, argv, sizeof(argv));
        if (sh_run(&command, 20, &report) == 0) {
            judge(drill, true, false, "sanitizers", "node %u: %.200s", machine->id,
                  (const char *)report.data);
        }
        buf_free(&report);
    }
}

static enum drill_verdict verdict_of(const struct drill *drill) {
    enum drill_verdict verdict = DRILL_PASSED;
    if (drill->load_us == 0) {
        return drill->stopped[0] != '\0' ? DRILL_ABORTED : DRILL_DEGRADED;
    }
    for (size_t i = 0; i < drill->lines_count; i++) {
        if (!drill->lines[i].good && drill->lines[i].hard) {
            return DRILL_BROKEN;
        }
        if (!drill->lines[i].good) {
            verdict = DRILL_MISSED;
        }
    }
    return drill->stopped[0] != '\0' ? DRILL_ABORTED : verdict;
}

static void versions(struct drill *drill) {
    char program[LAB_PATH + 16];
    struct sh_command command = {.argv = {program, "--version"}, .net = -1};
    struct buf out;
    snprintf(program, sizeof(program), "%s/tasukid", drill->bin);
    buf_init(&out, 4096);
    if (sh_run(&command, 10, &out) == 0) {
        snprintf(drill->versions, sizeof(drill->versions), "%.*s",
                 (int)strcspn((const char *)out.data, "\n"), (const char *)out.data);
    }
    buf_free(&out);
}

static void under_load(struct drill *drill) {
    drill->load_us = tally_now_us();
    if (!load_start(&drill->load)) {
        snprintf(drill->stopped, sizeof(drill->stopped), "no threads for the load");
    }
    say(drill, "load: %u people", drill->experiment->people);
    method(drill);
    load_stop(&drill->load);
    drill->ended_us = tally_now_us();
    say(drill, "load ended");
    steady(drill, STEADY_AFTER_S, "steady state after");
    center_drain(&drill->load, go_on);
    center_stop(&drill->load);
    size_t revived = load_read_back(&drill->load, go_on);
    judge_history(drill, revived);
    judge_centers(drill);
    judge_times(drill);
    judge_nodes(drill);
}

static bool cluster_up(struct drill *drill) {
    return drill->lab.attached
               ? lab_attach(&drill->lab, drill->dir, drill->bin) == OK
               : lab_open(&drill->lab, &drill->experiment->lab, drill->dir, drill->bin,
                          drill->root) == OK;
}

enum drill_verdict drill_run(struct drill *drill) {
    drill->began_us = tally_now_us();
    tally_init(&drill->tally);
    versions(drill);
    drill->faults = (struct fault_ctx){.lab = &drill->lab,
                                       .guardian = &drill->guardian,
                                       .wait = wait_ms,
                                       .epoch = on_epoch,
                                       .arg = drill};
    say(drill, "%s (seed %llu, in %s)", drill->experiment->title,
        (unsigned long long)drill->seed, drill->dir);
    if (!guardian_start(&drill->guardian)) {
        snprintf(drill->stopped, sizeof(drill->stopped), "no guardian process");
    } else if (!cluster_up(drill)) {
        snprintf(drill->stopped, sizeof(drill->stopped), "the lab did not come up: %.200s",
                 drill->lab.why);
    } else if (!load_prepare(&drill->load, &drill->lab, drill->experiment, &drill->tally,
                             drill->seed)) {
        snprintf(drill->stopped, sizeof(drill->stopped), "%.255s", drill->load.why);
    } else if (steady(drill, STEADY_BEFORE_S, "steady state before")) {
        under_load(drill);
    }
    drill->verdict = verdict_of(drill);
    if (!guardian_stop(&drill->guardian)) {
        judge(drill, true, false, "faults ended", "the guardian could not end all");
    }
    lab_close(&drill->lab);
    say(drill, "%s%s%s", drill_verdict_name(drill->verdict),
        drill->stopped[0] ? ": " : "", drill->stopped);
    return drill->verdict;
}

void drill_free(struct drill *drill) {
    load_free(&drill->load);
    tally_free(&drill->tally);
}
