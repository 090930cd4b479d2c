/* repl_check_segment: a file of the log, which a rotten disk may have changed. */
#include "raft/repl_check.h"
#include "store/base/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct repl_check check;
    for (int open = 0; open <= 1; open++) {
        repl_check_segment(span_of(data, size), open == 1, &check);
        CHECK(check.offset <= size && check.cut <= size - check.offset);
        CHECK(check.verdict != SEGMENT_TORN || open == 1);
    }
    return 0;
}
