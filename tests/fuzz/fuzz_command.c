/* command_decode: a type, and its payload. What is decoded encodes to the same
 * bytes (C2). */
#include "raft/command.h"
#include "store/base/check.h"
#include "store/base/limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct arena arena;
    struct command command;
    struct span payload;
    struct buf again;

    if (size == 0) {
        return 0;
    }
    if (arena.max == 0) {
        arena_init(&arena, 16u * 1024 * 1024);
    }
    payload = span_of(data + 1, size - 1);
    if (command_decode((enum command_type)data[0], payload, &arena, &command) == OK) {
        buf_init(&again, LIMIT_COMMAND);
        /* Versions beyond this binary's are decoded, and never encoded. */
        if (command.type != CMD_FSM_VERSION ||
            command.fsm_version.version <= FSM_VERSION_MAX) {
            CHECK(command_encode(&command, &again) == OK);
            CHECK(span_equal(buf_span(&again), payload));
        }
        buf_free(&again);
    }
    arena_reset(&arena);
    return 0;
}
