/* fsm_intake: batches, bundles, and whose each page is.
 *
 * A bundle's pages are placed at once, when its sort job tells what is on them:
 *   - a page with an id (QR code or print) belongs to that application;
 *   - one without goes with a form of its bundle: with the only one there is; where
 *     there are several, with the one before it if the bundle begins with a form, with
 *     the one behind it if it ends with one, as people stack their papers;
 *   - an application takes the pages of one bundle by itself. What comes for it later,
 *     or is too much, unknown, known already or unreadable, waits in a list for a
 *     person. No page is ever dropped. */
#include "raft/fsm_audit.h"
#include "raft/fsm_internal.h"
#include "store/base/check.h"
#include "store/store_staff.h"

#define IDS_MAX LIMIT_BUNDLE_PAGES

static enum err batch_tell(struct fsm_tx *tx, const struct cmd_batch_add *cmd) {
    const struct id128 none = {{0}};
    const struct fsm_audit_event event = {
        .event = AUDIT_BATCH_ADDED,
        .has_staff = memcmp(cmd->staff.b, none.b, sizeof none.b) != 0,
        .staff = cmd->staff,
        .note = span_str(cmd->label),
    };

    return fsm_audit_add(tx, &event);
}

enum err fsm_intake_batch(struct fsm_tx *tx, const struct cmd_batch_add *cmd,
                          enum outcome_code *ret_code) {
    struct intake_batch batch;
    enum err err = fsm_review_staff(tx, cmd->staff, true, FSM_ROLES_INTAKE, ret_code);

    if (err != OK || *ret_code != OUT_OK) {
        return err;
    }
    err = store_intake_batch_get(tx->read, cmd->id, &batch);
    if (err != ERR_NOT_FOUND) {
        return err;
    }
    batch = (struct intake_batch){
        .id = cmd->id,
        .environment = cmd->environment,
        .staff = cmd->staff,
        .received_day = cmd->received_day,
        .created_ms = tx->now_ms,
    };
    memcpy(batch.label, cmd->label, sizeof batch.label);
    err = store_intake_batch_put(tx->write, &batch);
    return err == OK ? batch_tell(tx, cmd) : err;
}

/* Every file is a blob of the cluster. ERR_NOT_FOUND. */
static enum err files_there(struct fsm_tx *tx, const struct cmd_bundle_add *cmd) {
    enum err err = OK;

    for (size_t i = 0; i < cmd->count && err == OK; i++) {
        struct blob_row blob;
        err = store_blob_get(tx->read, &cmd->files[i].blob, &blob);
        if (err == OK && blob.size != cmd->files[i].size) {
            err = ERR_NOT_FOUND;
        }
    }
    return err;
}

static enum err bundle_make(struct fsm_tx *tx, const struct cmd_bundle_add *cmd,
                            struct intake_batch *batch, struct intake_bundle *bundle) {
    const struct job_key key = {JOB_SORT, bundle->id};
    enum err err = OK;

    bundle->batch = cmd->batch;
    bundle->position = cmd->position;
    bundle->state = BUNDLE_SORTING;
    bundle->environment = batch->environment;
    bundle->created_ms = tx->now_ms;
    bundle->files_count = cmd->count;
    memcpy(bundle->files, cmd->files, cmd->count * sizeof cmd->files[0]);
    for (size_t i = 0; i < cmd->count && err == OK; i++) {
        err = fsm_blob_ref(tx, &cmd->files[i].blob, 1);
    }
    if (err == OK) {
        err = store_intake_bundle_put(tx->write, bundle);
    }
    batch->bundles++;
    if (err == OK) {
        err = store_intake_batch_put(tx->write, batch);
    }
    return err == OK ? fsm_job_start(tx, key, batch->environment) : err;
}

static struct intake_bundle *bundle_new(struct fsm_tx *tx) {
    return arena_alloc(tx->arena, sizeof(struct intake_bundle));
}

enum err fsm_intake_bundle(struct fsm_tx *tx, const struct cmd_bundle_add *cmd,
                           enum outcome_code *ret_code) {
    struct intake_bundle *bundle = bundle_new(tx);
    struct id128 id = store_intake_bundle_id(cmd->files, cmd->count);
    struct intake_batch batch;
    enum err err;

    if (bundle == NULL) {
        return ERR_NOMEM;
    }
    err = fsm_review_staff(tx, cmd->staff, true, FSM_ROLES_INTAKE, ret_code);
    if (err != OK || *ret_code != OUT_OK) {
        return err;
    }
    *ret_code = OUT_NOT_FOUND;
    err = store_intake_batch_get(tx->read, cmd->batch, &batch);
    if (err == OK) {
        err = store_intake_bundle_get(tx->read, id, bundle);
        if (err != ERR_NOT_FOUND) { /* I1 */
            *ret_code = OUT_EXISTS;
            return err;
        }
        err = files_there(tx, cmd);
    }
    if (err != OK) {
        return err == ERR_NOT_FOUND ? OK : err;
    }
    bundle->id = id;
    *ret_code = OUT_OK;
    return bundle_make(tx, cmd, &batch, bundle);
}

