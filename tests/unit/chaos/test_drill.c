/* What a drill decides without a cluster: its file, its clock of outages, its guardian. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "chaos/drill/center.h"
#include "chaos/drill/experiment.h"
#include "chaos/drill/guardian.h"
#include "chaos/drill/sh.h"
#include "chaos/drill/tally.h"

/* ---- the file */

#define HEAD "title: t\n"
#define PROBES                                                                           \
    "steady-state-hypothesis:\n  probes:\n"                                              \
    "    - {name: n, provider: {type: tasuki, func: nodes_ready}}\n"
#define KILL                                                                             \
    "method:\n  - {name: k, provider: {type: tasuki, func: kill, arguments: "            \
    "{target: leader}}}\n"

static struct experiment parsed;
static char why[256];

static enum err parse(const char *text) {
    return experiment_parse(span_str(text), &parsed, why);
}

static void refuses(const char *text, const char *reason) {
    assert_int_equal(parse(text), ERR_INVALID);
    if (strstr(why, reason) == NULL) {
        fail_msg("'%s' does not say '%s'", why, reason);
    }
}

static void test_defaults(void **state) {
    (void)state;
    assert_int_equal(parse(HEAD PROBES KILL), OK);
    assert_int_equal(parsed.lab.nodes_count, 3);
    assert_int_equal(parsed.lab.regions_count, 3);
    assert_string_equal(parsed.lab.environment, "demo");
    assert_string_equal(parsed.method[0].target, "leader");
    assert_true(parsed.method[0].both);
    assert_true(parsed.error_budget < 0);
    assert_int_equal(parsed.probes[0].tolerance, 1);
}

static void test_five_nodes(void **state) {
    (void)state;
    assert_int_equal(parse(HEAD PROBES KILL
                           "x-lab:\n  delay_ms: 25\n  nodes:\n"
                           "    - {region: a}\n    - {region: b}\n    - {region: a}\n"
                           "    - {region: b, standby: true}\n    - {region: c, spare: true}\n"),
                     OK);
    assert_int_equal(parsed.lab.nodes_count, 5);
    assert_int_equal(parsed.lab.regions_count, 3);
    assert_int_equal(parsed.lab.nodes[2].region, 0);
    assert_true(parsed.lab.nodes[3].standby && parsed.lab.nodes[4].spare);
    assert_int_equal(parsed.lab.way.delay_ms, 25);
}

static void test_slow(void **state) {
    (void)state;
    assert_int_equal(
        parse(HEAD PROBES
              "method:\n  - {name: k, x-ttl-s: 5, provider: {type: tasuki, func: slow, "
              "arguments: {target: leader, delay_ms: 60, jitter_ms: 40, loss_percent: 2}}}\n"),
        OK);
    assert_int_equal(parsed.method[0].way.delay_ms, 60);
    assert_int_equal(parsed.method[0].way.jitter_ms, 40);
    assert_int_equal(parsed.method[0].way.loss_percent, 2);
    assert_int_equal(parsed.lab.way.delay_ms, 0);
}

static void test_refusals(void **state) {
    (void)state;
    refuses("", "empty");
    refuses("title: [", "no YAML");
    refuses(HEAD PROBES KILL "colour: red\n", "'colour' is not known");
    refuses(HEAD PROBES "method:\n  - {name: k, provider: {type: tasuki, func: explode}}\n",
            "no action is called so");
    refuses(HEAD PROBES "method:\n  - {name: k, provider: {type: tasuki, func: kill}}\n",
            "need a target");
    refuses(HEAD PROBES "method:\n  - {name: k, provider: {type: tasuki, func: pause, "
                        "arguments: {target: leader}}}\n",
            "x-ttl-s is needed");
    refuses(HEAD PROBES "method:\n  - {name: k, x-ttl-s: 5, provider: {type: tasuki, func: "
                        "slow, arguments: {target: leader, jitter_ms: 5}}}\n",
            "delay_ms or loss_percent");
    refuses(HEAD PROBES "method:\n  - {name: k, provider: {type: process, func: kill}}\n",
            "type: tasuki");
    refuses(HEAD PROBES KILL "x-objectives: {error_budget: 1.5}\n", "from 0 to 1");
    refuses(HEAD PROBES KILL "x-load: {people: 100000}\n", "from 0 to 128");
    refuses(HEAD PROBES KILL "x-lab: {nodes: [{region: a, spare: true}]}\n",
            "begin the cluster");
    refuses(HEAD PROBES KILL "x-lab: {nodes: [{region: a, standby: true}, {region: a}]}\n",
            "stand behind");
    refuses(HEAD KILL, "must be there");
    refuses(PROBES KILL, "must be there");
}

