#include "ops/cli/args.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/base/check.h"

static const struct args_option *find(const struct args_option *const tables[],
                                      const char *name, size_t len) {
    for (size_t t = 0; tables[t]; t++)
        for (const struct args_option *o = tables[t]; o->name; o++)
            if (strlen(o->name) == len && memcmp(o->name, name, len) == 0)
                return o;
    return NULL;
}

static bool list_add(struct args_list *list, const char *item, const char *what) {
    if (list->count == ARGS_LIST_MAX) {
        fprintf(stderr, "tasuki: more than %d %s\n", ARGS_LIST_MAX, what);
        return false;
    }
    list->items[list->count++] = item;
    return true;
}

static bool store(const struct args_option *option, const char *value) {
    const char **text;

    switch (option->kind) {
    case ARGS_FLAG:
        *(bool *)option->into = true;
        return true;
    case ARGS_TEXT:
        text = option->into;
        if (*text) {
            fprintf(stderr, "tasuki: --%s stands there twice\n", option->name);
            return false;
        }
        *text = value;
        return true;
    case ARGS_LIST:
        return list_add(option->into, value, option->name);
    }
    CHECK(!"a kind of args.h");
    return false;
}

/* One option at argv[*i]; moves *i over its value. */
static bool take(int argc, char *const argv[], int *i,
                 const struct args_option *const tables[]) {
    const char *name = argv[*i] + 2;
    const char *equals = strchr(name, '=');
    size_t len = equals ? (size_t)(equals - name) : strlen(name);
    const struct args_option *option = find(tables, name, len);

    if (!option) {
        fprintf(stderr, "tasuki: there is no option --%.*s here\n", (int)len, name);
        return false;
    }
    if (option->kind == ARGS_FLAG) {
        if (equals) {
            fprintf(stderr, "tasuki: --%s takes no value\n", option->name);
            return false;
        }
        return store(option, NULL);
    }
    if (equals)
        return store(option, equals + 1);
    if (*i + 1 == argc) {
        fprintf(stderr, "tasuki: --%s needs a value\n", option->name);
        return false;
    }
    return store(option, argv[++*i]);
}

bool args_parse(int argc, char *const argv[], const struct args_option *const tables[],
                struct args_list *ret_words, bool *ret_help) {
    bool words_only = false;

    ret_words->count = 0;
    *ret_help = false;
    for (int i = 0; i < argc; i++) {
        const char *arg = argv[i];

        if (words_only || arg[0] != '-' || arg[1] == 0) {
            if (!list_add(ret_words, arg, "arguments"))
                return false;
        } else if (strcmp(arg, "--") == 0) {
            words_only = true;
        } else if (strcmp(arg, "--help") == 0 || strcmp(arg, "-h") == 0) {
            *ret_help = true;
            return true;
        } else if (arg[1] != '-') {
            fprintf(stderr,
                    "tasuki: there is no option %s (a word that begins with - stands "
                    "behind --, as in: tasuki key revoke -- -x)\n",
                    arg);
            return false;
        } else if (!take(argc, argv, &i, tables)) {
            return false;
        }
    }
    return true;
}

bool args_number(const char *text, unsigned long max, unsigned long *ret) {
    unsigned long value;
    char *end;

    if (text[0] < '0' || text[0] > '9')
        return false;
    errno = 0;
    value = strtoul(text, &end, 10);
    if (errno != 0 || *end != 0 || value > max)
        return false;
    *ret = value;
    return true;
}
