/* outbound_address: may this server call that address?
 *
 * What relying parties register is called from inside the operator's network, so an
 * address of that network, of this machine, or of no single host is refused (SSRF,
 * SECURITY C04). Judged is the address that a connection is about to be made to: a name
 * that resolves to another one later gains nothing.
 * Source: the IANA special-purpose address registries (RFC 6890). Pure. */
#ifndef SERVER_OUTBOUND_ADDRESS_H
#define SERVER_OUTBOUND_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

/* True for a globally reachable unicast address; IPv4 and IPv6 alone. */
bool outbound_address_public(const struct sockaddr *address, size_t len);

#endif
