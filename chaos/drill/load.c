#include "chaos/drill/load.h"

#include <curl/curl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sysexits.h>
#include <time.h>

#include "chaos/drill/center.h"
#include "chaos/drill/http.h"

#define PREPARE_TURNS 8

/* ---- what must be there before */

static void draw_secret(char *text, size_t size) {
    static const char letters[] = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ"
                                  "23456789";
    uint8_t bytes[64];
    if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes)) {
        abort();
    }
    for (size_t i = 0; i + 1 < size && i < sizeof(bytes); i++) {
        text[i] = letters[bytes[i] % (sizeof(letters) - 1)];
    }
    text[size - 1] = '\0';
}

static bool keep_in_file(struct load *load, const char *name, const char *text,
                         char path[LAB_PATH + 32]) {
    snprintf(path, LAB_PATH + 32, "%s/%s", load->lab->dir, name);
    FILE *to = fopen(path, "w");
    bool good = to != NULL && fputs(text, to) >= 0;
    return to != NULL && fclose(to) == 0 && good;
}

/* Nothing is hurt yet, but a busy machine may make a cluster late (exit 75): what was not
 * answered then may have been done, and is "there already" the next time. */
static bool tasuki(struct load *load, const char *const argv[]) {
    static const char there[] = "with this ID already";
    bool again = false, good = false;
    for (int turn = 0; turn < PREPARE_TURNS && !good; turn++) {
        struct buf out;
        buf_init(&out, SH_OUTPUT_MAX);
        int code = lab_tasuki(load->lab, argv, 60, &out);
        good = code == 0 || (again && out.len > 0 &&
                             memmem(out.data, out.len, there, sizeof(there) - 1));
        snprintf(load->why, sizeof(load->why), "tasuki %s %s: exit %d: %.*s", argv[0],
                 argv[1], code, (int)(out.len < 300 ? out.len : 300),
                 out.len > 0 ? (const char *)out.data : "");
        buf_free(&out);
        if (!good && code != EX_TEMPFAIL) {
            return false;
        }
        again = true;
    }
    return good;
}

static void account_of(const struct load *load, unsigned number, char account[64]) {
    snprintf(account, 64, "person-%u%s@drill.example", number, load->suffix);
}

int load_add_account(const struct load *load, struct http *operator, const char *id,
                     unsigned node) {
    char url[128], body[512];
    snprintf(url, sizeof(url), "https://%s/v1/accounts",
             load->lab->machines[node % load->lab->count].operators);
    snprintf(body, sizeof(body),
             "{\"account_id\":\"%s\",\"type\":\"entry\",\"password\":\"%s\"}", id,
             load->password);
    return http_json(operator, url, body, LOAD_TIMEOUT_MS * 2);
}

/* As `tasuki`: what was not answered may have been done. */
static bool add_person(struct load *load, struct http *operator, const char *id) {
    int status = 0;
    for (unsigned turn = 0; turn < PREPARE_TURNS * LAB_NODES_MAX; turn++) {
        status = load_add_account(load, operator, id, turn);
        if (status == 200 || (status == 409 && turn > 0)) {
            return true;
        }
        if (status >= 400 && status < 500) {
            break;
        }
    }
    snprintf(load->why, sizeof(load->why), "POST /v1/accounts: %d: %.*s", status,
             (int)(operator->body.len < 300 ? operator->body.len : 300),
             operator->body.len > 0 ? (const char *)operator->body.data : "");
    return false;
}

/* A set of accounts for each epoch: what a backup brings back is an old password. */
static bool add_shared(struct load *load, struct http *operator) {
    size_t epochs = load->experiment->new_epoch ? 2 : 1;
    for (size_t i = 0; i < LOAD_PASSWORDS * epochs; i++) {
        struct load_password *shared = &load->passwords[i / LOAD_PASSWORDS]
                                                       [i % LOAD_PASSWORDS];
        *shared = (struct load_password){.count = 1};
        shared->key = atomic_fetch_add(&load->next_key, 1);
        snprintf(shared->account, sizeof(shared->account), "shared-%zu%s@drill.example",
                 i, load->suffix);
        if (!add_person(load, operator, shared->account)) {
            return false;
        }
    }
    return true;
}

static bool add_people(struct load *load) {
    struct http operator;
    char account[64];
    bool good = http_open(&operator, load->lab);

    if (!good) {
        return false;
    }
    http_certificate(&operator, "operator");
    for (unsigned i = 0; i < load->experiment->people && good; i++) {
        account_of(load, i, account);
        good = add_person(load, &operator, account);
    }
    if (good && load->experiment->rate[LOAD_PASSWORD] > 0) {
        good = add_shared(load, &operator);
    }
    http_close(&operator);
    return good;
}

