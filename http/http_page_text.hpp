/* http_page_text: what the files that make pages share. C++, for http_page.cc and
 * http_console.cc alone. */
#ifndef HTTP_HTTP_PAGE_TEXT_H
#define HTTP_HTTP_PAGE_TEXT_H

#include <kainjow/mustache.hpp>
#include <map>
#include <memory>
#include <string>

#include "store/base/span.h"

/* `key = text` lines, `#` comments. False: none, malformed, or a key twice. */
bool http_page_messages(const std::string &text,
                        std::map<std::string, std::string> &out);
/* NULL: broken. */
std::unique_ptr<kainjow::mustache::mustache>
http_page_compile(const unsigned char *bytes, size_t len);
/* /assets/STEM-HASH.TYPE */
std::string http_page_asset(const char *stem, const char *type,
                            const unsigned char *bytes, size_t len);
/* Without what could make one text look like another (SECURITY F10). */
std::string http_page_neutral(struct span text);

#endif
