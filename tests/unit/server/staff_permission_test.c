/* The permission table, all actions by all roles: written out a second time, so that no
 * right is given or taken by an accident in the first (SECURITY G12). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs the above. */
#include <cmocka.h>
#include <string.h>

#include "server/staff_permission.h"
#include "store/store_staff.h"

/* One letter a role, in the order of their bits:
 * r RP administrator, o operator, a auditor, s staff administrator, i intake,
 * v reviewer, p approver, u supervisor, h help desk. */
static const char letters[] = "roasivpuh";

/* w: it changes something; f: only soon after both factors. */
static const struct {
    const char *name, *who, *flags;
} expected[] = {
    {"home", "roasivpuh", ""},
    {"sessions", "roasivpuh", ""},
    {"session_end", "roasivpuh", "w"},
    {"sign_out", "roasivpuh", "w"},
    {"password_form", "roasivpuh", "f"},
    {"password", "roasivpuh", "wf"},
    {"rp_list", "roauh", ""},
    {"rp_show", "roauh", ""},
    {"rp_ministries", "roauh", ""},
    {"rp_export", "ra", ""},
    {"rp_form", "r", ""},
    {"rp_save", "r", "w"},
    {"rp_stage", "r", "w"},
    {"rp_retire", "r", "wf"},
    {"rp_secret", "r", "wf"},
    {"rp_import_form", "r", "f"},
    {"rp_import", "r", "wf"},
    {"people_list", "as", ""},
    {"people_form", "s", "f"},
    {"people_add", "s", "wf"},
    {"people_change", "s", "wf"},
    {"operation", "oa", ""},
    {"outbox_retry", "o", "w"},
    {"audit", "as", ""},
    {"desk", "aivpu", ""},
    {"application", "aivpu", ""},
    {"claim", "vpu", "w"},
    {"release", "vpu", "w"},
    {"next", "vpu", "w"},
    {"decide", "vpu", "w"},
    {"scan", "aivpu", ""},
    {"intake", "aiu", ""},
    {"place", "iu", "w"},
    {"upload", "iu", "w"},
    {"receive", "iu", "w"},
    {"defect", "iu", "w"},
    {"letter", "ipu", ""},
    {"return", "iu", "w"},
    {"help", "ahpu", ""},
    {"help_find", "ahpu", "w"},
    {"help_resend", "hu", "w"},
    {"correct", "hu", "w"},
    {"correct_settle", "hpu", "wf"},
    {"imports", "avpu", ""},
    {"import_propose", "vpu", "w"},
    {"import_show", "avpu", ""},
    {"import_judge", "pu", "wf"},
    {"import_settle", "pu", "w"},
    {"decisions", "apu", ""},
};

static void every_action_by_every_role(void **state) {
    (void)state;
    assert_int_equal(sizeof expected / sizeof expected[0], STAFF_ACTIONS_COUNT);
    for (int action = 0; action < STAFF_ACTIONS_COUNT; action++) {
        assert_string_equal(staff_permission_name((enum staff_action)action),
                            expected[action].name);
        for (unsigned i = 0; letters[i]; i++) {
            bool may = strchr(expected[action].who, letters[i]) != NULL;
            if (staff_permission(1u << i, (enum staff_action)action) != may)
                fail_msg("%s by %s", expected[action].name, staff_role_names[i]);
        }
        assert_int_equal(staff_permission_writes((enum staff_action)action),
                         strchr(expected[action].flags, 'w') != NULL);
        assert_int_equal(staff_permission_fresh((enum staff_action)action),
                         strchr(expected[action].flags, 'f') != NULL);
    }
}

static void roles_add_up_and_none_gives_nothing(void **state) {
    (void)state;
    for (int i = 0; i < STAFF_ACTIONS_COUNT; i++) {
        enum staff_action action = (enum staff_action)i;

        assert_false(staff_permission(0, action));
        assert_false(staff_permission(~STAFF_ROLES_ALL, action)); /* no role of ours */
        assert_true(staff_permission(STAFF_ROLES_ALL, action));
        for (uint32_t roles = 1; roles <= STAFF_ROLES_ALL; roles++) {
            bool any = false;
            for (uint32_t bit = 1; bit <= STAFF_ROLES_ALL; bit <<= 1)
                any = any || ((roles & bit) != 0 && staff_permission(bit, action));
            assert_int_equal(staff_permission(roles, action), any);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_action_by_every_role),
        cmocka_unit_test(roles_add_up_and_none_gives_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
