/* svc_staff_review: one application on a reviewer's desk: its way so far, what was typed,
 * its scans, what the farm found, who decided what.
 *
 *   snapshot: application, review, pages -> (a record of the look) -> evidence -> view
 *
 * Who may see what: svc_staff_review.h. Decisions: svc_staff_decide.c. */
#include "server/svc_staff_review.h"

#include <stdlib.h>

#include "server/blob_load.h"
#include "server/domain/defect.h"
#include "server/svc_application.h"
#include "store/base/secret.h"

#define ALIKE_SHOWN 10
#define POISON_BIT 63u /* raft/fsm_limits.h: no worker could read it */

static const char *const verdicts[] = {"none", "ok", "ng", "review"};
static const char *const decisions[] = {"", "approve", "deny", "hold"};
static const char *const page_kinds[] = {"unknown", "form",  "certificate",
                                         "other",   "blank", "unreadable"};
static const char *const page_hows[] = {"nothing", "qr", "print", "neighbour", "hand"};

struct looking {
    struct application application;
    struct review review;
    struct review_pages pages;
    struct profile profile;
    enum review_sight sight;
    bool has_evidence;
    struct blob_row evidence_row;
    struct buf evidence_bytes;
    enum err evidence_err;
    struct ocr_evidence evidence;
};

/* ---- what the pages share */

bool svc_staff_holds(const struct staff_op *op, const struct review *review) {
    return review->claimed &&
           repl_now_ms(op->base.svc->shared->repl) < review->until_ms &&
           memcmp(review->holder.b, op->account.id.b, sizeof review->holder.b) == 0;
}

enum review_sight svc_staff_sight(const struct staff_op *op,
                                  const struct review *review) {
    if (svc_staff_holds(op, review))
        return SIGHT_CLAIM;
    return op->account.roles & (STAFF_SUPERVISOR | STAFF_AUDITOR) ? SIGHT_RECORDED
                                                                   : SIGHT_NONE;
}

bool svc_staff_application_id(const struct staff_op *op, struct application_id *ret_id) {
    return svc_application_id_read(svc_staff_field(op, "id"), ret_id);
}

void svc_staff_no_application(struct staff_op *op) {
    op->staff->reason = "application_none";
    svc_staff_refuse(op, STAFF_MISSING, span_str("id: there is no such application"));
}

static void second_due(struct staff_op *op) {
    op->staff->reason = "role";
    svc_staff_refuse(
        op, STAFF_CONFLICT,
        span_str("id: a second person is waited for, an approver or a supervisor"));
}

void svc_staff_review_refused(struct staff_op *op, enum outcome_code code) {
    static const struct staff_refusal refusals[] = {
        {OUT_CLAIMED, "claimed", "id: another person has it, or your claim is over"},
        {OUT_SAME_PERSON, "same_person",
         "id: a second person is waited for, and you were the first"},
        {OUT_APPLICATION_STATE, "state", "id: it is not at the desk"},
        {OUT_DUPLICATE_ACCOUNT, "duplicate",
         "id: its account ID is an account's by now: it cannot be approved"},
    };

    if (svc_staff_refuse_by(op, code, refusals, sizeof refusals / sizeof refusals[0]))
        return;
    if (code == OUT_NOT_FOUND)
        svc_staff_no_application(op);
    else if (code == OUT_ROLE || code == OUT_ACCOUNT_STATE)
        svc_staff_role_refused(op, second_due);
    else
        svc_fail(&op->base, ERR_CORRUPT);
}

static bool look_known(const struct staff_op *op, const struct application_id *id) {
    const struct svc_looks *looks = &op->base.svc->looks;

    for (size_t i = 0; i < SVC_LOOKS; i++) {
        const struct svc_look *look = &looks->at[i];
        if (memcmp(look->session.b, op->session.key.b, sizeof look->session.b) == 0 &&
            strcmp(look->id.text, id->text) == 0)
            return true;
    }
    return false;
}

static void look_recorded(struct svc_state *state) {
    struct staff_op *op = (struct staff_op *)state;
    struct svc_looks *looks = &state->svc->looks;

    if (!look_known(op, &op->look)) {
        looks->at[looks->next] = (struct svc_look){op->session.key, op->look};
        looks->next = (looks->next + 1) % SVC_LOOKS;
    }
    op->look_next(state);
}

