/* sheet: what is a blank page, and what only has no words that can be read. */
#include "tests/unit/server/unit.h"

#include "ocr-worker/reading.h"
#include "ocr-worker/sheet.h"
#include "store/base/err.h"

/* A4 at 150 dpi. */
#define WIDTH 1240
#define HEIGHT 1754
#define WHITE 250
#define BLACK 10
#define STEP 8

static struct {
    struct reader_core core;
    struct label_reader *labels;
} reader;

static int setup(void **state) {
    (void)state;
    assert_int_equal(reader_core_open(NULL, &reader.core), OK);
    assert_int_equal(label_reader_open(reader.core.glyphs, &reader.labels), OK);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    label_reader_close(reader.labels);
    reader_core_close(&reader.core);
    return 0;
}

/* Marks of two by two pixels, one in each field of STEP by STEP, as far as `count` goes. */
static enum ocr_page_kind kind_with(size_t count) {
    struct raster raster = {.y = {WIDTH, HEIGHT, malloc((size_t)WIDTH * HEIGHT)},
                            .shrink = 1,
                            .dpi = 150,
                            .scan_width = WIDTH,
                            .scan_height = HEIGHT,
                            .scan_dpi = 150};
    size_t across = (WIDTH - 2 * STEP) / STEP;
    enum ocr_page_kind kind;
    struct sheet sheet = {0};
    uint32_t chance = 1;

    assert_non_null(raster.y.px);
    memset(raster.y.px, WHITE, (size_t)WIDTH * HEIGHT);
    for (size_t i = 0; i < count; i++) {
        chance = chance * 1664525u + 1013904223u; /* the same page each time */
        size_t x = STEP + i % across * STEP + (chance >> 8) % (STEP / 2);
        size_t y = STEP + i / across * STEP + (chance >> 16) % (STEP / 2);
        uint8_t *at = raster.y.px + y * WIDTH + x;

        assert_true(y + 2 < HEIGHT);
        at[0] = at[1] = at[WIDTH] = at[WIDTH + 1] = BLACK;
    }
    assert_true(sheet_open(reader.labels, &raster, &sheet));
    kind = sheet.kind;
    sheet_free(&sheet);
    return kind;
}

static void paper_with_specks_is_blank(void **state) {
    (void)state;
    assert_int_equal(kind_with(0), OCR_PAGE_BLANK);
    assert_int_equal(kind_with(20), OCR_PAGE_BLANK);
}

/* A form at 150 dpi in dots: it must not be said to be missing. */
static void print_in_dots_is_not(void **state) {
    (void)state;
    assert_int_equal(kind_with(20000), OCR_PAGE_UNKNOWN);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paper_with_specks_is_blank),
        cmocka_unit_test(print_in_dots_is_not),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
