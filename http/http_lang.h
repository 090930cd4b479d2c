/* http_lang: in which language a page is shown. Japanese unless English is asked
 * for: by the switch (`ui` parameter, kept in a cookie), by `ui_locales` (OIDC Core
 * §3.1.2.1), or by Accept-Language (RFC 9110 §12.5.4). Pure; fuzzed. */
#ifndef HTTP_HTTP_LANG_H
#define HTTP_HTTP_LANG_H

#include "store/base/span.h"

enum http_lang { LANG_JA, LANG_EN, LANGS };

/* The better of ja and en by quality; Japanese when equal or when neither stands
 * there. Malformed parts are passed over. */
enum http_lang http_lang_accept(struct span header);

/* Space-separated BCP 47 tags, best first. False: neither ja nor en. */
bool http_lang_locales(struct span ui_locales, enum http_lang *ret_lang);

#endif
