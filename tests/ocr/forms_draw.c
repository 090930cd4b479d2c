/* forms_draw: forms, certificates and other papers, in several layouts. */
#include <math.h>
#include <qrencode.h>
#include <stdio.h>
#include <string.h>

#include "tests/ocr/forms.h"

#define MM (25.4 / 72)

static PangoLayout *layout_of(cairo_t *cr, double pt, const char *font, const char *text,
                              double spacing) {
    PangoLayout *layout = pango_cairo_create_layout(cr);
    PangoFontDescription *d = pango_font_description_from_string(font);
    PangoAttrList *attrs = pango_attr_list_new();

    pango_font_description_set_absolute_size(d, pt * MM * PANGO_SCALE);
    pango_layout_set_font_description(layout, d);
    pango_attr_list_insert(attrs, pango_attr_letter_spacing_new((int)(spacing * MM * PANGO_SCALE)));
    pango_attr_list_insert(attrs, pango_attr_fallback_new(TRUE));
    pango_attr_list_insert(attrs, pango_attr_language_new(pango_language_from_string("ja")));
    pango_layout_set_attributes(layout, attrs);
    pango_layout_set_text(layout, text, -1);
    pango_attr_list_unref(attrs);
    pango_font_description_free(d);
    return layout;
}

void draw_text(cairo_t *cr, double x, double y, double pt, const char *font,
               const char *text, double spacing) {
    PangoLayout *layout = layout_of(cr, pt, font, text, spacing);

    cairo_move_to(cr, x, y - pt * MM * 0.62);
    pango_cairo_show_layout(cr, layout);
    g_object_unref(layout);
}

double text_width(cairo_t *cr, double pt, const char *font, const char *text) {
    PangoLayout *layout = layout_of(cr, pt, font, text, 0);
    int w, h;

    pango_layout_get_size(layout, &w, &h);
    g_object_unref(layout);
    return (double)w / PANGO_SCALE;
}

static void centred(cairo_t *cr, double x, double y, double pt, const char *font,
                    const char *text, double spacing) {
    double w = text_width(cr, pt, font, text) +
               spacing * MM * (double)g_utf8_strlen(text, -1);

    draw_text(cr, x - w / 2, y, pt, font, text, spacing);
}

static void rule(cairo_t *cr, double x0, double y0, double x1, double y1, double mm) {
    cairo_set_line_width(cr, mm);
    cairo_move_to(cr, x0, y0);
    cairo_line_to(cr, x1, y1);
    cairo_stroke(cr);
}

static void frame(cairo_t *cr, double x, double y, double w, double h, double mm) {
    cairo_set_line_width(cr, mm);
    cairo_rectangle(cr, x, y, w, h);
    cairo_stroke(cr);
}

/* ASCII digits to full width; spaces kept. */
static void wide(const char *in, char *out, size_t size) {
    size_t len = 0;

    for (; *in != '\0' && len + 4 < size; in++) {
        if (*in >= '0' && *in <= '9') {
            out[len++] = (char)0xef;
            out[len++] = (char)0xbc;
            out[len++] = (char)(0x90 + (*in - '0'));
        } else if (*in == '-') {
            memcpy(out + len, "－", 3);
            len += 3;
        } else {
            out[len++] = *in;
        }
    }
    out[len] = '\0';
}

static void era_date(const int day[3], bool padded, bool full, char *out, size_t size) {
    int ymd = day[0] * 10000 + day[1] * 100 + day[2];
    const char *era = ymd >= 20190501   ? "令和"
                      : ymd >= 19890108 ? "平成"
                      : ymd >= 19261225 ? "昭和"
                                        : "大正";
    int first = ymd >= 20190501 ? 2018 : ymd >= 19890108 ? 1988 : ymd >= 19261225 ? 1925 : 1911;
    const char *pad = padded ? "%s%2d年%2d月%2d日" : "%s%d年%d月%d日";
    char plain[64], gap[96] = "";
    size_t len = 0;

    if (day[0] - first == 1)
        snprintf(plain, sizeof plain, padded ? "%s元年%2d月%2d日" : "%s元年%d月%d日", era, day[1], day[2]);
    else
        snprintf(plain, sizeof plain, pad, era, day[0] - first, day[1], day[2]);
    for (const char *at = plain; *at != '\0' && len + 4 < sizeof gap; at++) {
        if (*at == ' ' && full) {
            memcpy(gap + len, "　", 3);
            len += 3;
        } else {
            gap[len++] = *at;
        }
    }
    gap[len] = '\0';
    if (full)
        wide(gap, out, size);
    else
        snprintf(out, size, "%s", gap);
}

