/* command_intake: payloads of the intake's commands, and what they give. */
#include "raft/command.h"

#include "store/base/codec.h"
#include "store/base/fields.h"

#define PAYLOAD_VERSION 1

static void version(struct fields *f) {
    uint8_t number = PAYLOAD_VERSION;

    field_u8(f, &number);
    field_rule(f, number == PAYLOAD_VERSION);
}

#define FIELD_FIXED(f, array) field_fixed((f), (array), sizeof(array))

static void application_id(struct fields *f, struct application_id *id) {
    field_text(f, id->text, sizeof id->text);
    field_rule(f, store_application_id_ok(id));
}

/* "" likewise. */
static void application_id_or_none(struct fields *f, struct application_id *id) {
    field_text(f, id->text, sizeof id->text);
    field_rule(f, id->text[0] == '\0' || store_application_id_ok(id));
}

static bool any(const uint8_t *data, size_t len) {
    uint8_t bits = 0;

    for (size_t i = 0; i < len; i++) {
        bits |= data[i];
    }
    return bits != 0;
}

static void actor(struct fields *f, struct actor *c) {
    FIELD_ENUM(f, c->kind, AUDIT_SYSTEM, AUDIT_ACTOR_LAST);
    field_bytes(f, &c->id, LIMIT_AUDIT_ACTOR);
    field_bool(f, &c->has_source);
    FIELD_FIXED(f, c->source);
    field_bytes(f, &c->sealed, LIMIT_SEALED_ORIGIN);
    field_bytes(f, &c->at, LIMIT_CLIENT_ID);
}

static void caps(struct fields *f, struct caps *c) {
    field_count(f, &c->count, LIMIT_MESSAGE_CAPS);
    for (size_t i = 0; i < c->count; i++) {
        FIELD_FIXED(f, c->at[i].key.b);
        field_u32(f, &c->at[i].max);
        field_u32(f, &c->at[i].window_ms);
        field_rule(f, c->at[i].window_ms > 0);
        for (size_t j = 0; j < i; j++) {
            field_rule(f, memcmp(c->at[i].key.b, c->at[j].key.b,
                                 sizeof c->at[i].key.b) != 0);
        }
    }
}

static void message(struct fields *f, struct message_out *c) {
    field_bool(f, &c->present);
    if (!c->present) {
        return;
    }
    FIELD_FIXED(f, c->id.b);
    FIELD_ENUM(f, c->kind, OUTBOX_MAIL, OUTBOX_SMS);
    field_bool(f, &c->has_sub);
    FIELD_FIXED(f, c->sub.b);
    FIELD_FIXED(f, c->recipient.b);
    field_bytes(f, &c->sealed, LIMIT_SEALED_MESSAGE);
    field_u32(f, &c->ttl_ms);
    field_bytes(f, &c->client_id, LIMIT_CLIENT_ID);
    caps(f, &c->caps);
    field_rule(f, c->sealed.len > 0);
    field_rule(f, c->has_sub || !any(c->sub.b, sizeof c->sub.b));
}

static void later(struct fields *f, struct application_mails *c) {
    field_count(f, &c->count, APPLICATION_MAILS_MAX);
    for (size_t i = 0; i < c->count; i++) {
        FIELD_ENUM(f, c->at[i].kind, APPLICATION_MAIL_ARRIVED, APPLICATION_MAIL_LAST);
        field_u32(f, &c->at[i].after_s);
        FIELD_FIXED(f, c->at[i].id.b);
        FIELD_FIXED(f, c->at[i].recipient.b);
        field_bytes(f, &c->at[i].sealed, APPLICATION_MAIL_SEALED);
        FIELD_FIXED(f, c->at[i].token.b);
        field_u32(f, &c->at[i].token_ttl_ms);
        field_rule(f, c->at[i].sealed.len > 0);
        field_rule(f, any(c->at[i].token.b, sizeof c->at[i].token.b) ==
                          (c->at[i].token_ttl_ms > 0));
        field_rule(f, c->at[i].token_ttl_ms == 0 ||
                          c->at[i].kind == APPLICATION_MAIL_ACTIVATE);
        field_rule(f, (c->at[i].kind == APPLICATION_MAIL_ARRIVED) ==
                          (c->at[i].after_s == 0));
    }
}

/* All of them wait in the state. */
static void later_of(struct fields *f, struct application_mails *c,
                     enum application_state state) {
    later(f, c);
    for (size_t i = 0; i < c->count; i++) {
        field_rule(f, !f->bad && store_application_mail_fits(c->at[i].kind, state));
    }
}

