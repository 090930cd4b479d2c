/* svc_import: decisions as a file (the report's CSV): read, checked line by line against
 * what this node knows, cut into proposals; and the other way round, what people decided.
 *
 *   file -> text_codec -> decision_csv -> svc_import_read: a report and lines
 *   lines, 200 at a time -> CMD_IMPORT_PROPOSE; another person -> CMD_IMPORT_APPROVE;
 *   then each line -> CMD_IMPORT_LINE
 *
 * A proposal's id says which file it is of and which part of it: the first 12 bytes are
 * the file's hash, then u16 its number and u16 how many there are, so a file that comes
 * twice is the same, and one whose upload broke off is completed. Thread: the svc's. */
#ifndef SERVER_SVC_IMPORT_H
#define SERVER_SVC_IMPORT_H

#include <jansson.h>

#include "raft/command.h"
#include "server/domain/decision_csv.h"
#include "server/svc.h"
#include "server/text_codec.h"
#include "store/store_review.h"

/* How a line stands at the moment; decided again when it is settled. */
enum import_standing {
    IMPORT_READY,
    IMPORT_UNSOUND,      /* decision_fault says why */
    IMPORT_UNKNOWN,      /* no such application */
    IMPORT_NOT_AT_DESK,  /* decided already, or not yet at the desk */
    IMPORT_WANTS_DEFECT, /* NG, and neither the file nor the farm says why */
};

struct svc_import {
    struct id128 file; /* its hash, the last four bytes zero */
    size_t count, ready, taken; /* lines; those of `taken` are proposed */
    size_t parts;
    struct decision_line *lines;
    enum import_standing *standings;
};

void svc_import_free(struct svc_import *import);
/* `*ret_import` is the caller's to free. ERR_INVALID: the file is not of the encoding, or
 * has no line; ERR_TOO_BIG; ERR_NOMEM. */
enum err svc_import_read(struct svc *svc, struct span file, enum text_encoding encoding,
                         struct svc_import *ret_import);
/* Number `part` of the proposals, from 0. */
void svc_import_part(const struct svc_import *import, size_t part, struct id128 staff,
                     struct cmd_import_propose *ret_cmd);
struct id128 svc_import_part_id(struct id128 file, size_t part, size_t parts);
/* {count, ready, lines [{number, application_id, result, problem}]}: of the lines that
 * are not ready, or of all. */
json_t *svc_import_report(const struct svc_import *import, bool all);
const char *svc_import_line_name(enum import_line_state state);

/* What people decided from `from_ms` to `to_ms`, a line each, in a snapshot of its own.
 * ERR_TOO_BIG: more than `rows_max` applications would have to be looked at: all that came
 * to where they are now after `from_ms`; or what `each` says. It takes as long as there are
 * rows: for a pool's thread, not for one that serves (svc_view_pool). */
typedef enum err svc_decision_each(void *arg, const struct decision_line *line);
enum err svc_import_export(struct store *store, uint64_t from_ms, uint64_t to_ms,
                           size_t rows_max, svc_decision_each *each, void *arg);
/* Likewise, appended as CSV in this encoding. ERR_TOO_BIG: `out` is full, too. */
enum err svc_import_export_csv(struct store *store, uint64_t from_ms, uint64_t to_ms,
                               size_t rows_max, enum text_encoding encoding,
                               struct buf *out);

#endif
