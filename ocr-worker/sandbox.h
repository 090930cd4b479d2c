/* sandbox: an application is read in a child process that can do nothing else.
 *
 * The child inherits the engine and the bytes of the scans by fork, gives up files,
 * network, new privileges and most system calls, and writes its evidence to one pipe.
 * Invariants:
 *   S1  no image library runs in the parent;
 *   S2  what comes through the pipe is bounded and decoded as bytes from outside;
 *   S3  a child that dies, hangs or grows ends in REVIEW with that reason, and the
 *       parent goes on. */
#ifndef OCR_WORKER_SANDBOX_H
#define OCR_WORKER_SANDBOX_H

#include "ocr-worker/engine.h"

struct sandbox_limits {
    unsigned wall_ms;
    unsigned cpu_s;
    unsigned memory_mb; /* beyond what the parent maps; 0: no limit */
};

#define SANDBOX_DEFAULT                                                        \
    (struct sandbox_limits) {                                                  \
        .wall_ms = 20000, .cpu_s = 15, .memory_mb = 400                        \
    }

/* *ret_evidence borrows `buf`, which holds its bytes. Always gives a verdict. */
void sandbox_read(struct engine *engine, const struct job_record *record,
                  const struct span *files, size_t count,
                  const struct sandbox_limits *limits, struct buf *buf,
                  struct ocr_evidence *ret_evidence);

enum sandbox_end {
    SANDBOX_DONE, /* it said all it had to say */
    SANDBOX_LATE, /* too long, in time or in work */
    SANDBOX_DIED, /* or said that it could not */
    SANDBOX_NONE, /* there was no child */
};

/* Run `work` in a sandboxed child; what it writes (sandbox_write to `out`) is in `buf`,
 * whose cap bounds it. False of `work`: it could not. */
enum sandbox_end sandbox_run(bool (*work)(void *arg, int out), void *arg,
                             const struct sandbox_limits *limits, struct buf *buf);
/* In the child: all of it. */
bool sandbox_write(int out, struct span bytes);

/* What the child does with itself before it touches a byte of a scan; `out` is the one
 * descriptor left. False: this kernel cannot, and nothing may be read. */
bool sandbox_enter(int out, const struct sandbox_limits *limits);

#endif
