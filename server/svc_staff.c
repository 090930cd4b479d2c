/* svc_staff: what comes before every action of the staff console, and how it ends. */
#include "server/svc_staff_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "server/svc_origin.h"
#include "store/base/check.h"
#include "store/base/codec.h"
#include "store/base/secret.h"

/* Both factors were shown at most so long ago: for a form to be opened, and, with the
 * time to fill it in, to be sent. */
#define FRESH_OPEN_MS (5u * 60 * 1000)
#define FRESH_SEND_MS (15u * 60 * 1000)
#define CALL_MAX LIMIT_UPLOAD_BODY
#define CSRF_LEN 43
/* Of a field that a refused form is shown with again. */
#define TYPED_NAME_MAX 32
#define TYPED_MAX (64u * 1024)

static void (*const actions[STAFF_ACTIONS_COUNT])(struct staff_op *op) = {
    [STAFF_DO_HOME] = svc_staff_home,
    [STAFF_DO_SESSIONS] = svc_staff_sessions,
    [STAFF_DO_SESSION_END] = svc_staff_session_end,
    [STAFF_DO_SIGN_OUT] = svc_staff_sign_out,
    [STAFF_DO_PASSWORD_FORM] = svc_staff_password_form,
    [STAFF_DO_PASSWORD] = svc_staff_password,
    [STAFF_DO_RP_LIST] = svc_staff_rp_list,
    [STAFF_DO_RP_SHOW] = svc_staff_rp_show,
    [STAFF_DO_RP_MINISTRIES] = svc_staff_rp_ministries,
    [STAFF_DO_RP_EXPORT] = svc_staff_rp_export,
    [STAFF_DO_RP_FORM] = svc_staff_rp_form,
    [STAFF_DO_RP_SAVE] = svc_staff_rp_save,
    [STAFF_DO_RP_STAGE] = svc_staff_rp_stage,
    [STAFF_DO_RP_RETIRE] = svc_staff_rp_stage,
    [STAFF_DO_RP_SECRET] = svc_staff_rp_secret,
    [STAFF_DO_RP_IMPORT_FORM] = svc_staff_rp_import_form,
    [STAFF_DO_RP_IMPORT] = svc_staff_rp_import,
    [STAFF_DO_PEOPLE_LIST] = svc_staff_people_list,
    [STAFF_DO_PEOPLE_FORM] = svc_staff_people_form,
    [STAFF_DO_PEOPLE_ADD] = svc_staff_people_add,
    [STAFF_DO_PEOPLE_CHANGE] = svc_staff_people_change,
    [STAFF_DO_OPERATION] = svc_staff_operation,
    [STAFF_DO_OUTBOX_RETRY] = svc_staff_outbox_retry,
    [STAFF_DO_AUDIT] = svc_staff_audit,
    [STAFF_DO_DESK] = svc_staff_desk,
    [STAFF_DO_APPLICATION] = svc_staff_application,
    [STAFF_DO_CLAIM] = svc_staff_claim,
    [STAFF_DO_RELEASE] = svc_staff_release,
    [STAFF_DO_NEXT] = svc_staff_next,
    [STAFF_DO_DECIDE] = svc_staff_decide,
    [STAFF_DO_SCAN] = svc_staff_scan,
    [STAFF_DO_INTAKE] = svc_staff_intake,
    [STAFF_DO_PLACE] = svc_staff_place,
    [STAFF_DO_UPLOAD] = svc_staff_upload,
    [STAFF_DO_RECEIVE] = svc_staff_receive,
    [STAFF_DO_DEFECT] = svc_staff_defect,
    [STAFF_DO_LETTER] = svc_staff_letter,
    [STAFF_DO_RETURN] = svc_staff_return,
    [STAFF_DO_HELP] = svc_staff_help,
    [STAFF_DO_HELP_FIND] = svc_staff_help_find,
    [STAFF_DO_HELP_RESEND] = svc_staff_help_resend,
    [STAFF_DO_CORRECT] = svc_staff_correct,
    [STAFF_DO_CORRECT_SETTLE] = svc_staff_correct_settle,
    [STAFF_DO_IMPORTS] = svc_staff_imports,
    [STAFF_DO_IMPORT_PROPOSE] = svc_staff_import_propose,
    [STAFF_DO_IMPORT_SHOW] = svc_staff_import_show,
    [STAFF_DO_IMPORT_JUDGE] = svc_staff_import_judge,
    [STAFF_DO_IMPORT_SETTLE] = svc_staff_import_settle,
    [STAFF_DO_DECISIONS] = svc_staff_decisions,
};

