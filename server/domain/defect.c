#include "server/domain/defect.h"

static const struct {
    const char *name, *ja, *en;
} defects[DEFECTS] = {
    {"cert_expired", "証明書の有効期限（発行日から3か月）が切れています。",
     "The certificate is older than three months."},
    {"cert_missing", "証明書が同封されていないか、必要な証明書と異なります。",
     "The certificate was missing, or another document was sent in its place."},
    {"cert_copy", "証明書がコピーです。原本が必要です。",
     "The certificate is a copy; the original is required."},
    {"form_differs", "申請書の記載または印影が公的書類と一致しません。",
     "The form or its seal does not agree with the official document."},
    {"form_invalid", "申請書に手書きの修正があるか、画面の写し、または否認済みの申請書です。",
     "The form was corrected by hand, is a copy, or was denied before."},
    {"account_duplicate", "アカウントIDがすでに登録されています。",
     "The account ID is registered already."},
    {"no_documents", "申請に必要な書類が届いていません。",
     "The documents of the application did not arrive."},
};

const char *defect_name(size_t bit) {
    return bit < DEFECTS ? defects[bit].name : "";
}

const char *defect_sentence(size_t bit, bool english) {
    if (bit >= DEFECTS)
        return "";
    return english ? defects[bit].en : defects[bit].ja;
}

uint32_t defect_bit(struct span name) {
    for (size_t i = 0; i < DEFECTS; i++) {
        if (span_is(name, defects[i].name))
            return 1u << i;
    }
    return 0;
}
