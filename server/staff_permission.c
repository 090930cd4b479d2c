#include "server/staff_permission.h"

#include "store/base/check.h"
#include "store/store_staff.h"

#define ANYBODY STAFF_ROLES_ALL
/* Who answers questions about a service has to see its registration. */
#define RP_READERS                                                                     \
    (STAFF_RP_ADMIN | STAFF_OPERATOR | STAFF_AUDITOR | STAFF_HELP_DESK |               \
     STAFF_SUPERVISOR)
#define REVIEWERS (STAFF_REVIEWER | STAFF_APPROVER | STAFF_SUPERVISOR)
#define INTAKERS (STAFF_INTAKE | STAFF_SUPERVISOR)
#define SECOND (STAFF_APPROVER | STAFF_SUPERVISOR)
#define HELPERS (STAFF_HELP_DESK | STAFF_SUPERVISOR)
#define HELP_READERS (HELPERS | SECOND | STAFF_AUDITOR)
#define DESK_READERS (REVIEWERS | STAFF_INTAKE | STAFF_AUDITOR)
#define WRITES 1u
#define FRESH 2u

static const struct {
    const char *name;
    uint32_t roles;
    unsigned flags;
} actions[STAFF_ACTIONS_COUNT] = {
#define STAFF_ACTION(id, name, roles, flags) [STAFF_DO_##id] = {name, roles, flags},
    STAFF_ACTIONS(STAFF_ACTION)
#undef STAFF_ACTION
};

const char *const staff_role_names[] = {"rp-admin", "operator", "auditor",
                                        "staff-admin", "intake", "reviewer",
                                        "approver", "supervisor", "help-desk", NULL};
_Static_assert(STAFF_ROLES_ALL ==
                   (1u << (sizeof staff_role_names / sizeof staff_role_names[0] - 1)) - 1,
               "a role without a name");

bool staff_permission(uint32_t roles, enum staff_action action) {
    CHECK(action < STAFF_ACTIONS_COUNT);
    return (roles & STAFF_ROLES_ALL & actions[action].roles) != 0;
}

bool staff_permission_writes(enum staff_action action) {
    CHECK(action < STAFF_ACTIONS_COUNT);
    return (actions[action].flags & WRITES) != 0;
}

bool staff_permission_fresh(enum staff_action action) {
    CHECK(action < STAFF_ACTIONS_COUNT);
    return (actions[action].flags & FRESH) != 0;
}

const char *staff_permission_name(enum staff_action action) {
    CHECK(action < STAFF_ACTIONS_COUNT);
    return actions[action].name;
}
