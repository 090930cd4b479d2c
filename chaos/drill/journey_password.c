/* journey_password: new passwords on accounts that several people share (load.h).
 *
 * A version of the password is a number; a change is a cas from the version that its
 * session signed in with, which the state machine decides by the account's generation. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "chaos/drill/http.h"
#include "chaos/drill/load.h"

#define PAGE "/account/password"

static void text_of(const struct load *load, uint64_t version, char text[96]) {
    if (version == 0) {
        snprintf(text, 96, "%s", load->password);
    } else {
        snprintf(text, 96, "%s-%llu", load->password, (unsigned long long)version);
    }
}

/* ---- which version it may be: under the load's lock */

static void drop(struct load_password *shared, uint64_t version) {
    for (size_t i = 0; i < shared->count; i++) {
        if (shared->versions[i] == version) {
            memmove(&shared->versions[i], &shared->versions[i + 1],
                    (shared->count - i - 1) * sizeof(shared->versions[0]));
            shared->count--;
            return;
        }
    }
}

static void put_first(struct load_password *shared, uint64_t version) {
    drop(shared, version);
    if (shared->count == LOAD_VERSIONS_MAX) {
        shared->count--;
    }
    memmove(&shared->versions[1], &shared->versions[0],
            shared->count * sizeof(shared->versions[0]));
    shared->versions[0] = version;
    shared->count++;
}

static void put_last(struct load_password *shared, uint64_t version) {
    if (shared->count == LOAD_VERSIONS_MAX) {
        shared->count--;
    }
    shared->versions[shared->count++] = version;
}

/* A change from `version` to `next` was answered: 1, 0, or not. */
static void learn(struct load *load, struct load_password *shared, uint64_t version,
                  uint64_t next, int64_t result) {
    pthread_mutex_lock(&load->lock);
    if (result == 1) {
        bool known = false; /* else somebody has already changed it again */
        for (size_t i = 0; i < shared->count; i++) {
            known |= shared->versions[i] == next;
        }
        drop(shared, version);
        if (known) {
            put_first(shared, next);
        }
    } else if (result == 0 || result == LOAD_NOT_DONE) {
        drop(shared, next);
    }
    pthread_mutex_unlock(&load->lock);
}

/* ---- steps */

static struct history_op step(const struct load_password *shared, uint64_t from,
                              uint64_t to) {
    return (struct history_op){.model = HISTORY_REGISTER,
                               .kind = HISTORY_CAS,
                               .key = shared->key,
                               .argument = from,
                               .second = to,
                               .call_us = tally_now_us()};
}

static int attempt(struct person *person, const struct load_actor *actor,
                   struct http *browser, const struct load_password *shared,
                   uint64_t version, int *ret_status) {
    char password[96];
    struct history_op op = step(shared, version, version);
    text_of(person->load, version, password);
    /* A node may compare with a password as old as the staleness bound. Who signs in is
     * held against the newest generation. */
    op.call_us -= op.call_us > LOAD_STALE_US ? LOAD_STALE_US : 0;
    size_t number = load_called(actor, op);
    int good = journey_sign_in(person, browser, shared->account, password, ret_status);
    load_returned(actor, number, good);
    return good;
}

static struct load_password copy_of(struct load *load,
                                    const struct load_password *shared) {
    pthread_mutex_lock(&load->lock);
    struct load_password copy = *shared;
    pthread_mutex_unlock(&load->lock);
    return copy;
}

/* Signs in with one of the versions. 1: *ret_version; 0: it is none of them, by word of
 * the nodes; LOAD_UNKNOWN: they did not say. */
static int enter(struct person *person, const struct load_actor *actor,
                 struct http *browser, struct load_password *shared,
                 uint64_t *ret_version, int *ret_status) {
    struct load_password copy = copy_of(person->load, shared);
    int answer = 0;

    for (size_t i = 0; i < copy.count; i++) {
        int good = attempt(person, actor, browser, &copy, copy.versions[i], ret_status);
        if (good == 1) {
            *ret_version = copy.versions[i];
            return 1;
        }
        answer = good == 0 ? answer : LOAD_UNKNOWN;
    }
    return answer;
}

static bool says(const struct http *browser, const char *words) {
    return browser->body.len > 0 &&
           memmem(browser->body.data, browser->body.len, words, strlen(words));
}

/* account_done_password, account_changed; or to the sign-in, since the session is over. */
static int64_t changed(const struct http *browser, int status) {
    if (status == 200 && says(browser, "パスワードを変更しました")) {
        return 1;
    }
    if ((status == 200 && says(browser, "ほかの場所で変更されました")) ||
        ((status == 302 || status == 303) && strstr(browser->location, "/authorize"))) {
        return 0;
    }
    return status == -1 ? LOAD_NOT_DONE : LOAD_UNKNOWN;
}

