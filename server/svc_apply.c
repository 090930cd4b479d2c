/* svc_apply: the form and the link that confirms it (svc_apply.h). */
#include <stdio.h>

#include "server/domain/application_id.h"
#include "server/paper.h"
#include "server/rate_limit.h"
#include "server/svc_apply_internal.h"
#include "store/base/codec.h"
#include "store/base/japan.h"

#define DRAWS_MAX 4
#define CONFIRM_TTL_MS (24u * 3600 * 1000)
#define CONFIRM_PATH "/apply/confirm?token="
#define STATUS_PATH "/apply/status"
#define PRINT_PATH "/apply/document?ticket="
#define PRINT_TTL_MS (120ull * 24 * 3600 * 1000)
#define TICKET_MAX (8 + APPLICATION_ID_MAX)

_Static_assert((int)APPLICANT_CORPORATION == (int)APPLICATION_CORPORATION &&
                   (int)APPLICANT_SOLE == (int)APPLICATION_SOLE &&
                   (int)APPLICANT_PUBLIC == (int)APPLICATION_PUBLIC &&
                   (int)APPLICANT_OTHER == (int)APPLICATION_OTHER,
               "one number for a kind");

/* ---- what the files share */

bool svc_apply_limit(struct svc *svc, const char *what, struct span of) {
    struct rate_limit *limit = svc->shared->login_limit;
    struct buf *key = &svc->scratch;

    if (!limit)
        return true;
    buf_reset(key);
    buf_str(key, what);
    buf_str(key, ":");
    buf_put(key, of.data, of.len);
    return rate_limit_take(limit, buf_span(key));
}

bool svc_apply_printable(enum application_state state) {
    return state == APPLICATION_AWAITING || state == APPLICATION_RECEIVED;
}

enum err svc_apply_ticket(struct svc *svc, struct arena *arena,
                          enum seal_purpose purpose, const struct application_id *id,
                          uint64_t ttl_ms, struct span *ret_ticket) {
    struct buf plain;
    enum err err;

    buf_init(&plain, TICKET_MAX);
    put_u64(&plain, repl_now_ms(svc->shared->repl) + ttl_ms);
    buf_str(&plain, id->text);
    err = buf_err(&plain);
    if (!err)
        err = svc_seal_text(svc, purpose, buf_span(&plain), arena, ret_ticket);
    buf_free(&plain);
    return err;
}

enum err svc_apply_ticket_read(struct svc *svc, enum seal_purpose purpose,
                               struct span ticket, struct application_id *ret_id) {
    struct application_id id = {{0}};
    struct reader in;
    struct span plain, text;
    uint64_t ends_ms;
    enum err err = svc_open_text(svc, purpose, ticket, TICKET_MAX, &plain);

    if (err)
        return err;
    in = reader_of(plain);
    ends_ms = read_u64(&in);
    text = read_bytes(&in, reader_left(&in));
    if (in.bad || text.len > APPLICATION_ID_MAX)
        return ERR_FORGED;
    memcpy(id.text, text.data, text.len);
    if (!store_application_id_ok(&id) || ends_ms <= repl_now_ms(svc->shared->repl))
        return ERR_FORGED;
    *ret_id = id;
    return OK;
}

enum err svc_apply_by_token(struct svc *svc, struct arena *arena, struct span token,
                            enum application_state state,
                            struct application *ret_application,
                            struct profile *ret_profile) {
    struct key_hash hash;
    enum err err = svc_application_token_read(svc, token, &hash);

    if (!err)
        err = svc_read_begin(svc);
    if (err)
        return err;
    err = store_application_by_token(svc->read, arena, hash, ret_application);
    svc_read_end(svc);
    if (!err && (ret_application->state != state ||
                 store_application_token_ends_ms(ret_application, hash) <=
                     repl_now_ms(svc->shared->repl)))
        err = ERR_NOT_FOUND;
    return err ? err : svc_application_open(svc, arena, ret_application, ret_profile);
}

bool svc_apply_open(struct svc *svc, enum applicant_kind kind) {
    return kind >= APPLICANT_CORPORATION && kind <= APPLICANT_KIND_LAST &&
           (kind != APPLICANT_OTHER || svc->shared->config->other_documents[0] != '\0');
}

struct span svc_apply_documents(struct svc *svc, bool english) {
    const struct config *config = svc->shared->config;

    return span_str(english && config->other_documents_en[0] != '\0'
                        ? config->other_documents_en
                        : config->other_documents);
}

/* ---- the form */

struct apply_op {
    struct svc_state base; /* first */
    struct svc_apply *apply;
    struct command command;
    unsigned draws;
};