/* "山本 千尋" with a full-width space, as registers print it. */
static void spaced_name(const char *name, char *out, size_t size) {
    const char *gap = strchr(name, ' ');
    size_t len = 0;

    for (const char *at = name; *at != '\0' && len + 4 < size; at++) {
        if (*at == ' ') {
            memcpy(out + len, "　", 3);
            len += 3;
        } else {
            out[len++] = *at;
        }
    }
    (void)gap;
    out[len] = '\0';
}

/* ---- seals */

void draw_seal(cairo_t *cr, double x, double y, uint32_t seed, const char *company,
               const char *font, double turn, bool red, bool square) {
    struct chance c = {seed};
    double r = chance_real(&c, 7.5, 9.4), inner = r * chance_real(&c, 0.5, 0.6);
    double pt = (r - inner) * chance_real(&c, 0.62, 0.74) / MM;
    long n = g_utf8_strlen(company, -1);
    double start = chance_real(&c, 0, 2 * M_PI);
    const char *const middles[] = {"代表\n取締\n役印", "取締\n役印", "代表\n者印", "之印"};

    cairo_save(cr);
    cairo_translate(cr, x, y);
    cairo_rotate(cr, turn);
    if (red)
        cairo_set_source_rgb(cr, 0.83, 0.2 + 0.1 * (seed & 1), 0.2);
    else
        cairo_set_source_rgb(cr, 0.13, 0.13, 0.14);
    cairo_set_line_width(cr, chance_real(&c, 0.4, 0.7));
    cairo_new_path(cr);
    if (square)
        cairo_rectangle(cr, -r, -r, 2 * r, 2 * r);
    else
        cairo_arc(cr, 0, 0, r, 0, 2 * M_PI);
    cairo_stroke(cr);
    cairo_new_path(cr);
    if (!square)
        cairo_arc(cr, 0, 0, inner, 0, 2 * M_PI);
    cairo_stroke(cr);
    for (long i = 0; i < n; i++) {
        char one[8] = "";
        double a = start + 2 * M_PI * (double)i / (double)n;

        g_utf8_strncpy(one, g_utf8_offset_to_pointer(company, i), 1);
        cairo_save(cr);
        cairo_rotate(cr, a);
        centred(cr, 0, -(r + inner) / 2, pt, font, one, 0);
        cairo_new_path(cr);
        cairo_restore(cr);
    }
    {
        PangoLayout *m = layout_of(cr, inner * 1.1 / MM * 0.55, font, middles[seed % 4], 0);
        int w, h;

        pango_layout_set_alignment(m, PANGO_ALIGN_CENTER);
        pango_layout_get_size(m, &w, &h);
        cairo_move_to(cr, -(double)w / PANGO_SCALE / 2, -(double)h / PANGO_SCALE / 2);
        pango_cairo_show_layout(cr, m);
        g_object_unref(m);
    }
    cairo_restore(cr);
    cairo_set_source_rgb(cr, 0.1, 0.1, 0.1);
}

/* ---- the form */

static void draw_qr(cairo_t *cr, double x, double y, double side, const char *id) {
    char payload[64];
    QRcode *qr;

    snprintf(payload, sizeof payload, "GBZP1;%s;v3.0", id);
    qr = QRcode_encodeString(payload, 0, QR_ECLEVEL_M, QR_MODE_8, 1);
    if (qr == NULL)
        return;
    for (int i = 0; i < qr->width * qr->width; i++) {
        double cell = side / qr->width;

        if (qr->data[i] & 1)
            cairo_rectangle(cr, x + (i % qr->width) * cell, y + i / qr->width * cell,
                            cell * 1.02, cell * 1.02);
    }
    cairo_fill(cr);
    QRcode_free(qr);
}