static void test_too_big(void **state) {
    (void)state;
    char *text = test_malloc(EXPERIMENT_BYTES_MAX + 2);
    memset(text, ' ', EXPERIMENT_BYTES_MAX + 1);
    text[EXPERIMENT_BYTES_MAX + 1] = '\0';
    assert_int_equal(parse(text), ERR_TOO_BIG);
    test_free(text);
}

/* ---- outages */

static struct tally tally;

/* Operations of 10 ms every 100 ms from 0 to `until` ms; `bad` says which failed. */
static void operations(uint64_t until_ms, bool (*bad)(uint64_t ms)) {
    tally_init(&tally);
    for (uint64_t ms = 0; ms < until_ms; ms += 100) {
        struct tally_event event = {.good = !bad(ms),
                                    .start_us = 1000000 + ms * 1000,
                                    .end_us = 1000000 + ms * 1000 + 10000};
        tally_add(&tally, &event);
    }
}

static bool none(uint64_t ms) {
    (void)ms;
    return false;
}
static bool two_seconds(uint64_t ms) {
    return ms >= 2100 && ms <= 4100;
}
/* A second's peace in between, and then again. */
static bool twice(uint64_t ms) {
    return (ms >= 2100 && ms <= 2600) || (ms >= 5000 && ms <= 6500);
}
static bool to_the_end(uint64_t ms) {
    return ms >= 2100;
}

static uint64_t recovery_ms(void) {
    uint64_t us = tally_recovery_us(&tally, 1000000 + 2000 * 1000);
    tally_free(&tally);
    return us == UINT64_MAX ? us : us / 1000;
}

static void test_recovery(void **state) {
    (void)state;
    operations(8000, none);
    assert_int_equal(recovery_ms(), 0);
    operations(8000, two_seconds);
    assert_int_equal(recovery_ms(), 2000);
    operations(9000, twice);
    assert_int_equal(recovery_ms(), 1500);
    operations(4000, to_the_end);
    assert_true(recovery_ms() == UINT64_MAX);
}

/* Who hangs asks nothing: it is over when somebody is served. */
static void test_recovery_hanging(void **state) {
    (void)state;
    tally_init(&tally);
    for (uint64_t ms = 0; ms < 9000; ms += 100) {
        struct tally_event event = {.good = ms < 2000 || ms >= 5000,
                                    .start_us = 1000000 + ms * 1000,
                                    .end_us = 1000000 + ms * 1000 + 10000};
        if (ms <= 2000 || ms >= 5000) {
            tally_add(&tally, &event);
        }
    }
    assert_int_equal(recovery_ms(), 3000);
}

/* An answer after three seconds is an outage of three seconds. */
static void test_recovery_slow(void **state) {
    (void)state;
    operations(8000, none);
    struct tally_event slow = {
        .good = true, .start_us = 3500000, .end_us = 3500000 + 3000000};
    tally_add(&tally, &slow);
    assert_int_equal(recovery_ms(), 3000);
    /* What has many steps may take as long. */
    operations(8000, none);
    slow.kind = LOAD_INTAKE;
    tally_add(&tally, &slow);
    struct tally_slice intake;
    tally_kind(&tally, LOAD_INTAKE, &intake);
    assert_int_equal(intake.good, 1);
    assert_int_equal(intake.p99_us, 3000000);
    assert_int_equal(recovery_ms(), 0);
}

/* What failed, in which ways, and when it began. */
static void test_failures(void **state) {
    static const int statuses[] = {502, 0, 502, 200, -1};
    struct tally_way ways[TALLY_WAYS];
    (void)state;
    tally_init(&tally);
    for (size_t i = 0; i < 5; i++) {
        struct tally_event event = {.kind = LOAD_CODE,
                                    .good = statuses[i] == 200,
                                    .status = statuses[i],
                                    .start_us = 1000 * i,
                                    .end_us = 1000 * i + 500};
        tally_add(&tally, &event);
    }
    assert_int_equal(tally_ways(&tally, LOAD_CODE, ways), 3);
    assert_int_equal(ways[0].status, 502);
    assert_int_equal(ways[0].count, 2);
    assert_int_equal(ways[1].status, -1);
    assert_int_equal(ways[2].status, 0);
    assert_int_equal(tally_ways(&tally, LOAD_SIGN_IN, ways), 0);
    assert_int_equal(tally_failed(&tally, 0, UINT64_MAX), 4);
    assert_int_equal(tally_failed(&tally, 2000, UINT64_MAX), 2);
    assert_int_equal(tally_failed(&tally, 0, 2000), 2);
    tally_free(&tally);
    assert_int_equal(parse(HEAD PROBES KILL "x-objectives: {failed_later: 3}\n"), OK);
    assert_int_equal(parsed.failed_later, 3);
    assert_int_equal(parse(HEAD PROBES KILL), OK);
    assert_true(parsed.failed_later == UINT64_MAX);
}

