/* svc_admin_intake: batches of scans by the command `tasuki intake`, and what became of
 * them; applications that are loaded, outside of production. */
#include <stdio.h>

#include "server/domain/application_id.h"
#include "server/domain/profile.h"
#include "server/svc_admin_internal.h"
#include "server/svc_application.h"
#include "store/base/codec.h"
#include "store/base/japan.h"
#include "store/store_intake.h"

#define LIST_MAX (2u * 1024 * 1024)
#define OPEN_SHOWN 500
#define DRAWS_MAX 4

struct intake_op {
    struct admin_op admin; /* first */
    struct command command;
    unsigned draws;
    bool drawn; /* the id is ours */
};

size_t svc_admin_intake_size(void) {
    return sizeof(struct intake_op);
}

/* --- parts of requests --- */

/* YYYY-MM-DD as japan_day has it; 0 and a word when it is no day. */
static uint32_t day_of(struct svc_json *json, const char *name) {
    struct span text = svc_json_text(json, name, false, 10, 10);
    uint64_t first_ms, last_ms;

    if (json->failed || text.len == 0)
        return 0;
    if (!japan_read_day(text, &first_ms, &last_ms)) {
        svc_json_fail(json, "%s: a day as 2026-04-01 is expected", name);
        return 0;
    }
    return japan_day(first_ms);
}

static void id_of(struct svc_json *json, const char *name, struct id128 *ret_id) {
    struct span text = svc_json_text(json, name, true, 32, 32);

    if (!json->failed && hex_decode(text, ret_id->b, sizeof ret_id->b) != OK)
        svc_json_fail(json, "%s: 32 hex digits are expected", name);
}

static void application_id_of(struct svc_json *json, const char *name, bool required,
                              struct application_id *ret_id) {
    struct span text = svc_json_text(json, name, required, 1, APPLICATION_ID_MAX);

    if (json->failed || text.len == 0)
        return;
    memcpy(ret_id->text, text.data, text.len);
    if (!store_application_id_ok(ret_id) ||
        (text.len == APPLICATION_ID_TEXT - 1 && text.data[0] == 'P' &&
         !application_id_sound(text)))
        svc_json_fail(json, "%s: 申請書ID is expected (the check digits of this one do "
                            "not fit)",
                      name);
}

/* Whose act it is: a person's of the staff, through the console, or the operator's. */
static struct id128 staff_of(const struct intake_op *op) {
    struct span by = op->admin.admin->by_staff;
    struct id128 staff = {{0}};

    if (by.len == sizeof staff.b)
        memcpy(staff.b, by.data, sizeof staff.b);
    return staff;
}

/* --- applications --- */

static const char *const kinds[] = {"corporation", "sole_proprietor", "public_body",
                                    "other_body", NULL};

static void read_profile(struct svc_json *json, struct profile *profile,
                         enum application_kind kind) {
    json_t *object = json->failed ? NULL : json_object_get(json->root, "profile");
    const char *name, *why = "";
    enum profile_field field;
    json_t *value;

    if (!json_is_object(object)) {
        svc_json_fail(json, "profile: an object is expected");
        return;
    }
    json_object_foreach(object, name, value) {
        field = profile_field_find(span_str(name));
        if (field == PROFILE_COUNT || !json_is_string(value)) {
            svc_json_fail(json, "profile.%.64s: no such text", name);
            return;
        }
        profile->fields[field] =
            span_of(json_string_value(value), json_string_length(value));
        if (!profile_field_check(field, profile->fields[field], &why)) {
            svc_json_fail(json, "profile.%s: %s", name, why);
            return;
        }
    }
    profile->corp_type = kind == APPLICATION_CORPORATION ? CORP_CORPORATION
                         : kind == APPLICATION_SOLE      ? CORP_SOLE
                                                         : CORP_NONE;
    if (!profile_check(profile, &field, &why))
        svc_json_fail(json, "profile.%s: %s", profile_field_name(field), why);
}

static void application_sent(struct svc_state *state);

static void application_send(struct intake_op *op) {
    struct cmd_application_submit *submit = &op->command.application_submit;
    struct svc *svc = op->admin.base.svc;
    struct profile profile = {.corp_type = CORP_NONE};
    uint64_t random;
    enum err err;

    if (op->drawn) {
        svc_random(svc, &random, sizeof random);
        application_id_make(random, submit->id.text);
    }
    read_profile(&op->admin.json, &profile, submit->kind);
    if (op->admin.json.failed) {
        svc_admin_invalid(&op->admin);
        return;
    }
    err = svc_application_seal(svc, &op->admin.admin->op.arena, &profile, submit);
    if (err == ERR_INVALID) {
        svc_json_fail(&op->admin.json, "profile.email: the account ID is expected");
        svc_admin_invalid(&op->admin);
    } else if (err) {
        svc_fail(&op->admin.base, err);
    } else {
        svc_submit(&op->admin.base, &op->command, application_sent);
    }
}