void svc_staff_look(struct staff_op *op, const struct application_id *id, bool once,
                    void (*next)(struct svc_state *state)) {
    struct command command = {.type = CMD_AUDIT_NOTE};

    if (once && look_known(op, id)) {
        next(&op->base);
        return;
    }
    op->look = *id;
    op->look_next = next;
    command.audit_note.event = AUDIT_STAFF_READ;
    command.audit_note.has_staff = true;
    command.audit_note.staff = op->account.id;
    command.audit_note.note = span_str(op->look.text);
    svc_submit(&op->base, &command, look_recorded);
}

json_t *svc_staff_defects(uint32_t bits) {
    json_t *list = json_array();

    for (size_t i = 0; i < DEFECTS; i++) {
        if (bits & (1u << i))
            json_array_append_new(list, json_string(defect_name(i)));
    }
    return list;
}

/* ---- scans */

struct page_walk {
    struct staff_op *op;
    struct review_pages *pages;
    struct intake_bundle *bundle;
    size_t scans; /* files so far, each once: as svc_job counts them */
    struct blob_id seen[LIMIT_APPLICATION_PAGES];
    enum err err;
};

static uint8_t scan_of(struct page_walk *walk, const struct blob_id *blob) {
    size_t i = 0;

    while (i < walk->scans && memcmp(walk->seen[i].b, blob->b, sizeof blob->b) != 0)
        i++;
    if (i == walk->scans)
        walk->seen[walk->scans++] = *blob;
    return (uint8_t)i;
}

static bool page_each(void *arg, struct id128 bundle, uint16_t page) {
    struct page_walk *walk = arg;
    struct review_page *out = &walk->pages->pages[walk->pages->count];

    if (walk->pages->count == LIMIT_APPLICATION_PAGES)
        return false;
    walk->err = store_intake_bundle_get(walk->op->base.svc->read, bundle, walk->bundle);
    if (walk->err || page >= walk->bundle->pages_count)
        return !walk->err;
    out->bundle = bundle;
    out->page = page;
    out->row = walk->bundle->pages[page];
    out->file = walk->bundle->files[out->row.file];
    out->scan = scan_of(walk, &out->file.blob);
    walk->pages->count++;
    return true;
}

enum err svc_staff_pages(struct staff_op *op, const struct application_id *id,
                         struct review_pages *ret_pages) {
    struct page_walk walk = {.op = op, .pages = ret_pages};
    enum err err;

    ret_pages->count = 0;
    walk.bundle = arena_alloc(&op->staff->op.arena, sizeof *walk.bundle);
    if (!walk.bundle)
        return ERR_NOMEM;
    err = store_intake_walk_application(op->base.svc->read, id, page_each, &walk);
    return err ? err : walk.err;
}

/* What sorted the pages looked for the application alone; the farm has read them since. */
static enum page_kind kind_of(const struct looking *looking,
                              const struct review_page *page) {
    static const enum page_kind kinds[OCR_PAGE_KIND_END] = {
        [OCR_PAGE_UNKNOWN] = PAGE_UNKNOWN, [OCR_PAGE_FORM] = PAGE_FORM,
        [OCR_PAGE_CERTIFICATE] = PAGE_CERTIFICATE, [OCR_PAGE_REGISTRY] = PAGE_OTHER,
        [OCR_PAGE_PERSONAL] = PAGE_OTHER, [OCR_PAGE_COVER] = PAGE_OTHER,
        [OCR_PAGE_BLANK] = PAGE_BLANK};
    const struct ocr_evidence *evidence = &looking->evidence;

    if (page->row.kind != PAGE_UNKNOWN || looking->evidence_err)
        return page->row.kind;
    for (uint32_t i = 0; i < evidence->page_count; i++) {
        const struct ocr_page *seen = &evidence->pages[i];
        if (seen->scan == page->scan && seen->index == page->row.number)
            return kinds[seen->kind];
    }
    return PAGE_UNKNOWN;
}

static json_t *page_json(const struct looking *looking, size_t n, size_t chosen) {
    const struct review_page *page = &looking->pages.pages[n];

    return json_pack("{s:i, s:s, s:s, s:o, s:b}", "n", (int)n + 1, "page_kind",
                     page_kinds[kind_of(looking, page)], "page_how", page_hows[page->row.how],
                     "file", svc_staff_text(span_str(page->file.name)), "current",
                     n == chosen);
}

/* ---- the parts of the view */

/* Those that a refused form had chosen are chosen again. */
static json_t *defect_choices(const struct staff_op *op) {
    uint32_t chosen = op->refused ? svc_staff_read_defects(op) : 0;
    json_t *list = json_array();

    for (size_t i = 0; i < DEFECTS; i++)
        json_array_append_new(list, json_pack("{s:s, s:i, s:b}", "defect", defect_name(i),
                                              "key", (int)i + 1, "on",
                                              (int)(chosen >> i & 1)));
    return list;
}

