/* text_diff: two short texts beside one another, and the characters in which they differ:
 * what an applicant typed, and what was read on paper.
 *
 * By the longest common subsequence of characters (code points). Spaces of both widths
 * are passed over: they are no part of a name or number. Pure. */
#ifndef DOMAIN_TEXT_DIFF_H
#define DOMAIN_TEXT_DIFF_H

#include <stdbool.h>

#include "store/base/span.h"

/* Of each side; texts that are longer are one run each, which differs unless all of
 * both is the same. */
#define TEXT_DIFF_CHARS 128

struct text_run {
    struct span text; /* borrows from the side's text */
    bool differs;
};
struct text_side {
    size_t count;
    struct text_run runs[TEXT_DIFF_CHARS];
};
struct text_diff {
    struct text_side a, b;
    bool same; /* no run differs */
};

void text_diff(struct span a, struct span b, struct text_diff *ret_diff);

#endif
