/* paper: what an applicant prints: the application form, the check sheet and the address
 * label, as one PDF of three pages.
 *
 * The form's labels are those that the OCR worker knows (ocr-worker/label.c), and its code
 * is GBZP1;<申請書ID>;v<version>, printed as text beside it too, so that a page finds its
 * application even where the code was folded. A change of the layout is another
 * PAPER_VERSION: tests/ocr/paper.test.mjs reads the paper back.
 *
 * The font is embedded, so it prints alike everywhere: IPAex Mincho, or where a character
 * is not in it, what fontconfig has. Pure but for the fonts that are installed. Thread:
 * any; one call at a time in each. */
#ifndef SERVER_PAPER_H
#define SERVER_PAPER_H

#include "server/domain/applicant.h"
#include "store/base/buf.h"

#define PAPER_VERSION 400 /* v4.0, in hundreds, as codes are read */
/* The middle of the seal's frame on the first page, in millimetres. */
#define PAPER_SEAL_X 166.0
#define PAPER_SEAL_Y 234.0
#define PAPER_BYTES_MAX (4u * 1024 * 1024)

struct paper {
    enum applicant_kind kind;
    struct span application_id;
    const struct profile *profile;
    struct date applied;          /* Japan's */
    const char *environment;      /* printed across the page; "": the real one */
    struct span other_documents;  /* what その他団体 send */
    struct span intake_address;   /* empty: the label has an empty line for it */
};

/* Append the PDF. ERR_NOMEM, ERR_TOO_BIG; ERR_NOT_FOUND: no font is installed. */
enum err paper_print(const struct paper *paper, struct buf *out);

#endif
