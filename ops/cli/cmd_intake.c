/* cmd_intake: `tasuki intake`: a folder of scans becomes a batch.
 *
 * Each file goes up chunk by chunk to one node, which reads it back before it says that
 * it has it; then the bundles are told. Nothing here looks at a picture: that is the
 * workers' (their sandboxed child's) to do. A second run of the same folder changes
 * nothing, and takes up where an earlier one ended. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ops/cli/cmd.h"
#include "ops/cli/conn.h"
#include "ops/cli/intake_files.h"
#include "store/base/japan.h"
#include "store/base/port.h"

#define CHUNK (48u * 1024) /* server/blob.h */

static const char usage_text[] =
    "usage: tasuki intake FOLDER [--label TEXT] [--received-on YYYY-MM-DD]\n"
    "                     [--wait SECONDS] [OPTION...]\n"
    "\n"
    "Loads scans (multi-page TIFF, PDF, JPEG) of a folder and of those below it, and\n"
    "prints what became of them. STEM-1.jpg, STEM-2.jpg ... are one stack of paper. Pages\n"
    "go to applications by the QR code or the printed number; what is unreadable, unknown,\n"
    "surplus or came before is listed, and waits for a person. The same folder twice\n"
    "changes nothing.\n"
    "\n"
    "  --label TEXT              for people; else the folder's name\n"
    "  --received-on YYYY-MM-DD  the day of the post; else today, in Japan\n"
    "  --wait SECONDS            for the workers to sort it; else 0\n"
    "\n";

#define LABEL_MAX 64

struct intake {
    struct conn conn;
    struct intake_folder folder;
    const char *label, *received_on;
    char today[JAPAN_TEXT_MAX];
    size_t node; /* that takes the uploads */
    char writer[17]; /* of this run: two runs do not write into one file */
    size_t sent, known_files, added, known, failed;
};

/* --- uploads --- */

static bool ask(struct intake *intake, const char *path, struct span body,
                struct conn_answer *answer) {
    conn_ask(&intake->conn, intake->node, path, body, answer);
    return answer->status >= 200 && answer->status < 300;
}

/* The node has it already, whole. */
static bool is_there(struct intake *intake, const struct intake_scan *scan) {
    struct conn_answer answer;
    char path[256];
    bool there;

    snprintf(path, sizeof path, "/v1/blobs/known?sha256=%s&size=%llu&index=0", scan->hex,
             (unsigned long long)scan->size);
    there = ask(intake, path, span_str("{}"), &answer);
    conn_answer_free(&answer);
    return there;
}

static bool send_parts(struct intake *intake, const struct intake_scan *scan,
                       struct conn_answer *answer) {
    static uint8_t chunk[CHUNK];
    FILE *file = fopen(scan->path, "rb");
    bool good = file != NULL;
    size_t n;

    memset(answer, 0, sizeof *answer);
    for (unsigned i = 0; good && (n = fread(chunk, 1, sizeof chunk, file)) > 0; i++) {
        char path[256];
        conn_answer_free(answer);
        snprintf(path, sizeof path, "/v1/blobs/part?sha256=%s&size=%llu&index=%u&writer=%s",
                 scan->hex, (unsigned long long)scan->size, i, intake->writer);
        good = ask(intake, path, span_of(chunk, n), answer);
    }
    if (file)
        fclose(file);
    return good;
}

static bool send_scan(struct intake *intake, const struct intake_scan *scan,
                      struct conn_answer *answer) {
    char path[256];

    if (is_there(intake, scan)) {
        memset(answer, 0, sizeof *answer);
        intake->known_files++;
        return true;
    }
    if (!send_parts(intake, scan, answer))
        return false;
    conn_answer_free(answer);
    snprintf(path, sizeof path, "/v1/blobs/commit?sha256=%s&size=%llu&kind=scan&writer=%s",
             scan->hex, (unsigned long long)scan->size, intake->writer);
    return ask(intake, path, span_str("{}"), answer);
}

/* To this node, or anew to another one: an upload stands at one. */
static bool deliver(struct intake *intake, const struct intake_scan *scan) {
    struct conn_answer answer;

    for (size_t tries = 0; tries < 2 * intake->conn.urls_count; tries++) {
        bool good = send_scan(intake, scan, &answer);
        if (!good && !intake->conn.json)
            fprintf(stderr, "tasuki: %s: %s%s\n", scan->name,
                    answer.why[0] ? answer.why : "the node did not take it",
                    tries + 1 < 2 * intake->conn.urls_count ? "; trying another node"
                                                            : "");
        conn_answer_free(&answer);
        if (good) {
            intake->sent++;
            return true;
        }
        intake->node = (intake->node + 1) % intake->conn.urls_count;
        if (intake->node == 0)
            sleep(1);
    }
    return false;
}

