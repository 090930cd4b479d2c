/* view: what a browser is shown of a scan: the right pixels the right way up, bounded,
 * and nothing of the file's own bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs the above. */
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <turbojpeg.h>

#include "ocr-worker/view.h"

#define WIDTH 120
#define HEIGHT 80
#define SECRET "<script>of the scan</script>"

/* ---- a scan of our own: grey, its corners told apart */

static void put16(struct buf *out, unsigned value) {
    const uint8_t bytes[2] = {(uint8_t)value, (uint8_t)(value >> 8)};
    buf_put(out, bytes, 2);
}

static void put32(struct buf *out, uint32_t value) {
    put16(out, value & 0xffff);
    put16(out, value >> 16);
}

static void entry(struct buf *out, unsigned tag, unsigned type, uint32_t count,
                  uint32_t value) {
    put16(out, tag);
    put16(out, type);
    put32(out, count);
    put32(out, value);
}

/* A quarter each: top left 0, top right 80, bottom right 160, bottom left 240. */
static uint8_t pixel_of(int x, int y, int page) {
    static const uint8_t quarters[2][2] = {{0, 80}, {240, 160}};
    uint8_t value = quarters[y >= HEIGHT / 2][x >= WIDTH / 2];
    return page == 0 ? value : (uint8_t)(255 - value);
}

/* A baseline TIFF with so many pages. */
static void scan(struct buf *out, int pages) {
    const uint32_t area = WIDTH * HEIGHT, page_len = area + 2 + 10 * 12 + 4;
    uint32_t text_at = 8;

    buf_str(out, "II*");
    buf_put(out, "", 1);
    put32(out, text_at + sizeof SECRET + sizeof SECRET % 2 + area);
    buf_put(out, SECRET, sizeof SECRET);
    buf_put(out, "\0", sizeof SECRET % 2);
    for (int page = 0; page < pages; page++) {
        uint32_t at = (uint32_t)out->len;
        for (int y = 0; y < HEIGHT; y++) {
            for (int x = 0; x < WIDTH; x++) {
                uint8_t value = pixel_of(x, y, page);
                buf_put(out, &value, 1);
            }
        }
        put16(out, 10);
        entry(out, 256, 4, 1, WIDTH);
        entry(out, 257, 4, 1, HEIGHT);
        entry(out, 258, 3, 1, 8);               /* bits */
        entry(out, 259, 3, 1, 1);               /* not compressed */
        entry(out, 262, 3, 1, 1);               /* black is zero */
        entry(out, 270, 2, sizeof SECRET, text_at);
        entry(out, 273, 4, 1, at);              /* its one strip */
        entry(out, 277, 3, 1, 1);
        entry(out, 278, 4, 1, HEIGHT);
        entry(out, 279, 4, 1, area);
        put32(out, page + 1 < pages ? at + page_len + area : 0);
    }
    assert_int_equal(buf_err(out), OK);
}

/* ---- what came of it */

struct image {
    int width, height;
    uint8_t *px;
};

static struct image unpack(const struct buf *jpeg) {
    tjhandle handle = tjInitDecompress();
    struct image image;
    int sampling;

    assert_int_equal(tjDecompressHeader2(handle, jpeg->data, jpeg->len, &image.width,
                                         &image.height, &sampling),
                     0);
    image.px = malloc((size_t)image.width * (size_t)image.height);
    assert_non_null(image.px);
    assert_int_equal(tjDecompress2(handle, jpeg->data, jpeg->len, image.px, image.width,
                                   0, image.height, TJPF_GRAY, 0),
                     0);
    tjDestroy(handle);
    return image;
}

static uint8_t at(const struct image *image, double x, double y) {
    return image->px[(size_t)(y * image->height) * (size_t)image->width +
                     (size_t)(x * image->width)];
}

static void is_near(int value, int want) {
    if (abs(value - want) > 12)
        fail_msg("%d, not %d", value, want);
}

static enum view_end view(struct span file, const struct view_request *request,
                          struct buf *out) {
    struct sandbox_limits limits = SANDBOX_DEFAULT;

    return view_page(file, request, &limits, out);
}

