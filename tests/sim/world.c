/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/world.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"

const char *const sim_bug_names[SIM_BUGS_COUNT] = {
#define SIM_BUG_NAME(name, text) [SIM_BUG_##name] = (text),
    SIM_BUGS(SIM_BUG_NAME)
#undef SIM_BUG_NAME
};

void sim_world_init(struct sim_world *world, uint64_t seed, enum sim_bug bug, bool trace)
{
    *world = (struct sim_world){
        .seed = seed, .random = {seed}, .now_ns = 1000, .bug = bug, .trace = trace};
}

void sim_world_fini(struct sim_world *world)
{
    for (struct weft_heap_item *item; (item = weft_heap_first(&world->events)) != NULL;) {
        struct sim_event *event = (struct sim_event *)(void *)item;
        weft_heap_remove(&world->events, item);
        event->drop(event);
    }
    weft_heap_fini(&world->events);
}

void sim_schedule(struct sim_world *world, struct sim_event *take_event, uint64_t after_ns)
{
    /* Moments are kept apart by a counter in the low bits, so that equal ones stay in order: a
     * nanosecond of virtual time is shared by up to 2^10 of them. */
    take_event->order = world->steps++;
    uint64_t at_ns = ((world->now_ns + after_ns) & ~UINT64_C(1023)) | (take_event->order & 1023);
    weft_assert(weft_heap_add(&world->events, &take_event->item, at_ns));
}

void sim_run_until(struct sim_world *world, uint64_t until_ns)
{
    for (struct weft_heap_item *item;
         !world->found && (item = weft_heap_first(&world->events)) != NULL;) {
        if (item->at_ns > until_ns) {
            break;
        }
        struct sim_event *event = (struct sim_event *)(void *)item;
        world->now_ns = item->at_ns > world->now_ns ? item->at_ns : world->now_ns;
        weft_heap_remove(&world->events, item);
        event->happen(event);
        event->drop(event);
    }
    world->now_ns = world->now_ns > until_ns ? world->now_ns : until_ns;
}

void sim_find(struct sim_world *world, const char *format, ...)
{
    if (world->found) {
        return;
    }
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(world->finding, sizeof(world->finding), format, arguments);
    va_end(arguments);
    world->found = true;
    sim_trace(world, "FOUND: %s", world->finding);
}

void sim_trace(const struct sim_world *world, const char *format, ...)
{
    if (!world->trace) {
        return;
    }
    va_list arguments;
    va_start(arguments, format);
    printf("%12.6f ms  ", (double)world->now_ns / 1e6);
    vprintf(format, arguments);
    putchar('\n');
    va_end(arguments);
}

uint64_t sim_between(struct sim_world *world, uint64_t low, uint64_t high)
{
    return low + weft_random_below(&world->random, high - low + 1);
}

bool sim_chance(struct sim_world *world, unsigned percent)
{
    return weft_random_below(&world->random, 100) < percent;
}
