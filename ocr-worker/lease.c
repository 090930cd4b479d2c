#include "ocr-worker/lease.h"

#include <ctype.h>
#include <curl/curl.h>
#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "store/base/codec.h"
#include "store/base/log.h"

#define CONNECT_MS 3000
#define TRANSFER_MS 60000
#define CHUNK_MAX (64 * 1024) /* a node's are smaller */
#define AGAIN_MS 500
#define AGAIN_MAX_MS 10000
#define FAILED_MAX_MS 60000 /* between jobs of a worker that can do none */

/* ---- configuration */

static char *trimmed(char *text) {
    char *end;

    while (isspace((unsigned char)*text))
        text++;
    end = text + strlen(text);
    while (end > text && isspace((unsigned char)end[-1]))
        *--end = '\0';
    return text;
}

static bool set_nodes(struct lease_config *c, char *value) {
    for (char *at = value; *at != '\0';) {
        size_t len = strcspn(at, " \t");

        if (len > 0 && (c->node_count == LEASE_NODES_MAX || strncmp(at, "https://", 8) != 0))
            return false;
        if (len > 0 && (c->nodes[c->node_count] = strndup(at, len)) != NULL)
            c->node_count++;
        at += len + strspn(at + len, " \t");
    }
    return c->node_count > 0;
}

static bool set_number(const char *value, unsigned min, unsigned max, unsigned *ret) {
    char *end;
    unsigned long v;

    errno = 0;
    v = strtoul(value, &end, 10);
    if (errno != 0 || end == value || *end != '\0' || v < min || v > max)
        return false;
    *ret = (unsigned)v;
    return true;
}

static bool set_path(char **at, const char *value) {
    free(*at);
    *at = *value != '\0' ? strdup(value) : NULL;
    return *at != NULL;
}

static bool set(struct lease_config *c, const char *name, char *value) {
    if (strcmp(name, "nodes") == 0)
        return set_nodes(c, value);
    if (strcmp(name, "ca") == 0)
        return set_path(&c->ca, value);
    if (strcmp(name, "cert") == 0)
        return set_path(&c->cert, value);
    if (strcmp(name, "key") == 0)
        return set_path(&c->key, value);
    if (strcmp(name, "idle_ms") == 0)
        return set_number(value, 50, 60000, &c->idle_ms);
    if (strcmp(name, "time_limit_ms") == 0)
        return set_number(value, 1000, 120000, &c->limits.wall_ms);
    if (strcmp(name, "memory_limit_mb") == 0)
        return set_number(value, 64, 4096, &c->limits.memory_mb);
    return false;
}

bool lease_config_load(const char *path, struct lease_config *ret) {
    struct lease_config c = {.idle_ms = 1000, .limits = SANDBOX_DEFAULT};
    FILE *f = fopen(path, "r");
    char line[2048];
    bool good = f != NULL;

    for (unsigned n = 1; good && fgets(line, sizeof line, f) != NULL; n++) {
        char *name = trimmed(line), *equals = strchr(name, '=');

        if (*name == '\0' || *name == '#')
            continue;
        if (equals != NULL)
            *equals = '\0';
        good = equals != NULL && set(&c, trimmed(name), trimmed(equals + 1));
        if (!good)
            fprintf(stderr, "tasuki-ocr: %s:%u: unknown name or bad value\n", path, n);
    }
    if (f == NULL)
        fprintf(stderr, "tasuki-ocr: %s cannot be opened\n", path);
    else
        fclose(f);
    if (good && (c.node_count == 0 || c.ca == NULL || c.cert == NULL || c.key == NULL)) {
        fprintf(stderr, "tasuki-ocr: %s: nodes, ca, cert and key are needed\n", path);
        good = false;
    }
    if (good)
        *ret = c;
    else
        lease_config_free(&c);
    return good;
}

void lease_config_free(struct lease_config *c) {
    for (size_t i = 0; i < c->node_count; i++)
        free(c->nodes[i]);
    free(c->ca);
    free(c->cert);
    free(c->key);
    *c = (struct lease_config){0};
}

/* ---- calls */

struct link {
    const struct lease_config *config;
    const struct notify *notify;
    CURL *curl;
    size_t node; /* that answered last */
    struct buf body;
};

/* L5 */
static void moves(const struct link *l) {
    notify_tell(l->notify, "WATCHDOG=1");
}

static void pause_ms(const struct link *l, unsigned ms) {
    struct timespec t = {ms / 1000, (long)(ms % 1000) * 1000000};

    moves(l);
    nanosleep(&t, NULL); /* a signal ends it early */
}

