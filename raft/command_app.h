/* command_app: the payloads of CMD_APP_* and CMD_PASSKEY_LOGIN, for raft/command.c
 * alone. */
#ifndef RAFT_COMMAND_APP_H
#define RAFT_COMMAND_APP_H

#include "raft/command.h"
#include "raft/command.pb-c.h"
#include "raft/command_factor.h"

struct command_app_message {
    union {
        ProtobufCMessage base; /* first */
        Tasuki__Command__AppEnrol enrol;
        Tasuki__Command__AppRegister registers;
        Tasuki__Command__AppAnswer answer;
        Tasuki__Command__AppAddress address;
        Tasuki__Command__PasskeyLogin passkey;
    };
    Tasuki__Command__Gate gate;
    Tasuki__Command__Proof proofs[COMMAND_PROOFS_MAX];
    Tasuki__Command__Proof *proofs_at[COMMAND_PROOFS_MAX];
};

/* Bounds, before it is encoded and after it was decoded. */
bool command_app_ok(const struct command *command);
/* `command` has passed command_app_ok; `m` borrows from it. */
void command_app_build(const struct command *command, struct command_app_message *m);
/* False: a field of a wrong length. Spans borrow from the message. */
bool command_app_take(const void *message, struct command *command);

#endif
