/* fuzz_job_name: a job's name as a worker says it. What is taken is said again alike. */
#include <stddef.h>
#include <stdint.h>

#include "server/svc_job.h"
#include "store/base/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct job_key key = {.kind = JOB_SORT};
    char name[JOB_NAME_MAX];

    if (svc_job_key(span_of(data, size), &key)) {
        svc_job_name(key, name);
        CHECK(span_equal(span_str(name), span_of(data, size)));
    }
    return 0;
}
