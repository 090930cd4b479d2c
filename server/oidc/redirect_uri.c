#include "server/oidc/redirect_uri.h"

#include "store/base/limits.h"

/* The parts of a URI, as bytes of it. */
struct uri_parts {
    bool https;
    struct span host; /* IPv6 literals with their brackets */
    struct span port; /* without the colon; empty: none */
    struct span rest; /* path and query */
};

static bool is_digit(uint8_t c) {
    return c >= '0' && c <= '9';
}

static bool is_lower_alnum(uint8_t c) {
    return is_digit(c) || (c >= 'a' && c <= 'z');
}

static int hex_value(uint8_t c) {
    if (is_digit(c))
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

static bool starts_with(struct span text, const char *prefix) {
    size_t len = strlen(prefix);

    return text.len >= len && memcmp(text.data, prefix, len) == 0;
}

/* RFC 3986 §2: unreserved, sub-delims, gen-delims that a path or query may hold,
 * and percent. `*` is left out: nobody may think that wildcards work. */
static bool uri_char(uint8_t c) {
    return c > 0x20 && c < 0x7f && !strchr("\"#*<>\\^`{|}", c);
}

/* Well-formed escapes only, none of a control, dot, slash or backslash, which
 * some servers decode before they look at the path. */
static bool escapes_valid(struct span text) {
    for (size_t i = 0; i < text.len; i++) {
        int high, low, byte;

        if (text.data[i] != '%')
            continue;
        if (text.len - i < 3)
            return false;
        high = hex_value(text.data[i + 1]);
        low = hex_value(text.data[i + 2]);
        if (high < 0 || low < 0)
            return false;
        byte = high * 16 + low;
        if (byte < 0x20 || byte == 0x7f || byte == '.' || byte == '/' || byte == '\\')
            return false;
    }
    return true;
}

static bool path_has_dot_segment(struct span rest) {
    size_t start = 1;

    for (size_t i = 0; i <= rest.len; i++) {
        bool end = i == rest.len || rest.data[i] == '?';

        if (!end && rest.data[i] != '/')
            continue;
        if (i >= start) {
            struct span segment = span_of(rest.data + start, i - start);

            if (span_is(segment, ".") || span_is(segment, ".."))
                return true;
        }
        if (end)
            return false;
        start = i + 1;
    }
    return false;
}

/* Lower-case labels of letters, digits and inner hyphens (RFC 1123 §2.1). */
static bool host_name_valid(struct span host) {
    size_t label = 0;

    if (host.len == 0 || host.len > 253)
        return false;
    for (size_t i = 0; i < host.len; i++) {
        uint8_t c = host.data[i];

        if (c == '.') {
            if (label == 0 || host.data[i - 1] == '-')
                return false;
            label = 0;
            continue;
        }
        if (!is_lower_alnum(c) && !(c == '-' && label > 0))
            return false;
        if (++label > 63)
            return false;
    }
    return label > 0 && host.data[host.len - 1] != '-';
}

static bool host_ipv6_valid(struct span host) {
    if (host.len < 4 || host.len > 41 || host.data[host.len - 1] != ']')
        return false;
    for (size_t i = 1; i < host.len - 1; i++) {
        uint8_t c = host.data[i];

        if (!is_digit(c) && !(c >= 'a' && c <= 'f') && c != ':')
            return false;
    }
    return true;
}

/* No sign, no leading zero, not the scheme's default. */
static bool port_valid(struct span port, bool https) {
    unsigned value = 0;

    if (port.len == 0 || port.len > 5 || port.data[0] == '0')
        return false;
    for (size_t i = 0; i < port.len; i++) {
        if (!is_digit(port.data[i]))
            return false;
        value = value * 10 + (unsigned)(port.data[i] - '0');
    }
    return value <= 65535 && value != (https ? 443u : 80u);
}

/* Cut the URI. False: *ret_why. */
static bool uri_split(struct span uri, struct uri_parts *ret, const char **ret_why) {
    struct uri_parts parts = {.https = starts_with(uri, "https://")};
    size_t start = parts.https ? 8 : 7;
    size_t end = start;
    size_t host_end;

    if (!parts.https && !starts_with(uri, "http://")) {
        *ret_why = "it must begin with https:// (lower case)";
        return false;
    }
    while (end < uri.len && uri.data[end] != '/' && uri.data[end] != '?')
        end++;
    host_end = start;
    if (host_end < end && uri.data[host_end] == '[') {
        while (host_end < end && uri.data[host_end] != ']')
            host_end++;
        host_end += host_end < end;
    } else {
        while (host_end < end && uri.data[host_end] != ':')
            host_end++;
    }
    parts.host = span_of(uri.data + start, host_end - start);
    parts.rest = span_of(uri.data + end, uri.len - end);
    if (host_end < end) {
        if (uri.data[host_end] != ':') {
            *ret_why = "what follows the host is not a port";
            return false;
        }
        parts.port = span_of(uri.data + host_end + 1, end - host_end - 1);
        if (!port_valid(parts.port, parts.https)) {
            *ret_why = "the port must be 1 to 65535, without leading zeros, and left "
                       "out when it is the default";
            return false;
        }
    }
    *ret = parts;
    return true;
}

static bool host_is_loopback(struct span host) {
    return span_is(host, "127.0.0.1") || span_is(host, "[::1]");
}

static bool parts_check(const struct uri_parts *parts, bool native,
                        const char **ret_why) {
    bool ipv6 = parts->host.len > 0 && parts->host.data[0] == '[';

    if (!(ipv6 ? host_ipv6_valid(parts->host) : host_name_valid(parts->host))) {
        *ret_why = "the host must be a lower-case ASCII name or an IP literal, without "
                   "user information";
        return false;
    }
    if (!parts->https && !(native && host_is_loopback(parts->host))) {
        *ret_why = "http is for native clients on 127.0.0.1 or [::1] only";
        return false;
    }
    if (path_has_dot_segment(parts->rest)) {
        *ret_why = "dot segments are not allowed";
        return false;
    }
    return true;
}

static bool check_and_split(struct span uri, bool native, struct uri_parts *ret_parts,
                            const char **ret_why) {
    if (uri.len == 0 || uri.len > LIMIT_REDIRECT_URI) {
        *ret_why = "it must be 1 to 2048 characters long";
        return false;
    }
    for (size_t i = 0; i < uri.len; i++) {
        if (!uri_char(uri.data[i])) {
            *ret_why = "only the ASCII characters of a URI are allowed, without "
                       "fragment, backslash or wildcard";
            return false;
        }
    }
    if (!escapes_valid(uri)) {
        *ret_why = "a percent escape is malformed, or hides a control, dot or slash";
        return false;
    }
    return uri_split(uri, ret_parts, ret_why) &&
           parts_check(ret_parts, native, ret_why);
}

bool redirect_uri_check(struct span uri, bool native, const char **ret_why) {
    struct uri_parts parts;

    return check_and_split(uri, native, &parts, ret_why);
}

/* RFC 8252 §7.3: the same loopback URI but for the port. */
static bool loopback_match(const struct uri_parts *sent, const char *registered) {
    struct uri_parts parts;
    const char *why;

    return check_and_split(span_str(registered), true, &parts, &why) && !parts.https &&
           span_equal(parts.host, sent->host) && span_equal(parts.rest, sent->rest);
}

bool redirect_uri_registered(const struct oidc_client *client, struct span uri) {
    struct uri_parts sent;
    const char *why;

    for (size_t i = 0; i < client->redirect_uris_count; i++)
        if (span_is(uri, client->redirect_uris[i]))
            return true;
    if (!client->native || !check_and_split(uri, true, &sent, &why) || sent.https)
        return false;
    for (size_t i = 0; i < client->redirect_uris_count; i++)
        if (loopback_match(&sent, client->redirect_uris[i]))
            return true;
    return false;
}

void redirect_uri_origin(struct span uri, struct span *ret_origin,
                         struct span *ret_host) {
    size_t start = starts_with(uri, "https://") ? 8 : 7;
    size_t end = start;

    while (end < uri.len && uri.data[end] != '/' && uri.data[end] != '?')
        end++;
    if (end == start || end > uri.len) {
        *ret_origin = span_of(NULL, 0);
        *ret_host = span_of(NULL, 0);
        return;
    }
    *ret_origin = span_of(uri.data, end);
    *ret_host = span_of(uri.data + start, end - start);
}

void redirect_uri_begin(struct span uri, struct buf *out, char *ret_separator) {
    bool query = uri.len > 0 && memchr(uri.data, '?', uri.len) != NULL;

    buf_put(out, uri.data, uri.len);
    *ret_separator = query ? '&' : '?';
}

static bool unreserved(uint8_t c) {
    return is_lower_alnum(c) || (c >= 'A' && c <= 'Z') || c == '-' || c == '.' ||
           c == '_' || c == '~';
}

static size_t unreserved_run(struct span text) {
    size_t len = 0;

    while (len < text.len && unreserved(text.data[len]))
        len++;
    return len;
}

void redirect_uri_param(struct buf *out, char *separator, const char *name,
                        struct span value) {
    static const char digits[] = "0123456789ABCDEF";

    buf_put(out, separator, 1);
    *separator = '&';
    buf_str(out, name);
    buf_put(out, "=", 1);
    for (size_t i = 0; i < value.len; i++) {
        size_t run = unreserved_run(span_of(value.data + i, value.len - i));

        buf_put(out, value.data + i, run);
        i += run;
        if (i < value.len) {
            uint8_t c = value.data[i];
            char escape[3] = {'%', digits[c >> 4], digits[c & 15]};

            buf_put(out, escape, sizeof(escape));
        }
    }
}