static json_t *reason_names(uint64_t bits) {
    json_t *list = json_array();

    for (unsigned bit = 0; bit < 64; bit++) {
        if (bits >> bit & 1)
            json_array_append_new(
                list, json_string(bit == POISON_BIT ? "unread" : ocr_reason_str(bit)));
    }
    return list;
}

/* What a reviewer wrote; false for who may not see it, or when it is nothing. */
static json_t *note_json(struct staff_op *op, const struct looking *looking,
                         const struct review_entry *entry) {
    struct id128 key = store_application_key(&looking->application.id);
    struct buf *plain = &op->base.svc->plain;
    json_t *text = NULL;

    buf_reset(plain);
    if (entry->note.len > 0 && looking->sight != SIGHT_NONE &&
        sealer_open(op->base.svc->sealer, SEAL_REVIEW_NOTE,
                    span_of(key.b, sizeof key.b), entry->note, plain) == OK)
        text = svc_staff_text(buf_span(plain));
    buf_reset(plain);
    return text ? text : json_false();
}

static json_t *entry_json(struct staff_op *op, const struct looking *looking,
                          const struct review_entry *entry) {
    struct staff person;
    enum err err = store_staff_get(op->base.svc->read, &op->staff->op.arena, entry->staff,
                                   &person);

    return json_pack("{s:o, s:s, s:o, s:I, s:o}", "who",
                     err ? svc_staff_id(entry->staff) : svc_staff_text(person.name),
                     "decision", decisions[entry->decision], "entry_defects",
                     svc_staff_defects(entry->defects), "at_ms", (json_int_t)entry->at_ms,
                     "note", note_json(op, looking, entry));
}

/* In the open snapshot. */
static void put_review(struct staff_op *op, const struct looking *looking, json_t *view) {
    const struct review *review = &looking->review;
    const struct application *application = &looking->application;
    bool held = review->claimed &&
                repl_now_ms(op->base.svc->shared->repl) < review->until_ms;
    bool mine = svc_staff_holds(op, review);
    bool first = review->pending && review->count > 0 &&
                 memcmp(review->entries[review->count - 1].staff.b, op->account.id.b,
                        sizeof op->account.id.b) == 0;
    bool second = op->account.roles & (STAFF_APPROVER | STAFF_SUPERVISOR);
    bool alone = application->kind == APPLICATION_CORPORATION;
    json_t *entries = json_array();

    for (size_t i = 0; i < review->count; i++)
        json_array_append_new(entries, entry_json(op, looking, &review->entries[i]));
    json_object_set_new(view, "entries", entries);
    json_object_set_new(view, "pending", json_boolean(review->pending));
    json_object_set_new(view, "first",
                        review->pending && review->count > 0
                            ? entry_json(op, looking,
                                         &review->entries[review->count - 1])
                            : json_false());
    json_object_set_new(view, "first_was_you", json_boolean(first));
    json_object_set_new(view, "held", json_boolean(held));
    json_object_set_new(view, "mine", json_boolean(mine));
    json_object_set_new(view, "claim_number", json_integer(review->claim));
    json_object_set_new(view, "until_ms",
                        json_integer(held ? (json_int_t)review->until_ms : 0));
    json_object_set_new(view, "at_desk",
                        json_boolean(application->state == APPLICATION_STAFF ||
                                     application->state == APPLICATION_HELD));
    json_object_set_new(view, "can_claim",
                        json_boolean(!held && (!review->pending || (second && !first))));
    json_object_set_new(view, "can_take_away",
                        json_boolean(held && !mine &&
                                     (op->account.roles & STAFF_SUPERVISOR) != 0));
    /* As raft/fsm_review.c decides it (fsm_review_needs_two). */
    json_object_set_new(view, "approve_alone",
                        json_boolean(alone && application->ocr == FARM_OK));
    json_object_set_new(view, "deny_alone",
                        json_boolean(alone && application->ocr == FARM_NG));
}

static void put_profile(const struct looking *looking, json_t *view) {
    json_t *list = json_array();

    for (int i = 0; i < PROFILE_COUNT; i++) {
        struct span value = looking->profile.fields[i];
        if (value.len > 0)
            json_array_append_new(
                list, json_pack("{s:s, s:o}", "name",
                                profile_field_name((enum profile_field)i), "value",
                                svc_staff_text(value)));
    }
    json_object_set_new(view, "profile", list);
}