/* --- sorting --- */

static bool same_id(const struct application_id *a, const struct application_id *b) {
    return strncmp(a->text, b->text, sizeof a->text) == 0;
}

static bool has_id(const struct intake_page *page) {
    return page->id.text[0] != '\0';
}

static bool is_duplicate(const struct intake_page *page) {
    return page->state == PAGE_OPEN_DUPLICATE;
}

/* I3: which files came before, with another bundle. */
static enum err find_duplicates(struct fsm_tx *tx, struct intake_bundle *bundle) {
    bool known[LIMIT_BUNDLE_FILES] = {false};
    enum err err = OK;

    for (size_t i = 0; i < bundle->files_count && err == OK; i++) {
        struct id128 owner;
        err = store_intake_file_find(tx->read, &bundle->files[i].blob, &owner);
        known[i] =
            err == OK && memcmp(owner.b, bundle->id.b, sizeof owner.b) != 0;
        for (size_t j = 0; j < i; j++) {
            known[i] = known[i] || memcmp(bundle->files[i].blob.b,
                                          bundle->files[j].blob.b,
                                          sizeof bundle->files[i].blob.b) == 0;
        }
    }
    for (size_t i = 0; i < bundle->pages_count; i++) {
        if (known[bundle->pages[i].file]) {
            bundle->pages[i].state = PAGE_OPEN_DUPLICATE;
        }
    }
    return err == ERR_NOT_FOUND ? ERR_CORRUPT : err;
}

/* A page without an id takes that of a neighbour (see above). */
static void ask_neighbours(struct intake_bundle *bundle) {
    const struct intake_page *first = NULL, *last = NULL;
    bool several = false, forward, backward;

    for (size_t i = 0; i < bundle->pages_count; i++) {
        struct intake_page *page = &bundle->pages[i];
        if (has_id(page) && !is_duplicate(page)) {
            several = several || (last != NULL && !same_id(&last->id, &page->id));
            first = first == NULL ? page : first;
            last = page;
        }
    }
    if (first == NULL) {
        return;
    }
    forward = !several || has_id(&bundle->pages[0]);
    backward = !several || has_id(&bundle->pages[bundle->pages_count - 1]);
    for (size_t i = 0; i < bundle->pages_count; i++) {
        size_t at = forward ? i : bundle->pages_count - 1 - i;
        struct intake_page *page = &bundle->pages[at];
        const struct intake_page *before =
            i == 0 ? NULL : &bundle->pages[forward ? at - 1 : at + 1];
        if (has_id(page) || is_duplicate(page) || !(forward || backward)) {
            continue;
        }
        if (!several) {
            page->id = first->id;
            page->how = PAGE_BY_NEIGHBOUR;
        } else if (before != NULL && has_id(before) && !is_duplicate(before)) {
            page->id = before->id;
            page->how = PAGE_BY_NEIGHBOUR;
        }
    }
}

/* Where one application's pages go, given what it is in. */
static enum page_state page_state_for(const struct intake_bundle *bundle,
                                      const struct application *application,
                                      bool found, size_t count) {
    if (!found || application->environment != bundle->environment) {
        return PAGE_OPEN_UNMATCHED;
    }
    return count <= LIMIT_APPLICATION_PAGES &&
                   (application->state == APPLICATION_AWAITING ||
                    application->state == APPLICATION_RECEIVED)
               ? PAGE_ASSIGNED
               : PAGE_OPEN_SURPLUS;
}

/* With all pages that it will have by itself: to the farm, or to the desk. */
static enum err to_review(struct fsm_tx *tx, struct application *application) {
    enum err err;

    if (application->kind != APPLICATION_CORPORATION) {
        return fsm_application_enter(tx, application, APPLICATION_STAFF);
    }
    err = fsm_application_enter(tx, application, APPLICATION_WAITING);
    return err == OK ? fsm_job_start(tx, fsm_job_of(&application->id),
                                     application->environment)
                     : err;
}

