/* center_prepare: what the people of the centers need: certificates of workers, accounts
 * of reviewers, a batch that papers come in (center.h). */
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "chaos/drill/center.h"
#include "chaos/drill/http.h"
#include "store/base/codec.h"

#define TURNS 5

/* One request to the operators' door of the first node that takes it. */
static bool operate(struct center *center, const char *path, const char *body,
                    struct http *http) {
    struct load *load = center->load;
    char url[128];
    int status = 0;
    for (size_t i = 0; i < load->lab->count; i++) {
        snprintf(url, sizeof(url), "https://%s%s", load->lab->machines[i].operators, path);
        status = http_json(http, url, body, LOAD_TIMEOUT_MS);
        if (status == 200) {
            return true;
        }
    }
    snprintf(load->why, sizeof(load->why), "%s: status %d: %.*s", path, status,
             (int)(http->body.len < 300 ? http->body.len : 300),
             http->body.len > 0 ? (const char *)http->body.data : "");
    return false;
}

static bool add_reviewer(struct center_person *person, struct http *http) {
    struct load *load = person->center->load;
    char body[256], name[sizeof(person->name)];
    bool good = false;

    memcpy(name, person->name, sizeof(name));
    snprintf(person->password, sizeof(person->password), "%s", load->password);
    /* The seed is told once: where its answer was lost, another name begins anew. */
    for (unsigned turn = 0; turn < TURNS && !good; turn++) {
        if (turn > 0) {
            snprintf(person->name, sizeof(person->name), "%.36s-%u", name, turn);
        }
        snprintf(body, sizeof(body),
                 "{\"name\":\"%s\",\"password\":\"%s\",\"roles\":[\"reviewer\","
                 "\"approver\"]}",
                 person->name, person->password);
        good = operate(person->center, "/v1/staff", body, http) &&
               http_member(http, "totp_secret", person->seed, sizeof(person->seed));
    }
    return good;
}

static bool add_person(struct center_person *person, struct http *http) {
    /* ops/pki names files worker-NAME. */
    const char *argv[] = {"worker", "--name", person->name + strlen("worker-"), NULL};
    return person->reviewer ? add_reviewer(person, http)
                            : lab_pki(person->center->load->lab, argv);
}

static bool add_batch(struct center *center, struct http *http) {
    char hex[33], body[160];
    if (getrandom(center->batch, sizeof(center->batch), 0) !=
        (ssize_t)sizeof(center->batch)) {
        return false;
    }
    hex_encode(span_of(center->batch, sizeof(center->batch)), hex);
    snprintf(body, sizeof(body),
             "{\"id\":\"%s\",\"label\":\"drill\",\"received_on\":\"2026-04-01\"}", hex);
    return operate(center, "/v1/intake/batches", body, http);
}

bool center_prepare_people(struct center *center) {
    struct load *load = center->load;
    struct http http;
    bool good = http_open(&http, load->lab);

    if (!good) {
        snprintf(load->why, sizeof(load->why), "no memory");
        return false;
    }
    http_certificate(&http, "operator");
    good = load->experiment->rate[LOAD_INTAKE] == 0 || add_batch(center, &http);
    for (size_t i = 0; good && i < center->people_count; i++) {
        good = add_person(&center->people[i], &http);
    }
    http_close(&http);
    return good;
}
