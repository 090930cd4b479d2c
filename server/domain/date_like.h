/* date_like: a day written the way another text writes its own, so that the two can be
 * compared character by character: forms are western or 和暦, certificates 和暦
 * (DOMAIN §6.5). Pure. */
#ifndef DOMAIN_DATE_LIKE_H
#define DOMAIN_DATE_LIKE_H

#include "store/base/buf.h"
#include "store/base/span.h"

/* `day`: YYYYMMDD. `like`: what was read ("平成2年10月6日生", "1990年10月06日"). Appends the
 * day in that calendar, months and days with a leading zero where `like` has such;
 * unchanged when it is no day. */
void date_like(struct span day, struct span like, struct buf *out);

#endif
