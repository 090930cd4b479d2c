/* lease: the worker's loop against a cluster.
 *
 * lease a job, fetch its scans, read them in the sandbox, return the evidence; from any
 * node that answers. Contract, all over TLS 1.3 with both certificates (the worker is
 * who its certificate says):
 *   POST /v1/jobs/lease           200: a job (wire/job_wire.h); 204: none is waiting
 *   GET  /v1/jobs/blob?sha256=&index=   200: one chunk of a scan, from 0; the worker
 *                                 checks the hash of the whole
 *   POST /v1/jobs/result          evidence (wire/evidence_wire.h); 200 or 204: taken,
 *                                 or taken before; 409: too late, another has the job
 *   POST /v1/jobs/failed?job=&attempt=&why=   the worker cannot do it: it is offered
 *                                 again, and after some attempts comes to a person
 * Invariants:
 *   L1  a result names the job and attempt of its lease, so sending it again, to
 *       another node, changes nothing;
 *   L2  scans and evidence live in memory, never in files, and are wiped;
 *   L3  what cannot be fetched is not judged: it is given back, or (where no node
 *       answers) its lease runs out;
 *   L4  *stop ends the worker between two jobs: the one under way is done and told;
 *   L5  the supervisor hears of it before each step, and no step (a call to one node, the
 *       reading of one application, a pause) takes more than LEASE_STEP_MAX_MS.
 * Thread: one; several workers are several processes. */
#ifndef OCR_WORKER_LEASE_H
#define OCR_WORKER_LEASE_H

#include <signal.h>

#include "ocr-worker/sandbox.h"
#include "store/base/notify.h"

#define LEASE_NODES_MAX 9
#define LEASE_STEP_MAX_MS 125000 /* time_limit_ms at most, and the end of the child */

struct lease_config {
    char *nodes[LEASE_NODES_MAX]; /* https://host:port */
    size_t node_count;
    char *ca, *cert, *key; /* PEM files */
    unsigned idle_ms;      /* between two questions when there is no job */
    struct sandbox_limits limits;
};

/* key = value lines: nodes (separated by spaces), ca, cert, key, idle_ms, time_limit_ms,
 * memory_limit_mb. What is wrong is said on stderr. */
bool lease_config_load(const char *path, struct lease_config *ret);
void lease_config_free(struct lease_config *config);

struct lease_counts {
    unsigned long read, late, failed;
};

/* Until *stop, or (once) until no job is waiting. ERR_IO: no node answered at all. */
enum err lease_run(struct engine *engine, const struct lease_config *config, bool once,
                   const struct notify *notify, const volatile sig_atomic_t *stop,
                   struct lease_counts *ret_counts);

#endif
