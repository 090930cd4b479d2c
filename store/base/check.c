/* check: the end of a process that met a mistake of its own. */
#include "store/base/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

_Noreturn void check_fail(const char *cond, const char *file, int line) {
    /* dprintf, not log_event: the process may be in any state by now. */
    (void)dprintf(STDERR_FILENO,
                  "{\"level\":\"fatal\",\"event\":\"check.failed\",\"file\":\"%s\","
                  "\"line\":%d}\ncheck failed: %s\n",
                  file, line, cond);
    abort();
}
