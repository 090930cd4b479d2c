#include "server/svc_letter.h"

#include "server/domain/defect.h"
#include "server/svc_internal.h"
#include "server/svc_message.h"
#include "store/base/codec.h"
#include "store/base/secret.h"

#define TOKEN_BYTES 32
#define REASONS_MAX 2048

static void draft_begin(const struct application *application,
                        const struct profile *profile, struct message_draft *draft) {
    draft->to = profile->fields[PROFILE_EMAIL];
    /* A sole proprietor without a trade name is called by the name of the person. */
    message_draft_put(draft, "company",
                      profile->fields[PROFILE_NAME].len > 0
                          ? profile->fields[PROFILE_NAME]
                          : profile->fields[PROFILE_REP_LAST_NAME]);
    message_draft_put(draft, "application_id", span_str(application->id.text));
}

enum err svc_letter_approved(struct svc *svc, struct arena *arena,
                             const struct application *application,
                             const struct profile *profile, struct key_hash *ret_token,
                             struct message_out *ret_message) {
    struct message_draft draft = {.template = MESSAGE_APPLICATION_APPROVED,
                                  .ttl_ms = SVC_ACTIVATION_TTL_MS};
    uint8_t random[TOKEN_BYTES];
    char link[sizeof SVC_ACTIVATION_PATH + 2 * TOKEN_BYTES] = SVC_ACTIVATION_PATH;
    char *text = link + sizeof SVC_ACTIVATION_PATH - 1;
    enum err err;

    svc_random(svc, random, sizeof random);
    base64url_encode(span_of(random, sizeof random), text);
    *ret_token = svc_hash(svc, HASH_APPLICATION_TOKEN, span_str(text));
    draft_begin(application, profile, &draft);
    message_draft_put(&draft, "link", span_str(link));
    err = svc_message_make(svc, arena, &draft, ret_message);
    secret_wipe(random, sizeof random);
    secret_wipe(link, sizeof link);
    return err;
}

enum err svc_letter_denied(struct svc *svc, struct arena *arena,
                           const struct application *application,
                           const struct profile *profile, uint32_t defects,
                           struct message_out *ret_message) {
    struct message_draft draft = {.template = MESSAGE_APPLICATION_DENIED};
    struct buf reasons;
    enum err err;

    buf_init(&reasons, REASONS_MAX);
    for (size_t i = 0; i < DEFECTS; i++) {
        if (defects & (1u << i))
            buf_printf(&reasons, "%s- %s", reasons.len > 0 ? "\n" : "",
                       defect_sentence(i, draft.english));
    }
    draft_begin(application, profile, &draft);
    message_draft_put(&draft, "reasons", buf_span(&reasons));
    err = buf_err(&reasons);
    if (!err)
        err = svc_message_make(svc, arena, &draft, ret_message);
    buf_free(&reasons);
    return err;
}
