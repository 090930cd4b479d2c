/* make_forms: writes a folder of invented scanned applications with their truth. */
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/ocr/forms.h"

struct options {
    const char *out, *fonts;
    int first, count, hard;
    bool wide, any_name;
    unsigned long seed;
    double bad;
    int only; /* the one fault of bad ones; 0: any */
};

struct made_page {
    const char *kind;
    struct scan scan;
};

/* An application as it is being made. */
struct made {
    const struct options *o;
    struct chance *c;
    const struct papers *papers;
    const struct style *style;
    int count;
    struct made_page pages[PAGES_MAX];
    struct scanned scanned[PAGES_MAX];
};

static void draw_kind(cairo_t *cr, const char *kind, const struct made *m) {
    if (strcmp(kind, "form") == 0)
        draw_form(cr, m->papers, m->style, m->c);
    else if (strcmp(kind, "certificate") == 0)
        draw_cert(cr, m->papers, m->style, m->c, m->papers->fault == FAULT_CERT_COPY);
    else
        draw_other(cr, kind, m->papers, m->style, m->c);
}

/* What is on the other side, or on the next sheet, mirrored. */
static void shine_through(cairo_t *cr, const char *kind, double part, const struct made *m) {
    struct chance c = *m->c;
    struct made other = *m;

    other.c = &c;
    cairo_push_group(cr);
    cairo_save(cr);
    cairo_translate(cr, 210, 0);
    cairo_scale(cr, -1, 1);
    draw_kind(cr, strcmp(kind, "form") == 0 ? "cover" : "form", &other);
    cairo_restore(cr);
    cairo_pop_group_to_source(cr);
    cairo_paint_with_alpha(cr, part);
}

/* Both papers side by side on one sheet, which is a sheet twice as large, or a copy. */
static void draw_two(cairo_t *cr, double width, const struct made *m) {
    cairo_scale(cr, width / 420, width / 420);
    cairo_save(cr);
    draw_kind(cr, "form", m);
    cairo_restore(cr);
    cairo_translate(cr, 210, 0);
    cairo_rectangle(cr, 0, 0, 210, 297);
    cairo_clip(cr);
    draw_kind(cr, "certificate", m);
}

static bool make_page(struct made *m, int index) {
    const struct scan *scan = &m->pages[index].scan;
    const char *kind = m->pages[index].kind;
    bool two = strcmp(kind, "two") == 0;
    double width = two ? 297 : 210, height = two ? 210 : 297, dots = scan->dpi / 25.4;
    cairo_surface_t *surface = cairo_image_surface_create(
        CAIRO_FORMAT_RGB24, (int)(width * dots), (int)(height * dots));
    cairo_t *cr = cairo_create(surface);
    struct wear wear = {0};
    bool good;

    if (m->o->wide)
        wear_make(m->c, &wear);
    else if (scan->through && strcmp(kind, "blank") == 0)
        wear.through = 0.08;
    cairo_set_source_rgb(cr, 1, 1, 1);
    cairo_paint(cr);
    cairo_scale(cr, dots, dots);
    if (wear.through > 0 && !two && strcmp(kind, "certificate") != 0)
        shine_through(cr, kind, wear.through, m);
    if (two)
        draw_two(cr, width, m);
    else
        draw_kind(cr, kind, m);
    if (wear.through > 0 && strcmp(kind, "certificate") == 0) /* its paper is tinted */
        shine_through(cr, kind, wear.through, m);
    if (!two)
        wear_draw(cr, &wear, m->papers, m->style, m->c);
    cairo_destroy(cr);
    cairo_surface_flush(surface);
    good = scan_page(scan, surface, m->c, &m->scanned[index]);
    cairo_surface_destroy(surface);
    return good;
}

static void shuffle(struct made *m) {
    for (int i = m->count - 1; i > 0; i--) {
        int k = chance_int(m->c, 0, i);
        const char *kind = m->pages[i].kind;

        m->pages[i].kind = m->pages[k].kind;
        m->pages[k].kind = kind;
    }
}

static void add_kind(struct made *m, const char *kind) {
    if (m->count < PAGES_MAX)
        m->pages[m->count++].kind = kind;
}

