/* svc_entry: an Entry account, registered by its holder (DOMAIN §1).
 *
 *   address -> mail with a link -> form -> CMD_ACCOUNT_PUT, with the link used up
 *
 * Invariants:
 *   E1  nothing is stored of an address before its mailbox has answered: the link is
 *       sealed and says all there is to know, so whoever began a registration with
 *       another's address holds nothing (SECURITY E09);
 *   E2  the answer to an address is the same whether there is an account with it or
 *       not, and the same work is done for it (D02); the mail tells its owner;
 *   E3  looking at the link changes nothing (E08); of all who race with links of one
 *       address one gets the account (fsm_account, E11).
 * Plain form of the link: nonce, u64 end of its life, the canonical address. */
#include "server/crypto/password.h"
#include "server/domain/account_id.h"
#include "server/svc_internal.h"
#include "server/svc_message.h"
#include "server/svc_origin.h"
#include "server/svc_password.h"
#include "server/svc_profile.h"
#include "store/base/codec.h"
#include "store/base/secret.h"

#define LINK_NONCE 16
#define LINK_HEAD (LINK_NONCE + 8)
#define LINK_MAX (LINK_HEAD + LIMIT_ACCOUNT_ID)
#define LINK_TTL_MS (24u * 3600 * 1000)
#define LINK_PATH "/register/confirm?token="
#define KNOWN_PATH "/account"

/* ---- the link */

struct link {
    struct key_hash once;
    uint64_t expires_ms;
    struct account_id id;
};

/* Its path, in `arena`. */
static enum err link_make(struct svc *svc, const struct account_id *id,
                          struct arena *arena, struct span *ret_path) {
    uint8_t nonce[LINK_NONCE];
    struct span token;
    struct buf plain;
    enum err err;

    svc_random(svc, nonce, sizeof nonce);
    buf_init(&plain, LINK_MAX);
    buf_put(&plain, nonce, sizeof nonce);
    put_u64(&plain, repl_now_ms(svc->shared->repl) + LINK_TTL_MS);
    buf_put(&plain, id->text, id->len);
    err = buf_err(&plain);
    if (!err)
        err = svc_seal_text(svc, SEAL_ENTRY, buf_span(&plain), arena, &token);
    if (!err)
        err = svc_message_link(arena, LINK_PATH, token, ret_path);
    secret_wipe(nonce, sizeof nonce);
    buf_free(&plain);
    return err;
}

/* ERR_FORGED: not a link of ours, or too old. */
static enum err link_open(struct svc *svc, struct span token, struct link *ret_link) {
    struct span plain, nonce;
    struct reader in;
    enum err err = svc_open_text(svc, SEAL_ENTRY, token, LINK_MAX, &plain);

    if (err)
        return err;
    in = reader_of(plain);
    nonce = read_bytes(&in, LINK_NONCE);
    ret_link->expires_ms = read_u64(&in);
    if (in.bad ||
        !account_id_parse(read_bytes(&in, reader_left(&in)), &ret_link->id, NULL))
        return ERR_FORGED;
    ret_link->once = svc_hash(svc, HASH_ENTRY, nonce);
    return ret_link->expires_ms > repl_now_ms(svc->shared->repl) ? OK : ERR_FORGED;
}

static enum err is_known(struct svc *svc, struct arena *arena,
                         const struct account_id *id, bool *ret_known) {
    struct account account;
    enum err err = svc_read_begin(svc);

    if (err)
        return err;
    err = store_account_find(svc->read, arena,
                             svc_hash(svc, HASH_ACCOUNT_ID, account_id_span(id)),
                             &account);
    svc_read_end(svc);
    *ret_known = err == OK;
    return err == ERR_NOT_FOUND ? OK : err;
}

/* ---- asking for a link */

struct ask_op {
    struct svc_state base; /* first */
    struct svc_entry_ask *ask;
    struct account_id id;
};

static void ask_finish(struct svc_state *state) {
    struct ask_op *op = (struct ask_op *)state;

    op->ask->done(op->ask);
}

static enum err ask_message(struct ask_op *op, struct message_out *ret_message) {
    struct svc *svc = op->base.svc;
    struct arena *arena = &op->ask->op.arena;
    struct message_draft draft = {
        .english = op->ask->english,
        .to = account_id_span(&op->id),
        .source = op->ask->op.from.address,
    };
    struct span path = span_of("", 0);
    bool known = false;
    enum err err = is_known(svc, arena, &op->id, &known);

