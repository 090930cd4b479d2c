/* redirect_uri: which redirect URIs may be registered, and when one that was sent
 * is one that was registered.
 *
 * Source: RFC 6749 §3.1.2, RFC 8252 §7.3, RFC 9700 §2.1 and §4.1.3. Comparison is
 * of bytes: nothing is normalised, decoded or completed. The one exception is the
 * port of a native client's loopback IP literal. Pure. */
#ifndef OIDC_REDIRECT_URI_H
#define OIDC_REDIRECT_URI_H

#include "server/oidc/oidc_client.h"
#include "store/base/buf.h"

/* May it be registered? https with a lower-case ASCII host; or, for a native
 * client, http on 127.0.0.1 or [::1]; never a fragment, user information, dot
 * segment, backslash, wildcard or default port. False: *ret_why (static English)
 * says what is wrong. */
bool redirect_uri_check(struct span uri, bool native, const char **ret_why);

/* Is `uri` one of the client's? Native clients: the port of an http loopback IP
 * literal may differ, when such a URI is registered (RFC 8252 §7.3). */
bool redirect_uri_registered(const struct oidc_client *client, struct span uri);

/* Parts of a URI that passed redirect_uri_check: *ret_origin is
 * scheme://host[:port], *ret_host is host[:port]. Borrowed. */
void redirect_uri_origin(struct span uri, struct span *ret_origin,
                         struct span *ret_host);

/* Append `uri` with the query's `?` or `&`, ready for name=value pairs. */
void redirect_uri_begin(struct span uri, struct buf *out, char *ret_separator);
/* Append separator, name, `=` and the percent-encoded value (RFC 3986 §2.3:
 * everything but unreserved is encoded); the separator becomes `&`. */
void redirect_uri_param(struct buf *out, char *separator, const char *name,
                        struct span value);

#endif
