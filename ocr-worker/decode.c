#include "ocr-worker/decode.h"

#include <stdlib.h>
#include <string.h>
#include <tiffio.h>
#include <turbojpeg.h>

#include "ocr-worker/decode_pdf.h"

#define HALVE_ABOVE (20u * 1000 * 1000) /* pixels: 600 dpi and more */
#define HALVE_ASKED (6u * 1000 * 1000) /* where that is asked for: above 200 dpi */
#define A4_LONG_INCH 11.69

enum kind { KIND_JPEG, KIND_TIFF, KIND_PDF };

struct decode {
    struct span file;
    enum kind kind;
    int page;
    size_t halve_above; /* pixels */
    TIFF *tiff;
    toff_t tiff_at;
    struct decode_pdf *pdf;
};

void raster_free(struct raster *raster) {
    plane_free(&raster->y);
    plane_free(&raster->cb);
    plane_free(&raster->cr);
}

static bool size_fits(int64_t width, int64_t height) {
    return width > 0 && height > 0 && width <= IMAGE_SIDE_MAX &&
           height <= IMAGE_SIDE_MAX && width * height <= IMAGE_PIXELS_MAX;
}

static void set_dpi(struct raster *r, int dpi) {
    int side = int_max(r->scan_width, r->scan_height);

    if (dpi < 72 || dpi > 1200 || side / dpi > 20 || side < 5 * dpi)
        dpi = (int)(side / A4_LONG_INCH + 0.5);
    r->scan_dpi = int_max(dpi, 1);
    r->dpi = int_max(dpi / r->shrink, 1);
}

/* ---- JPEG */

static int jpeg_dpi(struct span jpeg) {
    const uint8_t *d = jpeg.data; /* SOI, then APP0 "JFIF": unit and x density */
    int dpi;

    if (jpeg.len < 18 || d[2] != 0xff || d[3] != 0xe0 || memcmp(d + 6, "JFIF", 5) != 0)
        return 0;
    dpi = d[14] << 8 | d[15];
    return d[13] == 1 ? dpi : d[13] == 2 ? dpi * 254 / 100 : 0;
}

/* Luma and chroma as they are in the stream. Planes are as wide as the library pads
 * them, which is also their stride. */
static bool jpeg_planes(tjhandle handle, struct span jpeg, int width, int height,
                        int subsampling, struct raster *r) {
    unsigned char *planes[3];
    bool gray = subsampling == TJSAMP_GRAY;

    if (!plane_new(&r->y, tjPlaneWidth(0, width, subsampling),
                   tjPlaneHeight(0, height, subsampling)))
        return false;

    if (!gray) {
        int cw = tjPlaneWidth(1, width, subsampling);
        int ch = tjPlaneHeight(1, height, subsampling);

        if (!plane_new(&r->cb, cw, ch) || !plane_new(&r->cr, cw, ch))
            return false;
    }
    planes[0] = r->y.px;
    planes[1] = r->cb.px;
    planes[2] = r->cr.px;
    /* A stream that ends early gives gray rows and a warning: that counts as broken. */
    return tjDecompressToYUVPlanes(handle, jpeg.data, jpeg.len, planes, width, NULL,
                                   height, TJFLAG_STOPONWARNING | TJFLAG_LIMITSCANS) == 0;
}

static enum decode_fault jpeg_decode(struct span jpeg, int dpi, size_t halve_above,
                                     struct raster *ret) {
    tjhandle handle = tjInitDecompress();
    struct raster r = {.shrink = 1};
    enum decode_fault fault = DECODE_BROKEN;
    int width, height, subsampling, colours;

    if (handle == NULL)
        return DECODE_MEMORY;
    if (tjDecompressHeader3(handle, jpeg.data, jpeg.len, &width, &height, &subsampling,
                            &colours) != 0)
        goto done;
    if (!size_fits(width, height)) {
        fault = DECODE_TOO_LARGE;
        goto done;
    }
    if (colours != TJCS_YCbCr && colours != TJCS_GRAY)
        goto done;
    r.scan_width = width;
    r.scan_height = height;
    if ((size_t)width * (size_t)height > halve_above)
        r.shrink = 2;
    width = (width + r.shrink - 1) / r.shrink;
    height = (height + r.shrink - 1) / r.shrink;
    if (!jpeg_planes(handle, jpeg, width, height, subsampling, &r))
        goto done;
    set_dpi(&r, dpi);
    *ret = r;
    r = (struct raster){0};
    fault = DECODE_OK;
done:
    raster_free(&r);
    tjDestroy(handle);
    return fault;
}

