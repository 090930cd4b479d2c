#include "server/oidc/oidc_error.h"

const char *oidc_error_str(enum oidc_error error) {
    switch (error) {
#define X(name, text)                                                                  \
    case name:                                                                         \
        return text;
        OIDC_ERROR_LIST(X)
#undef X
    }
    return "server_error";
}
