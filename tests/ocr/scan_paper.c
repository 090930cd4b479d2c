/* scan_paper: the form that the server prints (server/paper.h), sealed, scanned and
 * degraded as paper is, with a certificate, for the reader to read back.
 *
 * scan_paper --count N --seed N [--hard] [--no-code] FOLDER
 *     N invented applications: FOLDER/pNN.tif, and a line for `tasuki-ocr read --batch`
 *     each on stdout. --no-code: something covers the code.
 * scan_paper --print FORM.pdf
 *     the form alone, as it is printed.
 * scan_paper --pdf FORM.pdf --number N --company C --name N --birth YYYY-MM-DD
 *            --issued YYYY-MM-DD OUT.tif
 *     the first page of that file as its applicant posts it. */
#include <getopt.h>
#include <math.h>
#include <poppler.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/paper.h"
#include "tests/ocr/forms.h"

struct options {
    const char *pdf, *number, *company, *name, *birth, *issued;
    int count, hard;
    bool no_code, print;
    unsigned long seed;
};

/* ---- the form */

static bool print_form(const struct who *who, struct buf *out) {
    struct profile profile = {.corp_type = CORP_CORPORATION};
    const char *gap = strchr(who->name, ' ');
    char day[24];
    struct paper paper = {
        .kind = APPLICANT_CORPORATION,
        .application_id = span_str(who->id),
        .profile = &profile,
        .applied = {(uint16_t)who->received[0], (uint8_t)who->received[1],
                    (uint8_t)who->received[2]},
        .environment = "",
        .other_documents = span_str(""),
        .intake_address = span_str("〒100-0000 東京都千代田区霞が関0丁目0番0号"),
    };

    snprintf(day, sizeof day, "%04d%02d%02d", who->birth[0], who->birth[1], who->birth[2]);
    profile.fields[PROFILE_CORPORATE_NUMBER] = span_str(who->number);
    profile.fields[PROFILE_NAME] = span_str(who->company);
    profile.fields[PROFILE_ADDRESS1] = span_str(who->address);
    profile.fields[PROFILE_REP_LAST_NAME] =
        span_of(who->name, gap ? (size_t)(gap - who->name) : strlen(who->name));
    profile.fields[PROFILE_REP_FIRST_NAME] = span_str(gap ? gap + 1 : "");
    profile.fields[PROFILE_REP_LAST_KANA] = span_str("スリアヨ");
    profile.fields[PROFILE_REP_FIRST_KANA] = span_str("クヤ");
    profile.fields[PROFILE_BIRTHDAY] = span_str(day);
    profile.fields[PROFILE_USER_POST_CODE] = span_str("1000013");
    profile.fields[PROFILE_USER_PREFECTURE] = span_str("13");
    profile.fields[PROFILE_USER_ADDRESS1] = span_str("千代田区");
    profile.fields[PROFILE_USER_ADDRESS2] = span_str("霞が関1丁目3番1号");
    profile.fields[PROFILE_USER_TEL] = span_str("+819012345678");
    profile.fields[PROFILE_EMAIL] = span_str("user5299@example.co.jp");
    return paper_print(&paper, out) == OK;
}

/* Scaled to millimetres; the first page. */
static bool draw_pdf(cairo_t *cr, struct span pdf) {
    GBytes *bytes = g_bytes_new_static(pdf.data, pdf.len);
    PopplerDocument *document = poppler_document_new_from_bytes(bytes, NULL, NULL);
    PopplerPage *page = document ? poppler_document_get_page(document, 0) : NULL;

    if (page) {
        cairo_save(cr);
        cairo_scale(cr, 25.4 / 72, 25.4 / 72);
        poppler_page_render_for_printing(page, cr);
        cairo_restore(cr);
        g_object_unref(page);
    }
    if (document)
        g_object_unref(document);
    g_bytes_unref(bytes);
    return page != NULL;
}

/* ---- pages */

struct drawing {
    const struct options *o;
    struct span pdf; /* NULL data: the certificate */
    const struct papers *papers;
    const struct style *style;
    struct chance *chance;
};

