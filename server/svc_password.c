#include "server/svc_password.h"

#include "server/svc_internal.h"
#include "store/base/secret.h"

/* NFKC makes at most so many bytes of one. */
#define NORMAL_FACTOR 8

enum err svc_password_take(struct arena *arena, struct span typed, size_t len_min,
                           const struct span *words, size_t words_count,
                           struct span *ret_password,
                           enum password_refusal *ret_refusal) {
    struct buf normal;
    enum err err;

    buf_init(&normal, LIMIT_PASSWORD * NORMAL_FACTOR);
    err = password_normal(typed, &normal);
    if (!err)
        err = svc_take(arena, &normal, ret_password);
    secret_wipe(normal.data, normal.len);
    buf_free(&normal);
    if (!err)
        *ret_refusal = password_check(*ret_password, len_min, words, words_count);
    return err;
}
