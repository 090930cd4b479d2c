/* test_ocr_text: pieces of ink that touch fall apart where they are thin; dirt and streaks
 * are told from print. */
#include <string.h>

#include "ocr-worker/streak.h"
#include "ocr-worker/text.h"
#include "tests/unit/store/unit.h"

static void fill(struct plane *ink, int x0, int y0, int x1, int y1, uint8_t v) {
    for (int y = y0; y < y1; y++)
        memset(plane_row(ink, y) + x0, v, (size_t)(x1 - x0));
}

static struct plane paper(void) {
    struct plane ink;

    assert_true(plane_new(&ink, 120, 40));
    fill(&ink, 0, 0, 120, 40, 0);
    return ink;
}

/* One piece from (10, 5) to (x1, 35) as a line of its own. */
static struct text line_of(const struct plane *ink, int x1, enum text_kind kind) {
    const struct text_blob blob = {.box = {10, 5, x1, 35}, .area = 100};
    struct text text = {0};

    assert_true(text_single(ink, &blob, 1, kind, &text));
    return text;
}

static void test_touching(void **state) {
    struct plane ink = paper();
    struct text text;

    (void)state;
    fill(&ink, 10, 5, 26, 35, 255); /* two strokes, and a thread between them */
    fill(&ink, 26, 19, 34, 21, 120);
    fill(&ink, 34, 5, 50, 30, 255);
    text = line_of(&ink, 50, TEXT_DIGITS);
    assert_int_equal(text.lines[0].count, 2);
    assert_false(text.lines[0].atoms[0].cut);
    assert_true(text.lines[0].atoms[1].cut);
    assert_int_equal(text.lines[0].atoms[0].box.y1, 35);
    assert_int_equal(text.lines[0].atoms[1].box.x1, 50);
    assert_int_equal(text.lines[0].atoms[1].box.y1, 30); /* its own height */
    text_free(&text);
    text = line_of(&ink, 50, TEXT_NAME); /* not wide by that measure */
    assert_int_equal(text.lines[0].count, 1);
    text_free(&text);
    plane_free(&ink);
}

static void test_whole(void **state) {
    struct plane ink = paper();
    struct text text;

    (void)state;
    fill(&ink, 10, 5, 60, 35, 255); /* nowhere thin */
    text = line_of(&ink, 60, TEXT_DIGITS);
    assert_int_equal(text.lines[0].count, 1);
    assert_false(text.lines[0].atoms[0].cut);
    text_free(&text);
    plane_free(&ink);
}

/* A dot that sticks out is taken from a side, and what has no dot there stays whole. */
static void test_trim(void **state) {
    struct plane ink = paper();
    const struct box whole = {20, 5, 56, 35};
    struct box box = whole;

    (void)state;
    fill(&ink, 20, 5, 50, 35, 255);
    fill(&ink, 50, 18, 56, 24, 255);
    assert_false(text_trim(&ink, &box, TEXT_LEFT, 8));
    assert_false(text_trim(&ink, &box, TEXT_TOP, 8));
    assert_false(text_trim(&ink, &box, TEXT_RIGHT, 4)); /* larger than dirt */
    assert_int_equal(box.x1, whole.x1);
    assert_true(text_trim(&ink, &box, TEXT_RIGHT, 8));
    assert_int_equal(box.x1, 50);
    assert_int_equal(box.y1, 35);
    assert_false(text_trim(&ink, &box, TEXT_RIGHT, 8));
    plane_free(&ink);
}

/* Specks below the line on which digits stand are dirt, at its height they are points. */
static void test_specks(void **state) {
    const struct text_blob blobs[] = {{.box = {10, 5, 26, 35}, .area = 300},
                                      {.box = {28, 31, 32, 35}, .area = 16},
                                      {.box = {40, 5, 56, 35}, .area = 300},
                                      {.box = {52, 36, 58, 39}, .area = 18},
                                      {.box = {66, 1, 70, 5}, .area = 16},
                                      {.box = {70, 5, 86, 35}, .area = 300}};
    struct plane ink = paper();
    struct text text = {0};

    (void)state;
    for (size_t i = 0; i < sizeof blobs / sizeof *blobs; i++)
        fill(&ink, blobs[i].box.x0, blobs[i].box.y0, blobs[i].box.x1, blobs[i].box.y1, 255);
    assert_true(text_single(&ink, blobs, 6, TEXT_DIGITS, &text));
    assert_int_equal(text.lines[0].count, 4);
    assert_int_equal(text.lines[0].atoms[2].box.x1, 56);
    assert_int_equal(text.lines[0].atoms[2].box.y1, 35);
    text_free(&text);
    plane_free(&ink);
}

/* Down the page or, in a scan that was turned, across it; what is printed stays. */
static void test_streaks(void **state) {
    struct plane page;

    (void)state;
    assert_true(plane_new(&page, 600, 500));
    fill(&page, 0, 0, 600, 500, 230);
    fill(&page, 0, 200, 600, 202, 150);
    fill(&page, 300, 0, 301, 500, 150);
    fill(&page, 100, 190, 110, 215, 20);
    assert_int_equal(streak_remove(&page), 3);
    assert_int_equal(plane_at(&page, 50, 200), 230);
    assert_int_equal(plane_at(&page, 300, 400), 230);
    assert_true(plane_at(&page, 105, 195) < 40);
    assert_true(plane_at(&page, 105, 200) < 40);
    plane_free(&page);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_touching),
        cmocka_unit_test(test_whole),
        cmocka_unit_test(test_trim),
        cmocka_unit_test(test_specks),
        cmocka_unit_test(test_streaks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
