/* svc_staff_help: what the help desk does for an applicant who calls: how the application
 * stands, the mail of approval again, another telephone number.
 *
 *   id or account ID -> the application, in a look that is recorded -> view
 *   propose -> CMD_CORRECTION_PROPOSE -> another person -> CMD_CORRECTION_SETTLE, mail
 *
 * An account is opened by the mailbox and the telephone together (svc_apply.h, L5), so a
 * number that was mistyped shuts its owner out, and one that anybody could have changed
 * would let somebody in. Two people decide, in raft/fsm_correction.c. The number as it is
 * shown to nobody whole: who calls says it. */
#include <stdio.h>
#include <stdlib.h>

#include "server/domain/account_id.h"
#include "server/domain/phone.h"
#include "server/svc_application_mail.h"
#include "server/svc_staff_review.h"
#include "store/base/codec.h"
#include "store/base/secret.h"
#include "store/store_correction.h"

#define WAITING_SHOWN 100

struct helping {
    struct application_id id;
    struct application application;
    bool has_correction;
    struct correction correction;
    struct profile profile;  /* as it is */
    struct profile proposed; /* as it is to be */
    struct phone phone;      /* that was typed */
    json_t *waiting;
    size_t waiting_count;
};

static void helping_free(void *work) {
    struct helping *help = work;

    json_decref(help->waiting);
    secret_wipe(help, sizeof *help);
    free(help);
}

/* False: the operation has ended. */
static bool helping_new(struct staff_op *op) {
    struct helping *help = calloc(1, sizeof *help);

    if (!help) {
        svc_fail(&op->base, ERR_NOMEM);
        return false;
    }
    op->work = help;
    op->work_free = helping_free;
    return true;
}

/* ---- the view */

/* Of the number's last digits; empty: there is none that could be sent to. */
static json_t *masked(struct staff_op *op, const struct profile *profile) {
    char text[1 + PHONE_DIGITS_MAX + 1];
    struct phone phone;

    if (phone_parse(profile->fields[PROFILE_USER_TEL],
                    &op->base.svc->shared->config->sms_country, &phone) != PHONE_OK)
        return json_string("");
    phone_mask(phone_span(&phone), text);
    return json_string(text);
}

/* In the open snapshot. */
static json_t *name_of(struct staff_op *op, struct id128 id) {
    struct staff person;
    enum err err =
        store_staff_get(op->base.svc->read, &op->staff->op.arena, id, &person);

    return err ? svc_staff_id(id) : svc_staff_text(person.name);
}

static bool same(struct id128 a, struct id128 b) {
    return memcmp(a.b, b.b, sizeof a.b) == 0;
}

struct waiting_walk {
    struct staff_op *op;
    struct helping *help;
};

/* Those that wait for longest, the oldest first. */
static bool waiting_each(void *arg, const struct correction *correction) {
    struct waiting_walk *walk = arg;
    json_t *list = walk->help->waiting;
    size_t at = json_array_size(list);

    walk->help->waiting_count++;
    while (at > 0 && (json_int_t)correction->made_ms <
                         json_integer_value(json_object_get(
                             json_array_get(list, at - 1), "made_ms")))
        at--;
    if (at == WAITING_SHOWN)
        return true;
    json_array_insert_new(list, at,
                          json_pack("{s:s, s:o, s:I}", "id", correction->id.text, "who",
                                    name_of(walk->op, correction->by), "made_ms",
                                    (json_int_t)correction->made_ms));
    if (json_array_size(list) > WAITING_SHOWN)
        json_array_remove(list, WAITING_SHOWN);
    return true;
}

/* In the open snapshot. */
static enum err read_waiting(struct staff_op *op, struct helping *help) {
    struct waiting_walk walk = {op, help};

    help->waiting = json_array();
    return store_correction_walk(op->base.svc->read, waiting_each, &walk);
}

/* In the open snapshot. */
static enum err read_application(struct staff_op *op, struct helping *help) {
    struct svc *svc = op->base.svc;
    struct arena *arena = &op->staff->op.arena;
    struct application proposed;
    enum err err = store_application_get(svc->read, arena, &help->id, &help->application);

    if (!err)
        err = svc_application_open(svc, arena, &help->application, &help->profile);
    if (err)
        return err;
    err = store_correction_get(svc->read, arena, &help->id, &help->correction);
    help->has_correction = err == OK;
    if (err)
        return err == ERR_NOT_FOUND ? OK : err;
    proposed = help->application;
    proposed.sealed = help->correction.sealed;
    return svc_application_open(svc, arena, &proposed, &help->proposed);
}