/* ---- other pixels */

struct chroma {
    uint8_t cb, cr;
    bool seen; /* more than gray that a scanner made of gray */
};

/* Returns the luma. */
static uint8_t rgb_split(int red, int green, int blue, struct chroma *ret) {
    int luma = (red * 77 + green * 150 + blue * 29) >> 8;

    ret->cb = (uint8_t)int_max(0, int_min(255, 128 + (blue - luma) * 144 / 256));
    ret->cr = (uint8_t)int_max(0, int_min(255, 128 + (red - luma) * 183 / 256));
    ret->seen = abs(red - green) > 6 || abs(blue - green) > 6;
    return (uint8_t)luma;
}

static enum decode_fault rgba_planes(const uint32_t *rgba, int width, int height,
                                     bool upside_down, struct raster *r) {
    bool colour = false;

    if (!plane_new(&r->y, width, height) ||
        !plane_new(&r->cb, (width + 1) / 2, (height + 1) / 2) ||
        !plane_new(&r->cr, (width + 1) / 2, (height + 1) / 2))
        return DECODE_MEMORY;
    for (int y = 0; y < height; y++) {
        const uint32_t *row = rgba + (size_t)(upside_down ? height - 1 - y : y) *
                                         (size_t)width;
        uint8_t *out = plane_row(&r->y, y);

        for (int x = 0; x < width; x++) {
            int red = (int)TIFFGetR(row[x]), green = (int)TIFFGetG(row[x]);
            int blue = (int)TIFFGetB(row[x]);
            struct chroma chroma;

            out[x] = rgb_split(red, green, blue, &chroma);
            if ((y | x) & 1)
                continue;
            plane_row(&r->cb, y / 2)[x / 2] = chroma.cb;
            plane_row(&r->cr, y / 2)[x / 2] = chroma.cr;
            colour |= chroma.seen;
        }
    }
    if (!colour) {
        plane_free(&r->cb);
        plane_free(&r->cr);
    }
    return DECODE_OK;
}

enum decode_fault decode_rgba(const uint32_t *rgba, int width, int height, int dpi,
                              bool upside_down, struct raster *ret) {
    struct raster r = {.shrink = 1, .scan_width = width, .scan_height = height};
    enum decode_fault fault = rgba_planes(rgba, width, height, upside_down, &r);

    if (fault != DECODE_OK) {
        raster_free(&r);
        return fault;
    }
    set_dpi(&r, dpi);
    *ret = r;
    return DECODE_OK;
}

/* ---- TIFF from memory */

static tmsize_t tiff_read(thandle_t handle, void *out, tmsize_t len) {
    struct decode *d = (struct decode *)handle;
    size_t left = d->tiff_at < d->file.len ? d->file.len - (size_t)d->tiff_at : 0;
    size_t take = (size_t)len < left ? (size_t)len : left;

    if (len <= 0 || take == 0)
        return 0;
    memcpy(out, d->file.data + d->tiff_at, take);
    d->tiff_at += take;
    return (tmsize_t)take;
}

static tmsize_t tiff_write(thandle_t handle, void *data, tmsize_t len) {
    (void)handle;
    (void)data;
    (void)len;
    return 0;
}

static toff_t tiff_seek(thandle_t handle, toff_t offset, int whence) {
    struct decode *d = (struct decode *)handle;

    if (whence == SEEK_SET)
        d->tiff_at = offset;
    else if (whence == SEEK_CUR)
        d->tiff_at += offset;
    else
        d->tiff_at = d->file.len + offset;
    return d->tiff_at;
}

static int tiff_end(thandle_t handle) {
    (void)handle;
    return 0;
}

static toff_t tiff_size(thandle_t handle) {
    return ((struct decode *)handle)->file.len;
}

static int tiff_map(thandle_t handle, void **ret_base, toff_t *ret_size) {
    struct decode *d = (struct decode *)handle;

    *ret_base = (void *)(uintptr_t)d->file.data;
    *ret_size = d->file.len;
    return 1;
}

