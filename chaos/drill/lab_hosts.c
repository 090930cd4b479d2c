/* lab_hosts: a cluster that stands already, on hosts that are reached by ssh (lab.h).
 *
 * The file of hosts (ops/docs/drills.md) says where its nodes, balancers, certificates
 * are, and which program takes a host's name and a command, as ssh does. Nodes are
 * services of systemd. A fault is one command on its host; beside what the guardian does,
 * the host itself ends it when its time is over, should nobody reach it by then. Nothing
 * is made, nothing is stopped at the end but what the drill started. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "chaos/drill/lab.h"
#include "chaos/drill/yaml_read.h"

#define FILE_MAX (64 * 1024)
#define COMMAND_S 60

/* ---- the file */

/* They stand in commands that a shell reads there. */
static bool plain(const char *text, const char *letters) {
    return text[0] != '\0' && text[0] != '-' && text[strspn(text, letters)] == '\0';
}
#define ADDRESS "0123456789."
#define WORD "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/._@-"

static void read_ssh(struct yaml_read *read, yaml_ref list, struct lab *lab) {
    yaml_ref item;
    while (lab->ssh_count < sizeof(lab->ssh) / sizeof(lab->ssh[0]) &&
           yaml_read_item(read, list, lab->ssh_count, &item)) {
        yaml_read_text(read, item, lab->ssh[lab->ssh_count++], sizeof(lab->ssh[0]));
    }
    if (lab->ssh_count == 0) {
        snprintf(lab->ssh[lab->ssh_count++], sizeof(lab->ssh[0]), "ssh");
    }
}

static unsigned region_of(struct yaml_read *read, yaml_ref item, struct lab *lab) {
    struct lab_plan *plan = &lab->plan;
    char name[32] = "";
    yaml_read_text(read, yaml_read_get(read, item, "region"), name, sizeof(name));
    for (size_t i = 0; i < plan->regions_count; i++) {
        if (strcmp(plan->regions[i], name) == 0) {
            return (unsigned)i;
        }
    }
    if (name[0] == '\0' || plan->regions_count == LAB_REGIONS_MAX) {
        yaml_read_fail(read, item, "a region is needed, and there are at most %d",
                       LAB_REGIONS_MAX);
        return 0;
    }
    memcpy(plan->regions[plan->regions_count], name, sizeof(name));
    return (unsigned)plan->regions_count++;
}

static void read_balancers(struct yaml_read *read, yaml_ref list, struct lab *lab) {
    static const char *const keys[] = {"region", "address", NULL};
    yaml_ref item;
    for (size_t i = 0; i < LAB_REGIONS_MAX && yaml_read_item(read, list, i, &item); i++) {
        yaml_read_known(read, item, keys);
        yaml_read_text(read, yaml_read_get(read, item, "address"),
                       lab->balancers[region_of(read, item, lab)].address,
                       sizeof(lab->balancers[0].address));
    }
    for (size_t i = 0; i < lab->plan.regions_count; i++) {
        if (lab->balancers[i].address[0] != '\0' &&
            !plain(lab->balancers[i].address, ADDRESS)) {
            yaml_read_fail(read, list, "balancers: addresses are IPv4");
        }
        /* A region without one goes by the first. */
        if (lab->balancers[i].address[0] == '\0') {
            memcpy(lab->balancers[i].address, lab->balancers[0].address,
                   sizeof(lab->balancers[i].address));
        }
    }
    if (lab->balancers[0].address[0] == '\0') {
        yaml_read_fail(read, list, "balancers: the address of one at least");
    }
}

