/* svc_job: leases to workers, and what they found. */
#include "server/svc_job.h"

#include <stdio.h>
#include <stdlib.h>

#include "ocr-worker/wire/evidence_wire.h"
#include "ocr-worker/wire/job_wire.h"
#include "server/blob.h"
#include "server/crypto/client_cert.h"
#include "server/crypto/digest.h"
#include "server/domain/profile.h"
#include "server/svc_application.h"
#include "server/svc_internal.h"
#include "store/base/check.h"
#include "store/base/codec.h"
#include "store/store_intake.h"

struct job_op {
    struct svc_state base; /* first */
    struct svc_job *job;
    char worker[65];
    struct leased leased;
    struct job_scan scans[JOB_SCANS_MAX];
    size_t scans_count;
    struct ocr_evidence evidence; /* of an answer */
    struct command command;       /* likewise: too large for the stack of a step */
    struct command keep;          /* the evidence's blob */
    enum err kept;
    uint64_t writer;
};

static void finish(struct svc_state *state) {
    struct job_op *op = (struct job_op *)state;

    op->job->done(op->job);
}

static void end(struct job_op *op, enum svc_job_kind kind, const char *message) {
    op->job->kind = kind;
    op->job->message = message;
    finish(&op->base);
}

/* --- names --- */

void svc_job_name(struct job_key key, char out[JOB_NAME_MAX]) {
    if (key.kind == JOB_READ) {
        snprintf(out, JOB_NAME_MAX, "r%.16s", (const char *)key.subject.b);
        return;
    }
    out[0] = 's';
    base64url_encode(span_of(key.subject.b, sizeof key.subject.b), out + 1);
}

bool svc_job_key(struct span name, struct job_key *ret_key) {
    struct application_id id = {{0}};
    size_t len = 0;

    if (name.len < 2 || name.len >= JOB_NAME_MAX)
        return false;
    if (name.data[0] == 's') {
        ret_key->kind = JOB_SORT;
        return base64url_decode(span_of(name.data + 1, name.len - 1),
                                ret_key->subject.b, sizeof ret_key->subject.b,
                                &len) == OK &&
               len == sizeof ret_key->subject.b;
    }
    /* A text ends at its first NUL, a name does not. */
    if (name.data[0] != 'r' || name.len > sizeof id.text ||
        memchr(name.data, '\0', name.len) != NULL)
        return false;
    memcpy(id.text, name.data + 1, name.len - 1);
    ret_key->kind = JOB_READ;
    ret_key->subject = store_application_key(&id);
    return store_application_id_ok(&id);
}

/* --- what a worker is asked --- */

static enum job_media media_of(enum scan_format format) {
    return format == SCAN_PDF    ? JOB_MEDIA_PDF
           : format == SCAN_JPEG ? JOB_MEDIA_JPEG
                                 : JOB_MEDIA_TIFF;
}

/* `once`: not what is there already. Without it a scan's number is that of the file.
 * ERR_TOO_BIG: more than a job takes. */
static enum err add_scan(struct job_op *op, const struct intake_file *file, bool once) {
    struct job_scan *scan = &op->scans[op->scans_count];

    for (size_t i = 0; once && i < op->scans_count; i++)
        if (memcmp(op->scans[i].hash, file->blob.b, sizeof file->blob.b) == 0)
            return OK;
    if (op->scans_count == JOB_SCANS_MAX)
        return ERR_TOO_BIG;
    memcpy(scan->hash, file->blob.b, sizeof scan->hash);
    scan->len = (uint32_t)file->size;
    scan->media = (uint8_t)media_of(file->format);
    op->scans_count++;
    return OK;
}

struct gather {
    struct job_op *op;
    struct intake_bundle *bundle;
    enum err err;
};

static bool gather_page(void *arg, struct id128 bundle, uint16_t page) {
    struct gather *gather = arg;

    gather->err = store_intake_bundle_get(gather->op->base.svc->read, bundle,
                                          gather->bundle);
    if (gather->err == OK && page < gather->bundle->pages_count)
        gather->err = add_scan(
            gather->op, &gather->bundle->files[gather->bundle->pages[page].file], true);
    return gather->err == OK;
}

/* The record of an application, and its scans. */
static enum err read_record(struct job_op *op, struct job_record *ret_record) {
    struct svc *svc = op->base.svc;
    struct arena *arena = &op->job->op.arena;
    struct gather gather = {op, arena_alloc(arena, sizeof *gather.bundle), OK};
    struct application_id id = {{0}};
    struct application application;
    enum err err;

