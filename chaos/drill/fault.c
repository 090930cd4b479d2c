#include "chaos/drill/fault.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "chaos/drill/tally.h"

/* HOSTS: can be made on hosts of a cluster that stands already. */
enum needs { TARGET = 1, TO = 2, TTL = 4, FAULT = 8, HOSTS = 16 };

static const struct fault_row {
    const char *name, *text;
    fault_fn *run;
    unsigned needs;
} table[] = {
    {"kill", "SIGKILL; down until `start`", fault_kill, TARGET | FAULT | HOSTS},
    {"stop", "SIGTERM, and its end; down until `start`", fault_stop, TARGET | HOSTS},
    {"start", "what is down is started, with its current", fault_start, TARGET | HOSTS},
    {"pause", "SIGSTOP for x-ttl-s", fault_pause,
     TARGET | TTL | FAULT | HOSTS},
    {"cut", "no packets from target to `to` (both: false: one way) for x-ttl-s; to: "
            "clients means the balancers",
     fault_cut, TARGET | TO | TTL | FAULT | HOSTS},
    {"slow", "what reaches target is late by delay_ms (and up to jitter_ms), and "
             "loss_percent of it lost, for x-ttl-s",
     fault_slow, TARGET | TTL | FAULT},
    {"region_loss", "kill all nodes of a region and its balancer; its workers and "
                    "reviewers stop in mid-work; until `start`",
     fault_region_loss, TARGET | FAULT},
    {"disk_stall", "its disk answers nothing (freeze) for x-ttl-s", fault_disk_stall,
     TARGET | TTL | FAULT},
    {"disk_full", "its disk has no room for x-ttl-s", fault_disk_full,
     TARGET | TTL | FAULT | HOSTS},
    {"disk_error", "writes and syncs give EIO for x-ttl-s", fault_disk_error,
     TARGET | TTL | FAULT},
    {"power_cut", "process and disk lose their current; down until `start`",
     fault_power_cut, TARGET | FAULT},
    {"clock_step", "its clock is wrong by `seconds` for x-ttl-s", fault_clock_step,
     TARGET | TTL | FAULT},
    {"rolling", "each node in turn: stop, start, wait until it serves", fault_rolling,
     HOSTS},
    {"replace", "`to`, a spare, takes the place of target", fault_replace, TARGET | TO},
    {"promote", "a standby node becomes a voter", fault_promote, TARGET | HOSTS},
    {"remove", "taken out of the cluster for good", fault_none, TARGET | HOSTS},
    {"transfer", "leadership goes to target", fault_transfer, TARGET | HOSTS},
    {"backup", "a backup of the running cluster, verified", fault_backup, 0},
    {"restore", "all nodes are lost; the backup begins a new epoch", fault_restore,
     FAULT},
    {"heal", "every fault that lasts ends now", fault_heal, HOSTS},
    {"wait", "nothing; use pauses: {after: S}", fault_none, HOSTS},
};
#define ROWS (sizeof(table) / sizeof(table[0]))

static const struct fault_row *find(const char *name) {
    for (size_t i = 0; i < ROWS; i++) {
        if (strcmp(table[i].name, name) == 0) {
            return &table[i];
        }
    }
    return NULL;
}

const char *fault_help(size_t i, const char **ret_text) {
    if (i >= ROWS) {
        return NULL;
    }
    *ret_text = table[i].text;
    return table[i].name;
}

bool fault_counts(const char *func) {
    const struct fault_row *row = find(func);
    return row != NULL && (row->needs & FAULT);
}

bool fault_on_hosts(const char *func) {
    const struct fault_row *row = find(func);
    return row != NULL && (row->needs & HOSTS);
}

const char *fault_check(const struct experiment_action *action) {
    const struct fault_row *row = find(action->func);
    if (row == NULL) {
        return "no action is called so (tasuki-chaos functions lists them)";
    }
    if ((row->needs & TARGET) && action->target[0] == '\0') {
        return "arguments need a target";
    }
    if ((row->needs & TO) && action->to[0] == '\0') {
        return "arguments need `to`";
    }
    if ((row->needs & TTL) && action->ttl_s == 0) {
        return "x-ttl-s is needed, so that it ends by itself";
    }
    if (row->run == fault_slow && action->way.delay_ms == 0 &&
        action->way.loss_percent == 0) {
        return "arguments need delay_ms or loss_percent";
    }
    return NULL;
}

