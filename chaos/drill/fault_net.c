/* fault_net: who does not reach whom (fault.h). */
#include <stdio.h>
#include <string.h>

#include "chaos/drill/fault.h"

#define ELEMENTS_MAX 4096

/* " A . B ,": packets from A to B. */
static void add_pair(char *list, const char *from, const char *to) {
    size_t used = strlen(list);
    snprintf(list + used, ELEMENTS_MAX - used, "%s %s . %s", used > 0 ? " ," : "", from,
             to);
}

static void add_way(char *list, const char *from, const char *to, bool both) {
    add_pair(list, from, to);
    if (both) {
        add_pair(list, to, from);
    }
}

static bool among(const struct fault_targets *set, const struct machine *machine) {
    for (size_t i = 0; i < set->count; i++) {
        if (set->at[i] == machine) {
            return true;
        }
    }
    return false;
}

/* Between two that are on both sides nothing is cut: a region and the rest stay whole. */
static void add_nodes(char *list, const struct fault_targets *from,
                      const struct fault_targets *to, bool both) {
    for (size_t i = 0; i < from->count; i++) {
        for (size_t k = 0; k < to->count; k++) {
            if (!among(to, from->at[i]) || !among(from, to->at[k])) {
                add_way(list, from->at[i]->address, to->at[k]->address, both);
            }
        }
    }
}

/* Balancers, clients and the mail server: the drill's own addresses. */
static void add_clients(char *list, const struct lab *lab,
                        const struct fault_targets *from, bool both) {
    char address[32];
    for (size_t i = 0; i < from->count; i++) {
        for (size_t k = 0; k <= lab->plan.regions_count; k++) {
            snprintf(address, sizeof(address), "10.77.0.%zu", k == 0 ? 1 : 10 + k);
            add_way(list, from->at[i]->address, address, both);
        }
        add_way(list, from->at[i]->address, LAB_MAIL_ADDRESS, both);
    }
}

/* On hosts each target drops what goes out to the others, and, both ways, what comes. */
static bool cut_hosts(struct fault_ctx *ctx, const struct experiment_action *action,
                      const struct fault_targets *targets,
                      const struct fault_targets *to) {
    for (size_t i = 0; i < targets->count; i++) {
        char others[ELEMENTS_MAX / 4] = "", words[ELEMENTS_MAX / 2];
        size_t used = 0;
        for (size_t k = 0; k < to->count && used + 32 < sizeof(others); k++) {
            if (to->at[k] != targets->at[i] && !among(targets, to->at[k])) {
                used += (size_t)snprintf(others + used, sizeof(others) - used, "%s%s",
                                         used > 0 ? ", " : "", to->at[k]->address);
            }
        }
        for (size_t k = 0; k < ctx->lab->plan.regions_count &&
                           strcmp(action->to, "clients") == 0;
             k++) {
            used += (size_t)snprintf(others + used, sizeof(others) - used, "%s%s",
                                     used > 0 ? ", " : "",
                                     ctx->lab->balancers[k].address);
        }
        if (used == 0) {
            continue;
        }
        snprintf(words, sizeof(words), "ip daddr { %s } drop;%s%s%s", others,
                 action->both ? "ip saddr { " : "", action->both ? others : "",
                 action->both ? " } drop;" : "");
        if (!fault_hurt(ctx, action, targets->at[i], HURT_CUT, words)) {
            return false;
        }
    }
    return true;
}

bool fault_cut(struct fault_ctx *ctx, const struct experiment_action *action,
               const struct fault_targets *targets, const struct fault_targets *to) {
    char list[ELEMENTS_MAX] = "", make[ELEMENTS_MAX + 64], heal[ELEMENTS_MAX + 64];
    const char *add[] = {"nft", make, NULL}, *remove[] = {"nft", heal, NULL};

    if (ctx->lab->attached) {
        return cut_hosts(ctx, action, targets, to);
    }
    if (strcmp(action->to, "clients") == 0) {
        add_clients(list, ctx->lab, targets, action->both);
    }
    add_nodes(list, targets, to, action->both);
    if (list[0] == '\0' || strlen(list) > ELEMENTS_MAX - 40) {
        return fault_fail(ctx, "'%s' and '%s' leave nothing to cut", action->target,
                          action->to);
    }
    snprintf(make, sizeof(make), "add element bridge chaos cut {%s }", list);
    snprintf(heal, sizeof(heal), "delete element bridge chaos cut {%s }", list);
    return fault_make(ctx, action, add, remove);
}

bool fault_slow(struct fault_ctx *ctx, const struct experiment_action *action,
                const struct fault_targets *targets, const struct fault_targets *to) {
    (void)to;
    for (size_t i = 0; i < targets->count; i++) {
        struct lab_words make, heal;
        if (!lab_net_slow(targets->at[i], &action->way, &make, &heal)) {
            return fault_fail(ctx, "%s", ctx->lab->why);
        }
        if (!fault_make(ctx, action, make.at, heal.at)) {
            return false;
        }
    }
    return true;
}
