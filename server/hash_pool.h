/* hash_pool: a fixed number of threads for what is slow on purpose (argon2id) or
 * by nature (RSA key generation), behind a bounded queue that sheds load. A node has a
 * second one for its blobs' files: a disk that hangs keeps nobody from signing in. */
#ifndef SERVER_HASH_POOL_H
#define SERVER_HASH_POOL_H

#include <stdbool.h>

#include "store/base/err.h"
#include "store/base/port.h"

struct hash_pool;

struct hash_job {
    void (*work)(struct hash_job *job); /* on a pool thread */
    void (*done)(struct hash_job *job); /* on `loop` */
    struct port_loop *loop;
    struct port_task task; /* private */
    struct hash_job *next; /* private */
};

enum err hash_pool_new(unsigned threads, struct hash_pool **ret_pool);
/* Jobs in the queue are finished first, and their `done` is posted: loops must
 * still run. NULL-safe. */
void hash_pool_free(struct hash_pool *pool);
/* The job stays the caller's, in place, until `done`. ERR_BUSY beyond
 * LIMIT_HASH_QUEUE, ERR_CLOSED: `done` will not run. Thread: any. */
enum err hash_pool_submit(struct hash_pool *pool, struct hash_job *job);

#endif
