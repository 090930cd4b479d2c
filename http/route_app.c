/* route_app: the smartphone app's own requests (server/svc_app.h). */
#include "http/http_respond.h"
#include "http/http_router.h"

/* The member `error`. */
static const char *word_of(enum svc_app_refusal refusal) {
    static const char *const words[] = {
        [APP_SERVED] = "",
        [APP_BAD_REQUEST] = "invalid_request",
        [APP_BAD_PROOF] = "invalid_dpop_proof",
        [APP_NEEDS_NONCE] = "use_dpop_nonce",
        [APP_UNKNOWN_DEVICE] = "unknown_device",
        [APP_BAD_CODE] = "invalid_code",
        [APP_REGISTERED] = "already_registered",
        [APP_FULL] = "too_many_factors",
        [APP_NO_CHALLENGE] = "unknown_challenge",
        [APP_ANSWERED] = "already_answered",
        [APP_WRONG_NUMBER] = "wrong_number",
    };
    return words[refusal];
}

static int status_of(const struct svc_app *app) {
    switch (app->refusal) {
    case APP_SERVED:
        return app->action == APP_REGISTER ? 201 : 200;
    case APP_BAD_PROOF:
    case APP_NEEDS_NONCE:
    case APP_UNKNOWN_DEVICE:
        return 401;
    case APP_NO_CHALLENGE:
        return 404;
    case APP_REGISTERED:
    case APP_FULL:
    case APP_ANSWERED:
        return 409;
    default:
        return 400;
    }
}

static void respond_refusal(struct http_request *request, const struct svc_app *app) {
    struct buf body;
    buf_init(&body, 4096);
    buf_str(&body, "{");
    buf_json_member(&body, "error", span_str(word_of(app->refusal)));
    buf_json_member(&body, "error_description", span_str(app->description));
    buf_str(&body, "}");
    if (buf_err(&body) == OK) {
        http_respond_json(request, status_of(app), buf_span(&body));
    } else {
        http_respond_failure(request, buf_err(&body), true);
    }
    buf_free(&body);
}

static void on_app(struct svc_app *app) {
    struct http_request *request = app->arg;
    http_respond_dpop_nonce(request, app->dpop_nonce);
    if (app->op.err != OK) {
        http_respond_failure(request, app->op.err, true);
    } else if (app->refusal == APP_SERVED) {
        http_respond_json(request, status_of(app), app->body);
    } else {
        respond_refusal(request, app);
    }
    svc_op_close(&app->op);
    http_request_end(request);
}

static void start(struct http_request *request, enum svc_app_action action) {
    struct svc_app *app = &request->op.app;
    bool twice = false;
    if (!http_request_json(request)) {
        return;
    }
    http_request_choose_lang(request);
    struct span dpop = http_request_header_named(request, "dpop", &twice);
    *app = (struct svc_app){
        .done = on_app,
        .arg = request,
        .op.from = http_request_origin(request),
        .action = action,
        .english = request->lang == LANG_EN,
        .body_in = arena_dup(&request->arena, http_request_body(request)),
        .dpop = dpop,
        .dpop_twice = twice,
    };
    svc_app(request->thread->svc, app);
}

void route_app_register(struct http_request *request) {
    start(request, APP_REGISTER);
}

void route_app_challenges(struct http_request *request) {
    start(request, APP_CHALLENGES);
}

void route_app_answer(struct http_request *request) {
    start(request, APP_ANSWER);
}

void route_app_push(struct http_request *request) {
    start(request, APP_PUSH);
}
