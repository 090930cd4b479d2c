/* reading: what may stand for a character of a name. */
#include <string.h>

#include "ocr-worker/reading.h"
#include "store/base/err.h"
#include "tests/unit/store/unit.h"

static struct reader_core core;

static int setup(void **state) {
    (void)state;
    return reader_core_open(NULL, &core) == OK ? 0 : -1;
}

static int teardown(void **state) {
    (void)state;
    reader_core_close(&core);
    return 0;
}

/* 中 in strokes, and dirt where two more characters would be. As large as a character a
 * speck is black all over, and so is any dense kanji. */
static void test_specks_are_no_characters(void **state) {
    static const uint32_t expected[] = {U'中', U'島', U'敬'};
    static const struct text_blob blobs[] = {
        {.box = {10, 5, 40, 35}, .area = 300},
        {.box = {60, 18, 62, 20}, .area = 4},
        {.box = {90, 20, 92, 22}, .area = 4},
    };
    static const struct box strokes[] = {{10, 11, 13, 25}, {37, 11, 40, 25},
                                         {10, 11, 40, 14}, {10, 22, 40, 25},
                                         {23, 5, 27, 35},  {60, 18, 62, 20},
                                         {90, 20, 92, 22}};
    struct plane ink;
    struct text text = {0};
    struct aligned placed;

    (void)state;
    assert_true(plane_new(&ink, 120, 40));
    memset(ink.px, 0, (size_t)ink.width * (size_t)ink.height);
    for (size_t i = 0; i < sizeof strokes / sizeof *strokes; i++)
        for (int y = strokes[i].y0; y < strokes[i].y1; y++)
            memset(plane_row(&ink, y) + strokes[i].x0, 255,
                   (size_t)(strokes[i].x1 - strokes[i].x0));
    assert_true(text_single(&ink, blobs, 3, TEXT_NAME, &text));
    assert_int_equal(text.lines[0].count, 3);
    placed = reading_place(&core, &text, &text.lines[0], expected, 1);
    assert_true(placed.found);
    assert_int_equal(placed.box[0].x1, 40);
    placed = reading_place(&core, &text, &text.lines[0], expected, 3);
    assert_false(placed.found);
    text_free(&text);
    plane_free(&ink);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_specks_are_no_characters),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