static void apply_finish(struct svc_state *state) {
    struct apply_op *op = (struct apply_op *)state;

    op->apply->done(op->apply);
}

static void apply_end(struct apply_op *op, enum svc_apply_kind kind) {
    op->apply->kind = kind;
    apply_finish(&op->base);
}

static struct date today(struct svc *svc) {
    struct japan_time time = japan_time(repl_now_ms(svc->shared->repl));

    return (struct date){time.year, time.month, time.day};
}

/* What is mailed if somebody stands in its way. Made every time, and sent by the same
 * command: who applies neither reads nor measures whether there is somebody (L2). */
static enum err make_known(struct apply_op *op, struct message_out *ret_message) {
    struct message_draft draft = {
        .template = MESSAGE_APPLICATION_KNOWN,
        .english = op->apply->english,
        .to = op->apply->applicant.profile.fields[PROFILE_EMAIL],
        .source = op->apply->op.from.address,
    };

    message_draft_put(&draft, "link", span_str(STATUS_PATH));
    return svc_message_make(op->base.svc, &op->apply->op.arena, &draft, ret_message);
}

static void submit(struct apply_op *op);

static void submitted(struct svc_state *state) {
    struct apply_op *op = (struct apply_op *)state;

    switch (state->request.outcome.code) {
    case OUT_OK:
    case OUT_LIMITED: /* not told apart from success */
    case OUT_FULL:
        apply_end(op, APPLY_SENT);
        return;
    case OUT_EXISTS:
        if (++op->draws < DRAWS_MAX)
            submit(op);
        else
            svc_fail(state, ERR_CORRUPT); /* so many that are taken are no chance */
        return;
    default:
        svc_fail(state, ERR_CORRUPT);
    }
}

static enum err fill(struct apply_op *op, struct cmd_application_submit *submit) {
    struct svc_apply *apply = op->apply;
    struct svc *svc = op->base.svc;
    struct arena *arena = &apply->op.arena;
    struct application application = {.english = apply->english};
    struct message_draft draft;
    struct span path;
    uint64_t random;
    enum err err;

    svc_random(svc, &random, sizeof random);
    *submit = (struct cmd_application_submit){
        .kind = (enum application_kind)apply->applicant_kind,
        .environment = svc->shared->config->environment,
        .form_version = PAPER_VERSION,
        .token_ttl_ms = CONFIRM_TTL_MS,
        .english = apply->english,
    };
    application_id_make(random, submit->id.text);
    err = svc_application_seal(svc, arena, &apply->applicant.profile, submit);
    if (!err)
        err = make_known(op, &submit->known);
    if (!err)
        err = svc_application_token(svc, arena, CONFIRM_PATH, &submit->token, &path);
    if (err)
        return err;
    draft = svc_application_draft(arena, MESSAGE_APPLICATION_CONFIRM, &application,
                                  &apply->applicant.profile);
    draft.source = apply->op.from.address;
    draft.ttl_ms = CONFIRM_TTL_MS;
    draft.values_count = 1; /* the id is told with the confirmation */
    message_draft_put(&draft, "link", path);
    return svc_message_make(svc, arena, &draft, &submit->message);
}

static void submit(struct apply_op *op) {
    enum err err;

    op->command.type = CMD_APPLICATION_SUBMIT;
    err = fill(op, &op->command.application_submit);
    if (err)
        svc_fail(&op->base, err);
    else
        svc_submit(&op->base, &op->command, submitted);
}

void svc_apply(struct svc *svc, struct svc_apply *apply) {
    struct apply_op *op = svc_op_begin(svc, &apply->op, sizeof *op, apply_finish);
    const struct applicant_rules rules = {&svc->shared->config->sms_country, today(svc)};
    enum err err;

    if (!op) {
        apply->done(apply);
        return;
    }
    op->apply = apply;
    if (!svc_apply_open(svc, apply->applicant_kind)) {
        apply_end(op, APPLY_CLOSED);
        return;
    }
    err = applicant_read(apply->applicant_kind, apply->typed, &rules, &apply->op.arena,
                         &apply->applicant);
    if (err) {
        svc_fail(&op->base, err);
    } else if (apply->step == APPLY_EDIT || apply->applicant.faults_count > 0) {
        apply_end(op, APPLY_FORM);
    } else if (apply->step == APPLY_CHECK) {
        apply_end(op, APPLY_CHECKED);
    } else if (!svc_apply_limit(svc, "apply", apply->op.from.address)) {
        apply_end(op, APPLY_LIMITED);
    } else if (svc_fresh(&op->base)) {
        submit(op);
    }
}

/* ---- the link */

