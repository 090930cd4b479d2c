/* cmd_staffing: `tasuki staffing`, how many people a volume needs. Asks no node. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "ops/cli/cmd.h"
#include "ops/cli/conn.h"
#include "ops/cli/staffing.h"

static const char usage_text[] =
    "usage: tasuki staffing --volume N [WHAT...] [--json]\n"
    "\n"
    "Works out how many people scan and review N applications a month. Of corporations'\n"
    "applications people review those with a defect and those that the OCR farm misread,\n"
    "of the others all. Every figure of the plan can be set; the defaults are those that\n"
    "the operation center planned with, and the share of corporations as it was measured.\n"
    "\n"
    "  --volume N           applications a month, to 10000000\n"
    "  --days N             days of work in a month (default: 20)\n"
    "  --hours H            that the farm works a day, as 8.5 (default: 8.5)\n"
    "  --scan N             applications that one person scans a day (default: 350)\n"
    "  --review N           reviews that one person does a day (default: 20)\n"
    "  --looks 1|2          people who do each review: with 1 the rate is that of a review\n"
    "                       as a whole, with 2 that of each person's part (default: 1)\n"
    "  --corporations P     percent of the applications (default: 84.3, of the year to\n"
    "                       March 2021; it was planned with 96)\n"
    "  --defects P          percent of the corporations' with a defect (default: 7)\n"
    "  --misreads P         percent of the corporations' that are misread (default: 1)\n"
    "  --sheets N           of an application (default: 3)\n"
    "  --json               the same as JSON\n";

struct staffing_options {
    const char *volume, *days, *hours, *scan, *review, *looks, *corporations, *defects,
        *misreads, *sheets;
    bool json;
};

static bool wrong(const char *name, const char *expected) {
    fprintf(stderr, "tasuki: --%s: %s; see tasuki staffing --help\n", name, expected);
    return false;
}

static bool number(const char *name, const char *text, uint32_t max, uint32_t *value) {
    unsigned long read;
    char expected[64];

    if (!text)
        return true;
    if (!args_number(text, max, &read) || read == 0) {
        snprintf(expected, sizeof expected, "1 to %" PRIu32 " is expected", max);
        return wrong(name, expected);
    }
    *value = (uint32_t)read;
    return true;
}

static bool percent(const char *name, const char *text, uint32_t *value) {
    return !text || staffing_percent_parse(span_str(text), value) ||
           wrong(name, "0 to 100, as 84.3, is expected");
}

/* "8.5" has the form of a percentage: hundredths of an hour. */
static bool hours(const char *text, uint32_t *minutes) {
    uint32_t hundredths;

    if (!text)
        return true;
    if (!staffing_percent_parse(span_str(text), &hundredths) || hundredths > 2400 ||
        hundredths * 60 < 100)
        return wrong("hours", "up to 24, as 8.5, is expected");
    *minutes = hundredths * 60 / 100;
    return true;
}

static bool read_options(const struct staffing_options *o, struct staffing *in) {
    if (!o->volume)
        return wrong("volume", "the applications a month are expected");
    if (!number("volume", o->volume, STAFFING_VOLUME_MAX, &in->volume) ||
        !number("days", o->days, 31, &in->days) || !hours(o->hours, &in->minutes) ||
        !number("scan", o->scan, STAFFING_RATE_MAX, &in->scan_rate) ||
        !number("review", o->review, STAFFING_RATE_MAX, &in->review_rate) ||
        !number("looks", o->looks, 2, &in->looks) ||
        !number("sheets", o->sheets, 100, &in->sheets) ||
        !percent("corporations", o->corporations, &in->corporations) ||
        !percent("defects", o->defects, &in->defects) ||
        !percent("misreads", o->misreads, &in->misreads))
        return false;
    return in->defects + in->misreads <= STAFFING_WHOLE ||
           wrong("misreads", "with the defects it is more than 100");
}

static void print_json(const struct staffing *in, const struct staffing_answer *a) {
    json_t *json = json_pack(
        "{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:{s:I, s:I, s:I}, s:{s:I, s:I, s:I}}",
        "volume", (json_int_t)in->volume, "applications_day", (json_int_t)a->a_day,
        "sheets_day", (json_int_t)a->sheets_a_day, "farm_month", (json_int_t)a->to_farm,
        "farm_pace_ms", (json_int_t)a->farm_pace_ms, "reviews_month",
        (json_int_t)a->to_people, "reviews_day", (json_int_t)a->to_people_a_day, "scan",
        "persons", (json_int_t)a->scan_persons, "room_day", (json_int_t)a->scan_room_day,
        "room_month", (json_int_t)a->scan_room_month, "review", "persons",
        (json_int_t)a->review_persons, "room_day", (json_int_t)a->review_room_day,
        "room_month", (json_int_t)a->review_room_month);

    conn_print_json(json);
    json_decref(json);
}

static void print_text(const struct staffing *in, const struct staffing_answer *a) {
    printf("applications   %" PRIu32 " a month, %" PRIu64 " a day (%" PRIu64 " sheets)\n",
           in->volume, a->a_day, a->sheets_a_day);
    printf("to the farm    %" PRIu64 " a month", a->to_farm);
    if (a->to_farm > 0)
        printf(", one in %" PRIu64 ".%" PRIu64 " s", a->farm_pace_ms / 1000,
               a->farm_pace_ms % 1000 / 100);
    printf("\nto people      %" PRIu64 " a month, %" PRIu64 " a day\n", a->to_people,
           a->to_people_a_day);
    printf("scan           %" PRIu64 " persons, who manage %" PRIu64 " a day, %" PRIu64
           " a month\n",
           a->scan_persons, a->scan_room_day, a->scan_room_month);
    printf("review         %" PRIu64 " persons, who manage %" PRIu64 " a day, %" PRIu64
           " a month\n",
           a->review_persons, a->review_room_day, a->review_room_month);
}

int cmd_staffing(int argc, char *const argv[]) {
    struct staffing in = {.days = 20, .minutes = 510, .scan_rate = 350,
                          .review_rate = 20, .looks = 1, .sheets = 3,
                          .corporations = 8430, .defects = 700, .misreads = 100};
    struct staffing_options o = {.json = false};
    const struct args_option own[] = {
        {"volume", ARGS_TEXT, &o.volume},     {"days", ARGS_TEXT, &o.days},
        {"hours", ARGS_TEXT, &o.hours},       {"scan", ARGS_TEXT, &o.scan},
        {"review", ARGS_TEXT, &o.review},     {"looks", ARGS_TEXT, &o.looks},
        {"defects", ARGS_TEXT, &o.defects},   {"misreads", ARGS_TEXT, &o.misreads},
        {"sheets", ARGS_TEXT, &o.sheets},     {"corporations", ARGS_TEXT, &o.corporations},
        {"json", ARGS_FLAG, &o.json},         {NULL, ARGS_FLAG, NULL}};
    const struct args_option *const tables[] = {own, NULL};
    struct staffing_answer answer;
    struct args_list words;
    bool help;

    if (!args_parse(argc, argv, tables, &words, &help))
        return EXIT_USAGE;
    if (help) {
        fputs(usage_text, stdout);
        return EXIT_DONE;
    }
    if (words.count > 0) {
        fputs("tasuki: options alone are expected; see tasuki staffing --help\n", stderr);
        return EXIT_USAGE;
    }
    if (!read_options(&o, &in))
        return EXIT_USAGE;
    answer = staffing_work_out(&in);
    if (o.json)
        print_json(&in, &answer);
    else
        print_text(&in, &answer);
    return EXIT_DONE;
}
