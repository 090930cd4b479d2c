#include "server/svc_process.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* Field 22 of /proc/self/stat: ticks between the machine's start and ours. The name in
 * field 2 may hold spaces, so counting begins behind its parenthesis. */
static bool start_ticks(unsigned long long *ret_ticks) {
    char text[1024];
    FILE *from = fopen("/proc/self/stat", "re");
    size_t len = from != NULL ? fread(text, 1, sizeof text - 1, from) : 0;

    if (from != NULL)
        fclose(from);
    text[len] = '\0';
    const char *at = strrchr(text, ')');
    return at != NULL && sscanf(at + 1,
                                " %*c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s "
                                "%*s %*s %*s %*s %*s %*s %llu",
                                ret_ticks) == 1;
}

/* A number of a file of "name value" lines. */
static bool find_number(const char *path, const char *format,
                        unsigned long long *ret_number) {
    char line[256];
    bool found = false;
    FILE *from = fopen(path, "re");

    while (from != NULL && !found && fgets(line, sizeof line, from) != NULL)
        found = sscanf(line, format, ret_number) == 1;
    if (from != NULL)
        fclose(from);
    return found;
}

static uint64_t count_files(void) {
    DIR *dir = opendir("/proc/self/fd");
    uint64_t count = 0;

    if (dir == NULL)
        return 0;
    while (readdir(dir) != NULL)
        count++;
    closedir(dir);
    return count > 3 ? count - 3 : 0; /* ".", "..", and the folder itself */
}

bool svc_process_read(struct svc_process *ret_process) {
    unsigned long long ticks, boot_s, resident_kib, anonymous_kib;
    struct rusage usage;
    struct rlimit files;
    long tick = sysconf(_SC_CLK_TCK);

    if (tick <= 0 || !start_ticks(&ticks) ||
        !find_number("/proc/stat", "btime %llu", &boot_s) ||
        !find_number("/proc/self/status", "VmRSS: %llu", &resident_kib) ||
        !find_number("/proc/self/status", "RssAnon: %llu", &anonymous_kib) ||
        getrusage(RUSAGE_SELF, &usage) != 0 || getrlimit(RLIMIT_NOFILE, &files) != 0)
        return false;
    *ret_process = (struct svc_process){
        .start_s = boot_s + ticks / (unsigned long)tick,
        .resident_bytes = resident_kib * 1024,
        .anonymous_bytes = anonymous_kib * 1024,
        .open_files = count_files(),
        .open_files_max = files.rlim_cur,
        .cpu_s = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                 (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6,
    };
    return true;
}
