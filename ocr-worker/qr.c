#include "ocr-worker/qr.h"

#include <string.h>
#include <zbar.h>

#define ID_PLAIN 9    /* digits of a number without check digits */
#define ID_CHECKED 11 /* and with them (server/domain/application_id.h) */

static bool is_id(uint8_t c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || c == '-';
}

/* "2" or "2.1": hundreds and units. */
static bool version_parse(struct span text, unsigned *ret) {
    unsigned part[2] = {0}, at = 0, digits = 0;

    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.data[i];

        if (c == '.' && at == 0 && digits > 0) {
            at = 1;
            digits = 0;
        } else if (c >= '0' && c <= '9' && ++digits <= 2) {
            part[at] = part[at] * 10 + (unsigned)(c - '0');
        } else {
            return false;
        }
    }
    *ret = part[0] * 100 + part[1];
    return digits > 0;
}

bool qr_parse(struct span payload, struct qr *ret) {
    static const char head[] = "GBZP1;";
    size_t at = sizeof head - 1, len = 0;
    struct qr qr = {.found = true};

    if (payload.len < at || memcmp(payload.data, head, at) != 0)
        return false;
    for (; at + len < payload.len && payload.data[at + len] != ';'; len++)
        if (len == QR_ID_MAX || !is_id(payload.data[at + len]))
            return false;
    if (len == 0 || at + len + 2 >= payload.len || payload.data[at + len + 1] != 'v')
        return false;
    memcpy(qr.application_id, payload.data + at, len);
    at += len + 2;
    *ret = qr;
    return version_parse(span_of(payload.data + at, payload.len - at),
                         &ret->form_version);
}

/* ISO/IEC 7064, MOD 97-10: of the numbers that this system gives out. */
static bool is_checked(const char *digits, size_t len) {
    unsigned rest = 0;

    for (size_t i = 0; i < len; i++)
        rest = (rest * 10 + (unsigned)(digits[i] - '0')) % 97;
    return rest == 1;
}

bool qr_printed_id(const char *digits, size_t count, size_t sure, char ret[QR_ID_MAX + 1]) {
    size_t len = count >= ID_CHECKED && is_checked(digits + count - ID_CHECKED, ID_CHECKED)
                     ? ID_CHECKED
                     : ID_PLAIN;

    /* The letter before them may have been taken for a digit, but for one alone. */
    if (count < len || count > len + 1 || sure < len)
        return false;
    ret[0] = 'P';
    memcpy(ret + 1, digits + count - len, len);
    ret[1 + len] = '\0';
    return true;
}

struct qr qr_find(const struct plane *gray, int density) {
    zbar_image_scanner_t *scanner = zbar_image_scanner_create();
    zbar_image_t *image = zbar_image_create();
    struct qr qr = {0};

    zbar_image_scanner_set_config(scanner, 0, ZBAR_CFG_ENABLE, 0);
    zbar_image_scanner_set_config(scanner, ZBAR_QRCODE, ZBAR_CFG_ENABLE, 1);
    zbar_image_scanner_set_config(scanner, 0, ZBAR_CFG_X_DENSITY, density);
    zbar_image_scanner_set_config(scanner, 0, ZBAR_CFG_Y_DENSITY, density);
    zbar_image_set_format(image, zbar_fourcc('Y', '8', '0', '0'));
    zbar_image_set_size(image, (unsigned)gray->width, (unsigned)gray->height);
    zbar_image_set_data(image, gray->px,
                        (unsigned long)gray->width * (unsigned long)gray->height, NULL);
    if (zbar_scan_image(scanner, image) > 0) {
        const zbar_symbol_t *symbol = zbar_image_first_symbol(image);

        for (; symbol != NULL && !qr.found; symbol = zbar_symbol_next(symbol))
            if (!qr_parse(span_of(zbar_symbol_get_data(symbol),
                                  zbar_symbol_get_data_length(symbol)),
                          &qr))
                qr.found = false;
    }
    zbar_image_destroy(image);
    zbar_image_scanner_destroy(scanner);
    return qr;
}
