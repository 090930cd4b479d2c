#include "server/svc_dpop.h"

#include "server/crypto/digest.h"
#include "server/crypto/dpop_proof.h"
#include "server/oidc/dpop_check.h"
#include "store/base/codec.h"

enum err svc_dpop_nonce(struct svc *svc, struct arena *arena, struct span *ret_nonce) {
    buf_reset(&svc->scratch);
    put_u64(&svc->scratch, repl_now_ms(svc->shared->repl));
    return svc_seal_text(svc, SEAL_DPOP_NONCE, buf_span(&svc->scratch), arena,
                         ret_nonce);
}

static bool nonce_good(struct svc *svc, struct span nonce) {
    uint64_t now_ms = repl_now_ms(svc->shared->repl), made_ms;
    struct reader reader;
    struct span plain;

    if (nonce.len == 0 ||
        svc_open_text(svc, SEAL_DPOP_NONCE, nonce, sizeof made_ms, &plain) != OK ||
        plain.len != sizeof made_ms)
        return false;
    reader = reader_of(plain);
    made_ms = read_u64(&reader);
    /* A node whose clock lags gets nonces from the future. */
    return made_ms > now_ms || now_ms - made_ms <= SVC_DPOP_NONCE_S * 1000;
}

/* RFC 9449 §4.2, ath. */
static struct span token_hash(struct span token, char text[44]) {
    uint8_t hash[32];

    if (token.len == 0)
        return span_of(NULL, 0);
    digest_sha256(token, hash);
    return span_of(text, base64url_encode(span_of(hash, sizeof hash), text));
}

static struct oidc_verdict check(struct svc *svc, const struct svc_dpop_in *in,
                                 struct span token, const struct dpop_proof *proof) {
    struct dpop_claims claims = {.jti = proof->jti,
                                 .htm = proof->htm,
                                 .htu = proof->htu,
                                 .ath = proof->ath,
                                 .has_iat = proof->has_iat,
                                 .iat_s = proof->iat_s};
    char hash[44];
    struct dpop_request request = {
        .method = in->method,
        .token_hash = token_hash(token, hash),
        .now_s = (int64_t)(repl_now_ms(svc->shared->repl) / 1000),
    };

    buf_reset(&svc->scratch);
    buf_str(&svc->scratch, in->base);
    buf_str(&svc->scratch, in->endpoint);
    request.url = buf_span(&svc->scratch);
    return dpop_check(&claims, &request);
}

/* The key is the owner's, so that nobody can use up another one's jti. */
static struct proof once(struct svc *svc, const struct dpop_proof *proof) {
    buf_reset(&svc->scratch);
    put_u8(&svc->scratch, PROOF_DPOP);
    buf_put(&svc->scratch, proof->thumbprint, sizeof proof->thumbprint);
    buf_put(&svc->scratch, proof->jti.data, proof->jti.len);
    return (struct proof){.key = svc_hash(svc, HASH_PROOF, buf_span(&svc->scratch)),
                          .ttl_ms = (2 * DPOP_WINDOW_S + 1) * 1000};
}

struct oidc_verdict svc_dpop_judge(struct svc_state *state,
                                   const struct svc_dpop_in *in, struct span token,
                                   struct binding *ret_binding,
                                   struct proof *ret_proof) {
    struct svc *svc = state->svc;
    struct oidc_verdict verdict;
    struct dpop_proof proof;

    if (in->twice)
        return (struct oidc_verdict){OIDC_INVALID_DPOP_PROOF,
                                     "there is more than one DPoP header"};
    if (dpop_proof_open(in->proof, &state->op->arena, &proof) != OK)
        return (struct oidc_verdict){OIDC_INVALID_DPOP_PROOF,
                                     "the DPoP proof is malformed or not signed by the "
                                     "key in it"};
    verdict = check(svc, in, token, &proof);
    if (verdict.error)
        return verdict;
    if (!nonce_good(svc, proof.nonce))
        return (struct oidc_verdict){OIDC_USE_DPOP_NONCE,
                                     "the DPoP proof needs the nonce of this response"};
    ret_binding->kind = BINDING_DPOP;
    memcpy(ret_binding->thumbprint, proof.thumbprint, sizeof ret_binding->thumbprint);
    *ret_proof = once(svc, &proof);
    return verdict;
}
