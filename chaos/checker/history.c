#include "chaos/checker/history.h"

#include <stdlib.h>

/* An operation that is known not to have happened. */
#define FORGOTTEN HISTORY_KINDS

void history_init(struct history *history) {
    *history = (struct history){0};
}

void history_free(struct history *history) {
    free(history->op);
    history_init(history);
}

size_t history_call(struct history *history, const struct history_op *op) {
    if (history->count == history->cap) {
        size_t cap = history->cap == 0 ? 1024 : 2 * history->cap;
        if (history->cap >= HISTORY_MAX) {
            return SIZE_MAX;
        }
        struct history_op *grown = realloc(history->op, cap * sizeof(*grown));
        if (grown == NULL) {
            return SIZE_MAX;
        }
        history->op = grown;
        history->cap = cap;
    }
    history->op[history->count] = *op;
    history->op[history->count].return_us = HISTORY_UNKNOWN;
    history->op[history->count].result = 0;
    return history->count++;
}

void history_return(struct history *history, size_t number, uint64_t result,
                    uint64_t now_us) {
    if (number < history->count) {
        history->op[number].result = result;
        history->op[number].return_us = now_us;
    }
}

void history_forget(struct history *history, size_t number) {
    if (number < history->count) {
        history->op[number].kind = FORGOTTEN;
    }
}

static const char *const model_names[HISTORY_MODELS] = {"register", "once", "set",
                                                        "family", "counter", "job"};

static const char *const kind_names[HISTORY_KINDS] = {
    "read",   "write",    "cas",    "take",      "add",
    "remove", "contains", "rotate", "increment", "reset",
    "lease",  "verdict",  "late"};

void history_turned_out(struct history *history, size_t number,
                        enum history_kind kind) {
    if (number < history->count) {
        history->op[number].kind = kind;
    }
}

const char *history_model_name(enum history_model model) {
    return (unsigned)model < HISTORY_MODELS ? model_names[model] : "?";
}

const char *history_kind_name(enum history_kind kind) {
    return (unsigned)kind < HISTORY_KINDS ? kind_names[kind] : "?";
}

bool history_kind_of(enum history_model model, enum history_kind kind) {
    static const unsigned kinds[HISTORY_MODELS] = {
        [HISTORY_REGISTER] =
            1u << HISTORY_READ | 1u << HISTORY_WRITE | 1u << HISTORY_CAS,
        [HISTORY_ONCE] = 1u << HISTORY_TAKE,
        [HISTORY_SET] =
            1u << HISTORY_ADD | 1u << HISTORY_REMOVE | 1u << HISTORY_CONTAINS,
        [HISTORY_FAMILY] = 1u << HISTORY_ROTATE,
        [HISTORY_COUNTER] =
            1u << HISTORY_READ | 1u << HISTORY_INCREMENT | 1u << HISTORY_RESET,
        [HISTORY_JOB] =
            1u << HISTORY_LEASE | 1u << HISTORY_VERDICT | 1u << HISTORY_LATE,
    };
    return (unsigned)model < HISTORY_MODELS && (unsigned)kind < HISTORY_KINDS &&
           (kinds[model] & 1u << kind) != 0;
}

/* --- the models --- */

struct history_state history_initial(enum history_model model) {
    return (struct history_state){.value = model == HISTORY_FAMILY ? 1 : 0};
}

static uint64_t move(struct history_state *state, uint64_t from, uint64_t to) {
    if (state->value != from) {
        return 0;
    }
    state->value = to;
    return 1;
}

static uint64_t rotate(struct history_state *state, uint64_t member, bool late) {
    if (state->ended) {
        return 0;
    }
    if (member == state->value) {
        return ++state->value;
    }
    if (member + 1 == state->value && !late) {
        return state->value; /* its answer was lost: the same successor again */
    }
    state->ended = 1;
    return 0;
}

static uint64_t increment(struct history_state *state, uint64_t bound) {
    if (state->value >= bound) {
        return 0;
    }
    state->value++;
    return 1;
}

static uint64_t lease(struct history_state *state, uint64_t attempt) {
    if (state->ended != 0 || 2 * attempt + 1 <= state->value) {
        return 0;
    }
    state->value = 2 * attempt + 1;
    return 1;
}

static uint64_t verdict(struct history_state *state, uint64_t attempt) {
    if (state->ended == 0 && state->value == 2 * attempt + 1) {
        state->ended = attempt;
    }
    return attempt != 0 && state->ended == attempt;
}

static uint64_t late(struct history_state *state, uint64_t attempt) {
    if (attempt != 0 && state->ended == attempt) {
        return 0;
    }
    if (state->value < 2 * attempt + 2) {
        state->value = 2 * attempt + 2;
    }
    return 1;
}

uint64_t history_apply(const struct history_op *op, struct history_state *state) {
    switch (op->kind) {
    case HISTORY_READ:
    case HISTORY_CONTAINS:
        return state->value;
    case HISTORY_WRITE:
        state->value = op->argument;
        return 1;
    case HISTORY_CAS:
        return move(state, op->argument, op->second);
    case HISTORY_TAKE:
    case HISTORY_ADD:
        return move(state, 0, 1);
    case HISTORY_REMOVE:
        return move(state, 1, 0);
    case HISTORY_ROTATE:
        return rotate(state, op->argument, op->second == 1);
    case HISTORY_INCREMENT:
        return increment(state, op->argument);
    case HISTORY_RESET:
        state->value = 0;
        return 1;
    case HISTORY_LEASE:
        return lease(state, op->argument);
    case HISTORY_VERDICT:
        return verdict(state, op->argument);
    case HISTORY_LATE:
        return late(state, op->argument);
    case HISTORY_KINDS:
        break;
    }
    return 0;
}