/* The page that a form stands on; STAFF_DO_HOME: none is made again. */
static const enum staff_action pages[STAFF_ACTIONS_COUNT] = {
    [STAFF_DO_SESSION_END] = STAFF_DO_SESSIONS,
    [STAFF_DO_RP_STAGE] = STAFF_DO_RP_SHOW,
    [STAFF_DO_RP_RETIRE] = STAFF_DO_RP_SHOW,
    [STAFF_DO_RP_SECRET] = STAFF_DO_RP_SHOW,
    [STAFF_DO_PEOPLE_CHANGE] = STAFF_DO_PEOPLE_LIST,
    [STAFF_DO_OUTBOX_RETRY] = STAFF_DO_OPERATION,
    [STAFF_DO_APPLICATION] = STAFF_DO_DESK,
    [STAFF_DO_CLAIM] = STAFF_DO_APPLICATION,
    [STAFF_DO_RELEASE] = STAFF_DO_APPLICATION,
    [STAFF_DO_NEXT] = STAFF_DO_DESK,
    [STAFF_DO_DECIDE] = STAFF_DO_APPLICATION,
    [STAFF_DO_PLACE] = STAFF_DO_INTAKE,
    [STAFF_DO_RECEIVE] = STAFF_DO_APPLICATION,
    [STAFF_DO_DEFECT] = STAFF_DO_APPLICATION,
    [STAFF_DO_RETURN] = STAFF_DO_APPLICATION,
    [STAFF_DO_HELP_FIND] = STAFF_DO_HELP,
    [STAFF_DO_HELP_RESEND] = STAFF_DO_HELP,
    [STAFF_DO_CORRECT] = STAFF_DO_HELP,
    [STAFF_DO_CORRECT_SETTLE] = STAFF_DO_HELP,
    [STAFF_DO_IMPORT_PROPOSE] = STAFF_DO_IMPORTS,
    [STAFF_DO_IMPORT_JUDGE] = STAFF_DO_IMPORT_SHOW,
    [STAFF_DO_IMPORT_SETTLE] = STAFF_DO_IMPORT_SHOW,
    [STAFF_DO_DECISIONS] = STAFF_DO_IMPORTS,
};

static void work_drop(struct staff_op *op) {
    if (op->work)
        op->work_free(op->work);
    op->work = NULL;
    json_decref(op->kept);
    op->kept = NULL;
}

static void finish(struct svc_state *state) {
    struct staff_op *op = (struct staff_op *)state;
    void (*work_free)(void *work) = op->work_free;
    void *work = op->work; /* outlives the operation: what is answered may be in it */

    if (op->refused && op->staff->op.err) { /* it stays refused, without its page */
        op->staff->op.err = OK;
        op->staff->kind = op->refused_kind;
        op->staff->view = span_of("", 0);
    }
    if (op->admin_open)
        svc_op_close(&op->admin.op);
    op->admin_open = false;
    json_decref(op->typed);
    json_decref(op->kept);
    op->typed = op->kept = NULL;
    buf_free(&op->call);
    op->staff->done(op->staff);
    if (work)
        work_free(work);
}

/* ---- answers */

/* The text in the operation's arena. */
static enum err dump(struct staff_op *op, json_t *json, struct span *ret_text) {
    char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;

