/* arena: blocks of zeroed memory, handed out by a pointer bump.
 *
 * Invariant: bytes of a block beyond `used` are zero, so arena_alloc need not
 * clear; arena_reset restores that for the block it keeps. */
#include "store/base/arena.h"

#include <stdlib.h>

#include "store/base/secret.h"

#define ARENA_ALIGN 16
#define ARENA_BLOCK_MIN 8192

struct arena_block {
    struct arena_block *next; /* the older one; the last is the first block */
    size_t cap;
    size_t used;
    _Alignas(ARENA_ALIGN) uint8_t data[];
};

void arena_init(struct arena *arena, size_t max) {
    *arena = (struct arena){NULL, 0, max};
}

static struct arena_block *block_new(struct arena *arena, size_t len) {
    size_t cap = len > ARENA_BLOCK_MIN ? len : ARENA_BLOCK_MIN;
    struct arena_block *block = calloc(1, sizeof *block + cap);

    if (block == NULL) {
        return NULL;
    }
    block->cap = cap;
    block->next = arena->head;
    arena->head = block;
    return block;
}

void *arena_alloc(struct arena *arena, size_t len) {
    struct arena_block *block = arena->head;
    void *out;

    if (len > arena->max) {
        return NULL;
    }
    len = (len + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1);
    if (len == 0) {
        len = ARENA_ALIGN;
    }
    if (len > arena->max || arena->used > arena->max - len) {
        return NULL;
    }
    if (block == NULL || block->cap - block->used < len) {
        block = block_new(arena, len);
        if (block == NULL) {
            return NULL;
        }
    }
    out = block->data + block->used;
    block->used += len;
    arena->used += len;
    return out;
}

char *arena_strndup(struct arena *arena, const void *data, size_t len) {
    char *out;

    if (len >= arena->max) {
        return NULL;
    }
    out = arena_alloc(arena, len + 1);
    if (out != NULL && len > 0) {
        memcpy(out, data, len);
    }
    return out;
}

struct span arena_dup(struct arena *arena, struct span from) {
    char *out = arena_strndup(arena, from.data, from.len);
    return out == NULL ? span_of(NULL, 0) : span_of(out, from.len);
}

void arena_reset(struct arena *arena) {
    struct arena_block *block = arena->head;

    while (block != NULL) {
        struct arena_block *next = block->next;
        secret_wipe(block->data, block->used);
        block->used = 0;
        if (next != NULL) {
            free(block);
        } else {
            arena->head = block;
        }
        block = next;
    }
    arena->used = 0;
}

void arena_close(struct arena *arena) {
    arena_reset(arena);
    free(arena->head);
    *arena = (struct arena){NULL, 0, arena->max};
}