static void plan_pages(struct made *m) {
    const struct papers *p = m->papers;
    struct chance *c = m->c;

    if (m->o->wide && p->fault == FAULT_NONE && chance_is(c, 0.02)) {
        add_kind(m, "two");
        return;
    }
    if (chance_is(c, 0.04))
        add_kind(m, "cover");
    add_kind(m, "form");
    if (m->o->wide && chance_is(c, 0.06) && p->fault != FAULT_CERT_MISSING)
        add_kind(m, "blank");
    if (p->fault == FAULT_WRONG_DOCUMENT)
        add_kind(m, chance_is(c, 0.5) ? "registry" : "personal");
    else if (p->fault == FAULT_BLANK)
        add_kind(m, "blank");
    else if (p->fault != FAULT_CERT_MISSING)
        add_kind(m, "certificate");
    if (chance_is(c, 0.04) && p->fault != FAULT_CERT_MISSING)
        add_kind(m, "blank");
    if (m->o->wide && chance_is(c, 0.04) && p->fault != FAULT_CERT_MISSING &&
        p->fault != FAULT_BLANK)
        add_kind(m, "registry");
    if (chance_is(c, m->o->wide ? 0.35 : 0.2))
        shuffle(m);
}

/* Sheets of a stack are fed one by one: their slant is their own. */
static void plan_scans(struct made *m) {
    const struct papers *p = m->papers;
    struct chance *c = m->c;
    struct scan scan;

    scan_make(c, m->o->hard, &scan);
    if (m->o->wide)
        scan_widen(c, &scan);
    if (p->fault == FAULT_CERT_COPY || p->fault == FAULT_FORM_COPY) {
        scan.gray = false; /* shows no copy */
        scan.bits = 0;
    }
    for (int i = 0; i < m->count; i++) {
        scan.turn = chance_is(c, 0.8) ? 0 : chance_int(c, 1, 3) * 90;
        scan.angle = chance_real(c, -1.8, 1.8);
        if (m->o->wide && chance_is(c, 0.07))
            scan.angle = chance_real(c, 2, 4.5) * (chance_is(c, 0.5) ? 1 : -1);
        else if (m->o->wide && chance_is(c, 0.015))
            scan.angle = chance_real(c, 4.5, 7.5) * (chance_is(c, 0.5) ? 1 : -1);
        m->pages[i].scan = scan;
    }
}

static void iso(FILE *f, const char *name, const int d[3], const char *tail) {
    fprintf(f, "\"%s\": \"%04d-%02d-%02d\"%s", name, d[0], d[1], d[2], tail);
}

static void write_truth(FILE *f, int index, const struct made *m, bool tolerated) {
    const struct papers *p = m->papers;
    const struct style *style = m->style;
    const struct made_page *pages = m->pages;
    const struct who *r = &p->record;
    bool cert = false;
    int count = m->count;

    for (int i = 0; i < count; i++)
        cert |= strcmp(pages[i].kind, "certificate") == 0;
    fprintf(f, "%s{\"scan\": \"S%05d\", \"files\": [\"scans/S%05d.tif\"], ",
            index > m->o->first ? ",\n" : "", index, index);
    fprintf(f, "\"expected\": \"%s\", \"reason\": \"%s\", \"reason_detail\": \"%s\", "
               "\"manual_review_tolerated\": %s, \"name_relation\": \"%s\", ",
            p->fault == FAULT_NONE ? "OK" : "NG", fault_names[p->fault],
            p->recut ? "recut" : "", tolerated ? "true" : "false",
            p->variant ? "variant" : p->fault == FAULT_NAME ? "different" : "same");
    fprintf(f, "\"record\": {\"application_id\": \"%s\", \"corporate_number\": \"%s\", \"company\": \"%s\", "
               "\"address\": \"%s\", \"title\": \"%s\", \"name\": \"%s\", ",
            r->id, r->number, r->company, r->address, r->title, r->name);
    iso(f, "birth_date", r->birth, ", ");
    iso(f, "received_on", r->received, "}, ");
    fprintf(f, "\"form\": {\"corporate_number\": \"%s\", \"name\": \"%s\"}, ", p->form.number,
            p->form.name);
    if (cert)
        fprintf(f, "\"certificate\": {\"number12\": \"%s\", \"name\": \"%s\"}, ", p->cert_number,
                p->cert_name);
    else
        fprintf(f, "\"certificate\": null, ");
    fprintf(f, "\"fonts\": [\"%s\", \"%s\"], \"layouts\": [%d, %d], \"wording\": %d, "
               "\"order\": %u, \"overlap\": %d, ",
            style->form_font, style->cert_font, style->form_layout, style->cert_layout,
            style->wording, style->order, p->overlap);
    fprintf(f, "\"pages\": [");
    for (int i = 0; i < count; i++) {
        const struct scan *s = &pages[i].scan;

        fprintf(f, "%s{\"kind\": \"%s\", \"turn\": %d, \"dpi\": %d, \"gray\": %s, "
                   "\"bits\": %d, \"rotation_deg\": %.2f, \"quality\": %d}", i ? ", " : "",
                pages[i].kind, s->turn, s->dpi, s->gray ? "true" : "false", s->bits, s->angle,
                s->quality);
    }
    fprintf(f, "]}");
}

