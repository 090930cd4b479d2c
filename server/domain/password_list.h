/* password_list: passwords that are tried first, and names and words that they are made
 * of: password/common.txt, of which password/make_common.mjs says where it comes from.
 * Pure. */
#ifndef DOMAIN_PASSWORD_LIST_H
#define DOMAIN_PASSWORD_LIST_H

#include <stdbool.h>

#include "store/base/span.h"

/* `word` is in lower case. How long it takes depends on the word: who asks is told the
 * verdict anyway. */
bool password_list_has(struct span word);

#endif