static size_t take_body(char *data, size_t size, size_t count, void *context) {
    struct buf *body = context;

    buf_put(body, data, size * count);
    return buf_err(body) == OK ? size * count : 0;
}

static void set_up(struct link *l, const char *url, const struct span *post) {
    CURL *c = l->curl;

    curl_easy_reset(c);
    curl_easy_setopt(c, CURLOPT_URL, url);
    curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "https");
    curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_3);
    curl_easy_setopt(c, CURLOPT_CAINFO, l->config->ca);
    curl_easy_setopt(c, CURLOPT_SSLCERT, l->config->cert);
    curl_easy_setopt(c, CURLOPT_SSLKEY, l->config->key);
    curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
    curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, (long)TRANSFER_MS);
    curl_easy_setopt(c, CURLOPT_PROXY, "");
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(c, CURLOPT_WRITEDATA, &l->body);
    if (post != NULL) {
        curl_easy_setopt(c, CURLOPT_POST, 1L);
        curl_easy_setopt(c, CURLOPT_POSTFIELDS, post->len > 0 ? (const char *)post->data : "");
        curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)post->len);
    }
}

/* One request, at the node that answered last, then at the others. 0: none answered. */
static long call(struct link *l, const char *path, const struct span *post, size_t max) {
    for (size_t i = 0; i < l->config->node_count; i++) {
        size_t node = (l->node + i) % l->config->node_count;
        struct curl_slist *headers =
            curl_slist_append(NULL, "Content-Type: application/octet-stream");
        char url[512];
        long status = 0;
        CURLcode code;

        snprintf(url, sizeof url, "%s%s", l->config->nodes[node], path);
        buf_free(&l->body);
        buf_init(&l->body, max);
        moves(l);
        set_up(l, url, post);
        curl_easy_setopt(l->curl, CURLOPT_HTTPHEADER, headers);
        code = curl_easy_perform(l->curl);
        curl_slist_free_all(headers);
        if (code == CURLE_OK)
            curl_easy_getinfo(l->curl, CURLINFO_RESPONSE_CODE, &status);
        /* 404: that node does not hold the blob; another may. */
        if (status > 0 && status < 500 && (status != 404 || i + 1 == l->config->node_count)) {
            l->node = node;
            return status;
        }
    }
    return 0;
}

/* ---- one job */

static bool hash_is(struct span bytes, const uint8_t want[JOB_HASH_LEN]) {
    uint8_t got[EVP_MAX_MD_SIZE];
    unsigned len = 0;

    return EVP_Digest(bytes.data, bytes.len, got, &len, EVP_sha256(), NULL) == 1 &&
           len == JOB_HASH_LEN && memcmp(got, want, len) == 0;
}

/* Chunk by chunk, from whichever node holds it. */
static bool fetch_one(struct link *l, const struct job_scan *scan, struct buf *file) {
    char hash[2 * JOB_HASH_LEN + 1], path[128];

    hex_encode(span_of(scan->hash, JOB_HASH_LEN), hash);
    buf_init(file, scan->len);
    for (unsigned index = 0; file->len < scan->len; index++) {
        size_t left = scan->len - file->len;

        snprintf(path, sizeof path, "/v1/jobs/blob?sha256=%s&index=%u", hash, index);
        if (call(l, path, NULL, CHUNK_MAX) != 200 || l->body.len == 0 ||
            l->body.len > left)
            return false;
        buf_put(file, l->body.data, l->body.len);
        if (buf_err(file) != OK)
            return false;
    }
    return hash_is(buf_span(file), scan->hash);
}

static bool fetch(struct link *l, const struct job *job, struct buf *files,
                  struct span *spans) {
    for (uint32_t i = 0; i < job->scan_count; i++) {
        if (!fetch_one(l, &job->scans[i], &files[i]))
            return false;
        spans[i] = buf_span(&files[i]);
    }
    return true;
}

