#include "ocr-worker/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define END_MS 1000 /* from the last byte to the end of the process */

#if defined(__SANITIZE_ADDRESS__)
#define UNDER_ASAN 1 /* its shadow takes terabytes of address space */
#else
#define UNDER_ASAN 0
#endif

/* ---- the child */

static bool limit(int resource, rlim_t value) {
    struct rlimit r = {value, value};

    return setrlimit((__rlimit_resource_t)resource, &r) == 0;
}

static size_t mapped_bytes(void) {
    unsigned long pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");

    if (f == NULL)
        return 0;
    if (fscanf(f, "%lu", &pages) != 1)
        pages = 0;
    fclose(f);
    return (size_t)pages * (size_t)sysconf(_SC_PAGESIZE);
}

static bool set_limits(const struct sandbox_limits *l) {
    size_t mapped = mapped_bytes();

    if (!UNDER_ASAN && l->memory_mb > 0 &&
        (mapped == 0 || !limit(RLIMIT_AS, mapped + (rlim_t)l->memory_mb * 1024 * 1024)))
        return false;
    return limit(RLIMIT_CPU, l->cpu_s) && limit(RLIMIT_CORE, 0) &&
           limit(RLIMIT_FSIZE, 0) && limit(RLIMIT_NPROC, 0);
}

/* Memory, time, the way out, and writing to the one pipe. Opening or looking at files
 * fails as if there were none (libraries look for configuration); all else kills. */
static bool allow_calls(int out) {
    static const int calls[] = {
        SCMP_SYS(brk),         SCMP_SYS(mmap),          SCMP_SYS(munmap),
        SCMP_SYS(mremap),      SCMP_SYS(mprotect),      SCMP_SYS(madvise),
        SCMP_SYS(futex),       SCMP_SYS(clock_gettime), SCMP_SYS(gettimeofday),
        SCMP_SYS(exit_group),  SCMP_SYS(exit),          SCMP_SYS(rt_sigreturn),
        SCMP_SYS(sched_yield), SCMP_SYS(getrandom),     SCMP_SYS(rt_sigprocmask),
        SCMP_SYS(rt_sigaction), SCMP_SYS(sigaltstack),  SCMP_SYS(getpid),
        SCMP_SYS(gettid),      SCMP_SYS(sysinfo),       SCMP_SYS(sched_getaffinity),
        SCMP_SYS(close),
    };
    static const int absent[] = {
        SCMP_SYS(open), SCMP_SYS(openat),     SCMP_SYS(stat),     SCMP_SYS(newfstatat),
        SCMP_SYS(statx), SCMP_SYS(access),    SCMP_SYS(faccessat), SCMP_SYS(readlink),
        SCMP_SYS(readlinkat), SCMP_SYS(faccessat2),
    };
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
    bool good = filter != NULL;

    for (size_t i = 0; good && i < sizeof calls / sizeof *calls; i++)
        good = seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 0) == 0;
    for (size_t i = 0; good && i < sizeof absent / sizeof *absent; i++)
        good = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOENT), absent[i], 0) == 0;
    good = good &&
           seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(write), 1,
                            SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)out)) == 0 &&
           /* What a library has to say about a broken image goes nowhere. */
           seccomp_rule_add(filter, SCMP_ACT_ERRNO(EBADF), SCMP_SYS(write), 1,
                            SCMP_A0(SCMP_CMP_EQ, 2)) == 0 &&
           seccomp_load(filter) == 0;
    if (filter != NULL)
        seccomp_release(filter);
    return good;
}

bool sandbox_enter(int out, const struct sandbox_limits *l) {
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || !set_limits(l))
        return false;
    if (out != 3 && dup2(out, 3) != 3)
        return false;
    if (close_range(0, 2, 0) != 0 || close_range(4, ~0u, 0) != 0)
        return false;
    return allow_calls(3);
}

bool sandbox_write(int fd, struct span bytes) {
    while (bytes.len > 0) {
        ssize_t n = write(fd, bytes.data, bytes.len);

        if (n <= 0)
            return false;
        bytes = span_of(bytes.data + n, bytes.len - (size_t)n);
    }
    return true;
}

_Noreturn static void child(bool (*work)(void *arg, int out), void *arg,
                            const struct sandbox_limits *limits, int out) {
    /* A worker that is gone must not leave readers behind. */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (!sandbox_enter(out, limits))
        _exit(2);
    _exit(work(arg, 3) ? 0 : 3);
}

