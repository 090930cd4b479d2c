/* svc_admin_staff: the accounts of the staff. The first is made on a node's console, the
 * others in the staff console too. A seed of one-time codes is drawn here, sealed, and
 * told once in the answer. */
#include "server/crypto/password.h"
#include "server/domain/totp.h"
#include "server/staff_permission.h"
#include "server/svc_admin_internal.h"
#include "server/svc_rp.h"
#include "store/base/codec.h"
#include "store/base/secret.h"
#include "store/store_staff.h"

/* SP 800-63B-4 §3.1.1.2: 15 alone, 8 beside a second factor; staff have to use 15. */
#define PASSWORD_LEN_MIN 15
#define NAME_LEN_MIN 3
#define ROLES_MAX 16
#define STAFF_LIST_MAX (1024u * 1024)

struct staff_op {
    struct admin_op admin; /* first */
    struct staff staff;
    struct span password;
    char hash[PASSWORD_HASH_MAX];
    enum err hash_err;
    bool new_seed;
    uint8_t seed[TOTP_SEED_LEN];
};

size_t svc_admin_staff_size(void) {
    return sizeof(struct staff_op);
}

/* Names are typed: one spelling each, so that no two look alike. */
static bool name_ok(struct span name) {
    for (size_t i = 0; i < name.len; i++) {
        uint8_t c = name.data[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' ||
              c == '_' || c == '-'))
            return false;
    }
    return true;
}

static void read_roles(struct staff_op *op) {
    struct svc_json *json = &op->admin.json;
    size_t count = svc_json_array(json, "roles", true, ROLES_MAX);

    if (!json->failed && count == 0)
        svc_json_fail(json, "roles: one at least is expected");
    for (size_t i = 0; i < count && !json->failed; i++) {
        struct span text = svc_json_item(json, "roles", i, 32);
        int role = json->failed ? 0 : svc_json_find(staff_role_names, text);
        if (role == 0)
            svc_json_fail(json, "roles[%zu]: there is no such role", i);
        else
            op->staff.roles |= 1u << (role - 1);
    }
}

static void read_request(struct staff_op *op) {
    static const char *const members[] = {"name", "password", "roles", NULL};
    struct svc_json *json = &op->admin.json;

    svc_json_parse(json, op->admin.admin->body_in, members);
    op->staff.name = svc_json_text(json, "name", true, NAME_LEN_MIN, LIMIT_STAFF_NAME);
    if (!json->failed && !name_ok(op->staff.name))
        svc_json_fail(
            json, "name: lower-case letters, digits, '.', '_' and '-' are expected");
    op->password =
        svc_json_text(json, "password", true, PASSWORD_LEN_MIN, LIMIT_PASSWORD);
    read_roles(op);
}

/* The seed as apps read it; wiped afterwards. */
static enum err put_seed(struct staff_op *op, struct buf *out) {
    struct svc *svc = op->admin.base.svc;
    char secret[TOTP_SEED_LEN * 8 / 5 + 1];
    enum err err;

    base32_encode(span_of(op->seed, sizeof op->seed), secret);
    buf_reset(&svc->plain);
    err = totp_uri(span_str("Tasuki"), op->staff.name, op->seed, &svc->plain);
    secret_wipe(op->seed, sizeof op->seed);
    buf_json_member(out, "totp_secret", span_str(secret));
    buf_json_member(out, "totp_uri", buf_span(&svc->plain));
    secret_wipe(secret, sizeof secret);
    buf_reset(&svc->plain);
    return err;
}

static void answer(struct staff_op *op) {
    struct buf *out = &op->admin.base.svc->scratch;
    enum err err = OK;
    char id[33];

    hex_encode(span_of(op->staff.id.b, sizeof op->staff.id.b), id);
    buf_reset(out);
    buf_str(out, "{");
    buf_json_member(out, "id", span_str(id));
    buf_json_member(out, "name", op->staff.name);
    if (op->new_seed)
        err = put_seed(op, out);
    buf_str(out, "}");
    if (err)
        svc_fail(&op->admin.base, err);
    else
        svc_admin_answer(&op->admin, out);
    buf_reset(out);
}

