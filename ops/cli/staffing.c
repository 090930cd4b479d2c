#include "ops/cli/staffing.h"

#include "store/base/check.h"

static bool is_digit(uint8_t c) {
    return c >= '0' && c <= '9';
}

bool staffing_percent_parse(struct span text, uint32_t *ret_hundredths) {
    uint32_t value = 0, places = 0;
    bool point = false;

    if (text.len == 0 || text.len > 6 || !is_digit(text.data[0]) ||
        !is_digit(text.data[text.len - 1]))
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] == '.' && !point) {
            point = true;
            continue;
        }
        if (!is_digit(text.data[i]))
            return false;
        value = value * 10 + (uint32_t)(text.data[i] - '0');
        places += point;
    }
    if (places > 2)
        return false;
    for (; places < 2; places++)
        value *= 10;
    if (value > STAFFING_WHOLE)
        return false;
    *ret_hundredths = value;
    return true;
}

static uint64_t up(uint64_t amount, uint64_t by) {
    return (amount + by - 1) / by;
}

static void check(const struct staffing *in) {
    CHECK(in->volume >= 1 && in->volume <= STAFFING_VOLUME_MAX);
    CHECK(in->days >= 1 && in->days <= 31);
    CHECK(in->minutes >= 1 && in->minutes <= 24 * 60);
    CHECK(in->scan_rate >= 1 && in->scan_rate <= STAFFING_RATE_MAX);
    CHECK(in->review_rate >= 1 && in->review_rate <= STAFFING_RATE_MAX);
    CHECK(in->looks == 1 || in->looks == 2);
    CHECK(in->sheets >= 1 && in->sheets <= 100);
    CHECK(in->corporations <= STAFFING_WHOLE);
    CHECK(in->defects <= STAFFING_WHOLE && in->misreads <= STAFFING_WHOLE &&
          in->defects + in->misreads <= STAFFING_WHOLE);
}

struct staffing_answer staffing_work_out(const struct staffing *in) {
    const uint64_t whole = STAFFING_WHOLE;
    struct staffing_answer a = {0};
    uint64_t share;

    check(in);
    share = (whole - in->corporations) * whole +
            (uint64_t)in->corporations * (in->defects + in->misreads);
    a.a_day = up(in->volume, in->days);
    a.sheets_a_day = a.a_day * in->sheets;
    a.to_farm = up((uint64_t)in->volume * in->corporations, whole);
    a.to_people = up(in->volume * share, whole * whole);
    a.to_people_a_day = up(a.to_people, in->days);
    a.scan_persons = up(in->volume, (uint64_t)in->scan_rate * in->days);
    a.scan_room_day = a.scan_persons * in->scan_rate;
    a.scan_room_month = a.scan_room_day * in->days;
    a.review_persons =
        up(a.to_people * in->looks, (uint64_t)in->review_rate * in->days);
    a.review_room_day = a.review_persons * in->review_rate / in->looks;
    a.review_room_month = a.review_persons * in->review_rate * in->days / in->looks;
    if (a.to_farm > 0)
        a.farm_pace_ms = (uint64_t)in->days * in->minutes * 60000 / a.to_farm;
    return a;
}
