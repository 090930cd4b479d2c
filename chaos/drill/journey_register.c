/* journey_register: Entry accounts that their holders register (load.h).
 *
 *   address -> two links by mail, asked for at two balancers -> both forms, sent at once
 *
 * Asking and filling in are two operations: mail takes its time, and whoever is free goes
 * on with what has come. What a link was asked for and acknowledged must come, whatever
 * happened to the node that was to send it; nobody has an account who sent no form. */
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "chaos/drill/http.h"
#include "chaos/drill/load.h"

#define CONFIRM "/register/confirm"
#define MARK CONFIRM "?token="
#define LINK_MAX 1024
#define MAIL_TURNS 240 /* of the read-back: a minute */
#define MAIL_TURN_MS 250

static bool says(const struct http *browser, const char *words) {
    return browser->body.len > 0 &&
           memmem(browser->body.data, browser->body.len, words, strlen(words)) != NULL;
}

/* ---- the address */

static bool ask_link(struct person *person, const char *account, int *ret_status) {
    struct http browser;
    const struct http_form form = {.at = {{"account_id", account}}, .count = 1};

    if (!http_open(&browser, person->load->lab)) {
        return false;
    }
    http_prefer(&browser,
                (unsigned)journey_draw(person, person->load->lab->plan.regions_count));
    *ret_status = http_post(&browser, "/register", &form, LOAD_TIMEOUT_MS);
    bool good = *ret_status == 200 && says(&browser, "メールを送りました");
    http_close(&browser);
    return good;
}

static bool ask(struct person *person, int *ret_status) {
    struct load *load = person->load;
    unsigned epoch = atomic_load(&load->epoch);
    struct load_registration made = {.key = atomic_fetch_add(&load->next_key, 1)};

    snprintf(made.account, sizeof(made.account), "new-%llu%s@drill.example",
             (unsigned long long)made.key, load->suffix);
    for (unsigned i = 0; i < LOAD_LINKS; i++) {
        made.links += ask_link(person, made.account, ret_status);
    }
    pthread_mutex_lock(&load->lock);
    if (made.links > 0 && epoch == atomic_load(&load->epoch) &&
        load->registrations_count < LOAD_REGISTRATIONS_MAX) {
        load->registrations[load->registrations_count++] = made;
    }
    pthread_mutex_unlock(&load->lock);
    return made.links == LOAD_LINKS;
}

/* ---- the links */

static bool has_come(const struct load *load, const struct load_registration *wanted) {
    char link[LINK_MAX];
    return lab_mail_find(load->lab, wanted->account, MARK, wanted->links - 1, link,
                         sizeof(link));
}

/* The oldest whose mail has come; nobody else has it then. SIZE_MAX: none. */
static size_t take_one(struct load *load, struct load_registration *ret) {
    for (size_t i = 0;; i++) {
        pthread_mutex_lock(&load->lock);
        bool there = i < load->registrations_count;
        bool free = there && !load->registrations[i].taken;
        if (free) {
            load->registrations[i].taken = true;
            *ret = load->registrations[i];
        }
        pthread_mutex_unlock(&load->lock);
        if (!there) {
            return SIZE_MAX;
        }
        if (free && has_come(load, ret)) {
            return i;
        }
        pthread_mutex_lock(&load->lock);
        if (free && i < load->registrations_count) {
            load->registrations[i].taken = false;
        }
        pthread_mutex_unlock(&load->lock);
    }
}

static void put_back(struct load *load, size_t i, const struct load_registration *its) {
    pthread_mutex_lock(&load->lock);
    if (i < load->registrations_count && load->registrations[i].key == its->key) {
        load->registrations[i].taken = its->used;
        load->registrations[i].used = its->used;
    }
    pthread_mutex_unlock(&load->lock);
}

/* ---- the form */

struct applicant {
    struct person *person;
    struct load_actor actor;
    const struct load_registration *wanted;
    unsigned number; /* of the link */
    struct http browser;
    char token[LINK_MAX];
    int status;
    int64_t result;
    pthread_t thread;
};

static bool open_link(struct applicant *applicant) {
    const struct lab *lab = applicant->person->load->lab;
    char link[LINK_MAX];

    if (!lab_mail_find(lab, applicant->wanted->account, MARK, applicant->number, link,
                       sizeof(link))) {
        return false;
    }
    http_prefer(&applicant->browser,
                (unsigned)(applicant->wanted->key + applicant->number) %
                    (unsigned)lab->plan.regions_count);
    applicant->status = http_get(&applicant->browser, link, LOAD_TIMEOUT_MS);
    return applicant->status == 200 &&
           http_hidden(&applicant->browser, "token", applicant->token,
                       sizeof(applicant->token));
}

/* entry_done, entry_known. */
static int64_t answer_of(const struct applicant *applicant) {
    if (applicant->status == 200 && says(&applicant->browser, "登録が完了しました")) {
        return 1;
    }
    if (applicant->status == 409) {
        return 0;
    }
    return applicant->status == -1 ? LOAD_NOT_DONE : LOAD_UNKNOWN;
}

