/* svc_staff_intake: papers in the console: batches and what became of them, pages that
 * wait for a person to say whose they are, files that a browser sends.
 *
 * A file comes as `tasuki intake` sends it: in chunks that fit into a request, to one node
 * (the balancer goes by the file's hash), straight into the blob store; then it is read
 * back and hashed; then its bundle is told (http/pages/console/intake.js). */
#include <stdio.h>
#include <stdlib.h>

#include "server/oidc/params.h"
#include "server/svc_blob.h"
#include "server/svc_staff_internal.h"
#include "store/base/codec.h"
#include "store/base/japan.h"
#include "store/store_intake.h"

#define BATCHES_SHOWN 20
#define OPEN_SHOWN 100 /* of each list */

static const char *const page_kinds[] = {"unknown", "form",  "certificate",
                                         "other",   "blank", "unreadable"};

/* ---- lists, in the open snapshot */

struct listing {
    struct staff_op *op;
    struct intake_bundle *bundle;
    json_t *list;
    enum page_state state;
    enum err err;
};

static bool batch_each(void *arg, struct id128 id) {
    struct listing *listing = arg;
    struct intake_batch batch;

    listing->err = store_intake_batch_get(listing->op->base.svc->read, id, &batch);
    if (listing->err)
        return false;
    json_array_append_new(
        listing->list,
        json_pack("{s:o, s:I, s:i, s:i, s:i, s:i}", "label",
                  svc_staff_text(span_str(batch.label)), "at_ms",
                  (json_int_t)batch.created_ms, "bundles", (int)batch.bundles, "sorted",
                  (int)batch.sorted, "count", (int)batch.pages, "open_pages",
                  (int)batch.open_pages));
    return json_array_size(listing->list) < BATCHES_SHOWN;
}

static const char *open_word(enum page_state state) {
    return state == PAGE_OPEN_UNREADABLE  ? "unreadable"
           : state == PAGE_OPEN_UNMATCHED ? "unmatched"
           : state == PAGE_OPEN_SURPLUS   ? "surplus"
                                          : "duplicate";
}

static bool open_each(void *arg, struct id128 id, uint16_t n) {
    struct listing *listing = arg;
    const struct intake_page *page;

    listing->err =
        store_intake_bundle_get(listing->op->base.svc->read, id, listing->bundle);
    if (listing->err || n >= listing->bundle->pages_count)
        return !listing->err;
    page = &listing->bundle->pages[n];
    json_array_append_new(
        listing->list,
        json_pack("{s:o, s:i, s:s, s:s, s:s, s:o, s:i}", "bundle", svc_staff_id(id),
                  "page", (int)n, "open_state", open_word(listing->state), "page_kind",
                  page_kinds[page->kind], "read_id", page->id.text, "file",
                  svc_staff_text(span_str(listing->bundle->files[page->file].name)),
                  "number", (int)page->number + 1));
    return json_array_size(listing->list) < OPEN_SHOWN;
}

static enum err put_lists(struct staff_op *op, json_t *view) {
    static const enum page_state states[] = {PAGE_OPEN_UNREADABLE, PAGE_OPEN_UNMATCHED,
                                             PAGE_OPEN_SURPLUS, PAGE_OPEN_DUPLICATE};
    struct store_read *read = op->base.svc->read;
    struct listing listing = {.op = op, .list = json_array()};
    json_t *open = json_array();
    enum err err;

    listing.bundle = arena_alloc(&op->staff->op.arena, sizeof *listing.bundle);
    err = listing.bundle ? store_intake_walk_batches(read, batch_each, &listing)
                         : ERR_NOMEM;
    err = err ? err : listing.err;
    json_object_set_new(view, "batches", listing.list);
    for (size_t i = 0; i < sizeof states / sizeof states[0] && !err; i++) {
        listing.list = json_array();
        listing.state = states[i];
        err = store_intake_walk_open(read, states[i], open_each, &listing);
        err = err ? err : listing.err;
        json_array_extend(open, listing.list);
        json_decref(listing.list);
    }
    json_object_set_new(view, "open", open);
    return err;
}

