#include "chaos/sim/sim_loop.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/base/check.h"

void sim_loop_init(struct sim_loop *loop) {
    *loop = (struct sim_loop){.next_order = 1, .trace = UINT64_C(1469598103934665603)};
}

void sim_loop_close(struct sim_loop *loop) {
    for (size_t i = 0; i < loop->count; i++) {
        free(loop->heap[i].arg);
    }
    free(loop->heap);
    loop->heap = NULL;
    loop->count = 0;
}

void sim_trace(struct sim_loop *loop, uint64_t value) {
    loop->trace = (loop->trace ^ value) * UINT64_C(1099511628211);
    loop->trace ^= loop->trace >> 32;
}

void sim_trace_bytes(struct sim_loop *loop, const void *data, size_t len) {
    const uint8_t *at = data;
    sim_trace(loop, len);
    while (len > 0) {
        uint64_t word = 0;
        size_t part = len < sizeof(word) ? len : sizeof(word);
        memcpy(&word, at, part);
        sim_trace(loop, word);
        at += part;
        len -= part;
    }
}

static bool before(const struct sim_event *a, const struct sim_event *b) {
    return a->at_us != b->at_us ? a->at_us < b->at_us : a->order < b->order;
}

static void push(struct sim_loop *loop, struct sim_event event) {
    if (loop->count == loop->cap) {
        loop->cap = loop->cap == 0 ? 256 : 2 * loop->cap;
        loop->heap = realloc(loop->heap, loop->cap * sizeof(*loop->heap));
        CHECK(loop->heap != NULL);
    }
    size_t at = loop->count++;
    while (at > 0 && before(&event, &loop->heap[(at - 1) / 2])) {
        loop->heap[at] = loop->heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    loop->heap[at] = event;
}

static struct sim_event pop(struct sim_loop *loop) {
    struct sim_event first = loop->heap[0];
    struct sim_event last = loop->heap[--loop->count];
    size_t at = 0;
    for (;;) {
        size_t child = 2 * at + 1;
        if (child + 1 < loop->count &&
            before(&loop->heap[child + 1], &loop->heap[child])) {
            child++;
        }
        if (child >= loop->count || !before(&loop->heap[child], &last)) {
            break;
        }
        loop->heap[at] = loop->heap[child];
        at = child;
    }
    loop->heap[at] = last;
    return first;
}

void sim_after(struct sim_loop *loop, uint64_t delay_us, unsigned owner,
               const char *what, sim_fn run, void *arg) {
    CHECK(owner < SIM_OWNERS);
    if (owner != 0 && !sim_lives(loop, owner)) {
        free(arg);
        return;
    }
    push(loop, (struct sim_event){.at_us = loop->now_us + delay_us,
                                  .order = loop->next_order++,
                                  .owner = owner,
                                  .life = loop->life[owner],
                                  .what = what,
                                  .run = run,
                                  .arg = arg});
}

static void note(struct sim_loop *loop, const struct sim_event *event) {
    loop->events++;
    sim_trace(loop, loop->now_us);
    sim_trace(loop, event->owner);
    sim_trace_bytes(loop, event->what, strlen(event->what));
    if (loop->print) {
        fprintf(stderr, "%10.3f ms  %2u  %s\n", (double)loop->now_us / 1000.0,
                event->owner, event->what);
    }
}

bool sim_loop_step(struct sim_loop *loop, struct sim *sim, uint64_t until_us) {
    while (loop->count > 0 && loop->heap[0].at_us <= until_us) {
        struct sim_event event = pop(loop);
        CHECK(event.at_us >= loop->now_us);
        if (event.owner != 0 && event.life != loop->life[event.owner]) {
            free(event.arg);
            continue;
        }
        uint64_t paused = loop->paused_until_us[event.owner];
        if (event.owner != 0 && paused > event.at_us) {
            event.at_us = paused; /* with its order: what came first runs first */
            push(loop, event);
            continue;
        }
        loop->now_us = event.at_us;
        note(loop, &event);
        if (event.owner != 0 && loop->enter != NULL) {
            loop->enter(sim, &event);
        } else {
            event.run(sim, event.owner, event.arg);
        }
        free(event.arg);
        return true;
    }
    loop->now_us = until_us > loop->now_us ? until_us : loop->now_us;
    return false;
}

void sim_life_begin(struct sim_loop *loop, unsigned owner) {
    CHECK(owner > 0 && owner < SIM_OWNERS && loop->life[owner] == 0);
    loop->life[owner] = ++loop->lives[owner];
    loop->paused_until_us[owner] = 0;
}

void sim_life_end(struct sim_loop *loop, unsigned owner) {
    loop->life[owner] = 0;
    loop->paused_until_us[owner] = 0;
}

bool sim_lives(const struct sim_loop *loop, unsigned owner) {
    return loop->life[owner] != 0;
}

void sim_life_pause(struct sim_loop *loop, unsigned owner, uint64_t us) {
    loop->paused_until_us[owner] = loop->now_us + us;
}
