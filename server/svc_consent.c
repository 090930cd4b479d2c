/* svc_consent: POST /oauth/consent. The form's sealed request names the account that
 * was asked (svc_flow.h, W2); its live session is what makes the answer count. */
#include "server/svc_flow.h"

struct consent_op {
    struct svc_flow flow; /* first */
    struct svc_consent *consent;
};

static void finish(struct svc_state *state) {
    struct consent_op *op = (struct consent_op *)state;

    op->consent->done(op->consent);
}

/* Only the live session of the account that was asked can refuse or allow; without
 * it svc_flow_decide asks for a sign-in first, and then that account anew. */
static void answered(struct svc_flow *flow) {
    struct consent_op *op = (struct consent_op *)flow;

    if (!svc_flow_session_serves(flow)) {
        if (!flow->hinted)
            flow->subject = span_of(NULL, 0);
        svc_flow_decide(flow);
        return;
    }
    if (!op->consent->allow) {
        svc_flow_redirect_error(flow, OIDC_ACCESS_DENIED,
                                "the account's holder did not consent");
        return;
    }
    flow->consent_given = true;
    flow->consent_scopes = svc_flow_scopes(flow);
    svc_flow_decide(flow);
}

void svc_consent(struct svc *svc, struct svc_consent *consent) {
    struct consent_op *op;
    enum err err;

    op = svc_op_begin(svc, &consent->op, sizeof *op, finish);
    if (!op) {
        consent->done(consent);
        return;
    }
    op->consent = consent;
    consent->next = (struct svc_authorize){.kind = AUTHORIZE_REFUSED};
    op->flow.out = &consent->next;
    op->flow.session_cookie = consent->session_cookie;
    op->flow.browser_cookie = consent->browser_cookie;
    err = svc_flow_resume(&op->flow, consent->login_state, FLOW_STATE_CONSENT);
    if (err == ERR_FORGED)
        svc_flow_refuse(&op->flow, OIDC_INVALID_REQUEST,
                        "this page is too old, or was opened in another browser");
    else if (err)
        svc_fail(&op->flow.base, err);
    else
        svc_flow_session(&op->flow, answered);
}
