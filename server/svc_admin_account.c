/* svc_admin_account: an operator adds an account. The password is hashed on the
 * pool, personal data are sealed here; the command carries neither in clear. */
#include <stdio.h>

#include "server/crypto/password.h"
#include "server/domain/account_id.h"
#include "server/svc_admin_internal.h"
#include "server/svc_password.h"
#include "server/svc_profile.h"
#include "store/base/codec.h"

struct account_op {
    struct admin_op admin; /* first */
    struct account_id id;
    struct account account;
    struct profile profile;
    struct span password;
    char hash[PASSWORD_HASH_MAX];
    enum err hash_err;
};

size_t svc_admin_account_size(void) {
    return sizeof(struct account_op);
}

static void read_corp_type(struct account_op *op, json_t *value) {
    json_int_t type = json_is_integer(value) ? json_integer_value(value) : 0;

    if (type == CORP_CORPORATION || type == CORP_SOLE)
        op->profile.corp_type = (enum corp_type)type;
    else
        svc_json_fail(&op->admin.json, "profile.corp_type: 1 (corporation) or 2 (sole "
                                       "proprietor) is expected");
}

static void read_field(struct account_op *op, const char *name, json_t *value) {
    struct svc_json *json = &op->admin.json;
    enum profile_field field = profile_field_find(span_str(name));
    const char *why;
    struct span text;

    if (field == PROFILE_COUNT) {
        svc_json_fail(json, "profile.%.64s: there is no such member", name);
        return;
    }
    if (!json_is_string(value)) {
        svc_json_fail(json, "profile.%s: a string is expected", name);
        return;
    }
    text = span_of(json_string_value(value), json_string_length(value));
    if (!profile_field_check(field, text, &why))
        svc_json_fail(json, "profile.%s: %s", name, why);
    op->profile.fields[field] = text;
}

static void read_profile(struct account_op *op) {
    struct svc_json *json = &op->admin.json;
    json_t *object = json->failed ? NULL : json_object_get(json->root, "profile");
    enum profile_field field;
    const char *name, *why;
    json_t *value;

    if (object && !json_is_object(object)) {
        svc_json_fail(json, "profile: an object is expected");
        return;
    }
    json_object_foreach(object, name, value) {
        if (span_is(span_str(name), "corp_type"))
            read_corp_type(op, value);
        else
            read_field(op, name, value);
    }
    if (json->failed)
        return;
    /* The account ID is the holder's e-mail address (DOMAIN §1). */
    if (op->profile.fields[PROFILE_EMAIL].len == 0)
        op->profile.fields[PROFILE_EMAIL] = account_id_span(&op->id);
    if (!profile_check(&op->profile, &field, &why))
        svc_json_fail(json, "profile.%s: %s", profile_field_name(field), why);
}

/* By the rule for its kind of account; op->password is then as it is hashed. ERR_NOMEM. */
static enum err check_password(struct account_op *op) {
    const struct config *config = op->admin.base.svc->shared->config;
    const struct span words[] = {account_id_span(&op->id),
                                 op->profile.fields[PROFILE_NAME],
                                 op->profile.fields[PROFILE_EN_NAME]};
    bool alone = op->account.type == ACCOUNT_ENTRY || config->second_factor_enrolled;
    enum password_refusal refusal;
    enum err err = svc_password_take(
        &op->admin.admin->op.arena, op->password,
        alone ? PASSWORD_LEN_MIN_ALONE : PASSWORD_LEN_MIN_BESIDE, words,
        sizeof words / sizeof words[0], &op->password, &refusal);

    if (err)
        return err;
    if (refusal != PASSWORD_OK)
        svc_json_fail(&op->admin.json, "password: %s (%d characters are the least)",
                      password_refusal_str(refusal),
                      alone ? PASSWORD_LEN_MIN_ALONE : PASSWORD_LEN_MIN_BESIDE);
    return OK;
}

/* A Member's parent is an active Prime. */
static enum err read_parent(struct account_op *op) {
    struct svc *svc = op->admin.base.svc;
    struct svc_json *json = &op->admin.json;
    bool member = op->account.type == ACCOUNT_MEMBER;
    struct span text = svc_json_text(json, "parent", member, 1, LIMIT_ACCOUNT_ID);
    struct account parent;
    struct account_id id;
    const char *why;
    enum err err;

