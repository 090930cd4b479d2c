/* store_member: the cluster's members as the state machine wants them, and the
 * order of regions in which leadership is preferred.
 *
 * libraft's own configuration follows these rows, one change at a time, made by
 * the leader (raft/repl_member.c). Written by raft/fsm_member.c alone.
 * Invariants:
 *   B1  at most one row is unsettled: a change that libraft's configuration has
 *       not got yet;
 *   B2  an id that is gone stays as a row: ids are never used again (RAFT.md,
 *       rules, 8: a lost log means a new id). */
#ifndef STORE_STORE_MEMBER_H
#define STORE_STORE_MEMBER_H

#include "store/base/buf.h"
#include "store/base/limits.h"
#include "store/store.h"

/* "IPv4:port" in its one spelling, port 1 to 65535; 1 to 31 of [a-z0-9-]; ids. What
 * comes from outside passes these before it enters a command. */
bool store_member_address_ok(const char *address);
bool store_member_region_ok(const char *region);
#define STORE_MEMBER_ID_MAX 999999999999999999ull

/* Members that are not gone: LIMIT_NODES; rows in all: */
#define STORE_MEMBERS_MAX 1024u
#define STORE_REGIONS_MAX 8u

/* Numbers are stored; never reuse one. */
enum member_role {
    MEMBER_STANDBY = 1, /* has the log, does not vote */
    MEMBER_VOTER = 2,
    MEMBER_GONE = 3,
};
/* "added", "promoted" or "removed": what an unsettled row with this role says. */
const char *store_member_change(enum member_role role);

struct member {
    uint64_t id;      /* not 0 */
    char address[64]; /* "IPv4:port" of its peer listener */
    char region[32];
    enum member_role role;  /* wanted */
    bool settled;           /* libraft's configuration says the same */
    enum member_role was;   /* before the unsettled change; MEMBER_GONE: a new node;
                             * settled: as `role` */
    uint64_t changed_index; /* of the frame that asked for it */
};

/* ERR_NOT_FOUND, ERR_CORRUPT. */
enum err store_member_get(struct store_read *read, uint64_t id,
                          struct member *ret_member);
/* ERR_INVALID: not a row that could be read again. */
enum err store_member_put(struct store_write *write, const struct member *member);
/* By id: all rows but those that are gone and settled. (One that is leaving is
 * listed, with the role MEMBER_GONE, until libraft's configuration has let it go.)
 * ERR_CORRUPT: more than there can be. */
enum err store_member_list(struct store_read *read,
                           struct member ret_members[LIMIT_NODES], size_t *ret_count);
/* Rows in all, gone ones included. */
uint64_t store_member_rows(struct store_read *read);

/* The bytes of a member's row in TABLE_MEMBER, for store_member_put and the image's
 * sink. ERR_INVALID as for put. */
#define STORE_MEMBER_KEY 8
enum err store_member_encode(const struct member *member,
                             uint8_t ret_key[STORE_MEMBER_KEY], struct buf *out);

struct leader_regions {
    char region[STORE_REGIONS_MAX][32]; /* best first */
    size_t count;                       /* 0: no preference */
};
/* None stored: count 0. */
enum err store_leader_regions_get(struct store_read *read,
                                  struct leader_regions *ret_regions);
/* ERR_INVALID: not names of regions, or too many. */
enum err store_leader_regions_put(struct store_write *write,
                                  const struct leader_regions *regions);

#endif
