/* tasuki-sim: runs simulations, one seed after the other (chaos/sim/sim_world.h).
 * Progress on standard error, the result on standard output; its last line is
 * "N seeds, M violations". Exit 0: none; 1: some; 64: usage. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>

#include "chaos/sim/sim_scenario.h"
#include "chaos/sim/sim_world.h"
#include "store/base/log.h"

struct options {
    uint64_t start, seeds;
    double hours; /* 0: by number */
    const char *scenario;
    enum sim_planted planted;
    bool trace, json, twice;
    uint64_t faulty_s;
};

struct total {
    uint64_t seeds, simulated_ms, operations, unknown, commits, elections, crashes,
        reseeds, compared, events;
    uint64_t violations;
};

static const struct {
    const char *name;
    enum sim_planted planted;
} plants[] = {
    {"unsynced-ack", PLANTED_UNSYNCED_ACK},
    {"forgotten-vote", PLANTED_FORGOTTEN_VOTE},
    {"double-submit", PLANTED_DOUBLE_SUBMIT},
    {"stale-read", PLANTED_STALE_READ},
    {"rotten-row", PLANTED_ROTTEN_ROW},
    {"mixed-epochs", PLANTED_MIXED_EPOCHS},
};
#define PLANTS (sizeof(plants) / sizeof(plants[0]))

/* A process that ends by itself frees nothing, and a simulated one neither: no leak
 * check at the end, whatever the environment asks for. */
int __lsan_is_turned_off(void);
int __lsan_is_turned_off(void) {
    return 1;
}

/* Under AddressSanitizer much of a run's time goes into freed memory that is kept from
 * being used again, and into the callers of each allocation. A run comes again with its
 * seed: ASAN_OPTIONS may ask for more then. */
const char *__asan_default_options(void);
const char *__asan_default_options(void) {
    return "quarantine_size_mb=16:malloc_context_size=8";
}

static double now_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void usage(FILE *to) {
    fprintf(to,
            "usage: tasuki-sim [--seeds N] [--start S] [--hours H] [--json]\n"
            "                  [--scenario NAME] [--trace] [--twice] [--plant FAULT]\n"
            "\n"
            "Simulates clusters of the real replication core, state machine and store\n"
            "under faults, each a function of its seed alone.\n"
            "\n"
            "  --seeds N      so many seeds (default 100)\n"
            "  --start S      the first seed (default 1)\n"
            "  --hours H      go on for so long instead\n"
            "  --scenario N   a named hazard instead of drawn faults:\n");
    sim_scenario_list(to, "                   ");
    fprintf(to,
            "  --seconds S    length of the part with faults (default: drawn)\n"
            "  --trace        every event on standard error\n"
            "  --twice        run each seed twice and compare the traces\n"
            "  --plant FAULT  break something on purpose; exit 0 if it is found:\n");
    for (size_t i = 0; i < PLANTS; i++) {
        fprintf(to, "                   %s\n", plants[i].name);
    }
    fprintf(to,
            "  --json         results as one JSON object a line\n"
            "\n"
            "Exit 0: no violation; 1: violations, each with its seed; 64: usage.\n");
}

static bool parse_plant(const char *name, struct options *options) {
    for (size_t i = 0; i < PLANTS; i++) {
        if (strcmp(plants[i].name, name) == 0) {
            options->planted = plants[i].planted;
            return true;
        }
    }
    return false;
}

static bool parse_u64(const char *text, uint64_t *ret_value) {
    char *end;
    *ret_value = strtoull(text, &end, 10);
    return *text >= '0' && *text <= '9' && *end == '\0';
}

static bool parse_hours(const char *text, double *ret_hours) {
    char *end;
    *ret_hours = strtod(text, &end);
    return end != text && *end == '\0' && *ret_hours > 0;
}

static int parse(int argc, char **argv, struct options *options) {
    static const struct option longs[] = {{"seeds", required_argument, NULL, 'n'},
                                          {"start", required_argument, NULL, 's'},
                                          {"hours", required_argument, NULL, 'H'},
                                          {"scenario", required_argument, NULL, 'c'},
                                          {"plant", required_argument, NULL, 'p'},
                                          {"seconds", required_argument, NULL, 'f'},
                                          {"trace", no_argument, NULL, 't'},
                                          {"twice", no_argument, NULL, '2'},
                                          {"json", no_argument, NULL, 'j'},
                                          {"help", no_argument, NULL, 'h'},
                                          {0}};
    int c;
    while ((c = getopt_long(argc, argv, "h", longs, NULL)) != -1) {
        bool good = true;
        switch (c) {
        case 'n':
            good = parse_u64(optarg, &options->seeds);
            break;
        case 's':
            good = parse_u64(optarg, &options->start);
            break;
        case 'f':
            good = parse_u64(optarg, &options->faulty_s);
            break;
        case 'H':
            good = parse_hours(optarg, &options->hours);
            break;
        case 'c':
            options->scenario = optarg;
            good = sim_scenario_known(optarg);
            break;
        case 'p':
            good = parse_plant(optarg, options);
            break;
        case 't':
            options->trace = true;
            break;
        case '2':
            options->twice = true;
            break;
        case 'j':
            options->json = true;
            break;
        case 'h':
            usage(stdout);
            exit(EX_OK);
        default:
            good = false;
        }
        if (!good) {
            fprintf(stderr, "tasuki-sim: see tasuki-sim --help\n");
            return EX_USAGE;
        }
    }
    if (optind != argc) {
        fprintf(stderr, "tasuki-sim: see tasuki-sim --help\n");
        return EX_USAGE;
    }
    return EX_OK;
}