/* Place all pages of the id that page `from` has. */
static enum err place_id(struct fsm_tx *tx, struct intake_bundle *bundle, size_t from,
                         uint32_t received_day) {
    const struct application_id id = bundle->pages[from].id;
    struct application application;
    enum page_state state;
    uint16_t count = 0;
    enum err err;

    for (size_t i = from; i < bundle->pages_count; i++) {
        const struct intake_page *page = &bundle->pages[i];
        count += (uint16_t)(page->state == 0 && same_id(&page->id, &id) ? 1 : 0);
    }
    arena_reset(tx->scratch);
    err = store_application_get(tx->read, tx->scratch, &id, &application);
    if (err != OK && err != ERR_NOT_FOUND) {
        return err;
    }
    state = page_state_for(bundle, &application, err == OK, count);
    for (size_t i = from; i < bundle->pages_count; i++) {
        struct intake_page *page = &bundle->pages[i];
        if (page->state == 0 && same_id(&page->id, &id)) {
            page->state = state;
        }
    }
    if (state != PAGE_ASSIGNED) {
        return OK;
    }
    application.pages = (uint16_t)(application.pages + count);
    if (application.received_day == 0) {
        application.received_day = received_day;
    }
    return to_review(tx, &application);
}

static bool is_open(enum page_state state) {
    return state >= PAGE_OPEN_UNREADABLE;
}

static enum err place_all(struct fsm_tx *tx, struct intake_bundle *bundle) {
    struct intake_batch batch;
    enum err err = store_intake_batch_get(tx->read, bundle->batch, &batch);

    for (size_t i = 0; i < bundle->pages_count && err == OK; i++) {
        struct intake_page *page = &bundle->pages[i];
        if (page->state == 0 && has_id(page)) {
            err = place_id(tx, bundle, i, batch.received_day);
        } else if (page->state == 0) {
            page->state = PAGE_OPEN_UNREADABLE;
        }
        batch.open_pages += is_open(page->state) ? 1 : 0;
    }
    if (err != OK) {
        return err == ERR_NOT_FOUND ? ERR_CORRUPT : err;
    }
    bundle->state = BUNDLE_SORTED;
    batch.sorted++;
    batch.pages += (uint32_t)bundle->pages_count;
    err = store_intake_batch_put(tx->write, &batch);
    return err == OK ? store_intake_bundle_put(tx->write, bundle) : err;
}

/* In the order of the bundle, each once, and none of a file that it has not. */
static bool pages_sound(const struct intake_bundle *bundle,
                        const struct intake_page *pages, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (pages[i].file >= bundle->files_count ||
            (i > 0 && (pages[i].file < pages[i - 1].file ||
                       (pages[i].file == pages[i - 1].file &&
                        pages[i].number <= pages[i - 1].number)))) {
            return false;
        }
    }
    return count > 0;
}

enum err fsm_intake_sorted(struct fsm_tx *tx, struct id128 id,
                           const struct intake_page *pages, size_t count,
                           enum outcome_code *ret_code) {
    struct intake_bundle *bundle = bundle_new(tx);
    enum err err = bundle == NULL ? ERR_NOMEM
                                  : store_intake_bundle_get(tx->read, id, bundle);

    *ret_code = OUT_NOT_FOUND;
    if (err != OK || bundle->state != BUNDLE_SORTING) {
        return err == ERR_NOT_FOUND ? OK : err;
    }
    if (!pages_sound(bundle, pages, count)) {
        *ret_code = OUT_NOT_SUPPORTED;
        return OK;
    }
    CHECK(count <= LIMIT_BUNDLE_PAGES);
    memcpy(bundle->pages, pages, count * sizeof pages[0]);
    bundle->pages_count = count;
    for (size_t i = 0; i < count; i++) {
        bundle->pages[i].state = 0; /* not placed */
    }
    *ret_code = OUT_OK;
    err = find_duplicates(tx, bundle);
    if (err != OK) {
        return err;
    }
    ask_neighbours(bundle);
    return place_all(tx, bundle);
}

enum err fsm_intake_unsorted(struct fsm_tx *tx, struct id128 id) {
    struct intake_bundle *bundle = bundle_new(tx);
    enum err err = bundle == NULL ? ERR_NOMEM
                                  : store_intake_bundle_get(tx->read, id, bundle);

    if (err != OK || bundle->state != BUNDLE_SORTING) {
        return err == ERR_NOT_FOUND ? OK : err;
    }
    bundle->pages_count = bundle->files_count;
    for (size_t i = 0; i < bundle->files_count; i++) {
        bundle->pages[i] =
            (struct intake_page){.file = (uint8_t)i, .kind = PAGE_UNREADABLE};
    }
    return place_all(tx, bundle);
}

/* --- by hand --- */

/* May pages come to it or leave it? */
static bool takes_pages(enum application_state state) {
    return state >= APPLICATION_AWAITING && state <= APPLICATION_HELD;
}

