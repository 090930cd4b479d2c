/* forms_wear: what people and machines leave on a paper. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tests/ocr/forms.h"

void wear_make(struct chance *c, struct wear *w) {
    memset(w, 0, sizeof *w);
    if (chance_is(c, 0.18))
        w->holes = chance_is(c, 0.7) ? 2 : 4;
    w->hole_dark = chance_is(c, 0.5);
    w->staple = chance_is(c, 0.15);
    w->corner = chance_is(c, 0.08);
    w->pen = chance_is(c, 0.18) ? chance_int(c, 1, 3) : 0;
    w->stamp = chance_is(c, 0.18);
    w->small_seal = chance_is(c, 0.08);
    w->through = chance_is(c, 0.35) ? chance_real(c, 0.03, 0.1) : 0;
}

static void holes(cairo_t *cr, const struct wear *w, struct chance *c) {
    double x = chance_real(c, 9, 12.5), r = chance_real(c, 2.6, 3.2);
    bool top = chance_is(c, 0.2);
    double middle = top ? 105 : 148.5, level = w->hole_dark ? 0.12 : 0.8;

    for (int i = 0; i < w->holes; i++) {
        double along = middle + (i - (w->holes - 1) / 2.0) * 80;

        cairo_new_path(cr);
        cairo_arc(cr, top ? along : x, top ? x : along, r, 0, 2 * M_PI);
        cairo_set_source_rgb(cr, level, level, level);
        cairo_fill_preserve(cr);
        cairo_set_source_rgba(cr, 0, 0, 0, 0.3); /* its edge throws a shadow */
        cairo_set_line_width(cr, 0.25);
        cairo_stroke(cr);
    }
}

static void staple(cairo_t *cr, struct chance *c) {
    double x = chance_real(c, 6, 14), y = chance_real(c, 6, 14);
    double turn = chance_real(c, -0.9, -0.6);

    cairo_save(cr);
    cairo_translate(cr, x, y);
    cairo_rotate(cr, turn);
    cairo_set_source_rgba(cr, 0.2, 0.2, 0.2, 0.3);
    cairo_rectangle(cr, -5, 0.4, 10.5, 1.6);
    cairo_fill(cr);
    cairo_set_source_rgb(cr, 0.35, 0.35, 0.36);
    cairo_rectangle(cr, -5, -0.3, 10, 0.6);
    cairo_fill(cr);
    cairo_restore(cr);
}

static void corner(cairo_t *cr, struct chance *c) {
    double side = chance_real(c, 6, 13);

    cairo_new_path(cr);
    cairo_move_to(cr, 0, 0);
    cairo_line_to(cr, side, 0);
    cairo_line_to(cr, 0, side);
    cairo_close_path(cr);
    cairo_set_source_rgb(cr, 0.86, 0.86, 0.86);
    cairo_fill(cr);
    cairo_set_source_rgba(cr, 0, 0, 0, 0.4);
    cairo_set_line_width(cr, 0.4);
    cairo_move_to(cr, side, 0);
    cairo_line_to(cr, 0, side);
    cairo_stroke(cr);
}

/* By hand, beside the text: ticks, a number, a wavy line. */
static void pen(cairo_t *cr, struct chance *c) {
    const double inks[][3] = {{0.1, 0.15, 0.5}, {0.25, 0.25, 0.27}, {0.75, 0.1, 0.12}};
    const double *ink = inks[chance_int(c, 0, 2)];
    double x = chance_is(c, 0.6) ? chance_real(c, 12, 18) : chance_real(c, 193, 200);
    double y = chance_real(c, 30, 270), size = chance_real(c, 3, 7);
    int kind = chance_int(c, 0, 2);

    cairo_new_path(cr);
    cairo_set_source_rgb(cr, ink[0], ink[1], ink[2]);
    cairo_set_line_width(cr, chance_real(c, 0.3, 0.7));
    if (kind == 0) {
        cairo_move_to(cr, x - size / 2, y);
        cairo_line_to(cr, x - size / 5, y + size / 2);
        cairo_line_to(cr, x + size / 2, y - size / 2);
    } else if (kind == 1) {
        cairo_arc(cr, x, y, size / 2, 0.4, 2 * M_PI + 0.2);
    } else {
        cairo_move_to(cr, x - size / 3, y);
        for (int i = 0; i < 5; i++)
            cairo_rel_curve_to(cr, 1, -2, 1.2, 2, chance_real(c, -1, 1.5), chance_real(c, 1, 2.5));
    }
    cairo_stroke(cr);
}

/* 受付印: round, red or blue, a day in its middle. */
static void stamp(cairo_t *cr, const struct papers *p, struct chance *c) {
    double x = chance_real(c, 60, 135), y = chance_real(c, 10, 14);
    bool red = chance_is(c, 0.5);
    char day[24];

    snprintf(day, sizeof day, "%d.%d.%d", p->record.received[0] - 2018, p->record.received[1],
             p->record.received[2]);
    cairo_save(cr);
    cairo_translate(cr, x, y);
    cairo_rotate(cr, chance_real(c, -0.3, 0.3));
    cairo_new_path(cr);
    if (red)
        cairo_set_source_rgb(cr, 0.8, 0.2, 0.25);
    else
        cairo_set_source_rgb(cr, 0.2, 0.25, 0.6);
    cairo_set_line_width(cr, 0.5);
    cairo_arc(cr, 0, 0, 8.5, 0, 2 * M_PI);
    cairo_move_to(cr, -8.2, -2);
    cairo_line_to(cr, 8.2, -2);
    cairo_move_to(cr, -8.2, 2.4);
    cairo_line_to(cr, 8.2, 2.4);
    cairo_stroke(cr);
    draw_text(cr, -3.4, -4, 8, "Noto Sans CJK JP", "受付", 0);
    draw_text(cr, -6.4, 0.2, 7.5, "Noto Sans CJK JP", day, 0);
    cairo_restore(cr);
}

void wear_draw(cairo_t *cr, const struct wear *w, const struct papers *p,
               const struct style *s, struct chance *c) {
    if (w->stamp)
        stamp(cr, p, c);
    if (w->small_seal)
        draw_seal(cr, chance_real(c, 60, 150), 12, p->seal[0], p->form.company, s->seal_font,
                  0.1, p->fault != FAULT_FORM_COPY, false);
    for (int i = 0; i < w->pen; i++)
        pen(cr, c);
    if (w->holes)
        holes(cr, w, c);
    if (w->corner)
        corner(cr, c);
    if (w->staple)
        staple(cr, c);
    cairo_set_source_rgb(cr, 0.1, 0.1, 0.1);
}
