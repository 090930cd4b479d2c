/* replay_main: runs one fuzz target over its corpus without libFuzzer.
 *
 *   replay_<name> [--mutations N] [--seconds S] PATH...
 *
 * A PATH is a file, or a folder whose files are taken in the order of their names.
 * Each file is run as it is, and then N mutations of it (cut short, bits flipped,
 * bytes and lengths replaced, parts removed, doubled or taken from another file).
 * They follow from a fixed seed and the file's bytes, so that a failure comes
 * again. After S seconds no further mutation is begun; every file is still run as it
 * is. An input that kills the target is written to crash-<pid> first, which is
 * itself a PATH. No input at all is an error. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define FILES_MAX 10000
#define FILE_BYTES_MAX (4u * 1024 * 1024)
#define GROWTH_MAX 4096u
#define SEED UINT64_C(0x7461737569)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
__attribute__((weak)) int LLVMFuzzerInitialize(int *argc, char ***argv);
__attribute__((weak)) void __sanitizer_set_death_callback(void (*callback)(void));

struct input {
    char *name;
    uint8_t *data;
    size_t len;
};

static struct input *inputs;
static size_t inputs_count;

/* What is being run, for the crash handler. */
static const uint8_t *now_data;
static size_t now_len;
static const char *now_name;
static char crash_path[32];

static _Noreturn void fail(const char *what, const char *name) {
    fprintf(stderr, "replay: %s: %s%s%s\n", name, what, errno ? ": " : "",
            errno ? strerror(errno) : "");
    exit(2);
}

static void say(const char *text) {
    ssize_t ignored = write(2, text, strlen(text));
    (void)ignored; /* nothing else can be done while dying */
}

/* Async-signal-safe. */
static void save_crash(void) {
    if (now_data == NULL && now_len == 0) {
        return;
    }
    int fd = open(crash_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd >= 0 && write(fd, now_data, now_len) == (ssize_t)now_len) {
        say("replay: died on an input made from ");
        say(now_name);
        say("; it is kept in ");
        say(crash_path);
        say("\n");
    }
    now_len = 0;
    now_data = NULL;
}

static void on_signal(int sig) {
    save_crash();
    signal(sig, SIG_DFL);
    raise(sig);
}

static void read_file(const char *path) {
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) != 0) {
        fail("cannot be read", path);
    }
    errno = 0;
    if (inputs_count == FILES_MAX || st.st_size > FILE_BYTES_MAX) {
        fail("too many files, or too large a one", path);
    }
    struct input *input = &inputs[inputs_count++];
    input->name = strdup(path);
    input->len = (size_t)st.st_size;
    input->data = malloc(input->len + 1);
    if (input->name == NULL || input->data == NULL) {
        fail("no memory", path);
    }
    if (read(fd, input->data, input->len) != (ssize_t)input->len) {
        fail("cannot be read whole", path);
    }
    close(fd);
}

static int visible(const struct dirent *entry) {
    return entry->d_name[0] != '.';
}

static void read_path(const char *path) {
    struct stat st;
    struct dirent **names;
    if (stat(path, &st) != 0) {
        fail("not there", path);
    }
    if (!S_ISDIR(st.st_mode)) {
        read_file(path);
        return;
    }
    int count = scandir(path, &names, visible, alphasort);
    if (count < 0) {
        fail("cannot be listed", path);
    }
    for (int i = 0; i < count; i++) {
        char full[4096];
        int len = snprintf(full, sizeof(full), "%s/%s", path, names[i]->d_name);
        if (len < 0 || (size_t)len >= sizeof(full)) {
            fail("name too long", path);
        }
        read_file(full);
        free(names[i]);
    }
    free(names);
}

