/* svc_factor_app: the smartphone app as the second step. The page shows two digits; the
 * person gives them to the app, which answers at /oauth/app/answer on any node
 * (svc_app.h); the page asks again until that has come. To enrol the first device the
 * page shows a one-time code, as a QR code and as text. */
#include "server/domain/app_code.h"
#include "server/qr_code.h"
#include "server/svc_app_device.h"
#include "server/svc_factor.h"
#include "server/svc_message.h"
#include "server/svc_metrics.h"
#include "store/base/secret.h"
#include "store/store_app.h"

#define PATH_MAX_LEN (64 * 1024)

/* The device is told that there is a question, if it can be; it asks by itself too. */
static enum err push(struct svc_flow *flow) {
    struct svc_factor_state *factor = flow->factor;
    struct svc *svc = flow->base.svc;
    struct arena *arena = &flow->base.op->arena;
    struct message_draft draft = {.template = MESSAGE_PUSH_QUESTION,
                                  .english = factor->english,
                                  .ttl_ms = SVC_APP_QUESTION_TTL_MS,
                                  .sub = &factor->signin.sub};
    enum err err;

    if (factor->chosen->sealed.len == 0 ||
        svc->shared->config->providers[PROVIDER_PUSH].url[0] == '\0')
        return OK;
    err = svc_factor_open(svc, factor->chosen, arena, &draft.to);
    if (!err)
        err = svc_message_make(svc, arena, &draft, &factor->challenge.message);
    return err == ERR_FORGED ? ERR_CORRUPT : err;
}

static enum err ask_device(struct svc_flow *flow) {
    struct svc_factor_state *factor = flow->factor;
    struct svc *svc = flow->base.svc;
    struct id128 id = svc_app_challenge_id(svc, factor->signin.sub);
    struct span client_id = flow->request.client_id;
    uint8_t *data = arena_alloc(&flow->base.op->arena, sizeof id.b + client_id.len);

    if (!data)
        return ERR_NOMEM;
    memcpy(data, id.b, sizeof id.b);
    memcpy(data + sizeof id.b, client_id.data, client_id.len);
    factor->challenge.data = span_of(data, sizeof id.b + client_id.len);
    factor->challenge.code =
        svc_hash(svc, HASH_APP_NUMBER, factor->challenge.data);
    factor->challenge.code_ttl_ms = SVC_APP_QUESTION_TTL_MS;
    return push(flow);
}

static enum err offer_code(struct svc_flow *flow) {
    struct svc_factor_state *factor = flow->factor;
    struct svc *svc = flow->base.svc;
    uint8_t code[APP_CODE_BYTES];
    enum err err;

    svc_random(svc, code, sizeof code);
    err = svc_factor_keep(flow, span_of(code, sizeof code));
    factor->challenge.code = svc_app_code_hash(svc, code);
    factor->challenge.code_ttl_ms = SVC_APP_CODE_TTL_MS;
    factor->challenge.factor = svc_random_id(svc);
    secret_wipe(code, sizeof code);
    return err;
}

static void ask(struct svc_flow *flow) {
    enum err err = flow->factor->chosen ? ask_device(flow) : offer_code(flow);

    flow->factor->challenge.has_code = true;
    if (err)
        svc_fail(&flow->base, err);
    else
        svc_factor_challenge(flow);
}

/* tasuki://enrol?server=...&code=... */
static void put_uri(const struct svc *svc, const char *code, struct buf *out) {
    static const char hex[] = "0123456789ABCDEF";

    buf_str(out, "tasuki://enrol?server=");
    for (const char *c = svc->shared->config->issuer; *c; c++) {
        bool plain = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') ||
                     (*c >= '0' && *c <= '9') || *c == '.' || *c == '-';
        char escaped[] = {'%', hex[(uint8_t)*c >> 4], hex[(uint8_t)*c & 15]};

        buf_put(out, plain ? c : escaped, plain ? 1 : sizeof escaped);
    }
    buf_str(out, "&code=");
    buf_str(out, code);
}

