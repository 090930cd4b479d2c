/* svc_documents: discovery, the key set, and whether this node should be asked. */
#include <stdio.h>

#include "server/svc_internal.h"
#include "server/usage.h"
#include "store/base/log.h"

struct span svc_discovery(struct svc *svc) {
    return buf_span(&svc->discovery);
}

static uint32_t jwks_age(const struct svc *svc) {
    uint32_t half_s = svc->shared->config->key_publish_s / 2;

    if (repl_fresh(svc->shared->repl) != OK)
        return 0;
    return half_s < SVC_DOCUMENT_AGE_S ? half_s : SVC_DOCUMENT_AGE_S;
}

struct span svc_jwks(struct svc *svc, uint32_t *ret_max_age_s) {
    struct span none = {NULL, 0};
    enum err err;

    *ret_max_age_s = jwks_age(svc);
    err = svc_read_begin(svc);
    if (!err) {
        err = svc_keys(svc);
        svc_read_end(svc);
    }
    if (err)
        log_event(LOG_ERROR, "svc.jwks", log_str("why", err_str(err)), log_end());
    return err || svc->keys.count == 0 ? none : jwt_keys_jwks(svc->keys.keys);
}

bool svc_ready(struct svc *svc, const char **ret_why) {
    struct repl_status status;
    uint32_t age_s;
    enum err err;

    if (atomic_load(&svc->shared->draining)) {
        *ret_why = "this node is stopping";
        return false;
    }
    repl_status(svc->shared->repl, &status);
    if (!status.ready) {
        snprintf(svc->why, sizeof svc->why, "%s", status.why_not_ready);
        *ret_why = svc->why;
        return false;
    }
    /* The status may be 100 ms old; this is of now. */
    err = repl_fresh(svc->shared->repl);
    if (err) {
        *ret_why = err_str(err);
        return false;
    }
    if (svc_jwks(svc, &age_s).len == 0) {
        *ret_why = "the cluster has no signing keys yet";
        return false;
    }
    *ret_why = "";
    return true;
}

void svc_top_shown(struct svc *svc) {
    usage_count(svc->shared->usage, span_of(NULL, 0), USAGE_TOP);
}
