/* svc_json: reading the JSON of an operator's request, member by member.
 *
 * The first thing that is wrong is kept as one sentence that names the member
 * (`redirect_uris[2]: ...`), and makes everything after it do nothing; callers ask
 * once, at the end. Parsed with JSON_REJECT_DUPLICATES; unknown members are errors.
 * Results borrow from the document until svc_json_close. Thread: its owner's. */
#ifndef SERVER_SVC_JSON_H
#define SERVER_SVC_JSON_H

#include <jansson.h>
#include <stdbool.h>

#include "store/base/span.h"

#define SVC_JSON_MESSAGE 384

struct svc_json {
    json_t *root; /* NULL until parsed */
    bool failed;
    char message[SVC_JSON_MESSAGE];
};

/* One object; `members` lists the names that it may have, ended by NULL. NULL: any. */
void svc_json_parse(struct svc_json *json, struct span text,
                    const char *const members[]);
/* Safe on a zeroed struct. */
void svc_json_close(struct svc_json *json);

/* Keep the first one. */
void svc_json_fail(struct svc_json *json, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Names of `object` outside `members` are errors; `path` goes in front of them. */
void svc_json_only(struct svc_json *json, json_t *object, const char *path,
                   const char *const members[]);

/* A string of min to max bytes, without NUL (jansson has checked the UTF-8). Absent
 * and not required: empty span. */
struct span svc_json_text(struct svc_json *json, const char *name, bool required,
                          size_t min, size_t max);
bool svc_json_bool(struct svc_json *json, const char *name, bool absent);
/* One of `choices` (ended by NULL): its number, counted from 1; `absent` when it is
 * not there, or an error when `absent` is 0. */
int svc_json_choice(struct svc_json *json, const char *name,
                    const char *const choices[], int absent);
/* The number, counted from 1, of `text` in `choices`; 0: none. */
int svc_json_find(const char *const choices[], struct span text);
/* An array of strings with at most `max` items: its length, 0 when absent. */
size_t svc_json_array(struct svc_json *json, const char *name, bool required,
                      size_t max);
/* Item i of it, not empty. */
struct span svc_json_item(struct svc_json *json, const char *name, size_t i,
                          size_t max);

#endif
