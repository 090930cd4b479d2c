/* test_ocr_decode: pages of one bit, of gray and of colour, at their size and at half of it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tiffio.h>
#include <unistd.h>

#include "ocr-worker/decode.h"
#include "tests/unit/store/unit.h"

#define NONE 1 /* compression */
#define FAX4 4
#define WHITE_IS_ZERO 0
#define BLACK_IS_ZERO 1
#define RGB 2
#define TAGS 11

struct tiff {
    uint32_t width, height, bits, compression, photometric, strip_len;
};

static void put16(uint8_t *at, uint32_t v) {
    at[0] = (uint8_t)v;
    at[1] = (uint8_t)(v >> 8);
}

static void put32(uint8_t *at, uint32_t v) {
    put16(at, v);
    put16(at + 2, v >> 16);
}

/* One page, one strip of zeros behind the directory. *ret_strip: where it begins. */
static uint8_t *tiff_new(const struct tiff *t, size_t *ret_len, size_t *ret_strip) {
    size_t head = 8 + 2 + TAGS * 12 + 4;
    const uint32_t tags[TAGS][3] = {{256, 4, t->width},       {257, 4, t->height},
                                    {258, 3, t->bits},        {259, 3, t->compression},
                                    {262, 3, t->photometric}, {273, 4, (uint32_t)head},
                                    {277, 3, t->photometric == RGB ? 3 : 1},              {278, 4, t->height},
                                    {279, 4, t->strip_len},   {284, 3, 1},
                                    {296, 3, 2}};
    uint8_t *file = calloc(1, head + t->strip_len);

    assert_non_null(file);
    memcpy(file, "II*\0\x08\0\0\0", 8);
    put16(file + 8, TAGS);
    for (int i = 0; i < TAGS; i++) {
        uint8_t *entry = file + 10 + i * 12;

        put16(entry, tags[i][0]);
        put16(entry + 2, tags[i][1]);
        put32(entry + 4, 1);
        put32(entry + 8, tags[i][2]);
    }
    *ret_len = head + t->strip_len;
    *ret_strip = head;
    return file;
}

static enum decode_fault first_page(const uint8_t *file, size_t len, struct raster *ret) {
    struct decode *decode;
    enum decode_fault fault = decode_open(span_of(file, len), &decode);
    bool more;

    if (fault != DECODE_OK)
        return fault;
    fault = decode_next(decode, &more, ret);
    decode_close(decode);
    return fault;
}

static void test_bits(void **state) {
    const struct tiff t = {600, 800, 1, NONE, WHITE_IS_ZERO, 75 * 800};
    struct tiff other = t;
    size_t len, strip;
    uint8_t *file = tiff_new(&t, &len, &strip);
    struct raster r;

    (void)state;
    file[strip + 75 * 2] = 0x81; /* row 2: columns 0 and 7 */
    assert_int_equal(first_page(file, len, &r), DECODE_OK);
    assert_int_equal(r.y.width, 600);
    assert_int_equal(r.y.height, 800);
    assert_int_equal(r.shrink, 1);
    assert_null(r.cr.px);
    assert_int_equal(plane_at(&r.y, 0, 2), 0);
    assert_int_equal(plane_at(&r.y, 1, 2), 255);
    assert_int_equal(plane_at(&r.y, 7, 2), 0);
    assert_int_equal(plane_at(&r.y, 0, 1), 255);
    raster_free(&r);
    free(file);

    other.photometric = BLACK_IS_ZERO;
    file = tiff_new(&other, &len, &strip);
    file[strip] = 0x80;
    assert_int_equal(first_page(file, len, &r), DECODE_OK);
    assert_int_equal(plane_at(&r.y, 0, 0), 255);
    assert_int_equal(plane_at(&r.y, 1, 0), 0);
    raster_free(&r);
    free(file);
}

/* 600 dpi: what two rows and two columns have in common is a level between. */
static void test_half(void **state) {
    const struct tiff bits = {4960, 7016, 1, NONE, WHITE_IS_ZERO, 620 * 7016};
    struct tiff gray = {4961, 5001, 8, NONE, BLACK_IS_ZERO, 4961 * 5001};
    size_t len, strip;
    uint8_t *file = tiff_new(&bits, &len, &strip);
    struct raster r;

    (void)state;
    file[strip] = 0xc0; /* columns 0 and 1 of row 0 */
    file[strip + 620 * 7015 + 619] = 0x01;
    assert_int_equal(first_page(file, len, &r), DECODE_OK);
    assert_int_equal(r.shrink, 2);
    assert_int_equal(r.y.width, 2480);
    assert_int_equal(r.y.height, 3508);
    assert_int_equal(r.scan_width, 4960);
    assert_int_equal(r.dpi, 300);
    assert_int_equal(plane_at(&r.y, 0, 0), 127);
    assert_int_equal(plane_at(&r.y, 1, 0), 255);
    assert_int_equal(plane_at(&r.y, 2479, 3507), 191);
    raster_free(&r);
    free(file);

    file = tiff_new(&gray, &len, &strip); /* sides that have no half */
    memset(file + strip, 200, gray.strip_len);
    assert_int_equal(first_page(file, len, &r), DECODE_OK);
    assert_int_equal(r.y.width, 2480);
    assert_int_equal(r.y.height, 2500);
    assert_int_equal(plane_at(&r.y, 2479, 2499), 200);
    raster_free(&r);
    free(file);
}