struct confirm_op {
    struct svc_state base; /* first */
    struct svc_apply_confirm *confirm;
    struct application application;
    struct profile profile;
    struct command command;
    bool settled;
};

static void confirm_finish(struct svc_state *state) {
    struct confirm_op *op = (struct confirm_op *)state;

    op->confirm->done(op->confirm);
}

static void confirm_end(struct confirm_op *op, enum svc_apply_confirm_kind kind) {
    op->confirm->kind = kind;
    confirm_finish(&op->base);
}

static void confirmed(struct svc_state *state) {
    struct confirm_op *op = (struct confirm_op *)state;

    switch (state->request.outcome.code) {
    case OUT_OK:
        confirm_end(op, CONFIRM_DONE);
        return;
    case OUT_NOT_FOUND:
    case OUT_EXPIRED:
        confirm_end(op, CONFIRM_REFUSED);
        return;
    case OUT_DUPLICATE_ACCOUNT:
    case OUT_DUPLICATE_PERSON:
        confirm_end(op, CONFIRM_TAKEN);
        return;
    case OUT_LIMITED:
    case OUT_FULL:
        confirm_end(op, CONFIRM_LIMITED);
        return;
    default:
        svc_fail(state, ERR_CORRUPT);
    }
}

/* The mail of reception, with the way to the form. */
static enum err reception(struct confirm_op *op, struct message_out *ret_message) {
    struct svc *svc = op->base.svc;
    struct arena *arena = &op->confirm->op.arena;
    struct message_draft draft = svc_application_draft(
        arena, MESSAGE_APPLICATION_RECEIVED, &op->application, &op->profile);
    char when[MESSAGE_TIME_MAX];
    struct span link;
    enum err err = svc_message_link(arena, PRINT_PATH, op->confirm->ticket, &link);

    if (err)
        return err;
    message_time(repl_now_ms(svc->shared->repl), draft.english, when);
    message_draft_put(&draft, "when", span_str(when));
    message_draft_put(&draft, "link", link);
    draft.source = op->confirm->op.from.address;
    return svc_message_make(svc, arena, &draft, ret_message);
}

static void confirm_now(struct confirm_op *op) {
    struct svc *svc = op->base.svc;
    struct arena *arena = &op->confirm->op.arena;
    struct cmd_application_confirm *cmd = &op->command.application_confirm;
    enum err err = svc_apply_ticket(svc, arena, SEAL_TICKET, &op->application.id,
                                    PRINT_TTL_MS, &op->confirm->ticket);

    op->command.type = CMD_APPLICATION_CONFIRM;
    cmd->token = op->application.tokens[0].hash;
    if (!err)
        err = reception(op, &cmd->message);
    if (!err)
        err = svc_application_awaiting(svc, arena, &op->application, &op->profile,
                                       &cmd->later);
    if (err)
        svc_fail(&op->base, err);
    else
        svc_submit(&op->base, &op->command, confirmed);
}

static void confirm_look(struct svc_state *state) {
    struct confirm_op *op = (struct confirm_op *)state;
    struct svc_apply_confirm *confirm = op->confirm;
    struct arena *arena = &confirm->op.arena;
    enum err err = svc_apply_by_token(state->svc, arena, confirm->token,
                                      APPLICATION_SUBMITTED, &op->application,
                                      &op->profile);

    if (err == ERR_NOT_FOUND && !op->settled && svc_await_ask(state->svc)) {
        op->settled = true; /* the mail may be faster than this node */
        svc_settle(state, confirm_look);
        return;
    }
    if (err == ERR_NOT_FOUND || err == ERR_FORGED) {
        confirm_end(op, CONFIRM_REFUSED);
        return;
    }
    if (err) {
        svc_fail(state, err);
        return;
    }
    confirm->of = (enum applicant_kind)op->application.kind;
    confirm->company = op->profile.fields[PROFILE_NAME];
    confirm->email = op->profile.fields[PROFILE_EMAIL];
    confirm->application_id = arena_dup(arena, span_str(op->application.id.text));
    if (confirm->confirms)
        confirm_now(op);
    else
        confirm_end(op, CONFIRM_ASK);
}

void svc_apply_confirm(struct svc *svc, struct svc_apply_confirm *confirm) {
    struct confirm_op *op =
        svc_op_begin(svc, &confirm->op, sizeof *op, confirm_finish);

    if (!op) {
        confirm->done(confirm);
        return;
    }
    op->confirm = confirm;
    if (!svc_apply_limit(svc, "confirm", op->confirm->op.from.address))
        svc_fail(&op->base, ERR_BUSY);
    else if (svc_fresh(&op->base))
        confirm_look(&op->base);
}
