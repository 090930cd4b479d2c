/* message_mail: a message as a mail (RFC 5322), plain text in UTF-8.
 *
 * Every header is written here from parts that cannot end it: addresses are of one form
 * (domain/account_id), words are encoded (RFC 2047), the body is base64. So nothing that
 * a person wrote can add a header or a recipient (SECURITY E05). Pure. */
#ifndef SERVER_MESSAGE_MAIL_H
#define SERVER_MESSAGE_MAIL_H

#include "store/base/buf.h"
#include "store/base/err.h"
#include "store/store.h"

struct mail {
    struct span from; /* addresses, as account_id_parse gives them */
    struct span to;
    struct span from_name, subject, body; /* UTF-8; lines of the body end with LF */
    struct span host;                     /* of the Message-ID */
    struct id128 id;                      /* likewise: equal on every repetition */
    bool english;
    uint64_t now_ms;
};

/* Append, lines ending with CRLF. ERR_INVALID: a part is not what it should be. */
enum err message_mail(const struct mail *mail, struct buf *out);

#endif