/* --- batch and bundles --- */

static int write_json(struct intake *intake, const char *path, json_t *body,
                      json_t **ret_answer) {
    char *text = json_dumps(body, JSON_COMPACT);
    struct conn_answer answer;
    int code;

    conn_write(&intake->conn, path, span_str(text ? text : "{}"), &answer);
    code = conn_verdict(&answer, NULL);
    if (ret_answer)
        *ret_answer = json_incref(answer.json);
    conn_answer_free(&answer);
    free(text);
    json_decref(body);
    return code;
}

static int begin_batch(struct intake *intake) {
    return write_json(intake, "/v1/intake/batches",
                      json_pack("{s:s, s:s, s:s}", "id", intake->folder.batch, "label",
                                intake->label, "received_on", intake->received_on),
                      NULL);
}

static const char *base_name(const char *name) {
    const char *slash = strrchr(name, '/');

    return strlen(name) <= 128 ? name : slash ? slash + 1 : name;
}

static int tell_bundle(struct intake *intake, size_t first, size_t count) {
    json_t *files = json_array(), *answer = NULL;
    const char *word;
    int code;

    for (size_t i = first; i < first + count; i++) {
        const struct intake_scan *scan = &intake->folder.scans[i];
        json_array_append_new(
            files, json_pack("{s:s, s:I, s:s, s:s}", "sha256", scan->hex, "size",
                             (json_int_t)scan->size, "format", scan->format, "name",
                             base_name(scan->name)));
    }
    code = write_json(intake, "/v1/intake/bundles",
                      json_pack("{s:s, s:I, s:o}", "batch", intake->folder.batch,
                                "position",
                                (json_int_t)intake->folder.scans[first].bundle, "files",
                                files),
                      &answer);
    word = json_string_value(json_object_get(answer, "result"));
    if (code == EXIT_DONE && word && strcmp(word, "known") == 0)
        intake->known++;
    else if (code == EXIT_DONE)
        intake->added++;
    json_decref(answer);
    return code;
}

static void load_bundles(struct intake *intake) {
    size_t count;

    for (size_t i = 0; i < intake->folder.count; i += count) {
        bool good = true;
        for (count = 0; i + count < intake->folder.count &&
                        intake->folder.scans[i + count].bundle ==
                            intake->folder.scans[i].bundle;
             count++)
            good = deliver(intake, &intake->folder.scans[i + count]) && good;
        if (!good || tell_bundle(intake, i, count) != EXIT_DONE)
            intake->failed++;
        if (!intake->conn.json && isatty(STDERR_FILENO))
            fprintf(stderr, "\r%zu of %zu bundles",
                    intake->folder.scans[i].bundle + 1, intake->folder.bundles);
    }
    if (!intake->conn.json && isatty(STDERR_FILENO))
        fputc('\n', stderr);
}

/* --- what became of it --- */

static long long number(const json_t *answer, const char *name) {
    return (long long)json_integer_value(json_object_get(answer, name));
}

static json_t *progress_of(struct intake *intake) {
    json_t *answer = NULL;
    int code = write_json(intake, "/v1/intake/progress",
                          json_pack("{s:s}", "batch", intake->folder.batch), &answer);

    if (code != EXIT_DONE) {
        json_decref(answer);
        return NULL;
    }
    return answer;
}

static json_t *wait_sorted(struct intake *intake, long seconds) {
    time_t until = time(NULL) + seconds;
    json_t *progress = progress_of(intake);

    while (progress && time(NULL) < until &&
           number(progress, "sorted") < number(progress, "bundles")) {
        json_decref(progress);
        sleep(1);
        progress = progress_of(intake);
    }
    return progress;
}

static const char *or_dash(const char *text) {
    return text[0] ? text : "-";
}

static void print_result(const struct intake *intake, const json_t *progress) {
    const json_t *open = json_object_get(progress, "open");

    printf("batch %s: %zu files in %zu bundles: %zu added, %zu known, %zu failed\n",
           intake->folder.batch, intake->folder.count, intake->folder.bundles,
           intake->added, intake->known, intake->failed);
    printf("sorted: %lld of %lld bundles, %lld pages, %lld of them for a person\n",
           number(progress, "sorted"), number(progress, "bundles"),
           number(progress, "pages"), number(progress, "open_pages"));
    for (size_t i = 0; i < json_array_size(open); i++) {
        const json_t *row = json_array_get(open, i);
        printf("  %-10s %s, page %lld, %s (bundle %s)\n", or_dash(conn_text(row, "state")),
               or_dash(conn_text(row, "file")), number(row, "number"),
               or_dash(conn_text(row, "application_id")), or_dash(conn_text(row, "bundle")));
    }
    for (size_t i = 0; i < intake->folder.others_count; i++)
        printf("  not taken  %s\n", intake->folder.others[i]);
}

