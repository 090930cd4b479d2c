/* http: one person's browser, or one service's back end: HTTPS with cookies.
 *
 * Talks to the balancers of all regions as to one host name with several addresses: the
 * first that answers is taken, as resolvers and browsers do it. Nothing is repeated, no
 * redirect is followed. Thread: one at a time. */
#ifndef CHAOS_DRILL_HTTP_H
#define CHAOS_DRILL_HTTP_H

#include <stdbool.h>

#include "chaos/drill/lab.h"
#include "store/base/buf.h"
#include "store/base/span.h"

#define HTTP_BODY_MAX (256 * 1024)
#define HTTP_LOCATION_MAX 8192
#define HTTP_FIELDS_MAX 16

struct http {
    void *easy; /* CURL */
    void *resolve;
    const struct lab *lab;
    struct buf body;
    char location[HTTP_LOCATION_MAX];
    char authorization[512]; /* Basic credentials or a token; empty: none */
    char origin[320];        /* header Origin of forms */
    double seconds;          /* the last exchange took */
};

/* Fields of a form, sent in this order. */
struct http_form {
    struct {
        const char *name, *value;
    } at[HTTP_FIELDS_MAX];
    size_t count;
};

/* False: no memory. */
bool http_open(struct http *http, const struct lab *lab);
void http_close(struct http *http);
/* The certificate NAME.crt of the lab is shown from now on: "operator", "worker-a". */
void http_certificate(struct http *http, const char *name);
/* Which region's balancer is asked first. */
void http_prefer(struct http *http, unsigned region);
/* Forget all cookies. */
void http_forget(struct http *http);
void http_basic(struct http *http, const char *user, const char *secret);

/* A URL that begins with '/' is asked of the balancers. Status of the answer; 0: there was none, and whether it was done is not known; -1:
 * no connection was made, so nothing was done. */
int http_get(struct http *http, const char *url, unsigned timeout_ms);
int http_post(struct http *http, const char *url, const struct http_form *form,
              unsigned timeout_ms);
int http_json(struct http *http, const char *url, const char *body,
              unsigned timeout_ms);
int http_bytes(struct http *http, const char *url, struct span body,
               unsigned timeout_ms);
/* The value of `name` in a hidden field of the page, HTML decoded; false: not there. */
bool http_hidden(const struct http *http, const char *name, char *ret, size_t size);
/* A parameter of the location's query, decoded. */
bool http_parameter(const struct http *http, const char *name, char *ret, size_t size);
/* A string member of the JSON body. */
bool http_member(const struct http *http, const char *name, char *ret, size_t size);

#endif