/* ---- mail */

static void test_mail(void **state) {
    static struct lab lab;
    char link[64], path[64];
    (void)state;
    snprintf(lab.dir, sizeof(lab.dir), "/tmp/test-drill-mail-%d", (int)getpid());
    assert_false(lab_mail_find(&lab, "a@drill.example", "/r?t=", 0, link, sizeof(link)));
    assert_int_equal(mkdir(lab.dir, 0700), 0);
    snprintf(path, sizeof(path), "%.40s/mail", lab.dir);
    assert_int_equal(mkdir(path, 0700), 0);
    snprintf(path, sizeof(path), "%.40s/mail/mail.jsonl", lab.dir);
    FILE *to = fopen(path, "w");
    assert_non_null(to);
    fputs("{\"to\":[\"aa@drill.example\"],\"text\":\"/r?t=other\"}\n"
          "{\"to\":[\"a@drill.example\"],\"text\":\"see https://x/r?t=one\\nbye\"}\n"
          "{\"to\":[\"a@drill.example\"],\"text\":\"see https://x/r?t=one\\nbye\"}\n"
          "no JSON: a@drill.example\n"
          "{\"to\":[\"a@drill.example\"],\"text\":null}\n"
          "{\"to\":[\"a@drill.example\"],\"text\":\"/r?t=two\"}\n"
          "{\"to\":[\"a@drill.example\"],\"text\":\"/r?t=th",
          to);
    fclose(to);
    assert_true(lab_mail_find(&lab, "a@drill.example", "/r?t=", 0, link, sizeof(link)));
    assert_string_equal(link, "/r?t=one");
    /* The same mail twice is one; half of one is none. */
    assert_true(lab_mail_find(&lab, "a@drill.example", "/r?t=", 1, link, sizeof(link)));
    assert_string_equal(link, "/r?t=two");
    assert_false(lab_mail_find(&lab, "a@drill.example", "/r?t=", 2, link, sizeof(link)));
    const char *argv[] = {"rm", "-r", lab.dir, NULL};
    struct sh_command command = {.net = -1};
    memcpy(command.argv, argv, sizeof(argv));
    assert_int_equal(sh_run(&command, 10, NULL), 0);
}

/* ---- the operation centers */

static void test_centers(void **state) {
    (void)state;
    assert_int_equal(parse(HEAD PROBES KILL
                           "x-lab: {job_lease_s: 5, review_claim_s: 6}\n"
                           "x-load: {intake: 1.5, password: 2, centers: 1, workers: 3, "
                           "reviewers: 2}\n"),
                     OK);
    assert_int_equal(parsed.lab.job_lease_s, 5);
    assert_int_equal(parsed.lab.review_claim_s, 6);
    assert_true(parsed.rate[LOAD_INTAKE] > 1.4 && parsed.rate[LOAD_PASSWORD] > 1.9);
    assert_int_equal(parsed.centers, 1);
    assert_int_equal(parsed.workers, 3);
    assert_int_equal(parsed.reviewers, 2);
    /* They follow from what comes in. */
    refuses(HEAD PROBES KILL "x-load: {ocr_job: 1}\n", "not known");
    refuses(HEAD PROBES KILL "x-load: {workers: 9}\n", "8");
}

static void test_paper(void **state) {
    uint8_t paper[CENTER_PAPER_LEN];
    char id[CENTER_ID_MAX];
    (void)state;
    center_paper("D00000042", 7, paper);
    assert_true(center_paper_read(span_of(paper, sizeof(paper)), id));
    assert_string_equal(id, "D00000042");
    assert_false(center_paper_read(span_of(paper, 20), id));
    paper[0] ^= 1;
    assert_false(center_paper_read(span_of(paper, sizeof(paper)), id));
}

