/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_CLIENT_LATENCY_H
#define WEFT_CLIENT_LATENCY_H

/*
 * Durations counted in buckets whose width grows with the value, so that percentiles of any number
 * of calls take the same memory and are at most 1/128 too high; smallest, largest and sum are
 * exact. Plain data; all zeroes is empty. One thread at a time.
 */

#include <stddef.h>
#include <stdint.h>

enum {
    /* Buckets for each doubling: their width is under 1 % of the value. */
    WEFT_LATENCY_STEPS = 128,
    WEFT_LATENCY_BUCKETS = WEFT_LATENCY_STEPS * 58,
};

struct weft_latency {
    uint64_t counts[WEFT_LATENCY_BUCKETS];
    uint64_t count;
    uint64_t sum_ns;
    uint64_t min_ns;
    uint64_t max_ns;
};

void weft_latency_add(struct weft_latency *latency, uint64_t duration_ns);
/* The duration that a fraction (0 to 1) of all did not exceed; 0 where there are none. */
uint64_t weft_latency_quantile_ns(const struct weft_latency *latency, double fraction);

#endif