static void *fill_in(void *arg) {
    struct applicant *applicant = arg;
    const char *password = applicant->person->load->password;
    const struct http_form form = {.at = {{"token", applicant->token},
                                          {"last_name", "訓練"},
                                          {"first_name", "花子"},
                                          {"last_kana", "クンレン"},
                                          {"first_kana", "ハナコ"},
                                          {"phone", "03-1234-5678"},
                                          {"password", password},
                                          {"password_again", password}},
                                   .count = 8};
    const struct history_op op = {.model = HISTORY_SET,
                                  .kind = HISTORY_ADD,
                                  .key = applicant->wanted->key,
                                  .call_us = tally_now_us()};
    size_t number = load_called(&applicant->actor, op);

    applicant->status =
        http_post(&applicant->browser, CONFIRM, &form, LOAD_TIMEOUT_MS * 2);
    applicant->result = answer_of(applicant);
    load_returned(&applicant->actor, number, applicant->result);
    return NULL;
}

/* All at once; each has its result then. */
static void fill_in_all(struct applicant *applicants, unsigned count) {
    bool begun[LOAD_LINKS] = {false};
    for (unsigned i = 1; i < count; i++) {
        begun[i] =
            pthread_create(&applicants[i].thread, NULL, fill_in, &applicants[i]) == 0;
    }
    fill_in(&applicants[0]);
    for (unsigned i = 1; i < count; i++) {
        if (begun[i]) {
            pthread_join(applicants[i].thread, NULL);
        } else {
            fill_in(&applicants[i]);
        }
    }
}

static bool confirm(struct person *person, const struct load_actor *actor,
                    struct load_registration *wanted, int *ret_status) {
    struct applicant applicants[LOAD_LINKS];
    unsigned opened = 0;
    bool good = true;

    for (unsigned i = 0; i < wanted->links && good; i++) {
        applicants[i] = (struct applicant){
            .person = person, .actor = *actor, .wanted = wanted, .number = i};
        good = http_open(&applicants[i].browser, person->load->lab);
        opened += good;
        good = good && open_link(&applicants[i]);
        *ret_status = applicants[i].status;
    }
    if (good) {
        wanted->used = true;
        fill_in_all(applicants, opened);
    }
    for (unsigned i = 0; i < opened; i++) {
        good = good && applicants[i].result >= 0;
        *ret_status = applicants[i].result < 0 ? applicants[i].status : *ret_status;
        http_close(&applicants[i].browser);
    }
    return good;
}

/* ---- on hosts: by operators */

static int64_t added(int status) {
    return status == 200 ? 1 : status == 409 ? 0 : status == -1 ? -2 : -1;
}

/* The same account ID twice: one at most may get it. */
static bool by_operators(struct person *person, int *ret_status) {
    struct lab *lab = person->load->lab;
    struct http operator;
    char id[64];
    uint64_t key = atomic_fetch_add(&person->load->next_key, 1);
    unsigned node = (unsigned)journey_draw(person, lab->count);
    bool good = true;

    if (!http_open(&operator, lab)) {
        return false;
    }
    http_certificate(&operator, "operator");
    snprintf(id, sizeof(id), "new-%llu%s@drill.example", (unsigned long long)key,
             person->load->suffix);
    for (unsigned i = 0; i < 2; i++) {
        size_t number =
            journey_called(person, HISTORY_SET, HISTORY_ADD, key, 0, tally_now_us());
        *ret_status = 0;
        /* As `tasuki` does it: the next node when one is down. */
        for (unsigned k = 0; k < lab->count; k++) {
            *ret_status = load_add_account(person->load, &operator, id, node + i + k);
            if (*ret_status != -1) {
                break;
            }
        }
        journey_returned(person, number, added(*ret_status));
        good = good && added(*ret_status) >= 0;
    }
    http_close(&operator);
    return good;
}

bool journey_register(struct person *person, int *ret_status) {
    struct load *load = person->load;
    struct load_actor actor = {load, person->number, atomic_load(&load->epoch)};
    struct load_registration wanted;

    if (!load->lab->plan.mail) {
        return by_operators(person, ret_status);
    }
    size_t i = take_one(load, &wanted);
    if (i == SIZE_MAX) {
        return ask(person, ret_status);
    }
    bool good = confirm(person, &actor, &wanted, ret_status);
    put_back(load, i, &wanted);
    return good;
}

/* ---- at the end */

static size_t mail_missing(const struct load *load) {
    size_t missing = 0;
    for (size_t i = 0; i < load->registrations_count; i++) {
        char link[LINK_MAX];
        const struct load_registration *one = &load->registrations[i];
        for (unsigned k = 0; k < one->links; k++) {
            missing += !lab_mail_find(load->lab, one->account, MARK, k, link, sizeof(link));
        }
    }
    return missing;
}

void journey_registrations_read_back(struct load *load, struct http *browser,
                                     bool (*go_on)(void)) {
    struct load_actor actor = {load, load->experiment->people, atomic_load(&load->epoch)};
    struct person person = {.load = load, .number = actor.process, .random = load->seed};

    load->links_missing = mail_missing(load);
    for (int turn = 0; turn < MAIL_TURNS && load->links_missing > 0 && go_on(); turn++) {
        poll(NULL, 0, MAIL_TURN_MS);
        load->links_missing = mail_missing(load);
    }
    for (size_t i = 0; i < load->registrations_count && go_on(); i++) {
        const struct load_registration *one = &load->registrations[i];
        int64_t there = LOAD_UNKNOWN;
        int status;
        load->links_asked += one->links;
        for (int turn = 0; turn < 10 && there < 0 && go_on(); turn++) {
            struct history_op op = {.model = HISTORY_SET,
                                    .kind = HISTORY_CONTAINS,
                                    .key = one->key,
                                    .call_us = tally_now_us() - LOAD_STALE_US};
            size_t number = load_called(&actor, op);
            there = journey_sign_in(&person, browser, one->account, load->password, &status);
            load_returned(&actor, number, there);
        }
    }
}
