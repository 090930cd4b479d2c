/* center_reviewer: one reviewer of a center, at the staff console (center.h): signs in
 * with both factors, looks at the desk, claims, looks, decides.
 *
 * A claim's number is its attempt in the history, and the decision that stands its
 * verdict. A first decision that waits for a second person ends its claim, and so does
 * one that is refused since another one has it: late. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "chaos/drill/center.h"
#include "chaos/drill/http.h"
#include "server/crypto/digest.h"
#include "server/domain/totp.h"

#define CONSOLE_ORIGIN "https://" LAB_HOST ":8444"
_Static_assert(LAB_PORT_STAFF == 8444, "as above");
#define IDLE_MS 150
#define LOOK_MS 1000
#define ANSWERS_MAX 8
#define SHOWN_MAX 12

struct desk {
    struct http http;
    char csrf[1024]; /* of the session; empty: there is none */
};

static bool says(const struct http *http, const char *words) {
    return http->body.len > 0 &&
           memmem(http->body.data, http->body.len, words, strlen(words));
}

/* ---- signing in */

/* A code that was not used yet: of now, or of the step that comes. */
static bool one_time_code(struct center_person *person, char code[8]) {
    static const struct totp_mac mac = {digest_hmac_sha1};
    uint64_t step = (uint64_t)time(NULL) * 1000 / TOTP_STEP_MS;
    uint8_t seed[TOTP_SEED_LEN];
    size_t len;

    if (base32_decode(span_str(person->seed), seed, sizeof(seed), &len) != OK) {
        return false;
    }
    step += step <= person->code_step;
    if (step <= person->code_step) {
        return false; /* wait for the next one */
    }
    person->code_step = step;
    snprintf(code, 8, "%06u", totp_code(&mac, span_of(seed, len), step));
    return true;
}

static void sign_in(struct center_person *person, struct desk *desk) {
    char csrf[1024], code[8];

    desk->csrf[0] = '\0';
    http_forget(&desk->http);
    if (http_get(&desk->http, CONSOLE_ORIGIN "/staff/login", LOAD_TIMEOUT_MS) != 200 ||
        !http_hidden(&desk->http, "csrf", csrf, sizeof(csrf)) ||
        !one_time_code(person, code)) {
        return;
    }
    const struct http_form form = {.at = {{"csrf", csrf},
                                          {"name", person->name},
                                          {"password", person->password},
                                          {"code", code},
                                          {"next", "/staff"}},
                                   .count = 5};
    if (http_post(&desk->http, CONSOLE_ORIGIN "/staff/login", &form,
                  LOAD_TIMEOUT_MS * 2) != 303) {
        return;
    }
    if (http_get(&desk->http, CONSOLE_ORIGIN "/staff", LOAD_TIMEOUT_MS) != 200 ||
        !http_hidden(&desk->http, "csrf", desk->csrf, sizeof(desk->csrf))) {
        desk->csrf[0] = '\0';
    }
}

/* The answer sends to the sign-in: the session is over. */
static bool signed_out(struct desk *desk, int status) {
    bool out = (status == 302 || status == 303) &&
               strstr(desk->http.location, "/staff/login") != NULL;
    if (out) {
        desk->csrf[0] = '\0';
    }
    return out;
}

/* ---- the desk */

static int post(struct desk *desk, const char *path, const char *id, const char *more[][2],
                size_t count) {
    struct http_form form = {.at = {{"csrf", desk->csrf}, {"id", id}}, .count = 2};
    char url[128];
    for (size_t i = 0; i < count; i++) {
        form.at[form.count].name = more[i][0];
        form.at[form.count++].value = more[i][1];
    }
    snprintf(url, sizeof(url), CONSOLE_ORIGIN "%s", path);
    return http_post(&desk->http, url, &form, LOAD_TIMEOUT_MS * 2);
}

/* One of the first that wait there, drawn. */
static bool choose(struct center_person *person, struct desk *desk,
                   char id[CENTER_ID_MAX]) {
    static const char mark[] = "\"/staff/application?id=";
    char ids[SHOWN_MAX][CENTER_ID_MAX];
    size_t count = 0;
    int status = http_get(&desk->http,
                          CONSOLE_ORIGIN "/staff/desk?kind=corporation&state=staff",
                          LOAD_TIMEOUT_MS);
    if (signed_out(desk, status) || status != 200) {
        return false;
    }
    const char *at = (const char *)desk->http.body.data;
    const char *end = at + desk->http.body.len;
    while (count < SHOWN_MAX &&
           (at = memmem(at, (size_t)(end - at), mark, sizeof(mark) - 1)) != NULL) {
        at += sizeof(mark) - 1;
        const char *quote = memchr(at, '"', (size_t)(end - at));
        if (quote == NULL) {
            break;
        }
        if (quote - at < CENTER_ID_MAX) {
            memcpy(ids[count], at, (size_t)(quote - at));
            ids[count++][quote - at] = '\0';
        }
    }
    if (count > 0) {
        memcpy(id, ids[center_draw(person, count)], CENTER_ID_MAX);
    }
    return count > 0;
}

static int look(struct desk *desk, const char *id) {
    char url[160];
    snprintf(url, sizeof(url), CONSOLE_ORIGIN "/staff/application?id=%s&ui=en", id);
    return http_get(&desk->http, url, LOAD_TIMEOUT_MS);
}

