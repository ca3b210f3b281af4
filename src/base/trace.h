/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_BASE_TRACE_H
#define WEFT_BASE_TRACE_H

/*
 * A trace context as W3C "Trace Context" (level 1) defines it: which distributed call a piece of
 * work belongs to. Plain data; parsing and writing of the `traceparent` field (section 3.2), and a
 * check of the `tracestate` field (section 3.3), which is the callers' own and not looked into. Any
 * thread.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/random.h"

/* "00-" + 32 + "-" + 16 + "-" + 2 */
enum { WEFT_TRACEPARENT_LENGTH = 55 };
/* What is passed on of a tracestate (section 3.3.1.5): more is not. */
enum { WEFT_TRACESTATE_MAX_LENGTH = 512, WEFT_TRACESTATE_MEMBERS_MAX = 32 };

struct weft_trace {
    uint8_t trace_id[16]; /* all zeroes: no trace */
    uint8_t span_id[8];
    uint8_t flags;
};

/* False (and *ret_trace untouched) where the text is not a valid traceparent; higher versions are
 * read as section 3.2.4 says. */
bool weft_trace_parse(const char *text, size_t length, struct weft_trace *ret_trace);
/* Writes WEFT_TRACEPARENT_LENGTH characters and a terminator. */
void weft_trace_format(const struct weft_trace *trace, char text[WEFT_TRACEPARENT_LENGTH + 1]);
/* A new trace, sampled. */
void weft_trace_start(struct weft_trace *ret_trace, struct weft_random *random);
/* The same trace with a new span. */
void weft_trace_child(const struct weft_trace *parent, struct weft_trace *ret_trace,
                      struct weft_random *random);
bool weft_trace_is_set(const struct weft_trace *trace);
/* Whether the text is the value of a tracestate within these limits, with at least one member; keys
 * and values of the characters and lengths that level 2, section 3.3.1.3, allows. */
bool weft_tracestate_is_valid(const char *text, size_t length);

#endif