static void form_birth(const struct papers *p, const struct style *s, char *out,
                       size_t size) {
    const int *b = p->form.birth;

    if (s->form_birth == 2)
        era_date(b, false, false, out, size);
    else
        snprintf(out, size, s->form_birth == 1 ? "%d/%02d/%02d" : "%d年%d月%d日", b[0], b[1], b[2]);
}

/* What a row is, whatever it is called and wherever it stands. */
enum row {
    ROW_NUMBER, ROW_COMPANY, ROW_ADDRESS, ROW_TITLE, ROW_NAME, ROW_KANA, ROW_BIRTH, ROW_MAIL,
    ROW_PHONE, ROW_END
};
#define WORDINGS 4
static const char *const row_labels[WORDINGS][ROW_END] = {
    {"法人番号", "商号又は名称", "本店所在地", "代表者役職", "利用者氏名",
     "利用者氏名（フリガナ）", "利用者生年月日", "メールアドレス", "ＳＭＳ受信用電話番号"},
    {"法人番号（13桁）", "商号又は名称", "本店所在地", "代表者役職", "代表者氏名",
     "代表者氏名（カナ）", "生年月日", "メールアドレス", "ＳＭＳ受信用電話番号"},
    {"法人番号（国税庁）", "法人名", "所在地", "役職名", "氏　名", "フリガナ", "生 年 月 日",
     "アカウントＩＤ（メールアドレス）", "電話番号"},
    {"１．法人番号", "２．法人名／屋号", "３．主たる事務所の所在地", "４．代表者の肩書",
     "５．代表者の氏名", "６．氏名（ふりがな）", "７．代表者の生年月日", "８．電子メール",
     "９．連絡先電話番号"},
};
static const char *const form_titles[WORDINGS] = {
    "gBizIDプライム登録申請書", "ＧビズＩＤプライム登録申請書", "gBizIDプライム 登録申請書",
    "プライムアカウント登録申請書"};

struct form_row {
    const char *label, *value;
    double spacing;
    bool boxes; /* one for each character */
};

/* Below `columns` a table; from there on labels and values alone. */
#define LAYOUT_PLAIN 3
#define LAYOUT_PAIRS 4
#define LAYOUTS 5

static void draw_boxes(cairo_t *cr, double x, double y, const struct form_row *row,
                       const struct style *s) {
    for (size_t i = 0; row->value[i] != '\0'; i++) {
        char one[2] = {row->value[i], '\0'};

        frame(cr, x + (double)i * 6.4, y - 3.6, 6.4, 7.2, 0.2);
        centred(cr, x + (double)i * 6.4 + 3.2, y, s->size + 1, s->form_font, one, 0);
    }
}

/* Label left, value right; or label above its value. */
static double draw_row(cairo_t *cr, double y, const struct form_row *row,
                       const struct style *s) {
    bool above = s->form_layout == 1;
    double h = above ? 14 : 11.5, left = 24, cut = above ? left : 70, right = 190;

    if (s->form_layout == LAYOUT_PLAIN) {
        draw_text(cr, left, y + h / 2, 10, s->label_font, row->label, 0);
        draw_text(cr, 82, y + h / 2, s->size, s->form_font, row->value, row->spacing);
        return y + h;
    }

    cairo_set_source_rgb(cr, 0.95, 0.96, 0.98);
    if (!above)
        cairo_rectangle(cr, left, y, cut - left, h);
    cairo_fill(cr);
    cairo_set_source_rgb(cr, 0.1, 0.1, 0.1);
    frame(cr, left, y, right - left, h, 0.3);
    if (!above)
        rule(cr, cut, y, cut, y + h, 0.2);
    draw_text(cr, left + 2.5, above ? y + 3.2 : y + h / 2, above ? 8 : 9.5, s->label_font,
              row->label, 0);
    if (row->boxes)
        draw_boxes(cr, cut + 3, above ? y + 9.2 : y + h / 2, row, s);
    else
        draw_text(cr, above ? left + 5 : cut + 3.5, above ? y + 9.3 : y + h / 2, s->size,
                  s->form_font, row->value, row->spacing);
    return y + h;
}

