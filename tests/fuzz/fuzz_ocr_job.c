/* fuzz_ocr_job: a job as a worker gets it from a node. */
#include <stddef.h>
#include <stdint.h>

#include "ocr-worker/wire/job_wire.h"
#include "store/base/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct buf again;
    struct job job;

    if (job_decode(span_of(data, size), &job) != OK)
        return 0;
    CHECK(job.scan_count <= JOB_SCANS_MAX && job.record.corporate_number.len == 13);
    buf_init(&again, JOB_WIRE_MAX);
    CHECK(job_encode(&job, &again) == OK);
    CHECK(span_equal(buf_span(&again), span_of(data, size)));
    buf_free(&again);
    return 0;
}
