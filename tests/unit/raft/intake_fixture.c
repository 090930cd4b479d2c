/* intake_fixture: see its header. */
#include "tests/unit/store/unit.h"

#include <stdio.h>

#include "tests/unit/raft/intake_fixture.h"

struct application_id application_id_of(uint64_t n) {
    struct application_id id = {{0}};
    snprintf(id.text, sizeof id.text, "P%05u", (unsigned)(n % 100000));
    return id;
}

struct command command_apply(uint64_t n) {
    return (struct command){
        .type = CMD_APPLICATION_SUBMIT,
        .application_submit = {.id = application_id_of(n),
                               .kind = APPLICATION_CORPORATION,
                               .environment = ENV_DEMO,
                               .form_version = 3,
                               .account_index = key_of(20000 + n),
                               .person_index = key_of(30000 + n),
                               .pair_index = key_of(40000 + n),
                               .confirmed = true,
                               .sealed = span_str("typed")}};
}

struct command command_confirm(uint64_t token) {
    return (struct command){.type = CMD_APPLICATION_CONFIRM,
                            .application_confirm = {key_of(token)}};
}

struct command command_move(uint64_t n, enum application_state from,
                            enum application_state to, uint64_t staff) {
    struct command c = {.type = CMD_APPLICATION_MOVE,
                        .application_move = {.id = application_id_of(n),
                                             .from = from,
                                             .to = to}};
    c.application_move.staff = staff == 0 ? (struct id128){{0}} : id_of(staff);
    c.application_move.defects = to == APPLICATION_DEFECT ? DEFECT_NO_DOCUMENTS : 0;
    return c;
}

struct blob_id blob_id_of(uint64_t n) {
    struct blob_id id = {{0}};
    memcpy(id.b, &n, sizeof n);
    id.b[31] = 1;
    return id;
}

struct command command_blob(uint64_t n, uint64_t other) {
    return (struct command){.type = CMD_BLOB_ADD,
                            .blob_add = {.id = blob_id_of(n),
                                         .kind = BLOB_SCAN,
                                         .size = 100 + n,
                                         .nodes_count = other == 0 ? 1 : 2,
                                         .nodes = {1, other}}};
}

struct command command_hold(uint64_t node, uint64_t n, bool holds) {
    return (struct command){.type = CMD_BLOB_HOLD,
                            .blob_hold = {.node = node,
                                          .count = 1,
                                          .blobs = {{blob_id_of(n), holds}}}};
}

struct command command_blob_node(uint64_t node, uint32_t lease_ms) {
    return (struct command){.type = CMD_BLOB_NODE,
                            .blob_node = {.node = node, .lease_ms = lease_ms}};
}

struct command command_batch(uint64_t n) {
    return (struct command){.type = CMD_BATCH_ADD,
                            .batch_add = {.id = id_of(n),
                                          .label = "朝の便",
                                          .environment = ENV_DEMO,
                                          .received_day = 20000}};
}

struct command command_bundle(uint64_t first, size_t count) {
    struct command c = {.type = CMD_BUNDLE_ADD,
                        .bundle_add = {.batch = id_of(1), .count = count}};
    for (size_t i = 0; i < count; i++) {
        c.bundle_add.files[i] = (struct intake_file){
            .blob = blob_id_of(first + i),
            .size = 100 + first + i,
            .format = SCAN_TIFF,
            .name = "S0001.tif",
        };
    }
    return c;
}

struct id128 bundle_id_of(uint64_t first, size_t count) {
    struct command c = command_bundle(first, count);
    return store_intake_bundle_id(c.bundle_add.files, count);
}

struct command command_place(struct id128 bundle, uint16_t page, const char *id,
                             uint64_t staff) {
    struct command c = {.type = CMD_PAGE_PLACE,
                        .page_place = {.bundle = bundle, .page = page}};
    snprintf(c.page_place.id.text, sizeof c.page_place.id.text, "%s", id);
    c.page_place.staff = staff == 0 ? (struct id128){{0}} : id_of(staff);
    return c;
}

