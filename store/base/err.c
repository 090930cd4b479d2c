/* err: names of the operational errors. */
#include "store/base/err.h"

const char *err_str(enum err err) {
    switch (err) {
#define X(name, text)                                                                  \
    case name:                                                                         \
        return text;
        ERR_LIST(X)
#undef X
    }
    return "unknown error";
}
