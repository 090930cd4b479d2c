/* qr: the code that ties a form to its application.
 *
 * Payload: GBZP1;<application id>;v<form version>. Anything else is no code of ours. */
#ifndef OCR_WORKER_QR_H
#define OCR_WORKER_QR_H

#include "ocr-worker/image.h"
#include "store/base/span.h"

#define QR_ID_MAX 32

struct qr {
    bool found;
    char application_id[QR_ID_MAX + 1];
    unsigned form_version; /* hundreds: v2.1 is 201 */
};

/* Read one from a plane of gray, any way up. `density`: every so many rows and columns
 * are looked at; 2 finds all but the finest and the spoilt. */
struct qr qr_find(const struct plane *gray, int density);
/* What is printed beside it, from the digits that were read, of which the last `sure` are
 * certain. False: no number of an application. */
bool qr_printed_id(const char *digits, size_t count, size_t sure, char ret[QR_ID_MAX + 1]);
/* False: not a payload of ours. */
bool qr_parse(struct span payload, struct qr *ret);

#endif
