/* svc_origin: where a request came from, and who sent it, as commands carry it for the
 * audit (struct actor, raft/command.h).
 *
 * The route puts the origin into the operation (svc_op.from); svc_submit adds the actor
 * to every command that takes one. Without more words it is the operator of the
 * certificate, or somebody at this address; a service that has found out who it is says
 * so with svc_act_as.
 *
 * Address and browser are sealed before they leave the node; what can be searched for is
 * a keyed hash of the address. Plain form of what is sealed: u8 length, address, u8
 * length, browser. Thread: the svc's. */
#ifndef SERVER_SVC_ORIGIN_H
#define SERVER_SVC_ORIGIN_H

#include "server/svc_internal.h"

#define ORIGIN_ADDRESS_MAX 45 /* textual IPv6 */
#define ORIGIN_BROWSER_MAX 200
_Static_assert(2 + ORIGIN_ADDRESS_MAX + ORIGIN_BROWSER_MAX + SEAL_OVERHEAD <=
                   LIMIT_SEALED_ORIGIN,
               "an origin fits");

/* From now on the operation's commands are this one's acts. `id` is kept as it is: it
 * lives as long as the operation. */
void svc_act_as(struct svc_state *state, enum audit_actor kind, struct span id);
/* The same for an account; the id is copied. ERR_NOMEM. */
enum err svc_act_as_account(struct svc_state *state, struct id128 sub);

/* They were sent here by this relying party: its id lives as long as the operation. */
void svc_act_at(struct svc_state *state, struct span client_id);

/* Who acts, and from where. Lives in the operation's arena. A zeroed one when neither is
 * known. */
enum err svc_origin_actor(struct svc_state *state, struct actor *ret_actor);

/* What was sealed; it lives in `arena`. ERR_FORGED. Empty: empty spans. */
enum err svc_origin_open(struct svc *svc, struct span sealed, struct arena *arena,
                         struct span *ret_address, struct span *ret_browser);
/* As records have it, to search for. */
void svc_origin_hash(struct svc *svc, struct span address, uint8_t out[AUDIT_ID_LEN]);

/* The network that an address counts for: itself, or with IPv6 its /64, all of which one
 * host has to ask from. What is no address is taken as it is. */
#define SVC_NETWORK_MAX 46
struct span svc_network_of(struct span address, char out[SVC_NETWORK_MAX]);
/* What a customer of a provider has at most: the /48 of an IPv6 address, the /24 of an
 * IPv4 address. */
struct span svc_site_of(struct span address, char out[SVC_NETWORK_MAX]);

#endif
