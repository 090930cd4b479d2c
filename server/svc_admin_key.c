/* svc_admin_key: an operator looks at the signing keys, rotates one, or revokes one
 * (raft/fsm_key.c). Keys are generated on the hash pool: RSA takes up to a second. */
#include "server/svc_admin_internal.h"
#include "store/store_key.h"

#define LIST_MAX (64u * 1024)
#define KEY_ARENA_MAX (256u * 1024)

/* In the order of enum key_alg. */
static const char *const algs[] = {"RS256", "ES256", "PS256", NULL};

struct key_op {
    struct admin_op admin; /* first */
    enum key_alg alg;
    bool revoke;
    char kid[LIMIT_KID + 1]; /* that is revoked, or has no successor; "": none */
    struct arena arena;      /* of the new key */
    struct signing_key key;
    enum err err; /* of the generation */
};

size_t svc_admin_key_size(void) {
    return sizeof(struct key_op);
}

/* ---- list */

struct listing {
    struct buf *out;
    uint64_t now_ms;
    bool comma;
};

static bool list_one(void *arg, const struct signing_key *key) {
    static const char *const states[] = {[KEY_PUBLISHED] = "published",
                                         [KEY_ACTIVE] = "active",
                                         [KEY_RETIRED] = "retired"};
    struct listing *listing = arg;
    struct buf *out = listing->out;

    buf_str(out, listing->comma ? ",{" : "{");
    listing->comma = true;
    buf_json_member(out, "kid", span_str(key->kid));
    buf_json_member(out, "alg", span_str(algs[key->alg - 1]));
    buf_json_member(out, "state",
                    span_str(states[store_key_state(key, listing->now_ms)]));
    buf_json_u64(out, "activates_ms", key->activates_ms);
    buf_json_u64(out, "retires_ms", key->retires_ms);
    buf_json_u64(out, "ends_ms", key->ends_ms);
    buf_str(out, "}");
    return buf_err(out) == OK;
}

void svc_admin_key_list(struct admin_op *op) {
    struct svc *svc = op->base.svc;
    struct listing listing = {.now_ms = repl_now_ms(svc->shared->repl)};
    struct buf out;
    enum err err;

    buf_init(&out, LIST_MAX);
    listing.out = &out;
    buf_str(&out, "{\"keys\":[");
    err = svc_read_begin(svc);
    if (!err) {
        err = store_key_walk(svc->read, &op->base.op->arena, list_one, &listing);
        svc_read_end(svc);
    }
    buf_str(&out, "]}");
    if (!err)
        err = buf_err(&out);
    if (err)
        svc_fail(&op->base, err);
    else
        svc_admin_answer(op, &out);
    buf_free(&out);
}

/* ---- change */

static void close_key(struct key_op *op) {
    arena_close(&op->arena);
}

static void tell(struct svc_state *state) {
    struct key_op *op = (struct key_op *)state;
    struct buf *out = &state->svc->scratch;

    buf_reset(out);
    buf_str(out, "{");
    buf_json_member(out, "kid", span_str(op->key.kid));
    buf_json_member(out, "alg", span_str(algs[op->alg - 1]));
    buf_json_member(out, op->revoke ? "revoked" : "replaces", span_str(op->kid));
    buf_str(out, "}");
    svc_admin_answer(&op->admin, out);
}

static void changed(struct svc_state *state) {
    struct key_op *op = (struct key_op *)state;

    switch (state->request.outcome.code) {
    case OUT_OK: /* who hears that it is gone may look at any node */
        svc_settle(state, tell);
        break;
    case OUT_CHANGING:
        svc_admin_refuse(
            &op->admin, ADMIN_CONFLICT,
            "alg: its newest key does not sign yet; revoke that one first, "
            "if it must go");
        break;
    case OUT_EXISTS:
    case OUT_NOT_FOUND:
        svc_admin_refuse(&op->admin, ADMIN_CONFLICT,
                         "the keys have changed meanwhile; look at them again");
        break;
    case OUT_FULL:
        svc_admin_refuse(&op->admin, ADMIN_CONFLICT, "there are too many keys");
        break;
    default:
        svc_fail(state, ERR_CORRUPT);
    }
}

static void generated(struct svc_state *state) {
    struct key_op *op = (struct key_op *)state;
    const struct config *config = state->svc->shared->config;
    struct cmd_key_add add = {
        .key = op->key,
        .replaces = op->revoke ? "" : op->kid,
        .delay_ms = config->key_publish_s * 1000,
        .keep_ms = SVC_KEY_KEEP_MS,
    };
    struct command command = {.type = op->revoke ? CMD_KEY_REVOKE : CMD_KEY_ADD};

    if (op->err) {
        close_key(op);
        svc_fail(state, op->err);
        return;
    }
    if (op->revoke)
        command.key_revoke =
            (struct cmd_key_revoke){.revoked = op->kid, .replacement = add};
    else
        command.key_add = add;
    /* The kid is told in the answer; the rest is encoded now. */
    op->key.kid = arena_strndup(&state->op->arena, op->key.kid, strlen(op->key.kid));
    if (op->key.kid)
        svc_submit(state, &command, changed);
    else
        svc_fail(state, ERR_NOMEM);
    close_key(op);
}

/* On a thread of the hash pool: touches nothing of the svc but what is shared. */
static void generate(struct svc_state *state) {
    struct key_op *op = (struct key_op *)state;
    const struct svc_shared *shared = state->svc->shared;
    struct sealer *sealer;

    op->err = sealer_new(shared->keyring, &shared->random, &sealer);
    if (op->err)
        return;
    op->err = jwt_key_generate(op->alg, sealer, &op->arena, &op->key);
    sealer_free(sealer);
}

static bool match(void *arg, const struct signing_key *key) {
    struct key_op *op = arg;

    if (op->revoke ? strcmp(key->kid, op->kid) == 0
                   : key->alg == op->alg && key->retires_ms == 0) {
        op->alg = key->alg;
        memcpy(op->kid, key->kid, strlen(key->kid) + 1);
        return false;
    }
    return true;
}

static void change(struct key_op *op) {
    struct svc *svc = op->admin.base.svc;
    enum err err = svc_read_begin(svc);

    if (!err) {
        err = store_key_walk(svc->read, &op->admin.base.op->arena, match, op);
        svc_read_end(svc);
    }
    if (err)
        svc_fail(&op->admin.base, err);
    else if (op->revoke && op->alg == 0)
        svc_admin_refuse(&op->admin, ADMIN_NOT_FOUND, "kid: there is no such key");
    else {
        arena_init(&op->arena, KEY_ARENA_MAX);
        svc_pool(&op->admin.base, generate, generated);
    }
}

void svc_admin_key_rotate(struct admin_op *admin) {
    static const char *const members[] = {"alg", NULL};
    struct key_op *op = (struct key_op *)admin;

    svc_json_parse(&admin->json, admin->admin->body_in, members);
    op->alg = (enum key_alg)svc_json_choice(&admin->json, "alg", algs, 0);
    if (admin->json.failed)
        svc_admin_invalid(admin);
    else
        change(op);
}

void svc_admin_key_revoke(struct admin_op *admin) {
    static const char *const members[] = {"kid", NULL};
    struct key_op *op = (struct key_op *)admin;
    struct span kid;

    svc_json_parse(&admin->json, admin->admin->body_in, members);
    kid = svc_json_text(&admin->json, "kid", true, 1, LIMIT_KID);
    if (admin->json.failed) {
        svc_admin_invalid(admin);
        return;
    }
    op->revoke = true;
    memcpy(op->kid, kid.data, kid.len);
    change(op);
}
