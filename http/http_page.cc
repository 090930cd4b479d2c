#include "http/http_page_text.hpp"

#include "http/http_page.h"

#include <array>
#include <cstdio>
#include <exception>
#include <kainjow/mustache.hpp>
#include <map>
#include <memory>
#include <string>

#include <http_pages.h> /* made by CMake: embedded files */

using kainjow::mustache::data;
using kainjow::mustache::mustache;

struct http_page_data {
    data values{data::type::object};
};

namespace {

struct assets {
    std::array<std::unique_ptr<mustache>, PAGES> pages;
    std::unique_ptr<mustache> frame; /* around every page */
    std::array<std::map<std::string, std::string>, LANGS> messages;
    std::string style_path;
    std::array<std::string, SCRIPTS> script_paths;
};

assets *shared = nullptr;

} // namespace

bool http_page_messages(const std::string &text,
                        std::map<std::string, std::string> &out) {
    size_t at = 0;
    while (at < text.size()) {
        size_t end = text.find('\n', at);
        end = end == std::string::npos ? text.size() : end;
        std::string line = text.substr(at, end - at);
        at = end + 1;
        if (line.empty() || line[0] == '#') {
            continue;
        }
        size_t eq = line.find(" = ");
        if (eq == std::string::npos ||
            !out.emplace(line.substr(0, eq), line.substr(eq + 3)).second) {
            return false;
        }
    }
    return !out.empty();
}

std::unique_ptr<mustache> http_page_compile(const unsigned char *bytes, size_t len) {
    auto page = std::make_unique<mustache>(
        std::string(reinterpret_cast<const char *>(bytes), len));
    return page->is_valid() ? std::move(page) : nullptr;
}

std::string http_page_asset(const char *stem, const char *type,
                            const unsigned char *bytes, size_t len) {
    uint64_t hash = 1469598103934665603u; /* FNV-1a: a name, not a proof */
    for (size_t i = 0; i < len; i++) {
        hash = (hash ^ bytes[i]) * 1099511628211u;
    }
    char name[96];
    std::snprintf(name, sizeof(name), "/assets/%s-%016llx.%s", stem,
                  static_cast<unsigned long long>(hash), type);
    return name;
}

