#include "ocr-worker/cmd_run.h"

#include <curl/curl.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "ocr-worker/lease.h"
#include "store/base/log.h"

static volatile sig_atomic_t stopping;

static void stop(int signal) {
    (void)signal;
    stopping = 1;
}

static bool parse(int argc, char **argv, const char **config, bool *once) {
    static const struct option longs[] = {{"config", required_argument, NULL, 'c'},
                                          {"once", no_argument, NULL, 'o'},
                                          {NULL, 0, NULL, 0}};
    int c;

    while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
        if (c == 'c')
            *config = optarg;
        else if (c == 'o')
            *once = true;
        else
            return false;
    }
    return *config != NULL && optind == argc;
}

static bool say_so(void *arg, int out) {
    (void)arg;
    return sandbox_write(out, span_of("1", 1));
}

/* A worker that cannot shut a child in would send every application to a person. */
static bool can_shut_in(const struct lease_config *config) {
    struct buf said;
    bool good;

    buf_init(&said, 16);
    good = sandbox_run(say_so, NULL, &config->limits, &said) == SANDBOX_DONE &&
           said.len == 1;
    buf_free(&said);
    if (!good)
        fprintf(stderr, "tasuki-ocr: the child that reads scans cannot be shut in: a "
                        "system call of the sandbox is refused here (seccomp, "
                        "close_range, setrlimit)\n");
    return good;
}

static int run(const struct lease_config *config, bool once) {
    struct sigaction action = {.sa_handler = stop};
    struct lease_counts counts;
    struct notify notify;
    struct engine *engine;
    enum err err = notify_open(&notify);

    if (err != OK) {
        fprintf(stderr, "tasuki-ocr: NOTIFY_SOCKET: %s\n", err_str(err));
        return 1;
    }
    err = engine_open(NULL, &engine);
    if (err != OK) {
        notify_close(&notify);
        fprintf(stderr, "tasuki-ocr: %s\n",
                err == ERR_NOT_FOUND
                    ? "too few Japanese fonts are installed; run: ops/install demo"
                    : err_str(err));
        return 1;
    }
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    log_init(LOG_INFO, 0);
    log_event(LOG_INFO, "ocr.ready", log_u64("nodes", config->node_count), log_end());
    notify_tell(&notify, "READY=1");
    curl_global_init(CURL_GLOBAL_DEFAULT);
    err = lease_run(engine, config, once, &notify, &stopping, &counts);
    notify_tell(&notify, "STOPPING=1");
    notify_close(&notify);
    curl_global_cleanup();
    engine_close(engine);
    printf("read %lu, too late %lu, failed %lu\n", counts.read, counts.late, counts.failed);
    if (err != OK)
        fprintf(stderr, "tasuki-ocr: %s\n",
                err == ERR_IO ? "no node answered; are nodes, ca, cert and key right?"
                              : "the cluster refuses this worker's certificate");
    return err == OK ? 0 : 1;
}

int cmd_run(int argc, char **argv, const char *help) {
    struct lease_config config;
    const char *path = NULL;
    bool once = false;
    int code;

    if (!parse(argc, argv, &path, &once)) {
        fputs(help, stderr);
        return 2;
    }
    if (!lease_config_load(path, &config))
        return 2;
    code = can_shut_in(&config) ? run(&config, once) : 1;
    lease_config_free(&config);
    return code;
}
