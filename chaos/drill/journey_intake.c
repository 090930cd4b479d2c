/* journey_intake: an application is registered, and its paper comes in: one scan, as a
 * bundle (ops/docs/intake.md). Acknowledged is what has been acknowledged in all steps.
 * Each step names what it makes, so it is said again to another node when no answer
 * came: that changes nothing, which is part of what is tried. */
#include <stdio.h>
#include <string.h>

#include "chaos/drill/center.h"
#include "chaos/drill/http.h"
#include "server/crypto/digest.h"
#include "store/base/codec.h"

#define TURNS_MAX 9

struct paper {
    char id[CENTER_ID_MAX], hash[65];
    uint8_t bytes[CENTER_PAPER_LEN];
    uint64_t key;
};

static void url_of(const struct person *person, unsigned node, const char *path,
                   char url[320]) {
    const struct lab *lab = person->load->lab;
    snprintf(url, 320, "https://%s%s", lab->machines[node % lab->count].operators, path);
}

/* ---- the application */

/* One person of one corporation for each key: 37,000 birthdays of three corporations. */
static void application_json(const struct paper *paper, char body[768]) {
    static const char *const numbers[] = {"7000012050002", "4000012090001",
                                          "1180301018771"};
    unsigned day = (unsigned)(paper->key / 3);
    snprintf(body, 768,
             "{\"application_id\":\"%s\",\"kind\":\"corporation\",\"profile\":{"
             "\"corporate_number\":\"%s\",\"name\":\"訓練株式会社\","
             "\"address1\":\"東京都港区芝公園１丁目１番１号\",\"rep_last_nm\":\"山本\","
             "\"rep_first_nm\":\"千尋\",\"birthday_ymd\":\"%04u%02u%02u\","
             "\"email\":\"applicant-%llu@drill.example\"}}",
             paper->id, numbers[paper->key % 3], 1900 + day / 336 % 110,
             1 + day / 28 % 12, 1 + day % 28, (unsigned long long)paper->key);
}

/* 1: it is registered, now or by an attempt before; 0, LOAD_UNKNOWN: not. */
static int64_t submit(struct person *person, struct http *http,
                      const struct paper *paper, unsigned node, int *ret_status) {
    char url[320], body[768];
    application_json(paper, body);
    url_of(person, node, "/v1/applications", url);
    size_t number = journey_called(person, HISTORY_SET, HISTORY_ADD,
                                   center_key(paper->id, false), 0, tally_now_us());
    *ret_status = http_json(http, url, body, LOAD_TIMEOUT_MS);
    int64_t result = *ret_status == 200   ? 1
                     : *ret_status == 409 ? 0
                     : *ret_status == -1  ? LOAD_NOT_DONE
                                          : LOAD_UNKNOWN;
    journey_returned(person, number, result);
    return result >= 0 ? 1 : result;
}

/* ---- its paper */

/* To one node, whole; it has it synced, and another one too, when it says 200. */
static bool upload(struct person *person, struct http *http, const struct paper *paper,
                   unsigned node, int *ret_status) {
    char url[320], path[256];
    snprintf(path, sizeof(path), "/v1/blobs/part?sha256=%s&size=%d&index=0", paper->hash,
             CENTER_PAPER_LEN);
    url_of(person, node, path, url);
    *ret_status =
        http_bytes(http, url, span_of(paper->bytes, sizeof(paper->bytes)), LOAD_TIMEOUT_MS);
    if (*ret_status != 200) {
        return false;
    }
    snprintf(path, sizeof(path), "/v1/blobs/commit?sha256=%s&size=%d", paper->hash,
             CENTER_PAPER_LEN);
    url_of(person, node, path, url);
    *ret_status = http_json(http, url, "{}", LOAD_TIMEOUT_MS * 2);
    return *ret_status == 200;
}

static bool bundle(struct person *person, struct http *http, const struct paper *paper,
                   unsigned node, int *ret_status) {
    char url[320], body[512], batch[33];
    hex_encode(span_of(person->load->center->batch, 16), batch);
    snprintf(body, sizeof(body),
             "{\"batch\":\"%s\",\"position\":%llu,\"files\":[{\"sha256\":\"%s\","
             "\"size\":%d,\"format\":\"tiff\",\"name\":\"%s.tif\"}]}",
             batch, (unsigned long long)paper->key, paper->hash, CENTER_PAPER_LEN,
             paper->id);
    url_of(person, node, "/v1/intake/bundles", url);
    *ret_status = http_json(http, url, body, LOAD_TIMEOUT_MS);
    return *ret_status == 200;
}

static void make_paper(struct person *person, struct paper *paper) {
    uint8_t hash[32];
    paper->key = atomic_fetch_add(&person->load->next_key, 1);
    snprintf(paper->id, sizeof(paper->id), "D%08llu", (unsigned long long)paper->key);
    center_paper(paper->id, person->load->seed + paper->key, paper->bytes);
    digest_sha256(span_of(paper->bytes, sizeof(paper->bytes)), hash);
    hex_encode(span_of(hash, sizeof(hash)), paper->hash);
}

bool journey_intake(struct person *person, int *ret_status) {
    struct load *load = person->load;
    unsigned first = (unsigned)journey_draw(person, load->lab->count);
    struct paper paper = {.key = 0};
    struct http http;
    int step = 0;

    if (load->center == NULL || !http_open(&http, load->lab)) {
        return false;
    }
    http_certificate(&http, "operator");
    make_paper(person, &paper);
    for (unsigned turn = 0; turn < TURNS_MAX && step < 3; turn++) {
        unsigned node = first + turn;
        if (step == 0 && submit(person, &http, &paper, node, ret_status) == 1) {
            step = 1;
        }
        if (step == 1 && upload(person, &http, &paper, node, ret_status)) {
            step = 2;
        }
        if (step == 2 && bundle(person, &http, &paper, node, ret_status)) {
            step = 3;
        }
    }
    http_close(&http);
    if (step == 3) {
        center_came(load->center, paper.id);
    }
    return step == 3;
}
