/* make_forms: writes a folder of invented scanned applications with their truth. */
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <tiffio.h>
#include <turbojpeg.h>

#include "tests/ocr/forms.h"

struct options {
    const char *out, *fonts;
    int count, hard;
    unsigned long seed;
    double bad;
};

struct made_page {
    const char *kind;
    struct scan scan;
    unsigned char *jpeg;
    unsigned long len;
    int w, h;
};

static bool make_page(const char *kind, const struct papers *p, const struct style *s,
                      const struct scan *scan, struct chance *c, struct made_page *ret) {
    cairo_surface_t *surface = cairo_image_surface_create(
        CAIRO_FORMAT_RGB24, (int)(210 * scan->dpi / 25.4), (int)(297 * scan->dpi / 25.4));
    cairo_t *cr = cairo_create(surface);
    bool good;

    cairo_set_source_rgb(cr, 1, 1, 1);
    cairo_paint(cr);
    cairo_scale(cr, scan->dpi / 25.4, scan->dpi / 25.4);
    if (scan->through && strcmp(kind, "form") != 0) { /* the form's back shines through */
        cairo_push_group(cr);
        cairo_save(cr);
        cairo_translate(cr, 210, 0);
        cairo_scale(cr, -1, 1);
        draw_form(cr, p, s, c);
        cairo_restore(cr);
        cairo_pop_group_to_source(cr);
        if (strcmp(kind, "blank") == 0)
            cairo_paint_with_alpha(cr, 0.08);
    }
    if (strcmp(kind, "form") == 0)
        draw_form(cr, p, s, c);
    else if (strcmp(kind, "certificate") == 0)
        draw_cert(cr, p, s, c, p->fault == FAULT_CERT_COPY);
    else
        draw_other(cr, kind, p, s, c);
    cairo_destroy(cr);
    cairo_surface_flush(surface);
    ret->kind = kind;
    ret->scan = *scan;
    good = scan_page(scan, surface, c, &ret->jpeg, &ret->len, &ret->w, &ret->h);
    cairo_surface_destroy(surface);
    return good;
}

/* One JPEG stream a page, as scanners write it. */
static bool write_tiff(const char *path, const struct made_page *pages, int count) {
    TIFF *tiff = TIFFOpen(path, "w");
    bool good = tiff != NULL;

    for (int i = 0; good && i < count; i++) {
        const struct made_page *p = &pages[i];

        TIFFSetField(tiff, TIFFTAG_IMAGEWIDTH, p->w);
        TIFFSetField(tiff, TIFFTAG_IMAGELENGTH, p->h);
        TIFFSetField(tiff, TIFFTAG_ROWSPERSTRIP, p->h);
        TIFFSetField(tiff, TIFFTAG_BITSPERSAMPLE, 8);
        TIFFSetField(tiff, TIFFTAG_SAMPLESPERPIXEL, p->scan.gray ? 1 : 3);
        TIFFSetField(tiff, TIFFTAG_PLANARCONFIG, PLANARCONFIG_CONTIG);
        TIFFSetField(tiff, TIFFTAG_COMPRESSION, COMPRESSION_JPEG);
        TIFFSetField(tiff, TIFFTAG_JPEGTABLESMODE, 0);
        TIFFSetField(tiff, TIFFTAG_PHOTOMETRIC,
                     p->scan.gray ? PHOTOMETRIC_MINISBLACK : PHOTOMETRIC_YCBCR);
        TIFFSetField(tiff, TIFFTAG_XRESOLUTION, (double)p->scan.dpi);
        TIFFSetField(tiff, TIFFTAG_YRESOLUTION, (double)p->scan.dpi);
        TIFFSetField(tiff, TIFFTAG_RESOLUTIONUNIT, RESUNIT_INCH);
        good = TIFFWriteRawStrip(tiff, 0, p->jpeg, (tmsize_t)p->len) >= 0 &&
               TIFFWriteDirectory(tiff) == 1;
    }
    if (tiff != NULL)
        TIFFClose(tiff);
    return good;
}

static int plan_pages(const struct papers *p, struct chance *c, const char **kinds) {
    int count = 0;

    if (chance_is(c, 0.04))
        kinds[count++] = "cover";
    kinds[count++] = "form";
    if (p->fault == FAULT_WRONG_DOCUMENT)
        kinds[count++] = chance_is(c, 0.5) ? "registry" : "personal";
    else if (p->fault == FAULT_BLANK)
        kinds[count++] = "blank";
    else if (p->fault != FAULT_CERT_MISSING)
        kinds[count++] = "certificate";
    if (chance_is(c, 0.04) && p->fault != FAULT_CERT_MISSING)
        kinds[count++] = "blank";
    if (chance_is(c, 0.2) && count == 2) {
        const char *first = kinds[0];

        kinds[0] = kinds[1];
        kinds[1] = first;
    }
    return count;
}

