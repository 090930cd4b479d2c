#include "server/oidc/acr.h"

#include "store/base/codec.h"

static const char *const names[] = {
    [ACR_LEVEL_PASSWORD] = ACR_PASSWORD,
    [ACR_LEVEL_TWO_FACTORS] = ACR_TWO_FACTORS,
};
#define LEVELS (sizeof(names) / sizeof(names[0]))

/* RFC 8176 §2; `mfa` is said beside them. Two methods may share a value. */
static const struct {
    const char *value;
    uint32_t methods;
} values[] = {
    {"pwd", ACR_BY_PASSWORD},
    {"otp", ACR_BY_SMS | ACR_BY_TOTP},
    {"sms", ACR_BY_SMS},
    {"hwk", ACR_BY_PASSKEY},
    {"user", ACR_BY_PASSKEY | ACR_BY_SYNCED_PASSKEY},
    {"swk", ACR_BY_APP | ACR_BY_SYNCED_PASSKEY},
};

enum acr_level acr_level(uint32_t methods) {
    uint32_t something_one_has =
        ACR_BY_SMS | ACR_BY_TOTP | ACR_BY_PASSKEY | ACR_BY_APP;

    if (methods & (ACR_BY_PASSKEY | ACR_BY_SYNCED_PASSKEY)) /* two by itself */
        return ACR_LEVEL_TWO_FACTORS;
    if (methods & ACR_BY_PASSWORD && methods & something_one_has)
        return ACR_LEVEL_TWO_FACTORS;
    return methods != 0 ? ACR_LEVEL_PASSWORD : ACR_LEVEL_NONE;
}

enum acr_level acr_find(struct span name) {
    for (size_t i = ACR_LEVEL_PASSWORD; i < LEVELS; i++)
        if (span_is(name, names[i]))
            return (enum acr_level)i;
    return ACR_LEVEL_NONE;
}

enum acr_level acr_wanted(struct span acr_values) {
    size_t at = 0;

    while (at < acr_values.len) {
        size_t len = 0;
        enum acr_level level;

        while (at + len < acr_values.len && acr_values.data[at + len] != ' ')
            len++;
        level = acr_find(span_of(acr_values.data + at, len));
        if (level != ACR_LEVEL_NONE)
            return level;
        at += len + 1;
    }
    return ACR_LEVEL_NONE;
}

void acr_claims(uint32_t methods, struct buf *out) {
    enum acr_level level = acr_level(methods);
    const char *separator = "";

    if (level == ACR_LEVEL_NONE)
        return;
    buf_json_member(out, "acr", span_str(names[level]));
    buf_json_name(out, "amr");
    buf_str(out, "[");
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        if (!(values[i].methods & methods))
            continue;
        buf_str(out, separator);
        buf_json(out, span_str(values[i].value));
        separator = ",";
    }
    if (level == ACR_LEVEL_TWO_FACTORS) {
        buf_str(out, separator);
        buf_str(out, "\"mfa\"");
    }
    buf_str(out, "]");
}
