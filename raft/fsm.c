/* fsm: frames into transactions. Decoding, time, the window of sequences, dispatch
 * and commit; the rules themselves stand in the other fsm_*.c. */
#include "raft/fsm.h"

#include <stdlib.h>

#include "raft/fsm_audit.h"
#include "raft/fsm_internal.h"
#include "store/base/check.h"
#include "store/store_audit.h"
#include "store/store_outcome.h"
#include "store/store_write.h"

/* Room for one decoded command: protobuf-c needs at most about 80 times a payload
 * made of nothing but the shortest fields. */
#define FSM_ARENA_MAX (16u * 1024 * 1024)

/* What one envelope of the frame came to; told after the commit. */
struct fsm_result {
    struct envelope envelope;
    struct outcome outcome; /* detail: offset in `details`, see result_add */
    size_t detail_at;
};

struct fsm {
    struct store *store;
    struct store_meta meta;      /* of the last applied frame */
    struct store_write *write;   /* open transaction (F6); NULL: none */
    struct store_meta committed; /* of the last one that is */
    bool early;                  /* the last frame's outcomes may be told before that */
    uint64_t members_index;      /* of the last that changed members */
    struct arena arena;
    struct arena scratch;
    struct buf detail;  /* of the command being applied */
    struct buf encoded; /* its outcome as it is stored */
    struct buf details; /* of all commands of the frame */
    struct fsm_boots boots;
    struct fsm_result results[LIMIT_FRAME_COMMANDS];
    size_t results_count;
};

static enum err meta_read(struct store *store, struct store_meta *ret_meta) {
    struct store_read *read;
    enum err err = store_read_new(store, &read);

    if (err != OK) {
        return err;
    }
    err = store_read_begin(read);
    if (err == OK) {
        err = store_read_meta(read, ret_meta);
        store_read_end(read);
    }
    store_read_free(read);
    return err;
}

enum err fsm_new(struct store *store, struct fsm **ret_fsm) {
    struct fsm *fsm = calloc(1, sizeof *fsm);
    enum err err;

    if (fsm == NULL) {
        return ERR_NOMEM;
    }
    fsm->store = store;
    arena_init(&fsm->arena, FSM_ARENA_MAX);
    arena_init(&fsm->scratch, FSM_ARENA_MAX);
    buf_init(&fsm->detail, LIMIT_OUTCOME);
    buf_init(&fsm->encoded, LIMIT_OUTCOME);
    buf_init(&fsm->details, (size_t)LIMIT_FRAME_COMMANDS * LIMIT_OUTCOME);
    err = meta_read(store, &fsm->meta);
    /* Rows of a newer behaviour than this binary's: it must not go on with them. */
    if (err == OK && fsm->meta.fsm_version > FSM_VERSION_MAX) {
        err = ERR_VERSION;
    }
    if (err != OK) {
        fsm_free(fsm);
        return err;
    }
    fsm->committed = fsm->meta;
    *ret_fsm = fsm;
    return OK;
}

void fsm_free(struct fsm *fsm) {
    if (fsm == NULL) {
        return;
    }
    store_write_abort(fsm->write);
    arena_close(&fsm->arena);
    arena_close(&fsm->scratch);
    buf_free(&fsm->detail);
    buf_free(&fsm->encoded);
    buf_free(&fsm->details);
    free(fsm);
}

const struct store_meta *fsm_meta(const struct fsm *fsm) {
    return &fsm->meta;
}

uint64_t fsm_members_index(const struct fsm *fsm) {
    return fsm->members_index;
}

static enum err result_add(struct fsm *fsm, const struct envelope *envelope,
                           const struct outcome *outcome) {
    struct fsm_result *result = &fsm->results[fsm->results_count++];

    result->envelope = *envelope;
    result->outcome = *outcome;
    /* `details` may still move; the span is made when it is told. */
    result->detail_at = fsm->details.len;
    buf_put(&fsm->details, outcome->detail.data, outcome->detail.len);
    return buf_err(&fsm->details);
}

static void results_tell(struct fsm *fsm, fsm_outcome_cb on_outcome, void *arg) {
    for (size_t i = 0; i < fsm->results_count; i++) {
        struct fsm_result *result = &fsm->results[i];
        if (result->outcome.detail.len > 0) {
            result->outcome.detail.data = fsm->details.data + result->detail_at;
        }
        on_outcome(arg, &result->envelope, &result->outcome);
    }
}

