/* fsm_member: who is to be a member of the cluster, one change at a time.
 *
 * What is decided here is a wish; the leader brings libraft's configuration in line
 * with it and says so with CMD_MEMBER_SETTLE (raft/repl_member.c).
 *
 *   (no row) -- add ----> STANDBY, unsettled -- settle --> STANDBY
 *   STANDBY --- role ---> VOTER, unsettled ---- settle --> VOTER
 *   any ------- role ---> GONE, unsettled ----- settle --> GONE, for good (B2)
 *
 * A removal is taken while the same node's addition or promotion is unsettled, so
 * that a node which never comes up does not block every further change. */
#include <inttypes.h>

#include "raft/fsm_audit.h"
#include "raft/fsm_internal.h"

/* What the rules ask of all members together. */
struct members {
    size_t count; /* of those that are not gone, or still leaving */
    bool unsettled;
    uint64_t unsettled_id;
    size_t voters; /* wanted */
};

static enum err members_of(struct fsm_tx *tx, struct members *ret_members) {
    struct member all[LIMIT_NODES];
    struct members members = {0};
    enum err err = store_member_list(tx->read, all, &members.count);

    for (size_t i = 0; err == OK && i < members.count; i++) {
        if (!all[i].settled) {
            members.unsettled = true;
            members.unsettled_id = all[i].id;
        }
        members.voters += all[i].role == MEMBER_VOTER ? 1 : 0;
    }
    if (err == OK) {
        *ret_members = members;
    }
    return err;
}

static enum err member_put(struct fsm_tx *tx, const struct member *member) {
    enum err err = store_member_put(tx->write, member);

    tx->members_changed = true;
    return err == OK ? fsm_blob_member(tx, member) : err;
}

static enum err tell(struct fsm_tx *tx, enum audit_event what,
                     const struct member *member) {
    struct fsm_audit_event event = {.event = what};
    struct buf note;
    enum err err;

    buf_init(&note, LIMIT_AUDIT_NOTE);
    buf_printf(&note, "node %" PRIu64 " at %s", member->id, member->address);
    event.note = buf_span(&note);
    err = buf_err(&note) == OK ? fsm_audit_add(tx, &event) : buf_err(&note);
    buf_free(&note);
    return err;
}

static struct member member_of(const struct member_at *at) {
    struct member member = {.id = at->id};

    memcpy(member.address, at->address, sizeof member.address);
    memcpy(member.region, at->region, sizeof member.region);
    return member;
}

enum err fsm_member_seed(struct fsm_tx *tx, const struct cmd_member_seed *cmd,
                         enum outcome_code *ret_code) {
    if (store_member_rows(tx->read) > 0) {
        *ret_code = OUT_EXISTS;
        return OK;
    }
    for (size_t i = 0; i < cmd->count; i++) {
        struct member member = member_of(&cmd->members[i]);
        enum err err;
        member.role = MEMBER_VOTER;
        member.was = MEMBER_VOTER;
        member.settled = true;
        member.changed_index = tx->meta->applied_index;
        err = member_put(tx, &member);
        if (err != OK) {
            return err;
        }
    }
    *ret_code = OUT_OK;
    return OK;
}

static enum outcome_code add_code(struct fsm_tx *tx, const struct members *members) {
    if (members->voters == 0) {
        return OUT_MEMBER_STATE; /* nothing to be added to: a seed must come first */
    }
    if (members->unsettled) {
        return OUT_CHANGING;
    }
    if (members->count >= LIMIT_NODES ||
        store_member_rows(tx->read) >= STORE_MEMBERS_MAX) {
        return OUT_FULL;
    }
    return OUT_OK;
}

enum err fsm_member_add(struct fsm_tx *tx, const struct cmd_member_add *cmd,
                        enum outcome_code *ret_code) {
    struct member member;
    struct members members;
    enum err err = store_member_get(tx->read, cmd->member.id, &member);

    if (err == OK) {
        *ret_code = OUT_EXISTS;
        return OK;
    }
    if (err == ERR_NOT_FOUND) {
        err = members_of(tx, &members);
    }
    if (err != OK) {
        return err;
    }
    *ret_code = add_code(tx, &members);
    if (*ret_code != OUT_OK) {
        return OK;
    }
    member = member_of(&cmd->member);
    member.role = MEMBER_STANDBY;
    member.was = MEMBER_GONE;
    member.changed_index = tx->meta->applied_index;
    err = member_put(tx, &member);
    return err == OK ? tell(tx, AUDIT_MEMBER_ADDED, &member) : err;
}

static enum outcome_code role_code(const struct member *member,
                                   const struct members *members,
                                   enum member_role role) {
    if (member->role == role || member->role == MEMBER_GONE) {
        return OUT_MEMBER_STATE;
    }
    if (members->unsettled &&
        (members->unsettled_id != member->id || role != MEMBER_GONE)) {
        return OUT_CHANGING;
    }
    if (role == MEMBER_GONE && member->role == MEMBER_VOTER && members->voters == 1) {
        return OUT_LAST_VOTER;
    }
    return OUT_OK;
}

enum err fsm_member_role(struct fsm_tx *tx, const struct cmd_member_role *cmd,
                         enum outcome_code *ret_code) {
    struct member member;
    struct members members;
    enum err err = store_member_get(tx->read, cmd->id, &member);

    if (err == ERR_NOT_FOUND) {
        *ret_code = OUT_NOT_FOUND;
        return OK;
    }
    if (err == OK) {
        err = members_of(tx, &members);
    }
    if (err != OK) {
        return err;
    }
    *ret_code = role_code(&member, &members, cmd->role);
    if (*ret_code != OUT_OK) {
        return OK;
    }
    /* `was` of a change that this one replaces still holds: it is what libraft's
     * configuration began with. */
    if (member.settled) {
        member.was = member.role;
    }
    member.role = cmd->role;
    member.settled = false;
    member.changed_index = tx->meta->applied_index;
    err = member_put(tx, &member);
    return err == OK ? tell(tx,
                            cmd->role == MEMBER_GONE ? AUDIT_MEMBER_REMOVED
                                                     : AUDIT_MEMBER_PROMOTED,
                            &member)
                     : err;
}

enum err fsm_member_settle(struct fsm_tx *tx, const struct cmd_member_settle *cmd,
                           enum outcome_code *ret_code) {
    struct member member;
    enum err err = store_member_get(tx->read, cmd->id, &member);

    if (err == ERR_NOT_FOUND) {
        *ret_code = OUT_NOT_FOUND;
        return OK;
    }
    if (err != OK) {
        return err;
    }
    if (member.changed_index != cmd->changed_index) {
        *ret_code = OUT_MEMBER_STATE;
        return OK;
    }
    *ret_code = OUT_OK;
    if (member.settled) {
        return OK;
    }
    member.settled = true;
    member.was = member.role;
    return member_put(tx, &member);
}

enum err fsm_member_regions(struct fsm_tx *tx, const struct cmd_leader_regions *cmd,
                            enum outcome_code *ret_code) {
    *ret_code = OUT_OK;
    tx->members_changed = true;
    enum err err = store_leader_regions_put(tx->write, &cmd->regions);
    const struct fsm_audit_event event = {
        .event = AUDIT_LEADER_REGIONS,
        .note = span_str(cmd->regions.count > 0 ? cmd->regions.region[0] : "none")};
    return err == OK ? fsm_audit_add(tx, &event) : err;
}
