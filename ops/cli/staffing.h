/* staffing: how many people an operation center needs for a number of applications a month
 * (DOMAIN §3.4), in whole numbers.
 *
 *   to people = other kinds + corporations x (defects + misreads)
 *   persons   = what there is to do a day / what one does a day, rounded up
 *
 * With two people to a review (相互牽制) each looks at every one of them. Pure. */
#ifndef CLI_STAFFING_H
#define CLI_STAFFING_H

#include <stdbool.h>
#include <stdint.h>

#include "store/base/span.h"

#define STAFFING_VOLUME_MAX 10000000u
#define STAFFING_RATE_MAX 100000u
#define STAFFING_WHOLE 10000u /* 100 %, in hundredths of a percent */

struct staffing {
    uint32_t volume; /* applications a month; 1 to STAFFING_VOLUME_MAX */
    uint32_t days;   /* of work in a month; 1 to 31 */
    uint32_t minutes; /* that the farm works a day; 1 to 1440 */
    uint32_t scan_rate, review_rate; /* a person and day; 1 to STAFFING_RATE_MAX */
    uint32_t looks;  /* people to a review; 1 or 2 */
    uint32_t sheets; /* of an application; 1 to 100 */
    /* Hundredths of a percent: of all; of the corporations', both together 100 % at most. */
    uint32_t corporations, defects, misreads;
};

struct staffing_answer {
    uint64_t a_day, sheets_a_day;      /* applications and sheets */
    uint64_t to_farm, to_people;       /* a month */
    uint64_t to_people_a_day;
    uint64_t scan_persons, scan_room_day, scan_room_month; /* and what they manage */
    uint64_t review_persons, review_room_day, review_room_month;
    uint64_t farm_pace_ms; /* one of the farm's is due so often; 0: it has nothing to do */
};

/* "12.5" or "12" as hundredths of a percent, to 100. False: it is none. */
bool staffing_percent_parse(struct span text, uint32_t *ret_hundredths);

/* Within the bounds above (CHECKed). */
struct staffing_answer staffing_work_out(const struct staffing *in);

#endif
