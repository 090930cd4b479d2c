/* svc_rp: the registration of a relying party as JSON.
 *
 * There are two forms of it, with the same rules behind them:
 *   operator   svc_admin.h's members; says everything (svc_rp_operator.c)
 *   metadata   RFC 7591 §2, OpenID Connect Registration 1.0 §2; says what an RP may
 *              decide for itself, within the terms of its initial access token
 *              (svc_rp_metadata.c)
 *
 * JSON -> svc_rp_read_* -> struct client -> CMD_CLIENT_PUT -> row -> svc_rp_write_*
 *
 * The first mistake is kept in `json`, and names the member. What is read lives in
 * `arena`. Thread: any (pure). */
#ifndef SERVER_SVC_RP_H
#define SERVER_SVC_RP_H

#include "server/config.h"
#include "server/svc_json.h"
#include "store/base/arena.h"
#include "store/base/buf.h"
#include "store/store_client.h"

struct rp_reader {
    struct svc_json *json; /* parsed */
    struct arena *arena;
    const struct config *config;
    struct client *client; /* out; all zero before, but for what the form cannot say */
};

/* What an initial access token lets its holder register. */
struct rp_terms {
    enum client_profile profile;
    enum client_stage stage;
    uint64_t scopes; /* at most these */
    uint32_t account_types;
};

/* Names that the operator's form has, ended by NULL, without `replace`, `dry_run` and
 * `client_secret`. */
extern const char *const svc_rp_members[];
/* Names of enum client_stage, in the order of its numbers from 1. */
extern const char *const svc_rp_stages[];

void svc_rp_read_operator(struct rp_reader *r);
/* One client, as the operator's form has it, with created_ms and what else cannot be
 * asked for. */
void svc_rp_write_operator(const struct client *client, struct buf *out);

/* `terms`: profile, stage and account types are theirs, and scopes within them. */
void svc_rp_read_metadata(struct rp_reader *r, const struct rp_terms *terms);
/* Members of an object, the first without a comma: client_id and all that is
 * registered (RFC 7591 §3.2.1). */
void svc_rp_write_metadata(const struct client *client, struct buf *out);

/* Has it a secret to prove itself? */
bool svc_rp_has_secret(const struct client *client);

/* ,"name":[...] */
void svc_rp_put_strings(struct buf *out, const char *name, const char *const items[],
                        size_t count);
/* Left out when there is none: a registration would not take an empty one. */
void svc_rp_put_text(struct buf *out, const char *name, const char *text);

/* `scopes` and `account_types` of the operator's form into the client; the scopes are
 * judged by its profile. */
void svc_rp_read_scopes(struct rp_reader *r);
void svc_rp_read_account_types(struct rp_reader *r);
/* And ,"scopes":[..] and ,"account_types":[..] */
void svc_rp_put_scopes(struct buf *out, uint64_t scopes);
void svc_rp_put_account_types(struct buf *out, uint32_t mask);
extern const char *const svc_rp_profiles[], *const svc_rp_auths[], *const svc_rp_algs[];
extern const char *const svc_rp_features[], *const svc_rp_account_types[];

/* ---- shared by the two forms */

/* What their members are called. */
struct rp_names {
    const char *name, *auth, *alg, *redirect_uris, *post_logout_uris, *bound, *pairwise;
};

/* A copy. Never NULL: a mistake is kept when there is no memory. */
const char *svc_rp_keep(struct rp_reader *r, struct span text);
/* Shown to people (SECURITY F10): no control characters. */
const char *svc_rp_label(struct rp_reader *r, const char *name, bool required);
/* Redirect and logout addresses (the latter: Back-Channel Logout 1.0 §2.2; over TLS alone
 * here), those for people, and contacts. */
void svc_rp_addresses(struct rp_reader *r, const struct rp_names *names);
void svc_rp_put_addresses(const struct client *client, const struct rp_names *names,
                          struct buf *out);
/* `jwks`, kept as it is written, without spaces (RFC 7517 §5). */
void svc_rp_jwks(struct rp_reader *r);
/* Combinations that the profile forbids, and those by which no token could be had. */
void svc_rp_check(struct rp_reader *r, const struct rp_names *names);

#endif
