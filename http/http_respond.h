/* http_respond: every response of the server, with the headers that each must carry
 * (SECURITY_CHECKS F02, F03, B12, D10) and the table of statuses for protocol errors.
 *
 * Each function sends once; all are no-ops when the client has gone. The caller ends
 * the request afterwards. Thread: the request's. */
#ifndef HTTP_HTTP_RESPOND_H
#define HTTP_HTTP_RESPOND_H

#include "http/http_console.h"
#include "http/http_page.h"
#include "http/http_request.h"

/* Add Set-Cookie before responding. A cookie of the browser's session; with an empty
 * value it is deleted. */
void http_respond_cookie(struct http_request *request, const char *name,
                         struct span value);
void http_respond_cookie_year(struct http_request *request, const char *name,
                              struct span value);

/* JSON of the protocol: no-store. */
void http_respond_json(struct http_request *request, int status, struct span body);
/* A document that may be cached for so long (discovery, JWKS); 0: asked for again. */
void http_respond_document(struct http_request *request, struct span body,
                           uint32_t max_age_s);
/* An asset whose name holds its hash: cached for ever. */
void http_respond_asset(struct http_request *request, const char *type,
                        struct span body);
void http_respond_text(struct http_request *request, int status, const char *text);
/* Bytes for a program; and an answer without any (204). */
void http_respond_bytes(struct http_request *request, struct span body);
void http_respond_nothing(struct http_request *request);
void http_respond_metrics(struct http_request *request, struct span body);

/* {"error", "error_description"} (RFC 6749 §5.2). */
void http_respond_oauth_error(struct http_request *request, int status,
                              enum oidc_error error, const char *description);
/* The token endpoint's status: 401 for invalid_client, else 400. */
int http_respond_status(enum oidc_error error);
/* WWW-Authenticate of RFC 6749 §5.2 and RFC 6750 §3, before http_respond_*. */
void http_respond_challenge(struct http_request *request, const char *value);
/* 204: it is done, and there is nothing to say. */
void http_respond_done(struct http_request *request);
/* 204: all is in the headers. Without a struct http_request. */
void http_respond_empty(struct http_thread *thread, h2o_req_t *h2o);
/* 200 with a JWT of the media type. */
void http_respond_jwt(struct http_request *request, const char *type, struct span jwt);
/* DPoP-Nonce (RFC 9449 §8), before the response; nothing when it is empty. */
void http_respond_dpop_nonce(struct http_request *request, struct span nonce);

/* 303 after POST, 302 after GET; never 307 or 308 (RFC 9700 §4.12). */
void http_respond_redirect(struct http_request *request, struct span location);

/* Other origins that a page's policy lets in (CSP), empty: none. */
struct http_origins {
    struct span form_action; /* where a form's answer may redirect to */
    struct span image;
};
void http_respond_page(struct http_request *request, int status, enum http_page page,
                       struct http_page_data *data, struct http_origins origins);
/* A page of several, with the section that is shown; no other origins. */
void http_respond_section(struct http_request *request, int status, enum http_page page,
                          const char *section, struct http_page_data *data);
/* A page of the staff console, from JSON. */
void http_respond_console(struct http_request *request, int status,
                          enum console_page page, struct span json);
/* A JPEG of our own making: shown as an image or not at all. */
void http_respond_image(struct http_request *request, struct span jpeg);
/* To be kept as a file of this name (ASCII, no quotes). */
void http_respond_file(struct http_request *request, const char *type,
                       struct span name, struct span body);
void http_respond_error_page(struct http_request *request, int status,
                             enum oidc_error error, const char *description);

/* What op.err means: 503 with Retry-After, or 500. */
void http_respond_failure(struct http_request *request, enum err err, bool as_json);

/* Refuse a request before there is a http_request, and close the connection. */
void http_respond_raw(struct http_thread *thread, h2o_req_t *h2o, int status,
                      const char *why, const char *allow);

#endif
