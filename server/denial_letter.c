#include "server/denial_letter.h"

#include <cairo-pdf.h>
#include <pango/pangocairo.h>
#include <stdio.h>

#include "server/domain/defect.h"
#include "server/domain/prefecture.h"

#define FONTS "IPAexMincho, IPAmjMincho, Noto Serif CJK JP, serif"
#define MM (72.0 / 25.4) /* points to a millimetre */
#define WIDTH_MM 210.0
#define HEIGHT_MM 297.0
#define LEFT 25.0
#define ROOM (WIDTH_MM - 2 * LEFT)
#define TEXT_MAX 4096

struct page {
    cairo_t *cr;
    PangoContext *context;
    double y; /* millimetres: where the next block begins */
};

/* A block of text at the left edge `x`, as wide as `room`; the page goes on below it. */
static void block(struct page *page, double x, double room, double points,
                  PangoAlignment alignment, const char *text) {
    PangoLayout *layout = pango_layout_new(page->context);
    PangoFontDescription *font = pango_font_description_from_string(FONTS);
    int height = 0;

    pango_font_description_set_absolute_size(font, points * PANGO_SCALE);
    pango_layout_set_font_description(layout, font);
    pango_layout_set_width(layout, (int)(room * MM * PANGO_SCALE));
    pango_layout_set_wrap(layout, PANGO_WRAP_WORD_CHAR);
    pango_layout_set_alignment(layout, alignment);
    pango_layout_set_spacing(layout, (int)(points * 0.5 * PANGO_SCALE));
    pango_layout_set_text(layout, text, -1);
    pango_layout_get_size(layout, NULL, &height);
    cairo_move_to(page->cr, x * MM, page->y * MM);
    pango_cairo_show_layout(page->cr, layout);
    page->y += (double)height / PANGO_SCALE / MM;
    pango_font_description_free(font);
    g_object_unref(layout);
}

static void put(struct buf *out, struct span text) {
    buf_put(out, text.data ? (const void *)text.data : "", text.len);
}

/* 〒, address, company and person: of the contact, or else of the corporation. */
static void put_address(const struct profile *profile, struct buf *out) {
    const struct span *of = profile->fields;
    struct span code = of[PROFILE_USER_POST_CODE];
    bool contact = of[PROFILE_USER_ADDRESS1].len > 0;

    if (code.len == 7)
        buf_printf(out, "〒%.3s-%.4s\n", (const char *)code.data,
                   (const char *)code.data + 3);
    buf_str(out, prefecture_name(of[contact ? PROFILE_USER_PREFECTURE
                                            : PROFILE_PREFECTURE]));
    put(out, of[contact ? PROFILE_USER_ADDRESS1 : PROFILE_ADDRESS1]);
    put(out, of[contact ? PROFILE_USER_ADDRESS2 : PROFILE_ADDRESS2]);
    if (contact)
        put(out, of[PROFILE_USER_ADDRESS3]);
    buf_str(out, "\n");
    put(out, of[PROFILE_NAME]);
    buf_str(out, of[PROFILE_NAME].len > 0 ? "\n" : "");
    put(out, of[PROFILE_REP_LAST_NAME]);
    buf_str(out, "　");
    put(out, of[PROFILE_REP_FIRST_NAME]);
    buf_str(out, "　様\n");
}

static void put_reasons(const struct denial_letter *letter, struct buf *out) {
    for (size_t i = 0; i < DEFECTS; i++) {
        if (letter->defects & (1u << i))
            buf_printf(out, "・%s\n", defect_sentence(i, false));
    }
}

/* The buffer as a text of Pango's; the page goes on. */
static void show(struct page *page, struct buf *text, double room, double points) {
    buf_put(text, "", 1);
    if (buf_err(text) == OK)
        block(page, LEFT, room, points, PANGO_ALIGN_LEFT, (const char *)text->data);
}

static enum err draw(struct page *page, const struct denial_letter *letter) {
    struct buf text;
    enum err err;

    buf_init(&text, TEXT_MAX);
    if (letter->environment[0]) {
        page->y = 8;
        block(page, LEFT, ROOM, 10, PANGO_ALIGN_CENTER, letter->environment);
    }
    page->y = 20; /* in the window of the envelope */
    put_address(letter->profile, &text);
    show(page, &text, 90, 11);
    page->y = page->y < 66 ? 70 : page->y + 4; /* below the longest address too */
    block(page, LEFT, ROOM, 10.5, PANGO_ALIGN_RIGHT, letter->day);
    page->y += 8;
    block(page, LEFT, ROOM, 16, PANGO_ALIGN_CENTER,
          letter->before_review ? "書類の不備のお知らせ（書類の返送）"
                                : "審査結果のお知らせ（書類の返送）");
    page->y += 10;
    err = buf_err(&text);
    buf_reset(&text);
    buf_str(&text,
            letter->before_review
                ? "次の申請は、書類に不備があり、審査することができませんでした。お送りいただいた"
                  "書類を返送します。\n\n申請書ID　"
                : "次の申請を審査しましたが、承認することができませんでした。お送りいただいた書類"
                  "を返送します。\n\n申請書ID　");
    put(&text, letter->application_id);
    buf_str(&text, letter->before_review ? "\n\n審査できなかった理由\n"
                                         : "\n\n承認できなかった理由\n");
    put_reasons(letter, &text);
    buf_str(&text,
            "\n今後の手続\n"
            "・返送した申請書は、もう一度お使いいただくことができません。\n"
            "・上の理由をご確認のうえ、申請の画面から新しい申請書を作成し、必要な書類とともに"
            "改めて郵送してください。\n");
    show(page, &text, ROOM, 10.5);
    err = err ? err : buf_err(&text);
    buf_free(&text);
    return err;
}

static cairo_status_t take(void *arg, const unsigned char *data, unsigned int len) {
    buf_put(arg, data, len);
    return buf_err(arg) == OK ? CAIRO_STATUS_SUCCESS : CAIRO_STATUS_WRITE_ERROR;
}

enum err denial_letter_print(const struct denial_letter *letter, struct buf *out) {
    PangoFontMap *map = pango_cairo_font_map_new(); /* of this call alone */
    cairo_surface_t *surface = cairo_pdf_surface_create_for_stream(
        take, out, WIDTH_MM * MM, HEIGHT_MM * MM);
    struct page page = {.cr = cairo_create(surface)};
    PangoFontFamily **list = NULL;
    int families = 0;
    enum err err;

    pango_font_map_list_families(map, &list, &families);
    g_free(list);
    page.context = pango_font_map_create_context(map);
    cairo_pdf_surface_set_metadata(surface, CAIRO_PDF_METADATA_TITLE,
                                   letter->before_review ? "書類の不備のお知らせ"
                                                         : "審査結果のお知らせ");
    pango_cairo_update_context(page.cr, page.context);
    err = families == 0 ? ERR_NOT_FOUND : draw(&page, letter);
    cairo_show_page(page.cr);
    cairo_surface_finish(surface);
    if (!err && cairo_surface_status(surface) != CAIRO_STATUS_SUCCESS)
        err = buf_err(out) ? buf_err(out) : ERR_NOMEM;
    g_object_unref(page.context);
    cairo_destroy(page.cr);
    cairo_surface_destroy(surface);
    g_object_unref(map);
    return err;
}
