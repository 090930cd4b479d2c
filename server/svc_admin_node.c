/* svc_admin_node: the cluster's members and the regions where leadership is
 * preferred. The state machine decides; what it refuses is explained here, with what
 * to do next. A change that was taken is not done yet: the leader carries it out, and
 * the list says how far it is. */
#include <inttypes.h>
#include <stdio.h>

#include "server/svc_admin_internal.h"
#include "store/store_member.h"

struct node_op {
    struct admin_op admin; /* first */
    uint64_t id;           /* 0: regions */
};

size_t svc_admin_node_size(void) {
    return sizeof(struct node_op);
}

static uint64_t read_id(struct svc_json *json) {
    json_t *value = json->failed ? NULL : json_object_get(json->root, "id");
    json_int_t id = json_is_integer(value) ? json_integer_value(value) : 0;

    if (!value)
        svc_json_fail(json, "id: is missing");
    else if (id < 1 || (uint64_t)id > STORE_MEMBER_ID_MAX)
        svc_json_fail(json, "id: a node's id is expected, a number of 1 to 18 digits");
    return (uint64_t)id;
}

/* A text that fits `out`; it was checked for NUL. */
static void read_text(struct svc_json *json, const char *name, char *out, size_t size) {
    struct span text = svc_json_text(json, name, true, 1, size - 1);

    memset(out, 0, size);
    if (!json->failed)
        memcpy(out, text.data, text.len);
}

static void read_member(struct svc_json *json, struct member_at *ret_member) {
    ret_member->id = read_id(json);
    read_text(json, "address", ret_member->address, sizeof ret_member->address);
    read_text(json, "region", ret_member->region, sizeof ret_member->region);
    if (!json->failed && !store_member_address_ok(ret_member->address))
        svc_json_fail(json, "address: IPv4:port of its peer listener is expected, as "
                            "in 192.0.2.14:7101");
    if (!json->failed && !store_member_region_ok(ret_member->region))
        svc_json_fail(json, "region: 1 to 31 of a-z, 0-9 and - are expected");
}

static void read_regions(struct svc_json *json, struct leader_regions *ret_regions) {
    size_t max = sizeof ret_regions->region[0] - 1;

    ret_regions->count = svc_json_array(json, "regions", false, STORE_REGIONS_MAX);
    for (size_t i = 0; i < ret_regions->count && !json->failed; i++) {
        struct span text = svc_json_item(json, "regions", i, max);
        char *region = ret_regions->region[i];

        if (json->failed)
            return;
        memcpy(region, text.data, text.len);
        if (strlen(region) != text.len || !store_member_region_ok(region))
            svc_json_fail(json, "regions[%zu]: 1 to 31 of a-z, 0-9 and - are expected",
                          i);
        for (size_t j = 0; j < i; j++)
            if (strcmp(region, ret_regions->region[j]) == 0)
                svc_json_fail(json, "regions[%zu]: stands there twice", i);
    }
}

/* ---- refusals */

/* "another change is not settled: node 4 is being added; ..." */
static enum err say_changing(struct svc *svc, char *out, size_t size) {
    struct member members[LIMIT_NODES];
    size_t count;
    enum err err = svc_read_begin(svc);

    if (err)
        return err;
    err = store_member_list(svc->read, members, &count);
    svc_read_end(svc);
    snprintf(out, size, "another change was not settled; try again");
    for (size_t i = 0; !err && i < count; i++) {
        unsigned long long id = members[i].id;

        if (members[i].settled)
            continue;
        snprintf(out, size,
                 "another change is not settled: node %llu is being %s; "
                 "wait, or `tasuki node remove %llu`",
                 id, store_member_change(members[i].role), id);
        if (members[i].role == MEMBER_GONE)
            snprintf(out, size,
                     "another change is not settled: node %llu is being "
                     "removed; `tasuki node list` says what it waits for",
                     id);
    }
    return err;
}

static void say_state(const struct node_op *op, char *out, size_t size) {
    switch (op->admin.admin->action) {
    case ADMIN_NODE_ADD:
        snprintf(out, size,
                 "the cluster has no members stored yet: its leader stores "
                 "them within seconds; try again");
        return;
    case ADMIN_NODE_PROMOTE:
        snprintf(out, size, "id: node %" PRIu64 " is a voter already, or leaves",
                 op->id);
        return;
    default:
        snprintf(out, size, "id: node %" PRIu64 " leaves already, or is gone", op->id);
    }
}

