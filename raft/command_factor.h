/* command_factor: the payloads of CMD_FACTOR_*, CMD_RECOVERY_ASK and CMD_PASSWORD_SET but
 * for their messages, for raft/command.c alone. */
#ifndef RAFT_COMMAND_FACTOR_H
#define RAFT_COMMAND_FACTOR_H

#include "raft/command.h"
#include "raft/command.pb-c.h"

struct command_factor_message {
    union {
        ProtobufCMessage base; /* first */
        Tasuki__Command__FactorBegin begin;
        Tasuki__Command__FactorChallenge challenge;
        Tasuki__Command__FactorPass pass;
        Tasuki__Command__FactorPut put;
        Tasuki__Command__FactorDel del;
        Tasuki__Command__RecoveryAsk ask;
        Tasuki__Command__PasswordSet set;
    };
    Tasuki__Command__Gate gate;
};

/* Of all that carry one. NULL: absent; else `m`, which borrows from `c`. */
Tasuki__Command__Gate *command_gate_build(const struct gate *c, Tasuki__Command__Gate *m);
bool command_gate_take(const Tasuki__Command__Gate *m, struct gate *c);
bool command_gate_ok(const struct gate *c);

/* Bounds, before it is encoded and after it was decoded. */
bool command_factor_ok(const struct command *command);
/* `command` has passed command_factor_ok; `m` borrows from it. */
void command_factor_build(const struct command *command,
                          struct command_factor_message *m);
/* False: a field of a wrong length. Spans borrow from the message. */
bool command_factor_take(const void *message, struct command *command);

#endif
