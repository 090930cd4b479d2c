/* route_worker: the OCR farm's listener, as svc_job.h describes it, and the uploads of
 * the operator's, chunk by chunk (svc_blob.h). */
#include "http/http_respond.h"
#include "http/http_router.h"
#include "http/http_thread.h"

static void respond_word(struct http_request *request, int status, const char *word) {
    struct buf body;
    buf_init(&body, 1024);
    buf_str(&body, "{");
    buf_json_member(&body, status == 200 ? "result" : "error", span_str(word));
    buf_str(&body, "}");
    http_respond_json(request, status, buf_span(&body));
    buf_free(&body);
}

/* --- blobs --- */

/* Nothing is wrong with the request, and nothing with the node but its device. */
static void respond_failure(struct http_request *request, enum err err) {
    if (err == ERR_NO_SPACE) {
        respond_word(request, 507, "no room is left on the node's device");
    } else {
        http_respond_failure(request, err, true);
    }
}

static void on_blob(struct svc_blob *blob) {
    static const int statuses[] = {
        [BLOB_DONE] = 200,    [BLOB_REFUSED] = 422,  [BLOB_NOT_HERE] = 404,
        [BLOB_UNSOUND] = 409, [BLOB_UNPLACED] = 507,
    };
    struct http_request *request = blob->arg;
    if (blob->op.err != OK) {
        respond_failure(request, blob->op.err);
    } else if (blob->kind != BLOB_DONE) {
        respond_word(request, statuses[blob->kind], blob->message);
    } else if (blob->action == BLOB_CHUNK) {
        http_respond_bytes(request, blob->body);
    } else {
        respond_word(request, 200, "done");
    }
    svc_op_close(&blob->op);
    http_request_end(request);
}

static void start_blob(struct http_request *request, enum svc_blob_action action) {
    struct svc_blob *blob = &request->op.blob;
    const char *why;
    if (!http_request_query(request, true)) {
        return;
    }
    *blob = (struct svc_blob){
        .op.from = http_request_origin(request),
        .done = on_blob,
        .arg = request,
        .action = action,
    };
    if (!svc_blob_read(&request->params, blob, &why)) {
        respond_word(request, 422, why);
        http_request_end(request);
        return;
    }
    if (action == BLOB_PART) {
        blob->chunk = arena_dup(&request->arena, http_request_body(request));
        http_request_wipe_body(request);
    }
    svc_blob(request->thread->svc, blob);
}

void route_blob_part(struct http_request *request) {
    start_blob(request, BLOB_PART);
}

void route_blob_commit(struct http_request *request) {
    start_blob(request, BLOB_COMMIT);
}

void route_blob_chunk(struct http_request *request) {
    start_blob(request, BLOB_CHUNK);
}

void route_blob_known(struct http_request *request) {
    start_blob(request, BLOB_KNOWN);
}

/* --- jobs --- */

static void on_job(struct svc_job *job) {
    struct http_request *request = job->arg;
    if (job->op.err != OK) {
        respond_failure(request, job->op.err);
    } else if (job->kind == JOB_NOTHING) {
        http_respond_nothing(request);
    } else if (job->kind == JOB_ANSWERED && job->body.len > 0) {
        http_respond_bytes(request, job->body);
    } else if (job->kind == JOB_ANSWERED) {
        respond_word(request, 200, "done");
    } else {
        respond_word(request, job->kind == JOB_TOO_LATE ? 409 : 422, job->message);
    }
    svc_op_close(&job->op);
    http_request_end(request);
}

static void start_job(struct http_request *request, enum svc_job_action action) {
    struct svc_job *job = &request->op.job;
    struct span chain;
    if (!http_request_query(request, true)) {
        return;
    }
    *job = (struct svc_job){
        .op.from = http_request_origin(request),
        .done = on_job,
        .arg = request,
        .action = action,
        .certificate = arena_dup(&request->arena,
                                 http_thread_certificate(request->h2o, &chain)),
        .body_in = arena_dup(&request->arena, http_request_body(request)),
        .id = params_get(&request->params, "job", NULL),
        .attempt = params_get(&request->params, "attempt", NULL),
        .why = params_get(&request->params, "why", NULL),
    };
    http_request_wipe_body(request);
    svc_job(request->thread->svc, job);
}

void route_job_lease(struct http_request *request) {
    start_job(request, JOB_ASK);
}

void route_job_result(struct http_request *request) {
    start_job(request, JOB_ANSWER);
}

void route_job_failed(struct http_request *request) {
    start_job(request, JOB_GIVE_BACK);
}
