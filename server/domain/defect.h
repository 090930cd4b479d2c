/* defect: the defect categories (DOMAIN §3.5) in words: one short name for machines, and
 * what an applicant is told. In the order of the bits of enum application_defect
 * (store/store_application.h). Pure. */
#ifndef DOMAIN_DEFECT_H
#define DOMAIN_DEFECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/base/span.h"

#define DEFECTS 7u

/* "cert_expired". */
const char *defect_name(size_t bit);
/* A sentence for letters and mail. */
const char *defect_sentence(size_t bit, bool english);
/* The bit of a name as a mask; 0: there is none of it. */
uint32_t defect_bit(struct span name);

#endif
