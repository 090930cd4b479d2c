/* lab_machine: machines that are namespaces of this one (lab.h). */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "chaos/drill/lab.h"

#define FAKETIME "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1"

static bool start(struct machine *machine, const char *option) {
    struct lab *lab = machine->lab;
    char program[LAB_PATH + 16], clock[LAB_PATH + 32];
    const char *env[8] = {NULL};
    struct sh_command command = {
        .argv = {program, "--config", machine->conf, option},
        .net = machine->net,
        .log = machine->log,
        .env = env,
    };

    snprintf(program, sizeof(program), "%s/tasukid", lab->bin);
    if (lab->plan.clocks) {
        snprintf(clock, sizeof(clock), "FAKETIME_TIMESTAMP_FILE=%s", machine->clock);
        env[0] = "LD_PRELOAD=" FAKETIME;
        env[1] = clock;
        env[2] = "FAKETIME_NO_CACHE=1";
        env[3] = "FAKETIME_DONT_FAKE_MONOTONIC=1";
        env[4] = "DONT_FAKE_MONOTONIC=1";
        /* A sanitized build wants to be first. */
        env[5] = "ASAN_OPTIONS=verify_asan_link_order=0:detect_leaks=0";
    }
    pid_t pid = sh_spawn(&command);
    if (pid < 0) {
        return false;
    }
    machine->pid = pid;
    return true;
}

static bool send_signal(struct machine *machine, int number) {
    return machine->pid > 0 && kill(machine->pid, number) == 0;
}

static int run(struct machine *machine, const char *const argv[], unsigned seconds,
               struct buf *out) {
    struct sh_command command = {.net = machine->net};
    for (size_t i = 0; argv[i] != NULL && i + 1 < SH_ARGS_MAX; i++) {
        command.argv[i] = argv[i];
    }
    return sh_run(&command, seconds, out);
}

const struct machine_ops lab_machine_ops = {start, send_signal, run, NULL};