static void correct(cairo_t *cr, double y, const struct papers *p, const struct style *s,
                    struct chance *c) {
    double x = s->form_layout == 1 ? 29 : s->form_layout == LAYOUT_PLAIN ? 82 : 73.5;
    double w = text_width(cr, s->size, s->form_font, p->form.number) + 13 * 1.5 * MM + 1;

    if (chance_is(c, 0.7))
        cairo_set_source_rgb(cr, 0.75, 0.1, 0.12);
    for (int i = 0; i < 2; i++)
        rule(cr, x - 0.8, y - 0.4 + i, x + w + 1, y - 0.3 + i + chance_real(c, -0.2, 0.2), 0.3);
    cairo_set_source_rgb(cr, 0.75, 0.1, 0.12);
    draw_text(cr, x + w + 18, y - 1, s->size, s->seal_font, p->record.number, 0.5);
    draw_seal(cr, x + w + 6, y, p->seal[0], p->form.company, s->seal_font, 0.3, true, false);
}

static void form_head(cairo_t *cr, const struct papers *p, const struct style *s,
                      struct chance *c) {
    char line[128];
    bool left = s->form_layout == 1;

    cairo_set_source_rgb(cr, 0.1, 0.1, 0.1);
    draw_qr(cr, left ? 24 : 168, 16, 22, p->form.id);
    centred(cr, 105, left ? 45 : 30, 19, s->label_font, form_titles[s->wording], 0);
    snprintf(line, sizeof line, "申請書番号　%s", p->form.id);
    draw_text(cr, left ? 50 : 150, left ? 24 : 43, 9.5, s->label_font, line, 0);
    draw_text(cr, left ? 130 : 24, left ? 24 : 43, 10.5, s->label_font,
              "デジタル庁　ＧビズＩＤ運用センター　御中", 0);
    draw_text(cr, 24, 54, 10, s->label_font,
              "私は、ＧビズＩＤの利用規約に同意し、下記のとおり申請します。", 0);
    if (p->margin_seal)
        draw_seal(cr, chance_real(c, 40, 130), 16, p->seal[0], p->form.company,
                  s->seal_font, 0.1, true, false);
}

static void form_foot(cairo_t *cr, const struct papers *p, const struct style *s,
                      struct chance *c, double y) {
    double x = s->form_layout == 2 ? 30 : 145;
    bool copy = p->fault == FAULT_FORM_COPY;

    draw_text(cr, s->form_layout == 2 ? 90 : 24, y + 8, 10.5, s->label_font, "上記のとおり申請します。", 0);
    draw_text(cr, s->form_layout == 2 ? 90 : 28, y + 22, 10, s->label_font, "法人名", 0);
    draw_text(cr, s->form_layout == 2 ? 112 : 50, y + 22, 11, s->form_font, p->form.company, 0);
    draw_text(cr, s->form_layout == 2 ? 90 : 28, y + 32, 10, s->label_font, "代表者", 0);
    draw_text(cr, s->form_layout == 2 ? 112 : 50, y + 32, 11, s->form_font, p->form.name, 0);
    draw_text(cr, x + 9, y + 4, 9, s->label_font, "代表者印（実印）", 0);
    frame(cr, x, y + 8, 42, 40, 0.3);
    draw_seal(cr, x + 21 + chance_real(c, -5, 5), y + 28 + chance_real(c, -5, 5), p->seal[0],
              p->form.company, s->seal_font, chance_real(c, -0.4, 0.4), !copy, false);
    draw_text(cr, 24, 276, 8, s->label_font,
              "※訂正がある場合は、画面で入力し直してから印刷してください。", 0);
}

