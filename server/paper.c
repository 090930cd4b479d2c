#include "server/paper.h"

#include <cairo-pdf.h>
#include <pango/pangocairo.h>
#include <qrencode.h>
#include <stdio.h>
#include <string.h>

#include "server/domain/era_date.h"

/* A4, in millimetres; text sizes in points. */
#define MM_POINTS (72 / 25.4)
#define WIDTH 210.0
#define HEIGHT 297.0
#define LEFT 24.0
#define RIGHT 190.0
#define CUT 70.0 /* between labels and values */
#define ROW 11.5
#define FOOT 206.0 /* below the longest table */
#define FONTS "IPAexMincho, IPAmjMincho, Noto Serif CJK JP"
#define TEXT_MAX 1024

struct sheet {
    cairo_t *cr;
    PangoContext *context;
    const struct paper *paper;
};

/* ---- ink */

static PangoLayout *layout_of(const struct sheet *s, double points, const char *text,
                              double spacing) {
    PangoLayout *layout = pango_layout_new(s->context);
    PangoFontDescription *font = pango_font_description_from_string(FONTS);
    PangoAttrList *attributes = pango_attr_list_new();

    pango_font_description_set_absolute_size(font, points / MM_POINTS * PANGO_SCALE);
    pango_layout_set_font_description(layout, font);
    pango_attr_list_insert(
        attributes,
        pango_attr_letter_spacing_new((int)(spacing / MM_POINTS * PANGO_SCALE)));
    pango_attr_list_insert(attributes,
                           pango_attr_language_new(pango_language_from_string("ja")));
    pango_layout_set_attributes(layout, attributes);
    pango_layout_set_text(layout, text, -1);
    pango_attr_list_unref(attributes);
    pango_font_description_free(font);
    return layout;
}

static double width_of(PangoLayout *layout) {
    int width;

    pango_layout_get_size(layout, &width, NULL);
    return (double)width / PANGO_SCALE;
}

/* One line whose middle is at `y`; narrowed to `room` where it is too long. */
static void line(const struct sheet *s, double x, double y, double points, double room,
                 const char *text, double spacing) {
    PangoLayout *layout = layout_of(s, points, text, spacing);
    double width = width_of(layout);
    double scale = width > room ? room / width : 1;
    int height;

    pango_layout_get_size(layout, NULL, &height);
    cairo_save(s->cr);
    cairo_translate(s->cr, x, y - (double)height / PANGO_SCALE / 2 * scale);
    cairo_scale(s->cr, scale, scale);
    cairo_move_to(s->cr, 0, 0);
    pango_cairo_show_layout(s->cr, layout);
    cairo_restore(s->cr);
    g_object_unref(layout);
}

static void centred(const struct sheet *s, double x, double y, double points,
                    const char *text) {
    PangoLayout *layout = layout_of(s, points, text, 0);
    double width = width_of(layout);

    g_object_unref(layout);
    line(s, x - width / 2, y, points, WIDTH, text, 0);
}

/* Text that is broken into lines; returns where it ends. */
static double block(const struct sheet *s, double x, double y, double points,
                    double room, const char *text) {
    PangoLayout *layout = layout_of(s, points, text, 0);
    int height;

    pango_layout_set_width(layout, (int)(room * PANGO_SCALE));
    pango_layout_set_wrap(layout, PANGO_WRAP_WORD_CHAR);
    pango_layout_get_size(layout, NULL, &height);
    cairo_move_to(s->cr, x, y);
    pango_cairo_show_layout(s->cr, layout);
    g_object_unref(layout);
    return y + (double)height / PANGO_SCALE;
}

static void frame(const struct sheet *s, double x, double y, double w, double h,
                  double thick) {
    cairo_set_line_width(s->cr, thick);
    cairo_rectangle(s->cr, x, y, w, h);
    cairo_stroke(s->cr);
}

/* ERR_NOMEM. */
static enum err code(const struct sheet *s, double x, double y, double side) {
    char payload[64];
    QRcode *qr;

