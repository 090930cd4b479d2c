#include "http/http_lang.h"

#include <stdbool.h>
#include <strings.h>

/* Quality in thousandths: "1", "0.8", "0.125"; -1 when malformed. */
static int parse_quality(struct span s) {
    if (s.len == 0 || (s.data[0] != '0' && s.data[0] != '1') || s.len > 5 ||
        (s.len > 1 && s.data[1] != '.')) {
        return -1;
    }
    int value = (s.data[0] - '0') * 1000;
    int unit = 100;
    for (size_t i = 2; i < s.len; i++) {
        if (s.data[i] < '0' || s.data[i] > '9') {
            return -1;
        }
        value += (s.data[i] - '0') * unit;
        unit /= 10;
    }
    return value <= 1000 ? value : -1;
}

static bool is_language(struct span tag, const char *primary) {
    size_t len = strlen(primary);
    return tag.len >= len && strncasecmp((const char *)tag.data, primary, len) == 0 &&
           (tag.len == len || tag.data[len] == '-');
}

/* Cut up to `stop`, without the blanks around. */
static struct span cut(struct span *in, uint8_t stop) {
    const uint8_t *at = memchr(in->data, stop, in->len);
    size_t len = at != NULL ? (size_t)(at - in->data) : in->len;
    struct span part = span_of(in->data, len);
    size_t step = at != NULL ? len + 1 : len;
    in->data += step;
    in->len -= step;
    while (part.len > 0 && part.data[0] == ' ') {
        part.data++;
        part.len--;
    }
    while (part.len > 0 && part.data[part.len - 1] == ' ') {
        part.len--;
    }
    return part;
}

enum http_lang http_lang_accept(struct span header) {
    int ja = -1;
    int en = -1;
    while (header.len > 0) {
        struct span item = cut(&header, ',');
        struct span tag = item.len > 0 ? cut(&item, ';') : item;
        int quality = 1000;
        if (item.len > 2 && (item.data[0] == 'q' || item.data[0] == 'Q') &&
            item.data[1] == '=') {
            quality = parse_quality(span_of(item.data + 2, item.len - 2));
        }
        if (is_language(tag, "ja") && quality > ja) {
            ja = quality;
        } else if (is_language(tag, "en") && quality > en) {
            en = quality;
        }
    }
    return en > 0 && en > ja ? LANG_EN : LANG_JA;
}

bool http_lang_locales(struct span ui_locales, enum http_lang *ret_lang) {
    while (ui_locales.len > 0) {
        struct span tag = cut(&ui_locales, ' ');
        if (is_language(tag, "ja") || is_language(tag, "en")) {
            *ret_lang = is_language(tag, "ja") ? LANG_JA : LANG_EN;
            return true;
        }
    }
    return false;
}
