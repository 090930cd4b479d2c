/* http_console: the pages of the staff console, from Mustache templates (http/pages/
 * console) and a JSON object.
 *
 * Templates see the object's members; `me` is who is signed in. Codes become texts by
 * {{#t}}stage_{{stage}}{{/t}} (a message of the console's catalogue), moments by
 * {{#time}}{{created_ms}}{{/time}} (of Japan). All values are HTML-escaped.
 * C++ exceptions end in http_console.cc. Thread: after init any. */
#ifndef HTTP_HTTP_CONSOLE_H
#define HTTP_HTTP_CONSOLE_H

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

#include "http/http_lang.h"
#include "store/base/buf.h"
#include "store/base/err.h"
#include "store/base/span.h"

/* X(identifier, template): title in the catalogue as title_TEMPLATE. */
#define CONSOLE_PAGES(X)                                                               \
    X(LOGIN, login)                                                                    \
    X(PROBLEM, problem)                                                                \
    X(HOME, home)                                                                      \
    X(SESSIONS, sessions)                                                              \
    X(PASSWORD, password)                                                              \
    X(RP_LIST, rp_list)                                                                \
    X(RP, rp)                                                                          \
    X(RP_FORM, rp_form)                                                                \
    X(RP_SECRET, rp_secret)                                                            \
    X(RP_MINISTRIES, rp_ministries)                                                    \
    X(RP_IMPORT, rp_import)                                                            \
    X(PEOPLE, people)                                                                  \
    X(PEOPLE_FORM, people_form)                                                        \
    X(PEOPLE_SEED, people_seed)                                                        \
    X(OPERATION, operation)                                                            \
    X(AUDIT, audit)                                                                    \
    X(DESK, desk)                                                                      \
    X(APPLICATION, application)                                                        \
    X(IMPORTS, imports)                                                                \
    X(IMPORT, import)                                                                  \
    X(INTAKE, intake)                                                                  \
    X(HELP, help)

enum console_page {
#define X(id, name) CONSOLE_##id,
    CONSOLE_PAGES(X)
#undef X
        CONSOLE_PAGES_COUNT
};

/* ERR_INVALID: an embedded template or catalogue is broken. */
enum err http_console_init(void);

/* Append the whole page. `environment` as in http_page.h. ERR_INVALID: `json` is no
 * object. */
enum err http_console_render(enum console_page page, enum http_lang lang,
                             const char *environment, struct span json,
                             struct buf *out);

/* Is there a message of this key? */
bool http_console_known(const char *key);

/* The style sheet: its path (with its hash) and its bytes. Static. */
const char *http_console_style_path(void);
struct span http_console_style(void);
/* The same of the script: the desk's keys, and the intake's uploads. */
const char *http_console_script_path(void);
struct span http_console_script(void);

#ifdef __cplusplus
}
#endif

#endif