/* So many with which an approval lapses. */
static size_t lapses(const struct application_mails *c) {
    size_t count = 0;

    for (size_t i = 0; i < c->count; i++) {
        count += c->at[i].kind == APPLICATION_MAIL_EXPIRED ? 1 : 0;
    }
    return count;
}

/* --- applications --- */

static void application_submit(struct fields *f, struct cmd_application_submit *c) {
    application_id(f, &c->id);
    FIELD_ENUM(f, c->kind, APPLICATION_CORPORATION, APPLICATION_KIND_LAST);
    FIELD_ENUM(f, c->environment, ENV_DEMO, ENV_PRODUCTION);
    field_u32(f, &c->form_version);
    FIELD_FIXED(f, c->account_index.b);
    FIELD_FIXED(f, c->person_index.b);
    FIELD_FIXED(f, c->pair_index.b);
    field_bool(f, &c->has_entry);
    FIELD_FIXED(f, c->entry.b);
    field_u32(f, &c->received_day);
    field_bool(f, &c->confirmed);
    FIELD_FIXED(f, c->token.b);
    field_u32(f, &c->token_ttl_ms);
    field_bool(f, &c->english);
    field_bytes(f, &c->sealed, LIMIT_SEALED_PROFILE);
    message(f, &c->message);
    message(f, &c->known);
    field_rule(f, !c->confirmed || !c->known.present);
    field_rule(f, c->has_entry == any(c->entry.b, sizeof c->entry.b));
    field_rule(f, c->confirmed != any(c->token.b, sizeof c->token.b));
    field_rule(f, c->confirmed == (c->token_ttl_ms == 0));
}

static void application_move(struct fields *f, struct cmd_application_move *c) {
    application_id(f, &c->id);
    FIELD_ENUM(f, c->from, APPLICATION_SUBMITTED, APPLICATION_STATE_LAST);
    FIELD_ENUM(f, c->to, APPLICATION_SUBMITTED, APPLICATION_STATE_LAST);
    FIELD_FIXED(f, c->staff.b);
    field_u32(f, &c->defects);
    field_u32(f, &c->received_day);
    field_text(f, c->tracking, sizeof c->tracking);
    message(f, &c->message);
    field_rule(f, (c->defects & ~DEFECTS_ALL) == 0);
    field_rule(f, (c->to == APPLICATION_DEFECT) == (c->defects != 0));
}

/* --- blobs --- */

static void blob_add(struct fields *f, struct cmd_blob_add *c) {
    FIELD_FIXED(f, c->id.b);
    FIELD_ENUM(f, c->kind, BLOB_SCAN, BLOB_KIND_LAST);
    field_u64(f, &c->size);
    field_count(f, &c->nodes_count, LIMIT_NODES);
    for (size_t i = 0; i < c->nodes_count; i++) {
        field_u64(f, &c->nodes[i]);
        field_rule(f, c->nodes[i] > 0 && c->nodes[i] <= STORE_MEMBER_ID_MAX &&
                          (i == 0 || c->nodes[i] > c->nodes[i - 1]));
    }
    field_rule(f, c->nodes_count > 0 && c->size > 0 && c->size <= LIMIT_BLOB);
}

static void blob_hold(struct fields *f, struct cmd_blob_hold *c) {
    field_u64(f, &c->node);
    field_bool(f, &c->give_back);
    field_count(f, &c->count, LIMIT_BLOB_BATCH);
    for (size_t i = 0; i < c->count; i++) {
        FIELD_FIXED(f, c->blobs[i].id.b);
        field_bool(f, &c->blobs[i].holds);
        field_rule(f, !c->give_back || !c->blobs[i].holds);
    }
    field_rule(f, c->node > 0 && c->node <= STORE_MEMBER_ID_MAX);
}

static void blob_node(struct fields *f, struct cmd_blob_node *c) {
    field_u64(f, &c->node);
    field_u32(f, &c->lease_ms);
    field_rule(f, c->node > 0 && c->node <= STORE_MEMBER_ID_MAX && c->lease_ms > 0);
}

/* --- batches and bundles --- */

static void batch_add(struct fields *f, struct cmd_batch_add *c) {
    FIELD_FIXED(f, c->id.b);
    field_text(f, c->label, sizeof c->label);
    FIELD_ENUM(f, c->environment, ENV_DEMO, ENV_PRODUCTION);
    FIELD_FIXED(f, c->staff.b);
    field_u32(f, &c->received_day);
}

