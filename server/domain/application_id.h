/* application_id: 申請書ID, as it is printed and carried by the QR code
 * `GBZP1;<application_id>;v<form version>`.
 *
 * Ours: P, nine random digits, two check digits (ISO/IEC 7064, MOD 97-10), so that one
 * wrong digit or two exchanged ones are found where it is typed or read. Pure. */
#ifndef DOMAIN_APPLICATION_ID_H
#define DOMAIN_APPLICATION_ID_H

#include <stdbool.h>
#include <stdint.h>

#include "store/base/span.h"

#define APPLICATION_ID_TEXT 13 /* with its end */

/* From chance. */
void application_id_make(uint64_t random, char out[APPLICATION_ID_TEXT]);
/* Of our own form, with sound check digits. */
bool application_id_sound(struct span text);

#endif
