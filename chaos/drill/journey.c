/* journey: the steps of one person or service (load.h). */
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chaos/drill/http.h"
#include "chaos/drill/load.h"

/* As it stands in a query. */
#define REDIRECT "https%3A%2F%2Frp.tasuki.test%2Fcallback"
#define REDIRECT_PLAIN "https://rp.tasuki.test/callback"
#define JOURNEY_CODE 513 /* a code and its end: TOKEN_CODE_MAX */
#define LATE_US 62000000u /* a code of the profile `standard` lives for 60 s */
#define RETRY_US 8000000u /* well within the grace of a refresh (10 s) */

uint64_t journey_draw(struct person *person, uint64_t below) {
    uint64_t z = person->random += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (z ^ (z >> 31)) % below;
}

/* ---- the history */

static struct load_actor actor_of(const struct person *person) {
    return (struct load_actor){person->load, person->number, person->epoch};
}

size_t journey_called(struct person *person, enum history_model model,
                      enum history_kind kind, uint64_t key, uint64_t argument,
                      uint64_t at_us) {
    struct load_actor actor = actor_of(person);
    return load_called(&actor, (struct history_op){.model = model,
                                                   .kind = kind,
                                                   .key = key,
                                                   .argument = argument,
                                                   .call_us = at_us});
}

void journey_returned(struct person *person, size_t number, int64_t result) {
    struct load_actor actor = actor_of(person);
    load_returned(&actor, number, result);
}

/* ---- steps */

static void authorize_url(struct person *person, const char *more, char url[1024]) {
    snprintf(url, 1024,
             "/oauth/authorize?response_type=code&client_id=%s&redirect_uri=%s"
                  "&state=s%llu&nonce=n%llu&%s",
             person->load->client_id, REDIRECT,
             (unsigned long long)journey_draw(person, 1u << 30),
             (unsigned long long)journey_draw(person, 1u << 30), more);
}

static int token(struct person *person, const struct http_form *form) {
    http_basic(person->back, person->load->client_id, person->load->client_secret);
    return http_post(person->back, "/oauth/token", form, LOAD_TIMEOUT_MS);
}

static int redeem(struct person *person, const char *code) {
    const struct http_form form = {
        .at = {{"grant_type", "authorization_code"},
               {"code", code},
               {"redirect_uri", REDIRECT_PLAIN}},
        .count = 3};
    return token(person, &form);
}

static void keep_session(struct person *person) {
    struct load *load = person->load;
    struct curl_slist *list = NULL;
    struct buf text;

    person->session = LOAD_SESSIONS_MAX;
    buf_init(&text, LOAD_COOKIES_MAX);
    curl_easy_getinfo(person->browser->easy, CURLINFO_COOKIELIST, &list);
    for (struct curl_slist *one = list; one != NULL; one = one->next) {
        buf_printf(&text, "%s\n", one->data);
    }
    buf_put(&text, "", 1);
    curl_slist_free_all(list);
    pthread_mutex_lock(&load->lock);
    if (person->epoch == atomic_load(&load->epoch) && buf_err(&text) == OK &&
        load->sessions_count < LOAD_SESSIONS_MAX) {
        char *copy = strdup((const char *)text.data);
        if (copy != NULL) {
            person->session = load->sessions_count++;
            load->sessions[person->session] =
                (struct load_session){.key = person->session_key, .cookies = copy};
        }
    }
    pthread_mutex_unlock(&load->lock);
    buf_free(&text);
}

/* What the page says when it is shown again (notice_bad_credentials). */
static bool says_wrong(const struct http *browser) {
    static const char words[] = "パスワードが違います";
    return browser->body.len > 0 &&
           memmem(browser->body.data, browser->body.len, words, sizeof(words) - 1);
}

int journey_sign_in(struct person *person, struct http *browser, const char *account,
                    const char *password, int *ret_status) {
    char url[1024], state[HTTP_LOCATION_MAX], code[JOURNEY_CODE];

    http_forget(browser);
    authorize_url(person, "scope=openid", url);
    *ret_status = http_get(browser, url, LOAD_TIMEOUT_MS);
    if (*ret_status != 200 ||
        !http_hidden(browser, "login_state", state, sizeof(state))) {
        return LOAD_NOT_DONE;
    }
    const struct http_form form = {.at = {{"login_state", state},
                                          {"account_id", account},
                                          {"password", password}},
                                   .count = 3};
    *ret_status = http_post(browser, "/oauth/login", &form, LOAD_TIMEOUT_MS * 2);
    if (*ret_status == 303 && http_parameter(browser, "code", code, sizeof(code))) {
        return 1;
    }
    if (*ret_status == 200 && says_wrong(browser)) {
        return 0;
    }
    return *ret_status == -1 ? LOAD_NOT_DONE : LOAD_UNKNOWN;
}

