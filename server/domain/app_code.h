/* app_code: the one-time code that a device of the smartphone app is registered with, as
 * people see and type it: 16 bytes in 26 letters and digits without I, L, O and U, in
 * groups (Crockford's base 32). Reading takes small letters, blanks and hyphens, and the
 * look-alikes of 0 and 1. Pure. */
#ifndef DOMAIN_APP_CODE_H
#define DOMAIN_APP_CODE_H

#include <stdint.h>

#include "store/base/err.h"
#include "store/base/span.h"

#define APP_CODE_BYTES 16
/* XXXX-XXXX-XXXX-XXXX-XXXX-XXXX-XX and its end. */
#define APP_CODE_TEXT_SIZE 33

void app_code_print(const uint8_t code[APP_CODE_BYTES], char out[APP_CODE_TEXT_SIZE]);
/* ERR_INVALID: not such a code; nothing was written. */
enum err app_code_parse(struct span text, uint8_t ret_code[APP_CODE_BYTES]);

#endif