static bool draw_page(cairo_t *cr, const struct drawing *d) {
    struct chance *c = d->chance;

    if (!d->pdf.data) {
        draw_cert(cr, d->papers, d->style, c, false);
        return true;
    }
    if (!draw_pdf(cr, d->pdf))
        return false;
    if (d->o->no_code) { /* a label was stuck over it */
        cairo_set_source_rgb(cr, 0.93, 0.93, 0.9);
        cairo_rectangle(cr, 165, 13, 26, 15);
        cairo_fill(cr);
    }
    draw_seal(cr, PAPER_SEAL_X + chance_real(c, -5, 5), PAPER_SEAL_Y + chance_real(c, -5, 5),
              d->papers->seal[0], d->papers->form.company, d->style->seal_font,
              chance_real(c, -0.4, 0.4), true, false);
    return true;
}

static bool make_page(const struct drawing *d, const struct scan *scan,
                      struct scanned *ret) {
    cairo_surface_t *surface =
        cairo_image_surface_create(CAIRO_FORMAT_RGB24, (int)(210 * scan->dpi / 25.4),
                                   (int)(297 * scan->dpi / 25.4));
    cairo_t *cr = cairo_create(surface);
    bool good;

    cairo_set_source_rgb(cr, 1, 1, 1);
    cairo_paint(cr);
    cairo_scale(cr, scan->dpi / 25.4, scan->dpi / 25.4);
    good = draw_page(cr, d);
    cairo_destroy(cr);
    cairo_surface_flush(surface);
    good = good && scan_page(scan, surface, d->chance, ret);
    cairo_surface_destroy(surface);
    return good;
}

static bool scan_both(const struct options *o, struct drawing *form, struct chance *c,
                      const char *path) {
    struct scanned pages[2] = {{0}};
    struct drawing cert = *form;
    struct scan scan;
    bool good = true;

    cert.pdf = span_of(NULL, 0);
    scan_make(c, o->hard, &scan);
    scan.gray = false; /* a grey scan shows no red: another test's */
    for (int i = 0; good && i < 2; i++) {
        scan.angle = chance_real(c, -1.8, 1.8);
        scan.turn = o->hard && i == 0 ? 180 : 0;
        good = make_page(i == 0 ? form : &cert, &scan, &pages[i]);
    }
    good = good && scanned_write_tiff(path, pages, 2);
    for (int i = 0; i < 2; i++)
        scanned_free(&pages[i]);
    return good;
}

/* ---- invented ones */

static bool make_one(const struct options *o, const char *folder, int index) {
    struct chance c = {o->seed * 1000003u + (unsigned long)index};
    struct papers papers;
    struct style style;
    struct who who;
    struct buf pdf;
    struct drawing form = {o, .papers = &papers, .style = &style, .chance = &c};
    char path[512];
    bool good;

    who_make(&c, index, &who);
    papers_make(&c, &who, FAULT_NONE, &papers);
    style_make(&c, "all", &style);
    snprintf(path, sizeof path, "%s/p%02d.tif", folder, index);
    buf_init(&pdf, PAPER_BYTES_MAX);
    good = print_form(&papers.form, &pdf);
    form.pdf = buf_span(&pdf);
    good = good && scan_both(o, &form, &c, path);
    buf_free(&pdf);
    printf("{\"files\": [\"%s\"], \"application_id\": \"%s\", "
           "\"corporate_number\": \"%s\", \"company\": \"%s\", \"address\": \"%s\", "
           "\"title\": \"%s\", \"name\": \"%s\", \"birth_date\": \"%04d-%02d-%02d\", "
           "\"received_on\": \"%04d-%02d-%02d\"}\n",
           path, who.id, who.number, who.company, who.address, papers.record.title,
           who.name, who.birth[0], who.birth[1], who.birth[2], who.received[0],
           who.received[1], who.received[2]);
    return good;
}

