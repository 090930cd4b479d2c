/* outcome: what the state machine decided, in fixed little-endian layouts.
 *
 *   outcome: u16 code | u64 index | u64 clock_ms | u32 length | detail
 *   each detail begins with the version of its own layout. */
#include "raft/command.h"

#include "store/base/limits.h"

#define LOGIN_VERSION 1
#define TOKENS_VERSION 1
#define BOOT_VERSION 1
#define CLAIM_VERSION 1
#define WAIT_VERSION 1

const char *outcome_str(enum outcome_code code) {
    static const char *const names[] = {
        [OUT_OK] = "ok",
        [OUT_EXISTS] = "exists already",
        [OUT_NOT_FOUND] = "not found",
        [OUT_EXPIRED] = "expired",
        [OUT_UNKNOWN_BOOT] = "not the registered boot",
        [OUT_OLD_SEQUENCE] = "sequence below the low mark",
        [OUT_BAD_CREDENTIALS] = "bad credentials",
        [OUT_LOCKED] = "locked",
        [OUT_ACCOUNT_STATE] = "account is not active",
        [OUT_SESSION_ENDED] = "session has ended",
        [OUT_CLIENT_STATE] = "client is unknown or not usable in its stage",
        [OUT_CLIENT_MISMATCH] = "another client's",
        [OUT_REDIRECT_MISMATCH] = "redirect URI differs",
        [OUT_PKCE_MISMATCH] = "code verifier does not match",
        [OUT_REPLAYED] = "used before",
        [OUT_REVOKED] = "revoked",
        [OUT_SCOPE] = "more scope than was granted",
        [OUT_NOT_SUPPORTED] = "not supported by the replicated version",
        [OUT_REAUTH] = "sign-in is too old",
        [OUT_CHANGING] = "another change is not settled",
        [OUT_LAST_VOTER] = "the last voter",
        [OUT_MEMBER_STATE] = "not possible in the member's state",
        [OUT_FULL] = "no room for one more",
        [OUT_PROOF_REPLAYED] = "proof was used before",
        [OUT_BINDING_MISMATCH] = "bound to another key",
        [OUT_LIMITED] = "too often",
        [OUT_SECOND_STEP] = "the second step is due",
        [OUT_WAITING] = "not answered yet",
        [OUT_DENIED] = "denied by its holder",
        [OUT_APPLICATION_STATE] = "not possible in the application's state",
        [OUT_DUPLICATE_ACCOUNT] = "the account ID is taken",
        [OUT_DUPLICATE_PERSON] = "the person has applied for the corporation before",
        [OUT_CLAIMED] = "another person has it",
        [OUT_SAME_PERSON] = "a second person is needed",
        [OUT_JOB_LATE] = "of an attempt that is over",
        [OUT_ROLE] = "not with this role",
    };
    return (size_t)code < sizeof names / sizeof names[0] && names[code] != NULL
               ? names[code]
               : "unknown";
}

enum err outcome_encode(const struct outcome *outcome, struct buf *out) {
    if (outcome->detail.len > LIMIT_OUTCOME / 2) {
        return ERR_TOO_BIG;
    }
    put_u16(out, (uint16_t)outcome->code);
    put_u64(out, outcome->index);
    put_u64(out, outcome->clock_ms);
    put_u32(out, (uint32_t)outcome->detail.len);
    buf_put(out, outcome->detail.data, outcome->detail.len);
    return buf_err(out);
}

enum err outcome_decode(struct span in, struct outcome *ret_outcome) {
    struct reader r = reader_of(in);
    struct outcome outcome;
    uint16_t code = read_u16(&r);
    uint32_t len;

    outcome.code = (enum outcome_code)code;
    outcome.index = read_u64(&r);
    outcome.clock_ms = read_u64(&r);
    len = read_u32(&r);
    outcome.detail = read_bytes(&r, len);
    if (r.bad || reader_left(&r) != 0 || code > OUT_LAST || len > LIMIT_OUTCOME / 2) {
        return ERR_INVALID;
    }
    *ret_outcome = outcome;
    return OK;
}

enum err outcome_login_encode(const struct outcome_login *login, struct buf *out) {
    put_u8(out, LOGIN_VERSION);
    put_u64(out, login->auth_time_ms);
    put_u64(out, login->expires_ms);
    return buf_err(out);
}

enum err outcome_login_decode(struct span in, struct outcome_login *ret_login) {
    struct reader r = reader_of(in);
    struct outcome_login login;
    uint8_t version = read_u8(&r);

    login.auth_time_ms = read_u64(&r);
    login.expires_ms = read_u64(&r);
    if (r.bad || reader_left(&r) != 0 || version != LOGIN_VERSION) {
        return ERR_INVALID;
    }
    *ret_login = login;
    return OK;
}