static bool add_all(struct load *load) {
    char secret[LAB_PATH + 32];
    const char *environment = load->lab->plan.environment;
    const char *rp[] = {"rp",          "add",           load->client_id,
                        "--name",      "訓練用サービス", "--redirect-uri",
                        "https://rp.tasuki.test/callback",
                        "--scope",     "openid offline_access",
                        "--profile",   "standard",      "--alg", "ES256",
                        "--government", "--environment", environment,
                        "--secret-file", secret, NULL};

    if (!keep_in_file(load, "rp.secret", load->client_secret, secret)) {
        snprintf(load->why, sizeof(load->why), "no file in %s", load->lab->dir);
        return false;
    }
    return tasuki(load, rp) && add_people(load);
}

bool load_prepare(struct load *load, struct lab *lab,
                  const struct experiment *experiment, struct tally *tally,
                  uint64_t seed) {
    memset(load, 0, sizeof(*load));
    load->lab = lab;
    load->experiment = experiment;
    load->tally = tally;
    load->seed = seed;
    pthread_mutex_init(&load->lock, NULL);
    history_init(&load->history);
    atomic_store(&load->next_key, 1);
    if (lab->attached) {
        snprintf(load->suffix, sizeof(load->suffix), "-%llx",
                 (unsigned long long)time(NULL));
        atomic_store(&load->next_key, (uint64_t)time(NULL) % 100000 * 1000);
    }
    snprintf(load->client_id, sizeof(load->client_id), "drill%s", load->suffix);
    draw_secret(load->client_secret, 44);
    draw_secret(load->password, 25);
    return add_all(load) && center_prepare(load);
}

/* ---- the history */

static bool is_now(const struct load_actor *actor) {
    return actor->epoch == atomic_load(&actor->load->epoch);
}

size_t load_called(const struct load_actor *actor, struct history_op op) {
    struct load *load = actor->load;
    size_t number = SIZE_MAX;
    op.process = actor->process;
    pthread_mutex_lock(&load->lock);
    if (is_now(actor)) {
        number = history_call(&load->history, &op);
    }
    pthread_mutex_unlock(&load->lock);
    return number;
}

static void note_result(const struct load_actor *actor, size_t number, int64_t result) {
    struct history *history = &actor->load->history;
    if (result >= 0) {
        history_return(history, number, (uint64_t)result, tally_now_us());
    } else if (result == LOAD_NOT_DONE) {
        history_forget(history, number);
    }
}

void load_returned(const struct load_actor *actor, size_t number, int64_t result) {
    pthread_mutex_lock(&actor->load->lock);
    if (is_now(actor)) {
        note_result(actor, number, result);
    }
    pthread_mutex_unlock(&actor->load->lock);
}

void load_turned_out(const struct load_actor *actor, size_t number,
                     enum history_kind kind, int64_t result) {
    pthread_mutex_lock(&actor->load->lock);
    if (is_now(actor)) {
        history_turned_out(&actor->load->history, number, kind);
        note_result(actor, number, result);
    }
    pthread_mutex_unlock(&actor->load->lock);
}

/* ---- people */

/* What to do next, by the rates; nothing that it is too early for. */
static enum load_kind choose(struct person *person) {
    const double *rate = person->load->experiment->rate;
    double all = 0, drawn;

    if (!person->signed_in ||
        person->epoch != atomic_load(&person->load->epoch)) {
        person->has_refresh = false;
        person->late_count = 0;
        return LOAD_SIGN_IN;
    }
    for (size_t i = 0; i < LOAD_RATED; i++) {
        all += rate[i];
    }
    uint64_t z = person->random = person->random * 6364136223846793005u + 1442695040888963407u;
    drawn = (double)(z >> 11) / 9007199254740992.0 * all;
    for (size_t i = 0; i < LOAD_RATED; i++) {
        if (drawn < rate[i]) {
            return (enum load_kind)i;
        }
        drawn -= rate[i];
    }
    return LOAD_SESSION;
}

static uint64_t pace_us(const struct load *load) {
    double all = 0;
    for (size_t i = 0; i < LOAD_RATED; i++) {
        all += load->experiment->rate[i];
    }
    return (uint64_t)(1e6 * (double)load->experiment->people / (all > 0 ? all : 1));
}

static void live(struct person *person) {
    struct load *load = person->load;
    uint64_t pace = pace_us(load);
    /* Not all at once. */
    uint64_t next = tally_now_us() + pace * person->number / load->experiment->people;

    while (!atomic_load(&load->stop)) {
        uint64_t now = tally_now_us();
        if (now < next) {
            uint64_t rest = (next - now) / 1000;
            poll(NULL, 0, rest > 50 ? 50 : (int)rest + 1);
            continue;
        }
        enum load_kind kind = choose(person);
        struct tally_event event = {.kind = kind, .start_us = now};
        person->aside_us = 0;
        person->aside = false;
        event.good = journey_do(person, kind, &event.status);
        event.end_us = tally_now_us() - person->aside_us;
        if (!person->aside) {
            tally_add(load->tally, &event);
        }
        /* After an outage nobody makes up for what was not done. */
        next += pace;
        if (next < event.end_us) {
            next = event.end_us + pace / 8;
        }
    }
}

