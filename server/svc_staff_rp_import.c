/* svc_staff_rp_import: a file of registrations in the console, as `tasuki rp export` or
 * the list's export gives it. It is taken in two steps:
 *
 *   the file --checked--> what each entry would change, and whether it may
 *   what was shown --confirmed--> checked again, and only if all are good written
 *
 * The page sends on what it has shown: the entries that change something, each with the
 * revision that it was compared with, so that nobody's change in the meantime is undone.
 * All are checked before the first is written, as by `tasuki rp import`; writing is one
 * command an entry, and what was not reached (or was refused after all, because somebody
 * was quicker) is told beside what was. To import the file again does the rest. */
#include <stdio.h>
#include <stdlib.h>

#include "server/svc_staff_internal.h"
#include "store/base/secret.h"

#define ENTRIES_MAX 1000
#define STRETCH 16 /* calls before the stack is left */
/* A request writes for so long; the balancer waits for twenty seconds. */
#define WRITE_MS 12000

struct importing {
    json_t *list; /* of the file; then of what is written */
    json_t *rows; /* what the page shows, one for each */
    size_t at;
    size_t fresh, changed, same, wrong;
    bool replace, confirmed, writing;
    uint64_t until_ms;
};

static void importing_free(void *work) {
    struct importing *im = work;

    json_decref(im->list);
    json_decref(im->rows);
    free(im);
}

static void next(struct staff_op *op);

static void go_on(struct svc_state *state) {
    next((struct staff_op *)state);
}

/* What is only checked is answered at once: by a step the stack is left now and then. */
static void step(struct staff_op *op) {
    struct importing *im = op->work;

    if (++im->at % STRETCH == 0)
        svc_settle(&op->base, go_on);
    else
        next(op);
}

static json_t *id_of(const json_t *rp) {
    const json_t *id = json_object_get(rp, "client_id");

    return json_is_string(id) ? json_incref((json_t *)(uintptr_t)id) : json_string("");
}

/* ---- the pages */

/* The entries that change something, to be sent on; stolen by the view. */
static json_t *kept_text(const struct importing *im) {
    json_t *kept = json_array(), *row, *text = NULL;
    char *dump;
    size_t i;

    json_array_foreach(im->rows, i, row) {
        json_t *rp = json_array_get(im->list, i), *copy;
        json_t *revision = json_object_get(row, "revision");

        if (json_is_true(json_object_get(row, "same")))
            continue;
        copy = json_copy(rp);
        if (revision) {
            json_object_set(copy, "revision", revision);
            json_object_set_new(copy, "replace", json_true());
        }
        json_array_append_new(kept, copy);
    }
    dump = json_dumps(kept, JSON_COMPACT);
    json_decref(kept);
    if (dump) {
        text = json_string(dump);
        secret_wipe(dump, strlen(dump));
        free(dump);
    }
    return text;
}

/* Takes the rows out of `im`. */
static json_t *view_of(struct importing *im, bool confirm) {
    json_t *view = json_pack("{s:o?, s:O, s:I, s:I, s:I, s:I, s:b, s:b}", "list",
                             confirm ? kept_text(im) : json_string(""), "rows", im->rows,
                             "fresh", (json_int_t)im->fresh, "changed",
                             (json_int_t)im->changed, "same", (json_int_t)im->same,
                             "wrong", (json_int_t)im->wrong, "confirm", confirm,
                             "listed", true);

    return view;
}

/* All are checked. */
static void checked(struct staff_op *op) {
    struct importing *im = op->work;
    size_t good = im->fresh + im->changed;

    if (im->wrong > 0) {
        op->typed = view_of(im, false);
        json_object_set_new(op->typed, "typed", svc_staff_typed(op));
        svc_staff_refuse(op, STAFF_INVALID, span_str("file: some entries are refused"));
        return;
    }
    if (!im->confirmed || good == 0) {
        svc_staff_view(op, view_of(im, good > 0));
        return;
    }
    json_array_clear(im->rows);
    im->writing = true;
    im->at = 0;
    im->until_ms = op->base.svc->shared->clock.mono_ms(op->base.svc->shared->clock.impl) +
                   WRITE_MS;
    next(op);
}