/* The first fsm_version that has the command; 0: no version of this binary. */
static uint64_t version_of(enum command_type type) {
    switch (type) {
    case CMD_BOOT_REGISTER:
    case CMD_CLUSTER_INIT:
    case CMD_FSM_VERSION:
    case CMD_KEY_ADD:
    case CMD_ACCOUNT_PUT:
    case CMD_CLIENT_PUT:
    case CMD_LOGIN:
    case CMD_SESSION_END:
    case CMD_GRANT_ISSUE:
    case CMD_GRANT_REDEEM:
    case CMD_TOKEN_REFRESH:
    case CMD_TICK:
    case CMD_MEMBER_SEED:
    case CMD_MEMBER_ADD:
    case CMD_MEMBER_ROLE:
    case CMD_MEMBER_SETTLE:
    case CMD_LEADER_REGIONS:
    case CMD_BACKUP_NOTE:
    case CMD_PROOF_USE:
    case CMD_REQUEST_PUSH:
    case CMD_TOKEN_REVOKE:
    case CMD_OUTBOX_CLAIM:
    case CMD_OUTBOX_SETTLE:
    case CMD_OUTBOX_RETRY:
    case CMD_KEY_REVOKE:
    case CMD_CLIENT_CHANGE:
    case CMD_STAFF_PUT:
    case CMD_STAFF_LOGIN:
    case CMD_STAFF_SESSION_END:
    case CMD_STAFF_TOUCH:
    case CMD_USAGE_ADD:
    case CMD_MESSAGE_SEND:
    case CMD_SELF:
    case CMD_AUDIT_NOTE:
    case CMD_FACTOR_BEGIN:
    case CMD_FACTOR_CHALLENGE:
    case CMD_FACTOR_PASS:
    case CMD_FACTOR_PUT:
    case CMD_FACTOR_DEL:
    case CMD_RECOVERY_ASK:
    case CMD_PASSWORD_SET:
    case CMD_APP_ENROL:
    case CMD_APP_REGISTER:
    case CMD_APP_ADDRESS:
    case CMD_APP_ANSWER:
    case CMD_PASSKEY_LOGIN:
    CMD_INTAKE_CASES:
        return 1;
    }
    return 0;
}

/* Version 1 is what a cluster begins with, before anything is replicated. */
static uint64_t version_now(const struct fsm_tx *tx) {
    return tx->meta->fsm_version > 1 ? tx->meta->fsm_version : 1;
}

/* Commands about the second step. Not CMD_BOOT_REGISTER (apply_boot) and CMD_TICK
 * (frame_end). */
static enum err dispatch_factor(struct fsm_tx *tx, const struct command *command,
                                enum outcome_code *ret_code) {
    switch (command->type) {
    case CMD_FACTOR_BEGIN:
        return fsm_factor_begin(tx, &command->factor_begin, ret_code);
    case CMD_FACTOR_CHALLENGE:
        return fsm_factor_challenge(tx, &command->factor_challenge, ret_code);
    case CMD_FACTOR_PASS:
        return fsm_factor_pass(tx, &command->factor_pass, ret_code);
    case CMD_FACTOR_PUT:
        return fsm_factor_put(tx, &command->factor_put, ret_code);
    case CMD_FACTOR_DEL:
        return fsm_factor_del(tx, &command->factor_del, ret_code);
    case CMD_RECOVERY_ASK:
        return fsm_recovery_ask(tx, &command->recovery_ask, ret_code);
    case CMD_PASSWORD_SET:
        return fsm_password_set(tx, &command->password_set, ret_code);
    case CMD_APP_ENROL:
        return fsm_app_enrol(tx, &command->app_enrol, ret_code);
    case CMD_APP_REGISTER:
        return fsm_app_register(tx, &command->app_register, ret_code);
    case CMD_APP_ADDRESS:
        return fsm_app_address(tx, &command->app_address, ret_code);
    case CMD_APP_ANSWER:
        return fsm_app_answer(tx, &command->app_answer, ret_code);
    case CMD_PASSKEY_LOGIN:
        return fsm_factor_passkey_login(tx, &command->passkey_login, ret_code);
    case CMD_AUDIT_NOTE:
        return fsm_audit_note(tx, &command->audit_note, ret_code);
    case CMD_SELF:
        return fsm_self(tx, &command->self, ret_code);
    default:
        return ERR_VERSION;
    }
}

