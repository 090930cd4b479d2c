/* fault_process: processes that end, stand still, start (fault.h). */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "chaos/drill/fault.h"
#include "chaos/drill/tally.h"

#define STOP_S 20

bool fault_kill(struct fault_ctx *ctx, const struct experiment_action *action,
                const struct fault_targets *targets, const struct fault_targets *to) {
    (void)to;
    fault_begin(ctx, action->name, true);
    for (size_t i = 0; i < targets->count; i++) {
        struct machine *machine = targets->at[i];
        machine->held = true;
        if (lab_running(machine) && !machine->ops->signal(machine, SIGKILL)) {
            return fault_fail(ctx, "node %u cannot be killed", machine->id);
        }
    }
    return true;
}

bool fault_stop(struct fault_ctx *ctx, const struct experiment_action *action,
                const struct fault_targets *targets, const struct fault_targets *to) {
    (void)to;
    if (action != NULL) {
        fault_begin(ctx, action->name, false);
    }
    for (size_t i = 0; i < targets->count; i++) {
        targets->at[i]->held = true;
        targets->at[i]->ops->signal(targets->at[i], SIGTERM);
    }
    for (size_t i = 0; i < targets->count; i++) {
        uint64_t end = tally_now_us() + STOP_S * 1000000ull;
        while (lab_running(targets->at[i])) {
            if (tally_now_us() > end) {
                return fault_fail(ctx, "node %u did not end within %d s of SIGTERM",
                                  targets->at[i]->id, STOP_S);
            }
            if (!ctx->wait(ctx->arg, 20)) {
                return fault_fail(ctx, "broken off");
            }
        }
    }
    return true;
}

/* Those that are down are up again: the band that says so ends. */
static void bands_end(struct fault_ctx *ctx) {
    for (size_t i = 0; i < ctx->bands_count; i++) {
        if (ctx->bands[i].to_us == 0 && ctx->bands[i].charge == 0) {
            ctx->bands[i].to_us = tally_now_us();
        }
    }
}

bool fault_start(struct fault_ctx *ctx, const struct experiment_action *action,
                 const struct fault_targets *targets, const struct fault_targets *to) {
    (void)action, (void)to;
    for (size_t i = 0; i < targets->count; i++) {
        struct machine *machine = targets->at[i];
        if (machine->dark && !lab_disk_mount(machine)) {
            return fault_fail(ctx, "%s", ctx->lab->why);
        }
        machine->dark = false;
        if (!lab_start(machine, NULL)) {
            return fault_fail(ctx, "node %u cannot be started", machine->id);
        }
    }
    if (!lab_balancers_start(ctx->lab)) {
        return fault_fail(ctx, "%s", ctx->lab->why);
    }
    for (size_t i = 0; i < LAB_REGIONS_MAX; i++) {
        atomic_store(&ctx->lab->lost[i], false);
    }
    bands_end(ctx);
    return true;
}

bool fault_pause(struct fault_ctx *ctx, const struct experiment_action *action,
                 const struct fault_targets *targets, const struct fault_targets *to) {
    (void)to;
    for (size_t i = 0; i < targets->count; i++) {
        char pid[16];
        if (targets->at[i]->ops->hurt != NULL) {
            if (!fault_hurt(ctx, action, targets->at[i], HURT_PAUSE, "")) {
                return false;
            }
            continue;
        }
        const char *stop[] = {"kill", "-STOP", pid, NULL};
        /* It may have ended meanwhile. */
        const char *go[] = {"sh", "-c", "kill -CONT \"$0\" 2>/dev/null; true", pid, NULL};
        snprintf(pid, sizeof(pid), "%d", (int)targets->at[i]->pid);
        if (lab_running(targets->at[i]) && !fault_make(ctx, action, stop, go)) {
            return false;
        }
    }
    return true;
}

/* The center's machines go at once, its balancer and its people with them. */
bool fault_region_loss(struct fault_ctx *ctx, const struct experiment_action *action,
                       const struct fault_targets *targets,
                       const struct fault_targets *to) {
    bool good = fault_kill(ctx, action, targets, to);
    lab_balancer_kill(ctx->lab, targets->at[0]->region);
    atomic_store(&ctx->lab->lost[targets->at[0]->region], true);
    return good;
}