bool fault_fail(struct fault_ctx *ctx, const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(ctx->why, sizeof(ctx->why), format, args);
    va_end(args);
    return false;
}

/* ---- targets */

static void target_add(struct fault_targets *targets, struct machine *machine) {
    targets->at[targets->count++] = machine;
}

static void by_region(struct lab *lab, unsigned region, struct fault_targets *ret) {
    for (size_t i = 0; i < lab->count; i++) {
        if (lab->machines[i].region == region) {
            target_add(ret, &lab->machines[i]);
        }
    }
}

static bool named_region(struct fault_ctx *ctx, const char *name,
                         struct fault_targets *ret) {
    struct lab *lab = ctx->lab;
    struct machine *leader = lab_machine(lab, lab_leader(lab));
    size_t count = lab->plan.regions_count;

    if (strcmp(name, "leader") == 0 && leader != NULL) {
        by_region(lab, leader->region, ret);
    } else if (strcmp(name, "other") == 0 && leader != NULL) {
        by_region(lab, (leader->region + 1) % (unsigned)count, ret);
    }
    for (size_t i = 0; i < count; i++) {
        if (strcmp(lab->plan.regions[i], name) == 0) {
            by_region(lab, (unsigned)i, ret);
        }
    }
    return ret->count > 0 || fault_fail(ctx, "no nodes in region '%s' now", name);
}

static bool node_number(struct fault_ctx *ctx, const char *name,
                        struct fault_targets *ret) {
    unsigned id = 0;
    if (sscanf(name, "node-%u", &id) != 1 || lab_machine(ctx->lab, id) == NULL) {
        return fault_fail(ctx, "'%s' names no node of this lab", name);
    }
    target_add(ret, lab_machine(ctx->lab, id));
    return true;
}

static bool resolve(struct fault_ctx *ctx, const char *name,
                    struct fault_targets *ret) {
    struct lab *lab = ctx->lab;
    unsigned leader = 0;
    bool leads = strcmp(name, "leader") == 0, follows = strcmp(name, "follower") == 0;

    *ret = (struct fault_targets){.count = 0};
    if (strncmp(name, "region:", 7) == 0) {
        return named_region(ctx, name + 7, ret);
    }
    if (leads || follows) {
        leader = lab_leader(lab);
    }
    for (size_t i = 0; i < lab->count; i++) {
        struct machine *machine = &lab->machines[i];
        bool voter = !machine->standby && !machine->spare;
        if (strcmp(name, "all") == 0 || (strcmp(name, "voters") == 0 && voter) ||
            (strcmp(name, "hurt") == 0 && ctx->hurt[i]) ||
            (leads && machine->id == leader) ||
            (follows && leader != 0 && voter && machine->id != leader &&
             ret->count == 0 && lab_running(machine))) {
            target_add(ret, machine);
        }
    }
    if (ret->count > 0 || strcmp(name, "hurt") == 0 || strcmp(name, "clients") == 0) {
        return true;
    }
    if (leads || follows) {
        return fault_fail(ctx, "there is no leader now");
    }
    return node_number(ctx, name, ret);
}

/* ---- making and ending */

struct fault_band *fault_begin(struct fault_ctx *ctx, const char *name, bool fault) {
    static struct fault_band spare;
    struct fault_band *band =
        ctx->bands_count < FAULT_BANDS_MAX ? &ctx->bands[ctx->bands_count++] : &spare;
    *band = (struct fault_band){.from_us = tally_now_us(), .fault = fault};
    snprintf(band->name, sizeof(band->name), "%s", name);
    return band;
}

bool fault_hurt(struct fault_ctx *ctx, const struct experiment_action *action,
                struct machine *machine, enum lab_hurt what, const char *words) {
    struct lab_words make, heal;
    if (!machine->ops->hurt(machine, what, words, action->ttl_s, &make, &heal)) {
        return fault_fail(ctx, "%s", ctx->lab->why);
    }
    return fault_make(ctx, action, make.at, heal.at);
}

