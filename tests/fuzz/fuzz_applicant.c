/* fuzz_applicant: the form of an application as anybody may send it. The first byte
 * chooses the kind; then inputs in their order, each ended by a line feed. What is taken
 * is a whole profile that can be kept, and every fault is counted. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "server/domain/applicant.h"
#include "store/base/check.h"
#include "store/base/codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void split(struct span text, struct span typed[APPLICANT_INPUTS]) {
    for (size_t i = 0; i < APPLICANT_INPUTS; i++) {
        const uint8_t *end = text.len > 0 ? memchr(text.data, '\n', text.len) : NULL;
        size_t len = end ? (size_t)(end - text.data) : text.len;

        typed[i] = span_of(text.data, len);
        text = end ? span_of(end + 1, text.len - len - 1) : span_of("", 0);
    }
}

/* It is what a record takes, and comes back from one as it was. */
static void check_taken(const struct applicant *applicant) {
    const struct profile *profile = &applicant->profile;
    enum profile_field field;
    const char *why = "";
    struct profile again;
    struct buf out;

    CHECK(profile_check(profile, &field, &why));
    for (size_t i = 0; i < PROFILE_COUNT; i++)
        CHECK(utf8_valid(profile->fields[i]));
    CHECK(phone_is_e164(profile->fields[PROFILE_USER_TEL]));
    CHECK(profile->fields[PROFILE_BIRTHDAY].len == 8);
    CHECK(profile->fields[PROFILE_EMAIL].len > 0);
    CHECK(profile->fields[PROFILE_REP_LAST_NAME].len > 0);
    buf_init(&out, PROFILE_ENCODED_MAX);
    CHECK(profile_encode(profile, &out) == OK);
    CHECK(profile_decode(buf_span(&out), &again) == OK);
    for (size_t i = 0; i < PROFILE_COUNT; i++)
        CHECK(span_equal(profile->fields[i], again.fields[i]));
    buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const struct phone_countries japan = {.count = 0};
    const struct applicant_rules rules = {&japan, {2026, 7, 1}};
    struct span typed[APPLICANT_INPUTS];
    struct applicant applicant;
    struct arena arena;
    size_t faults = 0;
    enum err err;

    if (size == 0)
        return 0;
    split(span_of(data + 1, size - 1), typed);
    arena_init(&arena, 1u << 20);
    err = applicant_read((enum applicant_kind)(1 + data[0] % APPLICANT_KIND_LAST), typed,
                         &rules, &arena, &applicant);
    CHECK(err == OK);
    for (size_t i = 0; i < APPLICANT_INPUTS; i++) {
        CHECK(applicant.faults[i] < APPLICANT_FAULTS);
        faults += applicant.faults[i] != APPLICANT_FAULT_GOOD;
    }
    CHECK(faults == applicant.faults_count);
    if (faults == 0)
        check_taken(&applicant);
    arena_close(&arena);
    return 0;
}