static void application_sent(struct svc_state *state) {
    struct intake_op *op = (struct intake_op *)state;
    struct buf *out = &state->svc->scratch;

    switch (state->request.outcome.code) {
    case OUT_OK:
        buf_reset(out);
        buf_str(out, "{");
        buf_json_member(out, "application_id",
                        span_str(op->command.application_submit.id.text));
        buf_str(out, "}");
        svc_admin_answer(&op->admin, out);
        return;
    case OUT_EXISTS:
        if (op->drawn && ++op->draws < DRAWS_MAX)
            application_send(op);
        else
            svc_admin_refuse(&op->admin, ADMIN_CONFLICT, "application_id: it is taken");
        return;
    case OUT_DUPLICATE_ACCOUNT:
        svc_admin_refuse(&op->admin, ADMIN_CONFLICT,
                         "profile.email: an account or an open application has it");
        return;
    case OUT_DUPLICATE_PERSON:
        svc_admin_refuse(&op->admin, ADMIN_CONFLICT,
                         "profile: this person has applied for this corporation");
        return;
    default:
        svc_fail(state, ERR_CORRUPT);
    }
}

static void application_add(struct intake_op *op) {
    static const char *const members[] = {"application_id", "kind",    "received_on",
                                          "form_version",   "profile", NULL};
    struct cmd_application_submit *submit = &op->command.application_submit;
    struct svc_json *json = &op->admin.json;

    if (op->admin.base.svc->shared->config->environment == ENV_PRODUCTION) {
        svc_admin_refuse(&op->admin, ADMIN_CONFLICT,
                         "applications of production come from applicants alone");
        return;
    }
    svc_json_parse(json, op->admin.admin->body_in, members);
    application_id_of(json, "application_id", false, &submit->id);
    op->drawn = submit->id.text[0] == '\0';
    submit->kind = (enum application_kind)svc_json_choice(json, "kind", kinds, 1);
    submit->received_day = day_of(json, "received_on");
    submit->environment = op->admin.base.svc->shared->config->environment;
    submit->form_version = 1;
    submit->confirmed = true;
    op->command.type = CMD_APPLICATION_SUBMIT;
    if (json->failed)
        svc_admin_invalid(&op->admin);
    else
        application_send(op);
}

static enum err put_stocks(struct svc *svc, struct buf *out) {
    enum err err = OK;

    buf_str(out, ",\"stocks\":[");
    for (int kind = 1; kind <= APPLICATION_KIND_LAST && !err; kind++) {
        for (int state = 1; state <= APPLICATION_STATE_LAST && !err; state++) {
            uint64_t count = 0;
            err = store_application_count(svc->read, (enum application_kind)kind,
                                          (enum application_state)state, &count);
            if (err || count == 0)
                continue;
            buf_str(out, out->data[out->len - 1] == '[' ? "{" : ",{");
            buf_json_member(out, "kind",
                            span_str(store_application_kind_name(
                                (enum application_kind)kind)));
            buf_json_member(out, "state",
                            span_str(store_application_state_name(
                                (enum application_state)state)));
            buf_json_u64(out, "count", count);
            buf_str(out, "}");
        }
    }
    buf_str(out, "]");
    return err;
}

static enum err put_jobs(struct svc *svc, struct buf *out) {
    static const char *const names[] = {"", "waiting", "leased", "done", "poison"};
    enum client_environment environment = svc->shared->config->environment;
    enum err err = OK;

    buf_json_name(out, "jobs");
    buf_str(out, "{");
    for (int state = JOB_WAITING; state <= JOB_POISON && !err; state++) {
        uint64_t count = 0;
        err = store_job_count(svc->read, environment, (enum job_state)state, &count);
        buf_json_u64(out, names[state], count);
    }
    buf_str(out, "}");
    return err;
}

static void application_list(struct intake_op *op) {
    struct svc *svc = op->admin.base.svc;
    struct buf out;
    enum err err = svc_read_begin(svc);

    buf_init(&out, LIST_MAX);
    if (!err) {
        buf_str(&out, "{\"environment\":\"\"");
        err = put_stocks(svc, &out);
        if (!err)
            err = put_jobs(svc, &out);
        if (!err)
            err = svc_admin_put_blobs(svc, &out, true);
        svc_read_end(svc);
        buf_str(&out, "}");
    }
    if (err)
        svc_fail(&op->admin.base, err);
    else
        svc_admin_answer(&op->admin, &out);
    buf_free(&out);
}

/* --- batches --- */

static void word_answer(struct intake_op *op, const char *word) {
    struct buf *out = &op->admin.base.svc->scratch;

    buf_reset(out);
    buf_str(out, "{");
    buf_json_member(out, "result", span_str(word));
    buf_str(out, "}");
    svc_admin_answer(&op->admin, out);
}

