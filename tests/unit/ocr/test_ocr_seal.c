/* seal_match: what is cut out as a seal. */
#include <math.h>
#include <string.h>

#include "ocr-worker/decode.h"
#include "ocr-worker/seal_match.h"
#include "tests/unit/store/unit.h"

#define SIDE 260
#define MIDDLE_AT 120
#define RADIUS 62 /* 7.9 mm at 200 dpi */
#define STRONG 130
#define PALE 40

static struct {
    struct raster raster;
    struct page page;
} paper;

static int setup(void **state) {
    (void)state;
    paper.raster = (struct raster){.shrink = 1, .dpi = 200};
    paper.page = (struct page){.raster = &paper.raster, .reduce = 1, .dpi = 200,
                               .to_raster = {1, 0, 0, 0, 1, 0}};
    return plane_new(&paper.raster.y, SIDE, SIDE) && plane_new(&paper.page.ink, SIDE, SIDE) &&
                   plane_new(&paper.page.red, SIDE, SIDE)
               ? 0
               : -1;
}

static int teardown(void **state) {
    (void)state;
    plane_free(&paper.raster.y);
    plane_free(&paper.page.ink);
    plane_free(&paper.page.red);
    return 0;
}

static double distance(int x, int y, int at_x, int at_y) {
    return hypot(x - at_x, y - at_y);
}

/* A ring as red as `ring`, its lower half as `half`; a disc of `stain` beside its middle. */
static struct seal cut(uint8_t ring, uint8_t half, uint8_t stain) {
    const struct box frame = {0, 0, SIDE, SIDE};
    struct seal seal;

    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE; x++) {
            double d = distance(x, y, MIDDLE_AT, MIDDLE_AT);
            bool on_ring = d <= RADIUS && d > RADIUS - 6;
            bool stained = distance(x, y, MIDDLE_AT + 20, MIDDLE_AT + 10) < 105;
            uint8_t red = on_ring ? (y < MIDDLE_AT ? ring : half) : stained ? stain : 0;

            plane_row(&paper.page.red, y)[x] = red;
            plane_row(&paper.page.ink, y)[x] = red;
            plane_row(&paper.raster.y, y)[x] = (uint8_t)(255 - red);
        }
    assert_true(seal_cut(&paper.page, frame, true, &seal));
    return seal;
}

static void test_even(void **state) {
    struct seal seal = cut(STRONG, STRONG, 0);

    (void)state;
    assert_true(seal.found && seal.red);
    assert_false(seal.uneven);
    assert_int_equal(box_width(&seal.box), 2 * RADIUS + 1);
    seal = cut(PALE, PALE, 0); /* pale all over is pressed lightly */
    assert_true(seal.found && seal.red);
    assert_false(seal.uneven);
}

/* The box is not the seal's then, or not all of the seal can be compared. */
static void test_uneven(void **state) {
    (void)state;
    assert_true(cut(STRONG, STRONG, PALE).uneven);
    assert_true(cut(STRONG, PALE, 0).uneven);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_even),
        cmocka_unit_test(test_uneven),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