    snprintf(payload, sizeof payload, "GBZP1;%.*s;v%d.%d",
             (int)s->paper->application_id.len,
             (const char *)s->paper->application_id.data, PAPER_VERSION / 100,
             PAPER_VERSION % 100 / 10);
    qr = QRcode_encodeString(payload, 0, QR_ECLEVEL_M, QR_MODE_8, 1);
    if (!qr)
        return ERR_NOMEM;
    for (int i = 0; i < qr->width * qr->width; i++) {
        double cell = side / qr->width;

        if (qr->data[i] & 1)
            cairo_rectangle(s->cr, x + (i % qr->width) * cell, y + i / qr->width * cell,
                            cell * 1.02, cell * 1.02);
    }
    cairo_fill(s->cr);
    QRcode_free(qr);
    return OK;
}

/* ---- texts */

static const char *cat(char out[TEXT_MAX], struct span a, const char *between,
                       struct span b) {
    snprintf(out, TEXT_MAX, "%.*s%s%.*s", (int)a.len, a.len > 0 ? (const char *)a.data : "",
             between, (int)b.len, b.len > 0 ? (const char *)b.data : "");
    return out;
}

static const char *prefecture(struct span code) {
    static const char *const names[] = {
        "北海道", "青森県", "岩手県", "宮城県",   "秋田県",   "山形県", "福島県", "茨城県",
        "栃木県", "群馬県", "埼玉県", "千葉県",   "東京都",   "神奈川県", "新潟県", "富山県",
        "石川県", "福井県", "山梨県", "長野県",   "岐阜県",   "静岡県", "愛知県", "三重県",
        "滋賀県", "京都府", "大阪府", "兵庫県",   "奈良県",   "和歌山県", "鳥取県", "島根県",
        "岡山県", "広島県", "山口県", "徳島県",   "香川県",   "愛媛県", "高知県", "福岡県",
        "佐賀県", "長崎県", "熊本県", "大分県",   "宮崎県",   "鹿児島県", "沖縄県",
    };
    size_t number = code.len == 2 ? (size_t)(code.data[0] - '0') * 10 +
                                        (size_t)(code.data[1] - '0')
                                  : 0;

    return number >= 1 && number <= sizeof names / sizeof *names ? names[number - 1] : "";
}

static const char *address(char out[TEXT_MAX], const struct profile *profile,
                           enum profile_field from) {
    const struct span *of = profile->fields;
    enum profile_field first =
        from == PROFILE_PREFECTURE ? PROFILE_ADDRESS1 : PROFILE_USER_ADDRESS1;
    char rest[TEXT_MAX];

    cat(rest, of[first], "", of[first + 1]);
    return cat(out, span_str(prefecture(of[from])), "", span_str(rest));
}

static const char *birth(char out[TEXT_MAX], struct span day) {
    struct date date;

    out[0] = '\0';
    if (date_parse(day, &date))
        snprintf(out, TEXT_MAX, "%u年%u月%u日", date.year, date.month, date.day);
    return out;
}

static const char *document(const struct paper *paper, char out[TEXT_MAX]) {
    static const char *const documents[] = {
        [APPLICANT_CORPORATION] = "印鑑証明書（法務局、原本、発行から3か月以内）",
        [APPLICANT_SOLE] = "印鑑登録証明書（市区町村、原本、発行から3か月以内）",
        [APPLICANT_PUBLIC] = "在籍証明書（原本、発行から3か月以内）",
    };

    if (paper->kind == APPLICANT_OTHER)
        return cat(out, paper->other_documents, "", span_str(""));
    return cat(out, span_str(documents[paper->kind]), "", span_str(""));
}

/* ---- the form */

struct row {
    const char *label, *value;
    double spacing;
};

