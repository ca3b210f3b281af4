/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/value.h"
#include "cli/up.h"

enum { PID_FILE_MAX = 128 };

/* Beside NODE.pid and NODE.log: no node's file can be called so. */
static const char file_link[] = "cluster.yaml";

/* --- ours alone --- */

/* /tmp is everybody's: a directory that another user made there, or can write to, could have us
 * signal processes of his choice, or write over files. */
static enum weft_status check_ours(const char *path, struct weft_error **error)
{
    struct stat about;
    if (lstat(path, &about) != 0) {
        return weft_error_set(error, errno == ENOENT ? WEFT_NOT_FOUND : WEFT_PERMISSION_DENIED,
                              "%s: %s", path, strerror(errno));
    }
    if (!S_ISDIR(about.st_mode) || about.st_uid != getuid() || (about.st_mode & 077) != 0) {
        return weft_error_set(error, WEFT_PERMISSION_DENIED,
                              "%s is not a directory of this user alone (mode 0700)", path);
    }
    return WEFT_OK;
}

static enum weft_status make_ours(const char *path, struct weft_error **error)
{
    if (mkdir(path, 0700) != 0 && errno != EEXIST) {
        return weft_error_set(error, WEFT_PERMISSION_DENIED, "%s can't be made: %s", path,
                              strerror(errno));
    }
    return check_ours(path, error);
}

/* The directory above, which holds those of all clusters. */
static char *above(const char *directory)
{
    const char *slash = strrchr(directory, '/');
    return strndup(directory, slash != NULL ? (size_t)(slash - directory) : 0);
}

/* --- the file of the cluster --- */

/* NULL where it is not known. */
static char *started_with(const char *directory)
{
    char path[PATH_MAX];
    cleanup_close int opened = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ssize_t length = opened >= 0 ? readlinkat(opened, file_link, path, sizeof(path)) : -1;
    return length > 0 ? strndup(path, (size_t)length) : NULL;
}

static enum weft_status link_file(const char *directory, const char *file,
                                  struct weft_error **error)
{
    cleanup_free char *path = realpath(file, NULL);
    cleanup_close int opened = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (path == NULL || opened < 0 || symlinkat(path, opened, file_link) != 0) {
        return weft_error_set(error, WEFT_INTERNAL, "%s/%s can't be made: %s", directory, file_link,
                              strerror(errno));
    }
    return WEFT_OK;
}

enum weft_status up_directory_check_file(const char *directory, const char *file,
                                         struct weft_error **error)
{
    cleanup_free char *first = started_with(directory);
    cleanup_free char *path = realpath(file, NULL);
    if (first == NULL || (path != NULL && strcmp(first, path) == 0)) {
        return WEFT_OK;
    }
    weft_error_set(error, WEFT_FAILED_PRECONDITION, "it was started with another file, %s", first);
    weft_error_set_hint(error, "`weft down %s` ends it, or --force does", first);
    return WEFT_FAILED_PRECONDITION;
}

/* --- making and removing it --- */

enum weft_status up_directory_make(const char *directory, const char *file,
                                   struct weft_error **error)
{
    cleanup_free char *parent = above(directory);
    struct up_process *processes = NULL;
    size_t count = 0;
    enum weft_status status =
        parent != NULL ? make_ours(parent, error) : weft_error_set_out_of_memory(error);
    if (status == WEFT_OK) {
        status = make_ours(directory, error);
    }
    if (status == WEFT_OK) {
        status = up_directory_processes(directory, &processes, &count, error);
    }
    up_processes_free(processes, count);
    if (status == WEFT_OK && count > 0) {
        cleanup_free char *first = started_with(directory);
        weft_error_set(error, WEFT_FAILED_PRECONDITION, "%zu node%s of this cluster run%s already",
                       count, count == 1 ? "" : "s", count == 1 ? "s" : "");
        weft_error_set_hint(error, "`weft down %s` ends them", first != NULL ? first : "FILE");
        return WEFT_FAILED_PRECONDITION;
    }
    if (status != WEFT_OK) {
        return status;
    }
    up_directory_remove(directory);
    status = make_ours(directory, error);
    if (status == WEFT_OK) {
        status = link_file(directory, file, error);
        if (status != WEFT_OK) {
            up_directory_remove(directory);
        }
    }
    return status;
}