/* The claim's number; 0: it is not this person's, or no answer says so. */
static uint32_t claim(struct center_person *person, struct desk *desk, const char *id) {
    uint64_t called_us = tally_now_us();
    char number[16];
    int status = post(desk, "/staff/application/claim", id, NULL, 0);

    if (status != 303 || signed_out(desk, status) || look(desk, id) != 200 ||
        !http_hidden(&desk->http, "claim", number, sizeof(number))) {
        return 0;
    }
    uint32_t attempt = (uint32_t)strtoul(number, NULL, 10);
    /* Who holds it and claims it again has the same claim. */
    if (attempt != 0 && center_given(person, id, attempt, called_us)) {
        struct load_actor actor = center_actor(person);
        size_t op = load_called(&actor, (struct history_op){.model = HISTORY_JOB,
                                                            .kind = HISTORY_LEASE,
                                                            .key = center_key(id, true),
                                                            .argument = attempt,
                                                            .call_us = called_us});
        load_returned(&actor, op, 1);
    }
    return attempt;
}

/* ---- the decision */

enum answer {
    STANDS,  /* it is the application's decision */
    ENDED,   /* it counts as the first of two, or is refused: the claim is over */
    UNKNOWN, /* no answer that tells */
    NOTHING, /* nothing was done */
};

static enum answer answer_of(struct desk *desk, int status) {
    if (signed_out(desk, status) || status == -1) {
        return NOTHING;
    }
    if (status == 303) {
        return strstr(desk->http.location, "notice=second_due") ? ENDED : STANDS;
    }
    return status == 409 ? ENDED : UNKNOWN;
}

static enum answer decide_once(struct center_person *person, struct desk *desk,
                               const char *id, uint32_t attempt, bool first,
                               int *ret_status) {
    char claim_text[16];
    bool deny = center_key(id, false) % 5 == 0;
    const char *more[][2] = {{"claim", claim_text},
                             {"decision", deny ? "deny" : "approve"},
                             {"note", ""},
                             {"defect_form_invalid", "1"}};
    struct load_actor actor = center_actor(person);

    snprintf(claim_text, sizeof(claim_text), "%u", attempt);
    size_t op = load_called(&actor, (struct history_op){.model = HISTORY_JOB,
                                                        .kind = HISTORY_VERDICT,
                                                        .key = center_key(id, true),
                                                        .argument = attempt,
                                                        .call_us = tally_now_us()});
    *ret_status = post(desk, "/staff/application/decide", id, more, deny ? 4 : 3);
    enum answer answer = answer_of(desk, *ret_status);
    if (answer == STANDS) {
        load_returned(&actor, op, 1);
    } else if (answer == ENDED && first) {
        load_turned_out(&actor, op, HISTORY_LATE, 1);
    } else if (answer == UNKNOWN) {
        load_returned(&actor, op, LOAD_UNKNOWN);
    } else {
        /* Refused after one without answer: that one may have been the decision. */
        load_returned(&actor, op, LOAD_NOT_DONE);
    }
    return answer;
}

/* True: the application has its decision, whoever made it. */
static bool is_decided(struct desk *desk, const char *id) {
    int status = look(desk, id);
    return !signed_out(desk, status) && status == 200 &&
           (says(&desk->http, ">approved, not set up<") ||
            says(&desk->http, ">activated<") || says(&desk->http, ">denied<"));
}

static void decide(struct center_person *person, struct desk *desk, const char *id,
                   uint32_t attempt) {
    enum answer answer = UNKNOWN;
    uint64_t began = tally_now_us();
    bool first = true;
    int status = 0;

    person->stood = false;
    center_let_go(person, id);
    for (size_t turn = 0; turn < ANSWERS_MAX && (answer == UNKNOWN || answer == NOTHING);
         turn++) {
        if (turn > 0 && !center_pause(person, IDLE_MS, id)) {
            break;
        }
        if (desk->csrf[0] == '\0') {
            sign_in(person, desk);
            continue;
        }
        answer = decide_once(person, desk, id, attempt, first, &status);
        first = first && answer != UNKNOWN;
    }
    if (answer == STANDS) {
        center_done(person, id);
        center_case_decided(person->center, id);
    } else if (answer == ENDED && status == 409) {
        center_late(person);
    }
    center_tally(person, LOAD_DECISION, answer == STANDS || answer == ENDED, status,
                 began);
}

/* Decisions whose answer was lost: what became of the application is on its page. */
static void look_after(struct center_person *person, struct desk *desk) {
    char id[CENTER_ID_MAX];
    if (center_undecided(person->center, center_draw(person, 1000), id) &&
        is_decided(desk, id)) {
        center_case_decided(person->center, id);
    }
}

static void review(struct center_person *person, struct desk *desk) {
    char id[CENTER_ID_MAX];

    if (desk->csrf[0] == '\0') {
        sign_in(person, desk);
        center_pause(person, IDLE_MS, NULL);
        return;
    }
    if (!choose(person, desk, id)) {
        look_after(person, desk);
        center_pause(person, IDLE_MS, NULL);
        return;
    }
    uint32_t attempt = claim(person, desk, id);
    if (attempt == 0) {
        center_pause(person, IDLE_MS, NULL);
    } else if (center_pause(person, LOOK_MS, id)) {
        decide(person, desk, id, attempt);
    }
}

void *center_reviewer_main(void *arg) {
    struct center_person *person = arg;
    struct desk desk = {.csrf = ""};

    if (http_open(&desk.http, person->center->load->lab)) {
        http_prefer(&desk.http, person->region);
        snprintf(desk.http.origin, sizeof(desk.http.origin),
                 "Origin: " CONSOLE_ORIGIN);
        while (center_going(person, NULL)) {
            review(person, &desk);
        }
        http_close(&desk.http);
    }
    return NULL;
}
