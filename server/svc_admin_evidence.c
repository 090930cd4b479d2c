/* svc_admin_evidence: what the OCR farm found about one application, for those who
 * measure the farm. Outside of production: there, what stands on people's papers is for
 * the staff console alone, whose every look is recorded. */
#include "ocr-worker/wire/evidence_wire.h"
#include "server/blob.h"
#include "server/svc_admin_internal.h"
#include "store/base/check.h"
#include "store/store_application.h"
#include "store/store_blob.h"

#define ANSWER_MAX (64u * 1024)

static void put_reasons(uint64_t reasons, struct buf *out) {
    bool first = true;

    buf_json_name(out, "reasons");
    buf_str(out, "[");
    for (unsigned bit = 0; bit < 64; bit++) {
        if ((reasons >> bit & 1) == 0)
            continue;
        /* The one that no worker says: none could read it (raft/fsm_job.c). */
        buf_printf(out, "%s\"%s\"", first ? "" : ",",
                   bit == 63 ? "unread" : ocr_reason_str(bit));
        first = false;
    }
    buf_str(out, "]");
}

/* The evidence's bytes as JSON, or null: there is none, or another node has it. */
static enum err put_evidence(struct admin_op *op, const struct application *application,
                             struct buf *out) {
    struct svc *svc = op->base.svc;
    static const uint8_t none[32];
    struct ocr_evidence *evidence =
        arena_alloc(&op->admin->op.arena, sizeof *evidence);
    struct blob_id id;
    struct blob_row row;
    struct buf bytes;
    enum err err;

    if (evidence == NULL)
        return ERR_NOMEM;
    memcpy(id.b, application->evidence, sizeof id.b);
    buf_json_name(out, "evidence");
    if (memcmp(id.b, none, sizeof none) == 0) {
        buf_str(out, "null");
        return OK;
    }
    err = store_blob_get(svc->read, &id, &row);
    buf_init(&bytes, EVIDENCE_WIRE_MAX);
    if (err == OK)
        err = blob_chunk_get(svc->shared->blobs, svc->sealer, &id, row.size, 0, &bytes);
    if (err == OK)
        err = evidence_decode(buf_span(&bytes), evidence);
    if (err == OK)
        evidence_json(evidence, out);
    else if (err == ERR_NOT_FOUND)
        buf_str(out, "null");
    buf_free(&bytes);
    return err == ERR_NOT_FOUND ? OK : err;
}

static enum err put_application(struct admin_op *op, const struct application_id *id,
                                struct buf *out) {
    static const char *const verdicts[] = {[FARM_NONE] = "", [FARM_OK] = "OK",
                                           [FARM_NG] = "NG", [FARM_REVIEW] = "REVIEW"};
    struct application application;
    enum err err = store_application_get(op->base.svc->read, &op->admin->op.arena, id,
                                         &application);

    if (err != OK)
        return err;
    buf_str(out, "{");
    buf_json_member(out, "application_id", span_str(application.id.text));
    buf_json_member(out, "state",
                    span_str(store_application_state_name(application.state)));
    buf_json_member(out, "verdict", span_str(verdicts[application.ocr]));
    put_reasons(application.ocr_reasons, out);
    err = put_evidence(op, &application, out);
    buf_str(out, "}");
    return err;
}

void svc_admin_evidence(struct admin_op *op) {
    static const char *const members[] = {"application_id", NULL};
    struct svc *svc = op->base.svc;
    struct application_id id = {{0}};
    struct span text;
    struct buf out;
    enum err err;

    if (svc->shared->config->environment == ENV_PRODUCTION) {
        svc_admin_refuse(op, ADMIN_CONFLICT,
                         "in production the staff console alone shows applications");
        return;
    }
    svc_json_parse(&op->json, op->admin->body_in, members);
    text = svc_json_text(&op->json, "application_id", true, 1, APPLICATION_ID_MAX);
    if (op->json.failed) {
        svc_admin_invalid(op);
        return;
    }
    memcpy(id.text, text.data, text.len);
    buf_init(&out, ANSWER_MAX);
    err = svc_read_begin(svc);
    if (err == OK) {
        err = put_application(op, &id, &out);
        svc_read_end(svc);
    }
    if (err == ERR_NOT_FOUND)
        svc_admin_refuse(op, ADMIN_NOT_FOUND,
                         "application_id: there is no such application");
    else if (err != OK)
        svc_fail(&op->base, err);
    else
        svc_admin_answer(op, &out);
    buf_free(&out);
}