static double put_row(const struct sheet *s, double y, const struct row *row) {
    cairo_set_source_rgb(s->cr, 0.95, 0.96, 0.98);
    cairo_rectangle(s->cr, LEFT, y, CUT - LEFT, ROW);
    cairo_fill(s->cr);
    cairo_set_source_rgb(s->cr, 0, 0, 0);
    frame(s, LEFT, y, RIGHT - LEFT, ROW, 0.3);
    cairo_set_line_width(s->cr, 0.2);
    cairo_move_to(s->cr, CUT, y);
    cairo_line_to(s->cr, CUT, y + ROW);
    cairo_stroke(s->cr);
    /* Twice, a hair apart: the thin strokes of Mincho are what copiers lose. */
    line(s, LEFT + 2.5, y + ROW / 2, 11, CUT - LEFT - 4, row->label, 1);
    line(s, LEFT + 2.58, y + ROW / 2 + 0.06, 11, CUT - LEFT - 4, row->label, 1);
    line(s, CUT + 3.5, y + ROW / 2, 12, RIGHT - CUT - 6, row->value, row->spacing);
    return y + ROW;
}

static enum err form_head(const struct sheet *s) {
    static const char *const kinds[] = {
        [APPLICANT_CORPORATION] = "（法人用）",
        [APPLICANT_SOLE] = "（個人事業主用）",
        [APPLICANT_PUBLIC] = "（国・地方公共団体用）",
        [APPLICANT_OTHER] = "（その他団体用）",
    };
    const struct paper *paper = s->paper;
    char text[TEXT_MAX];
    enum err err = code(s, 166, 14, 24);

    centred(s, 95, 24, 18, "プライム登録申請書");
    centred(s, 95, 33, 11, kinds[paper->kind]);
    cat(text, span_str("申請書ID　"), "", paper->application_id);
    line(s, 139, 44, 10, 52, text, 0.5);
    snprintf(text, sizeof text, "%u年%u月%u日", paper->applied.year,
             paper->applied.month, paper->applied.day);
    line(s, LEFT, 44, 10, 60, "プライム申請　受付係　御中", 0);
    line(s, LEFT, 52, 10, 20, "申請日", 0);
    line(s, LEFT + 16, 52, 10, 60, text, 0);
    line(s, LEFT, 60, 10, RIGHT - LEFT,
         "私は、利用規約に同意し、下記のとおり申請します。", 0);
    return err;
}

/* Where the seal goes, and what is written beside it; below the table. */
static void form_foot(const struct sheet *s, const char *company, const char *name) {
    const double y = FOOT;
    bool own = s->paper->kind == APPLICANT_PUBLIC;

    line(s, LEFT, y + 8, 10.5, 100, "上記のとおり申請します。", 0);
    if (company[0] != '\0') {
        line(s, LEFT + 4, y + 22, 11, 110, company, 0);
    }
    line(s, LEFT + 4, y + 32, 11, 110, name, 0);
    line(s, 154, y + 4, 9, 34, own ? "認印" : "実印", 0);
    frame(s, PAPER_SEAL_X - 21, PAPER_SEAL_Y - 20, 42, 40, 0.3);
    block(s, LEFT, 268, 8, RIGHT - LEFT,
          "※この申請書に手書きで修正や加筆をすると無効になります。誤りがあるときは、画面で新しく"
          "申請してください。\n※白黒の複写ではなく、印刷した用紙に朱肉で押印してください。");
}

