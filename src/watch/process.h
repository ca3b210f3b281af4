/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_WATCH_PROCESS_H
#define WEFT_WATCH_PROCESS_H

/* What this process uses, read from /proc (proc(5)). Any thread. */

#include <stdbool.h>
#include <stdint.h>

struct weft_process_usage {
    double cpu_seconds;        /* user and system */
    double start_time_seconds; /* since 1970 */
    uint64_t resident_bytes;
    uint64_t virtual_bytes;
    uint64_t threads;
    uint64_t open_fds;
    uint64_t max_fds;
};

/* False where /proc cannot be read. */
bool weft_process_usage_read(struct weft_process_usage *ret_usage);

#endif
