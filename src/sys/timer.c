/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/assert.h"
#include "sys/internal.h"

/*
 * A binary heap by scheduled_ns, positions from 1 as in the textbook. A timer that is set to a
 * later moment stays where it is, so a time limit that is pushed on with every message costs one
 * store; when its old moment comes, it is put where it belongs by then.
 */

static void place(struct weft_loop *loop, size_t position, struct weft_timer *timer)
{
    loop->heap[position] = timer;
    timer->position = position;
}

static void sift_up(struct weft_loop *loop, size_t position, struct weft_timer *timer)
{
    while (position > 1 && loop->heap[position / 2]->scheduled_ns > timer->scheduled_ns) {
        place(loop, position, loop->heap[position / 2]);
        position /= 2;
    }
    place(loop, position, timer);
}

static void sift_down(struct weft_loop *loop, size_t position, struct weft_timer *timer)
{
    for (;;) {
        size_t child = position * 2;
        if (child > loop->heap_count) {
            break;
        }
        if (child < loop->heap_count &&
            loop->heap[child + 1]->scheduled_ns < loop->heap[child]->scheduled_ns) {
            child++;
        }
        if (loop->heap[child]->scheduled_ns >= timer->scheduled_ns) {
            break;
        }
        place(loop, position, loop->heap[child]);
        position = child;
    }
    place(loop, position, timer);
}

static void take_out(struct weft_loop *loop, struct weft_timer *timer)
{
    size_t position = timer->position;
    struct weft_timer *last = loop->heap[loop->heap_count--];
    timer->position = 0;
    if (last == timer) {
        return;
    }
    if (position > 1 && loop->heap[position / 2]->scheduled_ns > last->scheduled_ns) {
        sift_up(loop, position, last);
    } else {
        sift_down(loop, position, last);
    }
}

void weft_timer_init(struct weft_timer *timer, struct weft_loop *loop, void (*fired)(void *context),
                     void *context)
{
    *timer = (struct weft_timer){
        .loop = loop,
        .fired = fired,
        .context = context,
        .deadline_ns = WEFT_DEADLINE_NEVER_NS,
    };
}

static bool grow(struct weft_loop *loop)
{
    if (loop->heap_count + 1 < loop->heap_capacity) {
        return true;
    }
    size_t capacity = loop->heap_capacity == 0 ? 64 : loop->heap_capacity * 2;
    struct weft_timer **heap = realloc(loop->heap, capacity * sizeof(*heap));
    if (heap == NULL) {
        return false;
    }
    loop->heap = heap;
    loop->heap_capacity = capacity;
    return true;
}

enum weft_status weft_timer_set(struct weft_timer *timer, uint64_t deadline_ns)
{
    struct weft_loop *loop = timer->loop;
    if (deadline_ns == WEFT_DEADLINE_NEVER_NS) {
        weft_timer_cancel(timer);
        return WEFT_OK;
    }
    if (timer->position == 0) {
        if (!grow(loop)) {
            return WEFT_OUT_OF_MEMORY;
        }
        timer->deadline_ns = timer->scheduled_ns = deadline_ns;
        sift_up(loop, ++loop->heap_count, timer);
        return WEFT_OK;
    }
    timer->deadline_ns = deadline_ns;
    if (deadline_ns < timer->scheduled_ns) {
        timer->scheduled_ns = deadline_ns;
        sift_up(loop, timer->position, timer);
    }
    return WEFT_OK;
}

void weft_timer_cancel(struct weft_timer *timer)
{
    if (timer->position != 0) {
        take_out(timer->loop, timer);
    }
    timer->deadline_ns = WEFT_DEADLINE_NEVER_NS;
}

bool weft_timer_is_set(const struct weft_timer *timer)
{
    return timer->deadline_ns != WEFT_DEADLINE_NEVER_NS;
}

uint64_t weft_loop_next_timer_ns(const struct weft_loop *loop)
{
    return loop->heap_count > 0 ? loop->heap[1]->scheduled_ns : WEFT_DEADLINE_NEVER_NS;
}

void weft_loop_fire_timers(struct weft_loop *loop)
{
    /* One that a callback sets to a moment that is already past waits for the next turn: `now` is
     * fixed. */
    uint64_t now_ns = loop->now_ns;
    size_t fires_max = loop->heap_count;
    while (loop->heap_count > 0 && loop->heap[1]->scheduled_ns <= now_ns && fires_max > 0) {
        struct weft_timer *timer = loop->heap[1];
        if (timer->deadline_ns > now_ns) {
            timer->scheduled_ns = timer->deadline_ns;
            sift_down(loop, 1, timer);
            continue;
        }
        fires_max--;
        take_out(loop, timer);
        timer->deadline_ns = WEFT_DEADLINE_NEVER_NS;
        loop->counters.timers_fired++;
        timer->fired(timer->context);
    }
}
