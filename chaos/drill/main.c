/* tasuki-chaos: drills on real processes (chaos/drill/drill.h). */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include <curl/curl.h>

#include "chaos/drill/drill.h"
#include "chaos/drill/probe.h"
#include "chaos/drill/report.h"

#define LOCK_FILE "/run/lock/tasuki-chaos"

static void usage(FILE *to) {
    fprintf(to,
            "usage: tasuki-chaos run FILE [--seed S] [--dir DIR] [--environment ENV]\n"
            "                             [--bin DIR] [--root DIR] [--json]\n"
            "                             [--hosts FILE]\n"
            "       tasuki-chaos check FILE...\n"
            "       tasuki-chaos functions\n"
            "\n"
            "run        makes a cluster of real nodes on this machine (network\n"
            "           namespaces, a bridge, disks in files), puts load on it, hurts it\n"
            "           as FILE says, and judges whether its promises held. Progress goes\n"
            "           to standard error; DIR gets report.html, report.json and\n"
            "           history.jsonl (tasuki-check reads it again). Needs root.\n"
            "check      reads experiments, and says what is wrong with them\n"
            "functions  the probes and actions that experiments may name\n"
            "\n"
            "  --seed S           of what the load draws (default: the time)\n"
            "  --dir DIR          default ./drill-NAME; an earlier drill's is emptied\n"
            "  --environment ENV  needed to run an experiment whose lab is neither demo\n"
            "                     nor verification; must be its name\n"
            "  --bin DIR          tasukid and tasuki (default: beside this program)\n"
            "  --root DIR         the source tree, for ops/pki and ops/haproxy\n"
            "  --hosts FILE       a cluster that stands already, reached by ssh, instead of\n"
            "                     one in namespaces: ops/docs/drills.md\n"
            "  --json             the report as JSON on standard output\n"
            "  --help             this text\n"
            "\n"
            "Exit 0: passed; 1: an invariant is broken; 2: an objective was missed;\n"
            "3: aborted; 4: not begun, the cluster was degraded; 64: usage; 65: FILE;\n"
            "69: this machine lacks what the drill needs; 75: another drill runs.\n");
}

struct options {
    const char *dir, *environment, *bin, *root, *hosts;
    uint64_t seed;
    bool json;
};

static void on_signal(int number) {
    (void)number;
    drill_interrupt();
}

static int functions(void) {
    const char *text, *name;
    printf("probes:\n");
    for (size_t i = 0; (name = probe_help(i, &text)) != NULL; i++) {
        printf("  %-15s %s\n", name, text);
    }
    printf("\nactions:\n");
    for (size_t i = 0; (name = fault_help(i, &text)) != NULL; i++) {
        printf("  %-15s %s\n", name, text);
    }
    return EX_OK;
}

static int check(char **files) {
    static struct experiment experiment;
    int code = EX_OK;
    for (; *files != NULL; files++) {
        char why[256];
        if (experiment_load(*files, &experiment, why) != OK) {
            fprintf(stderr, "tasuki-chaos: %s: %s\n", *files, why);
            code = EX_DATAERR;
        } else {
            printf("%s: %s\n", *files, experiment.title);
        }
    }
    return code;
}

