/* svc_admin_staff: the first of the staff is made on a node's console. The seed of the
 * one-time codes is drawn here, sealed, and told once in the answer. */
#include "server/crypto/password.h"
#include "server/domain/totp.h"
#include "server/svc_admin_internal.h"
#include "store/base/codec.h"
#include "store/base/secret.h"

/* SP 800-63B-4 §3.1.1.2: 15 alone, 8 beside a second factor; staff have to use 15. */
#define PASSWORD_LEN_MIN 15
#define NAME_LEN_MIN 3
#define ROLES_MAX 16

static const char *const role_names[] = {"rp-admin", "operator", "auditor",
                                         "staff-admin", NULL};

struct staff_op {
    struct admin_op admin; /* first */
    struct staff staff;
    struct span password;
    char hash[PASSWORD_HASH_MAX];
    enum err hash_err;
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
        int role = json->failed ? 0 : svc_json_find(role_names, text);
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

static void answer(struct staff_op *op) {
    struct svc *svc = op->admin.base.svc;
    struct buf *out = &svc->scratch;
    char id[33], secret[TOTP_SEED_LEN * 8 / 5 + 1];

    hex_encode(span_of(op->staff.id.b, sizeof op->staff.id.b), id);
    base32_encode(span_of(op->seed, sizeof op->seed), secret);
    buf_reset(&svc->plain);
    enum err err = totp_uri(span_str("Tasuki"), op->staff.name, op->seed, &svc->plain);
    secret_wipe(op->seed, sizeof op->seed);
    buf_reset(out);
    buf_str(out, "{");
    buf_json_member(out, "id", span_str(id));
    buf_json_member(out, "name", op->staff.name);
    buf_json_member(out, "totp_secret", span_str(secret));
    buf_json_member(out, "totp_uri", buf_span(&svc->plain));
    buf_str(out, "}");
    secret_wipe(secret, sizeof secret);
    buf_reset(&svc->plain);
    if (err)
        svc_fail(&op->admin.base, err);
    else
        svc_admin_answer(&op->admin, out);
}

static void added(struct svc_state *state) {
    struct staff_op *op = (struct staff_op *)state;

    switch (state->request.outcome.code) {
    case OUT_OK:
        answer(op);
        return;
    case OUT_EXISTS:
        secret_wipe(op->seed, sizeof op->seed);
        svc_admin_refuse(&op->admin, ADMIN_CONFLICT,
                         "name: there is a staff account with this name already");
        return;
    case OUT_FULL:
        secret_wipe(op->seed, sizeof op->seed);
        svc_admin_refuse(&op->admin, ADMIN_CONFLICT,
                         "name: there is no room for one more staff account");
        return;
    default:
        svc_fail(state, ERR_CORRUPT);
    }
}

static void hashed(struct svc_state *state) {
    struct staff_op *op = (struct staff_op *)state;
    struct svc *svc = state->svc;
    struct command command = {.type = CMD_STAFF_PUT};
    struct staff *staff = &op->staff;
    enum err err = op->hash_err;

    staff->id = svc_random_id(svc);
    svc_random(svc, op->seed, sizeof op->seed);
    buf_reset(&svc->scratch);
    if (!err)
        err = sealer_seal(svc->sealer, SEAL_STAFF_SEED,
                          span_of(staff->id.b, sizeof staff->id.b),
                          span_of(op->seed, sizeof op->seed), &svc->scratch);
    if (err) {
        svc_fail(state, err);
        return;
    }
    staff->login_index = svc_hash(svc, HASH_STAFF_NAME, staff->name);
    staff->state = STAFF_ACTIVE;
    staff->password_hash = span_str(op->hash);
    staff->sealed_seed = buf_span(&svc->scratch);
    command.staff_put.staff = *staff;
    svc_submit(state, &command, added);
}

/* On a thread of the hash pool: touches nothing of the svc. */
static void hash_password(struct svc_state *state) {
    struct staff_op *op = (struct staff_op *)state;

    op->hash_err = password_hash(op->password, op->hash);
}

void svc_admin_staff_add(struct admin_op *admin) {
    struct staff_op *op = (struct staff_op *)admin;

    read_request(op);
    if (admin->json.failed)
        svc_admin_invalid(admin);
    else
        svc_pool(&admin->base, hash_password, hashed);
}
