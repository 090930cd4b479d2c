/* mailbox: a loop for a thread that has none.
 *
 * A thread that may block (it gives an image, it writes a backup) asks the raft
 * thread for something and names the mailbox as its loop; then it waits in
 * mailbox_run. Thread: `loop.post` any, everything else the owner's. */
#ifndef BASE_MAILBOX_H
#define BASE_MAILBOX_H

#include <pthread.h>
#include <stdbool.h>

#include "store/base/port.h"

struct mailbox {
    struct port_loop loop; /* first: what requests name */
    pthread_mutex_t mutex;
    pthread_cond_t filled;
    struct port_task *first, **last;
};

void mailbox_init(struct mailbox *mailbox);
/* Nothing may be on its way any more. */
void mailbox_close(struct mailbox *mailbox);
/* Run what was posted, or wait up to `timeout_ms` for it. False: nothing came. */
bool mailbox_run(struct mailbox *mailbox, uint32_t timeout_ms);

#endif