    if (!gather.bundle)
        return ERR_NOMEM;
    memcpy(id.text, op->leased.key.subject.b, sizeof op->leased.key.subject.b);
    err = store_application_get(svc->read, arena, &id, &application);
    if (!err)
        err = store_intake_walk_application(svc->read, &id, gather_page, &gather);
    if (!err)
        err = gather.err;
    return err ? err : svc_application_record(svc, arena, &application, ret_record);
}

static enum err read_bundle(struct job_op *op) {
    struct intake_bundle *bundle =
        arena_alloc(&op->job->op.arena, sizeof *bundle);
    enum err err = bundle ? store_intake_bundle_get(op->base.svc->read,
                                                    op->leased.key.subject, bundle)
                          : ERR_NOMEM;

    for (size_t i = 0; !err && i < bundle->files_count; i++)
        err = add_scan(op, &bundle->files[i], false);
    return err;
}

/* A bundle has no record, and the wire wants one: nobody's. */
static void no_record(struct job_record *ret_record) {
    *ret_record = (struct job_record){
        .application_id = span_str("-"),
        .corporate_number = span_str("0000000000000"),
        .company = span_str(""),
        .address = span_str(""),
        .title = span_str(""),
        .name = span_str("-"),
        .birth_date = span_str("1970-01-01"),
        .received_on = span_str("1970-01-01"),
    };
}

/* Reading takes about a second; the rest is for a slow line. */
static uint32_t lease_ms(const struct svc *svc) {
    return svc->shared->config->job_lease_s * 1000;
}

static enum err put_job(struct job_op *op, struct buf *out) {
    struct svc *svc = op->base.svc;
    char name[JOB_NAME_MAX];
    struct job job = {.attempt = op->leased.attempt, .lease_ms = lease_ms(svc)};
    enum err err = svc_read_begin(svc);

    if (err)
        return err;
    no_record(&job.record);
    err = op->leased.key.kind == JOB_READ ? read_record(op, &job.record)
                                          : read_bundle(op);
    svc_read_end(svc);
    if (err)
        return err;
    svc_job_name(op->leased.key, name);
    job.id = span_str(name);
    job.scan_count = (uint32_t)op->scans_count;
    memcpy(job.scans, op->scans, sizeof op->scans);
    return job_encode(&job, out);
}

static void ask(struct job_op *op);

static void given_up(struct svc_state *state) {
    ask((struct job_op *)state); /* for another one; this one is not due soon */
}

/* No worker could read it; after some attempts a person does. */
static void give_up(struct job_op *op) {
    struct cmd_job_result *result = &op->command.job_result;

    op->command.type = CMD_JOB_RESULT;
    result->key = op->leased.key;
    result->attempt = op->leased.attempt;
    memcpy(result->worker, op->worker, sizeof result->worker);
    result->failed = true;
    snprintf(result->error, sizeof result->error, "more files than a job takes");
    op->scans_count = 0;
    svc_submit(&op->base, &op->command, given_up);
}

static void leased(struct svc_state *state) {
    struct job_op *op = (struct job_op *)state;
    struct outcome_leases leases;
    struct buf out;
    enum err err;

    if (state->request.outcome.code != OUT_OK ||
        outcome_leases_decode(state->request.outcome.detail, &leases) != OK) {
        svc_fail(state, ERR_CORRUPT);
        return;
    }
    if (leases.count == 0) {
        end(op, JOB_NOTHING, "");
        return;
    }
    op->leased = leases.jobs[0];
    buf_init(&out, JOB_WIRE_MAX);
    err = put_job(op, &out);
    if (!err)
        err = svc_take(&op->job->op.arena, &out, &op->job->body);
    buf_free(&out);
    if (err == ERR_TOO_BIG)
        give_up(op);
    else if (err)
        svc_fail(state, err);
    else
        end(op, JOB_ANSWERED, "");
}

static void ask(struct job_op *op) {
    struct command command = {.type = CMD_JOB_LEASE};
    struct cmd_job_lease *lease = &command.job_lease;

    lease->environment = op->base.svc->shared->config->environment;
    memcpy(lease->worker, op->worker, sizeof lease->worker);
    lease->lease_ms = lease_ms(op->base.svc);
    lease->count = 1;
    svc_submit(&op->base, &command, leased);
}

