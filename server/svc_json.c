#include "server/svc_json.h"

#include <stdarg.h>
#include <stdio.h>

void svc_json_fail(struct svc_json *json, const char *format, ...) {
    va_list args;

    if (json->failed)
        return;
    json->failed = true;
    va_start(args, format);
    vsnprintf(json->message, sizeof json->message, format, args);
    va_end(args);
}

void svc_json_parse(struct svc_json *json, struct span text,
                    const char *const members[]) {
    json_error_t error;

    *json = (struct svc_json){0};
    if (text.len == 0) {
        svc_json_fail(json, "a JSON object is expected, the body is empty");
        return;
    }
    json->root =
        json_loadb((const char *)text.data, text.len, JSON_REJECT_DUPLICATES, &error);
    if (!json->root)
        svc_json_fail(json, "not JSON: %s (line %d, column %d)", error.text, error.line,
                      error.column);
    else if (!json_is_object(json->root))
        svc_json_fail(json, "a JSON object is expected");
    else if (members)
        svc_json_only(json, json->root, "", members);
}

void svc_json_close(struct svc_json *json) {
    json_decref(json->root);
    json->root = NULL;
}

int svc_json_find(const char *const choices[], struct span text) {
    for (int i = 0; choices[i]; i++) {
        if (span_is(text, choices[i]))
            return i + 1;
    }
    return 0;
}

void svc_json_only(struct svc_json *json, json_t *object, const char *path,
                   const char *const members[]) {
    const char *name;
    json_t *value;

    json_object_foreach(object, name, value) {
        if (!svc_json_find(members, span_str(name))) {
            svc_json_fail(json, "%s%.64s: there is no such member", path, name);
            return;
        }
    }
}

static json_t *member(struct svc_json *json, const char *name, bool required) {
    json_t *value = json->failed ? NULL : json_object_get(json->root, name);

    if (!value && required)
        svc_json_fail(json, "%s: is missing", name);
    return value;
}

struct span svc_json_text(struct svc_json *json, const char *name, bool required,
                          size_t min, size_t max) {
    json_t *value = member(json, name, required);
    struct span none = {NULL, 0};
    size_t len;

    if (!value)
        return none;
    if (!json_is_string(value)) {
        svc_json_fail(json, "%s: a string is expected", name);
        return none;
    }
    len = json_string_length(value);
    if (len < min || len > max) {
        svc_json_fail(json, "%s: %zu to %zu bytes are expected, %zu are given", name,
                      min, max, len);
        return none;
    }
    return span_of(json_string_value(value), len);
}

bool svc_json_bool(struct svc_json *json, const char *name, bool absent) {
    json_t *value = member(json, name, false);

    if (!value)
        return absent;
    if (!json_is_boolean(value))
        svc_json_fail(json, "%s: true or false is expected", name);
    return json_is_true(value);
}

/* "a, b or c" */
static void list_choices(const char *const choices[], char *out, size_t out_len) {
    size_t at = 0;

    out[0] = '\0';
    for (size_t i = 0; choices[i] && at < out_len; i++) {
        const char *between = i == 0 ? "" : choices[i + 1] ? ", " : " or ";
        int n = snprintf(out + at, out_len - at, "%s%s", between, choices[i]);

        at += n > 0 ? (size_t)n : 0;
    }
}

int svc_json_choice(struct svc_json *json, const char *name,
                    const char *const choices[], int absent) {
    json_t *value = member(json, name, absent == 0);
    char text[128];
    int found = 0;

    if (!value)
        return absent;
    if (json_is_string(value))
        found = svc_json_find(
            choices, span_of(json_string_value(value), json_string_length(value)));
    if (!found) {
        list_choices(choices, text, sizeof text);
        svc_json_fail(json, "%s: %s is expected", name, text);
    }
    return found;
}

size_t svc_json_array(struct svc_json *json, const char *name, bool required,
                      size_t max) {
    json_t *value = member(json, name, required);
    size_t len;

    if (!value)
        return 0;
    if (!json_is_array(value)) {
        svc_json_fail(json, "%s: an array of strings is expected", name);
        return 0;
    }
    len = json_array_size(value);
    if (len > max || (required && len == 0))
        svc_json_fail(json, "%s: 1 to %zu items are expected, %zu are given", name, max,
                      len);
    return json->failed ? 0 : len;
}

struct span svc_json_item(struct svc_json *json, const char *name, size_t i,
                          size_t max) {
    struct span none = {NULL, 0};
    json_t *value;

    if (json->failed)
        return none;
    value = json_array_get(json_object_get(json->root, name), i);
    if (!json_is_string(value) || json_string_length(value) == 0 ||
        json_string_length(value) > max) {
        svc_json_fail(json, "%s[%zu]: a string of 1 to %zu bytes is expected", name, i,
                      max);
        return none;
    }
    return span_of(json_string_value(value), json_string_length(value));
}