/* What is held when a center is lost, and what another one does with it. */
static void test_work_taken_over(void **state) {
    static struct load load;
    static struct lab lab;
    static struct experiment experiment;
    struct center *center = calloc(1, sizeof(*center));
    struct center_person a = {.center = center, .number = 1, .region = 0};
    struct center_person b = {.center = center, .number = 2, .region = 1};
    struct center_report report;
    (void)state;

    assert_non_null(center);
    lab.plan.job_lease_s = 5;
    experiment.workers = 1;
    load.lab = &lab;
    load.experiment = &experiment;
    load.center = center;
    center->load = &load;
    pthread_mutex_init(&center->lock, NULL);
    uint64_t now = tally_now_us();
    center_came(center, "D1");
    assert_true(center_given(&a, "rD1", 1, now));
    assert_false(center_given(&a, "rD1", 1, now)); /* had it already */
    /* The lease has run out: the next one is not early. One that is, is seen. */
    assert_true(center_given(&b, "rD2", 1, now - 6000000));
    assert_true(center_given(&a, "rD2", 2, now));
    center_judge(&load, &report);
    assert_int_equal(report.twice, 0);
    assert_int_equal(report.cases, 1);
    assert_int_equal(report.ended, 0);
    assert_true(center_given(&b, "rD2", 3, now));
    center_judge(&load, &report);
    assert_int_equal(report.twice, 1);
    /* Let go of: not early either. */
    center_let_go(&b, "rD2");
    assert_true(center_given(&a, "rD2", 4, now));
    center_done(&b, "rD1");
    center_case_read(center, "D1");
    center_judge(&load, &report);
    assert_int_equal(report.twice, 1);
    assert_int_equal(report.ended, 1);
    assert_int_equal(report.jobs, 1);
    center_free(&load);
}

static void test_silence(void **state) {
    (void)state;
    operations(8000, two_seconds);
    uint64_t us = tally_outage_us(&tally, 1000000, 1000000 + 8000 * 1000);
    tally_free(&tally);
    assert_int_equal(us / 1000, 2200);
}

/* ---- the guardian */

static char path[64];

static bool there(void) {
    return access(path, F_OK) == 0;
}
static void make(void) {
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fclose(file);
}

static void test_guardian(void **state) {
    (void)state;
    struct guardian guardian;
    const char *heal[] = {"rm", path, NULL};
    snprintf(path, sizeof(path), "/tmp/test_drill.%d", (int)getpid());

    assert_true(guardian_start(&guardian));
    /* Its time is over. */
    make();
    unsigned number = guardian_arm(&guardian, 50, heal);
    assert_true(number > 0 && !guardian_over(&guardian, number));
    for (int i = 0; i < 100 && there(); i++) {
        usleep(20000);
    }
    assert_false(there());
    assert_true(guardian_over(&guardian, number));
    /* The drill asks. */
    make();
    number = guardian_arm(&guardian, 60000, heal);
    assert_true(guardian_heal(&guardian, number) && !there());
    /* What cannot be ended is said. */
    number = guardian_arm(&guardian, 60000, heal);
    assert_false(guardian_heal(&guardian, number));
    make();
    assert_true(guardian_stop(&guardian) && !there());
}

/* The drill is gone without a word. */
static void test_guardian_alone(void **state) {
    (void)state;
    struct guardian guardian;
    const char *heal[] = {"rm", path, NULL};
    make();
    assert_true(guardian_start(&guardian));
    assert_true(guardian_arm(&guardian, 60000, heal) > 0);
    close(guardian.to);
    assert_true(sh_wait(guardian.pid, 5000, NULL));
    assert_false(there());
}

static void test_sh(void **state) {
    (void)state;
    struct buf out;
    struct sh_command good = {.argv = {"printf", "a b"}, .net = -1};
    struct sh_command bad = {.argv = {"sh", "-c", "exit 7"}, .net = -1};
    struct sh_command slow = {.argv = {"sleep", "30"}, .net = -1};
    struct sh_command none_such = {.argv = {"no-such-program"}, .net = -1};
    buf_init(&out, 100);
    assert_int_equal(sh_run(&good, 5, &out), 0);
    assert_true(span_is(buf_span(&out), "a b"));
    buf_free(&out);
    assert_int_equal(sh_run(&bad, 5, NULL), 7);
    assert_int_equal(sh_run(&slow, 1, NULL), -1);
    assert_int_equal(sh_run(&none_such, 5, NULL), 127);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),       cmocka_unit_test(test_five_nodes),
        cmocka_unit_test(test_slow), cmocka_unit_test(test_refusals),       cmocka_unit_test(test_too_big),
        cmocka_unit_test(test_recovery),       cmocka_unit_test(test_recovery_slow),
        cmocka_unit_test(test_recovery_hanging),
        cmocka_unit_test(test_failures),       cmocka_unit_test(test_mail),
        cmocka_unit_test(test_centers),        cmocka_unit_test(test_paper),
        cmocka_unit_test(test_work_taken_over),
        cmocka_unit_test(test_silence),        cmocka_unit_test(test_guardian),
        cmocka_unit_test(test_guardian_alone), cmocka_unit_test(test_sh),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
