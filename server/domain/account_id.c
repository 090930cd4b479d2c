#include "server/domain/account_id.h"

#define LOCAL_MAX 64 /* RFC 5321 §4.5.3.1.1 */
#define LABEL_MAX 63 /* RFC 1035 §2.3.4 */

/* RFC 5322 §3.2.3: atext, lower case. */
static bool atext(char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
           (c != 0 && strchr("!#$%&'*+-/=?^_`{|}~", c) != NULL);
}

static bool local_valid(const char *local, size_t len) {
    if (len == 0 || len > LOCAL_MAX || local[0] == '.' || local[len - 1] == '.')
        return false;
    for (size_t i = 0; i < len; i++) {
        if (local[i] == '.' && local[i - 1] == '.')
            return false;
        if (local[i] != '.' && !atext(local[i]))
            return false;
    }
    return true;
}

static bool label_valid(const char *label, size_t len, bool *ret_idn) {
    if (len == 0 || len > LABEL_MAX || label[0] == '-' || label[len - 1] == '-')
        return false;
    /* xn-- labels look like other names to people (homographs). */
    *ret_idn = *ret_idn || (len >= 4 && memcmp(label, "xn--", 4) == 0);
    for (size_t i = 0; i < len; i++)
        if (!((label[i] >= 'a' && label[i] <= 'z') ||
              (label[i] >= '0' && label[i] <= '9') || label[i] == '-'))
            return false;
    return true;
}

/* A name of at least two labels whose last is no number. */
static bool domain_valid(const char *domain, size_t len, bool *ret_idn) {
    size_t start = 0;
    size_t labels = 0;

    for (size_t i = 0; i <= len; i++) {
        if (i < len && domain[i] != '.')
            continue;
        if (!label_valid(domain + start, i - start, ret_idn))
            return false;
        labels++;
        if (i < len)
            start = i + 1;
    }
    return labels >= 2 && !(domain[start] >= '0' && domain[start] <= '9');
}

/* Lower-case copy. False: a byte that no account ID has. */
static bool fold(struct span text, struct account_id *id, const char **ret_why) {
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.data[i];

        if (c >= 0x80) {
            *ret_why = "only ASCII characters are allowed";
            return false;
        }
        if (c <= 0x20 || c == 0x7f) {
            *ret_why = "spaces and control characters are not allowed";
            return false;
        }
        id->text[i] = (char)(c >= 'A' && c <= 'Z' ? c + 0x20 : c);
    }
    id->text[text.len] = 0;
    id->len = text.len;
    return true;
}

static bool parts_valid(const struct account_id *id, const char **ret_why) {
    const char *at = memchr(id->text, '@', id->len);
    size_t local_len, domain_len;
    bool idn = false;

    if (!at || strchr(at + 1, '@')) {
        *ret_why = "exactly one @ is expected";
        return false;
    }
    local_len = (size_t)(at - id->text);
    domain_len = id->len - local_len - 1;
    if (!local_valid(id->text, local_len)) {
        *ret_why = "the part before @ is not that of an e-mail address";
        return false;
    }
    if (!domain_valid(at + 1, domain_len, &idn)) {
        *ret_why = "the part after @ is not a domain name";
        return false;
    }
    if (idn)
        *ret_why = "internationalised domain names are not allowed";
    return !idn;
}

bool account_id_parse(struct span text, struct account_id *ret_id,
                      const char **ret_why) {
    struct account_id id;
    const char *why = "";

    while (text.len > 0 && text.data[0] == ' ')
        text = span_of(text.data + 1, text.len - 1);
    while (text.len > 0 && text.data[text.len - 1] == ' ')
        text.len--;
    if (text.len == 0)
        why = "it is empty";
    else if (text.len > LIMIT_ACCOUNT_ID)
        why = "it is longer than 254 characters";
    else if (fold(text, &id, &why) && parts_valid(&id, &why)) {
        *ret_id = id;
        return true;
    }
    if (ret_why)
        *ret_why = why;
    return false;
}
