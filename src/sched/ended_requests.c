/* SPDX-License-Identifier: Apache-2.0 */
#include "sched/ended_requests.h"

/* Numbers of one gateway count up, so they are spread: the finisher of splitmix64 (Steele, Lea and
 * Flood, 2014). */
static uint32_t home_of(struct weft_request_id request)
{
    uint64_t mixed = request.sequence + request.gateway * 0x9E3779B97F4A7C15;
    mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9;
    mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EB;
    return (uint32_t)(mixed ^ (mixed >> 31)) % WEFT_ENDED_REQUESTS_BUCKETS;
}

static uint32_t after(uint32_t bucket)
{
    return (bucket + 1) % WEFT_ENDED_REQUESTS_BUCKETS;
}

static bool is_same(struct weft_request_id one, struct weft_request_id other)
{
    return one.sequence == other.sequence && one.gateway == other.gateway;
}

/* The bucket that the request is in, or the free one where it would be. */
static uint32_t find(const struct weft_ended_requests *ended, struct weft_request_id request)
{
    uint32_t bucket = home_of(request);
    while (ended->buckets[bucket] != 0 &&
           !is_same(ended->ring[ended->buckets[bucket] - 1], request)) {
        bucket = after(bucket);
    }
    return bucket;
}

/* Whether what is at home there may stand in the bucket, with no gap between them: the bucket lies
 * cyclically within [home, gap). */
static bool stays(uint32_t home, uint32_t gap, uint32_t bucket)
{
    return gap <= bucket ? gap < home && home <= bucket : gap < home || home <= bucket;
}

static void take_out(struct weft_ended_requests *ended, uint32_t gap)
{
    for (uint32_t bucket = after(gap); ended->buckets[bucket] != 0; bucket = after(bucket)) {
        if (!stays(home_of(ended->ring[ended->buckets[bucket] - 1]), gap, bucket)) {
            ended->buckets[gap] = ended->buckets[bucket];
            gap = bucket;
        }
    }
    ended->buckets[gap] = 0;
}

bool weft_ended_requests_has(const struct weft_ended_requests *ended,
                             struct weft_request_id request)
{
    return ended->buckets[find(ended, request)] != 0;
}

void weft_ended_requests_add(struct weft_ended_requests *ended, struct weft_request_id request)
{
    if (weft_ended_requests_has(ended, request)) {
        return;
    }
    if (ended->count == WEFT_ENDED_REQUESTS_MAX) {
        take_out(ended, find(ended, ended->ring[ended->next]));
        ended->count--;
    }
    ended->ring[ended->next] = request;
    ended->buckets[find(ended, request)] = (uint16_t)(ended->next + 1);
    ended->next = (ended->next + 1) % WEFT_ENDED_REQUESTS_MAX;
    ended->count++;
}