static void *person_main(void *arg) {
    struct person *person = arg;
    struct load *load = person->load;
    struct http browser, back;

    if (http_open(&browser, load->lab) && http_open(&back, load->lab)) {
        unsigned regions = (unsigned)load->lab->plan.regions_count;
        http_prefer(&browser, person->number % regions);
        /* A service's back end may be elsewhere than the browser. */
        http_prefer(&back, (person->number / regions) % regions);
        person->browser = &browser;
        person->back = &back;
        live(person);
        http_close(&browser);
        http_close(&back);
    }
    free(person);
    return NULL;
}

bool load_start(struct load *load) {
    atomic_store(&load->stop, false);
    for (unsigned i = 0; i < load->experiment->people; i++) {
        struct person *person = calloc(1, sizeof(*person));
        if (person == NULL) {
            return false;
        }
        person->load = load;
        person->number = i;
        person->random = load->seed * 1000003u + i;
        account_of(load, i, person->account);
        if (pthread_create(&load->threads[i], NULL, person_main, person) != 0) {
            free(person);
            return false;
        }
        load->threads_count = i + 1;
    }
    return center_start(load);
}

void load_stop(struct load *load) {
    atomic_store(&load->stop, true);
    for (size_t i = 0; i < load->threads_count; i++) {
        pthread_join(load->threads[i], NULL);
    }
    load->threads_count = 0;
}

void load_new_epoch(struct load *load) {
    pthread_mutex_lock(&load->lock);
    atomic_fetch_add(&load->epoch, 1);
    history_free(&load->history);
    history_init(&load->history);
    for (size_t i = 0; i < load->before_count; i++) {
        free(load->before[i].cookies);
    }
    memcpy(load->before, load->sessions, sizeof(load->sessions));
    load->before_count = load->sessions_count;
    load->sessions_count = 0;
    load->registrations_count = 0;
    pthread_mutex_unlock(&load->lock);
}

/* ---- at the end */

static int ask_again(const struct load *load, struct http *browser,
                     const struct load_session *session, bool (*go_on)(void)) {
    char line[LOAD_COOKIES_MAX];
    const char *at = session->cookies;

    http_forget(browser);
    while (*at != '\0') {
        size_t len = strcspn(at, "\n");
        if (len < sizeof(line)) {
            memcpy(line, at, len);
            line[len] = '\0';
            curl_easy_setopt(browser->easy, CURLOPT_COOKIELIST, line);
        }
        at += len + (at[len] == '\n');
    }
    /* A leader may be on its way still. */
    int alive = journey_alive(load, browser, NULL);
    for (int i = 0; alive < 0 && i < 20 && go_on(); i++) {
        poll(NULL, 0, 250);
        alive = journey_alive(load, browser, NULL);
    }
    return alive;
}

size_t load_read_back(struct load *load, bool (*go_on)(void)) {
    struct http browser;
    size_t revived = 0;

    if (!http_open(&browser, load->lab)) {
        return 0;
    }
    for (size_t i = 0; i < load->sessions_count && go_on(); i++) {
        struct load_session *session = &load->sessions[i];
        if (session->ended) {
            continue;
        }
        struct history_op op = {.model = HISTORY_SET,
                                .kind = HISTORY_CONTAINS,
                                .key = session->key,
                                .call_us = tally_now_us()};
        size_t number = history_call(&load->history, &op);
        int alive = ask_again(load, &browser, session, go_on);
        if (alive >= 0) {
            history_return(&load->history, number, (uint64_t)alive, tally_now_us());
        }
    }
    for (size_t i = 0; i < load->before_count && go_on(); i++) {
        revived += ask_again(load, &browser, &load->before[i], go_on) == 1;
    }
    if (load->experiment->rate[LOAD_PASSWORD] > 0) {
        journey_passwords_read_back(load, &browser, go_on);
    }
    journey_registrations_read_back(load, &browser, go_on);
    http_close(&browser);
    return revived;
}

void load_free(struct load *load) {
    center_free(load);
    for (size_t i = 0; i < load->sessions_count; i++) {
        free(load->sessions[i].cookies);
    }
    for (size_t i = 0; i < load->before_count; i++) {
        free(load->before[i].cookies);
    }
    history_free(&load->history);
    pthread_mutex_destroy(&load->lock);
}
