/* cmd_audit: what the subcommands of `tasuki audit` share. */
#ifndef CLI_CMD_AUDIT_H
#define CLI_CMD_AUDIT_H

#include "ops/cli/audit_chain.h"
#include "ops/cli/conn.h"

struct audit_options {
    struct conn_options conn;
    const char *account, *rp, *staff, *operator_name, *application, *event, *address, *from, *to,
        *limit;                             /* which records */
    const char *out, *file, *known, *remember; /* export and verify */
};

/* The records of one answer, each in turn. False: stop. */
typedef bool audit_page(void *arg, const json_t *answer);
/* All pages, upward and sealed, as a check needs them. An exit code. */
int audit_read_all(struct conn *conn, const char *purpose, audit_page *page, void *arg);

/* The records of an export that proves to be whole. An exit code, and a sentence on
 * stderr when it is not. */
int audit_read_export(const char *path, void (*each)(void *arg, const json_t *record),
                      void *arg);
void audit_print_rows(const json_t *records, bool newest_first);

int audit_export(const struct audit_options *options);
int audit_lost(const struct audit_options *options);
int audit_verify(const struct audit_options *options);

#endif
