/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_SYS_FILE_H
#define WEFT_SYS_FILE_H

/*
 * Files, blocking: for executor threads, start-up and the command line, never on a loop that
 * serves. Any thread.
 */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <weft/error.h>

#include "base/buffer.h"

/* Reads a whole regular file. RESOURCE_EXHAUSTED where it has more than size_max_bytes; NOT_FOUND,
 * PERMISSION_DENIED. */
enum weft_status weft_file_read(const char *path, size_t size_max_bytes,
                                struct weft_slice *ret_content,
                                struct weft_error **error) WEFT_MUST_CHECK;
/* The same as a terminated string that the caller frees; INVALID_ARGUMENT where it holds a NUL
 * byte. */
enum weft_status weft_file_read_text(const char *path, size_t size_max_bytes, char **ret_text,
                                     struct weft_error **error) WEFT_MUST_CHECK;
/* Writes a temporary file beside it, flushes it to the disk, and renames it: readers see the old
 * content or the new. mode as for open(2): what the umask leaves of it. A link's target is
 * replaced, not the link; what is no regular file (a device, a pipe) is written to as it stands. */
enum weft_status weft_file_write(const char *path, const void *data, size_t size_bytes, mode_t mode,
                                 struct weft_error **error) WEFT_MUST_CHECK;
/* Makes a directory and those above it; one that exists is fine. */
enum weft_status weft_directory_make(const char *path, struct weft_error **error) WEFT_MUST_CHECK;
/* The names in a directory, sorted, without "." and ".."; the caller frees each and the array.
 * RESOURCE_EXHAUSTED beyond names_max. */
enum weft_status weft_directory_list(const char *path, size_t names_max, char ***ret_names,
                                     size_t *ret_names_count,
                                     struct weft_error **error) WEFT_MUST_CHECK;

#endif
