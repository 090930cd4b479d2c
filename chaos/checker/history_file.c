#include "chaos/checker/history_file.h"

#include <jansson.h>
#include <string.h>

/* JSON's numbers here end at INT64_MAX. */
static bool can_be_written(const struct history_op *op) {
    bool answered = op->return_us != HISTORY_UNKNOWN;
    return op->key <= INT64_MAX && op->argument <= INT64_MAX &&
           op->second <= INT64_MAX && op->call_us <= INT64_MAX &&
           (!answered || (op->return_us <= INT64_MAX && op->result <= INT64_MAX));
}

enum err history_write(const struct history *history, FILE *to) {
    for (size_t i = 0; i < history->count; i++) {
        const struct history_op *op = &history->op[i];
        if (!history_kind_of(op->model, op->kind)) {
            continue;
        }
        if (!can_be_written(op)) {
            return ERR_INVALID;
        }
        fprintf(to,
                "{\"model\":\"%s\",\"key\":%llu,\"op\":\"%s\",\"argument\":%llu,"
                "\"second\":%llu,\"process\":%u,\"call_us\":%llu",
                history_model_name(op->model), (unsigned long long)op->key,
                history_kind_name(op->kind), (unsigned long long)op->argument,
                (unsigned long long)op->second, op->process,
                (unsigned long long)op->call_us);
        if (op->return_us != HISTORY_UNKNOWN) {
            fprintf(to, ",\"return_us\":%llu,\"result\":%llu",
                    (unsigned long long)op->return_us, (unsigned long long)op->result);
        }
        fprintf(to, "}\n");
    }
    return fflush(to) == 0 && !ferror(to) ? OK : ERR_IO;
}

/* A member that is a whole number from 0 on. False: it is there and is none. */
static bool number_of(const json_t *object, const char *name, bool *ret_there,
                      uint64_t *ret_number) {
    const json_t *value = json_object_get(object, name);
    *ret_there = value != NULL && !json_is_null(value);
    *ret_number = 0;
    if (!*ret_there) {
        return true;
    }
    if (!json_is_integer(value) || json_integer_value(value) < 0) {
        return false;
    }
    *ret_number = (uint64_t)json_integer_value(value);
    return true;
}

static bool name_of(const json_t *object, const char *member,
                    const char *(*name)(unsigned), unsigned count,
                    unsigned *ret_which) {
    const char *text = json_string_value(json_object_get(object, member));
    for (*ret_which = 0; text != NULL && *ret_which < count; (*ret_which)++) {
        if (strcmp(text, name(*ret_which)) == 0) {
            return true;
        }
    }
    return false;
}

static const char *model_name(unsigned n) {
    return history_model_name((enum history_model)n);
}

static const char *kind_name(unsigned n) {
    return history_kind_name((enum history_kind)n);
}

/* A misspelt member must not turn an answer into none. */
static bool members_known(json_t *object, char why[256]) {
    static const char *const known[] = {"model",    "op",        "key",
                                        "argument", "second",    "process",
                                        "call_us",  "return_us", "result"};
    const char *name;
    json_t *value;
    json_object_foreach(object, name, value) {
        bool found = false;
        for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
            found = found || strcmp(name, known[i]) == 0;
        }
        if (!found) {
            snprintf(why, 256, "has an unknown member \"%.40s\"", name);
            return false;
        }
    }
    return true;
}

static enum err decode(json_t *object, struct history_op *op, char why[256]) {
    unsigned model, kind;
    uint64_t process;
    struct {
        const char *name;
        uint64_t *to;
        bool needed, there;
    } numbers[] = {
        {"key", &op->key, true, false},
        {"argument", &op->argument, false, false},
        {"second", &op->second, false, false},
        {"process", &process, false, false},
        {"call_us", &op->call_us, true, false},
        {"return_us", &op->return_us, false, false},
        {"result", &op->result, false, false},
    };
    if (!members_known(object, why)) {
        return ERR_INVALID;
    }
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        if (!number_of(object, numbers[i].name, &numbers[i].there, numbers[i].to) ||
            (numbers[i].needed && !numbers[i].there)) {
            snprintf(why, 256, "\"%s\" must be a whole number", numbers[i].name);
            return ERR_INVALID;
        }
    }
    if (!name_of(object, "model", model_name, HISTORY_MODELS, &model) ||
        !name_of(object, "op", kind_name, HISTORY_KINDS, &kind) ||
        !history_kind_of((enum history_model)model, (enum history_kind)kind)) {
        snprintf(why, 256, "\"model\" and \"op\" name no operation");
        return ERR_INVALID;
    }
    if (process > UINT32_MAX) {
        snprintf(why, 256, "\"process\" is larger than %u", UINT32_MAX);
        return ERR_INVALID;
    }
    if (numbers[5].there != numbers[6].there) {
        snprintf(why, 256, "\"return_us\" and \"result\" come together");
        return ERR_INVALID;
    }
    if (numbers[5].there && op->return_us < op->call_us) {
        snprintf(why, 256, "it returned before it was called");
        return ERR_INVALID;
    }
    op->model = (enum history_model)model;
    op->kind = (enum history_kind)kind;
    op->process = (uint32_t)process;
    op->return_us = numbers[5].there ? op->return_us : HISTORY_UNKNOWN;
    return OK;
}

enum err history_read_line(struct span line, struct history_op *ret_op, char why[256]) {
    json_error_t error;
    *ret_op = (struct history_op){0};
    if (line.len > HISTORY_LINE_MAX) {
        snprintf(why, 256, "longer than %d bytes", HISTORY_LINE_MAX);
        return ERR_INVALID;
    }
    json_t *object =
        json_loadb((const char *)line.data, line.len, JSON_REJECT_DUPLICATES, &error);
    if (!json_is_object(object)) {
        snprintf(why, 256, "not a JSON object: %.150s",
                 object == NULL ? error.text : "of another type");
        json_decref(object);
        return ERR_INVALID;
    }
    enum err err = decode(object, ret_op, why);
    json_decref(object);
    return err;
}

enum err history_read(struct history *history, FILE *from, char why[256]) {
    char line[HISTORY_LINE_MAX + 2];
    for (size_t number = 1; fgets(line, sizeof(line), from) != NULL; number++) {
        struct history_op op;
        char reason[256];
        size_t len = strlen(line);
        bool whole = len > 0 && line[len - 1] == '\n';
        enum err err = whole ? history_read_line(
                                   span_of((const uint8_t *)line, len - 1), &op, reason)
                             : ERR_INVALID;
        if (!whole) {
            snprintf(reason, sizeof(reason),
                     "cut short, longer than %d bytes, or with a zero byte",
                     HISTORY_LINE_MAX);
        }
        if (err != OK) {
            snprintf(why, 256, "line %zu: %.200s", number, reason);
            return err;
        }
        size_t at = history_call(history, &op);
        if (at == SIZE_MAX) {
            snprintf(why, 256, "more than %u operations, or out of memory",
                     HISTORY_MAX);
            return ERR_TOO_BIG;
        }
        if (op.return_us != HISTORY_UNKNOWN) {
            history_return(history, at, op.result, op.return_us);
        }
    }
    if (ferror(from)) {
        snprintf(why, 256, "cannot be read");
        return ERR_IO;
    }
    return OK;
}
