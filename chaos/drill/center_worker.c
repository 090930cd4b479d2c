/* center_worker: one worker of a center's OCR farm (center.h), in the words of
 * ocr-worker/lease.h: lease, fetch, read, answer, from whichever node answers. */
#include <stdio.h>
#include <string.h>

#include "chaos/drill/center.h"
#include "chaos/drill/http.h"
#include "ocr-worker/wire/evidence_wire.h"
#include "ocr-worker/wire/job_wire.h"
#include "server/crypto/digest.h"
#include "store/base/codec.h"

#define IDLE_MS 150
#define READ_MS 1400 /* a reader takes as long for a page */
#define ANSWERS_MAX 12
#define SCAN_MAX 4096

/* ---- the paper */

static const char head[] = "TASUKI DRILL 申請書ID ";

void center_paper(const char *id, uint64_t random, uint8_t paper[CENTER_PAPER_LEN]) {
    int used = snprintf((char *)paper, CENTER_PAPER_LEN, "%s%s\n", head, id);
    for (size_t i = (size_t)used + 1; i < CENTER_PAPER_LEN; i++) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        paper[i] = (uint8_t)(random >> 33);
    }
}

bool center_paper_read(struct span scan, char id[CENTER_ID_MAX]) {
    size_t at = sizeof(head) - 1, len = 0;
    if (scan.len < at || memcmp(scan.data, head, at) != 0) {
        return false;
    }
    while (at + len < scan.len && len + 1 < CENTER_ID_MAX &&
           scan.data[at + len] != '\n') {
        id[len] = (char)scan.data[at + len];
        len++;
    }
    id[len] = '\0';
    return at + len < scan.len && scan.data[at + len] == '\n' && len > 0;
}

/* ---- a job */

struct given {
    char name[JOB_ID_MAX + 1];
    uint32_t attempt;
    struct job_scan scan; /* the drill's bundles have one */
    char id[CENTER_ID_MAX]; /* of the application */
};

/* The nodes of the own region come first. */
static const struct machine *node(const struct center_person *person, size_t turn) {
    const struct lab *lab = person->center->load->lab;
    size_t at = 0;
    for (int own = 1; own >= 0; own--) {
        for (size_t i = 0; i < lab->count; i++) {
            if ((lab->machines[i].region == person->region) == (own == 1) &&
                at++ == turn % lab->count) {
                return &lab->machines[i];
            }
        }
    }
    return &lab->machines[0];
}

static void url_of(const struct center_person *person, size_t turn, const char *path,
                   char url[256]) {
    snprintf(url, 256, "https://%s:%d%s", node(person, turn)->address, LAB_PORT_WORKER,
             path);
}

/* 1: *ret_given; 0: nothing is due; -1: no node answers. */
static int lease(struct center_person *person, struct http *http,
                 struct given *ret_given) {
    size_t nodes = person->center->load->lab->count;
    uint64_t called_us = 0;
    char url[256];
    int status = 0;

    for (size_t turn = 0; turn < nodes && status != 200 && status != 204; turn++) {
        url_of(person, turn, "/v1/jobs/lease", url);
        called_us = tally_now_us();
        status = http_bytes(http, url, span_of("", 0), LOAD_TIMEOUT_MS);
    }
    struct job job;
    if (status != 200 || job_decode(buf_span(&http->body), &job) != OK) {
        return status == 204 ? 0 : -1;
    }
    *ret_given = (struct given){.attempt = job.attempt};
    memcpy(ret_given->name, job.id.data, job.id.len);
    if (job.scan_count > 0) {
        ret_given->scan = job.scans[0];
    }
    struct load_actor actor = center_actor(person);
    size_t number = load_called(
        &actor, (struct history_op){.model = HISTORY_JOB,
                                    .kind = HISTORY_LEASE,
                                    .key = center_key(ret_given->name, false),
                                    .argument = job.attempt,
                                    .call_us = called_us});
    load_returned(&actor, number, 1);
    center_given(person, ret_given->name, job.attempt, called_us);
    return 1;
}

/* The scan, held against its hash. 1: read; 0: every node says that it has it not. */
static int fetch(struct center_person *person, struct http *http, struct given *given) {
    char hex[65], path[128], url[256];
    uint8_t hash[32];
    size_t nodes = person->center->load->lab->count, missing = 0;

    hex_encode(span_of(given->scan.hash, sizeof(given->scan.hash)), hex);
    snprintf(path, sizeof(path), "/v1/jobs/blob?sha256=%s&index=0", hex);
    for (size_t turn = 0; turn < nodes; turn++) {
        url_of(person, turn, path, url);
        int status = http_get(http, url, LOAD_TIMEOUT_MS);
        missing += status == 404;
        if (status != 200) {
            continue;
        }
        digest_sha256(buf_span(&http->body), hash);
        if (memcmp(hash, given->scan.hash, sizeof(hash)) == 0 &&
            center_paper_read(buf_span(&http->body), given->id)) {
            return 1;
        }
        missing++;
    }
    return missing == nodes ? 0 : -1;
}