struct command command_lease(const char *worker, uint8_t count) {
    struct command c = {.type = CMD_JOB_LEASE,
                        .job_lease = {.environment = ENV_DEMO,
                                      .lease_ms = MINUTE_MS,
                                      .count = count}};
    snprintf(c.job_lease.worker, sizeof c.job_lease.worker, "%s", worker);
    return c;
}

struct command command_sorted(struct id128 bundle, uint32_t attempt, const char *worker,
                              size_t pages) {
    struct command c = {.type = CMD_JOB_RESULT,
                        .job_result = {.key = {JOB_SORT, bundle},
                                       .attempt = attempt,
                                       .pages_count = pages}};
    snprintf(c.job_result.worker, sizeof c.job_result.worker, "%s", worker);
    for (size_t i = 0; i < pages; i++) {
        c.job_result.pages[i].number = (uint16_t)i;
    }
    return c;
}

struct command command_read(uint64_t n, uint32_t attempt, const char *worker,
                            enum farm_verdict verdict) {
    struct application_id id = application_id_of(n);
    struct command c = {.type = CMD_JOB_RESULT,
                        .job_result = {.key = {JOB_READ, store_application_key(&id)},
                                       .attempt = attempt,
                                       .verdict = verdict}};
    snprintf(c.job_result.worker, sizeof c.job_result.worker, "%s", worker);
    return c;
}

struct command command_review_claim(uint64_t n, uint64_t staff) {
    return (struct command){.type = CMD_REVIEW_CLAIM,
                            .review_claim = {.id = application_id_of(n),
                                             .staff = id_of(staff),
                                             .lease_ms = MINUTE_MS}};
}

struct command command_review_release(uint64_t n, uint64_t staff, uint32_t claim) {
    return (struct command){
        .type = CMD_REVIEW_RELEASE,
        .review_release = {
            .id = application_id_of(n), .staff = id_of(staff), .claim = claim}};
}

struct application_mail mail_expired(uint32_t after_s, uint64_t n) {
    return (struct application_mail){
        .kind = APPLICATION_MAIL_EXPIRED,
        .after_s = after_s,
        .id = id_of(n),
        .recipient = key_of(n),
        .sealed = span_str("mail"),
    };
}

struct command command_decide(uint64_t n, uint64_t staff, uint32_t claim,
                              enum review_decision decision) {
    struct command c = {.type = CMD_REVIEW_DECIDE,
                        .review_decide = {.id = application_id_of(n),
                                          .staff = id_of(staff),
                                          .claim = claim,
                                          .decision = decision,
                                          .note = span_str("sealed")}};
    c.review_decide.defects =
        decision == REVIEW_DENY ? DEFECT_CERT_COPY | DEFECT_FORM_DIFFERS : 0;
    if (decision == REVIEW_APPROVE) {
        c.review_decide.token = key_of(50000 + n);
        c.review_decide.token_ttl_ms = HOUR_MS;
        c.review_decide.later.at[c.review_decide.later.count++] =
            mail_expired(30u * 86400, 70000 + n);
    }
    return c;
}

struct command command_renew(uint64_t n, uint64_t token) {
    return (struct command){.type = CMD_ACTIVATION_RENEW,
                            .activation_renew = {.id = application_id_of(n),
                                                 .token = key_of(token),
                                                 .token_ttl_ms = HOUR_MS}};
}

struct command command_code(uint64_t token, uint64_t code) {
    return (struct command){.type = CMD_ACTIVATION_CODE,
                            .activation_code = {.token = key_of(token),
                                                .code = key_of(code),
                                                .code_ttl_ms = MINUTE_MS}};
}

struct command command_activate(uint64_t token, uint64_t sub, uint64_t code) {
    return (struct command){.type = CMD_ACTIVATE,
                            .activate = {.token = key_of(token),
                                         .code = key_of(code),
                                         .phone = {.id = id_of(sub),
                                                   .index = key_of(sub),
                                                   .label = span_str("+81***1234"),
                                                   .sealed = span_str("number")},
                                         .sub = id_of(sub),
                                         .password_hash = span_str("$argon2id$"),
                                         .sealed_profile = span_str("profile")}};
}

