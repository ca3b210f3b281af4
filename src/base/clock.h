/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_BASE_CLOCK_H
#define WEFT_BASE_CLOCK_H

/*
 * Time as something that is handed in: the real clock is in `sys`, the simulator's is virtual.
 * Monotonic nanoseconds since some fixed moment; only differences mean anything.
 */

#include <stdint.h>

struct weft_clock {
    uint64_t (*now_ns)(void *context);
    void *context;
};

static inline uint64_t weft_clock_now_ns(const struct weft_clock *clock)
{
    return clock->now_ns(clock->context);
}

#define WEFT_NS_PER_US UINT64_C(1000)
#define WEFT_NS_PER_MS UINT64_C(1000000)
#define WEFT_NS_PER_S UINT64_C(1000000000)
/* A deadline that never comes. */
#define WEFT_DEADLINE_NEVER_NS UINT64_MAX

#endif