static void put_done(struct svc_state *state) {
    struct staff_op *op = (struct staff_op *)state;
    const char *why;

    switch (state->request.outcome.code) {
    case OUT_OK:
        answer(op);
        return;
    case OUT_EXISTS:
        why = "name: there is a staff account with this name already";
        break;
    case OUT_FULL:
        why = "name: there is no room for one more staff account";
        break;
    case OUT_NOT_FOUND:
        why = "id: there is no such staff account";
        break;
    case OUT_ACCOUNT_STATE:
        why = "id: it has changed meanwhile, or is the last active administrator";
        break;
    default:
        secret_wipe(op->seed, sizeof op->seed);
        svc_fail(state, ERR_CORRUPT);
        return;
    }
    secret_wipe(op->seed, sizeof op->seed);
    svc_admin_refuse(&op->admin,
                     state->request.outcome.code == OUT_NOT_FOUND ? ADMIN_NOT_FOUND
                                                                  : ADMIN_CONFLICT,
                     why);
}

/* The account as it is to be; a new seed is drawn and sealed. */
static void put(struct staff_op *op) {
    struct svc *svc = op->admin.base.svc;
    struct command command = {.type = CMD_STAFF_PUT};
    struct staff *staff = &op->staff;
    enum err err = op->hash_err;

    buf_reset(&svc->scratch);
    if (op->new_seed) {
        svc_random(svc, op->seed, sizeof op->seed);
        if (!err)
            err = sealer_seal(svc->sealer, SEAL_STAFF_SEED,
                              span_of(staff->id.b, sizeof staff->id.b),
                              span_of(op->seed, sizeof op->seed), &svc->scratch);
        staff->sealed_seed = buf_span(&svc->scratch);
    }
    if (err) {
        svc_fail(&op->admin.base, err);
        return;
    }
    if (op->password.len > 0)
        staff->password_hash = span_str(op->hash);
    command.staff_put.staff = *staff;
    svc_submit(&op->admin.base, &command, put_done);
}

static void hashed(struct svc_state *state) {
    put((struct staff_op *)state);
}

/* On a thread of the hash pool: touches nothing of the svc. */
static void hash_password(struct svc_state *state) {
    struct staff_op *op = (struct staff_op *)state;

    op->hash_err = password_hash(op->password, op->hash);
}

void svc_admin_staff_add(struct admin_op *admin) {
    struct staff_op *op = (struct staff_op *)admin;
    struct svc *svc = admin->base.svc;

    read_request(op);
    if (admin->json.failed) {
        svc_admin_invalid(admin);
        return;
    }
    op->new_seed = true;
    op->staff.id = svc_random_id(svc);
    op->staff.login_index = svc_hash(svc, HASH_STAFF_NAME, op->staff.name);
    op->staff.state = STAFF_ACTIVE;
    svc_pool(&admin->base, hash_password, hashed);
}

/* ---- change */

/* The row, as far as the request does not say otherwise; the state machine sees by the
 * generation whether it is the one that the request was made from. */
static enum err read_row(struct staff_op *op, struct id128 id) {
    struct svc *svc = op->admin.base.svc;
    struct staff row;
    enum err err = svc_read_begin(svc);

    if (err)
        return err;
    err = store_staff_get(svc->read, &op->admin.admin->op.arena, id, &row);
    svc_read_end(svc);
    if (err)
        return err;
    if (op->staff.roles != 0)
        row.roles = op->staff.roles;
    if (op->staff.state != 0)
        row.state = op->staff.state;
    row.generation = op->staff.generation;
    op->staff = row;
    return OK;
}

static struct id128 read_change(struct staff_op *op) {
    static const char *const members[] = {"id",       "generation", "roles", "state",
                                          "password", "new_secret", NULL};
    static const char *const states[] = {"active", "disabled", NULL};
    struct svc_json *json = &op->admin.json;
    struct id128 id = {{0}};
    struct span text;
    json_t *value;
    int state;

