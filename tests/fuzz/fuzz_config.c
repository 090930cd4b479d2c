/* fuzz_config: the configuration parser over arbitrary bytes. A refusal is one
 * sentence that names the file; what is taken keeps the parser's promises. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "server/config.h"
#include "store/base/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct config config;
    char why[512];
    enum err err;

    memset(why, 'x', sizeof(why));
    err = config_parse("f", span_of(data, size), &config, why);
    if (err != OK) {
        CHECK(err == ERR_CONFIG);
        CHECK(memchr(why, 0, sizeof(why)) != NULL);
        CHECK(strncmp(why, "f:", 2) == 0);
        return 0;
    }
    CHECK(config.node_id > 0 && config.peers_count > 0);
    CHECK(config.hosts_count > 0 && config.hosts_count <= CONFIG_HOSTS_MAX);
    CHECK(config.data_dir[0] == '/' && config.region[0] != 0);
    CHECK(strncmp(config.issuer, "https://", 8) == 0);
    CHECK(config.http.address[0] || config.balancer.address[0]);
    return 0;
}