static enum err dispatch(struct fsm_tx *tx, const struct command *command,
                         enum outcome_code *ret_code) {
    switch (command->type) {
    case CMD_CLUSTER_INIT:
        return fsm_cluster_init(tx, &command->cluster_init, ret_code);
    case CMD_FSM_VERSION:
        return fsm_cluster_version(tx, &command->fsm_version, ret_code);
    case CMD_KEY_ADD:
        return fsm_key_add(tx, &command->key_add, ret_code);
    case CMD_KEY_REVOKE:
        return fsm_key_revoke(tx, &command->key_revoke, ret_code);
    case CMD_ACCOUNT_PUT:
        return fsm_account_put(tx, &command->account_put, ret_code);
    case CMD_CLIENT_PUT:
        return fsm_client_put(tx, &command->client_put, ret_code);
    case CMD_CLIENT_CHANGE:
        return fsm_client_change(tx, &command->client_change, ret_code);
    case CMD_LOGIN:
        return fsm_session_login(tx, &command->login, ret_code);
    case CMD_SESSION_END:
        return fsm_session_sign_out(tx, command->session_end.session, ret_code);
    case CMD_GRANT_ISSUE:
        return fsm_grant_issue(tx, &command->grant_issue, ret_code);
    case CMD_GRANT_REDEEM:
        return fsm_grant_redeem(tx, &command->grant_redeem, ret_code);
    case CMD_TOKEN_REFRESH:
        return fsm_token_refresh(tx, &command->token_refresh, ret_code);
    case CMD_MEMBER_SEED:
        return fsm_member_seed(tx, &command->member_seed, ret_code);
    case CMD_MEMBER_ADD:
        return fsm_member_add(tx, &command->member_add, ret_code);
    case CMD_MEMBER_ROLE:
        return fsm_member_role(tx, &command->member_role, ret_code);
    case CMD_MEMBER_SETTLE:
        return fsm_member_settle(tx, &command->member_settle, ret_code);
    case CMD_BACKUP_NOTE:
        return fsm_cluster_backup(tx, &command->backup_note, ret_code);
    case CMD_LEADER_REGIONS:
        return fsm_member_regions(tx, &command->leader_regions, ret_code);
    case CMD_PROOF_USE:
        return fsm_proof_use(tx, &command->proof_use.proofs, ret_code);
    case CMD_REQUEST_PUSH:
        return fsm_request_push(tx, &command->request_push, ret_code);
    case CMD_TOKEN_REVOKE:
        return fsm_token_revoke(tx, &command->token_revoke, ret_code);
    case CMD_OUTBOX_CLAIM:
        return fsm_outbox_claim(tx, &command->outbox_claim, ret_code);
    case CMD_OUTBOX_SETTLE:
        return fsm_outbox_settle(tx, &command->outbox_settle, ret_code);
    case CMD_OUTBOX_RETRY:
        return fsm_outbox_retry(tx, &command->outbox_retry, ret_code);
    case CMD_STAFF_PUT:
        return fsm_staff_put(tx, &command->staff_put, ret_code);
    case CMD_STAFF_LOGIN:
        return fsm_staff_login(tx, &command->staff_login, ret_code);
    case CMD_STAFF_SESSION_END:
        return fsm_staff_session_end(tx, command->staff_session_end.session, ret_code);
    case CMD_STAFF_TOUCH:
        return fsm_staff_touch(tx, &command->staff_touch, ret_code);
    case CMD_USAGE_ADD:
        return fsm_usage_add(tx, &command->usage_add, ret_code);
    case CMD_MESSAGE_SEND:
        return fsm_message_send(tx, &command->message_send, ret_code);
    default:
        return dispatch_factor(tx, command, ret_code);
    }
}

/* Its caller sends the next request, or nothing, or waits for the index first: it does
 * not read the state before. */
static bool tells_early(const struct command *command) {
    switch (command->type) {
    case CMD_ACCOUNT_PUT:
        return !command->account_put.replace; /* else sessions may end by it */
    case CMD_GRANT_ISSUE:
        return command->grant_issue.consent_scopes == 0; /* is read by the next one */
    case CMD_GRANT_REDEEM:
    case CMD_TOKEN_REFRESH:
    case CMD_PROOF_USE:
    case CMD_REQUEST_PUSH: /* its request_uri names the index */
        return true;
    default:
        return false;
    }
}

/* Decode and decide. A payload that is not canonical or beyond its bounds is
 * refused, alike on every node: to stop would let one wrong submitter stop all. */
static enum err decide(struct fsm_tx *tx, const struct envelope *envelope,
                       enum outcome_code *ret_code) {
    struct command command;
    enum err err;

    if (version_of(envelope->type) > version_now(tx)) {
        *ret_code = OUT_NOT_SUPPORTED;
        return OK;
    }
    err = command_decode(envelope->type, envelope->payload, tx->arena, &command);
    if (err == ERR_INVALID) {
        *ret_code = OUT_NOT_SUPPORTED;
        return OK;
    }
    if (err != OK) {
        return err;
    }
    tx->actor = &command.actor;
    err = command_intake_is(command.type) ? fsm_intake_dispatch(tx, &command, ret_code)
                                          : dispatch(tx, &command, ret_code);
    tx->actor = NULL;
    /* A refusal may have revoked what its caller looks at next. */
    tx->early = tx->early && *ret_code == OUT_OK && tells_early(&command);
    return err;
}