/* Rows in the order of the style: the company's first, or the person's; within them mixed. */
static void order_rows(const struct style *s, enum row order[ROW_END]) {
    struct chance c = {s->order};
    bool person_first = s->order != 0 && chance_is(&c, 0.35);
    int split = person_first ? ROW_END - 4 : 4, at = 0;

    for (int i = 0; i < ROW_END; i++)
        order[i] = (enum row)((i + (person_first ? 4 : 0)) % ROW_END);
    for (int part = 0; s->order != 0 && part < 2; part++) {
        int from = part ? split : 0, to = part ? ROW_END : split;

        for (at = to - 1; at > from; at--) {
            int k = chance_int(&c, from, at);
            enum row row = order[at];

            order[at] = order[k];
            order[k] = row;
        }
    }
}

/* Two rows beside one another, each half as wide. */
static double draw_pair(cairo_t *cr, double y, const struct form_row *a,
                        const struct form_row *b, const struct style *s) {
    const struct form_row *rows[] = {a, b};
    double h = 12;

    for (int i = 0; i < 2; i++) {
        double x = 24 + i * 83;

        cairo_set_source_rgb(cr, 0.95, 0.96, 0.98);
        cairo_rectangle(cr, x, y, 30, h);
        cairo_fill(cr);
        cairo_set_source_rgb(cr, 0.1, 0.1, 0.1);
        frame(cr, x, y, 83, h, 0.3);
        rule(cr, x + 30, y, x + 30, y + h, 0.2);
        draw_text(cr, x + 2, y + h / 2, 9, s->label_font, rows[i]->label, 0);
        draw_text(cr, x + 33, y + h / 2, s->size - 0.5, s->form_font, rows[i]->value, 0);
    }
    return y + h;
}

static bool may_pair(const struct style *s, enum row a, enum row b) {
    bool small_a = a == ROW_TITLE || a == ROW_NAME || a == ROW_BIRTH;
    bool small_b = b == ROW_TITLE || b == ROW_NAME || b == ROW_BIRTH || b == ROW_PHONE;

    return s->form_layout == LAYOUT_PAIRS && s->wording != 3 && small_a && small_b;
}

struct form_texts {
    char birth[64], name[96];
    const char *values[ROW_END];
};

static void form_texts(const struct papers *p, const struct style *s, struct form_texts *t) {
    form_birth(p, s, t->birth, sizeof t->birth);
    spaced_name(p->form.name, t->name, sizeof t->name);
    t->values[ROW_NUMBER] = p->form.number;
    t->values[ROW_COMPANY] = p->form.company;
    t->values[ROW_ADDRESS] = p->form.address;
    t->values[ROW_TITLE] = p->form.title;
    t->values[ROW_NAME] = t->name;
    t->values[ROW_KANA] = "スリアヨ　クヤ";
    t->values[ROW_BIRTH] = t->birth;
    t->values[ROW_MAIL] = "user5299@example.co.jp";
    t->values[ROW_PHONE] = "090-0000-6258";
}

static double draw_rows(cairo_t *cr, const struct papers *p, const struct style *s,
                        const enum row order[ROW_END], double middle[ROW_END]) {
    struct form_row rows[ROW_END];
    struct form_texts t;
    double y = 62;

    form_texts(p, s, &t);
    for (int i = 0; i < ROW_END; i++) {
        bool boxes = order[i] == ROW_NUMBER && s->form_layout == 2;

        rows[i] = (struct form_row){row_labels[s->wording][order[i]], t.values[order[i]],
                                    order[i] == ROW_NUMBER && !boxes ? 1.5 : 0, boxes};
    }
    for (int i = 0; i < ROW_END; i++) {
        bool pair = i + 1 < ROW_END && may_pair(s, order[i], order[i + 1]);
        double next = pair ? draw_pair(cr, y, &rows[i], &rows[i + 1], s)
                           : draw_row(cr, y, &rows[i], s);

        middle[order[i]] = s->form_layout == 1 ? y + 9.3 : (y + next) / 2;
        if (pair)
            middle[order[++i]] = (y + next) / 2;
        y = next;
    }
    return y;
}

