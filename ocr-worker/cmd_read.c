#include "ocr-worker/cmd_read.h"

#include <getopt.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ocr-worker/sandbox.h"

#define FILES_MAX JOB_SCANS_MAX
#define LINE_MAX_LEN (64 * 1024)

struct options {
    const char *record;
    const char *without;
    bool batch, no_sandbox;
};

struct loaded {
    struct span files[FILES_MAX];
    void *owned[FILES_MAX];
    size_t count;
};

static void loaded_free(struct loaded *l) {
    for (size_t i = 0; i < l->count; i++)
        free(l->owned[i]);
    l->count = 0;
}

/* The whole file, bounded. */
static bool load(const char *path, struct loaded *l) {
    FILE *f = l->count < FILES_MAX ? fopen(path, "rb") : NULL;
    uint8_t *bytes = NULL;
    long size;

    if (f == NULL) {
        fprintf(stderr, "tasuki-ocr: %s: cannot be opened, or more than %d files\n", path,
                FILES_MAX);
        return false;
    }
    if (fseek(f, 0, SEEK_END) == 0 && (size = ftell(f)) >= 0 &&
        size <= (long)JOB_SCAN_BYTES_MAX && fseek(f, 0, SEEK_SET) == 0) {
        bytes = malloc((size_t)size + 1);
        if (bytes != NULL && fread(bytes, 1, (size_t)size, f) == (size_t)size) {
            l->owned[l->count] = bytes;
            l->files[l->count++] = span_of(bytes, (size_t)size);
            fclose(f);
            return true;
        }
    }
    fprintf(stderr, "tasuki-ocr: %s: cannot be read, or larger than %u MiB\n", path,
            JOB_SCAN_BYTES_MAX >> 20);
    free(bytes);
    fclose(f);
    return false;
}

static struct span member(const json_t *object, const char *name) {
    const json_t *v = json_object_get(object, name);

    return v != NULL && json_is_string(v)
               ? span_of(json_string_value(v), json_string_length(v))
               : (struct span){0};
}

static bool record_of(const json_t *object, struct job_record *ret) {
    *ret = (struct job_record){
        .application_id = member(object, "application_id"),
        .corporate_number = member(object, "corporate_number"),
        .company = member(object, "company"),
        .address = member(object, "address"),
        .title = member(object, "title"),
        .name = member(object, "name"),
        .birth_date = member(object, "birth_date"),
        .received_on = member(object, "received_on"),
    };
    if (ret->application_id.len == 0 || ret->corporate_number.len != 13 ||
        ret->name.len == 0 || ret->birth_date.len != 10 || ret->received_on.len != 10) {
        fprintf(stderr, "tasuki-ocr: the record needs application_id, corporate_number "
                        "(13 digits), name, birth_date and received_on (YYYY-MM-DD)\n");
        return false;
    }
    return true;
}

static void read_one(struct engine *engine, const struct options *o,
                     const struct job_record *record, const struct loaded *l) {
    const struct sandbox_limits limits = SANDBOX_DEFAULT;
    static struct ocr_evidence evidence;
    struct buf bytes, json;

    buf_init(&bytes, EVIDENCE_WIRE_MAX);
    buf_init(&json, 1 << 20);
    if (o->no_sandbox) {
        engine_prepare(engine, record);
        engine_read(engine, record, l->files, l->count, &evidence);
    } else {
        sandbox_read(engine, record, l->files, l->count, &limits, &bytes, &evidence);
    }
    evidence_json(&evidence, &json);
    fwrite(json.data, 1, json.len, stdout);
    putchar('\n');
    fflush(stdout);
    buf_free(&json);
    buf_free(&bytes);
}

static bool batch_line(struct engine *engine, const struct options *o, const char *line) {
    json_t *object = json_loads(line, 0, NULL), *files;
    struct loaded l = {0};
    struct job_record record;
    bool good = object != NULL && record_of(object, &record);

    files = object != NULL ? json_object_get(object, "files") : NULL;
    for (size_t i = 0; good && i < json_array_size(files); i++) {
        const char *path = json_string_value(json_array_get(files, i));

        good = path != NULL && load(path, &l);
    }
    if (good)
        read_one(engine, o, &record, &l);
    loaded_free(&l);
    json_decref(object);
    return good;
}

static int batch(struct engine *engine, const struct options *o) {
    char *line = malloc(LINE_MAX_LEN);
    int code = 0;

    while (line != NULL && fgets(line, LINE_MAX_LEN, stdin) != NULL && code == 0)
        if (!batch_line(engine, o, line)) {
            fprintf(stderr, "tasuki-ocr: a line of the batch cannot be read\n");
            code = 1;
        }
    free(line);
    return code;
}

static int single(struct engine *engine, const struct options *o, char **paths,
                  int count) {
    json_t *object = o->record != NULL ? json_load_file(o->record, 0, NULL)
                                       : json_loadf(stdin, 0, NULL);
    struct loaded l = {0};
    struct job_record record;
    bool good = object != NULL && record_of(object, &record);

    if (object == NULL)
        fprintf(stderr, "tasuki-ocr: the record is no JSON object\n");
    for (int i = 0; good && i < count; i++)
        good = load(paths[i], &l);
    if (good)
        read_one(engine, o, &record, &l);
    loaded_free(&l);
    json_decref(object);
    return good ? 0 : 1;
}

static bool parse(int argc, char **argv, struct options *o) {
    static const struct option longs[] = {
        {"record", required_argument, NULL, 'r'}, {"batch", no_argument, NULL, 'b'},
        {"without-font", required_argument, NULL, 'w'},
        {"no-sandbox", no_argument, NULL, 'n'},   {NULL, 0, NULL, 0}};
    int c;

    while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
        switch (c) {
        case 'r':
            o->record = optarg;
            break;
        case 'b':
            o->batch = true;
            break;
        case 'w':
            o->without = optarg;
            break;
        case 'n':
            o->no_sandbox = true;
            break;
        default:
            return false;
        }
    }
    return o->batch == (optind == argc);
}

int cmd_read(int argc, char **argv, const char *help) {
    struct options o = {0};
    struct engine *engine;
    enum err err;
    int code;

    if (!parse(argc, argv, &o)) {
        fputs(help, stderr);
        return 2;
    }
    err = engine_open(o.without, &engine);
    if (err != OK) {
        fprintf(stderr, "tasuki-ocr: %s\n",
                err == ERR_NOT_FOUND
                    ? "too few Japanese fonts are installed; run: ops/install demo"
                    : err_str(err));
        return 1;
    }
    code = o.batch ? batch(engine, &o) : single(engine, &o, argv + optind, argc - optind);
    engine_close(engine);
    return code;
}
