/* password_rule: which passwords may be chosen, by NIST SP 800-63B-4 §3.1.1.2: length
 * alone, and not one that everybody tries first. No rule asks for kinds of characters.
 *
 * Passwords are compared in Unicode's NFKC, so that the keyboard or the system with which
 * they are typed makes no difference; nothing else is folded, cut or trimmed. Pure. */
#ifndef DOMAIN_PASSWORD_RULE_H
#define DOMAIN_PASSWORD_RULE_H

#include "store/base/buf.h"
#include "store/base/err.h"
#include "store/base/span.h"

/* In characters. */
#define PASSWORD_LEN_MIN_ALONE 15 /* the only factor */
#define PASSWORD_LEN_MIN_BESIDE 8 /* beside a second one, always */

enum password_refusal {
    PASSWORD_OK,
    PASSWORD_SHORT,
    PASSWORD_LONG,    /* beyond LIMIT_PASSWORD bytes, as typed or as it is compared */
    PASSWORD_FORM,    /* not UTF-8, or with control characters */
    PASSWORD_COMMON,  /* of those that are tried first, or as good as one of them */
    PASSWORD_CONTEXT, /* little more than the account's own name, or the service's */
};
/* A sentence in English; "" for PASSWORD_OK. */
const char *password_refusal_str(enum password_refusal refusal);

/* Append as it is compared and hashed. What is not UTF-8 is taken as it is: it was never
 * accepted, so it fits no account. ERR_NOMEM; the buffer's error. The buffer holds a
 * secret from then on. */
enum err password_normal(struct span typed, struct buf *out);

/* `normal` is what password_normal gave. `words` are the account's own: its ID, the
 * names of its holder and company; short ones count for nothing. */
enum password_refusal password_check(struct span normal, size_t len_min,
                                     const struct span *words, size_t words_count);

#endif