void draw_form(cairo_t *cr, const struct papers *p, const struct style *s,
               struct chance *c) {
    enum row order[ROW_END];
    double middle[ROW_END], y;

    order_rows(s, order);
    form_head(cr, p, s, c);
    y = draw_rows(cr, p, s, order, middle);
    if (p->overlap >= 0)
        draw_seal(cr, chance_real(c, 95, 130), middle[p->overlap], p->seal[0], p->form.company,
                  s->seal_font, 0.2, p->fault != FAULT_FORM_COPY, false);
    if (p->fault == FAULT_CORRECTED)
        correct(cr, middle[ROW_NUMBER], p, s, c);
    cairo_set_source_rgb(cr, 0.1, 0.1, 0.1);
    form_foot(cr, p, s, c, y + 6);
}

/* ---- the certificate */

static void security_paper(cairo_t *cr, const struct style *s, bool copy) {
    const double tints[][3] = {{0.91, 0.95, 0.93}, {0.92, 0.94, 0.97}, {0.96, 0.93, 0.9}};
    const double *t = tints[s->tint % 3];

    if (copy)
        cairo_set_source_rgb(cr, 0.84, 0.84, 0.84);
    else
        cairo_set_source_rgb(cr, t[0], t[1], t[2]);
    cairo_paint(cr);
    cairo_set_line_width(cr, 0.35);
    if (copy)
        cairo_set_source_rgb(cr, 0.76, 0.76, 0.76);
    else
        cairo_set_source_rgb(cr, t[0] - 0.07, t[1] - 0.03, t[2] - 0.03);
    for (double y = 2; y < 300; y += 2.2) {
        cairo_move_to(cr, 0, y);
        for (double x = 0; x <= 210; x += 6)
            cairo_line_to(cr, x, y + 0.7 * sin(x / 14 + y / 9));
        cairo_stroke(cr);
    }
    for (int i = 0; i < 40; i++)
        draw_text(cr, (i % 5) * 44 - 4 + (i / 5 % 2) * 12, 6 + i / 5 * 38, 21,
                  "Noto Sans CJK JP", "法務省", 0);
    for (int i = 0; copy && i < 12; i++) {
        cairo_save(cr);
        cairo_set_source_rgb(cr, 0.62, 0.62, 0.62);
        cairo_translate(cr, (i % 3) * 80 + 10, 20 + i / 3 * 72);
        cairo_rotate(cr, -0.5);
        draw_text(cr, 0, 0, 62, "Noto Sans CJK JP Bold", "複写", 0);
        cairo_restore(cr);
    }
    cairo_set_source_rgb(cr, copy ? 0.2 : 0.1, copy ? 0.2 : 0.1, copy ? 0.2 : 0.1);
}

struct cert_texts {
    char number[64], name[96], birth[96], issued[64], office[64];
};

static void cert_texts(const struct papers *p, const struct style *s, struct cert_texts *t) {
    char plain[24], born[80];

    snprintf(plain, sizeof plain, "%.4s-%.2s-%.6s", p->cert_number, p->cert_number + 4,
             p->cert_number + 6);
    wide(plain, t->number, sizeof t->number);
    spaced_name(p->cert_name, t->name, sizeof t->name);
    era_date(p->cert_birth, s->era_padded, true, born, sizeof born);
    snprintf(t->birth, sizeof t->birth, "%s生", born);
    era_date(p->issued, false, true, t->issued, sizeof t->issued);
    snprintf(t->office, sizeof t->office, "%s", "東京法務局　港出張所");
}

