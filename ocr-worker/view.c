#include "ocr-worker/view.h"

#include <math.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <turbojpeg.h>

#include "ocr-worker/decode.h"
#include "store/base/codec.h"

#define QUALITY 82
#define HEAD_LEN 5 /* u16 width, u16 height, u8 planes */
#define PIXELS_MAX (HEAD_LEN + 3u * VIEW_SIDE_MAX * VIEW_SIDE_MAX)
#define MARGIN 0.3 /* of a piece's shorter side */

struct sizes {
    int width, height;
};

/* ---- the child: from the file to pixels */

/* The whole page as a piece, upright. */
static void page_quad(const struct raster *r, int turn, double quad[4][2]) {
    const double w = r->scan_width, h = r->scan_height;
    const double corners[4][2] = {{0, 0}, {w, 0}, {w, h}, {0, h}};
    int first = turn / 90;

    for (int i = 0; i < 4; i++) {
        quad[i][0] = corners[(first + i) % 4][0];
        quad[i][1] = corners[(first + i) % 4][1];
    }
}

static double side_of(const double a[2], const double b[2]) {
    return hypot(b[0] - a[0], b[1] - a[1]);
}

/* Outwards along its own sides. */
static void widen(double quad[4][2]) {
    double across = side_of(quad[0], quad[1]), down = side_of(quad[0], quad[3]);
    double margin = MARGIN * fmin(across, down);
    double right[2], below[2];

    for (int i = 0; i < 2; i++) {
        right[i] = (quad[1][i] - quad[0][i]) / across * margin;
        below[i] = (quad[3][i] - quad[0][i]) / down * margin;
    }
    for (int i = 0; i < 2; i++) {
        quad[0][i] += -right[i] - below[i];
        quad[1][i] += right[i] - below[i];
        quad[2][i] += right[i] + below[i];
        quad[3][i] += -right[i] + below[i];
    }
}

/* `by` times smaller, each pixel the mean of those it stands for. */
static bool shrink(const struct plane *from, int by, struct plane *to) {
    if (!plane_new(to, from->width / by, from->height / by))
        return false;
    for (int y = 0; y < to->height; y++) {
        for (int x = 0; x < to->width; x++) {
            unsigned sum = 0;
            for (int i = 0; i < by; i++) {
                const uint8_t *row = plane_row(from, y * by + i) + (size_t)x * (size_t)by;
                for (int j = 0; j < by; j++)
                    sum += row[j];
            }
            plane_row(to, y)[x] = (uint8_t)(sum / (unsigned)(by * by));
        }
    }
    return true;
}

/* Pixels of `from`, which is `scale` times smaller than the scan, in the result's order. */
static bool put_plane(const struct plane *from, double scale_x, double scale_y,
                      const double quad[4][2], struct sizes size, uint8_t outside,
                      struct plane *out) {
    double step = fmin(side_of(quad[0], quad[1]) / size.width * scale_x,
                       side_of(quad[0], quad[3]) / size.height * scale_y);
    int by = int_max(1, (int)step);
    struct plane small = {.px = NULL};
    const struct plane *source = from;
    struct affine map;

    if (from->width / by < 2 || from->height / by < 2)
        by = 1;
    if (by > 1) {
        if (!shrink(from, by, &small))
            return false;
        source = &small;
    }
    map = (struct affine){
        .a = (quad[1][0] - quad[0][0]) / size.width * scale_x / by,
        .b = (quad[3][0] - quad[0][0]) / size.height * scale_x / by,
        .c = quad[0][0] * scale_x / by,
        .d = (quad[1][1] - quad[0][1]) / size.width * scale_y / by,
        .e = (quad[3][1] - quad[0][1]) / size.height * scale_y / by,
        .f = quad[0][1] * scale_y / by,
    };
    plane_warp(source, &map, outside, out);
    plane_free(&small);
    return true;
}

static bool send_plane(const struct plane *from, const struct raster *r,
                       const double quad[4][2], struct sizes size, uint8_t outside,
                       int out) {
    struct plane plane;
    bool good = plane_new(&plane, size.width, size.height) &&
                put_plane(from, (double)from->width / r->scan_width,
                          (double)from->height / r->scan_height, quad, size, outside,
                          &plane) &&
                sandbox_write(out, span_of(plane.px, (size_t)size.width *
                                                         (size_t)size.height));

    plane_free(&plane);
    return good;
}