bool fault_make(struct fault_ctx *ctx, const struct experiment_action *action,
                const char *const make[], const char *const heal[]) {
    unsigned charge = guardian_arm(ctx->guardian, action->ttl_s * 1000, heal);
    struct sh_command command = {.net = -1};
    struct buf out;

    if (charge == 0) {
        return fault_fail(ctx, "the guardian did not take it, so it was not made");
    }
    struct fault_band *band = fault_begin(ctx, action->name, true);
    band->charge = charge;
    if (make == NULL) {
        return true;
    }
    for (size_t i = 0; make[i] != NULL && i + 1 < SH_ARGS_MAX; i++) {
        command.argv[i] = make[i];
    }
    buf_init(&out, SH_OUTPUT_MAX);
    int code = sh_run(&command, 20, &out);
    if (code != 0) {
        fault_fail(ctx, "%s: exit %d: %.*s", make[0], code,
                   (int)(out.len < 300 ? out.len : 300), (const char *)out.data);
    }
    buf_free(&out);
    return code == 0;
}

bool fault_do(struct fault_ctx *ctx, const struct experiment_action *action) {
    const struct fault_row *row = find(action->func);
    struct fault_targets targets = {.count = 0}, to = {.count = 0};

    if ((row->needs & TARGET) && !resolve(ctx, action->target, &targets)) {
        return false;
    }
    if ((row->needs & TO) && !resolve(ctx, action->to, &to)) {
        return false;
    }
    for (size_t i = 0; i < targets.count && (row->needs & FAULT); i++) {
        ctx->hurt[targets.at[i]->id - 1] = true;
    }
    return row->run(ctx, action, &targets, &to);
}

void fault_look(struct fault_ctx *ctx) {
    for (size_t i = 0; i < ctx->bands_count; i++) {
        struct fault_band *band = &ctx->bands[i];
        if (band->to_us == 0 && band->charge != 0 &&
            guardian_over(ctx->guardian, band->charge)) {
            band->to_us = tally_now_us();
        }
    }
}

static bool heal_all(struct fault_ctx *ctx) {
    bool good = true;
    for (size_t i = ctx->bands_count; i-- > 0;) {
        struct fault_band *band = &ctx->bands[i];
        if (band->to_us == 0 && band->charge != 0) {
            if (guardian_heal(ctx->guardian, band->charge)) {
                band->to_us = tally_now_us();
            } else {
                good = fault_fail(ctx, "'%s' could not be ended", band->name);
            }
        }
    }
    return good;
}

bool fault_heal(struct fault_ctx *ctx, const struct experiment_action *action,
                const struct fault_targets *targets, const struct fault_targets *to) {
    (void)action, (void)targets, (void)to;
    return heal_all(ctx);
}

bool fault_none(struct fault_ctx *ctx, const struct experiment_action *action,
                const struct fault_targets *targets, const struct fault_targets *to) {
    (void)to;
    if (strcmp(action->func, "remove") != 0) {
        return true;
    }
    char id[16];
    snprintf(id, sizeof(id), "%u", targets->at[0]->id);
    const char *argv[] = {"node", "remove", id, NULL};
    targets->at[0]->held = true;
    return fault_tasuki(ctx, argv, 90);
}

bool fault_end_all(struct fault_ctx *ctx) {
    bool good = heal_all(ctx);
    struct fault_targets down = {.count = 0};
    for (size_t i = 0; i < ctx->lab->count; i++) {
        struct machine *machine = &ctx->lab->machines[i];
        if (!machine->spare && !machine->gone && !lab_running(machine)) {
            target_add(&down, machine);
        }
    }
    return fault_start(ctx, NULL, &down, NULL) && good;
}

bool fault_tasuki(struct fault_ctx *ctx, const char *const argv[], unsigned seconds) {
    struct buf out;
    buf_init(&out, SH_OUTPUT_MAX);
    int code = lab_tasuki(ctx->lab, argv, seconds, &out);
    if (code != 0) {
        fault_fail(ctx, "tasuki %s %s: exit %d: %.*s", argv[0],
                   argv[1] != NULL ? argv[1] : "", code,
                   (int)(out.len < 300 ? out.len : 300), (const char *)out.data);
    }
    buf_free(&out);
    return code == 0;
}

bool fault_await(struct fault_ctx *ctx, struct machine *machine, unsigned seconds) {
    uint64_t end = tally_now_us() + seconds * 1000000ull;
    while (tally_now_us() < end) {
        struct lab_status status;
        if (lab_status(ctx->lab, machine->id, &status) && status.ready) {
            ctx->hurt[machine->id - 1] = false;
            return true;
        }
        if (!ctx->wait(ctx->arg, 100)) {
            return fault_fail(ctx, "broken off");
        }
    }
    return fault_fail(ctx, "node %u does not serve after %u s; look at %s", machine->id,
                      seconds, machine->log);
}