/* The items: beside a column of labels, or in a table. */
static void cert_items(cairo_t *cr, const struct papers *p, const struct style *s,
                       const struct cert_texts *t, double x) {
    const char *const labels[] = {"会社法人等番号", "商　号", "本　店", p->form.title, ""};
    const char *const values[] = {t->number, p->form.company, p->form.address, t->name, t->birth};
    const char *const tabled[] = {"会社法人等番号", "商　号", "本　店", "氏　名", "生年月日"};
    const int orders[][5] = {{0, 1, 2, 3, 4}, {1, 2, 3, 4, 0}, {1, 2, 0, 3, 4}};
    const int *order = orders[s->cert_layout < 3 ? 0 : s->cert_layout - 2];
    bool table = s->cert_layout == 1;
    double y = table ? 100 : 58, column = table ? 75 : x + 33;

    for (int k = 0; k < 5; k++) {
        int i = order[k];

        draw_text(cr, table ? 28 : x, y, 11, s->cert_font, table ? tabled[i] : labels[i], 0);
        if (table && i == 3) {
            draw_text(cr, column, y, 11, s->cert_font, p->form.title, 0);
            draw_text(cr, column + 34, y, 12, s->cert_font, values[i], 0);
        } else {
            draw_text(cr, i == 0 && !table ? column + 12 : column, y, 12, s->cert_font,
                      values[i], i == 0 ? 1.5 : 0);
        }
        if (table) {
            frame(cr, 24, y - 5.5, 162, 11, 0.2);
            rule(cr, 71, y - 5.5, 71, y + 5.5, 0.2);
        }
        y += table ? 11 : 10.5;
    }
}

void draw_cert(cairo_t *cr, const struct papers *p, const struct style *s,
               struct chance *c, bool copy) {
    const double seals[][2] = {{24, 46}, {84, 44}, {142, 46}, {24, 46}, {84, 115}};
    const double feet[] = {128, 168, 128, 134, 176};
    double seal_x = seals[s->cert_layout][0], seal_y = seals[s->cert_layout][1];
    double foot = feet[s->cert_layout];
    struct cert_texts t;

    security_paper(cr, s, copy);
    cert_texts(p, s, &t);
    centred(cr, 105, 30, 20, s->cert_font, "印鑑証明書", 9);
    frame(cr, seal_x, seal_y, 42, 42, 0.25);
    draw_seal(cr, seal_x + 21 + chance_real(c, -3, 3), seal_y + 21 + chance_real(c, -3, 3),
              p->recut ? p->seal[0] : p->seal[1], p->form.company,
              p->recut ? "Noto Serif CJK JP Bold" : s->seal_font, chance_real(c, -0.05, 0.05),
              false, false);
    cert_items(cr, p, s, &t, s->cert_layout == 2 || s->cert_layout == 4 ? 24 : 76);
    draw_text(cr, 30, foot, 12, s->cert_font,
              "これは提出されている印鑑の写しに相違ないことを証明する。", 0);
    draw_text(cr, 38, foot + 13, 11, s->cert_font, "（東京法務局管轄）", 0);
    draw_text(cr, 40, foot + 26, 12, s->cert_font, t.issued, 0);
    draw_text(cr, 58, foot + 40, 12, s->cert_font, t.office, 0);
    draw_text(cr, 58, foot + 53, 12, s->cert_font, "登記官", 4);
    draw_text(cr, 108, foot + 53, 12, s->cert_font, "佐藤良", 12);
    frame(cr, 152, foot + 45, 17, 17, 0.5);
    draw_text(cr, 153.5, foot + 50, 15, s->seal_font, "東京法", 0);
    draw_text(cr, 153.5, foot + 57, 15, s->seal_font, "務局印", 0);
    draw_text(cr, 24, 262, 10.5, s->cert_font, "整理番号　ア７６５９１７４", 0);
}

/* ---- what is neither */

static void many_lines(cairo_t *cr, const char *const *lines, int count, double y,
                       const char *font) {
    for (int i = 0; i < count; i++)
        draw_text(cr, 28, y + i * 10, 11, font, lines[i], 0);
}