/* What is "read": by the application alone, so that every reader says the same. */
static void judge(const struct given *given, struct ocr_evidence *evidence) {
    uint64_t drawn = center_key(given->id, false) % 10;
    evidence->verdict = drawn < 7 ? OCR_OK : drawn < 9 ? OCR_REVIEW : OCR_NG;
    evidence->reasons = evidence->verdict == OCR_NG ? OCR_REASON(OCR_NAME_MISMATCH)
                        : evidence->verdict == OCR_REVIEW ? OCR_REASON(OCR_DOUBT_SEAL)
                                                          : 0;
}

static void evidence_of(const struct given *given, struct ocr_evidence *evidence) {
    static const uint8_t kinds[] = {OCR_PAGE_CERTIFICATE, OCR_PAGE_FORM};
    bool sort = given->name[0] == 's';

    *evidence = (struct ocr_evidence){.job_id = span_str(given->name),
                                      .attempt = given->attempt,
                                      .verdict = OCR_REVIEW,
                                      .reasons = OCR_REASON(OCR_DOUBT_NUMBER),
                                      .elapsed_ms = 1,
                                      .form_version = 3,
                                      .page_count = 2};
    for (uint8_t i = 0; i < 2; i++) {
        evidence->pages[i] = (struct ocr_page){
            .index = i, .kind = kinds[i], .width = 100, .height = 100, .dpi = 300};
    }
    if (!sort) {
        judge(given, evidence);
        return;
    }
    evidence->field_count = 1;
    evidence->fields[0] = (struct ocr_field){.kind = OCR_FIELD_APPLICATION_ID,
                                             .verdict = OCR_FIELD_AGREES,
                                             .confidence = 1000,
                                             .page = 1,
                                             .text = span_str(given->id)};
}

/* ---- the answer */

/* True: it is settled, one way or the other. */
static bool answer_once(struct center_person *person, struct http *http,
                        const struct given *given, struct span body, size_t turn,
                        int *ret_status) {
    struct load_actor actor = center_actor(person);
    char url[256];

    url_of(person, turn, "/v1/jobs/result", url);
    size_t number = load_called(
        &actor, (struct history_op){.model = HISTORY_JOB,
                                    .kind = HISTORY_VERDICT,
                                    .key = center_key(given->name, false),
                                    .argument = given->attempt,
                                    .call_us = tally_now_us()});
    *ret_status = http_bytes(http, url, body, LOAD_TIMEOUT_MS * 2);
    if (*ret_status == 200) {
        load_returned(&actor, number, 1);
        center_done(person, given->name);
        if (given->name[0] == 'r') {
            center_case_read(person->center, given->name + 1);
        }
        return true;
    }
    if (*ret_status == 409) {
        load_turned_out(&actor, number, HISTORY_LATE, 1);
        center_late(person);
        return true;
    }
    load_returned(&actor, number, *ret_status == -1 ? LOAD_NOT_DONE : LOAD_UNKNOWN);
    return false;
}

static void answer(struct center_person *person, struct http *http,
                   const struct given *given) {
    struct ocr_evidence evidence;
    struct buf body;
    uint64_t began = tally_now_us();
    bool settled = false;
    int status = 0;

    person->stood = false;
    evidence_of(given, &evidence);
    buf_init(&body, EVIDENCE_WIRE_MAX);
    if (evidence_encode(&evidence, &body) == OK) {
        for (size_t turn = 0; turn < ANSWERS_MAX && !settled; turn++) {
            settled =
                answer_once(person, http, given, buf_span(&body), turn, &status);
            if (!settled && !center_pause(person, IDLE_MS, given->name)) {
                break;
            }
        }
    }
    buf_free(&body);
    center_tally(person, LOAD_OCR_JOB, settled, status, began);
}

static void work(struct center_person *person, struct http *http) {
    struct center *center = person->center;
    struct given given;
    int got = lease(person, http, &given);

    if (got != 1) {
        center_pause(person, IDLE_MS, NULL);
        return;
    }
    int fetched = fetch(person, http, &given);
    if (fetched == 0) {
        pthread_mutex_lock(&center->lock);
        center_wrong(center, &center->scans_missing, "%s: no node has its scan",
                     given.name);
        pthread_mutex_unlock(&center->lock);
    }
    /* What could not be fetched is not judged: the lease runs out. */
    if (center_pause(person, READ_MS, given.name) && fetched == 1) {
        answer(person, http, &given);
    }
}

void *center_worker_main(void *arg) {
    struct center_person *person = arg;
    struct http http;

    if (http_open(&http, person->center->load->lab)) {
        http_certificate(&http, person->name);
        while (center_going(person, NULL)) {
            work(person, &http);
        }
        http_close(&http);
    }
    return NULL;
}
