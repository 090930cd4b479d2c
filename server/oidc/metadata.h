/* metadata: the discovery document (OpenID Connect Discovery 1.0 §3, RFC 8414,
 * RFC 9207). It says what this server does and nothing more. The bytes depend on
 * the issuer alone, so they are the same on every node. Pure. */
#ifndef OIDC_METADATA_H
#define OIDC_METADATA_H

#include "store/base/buf.h"
#include "store/base/span.h"

/* `issuer` ends with a slash (config.h), as `mtls_url`, which is empty when clients
 * cannot show certificates (RFC 8705 §5). Append the JSON document. */
void metadata_discovery(struct span issuer, struct span mtls_url, bool with_ca,
                        struct buf *out);

#endif