/* A browser that has signed in, and stands before the form. */
struct seat {
    struct http browser;
    bool open;
    uint64_t version; /* it signed in with */
    char csrf[1024];  /* empty: it has no form */
};

static int64_t change(struct person *person, const struct load_actor *actor,
                      struct load_password *shared, struct seat *seat, int *ret_status) {
    struct load *load = person->load;
    uint64_t next = atomic_fetch_add(&load->next_key, 1);
    char password[96];

    text_of(load, next, password);
    const struct http_form form = {.at = {{"csrf", seat->csrf},
                                          {"password", password},
                                          {"password_again", password}},
                                   .count = 3};
    pthread_mutex_lock(&load->lock);
    put_last(shared, next);
    pthread_mutex_unlock(&load->lock);
    size_t number = load_called(actor, step(shared, seat->version, next));
    *ret_status = http_post(&seat->browser, PAGE, &form, LOAD_TIMEOUT_MS * 2);
    int64_t result = changed(&seat->browser, *ret_status);
    load_returned(actor, number, result);
    learn(load, shared, seat->version, next, result);
    return result;
}

/* 1: at the form; 0: others were faster; LOAD_UNKNOWN: no answer that tells. */
static int sit_down(struct person *person, const struct load_actor *actor,
                    struct load_password *shared, struct seat *seat, int *ret_status) {
    int entered = 0;
    seat->csrf[0] = '\0';
    seat->open = http_open(&seat->browser, person->load->lab);
    if (!seat->open) {
        return LOAD_UNKNOWN;
    }
    http_prefer(&seat->browser,
                (unsigned)journey_draw(person, person->load->lab->plan.regions_count));
    /* Those who share it change it in between: then there is something new to try. */
    for (int turn = 0; turn < 3 && entered == 0; turn++) {
        entered =
            enter(person, actor, &seat->browser, shared, &seat->version, ret_status);
    }
    if (entered != 1) {
        return entered;
    }
    *ret_status = http_get(&seat->browser, PAGE, LOAD_TIMEOUT_MS);
    if (*ret_status == 200 &&
        http_hidden(&seat->browser, "csrf", seat->csrf, sizeof(seat->csrf))) {
        return 1;
    }
    return changed(&seat->browser, *ret_status) == 0 ? 0 : LOAD_UNKNOWN;
}

static void stand_up(struct seat *seat) {
    if (seat->open) {
        http_close(&seat->browser);
    }
}

bool journey_password(struct person *person, int *ret_status) {
    struct load *load = person->load;
    struct load_actor actor = {load, person->number, atomic_load(&load->epoch)};
    struct load_password *shared =
        &load->passwords[actor.epoch % 2][journey_draw(person, LOAD_PASSWORDS)];
    struct seat seat = {.open = false}, other = {.open = false};
    int status = 0;

    int64_t result = sit_down(person, &actor, shared, &seat, ret_status);
    /* Some sit at two browsers: what the first one changes ends the second one's session,
     * so one of the two changes at most may be done. */
    uint64_t began = tally_now_us();
    if (result == 1 && journey_draw(person, 3) == 0) {
        sit_down(person, &actor, shared, &other, &status);
    }
    person->aside_us += tally_now_us() - began;
    if (result == 1) {
        result = change(person, &actor, shared, &seat, ret_status);
    }
    began = tally_now_us();
    if (other.csrf[0] != '\0') {
        change(person, &actor, shared, &other, &status);
    }
    person->aside_us += tally_now_us() - began;
    stand_up(&seat);
    stand_up(&other);
    return result >= 0;
}

void journey_passwords_read_back(struct load *load, struct http *browser,
                                 bool (*go_on)(void)) {
    struct load_actor actor = {load, load->experiment->people, atomic_load(&load->epoch)};
    struct person person = {.load = load, .number = actor.process, .random = load->seed};

    for (size_t i = 0; i < LOAD_PASSWORDS && go_on(); i++) {
        struct load_password *shared = &load->passwords[actor.epoch % 2][i];
        uint64_t version;
        int status;
        /* Unless nobody answers, one of them is it; the checker says if it was not. */
        for (int turn = 0; turn < 10 && go_on() &&
                           enter(&person, &actor, browser, shared, &version, &status) ==
                               LOAD_UNKNOWN;
             turn++) {
            struct timespec step_time = {.tv_nsec = 300000000};
            nanosleep(&step_time, NULL);
        }
    }
}
