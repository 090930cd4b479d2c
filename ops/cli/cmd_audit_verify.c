/* cmd_audit_verify: `tasuki audit export` and `tasuki audit verify`.
 *
 * An export is JSON lines: first {"tasuki_audit":1, cluster_id, head}, then a record a
 * line, oldest first. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ops/cli/cmd_audit.h"

#define EXPORT_VERSION 1
#define LINE_MAX_BYTES 8192

/* --- export --- */

struct exporting {
    FILE *to;
    bool begun;
    uint64_t end; /* the head's seq when it began */
    uint64_t count;
};

static bool write_line(FILE *to, const json_t *value) {
    return json_dumpf(value, to, JSON_COMPACT) == 0 && fputc('\n', to) != EOF;
}

static uint64_t number_of(const json_t *object, const char *name) {
    json_int_t value = json_integer_value(json_object_get(object, name));

    return value > 0 ? (uint64_t)value : 0;
}

static bool write_head(struct exporting *e, const json_t *answer) {
    json_t *line = json_pack("{s:i, s:O, s:O}", "tasuki_audit", EXPORT_VERSION,
                             "cluster_id", json_object_get(answer, "cluster_id"), "head",
                             json_object_get(answer, "head"));
    bool ok = line && write_line(e->to, line);

    e->begun = true;
    e->end = number_of(json_object_get(answer, "head"), "seq");
    json_decref(line);
    return ok;
}

/* Records that came after the first answer are another export's. */
static bool write_page(void *arg, const json_t *answer) {
    const json_t *records = json_object_get(answer, "records");
    struct exporting *e = arg;
    bool ok = e->begun || write_head(e, answer);

    for (size_t i = 0; i < json_array_size(records) && ok; i++) {
        const json_t *record = json_array_get(records, i);
        if (number_of(record, "seq") <= e->end) {
            ok = write_line(e->to, record);
            e->count++;
        }
    }
    if (!ok)
        fprintf(stderr, "tasuki: the export cannot be written: %s\n", strerror(errno));
    return ok;
}

/* NULL: a sentence is on stderr. A file that is there already stays as it is. */
static FILE *open_out(const char *path) {
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    FILE *file = fd < 0 ? NULL : fdopen(fd, "w");

    if (!file)
        fprintf(stderr, "tasuki: --out %s: %s\n", path, strerror(errno));
    return file;
}

int audit_export(const struct audit_options *options) {
    struct exporting e = {.to = stdout};
    struct conn conn;
    int code = conn_open(&options->conn, &conn);

    if (code != EXIT_DONE)
        return code;
    if (options->out && !(e.to = open_out(options->out)))
        code = EXIT_USAGE;
    if (code == EXIT_DONE)
        code = audit_read_all(&conn, "export", write_page, &e);
    if (options->out && e.to) {
        if (fflush(e.to) != 0 || fsync(fileno(e.to)) != 0 || fclose(e.to) != 0) {
            fprintf(stderr, "tasuki: --out %s: %s\n", options->out, strerror(errno));
            code = EXIT_AGAIN;
        }
        if (code == EXIT_DONE)
            fprintf(stderr, "%" PRIu64 " records are in %s\n", e.count, options->out);
        else
            unlink(options->out); /* half of it would look cut off */
    }
    conn_close(&conn);
    return code;
}

/* --- what is known from before --- */

/* "SEQ:HASH". */
static bool expect_text(struct audit_chain *chain, const char *text, const char *whose) {
    struct audit_hash hash;
    char *end;
    unsigned long long seq = strtoull(text, &end, 10);

    if (end == text || *end != ':' || seq == 0 ||
        strlen(end + 1) < 2 * AUDIT_HASH_LEN) {
        fprintf(stderr, "tasuki: %s: SEQ:HASH is expected, as verify prints it\n", whose);
        return false;
    }
    char digits[2 * AUDIT_HASH_LEN + 1];
    memcpy(digits, end + 1, 2 * AUDIT_HASH_LEN);
    digits[2 * AUDIT_HASH_LEN] = '\0';
    if (!audit_hash_read(digits, &hash)) {
        fprintf(stderr, "tasuki: %s: SEQ:HASH is expected, as verify prints it\n", whose);
        return false;
    }
    return audit_chain_expect(chain, seq, &hash, whose);
}

