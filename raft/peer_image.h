/* peer_image: an image on its way between two nodes.
 *
 * The taker dials a donor's peer address, shows its certificate and sends FETCH
 * instead of HELLO; the same connection then brings REFUSED, or WAIT and DATA
 * messages and an END. The donor takes part only while its data is proven fresh,
 * captures behind a probe (raft/repl.h, repl_capture), and streams from a thread of
 * its own at a bounded rate, so that neither its raft thread nor its neighbours'
 * answers suffer.
 *
 * Invariants:
 *   G1  only a member (a row of store_member that is not gone, or, while there are
 *       none, a configured peer) is given an image: certificate and FETCH agree;
 *   G2  at most PEER_IMAGE_JOBS at a time; beyond it REFUSED with the reason "busy";
 *   G3  the donor's log is not trimmed above the image's index until the taker had
 *       time to catch up (repl_capture's hold), within the byte cap;
 *   G4  silence of PEER_IMAGE_SILENCE_MS on either side ends the transfer. */
#ifndef RAFT_PEER_IMAGE_H
#define RAFT_PEER_IMAGE_H

#include "raft/peer_tls.h"
#include "raft/peer_wire.h"
#include "raft/repl.h"
#include "store/store_image.h"

#define PEER_IMAGE_JOBS 2
#define PEER_IMAGE_SILENCE_MS 10000

/* --- taker: blocking, before repl_start --- */

struct peer_image_take {
    struct id128 cluster_id;
    uint64_t node_id;
    struct peer_tls_files tls;
    struct repl_peer_config donors[LIMIT_NODES]; /* tried in turn; self is skipped */
    size_t donors_count;
    uint64_t floor_index; /* an older image is refused (REFUSED at the donor) */
    struct port_clock clock;
    void (*progress)(void *arg, uint64_t donor, const char *state);
    void *arg;
};

/* Pull from one donor into `sink`. ERR_BUSY: it asks to come again (or another donor
 * to be tried); ERR_DENIED: this node is no member, or of another cluster; ERR_IO,
 * ERR_TIMEOUT: the connection; else the sink's. A new sink is needed after any error.
 */
enum err peer_image_take(const struct peer_image_take *take, size_t donor,
                         struct image_sink *sink, char why[256]);

/* --- donor: owned by the raft thread's peer_links --- */

struct peer_image_donor;

enum err peer_image_donor_new(struct repl *repl, uint64_t bytes_per_s,
                              struct peer_image_donor **ret_donor);
/* A connection whose first message was FETCH: socket and session now belong to the
 * donor. Non-blocking: the rest happens on the job's thread. */
void peer_image_donor_serve(struct peer_image_donor *donor, int fd,
                            struct peer_tls_session *session, uint64_t peer,
                            const struct peer_fetch *fetch);
/* Cancel and join all jobs. Before repl's raft thread ends: jobs wait for it. */
void peer_image_donor_free(struct peer_image_donor *donor);

struct peer_image_job_status {
    uint64_t peer, index, rows, rows_total, bytes;
};
size_t peer_image_donor_status(struct peer_image_donor *donor,
                               struct peer_image_job_status jobs[PEER_IMAGE_JOBS]);

#endif