static void written(struct staff_op *op, size_t done) {
    struct importing *im = op->work;
    size_t count = json_array_size(im->list);

    svc_staff_view(op, json_pack("{s:b, s:O, s:I, s:I, s:b}", "done", true, "results",
                                 im->rows, "count", (json_int_t)done, "left",
                                 (json_int_t)(count - done), "all", done == count));
}

/* ---- entry by entry */

static json_t *row_of(struct staff_op *op, const json_t *rp) {
    struct importing *im = op->work;
    json_t *row = json_pack("{s:I, s:o}", "entry", (json_int_t)im->at + 1, "client_id",
                            id_of(rp));

    if (op->admin.op.err)
        json_object_set_new(row, "not_reached", json_true());
    else if (op->admin.kind != ADMIN_OK)
        json_object_set_new(row, "refusal", svc_staff_text(op->admin.message));
    return row;
}

/* A value as the page shows it: a text as it is, lists and keys as JSON. */
static json_t *shown(json_t *value) {
    char *text;
    json_t *out;

    if (json_is_string(value))
        return json_incref(value);
    text = value && !json_is_null(value) ? json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY)
                                         : NULL;
    out = json_string(text ? text : "–");
    free(text);
    return out;
}

static void put_changes(json_t *row, json_t *answer) {
    json_t *changes = json_object_get(answer, "changes"), *change, *list = json_array();
    size_t i;

    json_array_foreach(changes, i, change)
        json_array_append_new(
            list, json_pack("{s:O, s:o, s:o}", "member", json_object_get(change, "member"),
                            "before", shown(json_object_get(change, "before")), "after",
                            shown(json_object_get(change, "after"))));
    json_object_set_new(row, "changes", list);
}

/* One that was checked. */
static void looked_at(struct staff_op *op, const json_t *rp) {
    struct importing *im = op->work;
    bool good = !op->admin.op.err && op->admin.kind == ADMIN_OK;
    json_t *row = row_of(op, rp), *answer = good ? svc_staff_answer(op) : NULL;
    bool exists = json_is_true(json_object_get(answer, "exists"));
    const char *secret = json_string_value(json_object_get(answer, "secret"));
    bool sets = secret && (strcmp(secret, "given") == 0 || strcmp(secret, "drawn") == 0);
    bool same = exists && !sets &&
                json_array_size(json_object_get(answer, "changes")) == 0;

    json_object_set_new(row, "wrong", json_boolean(!good));
    json_object_set_new(row, "fresh", json_boolean(good && !exists));
    json_object_set_new(row, "same", json_boolean(same));
    json_object_set_new(row, "changed", json_boolean(exists && !same));
    if (good) {
        json_object_set(row, "name", json_object_get(answer, "name"));
        json_object_set_new(row, "secret_given",
                            json_boolean(secret && strcmp(secret, "given") == 0));
        json_object_set_new(row, "secret_drawn",
                            json_boolean(secret && strcmp(secret, "drawn") == 0));
        put_changes(row, answer);
    }
    if (exists)
        json_object_set(row, "revision", json_object_get(answer, "revision"));
    json_decref(answer);
    json_array_append_new(im->rows, row);
    im->wrong += !good;
    im->fresh += good && !exists;
    im->same += same;
    im->changed += exists && !same;
}

static void answered(struct staff_op *op) {
    struct importing *im = op->work;
    const json_t *rp = json_array_get(im->list, im->at);
    json_t *row, *answer;

    if (!im->writing) {
        if (op->admin.op.err) {
            svc_fail(&op->base, op->admin.op.err);
            return;
        }
        looked_at(op, rp);
        step(op);
        return;
    }
    row = row_of(op, rp);
    if (!op->admin.op.err && op->admin.kind == ADMIN_OK) {
        answer = svc_staff_answer(op);
        json_object_update_missing(row, answer);
        json_decref(answer);
    }
    json_array_append_new(im->rows, row);
    /* The rest would fare alike, and some may be written: the page says which. */
    if (op->admin.op.err || op->admin.kind != ADMIN_OK)
        written(op, im->at);
    else
        step(op);
}