    if (!err)
        err = link_make(svc, &op->id, arena, &path); /* whether it is sent or not (E2) */
    if (err)
        return err;
    draft.template = known ? MESSAGE_ENTRY_KNOWN : MESSAGE_ENTRY_CONFIRM;
    message_draft_put(&draft, "link", known ? span_str(KNOWN_PATH) : path);
    return svc_message_make(svc, arena, &draft, ret_message);
}

void svc_entry_ask(struct svc *svc, struct svc_entry_ask *ask) {
    struct ask_op *op = svc_op_begin(svc, &ask->op, sizeof *op, ask_finish);
    struct command command = {.type = CMD_MESSAGE_SEND};
    enum err err;

    if (!op) {
        ask->done(ask);
        return;
    }
    op->ask = ask;
    ask->bad = false;
    if (!account_id_parse(ask->account_id, &op->id, NULL)) {
        ask->bad = true;
        ask_finish(&op->base);
        return;
    }
    if (!svc_within_limit(svc, ask->op.from.address)) {
        svc_fail(&op->base, ERR_BUSY);
        return;
    }
    if (!svc_fresh(&op->base))
        return;
    err = ask_message(op, &command.message_send.message);
    if (err)
        svc_fail(&op->base, err);
    else
        svc_submit(&op->base, &command, svc_asked);
}

/* ---- the account */

struct entry_op {
    struct svc_state base; /* first */
    struct svc_entry *entry;
    struct link link;
    struct profile profile;
    struct span password; /* as it is hashed */
    char hash[PASSWORD_HASH_MAX];
    enum err hash_err;
};

static void entry_finish(struct svc_state *state) {
    struct entry_op *op = (struct entry_op *)state;

    op->entry->done(op->entry);
}

static void end(struct entry_op *op, enum svc_entry_kind kind) {
    op->entry->kind = kind;
    entry_finish(&op->base);
}

static void settled(struct svc_state *state) {
    end((struct entry_op *)state, ENTRY_DONE);
}

/* The sign-in that comes next has no index to wait for: whichever node it reaches is to
 * know the account. */
static void visible(struct svc_state *state) {
    svc_settle(state, settled);
}

static void created(struct svc_state *state) {
    struct entry_op *op = (struct entry_op *)state;

    switch (state->request.outcome.code) {
    case OUT_OK:
        svc_wait_index(state, state->request.outcome.index, visible);
        return;
    case OUT_EXISTS:
        end(op, ENTRY_KNOWN);
        return;
    case OUT_PROOF_REPLAYED:
        end(op, ENTRY_REFUSED);
        return;
    default:
        svc_fail(state, ERR_CORRUPT);
    }
}

static void hashed(struct svc_state *state) {
    struct entry_op *op = (struct entry_op *)state;
    struct svc *svc = state->svc;
    struct command command = {.type = CMD_ACCOUNT_PUT};
    struct account *account = &command.account_put.account;
    enum err err = op->hash_err;

    *account = (struct account){
        .sub = svc_random_id(svc),
        .login_index = svc_hash(svc, HASH_ACCOUNT_ID, account_id_span(&op->link.id)),
        .type = ACCOUNT_ENTRY,
        .state = ACCOUNT_ACTIVE,
        .generation = 1,
        .password_hash = span_str(op->hash),
    };
    if (!err)
        err = svc_profile_seal(svc, account->sub, &op->profile, &op->entry->op.arena,
                               &account->sealed_profile);
    if (!err)
        err = svc_act_as_account(state, account->sub);
    if (err) {
        svc_fail(state, err);
        return;
    }
    command.account_put.proofs.count = 1;
    command.account_put.proofs.at[0] =
        (struct proof){.key = op->link.once, .ttl_ms = LINK_TTL_MS};
    svc_submit(state, &command, created);
}

/* On a thread of the hash pool: touches nothing of the svc. */
static void hash(struct svc_state *state) {
    struct entry_op *op = (struct entry_op *)state;

    op->hash_err = password_hash(op->password, op->hash);
}

static void notify(struct entry_op *op, enum svc_entry_notice notice) {
    op->entry->notices[op->entry->notices_count++] = notice;
}

/* Two fields that are one to the person: both wanted, both by the rule. */
static void take_names(struct entry_op *op, enum profile_field last,
                       struct span last_text, enum profile_field first,
                       struct span first_text, enum svc_entry_notice notice) {
    const char *why;

    op->profile.fields[last] = last_text;
    op->profile.fields[first] = first_text;
    if (last_text.len == 0 || first_text.len == 0 ||
        !profile_field_check(last, last_text, &why) ||
        !profile_field_check(first, first_text, &why))
        notify(op, notice);
}