static bool send_pixels(const struct raster *r, const struct view_request *request,
                        int out) {
    double quad[4][2], across, down, scale;
    bool colour = r->cb.px != NULL && r->cr.px != NULL;
    struct sizes size;
    uint8_t head[HEAD_LEN];

    memcpy(quad, request->quad, sizeof quad);
    if (!request->piece)
        page_quad(r, request->turn, quad);
    across = side_of(quad[0], quad[1]);
    down = side_of(quad[0], quad[3]);
    if (!(across >= 1) || !(down >= 1))
        return false;
    if (request->piece)
        widen(quad);
    across = side_of(quad[0], quad[1]);
    down = side_of(quad[0], quad[3]);
    scale = fmin(1, request->side / fmax(across, down));
    size = (struct sizes){int_max(1, (int)(across * scale)),
                          int_max(1, (int)(down * scale))};
    head[0] = (uint8_t)(size.width & 255);
    head[1] = (uint8_t)(size.width >> 8);
    head[2] = (uint8_t)(size.height & 255);
    head[3] = (uint8_t)(size.height >> 8);
    head[4] = colour ? 3 : 1;
    return sandbox_write(out, span_of(head, sizeof head)) &&
           send_plane(&r->y, r, (const double(*)[2])quad, size, 255, out) &&
           (!colour ||
            (send_plane(&r->cb, r, (const double(*)[2])quad, size, 128, out) &&
             send_plane(&r->cr, r, (const double(*)[2])quad, size, 128, out)));
}

struct looking {
    struct span file;
    const struct view_request *request;
};

/* In the sandbox. False: VIEW_BROKEN. */
static bool look(void *arg, int out) {
    const struct looking *looking = arg;
    struct decode *decode;
    bool more = true, sent = false;

    if (decode_open(looking->file, &decode) != DECODE_OK)
        return false;
    for (int page = 0; more && page <= looking->request->page; page++) {
        struct raster raster = {.shrink = 1};
        if (decode_next(decode, &more, &raster) != DECODE_OK || !more)
            break;
        if (page == looking->request->page)
            sent = send_pixels(&raster, looking->request, out);
        raster_free(&raster);
    }
    decode_close(decode);
    return sent;
}

/* ---- the parent: from pixels to an image of our own making */

static enum view_end pack(struct span pixels, struct buf *out) {
    const unsigned char *planes[3] = {NULL, NULL, NULL};
    unsigned char *jpeg = NULL;
    unsigned long jpeg_len = 0;
    size_t width, height, area;
    tjhandle handle;
    bool colour;
    int rc;

    if (pixels.len < HEAD_LEN)
        return VIEW_BROKEN;
    width = pixels.data[0] | (size_t)pixels.data[1] << 8;
    height = pixels.data[2] | (size_t)pixels.data[3] << 8;
    colour = pixels.data[4] == 3;
    area = width * height;
    if (width < 1 || height < 1 || width > VIEW_SIDE_MAX || height > VIEW_SIDE_MAX ||
        pixels.len != HEAD_LEN + (colour ? 3 : 1) * area)
        return VIEW_BROKEN;
    for (size_t i = 0; i < (colour ? 3u : 1u); i++)
        planes[i] = pixels.data + HEAD_LEN + i * area;
    handle = tjInitCompress();
    if (handle == NULL)
        return VIEW_FAULT;
    rc = tjCompressFromYUVPlanes(handle, planes, (int)width, NULL, (int)height,
                                 colour ? TJSAMP_444 : TJSAMP_GRAY, &jpeg, &jpeg_len,
                                 QUALITY, 0);
    if (rc == 0)
        buf_put(out, jpeg, jpeg_len);
    tjFree(jpeg);
    tjDestroy(handle);
    return rc == 0 && buf_err(out) == OK ? VIEW_OK : VIEW_FAULT;
}

enum view_end view_page(struct span file, const struct view_request *request,
                        const struct sandbox_limits *limits, struct buf *out) {
    struct looking looking = {file, request};
    enum view_end end = VIEW_FAULT;
    struct buf pixels;

    buf_init(&pixels, PIXELS_MAX);
    switch (sandbox_run(look, &looking, limits, &pixels)) {
    case SANDBOX_DONE:
        end = pack(buf_span(&pixels), out);
        break;
    case SANDBOX_LATE:
        end = VIEW_TIMEOUT;
        break;
    case SANDBOX_DIED: /* of what it was given, as far as can be told */
        end = VIEW_BROKEN;
        break;
    case SANDBOX_NONE:
        break;
    }
    buf_free(&pixels);
    return end;
}
