#include "server/outbound_breaker.h"

enum breaker_state breaker_state(const struct breaker *breaker, uint64_t now_ms) {
    if (breaker->until_ms == 0)
        return BREAKER_CLOSED;
    return now_ms < breaker->until_ms ? BREAKER_OPEN : BREAKER_HALF_OPEN;
}

bool breaker_admits(const struct breaker *breaker, uint64_t now_ms) {
    switch (breaker_state(breaker, now_ms)) {
    case BREAKER_CLOSED:
        return true;
    case BREAKER_HALF_OPEN:
        return !breaker->probing;
    case BREAKER_OPEN:
        break;
    }
    return false;
}

void breaker_begin(struct breaker *breaker, uint64_t now_ms) {
    if (breaker_state(breaker, now_ms) == BREAKER_HALF_OPEN)
        breaker->probing = true;
}

static void open_it(struct breaker *breaker, uint64_t now_ms) {
    uint64_t pause = breaker->pause_ms == 0 ? BREAKER_PAUSE_MS : 2 * breaker->pause_ms;

    breaker->pause_ms = pause < BREAKER_PAUSE_MAX_MS ? pause : BREAKER_PAUSE_MAX_MS;
    breaker->until_ms = now_ms + breaker->pause_ms;
    breaker->probing = false;
}

void breaker_end(struct breaker *breaker, bool good, uint64_t now_ms) {
    if (good) {
        *breaker = (struct breaker){0};
        return;
    }
    switch (breaker_state(breaker, now_ms)) {
    case BREAKER_CLOSED:
        if (++breaker->failures >= BREAKER_FAILURES)
            open_it(breaker, now_ms);
        break;
    case BREAKER_HALF_OPEN:
        /* Also a call of before: it can only be late. */
        if (breaker->probing)
            open_it(breaker, now_ms);
        break;
    case BREAKER_OPEN:
        break;
    }
}

void breaker_cancel(struct breaker *breaker) {
    breaker->probing = false;
}
