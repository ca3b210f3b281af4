/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

static enum weft_status fail(struct weft_error **error, int number, const char *what,
                             const char *path)
{
    enum weft_status status = WEFT_INTERNAL;
    switch (number) {
    case ENOENT:
    case ENOTDIR:
        status = WEFT_NOT_FOUND;
        break;
    case EACCES:
    case EPERM:
    case EROFS:
        status = WEFT_PERMISSION_DENIED;
        break;
    case ENOSPC:
    case EDQUOT:
    case EMFILE:
    case ENFILE:
        status = WEFT_RESOURCE_EXHAUSTED;
        break;
    case ENOMEM:
        return weft_error_set_out_of_memory(error);
    default:
        break;
    }
    return weft_error_set(error, status, "%s \"%s\": %s", what, path, strerror(number));
}

static ssize_t read_some(int file, uint8_t *data, size_t size_bytes)
{
    size_t done = 0;
    while (done < size_bytes) {
        ssize_t count = read(file, data + done, size_bytes - done);
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count < 0) {
            return -1;
        }
        if (count == 0) {
            break;
        }
        done += (size_t)count;
    }
    return (ssize_t)done;
}

/* The content with a NUL byte behind it that the size does not count. */
static enum weft_status read_whole(const char *path, size_t size_max_bytes,
                                   struct weft_buffer **ret_buffer, size_t *ret_size_bytes,
                                   struct weft_error **error)
{
    cleanup_close int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat about;
    if (file < 0 || fstat(file, &about) != 0) {
        return fail(error, errno, "can't open", path);
    }
    if (!S_ISREG(about.st_mode)) {
        return weft_error_set(error, WEFT_INVALID_ARGUMENT, "\"%s\" is not a regular file", path);
    }
    if ((uint64_t)about.st_size > size_max_bytes) {
        return weft_error_set(error, WEFT_RESOURCE_EXHAUSTED,
                              "\"%s\" has %lld bytes, more than the limit of %zu", path,
                              (long long)about.st_size, size_max_bytes);
    }
    size_t size_bytes = (size_t)about.st_size;
    struct weft_buffer *buffer = weft_buffer_new(size_bytes + 1);
    if (buffer == NULL) {
        return weft_error_set_out_of_memory(error);
    }
    ssize_t count = read_some(file, buffer->data, size_bytes);
    if (count < 0) {
        enum weft_status status = fail(error, errno, "can't read", path);
        weft_buffer_unref(buffer);
        return status;
    }
    buffer->data[count] = 0; /* it may have become shorter meanwhile */
    *ret_buffer = buffer;
    *ret_size_bytes = (size_t)count;
    return WEFT_OK;
}

enum weft_status weft_file_read(const char *path, size_t size_max_bytes,
                                struct weft_slice *ret_content, struct weft_error **error)
{
    struct weft_buffer *buffer = NULL;
    size_t size_bytes = 0;
    enum weft_status status = read_whole(path, size_max_bytes, &buffer, &size_bytes, error);
    if (status == WEFT_OK) {
        *ret_content = (struct weft_slice){buffer, buffer->data, size_bytes};
    }
    return status;
}

enum weft_status weft_file_read_text(const char *path, size_t size_max_bytes, char **ret_text,
                                     struct weft_error **error)
{
    struct weft_buffer *buffer = NULL;
    size_t size_bytes = 0;
    enum weft_status status = read_whole(path, size_max_bytes, &buffer, &size_bytes, error);
    if (status != WEFT_OK) {
        return status;
    }
    char *text = NULL;
    if (memchr(buffer->data, 0, size_bytes) != NULL) {
        status = weft_error_set(error, WEFT_INVALID_ARGUMENT, "\"%s\" holds a NUL byte: not a text",
                                path);
    } else if ((text = strdup((const char *)buffer->data)) == NULL) {
        status = weft_error_set_out_of_memory(error);
    } else {
        *ret_text = text;
    }
    weft_buffer_unref(buffer);
    return status;
}

static bool write_all(int file, const uint8_t *data, size_t size_bytes)
{
    while (size_bytes > 0) {
        ssize_t count = write(file, data, size_bytes);
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count < 0) {
            return false;
        }
        data += count;
        size_bytes -= (size_t)count;
    }
    return true;
}

/* So that the rename itself survives a power cut. */
static void sync_directory_of(const char *path)
{
    cleanup_free char *directory = strdup(path);
    char *slash = directory != NULL ? strrchr(directory, '/') : NULL;
    const char *name = ".";
    if (slash != NULL) {
        *slash = '\0';
        name = slash == directory ? "/" : directory;
    }
    cleanup_close int file = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (file >= 0) {
        fsync(file);
    }
}

/* A new file beside path, with the mode that the user's umask leaves. Its name is the caller's to
 * free. */