/* splitmix64. */
static uint64_t draw(uint64_t *state) {
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static size_t below(uint64_t *state, size_t limit) {
    return limit == 0 ? 0 : (size_t)(draw(state) % limit);
}

static uint64_t hash_of(const struct input *input) {
    uint64_t h = UINT64_C(0xcbf29ce484222325) ^ SEED;
    for (size_t i = 0; i < input->len; i++) {
        h = (h ^ input->data[i]) * UINT64_C(0x100000001b3);
    }
    return h;
}

static void set_bytes(uint64_t *state, uint8_t *data, size_t len) {
    static const uint64_t edges[] = {0,       1,          0x7f,       0x80,
                                     0xff,    0x100,      0x7fff,     0xffff,
                                     0x10000, 0x7fffffff, 0xffffffff, UINT64_MAX};
    uint64_t value = edges[below(state, sizeof(edges) / sizeof(edges[0]))];
    size_t width = (size_t)1 << below(state, 4);
    size_t at = below(state, len);
    for (size_t i = 0; i < width && at + i < len; i++) {
        data[at + i] = (uint8_t)(value >> (8 * i));
    }
}

/* One change in place; returns the new length. `cap` is data's size. */
static size_t mutate(uint64_t *state, uint8_t *data, size_t len, size_t cap) {
    static const char marks[] = "\0\n\r\t &=%+;,:.\"\\{}[]-_/\xff\xc0\x80";
    size_t at = below(state, len);
    size_t run = 1 + below(state, len - at > 64 ? 64 : len - at);
    const struct input *other = &inputs[below(state, inputs_count)];
    switch (len == 0 ? 6 : below(state, 8)) {
    case 0:
        return at;
    case 1:
        data[at] ^= (uint8_t)(1u << below(state, 8));
        return len;
    case 2:
        data[at] = (uint8_t)draw(state);
        return len;
    case 3:
        data[at] = (uint8_t)marks[below(state, sizeof(marks) - 1)];
        return len;
    case 4:
        set_bytes(state, data, len);
        return len;
    case 5:
        run = run > len - at ? len - at : run;
        memmove(data + at, data + at + run, len - at - run);
        return len - run;
    case 6: /* the rest from another file */
        run = other->len > cap - at ? cap - at : other->len;
        memcpy(data + at, other->data, run);
        return at + run;
    default: /* a part doubled */
        run = run > len - at ? len - at : run;
        run = run > cap - len ? cap - len : run;
        memmove(data + at + run, data + at, len - at);
        return len + run;
    }
}

/* A copy of exactly its size, so that AddressSanitizer sees a read past it. */
static void run(const char *name, const uint8_t *data, size_t len) {
    uint8_t *copy = malloc(len > 0 ? len : 1);
    if (copy == NULL) {
        fail("no memory", name);
    }
    memcpy(copy, data, len);
    now_name = name;
    now_data = copy;
    now_len = len;
    if (LLVMFuzzerTestOneInput(len > 0 ? copy : copy + 1, len) != 0) {
        errno = 0;
        fail("the target did not return 0", name);
    }
    now_data = NULL;
    now_len = 0;
    free(copy);
}

static uint64_t now_ms(void) {
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

/* The `round`-th mutation of every file. */
static void mutate_all(uint64_t round) {
    for (size_t i = 0; i < inputs_count; i++) {
        const struct input *input = &inputs[i];
        size_t cap = input->len + GROWTH_MAX;
        uint64_t state = hash_of(input) + round * UINT64_C(0x2545f4914f6cdd1d);
        uint8_t *data = malloc(cap);
        if (data == NULL) {
            fail("no memory", input->name);
        }
        memcpy(data, input->data, input->len);
        size_t len = input->len;
        for (size_t steps = 1 + below(&state, 4); steps > 0; steps--) {
            len = mutate(&state, data, len, cap);
        }
        run(input->name, data, len);
        free(data);
    }
}

static uint64_t number(const char *text) {
    char *end;
    errno = 0;
    unsigned long value = text == NULL ? 0 : strtoul(text, &end, 10);
    if (text == NULL || end == text || *end != '\0' || errno != 0) {
        fail("a number is expected", text == NULL ? "end of line" : text);
    }
    return value;
}

static void catch_deaths(void) {
    static const int fatal[] = {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL};
    snprintf(crash_path, sizeof(crash_path), "crash-%ld", (long)getpid());
    if (__sanitizer_set_death_callback != NULL) {
        __sanitizer_set_death_callback(save_crash);
    }
    for (size_t i = 0; i < sizeof(fatal) / sizeof(fatal[0]); i++) {
        signal(fatal[i], on_signal);
    }
}

int main(int argc, char **argv) {
    uint64_t mutations = 2000;
    uint64_t limit_ms = 5000;
    inputs = calloc(FILES_MAX, sizeof(*inputs));
    if (inputs == NULL) {
        fail("no memory", argv[0]);
    }
    if (LLVMFuzzerInitialize != NULL) {
        LLVMFuzzerInitialize(&argc, &argv);
    }
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--mutations") == 0) {
            mutations = number(argv[++i]);
        } else if (strcmp(argv[i], "--seconds") == 0) {
            limit_ms = 1000 * number(argv[++i]);
        } else {
            read_path(argv[i]);
        }
    }
    errno = 0;
    if (inputs_count == 0) {
        fail("no input: name a corpus that is not empty", argv[0]);
    }
    catch_deaths();
    for (size_t i = 0; i < inputs_count; i++) {
        run(inputs[i].name, inputs[i].data, inputs[i].len);
    }
    uint64_t start_ms = now_ms();
    uint64_t round = 0;
    while (round < mutations && now_ms() - start_ms < limit_ms) {
        mutate_all(round++);
    }
    printf("%zu inputs, %" PRIu64 " of %" PRIu64 " mutations of each\n", inputs_count,
           round, mutations);
    for (size_t i = 0; i < inputs_count; i++) {
        free(inputs[i].name);
        free(inputs[i].data);
    }
    free(inputs);
    return 0;
}
