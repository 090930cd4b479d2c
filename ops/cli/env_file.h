/* env_file: a file of NAME=value lines, as ops/demo writes it and a shell sources it.
 *
 * Values are bare words, 'single-quoted' ('\'' stands for a quote) or
 * "double-quoted" without escapes; `export` and comments are allowed. Nothing is
 * expanded or run. Other lines are errors that name the line. */
#ifndef CLI_ENV_FILE_H
#define CLI_ENV_FILE_H

#include <stdbool.h>
#include <stddef.h>

#define ENV_FILE_MAX (64 * 1024)
#define ENV_FILE_ENTRIES_MAX 256

struct env_file {
    char *text; /* owned; names and values point into it */
    struct {
        const char *name, *value;
    } entries[ENV_FILE_ENTRIES_MAX];
    size_t count;
};

/* False: one sentence is on stderr. */
bool env_file_load(const char *path, struct env_file *ret_file);
void env_file_free(struct env_file *file);
/* NULL: not there. The last of several counts, as in a shell. */
const char *env_file_get(const struct env_file *file, const char *name);

#endif
