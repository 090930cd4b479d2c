/* hash_pool: a fixed number of threads for what is slow on purpose (argon2id) or
 * by nature (RSA key generation), behind a bounded queue that sheds load. */
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
/* Jobs in the queue are finished first. */
void hash_pool_free(struct hash_pool *pool);
/* ERR_BUSY beyond LIMIT_HASH_QUEUE: `done` will not run. */
enum err hash_pool_submit(struct hash_pool *pool, struct hash_job *job);

#endif