static void tiff_unmap(thandle_t handle, void *base, toff_t size) {
    (void)handle;
    (void)base;
    (void)size;
}

static TIFF *tiff_from(struct decode *d) {
    TIFFSetErrorHandler(NULL);
    TIFFSetWarningHandler(NULL);
    return TIFFClientOpen("scan", "rM", d, tiff_read, tiff_write, tiff_seek, tiff_end,
                          tiff_size, tiff_map, tiff_unmap);
}

/* A page that is one JPEG stream, complete in itself. */
static struct span tiff_jpeg(struct decode *d) {
    uint16_t compression = 0;
    uint32_t tables = 0;
    void *table_data = NULL;
    uint64_t *offsets = NULL, *counts = NULL;

    TIFFGetField(d->tiff, TIFFTAG_COMPRESSION, &compression);
    if (compression != COMPRESSION_JPEG || TIFFIsTiled(d->tiff) ||
        TIFFNumberOfStrips(d->tiff) != 1 ||
        (TIFFGetField(d->tiff, TIFFTAG_JPEGTABLES, &tables, &table_data) && tables > 8))
        return (struct span){0};
    if (!TIFFGetField(d->tiff, TIFFTAG_STRIPOFFSETS, &offsets) ||
        !TIFFGetField(d->tiff, TIFFTAG_STRIPBYTECOUNTS, &counts) || offsets == NULL ||
        counts == NULL || offsets[0] >= d->file.len ||
        counts[0] > d->file.len - offsets[0])
        return (struct span){0};
    return span_of(d->file.data + offsets[0], (size_t)counts[0]);
}

static int tiff_dpi(struct decode *d) {
    float x = 0;
    uint16_t unit = RESUNIT_INCH;

    if (!TIFFGetField(d->tiff, TIFFTAG_XRESOLUTION, &x) || !(x > 0 && x < 10000))
        return 0;
    TIFFGetFieldDefaulted(d->tiff, TIFFTAG_RESOLUTIONUNIT, &unit);
    return (int)(unit == RESUNIT_CENTIMETER ? x * 2.54f : x);
}

/* Pages that need no second picture in other colours: gray, black and white, or red,
 * green and blue side by side, top down, row by row, so that a page of 600 dpi is never
 * in memory at its full size. */
struct rows {
    uint8_t *line;    /* as the file has it */
    uint16_t *sum[3]; /* of `shrink` rows, by colour; gray: one */
    int width, bits, samples;
    bool inverted, colour;
};

static bool rows_simple(TIFF *tiff, struct rows *r) {
    uint16_t bits = 1, samples = 1, photometric = 0, orientation = ORIENTATION_TOPLEFT;
    uint16_t planar = PLANARCONFIG_CONTIG, compression = COMPRESSION_NONE;

    TIFFGetFieldDefaulted(tiff, TIFFTAG_BITSPERSAMPLE, &bits);
    TIFFGetFieldDefaulted(tiff, TIFFTAG_SAMPLESPERPIXEL, &samples);
    TIFFGetFieldDefaulted(tiff, TIFFTAG_ORIENTATION, &orientation);
    TIFFGetFieldDefaulted(tiff, TIFFTAG_PLANARCONFIG, &planar);
    TIFFGetField(tiff, TIFFTAG_COMPRESSION, &compression);
    if (!TIFFGetField(tiff, TIFFTAG_PHOTOMETRIC, &photometric) || TIFFIsTiled(tiff) ||
        orientation != ORIENTATION_TOPLEFT)
        return false;
    r->bits = bits;
    r->samples = samples;
    if (samples == 1) {
        r->inverted = photometric == PHOTOMETRIC_MINISWHITE;
        return (bits == 1 || bits == 8) &&
               (r->inverted || photometric == PHOTOMETRIC_MINISBLACK);
    }
    if (bits != 8 || (samples != 3 && samples != 4) || planar != PLANARCONFIG_CONTIG)
        return false;
    if (photometric == PHOTOMETRIC_YCBCR && compression == COMPRESSION_JPEG &&
        samples == 3)
        return TIFFSetField(tiff, TIFFTAG_JPEGCOLORMODE, JPEGCOLORMODE_RGB) == 1;
    return photometric == PHOTOMETRIC_RGB;
}

