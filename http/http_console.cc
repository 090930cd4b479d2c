#include "http/http_console.h"

#include <array>
#include <cstdio>
#include <exception>
#include <jansson.h>
#include <kainjow/mustache.hpp>
#include <map>
#include <memory>
#include <string>

#include <http_console_pages.h> /* made by CMake: embedded files */

#include "http/http_page_text.hpp"
#include "store/base/japan.h"

using kainjow::mustache::data;
using kainjow::mustache::lambda2;
using kainjow::mustache::mustache;
using kainjow::mustache::renderer;

namespace {

using catalogue = std::map<std::string, std::string>;

struct assets {
    std::array<std::unique_ptr<mustache>, CONSOLE_PAGES_COUNT> pages;
    std::unique_ptr<mustache> frame; /* around every page */
    std::array<catalogue, LANGS> messages;
    std::string style_path;
    std::string script_path;
};

assets *shared = nullptr;

/* Frees the document whatever is thrown. */
struct document {
    json_t *root;
    explicit document(struct span text)
        : root(json_loadb(reinterpret_cast<const char *>(text.data), text.len, 0,
                          nullptr)) {}
    document(const document &) = delete;
    document &operator=(const document &) = delete;
    ~document() { json_decref(root); }
};

data value_of(json_t *json);

data object_of(json_t *json) {
    data out{data::type::object};
    const char *name;
    json_t *member;

    json_object_foreach(json, name, member) {
        out.set(name, value_of(member));
    }
    return out;
}

data list_of(json_t *json) {
    data out{data::type::list};
    size_t i;
    json_t *item;

    json_array_foreach(json, i, item) {
        out.push_back(value_of(item));
    }
    return out;
}

data value_of(json_t *json) {
    switch (json_typeof(json)) {
    case JSON_OBJECT:
        return object_of(json);
    case JSON_ARRAY:
        return list_of(json);
    case JSON_STRING:
        /* Line ends stay: texts of several lines stand in text areas. */
        {
            std::string text(json_string_value(json), json_string_length(json));
            std::string out;
            for (size_t at = 0; at <= text.size();) {
                size_t end = text.find('\n', at);
                end = end == std::string::npos ? text.size() : end;
                out += http_page_neutral(span_of(text.data() + at, end - at));
                out += end < text.size() ? "\n" : "";
                at = end + 1;
            }
            return data{out};
        }
    case JSON_INTEGER:
        return data{std::to_string(json_integer_value(json))};
    case JSON_REAL:
        return data{std::to_string(json_real_value(json))};
    case JSON_TRUE:
        return data{data::type::bool_true};
    default:
        return data{data::type::bool_false};
    }
}

/* Milliseconds since 1970; a dash for none. */
std::string time_text(const std::string &ms_text) {
    char out[JAPAN_TEXT_MAX];
    long long ms = std::strtoll(ms_text.c_str(), nullptr, 10);

    if (ms <= 0) {
        return "–";
    }
    japan_print(static_cast<uint64_t>(ms), JAPAN_MINUTE, out);
    return out;
}

/* 1234567 as 1,234,567. */
std::string number_text(const std::string &digits) {
    std::string out;
    for (size_t i = 0; i < digits.size(); i++) {
        if (i > 0 && (digits.size() - i) % 3 == 0) {
            out += ',';
        }
        out += digits[i];
    }
    return out;
}

void add_helpers(data &values, const catalogue &messages) {
    values.set("t", data{lambda2{[&](const std::string &text, const renderer &render) {
                   std::string key = render(text);
                   auto found = messages.find(key);
                   return found != messages.end() ? found->second : key;
               }}});
    values.set("time", data{lambda2{[](const std::string &text, const renderer &render) {
                   return time_text(render(text));
               }}});
    values.set("number", data{lambda2{[](const std::string &text,
                                         const renderer &render) {
                   return number_text(render(text));
               }}});
}

bool same_keys(const catalogue &a, const catalogue &b) {
    for (const auto &[key, text] : a) {
        if (b.count(key) == 0) {
            return false;
        }
    }
    return a.size() == b.size();
}

} // namespace

extern "C" enum err http_console_init(void) {
    if (shared != nullptr) {
        return OK;
    }
    try {
        auto made = std::make_unique<assets>();
#define X(id, name)                                                                    \
    made->pages[CONSOLE_##id] =                                                        \
        http_page_compile(pages_##name##_mustache, pages_##name##_mustache_len);
        CONSOLE_PAGES(X)
#undef X
        made->frame = http_page_compile(pages_frame_mustache, pages_frame_mustache_len);
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
                                made->messages[LANG_EN]) &&
             same_keys(made->messages[LANG_JA], made->messages[LANG_EN]);
        made->style_path = http_page_asset("console", "css", pages_console_css,
                                           pages_console_css_len);
        made->script_path =
            http_page_asset("desk", "js", pages_desk_js, pages_desk_js_len);
        if (!ok) {
            return ERR_INVALID;
        }
        shared = made.release();
        return OK;
    } catch (const std::exception &) {
        return ERR_NOMEM;
    }
}

extern "C" enum err http_console_render(enum console_page page, enum http_lang lang,
                                        const char *environment, struct span json,
                                        struct buf *out) {
    static const char *const titles[] = {
#define X(id, name) "title_" #name,
        CONSOLE_PAGES(X)
#undef X
    };
    try {
        document view(json);
        if (!json_is_object(view.root)) {
            return ERR_INVALID;
        }
        const catalogue &messages = shared->messages[lang];
        data values = object_of(view.root);
        for (const auto &[key, text] : messages) {
            values.set("m_" + key, text);
        }
        add_helpers(values, messages);
        values.set("lang", lang == LANG_JA ? "ja" : "en");
        values.set("is_ja",
                   lang == LANG_JA ? data::type::bool_true : data::type::bool_false);
        values.set("is_en",
                   lang == LANG_EN ? data::type::bool_true : data::type::bool_false);
        values.set("environment", environment);
        values.set("environment_text",
                   messages.at(std::string("environment_") + environment));
        values.set("style", shared->style_path);
        if (page == CONSOLE_APPLICATION || page == CONSOLE_DESK ||
            page == CONSOLE_IMPORT || page == CONSOLE_INTAKE) {
            values.set("script", shared->script_path);
        }
        values.set("title", messages.at(titles[page]));
        values.set("content", shared->pages[page]->render(values));
        std::string html = shared->frame->render(values);
        buf_put(out, html.data(), html.size());
        return buf_err(out);
    } catch (const std::exception &) {
        return ERR_NOMEM;
    }
}

extern "C" bool http_console_known(const char *key) {
    return shared->messages[LANG_JA].count(key) > 0;
}

extern "C" const char *http_console_style_path(void) {
    return shared->style_path.c_str();
}

extern "C" struct span http_console_style(void) {
    return span_of(pages_console_css, pages_console_css_len);
}

extern "C" const char *http_console_script_path(void) {
    return shared->script_path.c_str();
}

extern "C" struct span http_console_script(void) {
    return span_of(pages_desk_js, pages_desk_js_len);
}
