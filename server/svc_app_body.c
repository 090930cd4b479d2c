#include "server/svc_app_body.h"

#include "server/svc_app_device.h"
#include "server/svc_json.h"
#include "store/base/codec.h"

static void check_push(const struct svc_app_body *body, struct svc_json *json) {
    if (body->push.len > 0 && !svc_app_address_ok(body->push))
        svc_json_fail(json, "push: printable ASCII is needed");
}

static void read_register(struct svc_app_body *body, struct svc_json *json) {
    static const char *const platforms[] = {"android", "ios", NULL};
    struct span code = svc_json_text(json, "code", true, 1, 64);

    body->push = svc_json_text(json, "push", false, 0, SVC_APP_ADDRESS_MAX);
    body->platform = (enum app_platform)svc_json_choice(json, "platform", platforms, 0);
    body->name = svc_json_text(json, "name", true, 1, SVC_APP_NAME_MAX);
    if (!json->failed && app_code_parse(code, body->code))
        svc_json_fail(json, "code: 26 letters and digits are needed");
    if (!json->failed)
        check_push(body, json);
}

static void read_push(struct svc_app_body *body, struct svc_json *json) {
    body->push = svc_json_text(json, "push", true, 0, SVC_APP_ADDRESS_MAX);
    if (!json->failed)
        check_push(body, json);
}

static void read_answer(struct svc_app_body *body, struct svc_json *json) {
    static const char *const answers[] = {"approve", "deny", "not_me", NULL};
    struct span challenge = svc_json_text(json, "challenge", true, 32, 32);
    struct span number;

    body->answer = (enum app_answer)svc_json_choice(json, "answer", answers, 0);
    body->service = svc_json_text(json, "service", false, 0, LIMIT_CLIENT_NAME);
    number = svc_json_text(json, "number", body->answer == APP_APPROVE, 2, 2);
    if (json->failed)
        return;
    if (hex_decode(challenge, body->challenge.b, sizeof body->challenge.b))
        svc_json_fail(json, "challenge: 32 hexadecimal digits are needed");
    for (size_t i = 0; i < number.len; i++) {
        if (number.data[i] < '0' || number.data[i] > '9') {
            svc_json_fail(json, "number: two digits are needed");
            return;
        }
        body->number = body->number * 10 + (unsigned)(number.data[i] - '0');
    }
}

const char *svc_app_body_parse(enum svc_app_action action, struct span text,
                               struct arena *arena, struct svc_app_body *ret_body) {
    static const char *const members[][5] = {
        [APP_REGISTER] = {"code", "platform", "name", "push", NULL},
        [APP_PUSH] = {"push", NULL},
        [APP_CHALLENGES] = {NULL},
        [APP_ANSWER] = {"challenge", "answer", "number", "service", NULL},
    };
    struct svc_app_body body = {.number = 0};
    struct svc_json json = {.root = NULL};
    const char *why = NULL;

    if (text.len > SVC_APP_BODY_MAX)
        return "the body is too long";
    svc_json_parse(&json, text, members[action]);
    if (!json.failed && action == APP_REGISTER)
        read_register(&body, &json);
    if (!json.failed && action == APP_ANSWER)
        read_answer(&body, &json);
    if (!json.failed && action == APP_PUSH)
        read_push(&body, &json);
    if (json.failed) {
        why = arena_strndup(arena, json.message, strlen(json.message));
        why = why ? why : "the body is not what is needed";
    } else {
        body.name = arena_dup(arena, body.name);
        body.service = arena_dup(arena, body.service);
        body.push = arena_dup(arena, body.push);
        *ret_body = body;
    }
    svc_json_close(&json);
    return why;
}
