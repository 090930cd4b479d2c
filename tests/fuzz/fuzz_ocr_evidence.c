/* fuzz_ocr_evidence: evidence as a node gets it from a worker, and a worker from the
 * child that touched the pixels. */
#include <stddef.h>
#include <stdint.h>

#include "ocr-worker/wire/evidence_wire.h"
#include "store/base/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct ocr_evidence evidence;
    struct buf again;

    if (evidence_decode(span_of(data, size), &evidence) != OK)
        return 0;
    CHECK(evidence.verdict != OCR_OK || evidence.reasons == 0);
    buf_init(&again, 1 << 20);
    CHECK(evidence_encode(&evidence, &again) == OK);
    CHECK(span_equal(buf_span(&again), span_of(data, size)));
    buf_reset(&again);
    evidence_json(&evidence, &again);
    CHECK(buf_err(&again) == OK);
    buf_free(&again);
    return 0;
}
