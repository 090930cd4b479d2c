#include "ocr-worker/decode_pdf.h"

#include <cairo.h>
#include <poppler.h>
#include <stdlib.h>

#define RENDER_DPI 300
#define POINTS_MAX 3000.0 /* a side: 41 inches */

struct decode_pdf {
    PopplerDocument *document;
    GBytes *bytes;
};

enum decode_fault decode_pdf_open(struct span file, struct decode_pdf **ret_pdf) {
    struct decode_pdf *pdf = calloc(1, sizeof *pdf);
    GError *error = NULL;

    if (pdf == NULL)
        return DECODE_MEMORY;
    pdf->bytes = g_bytes_new_static(file.data, file.len);
    pdf->document = poppler_document_new_from_bytes(pdf->bytes, NULL, &error);
    if (pdf->document == NULL) {
        g_clear_error(&error);
        decode_pdf_close(pdf);
        return DECODE_BROKEN;
    }
    if (poppler_document_get_n_pages(pdf->document) > DECODE_PAGES_MAX) {
        decode_pdf_close(pdf);
        return DECODE_TOO_LARGE;
    }
    *ret_pdf = pdf;
    return DECODE_OK;
}

void decode_pdf_close(struct decode_pdf *pdf) {
    if (pdf == NULL)
        return;
    g_clear_object(&pdf->document);
    if (pdf->bytes != NULL)
        g_bytes_unref(pdf->bytes);
    free(pdf);
}

int decode_pdf_pages(const struct decode_pdf *pdf) {
    return poppler_document_get_n_pages(pdf->document);
}

/* Cairo's pixels hold blue lowest: swap to what decode_rgba wants. */
static enum decode_fault planes_of(cairo_surface_t *surface, struct raster *ret) {
    int width = cairo_image_surface_get_width(surface);
    int height = cairo_image_surface_get_height(surface);
    uint32_t *px = (uint32_t *)(void *)cairo_image_surface_get_data(surface);

    cairo_surface_flush(surface);
    for (size_t i = 0, n = (size_t)width * (size_t)height; i < n; i++)
        px[i] = (px[i] & 0xff00ff00u) | (px[i] >> 16 & 0xff) | (px[i] & 0xff) << 16;
    return decode_rgba(px, width, height, RENDER_DPI, false, ret);
}

enum decode_fault decode_pdf_page(struct decode_pdf *pdf, int index,
                                  struct raster *ret) {
    PopplerPage *page = poppler_document_get_page(pdf->document, index);
    enum decode_fault fault = DECODE_BROKEN;
    cairo_surface_t *surface = NULL;
    cairo_t *cairo = NULL;
    double width = 0, height = 0;

    if (page == NULL)
        return DECODE_BROKEN;
    poppler_page_get_size(page, &width, &height);
    if (!(width > 1 && height > 1))
        goto done;
    if (width > POINTS_MAX || height > POINTS_MAX) {
        fault = DECODE_TOO_LARGE;
        goto done;
    }
    surface = cairo_image_surface_create(CAIRO_FORMAT_RGB24,
                                         (int)(width * RENDER_DPI / 72.0),
                                         (int)(height * RENDER_DPI / 72.0));
    cairo = cairo_create(surface);
    if (cairo_status(cairo) != CAIRO_STATUS_SUCCESS) {
        fault = DECODE_MEMORY;
        goto done;
    }
    cairo_set_source_rgb(cairo, 1, 1, 1);
    cairo_paint(cairo);
    cairo_scale(cairo, RENDER_DPI / 72.0, RENDER_DPI / 72.0);
    poppler_page_render(page, cairo);
    if (cairo_status(cairo) == CAIRO_STATUS_SUCCESS)
        fault = planes_of(surface, ret);
done:
    if (cairo != NULL)
        cairo_destroy(cairo);
    if (surface != NULL)
        cairo_surface_destroy(surface);
    g_object_unref(page);
    return fault;
}