    if (!text)
        return ERR_NOMEM;
    *ret_text = arena_dup(&op->staff->op.arena, span_str(text));
    secret_wipe(text, strlen(text)); /* it may show a secret, once */
    free(text);
    return ret_text->data ? OK : ERR_NOMEM;
}

/* The command of this operation, or of the operator's use case, was taken. */
static void note_index(struct staff_op *op, const struct svc_state *state) {
    if (state && state->request_open && !state->request.err &&
        state->request.outcome.index > op->written_index)
        op->written_index = state->request.outcome.index;
}

/* S4. */
static enum err renew_cookie(struct staff_op *op) {
    note_index(op, &op->base);
    if (op->written_index <= op->stamp.index || op->staff->signed_out)
        return OK;
    return svc_stamp_make(op->base.svc, SEAL_STAFF_COOKIE, op->written_index,
                          token_format_secret(&op->stamp), &op->staff->op.arena,
                          &op->staff->set_session_cookie);
}

static void end(struct staff_op *op, enum svc_staff_kind kind) {
    enum err err = kind == STAFF_VIEW || kind == STAFF_DONE ? renew_cookie(op) : OK;

    if (err) {
        svc_fail(&op->base, err);
        return;
    }
    op->staff->kind = kind;
    finish(&op->base);
}

void svc_staff_view(struct staff_op *op, json_t *view) {
    enum err err;

    if (op->refused && view)
        json_object_set(view, "typed", op->typed);
    err = dump(op, view, &op->staff->view);
    json_decref(view);
    if (err)
        svc_fail(&op->base, err);
    else
        end(op, op->refused ? op->refused_kind : STAFF_VIEW);
}

void svc_staff_image(struct staff_op *op, struct span jpeg) {
    /* It may be larger than an operation's arena. */
    op->staff->file = jpeg;
    end(op, STAFF_IMAGE);
}

void svc_staff_taken(struct staff_op *op) {
    end(op, STAFF_TAKEN);
}

void svc_staff_file(struct staff_op *op) {
    end(op, STAFF_FILE);
}

/* The fields as a page shows them again: their values, and `NAME_is_VALUE` for those that
 * are chosen from a list. Secrets and what is no field of a page are left out. */
json_t *svc_staff_typed(const struct staff_op *op) {
    static const char *const secrets[] = {"csrf", "password", "password_again", "code"};
    const struct params *params = op->staff->params;
    json_t *typed = json_object();
    char name[TYPED_NAME_MAX + 1], choice[2 * TYPED_NAME_MAX + sizeof "_is_"];

    for (size_t i = 0; i < params->count; i++) {
        struct span field = params->items[i].name, value = params->items[i].value;
        bool hidden = field.len > TYPED_NAME_MAX || value.len > TYPED_MAX;

        for (size_t j = 0; j < sizeof secrets / sizeof secrets[0]; j++)
            hidden = hidden || span_is(field, secrets[j]);
        if (hidden)
            continue;
        snprintf(name, sizeof name, "%.*s", (int)field.len, (const char *)field.data);
        json_object_set_new(typed, name, svc_staff_text(svc_staff_field(op, name)));
        if (value.len == 0 || value.len > TYPED_NAME_MAX)
            continue;
        snprintf(choice, sizeof choice, "%s_is_%.*s", name, (int)value.len,
                 (const char *)value.data);
        json_object_set_new(typed, choice, json_true());
    }
    return typed;
}

static void make_page(struct svc_state *state) {
    struct staff_op *op = (struct staff_op *)state;

    actions[pages[op->staff->action]](op);
}

/* As things are by what has refused it. False: the form stands on no page that this person
 * may see, or that can be made. */
static bool show_again(struct staff_op *op, enum svc_staff_kind kind) {
    enum staff_action page = pages[op->staff->action];

    if (op->refused || op->typed || page == STAFF_DO_HOME ||
        !staff_permission(op->account.roles, page))
        return false;
    op->refused = true;
    op->refused_kind = kind;
    op->typed = svc_staff_typed(op);
    work_drop(op);
    note_index(op, &op->base);
    if (op->written_index > 0)
        svc_wait_index(&op->base, op->written_index, make_page);
    else
        make_page(&op->base);
    return true;
}