/* False: it is there, and cannot be read. */
static bool recall(struct audit_chain *chain, const char *path) {
    char text[128] = "";
    FILE *file = fopen(path, "r");
    bool ok;

    if (!file) {
        if (errno == ENOENT)
            return true; /* the first time */
        fprintf(stderr, "tasuki: --remember %s: %s\n", path, strerror(errno));
        return false;
    }
    ok = fgets(text, sizeof text, file) != NULL;
    fclose(file);
    if (!ok) {
        fprintf(stderr, "tasuki: --remember %s: cannot be read\n", path);
        return false;
    }
    return expect_text(chain, text, path);
}

/* Another file is renamed over it, so that it is never half written. */
static bool remember(const struct audit_chain *chain, const char *path) {
    char text[2 * AUDIT_HASH_LEN + 1], other[4096];
    int fd;
    bool ok;

    audit_hash_print(&chain->hash, text);
    if (snprintf(other, sizeof other, "%s.new", path) >= (int)sizeof other)
        return false;
    fd = open(other, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    ok = fd >= 0 && dprintf(fd, "%" PRIu64 ":%s\n", chain->seq, text) > 0 &&
         fsync(fd) == 0;
    if (fd >= 0)
        close(fd);
    ok = ok && rename(other, path) == 0;
    if (!ok)
        fprintf(stderr, "tasuki: --remember %s: %s\n", path, strerror(errno));
    return ok;
}

/* --- verify --- */

static bool check_page(void *arg, const json_t *answer) {
    const json_t *records = json_object_get(answer, "records");
    struct audit_chain *chain = arg;
    bool ok = true;

    for (size_t i = 0; i < json_array_size(records) && ok; i++) {
        const json_t *record = json_array_get(records, i);
        /* Another node may be about to let go of its oldest ones. */
        if (chain->seq > chain->begin_seq || number_of(record, "seq") > chain->begin_seq)
            ok = audit_chain_add(chain, record);
    }
    return ok;
}

/* Where each node's chain ends: all have to be places of the one that is read then. */
static int expect_nodes(struct conn *conn, struct audit_chain *chain) {
    bool begun = false;
    int code = EXIT_DONE;

    for (size_t i = 0; i < conn->urls_count && code == EXIT_DONE; i++) {
        struct conn_answer answer;
        const json_t *head;
        char whose[256];

        conn_ask(conn, i, "/v1/audit", span_of(NULL, 0), &answer);
        head = json_object_get(answer.json, "head");
        snprintf(whose, sizeof whose, "node %" PRIu64 " (%.200s)",
                 number_of(answer.json, "node_id"), conn->urls[i]);
        if (answer.status != 200 || !head) {
            fprintf(stderr, "tasuki: %s: is not asked for its head: %s\n", conn->urls[i],
                    answer.status ? "it answers an error" : answer.why);
        } else {
            struct audit_chain one = {0};
            if (!audit_chain_begin(&one, head, whose) ||
                !audit_chain_expect(chain, one.known[0].seq, &one.known[0].hash, whose))
                code = EXIT_REFUSED;
            if (!begun || one.begin_seq > chain->begin_seq) {
                chain->begin_seq = chain->seq = one.begin_seq;
                chain->hash = one.hash;
            }
            begun = true;
        }
        conn_answer_free(&answer);
    }
    if (!begun) {
        fputs("tasuki: no node tells its head: look at `tasuki status`\n", stderr);
        return EXIT_UNREACHABLE;
    }
    return code;
}

static int verify_nodes(const struct audit_options *options, struct audit_chain *chain) {
    struct conn conn;
    int code = conn_open(&options->conn, &conn);

    if (code != EXIT_DONE)
        return code;
    code = expect_nodes(&conn, chain);
    if (code == EXIT_DONE)
        code = audit_read_all(&conn, "verify", check_page, chain);
    conn_close(&conn);
    return code;
}

struct reading {
    struct audit_chain *chain;
    void (*each)(void *arg, const json_t *record); /* NULL: none */
    void *arg;
};

static bool take_line(struct reading *r, const json_t *value, bool first) {
    if (first)
        return audit_chain_begin(r->chain, json_object_get(value, "head"),
                                 "the export's first line");
    if (!audit_chain_add(r->chain, value))
        return false;
    if (r->each)
        r->each(r->arg, value);
    return true;
}

static int verify_lines(FILE *file, struct reading *r, const char *path) {
    char line[LINE_MAX_BYTES];
    bool first = true, ok = true;

    while (ok && fgets(line, sizeof line, file)) {
        json_t *value = json_loads(line, JSON_REJECT_DUPLICATES, NULL);

        if (first && json_integer_value(json_object_get(value, "tasuki_audit")) !=
                         EXPORT_VERSION) {
            fprintf(stderr, "tasuki: %s: is no export of tasuki audit export\n", path);
            json_decref(value);
            return EXIT_USAGE;
        }
        ok = take_line(r, value, first);
        first = false;
        json_decref(value);
    }
    if (ferror(file) || first) {
        fprintf(stderr, "tasuki: %s: cannot be read, or is empty\n", path);
        return EXIT_USAGE;
    }
    return ok ? EXIT_DONE : EXIT_REFUSED;
}

static int verify_file(const char *path, struct reading *r) {
    FILE *file = fopen(path, "r");
    int code;

    if (!file) {
        fprintf(stderr, "tasuki: --file %s: %s\n", path, strerror(errno));
        return EXIT_USAGE;
    }
    code = verify_lines(file, r, path);
    fclose(file);
    return code;
}

int audit_read_export(const char *path, void (*each)(void *arg, const json_t *record),
                      void *arg) {
    struct audit_chain *chain = calloc(1, sizeof *chain);
    struct reading r = {.chain = chain, .each = each, .arg = arg};
    int code = chain ? verify_file(path, &r) : EXIT_AGAIN;

    if (code == EXIT_DONE && !audit_chain_end(chain))
        code = EXIT_REFUSED;
    if (code == EXIT_REFUSED)
        fprintf(stderr, "tasuki: %s is NOT sound: %s\n", path, chain->why);
    free(chain);
    return code;
}

static void tell(const struct audit_chain *chain, bool json) {
    char hash[2 * AUDIT_HASH_LEN + 1];

    audit_hash_print(&chain->hash, hash);
    if (json) {
        printf("{\"sound\":%s,\"from\":%" PRIu64 ",\"seq\":%" PRIu64
               ",\"hash\":\"%s\",\"why\":",
               chain->why[0] ? "false" : "true", chain->begin_seq + 1, chain->seq, hash);
        json_t *why = json_string(chain->why);
        json_dumpf(why, stdout, JSON_ENCODE_ANY);
        json_decref(why);
        puts("}");
    } else if (chain->why[0]) {
        fprintf(stderr, "tasuki: the audit is NOT sound: %s\n", chain->why);
    } else {
        printf("sound: records %" PRIu64 " to %" PRIu64 "\n%" PRIu64 ":%s\n",
               chain->begin_seq + 1, chain->seq, chain->seq, hash);
        if (chain->begin_seq > 0)
            printf("records up to %" PRIu64 " are no longer kept\n", chain->begin_seq);
    }
}

int audit_verify(const struct audit_options *options) {
    struct audit_chain *chain = calloc(1, sizeof *chain);
    int code;

    if (!chain || (options->known && !expect_text(chain, options->known, "--known")) ||
        (options->remember && !recall(chain, options->remember))) {
        free(chain);
        return EXIT_USAGE;
    }
    struct reading r = {.chain = chain};
    code = options->file ? verify_file(options->file, &r) : verify_nodes(options, chain);
    if (code == EXIT_DONE && !audit_chain_end(chain))
        code = EXIT_REFUSED;
    if (code == EXIT_DONE || chain->why[0])
        tell(chain, options->conn.json);
    if (code == EXIT_DONE && options->remember && !remember(chain, options->remember))
        code = EXIT_AGAIN;
    free(chain);
    return code;
}