/* Of the first page of `pages`, with the quarters' values clockwise from top left. */
static void shows(struct view_request request, int pages, int width, int height,
                  const int quarters[4]) {
    static const double middles[4][2] = {
        {0.25, 0.25}, {0.75, 0.25}, {0.75, 0.75}, {0.25, 0.75}};
    struct buf file, out;
    struct image image;

    buf_init(&file, 1 << 20);
    buf_init(&out, 1 << 20);
    scan(&file, pages);
    assert_int_equal(view(buf_span(&file), &request, &out), VIEW_OK);
    image = unpack(&out);
    assert_int_equal(image.width, width);
    assert_int_equal(image.height, height);
    for (int i = 0; i < 4; i++)
        is_near(at(&image, middles[i][0], middles[i][1]), quarters[i]);
    for (size_t i = 0; i + 8 <= out.len; i++)
        assert_memory_not_equal(out.data + i, "<script>", 8);
    free(image.px);
    buf_free(&out);
    buf_free(&file);
}

static void a_page_is_shown_the_right_way_up(void **state) {
    const int upright[] = {0, 80, 160, 240};

    (void)state;
    shows((struct view_request){.side = 500}, 1, WIDTH, HEIGHT, upright);
    for (int turn = 90; turn < 360; turn += 90) {
        int turned[4];
        bool lies = turn % 180 != 0;
        for (int i = 0; i < 4; i++) /* who stands turned clockwise is turned back */
            turned[i] = upright[(i + turn / 90) % 4];
        shows((struct view_request){.side = 500, .turn = turn}, 1, lies ? HEIGHT : WIDTH,
              lies ? WIDTH : HEIGHT, turned);
    }
}

static void any_page_and_no_other(void **state) {
    const int second[] = {255, 175, 95, 15};
    struct buf file, out;

    (void)state;
    shows((struct view_request){.side = 500, .page = 1}, 2, WIDTH, HEIGHT, second);
    buf_init(&file, 1 << 20);
    buf_init(&out, 1 << 20);
    scan(&file, 2);
    assert_int_equal(view(buf_span(&file), &(struct view_request){.side = 9, .page = 2},
                          &out),
                     VIEW_BROKEN);
    assert_int_equal(out.len, 0);
    buf_free(&file);
    buf_free(&out);
}

static void it_is_no_larger_than_was_asked_for(void **state) {
    const int upright[] = {0, 80, 160, 240};

    (void)state;
    shows((struct view_request){.side = 60}, 1, 60, 40, upright);
    shows((struct view_request){.side = VIEW_SIDE_MAX}, 1, WIDTH, HEIGHT, upright);
}

/* The lower right quarter's middle, and with its margin some of nothing else. */
static void a_piece_is_cut_out(void **state) {
    const int all[] = {160, 160, 160, 160};
    struct view_request request = {
        .side = 500, .piece = true, .quad = {{80, 52}, {100, 52}, {100, 62}, {80, 62}}};

    (void)state;
    shows(request, 1, 26, 16, all); /* 20 x 10, and 3 on each side */
    request = (struct view_request){
        .side = 500, .piece = true, .quad = {{90, 60}, {90, 60}, {90, 60}, {90, 60}}};
    struct buf file, out;
    buf_init(&file, 1 << 20);
    buf_init(&out, 1 << 20);
    scan(&file, 1);
    assert_int_equal(view(buf_span(&file), &request, &out), VIEW_BROKEN); /* no area */
    buf_free(&file);
    buf_free(&out);
}

/* Cut off anywhere, or with any byte changed: an image or none, and we go on. */
static void broken_scans_end_in_words(void **state) {
    const struct view_request request = {.side = 100};
    struct buf file, out;

    (void)state;
    buf_init(&file, 1 << 20);
    buf_init(&out, 1 << 20);
    scan(&file, 1);
    for (size_t len = 0; len < file.len; len += len < 64 ? 7 : file.len / 12) {
        enum view_end end = view(span_of(file.data, len), &request, &out);
        assert_true(end == VIEW_BROKEN || end == VIEW_OK);
        buf_reset(&out);
    }
    for (size_t i = 0; i < 12; i++) {
        size_t place = file.len - 1 - i * 11;
        file.data[place] ^= 0xff;
        (void)view(buf_span(&file), &request, &out);
        file.data[place] ^= 0xff;
        buf_reset(&out);
    }
    assert_int_equal(view(span_str("GIF89a, or so it says"), &request, &out), VIEW_BROKEN);
    assert_int_equal(view(span_of("", 0), &request, &out), VIEW_BROKEN);
    assert_int_equal(view(buf_span(&file), &request, &out), VIEW_OK);
    buf_free(&file);
    buf_free(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_page_is_shown_the_right_way_up),
        cmocka_unit_test(any_page_and_no_other),
        cmocka_unit_test(it_is_no_larger_than_was_asked_for),
        cmocka_unit_test(a_piece_is_cut_out),
        cmocka_unit_test(broken_scans_end_in_words),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
