/* http_page: pages from Mustache templates (http/pages), in Japanese or English.
 *
 * Templates and message catalogues are embedded by CMake and compiled once by
 * http_page_init. All values are HTML-escaped. Templates see what is set here, and
 * every message of the catalogue as `m_<key>`. C++ exceptions end in this file.
 * Thread: after init any; a data object belongs to its request's. */
#ifndef HTTP_HTTP_PAGE_H
#define HTTP_HTTP_PAGE_H

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

#include "http/http_lang.h"
#include "store/base/buf.h"
#include "store/base/err.h"
#include "store/base/span.h"

enum http_page {
    PAGE_HOME,
    PAGE_LOGIN,
    PAGE_FACTOR,
    PAGE_ENROL,
    PAGE_RECOVER,
    PAGE_ENTRY,
    PAGE_APPLY,
    PAGE_APPLY_STATUS,
    PAGE_ACTIVATE,
    PAGE_CONSENT,
    PAGE_POST,
    PAGE_LOGOUT,
    PAGE_ACCOUNT,
    PAGE_ERROR,
    PAGES
};

struct http_page_data;

/* ERR_INVALID: an embedded template or catalogue is broken. */
enum err http_page_init(void);

/* NULL only when memory is exhausted, which the functions below take as well. */
struct http_page_data *http_page_data_new(void);
void http_page_data_free(struct http_page_data *data);
/* Text from people loses control and bidirectional formatting characters. A section of an
 * empty one is not shown. */
void http_page_set(struct http_page_data *data, const char *key, struct span value);
void http_page_set_bool(struct http_page_data *data, const char *key, bool value);
/* Add {"name": name, "value": value} to the list `list`; the value is for machines, and
 * kept as it is. */
void http_page_add_field(struct http_page_data *data, const char *list,
                         const char *name, struct span value);
/* Add {"text": the message `key` and the label, "value": value} to the list `list`; what
 * people wrote into the label is treated as http_page_set does. */
void http_page_add_choice(struct http_page_data *data, const char *list,
                          enum http_lang lang, const char *key, struct span label,
                          const char *value);
/* One value of a row: the message `message`, or (NULL, or no such message) the text,
 * treated as http_page_set does. */
struct http_page_cell {
    const char *name;
    struct span text;
    const char *message;
};
/* Add {name: value, ...} to the list `list`. */
void http_page_add_row(struct http_page_data *data, const char *list, enum http_lang lang,
                       const struct http_page_cell cells[], size_t count);
/* Add {"text": the message `key`} to the list `list`. */
void http_page_add_message(struct http_page_data *data, const char *list,
                           enum http_lang lang, const char *key);
/* The same, with the count in the place of the message's "{n}". */
void http_page_add_count(struct http_page_data *data, const char *list,
                         enum http_lang lang, const char *key, uint64_t count);

/* `environment`: "demo", "verification" or "production"; names colour and text of the
 * band at the top. Appends the whole page. */
enum err http_page_render(enum http_page page, enum http_lang lang,
                          const char *environment, struct http_page_data *data,
                          struct buf *out);

/* The style sheet: its path (with its hash) and its bytes. Static. */
const char *http_page_style_path(void);
struct span http_page_style(void);
/* The scripts of the pages that have one, likewise. */
enum http_script { SCRIPT_FACTOR, SCRIPT_APPLY, SCRIPTS };
bool http_page_has_script(enum http_page page);
const char *http_page_script_path(enum http_script script);
struct span http_page_script(enum http_script script);

#ifdef __cplusplus
}
#endif

#endif