/* --- what it found --- */

static void taken(struct svc_state *state) {
    struct job_op *op = (struct job_op *)state;

    switch (state->request.outcome.code) {
    case OUT_OK:
    case OUT_REPLAYED: /* the answer to the first one was lost on its way */
        end(op, JOB_ANSWERED, "");
        return;
    case OUT_NOT_FOUND:
    case OUT_JOB_LATE:
        end(op, JOB_TOO_LATE, "another attempt is under way, or it is over");
        return;
    default:
        svc_fail(state, ERR_CORRUPT);
    }
}

static enum page_kind page_kind_of(const struct ocr_page *page) {
    if (page->width == 0) /* no pixel of it could be had */
        return PAGE_UNREADABLE;
    switch (page->kind) {
    case OCR_PAGE_FORM:
        return PAGE_FORM;
    case OCR_PAGE_CERTIFICATE:
        return PAGE_CERTIFICATE;
    case OCR_PAGE_BLANK:
        return PAGE_BLANK;
    case OCR_PAGE_UNKNOWN:
        return PAGE_UNKNOWN;
    default:
        return PAGE_OTHER;
    }
}

/* The id that is read on a page, if it can be one. */
static void name_pages(const struct ocr_evidence *evidence,
                       struct cmd_job_result *result) {
    for (uint32_t i = 0; i < evidence->field_count; i++) {
        const struct ocr_field *field = &evidence->fields[i];
        struct intake_page *page;
        struct application_id id = {{0}};
        if (field->kind != OCR_FIELD_APPLICATION_ID || field->text.len == 0 ||
            field->text.len > APPLICATION_ID_MAX || field->page >= result->pages_count)
            continue;
        memcpy(id.text, field->text.data, field->text.len);
        if (!store_application_id_ok(&id))
            continue;
        page = &result->pages[field->page];
        page->id = id;
        /* A QR code is read whole or not at all; print with less certainty. */
        page->how = evidence->form_version != 0 ? PAGE_BY_QR : PAGE_BY_PRINT;
    }
}

static void put_pages(const struct ocr_evidence *evidence,
                      struct cmd_job_result *result) {
    result->pages_count = evidence->page_count;
    for (uint32_t i = 0; i < evidence->page_count; i++)
        result->pages[i] = (struct intake_page){
            .file = evidence->pages[i].scan,
            .number = evidence->pages[i].index,
            .kind = page_kind_of(&evidence->pages[i]),
        };
    name_pages(evidence, result);
}

/* The bundle's pages, if they are all there: one that is missing would be filed nowhere.
 * A file that is broken will be so next time, and has its place; a reader that died may
 * do better. */
static void put_sorted(const struct ocr_evidence *evidence,
                       struct cmd_job_result *result) {
    static const uint64_t unread =
        OCR_REASON(OCR_READER_DIED) |
        OCR_REASON(OCR_READER_TIMEOUT) | OCR_REASON(OCR_READER_MEMORY) |
        OCR_REASON(OCR_TOO_MANY_PAGES);

    static const uint64_t broken = OCR_REASON(OCR_IMAGE_BROKEN) |
                                   OCR_REASON(OCR_IMAGE_TOO_LARGE) |
                                   OCR_REASON(OCR_IMAGE_UNKNOWN);
    bool told = (evidence->reasons & broken) == 0;

    for (uint32_t i = 0; i < evidence->page_count; i++)
        told = told || evidence->pages[i].width == 0;
    if (evidence->page_count > 0 && told && (evidence->reasons & unread) == 0) {
        put_pages(evidence, result);
        return;
    }
    result->failed = true;
    snprintf(result->error, sizeof result->error, "%s",
             evidence->page_count == 0 ? "no page could be opened"
                                       : "not every page was read");
}

static enum farm_verdict verdict_of(uint8_t verdict) {
    return verdict == OCR_OK   ? FARM_OK
           : verdict == OCR_NG ? FARM_NG
                               : FARM_REVIEW;
}

static void submit_result(struct svc_state *state) {
    struct job_op *op = (struct job_op *)state;

    svc_submit(state, &op->command, taken);
}