static int row_level(const struct rows *r, int x) {
    int v = r->bits == 8                           ? r->line[x]
            : r->line[x / 8] & (0x80 >> (x & 7)) ? 255
                                                   : 0;

    return r->inverted ? 255 - v : v;
}

/* One row of the file onto the sums of `shrink` columns. */
static void row_add(struct rows *r, int whole, int shrink) {
    if (r->samples == 1) {
        for (int x = 0; x < whole; x++)
            r->sum[0][x / shrink] = (uint16_t)(r->sum[0][x / shrink] + row_level(r, x));
        return;
    }
    for (int x = 0; x < whole; x++) {
        const uint8_t *at = r->line + (size_t)x * (size_t)r->samples;

        for (int k = 0; k < 3; k++)
            r->sum[k][x / shrink] = (uint16_t)(r->sum[k][x / shrink] + at[k]);
    }
}

static void row_put(struct rows *r, int y, int area, struct raster *to) {
    uint8_t *out = plane_row(&to->y, y);

    for (int x = 0; x < to->y.width; x++) {
        struct chroma chroma;

        if (r->samples == 1) {
            out[x] = (uint8_t)(r->sum[0][x] / area);
            continue;
        }
        out[x] = rgb_split(r->sum[0][x] / area, r->sum[1][x] / area, r->sum[2][x] / area,
                           &chroma);
        if ((y | x) & 1)
            continue;
        plane_row(&to->cb, y / 2)[x / 2] = chroma.cb;
        plane_row(&to->cr, y / 2)[x / 2] = chroma.cr;
        r->colour |= chroma.seen;
    }
}

static enum decode_fault rows_read(TIFF *tiff, struct rows *r, struct raster *to) {
    int shrink = to->shrink, whole = r->width / shrink * shrink;

    for (int y = 0; y < to->y.height; y++) {
        for (int k = 0; k < 3 && r->sum[k] != NULL; k++)
            memset(r->sum[k], 0, (size_t)to->y.width * sizeof *r->sum[k]);
        for (int k = 0; k < shrink; k++) {
            if (TIFFReadScanline(tiff, r->line, (uint32_t)(y * shrink + k), 0) < 0)
                return DECODE_BROKEN;
            row_add(r, whole, shrink);
        }
        row_put(r, y, shrink * shrink, to);
    }
    if (!r->colour) {
        plane_free(&to->cb);
        plane_free(&to->cr);
    }
    return DECODE_OK;
}

static bool rows_new(struct rows *r, size_t size, struct raster *to) {
    int w = r->width / to->shrink, h = to->scan_height / to->shrink;

    r->line = malloc(size);
    for (int k = 0; k < (r->samples == 1 ? 1 : 3); k++) {
        r->sum[k] = malloc(((size_t)w + 1) * sizeof *r->sum[k]);
        if (r->sum[k] == NULL)
            return false;
    }
    return r->line != NULL && plane_new(&to->y, w, h) &&
           (r->samples == 1 || (plane_new(&to->cb, (w + 1) / 2, (h + 1) / 2) &&
                                plane_new(&to->cr, (w + 1) / 2, (h + 1) / 2)));
}

static enum decode_fault tiff_rows(struct decode *d, struct rows *r, int width, int height,
                                   struct raster *ret) {
    struct raster to = {.scan_width = width, .scan_height = height};
    enum decode_fault fault = DECODE_MEMORY;
    tmsize_t size = TIFFScanlineSize(d->tiff);

    r->width = width;
    to.shrink = (size_t)width * (size_t)height > d->halve_above && width > 1 && height > 1
                    ? 2
                    : 1;
    if (size < ((tmsize_t)width * r->bits * r->samples + 7) / 8)
        return DECODE_BROKEN;
    if (rows_new(r, (size_t)size, &to))
        fault = rows_read(d->tiff, r, &to);
    free(r->line);
    for (int k = 0; k < 3; k++)
        free(r->sum[k]);
    if (fault != DECODE_OK) {
        raster_free(&to);
        return fault;
    }
    set_dpi(&to, tiff_dpi(d));
    *ret = to;
    return DECODE_OK;
}

