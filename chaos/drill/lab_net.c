/* lab_net: the bridge, a namespace and a link for each machine, delays (lab.h). */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "chaos/drill/lab.h"

#define NETWORK "10.77.0.0/16"
#define BRIDGE "tasuki0"

/* One command as words between single spaces. */
__attribute__((format(printf, 3, 4))) static bool net_do(struct lab *lab, int net,
                                                         const char *format, ...) {
    char line[512];
    struct sh_command command = {.net = net};
    struct buf out;
    va_list args;
    size_t count = 0;

    va_start(args, format);
    vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    snprintf(lab->why, sizeof(lab->why), "%s", line);
    for (char *word = line; word != NULL && count + 1 < SH_ARGS_MAX;) {
        char *space = strchr(word, ' ');
        command.argv[count++] = word;
        word = space != NULL ? space + 1 : NULL;
        if (space != NULL) {
            *space = '\0';
        }
    }
    buf_init(&out, SH_OUTPUT_MAX);
    int code = sh_run(&command, 10, &out);
    if (code != 0) {
        size_t used = strlen(lab->why);
        snprintf(lab->why + used, sizeof(lab->why) - used, ": exit %d: %.*s", code,
                 (int)(out.len < 200 ? out.len : 200), (const char *)out.data);
    }
    buf_free(&out);
    return code == 0;
}

/* The hooks of the bridge see what machines send each other (passing) and what they
 * exchange with the drill's own addresses. One set says which pairs are cut. */
static bool cut_table(struct lab *lab) {
    static const char *const chains[] = {"passing forward", "arriving input",
                                         "leaving output"};
    if (!net_do(lab, -1, "nft add table bridge chaos") ||
        !net_do(lab, -1, "nft add set bridge chaos cut { type ipv4_addr . ipv4_addr ; }"))
        return false;
    for (size_t i = 0; i < 3; i++) {
        char name[16] = "";
        const char *hook = strchr(chains[i], ' ');
        memcpy(name, chains[i], (size_t)(hook - chains[i]));
        if (!net_do(lab, -1,
                    "nft add chain bridge chaos %s { type filter hook%s priority 0 ; }",
                    name, hook) ||
            !net_do(lab, -1,
                    "nft add rule bridge chaos %s ip saddr . ip daddr @cut drop", name))
            return false;
    }
    return true;
}

/* A process that does nothing keeps the namespace. */
static bool hold(struct machine *machine) {
    struct sh_command command = {.argv = {"unshare", "-n", "sleep", "infinity"},
                                 .net = -1};
    struct stat own, its;
    char path[64];

    machine->holder = sh_spawn(&command);
    if (machine->holder < 0 || stat("/proc/self/ns/net", &own) != 0) {
        return false;
    }
    snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)machine->holder);
    for (int i = 0; i < 500; i++) {
        if (stat(path, &its) == 0 && its.st_ino != own.st_ino) {
            machine->net = open(path, O_RDONLY | O_CLOEXEC);
            return machine->net >= 0;
        }
        poll(NULL, 0, 10);
    }
    return false;
}

static bool link_up(struct machine *machine) {
    struct lab *lab = machine->lab;
    unsigned id = machine->id;
    if (!hold(machine)) {
        snprintf(lab->why, sizeof(lab->why), "no network namespace for node %u", id);
        return false;
    }
    return net_do(lab, -1, "ip link add node%u type veth peer name eth0 netns %d", id,
                  (int)machine->holder) &&
           net_do(lab, -1, "ip link set node%u master " BRIDGE " up", id) &&
           net_do(lab, machine->net, "ip link set lo up") &&
           net_do(lab, machine->net, "ip addr add %s/16 dev eth0", machine->address) &&
           net_do(lab, machine->net, "ip link set eth0 up");
}