/* The evidence is a blob: its bytes do not go through the log. On the pool. */
static void keep_work(struct svc_state *state) {
    struct job_op *op = (struct job_op *)state;
    struct svc_shared *shared = state->svc->shared;
    struct span bytes = op->job->body_in;
    struct sealer *sealer; /* the svc's own belongs to its thread */
    enum err err = svc_blob_sealer(shared, &sealer);

    if (!err) {
        digest_sha256(bytes, op->keep.blob_add.id.b);
        err = blob_part_put(shared->blobs, sealer, &op->keep.blob_add.id, bytes.len,
                            op->writer, 0, bytes);
        if (!err)
            err = blob_commit(shared->blobs, sealer, &op->keep.blob_add.id, bytes.len,
                              op->writer);
        sealer_free(sealer);
    }
    op->kept = err;
}

/* The worker keeps it until it counts: on two nodes, like a scan. */
static void evidence_copied(struct svc_state *state) {
    if (state->wait.err)
        svc_fail(state, state->wait.err); /* it says it again, here or elsewhere */
    else
        submit_result(state);
}

static void evidence_known(struct svc_state *state) {
    struct job_op *op = (struct job_op *)state;

    if (state->request.outcome.code != OUT_OK)
        svc_fail(state, ERR_CORRUPT);
    else
        svc_blob_await(state, &op->keep.blob_add.id, evidence_copied);
}

static void evidence_kept(struct svc_state *state) {
    struct job_op *op = (struct job_op *)state;
    struct cmd_blob_add *add = &op->keep.blob_add;

    if (op->kept) {
        svc_fail(state, op->kept);
        return;
    }
    op->keep.type = CMD_BLOB_ADD;
    add->kind = BLOB_EVIDENCE;
    add->size = op->job->body_in.len;
    add->nodes_count = 1;
    add->nodes[0] = state->svc->shared->config->node_id;
    op->command.job_result.evidence = add->id;
    op->command.job_result.has_evidence = true;
    svc_submit(state, &op->keep, evidence_known);
}

static void answer(struct job_op *op) {
    struct cmd_job_result *result = &op->command.job_result;
    enum err err = evidence_decode(op->job->body_in, &op->evidence);

    if (err || !svc_job_key(op->evidence.job_id, &result->key)) {
        end(op, JOB_UNSOUND, "the body is not a result in the form of evidence_wire");
        return;
    }
    op->command.type = CMD_JOB_RESULT;
    result->attempt = op->evidence.attempt;
    memcpy(result->worker, op->worker, sizeof result->worker);
    if (result->key.kind == JOB_SORT) {
        put_sorted(&op->evidence, result);
        submit_result(&op->base);
        return;
    }
    result->verdict = verdict_of(op->evidence.verdict);
    result->reasons = op->evidence.reasons;
    svc_random(op->base.svc, &op->writer, sizeof op->writer);
    svc_disk(&op->base, keep_work, evidence_kept);
}

static void give_back(struct job_op *op) {
    struct cmd_job_result *result = &op->command.job_result;
    struct span why = op->job->why, attempt = op->job->attempt;
    char text[12] = "";

    if (attempt.len > 0 && attempt.len < sizeof text)
        memcpy(text, attempt.data, attempt.len);
    result->attempt = (uint32_t)strtoul(text, NULL, 10);
    if (!svc_job_key(op->job->id, &result->key) || result->attempt == 0 ||
        why.len >= sizeof result->error || !utf8_valid(why)) {
        end(op, JOB_UNSOUND, "job, attempt and why (64 bytes at most) are expected");
        return;
    }
    op->command.type = CMD_JOB_RESULT;
    memcpy(result->worker, op->worker, sizeof result->worker);
    result->failed = true;
    if (why.len > 0)
        memcpy(result->error, why.data, why.len);
    submit_result(&op->base);
}

void svc_job(struct svc *svc, struct svc_job *job) {
    struct job_op *op = svc_op_begin(svc, &job->op, sizeof *op, finish);
    char name[CLIENT_CERT_NAME + 1];

    job->kind = JOB_NOTHING;
    job->message = "";
    job->body = span_of(NULL, 0);
    if (!op) {
        job->done(job);
        return;
    }
    op->job = job;
    client_cert_name(job->certificate, name);
    snprintf(op->worker, sizeof op->worker, "%.64s", name);
    switch (job->action) {
    case JOB_ASK:
        ask(op);
        return;
    case JOB_ANSWER:
        answer(op);
        return;
    case JOB_GIVE_BACK:
        give_back(op);
        return;
    }
    CHECK(false);
}