static enum err put_form(const struct sheet *s) {
    const struct span *of = s->paper->profile->fields;
    enum applicant_kind kind = s->paper->kind;
    char number[TEXT_MAX], company[TEXT_MAX], place[TEXT_MAX], name[TEXT_MAX];
    char kana[TEXT_MAX], day[TEXT_MAX], contact[TEXT_MAX], letters[TEXT_MAX];
    char department[TEXT_MAX], phone[TEXT_MAX], email[TEXT_MAX];
    const struct row rows[] = {
        {"法人番号", cat(number, of[PROFILE_CORPORATE_NUMBER], "", span_str("")), 1.5},
        {kind == APPLICANT_CORPORATION ? "商号又は名称"
         : kind == APPLICANT_SOLE      ? "屋号"
                                       : "団体の名称",
         cat(company, of[PROFILE_NAME], "", span_str("")), 0},
        {"所在地", address(place, s->paper->profile, PROFILE_PREFECTURE), 0},
        {"利用者氏名",
         cat(name, of[PROFILE_REP_LAST_NAME], "　", of[PROFILE_REP_FIRST_NAME]), 0},
        {"利用者氏名（フリガナ）",
         cat(kana, of[PROFILE_REP_LAST_KANA], "　", of[PROFILE_REP_FIRST_KANA]), 0},
        {"利用者生年月日", birth(day, of[PROFILE_BIRTHDAY]), 0},
        {"郵便番号", cat(letters, of[PROFILE_USER_POST_CODE], "", span_str("")), 0},
        {"連絡先住所", address(contact, s->paper->profile, PROFILE_USER_PREFECTURE), 0},
        {"部署", cat(department, of[PROFILE_USER_DEPARTMENT], "", span_str("")), 0},
        {"メールアドレス", cat(email, of[PROFILE_EMAIL], "", span_str("")), 0},
        {"SMS受信用電話番号", cat(phone, of[PROFILE_USER_TEL], "", span_str("")), 0},
    };
    double y = 66;
    enum err err = form_head(s);

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].value[0] != '\0')
            y = put_row(s, y, &rows[i]);
    form_foot(s, company, name);
    return err;
}

/* ---- the check sheet (DOMAIN §3.1), and the label */

static void put_checks(const struct sheet *s) {
    const struct paper *paper = s->paper;
    bool own = paper->kind == APPLICANT_PUBLIC;
    char paper_text[TEXT_MAX], text[TEXT_MAX], document_text[2 * TEXT_MAX];
    const char *const checks[] = {
        "申請書に、手書きの修正や加筆がない。",
        own ? "申請書の押印欄に、認印を朱肉で押した。"
            : "申請書の実印欄に、公的書類と同じ印を朱肉で鮮明に押した。",
        "複数の法人等を申請するときは、それぞれ別のメールアドレスで申請した。",
        "申請書（1枚目）を同封した。",
        document_text,
        "公的書類は原本で、発行の日から3か月を過ぎていない。",
        "このチェックシートを同封した。",
    };
    double y = 62;

    snprintf(document_text, sizeof document_text, "公的書類を同封した：%s",
             document(paper, paper_text));
    centred(s, WIDTH / 2, 30, 18, "書類送付チェックシート");
    cat(text, span_str("申請書ID　"), "", paper->application_id);
    centred(s, WIDTH / 2, 42, 12, text);
    block(s, LEFT, 50, 10, RIGHT - LEFT,
          "次のすべてを確認し、枠に印（レ）を付けて、申請書と公的書類に同封してください。");
    for (size_t i = 0; i < sizeof checks / sizeof *checks; i++) {
        double end;

        frame(s, LEFT + 2, y, 6, 6, 0.35);
        end = block(s, LEFT + 13, y + 0.2, 12, RIGHT - LEFT - 14, checks[i]);
        y = (end > y + 8 ? end : y + 8) + 6;
    }
}

