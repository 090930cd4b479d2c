/* report: a drill as JSON for machines, and as one HTML page with its charts for people.
 * Thread: any. */
#ifndef CHAOS_DRILL_REPORT_H
#define CHAOS_DRILL_REPORT_H

#include "chaos/drill/drill.h"

/* To `path`, whole or not at all. ERR_IO, ERR_NOMEM. */
enum err report_json(struct drill *drill, const char *path);
enum err report_html(struct drill *drill, const char *path);

#endif