struct command command_correct(uint64_t n, uint64_t name, uint64_t staff) {
    return (struct command){.type = CMD_CORRECTION_PROPOSE,
                            .correction_propose = {.id = application_id_of(n),
                                                   .name = id_of(name),
                                                   .staff = id_of(staff),
                                                   .basis = CORRECTION_CALLED_BACK,
                                                   .sealed = span_str("other number")}};
}

struct command command_correct_settle(uint64_t n, uint64_t name, uint64_t staff,
                                      bool approve) {
    return (struct command){.type = CMD_CORRECTION_SETTLE,
                            .correction_settle = {.id = application_id_of(n),
                                                  .name = id_of(name),
                                                  .staff = id_of(staff),
                                                  .approve = approve}};
}

struct command command_import(uint64_t n, uint64_t staff, size_t count) {
    struct command c = {.type = CMD_IMPORT_PROPOSE,
                        .import_propose = {.id = id_of(n),
                                           .staff = id_of(staff),
                                           .count = count}};
    for (size_t i = 0; i < count; i++) {
        bool odd = (i + 1) % 2 == 1;
        c.import_propose.lines[i].id = application_id_of(i + 1);
        c.import_propose.lines[i].decision = odd ? REVIEW_APPROVE : REVIEW_DENY;
        c.import_propose.lines[i].defects = odd ? 0 : DEFECT_CERT_EXPIRED;
    }
    return c;
}

struct command command_import_approve(uint64_t n, uint64_t staff) {
    return (struct command){
        .type = CMD_IMPORT_APPROVE,
        .import_approve = {.id = id_of(n), .staff = id_of(staff), .approve = true}};
}

struct command command_import_line(uint64_t n, uint16_t line) {
    return (struct command){.type = CMD_IMPORT_LINE,
                            .import_line = {.id = id_of(n),
                                            .line = line,
                                            .token = key_of(60000 + 1000 * n + line),
                                            .token_ttl_ms = HOUR_MS,
                                            .later = {.count = 1,
                                                      .at = {mail_expired(
                                                          30u * 86400,
                                                          80000 + 1000 * n + line)}}}};
}

size_t intake_commands(struct command *out) {
    size_t n = 0;

    out[n++] = command_apply(1);
    out[n++] = command_apply(2);
    out[n - 1].application_submit.confirmed = false;
    out[n - 1].application_submit.token = key_of(1);
    out[n - 1].application_submit.token_ttl_ms = 1;
    out[n - 1].application_submit.has_entry = true;
    out[n - 1].application_submit.entry = id_of(1);
    out[n++] = command_confirm(1);
    out[n++] = command_move(1, APPLICATION_AWAITING, APPLICATION_RECEIVED, 1);
    out[n++] = command_move(1, APPLICATION_AWAITING, APPLICATION_DEFECT, 1);
    out[n++] = command_blob(1, 2);
    out[n++] = command_hold(1, 1, false);
    out[n++] = command_hold(1, 1, false);
    out[n - 1].blob_hold.give_back = true;
    out[n++] = command_blob_node(1, 5000);
    out[n++] = command_batch(1);
    out[n++] = command_bundle(1, LIMIT_BUNDLE_FILES);
    out[n - 1].bundle_add.staff = id_of(1);
    out[n++] = command_place(id_of(1), 3, "P00001", 1);
    out[n++] = command_place(id_of(1), 3, "", 0);
    out[n++] = command_lease("w1", LIMIT_JOB_LEASES);
    out[n++] = command_sorted(id_of(1), 1, "w1", 3);
    out[n - 1].job_result.pages[1].id = application_id_of(1);
    out[n - 1].job_result.pages[1].how = PAGE_BY_QR;
    out[n++] = command_read(1, 2, "w2", FARM_NG);
    out[n - 1].job_result.reasons = UINT64_MAX;
    out[n - 1].job_result.has_evidence = true;
    out[n - 1].job_result.evidence = blob_id_of(9);
    out[n++] = command_read(1, 2, "w2", FARM_NONE);
    out[n - 1].job_result.failed = true;
    memcpy(out[n - 1].job_result.error, "killed", sizeof "killed");
    out[n++] = command_review_claim(1, 1);
    out[n++] = command_review_release(1, 1, 1);
    out[n++] = command_decide(1, 1, 1, REVIEW_APPROVE);
    out[n++] = command_decide(1, 1, 1, REVIEW_DENY);
    out[n++] = command_decide(1, 1, 1, REVIEW_HOLD);
    out[n++] = command_renew(1, 2);
    out[n - 1].activation_renew.later.count = 1;
    out[n - 1].activation_renew.later.at[0] = mail_expired(60, 5);
    out[n - 1].activation_renew.later.at[0].kind = APPLICATION_MAIL_ACTIVATE;
    out[n - 1].activation_renew.later.at[0].token = key_of(3);
    out[n - 1].activation_renew.later.at[0].token_ttl_ms = 1;
    out[n++] = command_code(1, 2);
    out[n++] = command_activate(1, 2, 3);
    out[n - 1].activate.corrections = UINT32_MAX;
    out[n++] = command_correct(1, 2, 3);
    out[n - 1].correction_propose.corrections = 1;
    out[n++] = command_correct_settle(1, 2, 3, true);
    out[n++] = command_correct_settle(1, 2, 3, false);
    out[n++] = command_import(1, 1, 3);
    out[n++] = command_import_approve(1, 2);
    out[n++] = command_import_line(1, 0);
    return n;
}

