/* fault_disk: disks that stand still, are full, fail, lose their current; and clocks
 * (fault.h). All but errors need a disk of the machine's own (x-lab: disk_mib). */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>

#include "chaos/drill/fault.h"

static bool own_disk(struct fault_ctx *ctx, const struct experiment_action *action) {
    return ctx->lab->plan.disk_mib > 0 ||
           fault_fail(ctx, "%s needs x-lab: {disk_mib: N}", action->func);
}

bool fault_disk_stall(struct fault_ctx *ctx, const struct experiment_action *action,
                      const struct fault_targets *targets,
                      const struct fault_targets *to) {
    (void)to;
    for (size_t i = 0; i < targets->count; i++) {
        const char *freeze[] = {"fsfreeze", "-f", targets->at[i]->disk, NULL};
        const char *thaw[] = {"fsfreeze", "-u", targets->at[i]->disk, NULL};
        if (!own_disk(ctx, action) || !fault_make(ctx, action, freeze, thaw)) {
            return false;
        }
    }
    return true;
}

bool fault_disk_full(struct fault_ctx *ctx, const struct experiment_action *action,
                     const struct fault_targets *targets,
                     const struct fault_targets *to) {
    (void)to;
    for (size_t i = 0; i < targets->count; i++) {
        struct statvfs room;
        char file[LAB_PATH + 16], size[32];
        const char *fill[] = {"fallocate", "-l", size, file, NULL};
        const char *empty[] = {"rm", "-f", file, NULL};
        if (targets->at[i]->ops->hurt != NULL) {
            if (!fault_hurt(ctx, action, targets->at[i], HURT_DISK_FULL, "")) {
                return false;
            }
            continue;
        }
        if (!own_disk(ctx, action) || statvfs(targets->at[i]->disk, &room) != 0) {
            return false;
        }
        /* All but what a file system of this size keeps for its own books. */
        unsigned long long free_bytes = (unsigned long long)room.f_bavail * room.f_frsize;
        snprintf(file, sizeof(file), "%s/filler", targets->at[i]->disk);
        snprintf(size, sizeof(size), "%llu", free_bytes - free_bytes / 200);
        if (!fault_make(ctx, action, fill, empty)) {
            return false;
        }
    }
    return true;
}

/* strace makes the calls fail, and stays until it is told to end. */
bool fault_disk_error(struct fault_ctx *ctx, const struct experiment_action *action,
                      const struct fault_targets *targets,
                      const struct fault_targets *to) {
    (void)to;
    for (size_t i = 0; i < targets->count; i++) {
        char pid[16], tracer[16];
        struct sh_command command = {
            .argv = {"strace", "-q", "-f", "-o", "/dev/null", "-p", pid, "-e",
                     "trace=io_submit,pwrite64,pwritev,fdatasync,fsync,msync", "-e",
                     "inject=io_submit,pwrite64,pwritev,fdatasync,fsync,msync:error="
                     "EIO"},
            .net = -1,
            .log = targets->at[i]->log,
            .outlives = true,
        };
        snprintf(pid, sizeof(pid), "%d", (int)targets->at[i]->pid);
        pid_t strace = sh_spawn(&command);
        const char *heal[] = {"sh", "-c", "kill -INT \"$0\" 2>/dev/null; true", tracer,
                              NULL};
        int status = 0;
        snprintf(tracer, sizeof(tracer), "%d", (int)strace);
        poll(NULL, 0, 200);
        /* It ends with the node, which is what the fault is for. */
        if (strace < 0 || (sh_ended(strace, &status) && status != 0 &&
                           kill(targets->at[i]->pid, 0) == 0)) {
            return fault_fail(ctx, "strace cannot trace node %u, so disk errors cannot be "
                                   "made: look at %.300s",
                              targets->at[i]->id, targets->at[i]->log);
        }
        if (!fault_make(ctx, action, NULL, heal)) {
            kill(strace, SIGINT);
            return false;
        }
    }
    return true;
}

bool fault_power_cut(struct fault_ctx *ctx, const struct experiment_action *action,
                     const struct fault_targets *targets,
                     const struct fault_targets *to) {
    (void)to;
    if (!own_disk(ctx, action)) {
        return false;
    }
    fault_begin(ctx, action->name, true);
    /* The disks first: what the process writes in its last moment must not arrive. */
    for (size_t i = 0; i < targets->count; i++) {
        targets->at[i]->held = true;
        if (!lab_disk_cut(targets->at[i])) {
            return fault_fail(ctx, "%s", ctx->lab->why);
        }
        targets->at[i]->ops->signal(targets->at[i], SIGKILL);
    }
    for (size_t i = 0; i < targets->count; i++) {
        while (lab_running(targets->at[i])) {
            if (!ctx->wait(ctx->arg, 10)) {
                return fault_fail(ctx, "broken off");
            }
        }
        if (!lab_disk_unmount(targets->at[i])) {
            return fault_fail(ctx, "%s", ctx->lab->why);
        }
        targets->at[i]->dark = true;
    }
    return true;
}

static bool write_clock(const char *path, const char *text) {
    char next[LAB_PATH + 8];
    snprintf(next, sizeof(next), "%s.new", path);
    FILE *to = fopen(next, "w");
    bool good = to != NULL && fputs(text, to) >= 0;
    good = to != NULL && fclose(to) == 0 && good;
    return good && rename(next, path) == 0;
}

bool fault_clock_step(struct fault_ctx *ctx, const struct experiment_action *action,
                      const struct fault_targets *targets,
                      const struct fault_targets *to) {
    (void)to;
    if (!ctx->lab->plan.clocks) {
        return fault_fail(ctx, "clock_step needs x-lab: {clocks: true}");
    }
    for (size_t i = 0; i < targets->count; i++) {
        char right[LAB_PATH + 8], text[32];
        const char *heal[] = {"mv", "-f", right, targets->at[i]->clock, NULL};
        snprintf(right, sizeof(right), "%s.right", targets->at[i]->clock);
        snprintf(text, sizeof(text), "%+lld\n", (long long)action->amount);
        if (!write_clock(right, "+0\n") || !fault_make(ctx, action, NULL, heal) ||
            !write_clock(targets->at[i]->clock, text)) {
            return ctx->why[0] != '\0' ? false : fault_fail(ctx, "no clock file");
        }
    }
    return true;
}
