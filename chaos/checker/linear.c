#include "chaos/checker/linear.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chaos/checker/quick.h"

/* Operations that the text of a broken object shows. */
#define SHOWN_MAX 16
/* Bytes of one search's memory; half as much again while it grows. */
#define MEMORY_BYTES_MAX (512u * 1024 * 1024)

/* --- one object's operations, in the order of their calls --- */

struct object {
    const struct history_op **op;
    size_t count;
};

/* A call or a return, in the order of time. */
struct event {
    uint64_t at_us;
    bool is_return;
    uint32_t op;
    struct event *next, *prev;
    struct event *match; /* a call's return; NULL: no answer */
};

/* A configuration that led nowhere: what was done, and the state. */
struct memory {
    uint64_t *bits; /* cap * words */
    struct history_state *state;
    bool *used;
    size_t cap, count, words;
};

struct search {
    const struct object *object;
    struct event *event; /* 2 * count + 1; [0] is the list's head */
    uint64_t *done;      /* bitset */
    struct frame {
        struct event *call;
        struct history_state before;
        bool forced; /* no other order needs to be tried in its place */
    } * stack;
    size_t depth, returns_left;
    struct history_state state;
    struct memory memory;
    uint64_t steps;
    bool failed; /* out of memory, or given up */
};

/* --- memory --- */

static uint64_t hash_of(const uint64_t *bits, size_t words,
                        struct history_state state) {
    uint64_t hash = UINT64_C(1469598103934665603);
    for (size_t i = 0; i < words + 2; i++) {
        uint64_t word = i < words ? bits[i] : i == words ? state.value : state.ended;
        hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
        hash ^= hash >> 29;
    }
    return hash;
}

static bool memory_init(struct memory *memory, size_t words, size_t cap) {
    *memory = (struct memory){.cap = cap, .words = words};
    memory->bits = malloc(cap * words * sizeof(uint64_t));
    memory->state = malloc(cap * sizeof(*memory->state));
    memory->used = calloc(cap, sizeof(*memory->used));
    return memory->bits != NULL && memory->state != NULL && memory->used != NULL;
}

static void memory_free(struct memory *memory) {
    free(memory->bits);
    free(memory->state);
    free(memory->used);
}

/* True: it was not there. */
static bool memory_put(struct memory *memory, const uint64_t *bits,
                       struct history_state state) {
    size_t at = hash_of(bits, memory->words, state) & (memory->cap - 1);
    while (memory->used[at]) {
        if (memory->state[at].value == state.value &&
            memory->state[at].ended == state.ended &&
            memcmp(memory->bits + at * memory->words, bits,
                   memory->words * sizeof(*bits)) == 0) {
            return false;
        }
        at = (at + 1) & (memory->cap - 1);
    }
    memory->used[at] = true;
    memory->state[at] = state;
    memcpy(memory->bits + at * memory->words, bits, memory->words * sizeof(*bits));
    memory->count++;
    return true;
}

static bool memory_grow(struct memory *memory) {
    struct memory grown;
    size_t entry = memory->words * sizeof(uint64_t) + sizeof(*memory->state) + 1;
    if (2 * memory->cap * entry > MEMORY_BYTES_MAX) {
        return false;
    }
    if (!memory_init(&grown, memory->words, 2 * memory->cap)) {
        memory_free(&grown);
        return false;
    }
    for (size_t i = 0; i < memory->cap; i++) {
        if (memory->used[i]) {
            (void)memory_put(&grown, memory->bits + i * memory->words,
                             memory->state[i]);
        }
    }
    memory_free(memory);
    *memory = grown;
    return true;
}

/* --- the search --- */

static const struct history_op *op_of(const struct search *search,
                                      const struct event *event) {
    return search->object->op[event->op];
}

static void take_out(struct event *event) {
    event->prev->next = event->next;
    if (event->next != NULL) {
        event->next->prev = event->prev;
    }
}

static void put_back(struct event *event) {
    event->prev->next = event;
    if (event->next != NULL) {
        event->next->prev = event;
    }
}

static void lift(struct search *search, struct event *call) {
    take_out(call);
    if (call->match != NULL) {
        take_out(call->match);
        search->returns_left--;
    }
    search->done[call->op / 64] |= UINT64_C(1) << (call->op % 64);
}

static void unlift(struct search *search, struct event *call) {
    if (call->match != NULL) {
        put_back(call->match);
        search->returns_left++;
    }
    put_back(call);
    search->done[call->op / 64] &= ~(UINT64_C(1) << (call->op % 64));
}