/* A process that holds what `queue` of the machine has; `region` 0: from everybody. */
static pid_t delayer(struct machine *machine, const char *queue, unsigned region,
                     const struct lab_way *way) {
    char program[LAB_PATH + 32], place[16], ms[16], jitter[16], loss[16], seed[16];
    struct sh_command command = {
        .argv = {program, "--queue", queue, "--region", place, "--delay-ms", ms,
                 "--jitter-ms", jitter, "--loss-percent", loss, "--seed", seed},
        .net = machine->net,
        .log = machine->log,
    };

    snprintf(program, sizeof(program), "%s/chaos/drill/tasuki-delayer", machine->lab->bin);
    snprintf(place, sizeof(place), "%u", region);
    snprintf(ms, sizeof(ms), "%u", way->delay_ms);
    snprintf(jitter, sizeof(jitter), "%u", way->jitter_ms);
    snprintf(loss, sizeof(loss), "%u", way->loss_percent);
    snprintf(seed, sizeof(seed), "%u", machine->id);
    return sh_spawn(&command);
}

static void delayer_end(pid_t *pid) {
    if (*pid > 0) {
        kill(*pid, SIGKILL);
        waitpid(*pid, NULL, 0);
    }
    *pid = 0;
}

static bool delay(struct machine *machine) {
    struct lab *lab = machine->lab;
    pid_t *pid = &lab->delayers[machine->id - 1];

    *pid = delayer(machine, "0", machine->region + 1, &lab->plan.way);
    return *pid > 0 && net_do(lab, machine->net,
                              "iptables -A INPUT -s " NETWORK
                              " -j NFQUEUE --queue-num 0 --queue-bypass");
}

/* The rule stands before the one of the ways between regions, and is what the fault is:
 * the process ends with the drill, or when the next fault of its kind takes its place. */
static void slow_words(const struct machine *machine, const char *verb,
                       struct lab_words *ret) {
    const char *const words[] = {"nsenter", ret->text[0], "iptables",    verb,
                                 "INPUT",   "-s",         NETWORK,       "-j",
                                 "NFQUEUE", "--queue-num", "1",           "--queue-bypass",
                                 NULL};

    snprintf(ret->text[0], sizeof(ret->text[0]), "--net=/proc/%d/ns/net",
             (int)machine->holder);
    memcpy(ret->at, words, sizeof(words));
}

bool lab_net_slow(struct machine *machine, const struct lab_way *way,
                  struct lab_words *ret_make, struct lab_words *ret_heal) {
    struct lab *lab = machine->lab;
    pid_t *pid = &lab->slowed[machine->id - 1];

    delayer_end(pid);
    *pid = delayer(machine, "1", 0, way);
    if (*pid <= 0) {
        *pid = 0;
        snprintf(lab->why, sizeof(lab->why), "no tasuki-delayer for node %u", machine->id);
        return false;
    }
    slow_words(machine, "-I", ret_make);
    slow_words(machine, "-D", ret_heal);
    return true;
}

enum err lab_net_open(struct lab *lab) {
    const struct lab_plan *plan = &lab->plan;

    if (!net_do(lab, -1, "ip link set lo up") ||
        !net_do(lab, -1, "ip link add " BRIDGE " type bridge") ||
        !net_do(lab, -1, "ip link set " BRIDGE " up") ||
        !net_do(lab, -1, "ip addr add 10.77.0.1/16 dev " BRIDGE) ||
        !net_do(lab, -1, "ip addr add " LAB_MAIL_ADDRESS "/16 dev " BRIDGE) ||
        !cut_table(lab)) {
        return ERR_IO;
    }
    for (size_t i = 0; i < plan->regions_count; i++) {
        snprintf(lab->balancers[i].address, sizeof(lab->balancers[i].address),
                 "10.77.0.%zu", 11 + i);
        if (!net_do(lab, -1, "ip addr add %s/16 dev " BRIDGE, lab->balancers[i].address))
            return ERR_IO;
    }
    for (size_t i = 0; i < lab->count; i++) {
        struct machine *machine = &lab->machines[i];
        bool slow = plan->way.delay_ms > 0 || plan->way.loss_percent > 0;
        if (!link_up(machine) || (slow && !delay(machine)))
            return ERR_IO;
    }
    return OK;
}

void lab_net_close(struct lab *lab) {
    for (size_t i = 0; i < lab->count; i++) {
        struct machine *machine = &lab->machines[i];
        delayer_end(&lab->delayers[i]);
        delayer_end(&lab->slowed[i]);
        if (machine->holder > 0) {
            kill(machine->holder, SIGKILL);
            waitpid(machine->holder, NULL, 0);
        }
        if (machine->net >= 0) {
            close(machine->net);
        }
    }
}
