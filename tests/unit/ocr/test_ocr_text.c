/* test_ocr_text: pieces of ink that touch fall apart where they are thin. */
#include <string.h>

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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_touching),
        cmocka_unit_test(test_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
