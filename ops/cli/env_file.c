#include "ops/cli/env_file.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ops/cli/input.h"

static size_t name_length(const char *line) {
    size_t len = 0;

    while (isalnum((unsigned char)line[len]) || line[len] == '_')
        len++;
    return len > 0 && !isdigit((unsigned char)line[0]) ? len : 0;
}

/* Take one value off its quotes, in place. NULL: malformed. */
static char *unquote(char *value) {
    char *out = value;
    char *in = value;

    while (*in && *in != ' ') {
        char quote = *in;

        if (quote == '\\' && in[1] == '\'') {
            *out++ = '\'';
            in += 2;
        } else if (quote == '\'' || quote == '"') {
            char *end = strchr(++in, quote);

            if (!end || (quote == '"' && memchr(in, '\\', (size_t)(end - in))))
                return NULL;
            memmove(out, in, (size_t)(end - in));
            out += end - in;
            in = end + 1;
        } else if (strchr("\\$`;&|<>()", quote)) {
            return NULL;
        } else {
            *out++ = *in++;
        }
    }
    while (*in == ' ')
        in++;
    if (*in && *in != '#')
        return NULL;
    *out = 0;
    return value;
}

static bool parse_line(struct env_file *file, char *line) {
    size_t len;
    char *value;

    while (*line == ' ')
        line++;
    if (*line == 0 || *line == '#')
        return true;
    if (strncmp(line, "export ", 7) == 0)
        line += 7;
    len = name_length(line);
    if (len == 0 || line[len] != '=' || file->count == ENV_FILE_ENTRIES_MAX)
        return false;
    line[len] = 0;
    value = unquote(line + len + 1);
    if (!value)
        return false;
    file->entries[file->count].name = line;
    file->entries[file->count++].value = value;
    return true;
}

bool env_file_load(const char *path, struct env_file *ret_file) {
    struct env_file file = {0};
    unsigned number = 0;
    struct buf text;
    bool good;
    char *next;

    buf_init(&text, ENV_FILE_MAX);
    good = input_file(path, &text);
    if (good)
        file.text = strndup(text.len ? (const char *)text.data : "", text.len);
    buf_free(&text);
    if (!file.text)
        return false;
    for (char *line = file.text; line; line = next) {
        number++;
        next = strchr(line, '\n');
        if (next)
            *next++ = 0;
        if (parse_line(&file, line))
            continue;
        fprintf(stderr, "tasuki: %s:%u: NAME=value is expected\n", path, number);
        env_file_free(&file);
        return false;
    }
    *ret_file = file;
    return true;
}

void env_file_free(struct env_file *file) {
    free(file->text);
    file->text = NULL;
    file->count = 0;
}

const char *env_file_get(const struct env_file *file, const char *name) {
    for (size_t i = file->count; i-- > 0;)
        if (strcmp(file->entries[i].name, name) == 0)
            return file->entries[i].value;
    return NULL;
}