/* The file as the server gives it. */
static bool print_one(const struct options *o, const char *path) {
    struct chance c = {o->seed};
    struct who who;
    struct buf pdf;
    FILE *f = fopen(path, "wb");
    bool good;

    who_make(&c, 1, &who);
    buf_init(&pdf, PAPER_BYTES_MAX);
    good = f && print_form(&who, &pdf) && fwrite(pdf.data, 1, pdf.len, f) == pdf.len;
    good = f && fclose(f) == 0 && good;
    buf_free(&pdf);
    return good;
}

/* ---- a given one */

static bool day(const char *text, int out[3]) {
    return text && sscanf(text, "%d-%d-%d", &out[0], &out[1], &out[2]) == 3;
}

static bool load(const char *path, struct buf *out) {
    char part[65536];
    FILE *f = fopen(path, "rb");
    size_t len;

    while (f && (len = fread(part, 1, sizeof part, f)) > 0)
        buf_put(out, part, len);
    return f && fclose(f) == 0 && buf_err(out) == OK;
}

static bool scan_given(const struct options *o, const char *path) {
    struct chance c = {o->seed * 1000003u + 17};
    struct papers papers;
    struct style style;
    struct who who;
    struct buf pdf;
    struct drawing form = {o, .papers = &papers, .style = &style, .chance = &c};
    bool good;

    who_make(&c, 1, &who);
    papers_make(&c, &who, FAULT_NONE, &papers);
    style_make(&c, "all", &style);
    snprintf(papers.form.company, sizeof papers.form.company, "%s", o->company);
    snprintf(papers.cert_name, sizeof papers.cert_name, "%s", o->name);
    snprintf(papers.cert_number, sizeof papers.cert_number, "%.12s", o->number + 1);
    buf_init(&pdf, PAPER_BYTES_MAX);
    good = strlen(o->number) == 13 && day(o->birth, papers.cert_birth) &&
           day(o->issued, papers.issued) && load(o->pdf, &pdf);
    form.pdf = buf_span(&pdf);
    good = good && scan_both(o, &form, &c, path);
    buf_free(&pdf);
    return good;
}

int main(int argc, char **argv) {
    static const struct option longs[] = {
        {"count", required_argument, NULL, 'c'},  {"seed", required_argument, NULL, 's'},
        {"hard", no_argument, NULL, 'h'},         {"no-code", no_argument, NULL, 'x'},
        {"print", no_argument, NULL, 'w'},
        {"pdf", required_argument, NULL, 'p'},    {"number", required_argument, NULL, 'n'},
        {"company", required_argument, NULL, 'k'}, {"name", required_argument, NULL, 'm'},
        {"birth", required_argument, NULL, 'b'},  {"issued", required_argument, NULL, 'i'},
        {NULL, 0, NULL, 0}};
    struct options o = {.count = 4, .seed = 1};
    bool good = true;
    int opt;

    while ((opt = getopt_long(argc, argv, "", longs, NULL)) != -1) {
        const char **texts[] = {['p'] = &o.pdf,  ['n'] = &o.number, ['k'] = &o.company,
                                ['m'] = &o.name, ['b'] = &o.birth,  ['i'] = &o.issued};
        if (opt == 'c')
            o.count = (int)strtol(optarg, NULL, 10);
        else if (opt == 's')
            o.seed = strtoul(optarg, NULL, 10);
        else if (opt == 'h')
            o.hard = 1;
        else if (opt == 'x')
            o.no_code = true;
        else if (opt == 'w')
            o.print = true;
        else if (opt != '?')
            *texts[opt] = optarg;
        else
            return 2;
    }
    if (optind + 1 != argc || (o.pdf && !(o.number && o.company && o.name))) {
        fprintf(stderr, "usage: scan_paper [--count N] [--seed N] [--hard] [--no-code] "
                        "FOLDER\n       scan_paper --pdf FILE --number N --company C "
                        "--name N --birth DAY --issued DAY OUT.tif\n");
        return 2;
    }
    if (o.print)
        return print_one(&o, argv[optind]) ? 0 : 1;
    if (o.pdf)
        good = scan_given(&o, argv[optind]);
    for (int i = 0; !o.pdf && good && i < o.count; i++)
        good = make_one(&o, argv[optind], i);
    return good ? 0 : 1;
}
