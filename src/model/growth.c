/* SPDX-License-Identifier: Apache-2.0 */
#include "model/growth.h"

#include <malloc.h>
#include <pthread.h>
#include <stddef.h>
#include <time.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static unsigned open;    /* measurements under way; guarded by lock, as the next */
static uint64_t numbers; /* given so far */

/* Of the sanitizers, which bring an allocator of their own; NULL without one. */
extern size_t __sanitizer_get_current_allocated_bytes(void) __attribute__((weak));

static uint64_t heap_bytes(void)
{
    if (__sanitizer_get_current_allocated_bytes != NULL) {
        return __sanitizer_get_current_allocated_bytes();
    }
#if defined(__GLIBC__) && __GLIBC_PREREQ(2, 33)
    struct mallinfo2 heap = mallinfo2();
    return heap.uordblks + heap.hblkhd;
#else
    return 0;
#endif
}

void weft_growth_begin(struct weft_growth *growth)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += (time_t)(WEFT_GROWTH_PATIENCE_NS / 1000000000);
    pthread_mutex_lock(&lock);
    while (open > 0 && pthread_cond_clockwait(&changed, &lock, CLOCK_MONOTONIC, &until) == 0) {
    }
    growth->alone = open++ == 0;
    growth->number = ++numbers;
    pthread_mutex_unlock(&lock);
    growth->heap_bytes = heap_bytes();
}

uint64_t weft_growth_end(struct weft_growth *growth)
{
    uint64_t now_bytes = heap_bytes();
    pthread_mutex_lock(&lock);
    bool known = growth->alone && growth->number == numbers;
    open--;
    pthread_cond_signal(&changed);
    pthread_mutex_unlock(&lock);
    return known && now_bytes > growth->heap_bytes ? now_bytes - growth->heap_bytes : 0;
}
