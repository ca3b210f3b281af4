/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_SIM_WORLD_H
#define TESTS_SIM_WORLD_H

/*
 * A simulated world: virtual time, seeded randomness, and a list of what is to happen. One seed is
 * one run, and always the same one. What is found wrong is kept, with its time; the first finding
 * ends the run.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/heap.h"
#include "base/random.h"

/* Planted bugs: each breaks one thing that the simulation must notice. */
#define SIM_BUGS(X)                                                                                \
    X(NONE, "none")                                                                                \
    X(DOUBLE_SEND, "double-send")   /* a value is sent to its node twice */                        \
    X(LOST_CANCEL, "lost-cancel")   /* a CANCEL is dropped on its way */                           \
    X(LEAKED_SLOT, "leaked-slot")   /* a stopped task never reports its end */                     \
    X(WRONG_INPUT, "wrong-input")   /* a value arrives as another output's */                      \
    X(EARLY_START, "early-start")   /* a predecessor is said to have finished when it has not */   \
    X(ENDED_TWICE, "ended-twice")   /* a client is answered twice */                               \
    X(SKIPPED_TAGS, "skipped-tags") /* nodes claim tags that they do not have */                   \
    X(TOO_MUCH_MEMORY, "too-much-memory")   /* a worker is told of memory that the node has not */ \
    X(IDLE_SLOT, "idle-slot")               /* a worker never uses one of its slots */             \
    X(IGNORED_DEADLINE, "ignored-deadline") /* nobody watches deadlines */                         \
    X(LOST_FAILURE, "lost-failure")         /* the report of a failure is dropped */               \
    X(FORGED_ACK, "forged-ack")             /* acknowledgements run ahead of what arrived */       \
    X(SILENT_EVICTION, "silent-eviction")   /* a plan makes room, and its gateway is not told */   \
    X(LOST_PART, "lost-part")         /* a part of a streamed output is dropped on its way */      \
    X(EARLY_RELEASE, "early-release") /* a pipeline is given back while a request needs it */

enum sim_bug {
#define SIM_BUG_ENUM(name, text) SIM_BUG_##name,
    SIM_BUGS(SIM_BUG_ENUM)
#undef SIM_BUG_ENUM
        SIM_BUGS_COUNT
};

extern const char *const sim_bug_names[SIM_BUGS_COUNT];

struct sim_event {
    struct weft_heap_item item; /* first */
    uint64_t order;             /* events of one moment happen in the order of their making */
    void (*happen)(struct sim_event *event);
    void (*drop)(struct sim_event *event); /* releases it */
    void *context;
};

struct sim_world {
    uint64_t seed;
    struct weft_random random;
    struct weft_heap events;
    uint64_t now_ns;
    uint64_t steps;
    enum sim_bug bug;
    bool trace;
    bool found;
    char finding[512];
};

void sim_world_init(struct sim_world *world, uint64_t seed, enum sim_bug bug, bool trace);
void sim_world_fini(struct sim_world *world);
/* Takes the event. */
void sim_schedule(struct sim_world *world, struct sim_event *take_event, uint64_t after_ns);
/* Runs until nothing is left, the time is reached, or something was found. */
void sim_run_until(struct sim_world *world, uint64_t until_ns);
void sim_find(struct sim_world *world, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void sim_trace(const struct sim_world *world, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* In [low, high]. */
uint64_t sim_between(struct sim_world *world, uint64_t low, uint64_t high);
bool sim_chance(struct sim_world *world, unsigned percent);

#endif