void svc_staff_refuse(struct staff_op *op, enum svc_staff_kind kind,
                      struct span message) {
    enum err err = OK;

    if (op->refused) { /* the page itself is not there: a problem's is shown */
        end(op, op->refused_kind);
        return;
    }
    op->staff->message = arena_dup(&op->staff->op.arena, message);
    if (!op->staff->message.data)
        err = ERR_NOMEM;
    if (!err && show_again(op, kind))
        return;
    if (!err && op->typed)
        err = dump(op, op->typed, &op->staff->view);
    if (err)
        svc_fail(&op->base, err);
    else
        end(op, kind);
}

bool svc_staff_refuse_by(struct staff_op *op, enum outcome_code code,
                         const struct staff_refusal *table, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (table[i].code == code) {
            op->staff->reason = table[i].reason;
            svc_staff_refuse(op, STAFF_CONFLICT, span_str(table[i].message));
            return true;
        }
    }
    return false;
}

void svc_staff_done(struct staff_op *op, const char *format, ...) {
    struct buf *out = &op->base.svc->scratch;
    char text[512];
    va_list args;
    int len;

    va_start(args, format);
    len = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    CHECK(len >= 0 && (size_t)len < sizeof text);
    buf_reset(out);
    buf_str(out, text);
    enum err err = svc_take(&op->staff->op.arena, out, &op->staff->location);
    if (err)
        svc_fail(&op->base, err);
    else
        end(op, STAFF_DONE);
}

/* ---- what actions share */

struct span svc_staff_field(const struct staff_op *op, const char *name) {
    bool twice = false;
    struct span value = params_get(op->staff->params, name, &twice);

    return twice || !value.data ? span_of("", 0) : value;
}

json_t *svc_staff_text(struct span text) {
    return json_stringn((const char *)text.data, text.len);
}

json_t *svc_staff_roles(uint32_t roles) {
    json_t *names = json_array();

    for (size_t i = 0; staff_role_names[i]; i++) {
        if (roles & (1u << i))
            json_array_append_new(names, json_string(staff_role_names[i]));
    }
    return names;
}

json_t *svc_staff_id(struct id128 id) {
    char text[33];

    hex_encode(span_of(id.b, sizeof id.b), text);
    return json_string(text);
}

static void called(struct svc_admin *admin) {
    struct staff_op *op = admin->arg;

    note_index(op, admin->op.state);
    if (op->trying) {
        op->after(op);
        return;
    }
    if (admin->op.err) {
        svc_fail(&op->base, admin->op.err);
        return;
    }
    switch (admin->kind) {
    case ADMIN_OK:
        op->after(op);
        return;
    case ADMIN_INVALID:
        svc_staff_refuse(op, STAFF_INVALID, admin->message);
        return;
    case ADMIN_CONFLICT:
        svc_staff_refuse(op, STAFF_CONFLICT, admin->message);
        return;
    case ADMIN_NOT_FOUND:
        svc_staff_refuse(op, STAFF_MISSING, admin->message);
        return;
    }
    CHECK(!"a kind of svc_admin.h");
}

static void call(struct staff_op *op, enum svc_admin_action action, json_t *body,
                 void (*after)(struct staff_op *op)) {
    char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;

    if (op->admin_open)
        svc_op_close(&op->admin.op);
    op->admin_open = false;
    buf_reset(&op->call);
    if (text) {
        buf_str(&op->call, text);
        secret_wipe(text, strlen(text));
    }
    free(text);
    json_decref(body);
    if (buf_err(&op->call)) {
        svc_fail(&op->base, buf_err(&op->call));
        return;
    }
    op->after = after;
    op->admin = (struct svc_admin){.op.from = op->staff->op.from,
                                   .done = called,
                                   .arg = op,
                                   .by_staff = span_of(op->account.id.b,
                                                       sizeof op->account.id.b),
                                   .action = action,
                                   .body_in = buf_span(&op->call)};
    op->admin_open = true;
    svc_admin(op->base.svc, &op->admin);
}

