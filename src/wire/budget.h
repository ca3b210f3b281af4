/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_WIRE_BUDGET_H
#define WEFT_WIRE_BUDGET_H

/*
 * The receive memory of a node, as numbers: every message that is being received holds a lease for
 * the bytes that it has and those that its open window lets come. A lease grows as bytes come;
 * nothing is committed because a peer announced a length. The budget belongs to the loop that made
 * it: one thread at a time.
 *
 * While less than half of the budget is leased, whoever asks gets all he asks for, so one big
 * tensor runs at full speed. Above that a lease may be at most four times what it has really
 * received (a peer that announces and sends nothing gets next to nothing). When the budget is used
 * up, leases wait in order; so that many half-received messages cannot block each other for ever,
 * one of the waiters at a time may overdraw: memory is bounded by the budget and one message.
 */

#include <stdbool.h>
#include <stddef.h>

#include "base/list.h"

struct weft_receive_budget {
    size_t limit_bytes;
    size_t leased_bytes;
    struct weft_list waiting; /* leases that want more, oldest first */
    struct weft_receive_lease
        *overdrawing; /* the one that gets all it asks for while nothing is left */
};

struct weft_receive_lease {
    struct weft_receive_budget *budget; /* NULL: grants everything */
    struct weft_list link;
    size_t leased_bytes;
    size_t wanted_bytes;
    size_t received_bytes;
    /* More was granted while waiting. It comes from inside another lease's ask or return, so
     * neither ask nor return inside it. */
    void (*on_grown)(struct weft_receive_lease *lease);
};

void weft_receive_budget_init(struct weft_receive_budget *budget, size_t limit_bytes);

void weft_receive_lease_init(struct weft_receive_lease *lease, struct weft_receive_budget *budget,
                             void (*on_grown)(struct weft_receive_lease *lease));
/* Asks for wanted_bytes in total, having received received_bytes of them. Returns the bytes leased
 * now (never less than before); where that is short, the lease waits and on_grown tells. */
size_t weft_receive_lease_ask(struct weft_receive_lease *lease, size_t wanted_bytes,
                              size_t received_bytes);
/* Gives everything back; the lease may be used again. */
void weft_receive_lease_return(struct weft_receive_lease *lease);

#endif
