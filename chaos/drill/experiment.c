#include "chaos/drill/experiment.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chaos/drill/fault.h"
#include "chaos/drill/probe.h"
#include "chaos/drill/yaml_read.h"

static const char *const kind_names[LOAD_KINDS] = {
    "sign_in", "code", "refresh", "session", "sign_out", "register", "late_code",
    "password", "intake", "ocr_job", "decision"};

const char *load_kind_name(enum load_kind kind) {
    return kind_names[kind];
}

static void read_small(struct yaml_read *read, yaml_ref at, unsigned max,
                       unsigned *ret) {
    uint64_t value = *ret;
    yaml_read_uint(read, at, max, &value);
    *ret = (unsigned)value;
}

static unsigned region_of(struct yaml_read *read, yaml_ref at, struct lab_plan *lab) {
    char name[32] = "";
    yaml_read_text(read, at, name, sizeof(name));
    for (size_t i = 0; i < lab->regions_count; i++) {
        if (strcmp(lab->regions[i], name) == 0) {
            return (unsigned)i;
        }
    }
    if (name[0] == '\0' || lab->regions_count == LAB_REGIONS_MAX) {
        yaml_read_fail(read, at, "a node needs a region, and there are at most %d",
                       LAB_REGIONS_MAX);
        return 0;
    }
    memcpy(lab->regions[lab->regions_count], name, sizeof(name));
    return (unsigned)lab->regions_count++;
}

static void read_nodes(struct yaml_read *read, yaml_ref list, struct lab_plan *lab) {
    static const char *const keys[] = {"region", "standby", "spare", NULL};
    yaml_ref item;
    size_t voters = 0;

    for (size_t i = 0; yaml_read_item(read, list, i, &item); i++) {
        if (i == LAB_NODES_MAX) {
            yaml_read_fail(read, item, "at most %d nodes", LAB_NODES_MAX);
            return;
        }
        yaml_read_known(read, item, keys);
        lab->nodes[i].region =
            region_of(read, yaml_read_get(read, item, "region"), lab);
        yaml_read_bool(read, yaml_read_get(read, item, "standby"),
                       &lab->nodes[i].standby);
        yaml_read_bool(read, yaml_read_get(read, item, "spare"), &lab->nodes[i].spare);
        bool later = lab->nodes[i].standby || lab->nodes[i].spare;
        voters += !later;
        /* The numbers of those that begin the cluster come first. */
        if (!later && voters != i + 1) {
            yaml_read_fail(read, item, "standby and spare nodes stand behind the others");
        }
        lab->nodes_count = i + 1;
    }
    if (list != 0 && voters == 0) {
        yaml_read_fail(read, list, "one node at least must begin the cluster");
    }
}

static void read_way(struct yaml_read *read, yaml_ref map, struct lab_way *way) {
    read_small(read, yaml_read_get(read, map, "delay_ms"), 1000, &way->delay_ms);
    read_small(read, yaml_read_get(read, map, "jitter_ms"), 1000, &way->jitter_ms);
    read_small(read, yaml_read_get(read, map, "loss_percent"), 90, &way->loss_percent);
}

static void read_lab(struct yaml_read *read, yaml_ref map, struct lab_plan *lab) {
    static const char *const keys[] = {"nodes",       "disk_mib",     "delay_ms",
                                       "jitter_ms",   "clocks",       "loss_percent",
                                       "environment", "job_lease_s",  "review_claim_s",
                                       NULL};
    static const char *const three[] = {"tokyo", "osaka", "fukuoka"};

    snprintf(lab->environment, sizeof(lab->environment), "demo");
    yaml_read_known(read, map, keys);
    read_nodes(read, yaml_read_get(read, map, "nodes"), lab);
    read_small(read, yaml_read_get(read, map, "disk_mib"), 4096, &lab->disk_mib);
    read_way(read, map, &lab->way);
    read_small(read, yaml_read_get(read, map, "job_lease_s"), 600, &lab->job_lease_s);
    read_small(read, yaml_read_get(read, map, "review_claim_s"), 7200,
               &lab->review_claim_s);
    yaml_read_bool(read, yaml_read_get(read, map, "clocks"), &lab->clocks);
    yaml_read_text(read, yaml_read_get(read, map, "environment"), lab->environment,
                   sizeof(lab->environment));
    for (size_t i = 0; lab->nodes_count == 0 && i < 3; i++) {
        snprintf(lab->regions[i], sizeof(lab->regions[i]), "%s", three[i]);
        lab->nodes[i].region = (unsigned)i;
        lab->regions_count = i + 1;
    }
    lab->nodes_count = lab->nodes_count == 0 ? 3 : lab->nodes_count;
}

