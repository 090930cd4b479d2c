#include "server/oidc/scope.h"

#include "store/base/limits.h"

/* In canonical order. */
static const struct {
    const char *name;
    enum scope bit;
} scopes_known[] = {
    {"openid", SCOPE_OPENID},
    {"profile", SCOPE_PROFILE},
    {"user", SCOPE_USER},
    {"email", SCOPE_EMAIL},
    {"address", SCOPE_ADDRESS},
    {"phone", SCOPE_PHONE},
    {"mandate", SCOPE_MANDATE},
    {"jp_gbizid_v1_ida", SCOPE_IDA},
    {"role", SCOPE_ROLE},
    {"delegation_info", SCOPE_DELEGATION},
    {"offline_access", SCOPE_OFFLINE_ACCESS},
};
#define SCOPES_KNOWN (sizeof(scopes_known) / sizeof(scopes_known[0]))

/* RFC 6749 §3.3: scope-token = 1*( %x21 / %x23-5B / %x5D-7E ) */
static bool scope_char(uint8_t c) {
    return c >= 0x21 && c <= 0x7e && c != '"' && c != '\\';
}

static uint64_t scope_bit(struct span name) {
    for (size_t i = 0; i < SCOPES_KNOWN; i++)
        if (span_is(name, scopes_known[i].name))
            return scopes_known[i].bit;
    return 0;
}

bool scope_parse(struct span text, uint64_t *ret_scopes) {
    uint64_t scopes = 0;
    size_t start = 0;

    if (text.len == 0 || text.len > LIMIT_SCOPE)
        return false;
    for (size_t i = 0; i <= text.len; i++) {
        if (i < text.len && scope_char(text.data[i]))
            continue;
        if (i < text.len && text.data[i] != ' ')
            return false;
        if (i == start)
            return false; /* leading, trailing or doubled space */
        scopes |= scope_bit(span_of(text.data + start, i - start));
        start = i + 1;
    }
    *ret_scopes = scopes;
    return true;
}

void scope_print(uint64_t scopes, struct buf *out) {
    bool first = true;

    for (size_t i = 0; i < SCOPES_KNOWN; i++) {
        if (!(scopes & scopes_known[i].bit))
            continue;
        if (!first)
            buf_str(out, " ");
        buf_str(out, scopes_known[i].name);
        first = false;
    }
}