/* The field `bundle`, and the page's number in it. */
static bool read_page(const struct staff_op *op, struct id128 *ret_bundle,
                      uint16_t *ret_page) {
    struct span bundle = svc_staff_field(op, "bundle"), page = svc_staff_field(op, "page");
    char text[6] = "", *end;
    unsigned long n;

    if (bundle.len != 32 || hex_decode(bundle, ret_bundle->b, sizeof ret_bundle->b) != OK ||
        page.len == 0 || page.len >= sizeof text)
        return false;
    memcpy(text, page.data, page.len);
    n = strtoul(text, &end, 10);
    *ret_page = (uint16_t)n;
    return *end == '\0' && n < LIMIT_BUNDLE_PAGES;
}

/* The page that the query names, to be looked at and placed. */
static enum err put_chosen(struct staff_op *op, json_t *view) {
    struct intake_bundle *bundle = arena_alloc(&op->staff->op.arena, sizeof *bundle);
    struct id128 id;
    uint16_t n;
    enum err err;

    json_object_set_new(view, "chosen", json_false());
    if (!bundle)
        return ERR_NOMEM;
    if (!read_page(op, &id, &n))
        return OK;
    err = store_intake_bundle_get(op->base.svc->read, id, bundle);
    if (err || n >= bundle->pages_count)
        return err == ERR_NOT_FOUND ? OK : err;
    json_object_set_new(
        view, "chosen",
        json_pack("{s:o, s:i, s:s, s:s, s:o, s:b}", "chosen_bundle", svc_staff_id(id),
                  "chosen_page", (int)n, "chosen_kind", page_kinds[bundle->pages[n].kind],
                  "chosen_id", bundle->pages[n].id.text, "chosen_file",
                  svc_staff_text(span_str(bundle->files[bundle->pages[n].file].name)),
                  "waiting", bundle->pages[n].state >= PAGE_OPEN_UNREADABLE));
    return OK;
}

/* As a date field has it. */
static json_t *today(struct svc *svc) {
    char text[JAPAN_TEXT_MAX];

    japan_print(repl_now_ms(svc->shared->repl), JAPAN_DAY, text);
    return json_string(text);
}

void svc_staff_intake(struct staff_op *op) {
    json_t *view = json_pack("{s:o}", "today", today(op->base.svc));
    enum err err = svc_read_begin(op->base.svc);

    if (!err) {
        err = put_lists(op, view);
        if (!err)
            err = put_chosen(op, view);
        svc_read_end(op->base.svc);
    }
    if (err) {
        json_decref(view);
        svc_fail(&op->base, err);
    } else {
        svc_staff_view(op, view);
    }
}

/* ---- whose a page is */

static void role_lost(struct staff_op *op) {
    op->staff->reason = "role_lost";
    svc_staff_refuse(op, STAFF_CONFLICT, span_str("staff: your role has changed"));
}

static void placed(struct svc_state *state) {
    struct staff_op *op = (struct staff_op *)state;

    switch (state->request.outcome.code) {
    case OUT_OK:
        svc_staff_done(op, "/staff/intake?notice=page_placed");
        return;
    case OUT_NOT_FOUND:
        op->staff->reason = "page_none";
        svc_staff_refuse(op, STAFF_MISSING,
                         span_str("id: there is no such application, or no such page"));
        return;
    case OUT_FULL:
        op->staff->reason = "page_full";
        svc_staff_refuse(op, STAFF_CONFLICT, span_str("id: it has as many pages as may be"));
        return;
    case OUT_APPLICATION_STATE:
        op->staff->reason = "page_state";
        svc_staff_refuse(op, STAFF_CONFLICT,
                         span_str("id: the application is decided, or waits for its mail"));
        return;
    case OUT_ROLE:
    case OUT_ACCOUNT_STATE:
        svc_staff_role_refused(op, role_lost);
        return;
    default:
        svc_fail(state, ERR_CORRUPT);
    }
}

