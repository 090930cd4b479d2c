/* fuzz_hosts: files of hosts (chaos/drill/lab_hosts.c) over arbitrary bytes. A refusal
 * names its line; what is taken can stand in a shell's command. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "chaos/drill/lab.h"
#include "store/base/check.h"

static void plain(const char *text) {
    CHECK(text[0] != '\0' && text[0] != '-');
    CHECK(strpbrk(text, " \t\n;&|<>$`'\"\\(){}*?!#~") == NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct lab lab;

    if (lab_hosts_parse(&lab, span_of(data, size)) != OK) {
        CHECK(memchr(lab.why, 0, sizeof(lab.why)) != NULL && lab.why[0] != '\0');
        return 0;
    }
    CHECK(lab.attached && lab.count >= 1 && lab.count <= LAB_NODES_MAX);
    CHECK(lab.plan.regions_count >= 1 && lab.plan.regions_count <= LAB_REGIONS_MAX);
    CHECK(lab.ssh_count >= 1 && lab.host[0] != '\0' && lab.pki[0] != '\0');
    for (size_t i = 0; i < lab.count; i++) {
        CHECK(lab.machines[i].region < lab.plan.regions_count);
        plain(lab.machines[i].address);
        plain(lab.machines[i].host);
        plain(lab.machines[i].service);
        plain(lab.machines[i].disk);
    }
    return 0;
}