    svc_json_parse(json, op->admin.admin->body_in, members);
    text = svc_json_text(json, "id", true, 1, 64);
    if (!json->failed && hex_decode(text, id.b, sizeof id.b))
        svc_json_fail(json, "id: 32 hex digits of a staff account's id are expected");
    value = json->failed ? NULL : json_object_get(json->root, "generation");
    if (!json_is_integer(value) || json_integer_value(value) < 1)
        svc_json_fail(json, "generation: the number that the list shows is expected");
    else
        op->staff.generation = (uint64_t)json_integer_value(value);
    if (!json->failed && json_object_get(json->root, "roles"))
        read_roles(op);
    state = svc_json_choice(json, "state", states, 3);
    if (state == STAFF_ACTIVE || state == STAFF_DISABLED)
        op->staff.state = (enum staff_state)state;
    op->password =
        svc_json_text(json, "password", false, PASSWORD_LEN_MIN, LIMIT_PASSWORD);
    op->new_seed = svc_json_bool(json, "new_secret", false);
    return id;
}

void svc_admin_staff_change(struct admin_op *admin) {
    struct staff_op *op = (struct staff_op *)admin;
    struct id128 id = read_change(op);
    enum err err;

    if (admin->json.failed) {
        svc_admin_invalid(admin);
        return;
    }
    err = read_row(op, id);
    if (err == ERR_NOT_FOUND)
        svc_admin_refuse(admin, ADMIN_NOT_FOUND, "id: there is no such staff account");
    else if (err)
        svc_fail(&admin->base, err);
    else if (op->password.len > 0)
        svc_pool(&admin->base, hash_password, hashed);
    else
        put(op);
}

/* ---- list */

static void put_staff(const struct staff *staff, uint64_t now_ms, struct buf *out) {
    const char *roles[ROLES_MAX];
    size_t count = 0;
    char id[33];

    for (size_t i = 0; staff_role_names[i]; i++) {
        if (staff->roles & (1u << i))
            roles[count++] = staff_role_names[i];
    }
    hex_encode(span_of(staff->id.b, sizeof staff->id.b), id);
    buf_str(out, out->data[out->len - 1] == '}' ? ",{" : "{");
    buf_json_member(out, "id", span_str(id));
    buf_json_member(out, "name", staff->name);
    svc_rp_put_strings(out, "roles", roles, count);
    buf_json_bool(out, "active", staff->state == STAFF_ACTIVE);
    buf_json_bool(out, "locked", now_ms < staff->locked_until_ms);
    buf_json_u64(out, "generation", staff->generation);
    buf_json_u64(out, "created_ms", staff->created_ms);
    buf_str(out, "}");
}

/* In the open snapshot: at most FSM_STAFF_MAX rows. */
static enum err put_all(struct svc *svc, struct arena *arena, struct buf *out) {
    uint64_t now_ms = repl_now_ms(svc->shared->repl);
    struct id128 from = {{0}};

    for (;;) {
        struct staff staff;
        size_t i = sizeof from.b;
        enum err err = store_staff_next(svc->read, arena, from, &staff);

        if (err)
            return err == ERR_NOT_FOUND ? OK : err;
        put_staff(&staff, now_ms, out);
        from = staff.id;
        while (i > 0 && ++from.b[i - 1] == 0)
            i--;
        if (i == 0)
            return OK;
    }
}

void svc_admin_staff_list(struct admin_op *op) {
    struct svc *svc = op->base.svc;
    struct buf out;
    enum err err;

    buf_init(&out, STAFF_LIST_MAX);
    buf_str(&out, "{\"staff\":[");
    err = svc_read_begin(svc);
    if (!err) {
        err = put_all(svc, &op->admin->op.arena, &out);
        svc_read_end(svc);
    }
    buf_str(&out, "]}");
    if (err)
        svc_fail(&op->base, err);
    else
        svc_admin_answer(op, &out);
    buf_free(&out);
}