static void print_json(const struct intake *intake, const json_t *progress) {
    json_t *others = json_array(), *all;

    for (size_t i = 0; i < intake->folder.others_count; i++)
        json_array_append_new(others, json_string(intake->folder.others[i]));
    all = json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:O, s:o}", "batch",
                    intake->folder.batch, "files", (json_int_t)intake->folder.count,
                    "bundles", (json_int_t)intake->folder.bundles, "added",
                    (json_int_t)intake->added, "known", (json_int_t)intake->known,
                    "failed", (json_int_t)intake->failed, "progress", progress,
                    "not_taken", others);
    conn_print_json(all);
    json_decref(all);
}

static int load(struct intake *intake, long wait_s) {
    int code = begin_batch(intake);
    json_t *progress;

    if (code != EXIT_DONE)
        return code;
    load_bundles(intake);
    progress = wait_sorted(intake, wait_s);
    if (!progress)
        return EXIT_UNREACHABLE;
    if (intake->conn.json)
        print_json(intake, progress);
    else
        print_result(intake, progress);
    json_decref(progress);
    return intake->failed ? EXIT_AGAIN : EXIT_DONE;
}

/* The folder's own name, whatever way led to it; of a long one the first characters. */
static const char *folder_name(const char *path, char out[LABEL_MAX + 1]) {
    char *whole = realpath(path, NULL);
    const char *slash = whole ? strrchr(whole, '/') : NULL;
    const char *name = slash && slash[1] ? slash + 1 : path;
    size_t len = strlen(name);

    if (len > LABEL_MAX) {
        len = LABEL_MAX;
        while (len > 0 && ((unsigned char)name[len] & 0xc0) == 0x80) /* not within one */
            len--;
    }
    memcpy(out, name, len);
    out[len] = '\0';
    free(whole);
    return out;
}

static int run(const struct conn_options *options, const char *path,
               struct intake *intake, long wait_s) {
    char name[LABEL_MAX + 1];
    const struct port_clock *clock = &port_system_clock;
    uint64_t chance = 0;
    int code;

    if (!intake_files_read(path, &intake->folder))
        return EXIT_USAGE;
    if (intake->folder.count == 0) {
        fprintf(stderr, "tasuki: %s: no scans are in it (TIFF, PDF, JPEG)\n", path);
        for (size_t i = 0; i < intake->folder.others_count; i++)
            fprintf(stderr, "  not taken  %s\n", intake->folder.others[i]);
        intake_files_free(&intake->folder);
        return EXIT_USAGE;
    }
    if (!intake->label)
        intake->label = folder_name(path, name);
    japan_print(clock->wall_ms(clock->impl), JAPAN_DAY, intake->today);
    if (!intake->received_on)
        intake->received_on = intake->today;
    port_system_random.fill(port_system_random.impl, &chance, sizeof chance);
    snprintf(intake->writer, sizeof intake->writer, "%016llx", (unsigned long long)chance);
    code = conn_open(options, &intake->conn);
    if (code == EXIT_DONE) {
        code = load(intake, wait_s);
        conn_close(&intake->conn);
    }
    intake_files_free(&intake->folder);
    return code;
}

int cmd_intake(int argc, char *const argv[]) {
    struct conn_options options = {0};
    struct intake intake = {.label = NULL};
    const char *wait = NULL;
    const struct args_option own[] = {{"label", ARGS_TEXT, &intake.label},
                                      {"received-on", ARGS_TEXT, &intake.received_on},
                                      {"wait", ARGS_TEXT, &wait},
                                      {NULL, ARGS_FLAG, NULL}};
    struct args_list words;
    char *end;
    long wait_s;
    int code;

    if (!conn_args(argc, argv, own, usage_text, &options, &words, &code))
        return code;
    wait_s = strtol(wait ? wait : "0", &end, 10);
    if (words.count != 1 || (wait && *wait == '\0') || *end != '\0' || wait_s < 0 ||
        wait_s > 86400 ||
        (intake.label && strlen(intake.label) > LABEL_MAX)) {
        fputs("tasuki: one FOLDER, and seconds to --wait, are expected; see tasuki intake "
              "--help\n",
              stderr);
        return EXIT_USAGE;
    }
    return run(&options, words.items[0], &intake, wait_s);
}
