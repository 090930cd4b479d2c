#include "server/svc_profile.h"

enum err svc_profile_seal(struct svc *svc, struct id128 sub,
                          const struct profile *profile, struct arena *arena,
                          struct span *ret_sealed) {
    enum err err;

    buf_reset(&svc->plain);
    buf_reset(&svc->scratch);
    err = profile_encode(profile, &svc->plain);
    if (!err)
        err = sealer_seal(svc->sealer, SEAL_PROFILE, span_of(sub.b, sizeof sub.b),
                          buf_span(&svc->plain), &svc->scratch);
    buf_reset(&svc->plain);
    return err ? err : svc_take(arena, &svc->scratch, ret_sealed);
}
