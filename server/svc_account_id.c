/* svc_account_id: another account ID, asked for on a page and confirmed by a link that
 * was mailed to it. The link opens a page (K3); its form is the confirmation. */
#include "server/svc_account_internal.h"
#include "store/base/codec.h"
#include "store/base/secret.h"
#include "store/store_id_change.h"

#define LINK_PATH "/account/confirm?token="
#define TOKEN_TEXT 64 /* base64url of 48 bytes */

static struct span sub_span(const struct id128 *sub) {
    return span_of(sub->b, sizeof sub->b);
}

/* ---- asking */

static void asked(struct svc_state *state) {
    struct account_op *op = (struct account_op *)state;

    switch (state->request.outcome.code) {
    case OUT_OK:
        op->out->new_id = span_of(NULL, 0); /* the page is alike, whoever has it */
        svc_account_show(op, ACCOUNT_MAILED);
        return;
    case OUT_SECOND_STEP:
        svc_account_sign_in(op, false);
        return;
    case OUT_REAUTH:
    case OUT_SESSION_ENDED:
    case OUT_ACCOUNT_STATE:
        svc_account_sign_in(op, true);
        return;
    case OUT_LIMITED:
    case OUT_FULL:
        svc_account_show(op, ACCOUNT_LIMITED);
        return;
    default:
        svc_fail(state, ERR_CORRUPT);
    }
}

/* The mail to the new address. */
static enum err draft_link(struct account_op *op) {
    struct message_draft draft = {.template = MESSAGE_ACCOUNT_ID_CHANGE_CONFIRM,
                                  .english = op->out->english,
                                  .to = account_id_span(&op->new_id),
                                  .ttl_ms = SELF_ID_TTL_MS,
                                  .sub = &op->session.sub,
                                  .source = op->out->op.from.address};
    char link[sizeof LINK_PATH + TOKEN_TEXT];

    memcpy(link, LINK_PATH, sizeof LINK_PATH);
    base64url_encode(span_of(op->secret, sizeof op->secret),
                     link + sizeof LINK_PATH - 1);
    message_draft_put(&draft, "link", span_str(link));
    enum err err = svc_message_make(op->base.svc, &op->out->op.arena, &draft,
                                    &op->command.self.message);
    secret_wipe(link, sizeof link);
    return err;
}

static enum err fill_ask(struct account_op *op) {
    struct svc *svc = op->base.svc;
    struct cmd_self *cmd = &op->command.self;
    struct span id = account_id_span(&op->new_id);
    struct message_value value = {"new_id", id};
    struct buf sealed;
    enum err err;

    memcpy(op->secret, op->session.sub.b, sizeof op->session.sub.b);
    svc_random(svc, op->secret + sizeof op->session.sub.b, SELF_TOKEN_SECRET);
    cmd->has_login_index = cmd->has_token = true;
    cmd->login_index = svc_hash(svc, HASH_ACCOUNT_ID, id);
    cmd->token = svc_hash(svc, HASH_ACCOUNT_TOKEN,
                          span_of(op->secret, sizeof op->secret));
    cmd->ttl_ms = SELF_ID_TTL_MS;
    buf_init(&sealed, LIMIT_SEALED_ACCOUNT_ID);
    err = sealer_seal(svc->sealer, SEAL_ACCOUNT_ID, sub_span(&cmd->sub), id, &sealed);
    if (!err)
        err = svc_take(&op->out->op.arena, &sealed, &cmd->sealed);
    buf_free(&sealed);
    if (!err)
        err = draft_link(op);
    if (!err)
        err = svc_account_tell(op, MESSAGE_ACCOUNT_ID_CHANGE_ASKED, &value, &cmd->notice);
    secret_wipe(op->secret, sizeof op->secret);
    return err;
}

void svc_account_id_ask(struct account_op *op) {
    enum err err;

    if (!account_id_parse(svc_account_field(op, "account_id"), &op->new_id, NULL) ||
        span_equal(account_id_span(&op->new_id), op->out->account_id)) {
        svc_account_show(op, ACCOUNT_BAD_ID);
        return;
    }
    err = fill_ask(op);
    if (err)
        svc_fail(&op->base, err);
    else
        svc_submit(&op->base, &op->command, asked);
}

/* ---- confirming */