static void bundle_add(struct fields *f, struct cmd_bundle_add *c) {
    FIELD_FIXED(f, c->batch.b);
    FIELD_FIXED(f, c->staff.b);
    field_u32(f, &c->position);
    field_count(f, &c->count, LIMIT_BUNDLE_FILES);
    field_rule(f, c->count > 0);
    for (size_t i = 0; i < c->count; i++) {
        struct intake_file *file = &c->files[i];
        FIELD_FIXED(f, file->blob.b);
        field_u64(f, &file->size);
        FIELD_ENUM(f, file->format, SCAN_TIFF, SCAN_PNG);
        field_text(f, file->name, sizeof file->name);
    }
}

static void page_place(struct fields *f, struct cmd_page_place *c) {
    FIELD_FIXED(f, c->bundle.b);
    field_u16(f, &c->page);
    application_id_or_none(f, &c->id);
    FIELD_FIXED(f, c->staff.b);
}

/* --- jobs --- */

static void job_key(struct fields *f, struct job_key *key) {
    FIELD_ENUM(f, key->kind, JOB_SORT, JOB_READ);
    FIELD_FIXED(f, key->subject.b);
}

static void job_lease(struct fields *f, struct cmd_job_lease *c) {
    FIELD_ENUM(f, c->environment, ENV_DEMO, ENV_PRODUCTION);
    field_text(f, c->worker, sizeof c->worker);
    field_u32(f, &c->lease_ms);
    field_u8(f, &c->count);
    field_rule(f, c->worker[0] != '\0' && c->lease_ms > 0 && c->count > 0 &&
                      c->count <= LIMIT_JOB_LEASES);
}

static void job_pages(struct fields *f, struct cmd_job_result *c) {
    field_count(f, &c->pages_count, LIMIT_BUNDLE_PAGES);
    for (size_t i = 0; i < c->pages_count; i++) {
        struct intake_page *page = &c->pages[i];
        field_u8(f, &page->file);
        field_u16(f, &page->number);
        FIELD_ENUM(f, page->kind, PAGE_UNKNOWN, PAGE_KIND_LAST);
        FIELD_ENUM(f, page->how, PAGE_BY_NOTHING, PAGE_BY_PRINT);
        application_id_or_none(f, &page->id);
        field_rule(f, (page->how == PAGE_BY_NOTHING) == (page->id.text[0] == '\0'));
        field_rule(f, page->file < LIMIT_BUNDLE_FILES);
    }
}

static void job_result(struct fields *f, struct cmd_job_result *c) {
    bool read, sort;

    job_key(f, &c->key);
    field_u32(f, &c->attempt);
    field_text(f, c->worker, sizeof c->worker);
    field_bool(f, &c->failed);
    field_text(f, c->error, sizeof c->error);
    FIELD_ENUM(f, c->verdict, FARM_NONE, FARM_REVIEW);
    field_u64(f, &c->reasons);
    field_bool(f, &c->has_evidence);
    FIELD_FIXED(f, c->evidence.b);
    job_pages(f, c);
    read = c->key.kind == JOB_READ && !c->failed;
    sort = c->key.kind == JOB_SORT && !c->failed;
    field_rule(f, c->worker[0] != '\0' && (c->failed || c->error[0] == '\0'));
    field_rule(f, read == (c->verdict != FARM_NONE));
    field_rule(f, read || (c->reasons == 0 && !c->has_evidence));
    field_rule(f, sort == (c->pages_count > 0));
    field_rule(f, c->has_evidence == any(c->evidence.b, sizeof c->evidence.b));
}

/* --- reviews --- */

static void review_claim(struct fields *f, struct cmd_review_claim *c) {
    application_id(f, &c->id);
    FIELD_FIXED(f, c->staff.b);
    field_u32(f, &c->lease_ms);
    field_rule(f, c->lease_ms > 0);
}

static void review_release(struct fields *f, struct cmd_review_release *c) {
    application_id(f, &c->id);
    FIELD_FIXED(f, c->staff.b);
    field_u32(f, &c->claim);
}

