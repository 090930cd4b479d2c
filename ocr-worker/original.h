/* original: signs that a paper is a copy, and where its seal is. */
#ifndef OCR_WORKER_ORIGINAL_H
#define OCR_WORKER_ORIGINAL_H

#include "ocr-worker/judge.h"
#include "ocr-worker/seal_match.h"
#include "ocr-worker/sheet.h"

/* The impression in the frame that a form or a certificate has for it. */
bool original_seal(const struct sheet *sheet, bool certificate, struct seal *ret);

/* In a scan in colour the form's seal is not red, though there is one. */
bool original_form_copied(const struct sheet *form, const struct seal *seal);

/* Against the form's paper, which is white: a form in colour says that the scanner saw
 * colours, and what its lamp makes of white. `form`: NULL where there is none. */
void original_cert(const struct sheet *cert, const struct sheet *form, struct findings *f);

#endif