static enum err draw(struct svc *svc, struct arena *arena, const char *text,
                     struct svc_app_picture *picture) {
    struct buf uri, path, size;
    struct qr_code code = {0};
    enum err err;

    buf_init(&uri, QR_CODE_TEXT_MAX);
    buf_init(&path, PATH_MAX_LEN);
    buf_init(&size, 16);
    put_uri(svc, text, &uri);
    err = buf_err(&uri);
    if (!err)
        err = qr_code_path(buf_span(&uri), &path, &code);
    buf_printf(&size, "%u", code.size);
    if (!err)
        err = svc_take(arena, &path, &picture->path);
    if (!err)
        err = svc_take(arena, &size, &picture->size);
    buf_free(&uri);
    buf_free(&path);
    buf_free(&size);
    return err;
}

enum err svc_app_picture(struct svc *svc, struct arena *arena,
                         const uint8_t code[APP_CODE_BYTES],
                         struct svc_app_picture *ret_picture) {
    char text[APP_CODE_TEXT_SIZE];
    enum err err;

    app_code_print(code, text);
    err = draw(svc, arena, text, ret_picture);
    ret_picture->code = arena_dup(arena, span_str(text));
    secret_wipe(text, sizeof text);
    return !err && !ret_picture->code.data ? ERR_NOMEM : err;
}

static enum err show_code(struct svc_flow *flow) {
    struct svc_app_picture picture;
    struct span code;
    enum err err = svc_factor_kept(flow, &code);

    if (!err && code.len != APP_CODE_BYTES)
        err = ERR_FORGED;
    if (err)
        return err == ERR_FORGED ? ERR_CORRUPT : err;
    err = svc_app_picture(flow->base.svc, &flow->base.op->arena, code.data, &picture);
    if (!err) {
        svc_factor_value(flow, "app_code", picture.code);
        svc_factor_value(flow, "qr_path", picture.path);
        svc_factor_value(flow, "qr_size", picture.size);
    }
    return err;
}

static bool was_asked(const struct svc_factor_state *factor) {
    return factor->signin.kind == FACTOR_APP &&
           factor->signin.data.len >= sizeof(struct id128);
}

static struct id128 question(const struct svc_factor_state *factor) {
    struct id128 id;

    memcpy(id.b, factor->signin.data.data, sizeof id.b);
    return id;
}

static enum err show(struct svc_flow *flow) {
    struct svc_factor_state *factor = flow->factor;
    char number[3];
    struct span copy;
    unsigned digits;

    if (!was_asked(factor))
        return OK;
    if (!factor->chosen)
        return show_code(flow);
    digits = svc_app_number(flow->base.svc, question(factor));
    number[0] = (char)('0' + digits / 10);
    number[1] = (char)('0' + digits % 10);
    copy = arena_dup(&flow->base.op->arena, span_of(number, 2));
    if (!copy.data)
        return ERR_NOMEM;
    svc_factor_value(flow, "app_number", copy);
    return OK;
}

/* The question's state, by this node; APP_DENIED stands for one that is over. */
static enum err look(struct svc_flow *flow, struct app_challenge *ret_challenge) {
    struct svc *svc = flow->base.svc;
    enum err err = svc_read_begin(svc);

    if (err)
        return err;
    err = store_app_challenge_get(svc->read, &flow->base.op->arena,
                                  question(flow->factor), ret_challenge);
    svc_read_end(svc);
    return err;
}

static void verify(struct svc_flow *flow) {
    struct svc_factor_state *factor = flow->factor;
    /* The page's script asks every few seconds: no alarm each time. */
    bool quiet = span_is(svc_factor_field(flow, "quiet"), "yes");
    struct app_challenge challenge;
    enum err err;

    if (!was_asked(factor) || factor->signin.enrols != !factor->chosen) {
        ask(flow);
        return;
    }
    if (!factor->chosen) { /* no device has come yet */
        svc_factor_show(flow, quiet ? NOTICE_NONE : NOTICE_APP_UNREGISTERED);
        return;
    }
    err = look(flow, &challenge);
    if (err == ERR_NOT_FOUND ||
        (!err && repl_now_ms(flow->base.svc->shared->repl) >= challenge.expires_ms))
        svc_factor_show(flow, NOTICE_APP_EXPIRED);
    else if (err)
        svc_fail(&flow->base, err);
    else if (challenge.state == APP_WAITING)
        svc_factor_show(flow, quiet ? NOTICE_NONE : NOTICE_APP_WAITING);
    else
        svc_factor_pass(flow);
}

const struct factor_method factor_method_app = {
    .kind = FACTOR_APP,
    .name = "app",
    .auth = ACR_BY_APP,
    .enrols_at_signin = true,
    .reaches = true,
    .ask = ask,
    .show = show,
    .verify = verify,
};