/* Its pages changed by `by`: what was found and decided on the others is void. */
static enum err pages_changed(struct fsm_tx *tx, const struct application_id *id,
                              int by, uint32_t received_day) {
    struct application application;
    enum err err;

    arena_reset(tx->scratch);
    err = store_application_get(tx->read, tx->scratch, id, &application);
    if (err != OK) {
        return err == ERR_NOT_FOUND ? ERR_CORRUPT : err;
    }
    application.pages = (uint16_t)(application.pages + by);
    application.ocr = FARM_NONE;
    application.ocr_reasons = 0;
    if (application.received_day == 0) {
        application.received_day = received_day;
    }
    err = fsm_review_void(tx, id);
    if (err != OK) {
        return err;
    }
    if (application.pages == 0) { /* nothing to read; the desk has the rest */
        err = fsm_job_cancel(tx, fsm_job_of(id));
        return err == OK ? fsm_application_enter(
                               tx, &application,
                               application.state == APPLICATION_HELD
                                   ? APPLICATION_HELD
                                   : APPLICATION_STAFF)
                         : err;
    }
    return to_review(tx, &application);
}

/* OUT_OK: the application takes one more page of this bundle. */
static enum err may_take(struct fsm_tx *tx, const struct intake_bundle *bundle,
                         const struct application_id *id, bool more,
                         enum outcome_code *ret_code) {
    struct application application;
    enum err err;

    *ret_code = OUT_OK;
    if (id->text[0] == '\0') {
        return OK;
    }
    arena_reset(tx->scratch);
    err = store_application_get(tx->read, tx->scratch, id, &application);
    if (err == ERR_NOT_FOUND || (err == OK && application.environment != bundle->environment)) {
        *ret_code = OUT_NOT_FOUND;
        return OK;
    }
    if (err == OK && !takes_pages(application.state)) {
        *ret_code = OUT_APPLICATION_STATE;
    } else if (err == OK && more && application.pages >= LIMIT_APPLICATION_PAGES) {
        *ret_code = OUT_FULL;
    }
    return err;
}

/* The page moves; `was` is where it stood. */
static enum err place_moved(struct fsm_tx *tx, struct intake_bundle *bundle,
                            const struct intake_page *was,
                            const struct intake_page *page) {
    struct intake_batch batch;
    enum err err = store_intake_batch_get(tx->read, bundle->batch, &batch);

    if (err != OK) {
        return err == ERR_NOT_FOUND ? ERR_CORRUPT : err;
    }
    batch.open_pages -= is_open(was->state) && batch.open_pages > 0 ? 1 : 0;
    err = store_intake_batch_put(tx->write, &batch);
    if (err == OK) {
        err = store_intake_bundle_put(tx->write, bundle);
    }
    if (err == OK && was->state == PAGE_ASSIGNED) {
        err = pages_changed(tx, &was->id, -1, 0);
    }
    if (err == OK && page->state == PAGE_ASSIGNED) {
        err = pages_changed(tx, &page->id, 1, batch.received_day);
    }
    return err;
}

enum err fsm_intake_place(struct fsm_tx *tx, const struct cmd_page_place *cmd,
                          enum outcome_code *ret_code) {
    struct intake_bundle *bundle = bundle_new(tx);
    struct intake_page was, *page;
    enum err err = fsm_review_staff(tx, cmd->staff, true, FSM_ROLES_INTAKE, ret_code);

    if (bundle == NULL || err != OK || *ret_code != OUT_OK) {
        return bundle == NULL ? ERR_NOMEM : err;
    }
    err = store_intake_bundle_get(tx->read, cmd->bundle, bundle);
    if (err != OK || bundle->state != BUNDLE_SORTED ||
        cmd->page >= bundle->pages_count) {
        *ret_code = OUT_NOT_FOUND;
        return err == ERR_NOT_FOUND ? OK : err;
    }
    page = &bundle->pages[cmd->page];
    was = *page;
    if (was.state == PAGE_ASSIGNED && same_id(&was.id, &cmd->id)) {
        return OK; /* it is there */
    }
    err = may_take(tx, bundle, &cmd->id, true, ret_code);
    if (err == OK && *ret_code == OUT_OK && was.state == PAGE_ASSIGNED) {
        err = may_take(tx, bundle, &was.id, false, ret_code);
    }
    if (err != OK || *ret_code != OUT_OK) {
        return err;
    }
    page->id = cmd->id;
    page->how = PAGE_BY_HAND;
    page->state = cmd->id.text[0] == '\0' ? PAGE_DISCARDED : PAGE_ASSIGNED;
    err = place_moved(tx, bundle, &was, page);
    return err == OK ? fsm_application_tell(tx, AUDIT_PAGE_PLACED, &cmd->id, cmd->staff,
                                            was.id.text)
                     : err;
}
