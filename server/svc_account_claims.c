#include "server/svc_account_claims.h"

#include "server/domain/profile.h"
#include "server/svc_subject.h"

uint64_t svc_account_wanted(const struct client *client, uint64_t scopes,
                            uint64_t asked) {
    bool standard = client->profile != CLIENT_GBIZID;
    uint64_t may = claims_of_scopes(client->scopes, standard);

    return claims_of_scopes(scopes, standard) | (asked & may);
}

static enum err read_profile(struct svc *svc, struct arena *arena,
                             const struct account *account,
                             struct profile *ret_profile) {
    struct span copy;
    enum err err;

    buf_reset(&svc->plain);
    err = sealer_open(svc->sealer, SEAL_PROFILE,
                      span_of(account->sub.b, sizeof account->sub.b),
                      account->sealed_profile, &svc->plain);
    if (!err)
        err = svc_take(arena, &svc->plain, &copy);
    return err ? err : profile_decode(copy, ret_profile);
}

enum err svc_account_claims(struct svc *svc, struct arena *arena,
                            const struct client *client, const struct account *account,
                            uint64_t wanted, struct account_claims *ret_claims) {
    struct account_claims claims = {.account_type = (unsigned)account->type,
                                    .updated_s = account->created_ms / 1000};
    struct profile profile;
    enum err err;

    claims.sub = svc_subject_text(svc->sealer, client, account->sub, arena);
    if (account->has_parent)
        claims.parent_id =
            svc_subject_text(svc->sealer, client, account->parent_sub, arena);
    if (!claims.sub.data || (account->has_parent && !claims.parent_id.data))
        return ERR_NOMEM;
    if (wanted != 0) {
        err = read_profile(svc, arena, account, &profile);
        if (err)
            return err;
        claims.corp_type = (unsigned)profile.corp_type;
#define X(id, name, scope) claims.text[CLAIM_##id] = profile.fields[PROFILE_##id];
        CLAIM_LIST(X)
#undef X
        claims.procedure = profile.fields[PROFILE_PROCEDURE];
        claims.verified_at = profile.fields[PROFILE_VERIFIED_AT];
        claims.services = profile.fields[PROFILE_SERVICES];
    }
    *ret_claims = claims;
    return OK;
}