static void read_node(struct yaml_read *read, yaml_ref item, struct machine *machine) {
    static const char *const keys[] = {"id",        "region",  "address", "http",
                                       "operators", "host",    "service", "disk",
                                       "standby",   NULL};
    uint64_t id = machine->id;

    yaml_read_known(read, item, keys);
    yaml_read_uint(read, yaml_read_get(read, item, "id"), LAB_NODES_MAX, &id);
    if (id != machine->id) {
        yaml_read_fail(read, item, "nodes are numbered from 1 on, in order");
    }
    machine->region = region_of(read, item, machine->lab);
    snprintf(machine->service, sizeof(machine->service), "tasukid");
    snprintf(machine->disk, sizeof(machine->disk), "/var/lib/tasuki");
    yaml_read_text(read, yaml_read_get(read, item, "address"), machine->address,
                   sizeof(machine->address));
    yaml_read_text(read, yaml_read_get(read, item, "http"), machine->http,
                   sizeof(machine->http));
    yaml_read_text(read, yaml_read_get(read, item, "operators"), machine->operators,
                   sizeof(machine->operators));
    yaml_read_text(read, yaml_read_get(read, item, "host"), machine->host,
                   sizeof(machine->host));
    yaml_read_text(read, yaml_read_get(read, item, "service"), machine->service,
                   sizeof(machine->service));
    yaml_read_text(read, yaml_read_get(read, item, "disk"), machine->disk,
                   sizeof(machine->disk));
    yaml_read_bool(read, yaml_read_get(read, item, "standby"), &machine->standby);
    if (machine->http[0] == '\0' || machine->operators[0] == '\0' ||
        !plain(machine->address, ADDRESS) || !plain(machine->host, WORD) ||
        !plain(machine->service, WORD) || !plain(machine->disk, WORD)) {
        yaml_read_fail(read, item, "a node needs address (IPv4), http, operators and "
                                   "host; service and disk are plain words");
    }
}

static void read_root(struct yaml_read *read, yaml_ref root, struct lab *lab) {
    static const char *const keys[] = {"environment", "url", "pki",   "env",
                                       "ssh",         "balancers", "nodes", NULL};
    yaml_ref list, item;
    int used = 0;

    yaml_read_known(read, root, keys);
    yaml_read_text(read, yaml_read_get(read, root, "environment"), lab->plan.environment,
                   sizeof(lab->plan.environment));
    yaml_read_text(read, yaml_read_get(read, root, "url"), lab->base, sizeof(lab->base));
    yaml_read_text(read, yaml_read_get(read, root, "pki"), lab->pki, 400);
    yaml_read_text(read, yaml_read_get(read, root, "env"), lab->env, 400);
    lab->port = 443;
    if (sscanf(lab->base, "https://%255[a-z0-9.-]%n:%u", lab->host, &used, &lab->port) < 1) {
        yaml_read_fail(read, root, "url: https://HOST[:PORT] is expected");
    }
    read_ssh(read, yaml_read_get(read, root, "ssh"), lab);
    list = yaml_read_get(read, root, "nodes");
    for (size_t i = 0; i < LAB_NODES_MAX && yaml_read_item(read, list, i, &item); i++) {
        struct machine *machine = &lab->machines[i];
        *machine = (struct machine){.lab = lab,
                                    .ops = &lab_hosts_ops,
                                    .id = (unsigned)i + 1,
                                    .net = -1,
                                    .up = true};
        read_node(read, item, machine);
        lab->count = i + 1;
    }
    read_balancers(read, yaml_read_get(read, root, "balancers"), lab);
    if (lab->count == 0 || lab->plan.environment[0] == '\0' || lab->pki[0] == '\0' ||
        lab->env[0] == '\0') {
        yaml_read_fail(read, root, "environment, pki, env and nodes must be there");
    }
}

enum err lab_hosts_parse(struct lab *lab, struct span text) {
    struct yaml_read read;
    char why[256];

    *lab = (struct lab){.attached = true};
    yaml_ref root = yaml_read_begin(&read, text);
    if (root != 0) {
        read_root(&read, root, lab);
    }
    enum err err = yaml_read_end(&read, why);
    snprintf(lab->why, sizeof(lab->why), "%s", err == OK ? "" : why);
    return err;
}

enum err lab_hosts_load(struct lab *lab, const char *path) {
    static char text[FILE_MAX];
    FILE *from = fopen(path, "r");

    *lab = (struct lab){.attached = true};
    if (from == NULL) {
        snprintf(lab->why, sizeof(lab->why), "%s", strerror(errno));
        return ERR_NOT_FOUND;
    }
    size_t len = fread(text, 1, sizeof(text), from);
    fclose(from);
    if (len == sizeof(text)) {
        snprintf(lab->why, sizeof(lab->why), "larger than %d bytes", FILE_MAX);
        return ERR_TOO_BIG;
    }
    return lab_hosts_parse(lab, span_of(text, len));
}

enum err lab_attach(struct lab *lab, const char *dir, const char *bin) {
    snprintf(lab->dir, LAB_PATH, "%s", dir);
    snprintf(lab->bin, LAB_PATH, "%s", bin);
    for (size_t i = 0; i < lab->count; i++) {
        struct lab_status status;
        if (!lab_status(lab, lab->machines[i].id, &status)) {
            snprintf(lab->why, sizeof(lab->why), "node %u does not answer at %s",
                     lab->machines[i].id, lab->machines[i].operators);
            return ERR_IO;
        }
    }
    return OK;
}

