/* forms_tiff: pages as scanners write them. */
#include <stdlib.h>
#include <tiffio.h>
#include <turbojpeg.h>

#include "tests/ocr/forms.h"

static void describe(TIFF *tiff, const struct scanned *p) {
    TIFFSetField(tiff, TIFFTAG_IMAGEWIDTH, p->w);
    TIFFSetField(tiff, TIFFTAG_IMAGELENGTH, p->h);
    TIFFSetField(tiff, TIFFTAG_ROWSPERSTRIP, p->h);
    TIFFSetField(tiff, TIFFTAG_PLANARCONFIG, PLANARCONFIG_CONTIG);
    TIFFSetField(tiff, TIFFTAG_XRESOLUTION, (double)p->dpi);
    TIFFSetField(tiff, TIFFTAG_YRESOLUTION, (double)p->dpi);
    TIFFSetField(tiff, TIFFTAG_RESOLUTIONUNIT, RESUNIT_INCH);
    if (p->bits) {
        TIFFSetField(tiff, TIFFTAG_BITSPERSAMPLE, 1);
        TIFFSetField(tiff, TIFFTAG_SAMPLESPERPIXEL, 1);
        TIFFSetField(tiff, TIFFTAG_COMPRESSION, COMPRESSION_CCITTFAX4);
        TIFFSetField(tiff, TIFFTAG_PHOTOMETRIC, PHOTOMETRIC_MINISWHITE);
        return;
    }
    TIFFSetField(tiff, TIFFTAG_BITSPERSAMPLE, 8);
    TIFFSetField(tiff, TIFFTAG_SAMPLESPERPIXEL, p->gray ? 1 : 3);
    TIFFSetField(tiff, TIFFTAG_COMPRESSION, COMPRESSION_JPEG);
    TIFFSetField(tiff, TIFFTAG_JPEGTABLESMODE, 0);
    TIFFSetField(tiff, TIFFTAG_PHOTOMETRIC,
                 p->gray ? PHOTOMETRIC_MINISBLACK : PHOTOMETRIC_YCBCR);
}

bool scanned_write_tiff(const char *path, const struct scanned *pages, int count) {
    TIFF *tiff = TIFFOpen(path, "w");
    bool good = tiff != NULL;

    for (int i = 0; good && i < count; i++) {
        const struct scanned *p = &pages[i];

        describe(tiff, p);
        if (p->bits)
            good = TIFFWriteEncodedStrip(tiff, 0, p->data, (tmsize_t)p->len) >= 0;
        else
            good = TIFFWriteRawStrip(tiff, 0, p->data, (tmsize_t)p->len) >= 0;
        good = good && TIFFWriteDirectory(tiff) == 1;
    }
    if (tiff != NULL)
        TIFFClose(tiff);
    return good;
}

void scanned_free(struct scanned *s) {
    if (s->bits)
        free(s->data);
    else
        tjFree(s->data);
    s->data = NULL;
}
