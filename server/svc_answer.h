/* svc_answer: what a flow (svc_flow.h) answers with: redirects, pages' contents, and
 * the sealed request inside the pages' forms. Each answer ends the operation. */
#ifndef SERVER_SVC_ANSWER_H
#define SERVER_SVC_ANSWER_H

#include "server/svc_flow.h"

/* redirect_uri with code, iss and state (RFC 6749 §4.1.2, RFC 9207). */
void svc_answer_code(struct svc_flow *flow);
void svc_answer_consent_page(struct svc_flow *flow);
/* out->factor is filled, flow->factor names the sign-in. */
void svc_answer_factor_page(struct svc_flow *flow);

/* What sealed requests of this browser are bound to; a browser that has no cookie yet is
 * given one. */
enum err svc_flow_browser(struct svc_flow *flow, uint8_t out[32]);

/* What a login_state stores of the browser cookie. False: the cookie is absent or
 * not ours. */
bool svc_browser_hash(struct svc *svc, struct span cookie, uint8_t out[32]);

/* What a login page offers for passkeys, by its login_state. ERR_NOMEM. */
enum err svc_answer_passkey(struct svc *svc, struct arena *arena,
                            struct svc_authorize *out);

#endif