/* One drill a machine: two would fight for it, and measure each other. */
static int lock(void) {
    int file = open(LOCK_FILE, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (file >= 0 && flock(file, LOCK_EX | LOCK_NB) != 0) {
        close(file);
        return -1;
    }
    return file >= 0 ? file : -2;
}

static bool tool_missing(const char *name) {
    struct sh_command command = {.argv = {"sh", "-c", "command -v \"$0\"", name},
                                 .net = -1};
    return sh_run(&command, 5, NULL) != 0;
}

/* Namespaces of our own: nothing of the drill reaches the machine, or outlives it. */
static bool apart(void) {
    static const char *const tools[] = {"ip",       "nft",       "iptables", "unshare",
                                        "mkfs.ext4", "fsfreeze", "truncate", "fallocate",
                                        "strace",   "haproxy",   "openssl",  "mount"};
    setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
    for (size_t i = 0; i < sizeof(tools) / sizeof(tools[0]); i++) {
        if (tool_missing(tools[i])) {
            fprintf(stderr, "tasuki-chaos: %s is missing. Run: ops/install chaos\n",
                    tools[i]);
            return false;
        }
    }
    if (unshare(CLONE_NEWNET | CLONE_NEWNS) != 0 ||
        mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0) {
        fprintf(stderr,
                "tasuki-chaos: no namespaces here (%s). Drills need root, and a machine "
                "or container that may make network and mount namespaces.\n",
                strerror(errno));
        return false;
    }
    return true;
}

static bool prepare_dir(struct drill *drill, const char *given, const char *file) {
    char name[128] = "drill", path[PATH_MAX];
    const char *slash = strrchr(file, '/');
    struct sh_command empty = {
        .argv = {"find", path, "-mindepth", "1", "-delete"}, .net = -1};

    snprintf(name, sizeof(name), "drill-%.100s", slash != NULL ? slash + 1 : file);
    name[strcspn(name, ".")] = '\0';
    const char *dir = given != NULL ? given : name;
    if (mkdir(dir, 0700) != 0 && errno != EEXIST) {
        fprintf(stderr, "tasuki-chaos: %s: %s\n", dir, strerror(errno));
        return false;
    }
    char mark[PATH_MAX + 16];
    if (realpath(dir, path) == NULL || strlen(path) > 300) {
        fprintf(stderr, "tasuki-chaos: %s: no usable path\n", dir);
        return false;
    }
    snprintf(mark, sizeof(mark), "%s/.tasuki-chaos", path);
    bool ours = access(mark, F_OK) == 0;
    if (ours && sh_run(&empty, 60, NULL) != 0) {
        fprintf(stderr, "tasuki-chaos: %s cannot be emptied\n", path);
        return false;
    }
    /* rmdir tells whether it was empty. */
    if (!ours && rmdir(path) != 0) {
        fprintf(stderr, "tasuki-chaos: %s is not empty and no drill's: give another "
                        "--dir\n", path);
        return false;
    }
    mkdir(path, 0700);
    snprintf(drill->dir, sizeof(drill->dir), "%.500s", path);
    FILE *made = fopen(mark, "w");
    return made != NULL && fclose(made) == 0;
}

static bool places(struct drill *drill, const struct options *options) {
    char self[PATH_MAX] = "", path[PATH_MAX];
    ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);
    char *bin = NULL, *root = NULL;

    self[len > 0 ? len : 0] = '\0';
    /* BUILD/chaos/drill/tasuki-chaos, and BUILD is ROOT/build/KIND. */
    for (int i = 0; i < 3 && strrchr(self, '/') != NULL; i++) {
        *strrchr(self, '/') = '\0';
    }
    bin = realpath(options->bin != NULL ? options->bin : self, NULL);
    snprintf(path, sizeof(path), "%.4000s/../..", self);
    root = realpath(options->root != NULL ? options->root : path, NULL);
    if (bin != NULL && root != NULL) {
        snprintf(drill->bin, sizeof(drill->bin), "%.500s", bin);
        snprintf(drill->root, sizeof(drill->root), "%.500s", root);
    }
    free(bin);
    free(root);
    snprintf(path, sizeof(path), "%s/tasukid", drill->bin);
    bool built = access(path, X_OK) == 0;
    snprintf(path, sizeof(path), "%s/ops/pki", drill->root);
    if (!built || access(path, X_OK) != 0) {
        fprintf(stderr, "tasuki-chaos: no tasukid in '%s', or no ops/pki in '%s': give "
                        "--bin and --root\n", drill->bin, drill->root);
        return false;
    }
    return true;
}

static int finish(struct drill *drill, const struct options *options) {
    static const int codes[] = {EX_OK, 2, 1, 3, 4};
    char json[LAB_PATH + 32], html[LAB_PATH + 32];
    snprintf(json, sizeof(json), "%s/report.json", drill->dir);
    snprintf(html, sizeof(html), "%s/report.html", drill->dir);
    if (report_json(drill, json) != OK || report_html(drill, html) != OK) {
        fprintf(stderr, "tasuki-chaos: the report cannot be written in %s\n", drill->dir);
        return EX_IOERR;
    }
    if (options->json) {
        const char *argv[] = {"cat", json, NULL};
        struct sh_command command = {.net = -1};
        struct buf out;
        buf_init(&out, 16 * 1024 * 1024);
        memcpy(command.argv, argv, sizeof(argv));
        sh_run(&command, 10, &out);
        fwrite(out.data, 1, out.len, stdout);
        buf_free(&out);
    } else {
        printf("%s: %s\nreport: %s\n", drill->experiment->title,
               drill_verdict_name(drill->verdict), html);
    }
    return codes[drill->verdict];
}

