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

enum err svc_profile_open(struct svc *svc, struct arena *arena,
                          const struct account *account, struct profile *ret_profile) {
    struct profile profile = {0};
    struct span plain;
    enum err err;

    if (account->sealed_profile.len == 0) {
        *ret_profile = profile;
        return OK;
    }
    buf_reset(&svc->plain);
    err = sealer_open(svc->sealer, SEAL_PROFILE,
                      span_of(account->sub.b, sizeof account->sub.b),
                      account->sealed_profile, &svc->plain);
    if (!err)
        err = svc_take(arena, &svc->plain, &plain);
    buf_reset(&svc->plain);
    if (!err)
        err = profile_decode(plain, &profile);
    if (!err)
        *ret_profile = profile;
    return err == ERR_FORGED ? ERR_CORRUPT : err;
}

enum err svc_profile_address(struct svc *svc, struct arena *arena, struct id128 sub,
                             struct span *ret_address) {
    struct profile profile = {0};
    struct account account;
    enum err err = svc_read_begin(svc);

    if (err)
        return err;
    err = store_account_get(svc->read, arena, sub, &account);
    if (!err)
        err = svc_profile_open(svc, arena, &account, &profile);
    svc_read_end(svc);
    *ret_address = profile.fields[PROFILE_EMAIL];
    return err;
}