static void review_decide(struct fields *f, struct cmd_review_decide *c) {
    bool approve;

    application_id(f, &c->id);
    FIELD_FIXED(f, c->staff.b);
    field_u32(f, &c->claim);
    FIELD_ENUM(f, c->decision, REVIEW_APPROVE, REVIEW_HOLD);
    field_u32(f, &c->defects);
    field_bytes(f, &c->note, LIMIT_REVIEW_NOTE);
    FIELD_FIXED(f, c->token.b);
    field_u32(f, &c->token_ttl_ms);
    message(f, &c->message);
    later_of(f, &c->later, APPLICATION_APPROVED);
    approve = c->decision == REVIEW_APPROVE;
    field_rule(f, approve || c->later.count == 0);
    field_rule(f, f->bad || lapses(&c->later) == (approve ? 1 : 0));
    field_rule(f, (c->defects & ~DEFECTS_ALL) == 0);
    field_rule(f, c->decision != REVIEW_DENY || c->defects != 0);
    field_rule(f, !approve || c->defects == 0);
    field_rule(f, approve == (c->token_ttl_ms > 0));
    field_rule(f, approve == any(c->token.b, sizeof c->token.b));
}

static void activation_renew(struct fields *f, struct cmd_activation_renew *c) {
    application_id(f, &c->id);
    FIELD_FIXED(f, c->staff.b);
    FIELD_FIXED(f, c->token.b);
    field_u32(f, &c->token_ttl_ms);
    message(f, &c->message);
    later_of(f, &c->later, APPLICATION_APPROVED);
    field_rule(f, f->bad || lapses(&c->later) == 0);
    field_rule(f, c->token_ttl_ms > 0 && any(c->token.b, sizeof c->token.b));
}

static void activation_code(struct fields *f, struct cmd_activation_code *c) {
    FIELD_FIXED(f, c->token.b);
    field_u32(f, &c->corrections);
    FIELD_FIXED(f, c->code.b);
    field_u32(f, &c->code_ttl_ms);
    message(f, &c->message);
    field_rule(f, c->code_ttl_ms > 0 && any(c->code.b, sizeof c->code.b));
}

/* The rest of its row is the state machine's. */
static void phone(struct fields *f, struct factor *c) {
    FIELD_FIXED(f, c->id.b);
    FIELD_FIXED(f, c->index.b);
    field_bytes(f, &c->label, LIMIT_FACTOR_LABEL);
    field_bytes(f, &c->sealed, LIMIT_FACTOR_SEALED);
    field_rule(f, c->sealed.len > 0 && any(c->id.b, sizeof c->id.b));
    field_rule(f, f->bad || utf8_valid(c->label));
}

static void activate(struct fields *f, struct cmd_activate *c) {
    FIELD_FIXED(f, c->token.b);
    field_u32(f, &c->corrections);
    FIELD_FIXED(f, c->code.b);
    phone(f, &c->phone);
    FIELD_FIXED(f, c->sub.b);
    field_u64(f, &c->generation);
    field_bytes(f, &c->password_hash, LIMIT_PASSWORD_HASH);
    field_bytes(f, &c->sealed_profile, LIMIT_SEALED_PROFILE);
    message(f, &c->message);
    field_rule(f, c->password_hash.len > 0 && any(c->sub.b, sizeof c->sub.b));
}

/* --- corrections --- */

static void correction_propose(struct fields *f, struct cmd_correction_propose *c) {
    application_id(f, &c->id);
    FIELD_FIXED(f, c->name.b);
    FIELD_FIXED(f, c->staff.b);
    FIELD_ENUM(f, c->basis, CORRECTION_CALLED_BACK, CORRECTION_BASIS_LAST);
    field_u32(f, &c->corrections);
    field_bytes(f, &c->sealed, LIMIT_SEALED_PROFILE);
    field_rule(f, c->sealed.len > 0 && any(c->name.b, sizeof c->name.b));
}

static void correction_settle(struct fields *f, struct cmd_correction_settle *c) {
    application_id(f, &c->id);
    FIELD_FIXED(f, c->name.b);
    FIELD_FIXED(f, c->staff.b);
    field_bool(f, &c->approve);
    message(f, &c->message);
    field_rule(f, c->approve || !c->message.present);
}

/* --- imports --- */

static void import_propose(struct fields *f, struct cmd_import_propose *c) {
    FIELD_FIXED(f, c->id.b);
    FIELD_FIXED(f, c->staff.b);
    field_count(f, &c->count, LIMIT_IMPORT_LINES);
    field_rule(f, c->count > 0);
    for (size_t i = 0; i < c->count; i++) {
        application_id(f, &c->lines[i].id);
        FIELD_ENUM(f, c->lines[i].decision, REVIEW_APPROVE, REVIEW_DENY);
        field_u32(f, &c->lines[i].defects);
        field_rule(f, (c->lines[i].defects & ~DEFECTS_ALL) == 0);
        field_rule(f, (c->lines[i].decision == REVIEW_DENY) ==
                          (c->lines[i].defects != 0));
    }
}