static void write_record(FILE *f, const struct who *r) {
    fprintf(f, "%s,%s,%s,%s,%s,%s,%04d-%02d-%02d,%04d-%02d-%02d\n", r->id, r->number,
            r->company, r->address, r->title, r->name, r->birth[0], r->birth[1],
            r->birth[2], r->received[0], r->received[1], r->received[2]);
}

static bool make_one(const struct options *o, int index, FILE *truth, FILE *records) {
    struct chance c = {o->seed * 1000003u + (unsigned long)index};
    struct papers papers;
    struct style style;
    struct made m = {.o = o, .c = &c, .papers = &papers, .style = &style};
    struct who who;
    char path[512];
    enum fault fault = chance_is(&c, o->bad) ? (enum fault)chance_int(&c, 1, FAULT_END - 1)
                                             : FAULT_NONE;
    bool good = true, tolerated;

    if (fault != FAULT_NONE && o->only != 0)
        fault = (enum fault)o->only;
    who_make(&c, index, &who);
    if (o->any_name && !who_rename(&c, &who))
        return false;
    papers_make(&c, &who, fault, &papers);
    style_make(&c, o->fonts, &style);
    if (o->wide)
        style_widen(&c, &style);
    plan_pages(&m);
    plan_scans(&m);
    tolerated = papers.variant || papers.overlap >= 0;
    for (int i = 0; good && i < m.count; i++) {
        tolerated |= scan_is_poor(&m.pages[i].scan) || strcmp(m.pages[i].kind, "two") == 0;
        good = make_page(&m, i);
    }
    snprintf(path, sizeof path, "%s/scans/S%05d.tif", o->out, index);
    good = good && scanned_write_tiff(path, m.scanned, m.count);
    write_truth(truth, index, &m, tolerated);
    write_record(records, &papers.record);
    for (int i = 0; i < m.count; i++)
        scanned_free(&m.scanned[i]);
    return good;
}

static bool make_all(const struct options *o) {
    char path[512];
    FILE *truth, *records;
    bool good = true;

    mkdir(o->out, 0755);
    snprintf(path, sizeof path, "%s/scans", o->out);
    mkdir(path, 0755);
    snprintf(path, sizeof path, "%s/truth.json", o->out);
    truth = fopen(path, "w");
    snprintf(path, sizeof path, "%s/applications.csv", o->out);
    records = fopen(path, "w");
    if (truth == NULL || records == NULL)
        return false;
    fprintf(truth, "{\"format\": 1, \"applications\": [\n");
    fprintf(records, "application_id,corporate_number,company,address,title,name,birth_date,received_on\n");
    for (int i = o->first; good && i < o->first + o->count; i++)
        good = make_one(o, i, truth, records);
    fprintf(truth, "\n]}\n");
    return fclose(truth) == 0 && fclose(records) == 0 && good;
}

int main(int argc, char **argv) {
    static const struct option longs[] = {
        {"count", required_argument, NULL, 'c'}, {"seed", required_argument, NULL, 's'},
        {"bad", required_argument, NULL, 'b'},   {"fonts", required_argument, NULL, 'f'},
        {"hard", no_argument, NULL, 'h'},        {"only", required_argument, NULL, 'o'},
        {"wide", no_argument, NULL, 'w'},       {"first", required_argument, NULL, 'i'},
        {"any-name", no_argument, NULL, 'n'},
        {NULL, 0, NULL, 0}};
    struct options o = {.fonts = "all", .count = 60, .bad = 0.5, .seed = 1};
    int opt;

    while ((opt = getopt_long(argc, argv, "", longs, NULL)) != -1) {
        if (opt == 'c')
            o.count = (int)strtol(optarg, NULL, 10);
        else if (opt == 'i')
            o.first = (int)strtol(optarg, NULL, 10);
        else if (opt == 's')
            o.seed = strtoul(optarg, NULL, 10);
        else if (opt == 'b')
            o.bad = strtod(optarg, NULL);
        else if (opt == 'f')
            o.fonts = optarg;
        else if (opt == 'o')
            o.only = (int)strtol(optarg, NULL, 10);
        else if (opt == 'h')
            o.hard = 1;
        else if (opt == 'w')
            o.wide = true;
        else if (opt == 'n')
            o.any_name = true;
        else
            return 2;
    }
    if (optind + 1 != argc || o.only < 0 || o.only >= FAULT_END) {
        fprintf(stderr, "usage: make_forms [--first N] [--count N] [--seed N] [--bad PART] [--only FAULT] [--hard] [--wide]\n"
                        "                  [--any-name] [--fonts all|unseen|FAMILY] FOLDER\n");
        return 2;
    }
    o.out = argv[optind];
    return make_all(&o) ? 0 : 1;
}
