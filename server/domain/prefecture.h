/* prefecture: names of JIS X 0401's codes. Pure. */
#ifndef DOMAIN_PREFECTURE_H
#define DOMAIN_PREFECTURE_H

#include "store/base/span.h"

/* "01" to "47"; "" for what is none. */
const char *prefecture_name(struct span code);

#endif