static json_t *full_name(struct staff_op *op, const struct profile *profile) {
    struct span last = profile->fields[PROFILE_REP_LAST_NAME];
    struct span first = profile->fields[PROFILE_REP_FIRST_NAME];
    struct buf *text = &op->base.svc->plain;
    json_t *name;

    buf_reset(text);
    buf_put(text, last.data, last.len);
    buf_str(text, " ");
    buf_put(text, first.data, first.len);
    name = svc_staff_text(buf_span(text));
    buf_reset(text);
    return name;
}

static json_t *correction_json(struct staff_op *op, const struct helping *help) {
    const struct correction *c = &help->correction;
    bool yours = same(c->by, op->account.id);
    bool second = (op->account.roles & (STAFF_APPROVER | STAFF_SUPERVISOR)) != 0;

    return json_pack("{s:o, s:o, s:s, s:I, s:I, s:o, s:b, s:b, s:b}", "correction_name",
                     svc_staff_id(c->name), "who", name_of(op, c->by), "basis",
                     store_correction_basis_name(c->basis), "made_ms",
                     (json_int_t)c->made_ms, "ends_ms", (json_int_t)c->ends_ms, "to",
                     svc_staff_text(help->proposed.fields[PROFILE_USER_TEL]), "yours",
                     yours, "may_agree", second && !yours, "may_refuse", second || yours);
}

/* In the open snapshot. */
static json_t *application_json(struct staff_op *op, const struct helping *help) {
    const struct application *a = &help->application;
    bool approved = a->state == APPLICATION_APPROVED;

    return json_pack(
        "{s:s, s:s, s:s, s:I, s:I, s:I, s:o, s:o, s:o, s:o, s:o, s:b, s:b, s:b, s:I, s:o}",
        "id", a->id.text, "kind", store_application_kind_name(a->kind), "state",
        store_application_state_name(a->state), "created_ms", (json_int_t)a->created_ms,
        "state_ms", (json_int_t)a->state_ms, "reminders", (json_int_t)a->reminders,
        "company", svc_staff_text(help->profile.fields[PROFILE_NAME]), "person",
        full_name(op, &help->profile), "account",
        svc_staff_text(help->profile.fields[PROFILE_EMAIL]), "number",
        masked(op, &help->profile), "defects", svc_staff_defects(a->defects), "approved",
        approved, "may_correct", store_correction_fits(a->state) && !help->has_correction,
        "english", a->english, "lapses_ms",
        (json_int_t)(approved ? store_application_lapses_ms(a) : 0), "correction",
        help->has_correction ? correction_json(op, help) : json_false());
}

static void show(struct svc_state *state) {
    struct staff_op *op = (struct staff_op *)state;
    struct helping *help = op->work;
    json_t *view = json_object();
    enum err err = svc_read_begin(state->svc);

    if (!err) {
        err = read_waiting(op, help);
        if (!err && help->id.text[0] != '\0')
            json_object_set_new(view, "application", application_json(op, help));
        svc_read_end(state->svc);
    }
    if (err) {
        json_decref(view);
        svc_fail(state, err);
        return;
    }
    json_object_set(view, "waiting", help->waiting);
    json_object_set_new(view, "waiting_count",
                        json_integer((json_int_t)help->waiting_count));
    json_object_set_new(view, "waiting_more",
                        json_boolean(help->waiting_count > WAITING_SHOWN));
    svc_staff_view(op, view);
}

/* The application that the field `id` names, opened. False: the operation has ended. */
static bool load(struct staff_op *op) {
    struct helping *help = op->work;
    enum err err;

    if (!svc_staff_application_id(op, &help->id)) {
        svc_staff_no_application(op);
        return false;
    }
    err = svc_read_begin(op->base.svc);
    if (!err) {
        err = read_application(op, help);
        svc_read_end(op->base.svc);
    }
    if (err == ERR_NOT_FOUND)
        svc_staff_no_application(op);
    else if (err)
        svc_fail(&op->base, err);
    return err == OK;
}

void svc_staff_help(struct staff_op *op) {
    if (!helping_new(op))
        return;
    if (svc_staff_field(op, "id").len == 0)
        show(&op->base);
    else if (load(op))
        svc_staff_look(op, &((struct helping *)op->work)->id, false, show);
}

/* ---- finding one: a form, so that no mail address stands in an address of ours */

struct newest {
    struct staff_op *op;
    struct application_id id;
    uint64_t created_ms;
    enum err err;
};