void up_directory_remove(const char *directory)
{
    DIR *stream = opendir(directory);
    if (stream == NULL) {
        return;
    }
    for (const struct dirent *entry; (entry = readdir(stream)) != NULL;) {
        if (entry->d_name[0] != '.') {
            unlinkat(dirfd(stream), entry->d_name, 0);
        }
    }
    closedir(stream);
    rmdir(directory);
}

/* --- processes --- */

/* When a process started, in ticks since boot: with the number it names a process for good, for
 * numbers come back (proc(5), field 22 of stat). 0 where there is none. */
static unsigned long long start_ticks(pid_t pid)
{
    char path[64], text[1024];
    snprintf(path, sizeof(path), "/proc/%ld/stat", (long)pid);
    FILE *file = fopen(path, "re");
    size_t length = file != NULL ? fread(text, 1, sizeof(text) - 1, file) : 0;
    if (file != NULL) {
        fclose(file);
    }
    text[length] = '\0';
    /* The command, field 2, may have spaces and parentheses in it. */
    char *field = strrchr(text, ')');
    for (int number = 2; field != NULL && number < 22; number++) {
        field = strchr(field + 1, ' ');
    }
    return field != NULL ? strtoull(field, NULL, 10) : 0;
}

enum weft_status up_pid_write(const char *directory, const char *node, pid_t pid,
                              struct weft_error **error)
{
    cleanup_text struct weft_text path = {0};
    weft_text_printf(&path, "%s/%s.pid", directory, node);
    if (path.failed) {
        return weft_error_set_out_of_memory(error);
    }
    cleanup_close int file =
        open(weft_text_string(&path), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (file < 0 || dprintf(file, "%ld %llu\n", (long)pid, start_ticks(pid)) < 0) {
        return weft_error_set(error, WEFT_INTERNAL, "%s can't be written: %s",
                              weft_text_string(&path), strerror(errno));
    }
    return WEFT_OK;
}

/* -1 where the process of a pid file does not run any more. */
static int open_process(int directory, const char *name)
{
    char text[PID_FILE_MAX] = "";
    cleanup_close int file = openat(directory, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (file < 0 || read(file, text, sizeof(text) - 1) <= 0) {
        return -1;
    }
    char *end = NULL;
    long pid = strtol(text, &end, 10);
    unsigned long long ticks = strtoull(end, NULL, 10);
    if (pid <= 1 || ticks == 0) {
        return -1;
    }
    int descriptor = (int)syscall(SYS_pidfd_open, (pid_t)pid, 0);
    /* Looked at after it was opened: now the number can't change its meaning any more. */
    if (descriptor >= 0 && start_ticks((pid_t)pid) != ticks) {
        close(descriptor);
        return -1;
    }
    return descriptor;
}

/* Adds the process of a pid file, if it is one and runs. False if out of memory. */
static bool add_process(struct up_process **processes, size_t *count, int directory,
                        const char *name)
{
    static const char ending[] = ".pid";
    size_t length = strlen(name);
    if (length < sizeof(ending) || strcmp(name + length - (sizeof(ending) - 1), ending) != 0) {
        return true;
    }
    int descriptor = open_process(directory, name);
    if (descriptor < 0) {
        return true;
    }
    struct up_process *items = realloc(*processes, (*count + 1) * sizeof(*items));
    char *node = strndup(name, length - (sizeof(ending) - 1));
    if (items != NULL) {
        *processes = items;
    }
    if (items == NULL || node == NULL) {
        free(node);
        close(descriptor);
        return false;
    }
    items[(*count)++] = (struct up_process){node, descriptor};
    return true;
}

enum weft_status up_directory_processes(const char *directory, struct up_process **ret_processes,
                                        size_t *ret_count, struct weft_error **error)
{
    struct up_process *processes = NULL;
    size_t count = 0;
    enum weft_status status = check_ours(directory, error);
    if (status != WEFT_OK) {
        return status;
    }
    DIR *stream = opendir(directory);
    if (stream == NULL) {
        return weft_error_set(error, WEFT_PERMISSION_DENIED, "%s: %s", directory, strerror(errno));
    }
    bool well = true;
    for (const struct dirent *entry; well && (entry = readdir(stream)) != NULL;) {
        well = add_process(&processes, &count, dirfd(stream), entry->d_name);
    }
    closedir(stream);
    if (!well) {
        up_processes_free(processes, count);
        return weft_error_set_out_of_memory(error);
    }
    *ret_processes = processes;
    *ret_count = count;
    return WEFT_OK;
}

void up_processes_free(struct up_process *processes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        close(processes[i].descriptor);
        free(processes[i].node);
    }
    free(processes);
}