static void read_load(struct yaml_read *read, yaml_ref map, struct experiment *e) {
    const char *name;
    yaml_ref value;

    for (size_t i = 0; yaml_read_pair(read, map, i, &name, &value); i++) {
        size_t kind = 0;
        while (kind < LOAD_RATED && strcmp(kind_names[kind], name) != 0) {
            kind++;
        }
        if (kind < LOAD_RATED) {
            yaml_read_share(read, value, 1000, &e->rate[kind]);
        } else if (strcmp(name, "people") == 0) {
            read_small(read, value, 128, &e->people);
        } else if (strcmp(name, "centers") == 0) {
            read_small(read, value, LAB_REGIONS_MAX, &e->centers);
        } else if (strcmp(name, "workers") == 0) {
            read_small(read, value, 8, &e->workers);
        } else if (strcmp(name, "reviewers") == 0) {
            read_small(read, value, 8, &e->reviewers);
        } else if (strcmp(name, "before_s") == 0) {
            read_small(read, value, 600, &e->before_s);
        } else if (strcmp(name, "after_s") == 0) {
            read_small(read, value, 600, &e->after_s);
        } else {
            yaml_read_fail(read, value, "the key '%.60s' is not known here", name);
        }
    }
}

static void read_objectives(struct yaml_read *read, yaml_ref map,
                            struct experiment *e) {
    static const char *const keys[] = {"rto_ms", "rpo", "error_budget", "failed_later",
                                       NULL};
    yaml_read_known(read, map, keys);
    yaml_read_uint(read, yaml_read_get(read, map, "rto_ms"), 3600000, &e->rto_ms);
    yaml_read_uint(read, yaml_read_get(read, map, "rpo"), 1000000, &e->rpo);
    yaml_read_uint(read, yaml_read_get(read, map, "failed_later"), 1000000,
                   &e->failed_later);
    yaml_read_share(read, yaml_read_get(read, map, "error_budget"), 1,
                    &e->error_budget);
}

static void read_guards(struct yaml_read *read, yaml_ref list, struct experiment *e) {
    static const char *const keys[] = {"success_below", "for_s", NULL};
    yaml_ref item;
    for (size_t i = 0; yaml_read_item(read, list, i, &item); i++) {
        if (i == EXPERIMENT_GUARDS_MAX) {
            yaml_read_fail(read, item, "at most %d guards", EXPERIMENT_GUARDS_MAX);
            return;
        }
        yaml_read_known(read, item, keys);
        e->guards[i].for_s = 30;
        yaml_read_share(read, yaml_read_get(read, item, "success_below"), 1,
                        &e->guards[i].success_below);
        read_small(read, yaml_read_get(read, item, "for_s"), 600, &e->guards[i].for_s);
        e->guards_count = i + 1;
    }
}

/* `provider`, checked; its arguments. */
static yaml_ref read_provider(struct yaml_read *read, yaml_ref item, char func[32]) {
    static const char *const keys[] = {"type", "func", "arguments", NULL};
    yaml_ref provider = yaml_read_get(read, item, "provider");
    char type[32] = "";

    yaml_read_known(read, provider, keys);
    yaml_read_text(read, yaml_read_get(read, provider, "type"), type, sizeof(type));
    yaml_read_text(read, yaml_read_get(read, provider, "func"), func, 32);
    if (strcmp(type, "tasuki") != 0) {
        yaml_read_fail(read, item, "provider: {type: tasuki, func: ...} is expected");
    }
    return yaml_read_get(read, provider, "arguments");
}

static void read_probe(struct yaml_read *read, yaml_ref item,
                       struct experiment_probe *probe) {
    static const char *const keys[] = {"type", "name", "tolerance", "provider", NULL};
    yaml_ref tolerance = yaml_read_get(read, item, "tolerance");
    char text[16] = "true";

    probe->line = yaml_read_line(read, item);
    yaml_read_known(read, item, keys);
    yaml_read_text(read, yaml_read_get(read, item, "name"), probe->name,
                   sizeof(probe->name));
    read_provider(read, item, probe->func);
    if (!probe_known(probe->func)) {
        yaml_read_fail(read, item, "no probe is called '%.30s'", probe->func);
    }
    yaml_read_text(read, tolerance, text, sizeof(text));
    if (strcmp(text, "true") == 0 || strcmp(text, "false") == 0) {
        probe->tolerance = text[0] == 't';
    } else {
        yaml_read_uint(read, tolerance, 1000000, &probe->tolerance);
    }
}

static void read_hypothesis(struct yaml_read *read, yaml_ref map,
                            struct experiment *e) {
    static const char *const keys[] = {"title", "probes", NULL};
    yaml_ref list, item;

    yaml_read_known(read, map, keys);
    list = yaml_read_get(read, map, "probes");
    for (size_t i = 0; yaml_read_item(read, list, i, &item); i++) {
        if (i == EXPERIMENT_PROBES_MAX) {
            yaml_read_fail(read, item, "at most %d probes", EXPERIMENT_PROBES_MAX);
            return;
        }
        read_probe(read, item, &e->probes[i]);
        e->probes_count = i + 1;
    }
}