static uint64_t returned(const struct search *search, const struct event *call) {
    return call->match == NULL ? HISTORY_UNKNOWN : op_of(search, call)->return_us;
}

/* Of several that could be next and do the same, the one that must be done first is
 * enough: in any order that has another one here, the two can change places. */
static bool another_goes_first(struct search *search, const struct event *call,
                               uint64_t result) {
    const struct history_op *op = op_of(search, call);
    uint64_t return_us = returned(search, call);
    bool earlier = true; /* in the list */
    for (const struct event *e = search->event[0].next; !e->is_return; e = e->next) {
        const struct history_op *other = op_of(search, e);
        uint64_t other_us = returned(search, e);
        search->steps++;
        if (e == call) {
            earlier = false;
        } else if (other->kind == op->kind && other->argument == op->argument &&
                   other->second == op->second &&
                   (other_us < return_us || (other_us == return_us && earlier)) &&
                   (e->match == NULL || other->result == result)) {
            return true;
        }
    }
    return false;
}

/* An operation that explains its answer and leaves the state as it is may be done at
 * once: wherever an order has it, it changes nothing there either. That does not hold
 * for a write, which may change the state in another place. */
static bool is_forced(const struct search *search, const struct event *call) {
    const struct history_op *op = op_of(search, call);
    struct history_state after = search->state;
    return call->match != NULL && op->kind != HISTORY_WRITE &&
           op->kind != HISTORY_RESET && history_apply(op, &after) == op->result &&
           after.value == search->state.value && after.ended == search->state.ended;
}

/* Where to begin in a new configuration. */
static struct event *first_call(struct search *search) {
    for (struct event *e = search->event[0].next; e != NULL && !e->is_return;
         e = e->next) {
        search->steps++;
        if (is_forced(search, e)) {
            return e;
        }
    }
    return search->event[0].next;
}

enum move { MOVE_DONE, MOVE_PASSED, MOVE_DEAD };

/* Try the operation next. MOVE_PASSED: it cannot be, or need not be tried;
 * MOVE_DEAD: neither need any other. */
static enum move try_next(struct search *search, struct event *call) {
    const struct history_op *op = op_of(search, call);
    struct frame frame = {call, search->state, is_forced(search, call)};
    struct history_state after = search->state;
    uint64_t result = history_apply(op, &after);
    bool idle =
        after.value == search->state.value && after.ended == search->state.ended;
    if (call->match != NULL ? result != op->result : idle) {
        return MOVE_PASSED; /* another answer; or nothing that would be missed */
    }
    if (!frame.forced && another_goes_first(search, call, result)) {
        return MOVE_PASSED;
    }
    lift(search, call);
    if (!memory_put(&search->memory, search->done, after)) {
        unlift(search, call);
        return frame.forced ? MOVE_DEAD : MOVE_PASSED;
    }
    if (search->memory.count * 2 > search->memory.cap &&
        !memory_grow(&search->memory)) {
        search->failed = true;
    }
    search->stack[search->depth++] = frame;
    search->state = after;
    return MOVE_DONE;
}

/* Undo up to the last choice. Returns the call to try in its place, NULL: there was
 * no choice. */
static struct event *go_back(struct search *search) {
    while (search->depth > 0) {
        struct frame *frame = &search->stack[--search->depth];
        unlift(search, frame->call);
        search->state = frame->before;
        if (!frame->forced) {
            return frame->call->next;
        }
    }
    return NULL;
}

static bool run(struct search *search) {
    struct event *at = first_call(search);
    while (search->returns_left > 0 && !search->failed) {
        /* A return: what is before it and has not been done cannot be next. */
        enum move move = at->is_return ? MOVE_DEAD : try_next(search, at);
        if (++search->steps > LINEAR_STEPS_MAX) {
            search->failed = true;
        } else if (move == MOVE_DEAD) {
            at = go_back(search);
        } else {
            at = move == MOVE_DONE ? first_call(search) : at->next;
        }
        if (at == NULL && search->returns_left > 0) {
            return false;
        }
    }
    return !search->failed;
}

static int by_time(const void *a, const void *b) {
    const struct event *x = a, *y = b;
    if (x->at_us != y->at_us) {
        return x->at_us < y->at_us ? -1 : 1;
    }
    if (x->is_return != y->is_return) {
        return x->is_return ? 1 : -1; /* at one moment: they overlap */
    }
    return x->op < y->op ? -1 : x->op > y->op;
}

