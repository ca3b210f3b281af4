/* SPDX-License-Identifier: Apache-2.0 */
#include "samples.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

uint64_t samples_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void samples_init(struct samples *samples, size_t capacity)
{
    *samples = (struct samples){.capacity = capacity};
    samples->durations_ns = malloc(capacity * sizeof(uint64_t));
    if (samples->durations_ns == NULL) {
        perror("samples");
        exit(1);
    }
    memset(samples->durations_ns, 1, capacity * sizeof(uint64_t));
}

void samples_add(struct samples *samples, uint64_t started_ns, uint64_t ended_ns)
{
    if (samples->count == samples->capacity)
        return;
    if (samples->count == 0)
        samples->started_ns = started_ns;
    samples->ended_ns = ended_ns;
    samples->durations_ns[samples->count++] = ended_ns - started_ns;
}

static int compare(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

void samples_print(struct samples *samples)
{
    if (samples->count == 0) {
        fprintf(stderr, "no call was measured\n");
        exit(1);
    }
    qsort(samples->durations_ns, samples->count, sizeof(uint64_t), compare);
    printf("{\"calls\":%zu,\"p50_ns\":%" PRIu64 ",\"p99_ns\":%" PRIu64 ",\"elapsed_ns\":%" PRIu64
           "}\n",
           samples->count, samples->durations_ns[samples->count / 2],
           samples->durations_ns[samples->count * 99 / 100],
           samples->ended_ns - samples->started_ns);
    fflush(stdout);
}

void samples_fini(struct samples *samples)
{
    free(samples->durations_ns);
    *samples = (struct samples){0};
}
