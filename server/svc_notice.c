#include "server/svc_notice.h"

#include "server/svc_internal.h"
#include "server/svc_message.h"

#define FACTOR_TEXT_MAX (64 + LIMIT_FACTOR_LABEL)

enum err svc_notice_make(struct svc *svc, struct arena *arena,
                         const struct svc_notice *notice,
                         struct message_out *ret_message) {
    struct message_draft draft = {.template = notice->what,
                                  .english = notice->english,
                                  .to = notice->to,
                                  .sub = &notice->sub,
                                  .source = notice->source};
    char when[MESSAGE_TIME_MAX];

    if (notice->to.len == 0)
        return OK;
    message_time(repl_now_ms(svc->shared->repl), notice->english, when);
    if (notice->more.name)
        message_draft_put(&draft, notice->more.name, notice->more.text);
    message_draft_put(&draft, "when", span_str(when));
    return svc_message_make(svc, arena, &draft, ret_message);
}

enum err svc_notice_factor(struct arena *arena, enum factor_kind kind, struct span label,
                           bool english, struct span *ret_text) {
    static const char *const names[FACTOR_KIND_LAST + 1][2] = {
        [FACTOR_SMS] = {"SMS受信用の電話番号", "Phone number for text messages"},
        [FACTOR_TOTP] = {"認証アプリ", "Authenticator app"},
        [FACTOR_PASSKEY] = {"パスキー", "Passkey"},
        [FACTOR_APP] = {"スマートフォンアプリ", "Smartphone app"},
    };
    struct buf text;
    enum err err;

    buf_init(&text, FACTOR_TEXT_MAX);
    buf_str(&text, names[kind][english]);
    if (label.len > 0) {
        buf_str(&text, " ");
        buf_put(&text, label.data, label.len);
    }
    err = svc_take(arena, &text, ret_text);
    buf_free(&text);
    return err;
}
