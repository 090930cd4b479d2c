/* fault_cluster: what operators do with nodes (fault.h). */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "chaos/drill/fault.h"
#include "chaos/drill/tally.h"

#define SERVE_S 60
#define CHANGE_S 120

static const char *region_name(const struct machine *machine) {
    return machine->lab->plan.regions[machine->region];
}

bool fault_rolling(struct fault_ctx *ctx, const struct experiment_action *action,
                   const struct fault_targets *targets,
                   const struct fault_targets *to) {
    struct fault_band *band = fault_begin(ctx, action->name, false);
    (void)targets, (void)to;
    for (size_t i = 0; i < ctx->lab->count; i++) {
        struct machine *machine = &ctx->lab->machines[i];
        const struct fault_targets one = {.at = {machine}, .count = 1};
        if (machine->spare || machine->gone) {
            continue;
        }
        if (!fault_stop(ctx, NULL, &one, NULL)) {
            return false;
        }
        if (!lab_start(machine, NULL)) {
            return fault_fail(ctx, "node %u cannot be started", machine->id);
        }
        /* The balancer has to see it before the next one goes. */
        if (!fault_await(ctx, machine, SERVE_S) || !ctx->wait(ctx->arg, 2000)) {
            return false;
        }
    }
    band->to_us = tally_now_us();
    return true;
}

bool fault_replace(struct fault_ctx *ctx, const struct experiment_action *action,
                   const struct fault_targets *targets,
                   const struct fault_targets *to) {
    struct machine *old = targets->at[0], *new = to->at[0];
    char old_id[8], new_id[8], address[32];
    const char *argv[] = {"node",  "replace", old_id, new_id,
                          address, region_name(new), NULL};

    snprintf(old_id, sizeof(old_id), "%u", old->id);
    snprintf(new_id, sizeof(new_id), "%u", new->id);
    snprintf(address, sizeof(address), "%s:%u", new->address, LAB_PORT_PEER);
    struct fault_band *band = fault_begin(ctx, action->name, false);
    if (!new->spare || !lab_start(new, "--join")) {
        return fault_fail(ctx, "node %u is no spare, or cannot be started", new->id);
    }
    new->spare = false;
    old->held = true;
    if (!fault_tasuki(ctx, argv, CHANGE_S) || !fault_await(ctx, new, SERVE_S)) {
        return false;
    }
    old->gone = true;
    ctx->hurt[old->id - 1] = false;
    band->to_us = tally_now_us();
    return true;
}

bool fault_promote(struct fault_ctx *ctx, const struct experiment_action *action,
                   const struct fault_targets *targets,
                   const struct fault_targets *to) {
    (void)to;
    struct fault_band *band = fault_begin(ctx, action->name, false);
    for (size_t i = 0; i < targets->count; i++) {
        char id[8];
        const char *argv[] = {"node", "promote", id, NULL};
        snprintf(id, sizeof(id), "%u", targets->at[i]->id);
        if (!fault_tasuki(ctx, argv, CHANGE_S)) {
            return false;
        }
        targets->at[i]->standby = false;
    }
    band->to_us = tally_now_us();
    return true;
}

bool fault_transfer(struct fault_ctx *ctx, const struct experiment_action *action,
                    const struct fault_targets *targets,
                    const struct fault_targets *to) {
    char id[8];
    const char *argv[] = {"transfer", id, NULL};
    (void)to;
    snprintf(id, sizeof(id), "%u", targets->at[0]->id);
    fault_begin(ctx, action->name, false)->to_us = tally_now_us();
    return fault_tasuki(ctx, argv, 30);
}

static void backup_file(const struct lab *lab, char path[LAB_PATH + 16]) {
    snprintf(path, LAB_PATH + 16, "%s/drill.backup", lab->dir);
}

/* Run where a node runs: its addresses are reached from there. */
static bool on_machine(struct fault_ctx *ctx, struct machine *machine,
                       const char *const argv[], unsigned seconds) {
    struct buf out;
    buf_init(&out, SH_OUTPUT_MAX);
    int code = machine->ops->run(machine, argv, seconds, &out);
    if (code != 0) {
        fault_fail(ctx, "tasuki %s: exit %d: %.*s", argv[1], code,
                   (int)(out.len < 300 ? out.len : 300), (const char *)out.data);
    }
    buf_free(&out);
    return code == 0;
}

bool fault_backup(struct fault_ctx *ctx, const struct experiment_action *action,
                  const struct fault_targets *targets, const struct fault_targets *to) {
    struct machine *machine = &ctx->lab->machines[0];
    char file[LAB_PATH + 16], program[LAB_PATH + 16];
    const char *argv[] = {program,       "backup", file,
                          "--config",    machine->conf, "--force", NULL};
    (void)targets, (void)to;
    backup_file(ctx->lab, file);
    snprintf(program, sizeof(program), "%s/tasuki", ctx->lab->bin);
    struct fault_band *band = fault_begin(ctx, action->name, false);
    bool good = on_machine(ctx, machine, argv, CHANGE_S);
    band->to_us = tally_now_us();
    return good;
}

static bool wipe(struct fault_ctx *ctx, struct machine *machine) {
    const char *argv[] = {"rm", "-rf", machine->data, NULL};
    return on_machine(ctx, machine, argv, 60);
}

/* A node joins the new epoch on an empty folder, and votes. */
static bool rejoin(struct fault_ctx *ctx, struct machine *machine) {
    char id[8], address[32];
    const char *add[] = {"node", "add", id, address, region_name(machine), NULL};
    const char *promote[] = {"node", "promote", id, NULL};

    snprintf(id, sizeof(id), "%u", machine->id);
    snprintf(address, sizeof(address), "%s:%u", machine->address, LAB_PORT_PEER);
    return lab_start(machine, "--join") && fault_tasuki(ctx, add, CHANGE_S) &&
           fault_await(ctx, machine, SERVE_S) && fault_tasuki(ctx, promote, CHANGE_S);
}

bool fault_restore(struct fault_ctx *ctx, const struct experiment_action *action,
                   const struct fault_targets *targets,
                   const struct fault_targets *to) {
    struct lab *lab = ctx->lab;
    struct machine *first = &lab->machines[0];
    char file[LAB_PATH + 16], program[LAB_PATH + 16];
    const char *argv[] = {program, "restore", file, "--config", first->conf, NULL};
    (void)targets, (void)to;

    backup_file(lab, file);
    snprintf(program, sizeof(program), "%s/tasuki", lab->bin);
    struct fault_band *band = fault_begin(ctx, action->name, true);
    for (size_t i = 0; i < lab->count; i++) {
        lab->machines[i].held = true;
        lab->machines[i].ops->signal(&lab->machines[i], SIGKILL);
    }
    for (size_t i = 0; i < lab->count; i++) {
        while (lab_running(&lab->machines[i])) {
            if (!ctx->wait(ctx->arg, 20)) {
                return fault_fail(ctx, "broken off");
            }
        }
        if (!wipe(ctx, &lab->machines[i])) {
            return false;
        }
    }
    ctx->epoch(ctx->arg);
    if (!on_machine(ctx, first, argv, CHANGE_S) || !lab_start(first, NULL) ||
        !fault_await(ctx, first, SERVE_S)) {
        return false;
    }
    for (size_t i = 1; i < lab->count; i++) {
        if (!lab->machines[i].spare && !rejoin(ctx, &lab->machines[i])) {
            return false;
        }
    }
    band->to_us = tally_now_us();
    return true;
}