static void refuse(struct node_op *op, enum outcome_code code) {
    enum svc_admin_kind kind = ADMIN_CONFLICT;
    enum err err = OK;
    char text[256];

    switch (code) {
    case OUT_EXISTS:
        snprintf(text, sizeof text,
                 "id: node %" PRIu64 " is a member or was one; an id "
                 "is used once, so give the machine another",
                 op->id);
        break;
    case OUT_NOT_FOUND:
        kind = ADMIN_NOT_FOUND;
        snprintf(text, sizeof text,
                 "id: there is no node %" PRIu64 "; see `tasuki node "
                 "list`",
                 op->id);
        break;
    case OUT_CHANGING:
        err = say_changing(op->admin.base.svc, text, sizeof text);
        break;
    case OUT_LAST_VOTER:
        snprintf(text, sizeof text,
                 "id: node %" PRIu64 " is the last voter; promote "
                 "another first",
                 op->id);
        break;
    case OUT_MEMBER_STATE:
        say_state(op, text, sizeof text);
        break;
    case OUT_FULL:
        snprintf(text, sizeof text,
                 "at most %d nodes are possible, and %u ids in a "
                 "cluster's life; remove a node first",
                 LIMIT_NODES, STORE_MEMBERS_MAX);
        break;
    default:
        err = ERR_CORRUPT;
    }
    if (err)
        svc_fail(&op->admin.base, err);
    else
        svc_admin_refuse(&op->admin, kind, text);
}

static void changed(struct svc_state *state) {
    struct node_op *op = (struct node_op *)state;
    struct buf *out = &state->svc->scratch;

    if (state->request.outcome.code != OUT_OK) {
        refuse(op, state->request.outcome.code);
        return;
    }
    buf_reset(out);
    buf_str(out, "{");
    if (op->id)
        buf_json_u64(out, "id", op->id);
    buf_json_u64(out, "changed_index", state->request.outcome.index);
    buf_str(out, "}");
    svc_admin_answer(&op->admin, out);
}

void svc_admin_node_change(struct admin_op *admin) {
    static const char *const one[] = {"id", NULL};
    static const char *const all[] = {"id", "address", "region", NULL};
    static const char *const regions[] = {"regions", NULL};
    struct node_op *op = (struct node_op *)admin;
    struct svc_json *json = &admin->json;
    struct command command = {.type = CMD_MEMBER_ROLE};

    switch (admin->admin->action) {
    case ADMIN_NODE_ADD:
        command.type = CMD_MEMBER_ADD;
        svc_json_parse(json, admin->admin->body_in, all);
        read_member(json, &command.member_add.member);
        op->id = command.member_add.member.id;
        break;
    case ADMIN_LEADER_REGIONS:
        command.type = CMD_LEADER_REGIONS;
        svc_json_parse(json, admin->admin->body_in, regions);
        read_regions(json, &command.leader_regions.regions);
        break;
    default:
        svc_json_parse(json, admin->admin->body_in, one);
        op->id = read_id(json);
        command.member_role = (struct cmd_member_role){
            op->id,
            admin->admin->action == ADMIN_NODE_PROMOTE ? MEMBER_VOTER : MEMBER_GONE};
    }
    if (json->failed)
        svc_admin_invalid(admin);
    else
        svc_submit(&admin->base, &command, changed);
}

/* ---- list */

void svc_admin_node_list(struct admin_op *op) {
    struct svc *svc = op->base.svc;
    struct buf *out = &svc->scratch;
    struct repl_status status;

    repl_status(svc->shared->repl, &status);
    buf_reset(out);
    buf_str(out, "{");
    buf_json_u64(out, "node_id", status.node_id);
    buf_json_u64(out, "leader_id", status.leader_id);
    buf_json_u64(out, "applied_index", status.applied_index);
    svc_admin_put_members(out, &status);
    buf_str(out, "}");
    svc_admin_answer(op, out);
}
