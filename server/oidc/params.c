#include "server/oidc/params.h"

struct span params_get(const struct params *params, const char *name,
                       bool *ret_duplicate) {
    struct span found = {NULL, 0};
    bool duplicate = false;
    bool seen = false;

    for (size_t i = 0; i < params->count; i++) {
        if (!span_is(params->items[i].name, name))
            continue;
        if (seen) {
            duplicate = true;
            break;
        }
        seen = true;
        found = params->items[i].value;
    }
    if (ret_duplicate)
        *ret_duplicate = duplicate;
    return found;
}

const char *params_duplicate(const struct params *params, const char *const names[]) {
    bool duplicate;

    for (size_t i = 0; names[i]; i++) {
        params_get(params, names[i], &duplicate);
        if (duplicate)
            return names[i];
    }
    return NULL;
}
