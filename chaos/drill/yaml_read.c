#include "chaos/drill/yaml_read.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

static yaml_node_t *node_of(const struct yaml_read *read, yaml_ref at) {
    return at == 0 ? NULL : yaml_document_get_node(read->document, at);
}

unsigned yaml_read_line(const struct yaml_read *read, yaml_ref at) {
    yaml_node_t *node = node_of(read, at);
    return node != NULL ? (unsigned)node->start_mark.line + 1 : 0;
}

void yaml_read_fail(struct yaml_read *read, yaml_ref at, const char *format, ...) {
    va_list args;
    if (read->err != OK) {
        return;
    }
    read->err = ERR_INVALID;
    int used = snprintf(read->why, sizeof(read->why), "line %u: ",
                        yaml_read_line(read, at));
    va_start(args, format);
    vsnprintf(read->why + used, sizeof(read->why) - (size_t)used, format, args);
    va_end(args);
}

yaml_ref yaml_read_begin(struct yaml_read *read, struct span text) {
    yaml_parser_t parser;

    *read = (struct yaml_read){.document = calloc(1, sizeof(yaml_document_t))};
    if (read->document == NULL || yaml_parser_initialize(&parser) == 0) {
        read->err = ERR_NOMEM;
        return 0;
    }
    yaml_parser_set_input_string(&parser, text.data, text.len);
    if (yaml_parser_load(&parser, read->document) == 0) {
        read->err = parser.error == YAML_MEMORY_ERROR ? ERR_NOMEM : ERR_INVALID;
        snprintf(read->why, sizeof(read->why), "line %zu: no YAML: %s",
                 parser.problem_mark.line + 1,
                 parser.problem != NULL ? parser.problem : "unreadable");
        memset(read->document, 0, sizeof(yaml_document_t));
    }
    yaml_parser_delete(&parser);
    if (read->err == OK && yaml_document_get_root_node(read->document) == NULL) {
        read->err = ERR_INVALID;
        snprintf(read->why, sizeof(read->why), "line 1: the file is empty");
    }
    return read->err == OK ? 1 : 0;
}

enum err yaml_read_end(struct yaml_read *read, char why[256]) {
    enum err err = read->err;
    if (read->document != NULL) {
        yaml_document_delete(read->document);
    }
    free(read->document);
    read->document = NULL;
    snprintf(why, 256, "%s", err == OK ? "" : read->why[0] ? read->why : err_str(err));
    return err;
}

static const char *scalar_of(const struct yaml_read *read, yaml_ref at) {
    yaml_node_t *node = node_of(read, at);
    if (node == NULL || node->type != YAML_SCALAR_NODE ||
        strlen((const char *)node->data.scalar.value) != node->data.scalar.length) {
        return NULL;
    }
    return (const char *)node->data.scalar.value;
}

bool yaml_read_pair(struct yaml_read *read, yaml_ref map, size_t i, const char **ret_key,
                    yaml_ref *ret_value) {
    yaml_node_t *node = node_of(read, map);
    if (node == NULL || node->type != YAML_MAPPING_NODE) {
        if (node != NULL) {
            yaml_read_fail(read, map, "a mapping (key: value) is expected");
        }
        return false;
    }
    yaml_node_pair_t *pair = node->data.mapping.pairs.start + i;
    if (pair >= node->data.mapping.pairs.top) {
        return false;
    }
    const char *key = scalar_of(read, pair->key);
    *ret_key = key != NULL ? key : "";
    *ret_value = pair->value;
    return true;
}

yaml_ref yaml_read_get(struct yaml_read *read, yaml_ref map, const char *key) {
    const char *name;
    yaml_ref value;
    for (size_t i = 0; yaml_read_pair(read, map, i, &name, &value); i++) {
        if (strcmp(name, key) == 0) {
            return value;
        }
    }
    return 0;
}

void yaml_read_known(struct yaml_read *read, yaml_ref map, const char *const *keys) {
    const char *name;
    yaml_ref value;
    for (size_t i = 0; yaml_read_pair(read, map, i, &name, &value); i++) {
        size_t k = 0;
        while (keys[k] != NULL && strcmp(keys[k], name) != 0) {
            k++;
        }
        if (keys[k] == NULL) {
            yaml_read_fail(read, value, "the key '%.60s' is not known here", name);
        }
    }
}

bool yaml_read_item(struct yaml_read *read, yaml_ref list, size_t i,
                    yaml_ref *ret_item) {
    yaml_node_t *node = node_of(read, list);
    if (node == NULL) {
        return false;
    }
    if (node->type != YAML_SEQUENCE_NODE) {
        yaml_read_fail(read, list, "a list is expected");
        return false;
    }
    yaml_node_item_t *item = node->data.sequence.items.start + i;
    if (item >= node->data.sequence.items.top) {
        return false;
    }
    *ret_item = *item;
    return true;
}

void yaml_read_text(struct yaml_read *read, yaml_ref at, char *ret, size_t size) {
    const char *text = scalar_of(read, at);
    if (at == 0) {
        return;
    }
    if (text == NULL || strlen(text) >= size) {
        yaml_read_fail(read, at, "a text of at most %zu bytes is expected", size - 1);
        return;
    }
    memcpy(ret, text, strlen(text) + 1);
}

static bool read_number(struct yaml_read *read, yaml_ref at, int64_t least, int64_t most,
                        int64_t *ret) {
    const char *text = scalar_of(read, at);
    char *end = NULL;
    if (at == 0) {
        return false;
    }
    errno = 0;
    long long value = text != NULL ? strtoll(text, &end, 10) : 0;
    if (text == NULL || end == text || *end != '\0' || errno != 0 || value < least ||
        value > most) {
        yaml_read_fail(read, at, "a whole number from %lld to %lld is expected",
                       (long long)least, (long long)most);
        return false;
    }
    *ret = value;
    return true;
}

void yaml_read_int(struct yaml_read *read, yaml_ref at, int64_t limit, int64_t *ret) {
    read_number(read, at, -limit, limit, ret);
}

void yaml_read_uint(struct yaml_read *read, yaml_ref at, uint64_t max, uint64_t *ret) {
    int64_t value;
    if (read_number(read, at, 0, (int64_t)max, &value)) {
        *ret = (uint64_t)value;
    }
}

void yaml_read_share(struct yaml_read *read, yaml_ref at, double max, double *ret) {
    const char *text = scalar_of(read, at);
    char *end = NULL;
    if (at == 0) {
        return;
    }
    double value = text != NULL ? strtod(text, &end) : -1;
    if (text == NULL || end == text || *end != '\0' || !(value >= 0 && value <= max)) {
        yaml_read_fail(read, at, "a number from 0 to %g is expected", max);
        return;
    }
    *ret = value;
}

void yaml_read_bool(struct yaml_read *read, yaml_ref at, bool *ret) {
    const char *text = scalar_of(read, at);
    if (at == 0) {
        return;
    }
    if (text != NULL && strcmp(text, "true") == 0) {
        *ret = true;
    } else if (text != NULL && strcmp(text, "false") == 0) {
        *ret = false;
    } else {
        yaml_read_fail(read, at, "true or false is expected");
    }
}