/* --- rows --- */

static struct store_read *read_begin(struct fsm_fixture *fx) {
    struct store_read *read;

    assert_ok(store_read_new(fx->store.store, &read));
    assert_ok(store_read_begin(read));
    return read;
}

static bool read_end(struct store_read *read, enum err err) {
    store_read_end(read);
    store_read_free(read);
    assert_true(err == OK || err == ERR_NOT_FOUND);
    return err == OK;
}

bool fixture_application(struct fsm_fixture *fx, uint64_t n,
                         struct application *ret_application) {
    struct store_read *read = read_begin(fx);
    struct application_id id = application_id_of(n);

    return read_end(read, store_application_get(read, &fx->arena, &id, ret_application));
}

uint64_t fixture_stock(struct fsm_fixture *fx, enum application_state state) {
    struct store_read *read = read_begin(fx);
    uint64_t all = 0;
    enum err err = OK;

    for (int kind = APPLICATION_CORPORATION; kind <= APPLICATION_KIND_LAST; kind++) {
        uint64_t count;
        err = store_application_count(read, (enum application_kind)kind, state, &count);
        assert_ok(err);
        all += count;
    }
    read_end(read, err);
    return all;
}

bool fixture_correction(struct fsm_fixture *fx, uint64_t n,
                        struct correction *ret_correction) {
    struct store_read *read = read_begin(fx);
    struct application_id id = application_id_of(n);

    return read_end(read, store_correction_get(read, &fx->arena, &id, ret_correction));
}

void fixture_review(struct fsm_fixture *fx, uint64_t n, struct review *ret_review) {
    struct store_read *read = read_begin(fx);
    struct application_id id = application_id_of(n);

    read_end(read, store_review_get(read, &fx->arena, &id, ret_review));
}

bool fixture_blob(struct fsm_fixture *fx, uint64_t n, struct blob_row *ret_blob) {
    struct store_read *read = read_begin(fx);
    struct blob_id id = blob_id_of(n);

    return read_end(read, store_blob_get(read, &id, ret_blob));
}

bool fixture_job(struct fsm_fixture *fx, struct job_key key, struct ocr_job *ret_job) {
    struct store_read *read = read_begin(fx);

    return read_end(read, store_job_get(read, key, ret_job));
}

bool fixture_bundle(struct fsm_fixture *fx, struct id128 id,
                    struct intake_bundle *ret_bundle) {
    struct store_read *read = read_begin(fx);

    return read_end(read, store_intake_bundle_get(read, id, ret_bundle));
}
