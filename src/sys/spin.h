/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_SYS_SPIN_H
#define WEFT_SYS_SPIN_H

/*
 * How long a loop may spin before it sleeps. Waking an idle CPU costs more than a small message, so
 * a loop that has just had traffic looks a little longer; but only where looking has recently paid,
 * never while somebody else wants the CPU. Pure: the loop tells what happened and when, and asks
 * for a budget. Belongs to one loop's thread, but for weft_spin_demand, which any thread may
 * change.
 *
 * The budget is between 0 and max_ns. A spin that found work doubles it, three in a row that didn't
 * halve it; it starts anew at a small value when traffic comes. Where several loops pass a message
 * on in turn, the next one only comes soon if all of them spin, which none learns from short spins:
 * so there are trials, some spins of full length, and where one of them pays, the budget is full.
 * Trials that fail come ever more rarely, at most about one percent of the time. The budget is 0 while
 * the links were silent for 1 ms, and while an executor has work. A yield that took over 400 us,
 * which is more than another loop's turn takes, means that a process with work of its own had the
 * CPU: the spin stops for a pause that doubles with each such yield, to at most 100 ms, and is
 * forgotten when yields are quick again.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct weft_spin {
    uint64_t max_ns; /* 0 = never spin */
    uint64_t budget_ns;
    uint64_t traffic_ns;     /* when a link last brought something */
    uint64_t pause_ns;       /* of the last slow yield; 0 = none */
    uint64_t paused_till_ns; /* no spin before */
    unsigned misses;         /* spins since the last that paid */
    unsigned trial_left;     /* spins of the trial that is under way */
    uint64_t trial_at_ns;    /* the next trial; 0 = at once */
    uint64_t trial_wait_ns;  /* from the end of one that fails to the next */
    atomic_int demand;       /* executors' threads that run or want to */
};

void weft_spin_init(struct weft_spin *spin, uint64_t max_ns);
/* A link brought something at now_ns. */
void weft_spin_traffic(struct weft_spin *spin, uint64_t now_ns);
/* How long the loop may spin, from now_ns. */
uint64_t weft_spin_budget_ns(struct weft_spin *spin, uint64_t now_ns);
/* A yield took took_ns. False: stop spinning now. */
bool weft_spin_yielded(struct weft_spin *spin, uint64_t took_ns, uint64_t now_ns);
/* The spin is over at now_ns, and found work or not. */
void weft_spin_ended(struct weft_spin *spin, bool paid, uint64_t now_ns);
/* Blocking work wants the core (+1) or is done with it (-1). Any thread. */
void weft_spin_demand(struct weft_spin *spin, int change);

#endif
