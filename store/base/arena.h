/* arena: memory that lives exactly as long as one request or one command.
 *
 * Allocation is a pointer bump; everything is released at once. Memory that may
 * hold secrets is wiped at reset. A hard cap turns hostile input into ERR
 * instead of growth. Thread: its owner's. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stddef.h>

#include "store/base/span.h"

struct arena {
    struct arena_block *head;
    size_t used;
    size_t max;
};

/* `max`: most bytes ever handed out between resets. Allocates nothing yet. */
void arena_init(struct arena *arena, size_t max);

/* Aligned to 16, zeroed. NULL when the cap or memory is exhausted. */
void *arena_alloc(struct arena *arena, size_t len);

/* Copies; the result is NUL-terminated. NULL as above. */
char *arena_strndup(struct arena *arena, const void *data, size_t len);
struct span arena_dup(struct arena *arena, struct span from);

/* Wipe, and keep the first block for reuse. */
void arena_reset(struct arena *arena);
void arena_close(struct arena *arena);

#endif
