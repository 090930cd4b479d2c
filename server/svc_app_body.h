/* svc_app_body: the JSON of a device's request (svc_app.h), bounded and checked before
 * anything looks at it. Pure but for the arena. Private to server/svc_app.c and tests. */
#ifndef SERVER_SVC_APP_BODY_H
#define SERVER_SVC_APP_BODY_H

#include "raft/command.h"
#include "server/domain/app_code.h"
#include "server/svc_app.h"

struct svc_app_body {
    /* register */
    uint8_t code[APP_CODE_BYTES];
    enum app_platform platform;
    struct span name;
    struct span push; /* and of push; empty: none */
    /* answer */
    struct id128 challenge;
    enum app_answer answer;
    unsigned number; /* 0 to 99; meaningless but with APP_APPROVE */
    struct span service;
};

/* NULL: it is what the action takes; its texts live in `arena`. Else what is wrong, as
 * one sentence in `arena` or static. */
const char *svc_app_body_parse(enum svc_app_action action, struct span text,
                               struct arena *arena, struct svc_app_body *ret_body);

#endif