static enum err apply_boot(struct fsm *fsm, struct fsm_tx *tx,
                           const struct envelope *envelope, struct outcome *outcome) {
    struct command command;
    enum err err =
        command_decode(CMD_BOOT_REGISTER, envelope->payload, tx->arena, &command);

    if (err == ERR_INVALID ||
        (err == OK && (command.boot_register.node != envelope->node ||
                       command.boot_register.boot != envelope->boot))) {
        outcome->code = OUT_NOT_SUPPORTED;
        return OK;
    }
    if (err == OK) {
        err =
            fsm_boot_register(tx, &fsm->boots, &command.boot_register, &outcome->code);
    }
    outcome->detail = buf_span(tx->detail);
    return err;
}

static enum err unknown_boot(struct fsm_tx *tx, const struct fsm_boot_slot *slot,
                             struct outcome *outcome) {
    struct outcome_boot boot = {slot->known ? slot->boot.boot : 0};
    enum err err = outcome_boot_encode(&boot, tx->detail);

    outcome->code = OUT_UNKNOWN_BOOT;
    outcome->detail = buf_span(tx->detail);
    return err;
}

/* Decide a command that is new, and keep its outcome (F4). */
static enum err apply_new(struct fsm *fsm, struct fsm_tx *tx,
                          const struct envelope *envelope, struct outcome *outcome) {
    enum err err = decide(tx, envelope, &outcome->code);

    if (err != OK) {
        return err;
    }
    outcome->detail = buf_span(tx->detail);
    buf_reset(&fsm->encoded);
    err = outcome_encode(outcome, &fsm->encoded);
    if (err != OK) {
        return err;
    }
    return store_outcome_put(tx->write, envelope->node, envelope->seq,
                             buf_span(&fsm->encoded));
}

static enum err apply_sequenced(struct fsm *fsm, struct fsm_tx *tx,
                                const struct envelope *envelope,
                                struct outcome *outcome) {
    struct fsm_boot_slot *slot;
    struct span stored;
    enum err err = fsm_boot_find(tx, &fsm->boots, envelope->node, &slot);

    if (err != OK) {
        return err;
    }
    if (!slot->known || slot->boot.boot != envelope->boot) {
        return unknown_boot(tx, slot, outcome);
    }
    if (!fsm_boot_admit(slot, envelope)) {
        outcome->code = OUT_OLD_SEQUENCE;
        return OK;
    }
    err = store_outcome_get(tx->read, envelope->node, envelope->seq, &stored);
    if (err == OK) {
        err = outcome_decode(stored, outcome);
        return err == ERR_INVALID ? ERR_CORRUPT : err;
    }
    return err == ERR_NOT_FOUND ? apply_new(fsm, tx, envelope, outcome) : err;
}

static enum err apply_envelope(struct fsm *fsm, struct fsm_tx *tx,
                               const struct envelope *envelope) {
    struct outcome outcome = {
        .code = OUT_OK,
        .index = tx->meta->applied_index,
        .clock_ms = tx->now_ms,
    };
    enum err err;

    if (version_of(envelope->type) == 0) {
        return ERR_VERSION;
    }
    arena_reset(&fsm->arena);
    buf_reset(&fsm->detail);
    tx->early =
        tx->early && envelope->type != CMD_TICK && envelope->type != CMD_BOOT_REGISTER;
    if (envelope->type == CMD_TICK) {
        /* Its work is done at the frame's end (frame_end). */
        outcome.code = envelope->payload.len == 0 ? OUT_OK : OUT_NOT_SUPPORTED;
        err = OK;
    } else if (envelope->type == CMD_BOOT_REGISTER) {
        err = apply_boot(fsm, tx, envelope, &outcome);
    } else {
        err = apply_sequenced(fsm, tx, envelope, &outcome);
    }
    return err == OK ? result_add(fsm, envelope, &outcome) : err;
}

/* After the last envelope: marks of the sequences, sweeping, and the audit chain's
 * head. */