/* An account ID has one open application at most, and those that became accounts. */
static bool newest_each(void *arg, const struct application_id *id, uint64_t since_ms) {
    struct newest *newest = arg;
    struct application application;

    (void)since_ms;
    newest->err = store_application_get(newest->op->base.svc->read,
                                        &newest->op->staff->op.arena, id, &application);
    if (newest->err == OK && application.created_ms >= newest->created_ms) {
        newest->id = *id;
        newest->created_ms = application.created_ms;
    }
    return newest->err == OK;
}

static enum err find_account(struct staff_op *op, struct span typed,
                             struct application_id *ret_id) {
    struct svc *svc = op->base.svc;
    struct newest newest = {.op = op};
    struct account_id account;
    enum err err;

    if (!account_id_parse(typed, &account, NULL))
        return ERR_NOT_FOUND;
    err = svc_read_begin(svc);
    if (err)
        return err;
    err = store_application_find(
        svc->read, APPLICATION_BY_ACCOUNT,
        svc_hash(svc, HASH_ACCOUNT_ID, account_id_span(&account)), newest_each, &newest);
    svc_read_end(svc);
    *ret_id = newest.id;
    err = err ? err : newest.err;
    return err == OK && newest.id.text[0] == '\0' ? ERR_NOT_FOUND : err;
}

static void invalid(struct staff_op *op, const char *reason, const char *message) {
    op->staff->reason = reason;
    svc_staff_refuse(op, STAFF_INVALID, span_str(message));
}

void svc_staff_help_find(struct staff_op *op) {
    struct span typed = svc_staff_field(op, "who");
    struct application_id id;
    enum err err = OK;

    if (typed.len > 0 && memchr(typed.data, '@', typed.len))
        err = find_account(op, typed, &id);
    else if (!svc_application_id_read(typed, &id))
        err = ERR_NOT_FOUND;
    if (err == ERR_NOT_FOUND)
        invalid(op, "help_none", "who: there is no such application");
    else if (err)
        svc_fail(&op->base, err);
    else
        svc_staff_done(op, "/staff/help?id=%s", id.text);
}

/* ---- what is done */

static void second_due(struct staff_op *op) {
    op->staff->reason = "correction_role";
    svc_staff_refuse(
        op, STAFF_CONFLICT,
        span_str("id: an approver or a supervisor is waited for, or who asked for it"));
}

static void refused(struct staff_op *op, enum outcome_code code) {
    static const struct staff_refusal refusals[] = {
        {OUT_EXISTS, "correction_waits", "id: one waits for a second person already"},
        {OUT_CHANGING, "correction_changed", "id: the number was changed meanwhile"},
        {OUT_SAME_PERSON, "correction_same",
         "id: a second person is waited for, and you asked for it"},
        {OUT_APPLICATION_STATE, "correction_state",
         "id: not in the state that the application is in"},
        {OUT_LIMITED, "help_limited", "id: too many mails were sent to the address"},
        {OUT_FULL, "help_full", "id: too much is waiting"},
    };

    if (svc_staff_refuse_by(op, code, refusals, sizeof refusals / sizeof refusals[0]))
        return;
    if (code == OUT_NOT_FOUND)
        svc_staff_refuse(op, STAFF_MISSING, span_str("id: it is not there any more"));
    else if (code == OUT_ROLE || code == OUT_ACCOUNT_STATE)
        svc_staff_role_refused(op, second_due);
    else
        svc_fail(&op->base, ERR_CORRUPT);
}

static void answer(struct staff_op *op, const char *notice) {
    struct helping *help = op->work;
    enum outcome_code code = op->base.request.outcome.code;

    if (code == OUT_OK)
        svc_staff_done(op, "/staff/help?id=%s&notice=%s", help->id.text, notice);
    else
        refused(op, code);
}

static void resent(struct svc_state *state) {
    answer((struct staff_op *)state, "help_resent");
}

void svc_staff_help_resend(struct staff_op *op) {
    struct command command = {.type = CMD_ACTIVATION_RENEW};
    struct cmd_activation_renew *cmd = &command.activation_renew;
    const struct span from = span_of("", 0);
    struct svc_activation_out out;
    struct helping *help;
    enum err err;

    if (!helping_new(op) || !load(op))
        return;
    help = op->work;
    if (help->application.state != APPLICATION_APPROVED) {
        refused(op, OUT_APPLICATION_STATE);
        return;
    }
    err = svc_activation_out(op->base.svc, &op->staff->op.arena, &help->application, &from,
                             &out);
    if (err) {
        svc_fail(&op->base, err);
        return;
    }
    *cmd = (struct cmd_activation_renew){
        .id = help->id,
        .staff = op->account.id,
        .token = out.token,
        .token_ttl_ms = out.token_ttl_ms,
        .message = out.message,
        .later = out.later,
    };
    svc_submit(&op->base, &command, resent);
}

