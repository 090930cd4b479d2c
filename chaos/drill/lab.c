#include "chaos/drill/lab.h"

#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "chaos/drill/http.h"

#define RESTART_MS 1000
#define READY_S 60
#define STOP_MS 10000

static uint64_t now_ms(void) {
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

struct machine *lab_machine(struct lab *lab, unsigned id) {
    return id >= 1 && id <= lab->count ? &lab->machines[id - 1] : NULL;
}

bool lab_running(const struct machine *machine) {
    return machine->pid > 0 || machine->up;
}

bool lab_start(struct machine *machine, const char *option) {
    machine->held = false;
    return lab_running(machine) || machine->ops->start(machine, option);
}

/* As RestartPreventExitStatus of ops/systemd/tasukid.service. */
static bool waits_for_person(int code) {
    return code == 64 || code == 76 || code == 77 || code == 78;
}

void lab_supervise(struct lab *lab) {
    for (size_t i = 0; i < lab->count; i++) {
        struct machine *machine = &lab->machines[i];
        int status;
        if (machine->pid > 0 && sh_ended(machine->pid, &status)) {
            machine->pid = 0;
            machine->ended_ms = now_ms();
            machine->ended_status = status;
            machine->ended_count++;
            machine->held |= WIFEXITED(status) && waits_for_person(WEXITSTATUS(status));
        }
        if (machine->pid == 0 && !machine->held && machine->ended_ms > 0 &&
            now_ms() >= machine->ended_ms + RESTART_MS) {
            machine->ops->start(machine, NULL);
        }
    }
}

int lab_tasuki(struct lab *lab, const char *const argv[], unsigned seconds,
               struct buf *out) {
    char program[LAB_PATH + 16];
    struct sh_command command = {.argv = {program}, .net = -1};
    size_t count = 1;

    snprintf(program, sizeof(program), "%s/tasuki", lab->bin);
    for (size_t i = 0; argv[i] != NULL && count + 3 < SH_ARGS_MAX; i++) {
        command.argv[count++] = argv[i];
    }
    /* Who works on files of a node has no need of the operators' addresses. */
    if (strcmp(argv[0], "backup") != 0 && strcmp(argv[0], "restore") != 0) {
        command.argv[count++] = "--env";
        command.argv[count++] = lab->env;
    }
    return sh_run(&command, seconds, out);
}

/* ---- what nodes say */

static void status_read(const json_t *json, struct lab_status *status) {
    const json_t *nodes = json_object_get(json, "nodes");
    const char *digest = json_string_value(json_object_get(json, "digest"));
    const char *why = json_string_value(json_object_get(json, "why_not_ready"));
    size_t i;
    const json_t *node;

    status->ready = json_is_true(json_object_get(json, "ready"));
    status->leader =
        (unsigned)json_integer_value(json_object_get(json, "leader_id"));
    status->term = (uint64_t)json_integer_value(json_object_get(json, "term"));
    status->applied_index =
        (uint64_t)json_integer_value(json_object_get(json, "applied_index"));
    status->digest_index =
        (uint64_t)json_integer_value(json_object_get(json, "digest_index"));
    snprintf(status->digest, sizeof(status->digest), "%s", digest ? digest : "");
    snprintf(status->why, sizeof(status->why), "%s", why ? why : "");
    json_array_foreach(nodes, i, node) {
        int64_t offset = json_integer_value(json_object_get(node, "clock_offset_ms"));
        offset = offset < 0 ? -offset : offset;
        if (offset > status->clock_offset_ms) {
            status->clock_offset_ms = offset;
        }
        status->differs |= json_is_true(json_object_get(node, "digest_differs"));
    }
    status->waiting = (uint64_t)json_integer_value(
        json_object_get(json_object_get(json, "outbox"), "waiting"));
}

bool lab_status(struct lab *lab, unsigned id, struct lab_status *ret_status) {
    struct machine *machine = lab_machine(lab, id);
    struct http http;
    char url[128];
    bool good = false;

    *ret_status = (struct lab_status){0};
    if (machine == NULL || !lab_running(machine) || !http_open(&http, lab)) {
        return false;
    }
    http_certificate(&http, "operator");
    snprintf(url, sizeof(url), "https://%s/v1/status", machine->operators);
    if (http_get(&http, url, 1500) == 200) {
        json_t *json = json_loadb((const char *)http.body.data, http.body.len, 0, NULL);
        good = json_is_object(json);
        if (good) {
            status_read(json, ret_status);
        }
        json_decref(json);
    }
    http_close(&http);
    return good;
}

unsigned lab_leader(struct lab *lab) {
    unsigned votes[LAB_NODES_MAX + 1] = {0};
    uint64_t term = 0;
    unsigned best = 0;

    for (size_t i = 0; i < lab->count; i++) {
        struct lab_status status;
        /* Who was left behind names a leader of an older term. */
        if (!lab_status(lab, lab->machines[i].id, &status) ||
            status.leader > LAB_NODES_MAX || status.leader == 0 || status.term < term) {
            continue;
        }
        if (status.term > term) {
            memset(votes, 0, sizeof(votes));
            term = status.term;
            best = status.leader;
        }
        votes[status.leader]++;
        if (votes[status.leader] > votes[best]) {
            best = status.leader;
        }
    }
    return best;
}

/* ---- up and down */

static bool balancer_start(struct lab *lab, size_t region) {
    static char lines[6 + 2 * LAB_NODES_MAX][LAB_PATH + 64];
    const char *env[7 + 2 * LAB_NODES_MAX] = {NULL};
    char config[LAB_PATH + 32], log[LAB_PATH + 32];
    size_t count = 0;

    snprintf(lines[count++], sizeof(lines[0]), "TASUKI_BIND=%s:%u",
             lab->balancers[region].address, LAB_PORT);
    snprintf(lines[count++], sizeof(lines[0]), "TASUKI_HTTP_PEM=%s/http.pem", lab->pki);
    snprintf(lines[count++], sizeof(lines[0]), "TASUKI_HOST=" LAB_HOST);
    snprintf(lines[count++], sizeof(lines[0]), "TASUKI_CA=%s/ca.crt", lab->pki);
    snprintf(lines[count++], sizeof(lines[0]), "TASUKI_BALANCER_PEM=%s/balancer.pem",
             lab->pki);
    snprintf(lines[count++], sizeof(lines[0]), "TASUKI_STAFF_BIND=%s:%u",
             lab->balancers[region].address, LAB_PORT_STAFF);
    for (size_t i = 0; i < lab->count; i++) {
        snprintf(lines[count++], sizeof(lines[0]), "TASUKI_BALANCER_%zu=%s:%u", i + 1,
                 lab->machines[i].address, LAB_PORT_BALANCER);
        snprintf(lines[count++], sizeof(lines[0]), "TASUKI_STAFF_%zu=%s:%u", i + 1,
                 lab->machines[i].address, LAB_PORT_STAFF);
    }
    for (size_t i = 0; i < count; i++) {
        env[i] = lines[i];
    }
    snprintf(config, sizeof(config), "%s/ops/haproxy/haproxy.cfg", lab->root);
    snprintf(log, sizeof(log), "%s/balancer-%s.log", lab->dir,
             lab->plan.regions[region]);
    struct sh_command command = {
        .argv = {"haproxy", "-db", "-f", config}, .net = -1, .log = log, .env = env};
    lab->balancers[region].pid = sh_spawn(&command);
    return lab->balancers[region].pid > 0;
}

bool lab_balancers_start(struct lab *lab) {
    for (size_t i = 0; i < lab->plan.regions_count && !lab->attached; i++) {
        if (lab->balancers[i].pid == 0 && !balancer_start(lab, i)) {
            snprintf(lab->why, sizeof(lab->why), "haproxy cannot be started");
            return false;
        }
    }
    return true;
}

void lab_balancer_kill(struct lab *lab, unsigned region) {
    pid_t *pid = &lab->balancers[region].pid;
    if (*pid > 0) {
        kill(*pid, SIGKILL);
        waitpid(*pid, NULL, 0);
        *pid = 0;
    }
}

/* Until `id` is ready; false: lab->why. */
static bool await_ready(struct lab *lab, unsigned id) {
    struct machine *machine = lab_machine(lab, id);
    for (uint64_t end = now_ms() + READY_S * 1000; now_ms() < end;) {
        struct lab_status status;
        if (lab_status(lab, id, &status) && status.ready) {
            return true;
        }
        if (sh_ended(machine->pid, NULL)) {
            machine->pid = 0;
            snprintf(lab->why, sizeof(lab->why), "node %u ended; look at %.400s", id,
                     machine->log);
            return false;
        }
        poll(NULL, 0, 100);
    }
    snprintf(lab->why, sizeof(lab->why), "node %u is not ready after %d s; look at %.400s",
             id, READY_S, machine->log);
    return false;
}

static bool join(struct lab *lab, struct machine *machine) {
    char id[8], address[32];
    struct buf out;
    const char *add[] = {"node", "add", id, address,
                         lab->plan.regions[machine->region], NULL};

    snprintf(id, sizeof(id), "%u", machine->id);
    snprintf(address, sizeof(address), "%s:%u", machine->address, LAB_PORT_PEER);
    if (!lab_start(machine, "--join")) {
        return false;
    }
    buf_init(&out, SH_OUTPUT_MAX);
    int code = lab_tasuki(lab, add, READY_S, &out);
    if (code != 0) {
        snprintf(lab->why, sizeof(lab->why), "tasuki node add %s: exit %d: %.*s", id,
                 code, (int)(out.len < 300 ? out.len : 300), (const char *)out.data);
    }
    buf_free(&out);
    return code == 0 && await_ready(lab, machine->id);
}

static bool nodes_up(struct lab *lab) {
    for (size_t i = 0; i < lab->count; i++) {
        if (!lab->machines[i].standby && !lab->machines[i].spare &&
            !lab_start(&lab->machines[i], "--bootstrap")) {
            snprintf(lab->why, sizeof(lab->why), "%.400s/tasukid cannot be started",
                     lab->bin);
            return false;
        }
    }
    for (size_t i = 0; i < lab->count; i++) {
        if (!lab->machines[i].standby && !lab->machines[i].spare &&
            !await_ready(lab, lab->machines[i].id))
            return false;
    }
    for (size_t i = 0; i < lab->count; i++) {
        if (lab->machines[i].standby && !join(lab, &lab->machines[i]))
            return false;
    }
    return true;
}

static void prepare(struct lab *lab) {
    const struct lab_plan *plan = &lab->plan;
    lab->count = plan->nodes_count;
    for (size_t i = 0; i < lab->count; i++) {
        struct machine *machine = &lab->machines[i];
        unsigned id = (unsigned)i + 1;
        *machine = (struct machine){.lab = lab, .ops = &lab_machine_ops, .id = id};
        machine->net = -1;
        machine->region = plan->nodes[i].region;
        machine->standby = plan->nodes[i].standby;
        machine->spare = machine->held = plan->nodes[i].spare;
        snprintf(machine->address, sizeof(machine->address), "10.77.%u.%u",
                 machine->region + 1, 10 + id);
        snprintf(machine->http, sizeof(machine->http), "%s:%u", machine->address,
                 LAB_PORT);
        snprintf(machine->operators, sizeof(machine->operators), "%s:%u",
                 machine->address, LAB_PORT_OPERATOR);
        snprintf(machine->disk, LAB_PATH, "%.400s/node-%u", lab->dir, id);
        snprintf(machine->data, LAB_PATH, "%.400s/node-%u/data", lab->dir, id);
        snprintf(machine->conf, LAB_PATH, "%.400s/node-%u.conf", lab->dir, id);
        snprintf(machine->log, LAB_PATH, "%.400s/node-%u.log", lab->dir, id);
        snprintf(machine->clock, LAB_PATH, "%.400s/node-%u.clock", lab->dir, id);
        FILE *clock = fopen(machine->clock, "w");
        if (clock != NULL) {
            fputs("+0\n", clock);
            fclose(clock);
        }
    }
}

enum err lab_open(struct lab *lab, const struct lab_plan *plan, const char *dir,
                  const char *bin, const char *root) {
    *lab = (struct lab){.plan = *plan};
    snprintf(lab->dir, LAB_PATH, "%s", dir);
    snprintf(lab->bin, LAB_PATH, "%s", bin);
    snprintf(lab->root, LAB_PATH, "%s", root);
    snprintf(lab->pki, LAB_PATH, "%.400s/pki", dir);
    snprintf(lab->env, LAB_PATH, "%.400s/lab.env", dir);
    snprintf(lab->host, sizeof(lab->host), LAB_HOST);
    snprintf(lab->base, sizeof(lab->base), "https://" LAB_HOST);
    lab->port = LAB_PORT;
    prepare(lab);
    enum err err = lab_net_open(lab);
    for (size_t i = 0; i < lab->count && err == OK; i++) {
        err = lab_disk_open(&lab->machines[i]);
    }
    if (err == OK) {
        err = lab_config_write(lab);
    }
    if (err == OK && (!lab_mail_start(lab) || !nodes_up(lab))) {
        err = ERR_IO;
    }
    if (err == OK && !lab_balancers_start(lab)) {
        err = ERR_IO;
    }
    return err;
}

static void end(pid_t *pid) {
    if (*pid > 0 && !sh_wait(*pid, STOP_MS, NULL)) {
        kill(*pid, SIGKILL);
        waitpid(*pid, NULL, 0);
    }
    *pid = 0;
}

void lab_close(struct lab *lab) {
    if (lab->attached) {
        return;
    }
    for (size_t i = 0; i < lab->count; i++) {
        if (lab->machines[i].pid > 0) {
            lab->machines[i].held = true;
            /* The verdict stands: nobody waits for them to drain. */
            lab->machines[i].ops->signal(&lab->machines[i], SIGKILL);
        }
    }
    for (size_t i = 0; i < lab->plan.regions_count; i++) {
        if (lab->balancers[i].pid > 0) {
            kill(lab->balancers[i].pid, SIGTERM);
        }
    }
    for (size_t i = 0; i < lab->count; i++) {
        end(&lab->machines[i].pid);
    }
    if (lab->mail > 0) {
        kill(lab->mail, SIGTERM);
        end(&lab->mail);
    }
    for (size_t i = 0; i < lab->plan.regions_count; i++) {
        end(&lab->balancers[i].pid);
    }
    lab_net_close(lab);
    for (size_t i = 0; i < lab->count; i++) {
        lab_disk_close(&lab->machines[i]);
    }
}