void svc_staff_place(struct staff_op *op) {
    struct command command = {.type = CMD_PAGE_PLACE};
    struct cmd_page_place *place = &command.page_place;
    struct span id = svc_staff_field(op, "id");
    bool nobody = svc_staff_field(op, "nobody").len > 0;

    if (!read_page(op, &place->bundle, &place->page)) {
        svc_staff_refuse(op, STAFF_MISSING, span_str("page: there is no such page"));
        return;
    }
    if (!nobody && id.len <= APPLICATION_ID_MAX)
        memcpy(place->id.text, id.data, id.len);
    if (!nobody && !store_application_id_ok(&place->id)) {
        op->staff->reason = "page_id";
        svc_staff_refuse(op, STAFF_INVALID, span_str("id: 申請書ID is expected"));
        return;
    }
    place->staff = op->account.id;
    svc_submit(&op->base, &command, placed);
}

/* ---- files from a browser */

static void sent(struct staff_op *op) {
    svc_staff_taken(op);
}

static void blob_done(struct svc_blob *blob) {
    struct staff_op *op = blob->arg;
    enum svc_blob_kind kind = blob->kind;
    enum err err = blob->op.err;
    const char *message = blob->message;

    svc_op_close(&blob->op);
    if (err)
        svc_fail(&op->base, err);
    else if (kind == BLOB_DONE)
        sent(op);
    else if (kind == BLOB_UNPLACED)
        svc_fail(&op->base, ERR_NO_SPACE);
    else
        svc_staff_refuse(op, kind == BLOB_REFUSED ? STAFF_INVALID : STAFF_CONFLICT,
                         span_str(message));
}

static void send_blob(struct staff_op *op, enum svc_blob_action action) {
    struct svc_blob *blob = calloc(1, sizeof *blob);
    const char *why = "";

    if (!blob) {
        svc_fail(&op->base, ERR_NOMEM);
        return;
    }
    op->work = blob;
    op->work_free = free;
    blob->op.from = op->staff->op.from;
    blob->done = blob_done;
    blob->arg = op;
    blob->action = action;
    blob->blob_kind = BLOB_SCAN;
    blob->chunk = op->staff->upload;
    if (svc_blob_read(op->staff->params, blob, &why))
        svc_blob(op->base.svc, blob);
    else
        svc_staff_refuse(op, STAFF_INVALID, span_str(why));
}

/* The form's fields as the operator's use case wants them. */
static void send_batch(struct staff_op *op) {
    svc_staff_call(op, ADMIN_BATCH_ADD,
                   json_pack("{s:o, s:o, s:o}", "id",
                             svc_staff_text(svc_staff_field(op, "batch")), "label",
                             svc_staff_text(svc_staff_field(op, "label")), "received_on",
                             svc_staff_text(svc_staff_field(op, "received_on"))),
                   sent);
}

/* `files`: the JSON of ADMIN_BUNDLE_ADD's member. */
static void send_bundle(struct staff_op *op) {
    struct span text = svc_staff_field(op, "files"), at = svc_staff_field(op, "position");
    json_t *files = json_loadb((const char *)text.data, text.len, JSON_REJECT_DUPLICATES,
                               NULL);
    char position[10] = "";

    if (!json_is_array(files) || at.len >= sizeof position) {
        json_decref(files);
        svc_staff_refuse(op, STAFF_INVALID, span_str("files: a list is expected"));
        return;
    }
    memcpy(position, at.data, at.len);
    svc_staff_call(op, ADMIN_BUNDLE_ADD,
                   json_pack("{s:o, s:I, s:o}", "batch",
                             svc_staff_text(svc_staff_field(op, "batch")), "position",
                             (json_int_t)strtoul(position, NULL, 10), "files", files),
                   sent);
}

void svc_staff_upload(struct staff_op *op) {
    struct span step = svc_staff_field(op, "step");

    if (span_is(step, "part"))
        send_blob(op, BLOB_PART);
    else if (span_is(step, "commit"))
        send_blob(op, BLOB_COMMIT);
    else if (span_is(step, "batch"))
        send_batch(op);
    else if (span_is(step, "bundle"))
        send_bundle(op);
    else
        svc_staff_refuse(op, STAFF_INVALID, span_str("step: part, commit, batch, bundle"));
}