/* ---- the parent */

static uint64_t now_ms(void) {
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* Until the end of the stream or the deadline. False: the deadline passed. */
static bool collect(int fd, uint64_t deadline, struct buf *buf) {
    for (;;) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        uint64_t now = now_ms();
        uint8_t part[4096];
        ssize_t n;

        if (now >= deadline)
            return false;
        if (poll(&p, 1, (int)(deadline - now)) < 0 && errno != EINTR)
            return true;
        if ((p.revents & (POLLIN | POLLHUP | POLLERR)) == 0)
            continue;
        n = read(fd, part, sizeof part);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return true;
        buf_put(buf, part, (size_t)n);
        if (buf_err(buf) != OK)
            return true;
    }
}

/* The status of a child that has nothing more to say. What it closes it may close long
 * before it ends, or never end: it has a moment, then it is killed. */
static int end_of(pid_t pid, bool in_time) {
    int status = 0, fd = in_time ? pidfd_open(pid, 0) : -1;
    struct pollfd p = {.fd = fd, .events = POLLIN};
    uint64_t deadline = now_ms() + END_MS, now = 0;

    while (fd >= 0 && (now = now_ms()) < deadline &&
           poll(&p, 1, (int)(deadline - now)) < 0 && errno == EINTR)
        ;
    if (fd >= 0)
        close(fd);
    kill(pid, SIGKILL); /* one that has ended keeps its status */
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return status;
}

static bool ran_out(int status) {
    return WIFSIGNALED(status) &&
           (WTERMSIG(status) == SIGXCPU || WTERMSIG(status) == SIGKILL);
}

enum sandbox_end sandbox_run(bool (*work)(void *arg, int out), void *arg,
                             const struct sandbox_limits *limits, struct buf *buf) {
    uint64_t started = now_ms();
    bool in_time;
    int pipes[2], status;
    pid_t pid;

    if (pipe2(pipes, O_CLOEXEC) != 0)
        return SANDBOX_NONE;
    pid = fork();
    if (pid == 0)
        child(work, arg, limits, pipes[1]);
    close(pipes[1]);
    if (pid < 0) {
        close(pipes[0]);
        return SANDBOX_NONE;
    }
    buf_reset(buf);
    in_time = collect(pipes[0], started + limits->wall_ms, buf);
    close(pipes[0]);
    status = end_of(pid, in_time);
    if (!in_time || ran_out(status))
        return SANDBOX_LATE;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 && buf_err(buf) == OK
               ? SANDBOX_DONE
               : SANDBOX_DIED;
}

/* ---- an application */

struct reading_task {
    struct engine *engine;
    const struct job_record *record;
    const struct span *files;
    size_t count;
};

static bool read_task(void *arg, int out) {
    static struct ocr_evidence evidence;
    const struct reading_task *task = arg;
    struct buf bytes;

    engine_read(task->engine, task->record, task->files, task->count, &evidence);
    buf_init(&bytes, EVIDENCE_WIRE_MAX);
    return evidence_encode(&evidence, &bytes) == OK && sandbox_write(out, buf_span(&bytes));
}

static void conclude(uint64_t reason, uint64_t started, struct ocr_evidence *ret) {
    *ret = (struct ocr_evidence){.verdict = OCR_REVIEW,
                                 .reasons = reason,
                                 .elapsed_ms = (uint32_t)(now_ms() - started)};
}

void sandbox_read(struct engine *engine, const struct job_record *record,
                  const struct span *files, size_t count,
                  const struct sandbox_limits *limits, struct buf *buf,
                  struct ocr_evidence *ret) {
    struct reading_task task = {engine, record, files, count};
    uint64_t started = now_ms();
    enum sandbox_end end;

    engine_prepare(engine, record);
    end = sandbox_run(read_task, &task, limits, buf);
    if (end == SANDBOX_LATE)
        conclude(OCR_REASON(OCR_READER_TIMEOUT), started, ret);
    else if (end != SANDBOX_DONE || evidence_decode(buf_span(buf), ret) != OK)
        conclude(OCR_REASON(OCR_READER_DIED), started, ret);
    else
        ret->elapsed_ms = (uint32_t)(now_ms() - started);
}
