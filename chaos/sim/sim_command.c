#include "chaos/sim/sim_command.h"

#include <string.h>

static uint8_t names; /* one simulation runs at a time */

void sim_names_begin(uint8_t generation) {
    names = generation;
}

struct key_hash sim_key(enum sim_name space, uint64_t a, uint64_t b) {
    struct key_hash key = {{(uint8_t)space, names}};
    uint32_t family = (uint32_t)a;
    memcpy(key.b + 2, &family, sizeof(family));
    memcpy(key.b + 8, &b, sizeof(b));
    return key;
}

struct id128 sim_id(uint64_t n) {
    struct id128 id = {{0xa5, names}};
    memcpy(id.b + 8, &n, sizeof(n));
    return id;
}

/* --- commands --- */

const struct span sim_rp = {(const uint8_t *)"rp", 2};
static const struct span redirect = {(const uint8_t *)"https://rp.example/cb", 21};

struct command sim_put_command(uint64_t n, struct key_hash login, bool replace,
                               struct span password) {
    return (struct command){
        .type = CMD_ACCOUNT_PUT,
        .account_put = {.account = {.sub = sim_id(n),
                                    .login_index = login,
                                    .type = ACCOUNT_PRIME,
                                    .state = ACCOUNT_ACTIVE,
                                    .generation = 1,
                                    .password_hash = password,
                                    .sealed_profile = span_of("sealed", 6)},
                        .replace = replace}};
}

struct command sim_client_command(void) {
    return (struct command){
        .type = CMD_CLIENT_PUT,
        .client_put = {.client = {.client_id = "rp",
                                  .name = "RP",
                                  .ministry = "",
                                  .start_month = "",
                                  .environment = ENV_DEMO,
                                  .stage = CLIENT_LIVE,
                                  .profile = CLIENT_GBIZID,
                                  .auth = CLIENT_AUTH_BASIC,
                                  .id_token_alg = CLIENT_RS256,
                                  .secret_hash = {1},
                                  .scopes = 7,
                                  .backchannel_logout_uri = "https://rp.example/bc",
                                  .redirect_uris = {"https://rp.example/cb"},
                                  .redirect_uris_count = 1},
                       .replace = true}};
}

struct command sim_login_command(uint64_t account, struct key_hash login,
                                 struct key_hash session, struct id128 sid, bool good) {
    return (struct command){.type = CMD_LOGIN,
                            .login = {.login_index = login,
                                      .known = true,
                                      .password_ok = good,
                                      .sub = sim_id(account),
                                      .generation = 1,
                                      .session = session,
                                      .sid = sid,
                                      .idle_ms = 8 * SIM_HOUR_MS,
                                      .lifetime_ms = 8 * SIM_HOUR_MS}};
}

struct command sim_issue_command(struct key_hash session, struct key_hash code) {
    return (struct command){.type = CMD_GRANT_ISSUE,
                            .grant_issue = {.code = code,
                                            .session = session,
                                            .client_id = sim_rp,
                                            .redirect_uri = redirect,
                                            .scopes = 7,
                                            .nonce = span_of("n", 1),
                                            .challenge_method = CHALLENGE_S256,
                                            .challenge = {1},
                                            .code_ttl_ms = 8 * SIM_HOUR_MS,
                                            .grant_ttl_ms = 8 * SIM_HOUR_MS,
                                            .idle_ms = 8 * SIM_HOUR_MS}};
}

struct command sim_redeem_command(struct key_hash code, uint64_t n, uint64_t access,
                                  uint64_t refresh) {
    return (struct command){
        .type = CMD_GRANT_REDEEM,
        .grant_redeem = {.code = code,
                         .client_id = sim_rp,
                         .has_redirect_uri = true,
                         .redirect_uri = redirect,
                         .has_verifier = true,
                         .verifier_hash = {1},
                         .access = sim_key(NAME_ACCESS, n, access),
                         .access_ttl_ms = SIM_HOUR_MS,
                         .refresh_scope_mask = 4,
                         .refresh = sim_key(NAME_REFRESH, n, refresh),
                         .refresh_ttl_ms = 8 * SIM_HOUR_MS}};
}

void sim_seal_command(struct command *redeem, uint64_t epoch, struct key_hash session,
                      uint64_t now_ms) {
    const struct command issue = sim_issue_command(session, redeem->grant_redeem.code);
    const struct cmd_grant_issue *cmd = &issue.grant_issue;

    redeem->grant_redeem.opens = true;
    redeem->grant_redeem.opened =
        (struct grant_opened){.epoch = epoch,
                              .session = session,
                              .generation = 1,
                              .code_expires_ms = now_ms + 4 * SIM_HOUR_MS,
                              .code_ttl_ms = cmd->code_ttl_ms,
                              .idle_ms = cmd->idle_ms,
                              .redirect_uri = cmd->redirect_uri,
                              .scopes = cmd->scopes,
                              .nonce = cmd->nonce,
                              .challenge_method = cmd->challenge_method,
                              .challenge = {1}};
}

/* A member's successor is a function of it, as the services derive it. */
struct command sim_refresh_command(uint64_t code, uint64_t member) {
    return (struct command){
        .type = CMD_TOKEN_REFRESH,
        .token_refresh = {.refresh = sim_key(NAME_REFRESH, code, member),
                          .client_id = sim_rp,
                          .next_refresh = sim_key(NAME_REFRESH, code, member + 1),
                          .next_access = sim_key(NAME_ACCESS, code, member + 1),
                          .access_ttl_ms = SIM_HOUR_MS,
                          .refresh_ttl_ms = 8 * SIM_HOUR_MS,
                          .grace_ms = 8 * SIM_HOUR_MS}};
}
