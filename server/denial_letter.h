/* denial_letter: the letter that goes back with an applicant's papers, of a 否認 or of a
 * 審査前不備: for the window of an envelope, with the reasons, and what to do next. One page of A4 as PDF,
 * fonts embedded. Pure but for the fonts that are installed. Thread: any. */
#ifndef SERVER_DENIAL_LETTER_H
#define SERVER_DENIAL_LETTER_H

#include "server/domain/profile.h"
#include "store/base/buf.h"
#include "store/base/err.h"
#include "store/base/span.h"

#define DENIAL_LETTER_BYTES_MAX (2u * 1024 * 1024)

struct denial_letter {
    struct span application_id;
    const struct profile *profile;
    bool before_review;      /* it could not be reviewed; else it was denied */
    uint32_t defects;        /* bits of domain/defect.h */
    const char *day;         /* of the letter, as people write it */
    const char *environment; /* printed above everything; "": the real one */
};

/* Append the PDF. ERR_NOMEM, ERR_TOO_BIG; ERR_NOT_FOUND: no font is installed. */
enum err denial_letter_print(const struct denial_letter *letter, struct buf *out);

#endif