enum err outcome_wait_encode(const struct outcome_wait *wait, struct buf *out) {
    put_u8(out, WAIT_VERSION);
    put_u64(out, wait->until_ms);
    return buf_err(out);
}

enum err outcome_wait_decode(struct span in, struct outcome_wait *ret_wait) {
    struct reader r = reader_of(in);
    struct outcome_wait wait;
    uint8_t version = read_u8(&r);

    wait.until_ms = read_u64(&r);
    if (r.bad || reader_left(&r) != 0 || version != WAIT_VERSION) {
        return ERR_INVALID;
    }
    *ret_wait = wait;
    return OK;
}

enum err outcome_tokens_encode(const struct outcome_tokens *tokens, struct buf *out) {
    if (tokens->nonce.len > LIMIT_NONCE) {
        return ERR_TOO_BIG;
    }
    put_u8(out, TOKENS_VERSION);
    buf_put(out, tokens->sub.b, sizeof tokens->sub.b);
    buf_put(out, tokens->sid.b, sizeof tokens->sid.b);
    buf_put(out, tokens->grant.b, sizeof tokens->grant.b);
    put_u64(out, tokens->scopes);
    put_u64(out, tokens->auth_time_ms);
    put_u32(out, tokens->methods);
    put_u64(out, tokens->access_expires_ms);
    put_u64(out, tokens->id_token_claims);
    put_u8(out, (uint8_t)tokens->binding.kind);
    buf_put(out, tokens->binding.thumbprint, sizeof tokens->binding.thumbprint);
    put_u8(out, tokens->has_refresh ? 1 : 0);
    put_span(out, tokens->nonce);
    return buf_err(out);
}

enum err outcome_tokens_decode(struct span in, struct outcome_tokens *ret_tokens) {
    struct reader r = reader_of(in);
    struct outcome_tokens tokens = {0};
    uint8_t version = read_u8(&r);
    uint8_t has_refresh;

    read_fixed(&r, tokens.sub.b, sizeof tokens.sub.b);
    read_fixed(&r, tokens.sid.b, sizeof tokens.sid.b);
    read_fixed(&r, tokens.grant.b, sizeof tokens.grant.b);
    tokens.scopes = read_u64(&r);
    tokens.auth_time_ms = read_u64(&r);
    tokens.methods = read_u32(&r);
    tokens.access_expires_ms = read_u64(&r);
    tokens.id_token_claims = read_u64(&r);
    tokens.binding.kind = (enum binding_kind)read_u8(&r);
    read_fixed(&r, tokens.binding.thumbprint, sizeof tokens.binding.thumbprint);
    has_refresh = read_u8(&r);
    tokens.nonce = read_span(&r);
    if (r.bad || reader_left(&r) != 0 || version != TOKENS_VERSION || has_refresh > 1 ||
        tokens.binding.kind > BINDING_TLS || tokens.nonce.len > LIMIT_NONCE) {
        return ERR_INVALID;
    }
    tokens.has_refresh = has_refresh == 1;
    *ret_tokens = tokens;
    return OK;
}

enum err outcome_boot_encode(const struct outcome_boot *boot, struct buf *out) {
    put_u8(out, BOOT_VERSION);
    put_u64(out, boot->registered);
    return buf_err(out);
}

enum err outcome_boot_decode(struct span in, struct outcome_boot *ret_boot) {
    struct reader r = reader_of(in);
    uint8_t version = read_u8(&r);
    uint64_t registered = read_u64(&r);

    if (r.bad || reader_left(&r) != 0 || version != BOOT_VERSION) {
        return ERR_INVALID;
    }
    ret_boot->registered = registered;
    return OK;
}

enum err outcome_claim_encode(const struct outcome_claim *claim, struct buf *out) {
    if (claim->count > LIMIT_OUTBOX_BATCH) {
        return ERR_TOO_BIG;
    }
    put_u8(out, CLAIM_VERSION);
    put_u16(out, (uint16_t)claim->count);
    for (size_t i = 0; i < claim->count; i++) {
        buf_put(out, claim->messages[i].id.b, sizeof claim->messages[i].id.b);
        put_u32(out, claim->messages[i].attempt);
    }
    return buf_err(out);
}

enum err outcome_claim_decode(struct span in, struct outcome_claim *ret_claim) {
    struct reader r = reader_of(in);
    struct outcome_claim claim = {0};
    uint8_t version = read_u8(&r);

    claim.count = read_u16(&r);
    if (version != CLAIM_VERSION || claim.count > LIMIT_OUTBOX_BATCH) {
        return ERR_INVALID;
    }
    for (size_t i = 0; i < claim.count; i++) {
        read_fixed(&r, claim.messages[i].id.b, sizeof claim.messages[i].id.b);
        claim.messages[i].attempt = read_u32(&r);
    }
    if (r.bad || reader_left(&r) != 0) {
        return ERR_INVALID;
    }
    *ret_claim = claim;
    return OK;
}