/* Events up to `until_us`; what returns later has not answered yet. */
static size_t lay_out(struct search *search, uint64_t until_us) {
    size_t count = 0;
    for (size_t i = 0; i < search->object->count; i++) {
        const struct history_op *op = search->object->op[i];
        if (op->call_us > until_us) {
            continue;
        }
        search->event[1 + count++] =
            (struct event){.at_us = op->call_us, .op = (uint32_t)i};
        if (op->return_us <= until_us && op->return_us != HISTORY_UNKNOWN) {
            search->event[1 + count++] = (struct event){
                .at_us = op->return_us, .is_return = true, .op = (uint32_t)i};
            search->returns_left++;
        }
    }
    qsort(search->event + 1, count, sizeof(*search->event), by_time);
    return count;
}

static bool connect(struct search *search, size_t count) {
    struct event **call = calloc(search->object->count + 1, sizeof(struct event *));
    if (call == NULL) {
        return false;
    }
    for (size_t i = 1; i <= count; i++) {
        struct event *event = &search->event[i];
        event->prev = &search->event[i - 1];
        search->event[i - 1].next = event;
        if (!event->is_return) {
            call[event->op] = event;
        } else {
            call[event->op]->match = event;
        }
    }
    free(call);
    return true;
}

static enum history_verdict check_until(const struct object *object, uint64_t until_us,
                                        uint64_t *steps) {
    size_t words = object->count / 64 + 1;
    struct search search = {.object = object};
    enum history_verdict verdict = HISTORY_UNDECIDED;
    if (quick_broken(object->op, object->count, until_us)) {
        return HISTORY_BROKEN;
    }
    if (object->count > LINEAR_OPS_MAX) {
        return HISTORY_UNDECIDED;
    }
    search.event = calloc(2 * object->count + 1, sizeof(*search.event));
    search.done = calloc(words, sizeof(*search.done));
    search.stack = calloc(object->count + 1, sizeof(*search.stack));
    bool ready = memory_init(&search.memory, words, 1024) && search.event != NULL &&
                 search.done != NULL && search.stack != NULL;
    if (ready && connect(&search, lay_out(&search, until_us))) {
        search.state = history_initial(object->op[0]->model);
        bool linear = run(&search);
        verdict = linear          ? HISTORY_LINEAR
                  : search.failed ? HISTORY_UNDECIDED
                                  : HISTORY_BROKEN;
    }
    *steps += search.steps;
    memory_free(&search.memory);
    free(search.event);
    free(search.done);
    free(search.stack);
    return verdict;
}

/* --- telling --- */

static int by_return(const void *a, const void *b) {
    const struct history_op *x = *(const struct history_op *const *)a;
    const struct history_op *y = *(const struct history_op *const *)b;
    return x->return_us < y->return_us ? -1 : x->return_us > y->return_us;
}

/* The earliest return after which the history is broken. */
static uint64_t breaking_point(const struct object *object, uint64_t *steps) {
    const struct history_op **order = malloc(object->count * sizeof(*order));
    size_t low = 0, high = 0;
    if (order == NULL) {
        return HISTORY_UNKNOWN - 1;
    }
    memcpy(order, object->op, object->count * sizeof(*order));
    qsort(order, object->count, sizeof(*order), by_return);
    while (high < object->count && order[high]->return_us != HISTORY_UNKNOWN) {
        high++;
    }
    high = high == 0 ? 0 : high - 1;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (check_until(object, order[middle]->return_us, steps) == HISTORY_BROKEN) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    uint64_t at_us = order[low]->return_us;
    free(order);
    return at_us;
}

static int describe_op(const struct history_op *op, uint64_t until_us, char *out,
                       size_t max) {
    char answer[40] = "?", second[24] = "";
    if (op->return_us <= until_us && op->return_us != HISTORY_UNKNOWN) {
        snprintf(answer, sizeof(answer), "%llu at %.6f s",
                 (unsigned long long)op->result, (double)op->return_us / 1e6);
    }
    if (op->kind == HISTORY_CAS || op->second != 0) {
        snprintf(second, sizeof(second), " %llu", (unsigned long long)op->second);
    }
    return snprintf(out, max, "\n  %.6f s  process %u  %s %llu%s -> %s",
                    (double)op->call_us / 1e6, op->process, history_kind_name(op->kind),
                    (unsigned long long)op->argument, second, answer);
}