static enum err frame_end(struct fsm *fsm, struct fsm_tx *tx, bool ticked,
                          uint16_t count) {
    uint64_t rows = (uint64_t)count * FSM_SWEEP_PER_COMMAND;
    enum err err = fsm_boot_flush(tx, &fsm->boots);

    if (err != OK) {
        return err;
    }
    err = fsm_sweep(tx, ticked || rows > LIMIT_SWEEP_ROWS ? LIMIT_SWEEP_ROWS : rows);
    return err == OK ? store_audit_settle(tx->write) : err;
}

static enum err apply_envelopes(struct fsm *fsm, struct store_write *write,
                                struct store_meta *meta, uint16_t count,
                                struct reader *envelopes, bool *ret_members_changed) {
    struct fsm_tx tx = {
        .write = write,
        .read = store_write_reader(write),
        .arena = &fsm->arena,
        .scratch = &fsm->scratch,
        .meta = meta,
        .now_ms = meta->clock_ms,
        .detail = &fsm->detail,
        .early = true,
    };
    bool ticked = false;

    fsm->results_count = 0;
    buf_reset(&fsm->details);
    fsm->boots = (struct fsm_boots){0};
    for (uint16_t i = 0; i < count; i++) {
        struct envelope envelope;
        enum err err = envelope_decode(envelopes, &envelope);
        CHECK(err == OK); /* frame_decode has walked them */
        err = apply_envelope(fsm, &tx, &envelope);
        if (err != OK) {
            return err;
        }
        ticked = ticked || envelope.type == CMD_TICK;
    }
    *ret_members_changed = tx.members_changed;
    fsm->early = tx.early;
    return frame_end(fsm, &tx, ticked, count);
}

static struct store_meta meta_next(const struct store_meta *meta, uint64_t index,
                                   const struct frame_header *header) {
    struct store_meta next = *meta;
    uint64_t now_ms = header->now_ms;

    if (now_ms > FSM_CLOCK_MAX_MS) {
        now_ms = FSM_CLOCK_MAX_MS;
    }
    next.applied_index = index;
    next.applied_term = header->term;
    if (now_ms > next.clock_ms) {
        next.clock_ms = now_ms;
    }
    return next;
}

/* Into the open transaction, or a new one. Nothing of it is left after an error. */
static enum err apply_frame(struct fsm *fsm, uint64_t index,
                            const struct frame_header *header,
                            struct reader *envelopes) {
    struct store_meta meta = meta_next(&fsm->meta, index, header);
    bool members_changed;
    enum err err = fsm->write == NULL ? store_write_begin(fsm->store, &fsm->write) : OK;

    if (err != OK) {
        fsm->write = NULL;
        return err;
    }
    err = apply_envelopes(fsm, fsm->write, &meta, header->count, envelopes,
                          &members_changed);
    if (err != OK) {
        store_write_abort(fsm->write);
        fsm->write = NULL;
        fsm->meta = fsm->committed;
        return err;
    }
    meta.digest = store_write_digest(fsm->write);
    fsm->meta = meta;
    if (members_changed) {
        fsm->members_index = index;
    }
    return OK;
}

bool fsm_uncommitted(const struct fsm *fsm) {
    return fsm->write != NULL;
}

enum err fsm_commit(struct fsm *fsm) {
    struct store_write *write = fsm->write;
    enum err err;

    if (write == NULL) {
        return OK;
    }
    fsm->write = NULL;
    err = store_write_commit(write, &fsm->meta);
    if (err != OK) {
        fsm->meta = fsm->committed;
        return err;
    }
    fsm->committed = fsm->meta;
    return OK;
}

static enum err apply(struct fsm *fsm, uint64_t index, struct span frame, bool early,
                      fsm_outcome_cb on_outcome, void *arg) {
    struct frame_header header;
    struct reader envelopes;
    enum err err;

    if (index <= fsm->meta.applied_index) {
        return OK;
    }
    err = frame_decode(frame, &header, &envelopes);
    if (err != OK) {
        return err == ERR_INVALID ? ERR_CORRUPT : err;
    }
    err = apply_frame(fsm, index, &header, &envelopes);
    if (err == OK && !(early && fsm->early)) {
        err = fsm_commit(fsm);
    }
    if (err == OK && on_outcome != NULL) {
        results_tell(fsm, on_outcome, arg);
    }
    return err;
}

enum err fsm_apply(struct fsm *fsm, uint64_t index, struct span frame,
                   fsm_outcome_cb on_outcome, void *arg) {
    return apply(fsm, index, frame, false, on_outcome, arg);
}

enum err fsm_apply_early(struct fsm *fsm, uint64_t index, struct span frame,
                         fsm_outcome_cb on_outcome, void *arg) {
    return apply(fsm, index, frame, true, on_outcome, arg);
}
