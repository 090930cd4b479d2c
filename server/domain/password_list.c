#include "server/domain/password_list.h"

#include <string.h>

#include <password_common.h> /* made by CMake: password/common.txt */

#define TEXT ((const char *)password_common_txt)
#define TEXT_LEN password_common_txt_len

/* The line that holds the byte at `at`. */
static struct span line_at(size_t at) {
    size_t from = at, to = at;

    while (from > 0 && TEXT[from - 1] != '\n') {
        from--;
    }
    while (to < TEXT_LEN && TEXT[to] != '\n') {
        to++;
    }
    return span_of(TEXT + from, to - from);
}

/* As the file is sorted: by bytes, the shorter one first. */
static int compare(struct span a, struct span b) {
    size_t len = a.len < b.len ? a.len : b.len;
    int order = len == 0 ? 0 : memcmp(a.data, b.data, len);

    return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

bool password_list_has(struct span word) {
    size_t low = 0, high = TEXT_LEN; /* a line that begins in [low, high) */

    while (low < high) {
        struct span line = line_at(low + (high - low) / 2);
        size_t from = (size_t)(line.data - password_common_txt);
        int order = compare(word, line);

        if (order == 0) {
            return true;
        }
        if (order < 0) {
            high = from;
        } else {
            low = from + line.len + 1;
        }
    }
    return false;
}
