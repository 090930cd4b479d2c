/* doubles: the services as the HTTP layer sees them, told by a test what to answer,
 * telling what they were asked. One request at a time. */
#ifndef TESTS_UNIT_HTTP_DOUBLES_H
#define TESTS_UNIT_HTTP_DOUBLES_H

#include <stdatomic.h>

#include "server/svc.h"

/* Set before a request is sent. Spans are static texts. */
struct answer {
    struct svc_authorize authorize;
    struct svc_login login;
    struct svc_token token;
    struct svc_par par;
    struct svc_revoke revoke;
    struct svc_introspect introspect;
    struct svc_userinfo userinfo;
    unsigned later_ms; /* userinfo: answered from another thread, after so long */
};
extern struct answer answer;

/* What the service was asked, copied; valid after its response. */
struct asked {
    char client_address[64], session_cookie[128], password[64];
    _Atomic unsigned userinfos_done;
};
extern struct asked asked;

#endif