static void add(struct total *total, const struct sim_result *result) {
    total->seeds++;
    total->simulated_ms += result->simulated_ms;
    total->operations += result->operations;
    total->unknown += result->unknown;
    total->commits += result->commits;
    total->elections += result->elections;
    total->crashes += result->crashes;
    total->reseeds += result->reseeds;
    total->compared += result->compared;
    total->events += result->events;
    total->violations += result->violations;
}

static void tell_violations(const struct options *options,
                            const struct sim_result *result) {
    unsigned kept = result->violations < SIM_VIOLATIONS_KEPT ? result->violations
                                                             : SIM_VIOLATIONS_KEPT;
    for (unsigned i = 0; i < kept && !options->json; i++) {
        printf("seed %llu: VIOLATION %s\n", (unsigned long long)result->seed,
               result->violation[i]);
    }
    if (kept > 0 && !options->json) {
        printf("seed %llu: %s\n", (unsigned long long)result->seed, result->profile);
        printf("seed %llu: replay with ops/sim --start %llu --seeds 1 --trace%s%s\n",
               (unsigned long long)result->seed, (unsigned long long)result->seed,
               options->scenario == NULL ? "" : " --scenario ",
               options->scenario == NULL ? "" : options->scenario);
    }
}

static void tell_json(const struct sim_result *result) {
    printf("{\"seed\":%llu,\"trace\":\"%016llx\",\"simulated_ms\":%llu,"
           "\"operations\":%llu,\"unknown\":%llu,\"commits\":%llu,\"elections\":%llu,"
           "\"crashes\":%llu,\"reseeds\":%llu,\"compared\":%llu,\"violations\":%u}\n",
           (unsigned long long)result->seed, (unsigned long long)result->trace,
           (unsigned long long)result->simulated_ms,
           (unsigned long long)result->operations, (unsigned long long)result->unknown,
           (unsigned long long)result->commits, (unsigned long long)result->elections,
           (unsigned long long)result->crashes, (unsigned long long)result->reseeds,
           (unsigned long long)result->compared, result->violations);
}

static void run_seed(const struct options *options, uint64_t seed,
                     struct total *total) {
    struct sim_config config = {.seed = seed,
                                .scenario = options->scenario,
                                .planted = options->planted,
                                .print = options->trace,
                                .faulty_s = options->faulty_s};
    struct sim_result result, again;
    sim_run(&config, &result);
    if (options->twice) {
        sim_run(&config, &again);
        if (again.trace != result.trace) {
            snprintf(result.violation[0], sizeof(result.violation[0]),
                     "two runs of one seed differ");
            result.violations++;
        }
    }
    add(total, &result);
    tell_violations(options, &result);
    if (options->json) {
        tell_json(&result);
    }
    fflush(stdout);
}

static void tell_total(const struct options *options, const struct total *total,
                       double wall_s) {
    double hours = (double)total->simulated_ms / 3.6e6;
    if (options->json) {
        printf("{\"seeds\":%llu,\"violations\":%llu,\"simulated_hours\":%.3f,"
               "\"simulated_hours_per_hour\":%.1f}\n",
               (unsigned long long)total->seeds, (unsigned long long)total->violations,
               hours, hours / (wall_s / 3600));
        return;
    }
    printf("%llu operations (%llu of unknown end), %llu commits, %llu elections, "
           "%llu crashes, %llu re-seedings, %llu states compared, %llu events\n",
           (unsigned long long)total->operations, (unsigned long long)total->unknown,
           (unsigned long long)total->commits, (unsigned long long)total->elections,
           (unsigned long long)total->crashes, (unsigned long long)total->reseeds,
           (unsigned long long)total->compared, (unsigned long long)total->events);
    printf("%.2f simulated hours in %.1f s: %.1f simulated hours per hour\n", hours,
           wall_s, hours / (wall_s / 3600));
    printf("%llu seeds, %llu violations\n", (unsigned long long)total->seeds,
           (unsigned long long)total->violations);
}

int main(int argc, char **argv) {
    struct options options = {.start = 1, .seeds = 100};
    struct total total = {0};
    int rv = parse(argc, argv, &options);
    if (rv != EX_OK) {
        return rv;
    }
    log_init(options.trace ? LOG_DEBUG : (enum log_level)(LOG_FATAL + 1), 0);
    double begun_s = now_s(), told_s = begun_s;
    for (uint64_t i = 0; options.hours > 0 || i < options.seeds; i++) {
        if (options.hours > 0 && now_s() - begun_s > options.hours * 3600) {
            break;
        }
        run_seed(&options, options.start + i, &total);
        if (now_s() - told_s > 2) {
            told_s = now_s();
            fprintf(stderr, "%llu seeds, %.0f s, %llu violations\n",
                    (unsigned long long)total.seeds, told_s - begun_s,
                    (unsigned long long)total.violations);
        }
        if (options.planted != PLANTED_NOTHING && total.violations > 0) {
            break; /* found */
        }
    }
    tell_total(&options, &total, now_s() - begun_s);
    if (options.planted != PLANTED_NOTHING) {
        return total.violations > 0 ? 0 : 1;
    }
    return total.violations > 0 ? 1 : 0;
}