/* How the viewer shows the page; numbers of the query that are none are the first. */
static unsigned choice(const struct staff_op *op, const char *name, unsigned max) {
    struct span text = svc_staff_field(op, name);
    unsigned value = 0;

    for (size_t i = 0; i < text.len && i < 3; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return 0;
        value = value * 10 + (unsigned)(text.data[i] - '0');
    }
    return value <= max ? value : 0;
}

struct alike_walk {
    struct staff_op *op;
    const struct application *of;
    json_t *list;
    enum err err;
};

static bool alike_each(void *arg, const struct application_id *id, uint64_t since_ms) {
    struct alike_walk *walk = arg;
    struct application other;

    (void)since_ms;
    if (strcmp(id->text, walk->of->id.text) == 0)
        return true;
    walk->err = store_application_get(walk->op->base.svc->read, &walk->op->staff->op.arena,
                                      id, &other);
    if (!walk->err)
        json_array_append_new(walk->list, json_pack("{s:s, s:s}", "alike_id", id->text,
                                                    "alike_state",
                                                    store_application_state_name(
                                                        other.state)));
    return !walk->err && json_array_size(walk->list) < ALIKE_SHOWN;
}

/* Those of the same corporation and birth date (DOMAIN §3.2, item 9), for who may see what
 * was typed. In the open snapshot. */
static enum err put_alike(struct staff_op *op, const struct looking *looking, json_t *view) {
    struct alike_walk walk = {.op = op, .of = &looking->application, .list = json_array()};
    enum err err = OK;

    json_object_set_new(view, "alike_list", walk.list);
    if (looking->application.alike && looking->sight != SIGHT_NONE)
        err = store_application_find(op->base.svc->read, APPLICATION_BY_PAIR,
                                     looking->application.pair_index, alike_each, &walk);
    return err ? err : walk.err;
}

static void put_pages(struct staff_op *op, const struct looking *looking, json_t *view) {
    const struct review_pages *pages = &looking->pages;
    unsigned n = choice(op, "page", (unsigned)pages->count), zoom = choice(op, "zoom", 3);
    unsigned turn = choice(op, "turn", 3);
    json_t *list = json_array();

    n = n == 0 ? 1 : n;
    for (size_t i = 0; i < pages->count; i++)
        json_array_append_new(list, page_json(looking, i, n - 1));
    json_object_set_new(view, "scans", list);
    json_object_set_new(view, "has_scans", json_boolean(pages->count > 0));
    json_object_set_new(view, "page_now", json_integer(n));
    json_object_set_new(view, "page_before", json_integer(n > 1 ? n - 1 : n));
    json_object_set_new(view, "page_after",
                        json_integer(n < pages->count ? n + 1 : n));
    json_object_set_new(view, "zoom", json_integer(zoom));
    json_object_set_new(view, "zoom_in", json_integer(zoom < 3 ? zoom + 1 : 3));
    json_object_set_new(view, "zoom_out", json_integer(zoom > 0 ? zoom - 1 : 0));
    json_object_set_new(view, "turn", json_integer(turn));
    json_object_set_new(view, "turn_right", json_integer((turn + 1) % 4));
    json_object_set_new(view, "turn_left", json_integer((turn + 3) % 4));
}

/* ---- the way to the view */

static void free_looking(void *work) {
    struct looking *looking = work;

    buf_free(&looking->evidence_bytes);
    secret_wipe(looking, sizeof *looking);
    free(looking);
}

static json_t *head_json(const struct looking *looking) {
    const struct application *a = &looking->application;

    return json_pack(
        "{s:s, s:s, s:s, s:I, s:I, s:s, s:o, s:o, s:i, s:o, s:b, s:i, s:b}", "id",
        a->id.text, "kind", store_application_kind_name(a->kind), "state",
        store_application_state_name(a->state), "created_ms", (json_int_t)a->created_ms,
        "state_ms", (json_int_t)a->state_ms, "verdict", verdicts[a->ocr & 3], "reasons",
        reason_names(a->ocr_reasons), "defects", svc_staff_defects(a->defects), "pages",
        (int)a->pages, "tracking",
        a->tracking[0] ? json_string(a->tracking) : json_false(), "alike", a->alike, "reminders",
        (int)a->reminders, "open", looking->sight != SIGHT_NONE);
}

