/* japan: the time of Japan (JST: UTC+9, no summer time), and its days.
 *
 * Every date and time that people read or type, in pages, letters, messages, the console
 * and the command, is Japan's, whatever the zone of the machine. What machines read stays
 * ms since 1970 or UTC with a Z, as do the log and the heads of mail and HTTP. Moments
 * after the year 9999 are taken for its last one. Pure: no clock, no zone of the
 * machine, no locale. Thread: any. */
#ifndef BASE_JAPAN_H
#define BASE_JAPAN_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#include "store/base/span.h"

struct japan_time {
    uint16_t year;      /* 1970 to 9999 */
    uint8_t month, day; /* from 1 */
    uint8_t hour, minute, second;
};

/* How a moment is written; the longest form and its end. */
enum japan_form {
    JAPAN_DAY,    /* 2027-04-01 */
    JAPAN_MINUTE, /* 2027-04-01 09:30 */
    JAPAN_SECOND, /* 2027-04-01 09:30:00 */
};
#define JAPAN_TEXT_MAX 20

/* What the clocks of Japan show at the moment (ms since 1970, UTC). */
struct japan_time japan_time(uint64_t ms);
void japan_print(uint64_t ms, enum japan_form form, char out[JAPAN_TEXT_MAX]);

/* The day of Japan that the moment is in, as days since 1970. */
uint32_t japan_day(uint64_t ms);
/* The first moment of that day, or 0: day 0 began before the count did. */
uint64_t japan_day_ms(uint32_t day);

/* A day as people type it ("2027-04-01") as its first and last ms. false: it is no day of
 * the calendar, or not of 1970 to 9999; what is returned is untouched then. */
bool japan_read_day(struct span text, uint64_t *ret_first_ms, uint64_t *ret_last_ms);
/* A day, a minute ("2027-04-01 09:30") or a second ("2027-04-01 09:30:00") as its first
 * and last ms. A T may stand for the space, and a Z after a time makes it UTC. false: as
 * above, or it ended before 1970 began in UTC. */
bool japan_read(struct span text, uint64_t *ret_first_ms, uint64_t *ret_last_ms);

#ifdef __cplusplus
}
#endif

#endif
