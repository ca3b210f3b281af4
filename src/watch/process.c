/* SPDX-License-Identifier: Apache-2.0 */
#include "watch/process.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/buffer.h"
#include "watch/metrics.h"

static bool read_file(const char *path, char *text, size_t capacity)
{
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return false;
    }
    size_t length = fread(text, 1, capacity - 1, file);
    fclose(file);
    text[length] = '\0';
    return length > 0;
}

static uint64_t count_fds(void)
{
    DIR *directory = opendir("/proc/self/fd");
    uint64_t count = 0;
    while (directory != NULL && readdir(directory) != NULL) {
        count++;
    }
    if (directory != NULL) {
        closedir(directory);
    }
    return count > 3 ? count - 3 : 0; /* ".", "..", and the directory's own */
}

static double boot_time_seconds(void)
{
    char text[8192];
    unsigned long long seconds = 0;
    if (read_file("/proc/stat", text, sizeof(text))) {
        const char *line = strstr(text, "btime ");
        if (line == NULL || sscanf(line, "btime %llu", &seconds) != 1) {
            return 0;
        }
    }
    return (double)seconds;
}

bool weft_process_usage_read(struct weft_process_usage *ret_usage)
{
    char text[4096];
    if (!read_file("/proc/self/stat", text, sizeof(text))) {
        return false;
    }
    const char *fields = strrchr(text, ')'); /* the name before it may have anything inside */
    unsigned long long user = 0, system = 0, start = 0, virtual_bytes = 0;
    long long threads = 0, resident_pages = 0;
    if (fields == NULL ||
        sscanf(fields + 1,
               " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu %*d %*d %*d %*d %lld %*d "
               "%llu %llu %lld",
               &user, &system, &threads, &start, &virtual_bytes, &resident_pages) != 6) {
        return false;
    }
    double ticks = (double)sysconf(_SC_CLK_TCK);
    struct rlimit limit = {0};
    (void)getrlimit(RLIMIT_NOFILE, &limit);
    *ret_usage = (struct weft_process_usage){
        .cpu_seconds = (double)(user + system) / ticks,
        .start_time_seconds = boot_time_seconds() + (double)start / ticks,
        .resident_bytes = (uint64_t)resident_pages * (uint64_t)sysconf(_SC_PAGESIZE),
        .virtual_bytes = virtual_bytes,
        .threads = (uint64_t)threads,
        .open_fds = count_fds(),
        .max_fds = limit.rlim_cur,
    };
    return true;
}