static bool sign_in(struct person *person, int *ret_status) {
    person->signed_in = false;
    person->epoch = atomic_load(&person->load->epoch);
    person->session_key = atomic_fetch_add(&person->load->next_key, 1);
    size_t add = journey_called(person, HISTORY_SET, HISTORY_ADD, person->session_key, 0,
                                tally_now_us());
    bool good = journey_sign_in(person, person->browser, person->account,
                                person->load->password, ret_status) == 1;
    /* Without an answer nobody has the cookie, so nobody will ask: it is as if it
     * had not been. */
    journey_returned(person, add, good ? 1 : LOAD_NOT_DONE);
    if (good) {
        person->signed_in = true;
        keep_session(person);
    }
    return good;
}

/* A code by the session; false: none, and ret_status says why. */
static bool get_code(struct person *person, const char *scope, char code[JOURNEY_CODE],
                     int *ret_status) {
    char url[1024], state[HTTP_LOCATION_MAX];

    authorize_url(person, scope, url);
    *ret_status = http_get(person->browser, url, LOAD_TIMEOUT_MS);
    if (*ret_status == 200 &&
        http_hidden(person->browser, "login_state", state, sizeof(state)) &&
        !memmem(person->browser->body.data, person->browser->body.len,
                "name=\"password\"", 15)) {
        const struct http_form form = {
            .at = {{"login_state", state}, {"decision", "allow"}}, .count = 2};
        *ret_status = http_post(person->browser, "/oauth/consent", &form,
                                LOAD_TIMEOUT_MS);
    }
    return (*ret_status == 303 || *ret_status == 302) &&
           http_parameter(person->browser, "code", code, JOURNEY_CODE);
}

/* invalid_grant is the one refusal that tells. */
static int64_t taken(struct person *person, int status) {
    char error[64] = "";
    if (status == 200) {
        return 1;
    }
    if (status == 400 && http_member(person->back, "error", error, sizeof(error)) &&
        strcmp(error, "invalid_grant") == 0) {
        return 0;
    }
    return status == -1 ? -2 : -1;
}

static int take(struct person *person, uint64_t key, const char *code) {
    size_t number =
        journey_called(person, HISTORY_ONCE, HISTORY_TAKE, key, 0, tally_now_us());
    int status = redeem(person, code);
    journey_returned(person, number, taken(person, status));
    return status;
}

static bool code_once(struct person *person, int *ret_status) {
    char code[JOURNEY_CODE];
    uint64_t key = atomic_fetch_add(&person->load->next_key, 1);

    if (!get_code(person, "scope=openid", code, ret_status)) {
        return false;
    }
    if (person->load->experiment->rate[LOAD_LATE_CODE] > 0 && person->late_count < 8 &&
        journey_draw(person, 4) == 0) {
        struct load_late *late = &person->late[person->late_count++];
        memcpy(late->code, code, sizeof(late->code));
        late->due_us = tally_now_us() + LATE_US;
        return true;
    }
    *ret_status = take(person, key, code);
    bool good = *ret_status == 200;
    if (journey_draw(person, 4) == 0) {
        uint64_t began = tally_now_us();
        take(person, key, code); /* by whom it was stolen from */
        person->aside_us += tally_now_us() - began;
    }
    return good;
}

static bool late_code(struct person *person, int *ret_status) {
    *ret_status = 0;
    for (size_t i = 0; i < person->late_count; i++) {
        if (person->late[i].due_us > tally_now_us()) {
            continue;
        }
        *ret_status = redeem(person, person->late[i].code);
        if (*ret_status == 200) {
            pthread_mutex_lock(&person->load->lock);
            person->load->wrong_accepts++;
            pthread_mutex_unlock(&person->load->lock);
        }
        person->late[i] = person->late[--person->late_count];
        break;
    }
    return *ret_status != 200;
}

static bool family_begin(struct person *person, int *ret_status) {
    char code[JOURNEY_CODE];
    if (!get_code(person, "scope=openid%20offline_access&prompt=consent", code,
                  ret_status)) {
        return false;
    }
    *ret_status = redeem(person, code);
    person->has_refresh =
        *ret_status == 200 && http_member(person->back, "refresh_token",
                                          person->refresh, sizeof(person->refresh));
    person->family = atomic_fetch_add(&person->load->next_key, 1);
    person->generation = 1;
    person->lost_us = 0;
    return person->has_refresh;
}

static bool refresh(struct person *person, int *ret_status) {
    char next[512];

    if (!person->has_refresh ||
        (person->lost_us != 0 && tally_now_us() > person->lost_us + RETRY_US)) {
        return family_begin(person, ret_status);
    }
    const struct http_form form = {
        .at = {{"grant_type", "refresh_token"}, {"refresh_token", person->refresh}},
        .count = 2};
    uint64_t began = tally_now_us();
    size_t rotate = journey_called(person, HISTORY_FAMILY, HISTORY_ROTATE, person->family,
                           person->generation, began);
    *ret_status = token(person, &form);
    bool good = *ret_status == 200 &&
                http_member(person->back, "refresh_token", next, sizeof(next));
    int64_t result = taken(person, *ret_status);
    journey_returned(person, rotate, good ? (int64_t)person->generation + 1 : result);
    if (good) {
        memcpy(person->refresh, next, sizeof(next));
        person->generation++;
        person->lost_us = 0;
    } else if (result == 0) {
        person->has_refresh = false;
    } else if (result == -1 && person->lost_us == 0) {
        person->lost_us = began;
    }
    return good;
}