static void added(struct svc_state *state) {
    struct intake_op *op = (struct intake_op *)state;

    switch (state->request.outcome.code) {
    case OUT_OK:
        word_answer(op, "added");
        return;
    case OUT_EXISTS:
        word_answer(op, "known");
        return;
    case OUT_NOT_FOUND:
        svc_admin_refuse(&op->admin, ADMIN_NOT_FOUND,
                         "there is no such batch, page, application, or scan: send the "
                         "scans first");
        return;
    case OUT_APPLICATION_STATE:
        svc_admin_refuse(&op->admin, ADMIN_CONFLICT,
                         "the application takes no pages: it is decided, or not "
                         "confirmed");
        return;
    case OUT_ROLE:
    case OUT_ACCOUNT_STATE:
        svc_admin_refuse(&op->admin, ADMIN_CONFLICT,
                         "staff: the account is not of the intake any more");
        return;
    case OUT_FULL:
        svc_admin_refuse(&op->admin, ADMIN_CONFLICT,
                         "the application has as many pages as may be");
        return;
    default:
        svc_fail(state, ERR_CORRUPT);
    }
}

static void submit(struct intake_op *op) {
    if (op->admin.json.failed)
        svc_admin_invalid(&op->admin);
    else
        svc_submit(&op->admin.base, &op->command, added);
}

static void batch_add(struct intake_op *op) {
    static const char *const members[] = {"id", "label", "received_on", NULL};
    struct cmd_batch_add *add = &op->command.batch_add;
    struct svc_json *json = &op->admin.json;
    struct span label;

    svc_json_parse(json, op->admin.admin->body_in, members);
    id_of(json, "id", &add->id);
    label = svc_json_text(json, "label", true, 1, sizeof add->label - 1);
    if (!json->failed)
        memcpy(add->label, label.data, label.len);
    add->received_day = day_of(json, "received_on");
    if (add->received_day == 0)
        svc_json_fail(json, "received_on: the day of the post is expected");
    add->environment = op->admin.base.svc->shared->config->environment;
    add->staff = staff_of(op);
    op->command.type = CMD_BATCH_ADD;
    submit(op);
}

static void read_file(struct svc_json *json, json_t *object, size_t i,
                      struct intake_file *file) {
    static const char *const formats[] = {"tiff", "pdf", "jpeg", "png", NULL};
    const char *hash = json_string_value(json_object_get(object, "sha256"));
    const char *name = json_string_value(json_object_get(object, "name"));
    const char *format = json_string_value(json_object_get(object, "format"));
    json_t *size = json_object_get(object, "size");

    if (!hash || hex_decode(span_str(hash), file->blob.b, sizeof file->blob.b) != OK ||
        !name || strlen(name) >= sizeof file->name || !format ||
        svc_json_find(formats, span_str(format)) == 0 || !json_is_integer(size) ||
        json_integer_value(size) <= 0) {
        svc_json_fail(json, "files[%zu]: sha256, size, format and name are expected", i);
        return;
    }
    snprintf(file->name, sizeof file->name, "%s", name);
    file->format = (enum scan_format)svc_json_find(formats, span_str(format));
    file->size = (uint64_t)json_integer_value(size);
}

static void bundle_add(struct intake_op *op) {
    static const char *const members[] = {"batch", "position", "files", NULL};
    struct cmd_bundle_add *add = &op->command.bundle_add;
    struct svc_json *json = &op->admin.json;
    json_t *files, *position;

    svc_json_parse(json, op->admin.admin->body_in, members);
    id_of(json, "batch", &add->batch);
    files = json->failed ? NULL : json_object_get(json->root, "files");
    position = json->failed ? NULL : json_object_get(json->root, "position");
    if (!json_is_array(files) || json_array_size(files) == 0 ||
        json_array_size(files) > LIMIT_BUNDLE_FILES)
        svc_json_fail(json, "files: 1 to %d files are expected", LIMIT_BUNDLE_FILES);
    else
        add->count = json_array_size(files);
    add->position = (uint32_t)json_integer_value(position);
    for (size_t i = 0; i < add->count && !json->failed; i++)
        read_file(json, json_array_get(files, i), i, &add->files[i]);
    add->staff = staff_of(op);
    op->command.type = CMD_BUNDLE_ADD;
    submit(op);
}

static void place(struct intake_op *op) {
    static const char *const members[] = {"bundle", "page", "application_id", NULL};
    struct cmd_page_place *page = &op->command.page_place;
    struct svc_json *json = &op->admin.json;
    json_t *number;

    svc_json_parse(json, op->admin.admin->body_in, members);
    id_of(json, "bundle", &page->bundle);
    number = json->failed ? NULL : json_object_get(json->root, "page");
    if (!json_is_integer(number) || json_integer_value(number) < 0 ||
        json_integer_value(number) >= LIMIT_BUNDLE_PAGES)
        svc_json_fail(json, "page: a page's number in its bundle is expected");
    else
        page->page = (uint16_t)json_integer_value(number);
    application_id_of(json, "application_id", false, &page->id);
    page->staff = staff_of(op);
    op->command.type = CMD_PAGE_PLACE;
    submit(op);
}