static void iso(FILE *f, const char *name, const int d[3], const char *tail) {
    fprintf(f, "\"%s\": \"%04d-%02d-%02d\"%s", name, d[0], d[1], d[2], tail);
}

static void write_truth(FILE *f, int index, const struct papers *p,
                        const struct made_page *pages, int count, bool tolerated,
                        const struct style *style) {
    const struct who *r = &p->record;
    bool cert = false;

    for (int i = 0; i < count; i++)
        cert |= strcmp(pages[i].kind, "certificate") == 0;
    fprintf(f, "%s{\"scan\": \"S%05d\", \"files\": [\"scans/S%05d.tif\"], ", index ? ",\n" : "",
            index, index);
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
    fprintf(f, "\"fonts\": [\"%s\", \"%s\"], \"layouts\": [%d, %d], \"overlap\": %d, ",
            style->form_font, style->cert_font, style->form_layout, style->cert_layout,
            p->overlap);
    fprintf(f, "\"pages\": [");
    for (int i = 0; i < count; i++) {
        const struct scan *s = &pages[i].scan;

        fprintf(f, "%s{\"kind\": \"%s\", \"turn\": %d, \"dpi\": %d, \"gray\": %s}", i ? ", " : "",
                pages[i].kind, s->turn, s->dpi, s->gray ? "true" : "false");
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
    struct made_page pages[PAGES_MAX] = {0};
    const char *kinds[PAGES_MAX];
    struct papers papers;
    struct style style;
    struct who who;
    struct scan scan;
    char path[512];
    enum fault fault = chance_is(&c, o->bad) ? (enum fault)chance_int(&c, 1, FAULT_END - 1)
                                             : FAULT_NONE;
    bool good = true, gray;
    int count;

    who_make(&c, index, &who);
    papers_make(&c, &who, fault, &papers);
    style_make(&c, o->fonts, &style);
    count = plan_pages(&papers, &c, kinds);
    scan_make(&c, o->hard, &scan);
    gray = scan.gray = scan.gray && fault != FAULT_CERT_COPY && fault != FAULT_FORM_COPY;
    for (int i = 0; good && i < count; i++) {
        scan.turn = chance_is(&c, 0.8) ? 0 : chance_int(&c, 1, 3) * 90;
        scan.angle = chance_real(&c, -1.8, 1.8);
        good = make_page(kinds[i], &papers, &style, &scan, &c, &pages[i]);
    }
    snprintf(path, sizeof path, "%s/scans/S%05d.tif", o->out, index);
    good = good && write_tiff(path, pages, count);
    write_truth(truth, index, &papers, pages, count,
                gray || papers.variant || papers.overlap >= 0, &style);
    write_record(records, &papers.record);
    for (int i = 0; i < count; i++)
        tjFree(pages[i].jpeg);
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
    for (int i = 0; good && i < o->count; i++)
        good = make_one(o, i, truth, records);
    fprintf(truth, "\n]}\n");
    return fclose(truth) == 0 && fclose(records) == 0 && good;
}

int main(int argc, char **argv) {
    static const struct option longs[] = {
        {"count", required_argument, NULL, 'c'}, {"seed", required_argument, NULL, 's'},
        {"bad", required_argument, NULL, 'b'},   {"fonts", required_argument, NULL, 'f'},
        {"hard", no_argument, NULL, 'h'},        {NULL, 0, NULL, 0}};
    struct options o = {.fonts = "all", .count = 60, .bad = 0.5, .seed = 1};
    int opt;

    while ((opt = getopt_long(argc, argv, "", longs, NULL)) != -1) {
        if (opt == 'c')
            o.count = (int)strtol(optarg, NULL, 10);
        else if (opt == 's')
            o.seed = strtoul(optarg, NULL, 10);
        else if (opt == 'b')
            o.bad = strtod(optarg, NULL);
        else if (opt == 'f')
            o.fonts = optarg;
        else if (opt == 'h')
            o.hard = 1;
        else
            return 2;
    }
    if (optind + 1 != argc) {
        fprintf(stderr, "usage: make_forms [--count N] [--seed N] [--bad PART] [--hard]\n"
                        "                  [--fonts all|unseen|FAMILY] FOLDER\n");
        return 2;
    }
    o.out = argv[optind];
    return make_all(&o) ? 0 : 1;
}