int journey_alive(const struct load *load, struct http *browser, const char *direct) {
    struct curl_slist *to = NULL;
    char line[96], text[64], code[JOURNEY_CODE], url[512];
    int alive = -1;

    if (direct != NULL) {
        snprintf(line, sizeof(line), "::%s", direct);
        to = curl_slist_append(NULL, line);
        curl_easy_setopt(browser->easy, CURLOPT_CONNECT_TO, to);
    }
    snprintf(url, sizeof(url),
             "/oauth/authorize?response_type=code&client_id=%s&redirect_uri=%s"
             "&state=s&nonce=n&scope=openid&prompt=none",
             load->client_id, REDIRECT);
    int status = http_get(browser, url, LOAD_TIMEOUT_MS);
    if (direct != NULL) {
        curl_easy_setopt(browser->easy, CURLOPT_CONNECT_TO, NULL);
        curl_slist_free_all(to);
    }
    if (status == 302 || status == 303) {
        if (http_parameter(browser, "code", code, sizeof(code))) {
            alive = 1;
        } else if (http_parameter(browser, "error", text, sizeof(text)) &&
                   strcmp(text, "login_required") == 0) {
            alive = 0;
        }
    }
    return alive;
}

static bool session(struct person *person, int *ret_status) {
    struct lab *lab = person->load->lab;
    const char *direct = NULL;

    if (journey_draw(person, 2) == 0) {
        direct = lab->machines[journey_draw(person, lab->count)].http;
    }
    uint64_t began = tally_now_us();
    uint64_t asked = began > LOAD_STALE_US ? began - LOAD_STALE_US : 0;
    size_t number = journey_called(person, HISTORY_SET, HISTORY_CONTAINS, person->session_key,
                           0, asked);
    int alive = journey_alive(person->load, person->browser, direct);
    journey_returned(person, number, alive);
    *ret_status = alive >= 0 ? 303 : 0;
    /* A node that is down or behind is no outage to those behind a balancer. */
    person->aside = direct != NULL;
    return direct != NULL || alive == 1;
}

static bool sign_out(struct person *person, int *ret_status) {
    struct load *load = person->load;
    char csrf[1024], request[1024] = "";

    *ret_status = http_get(person->browser, "/oauth/logout", LOAD_TIMEOUT_MS);
    if (*ret_status != 200 ||
        !http_hidden(person->browser, "csrf", csrf, sizeof(csrf))) {
        return false;
    }
    http_hidden(person->browser, "request", request, sizeof(request));
    const struct http_form form = {.at = {{"csrf", csrf}, {"request", request}},
                                   .count = 2};
    pthread_mutex_lock(&load->lock);
    if (person->session < load->sessions_count &&
        person->epoch == atomic_load(&load->epoch)) {
        load->sessions[person->session].ended = true;
    }
    pthread_mutex_unlock(&load->lock);
    size_t number = journey_called(person, HISTORY_SET, HISTORY_REMOVE, person->session_key, 0,
                           tally_now_us());
    *ret_status =
        http_post(person->browser, "/oauth/logout", &form, LOAD_TIMEOUT_MS);
    bool good = *ret_status == 200 || *ret_status == 303;
    journey_returned(person, number, good ? 1 : *ret_status == -1 ? -2 : -1);
    /* Asked once more with the old cookie, where data may be old. */
    if (good) {
        uint64_t began = tally_now_us();
        session(person, ret_status);
        person->aside_us += tally_now_us() - began;
        person->aside = false;
        *ret_status = 200;
    }
    person->signed_in = false;
    return good;
}

bool journey_do(struct person *person, enum load_kind kind, int *ret_status) {
    *ret_status = 0;
    switch (kind) {
    case LOAD_SIGN_IN:
        return sign_in(person, ret_status);
    case LOAD_CODE:
        return code_once(person, ret_status);
    case LOAD_REFRESH:
        return refresh(person, ret_status);
    case LOAD_SESSION:
        return session(person, ret_status);
    case LOAD_SIGN_OUT:
        return sign_out(person, ret_status);
    case LOAD_REGISTER:
        return journey_register(person, ret_status);
    case LOAD_LATE_CODE:
        return late_code(person, ret_status);
    case LOAD_PASSWORD:
        return journey_password(person, ret_status);
    case LOAD_INTAKE:
        return journey_intake(person, ret_status);
    case LOAD_OCR_JOB:
    case LOAD_DECISION:
    case LOAD_KINDS:
        break;
    }
    return false;
}
