#include "chaos/checker/quick.h"

#include <stdlib.h>

/* What was called and answered by one kind of operation. */
struct tally {
    size_t open;           /* no answer: may have happened */
    size_t yes, no, else_; /* answered 1, 0, another number */
};

struct seen {
    struct tally of[HISTORY_KINDS];
    uint64_t bound_max; /* of all increments called */
    uint64_t read_max;
    uint64_t refused_us; /* the first return of a rotation's refusal */
    uint64_t granted_us; /* the last call of a rotation that was granted */
    bool wrong_successor;
};

static void see_answer(const struct history_op *op, struct seen *seen) {
    struct tally *tally = &seen->of[op->kind];
    tally->yes += op->result == 1 ? 1 : 0;
    tally->no += op->result == 0 ? 1 : 0;
    tally->else_ += op->result > 1 ? 1 : 0;
    if (op->kind == HISTORY_READ && op->result > seen->read_max) {
        seen->read_max = op->result;
    }
    if (op->kind != HISTORY_ROTATE) {
        return;
    }
    if (op->result == 0 && op->return_us < seen->refused_us) {
        seen->refused_us = op->return_us;
    } else if (op->result != 0 && op->call_us > seen->granted_us) {
        seen->granted_us = op->call_us;
    }
    seen->wrong_successor =
        seen->wrong_successor || (op->result != 0 && op->result != op->argument + 1);
}

static struct seen look(const struct history_op *const *op, size_t count,
                        uint64_t until_us) {
    struct seen seen = {.refused_us = HISTORY_UNKNOWN};
    for (size_t i = 0; i < count; i++) {
        if (op[i]->call_us > until_us) {
            continue;
        }
        if (op[i]->kind == HISTORY_INCREMENT && op[i]->argument > seen.bound_max) {
            seen.bound_max = op[i]->argument;
        }
        if (op[i]->return_us == HISTORY_UNKNOWN || op[i]->return_us > until_us) {
            seen.of[op[i]->kind].open++;
        } else {
            see_answer(op[i], &seen);
        }
    }
    return seen;
}

static size_t may_have(const struct tally *tally) {
    return tally->yes + tally->open;
}

static bool set_broken(const struct seen *seen) {
    const struct tally *add = &seen->of[HISTORY_ADD];
    const struct tally *remove = &seen->of[HISTORY_REMOVE];
    return add->else_ + remove->else_ + seen->of[HISTORY_CONTAINS].else_ > 0 ||
           add->yes > 1 + may_have(remove) || remove->yes > may_have(add);
}

static bool counter_broken(const struct seen *seen) {
    const struct tally *increment = &seen->of[HISTORY_INCREMENT];
    const struct tally *reset = &seen->of[HISTORY_RESET];
    bool never_reset = may_have(reset) == 0;
    return increment->else_ + reset->else_ + reset->no > 0 ||
           seen->read_max > seen->bound_max || seen->read_max > may_have(increment) ||
           (never_reset && increment->yes > seen->bound_max);
}

/* --- a value that was read before anybody asked to write it --- */

struct writer {
    uint64_t value, call_us;
};

static int by_value(const void *a, const void *b) {
    const struct writer *x = a, *y = b;
    if (x->value != y->value) {
        return x->value < y->value ? -1 : 1;
    }
    return x->call_us < y->call_us ? -1 : x->call_us > y->call_us;
}

/* The first of those who ask for this value; `writer` is sorted. */
static bool was_asked_for(const struct writer *writer, size_t count, uint64_t value,
                          uint64_t until_us) {
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (writer[middle].value < value) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < count && writer[low].value == value && writer[low].call_us <= until_us;
}

static bool unasked_value(const struct history_op *const *op, size_t count,
                          uint64_t until_us) {
    struct writer *writer = malloc((count + 1) * sizeof(*writer));
    size_t writers = 0;
    bool found = false;
    if (writer == NULL) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (op[i]->kind == HISTORY_WRITE || op[i]->kind == HISTORY_CAS) {
            uint64_t value =
                op[i]->kind == HISTORY_WRITE ? op[i]->argument : op[i]->second;
            writer[writers++] = (struct writer){value, op[i]->call_us};
        }
    }
    qsort(writer, writers, sizeof(*writer), by_value);
    for (size_t i = 0; i < count && !found; i++) {
        found = op[i]->kind == HISTORY_READ && op[i]->return_us <= until_us &&
                op[i]->return_us != HISTORY_UNKNOWN && op[i]->result != 0 &&
                !was_asked_for(writer, writers, op[i]->result, op[i]->return_us);
    }
    free(writer);
    return found;
}

/* Two attempts whose verdict counted. */
static bool two_verdicts(const struct history_op *const *op, size_t count,
                         uint64_t until_us) {
    uint64_t counted = 0;
    for (size_t i = 0; i < count; i++) {
        if (op[i]->kind != HISTORY_VERDICT || op[i]->result != 1 ||
            op[i]->return_us == HISTORY_UNKNOWN || op[i]->return_us > until_us) {
            continue;
        }
        if (counted != 0 && counted != op[i]->argument) {
            return true;
        }
        counted = op[i]->argument;
    }
    return false;
}

bool quick_broken(const struct history_op *const *op, size_t count, uint64_t until_us) {
    struct seen seen = look(op, count, until_us);
    if (count == 0) {
        return false;
    }
    switch (op[0]->model) {
    case HISTORY_REGISTER:
        return unasked_value(op, count, until_us);
    case HISTORY_ONCE:
        return seen.of[HISTORY_TAKE].yes > 1 || seen.of[HISTORY_TAKE].else_ > 0;
    case HISTORY_SET:
        return set_broken(&seen);
    case HISTORY_FAMILY:
        return seen.wrong_successor || seen.refused_us < seen.granted_us;
    case HISTORY_COUNTER:
        return counter_broken(&seen);
    case HISTORY_JOB:
        return two_verdicts(op, count, until_us);
    case HISTORY_MODELS:
        break;
    }
    return false;
}