/* Without the hyphens and blanks that people put between digits. ERR_NOMEM. */
static enum err take_phone(struct entry_op *op) {
    struct span typed = op->entry->phone;
    struct span *phone = &op->profile.fields[PROFILE_USER_TEL];
    const char *why;
    struct buf digits;
    enum err err;

    if (typed.len == 0)
        return OK;
    if (typed.len > LIMIT_ACCOUNT_ID) {
        notify(op, ENTRY_BAD_PHONE);
        return OK;
    }
    buf_init(&digits, LIMIT_ACCOUNT_ID);
    for (size_t i = 0; i < typed.len; i++)
        if (typed.data[i] != '-' && typed.data[i] != ' ')
            buf_put(&digits, typed.data + i, 1);
    err = svc_take(&op->entry->op.arena, &digits, phone);
    buf_free(&digits);
    if (!err &&
        (phone->len == 0 || !profile_field_check(PROFILE_USER_TEL, *phone, &why)))
        notify(op, ENTRY_BAD_PHONE);
    return err;
}

static enum svc_entry_notice notice_of(enum password_refusal refusal) {
    switch (refusal) {
    case PASSWORD_SHORT:
        return ENTRY_PASSWORD_SHORT;
    case PASSWORD_LONG:
        return ENTRY_PASSWORD_LONG;
    case PASSWORD_COMMON:
        return ENTRY_PASSWORD_COMMON;
    case PASSWORD_CONTEXT:
        return ENTRY_PASSWORD_CONTEXT;
    default:
        return ENTRY_PASSWORD_FORM;
    }
}

/* An Entry has no second factor until a service asks for one: the password is alone. */
static enum err take_password(struct entry_op *op) {
    const struct svc_entry *entry = op->entry;
    const struct span words[] = {
        account_id_span(&op->link.id), entry->last_name,  entry->first_name,
        entry->last_kana,              entry->first_kana,
    };
    enum password_refusal refusal = PASSWORD_LONG;
    enum err err = OK;

    if (!span_equal(entry->password, entry->again)) {
        notify(op, ENTRY_PASSWORD_DIFFERS);
        return OK;
    }
    if (entry->password.len <= LIMIT_PASSWORD) /* before any work (D06) */
        err = svc_password_take(&op->entry->op.arena, entry->password,
                                PASSWORD_LEN_MIN_ALONE, words,
                                sizeof words / sizeof words[0], &op->password,
                                &refusal);
    if (!err && refusal != PASSWORD_OK)
        notify(op, notice_of(refusal));
    return err;
}

static void create(struct entry_op *op) {
    const struct svc_entry *entry = op->entry;
    enum err err;

    op->profile.fields[PROFILE_EMAIL] = account_id_span(&op->link.id);
    take_names(op, PROFILE_USER_LAST_NAME, entry->last_name, PROFILE_USER_FIRST_NAME,
               entry->first_name, ENTRY_BAD_NAME);
    take_names(op, PROFILE_USER_LAST_KANA, entry->last_kana, PROFILE_USER_FIRST_KANA,
               entry->first_kana, ENTRY_BAD_KANA);
    err = take_phone(op);
    if (!err)
        err = take_password(op);
    if (err)
        svc_fail(&op->base, err);
    else if (entry->notices_count > 0)
        end(op, ENTRY_FORM);
    else
        svc_pool(&op->base, hash, hashed);
}

void svc_entry(struct svc *svc, struct svc_entry *entry) {
    struct entry_op *op = svc_op_begin(svc, &entry->op, sizeof *op, entry_finish);
    bool known = false;
    enum err err;

    if (!op) {
        entry->done(entry);
        return;
    }
    op->entry = entry;
    entry->notices_count = 0;
    err = link_open(svc, entry->token, &op->link);
    if (err == ERR_FORGED) {
        end(op, ENTRY_REFUSED);
        return;
    }
    entry->account_id = account_id_span(&op->link.id);
    if (!err && entry->creates && !svc_within_limit(svc, entry->op.from.address))
        err = ERR_BUSY; /* a link is good for a day, and each try may cost a hash */
    if (!err && !svc_fresh(&op->base))
        return;
    if (!err)
        err = is_known(svc, &entry->op.arena, &op->link.id, &known);
    if (err)
        svc_fail(&op->base, err);
    else if (known)
        end(op, ENTRY_KNOWN);
    else if (!entry->creates)
        end(op, ENTRY_FORM);
    else
        create(op);
}
