/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/spin.h"

#include "base/clock.h"

enum {
    BUDGET_START_NS = 10 * 1000, /* about a round trip between two busy CPUs */
    MISSES_MAX = 3,              /* a spin in four that pays is worth the others */
    /* A trial: so many spins of full length. Its cost is bounded by the wait for the next one. */
    TRIAL_SPINS = 8,
    TRIAL_WAIT_MIN_NS = 2 * 1000 * 1000,
    TRIAL_WAIT_MAX_NS = 128 * 1000 * 1000,
    SILENT_NS = 1000 * 1000,
    SLOW_YIELD_NS = 400 * 1000,
    PAUSE_START_NS = 1000 * 1000,
    PAUSE_MAX_NS = 100 * 1000 * 1000,
};

static uint64_t smaller(uint64_t one, uint64_t other)
{
    return one < other ? one : other;
}

void weft_spin_init(struct weft_spin *spin, uint64_t max_ns)
{
    *spin = (struct weft_spin){.max_ns = max_ns, .trial_wait_ns = TRIAL_WAIT_MIN_NS};
    atomic_init(&spin->demand, 0);
}

void weft_spin_traffic(struct weft_spin *spin, uint64_t now_ns)
{
    if (now_ns - spin->traffic_ns >= SILENT_NS || spin->budget_ns < BUDGET_START_NS) {
        spin->budget_ns = smaller(BUDGET_START_NS, spin->max_ns);
    }
    spin->traffic_ns = now_ns;
}

uint64_t weft_spin_budget_ns(struct weft_spin *spin, uint64_t now_ns)
{
    if (now_ns < spin->paused_till_ns || now_ns - spin->traffic_ns >= SILENT_NS ||
        atomic_load_explicit(&spin->demand, memory_order_relaxed) > 0) {
        return 0;
    }
    if (spin->trial_left == 0 && now_ns >= spin->trial_at_ns) {
        spin->trial_left = TRIAL_SPINS;
        spin->trial_at_ns = WEFT_DEADLINE_NEVER_NS;
    }
    return spin->trial_left > 0 ? spin->max_ns : spin->budget_ns;
}

bool weft_spin_yielded(struct weft_spin *spin, uint64_t took_ns, uint64_t now_ns)
{
    if (took_ns < SLOW_YIELD_NS) {
        if (now_ns - spin->paused_till_ns > spin->pause_ns) {
            spin->pause_ns = 0;
        }
        return true;
    }
    spin->pause_ns =
        spin->pause_ns == 0 ? PAUSE_START_NS : smaller(spin->pause_ns * 2, PAUSE_MAX_NS);
    spin->paused_till_ns = now_ns + spin->pause_ns;
    return false;
}

static void missed(struct weft_spin *spin, uint64_t now_ns)
{
    if (spin->trial_left > 0) {
        if (--spin->trial_left == 0) {
            spin->trial_at_ns = now_ns + spin->trial_wait_ns;
            spin->trial_wait_ns = smaller(spin->trial_wait_ns * 2, TRIAL_WAIT_MAX_NS);
        }
    } else if (++spin->misses >= MISSES_MAX) {
        spin->misses = 0;
        spin->budget_ns /= 2;
    }
}

void weft_spin_ended(struct weft_spin *spin, bool paid, uint64_t now_ns)
{
    if (!paid) {
        missed(spin, now_ns);
        return;
    }
    spin->budget_ns =
        spin->trial_left > 0 ? spin->max_ns : smaller(spin->budget_ns * 2, spin->max_ns);
    spin->misses = 0;
    spin->trial_left = 0;
    spin->trial_at_ns = now_ns + TRIAL_WAIT_MIN_NS;
    spin->trial_wait_ns = TRIAL_WAIT_MIN_NS;
}

void weft_spin_demand(struct weft_spin *spin, int change)
{
    atomic_fetch_add_explicit(&spin->demand, change, memory_order_relaxed);
}
