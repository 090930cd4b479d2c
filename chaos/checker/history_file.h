/* history_file: histories as JSON lines, one operation a line:
 *
 *   {"model":"register","key":3,"op":"write","argument":7,"process":2,
 *    "call_us":1200,"return_us":1900,"result":1}
 *
 * "second", "argument", "process" may be missing (0); without "return_us" (or null)
 * there was no answer; other members are refused. Written by drills, read by
 * tasuki-check. The reader takes any bytes: it bounds lines and their number, and names
 * the line that is wrong. */
#ifndef CHAOS_CHECKER_HISTORY_FILE_H
#define CHAOS_CHECKER_HISTORY_FILE_H

#include <stdio.h>

#include "chaos/checker/history.h"
#include "store/base/err.h"
#include "store/base/span.h"

#define HISTORY_LINE_MAX 1024

/* ERR_IO; ERR_INVALID: a number beyond INT64_MAX, which the reader would refuse. */
enum err history_write(const struct history *history, FILE *to);
/* Appends. ERR_INVALID, ERR_TOO_BIG, ERR_IO, ERR_NOMEM, with `why`. */
enum err history_read(struct history *history, FILE *from, char why[256]);
/* One line without its end. ERR_INVALID, with `why`. */
enum err history_read_line(struct span line, struct history_op *ret_op, char why[256]);

#endif
