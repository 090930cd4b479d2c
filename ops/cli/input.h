/* input: what the commands read from files and from standard input. Every read is
 * bounded; failures are one sentence on stderr. */
#ifndef CLI_INPUT_H
#define CLI_INPUT_H

#include <stdbool.h>
#include <stddef.h>

#include "store/base/buf.h"
#include "store/base/secret.h"

/* The whole file; "-" is standard input. `out` keeps its own cap. */
bool input_file(const char *path, struct buf *out);

/* A password or secret: from `path`, or (NULL) from standard input, which on a
 * terminal is asked for twice without echo. One line end at the end is dropped. */
bool input_secret(const char *path, const char *what, struct secret *ret_secret);

#endif
