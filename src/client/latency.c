/* SPDX-License-Identifier: Apache-2.0 */
#include "client/latency.h"

/* Below STEPS each value has its own bucket; above, the top 8 bits choose it. */
static size_t bucket_of(uint64_t value)
{
    if (value < WEFT_LATENCY_STEPS) {
        return value;
    }
    unsigned shift = 63u - 7u - (unsigned)__builtin_clzll(value);
    return (size_t)shift * WEFT_LATENCY_STEPS + (value >> shift);
}

/* The largest value that falls into it. */
static uint64_t bucket_end(size_t bucket)
{
    if (bucket < WEFT_LATENCY_STEPS) {
        return bucket;
    }
    unsigned shift = (unsigned)(bucket / WEFT_LATENCY_STEPS) - 1;
    uint64_t top = bucket - (uint64_t)shift * WEFT_LATENCY_STEPS;
    return ((top + 1) << shift) - 1;
}

void weft_latency_add(struct weft_latency *latency, uint64_t duration_ns)
{
    latency->counts[bucket_of(duration_ns)]++;
    latency->min_ns =
        latency->count == 0 || duration_ns < latency->min_ns ? duration_ns : latency->min_ns;
    latency->max_ns = duration_ns > latency->max_ns ? duration_ns : latency->max_ns;
    latency->sum_ns += duration_ns;
    latency->count++;
}

uint64_t weft_latency_quantile_ns(const struct weft_latency *latency, double fraction)
{
    double exact = fraction * (double)latency->count;
    uint64_t rank = (uint64_t)exact;
    rank += (double)rank < exact || rank == 0;
    uint64_t seen = 0;
    for (size_t i = 0; latency->count > 0 && i < WEFT_LATENCY_BUCKETS; i++) {
        seen += latency->counts[i];
        if (seen >= rank) {
            uint64_t end = bucket_end(i);
            return end < latency->max_ns ? end : latency->max_ns;
        }
    }
    return latency->max_ns;
}
