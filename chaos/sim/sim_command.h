/* sim_command: the commands of the simulated clients, on rows that they name by number.
 * What is given by value borrows nothing but static texts and the spans passed in. */
#ifndef CHAOS_SIM_COMMAND_H
#define CHAOS_SIM_COMMAND_H

#include "raft/command.h"

#define SIM_HOUR_MS (60u * 60 * 1000)

enum sim_name { NAME_LOGIN = 1, NAME_SESSION, NAME_CODE, NAME_ACCESS, NAME_REFRESH };

/* Names from now on are none of those before. */
void sim_names_begin(uint8_t generation);
struct key_hash sim_key(enum sim_name space, uint64_t a, uint64_t b);
struct id128 sim_id(uint64_t n);

/* The one client. It wants to be told when sessions end. */
extern const struct span sim_rp;

struct command sim_put_command(uint64_t n, struct key_hash login, bool replace,
                               struct span password);
struct command sim_client_command(void);
struct command sim_login_command(uint64_t account, struct key_hash login,
                                 struct key_hash session, struct id128 sid, bool good);
struct command sim_issue_command(struct key_hash session, struct key_hash code);
/* `n`: number of the code, in the names of the tokens. */
struct command sim_redeem_command(struct key_hash code, uint64_t n, uint64_t access,
                                  uint64_t refresh);
/* Make of it the redemption of a sealed code, which has not expired for hours around
 * `now_ms`. */
void sim_seal_command(struct command *redeem, uint64_t epoch, struct key_hash session,
                      uint64_t now_ms);
/* A member's successor is a function of it, as the services derive it. */
struct command sim_refresh_command(uint64_t code, uint64_t member);

#endif
