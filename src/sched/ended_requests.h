/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_SCHED_ENDED_REQUESTS_H
#define WEFT_SCHED_ENDED_REQUESTS_H

/*
 * The requests that ended last on a node, so that a value that arrives late, by another way, finds
 * no new home: a ring, and an index into it with open addressing (linear probing, deletion by
 * moving back; Knuth, The Art of Computer Programming 3, 6.4, algorithm R). A worker asks it twice
 * for every request, on its way from the socket to the model, so it is kept small and touches few
 * cache lines: a general map of the same had four times the size. Plain data; zeroed is empty.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/message.h"

enum {
    /* What is forgotten first is the oldest: 4096 are some tenth of a second at the highest rate.
     */
    WEFT_ENDED_REQUESTS_MAX = 4096,
    /* At most half full, so that a search ends after a step or two. */
    WEFT_ENDED_REQUESTS_BUCKETS = 2 * WEFT_ENDED_REQUESTS_MAX,
};

struct weft_ended_requests {
    struct weft_request_id ring[WEFT_ENDED_REQUESTS_MAX];
    uint16_t buckets[WEFT_ENDED_REQUESTS_BUCKETS]; /* place in the ring, from 1; 0 = free */
    uint32_t count;
    uint32_t next; /* place in the ring that is written next: the oldest when the ring is full */
};

/* Remembers a request, and forgets the oldest where there is no room. */
void weft_ended_requests_add(struct weft_ended_requests *ended, struct weft_request_id request);
bool weft_ended_requests_has(const struct weft_ended_requests *ended,
                             struct weft_request_id request);

#endif
