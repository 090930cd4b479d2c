/* cmd_audit_lost: `tasuki audit lost --file EXPORT`: what the export has and the cluster
 * has not, because it was restored from an older backup, or recovered. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ops/cli/cmd_audit.h"

/* Records of the cluster, by the beginnings of their hashes. */
struct present {
    uint64_t *marks;
    size_t count, cap;
    uint64_t first; /* seq of marks[0] */
};

static bool mark_of(const json_t *record, uint64_t *ret_mark) {
    struct audit_hash hash;

    if (!audit_hash_read(json_string_value(json_object_get(record, "hash")), &hash))
        return false;
    memcpy(ret_mark, hash.b, sizeof *ret_mark);
    return true;
}

static uint64_t seq_of(const json_t *record) {
    json_int_t seq = json_integer_value(json_object_get(record, "seq"));

    return seq > 0 ? (uint64_t)seq : 0;
}

static bool keep_page(void *arg, const json_t *answer) {
    const json_t *records = json_object_get(answer, "records");
    struct present *present = arg;

    for (size_t i = 0; i < json_array_size(records); i++) {
        const json_t *record = json_array_get(records, i);
        if (present->count == present->cap) {
            size_t cap = present->cap ? 2 * present->cap : 4096;
            uint64_t *more = realloc(present->marks, cap * sizeof *more);
            if (!more) {
                fputs("tasuki: not enough memory for so long an audit\n", stderr);
                return false;
            }
            present->marks = more;
            present->cap = cap;
        }
        if (present->count == 0)
            present->first = seq_of(record);
        if (!mark_of(record, &present->marks[present->count++])) {
            fputs("tasuki: the node's answer is no audit\n", stderr);
            return false;
        }
    }
    return true;
}

static bool is_present(const struct present *present, const json_t *record) {
    uint64_t seq = seq_of(record), mark;

    return seq >= present->first && seq - present->first < present->count &&
           mark_of(record, &mark) && present->marks[seq - present->first] == mark;
}

/* What has to be done again by hand; sign-ins do not. */
static bool is_change(const json_t *record) {
    static const char *const kinds[] = {"account", "password", "client", "staff.c",
                                        "factor.", "consent.", "key.",   "device."};
    const char *event = json_string_value(json_object_get(record, "event"));

    for (size_t i = 0; event && i < sizeof kinds / sizeof kinds[0]; i++)
        if (strncmp(event, kinds[i], strlen(kinds[i])) == 0)
            return strcmp(event, "factor.ok") != 0 && strcmp(event, "factor.sent") != 0 &&
                   strcmp(event, "factor.failed") != 0;
    return false;
}

struct comparing {
    const struct present *present;
    json_t *lost;
    uint64_t others; /* lost, and nothing has to be done about it */
};

static void compare(void *arg, const json_t *record) {
    struct comparing *c = arg;

    if (seq_of(record) < c->present->first || is_present(c->present, record))
        return;
    if (is_change(record))
        json_array_append(c->lost, (json_t *)(uintptr_t)record);
    else
        c->others++;
}

static int tell(const struct comparing *c, bool json) {
    size_t count = json_array_size(c->lost);

    if (json) {
        conn_print_json(c->lost);
    } else if (count == 0 && c->others == 0) {
        puts("nothing is lost: the cluster has every record of the export");
    } else {
        audit_print_rows(c->lost, false);
        printf("%zu changes are to be made again; %" PRIu64
               " other events are lost too\n",
               count, c->others);
    }
    return EXIT_DONE;
}

int audit_lost(const struct audit_options *options) {
    struct present present = {0};
    struct comparing c = {.present = &present, .lost = json_array()};
    struct conn conn;
    int code;

    if (!options->file) {
        fputs("tasuki: --file EXPORT is expected\n", stderr);
        json_decref(c.lost);
        return EXIT_USAGE;
    }
    code = conn_open(&options->conn, &conn);
    if (code == EXIT_DONE) {
        code = audit_read_all(&conn, "lost", keep_page, &present);
        if (code == EXIT_DONE)
            code = audit_read_export(options->file, compare, &c);
        if (code == EXIT_DONE)
            code = tell(&c, conn.json);
        conn_close(&conn);
    }
    free(present.marks);
    json_decref(c.lost);
    return code;
}
