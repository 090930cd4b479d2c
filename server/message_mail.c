#include "server/message_mail.h"

#include <time.h>

#include "server/domain/account_id.h"
#include "store/base/check.h"
#include "store/base/codec.h"

#define WORD_BYTES 42   /* of text in one encoded word: 56 characters of 75 */
#define LINE_BYTES 57   /* of the body in one line: 76 characters */

static void base64(struct span in, struct buf *out) {
    static const char digits[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    for (size_t i = 0; i < in.len; i += 3) {
        uint32_t group = (uint32_t)in.data[i] << 16;
        char text[4];

        group |= i + 1 < in.len ? (uint32_t)in.data[i + 1] << 8 : 0;
        group |= i + 2 < in.len ? in.data[i + 2] : 0;
        for (size_t j = 0; j < 4; j++)
            text[j] = j <= in.len - i ? digits[group >> (18 - 6 * j) & 63] : '=';
        buf_put(out, text, 4);
    }
}

/* As much of the text as an encoded word takes, without cutting a character. */
static size_t word_len(struct span text) {
    size_t len = 0;

    while (len < text.len) {
        size_t step = utf8_sequence(span_of(text.data + len, text.len - len));
        if (len + step > WORD_BYTES)
            break;
        len += step;
    }
    return len;
}

/* RFC 2047 §2: encoded words, folded. */
static void words(struct span text, struct buf *out) {
    while (text.len > 0) {
        size_t len = word_len(text);

        buf_str(out, "=?UTF-8?B?");
        base64(span_of(text.data, len), out);
        buf_str(out, "?=");
        text = span_of(text.data + len, text.len - len);
        if (text.len > 0)
            buf_str(out, "\r\n ");
    }
}

static void date(uint64_t ms, struct buf *out) {
    static const char *const days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    time_t seconds = (time_t)(ms / 1000);
    struct tm tm;

    CHECK(gmtime_r(&seconds, &tm));
    buf_printf(out, "Date: %s, %d %s %d %02d:%02d:%02d +0000\r\n", days[tm.tm_wday],
               tm.tm_mday, months[tm.tm_mon], tm.tm_year + 1900, tm.tm_hour, tm.tm_min,
               tm.tm_sec);
}

static void put(struct span text, struct buf *out) {
    buf_put(out, text.data, text.len);
}

static void body(struct span text, struct buf *out) {
    struct buf lines;

    buf_init(&lines, 2 * out->max);
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] == '\n')
            buf_put(&lines, "\r", 1);
        buf_put(&lines, text.data + i, 1);
    }
    for (size_t at = 0; at < lines.len; at += LINE_BYTES) {
        size_t left = lines.len - at;
        base64(span_of(lines.data + at, left < LINE_BYTES ? left : LINE_BYTES), out);
        buf_str(out, "\r\n");
    }
    if (buf_err(&lines) && !out->err)
        out->err = buf_err(&lines);
    buf_free(&lines);
}

static bool address_ok(struct span text) {
    struct account_id id;

    return account_id_parse(text, &id, NULL) && span_equal(account_id_span(&id), text);
}

static bool host_ok(struct span host) {
    for (size_t i = 0; i < host.len; i++)
        if (!((host.data[i] >= 'a' && host.data[i] <= 'z') ||
              (host.data[i] >= '0' && host.data[i] <= '9') || host.data[i] == '.' ||
              host.data[i] == '-'))
            return false;
    return host.len > 0;
}

enum err message_mail(const struct mail *mail, struct buf *out) {
    char id[33];

    if (!address_ok(mail->from) || !address_ok(mail->to) || !host_ok(mail->host) ||
        !utf8_valid(mail->subject) || !utf8_valid(mail->from_name) ||
        !utf8_valid(mail->body))
        return ERR_INVALID;
    hex_encode(span_of(mail->id.b, sizeof mail->id.b), id);
    date(mail->now_ms, out);
    buf_str(out, "From: ");
    words(mail->from_name, out);
    buf_str(out, " <");
    put(mail->from, out);
    buf_str(out, ">\r\nTo: <");
    put(mail->to, out);
    buf_str(out, ">\r\nSubject: ");
    words(mail->subject, out);
    buf_printf(out, "\r\nMessage-ID: <%s@", id);
    put(mail->host, out);
    buf_str(out, ">\r\nAuto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n"
                 "Content-Type: text/plain; charset=UTF-8\r\n"
                 "Content-Transfer-Encoding: base64\r\n");
    buf_printf(out, "Content-Language: %s\r\n\r\n", mail->english ? "en" : "ja");
    body(mail->body, out);
    return buf_err(out);
}
