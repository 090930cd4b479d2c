/* outbound_call: HTTPS requests and mail to other systems, many at once, none of them
 * waited for.
 *
 * What comes back is hostile: the certificate is checked, redirects are not followed,
 * no more of an answer is read than says whether it is one, and all of a call takes at
 * most its time. Providers are the operator's choice: they may stand in a private network,
 * and be spoken to without TLS where the configuration says so. libcurl stays in this
 * file.
 * Thread: one; outbound_calls_wake any. */
#ifndef SERVER_OUTBOUND_CALL_H
#define SERVER_OUTBOUND_CALL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/base/err.h"
#include "store/base/span.h"

#define OUTBOUND_CALL_MS 5000

struct outbound_calls;

enum outbound_end {
    OUTBOUND_ANSWERED, /* with `status` */
    OUTBOUND_END_UNREACHABLE,
    OUTBOUND_END_TIMEOUT,
    OUTBOUND_END_TLS,
    OUTBOUND_END_ADDRESS, /* refused by outbound_address */
    OUTBOUND_END_BROKEN,  /* neither of these: what came was no answer */
};
struct outbound_result {
    enum outbound_end end;
    int status; /* OUTBOUND_ANSWERED: 100 to 599; of mail: the last reply's code */
};

struct outbound_calls_config {
    const char *ca_file;  /* PEM; empty: the system's */
    bool private_allowed; /* addresses of any network */
    size_t max;           /* calls at once */
};

/* Process-wide set-up of libcurl is done by the first. ERR_NOMEM. */
enum err outbound_calls_new(const struct outbound_calls_config *config,
                            struct outbound_calls **ret_calls);
/* Calls under way end without a word. NULL-safe. */
void outbound_calls_free(struct outbound_calls *calls);

/* POST `form` (application/x-www-form-urlencoded; copied, and wiped at the end). `tag`
 * is below `max`, and free. ERR_NOMEM; ERR_INVALID: no https address. */
enum err outbound_calls_post(struct outbound_calls *calls, size_t tag, const char *url,
                             struct span form);

/* What goes to a provider. Everything is copied, and wiped at the end. */
struct outbound_request {
    const char *url; /* https://, http://; of mail: smtp://, smtps:// */
    long timeout_ms;
    struct span body;
    /* HTTP: application/json. */
    const char *idempotency_key, *bearer; /* bearer NULL: none */
    /* Mail: one recipient. */
    const char *mail_from, *mail_to;
    const char *user, *password; /* NULL: none */
    bool starttls;               /* smtp:// alone: no TLS, no mail */
};
enum err outbound_calls_json(struct outbound_calls *calls, size_t tag,
                             const struct outbound_request *request);
enum err outbound_calls_mail(struct outbound_calls *calls, size_t tag,
                             const struct outbound_request *request);

/* Wait for progress, at most `wait_ms`; then hand over what has ended. */
void outbound_calls_run(struct outbound_calls *calls, int wait_ms,
                        void (*ended)(void *arg, size_t tag,
                                      const struct outbound_result *result),
                        void *arg);
/* End the wait. */
void outbound_calls_wake(struct outbound_calls *calls);

#endif