static void show(struct staff_op *op) {
    struct looking *looking = op->work;
    json_t *view = head_json(looking);
    enum err err = svc_read_begin(op->base.svc);

    if (err) {
        json_decref(view);
        svc_fail(&op->base, err);
        return;
    }
    json_object_set_new(view, "decided_ms",
                        json_integer((json_int_t)looking->application.decided_ms));
    json_object_set_new(view, "can_receive",
                        json_boolean(looking->application.state == APPLICATION_AWAITING));
    json_object_set_new(view, "can_defect",
                        json_boolean(store_application_may_move(
                            looking->application.state, APPLICATION_DEFECT)));
    json_object_set_new(view, "can_return",
                        json_boolean(store_application_may_move(
                            looking->application.state, APPLICATION_RETURNED)));
    json_object_set_new(view, "before_review",
                        json_boolean(looking->application.state == APPLICATION_DEFECT ||
                                     looking->application.before_review));
    json_object_set_new(view, "is_returned",
                        json_boolean(looking->application.state == APPLICATION_RETURNED));
    put_review(op, looking, view);
    err = put_alike(op, looking, view);
    svc_read_end(op->base.svc);
    if (err) {
        json_decref(view);
        svc_fail(&op->base, err);
        return;
    }
    json_object_set_new(view, "choices", defect_choices(op));
    json_object_set_new(view, "has_evidence", json_boolean(looking->has_evidence &&
                                                           !looking->evidence_err));
    json_object_set_new(view, "evidence_lost", json_boolean(looking->has_evidence &&
                                                            looking->evidence_err));
    if (looking->sight != SIGHT_NONE) {
        put_profile(looking, view);
        put_pages(op, looking, view);
        if (looking->has_evidence && !looking->evidence_err)
            json_object_set_new(view, "evidence",
                                svc_staff_evidence_json(&looking->profile,
                                                        &looking->evidence,
                                                        &looking->application.id));
    }
    svc_staff_view(op, view);
}

static void evidence_work(struct svc_state *state) {
    struct staff_op *op = (struct staff_op *)state;
    struct looking *looking = op->work;

    looking->evidence_err = blob_load(state->svc->shared, &looking->evidence_row,
                                      &looking->evidence_bytes);
    if (!looking->evidence_err)
        looking->evidence_err =
            evidence_decode(buf_span(&looking->evidence_bytes), &looking->evidence);
}

static void evidence_read(struct svc_state *state) {
    show((struct staff_op *)state);
}

static void looked(struct svc_state *state) {
    struct staff_op *op = (struct staff_op *)state;
    struct looking *looking = op->work;

    if (looking->sight != SIGHT_NONE && looking->has_evidence)
        svc_view_pool(state, evidence_work, evidence_read);
    else
        show(op);
}

/* In the open snapshot. */
static enum err read_all(struct staff_op *op, const struct application_id *id,
                         struct looking *ret) {
    static const uint8_t none[32];
    struct svc *svc = op->base.svc;
    struct arena *arena = &op->staff->op.arena;
    struct blob_id evidence;
    enum err err = store_application_get(svc->read, arena, id, &ret->application);

    if (!err)
        err = store_review_get(svc->read, arena, id, &ret->review);
    if (err)
        return err;
    ret->sight = svc_staff_sight(op, &ret->review);
    if (ret->sight == SIGHT_NONE)
        return OK;
    err = svc_application_open(svc, arena, &ret->application, &ret->profile);
    if (!err)
        err = svc_staff_pages(op, id, &ret->pages);
    memcpy(evidence.b, ret->application.evidence, sizeof evidence.b);
    ret->has_evidence = memcmp(evidence.b, none, sizeof none) != 0;
    if (!err && ret->has_evidence)
        err = store_blob_get(svc->read, &evidence, &ret->evidence_row);
    return err;
}

void svc_staff_application(struct staff_op *op) {
    struct application_id id;
    struct looking *looking;
    enum err err;

    if (!svc_staff_application_id(op, &id)) {
        svc_staff_no_application(op);
        return;
    }
    looking = calloc(1, sizeof *looking);
    if (!looking) {
        svc_fail(&op->base, ERR_NOMEM);
        return;
    }
    buf_init(&looking->evidence_bytes, EVIDENCE_WIRE_MAX);
    op->work = looking;
    op->work_free = free_looking;
    err = svc_read_begin(op->base.svc);
    if (!err) {
        err = read_all(op, &id, looking);
        svc_read_end(op->base.svc);
    }
    if (err == ERR_NOT_FOUND)
        svc_staff_no_application(op);
    else if (err)
        svc_fail(&op->base, err);
    else if (looking->sight == SIGHT_RECORDED)
        svc_staff_look(op, &id, false, looked);
    else
        looked(&op->base);
}