/* --- what became of a batch --- */

struct progress {
    struct store_read *read;
    struct buf *out;
    struct intake_bundle *bundle;
    size_t shown;
    enum err err;
};

static const char *state_word(enum page_state state) {
    static const char *const words[] = {
        [0] = "",
        [PAGE_ASSIGNED] = "assigned",
        [PAGE_DISCARDED] = "discarded",
        [PAGE_OPEN_UNREADABLE] = "unreadable",
        [PAGE_OPEN_UNMATCHED] = "unknown",
        [PAGE_OPEN_SURPLUS] = "surplus",
        [PAGE_OPEN_DUPLICATE] = "duplicate",
    };
    return words[state];
}

static void put_page(struct progress *progress, size_t i) {
    const struct intake_page *page = &progress->bundle->pages[i];
    struct buf *out = progress->out;
    char id[33];

    hex_encode(span_of(progress->bundle->id.b, sizeof progress->bundle->id.b), id);
    buf_str(out, progress->shown++ == 0 ? "{" : ",{");
    buf_json_member(out, "bundle", span_str(id));
    buf_json_u64(out, "page", i);
    buf_json_member(out, "file", span_str(progress->bundle->files[page->file].name));
    buf_json_u64(out, "number", page->number + 1u);
    buf_json_member(out, "state", span_str(state_word(page->state)));
    buf_json_member(out, "application_id", span_str(page->id.text));
    buf_str(out, "}");
}

static bool put_bundle(void *arg, struct id128 id) {
    struct progress *progress = arg;

    progress->err = store_intake_bundle_get(progress->read, id, progress->bundle);
    for (size_t i = 0; !progress->err && i < progress->bundle->pages_count; i++)
        if (progress->bundle->pages[i].state >= PAGE_OPEN_UNREADABLE &&
            progress->shown < OPEN_SHOWN)
            put_page(progress, i);
    return progress->err == OK;
}

static enum err put_progress(struct progress *progress, struct id128 id) {
    struct intake_batch batch;
    struct buf *out = progress->out;
    enum err err = store_intake_batch_get(progress->read, id, &batch);

    if (err)
        return err;
    buf_str(out, "{");
    buf_json_member(out, "label", span_str(batch.label));
    buf_json_u64(out, "bundles", batch.bundles);
    buf_json_u64(out, "sorted", batch.sorted);
    buf_json_u64(out, "pages", batch.pages);
    buf_json_u64(out, "open_pages", batch.open_pages);
    buf_str(out, ",\"open\":[");
    err = store_intake_walk_bundles(progress->read, id, put_bundle, progress);
    buf_str(out, "]}");
    return err ? err : progress->err;
}

static void batch_progress(struct intake_op *op) {
    static const char *const members[] = {"batch", NULL};
    struct svc *svc = op->admin.base.svc;
    struct buf out;
    struct progress progress = {.out = &out};
    struct id128 id = {{0}};
    enum err err;

    svc_json_parse(&op->admin.json, op->admin.admin->body_in, members);
    id_of(&op->admin.json, "batch", &id);
    if (op->admin.json.failed) {
        svc_admin_invalid(&op->admin);
        return;
    }
    progress.bundle =
        arena_alloc(&op->admin.admin->op.arena, sizeof *progress.bundle);
    buf_init(&out, LIST_MAX);
    err = progress.bundle ? svc_read_begin(svc) : ERR_NOMEM;
    if (!err) {
        progress.read = svc->read;
        err = put_progress(&progress, id);
        svc_read_end(svc);
    }
    if (err == ERR_NOT_FOUND)
        svc_admin_refuse(&op->admin, ADMIN_NOT_FOUND, "batch: there is no such batch");
    else if (err)
        svc_fail(&op->admin.base, err);
    else
        svc_admin_answer(&op->admin, &out);
    buf_free(&out);
}

void svc_admin_intake(struct admin_op *admin) {
    struct intake_op *op = (struct intake_op *)admin;

    switch (admin->admin->action) {
    case ADMIN_APPLICATION_ADD:
        application_add(op);
        return;
    case ADMIN_APPLICATION_LIST:
        application_list(op);
        return;
    case ADMIN_BATCH_ADD:
        batch_add(op);
        return;
    case ADMIN_BUNDLE_ADD:
        bundle_add(op);
        return;
    case ADMIN_PAGE_PLACE:
        place(op);
        return;
    default:
        batch_progress(op);
    }
}
