/* command_self: the payload of CMD_SELF, for raft/command.c alone, which does what is
 * common: the message and the actor. */
#ifndef RAFT_COMMAND_SELF_H
#define RAFT_COMMAND_SELF_H

#include "raft/command.h"
#include "raft/command.pb-c.h"

/* Bounds, and that an act has what it needs and nothing else. */
bool command_self_ok(const struct cmd_self *c);
void command_self_build(const struct cmd_self *c, Tasuki__Command__Self *m);
/* False: a field of a wrong length. Spans borrow from the message. */
bool command_self_take(const Tasuki__Command__Self *m, struct cmd_self *c);

#endif
