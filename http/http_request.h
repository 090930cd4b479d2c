/* http_request: one request from its head to its response, over the asynchronous
 * steps of the services.
 *
 * Life: http_request_begin (router) -> route reads what it needs -> a service's
 * operation -> http_respond_* -> http_request_end. The client may go away at any
 * moment: `h2o` is NULL from then on, responses become no-ops, and the struct lives
 * until the operation is done.
 *
 * Everything read from the request is copied into `arena`: h2o's memory ends with
 * the connection. Thread: the loop's. */
#ifndef HTTP_HTTP_REQUEST_H
#define HTTP_HTTP_REQUEST_H

#include <h2o.h>

#include "http/http_lang.h"
#include "http/http_tls.h"
#include "server/svc_enrol.h"
#include "server/svc_passkey.h"
#include "server/svc.h"
#include "server/svc_account.h"
#include "server/svc_admin.h"
#include "server/svc_blob.h"
#include "server/svc_job.h"
#include "server/svc_app.h"
#include "server/svc_apply.h"
#include "server/svc_staff.h"

struct http_thread;
struct http_gone; /* private: tells of a client that went away */

struct http_request {
    struct http_thread *thread;
    h2o_req_t *h2o; /* NULL: the client has gone */
    struct http_gone *gone;
    struct http_request *next; /* while spare */
    enum http_door door;
    enum http_lang lang; /* Japanese until http_request_choose_lang */
    uint64_t id;
    uint64_t begun_us;
    struct arena arena;
    struct params params; /* of the query (GET) or the body (POST) */
    union {
        struct svc_authorize authorize;
        struct svc_passkey passkey;
        struct svc_enrol enrol;
        struct svc_login login;
        struct svc_factor factor;
        struct svc_recover recover;
        struct svc_reset reset;
        struct svc_entry_ask entry_ask;
        struct svc_entry entry;
        struct svc_apply apply;
        struct svc_apply_confirm apply_confirm;
        struct svc_apply_print apply_print;
        struct svc_apply_status apply_status;
        struct svc_apply_withdraw apply_withdraw;
        struct svc_activate activate;
        struct svc_consent consent;
        struct svc_token token;
        struct svc_par par;
        struct svc_revoke revoke;
        struct svc_introspect introspect;
        struct svc_userinfo userinfo;
        struct svc_logout logout;
        struct svc_account account;
        struct svc_register registration;
        struct svc_app app;
        struct svc_blob blob;
        struct svc_job job;
        struct svc_admin admin;
        struct svc_staff staff;
        struct svc_staff_login staff_login;
    } op;
};

/* Microseconds that never fall, for begun_us. */
uint64_t http_request_now_us(void);

struct http_request *http_request_begin(struct http_thread *thread, enum http_door door,
                                        h2o_req_t *h2o);
/* After the response (or without one, if the client has gone). */
void http_request_end(struct http_request *request);
void http_request_drop_spares(struct http_thread *thread);

/* Set `lang` for the pages of this request: the switch (`ui`), then what it was kept
 * as, then `ui_locales`, then Accept-Language. */
void http_request_choose_lang(struct http_request *request);

/* The value (copied) of a header that h2o has no token for; empty when absent. Sets
 * *ret_twice. `name` in lower case. */
struct span http_request_header_named(struct http_request *request, const char *name,
                                      bool *ret_twice);
/* A header's value (copied); empty when absent. */
struct span http_request_header(struct http_request *request, const h2o_token_t *token);
struct span http_request_cookie(struct http_request *request, const char *name);
/* The textual IP of the client: the peer's, or behind the balancer the last
 * address of X-Forwarded-For, which the balancer has set. */
struct span http_request_client(struct http_request *request);

/* The same with what else the audit is told. */
struct svc_origin http_request_origin(struct http_request *request);

/* A parameter of the query or the form; empty when it is absent, or there twice. */
struct span http_request_field(const struct http_request *request, const char *name);

/* The body, in h2o's memory. */
struct span http_request_body(const struct http_request *request);
/* h2o uses its input buffers again without clearing them, and a body may hold a
 * password: to be called once it is copied to the arena, which is wiped. */
void http_request_wipe_body(struct http_request *request);

/* Parse the query string or the form body into `params`. On failure the response
 * has been sent (400, 413, 415) in the shape that `as_json` asks for, and the
 * request has ended. */
bool http_request_query(struct http_request *request, bool as_json);
bool http_request_form(struct http_request *request, bool as_json);
/* Likewise; a multipart/form-data body may bring one file, whose bytes (in `arena`) are
 * given too, empty when there is none. */
bool http_request_upload(struct http_request *request, struct span *ret_file);
/* Is the body JSON? The response (415) has been sent when not, and the request ended. */
bool http_request_json(struct http_request *request);

#endif