static void confirmed(struct svc_state *state) {
    struct account_op *op = (struct account_op *)state;

    switch (state->request.outcome.code) {
    case OUT_OK:
        op->out->new_id = account_id_span(&op->new_id);
        svc_account_show(op, ACCOUNT_DONE);
        return;
    case OUT_EXISTS:
        svc_account_show(op, ACCOUNT_TAKEN);
        return;
    case OUT_NOT_FOUND:
    case OUT_EXPIRED:
    case OUT_ACCOUNT_STATE:
        svc_account_show(op, ACCOUNT_VOID);
        return;
    default:
        svc_fail(state, ERR_CORRUPT);
    }
}

/* In the open snapshot: the change that the link is of, and its account. */
static enum err read_change(struct account_op *op, struct id_change *change) {
    struct svc *svc = op->base.svc;
    struct key_hash token =
        svc_hash(svc, HASH_ACCOUNT_TOKEN, span_of(op->secret, sizeof op->secret));
    struct id128 sub;
    enum err err;

    memcpy(sub.b, op->secret, sizeof sub.b);
    err = store_id_change_get(svc->read, sub, change);
    if (!err && memcmp(change->token.b, token.b, sizeof token.b) != 0)
        err = ERR_NOT_FOUND;
    if (!err)
        err = store_account_get(svc->read, &op->out->op.arena, sub, &op->account);
    if (!err)
        err = svc_account_profile(op);
    if (err)
        return err;
    buf_reset(&svc->plain);
    err = sealer_open(svc->sealer, SEAL_ACCOUNT_ID, sub_span(&sub), change->sealed,
                      &svc->plain);
    return !err && !account_id_parse(buf_span(&svc->plain), &op->new_id, NULL)
               ? ERR_CORRUPT
               : err;
}

/* The profile says the account ID too; and the old address is told. */
static enum err fill_confirm(struct account_op *op, const struct id_change *change) {
    struct svc *svc = op->base.svc;
    struct cmd_self *cmd = &op->command.self;
    struct profile profile = op->profile;
    struct message_value value = {"new_id", account_id_span(&op->new_id)};
    struct buf plain, sealed;
    enum err err;

    op->command.type = CMD_SELF;
    *cmd = (struct cmd_self){.act = SELF_ID_CONFIRM,
                             .sub = change->sub,
                             .has_token = true,
                             .token = change->token,
                             .generation = change->generation};
    profile.fields[PROFILE_EMAIL] = account_id_span(&op->new_id);
    buf_init(&plain, PROFILE_ENCODED_MAX);
    buf_init(&sealed, LIMIT_SEALED_PROFILE);
    err = profile_encode(&profile, &plain);
    if (!err)
        err = sealer_seal(svc->sealer, SEAL_PROFILE, sub_span(&cmd->sub),
                          buf_span(&plain), &sealed);
    if (!err)
        err = svc_take(&op->out->op.arena, &sealed, &cmd->sealed);
    buf_free(&plain);
    buf_free(&sealed);
    if (!err)
        err = svc_account_tell(op, MESSAGE_ACCOUNT_ID_CHANGED, &value, &cmd->message);
    return err ? err : svc_act_as_account(&op->base, change->sub);
}

/* A node that was behind has caught up, if it could. */
static void confirm(struct svc_state *state) {
    struct account_op *op = (struct account_op *)state;
    struct svc *svc = state->svc;
    struct id_change change;
    enum err err = svc_read_begin(svc);

    if (!err) {
        err = read_change(op, &change);
        svc_read_end(svc);
    }
    if (err == ERR_NOT_FOUND) {
        svc_account_show(op, ACCOUNT_VOID);
        return;
    }
    if (!err)
        err = fill_confirm(op, &change);
    if (err)
        svc_fail(state, err);
    else
        svc_submit(state, &op->command, confirmed);
}

void svc_account_confirm(struct account_op *op) {
    struct span text = svc_account_field(op, "token");
    size_t len = 0;

    if (text.len != TOKEN_TEXT ||
        base64url_decode(text, op->secret, sizeof op->secret, &len) != OK ||
        len != sizeof op->secret) {
        svc_account_show(op, ACCOUNT_VOID);
        return;
    }
    op->out->token = text;
    if (!op->out->post)
        svc_account_show(op, ACCOUNT_NO_NOTICE);
    else if (svc_fresh(&op->base))
        svc_settle(&op->base, confirm);
}
