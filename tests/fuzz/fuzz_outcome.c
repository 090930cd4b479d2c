/* outcome_decode and the decoders of its details. What is decoded encodes to the
 * same bytes. */
#include "raft/command.h"
#include "store/base/check.h"
#include "store/base/limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void details(struct span in, struct buf *again) {
    struct outcome_login login;
    struct outcome_tokens tokens;
    struct outcome_boot boot;
    struct outcome_claim claim;
    struct outcome_wait wait;

    buf_reset(again);
    if (outcome_login_decode(in, &login) == OK) {
        CHECK(outcome_login_encode(&login, again) == OK);
        CHECK(span_equal(buf_span(again), in));
    }
    buf_reset(again);
    if (outcome_tokens_decode(in, &tokens) == OK) {
        CHECK(outcome_tokens_encode(&tokens, again) == OK);
        CHECK(span_equal(buf_span(again), in));
    }
    buf_reset(again);
    if (outcome_boot_decode(in, &boot) == OK) {
        CHECK(outcome_boot_encode(&boot, again) == OK);
        CHECK(span_equal(buf_span(again), in));
    }
    buf_reset(again);
    if (outcome_wait_decode(in, &wait) == OK) {
        CHECK(outcome_wait_encode(&wait, again) == OK);
        CHECK(span_equal(buf_span(again), in));
    }
    buf_reset(again);
    if (outcome_claim_decode(in, &claim) == OK) {
        CHECK(outcome_claim_encode(&claim, again) == OK);
        CHECK(span_equal(buf_span(again), in));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct span in = span_of(data, size);
    struct outcome outcome;
    struct buf again;

    buf_init(&again, LIMIT_OUTCOME);
    details(in, &again);
    buf_reset(&again);
    if (outcome_decode(in, &outcome) == OK) {
        CHECK(outcome_encode(&outcome, &again) == OK);
        CHECK(span_equal(buf_span(&again), in));
        details(outcome.detail, &again);
    }
    buf_free(&again);
    return 0;
}
