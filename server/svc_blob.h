/* svc_blob: scans and evidence come in and go out, chunk by chunk (server/blob.h).
 *
 *   BLOB_PART    one chunk of an upload
 *   BLOB_COMMIT  the whole is there: read back, hashed, synced here, then a row of the
 *                cluster, then on a second node; before that nothing has been received
 *   BLOB_CHUNK   one chunk of a blob that this node holds
 *   BLOB_KNOWN   does this node hold it, as the cluster knows?
 *
 * An upload is named by what it is of and by its `writer`, a number that each run of a
 * sender draws: two runs that send the same scan do not write into one another's file.
 * Thread: the svc's; files are read and written on the disk pool. */
#ifndef SERVER_SVC_BLOB_H
#define SERVER_SVC_BLOB_H

#include "server/svc.h"
#include "store/store_blob.h"

enum svc_blob_action { BLOB_PART, BLOB_COMMIT, BLOB_CHUNK, BLOB_KNOWN };
enum svc_blob_kind {
    BLOB_DONE,
    BLOB_REFUSED,   /* `message` */
    BLOB_NOT_HERE,  /* unknown, or not on this node: ask another one */
    BLOB_UNSOUND,   /* the bytes have another hash: send them anew */
    BLOB_UNPLACED,  /* no room on the device */
};

struct svc_blob {
    struct svc_op op;
    void (*done)(struct svc_blob *blob);
    void *arg;
    /* in */
    enum svc_blob_action action;
    struct blob_id id;
    uint64_t size; /* not with BLOB_CHUNK: the row knows */
    uint32_t index;
    uint64_t writer; /* BLOB_PART, BLOB_COMMIT */
    enum blob_kind blob_kind;
    struct span chunk;
    /* out */
    enum svc_blob_kind kind;
    const char *message; /* static English */
    struct span body;    /* BLOB_CHUNK: the bytes; BLOB_COMMIT: JSON */
};
void svc_blob(struct svc *svc, struct svc_blob *blob);

/* Hash, size, index of a request's query. false: `*ret_message` says what is wrong. */
struct params;
bool svc_blob_read(const struct params *params, struct svc_blob *blob,
                   const char **ret_message);

#endif
