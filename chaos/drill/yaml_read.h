/* yaml_read: values of a YAML document, read with their bounds (libyaml's tree).
 *
 * The first thing that is wrong is kept, with its line; reading goes on with defaults,
 * and yaml_read_end gives it. Thread: one at a time. */
#ifndef CHAOS_DRILL_YAML_READ_H
#define CHAOS_DRILL_YAML_READ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/base/err.h"
#include "store/base/span.h"

struct yaml_read {
    void *document; /* yaml_document_t */
    enum err err;
    char why[256];
};
/* A node of the tree; 0: none. */
typedef int yaml_ref;

/* The root; 0: no document, see yaml_read_end. */
yaml_ref yaml_read_begin(struct yaml_read *read, struct span text);
/* Frees; OK, or what was wrong. `why` gets the sentence. */
enum err yaml_read_end(struct yaml_read *read, char why[256]);

void yaml_read_fail(struct yaml_read *read, yaml_ref at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
unsigned yaml_read_line(const struct yaml_read *read, yaml_ref at);

/* Members of a mapping. 0: not there. */
yaml_ref yaml_read_get(struct yaml_read *read, yaml_ref map, const char *key);
/* Every key of `map` must be one of `keys` (NULL at the end). `map` 0 is passed over. */
void yaml_read_known(struct yaml_read *read, yaml_ref map, const char *const *keys);
/* Member number i; names and values. False: no more, or no mapping. */
bool yaml_read_pair(struct yaml_read *read, yaml_ref map, size_t i, const char **ret_key,
                    yaml_ref *ret_value);
/* Items of a sequence. False: no more. Fails when `list` is none. */
bool yaml_read_item(struct yaml_read *read, yaml_ref list, size_t i, yaml_ref *ret_item);

/* Scalars. Not there (0): `ret` stays as it is. */
void yaml_read_text(struct yaml_read *read, yaml_ref at, char *ret, size_t size);
void yaml_read_uint(struct yaml_read *read, yaml_ref at, uint64_t max, uint64_t *ret);
void yaml_read_int(struct yaml_read *read, yaml_ref at, int64_t limit, int64_t *ret);
void yaml_read_share(struct yaml_read *read, yaml_ref at, double max, double *ret);
void yaml_read_bool(struct yaml_read *read, yaml_ref at, bool *ret);

#endif
