/* args: command-line options from a table.
 *
 * Long options alone, as `--name value` or `--name=value`, before, between or
 * after the words; `--` ends them. What is stored borrows from argv. */
#ifndef CLI_ARGS_H
#define CLI_ARGS_H

#include <stdbool.h>
#include <stddef.h>

#define ARGS_LIST_MAX 64

struct args_list {
    const char *items[ARGS_LIST_MAX];
    size_t count;
};

enum args_kind {
    ARGS_FLAG, /* into: bool */
    ARGS_TEXT, /* into: const char *; twice is an error */
    ARGS_LIST, /* into: struct args_list; may stand repeatedly */
};

struct args_option {
    const char *name; /* without the dashes; NULL ends the table */
    enum args_kind kind;
    void *into;
};

/* `tables` ends with NULL. --help sets *ret_help and stops. False: one sentence is
 * on stderr already. */
bool args_parse(int argc, char *const argv[], const struct args_option *const tables[],
                struct args_list *ret_words, bool *ret_help);

/* Decimal digits up to `max`. */
bool args_number(const char *text, unsigned long max, unsigned long *ret);

#endif