static enum decode_fault tiff_rgba(struct decode *d, uint32_t width, uint32_t height,
                                   struct raster *ret) {
    enum decode_fault fault = DECODE_BROKEN;
    uint32_t *rgba = malloc((size_t)width * height * sizeof *rgba);

    if (rgba == NULL)
        return DECODE_MEMORY;
    if (TIFFReadRGBAImageOriented(d->tiff, width, height, rgba, ORIENTATION_TOPLEFT, 1))
        fault = decode_rgba(rgba, (int)width, (int)height, tiff_dpi(d), false, ret);
    free(rgba);
    return fault;
}

static enum decode_fault tiff_page(struct decode *d, struct raster *ret) {
    uint32_t width = 0, height = 0;
    struct rows rows = {0};
    struct span jpeg;

    TIFFGetField(d->tiff, TIFFTAG_IMAGEWIDTH, &width);
    TIFFGetField(d->tiff, TIFFTAG_IMAGELENGTH, &height);
    if (width == 0 || height == 0)
        return DECODE_BROKEN;
    if (!size_fits(width, height))
        return DECODE_TOO_LARGE;
    jpeg = tiff_jpeg(d);
    if (jpeg.len > 4 && jpeg.data[0] == 0xff && jpeg.data[1] == 0xd8)
        return jpeg_decode(jpeg, tiff_dpi(d), d->halve_above, ret);
    if (rows_simple(d->tiff, &rows))
        return tiff_rows(d, &rows, (int)width, (int)height, ret);
    return tiff_rgba(d, width, height, ret);
}

/* ---- files */

static bool begins(struct span file, const char *magic, size_t len) {
    return file.len >= len && memcmp(file.data, magic, len) == 0;
}

static enum decode_fault open_kind(struct decode *d) {
    if (begins(d->file, "\xff\xd8\xff", 3)) {
        d->kind = KIND_JPEG;
        return DECODE_OK;
    }
    if (begins(d->file, "II*\0", 4) || begins(d->file, "MM\0*", 4)) {
        d->kind = KIND_TIFF;
        d->tiff = tiff_from(d);
        return d->tiff == NULL ? DECODE_BROKEN : DECODE_OK;
    }
    if (begins(d->file, "%PDF-", 5)) {
        d->kind = KIND_PDF;
        return decode_pdf_open(d->file, &d->pdf);
    }
    return DECODE_UNKNOWN;
}

enum decode_fault decode_open(struct span file, struct decode **ret_decode) {
    struct decode *d = calloc(1, sizeof *d);
    enum decode_fault fault;

    if (d == NULL)
        return DECODE_MEMORY;
    d->file = file;
    d->halve_above = HALVE_ABOVE;
    fault = open_kind(d);
    if (fault != DECODE_OK) {
        decode_close(d);
        return fault;
    }
    *ret_decode = d;
    return DECODE_OK;
}

void decode_halve(struct decode *d) {
    d->halve_above = HALVE_ASKED;
}

void decode_close(struct decode *d) {
    if (d == NULL)
        return;
    if (d->tiff != NULL)
        TIFFClose(d->tiff);
    decode_pdf_close(d->pdf);
    free(d);
}

enum decode_fault decode_next(struct decode *d, bool *ret_more, struct raster *ret) {
    int page = d->page++;

    *ret_more = false;
    if (d->kind == KIND_JPEG && page > 0)
        return DECODE_OK;
    if (d->kind == KIND_PDF && page >= decode_pdf_pages(d->pdf))
        return DECODE_OK;
    if (d->kind == KIND_TIFF && page > 0) {
        if (TIFFLastDirectory(d->tiff)) /* asked first: a failed step forgets it */
            return DECODE_OK;
        if (page < DECODE_PAGES_MAX && !TIFFReadDirectory(d->tiff))
            return DECODE_BROKEN;
    }
    if (page >= DECODE_PAGES_MAX)
        return DECODE_TOO_LARGE;
    *ret_more = true;
    switch (d->kind) {
    case KIND_JPEG:
        return jpeg_decode(d->file, jpeg_dpi(d->file), d->halve_above, ret);
    case KIND_TIFF:
        return tiff_page(d, ret);
    default:
        return decode_pdf_page(d->pdf, page, ret);
    }
}
