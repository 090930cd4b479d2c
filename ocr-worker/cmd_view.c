/* cmd_view: one file on standard input, one JPEG on standard output. Exit codes: 0; 1 a
 * fault; 2 wrong usage; 3 the page cannot be read; 4 it took too long. */
#include "ocr-worker/cmd_view.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ocr-worker/view.h"
#include "ocr-worker/wire/job_wire.h"

#define JPEG_MAX (24u * 1024 * 1024)

static bool read_all(FILE *from, struct buf *into) {
    uint8_t part[65536];
    size_t n;

    while ((n = fread(part, 1, sizeof part, from)) > 0)
        buf_put(into, part, n);
    return !ferror(from) && buf_err(into) == OK;
}

/* A whole number of `min` to `max`. */
static bool number(const char *text, long min, long max, int *ret) {
    char *end;
    long value = strtol(text, &end, 10);

    if (end == text || *end != '\0' || value < min || value > max)
        return false;
    *ret = (int)value;
    return true;
}

/* x,y four times. */
static bool read_quad(const char *text, struct view_request *request) {
    const char *at = text;

    for (int i = 0; i < 8; i++) {
        char *end;
        double value = strtod(at, &end);
        if (end == at || *end != (i < 7 ? ',' : '\0') || !(value > -100000) ||
            !(value < 100000))
            return false;
        request->quad[i / 2][i % 2] = value;
        at = end + 1;
    }
    request->piece = true;
    return true;
}

static bool parse(int argc, char **argv, struct view_request *request) {
    static const struct option options[] = {{"page", required_argument, NULL, 'p'},
                                            {"turn", required_argument, NULL, 't'},
                                            {"side", required_argument, NULL, 's'},
                                            {"quad", required_argument, NULL, 'q'},
                                            {NULL, 0, NULL, 0}};
    bool good = true;
    int c;

    *request = (struct view_request){.side = 1600};
    while (good && (c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        good = c == 'p'   ? number(optarg, 0, 1000, &request->page)
               : c == 't' ? number(optarg, 0, 270, &request->turn) &&
                                request->turn % 90 == 0
               : c == 's' ? number(optarg, 1, VIEW_SIDE_MAX, &request->side)
               : c == 'q' ? read_quad(optarg, request)
                          : false;
    }
    return good && optind == argc;
}

int cmd_view(int argc, char **argv, const char *help) {
    static const char *const words[] = {
        [VIEW_BROKEN] = "the page cannot be read",
        [VIEW_TIMEOUT] = "it took too long",
        [VIEW_FAULT] = "no memory, or no child process",
    };
    const struct sandbox_limits limits = SANDBOX_DEFAULT;
    struct view_request request;
    struct buf file, jpeg;
    enum view_end end = VIEW_FAULT;

    if (!parse(argc, argv, &request)) {
        fputs(help, stderr);
        return 2;
    }
    buf_init(&file, JOB_SCAN_BYTES_MAX);
    buf_init(&jpeg, JPEG_MAX);
    if (read_all(stdin, &file))
        end = view_page(buf_span(&file), &request, &limits, &jpeg);
    if (end == VIEW_OK &&
        (fwrite(jpeg.data, 1, jpeg.len, stdout) != jpeg.len || fflush(stdout) != 0))
        end = VIEW_FAULT;
    if (end != VIEW_OK)
        fprintf(stderr, "tasuki-ocr: %s\n", words[end]);
    buf_free(&file);
    buf_free(&jpeg);
    return end == VIEW_OK ? 0 : end == VIEW_BROKEN ? 3 : end == VIEW_TIMEOUT ? 4 : 1;
}
