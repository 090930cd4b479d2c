/* decision_csv: the report's CSV (DOMAIN §3.3): 申請書ID and 審査OK/NG, a line each, with the
 * defect categories of an NG in a third column.
 *
 *   申請書ID,審査結果,不備区分
 *   P268049544,OK,
 *   P268050723,NG,cert_expired;form_differs
 *
 * RFC 4180 with LF or CR LF; a byte order mark, empty lines and a line of headings are
 * passed over. Every line is judged by itself; what is wrong with one says so, and says
 * nothing of the others. Pure; fuzzed (tests/fuzz/fuzz_decision_csv.c). */
#ifndef DOMAIN_DECISION_CSV_H
#define DOMAIN_DECISION_CSV_H

#include <stdbool.h>
#include <stdint.h>

#include "store/base/buf.h"
#include "store/base/err.h"
#include "store/base/limits.h"
#include "store/base/span.h"

#define DECISION_CSV_BYTES_MAX ((size_t)LIMIT_DECISIONS_FILE)
#define DECISION_CSV_LINES_MAX 6000u
#define DECISION_ID_MAX 16

enum decision_fault {
    DECISION_GOOD = 0,
    DECISION_COLUMNS,   /* not two or three of them, or a quote that does not end */
    DECISION_BAD_ID,    /* not 4 to 16 of A-Z and 0-9 */
    DECISION_BAD_WORD,  /* neither OK nor NG */
    DECISION_BAD_DEFECT, /* no such category, or one of what is OK */
    DECISION_TWICE,     /* the id stands in a line before */
};
#define DECISION_FAULT_LAST DECISION_TWICE

struct decision_line {
    uint32_t number; /* of the text, from 1 */
    enum decision_fault fault;
    char id[DECISION_ID_MAX + 1]; /* what there is of it; "" when it is no id */
    bool ok;
    uint32_t defects; /* bits of domain/defect.h */
};
struct decision_csv {
    size_t count;
    struct decision_line *lines; /* of the caller */
    size_t max;
};

/* `text`: UTF-8. ERR_TOO_BIG: beyond the maximum of bytes or of `max` lines; ERR_INVALID:
 * no UTF-8. */
enum err decision_csv_parse(struct span text, struct decision_csv *csv);
/* One line of such a file, CR LF behind it. */
void decision_csv_put(const char *id, bool ok, uint32_t defects, struct buf *out);
#define DECISION_CSV_HEAD "申請書ID,審査結果,不備区分\r\n"

/* One word for machines: "good", "bad_id". */
const char *decision_fault_name(enum decision_fault fault);

#endif
