/* test_dir: where tests keep stores that no power cut is to meet: in memory, where a sync
 * costs nothing, if there is room for one more. */
#ifndef TESTS_UNIT_STORE_TEST_DIR_H
#define TESTS_UNIT_STORE_TEST_DIR_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define TEST_DIR_ROOM (UINT64_C(64) << 20)

static inline const char *test_dir_base(void) {
    struct statvfs room;
    bool in_memory = access("/dev/shm", W_OK) == 0 && statvfs("/dev/shm", &room) == 0 &&
                     (uint64_t)room.f_bavail * room.f_frsize >= TEST_DIR_ROOM;
    return in_memory ? "/dev/shm" : "/tmp";
}

#endif