static void proposed(struct svc_state *state) {
    answer((struct staff_op *)state, "correction_asked");
}

static enum correction_basis read_basis(const struct staff_op *op) {
    struct span text = svc_staff_field(op, "basis");

    for (int i = CORRECTION_CALLED_BACK; i <= CORRECTION_BASIS_LAST; i++) {
        if (span_is(text, store_correction_basis_name((enum correction_basis)i)))
            return (enum correction_basis)i;
    }
    return (enum correction_basis)0;
}

void svc_staff_correct(struct staff_op *op) {
    struct command command = {.type = CMD_CORRECTION_PROPOSE};
    struct cmd_correction_propose *cmd = &command.correction_propose;
    struct svc *svc = op->base.svc;
    enum phone_refusal why;
    char message[96];
    struct helping *help;
    enum err err;

    if (!helping_new(op) || !load(op))
        return;
    help = op->work;
    cmd->basis = read_basis(op);
    why = phone_parse(svc_staff_field(op, "tel"), &svc->shared->config->sms_country,
                      &help->phone);
    if (why != PHONE_OK) {
        (void)snprintf(message, sizeof message, "tel: %s", phone_refusal_str(why));
        invalid(op, "correction_phone", message);
        return;
    }
    if (cmd->basis == 0) {
        invalid(op, "correction_basis", "basis: say how the applicant was known");
        return;
    }
    if (span_equal(phone_span(&help->phone), help->profile.fields[PROFILE_USER_TEL])) {
        invalid(op, "correction_equal", "tel: the application has this number already");
        return;
    }
    help->profile.fields[PROFILE_USER_TEL] = phone_span(&help->phone);
    err = svc_application_seal_again(svc, &op->staff->op.arena, &help->id, &help->profile,
                                     &cmd->sealed);
    if (err) {
        svc_fail(&op->base, err);
        return;
    }
    cmd->id = help->id;
    cmd->name = svc_random_id(svc);
    cmd->staff = op->account.id;
    cmd->corrections = help->application.corrections;
    svc_submit(&op->base, &command, proposed);
}

/* What the applicant is told. */
static enum err write_mail(struct staff_op *op, const struct helping *help,
                           struct message_out *ret_message) {
    struct svc *svc = op->base.svc;
    struct arena *arena = &op->staff->op.arena;
    struct message_draft draft = svc_application_draft(
        arena, MESSAGE_APPLICATION_PHONE, &help->application, &help->proposed);
    char number[1 + PHONE_DIGITS_MAX + 1], when[MESSAGE_TIME_MAX];

    phone_mask(help->proposed.fields[PROFILE_USER_TEL], number);
    message_time(repl_now_ms(svc->shared->repl), draft.english, when);
    message_draft_put(&draft, "number", span_str(number));
    message_draft_put(&draft, "when", span_str(when));
    return svc_message_make(svc, arena, &draft, ret_message);
}

static void agreed(struct svc_state *state) {
    answer((struct staff_op *)state, "correction_done");
}

static void taken_back(struct svc_state *state) {
    answer((struct staff_op *)state, "correction_refused");
}

void svc_staff_correct_settle(struct staff_op *op) {
    struct command command = {.type = CMD_CORRECTION_SETTLE};
    struct cmd_correction_settle *cmd = &command.correction_settle;
    struct span name = svc_staff_field(op, "name");
    struct span decision = svc_staff_field(op, "decision");
    struct helping *help;
    enum err err = OK;

    if (!helping_new(op) || !load(op))
        return;
    help = op->work;
    cmd->id = help->id;
    cmd->staff = op->account.id;
    cmd->approve = span_is(decision, "agree");
    if (!cmd->approve && !span_is(decision, "refuse")) {
        invalid(op, NULL, "decision: agree or refuse is expected");
        return;
    }
    if (name.len != 2 * sizeof cmd->name.b || !help->has_correction ||
        hex_decode(name, cmd->name.b, sizeof cmd->name.b) != OK) {
        svc_staff_refuse(op, STAFF_MISSING, span_str("name: it is not there any more"));
        return;
    }
    if (cmd->approve)
        err = write_mail(op, help, &cmd->message);
    if (err)
        svc_fail(&op->base, err);
    else
        svc_submit(&op->base, &command, cmd->approve ? agreed : taken_back);
}