void svc_staff_call(struct staff_op *op, enum svc_admin_action action, json_t *body,
                    void (*after)(struct staff_op *op)) {
    op->trying = false;
    call(op, action, body, after);
}

void svc_staff_try(struct staff_op *op, enum svc_admin_action action, json_t *body,
                   void (*after)(struct staff_op *op)) {
    op->trying = true;
    call(op, action, body, after);
}

json_t *svc_staff_answer(struct staff_op *op) {
    return json_loadb((const char *)op->admin.body.data, op->admin.body.len, 0, NULL);
}

/* ---- the gate */

/* Of the session, for its forms. */
static struct span csrf_of(struct staff_op *op, char text[CSRF_LEN + 1]) {
    struct svc *svc = op->base.svc;
    uint8_t hash[32];

    sealer_hash(svc->sealer, HASH_STAFF_FORM,
                span_of(op->session.key.b, sizeof op->session.key.b), hash);
    return span_of(text, base64url_encode(span_of(hash, sizeof hash), text));
}

static enum err put_me(struct staff_op *op) {
    char csrf[CSRF_LEN + 1];
    json_t *may = json_object(), *me;
    enum err err;

    (void)csrf_of(op, csrf);
    for (int i = 0; i < STAFF_ACTIONS_COUNT; i++) {
        if (staff_permission(op->account.roles, (enum staff_action)i))
            json_object_set_new(may, staff_permission_name((enum staff_action)i),
                                json_true());
    }
    me = json_pack("{s:o, s:o, s:s, s:o}", "name", svc_staff_text(op->account.name),
                   "roles", svc_staff_roles(op->account.roles), "csrf", csrf, "may",
                   may);
    err = dump(op, me, &op->staff->me);
    json_decref(me);
    return err;
}

static bool is_fresh(const struct staff_op *op) {
    uint64_t now_ms = repl_now_ms(op->base.svc->shared->repl);
    uint64_t limit_ms =
        staff_permission_writes(op->staff->action) ? FRESH_SEND_MS : FRESH_OPEN_MS;

    return now_ms < op->session.auth_time_ms + limit_ms;
}

static void forbidden(struct svc_state *state) {
    end((struct staff_op *)state, STAFF_FORBIDDEN);
}

/* Who tries what the roles do not give leaves a record (SECURITY G12). */
static void forbid(struct staff_op *op) {
    struct command command = {.type = CMD_AUDIT_NOTE};

    command.audit_note.event = AUDIT_STAFF_REFUSED;
    command.audit_note.has_staff = true;
    command.audit_note.staff = op->account.id;
    command.audit_note.note = span_str(staff_permission_name(op->staff->action));
    svc_submit(&op->base, &command, forbidden);
}

static void look_again(struct svc_state *state) {
    struct staff_op *op = (struct staff_op *)state;
    enum err err = svc_read_begin(state->svc);

    if (!err) {
        err = store_staff_get(state->svc->read, &op->staff->op.arena, op->session.staff,
                              &op->account);
        svc_read_end(state->svc);
    }
    if (err == ERR_NOT_FOUND || (!err && op->account.state != STAFF_ACTIVE)) {
        op->staff->signed_out = true;
        end(op, STAFF_SIGN_IN);
        return;
    }
    if (!err)
        err = put_me(op);
    if (err)
        svc_fail(state, err);
    else if (!staff_permission(op->account.roles, op->staff->action))
        forbid(op);
    else
        op->otherwise(op);
}

void svc_staff_role_refused(struct staff_op *op, void (*otherwise)(struct staff_op *op)) {
    op->otherwise = otherwise;
    svc_wait_index(&op->base, op->base.request.outcome.index, look_again);
}