static void tell_broken(const struct object *object, struct linear_report *report) {
    uint64_t until_us = breaking_point(object, &report->steps);
    char text[4096];
    size_t at = 0, shown = 0, skip = 0;
    for (size_t i = 0; i < object->count; i++) {
        shown += object->op[i]->call_us <= until_us ? 1 : 0;
    }
    skip = shown > SHOWN_MAX ? shown - SHOWN_MAX : 0;
    at += (size_t)snprintf(text, sizeof(text),
                           "no order explains what was answered up to %.6f s; the last "
                           "of %zu operations:",
                           (double)until_us / 1e6, shown);
    for (size_t i = 0; i < object->count && at < sizeof(text); i++) {
        if (object->op[i]->call_us > until_us) {
            continue;
        }
        if (skip > 0) {
            skip--;
            continue;
        }
        at +=
            (size_t)describe_op(object->op[i], until_us, text + at, sizeof(text) - at);
    }
    report->object(report->arg, HISTORY_BROKEN, object->op[0]->model,
                   object->op[0]->key, text);
}

/* --- objects --- */

static int by_object(const void *a, const void *b) {
    const struct history_op *x = *(const struct history_op *const *)a;
    const struct history_op *y = *(const struct history_op *const *)b;
    if (x->model != y->model) {
        return x->model < y->model ? -1 : 1;
    }
    if (x->key != y->key) {
        return x->key < y->key ? -1 : 1;
    }
    if (x->call_us != y->call_us) {
        return x->call_us < y->call_us ? -1 : 1;
    }
    return x < y ? -1 : x > y;
}

/* Does an operation depend on the register's having this value? One that answered
 * with a failed comparison depends on its having another than its own. */
static bool value_mattered(const struct object *object, uint64_t value) {
    for (size_t i = 0; i < object->count; i++) {
        const struct history_op *op = object->op[i];
        bool answered = op->return_us != HISTORY_UNKNOWN;
        bool reads = op->kind == HISTORY_READ && answered && op->result == value;
        bool compares = op->kind == HISTORY_CAS &&
                        (op->argument == value || (answered && op->result == 0));
        if (reads || compares) {
            return true;
        }
    }
    return false;
}

/* Without answer, and any order that has it explains as much without it. */
static bool can_be_left_out(const struct object *object, const struct history_op *op) {
    if (op->return_us != HISTORY_UNKNOWN) {
        return false;
    }
    switch (op->kind) {
    case HISTORY_READ:
    case HISTORY_CONTAINS:
        return true;
    case HISTORY_WRITE:
        return !value_mattered(object, op->argument);
    case HISTORY_CAS:
        return !value_mattered(object, op->second);
    default:
        return false;
    }
}

static void leave_out_unseen(struct object *object) {
    size_t kept = 0;
    for (size_t i = 0; i < object->count; i++) {
        if (!can_be_left_out(object, object->op[i])) {
            object->op[kept++] = object->op[i];
        }
    }
    object->count = kept;
}

static enum history_verdict check_object(struct object *object,
                                         struct linear_report *report) {
    if (object->count <= LINEAR_OPS_MAX) {
        leave_out_unseen(object);
    }
    if (object->count == 0) {
        return HISTORY_LINEAR;
    }
    enum history_verdict verdict =
        check_until(object, HISTORY_UNKNOWN - 1, &report->steps);
    report->broken += verdict == HISTORY_BROKEN ? 1 : 0;
    report->undecided += verdict == HISTORY_UNDECIDED ? 1 : 0;
    if (report->object != NULL && verdict == HISTORY_BROKEN) {
        tell_broken(object, report);
    } else if (report->object != NULL && verdict == HISTORY_UNDECIDED) {
        report->object(report->arg, verdict, object->op[0]->model, object->op[0]->key,
                       "too many operations or possible orders: given up");
    }
    return verdict;
}

enum history_verdict linear_check(const struct history *history,
                                  struct linear_report *report) {
    enum history_verdict worst = HISTORY_LINEAR;
    const struct history_op **order = malloc((history->count + 1) * sizeof(*order));
    size_t count = 0;
    report->objects = report->operations = report->unknown = 0;
    report->broken = report->undecided = 0;
    report->steps = 0;
    if (order == NULL) {
        return HISTORY_UNDECIDED;
    }
    for (size_t i = 0; i < history->count; i++) {
        const struct history_op *op = &history->op[i];
        if (history_kind_of(op->model, op->kind)) {
            order[count++] = op;
            report->unknown += op->return_us == HISTORY_UNKNOWN ? 1 : 0;
        }
    }
    report->operations = count;
    qsort(order, count, sizeof(*order), by_object);
    for (size_t from = 0, to; from < count; from = to) {
        for (to = from; to < count && order[to]->model == order[from]->model &&
                        order[to]->key == order[from]->key;
             to++) {
        }
        struct object object = {order + from, to - from};
        enum history_verdict verdict = check_object(&object, report);
        report->objects++;
        worst = verdict > worst ? verdict : worst;
    }
    free(order);
    return worst;
}