    if (json->failed || (!member && text.len == 0))
        return OK;
    if (!member) {
        svc_json_fail(json, "parent: only a member has one");
        return OK;
    }
    if (!account_id_parse(text, &id, &why)) {
        svc_json_fail(json, "parent: %s", why);
        return OK;
    }
    err = svc_read_begin(svc);
    if (err)
        return err;
    err = store_account_find(svc->read, &op->admin.admin->op.arena,
                             svc_hash(svc, HASH_ACCOUNT_ID, account_id_span(&id)),
                             &parent);
    svc_read_end(svc);
    if (err == ERR_NOT_FOUND ||
        (!err && (parent.type != ACCOUNT_PRIME || parent.state != ACCOUNT_ACTIVE))) {
        svc_json_fail(json, "parent: there is no such active prime account");
        return OK;
    }
    op->account.has_parent = err == OK;
    if (!err)
        op->account.parent_sub = parent.sub;
    return err;
}

static enum err read_request(struct account_op *op) {
    static const char *const members[] = {"account_id", "password", "type",
                                          "parent",     "profile",  NULL};
    static const char *const types[] = {"entry", "prime", "member", NULL};
    struct svc_json *json = &op->admin.json;
    struct span id;
    const char *why;

    svc_json_parse(json, op->admin.admin->body_in, members);
    id = svc_json_text(json, "account_id", true, 1, LIMIT_ACCOUNT_ID);
    if (!json->failed && !account_id_parse(id, &op->id, &why))
        svc_json_fail(json, "account_id: %s", why);
    op->password = svc_json_text(json, "password", true, 1, LIMIT_PASSWORD);
    op->account.type = (enum account_type)svc_json_choice(json, "type", types, 0);
    read_profile(op);
    if (!json->failed && check_password(op))
        return ERR_NOMEM;
    return read_parent(op);
}

static void visible(struct svc_state *state) {
    struct account_op *op = (struct account_op *)state;
    struct buf *out = &state->svc->scratch;
    char sub[33];

    hex_encode(span_of(op->account.sub.b, sizeof op->account.sub.b), sub);
    buf_reset(out);
    buf_str(out, "{");
    buf_json_member(out, "sub", span_str(sub));
    buf_json_member(out, "account_id", account_id_span(&op->id));
    buf_str(out, "}");
    svc_admin_answer(&op->admin, out);
}

static void added(struct svc_state *state) {
    struct account_op *op = (struct account_op *)state;

    if (state->request.outcome.code == OUT_EXISTS) {
        svc_admin_refuse(&op->admin, ADMIN_CONFLICT,
                         "account_id: there is an account with this ID already");
        return;
    }
    if (state->request.outcome.code != OUT_OK) {
        svc_fail(state, ERR_CORRUPT);
        return;
    }
    svc_wait_index(state, state->request.outcome.index, visible);
}

static void hashed(struct svc_state *state) {
    struct account_op *op = (struct account_op *)state;
    struct svc *svc = state->svc;
    struct command command = {.type = CMD_ACCOUNT_PUT};
    enum err err = op->hash_err;

    op->account.sub = svc_random_id(svc);
    if (!err)
        err = svc_profile_seal(svc, op->account.sub, &op->profile,
                               &op->admin.admin->op.arena, &op->account.sealed_profile);
    if (err) {
        svc_fail(state, err);
        return;
    }
    op->account.login_index = svc_hash(svc, HASH_ACCOUNT_ID, account_id_span(&op->id));
    op->account.state = ACCOUNT_ACTIVE;
    op->account.generation = 1;
    op->account.password_hash = span_str(op->hash);
    command.account_put.account = op->account;
    svc_submit(state, &command, added);
}

/* On a thread of the hash pool: touches nothing of the svc. */
static void hash_password(struct svc_state *state) {
    struct account_op *op = (struct account_op *)state;

    op->hash_err = password_hash(op->password, op->hash);
}

void svc_admin_account_add(struct admin_op *admin) {
    struct account_op *op = (struct account_op *)admin;
    enum err err = read_request(op);

    if (err)
        svc_fail(&admin->base, err);
    else if (admin->json.failed)
        svc_admin_invalid(admin);
    else
        svc_pool(&admin->base, hash_password, hashed);
}