/* Does the experiment fit the hosts? What it asks of a lab they are as they are. */
static bool fits(const struct experiment *e, const char *file) {
    for (size_t i = 0; i < e->method_count + e->rollbacks_count; i++) {
        const struct experiment_action *action =
            i < e->method_count ? &e->method[i] : &e->rollbacks[i - e->method_count];
        if (!fault_on_hosts(action->func)) {
            fprintf(stderr,
                    "tasuki-chaos: %s: line %u: %s is not made on hosts, only in a lab "
                    "(leave --hosts out)\n",
                    file, action->line, action->func);
            return false;
        }
    }
    if (e->workers + e->reviewers > 0 || e->rate[LOAD_INTAKE] > 0) {
        fprintf(stderr, "tasuki-chaos: %s: workers, reviewers and intake are for a lab "
                        "(leave --hosts out)\n", file);
        return false;
    }
    return true;
}

/* EX_OK, or what is wrong has been said. */
static int load_files(const char *file, const struct options *options,
                      struct experiment *experiment, struct drill *drill) {
    char why[256];
    if (experiment_load(file, experiment, why) != OK) {
        fprintf(stderr, "tasuki-chaos: %s: %s\n", file, why);
        return EX_DATAERR;
    }
    if (options->hosts == NULL) {
        return EX_OK;
    }
    if (lab_hosts_load(&drill->lab, options->hosts) != OK) {
        fprintf(stderr, "tasuki-chaos: %s: %s\n", options->hosts, drill->lab.why);
        return EX_DATAERR;
    }
    experiment->lab = drill->lab.plan;
    return fits(experiment, file) ? EX_OK : EX_DATAERR;
}

static int run(const char *file, const struct options *options) {
    static struct experiment experiment;
    static struct drill drill;
    int code = load_files(file, options, &experiment, &drill);

    if (code != EX_OK) {
        return code;
    }
    const char *environment = experiment.lab.environment;
    if (strcmp(environment, "demo") != 0 && strcmp(environment, "verification") != 0 &&
        (options->environment == NULL || strcmp(options->environment, environment) != 0)) {
        fprintf(stderr, "tasuki-chaos: the environment of this drill is %s: say so with "
                        "--environment %s, if that is what you mean\n",
                environment, environment);
        return EX_USAGE;
    }
    drill.experiment = &experiment;
    drill.seed = options->seed;
    drill.quiet = false;
    snprintf(drill.file, sizeof(drill.file), "%s", file);
    if (!places(&drill, options)) {
        return EX_UNAVAILABLE;
    }
    int held = lock();
    if (held == -1) {
        fprintf(stderr, "tasuki-chaos: another drill runs on this machine (%s is "
                        "locked): wait for its end\n", LOCK_FILE);
        return EX_TEMPFAIL;
    }
    if ((options->hosts == NULL && !apart()) || !prepare_dir(&drill, options->dir, file)) {
        return EX_UNAVAILABLE;
    }
    curl_global_init(CURL_GLOBAL_DEFAULT);
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
    drill_run(&drill);
    code = finish(&drill, options);
    drill_free(&drill);
    curl_global_cleanup();
    return code;
}

int main(int argc, char **argv) {
    static const struct option longs[] = {{"seed", required_argument, NULL, 's'},
                                          {"dir", required_argument, NULL, 'd'},
                                          {"environment", required_argument, NULL, 'e'},
                                          {"bin", required_argument, NULL, 'b'},
                                          {"root", required_argument, NULL, 'r'},
                                          {"hosts", required_argument, NULL, 'o'},
                                          {"json", no_argument, NULL, 'j'},
                                          {"help", no_argument, NULL, 'h'},
                                          {0}};
    struct options options = {.seed = (uint64_t)time(NULL)};
    int c;
    while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
        switch (c) {
        case 's': options.seed = strtoull(optarg, NULL, 10); break;
        case 'd': options.dir = optarg; break;
        case 'e': options.environment = optarg; break;
        case 'b': options.bin = optarg; break;
        case 'r': options.root = optarg; break;
        case 'o': options.hosts = optarg; break;
        case 'j': options.json = true; break;
        case 'h': usage(stdout); return EX_OK;
        default: fprintf(stderr, "Try: tasuki-chaos --help\n"); return EX_USAGE;
        }
    }
    const char *verb = optind < argc ? argv[optind] : "";
    if (strcmp(verb, "functions") == 0 && optind + 1 == argc) {
        return functions();
    }
    if (strcmp(verb, "check") == 0 && optind + 1 < argc) {
        return check(argv + optind + 1);
    }
    if (strcmp(verb, "run") == 0 && optind + 2 == argc) {
        return run(argv[optind + 1], &options);
    }
    usage(stderr);
    return EX_USAGE;
}
