/* The path of a QR code, read back module by module. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs the above. */
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/qr_code.h"

#define SIDE_MAX 100

/* `M x y h n v1 h-n z` runs into modules. */
static size_t draw(struct span path, unsigned char grid[SIDE_MAX][SIDE_MAX]) {
    char *text = strndup((const char *)path.data, path.len);
    size_t count = 0;
    const char *at = text;
    unsigned x, y, n, back;
    int used;

    memset(grid, 0, SIDE_MAX * SIDE_MAX);
    while (sscanf(at, "M%u %uh%uv1h-%uz%n", &x, &y, &n, &back, &used) == 4) {
        assert_int_equal(n, back);
        for (unsigned i = 0; i < n; i++)
            grid[y][x + i] = 1;
        count += n;
        at += used;
    }
    assert_int_equal(*at, '\0');
    free(text);
    return count;
}

static void a_text_is_drawn(void **state) {
    static unsigned char grid[SIDE_MAX][SIDE_MAX];
    struct qr_code code;
    struct buf out;

    (void)state;
    buf_init(&out, 64 * 1024);
    assert_int_equal(qr_code_path(span_str("otpauth://totp/Tasuki:demo?secret=ABC"), &out,
                                  &code),
                     OK);
    assert_true(code.size >= 21 + 2 * QR_CODE_QUIET && code.size < SIDE_MAX);
    assert_true(draw(buf_span(&out), grid) > 100);
    /* The finder pattern at the top left (§6.3.3), and the quiet zone. */
    for (unsigned i = 0; i < code.size; i++) {
        assert_int_equal(grid[0][i], 0);
        assert_int_equal(grid[QR_CODE_QUIET - 1][i], 0);
        assert_int_equal(grid[code.size - 1][i], 0);
    }
    for (unsigned i = 0; i < 7; i++) {
        assert_int_equal(grid[QR_CODE_QUIET][QR_CODE_QUIET + i], 1);
        assert_int_equal(grid[QR_CODE_QUIET + i][QR_CODE_QUIET], 1);
    }
    assert_int_equal(grid[QR_CODE_QUIET + 1][QR_CODE_QUIET + 1], 0);
    assert_int_equal(grid[QR_CODE_QUIET + 3][QR_CODE_QUIET + 3], 1);
    assert_int_equal(grid[QR_CODE_QUIET][QR_CODE_QUIET + 7], 0);
    buf_free(&out);
}

static void what_does_not_fit_is_refused(void **state) {
    static char longer[QR_CODE_TEXT_MAX + 1];
    struct qr_code code;
    struct buf out;

    (void)state;
    memset(longer, 'x', sizeof longer);
    buf_init(&out, 256 * 1024);
    assert_int_equal(qr_code_path(span_of(longer, QR_CODE_TEXT_MAX), &out, &code), OK);
    assert_int_equal(qr_code_path(span_of(longer, sizeof longer), &out, &code),
                     ERR_TOO_BIG);
    assert_int_equal(qr_code_path(span_of("", 0), &out, &code), ERR_TOO_BIG);
    buf_free(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_text_is_drawn),
        cmocka_unit_test(what_does_not_fit_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
