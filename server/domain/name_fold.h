/* name_fold: a name as it is looked for: one text for all the ways in which one name is
 * written (DOMAIN §6.5).
 *
 * Unicode's NFKC, without spaces and variation selectors, spellings by the explicit table
 * (store/base/spelling.h), hiragana kept. Never shown to anybody: what people see is what
 * they typed. Pure. */
#ifndef DOMAIN_NAME_FOLD_H
#define DOMAIN_NAME_FOLD_H

#include "store/base/buf.h"
#include "store/base/err.h"
#include "store/base/span.h"

/* Append. ERR_INVALID: not UTF-8; ERR_NOMEM, the buffer's error. */
enum err name_fold(struct span name, struct buf *out);

/* Append the text in NFKC with katakana for hiragana (フリガナ as it is kept); spaces at
 * its ends are dropped. Errors as above. */
enum err name_kana(struct span typed, struct buf *out);
/* Append the text in NFC without spaces at its ends: what a person typed and meant. */
enum err name_plain(struct span typed, struct buf *out);

#endif