static void allowed(struct svc_state *state) {
    struct staff_op *op = (struct staff_op *)state;
    enum staff_action action = op->staff->action;
    char csrf[CSRF_LEN + 1];

    if (!staff_permission(op->account.roles, action))
        forbid(op);
    else if (staff_permission_writes(action) &&
             !secret_equal(svc_staff_field(op, "csrf"), csrf_of(op, csrf)))
        end(op, STAFF_CSRF);
    else if (staff_permission_fresh(action) && !is_fresh(op))
        end(op, STAFF_AGAIN);
    else
        actions[action](op);
}

/* However the touch went: the session was live when it was read. */
static void touch(struct staff_op *op) {
    uint32_t idle_ms = op->base.svc->shared->config->staff_idle_s * 1000;
    uint64_t now_ms = repl_now_ms(op->base.svc->shared->repl);
    struct command command = {.type = CMD_STAFF_TOUCH};

    /* Not by every request: a quarter of the time has gone. */
    if (op->session.idle_at_ms >= now_ms + idle_ms - idle_ms / 4 ||
        op->session.idle_at_ms >= op->session.expires_ms) {
        allowed(&op->base);
        return;
    }
    command.staff_touch.session = op->session.key;
    command.staff_touch.idle_ms = idle_ms;
    svc_submit(&op->base, &command, allowed);
}

/* In the open snapshot. ERR_NOT_FOUND: there is no live session (W4). */
static enum err read_session(struct staff_op *op) {
    struct svc *svc = op->base.svc;
    uint64_t now_ms = repl_now_ms(svc->shared->repl);
    struct key_hash key = svc_hash(svc, HASH_STAFF_SESSION, token_format_secret(&op->stamp));
    enum err err = svc_stamp_current(svc, &op->stamp);

    if (!err)
        err = store_staff_session_get(svc->read, key, &op->session);
    if (!err && now_ms >= store_staff_session_end_ms(&op->session))
        err = ERR_NOT_FOUND;
    if (!err)
        err = store_staff_get(svc->read, &op->staff->op.arena, op->session.staff,
                              &op->account);
    if (!err && (op->account.state != STAFF_ACTIVE ||
                 op->account.generation != op->session.generation))
        err = ERR_NOT_FOUND;
    return err;
}

static void judge(struct svc_state *state) {
    struct staff_op *op = (struct staff_op *)state;
    enum err err = svc_read_begin(state->svc);

    if (!err) {
        err = read_session(op);
        svc_read_end(state->svc);
    }
    if (err == ERR_NOT_FOUND) {
        op->staff->signed_out = true;
        end(op, STAFF_SIGN_IN);
        return;
    }
    svc_act_as(state, AUDIT_STAFF, span_of(op->account.id.b, sizeof op->account.id.b));
    if (!err)
        err = put_me(op);
    if (err)
        svc_fail(state, err);
    else
        touch(op);
}

/* S2: the probe has gone round, or there is none to be had; then the node says whether
 * its data are fresh enough. */
static void settled(struct svc_state *state) {
    struct staff_op *op = (struct staff_op *)state;

    svc_stamp_await(state, &op->stamp, judge);
}

void svc_staff(struct svc *svc, struct svc_staff *staff) {
    const struct span none = {NULL, 0};
    struct staff_op *op;
    enum err err;

    staff->me = staff->view = staff->message = staff->location = none;
    staff->file = staff->file_name = staff->set_session_cookie = none;
    staff->signed_out = false;
    staff->reason = NULL;
    op = svc_op_begin(svc, &staff->op, sizeof *op, finish);
    if (!op) {
        staff->done(staff);
        return;
    }
    op->staff = staff;
    buf_init(&op->call, CALL_MAX);
    err = svc_stamp_open(svc, SEAL_STAFF_COOKIE, staff->session_cookie, &op->stamp);
    if (err == ERR_FORGED)
        end(op, STAFF_SIGN_IN);
    else if (err)
        svc_fail(&op->base, err);
    else if (staff_permission_writes(staff->action))
        svc_settle(&op->base, settled);
    else
        settled(&op->base);
}
