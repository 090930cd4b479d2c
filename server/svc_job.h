/* svc_job: what the OCR farm's workers ask of a node (DESIGN §5, OCR workers).
 *
 *   POST /v1/jobs/lease                    -> job_wire, or 204: nothing is due
 *   GET  /v1/jobs/blob?sha256=&index=      one chunk (server/svc_blob.h)
 *   POST /v1/jobs/result                   evidence_wire -> 200, or 409: late
 *   POST /v1/jobs/failed?job=&attempt=&why=
 *
 * On a listener of its own (worker_listen) that asks for a certificate with the URI
 * tasuki://CLUSTER/worker/ENVIRONMENT/NAME: a worker of the test farm opens no door of
 * production, though the same authority signed its certificate.
 *
 * A job named s… is a bundle: its record is nobody's ("-", zeros), and what is wanted are
 * the kinds of its pages and the 申請書ID on each; r… is an application to be read.
 * What a worker sends is input from outside. Thread: the svc's. */
#ifndef SERVER_SVC_JOB_H
#define SERVER_SVC_JOB_H

#include "server/svc.h"
#include "store/store_job.h"

enum svc_job_action { JOB_ASK, JOB_ANSWER, JOB_GIVE_BACK };
enum svc_job_kind {
    JOB_ANSWERED, /* `body` */
    JOB_NOTHING,  /* nothing is due */
    JOB_UNSOUND,  /* `message` */
    JOB_TOO_LATE, /* another attempt is under way or over: drop it */
};

struct svc_job {
    struct svc_op op;
    void (*done)(struct svc_job *job);
    void *arg;
    /* in */
    enum svc_job_action action;
    struct span certificate; /* DER, of the worker */
    struct span body_in;
    struct span id, attempt, why; /* JOB_GIVE_BACK */
    /* out */
    enum svc_job_kind kind;
    const char *message; /* static English */
    struct span body;
};
void svc_job(struct svc *svc, struct svc_job *job);

/* The text of a job's name, and back. */
#define JOB_NAME_MAX 24
void svc_job_name(struct job_key key, char out[JOB_NAME_MAX]);
bool svc_job_key(struct span name, struct job_key *ret_key);

#endif
