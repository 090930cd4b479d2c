/* peer_image: an image on its way between two nodes.
 *
 * The taker dials a donor's peer address, shows its certificate and sends FETCH
 * instead of HELLO; the same connection then brings REFUSED, or WAIT and DATA
 * messages and an END. The donor takes part only while its data is proven fresh,
 * captures behind a probe (raft/repl.h, repl_capture), and streams from a thread of
 * its own at a bounded rate, so that neither its raft thread nor its neighbours'
 * answers suffer.
 *
 *   taker:  FETCH -> WAIT* -> DATA* -> END -> closes
 *   donor:  capture (WAIT each second) -> DATA* -> END -> waits for the close
 *   REFUSED may come instead of any message; it is the last one.
 *   A backup's taker does not close behind END: it verifies, keeps, says KEPT, and the
 *   donor has that written into the state, says END and closes.
 *
 * Invariants:
 *   G1  only a member (a row of store_member that is not gone, or, while there are
 *       none, a configured peer) is given an image: certificate and FETCH agree;
 *   G2  at most PEER_IMAGE_JOBS images and, in places of their own, PEER_BLOB_JOBS blobs
 *       at a time; of them one image and PEER_BLOB_EACH blobs a taker: beyond it REFUSED
 *       with the reason "busy". So repairs never keep a node from being seeded;
 *   G3  the donor's log is not trimmed above the image's index until the taker had
 *       time to catch up (repl_capture's hold), within the byte cap;
 *   G4  a message that takes longer than PEER_IMAGE_SILENCE_MS ends the transfer, and
 *       so does PEER_IMAGE_TOTAL_MS: a slow taker must not pin a snapshot for ever;
 *   G5  the taker speaks once, and says KEPT behind END or nothing; whatever else it
 *       says ends the transfer. */
#ifndef RAFT_PEER_IMAGE_H
#define RAFT_PEER_IMAGE_H

#include "raft/peer_tls.h"
#include "raft/peer_wire.h"
#include "raft/repl.h"
#include "store/store_image.h"

#define PEER_IMAGE_JOBS REPL_IMAGES
#define PEER_BLOB_JOBS 4
#define PEER_BLOB_EACH 2 /* a node, and a backup under its name */
#define PEER_IMAGE_SILENCE_MS 10000
#define PEER_IMAGE_TOTAL_MS (30u * 60 * 1000)
/* A backup's taker has so long to verify what it got. */
#define PEER_IMAGE_KEEP_MS (5u * 60 * 1000)
/* The donor waits so long for a copy that is new enough, then says "busy". */
#define PEER_IMAGE_CAPTURE_MS 30000

/* --- taker: blocking, before repl_start --- */

struct peer_image_take {
    struct id128 cluster_id;
    uint64_t node_id;
    struct peer_tls_files tls;
    struct repl_peer_config donors[LIMIT_NODES]; /* tried in turn; self is skipped */
    size_t donors_count;
    uint64_t floor_index; /* an older image is refused (REFUSED at the donor) */
    const uint8_t *blob;  /* 32 bytes: not an image but the file of this blob, as the
                             donor has it; NULL: an image */
    struct port_clock clock;
    void (*progress)(void *arg, uint64_t donor, const char *state);
    /* NULL: it is no backup. Else called behind END, the connection open: verify and
     * keep. Its error is given, and nothing is noted. */
    enum err (*keep)(void *arg, char why[256]);
    bool *ret_noted; /* with `keep`: the donor says that the state has it now */
    void *arg;
};

/* Pull from one donor into `sink`; OK: all that it sent is fed, store_image_sink_finish
 * has the last word. `progress` (may be NULL) hears "dialling", "waiting" and
 * "receiving", about twice a second. ERR_BUSY: it asks to come again (or another donor
 * to be tried), or it is this node itself; ERR_DENIED: this node is no member, or of
 * another cluster; ERR_CONFIG: this node's own certificate; ERR_IO, ERR_TIMEOUT: the
 * connection, or a donor that does not keep to the protocol; else the sink's. A new
 * sink is needed after any error. */
enum err peer_image_take(const struct peer_image_take *take, size_t donor,
                         struct image_sink *sink, char why[256]);

/* The same into whatever takes the bytes: a backup. Here this node itself may be asked;
 * it is one member among others to its running server. Errors of `feed` are given. */
enum err peer_image_take_to(const struct peer_image_take *take, size_t donor,
                            enum err (*feed)(void *arg, struct span bytes,
                                             char why[256]),
                            void *arg, char why[256]);

/* --- donor --- */

struct peer_image_donor;

/* What came with a connection whose first message was FETCH. */
struct peer_image_call {
    int fd;                           /* non-blocking; the donor's from now on */
    struct peer_tls_session *session; /* likewise */
    uint64_t peer;                    /* by its certificate, and its FETCH */
    bool member;                      /* else it is refused (G1) */
    uint64_t floor_index;
    uint8_t blob[32]; /* zero: an image */
};

enum err peer_image_donor_new(struct repl *repl, uint64_t bytes_per_s,
                              struct port_clock clock,
                              struct peer_image_donor **ret_donor);
/* Where this node's blobs stand (server/blob.h); none are given without. Before `serve`. */
void peer_image_donor_blobs(struct peer_image_donor *donor, const char *data_dir);
/* Raft thread. Does not block: the rest happens on the job's thread. */
void peer_image_donor_serve(struct peer_image_donor *donor,
                            const struct peer_image_call *call);
/* Cancel and join all jobs, refuse what comes. Any thread but the raft thread, while
 * that still runs: jobs wait for it (up to two seconds, for a capture under way). */
void peer_image_donor_close(struct peer_image_donor *donor);
/* After `close`, once nobody can call `serve`. NULL-safe. */
void peer_image_donor_free(struct peer_image_donor *donor);

/* Those that run now. Any thread. */
size_t peer_image_donor_status(struct peer_image_donor *donor,
                               struct repl_image_status jobs[PEER_IMAGE_JOBS]);

#endif