/* Colour is halved as it is read, and gray that only says it is colour has none. */
static void test_colour(void **state) {
    const struct tiff small = {600, 800, 8, NONE, RGB, 3 * 600 * 800};
    const struct tiff large = {4960, 7016, 8, NONE, RGB, 3 * 4960 * 7016};
    size_t len, strip;
    uint8_t *file = tiff_new(&small, &len, &strip);
    struct raster r;

    (void)state;
    memset(file + strip, 255, small.strip_len);
    for (int x = 0; x < 4; x++) { /* row 6, columns 2 to 5: red */
        file[strip + (6 * 600 + 2 + (size_t)x) * 3 + 1] = 0;
        file[strip + (6 * 600 + 2 + (size_t)x) * 3 + 2] = 0;
    }
    assert_int_equal(first_page(file, len, &r), DECODE_OK);
    assert_int_equal(r.y.width, 600);
    assert_int_equal(r.cr.width, 300);
    assert_int_equal(plane_at(&r.y, 2, 6), 255 * 77 >> 8);
    assert_true(plane_at(&r.cr, 1, 3) > 240);
    assert_int_equal(plane_at(&r.cr, 0, 3), 128);
    assert_int_equal(plane_at(&r.cb, 3, 3), 128);
    raster_free(&r);
    free(file);

    file = tiff_new(&large, &len, &strip);
    memset(file + strip, 200, large.strip_len);
    for (int y = 0; y < 2; y++) /* one pixel at half size: half of it red */
        for (int k = 1; k < 3; k++)
            file[strip + (size_t)(y * 4960 * 3 + k)] = 0;
    assert_int_equal(first_page(file, len, &r), DECODE_OK);
    assert_int_equal(r.shrink, 2);
    assert_int_equal(r.y.width, 2480);
    assert_int_equal(r.y.height, 3508);
    assert_int_equal(r.cr.width, 1240);
    assert_int_equal(plane_at(&r.y, 0, 0), (200 * 77 + 100 * 150 + 100 * 29) >> 8);
    assert_true(plane_at(&r.cr, 0, 0) > 150);
    assert_int_equal(plane_at(&r.y, 2479, 3507), 200);
    raster_free(&r);
    memset(file + strip, 200, large.strip_len);
    assert_int_equal(first_page(file, len, &r), DECODE_OK);
    assert_null(r.cr.px);
    raster_free(&r);
    free(file);
}

/* As many scanners write it: JPEG in strips, with tables of their own. */
static void test_jpeg_strips(void **state) {
    char path[] = "/tmp/tasuki-decode-XXXXXX";
    int fd = mkstemp(path);
    uint8_t row[3 * 640];
    struct raster r;
    TIFF *tiff;
    uint8_t *file;
    size_t len;
    FILE *f;

    (void)state;
    assert_true(fd >= 0);
    tiff = TIFFFdOpen(fd, path, "w");
    assert_non_null(tiff);
    TIFFSetField(tiff, TIFFTAG_IMAGEWIDTH, 640);
    TIFFSetField(tiff, TIFFTAG_IMAGELENGTH, 800);
    TIFFSetField(tiff, TIFFTAG_BITSPERSAMPLE, 8);
    TIFFSetField(tiff, TIFFTAG_SAMPLESPERPIXEL, 3);
    TIFFSetField(tiff, TIFFTAG_COMPRESSION, COMPRESSION_JPEG);
    TIFFSetField(tiff, TIFFTAG_PHOTOMETRIC, PHOTOMETRIC_YCBCR);
    TIFFSetField(tiff, TIFFTAG_PLANARCONFIG, PLANARCONFIG_CONTIG);
    TIFFSetField(tiff, TIFFTAG_ROWSPERSTRIP, 16);
    TIFFSetField(tiff, TIFFTAG_JPEGCOLORMODE, JPEGCOLORMODE_RGB);
    memset(row, 255, sizeof row);
    for (int x = 320; x < 640; x++) /* the right half is red */
        row[3 * x + 1] = row[3 * x + 2] = 0;
    for (uint32_t y = 0; y < 800; y++)
        assert_int_equal(TIFFWriteScanline(tiff, row, y, 0), 1);
    TIFFClose(tiff);
    f = fopen(path, "rb");
    assert_non_null(f);
    file = malloc(1 << 20);
    assert_non_null(file);
    len = fread(file, 1, 1 << 20, f);
    fclose(f);
    unlink(path);
    assert_int_equal(first_page(file, len, &r), DECODE_OK);
    assert_int_equal(r.y.width, 640);
    assert_true(plane_at(&r.y, 100, 700) > 250);
    assert_true(plane_at(&r.y, 500, 700) < 90);
    assert_true(plane_at(&r.cr, 250, 350) > 230);
    raster_free(&r);
    assert_int_equal(first_page(file, len * 3 / 4, &r), DECODE_BROKEN);
    free(file);
}

static void test_broken(void **state) {
    struct tiff t = {600, 800, 1, FAX4, WHITE_IS_ZERO, 16}; /* zeros: no code of G4 */
    size_t len, strip;
    uint8_t *file = tiff_new(&t, &len, &strip);
    struct raster r = {0};

    (void)state;
    assert_int_not_equal(first_page(file, len, &r), DECODE_UNKNOWN);
    raster_free(&r);
    free(file);
    t = (struct tiff){600, 800, 8, NONE, BLACK_IS_ZERO, 600 * 400}; /* half is missing */
    file = tiff_new(&t, &len, &strip);
    assert_int_equal(first_page(file, len, &r), DECODE_BROKEN);
    free(file);
    t = (struct tiff){50000, 50000, 1, NONE, WHITE_IS_ZERO, 16};
    file = tiff_new(&t, &len, &strip);
    assert_int_equal(first_page(file, len, &r), DECODE_TOO_LARGE);
    free(file);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bits),
        cmocka_unit_test(test_half),
        cmocka_unit_test(test_colour),
        cmocka_unit_test(test_jpeg_strips),
        cmocka_unit_test(test_broken),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
