/* acr: how somebody was authenticated, as bits, as the class that it makes (claim `acr`,
 * `acr_values`) and as the list of methods (claim `amr`, RFC 8176). Pure.
 *
 * No public material of the platform names classes: these are ours. A class contains
 * those below it. */
#ifndef OIDC_ACR_H
#define OIDC_ACR_H

#include <stdint.h>

#include "store/base/buf.h"
#include "store/base/span.h"

/* Stored with sessions and grants; never reuse one. */
enum acr_method {
    ACR_BY_PASSWORD = 1 << 0, /* pwd */
    ACR_BY_SMS = 1 << 1,      /* sms, otp */
    ACR_BY_TOTP = 1 << 2,     /* otp */
    ACR_BY_PASSKEY = 1 << 3,  /* hwk, user: a passkey that has verified its holder */
    ACR_BY_APP = 1 << 4,      /* swk: approved with a key of the smartphone app */
    ACR_BY_SYNCED_PASSKEY = 1 << 5, /* swk, user: one that may leave its device */
};

/* A session has the password or a passkey; with one of these it has two factors. */
#define ACR_SECOND                                                                     \
    ((uint32_t)(ACR_BY_SMS | ACR_BY_TOTP | ACR_BY_PASSKEY | ACR_BY_APP |               \
                ACR_BY_SYNCED_PASSKEY))

enum acr_level {
    ACR_LEVEL_NONE = 0,
    ACR_LEVEL_PASSWORD = 1, /* one factor */
    ACR_LEVEL_TWO_FACTORS = 2,
};
#define ACR_PASSWORD "urn:tasuki:acr:password"
#define ACR_TWO_FACTORS "urn:tasuki:acr:two-factors"

/* What the methods make together. */
enum acr_level acr_level(uint32_t methods);
/* ACR_LEVEL_NONE: there is no such class here. */
enum acr_level acr_find(struct span name);
/* The first of the names in `acr_values` that there is here: they stand in the order of
 * preference (OpenID Connect Core §3.1.2.1). ACR_LEVEL_NONE: none. */
enum acr_level acr_wanted(struct span acr_values);

/* Append members `acr` and `amr` to an object. */
void acr_claims(uint32_t methods, struct buf *out);

#endif
