/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/spin.h"

#include "base/clock.h"

enum {
    BUDGET_START_NS = 10 * 1000, /* about a round trip between two busy CPUs */
    SILENT_NS = 1000 * 1000,
    SLOW_YIELD_NS = 100 * 1000,
    PAUSE_START_NS = 1000 * 1000,
    PAUSE_MAX_NS = 100 * 1000 * 1000,
};

static uint64_t smaller(uint64_t one, uint64_t other)
{
    return one < other ? one : other;
}

void weft_spin_init(struct weft_spin *spin, uint64_t max_ns)
{
    *spin = (struct weft_spin){.max_ns = max_ns};
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
    return spin->budget_ns;
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

void weft_spin_ended(struct weft_spin *spin, bool paid)
{
    spin->budget_ns = paid ? smaller(spin->budget_ns * 2, spin->max_ns) : spin->budget_ns / 2;
}

void weft_spin_demand(struct weft_spin *spin, int change)
{
    atomic_fetch_add_explicit(&spin->demand, change, memory_order_relaxed);
}
