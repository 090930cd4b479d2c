/* sandbox: a reader that a scan has taken over cannot hold its worker. The engine is a
 * double that does as the test wants. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs the above. */
#include <cmocka.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "ocr-worker/sandbox.h"

enum behaviour { READS, CLOSES_AND_SLEEPS, SLEEPS, EXITS };
struct engine {
    enum behaviour behaviour;
};

static void sleep_for_ever(void) {
    uint32_t word = 0;

    for (;;)
        syscall(SYS_futex, &word, FUTEX_WAIT, 0, NULL, NULL, 0);
}

void engine_prepare(struct engine *engine, const struct job_record *record) {
    (void)engine;
    (void)record;
}

void engine_read(struct engine *engine, const struct job_record *record,
                 const struct span *files, size_t count, struct ocr_evidence *ret) {
    (void)record;
    (void)files;
    (void)count;
    *ret = (struct ocr_evidence){.verdict = OCR_REVIEW,
                                 .reasons = OCR_REASON(OCR_DOUBT_PAGE)};
    switch (engine->behaviour) {
    case READS:
        return;
    case CLOSES_AND_SLEEPS: /* the end of the stream, not of the process */
        close(3);
        sleep_for_ever();
        return;
    case SLEEPS:
        sleep_for_ever();
        return;
    case EXITS:
        _exit(5);
    }
}

static uint64_t now_ms(void) {
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static uint64_t reasons_of(enum behaviour behaviour, unsigned wall_ms) {
    struct engine engine = {behaviour};
    struct job_record record = {.application_id = {0}};
    struct sandbox_limits limits = SANDBOX_DEFAULT;
    static struct ocr_evidence evidence;
    struct buf bytes;

    limits.wall_ms = wall_ms;
    buf_init(&bytes, EVIDENCE_WIRE_MAX);
    sandbox_read(&engine, &record, NULL, 0, &limits, &bytes, &evidence);
    buf_free(&bytes);
    assert_int_equal(evidence.verdict, OCR_REVIEW);
    return evidence.reasons;
}

static void one_that_reads_is_believed(void **state) {
    (void)state;
    for (int i = 0; i < 20; i++)
        assert_int_equal(reasons_of(READS, 20000), OCR_REASON(OCR_DOUBT_PAGE));
}

static void one_that_exits_has_died(void **state) {
    (void)state;
    assert_int_equal(reasons_of(EXITS, 20000), OCR_REASON(OCR_READER_DIED));
}

static void one_that_never_ends_is_ended(void **state) {
    uint64_t begun = now_ms();

    (void)state;
    assert_int_equal(reasons_of(SLEEPS, 300), OCR_REASON(OCR_READER_TIMEOUT));
    alarm(30); /* this test's own end, where there is none */
    assert_int_equal(reasons_of(CLOSES_AND_SLEEPS, 300), OCR_REASON(OCR_READER_TIMEOUT));
    alarm(0);
    assert_true(now_ms() - begun < 10000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_that_reads_is_believed),
        cmocka_unit_test(one_that_exits_has_died),
        cmocka_unit_test(one_that_never_ends_is_ended),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
