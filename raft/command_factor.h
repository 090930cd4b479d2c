/* command_factor: the payloads of CMD_FACTOR_*, CMD_RECOVERY_ASK and CMD_PASSWORD_SET but
 * for their messages, for raft/command.c alone. */
#ifndef RAFT_COMMAND_FACTOR_H
#define RAFT_COMMAND_FACTOR_H

#include "raft/command.h"
#include "raft/command.pb-c.h"

union command_factor_message {
    ProtobufCMessage base;
    Tasuki__Command__FactorBegin begin;
    Tasuki__Command__FactorChallenge challenge;
    Tasuki__Command__FactorPass pass;
    Tasuki__Command__FactorPut put;
    Tasuki__Command__FactorDel del;
    Tasuki__Command__RecoveryAsk ask;
    Tasuki__Command__PasswordSet set;
};

/* Bounds, before it is encoded and after it was decoded. */
bool command_factor_ok(const struct command *command);
/* `command` has passed command_factor_ok; `m` borrows from it. */
void command_factor_build(const struct command *command,
                          union command_factor_message *m);
/* False: a field of a wrong length. Spans borrow from the message. */
bool command_factor_take(const void *message, struct command *command);

#endif