static void import_approve(struct fields *f, struct cmd_import_approve *c) {
    FIELD_FIXED(f, c->id.b);
    FIELD_FIXED(f, c->staff.b);
    field_bool(f, &c->approve);
}

static void import_line(struct fields *f, struct cmd_import_line *c) {
    FIELD_FIXED(f, c->id.b);
    field_u16(f, &c->line);
    FIELD_FIXED(f, c->token.b);
    field_u32(f, &c->token_ttl_ms);
    message(f, &c->message);
    later_of(f, &c->later, APPLICATION_APPROVED);
    field_rule(f, f->bad || lapses(&c->later) <= 1);
    field_rule(f, c->line < LIMIT_IMPORT_LINES && c->token_ttl_ms > 0);
    field_rule(f, any(c->token.b, sizeof c->token.b));
}

/* --- both directions --- */

static void approved_fields(struct fields *f, struct command *command) {
    switch (command->type) {
    case CMD_ACTIVATION_RENEW:
        activation_renew(f, &command->activation_renew);
        break;
    case CMD_ACTIVATION_CODE:
        activation_code(f, &command->activation_code);
        break;
    case CMD_ACTIVATE:
        activate(f, &command->activate);
        break;
    case CMD_CORRECTION_PROPOSE:
        correction_propose(f, &command->correction_propose);
        break;
    case CMD_CORRECTION_SETTLE:
        correction_settle(f, &command->correction_settle);
        break;
    default:
        f->bad = true;
        break;
    }
}

static void fields_of(struct fields *f, struct command *command) {
    version(f);
    actor(f, &command->actor);
    switch (command->type) {
    case CMD_APPLICATION_SUBMIT:
        application_submit(f, &command->application_submit);
        break;
    case CMD_APPLICATION_CONFIRM:
        FIELD_FIXED(f, command->application_confirm.token.b);
        message(f, &command->application_confirm.message);
        later_of(f, &command->application_confirm.later, APPLICATION_AWAITING);
        break;
    case CMD_APPLICATION_MOVE:
        application_move(f, &command->application_move);
        break;
    case CMD_BLOB_ADD:
        blob_add(f, &command->blob_add);
        break;
    case CMD_BLOB_HOLD:
        blob_hold(f, &command->blob_hold);
        break;
    case CMD_BLOB_NODE:
        blob_node(f, &command->blob_node);
        break;
    case CMD_BATCH_ADD:
        batch_add(f, &command->batch_add);
        break;
    case CMD_BUNDLE_ADD:
        bundle_add(f, &command->bundle_add);
        break;
    case CMD_PAGE_PLACE:
        page_place(f, &command->page_place);
        break;
    case CMD_JOB_LEASE:
        job_lease(f, &command->job_lease);
        break;
    case CMD_JOB_RESULT:
        job_result(f, &command->job_result);
        break;
    case CMD_REVIEW_CLAIM:
        review_claim(f, &command->review_claim);
        break;
    case CMD_REVIEW_RELEASE:
        review_release(f, &command->review_release);
        break;
    case CMD_REVIEW_DECIDE:
        review_decide(f, &command->review_decide);
        break;
    case CMD_IMPORT_PROPOSE:
        import_propose(f, &command->import_propose);
        break;
    case CMD_IMPORT_APPROVE:
        import_approve(f, &command->import_approve);
        break;
    case CMD_IMPORT_LINE:
        import_line(f, &command->import_line);
        break;
    default:
        approved_fields(f, command);
        break;
    }
}

bool command_intake_is(enum command_type type) {
    return (type >= CMD_APPLICATION_SUBMIT && type <= CMD_IMPORT_LINE) ||
           (type >= CMD_BLOB_NODE && type <= CMD_CORRECTION_SETTLE);
}

enum err command_intake_encode(const struct command *command, struct buf *out) {
    /* Fields are named for both directions; writing changes none. */
    struct command *fields = (struct command *)(uintptr_t)command;
    struct fields f = fields_to(out);
    size_t start = out->len;
    enum err err;

    fields_of(&f, fields);
    err = fields_end(&f);
    if (err == OK && out->len - start > LIMIT_COMMAND) {
        return ERR_TOO_BIG;
    }
    return err;
}

enum err command_intake_decode(struct span payload, struct command *command) {
    struct fields f = fields_from(payload);

    fields_of(&f, command);
    return fields_end(&f);
}
