/* port: the system's clock and randomness. */
#include "store/base/port.h"

#include <errno.h>
#include <sys/random.h>
#include <time.h>

#include "store/base/check.h"

static uint64_t clock_read(clockid_t id) {
    struct timespec now;
    CHECK(clock_gettime(id, &now) == 0);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static uint64_t system_mono_ms(void *impl) {
    (void)impl;
    return clock_read(CLOCK_MONOTONIC);
}

static uint64_t system_wall_ms(void *impl) {
    (void)impl;
    return clock_read(CLOCK_REALTIME);
}

static void system_fill(void *impl, void *out, size_t len) {
    uint8_t *at = out;
    (void)impl;
    while (len > 0) {
        ssize_t got = getrandom(at, len, 0);
        if (got < 0) {
            /* A process without randomness must not go on. */
            CHECK(errno == EINTR);
            continue;
        }
        at += got;
        len -= (size_t)got;
    }
}

const struct port_clock port_system_clock = {system_mono_ms, system_wall_ms, NULL};
const struct port_random port_system_random = {system_fill, NULL};