void draw_other(cairo_t *cr, const char *kind, const struct papers *p,
                const struct style *s, struct chance *c) {
    const char *const registry[] = {"会社法人等番号　０１０４－０３－０７２３４７",
                                    "商　号　　　　　株式会社若草建設", "公告をする方法　官報に掲載してする",
                                    "会社成立の年月日　平成３０年８月２６日", "発行可能株式総数　８００株",
                                    "資本金の額　　　金３００万円", "役員に関する事項　取締役　新井　末広",
                                    "これは登記簿に記録されている閉鎖されていない事項の全部であることを証明する。"};
    const char *const personal[] = {"氏　名　　　山本　千尋", "生年月日　　平成２年１０月６日", "住　所　　　東京都港区芝公園１丁目",
                                    "登録番号　　１２３４５", "この写しは、登録された印影と相違ないことを証明する。",
                                    "令和８年９月５日", "港区長　田村　太郎"};
    const char *const cover[] = {"ＧビズＩＤ運用センター　御中", "拝啓　時下ますますご清栄のこととお慶び申し上げます。",
                                 "下記の書類を同封いたしますので、ご査収ください。", "敬具", "一、登録申請書　　一通",
                                 "一、印鑑証明書　　一通"};

    (void)c;
    if (strcmp(kind, "blank") == 0)
        return;
    if (strcmp(kind, "registry") == 0)
        security_paper(cr, s, false);
    cairo_set_source_rgb(cr, 0.1, 0.1, 0.1);
    if (strcmp(kind, "registry") == 0) {
        centred(cr, 105, 30, 19, s->cert_font, "履歴事項全部証明書", 5);
        many_lines(cr, registry, 8, 60, s->cert_font);
    } else if (strcmp(kind, "personal") == 0) {
        centred(cr, 105, 30, 19, s->cert_font, "印鑑登録証明書", 6);
        frame(cr, 85, 40, 40, 40, 0.25);
        draw_seal(cr, 105, 60, p->seal[0] + 9, p->form.name, s->seal_font, 0, false, false);
        many_lines(cr, personal, 7, 95, s->cert_font);
    } else {
        centred(cr, 105, 40, 18, s->cert_font, "書類送付状", 3);
        many_lines(cr, cover, 6, 70, s->cert_font);
    }
}

/* ---- styles */

static const char *const gothic[] = {"Noto Sans CJK JP", "BIZ UDGothic", "IPAexGothic",
                                     "TakaoPGothic", "Ume Gothic", "VL Gothic",
                                     "Motoya L Cedar", "Komatuna", "MotoyaLCedar"};
static const char *const mincho[] = {"Noto Serif CJK JP", "BIZ UDMincho", "IPAexMincho",
                                     "TakaoPMincho", "Ume Mincho", "IPAmjMincho", "HanaMinA"};

void style_make(struct chance *c, const char *fonts, struct style *s) {
    bool unseen = strcmp(fonts, "unseen") == 0;

    s->label_font = unseen ? gothic[chance_int(c, 5, 8)] : gothic[chance_int(c, 0, 4)];
    s->form_font = chance_is(c, 0.5) ? (unseen ? gothic[chance_int(c, 5, 8)] : gothic[chance_int(c, 0, 4)])
                                     : (unseen ? "HanaMinA" : mincho[chance_int(c, 0, 5)]);
    s->cert_font = unseen ? "HanaMinA" : mincho[chance_int(c, 0, 5)];
    if (strcmp(fonts, "all") != 0 && !unseen)
        s->label_font = s->form_font = s->cert_font = fonts;
    s->seal_font = chance_is(c, 0.5) ? "Noto Serif CJK JP" : "IPAexMincho";
    s->form_layout = chance_int(c, 0, 2);
    s->wording = s->form_layout == 2 ? 1 : 0;
    s->order = 0;
    s->cert_layout = chance_int(c, 0, 2);
    s->form_birth = chance_int(c, 0, 2);
    s->era_padded = chance_is(c, 0.5);
    s->tint = chance_int(c, 0, 2);
    s->size = chance_real(c, 11, 13.5);
}

void style_widen(struct chance *c, struct style *s) {
    if (chance_is(c, 0.5))
        s->form_layout = chance_int(c, LAYOUT_PLAIN, LAYOUTS - 1);
    s->wording = chance_int(c, 0, WORDINGS - 1);
    if (chance_is(c, 0.5))
        s->order = chance_next(c) | 1;
    if (chance_is(c, 0.4))
        s->cert_layout = chance_int(c, 3, 4);
}