static int open_beside(const char *path, mode_t mode, char **ret_name)
{
    enum { TRIES = 100 };
    for (int i = 0; i < TRIES; i++) {
        uint32_t number;
        if (getrandom(&number, sizeof(number), 0) != (ssize_t)sizeof(number) ||
            asprintf(ret_name, "%s.%08x", path, number) < 0) {
            *ret_name = NULL;
            errno = ENOMEM;
            return -1;
        }
        int file = open(*ret_name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
        if (file >= 0 || errno != EEXIST) {
            return file;
        }
        free(*ret_name);
        *ret_name = NULL;
    }
    return -1;
}

/* A device or a pipe is written to, never replaced. */
static enum weft_status write_into(const char *path, const void *data, size_t size_bytes,
                                   struct weft_error **error)
{
    cleanup_close int file = open(path, O_WRONLY | O_CLOEXEC);
    return file >= 0 && write_all(file, data, size_bytes) ? WEFT_OK
                                                          : fail(error, errno, "can't write", path);
}

static enum weft_status replace(const char *path, const void *data, size_t size_bytes, mode_t mode,
                                struct weft_error **error)
{
    cleanup_free char *temporary = NULL;
    int file = open_beside(path, mode, &temporary);
    if (file < 0) {
        return fail(error, errno, "can't write beside", path);
    }
    bool fine = write_all(file, data, size_bytes) && fsync(file) == 0;
    int number = errno;
    if (close(file) != 0 && fine) {
        fine = false;
        number = errno;
    }
    if (fine && rename(temporary, path) != 0) {
        fine = false;
        number = errno;
    }
    if (!fine) {
        unlink(temporary);
        return fail(error, number, "can't write", path);
    }
    sync_directory_of(path);
    return WEFT_OK;
}

enum weft_status weft_file_write(const char *path, const void *data, size_t size_bytes, mode_t mode,
                                 struct weft_error **error)
{
    struct stat status;
    cleanup_free char *target = realpath(path, NULL); /* what a link points to, not the link */
    if (target != NULL && stat(target, &status) == 0 && !S_ISREG(status.st_mode)) {
        return write_into(target, data, size_bytes, error);
    }
    return replace(target != NULL ? target : path, data, size_bytes, mode, error);
}

enum weft_status weft_directory_make(const char *path, struct weft_error **error)
{
    cleanup_free char *partial = strdup(path);
    if (partial == NULL) {
        return weft_error_set_out_of_memory(error);
    }
    for (char *end = partial;;) {
        end += strspn(end, "/");
        end += strcspn(end, "/");
        char after = *end;
        *end = '\0';
        if (partial[0] != '\0' && mkdir(partial, 0777) != 0 && errno != EEXIST) {
            return fail(error, errno, "can't make directory", partial);
        }
        if (after == '\0') {
            break;
        }
        *end = after;
    }
    struct stat about;
    if (stat(path, &about) != 0) {
        return fail(error, errno, "can't make directory", path);
    }
    return S_ISDIR(about.st_mode) ? WEFT_OK
                                  : weft_error_set(error, WEFT_ALREADY_EXISTS,
                                                   "\"%s\" is there and not a directory", path);
}

static int compare_names(const void *one, const void *other)
{
    return strcmp(*(char *const *)one, *(char *const *)other);
}

static void free_names(char **names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(names[i]);
    }
    free(names);
}

static enum weft_status list_names(DIR *directory, const char *path, size_t names_max,
                                   char ***names, size_t *count, struct weft_error **error)
{
    size_t capacity = 0;
    struct dirent *entry = NULL;
    for (errno = 0; (entry = readdir(directory)) != NULL; errno = 0) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) {
            continue;
        }
        if (*count == names_max) {
            return weft_error_set(error, WEFT_RESOURCE_EXHAUSTED,
                                  "\"%s\" has more than %zu entries", path, names_max);
        }
        if (*count == capacity) {
            capacity = capacity == 0 ? 16 : capacity * 2;
            char **more = realloc(*names, capacity * sizeof(**names));
            if (more == NULL) {
                return weft_error_set_out_of_memory(error);
            }
            *names = more;
        }
        char *name = strdup(entry->d_name);
        if (name == NULL) {
            return weft_error_set_out_of_memory(error);
        }
        (*names)[(*count)++] = name;
    }
    return errno == 0 ? WEFT_OK : fail(error, errno, "can't list", path);
}

enum weft_status weft_directory_list(const char *path, size_t names_max, char ***ret_names,
                                     size_t *ret_names_count, struct weft_error **error)
{
    DIR *directory = opendir(path);
    if (directory == NULL) {
        return fail(error, errno, "can't list", path);
    }
    char **names = NULL;
    size_t count = 0;
    enum weft_status status = list_names(directory, path, names_max, &names, &count, error);
    closedir(directory);
    if (status != WEFT_OK) {
        free_names(names, count);
        return status;
    }
    if (count > 1) {
        qsort(names, count, sizeof(*names), compare_names);
    }
    *ret_names = names;
    *ret_names_count = count;
    return WEFT_OK;
}
