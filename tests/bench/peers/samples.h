/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_BENCH_SAMPLES_H
#define TESTS_BENCH_SAMPLES_H

/*
 * The times of one round of calls: every client of the benches notes them here and prints them as
 * the same one line of JSON, so that peers and Weft are measured alike. Owned and used by the one
 * thread that measures.
 */

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct samples {
    uint64_t *durations_ns;
    size_t count;
    size_t capacity;
    uint64_t started_ns; /* of the first measured call */
    uint64_t ended_ns;   /* of the last one */
};

uint64_t samples_now_ns(void);

/* Room for capacity calls; the memory is touched, so that noting a time never faults. Ends the
 * program if there is none: a bench has nobody to tell. */
void samples_init(struct samples *samples, size_t capacity);
/* Notes one call; more than capacity are ignored. */
void samples_add(struct samples *samples, uint64_t started_ns, uint64_t ended_ns);
/* Prints {"calls":…,"p50_ns":…,"p99_ns":…,"elapsed_ns":…} and a line end to standard output. Sorts
 * the samples. */
void samples_print(struct samples *samples);
void samples_fini(struct samples *samples);

#ifdef __cplusplus
}
#endif

#endif
