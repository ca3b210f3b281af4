/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_BASE_RANDOM_H
#define WEFT_BASE_RANDOM_H

/*
 * Randomness as something that is handed in: seeded where a run must replay, seeded from the system
 * (by `sys`) where ids must differ. The generator is SplitMix64 (Steele, Lea, Flood: "Fast
 * splittable pseudorandom number generators", 2014); it is not for secrets. One thread at a time.
 */

#include <stddef.h>
#include <stdint.h>

struct weft_random {
    uint64_t state;
};

static inline uint64_t weft_random_next(struct weft_random *random)
{
    uint64_t mixed = random->state += UINT64_C(0x9E3779B97F4A7C15);
    mixed = (mixed ^ (mixed >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    mixed = (mixed ^ (mixed >> 27)) * UINT64_C(0x94D049BB133111EB);
    return mixed ^ (mixed >> 31);
}

/* Evenly spread in [0, bound), by Lemire's multiplication; bound 0 gives 0. The bias of 2^-64 *
 * bound is accepted. */
static inline uint64_t weft_random_below(struct weft_random *random, uint64_t bound)
{
    return (uint64_t)(((unsigned __int128)weft_random_next(random) * bound) >> 64);
}

/* In [0, 1). */
static inline double weft_random_fraction(struct weft_random *random)
{
    return (double)(weft_random_next(random) >> 11) * 0x1.0p-53;
}

#endif