static uint64_t now_ms(void) {
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* Whose pages they are; nothing else that stands on them is logged. */
static struct span application_of(const struct job *job,
                                  const struct ocr_evidence *evidence) {
    if (!span_is(job->record.application_id, "-"))
        return job->record.application_id;
    for (uint32_t i = 0; i < evidence->field_count; i++)
        if (evidence->fields[i].kind == OCR_FIELD_APPLICATION_ID)
            return evidence->fields[i].text;
    return span_str("");
}

/* False: no node has taken it. */
static bool return_result(struct link *l, const struct job *job,
                          struct ocr_evidence *evidence, struct lease_counts *counts) {
    struct buf bytes;
    struct span body;
    long status = 0;

    evidence->job_id = job->id;
    evidence->attempt = job->attempt;
    buf_init(&bytes, EVIDENCE_WIRE_MAX);
    if (evidence_encode(evidence, &bytes) == OK) {
        body = buf_span(&bytes);
        for (int i = 0; i < 5 && status == 0; i++)
            status = call(l, "/v1/jobs/result", &body, 4096);
    }
    buf_free(&bytes);
    if (status == 200 || status == 204)
        counts->read++;
    else if (status == 409)
        counts->late++;
    else
        counts->failed++;
    return status == 200 || status == 204 || status == 409;
}

/* The job could not be done here: at once to another one, not when the lease ends. */
static void give_back(struct link *l, const struct job *job, const char *why) {
    char name[3 * JOB_ID_MAX + 1], path[256];
    struct span nothing = {0};
    size_t len = 0;
    long status;

    for (size_t i = 0; i < job->id.len; i++)
        len += (size_t)snprintf(name + len, sizeof name - len, "%%%02x", job->id.data[i]);
    snprintf(path, sizeof path, "/v1/jobs/failed?job=%s&attempt=%u&why=%s", name,
             job->attempt, why);
    status = call(l, path, &nothing, 4096);
    log_event(LOG_WARN, "ocr.given_back", log_str("why", why),
              log_u64("attempt", job->attempt), log_u64("status", (uint64_t)status),
              log_end());
}

/* False: the worker could not do its part. */
static bool work(struct engine *engine, struct link *l, struct span bytes,
                 struct lease_counts *counts) {
    struct span spans[JOB_SCANS_MAX] = {0};
    struct buf files[JOB_SCANS_MAX] = {0}, evidence_bytes;
    static struct ocr_evidence evidence;
    struct sandbox_limits limits = l->config->limits;
    uint64_t begun = now_ms();
    struct job job;
    bool done = false;

    if (job_decode(bytes, &job) != OK) { /* which one is not known: its lease lapses */
        counts->failed++;
    } else if (!fetch(l, &job, files, spans)) {
        counts->failed++;
        give_back(l, &job, "scan_not_to_be_had");
    } else {
        buf_init(&evidence_bytes, EVIDENCE_WIRE_MAX);
        if (job.lease_ms > 0 && job.lease_ms < limits.wall_ms)
            limits.wall_ms = job.lease_ms;
        moves(l);
        sandbox_read(engine, &job.record, spans, job.scan_count, &limits,
                     &evidence_bytes, &evidence);
        done = return_result(l, &job, &evidence, counts);
        log_event(LOG_INFO, "ocr.done", log_span("job", job.id),
                  log_span("application", application_of(&job, &evidence)),
                  log_u64("attempt", job.attempt), log_u64("read_ms", evidence.elapsed_ms),
                  log_u64("ms", now_ms() - begun), log_bool("taken", done), log_end());
        if (!done)
            give_back(l, &job, "result_not_taken");
        buf_free(&evidence_bytes);
    }
    for (size_t i = 0; i < JOB_SCANS_MAX; i++)
        buf_free(&files[i]);
    return done;
}

/* ---- the loop */

static unsigned longer(unsigned ms, unsigned max) {
    return ms * 2 < max ? ms * 2 : max;
}

enum err lease_run(struct engine *engine, const struct lease_config *config, bool once,
                   const struct notify *notify, const volatile sig_atomic_t *stop,
                   struct lease_counts *counts) {
    struct link l = {.config = config, .notify = notify, .curl = curl_easy_init()};
    unsigned again = AGAIN_MS, failed = AGAIN_MS;
    bool done;
    enum err err = l.curl == NULL ? ERR_NOMEM : OK;

    *counts = (struct lease_counts){0};
    buf_init(&l.body, JOB_WIRE_MAX);
    while (err == OK && !*stop) {
        struct span nothing = {0};
        long status = call(&l, "/v1/jobs/lease", &nothing, JOB_WIRE_MAX);

        if (status == 200) {
            struct buf job;

            buf_init(&job, JOB_WIRE_MAX); /* l.body is used again by the calls of work */
            buf_put(&job, l.body.data, l.body.len);
            done = work(engine, &l, buf_span(&job), counts);
            buf_free(&job);
            again = AGAIN_MS;
            if (!done) /* each lease that lapses counts against its job */
                pause_ms(&l, failed);
            failed = done ? AGAIN_MS : longer(failed, FAILED_MAX_MS);
        } else if (status == 204 && once) {
            break;
        } else if (status == 204) {
            pause_ms(&l, config->idle_ms);
        } else if (once) {
            err = status == 0 ? ERR_IO : ERR_DENIED;
        } else {
            pause_ms(&l, again);
            again = longer(again, AGAIN_MAX_MS);
        }
    }
    buf_free(&l.body);
    curl_easy_cleanup(l.curl);
    return err;
}