/* ---- what is done on a host */

static void words_of(const struct machine *machine, const char *command,
                     struct lab_words *words) {
    const struct lab *lab = machine->lab;
    size_t count = 0;
    while (count < lab->ssh_count) {
        words->at[count] = lab->ssh[count];
        count++;
    }
    words->at[count++] = machine->host;
    words->at[count++] = command;
    words->at[count] = NULL;
}

static bool on_host(struct machine *machine, const char *command) {
    struct lab_words words;
    struct sh_command line = {.net = -1};
    struct buf out;

    words_of(machine, command, &words);
    for (size_t i = 0; words.at[i] != NULL; i++) {
        line.argv[i] = words.at[i];
    }
    buf_init(&out, SH_OUTPUT_MAX);
    int code = sh_run(&line, COMMAND_S, &out);
    if (code != 0) {
        snprintf(machine->lab->why, sizeof(machine->lab->why), "%s: %s: exit %d: %.*s",
                 machine->host, command, code, (int)(out.len < 300 ? out.len : 300),
                 out.len > 0 ? (const char *)out.data : "");
    }
    buf_free(&out);
    return code == 0;
}

static bool start(struct machine *machine, const char *option) {
    char command[160];
    if (option != NULL) {
        snprintf(machine->lab->why, sizeof(machine->lab->why),
                 "%s is for clusters that a drill makes", option);
        return false;
    }
    snprintf(command, sizeof(command), "systemctl start %s", machine->service);
    machine->up = on_host(machine, command);
    return machine->up;
}

/* A service that is killed would be started again: it is down until `start`. */
static bool send_signal(struct machine *machine, int number) {
    char command[256];
    if (number == SIGCONT) {
        return true;
    }
    if (number == SIGKILL) {
        snprintf(command, sizeof(command),
                 "systemctl kill --signal=KILL %s; systemctl stop %s", machine->service,
                 machine->service);
    } else {
        snprintf(command, sizeof(command), "systemctl stop %s", machine->service);
    }
    bool good = on_host(machine, command);
    machine->up = machine->up && !good;
    return good;
}

static int run(struct machine *machine, const char *const argv[], unsigned seconds,
               struct buf *out) {
    (void)seconds, (void)out;
    snprintf(machine->lab->why, sizeof(machine->lab->why), "%s is not run on hosts",
             argv[0]);
    return -1;
}

static bool hurt(struct machine *machine, enum lab_hurt what, const char *words,
                 unsigned ttl_s, struct lab_words *ret_make, struct lab_words *ret_heal) {
    char make[2048], heal[512];

    switch (what) {
    case HURT_PAUSE:
        snprintf(make, sizeof(make), "systemctl kill --signal=STOP %s", machine->service);
        snprintf(heal, sizeof(heal), "systemctl kill --signal=CONT %s", machine->service);
        break;
    case HURT_CUT:
        /* One table a host: a second cut of the same host replaces the first. */
        snprintf(make, sizeof(make),
                 "nft 'table inet tasuki_drill {\n"
                 "chain out { type filter hook output priority 0; %s }\n"
                 "chain in { type filter hook input priority 0; %s }\n}'",
                 words, words);
        snprintf(heal, sizeof(heal), "nft delete table inet tasuki_drill 2>/dev/null; true");
        break;
    case HURT_DISK_FULL:
        snprintf(make, sizeof(make),
                 "cd %.400s && fallocate -l $(df -B1 --output=avail . | "
                 "awk 'NR==2 {printf \"%%d\", $1 * 0.995}') drill.filler",
                 machine->disk);
        snprintf(heal, sizeof(heal), "rm -f %.400s/drill.filler", machine->disk);
        break;
    }
    /* The host's own clock ends it too. */
    snprintf(ret_make->text[0], sizeof(ret_make->text[0]),
             "(sleep %u; %s) </dev/null >/dev/null 2>&1 & %s", ttl_s + 2, heal, make);
    snprintf(ret_heal->text[0], sizeof(ret_heal->text[0]), "%s", heal);
    words_of(machine, ret_make->text[0], ret_make);
    words_of(machine, ret_heal->text[0], ret_heal);
    return true;
}

const struct machine_ops lab_hosts_ops = {start, send_signal, run, hurt};