namespace {

/* What could make one text look like another (SECURITY_CHECKS F10). */
bool is_deceptive(uint32_t c) {
    return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0xad || c == 0x34f ||
           c == 0x61c || c == 0x115f || c == 0x1160 || c == 0x180e ||
           (c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
           (c >= 0x2060 && c <= 0x206f) || c == 0x3164 || c == 0xfeff ||
           c == 0xffa0 || (c >= 0xfff0 && c <= 0xfffb) ||
           (c >= 0xe0000 && c <= 0xe0fff && !(c >= 0xe0100 && c <= 0xe01ef));
}

} // namespace

std::string http_page_neutral(struct span text) {
    std::string out;
    const auto *p = reinterpret_cast<const unsigned char *>(text.data);
    for (size_t i = 0; i < text.len;) {
        size_t n = p[i] < 0x80 ? 1 : p[i] < 0xe0 ? 2 : p[i] < 0xf0 ? 3 : 4;
        if (n > text.len - i) {
            break;
        }
        uint32_t c = n == 1 ? p[i] : p[i] & (0xffu >> (n + 1));
        for (size_t k = 1; k < n; k++) {
            c = c << 6 | (p[i + k] & 0x3fu);
        }
        if (!is_deceptive(c)) {
            out.append(reinterpret_cast<const char *>(p + i), n);
        }
        i += n;
    }
    return out;
}

static std::unique_ptr<mustache> compile(const unsigned char *bytes, size_t len) {
    return http_page_compile(bytes, len);
}

/* An empty text is none: a section of it is not shown. */
static data text_or_none(struct span text) {
    return text.len > 0 ? data{http_page_neutral(text)} : data{data::type::bool_false};
}

extern "C" enum err http_page_init(void) {
    if (shared != nullptr) {
        return OK;
    }
    try {
        auto made = std::make_unique<assets>();
        made->pages[PAGE_HOME] = compile(pages_home_mustache, pages_home_mustache_len);
        made->pages[PAGE_LOGIN] =
            compile(pages_login_mustache, pages_login_mustache_len);
        made->pages[PAGE_FACTOR] =
            compile(pages_factor_mustache, pages_factor_mustache_len);
        made->pages[PAGE_ENROL] =
            compile(pages_enrol_mustache, pages_enrol_mustache_len);
        made->pages[PAGE_RECOVER] =
            compile(pages_recover_mustache, pages_recover_mustache_len);
        made->pages[PAGE_ENTRY] =
            compile(pages_entry_mustache, pages_entry_mustache_len);
        made->pages[PAGE_APPLY] =
            compile(pages_apply_mustache, pages_apply_mustache_len);
        made->pages[PAGE_APPLY_STATUS] =
            compile(pages_apply_status_mustache, pages_apply_status_mustache_len);
        made->pages[PAGE_ACTIVATE] =
            compile(pages_activate_mustache, pages_activate_mustache_len);
        made->pages[PAGE_CONSENT] =
            compile(pages_consent_mustache, pages_consent_mustache_len);
        made->pages[PAGE_POST] = compile(pages_post_mustache, pages_post_mustache_len);
        made->pages[PAGE_LOGOUT] =
            compile(pages_logout_mustache, pages_logout_mustache_len);
        made->pages[PAGE_ACCOUNT] =
            compile(pages_account_mustache, pages_account_mustache_len);
        made->pages[PAGE_ERROR] =
            compile(pages_error_mustache, pages_error_mustache_len);
        made->frame = compile(pages_frame_mustache, pages_frame_mustache_len);
        bool ok = made->frame != nullptr;
        for (const auto &page : made->pages) {
            ok = ok && page != nullptr;
        }
        auto text = [](const unsigned char *bytes, size_t len) {
            return std::string(reinterpret_cast<const char *>(bytes), len);
        };
        ok = ok &&
             http_page_messages(text(pages_messages_ja, pages_messages_ja_len),
                            made->messages[LANG_JA]) &&
             http_page_messages(text(pages_messages_en, pages_messages_en_len),
                            made->messages[LANG_EN]);
        for (const auto &[key, value] : made->messages[LANG_JA]) {
            ok = ok && made->messages[LANG_EN].count(key) == 1;
        }
        ok = ok && made->messages[LANG_JA].size() == made->messages[LANG_EN].size();
        made->style_path =
            http_page_asset("style", "css", pages_style_css, pages_style_css_len);
        made->script_paths[SCRIPT_FACTOR] =
            http_page_asset("factor", "js", pages_factor_js, pages_factor_js_len);
        made->script_paths[SCRIPT_APPLY] =
            http_page_asset("apply", "js", pages_apply_js, pages_apply_js_len);
        if (!ok) {
            return ERR_INVALID;
        }
        shared = made.release();
        return OK;
    } catch (const std::exception &) {
        return ERR_NOMEM;
    }
}

extern "C" struct http_page_data *http_page_data_new(void) {
    return new (std::nothrow) http_page_data;
}

extern "C" void http_page_data_free(struct http_page_data *page_data) {
    delete page_data;
}

template <typename F> static void guarded(struct http_page_data *page_data, F f) {
    if (page_data == nullptr) {
        return;
    }
    try {
        f(page_data->values);
    } catch (const std::exception &) {
        /* Out of memory: the page is shown without the value. */
    }
}

extern "C" void http_page_set(struct http_page_data *page_data, const char *key,
                              struct span value) {
    guarded(page_data, [&](data &values) { values.set(key, text_or_none(value)); });
}

extern "C" void http_page_set_bool(struct http_page_data *page_data, const char *key,
                                   bool value) {
    guarded(page_data, [&](data &values) {
        values.set(key,
                   value ? data{data::type::bool_true} : data{data::type::bool_false});
    });
}

/* One more item of a list. */
static void push(data &values, const char *list, const data &item) {
    const data *old = values.get(list);
    data items = old != nullptr ? *old : data{data::type::list};
    items.push_back(item);
    values.set(list, items);
}

extern "C" void http_page_add_field(struct http_page_data *page_data, const char *list,
                                    const char *name, struct span value) {
    guarded(page_data, [&](data &values) {
        data item{data::type::object};
        item.set("name", std::string(name));
        item.set("value", std::string(reinterpret_cast<const char *>(value.data),
                                      value.len));
        push(values, list, item);
    });
}

extern "C" void http_page_add_row(struct http_page_data *page_data, const char *list,
                                  enum http_lang lang,
                                  const struct http_page_cell cells[], size_t count) {
    guarded(page_data, [&](data &values) {
        const auto &messages = shared->messages[lang];
        data item{data::type::object};
        for (size_t i = 0; i < count; i++) {
            auto found = cells[i].message != nullptr ? messages.find(cells[i].message)
                                                     : messages.end();
            item.set(cells[i].name, found != messages.end()
                                        ? data{found->second}
                                        : text_or_none(cells[i].text));
        }
        push(values, list, item);
    });
}

extern "C" void http_page_add_choice(struct http_page_data *page_data, const char *list,
                                     enum http_lang lang, const char *key,
                                     struct span label, const char *value) {
    guarded(page_data, [&](data &values) {
        const auto &messages = shared->messages[lang];
        auto found = messages.find(key);
        std::string text = found != messages.end() ? found->second : std::string(key);
        if (label.len > 0) {
            text += " " + http_page_neutral(label);
        }
        data item{data::type::object};
        item.set("text", text);
        item.set("value", std::string(value));
        push(values, list, item);
    });
}

extern "C" void http_page_add_message(struct http_page_data *page_data,
                                      const char *list, enum http_lang lang,
                                      const char *key) {
    guarded(page_data, [&](data &values) {
        const auto &messages = shared->messages[lang];
        auto found = messages.find(key);
        push(values, list,
             data{"text", found != messages.end() ? found->second : std::string(key)});
    });
}

extern "C" void http_page_add_count(struct http_page_data *page_data, const char *list,
                                    enum http_lang lang, const char *key,
                                    uint64_t count) {
    guarded(page_data, [&](data &values) {
        const auto &messages = shared->messages[lang];
        auto found = messages.find(key);
        std::string text = found != messages.end() ? found->second : std::string(key);
        auto at = text.find("{n}");
        if (at != std::string::npos) {
            text.replace(at, 3, std::to_string(count));
        }
        push(values, list, data{"text", text});
    });
}

extern "C" enum err http_page_render(enum http_page page, enum http_lang lang,
                                     const char *environment,
                                     struct http_page_data *page_data,
                                     struct buf *out) {
    if (page_data == nullptr) {
        return ERR_NOMEM;
    }
    try {
        data &values = page_data->values;
        for (const auto &[key, text] : shared->messages[lang]) {
            values.set("m_" + key, text);
        }
        values.set("lang", lang == LANG_JA ? "ja" : "en");
        values.set("is_ja",
                   lang == LANG_JA ? data::type::bool_true : data::type::bool_false);
        values.set("is_en",
                   lang == LANG_EN ? data::type::bool_true : data::type::bool_false);
        values.set("environment", environment);
        values.set("environment_text", shared->messages[lang].at(
                                           std::string("environment_") + environment));
        values.set("style", shared->style_path);
        if (http_page_has_script(page)) {
            values.set("script", shared->script_paths[page == PAGE_APPLY ? SCRIPT_APPLY
                                                                         : SCRIPT_FACTOR]);
        }
        const char *titles[PAGES] = {"home_title", "login_title", "factor_title", "enrol_title",
                                     "recover_title",
                                     "entry_title", "apply_title", "apply_status_title",
                                     "activate_title", "consent_title",
                                     "post_title",    "logout_title",
                                     "account_title", "error_title"};
        values.set("title", shared->messages[lang].at(titles[page]));
        values.set("content", shared->pages[page]->render(values));
        std::string html = shared->frame->render(values);
        buf_put(out, html.data(), html.size());
        return buf_err(out);
    } catch (const std::exception &) {
        return ERR_NOMEM;
    }
}

extern "C" const char *http_page_style_path(void) {
    return shared->style_path.c_str();
}

extern "C" struct span http_page_style(void) {
    return span_of(pages_style_css, pages_style_css_len);
}

extern "C" bool http_page_has_script(enum http_page page) {
    return page == PAGE_LOGIN || page == PAGE_FACTOR || page == PAGE_ENROL ||
           page == PAGE_APPLY;
}

extern "C" const char *http_page_script_path(enum http_script script) {
    return shared->script_paths[script].c_str();
}

extern "C" struct span http_page_script(enum http_script script) {
    return script == SCRIPT_APPLY ? span_of(pages_apply_js, pages_apply_js_len)
                                  : span_of(pages_factor_js, pages_factor_js_len);
}
