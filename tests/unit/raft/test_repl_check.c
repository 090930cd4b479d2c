/* A segment of three batches (1, 2 and 1 entries, as the format's description says),
 * and every bit of it flipped. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "raft/repl_check.h"

static const uint8_t three[] = {
    0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x3c, 0x18, 0x3c, 0x84, 0x13, 0x8f,
    0xdc, 0x47, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x03, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x08, 0x00, 0x00, 0x00, 0x6f, 0x6e,
    0x65, 0x20, 0x61, 0x61, 0x61, 0x61, 0x64, 0x70, 0x1a, 0x49, 0x1f, 0x28, 0x34, 0xa4,
    0x02, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x03, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x08, 0x00, 0x00, 0x00, 0x03, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x08, 0x00, 0x00, 0x00, 0x74, 0x77,
    0x6f, 0x20, 0x62, 0x62, 0x62, 0x62, 0x74, 0x77, 0x6f, 0x20, 0x63, 0x63, 0x63, 0x63,
    0x3c, 0x18, 0x3c, 0x84, 0x3a, 0xb8, 0x0c, 0x66, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x03, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00,
    0x08, 0x00, 0x00, 0x00, 0x74, 0x68, 0x72, 0x65, 0x65, 0x20, 0x64, 0x64};
#define LEN sizeof(three)
#define LAST 112 /* where the last batch begins */

static struct repl_check look(const uint8_t *bytes, size_t len, bool open) {
    struct repl_check check;
    repl_check_segment(span_of(bytes, len), open, &check);
    return check;
}

static void test_whole(void **state) {
    (void)state;
    uint8_t padded[LEN + 512] = {0};
    memcpy(padded, three, LEN);
    assert_int_equal(look(three, LEN, false).verdict, SEGMENT_WHOLE);
    assert_int_equal(look(three, LEN, false).entries, 4);
    assert_int_equal(look(padded, sizeof(padded), true).verdict, SEGMENT_WHOLE);
    assert_int_equal(look(padded, sizeof(padded), true).entries, 4);
    assert_int_equal(look(padded + LEN, 512, true).verdict, SEGMENT_WHOLE);
    assert_int_equal(look(padded, 0, true).verdict, SEGMENT_WHOLE);
    assert_int_equal(look(padded, 0, false).verdict, SEGMENT_DAMAGED);
    assert_int_equal(look(padded, sizeof(padded), false).verdict, SEGMENT_DAMAGED);
}

static void test_every_flip(void **state) {
    (void)state;
    uint8_t padded[LEN + 512] = {0};
    memcpy(padded, three, LEN);
    for (size_t bit = 0; bit < LEN * 8; bit++) {
        padded[bit / 8] ^= (uint8_t)(1u << bit % 8);
        struct repl_check check = look(padded, sizeof(padded), true);
        if (bit / 8 < LAST) {
            assert_int_equal(check.verdict, SEGMENT_DAMAGED);
        } else {
            assert_int_equal(check.verdict, SEGMENT_TORN);
            assert_int_equal(check.offset, LAST);
            assert_int_equal(check.entries, 3);
        }
        assert_int_equal(look(padded, LEN, false).verdict, SEGMENT_DAMAGED);
        padded[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

static void test_torn(void **state) {
    (void)state;
    uint8_t padded[LEN + 512] = {0};
    for (size_t len = LAST + 1; len < LEN; len++) {
        memset(padded, 0, sizeof(padded));
        memcpy(padded, three, len);
        struct repl_check check = look(padded, sizeof(padded), true);
        assert_int_equal(check.verdict, SEGMENT_TORN);
        assert_int_equal(check.offset, LAST);
        assert_true(check.cut > 0 && check.cut <= len - LAST);
    }
}

static void put(const char *dir, const char *name, size_t len, size_t flip) {
    uint8_t bytes[LEN + 512] = {0};
    char path[128];
    memcpy(bytes, three, LEN);
    bytes[flip] ^= flip > 0 ? 1 : 0;
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    FILE *out = fopen(path, "wb");
    assert_non_null(out);
    assert_int_equal(fwrite(bytes, 1, len, out), len);
    assert_int_equal(fclose(out), 0);
}

static void test_directory(void **state) {
    (void)state;
    char dir[] = "/tmp/tasuki-check-XXXXXX", why[256] = "", path[128];
    static const char *const names[] = {"0000000000000001-0000000000000004", "open-1",
                                        "open-2"};
    assert_non_null(mkdtemp(dir));
    assert_int_equal(repl_check_dir("/nonexistent", why), OK);
    put(dir, names[0], LEN, 0);
    put(dir, names[1], LEN + 512, LAST + 20);
    assert_int_equal(repl_check_dir(dir, why), OK); /* torn */
    put(dir, names[2], LEN + 512, 0);               /* and written on: not torn */
    assert_int_equal(repl_check_dir(dir, why), ERR_CORRUPT);
    assert_non_null(strstr(why, "open-1"));
    put(dir, names[1], LEN + 512, 0);
    assert_int_equal(repl_check_dir(dir, why), OK);
    put(dir, names[0], LEN, LAST + 20);
    assert_int_equal(repl_check_dir(dir, why), ERR_CORRUPT);
    assert_non_null(strstr(why, names[0]));
    for (size_t i = 0; i < 3; i++) {
        snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
        assert_int_equal(unlink(path), 0);
    }
    assert_int_equal(rmdir(dir), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole),
        cmocka_unit_test(test_every_flip),
        cmocka_unit_test(test_torn),
        cmocka_unit_test(test_directory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