static void read_action(struct yaml_read *read, yaml_ref item,
                        struct experiment_action *action) {
    static const char *const keys[] = {"type",   "name",    "provider",
                                       "pauses", "x-ttl-s", NULL};
    static const char *const pauses[] = {"after", NULL};
    static const char *const arguments[] = {"target",    "to",           "seconds", "both",
                                            "delay_ms",  "jitter_ms",    "loss_percent",
                                            NULL};
    yaml_ref given, wait = yaml_read_get(read, item, "pauses");

    action->line = yaml_read_line(read, item);
    action->both = true;
    yaml_read_known(read, item, keys);
    yaml_read_known(read, wait, pauses);
    yaml_read_text(read, yaml_read_get(read, item, "name"), action->name,
                   sizeof(action->name));
    given = read_provider(read, item, action->func);
    yaml_read_known(read, given, arguments);
    yaml_read_text(read, yaml_read_get(read, given, "target"), action->target,
                   sizeof(action->target));
    yaml_read_text(read, yaml_read_get(read, given, "to"), action->to,
                   sizeof(action->to));
    yaml_read_int(read, yaml_read_get(read, given, "seconds"), 86400, &action->amount);
    yaml_read_bool(read, yaml_read_get(read, given, "both"), &action->both);
    read_way(read, given, &action->way);
    read_small(read, yaml_read_get(read, item, "x-ttl-s"), EXPERIMENT_TTL_MAX_S,
               &action->ttl_s);
    read_small(read, yaml_read_get(read, wait, "after"), 600, &action->pause_s);
    const char *wrong = fault_check(action);
    if (wrong != NULL) {
        yaml_read_fail(read, item, "%.30s: %s", action->func, wrong);
    }
}

static size_t read_actions(struct yaml_read *read, yaml_ref list,
                           struct experiment_action *actions) {
    yaml_ref item;
    size_t count = 0;
    while (yaml_read_item(read, list, count, &item)) {
        if (count == EXPERIMENT_ACTIONS_MAX) {
            yaml_read_fail(read, item, "at most %d actions", EXPERIMENT_ACTIONS_MAX);
            break;
        }
        read_action(read, item, &actions[count++]);
    }
    return count;
}

static void read_root(struct yaml_read *read, yaml_ref root, struct experiment *e) {
    static const char *const keys[] = {
        "version",      "title",    "description",             "tags",   "x-lab",
        "x-load",       "x-guards", "steady-state-hypothesis", "method", "rollbacks",
        "x-objectives", NULL};

    yaml_read_known(read, root, keys);
    yaml_read_text(read, yaml_read_get(read, root, "title"), e->title,
                   sizeof(e->title));
    yaml_read_text(read, yaml_read_get(read, root, "description"), e->description,
                   sizeof(e->description));
    read_lab(read, yaml_read_get(read, root, "x-lab"), &e->lab);
    read_load(read, yaml_read_get(read, root, "x-load"), e);
    read_objectives(read, yaml_read_get(read, root, "x-objectives"), e);
    read_guards(read, yaml_read_get(read, root, "x-guards"), e);
    read_hypothesis(read, yaml_read_get(read, root, "steady-state-hypothesis"), e);
    e->method_count =
        read_actions(read, yaml_read_get(read, root, "method"), e->method);
    e->rollbacks_count =
        read_actions(read, yaml_read_get(read, root, "rollbacks"), e->rollbacks);
    if (e->title[0] == '\0' || e->method_count == 0 || e->probes_count == 0) {
        yaml_read_fail(read, root, "title, method and steady-state-hypothesis with "
                                   "probes must be there");
    }
    for (size_t i = 0; i < e->method_count; i++) {
        e->new_epoch |= strcmp(e->method[i].func, "restore") == 0;
    }
}

enum err experiment_parse(struct span text, struct experiment *ret, char why[256]) {
    struct yaml_read read;

    *ret = (struct experiment){
        .people = 16, .before_s = 3, .after_s = 3, .error_budget = -1, .centers = 2,
        .failed_later = UINT64_MAX};
    ret->rate[LOAD_SIGN_IN] = 2;
    ret->rate[LOAD_CODE] = 10;
    ret->rate[LOAD_REFRESH] = 10;
    ret->rate[LOAD_SESSION] = 10;
    ret->rate[LOAD_SIGN_OUT] = 1;
    ret->rate[LOAD_REGISTER] = 0.5;
    ret->rate[LOAD_PASSWORD] = 0.5;
    if (text.len > EXPERIMENT_BYTES_MAX) {
        snprintf(why, 256, "larger than %d bytes", EXPERIMENT_BYTES_MAX);
        return ERR_TOO_BIG;
    }
    yaml_ref root = yaml_read_begin(&read, text);
    if (root != 0) {
        read_root(&read, root, ret);
    }
    ret->lab.mail = ret->rate[LOAD_REGISTER] > 0; /* links come by mail */
    return yaml_read_end(&read, why);
}

enum err experiment_load(const char *path, struct experiment *ret, char why[256]) {
    static char text[EXPERIMENT_BYTES_MAX + 1];
    FILE *from = fopen(path, "r");

    if (from == NULL) {
        snprintf(why, 256, "%s", strerror(errno));
        return ERR_NOT_FOUND;
    }
    size_t len = fread(text, 1, sizeof(text), from);
    bool failed = ferror(from);
    fclose(from);
    if (failed) {
        snprintf(why, 256, "it cannot be read");
        return ERR_IO;
    }
    return experiment_parse(span_of(text, len), ret, why);
}
