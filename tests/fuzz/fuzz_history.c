/* A recorded history's line: whatever is taken is an operation of its model. */
#include "chaos/checker/history_file.h"
#include "store/base/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
    struct history_op op;
    char why[256];
    if (history_read_line(span_of(data, len), &op, why) == OK) {
        CHECK(history_kind_of(op.model, op.kind) && op.return_us >= op.call_us);
    }
    return 0;
}