static void put_label(const struct sheet *s) {
    const struct span *of = s->paper->profile->fields;
    char text[TEXT_MAX], name[TEXT_MAX];
    double y;

    centred(s, WIDTH / 2, 24, 14, "宛名ラベル");
    centred(s, WIDTH / 2, 32, 9, "切り取って封筒に貼ってください。");
    frame(s, 35, 42, 140, 76, 0.3);
    y = block(s, 43, 52, 14, 124,
              s->paper->intake_address.len > 0
                  ? cat(text, s->paper->intake_address, "", span_str(""))
                  : "（宛先）　　　　　　　　　　　　　　　　　　");
    y = block(s, 43, y + 6, 18, 124, "プライム申請　受付係　御中");
    block(s, 43, y + 6, 12, 124, "申請書類在中");
    line(s, 120, 110, 10, 50, cat(text, span_str("ID　"), "", s->paper->application_id), 0);
    frame(s, 35, 132, 140, 50, 0.3);
    line(s, 43, 140, 10, 120, "差出人", 0);
    cat(text, span_str("〒"), "", of[PROFILE_USER_POST_CODE]);
    line(s, 43, 149, 11, 124, text, 0);
    y = block(s, 43, 153, 11, 124,
              address(text, s->paper->profile, PROFILE_USER_PREFECTURE));
    cat(name, of[PROFILE_REP_LAST_NAME], "　", of[PROFILE_REP_FIRST_NAME]);
    cat(text, of[PROFILE_NAME], of[PROFILE_NAME].len > 0 ? "　" : "", span_str(name));
    block(s, 43, y + 1, 11, 124, text);
}

/* Of a system that issues no real account: nobody is to post it. */
static void put_environment(const struct sheet *s) {
    if (s->paper->environment[0] == '\0')
        return;
    cairo_set_source_rgb(s->cr, 0.45, 0.45, 0.45);
    line(s, LEFT, 290, 9, RIGHT - LEFT, s->paper->environment, 0);
    cairo_set_source_rgb(s->cr, 0, 0, 0);
}

/* ---- the whole */

static cairo_status_t take(void *arg, const unsigned char *data, unsigned int len) {
    struct buf *out = arg;

    buf_put(out, data, len);
    return buf_err(out) == OK ? CAIRO_STATUS_SUCCESS : CAIRO_STATUS_WRITE_ERROR;
}

static enum err draw(struct sheet *s) {
    cairo_font_options_t *exact = cairo_font_options_create();
    enum err err;

    cairo_scale(s->cr, MM_POINTS, MM_POINTS);
    /* At a scale of millimetres rounding to whole units would move every letter. */
    cairo_font_options_set_hint_metrics(exact, CAIRO_HINT_METRICS_OFF);
    cairo_font_options_set_hint_style(exact, CAIRO_HINT_STYLE_NONE);
    pango_cairo_context_set_font_options(s->context, exact);
    pango_context_set_round_glyph_positions(s->context, FALSE);
    cairo_font_options_destroy(exact);
    pango_cairo_update_context(s->cr, s->context);
    cairo_set_source_rgb(s->cr, 0, 0, 0);
    err = put_form(s);
    put_environment(s);
    cairo_show_page(s->cr);
    put_checks(s);
    put_environment(s);
    cairo_show_page(s->cr);
    put_label(s);
    put_environment(s);
    cairo_show_page(s->cr);
    return err;
}

enum err paper_print(const struct paper *paper, struct buf *out) {
    /* A map of its own: pool threads share no fonts, and nothing stays behind. */
    PangoFontMap *map = pango_cairo_font_map_new();
    cairo_surface_t *surface = cairo_pdf_surface_create_for_stream(
        take, out, WIDTH * MM_POINTS, HEIGHT * MM_POINTS);
    struct sheet sheet = {.cr = cairo_create(surface), .paper = paper};
    enum err err = ERR_NOT_FOUND;
    int families = 0;
    PangoFontFamily **list = NULL;

    pango_font_map_list_families(map, &list, &families);
    g_free(list);
    sheet.context = pango_font_map_create_context(map);
    cairo_pdf_surface_set_metadata(surface, CAIRO_PDF_METADATA_TITLE,
                                   "プライム登録申請書");
    if (families > 0)
        err = draw(&sheet);
    cairo_surface_finish(surface);
    if (!err && (cairo_status(sheet.cr) != CAIRO_STATUS_SUCCESS ||
                 cairo_surface_status(surface) != CAIRO_STATUS_SUCCESS))
        err = buf_err(out) ? buf_err(out) : ERR_NOMEM;
    g_object_unref(sheet.context);
    cairo_destroy(sheet.cr);
    cairo_surface_destroy(surface);
    g_object_unref(map);
    return err;
}
