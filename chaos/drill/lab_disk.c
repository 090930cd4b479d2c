/* lab_disk: a disk of its own for each machine, ext4 in a file (lab.h). */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chaos/drill/lab.h"

/* EXT4_IOC_SHUTDOWN, which no header of user space has; 2: its journal is not written
 * either, as when the current goes. */
#define DISK_SHUTDOWN _IOR('X', 125, __u32)
#define DISK_NO_LOG_FLUSH 2

static void image_of(const struct machine *machine, char path[LAB_PATH + 16]) {
    snprintf(path, LAB_PATH + 16, "%s/disk-%u.img", machine->lab->dir, machine->id);
}

static bool disk_do(struct machine *machine, const char *const argv[]) {
    struct lab *lab = machine->lab;
    struct sh_command command = {.net = -1};
    struct buf out;

    for (size_t i = 0; argv[i] != NULL; i++) {
        command.argv[i] = argv[i];
    }
    buf_init(&out, SH_OUTPUT_MAX);
    int code = sh_run(&command, 30, &out);
    if (code != 0) {
        snprintf(lab->why, sizeof(lab->why), "%s of the disk of node %u: exit %d: %.*s",
                 argv[0], machine->id, code, (int)(out.len < 200 ? out.len : 200),
                 (const char *)out.data);
    }
    buf_free(&out);
    return code == 0;
}

bool lab_disk_mount(struct machine *machine) {
    char image[LAB_PATH + 16];
    image_of(machine, image);
    const char *mount[] = {"mount", "-o", "loop", image, machine->disk, NULL};
    return disk_do(machine, mount);
}

enum err lab_disk_open(struct machine *machine) {
    unsigned mib = machine->lab->plan.disk_mib;
    char image[LAB_PATH + 16], size[32];

    if (mkdir(machine->disk, 0700) != 0) {
        snprintf(machine->lab->why, sizeof(machine->lab->why), "%.400s cannot be made",
                 machine->disk);
        return ERR_IO;
    }
    if (mib == 0) {
        return OK;
    }
    image_of(machine, image);
    snprintf(size, sizeof(size), "%uM", mib);
    const char *make[] = {"truncate", "-s", size, image, NULL};
    const char *format[] = {"mkfs.ext4", "-q", "-F", "-m", "0", image, NULL};
    bool made = disk_do(machine, make) && disk_do(machine, format) &&
                lab_disk_mount(machine);
    return made ? OK : ERR_IO;
}

bool lab_disk_unmount(struct machine *machine) {
    const char *argv[] = {"umount", machine->disk, NULL};
    return disk_do(machine, argv);
}

void lab_disk_close(struct machine *machine) {
    if (machine->lab->plan.disk_mib > 0 && !machine->dark) {
        lab_disk_unmount(machine);
    }
}

bool lab_disk_cut(struct machine *machine) {
    __u32 how = DISK_NO_LOG_FLUSH;
    int folder = open(machine->disk, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool cut = folder >= 0 && ioctl(folder, DISK_SHUTDOWN, &how) == 0;
    if (folder >= 0) {
        close(folder);
    }
    if (!cut) {
        snprintf(machine->lab->why, sizeof(machine->lab->why),
                 "the disk of node %u cannot be shut down", machine->id);
    }
    return cut;
}