static void next(struct staff_op *op) {
    const struct port_clock *clock = &op->base.svc->shared->clock;
    struct importing *im = op->work;
    json_t *rp;

    if (im->at == json_array_size(im->list)) {
        if (im->writing)
            written(op, im->at);
        else
            checked(op);
        return;
    }
    if (im->writing && clock->mono_ms(clock->impl) >= im->until_ms) {
        written(op, im->at);
        return;
    }
    rp = json_copy(json_array_get(im->list, im->at));
    if (json_is_object(rp) && !im->writing)
        json_object_set_new(rp, "dry_run", json_true());
    if (json_is_object(rp) && im->replace)
        json_object_set_new(rp, "replace", json_true());
    svc_staff_try(op, ADMIN_CLIENT_ADD, rp, answered);
}

/* ---- the form */

void svc_staff_rp_import_form(struct staff_op *op) {
    svc_staff_view(op, json_object());
}

/* Two entries of one ID would undo each other. */
static bool twice(const json_t *list) {
    json_t *seen = json_object(), *rp;
    bool found = false;
    size_t i;

    json_array_foreach((json_t *)(uintptr_t)list, i, rp) {
        const char *id = json_string_value(json_object_get(rp, "client_id"));
        found = found || (id && json_object_get(seen, id));
        if (id)
            json_object_set_new(seen, id, json_true());
    }
    json_decref(seen);
    return found;
}

/* The file as a list; NULL: the operation has ended. */
static json_t *read_list(struct staff_op *op) {
    struct span file = op->staff->upload;
    json_error_t error = {.line = 0};
    char why[JSON_ERROR_TEXT_LENGTH + 64];
    json_t *list = NULL;

    if (file.len >= 3 && memcmp(file.data, "\xef\xbb\xbf", 3) == 0)
        file = span_of(file.data + 3, file.len - 3);
    op->typed = json_pack("{s:o}", "typed", svc_staff_typed(op));
    if (file.len > LIMIT_REGISTRY_FILE && svc_staff_field(op, "confirm").len == 0) {
        svc_staff_refuse(op, STAFF_INVALID, span_str("file: 4 MiB at most"));
        return NULL;
    }
    if (file.len > 0)
        list = json_loadb((const char *)file.data, file.len, JSON_REJECT_DUPLICATES, &error);
    if (!list && file.len > 0) {
        snprintf(why, sizeof why, "file: line %d: %s", error.line, error.text);
        svc_staff_refuse(op, STAFF_INVALID, span_str(why));
        return NULL;
    }
    if (!json_is_array(list) || json_array_size(list) == 0 ||
        json_array_size(list) > ENTRIES_MAX || twice(list)) {
        json_decref(list);
        svc_staff_refuse(op, STAFF_INVALID,
                         span_str("file: an array of 1 to 1000 registrations is expected, "
                                  "no client_id twice"));
        return NULL;
    }
    json_decref(op->typed);
    op->typed = NULL;
    return list;
}

void svc_staff_rp_import(struct staff_op *op) {
    json_t *list = read_list(op);
    struct importing *im = list ? calloc(1, sizeof *im) : NULL;

    if (!list)
        return;
    if (!im) {
        json_decref(list);
        svc_fail(&op->base, ERR_NOMEM);
        return;
    }
    im->list = list;
    im->rows = json_array();
    im->confirmed = svc_staff_field(op, "confirm").len > 0;
    im->replace = svc_staff_field(op, "replace").len > 0;
    op->work = im;
    op->work_free = importing_free;
    next(op);
}
