/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_BASE_LOG_H
#define WEFT_BASE_LOG_H

/*
 * The log: one line an event, `key=value` pairs (logfmt) with time, level, node, message and, where
 * the event belongs to a request, its traceparent. A logger is made by the composition root and
 * handed down; tests hand in one that keeps its lines. Any thread: each line is one write.
 *
 * Libraries log what nobody waits for (a peer that came or went); whatever has a caller is returned
 * as an error.
 */

#include <weft/model.h>

#include "base/trace.h"

/* Longer lines are cut, so that one write stays whole and hostile input cannot fill a disk. */
enum { WEFT_LOG_LINE_MAX = 4096 };

struct weft_log {
    enum weft_log_level level_min;
    const char *node; /* whose line it is; NULL = none */
    /* Writes one line of length bytes, its newline included. */
    void (*write)(void *context, const char *line, size_t length);
    void *context;
    /* Wall-clock nanoseconds since 1970 for the line; NULL leaves the time out. */
    uint64_t (*wall_ns)(void *context);
};

/* log NULL writes nothing. trace may be NULL. */
void weft_log(const struct weft_log *log, enum weft_log_level level, const struct weft_trace *trace,
              const char *format, ...) WEFT_PRINTF(4, 5);
/* For `write`: to standard error. */
void weft_log_write_stderr(void *context, const char *line, size_t length);
/* For `wall_ns`: the system's clock. */
uint64_t weft_log_wall_ns(void *context);
/* "debug", "info", "warning", "error" to a level; false for other words. */
bool weft_log_level_parse(const char *word, enum weft_log_level *ret_level);

#endif
