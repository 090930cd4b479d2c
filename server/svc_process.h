/* svc_process: what the kernel says of this process, for /metrics. Thread: any. */
#ifndef SERVER_SVC_PROCESS_H
#define SERVER_SVC_PROCESS_H

#include <stdbool.h>
#include <stdint.h>

struct svc_process {
    uint64_t start_s; /* since 1970 */
    uint64_t resident_bytes, anonymous_bytes;
    uint64_t open_files, open_files_max;
    double cpu_s;
};

/* False: /proc does not say. */
bool svc_process_read(struct svc_process *ret_process);

#endif
